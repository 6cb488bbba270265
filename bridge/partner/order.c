#include "partner/order.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "partner/color_string.h"

#define DURATION_MS 1000u /* where none is given, LIFX's */
#define WHITE_KELVIN 3500u

const char *const order_names[] = {"selector", "power", "color", "brightness", "duration", "infrared", "fast", NULL};
const char *const order_delta_names[] = {"power",  "duration", "hue",  "saturation", "brightness",
                                         "kelvin", "infrared", "fast", NULL};
const char *const order_toggle_names[] = {"duration", "fast", NULL};

/* ---- reading ---- */

static const struct params *giving(const struct params *p, const struct params *defaults, const char *name)
{
    bool here = (p->object && json_get(p->object, name) && !json_is_null(json_get(p->object, name))) ||
                (p->form && url_form_field(p->form, name));
    return here || !defaults ? p : defaults;
}

static void read_power(const struct params *p, struct faults *faults, struct light_state *want)
{
    const char *text = NULL;
    if (params_text(p, "power", faults, &text) != GIVEN) {
        return;
    }
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0) {
        faults_add(faults, "power", "is on or off");
        return;
    }
    want->on = strcmp(text, "on") == 0;
    want->has |= LIGHT_ON;
}

static void read_color(const struct params *p, uint32_t random, struct faults *faults, struct light_state *want)
{
    const char *text = NULL, *what = NULL;
    struct light_state color = {0};
    if (params_text(p, "color", faults, &text) != GIVEN) {
        return;
    }
    if (color_string_parse(text, random, &color, &what) != 0) {
        faults_add(faults, "color", what);
        return;
    }
    color.has |= want->has & LIGHT_ON;
    color.on = want->on;
    *want = color;
}

static uint32_t milliseconds(double seconds)
{
    return seconds * 1000 >= (double)UINT32_MAX ? UINT32_MAX : (uint32_t)(seconds * 1000 + 0.5);
}

static void read_duration(const struct params *p, struct faults *faults, struct order *order)
{
    double seconds;
    order->transition_ms = DURATION_MS;
    if (params_number(p, "duration", 0, ORDER_DURATION_MAX, "is a number of seconds from 0 to 3155760000", faults,
                      &seconds) == GIVEN) {
        order->transition_ms = milliseconds(seconds);
    }
}

void order_read_pace(const struct params *p, struct faults *faults, struct order *order)
{
    read_duration(p, faults, order);
    (void)params_bool(p, "fast", faults, &order->fast);
}

void order_read(const struct params *p, const struct params *defaults, uint32_t random, struct faults *faults,
                struct order *ret_order)
{
    double value;
    struct order o = {0};
    read_power(giving(p, defaults, "power"), faults, &o.want);
    read_color(giving(p, defaults, "color"), random, faults, &o.want);
    if (params_number(giving(p, defaults, "brightness"), "brightness", 0, 1, "is a number from 0.0 to 1.0", faults,
                      &value) == GIVEN) {
        o.want.level = (uint16_t)lround(value * LIGHT_LEVEL_MAX);
        o.want.has |= LIGHT_LEVEL;
    }
    (void)params_number(giving(p, defaults, "infrared"), "infrared", 0, 1, "is a number from 0.0 to 1.0", faults,
                        &value);
    read_duration(giving(p, defaults, "duration"), faults, &o);
    (void)params_bool(giving(p, defaults, "fast"), "fast", faults, &o.fast);
    *ret_order = o;
}

void order_read_delta(const struct params *p, struct faults *faults, struct order_delta *ret_delta)
{
    static const struct {
        const char *name;
        uint32_t member;
        double most, scale;
        size_t offset;
        const char *right;
    } rows[] = {
        {"brightness", LIGHT_LEVEL, 1, LIGHT_LEVEL_MAX, offsetof(struct order_delta, level),
         "is a number from -1.0 to 1.0"},
        {"hue", LIGHT_HUE, 360, 100, offsetof(struct order_delta, hue), "is a number from -360 to 360"},
        {"saturation", LIGHT_SATURATION, 1, LIGHT_SATURATION_MAX, offsetof(struct order_delta, saturation),
         "is a number from -1.0 to 1.0"},
        {"kelvin", LIGHT_KELVIN, LIGHT_KELVIN_MAX, 1, offsetof(struct order_delta, kelvin),
         "is a number from -30000 to 30000"},
    };
    struct order_delta d = {0};
    double value;
    read_power(p, faults, &d.at.want);
    order_read_pace(p, faults, &d.at);
    (void)params_number(p, "infrared", -1, 1, "is a number from -1.0 to 1.0", faults, &value);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (params_number(p, rows[i].name, -rows[i].most, rows[i].most, rows[i].right, faults, &value) == GIVEN) {
            *(int32_t *)(void *)((char *)&d + rows[i].offset) = (int32_t)lround(value * rows[i].scale);
            d.has |= rows[i].member;
        }
    }
    *ret_delta = d;
}

