/* Zigbee2MQTT's messages, by tables: each behaviour of it that was seen is a row. */
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
#include "model/light.h"
#include "mqtt/z2m_codec.h"

static const struct z2m_lamp dimmer = {
    .state = "state",
    .brightness = "brightness",
    .get_state = true,
    .brightness_max = 254,
    .profile = {.can = LIGHT_ON | LIGHT_LEVEL},
};
static const struct z2m_lamp second = {
    .endpoint = "l2",
    .state = "state_l2",
    .brightness = "brightness_l2",
    .color = "color_l2",
    .color_mode = "color_mode_l2",
    .xy = true,
    .get_state = true,
    .get_brightness = true,
    .brightness_max = 254,
    .profile = {.can = LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR},
};
#define FULL                                                                                                           \
    .state = "state", .brightness = "brightness", .color_temp = "color_temp", .color = "color",                        \
    .color_mode = "color_mode", .brightness_max = 254, .min_mired = 153, .max_mired = 500, .get_state = true,          \
    .get_brightness = true, .get_color_temp = true, .get_color = true,                                                 \
    .profile = {.can = LIGHT_ALL, .min_kelvin = 2000, .max_kelvin = 6536}
static const struct z2m_lamp full = {FULL, .hs = true, .xy = true};
static const struct z2m_lamp full_hs = {FULL, .hs = true, .xy = true, .prefer_hs = true};
static const struct z2m_lamp level_only = {
    .brightness = "brightness", .brightness_max = 255, .profile = {.can = LIGHT_LEVEL}};

#define ON LIGHT_ON
#define LEVEL LIGHT_LEVEL
#define WHITE (LIGHT_KELVIN | LIGHT_MODE)
#define COLOR (LIGHT_COLOR | LIGHT_MODE)

/* ---- states ---- */

