#include "smartthings/device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "model/color.h"

#define TEXT_MAX 100          /* characters of names, models, rooms (facts 1.2) */
#define RATE_MAX_S 3600       /* of setLevel's second argument */
#define CT_MAX 30000          /* colorTemperature's range (facts 3): 1..30000 */
#define NO_CONTROL (1u << 31) /* `needs` of commands every device has */

uint32_t device_can(const struct light_profile *profile)
{
    uint32_t can = profile->can & (LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN | LIGHT_COLOR);
    if (can & LIGHT_LEVEL) {
        can |= LIGHT_ON;
    }
    if ((can & LIGHT_COLOR) != LIGHT_COLOR) {
        can &= ~(uint32_t)LIGHT_COLOR;
    }
    return can;
}

/* The largest first. */
static const struct {
    const char *name;
    uint32_t needs;
} handler_types[] = {
    {"c2c-rgbw-color-bulb", LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR | LIGHT_KELVIN},
    {"c2c-rgb-color-bulb", LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR},
    {"c2c-color-temperature-bulb", LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN},
    {"c2c-dimmer", LIGHT_ON | LIGHT_LEVEL},
    {"c2c-switch", 0},
};

static size_t handler_type(const struct light_profile *profile)
{
    uint32_t can = device_can(profile);
    size_t i = 0;
    while ((can & handler_types[i].needs) != handler_types[i].needs) {
        i++;
    }
    return i;
}

const char *device_handler_type(const struct light_profile *profile)
{
    return handler_types[handler_type(profile)].name;
}

static void member_cut(struct json_out *j, const char *key, const char *text)
{
    size_t len = strlen(text);
    json_put_key(j, key);
    json_put_text_n(j, text, utf8_valid(text, len) ? utf8_prefix(text, len, TEXT_MAX) : len);
}

static const char *or_else(const char *text, const char *otherwise)
{
    return text && text[0] != '\0' ? text : otherwise;
}

void device_describe(struct str *s, const struct light_info *info)
{
    static const char *const categories[] = {
        [LIGHT_KIND_LIGHT] = "light", [LIGHT_KIND_SWITCH] = "switch", [LIGHT_KIND_GROUP] = "light"};
    struct json_out j;
    json_out_init(&j, s);
    json_begin_object(&j);
    json_member_text(&j, "externalDeviceId", info->id);
    member_cut(&j, "friendlyName", or_else(info->name, info->id));
    json_member_text(&j, "deviceHandlerType", device_handler_type(&info->profile));
    json_member_object(&j, "manufacturerInfo");
    member_cut(&j, "manufacturerName", or_else(info->manufacturer, "lightbridge"));
    member_cut(&j, "modelName", or_else(info->model, "light"));
    if (info->version && info->version[0] != '\0') {
        member_cut(&j, "swVersion", info->version);
    }
    json_end_object(&j);
    json_member_object(&j, "deviceContext");
    if (info->room && info->room[0] != '\0') {
        member_cut(&j, "roomName", info->room);
    }
    json_member_array(&j, "categories");
    json_put_text(&j, categories[info->profile.kind]);
    json_end_array(&j);
    json_end_object(&j);
    json_end_object(&j);
}

void device_view(const struct light_state *state, const struct light_profile *profile, struct light_state *ret_view)
{
    struct light_state view = *state;
    if (!(view.has & LIGHT_ON) && (view.has & LIGHT_LEVEL) && !(profile->can & LIGHT_ON)) {
        view.on = view.level > 0;
        view.has |= LIGHT_ON;
    }
    /* "switch" is in every handler type; the rest by what the chosen one has */
    view.has &= handler_types[handler_type(profile)].needs | LIGHT_ON | LIGHT_MODE;
    if (view.has & LIGHT_MODE) {
        view.has &= view.mode == LIGHT_MODE_COLOR ? ~(uint32_t)LIGHT_KELVIN : ~(uint32_t)LIGHT_COLOR;
    }
    *ret_view = view;
}

