#include "sim/herald_lamp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

const struct herald_kind herald_kinds[] = {
    {"esphome-rgbct", HERALD_ESPHOME, true, true, "rgb", 255},
    {"esphome-rgbw", HERALD_ESPHOME, true, false, "rgbw", 255},
    {"esphome-rgb", HERALD_ESPHOME, true, false, "rgb", 255},
    {"esphome-ct", HERALD_ESPHOME, true, true, NULL, 255},
    {"esphome-dimmer", HERALD_ESPHOME, true, false, NULL, 255},
    {"esphome-binary", HERALD_ESPHOME, false, false, NULL, 255},
    {"plain-hs", HERALD_PLAIN, true, true, "hs", 255},
    {"plain-xy", HERALD_PLAIN, true, true, "xy", 254},
    {"plain-rgb", HERALD_PLAIN, true, false, "rgb", 100},
    {"plain-ct", HERALD_PLAIN, true, true, NULL, 1000},
    {"plain-dimmer", HERALD_PLAIN, true, false, NULL, 100},
    {"zwave-dimmer", HERALD_ZWAVE, true, false, NULL, 99},
    {"relay", HERALD_RELAY, false, false, NULL, 1},
};
const size_t herald_kind_count = sizeof herald_kinds / sizeof herald_kinds[0];

const struct herald_kind *herald_kind_find(const char *name)
{
    for (size_t i = 0; i < herald_kind_count; i++) {
        if (strcmp(herald_kinds[i].name, name) == 0) {
            return &herald_kinds[i];
        }
    }
    return NULL;
}

void herald_lamp_init(struct herald_lamp *lamp, const struct herald_kind *kind)
{
    bool xy = kind->color && strcmp(kind->color, "xy") == 0;
    bool hs = kind->color && strcmp(kind->color, "hs") == 0;
    *lamp = (struct herald_lamp){.kind = kind, .level = kind->scale, .mired = 300};
    for (size_t i = 0; i < 3; i++) {
        lamp->color[i] = xy ? 0.3127 : hs ? 0 : 255;
    }
    lamp->mode = kind->white   ? HERALD_WHITE
                 : kind->color ? HERALD_COLOR
                 : kind->level ? HERALD_BRIGHTNESS
                               : HERALD_ONOFF;
}

static size_t parts(const struct herald_lamp *lamp)
{
    const char *color = lamp->kind->color;
    return !color ? 0 : strcmp(color, "rgbw") == 0 ? 4 : strcmp(color, "rgb") == 0 ? 3 : 2;
}

/* ---- announcements ---- */

static void announce_esphome(const struct herald_lamp *lamp, const char *name, const char *mac, struct str *out)
{
    const struct herald_kind *k = lamp->kind;
    struct json_out j;
    struct str s = STR_INIT;
    json_out_init(&j, out);
    json_begin_object(&j);
    json_member_text(&j, "schema", "json");
    json_member_bool(&j, "color_mode", true);
    json_member_array(&j, "supported_color_modes");
    if (!k->level) {
        json_put_text(&j, "onoff");
    } else if (!k->white && !k->color) {
        json_put_text(&j, "brightness");
    }
    if (k->white) {
        json_put_text(&j, "color_temp");
    }
    if (k->color) {
        json_put_text(&j, k->color);
    }
    json_end_array(&j);
    if (k->level) {
        json_member_bool(&j, "brightness", true); /* its "legacy API" */
    }
    if (k->white) {
        json_put_key(&j, "min_mirs");
        json_put_raw(&j, "153.0", 5);
        json_member_int(&j, "max_mirs", 500);
    }
    json_member_text(&j, "name", "Lamp");
    str_printf(&s, "%s/light/lamp/state", name);
    json_member_text(&j, "stat_t", str_z(&s));
    str_clear(&s);
    str_printf(&s, "%s/light/lamp/command", name);
    json_member_text(&j, "cmd_t", str_z(&s));
    str_clear(&s);
    str_printf(&s, "%s/status", name);
    json_member_text(&j, "avty_t", str_z(&s));
    json_member_text(&j, "uniq_id", "ESPlightlamp"); /* the same in each device: only the MAC tells them apart */
    json_member_object(&j, "dev");
    json_member_text(&j, "ids", mac);
    json_member_text(&j, "name", name);
    json_member_text(&j, "sw", "2026.1.0");
    json_member_text(&j, "mf", "Espressif");
    json_member_array(&j, "cns");
    json_begin_array(&j);
    json_put_text(&j, "mac");
    json_put_text(&j, mac);
    json_end_array(&j);
    json_end_array(&j);
    json_end_object(&j);
    json_end_object(&j);
    str_done(&s);
}