static const struct {
    const struct z2m_lamp *lamp;
    const char *text;
    struct light_state expected;
} states[] = {
    {&dimmer, "{\"state\":\"ON\",\"brightness\":254}", {.has = ON | LEVEL, .on = true, .level = 10000}},
    {&dimmer, "{\"state\":\"on\",\"brightness\":127}", {.has = ON | LEVEL, .on = true, .level = 5000}},
    {&dimmer, " {\"brightness\" : 1 , \"state\" : \"ON\"}\n", {.has = ON | LEVEL, .on = true, .level = 39}},
    /* the state wins over the brightness: openHAB PR 15925, Zigbee2MQTT 2850 */
    {&dimmer, "{\"state\":\"OFF\",\"brightness\":128}", {.has = ON | LEVEL, .level = 5039}},
    {&dimmer, "{\"state\":\"OFF\",\"brightness\":0}", {.has = ON}},
    {&dimmer, "{\"state\":\"ON\",\"brightness\":0}", {.has = ON, .on = true}},
    {&dimmer, "{\"brightness\":0}", {.has = ON}},
    {&dimmer, "{\"brightness\":64}", {.has = LEVEL, .level = 2520}},
    {&dimmer, "{\"brightness\":300}", {.has = LEVEL, .level = 10000}},
    {&dimmer, "{\"brightness\":127.4}", {.has = LEVEL, .level = 5000}},
    {&dimmer, "{\"brightness\":1.27e2}", {.has = LEVEL, .level = 5000}},
    {&dimmer, "{\"brightness\":-5}", {0}},
    {&level_only, "{\"brightness\":0}", {.has = LEVEL, .level = 0}},
    {&level_only, "{\"brightness\":255}", {.has = LEVEL, .level = 10000}},
    /* null is unknown: the homeassistant option of Zigbee2MQTT */
    {&dimmer, "{\"state\":null,\"brightness\":null,\"linkquality\":null}", {0}},
    {&full, "{\"state\":\"ON\",\"color\":null,\"color_mode\":null,\"color_temp\":null}", {.has = ON, .on = true}},
    {&full, "{\"color_mode\":\"hs\",\"color\":{\"hue\":null,\"saturation\":null,\"x\":null,\"y\":null}}", {0}},
    /* what is no word of ours: include_device_information, last_seen, update, deep objects */
    {&dimmer,
     "{\"device\":{\"state\":\"OFF\",\"a\":[1,{\"brightness\":9}]},\"last_seen\":\"x\",\"state\":\"ON\"}",
     {.has = ON, .on = true}},
    {&dimmer, "{\"note\":\"say \\\"state\\\":\\\"OFF\\\"\",\"state\":\"ON\"}", {.has = ON, .on = true}},
    {&dimmer, "{\"state\":5,\"brightness\":\"7\"}", {0}},
    {&dimmer, "{}", {0}},
    /* keys by property: nothing of the first light is the second's */
    {&second, "{\"state\":\"ON\",\"state_l2\":\"OFF\",\"brightness_l2\":254}", {.has = ON | LEVEL, .level = 10000}},
    {&second, "{\"state_l1\":\"ON\",\"brightness\":254,\"color\":{\"x\":0.7,\"y\":0.3}}", {0}},
    {&second,
     "{\"color_mode_l2\":\"xy\",\"color_l2\":{\"x\":0.6401,\"y\":0.33}}",
     {.has = COLOR, .mode = LIGHT_MODE_COLOR, .hue = 0, .saturation = 10000}},
    {&second,
     "{\"color_l2\":{\"x_l2\":0.6401,\"y_l2\":0.33}}",
     {.has = COLOR, .mode = LIGHT_MODE_COLOR, .hue = 0, .saturation = 10000}},
    /* the colour mode says what is lit; color_sync rewrites the rest to match */
    {&full,
     "{\"color_mode\":\"color_temp\",\"color_temp\":250,\"color\":{\"x\":0.38,\"y\":0.37,\"hue\":30,\"saturation\":40}"
     "}",
     {.has = WHITE, .mode = LIGHT_MODE_WHITE, .kelvin = 4000}},
    {&full,
     "{\"color_mode\":\"hs\",\"color_temp\":250,\"color\":{\"hue\":240,\"saturation\":50,\"h\":1,\"s\":1,\"x\":0.7,"
     "\"y\":0.3}}",
     {.has = COLOR, .mode = LIGHT_MODE_COLOR, .hue = 24000, .saturation = 5000}},
    {&full_hs,
     "{\"color_mode\":\"xy\",\"color_temp\":370,\"color\":{\"hue\":1,\"saturation\":1,\"x\":0.6401,\"y\":0.33}}",
     {.has = COLOR, .mode = LIGHT_MODE_COLOR, .hue = 0, .saturation = 10000}},
    {&full, "{\"color_temp\":250}", {.has = WHITE, .mode = LIGHT_MODE_WHITE, .kelvin = 4000}},
    {&full,
     "{\"color\":{\"hue\":360,\"saturation\":100}}",
     {.has = COLOR, .mode = LIGHT_MODE_COLOR, .hue = 0, .saturation = 10000}},
    {&full, "{\"color_mode\":\"color_temp\",\"color\":{\"hue\":3,\"saturation\":4}}", {0}},
    {&full, "{\"color_temp\":0}", {0}},
    {&full, "{\"color\":{\"hue\":400,\"saturation\":4}}", {0}},
    {&full, "{\"color\":{\"x\":2,\"y\":0.1}}", {0}},
    {&full, "{\"color\":\"red\",\"color_mode\":7}", {0}},
};

static void reads_states(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct light_state patch;
        size_t len = strlen(states[i].text);
        char *exact = malloc(len); /* without a NUL, so that the sanitizer sees a read behind the end */
        memcpy(exact, states[i].text, len);
        assert_int_equal(z2m_read_state(exact, len, &states[i].lamp, 1, &patch), 0);
        if (!light_equal(&patch, &states[i].expected)) {
            fail_msg("%s: has %x on %d level %u kelvin %u hue %u saturation %u", states[i].text, patch.has, patch.on,
                     patch.level, patch.kelvin, patch.hue, patch.saturation);
        }
        free(exact);
    }
}

