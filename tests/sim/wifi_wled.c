/* A WLED strip, by WLED's mqtt.cpp, json.cpp, led.cpp and xml.cpp: MQTT has brightness and the colour of the first
   selected segment, all else is over HTTP. It publishes when something has changed, and no oftener than its cooldown
   allows. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "loop/loop.h"
#include "sim/schedule.h"
#include "sim/wifi_internal.h"

/* lamps[0] is the strip: on and brightness of it all; behind it its segments. */
static const struct wifi_shape shapes[] = {
    {"RGBCCT", "WLED", {"", "0"}, 0, 0, 0, 7},        {"RGB", "WLED", {"", "0"}, 0, 0, 0, 1},
    {"RGBW", "WLED", {"", "0"}, 0, 0, 0, 3},          {"CCT", "WLED", {"", "0"}, 0, 0, 0, 6},
    {"WHITE", "WLED", {"", "0"}, 0, 0, 0, 2},         {"RGB-3", "WLED", {"", "0", "1", "2"}, 0, 0, 0, 1},
    {"RGBCCT-2", "WLED", {"", "0", "1"}, 0, 0, 0, 7},
};

static void name(struct wifi_device *d)
{
    struct str topic = STR_INIT;
    (void)snprintf(d->id, sizeof d->id, "%s", d->mac + 6);
    for (char *at = d->id; *at; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    str_printf(&topic, "wled/%s", d->id);
    d->topic = str_take(&topic);
}

static int brightness(const struct wifi_device *d)
{
    return d->lamps[0].on ? d->lamps[0].level : 0;
}

/* ---- what it publishes ---- */

static void publish(struct wifi_device *d)
{
    const struct wifi_lamp *l = &d->lamps[1];
    struct str *text = &d->wifi->text;
    unsigned color =
        (unsigned)l->white << 24 | (unsigned)l->rgb[0] << 16 | (unsigned)l->rgb[1] << 8 | (unsigned)l->rgb[2];
    d->told = false;
    d->published_at = loop_now(d->wifi->loop);
    str_clear(text);
    str_printf(text, "%d", brightness(d));
    wifi_send(d, "g", d->wifi->config.retain);
    str_clear(text);
    str_printf(text, "#%06X", color);
    wifi_send(d, "c", d->wifi->config.retain);
    if (!d->plain) {
        str_clear(text);
        str_add_z(text, "online");
        wifi_send(d, "status", true);
    }
    str_clear(text);
    str_printf(text, "<?xml version=\"1.0\" ?><vs><ac>%d</ac><cl>%d</cl><cl>%d</cl><cl>%d</cl><wv>%d</wv></vs>",
               brightness(d), l->rgb[0], l->rgb[1], l->rgb[2], d->shape->diodes & 2 ? l->white : -1);
    wifi_send(d, "v", d->wifi->config.retain);
}

static void publish_later(void *user, uint32_t subject, void *load)
{
    struct wifi *w = user;
    (void)load;
    if (w->devices[subject].told && w->devices[subject].up) {
        publish(&w->devices[subject]);
    }
}

static void tell(struct wifi_device *d, int lamp, bool full)
{
    uint64_t since = loop_now(d->wifi->loop) - d->published_at;
    uint32_t cooldown = d->wifi->config.cooldown_ms;
    (void)lamp;
    if (full || d->published_at == 0 || since >= cooldown) {
        publish(d);
    } else if (!d->told) {
        d->told = true;
        schedule_add(d->wifi->schedule, cooldown - since, publish_later, (uint32_t)(d - d->wifi->devices), NULL);
    }
}

static void hello(struct wifi_device *d)
{
    wifi_subscribe(d, "");
    wifi_subscribe(d, "col");
    wifi_subscribe(d, "api");
    publish(d);
}

static void babble(struct wifi_device *d)
{
    static const char *const lines[] = {"{\"on\":", "\xff", "999", "#12"};
    static const char *const tails[] = {"g", "c", "status", "v"};
    for (size_t i = 0; i < 16; i++) {
        str_clear(&d->wifi->text);
        str_add_z(&d->wifi->text, lines[i / 4]);
        wifi_send(d, tails[i % 4], false);
    }
}

/* ---- what it is told ---- */

static void set_brightness(struct wifi_device *d, int bri)
{
    d->lamps[0].on = bri > 0;
    if (bri > 0) {
        d->lamps[0].level = bri;
    }
}

static void take_color(const struct json *color, struct wifi_lamp *l)
{
    const struct json *channel = json_first(color);
    int rgbw[4] = {0};
    for (size_t i = 0; json_is_array(color) && i < 4 && channel; i++, channel = json_next(channel)) {
        int64_t value;
        rgbw[i] = json_integer(channel, 0, 255, &value) == 0 ? (int)value : 0;
    }
    if (json_is_array(color)) {
        memcpy(l->rgb, rgbw, sizeof l->rgb);
        l->white = rgbw[3];
    }
}

static void take_segment(struct wifi_device *d, size_t at, const struct json *segment)
{
    struct wifi_lamp *l = &d->lamps[at];
    int bri = wifi_whole(segment, "bri", -1);
    int cct = wifi_whole(segment, "cct", l->cct);
    if (bri >= 0) {
        l->level = bri > 0 ? bri : l->level;
        l->on = bri > 0;
    }
    if (json_is_bool(json_get(segment, "on"))) {
        l->on = json_is_true(json_get(segment, "on"));
    }
    l->cct = cct > 255 ? (cct < 1900 ? 0 : (cct > 10091 ? 10091 - 1900 : cct - 1900) / 32) : cct;
    if (d->shape->diodes & 3) {
        take_color(json_first(json_get(segment, "col")), l);
    }
}

/* An object without a number is for all that are selected, which all are here. */
static void take_segments(struct wifi_device *d, const struct json *segments)
{
    if (json_is_object(segments)) {
        int id = wifi_whole(segments, "id", -1);
        for (size_t i = 1; i < d->count; i++) {
            if (id < 0 || (size_t)id + 1 == i) {
                take_segment(d, i, segments);
            }
        }
        return;
    }
    size_t at = 1;
    for (const struct json *s = json_is_array(segments) ? json_first(segments) : NULL; s; s = json_next(s), at++) {
        size_t id = (size_t)wifi_whole(s, "id", (int)at - 1);
        if (id + 1 < d->count) {
            take_segment(d, id + 1, s);
        }
    }
}

static bool take_state(struct wifi_device *d, const struct json *state)
{
    struct wifi_lamp before[WIFI_LAMPS_MAX];
    memcpy(before, d->lamps, sizeof before);
    int bri = wifi_whole(state, "bri", -1);
    const struct json *on = json_get(state, "on");
    if (bri >= 0) {
        set_brightness(d, bri & 255);
    }
    if (json_is_bool(on)) {
        d->lamps[0].on = json_is_true(on);
    } else if (json_is_string(on)) {
        d->lamps[0].on = !d->lamps[0].on;
    }
    take_segments(d, json_get(state, "seg"));
    return memcmp(before, d->lamps, sizeof before) != 0 || json_get(state, "nl");
}

static int commands(struct wifi_device *d, const char *topic, const char *payload, size_t len)
{
    (void)d;
    (void)topic;
    /* An empty order to its night light changes nothing, but is one. */
    return len == 9 && memcmp(payload, "{\"nl\":{}}", 9) == 0 ? -1 : 0;
}

static void take_api(struct wifi_device *d, const char *payload, size_t len)
{
    struct json *state = wifi_parse(payload, len);
    if (state && take_state(d, state)) {
        tell(d, 0, false);
    }
    json_free(state);
}

static void obey(struct wifi_device *d, int lamp, const char *topic, const char *payload, size_t len)
{
    const char *tail = topic + strlen(d->topic);
    struct str text = STR_INIT;
    (void)lamp;
    str_add(&text, payload, len);
    if (strcmp(tail, "/api") == 0) {
        take_api(d, payload, len);
    } else if (strcmp(tail, "/col") == 0 && payload[0] == '#' && len >= 7) {
        unsigned long color = strtoul(str_z(&text) + 1, NULL, 16);
        for (size_t i = 1; i < d->count; i++) {
            d->lamps[i].rgb[0] = (int)(color >> 16 & 255);
            d->lamps[i].rgb[1] = (int)(color >> 8 & 255);
            d->lamps[i].rgb[2] = (int)(color & 255);
            d->lamps[i].white = (int)(color >> 24 & 255);
        }
        tell(d, 0, false);
    } else if (*tail == 0) {
        if (strcasestr(str_z(&text), "on") || strstr(str_z(&text), "true")) {
            d->lamps[0].on = true;
        } else if (strpbrk(str_z(&text), "Tt")) {
            d->lamps[0].on = !d->lamps[0].on;
        } else {
            set_brightness(d, atoi(str_z(&text)) & 255);
        }
        tell(d, 0, false);
    }
    str_done(&text);
}

static void hear(struct wifi_device *d, const char *topic, const char *payload, size_t len)
{
    (void)topic;
    take_api(d, payload, len);
}

/* ---- over HTTP ---- */

static void put_segment(struct json_out *j, const struct wifi_device *d, size_t at)
{
    const struct wifi_lamp *l = &d->lamps[at];
    json_begin_object(j);
    json_member_int(j, "id", (int64_t)at - 1);
    json_member_int(j, "start", (int64_t)(at - 1) * 10);
    json_member_int(j, "stop", (int64_t)at * 10);
    json_member_int(j, "len", 10);
    json_member_bool(j, "on", l->on);
    json_member_int(j, "bri", l->level);
    json_member_int(j, "cct", l->cct);
    json_member_int(j, "lc", d->shape->diodes);
    json_member_array(j, "col");
    json_begin_array(j);
    for (size_t i = 0; i < 3; i++) {
        json_put_int(j, l->rgb[i]);
    }
    if (d->shape->diodes & 2) {
        json_put_int(j, l->white);
    }
    json_end_array(j);
    json_end_array(j);
    json_member_int(j, "fx", 0);
    json_member_int(j, "pal", 0);
    json_member_bool(j, "sel", true);
    json_end_object(j);
}

static void put_state(struct json_out *j, const struct wifi_device *d)
{
    json_begin_object(j);
    json_member_bool(j, "on", d->lamps[0].on);
    json_member_int(j, "bri", d->lamps[0].level);
    json_member_int(j, "transition", 7);
    json_member_int(j, "ps", -1);
    json_member_int(j, "mainseg", 0);
    json_member_array(j, "seg");
    for (size_t i = 1; i < d->count; i++) {
        put_segment(j, d, i);
    }
    json_end_array(j);
    json_end_object(j);
}

static void put_info(struct json_out *j, const struct wifi_device *d)
{
    char mac[13];
    for (size_t i = 0; i < sizeof mac; i++) {
        mac[i] = (char)tolower((unsigned char)d->mac[i]);
    }
    json_begin_object(j);
    json_member_text(j, "ver", "0.15.1");
    json_member_int(j, "vid", 2508020);
    json_member_object(j, "leds");
    json_member_int(j, "count", (int64_t)(d->count - 1) * 10);
    json_member_int(j, "maxseg", 32);
    json_member_array(j, "seglc");
    for (size_t i = 1; i < d->count; i++) {
        json_put_int(j, d->shape->diodes);
    }
    json_end_array(j);
    json_member_int(j, "lc", d->shape->diodes);
    json_member_bool(j, "rgbw", (d->shape->diodes & 2) != 0);
    json_end_object(j);
    json_member_text(j, "name", "WLED");
    json_member_text(j, "arch", "esp32");
    json_member_text(j, "brand", "WLED");
    json_member_text(j, "product", "FOSS");
    json_member_text(j, "mac", mac);
    json_member_text(j, "ip", "127.0.0.1");
    json_end_object(j);
}

static void put_names(struct json_out *j, const char *key, const char *first)
{
    json_member_array(j, key);
    json_put_text(j, first);
    json_end_array(j);
}

int wifi_wled_serve(void *user, const char *method, const char *path, const char *body, size_t len, struct str *out)
{
    struct wifi_device *d = user;
    struct json_out j;
    if (!d->broker || d->manner.silent) {
        return 503;
    }
    if (strcmp(method, "POST") == 0) {
        struct json *state = wifi_parse(body, len);
        if (state && take_state(d, state)) {
            tell(d, 0, false);
        }
        json_free(state);
    }
    json_out_init(&j, out);
    if (strcmp(path, "/json/state") == 0) {
        put_state(&j, d);
    } else if (strcmp(path, "/json/info") == 0) {
        put_info(&j, d);
    } else if (strcmp(path, "/json") == 0 || strcmp(path, "/json/si") == 0) {
        json_begin_object(&j);
        json_put_key(&j, "state");
        put_state(&j, d);
        json_put_key(&j, "info");
        put_info(&j, d);
        if (path[5] == 0) {
            put_names(&j, "effects", "Solid");
            put_names(&j, "palettes", "Default");
        }
        json_end_object(&j);
    } else if (strcmp(path, "/presets.json") == 0) {
        str_add_z(out, "{}");
    } else {
        return 404;
    }
    return 200;
}

const struct wifi_ops wifi_wled = {
    .shapes = shapes,
    .shape_count = sizeof shapes / sizeof shapes[0],
    .online = "online",
    .offline = "offline",
    .status = "status",
    .name = name,
    .hello = hello,
    .commands = commands,
    .obey = obey,
    .hear = hear,
    .tell = tell,
    .babble = babble,
};
