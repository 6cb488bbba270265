/* Link traces: what happened to each attempt to link, step by step, and what never happened.

   An attempt begins at the authorization request and goes on with the life of the link that came of it. For each step
   there are events: it was done, it was refused (what was expected, what came, why), or it did not come in time, which
   is an event too. trace_finding says which step is to blame and why; the tables here have the sentences for it.

   The verbs at the end belong to the loop thread and never fail: a store that is full or unwell loses traces, never an
   answer. No secret is ever handed to them: a code, a token, a password or a `state` is named by secrets_prefix. */
#ifndef OAUTH_TRACE_H
#define OAUTH_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oauth/oauth.h"

#define TRACE_KNOWN_MAX 160    /* attempts whose far side has shown a password or a client secret */
#define TRACE_ANONYMOUS_MAX 40 /* anybody can make these: they have their own room and never push out others */
#define TRACE_EVENTS_MAX 24    /* of one attempt */
#define TRACE_TEXT_MAX 240u    /* bytes of `expected` and `got` */
#define TRACE_LATER_MS 10000u  /* events reach the store this long after they happened, together */
#define TRACE_RETRY_MS 60000u  /* likewise after the store refused them, and for what only the anonymous did */

enum trace_step {
    TRACE_AUTHORIZE,
    TRACE_LOGIN,
    TRACE_CONSENT,
    TRACE_CODE,      /* issued, and the browser sent back with it */
    TRACE_TOKEN,     /* the code is redeemed */
    TRACE_DISCOVERY, /* from here on: clients that use the webhook */
    TRACE_STATE_REFRESH,
    TRACE_GRANT,          /* grantCallbackAccess */
    TRACE_CALLBACK_TOKEN, /* ours for SmartThings, got or renewed */
    TRACE_CALLBACK,
    TRACE_REFRESH, /* of the client's token, at ours */
    TRACE_COMMAND,
    TRACE_SMARTAPP, /* a call to the webhook SmartApp, or one of ours for it */
    TRACE_STEPS,
};

enum trace_outcome {
    TRACE_OK,
    TRACE_REFUSED, /* by us or by the far side: `got` says which */
    TRACE_ABSENT,  /* it did not come within its deadline */
    TRACE_AWAITED, /* from now on it must come within its deadline */
};

