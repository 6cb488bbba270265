/* Any number of lamps that announce themselves by Home Assistant discovery, on the caller's loop: ESPHome nodes, lamps
   of the default schema, a zwave-js-ui, relays. One connection speaks for all, and says for those that are gone what
   the broker would. Lamps are numbered from 0 and keep their number. What is published while the broker is not there is
   lost. */
#ifndef SIM_HERALD_H
#define SIM_HERALD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/herald_lamp.h"

struct loop;
struct herald;

#define HERALD_LAMPS_MAX 100000u

/* How a lamp takes commands. */
struct herald_manner {
    uint32_t delay_ms; /* it does, and says, everything so much later */
    bool silent;       /* it does nothing and says nothing, though its availability says that it is there */
    bool stale;        /* on a command its full old state comes first */
    uint8_t repeats;   /* so many identical messages after each */
};

struct herald_config {
    const char *host; /* of the broker */
    uint16_t port;
    bool tls;
    const char *ca_file, *username, *password; /* NULL: none */
    const char *prefix;                        /* NULL: homeassistant */
    uint64_t seed;                             /* the same seed makes the same lamps */
    size_t lamps;
    const struct herald_kind *kind;         /* of all; NULL: each in turn */
    const struct herald_kind *const *kinds; /* of lamp 0, 1, ...; NULL: by `kind`. Only during herald_new */
    const char *name;                       /* what names and topics begin with; the number follows. NULL: herald_ */
    bool shy; /* announces and states are not retained, and come only to PREFIX/status online */
    void (*say)(void *user, const char *line); /* what happens, a line each; NULL: nobody reads it */
    void (*ready)(void *user);                 /* commands are heard; NULL: no matter */
    void *user;
};

/* Texts are copied. A broker that is not there is tried again and again. ERR_INVALID where libmosquitto refuses what is
   asked, ERR_RANGE for too many lamps; *ret_why (may be NULL) says what. */
int herald_new(struct loop *loop, const struct herald_config *config, struct herald **ret_herald, const char **ret_why);
void herald_free(struct herald *herald);  /* NULL is legal. Not from inside its callbacks. */
void herald_leave(struct herald *herald); /* all lose their power; then only herald_free is left */

size_t herald_count(const struct herald *herald);
const char *herald_name(const struct herald *herald, size_t lamp);
const char *herald_mac(const struct herald *herald, size_t lamp); /* "a4cf12000001" */
const struct herald_lamp *herald_lamp(const struct herald *herald, size_t lamp);
bool herald_online(const struct herald *herald, size_t lamp);

void herald_behave(struct herald *herald, size_t lamp, const struct herald_manner *manner);
struct herald_manner herald_manner(const struct herald *herald, size_t lamp);
void herald_set_online(struct herald *herald, size_t lamp, bool there);
void herald_hide_availability(struct herald *herald, size_t lamp); /* its announcement has none; before it is ready */
void herald_wall(struct herald *herald, size_t lamp);              /* a hand: on becomes off and the reverse */
void herald_announce(struct herald *herald, size_t lamp, bool announced); /* an empty announcement takes it back */
void herald_babble(struct herald *herald, size_t lamp); /* sends on its state topic what no lamp would */
void herald_restart(struct herald *herald);             /* all end and start again: what is under way is lost */

/* Changes reported, one lamp after the other; 0: none. */
void herald_storm(struct herald *herald, uint32_t per_second);

struct herald_stats {
    uint64_t commands, states; /* heard, published */
};
struct herald_stats herald_stats(const struct herald *herald);

#endif
