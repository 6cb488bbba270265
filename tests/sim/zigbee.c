/* The life of a simulated Zigbee2MQTT: its lamps, its connection, and the verbs that people and tests have. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "sim/chance.h"
#include "sim/zigbee_internal.h"

/* ---- publishing ---- */

void zigbee_say(struct zigbee *z, const char *format, ...)
{
    if (z->config.say) {
        struct str s = STR_INIT;
        va_list args;
        va_start(args, format);
        str_vprintf(&s, format, args);
        va_end(args);
        z->config.say(z->config.user, str_z(&s));
        str_done(&s);
    }
}

/* The same message twice in a row is logged once. */
void zigbee_log(struct zigbee *z, const char *level, const char *message)
{
    struct str s = STR_INIT;
    struct json_out j;
    json_out_init(&j, &s);
    json_begin_object(&j);
    json_member_text(&j, "level", level);
    json_member_text(&j, "message", message);
    json_member_text(&j, "namespace", "z2m");
    json_end_object(&j);
    if (strcmp(str_z(&s), str_z(&z->last_log)) != 0) {
        struct str topic = STR_INIT;
        str_printf(&topic, "%s/bridge/logging", z->config.base);
        broker_publish(z->broker, topic.data, s.data, s.len, 0, false);
        str_done(&topic);
        str_clear(&z->last_log);
        str_add(&z->last_log, s.data, s.len);
    }
    if (strcmp(level, "error") == 0) {
        z->stats.errors++;
        zigbee_say(z, "error: %s", message);
    }
    str_done(&s);
}

static void log_publish(struct zigbee *z, const char *topic, const char *payload, size_t len)
{
    struct str s = STR_INIT;
    str_printf(&s, "MQTT publish: topic '%s', payload '%.*s'", topic, (int)len, payload);
    zigbee_log(z, "info", str_z(&s));
    str_done(&s);
}

void zigbee_send(struct zigbee *z, const char *topic, const char *payload, size_t len, int qos, bool retain)
{
    struct str whole = STR_INIT;
    str_printf(&whole, "%s/%s", z->config.base, topic);
    if (z->config.chatty && strncmp(topic, "bridge/", 7) != 0) {
        log_publish(z, whole.data, payload, len);
    }
    broker_publish(z->broker, whole.data, payload, len, qos, retain);
    str_done(&whole);
}

void zigbee_send_text(struct zigbee *z, const char *topic, bool retain)
{
    if (z->config.chatty) {
        log_publish(z, topic, str_z(&z->text), z->text.len);
    }
    broker_publish(z->broker, topic, z->text.data, z->text.len, 0, retain);
}

void zigbee_tell_availability(struct zigbee *z, struct device *d)
{
    char topic[512];
    if (!d->watched) {
        return;
    }
    const char *text = z->config.availability == ZIGBEE_AVAILABILITY_TEXT ? (d->online ? "online" : "offline")
                       : d->online                                        ? "{\"state\":\"online\"}"
                                                                          : "{\"state\":\"offline\"}";
    snprintf(topic, sizeof topic, "%s/availability", d->name);
    zigbee_send(z, topic, text, strlen(text), 1, true);
}

/* ---- the connection ---- */

static void subscribe(struct zigbee *z)
{
    static const char *const forms[] = {"+/set/#", "+/get/#", "+/+/set/#", "+/+/get/#", "+/+/+/set/#", "+/+/+/get/#"};
    enum { FORMS = sizeof forms / sizeof forms[0] };
    char *filters[FORMS];
    struct str s = STR_INIT;
    for (size_t i = 0; i < FORMS; i++) {
        str_printf(&s, "%s/%s", z->config.base, forms[i]);
        filters[i] = str_take(&s);
    }
    (void)broker_subscribe(z->broker, (const char *const *)filters, FORMS);
    for (size_t i = 0; i < FORMS; i++) {
        free(filters[i]);
    }
}

static void tell_online(struct zigbee *z)
{
    static const char online[] = "{\"state\":\"online\"}";
    zigbee_send(z, "bridge/state", online, sizeof online - 1, 1, true);
}

static void tell_everything(struct zigbee *z)
{
    zigbee_tell_info(z);
    zigbee_tell_devices(z);
    zigbee_tell_groups(z);
    zigbee_tell_definitions(z);
    for (size_t i = 0; i < z->count; i++) {
        if (!z->devices[i].removed) {
            zigbee_tell_availability(z, &z->devices[i]);
        }
    }
    for (size_t i = 0; i < z->group_count; i++) {
        if (z->groups[i].id) {
            zigbee_judge_group(z, &z->groups[i], true);
        }
    }
}

