/* What the link traces are told by the connector: facts here, sentences in oauth/trace_table.c. No token is told. */
#include <string.h>

#include "smartthings/internal.h"

void traced_refusal(struct link *link, enum trace_step step, enum trace_cause cause, const char *expected,
                    const char *got)
{
    oauth_trace_link(link->st->oauth, link->oauth, &(struct trace_note){step, TRACE_REFUSED, cause, expected, got});
}

void traced_discovery(struct link *link, size_t lights)
{
    const struct smartthings_config *config = &link->st->config;
    bool configured = config->callback_client_id && config->callback_client_secret;
    struct str got = STR_INIT;
    struct trace_note note = {.step = TRACE_DISCOVERY};
    note.cause = lights == 0 ? CAUSE_NOTHING_LISTED : configured ? CAUSE_NONE : CAUSE_CALLBACK_NOT_CONFIGURED;
    str_printf(&got, "%zu light%s listed%s", lights, lights == 1 ? "" : "s",
               configured ? "" : ", no credentials for callbacks");
    note.got = str_z(&got);
    oauth_trace_link(link->st->oauth, link->oauth, &note);
    str_done(&got);
}

/* ---- what was answered last, for the case that SmartThings does not like it ---- */

void traced_answer(struct link *link, const struct interaction *x, size_t devices, size_t bytes, int64_t now_ms)
{
    struct answered *last = &link->answered[x->type];
    last->at_ms = now_ms;
    last->devices = devices;
    last->bytes = bytes;
    strncpy(last->request_id, x->request_id ? x->request_id : "", sizeof last->request_id - 1);
}

/* originatingInteractionType: of the request or of our answer, both were seen. */
static const struct {
    const char *type;
    enum trace_step step;
    enum interaction_type answer;
} origins[] = {
    {"discoveryRequest", TRACE_DISCOVERY, INTERACTION_DISCOVERY},
    {"discoveryResponse", TRACE_DISCOVERY, INTERACTION_DISCOVERY},
    {"stateRefreshRequest", TRACE_STATE_REFRESH, INTERACTION_STATE_REFRESH},
    {"stateRefreshResponse", TRACE_STATE_REFRESH, INTERACTION_STATE_REFRESH},
    {"commandRequest", TRACE_COMMAND, INTERACTION_COMMAND},
    {"commandResponse", TRACE_COMMAND, INTERACTION_COMMAND},
    {"grantCallbackAccess", TRACE_GRANT, INTERACTION_GRANT},
    {"accessTokenRequest", TRACE_CALLBACK_TOKEN, INTERACTION_UNKNOWN},
    {"refreshAccessTokens", TRACE_CALLBACK_TOKEN, INTERACTION_UNKNOWN},
    {"stateCallback", TRACE_CALLBACK, INTERACTION_UNKNOWN},
    {"discoveryCallback", TRACE_CALLBACK, INTERACTION_UNKNOWN},
};

/* It may come without a token (facts 1.3): then the id of the request tells whose answer it is about. */
static struct link *answered_with(struct smartthings *st, const char *request_id)
{
    for (struct link *link = st->links; request_id && link; link = link->next) {
        for (int type = 0; !link->ended && type < INTERACTION_TYPES; type++) {
            const char *known = link->answered[type].request_id;
            if (*known && strncmp(known, request_id, sizeof link->answered[type].request_id - 1) == 0) {
                return link;
            }
        }
    }
    return NULL;
}

static void describe_answer(struct str *s, const struct link *link, enum interaction_type type)
{
    const struct answered *last = link ? &link->answered[type] : NULL;
    if (last && last->at_ms != 0) {
        str_printf(s, "our last answer: %zu devices, %zu bytes, %lld ms before", last->devices, last->bytes,
                   (long long)(loop_wall_ms() - last->at_ms));
    }
}

