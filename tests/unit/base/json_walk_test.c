/* Walking an object: what json_parse would find, without its tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

/* key=value; of all members, with the members of objects in brackets */
static void spell(struct str *s, struct json_walk *walk)
{
    struct json_bytes key, value;
    struct json_walk inner;
    while (json_walk_next(walk, &key, &value)) {
        str_add(s, key.at, key.len);
        str_add_char(s, '=');
        if (json_walk_into(&inner, &value)) {
            str_add_char(s, '(');
            spell(s, &inner);
            str_add_char(s, ')');
        } else {
            str_add(s, value.at, value.len);
        }
        str_add_char(s, ';');
    }
}

static void walks(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"{}", ""},
        {" { } ", ""},
        {"{\"a\":1}", "a=1;"},
        {"{\"a\":1,\"b\":\"x,}y\",\"c\":null}", "a=1;b=\"x,}y\";c=null;"},
        {"\t{ \"a\" : -1.5e3 ,\n \"b\" : [1, {\"c\":2}] , \"d\" : true }\r\n", "a=-1.5e3;b=[1, {\"c\":2}];d=true;"},
        {"{\"a\":{\"x\":{},\"y\":\"\\\"}\"},\"b\":{ }}", "a=(x=();y=\"\\\"}\";);b=();"},
        {"{\"q\\\"\":\"\\\\\",\"b\":2}", "q\\\"=\"\\\\\";b=2;"},
        {"{\"\":\"\"}", "=\"\";"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json_walk walk;
        struct str s = STR_INIT;
        size_t len = strlen(rows[i].text);
        char *exact = malloc(len); /* without a NUL, so that the sanitizer sees a read behind the end */
        memcpy(exact, rows[i].text, len);
        assert_int_equal(json_walk_init(&walk, exact, len, len, NULL), 0);
        spell(&s, &walk);
        assert_string_equal(str_z(&s), rows[i].expected);
        str_done(&s);
        free(exact);
    }
}

static void refuses(void **unused)
{
    (void)unused;
    static const char *const bad[] = {"",           "[]",   "\"a\"", "{", "{\"a\":1", "{\"a\":1}}", "{\"a\":1,\"a\":2}",
                                      "{\"a\":01}", "{a:1}"};
    struct json_walk walk;
    struct json_error error = {0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        error.what = NULL;
        assert_int_equal(json_walk_init(&walk, bad[i], strlen(bad[i]), 100, &error), ERR_INVALID);
        assert_non_null(error.what);
    }
    assert_int_equal(json_walk_init(&walk, "{\"a\":1}", 7, 6, &error), ERR_TOO_LARGE);
    assert_int_equal(json_walk_init(&walk, "{\"a\":1}", 7, 7, NULL), 0);
}

static void compares(void **unused)
{
    (void)unused;
    const struct json_bytes key = {"state\"", 5};
    const struct json_bytes text = {"\"ON\"", 4};
    assert_true(json_bytes_key(&key, "state"));
    assert_false(json_bytes_key(&key, "stat"));
    assert_false(json_bytes_key(&key, "state_"));
    assert_true(json_bytes_text(&text, "ON"));
    assert_false(json_bytes_text(&text, "ON\""));
    assert_false(json_bytes_text(&text, "on"));
    const struct json_bytes nothing = {NULL, 0};
    struct json_walk walk;
    assert_false(json_bytes_text(&nothing, ""));
    assert_false(json_walk_into(&walk, &nothing));
}

static void reads_numbers(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        bool good;
        double expected;
    } rows[] = {{"0", true, 0},
                {"254", true, 254},
                {"999999999", true, 999999999},
                {"1234567890123", true, 1234567890123},
                {"-7", true, -7},
                {"0.25", true, 0.25},
                {"1e3", true, 1000},
                {"1e999", false, 0},
                {"null", false, 0},
                {"\"5\"", false, 0},
                {"true", false, 0},
                {"", false, 0},
                {"Infinity", false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double value = 42;
        const struct json_bytes v = {rows[i].text, strlen(rows[i].text)};
        assert_int_equal(json_bytes_number(&v, &value), rows[i].good ? 0 : ERR_INVALID);
        assert_true(value == (rows[i].good ? rows[i].expected : 42));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(walks), cmocka_unit_test(refuses), cmocka_unit_test(compares),
                                       cmocka_unit_test(reads_numbers)};
    return cmocka_run_group_tests_name("walking JSON", tests, NULL, NULL);
}
