/* What line.c and line_hear.c share. */
#ifndef SERIAL_LINE_INTERNAL_H
#define SERIAL_LINE_INTERNAL_H

#include "serial/line_dialect.h"
#include "serial/protocol.h"

enum doing { NOTHING, COMMAND, ASK, WHO };

struct line_lamp {
    struct serial_lamp lamp; /* first */
    char id[LINE_ID];
    const char *name;
    struct light_state known; /* what it said, and what was asked of it if it never says anything */
    uint32_t learned;         /* LIGHT_* that its states had so far */
    bool ask;                 /* its state is to be asked for */
};

struct line {
    struct protocol protocol; /* first */
    const char *kind;         /* "line", "wled": of addresses */
    struct line_dialect *dialect;
    struct queue queue;
    struct timer *timeout, *poll, *starting;
    struct line_lamp *lamps;
    size_t count;
    struct str in;
    bool too_long; /* what comes up to the next end of line is dropped */

    enum doing doing;
    struct queued *command; /* COMMAND */
    struct line_step steps[LINE_MAX_STEPS];
    size_t step, step_count;
    struct light_state heard; /* of the lamp since the line was sent */
    struct line_lamp *asked;  /* ASK */
    unsigned silent;          /* questions in a row that had no answer */
};

/* line.c: what is under way. */
void line_advance(struct line *l);
void line_ask_all(struct line *l);
void line_send_step(struct line *l);
void line_step_done(struct line *l, enum basis basis);
void line_end_command(struct line *l, int result, enum basis basis, const char *why);
void line_end_question(struct line *l); /* answered, or not worth it any more */

/* line_hear.c */
bool line_is_known(const struct line_lamp *lamp);
void line_announce(struct line *l, struct line_lamp *lamp);
void line_bytes(struct protocol *self, const uint8_t *bytes, size_t len);

#endif
