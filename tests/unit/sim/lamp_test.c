/* What a lamp does with a command, by table: a kind of lamp, messages one after the other, the state or the error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/str.h"
#include "sim/exposes.h"
#include "sim/lamp.h"
#include "sim/shapes.h"

struct device {
    struct lamp lamps[SHAPE_LIGHTS];
    size_t count;
    const struct shape *shape;
    struct str errors;
    struct lamp_fade fade;
    bool fades;
};

static void unpack(struct device *d, const char *model)
{
    struct shape_light lights[SHAPE_LIGHTS];
    memset(d, 0, sizeof *d);
    d->shape = shape_find(model);
    assert_non_null(d->shape);
    d->count = shape_lights(d->shape, lights);
    for (size_t i = 0; i < d->count; i++) {
        lamp_init(&d->lamps[i], &lights[i]);
    }
}

static void take_error(void *user, const char *message)
{
    struct device *d = user;
    str_add_z(&d->errors, message);
    str_add_char(&d->errors, '\n');
}

static void send(struct device *d, const char *text)
{
    struct lamp_command commands[SHAPE_LIGHTS];
    struct json *message;
    str_clear(&d->errors);
    assert_int_equal(json_parse(text, strlen(text), 4096, &message, NULL), 0);
    lamp_read_set(message, d->lamps, d->count, 0, "Lamp", exposes_effects(d->shape), take_error, d, commands);
    json_free(message);
    for (size_t i = 0; i < d->count; i++) {
        d->fades = lamp_obey(&d->lamps[i], &commands[i], &d->fade);
    }
}

static void expect(struct device *d, const char *state)
{
    struct str s = STR_INIT;
    struct json_out j;
    json_out_init(&j, &s);
    json_begin_object(&j);
    for (size_t i = 0; i < d->count; i++) {
        lamp_write_state(&j, &d->lamps[i], true);
    }
    json_end_object(&j);
    assert_string_equal(str_z(&s), state);
    str_done(&s);
}

static void obeys(void **state)
{
    static const struct {
        const char *model, *message, *state;
    } rows[] = {
        {"81810", "{\"state\":\"on\"}", "{\"state\":\"ON\",\"brightness\":254}"},
        {"81810", "{\"state\":\"TOGGLE\"}", "{\"state\":\"ON\",\"brightness\":254}"},
        {"81810", "{\"brightness\":1}", "{\"state\":\"ON\",\"brightness\":1}"},
        {"81810", "{\"brightness\":255}", "{\"state\":\"ON\",\"brightness\":254}"},
        {"81810", "{\"brightness\":0}", "{\"state\":\"OFF\",\"brightness\":0}"},
        {"81810", "{\"brightness\":0,\"state\":\"ON\"}", "{\"state\":\"ON\",\"brightness\":1}"},
        {"81810", "{\"brightness\":90,\"state\":\"OFF\"}", "{\"state\":\"OFF\",\"brightness\":254}"},
        {"81810", "{\"brightness_percent\":50}", "{\"state\":\"ON\",\"brightness\":128}"},
        {"81810", "{\"brightness_step\":-54}", "{\"state\":\"ON\",\"brightness\":200}"},
        {"81810", "{\"effect\":\"blink\"}", "{\"state\":\"OFF\",\"brightness\":254}"},
        {"LED1545G12", "{\"color_temp\":9999}",
         "{\"state\":\"OFF\",\"brightness\":254,\"color_temp\":454,\"color_mode\":\"color_temp\"}"},
        {"LED1545G12", "{\"color_temp\":\"coolest\"}",
         "{\"state\":\"OFF\",\"brightness\":254,\"color_temp\":250,\"color_mode\":\"color_temp\"}"},
        {"500.44", "{\"color\":{\"x\":0.25,\"y\":0.5}}",
         "{\"state\":\"OFF\",\"brightness\":254,\"color\":{\"x\":0.25,\"y\":0.5},\"color_mode\":\"xy\"}"},
        {"500.44", "{\"color\":{\"hue\":0,\"saturation\":100}}",
         "{\"state\":\"OFF\",\"brightness\":254,\"color\":{\"x\":0.7006,\"y\":0.2993},\"color_mode\":\"xy\"}"},
        {"500.44", "{\"color\":{\"hex\":\"#ff8000\"}}",
         "{\"state\":\"OFF\",\"brightness\":254,\"color\":{\"x\":0.6112,\"y\":0.375},\"color_mode\":\"xy\"}"},
        {"DOM-Z-105P_RGB", "{\"color\":{\"h\":90,\"s\":50}}",
         "{\"state\":\"OFF\",\"brightness\":254,\"color\":{\"hue\":90,\"saturation\":50,\"h\":90,\"s\":50},"
         "\"color_mode\":\"hs\"}"},
        {"BW-SS7_2gang", "{\"state_l2\":\"ON\"}", "{\"state_l1\":\"OFF\",\"state_l2\":\"ON\"}"},
        {"2619839", "{\"brightness_l2\":9}",
         "{\"state_l1\":\"OFF\",\"brightness_l1\":254,\"state_l2\":\"ON\",\"brightness_l2\":9}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct device d;
        unpack(&d, rows[i].model);
        send(&d, rows[i].message);
        assert_string_equal(str_z(&d.errors), "");
        expect(&d, rows[i].state);
        str_done(&d.errors);
    }
}

static void refuses(void **state)
{
    static const struct {
        const char *model, *message, *error;
    } rows[] = {
        {"81810", "{\"brightness\":255.5}",
         "Publish 'set' 'brightness' to 'Lamp' failed: 'Error: Brightness value of message: '{\"brightness\":255.5}' "
         "invalid, must be a number >= 0 and =< 254'\n"},
        {"81810", "{\"brightness\":\"much\"}",
         "Publish 'set' 'brightness' to 'Lamp' failed: 'Error: Brightness value of message: "
         "'{\"brightness\":\"much\"}' "
         "invalid, must be a number >= 0 and =< 254'\n"},
        {"81810", "{\"state\":\"dim\"}",
         "Publish 'set' 'state' to 'Lamp' failed: 'Error: State value of message: '{\"state\":\"dim\"}' invalid, must "
         "be "
         "'ON', 'OFF' or 'TOGGLE''\n"},
        {"81810", "{\"color_temp\":300}", "No converter available for 'color_temp' on 'Lamp': (300)\n"},
        {"81810", "{\"state_l1\":\"ON\"}", "No converter available for 'state_l1' on 'Lamp': (\"ON\")\n"},
        {"500.44", "{\"color\":{\"w\":1}}", "Publish 'set' 'color' to 'Lamp' failed: 'Error: Invalid color'\n"},
        {"ZBS16", "{\"brightness\":9}", "No converter available for 'brightness' on 'Lamp': (9)\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct device d;
        struct lamp before;
        unpack(&d, rows[i].model);
        before = d.lamps[0];
        send(&d, rows[i].message);
        assert_string_equal(str_z(&d.errors), rows[i].error);
        assert_memory_equal(&before, &d.lamps[0], sizeof before);
        str_done(&d.errors);
    }
}

static void colour_and_white_rewrite_each_other(void **state)
{
    struct device d;
    (void)state;
    unpack(&d, "81809/81813");
    send(&d, "{\"color\":{\"hue\":120,\"saturation\":80}}");
    assert_int_equal(d.lamps[0].mode, LAMP_MODE_HS);
    assert_int_equal(d.lamps[0].mired, 153); /* 134.7 there, within its range here */
    send(&d, "{\"color_temp\":370}");
    assert_int_equal(d.lamps[0].mode, LAMP_MODE_TEMP);
    assert_int_equal((int)d.lamps[0].hs.hue, 32);
    send(&d, "{\"color\":{\"x\":0.3,\"y\":0.3},\"color_temp\":300}"); /* one of the two is dropped: the later stays */
    assert_int_equal(d.lamps[0].mode, LAMP_MODE_TEMP);
    assert_int_equal(d.lamps[0].mired, 300);
    str_done(&d.errors);
}

