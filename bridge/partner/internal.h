/* What the files of this room share; partner.h is the contract. */
#ifndef PARTNER_INTERNAL_H
#define PARTNER_INTERNAL_H

#include "partner/partner.h"

#include <stdbool.h>

#include "base/json.h"
#include "base/str.h"
#include "http/http.h"
#include "hub/hub.h"
#include "loop/loop.h"
#include "oauth/oauth.h"
#include "partner/lifx.h"
#include "partner/limit.h"
#include "partner/order.h"
#include "partner/params.h"
#include "partner/selector.h"
#include "store/store.h"

#define LOG "partner"
#define JSON_TYPE "application/json"
#define RETRY_AFTER_S 5u

struct scene;
struct webhook;
struct feed;

/* One link whose token has asked. */
struct client {
    struct client *next;
    struct oauth_link *link;
    struct limit limit;
};

/* Something that waits for the hub or the store, and outlives the partner if it must (partner NULL then). Embedded as
   the first member. */
struct waiting {
    struct partner *partner;
    struct http_exchange *x; /* NULL: answered */
    struct waiting *next, **at;
};

struct partner_stats {
    uint64_t requests, limited, events, dropped_readers, deliveries, failed_deliveries;
    unsigned scenes;
};

struct partner {
    struct loop *loop;
    struct store *store;
    struct fetch *fetch;
    struct hub *hub;
    struct oauth *oauth;
    struct partner_config config;
    struct lifx_house house;
    struct client *clients;
    struct waiting *waitings;
    struct hub_listener *listener;
    struct scene *scenes; /* by birth */
    struct webhook *webhooks;
    struct feed *feed;
    bool unread;     /* scenes and webhooks could not be read from the store */
    uint32_t *marks; /* by number of a light: of the selection that was last to take it, and its place there */
    uint32_t *places;
    size_t mark_count;
    uint32_t mark;
    struct partner_stats stats;
};

/* ---- partner.c ---- */
/* Counts the request against its link's limit and adds the headers that say so; false: 429 was answered. */
bool request_begins(struct partner *p, struct http_exchange *x);
void wait_begins(struct partner *p, struct waiting *waiting, struct http_exchange *x);
void wait_ends(struct waiting *waiting); /* takes it out of the list; the memory stays the caller's */
/* The body of a request, read. */
struct asked {
    struct params params;
    struct json *root;
    struct url_form form;
    bool is_form;
};
/* JSON object or form; an empty body has no parameters. false: 400 was answered; release with asked_done also then. */
bool asked_read(struct http_exchange *x, struct asked *asked);
void asked_done(struct asked *asked);
void answer_faults(struct http_exchange *x, const struct faults *faults); /* 422 */
void answer_store_trouble(struct http_exchange *x, int err);              /* 503 */
void answer_json(struct http_exchange *x, int status, struct str *body);  /* takes the body */
void answer_not_found(struct http_exchange *x, const char *what);         /* 404 */

/* ---- lights.c ---- */
struct selection {
    struct light **lights;
    size_t count;
};
void lights_marks(struct partner *p); /* no light is marked afterwards, and there is room for all */
void selection_done(struct selection *selection);
/* Lights of a selector's text, each once. false: 404 or 422 was answered (never for `all`). */
bool select_lights(struct partner *p, struct http_exchange *x, const char *text, struct selection *ret_selection);
/* Likewise without an answer: 0, ERR_NOT_FOUND, or ERR_INVALID with a sentence. */
int find_lights(struct partner *p, const char *text, struct selection *ret_selection, const char **ret_what);
/* What the tail of the path says, decoded, is found. */
bool select_tail(struct partner *p, struct http_exchange *x, struct selection *ret_selection);

/* ---- command.c ---- */
struct wish {
    struct light *light;
    struct light_state want;
    uint32_t left_out;
    uint32_t transition_ms;
};
/* One selector's share of a request. */
struct operation {
    char *echo; /* what was asked, as JSON; NULL: the request has one operation only */
    size_t first, count;
};
struct command {
    struct waiting waiting;
    struct operation *operations;
    size_t operation_count;
    struct wish *wishes;
    size_t wish_count;
    struct entry *entries; /* of the wishes */
    struct str warnings;   /* of unknown parameters, JSON */
    bool tells_power;
};
struct command *command_new(void);
void command_drop(struct command *command); /* one that is not run */
/* Room for `count` more; the caller fills them in. */
struct wish *command_add(struct command *command, size_t count);
/* Takes the command; answers 207, or 202 at once where it is fast. */
void command_send(struct partner *p, struct command *command, struct http_exchange *x, bool fast);

/* ---- scenes.c ---- */
int scenes_load(struct partner *p);
void scenes_free(struct partner *p);
bool scene_has(const struct partner *p, const char *uuid, const char *light_id);

/* ---- events.c ---- */
void feed_link_ended(struct partner *p, const struct oauth_link *link);
void feed_new(struct partner *p);
void feed_free(struct partner *p);
void feed_hear(struct partner *p, const struct hub_event *event);
unsigned feed_streams(const struct partner *p);

/* ---- webhooks.c ---- */
int webhooks_load(struct partner *p);
void webhooks_free(struct partner *p);
void webhooks_hear(struct partner *p, const struct hub_event *event);
void webhooks_link_ended(struct partner *p, const struct oauth_link *link);
unsigned webhooks_count(const struct partner *p);

#endif
