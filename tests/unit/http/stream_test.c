/* Answers that go on: bytes are pulled when the caller can take them, and whoever leaves, stalls or is cut is let go.
 */
#include "unit/http/rig.h"

struct source_of_bytes {
    struct http_exchange *x;
    const char *text;
    size_t pulled;
    unsigned gone;
    bool endless;
};

static struct source_of_bytes bytes;

static size_t pull(void *user, char *into, size_t room)
{
    struct source_of_bytes *b = user;
    size_t len = b->endless ? room : strlen(b->text) < room ? strlen(b->text) : room;
    memset(into, 'x', len);
    if (!b->endless) {
        memcpy(into, b->text, len);
        b->text += len;
    }
    b->pulled += len;
    return len;
}

static void gone(void *user)
{
    ((struct source_of_bytes *)user)->gone++;
}

static void stream(struct http_exchange *x, void *context)
{
    (void)context;
    bytes.x = x;
    http_add_header(x, "Cache-Control", "no-store");
    http_stream(x, "text/event-stream", pull, gone, &bytes);
}

static const struct http_route stream_routes[] = {
    {"GET", "/events", HTTP_PUBLIC, HTTP_OPEN, 0, stream, 0},
    {"GET", "/keep", HTTP_PUBLIC, HTTP_OPEN, 0, keep, 0},
    {"PUT", "/lights/states", HTTP_PUBLIC, HTTP_OPEN, 0, echo, 0},
    {"PUT", "/lights/*/state", HTTP_PUBLIC, HTTP_OPEN, 0, echo, 0},
    {"PUT", "/lights/*/state/delta", HTTP_PUBLIC, HTTP_OPEN, 0, echo, 0},
    {"PUT", "/lights/*", HTTP_PUBLIC, HTTP_OPEN, 0, source, 0},
};

static int set_up_streams(void **state)
{
    static void *contexts[1];
    struct str why = STR_INIT;
    assert_int_equal(set_up(state), 0);
    struct rig *rig = *state;
    contexts[0] = rig;
    http_free(rig->http);
    http_new(rig->loop,
             &(struct http_config){.routes = stream_routes,
                                   .route_count = sizeof stream_routes / sizeof stream_routes[0],
                                   .contexts = contexts,
                                   .deadline_ms = 200},
             &rig->http);
    bytes = (struct source_of_bytes){.text = ""};
    return http_listen(rig->http, &(struct http_listen){HTTP_PUBLIC, "127.0.0.1:0", NULL, NULL, NULL}, &why);
}

