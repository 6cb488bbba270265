/* The line engine's language, by tables: templates written, patterns read, presets against lines that their devices
   print, and mistakes with their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "serial/line_dialect.h"

static void refuses_with_the_place(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        enum line_use use;
        size_t at;
        const char *why; /* begins so */
    } rows[] = {
        {"", LINE_WRITTEN, 0, "it is empty"},
        {"L <lvl>", LINE_WRITTEN, 2, "no such placeholder"},
        {"L <level", LINE_WRITTEN, 2, "this < has no >"},
        {"L <level:0>", LINE_WRITTEN, 2, "behind the colon"},
        {"L <level:70000>", LINE_WRITTEN, 2, "behind the colon"},
        {"L <level:1x>", LINE_WRITTEN, 2, "behind the colon"},
        {"<on>", LINE_WRITTEN, 0, "two different words"},
        {"<on:ON|ON>", LINE_WRITTEN, 0, "two different words"},
        {"<on:|OFF>", LINE_READ, 0, "two different words"},
        {"<kelvin:6500-2700>", LINE_WRITTEN, 0, "a range is"},
        {"<kelvin:10-6500>", LINE_WRITTEN, 0, "kelvin go from"},
        {"<mired:5-500>", LINE_WRITTEN, 0, "mireds go from"},
        {"<id:3>", LINE_WRITTEN, 0, "this placeholder takes nothing"},
        {"<*>", LINE_WRITTEN, 0, "this placeholder is for what is read"},
        {"a <lit>", LINE_WRITTEN, 2, "this placeholder is for what is read"},
        {"a <fade>", LINE_READ, 2, "this placeholder is for what is written"},
        {"<hue><saturation>", LINE_READ, 5, "two placeholders need text"},
        {"a\nb", LINE_WRITTEN, 1, "a line has no control"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct line_template t;
        const char *why = "";
        size_t at = 99;
        assert_int_equal(line_template_parse(rows[i].text, rows[i].use, &t, &at, &why), ERR_INVALID);
        assert_int_equal(at, rows[i].at);
        assert_int_equal(strncmp(why, rows[i].why, strlen(rows[i].why)), 0);
    }
}

