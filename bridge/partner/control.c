/* Requests that drive lights: state, states, state/delta, toggle. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "partner/internal.h"

#define STATES_MAX 50u /* LIFX's */

static uint32_t draw(void)
{
    uint32_t random;
    secrets_random(&random, sizeof random);
    return random;
}

/* LIFX says what it did not know beside what it did. */
static void warn_of(struct command *c, const struct params *params, const char *const *known)
{
    struct str unknown = STR_INIT;
    if (params_unknown(params, known, &unknown)) {
        str_add_z(&c->warnings, c->warnings.len > 0 ? "," : "[");
        str_printf(&c->warnings, "{\"warning\":\"Unknown params\",\"unknown_params\":%s}", str_z(&unknown));
    }
    str_done(&unknown);
}

static void warned(struct command *c)
{
    if (c->warnings.len > 0) {
        str_add_char(&c->warnings, ']');
    }
}

static void wish_all(struct command *c, const struct selection *s, const struct order *order)
{
    struct wish *w = command_add(c, s->count);
    for (size_t i = 0; i < s->count; i++) {
        w[i] = (struct wish){s->lights[i], order->want, 0, order->transition_ms};
    }
}

/* ---- one order for a selector ---- */

/* What a request says, in one of three ways, for the lights that its path names. */
struct request {
    struct partner *p;
    const struct params *params;
    struct faults faults;
    struct selection lights;
    struct command *command;
    bool fast;
};

typedef void fill_fn(struct request *r);

static void one_selector(struct http_exchange *x, void *context, fill_fn *fill, const char *const *known)
{
    struct asked asked;
    struct request r = {.p = context, .params = &asked.params};
    if (!request_begins(r.p, x)) {
        return;
    }
    if (asked_read(x, &asked) && select_tail(r.p, x, &r.lights)) {
        r.command = command_new();
        fill(&r);
        if (r.faults.count > 0) {
            answer_faults(x, &r.faults);
            command_drop(r.command);
        } else {
            warn_of(r.command, r.params, known);
            warned(r.command);
            command_send(r.p, r.command, x, r.fast);
        }
    }
    selection_done(&r.lights);
    asked_done(&asked);
}

static void fill_state(struct request *r)
{
    struct order order;
    order_read(r->params, NULL, draw(), &r->faults, &order);
    wish_all(r->command, &r->lights, &order);
    r->fast = order.fast;
}

static void fill_delta(struct request *r)
{
    struct order_delta delta;
    order_read_delta(r->params, &r->faults, &delta);
    struct wish *w = command_add(r->command, r->lights.count);
    for (size_t i = 0; i < r->lights.count; i++) {
        struct light_info info;
        hub_light_info(r->lights.lights[i], &info);
        struct light_state last = lifx_state(&info);
        w[i] = (struct wish){.light = r->lights.lights[i], .transition_ms = delta.at.transition_ms};
        w[i].want = order_apply_delta(&delta, &info.profile, &last, &w[i].left_out);
    }
    r->fast = delta.at.fast;
}

/* All off if any is on. */
static void fill_toggle(struct request *r)
{
    struct order order = {.want = {.has = LIGHT_ON, .on = true}};
    order_read_pace(r->params, &r->faults, &order);
    for (size_t i = 0; i < r->lights.count; i++) {
        struct light_info info;
        hub_light_info(r->lights.lights[i], &info);
        struct light_state last = lifx_state(&info);
        if (order_power(&last) == 1) {
            order.want.on = false;
        }
    }
    r->command->tells_power = true;
    wish_all(r->command, &r->lights, &order);
    r->fast = order.fast;
}

void partner_state(struct http_exchange *x, void *context)
{
    one_selector(x, context, fill_state, order_names);
}

void partner_delta(struct http_exchange *x, void *context)
{
    one_selector(x, context, fill_delta, order_delta_names);
}

void partner_toggle(struct http_exchange *x, void *context)
{
    one_selector(x, context, fill_toggle, order_toggle_names);
}

/* ---- states: several selectors, each with its own ---- */

/* An operation whose selector fits nothing has no results; one that is none spoils the request. */
static void add_operation(struct request *r, const struct params *state, const struct params *defaults)
{
    struct order order;
    const char *selector = NULL, *what = NULL;
    order_read(state, defaults, draw(), &r->faults, &order);
    if (params_text(state, "selector", &r->faults, &selector) == GIVEN_NOT) {
        faults_add(&r->faults, "selector", "is missing");
    }
    selection_done(&r->lights);
    if (selector && find_lights(r->p, selector, &r->lights, &what) == ERR_INVALID) {
        faults_add(&r->faults, "selector", what);
    }
    struct str echo = STR_INIT;
    json_copy(&echo, state->object);
    wish_all(r->command, &r->lights, &order);
    r->command->operations[r->command->operation_count - 1].echo = str_take(&echo);
    warn_of(r->command, state, order_names);
    r->fast = r->fast || order.fast;
}

static void fill_states(struct request *r)
{
    const struct json *states = r->params->object ? json_get(r->params->object, "states") : NULL;
    const struct json *given = r->params->object ? json_get(r->params->object, "defaults") : NULL;
    const struct params defaults = {.object = json_is_object(given) ? given : NULL};
    unsigned index = 0;
    if (!json_is_array(states) || json_count(states) == 0 || json_count(states) > STATES_MAX) {
        faults_add(&r->faults, "states", "is a list of 1 to 50 states");
        return;
    }
    if (given && !json_is_null(given) && !json_is_object(given)) {
        faults_add(&r->faults, "defaults", "is an object");
    }
    for (const struct json *s = json_first(states); s; s = json_next(s)) {
        (void)snprintf(r->faults.prefix, sizeof r->faults.prefix, "states[%u].", index++);
        if (json_is_object(s)) {
            add_operation(r, &(struct params){.object = s}, &defaults);
        } else {
            faults_add(&r->faults, "selector", "is missing: a state is an object");
        }
    }
}

void partner_states(struct http_exchange *x, void *context)
{
    struct asked asked;
    struct request r = {.p = context, .params = &asked.params};
    if (!request_begins(r.p, x)) {
        return;
    }
    if (asked_read(x, &asked)) {
        r.command = command_new();
        fill_states(&r);
        if (r.faults.count > 0) {
            answer_faults(x, &r.faults);
            command_drop(r.command);
        } else {
            warned(r.command);
            command_send(r.p, r.command, x, r.fast);
        }
    }
    selection_done(&r.lights);
    asked_done(&asked);
}
