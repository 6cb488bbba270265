/* Messages of Shelly's first generation, by tables: announcements and statuses as owners have posted them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "mqtt/shelly1_codec.h"

#define ON LIGHT_ON
#define LEVEL LIGHT_LEVEL

#define DUO_STATUS                                                                                                     \
    "{\"ison\":true,\"source\":\"mqtt\",\"has_timer\":false,\"mode\":\"white\",\"white\":60,\"temp\":3000,"            \
    "\"brightness\":80,\"transition\":1000}"
#define BULB_WHITE "{\"ison\":true,\"mode\":\"white\",\"brightness\":40,\"temp\":4750,\"effect\":0,\"transition\":0}"
#define BULB_COLOR                                                                                                     \
    "{\"ison\":true,\"source\":\"mqtt\",\"mode\":\"color\",\"red\":255,\"green\":0,\"blue\":0,\"gain\":70,"            \
    "\"effect\":0,\"transition\":0}"
#define DIMMER_STATUS                                                                                                  \
    "{\"ison\":false,\"source\":\"input\",\"has_timer\":false,\"mode\":\"white\",\"brightness\":33,\"transition\":0}"

static void knows_topics(void **unused)
{
    (void)unused;
    static const struct {
        const char *tail;
        int kind, id; /* -1: none of ours */
    } rows[] = {
        {"relay/0", SHELLY1_RELAY, 0},
        {"relay/3", SHELLY1_RELAY, 3},
        {"light/0/status", SHELLY1_LIGHT, 0},
        {"color/0/status", SHELLY1_COLOR, 0},
        {"white/3/status", SHELLY1_WHITE, 3},
        {"light/0", -1, 0},
        {"relay/0/command", -1, 0},
        {"relay/0/power", -1, 0},
        {"relay/", -1, 0},
        {"relay", -1, 0},
        {"light/0/set", -1, 0},
        {"light/a/status", -1, 0},
        {"white/10/status", -1, 0},
        {"", -1, 0},
        {"color/0/status/x", -1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum shelly1_kind kind = SHELLY1_RELAY;
        uint8_t id = 0;
        bool ours = shelly1_read_topic(rows[i].tail, &kind, &id);
        if (ours != (rows[i].kind >= 0) || (ours && ((int)kind != rows[i].kind || id != rows[i].id))) {
            fail_msg("%s: %d, kind %d, id %u", rows[i].tail, ours, kind, id);
        }
    }
}

