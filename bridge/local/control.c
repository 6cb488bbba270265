/* The control API: what the command line asks. The documents are described in local.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "local/local_internal.h"

int local_new(struct loop *loop, struct hub *hub, struct oauth *oauth, struct smartthings *smartthings,
              const struct local_sources *sources, struct local **ret_local)
{
    struct local *local = mem_alloc(sizeof *local);
    *local = (struct local){.loop = loop,
                            .hub = hub,
                            .oauth = oauth,
                            .smartthings = smartthings,
                            .sources = *sources,
                            .started = loop_now(loop),
                            .started_wall_ms = loop_wall_ms()};
    selftest_start(local);
    *ret_local = local;
    return 0;
}

void local_set_http(struct local *local, const struct http *http)
{
    local->http = http;
}

void local_free(struct local *local)
{
    if (local) {
        selftest_done(local);
    }
    free(local);
}

/* ---- errors ---- */

static const struct {
    int err, status;
    const char *code;
} statuses[] = {
    {ERR_INVALID, 400, "invalid_request"}, {ERR_RANGE, 400, "out_of_range"}, {ERR_TOO_LARGE, 413, "too_large"},
    {ERR_NOT_FOUND, 404, "not_found"},     {ERR_EXISTS, 409, "exists"},      {ERR_UNSUPPORTED, 422, "unsupported"},
    {ERR_REJECTED, 502, "rejected"},       {ERR_IO, 502, "failed"},          {ERR_TIMEOUT, 504, "no_answer"},
    {ERR_OFFLINE, 504, "offline"},         {ERR_ENDED, 404, "removed"},      {ERR_DENIED, 403, "denied"},
};

void control_answer_error(struct http_exchange *x, int err, const char *text)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].err == err) {
            http_answer_error(x, statuses[i].status, statuses[i].code, text && *text ? text : err_text(err), 0);
            return;
        }
    }
    bool passes = err == ERR_BUSY || err == ERR_CANCELLED; /* soon; anything else is the store */
    http_answer_error(x, 503, passes ? "busy" : "store", text && *text ? text : err_text(err), passes ? 1 : 30);
}

struct json *control_body(struct http_exchange *x)
{
    struct json *root = NULL;
    struct json_error error = {0};
    struct str why = STR_INIT;
    size_t len;
    const char *body = http_body(x, &len);
    if (json_parse(body, len, LOCAL_MAX_BODY, &root, &error) == 0 && json_is_object(root)) {
        return root;
    }
    str_printf(&why, "the body is no JSON object: %s at byte %zu", error.what ? error.what : "another value",
               error.offset);
    json_free(root);
    control_answer_error(x, ERR_INVALID, str_z(&why));
    str_done(&why);
    return NULL;
}

void control_answer_json(struct http_exchange *x, struct str *body)
{
    str_add_char(body, '\n');
    http_add_header(x, "Cache-Control", "no-store");
    http_answer(x, 200, "application/json", body);
}

void control_answer_empty(struct http_exchange *x)
{
    struct str body = STR_INIT;
    str_add_z(&body, "{}");
    control_answer_json(x, &body);
}

/* ---- lights ---- */

static const char *const kinds[] = {
    [LIGHT_KIND_LIGHT] = "light", [LIGHT_KIND_SWITCH] = "switch", [LIGHT_KIND_GROUP] = "group"};
static const char *const reaches[] = {
    [LIGHT_REACH_UNKNOWN] = "unknown", [LIGHT_REACH_ONLINE] = "online", [LIGHT_REACH_OFFLINE] = "offline"};

static const struct {
    uint32_t bits;
    const char *name;
} abilities[] = {{LIGHT_ON, "on"}, {LIGHT_LEVEL, "level"}, {LIGHT_KELVIN, "kelvin"}, {LIGHT_COLOR, "color"}};

