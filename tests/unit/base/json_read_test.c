/* The strict reader: what RFC 8259 allows passes, and each thing that cJSON would let pass is refused. */
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

#define CAP 65536

/* The text in memory of exactly its size, so that a read past the end is seen. */
static int parse_n(const char *text, size_t len, struct json **ret_root, struct json_error *ret_error)
{
    char *exact = malloc(len > 0 ? len : 1);
    memcpy(exact, text, len);
    int err = json_parse(exact, len, CAP, ret_root, ret_error);
    free(exact);
    return err;
}

static struct json *parsed(const char *text)
{
    struct json *root = NULL;
    struct json_error error = {0, NULL};
    if (parse_n(text, strlen(text), &root, &error) != 0) {
        fail_msg("%s: %s at %zu", text, error.what, error.offset);
    }
    return root;
}

static void refused_n(const char *text, size_t len, const char *what, size_t offset)
{
    struct json *root = (struct json *)(void *)1;
    struct json_error error = {9999, NULL};
    if (parse_n(text, len, &root, &error) != ERR_INVALID) {
        fail_msg("%s was taken", text);
    }
    assert_ptr_equal(root, (void *)1); /* written only on success */
    assert_string_equal(error.what, what);
    if (error.offset != offset) {
        fail_msg("%s: at %zu, not at %zu", text, error.offset, offset);
    }
    assert_int_equal(parse_n(text, len, &root, NULL), ERR_INVALID);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what;
        size_t offset;
    } rows[] = {
        {"", "the text ends where a value was expected", 0},
        {" \t\r\n", "the text ends where a value was expected", 4},
        {"{}x", "bytes behind the value", 2},
        {"{} {}", "bytes behind the value", 3},
        {"1 2", "bytes behind the value", 2},
        {"nullx", "bytes behind the value", 4},
        {"\xef\xbb\xbf{}", "a value was expected", 0},
        {"\v1", "a value was expected", 0},
        {"\f1", "a value was expected", 0},
        {"\xc2\xa0 1", "a value was expected", 0},
        {"// x\n1", "a value was expected", 0},
        {"True", "a value was expected", 0},
        {"NaN", "a value was expected", 0},
        {"Infinity", "a value was expected", 0},
        {"nul", "a value was expected", 0},
        {"'a'", "a value was expected", 0},
        {"012", "a number with a leading zero", 1},
        {"00", "a number with a leading zero", 1},
        {"-01", "a number with a leading zero", 2},
        {"0x10", "bytes behind the value", 1},
        {"1.", "a number that ends in its point", 2},
        {"1.e3", "a number that ends in its point", 2},
        {".5", "a value was expected", 0},
        {"+1", "a value was expected", 0},
        {"-", "a number without digits", 1},
        {"--1", "a number without digits", 1},
        {"1e", "a number without digits in its exponent", 2},
        {"1e+", "a number without digits in its exponent", 3},
        {"1e400", "a number that is too large", 0},
        {"[-1e400]", "a number that is too large", 1},
        {"\"a", "a string without its end", 2},
        {"\"", "a string without its end", 1},
        {"\"a\nb\"", "a control byte in a string", 2},
        {"\"\x1f\"", "a control byte in a string", 1},
        {"\"\\u0000\"", "\\u0000 in a string", 1},
        {"{\"\\u0000\":1}", "\\u0000 in a string", 2},
        {"\"\\x\"", "an unknown escape", 1},
        {"\"\\u12\"", "an unknown escape", 1},
        {"\"\\u12g4\"", "an unknown escape", 1},
        {"\"\\U0041\"", "an unknown escape", 1},
        {"\"\\", "an unknown escape", 1},
        {"\"\\\"", "a string without its end", 3},
        {"\"\\ud83d\"", "half of a surrogate pair", 1},
        {"\"\\ud83dx\"", "half of a surrogate pair", 1},
        {"\"\\ud83d\\u0041\"", "half of a surrogate pair", 1},
        {"\"\\ud83d\\ud83d\"", "half of a surrogate pair", 1},
        {"\"\\udc00\"", "half of a surrogate pair", 1},
        {"\"\\uDC00\\uD83D\"", "half of a surrogate pair", 1},
        {"\"\xff\"", "bytes that are no UTF-8", 1},
        {"\"\xc0\xaf\"", "bytes that are no UTF-8", 1},
        {"\"\xed\xa0\x80\"", "bytes that are no UTF-8", 1},
        {"\"\xf4\x90\x80\x80\"", "bytes that are no UTF-8", 1},
        {"\"\xe2\x82\"", "bytes that are no UTF-8", 1},
        {"[1,]", "a value was expected", 3},
        {"[,1]", "a value was expected", 1},
        {"[1 2]", "',' or ']' was expected", 3},
        {"[1", "',' or ']' was expected", 2},
        {"[", "the text ends where a value was expected", 1},
        {"[1}", "',' or ']' was expected", 2},
        {"]", "a value was expected", 0},
        {"{", "a member's name in quotes was expected", 1},
        {"{a:1}", "a member's name in quotes was expected", 1},
        {"{1:1}", "a member's name in quotes was expected", 1},
        {"{\"a\"}", "':' was expected", 4},
        {"{\"a\" 1}", "':' was expected", 5},
        {"{\"a\":}", "a value was expected", 5},
        {"{\"a\":1,}", "a member's name in quotes was expected", 7},
        {"{\"a\":1]", "',' or '}' was expected", 6},
        {"{\"a\":1 \"b\":2}", "',' or '}' was expected", 7},
        {"{\"a\":1,\"a\":2}", "duplicate key", 8},
        {"{\"a\":1,\"b\":2,\"\\u0061\":3}", "duplicate key", 14},
        {"{\"\\/\":1,\"/\":2}", "duplicate key", 9},
        {"{\"\\ud83d\\udca1\":1,\"\xf0\x9f\x92\xa1\":2}", "duplicate key", 19},
        {"{\"\":1,\"\":2}", "duplicate key", 7},
        {"[{\"x\":{\"a\":1,\"a\":2}}]", "duplicate key", 14},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        refused_n(rows[i].text, strlen(rows[i].text), rows[i].what, rows[i].offset);
    }
    refused_n("{}\0", 3, "bytes behind the value", 2);
    refused_n("\0", 1, "a value was expected", 0);
    refused_n("\"a\0b\"", 5, "a control byte in a string", 2);
}

