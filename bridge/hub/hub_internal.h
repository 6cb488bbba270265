/* What the hub's own files share. hub.h is for the rooms above, driver.h for the drivers below. */
#ifndef HUB_HUB_INTERNAL_H
#define HUB_HUB_INTERNAL_H

#include "hub/hub.h"

#include "base/str.h"
#include "loop/loop.h"
#include "store/store.h"

/* A light as its driver sees it. */
struct driver_light {
    struct driver *driver; /* NULL while no instance has announced the light in this run */
    void *self;
    struct light *next, *previous; /* among the lights of the instance */
};

struct light {
    struct driver_light serving; /* first, so that a driver_light is found back to its light */
    struct hub *hub;
    char id[HUB_LIGHT_ID_SIZE];
    size_t number;        /* index into hub->lights */
    char *kind, *address; /* together they make the id */
    char *far_name, *far_room, *where, *manufacturer, *model, *version;
    char *user_name, *user_room; /* NULL: not set */
    int user_expose;             /* -1: by its kind */
    struct light_profile profile;
    bool has_availability, removed;
    int64_t created_at, removed_at, heard_at; /* wall ms */

    struct light_state reported, desired;
    enum light_reach reach;
    unsigned unanswered;         /* commands in a row */
    unsigned in_flight, waiting; /* commands under way; of them not sent yet */

    /* Events not yet delivered: bits of 1 << enum hub_event_kind. */
    uint32_t events, changed;
    struct light *next_event;
    /* While a transition runs, reports are merged but their event waits. */
    uint64_t hold_until; /* loop ms, 0: no hold */
    uint32_t held;       /* members whose event waits */
    struct light *next_hold;
    /* What the store does not have yet. */
    bool row_dirty, state_dirty, in_dirty;
    struct light *next_dirty;

    uint64_t batch_serial; /* of the batch that is being put together, with its place in it */
    size_t batch_place;
};

struct driver {
    struct hub *hub;
    const struct driver_ops *ops;
    char *name;
    void *self;
    struct light *first;
    struct driver *next;
    struct garbage *garbage; /* senders whose nonsense was logged already */
};

/* One command's worth of answers. */
struct batch {
    struct batch *next, *previous; /* by deadline, or in the list of those that are ready */
    hub_done_fn *done;             /* NULL: a probe, nobody waits */
    void *user;
    uint64_t deadline;
    size_t count, pending;
    bool ready;
    struct hub_result *results;
    struct entry *entries;
};

/* One light's part of a batch. */
struct entry {
    struct light_state patch;
    uint32_t transition_ms;
    struct request_id request;
    bool waiting; /* taken, not sent: no driver has announced its light yet */
    char *why;    /* owns results[].why where it is not static */
};

struct request {
    uint32_t generation; /* odd while in use */
    uint32_t next_free;
    struct batch *batch;
    size_t place;
};

/* The store may answer after the hub has gone: callbacks hold the line and ask whether anybody is at its end. */
struct lifeline {
    struct hub *hub; /* NULL once it is freed */
    unsigned holders;
};

struct hub {
    struct lifeline *lifeline;
    struct loop *loop;
    struct store *store;
    struct fetch *fetch;
    struct hub_config config;
    uint8_t bridge_id[8];
    char installation[17];

    struct light **lights; /* by birth */
    size_t light_count, light_cap;
    int64_t last_birth; /* created_at of the youngest */
    uint32_t *table;    /* open addressing over ids: index + 1 */
    size_t table_size;

    struct driver *drivers;
    struct secret *secrets;

    struct request *requests;
    uint32_t request_count, free_request; /* free list, index + 1 */
    struct batch *first_batch, *last_batch, *first_ready, *last_ready;
    uint64_t batch_serial;
    struct timer *deadline, *holds, *save, *unserved;
    struct light *first_event, *last_event, *first_hold, *first_dirty;
    struct defer *deliver, *save_now;
    bool delivering, stopping, told_full;
    bool announced;     /* a light that commands wait for */
    uint64_t holds_due; /* when the timer of the holds fires, if it runs */
    struct hub_listener *listeners;
    struct hub_stats stats;
};

/* hub.c */
struct lifeline *lifeline_hold(struct hub *hub);
struct hub *lifeline_release(struct lifeline *lifeline); /* NULL: the hub has gone */

/* registry.c */
void registry_id(const struct hub *hub, const char *kind, const char *address, char ret_id[HUB_LIGHT_ID_SIZE]);
struct light *registry_add(struct hub *hub, const char *id, const char *kind, const char *address);
void registry_free(struct hub *hub);
bool registry_exposed(const struct light *light);
void registry_detach(struct light *light);
void registry_unserved_due(void *user); /* what no driver has announced by now is offline */

/* command.c */
void command_end_light(struct light *light, int result, const char *why);
void command_end_all(struct hub *hub);
void command_deliver(struct hub *hub);
void command_deadline(void *user);
/* A driver serves the light now: what waited for that is sent, in the deferred phase. */
void command_announced(struct light *light);

/* event.c */
void event_add(struct light *light, enum hub_event_kind kind, uint32_t changed);
void event_deliver(void *user);
void event_reach(struct light *light, enum light_reach reach);
void event_hold(struct light *light, uint32_t transition_ms);
/* The transition that the light was asked for does not happen: what it said meanwhile is told. */
void event_hold_end(struct light *light);
void event_holds_due(void *user);
/* Members of the reported state have changed: told now, or when the transition is over. */
void event_changed(struct light *light, uint32_t changed);

/* keep.c: the store's side */
int keep_load(struct hub *hub);
void keep_row(struct light *light);   /* soon: in the deferred phase */
void keep_state(struct light *light); /* within seconds: no write per change */
void keep_due(void *user);
void keep_rows_due(void *user);
void keep_flush(struct hub *hub);
void keep_retry(struct hub *hub); /* a write failed: keep_due comes again in a while */
/* The light's row in a batch, for what changes columns of it: it may not be in the store yet. */
void keep_add_row(struct store_batch *batch, const struct light *light);

/* secret.c */
int secret_load(struct hub *hub);
void secret_free(struct hub *hub);
void secret_save(struct hub *hub); /* those that the store did not take yet */
void garbage_free(struct driver *driver);

#endif