void control_add_abilities(struct str *s, const struct light_profile *profile)
{
    const char *between = "";
    for (size_t i = 0; i < sizeof abilities / sizeof abilities[0]; i++) {
        if ((profile->can & abilities[i].bits) == abilities[i].bits) {
            str_printf(s, "%s%s", between, abilities[i].name);
            between = ", ";
        }
    }
}

static void put_can(struct json_out *j, const struct light_profile *profile)
{
    json_member_array(j, "can");
    for (size_t i = 0; i < sizeof abilities / sizeof abilities[0]; i++) {
        if ((profile->can & abilities[i].bits) == abilities[i].bits) {
            json_put_text(j, abilities[i].name);
        }
    }
    json_end_array(j);
    if (profile->can & LIGHT_KELVIN) {
        json_member_int(j, "min_kelvin", profile->min_kelvin);
        json_member_int(j, "max_kelvin", profile->max_kelvin);
    }
}

static void put_fixed(struct json_out *j, const char *key, int64_t value)
{
    json_put_key(j, key);
    json_put_fixed(j, value, 2);
}

static void put_state(struct json_out *j, const struct light_state *s)
{
    json_member_object(j, "state");
    if (s->has & LIGHT_ON) {
        json_member_bool(j, "on", s->on);
    }
    if (s->has & LIGHT_LEVEL) {
        put_fixed(j, "level", s->level);
    }
    if (s->has & LIGHT_KELVIN) {
        json_member_int(j, "kelvin", s->kelvin);
    }
    if (s->has & LIGHT_HUE) {
        put_fixed(j, "hue", s->hue);
    }
    if (s->has & LIGHT_SATURATION) {
        put_fixed(j, "saturation", s->saturation);
    }
    if (s->has & LIGHT_MODE) {
        json_member_text(j, "mode", s->mode == LIGHT_MODE_COLOR ? "color" : "white");
    }
    json_end_object(j);
}

void control_put_light(struct json_out *j, const struct light *light)
{
    struct light_info i;
    hub_light_info(light, &i);
    json_begin_object(j);
    json_member_text(j, "id", i.id);
    json_member_text(j, "name", i.name);
    json_member_text(j, "room", i.room);
    json_member_text(j, "driver", i.driver);
    json_member_text(j, "address", i.address);
    json_member_text(j, "where", i.where);
    json_member_text(j, "manufacturer", i.manufacturer);
    json_member_text(j, "model", i.model);
    json_member_text(j, "version", i.version);
    json_member_text(j, "kind", kinds[i.profile.kind <= LIGHT_KIND_GROUP ? i.profile.kind : 0]);
    json_member_bool(j, "exposed", i.exposed);
    json_member_text(j, "reach", reaches[i.reach]);
    json_member_int(j, "heard_at", i.heard_at);
    put_can(j, &i.profile);
    put_state(j, &i.reported);
    json_end_object(j);
}

static bool is_removed(const struct light *light)
{
    struct light_info info;
    hub_light_info(light, &info);
    return info.removed;
}

void local_lights(struct http_exchange *x, void *context)
{
    struct local *local = context;
    struct str body = STR_INIT;
    struct json_out j;
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_member_array(&j, "lights");
    for (size_t i = 0; i < hub_light_count(local->hub); i++) {
        const struct light *light = hub_light_at(local->hub, i);
        if (!is_removed(light)) {
            control_put_light(&j, light);
        }
    }
    json_end_array(&j);
    json_end_object(&j);
    control_answer_json(x, &body);
}

/* ---- links ---- */

static void put_callback(struct json_out *j, const struct local *local, const struct oauth_link *link)
{
    struct smartthings_link_state s;
    if (!local->smartthings) {
        return;
    }
    (void)smartthings_link_state(local->smartthings, link, &s);
    json_member_object(j, "callback");
    json_member_text(j, "state", s.callback_text);
    json_member_bool(j, "usable", s.usable);
    json_member_int(j, "obtained_at", s.obtained_ms);
    json_member_int(j, "expires_at", s.expires_ms);
    json_member_int(j, "asked_at", s.asked_ms);
    json_member_int(j, "delivered_at", s.delivered_ms);
    json_member_int(j, "error_at", s.error_ms);
    json_member_text(j, "last_error", s.last_error);
    json_member_int(j, "queued", (int64_t)s.queued);
    json_end_object(j);
}

