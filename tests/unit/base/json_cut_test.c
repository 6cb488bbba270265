/* Cutting a large array: the elements as they stand, the regular end, and nothing out of a broken text. */
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

/* All elements with '|' between them, and the last answer. */
static int cut_n(const char *text, size_t len, struct str *got)
{
    char *exact = malloc(len > 0 ? len : 1);
    memcpy(exact, text, len);
    struct json_cut cut;
    const char *bytes;
    size_t n;
    int result;
    json_cut_init(&cut, exact, len);
    while ((result = json_cut_next(&cut, &bytes, &n)) == 1) {
        str_add(got, bytes, n);
        str_add_char(got, '|');
    }
    assert_int_equal(json_cut_next(&cut, &bytes, &n), result); /* the end stays the end */
    free(exact);
    return result;
}

static void test_elements(void **state)
{
    (void)state;
    static const struct {
        const char *text, *elements;
    } rows[] = {
        {"[]", ""},
        {" \t\r\n[ \n] \n", ""},
        {"[1]", "1|"},
        {" [ 1 ,\t\"a\" , null ] ", "1|\"a\"|null|"},
        {"[{\"a\":[1,2]},[3,[4]]]", "{\"a\":[1,2]}|[3,[4]]|"},
        {"[\"]\",\"[\",\"{\",\",\"]", "\"]\"|\"[\"|\"{\"|\",\"|"},
        {"[\"\\\"]\",\"\\\\\"]", "\"\\\"]\"|\"\\\\\"|"},
        {"[{ \"a\" : 1 }\n,\n{ }\n]", "{ \"a\" : 1 }|{ }|"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str got = STR_INIT;
        assert_int_equal(cut_n(rows[i].text, strlen(rows[i].text), &got), 0);
        assert_string_equal(str_z(&got), rows[i].elements);
        str_done(&got);
    }
}

static void test_broken(void **state)
{
    (void)state;
    static const struct {
        const char *text, *elements; /* those before the broken place are given out */
    } rows[] = {
        {"", ""},      {" ", ""},      {"{}", ""},   {"1", ""},        {"[", ""},         {"[1", ""},
        {"[1,", "1|"}, {"[1,]", "1|"}, {"[,1]", ""}, {"[1,,2]", "1|"}, {"[1] x", "1|"},   {"[1]]", "1|"},
        {"[1}", ""},   {"[\"", ""},    {"[\"a", ""}, {"[\"a\\", ""},   {"[\"a\\\"]", ""}, {"[{\"a\":1]", ""},
        {"[[1]", ""},  {"[{", ""},     {"]", ""},    {"[}", ""},       {"[1],", "1|"},    {"[[1],", "[1]|"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str got = STR_INIT;
        if (cut_n(rows[i].text, strlen(rows[i].text), &got) != ERR_INVALID) {
            fail_msg("%s was taken", rows[i].text);
        }
        assert_string_equal(str_z(&got), rows[i].elements);
        str_done(&got);
    }
}

/* A NUL is no white space: it stays in the element, where json_parse refuses it. */
static void test_nul(void **state)
{
    (void)state;
    struct str got = STR_INIT;
    assert_int_equal(cut_n("[1\0]", 4, &got), 0);
    assert_int_equal(got.len, 3);
    assert_memory_equal(got.data, "1\0|", 3);
    str_clear(&got);
    assert_int_equal(cut_n("\0[1]", 4, &got), ERR_INVALID);
    str_clear(&got);
    assert_int_equal(cut_n("[1]\0", 4, &got), ERR_INVALID);
    str_done(&got);
}

static void test_large(void **state)
{
    (void)state;
    struct str text = STR_INIT;
    const unsigned count = 200000;
    str_add_char(&text, '[');
    for (unsigned i = 0; i < count; i++) {
        str_printf(&text, "%s{\"ieee_address\":\"0x%08x\",\"exposes\":[[\"]\"]]}", i > 0 ? "," : "", i);
    }
    str_add_char(&text, ']');
    struct json_cut cut;
    const char *bytes;
    size_t len;
    unsigned seen = 0;
    json_cut_init(&cut, text.data, text.len);
    while (json_cut_next(&cut, &bytes, &len) == 1) {
        assert_int_equal(len, 47);
        assert_int_equal(bytes[0], '{');
        assert_int_equal(bytes[len - 1], '}');
        seen++;
    }
    assert_int_equal(seen, count);
    str_done(&text);
    /* depth is counted, not recursed into */
    str_add_char(&text, '[');
    for (int i = 0; i < 1000000; i++) {
        str_add_char(&text, '[');
    }
    json_cut_init(&cut, text.data, text.len);
    assert_int_equal(json_cut_next(&cut, &bytes, &len), ERR_INVALID);
    str_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
