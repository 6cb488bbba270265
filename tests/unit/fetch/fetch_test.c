/* Calls against a raw little server on the same loop, which does exactly what it is told, right or wrong. */
#include "fetch/fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/loop.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kind:  warm \r\n\r\nhi"

enum mode { ANSWER, SILENT, CLOSE_UNREAD, CLOSE_AFTER_REQUEST, ANSWER_THEN_CLOSE_NEXT };

struct server {
    struct loop *loop;
    int fd, port;
    struct watch *watch;
    enum mode mode;
    const char *answer;
    int connections, requests;
    struct str request; /* of the newest connection, everything */
    struct peer *peers;
};

struct peer {
    struct server *server;
    struct peer *next;
    int fd;
    struct watch *watch;
    int requests;
};

struct fixture {
    struct loop *loop;
    struct fetch *fetch;
    struct server server;
    char url[128];
    struct fetch_request request;
    /* what came */
    int done, wait_for;
    int result, status;
    bool may_have_arrived;
    struct str body, why, header;
    struct fetch_call *other;
};

/* ---- the server ---- */

static void peer_close(struct peer *peer)
{
    struct peer **at = &peer->server->peers;
    while (*at != peer) {
        at = &(*at)->next;
    }
    *at = peer->next;
    watch_free(peer->watch);
    close(peer->fd);
    free(peer);
}

static bool request_complete(const struct str *request)
{
    const char *end = request->len ? strstr(request->data, "\r\n\r\n") : NULL;
    const char *length = end ? strcasestr(request->data, "content-length:") : NULL;
    size_t body = length && length < end ? strtoul(length + 15, NULL, 10) : 0;
    return end && request->len >= (size_t)(end + 4 - request->data) + body;
}

static void on_peer(void *user, int events)
{
    struct peer *peer = user;
    struct server *server = peer->server;
    char bytes[4096];
    (void)events;
    ssize_t got = read(peer->fd, bytes, sizeof bytes);
    if (got <= 0) {
        peer_close(peer);
        return;
    }
    if (request_complete(&server->request)) {
        str_clear(&server->request);
    }
    str_add(&server->request, bytes, (size_t)got);
    if (!request_complete(&server->request)) {
        return;
    }
    server->requests++;
    peer->requests++;
    if (server->mode == CLOSE_AFTER_REQUEST || (server->mode == ANSWER_THEN_CLOSE_NEXT && peer->requests == 2)) {
        peer_close(peer);
    } else if (server->mode != SILENT) {
        (void)!write(peer->fd, server->answer, strlen(server->answer));
    }
}

static void on_accept(void *user, int events)
{
    struct server *server = user;
    (void)events;
    int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    server->connections++;
    if (server->mode == CLOSE_UNREAD) {
        close(fd);
        return;
    }
    struct peer *peer = mem_alloc(sizeof *peer);
    *peer = (struct peer){.server = server, .next = server->peers, .fd = fd};
    server->peers = peer;
    peer->watch = watch_new(server->loop, fd, WATCH_READ, on_peer, peer);
}

static void server_open(struct server *server, const char *unix_path)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    socklen_t len = sizeof v4;
    server->answer = OK;
    server->fd = socket(unix_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(server->fd >= 0);
    if (unix_path) {
        snprintf(local.sun_path, sizeof local.sun_path, "%s", unix_path);
        assert_int_equal(bind(server->fd, (struct sockaddr *)&local, sizeof local), 0);
    } else {
        assert_int_equal(bind(server->fd, (struct sockaddr *)&v4, sizeof v4), 0);
        assert_int_equal(getsockname(server->fd, (struct sockaddr *)&v4, &len), 0);
        server->port = ntohs(v4.sin_port);
    }
    assert_int_equal(listen(server->fd, 16), 0);
    server->watch = watch_new(server->loop, server->fd, WATCH_READ, on_accept, server);
}

