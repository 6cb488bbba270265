/* Zigbee2MQTT 2.x in front of any number of simulated lamps, on the caller's loop: the far side of the mqtt driver.
   It plays what was seen of Zigbee2MQTT 2.14.1 and of the converters it uses, not what the bridge makes of it.

   Lamps are numbered from 0 in the order in which they were made: lights, then plugs. They keep their number when they
   are renamed, removed and joined again. Every verb may be called at any time; what is published while the broker is
   not there is lost, as it is there. */
#ifndef SIM_ZIGBEE2MQTT_H
#define SIM_ZIGBEE2MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct shape;
struct zigbee;

#define ZIGBEE_LAMPS_MAX 100000u

enum zigbee_availability {
    ZIGBEE_AVAILABILITY_JSON, /* {"state":"online"}, as 2.x publishes it */
    ZIGBEE_AVAILABILITY_TEXT, /* online, as 1.x did */
    ZIGBEE_AVAILABILITY_NONE, /* the feature is off: no topic */
};

enum zigbee_output { ZIGBEE_OUTPUT_JSON, ZIGBEE_OUTPUT_ATTRIBUTE, ZIGBEE_OUTPUT_BOTH }; /* advanced.output */

/* How a lamp takes commands. */
struct zigbee_manner {
    uint32_t delay_ms; /* it does, and says, everything so much later */
    bool silent;       /* it does nothing and says nothing; Zigbee2MQTT logs that it did not answer */
    bool stale;        /* on a command its full old state is published first */
    int reports;       /* identical messages after the first: 0..4, or -1 for 1 to 4 by chance, as real lamps do */
};

struct zigbee_config {
    const char *host; /* of the broker */
    uint16_t port;
    bool tls;
    const char *ca_file, *username, *password; /* NULL: none */
    const char *base;                          /* base topic; NULL: "zigbee2mqtt" */
    uint64_t seed;                             /* the same seed makes the same lamps and the same chances */
    size_t lamps, plugs;
    size_t others;   /* what is no light: a sensor, a remote, one unsupported, disabled, not interviewed */
    bool each_shape; /* lamp 0 is of the first kind there is, lamp 1 of the second, and so on, round and round */
    const struct shape *shape;         /* of all lamps; NULL: each kind as often as the catalogue has it */
    const struct shape *const *shapes; /* of lamp 0, 1, ... ; NULL: by `shape`. Only during zigbee_new */
    struct zigbee_manner manner;       /* of all lamps at the start */
    enum zigbee_availability availability;
    enum zigbee_output output;
    bool homeassistant;  /* what is not known is published as null */
    bool unknown;        /* Zigbee2MQTT starts with an empty cache: states are unknown until asked for or set */
    bool pessimistic;    /* option optimistic: false: nothing is published before the lamp reports */
    bool retain;         /* option retain of every lamp */
    bool chatty;         /* log level info: bridge/logging repeats all that is published, as it does by default */
    uint32_t give_up_ms; /* when a silent lamp is given up; 0: 10 s */
    void (*say)(void *user, const char *line); /* what happens, a line each; NULL: nobody reads it */
    void (*ready)(void *user);                 /* everything is published and commands are heard; NULL: no matter */
    void *user;
};

/* Texts are copied. A broker that is not there is tried again and again. ERR_INVALID where libmosquitto refuses what is
   asked, ERR_RANGE for too many lamps; *ret_why (may be NULL) says what. */
int zigbee_new(struct loop *loop, const struct zigbee_config *config, struct zigbee **ret_zigbee, const char **ret_why);
/* As kill -9 does: the broker publishes the will. NULL is legal. Not from inside its callbacks. */
void zigbee_free(struct zigbee *zigbee);
/* Ends as Zigbee2MQTT does when told to: bridge/state offline, DISCONNECT. Then only zigbee_free is left. */
void zigbee_leave(struct zigbee *zigbee);

size_t zigbee_count(const struct zigbee *zigbee);                     /* lamps and plugs, removed ones too */
const char *zigbee_name(const struct zigbee *zigbee, size_t lamp);    /* friendly name */
const char *zigbee_address(const struct zigbee *zigbee, size_t lamp); /* "0x00158d..." */
const struct shape *zigbee_shape(const struct zigbee *zigbee, size_t lamp);
bool zigbee_joined(const struct zigbee *zigbee, size_t lamp); /* not removed */
bool zigbee_online(const struct zigbee *zigbee, size_t lamp);
bool zigbee_is_on(const struct zigbee *zigbee, size_t lamp); /* its first light */
int zigbee_level(const struct zigbee *zigbee, size_t lamp);  /* the same: 0..254; -1: it has none */

/* ---- what happens to one lamp ---- */
void zigbee_behave(struct zigbee *zigbee, size_t lamp, const struct zigbee_manner *manner);
struct zigbee_manner zigbee_manner(const struct zigbee *zigbee, size_t lamp);
/* Is its availability watched at all? Device option availability; before it is ready. */
void zigbee_watch_availability(struct zigbee *zigbee, size_t lamp, bool watched);
void zigbee_set_online(struct zigbee *zigbee, size_t lamp, bool online); /* an offline lamp hears nothing */
void zigbee_wall(struct zigbee *zigbee, size_t lamp); /* the switch on the wall: all its lights on, or off */
void zigbee_set(struct zigbee *zigbee, size_t lamp, const char *json);   /* as if `json` had been sent to its /set */
int zigbee_rename(struct zigbee *zigbee, size_t lamp, const char *name); /* ERR_EXISTS, ERR_INVALID, ERR_ENDED */
void zigbee_remove(struct zigbee *zigbee, size_t lamp);
/* A removed lamp joins again: under its address as its name, interviewed a moment later. */
void zigbee_join(struct zigbee *zigbee, size_t lamp);
void zigbee_babble(struct zigbee *zigbee, size_t lamp); /* sends on its topic what no lamp would */

/* ---- groups ---- */
/* `members` are lamps. ERR_EXISTS: the name is taken; ERR_INVALID: no good name. */
int zigbee_group(struct zigbee *zigbee, const char *name, const size_t *members, size_t count);
int zigbee_ungroup(struct zigbee *zigbee, const char *name); /* ERR_NOT_FOUND */

/* ---- what happens to Zigbee2MQTT as a whole ---- */
/* Ends and starts again; lamps keep their state, what is under way is lost. `crash`: as kill -9, the will is published.
 */
void zigbee_restart(struct zigbee *zigbee, bool crash);
/* A hand on some wall switch, on average every so often; 0 for nobody. */
void zigbee_set_walls(struct zigbee *zigbee, uint32_t mean_ms);
/* Reports of changes, one lamp after the other, so many a second; 0 for none. */
void zigbee_storm(struct zigbee *zigbee, uint32_t per_second);

struct zigbee_stats {
    uint64_t sets, gets; /* messages heard */
    uint64_t states;     /* state messages published */
    uint64_t errors;     /* on bridge/logging */
    uint64_t walls;
    uint64_t held; /* milliseconds' worth of storm that the socket did not take */
};
struct zigbee_stats zigbee_stats(const struct zigbee *zigbee);

#endif
