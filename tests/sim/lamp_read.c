/* What people and bridges write to <name>/set and <name>/get. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "sim/lamp.h"

struct reading {
    const struct json *message;
    const struct lamp *lamp;
    struct lamp_command *command;
    const char *const *effects;
};

/* Each takes one value; NULL, or why not, with %s where the whole message goes. */
typedef const char *take_fn(struct reading *r, const struct json *value);

static bool to_number(const struct json *value, double *ret)
{
    if (json_number(value, ret) == 0) {
        return true;
    }
    const char *text = json_text(value);
    char *end;
    if (!text || !*text) {
        return false;
    }
    *ret = strtod(text, &end);
    return !*end && isfinite(*ret);
}

static const char *take_state(struct reading *r, const struct json *value)
{
    static const char *const words[] = {[LAMP_OFF] = "off", [LAMP_ON] = "on", [LAMP_TOGGLE] = "toggle"};
    const char *text = json_text(value);
    if (json_is_null(value)) {
        return NULL; /* "leave it as it is": for those who send a level only */
    }
    for (uint8_t i = 0; text && i < 3; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            r->command->has |= LAMP_STATE;
            r->command->state = i;
            return NULL;
        }
    }
    return "State value of message: '%s' invalid, must be 'ON', 'OFF' or 'TOGGLE'";
}

static const char *set_level(struct reading *r, double level)
{
    if (level == 255) {
        level = LAMP_LEVEL_MAX; /* as it always took it */
    }
    if (!(level >= 0 && level <= LAMP_LEVEL_MAX)) {
        return "Brightness value of message: '%s' invalid, must be a number >= 0 and =< 254";
    }
    r->command->has |= LAMP_LEVEL;
    r->command->level = (uint8_t)lround(level);
    return NULL;
}

static const char *take_level(struct reading *r, const struct json *value)
{
    double level = -1;
    return json_is_null(value) ? NULL : set_level(r, to_number(value, &level) ? level : -1);
}

static const char *take_percent(struct reading *r, const struct json *value)
{
    double percent = -1;
    return set_level(r, to_number(value, &percent) ? percent * 255 / 100 : -1);
}

static const char *take_level_step(struct reading *r, const struct json *value)
{
    double step;
    if (!to_number(value, &step) || fabs(step) > 1000) {
        return "brightness_step must be a number: '%s'";
    }
    r->command->has |= LAMP_STEP;
    r->command->step = (int16_t)lround(step);
    return NULL;
}

static const char *set_temperature(struct reading *r, double mired)
{
    double coolest = r->lamp->part->coolest;
    r->command->has = (r->command->has & ~(uint32_t)LAMP_COLOR) | LAMP_TEMP;
    r->command->mired = (uint16_t)fmin(fmax(mired, coolest), r->lamp->part->warmest);
    return NULL;
}

static const char *take_temperature(struct reading *r, const struct json *value)
{
    const struct {
        const char *name;
        double mired;
    } presets[] = {{"coolest", r->lamp->part->coolest},
                   {"cool", 250},
                   {"neutral", 370},
                   {"warm", 454},
                   {"warmest", r->lamp->part->warmest}};
    const char *text = json_text(value);
    double mired;
    for (size_t i = 0; text && i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(text, presets[i].name) == 0) {
            return set_temperature(r, presets[i].mired);
        }
    }
    return to_number(value, &mired) ? set_temperature(r, mired) : "value is not a number: '%s'";
}

static const char *take_temperature_percent(struct reading *r, const struct json *value)
{
    double span = r->lamp->part->warmest - r->lamp->part->coolest;
    double percent;
    return to_number(value, &percent) ? set_temperature(r, r->lamp->part->coolest + span * percent / 100)
                                      : "value is not a number: '%s'";
}

/* 0..max, or -1 where neither name has a number that is not negative. */
static double member(const struct json *object, const char *a, const char *b, double max)
{
    double value;
    const struct json *v = json_get(object, a);
    return to_number(v ? v : json_get(object, b), &value) && value >= 0 ? fmin(value, max) : -1;
}

static bool read_color(struct lamp_command *c, const struct json *value)
{
    const char *hex = json_text(value) ? json_text(value) : json_get_text(value, "hex");
    double x = member(value, "x", "x", 1);
    double y = member(value, "y", "y", 1);
    double red = member(value, "r", "red", 255);
    double green = member(value, "g", "green", 255);
    double blue = member(value, "b", "blue", 255);
    c->by_hs = false;
    if (hex) {
        unsigned long bits = strtoul(hex + (*hex == '#'), NULL, 16);
        c->xy =
            cie_from_rgb((double)(bits >> 16 & 255) / 255, (double)(bits >> 8 & 255) / 255, (double)(bits & 255) / 255);
        return true;
    }
    if (x >= 0 && y >= 0) {
        c->xy = (struct cie_xy){x, y};
        return true;
    }
    if (red >= 0 && green >= 0 && blue >= 0) {
        c->xy = cie_from_rgb(red / 255, green / 255, blue / 255);
        return true;
    }
    c->by_hs = true;
    c->hs = (struct cie_hs){member(value, "hue", "h", 3600), member(value, "saturation", "s", 100)};
    return c->hs.hue >= 0 || c->hs.saturation >= 0;
}

static const char *take_color(struct reading *r, const struct json *value)
{
    if (!read_color(r->command, value)) {
        return "Invalid color";
    }
    r->command->has = (r->command->has & ~(uint32_t)LAMP_TEMP) | LAMP_COLOR;
    return NULL;
}

