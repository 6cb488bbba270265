/* Forms and queries: a name twice is refused, a broken value stays the caller's to judge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/url.h"

static void test_fields(void **state)
{
    (void)state;
    struct url_form form;
    const char *text = "a=1&b=x+y%2B%c3%bc&&empty=&bare&c%20d=e=f&=nameless&raw=%7E%2b";
    assert_int_equal(url_form_parse(&form, text, strlen(text), NULL), 0);
    assert_int_equal(form.count, 7);
    assert_string_equal(url_form_value(&form, "a"), "1");
    assert_string_equal(url_form_value(&form, "b"), "x y+\xc3\xbc");
    assert_string_equal(url_form_value(&form, "empty"), "");
    assert_string_equal(url_form_value(&form, "bare"), "");
    assert_string_equal(url_form_value(&form, "c d"), "e=f");
    assert_string_equal(url_form_value(&form, ""), "nameless");
    assert_null(url_form_value(&form, "A"));
    assert_null(url_form_field(&form, "absent"));
    const struct url_field *raw = url_form_field(&form, "raw");
    assert_int_equal(raw->raw_len, 6);
    assert_memory_equal(raw->raw, "%7E%2b", 6);
    assert_string_equal(raw->value, "~+");
    assert_int_equal(raw->value_len, 2);
    assert_false(raw->broken);
    url_form_done(&form);
    assert_int_equal(form.count, 0);
}

static void test_broken_value(void **state)
{
    (void)state;
    static const char *const broken[] = {"s=%", "s=%4", "s=%zz", "s=a%00b", "s=%0"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct url_form form;
        struct str text = STR_INIT;
        str_printf(&text, "a=1&%s&b=2", broken[i]);
        assert_int_equal(url_form_parse(&form, text.data, text.len, NULL), 0);
        const struct url_field *s = url_form_field(&form, "s");
        assert_true(s->broken);
        assert_null(s->value);
        assert_int_equal(s->value_len, 0);
        assert_memory_equal(s->raw, broken[i] + 2, s->raw_len);
        assert_null(url_form_value(&form, "s"));
        assert_string_equal(url_form_value(&form, "a"), "1");
        assert_string_equal(url_form_value(&form, "b"), "2");
        url_form_done(&form);
        str_done(&text);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *what;
    } rows[] = {
        {"a=1&a=2", 7, "a field is given twice"},
        {"a=1&b=2&%61=3", 13, "a field is given twice"},
        {"a&a", 3, "a field is given twice"},
        {"a=%&a=1", 7, "a field is given twice"},
        {"=1&=2", 5, "a field is given twice"},
        {"a%=1", 4, "a broken percent escape in a field's name"},
        {"a%00b=1", 7, "a broken percent escape in a field's name"},
        {"a=1\0&b=2", 8, "a NUL byte"},
        {"\0", 1, "a NUL byte"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct url_form form;
        const char *what = NULL;
        assert_int_equal(url_form_parse(&form, rows[i].text, rows[i].len, &what), ERR_INVALID);
        assert_string_equal(what, rows[i].what);
        url_form_done(&form); /* also after an error */
        assert_int_equal(url_form_parse(&form, rows[i].text, rows[i].len, NULL), ERR_INVALID);
        url_form_done(&form);
    }
}

static void test_many(void **state)
{
    (void)state;
    struct url_form form;
    struct str text = STR_INIT;
    const char *what = NULL;
    for (int i = 0; i < URL_FORM_MAX_FIELDS; i++) {
        str_printf(&text, "%sn%d=v%d", i > 0 ? "&" : "", i, i);
    }
    assert_int_equal(url_form_parse(&form, text.data, text.len, NULL), 0);
    assert_int_equal(form.count, URL_FORM_MAX_FIELDS);
    assert_string_equal(url_form_value(&form, "n63"), "v63");
    url_form_done(&form);
    str_add_z(&text, "&");
    assert_int_equal(url_form_parse(&form, text.data, text.len, NULL), 0); /* an empty one is none */
    url_form_done(&form);
    str_add_z(&text, "x");
    assert_int_equal(url_form_parse(&form, text.data, text.len, &what), ERR_INVALID);
    assert_string_equal(what, "more than 64 fields");
    url_form_done(&form);
    str_done(&text);
}

static void test_empty(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "&", "&&&&"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct url_form form;
        assert_int_equal(url_form_parse(&form, texts[i], strlen(texts[i]), NULL), 0);
        assert_int_equal(form.count, 0);
        url_form_done(&form);
    }
}

/* Names and values without a separator between them need the most memory for what they decode to. */
static void test_shortest_fields(void **state)
{
    (void)state;
    char text[2 * URL_FORM_MAX_FIELDS];
    struct url_form form;
    for (size_t i = 0; i < URL_FORM_MAX_FIELDS; i++) {
        text[2 * i] = (char)('0' + i);
        text[2 * i + 1] = '&';
    }
    for (size_t i = 0; i < URL_FORM_MAX_FIELDS; i++) { /* the separators themselves are no names here */
        if (strchr("&=%+", text[2 * i])) {
            text[2 * i] = (char)(0x80 + i);
        }
    }
    assert_int_equal(url_form_parse(&form, text, sizeof text - 1, NULL), 0);
    assert_int_equal(form.count, URL_FORM_MAX_FIELDS);
    url_form_done(&form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields), cmocka_unit_test(test_broken_value), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_many),   cmocka_unit_test(test_empty),        cmocka_unit_test(test_shortest_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
