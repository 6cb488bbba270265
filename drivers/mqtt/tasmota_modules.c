/* Modules in two hash tables, and what is the same for many of them, each kept once. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "mqtt/tasmota_internal.h"

/* A make, counted. */
struct tasmota_shared {
    struct tasmota_make make; /* first, so that it is found back */
    struct tasmota_shared *next;
    size_t users;
};

static size_t hash(const char *text)
{
    uint64_t value = 14695981039346656037u; /* FNV-1a */
    for (; *text; text++) {
        value = (value ^ (uint8_t)*text) * 1099511628211u;
    }
    return (size_t)(value ^ value >> 32);
}

static struct tasmota_module **mac_bucket(const struct tasmota_modules *m, const char *mac)
{
    return &m->by_mac[hash(mac) & (m->size - 1)];
}

static struct tasmota_module **topic_bucket(const struct tasmota_modules *m, const char *cmnd)
{
    return &m->by_topic[hash(cmnd) & (m->size - 1)];
}

struct tasmota_module *tasmota_modules_find(const struct tasmota_modules *m, const char *mac)
{
    struct tasmota_module *module = m->size > 0 ? *mac_bucket(m, mac) : NULL;
    while (module && strcmp(module->mac, mac) != 0) {
        module = module->next_by_mac;
    }
    return module;
}

struct tasmota_module *tasmota_modules_on(const struct tasmota_modules *m, const char *cmnd)
{
    struct tasmota_module *module = m->size > 0 ? *topic_bucket(m, cmnd) : NULL;
    while (module && (module->displaced || strcmp(module->cmnd, cmnd) != 0)) {
        module = module->next_by_topic;
    }
    return module;
}

static void put(struct tasmota_modules *m, struct tasmota_module *module)
{
    struct tasmota_module **mac = mac_bucket(m, module->mac);
    struct tasmota_module **topic = topic_bucket(m, module->cmnd);
    module->next_by_mac = *mac;
    module->next_by_topic = *topic;
    *mac = *topic = module;
}

static void take_topic(struct tasmota_modules *m, const struct tasmota_module *module)
{
    struct tasmota_module **at = topic_bucket(m, module->cmnd);
    while (*at != module) {
        at = &(*at)->next_by_topic;
    }
    *at = module->next_by_topic;
}

static void grow(struct tasmota_modules *m)
{
    struct tasmota_modules larger = *m;
    larger.size = m->size > 0 ? 2 * m->size : 16;
    larger.by_mac = mem_array(larger.size, sizeof(struct tasmota_module *));
    larger.by_topic = mem_array(larger.size, sizeof(struct tasmota_module *));
    for (struct tasmota_module *at = tasmota_modules_next(m, NULL), *next; at; at = next) {
        next = tasmota_modules_next(m, at);
        put(&larger, at);
    }
    free(m->by_mac);
    free(m->by_topic);
    m->by_mac = larger.by_mac;
    m->by_topic = larger.by_topic;
    m->size = larger.size;
}

static void write_topics(struct str *s, const struct tasmota_device *d)
{
    str_add(s, d->cmnd, strlen(d->cmnd) + 1);
    str_add(s, d->stat, strlen(d->stat) + 1);
    str_add(s, d->tele, strlen(d->tele) + 1);
}

struct tasmota_module *tasmota_modules_add(struct tasmota_modules *m, const struct tasmota_device *d)
{
    struct tasmota_module *module = mem_alloc(sizeof *module);
    struct str topics = STR_INIT;
    if (m->count >= m->size) {
        grow(m);
    }
    memcpy(module->mac, d->mac, TASMOTA_MAC);
    write_topics(&topics, d);
    module->cmnd = str_take(&topics);
    put(m, module);
    m->count++;
    return module;
}

bool tasmota_modules_move(struct tasmota_modules *m, struct tasmota_module *module, const struct tasmota_device *d)
{
    const char *stat = module->cmnd + strlen(module->cmnd) + 1;
    const char *tele = stat + strlen(stat) + 1;
    struct str topics = STR_INIT;
    if (strcmp(module->cmnd, d->cmnd) == 0 && strcmp(stat, d->stat) == 0 && strcmp(tele, d->tele) == 0) {
        return false;
    }
    take_topic(m, module);
    free(module->cmnd);
    write_topics(&topics, d);
    module->cmnd = str_take(&topics);
    struct tasmota_module **at = topic_bucket(m, module->cmnd);
    module->next_by_topic = *at;
    *at = module;
    return true;
}

void tasmota_modules_remove(struct tasmota_modules *m, struct tasmota_module *module)
{
    struct tasmota_module **at = mac_bucket(m, module->mac);
    take_topic(m, module);
    while (*at != module) {
        at = &(*at)->next_by_mac;
    }
    *at = module->next_by_mac;
    m->count--;
    tasmota_make_release(m, module->make);
    free(module->slots);
    free(module->ears);
    free(module->product);
    free(module->cmnd);
    free(module);
}

struct tasmota_module *tasmota_modules_next(const struct tasmota_modules *m, const struct tasmota_module *after)
{
    size_t bucket = 0;
    if (after) {
        if (after->next_by_mac) {
            return after->next_by_mac;
        }
        bucket = (size_t)(mac_bucket(m, after->mac) - m->by_mac) + 1;
    }
    while (bucket < m->size && !m->by_mac[bucket]) {
        bucket++;
    }
    return bucket < m->size ? m->by_mac[bucket] : NULL;
}

void tasmota_modules_done(struct tasmota_modules *m)
{
    free(m->by_mac);
    free(m->by_topic);
    *m = (struct tasmota_modules){0};
}

const struct tasmota_make *tasmota_make_take(struct tasmota_modules *m, const struct tasmota_make *make)
{
    struct tasmota_shared *shared = m->makes;
    /* Padding counts too: each was zeroed as a whole. Otherwise a make is kept twice, and that is all. */
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c)
    while (shared && memcmp(&shared->make, make, sizeof *make) != 0) {
        shared = shared->next;
    }
    if (!shared) {
        shared = mem_alloc(sizeof *shared);
        memcpy(&shared->make, make, sizeof *make);
        shared->next = m->makes;
        m->makes = shared;
    }
    shared->users++;
    return &shared->make;
}

void tasmota_make_release(struct tasmota_modules *m, const struct tasmota_make *make)
{
    struct tasmota_shared **at = &m->makes;
    if (!make) {
        return;
    }
    while (&(*at)->make != make) {
        at = &(*at)->next;
    }
    struct tasmota_shared *shared = *at;
    if (--shared->users == 0) {
        *at = shared->next;
        free(shared);
    }
}
