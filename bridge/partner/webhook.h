/* A webhook that a client registered, as its two files share it: webhooks.c keeps them, delivery.c sends. */
#ifndef PARTNER_WEBHOOK_H
#define PARTNER_WEBHOOK_H

#include "partner/internal.h"

#include "fetch/fetch.h"

#define WEBHOOK_ID_CHARS 16u
#define WEBHOOK_SECRET_CHARS 43u
#define WEBHOOK_BATCH 100u     /* lights in a POST */
#define WEBHOOK_WINDOW_MS 500u /* from the first change to the POST that tells it */
#define WEBHOOK_GIVE_UP 1000u  /* failures in a row: some two and a half days. Not by the wall clock, which may jump */

struct webhook {
    struct webhook *next;
    struct partner *partner;
    struct oauth_link *link;
    char id[WEBHOOK_ID_CHARS + 1];
    char *url; /* origin and path */
    unsigned policy;
    int64_t created_ms, failing_ms, delivered_ms; /* failing: since; 0: it is not */
    bool disabled;
    struct str error; /* of the last failure */
    /* One byte a light, by number: what it was not told of. Only the newest state is ever sent. */
    uint8_t *news;
    size_t news_count;
    size_t *sent; /* numbers in the POST under way */
    size_t sent_count;
    unsigned failures;
    struct fetch_call *call;
    struct timer *timer;
};

/* Where may a webhook go? https; a private address only where its host is on the list, and loopback's by http, too.
   Writes the URL in its one spelling. ERR_INVALID with a static sentence. Pure. */
int webhook_url(const char *text, const char *const *hosts, struct str *ret_url, unsigned *ret_policy,
                const char **ret_what);
/* Is that the end of it? After this many failures in a row, of which the last was answered with `status` (0: not at
   all). Pure. */
bool webhook_gives_up(unsigned failures, int status);
/* What it is signed with: derived from the installation's key, so that no store holds it. */
void webhook_secret(const struct partner *p, const char *id, char ret_secret[WEBHOOK_SECRET_CHARS + 1]);

/* ---- delivery.c ---- */
void webhook_touch(struct webhook *w, size_t number);
void webhook_touch_all(struct webhook *w); /* everything is to be told */
void webhook_stop(struct webhook *w);

/* ---- webhooks.c ---- */
void webhook_save(struct webhook *w); /* failing_ms and disabled have changed */

#endif
