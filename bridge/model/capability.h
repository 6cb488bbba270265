/* SmartThings capabilities as rows: adding one is adding a row. Source: facts 3, official capability tables. */
#ifndef MODEL_CAPABILITY_H
#define MODEL_CAPABILITY_H

#include <stddef.h>
#include <stdint.h>

enum capability_kind { CAPABILITY_ONOFF, CAPABILITY_PERCENT, CAPABILITY_KELVIN, CAPABILITY_HUE };

/* One attribute of a capability. */
struct capability {
    const char *id;        /* "switchLevel"; Schema puts "st." before it */
    const char *attribute; /* "level" */
    enum capability_kind kind;
    uint32_t needs;   /* LIGHT_* that a light must have for the capability */
    uint32_t member;  /* the one LIGHT_* whose value the attribute carries */
    const char *unit; /* "%" or NULL */
};

extern const struct capability capabilities[];
extern const size_t capability_count;

#endif
