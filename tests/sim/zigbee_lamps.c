/* What lamps are told and what they say: <name>/set, <name>/get and the state messages, as Zigbee2MQTT's
   extension/publish.ts and controller.ts do it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "sim/chance.h"
#include "sim/exposes.h"
#include "sim/zigbee_internal.h"

#define COMMAND_MAX 65536
#define REPORT_GAP_MS 60 /* between the identical messages of one change; seen: several within 150 ms to 1 s */
#define FADE_STEPS 4
#define FADE_STEP_MIN_MS 20
#define GIVE_UP_MS 10000

/* ---- states ---- */

static void write_state(struct zigbee *z, const struct device *d)
{
    struct json_out j;
    str_clear(&z->text);
    json_out_init(&j, &z->text);
    json_begin_object(&j);
    for (size_t i = 0; i < d->count; i++) {
        lamp_write_state(&j, &d->lamps[i], d->known);
    }
    json_put_key(&j, "linkquality");
    if (d->known) {
        json_put_int(&j, d->quality);
    } else {
        json_put_null(&j);
    }
    json_member_text(&j, "power_on_behavior", d->known ? "previous" : NULL);
    json_end_object(&j);
}

/* "attribute": each member on a topic of its own, a colour's as color-x. `path` has the slash or dash at its end. */
static void send_attributes(struct zigbee *z, const char *path, const struct json *members, bool retain)
{
    struct str topic = STR_INIT;
    struct str value = STR_INIT;
    for (const struct json *m = json_first(members); m; m = json_next(m)) {
        str_clear(&topic);
        str_clear(&value);
        str_printf(&topic, "%s%s", path, json_key(m));
        if (json_is_object(m)) {
            str_add_char(&topic, '-');
            send_attributes(z, str_z(&topic), m, retain);
            continue;
        }
        if (json_text(m)) {
            str_add_z(&value, json_text(m));
        } else if (!json_is_null(m)) {
            json_copy(&value, m);
        }
        zigbee_send(z, str_z(&topic), str_z(&value), value.len, 0, retain);
    }
    str_done(&topic);
    str_done(&value);
}

static void send_state(struct zigbee *z, const char *topic, const char *name, bool retain)
{
    z->stats.states++;
    if (z->config.output != ZIGBEE_OUTPUT_ATTRIBUTE) {
        zigbee_send_text(z, topic, retain);
    }
    if (z->config.output != ZIGBEE_OUTPUT_JSON) {
        struct json *document;
        char path[512];
        if (json_parse(str_z(&z->text), z->text.len, COMMAND_MAX, &document, NULL) == 0) {
            snprintf(path, sizeof path, "%s/", name);
            send_attributes(z, path, document, retain);
            json_free(document);
        }
    }
    if (z->config.say) {
        zigbee_say(z, "%s says %s", name, str_z(&z->text));
    }
}

void zigbee_tell_state(struct zigbee *z, struct device *d)
{
    if (!d->known && !z->config.homeassistant) {
        return; /* the cache is empty: there is nothing to publish */
    }
    write_state(z, d);
    send_state(z, d->topic, d->name, d->retain);
}

void zigbee_tell_group_state(struct zigbee *z, struct group *g)
{
    struct json_out j;
    struct lamp as_one = {0};
    for (size_t i = 0; i < g->count; i++) {
        const struct device *d = &z->devices[g->members[i]];
        if (!as_one.part || (d->lamps[0].part->features & FEATURE_LEVEL && !(as_one.part->features & FEATURE_LEVEL))) {
            bool on = as_one.on;
            as_one = d->lamps[0];
            as_one.on |= on;
        }
        as_one.on |= d->lamps[0].on;
    }
    if (!as_one.part) {
        return; /* nobody in it */
    }
    *as_one.suffix = 0;
    str_clear(&z->text);
    json_out_init(&j, &z->text);
    json_begin_object(&j);
    lamp_write_state(&j, &as_one, true);
    json_end_object(&j);
    send_state(z, g->topic, g->name, z->config.retain);
}

/* Groups follow their members. */
static void tell_groups_of(struct zigbee *z, const struct device *d)
{
    uint32_t index = (uint32_t)(d - z->devices);
    for (size_t i = 0; d->groups && i < z->group_count; i++) {
        struct group *g = &z->groups[i];
        for (size_t k = 0; g->id && k < g->count; k++) {
            if (g->members[k] == index) {
                zigbee_tell_group_state(z, g);
                break;
            }
        }
    }
}

