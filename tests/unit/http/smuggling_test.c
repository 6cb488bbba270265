/* Requests of which two readers would see two different ones: refused and the connection closed, so that what follows
   in it is never taken for a request. */
#include "unit/http/rig.h"

/* Behind each shape goes a second request. If the shape was refused, nobody may see that one. */
#define SECOND "GET /echo?smuggled HTTP/1.1\r\nHost: h\r\n\r\n"

static void test_refused_and_closed(void **state)
{
    struct rig *rig = *state;
    static const char *const shapes[] = {
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 3\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3x\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length : 3\r\n\r\nabc",
        /* obs-fold (RFC 9112 5.2) */
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n 0\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n 3\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nX: y\r\n Content-Length: 3\r\n\r\nabc",
        "GET /echo HTTP/1.1\r\nHost: h\r\nX: y\r\n\tz\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: h\r\nX: y\r\n \r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: h\r\nX: y\r\nZ: 1\r\n a\r\n b\r\nY: z\r\n\r\n",
        "GET /echo HTTP/1.1\r\n Host: h\r\nHost: h\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent\tLength: 3\r\n\r\nabc",
        "GET /echo HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: h\r\nAuthorization: Basic YTpi\r\nAuthorization: Basic Yzpk\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: h\r\nX\r\n\r\n",
        "GET /echo HTTP/1.1\r\n\r\n",
        "GET /echo HTTP/1.1\r\nX: y\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct str got = STR_INIT, request = STR_INIT;
        str_printf(&request, "%s" SECOND, shapes[i]);
        ask(rig, http_port(rig->http, HTTP_PUBLIC), str_z(&request), &got);
        if (strstr(str_z(&got), "smuggled") || strstr(str_z(&got), "200 OK")) {
            fail_msg("%s\nwas answered with\n%s", shapes[i], str_z(&got));
        }
        /* either our gate says why, or libmicrohttpd has refused or closed before */
        assert_true(got.len == 0 || strncmp(got.data, "HTTP/1.1 4", 10) == 0);
        str_done(&request);
        str_done(&got);
    }
}

/* What the gate itself refuses, it explains, and closes. */
static void test_gate_explains(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    HAS(PUBLIC("GET /echo HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n"),
        "{\"error\":\"invalid_request\",\"error_description\":\"more than one Host\"}");
    HAS(str_z(&got), "Connection: close");
    HAS(PUBLIC("GET /echo HTTP/1.1\r\nHost: h\r\nX@: y\r\n\r\n"), "a header whose name is no token");
    HAS(PUBLIC("GET /echo HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n"), " 400 "); /* libmicrohttpd 1.0 does it itself */
    HAS(PUBLIC("GET /echo HTTP/1.1\r\nX: y\r\n\r\n"), " 400 ");             /* likewise */
    str_clear(&got);
    for (int i = 0; i < 120; i++) {
        str_add_z(&got, "X: y\r\n");
    }
    struct str request = STR_INIT, answer = STR_INIT;
    str_printf(&request, "GET /echo HTTP/1.1\r\nHost: h\r\n%s\r\n", str_z(&got));
    HAS(ask(rig, http_port(rig->http, HTTP_PUBLIC), str_z(&request), &answer), "too many headers");
    str_done(&request);
    str_done(&answer);
    str_done(&got);
}

/* A bare LF is read as a line's end, as RFC 9112 2.2 allows, or it is refused; the request behind it is seen as what it
   is, so every reader in front of us sees the same two. White space around a value is nobody's. */
static void test_lenient_shapes_stay_two_requests(void **state)
{
    struct rig *rig = *state;
    static const char *const shapes[] = {
        "GET /echo?one HTTP/1.1\nHost: h\n\n",
        "GET /echo?one HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n", /* libmicrohttpd drops a line without a name */
        "POST /echo?one HTTP/1.1\r\nHost:h\r\nX:\r\nContent-Length: \t 3 \t\r\nY:  z  \r\n\r\nabc",
        "POST /echo?one HTTP/1.1\nHost: h\nContent-Length: 3\n\nabc",
        "POST /echo?one HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
        "POST /echo?one HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct str got = STR_INIT, request = STR_INIT;
        str_printf(&request, "%s" SECOND, shapes[i]);
        ask(rig, http_port(rig->http, HTTP_PUBLIC), str_z(&request), &got);
        bool refused = got.len == 0 || strncmp(got.data, "HTTP/1.1 4", 10) == 0;
        if (!refused) {
            const char *one = strstr(str_z(&got), "|one|");
            assert_non_null(one);
            assert_non_null(strstr(one, "GET /echo|smuggled||"));
        } else {
            assert_null(strstr(str_z(&got), "smuggled"));
        }
        str_done(&request);
        str_done(&got);
    }
}

static void test_broken_chunks(void **state)
{
    struct rig *rig = *state;
    static const char *const bodies[] = {"x\r\nabc\r\n0\r\n\r\n", "-1\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n",
                                         "fffffffffffffffff\r\nabc\r\n0\r\n\r\n", "\r\nabc\r\n0\r\n\r\n"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct str got = STR_INIT, request = STR_INIT;
        str_printf(&request, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%s" SECOND,
                   bodies[i]);
        ask(rig, http_port(rig->http, HTTP_PUBLIC), str_z(&request), &got);
        assert_null(strstr(str_z(&got), "smuggled"));
        assert_null(strstr(str_z(&got), "200 OK"));
        str_done(&request);
        str_done(&got);
    }
}

/* libmicrohttpd cuts a header's value at a NUL before the gate sees it: what follows in the connection must still be
   what it is. A body is of exactly the bytes that were sent. */
static void test_nul(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    static const char head[] = "POST /echo?one HTTP/1.1\r\nHost: h\r\nContent-Length: 3\0 9\r\n\r\nabc" SECOND;
    int fd = dial(http_port(rig->http, HTTP_PUBLIC));
    assert_int_equal(write(fd, head, sizeof head - 1), sizeof head - 1);
    collect(rig, fd, &got);
    close(fd);
    bool refused = got.len == 0 || strncmp(got.data, "HTTP/1.1 4", 10) == 0;
    assert_true(refused ? !strstr(str_z(&got), "smuggled")
                        : strstr(str_z(&got), "|one||abc") && strstr(str_z(&got), "GET /echo|smuggled||"));
    static const char body[] = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\na\0b\r\n";
    fd = dial(http_port(rig->http, HTTP_PUBLIC));
    assert_int_equal(write(fd, body, sizeof body - 1), sizeof body - 1);
    str_clear(&got);
    collect(rig, fd, &got);
    close(fd);
    assert_memory_equal(got.data + got.len - 5, "a\0b\r\n", 5);
    str_done(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(test_refused_and_closed),
        WITH_RIG(test_gate_explains),
        WITH_RIG(test_lenient_shapes_stay_two_requests),
        WITH_RIG(test_broken_chunks),
        WITH_RIG(test_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
