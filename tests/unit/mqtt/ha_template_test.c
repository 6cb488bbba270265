/* The evaluator of templates: what announcers really write, what it refuses by name, and what it cannot be made to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "mqtt/ha_template.h"

static const char payload[] =
    "{\"state\":\"ON\",\"value\":0,\"bri\":128,\"half\":0.5,\"null\":null,\"yes\":true,\"no\":false,\"empty\":\"\","
    "\"color\":{\"r\":255,\"x "
    "y\":0.3},\"list\":[1,\"two\",{\"three\":3}],\"HSBColor\":\"120,50,75\",\"hex\":\"FF8000\"}";

static int evaluate(const char *template, const char *value, struct str *out)
{
    static const struct ha_variable variables[] = {
        {"red", NULL, 255}, {"green", NULL, 0}, {"blue", NULL, 12.5}, {"state", "on", 0}};
    struct json *root = NULL;
    (void)json_parse(value, strlen(value), 65536, &root, NULL);
    const struct ha_scope scope = {value, strlen(value), root, variables, 4};
    int err = ha_template_run(template, &scope, out);
    json_free(root);
    return err;
}

struct row {
    const char *template, *gives; /* NULL: it cannot be evaluated with this payload */
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct str out = STR_INIT;
        str_add_z(&out, ">");
        int err = evaluate(rows[i].template, payload, &out);
        if (err != (rows[i].gives ? 0 : ERR_INVALID) ||
            strcmp(str_z(&out) + 1, rows[i].gives ? rows[i].gives : "") != 0) {
            fail_msg("%s gives \"%s\" (%s), not \"%s\"", rows[i].template, str_z(&out) + 1, err_text(err),
                     rows[i].gives ? rows[i].gives : "nothing");
        }
        str_clear(&out);
        if (ha_template_check(rows[i].template, &out) != 0) {
            fail_msg("%s is refused: %s", rows[i].template, str_z(&out));
        }
        str_done(&out);
    }
}

/* Zigbee2MQTT, zwave-js-ui, OpenMQTTGateway, Tasmota before 10, scripts for Shellies: as they write them. */
static void what_announcers_write(void **unused)
{
    static const struct row rows[] = {
        {"{{ value_json.state }}", "ON"},
        {"{{ value_json.value }}", "0"},
        {"{{ \"OFF\" if value_json.value == 0 else \"ON\" }}", "OFF"},
        {"{{ {'red': red, 'green': green, 'blue': blue}|to_json }}", "{\"red\":255,\"green\":0,\"blue\":12.5}"},
        {"{{'online' if value_json.value else 'offline'}}", "offline"},
        {"{{ value_json.bri | is_defined }}", "128"},
        {"{{ value_json.absent | is_defined }}", NULL},
        {"{{value_json.HSBColor.split(',')[0:2]|join(',')}}", "120,50"},
        {"{{ value_json.list[2].three }}", "3"},
        {"{{ value_json['color']['x y'] }}", "0.3"},
        {"{{ value_json.bri | float | multiply(0.3922) | round(0) }}", "50"},
        {"{% if value_json.yes %}on{% else %}off{% endif %}", "on"},
        {"{\"turn\":\"on\"{% if red is defined %},\"red\":{{ red }}{% endif %}{% if brightness is defined %},\"b\":1{% "
         "endif %}}",
         "{\"turn\":\"on\",\"red\":255}"},
        {"{{ value_json.hex[2:4] | int(base=16) }}", "128"},
        {"#{{ '' ~ red ~ green }}", "#2550"},
        {"{{ value_json.bri | int / 255 * 100 }}", "50.19607843137255"},
        {"{{ (value_json.bri / 2.55) | round | int }}", "50"},
        {"{{ value }}", payload},
        {"plain", "plain"},
        {"", ""},
    };
    (void)unused;
    check(rows, sizeof rows / sizeof rows[0]);
}