static int ask_for(struct rig *rig, const char *path)
{
    struct str request = STR_INIT;
    int fd = dial(http_port(rig->http, HTTP_PUBLIC));
    str_printf(&request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    assert_int_equal(send(fd, str_z(&request), request.len, MSG_NOSIGNAL), (ssize_t)request.len);
    str_done(&request);
    return fd;
}

/* Reads until `text` has come. */
static void await(struct rig *rig, int fd, struct str *got, const char *text)
{
    char part[4096];
    for (int i = 0; i < 10000 && !strstr(str_z(got), text); i++) {
        loop_turn(rig->loop, false);
        ssize_t len = recv(fd, part, sizeof part, MSG_DONTWAIT);
        if (len > 0) {
            str_add(got, part, (size_t)len);
        } else {
            poll(NULL, 0, 1);
        }
    }
    assert_non_null(strstr(str_z(got), text));
}

static void await_gone(struct rig *rig, unsigned count)
{
    for (int i = 0; i < 10000 && bytes.gone < count; i++) {
        loop_turn(rig->loop, false);
        poll(NULL, 0, 1);
    }
    assert_int_equal(bytes.gone, count);
}

/* What is there is sent, what comes later is sent when it comes, past every deadline of an answer. */
static void goes_on(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    bytes.text = "one\n";
    int fd = ask_for(rig, "/events");
    await(rig, fd, &got, "one\n");
    HAS(str_z(&got), "200 OK");
    HAS(str_z(&got), "Content-Type: text/event-stream");
    HAS(str_z(&got), "Cache-Control: no-store");
    assert_int_equal(http_stats(rig->http).open_streams, 1);
    uint64_t later = loop_now(rig->loop) + 400;
    while (loop_now(rig->loop) < later) {
        loop_turn(rig->loop, false);
        poll(NULL, 0, 5);
    }
    bytes.text = "two\n";
    http_stream_wake(bytes.x);
    await(rig, fd, &got, "two\n");
    assert_int_equal(bytes.gone, 0);
    close(fd);
    http_stream_wake(bytes.x); /* it is not known yet */
    bytes.text = "three\n";
    http_stream_wake(bytes.x);
    for (int i = 0; i < 1000 && bytes.gone == 0; i++) {
        loop_turn(rig->loop, false);
        poll(NULL, 0, 1);
        if (bytes.gone == 0) {
            bytes.text = "more\n";
            http_stream_wake(bytes.x);
        }
    }
    await_gone(rig, 1);
    assert_int_equal(http_stats(rig->http).open_streams, 0);
    str_done(&got);
}

/* A caller who does not read is asked for nothing: pulling stops, and others are served. */
static void stalls(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    bytes.endless = true;
    int fd = ask_for(rig, "/events");
    size_t before = 1;
    for (int i = 0; i < 200 || before != bytes.pulled; i++) {
        before = bytes.pulled;
        loop_turn(rig->loop, false);
        poll(NULL, 0, 1);
        assert_true(i < 5000);
    }
    assert_true(bytes.pulled > 0);
    assert_true(bytes.pulled < 16u << 20); /* what sockets keep */
    ask(rig, http_port(rig->http, HTTP_PUBLIC), "PUT /lights/a/state HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        &got);
    HAS(str_z(&got), "|a|");
    http_stream_cut(bytes.x);
    assert_int_equal(bytes.gone, 0);
    await_gone(rig, 1);
    close(fd);
    str_done(&got);
}

static void is_cut_while_it_waits(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    bytes.text = "one\n";
    int fd = ask_for(rig, "/events");
    await(rig, fd, &got, "one\n");
    http_stream_cut(bytes.x);
    await_gone(rig, 1);
    close(fd);
    str_done(&got);
}

/* The handler may open it later; a HEAD gets the head alone. */
static void opens_late(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    int fd = ask_for(rig, "/keep");
    for (int i = 0; i < 1000 && !rig->kept; i++) {
        loop_turn(rig->loop, false);
        poll(NULL, 0, 1);
    }
    bytes.text = "late\n";
    http_stream(rig->kept, "text/event-stream", pull, gone, &bytes);
    rig->kept = NULL;
    await(rig, fd, &got, "late\n");
    close(fd);
    str_clear(&got);
    ask(rig, http_port(rig->http, HTTP_PUBLIC), "HEAD /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &got);
    HAS(str_z(&got), "200 OK");
    assert_true(bytes.gone >= 1);
    str_done(&got);
}

/* Whoever asked has gone before the handler came to it. */
static void opens_for_nobody(void **state)
{
    struct rig *rig = *state;
    int fd = ask_for(rig, "/keep");
    for (int i = 0; i < 1000 && !rig->kept; i++) {
        loop_turn(rig->loop, false);
        poll(NULL, 0, 1);
    }
    http_free(rig->http);
    rig->http = NULL;
    http_stream(rig->kept, "text/event-stream", pull, gone, &bytes);
    rig->kept = NULL;
    assert_int_equal(bytes.gone, 1);
    assert_int_equal(bytes.pulled, 0);
    close(fd);
}

/* The end of the program is the end of its streams: of one that waits, and of one that nobody reads. */
static void ends_with_the_listener(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    bytes.text = "one\n";
    int fd = ask_for(rig, "/events");
    await(rig, fd, &got, "one\n");
    bytes.endless = true;
    http_stream_wake(bytes.x);
    for (int i = 0; i < 100; i++) {
        loop_turn(rig->loop, false);
    }
    http_free(rig->http);
    rig->http = NULL;
    assert_int_equal(bytes.gone, 1);
    close(fd);
    str_done(&got);
}

static const char *put(struct rig *rig, const char *path, struct str *got)
{
    struct str request = STR_INIT;
    str_printf(&request, "PUT %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    const char *text = ask(rig, http_port(rig->http, HTTP_PUBLIC), str_z(&request), got);
    str_done(&request);
    return text;
}

/* A "*" inside a path is one segment that is not empty; the first row that fits counts. */
static void path_segments(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    HAS(put(rig, "/lights/id:1%2F2/state", &got), "|id:1%2F2|");
    HAS(put(rig, "/lights/all/state/delta", &got), "PUT /lights/all/state/delta||all|");
    HAS(put(rig, "/lights/states", &got), "PUT /lights/states|||");
    HAS(put(rig, "/lights//state", &got), "unknown");
    HAS(put(rig, "/lights/a/b/state", &got), "unknown");
    HAS(put(rig, "/lights/a/state/", &got), "unknown");
    HAS(put(rig, "/light/a/state", &got), "404");
    str_done(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(goes_on, set_up_streams, tear_down),
        cmocka_unit_test_setup_teardown(stalls, set_up_streams, tear_down),
        cmocka_unit_test_setup_teardown(is_cut_while_it_waits, set_up_streams, tear_down),
        cmocka_unit_test_setup_teardown(opens_late, set_up_streams, tear_down),
        cmocka_unit_test_setup_teardown(opens_for_nobody, set_up_streams, tear_down),
        cmocka_unit_test_setup_teardown(ends_with_the_listener, set_up_streams, tear_down),
        cmocka_unit_test_setup_teardown(path_segments, set_up_streams, tear_down),
    };
    return cmocka_run_group_tests_name("http stream", tests, NULL, NULL);
}
