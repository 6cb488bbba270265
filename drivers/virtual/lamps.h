/* Lamps in memory and the wire to them: the far side of the virtual driver. What a test may do to a real lamp it
   may do to these: be slow, be silent, lose the wire, turn the switch on the wall. */
#ifndef VIRTUAL_LAMPS_H
#define VIRTUAL_LAMPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/light.h"

struct loop;
struct lamps;

#define LAMPS_MAX 20000u

/* A make of lamp: adding one is adding a row in lamps.c. */
struct lamp_shape {
    const char *model;
    struct light_profile profile;
    bool plain;      /* its protocol has no availability */
    bool optimistic; /* it obeys and never says anything */
};

enum lamp_mood { LAMP_WELL, LAMP_SLOW, LAMP_LATE, LAMP_SILENT, LAMP_DUPLICATE, LAMP_STALE };

/* What comes over the wire. */
enum lamp_says {
    LAMP_SAYS_HERE,   /* the far side is there; `lamp` counts for nothing */
    LAMP_SAYS_GONE,   /* it is not, or the wire is cut */
    LAMP_SAYS_JOINED, /* a lamp came */
    LAMP_SAYS_LEFT,   /* a lamp was removed */
    LAMP_SAYS_ONLINE, /* availability */
    LAMP_SAYS_OFFLINE,
    LAMP_SAYS_ACCEPTED, /* the command with this cookie is understood, the fade begins */
    LAMP_SAYS_STATE,
    LAMP_SAYS_NONSENSE, /* what no lamp would say */
};

struct lamp_message {
    enum lamp_says says;
    size_t lamp;
    uint64_t cookie;
    struct light_state state;
};

typedef void lamps_fn(void *user, const struct lamp_message *message);

/* `count` lamps up to LAMPS_MAX, of the shapes in turn, each off at full level. slow_ms and late_ms are how long
   a slow and a late lamp take to say anything. */
struct lamps *lamps_new(struct loop *loop, size_t count, uint32_t slow_ms, uint32_t late_ms);
void lamps_free(struct lamps *lamps); /* NULL is legal; whoever listens has left before */
size_t lamps_count(const struct lamps *lamps);
const struct lamp_shape *lamps_shape(const struct lamps *lamps, size_t lamp);
void lamps_set_shape(struct lamps *lamps, size_t lamp, size_t shape); /* before anybody listens */
bool lamps_joined(const struct lamps *lamps, size_t lamp);            /* not removed */
bool lamps_online(const struct lamps *lamps, size_t lamp);

/* ---- the wire, for the driver. Messages come later, never from inside these calls ---- */
void lamps_listen(struct lamps *lamps, lamps_fn *fn, void *user); /* one listener; fn NULL leaves */
void lamps_command(struct lamps *lamps, size_t lamp, uint64_t cookie, const struct light_state *patch,
                   uint32_t transition_ms);
void lamps_ask(struct lamps *lamps, size_t lamp); /* for its state */

/* ---- for tests ---- */
void lamps_set_mood(struct lamps *lamps, size_t lamp, enum lamp_mood mood);
void lamps_set_online(struct lamps *lamps, size_t lamp, bool online);
void lamps_set_wire(struct lamps *lamps, bool there); /* cut or mended; what is under way on it is lost */
void lamps_restart(struct lamps *lamps);              /* gone and here again; what is under way is lost */
void lamps_wall(struct lamps *lamps, size_t lamp);    /* the switch on the wall */
void lamps_remove(struct lamps *lamps, size_t lamp);
void lamps_join(struct lamps *lamps, size_t lamp);
void lamps_babble(struct lamps *lamps, size_t lamp); /* nonsense */
void lamps_state(const struct lamps *lamps, size_t lamp, struct light_state *ret_state);

#endif
