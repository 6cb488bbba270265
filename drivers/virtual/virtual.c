#include "virtual/virtual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define PENDING_MAX 32u /* commands to one lamp that wait for its word */

/* What an echo may differ by and still be the echo: these lamps do not round. */
static const struct light_tolerance tolerance = {0, 0, 0, 0};

/* An instance. */
struct virtual
{
    struct driver *driver;
    struct lamps *lamps;
    bool own; /* the lamps are ours */
    bool connected;
    struct driver_light **lights; /* by lamp; NULL: not announced */
};

/* A light, as we see it. */
struct virtual_light {
    size_t lamp;
    size_t count; /* of those pending, in their order */
    struct {
        struct request_id request;
        struct light_state patch;
        bool fades; /* its acceptance is the answer */
    } pending[PENDING_MAX];
};

/* Completes the first `count` pending commands. They leave the list before the hub is told. */
static void complete(struct virtual *v, struct virtual_light *l, size_t count, int result, enum basis basis,
                     const char *why)
{
    struct request_id requests[PENDING_MAX];
    for (size_t i = 0; i < count; i++) {
        requests[i] = l->pending[i].request;
    }
    l->count -= count;
    memmove(&l->pending[0], &l->pending[count], l->count * sizeof l->pending[0]);
    for (size_t i = 0; i < count; i++) {
        request_done(v->driver, requests[i], result, basis, why);
    }
}

/* ---- from the lamps ---- */

/* A report is told as it came; then it answers what it confirms, and what was asked before that: the newest counts.
   What matches nothing is a report and no answer: lamps repeat their old state when they like. */
static void take_state(struct virtual *v, struct driver_light *light, const struct light_state *state)
{
    struct virtual_light *l = driver_light_self(light);
    driver_report(light, state);
    for (size_t i = l->count; i > 0; i--) {
        if (!l->pending[i - 1].fades && light_confirms(&l->pending[i - 1].patch, state, &tolerance)) {
            complete(v, l, i, 0, BASIS_REPORTED, NULL);
            return;
        }
    }
}

static void take_acceptance(struct virtual *v, struct driver_light *light, uint64_t cookie)
{
    struct virtual_light *l = driver_light_self(light);
    for (size_t i = 0; i < l->count; i++) {
        const struct request_id *r = &l->pending[i].request;
        if (l->pending[i].fades && cookie == ((uint64_t)r->slot << 32 | r->generation)) {
            complete(v, l, i + 1, 0, BASIS_ACCEPTED, NULL);
            return;
        }
    }
}

static void announce(struct virtual *v, size_t lamp)
{
    const struct lamp_shape *shape = lamps_shape(v->lamps, lamp);
    char address[32];
    char name[48];
    (void)snprintf(address, sizeof address, "lamp/%zu", lamp + 1);
    (void)snprintf(name, sizeof name, "Virtual %zu (%s)", lamp + 1, shape->model);
    (void)driver_announce(v->driver, &(struct driver_announcement){
                                         .address = address,
                                         .name = name,
                                         .manufacturer = "lightbridge",
                                         .model = shape->model,
                                         .where = "in memory",
                                         .profile = shape->profile,
                                         .has_availability = !shape->plain,
                                     });
}

static void discover(void *self)
{
    struct virtual *v = self;
    for (size_t i = 0; i < lamps_count(v->lamps); i++) {
        if (lamps_joined(v->lamps, i)) {
            announce(v, i);
        }
    }
}

static void take_reach(struct virtual *v, struct driver_light *light)
{
    struct virtual_light *l = driver_light_self(light);
    bool plain = lamps_shape(v->lamps, l->lamp)->plain;
    driver_reachable(light, !v->connected                     ? LIGHT_REACH_OFFLINE
                            : plain                           ? LIGHT_REACH_UNKNOWN
                            : lamps_online(v->lamps, l->lamp) ? LIGHT_REACH_ONLINE
                                                              : LIGHT_REACH_OFFLINE);
}

static void lost(struct virtual *v)
{
    v->connected = false;
    for (struct driver_light *light = NULL; (light = driver_next_light(v->driver, light));) {
        struct virtual_light *l = driver_light_self(light);
        complete(v, l, l->count, ERR_OFFLINE, BASIS_REPORTED, "the wire was cut before it answered");
        take_reach(v, light);
    }
}

static void found(struct virtual *v)
{
    v->connected = true;
    for (struct driver_light *light = NULL; (light = driver_next_light(v->driver, light));) {
        take_reach(v, light);
        lamps_ask(v->lamps, ((struct virtual_light *)driver_light_self(light))->lamp);
    }
    discover(v); /* those we knew are announced again, which is free */
}