static void knows_what_models_can(void **unused)
{
    (void)unused;
    static const struct {
        enum shelly1_kind kind;
        const char *model, *status;
        uint32_t can;
        uint16_t min_kelvin;
    } rows[] = {
        {SHELLY1_RELAY, "SHSW-25", "on", ON, 0},
        {SHELLY1_LIGHT, "SHDM-2", DIMMER_STATUS, ON | LEVEL, 0},
        {SHELLY1_LIGHT, "SHBDUO-1", DUO_STATUS, ON | LEVEL | LIGHT_KELVIN, 2700},
        {SHELLY1_LIGHT, "SHNEW-1", DUO_STATUS, ON | LEVEL | LIGHT_KELVIN, 3000}, /* seen by its status */
        {SHELLY1_COLOR, "SHCB-1", BULB_COLOR, LIGHT_ALL, 3000},
        {SHELLY1_COLOR, "SHRGBW2", BULB_COLOR, ON | LEVEL | LIGHT_COLOR, 0},
        {SHELLY1_WHITE, "SHRGBW2", DIMMER_STATUS, ON | LEVEL, 0},
        {SHELLY1_LIGHT, "", "no JSON", ON | LEVEL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct shelly1_lamp lamp =
            shelly1_make_lamp(rows[i].kind, 2, rows[i].model, rows[i].status, strlen(rows[i].status));
        assert_int_equal(lamp.profile.can, rows[i].can);
        assert_int_equal(lamp.profile.min_kelvin, rows[i].min_kelvin);
        assert_int_equal(lamp.profile.kind, rows[i].kind == SHELLY1_RELAY ? LIGHT_KIND_SWITCH : LIGHT_KIND_LIGHT);
        assert_int_equal(lamp.id, 2);
    }
}

static const struct {
    enum shelly1_kind kind;
    const char *model, *text;
    struct light_state expected;
} states[] = {
    {SHELLY1_RELAY, "", "on", {.has = ON, .on = true}},
    {SHELLY1_RELAY, "", "off", {.has = ON}},
    {SHELLY1_RELAY, "", "overpower", {.has = ON}},
    {SHELLY1_LIGHT, "SHDM-1", DIMMER_STATUS, {.has = ON | LEVEL, .level = 3300}},
    {SHELLY1_LIGHT,
     "SHBDUO-1",
     DUO_STATUS,
     {.has = ON | LEVEL | LIGHT_KELVIN, .on = true, .level = 8000, .kelvin = 3000}},
    {SHELLY1_WHITE,
     "SHRGBW2",
     "{\"ison\":true,\"mode\":\"white\",\"brightness\":5}",
     {.has = ON | LEVEL, .on = true, .level = 500}},
    {SHELLY1_COLOR,
     "SHCB-1",
     BULB_COLOR,
     {.has = ON | LEVEL | LIGHT_COLOR | LIGHT_MODE,
      .on = true,
      .level = 7000,
      .saturation = 10000,
      .mode = LIGHT_MODE_COLOR}},
    {SHELLY1_COLOR,
     "SHCB-1",
     BULB_WHITE,
     {.has = ON | LEVEL | LIGHT_KELVIN | LIGHT_MODE, .on = true, .level = 4000, .kelvin = 4750}},
    {SHELLY1_COLOR,
     "SHRGBW2",
     "{\"ison\":true,\"red\":0,\"green\":0,\"blue\":0,\"white\":200,\"gain\":5,\"effect\":0,\"power\":0.00}",
     {.has = ON | LEVEL | LIGHT_COLOR, .on = true, .level = 500}},
    {SHELLY1_COLOR, "SHRGBW2", "{\"ison\":1,\"red\":0,\"green\":256,\"blue\":0,\"gain\":0}", {0}},
    {SHELLY1_LIGHT, "SHBDUO-1", "{\"temp\":0,\"brightness\":101}", {0}},
    {SHELLY1_LIGHT, "SHDM-1", "{}", {0}},
};

static void reads_states(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        size_t len = strlen(states[i].text);
        char *text = malloc(len);
        memcpy(text, states[i].text, len);
        struct shelly1_lamp lamp = shelly1_make_lamp(states[i].kind, 0, states[i].model, text, len);
        struct light_state patch;
        assert_int_equal(shelly1_read_status(text, len, &lamp, &patch), 0);
        if (!light_equal(&patch, &states[i].expected)) {
            fail_msg("%s: has %x on %d level %u kelvin %u hue %u saturation %u mode %u", states[i].text, patch.has,
                     patch.on, patch.level, patch.kelvin, patch.hue, patch.saturation, patch.mode);
        }
        free(text);
    }
    struct shelly1_lamp relay = shelly1_make_lamp(SHELLY1_RELAY, 0, "", "", 0);
    struct shelly1_lamp light = shelly1_make_lamp(SHELLY1_LIGHT, 0, "", "", 0);
    struct light_state patch;
    assert_int_equal(shelly1_read_status("ON", 2, &relay, &patch), ERR_INVALID);
    assert_int_equal(shelly1_read_status("", 0, &relay, &patch), ERR_INVALID);
    assert_int_equal(shelly1_read_status("on", 2, &light, &patch), ERR_INVALID);
    assert_int_equal(shelly1_read_status("{}", SHELLY1_MAX_STATE + 1, &light, &patch), ERR_TOO_LARGE);
}

