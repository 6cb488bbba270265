/* Messages of WLED over MQTT, and its document over HTTP. */
#include "mqtt/wled_codec.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "model/color.h"

#define KELVIN_ZERO 1900u /* of cct 0; each step is 32 K (Segment::setCCT) */
#define KELVIN_STEP 32u
#define KELVIN_MAX (KELVIN_ZERO + 255u * KELVIN_STEP)
#define MAX_TENTHS 65535u /* of a transition */

/* 255 steps of everything; a step of cct is 9 mireds at the warm end, and the rounding half of it. */
const struct light_tolerance wled_tolerance = {.level = 40, .kelvin_mired = 5, .hue = 1200, .saturation = 200};

struct wled_lamp wled_make_lamp(uint8_t segment, uint8_t capabilities)
{
    struct wled_lamp lamp = {.segment = segment, .capabilities = capabilities};
    lamp.profile.can = LIGHT_ON | (capabilities ? LIGHT_LEVEL : 0u) | (capabilities & WLED_RGB ? LIGHT_COLOR : 0u);
    /* Without white diodes cct is but the white balance of the coloured ones. */
    if ((capabilities & WLED_CCT) && (capabilities & WLED_WHITE)) {
        lamp.profile.can |= LIGHT_KELVIN | (capabilities & WLED_RGB ? LIGHT_MODE : 0u);
        lamp.profile.min_kelvin = KELVIN_ZERO;
        lamp.profile.max_kelvin = KELVIN_MAX;
    }
    return lamp;
}

/* ---- states ---- */

static bool read_number(const char *bytes, size_t len, unsigned base, uint32_t *ret_value)
{
    uint64_t value = 0;
    if (len == 0 || len > 8) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (base == 16 ? !isxdigit(c) : !isdigit(c)) {
            return false;
        }
        value = value * base + (unsigned)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    *ret_value = (uint32_t)value;
    return true;
}

int wled_read_level(const char *bytes, size_t len, struct light_state *ret_patch)
{
    uint32_t step;
    if (!read_number(bytes, len, 10, &step) || step > 255) {
        return ERR_INVALID;
    }
    *ret_patch = (struct light_state){.has = LIGHT_ON, .on = step > 0};
    if (step > 0) { /* what is off keeps the level that it had */
        ret_patch->has |= LIGHT_LEVEL;
        ret_patch->level = color_level_from_steps(step, 255);
    }
    return 0;
}

/* Where the white diodes alone are lit, it is white. */
static void take_color(const uint8_t rgbw[4], const struct wled_lamp *lamp, struct light_state *patch)
{
    uint16_t value;
    bool white = rgbw[0] == 0 && rgbw[1] == 0 && rgbw[2] == 0 && rgbw[3] > 0;
    if (white && (lamp->profile.can & LIGHT_MODE)) {
        patch->has |= LIGHT_MODE;
        patch->mode = LIGHT_MODE_WHITE;
    } else if (lamp->profile.can & LIGHT_COLOR) {
        patch->has |= LIGHT_COLOR | (lamp->profile.can & LIGHT_MODE);
        patch->mode = LIGHT_MODE_COLOR;
        color_hs_from_rgb(rgbw[0], rgbw[1], rgbw[2], &patch->hue, &patch->saturation, &value);
    }
}

