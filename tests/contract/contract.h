/* The contract suite: what every driver must do, tried against each with its own far side.

   A driver takes part by a file NAME_subject.c here, which defines `contract_subject`; CMakeLists.txt makes the
   program contract_NAME of it and of suite.c. For each case the suite makes a loop, a store in memory and a hub,
   calls `start`, adds the driver and waits until the lamps are listed; `stop` comes after hub_free. The far side is
   a simulator, in this process (on the loop it is given) or in a child that `stop` ends by its pid.

   The subject shows CONTRACT_LAMPS lamps, numbered from 0, each with at least LIGHT_ON and LIGHT_LEVEL and, after
   `start`, each off at full level and well. Lamp 0 can LIGHT_KELVIN and LIGHT_COLOR too. All have an availability
   but lamp CONTRACT_PLAIN, which has none. What a far side cannot do is named by `lacks`, with its reason: the
   cases that need it are printed with the reason and counted as skipped. */
#ifndef CONTRACT_CONTRACT_H
#define CONTRACT_CONTRACT_H

#include <stddef.h>
#include <stdint.h>

#include "hub/driver.h"

#define CONTRACT_LAMPS 8u
#define CONTRACT_PLAIN 7u /* the lamp without availability */

/* What the far side is told to do. It is in effect when `act` returns (which may turn the loop for that). */
enum contract_act {
    /* How a lamp behaves from now on; each replaces the one before. */
    CONTRACT_WELL,      /* answers at once */
    CONTRACT_SLOW,      /* answers at about half of the deadline */
    CONTRACT_LATE,      /* does what it is told, and says so only after the deadline (at about 1.5 of it) */
    CONTRACT_SILENT,    /* neither does nor says anything; its availability (if any) goes on saying online */
    CONTRACT_DUPLICATE, /* says everything three times */
    CONTRACT_STALE,     /* on a command first repeats its full old state, then obeys and reports */
    /* What happens to a lamp once. */
    CONTRACT_OFFLINE, /* its availability says that it is gone; it does not hear commands */
    CONTRACT_ONLINE,  /* and back */
    CONTRACT_WALL,   /* a hand on the wall switch: on becomes off and the reverse, and the lamp reports it, if connected
                      */
    CONTRACT_REMOVE, /* removed from the network */
    CONTRACT_JOIN,   /* the removed one joins again, under the same hardware address */
    CONTRACT_GARBAGE, /* sends what no lamp would */
    /* What happens to the far side as a whole; `lamp` counts for nothing. */
    CONTRACT_LOSE,    /* the transport is cut and stays so; lamps live on */
    CONTRACT_BACK,    /* the transport is there again (the driver's own reconnect finds it) */
    CONTRACT_RESTART, /* the far side ends and starts again; lamps keep their state, messages under way are lost */
    CONTRACT_ACTS,
};

struct contract_subject {
    const char *name; /* "virtual" */
    const struct driver_ops *ops;
    const char *instance; /* name of the instance: "virtual/demo" */
    enum basis basis;     /* that a command for on/off and level without transition must have */
    uint32_t deadline_ms; /* for the hub under test: short, but long enough for the far side under sanitizers */
    uint32_t patience_ms; /* after which a case that still waits has failed: generous, it costs nothing */

    /* NULL, or why the far side cannot do this: "the broker cannot be cut off from inside". */
    const char *(*lacks)(enum contract_act act);
    /* Starts the far side. *ret_config is the driver's own, valid until `stop`. 0 or ERR_*. */
    int (*start)(struct loop *loop, uint32_t deadline_ms, void **ret_self, const void **ret_config);
    void (*stop)(void *self);
    /* The address under which the driver announces the lamp (driver_announcement.address). */
    const char *(*address)(void *self, size_t lamp);
    void (*act)(void *self, enum contract_act act, size_t lamp);
};

extern const struct contract_subject contract_subject;

#endif
