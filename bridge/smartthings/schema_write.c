#include "smartthings/schema_write.h"

#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "model/capability.h"
#include "model/color.h"

#define ADD(s, literal) str_add(s, literal, sizeof(literal) - 1)
#define DETAIL_MAX 100 /* characters of globalError.detail; deviceError.detail takes 256 */

static const char *const global_errors[] = {
    [GLOBAL_NONE] = "",
    [GLOBAL_TOKEN_EXPIRED] = "TOKEN-EXPIRED",
    [GLOBAL_INTEGRATION_DELETED] = "INTEGRATION-DELETED",
    [GLOBAL_BAD_REQUEST] = "BAD-REQUEST",
    [GLOBAL_INVALID_TOKEN] = "INVALID-TOKEN",
    [GLOBAL_INVALID_INTERACTION_TYPE] = "INVALID-INTERACTION-TYPE",
    [GLOBAL_UNSUPPORTED_GRANT_TYPE] = "UNSUPPORTED-GRANT-TYPE",
    [GLOBAL_INVALID_CODE] = "INVALID-CODE",
    [GLOBAL_INVALID_CLIENT_SECRET] = "INVALID-CLIENT-SECRET",
    [GLOBAL_INVALID_CLIENT] = "INVALID-CLIENT",
};

static const char *const device_errors[] = {
    [DEVICE_OK] = "",
    [DEVICE_DELETED] = "DEVICE-DELETED",
    [DEVICE_RESOURCE_CONSTRAINT_VIOLATION] = "RESOURCE-CONSTRAINT-VIOLATION",
    [DEVICE_UNAVAILABLE] = "DEVICE-UNAVAILABLE",
    [DEVICE_OFFLINE] = "DEVICE-OFFLINE",
    [DEVICE_CAPABILITY_NOT_SUPPORTED] = "CAPABILITY-NOT-SUPPORTED",
};

const char *global_error_text(enum global_error error)
{
    return global_errors[error];
}

const char *device_error_text(enum device_error error)
{
    return device_errors[error];
}

static void add_text(struct str *s, const char *text)
{
    struct json_out j;
    json_out_init(&j, s);
    json_put_text(&j, text);
}

static void add_detail(struct str *s, const char *text)
{
    struct json_out j;
    size_t len = strlen(text);
    json_out_init(&j, s);
    json_put_text_n(&j, text, utf8_valid(text, len) ? utf8_prefix(text, len, DETAIL_MAX) : len);
}

/* Decimal digits without printf: this is the hot path. */
static void add_number(struct str *s, int64_t value)
{
    char digits[20], *at = digits + sizeof digits;
    uint64_t rest = (uint64_t)value;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    str_add(s, at, (size_t)(digits + sizeof digits - at));
}

static void add_hundredths(struct str *s, unsigned value)
{
    add_number(s, value / 100);
    unsigned rest = value % 100;
    if (rest != 0) {
        char text[3] = {'.', (char)('0' + rest / 10), (char)('0' + rest % 10)};
        str_add(s, text, rest % 10 == 0 ? 2 : 3);
    }
}

void schema_begin(struct str *s, const char *type, const char *request_id, const char *token)
{
    ADD(s, "{\"headers\":{\"schema\":\"st-schema\",\"version\":\"1.0\"");
    if (type) {
        ADD(s, ",\"interactionType\":");
        add_text(s, type);
    }
    if (request_id) {
        ADD(s, ",\"requestId\":");
        add_text(s, request_id);
    }
    str_add_char(s, '}');
    if (token) {
        ADD(s, ",\"authentication\":{\"tokenType\":\"Bearer\",\"token\":");
        add_text(s, token);
        str_add_char(s, '}');
    }
}

void schema_global_error(struct str *s, const char *type, const char *request_id, enum global_error error,
                         const char *detail)
{
    schema_begin(s, type, request_id, NULL);
    ADD(s, ",\"globalError\":{\"errorEnum\":\"");
    str_add_z(s, global_error_text(error));
    ADD(s, "\",\"detail\":");
    add_detail(s, detail);
    ADD(s, "}}");
}

