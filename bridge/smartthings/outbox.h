/* What a link still has to be told: the rules, without I/O and without a clock.

   Per light the outbox remembers what SmartThings has been told (`said`), not what happened: when a light is touched,
   the difference between its state now and what was said is what goes out. So only the newest is kept, the whole is
   bounded by the number of lights, and what a commandResponse has said already is never sent again. What is unknown
   (a POST whose answer did not come, two tellings that may have crossed) is forgotten, and thereby said again. */
#ifndef SMARTTHINGS_OUTBOX_H
#define SMARTTHINGS_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/light.h"

#define OUTBOX_BATCH 100u /* lights in a POST */
#define OUTBOX_SETTLE 10u /* windows to wait before a discoveryCallback or a resync */
#define OUTBOX_NEVER UINT64_MAX

enum outbox_health { OUTBOX_UNKNOWN, OUTBOX_ONLINE, OUTBOX_OFFLINE, OUTBOX_GONE };

/* How a light is now, or was said to be. */
struct outbox_view {
    struct light_state state; /* device_view of what the lamp reported, less what is asked for and not yet answered */
    enum outbox_health health;
};

struct outbox_light {
    struct light_state said, sent; /* sent: in the POST under way */
    uint8_t said_health, sent_health;
    bool queued, in_flight;
    bool crossed;  /* an answer said something about it while the POST was under way */
    bool unlisted; /* SmartThings has not heard of it yet: first the discoveryCallback */
    bool listing;  /* it is in the discoveryCallback under way */
    uint16_t held; /* commands of this link under way: their answer says it */
};

struct outbox {
    struct outbox_light *lights;
    size_t count, known; /* that there is room for; that there are */
    uint32_t *queue;     /* ring of the queued lights, oldest first; as large as lights */
    size_t head, queued;
    uint64_t window_ms;
    uint64_t states_at;    /* when the oldest news may go; OUTBOX_NEVER: nothing waits */
    uint64_t discovery_at; /* likewise of a discoveryCallback */
    uint64_t not_before;   /* backoff */
    bool posting, posting_discovery;
};

struct outbox_item {
    uint32_t light;
    struct light_state state; /* members to say */
    enum outbox_health health;
};

void outbox_init(struct outbox *o, uint64_t window_ms);
void outbox_done(struct outbox *o);
void outbox_grow(struct outbox *o, size_t lights); /* new ones are as never mentioned; never shrinks */

/* News: the light's state or health may differ from what was said. */
void outbox_touch(struct outbox *o, uint32_t light, uint64_t now);
/* The list of devices differs; `is_new`: this light is not known over there. */
void outbox_list(struct outbox *o, uint32_t light, bool is_new, uint64_t now);
/* An answer to this link has said this (commandResponse, stateRefreshResponse). */
void outbox_said(struct outbox *o, uint32_t light, const struct outbox_view *view, uint64_t now);
/* A discoveryResponse has listed everything. */
void outbox_listed(struct outbox *o, uint64_t now);
/* Between them the light is not spoken of: a command of this link is under way. */
void outbox_hold(struct outbox *o, uint32_t light);
void outbox_release(struct outbox *o, uint32_t light, uint64_t now);
/* Nothing that was said counts any more: everything is told again, after a moment. */
void outbox_resync(struct outbox *o, uint64_t now);

/* When the next POST may go; OUTBOX_NEVER: nothing to send, or one is under way. */
uint64_t outbox_next(const struct outbox *o);
enum outbox_kind { OUTBOX_NOTHING, OUTBOX_STATES, OUTBOX_DISCOVERY };
/* What is due at `now`; marks it as under way. items: room for OUTBOX_BATCH. `look` tells how a light is now. */
typedef void outbox_look_fn(void *user, uint32_t light, struct outbox_view *ret_view);
enum outbox_kind outbox_collect(struct outbox *o, uint64_t now, outbox_look_fn *look, void *user,
                                struct outbox_item *items, size_t *ret_count);
/* How the POST ended: taken; to be sent again after `delay` (the same lights first, in their newest state); refused for
   good (returns how many lights' news were dropped: they are said anew when they next change). */
void outbox_delivered(struct outbox *o, uint64_t now);
void outbox_returned(struct outbox *o, uint64_t now, uint64_t delay);
size_t outbox_dropped(struct outbox *o, uint64_t now);

#endif