/* The default schema in its long names, with ~, a list of availabilities and templates. */
static void announce_plain(const struct herald_lamp *lamp, const char *name, const char *mac, struct str *out)
{
    const struct herald_kind *k = lamp->kind;
    str_printf(out,
               "{\"~\":\"%s\",\"name\":null,\"unique_id\":\"plain_%s\",\"command_topic\":\"~/power/set\","
               "\"state_topic\":\"~/power\",\"on_command_type\":\"first\","
               "\"brightness_command_topic\":\"~/level/set\",\"brightness_state_topic\":\"~/level\","
               "\"brightness_scale\":%u,",
               name, mac, k->scale);
    if (k->white) {
        str_add_z(out,
                  "\"color_temp_command_topic\":\"~/temperature/set\",\"color_temp_state_topic\":\"~/temperature\","
                  "\"color_temp_value_template\":\"{{ value_json.mired | is_defined }}\",\"min_mireds\":150,"
                  "\"max_mireds\":500,");
    }
    if (k->color) {
        str_printf(out, "\"%s_command_topic\":\"~/color/set\",\"%s_state_topic\":\"~/color\",", k->color, k->color);
    }
    if (k->white && k->color) {
        str_add_z(out, "\"color_mode_state_topic\":\"~/mode\",");
    }
    str_printf(
        out,
        "\"availability\":[{\"topic\":\"~/alive\",\"value_template\":\"{{ 'online' if value_json.up else "
        "'offline' }}\"}],\"availability_mode\":\"all\",\"device\":{\"identifiers\":[\"plain_%s\"],\"name\":\"%s\","
        "\"manufacturer\":\"Plain\"}}",
        mac, name);
}

static void announce_zwave(const char *name, const char *mac, struct str *out)
{
    str_printf(out,
               "{\"state_topic\":\"%s/38/0/currentValue\",\"command_topic\":\"%s/38/0/targetValue/set\","
               "\"state_value_template\":\"{{ \\\"OFF\\\" if value_json.value == 0 else \\\"ON\\\" }}\","
               "\"brightness_command_topic\":\"%s/38/0/targetValue/set\",\"brightness_scale\":99,"
               "\"brightness_state_topic\":\"%s/38/0/currentValue\","
               "\"brightness_value_template\":\"{{ value_json.value }}\",\"on_command_type\":\"brightness\","
               "\"availability\":[{\"payload_available\":\"true\",\"payload_not_available\":\"false\","
               "\"topic\":\"%s/status\",\"value_template\":\"{{ 'true' if value_json.value else 'false' }}\"}],"
               "\"availability_mode\":\"all\",\"device\":{\"identifiers\":[\"zwavejs2mqtt_%s\"],\"name\":\"%s\"},"
               "\"name\":\"dimmer\",\"unique_id\":\"zwavejs2mqtt_%s_38-0-currentValue\"}",
               name, name, name, name, name, mac, name, mac);
}

static void announce_relay(const char *name, const char *mac, struct str *out)
{
    str_printf(out,
               "{\"dev\":{\"ids\":[\"%s\"],\"name\":\"%s\"},\"o\":{\"name\":\"herald\"},\"avty_t\":\"%s/alive\","
               "\"avty_tpl\":\"{{ 'online' if value_json.up else 'offline' }}\",\"cmps\":{"
               "\"relay\":{\"p\":\"switch\",\"name\":null,\"cmd_t\":\"%s/power/set\",\"stat_t\":\"%s/power\","
               "\"pl_on\":true,\"pl_off\":false,\"uniq_id\":\"relay_%s\"},"
               "\"signal\":{\"p\":\"sensor\",\"stat_t\":\"%s/rssi\",\"uniq_id\":\"rssi_%s\"}}}",
               mac, name, name, name, name, mac, name, mac);
}

