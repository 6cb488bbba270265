/* What the files of the simulated Tasmota modules share. */
#ifndef SIM_SONOFF_INTERNAL_H
#define SIM_SONOFF_INTERNAL_H

#include "base/str.h"
#include "loop/loop.h"
#include "sim/broker.h"
#include "sim/names.h"
#include "sim/schedule.h"
#include "sim/sonoff.h"
#include "sim/storm.h"

struct module {
    struct sonoff_light light;
    struct sonoff_manner manner;
    char *topic; /* %topic% */
    char mac[13];
    uint32_t ip;         /* its last byte */
    uint32_t generation; /* what was to happen to an earlier one does not */
    bool there;          /* it has power */
    bool announced;      /* SetOption19 0 */
    bool hidden;         /* it has no LWT */
};

struct sonoff {
    struct loop *loop;
    struct sonoff_config config;
    struct broker *broker;
    struct schedule *schedule;
    struct names *names; /* what commands begin with: "cmnd/tasmota_1/" */
    struct module *modules;
    size_t count;
    uint64_t dice;
    uint32_t macs; /* so many were given */
    bool ready, starting;
    int ready_mid;
    struct storm *storm;
    struct sonoff_stats stats;
};

/* A line for people. */
void sonoff_tell(struct sonoff *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* sonoff_module.c: what one module says and hears */
void sonoff_topic_of(const struct sonoff *s, const struct module *m, enum sonoff_prefix prefix, const char *subtopic,
                     struct str *ret_topic);
void sonoff_publish(struct sonoff *s, struct module *m, enum sonoff_prefix prefix, const char *subtopic,
                    const char *text, bool retain);
void sonoff_say_lwt(struct sonoff *s, struct module *m, bool online);
void sonoff_say_discovery(struct sonoff *s, struct module *m, bool clear);
void sonoff_say_powers(struct sonoff *s, struct module *m);
void sonoff_hear(struct sonoff *s, struct module *m, const char *command, const char *payload, size_t len);
void sonoff_run(struct sonoff *s, struct module *m, const char *command, const char *argument);

#endif
