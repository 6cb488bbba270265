/* The chosen lamps as devices at SmartThings: made, renamed and deleted, their commands done, their states told. One
   call at a time for an installed app, the list of devices first: what was made by a call whose answer was lost is
   found in it, and never made twice. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "smartthings/device.h"
#include "smartthings/internal.h"
#include "smartthings/rules.h"
#include "smartthings/smartapp_internal.h"

#define CALL_TIMEOUT_MS 10000u
#define ANSWER_MAX (1024u * 1024u)

static void turn_due(void *user)
{
    devices_turn(user);
}

static void wake_at(struct app *app, uint64_t at)
{
    uint64_t now = loop_now(app->sa->loop);
    if (!app->timer) {
        app->timer = timer_new(app->sa->loop, turn_due, app);
    }
    timer_start(app->timer, at > now ? at - now : 0);
}

void devices_stop(struct app *app)
{
    fetch_cancel(app->call);
    app->call = NULL;
    timer_free(app->timer);
    app->timer = NULL;
}

/* ---- calls ---- */

static bool call(struct app *app, const char *method, const char *path, const struct str *body, fetch_done_fn *done)
{
    struct smartapp *sa = app->sa;
    struct str url = STR_INIT, authorization = STR_INIT;
    unsigned policy = 0;
    str_printf(&url, "%s%s", sa->config.api_url, path);
    bool allowed = rules_url(str_z(&url), sa->config.hosts, &policy) == 0;
    if (allowed) {
        str_printf(&authorization, "Bearer %s", app->tokens.access);
        const struct fetch_header headers[] = {{"Authorization", str_z(&authorization)},
                                               {"Accept", "application/json"},
                                               {"Content-Type", "application/json"}};
        app->call = fetch_start(sa->fetch,
                                &(struct fetch_request){.method = method,
                                                        .url = str_z(&url),
                                                        .headers = headers,
                                                        .header_count = body ? 3 : 2,
                                                        .body = body ? body->data : NULL,
                                                        .body_len = body ? body->len : 0,
                                                        .timeout_ms = CALL_TIMEOUT_MS,
                                                        .max_body = ANSWER_MAX,
                                                        .policy = policy},
                                done, app);
    } else {
        app_failed(sa, app, TRACE_SMARTAPP, CAUSE_SMARTAPP_HOST_REFUSED, NULL, str_z(&url));
        app->not_before = loop_now(sa->loop) + RULES_BACKOFF_MAX_MS;
    }
    secrets_wipe(authorization.data, authorization.len);
    str_done(&authorization);
    str_done(&url);
    return allowed;
}

enum verdict { TAKEN, AGAIN, REFUSED, GONE };

static uint64_t retry_delay(struct app *app, const struct fetch_result *result)
{
    uint32_t random;
    secrets_random(&random, sizeof random);
    uint64_t delay = rules_backoff(++app->failures, random), asked = smartapp_asked_delay(result);
    return asked > delay ? asked : delay;
}

/* What an answer means; tells of it where it is not good. *ret_delay: of AGAIN. */
static enum verdict judge(struct app *app, const struct fetch_result *result, const char *what, uint64_t *ret_delay)
{
    const struct schema_answer none = {0};
    struct str got = STR_INIT;
    enum verdict verdict = REFUSED;
    *ret_delay = 0;
    str_printf(&got, "%s: %s, status %d %.200s", what, result->result != 0 ? result->why : "it answered",
               result->status, result->result == 0 && result->body_len > 0 ? result->body : "");
    if (result->result == 0 && (result->status == 404 || result->status == 410)) {
        str_done(&got);
        return GONE;
    }
    switch (rules_judge_post(result->result, result->status, &none)) {
    case RULES_POST_TAKEN:
        app->failures = 0;
        verdict = TAKEN;
        break;
    case RULES_POST_TOKEN:
        verdict = AGAIN;
        tokens_renew(app);
        break;
    case RULES_POST_RETRY:
        if (result->result == 0 && (result->status == 403 || result->status == 409)) {
            app_failed(app->sa, app, TRACE_SMARTAPP, CAUSE_SMARTAPP_DEVICE_REFUSED, NULL, str_z(&got));
            break;
        }
        verdict = AGAIN;
        *ret_delay = retry_delay(app, result);
        app_failed(app->sa, app, TRACE_SMARTAPP, CAUSE_SMARTAPP_UNREACHABLE, NULL, str_z(&got));
        break;
    default: /* 422 is a limit that waiting does not lift (facts 2.7) */
        app_failed(app->sa, app, TRACE_SMARTAPP, CAUSE_SMARTAPP_DEVICE_REFUSED, NULL, str_z(&got));
        break;
    }
    str_done(&got);
    return verdict;
}

