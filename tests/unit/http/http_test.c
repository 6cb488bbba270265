/* The listeners over real sockets: raw requests in, bytes out. */
#include "unit/http/rig.h"

static void test_routes(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    HAS(PUBLIC("GET /echo?a=%2b+x HTTP/1.1\r\nHost: h\r\n\r\n"), "GET /echo|a=%2b+x||");
    HAS(PUBLIC("GET /tree/a%2Fb HTTP/1.1\r\nHost: h\r\n\r\n"), "|a%2Fb|");
    HAS(PUBLIC("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"), "||abc");
    HAS(PUBLIC("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), "||abc");
    HAS(PUBLIC("HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\n"), "200 OK");
    assert_null(strstr(str_z(&got), "HEAD /echo"));
    HAS(PUBLIC("GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n"), " 404 ");
    HAS(PUBLIC("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), " 404 "); /* the local page is not on the public listener */
    HAS(PUBLIC("PUT /echo HTTP/1.1\r\nHost: h\r\n\r\n"), " 405 ");
    HAS(str_z(&got), "Allow: GET, HEAD, POST");
    HAS(PUBLIC("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n"), " 413 ");
    HAS(PUBLIC("GET /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"), " 413 ");
    str_done(&got);
}

static void test_gate(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    HAS(PUBLIC("GET /echo HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n"), "more than one Host");
    HAS(PUBLIC("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), " 400 ");
    HAS(PUBLIC("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        " 400 ");
    HAS(PUBLIC("GET /echo HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n"), " 400 ");
    HAS(PUBLIC("GET /echo HTTP/1.1\r\n\r\n"), " 400 ");
    assert_true(http_stats(rig->http).refused_by_gate >= 2); /* libmicrohttpd 1.0 refuses some before it */
    str_done(&got);
}

static void test_keep_alive_and_later_answers(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    const char *two = "GET /keep HTTP/1.1\r\nHost: h\r\n\r\nGET /echo?second HTTP/1.1\r\nHost: h\r\n\r\n";
    int fd = dial(http_port(rig->http, HTTP_PUBLIC));
    assert_int_equal(write(fd, two, strlen(two)), (ssize_t)strlen(two));
    collect(rig, fd, &got);
    assert_int_equal(got.len, 0);
    assert_non_null(rig->kept);
    struct str body = STR_INIT;
    str_add_z(&body, "first");
    http_answer(rig->kept, 200, "text/plain", &body);
    rig->kept = NULL;
    collect(rig, fd, &got);
    HAS(str_z(&got), "first");
    HAS(str_z(&got), "|second|");
    assert_true(strstr(str_z(&got), "first") < strstr(str_z(&got), "|second|"));
    close(fd);
    str_done(&got);
}

static void test_caller_gone(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    (void)PUBLIC("GET /keep HTTP/1.1\r\nHost: h\r\n\r\n"); /* closes without having got anything */
    assert_non_null(rig->kept);
    struct str body = STR_INIT;
    str_add_z(&body, "nobody is there");
    http_answer(rig->kept, 200, "text/plain", &body);
    rig->kept = NULL;
    HAS(PUBLIC("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n"), "200 OK");
    str_done(&got);
}

/* Whether it is cut from inside the handler, later, or after the caller has gone: not a byte is sent. */
static void test_cut(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    struct pollfd p = {dial(http_port(rig->http, HTTP_PUBLIC)), POLLIN, 0};
    char byte;
    assert_string_equal(PUBLIC("POST /cut HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"), "");
    const char *request = "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_int_equal(write(p.fd, request, strlen(request)), (ssize_t)strlen(request));
    collect(rig, p.fd, &got);
    assert_int_equal(got.len, 0);
    http_cut(rig->kept);
    rig->kept = NULL;
    collect(rig, p.fd, &got);
    assert_int_equal(got.len, 0);
    assert_int_equal(poll(&p, 1, 1000), 1);
    assert_true(read(p.fd, &byte, 1) <= 0); /* closed, not merely silent */
    close(p.fd);
    (void)PUBLIC(request);
    http_cut(rig->kept);
    rig->kept = NULL;
    HAS(PUBLIC("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n"), "200 OK");
    str_done(&got);
}

static void test_deadline(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    struct str why = STR_INIT;
    static void *contexts[1];
    contexts[0] = rig;
    http_free(rig->http);
    http_new(rig->loop, &(struct http_config){routes, sizeof routes / sizeof routes[0], contexts, NULL, NULL, NULL, 5},
             &rig->http);
    assert_int_equal(http_listen(rig->http, &(struct http_listen){HTTP_PUBLIC, "127.0.0.1:0", NULL, NULL, NULL}, &why),
                     0);
    HAS(PUBLIC("GET /keep HTTP/1.1\r\nHost: h\r\n\r\n"), " 503 ");
    str_done(&got);
}

/* The rest happens in tear_down: http_free answers 503 and the late answer is dropped. */
static void test_freed_while_waiting(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    int fd = dial(http_port(rig->http, HTTP_PUBLIC));
    const char *request = "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    collect(rig, fd, &got);
    assert_non_null(rig->kept);
    http_free(rig->http);
    rig->http = NULL;
    collect(rig, fd, &got);
    HAS(str_z(&got), " 503 ");
    close(fd);
    str_done(&got);
}

static void test_local_rules(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    HAS(LOCAL("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"), " 403 ");
    HAS(LOCAL("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), " 401 ");
    HAS(str_z(&got), "WWW-Authenticate: Basic");
    HAS(LOCAL("GET / HTTP/1.1\r\nHost: localhost:8001\r\nAuthorization: Basic YW5uYTpzZTpjcmV0\r\n\r\n"), "200 OK");
    HAS(LOCAL("GET / HTTP/1.1\r\nHost: gateway.home\r\nAuthorization: Basic YW5uYTpzZTpjcmV0\r\n\r\n"), "200 OK");
    HAS(LOCAL("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YW5uYTp3cm9uZw==\r\n\r\n"), " 401 ");
    HAS(LOCAL("GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 1.2.3.4\r\nAuthorization: Basic "
              "YW5uYTpzZTpjcmV0\r\n\r\n"),
        " 403 ");
    HAS(LOCAL("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YnVzeTp4\r\n\r\n"), " 503 "); /* busy:x */
    HAS(str_z(&got), "Retry-After: 5");
    assert_null(strstr(str_z(&got), "WWW-Authenticate"));
    HAS(LOCAL("GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"), " 404 ");
    str_done(&got);
}

static void test_source(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    HAS(PUBLIC("GET /source HTTP/1.1\r\nHost: h\r\n\r\n"), "unknown");
    HAS(PUBLIC("GET /source HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n\r\n"), "192.0.2.7");
    HAS(PUBLIC("GET /source HTTP/1.1\r\nHost: h\r\nForwarded: for=\"[2001:db8::1]:99\";proto=https\r\n\r\n"),
        "2001:db8::1");
    str_done(&got);
}

static void test_control_socket(void **state)
{
    struct rig *rig = *state;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct str got = STR_INIT;
    struct str why = STR_INIT;
    const char *request = "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n";
    memcpy(to.sun_path, rig->socket, strlen(rig->socket));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    collect(rig, fd, &got);
    HAS(str_z(&got), "200 OK");
    close(fd);
    assert_int_equal(http_listen(rig->http, &(struct http_listen){HTTP_CONTROL, rig->socket, NULL, NULL, NULL}, &why),
                     ERR_EXISTS);
    HAS(str_z(&why), "another lightbridge is running");
    str_done(&why);
    str_done(&got);
}

static void test_fill(void **state)
{
    (void)state;
    struct str out = STR_INIT;
    const struct http_variable v[] = {{"a", "<&\"'>"}, {"raw", "<b>"}, {"none", NULL}, {"some", "1"}};
    http_fill(&out, "{{a}}|{{{raw}}}|{{#none}}gone{{/none}}{{#some}}kept {{a}}{{/some}}.", v, 4);
    assert_string_equal(str_z(&out), "&lt;&amp;&quot;&#39;&gt;|<b>|kept &lt;&amp;&quot;&#39;&gt;.");
    str_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(test_routes),       WITH_RIG(test_gate),
        WITH_RIG(test_caller_gone),  WITH_RIG(test_keep_alive_and_later_answers),
        WITH_RIG(test_local_rules),  WITH_RIG(test_freed_while_waiting),
        WITH_RIG(test_source),       WITH_RIG(test_control_socket),
        WITH_RIG(test_cut),          WITH_RIG(test_deadline),
        cmocka_unit_test(test_fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
