/* The other way in: SmartThings as a webhook SmartApp sees it (facts 2). It signs its calls, hands out its key, keeps
   devices, and waits for their states. One act is a whole round: page, login, callback, install, devices, command,
   uninstall. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "fetch/signer.h"
#include "rehearsal/internal.h"

#define TARGET "/smartthings/smartapp"
#define KEY_PATH "/pl/rehearsal/1"
#define JSON_TYPE "application/json"
#define DOCUMENT_MAX (256u * 1024)
#define DEVICES_MAX 200u

struct app_device {
    char id[REQUEST_ID_SIZE];
    char *external_id;
    bool told, on; /* its switch was told, and is on */
};

struct smartapp {
    struct rehearsal *r;
    struct signer *signer;
    struct str key_id; /* another for each run: the bridge keeps keys for a day */
    char app[REQUEST_ID_SIZE], location[REQUEST_ID_SIZE];
    struct app_device *devices;
    size_t count, wanted;
    unsigned calls; /* so that no two are alike */
    bool wants_on;
    void (*waiting)(struct rehearsal *r); /* looked at whenever something was told */
    struct timer *patience;
};

/* ---- signed calls ---- */

static void http_date(char *text, size_t size)
{
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    (void)strftime(text, size, "%a, %d %b %Y %H:%M:%S UTC", &tm); /* as SmartThings writes it */
}

static void add_base64(struct str *s, const void *bytes, size_t len)
{
    size_t from = s->len;
    secrets_base64url(s, bytes, len);
    for (size_t i = from; i < s->len; i++) {
        s->data[i] = s->data[i] == '-' ? '+' : s->data[i] == '_' ? '/' : s->data[i];
    }
    while ((s->len - from) % 4 != 0) {
        str_add_char(s, '=');
    }
}

static void sign(struct smartapp *a, const struct str *body, struct str *digest, const char *date, struct str *ret)
{
    uint8_t hash[SECRETS_SHA256_SIZE], signature[512];
    struct str text = STR_INIT;
    size_t len = 0;
    secrets_sha256(hash, body->data, body->len);
    str_add_z(digest, "SHA256=");
    add_base64(digest, hash, sizeof hash);
    str_printf(&text, "(request-target): post " TARGET "\ndigest: %s\ndate: %s", str_z(digest), date);
    if (signer_sign(a->signer, text.data, text.len, signature, sizeof signature, &len) == 0) {
        str_printf(ret,
                   "Signature keyId=\"%s\",headers=\"(request-target) digest date\",algorithm=\"rsa-sha256\","
                   "signature=\"",
                   str_z(&a->key_id));
        add_base64(ret, signature, len);
        str_add_char(ret, '"');
    }
    str_done(&text);
}

/* `data`: the members of the lifecycle's payload. */
static void call(struct rehearsal *r, const char *lifecycle, const char *payload, const struct str *data,
                 fetch_done_fn *done)
{
    struct smartapp *a = r->smartapp;
    struct str body = STR_INIT, digest = STR_INIT, authorization = STR_INIT;
    char date[40];
    str_printf(&body,
               "{\"lifecycle\":\"%s\",\"executionId\":\"%s-%u\",\"locale\":\"en\",\"version\":\"1.0.0\",\"%s\":{%s}}",
               lifecycle, a->app, ++a->calls, payload, str_z(data));
    http_date(date, sizeof date);
    sign(a, &body, &digest, date, &authorization);
    ask_bridge(r,
               &(struct asked){.method = "POST",
                               .path = TARGET,
                               .type = JSON_TYPE,
                               .authorization = str_z(&authorization),
                               .digest = str_z(&digest),
                               .date = date,
                               .body = &body},
               done);
    str_done(&body);
    str_done(&digest);
    str_done(&authorization);
}

/* The answer's document; NULL: the step has failed. */
static struct json *answer_of(struct rehearsal *r, const struct fetch_result *result, const char *member)
{
    struct json *root = NULL;
    r->call = NULL;
    if (result->result != 0) {
        step_fail(r, "no answer: %s", result->why);
    } else if (result->status != 200 || json_parse(result->body, result->body_len, DOCUMENT_MAX, &root, NULL) != 0) {
        step_fail(r, "status %d: %.200s", result->status, result->body);
    } else if (!json_is_object(json_get(root, member))) {
        step_fail(r, "the answer has no %s", member);
        json_free(root);
        root = NULL;
    }
    return root;
}

static void add_text(struct str *s, const char *text)
{
    struct json_out j;
    json_out_init(&j, s);
    json_put_text(&j, text);
}

/* ---- waiting for what the bridge does by itself ---- */

static void out_of_patience(void *user)
{
    struct rehearsal *r = user;
    r->smartapp->waiting = NULL;
    step_fail(r, "%zu of %zu devices are there and told, the command %s", r->smartapp->count, r->smartapp->wanted,
              "did not show");
}