/* ---- which devices there should be ---- */

static bool wanted(const struct app *app, const struct app_device *device)
{
    struct light_info info;
    if (!device->light || !app_chose(app, device->light_id)) {
        return false;
    }
    hub_light_info(device->light, &info);
    return info.exposed && !info.removed;
}

static void add_chosen(struct app *app)
{
    char id[SMARTAPP_MAX_ID + 1];
    for (const char *at = app->choice.lights; at && *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        if (len <= SMARTAPP_MAX_ID) {
            memcpy(id, at, len);
            id[len] = '\0';
            if (!app_device_of(app, id) && hub_light_find(app->sa->hub, id)) {
                app_device_add(app, id);
            }
        }
        at += len;
    }
    for (size_t i = 0; i < app->device_count; i++) {
        if (!app->devices[i].light) {
            app->devices[i].light = hub_light_find(app->sa->hub, app->devices[i].light_id);
        }
    }
}

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = mem_text(value);
}

/* ---- the list ---- */

static void adopt(struct app *app, const struct json *item)
{
    const struct json *of = json_get(item, "app");
    const char *id = json_get_text(item, "deviceId"), *light = json_get_text(of, "externalId");
    const char *owner = json_get_text(of, "installedAppId");
    const char *profile = json_get_text(json_get(of, "profile"), "id"), *label = json_get_text(item, "label");
    if (!id || !light || !owner || strcmp(owner, app->id) != 0 || strlen(id) > SMARTAPP_MAX_ID ||
        strlen(light) > SMARTAPP_MAX_ID || id[strspn(id, "0123456789abcdefABCDEF-")] != '\0') {
        return;
    }
    struct app_device *device = app_device_of(app, light);
    if (!device && app->device_count < 2 * SMARTAPP_MAX_LIGHTS) {
        device = app_device_add(app, light);
    }
    if (!device) {
        return;
    }
    device->seen = true;
    if (!device->id || strcmp(device->id, id) != 0) {
        set_text(&device->id, id);
        set_text(&device->label, label ? label : "");
        if (profile) {
            set_text(&device->profile, profile);
        }
        app_save_device(app, device);
        outbox_touch(&device->outbox, 0, loop_now(app->sa->loop)); /* nobody has told it anything */
    }
}

static void listed(void *user, const struct fetch_result *result)
{
    struct app *app = user;
    struct json *root = NULL;
    uint64_t delay;
    app->call = NULL;
    enum verdict verdict = judge(app, result, "GET /devices", &delay);
    if (verdict == TAKEN && json_parse(result->body, result->body_len, ANSWER_MAX, &root, NULL) == 0) {
        for (size_t i = 0; i < app->device_count; i++) {
            app->devices[i].seen = false;
        }
        for (const struct json *item = json_first(json_get(root, "items")); item; item = json_next(item)) {
            adopt(app, item);
        }
        for (size_t i = 0; i < app->device_count; i++) {
            if (app->devices[i].id && !app->devices[i].seen) {
                app_device_forget(app, &app->devices[i]);
            }
        }
        app->listed = true;
        json_free(root);
    } else {
        app->not_before = loop_now(app->sa->loop) + (delay > 0 || verdict == AGAIN ? delay : RULES_BACKOFF_MAX_MS);
    }
    devices_turn(app);
}

static bool ask_list(struct app *app)
{
    struct str path = STR_INIT;
    str_printf(&path, "/devices?locationId=%s&installedAppId=%s", app->choice.location ? app->choice.location : "",
               app->id);
    bool sent = call(app, "GET", str_z(&path), NULL, listed);
    str_done(&path);
    return sent;
}

