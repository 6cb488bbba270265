/* Components to lamps: what they are told by, what they can, who they are. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "mqtt/ha_config.h"
#include "mqtt/ha_template.h"
#include "mqtt/topics.h"

/* ---- options ---- */

/* A lamp that is being read. */
struct reading {
    const struct json *object, *root; /* root: of its device, NULL for a single one */
    const char *base;                 /* ~ */
    struct ha_lamp *lamp;
    struct str texts;
    struct str *why;
    int err;
};

static void refuse(struct reading *r, int err, const char *what, const char *more)
{
    if (r->err == 0) {
        r->err = err;
        str_printf(r->why, "%s%s", what, more);
    }
}

static const struct json *option(const struct reading *r, const char *name, const char *abbreviation)
{
    const struct json *value = ha_option_of(r->object, name, abbreviation);
    return value ? value : r->root ? ha_option_of(r->root, name, abbreviation) : NULL;
}

/* Only what a component says itself: its device has no such option. */
static const struct json *own(const struct reading *r, const char *name, const char *abbreviation)
{
    return ha_option_of(r->object, name, abbreviation);
}

static uint16_t keep(struct reading *r, const char *text)
{
    size_t at = r->texts.len;
    if (at + strlen(text) + 1 > HA_MAX_TEXTS) {
        refuse(r, ERR_TOO_LARGE, "its texts are too long", "");
        return 0;
    }
    str_add(&r->texts, text, strlen(text) + 1);
    return (uint16_t)at;
}

/* A text; a number or a bool as its JSON. 0: there is none. */
static uint16_t keep_json(struct reading *r, const struct json *value)
{
    struct str s = STR_INIT;
    uint16_t at = 0;
    if (json_is_string(value)) {
        at = keep(r, json_text(value));
    } else if (json_is_number(value) || json_is_bool(value)) {
        json_copy(&s, value);
        at = keep(r, str_z(&s));
    }
    str_done(&s);
    return at;
}

static uint16_t keep_topic(struct reading *r, const struct json *value, const char *name)
{
    const char *text = json_text(value);
    struct str s = STR_INIT;
    uint16_t at = 0;
    if (!text) {
        return 0;
    }
    size_t len = strlen(text);
    if (r->base && text[0] == '~') {
        str_printf(&s, "%s%s", r->base, text + 1);
    } else if (r->base && len > 0 && text[len - 1] == '~') {
        str_printf(&s, "%.*s%s", (int)(len - 1), text, r->base);
    } else {
        str_add_z(&s, text);
    }
    if (topics_good(str_z(&s))) {
        at = keep(r, str_z(&s));
    } else {
        refuse(r, ERR_INVALID, name, " is no topic");
    }
    str_done(&s);
    return at;
}

static uint16_t keep_template(struct reading *r, const struct json *value, const char *name)
{
    const char *text = json_text(value);
    struct str why = STR_INIT;
    uint16_t at = 0;
    if (!text || !*text) {
        return 0;
    }
    int err = ha_template_check(text, &why);
    if (err == 0) {
        at = keep(r, text);
    } else {
        str_printf(&why, " in %s", name);
        refuse(r, err == ERR_UNSUPPORTED ? err : ERR_INVALID, str_z(&why), "");
    }
    str_done(&why);
    return at;
}

static bool flag(const struct json *value)
{
    const char *text = json_text(value);
    return json_is_true(value) || (text && (strcmp(text, "true") == 0 || strcmp(text, "True") == 0));
}

/* ---- channels ---- */

