/* What the files of this room share. Reading order: README.md. */
#ifndef REHEARSAL_INTERNAL_H
#define REHEARSAL_INTERNAL_H

#include "base/json.h"
#include "base/str.h"
#include "fetch/fetch.h"
#include "http/http.h"
#include "loop/loop.h"
#include "rehearsal/fault.h"
#include "rehearsal/house.h"
#include "rehearsal/rehearsal.h"
#include "rehearsal/tokens.h"

#define REQUEST_ID_SIZE 37
#define PATIENCE_MS 30000u /* for what the bridge does by itself */

typedef void next_fn(struct rehearsal *r);
enum waiting { WAITING_FOR_NOTHING, WAITING_FOR_GRANT, WAITING_FOR_STATES };

/* The step under way. */
struct step {
    const char *name, *expected; /* static */
    struct str did;
    uint64_t since;
};

/* What is asked of which devices; of `rehearsal_command`. */
struct verb;
struct order {
    const struct verb *verb;
    double values[2];
};

/* An exchange at the callback endpoint that gets no answer for a while. */
struct hang {
    struct hang *next;
    struct rehearsal *r;
    struct http_exchange *x;
    struct timer *timer;
};

struct rehearsal {
    struct loop *loop;
    struct rehearsal_config config; /* its texts are ours */
    struct fetch *fetch;
    struct fetch_call *call;
    struct house house;
    struct rehearsal_stats stats;

    /* the act under way: done is NULL between acts */
    rehearsal_done_fn *done;
    void *user;
    struct step step;
    struct {
        const struct rehearsal_act *acts; /* NULL: none is played */
        size_t count, at;
        rehearsal_done_fn *done;
        void *user;
        int result;
    } play;

    /* browser.c, partner.c: linking, and our tokens at the bridge */
    struct str state, cookie, code;
    unsigned hops; /* redirects that were followed */
    struct str access, refresh;
    bool state_used;     /* the next link has another */
    next_fn *then;       /* after a token came */
    const char *back_to; /* redirect_uri of the link under way */
    next_fn *with_code;  /* what is done with its code; NULL: SmartThings redeems it */

    struct smartapp *smartapp; /* smartapp.c; NULL: none was played yet */

    /* ask.c */
    const struct interaction *asking;
    char request_id[REQUEST_ID_SIZE];
    bool again;         /* sent a second time, after TOKEN-EXPIRED */
    bool wants_grant;   /* of the last discovery */
    bool authenticated; /* the interaction carries our token */
    struct order order;
    struct timer *patience;
    enum waiting waiting;
    uint32_t grants_before;

    /* endpoint.c */
    struct http *http;
    void *contexts[1];
    char *callback_url;
    struct tokens tokens;
    struct fault_plan faults[REHEARSAL_DOORS];
    struct hang *hangs;
};

/* rehearsal.c: acts and steps */

int act_begin(struct rehearsal *r, rehearsal_done_fn *done, void *user); /* ERR_BUSY */
void act_end(struct rehearsal *r, int result); /* touch r no more afterwards: `done` may have freed it */
/* name and expected are static; the rest says what is done. */
void step_begin(struct rehearsal *r, const char *name, const char *expected, const char *did, ...)
    __attribute__((format(printf, 4, 5)));
void step_pass(struct rehearsal *r, const char *got, ...) __attribute__((format(printf, 2, 3)));
/* Ends the act, too. */
void step_fail(struct rehearsal *r, const char *got, ...) __attribute__((format(printf, 2, 3)));
/* One request to the bridge: path, or a whole URL; body may be NULL. */
struct asked {
    const char *method, *path, *type, *authorization, *cookie;
    const char *digest, *date; /* of a signed call; NULL: neither */
    const struct str *body;
};
void ask_bridge(struct rehearsal *r, const struct asked *asked, fetch_done_fn *done);
bool answer_is_json(const struct fetch_result *result);

/* partner.c: the bridge's token endpoint; one step, then `then`. */
void partner_token(struct rehearsal *r, bool refresh, next_fn *then);

/* browser.c: the login that a SmartApp's page opened, as far as the code; path: with its query, without state */
void browser_go(struct rehearsal *r, const char *path, next_fn *with_code);
/* browser.c: for the link that is made next */
void browser_new_state(struct rehearsal *r);

/* ask.c */
void ask_grant(struct rehearsal *r); /* the steps of a grant, as part of the act under way */
/* Something was taken at the endpoint: an act may have waited for it. */
void ask_told(struct rehearsal *r, bool states);

void new_uuid(char ret_id[REQUEST_ID_SIZE]); /* of a request, a device, ... */

/* smartapp.c: what comes in at the endpoint */
struct smartapp_reply {
    int status;
    struct str body, said;
};
/* A call of SmartThings' REST API below /devices. */
void smartapp_take(struct rehearsal *r, const char *method, const char *path, const char *body, size_t len,
                   struct smartapp_reply *reply);
void smartapp_told(struct rehearsal *r);               /* it was answered: somebody may have waited for it */
const char *smartapp_token(const struct rehearsal *r); /* what the bridge must bear */
const char *smartapp_key(const struct rehearsal *r, const char *path); /* the certificate at the key host; NULL */
int smartapp_open(struct rehearsal *r);
void smartapp_close(struct rehearsal *r);

/* command.c: the verbs */
int order_make(struct order *order, const char *verb, const double *values); /* ERR_NOT_FOUND: no such verb */
void order_say(struct str *s, const struct order *order);                    /* "setLevel 40" */
void order_write(const struct order *order, struct json_out *j);
/* Do the states that came say what was asked? ERR_INVALID with a sentence. */
int order_check(const struct order *order, const struct house *house, struct str *why);

/* endpoint.c */
int endpoint_open(struct rehearsal *r, struct str *why);
void endpoint_close(struct rehearsal *r);

#endif
