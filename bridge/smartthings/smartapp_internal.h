/* The structs that the SmartApp's files share. Reading order: README.md. */
#ifndef SMARTTHINGS_SMARTAPP_INTERNAL_H
#define SMARTTHINGS_SMARTAPP_INTERNAL_H

#include "base/str.h"
#include "fetch/fetch.h"
#include "hub/hub.h"
#include "loop/loop.h"
#include "oauth/oauth.h"
#include "oauth/trace.h"
#include "smartthings/outbox.h"
#include "smartthings/smartapp.h"
#include "smartthings/smartapp_pace.h"
#include "smartthings/smartapp_signature.h"

#define SMARTAPP_LOG "smartapp"

/* ---- smartapp_app.c: installed apps and their rows ---- */

/* SmartThings' tokens for us. */
struct app_tokens {
    char *access, *refresh; /* NULL: none; refresh NULL: it was refused, an UPDATE must bring another */
    int64_t obtained_ms, expires_ms;
    int64_t started_ms; /* a renewal is under way since; 0 none */
    int attempts;       /* of it */
};
/* What the provider's login brought. */
struct app_login {
    char *link;             /* ours: hex id of the link */
    char *access, *refresh; /* another's */
    int64_t expires_ms;
};
struct app_choice {
    char *location;
    char *lights; /* ids with single spaces between them; NULL: nobody has chosen yet */
};

/* A light as a device at SmartThings. */
struct app_device {
    char *light_id, *id, *label, *profile; /* id NULL: it is not there (yet) */
    struct light *light;                   /* NULL: the hub has none of this id */
    bool refused;                          /* SmartThings would not have it: not again until something changes */
    bool seen;                             /* in the list that was read last */
    struct outbox outbox;                  /* of one light */
    struct pace pace;
};

struct app {
    struct smartapp *sa;
    struct app *next;
    char *id;
    bool ended;
    struct app_tokens tokens;
    struct app_login login;
    struct app_choice choice;
    uint32_t epoch; /* of the tokens: newer ones make what is under way stale */

    struct fetch_call *token_call;
    struct timer *token_timer;
    unsigned token_failures, early;
    bool token_refused; /* known to be dead */
    bool starting;      /* that a renewal begins is on its way to the store */
    bool unsaved;       /* tokens that could not be written: used, and written when that works again */

    struct app_device *devices;
    size_t device_count;
    bool listed;             /* we know which devices SmartThings has of us */
    struct fetch_call *call; /* one at a time */
    struct timer *timer;
    uint64_t not_before; /* backoff of calls that are not events */
    unsigned failures;
    uint32_t at_number; /* of the device that the call is about: the list only grows */

    char *trouble; /* why the last login came to nothing; NULL */
};

struct app *app_find(const struct smartapp *sa, const char *id); /* NULL */
struct app *app_get(struct smartapp *sa, const char *id);        /* makes it; NULL: there are too many */
int apps_load(struct smartapp *sa);
void app_free(struct app *app);
/* Is there a login behind it that still counts? *ret_account (may be NULL): whose, "" unknown. */
bool app_linked(const struct app *app, const char **ret_account);
struct oauth_link *app_link(const struct app *app);                      /* NULL */
struct app_device *app_device_of(struct app *app, const char *light_id); /* NULL */
struct app_device *app_device_add(struct app *app, const char *light_id);
void app_device_forget(struct app *app, struct app_device *device);
bool app_chose(const struct app *app, const char *light_id);

/* Each writes one aspect (taken over), which is the app's when it is durable. `then` (may be NULL) comes exactly once:
   ERR_CANCELLED at shutdown, when app is NULL. */
typedef void app_saved_fn(struct app *app, int result, void *user);
void app_save_tokens(struct app *app, struct app_tokens tokens, app_saved_fn *then, void *user);
void app_save_login(struct app *app, struct app_login login, app_saved_fn *then, void *user);
void app_save_choice(struct app *app, struct app_choice choice, app_saved_fn *then, void *user);
void app_save_device(struct app *app, const struct app_device *device); /* id NULL: deletes the row */
void app_remove(struct app *app, app_saved_fn *then, void *user);       /* UNINSTALL */
struct app_tokens app_tokens_copy(const struct app_tokens *tokens);
void app_tokens_done(struct app_tokens *tokens);
void app_login_done(struct app_login *login);
void app_choice_done(struct app_choice *choice);
void smartapp_saves_end(struct smartapp *sa);

/* A failure, in the log and in the link's trace (without a link: in an attempt of its own). */
void app_failed(struct smartapp *sa, struct app *app, enum trace_step step, enum trace_cause cause,
                const char *expected, const char *got);

/* ---- smartapp_token.c ---- */

/* INSTALL and UPDATE brought tokens; `then` when they are durable. */
void tokens_take(struct app *app, const char *access, const char *refresh, app_saved_fn *then, void *user);
void tokens_resume(struct app *app);
void tokens_renew(struct app *app); /* the access token was refused; once, however often this is called */
bool tokens_usable(const struct app *app);
void tokens_stop(struct app *app);

/* ---- smartapp_devices.c: devices made, changed and deleted; states told ---- */

void devices_sync(struct app *app); /* something changed: look */
void devices_event(struct app *app, const struct hub_event *event);
void devices_turn(struct app *app); /* does what is due, or sets the timer for it */
void devices_commands(struct app *app, const struct smartapp_event *event);
void devices_stop(struct app *app);

/* ---- smartapp_login.c: OAUTH_CALLBACK and the pages ---- */

void login_page(struct smartapp *sa, const struct smartapp_call *call, struct str *body);
/* Answers when the code is redeemed and that is durable. */
void login_callback(struct smartapp *sa, const struct smartapp_call *call, struct http_exchange *exchange);
void logins_end(struct smartapp *sa); /* answers 503 to all that wait */

/* ---- smartapp_keys.c: is it SmartThings that calls? ---- */

struct keys;
/* `done` comes once, now or later. why: for people, valid in the call. */
typedef void keys_done_fn(void *user, enum signature_step step, const char *why);
struct keys *keys_new(struct loop *loop, struct fetch *fetch, const char *key_url, const char *const *hosts);
void keys_free(struct keys *keys); /* those that wait get SIGNATURE_BUSY */
/* text, without_query: what may have been signed (without_query NULL: there was no query). */
void keys_verify(struct keys *keys, const struct signature *signature, const struct str *text,
                 const struct str *without_query, keys_done_fn *done, void *user);

/* ---- smartapp.c ---- */

struct smartapp {
    struct loop *loop;
    struct store *store;
    struct fetch *fetch;
    struct hub *hub;
    struct oauth *oauth;
    struct smartapp_config config;
    struct hub_listener *listener;
    struct keys *keys;
    struct fetch_call *confirmation;
    struct app *apps;
    size_t app_count;
    struct app_save *saves;
    struct call_job *jobs;
    struct login_job *logins;
    struct order_job *orders;
};

void smartapp_answer(struct http_exchange *exchange, struct str *body);
void smartapp_answer_empty(struct http_exchange *exchange, enum smartapp_lifecycle lifecycle);
void smartapp_answer_unwell(struct http_exchange *exchange, const char *why);
/* Wall milliseconds from now on that an answer asks us to wait: Retry-After, or SmartThings' X-RateLimit-Reset, which
   is in seconds (facts 2.7). */
uint64_t smartapp_asked_delay(const struct fetch_result *result);
void orders_end(struct smartapp *sa); /* smartapp_devices.c: commands under way */

#endif
