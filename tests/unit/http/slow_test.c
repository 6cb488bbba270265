/* Callers that are slow, silent, too many or gone: closed by their deadline, while a healthy one is served. Time is
   moved by making connections older than they are. */
#include <sys/resource.h>

#include "unit/http/rig.h"

#define ECHO "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n"

/* Has the far side closed? Turns the loop, with the shared tick in it, for up to a few seconds. */
static bool closed(struct rig *rig, int fd)
{
    char bytes[4096];
    for (int i = 0; i < 1500; i++) {
        struct pollfd p = {fd, POLLIN, 0};
        loop_turn(rig->loop, false);
        if (poll(&p, 1, 2) > 0 && read(fd, bytes, sizeof bytes) <= 0) {
            return true;
        }
    }
    return false;
}

static void send_text(struct rig *rig, int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    for (int i = 0; i < 10; i++) {
        loop_turn(rig->loop, false);
    }
}

static struct crowd *crowd_of(struct rig *rig, unsigned listener)
{
    struct listener *l = rig->http->listeners;
    while (l->kind != listener) {
        l = l->next;
    }
    return &l->crowd;
}

/* All connections that are there now have been so for `ms` longer. */
static void age(struct rig *rig, uint64_t ms)
{
    struct crowd *crowd = crowd_of(rig, HTTP_PUBLIC);
    for (int state = 0; state < PEER_CLOSING; state++) {
        struct crowd_link *queue = &crowd->queues[state];
        for (struct crowd_link *l = queue->next; l != queue; l = l->next) {
            ((struct peer *)(void *)((char *)l - offsetof(struct peer, in_queue)))->since -= ms;
        }
    }
}

static void healthy_is_served(struct rig *rig)
{
    struct str got = STR_INIT;
    HAS(PUBLIC(ECHO), "200 OK");
    str_done(&got);
}

/* Once the server has noticed who has left, so many connections are there. */
static void assert_open(struct rig *rig, unsigned count)
{
    for (int i = 0; i < 1000 && http_stats(rig->http).open_connections != count; i++) {
        loop_turn(rig->loop, false);
        poll(NULL, 0, 1);
    }
    assert_int_equal(http_stats(rig->http).open_connections, count);
}

static void test_half_open(void **state)
{
    struct rig *rig = *state;
    static const char *const beginnings[] = {
        "",
        "G",
        "GET /echo HTTP/1.1\r\n",
        "GET /echo HTTP/1.1\r\nHost: h\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
    };
    int fds[6];
    for (size_t i = 0; i < 6; i++) {
        fds[i] = dial(http_port(rig->http, HTTP_PUBLIC));
        send_text(rig, fds[i], beginnings[i]);
    }
    healthy_is_served(rig);
    assert_open(rig, 6);
    age(rig, CROWD_REQUEST_MS + 1);
    for (size_t i = 0; i < 6; i++) {
        assert_true(closed(rig, fds[i]));
        close(fds[i]);
    }
    healthy_is_served(rig);
    assert_open(rig, 0);
}

/* A byte now and then keeps libmicrohttpd's own timeout away for ever, but not ours. */
static void test_a_byte_now_and_then(void **state)
{
    struct rig *rig = *state;
    int fd = dial(http_port(rig->http, HTTP_PUBLIC));
    send_text(rig, fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        age(rig, CROWD_REQUEST_MS / 5);
        send_text(rig, fd, "x");
    }
    age(rig, 1);
    assert_true(closed(rig, fd));
    close(fd);
    healthy_is_served(rig);
}

/* Between two requests a connection may rest longer: SmartThings comes again. */
static void test_idle(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    int fd = dial(http_port(rig->http, HTTP_PUBLIC));
    send_text(rig, fd, ECHO);
    collect(rig, fd, &got);
    HAS(str_z(&got), "200 OK");
    age(rig, CROWD_IDLE_MS - 5000);
    str_clear(&got);
    send_text(rig, fd, ECHO);
    collect(rig, fd, &got);
    HAS(str_z(&got), "200 OK"); /* and its time begins anew */
    age(rig, CROWD_IDLE_MS + 1);
    assert_true(closed(rig, fd));
    close(fd);
    str_done(&got);
}