static void wait_until(struct rehearsal *r, void (*look)(struct rehearsal *r))
{
    struct smartapp *a = r->smartapp;
    if (!a->patience) {
        a->patience = timer_new(r->loop, out_of_patience, r);
    }
    timer_start(a->patience, PATIENCE_MS);
    a->waiting = look;
    look(r);
}

static void waited(struct smartapp *a)
{
    a->waiting = NULL;
    timer_stop(a->patience);
}

/* ---- the round, from its end to its beginning ---- */

static void uninstalled(void *user, const struct fetch_result *result)
{
    struct rehearsal *r = user;
    struct json *root = answer_of(r, result, "uninstallData");
    if (root) {
        json_free(root);
        step_pass(r, "the bridge took it");
        act_end(r, 0);
    }
}

static void put_installed_app(struct smartapp *a, struct str *data)
{
    str_printf(data,
               "\"installedApp\":{\"installedAppId\":\"%s\",\"locationId\":\"%s\",\"permissions\":[],\"config\":{}}",
               a->app, a->location);
}

static void uninstall(struct rehearsal *r)
{
    struct str data = STR_INIT;
    put_installed_app(r->smartapp, &data);
    step_begin(r, "app-end", "uninstallData", "UNINSTALL");
    call(r, "UNINSTALL", "uninstallData", &data, uninstalled);
    str_done(&data);
}

static void look_at_command(struct rehearsal *r)
{
    struct smartapp *a = r->smartapp;
    if (a->devices[0].on == a->wants_on) {
        waited(a);
        step_pass(r, "the lamp is %s, and the bridge told it", a->wants_on ? "on" : "off");
        uninstall(r);
    }
}

static void commanded(void *user, const struct fetch_result *result)
{
    struct rehearsal *r = user;
    struct json *root = answer_of(r, result, "eventData");
    if (root) {
        json_free(root);
        wait_until(r, look_at_command);
    }
}

static void command(struct rehearsal *r)
{
    struct smartapp *a = r->smartapp;
    struct str data = STR_INIT;
    a->wants_on = !a->devices[0].on;
    put_installed_app(a, &data);
    str_printf(
        &data,
        ",\"authToken\":\"short\",\"events\":[{\"eventType\":\"DEVICE_COMMANDS_EVENT\",\"deviceCommandsEvent\":{"
        "\"eventId\":\"e\",\"deviceId\":\"%s\",\"commands\":[{\"componentId\":\"main\",\"capability\":\"switch\","
        "\"command\":\"%s\",\"arguments\":[]}]}}]",
        a->devices[0].id, a->wants_on ? "on" : "off");
    step_begin(r, "app-command", "eventData, and then the state", "switch %s", a->wants_on ? "on" : "off");
    call(r, "EVENT", "eventData", &data, commanded);
    str_done(&data);
}

static void look_at_devices(struct rehearsal *r)
{
    struct smartapp *a = r->smartapp;
    size_t told = 0;
    for (size_t i = 0; i < a->count; i++) {
        told += a->devices[i].told;
    }
    if (a->wanted > 0 && told == a->wanted) {
        waited(a);
        step_pass(r, "%zu devices, each with its state", told);
        command(r);
    }
}

static void installed(void *user, const struct fetch_result *result)
{
    struct rehearsal *r = user;
    struct json *root = answer_of(r, result, "installData");
    if (root) {
        json_free(root);
        step_pass(r, "the bridge took it");
        step_begin(r, "app-devices", "a device for each lamp, and its state", "%zu lamps", r->smartapp->wanted);
        wait_until(r, look_at_devices);
    }
}

/* Chooses all that the page offers. */
static size_t choose(struct str *data, const struct json *page)
{
    size_t count = 0;
    for (const struct json *section = json_first(json_get(page, "sections")); section; section = json_next(section)) {
        for (const struct json *s = json_first(json_get(section, "settings")); s; s = json_next(s)) {
            for (const struct json *o = json_first(json_get(s, "options")); o && count < DEVICES_MAX;
                 o = json_next(o)) {
                const char *id = json_get_text(o, "id");
                str_printf(data, "%s{\"valueType\":\"STRING\",\"stringConfig\":{\"value\":", count > 0 ? "," : "");
                add_text(data, id ? id : "");
                str_add_z(data, "}}");
                count += id != NULL;
            }
        }
    }
    return count;
}

