/* Entries of bridge/devices and bridge/groups: what is a light, and what it can do. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/utf8.h"
#include "model/color.h"
#include "mqtt/z2m_codec.h"

/* Bits of a feature's `access`. */
enum { ACCESS_SET = 2, ACCESS_GET = 4, ACCESS_ALL = 7 };

/* Copies a text that may be missing; what is too long is cut at a character. */
static void copy_text(char *to, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len >= Z2M_NAME) {
        for (len = Z2M_NAME - 1; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;) {
            len--;
        }
    }
    memcpy(to, text ? text : "", len);
    to[len] = 0;
}

/* Copies a key. One that is too long to be a key is no key. */
static bool copy_key(char to[Z2M_PROPERTY], const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len == 0 || len >= Z2M_PROPERTY) {
        return false;
    }
    memcpy(to, text, len + 1);
    return true;
}

bool z2m_good_name(const char *name)
{
    static const char reserved[] = "bridge/"; /* Zigbee2MQTT's own topics */
    size_t len = strlen(name);
    if (len == 0 || len >= Z2M_NAME || strncmp(name, reserved, sizeof reserved - 1) == 0 || !utf8_valid(name, len)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '+' || name[i] == '#') {
            return false;
        }
    }
    return true;
}

static bool is_text(const struct json *object, const char *key, const char *expected)
{
    const char *text = json_get_text(object, key);
    return text && strcmp(text, expected) == 0;
}

static int64_t access_of(const struct json *feature)
{
    int64_t access = ACCESS_ALL;
    return json_integer(json_get(feature, "access"), 0, 255, &access) == 0 ? access : ACCESS_ALL;
}

/* Wire numbers of ranges: out of reason counts as not said. */
static uint16_t range_end(const struct json *feature, const char *key, uint16_t fallback)
{
    double value;
    if (json_number(json_get(feature, key), &value) != 0 || value < 1 || value > UINT16_MAX) {
        return fallback;
    }
    return (uint16_t)lround(value);
}

/* ---- one feature each ---- */

static void take_state(struct z2m_lamp *lamp, const struct json *feature, int64_t access)
{
    const char *on = json_get_text(feature, "value_on");
    if ((json_get(feature, "value_on") && !(on && strcmp(on, "ON") == 0)) ||
        !copy_key(lamp->state, json_get_text(feature, "property"))) {
        return; /* no switch in our sense: a lock, a valve */
    }
    lamp->get_state = (access & ACCESS_GET) != 0;
    lamp->profile.can |= LIGHT_ON;
}

static void take_brightness(struct z2m_lamp *lamp, const struct json *feature, int64_t access)
{
    if (copy_key(lamp->brightness, json_get_text(feature, "property"))) {
        lamp->brightness_max = range_end(feature, "value_max", 254);
        lamp->get_brightness = (access & ACCESS_GET) != 0;
        lamp->profile.can |= LIGHT_LEVEL;
    }
}

static void take_color_temp(struct z2m_lamp *lamp, const struct json *feature, int64_t access)
{
    uint16_t min = range_end(feature, "value_min", 153);
    uint16_t max = range_end(feature, "value_max", 500);
    if (min <= max && copy_key(lamp->color_temp, json_get_text(feature, "property"))) {
        lamp->min_mired = min;
        lamp->max_mired = max;
        lamp->get_color_temp = (access & ACCESS_GET) != 0;
        lamp->profile.can |= LIGHT_KELVIN;
    }
}

static void take_color(struct z2m_lamp *lamp, const struct json *feature, int64_t access, bool hs)
{
    if (!copy_key(lamp->color, json_get_text(feature, "property"))) {
        return;
    }
    lamp->prefer_hs |= hs && !lamp->xy; /* the first that is named is the preferred one */
    *(hs ? &lamp->hs : &lamp->xy) = true;
    lamp->get_color |= (access & ACCESS_GET) != 0;
    lamp->profile.can |= LIGHT_COLOR;
}

