/* Where may be listened: addresses, the control socket left by a dead daemon, the one of a living daemon. */
#include <sys/stat.h>

#include "unit/http/rig.h"

static int listen_at(struct rig *rig, unsigned kind, const char *address, struct str *why)
{
    str_clear(why);
    return http_listen(rig->http, &(struct http_listen){kind, address, NULL, NULL, NULL}, why);
}

/* Another http in this loop, with nothing open yet. */
static struct http *another(struct rig *rig)
{
    static void *contexts[1];
    struct http *http = NULL;
    const struct http_config config = {
        .routes = routes, .route_count = sizeof routes / sizeof routes[0], .contexts = contexts};
    assert_int_equal(http_new(rig->loop, &config, &http), 0);
    return http;
}

static void test_addresses(void **state)
{
    struct rig *rig = *state;
    struct str why = STR_INIT;
    static const char *const wrong[] = {"",       "127.0.0.1", "localhost:0",  "127.0.0.1:x", "127.0.0.1:70000",
                                        "[::1:0", "::1:0",     "256.0.0.1:80", ":80x",        "127.0.0.1:"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (listen_at(rig, HTTP_PUBLIC, wrong[i], &why) == 0) {
            fail_msg("%s was taken", wrong[i]);
        }
        HAS(str_z(&why), wrong[i]);
        assert_true(why.len > strlen(wrong[i]) + 2);
    }
    char taken[32];
    snprintf(taken, sizeof taken, "127.0.0.1:%d", http_port(rig->http, HTTP_PUBLIC));
    assert_int_equal(listen_at(rig, HTTP_PUBLIC, taken, &why), ERR_IO);
    HAS(str_z(&why), "in use");
    assert_true(http_port(rig->http, HTTP_PUBLIC) > 0);
    assert_int_equal(http_port(rig->http, 8), 0);
    str_done(&why);
}

static void test_version_six(void **state)
{
    struct rig *rig = *state;
    struct str why = STR_INIT, got = STR_INIT;
    struct http *http = another(rig);
    if (http_listen(http, &(struct http_listen){HTTP_PUBLIC, "[::1]:0", NULL, NULL, NULL}, &why) != 0) {
        print_message("skipped: no IPv6 loopback here: %s\n", str_z(&why));
        http_free(http);
        str_done(&why);
        skip();
    }
    struct sockaddr_in6 to = {
        .sin6_family = AF_INET6, .sin6_port = htons(http_port(http, HTTP_PUBLIC)), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    const char *request = "GET /source HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    collect(rig, fd, &got);
    HAS(str_z(&got), "unknown"); /* loopback without trusted_proxies may be anybody behind a tunnel */
    close(fd);
    http_free(http);
    str_done(&got);
}

static void test_stale_socket(void **state)
{
    struct rig *rig = *state;
    struct str why = STR_INIT;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct stat st;
    char path[96];
    struct http *http = another(rig);
    snprintf(path, sizeof path, "%s.2", rig->socket);
    memcpy(at.sun_path, path, strlen(path));
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&at, sizeof at), 0);
    close(dead); /* killed: the file stays */
    assert_int_equal(access(path, F_OK), 0);
    mode_t before = umask(0);
    assert_int_equal(http_listen(http, &(struct http_listen){HTTP_CONTROL, path, NULL, NULL, NULL}, &why), 0);
    umask(before);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660); /* whatever the umask */
    assert_int_equal(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&at, sizeof at), 0);
    http_free(http);
    assert_int_not_equal(access(path, F_OK), 0); /* it is taken away at the end */
    str_done(&why);
}

/* A second daemon is refused, and the first one's socket is left alone. */
static void test_living_socket(void **state)
{
    struct rig *rig = *state;
    struct str why = STR_INIT, got = STR_INIT;
    struct http *http = another(rig);
    assert_int_equal(http_listen(http, &(struct http_listen){HTTP_CONTROL, rig->socket, NULL, NULL, NULL}, &why),
                     ERR_EXISTS);
    HAS(str_z(&why), "another lightbridge is running");
    http_free(http);
    assert_int_equal(access(rig->socket, F_OK), 0);
    str_done(&why);
    str_done(&got);
}

