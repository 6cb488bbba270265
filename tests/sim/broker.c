#include "sim/broker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <mosquitto.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"

#define RETRY_MS 500
#define LEAVE_MS 500
#define KEEPALIVE_S 30
#define READ_BATCH 256 /* messages taken before timers get their turn */

struct broker {
    struct loop *loop;
    struct broker_config config;
    struct mosquitto *mosq;
    struct watch *watch;
    struct hook *hook;
    struct tick *tick;
    struct timer *retry;
    int watched; /* WATCH_* the watch has now */
    bool up;
    bool lost;       /* a call found the connection dead: try again soon */
    bool complained; /* about this outage: once is enough */
};

static void unwatch(struct broker *b)
{
    watch_free(b->watch);
    b->watch = NULL;
}

static void check(struct broker *b, int result)
{
    if (result == MOSQ_ERR_CONN_LOST || result == MOSQ_ERR_NO_CONN || result == MOSQ_ERR_ERRNO ||
        result == MOSQ_ERR_PROTOCOL || result == MOSQ_ERR_CONN_REFUSED) {
        b->lost = true;
    }
}

static void complain(struct broker *b, const char *what)
{
    if (!b->complained) {
        b->complained = true;
        log_warn("broker", "%s:%u: %s; trying again until it works", b->config.host, b->config.port, what);
    }
}

/* ---- what libmosquitto calls ---- */

static void on_connect(struct mosquitto *mosq, void *user, int code)
{
    struct broker *b = user;
    (void)mosq;
    b->up = code == 0;
    if (b->up) {
        b->complained = false;
        b->config.up(b->config.user);
    } else {
        complain(b, mosquitto_connack_string(code));
    }
}

/* The socket is closed already, and the next one may have its number: the watch goes now. */
static void on_disconnect(struct mosquitto *mosq, void *user, int code)
{
    struct broker *b = user;
    (void)mosq;
    (void)code;
    unwatch(b);
    b->up = false;
    b->lost = true;
}

static void on_subscribe(struct mosquitto *mosq, void *user, int mid, int count, const int *granted)
{
    struct broker *b = user;
    (void)mosq;
    (void)count;
    (void)granted;
    b->config.subscribed(b->config.user, mid);
}

static void on_message(struct mosquitto *mosq, void *user, const struct mosquitto_message *m)
{
    struct broker *b = user;
    (void)mosq;
    b->config.message(b->config.user, m->topic, m->payload ? m->payload : "", (size_t)m->payloadlen);
}

/* ---- the socket on the loop ---- */

