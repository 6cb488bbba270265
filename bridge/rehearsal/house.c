#include "rehearsal/house.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

/* Facts 3. */
const struct attribute attributes[REHEARSAL_ATTRIBUTES] = {
    [REHEARSAL_HEALTH] = {"st.healthCheck", "healthStatus", "offline", "online", 0, 1, true, ""},
    [REHEARSAL_SWITCH] = {"st.switch", "switch", "off", "on", 0, 1, true, ""},
    [REHEARSAL_LEVEL] = {"st.switchLevel", "level", NULL, NULL, 0, 100, true, "%.0f %%"},
    [REHEARSAL_KELVIN] = {"st.colorTemperature", "colorTemperature", NULL, NULL, 1, 30000, true, "%.0f K"},
    [REHEARSAL_HUE] = {"st.colorControl", "hue", NULL, NULL, 0, 100, false, "hue %g"},
    [REHEARSAL_SATURATION] = {"st.colorControl", "saturation", NULL, NULL, 0, 100, false, "saturation %g"},
};

#define BIT(attribute) (1u << (attribute))
#define SWITCH (BIT(REHEARSAL_HEALTH) | BIT(REHEARSAL_SWITCH))
#define DIMMER (SWITCH | BIT(REHEARSAL_LEVEL))
#define WHITE (DIMMER | BIT(REHEARSAL_KELVIN))
#define COLOR (DIMMER | BIT(REHEARSAL_HUE) | BIT(REHEARSAL_SATURATION))

/* Facts 1.5; meters and batteries have attributes of their own, which are not looked at. */
static const struct {
    const char *type;
    uint32_t has;
} handler_types[] = {
    {"c2c-switch", SWITCH},
    {"c2c-switch-power", SWITCH},
    {"c2c-switch-energy", SWITCH},
    {"c2c-switch-power-energy", SWITCH},
    {"c2c-dimmer", DIMMER},
    {"c2c-dimmer-2", DIMMER},
    {"c2c-dimmer-3", DIMMER},
    {"c2c-dimmer-power", DIMMER},
    {"c2c-dimmer-energy", DIMMER},
    {"c2c-dimmer-power-energy", DIMMER},
    {"c2c-color-temperature-bulb", WHITE},
    {"c2c-rgb-color-bulb", COLOR},
    {"c2c-rgbw-color-bulb", COLOR | BIT(REHEARSAL_KELVIN)},
};

enum rehearsal_attribute attribute_find(const char *capability, const char *name)
{
    enum rehearsal_attribute a = 0;
    while (a < REHEARSAL_ATTRIBUTES &&
           (strcmp(attributes[a].capability, capability) != 0 || strcmp(attributes[a].name, name) != 0)) {
        a++;
    }
    return a;
}

/* A device profile's UUID is a type as well; what it has only its owner knows. */
static bool is_uuid(const char *text)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        if (shape[i] == '-' ? text[i] != '-' : text[i] == '\0' || !strchr("0123456789abcdefABCDEF", text[i])) {
            return false;
        }
    }
    return text[sizeof shape - 1] == '\0';
}

int handler_type_find(const char *type, uint32_t *ret_has)
{
    for (size_t i = 0; i < sizeof handler_types / sizeof handler_types[0]; i++) {
        if (strcmp(handler_types[i].type, type) == 0) {
            *ret_has = handler_types[i].has;
            return 0;
        }
    }
    *ret_has = BIT(REHEARSAL_ATTRIBUTES) - 1;
    return is_uuid(type) ? 0 : ERR_NOT_FOUND;
}

/* ---- the list ---- */

static void device_done(struct rehearsal_device *d)
{
    free(d->id);
    free(d->name);
    free(d->room);
    free(d->handler_type);
    free(d->error);
}

void house_done(struct house *house)
{
    for (size_t i = 0; i < house->count; i++) {
        device_done(&house->list[i]);
    }
    free(house->list);
    *house = (struct house){0};
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct rehearsal_device *)a)->id, ((const struct rehearsal_device *)b)->id);
}

struct rehearsal_device *house_find(const struct house *house, const char *id)
{
    struct rehearsal_device key = {.id = (char *)(uintptr_t)id};
    return house->count > 0 ? bsearch(&key, house->list, house->count, sizeof key, by_id) : NULL;
}

const struct rehearsal_device *house_find_named(const struct house *house, const char *name_or_id)
{
    for (size_t i = 0; i < house->count; i++) {
        if (strcmp(house->list[i].name, name_or_id) == 0) {
            return &house->list[i];
        }
    }
    return house_find(house, name_or_id);
}

