/* Frames of Shelly's second generation and later, by tables. Statuses are as the documentation of the components and
   owners' reports have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "mqtt/shelly_codec.h"

#define ON LIGHT_ON
#define LEVEL LIGHT_LEVEL

static const struct shelly_lamp plug = {
    .kind = SHELLY_SWITCH, .id = 1, .profile = {.can = LIGHT_ON, .kind = LIGHT_KIND_SWITCH}};
static const struct shelly_lamp dimmer = {.kind = SHELLY_LIGHT, .profile = {.can = ON | LEVEL}};
static const struct shelly_lamp rgb = {.kind = SHELLY_RGB, .profile = {.can = ON | LEVEL | LIGHT_COLOR}};
static const struct shelly_lamp rgbw = {.kind = SHELLY_RGBW, .profile = {.can = ON | LEVEL | LIGHT_COLOR}};
static const struct shelly_lamp cct = {
    .kind = SHELLY_CCT, .id = 1, .profile = {.can = ON | LEVEL | LIGHT_KELVIN, .min_kelvin = 2700, .max_kelvin = 6500}};
static const struct shelly_lamp both = {.kind = SHELLY_RGBCCT,
                                        .profile = {.can = LIGHT_ALL, .min_kelvin = 2700, .max_kelvin = 6500}};

static struct json_bytes bytes_of(const char *text)
{
    return (struct json_bytes){text, strlen(text)};
}

/* In memory of exactly its size, so that the sanitizer sees a read behind the end. */
static char *exact(const char *text, size_t *ret_len)
{
    char *copy = malloc(strlen(text) + (*text == 0));
    *ret_len = strlen(text);
    memcpy(copy, text, *ret_len);
    return copy;
}

/* ---- statuses ---- */

static const struct {
    const struct shelly_lamp *lamp;
    const char *status;
    struct light_state expected;
} states[] = {
    {&plug,
     "{\"ts\":1,\"switch:0\":{\"output\":true},\"switch:1\":{\"id\":1,\"output\":false,\"apower\":0.0}}",
     {.has = ON}},
    {&plug, "{\"switch:1\":{\"output\":true,\"brightness\":50}}", {.has = ON, .on = true}},
    {&plug, "{\"switch:1\":{\"apower\":8.3}}", {0}},
    {&plug, "{\"switch:10\":{\"output\":true},\"switch:01\":{\"output\":true},\"input:1\":{\"output\":true}}", {0}},
    {&dimmer,
     "{\"light:0\":{\"id\":0,\"source\":\"http\",\"output\":true,\"brightness\":50,\"temperature\":{\"tC\":50.1}}}",
     {.has = ON | LEVEL, .on = true, .level = 5000}},
    {&dimmer, "{\"light:0\":{\"output\":false,\"brightness\":37}}", {.has = ON | LEVEL, .level = 3700}},
    {&dimmer, "{\"light:0\":{\"brightness\":42.6}}", {.has = LEVEL, .level = 4260}},
    /* nothing of what no lamp says */
    {&dimmer, "{\"light:0\":{\"output\":true,\"brightness\":0}}", {.has = ON, .on = true}},
    {&dimmer, "{\"light:0\":{\"output\":1,\"brightness\":101}}", {0}},
    {&dimmer, "{\"light:0\":{\"output\":\"true\",\"brightness\":\"50\"}}", {0}},
    {&dimmer, "{\"light:0\":null}", {0}},
    {&dimmer, "{\"light:0\":[{\"output\":true}]}", {0}},
    /* a lamp that fades says where to */
    {&dimmer,
     "{\"light:0\":{\"output\":true,\"brightness\":12,\"transition\":{\"target\":{\"output\":true,\"brightness\":80},"
     "\"started_at\":1.5,\"duration\":4}}}",
     {.has = ON | LEVEL, .on = true, .level = 8000}},
    {&dimmer,
     "{\"light:0\":{\"transition\":{\"target\":{\"output\":false}},\"output\":true,\"brightness\":12}}",
     {.has = ON | LEVEL, .level = 1200}},
    {&dimmer, "{\"light:0\":{\"output\":true,\"transition\":null}}", {.has = ON, .on = true}},
    {&rgb,
     "{\"rgb:0\":{\"output\":true,\"rgb\":[0,0,255],\"brightness\":100}}",
     {.has = ON | LEVEL | LIGHT_COLOR, .on = true, .level = 10000, .hue = 24000, .saturation = 10000}},
    {&rgb, "{\"rgb:0\":{\"rgb\":[0,0]}}", {0}},
    {&rgb, "{\"rgb:0\":{\"rgb\":[0,0,256]}}", {0}},
    {&rgb, "{\"rgb:0\":{\"rgb\":\"#0000ff\"}}", {0}},
    {&rgbw, "{\"rgbw:0\":{\"rgb\":[255,128,0],\"white\":40}}", {.has = LIGHT_COLOR, .hue = 3012, .saturation = 10000}},
    {&rgbw, "{\"rgbw:0\":{\"rgb\":[0,0,0],\"white\":255}}", {.has = LIGHT_COLOR, .hue = 0, .saturation = 0}},
    {&cct,
     "{\"cct:1\":{\"output\":true,\"brightness\":1,\"ct\":3000}}",
     {.has = ON | LEVEL | LIGHT_KELVIN, .on = true, .level = 100, .kelvin = 3000}},
    {&cct, "{\"cct:1\":{\"ct\":0}}", {0}},
    {&both,
     "{\"rgbcct:0\":{\"output\":true,\"mode\":\"cct\",\"rgb\":[255,0,0],\"ct\":4000,\"brightness\":10}}",
     {.has = ON | LEVEL | LIGHT_KELVIN | LIGHT_MODE,
      .on = true,
      .level = 1000,
      .kelvin = 4000,
      .mode = LIGHT_MODE_WHITE}},
    {&both,
     "{\"rgbcct:0\":{\"mode\":\"rgb\",\"rgb\":[0,255,0],\"ct\":4000}}",
     {.has = LIGHT_COLOR | LIGHT_MODE, .hue = 12000, .saturation = 10000, .mode = LIGHT_MODE_COLOR}},
    {&both, "{\"rgbcct:0\":{\"ct\":4000}}", {.has = LIGHT_KELVIN | LIGHT_MODE, .kelvin = 4000}},
    {&both, "{\"rgbcct:0\":{\"mode\":\"rgb\"}}", {.has = LIGHT_MODE, .mode = LIGHT_MODE_COLOR}},
};

