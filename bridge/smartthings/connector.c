/* The webhook: one interaction in, one answer out (facts 1.3). Only commands and what must be durable first wait. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/http.h"
#include "smartthings/internal.h"
#include "smartthings/rules.h"
#include "store/store.h"

#define RETRY_AFTER_S 5u
#define JSON_TYPE "application/json"

/* One device of a commandRequest. */
struct job_device {
    const char *id;
    uint32_t lamp; /* UINT32_MAX: unknown */
    enum device_error error;
    const char *why; /* static */
    struct device_order order;
    bool duplicate; /* its commands were added to an earlier one */
    size_t result;  /* index into the hub's results; SIZE_MAX: it was not asked */
};

/* A request whose answer waits for the hub or the store. It outlives the smartthings if it must (st NULL). */
struct job {
    struct smartthings *st;
    struct link *link;
    struct http_exchange *exchange;
    struct interaction x;
    struct job_device *devices;
    bool heard; /* whoever asked is still there */
    struct job *next, **at;
};

/* ---- answers ---- */

static const char *const response_types[INTERACTION_TYPES] = {
    [INTERACTION_DISCOVERY] = "discoveryResponse", [INTERACTION_STATE_REFRESH] = "stateRefreshResponse",
    [INTERACTION_COMMAND] = "commandResponse",     [INTERACTION_GRANT] = "grantCallbackAccess",
    [INTERACTION_DELETED] = "integrationDeleted",  [INTERACTION_RESULT] = "interactionResult",
};

static const char *response_type(const struct interaction *x)
{
    return response_types[x->type] ? response_types[x->type] : x->type_text;
}

static void answer_error(struct smartthings *st, struct http_exchange *exchange, const struct interaction *x,
                         int status, enum global_error error, const char *detail)
{
    struct str body = STR_INIT;
    st->stats.global_errors++;
    schema_global_error(&body, response_type(x), x->request_id, error, detail);
    http_answer(exchange, status, JSON_TYPE, &body);
}

static void answer_unwell(struct http_exchange *exchange, const char *why)
{
    http_answer_error(exchange, 503, "temporarily_unavailable", why, RETRY_AFTER_S);
}

/* Headers alone: how the SDK answers what needs no payload. */
static void answer_echo(struct http_exchange *exchange, const struct interaction *x)
{
    struct str body = STR_INIT;
    schema_begin(&body, response_type(x), x->request_id, NULL);
    str_add_char(&body, '}');
    http_answer(exchange, 200, JSON_TYPE, &body);
}

/* ---- jobs ---- */

/* Takes the interaction over. */
static struct job *job_new(struct smartthings *st, struct link *link, struct http_exchange *exchange,
                           struct interaction *x)
{
    struct job *job = mem_alloc(sizeof *job);
    *job = (struct job){.st = st, .link = link, .exchange = exchange, .x = *x, .next = st->jobs, .at = &st->jobs};
    *x = (struct interaction){0};
    if (st->jobs) {
        st->jobs->at = &job->next;
    }
    st->jobs = job;
    return job;
}

static void job_free(struct job *job)
{
    if (job->st) {
        *job->at = job->next;
        if (job->next) {
            job->next->at = job->at;
        }
    }
    interaction_done(&job->x);
    free(job->devices);
    free(job);
}

void smartthings_jobs_end(struct smartthings *st)
{
    for (struct job *job = st->jobs; job; job = job->next) {
        job->st = NULL;
        answer_unwell(job->exchange, "the bridge is stopping");
        job->exchange = NULL;
    }
    st->jobs = NULL;
}

/* ---- discovery ---- */

