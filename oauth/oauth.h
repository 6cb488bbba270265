/* The authorization server without HTTP and without JSON: accounts, clients, links, tokens.

   Rules that this room keeps:
   - Whatever is answered is durable first.
   - Tokens are derived from the installation's key and the link's salt; none is stored (DESIGN, OAuth).
   - The store being unwell is never the caller's fault: ERR_FULL / ERR_LOST / ERR_CORRUPT / ERR_NEWER / ERR_BUSY
     mean 503 with Retry-After, never invalid_grant. */
#ifndef OAUTH_OAUTH_H
#define OAUTH_OAUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secrets.h"
#include "base/str.h"

struct loop;
struct store;
struct oauth;
struct oauth_link; /* one account linked to one client; opaque; valid until oauth_free */

#define OAUTH_LINK_ID_SIZE 8
#define OAUTH_CODE_LIFE_S 600
#define OAUTH_ACCESS_LIFE_S 86400
#define OAUTH_TOKEN_MAX 160 /* characters of a token with the NUL */
#define OAUTH_STATE_MAX 4096
#define OAUTH_MAX_LINKS 4096
#define OAUTH_MAX_ACCOUNTS 64
#define OAUTH_MAX_CLIENTS 64 /* of the store, beside those of the configuration */
#define OAUTH_MAX_REDIRECTS 8

/* A client from the configuration; texts outlive the oauth. */
struct oauth_client_config {
    const char *id;
    const char *secret;               /* NULL: no token can be obtained, and the log says so */
    const char *display_name;         /* "SmartThings" */
    const char *const *redirect_uris; /* NULL-terminated */
    bool send_iss;                    /* RFC 9207; off for SmartThings */
    /* SmartThings: goes on with discovery, so its links' traces wait for that; and its scope is free text. */
    bool webhook;
    bool smartapp; /* the webhook SmartApp's: its codes come by OAUTH_CALLBACK, from inside this program */
};

struct oauth_config {
    const uint8_t
        *key; /* SECRETS_KEY_SIZE bytes: the installation's, or NULL where it is lost: then every token is ERR_LOST */
    const struct oauth_client_config *clients;
    size_t client_count;
    struct secrets_cost cost;
    /* What SmartThings gave us for callbacks, to know it where it comes in the place of a client's; NULL: unknown. */
    const char *callback_id, *callback_secret;
    const char *public_url; /* origin, for the texts of traces; may be NULL; outlives the oauth */
};

/* Loads accounts and links. A store that is unwell, or rows that make no sense, give a working oauth that answers
   oauth_trouble's code for whatever it does not know; errors are of memory and threads only. */
int oauth_new(struct loop *loop, struct store *store, const struct oauth_config *config, struct oauth **ret_oauth);
/* What has not been answered yet is answered with ERR_CANCELLED, from inside. Before store_close or after it. */
void oauth_free(struct oauth *oauth);
/* 0, or why unknown tokens, codes and names cannot be judged: ERR_LOST, ERR_CORRUPT, ERR_NEWER. A full disk is none. */
int oauth_trouble(const struct oauth *oauth);
/* 8 bytes derived from the installation's key; how the whole program names this bridge. */
void oauth_bridge_id(const uint8_t key[SECRETS_KEY_SIZE], uint8_t ret_id[8]);

/* All `done` of this header: exactly once, possibly from inside the call. Texts that are passed in are copied. */
typedef void oauth_done_fn(void *user, int result);

/* ---- accounts ---- */
/* Name: 1..64 of [A-Za-z0-9._@-]; password 8..1024 bytes. ERR_INVALID is answered at once with a sentence in `why` (may
   be NULL); otherwise `done`: 0, ERR_EXISTS, ERR_NOT_FOUND, ERR_TOO_LARGE (OAUTH_MAX_ACCOUNTS), ERR_BUSY, the store's.
 */
int oauth_account_add(struct oauth *oauth, const char *name, const char *password, oauth_done_fn *done, void *user,
                      struct str *why);
int oauth_account_password(struct oauth *oauth, const char *name, const char *password, oauth_done_fn *done, void *user,
                           struct str *why);
/* Another number with each new password and each time that the account is made, in one run of the program; 0: there is
   none. Who logged in before the number changed has not logged in. */
uint64_t oauth_account_stamp(struct oauth *oauth, const char *name);
/* Ends its links too. ERR_NOT_FOUND by done. */
void oauth_account_remove(struct oauth *oauth, const char *name, oauth_done_fn *done, void *user);
/* Somebody logs in. source: the address it comes from, NULL where that cannot be known; side: which door of the house,
   static ("public", "local"): delays at one are none at another. */
struct oauth_login {
    const char *name, *password, *source, *side;
};
/* Argon2id on the pool, one at a time, queue of 8: `done` gets 0, ERR_DENIED (unknown user or wrong password, same
   time), ERR_BUSY, or oauth_trouble's code for a name that is not known while the store is unwell. After several
   failures (delay.h) the next try has to wait: ERR_BUSY without a look at anything, and oauth_login_wait_s, inside
   `done`, says how many seconds; 0: it is the queue that is full. */