void schema_begin_states(struct str *s)
{
    ADD(s, ",\"deviceState\":[");
}

void schema_end_states(struct str *s)
{
    ADD(s, "]}");
}

int schema_level(uint16_t level)
{
    int percent = (level + 50) / 100;
    return level > 0 && percent == 0 ? 1 : percent;
}

void schema_put_value(struct str *s, const struct capability *c, const struct light_state *state)
{
    switch (c->member) {
    case LIGHT_ON:
        str_add_z(s, state->on ? "\"on\"" : "\"off\"");
        break;
    case LIGHT_LEVEL:
        add_number(s, schema_level(state->level));
        break;
    case LIGHT_KELVIN:
        add_number(s, state->kelvin);
        break;
    case LIGHT_HUE:
        add_hundredths(s, color_hue_to_percent(state->hue));
        break;
    default:
        add_hundredths(s, state->saturation);
        break;
    }
}

static void add_timestamp(struct str *s, int64_t wall_ms)
{
    if (wall_ms > 0) {
        ADD(s, ",\"timestamp\":");
        add_number(s, wall_ms);
    }
    str_add_char(s, '}');
}

static void begin_device(struct str *s, bool *first, const char *id)
{
    if (!*first) {
        str_add_char(s, ',');
    }
    *first = false;
    ADD(s, "{\"externalDeviceId\":");
    add_text(s, id);
}

void schema_device_state(struct str *s, bool *first, const char *id, const struct light_state *state, bool online,
                         int64_t wall_ms)
{
    begin_device(s, first, id);
    ADD(s, ",\"states\":[{\"component\":\"main\",\"capability\":\"st.healthCheck\",\"attribute\":\"healthStatus\","
           "\"value\":");
    str_add_z(s, online ? "\"online\"" : "\"offline\"");
    add_timestamp(s, wall_ms);
    for (size_t i = 0; i < capability_count; i++) {
        const struct capability *c = &capabilities[i];
        if (!(state->has & c->member)) {
            continue;
        }
        ADD(s, ",{\"component\":\"main\",\"capability\":\"st.");
        str_add_z(s, c->id);
        ADD(s, "\",\"attribute\":\"");
        str_add_z(s, c->attribute);
        ADD(s, "\",\"value\":");
        schema_put_value(s, c, state);
        if (c->unit) {
            ADD(s, ",\"unit\":\"");
            str_add_z(s, c->unit);
            str_add_char(s, '"');
        }
        add_timestamp(s, wall_ms);
    }
    ADD(s, "]}");
}

void schema_device_error(struct str *s, bool *first, const char *id, enum device_error error, const char *detail)
{
    begin_device(s, first, id);
    ADD(s, ",\"deviceError\":[{\"errorEnum\":\"");
    str_add_z(s, device_error_text(error));
    ADD(s, "\",\"detail\":");
    add_detail(s, detail);
    ADD(s, "}]}");
}

void schema_token_request(struct str *s, const char *request_id, bool refresh, const char *code_or_token,
                          const char *client_id, const char *client_secret)
{
    struct json_out j;
    json_out_init(&j, s);
    json_begin_object(&j);
    json_member_object(&j, "headers");
    json_member_text(&j, "schema", "st-schema");
    json_member_text(&j, "version", "1.0");
    json_member_text(&j, "interactionType", refresh ? "refreshAccessTokens" : "accessTokenRequest");
    json_member_text(&j, "requestId", request_id);
    json_end_object(&j);
    json_member_object(&j, "callbackAuthentication");
    json_member_text(&j, "grantType", refresh ? "refresh_token" : "authorization_code");
    json_member_text(&j, refresh ? "refreshToken" : "code", code_or_token);
    json_member_text(&j, "clientId", client_id);
    json_member_text(&j, "clientSecret", client_secret);
    json_end_object(&j);
    json_end_object(&j);
}
