/* The seam between the driver and its protocols: one table of operations for each language that is spoken on a serial
   line, and what they share. An instance of the driver is one port, with one protocol on it.

   A protocol knows its lamps by structs of its own that begin with struct serial_lamp; it frames and writes by
   serial/port.h; commands wait for the wire in serial/queue.h. Timers are its own (loop/loop.h). What is bytes to patch
   and patch to bytes is pure, in a file NAME_codec.c, tested by table and fuzzed. */
#ifndef SERIAL_PROTOCOL_H
#define SERIAL_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "hub/driver.h"
#include "loop/loop.h"
#include "model/light.h"
#include "serial/port.h"
#include "serial/queue.h"

/* What the driver has of one port. */
struct serial {
    struct driver *driver;
    struct loop *loop;
    struct port *port;
    const char *name; /* the port's in the configuration: "stage" */
    const char *log;  /* facility of log lines: "serial/stage" */
    bool open;
    struct serial_lamp *announcing; /* while the hub is told */
};

/* Begins each protocol's own struct of one lamp: zeroed when it is new. It is the protocol's, stays where it is in
   memory, and lasts until its light was withdrawn or the protocol stops. */
struct serial_lamp {
    struct driver_light *light; /* NULL: not announced, or the hub has no place for it */
    struct queued *waiting;     /* serial/queue.h */
};

/* Begins each protocol's own struct, which serial.c allocates zeroed and fills in. */
struct protocol {
    const struct protocol_ops *ops;
    struct serial *serial;
    const void *options; /* its own struct of the configuration, outlives it */
};

struct protocol_ops {
    const char *name; /* in the configuration: "dmx" */
    size_t size;      /* of its own struct */
    /* The line as the protocol has it; what the user gives otherwise (serial_config.line) goes before. May look at its
       options. */
    struct port_line (*line)(const void *options);

    /* 0 or ERR_* (logged): then nothing is left, and `stop` is not called. The port is not open yet. Lamps that the
       configuration names are announced from inside. */
    int (*start)(struct protocol *self);
    /* Every light was detached before, and the port is gone: it frees its lamps, queue and timers. */
    void (*stop)(struct protocol *self);

    /* The port is open: nothing is known of what is behind it. Probe, walk, ask; serial_lamps_online when it is known
       to be there. */
    void (*open)(struct protocol *self);
    /* It is not any more: `why` for people. Lights are offline already (serial_lamps_offline was called): end what
       waits (queue_end_all), stop timers, forget half a frame. */
    void (*closed)(struct protocol *self, const char *why);
    /* What came in, in pieces of any size. */
    void (*bytes)(struct protocol *self, const uint8_t *bytes, size_t len);
    void (*drained)(struct protocol *self); /* the system took all that was written; NULL: not wanted */

    /* The lamp is in the hub: lamp->light is there. Called from inside serial_announce. */
    void (*attach)(struct protocol *self, struct serial_lamp *lamp); /* NULL: nothing to do */
    /* Not any more; its requests were ended. Must not call back. Drop what the queue has of it (queue_forget). NULL:
     * nothing to do. */
    void (*detach)(struct protocol *self, struct serial_lamp *lamp);
    /* As in struct driver_ops; the port is open. */
    void (*apply)(struct protocol *self, struct serial_lamp *lamp, struct request_id request,
                  const struct light_state *patch, uint32_t transition_ms);
    void (*refresh)(struct protocol *self, struct serial_lamp *lamp); /* the port is open; NULL: cannot */
    void (*cancel)(struct protocol *self, struct serial_lamp *lamp, struct request_id request);
    void (*discover)(struct protocol *self); /* the port is open; NULL: cannot */
    /* For people, behind the port's own words: "widget EN123456, 40 frames/s, 12 fixtures". False: something is wrong.
     */
    bool (*status)(const struct protocol *self, struct str *s);
};

/* ---- what a protocol calls ---- */

/* As driver_announce: idempotent. Sets lamp->light, calls ops->attach where it is new. */
void serial_announce(struct serial *serial, struct serial_lamp *lamp, const struct driver_announcement *announcement);
/* As driver_withdraw; lamp->light is NULL afterwards. Free where it has none. */
void serial_withdraw(struct serial_lamp *lamp);
/* What is behind the port answers, or does not: all lights of the instance. */
void serial_lamps_online(struct serial *serial);
void serial_lamps_offline(struct serial *serial);
/* Drops the port: lights go offline, it is opened anew after a while. */
void serial_restart(struct serial *serial, const char *why);

#endif