static void reads_statuses(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct light_state patch;
        size_t len;
        char *text = exact(states[i].status, &len);
        shelly_read_status(&(struct json_bytes){text, len}, states[i].lamp, &patch);
        if (!light_equal(&patch, &states[i].expected)) {
            fail_msg("%s: has %x on %d level %u kelvin %u hue %u saturation %u mode %u", states[i].status, patch.has,
                     patch.on, patch.level, patch.kelvin, patch.hue, patch.saturation, patch.mode);
        }
        free(text);
    }
}

static void finds_the_lamps_of_a_device(void **unused)
{
    (void)unused;
    static const char full[] = "{\"ble\":{},\"rgbcct:0\":{},\"light:2\":{},\"light:0\":{},\"switch:0\":{},\"cct:1\":{},"
                               "\"input:0\":{},\"sys\":{\"mac\":\"X\"},\"light:x\":{},\"light:\":{},\"light:256\":{}}";
    struct shelly_lamp lamps[SHELLY_MAX_LAMPS];
    struct json_bytes status = bytes_of(full);
    size_t left;
    assert_int_equal(shelly_read_lamps(&status, lamps, &left), 5);
    assert_int_equal(left, 0);
    assert_true(lamps[0].kind == SHELLY_SWITCH && lamps[0].profile.kind == LIGHT_KIND_SWITCH);
    assert_true(lamps[1].kind == SHELLY_LIGHT && lamps[1].id == 0);
    assert_true(lamps[2].kind == SHELLY_LIGHT && lamps[2].id == 2);
    assert_true(lamps[3].kind == SHELLY_CCT && lamps[3].profile.min_kelvin == 2700);
    assert_true(lamps[4].kind == SHELLY_RGBCCT && lamps[4].profile.can == LIGHT_ALL);
    assert_true(shelly_is_component(&lamps[2], "light:2", 7));
    assert_false(shelly_is_component(&lamps[2], "light:22", 8));
    status = bytes_of("[]");
    assert_int_equal(shelly_read_lamps(&status, lamps, &left), 0);
    static const char config[] = "{\"light:2\":{\"id\":2,\"name\":\"Attic \\u00e9\"},\"cct:1\":{\"name\":null,\"ct_"
                                 "range\":[3000,5000]},\"rgbcct:0\":{\"ct_range\":[6500,2700]}}";
    status = bytes_of(full);
    size_t count = shelly_read_lamps(&status, lamps, &left);
    status = bytes_of(config);
    assert_int_equal(shelly_read_config(&status, lamps, count), 0);
    assert_string_equal(lamps[2].name, "Attic \xc3\xa9");
    assert_true(lamps[3].profile.min_kelvin == 3000 && lamps[3].profile.max_kelvin == 5000);
    assert_int_equal(lamps[4].profile.min_kelvin, 2700); /* what is no range counts for nothing */
    status = bytes_of("17");
    assert_int_equal(shelly_read_config(&status, lamps, count), ERR_INVALID);
}

