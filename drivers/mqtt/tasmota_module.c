/* Modules as they announce themselves: their topics, their lights, and who has taken whose place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "mqtt/tasmota_internal.h"

static const char *driver_of(const struct tasmota *t)
{
    return driver_name(t->dialect.broker->driver);
}

/* ---- lights ---- */

void tasmota_module_reach(const struct tasmota_module *module)
{
    bool gone = !module->tasmota->dialect.broker->up || module->displaced;
    for (size_t i = 0; i < module->make->count; i++) {
        way_reaches(&module->slots[i]->way, gone ? LIGHT_REACH_OFFLINE : (enum light_reach)module->reach);
    }
}

void tasmota_module_announce(struct way *way)
{
    const struct tasmota_slot *slot = (const struct tasmota_slot *)way;
    const struct tasmota_module *module = slot->module;
    const struct tasmota_lamp *lamp = &module->make->lamps[slot->place];
    const char *model = module->product;
    const char *version = model + strlen(model) + 1;
    const char *topic = version + strlen(version) + 1;
    struct str address = STR_INIT, where = STR_INIT;
    str_printf(&address, "mac/%s/%u", module->mac, lamp->number);
    str_printf(&where, "%s tasmota/%s", driver_of(module->tasmota), topic);
    way_announce(way, &(struct driver_announcement){.address = str_z(&address),
                                                    .name = slot->name,
                                                    .manufacturer = "Tasmota",
                                                    .model = model[0] ? model : NULL,
                                                    .version = version[0] ? version : NULL,
                                                    .where = str_z(&where),
                                                    .profile = lamp->profile,
                                                    .has_availability = module->tells});
    str_done(&address);
    str_done(&where);
}

void tasmota_module_announce_all(struct tasmota_module *module)
{
    for (size_t i = 0; i < module->make->count; i++) {
        tasmota_module_announce(&module->slots[i]->way);
    }
}

static void drop_slot(struct tasmota_slot *slot)
{
    way_withdraw(&slot->way);
    free(slot->name);
    free(slot);
}

/* Those on the same POWER stay who they are; what is left over is withdrawn. */
static void set_slots(struct tasmota_module *module, const struct tasmota_make *make, const struct tasmota_device *d)
{
    size_t before = module->make ? module->make->count : 0;
    struct tasmota_slot **slots = mem_array(d->make.count + 1u, sizeof(struct tasmota_slot *));
    for (size_t i = 0; i < d->make.count; i++) {
        for (size_t k = 0; k < before && !slots[i]; k++) {
            if (module->slots[k] && module->make->lamps[k].number == make->lamps[i].number) {
                slots[i] = module->slots[k];
                module->slots[k] = NULL;
            }
        }
        if (!slots[i]) {
            slots[i] = mem_alloc(sizeof **slots);
            slots[i]->way.dialect = &module->tasmota->dialect;
            slots[i]->module = module;
        }
        slots[i]->place = (uint8_t)i;
        free(slots[i]->name);
        slots[i]->name = mem_text(d->names[i]);
    }
    for (size_t k = 0; k < before; k++) {
        if (module->slots[k]) {
            drop_slot(module->slots[k]);
        }
    }
    free(module->slots);
    tasmota_make_release(module->tasmota, module->make);
    module->slots = slots;
    module->make = make;
}

static void set_product(struct tasmota_module *module, const struct tasmota_device *d)
{
    struct str s = STR_INIT;
    str_add(&s, d->model, strlen(d->model) + 1);
    str_add(&s, d->version, strlen(d->version) + 1);
    str_add(&s, d->topic, strlen(d->topic) + 1);
    free(module->product);
    module->product = str_take(&s);
}

/* ---- topics ---- */

#define EARS 5u /* LWT, RESULT, STATE, STATUS11; STATUS5 where it must say who it is */
static const char *const commands[] = {"POWER", "STATE", "DIMMER", "CT", "HSBCOLOR", "COLOR", "WHITE", "CHANNEL"};
#define COMMANDS (sizeof commands / sizeof commands[0])

static void drop_ears(struct tasmota_module *module)
{
    for (size_t i = 0; i < module->ear_count; i++) {
        topics_leave(module->tasmota->dialect.broker->topics, &module->ears[i].listener);
    }
    free(module->ears);
    module->ears = NULL;
    module->ear_count = 0;
}

static const char *stat_of(const struct tasmota_module *module)
{
    return module->cmnd + strlen(module->cmnd) + 1;
}

static const char *tele_of(const struct tasmota_module *module)
{
    return stat_of(module) + strlen(stat_of(module)) + 1;
}

static void add_ear(struct tasmota_module *module, enum tasmota_word what, const char *prefix, const char *subtopic)
{
    struct tasmota *t = module->tasmota;
    struct tasmota_ear *ear = &module->ears[module->ear_count++];
    ear->module = module;
    str_clear(&t->topic);
    str_printf(&t->topic, "%s%s", prefix, subtopic);
    (void)topics_listen(t->dialect.broker->topics, &ear->listener, &t->dialect, (uint8_t)what, str_z(&t->topic));
}

/* SetOption4: each command answers on its own topic, a POWER on that with its number if the module uses numbers. */
static void add_command_ears(struct tasmota_module *module, const struct tasmota_make *make)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        add_ear(module, TASMOTA_ANSWER, stat_of(module), commands[i]);
    }
    for (size_t i = 0; i < make->count; i++) {
        char power[12];
        (void)snprintf(power, sizeof power, "POWER%u", make->lamps[i].number);
        add_ear(module, TASMOTA_ANSWER, stat_of(module), power);
    }
}