/* Topic and template of each channel by name: "rgb_" and "command_topic". */
static void read_channels(struct reading *r)
{
    static const char *const channels[HA_CHANNELS][2] = {[HA_STATE] = {"", ""},
                                                         [HA_BRIGHTNESS] = {"brightness_", "bri_"},
                                                         [HA_COLOR_TEMP] = {"color_temp_", "clr_temp_"},
                                                         [HA_HS] = {"hs_", "hs_"},
                                                         [HA_XY] = {"xy_", "xy_"},
                                                         [HA_RGB] = {"rgb_", "rgb_"},
                                                         [HA_RGBW] = {"rgbw_", "rgbw_"},
                                                         [HA_RGBWW] = {"rgbww_", "rgbww_"},
                                                         [HA_COLOR_MODE] = {"color_mode_", "clrm_"}};
    static const char *const options[HA_OPTIONS][2] = {[HA_COMMAND_TOPIC] = {"command_topic", "cmd_t"},
                                                       [HA_COMMAND_TEMPLATE] = {"command_template", "cmd_tpl"},
                                                       [HA_STATE_TOPIC] = {"state_topic", "stat_t"},
                                                       [HA_STATE_TEMPLATE] = {"value_template", "val_tpl"}};
    for (size_t channel = 0; channel < HA_CHANNELS; channel++) {
        for (size_t o = 0; o < HA_OPTIONS; o++) {
            char name[64], abbreviation[32];
            (void)snprintf(name, sizeof name, "%s%s", channels[channel][0], options[o][0]);
            (void)snprintf(abbreviation, sizeof abbreviation, "%s%s", channels[channel][1], options[o][1]);
            const struct json *value = channel == HA_STATE ? option(r, name, abbreviation) : own(r, name, abbreviation);
            bool topic = o == HA_COMMAND_TOPIC || o == HA_STATE_TOPIC;
            r->lamp->at[channel * HA_OPTIONS + o] = topic ? keep_topic(r, value, name) : keep_template(r, value, name);
        }
    }
    const struct json *state = own(r, "state_value_template", "stat_val_tpl");
    if (state) {
        r->lamp->at[HA_STATE * HA_OPTIONS + HA_STATE_TEMPLATE] = keep_template(r, state, "state_value_template");
    }
}

static bool has(const struct ha_lamp *lamp, enum ha_channel channel, enum ha_option o)
{
    return lamp->at[channel * HA_OPTIONS + o] != 0;
}

static void read_payloads(struct reading *r)
{
    static const struct {
        const char *name, *abbreviation, *otherwise;
        size_t text, same_as; /* same_as: what it is where it is not said */
    } rows[] = {
        {"payload_on", "pl_on", "ON", HA_PAYLOAD_ON, 0},
        {"payload_off", "pl_off", "OFF", HA_PAYLOAD_OFF, 0},
        {"state_on", "stat_on", NULL, HA_STATE_ON, HA_PAYLOAD_ON},
        {"state_off", "stat_off", NULL, HA_STATE_OFF, HA_PAYLOAD_OFF},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint16_t at = keep_json(r, own(r, rows[i].name, rows[i].abbreviation));
        if (at == 0) {
            at = rows[i].otherwise ? keep(r, rows[i].otherwise) : r->lamp->at[rows[i].same_as];
        }
        r->lamp->at[rows[i].text] = at;
    }
}

static void read_scales(struct reading *r)
{
    int64_t scale;
    double number;
    struct light_profile *p = &r->lamp->profile;
    r->lamp->brightness_scale = 255;
    if (json_integer(own(r, "brightness_scale", "bri_scl"), 1, UINT16_MAX, &scale) == 0) {
        r->lamp->brightness_scale = (uint16_t)scale;
    }
    r->lamp->kelvin = flag(own(r, "color_temp_kelvin", "clr_temp_k"));
    /* Home Assistant's own range where none is said: 153 to 500 mired, 2000 to 6535 K. */
    double coldest = r->lamp->kelvin ? 6535 : 1e6 / 153;
    double warmest = r->lamp->kelvin ? 2000 : 1e6 / 500;
    const struct {
        const char *name, *abbreviation;
        double *kelvin;
        bool mired;
    } rows[] = {{"min_mireds", "min_mirs", &coldest, true},
                {"max_mireds", "max_mirs", &warmest, true},
                {"min_kelvin", "min_k", &warmest, false},
                {"max_kelvin", "max_k", &coldest, false}};
    for (size_t i = 0; i < 4; i++) {
        if (json_number(own(r, rows[i].name, rows[i].abbreviation), &number) == 0 && number >= 1) {
            *rows[i].kelvin = rows[i].mired ? 1e6 / number : number;
        }
    }
    warmest = fmin(fmax(warmest, LIGHT_KELVIN_MIN), LIGHT_KELVIN_MAX);
    coldest = fmin(fmax(coldest, LIGHT_KELVIN_MIN), LIGHT_KELVIN_MAX);
    p->min_kelvin = (uint16_t)lround(fmin(warmest, coldest));
    p->max_kelvin = (uint16_t)lround(fmax(warmest, coldest));
}

