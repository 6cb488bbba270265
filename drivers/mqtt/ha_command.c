/* Commands: what a lamp is told in its own schema. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "model/color.h"
#include "mqtt/ha_config.h"
#include "mqtt/ha_template.h"

#define VALUES 5u

/* What a command asks of on and off. A colour or a level alone leaves a lamp that is off as it is. */
enum asked { ASKED_OFF, ASKED_ON, ASKED_NOTHING };

static enum asked asked(const struct light_state *known, const struct light_state *patch)
{
    if (patch->has & LIGHT_ON) {
        return patch->on ? ASKED_ON : ASKED_OFF;
    }
    return (known->has & LIGHT_ON) && known->on ? ASKED_ON : ASKED_NOTHING; /* some lamps want it said each time */
}

/* A colour, or a white that is mixed of two, in the form in which the lamp is told. */
struct color {
    double value[VALUES];
    size_t count;
};

static void add(struct ha_command *c, const char *topic, size_t from)
{
    c->messages[c->count].topic = topic;
    c->messages[c->count].at = from;
    c->messages[c->count++].len = c->bytes.len - from;
}

/* ---- values ---- */

static uint32_t brightness(const struct ha_lamp *lamp, uint16_t level)
{
    return color_level_to_steps(level, lamp->brightness_scale);
}

static double color_temp(const struct ha_lamp *lamp, uint16_t kelvin)
{
    return lamp->kelvin ? kelvin : color_mired_from_kelvin(kelvin);
}

/* Does it mix its white from two, without a color_temp of its own? */
static bool mixes(const struct ha_lamp *lamp)
{
    return lamp->color == HA_RGBWW && !lamp->temperature;
}

/* At full brightness, unless it has none of its own: then `level` is folded in. */
static void color_of(const struct ha_lamp *lamp, uint16_t hue, uint16_t saturation, uint16_t level, struct color *to)
{
    uint8_t r, g, b;
    *to = (struct color){.count = 2};
    switch (lamp->color) {
    case HA_HS:
        to->value[0] = hue / 100.0;
        to->value[1] = saturation / 100.0;
        break;
    case HA_XY:
        color_xy_from_hs(hue, saturation, &to->value[0], &to->value[1]);
        to->value[0] = round(to->value[0] * 1e4) / 1e4;
        to->value[1] = round(to->value[1] * 1e4) / 1e4;
        break;
    default:
        color_rgb_from_hs(hue, saturation, lamp->folded ? level : (uint16_t)LIGHT_LEVEL_MAX, &r, &g, &b);
        to->value[0] = r;
        to->value[1] = g;
        to->value[2] = b;
        to->count = 3 + (size_t)(lamp->color - HA_RGB);
        break;
    }
}

/* Source: Home Assistant's util/color.py: linear in mireds. */
static void white_of(const struct ha_lamp *lamp, uint16_t kelvin, uint16_t level, struct color *to)
{
    double coldest = 1e6 / lamp->profile.max_kelvin;
    double warmest = 1e6 / lamp->profile.min_kelvin;
    double full = lamp->folded ? 255.0 * level / LIGHT_LEVEL_MAX : 255;
    double cold = warmest > coldest ? (warmest - 1e6 / kelvin) / (warmest - coldest) : 1;
    *to = (struct color){.count = 5};
    to->value[3] = round(fmin(fmax(cold, 0), 1) * full);
    to->value[4] = round(full) - to->value[3];
}

/* The level that colours are folded with: as asked, else as it is, else full. */
static uint16_t level_of(const struct light_state *known, const struct light_state *patch)
{
    return patch->has & LIGHT_LEVEL                         ? patch->level
           : (known->has & LIGHT_LEVEL) && known->level > 0 ? known->level
                                                            : (uint16_t)LIGHT_LEVEL_MAX;
}

/* Has the command a colour to be sent? For a level alone where there is no other way, the present one. */
static bool chosen_color(const struct ha_lamp *lamp, const struct light_state *known, const struct light_state *patch,
                         struct color *to)
{
    uint16_t level = level_of(known, patch);
    bool level_only = lamp->folded && (patch->has & LIGHT_LEVEL) && !(patch->has & (LIGHT_COLOR | LIGHT_KELVIN));
    if (patch->has & LIGHT_COLOR) {
        color_of(lamp, patch->hue, patch->saturation, level, to);
    } else if ((patch->has & LIGHT_KELVIN) && mixes(lamp)) {
        white_of(lamp, patch->kelvin, level, to);
    } else if (level_only && mixes(lamp) && (known->has & LIGHT_KELVIN) && known->mode == LIGHT_MODE_WHITE) {
        white_of(lamp, known->kelvin, level, to);
    } else if (level_only) {
        bool lit = (known->has & LIGHT_COLOR) == LIGHT_COLOR;
        color_of(lamp, lit ? known->hue : 0, lit ? known->saturation : 0, level, to);
    } else {
        return false;
    }
    return true;
}

