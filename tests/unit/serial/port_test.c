/* Ports: found by permanent names, lost and found again, and what is said of one that cannot be had. The far ends are
   pseudo terminals behind a link (as udev makes them) and a network serial server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "loop/loop.h"
#include "serial/port.h"
#include "serial/port_internal.h"

static struct {
    struct loop *loop;
    struct timer *pulse;
    struct port *port;
    char folder[64], link[96];
    int master;
    unsigned opened, closed, drained;
    char why[256];
    char heard[256];
    size_t heard_len;
} t;

static void on_open(void *user)
{
    (void)user;
    t.opened++;
}

static void on_closed(void *user, const char *why)
{
    (void)user;
    t.closed++;
    (void)snprintf(t.why, sizeof t.why, "%s", why);
}

static void on_bytes(void *user, const uint8_t *bytes, size_t len)
{
    (void)user;
    assert_true(t.heard_len + len < sizeof t.heard);
    memcpy(t.heard + t.heard_len, bytes, len);
    t.heard_len += len;
}

static void on_drained(void *user)
{
    (void)user;
    t.drained++;
}

static const struct port_events events = {on_open, on_closed, on_bytes, on_drained};

static void pulse(void *user)
{
    (void)user;
}

#define WAIT(condition)                                                                                                \
    do {                                                                                                               \
        uint64_t since_ = loop_now(t.loop);                                                                            \
        while (!(condition)) {                                                                                         \
            if (loop_now(t.loop) - since_ > 20000) {                                                                   \
                fail_msg("line %d: waited in vain for %s", __LINE__, #condition);                                      \
            }                                                                                                          \
            loop_turn(t.loop, true);                                                                                   \
        }                                                                                                              \
    } while (0)

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.master = -1;
    strcpy(t.folder, "/tmp/port_test.XXXXXX");
    assert_non_null(mkdtemp(t.folder));
    (void)snprintf(t.link, sizeof t.link, "%s/widget", t.folder);
    assert_int_equal(loop_new(&t.loop), 0);
    t.pulse = timer_new(t.loop, pulse, NULL);
    timer_repeat(t.pulse, 5);
    return 0;
}

static void unplug(void)
{
    if (t.master >= 0) {
        close(t.master);
        (void)unlink(t.link);
        t.master = -1;
    }
}

static int teardown(void **state)
{
    (void)state;
    port_free(t.port);
    unplug();
    (void)rmdir(t.folder);
    timer_free(t.pulse);
    loop_free(t.loop);
    return 0;
}

static void plug(void)
{
    t.master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(t.master >= 0 && grantpt(t.master) == 0 && unlockpt(t.master) == 0);
    assert_int_equal(symlink(ptsname(t.master), t.link), 0);
}

static void start(const char *name)
{
    const struct port_config config = {.log = "serial/test", .port = name, .line = {.baud = 9600, .stop_bits = 1}};
    assert_int_equal(port_new(t.loop, &config, &events, NULL, &t.port), 0);
}

static const char *status(void)
{
    static char text[1024];
    struct str s = STR_INIT;
    port_status(t.port, &s);
    (void)snprintf(text, sizeof text, "%s", str_z(&s));
    str_done(&s);
    return text;
}

static bool says(const char *part)
{
    return strstr(status(), part) != NULL;
}

/* ---- the cases ---- */

static void test_bytes_go_both_ways(void **state)
{
    char got[16] = "";
    (void)state;
    plug();
    start(t.link);
    assert_int_equal(port_write(t.port, "x", 1), ERR_OFFLINE); /* not open yet */
    WAIT(t.opened == 1);
    assert_true(says("is open (/dev/pts/"));
    assert_int_equal(port_write(t.port, "\x7e\x06\r\n\x11", 5), 0); /* raw: nothing is changed or eaten */
    ssize_t n = -1;
    WAIT((n = read(t.master, got, sizeof got)) > 0);
    assert_int_equal(n, 5);
    assert_memory_equal(got, "\x7e\x06\r\n\x11", 5);
    assert_int_equal(write(t.master, "\x13\r\x03\x7f", 4), 4);
    WAIT(t.heard_len == 4);
    assert_memory_equal(t.heard, "\x13\r\x03\x7f", 4);
}