static void reads_announcements(void **unused)
{
    (void)unused;
    static const char good[] =
        "{\"id\":\"Attic Bulb\",\"model\":\"SHCB-1\",\"mac\":\"349454aa00ff\",\"ip\":\"192.168.1.16\","
        "\"new_fw\":false,\"fw_ver\":\"20230503-095009/v1.13.0-g9aed950\"}";
    static const char *const bad[] = {"{\"id\":\"a/b\",\"mac\":\"349454AA00FF\"}",
                                      "{\"id\":\"\",\"mac\":\"349454AA00FF\"}",
                                      "{\"id\":\"#\",\"mac\":\"349454AA00FF\"}",
                                      "{\"mac\":\"349454AA00FF\"}",
                                      "{\"id\":\"x\",\"mac\":\"349454AA00\"}",
                                      "{\"id\":\"x\"}",
                                      "[]",
                                      "announce"};
    struct shelly1_device d;
    assert_int_equal(shelly1_read_announce(good, strlen(good), &d), 0);
    assert_string_equal(d.id, "Attic Bulb");
    assert_string_equal(d.mac, "349454AA00FF");
    assert_string_equal(d.model, "SHCB-1");
    assert_string_equal(d.version, "20230503-095009/v1.13.0-g9aed950");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(shelly1_read_announce(bad[i], strlen(bad[i]), &d), ERR_INVALID);
    }
}

static const struct {
    enum shelly1_kind kind;
    const char *model;
    struct light_state patch;
    uint32_t transition_ms;
    const char *topic, *payload;
} commands[] = {
    {SHELLY1_RELAY, "", {.has = ON, .on = true}, 500, "relay/0/command", "on"},
    {SHELLY1_RELAY, "", {.has = ON}, 0, "relay/0/command", "off"},
    {SHELLY1_LIGHT,
     "SHDM-1",
     {.has = ON | LEVEL, .on = true, .level = 5000},
     9000,
     "light/0/set",
     "{\"turn\":\"on\",\"brightness\":50,\"transition\":5000}"},
    {SHELLY1_LIGHT,
     "SHBDUO-1",
     {.has = ON | LIGHT_KELVIN, .on = true, .kelvin = 2700},
     0,
     "light/0/set",
     "{\"turn\":\"on\",\"temp\":2700}"},
    {SHELLY1_WHITE, "SHRGBW2", {.has = ON}, 0, "white/0/set", "{\"turn\":\"off\"}"},
    {SHELLY1_COLOR,
     "SHRGBW2",
     {.has = ON | LEVEL | LIGHT_COLOR, .on = true, .level = 100, .hue = 12000, .saturation = 10000},
     0,
     "color/0/set",
     "{\"turn\":\"on\",\"gain\":1,\"red\":0,\"green\":255,\"blue\":0,\"white\":0,\"effect\":0}"},
    {SHELLY1_COLOR,
     "SHCB-1",
     {.has = ON | LIGHT_COLOR, .on = true, .hue = 0, .saturation = 10000},
     0,
     "color/0/set",
     "{\"turn\":\"on\",\"mode\":\"color\",\"red\":255,\"green\":0,\"blue\":0,\"white\":0,\"effect\":0}"},
    {SHELLY1_COLOR,
     "SHCB-1",
     {.has = ON | LEVEL | LIGHT_KELVIN, .on = true, .level = 2000, .kelvin = 3000},
     100,
     "color/0/set",
     "{\"turn\":\"on\",\"gain\":20,\"brightness\":20,\"mode\":\"white\",\"temp\":3000,\"transition\":100}"},
};

static void writes_commands(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct shelly1_lamp lamp = shelly1_make_lamp(commands[i].kind, 0, commands[i].model, "", 0);
        struct str s = STR_INIT;
        shelly1_write_topic(&s, &lamp);
        assert_string_equal(str_z(&s), commands[i].topic);
        str_clear(&s);
        shelly1_write_set(&s, &lamp, &commands[i].patch, commands[i].transition_ms);
        assert_string_equal(str_z(&s), commands[i].payload);
        str_done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_topics),        cmocka_unit_test(knows_what_models_can), cmocka_unit_test(reads_states),
        cmocka_unit_test(reads_announcements), cmocka_unit_test(writes_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