void herald_announcement(const struct herald_lamp *lamp, const char *name, const char *mac, struct str *ret_topic,
                         struct str *ret_payload)
{
    switch (lamp->kind->family) {
    case HERALD_ESPHOME:
        str_printf(ret_topic, "light/%s/lamp/config", name);
        announce_esphome(lamp, name, mac, ret_payload);
        break;
    case HERALD_PLAIN:
        str_printf(ret_topic, "light/%s/config", name);
        announce_plain(lamp, name, mac, ret_payload);
        break;
    case HERALD_ZWAVE:
        str_printf(ret_topic, "light/%s/dimmer/config", name);
        announce_zwave(name, mac, ret_payload);
        break;
    case HERALD_RELAY:
        str_printf(ret_topic, "device/%s/config", name);
        announce_relay(name, mac, ret_payload);
        break;
    }
}

const char *herald_availability(const struct herald_lamp *lamp, bool there, const char **ret_payload)
{
    static const char *const payloads[][2] = {[HERALD_ESPHOME] = {"offline", "online"},
                                              [HERALD_PLAIN] = {"{\"up\":false}", "{\"up\":true}"},
                                              [HERALD_ZWAVE] = {"{\"value\":false}", "{\"value\":true}"},
                                              [HERALD_RELAY] = {"{\"up\":false}", "{\"up\":true}"}};
    enum herald_family family = lamp->kind->family;
    *ret_payload = payloads[family][there];
    return family == HERALD_ESPHOME || family == HERALD_ZWAVE ? "status" : "alive";
}

/* ---- commands ---- */

static bool number_of(const struct json *object, const char *key, double max, double *ret_value)
{
    double value;
    if (json_number(json_get(object, key), &value) != 0 || value < 0 || value > max) {
        return false;
    }
    *ret_value = value;
    return true;
}

/* LightJSONSchema::parse_color_json and LightCall: a level of 0 is off, a colour lights in its mode. */
static void obey_esphome(struct herald_lamp *lamp, const struct json *root)
{
    static const char *const names[] = {"r", "g", "b", "w"};
    const struct json *color = json_get(root, "color");
    const char *state = json_get_text(root, "state");
    double value;
    bool lit = false;
    if (state) {
        lamp->on = strcmp(state, "ON") == 0 || (strcmp(state, "OFF") != 0 && lamp->on);
    }
    if (lamp->kind->level && number_of(root, "brightness", 255, &value)) {
        lamp->on = value > 0;
        lamp->level = value > 0 ? (uint16_t)value : lamp->level;
    }
    for (size_t i = 0; i < parts(lamp); i++) {
        lit = number_of(color, names[i], 255, &lamp->color[i]) || lit;
    }
    if (lit) {
        lamp->mode = HERALD_COLOR;
    } else if (lamp->kind->white && number_of(root, "color_temp", 65535, &value)) {
        lamp->mode = HERALD_WHITE;
        lamp->mired = (uint16_t)fmin(fmax(value, 153), 500);
    }
}

static bool is(const char *payload, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(payload, word, len) == 0;
}

static void obey_plain(struct herald_lamp *lamp, const char *channel, const char *text)
{
    char *end;
    if (strcmp(channel, "power") == 0) {
        lamp->on = strcmp(text, "ON") == 0 || strcmp(text, "true") == 0;
    } else if (strcmp(channel, "level") == 0) {
        long level = strtol(text, NULL, 10);
        lamp->on = level > 0;
        lamp->level = level > 0 ? (uint16_t)(level > lamp->kind->scale ? lamp->kind->scale : level) : lamp->level;
    } else if (strcmp(channel, "temperature") == 0) {
        lamp->mired = (uint16_t)strtol(text, NULL, 10);
        lamp->mode = HERALD_WHITE;
    } else if (strcmp(channel, "color") == 0) {
        for (size_t i = 0; i < parts(lamp); i++, text = *end == ',' ? end + 1 : end) {
            lamp->color[i] = strtod(text, &end);
        }
        lamp->mode = HERALD_COLOR;
    }
}