static void discovery(struct smartthings *st, struct link *link, struct http_exchange *exchange, struct interaction *x)
{
    struct str body = STR_INIT;
    size_t listed = 0;
    st->stats.discoveries++;
    lamps_sync(&st->lamps);
    schema_begin(&body, response_type(x), x->request_id, NULL);
    if (callback_wants_grant(link)) {
        str_add_z(&body, ",\"requestGrantCallbackAccess\":true");
    }
    str_add_z(&body, ",\"devices\":[");
    for (uint32_t i = 0; i < st->lamps.count; i++) {
        const struct str *description = lamps_description(&st->lamps, i);
        if (description->len > 0) {
            if (listed++ > 0) {
                str_add_char(&body, ',');
            }
            str_add(&body, description->data, description->len);
        }
    }
    str_add_z(&body, "]}");
    traced_discovery(link, listed);
    traced_answer(link, x, listed, body.len, link->asked_ms);
    outbox_listed(&link->outbox, loop_now(st->loop));
    delivery_schedule(link);
    http_answer(exchange, 200, JSON_TYPE, &body);
}

/* ---- state refresh ---- */

/* Finds the light of an externalDeviceId; UINT32_MAX with DEVICE_DELETED where there is none any more. */
static uint32_t find_lamp(struct smartthings *st, const char *id, struct light_info *ret_info)
{
    struct light *light = hub_light_find(st->hub, id);
    if (!light) {
        return UINT32_MAX;
    }
    hub_light_info(light, ret_info);
    return ret_info->removed || !ret_info->exposed ? UINT32_MAX : lamps_number(&st->lamps, light);
}

static void add_deleted(struct smartthings *st, struct str *body, bool *first, const char *id)
{
    st->stats.device_errors++;
    schema_device_error(body, first, id, DEVICE_DELETED, "the bridge has no such light");
}

/* `heard`: the answer reaches SmartThings; what nobody hears is not said. */
static void add_state(struct link *link, struct str *body, bool *first, uint32_t lamp, const struct light_info *info,
                      const struct light_state *state, int64_t at, bool heard)
{
    struct outbox_view view;
    lamps_view(info, state, &view);
    schema_device_state(body, first, info->id, &view.state, view.health == OUTBOX_ONLINE, at);
    if (heard) {
        outbox_said(&link->outbox, lamp, &view, loop_now(link->st->loop));
    }
}

static void state_refresh(struct smartthings *st, struct link *link, struct http_exchange *exchange,
                          struct interaction *x)
{
    struct str body = STR_INIT;
    bool first = true;
    int64_t now = wall_or_0();
    st->stats.state_refreshes++;
    schema_begin(&body, response_type(x), x->request_id, NULL);
    schema_begin_states(&body);
    for (size_t i = 0; i < x->device_count; i++) {
        struct light_info info;
        uint32_t lamp = find_lamp(st, x->devices[i].id, &info);
        if (lamp == UINT32_MAX) {
            add_deleted(st, &body, &first, x->devices[i].id);
        } else {
            add_state(link, &body, &first, lamp, &info, &info.reported, now, true);
        }
    }
    schema_end_states(&body);
    oauth_trace_seen(st->oauth, link->oauth, TRACE_STATE_REFRESH, link->asked_ms);
    traced_answer(link, x, x->device_count, body.len, link->asked_ms);
    delivery_schedule(link);
    http_answer(exchange, 200, JSON_TYPE, &body);
}

/* ---- commands ---- */

static enum device_error error_of(const struct smartthings *st, int result)
{
    switch (result) {
    case ERR_OFFLINE:
        return st->config.offline_error == SMARTTHINGS_DEVICE_OFFLINE ? DEVICE_OFFLINE : DEVICE_UNAVAILABLE;
    case ERR_ENDED:
    case ERR_NOT_FOUND:
        return DEVICE_DELETED;
    case ERR_UNSUPPORTED:
        return DEVICE_CAPABILITY_NOT_SUPPORTED;
    case ERR_RANGE:
        return DEVICE_RESOURCE_CONSTRAINT_VIOLATION;
    default:
        return DEVICE_UNAVAILABLE;
    }
}

