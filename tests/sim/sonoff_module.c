/* What one simulated module says, and what it does with what it hears. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "sim/sonoff_internal.h"

static void replace(struct str *s, const char *token, const char *text)
{
    struct str out = STR_INIT;
    const char *at = str_z(s);
    for (const char *found; (found = strstr(at, token)) != NULL; at = found + strlen(token)) {
        str_add(&out, at, (size_t)(found - at));
        str_add_z(&out, text);
    }
    str_add_z(&out, at);
    str_done(s);
    *s = out;
}

static const char *full_topic(const struct sonoff *s)
{
    return s->config.full_topic ? s->config.full_topic : "%prefix%/%topic%/";
}

static const char *prefix_text(const struct sonoff *s, enum sonoff_prefix prefix)
{
    static const char *const usual[] = {"cmnd", "stat", "tele"};
    return s->config.prefixes[prefix] ? s->config.prefixes[prefix] : usual[prefix];
}

/* GetTopic_P */
void sonoff_topic_of(const struct sonoff *s, const struct module *m, enum sonoff_prefix prefix, const char *subtopic,
                     struct str *ret_topic)
{
    str_clear(ret_topic);
    str_add_z(ret_topic, full_topic(s));
    if (prefix == PREFIX_CMND && !strstr(full_topic(s), "%prefix%")) {
        str_add_z(ret_topic, "/%prefix%");
    }
    replace(ret_topic, "%prefix%", prefix_text(s, prefix));
    replace(ret_topic, "%topic%", m->topic);
    replace(ret_topic, "%id%", m->mac + 6);
    replace(ret_topic, "//", "/");
    if (ret_topic->data[ret_topic->len - 1] != '/') {
        str_add_char(ret_topic, '/');
    }
    str_add_z(ret_topic, subtopic);
}

void sonoff_publish(struct sonoff *s, struct module *m, enum sonoff_prefix prefix, const char *subtopic,
                    const char *text, bool retain)
{
    struct str topic = STR_INIT;
    sonoff_topic_of(s, m, prefix, subtopic, &topic);
    broker_publish(s->broker, topic.data, text, strlen(text), 0, retain && !s->config.no_retain);
    str_done(&topic);
}

void sonoff_say_lwt(struct sonoff *s, struct module *m, bool online)
{
    if (!m->hidden) {
        sonoff_publish(s, m, PREFIX_TELE, "LWT",
                       online ? (s->config.online ? s->config.online : "Online")
                              : (s->config.offline ? s->config.offline : "Offline"),
                       true);
    }
}

/* ---- discovery ---- */

/* TasDiscoverMessage */
static void write_discovery(const struct sonoff *s, const struct module *m, struct str *out)
{
    const struct sonoff_light *l = &m->light;
    str_printf(out, "{\"ip\":\"192.168.1.%u\",\"dn\":\"Lamp %zu\",\"fn\":[", m->ip, (size_t)(m - s->modules) + 1);
    for (unsigned i = 0; i < 8; i++) {
        if (i < l->devices || i == 0) {
            str_printf(out, "%s\"Lamp %zu.%u\"", i > 0 ? "," : "", (size_t)(m - s->modules) + 1, i + 1);
        } else {
            str_add_z(out, ",null");
        }
    }
    str_printf(out,
               "],\"hn\":\"%s-%s\",\"mac\":\"%s\",\"md\":\"%s\",\"ty\":%d,\"if\":%d,\"ofln\":\"%s\",\"onln\":\"%s\","
               "\"state\":[\"%s\",\"%s\",\"TOGGLE\",\"HOLD\"],\"sw\":\"13.4.0\",\"t\":\"%s\",\"ft\":\"%s\","
               "\"tp\":[\"%s\",\"%s\",\"%s\"],\"rl\":[",
               m->topic, m->mac + 6, m->mac, l->kind->model, l->kind->tuya, l->kind->fan,
               s->config.offline ? s->config.offline : "Offline", s->config.online ? s->config.online : "Online",
               sonoff_state_text(l, false), sonoff_state_text(l, true), m->topic, full_topic(s), prefix_text(s, 0),
               prefix_text(s, 1), prefix_text(s, 2));
    sonoff_write_relays(out, l);
    str_add_z(out, "],\"swc\":[");
    for (unsigned i = 0; i < 28; i++) {
        str_add_z(out, i > 0 ? ",-1" : "-1");
    }
    str_add_z(out, "],\"swn\":[");
    for (unsigned i = 0; i < 28; i++) {
        str_add_z(out, i > 0 ? ",null" : "null");
    }
    str_add_z(out, "],\"btn\":[");
    for (unsigned i = 0; i < 32; i++) {
        str_add_z(out, i > 0 ? ",0" : "0");
    }
    str_add_z(out, "],");
    sonoff_write_options(out, l);
    str_add_z(out, ",\"bat\":0,\"dslp\":0,\"sho\":[],\"sht\":[],\"ver\":1}");
}