void oauth_login(struct oauth *oauth, const struct oauth_login *login, oauth_done_fn *done, void *user);
unsigned oauth_login_wait_s(const struct oauth *oauth);
size_t oauth_account_count(const struct oauth *oauth);
const char *oauth_account_at(const struct oauth *oauth, size_t index, int64_t *ret_created_ms);

/* ---- clients: the configuration's, and those that were added ---- */
struct oauth_client; /* borrowed, valid until oauth_free, also when it was removed */
const struct oauth_client *oauth_client_find(const struct oauth *oauth, const char *id); /* NULL */
const struct oauth_client *oauth_client_at(const struct oauth *oauth, size_t index);     /* NULL: no more */
const char *oauth_client_id(const struct oauth_client *client);
const char *oauth_client_name(const struct oauth_client *client);
bool oauth_client_redirect_ok(const struct oauth_client *client, const char *redirect_uri); /* exact match */
const char *const *oauth_client_redirects(const struct oauth_client *client);               /* NULL-terminated */
bool oauth_client_sends_iss(const struct oauth_client *client);                             /* RFC 9207 */
bool oauth_client_webhook(const struct oauth_client *client);
bool oauth_client_smartapp(const struct oauth_client *client);
bool oauth_client_has_secret(const struct oauth_client *client);
bool oauth_client_public(const struct oauth_client *client); /* keeps no secret: PKCE, and its refresh tokens rotate */
bool oauth_client_configured(const struct oauth_client *client);    /* named by the configuration, not by the store */
unsigned oauth_client_scopes(const struct oauth_client *client);    /* SCOPE_* that it may ask for */
int64_t oauth_client_created_ms(const struct oauth_client *client); /* 0: configured */
/* What a request's scope (NULL: none was sent, then all that the client may have) means for this client; ret_text is
   what is stored and answered, valid as long as `scope` and the client. ERR_INVALID: unknown, or more than it may have.
 */
int oauth_client_scope(const struct oauth_client *client, const char *scope, const char **ret_text);

struct oauth_new_client {
    const char *id, *name;            /* id: 1..64 of [A-Za-z0-9._-]; name: 1..100 bytes, NULL: the id */
    const char *const *redirect_uris; /* https, or http to loopback; 1..OAUTH_MAX_REDIRECTS */
    size_t redirect_count;
    const char *scope; /* NULL: all */
    bool is_public, send_iss;
};
/* secret: of a confidential client, shown this once and kept as a hash; NULL for a public one. Valid in the call. */
typedef void oauth_client_fn(void *user, int result, const char *secret);
/* ERR_INVALID is answered at once with a sentence in `why`; otherwise `done`: 0, ERR_EXISTS, ERR_TOO_LARGE, the
 * store's.
 */
int oauth_client_add(struct oauth *oauth, const struct oauth_new_client *client, oauth_client_fn *done, void *user,
                     struct str *why);
/* Ends its links too. ERR_NOT_FOUND, ERR_DENIED (the configuration's), or the store's, by done. */
void oauth_client_remove(struct oauth *oauth, const char *id, oauth_done_fn *done, void *user);

/* ---- authorize ---- */
/* What an account allowed. */
struct oauth_grant {
    const char *account, *redirect_uri;
    const char *scope;          /* as oauth_client_scope gave it; "" for none */
    const char *code_challenge; /* S256 (pkce.h), NULL: none was sent */
    bool rehearsal;             /* its authorization request was the one that oauth_rehearsal_expect named */
};
/* After the account pressed Allow: makes a link and its code; `done` when both are durable, code is valid in the call.
   ERR_NOT_FOUND (the account or the client was removed), ERR_TOO_LARGE (OAUTH_MAX_LINKS are alive), or the store's. */
typedef void oauth_code_fn(void *user, int result, const char *code, struct oauth_link *link);
void oauth_issue_code(struct oauth *oauth, const struct oauth_client *client, const struct oauth_grant *grant,
                      oauth_code_fn *done, void *user);

/* ---- tokens ---- */
/* Authenticates a client by its secret, in constant time; a public one has none: NULL or "". ERR_DENIED. */
int oauth_client_authenticate(const struct oauth *oauth, const char *id, const char *secret,
                              const struct oauth_client **ret_client);

/* Is this SmartThings' own pair (its id, or its secret), which the bridge presents to SmartThings and never the other
   way? Each may be NULL. */
bool oauth_is_callback_pair(const struct oauth *oauth, const char *id, const char *secret);

struct oauth_tokens {
    char access[OAUTH_TOKEN_MAX], refresh[OAUTH_TOKEN_MAX];
    int expires_in; /* seconds */
    const char *scope;
};
typedef void oauth_tokens_fn(void *user, int result, const struct oauth_tokens *tokens);
/* Redeems a code. redirect_uri NULL: not sent (RFC 6749 4.1.3 wants it since authorize had one; SmartThings is known to
   omit it at times: accepted for confidential clients). verifier NULL: not sent. result: ERR_DENIED (inauthentic, other
   client, other redirect_uri, PKCE), ERR_EXPIRED, ERR_ENDED (used already: the link has been ended), or the store's.
   Repeated before use: the same pair again. */
