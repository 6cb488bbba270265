/* What the files of this room share. */
#ifndef ACCOUNT_ACCOUNT_INTERNAL_H
#define ACCOUNT_ACCOUNT_INTERNAL_H

#include "account/account.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "http/http.h"
#include "loop/loop.h"
#include "oauth/oauth.h"
#include "oauth/scope.h"
#include "oauth/trace.h"

#define PENDING_MAX 256u              /* people who are linking at once */
#define PENDING_LIFE_MS (10u * 60000) /* from the authorize request to the last form */
#define TOKEN_CHARS 22u               /* 16 random bytes as base64url */
#define SCOPE_TEXT_MAX 512u
#define RETRY_AFTER_S 30u

#define COOKIE "lightbridge_link"

enum pending_step { STEP_LOGIN, STEP_CONSENT, STEP_ISSUING, STEP_DONE };

/* What a form led to, as the page that is shown next says it: a form is never answered with a page, but with a 303 to
   one, so that reload and the back button are a GET and never the browser's own 'Confirm Form Resubmission'. */
enum notice_kind {
    NOTICE_NONE,
    NOTICE_INCOMPLETE,
    NOTICE_WRONG,
    NOTICE_CHANGED,
    NOTICE_WAIT,
    NOTICE_BUSY,
    NOTICE_TOO_MANY_LINKS,
    NOTICE_REMOVED,
    NOTICE_UNWELL, /* the store is */
    NOTICE_COUNT
};

/* By which of its names a pending is looked for: what the pages are called, and what their forms carry. */
enum pending_name { NAME_LOGIN, NAME_CONSENT_PAGE, NAME_CONSENT_FORM };

struct notice {
    enum notice_kind what;
    enum pending_name page; /* on which it is shown: NAME_LOGIN or NAME_CONSENT_PAGE */
    unsigned after_s;       /* seconds until it may be tried again; 0: at once */
    int err;                /* of NOTICE_UNWELL */
};

/* One authorization on its way through the pages. */
struct pending {
    struct pending *next;
    enum pending_step step;
    char id[TOKEN_CHARS + 1];       /* in the consent form, from the login on; never in an address */
    char page_id[TOKEN_CHARS + 1];  /* in the address of the consent page, from the login on */
    char login_id[TOKEN_CHARS + 1]; /* of the login page and its form, which may come a second time */
    char cookie[TOKEN_CHARS + 1];   /* of the browser that asked */
    const struct oauth_client *client;
    char *redirect_uri, *scope;
    char *code_challenge; /* NULL: none was sent */
    char *state;          /* raw bytes of the query, NULL: none was sent */
    size_t state_len;
    bool rehearsal; /* of lightbridge selftest */
    char *account;  /* from the login on */
    uint64_t stamp; /* of the account, as it logged in */
    struct notice notice;
    uint64_t notice_since;   /* of the loop's clock */
    char *tried;             /* the account's name in the last form that did not lead on; NULL: none */
    uint32_t trace;          /* number of the attempt */
    struct str location;     /* once it is done: where a second press of the button goes, too */
    struct oauth_link *link; /* once it is done and allowed */
    uint64_t since;
    struct waiter *waiters; /* exchanges that wait for the code */
};

struct waiter {
    struct waiter *next;
    struct http_exchange *x;
};

struct account {
    struct loop *loop;
    struct oauth *oauth;
    bool secure; /* the public URL is https */
    const char *public_url;
    struct str issuer; /* RFC 8414 2: the public origin, empty if not configured */
    struct pending *pendings;
    size_t count;
};

/* pending.c */
/* A new one; the oldest makes room. */
struct pending *pending_new(struct account *account);
/* NULL: no such one, of another browser, or too old. */
struct pending *pending_find(struct account *account, enum pending_name name, const char *id, const char *cookie,
                             size_t cookie_len);
/* Whoever's browser asks: only for saying what went wrong. */
struct pending *pending_of_anybody(struct account *account, enum pending_name name, const char *id);
/* Somebody logged in: whoever knew the names before knows nothing now. */
void pending_rename(struct pending *p);
void pending_notice(struct account *account, struct pending *p, const struct notice *notice);
void pending_free_all(struct account *account);
const char *issuer_for(const struct account *account, const struct oauth_client *client); /* RFC 9207; NULL */