static void add_command_result(struct job *job, struct str *body, bool *first, const struct job_device *d,
                               const struct hub_result *result)
{
    struct smartthings *st = job->st;
    enum device_error error = d->error;
    const char *why = d->why;
    struct light_info info = {0};
    if (error == DEVICE_OK && result && result->result != 0) {
        error = error_of(st, result->result);
        why = result->why && result->why[0] != '\0' ? result->why : err_text(result->result);
    }
    if (error == DEVICE_OK) {
        hub_light_info(st->lamps.list[d->lamp].light, &info);
        if (info.removed) {
            error = DEVICE_DELETED;
            why = "the bridge has no such light";
        }
    }
    if (error != DEVICE_OK) {
        st->stats.device_errors++;
        schema_device_error(body, first, d->id, error, why);
        return;
    }
    if (result) {
        /* it has answered just now, whatever was known of it before */
        info.heard = true;
        info.reach = LIGHT_REACH_ONLINE;
    }
    add_state(job->link, body, first, d->lamp, &info, result ? &result->state : &info.reported, wall_or_0(),
              job->heard);
}

static void answer_commands(struct job *job, const struct hub_result *results)
{
    struct smartthings *st = job->st;
    struct str body = STR_INIT;
    bool first = true, alive = !job->link->ended;
    if (!alive) {
        answer_error(st, job->exchange, &job->x, 200, GLOBAL_INTEGRATION_DELETED, "the account was unlinked");
        job_free(job);
        return;
    }
    job->heard = !http_caller_gone(job->exchange);
    schema_begin(&body, response_type(&job->x), job->x.request_id, NULL);
    schema_begin_states(&body);
    for (size_t i = 0; i < job->x.device_count; i++) {
        const struct job_device *d = &job->devices[i];
        if (!d->duplicate) {
            add_command_result(job, &body, &first, d, d->result == SIZE_MAX ? NULL : &results[d->result]);
        }
    }
    schema_end_states(&body);
    uint64_t now = loop_now(st->loop);
    for (size_t i = 0; i < job->x.device_count; i++) {
        if (job->devices[i].result != SIZE_MAX) {
            outbox_release(&job->link->outbox, job->devices[i].lamp, now);
        }
    }
    traced_answer(job->link, &job->x, job->x.device_count, body.len, job->link->asked_ms);
    delivery_schedule(job->link);
    http_answer(job->exchange, 200, JSON_TYPE, &body);
    job_free(job);
}

static void applied(void *user, const struct hub_result *results, size_t count)
{
    struct job *job = user;
    (void)count;
    if (!job->st) {
        job_free(job); /* it was answered when we stopped */
        return;
    }
    answer_commands(job, results);
}

static void read_order(struct job *job, struct job_device *d, const struct interaction_device *from,
                       const struct light_info *info)
{
    (void)job;
    for (size_t i = 0; i < from->command_count && d->error == DEVICE_OK; i++) {
        d->error = device_order_add(&d->order, &from->commands[i], &info->profile, &d->why);
    }
}

/* A device that is named twice is one device: its commands are one list. One bad command spoils the list of its
   device, and of that alone: half of what was meant is done to no light. */
static void read_devices(struct job *job)
{
    struct smartthings *st = job->st;
    job->devices = mem_array(job->x.device_count + 1, sizeof job->devices[0]);
    lamps_sync(&st->lamps);
    uint32_t mark = ++st->lamps.mark;
    for (size_t i = 0; i < job->x.device_count; i++) {
        struct job_device *d = &job->devices[i];
        struct light_info info;
        *d = (struct job_device){.id = job->x.devices[i].id, .result = SIZE_MAX};
        d->lamp = find_lamp(st, d->id, &info);
        if (d->lamp == UINT32_MAX) {
            d->error = DEVICE_DELETED;
            d->why = "the bridge has no such light";
            continue;
        }
        struct job_device *into = d;
        if (st->lamps.list[d->lamp].mark == mark) {
            d->duplicate = true;
            for (into = job->devices; into->lamp != d->lamp; into++) {
            }
        }
        st->lamps.list[d->lamp].mark = mark;
        read_order(job, into, &job->x.devices[i], &info);
    }
}

