/* Tasmota's states and commands. State messages are walked without a tree: they come by the thousand. */
#include "mqtt/tasmota_codec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "model/color.h"

/* Whole percents, mireds and degrees, which it keeps as they were sent; saturation goes through 0..255 and back. */
const struct light_tolerance tasmota_tolerance = {.level = 100, .kelvin_mired = 2, .hue = 100, .saturation = 150};

/* ---- states ---- */

/* What a message says of one lamp, before it is put together. */
struct words {
    struct json_bytes power, level; /* len 0: not said */
};

/* What it says of the module's colours, of which it has one. */
struct color_words {
    bool hs;
    uint16_t hue, saturation; /* as in struct light_state */
    double brightness;        /* of the colour, 0..100; negative: not said */
    double white;             /* of the white, 0..100; negative: not said */
    double mired;             /* negative: not said */
};

static bool is_power(const struct json_bytes *key, unsigned number)
{
    char name[12];
    (void)snprintf(name, sizeof name, "POWER%u", number);
    return json_bytes_key(key, name) || (number == 1 && json_bytes_key(key, "POWER"));
}

/* One number of "120,100,50": 0 to `max`. Takes it and the comma behind it off. */
static bool take_number(struct json_bytes *text, unsigned max, unsigned *ret_number)
{
    unsigned value = 0;
    size_t digits = 0;
    while (digits < text->len && digits < 4 && text->at[digits] >= '0' && text->at[digits] <= '9') {
        value = 10 * value + (unsigned)(text->at[digits++] - '0');
    }
    bool end = digits == text->len;
    if (digits == 0 || value > max || (!end && text->at[digits] != ',')) {
        return false;
    }
    text->at += digits + !end;
    text->len -= digits + !end;
    *ret_number = value;
    return true;
}

static void read_hsb(const struct json_bytes *value, struct color_words *c)
{
    unsigned hue, saturation, brightness;
    if (value->len < 2 || value->at[0] != '"') {
        return;
    }
    struct json_bytes text = {value->at + 1, value->len - 2};
    if (take_number(&text, 360, &hue) && take_number(&text, 100, &saturation) && take_number(&text, 100, &brightness) &&
        text.len == 0) {
        c->hs = true;
        c->hue = (uint16_t)(hue % 360 * 100);
        c->saturation = (uint16_t)(saturation * 100);
        c->brightness = brightness;
    }
}

static void take_word(const struct tasmota_make *make, const struct json_bytes *key, const struct json_bytes *value,
                      struct words *words, struct color_words *c)
{
    if (json_bytes_key(key, "HSBColor")) {
        read_hsb(value, c);
    } else if (json_bytes_key(key, "White")) {
        (void)json_bytes_number(value, &c->white);
    } else if (json_bytes_key(key, "CT")) {
        (void)json_bytes_number(value, &c->mired);
    }
    for (size_t i = 0; i < make->count; i++) {
        if (is_power(key, make->lamps[i].number)) {
            words[i].power = *value;
        } else if (make->lamps[i].level[0] && json_bytes_key(key, make->lamps[i].level)) {
            words[i].level = *value;
        }
    }
}

static void read_on(const struct tasmota_make *make, const struct words *w, struct light_state *patch)
{
    bool on = json_bytes_text(&w->power, make->on);
    if (on || json_bytes_text(&w->power, make->off)) {
        patch->has |= LIGHT_ON;
        patch->on = on;
    }
}

/* A level of 0 switches off; one that stands beside "on" (SetOption20) is none that could be told. */
static void read_level(const struct words *w, struct light_state *patch)
{
    double percent;
    if (json_bytes_number(&w->level, &percent) != 0 || percent < 0) {
        return;
    }
    uint32_t step = percent >= 100 ? 100 : (uint32_t)lround(percent);
    if (step > 0) {
        patch->has |= LIGHT_LEVEL;
        patch->level = color_level_from_steps(step, 100);
    } else if (!(patch->has & LIGHT_ON)) {
        patch->has |= LIGHT_ON;
        patch->on = false;
    }
}

static void put_color(const struct color_words *c, struct light_state *patch)
{
    patch->has |= LIGHT_COLOR;
    patch->hue = c->hue;
    patch->saturation = c->saturation;
}

static void put_kelvin(const struct color_words *c, struct light_state *patch)
{
    if (c->mired >= 1) {
        patch->has |= LIGHT_KELVIN;
        patch->kelvin = color_kelvin_from_mired(c->mired);
    }
}

/* Colour and white of one lamp are both told, and which is lit by their brightness: the other's is 0. A white that has
   no temperature is a colour without saturation. */
