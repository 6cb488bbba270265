#include "smartthings/smartapp_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

static int refuse(struct smartapp_call *call, int error, const char *what)
{
    call->what = what;
    return error;
}

/* Likewise with the sentence of whoever noticed first. */
static int refused(struct smartapp_call *call, int error, const char *what)
{
    return call->what ? error : refuse(call, error, what);
}

static int text_of(const struct json *object, const char *key, size_t max, const char **ret_text)
{
    const char *text = json_get_text(object, key);
    if (!text || text[0] == '\0') {
        return ERR_INVALID;
    }
    if (strlen(text) > max) {
        return ERR_TOO_LARGE;
    }
    *ret_text = text;
    return 0;
}

/* Absent is no error, too long is one. */
static int maybe_text(const struct json *object, const char *key, size_t max, const char **ret_text)
{
    const struct json *v = json_get(object, key);
    if (!v || json_is_null(v)) {
        *ret_text = NULL;
        return 0;
    }
    *ret_text = json_text(v);
    return *ret_text && strlen(*ret_text) <= max ? 0 : ERR_INVALID;
}

/* An id that we put into a URL's path. */
static int id_of(const struct json *object, const char *key, const char **ret_id)
{
    const char *id = NULL;
    int r = text_of(object, key, SMARTAPP_MAX_ID, &id);
    if (r == 0 && id[strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")] != '\0') {
        r = ERR_INVALID;
    }
    if (r == 0) {
        *ret_id = id;
    }
    return r;
}

/* ---- what was chosen: config{lights:[{valueType:"STRING",stringConfig:{value}}]} ---- */

static int read_config(struct smartapp_call *call, const struct json *config)
{
    const struct json *entries = json_get(config, SMARTAPP_SETTING_LIGHTS);
    if (!entries || json_is_null(entries)) {
        return 0;
    }
    if (!json_is_array(entries) || json_count(entries) > SMARTAPP_MAX_LIGHTS) {
        return refuse(call, json_is_array(entries) ? ERR_TOO_LARGE : ERR_INVALID,
                      "the setting of lights is no list, or too long");
    }
    call->chosen = true;
    call->lights = mem_array(json_count(entries) + 1, sizeof call->lights[0]);
    for (const struct json *e = json_first(entries); e; e = json_next(e)) {
        const char *id = NULL;
        if (text_of(json_get(e, "stringConfig"), "value", SMARTAPP_MAX_ID, &id) == 0) {
            call->lights[call->light_count++] = id;
        }
    }
    return 0;
}

/* ---- lifecycles ---- */

static int read_ping(struct smartapp_call *call, const struct json *data)
{
    return text_of(data, "challenge", 1024, &call->challenge) == 0
               ? 0
               : refuse(call, ERR_INVALID, "pingData has no challenge");
}

static int read_confirmation(struct smartapp_call *call, const struct json *data)
{
    int r = text_of(data, "confirmationUrl", SCHEMA_MAX_URL, &call->confirmation_url);
    if (r == 0) {
        r = maybe_text(data, "appId", SMARTAPP_MAX_ID, &call->app_id);
    }
    return r == 0 ? 0 : refuse(call, r, "confirmationData needs a confirmationUrl");
}

static int read_configuration(struct smartapp_call *call, const struct json *data)
{
    int r = id_of(data, "installedAppId", &call->installed_app_id);
    if (r == 0) {
        r = text_of(data, "phase", 32, &call->phase);
    }
    if (r == 0) {
        r = maybe_text(data, "pageId", 64, &call->page_id);
    }
    if (r == 0) {
        call->page_id = call->page_id ? call->page_id : "";
        r = read_config(call, json_get(data, "config"));
    }
    return r == 0 ? 0 : refused(call, r, "configurationData needs installedAppId and phase");
}

static int read_oauth(struct smartapp_call *call, const struct json *data)
{
    int r = id_of(data, "installedAppId", &call->installed_app_id);
    if (r == 0) {
        r = text_of(data, "urlPath", 8192, &call->url_path);
    }
    return r == 0 ? 0 : refuse(call, r, "oAuthCallbackData needs installedAppId and urlPath");
}

static int read_installed(struct smartapp_call *call, const struct json *data)
{
    const struct json *app = json_get(data, "installedApp");
    int r = id_of(app, "installedAppId", &call->installed_app_id);
    if (r == 0 && json_get_text(app, "locationId")) {
        r = id_of(app, "locationId", &call->location_id);
    }
    if (r == 0) {
        r = maybe_text(data, "authToken", SMARTAPP_MAX_TOKEN, &call->auth_token);
    }
    if (r == 0) {
        r = maybe_text(data, "refreshToken", SMARTAPP_MAX_TOKEN, &call->refresh_token);
    }
    if (r == 0) {
        r = read_config(call, json_get(app, "config"));
    }
    return r == 0 ? 0 : refused(call, r, "installedApp needs an installedAppId");
}

static int read_tokens(struct smartapp_call *call, const struct json *data)
{
    int r = read_installed(call, data);
    if (r == 0 && (!call->auth_token || !call->refresh_token || !call->location_id)) {
        r = refuse(call, ERR_INVALID, "authToken, refreshToken and installedApp.locationId must be there");
    }
    return r;
}

static const struct {
    const char *type, *payload;
    enum smartapp_event_kind kind;
} event_types[] = {
    {"DEVICE_COMMANDS_EVENT", "deviceCommandsEvent", SMARTAPP_EVENT_COMMANDS},
    {"TIMER_EVENT", "timerEvent", SMARTAPP_EVENT_TIMER},
    {"DEVICE_LIFECYCLE_EVENT", "deviceLifecycleEvent", SMARTAPP_EVENT_LIFECYCLE},
};

static const struct json *payload_of(const struct json *event, struct smartapp_event *ret_event)
{
    const char *type = json_get_text(event, "eventType");
    *ret_event = (struct smartapp_event){.type_text = type ? type : ""};
    for (size_t i = 0; type && i < sizeof event_types / sizeof event_types[0]; i++) {
        if (strcmp(type, event_types[i].type) == 0) {
            ret_event->kind = event_types[i].kind;
            return json_get(event, event_types[i].payload);
        }
    }
    return NULL;
}

/* Capabilities come without Schema's "st." (facts 2.5). */
static int read_command(struct smartapp_call *call, const struct json *v)
{
    struct interaction_command *c = &call->commands[call->command_count];
    int r = schema_read_command(v, "componentId", c, &call->what);
    if (r == 0) {
        char *name = call->capabilities[call->command_count];
        (void)snprintf(name, sizeof call->capabilities[0], "st.%s", c->capability);
        c->capability = name;
        call->command_count++;
    }
    return r;
}

static int read_event(struct smartapp_call *call, const struct json *v)
{
    struct smartapp_event *event = &call->events[call->event_count++];
    const struct json *payload = payload_of(v, event);
    int r = payload ? maybe_text(payload, "deviceId", SMARTAPP_MAX_ID, &event->device_id) : 0;
    if (r == 0 && payload) {
        r = maybe_text(payload, "externalId", SMARTAPP_MAX_ID, &event->external_id);
    }
    if (r == 0 && event->kind == SMARTAPP_EVENT_LIFECYCLE) {
        r = maybe_text(payload, "lifecycle", 32, &event->lifecycle);
    }
    if (r == 0 && event->kind == SMARTAPP_EVENT_COMMANDS) {
        r = event->device_id && json_is_array(json_get(payload, "commands")) ? 0 : ERR_INVALID;
        event->commands = &call->commands[call->command_count];
        for (const struct json *c = json_first(json_get(payload, "commands")); r == 0 && c; c = json_next(c)) {
            r = read_command(call, c);
            event->command_count += r == 0;
        }
    }
    return r == 0 ? 0 : refused(call, r, "an event cannot be read");
}

/* Room for all commands of all events. */
static int make_room(struct smartapp_call *call, const struct json *events)
{
    size_t total = 0;
    for (const struct json *e = json_first(events); e; e = json_next(e)) {
        size_t count = json_count(json_get(json_get(e, "deviceCommandsEvent"), "commands"));
        if (count > SMARTAPP_MAX_COMMANDS) {
            return refuse(call, ERR_TOO_LARGE, "too many commands in one event");
        }
        total += count;
    }
    call->events = mem_array(json_count(events) + 1, sizeof call->events[0]);
    call->commands = mem_array(total + 1, sizeof call->commands[0]);
    call->capabilities = mem_array(total + 1, sizeof call->capabilities[0]);
    return 0;
}

static int read_events(struct smartapp_call *call, const struct json *data)
{
    const struct json *events = json_get(data, "events");
    int r = read_installed(call, data);
    if (r != 0) {
        return r;
    }
    if (!json_is_array(events) || json_count(events) > SMARTAPP_MAX_EVENTS) {
        return refuse(call, ERR_INVALID, "events is no list, or too long");
    }
    r = make_room(call, events);
    for (const struct json *e = json_first(events); r == 0 && e; e = json_next(e)) {
        r = read_event(call, e);
    }
    return r;
}

/* `other`: the second spelling that is seen (facts 2.2). */
static const struct {
    const char *name, *data, *other;
    int (*read)(struct smartapp_call *call, const struct json *data);
} lifecycles[SMARTAPP_LIFECYCLES] = {
    [SMARTAPP_PING] = {"PING", "pingData", NULL, read_ping},
    [SMARTAPP_CONFIRMATION] = {"CONFIRMATION", "confirmationData", NULL, read_confirmation},
    [SMARTAPP_CONFIGURATION] = {"CONFIGURATION", "configurationData", NULL, read_configuration},
    [SMARTAPP_OAUTH_CALLBACK] = {"OAUTH_CALLBACK", "oAuthCallbackData", "oauthCallbackData", read_oauth},
    [SMARTAPP_INSTALL] = {"INSTALL", "installData", NULL, read_tokens},
    [SMARTAPP_UPDATE] = {"UPDATE", "updateData", NULL, read_tokens},
    [SMARTAPP_UNINSTALL] = {"UNINSTALL", "uninstallData", NULL, read_installed},
    [SMARTAPP_EVENT] = {"EVENT", "eventData", NULL, read_events},
    [SMARTAPP_EXECUTE] = {"EXECUTE", "executeData", NULL, read_installed},
};

const char *smartapp_lifecycle_text(enum smartapp_lifecycle lifecycle)
{
    return lifecycles[lifecycle].name ? lifecycles[lifecycle].name : "unknown";
}

/* The discriminator has two names, too. */
static int read_lifecycle(struct smartapp_call *call)
{
    const char *names[] = {"lifecycle", "messageType"};
    for (size_t i = 0; i < 2 && !call->type_text; i++) {
        if (maybe_text(call->root, names[i], SCHEMA_MAX_TYPE, &call->type_text) != 0) {
            call->type_text = NULL;
        }
    }
    if (!call->type_text) {
        return refuse(call, ERR_INVALID, "there is no lifecycle");
    }
    for (enum smartapp_lifecycle l = SMARTAPP_PING; l < SMARTAPP_LIFECYCLES; l++) {
        if (strcmp(call->type_text, lifecycles[l].name) == 0) {
            call->lifecycle = l;
        }
    }
    return 0;
}

int smartapp_parse(const char *bytes, size_t len, struct smartapp_call *call)
{
    struct json_error error = {0};
    *call = (struct smartapp_call){0};
    int r = json_parse(bytes, len, SMARTAPP_MAX_BODY, &call->root, &error);
    if (r != 0) {
        call->root = NULL;
        return refuse(call, r, error.what ? error.what : "the document is too large");
    }
    r = json_is_object(call->root) ? read_lifecycle(call) : refuse(call, ERR_INVALID, "the document is no object");
    if (r != 0 || call->lifecycle == SMARTAPP_UNKNOWN) {
        return r;
    }
    const struct json *data = json_get(call->root, lifecycles[call->lifecycle].data);
    if (!data && lifecycles[call->lifecycle].other) {
        data = json_get(call->root, lifecycles[call->lifecycle].other);
    }
    if (!json_is_object(data)) {
        return refuse(call, ERR_INVALID, "the lifecycle's data is missing");
    }
    return lifecycles[call->lifecycle].read(call, data);
}

void smartapp_call_done(struct smartapp_call *call)
{
    json_free(call->root);
    free(call->lights);
    free(call->events);
    free(call->commands);
    free(call->capabilities);
    *call = (struct smartapp_call){0};
}
