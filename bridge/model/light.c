#include "model/light.h"

#include <stddef.h>

#include "base/err.h"

/* Where each 16-bit member lives, so that the rules below are loops. */
static const struct {
    uint32_t bit;
    size_t offset;
} members[] = {
    {LIGHT_LEVEL, offsetof(struct light_state, level)},
    {LIGHT_KELVIN, offsetof(struct light_state, kelvin)},
    {LIGHT_HUE, offsetof(struct light_state, hue)},
    {LIGHT_SATURATION, offsetof(struct light_state, saturation)},
};
#define MEMBER_COUNT (sizeof members / sizeof members[0])

static uint16_t *member(struct light_state *s, size_t i)
{
    return (uint16_t *)(void *)((char *)s + members[i].offset);
}

static uint16_t value(const struct light_state *s, size_t i)
{
    return *(const uint16_t *)(const void *)((const char *)s + members[i].offset);
}

uint32_t light_merge(struct light_state *into, const struct light_state *patch)
{
    uint32_t changed = 0;
    if (patch->has & LIGHT_ON) {
        changed |= !(into->has & LIGHT_ON) || into->on != patch->on ? LIGHT_ON : 0u;
        into->on = patch->on;
    }
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (patch->has & members[i].bit) {
            changed |= !(into->has & members[i].bit) || value(into, i) != value(patch, i) ? members[i].bit : 0u;
            *member(into, i) = value(patch, i);
        }
    }
    uint32_t mode_bit = patch->has & LIGHT_MODE;
    uint8_t mode = patch->mode;
    if (!mode_bit && (patch->has & (LIGHT_COLOR | LIGHT_KELVIN))) {
        mode_bit = LIGHT_MODE;
        mode = patch->has & LIGHT_COLOR ? LIGHT_MODE_COLOR : LIGHT_MODE_WHITE;
    }
    if (mode_bit) {
        changed |= !(into->has & LIGHT_MODE) || into->mode != mode ? LIGHT_MODE : 0u;
        into->mode = mode;
    }
    into->has |= patch->has | mode_bit;
    return changed;
}

bool light_equal(const struct light_state *a, const struct light_state *b)
{
    if (a->has != b->has || ((a->has & LIGHT_ON) && a->on != b->on) || ((a->has & LIGHT_MODE) && a->mode != b->mode)) {
        return false;
    }
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if ((a->has & members[i].bit) && value(a, i) != value(b, i)) {
            return false;
        }
    }
    return true;
}

static uint16_t within(uint16_t v, uint16_t min, uint16_t max)
{
    return v < min ? min : v > max ? max : v;
}

void light_clamp(struct light_state *s, const struct light_profile *profile)
{
    uint32_t can = profile->can;
    /* The mode is derived for a lamp of one kind and kept for a lamp of both. */
    s->has &= can | ((can & (LIGHT_KELVIN | LIGHT_COLOR)) ? (uint32_t)LIGHT_MODE : 0u);
    s->level = within(s->level, 0, LIGHT_LEVEL_MAX);
    s->saturation = within(s->saturation, 0, LIGHT_SATURATION_MAX);
    s->hue = (uint16_t)(s->hue % LIGHT_HUE_MAX);
    s->kelvin = within(s->kelvin, profile->min_kelvin > 0 ? profile->min_kelvin : LIGHT_KELVIN_MIN,
                       profile->max_kelvin > 0 ? profile->max_kelvin : LIGHT_KELVIN_MAX);
}

static bool near(int a, int b, int tolerance)
{
    int distance = a > b ? a - b : b - a;
    return distance <= tolerance;
}

/* Lamps count in mireds: what they can hit is a distance in mireds, not in K. */
static bool near_kelvin(uint16_t a, uint16_t b, uint16_t mireds)
{
    if (a == b) {
        return true;
    }
    if (a == 0 || b == 0) {
        return false;
    }
    double distance = 1e6 / a - 1e6 / b;
    return distance <= mireds + 1e-9 && distance >= -(mireds + 1e-9);
}

