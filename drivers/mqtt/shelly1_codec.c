/* Messages of Shelly's first generation. */
#include "mqtt/shelly1_codec.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "model/color.h"

#define MAX_TRANSITION_MS 5000u

/* As in shelly_codec.c. */
const struct light_tolerance shelly1_tolerance = {.level = 50, .kelvin_mired = 3, .hue = 1200, .saturation = 200};

static const struct {
    const char *topic, *status, *set;
    uint32_t can;
} kinds[SHELLY1_KINDS] = {
    [SHELLY1_RELAY] = {"relay", "", "/command", LIGHT_ON},
    [SHELLY1_LIGHT] = {"light", "/status", "/set", LIGHT_ON | LIGHT_LEVEL},
    [SHELLY1_COLOR] = {"color", "/status", "/set", LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR},
    [SHELLY1_WHITE] = {"white", "/status", "/set", LIGHT_ON | LIGHT_LEVEL},
};

/* Lamps with a colour temperature. A bulb that shows a colour does not mention it. */
static const struct {
    const char *model;
    uint16_t min_kelvin, max_kelvin;
} warm[] = {
    {"SHBLB-1", 3000, 6500},  /* Bulb */
    {"SHCB-1", 3000, 6500},   /* Duo RGBW */
    {"SHBDUO-1", 2700, 6500}, /* Duo */
};
#define UNKNOWN_MIN_KELVIN 3000u
#define UNKNOWN_MAX_KELVIN 6500u

/* ---- who is there ---- */

static bool copy_text(char *to, size_t size, const char *from)
{
    int len = snprintf(to, size, "%s", from ? from : "");
    return len > 0 && (size_t)len < size;
}

static bool read_mac(const char *text, char ret_mac[13])
{
    size_t len = 0;
    for (; text && *text && len < 12; text++) {
        if (isxdigit((unsigned char)*text)) {
            ret_mac[len++] = (char)toupper((unsigned char)*text);
        } else if (*text != ':') {
            return false;
        }
    }
    ret_mac[len] = 0;
    return text && len == 12 && *text == 0;
}

/* A part of a topic: not empty, no level, no wildcard, no control byte. */
static bool good_id(const char *id)
{
    for (const char *at = id; *at; at++) {
        if (strchr("/+#", *at) || (unsigned char)*at < 0x20 || *at == 0x7f) {
            return false;
        }
    }
    return *id != 0;
}

int shelly1_read_announce(const char *bytes, size_t len, struct shelly1_device *ret_device)
{
    struct shelly1_device d = {0};
    struct json *root = NULL;
    int err = json_parse(bytes, len, SHELLY1_MAX_STATE, &root, NULL);
    if (err != 0) {
        return err;
    }
    if (!copy_text(d.id, sizeof d.id, json_get_text(root, "id")) || !good_id(d.id) ||
        !read_mac(json_get_text(root, "mac"), d.mac)) {
        err = ERR_INVALID;
    } else {
        (void)copy_text(d.model, sizeof d.model, json_get_text(root, "model"));
        (void)copy_text(d.version, sizeof d.version, json_get_text(root, "fw_ver"));
        *ret_device = d;
    }
    json_free(root);
    return err;
}

bool shelly1_read_topic(const char *tail, enum shelly1_kind *ret_kind, uint8_t *ret_id)
{
    for (enum shelly1_kind k = 0; k < SHELLY1_KINDS; k++) {
        size_t len = strlen(kinds[k].topic);
        if (strncmp(tail, kinds[k].topic, len) == 0 && tail[len] == '/' && isdigit((unsigned char)tail[len + 1]) &&
            strcmp(tail + len + 2, kinds[k].status) == 0) {
            *ret_kind = k;
            *ret_id = (uint8_t)(tail[len + 1] - '0');
            return true;
        }
    }
    return false;
}

static bool mentions_temperature(const char *status, size_t len)
{
    struct json_walk walk;
    struct json_bytes key, value;
    if (json_walk_init(&walk, status, len, SHELLY1_MAX_STATE, NULL) != 0) {
        return false;
    }
    while (json_walk_next(&walk, &key, &value)) {
        if (json_bytes_key(&key, "temp")) {
            return true;
        }
    }
    return false;
}