static void set_ears(struct tasmota_module *module, const struct tasmota_make *make)
{
    struct tasmota_ear *before = module->ears;
    size_t count = module->ear_count;
    module->ears = mem_array(EARS + (make->by_command ? COMMANDS + make->count : 0u), sizeof *module->ears);
    module->ear_count = 0;
    add_ear(module, TASMOTA_LWT, tele_of(module), "LWT");
    add_ear(module, TASMOTA_ANSWER, stat_of(module), "RESULT");
    add_ear(module, TASMOTA_STATE, tele_of(module), "STATE");
    add_ear(module, TASMOTA_STATE, stat_of(module), "STATUS11");
    if (make->by_command) {
        add_command_ears(module, make);
    }
    if (module->contested) {
        add_ear(module, TASMOTA_NETWORK, stat_of(module), "STATUS5");
    }
    /* Only now, so that a topic that stays was never left. */
    for (size_t i = 0; i < count; i++) {
        topics_leave(module->tasmota->dialect.broker->topics, &before[i].listener);
    }
    free(before);
}

/* ---- modules ---- */

/* Two announcements of one topic: of a module that was exchanged the old one stays retained, and which of both comes
   last at a reconnect is chance. The topic goes to the last one until the module itself has said who it is. */
static void displace(struct tasmota_module *other)
{
    struct tasmota *t = other->tasmota;
    tasmota_modules_displace(other);
    other->contested = false;
    asking_end(t->asking, &other->ask);
    for (size_t i = 0; i < other->make->count; i++) {
        pending_end(&other->slots[i]->way, ERR_OFFLINE, "another module has its topic");
    }
    tasmota_module_reach(other);
    drop_ears(other);
    log_warn(driver_of(t),
             "Tasmota %s announces a topic that another module has: if that took its place, clear the old announcement "
             "(retained, empty) at %s/%s/config; if not, give one of them another topic",
             other->mac, t->dialect.topic, other->mac);
}

void tasmota_module_ask_who(struct tasmota_module *module)
{
    struct tasmota *t = module->tasmota;
    str_clear(&t->topic);
    str_printf(&t->topic, "%sSTATUS", module->cmnd);
    str_clear(&t->payload);
    str_add_char(&t->payload, '5');
    (void)connection_publish(t->dialect.broker->connection, str_z(&t->topic), &t->payload, NULL);
}

static void restore(struct tasmota_module *module)
{
    tasmota_modules_restore(module);
    module->contested = true;
    module->reach = LIGHT_REACH_UNKNOWN;
    set_ears(module, module->make);
    tasmota_module_reach(module);
    tasmota_ask(module);
}

void tasmota_module_identify(struct tasmota_module *module, const char *payload, size_t len)
{
    struct tasmota *t = module->tasmota;
    if (tasmota_tells_mac(payload, len, module->mac)) {
        return;
    }
    for (struct tasmota_module *m = tasmota_modules_next(t, NULL); m; m = tasmota_modules_next(t, m)) {
        if (m->displaced && strcmp(m->cmnd, module->cmnd) == 0 && tasmota_tells_mac(payload, len, m->mac)) {
            displace(module);
            restore(m);
            return;
        }
    }
}

/* Topics that were contested, and that nobody has any more, go to one who has announced them. */
static void bequeath(struct tasmota *t, const char *cmnd)
{
    for (struct tasmota_module *m = tasmota_modules_next(t, NULL); m; m = tasmota_modules_next(t, m)) {
        if (m->displaced && strcmp(m->cmnd, cmnd) == 0) {
            restore(m);
            tasmota_module_ask_who(m);
            return;
        }
    }
}

void tasmota_module_take(struct tasmota *t, const struct tasmota_device *d)
{
    struct tasmota_module *module = tasmota_modules_find(t, d->mac);
    struct tasmota_module *other = tasmota_modules_on(t, d->cmnd);
    const struct tasmota_make *make = tasmota_make_take(t, &d->make);
    bool contested = other && other != module;
    if (contested) {
        displace(other);
    }
    char *left = module && module->contested && strcmp(module->cmnd, d->cmnd) != 0 ? mem_text(module->cmnd) : NULL;
    module = module ? module : tasmota_modules_add(t, d->mac);
    bool moved = tasmota_modules_move(module, d);
    if (left) {
        bequeath(t, left);
        free(left);
    }
    if (moved) {
        module->reach = LIGHT_REACH_UNKNOWN; /* what its old topic said is not said of it */
        module->contested = contested;
    }
    if (moved || make != module->make) {
        set_ears(module, make);
    }
    set_product(module, d);
    set_slots(module, make, d);
    tasmota_module_announce_all(module);
    tasmota_module_reach(module);
    if (moved && module->contested) {
        tasmota_module_ask_who(module);
    }
}

void tasmota_module_withdraw(struct tasmota_module *module)
{
    struct tasmota *t = module->tasmota;
    char *left = module->contested ? mem_text(module->cmnd) : NULL;
    asking_end(t->asking, &module->ask);
    drop_ears(module);
    for (size_t i = 0; i < module->make->count; i++) {
        drop_slot(module->slots[i]);
    }
    tasmota_modules_remove(module);
    if (left) {
        bequeath(t, left);
        free(left);
    }
}

void tasmota_module_stop(struct tasmota *t)
{
    for (struct tasmota_module *m = tasmota_modules_next(t, NULL), *next; m; m = next) {
        next = tasmota_modules_next(t, m);
        drop_ears(m);
        for (size_t i = 0; i < m->make->count; i++) {
            way_forget(&m->slots[i]->way);
            free(m->slots[i]->name);
            free(m->slots[i]);
        }
        tasmota_modules_remove(m);
    }
    table_done(&t->by_mac);
    table_done(&t->by_topic);
}
