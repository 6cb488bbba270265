/* What all lamps on the Wi-Fi have in common: their power, their connection, and how they take commands. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "sim/chance.h"
#include "sim/http_door.h"
#include "sim/schedule.h"
#include "sim/storm.h"
#include "sim/wifi_internal.h"

#define RESTART_MS 100

static const struct wifi_ops *const families[] = {
    [WIFI_SHELLY] = &wifi_shelly, [WIFI_SHELLY1] = &wifi_shelly1, [WIFI_WLED] = &wifi_wled};

/* ---- messages ---- */

void wifi_say(struct wifi_device *d, const char *format, ...)
{
    const struct wifi_config *c = &d->wifi->config;
    if (c->say) {
        struct str s = STR_INIT;
        va_list args;
        str_printf(&s, "%s: ", d->topic);
        va_start(args, format);
        str_vprintf(&s, format, args);
        va_end(args);
        c->say(c->user, str_z(&s));
        str_done(&s);
    }
}

void wifi_send_to(struct wifi_device *d, const char *topic, bool retain)
{
    const struct str *text = &d->wifi->text;
    for (unsigned i = 0; d->broker && i <= d->manner.duplicates; i++) {
        broker_publish(d->broker, topic, text->data, text->len, 0, retain);
    }
}

void wifi_send(struct wifi_device *d, const char *tail, bool retain)
{
    struct str *topic = &d->wifi->topic;
    str_clear(topic);
    str_printf(topic, "%s%s%s", d->topic, *tail ? "/" : "", tail);
    wifi_send_to(d, str_z(topic), retain);
}

void wifi_subscribe(struct wifi_device *d, const char *tail)
{
    struct str filter = STR_INIT;
    if (*tail == '/') {
        str_add_z(&filter, tail + 1);
    } else {
        str_printf(&filter, "%s%s%s", d->topic, *tail ? "/" : "", tail);
    }
    const char *filters[] = {str_z(&filter)};
    (void)broker_subscribe(d->broker, filters, 1);
    str_done(&filter);
}

struct json *wifi_parse(const char *payload, size_t len)
{
    struct json *root = NULL;
    if (json_parse(payload, len, 65536, &root, NULL) != 0 || !json_is_object(root)) {
        json_free(root);
        return NULL;
    }
    return root;
}

int wifi_whole(const struct json *object, const char *key, int otherwise)
{
    double value;
    return json_number(json_get(object, key), &value) == 0 && value >= -1e9 && value <= 1e9 ? (int)value : otherwise;
}

/* ---- commands ---- */

/* A message that is obeyed later. */
struct delayed {
    size_t topic_len, len;
    uint32_t generation;
    int lamp;
    char bytes[];
};

static void obey(struct wifi_device *d, int lamp, const char *topic, const char *payload, size_t len)
{
    d->before = d->lamps[lamp];
    d->wifi->ops->obey(d, lamp, topic, payload, len);
}

static void obey_later(void *user, uint32_t subject, void *load)
{
    struct wifi *w = user;
    struct wifi_device *d = &w->devices[subject];
    struct delayed *m = load;
    if (d->broker) {
        obey(d, m->lamp, m->bytes, m->bytes + m->topic_len + 1, m->len);
    }
}

static void delay(struct wifi_device *d, int lamp, const char *topic, const char *payload, size_t len)
{
    size_t topic_len = strlen(topic);
    struct delayed *m = mem_alloc(sizeof *m + topic_len + len + 2);
    *m = (struct delayed){.topic_len = topic_len, .len = len, .lamp = lamp};
    memcpy(m->bytes, topic, topic_len);
    memcpy(m->bytes + topic_len + 1, payload, len);
    schedule_add(d->wifi->schedule, d->manner.delay_ms, obey_later, (uint32_t)(d - d->wifi->devices), m);
}

