/* A Shelly of the second generation or later: RPC over MQTT, as shelly-api-docs.shelly.cloud/gen2 has it. A
   notification says what has changed and no more; nothing but `online` is retained. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "loop/loop.h"
#include "sim/wifi_internal.h"

static const struct wifi_shape shapes[] = {
    {"S3BL-C010007AEU", "shellycolorbulbg3", {"rgbcct:0"}, 3, 2700, 6500, 0},
    {"S3DM-0A101WWL", "shellydimmerg3", {"light:0"}, 3, 0, 0, 0},
    {"SNDC-0D4P10WW", "shellyplusrgbwpm", {"rgbw:0"}, 2, 0, 0, 0},
    {"SNDC-0D4P10WW-rgb", "shellyplusrgbwpm", {"rgb:0"}, 2, 0, 0, 0},
    {"SNDC-0D4P10WW-light", "shellyplusrgbwpm", {"light:0", "light:1", "light:2", "light:3"}, 2, 0, 0, 0},
    {"S3BL-D010009AEU", "shellyduobulbg3", {"cct:0"}, 3, 2700, 6500, 0},
    {"SPDC-0D5PE16EU-cctx2", "shellyprorgbwwpm", {"cct:0", "cct:1"}, 2, 2700, 6500, 0},
    {"SNSW-001X16EU", "shellyplus1", {"switch:0"}, 2, 0, 0, 0},
    {"SNSW-102P16EU", "shellyplus2pm", {"switch:0", "switch:1"}, 2, 0, 0, 0},
};

static void name(struct wifi_device *d)
{
    char lower[13];
    for (size_t i = 0; i < sizeof lower; i++) {
        lower[i] = (char)tolower((unsigned char)d->mac[i]);
    }
    (void)snprintf(d->id, sizeof d->id, "%s-%s", d->shape->app, lower);
    d->topic = mem_text(d->id);
}

/* "cct:1" is 1. */
static int number_of(const char *part)
{
    return strchr(part, ':')[1] - '0';
}

static bool is_part(const struct wifi_device *d, int lamp, const char *kind)
{
    const char *part = d->shape->parts[lamp];
    return strncmp(part, kind, strlen(kind)) == 0 && part[strlen(kind)] == ':';
}

/* ---- what it says ---- */

static void put_rgb(struct json_out *j, const struct wifi_lamp *l)
{
    json_member_array(j, "rgb");
    for (size_t i = 0; i < 3; i++) {
        json_put_int(j, l->rgb[i]);
    }
    json_end_array(j);
}

/* Members of a status. `before` NULL: all of them; otherwise those that differ. */
static void put_status(struct json_out *j, const struct wifi_device *d, int lamp, const struct wifi_lamp *before)
{
    const struct wifi_lamp *l = &d->lamps[lamp];
    bool both = is_part(d, lamp, "rgbcct");
    bool plug = is_part(d, lamp, "switch");
    json_member_int(j, "id", number_of(d->shape->parts[lamp]));
    if (!before) {
        json_member_text(j, "source", "init");
    }
    if (!before || before->on != l->on) {
        json_member_bool(j, "output", l->on);
    }
    if (!plug && (!before || before->level != l->level)) {
        json_member_int(j, "brightness", l->level);
    }
    if (both && (!before || before->white_mode != l->white_mode)) {
        json_member_text(j, "mode", l->white_mode ? "cct" : "rgb");
    }
    if ((both || is_part(d, lamp, "rgb") || is_part(d, lamp, "rgbw")) &&
        (!before || memcmp(before->rgb, l->rgb, sizeof l->rgb) != 0)) {
        put_rgb(j, l);
    }
    if (is_part(d, lamp, "rgbw") && (!before || before->white != l->white)) {
        json_member_int(j, "white", l->white);
    }
    if ((both || is_part(d, lamp, "cct")) && (!before || before->kelvin != l->kelvin)) {
        json_member_int(j, "ct", l->kelvin);
    }
    if (!before) {
        json_member_object(j, "temperature");
        json_put_key(j, "tC");
        json_put_fixed(j, 483, 1);
        json_end_object(j);
    }
}

