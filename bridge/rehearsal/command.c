/* The commands SmartThings can be made to send, and what the states behind them must say. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "rehearsal/internal.h"

struct expected {
    enum rehearsal_attribute attribute;
    int value; /* index into the command's values, or one of these */
    double tolerance;
};
enum { WORD_ON = -1, WORD_OFF = -2 };

/* A lamp's own steps round: 254 of level, mireds of colour temperature. */
struct verb {
    const char *word, *capability, *command;
    int values;
    struct expected expected[2];
    size_t expected_count;
};

static const struct verb verbs[] = {
    {"on", "st.switch", "on", 0, {{REHEARSAL_SWITCH, WORD_ON, 0}}, 1},
    {"off", "st.switch", "off", 0, {{REHEARSAL_SWITCH, WORD_OFF, 0}}, 1},
    {"level", "st.switchLevel", "setLevel", 1, {{REHEARSAL_LEVEL, 0, 1}}, 1},
    {"kelvin", "st.colorTemperature", "setColorTemperature", 1, {{REHEARSAL_KELVIN, 0, 150}}, 1},
    {"color", "st.colorControl", "setColor", 2, {{REHEARSAL_HUE, 0, 3}, {REHEARSAL_SATURATION, 1, 3}}, 2},
    {"refresh", "st.refresh", "refresh", 0, {{0}}, 0},
};

static const struct verb *find_verb(const char *word)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].word, word) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

int rehearsal_verb_values(const char *verb)
{
    const struct verb *v = find_verb(verb);
    return v ? v->values : -1;
}

int order_make(struct order *order, const char *verb, const double *values)
{
    order->verb = find_verb(verb);
    if (!order->verb) {
        return ERR_NOT_FOUND;
    }
    for (int i = 0; i < order->verb->values; i++) {
        order->values[i] = values[i];
    }
    return 0;
}

void order_say(struct str *s, const struct order *order)
{
    str_add_z(s, order->verb->command);
    for (int i = 0; i < order->verb->values; i++) {
        str_printf(s, " %g", order->values[i]);
    }
}

static void put_hundredths(struct json_out *j, double value)
{
    json_put_fixed(j, llround(value * 100), 2);
}

void order_write(const struct order *order, struct json_out *j)
{
    const struct verb *v = order->verb;
    json_begin_object(j);
    json_member_text(j, "component", "main");
    json_member_text(j, "capability", v->capability);
    json_member_text(j, "command", v->command);
    json_member_array(j, "arguments");
    if (v->values == 2) { /* setColor takes one object */
        json_begin_object(j);
        json_put_key(j, "hue");
        put_hundredths(j, order->values[0]);
        json_put_key(j, "saturation");
        put_hundredths(j, order->values[1]);
        json_end_object(j);
    } else if (v->values == 1) {
        put_hundredths(j, order->values[0]);
    }
    json_end_array(j);
    json_end_object(j);
}

static int check_device(const struct order *order, const struct rehearsal_device *d, struct str *why)
{
    if (d->error) {
        str_printf(why, "%s: %s", d->name, d->error);
        return ERR_REJECTED;
    }
    for (size_t i = 0; i < order->verb->expected_count; i++) {
        const struct expected *e = &order->verb->expected[i];
        double wanted = e->value == WORD_ON ? 1 : e->value == WORD_OFF ? 0 : order->values[e->value];
        if (!(d->has & (1u << e->attribute)) || fabs(d->value[e->attribute] - wanted) > e->tolerance) {
            str_printf(why, "%s: the command was answered, but its state is ", d->name);
            rehearsal_describe(why, d);
            return ERR_INVALID;
        }
    }
    return 0;
}

int order_check(const struct order *order, const struct house *house, struct str *why)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < house->count; i++) {
        if (house->list[i].asked) {
            err = check_device(order, &house->list[i], why);
        }
    }
    return err;
}
