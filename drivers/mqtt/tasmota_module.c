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
    tasmota_make_release(&module->tasmota->modules, module->make);
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

#define EARS 4u /* LWT, RESULT, STATE, STATUS11 */
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
static void add_command_ears(struct tasmota_module *module, const struct tasmota_device *d)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        add_ear(module, TASMOTA_ANSWER, d->stat, commands[i]);
    }
    for (size_t i = 0; i < d->make.count; i++) {
        char power[12];
        (void)snprintf(power, sizeof power, "POWER%u", d->make.lamps[i].number);
        add_ear(module, TASMOTA_ANSWER, d->stat, power);
    }
}

static void set_ears(struct tasmota_module *module, const struct tasmota_device *d)
{
    struct tasmota_ear *before = module->ears;
    size_t count = module->ear_count;
    module->ears = mem_array(EARS + (d->make.by_command ? COMMANDS + d->make.count : 0u), sizeof *module->ears);
    module->ear_count = 0;
    add_ear(module, TASMOTA_LWT, d->tele, "LWT");
    add_ear(module, TASMOTA_ANSWER, d->stat, "RESULT");
    add_ear(module, TASMOTA_STATE, d->tele, "STATE");
    add_ear(module, TASMOTA_STATE, d->stat, "STATUS11");
    if (d->make.by_command) {
        add_command_ears(module, d);
    }
    /* Only now, so that a topic that stays was never left. */
    for (size_t i = 0; i < count; i++) {
        topics_leave(module->tasmota->dialect.broker->topics, &before[i].listener);
    }
    free(before);
}

/* ---- modules ---- */

/* A module that was exchanged for another leaves its announcement behind: the topic belongs to who came last. */
static void displace(struct tasmota *t, const struct tasmota_device *d)
{
    struct tasmota_module *other = tasmota_modules_on(&t->modules, d->cmnd);
    if (!other || strcmp(other->mac, d->mac) == 0) {
        return;
    }
    log_warn(driver_of(t),
             "Tasmota %s has the topic of %s: if it took its place, clear the old announcement (retained, empty) at "
             "%s/%s/config; if not, give one of them another topic",
             d->mac, other->mac, t->dialect.topic, other->mac);
    other->displaced = true;
    tasmota_question_forget(other);
    for (size_t i = 0; i < other->make->count; i++) {
        pending_end(&other->slots[i]->way, ERR_OFFLINE, "another module has its topic");
    }
    tasmota_module_reach(other);
    drop_ears(other);
}

void tasmota_module_take(struct tasmota *t, const struct tasmota_device *d)
{
    struct tasmota_module *module = tasmota_modules_find(&t->modules, d->mac);
    const struct tasmota_make *make = tasmota_make_take(&t->modules, &d->make);
    bool moved = true;
    displace(t, d);
    if (!module) {
        module = tasmota_modules_add(&t->modules, d);
        module->tasmota = t;
    } else {
        moved = tasmota_modules_move(&t->modules, module, d) || module->displaced;
    }
    if (moved) {
        module->reach = LIGHT_REACH_UNKNOWN; /* what its old topic said is not said of it */
        module->heard = module->displaced = false;
    }
    if (moved || make != module->make) {
        set_ears(module, d);
    }
    set_product(module, d);
    set_slots(module, make, d);
    tasmota_module_announce_all(module);
    tasmota_module_reach(module);
}

void tasmota_module_withdraw(struct tasmota *t, struct tasmota_module *module)
{
    tasmota_question_forget(module);
    drop_ears(module);
    for (size_t i = 0; i < module->make->count; i++) {
        drop_slot(module->slots[i]);
    }
    tasmota_modules_remove(&t->modules, module);
}

void tasmota_module_stop(struct tasmota *t)
{
    for (struct tasmota_module *m = tasmota_modules_next(&t->modules, NULL), *next; m; m = next) {
        next = tasmota_modules_next(&t->modules, m);
        drop_ears(m);
        for (size_t i = 0; i < m->make->count; i++) {
            way_forget(&m->slots[i]->way);
            free(m->slots[i]->name);
            free(m->slots[i]);
        }
        tasmota_modules_remove(&t->modules, m);
    }
    tasmota_modules_done(&t->modules);
}
