/* The life of the simulated Tasmota modules: their connection, and the verbs that people and tests have. */
#include "sim/sonoff.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sim/chance.h"
#include "sim/sonoff_internal.h"

#define FILTERS 100u /* in one SUBSCRIBE */

void sonoff_tell(struct sonoff *s, const char *format, ...)
{
    if (s->config.say) {
        struct str text = STR_INIT;
        va_list args;
        va_start(args, format);
        str_vprintf(&text, format, args);
        va_end(args);
        s->config.say(s->config.user, str_z(&text));
        str_done(&text);
    }
}

/* ---- a module comes and goes ---- */

static void announce_later(void *user, uint32_t subject, void *load)
{
    struct sonoff *s = user;
    struct module *m = &s->modules[subject];
    if (m->there && m->announced && m->generation == *(const uint32_t *)load) {
        sonoff_say_discovery(s, m, false);
    }
}

static uint32_t discovery_ms(const struct sonoff *s)
{
    return s->config.discovery_ms > 0 ? s->config.discovery_ms : 1000;
}

/* MqttConnected: it says that it is there, and listens; after a start it says its POWER; the rest takes a while. */
static void connected(struct sonoff *s, struct module *m, bool started)
{
    uint32_t *generation = mem_alloc(sizeof *generation);
    *generation = m->generation;
    sonoff_say_lwt(s, m, true);
    if (!m->light.settings.json_only) {
        sonoff_publish(s, m, PREFIX_CMND, "POWER", "", false);
    }
    if (started) {
        sonoff_say_powers(s, m);
    }
    schedule_add(s->schedule, discovery_ms(s), announce_later, (uint32_t)(m - s->modules), generation);
}

static void enter_name(struct sonoff *s, struct module *m, bool enter)
{
    struct str topic = STR_INIT;
    sonoff_topic_of(s, m, PREFIX_CMND, "", &topic);
    if (enter) {
        (void)names_put(s->names, topic.data, (uint32_t)(m - s->modules));
    } else {
        names_drop(s->names, topic.data);
    }
    str_done(&topic);
}

static char *filter_of(struct sonoff *s, const struct module *m)
{
    struct str topic = STR_INIT;
    sonoff_topic_of(s, m, PREFIX_CMND, "#", &topic);
    return str_take(&topic);
}

/* ---- storms ---- */

/* A change of level where there is one, so that no report repeats the one before. */
static void report_change(void *user, size_t module)
{
    struct sonoff *s = user;
    struct module *m = &s->modules[module];
    if (m->light.kind->subtype != SUBTYPE_NONE && m->light.bri_rgb > 0) {
        m->light.bri_rgb = (uint8_t)(1 + (m->light.bri_rgb + 3u) % 255);
        m->light.power |= 1u << (m->light.first - 1);
    } else {
        m->light.power ^= 1;
    }
    sonoff_say_state(s, module);
}

static bool busy(void *user)
{
    return broker_busy(((struct sonoff *)user)->broker);
}

static const struct storm_ops storm_ops = {report_change, busy};

void sonoff_storm(struct sonoff *s, uint32_t per_second)
{
    storm_set(s->storm, per_second, s->count);
}

/* ---- the connection ---- */

static void subscribe_all(struct sonoff *s)
{
    char *filters[FILTERS];
    for (size_t done = 0; done < s->count;) {
        size_t count = 0;
        while (count < FILTERS && done < s->count) {
            filters[count++] = filter_of(s, &s->modules[done++]);
        }
        s->ready_mid = broker_subscribe(s->broker, (const char *const *)filters, count);
        for (size_t i = 0; i < count; i++) {
            free(filters[i]);
        }
    }
}

static void on_up(void *user)
{
    struct sonoff *s = user;
    subscribe_all(s);
    for (size_t i = 0; i < s->count; i++) {
        if (s->modules[i].there) {
            connected(s, &s->modules[i], s->starting);
        } else {
            sonoff_say_lwt(s, &s->modules[i], false); /* as the broker would have, at its power's end */
        }
    }
    s->starting = false;
}

static void on_down(void *user)
{
    struct sonoff *s = user;
    if (s->ready) {
        sonoff_tell(s, "the broker is gone");
    }
    s->ready = false;
    storm_connected(s->storm, false);
}

static void on_subscribed(void *user, int mid)
{
    struct sonoff *s = user;
    if (mid != s->ready_mid || s->ready) {
        return;
    }
    s->ready = true;
    storm_connected(s->storm, true);
    if (s->config.ready) {
        s->config.ready(s->config.user);
    }
}

