#include "smartthings/smartapp.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "http/http.h"
#include "smartthings/rules.h"
#include "smartthings/smartapp_internal.h"
#include "store/store.h"

#define RETRY_AFTER_S 5u
#define CONFIRM_TIMEOUT_MS 10000u
#define JSON_TYPE "application/json"

/* A call that waits: for the key, or for the store. It outlives the smartapp if it must (sa NULL). */
struct call_job {
    struct smartapp *sa;
    struct http_exchange *exchange;
    enum smartapp_lifecycle lifecycle; /* answered with its empty answer when what was to be durable is */
    struct call_job *next, **at;
};

/* ---- answers ---- */

void smartapp_answer(struct http_exchange *exchange, struct str *body)
{
    http_answer(exchange, 200, JSON_TYPE, body);
}

void smartapp_answer_empty(struct http_exchange *exchange, enum smartapp_lifecycle lifecycle)
{
    struct str body = STR_INIT;
    smartapp_put_empty(&body, lifecycle);
    smartapp_answer(exchange, &body);
}

void smartapp_answer_unwell(struct http_exchange *exchange, const char *why)
{
    http_answer_error(exchange, 503, "temporarily_unavailable", why, RETRY_AFTER_S);
}

uint64_t smartapp_asked_delay(const struct fetch_result *result)
{
    if (result->result != 0) {
        return 0;
    }
    uint64_t delay = rules_retry_after(fetch_answer_header(result, "Retry-After"), loop_wall_ms());
    if (delay == 0 && result->status == 429) {
        delay = rules_retry_after(fetch_answer_header(result, "X-RateLimit-Reset"), loop_wall_ms());
    }
    return delay;
}

/* ---- jobs ---- */

static struct call_job *job_new(struct smartapp *sa, struct http_exchange *exchange, enum smartapp_lifecycle lifecycle)
{
    struct call_job *job = mem_alloc(sizeof *job);
    *job = (struct call_job){.sa = sa, .exchange = exchange, .lifecycle = lifecycle, .next = sa->jobs, .at = &sa->jobs};
    if (sa->jobs) {
        sa->jobs->at = &job->next;
    }
    sa->jobs = job;
    return job;
}

/* Takes it out of the list and frees it; its exchange is the caller's again: NULL, it was answered at the end. */
static struct http_exchange *job_end(struct call_job *job)
{
    struct http_exchange *exchange = job->exchange;
    if (job->sa) {
        *job->at = job->next;
        if (job->next) {
            job->next->at = job->at;
        }
    }
    free(job);
    return exchange;
}

static void jobs_end(struct smartapp *sa)
{
    for (struct call_job *job = sa->jobs; job; job = job->next) {
        job->sa = NULL;
        smartapp_answer_unwell(job->exchange, "the bridge is stopping");
        job->exchange = NULL;
    }
    sa->jobs = NULL;
}

/* What had to be durable is (or not). */
static void durable(struct app *app, int result, void *user)
{
    struct call_job *job = user;
    enum smartapp_lifecycle lifecycle = job->lifecycle;
    struct http_exchange *exchange = job_end(job);
    if (exchange && result == 0) {
        smartapp_answer_empty(exchange, lifecycle);
    } else if (exchange) {
        smartapp_answer_unwell(exchange, err_text(result));
    }
    if (app && !app->ended && result == 0) {
        tokens_resume(app);
        devices_sync(app);
    }
}

/* ---- CONFIRMATION: the address it names is asked for, if it is SmartThings' ---- */

static void confirmed(void *user, const struct fetch_result *result)
{
    struct smartapp *sa = user;
    struct str got = STR_INIT;
    sa->confirmation = NULL;
    if (result->result == 0 && result->status >= 200 && result->status < 300) {
        log_info(SMARTAPP_LOG, "SmartThings took the confirmation of the SmartApp's address");
        return;
    }
    str_printf(&got, "%s, status %d", result->result != 0 ? result->why : "it answered", result->status);
    app_failed(sa, NULL, TRACE_SMARTAPP, CAUSE_SMARTAPP_CONFIRMATION_FAILED, "200", str_z(&got));
    str_done(&got);
}

