#include "smartthings/schema_parse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "smartthings/smartthings.h"

/* One step of reading: fails with a sentence. */
static int refuse(struct interaction *x, int error, const char *what)
{
    x->what = what;
    return error;
}

/* A required (or, with `optional`, possible) text member of at most `max` bytes. */
static int text_member(const struct json *object, const char *key, size_t max, bool optional, const char **ret_text)
{
    const struct json *v = json_get(object, key);
    if (!v || (optional && json_is_null(v))) {
        if (!optional) {
            return ERR_INVALID;
        }
        *ret_text = NULL;
        return 0;
    }
    const char *text = json_text(v);
    if (!text || (!optional && text[0] == '\0')) {
        return ERR_INVALID;
    }
    if (strlen(text) > max) {
        return ERR_TOO_LARGE;
    }
    *ret_text = text;
    return 0;
}

static void read_color(const struct json *object, struct schema_color *color)
{
    static const struct {
        const char *key;
        unsigned has;
        size_t offset;
    } members[] = {
        {"hue", SCHEMA_HAS_HUE, offsetof(struct schema_color, hue)},
        {"saturation", SCHEMA_HAS_SATURATION, offsetof(struct schema_color, saturation)},
        {"level", SCHEMA_HAS_LEVEL, offsetof(struct schema_color, level)},
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct json *v = json_get(object, members[i].key);
        if (!v || json_is_null(v)) {
            continue;
        }
        double number;
        if (json_number(v, &number) != 0) {
            color->has |= SCHEMA_BROKEN;
            continue;
        }
        memcpy((char *)color + members[i].offset, &number, sizeof number);
        color->has |= members[i].has;
    }
    color->power = json_get_text(object, "switch");
    color->hex = json_get_text(object, "hex");
}

static struct schema_argument read_argument(const struct json *v)
{
    struct schema_argument a = {.kind = SCHEMA_OTHER};
    if (json_number(v, &a.number) == 0) {
        a.kind = SCHEMA_NUMBER;
        a.integral = floor(a.number) == a.number;
    } else if (json_is_string(v)) {
        a.kind = SCHEMA_TEXT;
        a.text = json_text(v);
    } else if (json_is_object(v)) {
        a.kind = SCHEMA_OBJECT;
    }
    return a;
}

int schema_read_command(const struct json *v, const char *component_key, struct interaction_command *c,
                        const char **ret_what)
{
    int r = text_member(v, component_key, SCHEMA_MAX_NAME, true, &c->component);
    if (r == 0) {
        r = text_member(v, "capability", SCHEMA_MAX_NAME, false, &c->capability);
    }
    if (r == 0) {
        r = text_member(v, "command", SCHEMA_MAX_NAME, false, &c->command);
    }
    if (r != 0) {
        *ret_what = "a command needs capability and command as texts";
        return r;
    }
    if (!c->component) {
        c->component = "main";
    }
    const struct json *arguments = json_get(v, "arguments");
    if (!arguments || json_is_null(arguments)) {
        return 0;
    }
    if (!json_is_array(arguments)) {
        *ret_what = "arguments is no array";
        return ERR_INVALID;
    }
    for (const struct json *a = json_first(arguments); a; a = json_next(a)) {
        if (c->argument_count == SCHEMA_MAX_ARGUMENTS) {
            *ret_what = "too many arguments";
            return ERR_TOO_LARGE;
        }
        if (c->argument_count < sizeof c->arguments / sizeof c->arguments[0]) {
            c->arguments[c->argument_count] = read_argument(a);
        }
        if (c->argument_count++ == 0 && json_is_object(a)) {
            read_color(a, &c->color);
        }
    }
    return 0;
}

static int count_commands(struct interaction *x, const struct json *devices, size_t *ret_total)
{
    size_t total = 0;
    for (const struct json *d = json_first(devices); d; d = json_next(d)) {
        const struct json *commands = json_get(d, "commands");
        if (!json_is_array(commands)) {
            return refuse(x, ERR_INVALID, "a device needs a list of commands");
        }
        size_t count = json_count(commands);
        if (count > SCHEMA_MAX_COMMANDS) {
            return refuse(x, ERR_TOO_LARGE, "too many commands to one device");
        }
        total += count;
    }
    if (total > SCHEMA_MAX_ALL_COMMANDS) {
        return refuse(x, ERR_TOO_LARGE, "too many commands");
    }
    *ret_total = total;
    return 0;
}