static void test_accepted(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",
        " true ",
        "\tfalse\r\n",
        "0",
        "-0",
        "0.5",
        "1e3",
        "1E+3",
        "1e-3",
        "-12.50e-1",
        "\"\"",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[[],{}]",
        "[1 , 2]",
        "{\"a\" : 1 , \"A\" : 2}",
        "{\"a\":{\"a\":1},\"b\":{\"a\":1}}",
        "\"\x7f\"",
        "\"\xef\xbf\xbf\"",
        "\"\\u00e9\\uFFFF\"",
        "1e-400",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_free(parsed(texts[i]));
    }
    json_free(NULL);
}

/* More than eight members are looked at by sorting, fewer by pairs. */
static void test_many_keys(void **state)
{
    (void)state;
    char text[8192];
    for (int twice = 0; twice < 2; twice++) {
        int len = snprintf(text, sizeof text, "{");
        for (int i = 0; i < 300; i++) {
            len += snprintf(text + len, sizeof text - (size_t)len, "\"k%d\":%d,", i, i);
        }
        len += snprintf(text + len, sizeof text - (size_t)len, "\"k%d\":0}", twice ? 77 : 300);
        struct json *root = NULL;
        struct json_error error;
        if (twice) {
            assert_int_equal(parse_n(text, (size_t)len, &root, &error), ERR_INVALID);
            assert_string_equal(error.what, "duplicate key");
        } else {
            assert_int_equal(parse_n(text, (size_t)len, &root, NULL), 0);
            assert_int_equal(json_count(root), 301);
            json_free(root);
        }
    }
}

/* Two keys of one FNV-1a hash are still two keys. */
static void test_colliding_keys(void **state)
{
    (void)state;
    json_free(parsed("{\"costarring\":1,\"liquid\":2}"));
    json_free(parsed("{\"declinate\":1,\"macallums\":2}"));
}

static void test_depth(void **state)
{
    (void)state;
    static const char deepest[] = "[{\"a\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}]";
    static const char over[] = "[{\"a\":[[[[[[[[[[[[[[{}]]]]]]]]]]]]]]}]";
    json_free(parsed(deepest));
    refused_n(over, strlen(over), "more than 16 levels deep", 20);
    char many[4000];
    memset(many, '[', sizeof many);
    refused_n(many, sizeof many, "more than 16 levels deep", 16);
}

