/* Rules of the callback side that need no I/O: where we may POST, what an answer means, when to try again. Pure. */
#ifndef SMARTTHINGS_RULES_H
#define SMARTTHINGS_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch/retry.h"
#include "smartthings/schema_parse.h"

/* May this callback URL be used? https and a host on the list (at label boundaries); a listed loopback host also by
   http. *ret_policy: FETCH_ALLOW_*. ERR_INVALID (no URL), ERR_DENIED. */
int rules_url(const char *text, const char *const *hosts, unsigned *ret_policy);
/* Is this an origin that a rehearsal may be told at: http or https, a loopback address (a number: no name that a
   resolver could turn elsewhere), a port of its own, nothing behind it? */
bool rules_rehearsal_origin(const char *origin);
/* Likewise for a URL of a link that is a rehearsal: ERR_DENIED unless it lies at that origin. */
int rules_rehearsal_url(const char *text, const char *origin, unsigned *ret_policy);

/* What SmartThings' answer to a token request means. */
enum rules_token {
    RULES_TOKEN_GOT,
    RULES_TOKEN_RETRY,   /* busy, broken, no answer: the same again after a while */
    RULES_TOKEN_REFUSED, /* it will never be honoured: the link needs a grant */
    RULES_TOKEN_CLIENT,  /* our client id or secret is refused: a matter of configuration, tokens are kept */
};
/* result: of the fetch; status and answer only where it is 0; parsed: schema_parse_answer's result. */
enum rules_token rules_judge_token(int result, int status, int parsed, const struct schema_answer *answer);

/* What its answer to a callback means. */
enum rules_post {
    RULES_POST_TAKEN,
    RULES_POST_TOKEN, /* the access token is not honoured: refresh, then again */
    RULES_POST_RETRY,
    RULES_POST_DROP, /* this POST will never be taken */
    RULES_POST_GONE, /* over there the link has ended: hold everything until a new grant */
};
enum rules_post rules_judge_post(int result, int status, const struct schema_answer *answer);

/* Exponential backoff with jitter: attempt 1, 2, ... gives about 1, 2, 4 s ... 5 min, each between half and all of it.
 */
#define RULES_BACKOFF_MS RETRY_BACKOFF_MS
#define RULES_BACKOFF_MAX_MS RETRY_BACKOFF_MAX_MS
uint64_t rules_backoff(unsigned attempt, uint32_t random);
/* Retry-After (RFC 9110 10.2.3): seconds or a date; 0 if absent, past or senseless, at most an hour. Milliseconds. */
#define RULES_RETRY_AFTER_MAX_MS RETRY_AFTER_MAX_MS
uint64_t rules_retry_after(const char *header, int64_t wall_ms);

/* A token is never renewed sooner than this after it came, however short a life it was given: an expiresIn of 1 must
   not make the bridge ask all day long. */
#define RULES_RENEW_FLOOR_MS 60000u
/* Milliseconds from now until the token is renewed: at 80 % of its life, or at the floor. A wall clock that is behind
   the time at which the token came cannot judge: then the whole 80 % are waited for, and a 401 says if that is too
   long. */
uint64_t rules_refresh_in(int64_t obtained_ms, int64_t expires_ms, int64_t wall_ms);
/* Likewise for a token that was refused just now: at once, but by backoff where it is one of several in a row that did
   not live to the floor. *early: how many before it, starts at 0; is brought up to date. */
uint64_t rules_renew_in(int64_t obtained_ms, int64_t wall_ms, unsigned *early, uint32_t random);

#endif