static void confirm(struct smartapp *sa, const struct smartapp_call *call, struct http_exchange *exchange)
{
    unsigned policy = 0;
    struct str body = STR_INIT;
    const char *expected = sa->config.app_id;
    if (expected && call->app_id && strcmp(expected, call->app_id) != 0) {
        app_failed(sa, NULL, TRACE_SMARTAPP, CAUSE_SMARTAPP_OTHER_APP, expected, call->app_id);
        http_answer_error(exchange, 403, "access_denied", "this address belongs to another app", 0);
        return;
    }
    if (rules_url(call->confirmation_url, sa->config.hosts, &policy) != 0) {
        /* the whole address: a person may open it by hand */
        log_warn(SMARTAPP_LOG, "to confirm the SmartApp's address open %s, if it is SmartThings' own",
                 call->confirmation_url);
        app_failed(sa, NULL, TRACE_SMARTAPP, CAUSE_SMARTAPP_CONFIRMATION_HOST,
                   "https on a host of smartthings.callback_hosts", call->confirmation_url);
        http_answer_error(exchange, 422, "invalid_request", "the confirmation URL is not on an allowed host", 0);
        return;
    }
    fetch_cancel(sa->confirmation); /* a newer one counts */
    sa->confirmation = fetch_start(
        sa->fetch,
        &(struct fetch_request){
            .method = "GET", .url = call->confirmation_url, .timeout_ms = CONFIRM_TIMEOUT_MS, .policy = policy},
        confirmed, sa);
    smartapp_put_target(&body, sa->config.target_url ? sa->config.target_url : "");
    smartapp_answer(exchange, &body);
}

/* ---- the other lifecycles ---- */

static void ping(struct smartapp *sa, const struct smartapp_call *call, struct http_exchange *exchange)
{
    struct str body = STR_INIT;
    (void)sa;
    smartapp_put_challenge(&body, call->challenge);
    smartapp_answer(exchange, &body);
}

static void configuration(struct smartapp *sa, const struct smartapp_call *call, struct http_exchange *exchange)
{
    struct str body = STR_INIT;
    if (strcmp(call->phase, "INITIALIZE") == 0) {
        smartapp_put_initialize(&body, sa->config.provider.name);
    } else if (strcmp(call->phase, "PAGE") == 0) {
        login_page(sa, call, &body);
    } else {
        http_answer_error(exchange, 422, "invalid_request", "the phase is neither INITIALIZE nor PAGE", 0);
        return;
    }
    smartapp_answer(exchange, &body);
}

/* Of all that are exposed, if the page had none to choose from. */
static char *chosen(const struct smartapp_call *call)
{
    struct str list = STR_INIT;
    for (size_t i = 0; i < call->light_count; i++) {
        if (!strchr(call->lights[i], ' ')) {
            str_printf(&list, "%s%s", list.len > 0 ? " " : "", call->lights[i]);
        }
    }
    return str_take(&list);
}

/* INSTALL and UPDATE: tokens, a place, and what was chosen. */
static void installed(struct smartapp *sa, const struct smartapp_call *call, struct http_exchange *exchange)
{
    struct app *app = app_get(sa, call->installed_app_id);
    if (!app) {
        smartapp_answer_unwell(exchange, "too many installed apps");
        return;
    }
    struct app_choice choice = {.location = mem_text(call->location_id), .lights = chosen(call)};
    app_save_choice(app, choice, NULL, NULL);
    tokens_take(app, call->auth_token, call->refresh_token, durable, job_new(sa, exchange, call->lifecycle));
}

static void uninstalled(struct smartapp *sa, const struct smartapp_call *call, struct http_exchange *exchange)
{
    struct app *app = app_find(sa, call->installed_app_id);
    if (!app) {
        smartapp_answer_empty(exchange, call->lifecycle); /* said again: our first answer was lost */
        return;
    }
    struct oauth_link *link = app_link(app);
    if (link && oauth_link_alive(link)) {
        oauth_link_end(sa->oauth, link, "the SmartApp was uninstalled", NULL, NULL);
    }
    app_remove(app, durable, job_new(sa, exchange, call->lifecycle));
}

/* DELETE: somebody removed the device in the app; it is not to come back by itself. */
static void device_lifecycle(struct app *app, const struct smartapp_event *event)
{
    if (!event->device_id || !event->lifecycle || strcmp(event->lifecycle, "DELETE") != 0) {
        return;
    }
    struct str left = STR_INIT;
    for (size_t i = 0; i < app->device_count; i++) {
        struct app_device *device = &app->devices[i];
        if (device->id && strcmp(device->id, event->device_id) == 0) {
            app_device_forget(app, device);
        } else if (app_chose(app, device->light_id)) {
            str_printf(&left, "%s%s", left.len > 0 ? " " : "", device->light_id);
        }
    }
    free(app->choice.lights);
    app->choice.lights = str_take(&left);
    app_save_choice(app, (struct app_choice){mem_text(app->choice.location), mem_text(app->choice.lights)}, NULL, NULL);
}

