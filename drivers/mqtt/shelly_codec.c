/* Frames of Shelly's RPC. Notifications are walked without a tree: a device with a meter sends one every few seconds.
 */
#include "mqtt/shelly_codec.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "model/color.h"

#define KELVIN_MIN 2700u /* of a lamp whose configuration names no ct_range */
#define KELVIN_MAX 6500u

/* Brightness counts whole percents, and red, green and blue 255 steps: at a saturation of 2 % one of them is 12 degrees
   of hue. ct is exact. */
const struct light_tolerance shelly_tolerance = {.level = 50, .kelvin_mired = 2, .hue = 1200, .saturation = 200};

static const struct {
    const char *component, *method; /* "light:0", "Light.Set" */
    uint32_t can;
} kinds[SHELLY_KINDS] = {
    [SHELLY_SWITCH] = {"switch", "Switch", LIGHT_ON},
    [SHELLY_LIGHT] = {"light", "Light", LIGHT_ON | LIGHT_LEVEL},
    [SHELLY_RGB] = {"rgb", "RGB", LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR},
    [SHELLY_RGBW] = {"rgbw", "RGBW", LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR},
    [SHELLY_CCT] = {"cct", "CCT", LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN},
    [SHELLY_RGBCCT] = {"rgbcct", "RGBCCT", LIGHT_ALL},
};

/* ---- frames ---- */

static bool whole(const struct json_bytes *value, double max, uint32_t *ret_number)
{
    double number;
    if (json_bytes_number(value, &number) != 0 || number < 0 || number > max || floor(number) != number) {
        return false;
    }
    *ret_number = (uint32_t)number;
    return true;
}

int shelly_read_frame(const char *bytes, size_t len, struct shelly_frame *ret_frame)
{
    struct json_walk walk;
    struct json_bytes key, value;
    struct shelly_frame f = {0};
    int err = json_walk_init(&walk, bytes, len, SHELLY_MAX_FRAME, NULL);
    if (err != 0) {
        return err;
    }
    while (json_walk_next(&walk, &key, &value)) {
        if (json_bytes_key(&key, "id")) {
            f.has_id = whole(&value, UINT32_MAX, &f.id);
        } else if (json_bytes_key(&key, "method")) {
            f.method = value;
        } else if (json_bytes_key(&key, "params")) {
            f.params = value;
        } else if (json_bytes_key(&key, "result")) {
            f.result = value;
        } else if (json_bytes_key(&key, "error")) {
            f.error = value;
        }
    }
    *ret_frame = f;
    return 0;
}

int shelly_read_online(const char *bytes, size_t len, bool *ret_online)
{
    bool online = len == 4 && memcmp(bytes, "true", 4) == 0;
    if (!online && !(len == 5 && memcmp(bytes, "false", 5) == 0)) {
        return ERR_INVALID;
    }
    *ret_online = online;
    return 0;
}

/* ---- components ---- */

/* "light:0"; false for a kind that is none of ours or a number that is none. */
static bool read_component_name(const char *name, size_t len, enum shelly_kind *ret_kind, uint8_t *ret_id)
{
    const char *colon = memchr(name, ':', len);
    size_t head = colon ? (size_t)(colon - name) : 0;
    size_t tail = colon ? len - head - 1 : 0;
    if (tail == 0 || tail > 3 || (tail > 1 && colon[1] == '0')) {
        return false;
    }
    unsigned number = 0;
    for (size_t i = 1; i <= tail; i++) {
        if (!isdigit((unsigned char)colon[i])) {
            return false;
        }
        number = number * 10 + (unsigned)(colon[i] - '0');
    }
    for (enum shelly_kind k = 0; k < SHELLY_KINDS && number <= UINT8_MAX; k++) {
        if (strlen(kinds[k].component) == head && memcmp(kinds[k].component, name, head) == 0) {
            *ret_kind = k;
            *ret_id = (uint8_t)number;
            return true;
        }
    }
    return false;
}

void shelly_component_name(const struct shelly_lamp *lamp, char ret_name[SHELLY_COMPONENT])
{
    (void)snprintf(ret_name, SHELLY_COMPONENT, "%s:%u", kinds[lamp->kind].component, lamp->id);
}

bool shelly_is_component(const struct shelly_lamp *lamp, const char *name, size_t len)
{
    enum shelly_kind kind;
    uint8_t id;
    return read_component_name(name, len, &kind, &id) && kind == lamp->kind && id == lamp->id;
}

