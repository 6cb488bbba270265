/* The life of the heralds: their connection, and the verbs that people and tests have. */
#include "sim/herald.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "sim/broker.h"
#include "sim/chance.h"
#include "sim/names.h"
#include "sim/schedule.h"
#include "sim/storm.h"

struct one {
    char *name;
    char mac[13];
    bool there, announced, hidden;
    uint32_t generation; /* what was under way before its last start is lost */
    struct herald_manner manner;
    struct herald_lamp lamp;
};

struct herald {
    struct loop *loop;
    struct herald_config config;
    struct broker *broker;
    struct one *lamps;
    struct names *names;
    struct schedule *schedule;
    struct storm *storm;
    bool ready;
    int ready_mid;
    uint64_t dice;
    struct herald_stats stats;
};

static void tell(struct herald *h, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct herald *h, const char *format, ...)
{
    if (h->config.say) {
        struct str text = STR_INIT;
        va_list args;
        va_start(args, format);
        str_vprintf(&text, format, args);
        va_end(args);
        h->config.say(h->config.user, str_z(&text));
        str_done(&text);
    }
}

/* ---- saying ---- */

static void publish(struct herald *h, const struct one *o, const char *tail, const char *payload, size_t len,
                    bool retain)
{
    struct str topic = STR_INIT;
    str_printf(&topic, "%s/%s", o->name, tail);
    broker_publish(h->broker, str_z(&topic), payload, len, 0, retain && !h->config.shy);
    str_done(&topic);
}

static void say_states(struct herald *h, struct one *o)
{
    struct herald_words words;
    herald_states(&o->lamp, &words);
    for (size_t i = 0; i < words.count; i++) {
        for (unsigned k = 0; k <= o->manner.repeats; k++) {
            publish(h, o, words.said[i].tail, str_z(&words.said[i].payload), words.said[i].payload.len, true);
            h->stats.states++;
        }
    }
    herald_words_done(&words);
}

static void say_availability(struct herald *h, const struct one *o)
{
    const char *payload;
    const char *tail = herald_availability(&o->lamp, o->there, &payload);
    if (!o->hidden) {
        publish(h, o, tail, payload, strlen(payload), true);
    }
}

/* Without an availability: the options are cut out as somebody would have left them out. */
static void without_availability(struct str *text)
{
    static const char *const keys[] = {"\"avty_t\":", "\"avty_tpl\":", "\"availability\":", "\"availability_mode\":"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char *at = strstr(text->data, keys[i]);
        char *end = at ? at + strlen(keys[i]) : NULL;
        for (int depth = 0; end && (depth > 0 || *end != ','); end++) {
            depth += (*end == '[' || *end == '{') - (*end == ']' || *end == '}');
        }
        if (at) {
            memmove(at, end + 1, strlen(end + 1) + 1);
            text->len = strlen(text->data);
        }
    }
}

static void say_announcement(struct herald *h, const struct one *o, bool empty)
{
    struct str topic = STR_INIT, below = STR_INIT, payload = STR_INIT;
    herald_announcement(&o->lamp, o->name, o->mac, &below, &payload);
    if (o->hidden) {
        without_availability(&payload);
    }
    str_printf(&topic, "%s/%s", h->config.prefix, str_z(&below));
    broker_publish(h->broker, str_z(&topic), empty ? "" : str_z(&payload), empty ? 0 : payload.len, 1, !h->config.shy);
    str_done(&topic);
    str_done(&below);
    str_done(&payload);
}

static void say_all(struct herald *h, struct one *o)
{
    if (o->announced) {
        say_announcement(h, o, false);
    }
    say_availability(h, o);
    if (o->there) {
        say_states(h, o);
    }
}

/* ---- obeying ---- */

struct command {
    uint32_t generation;
    size_t len;
    char tail[64];
    char payload[];
};

static void obey(void *user, uint32_t subject, void *load)
{
    struct herald *h = user;
    struct one *o = &h->lamps[subject];
    const struct command *c = load;
    if (!o->there || c->generation != o->generation || o->manner.silent) {
        return;
    }
    if (herald_obey(&o->lamp, c->tail, c->payload, c->len)) {
        h->stats.commands++;
        say_states(h, o);
    }
}

static void take_command(struct herald *h, uint32_t subject, const char *tail, const char *payload, size_t len)
{
    struct one *o = &h->lamps[subject];
    if (!o->there || o->manner.silent || strlen(tail) >= sizeof((struct command *)NULL)->tail) {
        return;
    }
    if (o->manner.stale) {
        say_states(h, o);
    }
    struct command *c = mem_alloc(sizeof *c + len + 1);
    c->generation = o->generation;
    c->len = len;
    (void)snprintf(c->tail, sizeof c->tail, "%s", tail);
    if (len > 0) {
        memcpy(c->payload, payload, len);
    }
    if (o->manner.delay_ms > 0) {
        schedule_add(h->schedule, o->manner.delay_ms, obey, subject, c);
    } else {
        obey(h, subject, c);
        free(c);
    }
}

