/* One key of a configuration is changed; every other byte stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "app/config.h"
#include "app/config_edit.h"
#include "base/err.h"

#define URL "https://lights.example.org"

static const struct {
    const char *before, *after; /* NULL: refused, and untouched */
} rows[] = {
    {"", "public:\n  url: \"" URL "\"\n"},
    {"# mine\n", "# mine\npublic:\n  url: \"" URL "\"\n"},
    {"log: { level: debug } # loud", "log: { level: debug } # loud\npublic:\n  url: \"" URL "\"\n"},
    {"public:\n  url: https://old.example # was\n  listen: 127.0.0.1:8000\n",
     "public:\n  url: \"" URL "\" # was\n  listen: 127.0.0.1:8000\n"},
    {"public:\n    # first\n    listen: 127.0.0.1:8000\nlog:\n  level: info\n",
     "public:\n    # first\n    url: \"" URL "\"\n    listen: 127.0.0.1:8000\nlog:\n  level: info\n"},
    {"public:\n  url: \"https://a.example\"  # \"quoted\"\n", "public:\n  url: \"" URL "\"  # \"quoted\"\n"},
    {"public:\n  url: 'https://a.example'\n", "public:\n  url: \"" URL "\"\n"},
    {"public: { url: https://a.example }\n", NULL},
    {"public:\n  url: >\n    https://a.example\n", NULL},
    {"public: { listen: \"127.0.0.1:8000\" }\n", NULL},
    {"{}\n", NULL},
    {"{log: {level: info}}\n", NULL},
};

static void one_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str text = STR_INIT, why = STR_INIT;
        struct config *config = NULL;
        str_add_z(&text, rows[i].before);
        int err = config_edit_set(&text, "public", "url", URL);
        assert_string_equal(str_z(&text), rows[i].after ? rows[i].after : rows[i].before);
        assert_int_equal(err, rows[i].after ? 0 : ERR_UNSUPPORTED);
        if (rows[i].after) {
            assert_int_equal(config_parse(text.data, text.len, "x.yaml", &config, &why), 0);
            assert_string_equal(config->public.url, URL);
            /* and once more changes nothing */
            assert_int_equal(config_edit_set(&text, "public", "url", URL), 0);
            assert_string_equal(str_z(&text), rows[i].after);
        }
        config_free(config);
        str_done(&text);
        str_done(&why);
    }
}

static void any_text_is_a_value(void **state)
{
    static const char *const values[] = {"plain", "with \"quotes\"", "back\\slash", "a: b # c", "yes", "{", "'", "é"};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct str text = STR_INIT, why = STR_INIT;
        struct config *config = NULL;
        str_add_z(&text, "smartthings:\n  offline_error: DEVICE-OFFLINE\n");
        assert_int_equal(config_edit_set(&text, "smartthings", "client_id", values[i]), 0);
        assert_int_equal(config_parse(text.data, text.len, "x.yaml", &config, &why), 0);
        assert_string_equal(config->smartthings.client_id, values[i]);
        assert_int_equal(config->smartthings.offline_error, CONFIG_DEVICE_OFFLINE);
        config_free(config);
        str_done(&text);
        str_done(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_key), cmocka_unit_test(any_text_is_a_value)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