static void read_white_and_color(const struct tasmota_lamp *lamp, const struct color_words *c,
                                 struct light_state *patch)
{
    if (c->white > 0 && c->white > c->brightness) {
        if (lamp->profile.can & LIGHT_KELVIN) {
            put_kelvin(c, patch);
        } else if (c->hs) {
            put_color(c, patch);
            patch->saturation = 0;
        }
    } else if (c->hs && c->brightness > 0) {
        put_color(c, patch);
    }
    if ((patch->has & (LIGHT_KELVIN | LIGHT_COLOR)) && (lamp->profile.can & LIGHT_MODE)) {
        patch->has |= LIGHT_MODE;
        patch->mode = (patch->has & LIGHT_KELVIN) ? LIGHT_MODE_WHITE : LIGHT_MODE_COLOR;
    }
}

static void read_light(const struct tasmota_lamp *lamp, const struct color_words *c, struct light_state *patch)
{
    if (lamp->white) {
        read_white_and_color(lamp, c, patch);
    } else if (lamp->profile.can & LIGHT_KELVIN) {
        put_kelvin(c, patch);
    } else if ((lamp->profile.can & LIGHT_COLOR) && c->hs) {
        put_color(c, patch);
    }
}

int tasmota_read_state(const char *bytes, size_t len, const struct tasmota_make *make, struct light_state *ret_patches)
{
    struct words words[TASMOTA_MAX_LAMPS] = {0};
    struct color_words c = {.brightness = -1, .white = -1, .mired = -1};
    struct json_walk walk, inner;
    struct json_bytes key, value;
    int err = json_walk_init(&walk, bytes, len, TASMOTA_MAX_STATE, NULL);
    if (err != 0) {
        return err;
    }
    while (json_walk_next(&walk, &key, &value)) {
        if (json_bytes_key(&key, "StatusSTS") && json_walk_into(&inner, &value)) { /* STATUS11 */
            walk = inner;
            continue;
        }
        take_word(make, &key, &value, words, &c);
    }
    for (size_t i = 0; i < make->count; i++) {
        ret_patches[i] = (struct light_state){0};
        read_on(make, &words[i], &ret_patches[i]);
        read_level(&words[i], &ret_patches[i]);
        read_light(&make->lamps[i], &c, &ret_patches[i]);
    }
    return 0;
}

int tasmota_read_online(const char *bytes, size_t len, const struct tasmota_make *make, bool *ret_online)
{
    bool online = strlen(make->online) == len && memcmp(bytes, make->online, len) == 0;
    if (!online && (strlen(make->offline) != len || memcmp(bytes, make->offline, len) != 0)) {
        return ERR_INVALID;
    }
    *ret_online = online;
    return 0;
}

/* A member "Mac" of the object, or of one in it, so many levels down. */
static bool find_mac(struct json_walk *walk, const char *text, unsigned levels)
{
    struct json_walk inner;
    struct json_bytes key, value;
    while (json_walk_next(walk, &key, &value)) {
        if ((json_bytes_key(&key, "Mac") && json_bytes_text(&value, text)) ||
            (levels > 0 && json_walk_into(&inner, &value) && find_mac(&inner, text, levels - 1))) {
            return true;
        }
    }
    return false;
}

/* {"StatusNET":{"Mac":"A4:CF:12:..","Ethernet":{"Mac":"..."}}} */
bool tasmota_tells_mac(const char *bytes, size_t len, const char *mac)
{
    struct json_walk walk;
    char text[18];
    (void)snprintf(text, sizeof text, "%.2s:%.2s:%.2s:%.2s:%.2s:%.2s", mac, mac + 2, mac + 4, mac + 6, mac + 8,
                   mac + 10);
    return json_walk_init(&walk, bytes, len, TASMOTA_MAX_STATE, NULL) == 0 && find_mac(&walk, text, 2);
}

/* ---- commands ---- */

/* Commands are gathered as "NAME ARGUMENT;NAME ARGUMENT"; one alone goes to its own topic. */
static void add(struct str *payload, size_t *count, const char *name, const char *argument)
{
    str_printf(payload, "%s%s %s", *count > 0 ? ";" : "", name, argument);
    (*count)++;
}

static void add_number(struct str *payload, size_t *count, const char *name, unsigned number)
{
    char argument[12];
    (void)snprintf(argument, sizeof argument, "%u", number);
    add(payload, count, name, argument);
}

/* 0 and 1 are understood whatever the user calls them. */
static void add_power(struct str *payload, size_t *count, const struct tasmota_lamp *lamp, bool on)
{
    char name[12];
    (void)snprintf(name, sizeof name, "POWER%u", lamp->number);
    add_number(payload, count, name, on);
}

/* Hue and saturation keep the brightness that the lamp had, in white too. */
static void add_color(struct str *payload, size_t *count, const struct light_state *patch)
{
    add_number(payload, count, "HSBColor1", (patch->hue + 50u) / 100 % 360);
    add_number(payload, count, "HSBColor2", (patch->saturation + 50u) / 100);
}