void wifi_hear(struct wifi_device *d, const char *topic, const char *payload, size_t len)
{
    const struct wifi_ops *ops = d->wifi->ops;
    if (d->manner.silent || !d->broker) {
        return;
    }
    int lamp = ops->commands(d, topic, payload, len);
    if (lamp < 0) {
        ops->hear(d, topic, payload, len);
        return;
    }
    d->generation++;
    wifi_say(d, "hears %.*s", (int)(len < 500 ? len : 500), payload);
    if (d->manner.stale) {
        ops->tell(d, lamp, true);
    }
    if (d->manner.delay_ms > 0) {
        delay(d, lamp, topic, payload, len);
    } else {
        obey(d, lamp, topic, payload, len);
    }
}

static void tell_later(void *user, uint32_t subject, void *load)
{
    struct wifi *w = user;
    const struct delayed *m = load;
    struct wifi_device *d = &w->devices[subject];
    if (d->generation == m->generation && d->up) {
        d->wifi->ops->tell(d, m->lamp, true);
    }
}

void wifi_later(struct wifi_device *d, uint32_t delay_ms, int lamp)
{
    struct delayed *m = mem_alloc(sizeof *m);
    *m = (struct delayed){.generation = d->generation, .lamp = lamp};
    schedule_add(d->wifi->schedule, delay_ms, tell_later, (uint32_t)(d - d->wifi->devices), m);
}

/* ---- power and connection ---- */

static void tell_online(struct wifi_device *d)
{
    const struct wifi_ops *ops = d->wifi->ops;
    if (!d->plain) {
        str_clear(&d->wifi->text);
        str_add_z(&d->wifi->text, ops->online);
        wifi_send(d, ops->status, true);
    }
}

static void on_up(void *user)
{
    struct wifi_device *d = user;
    struct wifi *w = d->wifi;
    d->up = true;
    w->ops->hello(d); /* it listens first: whoever hears that it is online may command it at once */
    tell_online(d);
}

static void on_down(void *user)
{
    ((struct wifi_device *)user)->up = false;
}

static void on_subscribed(void *user, int mid)
{
    const struct wifi_device *d = user;
    struct wifi *w = d->wifi;
    (void)mid;
    if (w->hello < w->count && ++w->hello == w->count && w->config.ready) {
        w->config.ready(w->config.user);
    }
}

static void on_message(void *user, const char *topic, const char *payload, size_t len)
{
    wifi_hear(user, topic, payload, len);
}

static bool power_on(struct wifi_device *d, const char **ret_why)
{
    const struct wifi_config *c = &d->wifi->config;
    struct str will = STR_INIT;
    str_printf(&will, "%s/%s", d->topic, d->wifi->ops->status);
    const struct broker_config config = {.host = c->host,
                                         .port = c->port,
                                         .username = c->username,
                                         .password = c->password,
                                         .will_topic = d->plain ? NULL : str_z(&will),
                                         .will_payload = d->plain ? NULL : d->wifi->ops->offline,
                                         .up = on_up,
                                         .down = on_down,
                                         .subscribed = on_subscribed,
                                         .message = on_message,
                                         .user = d};
    d->broker = broker_new(d->wifi->loop, &config, ret_why);
    str_done(&will);
    return d->broker != NULL;
}

static void power_off(struct wifi_device *d)
{
    broker_free(d->broker);
    d->broker = NULL;
    d->up = false;
    d->generation++;
}

/* ---- verbs ---- */

static struct wifi_device *device_of(const struct wifi *w, size_t lamp)
{
    size_t i = 0;
    while (lamp >= w->devices[i].first + w->devices[i].shown) {
        i++;
    }
    return &w->devices[i];
}

size_t wifi_count(const struct wifi *w)
{
    return w->lamps;
}

const char *wifi_topic(const struct wifi *w, size_t lamp)
{
    return device_of(w, lamp)->topic;
}

const char *wifi_mac(const struct wifi *w, size_t lamp)
{
    return device_of(w, lamp)->mac;
}