static void more_lamps_than_can_be_are_left_out(void **unused)
{
    (void)unused;
    struct str s = STR_INIT;
    struct shelly_lamp lamps[SHELLY_MAX_LAMPS];
    size_t left;
    str_add_z(&s, "{\"sys\":{}");
    for (unsigned i = 0; i < 40; i++) {
        str_printf(&s, ",\"switch:%u\":{}", i);
    }
    str_add_z(&s, "}");
    assert_int_equal(shelly_read_lamps(&(struct json_bytes){s.data, s.len}, lamps, &left), SHELLY_MAX_LAMPS);
    assert_int_equal(left, 40 - SHELLY_MAX_LAMPS);
    str_done(&s);
}

/* ---- frames ---- */

static void reads_frames(void **unused)
{
    (void)unused;
    static const char answer[] = "{\"id\":77,\"src\":\"shelly-x\",\"dst\":\"us\",\"result\":{\"was_on\":false}}";
    static const char refusal[] =
        "{\"id\":78,\"src\":\"x\",\"error\":{\"code\":-103,\"message\":\"Invalid argument 'brightness'!\"}}";
    static const char news[] = "{\"src\":\"x\",\"dst\":\"x/events\",\"method\":\"NotifyStatus\",\"params\":{\"ts\":1}}";
    struct shelly_frame f;
    struct str why = STR_INIT;
    assert_int_equal(shelly_read_frame(answer, strlen(answer), &f), 0);
    assert_true(f.has_id && f.id == 77 && f.error.len == 0 && f.method.len == 0);
    assert_int_equal(f.result.len, strlen("{\"was_on\":false}"));
    assert_int_equal(shelly_read_frame(refusal, strlen(refusal), &f), 0);
    assert_true(f.has_id && f.id == 78 && f.result.len == 0);
    shelly_read_error(&f.error, &why);
    assert_string_equal(str_z(&why), "Invalid argument 'brightness'! (-103)");
    str_clear(&why);
    f.error = bytes_of("null");
    shelly_read_error(&f.error, &why);
    assert_string_equal(str_z(&why), "it gave no reason");
    assert_int_equal(shelly_read_frame(news, strlen(news), &f), 0);
    assert_true(!f.has_id && json_bytes_text(&f.method, "NotifyStatus") && f.params.len == 8);
    static const char *const no_ids[] = {"{\"id\":-1}", "{\"id\":1.5}", "{\"id\":\"7\"}", "{\"id\":4294967296}", "{}"};
    for (size_t i = 0; i < sizeof no_ids / sizeof no_ids[0]; i++) {
        assert_int_equal(shelly_read_frame(no_ids[i], strlen(no_ids[i]), &f), 0);
        assert_false(f.has_id);
    }
    static const char *const bad[] = {"", "true", "[1]", "{\"id\":1", "{\"id\":1,\"id\":2}", "{\"id\":1}x", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t len;
        char *text = exact(bad[i], &len);
        assert_int_equal(shelly_read_frame(text, len, &f), ERR_INVALID);
        free(text);
    }
    assert_int_equal(shelly_read_frame("{}", SHELLY_MAX_FRAME + 1, &f), ERR_TOO_LARGE);
    str_done(&why);
}

