/* What the files of this room share; tests of the room may look in too. */
#ifndef OAUTH_OAUTH_INTERNAL_H
#define OAUTH_OAUTH_INTERNAL_H

#include "oauth/delay.h"
#include "oauth/oauth.h"
#include "oauth/rules.h"
#include "oauth/scope.h"
#include "oauth/token.h"
#include "oauth/trace.h"
#include "store/store.h"

#define OAUTH_LOGIN_QUEUE 8
#define OAUTH_NAME_MAX 64
#define OAUTH_PASSWORD_MIN 8
#define OAUTH_MAX_LISTENERS 4

struct grant_write;
struct end_write;

struct oauth_client {
    const char *id, *name;
    const char *const *redirects;
    bool has_secret, send_iss, webhook, smartapp, is_public, configured, removed;
    unsigned scopes;
    uint8_t secret_hash[SECRETS_SHA256_SIZE];
    int64_t created_ms;
    char *memory[2 + OAUTH_MAX_REDIRECTS]; /* of one of the store: id, name, redirect URIs */
    const char *list[OAUTH_MAX_REDIRECTS + 1];
};

struct oauth_account {
    char name[OAUTH_NAME_MAX + 1];
    char hash[SECRETS_PASSWORD_HASH_SIZE];
    int64_t created_ms;
    uint64_t stamp; /* oauth_account_stamp */
};

struct oauth_link {
    /* Birth number (4 bytes, big-endian), then 4 random bytes: ids sort by birth even when the clock was wrong. */
    uint8_t id[OAUTH_LINK_ID_SIZE];
    struct rules_link at;
    uint8_t key[SECRETS_KEY_SIZE]; /* wiped when ended; all zero without an installation key */
    char *account, *client_id, *redirect_uri, *scope, *end_reason;
    char *code_challenge;              /* NULL: none was sent */
    const struct oauth_client *client; /* NULL: no longer known */
    struct grant_write *redeeming, *refreshing;
    struct end_write *ending;
    struct trace *trace;    /* how it came to be and how it fares; NULL: forgotten */
    bool rehearsal;         /* it is to leave nothing behind */
    bool marking;           /* a write of seen_ms is on its way */
    uint64_t mark_after_ms; /* loop_now before which seen_ms is not written again */
    int64_t elsewhere_ms;   /* wall clock: when a token was last seen that another machine issued; 0: never */
};

/* A write on its way to the store. It outlives an oauth that is freed, but tells nobody then. */
struct job {
    struct job *next, *prev;
    struct oauth *oauth;
    void (*done)(struct job *job, int result); /* answers; must not free the job */
};

struct password_job;

struct traces {
    struct trace *list[TRACE_KNOWN_MAX + TRACE_ANONYMOUS_MAX]; /* by birth */
    size_t count;
    uint32_t last_number;
    int64_t since_ms; /* when this program started */
    const char *origin;
    struct timer *due, *flush;
    uint64_t due_at, flush_at; /* loop ms */
    uint64_t told_since_ms;    /* log lines about the anonymous in the minute that began then */
    unsigned told;
    uint32_t *gone; /* numbers of forgotten ones that have a row */
    size_t gone_count;
};

struct oauth {
    struct loop *loop;
    struct store *store;
    bool has_key;
    uint8_t key[SECRETS_KEY_SIZE], bridge_key[SECRETS_KEY_SIZE], bridge_id[TOKEN_BRIDGE_ID_SIZE];
    struct secrets_cost cost;
    int load_error;
    const char *refusal;

    struct oauth_client **clients; /* the configuration's first; removed ones stay, for those who hold a pointer */
    size_t client_count;

    struct oauth_account accounts[OAUTH_MAX_ACCOUNTS]; /* by name */
    uint64_t stamps;                                   /* given out */
    size_t account_count, adding;                      /* adding: on their way to the store */
    struct password_job *queue;                        /* the first one runs */
    size_t queue_len;
    struct delays delays;
    unsigned login_wait_s;

    struct oauth_link **links; /* by birth */
    size_t link_count, link_cap;
    struct oauth_link **slots; /* open addressing by id; slot_count is a power of two, at most half full */
    size_t slot_count;
    struct oauth_link **forgotten; /* ended ones that made room: pointers to them stay valid */
    size_t forgotten_count;
    uint32_t next_birth;

    struct job *jobs;
    struct {
        void (*fn)(void *user, struct oauth_link *link);
        void *user;
    } listeners[OAUTH_MAX_LISTENERS];
    size_t listener_count;

    struct traces traces;
    char *rehearsal; /* state of an authorization request that is awaited; NULL: of none */
    uint8_t callback_secret_hash[SECRETS_SHA256_SIZE];
    const char *callback_id; /* NULL: not known */
    bool has_callback_secret;

    struct rules_clock clock;
    int64_t (*wall_ms)(void);                     /* loop_wall_ms, but for tests of a lying clock */
    uint64_t (*mono_ms)(const struct loop *loop); /* loop_now */
};

