/* Installed apps, as they are in the store and in memory. An aspect is written alone, so that two writes under way
   never undo each other. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "smartthings/smartapp_internal.h"
#include "smartthings/smartthings.h"
#include "store/store.h"

#define APPS_MAX 100u /* SmartThings' limit of installs in a location is as much (facts 2.7) */

/* ---- values ---- */

static void free_secret(char *text)
{
    if (text) {
        secrets_wipe(text, strlen(text));
        free(text);
    }
}

void app_tokens_done(struct app_tokens *tokens)
{
    free_secret(tokens->access);
    free_secret(tokens->refresh);
    *tokens = (struct app_tokens){0};
}

struct app_tokens app_tokens_copy(const struct app_tokens *tokens)
{
    struct app_tokens copy = *tokens;
    copy.access = mem_text(tokens->access);
    copy.refresh = mem_text(tokens->refresh);
    return copy;
}

void app_login_done(struct app_login *login)
{
    free(login->link);
    free_secret(login->access);
    free_secret(login->refresh);
    *login = (struct app_login){0};
}

void app_choice_done(struct app_choice *choice)
{
    free(choice->location);
    free(choice->lights);
    *choice = (struct app_choice){0};
}

/* ---- apps ---- */

struct app *app_find(const struct smartapp *sa, const char *id)
{
    for (struct app *app = sa->apps; app; app = app->next) {
        if (!app->ended && strcmp(app->id, id) == 0) {
            return app;
        }
    }
    return NULL;
}

struct app *app_get(struct smartapp *sa, const char *id)
{
    struct app *app = app_find(sa, id);
    if (app || sa->app_count >= APPS_MAX) {
        return app;
    }
    app = mem_alloc(sizeof *app);
    app->sa = sa;
    app->id = mem_text(id);
    app->next = sa->apps;
    sa->apps = app;
    sa->app_count++;
    return app;
}

static void device_done(struct app_device *device)
{
    free(device->light_id);
    free(device->id);
    free(device->label);
    free(device->profile);
    outbox_done(&device->outbox);
}

void app_free(struct app *app)
{
    tokens_stop(app);
    devices_stop(app);
    for (size_t i = 0; i < app->device_count; i++) {
        device_done(&app->devices[i]);
    }
    free(app->devices);
    app_tokens_done(&app->tokens);
    app_login_done(&app->login);
    app_choice_done(&app->choice);
    free(app->trouble);
    free(app->id);
    free(app);
}

struct oauth_link *app_link(const struct app *app)
{
    return app->login.link ? oauth_link_find(app->sa->oauth, app->login.link) : NULL;
}

bool app_linked(const struct app *app, const char **ret_account)
{
    struct oauth_link *link = app_link(app);
    struct oauth_link_info info;
    const char *account = "";
    bool linked =
        provider_is_ours(&app->sa->config.provider) ? link && oauth_link_alive(link) : app->login.access != NULL;
    if (linked && link) {
        oauth_link_info(link, &info);
        account = info.account;
    }
    if (ret_account) {
        *ret_account = account;
    }
    return linked;
}

bool app_chose(const struct app *app, const char *light_id)
{
    size_t len = strlen(light_id);
    for (const char *at = app->choice.lights; at && *at; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");
        if (word == len && strncmp(at, light_id, len) == 0) {
            return true;
        }
        at += word;
    }
    return false;
}

struct app_device *app_device_of(struct app *app, const char *light_id)
{
    for (size_t i = 0; i < app->device_count; i++) {
        if (strcmp(app->devices[i].light_id, light_id) == 0) {
            return &app->devices[i];
        }
    }
    return NULL;
}

struct app_device *app_device_add(struct app *app, const char *light_id)
{
    app->devices = mem_grow(app->devices, app->device_count + 1, sizeof app->devices[0]);
    struct app_device *device = &app->devices[app->device_count++];
    *device = (struct app_device){.light_id = mem_text(light_id), .light = hub_light_find(app->sa->hub, light_id)};
    outbox_init(&device->outbox, SMARTTHINGS_WINDOW_MS);
    outbox_grow(&device->outbox, 1);
    return device;
}