static void events(struct smartapp *sa, const struct smartapp_call *call, struct http_exchange *exchange)
{
    struct app *app = app_find(sa, call->installed_app_id);
    if (!app) {
        http_answer_error(exchange, 422, "invalid_request", "no such app is installed", 0);
        return;
    }
    for (size_t i = 0; i < call->event_count; i++) {
        const struct smartapp_event *event = &call->events[i];
        switch (event->kind) {
        case SMARTAPP_EVENT_COMMANDS:
            devices_commands(app, event);
            break;
        case SMARTAPP_EVENT_LIFECYCLE:
            device_lifecycle(app, event);
            break;
        case SMARTAPP_EVENT_TIMER:
            devices_sync(app);
            break;
        default:
            log_debug(SMARTAPP_LOG, "installed app %s: an event of type %s", app->id, event->type_text);
            break;
        }
    }
    smartapp_answer_empty(exchange, call->lifecycle);
}

static void execute(struct smartapp *sa, const struct smartapp_call *call, struct http_exchange *exchange)
{
    (void)sa;
    smartapp_answer_empty(exchange, call->lifecycle);
}

typedef void lifecycle_fn(struct smartapp *sa, const struct smartapp_call *call, struct http_exchange *exchange);
static lifecycle_fn *const lifecycles[SMARTAPP_LIFECYCLES] = {
    [SMARTAPP_PING] = ping,
    [SMARTAPP_CONFIRMATION] = confirm,
    [SMARTAPP_CONFIGURATION] = configuration,
    [SMARTAPP_OAUTH_CALLBACK] = login_callback,
    [SMARTAPP_INSTALL] = installed,
    [SMARTAPP_UPDATE] = installed,
    [SMARTAPP_UNINSTALL] = uninstalled,
    [SMARTAPP_EVENT] = events,
    [SMARTAPP_EXECUTE] = execute,
};

/* ---- the door ---- */

static void serve(struct smartapp *sa, struct http_exchange *exchange)
{
    struct smartapp_call call;
    size_t len;
    const char *body = http_body(exchange, &len);
    enum store_health health = store_health(sa->store);
    int result = smartapp_parse(body ? body : "", len, &call);
    if (health != STORE_OK && health != STORE_FULL) {
        smartapp_answer_unwell(exchange, store_trouble_public(sa->store));
    } else if (result != 0) {
        log_warn(SMARTAPP_LOG, "a call (%s) cannot be read: %s", call.type_text ? call.type_text : "no lifecycle",
                 call.what);
        http_answer_error(exchange, 400, "invalid_request", call.what, 0);
    } else if (call.lifecycle == SMARTAPP_UNKNOWN) {
        log_warn(SMARTAPP_LOG, "the lifecycle %s is not known", call.type_text);
        http_answer_error(exchange, 422, "invalid_request", "the lifecycle is not known", 0);
    } else {
        lifecycles[call.lifecycle](sa, &call, exchange);
    }
    smartapp_call_done(&call);
}

static const enum trace_cause causes[SIGNATURE_STEPS] = {
    [SIGNATURE_UNSIGNED] = CAUSE_SMARTAPP_UNSIGNED,
    [SIGNATURE_MALFORMED] = CAUSE_SMARTAPP_SIGNATURE_MALFORMED,
    [SIGNATURE_ALGORITHM] = CAUSE_SMARTAPP_SIGNATURE_MALFORMED,
    [SIGNATURE_KEY_ID] = CAUSE_SMARTAPP_KEY_ID,
    [SIGNATURE_UNCOVERED] = CAUSE_SMARTAPP_SIGNATURE_MALFORMED,
    [SIGNATURE_DATE] = CAUSE_SMARTAPP_DATE,
    [SIGNATURE_DIGEST] = CAUSE_SMARTAPP_DIGEST,
    [SIGNATURE_KEY_FETCH] = CAUSE_SMARTAPP_KEY_FETCH,
    [SIGNATURE_KEY] = CAUSE_SMARTAPP_KEY,
    [SIGNATURE_MISMATCH] = CAUSE_SMARTAPP_SIGNATURE,
    [SIGNATURE_REPLAY] = CAUSE_SMARTAPP_REPLAY,
};

