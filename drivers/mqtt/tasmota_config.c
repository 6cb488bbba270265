/* Tasmota's discovery messages: which lights a module has, and on which topics. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/utf8.h"
#include "model/color.h"
#include "mqtt/tasmota_codec.h"

enum { RELAY_NONE, RELAY_RELAY, RELAY_LIGHT, RELAY_SHUTTER };              /* rl */
enum { TYPE_NONE, TYPE_DIMMER, TYPE_CT, TYPE_RGB, TYPE_RGBW, TYPE_RGBCW }; /* lt_st */

/* What the message says beside its texts. */
struct settings {
    int64_t relays[TASMOTA_MAX_LAMPS]; /* RELAY_* */
    size_t relay_count, first_light;   /* its place among the relays */
    int64_t type;                      /* TYPE_* */
    bool linked;                       /* colour and white are one light */
    bool tuya, fan;
    bool relay_is_light, multi_channel, short_range; /* SetOption 30, 68, 82 */
};

/* ---- texts ---- */

/* What is too long is cut at a character. */
static void copy_text(char *to, size_t size, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len >= size) {
        for (len = size - 1; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;) {
            len--;
        }
    }
    memcpy(to, text ? text : "", len);
    to[len] = 0;
}

/* A word that must be known to the letter: one that is missing or too long is the default. */
static void copy_word(char to[TASMOTA_WORD], const char *text, const char *otherwise)
{
    size_t len = text ? strlen(text) : 0;
    copy_text(to, TASMOTA_WORD, len > 0 && len < TASMOTA_WORD ? text : otherwise);
}

static const char *text_at(const struct json *array, size_t index)
{
    const struct json *v = json_is_array(array) ? json_first(array) : NULL;
    while (v && index-- > 0) {
        v = json_next(v);
    }
    return json_text(v);
}

static int64_t number(const struct json *object, const char *key, int64_t otherwise)
{
    int64_t value;
    const struct json *v = json_get(object, key);
    if (json_is_bool(v)) {
        return json_is_true(v);
    }
    return json_integer(v, 0, 255, &value) == 0 ? value : otherwise;
}

/* ---- topics ---- */

/* FullTopic with its tokens filled in, as GetTopic_P does it: a command's without %prefix% gets it behind, "#" goes,
   "//" becomes "/", and a "/" ends it. */
static bool expand(const char *template, const char *const tokens[][2], size_t count, char ret_topic[TASMOTA_TOPIC])
{
    struct str s = STR_INIT;
    for (const char *at = template; *at;) {
        size_t i = 0;
        while (i < count && strncmp(at, tokens[i][0], strlen(tokens[i][0])) != 0) {
            i++;
        }
        str_add_z(&s, i < count ? tokens[i][1] : (const char[]){*at, 0});
        at += i < count ? strlen(tokens[i][0]) : 1;
    }
    size_t len = 0;
    bool fits = s.len > 0;
    for (size_t i = 0; fits && i < s.len; i++) {
        if (s.data[i] == '/' && s.data[i + 1] == '/') {
            i++;
        }
        if (s.data[i] != '#') {
            fits = len + 2 < TASMOTA_TOPIC && (unsigned char)s.data[i] >= 0x20 && s.data[i] != 0x7f && s.data[i] != '+';
            ret_topic[len++] = s.data[i];
        }
    }
    if (fits && len > 0 && ret_topic[len - 1] != '/') {
        ret_topic[len++] = '/';
    }
    str_done(&s);
    ret_topic[fits ? len : 0] = 0;
    return fits && len > 0;
}

static bool read_topics(const struct json *root, struct tasmota_device *d)
{
    static const char *const usual[] = {"cmnd", "stat", "tele"};
    char *const topics[] = {d->cmnd, d->stat, d->tele};
    const char *full = json_get_text(root, "ft");
    const char *topic = json_get_text(root, "t");
    const char *host = json_get_text(root, "hn");
    struct str template = STR_INIT;
    bool good = full && topic && topic[0];
    for (size_t i = 0; good && i < 3; i++) {
        const char *prefix = text_at(json_get(root, "tp"), i);
        const char *const tokens[][2] = {{"%prefix%", prefix && prefix[0] ? prefix : usual[i]},
                                         {"%topic%", topic},
                                         {"%hostname%", host ? host : ""},
                                         {"%id%", d->mac + 6}};
        str_clear(&template);
        str_printf(&template, "%s%s", full, i == 0 && !strstr(full, "%prefix%") ? "/%prefix%" : "");
        good = expand(str_z(&template), tokens, sizeof tokens / sizeof tokens[0], topics[i]);
    }
    str_done(&template);
    return good;
}

