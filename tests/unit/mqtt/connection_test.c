/* The connection against a peer that speaks bytes: what is sent, and what becomes of it when the broker refuses,
   freezes, hangs up or is not there. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "base/str.h"
#include "loop/loop.h"
#include "mqtt/connection.h"

/* What the peer does with who comes. */
enum manner { WELCOMES, REFUSES, HANGS_UP, RESETS, SAYS_NOTHING, FREEZES };

static struct bench {
    struct loop *loop;
    struct timer *pulse;
    struct connection *connection;
    unsigned ups, downs, acks, messages;
    char why[256];

    enum manner manner;
    int listener, client;
    uint16_t port;
    struct watch *listening, *talking;
    unsigned accepted;
    struct str heard; /* bytes of the client that is connected now */
} bench;

/* ---- the peer ---- */

static void peer_close(void)
{
    watch_free(bench.talking);
    bench.talking = NULL;
    if (bench.client >= 0) {
        close(bench.client);
    }
    bench.client = -1;
}

static void peer_say(const char *bytes, size_t len)
{
    assert_int_equal(write(bench.client, bytes, len), len);
}

static void on_bytes(void *user, int events)
{
    char bytes[65536];
    (void)user;
    (void)events;
    bool first = bench.heard.len == 0;
    ssize_t got = read(bench.client, bytes, sizeof bytes);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) {
            peer_close();
        }
        return;
    }
    str_add(&bench.heard, bytes, (size_t)got);
    if (first && (bench.manner == WELCOMES || bench.manner == FREEZES)) {
        peer_say("\x20\x02\x00\x00", 4); /* CONNACK */
    } else if (first && bench.manner == REFUSES) {
        peer_say("\x20\x02\x00\x05", 4); /* not authorised */
        peer_close();
        return;
    }
    if (bench.manner == FREEZES) {
        watch_set(bench.talking, 0);
    }
}

static void on_client(void *user, int events)
{
    (void)user;
    (void)events;
    int fd = accept(bench.listener, NULL, NULL);
    if (fd < 0) {
        return;
    }
    bench.accepted++;
    peer_close();
    str_clear(&bench.heard);
    if (bench.manner == HANGS_UP) {
        close(fd);
        return;
    }
    if (bench.manner == RESETS) {
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
        poll(&(struct pollfd){fd, POLLIN, 0}, 1, 1000); /* it has greeted */
        close(fd);
        return;
    }
    bench.client = fd;
    bench.talking = watch_new(bench.loop, fd, WATCH_READ, on_bytes, NULL);
}

/* ---- the connection's user ---- */

static void on_up(void *user)
{
    (void)user;
    bench.ups++;
}

static void on_down(void *user, const char *why)
{
    (void)user;
    bench.downs++;
    (void)snprintf(bench.why, sizeof bench.why, "%s", why);
}

static void on_message(void *user, const char *topic, const char *payload, size_t len)
{
    (void)user;
    assert_string_equal(topic, "a/b");
    assert_int_equal(len, 2);
    assert_memory_equal(payload, "hi", 2);
    bench.messages++;
}

static void on_acknowledged(void *user, int mid)
{
    (void)user;
    bench.acks += mid > 0;
}

static void pulse(void *user)
{
    (void)user;
}

static void turns(uint32_t ms)
{
    for (uint64_t since = loop_now(bench.loop); loop_now(bench.loop) - since < ms;) {
        loop_turn(bench.loop, true);
    }
}

