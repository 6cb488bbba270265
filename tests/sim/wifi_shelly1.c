/* A Shelly of the first generation, as shelly-api-docs.shelly.cloud/gen1 has it. It says its state when it has changed,
   and when it is asked to `update`. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sim/wifi_internal.h"

static const struct wifi_shape shapes[] = {
    {"SHCB-1", "shellycolorbulb", {"color:0"}, 1, 3000, 6500, 0},
    {"SHDM-2", "shellydimmer2", {"light:0"}, 1, 0, 0, 0},
    {"SHBDUO-1", "ShellyBulbDuo", {"light:0"}, 1, 2700, 6500, 0},
    {"SHRGBW2", "shellyrgbw2", {"color:0"}, 1, 0, 0, 0},
    {"SHRGBW2-white", "shellyrgbw2", {"white:0", "white:1", "white:2", "white:3"}, 1, 0, 0, 0},
    {"SHVIN-1", "ShellyVintage", {"light:0"}, 1, 0, 0, 0},
    {"SHBLB-1", "shellybulb", {"color:0"}, 1, 3000, 6500, 0},
    {"SHPLG-S", "shellyplug-s", {"relay:0"}, 1, 0, 0, 0},
    {"SHSW-25", "shellyswitch25", {"relay:0", "relay:1"}, 1, 0, 0, 0},
};

static void name(struct wifi_device *d)
{
    struct str topic = STR_INIT;
    (void)snprintf(d->id, sizeof d->id, "%s-%s", d->shape->app, d->mac + 6);
    str_printf(&topic, "shellies/%s", d->id);
    d->topic = str_take(&topic);
}

static bool is_part(const struct wifi_device *d, int lamp, const char *kind)
{
    return strncmp(d->shape->parts[lamp], kind, strlen(kind)) == 0;
}

/* ---- what it says ---- */

static void put_status(struct json_out *j, const struct wifi_device *d, int lamp)
{
    const struct wifi_lamp *l = &d->lamps[lamp];
    bool bulb = d->shape->max_kelvin > 0 && is_part(d, lamp, "color");
    bool colored = is_part(d, lamp, "color") && !(bulb && l->white_mode);
    json_member_bool(j, "ison", l->on);
    json_member_text(j, "source", "mqtt");
    json_member_bool(j, "has_timer", false);
    json_member_text(j, "mode", colored ? "color" : "white");
    if (colored) {
        json_member_int(j, "red", l->rgb[0]);
        json_member_int(j, "green", l->rgb[1]);
        json_member_int(j, "blue", l->rgb[2]);
        json_member_int(j, "white", l->white);
        json_member_int(j, "gain", l->level);
        json_member_int(j, "effect", 0);
    } else {
        json_member_int(j, "brightness", l->level);
    }
    if (!colored && d->shape->max_kelvin > 0) {
        json_member_int(j, "temp", l->kelvin);
    }
    json_member_int(j, "transition", 0);
}

static void tell(struct wifi_device *d, int lamp, bool full)
{
    const struct wifi_lamp *l = &d->lamps[lamp];
    const char *part = d->shape->parts[lamp];
    char tail[32];
    struct json_out j;
    (void)full; /* it always says all of it */
    (void)snprintf(tail, sizeof tail, "%.*s/%c", (int)strcspn(part, ":"), part, part[strlen(part) - 1]);
    str_clear(&d->wifi->text);
    str_add_z(&d->wifi->text, l->on ? "on" : "off");
    wifi_send(d, tail, d->wifi->config.retain);
    if (!is_part(d, lamp, "relay")) {
        strcat(tail, "/status");
        str_clear(&d->wifi->text);
        json_out_init(&j, &d->wifi->text);
        json_begin_object(&j);
        put_status(&j, d, lamp);
        json_end_object(&j);
        wifi_send(d, tail, d->wifi->config.retain);
    }
}

static void tell_all(struct wifi_device *d)
{
    for (size_t i = 0; i < d->count; i++) {
        tell(d, (int)i, true);
    }
}

static void announce(struct wifi_device *d)
{
    char model[32];
    struct json_out j;
    (void)snprintf(model, sizeof model, "%s", d->shape->model);
    if (strncmp(model, "SHRGBW2", 7) == 0) {
        model[7] = 0;
    }
    str_clear(&d->wifi->text);
    json_out_init(&j, &d->wifi->text);
    json_begin_object(&j);
    json_member_text(&j, "id", d->topic + strlen("shellies/"));
    json_member_text(&j, "model", model);
    json_member_text(&j, "mac", d->mac);
    json_member_text(&j, "ip", "192.168.33.1");
    json_member_bool(&j, "new_fw", false);
    json_member_text(&j, "fw_ver", "20230913-112003/v1.14.0-gcb84623");
    json_end_object(&j);
    wifi_send_to(d, "shellies/announce", false);
    wifi_send(d, "announce", false);
}