static void install(struct rehearsal *r, const struct json *page)
{
    struct smartapp *a = r->smartapp;
    struct str data = STR_INIT;
    str_printf(&data,
               "\"authToken\":\"%s\",\"refreshToken\":\"%s\",\"installedApp\":{\"installedAppId\":\"%s\","
               "\"locationId\":\"%s\",\"permissions\":[],\"config\":{\"lights\":[",
               a->location, a->app, a->app, a->location);
    a->wanted = choose(&data, page);
    str_add_z(&data, "]}}");
    if (a->wanted == 0) {
        step_fail(r, "the page offers no lamp to choose");
    } else {
        step_pass(r, "%zu lamps to choose from", a->wanted);
        step_begin(r, "app-install", "installData", "INSTALL with %zu lamps", a->wanted);
        call(r, "INSTALL", "installData", &data, installed);
    }
    str_done(&data);
}

static void ask_page(struct rehearsal *r, const char *name, const char *expected, fetch_done_fn *done)
{
    struct str data = STR_INIT;
    str_printf(
        &data,
        "\"installedAppId\":\"%s\",\"phase\":\"PAGE\",\"pageId\":\"login\",\"previousPageId\":\"\",\"config\":{}",
        r->smartapp->app);
    step_begin(r, name, expected, "CONFIGURATION, phase PAGE");
    call(r, "CONFIGURATION", "configurationData", &data, done);
    str_done(&data);
}

static void chosen_from(void *user, const struct fetch_result *result)
{
    struct rehearsal *r = user;
    struct json *root = answer_of(r, result, "configurationData");
    const struct json *page = json_get(json_get(root, "configurationData"), "page");
    if (root && !json_is_true(json_get(page, "complete"))) {
        step_fail(r, "the page is not complete: the login came to nothing");
    } else if (root) {
        install(r, page);
    }
    json_free(root);
}

static void brought(void *user, const struct fetch_result *result)
{
    struct rehearsal *r = user;
    struct json *root = answer_of(r, result, "oAuthCallbackData");
    if (root) {
        json_free(root);
        step_pass(r, "the bridge took it");
        ask_page(r, "app-choice", "a page that is complete, with lamps to choose from", chosen_from);
    }
}

static void bring_code(struct rehearsal *r)
{
    struct str data = STR_INIT, path = STR_INIT;
    str_add_z(&path, "?code=");
    url_encode(&path, r->code.data, r->code.len);
    str_printf(&path, "&state=%s", str_z(&r->state));
    str_printf(&data, "\"installedAppId\":\"%s\",\"urlPath\":", r->smartapp->app);
    add_text(&data, str_z(&path));
    step_begin(r, "app-callback", "oAuthCallbackData, when the code is redeemed", "OAUTH_CALLBACK");
    call(r, "OAUTH_CALLBACK", "oAuthCallbackData", &data, brought);
    secrets_wipe(path.data, path.len);
    str_done(&path);
    str_done(&data);
}

static const char *login_of(const struct json *page)
{
    for (const struct json *section = json_first(json_get(page, "sections")); section; section = json_next(section)) {
        for (const struct json *s = json_first(json_get(section, "settings")); s; s = json_next(s)) {
            const char *type = json_get_text(s, "type");
            if (type && strcmp(type, "OAUTH") == 0) {
                return json_get_text(s, "urlTemplate");
            }
        }
    }
    return NULL;
}

static void login_page(void *user, const struct fetch_result *result)
{
    struct rehearsal *r = user;
    struct json *root = answer_of(r, result, "configurationData");
    const char *url = login_of(json_get(json_get(root, "configurationData"), "page"));
    size_t len = strlen(r->config.url);
    if (root && (!url || strncmp(url, r->config.url, len) != 0 || !strchr(url, '?'))) {
        step_fail(r, "no OAUTH setting whose urlTemplate is at the bridge: %s", url ? url : "none");
    } else if (root) {
        step_pass(r, "a login at the bridge");
        browser_go(r, url + len, bring_code);
    }
    json_free(root);
}

int rehearsal_smartapp(struct rehearsal *r, rehearsal_done_fn *done, void *user)
{
    int err = act_begin(r, done, user);
    if (err == 0) {
        smartapp_close(r);
        err = smartapp_open(r);
        if (err != 0) {
            act_end(r, err);
            return 0;
        }
        ask_page(r, "app-page", "a page with an OAUTH setting", login_page);
    }
    return err;
}

/* ---- what the bridge asks ---- */

static struct app_device *device_of(struct smartapp *a, const char *id, size_t len)
{
    for (size_t i = 0; i < a->count; i++) {
        if (strlen(a->devices[i].id) == len && strncmp(a->devices[i].id, id, len) == 0) {
            return &a->devices[i];
        }
    }
    return NULL;
}

static void put_device(struct smartapp *a, struct str *s, const struct app_device *d)
{
    str_printf(s, "{\"deviceId\":\"%s\",\"label\":\"\",\"app\":{\"installedAppId\":\"%s\",\"externalId\":", d->id,
               a->app);
    add_text(s, d->external_id);
    str_add_z(s, "}}");
}