static void take_feature(struct z2m_lamp *lamp, const struct json *feature)
{
    const char *name = json_get_text(feature, "name");
    int64_t access = access_of(feature);
    if (!name || !(access & ACCESS_SET)) {
        return;
    }
    if (strcmp(name, "state") == 0) {
        take_state(lamp, feature, access);
    } else if (strcmp(name, "brightness") == 0) {
        take_brightness(lamp, feature, access);
    } else if (strcmp(name, "color_temp") == 0) {
        take_color_temp(lamp, feature, access);
    } else if (strcmp(name, "color_hs") == 0 || strcmp(name, "color_xy") == 0) {
        take_color(lamp, feature, access, name[6] == 'h');
    }
}

/* What follows from the features together. */
static void finish_lamp(struct z2m_lamp *lamp)
{
    struct light_profile *p = &lamp->profile;
    if (p->can & LIGHT_KELVIN) {
        p->min_kelvin = color_kelvin_from_mired(lamp->max_mired);
        p->max_kelvin = color_kelvin_from_mired(lamp->min_mired);
    }
    if ((p->can & LIGHT_KELVIN) && (p->can & LIGHT_COLOR)) {
        p->can |= LIGHT_MODE;
    }
    /* "color" -> "color_mode", "color_l1" -> "color_mode_l1" */
    if (p->can & (LIGHT_KELVIN | LIGHT_COLOR)) {
        static const char mode[] = "color_mode_";
        size_t len = strlen(lamp->endpoint);
        memcpy(lamp->color_mode, mode, sizeof mode - (len == 0 ? 2 : 1));
        memcpy(lamp->color_mode + sizeof mode - 1, lamp->endpoint, len);
    }
}

static bool endpoint_taken(const struct z2m_device *device, const char *endpoint)
{
    for (size_t i = 0; i < device->lamp_count; i++) {
        if (strcmp(device->lamps[i].endpoint, endpoint) == 0) {
            return true;
        }
    }
    return false;
}

static void take_light(struct z2m_device *device, const struct json *expose, enum light_kind kind)
{
    struct z2m_lamp lamp = {0};
    const char *endpoint = json_get_text(expose, "endpoint");
    if ((endpoint && !copy_key(lamp.endpoint, endpoint)) || endpoint_taken(device, lamp.endpoint)) {
        return;
    }
    for (const struct json *f = json_first(json_get(expose, "features")); f; f = json_next(f)) {
        take_feature(&lamp, f);
    }
    finish_lamp(&lamp);
    lamp.profile.kind = (uint8_t)kind;
    if (!(lamp.profile.can & (LIGHT_ON | LIGHT_LEVEL))) {
        return;
    }
    if (device->lamp_count < Z2M_MAX_LAMPS) {
        device->lamps[device->lamp_count++] = lamp;
    } else {
        device->lamps_left++;
    }
}

/* Lights first: a switch that would have the same address as a light is that light's own. */
static void take_exposes(struct z2m_device *device, const struct json *exposes)
{
    static const struct {
        const char *type;
        enum light_kind kind;
    } kinds[] = {{"light", LIGHT_KIND_LIGHT}, {"switch", LIGHT_KIND_SWITCH}};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (const struct json *e = json_first(exposes); e; e = json_next(e)) {
            if (is_text(e, "type", kinds[k].type)) {
                take_light(device, e, kinds[k].kind);
            }
        }
    }
}

static enum z2m_interview interview_of(const struct json *entry)
{
    const char *state = json_get_text(entry, "interview_state");
    if (state) {
        return strcmp(state, "SUCCESSFUL") == 0 ? Z2M_INTERVIEWED
               : strcmp(state, "FAILED") == 0   ? Z2M_INTERVIEW_FAILED
                                                : Z2M_INTERVIEW_UNDER_WAY;
    }
    /* Zigbee2MQTT before 2.0 */
    if (json_is_true(json_get(entry, "interviewing"))) {
        return Z2M_INTERVIEW_UNDER_WAY;
    }
    const struct json *completed = json_get(entry, "interview_completed");
    return json_is_bool(completed) && !json_is_true(completed) ? Z2M_INTERVIEW_FAILED : Z2M_INTERVIEWED;
}