/* ---- the JSON schema ---- */

static void put_number(struct json_out *j, const char *key, double value)
{
    json_put_key(j, key);
    json_put_fixed(j, lround(value * 1e4), 4);
}

static void put_color(struct json_out *j, const struct ha_lamp *lamp, const struct color *color)
{
    static const char *const keys[HA_CHANNELS][VALUES] = {[HA_HS] = {"h", "s"},
                                                          [HA_XY] = {"x", "y"},
                                                          [HA_RGB] = {"r", "g", "b"},
                                                          [HA_RGBW] = {"r", "g", "b", "w"},
                                                          [HA_RGBWW] = {"r", "g", "b", "c", "w"}};
    json_member_object(j, "color");
    for (size_t i = 0; i < color->count; i++) {
        put_number(j, keys[lamp->color][i], color->value[i]);
    }
    json_end_object(j);
}

static void write_json(const struct ha_lamp *lamp, const struct light_state *known, const struct light_state *patch,
                       uint32_t transition_ms, struct ha_command *c)
{
    struct json_out j;
    struct color color;
    enum asked on = asked(known, patch);
    json_out_init(&j, &c->bytes);
    json_begin_object(&j);
    if (on != ASKED_NOTHING) {
        json_member_text(&j, "state", on == ASKED_ON ? "ON" : "OFF");
    }
    if (on != ASKED_OFF && (patch->has & LIGHT_LEVEL) && !lamp->folded) {
        json_member_int(&j, "brightness", brightness(lamp, patch->level));
    }
    if (on != ASKED_OFF && chosen_color(lamp, known, patch, &color)) {
        put_color(&j, lamp, &color);
    } else if (on != ASKED_OFF && (patch->has & LIGHT_KELVIN)) {
        json_member_int(&j, "color_temp", lround(color_temp(lamp, patch->kelvin)));
    }
    if (transition_ms > 0) {
        json_put_key(&j, "transition");
        json_put_fixed(&j, transition_ms, 3);
    }
    json_end_object(&j);
    c->fades = transition_ms > 0;
    add(c, ha_lamp_channel(lamp, HA_STATE, HA_COMMAND_TOPIC), 0);
}

/* ---- the default schema, and switches ---- */

/* One message on a channel's topic; where it has a template, by that. */
static int say(const struct ha_lamp *lamp, enum ha_channel channel, const char *value,
               const struct ha_variable *variables, size_t count, struct ha_command *c)
{
    const char *topic = ha_lamp_channel(lamp, channel, HA_COMMAND_TOPIC);
    const char *template = ha_lamp_channel(lamp, channel, HA_COMMAND_TEMPLATE);
    size_t from = c->bytes.len;
    int err = 0;
    if (!topic) {
        return 0;
    }
    if (template) {
        const struct ha_scope scope = {.value = value, .len = strlen(value), .variables = variables, .count = count};
        err = ha_template_run(template, &scope, &c->bytes);
    } else {
        str_add_z(&c->bytes, value);
    }
    if (err == 0) {
        add(c, topic, from);
    }
    return err;
}

static int say_number(const struct ha_lamp *lamp, enum ha_channel channel, double number, struct ha_command *c)
{
    struct str text = STR_INIT;
    const struct ha_variable value = {.name = "value", .number = number};
    str_printf(&text, "%.0f", number);
    int err = say(lamp, channel, str_z(&text), &value, 1, c);
    str_done(&text);
    return err;
}

static int say_color(const struct ha_lamp *lamp, const struct color *color, struct ha_command *c)
{
    static const char *const names[HA_CHANNELS][VALUES] = {
        [HA_HS] = {"hue", "sat"},
        [HA_XY] = {"x", "y"},
        [HA_RGB] = {"red", "green", "blue"},
        [HA_RGBW] = {"red", "green", "blue", "white"},
        [HA_RGBWW] = {"red", "green", "blue", "cold_white", "warm_white"}};
    struct ha_variable variables[VALUES];
    struct str text = STR_INIT;
    for (size_t i = 0; i < color->count; i++) {
        variables[i] = (struct ha_variable){.name = names[lamp->color][i], .number = color->value[i]};
        str_printf(&text, "%s%.10g", i > 0 ? "," : "", color->value[i]);
    }
    int err = say(lamp, lamp->color, str_z(&text), variables, color->count, c);
    str_done(&text);
    return err;
}

