/* What the files of this room share; http.h is the contract. */
#ifndef HTTP_HTTP_INTERNAL_H
#define HTTP_HTTP_INTERNAL_H

#include "http/http.h"

#include <microhttpd.h>
#include <time.h>

#include "http/gate.h"
#include "loop/loop.h"

#define MAX_CONNECTIONS 512u /* of one listener */
#define MAX_ANSWER_HEADERS 16u
/* Of one caller. libmicrohttpd maps more than 32 kB by itself, and what is mapped goes back to the system with the
   connection; from the heap, sixty callers left two megabytes of it behind. */
#define CONNECTION_MEMORY 36864u
#define EXCHANGE_DEADLINE_MS 10000u /* from a complete request to its answer */
#define REQUEST_MS 15000u           /* from a request's first line (or the connection) to its last byte */
#define IDLE_MS 65000u              /* between two requests */
#define RELOAD_MS 10000u            /* how often changed certificates are looked for, while connections come */

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
    unsigned connections;
};

struct peer {
    struct peer *next, *previous;
    struct server *server;
    int fd;
    uint64_t since;  /* of the connection, the request's first line, or the last answer */
    bool in_request; /* its first line has come, its last byte has not */
    bool served;     /* at least one request was complete */
    bool busy;       /* a complete request waits for its answer: its own deadline counts */
    bool shut;       /* being closed */
};

struct http {
    struct loop *loop;
    struct http_config config;
    struct listener *listeners;
    struct server *servers;
    struct hook *hook;
    struct tick *tick; /* while there are connections */
    struct timer *deadline;
    struct defer *reload;
    bool dirty; /* a server is */
    struct peer *peers;
    struct http_exchange *first, *last; /* waiting for their answers, by deadline */
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
    char method[16];
    struct str body, source, credentials;
    void *caller;          /* of http_caller */
    struct url_form *form; /* of the query, once a handler has asked for it */
    const char *form_wrong;
    int form_state; /* 0 not parsed, 1 parsed, -1 malformed */
    bool begun, too_large, suspended, waiting;
    bool cut;     /* to be closed without an answer */
    bool owed;    /* a handler has it and will answer */
    bool expired; /* the deadline has answered in the handler's stead */
    struct {
        char *name, *value;
    } headers[MAX_ANSWER_HEADERS];
    size_t header_count;
    struct MHD_Response *response;
    int status;
    uint64_t due;
    struct http_exchange *next, *previous;
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

/* socket.c: l->fd, and l->path or l->port. ERR_INVALID, ERR_EXISTS, ERR_IO with a sentence in `why`. */
int socket_bind_unix(struct listener *l, const char *path, struct str *why);
int socket_bind_tcp(struct listener *l, const char *address, struct str *why);

/* listener.c */
void server_resume(struct http *http, struct MHD_Connection *connection); /* it was suspended */
void server_run_dirty(void *user);

#endif
