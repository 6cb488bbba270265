/* The TLS listener, asked by `openssl s_client`: certificates that change while connections go on, and those that are
   no good. Skipped where there is no openssl program. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit/http/rig.h"

struct tls_rig {
    struct rig rig; /* first: its functions are used */
    char folder[32], certificate[64], key[64];
};

static void is_tls(struct http_exchange *x, void *context)
{
    struct str body = STR_INIT;
    (void)context;
    str_add_z(&body, http_is_tls(x) ? "by TLS" : "in the clear");
    http_answer(x, 200, "text/plain", &body);
}

static const struct http_route tls_routes[] = {{"GET", "/", HTTP_PUBLIC, HTTP_OPEN, 0, is_tls, 0}};

static int run(const char *command)
{
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void make_certificate(const struct tls_rig *t, const char *name)
{
    char command[400];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=%s -days 2 -out %s "
             "-keyout %s >%s/log 2>&1",
             name, t->certificate, t->key, t->folder);
    assert_int_equal(run(command), 0);
}

static int start(struct tls_rig *t, struct str *why)
{
    static void *contexts[1];
    const struct http_config config = {.routes = tls_routes, .route_count = 1, .contexts = contexts};
    const struct http_tls tls = {t->certificate, t->key};
    assert_int_equal(http_new(t->rig.loop, &config, &t->rig.http), 0);
    return http_listen(t->rig.http, &(struct http_listen){HTTP_PUBLIC, "127.0.0.1:0", &tls, NULL, NULL}, why);
}

static int tls_set_up(void **state)
{
    static struct tls_rig t;
    if (run("openssl version >/dev/null 2>&1") != 0) {
        print_message("skipped: no openssl program\n");
        exit(0);
    }
    memset(&t, 0, sizeof t);
    strcpy(t.folder, "/tmp/http_tls.XXXXXX");
    assert_non_null(mkdtemp(t.folder));
    snprintf(t.certificate, sizeof t.certificate, "%s/certificate.pem", t.folder);
    snprintf(t.key, sizeof t.key, "%s/key.pem", t.folder);
    secrets_init();
    signal(SIGPIPE, SIG_IGN);
    alarm(100);
    assert_int_equal(loop_new(&t.rig.loop), 0);
    make_certificate(&t, "one");
    *state = &t;
    return 0;
}

static int tls_tear_down(void **state)
{
    struct tls_rig *t = *state;
    char command[64];
    http_free(t->rig.http);
    loop_free(t->rig.loop);
    snprintf(command, sizeof command, "rm -r %s", t->folder);
    return run(command);
}

/* ---- a client ---- */

struct client {
    pid_t pid;
    int to, from;
    struct str got;
};