void app_device_forget(struct app *app, struct app_device *device)
{
    free(device->id);
    device->id = NULL;
    app_save_device(app, device);
    outbox_done(&device->outbox);
    outbox_init(&device->outbox, SMARTTHINGS_WINDOW_MS);
    outbox_grow(&device->outbox, 1);
}

void app_failed(struct smartapp *sa, struct app *app, enum trace_step step, enum trace_cause cause,
                const char *expected, const char *got)
{
    struct oauth_link *link = app ? app_link(app) : NULL;
    const struct trace_note note = {step, TRACE_REFUSED, cause, expected, got};
    /* the trace logs what is new of strangers; of ours each is worth a line */
    (app ? log_warn : log_debug)(SMARTAPP_LOG, "%s%s%s%s%s", app ? app->id : "", app ? ": " : "",
                                 trace_cause_row(cause)->code, got && *got ? ": " : "", got ? got : "");
    if (link) {
        oauth_trace_link(sa->oauth, link, &note);
    } else {
        oauth_trace_begin(sa->oauth, &(struct trace_origin){0}, &note);
    }
}

/* ---- writing ---- */

enum aspect { ASPECT_TOKENS, ASPECT_LOGIN, ASPECT_CHOICE, ASPECT_END };

struct app_save {
    struct smartapp *sa; /* NULL: it is gone */
    struct app *app;
    enum aspect aspect;
    struct app_tokens tokens;
    struct app_login login;
    struct app_choice choice;
    app_saved_fn *then;
    void *user;
    struct app_save *next, **at;
};

static void become(struct app *app, struct app_save *save)
{
    switch (save->aspect) {
    case ASPECT_TOKENS:
        app_tokens_done(&app->tokens);
        app->tokens = save->tokens;
        save->tokens = (struct app_tokens){0};
        break;
    case ASPECT_LOGIN:
        app_login_done(&app->login);
        app->login = save->login;
        save->login = (struct app_login){0};
        break;
    case ASPECT_CHOICE:
        app_choice_done(&app->choice);
        app->choice = save->choice;
        save->choice = (struct app_choice){0};
        break;
    default:
        break;
    }
}

static void saved(void *user, int result)
{
    struct app_save *save = user;
    struct app *app = save->sa ? save->app : NULL;
    if (app) {
        *save->at = save->next;
        if (save->next) {
            save->next->at = save->at;
        }
        if (result == 0) {
            become(app, save);
        }
    }
    if (save->then) {
        save->then(app, app ? result : ERR_CANCELLED, save->user);
    }
    app_tokens_done(&save->tokens);
    app_login_done(&save->login);
    app_choice_done(&save->choice);
    free(save);
}

static struct app_save *begin(struct app *app, enum aspect aspect, app_saved_fn *then, void *user)
{
    struct smartapp *sa = app->sa;
    struct app_save *save = mem_alloc(sizeof *save);
    *save = (struct app_save){
        .sa = sa, .app = app, .aspect = aspect, .then = then, .user = user, .next = sa->saves, .at = &sa->saves};
    if (sa->saves) {
        sa->saves->at = &save->next;
    }
    sa->saves = save;
    return save;
}

static struct store_batch *row_of(const struct app *app)
{
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "INSERT OR IGNORE INTO smartapps (id) VALUES (?1)", "t", app->id);
    return batch;
}

void app_save_tokens(struct app *app, struct app_tokens tokens, app_saved_fn *then, void *user)
{
    struct app_save *save = begin(app, ASPECT_TOKENS, then, user);
    struct store_batch *batch = row_of(app);
    store_batch_add(batch,
                    "UPDATE smartapps SET access_token = ?2, refresh_token = ?3, obtained_at = ?4, expires_at = ?5, "
                    "refresh_started_at = ?6, refresh_attempts = ?7 WHERE id = ?1",
                    "tttiiii", app->id, tokens.access, tokens.refresh, tokens.obtained_ms, tokens.expires_ms,
                    tokens.started_ms, (int64_t)tokens.attempts);
    save->tokens = tokens;
    store_submit(app->sa->store, batch, saved, save);
}

