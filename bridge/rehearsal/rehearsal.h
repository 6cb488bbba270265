/* Plays SmartThings against a bridge, through the bridge's public URL: the browser of the person who links, the server
   that asks, the endpoint that is told. It judges what it gets and says what is wrong in a sentence.

   `lightbridge-sim smartthings` is this room with a terminal; `lightbridge selftest` is its first round. Everything
   happens on the loop. One act at a time; each act is one or more steps, each reported when it has ended. */
#ifndef REHEARSAL_REHEARSAL_H
#define REHEARSAL_REHEARSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct loop;
struct rehearsal;

/* ---- what is told while it plays; texts are valid inside the call only ---- */

enum rehearsal_outcome { REHEARSAL_PASSED, REHEARSAL_FAILED, REHEARSAL_SKIPPED };

struct rehearsal_step {
    const char *name;     /* one word: "login", "discovery" */
    const char *did;      /* "GET https://.../oauth/authorize" */
    const char *expected; /* "the login page" */
    const char *got;      /* what came; of a failure, what is wrong with it */
    enum rehearsal_outcome outcome;
    uint64_t took_ms;
};

/* One request at the callback endpoint. */
struct rehearsal_callback {
    const char *type; /* interactionType, "?" where it could not be read */
    int status;       /* what was answered; 0: nothing, it hangs or its answer was lost */
    bool taken;       /* what it says counts, whether or not the bridge knows */
    const char *said; /* "Kitchen: on, 40 %; Hall: offline", or what is wrong with it */
};

/* ---- what goes wrong on purpose, at the callback endpoint ---- */

enum rehearsal_fault {
    REHEARSAL_NO_FAULT,
    REHEARSAL_REFUSE,     /* 401, whatever the token is */
    REHEARSAL_RATE_LIMIT, /* 429, argument: seconds of Retry-After */
    REHEARSAL_FAIL,       /* argument: the status, 500 to 599 */
    REHEARSAL_HANG,       /* no answer; argument: seconds after which the connection is closed */
    REHEARSAL_LOSE,       /* it counts, and then the connection is closed instead of an answer */
};
enum rehearsal_door { REHEARSAL_STATES, REHEARSAL_TOKENS, REHEARSAL_DOORS }; /* which of the two URLs */

/* ---- the house as SmartThings sees it ---- */

enum rehearsal_attribute {
    REHEARSAL_HEALTH, /* 1 online, 0 offline */
    REHEARSAL_SWITCH, /* 1 on, 0 off */
    REHEARSAL_LEVEL,  /* percent */
    REHEARSAL_KELVIN,
    REHEARSAL_HUE, /* percent of the circle */
    REHEARSAL_SATURATION,
    REHEARSAL_ATTRIBUTES,
};

struct rehearsal_device {
    char *id, *name, *room, *handler_type; /* room may be NULL */
    uint32_t has;                          /* bits by attribute: which were told */
    double value[REHEARSAL_ATTRIBUTES];
    char *error;      /* the last answer was a deviceError: "DEVICE-UNAVAILABLE: ..."; else NULL */
    bool asked, told; /* of the interaction under way */
};

/* ---- one rehearsal ---- */

struct rehearsal_config {
    const char *url; /* the bridge's public URL, no path */
    const char *account, *password;
    const char *client_id, *client_secret; /* what SmartThings presents at the bridge's token endpoint */
    bool client_in_form;                   /* client_id and secret in the form; false: by HTTP Basic */
    const char *redirect_uri;              /* NULL: SmartThings' in Europe */
    const char *callback_client_id, *callback_client_secret; /* what the bridge must present at ours */
    const char *listen;        /* of the callback endpoint, NULL: 127.0.0.1 and a free port */
    const char *ca_file;       /* further trust anchor for the bridge's certificate, or NULL */
    const char *connect_to;    /* "host:port" to connect to in place of the URL's, or NULL */
    uint32_t token_life_s;     /* of callback tokens; 0: 86400 */
    uint32_t answer_within_ms; /* how long SmartThings waits; 0: 10 000 */
    void (*step)(void *user, const struct rehearsal_step *step);
    void (*callback)(void *user, const struct rehearsal_callback *callback); /* may be NULL */
    void *user;
};

/* Texts are copied. ERR_INVALID and others with a sentence in `why`. */
int rehearsal_new(struct loop *loop, const struct rehearsal_config *config, struct rehearsal **ret_rehearsal,
                  struct str *why);
