#include "smartthings/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void outbox_init(struct outbox *o, uint64_t window_ms)
{
    *o = (struct outbox){.window_ms = window_ms, .states_at = OUTBOX_NEVER, .discovery_at = OUTBOX_NEVER};
}

void outbox_done(struct outbox *o)
{
    free(o->lights);
    free(o->queue);
    *o = (struct outbox){.states_at = OUTBOX_NEVER, .discovery_at = OUTBOX_NEVER};
}

void outbox_grow(struct outbox *o, size_t lights)
{
    if (lights > o->known) {
        o->known = lights;
    }
    if (lights <= o->count) {
        return;
    }
    size_t count = o->count;
    while (count < lights) {
        count = count < 16 ? 16 : count * 2;
    }
    uint32_t *queue = mem_array(count, sizeof queue[0]);
    for (size_t i = 0; i < o->queued; i++) {
        queue[i] = o->queue[(o->head + i) % o->count];
    }
    free(o->queue);
    o->queue = queue;
    o->head = 0;
    o->lights = mem_grow(o->lights, count, sizeof o->lights[0]);
    memset(&o->lights[o->count], 0, (count - o->count) * sizeof o->lights[0]);
    o->count = count;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void enqueue(struct outbox *o, uint32_t light)
{
    if (!o->lights[light].queued) {
        o->lights[light].queued = true;
        o->queue[(o->head + o->queued++) % o->count] = light;
    }
}

static void enqueue_first(struct outbox *o, uint32_t light)
{
    if (!o->lights[light].queued) {
        o->lights[light].queued = true;
        o->head = (o->head + o->count - 1) % o->count;
        o->queue[o->head] = light;
        o->queued++;
    }
}

static uint32_t dequeue(struct outbox *o)
{
    uint32_t light = o->queue[o->head];
    o->head = (o->head + 1) % o->count;
    o->queued--;
    o->lights[light].queued = false;
    return light;
}

static bool speakable(const struct outbox_light *l)
{
    return l->held == 0 && !l->unlisted && !l->in_flight;
}

void outbox_touch(struct outbox *o, uint32_t light, uint64_t now)
{
    outbox_grow(o, (size_t)light + 1);
    enqueue(o, light);
    if (speakable(&o->lights[light])) {
        o->states_at = earlier(o->states_at, now + o->window_ms);
    }
}

void outbox_list(struct outbox *o, uint32_t light, bool is_new, uint64_t now)
{
    outbox_grow(o, (size_t)light + 1);
    if (is_new) {
        o->lights[light] = (struct outbox_light){.unlisted = true,
                                                 .queued = o->lights[light].queued,
                                                 .in_flight = o->lights[light].in_flight,
                                                 .held = o->lights[light].held,
                                                 .crossed = o->lights[light].in_flight};
        enqueue(o, light);
    }
    o->discovery_at = earlier(o->discovery_at, now + o->window_ms * OUTBOX_SETTLE);
}

/* said += view; where the mode changed, what was said of the other mode no longer counts. */
static void remember(struct outbox_light *l, const struct light_state *state, uint8_t health)
{
    if (health == OUTBOX_GONE) {
        l->said = (struct light_state){0};
    } else {
        light_merge(&l->said, state);
        if (l->said.has & LIGHT_MODE) {
            l->said.has &= l->said.mode == LIGHT_MODE_COLOR ? ~(uint32_t)LIGHT_KELVIN : ~(uint32_t)LIGHT_COLOR;
        }
    }
    l->said_health = health;
}

/* A light that was said to be gone stays so: nobody is told of every tombstone at each resync. */
static void forget(struct outbox_light *l)
{
    l->said = (struct light_state){0};
    l->said_health = l->said_health == OUTBOX_GONE ? OUTBOX_GONE : OUTBOX_UNKNOWN;
}

void outbox_said(struct outbox *o, uint32_t light, const struct outbox_view *view, uint64_t now)
{
    outbox_grow(o, (size_t)light + 1);
    struct outbox_light *l = &o->lights[light];
    if (l->in_flight) {
        /* The POST may arrive after this answer: whatever is last over there, the newest is said once more. */
        l->crossed = true;
        outbox_touch(o, light, now);
        return;
    }
    remember(l, &view->state, (uint8_t)view->health);
}

static void now_listed(struct outbox *o, uint32_t light, uint64_t now)
{
    o->lights[light].unlisted = o->lights[light].listing = false;
    outbox_touch(o, light, now);
}

void outbox_listed(struct outbox *o, uint64_t now)
{
    for (size_t i = 0; i < o->count; i++) {
        if (o->lights[i].unlisted) {
            now_listed(o, (uint32_t)i, now);
        }
    }
    o->discovery_at = OUTBOX_NEVER;
}

void outbox_hold(struct outbox *o, uint32_t light)
{
    outbox_grow(o, (size_t)light + 1);
    o->lights[light].held++;
}

void outbox_release(struct outbox *o, uint32_t light, uint64_t now)
{
    struct outbox_light *l = &o->lights[light];
    if (l->held > 0 && --l->held == 0 && l->queued) {
        outbox_touch(o, light, now);
    }
}

void outbox_resync(struct outbox *o, uint64_t now)
{
    for (size_t i = 0; i < o->known; i++) {
        o->lights[i].crossed = o->lights[i].in_flight;
        forget(&o->lights[i]);
        enqueue(o, (uint32_t)i);
    }
    if (o->known > 0) {
        o->states_at = earlier(o->states_at, now + o->window_ms * OUTBOX_SETTLE);
    }
}

uint64_t outbox_next(const struct outbox *o)
{
    uint64_t at = earlier(o->states_at, o->discovery_at);
    if (o->posting || at == OUTBOX_NEVER) {
        return OUTBOX_NEVER;
    }
    return at > o->not_before ? at : o->not_before;
}

static bool differs(const struct light_state *a, const struct light_state *b, uint32_t member)
{
    switch (member) {
    case LIGHT_ON:
        return a->on != b->on;
    case LIGHT_LEVEL:
        return a->level != b->level;
    case LIGHT_KELVIN:
        return a->kelvin != b->kelvin;
    case LIGHT_HUE:
        return a->hue != b->hue;
    case LIGHT_SATURATION:
        return a->saturation != b->saturation;
    default:
        return a->mode != b->mode;
    }
}

/* The members of `view` that are to be said. A change of mode says all that is visible in the new one. */
static uint32_t news(const struct outbox_light *l, const struct outbox_view *view)
{
    uint32_t mask = 0;
    for (uint32_t m = LIGHT_ON; m <= LIGHT_MODE; m <<= 1) {
        if ((view->state.has & m) && (!(l->said.has & m) || differs(&l->said, &view->state, m))) {
            mask |= m;
        }
    }
    if (mask & LIGHT_MODE) {
        mask |= view->state.has & (LIGHT_KELVIN | LIGHT_COLOR);
    }
    return mask;
}

static bool take(struct outbox *o, uint32_t light, const struct outbox_view *view, struct outbox_item *ret_item)
{
    struct outbox_light *l = &o->lights[light];
    uint32_t mask = news(l, view);
    if (view->health == OUTBOX_GONE ? l->said_health == OUTBOX_GONE : mask == 0 && l->said_health == view->health) {
        return false;
    }
    *ret_item = (struct outbox_item){light, view->state, view->health};
    ret_item->state.has = mask;
    l->in_flight = true;
    l->crossed = false;
    l->sent = ret_item->state;
    l->sent_health = (uint8_t)view->health;
    return true;
}

static size_t collect_states(struct outbox *o, outbox_look_fn *look, void *user, struct outbox_item *items)
{
    size_t taken = 0, left = o->queued;
    bool more = false;
    for (; left > 0; left--) {
        uint32_t light = dequeue(o);
        if (taken == OUTBOX_BATCH || !speakable(&o->lights[light])) {
            more = more || speakable(&o->lights[light]);
            enqueue(o, light);
            continue;
        }
        struct outbox_view view = {0};
        look(user, light, &view);
        if (take(o, light, &view, &items[taken])) {
            taken++;
        }
    }
    if (!more) {
        o->states_at = OUTBOX_NEVER;
    }
    return taken;
}

enum outbox_kind outbox_collect(struct outbox *o, uint64_t now, outbox_look_fn *look, void *user,
                                struct outbox_item *items, size_t *ret_count)
{
    if (o->posting || now < o->not_before) {
        return OUTBOX_NOTHING;
    }
    if (o->discovery_at <= now) {
        o->discovery_at = OUTBOX_NEVER;
        o->posting = o->posting_discovery = true;
        for (size_t i = 0; i < o->count; i++) {
            o->lights[i].listing = o->lights[i].unlisted;
        }
        return OUTBOX_DISCOVERY;
    }
    if (o->states_at > now) {
        return OUTBOX_NOTHING;
    }
    /* A batch whose lights all came back to what was said makes no POST; what lies behind it may. */
    size_t count;
    do {
        count = collect_states(o, look, user, items);
    } while (count == 0 && o->states_at != OUTBOX_NEVER);
    if (count == 0) {
        return OUTBOX_NOTHING;
    }
    o->posting = true;
    *ret_count = count;
    return OUTBOX_STATES;
}

/* Ends the POST for each of its lights: 1 taken, 0 unknown, -1 refused. */
static size_t settle(struct outbox *o, uint64_t now, int outcome)
{
    size_t lights = 0;
    for (size_t i = o->count; i-- > 0;) {
        struct outbox_light *l = &o->lights[i];
        if (!l->in_flight) {
            continue;
        }
        lights++;
        l->in_flight = false;
        if (outcome > 0 && !l->crossed) {
            remember(l, &l->sent, l->sent_health);
            if (l->queued) {
                outbox_touch(o, (uint32_t)i, now);
            }
            continue;
        }
        /* Not known to be taken: forget all that this POST said of it. */
        l->said.has &= ~l->sent.has;
        l->said_health = OUTBOX_UNKNOWN;
        if (l->crossed) {
            forget(l);
        }
        if (outcome == 0) {
            enqueue_first(o, (uint32_t)i);
            o->states_at = earlier(o->states_at, now);
        } else if (l->crossed || l->queued) {
            outbox_touch(o, (uint32_t)i, now);
        }
        l->crossed = false;
    }
    o->posting = o->posting_discovery = false;
    return lights;
}

void outbox_delivered(struct outbox *o, uint64_t now)
{
    bool discovery = o->posting_discovery;
    settle(o, now, 1);
    o->not_before = 0;
    for (size_t i = 0; discovery && i < o->count; i++) {
        if (o->lights[i].listing) {
            now_listed(o, (uint32_t)i, now);
        }
    }
}

void outbox_returned(struct outbox *o, uint64_t now, uint64_t delay)
{
    if (o->posting_discovery) {
        o->discovery_at = earlier(o->discovery_at, now);
    }
    settle(o, now, 0);
    o->not_before = now + delay;
}

size_t outbox_dropped(struct outbox *o, uint64_t now)
{
    return settle(o, now, -1);
}