static void refuses_what_is_no_state(void **unused)
{
    (void)unused;
    static const char *const bad[] = {"",
                                      "ON",
                                      "[1]",
                                      "{\"state\":\"ON\"",
                                      "{\"state\":\"ON\",\"state\":\"OFF\"}",
                                      "{\"state\":\"ON\"}x",
                                      "{\"state\":\"\x01\"}",
                                      "{\"state\":\"\xff\"}",
                                      "{\"brightness\":012}"};
    const struct z2m_lamp *lamp = &dimmer;
    struct light_state patch;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(z2m_read_state(bad[i], strlen(bad[i]), &lamp, 1, &patch), ERR_INVALID);
    }
    char *large = malloc(Z2M_MAX_STATE + 1);
    memset(large, ' ', Z2M_MAX_STATE + 1);
    memcpy(large, "{}", 2);
    assert_int_equal(z2m_read_state(large, Z2M_MAX_STATE + 1, &lamp, 1, &patch), ERR_TOO_LARGE);
    assert_int_equal(z2m_read_state(large, Z2M_MAX_STATE, &lamp, 1, &patch), 0);
    free(large);
}

static void reads_several_lamps_at_once(void **unused)
{
    (void)unused;
    static const char text[] = "{\"state\":\"ON\",\"brightness\":127,\"state_l2\":\"OFF\",\"brightness_l2\":254}";
    const struct z2m_lamp *lamps[] = {&dimmer, &second};
    struct light_state patches[2];
    assert_int_equal(z2m_read_state(text, strlen(text), lamps, 2, patches), 0);
    assert_true(patches[0].on && patches[0].level == 5000);
    assert_true(!patches[1].on && patches[1].level == 10000);
}

/* ---- commands ---- */

static const struct {
    const struct z2m_lamp *lamp;
    struct light_state patch;
    uint32_t transition_ms;
    const char *expected;
} commands[] = {
    {&dimmer, {.has = ON, .on = true}, 0, "{\"state\":\"ON\"}"},
    {&dimmer, {.has = ON}, 0, "{\"state\":\"OFF\"}"},
    {&dimmer, {.has = ON | LEVEL, .on = true, .level = 5000}, 0, "{\"state\":\"ON\",\"brightness\":127}"},
    {&dimmer, {.has = ON | LEVEL, .on = true, .level = 1}, 0, "{\"state\":\"ON\",\"brightness\":1}"},
    {&dimmer, {.has = ON}, 2500, "{\"state\":\"OFF\",\"transition\":2.5}"},
    {&dimmer, {.has = ON, .on = true}, 1000, "{\"state\":\"ON\",\"transition\":1}"},
    {&level_only, {.has = LEVEL, .level = 10000}, 0, "{\"brightness\":255}"},
    {&level_only, {.has = LEVEL, .level = 0}, 0, "{\"brightness\":0}"},
    {&second, {.has = ON | LEVEL, .on = true, .level = 10000}, 0, "{\"state_l2\":\"ON\",\"brightness_l2\":254}"},
    {&second, {.has = LIGHT_COLOR, .hue = 0, .saturation = 10000}, 0, "{\"color_l2\":{\"x\":0.64,\"y\":0.33}}"},
    {&full, {.has = LIGHT_KELVIN, .kelvin = 4000}, 0, "{\"color_temp\":250}"},
    {&full, {.has = LIGHT_KELVIN, .kelvin = 9000}, 0, "{\"color_temp\":153}"},
    {&full, {.has = LIGHT_KELVIN, .kelvin = 1500}, 0, "{\"color_temp\":500}"},
    {&full, {.has = LIGHT_COLOR, .hue = 0, .saturation = 10000}, 0, "{\"color\":{\"x\":0.64,\"y\":0.33}}"},
    {&full_hs,
     {.has = LIGHT_COLOR, .hue = 24050, .saturation = 5000},
     0,
     "{\"color\":{\"hue\":240.5,\"saturation\":50}}"},
    /* of both in one message Zigbee2MQTT drops one */
    {&full_hs, {.has = LIGHT_COLOR | LIGHT_KELVIN, .hue = 1, .kelvin = 4000}, 0, "{\"color_temp\":250}"},
    /* what it cannot do is not said */
    {&dimmer, {.has = ON | LIGHT_KELVIN | LIGHT_COLOR, .on = true, .kelvin = 4000}, 0, "{\"state\":\"ON\"}"},
};