/* ---- the connection ---- */

static void on_up(void *user)
{
    struct herald *h = user;
    struct str status = STR_INIT;
    str_printf(&status, "%s/status", h->config.prefix);
    (void)broker_subscribe(h->broker, &(const char *){str_z(&status)}, 1);
    str_done(&status);
    for (size_t i = 0; i < h->config.lamps; i++) {
        static const char *const tails[] = {"light/lamp/command", "+/set", "38/0/targetValue/set"};
        enum herald_family family = h->lamps[i].lamp.kind->family;
        struct str filter = STR_INIT;
        str_printf(&filter, "%s/%s", h->lamps[i].name,
                   tails[family == HERALD_ESPHOME ? 0
                         : family == HERALD_ZWAVE ? 2
                                                  : 1]);
        h->ready_mid = broker_subscribe(h->broker, &(const char *){str_z(&filter)}, 1);
        str_done(&filter);
        if (!h->config.shy) {
            say_all(h, &h->lamps[i]);
        }
    }
}

static void on_down(void *user)
{
    struct herald *h = user;
    if (h->ready) {
        tell(h, "the broker is gone");
    }
    h->ready = false;
    storm_connected(h->storm, false);
}

static void on_subscribed(void *user, int mid)
{
    struct herald *h = user;
    if (mid == h->ready_mid && !h->ready) {
        h->ready = true;
        storm_connected(h->storm, true);
        if (h->config.ready) {
            h->config.ready(h->config.user);
        }
    }
}

static void on_message(void *user, const char *topic, const char *payload, size_t len)
{
    struct herald *h = user;
    const char *slash = strchr(topic, '/');
    uint32_t lamp;
    if (slash && names_get(h->names, topic, (size_t)(slash - topic), &lamp)) {
        tell(h, "%s hears %s %.*s", h->lamps[lamp].name, slash + 1, (int)len, payload ? payload : "");
        take_command(h, lamp, slash + 1, payload, len);
    } else if (h->config.shy && len == 6 && memcmp(payload, "online", 6) == 0) {
        tell(h, "a Home Assistant is born");
        for (size_t i = 0; i < h->config.lamps; i++) {
            say_all(h, &h->lamps[i]);
        }
    }
}

static int dial(struct herald *h, const char **ret_why)
{
    const char *why = NULL;
    h->broker = broker_new(h->loop,
                           &(struct broker_config){.host = h->config.host,
                                                   .port = h->config.port,
                                                   .tls = h->config.tls,
                                                   .ca_file = h->config.ca_file,
                                                   .username = h->config.username,
                                                   .password = h->config.password,
                                                   .up = on_up,
                                                   .down = on_down,
                                                   .subscribed = on_subscribed,
                                                   .message = on_message,
                                                   .user = h},
                           &why);
    if (ret_why && why) {
        *ret_why = why;
    }
    return h->broker ? 0 : ERR_INVALID;
}

/* ---- making them ---- */

/* A change of level where there is one, so that no report repeats the one before. */
static void report_change(void *user, size_t lamp)
{
    struct herald *h = user;
    struct one *o = &h->lamps[lamp];
    if (!o->there) {
        return;
    }
    if (o->lamp.kind->level) {
        o->lamp.on = true;
        o->lamp.level = (uint16_t)(1 + o->lamp.level % o->lamp.kind->scale);
    } else {
        o->lamp.on = !o->lamp.on;
    }
    say_states(h, o);
}

static bool busy(void *user)
{
    return broker_busy(((struct herald *)user)->broker);
}

void herald_storm(struct herald *h, uint32_t per_second)
{
    storm_set(h->storm, per_second, h->config.lamps);
}

static void make_lamps(struct herald *h)
{
    h->lamps = mem_array(h->config.lamps + 1, sizeof *h->lamps);
    for (size_t i = 0; i < h->config.lamps; i++) {
        struct one *o = &h->lamps[i];
        struct str name = STR_INIT;
        str_printf(&name, "%s%zu", h->config.name, i + 1);
        o->name = str_take(&name);
        o->there = o->announced = true;
        (void)snprintf(o->mac, sizeof o->mac, "a4cf%02x%06x", (unsigned)(h->config.seed & 0xff),
                       (unsigned)(i + 1) & 0xffffff);
        herald_lamp_init(&o->lamp, h->config.kinds  ? h->config.kinds[i]
                                   : h->config.kind ? h->config.kind
                                                    : &herald_kinds[i % herald_kind_count]);
        (void)names_put(h->names, o->name, (uint32_t)i);
    }
}

