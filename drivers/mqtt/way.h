/* A way is how one dialect of one broker reaches a lamp. The same lamp by two ways is one lamp: ways are told to be
   twins by the lamp's hardware address, the best of them drives it, and the light keeps its id whichever that is.

   The address is canonical, the same in whatever dialect it was heard, and permanent (driver_announcement.address):
     0x00158d0001234567, 0x00158d0001234567/l2    Zigbee: IEEE address, endpoint where there are several
     mac/AABBCCDDEEFF/1                           by MAC address, upper case: Tasmota's POWER number (from 1),
     mac/AABBCCDDEEFF/light:0                     Shelly's component,
     mac/AABBCCDDEEFF/0                           WLED's segment (whole: mac/AABBCCDDEEFF; wled/DDEEFF where it
                                                  has said no more than its topic)
   Otherwise what only one dialect knows, behind its name: "group/home/zigbee2mqtt/3". */
#ifndef MQTT_WAY_H
#define MQTT_WAY_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/driver.h"
#include "model/light.h"

struct dialect;
struct twins;
struct twin;
struct pending;

/* Which way is better. Of equals the one that came last: the lamp has moved there. */
enum way_rank { WAY_DISCOVERED, WAY_NATIVE };

/* Begins what a dialect knows of one light: zeroed but for `dialect` when it is new. It is the dialect's, stays where
   it is in memory, and lasts until way_withdraw or way_forget. */
struct way {
    struct dialect *dialect;
    struct twin *twin;            /* NULL: not announced */
    struct way *next;             /* the next best one to the same lamp */
    struct driver_light *light;   /* NULL: another way drives it, or nobody wants it */
    uint32_t silent;              /* LIGHT_* that the lamp never reports: they are assumed when they were sent */
    struct light_state known;     /* what the lamp said since it was attached */
    struct pending *first, *last; /* commands that wait for its word, oldest first: mqtt/pending.h */
};

/* Ways of one installation: of all its brokers where they share one. */
struct twins *twins_new(void);
void twins_free(struct twins *t); /* no way is left; NULL is legal */

/* Announces the lamp by this way: idempotent, and free where nothing differs. If a better way has the lamp, it stays
   there, and nothing else happens. Otherwise the hub is told and ops->attach is called from inside where the way did
   not have it yet: from another way it moves. An address that differs from the one before is another lamp. */
void way_announce(struct way *way, const struct driver_announcement *announcement);
/* The lamp is gone from this way for good: the next best one takes it over, or it is withdrawn. */
void way_withdraw(struct way *way);
/* The way ends without a word about the lamp: in ops->stop, when its light was detached. */
void way_forget(struct way *way);
/* Tells the hub, where the way has the light. */
void way_reaches(const struct way *way, enum light_reach reach);

/* For mqtt.c: the hub gives the light to the way that announces, and takes it back. */
void way_take(struct way *way, struct driver_light *light, struct way **ret_self);
void way_leave(struct way *way);

#endif
