/* HTTP in: listeners over libmicrohttpd, the header gate, the route table, exchanges.

   Bytes that are ambiguous never reach a handler: the gate answers 400 and closes (more than one
   Content-Length, Host or Authorization; Transfer-Encoding with Content-Length; a name that is no token; a folded line;
   duplicate query keys are refused by the form parser). Bodies are complete when a handler is called. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/url.h"

struct loop;
struct http;          /* all listeners */
struct http_exchange; /* one request and its one answer */

/* Which listeners serve a route. */
enum { HTTP_PUBLIC = 1, HTTP_LOCAL = 2, HTTP_CONTROL = 4 };

/* Who may call it. */
enum http_auth {
    HTTP_OPEN,        /* anybody; or the handler itself authenticates (OAuth client, token inside the document) */
    HTTP_LOCAL_LOGIN, /* on the local listener: HTTP Basic with an account; on the control socket: nothing more */
    /* A bearer token in the Authorization header (RFC 6750 2.1), or the name of HTTP Basic without a password, whose
       link has the scope; http_caller is that link. */
    HTTP_TOKEN_READ,    /* devices:read */
    HTTP_TOKEN_CONTROL, /* devices:control */
};

typedef void http_handler(struct http_exchange *exchange, void *context);

/* One row of the daemon's surface. A path may have one "*": at its end it matches the rest, elsewhere one segment that
   is not empty. What it matched is http_tail. The first row that fits counts. */
struct http_route {
    const char *method; /* "GET" also serves HEAD */
    const char *path;
    unsigned listeners; /* HTTP_* */
    enum http_auth auth;
    size_t max_body; /* 0: no body allowed */
    http_handler *handle;
    unsigned context; /* index into http_config.contexts */
};

struct http_tls {
    const char *certificate_file, *key_file; /* PEM; reloaded when they change */
};

struct http_config {
    const struct http_route *routes;
    size_t route_count;
    void *const *contexts;
    /* Checks a local login (the account's password); source as http_source; calls answer(token, result) once, now or
       later: 0, ERR_DENIED, or why it cannot be told now (503). NULL: local logins are refused. */
    void (*login)(void *user, const char *name, const char *password, const char *source,
                  void (*answer)(void *token, int result), void *token);
    /* Judges a bearer token for a route of HTTP_TOKEN_*: 0 and who it is; ERR_DENIED, ERR_EXPIRED, ERR_ENDED: 401
       invalid_token; ERR_UNSUPPORTED: it is good, but lacks the scope: 403; else 503. *ret_scope gets the scope's name,
       always. NULL: those routes are refused. */
    int (*bearer)(void *user, const char *token, enum http_auth wanted, const char **ret_scope, void **ret_caller);
    void *user;           /* of login and bearer */
    unsigned deadline_ms; /* from a complete request to its answer; 0: 10 000 */
};

int http_new(struct loop *loop, const struct http_config *config, struct http **ret_http);
/* address "127.0.0.1:8000" or "[::1]:8000", port 0 picks one; `why` gets a sentence. names: for HTTP_LOCAL the Host
   names that are ours beside loopback (NULL-terminated, may be NULL). trusted_proxies: addresses whose
   Forwarded/X-Forwarded-For counts. */
struct http_listen {
    unsigned listener;   /* HTTP_PUBLIC, HTTP_LOCAL or HTTP_CONTROL */
    const char *address; /* host:port, or the path of a unix socket for HTTP_CONTROL (0660, stale one removed) */
    const struct http_tls *tls;
    const char *const *names;
    const char *const *trusted_proxies;
};
int http_listen(struct http *http, const struct http_listen *listen, struct str *why);
uint16_t http_port(const struct http *http, unsigned listener); /* as bound; 0 if none */
void http_free(struct http *http); /* resumes and closes everything; exchanges not yet answered get 503 and stay valid
                                      until answered */

/* ---- the request: borrowed texts, valid until the exchange is answered ---- */
const char *http_method(const struct http_exchange *x);
const char *http_path(const struct http_exchange *x);
const char *http_tail(const struct http_exchange *x);      /* what the route's "*" matched, percent-encoded as sent */
const char *http_raw_query(const struct http_exchange *x); /* undecoded bytes behind '?', "" if none */
const struct url_form *http_query(struct http_exchange *x,
                                  const char **ret_what);                 /* NULL: malformed, *ret_what says how */
