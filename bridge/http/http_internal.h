/* What the files of this room share; http.h is the contract. */
#ifndef HTTP_HTTP_INTERNAL_H
#define HTTP_HTTP_INTERNAL_H

#include "http/http.h"

#include <microhttpd.h>
#include <time.h>

#include "http/crowd.h"
#include "http/gate.h"
#include "loop/loop.h"

#define MAX_PUBLIC 5600u       /* callers of the public listener: five thousand that never ask leave room for others */
#define MAX_PUBLIC_TLS 4096u   /* where each has a session that takes as much again */
#define MAX_HOUSE 512u         /* of the local one, and of the control socket */
#define OWN_DESCRIPTORS 1024u  /* for all else that the daemon opens, and for those being closed */
#define BEING_CLOSED 128u      /* of a listener's, beyond its room, until libmicrohttpd is run next */
#define BODIES_MAX (16u << 20) /* bytes of a listener's bodies that are not whole yet */
#define MAX_ANSWER_HEADERS 16u
/* Of one caller, taken from the heap: the head of its request, of the answer, and what of the body is read at once. A
   `state` of 4 kB may be in the target, and again, escaped threefold, in a Location. All of a full house together may
   make the daemon hold 140 MB, less than its unit's MemoryMax. */
#define CONNECTION_MEMORY 24576u
#define EXCHANGE_DEADLINE_MS 10000u /* from a complete request to its answer */
#define RELOAD_MS 10000u            /* how often changed certificates are looked for, while connections come */
#define LINGER_MS 5000u             /* how long a refused body is still read, so that the refusal is */
#define LINGER_BYTES (8u << 20)     /* and how much of it */
#define MAX_LINGERING 64u

/* One libmicrohttpd daemon. A listener has one that accepts, and after a change of certificates others that only end
   what they began. */
struct server {
    struct server *next;
    struct listener *listener;
    struct MHD_Daemon *daemon;
    struct watch *watch;
    struct timer *timer;
    bool draining;
    bool dirty; /* a connection was resumed: libmicrohttpd must be run before the loop sleeps */
    struct str certificate, key;
};

struct listener {
    struct listener *next;
    struct http *http;
    unsigned kind; /* HTTP_PUBLIC, ... */
    int fd;
    uint16_t port;
    char *path; /* of a unix socket, to be removed at the end */
    char **names, **trusted;
    char *certificate_file, *key_file; /* NULL: no TLS */
    struct timespec certificate_time, key_time;
    uint64_t looked_at;
    struct crowd crowd;
};

struct http {
    struct loop *loop;
    struct http_config config;
    struct listener *listeners;
    struct server *servers;
    struct hook *hook;
    struct tick *tick; /* while there are connections */
    struct timer *deadline;
    struct defer *settle;
    bool dirty;                                   /* a server is */
    unsigned crowd_was;                           /* most connections since memory was last given back */
    struct lingering *lingering, *lingering_last; /* by deadline */
    unsigned lingering_count;
    struct timer *linger;               /* NULL: nobody lingers any more */
    struct http_exchange *first, *last; /* waiting for their answers, by deadline */
    struct http_exchange *streams;
    struct http_stats stats;
};

struct http_exchange {
    struct http *http;         /* NULL once the caller has gone */
    struct listener *listener; /* NULL with http */
    unsigned kind;             /* of the listener */
    bool is_tls;
    struct MHD_Connection *connection; /* NULL: the caller has gone */
    const struct http_route *route;
    char *target;      /* the request target as it came, cut at '?' */
    const char *query; /* inside target */
    const char *tail;
    char *segment; /* what tail is, where it is no end of target */
    char method[16];
    struct str body, source, credentials;
    void *caller;          /* of http_caller */
    struct url_form *form; /* of the query, once a handler has asked for it */
    const char *form_wrong;
    int form_state; /* 0 not parsed, 1 parsed, -1 malformed */
    bool begun, too_large, suspended, waiting;
    bool cut;                   /* to be closed without an answer */
    bool owed;                  /* a handler has it and will answer */
    bool expired;               /* the deadline has answered in the handler's stead */
    bool answered, unread_body; /* the answer is libmicrohttpd's; it refuses a body that is still being sent */
    size_t swallowed;           /* bytes of a body that is too large */
    struct {
        char *name, *value;
    } headers[MAX_ANSWER_HEADERS];
    size_t header_count;
    struct MHD_Response *response;
    int status;
    uint64_t due;
    http_pull *pull; /* NULL: no stream, or one that has ended */
    void (*pull_gone)(void *user);
    void *pull_user;
    struct http_exchange *next, *previous; /* among those that wait, or among the streams */
};

/* exchange.c */
void *exchange_new(struct http *http, const char *target);
void exchange_gone(struct http_exchange *x); /* the connection or the request is over */
enum MHD_Result exchange_feed(struct http_exchange *x, struct listener *listener, struct MHD_Connection *connection,
                              const char *method, const char *data, size_t *len);
void exchange_deadline(void *user);
void exchange_expire_all(struct http *http);
/* Builds the answer that is sent when libmicrohttpd asks next. */
void exchange_answer(struct http_exchange *x, int status, const char *content_type, struct str *body);

/* Status and headers of x->response; aborts where there is none. */
void exchange_head(struct http_exchange *x, int status, const char *content_type);
void exchange_wake(struct http_exchange *x); /* there is something for it */

/* stream.c */
void stream_gone(struct http_exchange *x); /* its connection is over; nothing where it is no stream */
void stream_end_all(struct http *http);

/* socket.c: l->fd, and l->path or l->port. ERR_INVALID, ERR_EXISTS, ERR_IO with a sentence in `why`. */
int socket_bind_unix(struct listener *l, const char *path, struct str *why);
int socket_bind_tcp(struct listener *l, const char *address, struct str *why);

/* request.c: the address of a socket's far side as far as it tells who is there; nothing where it does not. The headers
   may be NULL. */
void connection_source(struct str *s, struct MHD_Connection *connection, const struct listener *listener,
                       const char *x_forwarded_for, const char *forwarded);

/* listener.c */
void server_resume(struct http *http, struct MHD_Connection *connection); /* it was suspended */
void server_run_dirty(void *user);

/* caller.c: what libmicrohttpd calls, cls is the server; and what callers leave behind. */
struct peer *caller_of(struct MHD_Connection *connection);
void caller_shut(struct MHD_Connection *connection);
void caller_changed(void *cls, struct MHD_Connection *connection, void **context,
                    enum MHD_ConnectionNotificationCode code);
void *caller_begins(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result caller_feeds(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                             const char *version, const char *data, size_t *len, void **context);
void caller_completed(void *cls, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode code);
void callers_trim(struct http *http); /* gives memory back where a crowd has gone */

/* linger.c: what the far side still sends on `fd`, a descriptor of our own, is read and thrown away for a while, so
   that it gets to read our answer: closed at once, the kernel would say 'reset' and drop what we said. */
void linger(struct http *http, int fd);
void linger_start(struct http *http);
void linger_end(struct http *http); /* for all, and for ever */

#endif