/* At its start Zigbee2MQTT says that it is online, subscribes, and publishes everything (mqtt.ts, onConnect; bridge.ts,
   start). When its broker comes back its client subscribes again by itself, and it says that it is online, no more:
   what a broker without persistence has lost of the retained documents stays lost until it restarts. The last
   subscription's answer says that the broker has had all that went before. */
static void on_up(void *user)
{
    struct zigbee *z = user;
    struct str s = STR_INIT;
    if (z->starting) {
        tell_online(z);
        subscribe(z);
        tell_everything(z);
    } else {
        subscribe(z);
        tell_online(z);
    }
    str_printf(&s, "%s/bridge/request/#", z->config.base);
    z->ready_mid = broker_subscribe(z->broker, &(const char *){s.data}, 1);
    str_done(&s);
}

static void on_down(void *user)
{
    struct zigbee *z = user;
    if (z->ready) {
        zigbee_say(z, "the broker is gone");
    }
    z->ready = false;
    zigbee_stop_chance(z);
}

static void on_subscribed(void *user, int mid)
{
    struct zigbee *z = user;
    if (mid != z->ready_mid || z->ready) {
        return;
    }
    z->ready = true;
    if (z->starting) {
        z->starting = false; /* after a start the cached states go out; after a mere reconnect they do not */
        for (size_t i = 0; i < z->count; i++) {
            if (!z->devices[i].removed) {
                zigbee_tell_state(z, &z->devices[i]);
            }
        }
    }
    zigbee_start_chance(z);
    if (z->config.ready) {
        z->config.ready(z->config.user);
    }
}

static void on_message(void *user, const char *topic, const char *payload, size_t len)
{
    struct zigbee *z = user;
    size_t base = strlen(z->config.base);
    if (strncmp(topic, z->config.base, base) != 0 || topic[base] != '/') {
        return;
    }
    topic += base + 1;
    if (strncmp(topic, "bridge/request/", 15) == 0) {
        zigbee_say(z, "is asked %s %.*s", topic + 15, (int)len, payload);
        zigbee_hear_request(z, topic + 15, payload, len);
    } else {
        zigbee_hear(z, topic, payload, len);
    }
}

static int dial(struct zigbee *z, const char **ret_why)
{
    struct str will = STR_INIT;
    const char *why = NULL;
    str_printf(&will, "%s/bridge/state", z->config.base);
    z->broker = broker_new(z->loop,
                           &(struct broker_config){.host = z->config.host,
                                                   .port = z->config.port,
                                                   .tls = z->config.tls,
                                                   .ca_file = z->config.ca_file,
                                                   .username = z->config.username,
                                                   .password = z->config.password,
                                                   .will_topic = will.data,
                                                   .will_payload = "{\"state\":\"offline\"}",
                                                   .up = on_up,
                                                   .down = on_down,
                                                   .subscribed = on_subscribed,
                                                   .message = on_message,
                                                   .user = z},
                           &why);
    str_done(&will);
    if (ret_why && why) {
        *ret_why = why;
    }
    return z->broker ? 0 : ERR_INVALID;
}

/* ---- making the lamps ---- */

void zigbee_call(struct zigbee *z, struct device *d, const char *name)
{
    struct str topic = STR_INIT;
    char *copy = mem_text(name); /* may be the address, or the name it has */
    free(d->name);
    free(d->topic);
    d->name = copy;
    str_printf(&topic, "%s/%s", z->config.base, name);
    d->topic = str_take(&topic);
    (void)names_put(z->names, d->ieee, (uint32_t)(d - z->devices));
    (void)names_put(z->names, d->name, (uint32_t)(d - z->devices));
}

static void make_device(struct zigbee *z, size_t index, const struct shape *shape, const char *name)
{
    struct device *d = &z->devices[index];
    struct shape_light lights[SHAPE_LIGHTS];
    *d = (struct device){.shape = shape,
                         .manner = z->config.manner,
                         .chance = chance_next(&z->dice),
                         .online = true,
                         .watched = z->config.availability != ZIGBEE_AVAILABILITY_NONE,
                         .known = !z->config.unknown,
                         .pessimistic = z->config.pessimistic,
                         .retain = z->config.retain};
    d->quality = (uint8_t)(40 + chance_below(&d->chance, 200));
    d->count = shape_lights(shape, lights);
    d->lamps = mem_array(d->count, sizeof *d->lamps);
    for (size_t i = 0; i < d->count; i++) {
        lamp_init(&d->lamps[i], &lights[i]);
    }
    snprintf(d->ieee, sizeof d->ieee, "0x00158d%04x%06x", (unsigned)(z->config.seed & 0xffff), (unsigned)index + 1);
    zigbee_call(z, d, name);
}

