/* What the files of Zigbee2MQTT's run time share; z2m.h is for mqtt.c. */
#ifndef MQTT_Z2M_INTERNAL_H
#define MQTT_Z2M_INTERNAL_H

#include "mqtt/z2m.h"

#include "base/json.h"
#include "loop/loop.h"
#include "mqtt/connection.h"
#include "mqtt/z2m_codec.h"

/* One light of a node. */
struct z2m_slot {
    struct way way; /* first */
    struct z2m_node *node;
    const struct z2m_lamp *lamp; /* shared by all of its make */
};

/* A device or a group that has lights: what has a topic of its own. */
struct z2m_node {
    struct z2m_node *next_by_name, *next_by_id, *next_question;
    char *name;                       /* friendly name: its topic */
    char *id;                         /* ieee address; of a group "#" and its number, which no address begins with */
    char *product;                    /* vendor, model and version, each with its NUL */
    struct listener state, available; /* to NAME and to NAME/availability */
    struct z2m_slot **slots;          /* never more than Z2M_MAX_LAMPS */
    uint8_t count;
    size_t left;          /* lights of the device that are none of ours, as the log says */
    uint8_t asked;        /* slots whose state was asked for, while in the queue of questions */
    uint8_t availability; /* enum light_reach, by its own topic; what a dead Zigbee2MQTT left there is unknown */
    bool tells;           /* it has an availability topic */
    bool questioned;      /* in the queue of questions */
    bool heard;           /* it has said its state since its Zigbee2MQTT is there */
    uint32_t seen;        /* serial of the list it was last in */
};

/* Nodes by name and by id; lamps of one make kept once. */
struct z2m_make;
struct z2m_nodes {
    struct z2m_node **by_name, **by_id;
    size_t size, count;
    struct z2m_make *makes;
};
struct z2m_node *z2m_nodes_named(const struct z2m_nodes *nodes, const char *name, size_t len);
struct z2m_node *z2m_nodes_find(const struct z2m_nodes *nodes, const char *id);
struct z2m_node *z2m_nodes_add(struct z2m_nodes *nodes, const char *id, const char *name);
void z2m_nodes_rename(struct z2m_nodes *nodes, struct z2m_node *node, const char *name);
void z2m_nodes_remove(struct z2m_nodes *nodes, struct z2m_node *node); /* frees it; its lights are detached */
/* Iterates in no order; NULL starts. The node returned may be removed after its next was fetched. */
struct z2m_node *z2m_nodes_next(const struct z2m_nodes *nodes, const struct z2m_node *after);
void z2m_nodes_done(struct z2m_nodes *nodes);
const struct z2m_lamp *z2m_nodes_make_take(struct z2m_nodes *nodes, const struct z2m_lamp *lamp);
void z2m_nodes_make_release(struct z2m_nodes *nodes, const struct z2m_lamp *lamp);

/* A list that is being taken in, slice by slice. */
struct z2m_intake {
    char *bytes; /* NULL: none */
    size_t len;
    struct json_cut cut;
    uint32_t serial;
    bool doubtful; /* an element could not be told: nothing is swept */
};

/* struct listener.what */
enum z2m_topic { Z2M_STATE, Z2M_AVAILABILITY };

enum z2m_bridge { BRIDGE_UNKNOWN, BRIDGE_ONLINE, BRIDGE_OFFLINE };

struct z2m {
    struct dialect dialect; /* first */
    size_t base_len;
    enum z2m_bridge bridge;
    bool unwatched;  /* Zigbee2MQTT watches nobody's availability */
    bool attributes; /* advanced.output is set so that we hear nothing */
    struct z2m_nodes nodes;

    /* lists: z2m_list.c */
    struct z2m_intake devices, groups;
    char *last_groups; /* taken in again when the devices change */
    size_t last_groups_len;
    bool devices_known; /* a list of devices was taken in since we are up */
    uint32_t serial;
    struct timer *slice;
    struct z2m_device *scratch; /* while devices are taken in */

    struct str topic, payload; /* scratch of z2m_command.c and z2m_question.c */

    /* questions: z2m_question.c */
    struct z2m_node *first_question, *last_question;
    struct timer *question;
    uint64_t next_question_at; /* loop ms: not before */
    unsigned question_rounds;  /* in which some did not answer */
};

/* z2m_list.c */
void z2m_list_take(struct z2m *z, struct z2m_intake *intake, const char *bytes, size_t len);
void z2m_list_slice(void *user);
void z2m_list_stop(struct z2m *z);
void z2m_list_announce_node(struct z2m_node *node); /* it tells when it is gone */
void z2m_list_announce(struct way *way);
void z2m_list_subscribe(struct z2m *z); /* the lists, after the broker came (back) */
void z2m_list_done(struct z2m *z);      /* no node is left */

/* z2m_command.c */
void z2m_command_apply(struct way *way, struct request_id request, const struct light_state *patch,
                       uint32_t transition_ms);
void z2m_command_report(struct z2m_slot *slot, struct light_state *report);
void z2m_command_failed(struct z2m_node *node, const struct z2m_failure *failure, const char *why);
void z2m_command_topic(struct z2m *z, const struct z2m_node *node, const char *verb); /* into z->topic */

/* z2m_question.c: states are asked for one by one, the radio is slow */
void z2m_question_ask(struct z2m *z, struct z2m_node *node);
void z2m_question_ask_all(struct z2m *z); /* begins anew with the patience for those that do not answer */
void z2m_question_due(void *user);
void z2m_question_forget(struct z2m *z, struct z2m_node *node);
void z2m_question_forget_all(struct z2m *z);

/* z2m.c */
void z2m_garbage(struct z2m *z, const char *topic, const char *what); /* topic without the base */

static inline struct z2m *z2m_of(const struct way *way)
{
    return (struct z2m *)way->dialect;
}

static inline struct driver *z2m_driver(const struct z2m *z)
{
    return z->dialect.broker->driver;
}

#endif