static void on_message(void *user, const char *topic, const char *payload, size_t len)
{
    struct sonoff *s = user;
    const char *command = strrchr(topic, '/');
    uint32_t module;
    if (command && names_get(s->names, topic, (size_t)(command + 1 - topic), &module)) {
        if (len > 0) {
            sonoff_tell(s, "%s hears %s %.*s", s->modules[module].topic, command + 1, (int)len, payload);
        }
        sonoff_hear(s, &s->modules[module], command + 1, payload, len);
    }
}

static int dial(struct sonoff *s, const char **ret_why)
{
    const char *why = NULL;
    s->broker = broker_new(s->loop,
                           &(struct broker_config){.host = s->config.host,
                                                   .port = s->config.port,
                                                   .tls = s->config.tls,
                                                   .ca_file = s->config.ca_file,
                                                   .username = s->config.username,
                                                   .password = s->config.password,
                                                   .up = on_up,
                                                   .down = on_down,
                                                   .subscribed = on_subscribed,
                                                   .message = on_message,
                                                   .user = s},
                           &why);
    if (ret_why && why) {
        *ret_why = why;
    }
    return s->broker ? 0 : ERR_INVALID;
}

/* ---- making the modules ---- */

static void give_mac(struct sonoff *s, struct module *m)
{
    (void)snprintf(m->mac, sizeof m->mac, "A4CF%02X%06X", (unsigned)(s->config.seed & 0xff),
                   (unsigned)++s->macs & 0xffffff);
    m->ip = 1 + s->macs % 254;
}

static void make_modules(struct sonoff *s)
{
    s->count = s->config.modules;
    s->modules = mem_array(s->count + 1, sizeof *s->modules);
    for (size_t i = 0; i < s->count; i++) {
        struct module *m = &s->modules[i];
        struct str topic = STR_INIT;
        const struct sonoff_kind *kind = s->config.kinds  ? s->config.kinds[i]
                                         : s->config.kind ? s->config.kind
                                                          : &sonoff_kinds[i % sonoff_kind_count];
        str_printf(&topic, "%s%zu", s->config.topic, i + 1);
        m->topic = str_take(&topic);
        m->manner = s->config.manner;
        m->there = m->announced = true;
        give_mac(s, m);
        sonoff_light_init(&m->light, kind, &s->config.settings);
        enter_name(s, m, true);
    }
}

int sonoff_new(struct loop *loop, const struct sonoff_config *config, struct sonoff **ret_sonoff, const char **ret_why)
{
    if (config->modules > SONOFF_MODULES_MAX) {
        if (ret_why) {
            *ret_why = "more modules than 100000";
        }
        return ERR_RANGE;
    }
    struct sonoff *s = mem_alloc(sizeof *s);
    s->loop = loop;
    s->config = *config;
    s->config.host = mem_text(config->host);
    s->config.ca_file = mem_text(config->ca_file);
    s->config.username = mem_text(config->username);
    s->config.password = mem_text(config->password);
    s->config.topic = mem_text(config->topic ? config->topic : "tasmota_");
    s->config.full_topic = mem_text(config->full_topic);
    s->dice = config->seed;
    s->names = names_new();
    s->schedule = schedule_new(loop, s);
    s->storm = storm_new(loop, &storm_ops, s);
    s->starting = true;
    make_modules(s);
    s->config.kinds = NULL;
    int err = dial(s, ret_why);
    if (err != 0) {
        sonoff_free(s);
        return err;
    }
    *ret_sonoff = s;
    return 0;
}

void sonoff_free(struct sonoff *s)
{
    if (!s) {
        return;
    }
    broker_free(s->broker);
    storm_free(s->storm);
    schedule_free(s->schedule);
    names_free(s->names);
    for (size_t i = 0; i < s->count; i++) {
        free(s->modules[i].topic);
    }
    free(s->modules);
    free((char *)s->config.host);
    free((char *)s->config.ca_file);
    free((char *)s->config.username);
    free((char *)s->config.password);
    free((char *)s->config.topic);
    free((char *)s->config.full_topic);
    free(s);
}

void sonoff_leave(struct sonoff *s)
{
    storm_connected(s->storm, false);
    schedule_clear(s->schedule);
    for (size_t i = 0; i < s->count; i++) {
        if (s->modules[i].there) {
            sonoff_say_lwt(s, &s->modules[i], false);
        }
    }
    broker_leave(s->broker);
    s->ready = false;
}

void sonoff_restart(struct sonoff *s)
{
    sonoff_tell(s, "a power cut");
    sonoff_leave(s);
    broker_free(s->broker);
    s->starting = true;
    for (size_t i = 0; i < s->count; i++) {
        s->modules[i].generation++;
    }
    (void)dial(s, NULL); /* what was good the first time */
}

/* ---- one module ---- */