static void writes_commands(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct str s = STR_INIT;
        z2m_write_set(&s, commands[i].lamp, &commands[i].patch, commands[i].transition_ms);
        assert_string_equal(str_z(&s), commands[i].expected);
        str_done(&s);
    }
}

static void asks_for_what_can_be_asked(void **unused)
{
    (void)unused;
    static const struct {
        const struct z2m_lamp *lamp;
        const char *expected;
    } rows[] = {{&dimmer, "{\"state\":\"\"}"},
                {&second, "{\"state_l2\":\"\",\"brightness_l2\":\"\"}"},
                {&full, "{\"state\":\"\",\"brightness\":\"\",\"color_temp\":\"\",\"color\":\"\"}"},
                {&level_only, ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str s = STR_INIT;
        z2m_write_get(&s, rows[i].lamp);
        assert_string_equal(str_z(&s), rows[i].expected);
        str_done(&s);
    }
}

/* ---- availability and bridge/state ---- */

static void reads_online(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int expected; /* 1 online, 0 offline, negative an error */
    } rows[] = {
        {"online", 1},
        {"offline", 0},
        {"online\n", 1},
        {"{\"state\":\"online\"}", 1},
        {"{\"state\":\"offline\"}", 0},
        {"{\"since\":1,\"state\" : \"offline\"}", 0},
        {"Online", ERR_INVALID},
        {"on", ERR_INVALID},
        {"", ERR_INVALID},
        {"\"online\"", ERR_INVALID},
        {"{\"state\":true}", ERR_INVALID},
        {"{\"state\":null}", ERR_INVALID},
        {"{}", ERR_INVALID},
        {"{\"state\":\"online\"", ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool online = false;
        int err = z2m_read_online(rows[i].text, strlen(rows[i].text), &online);
        assert_int_equal(err == 0 ? online : err, rows[i].expected);
    }
}

/* ---- errors ---- */

#define LINE(message) "{\"level\":\"error\",\"message\":\"" message "\",\"namespace\":\"z2m\"}"

static const struct {
    const char *line, *name; /* name NULL: no failed command */
    uint32_t members;
    bool unanswered;
} lines[] = {
    {LINE("Publish 'set' 'state' to 'Kitchen' failed: 'Error: x'"), "Kitchen", LIGHT_ON, false},
    {LINE("Publish 'set' 'brightness' to 'Anna's lamp' failed: 'Error: Number value '300' is greater than 254'"),
     "Anna's lamp", LIGHT_ON | LIGHT_LEVEL, false},
    {LINE("Publish 'set' 'color_temp' to 'a/b' failed: 'Error: Timeout - 4 - 5'"), "a/b", LIGHT_KELVIN, true},
    {LINE("Publish 'set' 'color' to 'x' failed: 'Error: ZCL command 0x1/1 lightingColorCtrl.moveToColor failed (Data "
          "request failed with error: 'MAC no ack' (233))'"),
     "x", LIGHT_COLOR, true},
    {LINE("Publish 'set' 'state_l2' to 'x' failed: 'Error: Delivery failed for '1234'.'"), "x", LIGHT_ON, true},
    {LINE("Publish 'set' 'effect' to 'x' failed: 'no'"), "x", 0, false},
    {LINE("No converter available for 'color_temp' on 'x': (370)"), "x", LIGHT_KELVIN, false},
    {LINE("Entity '0x00158d0000000001' is unknown"), "0x00158d0000000001", 0, false},
    {LINE("Publish 'get' 'state' to 'Kitchen' failed: 'Error: x'"), NULL, 0, false},
    {LINE("Publish 'set' 'state' to '' failed: 'Error: x'"), NULL, 0, false},
    {LINE("Publish 'set' 'state' to 'Kitchen'"), NULL, 0, false},
    {LINE("Failed to connect"), NULL, 0, false},
    {"{\"level\":\"warning\",\"message\":\"Publish 'set' 'state' to 'K' failed: 'error'\"}", NULL, 0, false},
    {"{\"level\":\"warning\",\"message\":\"Publish 'set' 'state' to 'K' failed: 'x'\",\"namespace\":\"error\"}", NULL,
     0, false},
    {"{\"level\":\"info\",\"message\":\"level \\\"error\\\"\"}", NULL, 0, false},
    {"{\"level\":\"error\"}", NULL, 0, false},
    {"{\"level\":\"error\",", NULL, 0, false},
    {"nothing", NULL, 0, false},
};

static void reads_errors(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct z2m_failure f = {0};
        struct str why = STR_INIT;
        bool found = z2m_read_logging(lines[i].line, strlen(lines[i].line), &f, &why);
        if (found != (lines[i].name != NULL)) {
            fail_msg("%s", lines[i].line);
        }
        if (found) {
            assert_string_equal(f.name, lines[i].name);
            assert_int_equal(f.members, lines[i].members);
            assert_int_equal(f.unanswered, lines[i].unanswered);
            assert_true(why.len > 0);
        }
        str_done(&why);
    }
}

