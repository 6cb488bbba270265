/* The structs that the files of this room share. Reading order: README.md. */
#ifndef SMARTTHINGS_INTERNAL_H
#define SMARTTHINGS_INTERNAL_H

#include "base/str.h"
#include "fetch/fetch.h"
#include "hub/hub.h"
#include "loop/loop.h"
#include "oauth/oauth.h"
#include "oauth/trace.h"
#include "smartthings/device.h"
#include "smartthings/outbox.h"
#include "smartthings/schema_parse.h"
#include "smartthings/smartthings.h"

#define LOG "smartthings"
#define REQUEST_ID_SIZE 37 /* a UUID with its NUL */

/* ---- lamps.c: the hub's lights by number, with what discovery says of them ---- */

struct lamp {
    struct light *light;
    struct str description;    /* device_describe; empty: not exposed, or not made yet */
    bool described, announced; /* announced: its coming has been told to the links */
    uint32_t mark;             /* of the request that named it last: finds duplicates */
};
struct lamps {
    struct hub *hub;
    struct lamp *list; /* in the hub's order */
    size_t count, cap;
    uint32_t *slots; /* hash of light pointers: number + 1 */
    size_t slot_count;
    uint32_t mark;
};
void lamps_init(struct lamps *lamps, struct hub *hub);
void lamps_done(struct lamps *lamps);
void lamps_sync(struct lamps *lamps);                                      /* takes in lights that are new */
uint32_t lamps_number(struct lamps *lamps, const struct light *light);     /* UINT32_MAX: unknown to the hub */
const struct str *lamps_description(struct lamps *lamps, uint32_t number); /* empty: not to be listed */
void lamps_changed(struct lamps *lamps, uint32_t number);                  /* describe it anew */
/* How a light is now, for outbox_collect; user is the struct smartthings. */
void lamps_look(void *user, uint32_t number, struct outbox_view *ret_view);
/* `state` of the light as Schema says it, with its health. */
void lamps_view(const struct light_info *info, const struct light_state *state, struct outbox_view *ret_view);

/* ---- link.c: the callback side of a link, as it is in the store ---- */

struct callback_row {
    enum smartthings_callback state;
    char *token_url, *callback_url, *client_id, *code, *access, *refresh, *details;
    int64_t expires_ms, obtained_ms, started_ms; /* started: a token request is under way since; 0 none */
    int attempts;                                /* of it */
};

/* What was answered last to an interaction of a type. */
struct answered {
    int64_t at_ms; /* wall; 0 never */
    size_t devices, bytes;
    char request_id[REQUEST_ID_SIZE];
};

struct link {
    struct smartthings *st;
    struct link *next;
    struct oauth_link *oauth;
    uint8_t id[OAUTH_LINK_ID_SIZE];
    char name[OAUTH_LINK_ID_SIZE * 2 + 1];
    bool ended;
    char *rehearsal;         /* origin of smartthings_rehearse, else NULL */
    struct callback_row row; /* as durable, except after a failed save of tokens (unsaved) */
    bool saving;             /* a row is on its way to the store */
    bool unsaved;            /* tokens that could not be written: used, and written when that works again */
    uint32_t epoch;          /* a grant or an end makes what is under way stale */

    struct fetch_call *token_call;
    struct timer *token_timer; /* next refresh, or retry */
    unsigned token_failures;
    char token_request_id[REQUEST_ID_SIZE];
    unsigned early;     /* renewals in a row of tokens that were refused before their time */
    uint64_t renew_at;  /* when a token that was refused is renewed, of the loop's clock */
    bool token_refused; /* the access token is known to be dead: no POST until there is another */

    struct outbox outbox;
    struct fetch_call *post;
    struct timer *post_timer;
    uint64_t post_at; /* when it is set to go off */
    unsigned post_failures;
    char post_request_id[REQUEST_ID_SIZE]; /* kept over a retry */
    char post_token_tag[9];                /* prefix of the token the POST went with */
    bool post_retried;                     /* a 401 met this batch already */
    size_t post_lights;

    struct answered answered[INTERACTION_TYPES];
    int64_t asked_ms, delivered_ms, error_ms;
    struct str error;
};