/* ---- making, renaming, deleting ---- */

static void created(void *user, const struct fetch_result *result)
{
    struct app *app = user;
    struct app_device *device = &app->devices[app->at_number];
    struct json *root = NULL;
    uint64_t delay;
    app->call = NULL;
    enum verdict verdict = judge(app, result, "POST /devices", &delay);
    const char *id = NULL;
    if (verdict == TAKEN && json_parse(result->body, result->body_len, ANSWER_MAX, &root, NULL) == 0) {
        id = json_get_text(root, "deviceId");
    }
    if (id && strlen(id) <= SMARTAPP_MAX_ID && id[strspn(id, "0123456789abcdefABCDEF-")] == '\0') {
        set_text(&device->id, id);
        app_save_device(app, device);
        outbox_touch(&device->outbox, 0, loop_now(app->sa->loop));
        log_info(SMARTAPP_LOG, "installed app %s: %s is device %s", app->id, device->light_id, id);
    } else if (verdict == REFUSED || verdict == GONE) {
        device->refused = true;
    } else {
        app->listed = result->result == 0 && verdict != TAKEN; /* it may be there all the same */
        app->not_before = loop_now(app->sa->loop) + delay;
    }
    json_free(root);
    devices_turn(app);
}

static bool create(struct app *app, struct app_device *device)
{
    struct smartapp *sa = app->sa;
    struct light_info info;
    struct str label = STR_INIT, body = STR_INIT;
    hub_light_info(device->light, &info);
    const char *profile = sa->config.profiles[smartapp_profile_of(&info.profile)];
    if (!profile) {
        str_printf(&body, "%s needs smartthings.smartapp.profiles.%s", info.id,
                   smartapp_profile_key(smartapp_profile_of(&info.profile)));
        app_failed(sa, app, TRACE_SMARTAPP, CAUSE_SMARTAPP_NO_PROFILE, NULL, str_z(&body));
        str_done(&body);
        device->refused = true;
        return false;
    }
    smartapp_put_label(&label, &info);
    set_text(&device->label, str_z(&label));
    set_text(&device->profile, profile);
    smartapp_put_device(&body, str_z(&label), app->choice.location, profile, app->id, device->light_id);
    app->at_number = (uint32_t)(device - app->devices);
    bool sent = call(app, "POST", "/devices", &body, created);
    str_done(&body);
    str_done(&label);
    return sent;
}

static void renamed(void *user, const struct fetch_result *result)
{
    struct app *app = user;
    struct app_device *device = &app->devices[app->at_number];
    uint64_t delay;
    app->call = NULL;
    enum verdict verdict = judge(app, result, "PUT /devices", &delay);
    if (verdict == AGAIN) {
        app->not_before = loop_now(app->sa->loop) + delay;
        set_text(&device->label, "");
    } else if (verdict == GONE) {
        app_device_forget(app, device);
    } else {
        app_save_device(app, device); /* a refused name is not tried again */
    }
    devices_turn(app);
}

static bool rename_device(struct app *app, struct app_device *device, const char *label)
{
    struct str path = STR_INIT, body = STR_INIT;
    str_printf(&path, "/devices/%s", device->id);
    smartapp_put_label_change(&body, label);
    set_text(&device->label, label);
    app->at_number = (uint32_t)(device - app->devices);
    bool sent = call(app, "PUT", str_z(&path), &body, renamed);
    str_done(&path);
    str_done(&body);
    return sent;
}

static void deleted(void *user, const struct fetch_result *result)
{
    struct app *app = user;
    struct app_device *device = &app->devices[app->at_number];
    uint64_t delay;
    app->call = NULL;
    if (judge(app, result, "DELETE /devices", &delay) == AGAIN) {
        app->not_before = loop_now(app->sa->loop) + delay;
    } else {
        app_device_forget(app, device); /* refused: then the list, read at the next start, has it again */
    }
    devices_turn(app);
}

static bool delete_device(struct app *app, struct app_device *device)
{
    struct str path = STR_INIT;
    str_printf(&path, "/devices/%s", device->id);
    app->at_number = (uint32_t)(device - app->devices);
    bool sent = call(app, "DELETE", str_z(&path), NULL, deleted);
    str_done(&path);
    return sent;
}

