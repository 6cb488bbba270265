/* What the files of Home Assistant discovery's run time share; ha.h is for mqtt.c. */
#ifndef MQTT_HA_INTERNAL_H
#define MQTT_HA_INTERNAL_H

#include "mqtt/ha.h"
#include "mqtt/ha_config.h"

/* A topic that a lamp listens to while it is attached. */
struct ha_ear {
    struct listener listener; /* first; what: enum ha_hears */
    struct ha_node *node;
    uint32_t channels;    /* bits of enum ha_channel, of a state topic */
    uint8_t availability; /* which, otherwise */
};
enum ha_hears { HA_HEARS_STATE, HA_HEARS_AVAILABILITY };

/* A lamp that was announced. */
struct ha_node {
    struct way way; /* first */
    struct ha_node *next;
    struct ha_lamp lamp;
    struct ha_ear *ears; /* NULL: not attached */
    uint8_t ear_count;
    uint8_t latest;                           /* enum light_reach: what the last of its availabilities said */
    uint8_t available[HA_MAX_AVAILABILITIES]; /* enum light_reach */
    char key[];                               /* topic behind the prefix, then "#" and the component's key */
};

struct ha {
    struct dialect dialect; /* first */
    size_t prefix_len;
    char *group; /* what addresses of Zigbee2MQTT's groups begin with */
    struct ha_node **buckets;
    size_t size, count;
    struct timer *grace; /* runs while native dialects have the first word */
    struct ha_command command;
};

/* ha_nodes.c */
struct ha_node *ha_node_find(const struct ha *h, const char *topic, const char *component);
struct ha_node *ha_node_add(struct ha *h, const char *topic, const char *component);
void ha_node_remove(struct ha *h, struct ha_node *node); /* its way was given up; frees it */
/* All that came with this topic: a device has many. NULL at the end; the one before may be gone. */
struct ha_node *ha_node_of_topic(const struct ha *h, const char *topic);
struct ha_node *ha_node_next(const struct ha *h, const struct ha_node *after); /* in no order, NULL starts */

/* ha_announced.c */
void ha_announced(struct ha *h, const char *topic, bool device, bool is_switch, const char *bytes, size_t len);
void ha_announce(struct way *way);
void ha_announce_waiting(void *user); /* the grace is over */

/* ha.c */
void ha_listen(struct ha_node *node);
void ha_deafen(struct ha_node *node);
void ha_reach(const struct ha_node *node);

#endif