int wled_read_color(const char *bytes, size_t len, const struct wled_lamp *lamp, struct light_state *ret_patch)
{
    uint32_t value;
    /* #RRGGBB; with white #WWRRGGBB, or #WRRGGBB where it is below 16. */
    if (len < 7 || bytes[0] != '#' || !read_number(bytes + 1, len - 1, 16, &value)) {
        return ERR_INVALID;
    }
    const uint8_t rgbw[4] = {(uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value, (uint8_t)(value >> 24)};
    *ret_patch = (struct light_state){0};
    take_color(rgbw, lamp, ret_patch);
    return 0;
}

int wled_read_online(const char *bytes, size_t len, bool *ret_online)
{
    bool online = len == 6 && memcmp(bytes, "online", 6) == 0;
    if (!online && !(len == 7 && memcmp(bytes, "offline", 7) == 0)) {
        return ERR_INVALID;
    }
    *ret_online = online;
    return 0;
}

/* ---- commands ---- */

static void put_color(struct json_out *j, const struct wled_lamp *lamp, const struct light_state *patch)
{
    uint8_t rgb[3] = {0};
    bool white = (patch->has & lamp->profile.can & LIGHT_KELVIN) != 0;
    if (!white) {
        color_rgb_from_hs(patch->hue, patch->saturation, LIGHT_LEVEL_MAX, &rgb[0], &rgb[1], &rgb[2]);
    }
    json_member_array(j, "col");
    json_begin_array(j);
    for (size_t i = 0; i < 3; i++) {
        json_put_int(j, rgb[i]);
    }
    json_put_int(j, white ? 255 : 0);
    json_end_array(j);
    json_end_array(j);
    json_member_int(j, "fx", 0); /* an effect would go on in its own colours */
}

static int64_t cct_of(uint16_t kelvin)
{
    uint32_t step = kelvin <= KELVIN_ZERO ? 0 : (kelvin - KELVIN_ZERO + KELVIN_STEP / 2) / KELVIN_STEP;
    return step > 255 ? 255 : step;
}

/* What stands in "seg": for the whole strip without a number, which is all segments that are selected. */
static void put_segment(struct json_out *j, const struct wled_lamp *lamp, const struct light_state *patch, uint32_t has)
{
    json_member_object(j, "seg");
    if (lamp->segment != WLED_WHOLE) {
        json_member_int(j, "id", lamp->segment);
        if (has & LIGHT_ON) {
            json_member_bool(j, "on", patch->on);
        }
        if (has & LIGHT_LEVEL) {
            json_member_int(j, "bri", color_level_to_steps(patch->level, 255));
        }
    }
    if (has & LIGHT_KELVIN) {
        json_member_int(j, "cct", cct_of(patch->kelvin));
    }
    if (has & (LIGHT_KELVIN | LIGHT_COLOR)) {
        put_color(j, lamp, patch);
    }
    json_end_object(j);
}

void wled_write_set(struct str *out, const struct wled_lamp *lamp, const struct light_state *patch,
                    uint32_t transition_ms)
{
    struct json_out j;
    uint32_t has = patch->has & lamp->profile.can;
    bool whole = lamp->segment == WLED_WHOLE;
    uint32_t tenths = (transition_ms + 50) / 100;
    json_out_init(&j, out);
    json_begin_object(&j);
    if ((has & LIGHT_ON) && (whole || patch->on)) {
        json_member_bool(&j, "on", patch->on); /* a segment lights only where its strip does */
    }
    if ((has & LIGHT_LEVEL) && whole) {
        json_member_int(&j, "bri", color_level_to_steps(patch->level, 255));
    }
    json_member_int(&j, "tt", tenths < MAX_TENTHS ? tenths : MAX_TENTHS);
    if (!whole || (has & (LIGHT_KELVIN | LIGHT_COLOR))) {
        put_segment(&j, lamp, patch, has);
    }
    json_member_object(&j, "nl"); /* an empty order to the night light: counts as a change, so WLED publishes */
    json_end_object(&j);
    json_end_object(&j);
}

void wled_write_get(struct str *out)
{
    str_add_z(out, "{\"nl\":{}}");
}

/* ---- the document ---- */

static void copy_text(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from ? from : "");
}

static bool read_mac(const char *text, char ret_mac[13])
{
    size_t len = 0;
    for (; text && len < 12 && isxdigit((unsigned char)text[len]); len++) {
        ret_mac[len] = (char)toupper((unsigned char)text[len]);
    }
    ret_mac[len] = 0;
    return len == 12 && text[12] == 0;
}

static bool read_byte(const struct json *value, uint8_t *ret_byte)
{
    int64_t number;
    if (json_integer(value, 0, 255, &number) != 0) {
        return false;
    }
    *ret_byte = (uint8_t)number;
    return true;
}