int herald_new(struct loop *loop, const struct herald_config *config, struct herald **ret_herald, const char **ret_why)
{
    if (config->lamps > HERALD_LAMPS_MAX) {
        if (ret_why) {
            *ret_why = "more lamps than 100000";
        }
        return ERR_RANGE;
    }
    struct herald *h = mem_alloc(sizeof *h);
    h->loop = loop;
    h->config = *config;
    h->config.host = mem_text(config->host);
    h->config.ca_file = mem_text(config->ca_file);
    h->config.username = mem_text(config->username);
    h->config.password = mem_text(config->password);
    h->config.prefix = mem_text(config->prefix ? config->prefix : "homeassistant");
    h->config.name = mem_text(config->name ? config->name : "herald_");
    h->dice = config->seed;
    h->names = names_new();
    static const struct storm_ops storm_ops = {report_change, busy};
    h->schedule = schedule_new(loop, h);
    h->storm = storm_new(loop, &storm_ops, h);
    make_lamps(h);
    h->config.kinds = NULL;
    int err = dial(h, ret_why);
    if (err != 0) {
        herald_free(h);
        return err;
    }
    *ret_herald = h;
    return 0;
}

void herald_free(struct herald *h)
{
    if (!h) {
        return;
    }
    broker_free(h->broker);
    storm_free(h->storm);
    schedule_free(h->schedule);
    names_free(h->names);
    for (size_t i = 0; i < h->config.lamps; i++) {
        free(h->lamps[i].name);
    }
    free(h->lamps);
    free((char *)h->config.host);
    free((char *)h->config.ca_file);
    free((char *)h->config.username);
    free((char *)h->config.password);
    free((char *)h->config.prefix);
    free((char *)h->config.name);
    free(h);
}

void herald_leave(struct herald *h)
{
    storm_connected(h->storm, false);
    schedule_clear(h->schedule);
    for (size_t i = 0; i < h->config.lamps; i++) {
        struct one gone = h->lamps[i];
        gone.there = false;
        say_availability(h, &gone);
    }
    broker_leave(h->broker);
    h->ready = false;
}

void herald_restart(struct herald *h)
{
    tell(h, "all start anew");
    herald_leave(h);
    broker_free(h->broker);
    for (size_t i = 0; i < h->config.lamps; i++) {
        h->lamps[i].generation++;
    }
    (void)dial(h, NULL); /* what was good the first time */
}

/* ---- one lamp ---- */

size_t herald_count(const struct herald *h)
{
    return h->config.lamps;
}

const char *herald_name(const struct herald *h, size_t lamp)
{
    return h->lamps[lamp].name;
}

const char *herald_mac(const struct herald *h, size_t lamp)
{
    return h->lamps[lamp].mac;
}

const struct herald_lamp *herald_lamp(const struct herald *h, size_t lamp)
{
    return &h->lamps[lamp].lamp;
}

bool herald_online(const struct herald *h, size_t lamp)
{
    return h->lamps[lamp].there;
}

void herald_behave(struct herald *h, size_t lamp, const struct herald_manner *manner)
{
    h->lamps[lamp].manner = *manner;
}

struct herald_manner herald_manner(const struct herald *h, size_t lamp)
{
    return h->lamps[lamp].manner;
}

void herald_set_online(struct herald *h, size_t lamp, bool there)
{
    struct one *o = &h->lamps[lamp];
    if (o->there != there) {
        o->there = there;
        o->generation++;
        tell(h, "%s %s", o->name, there ? "is back" : "is gone");
        say_availability(h, o);
        if (there) {
            say_states(h, o);
        }
    }
}

void herald_hide_availability(struct herald *h, size_t lamp)
{
    h->lamps[lamp].hidden = true;
}

void herald_wall(struct herald *h, size_t lamp)
{
    struct one *o = &h->lamps[lamp];
    o->lamp.on = !o->lamp.on;
    tell(h, "a hand switches %s %s", o->name, o->lamp.on ? "on" : "off");
    if (o->there) {
        say_states(h, o);
    }
}

void herald_announce(struct herald *h, size_t lamp, bool announced)
{
    struct one *o = &h->lamps[lamp];
    o->announced = announced;
    say_announcement(h, o, !announced);
    if (announced) {
        say_availability(h, o);
        say_states(h, o);
    }
}

void herald_babble(struct herald *h, size_t lamp)
{
    static const char *const nonsense[] = {"{\"state\":", "\xff\xfe no lamp would say this", "[[[[1]]]]"};
    struct herald_words words;
    const char *payload = nonsense[chance_below(&h->dice, 3)];
    herald_states(&h->lamps[lamp].lamp, &words);
    publish(h, &h->lamps[lamp], words.said[0].tail, payload, strlen(payload), false);
    herald_words_done(&words);
}

struct herald_stats herald_stats(const struct herald *h)
{
    return h->stats;
}
