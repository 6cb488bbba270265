/* Any number of Tasmota modules behind a broker, on the caller's loop. It plays what the firmware's source does
   (arendst/Tasmota 13), not what the bridge makes of it; one connection speaks for all modules, and says "Offline" for
   those that are gone, which in truth the broker does for each.

   Modules are numbered from 0. They keep their number whatever happens to them. Every verb may be called at any time;
   what is published while the broker is not there is lost, as it is there. */
#ifndef SIM_SONOFF_H
#define SIM_SONOFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/sonoff_light.h"

struct loop;
struct sonoff;

#define SONOFF_MODULES_MAX 100000u

/* How a module takes commands. */
struct sonoff_manner {
    uint32_t delay_ms; /* it does, and says, everything so much later */
    bool silent;       /* it does nothing and says nothing, though its LWT says "Online" */
    bool stale;        /* on a command its full old tele/STATE comes first */
    uint8_t repeats;   /* so many identical messages after each */
};

struct sonoff_config {
    const char *host; /* of the broker */
    uint16_t port;
    bool tls;
    const char *ca_file, *username, *password; /* NULL: none */
    uint64_t seed;                             /* the same seed makes the same modules */
    size_t modules;
    const struct sonoff_kind *kind;         /* of all modules; NULL: each in turn */
    const struct sonoff_kind *const *kinds; /* of module 0, 1, ... ; NULL: by `kind`. Only during sonoff_new */
    struct sonoff_settings settings;        /* of all modules; its texts outlive the modules */
    const char *topic;                      /* what topics begin with; the number follows: NULL: "tasmota_" */
    const char *full_topic;                 /* NULL: "%prefix%/%topic%/" */
    const char *prefixes[3];                /* NULL: cmnd, stat, tele */
    const char *offline, *online;           /* of the LWT; NULL: Offline, Online */
    uint32_t discovery_ms;       /* from a module's start to its announcement; 0: 1 s, as after a reconnect */
    bool no_retain;              /* SetOption104: nothing is retained */
    struct sonoff_manner manner; /* of all modules at the start */
    void (*say)(void *user, const char *line); /* what happens, a line each; NULL: nobody reads it */
    void (*ready)(void *user);                 /* commands are heard; NULL: no matter */
    void *user;
};

/* Texts are copied but where it says otherwise. A broker that is not there is tried again and again. ERR_INVALID where
   libmosquitto refuses what is asked, ERR_RANGE for too many modules; *ret_why (may be NULL) says what. */
int sonoff_new(struct loop *loop, const struct sonoff_config *config, struct sonoff **ret_sonoff, const char **ret_why);
void sonoff_free(struct sonoff *sonoff);  /* NULL is legal. Not from inside its callbacks. */
void sonoff_leave(struct sonoff *sonoff); /* all modules lose their power; then only sonoff_free is left */

size_t sonoff_count(const struct sonoff *sonoff);

const char *sonoff_mac(const struct sonoff *sonoff, size_t module);   /* "AABBCCDDEEFF" */
const char *sonoff_topic(const struct sonoff *sonoff, size_t module); /* the %topic% */
const struct sonoff_light *sonoff_light(const struct sonoff *sonoff, size_t module);
bool sonoff_online(const struct sonoff *sonoff, size_t module);

/* ---- what happens to one module ---- */
void sonoff_behave(struct sonoff *sonoff, size_t module, const struct sonoff_manner *manner);
struct sonoff_manner sonoff_manner(const struct sonoff *sonoff, size_t module);
void sonoff_hide_lwt(struct sonoff *sonoff, size_t module); /* it has none; before it is ready */
/* Its power is cut, and comes back: it starts, says its POWER, and announces itself. */
void sonoff_set_power(struct sonoff *sonoff, size_t module, bool there);
/* Its connection is lost and comes back: it says that it is there, and nothing of its state. */
void sonoff_reconnect(struct sonoff *sonoff, size_t module);
void sonoff_wall(struct sonoff *sonoff, size_t module); /* its button: all its lights on, or off */
void sonoff_console(struct sonoff *sonoff, size_t module, const char *command, const char *argument);
void sonoff_say_state(struct sonoff *sonoff, size_t module);                /* tele/STATE, as each five minutes */
void sonoff_move(struct sonoff *sonoff, size_t module, const char *topic);  /* command Topic: it starts anew */
void sonoff_replace(struct sonoff *sonoff, size_t module);                  /* another MAC takes its topic */
void sonoff_announce(struct sonoff *sonoff, size_t module, bool announced); /* SetOption19 0, 1 */
void sonoff_set_light(struct sonoff *sonoff, size_t module, const struct sonoff_kind *kind); /* another Template */
void sonoff_babble(struct sonoff *sonoff, size_t module); /* sends on its topic what no module would */

/* ---- what happens to all of them ---- */
void sonoff_restart(struct sonoff *sonoff); /* a power cut: they lose what is under way, and start again */
void sonoff_storm(struct sonoff *sonoff,
                  uint32_t per_second); /* changes reported, one module after the other; 0: none */

struct sonoff_stats {
    uint64_t commands, questions; /* messages heard: with an argument, without */
    uint64_t states;              /* messages published on stat and tele */
};
struct sonoff_stats sonoff_stats(const struct sonoff *sonoff);

#endif
