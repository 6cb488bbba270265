/* The seam between the driver and its dialects: one table of operations for each family of lights that speaks MQTT, and
   what they share. An instance of the driver is one broker; a dialect on it is one instance for each topic that the
   configuration gives it.

   A dialect knows lamps by ways (mqtt/way.h) and hears topics by listeners (mqtt/topics.h); its commands wait for
   the lamp's word in mqtt/pending.h. */
#ifndef MQTT_DIALECT_H
#define MQTT_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/driver.h"
#include "model/light.h"
#include "mqtt/connection.h"
#include "mqtt/pending.h"
#include "mqtt/topics.h"
#include "mqtt/way.h"

struct mqtt_config;

/* What all dialects of one broker share. */
struct broker {
    const struct mqtt_config *config;
    struct driver *driver;
    struct loop *loop;
    struct connection *connection;
    struct topics *topics;
    struct twins *twins;
    struct pendings pendings;
    struct way *announcing; /* while the hub is told */
    bool up;                /* the broker is there */
    bool optimistic;        /* its PUBACK is the answer to a command */
};

/* Begins each dialect's own struct, which mqtt.c allocates zeroed and fills in. */
struct dialect {
    const struct dialect_ops *ops;
    struct broker *broker;
    const char *topic; /* what the configuration gives it: a base topic, a prefix; "" where it needs none */
};

struct dialect_ops {
    const char *name;                        /* "zigbee2mqtt": for logs */
    size_t size;                             /* of its own struct */
    uint8_t rank;                            /* enum way_rank of its ways */
    const struct light_tolerance *tolerance; /* by how much an echo may differ from its command */

    /* 0 or ERR_* (logged): then nothing is left, and `stop` is not called. The broker is not there yet. */
    int (*start)(struct dialect *self);
    /* Every light was detached before; it gives up its ways (way_forget) and listeners. */
    void (*stop)(struct dialect *self);

    /* The broker is there: subscribe what has a wildcard, ask for states. Listeners are subscribed by themselves. */
    void (*up)(struct dialect *self);
    /* It has gone. Commands under way were ended and lights are offline already. */
    void (*down)(struct dialect *self, const char *why);
    /* What a listener of this dialect hears; `listener` leads to the lamp. An empty payload comes too: a retained
       message was cleared. It may leave the topic, or any other, but free no listener of the same topic but this one.
     */
    void (*heard)(struct dialect *self, struct listener *listener, const char *payload, size_t len);
    /* What no listener has: by a wildcard that it has subscribed. False: not ours. NULL: it has none. */
    bool (*message)(struct dialect *self, const char *topic, const char *payload, size_t len);

    /* The lamp is this way's to serve: way->light is there, and nothing is known of its state. Ask for it. Called from
       inside way_announce. */
    void (*attach)(struct way *way);
    /* Not any more. Its commands were ended. NULL: nothing to do. Must not call back. */
    void (*detach)(struct way *way);
    /* As in struct driver_ops; way->light is there, the broker is too. */
    void (*apply)(struct way *way, struct request_id request, const struct light_state *patch, uint32_t transition_ms);
    void (*refresh)(struct way *way); /* NULL: cannot */
    /* What waits in mqtt/pending.h is forgotten already; NULL: nothing else waits. */
    void (*cancel)(struct way *way, struct request_id request);
    /* The better way to the lamp has gone: call way_announce again, as before. */
    void (*announce)(struct way *way);
    /* For people: "zigbee2mqtt online, 12 lights". Adds nothing where there is nothing to say. False: what it says is
       that something is wrong. Asked without the broker too: that it is gone is not the dialect's to tell. */
    bool (*status)(const struct dialect *self, struct str *s);
};

#endif
