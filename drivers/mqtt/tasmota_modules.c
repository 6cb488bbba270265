/* Modules by MAC and by topic, and what is the same for many of them, each kept once. */
#include <stddef.h>
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

struct tasmota_module *tasmota_modules_find(const struct tasmota *t, const char *mac)
{
    return (struct tasmota_module *)table_find(&t->by_mac, mac, strlen(mac));
}

struct tasmota_module *tasmota_modules_on(const struct tasmota *t, const char *cmnd)
{
    struct entry *e = table_find(&t->by_topic, cmnd, strlen(cmnd));
    return e ? (struct tasmota_module *)(void *)((char *)e - offsetof(struct tasmota_module, by_topic)) : NULL;
}

struct tasmota_module *tasmota_modules_next(const struct tasmota *t, const struct tasmota_module *after)
{
    return (struct tasmota_module *)table_next(&t->by_mac, after ? &after->by_mac : NULL);
}

struct tasmota_module *tasmota_modules_add(struct tasmota *t, const char *mac)
{
    struct tasmota_module *module = mem_alloc(sizeof *module);
    module->tasmota = t;
    memcpy(module->mac, mac, TASMOTA_MAC);
    module->by_mac.name = module->mac;
    table_add(&t->by_mac, &module->by_mac);
    return module;
}

void tasmota_modules_displace(struct tasmota_module *module)
{
    table_remove(&module->tasmota->by_topic, &module->by_topic);
    module->displaced = true;
}

void tasmota_modules_restore(struct tasmota_module *module)
{
    table_add(&module->tasmota->by_topic, &module->by_topic);
    module->displaced = false;
}

bool tasmota_modules_move(struct tasmota_module *module, const struct tasmota_device *d)
{
    struct str topics = STR_INIT;
    str_add(&topics, d->cmnd, strlen(d->cmnd) + 1);
    str_add(&topics, d->stat, strlen(d->stat) + 1);
    str_add(&topics, d->tele, strlen(d->tele) + 1);
    if (module->cmnd && !module->displaced) {
        const char *stat = module->cmnd + strlen(module->cmnd) + 1;
        const char *tele = stat + strlen(stat) + 1;
        if (strcmp(module->cmnd, d->cmnd) == 0 && strcmp(stat, d->stat) == 0 && strcmp(tele, d->tele) == 0) {
            str_done(&topics);
            return false;
        }
        table_remove(&module->tasmota->by_topic, &module->by_topic);
    }
    free(module->cmnd);
    module->cmnd = str_take(&topics);
    module->by_topic.name = module->cmnd;
    tasmota_modules_restore(module);
    return true;
}

void tasmota_modules_remove(struct tasmota_module *module)
{
    struct tasmota *t = module->tasmota;
    table_remove(&t->by_mac, &module->by_mac);
    if (!module->displaced) {
        table_remove(&t->by_topic, &module->by_topic);
    }
    tasmota_make_release(t, module->make);
    free(module->slots);
    free(module->ears);
    free(module->product);
    free(module->cmnd);
    free(module);
}

const struct tasmota_make *tasmota_make_take(struct tasmota *t, const struct tasmota_make *make)
{
    struct tasmota_shared *shared = t->makes;
    /* Padding counts too: each was zeroed as a whole. Otherwise a make is kept twice, and that is all. */
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c)
    while (shared && memcmp(&shared->make, make, sizeof *make) != 0) {
        shared = shared->next;
    }
    if (!shared) {
        shared = mem_alloc(sizeof *shared);
        memcpy(&shared->make, make, sizeof *make);
        shared->next = t->makes;
        t->makes = shared;
    }
    shared->users++;
    return &shared->make;
}

void tasmota_make_release(struct tasmota *t, const struct tasmota_make *make)
{
    struct tasmota_shared **at = &t->makes;
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
