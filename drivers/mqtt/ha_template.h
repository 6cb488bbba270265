/* The part of Jinja that announcements of Home Assistant discovery are really written in: a bounded evaluator. Source
   of the meaning: Jinja's template designer documentation, and Home Assistant's "Templating" and "MQTT" pages for the
   filters that are its own.

   Read: text, {{ }}, {% if/elif/else/endif %}, {% set %}, {# #}, with white space control; literals, lists, dicts,
   names, .member, [index], [from:to], and/or/not, comparisons, in, is [not] TEST, + - * / // % ~, a if b else c; the
   filters, tests, methods and functions that are rows of ha_filter.c and ha_is.c. Everything else is refused by name:
   loops, macros, imports, `states()` and the like. An evaluation has no side effects, takes HA_TEMPLATE_MEMORY at most,
   and ends in one pass. */
#ifndef MQTT_HA_TEMPLATE_H
#define MQTT_HA_TEMPLATE_H

#include <stddef.h>

#include "base/str.h"

struct json;
struct ha_value;

#define HA_TEMPLATE_MAX 4096u     /* bytes of a template */
#define HA_TEMPLATE_OUTPUT 16384u /* bytes that it gives */
#define HA_TEMPLATE_MEMORY 32768u /* for texts, lists and dicts on the way there */
#define HA_TEMPLATE_DEPTH 16u     /* brackets and blocks in each other */

/* What a name means. Numbers, where they are whole, are ints as in Python. */
struct ha_variable {
    const char *name;
    const char *text; /* NULL: a number */
    double number;
};

/* What the names of a template mean: `value` the whole payload, `value_json` its JSON, and variables. */
struct ha_scope {
    const char *value; /* NULL: there is none */
    size_t len;
    const struct json *value_json; /* NULL: it is no JSON */
    const struct ha_variable *variables;
    size_t count;
};

/* Can it be evaluated? Otherwise ERR_UNSUPPORTED, ERR_TOO_LARGE or ERR_INVALID (it is broken), and `why` says by what:
   "the filter 'regex_replace'". */
int ha_template_check(const char *template, struct str *why);
/* Appends what the template gives. ERR_INVALID: it could not be evaluated with this (a member of something that is not
   there, say), and `out` is as it was; ERR_* of ha_template_check. */
int ha_template_run(const char *template, const struct ha_scope *scope, struct str *out);

#endif