static struct shelly_lamp make_lamp(enum shelly_kind kind, uint8_t id)
{
    struct shelly_lamp lamp = {.kind = (uint8_t)kind, .id = id, .profile = {.can = kinds[kind].can}};
    lamp.profile.kind = kind == SHELLY_SWITCH ? LIGHT_KIND_SWITCH : LIGHT_KIND_LIGHT;
    if (lamp.profile.can & LIGHT_KELVIN) {
        lamp.profile.min_kelvin = KELVIN_MIN;
        lamp.profile.max_kelvin = KELVIN_MAX;
    }
    return lamp;
}

static int by_kind_and_id(const void *a, const void *b)
{
    const struct shelly_lamp *x = a;
    const struct shelly_lamp *y = b;
    return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : (int)x->id - (int)y->id;
}

size_t shelly_read_lamps(const struct json_bytes *status, struct shelly_lamp ret_lamps[SHELLY_MAX_LAMPS],
                         size_t *ret_left)
{
    struct json_walk walk;
    struct json_bytes key, value;
    size_t count = 0;
    *ret_left = 0;
    if (!json_walk_into(&walk, status)) {
        return 0;
    }
    while (json_walk_next(&walk, &key, &value)) {
        enum shelly_kind kind;
        uint8_t id;
        if (!read_component_name(key.at, key.len, &kind, &id)) {
            continue;
        }
        if (count < SHELLY_MAX_LAMPS) {
            ret_lamps[count++] = make_lamp(kind, id);
        } else {
            ++*ret_left;
        }
    }
    qsort(ret_lamps, count, sizeof ret_lamps[0], by_kind_and_id);
    return count;
}

/* ---- statuses ---- */

/* What a component says, or the target of its transition. */
struct words {
    struct json_bytes output, brightness, rgb, white, ct, mode, transition, target;
};

static void take_words(const struct json_bytes *object, struct words *w)
{
    static const struct {
        const char *key;
        size_t at;
    } rows[] = {
        {"output", offsetof(struct words, output)},
        {"brightness", offsetof(struct words, brightness)},
        {"rgb", offsetof(struct words, rgb)},
        {"white", offsetof(struct words, white)},
        {"ct", offsetof(struct words, ct)},
        {"mode", offsetof(struct words, mode)},
        {"transition", offsetof(struct words, transition)},
        {"target", offsetof(struct words, target)},
    };
    struct json_walk walk;
    struct json_bytes key, value;
    if (!json_walk_into(&walk, object)) {
        return;
    }
    while (json_walk_next(&walk, &key, &value)) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            if (json_bytes_key(&key, rows[i].key)) {
                *(struct json_bytes *)(void *)((char *)w + rows[i].at) = value;
            }
        }
    }
}

static void read_on(const struct words *w, struct light_state *patch)
{
    bool on = w->output.len == 4 && memcmp(w->output.at, "true", 4) == 0;
    if (on || (w->output.len == 5 && memcmp(w->output.at, "false", 5) == 0)) {
        patch->has |= LIGHT_ON;
        patch->on = on;
    }
}

static void read_level(const struct words *w, struct light_state *patch)
{
    double percent;
    if (json_bytes_number(&w->brightness, &percent) != 0 || percent < 0 || percent > 100) {
        return;
    }
    /* Nothing lights at 0: the level it will have again is the one that it had. */
    uint16_t level = (uint16_t)lround(percent * 100);
    if (level > 0) {
        patch->has |= LIGHT_LEVEL;
        patch->level = level;
    }
}

/* [255,120,0] */
static bool read_bytes(const struct json_bytes *array, uint8_t *ret_bytes, size_t count)
{
    struct json_cut cut;
    const char *at;
    size_t len;
    if (array->len == 0) {
        return false;
    }
    json_cut_init(&cut, array->at, array->len);
    for (size_t i = 0; i < count; i++) {
        double number;
        if (json_cut_next(&cut, &at, &len) != 1 || json_bytes_number(&(struct json_bytes){at, len}, &number) != 0 ||
            number < 0 || number > 255) {
            return false;
        }
        ret_bytes[i] = (uint8_t)lround(number);
    }
    return true;
}

static void read_color(const struct words *w, struct light_state *patch)
{
    uint8_t rgb[3];
    uint16_t value;
    double white;
    if (!read_bytes(&w->rgb, rgb, 3)) {
        return;
    }
    patch->has |= LIGHT_COLOR | LIGHT_MODE;
    patch->mode = LIGHT_MODE_COLOR;
    color_hs_from_rgb(rgb[0], rgb[1], rgb[2], &patch->hue, &patch->saturation, &value);
    if (value == 0 && json_bytes_number(&w->white, &white) == 0 && white > 0) {
        patch->saturation = 0; /* the white diodes alone */
    }
}