static void command(struct smartthings *st, struct link *link, struct http_exchange *exchange, struct interaction *x)
{
    struct job *job = job_new(st, link, exchange, x);
    size_t count = 0;
    st->stats.commands++;
    oauth_trace_seen(st->oauth, link->oauth, TRACE_COMMAND, link->asked_ms);
    read_devices(job);
    struct hub_command *commands = mem_array(job->x.device_count + 1, sizeof commands[0]);
    for (size_t i = 0; i < job->x.device_count; i++) {
        struct job_device *d = &job->devices[i];
        if (d->duplicate || d->error != DEVICE_OK) {
            continue;
        }
        struct light *light = st->lamps.list[d->lamp].light;
        if (d->order.refresh) {
            hub_refresh(st->hub, light);
        }
        if (d->order.patch.has != 0) {
            commands[count] = (struct hub_command){light, d->order.patch, d->order.transition_ms};
            d->result = count++;
            outbox_hold(&link->outbox, d->lamp);
        }
    }
    if (count > 0) {
        hub_apply(st->hub, commands, count, applied, job);
    } else {
        answer_commands(job, NULL);
    }
    free(commands);
}

/* ---- grant, end, trouble ---- */

/* Answers with the echo when what had to be durable is. */
static void durable(void *user, int result)
{
    struct job *job = user;
    if (job->st && job->exchange) {
        if (result == 0) {
            answer_echo(job->exchange, &job->x);
        } else {
            answer_unwell(job->exchange, err_text(result));
        }
    }
    job_free(job);
}

static void grant(struct smartthings *st, struct link *link, struct http_exchange *exchange, struct interaction *x)
{
    const struct smartthings_config *config = &st->config;
    unsigned policy;
    enum global_error error = GLOBAL_NONE;
    enum trace_cause cause = CAUSE_CALLBACK_NOT_CONFIGURED;
    const char *why = "";
    st->stats.grants++;
    if (strcmp(x->grant.grant_type, "authorization_code") != 0) {
        error = GLOBAL_UNSUPPORTED_GRANT_TYPE;
        cause = CAUSE_GRANT_MALFORMED;
        why = "grantType is not authorization_code";
    } else if (!config->callback_client_id) {
        error = GLOBAL_INVALID_CLIENT;
        why = "no smartthings.callback_client_id is configured";
    } else if (strcmp(x->grant.client_id, config->callback_client_id) != 0) {
        error = GLOBAL_INVALID_CLIENT;
        cause = CAUSE_GRANT_REFUSED_CLIENT_ID;
        why = "clientId is not the configured smartthings.callback_client_id";
    } else if (!config->callback_client_secret) {
        error = GLOBAL_INVALID_CLIENT_SECRET;
        why = "no smartthings.callback_client_secret_file is configured";
    } else if (link_url(link, x->grant.token_url, &policy) != 0 ||
               link_url(link, x->grant.callback_url, &policy) != 0) {
        error = GLOBAL_BAD_REQUEST;
        cause = CAUSE_CALLBACK_HOST_REFUSED;
        why = "callbackUrls are not https on a host of smartthings.callback_hosts";
    }
    if (error != GLOBAL_NONE) {
        link_trouble(link, "the grant of callback access was refused: %s", why);
        traced_grant_refusal(link, x, cause);
        answer_error(st, exchange, x, 200, error, why);
        return;
    }
    struct job *job = job_new(st, link, exchange, x);
    callback_grant(link, &job->x, durable, job);
}

static void deleted(struct smartthings *st, struct link *link, struct http_exchange *exchange, struct interaction *x)
{
    st->stats.deletions++;
    struct job *job = job_new(st, link, exchange, x);
    oauth_link_end(st->oauth, link->oauth, "SmartThings deleted the integration", durable, job);
}