/* ---- what it can ---- */

/* The best form of colour for hue and saturation, best first. */
static const uint8_t colors[] = {HA_HS, HA_XY, HA_RGB, HA_RGBW, HA_RGBWW};
#define COLORS (sizeof colors)

static uint32_t json_modes(struct reading *r)
{
    static const struct {
        const char *mode;
        uint32_t channels;
    } modes[] = {{"onoff", 0},
                 {"brightness", 1u << HA_BRIGHTNESS},
                 {"white", 1u << HA_BRIGHTNESS},
                 {"color_temp", 1u << HA_BRIGHTNESS | 1u << HA_COLOR_TEMP},
                 {"hs", 1u << HA_BRIGHTNESS | 1u << HA_HS},
                 {"xy", 1u << HA_BRIGHTNESS | 1u << HA_XY},
                 {"rgb", 1u << HA_BRIGHTNESS | 1u << HA_RGB},
                 {"rgbw", 1u << HA_BRIGHTNESS | 1u << HA_RGBW},
                 {"rgbww", 1u << HA_BRIGHTNESS | 1u << HA_RGBWW}};
    static const struct {
        const char *key;
        uint32_t channel;
    } legacy[] = {{"brightness", 1u << HA_BRIGHTNESS},
                  {"color_temp", 1u << HA_COLOR_TEMP},
                  {"hs", 1u << HA_HS},
                  {"xy", 1u << HA_XY},
                  {"rgb", 1u << HA_RGB}};
    const struct json *list = own(r, "supported_color_modes", "sup_clrm");
    uint32_t channels = 0;
    for (const struct json *m = json_first(list); m; m = json_next(m)) {
        for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
            if (json_text(m) && strcmp(json_text(m), modes[i].mode) == 0) {
                channels |= modes[i].channels;
            }
        }
    }
    for (size_t i = 0; !list && i < sizeof legacy / sizeof legacy[0]; i++) { /* announcers before 2021 */
        channels |= flag(own(r, legacy[i].key, NULL)) ? legacy[i].channel : 0;
    }
    return channels;
}

static uint32_t default_channels(const struct reading *r)
{
    uint32_t channels = 0;
    for (size_t channel = HA_BRIGHTNESS; channel < HA_COLOR_MODE; channel++) {
        channels |= has(r->lamp, (enum ha_channel)channel, HA_COMMAND_TOPIC) ? 1u << channel : 0;
    }
    return channels;
}

/* Channels that it is told by -> members that it can, and how. */
static void set_abilities(struct ha_lamp *lamp, uint32_t channels)
{
    struct light_profile *p = &lamp->profile;
    for (size_t i = 0; i < COLORS && lamp->color == 0; i++) {
        lamp->color = channels & (1u << colors[i]) ? colors[i] : 0;
    }
    bool rgb = lamp->color == HA_RGB || lamp->color == HA_RGBW || lamp->color == HA_RGBWW;
    lamp->temperature = (channels & (1u << HA_COLOR_TEMP)) != 0;
    lamp->folded = rgb && !(channels & (1u << HA_BRIGHTNESS));
    p->can = LIGHT_ON | ((channels & (1u << HA_BRIGHTNESS)) || lamp->folded ? LIGHT_LEVEL : 0u) |
             (lamp->color != 0 ? LIGHT_COLOR : 0u);
    /* Without a color_temp of its own the two whites are mixed. */
    p->can |= lamp->temperature || lamp->color == HA_RGBWW ? LIGHT_KELVIN : 0u;
    p->can |= (p->can & LIGHT_KELVIN) && (p->can & LIGHT_COLOR) ? LIGHT_MODE : 0u;
    if (!(p->can & LIGHT_KELVIN)) {
        p->min_kelvin = p->max_kelvin = 0;
    }
}

