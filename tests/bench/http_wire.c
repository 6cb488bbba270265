#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"
#include "wire.h"

#define READ_BYTES (256u * 1024)
#define OPEN_PATIENCE_NS 10000000000u
#define OPEN_PAUSE_US 100000u

int wire_connect(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail("no socket: %s", strerror(errno));
    }
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        (void)close(fd);
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void wire_write(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            fail("a connection broke while writing: %s", strerror(errno));
        }
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

void http_wire_open(struct http_wire *h, unsigned port)
{
    uint64_t end = measure_now() + OPEN_PATIENCE_NS;
    *h = (struct http_wire){.fd = wire_connect(port), .port = port};
    while (h->fd < 0) {
        if (measure_now() > end) {
            fail("nobody listens on 127.0.0.1:%u", port);
        }
        (void)usleep(OPEN_PAUSE_US);
        h->fd = wire_connect(port);
    }
}

void http_wire_close(struct http_wire *h)
{
    if (h->fd >= 0) {
        (void)close(h->fd);
    }
    str_done(&h->out);
    str_done(&h->in);
}

static void begin(struct http_wire *h, const char *method, const char *path)
{
    str_clear(&h->out);
    str_clear(&h->in);
    h->head = h->length = 0;
    h->status = 0;
    str_printf(&h->out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n", method, path, h->port);
}

void http_wire_post(struct http_wire *h, const char *path, const struct str *body)
{
    begin(h, "POST", path);
    str_printf(&h->out, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", body->len);
    str_add(&h->out, body->data, body->len);
    wire_write(h->fd, h->out.data, h->out.len);
}

void http_wire_post_form(struct http_wire *h, const char *path, const char *authorization, const char *body, size_t len)
{
    begin(h, "POST", path);
    str_printf(&h->out,
               "Authorization: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n",
               authorization, len);
    str_add(&h->out, body, len);
    wire_write(h->fd, h->out.data, h->out.len);
}

void http_wire_get(struct http_wire *h, const char *path)
{
    begin(h, "GET", path);
    str_add_z(&h->out, "\r\n");
    wire_write(h->fd, h->out.data, h->out.len);
}

/* Once the head is complete: its status and the length of what follows. */
static void read_head(struct http_wire *h)
{
    const char *end = memmem(h->in.data, h->in.len, "\r\n\r\n", 4);
    if (!end) {
        return;
    }
    h->head = (size_t)(end - h->in.data) + 4;
    if (h->head < 12 || memcmp(h->in.data, "HTTP/1.1 ", 9) != 0) {
        fail("the answer is no HTTP/1.1");
    }
    h->status = atoi(h->in.data + 9);
    for (const char *line = h->in.data; line < end; line++) {
        line = memchr(line, '\n', (size_t)(end - line));
        if (!line) {
            break;
        }
        if (strncasecmp(line + 1, "content-length:", 15) == 0) {
            h->length = strtoul(line + 16, NULL, 10);
            return;
        }
    }
    fail("an answer without Content-Length");
}

bool http_wire_read(struct http_wire *h)
{
    size_t room = h->head > 0 && h->length > READ_BYTES ? h->length : READ_BYTES;
    char *to = str_reserve(&h->in, room);
    ssize_t n = recv(h->fd, to, room, 0);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        fail("the webhook's connection broke: %s", n == 0 ? "it was closed" : strerror(errno));
    }
    if (n > 0) {
        h->in.len += (size_t)n;
        h->in.data[h->in.len] = 0;
    }
    if (h->head == 0) {
        read_head(h);
    }
    return h->head > 0 && h->in.len >= h->head + h->length;
}

void http_wire_answer(struct http_wire *h)
{
    while (!http_wire_read(h)) {
    }
    if (h->status != 200) {
        fail("the answer is %d: %.200s", h->status, h->in.data + h->head);
    }
}