static void add_kelvin(struct light_profile *profile, uint16_t min, uint16_t max)
{
    profile->can |= LIGHT_KELVIN | (profile->can & LIGHT_COLOR ? LIGHT_MODE : 0u);
    profile->min_kelvin = min;
    profile->max_kelvin = max;
}

struct shelly1_lamp shelly1_make_lamp(enum shelly1_kind kind, uint8_t id, const char *model, const char *status,
                                      size_t len)
{
    struct shelly1_lamp lamp = {.kind = (uint8_t)kind, .id = id, .profile = {.can = kinds[kind].can}};
    lamp.profile.kind = kind == SHELLY1_RELAY ? LIGHT_KIND_SWITCH : LIGHT_KIND_LIGHT;
    if (kind != SHELLY1_LIGHT && kind != SHELLY1_COLOR) {
        return lamp;
    }
    for (size_t i = 0; i < sizeof warm / sizeof warm[0]; i++) {
        if (strcmp(model, warm[i].model) == 0) {
            add_kelvin(&lamp.profile, warm[i].min_kelvin, warm[i].max_kelvin);
            return lamp;
        }
    }
    if (mentions_temperature(status, len)) {
        add_kelvin(&lamp.profile, UNKNOWN_MIN_KELVIN, UNKNOWN_MAX_KELVIN);
    }
    return lamp;
}

int shelly1_read_online(const char *bytes, size_t len, bool *ret_online)
{
    bool online = len == 4 && memcmp(bytes, "true", 4) == 0;
    if (!online && !(len == 5 && memcmp(bytes, "false", 5) == 0)) {
        return ERR_INVALID;
    }
    *ret_online = online;
    return 0;
}

/* ---- states ---- */

struct words {
    struct json_bytes ison, mode, brightness, gain, temp, red, green, blue, white;
};

static void take_words(struct json_walk *walk, struct words *w)
{
    static const struct {
        const char *key;
        size_t at;
    } rows[] = {
        {"ison", offsetof(struct words, ison)},   {"mode", offsetof(struct words, mode)},
        {"gain", offsetof(struct words, gain)},   {"brightness", offsetof(struct words, brightness)},
        {"temp", offsetof(struct words, temp)},   {"red", offsetof(struct words, red)},
        {"green", offsetof(struct words, green)}, {"blue", offsetof(struct words, blue)},
        {"white", offsetof(struct words, white)},
    };
    struct json_bytes key, value;
    while (json_walk_next(walk, &key, &value)) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            if (json_bytes_key(&key, rows[i].key)) {
                *(struct json_bytes *)(void *)((char *)w + rows[i].at) = value;
            }
        }
    }
}

static void read_level(const struct json_bytes *value, struct light_state *patch)
{
    double percent;
    if (json_bytes_number(value, &percent) == 0 && percent > 0 && percent <= 100) {
        patch->has |= LIGHT_LEVEL;
        patch->level = (uint16_t)lround(percent * 100);
    }
}

static void read_kelvin(const struct words *w, struct light_state *patch)
{
    double kelvin;
    if (json_bytes_number(&w->temp, &kelvin) == 0 && kelvin >= LIGHT_KELVIN_MIN && kelvin <= LIGHT_KELVIN_MAX) {
        patch->has |= LIGHT_KELVIN | LIGHT_MODE;
        patch->mode = LIGHT_MODE_WHITE;
        patch->kelvin = (uint16_t)lround(kelvin);
    }
}

static void read_color(const struct words *w, struct light_state *patch)
{
    const struct json_bytes *const values[] = {&w->red, &w->green, &w->blue};
    uint8_t rgb[3];
    uint16_t value;
    double number;
    for (size_t i = 0; i < 3; i++) {
        if (json_bytes_number(values[i], &number) != 0 || number < 0 || number > 255) {
            return;
        }
        rgb[i] = (uint8_t)lround(number);
    }
    patch->has |= LIGHT_COLOR | LIGHT_MODE;
    patch->mode = LIGHT_MODE_COLOR;
    color_hs_from_rgb(rgb[0], rgb[1], rgb[2], &patch->hue, &patch->saturation, &value);
    if (value == 0 && json_bytes_number(&w->white, &number) == 0 && number > 0) {
        patch->saturation = 0; /* the white diodes alone */
    }
}