static void tell(struct str *news, const char *name, const char *what)
{
    str_printf(news, "%s%s%s%s", news->len > 0 ? "; " : "", name, *what ? ": " : "", what);
}

static struct rehearsal_device read_device(const struct json *from)
{
    return (struct rehearsal_device){
        .id = mem_text(json_get_text(from, "externalDeviceId")),
        .name = mem_text(json_get_text(from, "friendlyName")),
        .room = mem_text(json_get_text(json_get(from, "deviceContext"), "roomName")),
        .handler_type = mem_text(json_get_text(from, "deviceHandlerType")),
    };
}

void house_take_devices(struct house *house, const struct json *devices, struct str *news)
{
    struct house next = {.list = mem_array(json_count(devices) + 1, sizeof *next.list)};
    for (size_t i = 0; i < house->count; i++) {
        house->list[i].told = false;
    }
    for (const struct json *v = json_first(devices); v; v = json_next(v)) {
        struct rehearsal_device d = read_device(v);
        struct rehearsal_device *old = house_find(house, d.id);
        if (!old) {
            tell(news, d.name, "new");
        } else if (strcmp(old->name, d.name) != 0 || strcmp(old->handler_type, d.handler_type) != 0) {
            tell(news, d.name, "changed");
        }
        if (old) {
            d.has = old->has;
            d.asked = old->asked; /* a list may come while an answer is under way */
            memcpy(d.value, old->value, sizeof d.value);
            old->told = true;
        }
        next.list[next.count++] = d;
    }
    qsort(next.list, next.count, sizeof *next.list, by_id);
    for (size_t i = 0; i < house->count; i++) {
        if (!house->list[i].told) {
            tell(news, house->list[i].name, "gone");
        }
    }
    house_done(house);
    *house = next;
}

/* ---- states ---- */

static void take_state(struct rehearsal_device *d, const struct json *state, uint32_t *bits)
{
    enum rehearsal_attribute a = attribute_find(json_get_text(state, "capability"), json_get_text(state, "attribute"));
    const struct json *value = json_get(state, "value");
    if (a == REHEARSAL_ATTRIBUTES) {
        return; /* a meter's, or a battery's */
    }
    double was = d->value[a];
    if (attributes[a].on) {
        d->value[a] = strcmp(json_text(value), attributes[a].on) == 0;
    } else {
        (void)json_number(value, &d->value[a]);
    }
    bool first = !(d->has & BIT(a));
    d->has |= BIT(a);
    /* being online is no news */
    if (a != REHEARSAL_HEALTH || d->value[a] == 0 || (!first && was == 0)) {
        *bits |= BIT(a);
    }
}

static void take_error(struct rehearsal_device *d, const struct json *error)
{
    struct str s = STR_INIT;
    str_printf(&s, "%s: %s", json_get_text(error, "errorEnum"), json_get_text(error, "detail"));
    free(d->error);
    d->error = str_take(&s);
}

void house_take_states(struct house *house, const struct json *states, struct str *news)
{
    for (const struct json *v = json_first(states); v; v = json_next(v)) {
        struct rehearsal_device *d = house_find(house, json_get_text(v, "externalDeviceId"));
        struct str what = STR_INIT;
        uint32_t bits = 0;
        if (!d) {
            tell(news, json_get_text(v, "externalDeviceId"), "SmartThings knows no such device");
            continue;
        }
        free(d->error);
        d->error = NULL;
        for (const struct json *s = json_first(json_get(v, "states")); s; s = json_next(s)) {
            take_state(d, s, &bits);
        }
        if (json_get(v, "deviceError")) {
            take_error(d, json_first(json_get(v, "deviceError")));
            str_add_z(&what, d->error);
        } else {
            device_describe_bits(&what, d, bits);
        }
        tell(news, d->name, what.len > 0 ? str_z(&what) : "online");
        str_done(&what);
    }
}

void device_describe_bits(struct str *s, const struct rehearsal_device *device, uint32_t bits)
{
    for (size_t a = 0; a < REHEARSAL_ATTRIBUTES; a++) {
        if (!(device->has & bits & BIT(a))) {
            continue;
        }
        str_add_z(s, s->len > 0 ? ", " : "");
        if (attributes[a].on) {
            str_add_z(s, device->value[a] != 0 ? attributes[a].on : attributes[a].off);
        } else {
            str_printf(s, attributes[a].format, device->value[a]);
        }
    }
}