/* ---- what one light is told ---- */

int order_power(const struct light_state *s)
{
    return s->has & LIGHT_ON ? s->on : s->has & LIGHT_LEVEL ? s->level > 0 : -1;
}

/* The white that is meant: as asked, or as it last was, or LIFX's. */
static void fit_white(const struct light_state *want, const struct light_profile *profile,
                      const struct light_state *last, struct light_state *patch, uint32_t *left_out)
{
    if (profile->can & LIGHT_KELVIN) {
        patch->kelvin = want->has & LIGHT_KELVIN   ? want->kelvin
                        : last->has & LIGHT_KELVIN ? last->kelvin
                                                   : WHITE_KELVIN;
        patch->has |= LIGHT_KELVIN;
        return;
    }
    *left_out |= want->has & LIGHT_KELVIN;
    if (profile->can & LIGHT_SATURATION) { /* pale is the white that it has; one without colours is white anyway */
        patch->saturation = 0;
        patch->hue = want->has & LIGHT_HUE ? want->hue : 0;
        patch->has |= LIGHT_COLOR;
    }
}

static void fit_color(const struct light_state *want, const struct light_profile *profile, struct light_state *patch,
                      uint32_t *left_out)
{
    if (profile->can & LIGHT_COLOR) {
        patch->hue = want->hue;
        patch->saturation = want->saturation;
        patch->has |= want->has & LIGHT_COLOR;
    } else {
        *left_out |= want->has & LIGHT_COLOR;
    }
}

uint32_t order_fit(const struct light_state *want, const struct light_profile *profile, const struct light_state *last,
                   struct light_state *ret_patch)
{
    struct light_state patch = {0};
    uint32_t left_out = 0, hues = want->has & (LIGHT_COLOR | LIGHT_KELVIN);
    if (want->has & LIGHT_ON) {
        patch.on = want->on;
        patch.has = LIGHT_ON;
    }
    if ((want->has & LIGHT_ON) && !want->on) {
        *ret_patch = patch; /* the rest would switch it on */
        return 0;
    }
    if (hues == LIGHT_KELVIN || ((hues & LIGHT_SATURATION) && want->saturation == 0)) {
        fit_white(want, profile, last, &patch, &left_out);
    } else if (hues) {
        fit_color(want, profile, &patch, &left_out);
    }
    if ((want->has & LIGHT_LEVEL) && (profile->can & LIGHT_LEVEL)) {
        patch.level = want->level;
        patch.has |= LIGHT_LEVEL;
    } else if (want->has & LIGHT_LEVEL) {
        left_out |= LIGHT_LEVEL;
    }
    uint32_t on = patch.has & LIGHT_ON; /* a lamp without a switch is told by its level: the hub's business */
    light_clamp(&patch, profile);
    patch.has = (patch.has & ~(uint32_t)LIGHT_MODE) | on;
    *ret_patch = patch;
    return left_out;
}

static uint16_t moved(uint16_t from, int32_t by, int32_t min, int32_t max)
{
    int32_t to = from + by;
    return (uint16_t)(to < min ? min : to > max ? max : to);
}

struct light_state order_apply_delta(const struct order_delta *d, const struct light_profile *profile,
                                     const struct light_state *last, uint32_t *left_out)
{
    struct light_state want = d->at.want;
    uint32_t has = d->has & last->has;
    bool goes_on = (want.has & LIGHT_ON) && want.on, is_off = order_power(last) == 0;
    *left_out |= d->has & ~last->has;
    if (is_off && !goes_on) {
        *left_out |= has;
        return want;
    }
    if (has & LIGHT_LEVEL) {
        want.level = moved(last->level, d->level, 0, LIGHT_LEVEL_MAX);
    }
    if (has & LIGHT_HUE) {
        want.hue = (uint16_t)((last->hue + (int32_t)LIGHT_HUE_MAX + d->hue) % (int32_t)LIGHT_HUE_MAX);
    }
    if (has & LIGHT_SATURATION) {
        want.saturation = moved(last->saturation, d->saturation, 0, LIGHT_SATURATION_MAX);
    }
    if (has & LIGHT_KELVIN) {
        want.kelvin = moved(last->kelvin, d->kelvin, profile->min_kelvin, profile->max_kelvin);
    }
    want.has |= has;
    return want;
}