static void sees_an_attribute_output(void **unused)
{
    (void)unused;
    static const char yes[] = "{\"config\":{\"advanced\":{\"output\":\"attribute\"}}}";
    static const char no[] = "{\"config\":{\"advanced\":{\"output\":\"attribute_and_json\"}},\"schema\":\"attribute\"}";
    assert_true(z2m_info_attribute_output(yes, strlen(yes)));
    assert_false(z2m_info_attribute_output(no, strlen(no)));
    assert_false(z2m_info_attribute_output("", 0));
}

static void sees_that_nobody_is_watched(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        bool unwatched;
    } rows[] = {
        {"{\"config\":{\"availability\":{\"active\":{\"timeout\":10},\"enabled\":false}}}", true},
        {"{\"config\":{\"availability\":false},\"config_schema\":{\"availability\":{\"type\":\"object\"}}}", true},
        {"{\"config\":{\"availability\":{\"enabled\":false},\"devices\":{\"0x1\":{\"availability\":false}}}}", true},
        {"{\"config\":{\"availability\":{\"enabled\":false},\"devices\":{\"0x1\":{\"availability\":true}}}}", false},
        {"{\"config\":{\"availability\":{\"enabled\":false},\"devices\":{\"0x1\":{\"availability\":{\"timeout\":9}}}}}",
         false},
        {"{\"config\":{\"availability\":{\"active\":{},\"enabled\":true}},\"x\":{\"enabled\":false}}", false},
        {"{\"config\":{\"availability\":{\"enabled\":true}}}", false},
        {"{\"config\":{\"availability\":{", false},
        {"{\"config\":{\"availability\":", false},
        {"{\"config\":{}}", false},
        {"{\"availability\":false}", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i].text);
        char *exact = malloc(len + 1);
        memcpy(exact, rows[i].text, len);
        if (z2m_info_unwatched(exact, len) != rows[i].unwatched) {
            fail_msg("%s", rows[i].text);
        }
        free(exact);
    }
}

/* ---- entries of the lists ---- */

#define LIGHT "{\"type\":\"light\",\"features\":[{\"name\":\"state\",\"property\":\"state\"}]}"
#define ENTRY(more, exposes)                                                                                           \
    "{\"ieee_address\":\"0x1\",\"friendly_name\":\"L\"," more "\"definition\":{\"model\":\"M\",\"exposes\":[" exposes  \
    "]}}"

