#include "sim/lamp.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

void lamp_init(struct lamp *lamp, const struct shape_light *light)
{
    const struct shape_part *p = light->part;
    *lamp = (struct lamp){.part = p, .level = LAMP_LEVEL_MAX, .kept = LAMP_LEVEL_MAX};
    snprintf(lamp->suffix, sizeof lamp->suffix, "%s%s", *light->endpoint ? "_" : "", light->endpoint);
    lamp->mired = (uint16_t)((p->coolest + p->warmest) / 2);
    lamp->mode = p->features & FEATURE_TEMP ? LAMP_MODE_TEMP : p->features & FEATURE_XY ? LAMP_MODE_XY : LAMP_MODE_HS;
    lamp->xy = lamp->mired ? cie_from_mired(lamp->mired) : (struct cie_xy){0.3127, 0.329};
    lamp->hs = cie_to_hs(lamp->xy);
}

/* ---- obeying ---- */

static uint16_t clamp_mired(const struct lamp *lamp, double mired)
{
    return (uint16_t)lround(fmin(fmax(mired, lamp->part->coolest), lamp->part->warmest));
}

/* The other ways to say the same colour are rewritten: option color_sync. */
static void set_temperature(struct lamp *lamp, double mired)
{
    lamp->mode = LAMP_MODE_TEMP;
    lamp->mired = clamp_mired(lamp, mired);
    lamp->xy = cie_from_mired(lamp->mired);
    struct cie_hs hs = cie_to_hs(lamp->xy);
    lamp->hs = (struct cie_hs){round(hs.hue), round(hs.saturation)};
}

static void set_color(struct lamp *lamp, const struct lamp_command *c)
{
    uint32_t can = lamp->part->features;
    if (c->by_hs) {
        lamp->hs.hue = c->hs.hue >= 0 ? fmod(c->hs.hue, 360) : lamp->hs.hue;
        lamp->hs.saturation = c->hs.saturation >= 0 ? c->hs.saturation : lamp->hs.saturation;
        lamp->xy = cie_from_hs(lamp->hs);
    } else {
        lamp->xy = c->xy;
        lamp->hs = cie_to_hs(c->xy);
    }
    bool as_hs = (can & FEATURE_HS) && (c->by_hs || !(can & FEATURE_XY));
    lamp->mode = as_hs ? LAMP_MODE_HS : LAMP_MODE_XY;
    if (can & FEATURE_TEMP) {
        lamp->mired = clamp_mired(lamp, cie_to_mired(lamp->xy));
    }
}

static void switch_off(struct lamp *lamp, const struct lamp_command *c)
{
    if (lamp->on && lamp->level > 0) {
        lamp->kept = lamp->level;
    }
    lamp->on = false;
    if (!c->timed && (c->has & LAMP_LEVEL) && c->level == 0) {
        lamp->level = 0;
    }
}

static void switch_on(struct lamp *lamp, const struct lamp_command *c)
{
    lamp->on = true;
    if (c->has & LAMP_LEVEL) {
        lamp->level = c->level ? c->level : 1;
        lamp->kept = lamp->level;
    } else if (lamp->level == 0) {
        lamp->level = lamp->kept;
    }
}

static void take_step(struct lamp *lamp, const struct lamp_command *c)
{
    int level = lamp->level + c->step;
    lamp->level = (uint8_t)(level < 0 ? 0 : level > LAMP_LEVEL_MAX ? LAMP_LEVEL_MAX : level);
    lamp->on = lamp->level > 0;
    lamp->kept = lamp->level ? lamp->level : lamp->kept;
}