static void fades(void **state)
{
    struct device d;
    (void)state;
    unpack(&d, "81810");
    send(&d, "{\"brightness\":100}");
    assert_false(d.fades);
    send(&d, "{\"state\":\"OFF\",\"transition\":2}");
    assert_true(d.fades);
    expect(&d, "{\"state\":\"OFF\",\"brightness\":100}");
    lamp_fade(&d.lamps[0], &d.fade, 1, 2);
    expect(&d, "{\"state\":\"OFF\",\"brightness\":50}");
    lamp_fade(&d.lamps[0], &d.fade, 2, 2);
    expect(&d, "{\"state\":\"OFF\",\"brightness\":0}");
    send(&d, "{\"state\":\"ON\"}");
    expect(&d, "{\"state\":\"ON\",\"brightness\":100}");
    send(&d, "{\"brightness\":200,\"transition\":0}");
    assert_false(d.fades);
    str_done(&d.errors);
}

static void asked(void **state)
{
    static const struct {
        const char *model, *key, *error;
    } rows[] = {
        {"81810", "state", ""},
        {"2619839", "brightness_l2", ""},
        {"81810", "color", "No converter available for 'color' on 'Lamp': (\"\")\n"},
        {"WZ5_rgb", "state", "No converter available for 'get' 'state' ()\n"},
        {"HG06467", "state", ""},
        {"HG06467", "brightness", "No converter available for 'get' 'brightness' ()\n"},
        {"81810", "effect", "No converter available for 'get' 'effect' ()\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct device d;
        unpack(&d, rows[i].model);
        assert_int_equal(lamp_can_get(d.lamps, d.count, rows[i].key, "Lamp", take_error, &d), !*rows[i].error);
        assert_string_equal(str_z(&d.errors), rows[i].error);
        str_done(&d.errors);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(obeys), cmocka_unit_test(refuses), cmocka_unit_test(colour_and_white_rewrite_each_other),
        cmocka_unit_test(fades), cmocka_unit_test(asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
