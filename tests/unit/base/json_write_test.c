/* The writer: exact bytes, and nothing that is written is refused by the reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static void test_structure(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    struct json_out j;
    json_out_init(&j, &s);
    json_begin_object(&j);
    json_member_text(&j, "text", "a");
    json_member_text(&j, "absent", NULL);
    json_member_int(&j, "int", -5);
    json_member_bool(&j, "yes", true);
    json_member_bool(&j, "no", false);
    json_member_object(&j, "empty");
    json_end_object(&j);
    json_member_array(&j, "list");
    json_put_int(&j, 1);
    json_put_null(&j);
    json_begin_array(&j);
    json_end_array(&j);
    json_begin_object(&j);
    json_member_int(&j, "k", 0);
    json_end_object(&j);
    json_put_raw(&j, "{\"raw\":1}", 9);
    json_end_array(&j);
    json_put_key(&j, "after");
    json_put_text_n(&j, "x\0y", 3);
    json_end_object(&j);
    assert_string_equal(str_z(&s), "{\"text\":\"a\",\"absent\":null,\"int\":-5,\"yes\":true,\"no\":false,\"empty\":{},"
                                   "\"list\":[1,null,[],{\"k\":0},{\"raw\":1}],\"after\":\"x\\u0000y\"}");
    str_done(&s);
}

static void test_deepest(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    struct json_out j;
    struct json *root = NULL;
    json_out_init(&j, &s);
    for (int i = 0; i < JSON_MAX_DEPTH; i++) {
        json_begin_array(&j);
    }
    json_put_int(&j, 1);
    json_put_int(&j, 2);
    for (int i = 0; i < JSON_MAX_DEPTH; i++) {
        json_end_array(&j);
        if (j.depth > 0) {
            json_put_int(&j, i);
        }
    }
    assert_int_equal(json_parse(s.data, s.len, s.len, &root, NULL), 0);
    json_free(root);
    str_done(&s);
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } rows[] = {
        {"", "\"\""},
        {"\"\\/", "\"\\\"\\\\/\""},
        {"\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""},
        {"gr\xc3\xbc\xc3\x9f \xf0\x9f\x92\xa1", "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x92\xa1\""},
        {"\xff", "\"\xef\xbf\xbd\""},
        {"a\xe2\x82", "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"</script>", "\"</script>\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str s = STR_INIT;
        struct json_out j;
        struct json *root = NULL;
        json_out_init(&j, &s);
        json_put_text(&j, rows[i].text);
        assert_string_equal(str_z(&s), rows[i].json);
        assert_int_equal(s.len, strlen(rows[i].json));
        assert_int_equal(json_parse(s.data, s.len, s.len, &root, NULL), 0);
        json_free(root);
        str_done(&s);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        unsigned decimals;
        const char *json;
    } rows[] = {
        {0, 0, "0"},
        {7, 0, "7"},
        {-7, 0, "-7"},
        {12345, 2, "123.45"},
        {5000, 2, "50"},
        {5050, 2, "50.5"},
        {5, 2, "0.05"},
        {-5, 2, "-0.05"},
        {0, 2, "0"},
        {100, 2, "1"},
        {10, 2, "0.1"},
        {-12345, 4, "-1.2345"},
        {1, 18, "0.000000000000000001"},
        {INT64_MAX, 0, "9223372036854775807"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {INT64_MIN, 18, "-9.223372036854775808"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str s = STR_INIT;
        struct json_out j;
        json_out_init(&j, &s);
        json_put_fixed(&j, rows[i].value, rows[i].decimals);
        assert_string_equal(str_z(&s), rows[i].json);
        if (rows[i].decimals == 0) {
            str_clear(&s);
            json_out_init(&j, &s);
            json_put_int(&j, rows[i].value);
            assert_string_equal(str_z(&s), rows[i].json);
        }
        str_done(&s);
    }
}

/* Every byte, and every pair of a lead byte with another, comes out as JSON that the strict reader takes. */
static void test_all_bytes(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        struct str s = STR_INIT;
        struct json_out j;
        struct json *root = NULL;
        const char bytes[2] = {(char)(pair >> 8), (char)pair};
        json_out_init(&j, &s);
        json_put_text_n(&j, bytes, 2);
        bool nul = !bytes[0] || !bytes[1]; /* written as \u0000, which our own reader does not take */
        assert_int_equal(json_parse(s.data, s.len, s.len, &root, NULL) == 0, !nul);
        if (!nul && bytes[0] > 0 && bytes[1] > 0) {
            assert_memory_equal(json_text(root), bytes, 2);
        }
        if (!nul) {
            json_free(root);
        }
        str_done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure), cmocka_unit_test(test_deepest),   cmocka_unit_test(test_text),
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_all_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