enum trace_cause {
    CAUSE_NONE,
    /* at authorize */
    CAUSE_MALFORMED_REQUEST,
    CAUSE_NO_CLIENT_ID,
    CAUSE_UNKNOWN_CLIENT,
    CAUSE_SWAPPED_CREDENTIALS,
    CAUSE_NO_REDIRECT_URI,
    CAUSE_REDIRECT_URI_MISMATCH,
    CAUSE_REDIRECT_URI_REGION,
    CAUSE_STATE_TOO_LONG,
    CAUSE_BAD_AUTHORIZATION_REQUEST,
    CAUSE_SCOPE,
    CAUSE_CODE_CHALLENGE,
    CAUSE_NO_ACCOUNT,
    CAUSE_STORE_UNWELL,
    /* login, consent, code */
    CAUSE_NO_COOKIE,
    CAUSE_WRONG_PASSWORD,
    CAUSE_UNKNOWN_ACCOUNT,
    CAUSE_LOGIN_BUSY,
    CAUSE_LOGIN_DELAYED,
    CAUSE_NO_LOGIN,
    CAUSE_CONSENT_DENIED,
    CAUSE_NO_CONSENT,
    CAUSE_ACCOUNT_REMOVED,
    CAUSE_TOO_MANY_LINKS,
    /* token endpoint */
    CAUSE_NOT_A_FORM,
    CAUSE_MALFORMED_FORM,
    CAUSE_NO_CREDENTIALS,
    CAUSE_BAD_AUTHORIZATION_HEADER,
    CAUSE_BOTH_AUTH_STYLES,
    CAUSE_CLIENT_IDS_DIFFER,
    CAUSE_WRONG_CLIENT_ID,
    CAUSE_WRONG_CLIENT_SECRET,
    CAUSE_NO_SECRET_CONFIGURED,
    CAUSE_PUBLIC_CLIENT_SECRET,
    CAUSE_WRONG_GRANT_TYPE,
    CAUSE_GRANT_INCOMPLETE,
    CAUSE_CODE_UNKNOWN,
    CAUSE_CODE_EXPIRED,
    CAUSE_CODE_REUSED,
    CAUSE_CODE_OF_OTHER_CLIENT,
    CAUSE_REDIRECT_URI_DIFFERS_AT_TOKEN,
    CAUSE_CODE_VERIFIER,
    CAUSE_REFRESH_TOKEN_UNKNOWN,
    CAUSE_REFRESH_TOKEN_OF_OTHER_CLIENT,
    CAUSE_REFRESH_TOKEN_REUSED,
    CAUSE_LINK_ENDED,
    CAUSE_NO_TOKEN_CALL,
    CAUSE_NO_STATE,
    CAUSE_PUBLIC_NOT_HTTPS,
    CAUSE_NO_REFRESH,
    /* webhook */
    CAUSE_NO_DISCOVERY,
    CAUSE_NOTHING_LISTED,
    CAUSE_NO_STATE_REFRESH,
    CAUSE_BAD_RESPONSE,
    CAUSE_DEVICE_REFUSED,
    CAUSE_STALE_TOKEN,
    CAUSE_TOKEN_UNKNOWN,
    /* callbacks */
    CAUSE_CALLBACK_NOT_CONFIGURED,
    CAUSE_NO_GRANT,
    CAUSE_GRANT_MALFORMED,
    CAUSE_GRANT_REFUSED_CLIENT_ID,
    CAUSE_CALLBACK_HOST_REFUSED,
    CAUSE_NO_CALLBACK_TOKEN,
    CAUSE_CALLBACK_TOKEN_REFUSED,
    CAUSE_CALLBACK_CLIENT_REFUSED,
    CAUSE_CALLBACK_UNREACHABLE,
    CAUSE_CALLBACK_BUSY,
    CAUSE_CALLBACK_REFUSED,
    /* the SmartApp: its signatures */
    CAUSE_SMARTAPP_UNSIGNED,
    CAUSE_SMARTAPP_SIGNATURE_MALFORMED,
    CAUSE_SMARTAPP_KEY_ID,
    CAUSE_SMARTAPP_DATE,
    CAUSE_SMARTAPP_DIGEST,
    CAUSE_SMARTAPP_KEY_FETCH,
    CAUSE_SMARTAPP_KEY,
    CAUSE_SMARTAPP_SIGNATURE,
    CAUSE_SMARTAPP_REPLAY,
    /* its lifecycles */
    CAUSE_SMARTAPP_OTHER_APP,
    CAUSE_SMARTAPP_CONFIRMATION_HOST,
    CAUSE_SMARTAPP_CONFIRMATION_FAILED,
    CAUSE_SMARTAPP_NO_OAUTH_CALLBACK,
    CAUSE_SMARTAPP_CALLBACK_MALFORMED,
    CAUSE_SMARTAPP_LOGIN_DENIED,
    CAUSE_SMARTAPP_CODE_REFUSED,
    CAUSE_SMARTAPP_PROVIDER,
    /* our calls for it */
    CAUSE_SMARTAPP_HOST_REFUSED,
    CAUSE_SMARTAPP_UNREACHABLE,
    CAUSE_SMARTAPP_TOKEN_REFUSED,
    CAUSE_SMARTAPP_CLIENT_REFUSED,
    CAUSE_SMARTAPP_DEVICE_REFUSED,
    CAUSE_SMARTAPP_NO_PROFILE,
    TRACE_CAUSES,
};

struct trace_event {
    enum trace_step step;
    enum trace_outcome outcome;
    enum trace_cause cause; /* of an event that is OK: what may be to blame if a later step does not come */
    int64_t at_ms, last_ms; /* wall clock; the same again is the same event, counted */
    int64_t times;
    char *expected, *got; /* one printable line each, or NULL */
};

struct trace {
    uint32_t number; /* by birth, from 1, permanent */
    bool known;      /* a password or a client secret was shown */
    bool webhook;    /* its client goes on with discovery */
    bool over;       /* its link has ended: nothing more is awaited */
    bool changed;    /* not yet in the store */
    bool stamped;    /* likewise, but only times differ: written with the next change, and at the end */
    bool stored;     /* the store has a row of it */
    bool rehearsal;  /* of lightbridge selftest: it never gets one */
    char *client_id, *account, *redirect_uri; /* NULL: not known */
    uint8_t link_id[OAUTH_LINK_ID_SIZE];
    bool has_link;
    struct trace_event events[TRACE_EVENTS_MAX]; /* as they happened */
    size_t count;
    uint8_t latest[TRACE_STEPS]; /* index + 1 of the newest event of a step, 0: none */
};

/* ---- tables (trace_table.c) ---- */

struct trace_step_row {
    const char *name;        /* of documents and the store: permanent */
    const char *title;       /* for people */
    enum trace_step after;   /* what it follows; itself: nothing */
    enum trace_step implies; /* what cannot have failed where this was done; itself: nothing */
    unsigned deadline_s;     /* by which it must have come after that; 0: nobody waits for it */
    bool on_demand;          /* only where it was said to be awaited */
    bool webhook;            /* only of clients that use the webhook */
    enum trace_cause absence;
    const char *request; /* what should have come: method and path */
};
const struct trace_step_row *trace_step_row(enum trace_step step);

struct trace_cause_row {
    const char *code;     /* of documents and the store: permanent */
    const char *sentence; /* why it failed */
    const char *advice;   /* what to do */
    uint32_t blamed_for;  /* bits 1 << step: whose absence it explains where it came with an event that is OK */
};
const struct trace_cause_row *trace_cause_row(enum trace_cause cause);