static void begin(struct json_out *j, struct wifi_device *d)
{
    str_clear(&d->wifi->text);
    json_out_init(j, &d->wifi->text);
    json_begin_object(j);
    json_member_text(j, "src", d->id);
}

static void begin_event(struct json_out *j, struct wifi_device *d, const char *method)
{
    char dst[80];
    begin(j, d);
    (void)snprintf(dst, sizeof dst, "%s/events", d->topic);
    json_member_text(j, "dst", dst);
    json_member_text(j, "method", method);
    json_member_object(j, "params");
    json_put_key(j, "ts");
    json_put_fixed(j, loop_wall_ms(), 3);
}

static void end_event(struct json_out *j, struct wifi_device *d)
{
    json_end_object(j);
    json_end_object(j);
    wifi_send(d, "events/rpc", false);
}

/* PREFIX/status/light:0, where its owner has switched that on (status_ntf). */
static void tell_whole(struct wifi_device *d, int lamp)
{
    char tail[40];
    struct json_out j;
    if (!d->wifi->config.status) {
        return;
    }
    str_clear(&d->wifi->text);
    json_out_init(&j, &d->wifi->text);
    json_begin_object(&j);
    put_status(&j, d, lamp, NULL);
    json_end_object(&j);
    (void)snprintf(tail, sizeof tail, "status/%s", d->shape->parts[lamp]);
    wifi_send(d, tail, false);
}

static void tell(struct wifi_device *d, int lamp, bool full)
{
    struct json_out j;
    tell_whole(d, lamp);
    begin_event(&j, d, "NotifyStatus");
    json_member_object(&j, d->shape->parts[lamp]);
    put_status(&j, d, lamp, full ? NULL : &d->before);
    json_end_object(&j);
    end_event(&j, d);
}

/* Fades: where to, and for how long. */
static void tell_transition(struct wifi_device *d, int lamp, double seconds)
{
    struct json_out j;
    begin_event(&j, d, "NotifyStatus");
    json_member_object(&j, d->shape->parts[lamp]);
    json_member_int(&j, "id", number_of(d->shape->parts[lamp]));
    json_member_bool(&j, "output", true);
    json_member_int(&j, "brightness", d->before.on ? d->before.level : 0);
    json_member_object(&j, "transition");
    json_member_object(&j, "target");
    json_member_bool(&j, "output", d->lamps[lamp].on);
    json_member_int(&j, "brightness", d->lamps[lamp].level);
    json_end_object(&j);
    json_put_key(&j, "started_at");
    json_put_fixed(&j, loop_wall_ms(), 3);
    json_put_key(&j, "duration");
    json_put_fixed(&j, lround(seconds * 1000), 3);
    json_end_object(&j);
    json_end_object(&j);
    end_event(&j, d);
}

static void hello(struct wifi_device *d)
{
    struct json_out j;
    wifi_subscribe(d, "rpc");
    begin_event(&j, d, "NotifyFullStatus");
    for (size_t i = 0; i < d->count; i++) {
        json_member_object(&j, d->shape->parts[i]);
        put_status(&j, d, (int)i, NULL);
        json_end_object(&j);
    }
    end_event(&j, d);
}

static void babble(struct wifi_device *d)
{
    static const char *const lines[] = {"{\"method\":\"NotifyStatus\",\"params\":", "\xff\xfe", "[]", "",
                                        "{\"method\":7,\"params\":{\"light:0\":{\"output\":\"yes\"}}}"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        str_clear(&d->wifi->text);
        str_add_z(&d->wifi->text, lines[i]);
        wifi_send(d, "events/rpc", false);
    }
}

/* ---- requests ---- */

static void begin_answer(struct json_out *j, struct wifi_device *d, const struct json *request)
{
    begin(j, d);
    json_put_key(j, "id");
    struct str id = STR_INIT;
    json_copy(&id, json_get(request, "id"));
    json_put_raw(j, id.data, id.len);
    str_done(&id);
    json_member_text(j, "dst", json_get_text(request, "src"));
}

