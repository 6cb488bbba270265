/* crowd PORT COUNT [tls]: callers who never ask. Opens COUNT connections to 127.0.0.1:PORT, by TLS up to a finished
   handshake, says half a request on each and holds them until its standard input ends. Prints how many there are, and
   at the end how many of them the far side has closed. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char half[] = "POST /smartthings/schema HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{";

static int dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* The session stays in memory as long as the connection: it is a caller's, of whom nobody here wants anything more. */
static bool begins(SSL_CTX *tls, int fd)
{
    SSL *session = tls ? SSL_new(tls) : NULL;
    if (!tls) {
        return write(fd, half, sizeof half - 1) == (ssize_t)sizeof half - 1;
    }
    return session && SSL_set_fd(session, fd) == 1 && SSL_connect(session) == 1 &&
           SSL_write(session, half, sizeof half - 1) == (int)sizeof half - 1;
}

/* What comes by itself, session tickets for example, is passed over. */
static bool is_closed(int fd)
{
    char bytes[4096];
    ssize_t n;
    do {
        n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    } while (n > 0);
    return n == 0 || fd < 0;
}

int main(int argc, char **argv)
{
    long port = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
    size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0, open = 0, closed = 0;
    struct rlimit limit = {count + 64, count + 64};
    int *fds = count > 0 && count <= 100000 && port > 0 && port < 65536 ? calloc(count, sizeof *fds) : NULL;
    SSL_CTX *tls = argc > 3 && strcmp(argv[3], "tls") == 0 ? SSL_CTX_new(TLS_client_method()) : NULL;
    if (!fds || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        fputs("usage: crowd PORT COUNT [tls]\n", stderr);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < count; i++) {
        fds[i] = dial((uint16_t)port);
        if (fds[i] >= 0 && begins(tls, fds[i])) {
            open++;
        }
    }
    printf("%zu open\n", open);
    fflush(stdout);
    for (char byte; read(STDIN_FILENO, &byte, 1) > 0;) {
    }
    for (size_t i = 0; i < count; i++) {
        closed += fds[i] < 0 || is_closed(fds[i]);
    }
    printf("%zu closed\n", closed);
    return 0;
}