static void reads_who_it_is(void **unused)
{
    (void)unused;
    struct shelly_device d;
    struct json_bytes answer =
        bytes_of("{\"name\":null,\"id\":\"shellyplusrgbwpm-a8032ab636ec\",\"mac\":\"A8032AB636EC\",\"slot\":0,"
                 "\"model\":\"SNDC-0D4P10WW\",\"gen\":2,\"fw_id\":\"x\",\"ver\":\"1.4.4\",\"auth_en\":false}");
    assert_int_equal(shelly_read_device(&answer, &d), 0);
    assert_string_equal(d.id, "shellyplusrgbwpm-a8032ab636ec");
    assert_string_equal(d.mac, "A8032AB636EC");
    assert_string_equal(d.model, "SNDC-0D4P10WW");
    assert_string_equal(d.version, "1.4.4");
    assert_string_equal(d.name, "");
    static const char *const others[] = {"null",
                                         "{\"mac\":\"A8032AB636EC\",\"gen\":1}",
                                         "{\"mac\":\"A8032AB636EC\"}",
                                         "{\"mac\":\"A8032AB636\",\"gen\":2}",
                                         "{\"mac\":\"A8032AB636ECAA\",\"gen\":2}",
                                         "{\"mac\":\"A8032AB636EG\",\"gen\":2}",
                                         "{\"mac\":7,\"gen\":3}"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        answer = bytes_of(others[i]);
        assert_int_equal(shelly_read_device(&answer, &d), ERR_INVALID);
    }
}

static void reads_events_and_availability(void **unused)
{
    (void)unused;
    struct json_bytes changed = bytes_of("{\"ts\":1,\"events\":[{\"component\":\"input:0\",\"event\":\"btn_up\"},"
                                         "{\"component\":\"light:0\",\"event\":\"config_changed\",\"cfg_rev\":9}]}");
    struct json_bytes other = bytes_of("{\"events\":[{\"event\":\"single_push\"}],\"config_changed\":1}");
    bool online = false;
    assert_true(shelly_config_changed(&changed));
    assert_false(shelly_config_changed(&other));
    assert_true(shelly_read_online("true", 4, &online) == 0 && online);
    assert_true(shelly_read_online("false", 5, &online) == 0 && !online);
    assert_int_equal(shelly_read_online("online", 6, &online), ERR_INVALID);
    assert_int_equal(shelly_read_online("", 0, &online), ERR_INVALID);
}

/* ---- commands ---- */

static const struct {
    const struct shelly_lamp *lamp;
    struct light_state patch;
    uint32_t transition_ms;
    const char *expected; /* behind "src" */
} commands[] = {
    {&plug, {.has = ON, .on = true}, 1000, "\"Switch.Set\",\"params\":{\"id\":1,\"on\":true}}"},
    {&dimmer, {.has = ON}, 0, "\"Light.Set\",\"params\":{\"id\":0,\"on\":false}}"},
    {&dimmer,
     {.has = ON | LEVEL, .on = true, .level = 10},
     2500,
     "\"Light.Set\",\"params\":{\"id\":0,\"on\":true,\"brightness\":1,\"transition_duration\":2.5}}"},
    {&rgb,
     {.has = ON | LIGHT_COLOR, .on = true, .hue = 24000, .saturation = 10000},
     0,
     "\"RGB.Set\",\"params\":{\"id\":0,\"on\":true,\"rgb\":[0,0,255]}}"},
    {&rgbw,
     {.has = ON | LEVEL | LIGHT_COLOR, .on = true, .level = 5000, .hue = 0, .saturation = 5000},
     0,
     "\"RGBW.Set\",\"params\":{\"id\":0,\"on\":true,\"brightness\":50,\"rgb\":[255,128,128],\"white\":0}}"},
    {&cct,
     {.has = ON | LIGHT_KELVIN, .on = true, .kelvin = 3210},
     0,
     "\"CCT.Set\",\"params\":{\"id\":1,\"on\":true,\"ct\":3210}}"},
    {&both,
     {.has = ON | LIGHT_KELVIN, .on = true, .kelvin = 3210},
     0,
     "\"RGBCCT.Set\",\"params\":{\"id\":0,\"on\":true,\"mode\":\"cct\",\"ct\":3210}}"},
    {&both,
     {.has = ON | LIGHT_COLOR, .on = true, .hue = 12000, .saturation = 10000},
     0,
     "\"RGBCCT.Set\",\"params\":{\"id\":0,\"on\":true,\"mode\":\"rgb\",\"rgb\":[0,255,0]}}"},
    {&dimmer,
     {.has = ON | LIGHT_COLOR | LIGHT_KELVIN, .on = true, .kelvin = 3000},
     0,
     "\"Light.Set\",\"params\":{\"id\":0,\"on\":true}}"},
};