size_t sonoff_count(const struct sonoff *s)
{
    return s->count;
}

const char *sonoff_mac(const struct sonoff *s, size_t module)
{
    return s->modules[module].mac;
}

const char *sonoff_topic(const struct sonoff *s, size_t module)
{
    return s->modules[module].topic;
}

const struct sonoff_light *sonoff_light(const struct sonoff *s, size_t module)
{
    return &s->modules[module].light;
}

bool sonoff_online(const struct sonoff *s, size_t module)
{
    return s->modules[module].there;
}

void sonoff_behave(struct sonoff *s, size_t module, const struct sonoff_manner *manner)
{
    s->modules[module].manner = *manner;
}

struct sonoff_manner sonoff_manner(const struct sonoff *s, size_t module)
{
    return s->modules[module].manner;
}

void sonoff_hide_lwt(struct sonoff *s, size_t module)
{
    s->modules[module].hidden = true;
}

static void arrive(struct sonoff *s, struct module *m, bool started)
{
    char *filter = filter_of(s, m);
    (void)broker_subscribe(s->broker, &(const char *){filter}, 1);
    free(filter);
    connected(s, m, started);
}

void sonoff_set_power(struct sonoff *s, size_t module, bool there)
{
    struct module *m = &s->modules[module];
    if (m->there == there) {
        return;
    }
    m->there = there;
    m->generation++;
    sonoff_tell(s, "%s %s", m->topic, there ? "starts" : "loses its power");
    if (there) {
        arrive(s, m, true);
    } else {
        sonoff_say_lwt(s, m, false);
    }
}

void sonoff_reconnect(struct sonoff *s, size_t module)
{
    struct module *m = &s->modules[module];
    if (m->there) {
        m->generation++;
        sonoff_say_lwt(s, m, false);
        arrive(s, m, false);
    }
}

void sonoff_wall(struct sonoff *s, size_t module)
{
    struct module *m = &s->modules[module];
    unsigned first = m->light.first ? m->light.first : 1;
    bool on = !((m->light.power >> (first - 1)) & 1);
    if (!m->there || m->light.devices == 0) {
        return;
    }
    sonoff_tell(s, "a hand switches %s %s", m->topic, on ? "on" : "off");
    for (unsigned i = first; i <= (m->light.first ? m->light.devices : 1u); i++) {
        char command[12];
        (void)snprintf(command, sizeof command, "POWER%u", i);
        sonoff_run(s, m, command, on ? "1" : "0");
    }
}

void sonoff_console(struct sonoff *s, size_t module, const char *command, const char *argument)
{
    if (s->modules[module].there) {
        sonoff_run(s, &s->modules[module], command, argument);
    }
}

/* CmndTopic: "Offline" on the old topic, and a restart on the new one. */
void sonoff_move(struct sonoff *s, size_t module, const char *topic)
{
    struct module *m = &s->modules[module];
    if (!m->there) {
        return;
    }
    sonoff_tell(s, "%s moves to %s", m->topic, topic);
    sonoff_say_lwt(s, m, false);
    enter_name(s, m, false);
    char *copy = mem_text(topic);
    free(m->topic);
    m->topic = copy;
    m->generation++;
    enter_name(s, m, true);
    arrive(s, m, true);
}

void sonoff_replace(struct sonoff *s, size_t module)
{
    struct module *m = &s->modules[module];
    sonoff_say_lwt(s, m, false);
    give_mac(s, m);
    sonoff_light_init(&m->light, m->light.kind, &s->config.settings);
    sonoff_tell(s, "%s is another module now, %s", m->topic, m->mac);
    m->there = true;
    m->generation++;
    arrive(s, m, true);
}

void sonoff_announce(struct sonoff *s, size_t module, bool announced)
{
    struct module *m = &s->modules[module];
    m->announced = announced;
    if (m->there) {
        sonoff_say_discovery(s, m, !announced);
    }
}

void sonoff_set_light(struct sonoff *s, size_t module, const struct sonoff_kind *kind)
{
    struct module *m = &s->modules[module];
    sonoff_say_lwt(s, m, false);
    sonoff_light_init(&m->light, kind, &s->config.settings);
    m->generation++;
    arrive(s, m, true);
}

void sonoff_babble(struct sonoff *s, size_t module)
{
    static const char *const nonsense[] = {"{\"POWER\":", "\xff\xfe no module would say this", "[[[[1]]]]"};
    struct module *m = &s->modules[module];
    sonoff_publish(s, m, PREFIX_STAT, "RESULT", nonsense[chance_below(&s->dice, 3)], false);
}

struct sonoff_stats sonoff_stats(const struct sonoff *s)
{
    return s->stats;
}