static int say_on(const struct ha_lamp *lamp, bool on, struct ha_command *c)
{
    const char *topic = ha_lamp_channel(lamp, HA_STATE, HA_COMMAND_TOPIC);
    const char *payload = ha_lamp_text(lamp, on ? HA_PAYLOAD_ON : HA_PAYLOAD_OFF);
    size_t from = c->bytes.len;
    if (lamp->schema == HA_SCHEMA_SWITCH) {
        return say(lamp, HA_STATE, payload, NULL, 0, c);
    }
    str_add_z(&c->bytes, payload);
    add(c, topic, from);
    return 0;
}

static int write_default(const struct ha_lamp *lamp, const struct light_state *known, const struct light_state *patch,
                         struct ha_command *c)
{
    struct color color;
    int err = 0;
    enum asked on = asked(known, patch);
    bool by_level = on == ASKED_ON && lamp->on_command == HA_ON_BRIGHTNESS;
    if (on == ASKED_OFF) {
        return say_on(lamp, false, c);
    }
    if (on == ASKED_ON && lamp->on_command == HA_ON_FIRST) {
        err = say_on(lamp, true, c);
    }
    if (err == 0 && chosen_color(lamp, known, patch, &color)) {
        err = say_color(lamp, &color, c);
    } else if (err == 0 && (patch->has & LIGHT_KELVIN)) {
        err = say_number(lamp, HA_COLOR_TEMP, color_temp(lamp, patch->kelvin), c);
    }
    if (err == 0 && ((patch->has & LIGHT_LEVEL) || by_level)) { /* without one, it is lit as it was */
        err = say_number(lamp, HA_BRIGHTNESS, brightness(lamp, level_of(known, patch)), c);
    }
    return err == 0 && on == ASKED_ON && lamp->on_command == HA_ON_LAST ? say_on(lamp, true, c) : err;
}

/* ---- the template schema ---- */

static int write_template(const struct ha_lamp *lamp, const struct light_state *known, const struct light_state *patch,
                          uint32_t transition_ms, struct ha_command *c)
{
    bool on = asked(known, patch) != ASKED_OFF; /* there is no template for a colour of a lamp that is off */
    struct ha_variable v[9] = {{.name = "state", .text = on ? "on" : "off"}};
    size_t count = 1;
    if (transition_ms > 0) {
        v[count++] = (struct ha_variable){.name = "transition", .number = transition_ms / 1000.0};
    }
    if (on && (patch->has & LIGHT_LEVEL)) {
        v[count++] = (struct ha_variable){.name = "brightness", .number = brightness(lamp, patch->level)};
    }
    if (on && (patch->has & LIGHT_KELVIN)) {
        v[count++] = (struct ha_variable){.name = "color_temp", .number = color_temp(lamp, patch->kelvin)};
    }
    if (on && (patch->has & LIGHT_COLOR)) {
        uint8_t r, g, b;
        uint16_t value = lamp->folded ? level_of(known, patch) : (uint16_t)LIGHT_LEVEL_MAX;
        color_rgb_from_hs(patch->hue, patch->saturation, value, &r, &g, &b);
        v[count++] = (struct ha_variable){.name = "red", .number = r};
        v[count++] = (struct ha_variable){.name = "green", .number = g};
        v[count++] = (struct ha_variable){.name = "blue", .number = b};
        v[count++] = (struct ha_variable){.name = "hue", .number = patch->hue / 100.0};
        v[count++] = (struct ha_variable){.name = "sat", .number = patch->saturation / 100.0};
    }
    const struct ha_scope scope = {.variables = v, .count = count};
    const char *template = ha_lamp_text(lamp, on ? HA_ON_TEMPLATE : HA_OFF_TEMPLATE);
    int err = ha_template_run(template, &scope, &c->bytes);
    if (err == 0) {
        c->fades = transition_ms > 0 && strstr(template, "transition") != NULL;
        add(c, ha_lamp_channel(lamp, HA_STATE, HA_COMMAND_TOPIC), 0);
    }
    return err;
}

int ha_command_write(const struct ha_lamp *lamp, const struct light_state *known, const struct light_state *patch,
                     uint32_t transition_ms, struct ha_command *command)
{
    str_clear(&command->bytes);
    command->count = 0;
    command->fades = false;
    switch (lamp->schema) {
    case HA_SCHEMA_JSON:
        write_json(lamp, known, patch, transition_ms, command);
        return 0;
    case HA_SCHEMA_DEFAULT:
        return write_default(lamp, known, patch, command);
    case HA_SCHEMA_TEMPLATE:
        return write_template(lamp, known, patch, transition_ms, command);
    default:
        return say_on(lamp, patch->on, command);
    }
}
