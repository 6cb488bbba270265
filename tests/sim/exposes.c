#include "sim/exposes.h"

#include <stdio.h>
#include <string.h>

enum { ACCESS_SET = 3, ACCESS_ALL = 7 };

/* Members that every feature has, in the order in which they are published. */
struct feature_row {
    const char *name, *label, *type, *description;
};

static const struct feature_row row_state = {"state", "State", "binary", "On/off state of this light"};
static const struct feature_row row_switch = {"state", "State", "binary", "On/off state of the switch"};
static const struct feature_row row_level = {"brightness", "Brightness", "numeric", "Brightness of this light"};
static const struct feature_row row_lowest = {"min_brightness", "Min brightness", "numeric",
                                              "Minimum light brightness"};
static const struct feature_row row_highest = {"max_brightness", "Max brightness", "numeric",
                                               "Maximum light brightness"};
static const struct feature_row row_temp = {"color_temp", "Color temp", "numeric", "Color temperature of this light"};
static const struct feature_row row_startup = {"color_temp_startup", "Color temp startup", "numeric",
                                               "Color temperature after cold power on of this light"};
static const struct feature_row row_xy = {"color_xy", "Color (X/Y)", "composite",
                                          "Color of this light in the CIE 1931 color space (x/y)"};
static const struct feature_row row_hs = {"color_hs", "Color (HS)", "composite",
                                          "Color of this light expressed as hue/saturation"};
static const struct feature_row row_conf = {"level_config", "Level config", "composite", "Configure genLevelCtrl"};
static const struct feature_row row_x = {"x", "X", "numeric", NULL};
static const struct feature_row row_y = {"y", "Y", "numeric", NULL};
static const struct feature_row row_hue = {"hue", "Hue", "numeric", NULL};
static const struct feature_row row_saturation = {"saturation", "Saturation", "numeric", NULL};

/* The members of level_config. */
static const struct conf_row {
    uint32_t feature;
    struct feature_row row;
    const char *presets; /* JSON */
    bool ranged;         /* 1..254 */
} conf_rows[] = {
    {FEATURE_CONF_BOTH,
     {"on_off_transition_time", "ON/OFF transition time", "numeric",
      "Seconds taken to move to or from the target level when On or Off commands are received by an On/Off cluster"},
     NULL,
     false},
    {FEATURE_CONF_ON,
     {"on_transition_time", "ON transition time", "numeric",
      "Seconds taken to move the current level from the minimum level to the maximum level when an On command is "
      "received"},
     "[{\"name\":\"disabled\",\"value\":\"disabled\",\"description\":\"Use on_off_transition_time value\"}]",
     false},
    {FEATURE_CONF_OFF,
     {"off_transition_time", "OFF transition time", "numeric",
      "Seconds taken to move the current level from the maximum level to the minimum level when an Off command is "
      "received"},
     "[{\"name\":\"disabled\",\"value\":\"disabled\",\"description\":\"Use on_off_transition_time value\"}]",
     false},
    {FEATURE_CONF_WHILE_OFF,
     {"execute_if_off", "Execute if off", "binary",
      "this setting can affect the \"on_level\", \"current_level_startup\" or \"brightness\" setting"},
     NULL,
     false},
    {FEATURE_CONF_ON_LEVEL,
     {"on_level", "On level", "numeric",
      "Specifies the level that shall be applied, when an on/toggle command causes the light to turn on."},
     "[{\"name\":\"previous\",\"value\":\"previous\",\"description\":\"Use previous value\"}]",
     true},
    {FEATURE_CONF_STARTUP,
     {"current_level_startup", "Current level startup", "numeric",
      "Defines the desired startup level for a device when it is supplied with power"},
     "[{\"name\":\"minimum\",\"value\":\"minimum\",\"description\":\"Use minimum permitted value\"},"
     "{\"name\":\"previous\",\"value\":\"previous\",\"description\":\"Use previous value\"}]",
     true},
};

static void begin_feature(struct json_out *j, const struct feature_row *row, const char *property, const char *endpoint,
                          int access)
{
    char text[64];
    snprintf(text, sizeof text, "%s%s%s", property, *endpoint ? "_" : "", endpoint);
    json_begin_object(j);
    json_member_text(j, "name", row->name);
    json_member_text(j, "label", row->label);
    json_member_int(j, "access", access);
    json_member_text(j, "type", row->type);
    if (*endpoint) {
        json_member_text(j, "endpoint", endpoint);
    }
    json_member_text(j, "property", text);
    if (row->description) {
        json_member_text(j, "description", row->description);
    }
}

static void put_range(struct json_out *j, int min, int max)
{
    json_member_int(j, "value_max", max);
    json_member_int(j, "value_min", min);
}

static void put_state(struct json_out *j, const struct feature_row *row, const char *endpoint, int access)
{
    begin_feature(j, row, "state", endpoint, access);
    json_member_text(j, "value_on", "ON");
    json_member_text(j, "value_off", "OFF");
    json_member_text(j, "value_toggle", "TOGGLE");
    json_end_object(j);
}

