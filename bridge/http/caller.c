/* Callers: what libmicrohttpd says of each connection, deadlines, and room for the next. Its own timeout counts
   activity: somebody who sends a byte now and then would live for ever. */
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/http_internal.h"

#define CROWD_TRIMMED 256u /* connections that leave memory behind which is worth giving back */

struct peer *caller_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* libmicrohttpd notices, and closes. */
static void shut(struct peer *p)
{
    crowd_closing(p);
    (void)shutdown(p->fd, SHUT_RDWR);
}

void caller_shut(struct MHD_Connection *connection)
{
    struct peer *p = caller_of(connection);
    if (p) {
        shut(p);
    }
}

static void make_room(struct peer *newcomer)
{
    struct peer *goes = crowd_surplus(newcomer->crowd, newcomer);
    if (goes) {
        shut(goes);
    }
}

void callers_trim(struct http *http)
{
    unsigned open = http->stats.open_connections;
    if (http->crowd_was >= CROWD_TRIMMED && open < http->crowd_was / 2) {
        (void)malloc_trim(0);
        http->crowd_was = open;
    }
}

static void tick(void *user)
{
    struct http *http = user;
    for (struct listener *l = http->listeners; l; l = l->next) {
        crowd_each_late(&l->crowd, loop_now(http->loop), shut);
    }
    callers_trim(http);
}

/* ---- coming and going ---- */

static void comes(struct server *s, struct MHD_Connection *connection, struct peer *p)
{
    struct http *http = s->listener->http;
    struct str source = STR_INIT;
    p->server = s;
    p->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    connection_source(&source, connection, s->listener, NULL, NULL);
    crowd_add(&s->listener->crowd, p, source.len > 0 ? str_z(&source) : NULL, loop_now(http->loop));
    str_done(&source);
    make_room(p);
    if (++http->stats.open_connections > http->crowd_was) {
        http->crowd_was = http->stats.open_connections;
    }
    if (!http->tick) {
        http->tick = tick_new(http->loop, tick, http);
    }
    if (s->listener->certificate_file && loop_now(http->loop) - s->listener->looked_at >= RELOAD_MS) {
        defer_call(http->settle);
    }
}

/* Has it sent what nobody has read? */
static bool has_sent_more(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void goes(struct server *s, struct peer *p)
{
    struct http *http = s->listener->http;
    /* libmicrohttpd has answered, or refused by itself, and closes the descriptor next */
    if (p->state != PEER_CLOSING && (p->unread_body || has_sent_more(p->fd))) {
        linger(http, fcntl(p->fd, F_DUPFD_CLOEXEC, 0));
    }
    crowd_remove(p);
    free(p);
    if (--http->stats.open_connections == 0) {
        tick_free(http->tick);
        http->tick = NULL;
        defer_call(http->settle);
    }
}

void caller_changed(void *cls, struct MHD_Connection *connection, void **context,
                    enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = mem_alloc(sizeof(struct peer));
        comes(cls, connection, *context);
    } else {
        goes(cls, *context);
    }
}

/* ---- one request ---- */

void *caller_begins(void *cls, const char *target, struct MHD_Connection *connection)
{
    struct server *s = cls;
    struct peer *p = caller_of(connection);
    if (p) {
        crowd_asks(p, loop_now(s->listener->http->loop));
        p->unread_body = true; /* what libmicrohttpd refuses before anybody is asked */
    }
    return exchange_new(s->listener->http, target);
}

static void follow(struct peer *p, const struct http_exchange *x, uint64_t now)
{
    crowd_holds(p, x->body.len);
    p->unread_body = x->unread_body;
    if (x->waiting || x->pull) {
        crowd_busy(p);
    } else if (x->answered) {
        crowd_asks(p, now); /* so long it may take to read the answer */
    } else {
        crowd_moves(p);
    }
    struct peer *glutton = crowd_glutton(p->crowd, BODIES_MAX);
    if (glutton) {
        shut(glutton);
    }
}

enum MHD_Result caller_feeds(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                             const char *version, const char *data, size_t *len, void **context)
{
    struct server *s = cls;
    struct peer *p = caller_of(connection);
    (void)url;
    (void)version;
    enum MHD_Result result = exchange_feed(*context, s->listener, connection, method, data, len);
    if (p) {
        follow(p, *context, loop_now(s->listener->http->loop));
    }
    return result;
}

void caller_completed(void *cls, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode code)
{
    struct server *s = cls;
    struct peer *p = caller_of(connection);
    (void)code;
    if (p) {
        crowd_holds(p, 0);
        crowd_idle(p, loop_now(s->listener->http->loop));
    }
    if (*context) {
        exchange_gone(*context);
        *context = NULL;
    }
}