/* What it never says. */
static void set_silence(struct reading *r)
{
    struct ha_lamp *lamp = r->lamp;
    bool mute = !has(lamp, HA_STATE, HA_STATE_TOPIC);
    if (flag(own(r, "optimistic", "opt")) || (mute && lamp->schema != HA_SCHEMA_DEFAULT)) {
        lamp->silent = LIGHT_ALL;
    } else if (lamp->schema == HA_SCHEMA_DEFAULT) {
        bool color = lamp->color != 0 && has(lamp, lamp->color, HA_STATE_TOPIC);
        bool level = has(lamp, HA_BRIGHTNESS, HA_STATE_TOPIC) || (lamp->folded && color);
        bool kelvin = has(lamp, HA_COLOR_TEMP, HA_STATE_TOPIC) || (lamp->color == HA_RGBWW && color);
        lamp->silent = (mute ? LIGHT_ON : 0u) | (level ? 0u : LIGHT_LEVEL) | (kelvin ? 0u : LIGHT_KELVIN) |
                       (color ? 0u : LIGHT_COLOR);
    } else if (lamp->schema == HA_SCHEMA_TEMPLATE) {
        lamp->silent = (lamp->at[HA_IS_ON_TEMPLATE] ? 0u : LIGHT_ON);
    }
}

/* ---- the template schema ---- */

static uint32_t read_templates(struct reading *r)
{
    static const struct {
        const char *name, *abbreviation;
        size_t text;
    } rows[] = {
        {"command_on_template", "cmd_on_tpl", HA_ON_TEMPLATE},
        {"command_off_template", "cmd_off_tpl", HA_OFF_TEMPLATE},
        {"state_template", "stat_tpl", HA_IS_ON_TEMPLATE},
        {"brightness_template", "bri_tpl", HA_BRIGHTNESS_TEMPLATE},
        {"color_temp_template", "clr_temp_tpl", HA_COLOR_TEMP_TEMPLATE},
        {"red_template", "r_tpl", HA_RED_TEMPLATE},
        {"green_template", "g_tpl", HA_GREEN_TEMPLATE},
        {"blue_template", "b_tpl", HA_BLUE_TEMPLATE},
    };
    struct ha_lamp *lamp = r->lamp;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lamp->at[rows[i].text] = keep_template(r, own(r, rows[i].name, rows[i].abbreviation), rows[i].name);
    }
    if (!lamp->at[HA_ON_TEMPLATE] || !lamp->at[HA_OFF_TEMPLATE]) {
        refuse(r, ERR_INVALID, "command_on_template or command_off_template is missing", "");
    }
    bool rgb = lamp->at[HA_RED_TEMPLATE] && lamp->at[HA_GREEN_TEMPLATE] && lamp->at[HA_BLUE_TEMPLATE];
    return (lamp->at[HA_BRIGHTNESS_TEMPLATE] ? 1u << HA_BRIGHTNESS : 0u) |
           (lamp->at[HA_COLOR_TEMP_TEMPLATE] ? 1u << HA_COLOR_TEMP : 0u) | (rgb ? 1u << HA_RGB : 0u);
}

/* ---- availability ---- */

