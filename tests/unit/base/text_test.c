/* Strings, UTF-8, escaping for the log, the words for errors. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/age.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"

static void test_age(void **state)
{
    static const struct {
        int64_t seconds;
        const char *says;
    } rows[] = {{0, "0s"},       {119, "119s"},  {120, "2m"}, {7199, "119m"},       {7200, "2h"},
                {172799, "47h"}, {172800, "2d"}, {-5, "0s"},  {86400 * 210, "210d"}};
    const int64_t now = INT64_C(1800000000000);
    struct str s = STR_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        str_clear(&s);
        age_add(&s, now - rows[i].seconds * 1000, now);
        assert_string_equal(str_z(&s), rows[i].says);
    }
    str_clear(&s);
    age_add(&s, 0, now);
    assert_string_equal(str_z(&s), "never");
    str_done(&s);
}

static void test_str(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    assert_string_equal(str_z(&s), "");
    str_clear(&s);
    str_add(&s, NULL, 0);
    assert_string_equal(str_z(&s), "");
    str_add_z(&s, "ab");
    str_add_char(&s, 'c');
    str_add(&s, "d\0e", 3);
    assert_int_equal(s.len, 6);
    assert_memory_equal(s.data, "abcd\0e", 7);
    str_clear(&s);
    assert_string_equal(str_z(&s), "");
    for (int i = 0; i < 500; i++) { /* across every size at which it grows */
        str_printf(&s, "%03d,", i);
        assert_int_equal(s.len, 4 * (i + 1));
        assert_int_equal(s.data[s.len], 0);
    }
    assert_memory_equal(s.data + 4 * 499, "499,", 5);
    char *taken = str_take(&s);
    assert_int_equal(strlen(taken), 2000);
    free(taken);
    taken = str_take(&s); /* as new */
    assert_string_equal(taken, "");
    free(taken);
    str_done(&s);
    str_done(&s);
}

static void test_str_printf_long(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 62, 63, 64, 65, 127, 128, 1000, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct str s = STR_INIT;
        str_printf(&s, "%*s", (int)sizes[i], "");
        assert_int_equal(s.len, sizes[i]);
        assert_int_equal(strlen(str_z(&s)), sizes[i]);
        str_printf(&s, "%*s", (int)sizes[i], "");
        assert_int_equal(s.len, 2 * sizes[i]);
        str_done(&s);
    }
}

static void test_mem(void **state)
{
    (void)state;
    assert_null(mem_text(NULL));
    char *text = mem_text_n("ab\0c", 4);
    assert_memory_equal(text, "ab\0c", 5);
    free(text);
    char *array = mem_array(3, 5);
    for (int i = 0; i < 15; i++) {
        assert_int_equal(array[i], 0);
    }
    array = mem_grow(array, 0, 0);
    free(array);
    free(mem_array(0, 8));
    free(mem_alloc(0));
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t step;
    } rows[] = {
        {"a", 1},
        {"\x7f", 1},
        {"\x80", 0},
        {"\xbf", 0},
        {"\xc0\x80", 0},
        {"\xc1\xbf", 0},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xc2", 0},
        {"\xc2 ", 0},
        {"\xc2\xc0", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xed\xa0\x80", 0},
        {"\xed\xbf\xbf", 0},
        {"\xee\x80\x80", 3},
        {"\xef\xbf\xbf", 3},
        {"\xe2\x82", 0},
        {"\xe2\x82 ", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
        {"\xf0\x9f\x92", 0},
        {"\xf0\x9f\x92\xa1", 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i].bytes);
        char *exact = malloc(len);
        memcpy(exact, rows[i].bytes, len);
        assert_int_equal(utf8_sequence(exact, len), rows[i].step);
        assert_int_equal(utf8_valid(exact, len), rows[i].step == len);
        free(exact);
    }
    assert_int_equal(utf8_sequence("", 0), 0);
    assert_true(utf8_valid("", 0));
    assert_false(utf8_valid("ok\xff", 3));
}

/* The table against the definition: a code point has one spelling, surrogates and above U+10FFFF have none. */
static void test_utf8_all_code_points(void **state)
{
    (void)state;
    for (uint32_t c = 0x80; c < 0x140000; c++) {
        uint8_t b[4];
        size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (size_t i = len - 1, rest = c; i > 0; i--, rest >>= 6) {
            b[i] = (uint8_t)(0x80 | (rest & 0x3f));
        }
        b[0] = (uint8_t)(len == 2 ? 0xc0 | c >> 6 : len == 3 ? 0xe0 | c >> 12 : 0xf0 | c >> 18);
        bool valid = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
        assert_int_equal(utf8_sequence((const char *)b, len), valid ? len : 0);
        assert_int_equal(utf8_sequence((const char *)b, len - 1), 0);
    }
}

