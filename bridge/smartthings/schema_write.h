/* What we say to SmartThings, rendered straight into a str: no tree, no allocation per value. Pure. */
#ifndef SMARTTHINGS_SCHEMA_WRITE_H
#define SMARTTHINGS_SCHEMA_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "model/light.h"

/* enum of facts 1.7; NULL-terminated names by schema_*_text. */
enum global_error {
    GLOBAL_NONE,
    GLOBAL_TOKEN_EXPIRED,
    GLOBAL_INTEGRATION_DELETED,
    GLOBAL_BAD_REQUEST,
    GLOBAL_INVALID_TOKEN,
    GLOBAL_INVALID_INTERACTION_TYPE,
    GLOBAL_UNSUPPORTED_GRANT_TYPE,
    GLOBAL_INVALID_CODE,
    GLOBAL_INVALID_CLIENT_SECRET,
    GLOBAL_INVALID_CLIENT,
};
const char *global_error_text(enum global_error error);

enum device_error {
    DEVICE_OK,
    DEVICE_DELETED,
    DEVICE_RESOURCE_CONSTRAINT_VIOLATION,
    DEVICE_UNAVAILABLE,
    DEVICE_OFFLINE,
    DEVICE_CAPABILITY_NOT_SUPPORTED,
};
const char *device_error_text(enum device_error error);

/* {"headers":{...},"authentication":{...} with token NULL left out, and no closing brace: the payload follows. */
void schema_begin(struct str *s, const char *type, const char *request_id, const char *token);
/* The whole answer: headers and globalError. request_id NULL is left out. detail is cut at 100 characters. */
void schema_global_error(struct str *s, const char *type, const char *request_id, enum global_error error,
                         const char *detail);

/* ,"deviceState":[ ... ]} around schema_device_* calls; `first` starts as true. */
void schema_begin_states(struct str *s);
void schema_end_states(struct str *s);

/* One element of deviceState. `state` holds what is to be said, already without what is not (device_view); wall_ms
   0 leaves the timestamps out. healthStatus is always there. */
void schema_device_state(struct str *s, bool *first, const char *id, const struct light_state *state, bool online,
                         int64_t wall_ms);
void schema_device_error(struct str *s, bool *first, const char *id, enum device_error error, const char *detail);

/* accessTokenRequest (code) and refreshAccessTokens (refresh token). */
void schema_token_request(struct str *s, const char *request_id, bool refresh, const char *code_or_token,
                          const char *client_id, const char *client_secret);

/* The value of a capability's attribute, as JSON. */
struct capability;
void schema_put_value(struct str *s, const struct capability *capability, const struct light_state *state);

/* SmartThings' units: whole percents (a level above 0 never becomes 0). */
int schema_level(uint16_t level);

#endif
