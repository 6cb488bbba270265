/* Commands and their answers. The lamp's own report is the answer; with a transition its first move is. In the
   optimistic setting the broker's PUBACK is. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "mqtt/z2m_internal.h"

/* ---- commands that wait for the lamp ---- */

static void pending_add(struct z2m *z, struct z2m_light *self, struct request_id request,
                        const struct light_state *patch, bool fades)
{
    struct z2m_pending *p = z->free_pending;
    if (p) {
        z->free_pending = p->next;
    } else {
        p = mem_alloc(sizeof *p);
    }
    *p = (struct z2m_pending){.request = request, .patch = *patch, .before = self->known, .fades = fades};
    *(self->last ? &self->last->next : &self->first) = p;
    self->last = p;
}

/* Takes out the one behind `before` (NULL: the first). */
static struct request_id pending_take(struct z2m_light *self, struct z2m_pending *before)
{
    struct z2m_pending **at = before ? &before->next : &self->first;
    struct z2m_pending *p = *at;
    struct request_id request = p->request;
    *at = p->next;
    if (self->last == p) {
        self->last = before;
    }
    p->next = self->z2m->free_pending;
    self->z2m->free_pending = p;
    return request;
}

void z2m_command_end_light(struct z2m_light *self, int result, const char *why)
{
    while (self->first) {
        struct request_id request = pending_take(self, NULL);
        request_done(self->z2m->config.driver, request, result, BASIS_REPORTED, why);
    }
}

void z2m_cancel(struct z2m_light *self, struct request_id request)
{
    struct z2m_pending *before = NULL;
    for (struct z2m_pending *p = self->first; p; before = p, p = p->next) {
        if (p->request.slot == request.slot && p->request.generation == request.generation) {
            (void)pending_take(self, before);
            return;
        }
    }
}

/* ---- reports ---- */

static bool between(uint16_t from, uint16_t at, uint16_t to)
{
    return from < to ? from < at && at <= to : from > to && to <= at && at < from;
}

/* Has it left where it was, on the way to where it was sent? */
static bool under_way(const struct z2m_pending *p)
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

/* The newest command that the report answers takes the older ones along: the newest counts. */
static void answer(struct z2m *z, struct z2m_light *self, const struct light_state *patch)
{
    size_t answered = 0;
    size_t index = 1;
    for (struct z2m_pending *p = self->first; p; p = p->next, index++) {
        (void)light_merge(&p->seen, patch);
        if (light_confirms(&p->patch, &p->seen, &z2m_tolerance) || (p->fades && under_way(p))) {
            answered = index;
        }
    }
    for (; answered > 0; answered--) {
        bool fades = self->first->fades;
        struct request_id request = pending_take(self, NULL);
        request_done(z->config.driver, request, 0, fades ? BASIS_ACCEPTED : BASIS_REPORTED, NULL);
    }
}

void z2m_command_report(struct z2m *z, struct z2m_slot *slot, struct light_state *patch)
{
    struct z2m_light *self = driver_light_self(slot->light);
    /* What is off may count its brightness down to nothing: the level it will have again is the one it had. */
    if ((patch->has & LIGHT_ON) && !patch->on && (self->known.has & LIGHT_LEVEL)) {
        patch->has &= ~(uint32_t)LIGHT_LEVEL;
    }
    (void)light_merge(&self->known, patch);
    driver_report(slot->light, patch);
    if (self->first) {
        answer(z, self, patch);
    }
}

/* ---- errors ---- */

/* The oldest command to any light of the node that the failed key belongs to; of an unknown key, the oldest. */
void z2m_command_failed(struct z2m *z, struct z2m_node *node, const struct z2m_failure *failure, const char *why)
{
    for (size_t i = 0; i < node->count; i++) {
        struct z2m_light *self = node->slots[i].light ? driver_light_self(node->slots[i].light) : NULL;
        struct z2m_pending *before = NULL;
        for (struct z2m_pending *p = self ? self->first : NULL; p; before = p, p = p->next) {
            if (failure->members == 0 || (p->patch.has & failure->members)) {
                struct request_id request = pending_take(self, before);
                request_done(z->config.driver, request, failure->unanswered ? ERR_OFFLINE : ERR_REJECTED,
                             BASIS_REPORTED, why);
                return;
            }
        }
    }
}

