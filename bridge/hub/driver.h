/* What a driver is to the hub, and the hub to a driver. The only header of the hub that drivers see.

   Everything runs on the loop thread; nothing here may block. A driver states what its lamps can do and
   carries bytes; the hub owns deadlines, clamping, implied members, matching generations, persistence.
   The guide for writing one is drivers/README.md; the smallest one is drivers/virtual. */
#ifndef HUB_DRIVER_H
#define HUB_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/light.h"

struct loop;
struct fetch;
struct driver;       /* one running instance of a driver, the hub's */
struct driver_light; /* one light as its driver sees it, the hub's */

/* Names a request without a pointer: late or double completions are recognised by number. */
struct request_id {
    uint32_t slot, generation;
};

/* On what an answer rests. */
enum basis {
    BASIS_REPORTED, /* the lamp reported the commanded members, within the dialect's tolerance */
    BASIS_ACCEPTED, /* the far side acknowledged, or the wire is write-only */
    BASIS_ASSUMED,  /* an optimistic lamp that never reports */
};

/* A light as a driver describes it when it announces it. Texts are copied; they may be hostile: the hub replaces what
   is not printable and cuts them to 100 characters. */
struct driver_announcement {
    /* Permanent hardware address with endpoint, unique within the driver *kind*: "0x00158d0001234567",
       "0x00158d0001234567/l2", "group/home/3". The light's id is derived from it. */
    const char *address;
    const char *name;                           /* what the far side calls it; the user may give another */
    const char *manufacturer, *model, *version; /* NULL if unknown */
    const char *where;                          /* where it lives now, for people: "mqtt/home zigbee2mqtt/Kitchen" */
    const char *room;                           /* a suggestion, NULL if none */
    struct light_profile profile;
    bool has_availability; /* its protocol tells when it is gone; otherwise two unanswered commands do: past the
                              deadline, or ERR_OFFLINE */
};

struct driver_ops {
    const char *kind;   /* "mqtt": part of the light ids, permanent */
    size_t driver_size; /* private struct of an instance; the hub allocates it zeroed before start */
    size_t light_size;  /* private struct of a light; zeroed before attach */

    /* Starts an instance. `config` is the driver's own struct and outlives the instance. May announce lights
       from inside. Returns 0 or ERR_*: then nothing is left running, and `stop` is not called. A far side that is not
       there is no error: keep trying, with backoff and jitter. */
    int (*start)(struct driver *driver, void *self, const void *config);
    /* Ends it: no callback of any library comes afterwards, requests under way need no request_done (the hub ends
     * them). */
    void (*stop)(struct driver *driver, void *self);

    /* The light was announced and is now the driver's to serve; `light` stays valid until detach. Called from
       inside driver_announce, once per light and run. May ask the far side for the state. */
    void (*attach)(void *self, struct driver_light *light, void *light_self);
    /* The light is withdrawn, forgotten or the instance stops. Requests for it were ended by the hub before. Must not
     * call back. */
    void (*detach)(void *self, struct driver_light *light, void *light_self);

    /* Sends a command. `patch` is resolved and clamped: only members the light can do; if it has more than off, `on` is
       explicit. transition_ms 0 is as fast as can be. Ends in exactly one request_done, now or later; several
       requests for one light may be under way: the newest counts, an older one may be answered with it. */
    void (*apply)(void *self, struct driver_light *light, void *light_self, struct request_id request,
                  const struct light_state *patch, uint32_t transition_ms);
    /* Asks the lamp for its state, if the protocol can; the answer is a driver_report. NULL: cannot. */
    void (*refresh)(void *self, struct driver_light *light, void *light_self);
    /* The hub has given this request up (deadline, light gone): forget it. No request_done is needed; one is ignored.
     */
    void (*cancel)(void *self, struct driver_light *light, void *light_self, struct request_id request);
    /* Looks for lights anew. NULL: the driver is told by its far side. */
    void (*discover)(void *self);
    /* One line for people on how the instance is: "connected to 127.0.0.1:1883, zigbee2mqtt online, 12 lights". False:
       it is not well, and the line says what is wrong; `doctor` goes by this alone, never by the words. NULL: nothing
       can be wrong with it. */
    bool (*status)(void *self, struct str *s);
};

/* ---- what a driver calls ---- */

struct loop *driver_loop(struct driver *driver);
struct fetch *driver_fetch(struct driver *driver);    /* NULL in tests that have none */
const char *driver_name(const struct driver *driver); /* "mqtt/home": for logs */
/* 16 hex digits that are this installation's for good: for client ids that must not clash. */
const char *driver_installation(const struct driver *driver);

/* A light exists (first time, again, or changed in name, profile or place). Returns the light, NULL where the
   hub has HUB_MAX_LIGHTS already. Idempotent: announcing the same again is free and makes no event. A tombstone is
   lifted, also of a light that the user has forgotten: a lamp that re-joins is the same light. If the light is
   served by another instance of the same kind, it moves here. */
struct driver_light *driver_announce(struct driver *driver, const struct driver_announcement *announcement);
/* The light is gone from the far side for good (removed from the network, not merely offline): detach is called, a
 * tombstone stays. */
void driver_withdraw(struct driver_light *light);
void *driver_light_self(struct driver_light *light); /* its private struct */
const char *driver_light_address(const struct driver_light *light);
/* Iterates this instance's lights in no order; start with NULL. Withdrawing the one returned is allowed after fetching
 * its next. */
struct driver_light *driver_next_light(struct driver *driver, struct driver_light *after);

/* What the lamp said: the hand on the wall switch and the echo of our own command by the same door. Unknown members are
   simply not in `has`. A report makes the light online, unless has_availability says it is not. */
void driver_report(struct driver_light *light, const struct light_state *report);
/* What the protocol's availability said. */
void driver_reachable(struct driver_light *light, enum light_reach reach);

/* The one completion of an apply. result 0 with its basis, or ERR_OFFLINE, ERR_REJECTED, ERR_UNSUPPORTED, ERR_IO,
   ERR_BUSY; `why` a sentence for people on failure (may be NULL). Late and double ones are ignored by number. */
void request_done(struct driver *driver, struct request_id request, int result, enum basis basis, const char *why);

/* What a driver must remember (a pairing key, a token). Kept in the store; `get` answers from memory. */
void driver_secret_put(struct driver *driver, const char *key, const void *bytes, size_t len); /* len 0 removes */
const void *driver_secret_get(struct driver *driver, const char *key, size_t *ret_len);        /* NULL if none */

/* Counts a message that could not be understood and logs it once per topic or sender: `from` and `what` may be hostile
 * text. */
void driver_garbage(struct driver *driver, const char *from, const char *what);

#endif