bool herald_obey(struct herald_lamp *lamp, const char *tail, const char *payload, size_t len)
{
    static const char set[] = "/set";
    char channel[32], text[64];
    size_t tail_len = strlen(tail);
    if (lamp->kind->family == HERALD_ESPHOME) {
        struct json *root = NULL;
        bool command = strcmp(tail, "light/lamp/command") == 0 && json_parse(payload, len, 4096, &root, NULL) == 0;
        if (command) {
            obey_esphome(lamp, root);
        }
        json_free(root);
        return command;
    }
    if (tail_len < sizeof set || tail_len >= sizeof channel || strcmp(tail + tail_len - 4, set) != 0 ||
        len >= sizeof text) {
        return false;
    }
    (void)snprintf(channel, sizeof channel, "%.*s", (int)(tail_len - 4), tail);
    (void)snprintf(text, sizeof text, "%.*s", (int)len, payload);
    if (lamp->kind->family == HERALD_ZWAVE) { /* Gateway.parsePayload: OFF is false, and false is 0 */
        long value = is(payload, len, "OFF") ? 0 : is(payload, len, "ON") ? 99 : strtol(text, NULL, 10);
        lamp->on = value > 0;
        lamp->level = value > 0 ? (uint16_t)(value > 99 ? 99 : value) : lamp->level;
    } else {
        obey_plain(lamp, channel, text);
    }
    return true;
}

/* ---- states ---- */

static struct str *say(struct herald_words *words, const char *tail)
{
    words->said[words->count].tail = tail;
    words->said[words->count].payload = STR_INIT;
    return &words->said[words->count++].payload;
}

/* LightJSONSchema::dump_json */
static void write_esphome(const struct herald_lamp *lamp, struct str *out)
{
    static const char *const names[] = {"r", "g", "b", "w"};
    static const char *const modes[] = {"onoff", "brightness", "color_temp"};
    struct json_out j;
    json_out_init(&j, out);
    json_begin_object(&j);
    json_member_text(&j, "color_mode", lamp->mode == HERALD_COLOR ? lamp->kind->color : modes[lamp->mode]);
    json_member_text(&j, "state", lamp->on ? "ON" : "OFF");
    if (lamp->kind->level) {
        json_member_int(&j, "brightness", lamp->level);
    }
    json_member_object(&j, "color");
    for (size_t i = 0; lamp->mode == HERALD_COLOR && i < parts(lamp); i++) {
        json_member_int(&j, names[i], lround(lamp->color[i]));
    }
    json_end_object(&j);
    if (lamp->mode == HERALD_WHITE) {
        json_member_int(&j, "color_temp", lamp->mired);
    }
    json_end_object(&j);
}

static void write_plain(const struct herald_lamp *lamp, struct herald_words *w)
{
    struct str *out;
    str_add_z(say(w, "power"), lamp->on ? "ON" : "OFF");
    str_printf(say(w, "level"), "%u", lamp->level);
    if (lamp->kind->white && lamp->kind->color) {
        str_add_z(say(w, "mode"), lamp->mode == HERALD_COLOR ? lamp->kind->color : "color_temp");
    }
    if (lamp->mode == HERALD_WHITE) {
        str_printf(say(w, "temperature"), "{\"mired\":%u}", lamp->mired);
    } else if (lamp->mode == HERALD_COLOR) {
        out = say(w, "color");
        for (size_t i = 0; i < parts(lamp); i++) {
            str_printf(out, "%s%.4g", i > 0 ? "," : "", lamp->color[i]);
        }
    }
}

void herald_states(const struct herald_lamp *lamp, struct herald_words *ret_words)
{
    ret_words->count = 0;
    switch (lamp->kind->family) {
    case HERALD_ESPHOME:
        write_esphome(lamp, say(ret_words, "light/lamp/state"));
        break;
    case HERALD_PLAIN:
        write_plain(lamp, ret_words);
        break;
    case HERALD_ZWAVE:
        str_printf(say(ret_words, "38/0/currentValue"), "{\"time\":1700000000000,\"value\":%u}",
                   lamp->on ? lamp->level : 0u);
        break;
    case HERALD_RELAY:
        str_add_z(say(ret_words, "power"), lamp->on ? "true" : "false");
        break;
    }
}

void herald_words_done(struct herald_words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        str_done(&words->said[i].payload);
    }
    words->count = 0;
}
