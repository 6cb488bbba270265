/* The hub: the table of lights, commands with their deadlines, reports and the events they make. */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/driver.h"
#include "model/light.h"

struct loop;
struct store;
struct fetch;
struct hub;
struct light; /* opaque; valid until the hub is freed (a removed light stays as a tombstone) */

#define HUB_MAX_LIGHTS 20000u
#define HUB_LIGHT_ID_SIZE 27 /* 26 characters of base32 and a NUL */
#define HUB_NAME_MAX 100     /* code points of a name or room, SmartThings' limit */
#define HUB_DEADLINE_MS 3000u
#define HUB_SAVE_MS 5000u /* so that a fading lamp is one write */
#define HUB_RETRY_MS 30000u
#define HUB_UNSERVED_MS 30000u

struct hub_config {
    bool expose_switches, expose_groups;
    const uint8_t *bridge_id; /* 8 bytes, derived from the installation's key: light ids hang on it */
    uint32_t deadline_ms;     /* 0: HUB_DEADLINE_MS */
    /* How long last states wait for the store, and a write that failed for its next try. 0: HUB_SAVE_MS, HUB_RETRY_MS.
     */
    uint32_t save_ms, retry_ms;
    /* How long after the start a stored light may stay without a driver before it counts as offline: a broker that is
       there has listed its lamps by then. 0: HUB_UNSERVED_MS. */
    uint32_t unserved_ms;
};

/* Loads the lights from the store (which may be unwell: then it starts empty and keeps nothing). */
int hub_new(struct loop *loop, struct store *store, struct fetch *fetch, const struct hub_config *config,
            struct hub **ret_hub);
void hub_free(struct hub *hub); /* stops the drivers; commands under way end with ERR_CANCELLED; flushes last states */

/* Starts an instance: `name` is unique ("mqtt/home"). config is the driver's. */
int hub_add_driver(struct hub *hub, const struct driver_ops *ops, const char *name, const void *config);
void hub_discover(struct hub *hub);
/* Calls `each` with the one-line status of every instance, and whether it is well. */
typedef void hub_driver_fn(void *user, const char *name, bool well, const char *status);
void hub_driver_status(struct hub *hub, hub_driver_fn *each, void *user);

/* ---- lights ---- */

struct light_info {
    const char *id;          /* permanent */
    const char *name, *room; /* the user's or else the far side's; room may be "" */
    const char *driver;      /* instance that serves it, "" while none has announced it */
    const char *address, *where;
    const char *manufacturer, *model, *version; /* may be "" */
    struct light_profile profile;
    struct light_state reported; /* by the lamp; has == 0: nothing is known */
    struct light_state desired;  /* asked for and not yet confirmed; has == 0: nothing */
    enum light_reach reach;
    bool heard; /* has it reported since it was listed (ever, also in an earlier run)? */
    bool exposed, removed;
    int64_t heard_at; /* wall ms of the last report, 0 never */
};

size_t hub_light_count(const struct hub *hub);             /* with tombstones */
struct light *hub_light_at(struct hub *hub, size_t index); /* stable order: by birth */
size_t hub_light_number(const struct light *light);        /* its index, for good */
struct light *hub_light_find(struct hub *hub, const char *id);
/* By id or, failing that, by name (exact, then ignoring case). ERR_NOT_FOUND; ERR_INVALID when a name fits several. */
int hub_light_lookup(struct hub *hub, const char *name_or_id, struct light **ret_light);
void hub_light_info(const struct light *light, struct light_info *ret_info); /* texts borrowed, until the next turn */

/* The user's settings; NULL leaves as it is, "" goes back to the far side's. Durable when `done` comes (may be NULL).
 */
struct hub_edit {
    const char *name, *room;
    int expose; /* -1 leaves, 0, 1 */
};
int hub_light_edit(struct hub *hub, struct light *light, const struct hub_edit *edit,
                   void (*done)(void *user, int result),
                   void *user); /* ERR_INVALID: not UTF-8, control bytes, too long */
/* Forgets a light: tombstone, hidden until its driver announces it anew. */
int hub_light_forget(struct hub *hub, struct light *light, void (*done)(void *user, int result), void *user);

/* ---- commands ---- */

struct hub_command {
    struct light *light;
    struct light_state
        patch; /* as asked; the hub resolves and clamps it. Out-of-range values were refused at the edge. */
    uint32_t transition_ms;
};

struct hub_result {
    struct light *light;
    int result; /* 0, ERR_TIMEOUT, ERR_OFFLINE, ERR_ENDED (removed), ERR_UNSUPPORTED, ERR_REJECTED, ERR_IO,
                   ERR_BUSY, ERR_CANCELLED */
    enum basis basis;
    struct light_state
        state;       /* the state to answer with: reported, overlaid by the command where the basis is not REPORTED */
    const char *why; /* for people, "" when result is 0; valid in the callback */
};

typedef void hub_done_fn(void *user, const struct hub_result *results, size_t count);

/* Commands in their order; several for one light become one patch and one result (at its first place). One driver
   `apply` each, all under one deadline. `done` comes once, never from inside this call (deferred), when the last light
   has answered. A stored light that no driver has announced yet is waited for until the deadline (then ERR_OFFLINE):
   just after a start it is not known to be gone. A light known to be offline is answered ERR_OFFLINE at once, but the
   command is still sent once as a probe if its protocol has no availability. The user pointer must stay valid until
   done; hub_free ends it with ERR_CANCELLED. */
void hub_apply(struct hub *hub, const struct hub_command *commands, size_t count, hub_done_fn *done, void *user);
void hub_refresh(struct hub *hub, struct light *light);

/* ---- events ---- */

enum hub_event_kind {
    HUB_EVENT_STATE,   /* `changed` members of the reported state */
    HUB_EVENT_REACH,   /* online, offline */
    HUB_EVENT_LISTED,  /* came, was exposed, or changed name, room, profile: discovery differs */
    HUB_EVENT_REMOVED, /* went, or was hidden */
    HUB_EVENT_FAILED,  /* a command to it failed (its desired state was dropped) */
};

struct hub_event {
    enum hub_event_kind kind;
    struct light *light;
    uint32_t changed;         /* LIGHT_* for STATE */
    struct light_state state; /* reported state after it, by value */
    enum light_reach reach;
};

/* Events come from the loop's deferred phase, in order, never from inside a driver's call. */
struct hub_listener;
typedef void hub_event_fn(void *user, const struct hub_event *event);
struct hub_listener *hub_listen(struct hub *hub, hub_event_fn *fn, void *user);
void hub_unlisten(struct hub_listener *listener);

/* ---- counters for /metrics ---- */
struct hub_stats {
    uint64_t commands, failed, timeouts, reports, events, garbage;
};
struct hub_stats hub_stats(const struct hub *hub);

#endif
