/* `state` goes back byte for byte: raw bytes in, and in Location what may stand there as it came, the rest encoded. */
#include "unit/account/browser.h"

static const char *state_in(const char *location)
{
    const char *at = strstr(location, "&state=");
    return at ? at + 7 : NULL;
}

static void assert_goes_back(struct site *site, const char *sent, const char *expected)
{
    struct str more = STR_INIT;
    str_printf(&more, "&state=%s", sent);
    const char *got = state_in(link_by_hand(site, str_z(&more)));
    assert_non_null(got);
    assert_string_equal(got, expected);
    /* the same on the way of an error */
    str_clear(&more);
    str_printf(&more, "/oauth/authorize?client_id=smartthings&redirect_uri=" CALLBACK "&response_type=x&state=%s",
               sent);
    assert_int_equal(ask(site, "GET", str_z(&more), NULL, NULL), 303);
    assert_string_equal(state_in(header(site, "Location")), expected);
    str_done(&more);
}

static void test_verbatim(void **state)
{
    static const char *const states[] = {
        "x",
        "a+b",
        "a%2bb",
        "a%2Bb",
        "%7E~%7e",
        "a=b==",
        "a%26b%3Dc",
        "%E2%98%83%F0%9F%92%A1",
        "%ff%FE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln-_",
        "https%3A%2F%2Fa.example%2Fx%3Fy%3D1%23z",
        "a/b:c;d,e?f!g$h'i(j)k*l@m",
        "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "a%0d%0aSet-Cookie:x",
        "%00",
    };
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        assert_goes_back(*state, states[i], states[i]);
    }
}

static void test_encoded(void **state)
{
    static const char *const states[][2] = {
        {"100%", "100%25"},
        {"a%zzb%4", "a%25zzb%254"},
        {"gr\xc3\xbc\xc3\x9f", "gr%C3%BC%C3%9F"},
        {"\xff\x80", "%FF%80"},
        {"{\"a\":[1]}", "%7B%22a%22:%5B1%5D%7D"},
        {"a<b>\\^`|", "a%3Cb%3E%5C%5E%60%7C"},
    };
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        assert_goes_back(*state, states[i][0], states[i][1]);
    }
}

static void test_lengths(void **state)
{
    struct str sent = STR_INIT;
    assert_goes_back(*state, "", ""); /* sent without a value, it goes back without one */
    while (sent.len < 2048) {
        str_add_z(&sent, "x%2F+%7e");
    }
    assert_goes_back(*state, str_z(&sent), str_z(&sent));
    while (sent.len < OAUTH_STATE_MAX) {
        str_add_char(&sent, 'z');
    }
    assert_goes_back(*state, str_z(&sent), str_z(&sent));
    str_done(&sent);
}

static void test_none(void **state)
{
    assert_null(state_in(link_by_hand(*state, "")));
    assert_null(state_in(link_by_hand(*state, "&State=x&tate=y"))); /* names are case-sensitive */
}

/* It goes behind whatever query the registered address has, and a redirect_uri may come encoded in any way. */
static void test_place(void **state)
{
    struct site *site = *state;
    const char *location = link_by_hand(site, "&state=s");
    assert_memory_equal(location, CALLBACK "?code=", strlen(CALLBACK "?code="));
    struct str s = STR_INIT;
    pending_location(&(struct way_back){"https://a.example/cb?x=1", "s%7e", 4, NULL}, "code", "c+/", NULL, &s);
    assert_string_equal(str_z(&s), "https://a.example/cb?x=1&code=c%2B%2F&state=s%7e");
    str_done(&s);
    assert_int_equal(ask(site, "GET",
                         "/oauth/authorize?state=%7e&redirect_uri=https%3A%2F%2Fc2c-eu.smartthings.com%2foauth/callback"
                         "&client_id=%73martthings&response_type=%63ode",
                         NULL, NULL),
                     200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(test_verbatim), S(test_encoded), S(test_lengths), S(test_none), S(test_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
