/* What SmartThings sends to a webhook SmartApp, as a struct: bytes in, values out; no I/O, no clock, no knowledge of
   lights. Wire facts: facts/smartthings.md 2.1 to 2.5. */
#ifndef SMARTTHINGS_SMARTAPP_PARSE_H
#define SMARTTHINGS_SMARTAPP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smartthings/schema_parse.h"

#define SMARTAPP_MAX_BODY (256u * 1024u)
#define SMARTAPP_MAX_ID 64u /* installedAppId, locationId, deviceId: UUIDs */
#define SMARTAPP_MAX_TOKEN 4096u
#define SMARTAPP_MAX_LIGHTS 200u  /* that one installed app may choose */
#define SMARTAPP_MAX_EVENTS 100u  /* in one call */
#define SMARTAPP_MAX_COMMANDS 64u /* in one event: the platform's limit is 10 */

#define SMARTAPP_SETTING_LIGHTS "lights" /* id of the setting by which lamps are chosen */

enum smartapp_lifecycle {
    SMARTAPP_UNKNOWN, /* well formed, of a lifecycle we do not know */
    SMARTAPP_PING,
    SMARTAPP_CONFIRMATION,
    SMARTAPP_CONFIGURATION,
    SMARTAPP_OAUTH_CALLBACK,
    SMARTAPP_INSTALL,
    SMARTAPP_UPDATE,
    SMARTAPP_UNINSTALL,
    SMARTAPP_EVENT,
    SMARTAPP_EXECUTE,
    SMARTAPP_LIFECYCLES,
};

enum smartapp_event_kind {
    SMARTAPP_EVENT_OTHER, /* acknowledged, and nothing else: MODE, HUB_HEALTH, WEATHER, ... */
    SMARTAPP_EVENT_COMMANDS,
    SMARTAPP_EVENT_TIMER,
    SMARTAPP_EVENT_LIFECYCLE, /* of a device: `lifecycle` is CREATE, DELETE, UPDATE, MOVE_FROM, MOVE_TO */
};

struct smartapp_event {
    enum smartapp_event_kind kind;
    const char *type_text;
    const char *device_id, *external_id;  /* NULL: not said */
    const char *lifecycle;                /* of LIFECYCLE */
    struct interaction_command *commands; /* of COMMANDS; their capability as Schema writes it ("st.switch") */
    size_t command_count;
};

struct smartapp_call {
    enum smartapp_lifecycle lifecycle;
    const char *type_text; /* as sent; NULL if it could not be read */
    const char *challenge; /* PING */
    const char *app_id, *confirmation_url;
    const char *phase, *page_id; /* CONFIGURATION: INITIALIZE or PAGE; page_id may be "" */
    const char *url_path;        /* OAUTH_CALLBACK */
    const char *installed_app_id, *location_id;
    const char *auth_token, *refresh_token; /* INSTALL, UPDATE; EVENT and EXECUTE have auth_token alone */
    const char **lights;                    /* the chosen ones' ids */
    size_t light_count;
    bool chosen; /* the configuration has the setting of lights at all */
    struct smartapp_event *events;
    size_t event_count;
    const char *what; /* why it was refused: a static sentence */

    struct json *root; /* what the texts borrow from */
    struct interaction_command *commands;
    char (*capabilities)[SCHEMA_MAX_NAME + 4];
    size_t command_count;
};

/* ERR_INVALID, ERR_TOO_LARGE: not what a SmartApp is sent, and `what` says why. smartapp_call_done in any case. An
   unknown lifecycle is no error. */
int smartapp_parse(const char *bytes, size_t len, struct smartapp_call *call);
void smartapp_call_done(struct smartapp_call *call);
const char *smartapp_lifecycle_text(enum smartapp_lifecycle lifecycle); /* "PING"; static */

#endif