struct link *link_of(struct smartthings *st, struct oauth_link *oauth); /* makes the record at first use */
struct link *link_known(const struct smartthings *st, const struct oauth_link *oauth); /* NULL */
int link_load(struct smartthings *st);
/* May we POST there? 0 with the policy of the fetch; ERR_INVALID, ERR_DENIED. */
int link_url(const struct link *link, const char *url, unsigned *ret_policy);
void link_forget(struct link *link); /* it has ended: everything is dropped, its row too */
void link_free(struct link *link);
void link_trouble(struct link *link, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *link_callback_text(enum smartthings_callback state);

void callback_row_done(struct callback_row *row);
struct callback_row callback_row_copy(const struct callback_row *row);
/* Writes the row (taken over); when it is durable it becomes the link's, then `then` is called with 0. After an error
   it is handed to `then` as `failed`, which owns it. `then` is not called when a newer epoch or the end came first:
   then the row is dropped and, if `answer` is not NULL, that is called with ERR_CANCELLED. */
typedef void link_saved_fn(struct link *link, int result, struct callback_row *failed);
typedef void link_answer_fn(void *user, int result);
void link_save(struct link *link, struct callback_row row, link_saved_fn *then, link_answer_fn *answer, void *user);
struct save;

/* ---- callback.c: tokens ---- */

/* Takes a grant: `answer` comes when it is durable. URLs and client id were checked. */
void callback_grant(struct link *link, const struct interaction *x, link_answer_fn *answer, void *user);
/* The access token was refused (or is about to end): renew it, once however often this is called. */
void callback_renew(struct link *link);
/* Goes on after loading or a change of the row: asks for tokens, or sets the timer that will. */
void callback_resume(struct link *link);
void callback_lost(struct link *link, const char *why); /* needs a grant */
bool callback_usable(const struct link *link);          /* there is a token to POST with */
bool callback_wants_grant(const struct link *link);     /* requestGrantCallbackAccess */
void callback_stop(struct link *link);

/* ---- delivery.c: POSTs ---- */

void delivery_schedule(struct link *link); /* after anything that may have changed what is due */
void delivery_stop(struct link *link);

/* ---- traced.c: what the link traces are told ---- */

void traced_refusal(struct link *link, enum trace_step step, enum trace_cause cause, const char *expected,
                    const char *got);
void traced_discovery(struct link *link, size_t lights);
/* The hot path: notes in memory what was answered. */
void traced_answer(struct link *link, const struct interaction *x, size_t devices, size_t bytes, int64_t now_ms);
/* Of an interactionResult; link NULL: it had no token. Returns the link it is about, NULL if that cannot be told. */
struct link *traced_result(struct smartthings *st, struct link *link, const struct interaction *x);
void traced_expired(struct smartthings *st, struct oauth_link *oauth);
void traced_stale(struct smartthings *st, struct oauth_link *oauth, enum interaction_type type);
void traced_unknown_token(struct smartthings *st, enum interaction_type type, const char *text);
void traced_grant_refusal(struct link *link, const struct interaction *x, enum trace_cause cause);
/* No usable answer came from url: unreachable, or busy. */
void traced_no_answer(struct link *link, enum trace_step step, const char *url, const struct fetch_result *result);

/* ---- smartthings.c ---- */

struct job; /* connector.c: a request whose answer waits */

struct smartthings {
    struct loop *loop;
    struct store *store;
    struct fetch *fetch;
    struct hub *hub;
    struct oauth *oauth;
    struct smartthings_config config;
    struct hub_listener *listener;
    struct lamps lamps;
    struct link *links;
    struct job *jobs;
    struct save *saves;
    struct smartthings_stats stats;
    bool freeing;
};

void smartthings_jobs_end(struct smartthings *st);  /* connector.c: answers 503 to all that wait */
void smartthings_saves_end(struct smartthings *st); /* link.c: nobody listens to them any more */
void new_request_id(char ret_id[REQUEST_ID_SIZE]);
int64_t wall_or_0(void); /* wall clock for a timestamp; 0 while it is senseless (a gateway without a battery) */

#endif
