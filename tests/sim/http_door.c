#include "sim/http_door.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/loop.h"

#define REQUEST_MAX 65536

struct visit {
    struct visit *next;
    struct http_door *door;
    struct watch *watch;
    struct str in, out;
    int fd;
};

struct http_door {
    struct loop *loop;
    http_door_fn *fn;
    void *user;
    struct watch *watch;
    struct visit *visits;
    int fd;
};

static void leave(struct visit *v)
{
    struct visit **at = &v->door->visits;
    while (*at != v) {
        at = &(*at)->next;
    }
    *at = v->next;
    watch_free(v->watch);
    close(v->fd);
    str_done(&v->in);
    str_done(&v->out);
    free(v);
}

static void flush(struct visit *v)
{
    while (v->out.len > 0) {
        ssize_t sent = send(v->fd, v->out.data, v->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0) {
            watch_set(v->watch, WATCH_WRITE);
            return;
        }
        memmove(v->out.data, v->out.data + sent, v->out.len - (size_t)sent);
        v->out.len -= (size_t)sent;
    }
    leave(v);
}

/* The body, once it is all there; NULL before. */
static const char *body_of(const struct visit *v, size_t *ret_len)
{
    const char *end = strstr(str_z(&v->in), "\r\n\r\n");
    if (!end) {
        return NULL;
    }
    const char *length = strcasestr(str_z(&v->in), "\r\ncontent-length:");
    size_t len = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    *ret_len = len;
    return v->in.len - (size_t)(end + 4 - v->in.data) >= len ? end + 4 : NULL;
}

static void answer(struct visit *v, const char *body, size_t len)
{
    char method[16], path[256];
    struct str text = STR_INIT;
    int status = 400;
    if (sscanf(str_z(&v->in), "%15s %255s", method, path) == 2) {
        status = v->door->fn(v->door->user, method, path, body, len, &text);
    }
    str_printf(&v->out,
               "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
               status, status == 200 ? "OK" : "No", text.len);
    str_add(&v->out, str_z(&text), text.len);
    str_done(&text);
    flush(v);
}

static void on_visit(void *user, int events)
{
    struct visit *v = user;
    char bytes[4096];
    size_t len = 0;
    if (events & WATCH_WRITE) {
        flush(v);
        return;
    }
    ssize_t got = recv(v->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got <= 0 || v->in.len + (size_t)got > REQUEST_MAX) {
        leave(v);
        return;
    }
    str_add(&v->in, bytes, (size_t)got);
    const char *body = body_of(v, &len);
    if (body) {
        answer(v, body, len);
    }
}

static void on_knock(void *user, int events)
{
    struct http_door *door = user;
    int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC);
    (void)events;
    if (fd < 0) {
        return;
    }
    struct visit *v = mem_alloc(sizeof *v);
    v->door = door;
    v->fd = fd;
    v->next = door->visits;
    door->visits = v;
    v->watch = watch_new(door->loop, fd, WATCH_READ, on_visit, v);
}

int http_door_new(struct loop *loop, uint16_t port, http_door_fn *fn, void *user, struct http_door **ret_door)
{
    const struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, (const struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 16) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return ERR_IO;
    }
    struct http_door *door = mem_alloc(sizeof *door);
    *door = (struct http_door){.loop = loop, .fn = fn, .user = user, .fd = fd};
    door->watch = watch_new(loop, fd, WATCH_READ, on_knock, door);
    *ret_door = door;
    return 0;
}

void http_door_free(struct http_door *door)
{
    if (!door) {
        return;
    }
    while (door->visits) {
        leave(door->visits);
    }
    watch_free(door->watch);
    close(door->fd);
    free(door);
}
