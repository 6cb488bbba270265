/* Answers that go on: libmicrohttpd asks for the next bytes when the caller can take them; while there are none the
   connection is suspended. */
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "http/http_internal.h"

#define BLOCK 4096u        /* bytes that are asked for at once, at most */
#define UNHEARD_MS 60000   /* how long what was sent may stay without an acknowledgement */
#define UNSENT_BYTES 65536 /* what the system keeps for a caller who does not read */

static ssize_t next_bytes(void *cls, uint64_t at, char *bytes, size_t room)
{
    struct http_exchange *x = cls;
    (void)at;
    if (x->cut || !x->pull) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t len = x->pull(x->pull_user, bytes, room);
    if (len == 0 && x->cut) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (len == 0) {
        x->suspended = true;
        MHD_suspend_connection(x->connection);
    }
    return (ssize_t)len;
}

/* A caller who vanished without a word, or stopped reading, does not hold its place for ever. */
static void watch_over(const struct http_exchange *x)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int fd = info ? info->connect_fd : -1, unheard = UNHEARD_MS, unsent = UNSENT_BYTES;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard, sizeof unheard);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &unsent, sizeof unsent);
}

void http_stream(struct http_exchange *x, const char *content_type, http_pull *pull, void (*gone)(void *user),
                 void *user)
{
    assert(x->owed);
    if (x->expired || !x->connection || !x->http) {
        http_answer(x, 200, content_type, NULL); /* it reaches nobody */
        gone(user);
        return;
    }
    struct http *http = x->http;
    x->owed = false;
    x->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, next_bytes, x, NULL);
    exchange_head(x, 200, content_type);
    watch_over(x);
    exchange_wake(x);
    x->pull = pull;
    x->pull_gone = gone;
    x->pull_user = user;
    x->previous = NULL;
    x->next = http->streams;
    if (x->next) {
        x->next->previous = x;
    }
    http->streams = x;
    http->stats.open_streams++;
}

void http_stream_wake(struct http_exchange *x)
{
    if (x->connection) {
        exchange_wake(x);
    }
}

void http_stream_cut(struct http_exchange *x)
{
    if (x->connection) {
        x->cut = true;
        caller_shut(x->connection);
        exchange_wake(x);
    }
}

void stream_gone(struct http_exchange *x)
{
    if (!x->pull) {
        return;
    }
    *(x->previous ? &x->previous->next : &x->http->streams) = x->next;
    if (x->next) {
        x->next->previous = x->previous;
    }
    x->next = x->previous = NULL;
    x->http->stats.open_streams--;
    x->pull = NULL;
    x->pull_gone(x->pull_user);
}

void stream_end_all(struct http *http)
{
    for (struct http_exchange *x = http->streams; x; x = x->next) {
        x->cut = true;
        exchange_wake(x);
    }
}