/* Does the first thing that is to be done for a device; false: nothing is. */
static bool sync_device(struct app *app, struct app_device *device)
{
    struct light_info info;
    bool want = wanted(app, device);
    if (!device->id) {
        return want && !device->refused && create(app, device);
    }
    if (!want) {
        return delete_device(app, device);
    }
    hub_light_info(device->light, &info);
    const char *profile = app->sa->config.profiles[smartapp_profile_of(&info.profile)];
    if (profile && device->profile && strcmp(profile, device->profile) != 0) {
        return delete_device(app, device); /* and then it is made anew: a profile is for life */
    }
    struct str label = STR_INIT;
    smartapp_put_label(&label, &info);
    bool differs = !device->label || strcmp(str_z(&label), device->label) != 0;
    bool sent = differs && rename_device(app, device, str_z(&label));
    str_done(&label);
    return sent;
}

static bool sync_next(struct app *app)
{
    if (!app->listed) {
        return ask_list(app);
    }
    for (size_t i = 0; i < app->device_count; i++) {
        if (sync_device(app, &app->devices[i])) {
            return true;
        }
    }
    return false;
}

/* ---- states ---- */

/* How a device's light is, for its outbox; user is the app_device. */
static void look(void *user, uint32_t zero, struct outbox_view *ret_view)
{
    const struct app_device *device = user;
    struct light_info info = {0};
    (void)zero;
    *ret_view = (struct outbox_view){.health = OUTBOX_OFFLINE};
    if (!device->light) {
        return;
    }
    hub_light_info(device->light, &info);
    if (info.removed || !info.exposed) {
        return;
    }
    struct light_state state = info.reported;
    state.has &= ~info.desired.has; /* what is asked for and not yet answered is not news */
    lamps_view(&info, &state, ret_view);
}

static void told(void *user, const struct fetch_result *result)
{
    struct app *app = user;
    struct app_device *device = &app->devices[app->at_number];
    uint64_t delay, now = loop_now(app->sa->loop);
    app->call = NULL;
    switch (judge(app, result, "POST /devices/{id}/events", &delay)) {
    case TAKEN:
        outbox_delivered(&device->outbox, now);
        break;
    case AGAIN:
        outbox_returned(&device->outbox, now, delay);
        break;
    case REFUSED:
        outbox_dropped(&device->outbox, now);
        break;
    case GONE:
        outbox_dropped(&device->outbox, now);
        app_device_forget(app, device);
        app->listed = false;
        break;
    }
    devices_turn(app);
}

static uint64_t due_at(const struct app_device *device)
{
    uint64_t at = device->id ? outbox_next(&device->outbox) : OUTBOX_NEVER, may = pace_next(&device->pace);
    return at == OUTBOX_NEVER || at > may ? at : may;
}

static bool tell(struct app *app, struct app_device *device)
{
    struct outbox_item item;
    size_t count = 0;
    uint64_t now = loop_now(app->sa->loop);
    if (outbox_collect(&device->outbox, now, look, device, &item, &count) != OUTBOX_STATES) {
        return false;
    }
    struct str path = STR_INIT, body = STR_INIT;
    str_printf(&path, "/devices/%s/events", device->id);
    smartapp_put_events(&body, &item);
    pace_took(&device->pace, now);
    app->at_number = (uint32_t)(device - app->devices);
    bool sent = call(app, "POST", str_z(&path), &body, told);
    if (!sent) {
        outbox_returned(&device->outbox, now, RULES_BACKOFF_MAX_MS);
    }
    str_done(&path);
    str_done(&body);
    return sent;
}

/* ---- what is due ---- */

void devices_turn(struct app *app)
{
    uint64_t now = loop_now(app->sa->loop), next = OUTBOX_NEVER;
    if (app->call || app->ended || !tokens_usable(app) || !app->choice.location || !app_linked(app, NULL)) {
        return;
    }
    if (app->not_before > now) {
        next = app->not_before;
    } else if (sync_next(app)) {
        return;
    }
    for (size_t i = 0; i < app->device_count; i++) {
        struct app_device *device = &app->devices[i];
        uint64_t at = due_at(device);
        if (at <= now && tell(app, device)) {
            return;
        }
        at = due_at(device);
        next = at < next ? at : next;
    }
    if (next != OUTBOX_NEVER) {
        wake_at(app, next);
    }
}