static void test_unplugged_and_back_as_another_device(void **state)
{
    (void)state;
    plug();
    start(t.link);
    WAIT(t.opened == 1);
    int keep = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC); /* so that the number is another one */
    unplug();
    WAIT(t.closed == 1);
    assert_string_equal(t.why, "it was unplugged");
    assert_int_equal(port_write(t.port, "x", 1), ERR_OFFLINE);
    assert_int_equal(port_descriptor(t.port), -1);
    WAIT(says("is not there"));
    plug();
    WAIT(t.opened == 2);
    assert_int_equal(write(t.master, "back", 4), 4);
    WAIT(t.heard_len == 4);
    close(keep);
}

static void test_reset(void **state)
{
    (void)state;
    plug();
    start(t.link);
    WAIT(t.opened == 1);
    port_reset(t.port, "it speaks nonsense");
    assert_int_equal(t.closed, 0); /* never from inside */
    WAIT(t.closed == 1);
    assert_string_equal(t.why, "it speaks nonsense");
    WAIT(t.opened == 2);
}

/* Reads all that there is at the far end. */
static bool swallow(void)
{
    char sink[4096];
    while (read(t.master, sink, sizeof sink) > 0) {
    }
    return true;
}

static void test_what_waits_is_bounded(void **state)
{
    static char block[1000];
    (void)state;
    plug();
    start(t.link);
    WAIT(t.opened == 1);
    int err = 0;
    for (unsigned i = 0; i < 1000 && err == 0; i++) {
        err = port_write(t.port, block, sizeof block);
    }
    assert_int_equal(err, ERR_BUSY); /* nobody reads */
    assert_in_range(port_unsent(t.port), PORT_UNSENT_MAX - sizeof block + 1, PORT_UNSENT_MAX);
    WAIT(swallow() && t.drained > 0);
    assert_int_equal(port_unsent(t.port), 0);
    assert_int_equal(port_write(t.port, block, sizeof block), 0);
}

