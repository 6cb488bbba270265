/* The lamps behind the broker as a Zigbee2MQTT of QoS 0 would show them, and the names under which the cloud and the
   network know them. */
#ifndef BENCH_LAMPS_H
#define BENCH_LAMPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct lamp {
    char *id;          /* externalDeviceId */
    char *name, *ieee; /* friendly name, hardware address: either may stand in a command's topic */
    char *topic;       /* of its state: BASE/NAME */
    bool white;        /* has a colour temperature */
    bool on;
    unsigned brightness; /* 0 to 254 */
    unsigned level;      /* percent that was last asked for, or published in a storm */
    void *waiting;       /* the connection whose command has not come here yet */
};

struct lamps {
    struct lamp *list;
    size_t count;
    struct name *names; /* sorted */
    size_t base_len;    /* of the base topic with its slash */
};

/* A file of lines "ID NAME IEEE dimmer|white". */
void lamps_load(struct lamps *lamps, const char *file, const char *base);
void lamps_done(struct lamps *lamps);

/* The lamp of BASE/NAME/VERB, NULL for another topic. */
struct lamp *lamps_find(struct lamps *lamps, const char *topic, size_t len, const char *verb);

/* What a lamp does with a command: `state` and `brightness`, the rest is ignored. */
void lamp_obey(struct lamp *lamp, const char *payload, size_t len);
unsigned lamp_brightness(unsigned percent);
/* Its state message. */
void lamp_state(const struct lamp *lamp, struct str *out);

/* The envelope of an interaction up to the member `devices`; append, then close with '}'. */
void cloud_begin(struct str *out, const char *type, const char *token, unsigned long number);
/* A device of a stateRefreshRequest. */
void cloud_device(struct str *out, const struct lamp *lamp, bool first);
/* How many lamps of [first, first + count) an answer to a stateRefreshRequest shows with another level than
 * lamp->level.
 */
size_t cloud_differences(const char *answer, size_t len, const struct lamp *first, size_t count);

#endif