static void read_kelvin(const struct words *w, struct light_state *patch)
{
    double kelvin;
    if (json_bytes_number(&w->ct, &kelvin) == 0 && kelvin >= LIGHT_KELVIN_MIN && kelvin <= LIGHT_KELVIN_MAX) {
        patch->has |= LIGHT_KELVIN | LIGHT_MODE;
        patch->mode = LIGHT_MODE_WHITE;
        patch->kelvin = (uint16_t)lround(kelvin);
    }
}

static void read_words(const struct words *w, const struct shelly_lamp *lamp, struct light_state *patch)
{
    uint32_t can = lamp->profile.can;
    read_on(w, patch);
    if (can & LIGHT_LEVEL) {
        read_level(w, patch);
    }
    /* A lamp that can both repeats the one that is not lit, and says by its mode which that is. */
    bool cct = json_bytes_text(&w->mode, "cct");
    bool rgb = json_bytes_text(&w->mode, "rgb");
    if ((can & LIGHT_KELVIN) && !rgb) {
        read_kelvin(w, patch);
    }
    if ((can & LIGHT_COLOR) && !cct && !((can & LIGHT_KELVIN) && (patch->has & LIGHT_KELVIN))) {
        read_color(w, patch);
    }
    if ((can & LIGHT_MODE) && (cct || rgb)) {
        patch->has |= LIGHT_MODE;
        patch->mode = cct ? LIGHT_MODE_WHITE : LIGHT_MODE_COLOR;
    }
    patch->has &= can;
}

void shelly_read_component(const struct json_bytes *component, const struct shelly_lamp *lamp,
                           struct light_state *ret_patch)
{
    struct words w = {0};
    *ret_patch = (struct light_state){0};
    take_words(component, &w);
    if (w.transition.len > 0) {
        take_words(&w.transition, &w); /* its target */
        take_words(&w.target, &w);
    }
    read_words(&w, lamp, ret_patch);
}

void shelly_read_status(const struct json_bytes *status, const struct shelly_lamp *lamp, struct light_state *ret_patch)
{
    struct json_walk walk;
    struct json_bytes key, value;
    *ret_patch = (struct light_state){0};
    if (!json_walk_into(&walk, status)) {
        return;
    }
    while (json_walk_next(&walk, &key, &value)) {
        if (shelly_is_component(lamp, key.at, key.len)) {
            shelly_read_component(&value, lamp, ret_patch);
            return;
        }
    }
}

/* ---- what is asked once ---- */

static void copy_text(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from ? from : "");
}

static void read_range(const struct json *range, struct light_profile *profile)
{
    int64_t min, max;
    const struct json *first = json_first(range);
    if (json_is_array(range) && json_integer(first, LIGHT_KELVIN_MIN, LIGHT_KELVIN_MAX, &min) == 0 &&
        json_integer(json_next(first), min, LIGHT_KELVIN_MAX, &max) == 0) {
        profile->min_kelvin = (uint16_t)min;
        profile->max_kelvin = (uint16_t)max;
    }
}

int shelly_read_config(const struct json_bytes *result, struct shelly_lamp *lamps, size_t count)
{
    struct json *root = NULL;
    if (json_parse(result->at, result->len, SHELLY_MAX_FRAME, &root, NULL) != 0 || !json_is_object(root)) {
        json_free(root);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        char key[SHELLY_COMPONENT];
        shelly_component_name(&lamps[i], key);
        const struct json *component = json_get(root, key);
        copy_text(lamps[i].name, sizeof lamps[i].name, json_get_text(component, "name"));
        if (lamps[i].profile.can & LIGHT_KELVIN) {
            read_range(json_get(component, "ct_range"), &lamps[i].profile);
        }
    }
    json_free(root);
    return 0;
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
    return len == 12 && *text == 0;
}

