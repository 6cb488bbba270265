/* Outbound HTTP(S) on the loop: one libcurl multi handle, so that TLS connections stay warm. */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct fetch;
struct fetch_call; /* one exchange under way */

#define FETCH_MAX_BODY (1024u * 1024u) /* of an answer, unless the request says less */

enum {
    FETCH_ALLOW_HTTP = 1,    /* plain http, to a loopback address only (or by unix_socket) */
    FETCH_ALLOW_PRIVATE = 2, /* the resolved address may be private, loopback or link-local */
    FETCH_ALLOW_LAN = 4,     /* plain http to a private or loopback address: a device in the house, which has no
                                certificate. Never for an URL that came from the cloud. */
};

struct fetch_header {
    const char *name, *value;
};

/* Everything is copied before fetch_start returns. */
struct fetch_request {
    const char *method; /* "GET", "POST", ... */
    const char *url;
    const struct fetch_header *headers;
    size_t header_count;
    const char *body;
    size_t body_len;
    uint32_t timeout_ms;     /* whole exchange; 0: 10 000 */
    size_t max_body;         /* 0: FETCH_MAX_BODY */
    unsigned policy;         /* FETCH_ALLOW_* */
    const char *unix_socket; /* path, or NULL */
    const char *ca_file;     /* further trust anchor, or NULL */
    const char *connect_to;  /* "host:port" to connect to in place of the URL's, whose name still counts; or NULL */
};

struct fetch_result {
    int result; /* 0: an HTTP answer came, whatever its status. Otherwise ERR_TIMEOUT, ERR_OFFLINE (no connection),
                   ERR_DENIED (policy: scheme, private address; TLS verification), ERR_TOO_LARGE, ERR_IO, ERR_CANCELLED,
                   ERR_INVALID (no URL, method or header of HTTP) */
    bool may_have_arrived; /* the request's bytes left: the far side may have acted on it */
    int status;            /* 200, 401, ... */
    const char *body;      /* NUL-terminated; valid in the callback */
    size_t body_len;
    const char *why; /* a sentence for people when result != 0, "" otherwise */
};

typedef void fetch_done_fn(void *user, const struct fetch_result *result);

int fetch_new(struct loop *loop, struct fetch **ret_fetch);
void fetch_free(struct fetch *fetch); /* calls under way end with ERR_CANCELLED */
/* `done` comes once, from a deferred call, never from inside this one; it may start, cancel and free. Redirects are
   not followed. No proxies from the environment. What is not GET or HEAD is sent once at most: where a kept
   connection turns out dead, the result is ERR_IO with may_have_arrived. */
struct fetch_call *fetch_start(struct fetch *fetch, const struct fetch_request *request, fetch_done_fn *done,
                               void *user);
void fetch_cancel(struct fetch_call *call); /* done is not called any more; not after done */
/* A header of the answer, from inside the callback; NULL if absent. */
const char *fetch_answer_header(const struct fetch_result *result, const char *name);

#endif