/* ---- oauth.c ---- */
/* As oauth_trouble, of the store alone: names and passwords need no key. */
int oauth_store_trouble(const struct oauth *oauth);
/* The wall clock, looked at together with the monotonic one so that jumps are noticed. */
int64_t oauth_now(struct oauth *oauth);
/* Submits a batch; job->done comes with its result, or with ERR_CANCELLED when the oauth is freed before. */
void oauth_submit(struct oauth *oauth, struct job *job, struct store_batch *batch);

/* ---- accounts.c ---- */
struct oauth_account *accounts_find(struct oauth *oauth, const char *name); /* NULL */
void accounts_put(struct oauth *oauth, const struct oauth_account *account);
void accounts_cancel(struct oauth *oauth); /* at oauth_free */

/* ---- clients.c ---- */
void clients_load(struct oauth *oauth, const struct oauth_config *config);
void clients_put(struct oauth *oauth, struct oauth_client *client); /* one of the store; takes it */
void clients_free(struct oauth_client *client);
void clients_done(struct oauth *oauth);
/* One of the store from its row's texts; NULL: they make no sense. */
struct oauth_client *clients_new(const char *id, const char *name, const char *redirect_uris, const char *scopes);
void clients_load_callback(struct oauth *oauth, const struct oauth_config *config);

/* ---- grants.c ---- */
/* What a text claims, judged: 0 with its living link, or ERR_*; ERR_ENDED gives the link, but no token. Every refusal
   that is not the caller's fault says so. */
int grants_judge(struct oauth *oauth, const char *text, enum token_kind kind, struct token *ret_token,
                 struct oauth_link **ret_link);

/* ---- links.c ---- */
struct oauth_link *links_new(struct oauth *oauth, const uint8_t id[OAUTH_LINK_ID_SIZE], const uint8_t *salt);
void links_free(struct oauth_link *link);
struct oauth_link *links_find(const struct oauth *oauth, const uint8_t id[OAUTH_LINK_ID_SIZE]); /* NULL */
void links_add(struct oauth *oauth, struct oauth_link *link);
void links_done(struct oauth *oauth);
/* In memory, after the commit: the salt's key is wiped, the listeners are told. */
void links_ended(struct oauth *oauth, struct oauth_link *link, int64_t at_ms, const char *reason);
/* Chooses an id for the next link. ERR_TOO_LARGE: OAUTH_MAX_LINKS are alive; ended ones make room (adds to batch). */
int links_next_id(struct oauth *oauth, struct store_batch *batch, uint8_t ret_id[OAUTH_LINK_ID_SIZE]);

/* An ended link goes, in memory and in the store; pointers to it stay valid. */
void links_forget(struct oauth *oauth, struct oauth_link *link);

/* ---- rows.c: the only file that knows SQL ---- */
int rows_load(struct oauth *oauth); /* 0 or ERR_*; after an error the tables are empty */
void rows_add_account(struct store_batch *batch, const struct oauth_account *account);
/* Only where the password is still `was`; NULL: whatever it is. */
void rows_set_password(struct store_batch *batch, const char *name, const char *hash, const char *was);
/* Ends the account's links too. */
void rows_remove_account(struct store_batch *batch, const char *name, int64_t at_ms, const char *reason);
void rows_add_client(struct store_batch *batch, const struct oauth_client *client);
/* Ends the client's links too; reason NULL: does not. */
void rows_remove_client(struct store_batch *batch, const char *id, int64_t at_ms, const char *reason);
/* Writes nothing where the account or the client is gone. */
void rows_add_link(struct store_batch *batch, const struct oauth *oauth, const struct oauth_link *link,
                   const uint8_t salt[TOKEN_SALT_SIZE]);
void rows_forget_link(struct store_batch *batch, const struct oauth_link *link);
void rows_redeem(struct store_batch *batch, const struct oauth_link *link, uint32_t generation, int64_t at_ms);
void rows_refresh(struct store_batch *batch, const struct oauth_link *link, uint32_t generation, int64_t at_ms,
                  int64_t redeemed_ms);
void rows_forward(struct store_batch *batch, const struct oauth_link *link, const struct rules_link *at);
void rows_seen(struct store_batch *batch, const struct oauth_link *link, int64_t at_ms);
void rows_end(struct store_batch *batch, const struct oauth_link *link, int64_t at_ms, const char *reason);
int rows_load_traces(struct oauth *oauth);
void rows_put_trace(struct store_batch *batch, const struct trace *trace);
void rows_forget_trace(struct store_batch *batch, uint32_t number);

/* ---- traces.c ---- */
void traces_load(struct oauth *oauth, const char *public_url); /* after the links */
void traces_put(struct oauth *oauth, struct trace *trace);     /* one of the store, by birth; takes it */
void traces_expire(struct oauth *oauth);
void traces_link_ended(struct oauth *oauth, struct oauth_link *link);
void traces_forget_rehearsals(struct oauth *oauth);
void traces_done(struct oauth *oauth);

#endif