/* While a handler takes its time the caller is not thrown out for being slow. */
static void test_waiting_for_an_answer_is_not_slow(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT, body = STR_INIT;
    int fd = dial(http_port(rig->http, HTTP_PUBLIC));
    send_text(rig, fd, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_non_null(rig->kept);
    age(rig, 10 * CROWD_REQUEST_MS);
    for (int i = 0; i < 120; i++) { /* at least one tick */
        loop_turn(rig->loop, false);
        poll(NULL, 0, 10);
    }
    str_add_z(&body, "late but good");
    http_answer(rig->kept, 200, "text/plain", &body);
    rig->kept = NULL;
    collect(rig, fd, &got);
    HAS(str_z(&got), "late but good");
    close(fd);
    str_done(&got);
}

/* `regular` asked before; it asks again. */
static void asks_again(struct rig *rig, int regular)
{
    struct str got = STR_INIT;
    send_text(rig, regular, ECHO);
    collect(rig, regular, &got);
    HAS(str_z(&got), "200 OK");
    str_done(&got);
}

/* Opens connections, every second one with the beginning of a request; after each hundred somebody asks. */
static void flood(struct rig *rig, int *fds, int count)
{
    for (int i = 0; i < count; i++) {
        fds[i] = dial(http_port(rig->http, HTTP_PUBLIC));
        if (i % 2) {
            assert_int_equal(write(fds[i], "GET /echo HT", 12), 12);
        }
        if (i % 100 == 99) {
            healthy_is_served(rig);
        }
    }
}

/* Five thousand that never ask hang there, all of them; somebody who asks is served all the time, here, on the local
   listener and on the control socket; and their deadline ends them. */
static void test_five_thousand(void **state)
{
    struct rig *rig = *state;
    enum { CROWD = 5000 };
    static int fds[CROWD];
    struct str got = STR_INIT;
    int regular = dial(http_port(rig->http, HTTP_PUBLIC));
    asks_again(rig, regular);
    flood(rig, fds, CROWD);
    assert_open(rig, CROWD + 1);
    asks_again(rig, regular);
    HAS(LOCAL("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"), " 404 ");
    int control = dial_path(rig->socket);
    send_text(rig, control, ECHO);
    str_clear(&got);
    collect(rig, control, &got);
    HAS(str_z(&got), "200 OK");
    close(control);
    age(rig, CROWD_REQUEST_MS + 1);
    for (int i = 0; i < CROWD; i++) {
        assert_true(closed(rig, fds[i]));
        close(fds[i]);
    }
    asks_again(rig, regular); /* he was idle, and younger than that may be */
    close(regular);
    assert_open(rig, 0);
    str_done(&got);
}

/* More than there is room for: those make room who came first and have not asked. Somebody who asks is served all the
   time, and one who asked before keeps his connection. */
static void test_flood(void **state)
{
    struct rig *rig = *state;
    enum { ROOM = 200, FLOOD = 1000 };
    static int fds[FLOOD];
    crowd_of(rig, HTTP_PUBLIC)->room = ROOM;
    int regular = dial(http_port(rig->http, HTTP_PUBLIC));
    asks_again(rig, regular);
    flood(rig, fds, FLOOD);
    assert_open(rig, ROOM);
    assert_true(closed(rig, fds[0]));
    asks_again(rig, regular);
    close(regular);
    for (int i = 0; i < FLOOD; i++) {
        close(fds[i]);
    }
    healthy_is_served(rig);
    assert_open(rig, 0);
}

/* Many who ask once and stay: beyond a quarter of the room they go before somebody who wants to ask. */
static void test_idle_flood(void **state)
{
    struct rig *rig = *state;
    enum { ROOM = 40, FLOOD = 100 };
    int fds[FLOOD];
    crowd_of(rig, HTTP_PUBLIC)->room = ROOM;
    int asking = dial(http_port(rig->http, HTTP_PUBLIC));
    send_text(rig, asking, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na");
    for (int i = 0; i < FLOOD; i++) {
        fds[i] = dial(http_port(rig->http, HTTP_PUBLIC));
        send_text(rig, fds[i], ECHO);
    }
    struct str got = STR_INIT;
    send_text(rig, asking, "bc");
    collect(rig, asking, &got);
    HAS(str_z(&got), "|abc");
    close(asking);
    for (int i = 0; i < FLOOD; i++) {
        close(fds[i]);
    }
    str_done(&got);
}

static void test_deadline_of_an_exchange(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT, body = STR_INIT;
    int fd = dial(http_port(rig->http, HTTP_PUBLIC));
    send_text(rig, fd, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_non_null(rig->kept);
    http_add_header(rig->kept, "X-Begun", "yes");
    rig->http->first->due = 0;
    exchange_deadline(rig->http);
    collect(rig, fd, &got);
    HAS(str_z(&got), " 503 ");
    HAS(str_z(&got), "Retry-After: 1");
    assert_null(strstr(str_z(&got), "X-Begun"));
    assert_int_equal(http_stats(rig->http).deadlines, 1);
    str_add_z(&body, "too late"); /* dropped */
    http_add_header(rig->kept, "X-Late", "yes");
    http_answer(rig->kept, 200, "text/plain", &body);
    rig->kept = NULL;
    close(fd);
    healthy_is_served(rig);
    str_done(&got);
}

/* The caller leaves while its request is being worked on; the answer comes to nobody. */
static void test_caller_gone_then_answer(void **state)
{
    struct rig *rig = *state;
    struct linger now = {1, 0};
    for (int reset = 0; reset < 2; reset++) {
        struct str body = STR_INIT;
        int fd = dial(http_port(rig->http, HTTP_PUBLIC));
        send_text(rig, fd, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_non_null(rig->kept);
        if (reset) {
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        }
        close(fd);
        for (int i = 0; i < 10; i++) {
            loop_turn(rig->loop, false);
        }
        assert_string_equal(http_method(rig->kept), "GET");
        assert_string_equal(http_path(rig->kept), "/keep");
        str_add_z(&body, "nobody is there");
        http_answer(rig->kept, 200, "text/plain", &body);
        rig->kept = NULL;
        healthy_is_served(rig);
    }
    healthy_is_served(rig);
    assert_open(rig, 0);
}

/* Stopped with one request in the handler's hands, one half sent and one idle connection; the rest is in tear_down,
   which answers the kept one after everything is gone. */
static void test_stopped_with_all_kinds(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    int waiting = dial(http_port(rig->http, HTTP_PUBLIC)), half = dial(http_port(rig->http, HTTP_PUBLIC));
    int idle = dial(http_port(rig->http, HTTP_PUBLIC));
    send_text(rig, waiting, "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
    send_text(rig, half, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    send_text(rig, idle, ECHO);
    assert_non_null(rig->kept);
    http_free(rig->http);
    rig->http = NULL;
    collect(rig, waiting, &got);
    HAS(str_z(&got), " 503 ");
    HAS(str_z(&got), "the bridge is stopping");
    assert_true(closed(rig, half));
    assert_true(closed(rig, idle));
    assert_string_equal(http_path(rig->kept), "/keep");
    close(waiting);
    close(half);
    close(idle);
    str_done(&got);
}

/* An upload without end is swallowed up to the cap of time, never of memory. */
static void test_endless_upload(void **state)
{
    struct rig *rig = *state;
    char chunk[1100];
    struct str got = STR_INIT;
    int fd = dial(http_port(rig->http, HTTP_PUBLIC));
    send_text(rig, fd, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    int head = snprintf(chunk, sizeof chunk, "400\r\n");
    memset(chunk + head, 'x', 1024);
    memcpy(chunk + head + 1024, "\r\n", 2);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(write(fd, chunk, (size_t)head + 1026), head + 1026);
        loop_turn(rig->loop, false);
    }
    send_text(rig, fd, "0\r\n\r\n");
    collect(rig, fd, &got);
    HAS(str_z(&got), " 413 ");
    close(fd);
    str_done(&got);
}

int main(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(limit.rlim_cur >= 12000); /* five thousand connections have both their ends here */
    const struct CMUnitTest tests[] = {
        WITH_RIG(test_half_open),
        WITH_RIG(test_a_byte_now_and_then),
        WITH_RIG(test_idle),
        WITH_RIG(test_waiting_for_an_answer_is_not_slow),
        WITH_RIG(test_five_thousand),
        WITH_RIG(test_flood),
        WITH_RIG(test_idle_flood),
        WITH_RIG(test_deadline_of_an_exchange),
        WITH_RIG(test_caller_gone_then_answer),
        WITH_RIG(test_stopped_with_all_kinds),
        WITH_RIG(test_endless_upload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