/* ---- lights ---- */

static struct light_profile profile_of(uint32_t can, const struct tasmota_lamp *lamp)
{
    struct light_profile p = {.can = LIGHT_ON | can, .kind = LIGHT_KIND_LIGHT};
    if (can & LIGHT_KELVIN) {
        p.min_kelvin = color_kelvin_from_mired(lamp->max_mired);
        p.max_kelvin = color_kelvin_from_mired(lamp->min_mired);
    }
    return p;
}

/* A light alone, or colour and white as one. */
static void make_light(const struct settings *s, struct tasmota_lamp *lamp)
{
    static const uint32_t can[] = {
        [TYPE_DIMMER] = LIGHT_LEVEL,
        [TYPE_CT] = LIGHT_LEVEL | LIGHT_KELVIN,
        [TYPE_RGB] = LIGHT_LEVEL | LIGHT_COLOR,
        [TYPE_RGBW] = LIGHT_LEVEL | LIGHT_COLOR,
        [TYPE_RGBCW] = LIGHT_LEVEL | LIGHT_COLOR | LIGHT_KELVIN | LIGHT_MODE,
    };
    copy_text(lamp->dimmer, sizeof lamp->dimmer, s->tuya ? "Dimmer3" : "Dimmer"); /* a Tuya module fades by itself */
    copy_text(lamp->level, sizeof lamp->level, "Dimmer");
    lamp->white = s->type >= TYPE_RGBW;
    lamp->profile = profile_of(can[s->type], lamp);
}

/* RGB and white of one module as lights of their own (SetOption37 of 128 and more): `part` 0 is the colour. */
static bool make_part(const struct settings *s, size_t part, struct tasmota_lamp *lamp)
{
    const uint32_t can[] = {LIGHT_LEVEL | LIGHT_COLOR, s->type == TYPE_RGBW ? LIGHT_LEVEL : LIGHT_LEVEL | LIGHT_KELVIN};
    if (part > 1) {
        return false;
    }
    (void)snprintf(lamp->dimmer, sizeof lamp->dimmer, "Dimmer%zu", part + 1);
    copy_text(lamp->level, sizeof lamp->level, lamp->dimmer);
    lamp->profile = profile_of(can[part], lamp);
    return true;
}

/* What hangs on POWER<place + 1>. False: no light, and no plug. */
static bool make_lamp(const struct settings *s, size_t place, struct tasmota_lamp *lamp)
{
    bool light = s->relays[place] == RELAY_LIGHT;
    *lamp = (struct tasmota_lamp){.number = (uint8_t)(place + 1),
                                  .min_mired = s->short_range ? 200 : 153,
                                  .max_mired = s->short_range ? 380 : 500};
    if (s->fan && place > 0) {
        return false; /* its speeds */
    }
    if ((s->fan || s->type == TYPE_NONE) && (light || s->relays[place] == RELAY_RELAY)) {
        lamp->profile = profile_of(0, lamp);
        lamp->profile.kind = light || s->fan || s->relay_is_light ? LIGHT_KIND_LIGHT : LIGHT_KIND_SWITCH;
        return true;
    }
    if (s->relays[place] == RELAY_RELAY) {
        lamp->profile = profile_of(0, lamp);
        lamp->profile.kind = s->relay_is_light ? LIGHT_KIND_LIGHT : LIGHT_KIND_SWITCH;
        return true;
    }
    lamp->fades = !s->tuya;
    if (light && s->multi_channel) {
        (void)snprintf(lamp->dimmer, sizeof lamp->dimmer, "Channel%zu", place + 1);
        copy_text(lamp->level, sizeof lamp->level, lamp->dimmer);
        lamp->profile = profile_of(LIGHT_LEVEL, lamp);
    } else if (light && !s->linked && s->type >= TYPE_RGBW) {
        return make_part(s, place - s->first_light, lamp);
    } else if (light) {
        make_light(s, lamp);
    }
    return light;
}

static bool read_settings(const struct json *root, struct settings *s, struct tasmota_make *make)
{
    const struct json *options = json_get(root, "so");
    const struct json *relays = json_get(root, "rl");
    if (!json_is_array(relays)) {
        return false;
    }
    for (const struct json *v = json_first(relays); v && s->relay_count < TASMOTA_MAX_LAMPS; v = json_next(v)) {
        if (json_integer(v, 0, 255, &s->relays[s->relay_count]) != 0) {
            return false;
        }
        s->relay_count++;
    }
    while (s->first_light < s->relay_count && s->relays[s->first_light] != RELAY_LIGHT) {
        s->first_light++;
    }
    s->type = number(root, "lt_st", TYPE_NONE);
    s->linked = number(root, "lk", 1) != 0;
    s->tuya = number(root, "ty", 0) != 0;
    s->fan = number(root, "if", 0) != 0;
    s->relay_is_light = number(options, "30", 0) != 0;
    s->multi_channel = number(options, "68", 0) != 0;
    s->short_range = number(options, "82", 0) != 0;
    make->by_command = number(options, "4", 0) != 0;
    make->power_apart = number(options, "20", 0) != 0;
    make->fixed_duration = number(options, "117", 0) != 0;
    return s->type <= TYPE_RGBCW;
}

