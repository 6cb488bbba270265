/* The end of a connection whose caller is still sending what nobody wants (RFC 9112 9.6). */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/http_internal.h"

#define READS_PER_TURN 16u /* then others get their turn */

struct lingering {
    struct lingering *next, *previous;
    struct http *http;
    struct watch *watch;
    int fd;
    size_t left; /* bytes that are still read */
    uint64_t due;
};

static void let_go(struct lingering *l)
{
    struct http *http = l->http;
    *(l->previous ? &l->previous->next : &http->lingering) = l->next;
    *(l->next ? &l->next->previous : &http->lingering_last) = l->previous;
    http->lingering_count--;
    watch_free(l->watch);
    (void)close(l->fd);
    free(l);
}

static void readable(void *user, int events)
{
    struct lingering *l = user;
    static char waste[65536];
    (void)events;
    for (unsigned i = 0; i < READS_PER_TURN; i++) {
        ssize_t n = recv(l->fd, waste, sizeof waste, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0 || (size_t)n >= l->left) {
            let_go(l);
            return;
        }
        l->left -= (size_t)n;
    }
}

static void expire(void *user)
{
    struct http *http = user;
    uint64_t now = loop_now(http->loop);
    struct lingering *l = http->lingering;
    while (l && l->due <= now) {
        struct lingering *next = l->next;
        let_go(l);
        l = next;
    }
    if (l) {
        timer_start(http->linger, l->due - now);
    }
}

void linger(struct http *http, int fd)
{
    if (fd < 0 || !http->linger) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    if (http->lingering_count == MAX_LINGERING) {
        let_go(http->lingering);
    }
    struct lingering *l = mem_alloc(sizeof *l);
    *l = (struct lingering){.previous = http->lingering_last,
                            .http = http,
                            .fd = fd,
                            .left = LINGER_BYTES,
                            .due = loop_now(http->loop) + LINGER_MS};
    *(l->previous ? &l->previous->next : &http->lingering) = l;
    http->lingering_last = l;
    http->lingering_count++;
    (void)shutdown(fd, SHUT_WR); /* the far side sees the end of the answer */
    l->watch = watch_new(http->loop, fd, WATCH_READ, readable, l);
    if (!l->watch) {
        let_go(l);
    } else if (!timer_active(http->linger)) {
        timer_start(http->linger, LINGER_MS);
    }
}

void linger_start(struct http *http)
{
    http->linger = timer_new(http->loop, expire, http);
}

void linger_end(struct http *http)
{
    for (struct lingering *next, *l = http->lingering; l; l = next) {
        next = l->next;
        let_go(l);
    }
    timer_free(http->linger);
    http->linger = NULL;
}