/* In colour the gain is the brightness, in white the brightness; the mode says which is lit. */
static void read_lit(const struct words *w, const struct shelly1_lamp *lamp, struct light_state *patch)
{
    bool colored = lamp->kind == SHELLY1_COLOR && !json_bytes_text(&w->mode, "white");
    read_level(colored ? &w->gain : &w->brightness, patch);
    if (colored) {
        read_color(w, patch);
    } else if (lamp->profile.can & LIGHT_KELVIN) {
        read_kelvin(w, patch);
    }
}

static int read_relay(const char *bytes, size_t len, struct light_state *ret_patch)
{
    bool on = len == 2 && memcmp(bytes, "on", 2) == 0;
    bool off = (len == 3 && memcmp(bytes, "off", 3) == 0) || (len == 9 && memcmp(bytes, "overpower", 9) == 0);
    if (!on && !off) {
        return ERR_INVALID;
    }
    *ret_patch = (struct light_state){.has = LIGHT_ON, .on = on};
    return 0;
}

int shelly1_read_status(const char *bytes, size_t len, const struct shelly1_lamp *lamp, struct light_state *ret_patch)
{
    struct json_walk walk;
    struct words w = {0};
    struct light_state patch = {0};
    if (lamp->kind == SHELLY1_RELAY) {
        return read_relay(bytes, len, ret_patch);
    }
    int err = json_walk_init(&walk, bytes, len, SHELLY1_MAX_STATE, NULL);
    if (err != 0) {
        return err;
    }
    take_words(&walk, &w);
    bool on = w.ison.len == 4 && memcmp(w.ison.at, "true", 4) == 0;
    if (on || (w.ison.len == 5 && memcmp(w.ison.at, "false", 5) == 0)) {
        patch.has |= LIGHT_ON;
        patch.on = on;
    }
    read_lit(&w, lamp, &patch);
    patch.has &= lamp->profile.can;
    *ret_patch = patch;
    return 0;
}

/* ---- commands ---- */

void shelly1_write_topic(struct str *out, const struct shelly1_lamp *lamp)
{
    str_printf(out, "%s/%u%s", kinds[lamp->kind].topic, lamp->id, kinds[lamp->kind].set);
}

static void put_color(struct json_out *j, const struct shelly1_lamp *lamp, const struct light_state *patch)
{
    uint8_t r, g, b;
    color_rgb_from_hs(patch->hue, patch->saturation, LIGHT_LEVEL_MAX, &r, &g, &b);
    if (lamp->profile.can & LIGHT_KELVIN) {
        json_member_text(j, "mode", "color");
    }
    json_member_int(j, "red", r);
    json_member_int(j, "green", g);
    json_member_int(j, "blue", b);
    json_member_int(j, "white", 0);
    json_member_int(j, "effect", 0); /* a running effect would go on in its own colours */
}

static void put_level(struct json_out *j, const struct shelly1_lamp *lamp, const struct light_state *patch)
{
    int64_t percent = color_level_to_steps(patch->level, 100);
    if (lamp->kind == SHELLY1_COLOR) {
        json_member_int(j, "gain", percent);
    }
    if (lamp->kind != SHELLY1_COLOR || (lamp->profile.can & LIGHT_KELVIN)) {
        json_member_int(j, "brightness", percent);
    }
}

void shelly1_write_set(struct str *out, const struct shelly1_lamp *lamp, const struct light_state *patch,
                       uint32_t transition_ms)
{
    struct json_out j;
    uint32_t has = patch->has & lamp->profile.can;
    if (lamp->kind == SHELLY1_RELAY) {
        str_add_z(out, patch->on ? "on" : "off");
        return;
    }
    json_out_init(&j, out);
    json_begin_object(&j);
    if (has & LIGHT_ON) {
        json_member_text(&j, "turn", patch->on ? "on" : "off");
    }
    if (has & LIGHT_LEVEL) {
        put_level(&j, lamp, patch);
    }
    if (has & LIGHT_KELVIN) {
        if (lamp->kind == SHELLY1_COLOR) {
            json_member_text(&j, "mode", "white");
        }
        json_member_int(&j, "temp", patch->kelvin);
    } else if ((has & LIGHT_COLOR) == LIGHT_COLOR) {
        put_color(&j, lamp, patch);
    }
    if (transition_ms > 0) {
        json_member_int(&j, "transition", transition_ms < MAX_TRANSITION_MS ? transition_ms : MAX_TRANSITION_MS);
    }
    json_end_object(&j);
}