static void server_close(struct server *server)
{
    if (!server->watch) {
        return;
    }
    while (server->peers) {
        peer_close(server->peers);
    }
    watch_free(server->watch);
    server->watch = NULL;
    close(server->fd);
    str_done(&server->request);
}

/* ---- the caller ---- */

static int set_up(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    assert_int_equal(loop_new(&f.loop), 0);
    assert_int_equal(fetch_new(f.loop, &f.fetch), 0);
    f.server.loop = f.loop;
    server_open(&f.server, NULL);
    snprintf(f.url, sizeof f.url, "http://127.0.0.1:%d/path?q=1", f.server.port);
    f.request = (struct fetch_request){.method = "GET", .url = f.url, .policy = FETCH_ALLOW_HTTP};
    f.wait_for = 1;
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fetch_free(f->fetch);
    server_close(&f->server);
    loop_free(f->loop);
    str_done(&f->body);
    str_done(&f->why);
    str_done(&f->header);
    return 0;
}

static void note_done(void *user, const struct fetch_result *result)
{
    struct fixture *f = user;
    f->done++;
    f->result = result->result;
    f->status = result->status;
    f->may_have_arrived = result->may_have_arrived;
    str_clear(&f->body);
    str_add(&f->body, result->body, result->body_len);
    str_clear(&f->why);
    str_add_z(&f->why, result->why);
    str_clear(&f->header);
    str_add_z(&f->header, fetch_answer_header(result, "x-kind") ? fetch_answer_header(result, "x-kind") : "(none)");
    assert_int_equal(result->body[result->body_len], '\0');
    assert_int_equal(result->result == 0, result->why[0] == '\0');
    if (f->done == f->wait_for) {
        loop_stop(f->loop);
    }
}

static void call(struct fixture *f)
{
    f->done = 0;
    fetch_start(f->fetch, &f->request, note_done, f);
    assert_int_equal(f->done, 0); /* never from inside the call */
    loop_run(f->loop);
    assert_int_equal(f->done, 1);
}

static void test_get(void **state)
{
    struct fixture *f = *state;
    call(f);
    assert_int_equal(f->result, 0);
    assert_int_equal(f->status, 200);
    assert_string_equal(str_z(&f->body), "hi");
    assert_string_equal(str_z(&f->header), "warm");
    assert_true(f->may_have_arrived);
    assert_non_null(strstr(f->server.request.data, "GET /path?q=1 HTTP/1.1\r\n"));
    assert_null(strcasestr(f->server.request.data, "content-length"));
}