/* What lies there is somebody's file: it is not ours to remove. */
static void test_a_file_in_its_place(void **state)
{
    struct rig *rig = *state;
    struct str why = STR_INIT;
    char path[96];
    struct http *http = another(rig);
    snprintf(path, sizeof path, "%s.3", rig->socket);
    FILE *f = fopen(path, "w");
    fputs("precious", f);
    fclose(f);
    assert_int_equal(http_listen(http, &(struct http_listen){HTTP_CONTROL, path, NULL, NULL, NULL}, &why), ERR_EXISTS);
    HAS(str_z(&why), "is no socket");
    http_free(http);
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    str_done(&why);
}

static void test_no_place_for_a_socket(void **state)
{
    struct rig *rig = *state;
    struct str why = STR_INIT;
    char path[200] = "/tmp/";
    assert_int_equal(listen_at(rig, HTTP_CONTROL, "/nowhere/control.sock", &why), ERR_IO);
    HAS(str_z(&why), "No such file or directory");
    memset(path + 5, 'x', 150);
    assert_int_equal(listen_at(rig, HTTP_CONTROL, path, &why), ERR_INVALID);
    HAS(str_z(&why), "longer than a socket's path may be");
    str_done(&why);
}

/* The control socket needs no Host and no login: who may open the file may do all. */
static void test_control_rules(void **state)
{
    struct rig *rig = *state;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct str got = STR_INIT;
    static const char *const requests[] = {"GET /echo HTTP/1.0\r\n\r\n", "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"};
    memcpy(to.sun_path, rig->socket, strlen(rig->socket));
    for (size_t i = 0; i < 2; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        assert_int_equal(write(fd, requests[i], strlen(requests[i])), (ssize_t)strlen(requests[i]));
        str_clear(&got);
        collect(rig, fd, &got);
        HAS(str_z(&got), "200 OK");
        close(fd);
    }
    str_done(&got);
}

/* Nothing of a tunnel or of another name comes to the local listener, whatever else is right about it. */
static void test_local_rules(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
#define LOGIN "Authorization: Basic YW5uYTpzZTpjcmV0\r\n"
    static const char *const refused[] = {
        "Host: localhost\r\nForwarded: for=1.2.3.4\r\n",
        "Host: localhost\r\nX-Forwarded-Proto: https\r\n",
        "Host: localhost\r\nVia: 1.1 proxy\r\n",
        "Host: localhost\r\nCF-Connecting-IP: 1.2.3.4\r\n",
        "Host: localhost\r\nX-Real-IP: 127.0.0.1\r\n",
        "Host: evil.example\r\n",
        "Host: localhost.evil.example\r\n",
        "Host: 127.0.0.1.evil.example:8001\r\n",
        "Host: lights.example.org\r\n",
        "Host: \r\n",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char request[300];
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\n" LOGIN "%s\r\n", refused[i]);
        HAS(LOCAL(request), " 403 ");
        assert_null(strstr(str_z(&got), "WWW-Authenticate"));
    }
    HAS(LOCAL("GET / HTTP/1.1\r\n" LOGIN "\r\n"), " 400 ");
    HAS(LOCAL("GET / HTTP/1.1\r\nHost: LOCALHOST:1\r\n" LOGIN "\r\n"), "200 OK");
    HAS(PUBLIC("GET / HTTP/1.1\r\nHost: localhost\r\n" LOGIN "\r\n"), " 404 ");
    str_done(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(test_addresses),     WITH_RIG(test_version_six),         WITH_RIG(test_stale_socket),
        WITH_RIG(test_living_socket), WITH_RIG(test_a_file_in_its_place), WITH_RIG(test_no_place_for_a_socket),
        WITH_RIG(test_control_rules), WITH_RIG(test_local_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