static void test_utf8_prefix(void **state)
{
    (void)state;
    const char *text = "a\xc3\xbc\xf0\x9f\x92\xa1z";
    static const size_t lengths[] = {0, 1, 3, 7, 8, 8};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(utf8_prefix(text, strlen(text), i), lengths[i]);
    }
    assert_int_equal(utf8_prefix("ab\xff"
                                 "c",
                                 4, 9),
                     2);
}

static void test_log_escape(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *line;
    } rows[] = {
        {"plain \xc3\xbc \xf0\x9f\x92\xa1", "plain \xc3\xbc \xf0\x9f\x92\xa1"},
        {"a\nerror oauth: forged\r\t", "a\\nerror oauth: forged\\r\\t"},
        {"\x1b[31mred\x7f\x01", "\\x1b[31mred\\x7f\\x01"},
        {"\xff\xc3", "\\xff\\xc3"},
        {"\xc2\x9b"
         "31m",
         "\\xc2\\x9b31m"}, /* C1's control sequence introducer */
        {"a\xe2\x80\xa8"
         "b",
         "a\\xe2\\x80\\xa8"
         "b"}, /* U+2028, a line separator */
        {"a\xe2\x80\xae"
         "b",
         "a\\xe2\\x80\\xae"
         "b"}, /* U+202E, right-to-left override */
        {"a\xe2\x81\xa6"
         "b\xe2\x81\xa9",
         "a\\xe2\\x81\\xa6"
         "b\\xe2\\x81\\xa9"}, /* U+2066, U+2069: isolates */
        {"a\xe2\x80\x8f"
         "b",
         "a\\xe2\\x80\\x8f"
         "b"},                                                      /* U+200F, right-to-left mark */
        {"\xe2\x80\x93 \xe2\x82\xac", "\xe2\x80\x93 \xe2\x82\xac"}, /* a dash and a euro are text */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str s = STR_INIT;
        log_escape(&s, rows[i].bytes, strlen(rows[i].bytes));
        assert_string_equal(str_z(&s), rows[i].line);
        str_done(&s);
    }
    struct str s = STR_INIT;
    log_escape(&s, "a\0b", 3);
    assert_string_equal(str_z(&s), "a\\x00b");
    str_done(&s);
}

/* What a log call writes to stderr. */
static void written(struct str *got, void (*say)(void))
{
    int ends[2], kept = dup(STDERR_FILENO);
    char bytes[1024];
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    say();
    dup2(kept, STDERR_FILENO);
    close(kept);
    ssize_t n = read(ends[0], bytes, sizeof bytes);
    close(ends[0]);
    str_clear(got);
    str_add(got, bytes, n > 0 ? (size_t)n : 0);
}

static void say_error(void)
{
    log_error("mqtt/a\nb", "topic %s", "x\ny");
}

static void say_debug(void)
{
    log_debug("base", "hidden");
}

static void test_log_lines(void **state)
{
    (void)state;
    struct str got = STR_INIT;
    unsetenv("JOURNAL_STREAM");
    written(&got, say_error);
    assert_string_equal(str_z(&got), "error mqtt/a\\nb: topic x\\ny\n");
    setenv("JOURNAL_STREAM", "1:2", 1);
    written(&got, say_error);
    assert_string_equal(str_z(&got), "<3>mqtt/a\\nb: topic x\\ny\n");
    unsetenv("JOURNAL_STREAM");
    written(&got, say_debug);
    assert_string_equal(str_z(&got), "");
    log_set_level(LOG_LEVEL_DEBUG);
    written(&got, say_debug);
    assert_string_equal(str_z(&got), "debug base: hidden\n");
    log_set_level(LOG_LEVEL_INFO);
    str_done(&got);
}

static void test_err_text(void **state)
{
    (void)state;
    assert_string_equal(err_text(0), "ok");
    assert_string_equal(err_text(7), "ok");
    assert_string_equal(err_text(ERR_TIMEOUT), "no answer by the deadline");
    assert_string_equal(err_text(ERR_LAST - 1), "unknown error");
    assert_string_equal(err_text(INT_MIN), "unknown error");
    for (int a = ERR_INVALID; a >= ERR_LAST; a--) { /* each has a text of its own */
        assert_non_null(err_text(a));
        for (int b = ERR_INVALID; b > a; b--) {
            assert_string_not_equal(err_text(a), err_text(b));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_str),
        cmocka_unit_test(test_str_printf_long),
        cmocka_unit_test(test_mem),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_utf8_all_code_points),
        cmocka_unit_test(test_utf8_prefix),
        cmocka_unit_test(test_log_escape),
        cmocka_unit_test(test_log_lines),
        cmocka_unit_test(test_err_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