static void repeat_report(void *user, uint32_t subject, void *load)
{
    struct zigbee *z = user;
    (void)load;
    if (!z->devices[subject].removed) {
        zigbee_tell_state(z, &z->devices[subject]);
    }
}

static void schedule_reports(struct zigbee *z, struct device *d, uint64_t after_ms)
{
    int reports = d->manner.reports >= 0 ? d->manner.reports : 1 + (int)chance_below(&d->chance, 4);
    for (int i = 1; i <= reports; i++) {
        schedule_add(z->schedule, after_ms + (uint64_t)i * REPORT_GAP_MS, repeat_report, (uint32_t)(d - z->devices),
                     NULL);
    }
}

void zigbee_tell_report(struct zigbee *z, struct device *d)
{
    d->known = true;
    zigbee_tell_state(z, d);
    tell_groups_of(z, d);
    schedule_reports(z, d, 0);
}

/* ---- fades ---- */

struct fading {
    uint32_t generation;
    unsigned step;
    uint32_t step_ms;
    struct {
        bool fades;
        struct lamp_fade fade;
    } lamps[SHAPE_LIGHTS];
};

static void fade_on(void *user, uint32_t subject, void *load)
{
    struct zigbee *z = user;
    struct device *d = &z->devices[subject];
    const struct fading *f = load;
    if (d->removed || f->generation != d->generation) {
        return; /* overtaken */
    }
    for (size_t i = 0; i < d->count; i++) {
        if (f->lamps[i].fades) {
            lamp_fade(&d->lamps[i], &f->lamps[i].fade, f->step, FADE_STEPS);
        }
    }
    zigbee_tell_state(z, d);
    if (f->step == FADE_STEPS) {
        tell_groups_of(z, d);
        return;
    }
    struct fading *next = mem_alloc(sizeof *next);
    *next = *f;
    next->step++;
    schedule_add(z->schedule, f->step_ms, fade_on, subject, next);
}

/* ---- obeying ---- */

struct order {
    struct lamp_command commands[SHAPE_LIGHTS];
};

static void obey(struct zigbee *z, struct device *d, const struct lamp_command commands[])
{
    struct fading f = {.step = 1};
    bool fades = false;
    uint32_t longest = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (commands[i].has) {
            f.lamps[i].fades = lamp_obey(&d->lamps[i], &commands[i], &f.lamps[i].fade);
            fades |= f.lamps[i].fades;
            longest = commands[i].transition_ms > longest ? commands[i].transition_ms : longest;
        }
    }
    d->known = true;
    f.generation = ++d->generation;
    if (!d->pessimistic) {
        zigbee_tell_state(z, d);
        tell_groups_of(z, d);
    }
    if (fades) {
        struct fading *load = mem_alloc(sizeof *load);
        f.step_ms = longest / FADE_STEPS > FADE_STEP_MIN_MS ? longest / FADE_STEPS : FADE_STEP_MIN_MS;
        *load = f;
        schedule_add(z->schedule, f.step_ms, fade_on, (uint32_t)(d - z->devices), load);
    } else {
        schedule_reports(z, d, 0);
    }
}

static void obey_late(void *user, uint32_t subject, void *load)
{
    struct zigbee *z = user;
    const struct order *order = load;
    if (!z->devices[subject].removed) {
        obey(z, &z->devices[subject], order->commands);
    }
}

/* Zigbee2MQTT gives the radio up after 10 s and says so only in its log. */
static void give_up(void *user, uint32_t subject, void *load)
{
    struct zigbee *z = user;
    const struct device *d = &z->devices[subject];
    struct str s = STR_INIT;
    str_printf(&s,
               "Publish %s to '%s' failed: 'Error: ZCL command %s/1 genOnOff.on({}, {\"timeout\":10000,"
               "\"disableResponse\":false,\"disableDefaultResponse\":false,\"direction\":0}) failed (Timeout - 1 - 1 - "
               "11 - 6 - 11 after 10000ms)'",
               (const char *)load, d->name, d->ieee);
    zigbee_log(z, "error", str_z(&s));
    str_done(&s);
}