void devices_sync(struct app *app)
{
    add_chosen(app);
    for (size_t i = 0; i < app->device_count; i++) {
        app->devices[i].refused = false;
    }
    devices_turn(app);
}

void devices_event(struct app *app, const struct hub_event *event)
{
    struct light_info info;
    hub_light_info(event->light, &info);
    struct app_device *device = app_device_of(app, info.id);
    if (!device) {
        return;
    }
    device->light = event->light;
    if (event->kind == HUB_EVENT_LISTED || event->kind == HUB_EVENT_REMOVED) {
        device->refused = false;
    }
    outbox_touch(&device->outbox, 0, loop_now(app->sa->loop));
    if (!app->call) {
        devices_turn(app);
    }
}

/* ---- commands ---- */

/* A command under way: nothing is said of the light until it has ended. */
struct order_job {
    struct smartapp *sa; /* NULL: it is gone */
    struct app *app;
    char *light_id;
    struct order_job *next, **at;
};

void orders_end(struct smartapp *sa)
{
    for (struct order_job *job = sa->orders; job; job = job->next) {
        job->sa = NULL;
    }
    sa->orders = NULL;
}

/* Whatever came of it: the lamp's own state is what SmartThings is told, also where that is not what was asked for. */
static void ordered(void *user, const struct hub_result *results, size_t count)
{
    struct order_job *job = user;
    (void)count;
    if (job->sa) {
        struct app_device *device = app_device_of(job->app, job->light_id);
        uint64_t now = loop_now(job->sa->loop);
        *job->at = job->next;
        if (job->next) {
            job->next->at = job->at;
        }
        if (results[0].result != 0) {
            log_warn(SMARTAPP_LOG, "a command to %s failed: %s", job->light_id, results[0].why);
        }
        if (device) {
            outbox_resync(&device->outbox, now);
            outbox_release(&device->outbox, 0, now);
            devices_turn(job->app);
        }
    }
    free(job->light_id);
    free(job);
}

static struct app_device *device_meant(struct app *app, const struct smartapp_event *event)
{
    for (size_t i = 0; i < app->device_count; i++) {
        if (app->devices[i].id && strcmp(app->devices[i].id, event->device_id) == 0) {
            return &app->devices[i];
        }
    }
    /* its making is on the way back to us: then its external id says which it is */
    return event->external_id ? app_device_of(app, event->external_id) : NULL;
}

void devices_commands(struct app *app, const struct smartapp_event *event)
{
    struct smartapp *sa = app->sa;
    struct app_device *device = device_meant(app, event);
    struct device_order order = {0};
    struct light_info info;
    const char *why = "it is no device of this app";
    enum device_error error = device && wanted(app, device) && app_linked(app, NULL) ? DEVICE_OK : DEVICE_DELETED;
    if (error == DEVICE_OK) {
        hub_light_info(device->light, &info);
    }
    for (size_t i = 0; i < event->command_count && error == DEVICE_OK; i++) {
        error = device_order_add(&order, &event->commands[i], &info.profile, &why);
    }
    if (error != DEVICE_OK) {
        log_warn(SMARTAPP_LOG, "installed app %s: a command to device %s is not done: %s", app->id, event->device_id,
                 why);
        return;
    }
    if (order.refresh) {
        hub_refresh(sa->hub, device->light);
        outbox_resync(&device->outbox, loop_now(sa->loop));
        devices_turn(app);
    }
    if (order.patch.has == 0) {
        return;
    }
    struct order_job *job = mem_alloc(sizeof *job);
    *job = (struct order_job){
        .sa = sa, .app = app, .light_id = mem_text(device->light_id), .next = sa->orders, .at = &sa->orders};
    if (sa->orders) {
        sa->orders->at = &job->next;
    }
    sa->orders = job;
    outbox_hold(&device->outbox, 0);
    hub_apply(sa->hub, &(struct hub_command){device->light, order.patch, order.transition_ms}, 1, ordered, job);
}
