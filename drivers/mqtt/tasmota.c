/* What comes in goes to its module; who is reachable; commands. */
#include "mqtt/tasmota.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "mqtt/tasmota_internal.h"

static struct tasmota *tasmota_of(const struct way *way)
{
    return (struct tasmota *)way->dialect;
}

/* ---- the broker ---- */

static void up(struct dialect *self)
{
    struct tasmota *t = (struct tasmota *)self;
    struct str filter = STR_INIT;
    str_printf(&filter, "%s/+/config", self->topic);
    connection_subscribe(self->broker->connection, &filter.data, 1, 0);
    str_done(&filter);
    for (struct tasmota_module *m = tasmota_modules_next(t, NULL); m; m = tasmota_modules_next(t, m)) {
        tasmota_module_reach(m);
        tasmota_ask(m);
    }
}

static void down(struct dialect *self, const char *why)
{
    struct tasmota *t = (struct tasmota *)self;
    (void)why;
    asking_end_all(t->asking);
    for (struct tasmota_module *m = tasmota_modules_next(t, NULL); m; m = tasmota_modules_next(t, m)) {
        m->reach = LIGHT_REACH_UNKNOWN; /* its LWT comes again, or it speaks */
    }
}

/* ---- asking ---- */

static void ask_state(void *user, struct ask *ask)
{
    struct tasmota *t = user;
    struct tasmota_module *module =
        (struct tasmota_module *)(void *)((char *)ask - offsetof(struct tasmota_module, ask));
    str_clear(&t->topic);
    str_printf(&t->topic, "%sSTATE", module->cmnd);
    str_clear(&t->payload);
    (void)connection_publish(t->dialect.broker->connection, str_z(&t->topic), &t->payload, NULL);
}

/* One that listens a moment later, because it has only just come, is asked again. */
void tasmota_ask(struct tasmota_module *module)
{
    const struct tasmota *t = module->tasmota;
    if (t->dialect.broker->up && module->reach != LIGHT_REACH_OFFLINE && !module->displaced) {
        asking_begin(t->asking, &module->ask);
    }
}

/* ---- discovery ---- */

static bool message(struct dialect *self, const char *topic, const char *payload, size_t len)
{
    struct tasmota *t = (struct tasmota *)self;
    char mac[TASMOTA_MAC];
    const char *why = NULL;
    if (!tasmota_read_topic(self->topic, topic, mac)) {
        return false;
    }
    struct tasmota_module *module = tasmota_modules_find(t, mac);
    if (len > 0 && tasmota_read_config(payload, len, mac, t->scratch, &why) != 0) {
        driver_garbage(self->broker->driver, topic, why); /* its lamps stay as they are */
    } else if (len > 0 && t->scratch->make.count > 0) {
        tasmota_module_take(t, t->scratch);
    } else if (module) { /* SetOption19, or nothing that shines any more */
        tasmota_module_withdraw(module);
    }
    return true;
}

/* ---- what a module says ---- */

static void reach(struct tasmota_module *module, enum light_reach now)
{
    module->reach = (uint8_t)now;
    tasmota_module_reach(module);
}

static void take_lwt(struct tasmota_module *module, const char *topic, const char *payload, size_t len)
{
    bool online;
    if (len == 0) {
        return; /* a retained one was cleared */
    }
    if (tasmota_read_online(payload, len, module->make, &online) != 0) {
        driver_garbage(module->tasmota->dialect.broker->driver, topic, "neither of the module's words for its LWT");
        return;
    }
    if (!module->tells) {
        module->tells = true;
        tasmota_module_announce_all(module);
    }
    reach(module, online ? LIGHT_REACH_ONLINE : LIGHT_REACH_OFFLINE);
    if (online) {
        tasmota_ask(module); /* after a reconnect it says nothing of its state by itself */
        if (module->contested) {
            tasmota_module_ask_who(module);
        }
        return;
    }
    asking_end(module->tasmota->asking, &module->ask);
    for (size_t i = 0; i < module->make->count; i++) {
        pending_end(&module->slots[i]->way, ERR_OFFLINE, "the module has lost its connection");
    }
}

/* Is it all that can be said of the module's lights? An answer to one command often is not. */
static bool is_whole(const struct tasmota_make *make, const struct light_state *patches)
{
    for (size_t i = 0; i < make->count; i++) {
        uint32_t needed = LIGHT_ON | (patches[i].on ? make->lamps[i].profile.can & LIGHT_LEVEL : 0);
        if ((patches[i].has & needed) != needed) {
            return false;
        }
    }
    return true;
}

