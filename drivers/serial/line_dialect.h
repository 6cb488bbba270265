/* How one make of controller speaks in lines: the templates that the user, or a preset, gives, compiled; and what its
   lines say. Pure. */
#ifndef SERIAL_LINE_DIALECT_H
#define SERIAL_LINE_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/light.h"
#include "serial/line_template.h"

#define LINE_MAX_BYTES 32768u /* of one line; what is longer is dropped up to its end */
#define LINE_MAX_PATTERNS 16u
#define LINE_MAX_LIGHTS 64u

struct line_light {
    const char *id, *name; /* name NULL: the id */
};

/* As in the configuration; NULL and 0 are what is not there. Texts and lists outlive what is made of them. */
struct line_options {
    const char *ending; /* "lf", "cr", "crlf" */
    const char *on, *off, *level, *kelvin, *color;
    const char *ask;    /* the question for the state: of each light if <id> is in it, of all otherwise */
    const char *who;    /* the question for the id of the one light; `lights` is empty then */
    const char *who_is; /* its answer, with <id> */
    const char *ready;  /* what a board says when it has started */
    const char *const *state, *const *answer, *const *refusal; /* lists that end with NULL */
    const struct line_light *lights;
    size_t light_count;
    uint32_t baud, wait_ms, poll_s, timeout_ms;
    const char *model; /* of a preset */
    bool learn;        /* of a preset: a lamp can what its first state tells of it, not more */
};

/* A pattern, and where in a line it is looked for. */
struct line_pattern {
    char pointer[LINE_MAX_TEMPLATE]; /* a JSON pointer (RFC 6901) into the object that begins with the line's first {;
                                        "": the line itself */
    struct line_template pattern;
};

struct line_patterns {
    size_t count;
    struct line_pattern list[LINE_MAX_PATTERNS];
};

enum line_command {
    LINE_DO_ON,
    LINE_DO_OFF,
    LINE_DO_LEVEL,
    LINE_DO_KELVIN,
    LINE_DO_COLOR,
    LINE_ASK,
    LINE_WHO,
    LINE_COMMANDS
};

struct line_dialect {
    const struct line_options *options;
    const char *ending; /* its bytes */
    bool has[LINE_COMMANDS];
    struct line_template commands[LINE_COMMANDS];
    struct line_patterns state, answer, refusal, who_is, ready;
    struct light_profile profile; /* what the commands can do */
    bool dimmed;                  /* red, green and blue carry the level: there is no other way to say it */
    struct light_tolerance tolerance;
};

/* What is wrong with options, for a message at the right place. */
struct line_error {
    const char *key; /* "level", "state" */
    size_t index;    /* in a list */
    size_t at;       /* byte in the text */
    const char *why; /* static text: what is wrong and what would be right */
};
/* ERR_INVALID with *ret_error. The caller frees with free(). */
int line_dialect_new(const struct line_options *options, struct line_dialect **ret_dialect,
                     struct line_error *ret_error);

/* The lines of a command, in their order: at most three. Each line carries members (line_template_members), and what
   none has carried yet gets one of its own: colour or kelvin, then level, then on. */
#define LINE_MAX_STEPS 3u
struct line_step {
    enum line_command command;
    uint32_t members; /* of the patch that it carries: a state that has these as they were asked for is its answer */
};
size_t line_dialect_steps(const struct line_dialect *d, const struct light_state *patch,
                          struct line_step ret_steps[LINE_MAX_STEPS]);
/* One line with its ending. `state` is what the lamp will be: what it was, under the patch. */
void line_dialect_write(const struct line_dialect *d, enum line_command command, const char *id,
                        const struct light_state *state, uint32_t transition_ms, struct str *out);

/* Does any of the patterns fit the line? *values gets what all that fit have read. */
bool line_patterns_match(const struct line_patterns *p, const char *line, size_t len, struct line_values *values);

extern const struct line_options line_wled, line_tasmota;

#endif