static void test_cap(void **state)
{
    (void)state;
    struct json *root = NULL;
    struct json_error error;
    assert_int_equal(json_parse("[1,2]", 5, 4, &root, &error), ERR_TOO_LARGE);
    assert_int_equal(error.offset, 4);
    assert_string_equal(error.what, "longer than is accepted");
    assert_int_equal(json_parse("[1,2]", 5, 4, &root, NULL), ERR_TOO_LARGE);
    assert_null(root);
    assert_int_equal(json_parse("[1,2]", 5, 5, &root, NULL), 0);
    json_free(root);
}

/* cJSON reads at most 63 characters of a number and would take the first ones of a longer one for the whole. */
static void test_long_numbers(void **state)
{
    (void)state;
    char text[80];
    double value = 0;
    memset(text, '0', sizeof text);
    text[0] = '1';
    text[63] = 0;
    struct json *root = parsed(text);
    assert_int_equal(json_number(root, &value), 0);
    assert_true(value == 1e62);
    json_free(root);
    text[63] = '0';
    text[64] = 0;
    refused_n(text, 64, "a number of more than 63 characters", 0);
    text[64] = '0';
    text[0] = '[';
    text[1] = '1';
    text[70] = ']';
    refused_n(text, 71, "a number of more than 63 characters", 1);
}

static void test_members(void **state)
{
    (void)state;
    struct json *root =
        parsed("{\"State\":\"ON\",\"state\":\"OFF\",\"n\":null,\"b\":true,\"a\":[1,\"x\"],\"o\":{\"k\":2}}");
    assert_string_equal(json_get_text(root, "state"), "OFF"); /* cJSON's own look-up ignores case */
    assert_string_equal(json_get_text(root, "State"), "ON");
    assert_null(json_get_text(root, "STATE"));
    assert_true(json_is_null(json_get(root, "n")));
    assert_null(json_get(root, "absent"));
    assert_null(json_get(NULL, "a"));
    assert_null(json_get(json_get(root, "a"), "0"));
    assert_null(json_get_text(root, "b"));
    assert_true(json_is_bool(json_get(root, "b")) && json_is_true(json_get(root, "b")));
    assert_int_equal(json_count(root), 6);
    assert_int_equal(json_count(json_get(root, "a")), 2);
    assert_int_equal(json_count(json_get(root, "b")), 0);
    assert_int_equal(json_count(NULL), 0);
    assert_string_equal(json_text(json_next(json_first(json_get(root, "a")))), "x");
    assert_null(json_next(json_next(json_first(json_get(root, "a")))));
    assert_string_equal(json_key(json_first(json_get(root, "o"))), "k");
    assert_null(json_key(NULL));
    bool (*const kinds[])(const struct json *) = {json_is_object, json_is_array, json_is_string, json_is_number,
                                                  json_is_null,   json_is_bool,  json_is_true};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_false(kinds[i](NULL));
    }
    json_free(root);
}

static void test_strings(void **state)
{
    (void)state;
    struct json *root =
        parsed("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u0041\\u00e9\\u20AC\\ud83d\\udca1\",\"\xf0\x9f\x92\xa1\"]");
    const struct json *v = json_first(root);
    assert_string_equal(json_text(v), "\"\\/\b\f\n\r\t");
    assert_string_equal(json_text(json_next(v)), "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x92\xa1");
    assert_string_equal(json_text(json_next(json_next(v))), "\xf0\x9f\x92\xa1");
    json_free(root);
}

/* A document's memory is one arena of growing blocks: several documents live at once, and a piece may be longer than
   any block. */