static void put_number(struct json_out *j, const struct feature_row *row, const char *endpoint, int access, int min,
                       int max)
{
    begin_feature(j, row, row->name, endpoint, access);
    put_range(j, min, max);
    json_end_object(j);
}

static void put_preset(struct json_out *j, const char *name, int value, const char *description)
{
    json_begin_object(j);
    json_member_text(j, "name", name);
    json_member_int(j, "value", value);
    json_member_text(j, "description", description);
    json_end_object(j);
}

static void put_temperature(struct json_out *j, const struct feature_row *row, const struct shape_part *p,
                            const char *endpoint, int access, bool startup)
{
    static const struct {
        const char *name, *description;
        int value;
    } between[] = {
        {"cool", "Cool temperature (250 mireds / 4000 Kelvin)", 250},
        {"neutral", "Neutral temperature (370 mireds / 2700 Kelvin)", 370},
        {"warm", "Warm temperature (454 mireds / 2200 Kelvin)", 454},
    };
    begin_feature(j, row, row->name, endpoint, access);
    json_member_text(j, "unit", "mired");
    put_range(j, p->coolest, p->warmest);
    json_member_array(j, "presets");
    put_preset(j, "coolest", p->coolest, "Coolest temperature supported");
    for (size_t i = 0; i < sizeof between / sizeof between[0]; i++) {
        if (between[i].value >= p->coolest && between[i].value <= p->warmest) {
            put_preset(j, between[i].name, between[i].value, between[i].description);
        }
    }
    put_preset(j, "warmest", p->warmest, "Warmest temperature supported");
    if (startup) {
        put_preset(j, "previous", 65535, "Restore previous color_temp on cold power on");
    }
    json_end_array(j);
    json_end_object(j);
}

static void put_color(struct json_out *j, const struct feature_row *row, const struct feature_row *first,
                      const struct feature_row *second, const struct shape_light *light, int access)
{
    const char *inner = light->part->features & FEATURE_PLAIN_COLOR ? "" : light->endpoint;
    begin_feature(j, row, "color", light->endpoint, access);
    json_member_array(j, "features");
    begin_feature(j, first, first->name, inner, ACCESS_ALL);
    json_end_object(j);
    begin_feature(j, second, second->name, inner, ACCESS_ALL);
    json_end_object(j);
    json_end_array(j);
    json_end_object(j);
}

static void put_conf(struct json_out *j, const struct shape_light *light)
{
    begin_feature(j, &row_conf, row_conf.name, light->endpoint, ACCESS_ALL);
    json_member_array(j, "features");
    for (size_t i = 0; i < sizeof conf_rows / sizeof conf_rows[0]; i++) {
        const struct conf_row *c = &conf_rows[i];
        if (!(light->part->features & c->feature)) {
            continue;
        }
        begin_feature(j, &c->row, c->row.name, light->endpoint, ACCESS_ALL);
        if (c->ranged) {
            put_range(j, 1, 254);
        } else if (c->feature == FEATURE_CONF_WHILE_OFF) {
            json_member_bool(j, "value_on", true);
            json_member_bool(j, "value_off", false);
        }
        if (c->presets) {
            json_put_key(j, "presets");
            json_put_raw(j, c->presets, strlen(c->presets));
        }
        json_end_object(j);
    }
    json_end_array(j);
    json_end_object(j);
}

static void put_features(struct json_out *j, const struct shape_light *light)
{
    uint32_t f = light->part->features;
    const char *at = light->endpoint;
    int state_access = f & FEATURE_NO_GET ? ACCESS_SET : ACCESS_ALL;
    int access = f & (FEATURE_NO_GET | FEATURE_LEVEL_NO_GET) ? ACCESS_SET : ACCESS_ALL;
    int limits_access = f & FEATURE_LIMITS_NO_GET ? ACCESS_SET : ACCESS_ALL;
    put_state(j, f & FEATURE_SWITCH ? &row_switch : &row_state, at, state_access);
    if (f & FEATURE_LEVEL) {
        put_number(j, &row_level, at, access, 0, 254);
    }
    if (f & FEATURE_LOWEST) {
        put_number(j, &row_lowest, at, limits_access, 1, 255);
    }
    if (f & FEATURE_HIGHEST) {
        put_number(j, &row_highest, at, limits_access, 1, 255);
    }
    bool hs_is_put = (f & FEATURE_COLOR_FIRST) != 0;
    if (hs_is_put) {
        put_color(j, &row_hs, &row_hue, &row_saturation, light, access);
    }
    if (f & FEATURE_TEMP) {
        put_temperature(j, &row_temp, light->part, at, access, false);
    }
    if (f & FEATURE_STARTUP) {
        put_temperature(j, &row_startup, light->part, at, access, true);
    }
    if (f & FEATURE_HS_FIRST) {
        put_color(j, &row_hs, &row_hue, &row_saturation, light, access);
        hs_is_put = true;
    }
    if (f & FEATURE_XY) {
        put_color(j, &row_xy, &row_x, &row_y, light, access);
    }
    if ((f & FEATURE_HS) && !hs_is_put) {
        put_color(j, &row_hs, &row_hue, &row_saturation, light, access);
    }
    if (f & FEATURE_CONF) {
        put_conf(j, light);
    }
}