static void take_message(void *user, const struct lamp_message *m)
{
    struct virtual *v = user;
    struct driver_light *light = v->lights[m->lamp];
    char from[32];
    switch (m->says) {
    case LAMP_SAYS_HERE:
        found(v);
        return;
    case LAMP_SAYS_GONE:
        lost(v);
        return;
    case LAMP_SAYS_JOINED:
        announce(v, m->lamp);
        return;
    case LAMP_SAYS_LEFT:
        if (light) {
            driver_withdraw(light);
        }
        return;
    case LAMP_SAYS_ONLINE:
    case LAMP_SAYS_OFFLINE:
        if (light) {
            driver_reachable(light, m->says == LAMP_SAYS_ONLINE ? LIGHT_REACH_ONLINE : LIGHT_REACH_OFFLINE);
        }
        return;
    case LAMP_SAYS_ACCEPTED:
        if (light) {
            take_acceptance(v, light, m->cookie);
        }
        return;
    case LAMP_SAYS_STATE:
        if (light) {
            take_state(v, light, &m->state);
        }
        return;
    case LAMP_SAYS_NONSENSE:
        break;
    }
    (void)snprintf(from, sizeof from, "lamp/%zu", m->lamp + 1);
    driver_garbage(v->driver, from, "no such message");
}

/* ---- from the hub ---- */

static int start(struct driver *driver, void *self, const void *config)
{
    const struct virtual_config *c = config;
    struct virtual *v = self;
    v->driver = driver;
    v->own = c->lamps == NULL;
    v->lamps = v->own ? lamps_new(driver_loop(driver), c->lights, 0, 0) : c->lamps;
    v->lights = mem_array(lamps_count(v->lamps) + 1, sizeof(struct driver_light *));
    lamps_listen(v->lamps, take_message, v);
    return 0;
}

static void stop(struct driver *driver, void *self)
{
    struct virtual *v = self;
    (void)driver;
    lamps_listen(v->lamps, NULL, NULL);
    if (v->own) {
        lamps_free(v->lamps);
    }
    free(v->lights);
}

static void attach(void *self, struct driver_light *light, void *light_self)
{
    struct virtual *v = self;
    struct virtual_light *l = light_self;
    l->lamp = strtoul(driver_light_address(light) + strlen("lamp/"), NULL, 10) - 1; /* we wrote it, in announce */
    v->lights[l->lamp] = light;
    take_reach(v, light);
    lamps_ask(v->lamps, l->lamp);
}

static void detach(void *self, struct driver_light *light, void *light_self)
{
    struct virtual *v = self;
    const struct virtual_light *l = light_self;
    (void)light;
    v->lights[l->lamp] = NULL;
}

static void apply(void *self, struct driver_light *light, void *light_self, struct request_id request,
                  const struct light_state *patch, uint32_t transition_ms)
{
    struct virtual *v = self;
    struct virtual_light *l = light_self;
    bool optimistic = lamps_shape(v->lamps, l->lamp)->optimistic;
    (void)light;
    if (!v->connected) {
        request_done(v->driver, request, ERR_OFFLINE, BASIS_REPORTED, "the wire to it is cut");
        return;
    }
    if (l->count == PENDING_MAX) {
        request_done(v->driver, request, ERR_BUSY, BASIS_REPORTED, "too many commands wait for this lamp");
        return;
    }
    if (!optimistic) {
        l->pending[l->count].request = request;
        l->pending[l->count].patch = *patch;
        l->pending[l->count++].fades = transition_ms > 0;
    }
    lamps_command(v->lamps, l->lamp, (uint64_t)request.slot << 32 | request.generation, patch, transition_ms);
    if (optimistic) {
        request_done(v->driver, request, 0, BASIS_ASSUMED, NULL);
    }
}

static void refresh(void *self, struct driver_light *light, void *light_self)
{
    struct virtual *v = self;
    const struct virtual_light *l = light_self;
    (void)light;
    lamps_ask(v->lamps, l->lamp);
}

static void cancel(void *self, struct driver_light *light, void *light_self, struct request_id request)
{
    struct virtual_light *l = light_self;
    (void)self;
    (void)light;
    for (size_t i = 0; i < l->count; i++) {
        if (l->pending[i].request.slot == request.slot && l->pending[i].request.generation == request.generation) {
            l->count--;
            memmove(&l->pending[i], &l->pending[i + 1], (l->count - i) * sizeof l->pending[0]);
            return;
        }
    }
}

static bool status(void *self, struct str *s)
{
    const struct virtual *v = self;
    str_printf(s, "%zu lamps in memory%s", lamps_count(v->lamps), v->connected ? "" : ", the wire is cut");
    return v->connected;
}

const struct driver_ops virtual_driver = {
    .kind = "virtual",
    .driver_size = sizeof(struct virtual),
    .light_size = sizeof(struct virtual_light),
    .start = start,
    .stop = stop,
    .attach = attach,
    .detach = detach,
    .apply = apply,
    .refresh = refresh,
    .cancel = cancel,
    .discover = discover,
    .status = status,
};
