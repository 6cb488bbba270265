#include "app/routes.h"

#include "account/account.h"
#include "local/local.h"
#include "partner/partner.h"
#include "smartthings/smartapp.h"
#include "smartthings/smartthings.h"

#define FORM 16384u /* bytes of a login form or a token request: a `state` of 4 kB may be escaped threefold */
#define STRAY 64u   /* bytes where none are wanted: some clients send a JSON null with every GET */
#define EVERYWHERE (HTTP_PUBLIC | HTTP_LOCAL | HTTP_CONTROL)

/* method, path, listeners, who may call it, body limit, handler, context */
const struct http_route routes[] = {
    /* the public listener: what the cloud and the person who links need, nothing else */
    {"GET", "/oauth/authorize", HTTP_PUBLIC, HTTP_OPEN, 0, account_authorize, CONTEXT_ACCOUNT},
    {"GET", "/oauth/login", HTTP_PUBLIC, HTTP_OPEN, 0, account_login_page, CONTEXT_ACCOUNT},
    {"POST", "/oauth/login", HTTP_PUBLIC, HTTP_OPEN, FORM, account_login, CONTEXT_ACCOUNT},
    {"GET", "/oauth/consent", HTTP_PUBLIC, HTTP_OPEN, 0, account_consent_page, CONTEXT_ACCOUNT},
    {"POST", "/oauth/consent", HTTP_PUBLIC, HTTP_OPEN, FORM, account_consent, CONTEXT_ACCOUNT},
    {"POST", "/oauth/token", HTTP_PUBLIC, HTTP_OPEN, FORM, account_token, CONTEXT_ACCOUNT},
    {"POST", "/oauth/revoke", HTTP_PUBLIC, HTTP_OPEN, FORM, account_revoke, CONTEXT_ACCOUNT},
    {"POST", "/oauth/introspect", HTTP_PUBLIC, HTTP_OPEN, FORM, account_introspect, CONTEXT_ACCOUNT},
    {"GET", "/.well-known/oauth-authorization-server", HTTP_PUBLIC, HTTP_OPEN, 0, account_metadata, CONTEXT_ACCOUNT},
    {"POST", "/smartthings/schema", HTTP_PUBLIC, HTTP_OPEN, SMARTTHINGS_MAX_BODY, smartthings_schema,
     CONTEXT_SMARTTHINGS},
    {"POST", "/smartthings/smartapp", HTTP_PUBLIC, HTTP_OPEN, SMARTAPP_MAX_BODY, smartapp_webhook, CONTEXT_SMARTAPP},
    {"GET", "/v1/lights", HTTP_PUBLIC, HTTP_TOKEN_READ, STRAY, partner_lights, CONTEXT_PARTNER},
    {"PUT", "/v1/lights/states", HTTP_PUBLIC, HTTP_TOKEN_CONTROL, PARTNER_MAX_BODY, partner_states, CONTEXT_PARTNER},
    {"GET", "/v1/lights/*", HTTP_PUBLIC, HTTP_TOKEN_READ, STRAY, partner_lights, CONTEXT_PARTNER},
    {"PUT", "/v1/lights/*/state", HTTP_PUBLIC, HTTP_TOKEN_CONTROL, PARTNER_MAX_BODY, partner_state, CONTEXT_PARTNER},
    {"POST", "/v1/lights/*/state/delta", HTTP_PUBLIC, HTTP_TOKEN_CONTROL, PARTNER_MAX_BODY, partner_delta,
     CONTEXT_PARTNER},
    {"POST", "/v1/lights/*/toggle", HTTP_PUBLIC, HTTP_TOKEN_CONTROL, PARTNER_MAX_BODY, partner_toggle, CONTEXT_PARTNER},
    {"GET", "/v1/color", HTTP_PUBLIC, HTTP_TOKEN_READ, STRAY, partner_color, CONTEXT_PARTNER},
    {"GET", "/v1/scenes", HTTP_PUBLIC, HTTP_TOKEN_READ, STRAY, partner_scenes, CONTEXT_PARTNER},
    {"POST", "/v1/scenes", HTTP_PUBLIC, HTTP_TOKEN_CONTROL, PARTNER_MAX_BODY, partner_scene_add, CONTEXT_PARTNER},
    {"PUT", "/v1/scenes/*/activate", HTTP_PUBLIC, HTTP_TOKEN_CONTROL, PARTNER_MAX_BODY, partner_scene_activate,
     CONTEXT_PARTNER},
    {"DELETE", "/v1/scenes/*", HTTP_PUBLIC, HTTP_TOKEN_CONTROL, STRAY, partner_scene_remove, CONTEXT_PARTNER},
    {"GET", "/v1/events", HTTP_PUBLIC, HTTP_TOKEN_READ, STRAY, partner_events, CONTEXT_PARTNER},
    {"GET", "/v1/webhooks", HTTP_PUBLIC, HTTP_TOKEN_READ, STRAY, partner_webhooks, CONTEXT_PARTNER},
    {"POST", "/v1/webhooks", HTTP_PUBLIC, HTTP_TOKEN_READ, PARTNER_MAX_BODY, partner_webhook_add, CONTEXT_PARTNER},
    {"DELETE", "/v1/webhooks/*", HTTP_PUBLIC, HTTP_TOKEN_READ, STRAY, partner_webhook_remove, CONTEXT_PARTNER},
    {"GET", "/v1/openapi.json", HTTP_PUBLIC, HTTP_OPEN, 0, partner_openapi, CONTEXT_PARTNER},
    {"GET", "/healthz", EVERYWHERE, HTTP_OPEN, 0, http_healthz, CONTEXT_HEALTH},
    {"GET", "/style.css", HTTP_PUBLIC | HTTP_LOCAL, HTTP_OPEN, 0, http_stylesheet, CONTEXT_NONE},

    /* the local listener: people of this house */
    {"GET", "/", HTTP_LOCAL | HTTP_CONTROL, HTTP_LOCAL_LOGIN, 0, local_page, CONTEXT_LOCAL},
    {"GET", "/metrics", HTTP_LOCAL | HTTP_CONTROL, HTTP_LOCAL_LOGIN, 0, local_metrics, CONTEXT_LOCAL},

    /* the control socket: the command line */
    {"GET", "/control/status", HTTP_CONTROL, HTTP_OPEN, 0, local_status, CONTEXT_LOCAL},
    {"GET", "/control/lights", HTTP_CONTROL, HTTP_OPEN, 0, local_lights, CONTEXT_LOCAL},
    {"POST", "/control/light", HTTP_CONTROL, HTTP_OPEN, LOCAL_MAX_BODY, local_light, CONTEXT_LOCAL},
    {"GET", "/control/links", HTTP_CONTROL, HTTP_OPEN, 0, local_links, CONTEXT_LOCAL},
    {"POST", "/control/unlink", HTTP_CONTROL, HTTP_OPEN, LOCAL_MAX_BODY, local_unlink, CONTEXT_LOCAL},
    {"GET", "/control/accounts", HTTP_CONTROL, HTTP_OPEN, 0, local_accounts, CONTEXT_LOCAL},
    {"POST", "/control/accounts", HTTP_CONTROL, HTTP_OPEN, LOCAL_MAX_BODY, local_account_change, CONTEXT_LOCAL},
    {"GET", "/control/clients", HTTP_CONTROL, HTTP_OPEN, 0, local_clients, CONTEXT_LOCAL},
    {"POST", "/control/clients", HTTP_CONTROL, HTTP_OPEN, LOCAL_MAX_BODY, local_client_change, CONTEXT_LOCAL},
    {"POST", "/control/selftest", HTTP_CONTROL, HTTP_OPEN, LOCAL_MAX_BODY, local_selftest, CONTEXT_LOCAL},
    {"POST", "/control/discover", HTTP_CONTROL, HTTP_OPEN, LOCAL_MAX_BODY, local_discover, CONTEXT_LOCAL},
};
const size_t route_count = sizeof routes / sizeof routes[0];
