/* URLs, percent-encoding, and what goes back verbatim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/url.h"

static void test_encode(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    url_encode(&s, "aZ09-._~", 8);
    assert_string_equal(str_z(&s), "aZ09-._~");
    str_clear(&s);
    url_encode(&s, " +&=%/?#\"'\n\0\xc3\xbc", 14);
    assert_string_equal(str_z(&s), "%20%2B%26%3D%25%2F%3F%23%22%27%0A%00%C3%BC");
    str_done(&s);
}

/* RFC 3986 3.4: what may stand in a query stands there as it came, everything else is encoded. */
static void test_copy_query_value(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *copied;
    } rows[] = {
        {"", ""},
        {"a+b", "a+b"},
        {"a%2bb%2Bb", "a%2bb%2Bb"},
        {"%7E~", "%7E~"},
        {"a=b==", "a=b=="},
        {"a%26b", "a%26b"},
        {"!$'()*+,;=:@/?-._~", "!$'()*+,;=:@/?-._~"},
        {"100%", "100%25"},
        {"%", "%25"},
        {"%4", "%254"},
        {"a%zzb%4gc", "a%25zzb%254gc"},
        {"%%41", "%25%41"},
        {"a b\"c<d>e\\f^g`h{i|j}k[l]m#n", "a%20b%22c%3Cd%3Ee%5Cf%5Eg%60h%7Bi%7Cj%7Dk%5Bl%5Dm%23n"},
        {"gr\xc3\xbc\xc3\x9f", "gr%C3%BC%C3%9F"},
        {"\xff\x80", "%FF%80"},
        {"a\r\nSet-Cookie: x\x7f\x01", "a%0D%0ASet-Cookie:%20x%7F%01"},
        {"a&b", "a%26b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str s = STR_INIT;
        url_copy_query_value(&s, rows[i].raw, strlen(rows[i].raw));
        assert_string_equal(str_z(&s), rows[i].copied);
        str_done(&s);
    }
    struct str s = STR_INIT;
    url_copy_query_value(&s, "a\0b", 3);
    assert_string_equal(str_z(&s), "a%00b");
    str_done(&s);
}

/* What a client's decoder makes of the copy is what it would have made of the original. */
static void test_copy_means_the_same(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        struct str copied = STR_INIT, before = STR_INIT, after = STR_INIT;
        const char bytes[4] = {'%', (char)(pair >> 8), (char)pair, 'x'};
        for (size_t from = 0; from < 2; from++) {
            str_clear(&copied);
            str_clear(&before);
            str_clear(&after);
            url_copy_query_value(&copied, bytes + from, 4 - from);
            for (size_t i = 0; i < copied.len; i++) {
                assert_true(copied.data[i] > ' ' && copied.data[i] < 0x7f && copied.data[i] != '&' &&
                            copied.data[i] != '#');
            }
            if (url_decode(&before, bytes + from, 4 - from, true) == 0) {
                assert_int_equal(url_decode(&after, copied.data, copied.len, true), 0);
                assert_int_equal(before.len, after.len);
                assert_memory_equal(before.data, after.data, before.len);
            }
        }
        str_done(&copied);
        str_done(&before);
        str_done(&after);
    }
}