const char *trace_outcome_text(enum trace_outcome outcome); /* "ok" "refused" "absent" "awaited" */
/* -1: no such name. */
int trace_step_of(const char *name);
int trace_outcome_of(const char *text);
int trace_cause_of(const char *code);

/* ---- rules (trace.c); pure ---- */

struct rules_clock;

/* What happened; texts are copied, cut and made printable. */
struct trace_note {
    enum trace_step step;
    enum trace_outcome outcome;
    enum trace_cause cause;
    const char *expected, *got; /* NULL: nothing worth saying */
};
/* Adds it at wall time now; what is the same as the newest event of its step is counted there, and what was awaited and
   came is no event of its own. A full list forgets its oldest event that a later one of the same step has overtaken. */
void trace_add(struct trace *trace, const struct trace_note *note, int64_t now_ms);
const struct trace_event *trace_latest(const struct trace *trace, enum trace_step step); /* NULL: none */
/* Wall time at which the step was last done; 0: never. */
int64_t trace_last_done(const struct trace *trace, enum trace_step step);
/* The newest event that tells of an interactionResult: what SmartThings did not accept; NULL. */
const struct trace_event *trace_last_result(const struct trace *trace);
/* An event that is read back; its texts are taken over. */
void trace_restore(struct trace *trace, const struct trace_event *event);
/* The step was done again: true where that is but a time in an event that is there. */
bool trace_stamp(struct trace *trace, enum trace_step step, int64_t now_ms);
/* A text as traces keep it: one printable line of bounded length, the caller frees it; NULL for NULL and "". */
char *trace_line(const char *text);
void trace_done(struct trace *trace);

/* The first step, in their order, that failed or is missing and was not made good by itself or by what follows it. */
struct trace_finding {
    enum trace_step step;
    enum trace_cause cause;
    const struct trace_event *event;
};
bool trace_finding(const struct trace *trace, struct trace_finding *ret_finding);
/* The step that is waited for now; false: none. */
bool trace_awaits(const struct trace *trace, enum trace_step *ret_step);

/* Adds an event for each step whose deadline has passed; returns how many. Deadlines begin no earlier than since_ms,
   when this program started: nobody can be blamed for not coming while it was down. `origin`: the public URL, for the
   text of what was expected. */
size_t trace_expire(struct trace *trace, const struct rules_clock *clock, int64_t since_ms, int64_t now_ms,
                    const char *origin);
/* Milliseconds until trace_expire has something to do; -1: never. */
int64_t trace_expires_in(const struct trace *trace, const struct rules_clock *clock, int64_t since_ms, int64_t now_ms);

/* Which of them makes room for a new one, or `count`: there is room. Anonymous ones have their own room; the oldest of
   the most frequent kind goes first, so that a flood pushes out itself. Of the others, those without a living link. */
size_t trace_victim(struct trace *const *traces, size_t count, bool known);

/* ---- verbs (traces.c) ---- */

struct trace_origin {
    const char *client_id, *redirect_uri; /* as they came; NULL: none */
    bool known, rehearsal;
};
/* A new attempt with its first event; 0 is no number. The same refusal again is counted in the one before. */
uint32_t oauth_trace_begin(struct oauth *oauth, const struct trace_origin *origin, const struct trace_note *note);
/* What happened next to an attempt; one that was forgotten, or 0, is passed over. */
void oauth_trace_note(struct oauth *oauth, uint32_t number, const struct trace_note *note);
/* The person has logged in. An attempt that was pushed out begins anew: the number that counts from now on. */
uint32_t oauth_trace_login(struct oauth *oauth, uint32_t number, const struct trace_origin *origin,
                           const char *account);
/* A link came of it. */
void oauth_trace_linked(struct oauth *oauth, uint32_t number, struct oauth_link *link);
/* What happened next to a link; makes an attempt where there is none any more. */
void oauth_trace_link(struct oauth *oauth, struct oauth_link *link, const struct trace_note *note);
/* The step was done once more: a time in memory, and an event only the first time or after a failure. */
void oauth_trace_seen(struct oauth *oauth, struct oauth_link *link, enum trace_step step, int64_t now_ms);
/* Hands to the store what it has not got yet, times too: at the end, while the store lives. */
void oauth_trace_keep(struct oauth *oauth);
/* The link that an authentic code or refresh token belongs to, ended ones too; NULL. */
struct oauth_link *oauth_trace_link_of(struct oauth *oauth, const char *token);
/* Is this text, which came where a name belongs, a secret that we know? Then it is not to be shown. */
bool oauth_is_secret(const struct oauth *oauth, const char *text);

const struct trace *oauth_trace_of(const struct oauth_link *link);                          /* NULL: none */
const struct trace *oauth_trace_next(const struct oauth *oauth, const struct trace *after); /* by birth */
/* Hex id of its link, "" if none. */
void oauth_trace_link_id(const struct trace *trace, char ret_id[OAUTH_LINK_ID_SIZE * 2 + 1]);

#endif
