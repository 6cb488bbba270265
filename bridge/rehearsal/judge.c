#include "rehearsal/judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"

/* Lengths in characters (facts 1.2). */
#define ID_MAX 256
#define NAME_MAX_CHARS 100
#define DETAIL_MAX 256
#define REQUEST_ID_MAX 128
#define OLDEST_TIMESTAMP 1e12 /* September 2001 in milliseconds: seconds, or a clock that was never set, lie below */

static int wrong(struct str *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int wrong(struct str *why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    str_vprintf(why, format, args);
    va_end(args);
    return ERR_INVALID;
}

/* A text of 1 to max characters. `where` is its path in the document. */
static int check_text(const struct json *object, const char *key, size_t max, const char *where, struct str *why)
{
    const struct json *v = json_get(object, key);
    const char *text = json_text(v);
    if (!text) {
        return wrong(why, "%s.%s is %s", where, key, v ? "no text" : "missing");
    }
    if (text[0] == '\0') {
        return wrong(why, "%s.%s is empty", where, key);
    }
    if (utf8_prefix(text, strlen(text), max) < strlen(text)) {
        return wrong(why, "%s.%s is longer than %zu characters", where, key, max);
    }
    return 0;
}

static int check_optional_text(const struct json *object, const char *key, size_t max, const char *where,
                               struct str *why)
{
    return json_get(object, key) ? check_text(object, key, max, where, why) : 0;
}

static int check_equal(const struct json *object, const char *key, const char *expected, const char *where,
                       struct str *why)
{
    const char *text = json_get_text(object, key);
    if (!text || strcmp(text, expected) != 0) {
        return wrong(why, "%s.%s is %s, not %s", where, key, text ? text : "missing", expected);
    }
    return 0;
}

/* ---- the envelope ---- */

int judge_parse(const char *bytes, size_t len, struct json **ret_root, struct str *why)
{
    struct json_error error = {0};
    struct json *root = NULL;
    if (json_parse(bytes, len, JUDGE_DOCUMENT_MAX, &root, &error) != 0) {
        return wrong(why, "the document is no strict JSON: %s at byte %zu", error.what ? error.what : "too long",
                     error.offset);
    }
    if (!json_is_object(root)) {
        json_free(root);
        return wrong(why, "the document is no JSON object");
    }
    *ret_root = root;
    return 0;
}

static int check_request_id(const struct json *headers, struct str *why)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+.";
    int err = check_text(headers, "requestId", REQUEST_ID_MAX, "headers", why);
    const char *id = json_get_text(headers, "requestId");
    if (err == 0 && strspn(id, allowed) != strlen(id)) {
        err = wrong(why, "headers.requestId has other characters than letters, digits, - + .");
    }
    return err;
}

int judge_headers(const struct json *root, const char *type, const char *request_id, struct str *why)
{
    const struct json *headers = json_get(root, "headers");
    if (!json_is_object(headers)) {
        return wrong(why, "headers is %s", headers ? "no object" : "missing");
    }
    int err = check_equal(headers, "schema", "st-schema", "headers", why);
    if (err == 0) {
        err = check_equal(headers, "version", "1.0", "headers", why);
    }
    if (err == 0) {
        err = type ? check_equal(headers, "interactionType", type, "headers", why)
                   : check_text(headers, "interactionType", NAME_MAX_CHARS, "headers", why);
    }
    if (err == 0) {
        err =
            request_id ? check_equal(headers, "requestId", request_id, "headers", why) : check_request_id(headers, why);
    }
    return err;
}

int judge_answer(const struct json *root, const char *type, const char *request_id, struct str *why)
{
    const struct json *error = json_get(root, "globalError");
    if (error) {
        const char *name = json_get_text(error, "errorEnum"), *detail = json_get_text(error, "detail");
        str_printf(why, "%s: %s", name ? name : "globalError without errorEnum", detail ? detail : "no detail");
        return name && strcmp(name, "TOKEN-EXPIRED") == 0 ? ERR_EXPIRED : ERR_REJECTED;
    }
    return judge_headers(root, type, request_id, why);
}

/* ---- devices ---- */

static int check_texts(const struct json *list, const char *where, struct str *why)
{
    if (list && !json_is_array(list)) {
        return wrong(why, "%s is no array", where);
    }
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        const char *text = json_text(v);
        if (!text || text[0] == '\0' || utf8_prefix(text, strlen(text), NAME_MAX_CHARS) < strlen(text)) {
            return wrong(why, "%s holds something else than texts of 1 to 100 characters", where);
        }
    }
    return 0;
}