static void wait_in_vain(struct zigbee *z, const struct device *d, const char *verb, const char *key)
{
    char *what = mem_alloc(strlen(verb) + strlen(key) + 8);
    sprintf(what, "'%s' '%s'", verb, key);
    schedule_add(z->schedule, z->config.give_up_ms ? z->config.give_up_ms : GIVE_UP_MS, give_up,
                 (uint32_t)(d - z->devices), what);
}

static void log_error(void *user, const char *message)
{
    zigbee_log(user, "error", message);
}

/* With Home Assistant on, `state` beside a colour does not count for a lamp that is on. */
static void forget_state(struct device *d, struct lamp_command *c)
{
    if (d->lamps[0].on && (c->has & (LAMP_COLOR | LAMP_TEMP)) && !(c->has & LAMP_LEVEL)) {
        c->has &= ~(uint32_t)LAMP_STATE;
    }
}

static void take_order(struct zigbee *z, struct device *d, const char *key, const struct lamp_command commands[])
{
    if (d->manner.silent || !d->online) {
        wait_in_vain(z, d, "set", key);
        return;
    }
    if (d->manner.stale) {
        zigbee_tell_state(z, d);
    }
    if (d->manner.delay_ms == 0) {
        obey(z, d, commands);
        return;
    }
    struct order *order = mem_alloc(sizeof *order);
    memcpy(order->commands, commands, d->count * sizeof *commands);
    schedule_add(z->schedule, d->manner.delay_ms, obey_late, (uint32_t)(d - z->devices), order);
}

void zigbee_hear_set(struct zigbee *z, struct device *d, size_t target, const struct json *message)
{
    struct lamp_command commands[SHAPE_LIGHTS];
    bool any = false;
    lamp_read_set(message, d->lamps, d->count, target, d->name, exposes_effects(d->shape), log_error, z, commands);
    for (size_t i = 0; i < d->count; i++) {
        if (z->config.homeassistant) {
            forget_state(d, &commands[i]);
        }
        any |= commands[i].has != 0;
    }
    if (any) {
        take_order(z, d, json_key(json_first(message)), commands);
    }
}

static void ignore_error(void *user, const char *message)
{
    (void)message;
    *(bool *)user = true;
}

/* One message for all over the air, unacknowledged: members take of it what they can. */
static void hear_group_set(struct zigbee *z, struct group *g, const struct json *message)
{
    struct lamp_command commands[SHAPE_LIGHTS];
    bool taken = false;
    for (size_t i = 0; i < g->count; i++) {
        struct device *d = &z->devices[g->members[i]];
        bool failed = false;
        lamp_read_set(message, d->lamps, d->count, 0, g->name, exposes_effects(d->shape), ignore_error, &failed,
                      commands);
        for (size_t k = 1; k < d->count; k++) {
            commands[k] = commands[0]; /* every endpoint of it is a member */
        }
        if (commands[0].has) {
            taken = true;
            if (!d->manner.silent && d->online) {
                take_order(z, d, "state", commands);
            }
        }
    }
    if (taken) {
        zigbee_tell_group_state(z, g);
    } else if (g->count > 0) {
        struct device *d = &z->devices[g->members[0]]; /* nobody in it can: the first says why */
        lamp_read_set(message, d->lamps, d->count, 0, g->name, exposes_effects(d->shape), log_error, z, commands);
    }
}

/* ---- topics ---- */

static void get_late(void *user, uint32_t subject, void *load)
{
    struct zigbee *z = user;
    struct device *d = &z->devices[subject];
    (void)load;
    if (!d->removed) {
        d->known = true;
        zigbee_tell_state(z, d);
    }
}

static void hear_get(struct zigbee *z, struct device *d, const struct json *message)
{
    const char *key = NULL;
    z->stats.gets++;
    for (const struct json *m = json_first(message); m; m = json_next(m)) {
        if (lamp_can_get(d->lamps, d->count, json_key(m), d->name, log_error, z)) {
            key = json_key(m);
        }
    }
    if (!key) {
        return;
    }
    if (d->manner.silent || !d->online) {
        wait_in_vain(z, d, "get", key);
    } else if (d->manner.delay_ms) {
        schedule_add(z->schedule, d->manner.delay_ms, get_late, (uint32_t)(d - z->devices), NULL);
    } else {
        get_late(z, (uint32_t)(d - z->devices), NULL);
    }
}