static void test_post_sends_what_was_given_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    char name[] = "Authorization", value[] = "Bearer x", body[] = "{\"a\":1}";
    struct fetch_header headers[] = {{name, value}, {"Content-Type", "application/json"}, {"X-Empty", ""}};
    f->request.method = "POST";
    f->request.headers = headers;
    f->request.header_count = 3;
    f->request.body = body;
    f->request.body_len = strlen(body);
    fetch_start(f->fetch, &f->request, note_done, f);
    memset(name, '?', strlen(name)); /* copied before it returned */
    memset(value, '?', strlen(value));
    memset(body, '?', strlen(body));
    loop_run(f->loop);
    const char *sent = f->server.request.data;
    assert_non_null(strstr(sent, "POST /path?q=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(sent, "\r\nAuthorization: Bearer x\r\n"));
    assert_non_null(strstr(sent, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(sent, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(sent, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(sent, "\r\n\r\n{\"a\":1}"));
    assert_null(strcasestr(sent, "expect:"));
    assert_null(strcasestr(sent, "accept-encoding"));
}

static void test_empty_post_and_delete(void **state)
{
    struct fixture *f = *state;
    f->request.method = "POST";
    call(f);
    assert_non_null(strstr(f->server.request.data, "\r\nContent-Length: 0\r\n"));
    assert_null(strcasestr(f->server.request.data, "content-type"));
    f->request.method = "DELETE";
    call(f);
    assert_non_null(strstr(f->server.request.data, "DELETE /path"));
    assert_int_equal(f->result, 0);
}

static void test_connection_is_kept(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20; i++) {
        call(f);
        assert_int_equal(f->result, 0);
    }
    assert_int_equal(f->server.requests, 20);
    assert_int_equal(f->server.connections, 1);
}

static void test_redirect_is_an_answer(void **state)
{
    struct fixture *f = *state;
    f->server.answer = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
    call(f);
    assert_int_equal(f->result, 0);
    assert_int_equal(f->status, 302);
    assert_int_equal(f->server.requests, 1);
}

static void test_proxy_of_the_environment_is_not_used(void **state)
{
    struct fixture *f = *state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    call(f);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    assert_int_equal(f->result, 0);
}

/* ---- policy ---- */

static void assert_denied(struct fixture *f, const char *url, unsigned policy, int result)
{
    f->request.url = url;
    f->request.policy = policy;
    call(f);
    if (f->result != result) {
        fail_msg("%s: %s (%s)", url, err_text(f->result), str_z(&f->why));
    }
    assert_false(f->may_have_arrived);
    assert_int_equal(f->server.connections, 0);
}

static void test_policy(void **state)
{
    struct fixture *f = *state;
    char https[64], name[64];
    snprintf(https, sizeof https, "https://127.0.0.1:%d/", f->server.port);
    snprintf(name, sizeof name, "https://localhost:%d/", f->server.port);
    assert_denied(f, f->url, 0, ERR_DENIED);                   /* plain http at all */
    assert_denied(f, f->url, FETCH_ALLOW_PRIVATE, ERR_DENIED); /* which is about addresses */
    assert_denied(f, https, 0, ERR_DENIED);
    assert_denied(f, https, FETCH_ALLOW_HTTP, ERR_DENIED);
    assert_denied(f, name, 0, ERR_DENIED); /* what the name resolves to */
    assert_denied(f, "http://10.1.2.3/", FETCH_ALLOW_HTTP | FETCH_ALLOW_PRIVATE, ERR_DENIED);
    assert_denied(f, "https://169.254.169.254/", 0, ERR_DENIED);
    assert_denied(f, "https://[::ffff:192.168.0.1]/", 0, ERR_DENIED);
    assert_denied(f, "https://[fe80::1]/", 0, ERR_DENIED);
    assert_denied(f, "https://0.0.0.0/", 0, ERR_DENIED);
    assert_denied(f, "ftp://127.0.0.1/", FETCH_ALLOW_HTTP | FETCH_ALLOW_PRIVATE, ERR_DENIED);
    assert_denied(f, "file:///etc/passwd", FETCH_ALLOW_HTTP, ERR_INVALID);
    assert_denied(f, "https://user@127.0.0.1/", FETCH_ALLOW_HTTP, ERR_INVALID);
    assert_denied(f, "", FETCH_ALLOW_HTTP, ERR_INVALID);
}

/* A device in the house speaks plain http: to private addresses and no others. */
static void test_policy_in_the_house(void **state)
{
    struct fixture *f = *state;
    assert_denied(f, "http://8.8.8.8/", FETCH_ALLOW_LAN | FETCH_ALLOW_PRIVATE, ERR_DENIED);
    assert_denied(f, "http://[2a00:1450::1]/", FETCH_ALLOW_LAN, ERR_DENIED);
    assert_denied(f, "https://10.1.2.3/", FETCH_ALLOW_LAN, ERR_DENIED); /* it allows http, and nothing else */
    f->request.url = "http://192.0.2.1/"; /* for documentation only (RFC 5737): nobody is there, but it is tried */
    f->request.policy = FETCH_ALLOW_LAN;
    f->request.timeout_ms = 50;
    call(f);
    assert_true(f->result == ERR_TIMEOUT || f->result == ERR_OFFLINE);
    f->request.url = f->url;
    f->request.timeout_ms = 0;
    call(f);
    assert_int_equal(f->result, 0);
}

static void test_header_cannot_break_out(void **state)
{
    struct fixture *f = *state;
    struct fetch_header header = {"X-A", "b\r\nX-Evil: 1"};
    f->request.headers = &header;
    f->request.header_count = 1;
    call(f);
    assert_int_equal(f->result, ERR_INVALID);
    f->request.header_count = 0;
    f->request.method = "GET / HTTP/1.1\r\nX";
    call(f);
    assert_int_equal(f->result, ERR_INVALID);
    assert_int_equal(f->server.connections, 0);
}

static void test_unix_socket(void **state)
{
    struct fixture *f = *state;
    char folder[] = "/tmp/fetch_test.XXXXXX", path[64];
    struct server local = {.loop = f->loop};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    server_open(&local, path);
    f->request.url = "http://localhost/control";
    f->request.unix_socket = path;
    f->request.policy = 0;
    call(f);
    assert_int_equal(f->result, 0);
    assert_int_equal(local.requests, 1);
    server_close(&local);
    f->request.unix_socket = "/nonexistent/socket";
    call(f);
    assert_int_equal(f->result, ERR_OFFLINE);
    assert_false(f->may_have_arrived);
    unlink(path);
    rmdir(folder);
}

/* ---- what goes wrong ---- */

static void test_nobody_listens(void **state)
{
    struct fixture *f = *state;
    server_close(&f->server);
    call(f);
    assert_int_equal(f->result, ERR_OFFLINE);
    assert_false(f->may_have_arrived);
}

static void test_silence_ends_in_a_timeout(void **state)
{
    struct fixture *f = *state;
    f->server.mode = SILENT;
    f->request.timeout_ms = 100;
    call(f);
    assert_int_equal(f->result, ERR_TIMEOUT);
    assert_true(f->may_have_arrived);
    assert_int_equal(f->server.requests, 1);
}

static void test_no_answer_after_the_request(void **state)
{
    struct fixture *f = *state;
    f->server.mode = CLOSE_AFTER_REQUEST;
    f->request.method = "POST";
    call(f);
    assert_int_equal(f->result, ERR_IO);
    assert_true(f->may_have_arrived);
    assert_int_equal(f->server.requests, 1);
}

/* A kept connection that dies at its second request: a POST is not sent again behind our back, a GET is. */
static void test_a_post_is_not_repeated(void **state)
{
    struct fixture *f = *state;
    f->server.mode = ANSWER_THEN_CLOSE_NEXT;
    f->request.method = "POST";
    f->request.body = "once";
    f->request.body_len = 4;
    call(f);
    assert_int_equal(f->result, 0);
    call(f);
    assert_int_equal(f->server.requests, 2);
    assert_int_equal(f->result, ERR_IO);
    assert_true(f->may_have_arrived);
    f->request.method = "GET";
    f->request.body = NULL;
    call(f); /* the first on a new connection */
    call(f); /* the second: closed, sent again, answered */
    assert_int_equal(f->result, 0);
    assert_int_equal(f->server.requests, 5);
}

static void test_garbage_is_no_answer(void **state)
{
    struct fixture *f = *state;
    f->server.answer = "hello, who is there?\r\n\r\n";
    f->request.timeout_ms = 300;
    call(f);
    assert_int_not_equal(f->result, 0);
    assert_true(f->may_have_arrived);
}

static void test_body_cap(void **state)
{
    struct fixture *f = *state;
    f->server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    f->request.max_body = 10;
    call(f);
    assert_int_equal(f->result, 0);
    f->request.max_body = 9;
    call(f);
    assert_int_equal(f->result, ERR_TOO_LARGE);
    assert_true(f->may_have_arrived);
}

static void test_chunks_and_early_answer(void **state)
{
    struct fixture *f = *state;
    f->server.answer = "HTTP/1.1 100 Continue\r\nX-Kind: no\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
                       "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    call(f);
    assert_int_equal(f->result, 0);
    assert_string_equal(str_z(&f->body), "abcde");
    assert_string_equal(str_z(&f->header), "(none)");
}

/* ---- many, cancelled, freed ---- */

static void test_many_at_once(void **state)
{
    struct fixture *f = *state;
    f->wait_for = 100;
    for (int i = 0; i < 100; i++) {
        fetch_start(f->fetch, &f->request, note_done, f);
    }
    loop_run(f->loop);
    assert_int_equal(f->done, 100);
    assert_int_equal(f->server.requests, 100);
    assert_in_range(f->server.connections, 1, 16);
}

static void never_done(void *user, const struct fetch_result *result)
{
    (void)user;
    (void)result;
    fail();
}

static void cancel_other(void *user, const struct fetch_result *result)
{
    struct fixture *f = user;
    (void)result;
    fetch_cancel(f->other);
    loop_stop(f->loop);
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    fetch_cancel(NULL);
    fetch_cancel(fetch_start(f->fetch, &f->request, never_done, f)); /* before it began */
    struct fetch_request refused = f->request;
    refused.policy = 0;
    fetch_cancel(fetch_start(f->fetch, &refused, never_done, f)); /* refused, not yet told */
    fetch_start(f->fetch, &f->request, cancel_other, f);
    f->other = fetch_start(f->fetch, &f->request, never_done, f);
    loop_run(f->loop);
    for (int i = 0; i < 5; i++) {
        loop_turn(f->loop, false);
    }
}

static void test_free_ends_what_is_under_way(void **state)
{
    struct fixture *f = *state;
    f->server.mode = SILENT;
    fetch_start(f->fetch, &f->request, note_done, f);
    for (int i = 0; i < 5; i++) {
        loop_turn(f->loop, false);
    }
    fetch_free(f->fetch);
    f->fetch = NULL;
    assert_int_equal(f->done, 1);
    assert_int_equal(f->result, ERR_CANCELLED);
    loop_turn(f->loop, false); /* the stop that note_done asked for */
}

static void free_all(void *user, const struct fetch_result *result)
{
    struct fixture *f = user;
    if (result->result == 0) {
        fetch_free(f->fetch);
        f->fetch = NULL;
        loop_stop(f->loop);
    } else {
        assert_int_equal(result->result, ERR_CANCELLED);
        f->done++;
    }
}

static void test_free_from_done(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++) {
        fetch_start(f->fetch, &f->request, free_all, f);
    }
    loop_run(f->loop);
    assert_int_equal(f->done, 4);
}

static void start_again(void *user, const struct fetch_result *result)
{
    struct fixture *f = user;
    assert_int_equal(result->result, 0);
    if (++f->done < 10) {
        fetch_start(f->fetch, &f->request, start_again, f);
    } else {
        loop_stop(f->loop);
    }
}

static void test_start_from_done(void **state)
{
    struct fixture *f = *state;
    fetch_start(f->fetch, &f->request, start_again, f);
    loop_run(f->loop);
    assert_int_equal(f->server.requests, 10);
    assert_int_equal(f->server.connections, 1);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_get),
        T(test_post_sends_what_was_given_and_nothing_else),
        T(test_empty_post_and_delete),
        T(test_connection_is_kept),
        T(test_redirect_is_an_answer),
        T(test_proxy_of_the_environment_is_not_used),
        T(test_policy),
        T(test_policy_in_the_house),
        T(test_header_cannot_break_out),
        T(test_unix_socket),
        T(test_nobody_listens),
        T(test_silence_ends_in_a_timeout),
        T(test_no_answer_after_the_request),
        T(test_a_post_is_not_repeated),
        T(test_garbage_is_no_answer),
        T(test_body_cap),
        T(test_chunks_and_early_answer),
        T(test_many_at_once),
        T(test_cancel),
        T(test_free_ends_what_is_under_way),
        T(test_free_from_done),
        T(test_start_from_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
