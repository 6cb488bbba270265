/* The header gate and what else is judged on a request's head: tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/secrets.h"
#include "http/gate.h"

/* "Name: value" lines; NUL in a value as \1. */
static size_t head(const char *lines, struct gate_header *headers, char *memory)
{
    size_t count = 0;
    strcpy(memory, lines);
    for (char *line = strtok(memory, "\n"); line; line = strtok(NULL, "\n")) {
        char *colon = strchr(line, ':');
        char *value = colon[1] == ' ' ? colon + 2 : colon + 1;
        headers[count++] = (struct gate_header){line, value, (size_t)(colon - line), strlen(value)};
        for (char *p = value; *p; p++) {
            *p = (char)(*p == 1 ? 0 : *p == 2 ? '\r' : *p == 3 ? '\n' : *p);
        }
    }
    return count;
}

static void test_check(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *wrong;
    } rows[] = {
        {"Host: a", NULL},
        {"HOST: a\ncontent-length: 0\nX-a_b!#$%&'*+.^`|~: y", NULL},
        {"Host: a\nTransfer-Encoding: Chunked", NULL},
        {"Host: a\nContent-Length: 123456789012345678", NULL},
        {"Host: a\nCookie: a=b\nCookie: c=d\nAccept:", NULL},
        {"Accept: */*", "no Host"},
        {"Host: a\nhost: a", "more than one Host"},
        {"Host: a\nContent-Length: 1\nContent-Length: 1", "more than one Content-Length"},
        {"Host: a\nContent-Length: 1\nContent-length: 2", "more than one Content-Length"},
        {"Host: a\nAuthorization: x\nAuthorization: y", "more than one Authorization"},
        {"Host: a\nContent-Type: x\nContent-Type: y", "more than one Content-Type"},
        {"Host: a\nTransfer-Encoding: chunked\nTransfer-Encoding: identity", "more than one Transfer-Encoding"},
        {"Host: a\nTransfer-Encoding: chunked\nContent-Length: 3", "Content-Length with Transfer-Encoding"},
        {"Host: a\nTransfer-Encoding: identity", "a Transfer-Encoding other than chunked"},
        {"Host: a\nTransfer-Encoding: gzip, chunked", "a Transfer-Encoding other than chunked"},
        {"Host: a\nTransfer-Encoding:", "a Transfer-Encoding other than chunked"},
        {"Host: a\nTransfer-Encoding: \vchunked", "a Transfer-Encoding other than chunked"},
        {"Host: a\nContent-Length:", "a Content-Length that is no number"},
        {"Host: a\nContent-Length: +3", "a Content-Length that is no number"},
        {"Host: a\nContent-Length: -3", "a Content-Length that is no number"},
        {"Host: a\nContent-Length: 0x3", "a Content-Length that is no number"},
        {"Host: a\nContent-Length: 3 ", "a Content-Length that is no number"},
        {"Host: a\nContent-Length: 3, 3", "a Content-Length that is no number"},
        {"Host: a\nContent-Length: 1234567890123456789", "a Content-Length that is no number"},
        {"Host: a\nContent-Length: 1\0012", "a Content-Length that is no number"},
        {"Host: a\nContent-Length : 3", "a header whose name is no token"},
        {"Host: a\nContent\tLength: 3", "a header whose name is no token"},
        {"Host: a\n X: 3", "a header whose name is no token"},
        {"Host: a\nX\"y: 3", "a header whose name is no token"},
        {"Host: a\nX\xc3\xbc: 3", "a header whose name is no token"},
        {"Host: a\n: 3", "a header without a name"},
        {"Host: a\nX: b\001c", "a control byte in a header"},
        {"Host: a\nX: b\002c", "a control byte in a header"},
        {"Host: a\nX: b\003c", "a control byte in a header"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gate_header headers[8];
        char memory[200];
        const char *wrong = gate_check(headers, head(rows[i].lines, headers, memory));
        /* a NUL inside a length is found as either of two things */
        if ((wrong == NULL) != (rows[i].wrong == NULL) ||
            (wrong && strcmp(wrong, rows[i].wrong) != 0 && !strchr(rows[i].lines, 1))) {
            fail_msg("%s: %s", rows[i].lines, wrong ? wrong : "taken");
        }
    }
    assert_string_equal(gate_check(NULL, 0), "no Host");
}