const char *wifi_part(const struct wifi *w, size_t lamp)
{
    const struct wifi_device *d = device_of(w, lamp);
    return d->shape->parts[lamp - d->first];
}

bool wifi_is_on(const struct wifi *w, size_t lamp)
{
    const struct wifi_device *d = device_of(w, lamp);
    return d->lamps[lamp - d->first].on;
}

int wifi_level(const struct wifi *w, size_t lamp, int *ret_max)
{
    const struct wifi_device *d = device_of(w, lamp);
    const char *part = d->shape->parts[lamp - d->first];
    *ret_max = w->config.family == WIFI_WLED ? 255 : 100;
    bool plug = strncmp(part, "switch", 6) == 0 || strncmp(part, "relay", 5) == 0;
    return plug ? -1 : d->lamps[lamp - d->first].level;
}

void wifi_behave(struct wifi *w, size_t lamp, const struct wifi_manner *manner)
{
    device_of(w, lamp)->manner = *manner;
}

void wifi_set_online(struct wifi *w, size_t lamp, bool online)
{
    struct wifi_device *d = device_of(w, lamp);
    const char *why;
    if (online && !d->broker) {
        (void)power_on(d, &why);
    } else if (!online && d->broker) {
        power_off(d);
    }
}

void wifi_wall(struct wifi *w, size_t lamp)
{
    struct wifi_device *d = device_of(w, lamp);
    int part = (int)(lamp - d->first);
    d->before = d->lamps[part];
    d->lamps[part].on = !d->lamps[part].on;
    d->generation++;
    wifi_say(d, "the switch on the wall: %s", d->lamps[part].on ? "on" : "off");
    if (d->broker) {
        w->ops->tell(d, part, false);
    }
}

void wifi_babble(struct wifi *w, size_t lamp)
{
    struct wifi_device *d = device_of(w, lamp);
    if (d->broker) {
        w->ops->babble(d);
    }
}

void wifi_rename(struct wifi *w, size_t lamp, const char *topic)
{
    struct wifi_device *d = device_of(w, lamp);
    const char *why;
    power_off(d);
    free(d->topic);
    d->topic = mem_text(topic);
    (void)power_on(d, &why);
}

/* A change of level where there is one, so that no report repeats the one before. */
static void report_change(void *user, size_t lamp)
{
    struct wifi *w = user;
    struct wifi_device *d = device_of(w, lamp);
    struct wifi_lamp *l = &d->lamps[lamp - d->first];
    int max;
    if (!d->up) {
        return;
    }
    d->before = *l;
    if (wifi_level(w, lamp, &max) < 0) {
        l->on = !l->on;
    } else {
        l->on = true;
        l->level = 1 + l->level % max;
    }
    d->generation++;
    w->ops->tell(d, (int)(lamp - d->first), false);
}

void wifi_storm(struct wifi *w, uint32_t per_second)
{
    storm_set(w->storm, per_second, w->lamps);
}

static void power_again(void *user, uint32_t subject, void *load)
{
    struct wifi *w = user;
    const char *why;
    (void)load;
    if (!w->devices[subject].broker) {
        (void)power_on(&w->devices[subject], &why);
    }
}

void wifi_restart(struct wifi *w)
{
    schedule_clear(w->schedule);
    for (size_t i = 0; i < w->count; i++) {
        if (w->devices[i].broker) {
            power_off(&w->devices[i]);
            w->devices[i].told = false;
            schedule_add(w->schedule, RESTART_MS, power_again, (uint32_t)i, NULL);
        }
    }
}

/* ---- made and ended ---- */

const char *const *wifi_models(enum wifi_family family, size_t *ret_count)
{
    static const char *models[32];
    const struct wifi_ops *ops = families[family];
    for (size_t i = 0; i < ops->shape_count; i++) {
        models[i] = ops->shapes[i].model;
    }
    *ret_count = ops->shape_count;
    return models;
}