static void put_link(struct json_out *j, const struct local *local, const struct oauth_link *link)
{
    struct oauth_link_info i;
    oauth_link_info(link, &i);
    json_begin_object(j);
    json_member_text(j, "id", i.id);
    json_member_text(j, "account", i.account);
    json_member_text(j, "client", i.client_id);
    json_member_text(j, "client_name", i.client_name);
    json_member_text(j, "redirect_uri", i.redirect_uri);
    json_member_int(j, "created_at", i.created_ms);
    json_member_int(j, "redeemed_at", i.redeemed_ms);
    json_member_int(j, "used_at", i.used_ms);
    json_member_int(j, "refreshed_at", i.refreshed_ms);
    json_member_int(j, "ended_at", i.ended_ms);
    json_member_text(j, "end_reason", i.end_reason ? i.end_reason : "");
    json_member_bool(j, "alive", oauth_link_alive(link));
    json_member_int(j, "issued_elsewhere_at", i.elsewhere_ms);
    put_callback(j, local, link);
    const struct trace *trace = oauth_trace_of(link);
    traces_put_health(j, &i, trace);
    json_put_key(j, "trace");
    if (trace) {
        traces_put_trace(j, trace);
    } else {
        json_put_null(j);
    }
    json_end_object(j);
}

/* While the store cannot be read nobody knows which accounts and links there are: "none" would be a lie. */
static bool answered_unknown(const struct local *local, struct http_exchange *x)
{
    int err = oauth_trouble(local->oauth);
    const char *health = "", *trouble = "";
    bool key = true;
    if (err == 0 || oauth_account_count(local->oauth) > 0 || oauth_link_next(local->oauth, NULL)) {
        return false;
    }
    if (local->sources.store) {
        local->sources.store(local->sources.user, &health, &trouble, &key);
    }
    control_answer_error(x, err, trouble);
    return true;
}

void local_links(struct http_exchange *x, void *context)
{
    struct local *local = context;
    if (answered_unknown(local, x)) {
        return;
    }
    struct str body = STR_INIT;
    struct json_out j;
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_member_array(&j, "links");
    for (struct oauth_link *link = oauth_link_next(local->oauth, NULL); link;
         link = oauth_link_next(local->oauth, link)) {
        put_link(&j, local, link);
    }
    json_end_array(&j);
    traces_put_attempts(&j, local->oauth);
    json_end_object(&j);
    control_answer_json(x, &body);
}

/* An exchange that waits for a commit. */
static void committed(void *user, int result)
{
    struct http_exchange *x = user;
    if (result == 0) {
        control_answer_empty(x);
    } else {
        control_answer_error(x, result,
                             result == ERR_EXISTS      ? "there is an account of this name already"
                             : result == ERR_NOT_FOUND ? "there is no account of this name"
                                                       : NULL);
    }
}

void local_unlink(struct http_exchange *x, void *context)
{
    struct local *local = context;
    struct json *body = control_body(x);
    if (!body) {
        return;
    }
    const char *id = json_get_text(body, "link");
    struct oauth_link *link = id ? oauth_link_find(local->oauth, id) : NULL;
    if (!id) {
        control_answer_error(x, ERR_INVALID, "\"link\" is needed: the id of a link");
    } else if (!link) {
        control_answer_error(x, ERR_NOT_FOUND, "there is no link of this id; `lightbridge links` lists them");
    } else if (!oauth_link_alive(link)) {
        control_answer_error(x, ERR_ENDED, "this link has ended already");
    } else {
        oauth_link_end(local->oauth, link, "ended on the bridge", committed, x);
    }
    json_free(body);
}