static void the_language(void **unused)
{
    static const struct row rows[] = {
        {"{{ 1 + 2 * 3 - 4 }}", "3"},
        {"{{ 7 // 2 }} {{ 7 % 3 }} {{ -7 // 2 }} {{ 7 / 2 }} {{ 4 / 2 }}", "3 1 -4 3.5 2.0"},
        {"{{ 1 / 0 }}", NULL},
        {"{{ -value_json.half }}", "-0.5"},
        {"{{ 'a' + 'b' }}{{ 1 ~ 'c' }}", "ab1c"},
        {"{{ 1 + 'a' }}", NULL},
        {"{{ 2 > 1 and 'a' < 'b' and not 1 >= 2 and 1 != 2 }}", "True"},
        {"{{ value_json.null or 'x' }} {{ value_json.empty and 'x' }}", "x "},
        {"{{ 'two' in value_json.list and 'state' in value_json and 'N' in value_json.state }}", "True"},
        {"{{ 'five' not in value_json.list }}", "True"},
        {"{{ 1 < 'a' }}", NULL},
        {"{{ value_json.absent }}|{{ absent }}|{{ value_json.null }}|{{ value_json.yes }}", "||None|True"},
        {"{{ value_json.absent.more }}", NULL},
        {"{{ value_json.absent.more if value_json.absent is defined else 'none' }}", "none"},
        {"{{ value_json.absent.more | default('d') }}", NULL},
        {"{{ value_json.absent | default('d') }} {{ value_json.empty | default('e', true) }}", "d e"},
        {"{{ value_json.null is none and value_json.bri is number and value_json.state is string }}", "True"},
        {"{{ value_json.color is mapping and value_json.yes is true and value_json.no is not true }}", "True"},
        {"{{ 'x' | int }}", NULL},
        {"{{ 'x' | int(3) }} {{ '12' | int }} {{ '12.7' | float | int }} {{ 'x' | float(default=1.5) }}",
         "3 12 12 1.5"},
        {"{{ float('2.5') + int('3') }} {{ iif(value_json.yes, 'a', 'b') }} {{ min(3, 1, 2) }} {{ max([1, 5]) }}",
         "5.5 a 1 5"},
        {"{{ 2.5 | round }} {{ 3.14159 | round(2) }} {{ 1.2 | round(0, 'ceil') }} {{ -3 | abs }}", "2 3.14 2 3"},
        {"{{ 'Ab' | lower }}{{ 'Ab' | upper }}{{ ' x ' | trim }}{{ 'a-b' | replace('-', '+') }}", "abABxa+b"},
        {"{{ [1, 'a', none, true] | to_json }} {{ value_json.color | to_json }}",
         "[1,\"a\",null,true] {\"r\":255,\"x y\":0.3}"},
        {"{{ '{\"a\":[1,2]}' | from_json }} {{ ('{\"a\":7}' | from_json).a }}", "{\"a\":[1,2]} 7"},
        {"{{ value_json.list | length }} {{ value_json.list | first }} {{ [1, 2][-1] }} {{ 'abc'[1:] }}", "3 1 2 bc"},
        {"{{ value_json.get('bri') }} {{ value_json.get('absent', 4) }} {{ 'abc'.startswith('ab') }}", "128 4 True"},
        {"{% set a = 2 %}{% set b = a * 3 %}{{ b }}", "6"},
        {"{% if false %}{% set a = 1 %}{% endif %}{{ a is defined }}", "False"},
        {"{% if false %}x{% elif 1 %}y{% elif 1 %}z{% else %}q{% endif %}", "y"},
        {"{% if true %}{% if false %}a{% else %}b{% endif %}{% else %}c{% endif %}", "b"},
        {"{% if false %}{{ absent.x }}{% endif %}ok", "ok"},
        {"{% if absent.x %}{% endif %}", NULL},
        {"a {%- if true -%} b {%- endif %} c {#- no -#} d", "ab cd"},
        {"{{- 1 -}}  x\n", "1x"},
        {"{{ 'it''s' if false else \"a\\\"b\\n\" }}", NULL},
        {"{{ \"a\\\"b\" }}{{ 'c\\'d' }}", "a\"bc'd"},
    };
    (void)unused;
    check(rows, sizeof rows / sizeof rows[0] - 2); /* the last but one is no Jinja: below */
    check(&rows[sizeof rows / sizeof rows[0] - 1], 1);
}