/* ---- commands ---- */

typedef enum device_error add_fn(struct device_order *order, struct light_state *next,
                                 const struct interaction_command *c, const char **ret_why);

static enum device_error bad_value(const char **ret_why, const char *why)
{
    *ret_why = why;
    return DEVICE_RESOURCE_CONSTRAINT_VIOLATION;
}

static bool in_range(double value, double max)
{
    return value >= 0 && value <= max;
}

static enum device_error add_on(struct device_order *order, struct light_state *next,
                                const struct interaction_command *c, const char **ret_why)
{
    (void)order;
    (void)ret_why;
    next->has = LIGHT_ON;
    next->on = strcmp(c->command, "on") == 0;
    return DEVICE_OK;
}

static void set_level(struct light_state *next, double percent)
{
    next->has |= LIGHT_LEVEL;
    next->level = (uint16_t)lround(percent * 100);
}

/* setLevel(level 0..100, rate?): the definition does not name rate's unit; seconds, as other drivers read it. */
static enum device_error add_level(struct device_order *order, struct light_state *next,
                                   const struct interaction_command *c, const char **ret_why)
{
    const struct schema_argument *level = &c->arguments[0], *rate = &c->arguments[1];
    if (c->argument_count < 1 || level->kind != SCHEMA_NUMBER || !level->integral || !in_range(level->number, 100)) {
        return bad_value(ret_why, "level is a whole number from 0 to 100");
    }
    if (c->argument_count > 1 && rate->kind == SCHEMA_NUMBER) {
        if (!rate->integral || !in_range(rate->number, RATE_MAX_S)) {
            return bad_value(ret_why, "rate is a whole number of seconds from 0 to 3600");
        }
        order->transition_ms = (uint32_t)rate->number * 1000;
    }
    set_level(next, level->number);
    return DEVICE_OK;
}

static enum device_error add_kelvin(struct device_order *order, struct light_state *next,
                                    const struct interaction_command *c, const char **ret_why)
{
    const struct schema_argument *a = &c->arguments[0];
    (void)order;
    if (c->argument_count < 1 || a->kind != SCHEMA_NUMBER || !a->integral || a->number < 1 || a->number > CT_MAX) {
        return bad_value(ret_why, "temperature is a whole number from 1 to 30000");
    }
    next->has = LIGHT_KELVIN;
    next->kelvin = (uint16_t)a->number;
    return DEVICE_OK;
}

static void set_hue(struct light_state *next, double percent)
{
    next->has |= LIGHT_HUE;
    next->hue = color_hue_from_percent((uint32_t)lround(percent * 100));
}

static void set_saturation(struct light_state *next, double percent)
{
    next->has |= LIGHT_SATURATION;
    next->saturation = (uint16_t)lround(percent * 100);
}

static enum device_error add_hue_or_saturation(struct device_order *order, struct light_state *next,
                                               const struct interaction_command *c, const char **ret_why)
{
    const struct schema_argument *a = &c->arguments[0];
    (void)order;
    if (c->argument_count < 1 || a->kind != SCHEMA_NUMBER || !in_range(a->number, 100)) {
        return bad_value(ret_why, "hue and saturation are numbers from 0 to 100");
    }
    if (strcmp(c->command, "setHue") == 0) {
        set_hue(next, a->number);
    } else {
        set_saturation(next, a->number);
    }
    return DEVICE_OK;
}

static bool parse_hex(const char *text, struct light_state *next)
{
    uint16_t hue, saturation, value;
    if (strlen(text) != 7 || text[0] != '#' || strspn(text + 1, "0123456789abcdefABCDEF") != 6) {
        return false;
    }
    unsigned long rgb = strtoul(text + 1, NULL, 16);
    color_hs_from_rgb((uint8_t)(rgb >> 16), (uint8_t)(rgb >> 8 & 0xff), (uint8_t)(rgb & 0xff), &hue, &saturation,
                      &value);
    next->has |= LIGHT_COLOR;
    next->hue = hue;
    next->saturation = saturation;
    return true;
}