/* TasDiscovery: an empty message clears what is retained. */
void sonoff_say_discovery(struct sonoff *s, struct module *m, bool clear)
{
    struct str topic = STR_INIT, text = STR_INIT;
    bool retain = !s->config.no_retain;
    if (!clear) {
        write_discovery(s, m, &text);
    }
    str_printf(&topic, "tasmota/discovery/%s/config", m->mac);
    broker_publish(s->broker, topic.data, str_z(&text), text.len, 0, retain);
    str_clear(&topic);
    str_printf(&topic, "tasmota/discovery/%s/sensors", m->mac);
    str_clear(&text);
    str_add_z(&text, clear ? "" : "{\"sn\":{\"Time\":\"2026-11-24T12:00:00\"},\"ver\":1}");
    broker_publish(s->broker, topic.data, str_z(&text), text.len, 0, retain);
    str_done(&topic);
    str_done(&text);
}

/* ---- what it says ---- */

struct voice {
    struct sonoff *sonoff;
    struct module *module;
};

static void say(void *user, enum sonoff_prefix prefix, const char *subtopic, const char *text)
{
    const struct voice *v = user;
    char upper[32];
    size_t i = 0;
    for (; subtopic[i] && i < sizeof upper - 1; i++) { /* MqttPublishPrefixTopic_P */
        upper[i] = (char)toupper((unsigned char)subtopic[i]);
    }
    upper[i] = 0;
    for (unsigned k = 0; k <= v->module->manner.repeats; k++) {
        sonoff_publish(v->sonoff, v->module, prefix, upper, text, false);
        v->sonoff->stats.states++;
    }
}

/* MqttPublishAllPowerState */
void sonoff_say_powers(struct sonoff *s, struct module *m)
{
    struct voice voice = {s, m};
    for (unsigned i = 1; i <= m->light.devices && (i == 1 || !m->light.kind->fan); i++) {
        sonoff_say_power(&m->light, i, say, &voice);
    }
}

static void say_tele(struct sonoff *s, struct module *m)
{
    struct str text = STR_INIT;
    struct voice voice = {s, m};
    sonoff_write_state(&text, &m->light);
    say(&voice, PREFIX_TELE, "STATE", str_z(&text));
    str_done(&text);
}

void sonoff_say_state(struct sonoff *s, size_t module)
{
    if (s->modules[module].there) {
        say_tele(s, &s->modules[module]);
    }
}

/* ---- what it hears ---- */

/* CmndStatus: 2 firmware, 5 network, 6 MQTT. */
static void say_status(struct sonoff *s, struct module *m, const char *argument)
{
    struct voice voice = {s, m};
    char text[256];
    if (strcmp(argument, "2") == 0) {
        say(&voice, PREFIX_STAT, "STATUS2",
            "{\"StatusFWR\":{\"Version\":\"13.4.0(tasmota)\",\"BuildDateTime\":\"2024-02-14T13:15:29\","
            "\"Hardware\":\"ESP8266EX\"}}");
    } else if (strcmp(argument, "5") == 0) {
        (void)snprintf(text, sizeof text,
                       "{\"StatusNET\":{\"Hostname\":\"%.40s-%s\",\"IPAddress\":\"192.168.1.%u\",\"Mac\":"
                       "\"%.2s:%.2s:%.2s:%.2s:%.2s:%.2s\"}}",
                       m->topic, m->mac + 6, m->ip, m->mac, m->mac + 2, m->mac + 4, m->mac + 6, m->mac + 8,
                       m->mac + 10);
        say(&voice, PREFIX_STAT, "STATUS5", text);
    } else if (strcmp(argument, "6") == 0) {
        (void)snprintf(text, sizeof text, "{\"StatusMQT\":{\"MqttClient\":\"DVES_%s\",\"MqttCount\":1}}", m->mac + 6);
        say(&voice, PREFIX_STAT, "STATUS6", text);
    }
}

void sonoff_run(struct sonoff *s, struct module *m, const char *command, const char *argument)
{
    struct voice voice = {s, m};
    if (strcasecmp(command, "STATUS") == 0) {
        say_status(s, m, argument);
    }
    sonoff_obey(&m->light, command, argument, say, &voice);
}

/* A command that waits. */
struct order {
    uint32_t generation;
    size_t command; /* its length; the argument is behind its NUL */
    char text[];
};

static void run_later(void *user, uint32_t subject, void *load)
{
    struct sonoff *s = user;
    struct module *m = &s->modules[subject];
    const struct order *o = load;
    if (m->there && m->generation == o->generation) {
        sonoff_run(s, m, o->text, o->text + o->command + 1);
    }
}

void sonoff_hear(struct sonoff *s, struct module *m, const char *command, const char *payload, size_t len)
{
    size_t name = strlen(command);
    s->stats.commands += len > 0;
    s->stats.questions += len == 0;
    if (!m->there || m->manner.silent) {
        return;
    }
    if (m->manner.stale && len > 0) {
        say_tele(s, m);
    }
    struct order *o = mem_alloc(sizeof *o + name + len + 2);
    o->generation = m->generation;
    o->command = name;
    memcpy(o->text, command, name + 1);
    memcpy(o->text + name + 1, payload, len);
    if (m->manner.delay_ms > 0) {
        schedule_add(s->schedule, m->manner.delay_ms, run_later, (uint32_t)(m - s->modules), o);
    } else {
        sonoff_run(s, m, o->text, o->text + name + 1);
        free(o);
    }
}