static void what_it_does_not_know_is_refused_by_name(void **unused)
{
    static const struct {
        const char *template, *why;
        int err;
    } rows[] = {
        {"{% for x in value_json %}{% endfor %}", "{% for %}", ERR_UNSUPPORTED},
        {"{% macro a() %}{% endmacro %}", "{% macro %}", ERR_UNSUPPORTED},
        {"{{ value_json.a | regex_replace('a', 'b') }}", "the filter 'regex_replace'", ERR_UNSUPPORTED},
        {"{% if false %}{{ 1 | ordinal }}{% endif %}", "the filter 'ordinal'", ERR_UNSUPPORTED},
        {"{{ states('light.a') }}", "the function 'states'", ERR_UNSUPPORTED},
        {"{{ value_json.a.items() }}", "the method 'items'", ERR_UNSUPPORTED},
        {"{{ 1 is divisibleby(2) }}", "the test 'divisibleby'", ERR_UNSUPPORTED},
        {"{{ 2 ** 3 }}", "the operator '**'", ERR_UNSUPPORTED},
        {"{% set a, b = 1 %}", "a {% set %} of another form than NAME = VALUE", ERR_UNSUPPORTED},
        {"{{ 1 ", "no }} where it should be", ERR_INVALID},
        {"{{ ", "an expression that ends too soon", ERR_INVALID},
        {"{{ 1 2 }}", "more behind an expression than belongs to it", ERR_INVALID},
        {"{{ 'a }}", "a text without its closing '", ERR_INVALID},
        {"{{ a..b }}", "'.' where it makes no sense", ERR_INVALID},
        {"{% if 1 %}", "an if without its endif", ERR_INVALID},
        {"{% endif %}", "an endif without its if", ERR_INVALID},
        {"{% else %}", "an else or elif without its if", ERR_INVALID},
        {"{{ 0x12 }}", "0x12, which is no number", ERR_INVALID},
        {"{{ int() }}", "the function 'int' without an argument", ERR_INVALID},
        {"{# a", "a comment without its #}", ERR_INVALID},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str why = STR_INIT;
        assert_int_equal(ha_template_check(rows[i].template, &why), rows[i].err);
        assert_string_equal(str_z(&why), rows[i].why);
        str_clear(&why);
        assert_int_equal(evaluate(rows[i].template, payload, &why), rows[i].err);
        assert_int_equal(why.len, 0);
        str_done(&why);
    }
}

static char *repeated(const char *what, size_t count, const char *then)
{
    struct str s = STR_INIT;
    for (size_t i = 0; i < count; i++) {
        str_add_z(&s, what);
    }
    str_add_z(&s, then);
    return str_take(&s);
}

static void nothing_grows_without_an_end(void **unused)
{
    struct {
        const char *what;
        size_t count;
        const char *then;
    } rows[] = {
        {"{{ (", 1000, ""},
        {"((((((((((", 1, ""},
        {"{{ [[[[[[[[[[[[[[[[[[[[[[", 1, ""},
        {"{% if 1 %}", 100, ""},
        {"{{ value }}", 300, ""},
        {"x", HA_TEMPLATE_MAX + 1, ""},
        {"{% set a = 'aaaaaaaaaaaaaaaa' %}", 9, ""},
        {"{% set a = (a ~ "
         "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')|replace('a','aaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
         ") %}",
         8, "{{ a }}"},
    };
    (void)unused;
    char *value = repeated("0123456789", 1000, "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *template = i == 1 ? repeated("{{ ((((((((((((((((((((1", 1, "))))))))))))))))))))}}")
                                : repeated(rows[i].what, rows[i].count, rows[i].then);
        struct str out = STR_INIT;
        const struct ha_scope scope = {.value = value, .len = strlen(value)};
        assert_int_equal(ha_template_run(template, &scope, &out), ERR_TOO_LARGE);
        assert_int_equal(out.len, 0);
        str_done(&out);
        free(template);
    }
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_announcers_write),
        cmocka_unit_test(the_language),
        cmocka_unit_test(what_it_does_not_know_is_refused_by_name),
        cmocka_unit_test(nothing_grows_without_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