#define WAIT(condition)                                                                                                \
    do {                                                                                                               \
        uint64_t since_ = loop_now(bench.loop);                                                                        \
        while (!(condition)) {                                                                                         \
            if (loop_now(bench.loop) - since_ > 30000) {                                                               \
                fail_msg("line %d: waited in vain for %s", __LINE__, #condition);                                      \
            }                                                                                                          \
            loop_turn(bench.loop, true);                                                                               \
        }                                                                                                              \
    } while (0)

static void begin(enum manner manner)
{
    static const struct connection_events events = {on_up, on_down, on_message, on_acknowledged};
    bench.manner = manner;
    const struct connection_config config = {.log = "mqtt/test",
                                             .host = "127.0.0.1",
                                             .port = bench.port,
                                             .username = "anna",
                                             .password = "secret",
                                             .client_id = "lightbridge-0123-test"};
    assert_int_equal(connection_new(bench.loop, &config, &events, NULL, &bench.connection), 0);
}

static int setup(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    (void)state;
    memset(&bench, 0, sizeof bench);
    bench.client = -1;
    assert_int_equal(loop_new(&bench.loop), 0);
    bench.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(bench.listener, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(bench.listener, 8), 0);
    assert_int_equal(getsockname(bench.listener, (struct sockaddr *)&a, &len), 0);
    bench.port = ntohs(a.sin_port);
    bench.listening = watch_new(bench.loop, bench.listener, WATCH_READ, on_client, NULL);
    bench.pulse = timer_new(bench.loop, pulse, NULL);
    timer_repeat(bench.pulse, 2);
    return 0;
}

static void stop_listening(void)
{
    watch_free(bench.listening);
    bench.listening = NULL;
    close(bench.listener);
    bench.listener = -1;
}

static int teardown(void **state)
{
    (void)state;
    connection_free(bench.connection);
    peer_close();
    stop_listening();
    timer_free(bench.pulse);
    str_done(&bench.heard);
    loop_free(bench.loop);
    return 0;
}

static bool heard(const char *bytes, size_t len)
{
    return bench.heard.len > 0 && memmem(bench.heard.data, bench.heard.len, bytes, len);
}
#define HEARD(literal) heard(literal, sizeof literal - 1)

static char *status_text(void)
{
    struct str s = STR_INIT;
    connection_status(bench.connection, &s);
    return str_take(&s);
}

static int publish(const char *payload, int *ret_mid)
{
    struct str s = STR_INIT;
    str_add_z(&s, payload);
    int err = connection_publish(bench.connection, "t/set", &s, ret_mid);
    str_done(&s);
    return err;
}

/* ---- cases ---- */

static void speaks_mqtt(void **unused)
{
    (void)unused;
    int mid = 0;
    char *filters[] = {(char[]){"a/b"}, (char[]){"a/c"}};
    begin(WELCOMES);
    assert_int_equal(publish("early", NULL), ERR_OFFLINE);
    WAIT(bench.ups == 1);
    /* MQTT 3.1.1, user name and password, clean session, 20 s; then the client id */
    assert_true(HEARD("\x00\x04MQTT\x04\xc2\x00\x14\x00\x15lightbridge-0123-test\x00\x04"
                      "anna\x00\x06secret"));
    connection_subscribe(bench.connection, filters, 2, 0);
    assert_int_equal(publish("{}", NULL), 0);
    assert_int_equal(publish("{1}", &mid), 0);
    WAIT(HEARD("{1}"));
    assert_true(HEARD("\x82\x0e")); /* one SUBSCRIBE for both */
    assert_true(HEARD("\x00\x03"
                      "a/b\x00\x00\x03"
                      "a/c\x00"));
    assert_true(HEARD("\x30\x09\x00\x05t/set{}")); /* qos 0, not retained */
    assert_true(HEARD("\x32\x0c\x00\x05t/set"));   /* qos 1, not retained */
    assert_false(HEARD("early"));
    assert_int_equal(bench.acks, 0);
    char ack[] = {0x40, 0x02, (char)(mid >> 8), (char)mid};
    peer_say(ack, sizeof ack);
    WAIT(bench.acks == 1);
    peer_say("\x30\x07\x00\x03"
             "a/bhi\x30\x07\x00\x03"
             "a/bhi",
             18);
    WAIT(bench.messages == 2); /* both from one read */
}

static void says_why_it_is_refused(void **unused)
{
    (void)unused;
    begin(REFUSES);
    char *text = status_text();
    while (!strstr(text, "password is wrong")) {
        free(text);
        turns(10);
        text = status_text();
    }
    assert_non_null(strstr(text, "not connected to 127.0.0.1:"));
    free(text);
    /* a refusal can be lost on the way: the next one that ends without a word says nothing new */
    bench.manner = HANGS_UP;
    for (unsigned before = bench.accepted; bench.accepted < before + 2;) {
        turns(10);
    }
    text = status_text();
    assert_non_null(strstr(text, "password is wrong"));
    free(text);
    assert_int_equal(bench.ups + bench.downs, 0);
}

static void comes_back_and_sends_nothing_late(void **unused)
{
    (void)unused;
    int mid;
    begin(WELCOMES);
    WAIT(bench.ups == 1);
    assert_int_equal(publish("lost", &mid), 0); /* never acknowledged */
    peer_close();
    WAIT(bench.downs == 1);
    assert_true(bench.why[0]);
    assert_int_equal(publish("meanwhile", &mid), ERR_OFFLINE);
    WAIT(bench.ups == 2);
    turns(100);
    assert_false(HEARD("lost"));
    assert_false(HEARD("meanwhile"));
}

/* Timers never come early, so the bounds from above hold on a slow machine too. */
static void does_not_storm(void **unused)
{
    (void)unused;
    begin(HANGS_UP);
    turns(3000);
    assert_true(bench.accepted >= 2);
    assert_true(bench.accepted <= 6);
    assert_int_equal(bench.ups, 0);
}

static void finds_a_broker_that_comes_later(void **unused)
{
    (void)unused;
    stop_listening();
    begin(WELCOMES);
    turns(300);
    char *text = status_text();
    assert_non_null(strstr(text, "refused"));
    free(text);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(bench.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    bench.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(bench.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(bench.listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(bench.listener, 8), 0);
    bench.listening = watch_new(bench.loop, bench.listener, WATCH_READ, on_client, NULL);
    WAIT(bench.ups == 1);
}

static void what_a_frozen_broker_is_told_is_bounded(void **unused)
{
    (void)unused;
    struct str large = STR_INIT;
    int err = 0;
    size_t sent = 0;
    begin(FREEZES);
    WAIT(bench.ups == 1);
    turns(20);
    while (large.len < 65536) {
        str_add_char(&large, 'x');
    }
    for (; err == 0 && sent < 1000; sent++) {
        err = connection_publish(bench.connection, "t/set", &large, NULL);
    }
    assert_int_equal(err, ERR_BUSY);
    str_done(&large);
    size_t before = bench.heard.len;
    bench.manner = WELCOMES; /* it thaws */
    watch_set(bench.talking, WATCH_READ);
    WAIT(publish("after", NULL) == 0);
    WAIT(HEARD("after"));
    assert_true(bench.heard.len - before >= (sent - 1) * 65536);
    assert_int_equal(bench.downs, 0);
}

static void can_be_freed_at_any_time(void **unused)
{
    (void)unused;
    static const enum manner manners[] = {WELCOMES, REFUSES, HANGS_UP, SAYS_NOTHING};
    for (size_t m = 0; m < sizeof manners / sizeof manners[0]; m++) {
        for (uint32_t after = 0; after < 12; after += 3) {
            begin(manners[m]);
            if (after > 0) {
                turns(after);
            }
            connection_free(bench.connection);
            bench.connection = NULL;
            unsigned ups = bench.ups;
            turns(5);
            assert_int_equal(bench.ups, ups);
        }
    }
}

static void refuses_a_missing_authority(void **unused)
{
    (void)unused;
    static const struct connection_events events = {on_up, on_down, on_message, on_acknowledged};
    const struct connection_config config = {
        .log = "mqtt/test", .host = "h", .port = 1, .tls = true, .ca_file = "/nowhere/ca.pem", .client_id = "c"};
    assert_int_equal(connection_new(bench.loop, &config, &events, NULL, &bench.connection), ERR_NOT_FOUND);
    assert_null(bench.connection);
}

static const char authority[] = /* nobody's: no handshake comes so far */
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBfzCCASWgAwIBAgIUFdx6H3hNEMirgelvxRChsOvQ+Q4wCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJYXV0aG9yaXR5MCAXDTI2MTEyNDE4MzAyNloYDzIxMjYxMDMx\n"
    "MTgzMDI2WjAUMRIwEAYDVQQDDAlhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAAQKUuYF0uvRiN2jUP280WBZHnbxc43QXo0xRGLCToPA6SPR0Z/NWC4s\n"
    "caDGlbE5Sbll+k0UGseD9OkbsVPEiSico1MwUTAdBgNVHQ4EFgQUVUGAabwJ2KFr\n"
    "Zy60//dVNVq/zxwwHwYDVR0jBBgwFoAUVUGAabwJ2KFrZy60//dVNVq/zxwwDwYD\n"
    "VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAUgpK9YF2l6W+VZHCGuOvx\n"
    "Wj9TaiWW+2pRJ+b/ByUP3gIhALZ5GkZIV/HPkhYE3/Td6avxYtWs7Sx2hld8nO/I\n"
    "cQ4F\n"
    "-----END CERTIFICATE-----\n";

static char authority_file[] = "/tmp/lb-authority-XXXXXX";

static bool write_authority(void)
{
    int fd = mkstemp(authority_file);
    bool ok = fd >= 0 && write(fd, authority, sizeof authority - 1) == (ssize_t)sizeof authority - 1;
    close(fd);
    return ok;
}

static struct connection *by_tls(void)
{
    static const struct connection_events events = {on_up, on_down, on_message, on_acknowledged};
    const struct connection_config config = {.log = "mqtt/test",
                                             .host = "127.0.0.1",
                                             .port = bench.port,
                                             .tls = true,
                                             .ca_file = authority_file,
                                             .client_id = "c"};
    struct connection *c;
    assert_int_equal(connection_new(bench.loop, &config, &events, NULL, &c), 0);
    return c;
}

/* Four brokers by TLS, met at once: libmosquitto makes TLS ready at the first, and two threads that do it together
   leave one's behind. LeakSanitizer sees that at the end. */
static void several_by_tls_at_once(void **unused)
{
    (void)unused;
    struct connection *at_once[4];
    bench.manner = SAYS_NOTHING;
    for (unsigned round = 1; round <= 200; round++) {
        for (size_t i = 0; i < 4; i++) {
            at_once[i] = by_tls();
        }
        WAIT(bench.accepted >= 4 * round);
        for (size_t i = 0; i < 4; i++) {
            connection_free(at_once[i]);
        }
        turns(5); /* the library is left, and made ready anew */
    }
}

/* A handshake that the peer resets is over at once: nothing turns round on it, and the next one is made. */
static void tls_handshake_is_reset(void **unused)
{
    (void)unused;
    bench.manner = RESETS;
    bench.connection = by_tls();
    WAIT(bench.accepted >= 1);
    uint64_t turns_before = loop_turns(bench.loop), since = loop_now(bench.loop);
    WAIT(bench.accepted >= 4);
    /* the pulse comes every 2 ms */
    assert_in_range(loop_turns(bench.loop) - turns_before, 1, (loop_now(bench.loop) - since) / 2 + 200);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(speaks_mqtt),
        CASE(says_why_it_is_refused),
        CASE(comes_back_and_sends_nothing_late),
        CASE(does_not_storm),
        CASE(finds_a_broker_that_comes_later),
        CASE(what_a_frozen_broker_is_told_is_bounded),
        CASE(can_be_freed_at_any_time),
        CASE(refuses_a_missing_authority),
        CASE(several_by_tls_at_once),
        CASE(tls_handshake_is_reset),
    };
    signal(SIGPIPE, SIG_IGN); /* as bridge/app/main.c does: OpenSSL writes to a peer that has gone */
    if (secrets_init() != 0 || !write_authority()) {
        return 1;
    }
    log_set_level(LOG_LEVEL_ERROR);
    int failed = cmocka_run_group_tests_name("connection to a broker", tests, NULL, NULL);
    unlink(authority_file);
    return failed;
}