static const struct {
    const char *text;
    int err;
    size_t lamps;
    enum z2m_interview interview;
} entries[] = {
    {ENTRY("", LIGHT), 0, 1, Z2M_INTERVIEWED},
    {ENTRY("\"interview_state\":\"SUCCESSFUL\",\"supported\":true,\"disabled\":false,", LIGHT), 0, 1, Z2M_INTERVIEWED},
    {ENTRY("\"interview_state\":\"PENDING\",", LIGHT), 0, 0, Z2M_INTERVIEW_UNDER_WAY},
    {ENTRY("\"interview_state\":\"IN_PROGRESS\",", LIGHT), 0, 0, Z2M_INTERVIEW_UNDER_WAY},
    {ENTRY("\"interview_state\":\"FAILED\",", LIGHT), 0, 0, Z2M_INTERVIEW_FAILED},
    {ENTRY("\"interview_completed\":true,\"interviewing\":false,", LIGHT), 0, 1, Z2M_INTERVIEWED},
    {ENTRY("\"interview_completed\":false,\"interviewing\":true,", LIGHT), 0, 0, Z2M_INTERVIEW_UNDER_WAY},
    {ENTRY("\"interview_completed\":false,", LIGHT), 0, 0, Z2M_INTERVIEW_FAILED},
    {ENTRY("\"disabled\":true,", LIGHT), 0, 0, Z2M_INTERVIEWED},
    {ENTRY("\"supported\":false,", LIGHT), 0, 0, Z2M_INTERVIEWED},
    {ENTRY("\"type\":\"Coordinator\",", LIGHT), 0, 0, Z2M_INTERVIEWED},
    {ENTRY("", ""), 0, 0, Z2M_INTERVIEWED},
    {ENTRY("", "{\"type\":\"climate\",\"features\":[{\"name\":\"state\",\"property\":\"state\"}]}"), 0, 0,
     Z2M_INTERVIEWED},
    {ENTRY("", LIGHT "," LIGHT), 0, 1, Z2M_INTERVIEWED}, /* one address, one light */
    {ENTRY("", LIGHT ",{\"type\":\"switch\",\"features\":[{\"name\":\"state\",\"property\":\"state\"}]}"), 0, 1,
     Z2M_INTERVIEWED},
    {ENTRY("", LIGHT
           ",{\"type\":\"switch\",\"endpoint\":\"r\",\"features\":[{\"name\":\"state\",\"property\":\"state_r\"}]}"),
     0, 2, Z2M_INTERVIEWED},
    {ENTRY("",
           "{\"type\":\"switch\",\"features\":[{\"name\":\"state\",\"property\":\"state\",\"value_on\":\"OPEN\"}]}"),
     0, 0, Z2M_INTERVIEWED},
    {ENTRY("", "{\"type\":\"light\",\"features\":[{\"name\":\"state\",\"property\":\"state\",\"access\":1}]}"), 0, 0,
     Z2M_INTERVIEWED}, /* cannot be set */
    {ENTRY("", "{\"type\":\"light\"},5,null,[],{\"type\":7,\"features\":{}}"), 0, 0, Z2M_INTERVIEWED},
    {"{\"ieee_address\":\"0x1\",\"friendly_name\":\"L\",\"definition\":null}", 0, 0, Z2M_INTERVIEWED},
    {"{\"ieee_address\":\"0x1\",\"friendly_name\":\"a+b\"}", ERR_INVALID, 0, Z2M_INTERVIEWED},
    {"{\"ieee_address\":\"0x1\",\"friendly_name\":\"bridge/devices\"}", ERR_INVALID, 0, Z2M_INTERVIEWED},
    {"{\"ieee_address\":\"0x1\",\"friendly_name\":\"\"}", ERR_INVALID, 0, Z2M_INTERVIEWED},
    {"{\"ieee_address\":\"0x1\"}", ERR_INVALID, 0, Z2M_INTERVIEWED},
    {"{\"ieee_address\":\"0x1/#\",\"friendly_name\":\"L\"}", ERR_INVALID, 0, Z2M_INTERVIEWED},
    {"{\"friendly_name\":\"L\"}", ERR_INVALID, 0, Z2M_INTERVIEWED},
    {"[]", ERR_INVALID, 0, Z2M_INTERVIEWED},
};