/* setColor({hue,saturation[,level,hex,switch]}): hex counts only where hue and saturation are not given. */
static enum device_error add_color(struct device_order *order, struct light_state *next,
                                   const struct interaction_command *c, const char **ret_why)
{
    const struct schema_color *color = &c->color;
    (void)order;
    if (c->argument_count < 1 || c->arguments[0].kind != SCHEMA_OBJECT || (color->has & SCHEMA_BROKEN)) {
        return bad_value(ret_why, "setColor takes an object with hue and saturation as numbers");
    }
    if (((color->has & SCHEMA_HAS_HUE) && !in_range(color->hue, 100)) ||
        ((color->has & SCHEMA_HAS_SATURATION) && !in_range(color->saturation, 100)) ||
        ((color->has & SCHEMA_HAS_LEVEL) && !in_range(color->level, 100))) {
        return bad_value(ret_why, "hue, saturation and level are numbers from 0 to 100");
    }
    if (color->has & SCHEMA_HAS_HUE) {
        set_hue(next, color->hue);
    }
    if (color->has & SCHEMA_HAS_SATURATION) {
        set_saturation(next, color->saturation);
    }
    if (!(next->has & LIGHT_COLOR) && (!color->hex || !parse_hex(color->hex, next))) {
        return bad_value(ret_why, "setColor takes hue and saturation, or hex");
    }
    if (color->has & SCHEMA_HAS_LEVEL) {
        set_level(next, color->level);
    }
    if (color->power && (strcmp(color->power, "on") == 0 || strcmp(color->power, "off") == 0)) {
        next->has |= LIGHT_ON;
        next->on = color->power[1] == 'n';
    }
    return DEVICE_OK;
}

static enum device_error add_refresh(struct device_order *order, struct light_state *next,
                                     const struct interaction_command *c, const char **ret_why)
{
    (void)next;
    (void)c;
    (void)ret_why;
    order->refresh = true;
    return DEVICE_OK;
}

static const struct {
    const char *capability, *command;
    uint32_t needs;
    add_fn *add;
} commands[] = {
    {"st.switch", "on", LIGHT_ON, add_on},
    {"st.switch", "off", LIGHT_ON, add_on},
    {"st.switchLevel", "setLevel", LIGHT_LEVEL, add_level},
    {"st.colorTemperature", "setColorTemperature", LIGHT_KELVIN, add_kelvin},
    {"st.colorControl", "setColor", LIGHT_COLOR, add_color},
    {"st.colorControl", "setHue", LIGHT_COLOR, add_hue_or_saturation},
    {"st.colorControl", "setSaturation", LIGHT_COLOR, add_hue_or_saturation},
    {"st.refresh", "refresh", NO_CONTROL, add_refresh},
    {"st.healthCheck", "ping", NO_CONTROL, add_refresh},
};

enum device_error device_order_add(struct device_order *order, const struct interaction_command *c,
                                   const struct light_profile *profile, const char **ret_why)
{
    uint32_t can = device_can(profile) | NO_CONTROL;
    bool known = false;
    if (strcmp(c->component, "main") != 0) {
        *ret_why = "the device has no such component";
        return DEVICE_CAPABILITY_NOT_SUPPORTED;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(c->capability, commands[i].capability) != 0 || (can & commands[i].needs) != commands[i].needs) {
            continue;
        }
        known = true;
        if (strcmp(c->command, commands[i].command) == 0) {
            struct light_state next = {0};
            enum device_error error = commands[i].add(order, &next, c, ret_why);
            next.has &= can; /* setColor's extra level on a lamp without one is tolerated */
            if (error == DEVICE_OK && next.has != 0) {
                light_command_add(&order->patch, &next);
            }
            return error;
        }
    }
    *ret_why = known ? "the capability has no such command" : "the device has no such capability";
    return DEVICE_CAPABILITY_NOT_SUPPORTED;
}