static void refuse(struct smartapp *sa, struct http_exchange *exchange, enum signature_step step, const char *why)
{
    if (step == SIGNATURE_BUSY) {
        smartapp_answer_unwell(exchange, why);
        return;
    }
    app_failed(sa, NULL, TRACE_SMARTAPP, causes[step], NULL, why);
    http_answer_error(exchange, 401, "invalid_signature", signature_step_text(step), 0);
}

static void verified(void *user, enum signature_step step, const char *why)
{
    struct call_job *job = user;
    struct smartapp *sa = job->sa;
    struct http_exchange *exchange = job_end(job);
    if (!exchange) {
        return;
    }
    if (step == SIGNATURE_OK) {
        serve(sa, exchange);
    } else {
        refuse(sa, exchange, step, why);
    }
}

static const char *header(void *user, const char *name)
{
    return http_header(user, name);
}

/* PING carries nothing and changes nothing, and comes unsigned (facts 2.2). */
static bool is_ping(struct http_exchange *exchange)
{
    struct smartapp_call call;
    size_t len;
    const char *body = http_body(exchange, &len);
    bool ping_it_is = smartapp_parse(body ? body : "", len, &call) == 0 && call.lifecycle == SMARTAPP_PING;
    smartapp_call_done(&call);
    return ping_it_is;
}

void smartapp_webhook(struct http_exchange *exchange, void *context)
{
    struct smartapp *sa = context;
    struct signature signature;
    struct str why = STR_INIT, text = STR_INIT, without_query = STR_INIT;
    if (!sa) {
        http_answer_error(exchange, 404, "not_found", "no SmartApp is configured", 0);
        return;
    }
    if (!http_header(exchange, "Authorization") && is_ping(exchange)) {
        serve(sa, exchange);
        return;
    }
    struct signature_request request = {.method = http_method(exchange),
                                        .path = http_path(exchange),
                                        .query = http_raw_query(exchange),
                                        .header = header,
                                        .user = exchange};
    request.body = http_body(exchange, &request.body_len);
    enum signature_step step = signature_read(http_header(exchange, "Authorization"), &signature, &why);
    if (step == SIGNATURE_OK) {
        step = signature_check(&signature, &request, loop_wall_ms(), &why);
    }
    if (step != SIGNATURE_OK) {
        refuse(sa, exchange, step, str_z(&why));
    } else {
        signature_text(&text, &signature, &request, true);
        signature_text(&without_query, &signature, &request, false);
        keys_verify(sa->keys, &signature, &text, &without_query, verified, job_new(sa, exchange, SMARTAPP_UNKNOWN));
    }
    str_done(&why);
    str_done(&text);
    str_done(&without_query);
}

/* ---- beginning and end ---- */

static void heard(void *user, const struct hub_event *event)
{
    struct smartapp *sa = user;
    for (struct app *app = sa->apps; app; app = app->next) {
        if (!app->ended) {
            devices_event(app, event);
        }
    }
}

int smartapp_new(struct loop *loop, struct store *store, struct fetch *fetch, struct hub *hub, struct oauth *oauth,
                 const struct smartapp_config *config, struct smartapp **ret_smartapp)
{
    struct smartapp *sa = mem_alloc(sizeof *sa);
    *sa =
        (struct smartapp){.loop = loop, .store = store, .fetch = fetch, .hub = hub, .oauth = oauth, .config = *config};
    sa->keys = keys_new(loop, fetch, config->key_url, config->hosts);
    int err = apps_load(sa);
    if (err != 0) {
        log_error(SMARTAPP_LOG, "the installed apps cannot be read: %s", err_text(err));
    }
    for (struct app *app = sa->apps; app; app = app->next) {
        tokens_resume(app);
        devices_sync(app);
        for (size_t i = 0; i < app->device_count; i++) {
            outbox_touch(&app->devices[i].outbox, 0, loop_now(loop));
        }
    }
    sa->listener = hub_listen(hub, heard, sa);
    *ret_smartapp = sa;
    return 0;
}

void smartapp_free(struct smartapp *sa)
{
    if (!sa) {
        return;
    }
    hub_unlisten(sa->listener);
    fetch_cancel(sa->confirmation);
    keys_free(sa->keys);
    jobs_end(sa);
    logins_end(sa);
    orders_end(sa);
    smartapp_saves_end(sa);
    for (struct app *app = sa->apps, *next; app; app = next) {
        next = app->next;
        app_free(app);
    }
    free(sa);
}