int shelly_read_device(const struct json_bytes *result, struct shelly_device *ret_device)
{
    struct shelly_device d = {0};
    struct json *root = NULL;
    int64_t generation;
    int err = json_parse(result->at, result->len, SHELLY_MAX_FRAME, &root, NULL) != 0 ? ERR_INVALID : 0;
    if (err == 0 && (!read_mac(json_get_text(root, "mac"), d.mac) ||
                     json_integer(json_get(root, "gen"), 2, 1000, &generation) != 0)) {
        err = ERR_INVALID;
    }
    if (err == 0) {
        copy_text(d.id, sizeof d.id, json_get_text(root, "id"));
        copy_text(d.name, sizeof d.name, json_get_text(root, "name"));
        copy_text(d.model, sizeof d.model, json_get_text(root, "model"));
        copy_text(d.version, sizeof d.version, json_get_text(root, "ver"));
        *ret_device = d;
    }
    json_free(root);
    return err;
}

void shelly_read_error(const struct json_bytes *error, struct str *ret_why)
{
    struct json *root = NULL;
    double code = 0;
    if (json_parse(error->at, error->len, SHELLY_MAX_FRAME, &root, NULL) != 0) {
        root = NULL;
    }
    const char *message = json_get_text(root, "message");
    str_add_z(ret_why, message && *message ? message : "it gave no reason");
    if (json_number(json_get(root, "code"), &code) == 0) {
        str_printf(ret_why, " (%.0f)", code);
    }
    json_free(root);
}

bool shelly_config_changed(const struct json_bytes *params)
{
    struct json *root = NULL;
    bool changed = false;
    if (json_parse(params->at, params->len, SHELLY_MAX_FRAME, &root, NULL) != 0) {
        return false;
    }
    for (const struct json *e = json_first(json_get(root, "events")); e && !changed; e = json_next(e)) {
        const char *event = json_get_text(e, "event");
        changed = event && strcmp(event, "config_changed") == 0;
    }
    json_free(root);
    return changed;
}

/* ---- requests ---- */

static void begin_request(struct json_out *j, struct str *out, uint32_t id, const char *src, const char *method,
                          const char *verb)
{
    json_out_init(j, out);
    json_begin_object(j);
    json_member_int(j, "id", id);
    json_member_text(j, "src", src);
    char name[64];
    (void)snprintf(name, sizeof name, "%s%s", method, verb);
    json_member_text(j, "method", name);
}

void shelly_write_request(struct str *out, uint32_t id, const char *src, const char *method)
{
    struct json_out j;
    begin_request(&j, out, id, src, method, "");
    json_end_object(&j);
}

void shelly_write_get(struct str *out, uint32_t id, const char *src, const struct shelly_lamp *lamp)
{
    struct json_out j;
    begin_request(&j, out, id, src, kinds[lamp->kind].method, ".GetStatus");
    json_member_object(&j, "params");
    json_member_int(&j, "id", lamp->id);
    json_end_object(&j);
    json_end_object(&j);
}

static void put_color(struct json_out *j, const struct shelly_lamp *lamp, const struct light_state *patch)
{
    uint8_t r, g, b;
    color_rgb_from_hs(patch->hue, patch->saturation, LIGHT_LEVEL_MAX, &r, &g, &b);
    if (lamp->kind == SHELLY_RGBCCT) {
        json_member_text(j, "mode", "rgb");
    }
    json_member_array(j, "rgb");
    json_put_int(j, r);
    json_put_int(j, g);
    json_put_int(j, b);
    json_end_array(j);
    if (lamp->kind == SHELLY_RGBW) {
        json_member_int(j, "white", 0); /* what is left of it would wash the colour out */
    }
}

void shelly_write_set(struct str *out, uint32_t id, const char *src, const struct shelly_lamp *lamp,
                      const struct light_state *patch, uint32_t transition_ms)
{
    struct json_out j;
    uint32_t has = patch->has & lamp->profile.can;
    begin_request(&j, out, id, src, kinds[lamp->kind].method, ".Set");
    json_member_object(&j, "params");
    json_member_int(&j, "id", lamp->id);
    if (has & LIGHT_ON) {
        json_member_bool(&j, "on", patch->on);
    }
    if (has & LIGHT_LEVEL) {
        json_member_int(&j, "brightness", color_level_to_steps(patch->level, 100));
    }
    if (has & LIGHT_KELVIN) {
        if (lamp->kind == SHELLY_RGBCCT) {
            json_member_text(&j, "mode", "cct");
        }
        json_member_int(&j, "ct", patch->kelvin);
    } else if ((has & LIGHT_COLOR) == LIGHT_COLOR) {
        put_color(&j, lamp, patch);
    }
    if (transition_ms > 0 && lamp->kind != SHELLY_SWITCH) {
        json_put_key(&j, "transition_duration");
        json_put_fixed(&j, transition_ms, 3);
    }
    json_end_object(&j);
    json_end_object(&j);
}
