#include "mqtt/pending.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "mqtt/dialect.h"

/* A command that waits for the lamp. */
struct pending {
    struct pending *next;
    struct request_id request;
    struct light_state patch, before; /* as asked; as it was then */
    struct light_state seen;          /* all that it said since */
    bool fades;                       /* its acceptance is the answer */
    bool assumes;                     /* it has more than the lamp will ever say */
};

/* One that waits for the broker. */
struct pending_ack {
    int mid;
    struct request_id request;
};

/* ---- commands that wait for the lamp ---- */

static void add(struct way *way, struct request_id request, const struct light_state *patch, bool fades)
{
    struct pendings *all = &way->dialect->broker->pendings;
    struct pending *p = all->spare;
    if (p) {
        all->spare = p->next;
    } else {
        p = mem_alloc(sizeof *p);
    }
    *p = (struct pending){.request = request,
                          .patch = *patch,
                          .before = way->known,
                          .fades = fades,
                          .assumes = (patch->has & way->silent) != 0};
    p->patch.has &= ~way->silent;
    *(way->last ? &way->last->next : &way->first) = p;
    way->last = p;
}

/* Takes out the one behind `before` (NULL: the first). */
static struct request_id take(struct way *way, struct pending *before)
{
    struct pendings *all = &way->dialect->broker->pendings;
    struct pending **at = before ? &before->next : &way->first;
    struct pending *p = *at;
    struct request_id request = p->request;
    *at = p->next;
    if (way->last == p) {
        way->last = before;
    }
    p->next = all->spare;
    all->spare = p;
    return request;
}

void pending_end(struct way *way, int result, const char *why)
{
    while (way->first) {
        struct request_id request = take(way, NULL);
        request_done(way->dialect->broker->driver, request, result, BASIS_REPORTED, why);
    }
}

void pending_cancel(struct way *way, struct request_id request)
{
    struct pending *before = NULL;
    for (struct pending *p = way->first; p; before = p, p = p->next) {
        if (p->request.slot == request.slot && p->request.generation == request.generation) {
            (void)take(way, before);
            return;
        }
    }
}

bool pending_fail(struct way *way, uint32_t members, int result, const char *why)
{
    struct pending *before = NULL;
    for (struct pending *p = way->first; p; before = p, p = p->next) {
        if (members == 0 || (p->patch.has & members)) {
            struct request_id request = take(way, before);
            request_done(way->dialect->broker->driver, request, result, BASIS_REPORTED, why);
            return true;
        }
    }
    return false;
}

/* ---- reports ---- */

static bool between(uint16_t from, uint16_t at, uint16_t to)
{
    return from < to ? from < at && at <= to : from > to && to <= at && at < from;
}

/* Has it left where it was, on the way to where it was sent? */
static bool under_way(const struct pending *p)
{
    const struct light_state *now = &p->seen;
    if ((p->patch.has & LIGHT_ON) && (!(now->has & LIGHT_ON) || now->on != p->patch.on)) {
        return false;
    }
    uint16_t level = p->before.on ? p->before.level : 0;
    if ((p->patch.has & LIGHT_LEVEL) && (now->has & LIGHT_LEVEL) && (p->before.has & LIGHT_LEVEL)) {
        return between(level, now->level, p->patch.level);
    }
    return (p->patch.has & LIGHT_KELVIN) && (now->has & LIGHT_KELVIN) && (p->before.has & LIGHT_KELVIN) &&
           between(p->before.kelvin, now->kelvin, p->patch.kelvin);
}

static void answer(struct way *way, const struct light_state *report)
{
    size_t answered = 0;
    size_t index = 1;
    for (struct pending *p = way->first; p; p = p->next, index++) {
        (void)light_merge(&p->seen, report);
        if (light_confirms(&p->patch, &p->seen, way->dialect->ops->tolerance) || (p->fades && under_way(p))) {
            answered = index;
        }
    }
    for (; answered > 0; answered--) {
        enum basis basis = way->first->assumes ? BASIS_ASSUMED : way->first->fades ? BASIS_ACCEPTED : BASIS_REPORTED;
        struct request_id request = take(way, NULL);
        request_done(way->dialect->broker->driver, request, 0, basis, NULL);
    }
}

