/* Messages of Zigbee2MQTT: states, commands, questions, availability, errors. State messages are walked without a tree:
   they come by the thousand. */
#include "mqtt/z2m_codec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "model/color.h"

/* Lamps count in 254 steps, mireds, and hues of 1.4 degrees, and a colour goes to xy and back on the way. */
const struct light_tolerance z2m_tolerance = {.level = 80, .kelvin_mired = 3, .hue = 600, .saturation = 800};

/* ---- states ---- */

/* What a state message says of one lamp, before it is put together. */
struct words {
    struct json_bytes state, brightness, color_temp, color, color_mode; /* len 0: not said */
};

static void take_word(struct words *w, const struct z2m_lamp *lamp, const struct json_bytes *key,
                      const struct json_bytes *value)
{
    if (json_bytes_key(key, lamp->state)) {
        w->state = *value;
    } else if (json_bytes_key(key, lamp->brightness)) {
        w->brightness = *value;
    } else if (json_bytes_key(key, lamp->color_temp)) {
        w->color_temp = *value;
    } else if (json_bytes_key(key, lamp->color)) {
        w->color = *value;
    } else if (json_bytes_key(key, lamp->color_mode)) {
        w->color_mode = *value;
    }
}

static bool text_is(const struct json_bytes *value, const char *text)
{
    size_t len = strlen(text);
    return value->len == len + 2 && value->at[0] == '"' && strncasecmp(value->at + 1, text, len) == 0;
}

static void read_on(const struct words *w, struct light_state *patch)
{
    bool on = text_is(&w->state, "ON") || (w->state.len == 4 && memcmp(w->state.at, "true", 4) == 0);
    bool off = text_is(&w->state, "OFF") || (w->state.len == 5 && memcmp(w->state.at, "false", 5) == 0);
    if (on || off) {
        patch->has |= LIGHT_ON;
        patch->on = on;
    }
}

/* The state wins: "OFF, brightness 128" is off, and what is off or dims away has no level of its own. */
static void read_level(const struct words *w, const struct z2m_lamp *lamp, struct light_state *patch)
{
    double steps;
    if (json_bytes_number(&w->brightness, &steps) != 0 || steps < 0) {
        return;
    }
    uint32_t step = steps >= lamp->brightness_max ? lamp->brightness_max : (uint32_t)lround(steps);
    if (step > 0) {
        patch->has |= LIGHT_LEVEL;
        patch->level = color_level_from_steps(step, lamp->brightness_max);
    } else if (!(patch->has & LIGHT_ON) && (lamp->profile.can & LIGHT_ON)) {
        patch->has |= LIGHT_ON;
        patch->on = false;
    } else if (!(lamp->profile.can & LIGHT_ON)) {
        patch->has |= LIGHT_LEVEL; /* a lamp without on/off is off by its level */
        patch->level = 0;
    }
}

struct color_words {
    double x, y, hue, saturation; /* negative: not said */
};

/* Members are x, y, hue and saturation; some definitions name them with the endpoint behind (x_l1). */
static void read_color_words(const struct json_bytes *color, const char *endpoint, struct color_words *c)
{
    static const char *const names[] = {"x", "y", "hue", "saturation"};
    double *const members[] = {&c->x, &c->y, &c->hue, &c->saturation};
    struct json_walk walk;
    struct json_bytes key, value;
    size_t tail = endpoint[0] ? strlen(endpoint) + 1 : 0;
    *c = (struct color_words){-1, -1, -1, -1};
    if (!json_walk_into(&walk, color)) {
        return;
    }
    while (json_walk_next(&walk, &key, &value)) {
        if (tail > 0 && key.len > tail && key.at[key.len - tail] == '_' &&
            memcmp(key.at + key.len - tail + 1, endpoint, tail - 1) == 0) {
            key.len -= tail;
        }
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (json_bytes_key(&key, names[i]) && json_bytes_number(&value, members[i]) != 0) {
                *members[i] = -1;
            }
        }
    }
}