void app_save_login(struct app *app, struct app_login login, app_saved_fn *then, void *user)
{
    struct app_save *save = begin(app, ASPECT_LOGIN, then, user);
    struct store_batch *batch = row_of(app);
    store_batch_add(batch,
                    "UPDATE smartapps SET link_id = ?2, provider_access = ?3, provider_refresh = ?4, "
                    "provider_expires_at = ?5 WHERE id = ?1",
                    "tttti", app->id, login.link, login.access, login.refresh, login.expires_ms);
    save->login = login;
    store_submit(app->sa->store, batch, saved, save);
}

void app_save_choice(struct app *app, struct app_choice choice, app_saved_fn *then, void *user)
{
    struct app_save *save = begin(app, ASPECT_CHOICE, then, user);
    struct store_batch *batch = row_of(app);
    store_batch_add(batch, "UPDATE smartapps SET location = ?2, lights = ?3 WHERE id = ?1", "ttt", app->id,
                    choice.location, choice.lights);
    save->choice = choice;
    store_submit(app->sa->store, batch, saved, save);
}

/* A write that fails is made good by the list of devices that is read at the next start. */
void app_save_device(struct app *app, const struct app_device *device)
{
    struct store_batch *batch = row_of(app);
    if (device->id) {
        store_batch_add(batch,
                        "INSERT OR REPLACE INTO smartapp_devices (app, light, device, label, profile) "
                        "VALUES (?1, ?2, ?3, ?4, ?5)",
                        "ttttt", app->id, device->light_id, device->id, device->label ? device->label : "",
                        device->profile ? device->profile : "");
    } else {
        store_batch_add(batch, "DELETE FROM smartapp_devices WHERE app = ?1 AND light = ?2", "tt", app->id,
                        device->light_id);
    }
    store_submit(app->sa->store, batch, NULL, NULL);
}

void app_remove(struct app *app, app_saved_fn *then, void *user)
{
    struct app_save *save = begin(app, ASPECT_END, then, user);
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "DELETE FROM smartapps WHERE id = ?1", "t", app->id);
    app->ended = true;
    app->epoch++;
    app->sa->app_count--;
    tokens_stop(app);
    devices_stop(app);
    store_submit(app->sa->store, batch, saved, save);
}

void smartapp_saves_end(struct smartapp *sa)
{
    for (struct app_save *save = sa->saves; save; save = save->next) {
        save->sa = NULL;
    }
    sa->saves = NULL;
}

/* ---- loading ---- */

static int load_app(void *user, const struct store_row *row)
{
    struct smartapp *sa = user;
    const char *id = store_row_text(row, 0);
    struct app *app = id ? app_get(sa, id) : NULL;
    if (!app) {
        return 0;
    }
    app->tokens = (struct app_tokens){.access = mem_text(store_row_text(row, 1)),
                                      .refresh = mem_text(store_row_text(row, 2)),
                                      .obtained_ms = store_row_int(row, 3),
                                      .expires_ms = store_row_int(row, 4),
                                      .started_ms = store_row_int(row, 5),
                                      .attempts = (int)store_row_int(row, 6)};
    app->login = (struct app_login){.link = mem_text(store_row_text(row, 7)),
                                    .access = mem_text(store_row_text(row, 8)),
                                    .refresh = mem_text(store_row_text(row, 9)),
                                    .expires_ms = store_row_int(row, 10)};
    app->choice =
        (struct app_choice){.location = mem_text(store_row_text(row, 11)), .lights = mem_text(store_row_text(row, 12))};
    return 0;
}

static int load_device(void *user, const struct store_row *row)
{
    struct smartapp *sa = user;
    const char *id = store_row_text(row, 0), *light = store_row_text(row, 1);
    struct app *app = id ? app_find(sa, id) : NULL;
    if (app && light) {
        struct app_device *device = app_device_add(app, light);
        device->id = mem_text(store_row_text(row, 2));
        device->label = mem_text(store_row_text(row, 3));
        device->profile = mem_text(store_row_text(row, 4));
    }
    return 0;
}

int apps_load(struct smartapp *sa)
{
    int err = store_read(sa->store,
                         "SELECT id, access_token, refresh_token, obtained_at, expires_at, refresh_started_at, "
                         "refresh_attempts, link_id, provider_access, provider_refresh, provider_expires_at, location, "
                         "lights FROM smartapps",
                         load_app, sa, "");
    return err != 0 ? err
                    : store_read(sa->store, "SELECT app, light, device, label, profile FROM smartapp_devices",
                                 load_device, sa, "");
}
