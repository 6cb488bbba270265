/* The endpoint that is told (facts 1.8): tokens at /oauth/token, states and devices at /device/events, and what goes
   wrong there on purpose. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/url.h"
#include "rehearsal/internal.h"
#include "rehearsal/judge.h"

#define CALLBACK_MAX (16u * 1024 * 1024)
#define NEVER_MS (60u * 60 * 1000) /* a hang is ended by its own timer */
#define JSON_TYPE "application/json"

/* What is to be answered, and what happened. */
struct reply {
    int status;
    bool taken;
    struct str body, said, type;
    uint32_t retry_after;
};

static void reply_done(struct reply *reply)
{
    str_done(&reply->body);
    str_done(&reply->said);
    str_done(&reply->type);
}

/* ---- documents ---- */

static void begin_answer(struct json_out *j, struct str *body, const char *type, const struct json *root)
{
    json_out_init(j, body);
    json_begin_object(j);
    json_member_object(j, "headers");
    json_member_text(j, "schema", "st-schema");
    json_member_text(j, "version", "1.0");
    json_member_text(j, "interactionType", type);
    json_member_text(j, "requestId", json_get_text(json_get(root, "headers"), "requestId"));
    json_end_object(j);
}

static void refuse(struct reply *reply, int status, const char *error, const char *detail, const struct json *root)
{
    struct json_out j;
    const char *type = json_get_text(json_get(root, "headers"), "interactionType");
    str_clear(&reply->body);
    begin_answer(&j, &reply->body, type ? type : "", root);
    json_member_object(&j, "globalError");
    json_member_text(&j, "errorEnum", error);
    json_member_text(&j, "detail", detail);
    json_end_object(&j);
    json_end_object(&j);
    reply->status = status;
    reply->taken = false;
    str_clear(&reply->said);
    str_printf(&reply->said, "%s: %s", error, detail);
}

static void give_tokens(struct rehearsal *r, struct reply *reply, const struct json *root)
{
    struct json_out j;
    begin_answer(&j, &reply->body, "accessTokenResponse", root);
    json_member_object(&j, "callbackAuthentication");
    json_member_text(&j, "tokenType", "Bearer");
    json_member_text(&j, "accessToken", r->tokens.access);
    json_member_text(&j, "refreshToken", r->tokens.refresh);
    json_member_int(&j, "expiresIn", r->tokens.life_s);
    json_end_object(&j);
    json_end_object(&j);
    reply->status = 200;
    reply->taken = true;
}

/* ---- /oauth/token ---- */

/* The two requests that come here. */
static const struct {
    const char *type, *grant, *credential, *said;
    const char *(*use)(struct tokens *t, const char *credential, uint64_t now, const char **ret_why);
} token_requests[] = {
    {"accessTokenRequest", "authorization_code", "code", "the code became a token", tokens_exchange},
    {"refreshAccessTokens", "refresh_token", "refreshToken", "the token was renewed", tokens_refresh},
};

static void take_token_request(struct rehearsal *r, struct reply *reply, const struct json *root)
{
    const struct json *asked = json_get(root, "callbackAuthentication");
    const char *id = json_get_text(asked, "clientId"), *secret = json_get_text(asked, "clientSecret");
    const char *grant = json_get_text(asked, "grantType"), *why = NULL;
    size_t k = 0;
    while (k < 2 && strcmp(str_z(&reply->type), token_requests[k].type) != 0) {
        k++;
    }
    const char *credential = k < 2 ? json_get_text(asked, token_requests[k].credential) : NULL;
    if (k == 2) {
        refuse(reply, 400, "INVALID-INTERACTION-TYPE", "neither accessTokenRequest nor refreshAccessTokens", root);
    } else if (!id || strcmp(id, r->config.callback_client_id) != 0) {
        refuse(reply, 400, "INVALID-CLIENT", "clientId is not the one of the grant", root);
    } else if (!secret || strcmp(secret, r->config.callback_client_secret) != 0) {
        refuse(reply, 400, "INVALID-CLIENT-SECRET", "clientSecret is missing or wrong", root);
    } else if (!grant || strcmp(grant, token_requests[k].grant) != 0) {
        refuse(reply, 400, "UNSUPPORTED-GRANT-TYPE", "grantType does not belong to this interaction", root);
    } else if (!credential) {
        refuse(reply, 400, "BAD-REQUEST", "code or refreshToken is missing", root);
    } else {
        const char *error = token_requests[k].use(&r->tokens, credential, loop_now(r->loop), &why);
        if (error) {
            refuse(reply, 400, error, why, root);
            return;
        }
        *(k == 0 ? &r->stats.grants : &r->stats.refreshes) += 1;
        give_tokens(r, reply, root);
        str_add_z(&reply->said, token_requests[k].said);
    }
}