static void client_start(struct tls_rig *t, struct client *c)
{
    int in[2], out[2];
    char address[32];
    *c = (struct client){0};
    snprintf(address, sizeof address, "127.0.0.1:%d", http_port(t->rig.http, HTTP_PUBLIC));
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    c->pid = fork();
    assert_true(c->pid >= 0);
    if (c->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(out[1], 2);
        execlp("openssl", "openssl", "s_client", "-connect", address, "-nameopt", "RFC2253", "-ign_eof", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    c->to = in[1];
    c->from = out[0];
}

/* Turns the loop until the client has printed `text`, or has ended; true if it was printed. */
static bool client_says(struct tls_rig *t, struct client *c, const char *text)
{
    char bytes[4096];
    while (!strstr(str_z(&c->got), text)) {
        struct pollfd p = {c->from, POLLIN, 0};
        loop_turn(t->rig.loop, false);
        if (poll(&p, 1, 2) > 0) {
            ssize_t n = read(c->from, bytes, sizeof bytes);
            if (n <= 0) {
                return false;
            }
            str_add(&c->got, bytes, (size_t)n);
        }
    }
    return true;
}

static void client_ask(struct client *c)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    str_clear(&c->got);
    assert_int_equal(write(c->to, request, sizeof request - 1), sizeof request - 1);
}

static void client_end(struct client *c)
{
    close(c->to);
    close(c->from);
    kill(c->pid, SIGKILL);
    waitpid(c->pid, NULL, 0);
    str_done(&c->got);
}

/* One connection, one request, and whose certificate it saw. */
static bool sees(struct tls_rig *t, const char *name)
{
    struct client c;
    char subject[32];
    snprintf(subject, sizeof subject, "CN=%s\n", name);
    client_start(t, &c);
    bool seen = client_says(t, &c, subject);
    if (!seen) {
        print_message("%s was not seen in:\n%s\n", name, str_z(&c.got));
        client_end(&c);
        return false;
    }
    client_ask(&c);
    bool served = client_says(t, &c, "by TLS");
    client_end(&c);
    return served;
}

/* A connection makes the files be looked at; whether it gets the old certificate or the new one does not matter. */
static void visit(struct tls_rig *t)
{
    struct client c;
    client_start(t, &c);
    assert_true(client_says(t, &c, "CN="));
    client_end(&c);
    for (int i = 0; i < 5; i++) {
        loop_turn(t->rig.loop, false);
    }
}

/* As if ten seconds had passed since the files were looked at. */
static void later(struct tls_rig *t)
{
    t->rig.http->listeners->looked_at -= RELOAD_MS;
}

static unsigned servers(const struct tls_rig *t)
{
    unsigned count = 0;
    for (const struct server *s = t->rig.http->servers; s; s = s->next) {
        count++;
    }
    return count;
}

static void settle(struct tls_rig *t, unsigned connections)
{
    for (int i = 0; i < 3000 && http_stats(t->rig.http).open_connections != connections; i++) {
        loop_turn(t->rig.loop, false);
        poll(NULL, 0, 1);
    }
    assert_int_equal(http_stats(t->rig.http).open_connections, connections);
    for (int i = 0; i < 5; i++) {
        loop_turn(t->rig.loop, false);
    }
}

/* ---- the tests ---- */

static void test_served(void **state)
{
    struct tls_rig *t = *state;
    struct str got = STR_INIT, why = STR_INIT;
    assert_int_equal(start(t, &why), 0);
    assert_true(sees(t, "one"));
    /* somebody speaks plain HTTP to it: nothing is answered in the clear, and the next one is served */
    ask(&t->rig, http_port(t->rig.http, HTTP_PUBLIC), "GET / HTTP/1.1\r\nHost: h\r\n\r\n", &got);
    assert_null(strstr(str_z(&got), "HTTP/1.1"));
    assert_true(sees(t, "one"));
    settle(t, 0);
    str_done(&got);
}

static void test_renewed(void **state)
{
    struct tls_rig *t = *state;
    struct str why = STR_INIT;
    struct client kept;
    assert_int_equal(start(t, &why), 0);
    client_start(t, &kept);
    assert_true(client_says(t, &kept, "CN=one\n"));
    client_ask(&kept);
    assert_true(client_says(t, &kept, "by TLS"));
    make_certificate(t, "two");
    assert_true(sees(t, "one")); /* not looked at yet */
    later(t);
    visit(t);
    assert_true(sees(t, "two"));
    assert_int_equal(servers(t), 2);
    client_ask(&kept); /* who was there goes on */
    assert_true(client_says(t, &kept, "by TLS"));
    client_end(&kept);
    settle(t, 0);
    assert_int_equal(servers(t), 1); /* the old one has ended */
    assert_true(sees(t, "two"));
    later(t);
    assert_true(sees(t, "two")); /* nothing has changed: nothing happens */
    assert_int_equal(servers(t), 1);
}

/* A renewal that went wrong half way: the old certificate goes on, until a good one comes. */
static void test_renewed_badly(void **state)
{
    struct tls_rig *t = *state;
    struct str why = STR_INIT;
    char command[400];
    static const char *const damages[] = {"echo nonsense > %s", "rm %s", ": > %s"};
    assert_int_equal(start(t, &why), 0);
    for (size_t i = 0; i < 3; i++) {
        snprintf(command, sizeof command, damages[i], t->certificate);
        assert_int_equal(run(command), 0);
        later(t);
        assert_true(sees(t, "one"));
        assert_true(sees(t, "one"));
    }
    make_certificate(t, "two"); /* another key, but the certificate of before */
    snprintf(command, sizeof command, "mv %s %s/aside && cp %s/aside %s", t->key, t->folder, t->folder, t->certificate);
    assert_int_equal(run(command), 0);
    later(t);
    assert_true(sees(t, "one"));
    make_certificate(t, "three");
    later(t);
    visit(t);
    assert_true(sees(t, "three"));
}

static void test_cannot_start(void **state)
{
    struct tls_rig *t = *state;
    struct str why = STR_INIT;
    char command[400];
    snprintf(command, sizeof command, "rm %s", t->key);
    assert_int_equal(run(command), 0);
    assert_int_equal(start(t, &why), ERR_NOT_FOUND);
    HAS(str_z(&why), "key.pem: no such thing");
    http_free(t->rig.http);
    str_clear(&why);
    snprintf(command, sizeof command, "cp %s %s", t->certificate, t->key); /* a certificate is no key */
    assert_int_equal(run(command), 0);
    assert_int_equal(start(t, &why), ERR_INVALID);
    HAS(str_z(&why), "do certificate and key belong together?");
    str_done(&why);
}

#define WITH_TLS(test) cmocka_unit_test_setup_teardown(test, tls_set_up, tls_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TLS(test_served),
        WITH_TLS(test_renewed),
        WITH_TLS(test_renewed_badly),
        WITH_TLS(test_cannot_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
