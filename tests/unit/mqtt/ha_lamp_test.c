/* Announcements, states and commands of Home Assistant discovery, as announcers write them. */
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
#include "base/str.h"
#include "mqtt/ha_config.h"

/* ESPHome 2026: an RGBWW bulb by its JSON schema. */
#define ESPHOME_DEVICE                                                                                                 \
    "\"dev\":{\"ids\":\"a0b1c2d3e4f5\",\"name\":\"Desk\",\"sw\":\"esphome v2026.1.0\",\"mdl\":\"esp32dev\","           \
    "\"mf\":\"espressif\",\"sa\":\"Study\",\"cns\":[[\"mac\",\"a0b1c2d3e4f5\"]]}"
#define ESPHOME(modes)                                                                                                 \
    "{\"schema\":\"json\",\"color_mode\":true,\"supported_color_modes\":[" modes "],\"brightness\":true,"              \
    "\"min_mirs\":153,\"max_mirs\":500,\"name\":\"Lamp\",\"stat_t\":\"desk/light/lamp/state\","                        \
    "\"cmd_t\":\"desk/light/lamp/command\",\"avty_t\":\"desk/status\",\"uniq_id\":\"ESPlightlamp\"," ESPHOME_DEVICE    \
    "}"

/* Zigbee2MQTT with homeassistant enabled. */
#define ZIGBEE                                                                                                         \
    "{\"availability\":[{\"topic\":\"zigbee2mqtt/bridge/state\",\"value_template\":\"{{ value_json.state }}\"},"       \
    "{\"topic\":\"zigbee2mqtt/Bulb/availability\",\"value_template\":\"{{ value_json.state }}\"}],"                    \
    "\"availability_mode\":\"all\",\"brightness\":true,\"brightness_scale\":254,\"command_topic\":\"zigbee2mqtt/Bulb/" \
    "set\",\"device\":{\"identifiers\":[\"zigbee2mqtt_0x00158d0001234567\"],\"manufacturer\":\"IKEA\",\"model\":"      \
    "\"T\","                                                                                                           \
    "\"name\":\"Bulb\"},\"max_mireds\":454,\"min_mireds\":250,\"name\":null,\"object_id\":\"bulb\","                   \
    "\"origin\":{\"name\":\"Zigbee2MQTT\"},\"schema\":\"json\",\"state_topic\":\"zigbee2mqtt/Bulb\","                  \
    "\"supported_color_modes\":[\"xy\",\"color_temp\"],\"unique_id\":\"0x00158d0001234567_light_zigbee2mqtt\"}"

/* zwave-js-ui: a dimmer by the default schema. */
#define ZWAVE                                                                                                          \
    "{\"state_topic\":\"zwave/5/38/0/currentValue\",\"command_topic\":\"zwave/5/38/0/targetValue/set\","               \
    "\"state_value_template\":\"{{ \\\"OFF\\\" if value_json.value == 0 else \\\"ON\\\" }}\","                         \
    "\"on_command_type\":\"brightness\",\"brightness_scale\":99,"                                                      \
    "\"brightness_state_topic\":\"zwave/5/38/0/currentValue\",\"brightness_value_template\":\"{{ value_json.value "    \
    "}}\","                                                                                                            \
    "\"brightness_command_topic\":\"zwave/5/38/0/targetValue/set\",\"name\":\"dimmer\","                               \
    "\"unique_id\":\"zwavejs2mqtt_0xe6_5-38-0-currentValue\",\"device\":{\"identifiers\":[\"zwavejs2mqtt_0xe6_"        \
    "node5\"],"                                                                                                        \
    "\"name\":\"Hall\"}}"

/* Tasmota before it had a discovery of its own. */
#define TASMOTA                                                                                                        \
    "{\"name\":\"Strip\",\"cmd_t\":\"~cmnd/POWER\",\"stat_t\":\"~tele/STATE\",\"val_tpl\":\"{{value_json.POWER}}\","   \
    "\"pl_off\":\"OFF\",\"pl_on\":\"ON\",\"avty_t\":\"~tele/"                                                          \
    "LWT\",\"pl_avail\":\"Online\",\"pl_not_avail\":\"Offline\","                                                      \
    "\"bri_cmd_t\":\"~cmnd/Dimmer\",\"bri_stat_t\":\"~tele/STATE\",\"bri_scl\":100,\"on_cmd_type\":\"brightness\","    \
    "\"bri_val_tpl\":\"{{value_json.Dimmer}}\",\"hs_cmd_t\":\"~cmnd/HsbColor\",\"hs_stat_t\":\"~tele/STATE\","         \
    "\"hs_val_tpl\":\"{{value_json.HSBColor.split(',')[0:2]|join(',')}}\",\"uniq_id\":\"DD12FA_LI_1\","                \
    "\"dev\":{\"ids\":[\"DD12FA\"],\"cns\":[[\"mac\",\"5C:CF:7F:DD:12:FA\"]]},\"~\":\"strip/\"}"