/* ---- /device/events ---- */

static bool take_states(struct rehearsal *r, const struct json *root, struct str *news, struct str *why)
{
    const struct json *states = json_get(root, "deviceState");
    if (judge_states(states, &r->house, false, why) != 0) {
        return false;
    }
    house_take_states(&r->house, states, news);
    r->stats.states++;
    return true;
}

static bool take_devices(struct rehearsal *r, const struct json *root, struct str *news, struct str *why)
{
    const struct json *devices = json_get(root, "devices");
    if (judge_devices(devices, why) != 0) {
        return false;
    }
    house_take_devices(&r->house, devices, news);
    r->stats.lists++;
    return true;
}

static void take_event(struct rehearsal *r, struct reply *reply, const struct json *root)
{
    const struct json *authentication = json_get(root, "authentication");
    const char *kind = json_get_text(authentication, "tokenType"), *token = json_get_text(authentication, "token");
    const char *type = str_z(&reply->type), *why = "authentication.token is missing, or tokenType is not Bearer";
    bool states = strcmp(type, "stateCallback") == 0;
    struct str what = STR_INIT;
    const char *error = "INVALID-TOKEN";
    if (kind && token && strcmp(kind, "Bearer") == 0) {
        error = tokens_check(&r->tokens, token, loop_now(r->loop), &why);
    }
    if (!states && strcmp(type, "discoveryCallback") != 0) {
        refuse(reply, 400, "INVALID-INTERACTION-TYPE", "neither stateCallback nor discoveryCallback", root);
    } else if (error) {
        r->stats.refused++;
        refuse(reply, 401, error, why, root);
    } else if (!(states ? take_states : take_devices)(r, root, &reply->said, &what)) {
        r->stats.malformed++;
        refuse(reply, 400, "BAD-REQUEST", str_z(&what), root);
    } else {
        reply->status = 200;
        reply->taken = true;
        str_add_z(&reply->body, "{}");
    }
    str_done(&what);
}

/* ---- the doors ---- */

typedef void take_fn(struct rehearsal *r, struct reply *reply, const struct json *root);
static take_fn *const takes[REHEARSAL_DOORS] = {
    [REHEARSAL_STATES] = take_event, [REHEARSAL_TOKENS] = take_token_request};

static struct json *read_document(struct rehearsal *r, struct reply *reply, struct http_exchange *x)
{
    struct json *root = NULL;
    struct str why = STR_INIT;
    size_t len;
    const char *body = http_body(x, &len);
    bool good = http_body_is(x, JSON_TYPE);
    if (!good) {
        str_add_z(&why, "Content-Type is not application/json");
    } else {
        good = judge_parse(body, len, &root, &why) == 0;
    }
    const char *type = json_get_text(json_get(root, "headers"), "interactionType");
    str_add_z(&reply->type, type ? type : "?");
    if (!good || judge_headers(root, NULL, NULL, &why) != 0) {
        r->stats.malformed++;
        refuse(reply, 400, "BAD-REQUEST", str_z(&why), root);
        json_free(root);
        root = NULL;
    }
    str_done(&why);
    return root;
}

/* As it would be without faults. */
static void take(struct rehearsal *r, enum rehearsal_door door, struct reply *reply, const struct json *root)
{
    takes[door](r, reply, root);
}

static void hang_over(void *user)
{
    struct hang *h = user;
    struct hang **at = &h->r->hangs;
    while (*at != h) {
        at = &(*at)->next;
    }
    *at = h->next;
    http_cut(h->x);
    timer_free(h->timer);
    free(h);
}

static void hang(struct rehearsal *r, struct http_exchange *x, uint32_t seconds)
{
    struct hang *h = mem_alloc(sizeof *h);
    *h = (struct hang){.next = r->hangs, .r = r, .x = x, .timer = timer_new(r->loop, hang_over, h)};
    timer_start(h->timer, (uint64_t)seconds * 1000);
    r->hangs = h;
}