static bool color_from_hs(const struct color_words *c, struct light_state *patch)
{
    if (c->hue < 0 || c->saturation < 0 || c->hue > 360) {
        return false;
    }
    patch->hue = (uint16_t)(lround(c->hue * 100) % (long)LIGHT_HUE_MAX);
    patch->saturation = (uint16_t)(c->saturation >= 100 ? (long)LIGHT_SATURATION_MAX : lround(c->saturation * 100));
    return true;
}

static bool color_from_xy(const struct color_words *c, struct light_state *patch)
{
    if (c->x < 0 || c->y <= 0 || c->x > 1 || c->y > 1) {
        return false;
    }
    color_hs_from_xy(c->x, c->y, &patch->hue, &patch->saturation);
    return true;
}

/* hs says whether hue and saturation are the lamp's own words here, and xy follows from them, or the reverse. */
static void read_color(const struct words *w, const struct z2m_lamp *lamp, bool hs, struct light_state *patch)
{
    struct color_words c;
    read_color_words(&w->color, lamp->endpoint, &c);
    bool known = hs ? color_from_hs(&c, patch) || color_from_xy(&c, patch)
                    : color_from_xy(&c, patch) || color_from_hs(&c, patch);
    if (known) {
        patch->has |= LIGHT_COLOR | LIGHT_MODE;
        patch->mode = LIGHT_MODE_COLOR;
    }
}

static void read_kelvin(const struct words *w, struct light_state *patch)
{
    double mired;
    if (json_bytes_number(&w->color_temp, &mired) == 0 && mired >= 1) {
        patch->has |= LIGHT_KELVIN | LIGHT_MODE;
        patch->mode = LIGHT_MODE_WHITE;
        patch->kelvin = color_kelvin_from_mired(mired);
    }
}

/* The colour mode says which of colour and temperature is lit; Zigbee2MQTT rewrites the other one to match
   (color_sync). Without a mode a temperature is believed first. */
static void read_light(const struct words *w, const struct z2m_lamp *lamp, struct light_state *patch)
{
    bool can_color = (lamp->profile.can & LIGHT_COLOR) != 0;
    bool can_kelvin = (lamp->profile.can & LIGHT_KELVIN) != 0;
    bool hs = text_is(&w->color_mode, "hs");
    if (can_color && (hs || text_is(&w->color_mode, "xy"))) {
        read_color(w, lamp, hs, patch);
        return;
    }
    if (can_kelvin) {
        read_kelvin(w, patch);
    }
    if (can_color && !(patch->has & LIGHT_KELVIN) && !text_is(&w->color_mode, "color_temp")) {
        read_color(w, lamp, lamp->hs && (lamp->prefer_hs || !lamp->xy), patch);
    }
}

int z2m_read_state(const char *bytes, size_t len, const struct z2m_lamp *const *lamps, size_t count,
                   struct light_state *ret_patches)
{
    struct words words[Z2M_MAX_LAMPS];
    struct json_walk walk;
    struct json_bytes key, value;
    int err = json_walk_init(&walk, bytes, len, Z2M_MAX_STATE, NULL);
    if (err != 0) {
        return err;
    }
    memset(words, 0, count * sizeof words[0]);
    while (json_walk_next(&walk, &key, &value)) {
        for (size_t i = 0; i < count && key.len > 0; i++) {
            take_word(&words[i], lamps[i], &key, &value);
        }
    }
    for (size_t i = 0; i < count; i++) {
        ret_patches[i] = (struct light_state){0};
        read_on(&words[i], &ret_patches[i]);
        read_level(&words[i], lamps[i], &ret_patches[i]);
        read_light(&words[i], lamps[i], &ret_patches[i]);
    }
    return 0;
}

/* ---- commands and questions ---- */

static void put_color(struct json_out *j, const struct z2m_lamp *lamp, const struct light_state *patch)
{
    json_member_object(j, lamp->color);
    if (lamp->hs && (lamp->prefer_hs || !lamp->xy)) {
        json_put_key(j, "hue");
        json_put_fixed(j, patch->hue, 2);
        json_put_key(j, "saturation");
        json_put_fixed(j, patch->saturation, 2);
    } else {
        double x, y;
        color_xy_from_hs(patch->hue, patch->saturation, &x, &y);
        json_put_key(j, "x");
        json_put_fixed(j, lround(x * 10000), 4);
        json_put_key(j, "y");
        json_put_fixed(j, lround(y * 10000), 4);
    }
    json_end_object(j);
}