void pending_report(struct way *way, const struct light_state *report)
{
    (void)light_merge(&way->known, report);
    driver_report(way->light, report);
    if (way->first) {
        answer(way, report);
    }
}

/* ---- the broker's word ---- */

static struct pending_ack *ack_at(const struct pendings *all, size_t index)
{
    return &all->acks[(all->ack_first + index) % all->ack_cap];
}

static void ack_add(struct pendings *all, int mid, struct request_id request)
{
    if (all->ack_count == all->ack_cap) {
        size_t cap = all->ack_cap > 0 ? 2 * all->ack_cap : 16;
        struct pending_ack *acks = mem_array(cap, sizeof *acks);
        for (size_t i = 0; i < all->ack_count; i++) {
            acks[i] = *ack_at(all, i);
        }
        free(all->acks);
        all->acks = acks;
        all->ack_cap = cap;
        all->ack_first = 0;
    }
    *ack_at(all, all->ack_count++) = (struct pending_ack){mid, request};
}

static void ack_drop_first(struct pendings *all)
{
    all->ack_first = (all->ack_first + 1) % all->ack_cap;
    all->ack_count--;
}

void pending_acknowledged(struct broker *broker, int mid)
{
    struct pendings *all = &broker->pendings;
    for (size_t i = 0; i < all->ack_count; i++) { /* brokers answer in order: it is the first */
        struct pending_ack *ack = ack_at(all, i);
        if (ack->mid == mid) {
            struct request_id request = ack->request;
            *ack = *ack_at(all, 0);
            ack_drop_first(all);
            request_done(broker->driver, request, 0, BASIS_ACCEPTED, NULL);
            return;
        }
    }
}

void pending_end_acks(struct broker *broker, const char *why)
{
    struct pendings *all = &broker->pendings;
    while (all->ack_count > 0) {
        struct request_id request = ack_at(all, 0)->request;
        ack_drop_first(all);
        request_done(broker->driver, request, ERR_OFFLINE, BASIS_ACCEPTED, why);
    }
}

void pending_done(struct broker *broker)
{
    struct pendings *all = &broker->pendings;
    while (all->spare) {
        struct pending *p = all->spare;
        all->spare = p->next;
        free(p);
    }
    free(all->acks);
}

/* ---- sending ---- */

static bool publish(struct broker *broker, struct request_id request, const char *topic, const struct str *payload,
                    int *ret_mid)
{
    int err = connection_publish(broker->connection, topic, payload, ret_mid);
    if (err != 0) {
        request_done(broker->driver, request, err, BASIS_REPORTED,
                     err == ERR_OFFLINE ? "the broker is not there"
                     : err == ERR_BUSY  ? "the broker does not read what it is sent"
                                        : NULL);
    }
    return err == 0;
}

bool pending_publish(struct way *way, struct request_id request, const char *topic, const struct str *payload)
{
    return publish(way->dialect->broker, request, topic, payload, NULL);
}

void pending_send(struct way *way, struct request_id request, const char *topic, const struct str *payload,
                  const struct light_state *patch, uint32_t transition_ms)
{
    struct broker *broker = way->dialect->broker;
    int mid = 0;
    if (!publish(broker, request, topic, payload, broker->optimistic ? &mid : NULL)) {
        return;
    }
    struct light_state assumed = *patch;
    assumed.has &= way->silent;
    (void)light_merge(&way->known, &assumed);
    if (broker->optimistic) {
        ack_add(&broker->pendings, mid, request);
    } else if (assumed.has == patch->has) {
        request_done(broker->driver, request, 0, BASIS_ASSUMED, NULL);
    } else {
        add(way, request, patch, transition_ms > 0);
    }
}