int z2m_read_device(const struct json *entry, struct z2m_device *device)
{
    const char *ieee = json_get_text(entry, "ieee_address");
    const char *name = json_get_text(entry, "friendly_name");
    const struct json *definition = json_get(entry, "definition");
    const struct json *supported = json_get(entry, "supported");
    device->lamp_count = device->lamps_left = 0;
    device->ieee[0] = device->name[0] = 0;
    if (!ieee || !z2m_good_name(ieee) || strchr(ieee, '/')) {
        return ERR_INVALID;
    }
    copy_text(device->ieee, ieee);
    if (is_text(entry, "type", "Coordinator")) {
        return 0;
    }
    if (!name || !z2m_good_name(name)) {
        return ERR_INVALID;
    }
    const char *vendor = json_get_text(definition, "vendor");
    const char *model = json_get_text(definition, "model");
    copy_text(device->name, name);
    copy_text(device->vendor, vendor ? vendor : json_get_text(entry, "manufacturer"));
    copy_text(device->model, model ? model : json_get_text(entry, "model_id"));
    copy_text(device->version, json_get_text(entry, "software_build_id"));
    device->interview = interview_of(entry);
    if (json_is_object(definition) && device->interview == Z2M_INTERVIEWED &&
        !json_is_true(json_get(entry, "disabled")) && !(json_is_bool(supported) && !json_is_true(supported))) {
        take_exposes(device, json_get(definition, "exposes"));
    }
    return 0;
}

/* ---- groups ---- */

int z2m_read_group(const struct json *entry, struct z2m_group *group)
{
    const char *name = json_get_text(entry, "friendly_name");
    if (json_integer(json_get(entry, "id"), 0, UINT32_MAX, &group->id) != 0 || !name || !z2m_good_name(name)) {
        return ERR_INVALID;
    }
    copy_text(group->name, name);
    group->members = json_get(entry, "members");
    return 0;
}

const char *z2m_member(const struct json *member)
{
    return json_get_text(member, "ieee_address");
}

const char *z2m_member_endpoint(const struct json *member)
{
    const char *endpoint = json_get_text(member, "endpoint");
    return endpoint ? endpoint : "";
}

static const struct z2m_lamp everything = {
    .state = "state",
    .brightness = "brightness",
    .color_temp = "color_temp",
    .color = "color",
    .color_mode = "color_mode",
    .hs = true,
    .xy = true,
    .brightness_max = 254,
    .min_mired = 1,
    .max_mired = UINT16_MAX,
    .profile = {.can = LIGHT_ALL, .kind = LIGHT_KIND_GROUP},
};

void z2m_group_add(struct z2m_lamp *group, const struct z2m_lamp *member, bool first)
{
    struct light_profile *p = &group->profile;
    if (first) {
        memcpy(group, &everything, sizeof *group);
    }
    p->can &= member->profile.can;
    if (p->can & LIGHT_KELVIN) {
        group->min_mired = group->min_mired > member->min_mired ? group->min_mired : member->min_mired;
        group->max_mired = group->max_mired < member->max_mired ? group->max_mired : member->max_mired;
    }
    if (!(p->can & LIGHT_KELVIN) || group->min_mired > group->max_mired) {
        p->can &= ~(uint32_t)LIGHT_KELVIN;
        group->color_temp[0] = 0;
        group->min_mired = group->max_mired = 0;
    }
    group->hs = group->hs && member->hs;
    group->xy = group->xy && member->xy;
    group->prefer_hs = group->hs && !group->xy;
    if (!(p->can & LIGHT_COLOR) || (!group->hs && !group->xy)) {
        p->can &= ~(uint32_t)LIGHT_COLOR;
        group->color[0] = 0;
    }
    p->can &= ~(uint32_t)LIGHT_MODE;
    p->can |= (p->can & LIGHT_KELVIN) && (p->can & LIGHT_COLOR) ? (uint32_t)LIGHT_MODE : 0u;
    p->min_kelvin = p->can & LIGHT_KELVIN ? color_kelvin_from_mired(group->max_mired) : 0;
    p->max_kelvin = p->can & LIGHT_KELVIN ? color_kelvin_from_mired(group->min_mired) : 0;
}
