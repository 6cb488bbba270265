/* TLS against `openssl s_server`: whom we believe, and that a connection kept from a call with more rights does
   not serve one with fewer. Skipped where there is no openssl program. */
#include "fetch/fetch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "loop/loop.h"

struct fixture {
    struct loop *loop;
    struct fetch *fetch;
    char folder[64], certificate[96], key[96], url[64], by_address[64];
    pid_t server;
    int to_server, from_server;
    struct fetch_request request;
    int result, status;
    bool may_have_arrived;
    char why[256];
};

static int run(char *const argv[])
{
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        execvp(argv[0], argv);
        _exit(127);
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

static int read_port(int fd)
{
    char text[4096] = "";
    size_t len = 0;
    ssize_t got;
    while (len < sizeof text - 1 && (got = read(fd, text + len, sizeof text - 1 - len)) > 0) {
        len += (size_t)got;
        const char *line = strstr(text, "ACCEPT ");
        if (line && strchr(line, '\n')) {
            return atoi(strchr(line, ':') + 1);
        }
    }
    return 0;
}

static void start_server(struct fixture *f)
{
    int in[2], out[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    f->server = fork();
    assert_true(f->server >= 0);
    if (f->server == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(open("/dev/null", O_WRONLY), 2);
        execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", f->certificate, "-key", f->key,
               (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    f->to_server = in[1];
    f->from_server = out[0];
    int port = read_port(f->from_server);
    assert_int_not_equal(port, 0);
    snprintf(f->url, sizeof f->url, "https://localhost:%d/", port);
    snprintf(f->by_address, sizeof f->by_address, "https://127.0.0.1:%d/", port);
}

static int set_up(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    strcpy(f.folder, "/tmp/tls_test.XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.certificate, sizeof f.certificate, "%s/certificate.pem", f.folder);
    snprintf(f.key, sizeof f.key, "%s/key.pem", f.folder);
    char *make[] = {"openssl", "req",           "-x509",   "-newkey", "rsa:2048", "-nodes",
                    "-subj",   "/CN=localhost", "-days",   "2",       "-addext",  "subjectAltName=DNS:localhost",
                    "-out",    f.certificate,   "-keyout", f.key,     NULL};
    if (run(make) != 0) {
        rmdir(f.folder);
        print_message("skipped: no openssl program\n");
        exit(0);
    }
    start_server(&f);
    assert_int_equal(loop_new(&f.loop), 0);
    assert_int_equal(fetch_new(f.loop, &f.fetch), 0);
    f.request = (struct fetch_request){
        .method = "GET", .url = f.url, .policy = FETCH_ALLOW_PRIVATE, .ca_file = f.certificate, .timeout_ms = 20000};
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fetch_free(f->fetch);
    loop_free(f->loop);
    kill(f->server, SIGTERM);
    waitpid(f->server, NULL, 0);
    close(f->to_server);
    close(f->from_server);
    unlink(f->certificate);
    unlink(f->key);
    return rmdir(f->folder);
}

static void note_done(void *user, const struct fetch_result *result)
{
    struct fixture *f = user;
    f->result = result->result;
    f->status = result->status;
    f->may_have_arrived = result->may_have_arrived;
    snprintf(f->why, sizeof f->why, "%s", result->why);
    loop_stop(f->loop);
}

static void call(struct fixture *f)
{
    fetch_start(f->fetch, &f->request, note_done, f);
    loop_run(f->loop);
}

/* s_server sends what it is given on its standard input to whoever is connected. */
static void give_answer(struct fixture *f)
{
    const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert_int_equal(write(f->to_server, answer, sizeof answer - 1), (ssize_t)sizeof answer - 1);
}

static void test_unknown_authority(void **state)
{
    struct fixture *f = *state;
    f->request.ca_file = NULL;
    call(f);
    assert_int_equal(f->result, ERR_DENIED);
    assert_false(f->may_have_arrived);
    assert_non_null(strstr(f->why, "certificate"));
}

static void test_wrong_name(void **state)
{
    struct fixture *f = *state;
    f->request.url = f->by_address;
    call(f);
    assert_int_equal(f->result, ERR_DENIED);
    assert_false(f->may_have_arrived);
}

static void test_kept_connection_keeps_the_policy(void **state)
{
    struct fixture *f = *state;
    give_answer(f);
    call(f);
    if (f->result) {
        fail_msg("%s", f->why);
    }
    assert_int_equal(f->status, 200);
    f->request.policy = 0;
    call(f);
    assert_int_equal(f->result, ERR_DENIED);
    assert_false(f->may_have_arrived);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_unknown_authority),
        T(test_wrong_name),
        T(test_kept_connection_keeps_the_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