void rehearsal_free(struct rehearsal *r); /* the act under way never ends */
/* The `state` of the link that is made next, or was made last: raw bytes of the query, as they are sent. */
const char *rehearsal_state(const struct rehearsal *r);
bool rehearsal_wants_grant(const struct rehearsal *r);         /* the last discovery asked for callback access */
const char *rehearsal_callback_url(const struct rehearsal *r); /* http://127.0.0.1:port, as bound */

/* Each act: 0 and `done` later, from the loop, with 0 when every step passed (or else ERR_REJECTED); ERR_BUSY while
   another act is under way, ERR_NOT_FOUND where it needs an earlier one first (no link, no device). */
typedef void rehearsal_done_fn(void *user, int result);
typedef int rehearsal_act_fn(struct rehearsal *r, rehearsal_done_fn *done, void *user);
rehearsal_act_fn rehearsal_link;     /* authorize, login, consent, token */
rehearsal_act_fn rehearsal_renew;    /* a new access token by the refresh token */
rehearsal_act_fn rehearsal_discover; /* where the bridge asks for callback access, `grant` follows at once */
rehearsal_act_fn rehearsal_refresh;  /* the states of all devices */
rehearsal_act_fn
    rehearsal_try_command; /* one that the first device (by name) that can will show: its level, or its switch */
rehearsal_act_fn rehearsal_keep_command; /* one that changes nothing: the level, or else the switch, that a lamp has */
rehearsal_act_fn rehearsal_grant;        /* grantCallbackAccess, until the code was exchanged */
rehearsal_act_fn rehearsal_await;        /* until a stateCallback was taken that came after this act began, 30 s */
rehearsal_act_fn rehearsal_unlink;       /* integrationDeleted */
/* The other way in, a whole round of it: a webhook SmartApp's page, login, OAUTH_CALLBACK, INSTALL, devices, a command,
   UNINSTALL. The bridge's smartthings.smartapp must have our endpoint as its key_url and api_url. */
rehearsal_act_fn rehearsal_smartapp;
/* interactionResult, as SmartThings tells that it could not use an answer. */
int rehearsal_complain(struct rehearsal *r, bool authenticated, rehearsal_done_fn *done, void *user);
/* verb: on, off, level, kelvin, color, refresh, with as many values as rehearsal_verb_values says. device NULL: all. */
int rehearsal_command(struct rehearsal *r, const struct rehearsal_device *device, const char *verb,
                      const double *values, rehearsal_done_fn *done, void *user);
int rehearsal_verb_values(const char *verb); /* 0 to 2; -1: no such verb */

/* Acts in a row; after one that failed the others are reported as skipped. `acts` outlives it. */
struct rehearsal_act {
    const char *name;
    rehearsal_act_fn *start;
};
int rehearsal_play(struct rehearsal *r, const struct rehearsal_act *acts, size_t count, rehearsal_done_fn *done,
                   void *user);
extern const struct rehearsal_act rehearsal_first_round[]; /* link, discovery (and grant), refresh, command */
extern const size_t rehearsal_first_round_count;

/* The next `times` requests at that door. ERR_BUSY: too many orders wait; ERR_RANGE: the argument. */
int rehearsal_order(struct rehearsal *r, enum rehearsal_door door, enum rehearsal_fault fault, uint32_t times,
                    uint32_t argument);
void rehearsal_expire(struct rehearsal *r); /* the callback token is refused from now on */

size_t rehearsal_device_count(const struct rehearsal *r);
const struct rehearsal_device *rehearsal_device_at(const struct rehearsal *r, size_t index);
const struct rehearsal_device *rehearsal_device_find(const struct rehearsal *r, const char *name_or_id);
void rehearsal_describe(struct str *s, const struct rehearsal_device *device); /* "on, 40 %, 2700 K" */

struct rehearsal_stats {
    uint32_t grants, refreshes;  /* codes and refresh tokens exchanged, whether or not the answer arrived */
    uint32_t states, lists;      /* stateCallbacks and discoveryCallbacks that were taken */
    uint32_t refused, malformed; /* callbacks with a bad token; callbacks that could not be understood */
    uint32_t early;              /* requests that did not wait as long as Retry-After asked */
    uint32_t asked_again;        /* interactions sent a second time, after TOKEN-EXPIRED */
};
struct rehearsal_stats rehearsal_stats(const struct rehearsal *r);

#endif