static bool is_readable(const struct broker *b)
{
    int bytes = 0;
    int fd = mosquitto_socket(b->mosq);
    return fd >= 0 && ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

static void take_event(void *user, int events)
{
    struct broker *b = user;
    if (events & WATCH_READ) {
        /* One message a call: a turn of the loop for each would halve what can be taken. */
        int left = READ_BATCH;
        do {
            check(b, mosquitto_loop_read(b->mosq, 1));
        } while (--left > 0 && !b->lost && is_readable(b));
    }
    if ((events & WATCH_WRITE) && !b->lost) {
        check(b, mosquitto_loop_write(b->mosq, 1));
    }
}

/* Before the loop sleeps: what callbacks have queued is written, and the watch knows whether more is to be. */
static void before_sleep(void *user)
{
    struct broker *b = user;
    if (!b->lost && b->watch && !(b->watched & WATCH_WRITE) && mosquitto_want_write(b->mosq)) {
        check(b, mosquitto_loop_write(b->mosq, 1));
    }
    if (b->lost) {
        unwatch(b);
        b->lost = false;
        b->up = false;
        b->config.down(b->config.user);
        if (!timer_active(b->retry)) {
            timer_start(b->retry, RETRY_MS);
        }
        return;
    }
    int want = WATCH_READ | (mosquitto_want_write(b->mosq) ? WATCH_WRITE : 0);
    if (b->watch && want != b->watched) {
        b->watched = want;
        watch_set(b->watch, want);
    }
}

static void each_second(void *user)
{
    struct broker *b = user;
    if (b->watch && !b->lost) {
        check(b, mosquitto_loop_misc(b->mosq));
    }
}

static void dial(void *user)
{
    struct broker *b = user;
    int result = mosquitto_connect(b->mosq, b->config.host, b->config.port, KEEPALIVE_S);
    if (result != MOSQ_ERR_SUCCESS) {
        complain(b, result == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(result));
        b->lost = true;
        return;
    }
    b->lost = false;
    b->watched = WATCH_READ;
    b->watch = watch_new(b->loop, mosquitto_socket(b->mosq), b->watched, take_event, b);
}

static bool set_up(struct broker *b, const char **ret_why)
{
    const struct broker_config *c = &b->config;
    mosquitto_lib_init(); /* counted: each broker_new has its cleanup */
    b->mosq = mosquitto_new(NULL, true, b);
    if (c->username && mosquitto_username_pw_set(b->mosq, c->username, c->password) != MOSQ_ERR_SUCCESS) {
        *ret_why = "user name or password cannot be used";
        return false;
    }
    if (c->tls && mosquitto_tls_set(b->mosq, c->ca_file, c->ca_file ? NULL : "/etc/ssl/certs", NULL, NULL, NULL) !=
                      MOSQ_ERR_SUCCESS) {
        *ret_why = "the CA file cannot be read";
        return false;
    }
    if (c->will_topic) {
        mosquitto_will_set(b->mosq, c->will_topic, (int)strlen(c->will_payload), c->will_payload, 1, true);
    }
    mosquitto_int_option(b->mosq, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_callback_set(b->mosq, on_connect);
    mosquitto_disconnect_callback_set(b->mosq, on_disconnect);
    mosquitto_subscribe_callback_set(b->mosq, on_subscribe);
    mosquitto_message_callback_set(b->mosq, on_message);
    return true;
}

static void destroy(struct broker *b)
{
    unwatch(b);
    timer_free(b->retry);
    tick_free(b->tick);
    hook_free(b->hook);
    if (b->mosq) {
        mosquitto_destroy(b->mosq);
    }
    mosquitto_lib_cleanup();
    free((char *)b->config.host);
    free((char *)b->config.ca_file);
    free((char *)b->config.username);
    free((char *)b->config.password);
    free(b);
}

struct broker *broker_new(struct loop *loop, const struct broker_config *config, const char **ret_why)
{
    struct broker *b = mem_alloc(sizeof *b);
    b->loop = loop;
    b->config = *config;
    b->config.host = mem_text(config->host);
    b->config.ca_file = mem_text(config->ca_file);
    b->config.username = mem_text(config->username);
    b->config.password = mem_text(config->password);
    if (!set_up(b, ret_why)) {
        destroy(b);
        return NULL;
    }
    b->config.will_topic = b->config.will_payload = NULL; /* libmosquitto has its own copy */
    b->retry = timer_new(loop, dial, b);
    b->tick = tick_new(loop, each_second, b);
    b->hook = hook_new(loop, before_sleep, b);
    timer_start(b->retry, 0);
    return b;
}

void broker_free(struct broker *b)
{
    if (b) {
        destroy(b);
    }
}

void broker_leave(struct broker *b)
{
    if (!b->up) {
        return;
    }
    mosquitto_disconnect(b->mosq);
    for (int waited = 0; waited < LEAVE_MS && mosquitto_want_write(b->mosq); waited += 10) {
        struct pollfd p = {.fd = mosquitto_socket(b->mosq), .events = POLLOUT};
        if (p.fd < 0 || poll(&p, 1, 10) < 0 || mosquitto_loop_write(b->mosq, 1) != MOSQ_ERR_SUCCESS) {
            break;
        }
    }
    b->up = false;
}

bool broker_busy(const struct broker *b)
{
    return mosquitto_want_write(b->mosq);
}

void broker_publish(struct broker *b, const char *topic, const char *payload, size_t len, int qos, bool retain)
{
    if (b->up) {
        check(b, mosquitto_publish(b->mosq, NULL, topic, (int)len, payload, qos, retain));
    }
}

int broker_subscribe(struct broker *b, const char *const *filters, size_t count)
{
    int mid = -1;
    if (b->up) {
        check(b,
              mosquitto_subscribe_multiple(b->mosq, &mid, (int)count, (char *const *)(uintptr_t)filters, 0, 0, NULL));
    }
    return mid;
}
