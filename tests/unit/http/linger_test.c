/* A refusal comes while the body is still being sent: it can be read all the same, and nobody may send for ever. */
#include <errno.h>

#include "unit/http/rig.h"

/* From 1.0 on libmicrohttpd finds some faults by itself, before our gate is asked; its answer is a page of its own. */
#define LIBRARY_1_0 (MHD_VERSION >= 0x01000000)

static void set_time_out(int fd)
{
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_usec = 20000}, sizeof(struct timeval));
}

static void turn(struct rig *rig, int times)
{
    for (int i = 0; i < times; i++) {
        loop_turn(rig->loop, false);
    }
}

/* Sends `len` bytes; the number of those that went before the far side ended it. */
static size_t send_body(struct rig *rig, int fd, size_t len)
{
    static char bytes[65536];
    size_t sent = 0;
    while (sent < len) {
        size_t part = len - sent < sizeof bytes ? len - sent : sizeof bytes;
        ssize_t n = send(fd, bytes, part, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            break;
        }
        sent += n > 0 ? (size_t)n : 0;
        turn(rig, 4);
    }
    return sent;
}

static int refused(struct rig *rig, const char *head)
{
    int fd = dial(http_port(rig->http, HTTP_PUBLIC));
    set_time_out(fd);
    assert_int_equal(write(fd, head, strlen(head)), (ssize_t)strlen(head));
    turn(rig, 20);
    return fd;
}

static void test_refusals_are_read(void **state)
{
    struct rig *rig = *state;
    static const struct {
        const char *head, *status;
        bool by_library;
    } rows[] = {
        {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2200000\r\n\r\n", " 413 ", false},
        {"POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 2200000\r\n\r\n", " 404 ", false},
        {"POST /keep HTTP/1.1\r\nHost: h\r\nContent-Length: 2200000\r\n\r\n", " 405 ", false},
        {"POST /echo HTTP/1.1\r\nHost: h\r\nHost: i\r\nContent-Length: 2200000\r\n\r\n", " 400 ", false},
        {"POST /nothing HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n219999\r\n", " 404 ", false},
        {"POST /echo HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", " 400 ",
         LIBRARY_1_0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str got = STR_INIT;
        int fd = refused(rig, rows[i].head);
        assert_int_equal(send_body(rig, fd, 2200000), 2200000);
        collect(rig, fd, &got);
        HAS(str_z(&got), rows[i].status);
        HAS(str_z(&got), rows[i].by_library ? "<html>" : "\"error_description\"");
        close(fd);
        str_done(&got);
    }
    turn(rig, 20);
    assert_int_equal(rig->http->lingering_count, 0); /* each ends with its caller */
}

static void test_libmicrohttpd_refuses(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    int fd = refused(rig, "GET /echo HTTP/1.1\r\nHost: h\r\nX-Long: ");
    assert_int_equal(send_body(rig, fd, 1000000), 1000000);
    collect(rig, fd, &got);
    HAS(str_z(&got), "HTTP/1.1 4");
    close(fd);
    str_done(&got);
}

static void test_a_body_without_end_is_cut(void **state)
{
    struct rig *rig = *state;
    int fd = refused(rig, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n");
    size_t sent = send_body(rig, fd, 10 * (size_t)LINGER_BYTES);
    assert_in_range(sent, LINGER_BYTES, 3 * LINGER_BYTES); /* the kernel keeps some of it */
    assert_int_equal(rig->http->lingering_count, 0);
    close(fd);
}

/* Chunks have no length that could be judged: no answer can be sent before their end, and that is waited for so far. */
static void test_chunks_without_end_are_cut(void **state)
{
    struct rig *rig = *state;
    int fd = refused(rig, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n");
    size_t sent = send_body(rig, fd, 10 * (size_t)LINGER_BYTES);
    assert_in_range(sent, LINGER_BYTES, 3 * LINGER_BYTES);
    close(fd);
}

static void test_time_is_bounded(void **state)
{
    struct rig *rig = *state;
    int fd = refused(rig, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2200000\r\n\r\n");
    assert_int_equal(rig->http->lingering_count, 1);
    assert_true(timer_active(rig->http->linger));
    struct str got = STR_INIT;
    collect(rig, fd, &got); /* up to the end of what is said to it */
    for (int i = 0; i < 8 * (int)LINGER_MS && rig->http->lingering_count > 0; i++) {
        (void)send(fd, "x", 1, MSG_NOSIGNAL); /* a byte now and then changes nothing */
        loop_turn(rig->loop, false);
        poll(NULL, 0, 1);
    }
    assert_int_equal(rig->http->lingering_count, 0);
    (void)send(fd, "x", 1, MSG_NOSIGNAL); /* where nothing was left unread, this one is answered with the reset */
    assert_true(send(fd, "x", 1, MSG_NOSIGNAL) < 0);
    close(fd);
    str_done(&got);
}

static void test_number_is_bounded(void **state)
{
    struct rig *rig = *state;
    enum { MANY = MAX_LINGERING + 10 };
    int fds[MANY];
    for (int i = 0; i < MANY; i++) {
        fds[i] = refused(rig, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2200000\r\n\r\n");
        assert_true(rig->http->lingering_count <= MAX_LINGERING);
    }
    struct str got = STR_INIT;
    HAS(PUBLIC("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n"), "200 OK");
    for (int i = 0; i < MANY - 1; i++) {
        close(fds[i]);
    }
    turn(rig, 100);
    assert_int_equal(rig->http->lingering_count, 1);
    http_free(rig->http); /* takes that one along */
    rig->http = NULL;
    close(fds[MANY - 1]);
    str_done(&got);
}

/* Who has asked properly, or has gone, or is closed for being slow, leaves nothing behind. */
static void test_nobody_else_lingers(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    HAS(PUBLIC("POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"), "200 OK");
    assert_int_equal(rig->http->lingering_count, 0);
    HAS(PUBLIC("GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n"), " 404 ");
    assert_int_equal(rig->http->lingering_count, 0);
    str_done(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(test_refusals_are_read),         WITH_RIG(test_libmicrohttpd_refuses),
        WITH_RIG(test_a_body_without_end_is_cut), WITH_RIG(test_chunks_without_end_are_cut),
        WITH_RIG(test_time_is_bounded),           WITH_RIG(test_number_is_bounded),
        WITH_RIG(test_nobody_else_lingers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