static void test_host(void **state)
{
    (void)state;
    static const char *const names[] = {"gateway.home", "10.0.0.7", NULL};
    static const struct {
        const char *host;
        bool ours;
    } rows[] = {
        {"localhost", true},
        {"LOCALHOST:8001", true},
        {"127.0.0.1", true},
        {"127.0.0.1:8001", true},
        {"[::1]", true},
        {"[::1]:8001", true},
        {"gateway.home", true},
        {"Gateway.Home:80", true},
        {"10.0.0.7:8001", true},
        {"", false},
        {":8001", false},
        {"evil.example", false},
        {"localhost.evil.example", false},
        {"evil.localhost", false},
        {"127.0.0.1.nip.io", false},
        {"127.0.0.2", false},
        {"localhost:8001:1", false},
        {"localhost:x", false},
        {"::1", false},
        {"[::1]x:80", false},
        {"gateway.home.", false},
        {"gateway", false},
        {"localhost ", false},
        {"0.0.0.0", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (gate_host_ours(rows[i].host, names) != rows[i].ours) {
            fail_msg("%s", rows[i].host);
        }
    }
    assert_true(gate_host_ours("localhost", NULL));
    assert_false(gate_host_ours("gateway.home", NULL));
}

static void test_forwarded(void **state)
{
    (void)state;
    static const char *const shows[] = {"Forwarded: for=1.2.3.4", "Via: 1.1 x",         "x-real-ip: 1",
                                        "CF-Connecting-IP: 1",    "X-Forwarded-For: 1", "x-forwarded-proto: https",
                                        "X-FORWARDED-HOST: a",    "True-Client-IP: 1"};
    static const char *const hides[] = {"Host: a", "X-Forwarded: 1", "X-Forwarded-: 1", "Forward: 1", "X-Via: 1"};
    struct gate_header headers[2];
    char memory[64];
    for (size_t i = 0; i < sizeof shows / sizeof shows[0]; i++) {
        assert_non_null(gate_forwarded(headers, head(shows[i], headers, memory)));
    }
    for (size_t i = 0; i < sizeof hides / sizeof hides[0]; i++) {
        assert_null(gate_forwarded(headers, head(hides[i], headers, memory)));
    }
    assert_null(gate_forwarded(headers, 0));
}

static void test_basic(void **state)
{
    (void)state;
    static const struct {
        const char *header, *name, *password; /* NULL: refused */
    } rows[] = {
        {"Basic dGVzdDoxMjPCow==", "test", "123\xc2\xa3"}, /* RFC 7617 2.1 */
        {"basic  dGVzdDoxMjPCow", "test", "123\xc2\xa3"},
        {"Basic Og==", "", ""},
        {"Basic YTpiOmM=", "a", "b:c"},
        {"Basic YQ==", NULL, NULL},     /* no colon */
        {"Basic YToAYg==", NULL, NULL}, /* a NUL */
        {"Basic", NULL, NULL},
        {"Basic ", NULL, NULL},
        {"Basic !!!!", NULL, NULL},
        {"Basic YTpi YTpi", NULL, NULL},
        {"Basic YTpi\t", NULL, NULL},
        {"Basic-YTpi", NULL, NULL},
        {"Bearer YTpi", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str s = STR_INIT;
        const char *password = NULL;
        int err = gate_basic(rows[i].header, &s, &password);
        if ((err == 0) != (rows[i].name != NULL)) {
            fail_msg("%s: %d", rows[i].header, err);
        }
        if (err == 0) {
            assert_string_equal(str_z(&s), rows[i].name);
            assert_string_equal(password, rows[i].password);
        }
        str_done(&s);
    }
    struct str s = STR_INIT, big = STR_INIT;
    const char *password = NULL;
    assert_int_equal(gate_basic(NULL, &s, &password), ERR_NOT_FOUND);
    str_add_z(&big, "Basic ");
    for (int i = 0; i < 1000; i++) {
        str_add_z(&big, "YTpi");
    }
    assert_int_equal(gate_basic(str_z(&big), &s, &password), ERR_INVALID);
    str_done(&big);
    str_done(&s);
}

static void test_source(void **state)
{
    (void)state;
    static const char *const trusted[] = {"127.0.0.1", "::1", "192.0.2.9", NULL};
    static const struct {
        const char *peer, *x_forwarded_for, *forwarded, *source;
    } rows[] = {
        {NULL, "1.2.3.4", NULL, ""}, /* a unix socket */
        {"198.51.100.1", NULL, NULL, "198.51.100.1"},
        {"198.51.100.1", "1.2.3.4", "for=1.2.3.4", "198.51.100.1"}, /* says a stranger */
        {"127.0.0.1", NULL, NULL, ""},
        {"127.0.0.1", "203.0.113.5", NULL, "203.0.113.5"},
        {"127.0.0.1", "6.6.6.6, 203.0.113.5", NULL, "203.0.113.5"}, /* the first is anybody's invention */
        {"127.0.0.1", "6.6.6.6, 203.0.113.5, 192.0.2.9", NULL, "203.0.113.5"},
        {"127.0.0.1", "192.0.2.9,127.0.0.1", NULL, ""},
        {"127.0.0.1", "unknown", NULL, ""},
        {"127.0.0.1", "203.0.113.5, unknown", NULL, ""},
        {"127.0.0.1", "", NULL, ""},
        {"127.0.0.1", ",", NULL, ""},
        {"127.0.0.1", "203.0.113.5:4711", NULL, "203.0.113.5"},
        {"127.0.0.1", "[2001:db8::1]:4711", NULL, "2001:db8::1"},
        {"127.0.0.1", " 2001:db8::1 ", NULL, "2001:db8::1"},
        {"::1", NULL, "for=203.0.113.5;proto=https;by=x", "203.0.113.5"},
        {"::1", NULL, "by=x; for=203.0.113.5", "203.0.113.5"},
        {"::1", NULL, "For=\"[2001:db8::1]:99\"", "2001:db8::1"},
        {"::1", NULL, "for=6.6.6.6, for=203.0.113.5", "203.0.113.5"},
        {"::1", NULL, "for=_hidden", ""},
        {"::1", NULL, "proto=https", ""},
        {"::ffff:198.51.100.1", NULL, NULL, "198.51.100.1"}, /* one socket for both families */
        {"::ffff:127.0.0.1", "203.0.113.5", NULL, "203.0.113.5"},
        {"::ffff:127.0.0.1", NULL, NULL, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str s = STR_INIT;
        gate_source(&s, rows[i].peer, rows[i].x_forwarded_for, rows[i].forwarded, trusted);
        if (strcmp(str_z(&s), rows[i].source) != 0) {
            fail_msg("row %zu: %s", i, str_z(&s));
        }
        str_done(&s);
    }
    /* without a list, loopback is a tunnel: anybody */
    static const char *const loopback[] = {"127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"};
    for (size_t i = 0; i < 4; i++) {
        struct str s = STR_INIT;
        gate_source(&s, loopback[i], "203.0.113.5", "for=203.0.113.5", NULL);
        assert_int_equal(s.len, 0);
        str_done(&s);
    }
}

static void test_cookie(void **state)
{
    (void)state;
    static const struct {
        const char *cookies, *value; /* NULL: absent */
    } rows[] = {
        {"link=abc", "abc"},
        {"a=b; link=abc; c=d", "abc"},
        {"a=b;link=abc", "abc"},
        {"link=", ""},
        {"link=a=b==", "a=b=="},
        {"xlink=abc", NULL},
        {"linkx=abc", NULL},
        {"link", NULL},
        {"LINK=abc", NULL},
        {"", NULL},
        {";;; ; link=x;", "x"},
        {"a=link=abc", NULL},
        {"link=first; link=second", "first"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = 99;
        const char *value = gate_cookie(rows[i].cookies, "link", &len);
        if ((value == NULL) != (rows[i].value == NULL)) {
            fail_msg("%s", rows[i].cookies);
        }
        if (value) {
            assert_int_equal(len, strlen(rows[i].value));
            assert_memory_equal(value, rows[i].value, len);
        }
    }
    size_t len = 0;
    assert_null(gate_cookie(NULL, "link", &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check), cmocka_unit_test(test_host),   cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_basic), cmocka_unit_test(test_source), cmocka_unit_test(test_cookie),
    };
    return secrets_init() != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