#define DEFAULT(more) "{\"command_topic\":\"l/set\",\"state_topic\":\"l\",\"unique_id\":\"u\"" more "}"
#define JSON(more) "{\"schema\":\"json\",\"command_topic\":\"l/set\",\"state_topic\":\"l\",\"unique_id\":\"u\"" more "}"

/* A script's announcement of a first Shelly dimmer. */
#define SCRIPT                                                                                                         \
    "{\"schema\":\"template\",\"command_topic\":\"s/light/0/set\",\"state_topic\":\"s/light/0/status\","               \
    "\"command_on_template\":\"{\\\"turn\\\":\\\"on\\\"{%if brightness is "                                            \
    "defined%},\\\"brightness\\\":{{brightness|float|multiply(0.3922)|round}}{%endif%}{%if transition is "             \
    "defined%},\\\"transition\\\":{{min(transition|multiply(1000),5000)|round}}{%endif%}}\","                          \
    "\"command_off_template\":\"{\\\"turn\\\":\\\"off\\\"}\","                                                         \
    "\"state_template\":\"{%if value_json.ison%}on{%else%}off{%endif%}\","                                             \
    "\"brightness_template\":\"{{value_json.brightness|float|multiply(2.55)|round}}\",\"uniq_id\":\"shelly-0\"}"

/* ---- reading ---- */

static int read_with(const char *topic, const char *text, struct ha_lamp *lamp, struct str *why)
{
    struct ha_config c;
    struct ha_component component;
    bool device, is_switch;
    assert_true(ha_config_topic(topic, &device, &is_switch));
    int err = ha_config_open(&c, device, is_switch, text, strlen(text));
    if (err != 0) {
        return err;
    }
    assert_true(ha_config_next(&c, &component));
    err = ha_lamp_read(&c, &component, "ha/home/fallback", "group/home", lamp, why);
    ha_config_close(&c);
    return err;
}

static void read_lamp(const char *text, struct ha_lamp *lamp)
{
    struct str why = STR_INIT;
    if (read_with("light/x/config", text, lamp, &why) != 0) {
        fail_msg("%s: %s", text, str_z(&why));
    }
    str_done(&why);
}

static void tell(const struct light_state *s, struct str *out)
{
    const char *const modes[] = {"white", "color"};
    if (s->has & LIGHT_ON) {
        str_printf(out, "%s ", s->on ? "on" : "off");
    }
    if (s->has & LIGHT_LEVEL) {
        str_printf(out, "level %u ", s->level);
    }
    if (s->has & LIGHT_KELVIN) {
        str_printf(out, "kelvin %u ", s->kelvin);
    }
    if (s->has & LIGHT_COLOR) {
        str_printf(out, "hue %u %u ", s->hue, s->saturation);
    }
    if (s->has & LIGHT_MODE) {
        str_printf(out, "%s ", modes[s->mode]);
    }
}

/* ---- announcements ---- */

static void who_they_are_and_what_they_can(void **unused)
{
    static const struct {
        const char *announcement, *address, *name;
        uint32_t can;
        uint16_t min_kelvin, max_kelvin;
        bool native;
    } rows[] = {
        {ESPHOME("\"rgbww\""), "mac/A0B1C2D3E4F5/ESPlightlamp", "Desk Lamp", LIGHT_ALL, 2000, 6536, false},
        {ESPHOME("\"rgb\""), "mac/A0B1C2D3E4F5/ESPlightlamp", "Desk Lamp", LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR, 0, 0,
         false},
        {ESPHOME("\"onoff\""), "mac/A0B1C2D3E4F5/ESPlightlamp", "Desk Lamp", LIGHT_ON, 0, 0, false},
        {ESPHOME("\"color_temp\""), "mac/A0B1C2D3E4F5/ESPlightlamp", "Desk Lamp", LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN,
         2000, 6536, false},
        {ZIGBEE, "0x00158d0001234567", "Bulb", LIGHT_ALL, 2203, 4000, true},
        {ZWAVE, "ha/zwavejs2mqtt_0xe6_5-38-0-currentValue", "Hall dimmer", LIGHT_ON | LIGHT_LEVEL, 0, 0, false},
        {TASMOTA, "mac/5CCF7FDD12FA/1", "Strip", LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR, 0, 0, true},
        {SCRIPT, "ha/shelly-0", "ha/shelly-0", LIGHT_ON | LIGHT_LEVEL, 0, 0, false},
        {"{\"command_topic\":\"a\"}", "ha/home/fallback", "ha/home/fallback", LIGHT_ON, 0, 0, false},
        {JSON(",\"brightness\":true,\"color_temp\":true,\"rgb\":true"), "ha/u", "ha/u", LIGHT_ALL, 2000, 6536, false},
        {JSON(",\"supported_color_modes\":[\"color_temp\"],\"color_temp_kelvin\":true,\"min_kelvin\":2700"), "ha/u",
         "ha/u", LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN, 2700, 6535, false},
        {DEFAULT(",\"rgb_command_topic\":\"r\""), "ha/u", "ha/u", LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR, 0, 0, false},
        {DEFAULT(",\"hs_command_topic\":\"r\""), "ha/u", "ha/u", LIGHT_ON | LIGHT_COLOR, 0, 0, false},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ha_lamp lamp;
        read_lamp(rows[i].announcement, &lamp);
        assert_string_equal(ha_lamp_text(&lamp, HA_ADDRESS), rows[i].address);
        assert_string_equal(ha_lamp_text(&lamp, HA_NAME), rows[i].name);
        assert_int_equal(lamp.profile.can, rows[i].can);
        assert_int_equal(lamp.profile.min_kelvin, rows[i].min_kelvin);
        assert_int_equal(lamp.profile.max_kelvin, rows[i].max_kelvin);
        assert_int_equal(lamp.native, rows[i].native);
        ha_lamp_done(&lamp);
    }
}