static void take_state(struct tasmota_module *module, enum tasmota_word what, const char *topic, const char *payload,
                       size_t len)
{
    struct light_state patches[TASMOTA_MAX_LAMPS];
    /* Beside the JSON on the same topic, POWER is told as a mere word, too. */
    if (len == 0 || (what == TASMOTA_ANSWER && module->make->by_command && payload[0] != '{')) {
        return;
    }
    int err = tasmota_read_state(payload, len, module->make, patches);
    if (err != 0) {
        driver_garbage(module->tasmota->dialect.broker->driver, topic,
                       err == ERR_TOO_LARGE ? "a state longer than 64 kB" : "a state that is no JSON object");
        return;
    }
    if (is_whole(module->make, patches)) {
        asking_end(module->tasmota->asking, &module->ask);
    }
    bool said = false;
    for (size_t i = 0; i < module->make->count; i++) {
        said = said || patches[i].has != 0;
        if (module->slots[i]->way.light && patches[i].has != 0) {
            pending_report(&module->slots[i]->way, &patches[i]);
        }
    }
    if (said && module->reach == LIGHT_REACH_UNKNOWN) {
        reach(module, LIGHT_REACH_ONLINE); /* SetOption104: its LWT is not retained */
    }
}

static void heard(struct dialect *self, struct listener *listener, const char *payload, size_t len)
{
    struct tasmota_module *module = ((struct tasmota_ear *)listener)->module;
    (void)self;
    if (listener->what == TASMOTA_NETWORK) {
        tasmota_module_identify(module, payload, len);
    } else if (listener->what == TASMOTA_LWT) {
        take_lwt(module, topics_name(listener), payload, len);
    } else {
        take_state(module, (enum tasmota_word)listener->what, topics_name(listener), payload, len);
    }
}

/* ---- from the hub ---- */

static void attach(struct way *way)
{
    struct tasmota_module *module = ((struct tasmota_slot *)way)->module;
    way_reaches(way, (enum light_reach)module->reach);
    tasmota_ask(module);
}

static void refresh(struct way *way)
{
    tasmota_ask(((struct tasmota_slot *)way)->module);
}

static void apply(struct way *way, struct request_id request, const struct light_state *patch, uint32_t transition_ms)
{
    struct tasmota *t = tasmota_of(way);
    const struct tasmota_slot *slot = (const struct tasmota_slot *)way;
    const struct tasmota_module *module = slot->module;
    const struct tasmota_lamp *lamp = &module->make->lamps[slot->place];
    struct str verb = STR_INIT;
    if (module->displaced) {
        request_done(t->dialect.broker->driver, request, ERR_OFFLINE, BASIS_REPORTED, "another module has its topic");
        return;
    }
    unsigned speed = tasmota_speed(module->make, lamp, &way->known, patch, transition_ms);
    tasmota_write_command(&verb, &t->payload, module->make, lamp, patch, speed);
    str_clear(&t->topic);
    str_printf(&t->topic, "%s%s", module->cmnd, str_z(&verb));
    str_done(&verb);
    pending_send(way, request, str_z(&t->topic), &t->payload, patch, speed > 0 ? transition_ms : 0);
}

static bool status(const struct dialect *self, struct str *s)
{
    const struct tasmota *t = (const struct tasmota *)self;
    size_t lights = 0;
    for (struct tasmota_module *m = tasmota_modules_next(t, NULL); m; m = tasmota_modules_next(t, m)) {
        for (size_t i = 0; i < m->make->count; i++) {
            lights += m->slots[i]->way.light != NULL;
        }
    }
    if (lights > 0) {
        str_printf(s, "tasmota, %zu light%s", lights, lights == 1 ? "" : "s");
    }
    return true;
}

static int start(struct dialect *self)
{
    struct tasmota *t = (struct tasmota *)self;
    if (!topics_good(self->topic)) {
        log_error(driver_name(self->broker->driver),
                  "Tasmota's discovery topic %s: no empty text, no wildcard and no control byte can be in it",
                  self->topic);
        return ERR_INVALID;
    }
    t->scratch = mem_alloc(sizeof *t->scratch);
    t->asking = asking_new(self->broker->loop, ask_state, t);
    return 0;
}

static void stop(struct dialect *self)
{
    struct tasmota *t = (struct tasmota *)self;
    tasmota_module_stop(t);
    asking_free(t->asking);
    free(t->scratch);
    str_done(&t->topic);
    str_done(&t->payload);
}

const struct dialect_ops tasmota_dialect = {
    .name = "tasmota",
    .size = sizeof(struct tasmota),
    .rank = WAY_NATIVE,
    .tolerance = &tasmota_tolerance,
    .start = start,
    .stop = stop,
    .up = up,
    .down = down,
    .heard = heard,
    .message = message,
    .attach = attach,
    .apply = apply,
    .refresh = refresh,
    .announce = tasmota_module_announce,
    .status = status,
};