static int64_t mired_of(const struct z2m_lamp *lamp, uint16_t kelvin)
{
    uint16_t mired = color_mired_from_kelvin(kelvin);
    return mired < lamp->min_mired ? lamp->min_mired : mired > lamp->max_mired ? lamp->max_mired : mired;
}

void z2m_write_set(struct str *out, const struct z2m_lamp *lamp, const struct light_state *patch,
                   uint32_t transition_ms)
{
    struct json_out j;
    uint32_t has = patch->has & lamp->profile.can;
    json_out_init(&j, out);
    json_begin_object(&j);
    if (has & LIGHT_ON) {
        json_member_text(&j, lamp->state, patch->on ? "ON" : "OFF");
    }
    if (has & LIGHT_LEVEL) {
        json_member_int(&j, lamp->brightness, color_level_to_steps(patch->level, lamp->brightness_max));
    }
    /* One of both: of two in one message Zigbee2MQTT drops one. */
    if (has & LIGHT_KELVIN) {
        json_member_int(&j, lamp->color_temp, mired_of(lamp, patch->kelvin));
    } else if ((has & LIGHT_COLOR) == LIGHT_COLOR) {
        put_color(&j, lamp, patch);
    }
    if (transition_ms > 0) {
        json_put_key(&j, "transition"); /* seconds; the radio counts tenths */
        json_put_fixed(&j, transition_ms, 3);
    }
    json_end_object(&j);
}

void z2m_write_get(struct str *out, const struct z2m_lamp *lamp)
{
    const struct {
        bool can;
        const char *key;
    } rows[] = {{lamp->get_state, lamp->state},
                {lamp->get_brightness, lamp->brightness},
                {lamp->get_color_temp, lamp->color_temp},
                {lamp->get_color, lamp->color}};
    struct json_out j;
    bool any = false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].can) {
            continue; /* a key that cannot be asked for is an error in Zigbee2MQTT's log */
        }
        if (!any) {
            json_out_init(&j, out);
            json_begin_object(&j);
            any = true;
        }
        json_member_text(&j, rows[i].key, "");
    }
    if (any) {
        json_end_object(&j);
    }
}

/* ---- bridge/state, availability ---- */

int z2m_read_online(const char *bytes, size_t len, bool *ret_online)
{
    struct json_walk walk;
    struct json_bytes key, value;
    while (len > 0 && strchr(" \t\r\n", bytes[len - 1])) {
        len--;
    }
    if (len == 6 && memcmp(bytes, "online", 6) == 0) {
        *ret_online = true;
        return 0;
    }
    if (len == 7 && memcmp(bytes, "offline", 7) == 0) {
        *ret_online = false;
        return 0;
    }
    if (json_walk_init(&walk, bytes, len, Z2M_MAX_ONLINE, NULL) != 0) {
        return ERR_INVALID;
    }
    while (json_walk_next(&walk, &key, &value)) {
        if (json_bytes_key(&key, "state") &&
            (json_bytes_text(&value, "online") || json_bytes_text(&value, "offline"))) {
            *ret_online = json_bytes_text(&value, "online");
            return 0;
        }
    }
    return ERR_INVALID;
}

/* ---- bridge/logging ---- */

/* What adapters and zigbee-herdsman say when a lamp does not answer. */
static const char *const silence[] = {
    "timeout",          "timed out",
    "delivery failed",  "failed to deliver",
    "no ack",           "no_ack",
    "no network route", "no_route",
    "did not respond",  "not responding",
    "not respond",      "unreachable",
    "route error",      "expired",
    "no route",         "noack",
    "channel access",   "data request failed",
};

static bool speaks_of_silence(const char *message)
{
    for (size_t i = 0; i < sizeof silence / sizeof silence[0]; i++) {
        if (strcasestr(message, silence[i])) {
            return true;
        }
    }
    return false;
}