static int read_devices(struct interaction *x)
{
    const struct json *devices = json_get(x->root, "devices");
    if (!json_is_array(devices)) {
        return refuse(x, ERR_INVALID, "devices is no list");
    }
    size_t count = json_count(devices), total = 0;
    if (count > SCHEMA_MAX_DEVICES) {
        return refuse(x, ERR_TOO_LARGE, "too many devices");
    }
    if (x->type == INTERACTION_COMMAND) {
        int r = count_commands(x, devices, &total);
        if (r != 0) {
            return r;
        }
    }
    x->devices = mem_array(count + 1, sizeof x->devices[0]);
    x->commands = mem_array(total + 1, sizeof x->commands[0]);
    struct interaction_command *next = x->commands;
    for (const struct json *d = json_first(devices); d; d = json_next(d)) {
        struct interaction_device *device = &x->devices[x->device_count++];
        int r = text_member(d, "externalDeviceId", SCHEMA_MAX_DEVICE_ID, false, &device->id);
        if (r != 0) {
            return refuse(x, r, "a device needs an externalDeviceId");
        }
        if (x->type != INTERACTION_COMMAND) {
            continue;
        }
        device->commands = next;
        for (const struct json *c = json_first(json_get(d, "commands")); c; c = json_next(c)) {
            r = schema_read_command(c, "component", next++, &x->what);
            if (r != 0) {
                return r;
            }
            device->command_count++;
        }
    }
    return 0;
}

static int read_grant(struct interaction *x)
{
    const struct json *authentication = json_get(x->root, "callbackAuthentication");
    const struct json *urls = json_get(x->root, "callbackUrls");
    const struct {
        const struct json *object;
        const char *key;
        size_t max;
        const char **to;
    } members[] = {
        {authentication, "grantType", SCHEMA_MAX_NAME, &x->grant.grant_type},
        {authentication, "code", SCHEMA_MAX_TOKEN, &x->grant.code},
        {authentication, "clientId", SCHEMA_MAX_TOKEN, &x->grant.client_id},
        {urls, "oauthToken", SCHEMA_MAX_URL, &x->grant.token_url},
        {urls, "stateCallback", SCHEMA_MAX_URL, &x->grant.callback_url},
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        int r = text_member(members[i].object, members[i].key, members[i].max, false, members[i].to);
        if (r != 0) {
            return refuse(x, r,
                          "grantCallbackAccess needs callbackAuthentication{grantType,code,clientId} and "
                          "callbackUrls{oauthToken,stateCallback}");
        }
    }
    return 0;
}

/* Everything in it is optional: it reports trouble, and trouble must not be refused for its form. */
static int read_result(struct interaction *x)
{
    const struct json *error = json_get(x->root, "globalError");
    text_member(x->root, "originatingInteractionType", SCHEMA_MAX_TYPE, true, &x->result.originating);
    text_member(error, "errorEnum", SCHEMA_MAX_ERROR, true, &x->result.error);
    text_member(error, "detail", SCHEMA_MAX_ERROR, true, &x->result.detail);
    for (const struct json *d = json_first(json_get(x->root, "deviceState")); d; d = json_next(d)) {
        for (const struct json *e = json_first(json_get(d, "deviceError")); e; e = json_next(e)) {
            if (x->result.device_errors++ == 0 && !x->result.error) {
                text_member(d, "externalDeviceId", SCHEMA_MAX_DEVICE_ID, true, &x->result.device_id);
                text_member(e, "errorEnum", SCHEMA_MAX_ERROR, true, &x->result.error);
                text_member(e, "detail", SCHEMA_MAX_ERROR, true, &x->result.detail);
            }
        }
    }
    return 0;
}

static int read_nothing(struct interaction *x)
{
    (void)x;
    return 0;
}

static const struct {
    const char *name;
    int (*read)(struct interaction *x);
} types[INTERACTION_TYPES] = {
    [INTERACTION_UNKNOWN] = {"", read_nothing},
    [INTERACTION_DISCOVERY] = {"discoveryRequest", read_nothing},
    [INTERACTION_STATE_REFRESH] = {"stateRefreshRequest", read_devices},
    [INTERACTION_COMMAND] = {"commandRequest", read_devices},
    [INTERACTION_GRANT] = {"grantCallbackAccess", read_grant},
    [INTERACTION_DELETED] = {"integrationDeleted", read_nothing},
    [INTERACTION_RESULT] = {"interactionResult", read_result},
};