static const struct wifi_shape *find_shape(const struct wifi_ops *ops, const char *model)
{
    for (size_t i = 0; i < ops->shape_count; i++) {
        if (strcmp(ops->shapes[i].model, model) == 0) {
            return &ops->shapes[i];
        }
    }
    return NULL;
}

static void make_device(struct wifi *w, size_t i, const struct wifi_shape *shape, uint64_t *stream)
{
    struct wifi_device *d = &w->devices[i];
    bool wled = w->config.family == WIFI_WLED;
    char mac[24];
    d->wifi = w;
    d->shape = shape;
    d->first = w->lamps;
    d->plain = i == w->config.plain;
    (void)snprintf(mac, sizeof mac, "%012llX",
                   (unsigned long long)(0xa80000000000u | (chance_next(stream) & 0xffff0000ffu) | (uint64_t)(i << 8)));
    memcpy(d->mac, mac, sizeof d->mac - 1);
    w->ops->name(d);
    while (d->count < WIFI_LAMPS_MAX && shape->parts[d->count]) {
        d->lamps[d->count] = (struct wifi_lamp){.on = wled && d->count > 0, /* segments are lit, their strip is off */
                                                .level = wled ? 255 : 100,
                                                .rgb = {255, 160, 0},
                                                .kelvin = shape->min_kelvin > 0 ? shape->min_kelvin : 3000,
                                                .cct = 127};
        d->count++;
    }
    d->shown = wled && d->count == 2 ? 1 : d->count; /* one segment is the strip */
    w->lamps += d->shown;
}

int wifi_new(struct loop *loop, const struct wifi_config *config, struct wifi **ret_wifi, const char **ret_why)
{
    struct wifi *w = mem_alloc(sizeof *w);
    uint64_t stream = config->seed;
    int err = 0;
    *w = (struct wifi){.loop = loop, .config = *config, .ops = families[config->family]};
    w->config.host = mem_text(config->host);
    w->config.username = mem_text(config->username);
    w->config.password = mem_text(config->password);
    static const struct storm_ops storm_ops = {report_change, NULL};
    w->schedule = schedule_new(loop, w);
    w->storm = storm_new(loop, &storm_ops, w);
    storm_connected(w->storm, true); /* each lamp sees to its own connection */
    w->devices = mem_array(config->devices + 1, sizeof *w->devices);
    for (size_t i = 0; err == 0 && i < config->devices; i++) {
        const struct wifi_shape *shape =
            config->models ? find_shape(w->ops, config->models[i]) : &w->ops->shapes[i % w->ops->shape_count];
        if (!shape) {
            *ret_why = "no such model";
            err = ERR_INVALID;
            break;
        }
        make_device(w, i, shape, &stream);
        w->count++;
    }
    for (size_t i = 0; err == 0 && i < w->count; i++) {
        err = power_on(&w->devices[i], ret_why) ? 0 : ERR_INVALID;
        if (err == 0 && config->http_port > 0) {
            err = http_door_new(loop, (uint16_t)(config->http_port + i), wifi_wled_serve, &w->devices[i],
                                &w->devices[i].door);
            *ret_why = "the port for HTTP is taken";
        }
    }
    if (err != 0) {
        wifi_free(w);
        return err;
    }
    *ret_wifi = w;
    return 0;
}

void wifi_free(struct wifi *w)
{
    if (!w) {
        return;
    }
    for (size_t i = 0; i < w->count; i++) {
        broker_free(w->devices[i].broker);
        http_door_free(w->devices[i].door);
        free(w->devices[i].topic);
    }
    storm_free(w->storm);
    schedule_free(w->schedule);
    free(w->devices);
    free((void *)(uintptr_t)w->config.host);
    free((void *)(uintptr_t)w->config.username);
    free((void *)(uintptr_t)w->config.password);
    str_done(&w->text);
    str_done(&w->topic);
    free(w);
}