static void answer(struct http_exchange *x, struct reply *reply)
{
    if (reply->retry_after > 0) {
        struct str seconds = STR_INIT;
        str_printf(&seconds, "%u", reply->retry_after);
        http_add_header(x, "Retry-After", str_z(&seconds));
        str_done(&seconds);
    }
    http_answer(x, reply->status, JSON_TYPE, &reply->body);
}

static void spoil(struct reply *reply, int status, const char *what)
{
    reply->status = status;
    str_add_z(&reply->said, what);
}

/* Lets the request fare as the plan says; the exchange is used up. */
static void fare(struct rehearsal *r, enum rehearsal_door door, struct http_exchange *x, struct reply *reply,
                 const struct json *root)
{
    uint32_t argument;
    bool early;
    enum rehearsal_fault fault = fault_next(&r->faults[door], loop_now(r->loop), &argument, &early);
    r->stats.early += early;
    switch (fault) {
    case REHEARSAL_NO_FAULT:
        take(r, door, reply, root);
        break;
    case REHEARSAL_REFUSE:
        refuse(reply, 401, "TOKEN-EXPIRED", "refused on purpose", root);
        break;
    case REHEARSAL_RATE_LIMIT:
        spoil(reply, 429, "too many requests, on purpose");
        reply->retry_after = argument;
        break;
    case REHEARSAL_FAIL:
        spoil(reply, (int)argument, "failed on purpose");
        break;
    case REHEARSAL_HANG:
        spoil(reply, 0, "left without an answer on purpose");
        hang(r, x, argument);
        return;
    case REHEARSAL_LOSE:
        take(r, door, reply, root);
        if (reply->taken) { /* a refusal would not be worth losing */
            reply->status = 0;
            str_add_z(&reply->said, "; the answer was lost on purpose");
            http_cut(x);
            return;
        }
        break;
    }
    answer(x, reply);
}

static void serve(struct rehearsal *r, enum rehearsal_door door, struct http_exchange *x)
{
    struct reply reply = {0};
    struct json *root = read_document(r, &reply, x);
    if (root) {
        fare(r, door, x, &reply, root);
        json_free(root);
    } else {
        answer(x, &reply);
    }
    if (r->config.callback) {
        r->config.callback(r->config.user, &(struct rehearsal_callback){.type = str_z(&reply.type),
                                                                        .status = reply.status,
                                                                        .taken = reply.taken,
                                                                        .said = str_z(&reply.said)});
    }
    bool taken = reply.taken, states = strcmp(str_z(&reply.type), "stateCallback") == 0;
    bool grant = strcmp(str_z(&reply.type), "accessTokenRequest") == 0;
    reply_done(&reply);
    if (taken && (states || grant)) {
        ask_told(r, states);
    }
}

static void tokens_door(struct http_exchange *x, void *context)
{
    serve(context, REHEARSAL_TOKENS, x);
}

static void states_door(struct http_exchange *x, void *context)
{
    serve(context, REHEARSAL_STATES, x);
}

/* ---- the doors of the SmartApp's side: SmartThings' REST API and its key host ---- */

static void key_door(struct http_exchange *x, void *context)
{
    struct str body = STR_INIT;
    const char *pem = smartapp_key(context, http_path(x));
    str_add_z(&body, pem ? pem : "");
    http_answer(x, pem ? 200 : 404, "application/x-pem-file", &body);
}

static bool bears_token(const struct rehearsal *r, const struct http_exchange *x)
{
    static const char scheme[] = "Bearer ";
    const char *given = http_header(x, "Authorization"), *token = smartapp_token(r);
    return given && *token && strncmp(given, scheme, sizeof scheme - 1) == 0 &&
           strcmp(given + sizeof scheme - 1, token) == 0;
}