struct link *traced_result(struct smartthings *st, struct link *link, const struct interaction *x)
{
    const char *of = x->result.originating ? x->result.originating : "";
    size_t row = 0;
    while (row + 1 < sizeof origins / sizeof origins[0] && strcmp(origins[row].type, of) != 0) {
        row++;
    }
    if (strcmp(origins[row].type, of) != 0) {
        row = 0; /* not named: SmartThings looks at our list first */
    }
    link = link ? link : answered_with(st, x->request_id);
    struct str got = STR_INIT, expected = STR_INIT;
    describe_answer(&expected, link, origins[row].answer);
    str_printf(&got, "%s%s%s%s%s", x->result.error ? x->result.error : "no error named", x->result.detail ? ": " : "",
               x->result.detail ? x->result.detail : "", x->result.device_id ? ", device " : "",
               x->result.device_id ? x->result.device_id : "");
    const struct trace_note note = {origins[row].step, TRACE_REFUSED,
                                    x->result.device_id ? CAUSE_DEVICE_REFUSED : CAUSE_BAD_RESPONSE, str_z(&expected),
                                    str_z(&got)};
    if (link) {
        oauth_trace_link(st->oauth, link->oauth, &note);
    } else {
        oauth_trace_begin(st->oauth, &(struct trace_origin){0}, &note);
    }
    str_done(&got);
    str_done(&expected);
    return link;
}

/* ---- tokens that are not honoured ---- */

static const enum trace_step steps[INTERACTION_TYPES] = {
    [INTERACTION_UNKNOWN] = TRACE_DISCOVERY,
    [INTERACTION_DISCOVERY] = TRACE_DISCOVERY,
    [INTERACTION_STATE_REFRESH] = TRACE_STATE_REFRESH,
    [INTERACTION_COMMAND] = TRACE_COMMAND,
    [INTERACTION_GRANT] = TRACE_GRANT,
    [INTERACTION_DELETED] = TRACE_DISCOVERY,
    [INTERACTION_RESULT] = TRACE_DISCOVERY,
};

void traced_expired(struct smartthings *st, struct oauth_link *oauth)
{
    oauth_trace_link(st->oauth, oauth,
                     &(struct trace_note){TRACE_REFRESH, TRACE_AWAITED, CAUSE_NONE, NULL, "TOKEN-EXPIRED answered"});
}

void traced_stale(struct smartthings *st, struct oauth_link *oauth, enum interaction_type type)
{
    struct oauth_link_info info;
    oauth_link_info(oauth, &info);
    oauth_trace_link(st->oauth, oauth,
                     &(struct trace_note){steps[type], TRACE_REFUSED, CAUSE_STALE_TOKEN, NULL, info.end_reason});
}

void traced_unknown_token(struct smartthings *st, enum interaction_type type, const char *text)
{
    oauth_trace_begin(st->oauth, &(struct trace_origin){0},
                      &(struct trace_note){steps[type], TRACE_REFUSED, CAUSE_TOKEN_UNKNOWN, NULL, text});
}

/* ---- grants and callbacks ---- */

void traced_grant_refusal(struct link *link, const struct interaction *x, enum trace_cause cause)
{
    struct str got = STR_INIT;
    const char *expected = NULL;
    if (cause == CAUSE_GRANT_REFUSED_CLIENT_ID) {
        expected = link->st->config.callback_client_id;
        str_add_z(&got, x->grant.client_id);
    } else if (cause == CAUSE_CALLBACK_HOST_REFUSED) {
        expected = "https on a host of smartthings.callback_hosts";
        str_printf(&got, "%s and %s", x->grant.token_url, x->grant.callback_url);
    } else if (cause == CAUSE_GRANT_MALFORMED) {
        expected = "grantType authorization_code";
        str_add_z(&got, x->grant.grant_type);
    }
    traced_refusal(link, TRACE_GRANT, cause, expected, str_z(&got));
    str_done(&got);
}

void traced_no_answer(struct link *link, enum trace_step step, const char *url, const struct fetch_result *result)
{
    struct str got = STR_INIT;
    if (result->result != 0) {
        str_printf(&got, "%s", result->why);
    } else {
        str_printf(&got, "status %d", result->status);
    }
    struct str expected = STR_INIT;
    str_printf(&expected, "an answer of %s", url ? url : "SmartThings");
    traced_refusal(link, step, result->result != 0 ? CAUSE_CALLBACK_UNREACHABLE : CAUSE_CALLBACK_BUSY, str_z(&expected),
                   str_z(&got));
    str_done(&expected);
    str_done(&got);
}
