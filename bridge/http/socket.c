/* Where a listener listens. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "http/http_internal.h"

#define BACKLOG                                                                                                        \
    4096 /* who comes with thousands of others waits for his turn, not for a second try; the system may say less */

int socket_bind_unix(struct listener *l, const char *path, struct str *why)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct stat st;
    size_t len = strlen(path);
    if (len >= sizeof to.sun_path) {
        str_printf(why, "%s: longer than a socket's path may be", path);
        return ERR_INVALID;
    }
    memcpy(to.sun_path, path, len);
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd >= 0 && connect(l->fd, (struct sockaddr *)&to, sizeof to) == 0) {
        str_printf(why, "%s: another lightbridge is running", path);
        return ERR_EXISTS;
    }
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        str_printf(why, "%s: is there already and is no socket", path);
        return ERR_EXISTS;
    }
    (void)unlink(path); /* left by one that was killed */
    mode_t before = umask(0117);
    int bound = l->fd >= 0 ? bind(l->fd, (struct sockaddr *)&to, sizeof to) : -1;
    int number = errno;
    (void)umask(before);
    if (bound != 0 || listen(l->fd, 64) != 0) {
        str_printf(why, "%s: %s", path, strerror(bound != 0 ? number : errno));
        return ERR_IO;
    }
    l->path = mem_text(path);
    return 0;
}

/* "127.0.0.1:8000" or "[::1]:8000"; NULL for anything else. getaddrinfo alone takes port 70000 for 4464. */
static struct addrinfo *find_address(const char *address)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;
    bool six = len > 2 && address[0] == '[' && colon[-1] == ']';
    if (len == 0 || (!six && memchr(address, ':', len))) {
        return NULL;
    }
    const char *port = colon + 1;
    size_t digits = strspn(port, "0123456789");
    if (port[digits] || digits == 0 || digits > 5 || strtoul(port, NULL, 10) > UINT16_MAX) {
        return NULL;
    }
    char *host = mem_text_n(address + six, len - 2u * six);
    int failed = getaddrinfo(host, port, &hints, &found);
    free(host);
    return failed == 0 ? found : NULL;
}

int socket_bind_tcp(struct listener *l, const char *address, struct str *why)
{
    struct addrinfo *found = find_address(address);
    int on = 1;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {.v6 = {0}};
    socklen_t bound_len = sizeof bound;
    if (!found) {
        str_printf(why, "%s: is no address to listen on", address);
        return ERR_INVALID;
    }
    l->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = l->fd >= 0 && setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              bind(l->fd, found->ai_addr, found->ai_addrlen) == 0 && listen(l->fd, BACKLOG) == 0 &&
              getsockname(l->fd, &bound.any, &bound_len) == 0;
    freeaddrinfo(found);
    if (!ok) {
        str_printf(why, "%s: %s", address, strerror(errno));
        return ERR_IO;
    }
    l->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
    return 0;
}