static void reads_entries(void **unused)
{
    (void)unused;
    static struct z2m_device device;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        struct json *root = NULL;
        device.interview = Z2M_INTERVIEWED;
        assert_int_equal(json_parse(entries[i].text, strlen(entries[i].text), Z2M_MAX_ENTRY, &root, NULL), 0);
        int err = z2m_read_device(root, &device);
        json_free(root);
        if (err != entries[i].err ||
            (err == 0 && (device.lamp_count != entries[i].lamps || device.interview != entries[i].interview))) {
            fail_msg("%s: %d, %zu lamps", entries[i].text, err, device.lamp_count);
        }
    }
}

static void prefers_the_colour_that_is_named_first(void **unused)
{
    (void)unused;
    static struct z2m_device device;
#define COLORED(a, b)                                                                                                  \
    ENTRY("", "{\"type\":\"light\",\"features\":[{\"name\":\"state\",\"property\":\"state\"},"                         \
              "{\"name\":\"color_" a "\",\"property\":\"color\"},{\"name\":\"color_" b "\",\"property\":\"color\"}]}")
    static const char *const texts[] = {COLORED("hs", "xy"), COLORED("xy", "hs")};
    for (int i = 0; i < 2; i++) {
        struct json *root = NULL;
        assert_int_equal(json_parse(texts[i], strlen(texts[i]), Z2M_MAX_ENTRY, &root, NULL), 0);
        assert_int_equal(z2m_read_device(root, &device), 0);
        json_free(root);
        assert_true(device.lamps[0].hs && device.lamps[0].xy);
        assert_int_equal(device.lamps[0].prefer_hs, i == 0);
    }
}

static void a_group_can_what_all_can(void **unused)
{
    (void)unused;
    struct z2m_lamp group;
    struct z2m_lamp warm = full_hs;
    warm.min_mired = 250;
    warm.max_mired = 454;
    z2m_group_add(&group, &full_hs, true);
    z2m_group_add(&group, &warm, false);
    assert_int_equal(group.profile.can, LIGHT_ALL);
    assert_int_equal(group.profile.kind, LIGHT_KIND_GROUP);
    assert_int_equal(group.min_mired, 250);
    assert_int_equal(group.max_mired, 454);
    assert_int_equal(group.profile.max_kelvin, 4000);
    warm.min_mired = 460; /* nothing in common any more */
    warm.max_mired = 500;
    z2m_group_add(&group, &warm, false);
    assert_int_equal(group.profile.can, LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR);
    assert_int_equal(group.profile.min_kelvin, 0);
    z2m_group_add(&group, &second, false);
    assert_int_equal(group.profile.can, LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR);
    assert_false(group.hs);
    z2m_group_add(&group, &dimmer, false);
    assert_int_equal(group.profile.can, LIGHT_ON | LIGHT_LEVEL);
    assert_string_equal(group.state, "state"); /* its own words, not the members' */
    z2m_group_add(&group, &level_only, false);
    assert_int_equal(group.profile.can, LIGHT_LEVEL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_states),
        cmocka_unit_test(refuses_what_is_no_state),
        cmocka_unit_test(reads_several_lamps_at_once),
        cmocka_unit_test(writes_commands),
        cmocka_unit_test(asks_for_what_can_be_asked),
        cmocka_unit_test(reads_online),
        cmocka_unit_test(reads_errors),
        cmocka_unit_test(sees_an_attribute_output),
        cmocka_unit_test(sees_that_nobody_is_watched),
        cmocka_unit_test(reads_entries),
        cmocka_unit_test(prefers_the_colour_that_is_named_first),
        cmocka_unit_test(a_group_can_what_all_can),
    };
    return cmocka_run_group_tests_name("zigbee2mqtt codec", tests, NULL, NULL);
}