static void add_availability(struct reading *r, const struct json *from, const struct json *topic,
                             const struct json *template)
{
    struct ha_lamp *lamp = r->lamp;
    if (lamp->availability_count == HA_MAX_AVAILABILITIES) {
        refuse(r, ERR_UNSUPPORTED, "more than 8 topics of availability", "");
        return;
    }
    struct ha_availability a = {.topic = keep_topic(r, topic, "availability topic"),
                                .available = keep_json(r, ha_option_of(from, "payload_available", "pl_avail")),
                                .not_available =
                                    keep_json(r, ha_option_of(from, "payload_not_available", "pl_not_avail")),
                                .template = keep_template(r, template, "availability template")};
    a.available = a.available ? a.available : keep(r, "online");
    a.not_available = a.not_available ? a.not_available : keep(r, "offline");
    if (a.topic) {
        lamp->availability[lamp->availability_count++] = a;
    }
}

static void read_availability(struct reading *r)
{
    static const char *const modes[] = {
        [HA_AVAILABLE_LATEST] = "latest", [HA_AVAILABLE_ALL] = "all", [HA_AVAILABLE_ANY] = "any"};
    const struct json *list = option(r, "availability", "avty");
    const struct json *topic = option(r, "availability_topic", "avty_t");
    const char *mode = json_text(option(r, "availability_mode", "avty_mode"));
    if (json_is_object(list)) { /* one, not in a list */
        add_availability(r, list, ha_option_of(list, "topic", "t"), ha_option_of(list, "value_template", "val_tpl"));
    }
    for (const struct json *a = json_is_array(list) ? json_first(list) : NULL; a; a = json_next(a)) {
        add_availability(r, a, ha_option_of(a, "topic", "t"), ha_option_of(a, "value_template", "val_tpl"));
    }
    if (topic && !list) {
        const struct json *from = own(r, "availability_topic", "avty_t") || !r->root ? r->object : r->root;
        add_availability(r, from, topic, option(r, "availability_template", "avty_tpl"));
    }
    for (uint8_t i = 0; mode && i < 3; i++) {
        if (strcmp(mode, modes[i]) == 0) {
            r->lamp->availability_mode = i;
        }
    }
}

/* ---- who it is ---- */

static void read_names(struct reading *r)
{
    static const struct {
        const char *name, *abbreviation;
        size_t text;
    } rows[] = {{"manufacturer", "mf", HA_MANUFACTURER},
                {"model", "mdl", HA_MODEL},
                {"sw_version", "sw", HA_VERSION},
                {"suggested_area", "sa", HA_ROOM}};
    const struct json *device = option(r, "device", "dev");
    const char *called = json_text(json_get(device, "name"));
    const char *name = json_text(json_get(r->object, "name"));
    struct str s = STR_INIT;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        r->lamp->at[rows[i].text] = keep_json(r, ha_option_of(device, rows[i].name, rows[i].abbreviation));
    }
    called = called && *called ? called : NULL;
    name = name && *name ? name : NULL;
    if (called && name && strncmp(name, called, strlen(called)) != 0) {
        str_printf(&s, "%s %s", called, name); /* as Home Assistant shows it */
    } else if (name || called) {
        str_add_z(&s, name ? name : called);
    } else {
        const char *object = json_text(own(r, "object_id", "obj_id"));
        str_add_z(&s, object ? object : r->texts.data + r->lamp->at[HA_ADDRESS]);
    }
    r->lamp->at[HA_NAME] = keep(r, str_z(&s));
    str_done(&s);
}

static void read_identity(struct reading *r, const char *fallback, const char *group)
{
    struct ha_identity identity;
    ha_identify(option(r, "device", "dev"), json_text(own(r, "unique_id", "uniq_id")), fallback, group, &identity);
    r->lamp->at[HA_ADDRESS] = keep(r, identity.address);
    r->lamp->native = identity.native;
    if (identity.group) {
        r->lamp->profile.kind = LIGHT_KIND_GROUP;
    }
}

/* ---- a lamp ---- */