/* ---- the broker's word ---- */

static struct z2m_ack *ack_at(const struct z2m *z, size_t index)
{
    return &z->acks[(z->ack_first + index) % z->ack_cap];
}

static void ack_add(struct z2m *z, int mid, struct request_id request)
{
    if (z->ack_count == z->ack_cap) {
        size_t cap = z->ack_cap > 0 ? 2 * z->ack_cap : 16;
        struct z2m_ack *acks = mem_array(cap, sizeof *acks);
        for (size_t i = 0; i < z->ack_count; i++) {
            acks[i] = *ack_at(z, i);
        }
        free(z->acks);
        z->acks = acks;
        z->ack_cap = cap;
        z->ack_first = 0;
    }
    *ack_at(z, z->ack_count++) = (struct z2m_ack){mid, request};
}

static void ack_drop_first(struct z2m *z)
{
    z->ack_first = (z->ack_first + 1) % z->ack_cap;
    z->ack_count--;
}

bool z2m_acknowledged(struct z2m *z, int mid)
{
    for (size_t i = 0; i < z->ack_count; i++) { /* brokers answer in order: it is the first */
        struct z2m_ack *ack = ack_at(z, i);
        if (ack->mid == mid) {
            struct request_id request = ack->request;
            *ack = *ack_at(z, 0);
            ack_drop_first(z);
            request_done(z->config.driver, request, 0, BASIS_ACCEPTED, NULL);
            return true;
        }
    }
    return false;
}

void z2m_command_end_acks(struct z2m *z, const char *why)
{
    while (z->ack_count > 0) {
        struct request_id request = ack_at(z, 0)->request;
        ack_drop_first(z);
        request_done(z->config.driver, request, ERR_OFFLINE, BASIS_ACCEPTED, why);
    }
}

void z2m_command_done(struct z2m *z)
{
    while (z->free_pending) {
        struct z2m_pending *p = z->free_pending;
        z->free_pending = p->next;
        free(p);
    }
    free(z->acks);
}

/* ---- sending ---- */

/* The address survives a rename; a group has only its name. */
void z2m_command_topic(struct z2m *z, const struct z2m_node *node, const char *verb)
{
    str_clear(&z->topic);
    str_add_z(&z->topic, z->config.base);
    str_add_char(&z->topic, '/');
    str_add_z(&z->topic, node->id[0] == '#' ? node->name : node->id);
    str_add_z(&z->topic, verb);
}

void z2m_apply(struct driver_light *light, struct z2m_light *self, struct request_id request,
               const struct light_state *patch, uint32_t transition_ms)
{
    struct z2m *z = self->z2m;
    const struct z2m_node *node = self->node;
    int mid = 0;
    (void)light;
    if (z->bridge == BRIDGE_OFFLINE) {
        request_done(z->config.driver, request, ERR_OFFLINE, BASIS_REPORTED, "Zigbee2MQTT is not running");
        return;
    }
    z2m_command_topic(z, node, "/set");
    str_clear(&z->payload);
    z2m_write_set(&z->payload, node->slots[self->place].lamp, patch, transition_ms);
    int err =
        connection_publish(z->config.connection, str_z(&z->topic), &z->payload, z->config.optimistic ? &mid : NULL);
    if (err != 0) {
        request_done(z->config.driver, request, err, BASIS_REPORTED,
                     err == ERR_OFFLINE ? "the broker is not there"
                     : err == ERR_BUSY  ? "the broker does not read what it is sent"
                                        : NULL);
    } else if (z->config.optimistic) {
        ack_add(z, mid, request);
    } else {
        pending_add(z, self, request, patch, transition_ms > 0);
    }
}