static void what_it_never_says_is_known(void **unused)
{
    static const struct {
        const char *announcement;
        uint32_t silent;
    } rows[] = {
        {ESPHOME("\"rgbww\""), 0},
        {"{\"schema\":\"json\",\"cmd_t\":\"a\",\"brightness\":true}", LIGHT_ALL},
        {JSON(",\"opt\":true"), LIGHT_ALL},
        {DEFAULT(",\"optimistic\":true"), LIGHT_ALL},
        {"{\"cmd_t\":\"a\",\"bri_cmd_t\":\"b\",\"bri_stat_t\":\"b\"}", LIGHT_ON | LIGHT_KELVIN | LIGHT_COLOR},
        {DEFAULT(",\"rgb_cmd_t\":\"r\",\"rgb_stat_t\":\"s\""), LIGHT_KELVIN},
        {DEFAULT(",\"hs_cmd_t\":\"r\""), LIGHT_LEVEL | LIGHT_KELVIN | LIGHT_COLOR},
        {SCRIPT, 0},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ha_lamp lamp;
        read_lamp(rows[i].announcement, &lamp);
        assert_int_equal(lamp.silent, rows[i].silent);
        ha_lamp_done(&lamp);
    }
}

static void addresses(void **unused)
{
    static const struct {
        const char *device, *unique_id, *address;
    } rows[] = {
        {"{\"ids\":[\"zigbee2mqtt_0x00158d0001234567\"]}", "0x00158d0001234567_light_l2_zigbee2mqtt",
         "0x00158d0001234567/l2"},
        {"{\"ids\":[\"zigbee2mqtt_0x00158d0001234567\"]}", "0x00158d0001234567_switch_zigbee2mqtt",
         "0x00158d0001234567"},
        {"{\"ids\":[\"zigbee2mqtt_0x00158d0001234567\"]}", "0x00158d0001234567_child_lock_zigbee2mqtt",
         "ha/0x00158d0001234567_child_lock_zigbee2mqtt"},
        {"{\"ids\":[\"zigbee2mqtt_0x00158d0001234567_3\"]}", "3_light_home/z2m", "group/home/home/z2m/3"},
        {"{\"ids\":[\"zigbee2mqtt_0x00158d0001234567_3\"]}", "4_light_z", "ha/4_light_z"},
        {"{\"ids\":[\"zigbee2mqtt_bridge_0x00158d0001234567\"]}", "bridge_x_light_z", "ha/bridge_x_light_z"},
        {"{\"cns\":[[\"mac\",\"AA-bb-cc-dd-ee-0f\"]]}", "X_RL_12", "mac/AABBCCDDEE0F/12"},
        {"{\"cns\":[[\"upnp\",\"AA-bb-cc-dd-ee-0f\"]],\"ids\":\"x\"}", "X_RL_12", "ha/X_RL_12"},
        {"{\"mf\":\"WLED\",\"ids\":[\"aabbccddee0f\"]}", "aabbccddee0f", "mac/AABBCCDDEE0F"},
        {"{\"ids\":[\"aa:bbccddee:0f\"]}", "u", "ha/u"},
        {"{\"ids\":{}}", "u", "ha/u"},
        {"7", "", "f"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json *device = NULL;
        struct ha_identity identity;
        assert_int_equal(json_parse(rows[i].device, strlen(rows[i].device), 1000, &device, NULL), 0);
        ha_identify(device, rows[i].unique_id, "f", "group/home", &identity);
        assert_string_equal(identity.address, rows[i].address);
        json_free(device);
    }
}

static void what_is_refused_says_why(void **unused)
{
    static const struct {
        const char *topic, *announcement, *why;
    } rows[] = {
        {"light/x/config", "{\"state_topic\":\"a\"}", "command_topic is missing"},
        {"light/x/config", "{\"cmd_t\":\"a\",\"schema\":\"odd\"}", "an unknown schema: odd"},
        {"light/x/config", "{\"cmd_t\":\"a/+\"}", "command_topic is no topic"},
        {"light/x/config", DEFAULT(",\"bri_val_tpl\":\"{{ value|regex_replace('a','b') }}\""),
         "the filter 'regex_replace' in brightness_value_template"},
        {"light/x/config", DEFAULT(",\"stat_val_tpl\":\"{% for x in y %}{% endfor %}\""),
         "{% for %} in state_value_template"},
        {"light/x/config", "{\"schema\":\"template\",\"cmd_t\":\"a\",\"cmd_on_tpl\":\"on\"}",
         "command_on_template or command_off_template is missing"},
        {"switch/x/config", "{\"cmd_t\":\"a\",\"ent_cat\":\"config\"}",
         "it is a setting, no lamp: entity_category config"},
        {"light/x/config", "{\"cmd_t\":\"a\",\"en\":false}", "it is announced as disabled"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ha_lamp lamp;
        struct str why = STR_INIT;
        assert_int_not_equal(read_with(rows[i].topic, rows[i].announcement, &lamp, &why), 0);
        assert_string_equal(str_z(&why), rows[i].why);
        str_done(&why);
    }
    struct ha_config c;
    assert_int_equal(ha_config_open(&c, false, false, "[]", 2), ERR_INVALID);
    assert_int_equal(ha_config_open(&c, false, false, "", 0), ERR_INVALID);
    assert_int_equal(ha_config_open(&c, true, false, "{\"cmps\":[]}", 11), ERR_INVALID);
    bool device, is_switch;
    assert_false(ha_config_topic("sensor/x/config", &device, &is_switch));
    assert_false(ha_config_topic("light/config", &device, &is_switch));
    assert_false(ha_config_topic("light/x/state", &device, &is_switch));
}

/* A device with a lamp, a plug, a sensor and one that was taken out. */
static void a_device_has_components(void **unused)
{
    static const char text[] =
        "{\"dev\":{\"ids\":\"d1\",\"name\":\"Box\"},\"o\":{\"name\":\"x\"},\"~\":\"box\",\"avty_t\":\"~/online\","
        "\"avty_tpl\":\"{{ value }}\",\"pl_avail\":\"1\",\"stat_t\":\"~/state\",\"cmps\":{"
        "\"a\":{\"p\":\"light\",\"cmd_t\":\"~/a/set\",\"uniq_id\":\"a\",\"name\":\"A\",\"schema\":\"json\"},"
        "\"s\":{\"p\":\"sensor\",\"uniq_id\":\"s\"},\"gone\":{\"p\":\"light\"},"
        "\"b\":{\"p\":\"switch\",\"cmd_t\":\"set/~\",\"stat_t\":\"b/"
        "~\",\"uniq_id\":\"b\",\"name\":null,\"~\":\"own\"}}}";
    struct ha_config c;
    struct ha_component component;
    struct ha_lamp lamp;
    struct str why = STR_INIT;
    (void)unused;
    assert_int_equal(ha_config_open(&c, true, false, text, strlen(text)), 0);
    assert_true(ha_config_next(&c, &component));
    assert_string_equal(component.key, "a");
    assert_int_equal(ha_lamp_read(&c, &component, "f", "group/home", &lamp, &why), 0);
    assert_string_equal(ha_lamp_channel(&lamp, HA_STATE, HA_COMMAND_TOPIC), "box/a/set");
    assert_string_equal(ha_lamp_channel(&lamp, HA_STATE, HA_STATE_TOPIC), "box/state");
    assert_string_equal(ha_lamp_text(&lamp, HA_NAME), "Box A");
    assert_int_equal(lamp.availability_count, 1);
    assert_string_equal(lamp.texts + lamp.availability[0].topic, "box/online");
    assert_string_equal(lamp.texts + lamp.availability[0].available, "1");
    assert_string_equal(lamp.texts + lamp.availability[0].not_available, "offline");
    ha_lamp_done(&lamp);
    assert_true(ha_config_next(&c, &component));
    assert_true(component.removed);
    assert_string_equal(component.key, "gone");
    assert_true(ha_config_next(&c, &component));
    assert_int_equal(ha_lamp_read(&c, &component, "f", "group/home", &lamp, &why), 0);
    assert_int_equal(lamp.profile.kind, LIGHT_KIND_SWITCH);
    assert_string_equal(ha_lamp_channel(&lamp, HA_STATE, HA_COMMAND_TOPIC), "set/own");
    assert_string_equal(ha_lamp_text(&lamp, HA_NAME), "Box");
    ha_lamp_done(&lamp);
    assert_false(ha_config_next(&c, &component));
    ha_config_close(&c);
    str_done(&why);
}

/* ---- states ---- */

#define S(channel) (1u << HA_##channel)

static void states(void **unused)
{
    static const struct {
        const char *announcement;
        uint32_t channels;
        const char *payload, *state;
        int err;
    } rows[] = {
        {ESPHOME("\"rgbww\""), S(STATE),
         "{\"color_mode\":\"rgbww\",\"state\":\"ON\",\"brightness\":128,\"color\":{\"r\":255,\"g\":0,\"b\":0,\"c\":0,"
         "\"w\":0}}",
         "on level 5020 hue 0 10000 color ", 0},
        {ESPHOME("\"rgbww\""), S(STATE),
         "{\"color_mode\":\"rgbww\",\"state\":\"ON\",\"brightness\":255,\"color\":{\"r\":0,\"g\":0,\"b\":0,\"c\":255,"
         "\"w\":0}}",
         "on level 10000 kelvin 6536 white ", 0},
        {ESPHOME("\"rgbw\""), S(STATE), "{\"state\":\"ON\",\"color\":{\"r\":0,\"g\":0,\"b\":255,\"w\":255}}",
         "on hue 24000 4980 color ", 0},
        {ESPHOME("\"color_temp\""), S(STATE),
         "{\"color_mode\":\"cwww\",\"state\":\"ON\",\"brightness\":255,\"color_temp\":370}",
         "on level 10000 kelvin 2703 white ", 0},
        {ESPHOME("\"onoff\""), S(STATE), "{\"color_mode\":\"onoff\",\"state\":\"OFF\",\"color\":{}}", "off ", 0},
        {ZIGBEE, S(STATE),
         "{\"state\":\"ON\",\"brightness\":127,\"color_mode\":\"color_temp\",\"color_temp\":370,\"color\":{\"x\":0.45,"
         "\"y\":0.4}}",
         "on level 5000 kelvin 2703 white ", 0},
        {ZIGBEE, S(STATE),
         "{\"state\":\"OFF\",\"brightness\":0,\"color_mode\":\"xy\",\"color\":{\"x\":0.64,\"y\":0.33,\"hue\":1}}",
         "off hue 0 10000 color ", 0},
        {ZIGBEE, S(STATE), "{\"state\":null,\"brightness\":null,\"color_temp\":null}", "", 0},
        {ZIGBEE, S(STATE), "{\"color_temp\":9999}", "kelvin 2203 white ", 0},
        {JSON(",\"color_temp\":true,\"rgb\":true,\"brightness\":true"), S(STATE),
         "{\"state\":\"ON\",\"color\":{\"r\":0,\"g\":255,\"b\":0},\"color_temp\":null}", "on hue 12000 10000 color ",
         0},
        {JSON(",\"rgb\":true"), S(STATE), "{\"color\":{\"r\":0,\"g\":51,\"b\":0}}", "level 2000 hue 12000 10000 color ",
         0},
        {JSON(""), S(STATE), "nonsense", "", ERR_INVALID},
        {JSON(""), S(STATE), "[[[[[[[[[[[[[[[[[[[[[[[[", "", ERR_INVALID},
        {JSON(""), S(STATE), "{\"state\":\"O\xffN\"}", "", ERR_INVALID},
        {JSON(",\"brightness\":true"), S(STATE), "{\"state\":\"ON\",\"brightness\":\"much\"}", "on ", 0},
        {ZWAVE, S(STATE) | S(BRIGHTNESS), "{\"time\":1,\"value\":50}", "on level 5051 ", 0},
        {ZWAVE, S(STATE) | S(BRIGHTNESS), "{\"time\":1,\"value\":0}", "off ", 0},
        {ZWAVE, S(STATE) | S(BRIGHTNESS), "{}", "on ", 0},
        {ZWAVE, S(STATE) | S(BRIGHTNESS), "x", "", ERR_INVALID},
        {TASMOTA, S(STATE) | S(BRIGHTNESS) | S(HS), "{\"POWER\":\"ON\",\"Dimmer\":50,\"HSBColor\":\"240,75,50\"}",
         "on level 5000 hue 24000 7500 color ", 0},
        {TASMOTA, S(STATE) | S(BRIGHTNESS) | S(HS), "{\"POWER\":\"OFF\"}", "off ", ERR_INVALID},
        {DEFAULT(",\"pl_on\":true,\"pl_off\":false,\"val_tpl\":\"{{ value_json.v }}\""), S(STATE), "{\"v\":true}",
         "on ", 0},
        {DEFAULT(""), S(STATE), "ON", "on ", 0},
        {DEFAULT(""), S(STATE), "None", "", 0},
        {DEFAULT(""), S(STATE), "on", "", ERR_INVALID},
        {DEFAULT(",\"rgb_cmd_t\":\"r\",\"rgb_stat_t\":\"r\""), S(RGB), "0,0,128", "level 5020 hue 24000 10000 color ",
         0},
        {DEFAULT(",\"rgb_cmd_t\":\"r\",\"bri_cmd_t\":\"b\""), S(RGB), "0, 0,128", "hue 24000 10000 color ", 0},
        {DEFAULT(",\"rgb_cmd_t\":\"r\""), S(RGB), "0,0", "", ERR_INVALID},
        {DEFAULT(",\"rgb_cmd_t\":\"r\""), S(RGB), "0,0,1,2", "", ERR_INVALID},
        {DEFAULT(",\"rgbw_cmd_t\":\"r\""), S(RGBW), "255,0,0,0", "level 10000 hue 0 10000 color ", 0},
        {DEFAULT(",\"xy_cmd_t\":\"r\""), S(XY), "0.64,0.33", "hue 0 10000 color ", 0},
        {DEFAULT(",\"hs_cmd_t\":\"r\""), S(HS), "400,2", "", ERR_INVALID},
        {DEFAULT(",\"clr_temp_cmd_t\":\"r\""), S(COLOR_TEMP), "250", "kelvin 4000 white ", 0},
        {DEFAULT(",\"clr_temp_cmd_t\":\"r\",\"hs_cmd_t\":\"h\""), S(COLOR_MODE), "hs", "color ", 0},
        {DEFAULT(",\"bri_cmd_t\":\"b\""), S(BRIGHTNESS), "0", "", 0},
        {DEFAULT(",\"bri_cmd_t\":\"b\""), S(BRIGHTNESS), "1e3", "level 10000 ", 0},
        {DEFAULT(",\"bri_cmd_t\":\"b\""), S(BRIGHTNESS), "nan", "", ERR_INVALID},
        {SCRIPT, S(STATE), "{\"ison\":true,\"brightness\":50}", "on level 4980 ", 0},
        {SCRIPT, S(STATE), "{\"ison\":false}", "off ", 0},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ha_lamp lamp;
        struct light_state state;
        const struct light_state known = {0};
        struct str told = STR_INIT;
        read_lamp(rows[i].announcement, &lamp);
        int err = ha_state_read(&lamp, rows[i].channels, rows[i].payload, strlen(rows[i].payload), &known, &state);
        tell(&state, &told);
        if (err != rows[i].err || strcmp(str_z(&told), rows[i].state) != 0) {
            fail_msg("%s: \"%s\" (%s), not \"%s\"", rows[i].payload, str_z(&told), err_text(err), rows[i].state);
        }
        str_done(&told);
        ha_lamp_done(&lamp);
    }
}

static void availabilities(void **unused)
{
    static const struct {
        const char *announcement;
        size_t which;
        const char *payload;
        int err;
        bool online;
    } rows[] = {
        {ESPHOME("\"onoff\""), 0, "online", 0, true},
        {ESPHOME("\"onoff\""), 0, "offline", 0, false},
        {ESPHOME("\"onoff\""), 0, "Online", ERR_INVALID, false},
        {TASMOTA, 0, "Online", 0, true},
        {ZIGBEE, 1, "{\"state\":\"online\"}", 0, true},
        {ZIGBEE, 1, "{\"state\":\"offline\"}", 0, false},
        {ZIGBEE, 1, "online", ERR_INVALID, false},
        {DEFAULT(",\"avty\":{\"t\":\"a\",\"val_tpl\":\"{{'online' if value_json.value else 'offline'}}\"}"), 0,
         "{\"value\":false}", 0, false},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ha_lamp lamp;
        bool online;
        read_lamp(rows[i].announcement, &lamp);
        assert_true(rows[i].which < lamp.availability_count);
        assert_int_equal(ha_availability_read(&lamp, rows[i].which, rows[i].payload, strlen(rows[i].payload), &online),
                         rows[i].err);
        assert_true(rows[i].err != 0 || online == rows[i].online);
        ha_lamp_done(&lamp);
    }
}

/* ---- commands ---- */

static const struct light_state off = {.has = LIGHT_ON};
static const struct light_state on = {.has = LIGHT_ON, .on = true};
static const struct light_state half = {.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 5000};
static const struct light_state warm = {.has = LIGHT_ON | LIGHT_KELVIN, .on = true, .kelvin = 2703};
static const struct light_state blue = {
    .has = LIGHT_ON | LIGHT_COLOR | LIGHT_LEVEL, .on = true, .level = 5000, .hue = 24000, .saturation = 10000};

/* A colour alone does not switch on. */
static const struct light_state tint = {.has = LIGHT_COLOR, .hue = 24000, .saturation = 10000};

static void commands(void **unused)
{
    static const struct {
        const char *announcement;
        const struct light_state *patch;
        uint32_t transition_ms;
        const char *sent;
        bool fades;
    } rows[] = {
        {ESPHOME("\"rgbww\""), &blue, 0,
         "desk/light/lamp/command "
         "{\"state\":\"ON\",\"brightness\":128,\"color\":{\"r\":0,\"g\":0,\"b\":255,\"c\":0,\"w\":0}}\n",
         false},
        {ESPHOME("\"rgbww\""), &warm, 2500,
         "desk/light/lamp/command "
         "{\"state\":\"ON\",\"color\":{\"r\":0,\"g\":0,\"b\":0,\"c\":96,\"w\":159},\"transition\":2.5}\n",
         true},
        {ESPHOME("\"rgb\""), &tint, 0, "desk/light/lamp/command {\"color\":{\"r\":0,\"g\":0,\"b\":255}}\n", false},
        {DEFAULT(",\"hs_cmd_t\":\"h\""), &tint, 0, "h 240,100\n", false},
        {TASMOTA, &tint, 0, "strip/cmnd/HsbColor 240,100\n", false},
        {ESPHOME("\"rgbw\""), &blue, 0,
         "desk/light/lamp/command "
         "{\"state\":\"ON\",\"brightness\":128,\"color\":{\"r\":0,\"g\":0,\"b\":255,\"w\":0}}\n",
         false},
        {ESPHOME("\"color_temp\""), &warm, 0, "desk/light/lamp/command {\"state\":\"ON\",\"color_temp\":370}\n", false},
        {ESPHOME("\"rgb\""), &off, 3000, "desk/light/lamp/command {\"state\":\"OFF\",\"transition\":3}\n", true},
        {ZIGBEE, &half, 0, "zigbee2mqtt/Bulb/set {\"state\":\"ON\",\"brightness\":127}\n", false},
        {ZIGBEE, &blue, 0,
         "zigbee2mqtt/Bulb/set {\"state\":\"ON\",\"brightness\":127,\"color\":{\"x\":0.15,\"y\":0.06}}\n", false},
        {JSON(",\"sup_clrm\":[\"hs\"]"), &blue, 0,
         "l/set {\"state\":\"ON\",\"brightness\":128,\"color\":{\"h\":240,\"s\":100}}\n", false},
        {JSON(",\"rgb\":true"), &half, 0, "l/set {\"state\":\"ON\",\"color\":{\"r\":128,\"g\":128,\"b\":128}}\n",
         false},
        {JSON(",\"sup_clrm\":[\"color_temp\"],\"clr_temp_k\":true"), &warm, 0,
         "l/set {\"state\":\"ON\",\"color_temp\":2703}\n", false},
        {ZWAVE, &half, 1000, "zwave/5/38/0/targetValue/set 50\n", false},
        {ZWAVE, &on, 0, "zwave/5/38/0/targetValue/set 99\n", false},
        {ZWAVE, &off, 0, "zwave/5/38/0/targetValue/set OFF\n", false},
        {TASMOTA, &blue, 0, "strip/cmnd/HsbColor 240,100\nstrip/cmnd/Dimmer 50\n", false},
        {DEFAULT(",\"bri_cmd_t\":\"b\",\"clr_temp_cmd_t\":\"c\""), &warm, 0, "c 370\nl/set ON\n", false},
        {DEFAULT(",\"bri_cmd_t\":\"b\",\"on_cmd_type\":\"first\""), &half, 0, "l/set ON\nb 128\n", false},
        {DEFAULT(",\"rgb_cmd_t\":\"r\",\"rgb_cmd_tpl\":\"#{{ red }}/{{ green }}/{{ blue }}\""), &blue, 0,
         "r #0/0/128\nl/set ON\n", false},
        {DEFAULT(",\"rgb_cmd_t\":\"r\""), &half, 0, "r 128,128,128\nl/set ON\n", false},
        {DEFAULT(",\"bri_cmd_t\":\"b\",\"bri_cmd_tpl\":\"{{ {'b': value} | to_json }}\""), &half, 0,
         "b {\"b\":128}\nl/set ON\n", false},
        {DEFAULT(",\"xy_cmd_t\":\"x\",\"bri_cmd_t\":\"b\""), &blue, 0, "x 0.15,0.06\nb 128\nl/set ON\n", false},
        {DEFAULT(",\"pl_on\":true,\"pl_off\":0"), &on, 0, "l/set true\n", false},
        {SCRIPT, &half, 2000, "s/light/0/set {\"turn\":\"on\",\"brightness\":50,\"transition\":2000}\n", true},
        {SCRIPT, &off, 0, "s/light/0/set {\"turn\":\"off\"}\n", false},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ha_lamp lamp;
        struct ha_command c = {0};
        const struct light_state known = {0};
        struct str sent = STR_INIT;
        read_lamp(rows[i].announcement, &lamp);
        assert_int_equal(ha_command_write(&lamp, &known, rows[i].patch, rows[i].transition_ms, &c), 0);
        for (size_t k = 0; k < c.count; k++) {
            str_printf(&sent, "%s %.*s\n", c.messages[k].topic, (int)c.messages[k].len,
                       c.bytes.data + c.messages[k].at);
        }
        assert_string_equal(str_z(&sent), rows[i].sent);
        assert_int_equal(c.fades, rows[i].fades);
        str_done(&sent);
        str_done(&c.bytes);
        ha_lamp_done(&lamp);
    }
}

/* ---- there and back ---- */

/* What a lamp echoes of a command is its confirmation: every level of every scale that there is, every mired, and a
   grid of colours in each form, within the tolerance of the dialect. */
static void an_echo_confirms(const char *announcement, const struct light_state *patch)
{
    static struct ha_lamp lamp;
    static const char *before;
    const struct light_state known = {0};
    struct ha_command c = {0};
    struct light_state echo;
    if (announcement != before) {
        if (before) {
            ha_lamp_done(&lamp);
        }
        if (announcement) {
            read_lamp(announcement, &lamp);
        }
        before = announcement;
    }
    if (!announcement) {
        return;
    }
    assert_int_equal(ha_command_write(&lamp, &known, patch, 0, &c), 0);
    const char *bytes = c.bytes.data + c.messages[0].at;
    uint32_t channel = lamp.schema == HA_SCHEMA_JSON ? S(STATE)
                       : patch->has & LIGHT_COLOR    ? 1u << lamp.color
                       : patch->has & LIGHT_KELVIN   ? S(COLOR_TEMP)
                                                     : S(BRIGHTNESS);
    struct light_state wanted = *patch;
    wanted.has &= lamp.schema == HA_SCHEMA_JSON ? ~0u : ~(uint32_t)LIGHT_ON;
    assert_int_equal(ha_state_read(&lamp, channel, bytes, c.messages[0].len, &known, &echo), 0);
    if (!light_confirms(&wanted, &echo, &ha_tolerance)) {
        fail_msg("%s: %.*s does not confirm level %u, kelvin %u, hue %u, saturation %u", announcement,
                 (int)c.messages[0].len, bytes, patch->level, patch->kelvin, patch->hue, patch->saturation);
    }
    str_done(&c.bytes);
}

static void every_level_and_every_mired_come_back(void **unused)
{
    static const char *const scales[] = {
        JSON(",\"brightness\":true,\"bri_scl\":99"),   JSON(",\"brightness\":true,\"bri_scl\":100"),
        JSON(",\"brightness\":true,\"bri_scl\":254"),  JSON(",\"brightness\":true"),
        JSON(",\"brightness\":true,\"bri_scl\":1000"), DEFAULT(",\"bri_cmd_t\":\"b\",\"bri_scl\":65535")};
    static const char *const whites[] = {
        JSON(",\"sup_clrm\":[\"color_temp\"],\"min_mirs\":100,\"max_mirs\":600"),
        JSON(",\"sup_clrm\":[\"color_temp\"],\"clr_temp_k\":true,\"min_k\":1667,\"max_k\":10000"),
        DEFAULT(",\"clr_temp_cmd_t\":\"c\",\"min_mirs\":100,\"max_mirs\":600"),
        JSON(",\"sup_clrm\":[\"rgbww\"],\"min_mirs\":153,\"max_mirs\":500")};
    (void)unused;
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        for (unsigned level = 1; level <= LIGHT_LEVEL_MAX; level += 3) {
            const struct light_state patch = {.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = (uint16_t)level};
            an_echo_confirms(scales[i], &patch);
        }
    }
    for (size_t i = 0; i < sizeof whites / sizeof whites[0]; i++) {
        for (unsigned mired = 160; mired <= 490; mired++) {
            const struct light_state patch = {
                .has = LIGHT_ON | LIGHT_KELVIN, .on = true, .kelvin = (uint16_t)(1000000 / mired)};
            an_echo_confirms(whites[i], &patch);
        }
    }
    an_echo_confirms(NULL, NULL);
}

static void colours_come_back(void **unused)
{
    static const char *const forms[] = {
        JSON(",\"sup_clrm\":[\"hs\"]"),    JSON(",\"sup_clrm\":[\"xy\"]"),
        JSON(",\"sup_clrm\":[\"rgb\"]"),   JSON(",\"sup_clrm\":[\"rgbw\"]"),
        JSON(",\"sup_clrm\":[\"rgbww\"]"), DEFAULT(",\"hs_cmd_t\":\"c\""),
        DEFAULT(",\"xy_cmd_t\":\"c\""),    DEFAULT(",\"rgb_cmd_t\":\"c\",\"bri_cmd_t\":\"b\"")};
    (void)unused;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        for (unsigned hue = 0; hue < LIGHT_HUE_MAX; hue += 300) {
            for (unsigned saturation = 500; saturation <= LIGHT_SATURATION_MAX; saturation += 500) {
                const struct light_state patch = {.has = LIGHT_ON | LIGHT_COLOR,
                                                  .on = true,
                                                  .hue = (uint16_t)hue,
                                                  .saturation = (uint16_t)saturation};
                an_echo_confirms(forms[i], &patch);
            }
        }
    }
    an_echo_confirms(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_they_are_and_what_they_can),
        cmocka_unit_test(what_it_never_says_is_known),
        cmocka_unit_test(addresses),
        cmocka_unit_test(what_is_refused_says_why),
        cmocka_unit_test(a_device_has_components),
        cmocka_unit_test(states),
        cmocka_unit_test(availabilities),
        cmocka_unit_test(commands),
        cmocka_unit_test(every_level_and_every_mired_come_back),
        cmocka_unit_test(colours_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