static void test_memory(void **state)
{
    struct json *documents[3];
    struct str text = STR_INIT;
    char *longest = malloc(CAP);
    (void)state;
    memset(longest, 'x', CAP);
    longest[CAP / 2] = 0;
    for (size_t d = 0; d < 3; d++) {
        str_clear(&text);
        str_add_char(&text, '[');
        for (unsigned i = 0; i < 2000; i++) {
            str_printf(&text, "{\"n%zu\":\"%u\"},", d, i);
        }
        str_printf(&text, "\"%s\"]", d == 1 ? longest : "");
        documents[d] = NULL;
        assert_int_equal(json_parse(text.data, text.len, 2 * CAP, &documents[d], NULL), 0);
    }
    str_clear(&text);
    str_add_z(&text, "gone"); /* the tree borrows nothing of its text */
    for (size_t d = 0; d < 3; d++) {
        const struct json *v = json_first(documents[d]);
        char key[8], number[8];
        (void)snprintf(key, sizeof key, "n%zu", d);
        for (unsigned i = 0; i < 2000; i++, v = json_next(v)) {
            (void)snprintf(number, sizeof number, "%u", i);
            assert_string_equal(json_get_text(v, key), number);
        }
        assert_string_equal(json_text(v), d == 1 ? longest : "");
        assert_null(json_next(v));
    }
    for (size_t d = 0; d < 3; d++) {
        json_free(documents[d]);
    }
    json_free(NULL);
    str_done(&text);
    free(longest);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t min, max;
        int result;
        int64_t value;
    } rows[] = {
        {"40", 0, 100, 0, 40},
        {"40.0", 0, 100, 0, 40},
        {"4e1", 0, 100, 0, 40},
        {"-0", 0, 100, 0, 0},
        {"40.5", 0, 100, ERR_INVALID, 0},
        {"1e-9", 0, 100, ERR_INVALID, 0},
        {"\"40\"", 0, 100, ERR_INVALID, 0},
        {"true", 0, 100, ERR_INVALID, 0},
        {"101", 0, 100, ERR_RANGE, 0},
        {"-1", 0, 100, ERR_RANGE, 0},
        {"9007199254740991", INT64_MIN, INT64_MAX, 0, 9007199254740991},
        {"-9007199254740991", INT64_MIN, INT64_MAX, 0, -9007199254740991},
        /* above 2^53 a double has lost digits: which integer was meant is not known any more */
        {"9007199254740993", INT64_MIN, INT64_MAX, ERR_RANGE, 0},
        {"9223372036854775807", INT64_MIN, INT64_MAX, ERR_RANGE, 0},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, ERR_RANGE, 0},
        {"1e300", INT64_MIN, INT64_MAX, ERR_RANGE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json *root = parsed(rows[i].text);
        int64_t value = 4711;
        if (json_integer(root, rows[i].min, rows[i].max, &value) != rows[i].result) {
            fail_msg("%s", rows[i].text);
        }
        assert_true(value == (rows[i].result == 0 ? rows[i].value : 4711));
        json_free(root);
    }
    double number = 3;
    struct json *root = parsed("\"1\"");
    assert_int_equal(json_number(root, &number), ERR_INVALID);
    assert_int_equal(json_number(NULL, &number), ERR_INVALID);
    assert_true(number == 3);
    json_free(root);
    root = parsed("0.1");
    assert_int_equal(json_number(root, &number), 0);
    assert_true(number == 0.1);
    json_free(root);
}

static void test_copy(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } rows[] = {
        {" { \"a\" : [ 1 , 2.5 , -3e2, true, null ] , \"\\u0062\" : \"x\\/\\u0001\" } ",
         "{\"a\":[1,2.5,-300,true,null],\"b\":\"x/\\u0001\"}"},
        {"[[],{},\"\"]", "[[],{},\"\"]"},
        {"0.1", "0.1"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"1e-7", "1e-07"},
        {"1e22", "1e+22"},
        {"9007199254740991", "9007199254740991"},
        {"9007199254740993", "9007199254740992"},
        {"-0", "0"},
        {"\"\xf0\x9f\x92\xa1\"", "\"\xf0\x9f\x92\xa1\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json *root = parsed(rows[i].from);
        struct str s = STR_INIT;
        json_copy(&s, root);
        assert_string_equal(str_z(&s), rows[i].to);
        json_free(root);
        json_free(parsed(str_z(&s)));
        str_done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_accepted), cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_colliding_keys), cmocka_unit_test(test_depth),    cmocka_unit_test(test_cap),
        cmocka_unit_test(test_long_numbers),   cmocka_unit_test(test_members),  cmocka_unit_test(test_strings),
        cmocka_unit_test(test_memory),         cmocka_unit_test(test_numbers),  cmocka_unit_test(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