const char *http_header(const struct http_exchange *x, const char *name); /* NULL if absent */
const char *http_cookie(const struct http_exchange *x, const char *name, size_t *ret_len); /* NULL if absent */
const char *http_body(const struct http_exchange *x, size_t *ret_len);
bool http_body_is(const struct http_exchange *x, const char *media_type); /* Content-Type, parameters ignored */
unsigned http_listener(const struct http_exchange *x);                    /* HTTP_*: who asks */
/* Has the caller hung up, or been answered in the handler's stead? Then an answer reaches nobody. */
bool http_caller_gone(const struct http_exchange *x);
void *http_caller(const struct http_exchange *x); /* whose token it is; NULL on routes that want none */
bool http_is_tls(const struct http_exchange *x);
/* Where it came from, for delays: the socket's peer, or behind a trusted proxy the client it names; NULL where that
   cannot be known (a proxy that is not listed, i.e. loopback without trusted_proxies). */
const char *http_source(const struct http_exchange *x);

/* ---- the answer: exactly one http_answer per exchange, from inside the handler or later ---- */
void http_add_header(struct http_exchange *x, const char *name, const char *value); /* before answering; CR/LF aborts */
/* Takes the body (as str_take) and the exchange: do not touch x afterwards. body may be NULL. The caller having gone,
   or the exchange's own deadline (http_config: 503 was sent) having passed, is not the handler's business: the answer
   is dropped. */
void http_answer(struct http_exchange *x, int status, const char *content_type, struct str *body);
/* {"error": code, "error_description": text} with Cache-Control: no-store. retry_after 0: no such header. */
void http_answer_error(struct http_exchange *x, int status, const char *code, const char *text, unsigned retry_after);
/* Instead of an answer: the connection is closed without one. For far sides that lose answers on purpose. */
void http_cut(struct http_exchange *x);

/* ---- a stream: an answer that goes on ---- */

/* Writes at most `room` bytes and returns how many. 0: there are none now, and http_stream_wake will say when there
   are. Called when the caller can take them, and not while it cannot: whoever reads slowly is kept waiting here by
   nobody. */
typedef size_t http_pull(void *user, char *bytes, size_t room);
/* Instead of http_answer: status 200, and what `pull` gives until either side ends it. `gone` comes once, then x is not
   to be touched any more; from inside this call where the caller has gone already. No deadline but TCP's own: what was
   sent and is not acknowledged for a minute ends it, so send something now and then. */
void http_stream(struct http_exchange *x, const char *content_type, http_pull *pull, void (*gone)(void *user),
                 void *user);
void http_stream_wake(struct http_exchange *x); /* there is more to pull */
void http_stream_cut(struct http_exchange *x);  /* the connection is closed; `gone` comes soon, not from inside */

/* ---- pages ---- */

/* Fills a template: {{name}} is escaped for HTML text and attributes, {{{name}}} is raw (only what was built here),
   {{#name}}...{{/name}} is kept when the value is not NULL and not empty. Unknown names abort. */
struct http_variable {
    const char *name, *value;
};
void http_fill(struct str *out, const char *page, const struct http_variable *variables, size_t count);
void http_escape(struct str *out, const char *text); /* & < > " ' */
/* The stylesheet and frame every page shares; title is escaped, body is raw. Sets the security headers (CSP without
   inline code, frame-ancestors 'none', no-referrer, no-store); form_action adds an origin to form-action or is NULL. */
void http_answer_page(struct http_exchange *x, int status, const char *title, struct str *body,
                      const char *form_action);

/* Handlers of every surface: GET /style.css, and GET /healthz which answers {"status":"ok"}, or 503 with the reason
   where the context (a struct http_health, NULL: always well) says so: to strangers without naming files. */
void http_stylesheet(struct http_exchange *x, void *context);
void http_healthz(struct http_exchange *x, void *context);
#define HTTP_INSTANCE "Lightbridge-Instance" /* by it `lightbridge doctor` sees that a URL leads to this daemon */
struct http_health {
    const char *(*trouble)(void *user, unsigned listener); /* whom it is told; NULL or "" when well */
    void *user;
    const char *instance; /* of this run, NULL: none; goes with the answer as the header HTTP_INSTANCE */
};

struct http_stats {
    uint64_t requests, refused_by_gate, answers_2xx, answers_4xx, answers_5xx, deadlines;
    unsigned open_connections, open_streams;
};
struct http_stats http_stats(const struct http *http);

#endif