static void writes_commands(void **unused)
{
    (void)unused;
    static const char head[] = "{\"id\":5,\"src\":\"us\",\"method\":";
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct str s = STR_INIT;
        shelly_write_set(&s, 5, "us", commands[i].lamp, &commands[i].patch, commands[i].transition_ms);
        assert_memory_equal(str_z(&s), head, sizeof head - 1);
        assert_string_equal(str_z(&s) + sizeof head - 1, commands[i].expected);
        str_done(&s);
    }
}

static void writes_questions(void **unused)
{
    (void)unused;
    struct str s = STR_INIT;
    shelly_write_request(&s, 4294967295u, "lightbridge-1-home", "Shelly.GetStatus");
    assert_string_equal(str_z(&s),
                        "{\"id\":4294967295,\"src\":\"lightbridge-1-home\",\"method\":\"Shelly.GetStatus\"}");
    str_clear(&s);
    shelly_write_get(&s, 1, "us", &cct);
    assert_string_equal(str_z(&s), "{\"id\":1,\"src\":\"us\",\"method\":\"CCT.GetStatus\",\"params\":{\"id\":1}}");
    str_done(&s);
}

/* What is commanded comes back, for every percent and a dense grid of colours: the wire's steps lie within the
   tolerance. */
static void echoes_confirm_their_commands(void **unused)
{
    (void)unused;
    for (uint32_t level = 1; level <= LIGHT_LEVEL_MAX; level += 7) {
        struct light_state command = {.has = ON | LEVEL, .on = true, .level = (uint16_t)level};
        struct light_state echo;
        struct str s = STR_INIT;
        struct shelly_frame f;
        shelly_write_set(&s, 1, "us", &dimmer, &command, 0);
        assert_int_equal(shelly_read_frame(s.data, s.len, &f), 0);
        shelly_read_component(&f.params, &dimmer, &echo);
        echo.has |= ON; /* a command says "on", a status "output" */
        echo.on = true;
        assert_true(level < 50 || light_confirms(&command, &echo, &shelly_tolerance));
        str_done(&s);
    }
    for (uint32_t hue = 0; hue < LIGHT_HUE_MAX; hue += 90) {
        for (uint32_t saturation = 200; saturation <= LIGHT_SATURATION_MAX; saturation += 350) {
            struct light_state command = {.has = LIGHT_COLOR, .hue = (uint16_t)hue, .saturation = (uint16_t)saturation};
            struct light_state echo;
            struct str s = STR_INIT;
            struct shelly_frame f;
            shelly_write_set(&s, 1, "us", &rgbw, &command, 0);
            assert_int_equal(shelly_read_frame(s.data, s.len, &f), 0);
            shelly_read_component(&f.params, &rgbw, &echo);
            if (!light_confirms(&command, &echo, &shelly_tolerance)) {
                fail_msg("hue %u saturation %u came back as %u %u", hue, saturation, echo.hue, echo.saturation);
            }
            str_done(&s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_statuses),
        cmocka_unit_test(finds_the_lamps_of_a_device),
        cmocka_unit_test(more_lamps_than_can_be_are_left_out),
        cmocka_unit_test(reads_frames),
        cmocka_unit_test(reads_who_it_is),
        cmocka_unit_test(reads_events_and_availability),
        cmocka_unit_test(writes_commands),
        cmocka_unit_test(writes_questions),
        cmocka_unit_test(echoes_confirm_their_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