static void end_answer(struct json_out *j, struct wifi_device *d, const struct json *request)
{
    char topic[256];
    json_end_object(j);
    (void)snprintf(topic, sizeof topic, "%s/rpc", json_get_text(request, "src"));
    wifi_send_to(d, topic, false);
}

static void refuse(struct wifi_device *d, const struct json *request, int code, const char *message)
{
    struct json_out j;
    begin_answer(&j, d, request);
    json_member_object(&j, "error");
    json_member_int(&j, "code", code);
    json_member_text(&j, "message", message);
    json_end_object(&j);
    end_answer(&j, d, request);
    wifi_say(d, "answers: %s", message);
}

/* Of "RGBW.Set" and {"id":0}: "rgbw:0" among its parts; -1: none. */
static int part_of(const struct wifi_device *d, const char *method, const char *verb, const struct json *params)
{
    size_t len = strcspn(method, ".");
    if (method[len] != '.' || strcmp(method + len + 1, verb) != 0) {
        return -1;
    }
    for (size_t i = 0; i < d->count; i++) {
        const char *part = d->shape->parts[i];
        if (strncasecmp(part, method, len) == 0 && part[len] == ':' &&
            number_of(part) == wifi_whole(params, "id", -1)) {
            return (int)i;
        }
    }
    return -1;
}

static int commands(struct wifi_device *d, const char *topic, const char *payload, size_t len)
{
    struct json *request = wifi_parse(payload, len);
    const char *method = json_get_text(request, "method");
    (void)topic;
    bool whole = method && json_get(request, "id") && json_get_text(request, "src");
    int lamp = whole ? part_of(d, method, "Set", json_get(request, "params")) : -1;
    json_free(request);
    return lamp;
}

/* NULL, or what is wrong with it. */
static const char *take_params(const struct wifi_device *d, int lamp, const struct json *p, struct wifi_lamp *l)
{
    const struct json *rgb = json_get(p, "rgb");
    const char *mode = json_get_text(p, "mode");
    if (!json_get(p, "on") && (is_part(d, lamp, "switch") || (!json_get(p, "brightness") && !json_get(p, "ct")))) {
        return "At least one of 'on', 'brightness' required!";
    }
    if (json_get(p, "on") && !json_is_bool(json_get(p, "on"))) {
        return "Invalid argument 'on'!";
    }
    l->on = json_get(p, "on") ? json_is_true(json_get(p, "on")) : l->on;
    l->level = wifi_whole(p, "brightness", l->level);
    l->white = wifi_whole(p, "white", l->white);
    l->kelvin = wifi_whole(p, "ct", l->kelvin);
    l->white_mode = mode ? strcmp(mode, "cct") == 0 : l->white_mode;
    if (l->level < 0 || l->level > 100) {
        return "Invalid argument 'brightness'!";
    }
    if (json_get(p, "ct") && (l->kelvin < d->shape->min_kelvin || l->kelvin > d->shape->max_kelvin)) {
        return "Invalid argument 'ct'!";
    }
    const struct json *channel = json_first(rgb);
    for (size_t i = 0; rgb && i < 3; i++, channel = json_next(channel)) {
        int64_t value;
        if (json_integer(channel, 0, 255, &value) != 0) {
            return "Invalid argument 'rgb'!";
        }
        l->rgb[i] = (int)value;
    }
    return NULL;
}