static int check_manufacturer(const struct json *device, const char *where, struct str *why)
{
    static const struct {
        const char *key;
        bool needed;
    } keys[] = {{"manufacturerName", true}, {"modelName", true}, {"hwVersion", false}, {"swVersion", false}};
    const struct json *info = json_get(device, "manufacturerInfo");
    int err = json_is_object(info) ? 0 : wrong(why, "%s.manufacturerInfo is missing, or no object", where);
    for (size_t i = 0; err == 0 && i < sizeof keys / sizeof keys[0]; i++) {
        err = keys[i].needed ? check_text(info, keys[i].key, NAME_MAX_CHARS, where, why)
                             : check_optional_text(info, keys[i].key, NAME_MAX_CHARS, where, why);
    }
    return err;
}

static int check_context(const struct json *device, const char *where, struct str *why)
{
    const struct json *context = json_get(device, "deviceContext");
    if (!context) {
        return 0;
    }
    if (!json_is_object(context)) {
        return wrong(why, "%s.deviceContext is no object", where);
    }
    int err = check_optional_text(context, "roomName", NAME_MAX_CHARS, where, why);
    if (err == 0) {
        err = check_texts(json_get(context, "groups"), "deviceContext.groups", why);
    }
    return err == 0 ? check_texts(json_get(context, "categories"), "deviceContext.categories", why) : err;
}

static int check_device(const struct json *device, size_t index, struct str *why)
{
    char where[32];
    uint32_t has;
    snprintf(where, sizeof where, "devices[%zu]", index);
    int err = json_is_object(device) ? 0 : wrong(why, "%s is no object", where);
    if (err == 0) {
        err = check_text(device, "externalDeviceId", ID_MAX, where, why);
    }
    if (err == 0) {
        err = check_text(device, "friendlyName", NAME_MAX_CHARS, where, why);
    }
    if (err == 0) {
        err = check_text(device, "deviceHandlerType", NAME_MAX_CHARS, where, why);
    }
    if (err == 0 && handler_type_find(json_get_text(device, "deviceHandlerType"), &has) != 0) {
        err = wrong(why, "%s.deviceHandlerType is %s, which SmartThings does not have", where,
                    json_get_text(device, "deviceHandlerType"));
    }
    if (err == 0 && json_get(device, "deviceCookie") && !json_is_object(json_get(device, "deviceCookie"))) {
        err = wrong(why, "%s.deviceCookie is no object", where);
    }
    if (err == 0) {
        err = check_manufacturer(device, where, why);
    }
    return err == 0 ? check_context(device, where, why) : err;
}

int judge_devices(const struct json *devices, struct str *why)
{
    size_t index = 0;
    if (!json_is_array(devices)) {
        return wrong(why, "devices is %s", devices ? "no array" : "missing");
    }
    for (const struct json *v = json_first(devices); v; v = json_next(v)) {
        int err = check_device(v, index++, why);
        if (err != 0) {
            return err;
        }
    }
    /* Twice the same device would leave the app with one of the two at random. */
    struct house seen = {0};
    struct str news = STR_INIT;
    int err = 0;
    house_take_devices(&seen, devices, &news);
    for (size_t i = 1; err == 0 && i < seen.count; i++) {
        if (strcmp(seen.list[i - 1].id, seen.list[i].id) == 0) {
            err = wrong(why, "externalDeviceId %s is listed twice", seen.list[i].id);
        }
    }
    house_done(&seen);
    str_done(&news);
    return err;
}

/* ---- states ---- */

static int check_value(const struct json *state, enum rehearsal_attribute a, struct str *why)
{
    const struct attribute *is = &attributes[a];
    const struct json *value = json_get(state, "value");
    double number;
    if (is->on) {
        const char *text = json_text(value);
        if (!text || (strcmp(text, is->on) != 0 && strcmp(text, is->off) != 0)) {
            return wrong(why, "%s is %s, not %s or %s", is->name, text ? text : "no text", is->on, is->off);
        }
        return 0;
    }
    if (json_number(value, &number) != 0) {
        return wrong(why, "%s is no number", is->name);
    }
    if (number < is->min || number > is->max || (is->whole && floor(number) != number)) {
        return wrong(why, "%s is %g, not a %snumber from %g to %g", is->name, number, is->whole ? "whole " : "",
                     is->min, is->max);
    }
    return 0;
}

