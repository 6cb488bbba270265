/* The webhook SmartApp: SmartThings' other way to a partner cloud. Its configuration page opens the partner's login,
   its OAUTH_CALLBACK brings the code, and the lamps are devices that we make by SmartThings' REST API. Wire facts:
   facts/smartthings.md section 2. */
#ifndef SMARTTHINGS_SMARTAPP_H
#define SMARTTHINGS_SMARTAPP_H

#include <stddef.h>
#include <stdint.h>

#include "smartthings/smartapp_parse.h"
#include "smartthings/smartapp_provider.h"
#include "smartthings/smartapp_write.h"

struct loop;
struct store;
struct fetch;
struct hub;
struct oauth;
struct http_exchange;
struct smartapp;

#define SMARTAPP_REDIRECT "https://api.smartthings.com/oauth/callback" /* facts 2.4 */

/* All texts outlive the smartapp. */
struct smartapp_config {
    const char *app_id;                    /* calls for another app are refused; NULL: not known yet */
    const char *client_id, *client_secret; /* of the app, at SmartThings: renew its tokens; NULL: they run out */
    const char *target_url;                /* where SmartThings reaches us; NULL: not known */
    const char *authorize_url;             /* of this bridge */
    const char *api_url, *key_url, *token_url;
    const char *const
        *hosts; /* names that we may ask, and what lies under them; as smartthings_config.callback_hosts */
    const char *profiles[SMARTAPP_PROFILES]; /* ids of device profiles; NULL: such lamps cannot be shown */
    struct smartapp_provider provider;
    const uint8_t *key; /* SECRETS_KEY_SIZE bytes of the installation: proof keys are made of it; NULL: no login */
};

/* Loads the installed apps. Make it before drivers are started. Free it before fetch, hub and store. */
int smartapp_new(struct loop *loop, struct store *store, struct fetch *fetch, struct hub *hub, struct oauth *oauth,
                 const struct smartapp_config *config, struct smartapp **ret_smartapp);
void smartapp_free(struct smartapp *sa); /* calls under way get 503 */

/* http_handler of POST /smartthings/smartapp; context is the struct smartapp, NULL: not configured, 404. */
void smartapp_webhook(struct http_exchange *exchange, void *context);

#endif
