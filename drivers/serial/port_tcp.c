/* tcp://host:port: a network serial server that passes bytes through. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/url.h"
#include "serial/port_internal.h"

#define SCHEME "tcp://"
#define UNANSWERED_MS 15000 /* a cable that was pulled is noticed after that, when something was sent */

static bool takes(const char *name)
{
    return strncmp(name, SCHEME, strlen(SCHEME)) == 0;
}

/* [v6]:port or host:port. */
static bool split(const char *name, char *host, size_t host_size, char *port, size_t port_size)
{
    const char *at = name + strlen(SCHEME);
    const char *colon = strrchr(at, ':');
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    bool six = colon && at[0] == '[' && colon[-1] == ']';
    const char *from = six ? at + 1 : at;
    size_t len = colon ? (size_t)(colon - from) - (six ? 1 : 0) : 0;
    if (digits == 0 || digits > 5 || colon[1 + digits] || len == 0 || len >= host_size || digits >= port_size) {
        return false;
    }
    unsigned number = 0;
    for (size_t i = 1; i <= digits; i++) {
        number = 10 * number + (unsigned)(colon[i] - '0');
    }
    memcpy(host, from, len);
    host[len] = 0;
    memcpy(port, colon + 1, digits + 1);
    return number > 0 && number < 65536 && !strpbrk(host, six ? "/ \t" : "/:[] \t");
}

static const char *wrong(const char *name)
{
    char host[256];
    char port[8];
    return split(name, host, sizeof host, port, sizeof port)
               ? NULL
               : "is no network serial port; right would be tcp://192.168.1.20:4001";
}

static int connect_to(const struct addrinfo *a)
{
    int on = 1;
    int unanswered = UNANSWERED_MS;
    int idle = UNANSWERED_MS / 1000;
    int every = 5;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered, sizeof unanswered);
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS) {
        return fd;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void open_tcp(struct port_attempt *a)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    char host[256];
    char port[8];
    str_add_z(&a->where, a->name);
    (void)split(a->name, host, sizeof host, port, sizeof port);
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0) {
        str_printf(&a->why, "the name %s cannot be resolved: %s", host, gai_strerror(rc));
        return;
    }
    for (const struct addrinfo *i = found; i && a->fd < 0; i = i->ai_next) {
        a->fd = connect_to(i);
    }
    if (a->fd < 0) {
        str_printf(&a->why, "cannot connect: %m");
    }
    a->connecting = a->fd >= 0;
    freeaddrinfo(found);
}

const struct port_kind port_kind_tcp = {takes, wrong, open_tcp};