/* A light alone has the device's name; of several each has its friendly name, which a module has eight of. */
static void name_lamps(const struct json *root, struct tasmota_device *d)
{
    for (size_t i = 0; i < d->make.count; i++) {
        unsigned power = d->make.lamps[i].number;
        const char *friendly = text_at(json_get(root, "fn"), power - 1);
        if (d->make.count == 1 && d->name[0]) {
            copy_text(d->names[i], TASMOTA_TEXT, d->name);
        } else if (friendly && friendly[0]) {
            copy_text(d->names[i], TASMOTA_TEXT, friendly);
        } else {
            (void)snprintf(d->names[i], TASMOTA_TEXT, "%.100s %u", d->name[0] ? d->name : d->topic, power);
        }
    }
}

static void read_words(const struct json *root, struct tasmota_device *d)
{
    const struct json *state = json_get(root, "state");
    copy_text(d->name, sizeof d->name, json_get_text(root, "dn"));
    copy_text(d->model, sizeof d->model, json_get_text(root, "md"));
    copy_text(d->version, sizeof d->version, json_get_text(root, "sw"));
    copy_text(d->topic, sizeof d->topic, json_get_text(root, "t"));
    copy_text(d->ip, sizeof d->ip, json_get_text(root, "ip"));
    copy_word(d->make.off, text_at(state, 0), "OFF");
    copy_word(d->make.on, text_at(state, 1), "ON");
    copy_word(d->make.offline, json_get_text(root, "ofln"), "Offline");
    copy_word(d->make.online, json_get_text(root, "onln"), "Online");
}

static const char *read_device(const struct json *root, const char *mac, struct tasmota_device *d)
{
    struct settings s = {0};
    const char *told = json_get_text(root, "mac");
    if (!json_is_object(root)) {
        return "a discovery message that is no JSON object";
    }
    if (!told || strcmp(told, mac) != 0) {
        return "a discovery message whose mac is not the topic's";
    }
    memcpy(d->mac, mac, TASMOTA_MAC);
    if (!read_topics(root, d)) {
        return "a discovery message without a usable topic (t, ft and tp)";
    }
    if (!read_settings(root, &s, &d->make)) {
        return "a discovery message without usable relays (rl, lt_st)";
    }
    read_words(root, d);
    for (size_t i = 0; i < s.relay_count; i++) {
        if (make_lamp(&s, i, &d->make.lamps[d->make.count])) {
            d->make.count++;
        }
    }
    /* The last one that was no light is left there half made. */
    memset(&d->make.lamps[d->make.count], 0, (TASMOTA_MAX_LAMPS - d->make.count) * sizeof d->make.lamps[0]);
    name_lamps(root, d);
    return NULL;
}

int tasmota_read_config(const char *bytes, size_t len, const char *mac, struct tasmota_device *ret_device,
                        const char **ret_why)
{
    struct json *root = NULL;
    int err = json_parse(bytes, len, TASMOTA_MAX_CONFIG, &root, NULL);
    if (err != 0) {
        *ret_why =
            err == ERR_TOO_LARGE ? "a discovery message longer than 16 kB" : "a discovery message that is no JSON";
        return ERR_INVALID;
    }
    memset(ret_device, 0, sizeof *ret_device); /* padding too: makes are compared as bytes */
    const char *why = read_device(root, mac, ret_device);
    json_free(root);
    if (why) {
        *ret_why = why;
        return ERR_INVALID;
    }
    return 0;
}

bool tasmota_read_topic(const char *discovery, const char *topic, char ret_mac[TASMOTA_MAC])
{
    size_t len = strlen(discovery);
    if (strncmp(topic, discovery, len) != 0 || topic[len] != '/') {
        return false;
    }
    topic += len + 1;
    if (strspn(topic, "0123456789ABCDEF") != TASMOTA_MAC - 1 || strcmp(topic + TASMOTA_MAC - 1, "/config") != 0) {
        return false;
    }
    memcpy(ret_mac, topic, TASMOTA_MAC - 1);
    ret_mac[TASMOTA_MAC - 1] = 0;
    return true;
}