static void writes(void **unused)
{
    (void)unused;
    static const struct light_state s = {.on = true, .level = 5000, .kelvin = 2700, .hue = 12000, .saturation = 10000};
    static const struct {
        const char *text;
        bool dimmed;
        const char *line;
    } rows[] = {
        {"L<id> <level>", false, "L3 50"},
        {"<level:255>", false, "128"},
        {"<on:AN|AUS>", false, "AN"},
        {"K<kelvin:3000-6500>", false, "K3000"}, /* the lamp's own range */
        {"<mired:153-500>", false, "370"},
        {"<hue>,<saturation>", false, "120,100"},
        {"<hue:65535>", false, "21845"},
        {"<red>,<green>,<blue>", false, "0,255,0"},
        {"<red:1023>,<green:1023>", false, "0,1023"},
        {"#<rgb>", false, "#00FF00"},
        {"#<rgb>", true, "#008000"},
        {"T<fade:100>", false, "T15"},
        {"a <<b> c", false, "a <b> c"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct line_template t;
        struct str out = STR_INIT;
        const char *why;
        size_t at;
        assert_int_equal(line_template_parse(rows[i].text, LINE_WRITTEN, &t, &at, &why), 0);
        line_template_write(&t, &(struct line_words){"3", &s, 1500, rows[i].dimmed}, &out);
        assert_string_equal(str_z(&out), rows[i].line);
        str_done(&out);
    }
}

static void reads(void **unused)
{
    (void)unused;
    static const struct {
        const char *pattern, *line;
        bool fits;
        struct light_state expected;
        const char *id;
    } rows[] = {
        {"L<id> <level>", "L3 50", true, {.has = LIGHT_LEVEL, .level = 5000}, "3"},
        {"<level:255>", "255", true, {.has = LIGHT_LEVEL, .level = 10000}, ""},
        {"<level:255>", "999", true, {.has = LIGHT_LEVEL, .level = 10000}, ""}, /* beyond its scale */
        {"<level>", "49.6", true, {.has = LIGHT_LEVEL, .level = 5000}, ""},
        {"<level>", "0", true, {.has = LIGHT_ON, .on = false}, ""},
        {"<level>", "-1", false, {0}, ""},
        {"<level>", "9999999", false, {0}, ""},
        {"<level>", "50 %", false, {0}, ""}, /* all of the line */
        {"<level> %", "50 %", true, {.has = LIGHT_LEVEL, .level = 5000}, ""},
        {"<on:ON|OFF>", "OFF", true, {.has = LIGHT_ON, .on = false}, ""},
        {"<on:ON|ONOFF>", "ONOFF", true, {.has = LIGHT_ON, .on = false}, ""}, /* the longer word first */
        {"<*>=<on:1|0>", "a=b=1", true, {.has = LIGHT_ON, .on = true}, ""},
        {"<*>x<level>y<*>", "x1x22y3", true, {.has = LIGHT_LEVEL, .level = 2200}, ""},
        {"<*>x<level>y", "x1x22y3", false, {0}, ""},
        {"<*>", "", true, {0}, ""},
        {"C <hue> <saturation>",
         "C 240 50",
         true,
         {.has = LIGHT_COLOR | LIGHT_MODE, .mode = LIGHT_MODE_COLOR, .hue = 24000, .saturation = 5000},
         ""},
        {"#<rgb>",
         "#0000ff",
         true,
         {.has = LIGHT_COLOR | LIGHT_MODE, .mode = LIGHT_MODE_COLOR, .hue = 24000, .saturation = 10000},
         ""},
        {"<hue>,<saturation>,<lit>", "240,50,0", true, {0}, ""},
        {"T<kelvin>", "T2700", true, {.has = LIGHT_KELVIN | LIGHT_MODE, .kelvin = 2700}, ""},
        {"T<mired>", "T370", true, {.has = LIGHT_KELVIN | LIGHT_MODE, .kelvin = 2703}, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct line_template t;
        struct line_values v = {0};
        struct light_state s;
        const char *why;
        size_t at;
        assert_int_equal(line_template_parse(rows[i].pattern, LINE_READ, &t, &at, &why), 0);
        bool fits = line_template_match(&t, rows[i].line, strlen(rows[i].line), &v);
        if (fits != rows[i].fits) {
            fail_msg("\"%s\" and \"%s\"", rows[i].pattern, rows[i].line);
        }
        line_values_state(&v, LIGHT_ALL, false, &s);
        assert_true(light_equal(&s, &rows[i].expected));
        assert_string_equal(v.id, rows[i].id);
    }
}

/* A pattern with many <*> on a long line that nearly fits: linear in line and pattern, or this would not end. */
static void is_never_slow(void **unused)
{
    (void)unused;
    struct line_template t;
    struct line_values v = {0};
    char *line = malloc(LINE_MAX_BYTES);
    const char *why;
    size_t at;
    assert_non_null(line);
    memset(line, 'a', LINE_MAX_BYTES);
    assert_int_equal(line_template_parse("<*>a<*>a<*>a<*>a<*>a<*>a<*>a<*>a<*>b", LINE_READ, &t, &at, &why), 0);
    assert_false(line_template_match(&t, line, LINE_MAX_BYTES, &v));
    free(line);
}

static struct line_dialect *dialect_of(const struct line_options *o)
{
    struct line_dialect *d = NULL;
    struct line_error e = {0};
    if (line_dialect_new(o, &d, &e) != 0) {
        fail_msg("%s: %s", e.key, e.why);
    }
    return d;
}

static void mistakes_in_options_have_their_key(void **unused)
{
    (void)unused;
    static const char *const bad_state[] = {"ok", "/state/on", NULL};
    static const struct line_light same[] = {{"1", NULL}, {"1", NULL}}, two[] = {{"1", NULL}, {"2", NULL}},
                                   odd[] = {{"a b", NULL}};
    const struct {
        struct line_options options;
        const char *key;
        size_t index;
    } rows[] = {
        {{.on = "1"}, "off", 0},
        {{.off = "0"}, "on", 0},
        {{.on = "1", .off = "0", .ending = "lfcr"}, "ending", 0},
        {{.on = "1", .off = "0", .level = "L"}, "level", 0},
        {{.on = "1", .off = "0", .kelvin = "<level>"}, "kelvin", 0},
        {{.on = "1", .off = "0", .color = "<red>"}, "color", 0},
        {{.on = "1", .off = "0", .state = bad_state}, "state", 1},
        {{.on = "1", .off = "0", .who = "?"}, "who", 0},
        {{.on = "1", .off = "0", .who = "?", .who_is = "me"}, "who_is", 0},
        {{.on = "<id>", .off = "<id>", .lights = same, .light_count = 2}, "lights", 1},
        {{.on = "<id>", .off = "0", .lights = two, .light_count = 2}, "off", 0},
        {{.on = "1", .off = "0", .lights = odd, .light_count = 1}, "lights", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct line_dialect *d = NULL;
        struct line_error e = {0};
        assert_int_equal(line_dialect_new(&rows[i].options, &d, &e), ERR_INVALID);
        assert_string_equal(e.key, rows[i].key);
        assert_int_equal(e.index, rows[i].index);
        assert_non_null(e.why);
    }
}

/* The lines of one command, joined. */
static void expect_lines(const struct line_dialect *d, struct light_state patch, const char *expected)
{
    struct line_step steps[LINE_MAX_STEPS];
    struct str out = STR_INIT;
    size_t count = line_dialect_steps(d, &patch, steps);
    for (size_t i = 0; i < count; i++) {
        line_dialect_write(d, steps[i].command, "1", &patch, 0, &out);
    }
    assert_string_equal(str_z(&out), expected);
    str_done(&out);
}

static void commands_are_as_few_lines_as_say_it(void **unused)
{
    (void)unused;
    struct line_dialect *d = dialect_of(&(struct line_options){
        .ending = "crlf", .on = "ON", .off = "OFF", .level = "L<level>", .kelvin = "K<kelvin>", .color = "C<rgb>"});
    assert_int_equal(d->profile.can, LIGHT_ALL);
    expect_lines(d, (struct light_state){.has = LIGHT_ON}, "OFF\r\n");
    expect_lines(d, (struct light_state){.has = LIGHT_ON, .on = true}, "ON\r\n");
    expect_lines(d, (struct light_state){.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 3000}, "L30\r\nON\r\n");
    expect_lines(
        d, (struct light_state){.has = LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN, .on = true, .level = 100, .kelvin = 4000},
        "K4000\r\nL1\r\nON\r\n");
    free(d);
    /* what a line has said already gets no line of its own */
    d = dialect_of(&line_wled);
    expect_lines(d, (struct light_state){.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 10000},
                 "{\"on\":true,\"bri\":255,\"tt\":0,\"v\":true}\n");
    free(d);
    /* a strip that is dimmed by its colours */
    d = dialect_of(&(struct line_options){.on = "1", .off = "0", .color = "<red> <green> <blue>"});
    assert_true(d->dimmed && d->profile.can == (LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR));
    expect_lines(d, (struct light_state){.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 5000}, "128 128 128\n1\n");
    free(d);
}

static void expect_state(const struct line_dialect *d, const char *line, struct light_state expected)
{
    struct line_values v = {0};
    struct light_state s;
    assert_true(line_patterns_match(&d->state, line, strlen(line), &v));
    line_values_state(&v, d->profile.can, d->dimmed, &s);
    if (!light_equal(&s, &expected)) {
        fail_msg("%s", line);
    }
}

static void presets_read_their_devices(void **unused)
{
    (void)unused;
    struct line_dialect *w = dialect_of(&line_wled), *t = dialect_of(&line_tasmota);
    struct line_values v = {0};
    static const char whole[] =
        "{\"state\":{\"on\":true,\"bri\":128,\"seg\":[{\"id\":0,\"col\":[[0,0,255,0],[0,0,0]]}]},"
        "\"info\":{\"ver\":\"0.14.0\",\"mac\":\"a4cf12ab34cd\"}}";
    expect_state(
        w, whole,
        (struct light_state){
            .has = LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR, .on = true, .level = 5020, .hue = 24000, .saturation = 10000});
    assert_true(line_patterns_match(&w->who_is, whole, strlen(whole), &v));
    assert_string_equal(v.id, "a4cf12ab34cd");
    assert_false(line_patterns_match(&w->state, "{\"success\":true}", 16, &v));
    assert_false(line_patterns_match(&w->state, "{\"state\":", 9, &v));

    expect_state(t, "00:00:05.123 RSL: RESULT = {\"POWER\":\"ON\",\"Dimmer\":40}",
                 (struct light_state){.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 4000});
    expect_state(t, "MQT: stat/lamp/STATE = {\"POWER1\":\"OFF\",\"Dimmer\":7,\"HSBColor\":\"240,50,0\",\"CT\":370}",
                 (struct light_state){.has = LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN | LIGHT_MODE,
                                      .level = 700,
                                      .kelvin = 2703,
                                      .mode = LIGHT_MODE_WHITE});
    expect_state(t, "RSL: RESULT = {\"HSBColor\":\"240,50,40\",\"CT\":370}",
                 (struct light_state){
                     .has = LIGHT_COLOR | LIGHT_MODE, .hue = 24000, .saturation = 5000, .mode = LIGHT_MODE_COLOR});
    memset(&v, 0, sizeof v);
    static const char network[] = "RSL: STATUS5 = {\"StatusNET\":{\"Hostname\":\"x\",\"Mac\":\"A4:CF:12:AB:34:CD\"}}";
    assert_true(line_patterns_match(&t->who_is, network, strlen(network), &v));
    assert_string_equal(v.id, "A4:CF:12:AB:34:CD");
    static const char unknown[] = "RSL: RESULT = {\"Command\":\"Unknown\",\"Input\":\"CT\"}";
    assert_true(line_patterns_match(&t->refusal, unknown, strlen(unknown), &v));
    free(w);
    free(t);
}

static void pointers_follow_rfc_6901(void **unused)
{
    (void)unused;
    static const struct {
        const char *pointer, *line;
        bool fits;
    } rows[] = {
        {"/a~1b/m~0n <level>", "{\"a/b\":{\"m~n\":5}}", true},
        {"/a/1 <level>", "{\"a\":[4,5]}", true},
        {"/a/2 <level>", "{\"a\":[4,5]}", false},
        {"/a/x <level>", "{\"a\":[4,5]}", false},
        {"/a <level>", "{\"a\":[4,5]}", false},
        {"/a <level>", "{\"a\":\"5\"}", true},
        {"/a <on:true|false>", "{\"a\":false}", true},
        {"/a <level>", "no object", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const state[] = {rows[i].pointer, NULL};
        struct line_dialect *d = dialect_of(&(struct line_options){.on = "1", .off = "0", .state = state});
        struct line_values v = {0};
        if (line_patterns_match(&d->state, rows[i].line, strlen(rows[i].line), &v) != rows[i].fits) {
            fail_msg("%s in %s", rows[i].pointer, rows[i].line);
        }
        free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_the_place),
        cmocka_unit_test(writes),
        cmocka_unit_test(reads),
        cmocka_unit_test(is_never_slow),
        cmocka_unit_test(mistakes_in_options_have_their_key),
        cmocka_unit_test(commands_are_as_few_lines_as_say_it),
        cmocka_unit_test(presets_read_their_devices),
        cmocka_unit_test(pointers_follow_rfc_6901),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