static void read_on(const struct json *object, struct light_state *state)
{
    const struct json *on = json_get(object, "on");
    uint8_t bri;
    if (json_is_bool(on)) {
        state->has |= LIGHT_ON;
        state->on = json_is_true(on);
    }
    if (read_byte(json_get(object, "bri"), &bri) && bri > 0) {
        state->has |= LIGHT_LEVEL;
        state->level = color_level_from_steps(bri, 255);
    }
}

/* What the diodes of a segment show. */
static void read_shown(const struct json *segment, const struct wled_lamp *lamp, struct light_state *state)
{
    uint8_t rgbw[4] = {0};
    uint8_t cct;
    const struct json *channel = json_first(json_first(json_get(segment, "col")));
    size_t count = 0;
    for (; count < 4 && read_byte(channel, &rgbw[count]); count++) {
        channel = json_next(channel);
    }
    if (count >= 3) {
        take_color(rgbw, lamp, state);
    }
    bool colored = (state->has & LIGHT_MODE) && state->mode == LIGHT_MODE_COLOR;
    if ((lamp->profile.can & LIGHT_KELVIN) && !colored && read_byte(json_get(segment, "cct"), &cct)) {
        state->has |= LIGHT_KELVIN;
        state->kelvin = (uint16_t)(KELVIN_ZERO + cct * KELVIN_STEP);
    }
}

static void read_segment(const struct json *segment, uint8_t whole, bool dark, struct wled_device *d)
{
    uint8_t id, lc;
    if (d->segment_count == WLED_MAX_SEGMENTS || !read_byte(json_get(segment, "id"), &id) || id == WLED_WHOLE) {
        return;
    }
    struct wled_lamp *lamp = &d->segments[d->segment_count];
    struct light_state *state = &d->segment_states[d->segment_count];
    *lamp = wled_make_lamp(id, read_byte(json_get(segment, "lc"), &lc) ? lc & 7u : whole);
    copy_text(lamp->name, sizeof lamp->name, json_get_text(segment, "n"));
    read_on(segment, state);
    read_shown(segment, lamp, state);
    state->on = state->on && !dark; /* a segment lights only where its strip does */
    state->has &= lamp->profile.can;
    d->segment_count++;
}

/* The strip as a whole shows what its first selected segment shows, as WLED itself has it on MQTT. */
static void read_whole(const struct json *state, struct wled_device *d)
{
    const struct json *shown = json_first(json_get(state, "seg"));
    for (const struct json *s = shown; s; s = json_next(s)) {
        if (json_is_true(json_get(s, "sel"))) {
            shown = s;
            break;
        }
    }
    read_on(state, &d->whole_state);
    read_shown(shown, &d->whole, &d->whole_state);
    d->whole_state.has &= d->whole.profile.can;
}

int wled_read_document(const char *bytes, size_t len, struct wled_device *ret_device)
{
    struct json *root = NULL;
    int err = json_parse(bytes, len, WLED_MAX_DOCUMENT, &root, NULL);
    if (err != 0) {
        return err;
    }
    const struct json *info = json_get(root, "info");
    const struct json *state = json_get(root, "state");
    uint8_t lc = WLED_RGB;
    memset(ret_device, 0, sizeof *ret_device);
    if (!json_is_object(state) || !read_mac(json_get_text(info, "mac"), ret_device->mac)) {
        json_free(root);
        return ERR_INVALID;
    }
    copy_text(ret_device->name, sizeof ret_device->name, json_get_text(info, "name"));
    copy_text(ret_device->version, sizeof ret_device->version, json_get_text(info, "ver"));
    (void)read_byte(json_get(json_get(info, "leds"), "lc"), &lc); /* before 0.13 there is none: RGB */
    ret_device->whole = wled_make_lamp(WLED_WHOLE, lc & 7u);
    const struct json *segments = json_get(state, "seg");
    for (const struct json *s = json_is_array(segments) ? json_first(segments) : NULL; s; s = json_next(s)) {
        read_segment(s, lc & 7u, json_is_bool(json_get(state, "on")) && !json_is_true(json_get(state, "on")),
                     ret_device);
    }
    read_whole(state, ret_device);
    json_free(root);
    return 0;
}