const char *const *exposes_effects(const struct shape *shape)
{
    static const char *const white[] = {"blink",         "breathe",     "okay", "channel_change",
                                        "finish_effect", "stop_effect", NULL};
    static const char *const colored[] = {"blink",          "breathe",        "okay",
                                          "channel_change", "finish_effect",  "stop_effect",
                                          "colorloop",      "stop_colorloop", NULL};
    static const char *const none[] = {NULL};
    uint32_t f = shape->parts[0].features;
    return f & FEATURE_SWITCH ? none : f & FEATURE_COLOR ? colored : white;
}

static void put_enum(struct json_out *j, const struct feature_row *row, int access, const char *category,
                     const char *const *values)
{
    begin_feature(j, row, row->name, "", access);
    if (category) {
        json_member_text(j, "category", category);
    }
    json_member_array(j, "values");
    for (; *values; values++) {
        json_put_text(j, *values);
    }
    json_end_array(j);
    json_end_object(j);
}

static void put_siblings(struct json_out *j, const struct shape *shape)
{
    static const struct feature_row effect = {
        "effect", "Effect", "enum", "Triggers an effect on the light (e.g. make light blink for a few seconds)"};
    static const struct feature_row power = {"power_on_behavior", "Power-on behavior", "enum",
                                             "Controls the behavior when the device is powered on after power loss"};
    static const struct feature_row identify = {"identify", "Identify", "enum", "Initiate device identification"};
    static const struct feature_row quality = {"linkquality", "Linkquality", "numeric",
                                               "Link quality (signal strength)"};
    static const char *const powers[] = {"off", "on", "toggle", "previous", NULL};
    static const char *const identifies[] = {"identify", NULL};
    if (*exposes_effects(shape)) {
        put_enum(j, &effect, 2, NULL, exposes_effects(shape));
    }
    put_enum(j, &power, ACCESS_ALL, "config", powers);
    put_enum(j, &identify, 2, "config", identifies);
    begin_feature(j, &quality, quality.name, "", 1);
    json_member_text(j, "category", "diagnostic");
    json_member_text(j, "unit", "lqi");
    put_range(j, 0, 255);
    json_end_object(j);
}

void exposes_write(struct json_out *j, const struct shape *shape)
{
    struct shape_light lights[SHAPE_LIGHTS];
    size_t count = shape_lights(shape, lights);
    json_begin_array(j);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(j);
        json_member_text(j, "type", lights[i].part->features & FEATURE_SWITCH ? "switch" : "light");
        if (*lights[i].endpoint) {
            json_member_text(j, "endpoint", lights[i].endpoint);
        }
        json_member_array(j, "features");
        put_features(j, &lights[i]);
        json_end_array(j);
        json_end_object(j);
    }
    put_siblings(j, shape);
    json_end_array(j);
}

void exposes_write_options(struct json_out *j, const struct shape *shape)
{
    static const char transition[] =
        "{\"name\":\"transition\",\"label\":\"Transition\",\"access\":2,\"type\":\"numeric\",\"property\":"
        "\"transition\","
        "\"description\":\"Controls the transition time (in seconds) of on/off, brightness, color temperature (if "
        "applicable) and color (if applicable) changes. Defaults to `0` (no transition).\",\"value_min\":0,"
        "\"value_step\":0.1}";
    static const char action[] =
        "{\"name\":\"state_action\",\"label\":\"State action\",\"access\":2,\"type\":\"binary\",\"property\":"
        "\"state_action\",\"description\":\"State actions will also be published as 'action' when true (default "
        "false).\",\"value_on\":true,\"value_off\":false}";
    static const char sync[] =
        "{\"name\":\"color_sync\",\"label\":\"Color "
        "sync\",\"access\":2,\"type\":\"binary\",\"property\":\"color_sync\","
        "\"description\":\"When enabled colors will be synced, e.g. if the light supports both color x/y and color "
        "temperature a conversion from color x/y to color temperature will be done when setting the x/y color (default "
        "true).\",\"value_on\":true,\"value_off\":false}";
    uint32_t f = shape->parts[0].features;
    json_begin_array(j);
    json_put_raw(j, action, sizeof action - 1);
    if (f & FEATURE_LEVEL) {
        json_put_raw(j, transition, sizeof transition - 1);
    }
    if (f & (FEATURE_TEMP | FEATURE_COLOR)) {
        json_put_raw(j, sync, sizeof sync - 1);
    }
    json_end_array(j);
}
