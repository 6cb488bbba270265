/* Three listeners over real sockets, and raw bytes to send to them. */
#ifndef TEST_HTTP_RIG_H
#define TEST_HTTP_RIG_H

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/secrets.h"
#include "base/str.h"
#include "http/http_internal.h"
#include "loop/loop.h"

struct rig {
    struct loop *loop;
    struct http *http;
    struct http_exchange *kept;
    char socket[64];
};

static void echo(struct http_exchange *x, void *context)
{
    size_t len;
    struct str body = STR_INIT;
    const char *text = http_body(x, &len);
    (void)context;
    str_printf(&body, "%s %s|%s|%s|", http_method(x), http_path(x), http_raw_query(x), http_tail(x));
    str_add(&body, text, len);
    http_answer(x, 200, "text/plain", &body);
}

static void keep(struct http_exchange *x, void *context)
{
    ((struct rig *)context)->kept = x;
}

static void cut(struct http_exchange *x, void *context)
{
    (void)context;
    http_add_header(x, "X-Begun", "yes");
    http_cut(x);
}

static void source(struct http_exchange *x, void *context)
{
    struct str body = STR_INIT;
    const char *from = http_source(x);
    (void)context;
    str_add_z(&body, from ? from : "unknown");
    http_answer(x, 200, "text/plain", &body);
}

static void login(void *user, const char *name, const char *password, const char *source,
                  void (*answer)(void *token, int result), void *token)
{
    (void)user;
    (void)source;
    if (strcmp(name, "busy") == 0) {
        answer(token, ERR_BUSY);
    } else {
        answer(token, strcmp(name, "anna") == 0 && strcmp(password, "se:cret") == 0 ? 0 : ERR_DENIED);
    }
}

static const struct http_route routes[] = {
    {"GET", "/echo", HTTP_PUBLIC | HTTP_CONTROL, HTTP_OPEN, 0, echo, 0},
    {"POST", "/echo", HTTP_PUBLIC, HTTP_OPEN, 1000, echo, 0},
    {"GET", "/tree/*", HTTP_PUBLIC, HTTP_OPEN, 0, echo, 0},
    {"GET", "/keep", HTTP_PUBLIC, HTTP_OPEN, 0, keep, 0},
    {"POST", "/cut", HTTP_PUBLIC, HTTP_OPEN, 1000, cut, 0},
    {"GET", "/source", HTTP_PUBLIC, HTTP_OPEN, 0, source, 0},
    {"GET", "/", HTTP_LOCAL, HTTP_LOCAL_LOGIN, 0, echo, 0},
};

__attribute__((unused)) static int set_up(void **state)
{
    static const char *const names[] = {"gateway.home", NULL};
    static const char *const proxies[] = {"127.0.0.1", NULL};
    static void *contexts[1];
    struct rig *rig = calloc(1, sizeof *rig);
    struct str why = STR_INIT;
    contexts[0] = rig;
    secrets_init();
    loop_new(&rig->loop);
    http_new(rig->loop, &(struct http_config){routes, sizeof routes / sizeof routes[0], contexts, login, NULL, NULL, 0},
             &rig->http);
    snprintf(rig->socket, sizeof rig->socket, "/tmp/lightbridge-http-test-%d.sock", (int)getpid());
    assert_int_equal(
        http_listen(rig->http, &(struct http_listen){HTTP_PUBLIC, "127.0.0.1:0", NULL, NULL, proxies}, &why), 0);
    assert_int_equal(http_listen(rig->http, &(struct http_listen){HTTP_LOCAL, "127.0.0.1:0", NULL, names, NULL}, &why),
                     0);
    assert_int_equal(http_listen(rig->http, &(struct http_listen){HTTP_CONTROL, rig->socket, NULL, NULL, NULL}, &why),
                     0);
    *state = rig;
    return 0;
}

__attribute__((unused)) static int tear_down(void **state)
{
    struct rig *rig = *state;
    http_free(rig->http);
    if (rig->kept) {
        http_answer_error(rig->kept, 200, "late", "", 0);
    }
    loop_free(rig->loop);
    assert_int_not_equal(access(rig->socket, F_OK), 0);
    free(rig);
    return 0;
}

__attribute__((unused)) static int dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

__attribute__((unused)) static int dial_path(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Turns the loop until the far side closes or nothing has come for a while. */
__attribute__((unused)) static void collect(struct rig *rig, int fd, struct str *got)
{
    char bytes[4096];
    for (int quiet = 0; quiet < 30;) {
        struct pollfd p = {fd, POLLIN, 0};
        loop_turn(rig->loop, false);
        if (poll(&p, 1, 2) > 0) {
            ssize_t n = read(fd, bytes, sizeof bytes);
            if (n <= 0) {
                return;
            }
            str_add(got, bytes, (size_t)n);
            quiet = 0;
        } else {
            quiet++;
        }
    }
}

__attribute__((unused)) static const char *ask(struct rig *rig, uint16_t port, const char *request, struct str *got)
{
    int fd = dial(port);
    str_clear(got);
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    collect(rig, fd, got);
    close(fd);
    return str_z(got);
}

#define PUBLIC(request) ask(rig, http_port(rig->http, HTTP_PUBLIC), request, &got)
#define LOCAL(request) ask(rig, http_port(rig->http, HTTP_LOCAL), request, &got)
#define HAS(text, part) assert_non_null(strstr(text, part))

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