/* JSON, or the bare words that Zigbee2MQTT takes for a state; with an attribute in the topic, its value. */
static struct json *read_message(const char *attribute, const char *payload, size_t len)
{
    static const char *const words[] = {"on", "off", "toggle", "open", "close", "stop", "lock", "unlock"};
    struct json *value = NULL;
    struct str s = STR_INIT;
    struct json_out j;
    bool is_json = len > 0 && json_parse(payload, len, COMMAND_MAX, &value, NULL) == 0;
    bool is_word = false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        is_word |= strlen(words[i]) == len && strncasecmp(words[i], payload, len) == 0;
    }
    if (!attribute && (is_json || !is_word)) {
        return value;
    }
    json_out_init(&j, &s);
    json_begin_object(&j);
    json_put_key(&j, attribute ? attribute : "state");
    if (is_json) {
        json_put_raw(&j, payload, len);
    } else {
        json_put_text_n(&j, payload, len);
    }
    json_end_object(&j);
    json_free(value);
    value = NULL;
    (void)json_parse(s.data, s.len, COMMAND_MAX, &value, NULL);
    str_done(&s);
    return value;
}

/* "Lamp 1", an address, or one of them with "/l2" behind it. */
static bool find_entity(const struct zigbee *z, const char *name, size_t len, uint32_t *ret_number, size_t *ret_target)
{
    const char *slash = memrchr(name, '/', len);
    *ret_target = 0;
    if (names_get(z->names, name, len, ret_number)) {
        return true;
    }
    if (!slash || !names_get(z->names, name, (size_t)(slash - name), ret_number) || (*ret_number & ZIGBEE_GROUP)) {
        return false;
    }
    const struct device *d = &z->devices[*ret_number];
    size_t end = len - (size_t)(slash + 1 - name);
    for (size_t i = 0; i < d->count; i++) {
        const char *suffix = d->lamps[i].suffix;
        if (*suffix && strlen(suffix + 1) == end && memcmp(suffix + 1, slash + 1, end) == 0) {
            *ret_target = i;
            return true;
        }
    }
    return false;
}

/* The first "/set" or "/get" that is a whole word. */
static const char *find_verb(const char *topic)
{
    for (const char *p = strchr(topic, '/'); p; p = strchr(p + 1, '/')) {
        if ((strncmp(p, "/set", 4) == 0 || strncmp(p, "/get", 4) == 0) && (p[4] == 0 || p[4] == '/')) {
            return p;
        }
    }
    return NULL;
}

static void log_about(struct zigbee *z, const char *before, const char *name, size_t len, const char *after)
{
    struct str s = STR_INIT;
    str_printf(&s, "%s'%.*s'%s", before, (int)len, name, after);
    zigbee_log(z, "error", str_z(&s));
    str_done(&s);
}

void zigbee_hear(struct zigbee *z, const char *topic, const char *payload, size_t len)
{
    const char *verb = find_verb(topic);
    uint32_t number;
    size_t target;
    if (!verb || verb == topic || strncmp(topic, "bridge", 6) == 0) {
        return;
    }
    if (z->config.say) {
        zigbee_say(z, "hears %s %.*s", topic, (int)len, payload);
    }
    if (!find_entity(z, topic, (size_t)(verb - topic), &number, &target)) {
        log_about(z, "Entity ", topic, (size_t)(verb - topic), " is unknown");
        return;
    }
    struct json *message = read_message(verb[4] ? verb + 5 : NULL, payload, len);
    bool set = verb[1] == 's';
    z->stats.sets += set;
    if (!json_is_object(message)) {
        zigbee_log(z, "error", "Invalid message 'undefined', skipping...");
    } else if (number & ZIGBEE_GROUP) {
        struct group *g = &z->groups[number & ~ZIGBEE_GROUP];
        if (set) {
            hear_group_set(z, g, message);
        } else {
            z->stats.gets++;
            zigbee_tell_group_state(z, g);
        }
    } else if (z->devices[number].interview != INTERVIEW_DONE) {
        const char *name = z->devices[number].name;
        log_about(z, "Cannot publish to unsupported device ", name, strlen(name), "");
    } else if (set) {
        zigbee_hear_set(z, &z->devices[number], target, message);
    } else {
        hear_get(z, &z->devices[number], message);
    }
    json_free(message);
}