static const struct shape *shape_of(struct zigbee *z, size_t index)
{
    const struct shape *drawn = shape_draw(chance_next(&z->dice)); /* always: a lamp's chances depend on nothing else */
    if (z->config.shapes || z->config.each_shape) {
        return z->config.shapes ? z->config.shapes[index] : &shapes[index % shape_count];
    }
    return z->config.shape ? z->config.shape : drawn;
}

static void make_devices(struct zigbee *z)
{
    static const struct shape *plugs[16];
    size_t plug_kinds = 0;
    char name[32];
    for (size_t i = 0; i < shape_count && plug_kinds < 16; i++) {
        if (shape_is_plug(&shapes[i])) {
            plugs[plug_kinds++] = &shapes[i];
        }
    }
    z->count = z->config.lamps + z->config.plugs;
    z->devices = mem_array(z->count ? z->count : 1, sizeof *z->devices);
    for (size_t i = 0; i < z->count; i++) {
        bool plug = i >= z->config.lamps;
        snprintf(name, sizeof name, "%s %zu", plug ? "Plug" : "Lamp", plug ? i - z->config.lamps + 1 : i + 1);
        make_device(z, i, plug ? plugs[(i - z->config.lamps) % plug_kinds] : shape_of(z, i), name);
    }
}

int zigbee_new(struct loop *loop, const struct zigbee_config *config, struct zigbee **ret_zigbee, const char **ret_why)
{
    if (config->lamps + config->plugs > ZIGBEE_LAMPS_MAX) {
        if (ret_why) {
            *ret_why = "more lamps than 100000";
        }
        return ERR_RANGE;
    }
    struct zigbee *z = mem_alloc(sizeof *z);
    z->loop = loop;
    z->config = *config;
    z->config.host = mem_text(config->host);
    z->config.ca_file = mem_text(config->ca_file);
    z->config.username = mem_text(config->username);
    z->config.password = mem_text(config->password);
    z->config.base = mem_text(config->base ? config->base : "zigbee2mqtt");
    z->dice = config->seed;
    z->walls = config->seed ^ 0x77616c6c;
    z->names = names_new();
    z->schedule = schedule_new(loop, z);
    z->definitions = mem_array(shape_count, sizeof *z->definitions);
    z->starting = true;
    zigbee_init_chance(z);
    make_devices(z);
    z->config.shapes = NULL;
    int err = dial(z, ret_why);
    if (err != 0) {
        zigbee_free(z);
        return err;
    }
    *ret_zigbee = z;
    return 0;
}

void zigbee_free(struct zigbee *z)
{
    if (!z) {
        return;
    }
    broker_free(z->broker);
    timer_free(z->wall_timer);
    storm_free(z->storm);
    schedule_free(z->schedule);
    names_free(z->names);
    for (size_t i = 0; i < z->count; i++) {
        free(z->devices[i].name);
        free(z->devices[i].topic);
        free(z->devices[i].lamps);
    }
    for (size_t i = 0; i < z->group_count; i++) {
        free(z->groups[i].name);
        free(z->groups[i].topic);
        free(z->groups[i].members);
    }
    for (size_t i = 0; i < shape_count; i++) {
        free(z->definitions[i]);
    }
    free(z->definitions);
    free(z->devices);
    free(z->groups);
    str_done(&z->text);
    str_done(&z->last_log);
    free((char *)z->config.host);
    free((char *)z->config.ca_file);
    free((char *)z->config.username);
    free((char *)z->config.password);
    free((char *)z->config.base);
    free(z);
}

void zigbee_leave(struct zigbee *z)
{
    static const char offline[] = "{\"state\":\"offline\"}";
    zigbee_stop_chance(z);
    schedule_clear(z->schedule);
    zigbee_send(z, "bridge/state", offline, sizeof offline - 1, 0, true);
    broker_leave(z->broker);
    z->ready = false;
}