static const char *take_effect(struct reading *r, const struct json *value)
{
    const char *text = json_text(value);
    for (const char *const *e = r->effects; text && *e; e++) {
        if (strcmp(text, *e) == 0) {
            return NULL;
        }
    }
    return "Value: effect not found in: [blink, breathe, okay, channel_change, finish_effect, stop_effect]";
}

static const char *take_and_ignore(struct reading *r, const struct json *value)
{
    (void)r;
    (void)value;
    return NULL;
}

#define ANY 0u
static const struct key_row {
    const char *name;
    uint32_t needs; /* one of these features; ANY: all lamps and plugs take it */
    take_fn *take;
    bool shown; /* may be asked for by /get */
} key_rows[] = {
    {"state", ANY, take_state, true},
    {"brightness", FEATURE_LEVEL, take_level, true},
    {"brightness_percent", FEATURE_LEVEL, take_percent, true},
    {"brightness_step", FEATURE_LEVEL, take_level_step, false},
    {"color_temp", FEATURE_TEMP, take_temperature, true},
    {"color_temp_percent", FEATURE_TEMP, take_temperature_percent, true},
    {"color", FEATURE_COLOR, take_color, true},
    {"transition", FEATURE_LEVEL, take_and_ignore, false},
    {"effect", FEATURE_LEVEL, take_effect, false},
    {"power_on_behavior", ANY, take_and_ignore, true},
    {"identify", ANY, take_and_ignore, false},
    {"on_time", ANY, take_and_ignore, false},
    {"off_wait_time", ANY, take_and_ignore, false},
    {"color_temp_startup", FEATURE_STARTUP, take_and_ignore, true},
    {"level_config", FEATURE_CONF, take_and_ignore, true},
    {"min_brightness", FEATURE_LOWEST, take_and_ignore, true},
    {"max_brightness", FEATURE_HIGHEST, take_and_ignore, true},
};

static const struct key_row *find_row(const struct lamp *lamp, const char *key, size_t len)
{
    for (size_t i = 0; i < sizeof key_rows / sizeof key_rows[0]; i++) {
        const struct key_row *row = &key_rows[i];
        if (strlen(row->name) == len && memcmp(row->name, key, len) == 0) {
            return row->needs == ANY || (lamp->part->features & row->needs) ? row : NULL;
        }
    }
    return NULL;
}

/* "brightness_l2" is brightness of the lamp at l2; a key without one of the endpoints is the target's. */
static size_t split_key(const struct lamp lamps[], size_t count, size_t target, const char *key, size_t *ret_len)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < count; i++) {
        size_t suffix = strlen(lamps[i].suffix);
        if (suffix && len > suffix && strcmp(key + len - suffix, lamps[i].suffix) == 0) {
            *ret_len = len - suffix;
            return i;
        }
    }
    *ret_len = len;
    return target;
}

static void no_converter(const char *key, const struct json *value, const char *name, lamp_error_fn *fail, void *user)
{
    struct str message = STR_INIT;
    str_printf(&message, "No converter available for '%s' on '%s': (", key, name);
    json_copy(&message, value);
    str_add_z(&message, ")");
    fail(user, str_z(&message));
    str_done(&message);
}

static void publish_failed(const char *key, size_t key_len, const char *why, const struct json *document,
                           const char *name, lamp_error_fn *fail, void *user)
{
    struct str message = STR_INIT;
    const char *hole = strstr(why, "%s");
    str_printf(&message, "Publish 'set' '%.*s' to '%s' failed: 'Error: ", (int)key_len, key, name);
    str_add(&message, why, hole ? (size_t)(hole - why) : strlen(why));
    if (hole) {
        json_copy(&message, document);
        str_add_z(&message, hole + 2);
    }
    str_add_z(&message, "'");
    fail(user, str_z(&message));
    str_done(&message);
}

void lamp_read_set(const struct json *message, const struct lamp lamps[], size_t count, size_t target, const char *name,
                   const char *const *effects, lamp_error_fn *fail, void *user, struct lamp_command ret_commands[])
{
    double seconds = 0;
    bool timed = to_number(json_get(message, "transition"), &seconds) && seconds >= 0 && seconds < 6554;
    for (size_t i = 0; i < count; i++) {
        ret_commands[i] =
            (struct lamp_command){.timed = timed, .transition_ms = timed ? (uint32_t)(seconds * 1000) : 0};
    }
    for (const struct json *m = json_first(message); m; m = json_next(m)) {
        size_t len;
        size_t i = split_key(lamps, count, target, json_key(m), &len);
        const struct key_row *row = find_row(&lamps[i], json_key(m), len);
        struct reading r = {message, &lamps[i], &ret_commands[i], effects};
        const char *why = row ? row->take(&r, m) : NULL;
        if (!row) {
            no_converter(json_key(m), m, name, fail, user);
        } else if (why) {
            publish_failed(json_key(m), len, why, message, name, fail, user);
        }
    }
}

bool lamp_can_get(const struct lamp lamps[], size_t count, const char *key, const char *name, lamp_error_fn *fail,
                  void *user)
{
    char message[256];
    size_t len;
    size_t i = split_key(lamps, count, 0, key, &len);
    const struct key_row *row = find_row(&lamps[i], key, len);
    uint32_t hidden = row && row->take == take_state ? FEATURE_NO_GET : FEATURE_NO_GET | FEATURE_LEVEL_NO_GET;
    if (row && row->shown && !(lamps[i].part->features & hidden)) {
        return true;
    }
    if (row) {
        snprintf(message, sizeof message, "No converter available for 'get' '%.64s' ()", key);
    } else {
        snprintf(message, sizeof message, "No converter available for '%.64s' on '%.64s': (\"\")", key, name);
    }
    fail(user, message);
    return false;
}