static int check_state(const struct json *state, uint32_t allowed, uint32_t *told, struct str *why)
{
    double timestamp = OLDEST_TIMESTAMP;
    int err = check_text(state, "component", NAME_MAX_CHARS, "states[]", why);
    if (err == 0) {
        err = check_text(state, "capability", NAME_MAX_CHARS, "states[]", why);
    }
    if (err == 0) {
        err = check_text(state, "attribute", NAME_MAX_CHARS, "states[]", why);
    }
    if (err != 0) {
        return err;
    }
    const char *capability = json_get_text(state, "capability"), *attribute = json_get_text(state, "attribute");
    const struct json *time = json_get(state, "timestamp");
    if (strncmp(capability, "st.", 3) != 0) {
        return wrong(why, "capability %s lacks its st. prefix", capability);
    }
    if (time && (json_number(time, &timestamp) != 0 || timestamp < OLDEST_TIMESTAMP || floor(timestamp) != timestamp)) {
        return wrong(why, "timestamp of %s is no time in milliseconds", attribute);
    }
    enum rehearsal_attribute a = attribute_find(capability, attribute);
    if (a == REHEARSAL_ATTRIBUTES) {
        return json_get(state, "value") ? 0 : wrong(why, "%s has no value", attribute);
    }
    if (!(allowed & (1u << a))) {
        return wrong(why, "%s is told of a device whose handler type has none", attribute);
    }
    *told |= 1u << a;
    return check_value(state, a, why);
}

static int check_error(const struct json *list, struct str *why)
{
    static const char *const names[] = {"DEVICE-DELETED", "RESOURCE-CONSTRAINT-VIOLATION", "DEVICE-UNAVAILABLE",
                                        "CAPABILITY-NOT-SUPPORTED", "DEVICE-OFFLINE"};
    const struct json *error = json_first(list);
    if (!json_is_array(list) || !error) {
        return wrong(why, "deviceError is no list of errors");
    }
    for (; error; error = json_next(error)) {
        const char *name = json_get_text(error, "errorEnum");
        size_t i = 0;
        while (name && i < sizeof names / sizeof names[0] && strcmp(names[i], name) != 0) {
            i++;
        }
        if (!name || i == sizeof names / sizeof names[0]) {
            return wrong(why, "deviceError.errorEnum is %s, which SmartThings does not know", name ? name : "missing");
        }
        int err = check_text(error, "detail", DETAIL_MAX, "deviceError", why);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int check_entry(const struct json *entry, const struct rehearsal_device *device, struct str *why)
{
    const struct json *states = json_get(entry, "states");
    const struct json *error = json_get(entry, "deviceError");
    uint32_t allowed = UINT32_MAX, told = 0;
    if (!states == !error) {
        return wrong(why, "%s", states ? "states and deviceError at once" : "neither states nor deviceError");
    }
    if (error) {
        return check_error(error, why);
    }
    if (!json_is_array(states)) {
        return wrong(why, "states is no array");
    }
    if (device) {
        (void)handler_type_find(device->handler_type, &allowed);
    }
    for (const struct json *s = json_first(states); s; s = json_next(s)) {
        int err = check_state(s, allowed, &told, why);
        if (err != 0) {
            return err;
        }
    }
    return told & (1u << REHEARSAL_HEALTH) ? 0 : wrong(why, "st.healthCheck healthStatus is missing");
}

static int judge_entry(const struct json *entry, struct house *house, bool answer, struct str *why)
{
    struct str what = STR_INIT;
    int err = check_text(entry, "externalDeviceId", ID_MAX, "deviceState[]", why);
    if (err != 0) {
        return err;
    }
    const char *id = json_get_text(entry, "externalDeviceId");
    struct rehearsal_device *device = house_find(house, id);
    if (answer && (!device || !device->asked)) {
        return wrong(why, "deviceState tells of %s, which was not asked for", id);
    }
    if (device && device->told) {
        return wrong(why, "deviceState tells of %s twice", device->name);
    }
    if (device) {
        device->told = true;
    }
    err = check_entry(entry, device, &what);
    if (err != 0) {
        str_printf(why, "%s: %s", device ? device->name : id, str_z(&what));
    }
    str_done(&what);
    return err;
}

int judge_states(const struct json *states, struct house *house, bool answer, struct str *why)
{
    if (!json_is_array(states)) {
        return wrong(why, "deviceState is %s", states ? "no array" : "missing");
    }
    for (size_t i = 0; i < house->count; i++) {
        house->list[i].told = false;
    }
    for (const struct json *v = json_first(states); v; v = json_next(v)) {
        int err = judge_entry(v, house, answer, why);
        if (err != 0) {
            return err;
        }
    }
    for (size_t i = 0; answer && i < house->count; i++) {
        if (house->list[i].asked && !house->list[i].told) {
            return wrong(why, "deviceState tells nothing of %s, which was asked for", house->list[i].name);
        }
    }
    return 0;
}
