/* Values of a template and the memory of one evaluation; for the files of ha_template.h. What goes wrong at run time is
   a value too (HA_BROKEN): it spreads to what is made of it, and matters only where it is used. */
#ifndef MQTT_HA_VALUE_H
#define MQTT_HA_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "mqtt/ha_template.h"

enum ha_type { HA_UNDEFINED, HA_NONE, HA_BOOL, HA_NUMBER, HA_TEXT, HA_LIST, HA_MAP, HA_TREE, HA_BROKEN };

struct ha_value {
    enum ha_type type;
    bool whole;                   /* a number: an int of Python, otherwise a float */
    double number;                /* of a bool 0 or 1 */
    const char *text;             /* with its length: no NUL behind it */
    size_t len;                   /* bytes of a text */
    const struct ha_value *items; /* of a list; of a map keys and values in turn */
    size_t count;                 /* of them */
    const struct json *tree;      /* an object or an array of the payload */
};

#define HA_NAMES 8u /* that {% set %} may make */
#define HA_DOCUMENTS 4u

/* One evaluation. */
struct ha_machine {
    const char *at, *end; /* in the template */
    const struct ha_scope *scope;
    unsigned depth;
    int err; /* why it cannot be evaluated, whatever the payload */
    struct str *why;
    char *memory;
    size_t used;
    struct {
        const char *name;
        size_t len;
        struct ha_value value;
    } names[HA_NAMES];
    size_t name_count;
    struct json *documents[HA_DOCUMENTS]; /* that from_json has made */
    size_t document_count;
};

/* The first failure counts. Returns a broken value. */
struct ha_value ha_fail(struct ha_machine *m, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));
void *ha_memory(struct ha_machine *m, size_t size); /* NULL: used up, and failed */

extern const struct ha_value ha_undefined, ha_none, ha_broken;
struct ha_value ha_bool(bool value);
struct ha_value ha_whole(double value);
struct ha_value ha_float(double value);                 /* broken unless finite */
struct ha_value ha_text(const char *bytes, size_t len); /* borrowed */
struct ha_value ha_copy(struct ha_machine *m, const char *bytes, size_t len);
struct ha_value ha_tree(const struct json *json); /* NULL: undefined */

bool ha_is(const struct ha_value *v, const char *text);
bool ha_true(const struct ha_value *v);
bool ha_equal(const struct ha_value *a, const struct ha_value *b);
bool ha_numeric(const struct ha_value *v); /* number or bool */
/* A number, or a text that is one; false otherwise. */
bool ha_number(const struct ha_value *v, double *ret_number, bool *ret_whole);
/* As Python's str(). Of what is undefined nothing; false for what is broken. */
bool ha_render(struct str *out, const struct ha_value *v);
void ha_render_json(struct json_out *j, const struct ha_value *v, unsigned depth);

/* A member of a map or an element of a list; undefined where there is none. */
struct ha_value ha_member(const struct ha_value *of, const struct ha_value *key);
size_t ha_length(const struct ha_value *v); /* bytes, elements, members */

/* ---- ha_filter.c ---- */

#define HA_ARGUMENTS 4u

struct ha_arguments {
    struct {
        const char *name; /* NULL: by position */
        size_t len;
        struct ha_value value;
    } list[HA_ARGUMENTS];
    size_t count;
};

/* By position, or by name. NULL: not given. */
const struct ha_value *ha_argument(const struct ha_arguments *a, size_t index, const char *name);

typedef struct ha_value ha_call(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a);
/* Rows of calls, the last with a NULL name. */
struct ha_row {
    const char *name;
    ha_call *call;
};
ha_call *ha_row_find(const struct ha_row *rows, const char *name, size_t len);

ha_call *ha_filter_find(const char *name, size_t len);   /* v | name(a) */
ha_call *ha_method_find(const char *name, size_t len);   /* v.name(a) */
ha_call *ha_function_find(const char *name, size_t len); /* name(a): v is the first argument */

/* ---- ha_is.c ---- */

ha_call *ha_test_find(const char *name, size_t len); /* v is name */

/* ---- ha_operand.c ---- */

void ha_skip_space(struct ha_machine *m);
bool ha_looks_at(struct ha_machine *m, const char *token);                     /* signs, with white space before */
bool ha_take(struct ha_machine *m, const char *token);                         /* the same, and goes behind it */
bool ha_take_word(struct ha_machine *m, const char *word);                     /* a whole word */
bool ha_take_name(struct ha_machine *m, const char **ret_at, size_t *ret_len); /* any name */
struct ha_value ha_unexpected(struct ha_machine *m);                           /* fails with what stands there */
void ha_read_arguments(struct ha_machine *m, struct ha_arguments *a);          /* behind the bracket */
/* Calls it; NULL is refused by its name: "the filter 'regex_replace'". */
struct ha_value ha_apply(struct ha_machine *m, ha_call *fn, const char *what, const char *name, size_t len,
                         const struct ha_value *v, const struct ha_arguments *a);
struct ha_value ha_operand(struct ha_machine *m);                     /* with its members and methods */
struct ha_value ha_filtered(struct ha_machine *m, struct ha_value v); /* | filter ... */

/* ---- ha_expression.c ---- */

struct ha_value ha_expression(struct ha_machine *m);

#endif