static void read_schema(struct reading *r, bool is_switch)
{
    static const struct {
        const char *name;
        uint8_t schema;
    } rows[] = {{"json", HA_SCHEMA_JSON},
                {"default", HA_SCHEMA_DEFAULT},
                {"basic", HA_SCHEMA_DEFAULT},
                {"template", HA_SCHEMA_TEMPLATE}};
    const char *schema = json_text(own(r, "schema", NULL));
    if (is_switch) {
        r->lamp->schema = HA_SCHEMA_SWITCH;
        r->lamp->profile.kind = LIGHT_KIND_SWITCH;
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(schema ? schema : "default", rows[i].name) == 0) {
            r->lamp->schema = rows[i].schema;
            return;
        }
    }
    refuse(r, ERR_UNSUPPORTED, "an unknown schema: ", schema);
}

static void read_on_command(struct reading *r)
{
    const char *type = json_text(own(r, "on_command_type", "on_cmd_type"));
    r->lamp->on_command = !type                        ? HA_ON_LAST
                          : strcmp(type, "first") == 0 ? HA_ON_FIRST
                          : strcmp(type, "brightness") == 0 && has(r->lamp, HA_BRIGHTNESS, HA_COMMAND_TOPIC)
                              ? HA_ON_BRIGHTNESS
                              : HA_ON_LAST;
}

static void read_lamp(struct reading *r, const struct ha_component *component, const char *fallback, const char *group)
{
    struct ha_lamp *lamp = r->lamp;
    const char *category = json_text(own(r, "entity_category", "ent_cat"));
    const struct json *enabled = own(r, "enabled_by_default", "en");
    if (category && *category) {
        refuse(r, ERR_UNSUPPORTED, "it is a setting, no lamp: entity_category ", category);
    }
    if (json_is_bool(enabled) && !json_is_true(enabled)) {
        refuse(r, ERR_UNSUPPORTED, "it is announced as disabled", "");
    }
    read_schema(r, component->is_switch);
    read_channels(r);
    read_payloads(r);
    read_scales(r);
    read_on_command(r);
    read_availability(r);
    if (!has(lamp, HA_STATE, HA_COMMAND_TOPIC)) {
        refuse(r, ERR_INVALID, "command_topic is missing", "");
    }
    uint32_t channels = lamp->schema == HA_SCHEMA_JSON       ? json_modes(r)
                        : lamp->schema == HA_SCHEMA_DEFAULT  ? default_channels(r)
                        : lamp->schema == HA_SCHEMA_TEMPLATE ? read_templates(r)
                                                             : 0;
    set_abilities(lamp, channels);
    set_silence(r);
    read_identity(r, fallback, group);
    read_names(r);
}

int ha_lamp_read(const struct ha_config *c, const struct ha_component *component, const char *fallback,
                 const char *group, struct ha_lamp *ret_lamp, struct str *why)
{
    struct reading r = {.object = component->object, .root = c->device ? c->root : NULL, .lamp = ret_lamp, .why = why};
    *ret_lamp = (struct ha_lamp){0};
    r.base = json_text(json_get(r.object, "~"));
    r.base = r.base || !r.root ? r.base : json_text(json_get(r.root, "~"));
    str_add_char(&r.texts, 0); /* place 0 is no text */
    read_lamp(&r, component, fallback, group);
    if (r.err != 0) {
        str_done(&r.texts);
        return r.err;
    }
    ret_lamp->texts_len = r.texts.len;
    ret_lamp->texts = str_take(&r.texts);
    return 0;
}

void ha_lamp_done(struct ha_lamp *lamp)
{
    free(lamp->texts);
    lamp->texts = NULL;
}

const char *ha_lamp_text(const struct ha_lamp *lamp, size_t text)
{
    return lamp->at[text] != 0 ? lamp->texts + lamp->at[text] : NULL;
}

const char *ha_lamp_channel(const struct ha_lamp *lamp, enum ha_channel channel, enum ha_option o)
{
    return ha_lamp_text(lamp, channel * HA_OPTIONS + o);
}