static unsigned mired_of(const struct tasmota_lamp *lamp, uint16_t kelvin)
{
    unsigned mired = color_mired_from_kelvin(kelvin);
    return mired < lamp->min_mired ? lamp->min_mired : mired > lamp->max_mired ? lamp->max_mired : mired;
}

static void add_on(struct str *payload, size_t *count, const struct tasmota_make *make, const struct tasmota_lamp *lamp,
                   const struct light_state *patch)
{
    bool level = (patch->has & LIGHT_LEVEL) && lamp->dimmer[0];
    if (level) {
        add_number(payload, count, lamp->dimmer, color_level_to_steps(patch->level, 100));
    }
    if (patch->has & lamp->profile.can & LIGHT_KELVIN) {
        add_number(payload, count, "CT", mired_of(lamp, patch->kelvin));
    } else if ((patch->has & lamp->profile.can & LIGHT_COLOR) == LIGHT_COLOR) {
        add_color(payload, count, patch);
    }
    /* A level switches on by itself, a colour not if its level is 0. Last, so that it is never lit as it was before. */
    if ((patch->has & LIGHT_ON) && (!level || make->power_apart)) {
        add_power(payload, count, lamp, true);
    }
}

void tasmota_write_command(struct str *ret_verb, struct str *ret_payload, const struct tasmota_make *make,
                           const struct tasmota_lamp *lamp, const struct light_state *patch, unsigned speed)
{
    size_t count = 0;
    str_clear(ret_verb);
    str_clear(ret_payload);
    if (speed > 0) {
        add_number(ret_payload, &count, "Fade2", 1); /* before 9.4; Speed2 alone says it all since then */
        add_number(ret_payload, &count, "Speed2", speed);
    }
    if ((patch->has & LIGHT_ON) && !patch->on) {
        add_power(ret_payload, &count, lamp, false);
    } else {
        add_on(ret_payload, &count, make, lamp, patch);
    }
    if (count == 1) {
        size_t name = strcspn(ret_payload->data, " ");
        str_add(ret_verb, ret_payload->data, name);
        ret_payload->len -= name + 1;
        memmove(ret_payload->data, ret_payload->data + name + 1, ret_payload->len + 1);
    } else {
        str_add_z(ret_verb, "Backlog0");
    }
}

/* ---- how long a fade lasts ---- */

#define CHANNELS 5 /* red, green, blue, cold, warm: each 0..1 */

static void channels_of(const struct tasmota_lamp *lamp, const struct light_state *s, double channels[CHANNELS])
{
    double level = (s->has & LIGHT_ON) && !s->on ? 0 : (s->has & LIGHT_LEVEL) ? s->level / (double)LIGHT_LEVEL_MAX : 1;
    bool color =
        (lamp->profile.can & LIGHT_MODE) ? s->mode == LIGHT_MODE_COLOR : (lamp->profile.can & LIGHT_COLOR) != 0;
    memset(channels, 0, CHANNELS * sizeof *channels);
    if (color && (s->has & LIGHT_COLOR) == LIGHT_COLOR) {
        uint8_t rgb[3];
        color_rgb_from_hs(s->hue, s->saturation, LIGHT_LEVEL_MAX, &rgb[0], &rgb[1], &rgb[2]);
        for (size_t i = 0; i < 3; i++) {
            channels[i] = level * rgb[i] / 255;
        }
    } else if (s->has & LIGHT_KELVIN) {
        double warm = (mired_of(lamp, s->kelvin) - lamp->min_mired) / (double)(lamp->max_mired - lamp->min_mired);
        channels[3] = level * (1 - warm);
        channels[4] = level * warm;
    } else {
        channels[3] = level;
    }
}

unsigned tasmota_speed(const struct tasmota_make *make, const struct tasmota_lamp *lamp,
                       const struct light_state *before, const struct light_state *patch, uint32_t transition_ms)
{
    double from[CHANNELS], to[CHANNELS];
    struct light_state after = *before;
    double distance = 0;
    if (!lamp->fades || transition_ms == 0) {
        return 0;
    }
    (void)light_merge(&after, patch);
    channels_of(lamp, before, from);
    channels_of(lamp, &after, to);
    for (size_t i = 0; i < CHANNELS; i++) {
        distance = fmax(distance, fabs(to[i] - from[i]));
    }
    if (make->fixed_duration || !(before->has & LIGHT_ON) || distance <= 0) {
        distance = 1;
    }
    double speed = round(transition_ms / 500.0 / distance);
    return speed < 1 ? 1 : speed > TASMOTA_SPEED_MAX ? TASMOTA_SPEED_MAX : (unsigned)speed;
}