static int listen_at(uint16_t *port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void test_a_network_serial_server(void **state)
{
    char name[64];
    char got[8];
    uint16_t number = 0;
    int peer = -1;
    (void)state;
    int listener = listen_at(&number);
    (void)snprintf(name, sizeof name, "tcp://127.0.0.1:%u", number);
    start(name);
    WAIT((peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0);
    WAIT(t.opened == 1);
    assert_int_equal(port_write(t.port, "ping", 4), 0);
    WAIT(read(peer, got, sizeof got) == 4);
    assert_int_equal(write(peer, "pong", 4), 4);
    WAIT(t.heard_len == 4);
    close(peer);
    WAIT(t.closed == 1);
    assert_string_equal(t.why, "the other end closed the connection");
    close(listener);
    WAIT(says("Connection refused"));
    listener = listen_at(&number);
    WAIT(t.opened == 2);
    close(listener);
}

static void test_what_starts_is_not_heard(void **state)
{
    const struct port_config config = {
        .log = "serial/test", .port = t.link, .line = {.baud = 9600, .stop_bits = 1, .quiet = 300}};
    (void)state;
    plug();
    assert_int_equal(port_new(t.loop, &config, &events, NULL, &t.port), 0);
    WAIT(t.opened == 1);
    assert_int_equal(write(t.master, "boot", 4), 4);
    uint64_t since = loop_now(t.loop);
    WAIT(loop_now(t.loop) - since > 400);
    assert_int_equal(t.heard_len, 0);
    assert_int_equal(write(t.master, "ok", 2), 2);
    WAIT(t.heard_len == 2);
}

/* Another program has it, and is named. */
static void test_in_use(void **state)
{
    char part[64];
    int ready[2];
    char byte;
    (void)state;
    plug();
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        int fd = open(t.link, O_RDWR | O_NOCTTY);
        char go = fd >= 0 && flock(fd, LOCK_EX) == 0 ? 'y' : 'n';
        (void)!write(ready[1], &go, 1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    start(t.link);
    (void)snprintf(part, sizeof part, "in use by unit_serial_por (process %d)", child);
    WAIT(says(part));
    assert_int_equal(t.opened, 0);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    WAIT(t.opened == 1);
    close(ready[0]);
    close(ready[1]);
}

static void test_two_entries_for_one_port(void **state)
{
    struct port *first;
    (void)state;
    plug();
    start(t.link);
    WAIT(t.opened == 1);
    first = t.port;
    start(t.link);
    WAIT(says("in use by another entry of this configuration"));
    port_free(first);
    WAIT(t.opened == 2);
}

static void test_not_allowed(void **state)
{
    struct str why = STR_INIT;
    (void)state;
    int fd = open(t.link, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(fchmod(fd, 0660), 0);
    port_explain_denied(&why, t.link, EACCES);
    assert_non_null(strstr(str_z(&why), "is for group "));
    assert_non_null(strstr(str_z(&why), "usermod -aG "));
    str_clear(&why);
    assert_int_equal(fchmod(fd, 0600), 0);
    port_explain_denied(&why, t.link, EACCES);
    assert_non_null(strstr(str_z(&why), "lets no group in"));
    str_clear(&why);
    port_explain_denied(&why, t.link, EPERM);
    assert_non_null(strstr(str_z(&why), "DeviceAllow="));
    str_done(&why);
    close(fd);
    (void)unlink(t.link);
}

static void test_not_a_port(void **state)
{
    (void)state;
    start("/dev/null");
    WAIT(says("/dev/null: "));
    assert_true(says("/dev/null is no serial port"));
    port_free(t.port);
    start("usb:0403:6001:NOBODYHASTHIS");
    WAIT(says("no such device is plugged in; "));
    port_free(t.port);
    start("/dev/serial/by-id/usb-none");
    WAIT(says("is not there; "));
    port_free(t.port);
    start("tcp://nobody.invalid:1");
    WAIT(says("the name nobody.invalid cannot be resolved"));
    assert_int_equal(t.opened, 0);
}

static void test_freed_while_it_opens(void **state)
{
    (void)state;
    plug();
    start(t.link);
    port_free(t.port);
    t.port = NULL;
    for (unsigned i = 0; i < 20; i++) {
        loop_turn(t.loop, true);
    }
    assert_int_equal(t.opened, 0);
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        bool right;
    } rows[] = {
        {"/dev/ttyUSB0", true},
        {"/dev/serial/by-id/usb-FTDI_FT232R_A6008isP-if00-port0", true},
        {"usb:0403:6001:EN123456", true},
        {"usb:0403:6001", true},
        {"usb:0403:600a:with:colon", true},
        {"tcp://10.0.0.7:4001", true},
        {"tcp://server.lan:1", true},
        {"tcp://[fe80::1]:65535", true},
        {"", false},
        {"ttyUSB0", false},
        {"usb:403:6001", false},
        {"usb:0403", false},
        {"usb:0403:6001:", false},
        {"usb:0403:6001x", false},
        {"usb:04g3:6001", false},
        {"tcp://10.0.0.7", false},
        {"tcp://:4001", false},
        {"tcp://h:0", false},
        {"tcp://h:65536", false},
        {"tcp://h:99999999999", false},
        {"tcp://h:80x", false},
        {"tcp://a b:80", false},
        {"tcp://fe80::1:80", false},
        {"tcp://[]:80", false},
        {"tcp://", false},
        {"mqtt://h:80", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *wrong = port_name_wrong(rows[i].name);
        assert_string_equal(wrong ? "wrong" : rows[i].name, rows[i].right ? rows[i].name : "wrong");
        assert_true(rows[i].right || strstr(wrong, "right would be"));
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_bytes_go_both_ways),
        CASE(test_unplugged_and_back_as_another_device),
        CASE(test_reset),
        CASE(test_what_waits_is_bounded),
        CASE(test_a_network_serial_server),
        CASE(test_what_starts_is_not_heard),
        CASE(test_in_use),
        CASE(test_two_entries_for_one_port),
        CASE(test_not_allowed),
        CASE(test_not_a_port),
        CASE(test_freed_while_it_opens),
        CASE(test_names),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests_name("serial port", tests, NULL, NULL);
}