void oauth_redeem(struct oauth *oauth, const struct oauth_client *client, const char *code, const char *redirect_uri,
                  const char *verifier, oauth_tokens_fn *done, void *user);
/* Of a confidential client every authentic refresh token of a living link is honoured, also while the disk is full; the
   answer repeats it. A public client's is replaced; the same successor comes again for RULES_REPEAT_MS, and then the
   link ends (RFC 9700 4.14.2). ERR_DENIED, ERR_ENDED, or the store's. */
void oauth_refresh(struct oauth *oauth, const struct oauth_client *client, const char *refresh_token,
                   oauth_tokens_fn *done, void *user);

/* Why the redeem or refresh that is just being answered was refused: a static sentence for error_description, "" for
   none; valid inside `done`. */
const char *oauth_refusal(const struct oauth *oauth);

/* Verifies an access token in memory. 0, ERR_DENIED (inauthentic), ERR_EXPIRED, ERR_ENDED (authentic, its link ended),
   ERR_LOST (store or key missing: cannot be judged => 503). Marks the link as used. now_ms wall clock; a token from the
   future (clock jumped) is valid. */
int oauth_verify(struct oauth *oauth, const char *token, int64_t now_ms, struct oauth_link **ret_link);

/* May this link's tokens do all of `scopes` (SCOPE_*)? */
bool oauth_link_allows(const struct oauth_link *link, unsigned scopes);
/* Is it SmartThings', whose tokens come in the documents of the webhook? Others' must not get in there. */
bool oauth_link_webhook(const struct oauth_link *link);

/* What a token is, for its own client (RFC 7662). Looking at it is no use of it. */
struct oauth_token_info {
    bool access; /* or a refresh token, which does not expire */
    int64_t issued_ms, expires_ms;
    const struct oauth_link *link;
};
/* 0: it is active. ERR_DENIED: it is not, or it is none of this client's, which is the same to it. Or the store's. */
int oauth_introspect(struct oauth *oauth, const struct oauth_client *client, const char *token,
                     struct oauth_token_info *ret_info);
/* RFC 7009: an access token that lives, or any refresh token, ends the link and with it every other token of it. done:
   0 (also where there was nothing to end), ERR_DENIED (another client's), or the store's. */
void oauth_revoke(struct oauth *oauth, const struct oauth_client *client, const char *token, oauth_done_fn *done,
                  void *user);

/* ---- links ---- */
struct oauth_link_info {
    char id[OAUTH_LINK_ID_SIZE * 2 + 1]; /* hex */
    const char *account, *client_id, *client_name, *redirect_uri, *scope;
    int64_t created_ms, redeemed_ms, used_ms, refreshed_ms, ended_ms; /* 0: not yet */
    const char *end_reason;
    /* When a token was last seen that another machine had issued meanwhile (two live on one backup), since this program
       started; 0: never. */
    int64_t elsewhere_ms;
};
void oauth_link_info(const struct oauth_link *link, struct oauth_link_info *ret_info);
struct oauth_link *oauth_link_find(struct oauth *oauth, const char *hex_id);       /* ended ones too; NULL */
struct oauth_link *oauth_link_next(struct oauth *oauth, struct oauth_link *after); /* by birth; start with NULL */
bool oauth_link_alive(const struct oauth_link *link);
/* Ends a link: its salt is deleted, every token of it is dead; durable when done comes (may be NULL). `reason` is
 * static. */
void oauth_link_end(struct oauth *oauth, struct oauth_link *link, const char *reason, oauth_done_fn *done, void *user);
/* The client behind this link has proved that it works (SmartThings: its callback token is there). Older links of the
   same client and account are superseded: they end. */
void oauth_link_confirmed(struct oauth *oauth, struct oauth_link *link);
/* Called after a link has ended, durably: the SmartThings room clears its callbacks. At most 4 listeners. */
void oauth_on_link_ended(struct oauth *oauth, void (*fn)(void *user, struct oauth_link *link), void *user);

/* ---- rehearsals: what `lightbridge selftest` does leaves nothing behind (rehearsal.c) ---- */
/* The next authorization request whose raw `state` is this text begins a rehearsal; NULL: none does. */
void oauth_rehearsal_expect(struct oauth *oauth, const char *state);
/* Is it this one? True once. */
bool oauth_rehearsal_begins(struct oauth *oauth, const char *state, size_t len);
/* The link of a rehearsal is marked, durably and from its birth; it supersedes no other. Its trace is never written. */
bool oauth_link_rehearsal(const struct oauth_link *link);
/* Ends all links of rehearsals, and forgets them and their attempts: nobody sees them any more (pointers stay valid).
   done: 0 (also where there was none), or the store's: then something is still there. */
void oauth_rehearsals_end(struct oauth *oauth, oauth_done_fn *done, void *user);

#endif