/* Where an answer to an authorize request goes. */
struct way_back {
    const char *redirect_uri;
    const char *state; /* raw bytes of the query; NULL: none was sent */
    size_t state_len;
    const char *issuer; /* RFC 9207; NULL: this client does not take it */
};
struct way_back pending_way_back(const struct account *account, const struct pending *p);
/* redirect_uri?name=value[&error_description=...][&iss=...][&state=raw]; description may be NULL. */
void pending_location(const struct way_back *to, const char *name, const char *value, const char *description,
                      struct str *out);

/* A parameter's value; NULL where it is absent, broken, or empty, which is as if it were absent (RFC 6749 3.1, 3.2). */
const char *form_given(const struct url_form *form, const char *name);

/* form.c: how the forms of the pages are read, and where they lead */
/* false: it cannot be read, and the answer has been given. Release with url_form_done also then. */
bool form_read(struct http_exchange *x, struct url_form *form);
/* The pending that a form (POST) or a page (GET) names; NULL: there is none, and the answer has been given. */
struct pending *form_pending(struct account *account, struct http_exchange *x, const struct url_form *form,
                             enum pending_name name);
struct pending *page_pending(struct account *account, struct http_exchange *x, enum pending_name name);
/* 303 to the page of this name; id: what it is called, or what was sent for it, may be NULL. */
void go_to(struct http_exchange *x, enum pending_name name, const char *id);

/* client.c: who asks at an endpoint that wants a client */
struct asker {
    bool traced; /* given: it is the token endpoint; link traces are told what goes wrong, and JSON is read, too */
    struct url_form form;
    struct str memory; /* of Basic's */
    struct str json;   /* a body of JSON, as the form that it stands for */
    const char *id, *secret;
    bool basic;
    const struct oauth_client *client;
};
/* Reads the form and authenticates the client; false: an error was answered. Release with asker_done also then. */
bool asker_read(struct account *account, struct http_exchange *x, struct asker *asker);
void asker_done(struct asker *asker);
void answer_invalid_request(struct http_exchange *x, const char *text);
void answer_invalid_client(struct http_exchange *x, const char *text);
void answer_unwell(struct http_exchange *x, int err); /* 503, never a judgement */

/* page.c */
void page_error(struct http_exchange *x, int status, const char *title, const char *text, unsigned retry_after);
/* `got` NULL: none was sent. Never redirects there: whoever asked is not who he says. */
void page_wrong_redirect(struct http_exchange *x, const struct oauth_client *client, const char *got);
void page_login(struct http_exchange *x, const struct account *account, const struct pending *p);
void page_consent(struct http_exchange *x, const struct account *account, const struct pending *p);
/* The decision was made: what it was, and the way on while the app has not taken it up. */
void page_answered(struct http_exchange *x, const struct pending *p);
/* Has the decision been made, and may the browser be sent to p->location once more? Not with a code that was redeemed:
   presented again it would end the link (RFC 6749 4.1.2). */
bool pending_may_go_on(const struct pending *p);
void page_redirect(struct http_exchange *x, const char *location);
/* The store being unwell is nobody's fault who asks: 503. */
void page_unwell(struct http_exchange *x, int err);

/* traced.c: what the link traces are told */
void traced_authorize_refusal(struct account *account, const char *client_id, const char *redirect_uri,
                              enum trace_cause cause, const char *expected, const char *got); /* of authorize */
void traced_unknown_client(struct account *account, const char *id);
void traced_wrong_redirect(struct account *account, const struct oauth_client *client, const char *got);
void traced_begin(struct account *account, struct pending *p);
void traced(struct account *account, const struct pending *p, enum trace_step step, enum trace_outcome outcome,
            enum trace_cause cause);
void traced_login(struct account *account, struct pending *p, const char *name, int result);
void traced_code(struct account *account, const struct pending *p, int result, struct oauth_link *link);
/* Of a token request; it is told to the link whose code or refresh token is in it. known: the client was authentic. */
void traced_token_refusal(struct account *account, struct http_exchange *x, const char *client_id, bool known,
                          enum trace_cause cause, const char *expected, const char *got);
void traced_client_refusal(struct account *account, struct http_exchange *x, const char *id, const char *secret,
                           bool basic);
/* Tokens were given, or our own trouble kept us from it; what oauth refused it has told itself. link may be NULL. */
void traced_tokens(struct account *account, struct oauth_link *link, enum trace_step step, const char *style,
                   bool has_redirect_uri, int result);

#endif
