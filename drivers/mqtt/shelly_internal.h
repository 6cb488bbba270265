/* What the files of Shelly's run time share; shelly.h is for mqtt.c. */
#ifndef MQTT_SHELLY_INTERNAL_H
#define MQTT_SHELLY_INTERNAL_H

#include "mqtt/shelly.h"

#include "mqtt/asking.h"
#include "mqtt/shelly_codec.h"
#include "mqtt/table.h"

#define SHELLY_MAX_NODES 65536u /* what may be a Shelly, by its topic */

struct shelly_node;

struct shelly_light {
    struct way way; /* first */
    struct shelly_node *node;
    struct shelly_lamp lamp;
};

/* A request that the device has not answered. */
enum shelly_what { SHELLY_ASK_DEVICE, SHELLY_ASK_STATUS, SHELLY_ASK_CONFIG, SHELLY_SET, SHELLY_GET };
struct shelly_call {
    struct shelly_call *next, **at; /* among those of its device; what points to it */
    struct shelly_node *node;
    uint32_t id;
    enum shelly_what what;
    struct shelly_light *light; /* of SHELLY_SET and SHELLY_GET, with all below */
    struct request_id request;
    struct light_state patch;
    bool fades;
};

/* A device, or what may be one until it has said so. */
struct shelly_node {
    struct entry entry; /* first: its topic prefix */
    struct ask ask;
    struct shelly *shelly;
    uint32_t number;             /* of it among all: part of the ids of its calls */
    uint32_t sequence;           /* of its calls */
    struct shelly_call *calls;   /* newest first */
    struct shelly_light **lamps; /* as the device has them */
    uint8_t count;
    uint8_t reach;  /* enum light_reach, by its own word */
    bool tells;     /* it has said by `online` that it is there */
    bool known;     /* `device` is what it said of itself */
    bool listed;    /* its lamps are those that it has now; */
    bool described; /* with their names and ranges */
    char mac[13];
    char *name, *model, *version;
};

struct shelly {
    struct dialect dialect; /* first */
    char *src;              /* answers to our requests come to SRC/rpc */
    struct table nodes;
    struct shelly_node **by_number;
    uint32_t numbers;
    struct asking *asking;
    struct shelly_call *spare; /* calls that are over, for the next ones */
    struct str topic, payload; /* scratch */
};

/* ---- shelly.c ---- */
void shelly_found(struct shelly_node *node, const struct shelly_device *device);
void shelly_list(struct shelly_node *node, const struct json_bytes *status); /* a full status */
void shelly_describe(struct shelly_node *node, const struct json_bytes *config);
void shelly_heard(struct shelly_node *node, const struct json_bytes *status); /* a full or partial one */
void shelly_garbage(const struct shelly_node *node, const char *what);

/* ---- shelly_call.c ---- */
void shelly_call_ask(struct shelly_node *node, enum shelly_what what); /* once at a time */
/* An answer on SRC/rpc. False: to none of our calls. */
bool shelly_call_answered(struct shelly *s, const struct shelly_frame *frame);
/* The lamp has said something: what waits for it. */
void shelly_call_settle(struct shelly_light *light);
void shelly_call_apply(struct way *way, struct request_id request, const struct light_state *patch,
                       uint32_t transition_ms);
void shelly_call_cancel(struct way *way, struct request_id request);
/* Ends the commands under way to the lamp; `why` NULL: without a word. */
void shelly_call_end(struct shelly_light *light, const char *why);
void shelly_call_forget(struct shelly_node *node); /* all of its calls, without a word */
void shelly_call_done(struct shelly *s);           /* all calls were forgotten */

#endif