static int read_headers(struct interaction *x)
{
    const struct json *headers = json_get(x->root, "headers");
    if (!json_is_object(headers)) {
        return refuse(x, ERR_INVALID, "headers is no object");
    }
    /* Both are tried before either is judged, so that a refusal still names what it answers. */
    int id = text_member(headers, "requestId", SCHEMA_MAX_REQUEST_ID, false, &x->request_id);
    int type = text_member(headers, "interactionType", SCHEMA_MAX_TYPE, false, &x->type_text);
    if (id != 0) {
        return refuse(x, id, "headers.requestId is missing or too long");
    }
    if (type != 0) {
        return refuse(x, type, "headers.interactionType is missing or too long");
    }
    const struct json *schema = json_get(headers, "schema");
    if (schema && (!json_text(schema) || strcmp(json_text(schema), "st-schema") != 0)) {
        return refuse(x, ERR_INVALID, "headers.schema is not st-schema");
    }
    for (enum interaction_type t = INTERACTION_DISCOVERY; t < INTERACTION_TYPES; t++) {
        if (strcmp(x->type_text, types[t].name) == 0) {
            x->type = t;
        }
    }
    return 0;
}

/* "authentication may be absent" is said of interactionResult alone (facts 1.3). */
static int read_authentication(struct interaction *x)
{
    bool optional = x->type == INTERACTION_RESULT || x->type == INTERACTION_UNKNOWN;
    const struct json *authentication = json_get(x->root, "authentication");
    int r = text_member(authentication, "token", SCHEMA_MAX_TOKEN, optional, &x->token);
    if (r != 0 && !optional) {
        return refuse(x, r, "authentication.token is missing or too long");
    }
    return 0;
}

int schema_parse(const char *bytes, size_t len, struct interaction *x)
{
    *x = (struct interaction){0};
    struct json_error error = {0};
    int r = json_parse(bytes, len, SMARTTHINGS_MAX_BODY, &x->root, &error);
    if (r != 0) {
        x->root = NULL;
        return refuse(x, r, error.what ? error.what : "the document is too large");
    }
    if (!json_is_object(x->root)) {
        return refuse(x, ERR_INVALID, "the document is no object");
    }
    r = read_headers(x);
    if (r == 0) {
        r = read_authentication(x);
    }
    return r == 0 ? types[x->type].read(x) : r;
}

void interaction_done(struct interaction *x)
{
    json_free(x->root);
    free(x->devices);
    free(x->commands);
    *x = (struct interaction){0};
}

int schema_parse_answer(const char *bytes, size_t len, struct schema_answer *answer)
{
    *answer = (struct schema_answer){0};
    if (len == 0) {
        return 0;
    }
    if (json_parse(bytes, len, SCHEMA_MAX_ANSWER, &answer->root, NULL) != 0) {
        answer->root = NULL;
        return ERR_INVALID;
    }
    if (!json_is_object(answer->root)) {
        return ERR_INVALID;
    }
    const struct json *error = json_get(answer->root, "globalError");
    if (json_is_object(error)) {
        text_member(error, "errorEnum", SCHEMA_MAX_ERROR, true, &answer->error);
        text_member(error, "detail", SCHEMA_MAX_ERROR, true, &answer->detail);
    } else {
        text_member(answer->root, "error", SCHEMA_MAX_ERROR, true, &answer->error);
        text_member(answer->root, "error_description", SCHEMA_MAX_ERROR, true, &answer->detail);
    }
    const struct json *tokens = json_get(answer->root, "callbackAuthentication");
    if (text_member(tokens, "accessToken", SCHEMA_MAX_TOKEN, false, &answer->access_token) != 0) {
        answer->access_token = NULL;
        return 0;
    }
    if (text_member(tokens, "refreshToken", SCHEMA_MAX_TOKEN, false, &answer->refresh_token) != 0) {
        answer->refresh_token = NULL;
    }
    if (json_integer(json_get(tokens, "expiresIn"), 0, 315360000, &answer->expires_in) != 0) {
        answer->expires_in = 0;
    }
    return 0;
}

void schema_answer_done(struct schema_answer *answer)
{
    json_free(answer->root);
    *answer = (struct schema_answer){0};
}