static void test_decode(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool plus;
        const char *decoded; /* NULL: refused */
    } rows[] = {
        {"", true, ""},       {"a+b", true, "a b"},         {"a+b", false, "a+b"}, {"%41%7a%7A", true, "Azz"},
        {"%2b", true, "+"},   {"%c3%BC", true, "\xc3\xbc"}, {"%", true, NULL},     {"%4", true, NULL},
        {"%4g", true, NULL},  {"%g4", true, NULL},          {"%00", true, NULL},   {"a%", true, NULL},
        {"%%41", true, NULL}, {"%25", true, "%"},           {"% 41", true, NULL},  {"%-1", true, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str s = STR_INIT;
        str_add_z(&s, "kept");
        int err = url_decode(&s, rows[i].text, strlen(rows[i].text), rows[i].plus);
        assert_int_equal(err, rows[i].decoded ? 0 : ERR_INVALID);
        assert_int_equal(strlen(str_z(&s)), s.len);
        assert_string_equal(str_z(&s) + 4, rows[i].decoded ? rows[i].decoded : "");
        str_done(&s);
    }
    struct str s = STR_INIT;
    assert_int_equal(url_decode(&s, "a\0b", 3, true), ERR_INVALID);
    assert_int_equal(url_decode(&s, "%00", 3, true), ERR_INVALID);
    assert_int_equal(s.len, 0);
    str_done(&s);
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text, *scheme, *host;
        uint16_t port;
        bool given;
        const char *path, *origin;
    } rows[] = {
        {"https://a.example", "https", "a.example", 443, false, "/", "https://a.example"},
        {"HTTPS://A.Example:443/x?y#z", "https", "a.example", 443, true, "/x?y", "https://a.example"},
        {"http://127.0.0.1:8000/a/b", "http", "127.0.0.1", 8000, true, "/a/b", "http://127.0.0.1:8000"},
        {"https://[::1]:99/", "https", "::1", 99, true, "/", "https://[::1]:99"},
        {"https://[2001:DB8::1]", "https", "2001:db8::1", 443, false, "/", "https://[2001:db8::1]"},
        {"mqtt://broker", "mqtt", "broker", 1883, false, "/", "mqtt://broker"},
        {"mqtts://broker_1.local", "mqtts", "broker_1.local", 8883, false, "/", "mqtts://broker_1.local"},
        {"x+y-z.1://h", "x+y-z.1", "h", 0, false, "/", "x+y-z.1://h"},
        {"https://a?q", "https", "a", 443, false, "/?q", "https://a"},
        {"https://a#f", "https", "a", 443, false, "/", "https://a"},
        {"https://a/%41@b", "https", "a", 443, false, "/%41@b", "https://a"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct url u;
        struct str origin = STR_INIT;
        if (url_parse(rows[i].text, &u) != 0) {
            fail_msg("%s was refused", rows[i].text);
        }
        assert_string_equal(u.scheme, rows[i].scheme);
        assert_string_equal(u.host, rows[i].host);
        assert_int_equal(u.port, rows[i].port);
        assert_int_equal(u.port_given, rows[i].given);
        assert_string_equal(u.path, rows[i].path);
        url_origin(&origin, &u);
        assert_string_equal(str_z(&origin), rows[i].origin);
        str_done(&origin);
    }
}

static void test_parse_refuses(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "/x",
        "a.example",
        "//a.example/x",
        "://a",
        "https:/a",
        "https:a",
        "https://",
        "https:///x",
        "https://:80",
        "1ttp://a",
        "ht tp://a",
        "averyveryverylongscheme://a",
        "https://user@a",
        "https://user:pw@a/",
        "https://a:",
        "https://a:0",
        "https://a:65536",
        "https://a:99999999999",
        "https://a:8x",
        "https://a:-1",
        "https://a b/",
        "https://a\t/",
        "https://a/\x7f",
        "https://a\\b",
        "https://a/x y",
        "https://.a",
        "https://-a",
        "https://a..b",
        "https://a,b",
        "https://\xc3\xbc.example",
        "https://%61.example",
        "https://[::1",
        "https://::1",
        "https://[a]",
        "https://[::1]x",
        "https://[127.0.0.1]",
        "https://127.1",
        "https://2130706433",
        "https://1.2.3.4.5",
        "https://256.1.1.1",
        "https://[fe80::1%25eth0]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct url u = {.port = 4711};
        if (url_parse(texts[i], &u) != ERR_INVALID) {
            fail_msg("%s was taken", texts[i]);
        }
        assert_int_equal(u.port, 4711);
    }
}

static void test_parse_lengths(void **state)
{
    (void)state;
    char text[URL_MAX + 2];
    struct url u;
    memset(text, 'a', sizeof text);
    memcpy(text, "https://", 8);
    text[8 + 255] = 0;
    assert_int_equal(url_parse(text, &u), 0);
    text[8 + 255] = 'a';
    text[8 + 256] = 0;
    assert_int_equal(url_parse(text, &u), ERR_INVALID); /* a host of 256 */
    memset(text + 8, 'a', sizeof text - 8);
    text[10] = '?';
    text[URL_MAX - 1] = 0;
    assert_int_equal(url_parse(text, &u), 0);
    assert_int_equal(strlen(u.path), URL_MAX - 1 - 10 + 1);
    text[URL_MAX - 1] = 'a';
    text[URL_MAX] = 0;
    assert_int_equal(url_parse(text, &u), ERR_INVALID);
}

static void test_host_under(void **state)
{
    (void)state;
    static const struct {
        const char *host, *domain;
        bool under;
    } rows[] = {
        {"smartthings.com", "smartthings.com", true},
        {"c2c-eu.smartthings.com", "smartthings.com", true},
        {"C2C.SmartThings.COM", "smartthings.com", true},
        {"evilsmartthings.com", "smartthings.com", false},
        {"smartthings.com.evil.example", "smartthings.com", false},
        {"smartthings.com", "c2c.smartthings.com", false},
        {"a.com", "", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "0.1", false},
        {"10.0.0.1", "0.0.1", false},
        {"::1", "::1", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (url_host_under(rows[i].host, rows[i].domain) != rows[i].under) {
            fail_msg("%s under %s", rows[i].host, rows[i].domain);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_copy_query_value),
        cmocka_unit_test(test_copy_means_the_same),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_parse_lengths),
        cmocka_unit_test(test_host_under),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
