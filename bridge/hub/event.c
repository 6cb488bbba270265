/* Reports of lamps, and the events they make: delivered from the deferred phase, in order, by value. */
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "hub/hub_internal.h"

/* How long after a transition's end its last report may still come: a mesh is slow. */
#define HOLD_GRACE_MS 1500u

struct hub_listener {
    struct hub_listener *next;
    struct hub *hub;
    hub_event_fn *fn; /* NULL: unlistened, to be freed */
    void *user;
};

void event_add(struct light *light, enum hub_event_kind kind, uint32_t changed)
{
    struct hub *hub = light->hub;
    bool queued = light->events != 0;
    uint32_t undone = kind == HUB_EVENT_LISTED ? HUB_EVENT_REMOVED : kind == HUB_EVENT_REMOVED ? HUB_EVENT_LISTED : 32;
    light->events |= 1u << kind;
    if (undone < 32) {
        light->events &= ~(1u << undone); /* the later one is the truth */
    }
    light->changed |= changed;
    if (!queued) {
        light->next_event = NULL;
        *(hub->last_event ? &hub->last_event->next_event : &hub->first_event) = light;
        hub->last_event = light;
        defer_call(hub->deliver);
    }
}

static void tell(struct hub *hub, const struct hub_event *event)
{
    hub->stats.events++;
    for (struct hub_listener *l = hub->listeners; l; l = l->next) {
        if (l->fn) {
            l->fn(l->user, event);
        }
    }
}

void event_deliver(void *user)
{
    /* A light that came or went is told before what it says; a failure last. */
    static const enum hub_event_kind order[] = {HUB_EVENT_LISTED, HUB_EVENT_REMOVED, HUB_EVENT_REACH, HUB_EVENT_STATE,
                                                HUB_EVENT_FAILED};
    struct hub *hub = user;
    struct light *light;
    hub->delivering = true;
    command_deliver(hub);
    while ((light = hub->first_event)) {
        uint32_t events = light->events;
        struct hub_event event = {
            .light = light, .changed = light->changed, .state = light->reported, .reach = light->reach};
        hub->first_event = light->next_event;
        if (!hub->first_event) {
            hub->last_event = NULL;
        }
        light->events = 0;
        light->changed = 0;
        for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
            if (events & (1u << order[i])) {
                event.kind = order[i];
                tell(hub, &event);
            }
        }
    }
    hub->delivering = false;
    for (struct hub_listener **l = &hub->listeners; *l;) {
        struct hub_listener *gone = *l;
        if (gone->fn) {
            l = &gone->next;
        } else {
            *l = gone->next;
            free(gone);
        }
    }
}

struct hub_listener *hub_listen(struct hub *hub, hub_event_fn *fn, void *user)
{
    struct hub_listener *l = mem_alloc(sizeof *l);
    struct hub_listener **at = &hub->listeners;
    *l = (struct hub_listener){NULL, hub, fn, user};
    while (*at) {
        at = &(*at)->next;
    }
    *at = l;
    return l;
}

void hub_unlisten(struct hub_listener *listener)
{
    if (!listener) {
        return;
    }
    listener->fn = NULL;
    if (!listener->hub->delivering) {
        struct hub_listener **at = &listener->hub->listeners;
        while (*at != listener) {
            at = &(*at)->next;
        }
        *at = listener->next;
        free(listener);
    }
}

void event_reach(struct light *light, enum light_reach reach)
{
    if (light->reach != reach) {
        light->reach = reach;
        event_add(light, HUB_EVENT_REACH, 0);
    }
    if (reach == LIGHT_REACH_ONLINE) {
        light->unanswered = 0;
    }
}

/* ---- transitions ---- */

static void arm_holds(struct hub *hub, uint64_t due)
{
    uint64_t now = loop_now(hub->loop);
    if (!timer_active(hub->holds) || due < hub->holds_due) {
        hub->holds_due = due;
        timer_start(hub->holds, due > now ? due - now : 0);
    }
}

void event_hold(struct light *light, uint32_t transition_ms)
{
    struct hub *hub = light->hub;
    if (transition_ms == 0 && light->hold_until == 0) {
        return;
    }
    if (light->hold_until == 0) {
        light->next_hold = hub->first_hold;
        hub->first_hold = light;
    }
    /* A command without a transition ends one that runs. */
    light->hold_until = loop_now(hub->loop) + (transition_ms > 0 ? transition_ms + HOLD_GRACE_MS : 0);
    arm_holds(hub, light->hold_until);
}

void event_hold_end(struct light *light)
{
    if (light->hold_until != 0) {
        light->hold_until = loop_now(light->hub->loop);
        arm_holds(light->hub, light->hold_until);
    }
}

void event_holds_due(void *user)
{
    struct hub *hub = user;
    uint64_t now = loop_now(hub->loop);
    uint64_t due = UINT64_MAX;
    for (struct light **at = &hub->first_hold; *at;) {
        struct light *light = *at;
        if (light->hold_until > now) {
            due = light->hold_until < due ? light->hold_until : due;
            at = &light->next_hold;
            continue;
        }
        *at = light->next_hold;
        light->hold_until = 0;
        if (light->held != 0 && !light->removed) {
            event_add(light, HUB_EVENT_STATE, light->held);
        }
        light->held = 0;
    }
    if (due != UINT64_MAX) {
        arm_holds(hub, due);
    }
}

void event_changed(struct light *light, uint32_t changed)
{
    if (changed == 0) {
        return;
    }
    keep_state(light);
    /* A switch at the wall is no step of a fade: on and off are told at once. */
    if (light->hold_until > loop_now(light->hub->loop) && !(changed & LIGHT_ON)) {
        light->held |= changed;
        return;
    }
    event_add(light, HUB_EVENT_STATE, changed);
}

/* ---- what drivers say ---- */

void driver_report(struct driver_light *driver_light, const struct light_state *report)
{
    struct light *light = (struct light *)(void *)driver_light;
    struct light_state state = *report;
    light->hub->stats.reports++;
    light_clamp(&state, &light->profile);
    if (light->heard_at == 0) {
        keep_state(light);
    }
    light->heard_at = loop_wall_ms();
    if (!light->has_availability || light->reach != LIGHT_REACH_OFFLINE) {
        event_reach(light, LIGHT_REACH_ONLINE);
    }
    event_changed(light, light_merge(&light->reported, &state));
}

void driver_reachable(struct driver_light *driver_light, enum light_reach reach)
{
    event_reach((struct light *)(void *)driver_light, reach);
}
