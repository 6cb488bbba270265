/* What the files of the simulated Zigbee2MQTT share. */
#ifndef SIM_ZIGBEE_INTERNAL_H
#define SIM_ZIGBEE_INTERNAL_H

#include "base/str.h"
#include "sim/broker.h"
#include "sim/lamp.h"
#include "sim/names.h"
#include "sim/schedule.h"
#include "sim/storm.h"
#include "sim/zigbee2mqtt.h"

#define ZIGBEE_GROUP 0x80000000u /* bit of a number in `names` that means a group */
#define ZIGBEE_INTERVIEW_MS 200

enum interview { INTERVIEW_DONE, INTERVIEW_UNDER_WAY };

struct device {
    char *name, *topic; /* topic: with the base */
    char ieee[19];
    const struct shape *shape;
    struct lamp *lamps; /* its lights */
    size_t count;
    struct zigbee_manner manner;
    uint64_t chance;     /* its own stream: what others are told does not change what it does */
    uint32_t generation; /* a fade whose generation has passed was overtaken by a later command */
    uint32_t groups;     /* how many have it as a member */
    uint8_t quality, interview;
    bool removed, online, watched, known, pessimistic, retain;
};

struct group {
    char *name, *topic;
    uint32_t *members; /* devices */
    size_t count;
    uint32_t id; /* 0: the slot is free */
    bool online;
};

struct zigbee {
    struct loop *loop;
    struct zigbee_config config;
    struct broker *broker;
    struct schedule *schedule;
    struct names *names; /* friendly names and addresses of devices, names of groups */
    struct device *devices;
    size_t count;
    struct group *groups;
    size_t group_count;
    char **definitions; /* text of the definition of each shape, made when first needed */
    struct str text;    /* of the message being made */
    struct str last_log;
    uint64_t walls, dice; /* streams: when and where a hand is on a switch; all else */
    uint32_t wall_ms;
    struct timer *wall_timer;
    struct storm *storm;
    uint32_t permit_s;
    int ready_mid;
    bool ready, permit_join;
    bool starting; /* not merely connecting again */
    struct zigbee_stats stats;
};

/* ---- zigbee.c ---- */
/* Publishes below the base topic; zigbee_send_text publishes z->text on a whole topic. */
void zigbee_send(struct zigbee *z, const char *topic, const char *payload, size_t len, int qos, bool retain);
void zigbee_send_text(struct zigbee *z, const char *topic, bool retain);
void zigbee_log(struct zigbee *z, const char *level, const char *message); /* bridge/logging */
void zigbee_say(struct zigbee *z, const char *format, ...) __attribute__((format(printf, 2, 3)));
void zigbee_call(struct zigbee *z, struct device *d, const char *name); /* gives it that name and topic */
void zigbee_tell_availability(struct zigbee *z, struct device *d);

/* ---- zigbee_bridge.c: the documents about the network ---- */
void zigbee_tell_info(struct zigbee *z);
void zigbee_tell_devices(struct zigbee *z);
void zigbee_tell_groups(struct zigbee *z);
void zigbee_tell_definitions(struct zigbee *z);
void zigbee_tell_event(struct zigbee *z, const struct device *d, const char *type, const char *status);

/* ---- zigbee_lamps.c: commands, states, fades ---- */
void zigbee_tell_state(struct zigbee *z, struct device *d);
void zigbee_tell_report(struct zigbee *z, struct device *d); /* and what its reports after it repeat */
void zigbee_tell_group_state(struct zigbee *z, struct group *g);
void zigbee_hear(struct zigbee *z, const char *topic, const char *payload, size_t len); /* behind the base topic */
void zigbee_hear_set(struct zigbee *z, struct device *d, size_t target, const struct json *message);

/* ---- zigbee_request.c: bridge/request/... and the verbs that it shares with people ---- */
void zigbee_hear_request(struct zigbee *z, const char *what, const char *payload, size_t len);

/* ---- zigbee_network.c: joining, leaving, groups ---- */
struct group *zigbee_find_group(struct zigbee *z, const char *name);
/* ERR_EXISTS, ERR_INVALID. `id` 0: the next free one. */
int zigbee_add_group(struct zigbee *z, const char *name, uint32_t id, struct group **ret_group);
void zigbee_remove_group(struct zigbee *z, struct group *g);
int zigbee_rename_group(struct zigbee *z, struct group *g, const char *name);
void zigbee_add_member(struct zigbee *z, struct group *g, uint32_t device);
void zigbee_remove_member(struct zigbee *z, struct group *g, uint32_t device);
void zigbee_judge_group(struct zigbee *z, struct group *g, bool always); /* its availability */
void zigbee_leave_groups(struct zigbee *z, uint32_t device);

/* ---- zigbee_chance.c: walls and storms ---- */
void zigbee_init_chance(struct zigbee *z);
void zigbee_start_chance(struct zigbee *z);
void zigbee_stop_chance(struct zigbee *z);

#endif
