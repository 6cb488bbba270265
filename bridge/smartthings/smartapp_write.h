/* What the SmartApp says: answers to lifecycles, configuration pages, and bodies of SmartThings' REST API. Pure.
   Wire facts: facts/smartthings.md 2.2, 2.3, 2.5. */
#ifndef SMARTTHINGS_SMARTAPP_WRITE_H
#define SMARTTHINGS_SMARTAPP_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "hub/hub.h"
#include "smartthings/outbox.h"
#include "smartthings/smartapp_parse.h"

#define SMARTAPP_PAGE_LOGIN "login"
#define SMARTAPP_PAGE_LIGHTS "lights"

/* The empty answer of a lifecycle: {"installData":{}}. */
void smartapp_put_empty(struct str *s, enum smartapp_lifecycle lifecycle);
void smartapp_put_challenge(struct str *s, const char *challenge);
void smartapp_put_target(struct str *s, const char *target_url);
void smartapp_put_initialize(struct str *s, const char *name);
/* The page whose OAUTH setting opens the partner's login. trouble: why the last one came to nothing, or NULL. */
void smartapp_put_login_page(struct str *s, const char *partner, const char *login_url, const char *trouble);

/* A lamp that can be chosen. */
struct smartapp_option {
    const char *id, *name;
};
/* The page that shows what is linked, with the lamps to choose from; all of them are its default. */
void smartapp_put_lights_page(struct str *s, const char *partner, const char *account,
                              const struct smartapp_option *options, size_t count);

/* POST /devices. profile_id: of a device profile. */
void smartapp_put_device(struct str *s, const char *label, const char *location_id, const char *profile_id,
                         const char *installed_app_id, const char *external_id);
/* The name of a light, cut to what a label may be. */
void smartapp_put_label(struct str *s, const struct light_info *info);
void smartapp_put_label_change(struct str *s, const char *label); /* PUT /devices/{id} */
/* POST /devices/{id}/events: what an outbox says of one light; returns the number of events, at most
   SMARTAPP_BATCH. */
#define SMARTAPP_BATCH 50u
size_t smartapp_put_events(struct str *s, const struct outbox_item *item);

/* Kinds of lamps, each with a device profile; the largest first, as Schema's handler types. */
enum smartapp_profile {
    SMARTAPP_PROFILE_COLOR_TEMPERATURE_AND_COLOR,
    SMARTAPP_PROFILE_COLOR,
    SMARTAPP_PROFILE_COLOR_TEMPERATURE,
    SMARTAPP_PROFILE_DIMMER,
    SMARTAPP_PROFILE_SWITCH,
    SMARTAPP_PROFILES,
};
enum smartapp_profile smartapp_profile_of(const struct light_profile *profile);
const char *smartapp_profile_key(enum smartapp_profile profile);  /* of the configuration: "dimmer" */
const char *smartapp_profile_name(enum smartapp_profile profile); /* at SmartThings: "lightbridge dimmer" */
/* POST /deviceprofiles. */
void smartapp_put_profile(struct str *s, enum smartapp_profile profile);

#endif