/* Takes what stands between the words: "...BEFORE name AFTER...". */
static bool take_name(const char *message, const char *before, const char *after, char ret_name[Z2M_NAME])
{
    const char *from = strstr(message, before);
    const char *to = from ? strstr(from + strlen(before), after) : NULL;
    if (!to) {
        return false;
    }
    from += strlen(before);
    if (to == from || (size_t)(to - from) >= Z2M_NAME) {
        return false;
    }
    memcpy(ret_name, from, (size_t)(to - from));
    ret_name[to - from] = 0;
    return true;
}

/* The members of a command that a key of Zigbee2MQTT stands for; it is named without its endpoint. */
static uint32_t members_of(const char *key)
{
    static const struct {
        const char *key;
        uint32_t members;
    } rows[] = {
        {"state", LIGHT_ON},
        {"brightness", LIGHT_LEVEL | LIGHT_ON},
        {"color_temp", LIGHT_KELVIN},
        {"color", LIGHT_COLOR},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i].key);
        if (strncmp(key, rows[i].key, len) == 0 && (key[len] == 0 || key[len] == '_')) {
            return rows[i].members;
        }
    }
    return 0;
}

static bool read_failure(const char *message, struct z2m_failure *failure)
{
    /* In the words of Zigbee2MQTT's publish extension; names may have quotes in them. */
    static const struct {
        const char *begins, *before, *after;
    } forms[] = {
        {"Publish 'set' '", "' to '", "' failed"},
        {"No converter available for '", "' on '", "':"},
        {"Entity '", "Entity '", "' is unknown"},
        {"Device '", "Device '", "' has no endpoint"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        size_t len = strlen(forms[i].begins);
        if (strncmp(message, forms[i].begins, len) != 0 ||
            !take_name(message, forms[i].before, forms[i].after, failure->name)) {
            continue;
        }
        char key[Z2M_NAME] = "";
        if (i < 2) { /* these name the key */
            (void)take_name(message, forms[i].begins, "'", key);
        }
        failure->members = members_of(key);
        failure->unanswered = i == 0 && speaks_of_silence(message);
        return true;
    }
    return false;
}

bool z2m_read_logging(const char *bytes, size_t len, struct z2m_failure *ret_failure, struct str *ret_why)
{
    struct json *root = NULL;
    bool found = false;
    /* Most lines are no errors: they are not worth a tree. */
    if (len > Z2M_MAX_STATE || !memmem(bytes, len, "\"error\"", 7) ||
        json_parse(bytes, len, Z2M_MAX_STATE, &root, NULL) != 0) {
        return false;
    }
    const char *level = json_get_text(root, "level");
    const char *message = json_get_text(root, "message");
    if (level && message && strcmp(level, "error") == 0 && read_failure(message, ret_failure)) {
        str_add_z(ret_why, message);
        found = true;
    }
    json_free(root);
    return found;
}

/* ---- bridge/info ---- */

bool z2m_info_attribute_output(const char *bytes, size_t len)
{
    /* The document holds the whole configuration with its schema, deeper than we parse; Zigbee2MQTT writes it compact.
     */
    static const char setting[] = "\"output\":\"attribute\"";
    return memmem(bytes, len, setting, sizeof setting - 1) != NULL;
}

static const char *find(const char *at, const char *end, const char *text)
{
    return memmem(at, (size_t)(end - at), text, strlen(text));
}

/* The end of the object that begins at `at`. No text that we look at has a brace in it. */
static const char *object_end(const char *at, const char *end)
{
    unsigned depth = 0;
    for (; at < end; at++) {
        depth += *at == '{';
        if (*at == '}' && --depth == 0) {
            return at;
        }
    }
    return end;
}

bool z2m_info_unwatched(const char *bytes, size_t len)
{
    static const char key[] = "\"availability\":";
    const char *at = find(bytes, bytes + len, "\"config\":{");
    const char *end = at ? find(at, bytes + len, "\"config_schema\":") : NULL;
    bool off = false;
    end = end ? end : bytes + len;
    /* The setting for all, and those of single devices, which are on where they are not false. */
    while (at && (at = find(at, end, key))) {
        at += sizeof key - 1;
        bool is_false = (size_t)(end - at) >= 5 && memcmp(at, "false", 5) == 0;
        if (!is_false && (at == end || *at != '{' || !find(at, object_end(at, end), "\"enabled\":false"))) {
            return false;
        }
        off = true;
    }
    return off;
}