static void obey(struct wifi_device *d, int lamp, const char *topic, const char *payload, size_t len)
{
    struct json *request = wifi_parse(payload, len);
    const struct json *params = json_get(request, "params");
    struct wifi_lamp wanted = d->lamps[lamp];
    struct json_out j;
    double seconds = 0;
    (void)topic;
    const char *wrong = take_params(d, lamp, params, &wanted);
    if (d->manner.refuses || wrong) {
        refuse(d, request, d->manner.refuses ? -114 : -103,
               d->manner.refuses ? "Resource unavailable: overtemperature!" : wrong);
        json_free(request);
        return;
    }
    (void)json_number(json_get(params, "transition_duration"), &seconds);
    d->lamps[lamp] = wanted;
    begin_answer(&j, d, request);
    if (is_part(d, lamp, "switch")) {
        json_member_object(&j, "result");
        json_member_bool(&j, "was_on", d->before.on);
        json_end_object(&j);
    } else {
        json_put_key(&j, "result");
        json_put_null(&j);
    }
    end_answer(&j, d, request);
    json_free(request);
    if (seconds > 0 && !is_part(d, lamp, "switch")) {
        tell_transition(d, lamp, seconds);
        wifi_later(d, (uint32_t)lround(seconds * 1000), lamp);
    } else if (memcmp(&d->before, &d->lamps[lamp], sizeof d->before) != 0) {
        tell(d, lamp, false);
    }
}

static void put_device_info(struct json_out *j, const struct wifi_device *d)
{
    char model[64];
    (void)snprintf(model, sizeof model, "%.*s", 15, d->shape->model);
    if (strncmp(model, "SNDC", 4) == 0) {
        model[13] = 0; /* without the profile */
    }
    json_put_key(j, "name");
    json_put_null(j);
    json_member_text(j, "id", d->id);
    json_member_text(j, "mac", d->mac);
    json_member_int(j, "slot", 0);
    json_member_text(j, "model", model);
    json_member_int(j, "gen", d->shape->generation);
    json_member_text(j, "fw_id", "20250924-062729/1.7.1-gd336f31");
    json_member_text(j, "ver", "1.7.1");
    json_member_text(j, "app", "X");
    json_member_bool(j, "auth_en", false);
}

static void put_config(struct json_out *j, const struct wifi_device *d)
{
    json_member_object(j, "ble");
    json_end_object(j);
    for (size_t i = 0; i < d->count; i++) {
        json_member_object(j, d->shape->parts[i]);
        json_member_int(j, "id", number_of(d->shape->parts[i]));
        json_put_key(j, "name");
        json_put_null(j);
        if (d->shape->max_kelvin > 0) {
            json_member_array(j, "ct_range");
            json_put_int(j, d->shape->min_kelvin);
            json_put_int(j, d->shape->max_kelvin);
            json_end_array(j);
        }
        json_end_object(j);
    }
}

static void put_full_status(struct json_out *j, const struct wifi_device *d)
{
    json_member_object(j, "input:0");
    json_member_int(j, "id", 0);
    json_end_object(j);
    for (size_t i = 0; i < d->count; i++) {
        json_member_object(j, d->shape->parts[i]);
        put_status(j, d, (int)i, NULL);
        json_end_object(j);
    }
    json_member_object(j, "sys");
    json_member_text(j, "mac", d->mac);
    json_end_object(j);
}

static void hear(struct wifi_device *d, const char *topic, const char *payload, size_t len)
{
    static const struct {
        const char *method;
        void (*put)(struct json_out *j, const struct wifi_device *d);
    } rows[] = {{"Shelly.GetDeviceInfo", put_device_info},
                {"Shelly.GetConfig", put_config},
                {"Shelly.GetStatus", put_full_status}};
    struct json *request = wifi_parse(payload, len);
    const char *method = json_get_text(request, "method");
    struct json_out j;
    bool answered = false;
    (void)topic;
    if (!method || !json_get(request, "id") || !json_get_text(request, "src")) {
        json_free(request);
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !answered; i++) {
        answered = strcmp(method, rows[i].method) == 0;
        if (answered) {
            begin_answer(&j, d, request);
            json_member_object(&j, "result");
            rows[i].put(&j, d);
        }
    }
    int lamp = answered ? -1 : part_of(d, method, "GetStatus", json_get(request, "params"));
    if (lamp >= 0) {
        begin_answer(&j, d, request);
        json_member_object(&j, "result");
        put_status(&j, d, lamp, NULL);
        answered = true;
    }
    if (answered) {
        json_end_object(&j);
        end_answer(&j, d, request);
    } else {
        refuse(d, request, 404, "No handler for that method");
    }
    json_free(request);
}

const struct wifi_ops wifi_shelly = {
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