static bool near_color(const struct light_state *command, const struct light_state *report,
                       const struct light_tolerance *t)
{
    if ((command->has & LIGHT_SATURATION) &&
        (!(report->has & LIGHT_SATURATION) || !near(command->saturation, report->saturation, t->saturation))) {
        return false;
    }
    if (!(command->has & LIGHT_HUE)) {
        return true;
    }
    bool pale = (command->has & LIGHT_SATURATION) && command->saturation < 200 && (report->has & LIGHT_SATURATION) &&
                report->saturation < 200;
    if (pale) {
        return true; /* white has no hue */
    }
    if (!(report->has & LIGHT_HUE)) {
        return false;
    }
    int distance = command->hue > report->hue ? command->hue - report->hue : report->hue - command->hue;
    distance = distance > (int)LIGHT_HUE_MAX / 2 ? (int)LIGHT_HUE_MAX - distance : distance;
    return distance <= t->hue;
}

bool light_confirms(const struct light_state *command, const struct light_state *report,
                    const struct light_tolerance *t)
{
    if (command->has & LIGHT_ON) {
        if (!(report->has & LIGHT_ON) || command->on != report->on) {
            return false;
        }
        if (!command->on) {
            return true;
        }
    }
    if ((command->has & LIGHT_LEVEL) &&
        (!(report->has & LIGHT_LEVEL) || !near(command->level, report->level, t->level))) {
        return false;
    }
    bool moded = (report->has & LIGHT_MODE) != 0;
    if (command->has & LIGHT_KELVIN) {
        if ((moded && report->mode != LIGHT_MODE_WHITE) || !(report->has & LIGHT_KELVIN) ||
            !near_kelvin(command->kelvin, report->kelvin, t->kelvin_mired)) {
            return false;
        }
    }
    if (command->has & LIGHT_COLOR) {
        return !(moded && report->mode != LIGHT_MODE_COLOR) && near_color(command, report, t);
    }
    return true;
}

int light_command_resolve(struct light_state *command, const struct light_profile *profile)
{
    const uint32_t can = profile->can;
    uint32_t asked = command->has & ~(uint32_t)LIGHT_MODE;
    /* A lamp without on/off is switched by its level. */
    if (asked & ~(can | ((can & LIGHT_LEVEL) ? (uint32_t)LIGHT_ON : 0u))) {
        return ERR_UNSUPPORTED;
    }
    command->has = asked;
    if (asked & LIGHT_LEVEL) {
        bool off = command->level == 0 || ((asked & LIGHT_ON) && !command->on);
        command->on = !off;
        command->has |= LIGHT_ON;
        if (off) {
            command->has &= ~(uint32_t)LIGHT_LEVEL;
        }
    }
    if ((command->has & LIGHT_ON) && !(can & LIGHT_ON)) {
        if (!command->on || !(command->has & LIGHT_LEVEL)) {
            command->level = command->on ? LIGHT_LEVEL_MAX : 0;
        }
        command->has = (command->has & ~(uint32_t)LIGHT_ON) | LIGHT_LEVEL;
    }
    return 0;
}

void light_command_add(struct light_state *into, const struct light_state *next)
{
    if (next->has & LIGHT_COLOR) {
        into->has &= ~(uint32_t)LIGHT_KELVIN;
    } else if (next->has & LIGHT_KELVIN) {
        into->has &= ~(uint32_t)LIGHT_COLOR;
    }
    /* "level 40, then off" is off; "off, then level 40" is on at 40: a later level takes an earlier switch back. And
       "level 0, then on" is on, at the level that the lamp had. */
    if (next->has & LIGHT_LEVEL && !(next->has & LIGHT_ON)) {
        into->has &= ~(uint32_t)LIGHT_ON;
    }
    if ((next->has & LIGHT_ON) && !next->on && !(next->has & LIGHT_LEVEL)) {
        into->has &= ~(uint32_t)LIGHT_LEVEL;
    }
    if ((next->has & LIGHT_ON) && next->on && (into->has & LIGHT_LEVEL) && into->level == 0) {
        into->has &= ~(uint32_t)LIGHT_LEVEL;
    }
    (void)light_merge(into, next);
    into->has &= ~(uint32_t)LIGHT_MODE; /* a command implies its mode */
}