bool lamp_obey(struct lamp *lamp, const struct lamp_command *c, struct lamp_fade *ret_fade)
{
    const struct lamp before = *lamp;
    bool off = false;
    if (c->has & LAMP_STEP) {
        take_step(lamp, c);
    }
    if (c->has & (LAMP_STATE | LAMP_LEVEL)) {
        bool on = c->has & LAMP_STATE ? (c->state == LAMP_TOGGLE ? !lamp->on : c->state == LAMP_ON) : c->level > 0;
        off = !on;
        if (on) {
            switch_on(lamp, c);
        } else {
            switch_off(lamp, c);
        }
    }
    if (c->has & LAMP_TEMP) {
        set_temperature(lamp, c->mired);
    }
    if (c->has & LAMP_COLOR) {
        set_color(lamp, c);
    }
    if (!c->timed || c->transition_ms == 0) {
        return false;
    }
    *ret_fade = (struct lamp_fade){
        .from_level = before.on ? before.level : 0,
        .to_level = off ? 0 : lamp->level,
        .from_mired = before.mired,
        .to_mired = lamp->mired,
    };
    return ret_fade->from_level != ret_fade->to_level || ret_fade->from_mired != ret_fade->to_mired;
}

static int between(int from, int to, unsigned step, unsigned steps)
{
    return from + (to - from) * (int)step / (int)steps;
}

void lamp_fade(struct lamp *lamp, const struct lamp_fade *fade, unsigned step, unsigned steps)
{
    lamp->level = (uint8_t)between(fade->from_level, fade->to_level, step, steps);
    if (lamp->level == 0 && lamp->on) {
        lamp->level = 1;
    }
    if (lamp->mode == LAMP_MODE_TEMP && fade->from_mired != fade->to_mired) {
        set_temperature(lamp, between(fade->from_mired, fade->to_mired, step, steps));
    }
}

/* ---- saying ---- */

static void put_key(struct json_out *j, const struct lamp *lamp, const char *property)
{
    char key[64];
    if (!*lamp->suffix) {
        json_put_key(j, property);
        return;
    }
    snprintf(key, sizeof key, "%s%s", property, lamp->suffix);
    json_put_key(j, key);
}

static void put_fraction(struct json_out *j, const char *key, double value, unsigned decimals)
{
    json_put_key(j, key);
    json_put_fixed(j, llround(value * (decimals == 4 ? 10000 : 100)), decimals);
}

static void put_color(struct json_out *j, const struct lamp *lamp)
{
    uint32_t can = lamp->part->features;
    json_begin_object(j);
    if (lamp->mode == LAMP_MODE_HS || (lamp->mode == LAMP_MODE_TEMP && (can & FEATURE_HS))) {
        put_fraction(j, "hue", lamp->hs.hue, 2);
        put_fraction(j, "saturation", lamp->hs.saturation, 2);
    }
    if (lamp->mode == LAMP_MODE_HS) {
        put_fraction(j, "h", lamp->hs.hue, 2);
        put_fraction(j, "s", lamp->hs.saturation, 2);
    }
    if (lamp->mode == LAMP_MODE_XY || (can & FEATURE_XY)) {
        put_fraction(j, "x", lamp->xy.x, 4);
        put_fraction(j, "y", lamp->xy.y, 4);
    }
    json_end_object(j);
}

void lamp_write_state(struct json_out *j, const struct lamp *lamp, bool known)
{
    static const char *const modes[] = {"color_temp", "xy", "hs"};
    uint32_t can = lamp->part->features;
    put_key(j, lamp, "state");
    json_put_text(j, !known ? NULL : lamp->on ? "ON" : "OFF");
    struct {
        uint32_t needs;
        const char *property;
        int64_t value;
    } const numbers[] = {{FEATURE_LEVEL, "brightness", lamp->level}, {FEATURE_TEMP, "color_temp", lamp->mired}};
    for (size_t i = 0; i < 2; i++) {
        if (can & numbers[i].needs) {
            put_key(j, lamp, numbers[i].property);
            if (known) {
                json_put_int(j, numbers[i].value);
            } else {
                json_put_null(j);
            }
        }
    }
    if (can & FEATURE_COLOR) {
        put_key(j, lamp, "color");
        if (known) {
            put_color(j, lamp);
        } else {
            json_put_null(j);
        }
    }
    if (can & (FEATURE_COLOR | FEATURE_TEMP)) {
        put_key(j, lamp, "color_mode");
        json_put_text(j, known ? modes[lamp->mode] : NULL);
    }
}
