/* A look at a TLS server: what `openssl s_server` shows, and what is said of those that show nothing. Skipped where
   there is no openssl program. */
#include "fetch/probe.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"

#define DAY 86400

static char folder[64], root_file[96];

/* A root, and certificates for lights.test: one that the root signed, one that nobody did. */
static int make_certificates(void **state)
{
    static const char script[] =
        "cd %s && exec 2>err && new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes' &&"
        " openssl req -x509 $new -keyout root.key -out root.pem -subj /CN=root -days 30 &&"
        " openssl req $new -keyout server.key -out server.csr -subj /CN=server &&"
        " echo subjectAltName=DNS:lights.test,DNS:*.house.test,IP:127.0.0.1 >ext &&"
        " openssl x509 -req -in server.csr -CA root.pem -CAkey root.key -CAcreateserial -out server.pem -extfile ext"
        " -days 10 &&"
        " openssl req -x509 $new -keyout self.key -out self.pem -subj /CN=self -days 10";
    char command[1024];
    (void)state;
    strcpy(folder, "/tmp/probe_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(root_file, sizeof root_file, "%s/root.pem", folder);
    (void)snprintf(command, sizeof command, script, folder);
    if (system("openssl version >/dev/null 2>&1") != 0) {
        rmdir(folder);
        print_message("skipped: no openssl program\n");
        exit(0);
    }
    assert_int_equal(system(command), 0);
    return 0;
}

static int remove_certificates(void **state)
{
    char command[96];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* ---- servers ---- */

struct server {
    pid_t pid;
    int port, out, in;
    char where[32];
};

static void find_port(struct server *s)
{
    char text[4096] = "";
    size_t len = 0;
    ssize_t got;
    while (s->port == 0 && len < sizeof text - 1 && (got = read(s->out, text + len, sizeof text - 1 - len)) > 0) {
        len += (size_t)got;
        const char *line = strstr(text, "ACCEPT ");
        s->port = line && strchr(line, '\n') ? atoi(strchr(line, ':') + 1) : 0;
    }
    assert_int_not_equal(s->port, 0);
    (void)snprintf(s->where, sizeof s->where, "127.0.0.1:%d", s->port);
}

static struct server start(const char *words)
{
    struct server s = {0};
    int in[2], out[2];
    char command[512];
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    (void)snprintf(command, sizeof command, "cd %s && exec openssl s_server -accept 127.0.0.1:0 %s 2>/dev/null", folder,
                   words);
    s.pid = fork();
    if (s.pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    s.in = in[1]; /* it ends with its input */
    s.out = out[0];
    find_port(&s);
    return s;
}

static void stop(struct server *s)
{
    kill(s->pid, SIGTERM);
    waitpid(s->pid, NULL, 0);
    close(s->in);
    close(s->out);
}

/* A socket that listens and, where `answer` is not NULL, says that to the first who comes and closes. */
static struct server start_stranger(const char *answer)
{
    struct server s = {.in = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .out = -1};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    assert_int_equal(bind(s.in, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s.in, 4), 0);
    assert_int_equal(getsockname(s.in, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(s.where, sizeof s.where, "127.0.0.1:%u", ntohs(at.sin_port));
    s.pid = fork();
    if (s.pid == 0) {
        char hello[4096];
        int fd = accept(s.in, NULL, NULL);
        while (!answer) { /* it says nothing, and goes on listening */
            pause();
        }
        if (read(fd, hello, sizeof hello) > 0 && write(fd, answer, strlen(answer)) < 0) {
            _exit(1);
        }
        _exit(0);
    }
    return s;
}

/* ---- what is seen ---- */

static void a_chain(void **state)
{
    struct server s = start("-cert server.pem -key server.key -cert_chain root.pem");
    struct probe p;
    int64_t now_s = (int64_t)time(NULL);
    (void)state;
    probe_tls("lights.test", 443, s.where, root_file, 20, &p);
    assert_int_equal(p.result, 0);
    assert_string_equal(p.version, "TLSv1.3");
    assert_false(p.old_version);
    assert_string_equal(p.address, "127.0.0.1");
    assert_int_equal(p.count, 2);
    assert_string_equal(p.chain[0].subject, "/CN=server");
    assert_string_equal(p.chain[0].issuer, "/CN=root");
    assert_string_equal(p.chain[1].subject, "/CN=root");
    assert_in_range(p.chain[0].until_s, now_s + 9 * DAY, now_s + 10 * DAY);
    assert_in_range(p.chain[1].until_s, now_s + 29 * DAY, now_s + 30 * DAY);
    assert_in_range(p.chain[0].from_s, now_s - DAY, now_s + 1);
    assert_true(p.trusted && p.name_ok && !p.self_signed);
    assert_string_equal(p.names, "lights.test, *.house.test");
    probe_tls("lights.test", 443, s.where, NULL, 20, &p); /* whom nobody trusts but us */
    assert_int_equal(p.result, 0);
    assert_false(p.trusted);
    assert_string_not_equal(p.trust_text, "");
    stop(&s);
}

static void names(void **state)
{
    static const struct {
        const char *host;
        bool ok;
    } rows[] = {{"lights.test", true}, {"LIGHTS.test", true},      {"a.house.test", true}, {"house.test", false},
                {"127.0.0.1", true},   {"a.b.house.test", false},  {"127.0.0.2", false},   {"server", false},
                {"x.test", false},     {"lights.test.evil", false}};
    struct server s = start("-cert server.pem -key server.key");
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct probe p;
        probe_tls(rows[i].host, 443, s.where, root_file, 20, &p);
        assert_int_equal(p.result, 0);
        assert_int_equal(p.name_ok, rows[i].ok);
    }
    stop(&s);
}

static void a_certificate_of_nobody(void **state)
{
    struct server s = start("-cert self.pem -key self.key");
    struct probe p;
    (void)state;
    probe_tls("lights.test", 443, s.where, root_file, 20, &p);
    assert_int_equal(p.result, 0);
    assert_int_equal(p.count, 1);
    assert_true(p.self_signed && !p.trusted && !p.name_ok);
    assert_string_equal(p.names, "");
    stop(&s);
}

static void old_versions(void **state)
{
    static const struct {
        const char *words, *version;
        bool old;
    } rows[] = {{"-tls1", "TLSv1", true}, {"-tls1_1", "TLSv1.1", true}, {"-tls1_2", "TLSv1.2", false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char words[128];
        struct probe p;
        (void)snprintf(words, sizeof words, "-cert server.pem -key server.key -cipher ALL:@SECLEVEL=0 %s",
                       rows[i].words);
        struct server s = start(words);
        probe_tls("lights.test", 443, s.where, root_file, 20, &p);
        assert_int_equal(p.result, 0);
        assert_string_equal(p.version, rows[i].version);
        assert_int_equal(p.old_version, rows[i].old);
        stop(&s);
    }
}

static void assert_fails(const char *host, const char *connect_to, const char *ca_file, int result, const char *says)
{
    struct probe p;
    probe_tls(host, 443, connect_to, ca_file, 1, &p);
    assert_int_equal(p.result, result);
    if (!strstr(p.why, says)) {
        fail_msg("\"%s\" does not say \"%s\"", p.why, says);
    }
    assert_int_equal(p.count, 0);
    assert_false(p.trusted || p.name_ok);
}

static void no_tls(void **state)
{
    static const struct {
        const char *answer, *says;
    } rows[] = {{"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks something else"},
                {"", "it closed the connection, or said nothing"},
                {NULL, "it closed the connection, or said nothing"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct server s = start_stranger(rows[i].answer);
        assert_fails("lights.test", s.where, NULL, ERR_REJECTED, rows[i].says);
        stop(&s);
    }
}

static void nobody(void **state)
{
    char key[96], missing[96];
    struct server s = start_stranger("");
    (void)state;
    (void)snprintf(key, sizeof key, "%s/server.key", folder);
    (void)snprintf(missing, sizeof missing, "%s/missing.pem", folder);
    assert_fails("lights.test", s.where, key, ERR_INVALID, "server.key: holds no certificate in PEM");
    assert_fails("lights.test", s.where, missing, ERR_INVALID, "missing.pem: holds no certificate in PEM");
    stop(&s);
    assert_fails("lights.test", s.where, NULL, ERR_OFFLINE, "127.0.0.1 port ");
    assert_fails("lights.test", "[::1]:1", NULL, ERR_OFFLINE, "::1 port 1");
    assert_fails("no-such-name.invalid", NULL, NULL, ERR_NOT_FOUND, "no-such-name.invalid: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain),      cmocka_unit_test(names),  cmocka_unit_test(a_certificate_of_nobody),
        cmocka_unit_test(old_versions), cmocka_unit_test(no_tls), cmocka_unit_test(nobody),
    };
    alarm(100);
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
