/* What is asked of lights, and what of it one light is told. Pure. */
#ifndef PARTNER_ORDER_H
#define PARTNER_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "model/light.h"
#include "partner/params.h"

#define ORDER_DURATION_MAX 3155760000.0 /* seconds, LIFX's: a hundred years */

/* As asked. `want` has no mode: it follows from hue, saturation and kelvin. */
struct order {
    struct light_state want;
    uint32_t transition_ms;
    bool fast;
};

/* By how much (state/delta), in the state's units. */
struct order_delta {
    int32_t level, hue, saturation, kelvin;
    uint32_t has;    /* LIGHT_* of the above */
    struct order at; /* power, duration, fast */
};

/* The names that each takes, NULL-terminated: others earn a warning. */
extern const char *const order_names[], *const order_delta_names[], *const order_toggle_names[];

/* Reads power, color, brightness, duration, fast, infrared (which no light here has, so that it counts for nothing);
   what `params` does not give, `defaults` (may be NULL) does. `random`: color_string_parse. */
void order_read(const struct params *params, const struct params *defaults, uint32_t random, struct faults *faults,
                struct order *ret_order);
void order_read_delta(const struct params *params, struct faults *faults, struct order_delta *ret_delta);
/* duration and fast alone. */
void order_read_pace(const struct params *params, struct faults *faults, struct order *order);

/* 1 on, 0 off, -1 not known; of a lamp without a switch its level says it. */
int order_power(const struct light_state *state);
/* What a light can be told of it, by its profile and what it last said. Returns the LIGHT_* of `want` that it cannot
   do. A colour without saturation is white: a light that has colour temperatures is set to one. patch->has may be 0. */
uint32_t order_fit(const struct light_state *want, const struct light_profile *profile, const struct light_state *last,
                   struct light_state *ret_patch);
/* Likewise the state that a delta leads to from `last`. What is off stays off unless it is told to go on, and what is
   not known cannot be changed by an amount: that is left out. Adds to *left_out. */
struct light_state order_apply_delta(const struct order_delta *delta, const struct light_profile *profile,
                                     const struct light_state *last, uint32_t *left_out);

#endif