void zigbee_restart(struct zigbee *z, bool crash)
{
    zigbee_say(z, crash ? "Zigbee2MQTT crashes and starts again" : "Zigbee2MQTT restarts");
    if (!crash) {
        zigbee_leave(z);
    }
    zigbee_stop_chance(z);
    schedule_clear(z->schedule);
    broker_free(z->broker);
    z->ready = false;
    z->starting = true;
    for (size_t i = 0; i < z->count; i++) {
        z->devices[i].generation++;
        z->devices[i].interview = INTERVIEW_DONE;
        z->devices[i].known = z->devices[i].known && !z->config.unknown;
    }
    (void)dial(z, NULL); /* what was good the first time */
}

/* ---- verbs ---- */

size_t zigbee_count(const struct zigbee *z)
{
    return z->count;
}

const char *zigbee_name(const struct zigbee *z, size_t lamp)
{
    return z->devices[lamp].name;
}

const char *zigbee_address(const struct zigbee *z, size_t lamp)
{
    return z->devices[lamp].ieee;
}

const struct shape *zigbee_shape(const struct zigbee *z, size_t lamp)
{
    return z->devices[lamp].shape;
}

bool zigbee_joined(const struct zigbee *z, size_t lamp)
{
    return !z->devices[lamp].removed;
}

bool zigbee_online(const struct zigbee *z, size_t lamp)
{
    return z->devices[lamp].online;
}

bool zigbee_is_on(const struct zigbee *z, size_t lamp)
{
    return z->devices[lamp].lamps[0].on;
}

int zigbee_level(const struct zigbee *z, size_t lamp)
{
    const struct lamp *l = &z->devices[lamp].lamps[0];
    return l->part->features & FEATURE_LEVEL ? l->level : -1;
}

void zigbee_behave(struct zigbee *z, size_t lamp, const struct zigbee_manner *manner)
{
    z->devices[lamp].manner = *manner;
}

struct zigbee_manner zigbee_manner(const struct zigbee *z, size_t lamp)
{
    return z->devices[lamp].manner;
}

void zigbee_watch_availability(struct zigbee *z, size_t lamp, bool watched)
{
    z->devices[lamp].watched = watched && z->config.availability != ZIGBEE_AVAILABILITY_NONE;
}

void zigbee_set_online(struct zigbee *z, size_t lamp, bool online)
{
    struct device *d = &z->devices[lamp];
    if (d->removed || d->online == online) {
        return;
    }
    d->online = online;
    zigbee_say(z, "%s is %s", d->name, online ? "back" : "lost");
    zigbee_tell_availability(z, d);
    for (size_t i = 0; i < z->group_count; i++) {
        if (z->groups[i].id) {
            zigbee_judge_group(z, &z->groups[i], false);
        }
    }
    if (online) {
        zigbee_tell_report(z, d); /* Zigbee2MQTT reads a lamp's state when it comes back */
    }
}

void zigbee_wall(struct zigbee *z, size_t lamp)
{
    struct device *d = &z->devices[lamp];
    bool on = !d->lamps[0].on;
    if (d->removed) {
        return;
    }
    z->stats.walls++;
    d->generation++;
    zigbee_say(z, "a hand switches %s %s", d->name, on ? "on" : "off");
    for (size_t i = 0; i < d->count; i++) {
        struct lamp_fade none;
        (void)lamp_obey(&d->lamps[i], &(struct lamp_command){.has = LAMP_STATE, .state = on ? LAMP_ON : LAMP_OFF},
                        &none);
    }
    zigbee_tell_report(z, d);
}

void zigbee_set(struct zigbee *z, size_t lamp, const char *json)
{
    struct json *message = NULL;
    if (!z->devices[lamp].removed && json_parse(json, strlen(json), 65536, &message, NULL) == 0 &&
        json_is_object(message)) {
        zigbee_hear_set(z, &z->devices[lamp], 0, message);
    }
    json_free(message);
}

void zigbee_babble(struct zigbee *z, size_t lamp)
{
    static const char not_text[] = "\xff\xfe\x00 no lamp would say this";
    static const struct {
        const char *bytes;
        size_t len;
    } nonsense[] = {{"{\"state\":", 9}, {not_text, sizeof not_text - 1}, {"[[[[1]]]]", 9}};
    size_t i = chance_below(&z->devices[lamp].chance, 3);
    zigbee_send(z, z->devices[lamp].name, nonsense[i].bytes, nonsense[i].len, 0, false);
}

struct zigbee_stats zigbee_stats(const struct zigbee *z)
{
    struct zigbee_stats stats = z->stats;
    stats.held = storm_held(z->storm);
    return stats;
}