/* `link` may be NULL: authentication may be absent. */
static void result(struct smartthings *st, struct link *link, struct http_exchange *exchange, struct interaction *x)
{
    const char *of = x->result.originating ? x->result.originating : "an interaction";
    const char *error = x->result.error ? x->result.error : "no error named";
    const char *detail = x->result.detail ? x->result.detail : "";
    st->stats.results++;
    link = traced_result(st, link, x);
    if (link) {
        link_trouble(link, "SmartThings refused our answer to %s: %s %s %s", of, error, detail,
                     x->result.device_id ? x->result.device_id : "");
    } else {
        log_debug(LOG, "SmartThings refused our answer to %s: %s %s", of, error, detail);
    }
    answer_echo(exchange, x);
}

/* ---- the door ---- */

typedef void interaction_fn(struct smartthings *st, struct link *link, struct http_exchange *exchange,
                            struct interaction *x);
static interaction_fn *const interactions[INTERACTION_TYPES] = {
    [INTERACTION_DISCOVERY] = discovery, [INTERACTION_STATE_REFRESH] = state_refresh,
    [INTERACTION_COMMAND] = command,     [INTERACTION_GRANT] = grant,
    [INTERACTION_DELETED] = deleted,     [INTERACTION_RESULT] = result,
};

/* Answers what is wrong with the token; false if the interaction may go on. */
static bool refused_token(struct smartthings *st, struct http_exchange *exchange, struct interaction *x, int verdict,
                          struct oauth_link *oauth)
{
    switch (verdict) {
    case 0:
        return false;
    case ERR_EXPIRED:
        traced_expired(st, oauth);
        answer_error(st, exchange, x, 200, GLOBAL_TOKEN_EXPIRED, "the access token has expired");
        return true;
    case ERR_ENDED:
        if (x->type == INTERACTION_DELETED) {
            answer_echo(exchange, x); /* said again: our first answer was lost */
        } else {
            traced_stale(st, oauth, x->type);
            answer_error(st, exchange, x, 200, GLOBAL_INTEGRATION_DELETED, "the account was unlinked");
        }
        return true;
    case ERR_DENIED:
    case ERR_INVALID:
        traced_unknown_token(st, x->type, x->type_text);
        answer_error(st, exchange, x, 200, GLOBAL_INVALID_TOKEN, "the access token is not one of ours");
        return true;
    default:
        answer_unwell(exchange, "tokens cannot be judged: the store is not available");
        return true;
    }
}

static void serve(struct smartthings *st, struct http_exchange *exchange, struct interaction *x)
{
    struct oauth_link *oauth = NULL;
    struct link *link = NULL;
    if (x->type == INTERACTION_UNKNOWN) {
        answer_error(st, exchange, x, 200, GLOBAL_INVALID_INTERACTION_TYPE, "the interaction type is not known");
        return;
    }
    int verdict = x->token ? oauth_verify(st->oauth, x->token, loop_wall_ms(), &oauth) : ERR_DENIED;
    if (oauth && !oauth_link_webhook(oauth)) { /* another client's token, whose scope may be less than this */
        verdict = ERR_DENIED;
        oauth = NULL;
    }
    if (x->type != INTERACTION_RESULT && refused_token(st, exchange, x, verdict, oauth)) {
        return;
    }
    if (verdict == 0) {
        link = link_of(st, oauth);
        link->asked_ms = loop_wall_ms();
    }
    interactions[x->type](st, link, exchange, x);
}

void smartthings_schema(struct http_exchange *exchange, void *context)
{
    struct smartthings *st = context;
    enum store_health health = store_health(st->store);
    struct interaction x;
    size_t len;
    const char *body = http_body(exchange, &len);
    if (health != STORE_OK && health != STORE_FULL) {
        answer_unwell(exchange, store_trouble_public(st->store));
        return;
    }
    if (schema_parse(body ? body : "", len, &x) != 0) {
        st->stats.malformed++;
        answer_error(st, exchange, &x, 400, GLOBAL_BAD_REQUEST, x.what);
    } else {
        serve(st, exchange, &x);
    }
    interaction_done(&x);
}