static void make_device(struct smartapp *a, const struct json *root, struct smartapp_reply *reply)
{
    const struct json *app = json_get(root, "app");
    const char *external_id = json_get_text(app, "externalId"), *owner = json_get_text(app, "installedAppId");
    if (!external_id || strlen(external_id) > 64 || !owner || strcmp(owner, a->app) != 0 ||
        !json_get_text(app, "profileId") || !json_get_text(root, "label") || a->count == DEVICES_MAX) {
        reply->status = 422;
        str_add_z(&reply->said, "label, app.profileId, app.externalId and our installedAppId must be there");
        return;
    }
    a->devices = mem_grow(a->devices, a->count + 1, sizeof a->devices[0]);
    struct app_device *d = &a->devices[a->count++];
    *d = (struct app_device){.external_id = mem_text(external_id)};
    new_uuid(d->id);
    put_device(a, &reply->body, d);
    str_printf(&reply->said, "%s is a device now", external_id);
}

static void take_events(struct app_device *d, const struct json *root, struct smartapp_reply *reply)
{
    const struct json *events = json_get(root, "deviceEvents");
    if (!json_is_array(events) || json_count(events) == 0 || json_count(events) > 50) {
        reply->status = 422;
        str_add_z(&reply->said, "deviceEvents is no list of 1 to 50");
        return;
    }
    for (const struct json *e = json_first(events); e; e = json_next(e)) {
        const char *attribute = json_get_text(e, "attribute"), *value = json_get_text(e, "value");
        if (!json_get_text(e, "component") || !json_get_text(e, "capability") || !attribute || !json_get(e, "value")) {
            reply->status = 422;
            str_add_z(&reply->said, "an event lacks component, capability, attribute or value");
            return;
        }
        if (strcmp(attribute, "switch") == 0) {
            d->on = value && strcmp(value, "on") == 0;
            d->told = true;
            str_printf(&reply->said, "%s: %s", d->external_id, d->on ? "on" : "off");
        }
    }
}

void smartapp_take(struct rehearsal *r, const char *method, const char *path, const char *body, size_t len,
                   struct smartapp_reply *reply)
{
    struct smartapp *a = r->smartapp;
    struct json *root = NULL;
    const char *id = strncmp(path, "/devices/", 9) == 0 ? path + 9 : "";
    size_t id_len = strcspn(id, "/");
    struct app_device *d = a ? device_of(a, id, id_len) : NULL;
    reply->status = 200;
    if (!a || (len > 0 && json_parse(body, len, DOCUMENT_MAX, &root, NULL) != 0) || (*id && !d)) {
        reply->status = !a || *id ? 404 : 400;
        str_add_z(&reply->said, "no such device, or no JSON");
    } else if (strcmp(method, "GET") == 0) {
        str_add_z(&reply->body, "{\"items\":[");
        for (size_t i = 0; i < a->count; i++) {
            str_add_z(&reply->body, i > 0 ? "," : "");
            put_device(a, &reply->body, &a->devices[i]);
        }
        str_add_z(&reply->body, "]}");
    } else if (strcmp(method, "POST") == 0 && !d) {
        make_device(a, root, reply);
    } else if (strcmp(method, "POST") == 0 && strcmp(id + id_len, "/events") == 0) {
        take_events(d, root, reply);
    }
    if (reply->body.len == 0) {
        str_add_z(&reply->body, "{}");
    }
    json_free(root);
}

void smartapp_told(struct rehearsal *r)
{
    if (r->smartapp && r->smartapp->waiting) {
        r->smartapp->waiting(r);
    }
}

const char *smartapp_token(const struct rehearsal *r)
{
    return r->smartapp ? r->smartapp->location : "";
}

const char *smartapp_key(const struct rehearsal *r, const char *path)
{
    return r->smartapp && strcmp(path, str_z(&r->smartapp->key_id)) == 0 ? signer_certificate(r->smartapp->signer)
                                                                         : NULL;
}

/* ---- beginning and end ---- */

int smartapp_open(struct rehearsal *r)
{
    struct smartapp *a = mem_alloc(sizeof *a);
    r->smartapp = a;
    a->r = r;
    new_uuid(a->app);
    new_uuid(a->location);
    str_printf(&a->key_id, KEY_PATH "/%s", a->app);
    return signer_new(&a->signer);
}

void smartapp_close(struct rehearsal *r)
{
    struct smartapp *a = r->smartapp;
    if (!a) {
        return;
    }
    for (size_t i = 0; i < a->count; i++) {
        free(a->devices[i].external_id);
    }
    free(a->devices);
    timer_free(a->patience);
    signer_free(a->signer);
    str_done(&a->key_id);
    free(a);
    r->smartapp = NULL;
}