static void hello(struct wifi_device *d)
{
    static const char *const tails[] = {"command", "relay/+/command", "light/+/set", "color/+/set", "white/+/set"};
    wifi_subscribe(d, "/shellies/command");
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        wifi_subscribe(d, tails[i]);
    }
    announce(d);
    tell_all(d);
}

static void babble(struct wifi_device *d)
{
    static const char *const lines[] = {"{\"ison\":", "\xff", "[]", "overload"};
    static const char *const tails[] = {"light/0/status", "color/0/status", "relay/0", "online"};
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++) {
            str_clear(&d->wifi->text);
            str_add_z(&d->wifi->text, lines[i]);
            wifi_send(d, tails[k], false);
        }
    }
    str_clear(&d->wifi->text);
    str_add_z(&d->wifi->text, "{\"id\":\"#\",\"mac\":\"nobody\"}");
    wifi_send_to(d, "shellies/announce", false);
}

/* ---- commands ---- */

static int commands(struct wifi_device *d, const char *topic, const char *payload, size_t len)
{
    const char *tail = topic + strlen(d->topic);
    (void)payload;
    (void)len;
    if (strncmp(topic, d->topic, strlen(d->topic)) != 0 || *tail != '/') {
        return -1;
    }
    for (size_t i = 0; i < d->count; i++) {
        char wanted[40];
        const char *part = d->shape->parts[i];
        bool relay = is_part(d, (int)i, "relay");
        (void)snprintf(wanted, sizeof wanted, "/%.*s/%c/%s", (int)strcspn(part, ":"), part, part[strlen(part) - 1],
                       relay ? "command" : "set");
        if (strcmp(tail, wanted) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int within(int value, int max)
{
    return value < 0 ? 0 : value > max ? max : value;
}

static void take_set(struct wifi_lamp *l, const struct json *set, bool colored)
{
    const char *turn = json_get_text(set, "turn");
    const char *mode = json_get_text(set, "mode");
    l->on = turn ? strcmp(turn, "on") == 0 : l->on;
    l->white_mode = mode ? strcmp(mode, "white") == 0 : l->white_mode;
    l->level = within(wifi_whole(set, colored && !l->white_mode ? "gain" : "brightness", l->level), 100);
    l->rgb[0] = within(wifi_whole(set, "red", l->rgb[0]), 255);
    l->rgb[1] = within(wifi_whole(set, "green", l->rgb[1]), 255);
    l->rgb[2] = within(wifi_whole(set, "blue", l->rgb[2]), 255);
    l->white = within(wifi_whole(set, "white", l->white), 255);
    l->kelvin = wifi_whole(set, "temp", l->kelvin);
}

static void obey(struct wifi_device *d, int lamp, const char *topic, const char *payload, size_t len)
{
    struct wifi_lamp *l = &d->lamps[lamp];
    (void)topic;
    if (is_part(d, lamp, "relay")) {
        l->on = len == 2 && memcmp(payload, "on", 2) == 0;
    } else {
        struct json *set = wifi_parse(payload, len);
        take_set(l, set, is_part(d, lamp, "color"));
        json_free(set);
    }
    if (memcmp(&d->before, l, sizeof d->before) != 0) {
        tell(d, lamp, true);
    }
}

static void hear(struct wifi_device *d, const char *topic, const char *payload, size_t len)
{
    const char *tail = strrchr(topic, '/');
    if (tail && strcmp(tail, "/command") == 0 && len == 8 && memcmp(payload, "announce", 8) == 0) {
        announce(d);
    } else if (tail && strcmp(tail, "/command") == 0 && len == 6 && memcmp(payload, "update", 6) == 0) {
        tell_all(d);
    }
}

const struct wifi_ops wifi_shelly1 = {
    .shapes = shapes,
    .shape_count = sizeof shapes / sizeof shapes[0],
    .online = "true",
    .offline = "false",
    .status = "online",
    .name = name,
    .hello = hello,
    .commands = commands,
    .obey = obey,
    .hear = hear,
    .tell = tell,
    .babble = babble,
};
