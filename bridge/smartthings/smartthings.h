/* SmartThings Schema connector: the webhook on one side, the callbacks (reciprocal tokens, outbox) on the other.

   Wire facts: facts/smartthings.md section 1 (interaction types, callbacks), section 3 (light capabilities). */
#ifndef SMARTTHINGS_SMARTTHINGS_H
#define SMARTTHINGS_SMARTTHINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct store;
struct fetch;
struct hub;
struct oauth;
struct oauth_link;
struct http_exchange;
struct smartthings;

#define SMARTTHINGS_MAX_BODY (2u * 1024u * 1024u) /* of a request to the webhook: for the route table */
#define SMARTTHINGS_WINDOW_MS 100u                /* how long changes are gathered before a POST */

/* What a command to a light known to be offline is answered with. */
enum smartthings_offline_error { SMARTTHINGS_DEVICE_UNAVAILABLE, SMARTTHINGS_DEVICE_OFFLINE };

/* All texts outlive the smartthings. */
struct smartthings_config {
    const char *callback_client_id;     /* stClientId of the registration; NULL: no grant can be accepted */
    const char *callback_client_secret; /* stClientSecret; NULL: likewise */
    /* Hosts we may POST to, themselves and what lies under them; NULL-terminated. A loopback address or
       "localhost" that is listed is also accepted by plain http: for tests. */
    const char *const *callback_hosts;
    uint32_t window_ms; /* 0: SMARTTHINGS_WINDOW_MS */
    enum smartthings_offline_error offline_error;
};

/* Loads the callback side of every living link. A link whose token request was under way when the last run ended
   has it repeated at once; every link with a token is told the full state of all lights after a moment.
   Make it before drivers are started, so that the lights they bring are told of. Free it before fetch, hub and store;
   oauth must end no link after that. */
int smartthings_new(struct loop *loop, struct store *store, struct fetch *fetch, struct hub *hub, struct oauth *oauth,
                    const struct smartthings_config *config, struct smartthings **ret_smartthings);
void smartthings_free(struct smartthings *st); /* requests under way get 503 */

/* http_handler of POST /smartthings/schema; context is the struct smartthings. */
void smartthings_schema(struct http_exchange *exchange, void *context);

/* The callback side of a link. */
enum smartthings_callback {
    SMARTTHINGS_NONE,        /* SmartThings never granted access */
    SMARTTHINGS_EXCHANGING,  /* a grant's code is being turned into tokens */
    SMARTTHINGS_GRANTED,     /* all is well */
    SMARTTHINGS_REFRESHING,  /* the token is being renewed (or was when we were interrupted) */
    SMARTTHINGS_NEEDS_GRANT, /* lost: requestGrantCallbackAccess goes with the next discovery */
};

struct smartthings_link_state {
    enum smartthings_callback callback;
    const char *callback_text; /* "none" "exchanging" "granted" "refreshing" "needs_grant"; static */
    bool usable;               /* changes can be told to SmartThings now */
    int64_t obtained_ms;       /* wall ms at which the present token came, 0 never */
    int64_t expires_ms;        /* wall ms, 0 unknown */
    int64_t asked_ms;          /* wall ms of the last interaction from SmartThings in this run, 0 none */
    int64_t delivered_ms;      /* wall ms of the last callback that SmartThings took in this run, 0 none */
    int64_t error_ms;          /* wall ms of last_error, 0 none */
    const char *last_error;    /* for people, "" if none; valid until the next turn of the loop */
    size_t queued;             /* lights whose news wait */
};
/* ERR_NOT_FOUND: nothing is known of that link's callback side (*ret_state then says "none"). */
int smartthings_link_state(const struct smartthings *st, const struct oauth_link *link,
                           struct smartthings_link_state *ret_state);

/* This one link is a rehearsal (`lightbridge selftest`): its callbacks may go to `origin`, http or https on a loopback
   address with its port, and nowhere else; and it supersedes no other link when it is granted access. In memory only,
   until the link ends. Who calls this stands behind the control socket, and names the link by a token that only the
   client of that link holds; no request to the public listener leads here. ERR_INVALID: no such origin. */
int smartthings_rehearse(struct smartthings *st, struct oauth_link *link, const char *origin);

/* Sends a discoveryCallback on every link that can take one. */
void smartthings_discover_all(struct smartthings *st);

/* Counters for /metrics. */
struct smartthings_stats {
    uint64_t discoveries, state_refreshes, commands, grants, deletions, results; /* interactions by type */
    uint64_t malformed;                                                          /* documents answered 400 */
    uint64_t global_errors; /* answers that carried a globalError */
    uint64_t device_errors; /* deviceErrors in commandResponses and stateRefreshResponses */
    uint64_t posts, post_failures;
    uint64_t refreshes, refresh_failures; /* token requests: accessTokenRequest and refreshAccessTokens */
    uint64_t dropped;                     /* lights whose news were refused for good by SmartThings */
    size_t queued;                        /* lights whose news wait, over all links */
    size_t links_usable, links_needing_grant;
};
struct smartthings_stats smartthings_stats(const struct smartthings *st);

#endif