/* ---- accounts ---- */

void local_accounts(struct http_exchange *x, void *context)
{
    struct local *local = context;
    if (answered_unknown(local, x)) {
        return;
    }
    struct str body = STR_INIT;
    struct json_out j;
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_member_array(&j, "accounts");
    for (size_t i = 0; i < oauth_account_count(local->oauth); i++) {
        int64_t created = 0;
        json_begin_object(&j);
        json_member_text(&j, "name", oauth_account_at(local->oauth, i, &created));
        json_member_int(&j, "created_at", created);
        json_end_object(&j);
    }
    json_end_array(&j);
    json_end_object(&j);
    control_answer_json(x, &body);
}

void local_account_change(struct http_exchange *x, void *context)
{
    struct local *local = context;
    struct json *body = control_body(x);
    struct str why = STR_INIT;
    if (!body) {
        return;
    }
    const char *action = json_get_text(body, "action");
    const char *name = json_get_text(body, "name");
    const char *password = json_get_text(body, "password");
    int err = 0;
    if (!action || !name) {
        err = ERR_INVALID;
        str_add_z(&why, "\"action\" and \"name\" are needed");
    } else if (strcmp(action, "remove") == 0) {
        oauth_account_remove(local->oauth, name, committed, x);
    } else if (strcmp(action, "add") == 0 && password) {
        err = oauth_account_add(local->oauth, name, password, committed, x, &why);
    } else if (strcmp(action, "password") == 0 && password) {
        err = oauth_account_password(local->oauth, name, password, committed, x, &why);
    } else {
        err = ERR_INVALID;
        str_add_z(&why, "right would be \"action\": add or password with a password, or remove");
    }
    if (err != 0) {
        control_answer_error(x, err, str_z(&why));
    }
    str_done(&why);
    json_free(body);
}

/* ---- the rest ---- */

void local_discover(struct http_exchange *x, void *context)
{
    struct local *local = context;
    hub_discover(local->hub);
    if (local->smartthings) {
        smartthings_discover_all(local->smartthings);
    }
    control_answer_empty(x);
}

static void put_driver(void *user, const char *name, bool well, const char *status)
{
    struct json_out *j = user;
    json_begin_object(j);
    json_member_text(j, "name", name);
    json_member_bool(j, "well", well);
    json_member_text(j, "status", status);
    json_end_object(j);
}

void local_status(struct http_exchange *x, void *context)
{
    struct local *local = context;
    struct str body = STR_INIT;
    struct json_out j;
    const char *health = "unknown";
    const char *trouble = "";
    bool key = false;
    int64_t links = 0;
    int64_t lights = 0;
    if (local->sources.store) {
        local->sources.store(local->sources.user, &health, &trouble, &key);
    }
    for (struct oauth_link *l = oauth_link_next(local->oauth, NULL); l; l = oauth_link_next(local->oauth, l)) {
        links += oauth_link_alive(l);
    }
    for (size_t i = 0; i < hub_light_count(local->hub); i++) {
        lights += !is_removed(hub_light_at(local->hub, i));
    }
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_member_text(&j, "version", LIGHTBRIDGE_VERSION);
    json_member_text(&j, "instance", local->sources.instance ? local->sources.instance : "");
    json_member_int(&j, "wall_ms", loop_wall_ms());
    json_member_int(&j, "uptime_s", (int64_t)((loop_now(local->loop) - local->started) / 1000));
    json_member_object(&j, "store");
    json_member_text(&j, "health", health);
    json_member_text(&j, "trouble", trouble);
    json_end_object(&j);
    json_member_bool(&j, "key", key);
    json_member_array(&j, "drivers");
    hub_driver_status(local->hub, put_driver, &j);
    json_end_array(&j);
    json_member_int(&j, "lights", lights);
    json_member_int(&j, "links", links);
    json_end_object(&j);
    control_answer_json(x, &body);
}