/* As it is answered without faults, or with the one that is due; late answers are given when their time has come. */
static void devices_door(struct http_exchange *x, void *context)
{
    struct rehearsal *r = context;
    struct smartapp_reply reply = {.status = 200};
    struct str seconds = STR_INIT;
    uint32_t argument = 0;
    size_t len;
    bool early;
    const char *body = http_body(x, &len);
    bool told = strcmp(http_method(x), "POST") == 0;
    enum rehearsal_fault fault =
        told ? fault_next(&r->faults[REHEARSAL_STATES], loop_now(r->loop), &argument, &early) : REHEARSAL_NO_FAULT;
    if (!bears_token(r, x) || fault == REHEARSAL_REFUSE) {
        reply.status = 401;
        str_add_z(&reply.said, "the token is not the one that INSTALL brought");
    } else if (fault == REHEARSAL_RATE_LIMIT) {
        reply.status = 429;
        str_printf(&seconds, "%u", argument);
        http_add_header(x, "X-RateLimit-Reset", str_z(&seconds));
        str_add_z(&reply.said, "too many requests, on purpose");
    } else if (fault == REHEARSAL_FAIL) {
        reply.status = (int)argument;
        str_add_z(&reply.said, "failed on purpose");
    } else if (fault == REHEARSAL_HANG) {
        reply.status = 0;
        str_add_z(&reply.said, "left without an answer on purpose");
    } else {
        smartapp_take(r, http_method(x), http_path(x), body, len, &reply);
    }
    if (r->config.callback && told) {
        r->config.callback(r->config.user,
                           &(struct rehearsal_callback){.type = "deviceEvents",
                                                        .status = fault == REHEARSAL_LOSE ? 0 : reply.status,
                                                        .taken = reply.status == 200,
                                                        .said = str_z(&reply.said)});
    }
    bool taken = reply.status == 200;
    if (reply.status == 0) {
        hang(r, x, argument);
    } else if (fault == REHEARSAL_LOSE) {
        http_cut(x);
    } else {
        http_answer(x, reply.status, JSON_TYPE, &reply.body);
    }
    str_done(&reply.body);
    str_done(&reply.said);
    str_done(&seconds);
    if (taken) {
        smartapp_told(r);
    }
}

/* ---- the listener ---- */

static const struct http_route routes[] = {
    {"POST", "/oauth/token", HTTP_PUBLIC, HTTP_OPEN, CALLBACK_MAX, tokens_door, 0},
    {"POST", "/device/events", HTTP_PUBLIC, HTTP_OPEN, CALLBACK_MAX, states_door, 0},
    {"GET", "/pl/*", HTTP_PUBLIC, HTTP_OPEN, 0, key_door, 0},
    {"GET", "/devices", HTTP_PUBLIC, HTTP_OPEN, 0, devices_door, 0},
    {"POST", "/devices", HTTP_PUBLIC, HTTP_OPEN, CALLBACK_MAX, devices_door, 0},
    {"POST", "/devices/*", HTTP_PUBLIC, HTTP_OPEN, CALLBACK_MAX, devices_door, 0},
    {"PUT", "/devices/*", HTTP_PUBLIC, HTTP_OPEN, CALLBACK_MAX, devices_door, 0},
    {"DELETE", "/devices/*", HTTP_PUBLIC, HTTP_OPEN, 0, devices_door, 0},
};

/* "127.0.0.1:0" and the port that was bound. */
static char *url_of(const char *listen, uint16_t port)
{
    struct str s = STR_INIT;
    const char *colon = strrchr(listen, ':');
    str_printf(&s, "http://%.*s:%u", (int)(colon ? colon - listen : 0), listen, port);
    return str_take(&s);
}

int endpoint_open(struct rehearsal *r, struct str *why)
{
    r->contexts[0] = r;
    int err = http_new(r->loop,
                       &(struct http_config){.routes = routes,
                                             .route_count = sizeof routes / sizeof routes[0],
                                             .contexts = r->contexts,
                                             .deadline_ms = NEVER_MS},
                       &r->http);
    if (err == 0) {
        err = http_listen(r->http, &(struct http_listen){.listener = HTTP_PUBLIC, .address = r->config.listen}, why);
    }
    if (err == 0) {
        r->callback_url = url_of(r->config.listen, http_port(r->http, HTTP_PUBLIC));
    }
    return err;
}

void endpoint_close(struct rehearsal *r)
{
    http_free(r->http);
    while (r->hangs) { /* its exchange is still owed an end */
        struct hang *h = r->hangs;
        r->hangs = h->next;
        http_cut(h->x);
        timer_free(h->timer);
        free(h);
    }
    free(r->callback_url);
}
