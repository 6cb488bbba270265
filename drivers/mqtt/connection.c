/* The life of a connection: an attempt starts on the pool (names are resolved there), goes on on the loop, is up with
   the broker's CONNACK, is lost, and the next one is timed. */
#include "mqtt/connection.h"

#include <errno.h>
#include <mosquitto.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "loop/loop.h"

#define KEEPALIVE_S 20         /* a frozen broker is found after about twice that */
#define CHECK_MS 4000u         /* the library sends its pings, and misses answers, so much later at most */
#define CONNECT_MS 10000u      /* from the first packet to CONNACK */
#define STEADY_MS 10000u       /* a connection that lived so long starts the backoff anew */
#define BACKOFF_FIRST_MS 500u  /* then doubled each time */
#define BACKOFF_LAST_MS 30000u /* plus up to half of it */
#define TLS_TURN_MS 10u        /* how often is looked whether the first attempt by TLS is through */
#define READS_PER_TURN 256     /* packets, then others get their turn */
#define RECEIVE_BYTES                                                                                                  \
    131072 /* what the kernel keeps for us, twice that: the library reads on while there is anything */

/* What the pool needs, by value; it may outlive the connection. */
struct attempt {
    struct connection *connection; /* NULL: given up */
    char *host, *username, *password, *ca_file, *client_id;
    uint16_t port;
    bool tls;
    bool first; /* by TLS: while it is under way no other is */
    struct mosquitto *client;
    int result;     /* MOSQ_ERR_* */
    int error;      /* errno */
    char said[256]; /* last error that the library logged */
    struct pool_job *job;
};

enum state { WAITING, STARTING, CONNECTING, UP };

struct connection {
    struct loop *loop;
    struct connection_events events;
    void *user;
    struct attempt *attempt;
    char *log, *host, *username, *password, *ca_file, *client_id;
    uint16_t port;
    bool tls;
    enum state state;
    struct watch *watch;
    int watched; /* events asked for */
    struct timer *retry;
    struct timer *check;
    struct defer *broken;
    uint64_t since;              /* of the state, loop ms */
    unsigned failures;           /* in a row */
    size_t queued;               /* bytes given to the library since it could last write all */
    int broken_by, broken_error; /* MOSQ_ERR_* and errno, for `broken` */
    int refused;                 /* CONNACK's code */
    struct str why;              /* why it is not connected */
    bool inside;                 /* a callback of the library may run */
    bool reading;                /* what the broker sent is being read */
    bool established;            /* the TCP connection; until then we wait for it to become writable */
};

/* The library makes TLS ready at the first attempt that wants it, on whatever thread that runs, and forgets it when its
   last user has gone. Two attempts doing so at once make it twice: one's is lost, and the other's sessions may have
   lost what they belong to. So the first goes alone. Of the loop thread, as all that is here. */
static struct {
    unsigned users;
    enum { TLS_NEW, TLS_UNDER_WAY, TLS_READY } tls;
} library;

static void schedule(struct connection *c);
static void close_client(struct connection *c);

/* ---- the library ---- */

static void library_enter(void)
{
    (void)mosquitto_lib_init(); /* counts, too, but tells nobody */
    library.users++;
}

static void library_leave(void)
{
    mosquitto_lib_cleanup();
    if (--library.users == 0) {
        library.tls = TLS_NEW;
    }
}

/* ---- attempts ---- */

static void attempt_free(struct attempt *a)
{
    mosquitto_destroy(a->client);
    if (a->password) {
        secrets_wipe(a->password, strlen(a->password));
    }
    free(a->host);
    free(a->username);
    free(a->password);
    free(a->ca_file);
    free(a->client_id);
    free(a);
}

static void on_log(struct mosquitto *client, void *user, int level, const char *text)
{
    struct attempt *a = user;
    (void)client;
    if (level == MOSQ_LOG_ERR) {
        size_t len = strlen(text) < sizeof a->said ? strlen(text) : sizeof a->said - 1;
        memcpy(a->said, text, len);
        a->said[len] = 0;
    }
}

static int prepare(struct attempt *a)
{
    struct mosquitto *m = a->client = mosquitto_new(a->client_id, true, a);
    if (!m) {
        return MOSQ_ERR_NOMEM;
    }
    mosquitto_log_callback_set(m, on_log);
    int rc = mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1);
    if (rc == MOSQ_ERR_SUCCESS && a->username) {
        rc = mosquitto_username_pw_set(m, a->username, a->password);
    }
    if (rc == MOSQ_ERR_SUCCESS && a->tls) {
        rc = a->ca_file ? mosquitto_tls_set(m, a->ca_file, NULL, NULL, NULL, NULL)
                        : mosquitto_int_option(m, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    }
    /* What waits for its PUBACK is counted by the hub, not held back by the library. */
    return rc == MOSQ_ERR_SUCCESS ? mosquitto_max_inflight_messages_set(m, 0) : rc;
}

/* On the pool. Resolves the name and sends the first packet; the loop does the rest, so that nothing here waits for
   a host that swallows what it is sent. */
static void work(void *user)
{
    struct attempt *a = user;
    a->result = prepare(a);
    if (a->result == MOSQ_ERR_SUCCESS) {
        errno = 0;
        a->result = mosquitto_connect_async(a->client, a->host, a->port, KEEPALIVE_S);
        a->error = errno;
    }
}

/* ---- what the library says ---- */

static struct connection *of(void *user)
{
    return ((struct attempt *)user)->connection;
}

static void on_connect(struct mosquitto *client, void *user, int refused)
{
    struct connection *c = of(user);
    (void)client;
    if (refused != 0) {
        c->refused = refused; /* the broker closes now */
        return;
    }
    c->state = UP;
    c->since = loop_now(c->loop);
    str_clear(&c->why);
    log_info(c->log, "connected to %s:%u", c->host, c->port);
    c->events.up(c->user);
}

static void break_later(struct connection *c, int rc, int error)
{
    c->broken_by = rc;
    c->broken_error = error;
    defer_call(c->broken);
}

static void on_disconnect(struct mosquitto *client, void *user, int rc)
{
    struct connection *c = of(user);
    (void)client;
    /* The descriptor is closed already, and the next one may have its number. */
    watch_free(c->watch);
    c->watch = NULL;
    break_later(c, rc, errno);
}

static void on_message(struct mosquitto *client, void *user, const struct mosquitto_message *m)
{
    struct connection *c = of(user);
    (void)client;
    if (m->topic && c->state == UP) {
        c->events.message(c->user, m->topic, m->payload ? m->payload : "", (size_t)m->payloadlen);
    }
}

static void on_publish(struct mosquitto *client, void *user, int mid)
{
    struct connection *c = of(user);
    (void)client;
    if (c->state == UP && c->reading) { /* of qos 0 the library says the same as soon as it has written */
        c->events.acknowledged(c->user, mid);
    }
}

/* ---- driving it ---- */

/* In a TLS handshake that fails the library closes its socket without a word: libuv would go on with a descriptor that
   is no more, and abort. And a reset it takes for a handshake that goes on. */
static void notice_loss(struct connection *c)
{
    char byte;
    int fd = mosquitto_socket(c->attempt->client);
    if (!c->watch || c->state != CONNECTING || !c->established) {
        return;
    }
    ssize_t n = fd >= 0 ? recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) : 0;
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        watch_free(c->watch);
        c->watch = NULL;
        break_later(c, MOSQ_ERR_CONN_LOST, 0);
    }
}

/* After every entry into the library: what it still has to write goes now, or when the broker reads again. During a TLS
   handshake the library always wants to write, and the descriptor always can: that waits for what comes in. */
static void settle(struct connection *c)
{
    struct mosquitto *m = c->attempt->client;
    if (c->watch && mosquitto_want_write(m)) {
        c->inside = true;
        (void)mosquitto_loop_write(m, 1);
        c->inside = false;
    }
    notice_loss(c);
    if (!c->watch) { /* it was lost, perhaps by that */
        return;
    }
    bool wants = mosquitto_want_write(m);
    int wanted = WATCH_READ | (wants && (c->state == UP || !c->established) ? WATCH_WRITE : 0);
    if (!wants) {
        c->queued = 0;
    }
    if (wanted != c->watched) {
        c->watched = wanted;
        watch_set(c->watch, wanted);
    }
}

/* Brokers leave Nagle's algorithm on: what they say next waits until we have acknowledged what they said before, and
   the kernel would put that off by 40 ms. The setting holds until the kernel thinks better of it, so: each time. */
static void acknowledge_now(const struct connection *c)
{
    int on = 1;
    (void)setsockopt(mosquitto_socket(c->attempt->client), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

static void on_socket(void *user, int events)
{
    struct connection *c = user;
    struct mosquitto *m = c->attempt->client;
    c->inside = true;
    c->established = true;
    if (events & WATCH_WRITE) {
        (void)mosquitto_loop_write(m, 1);
    }
    /* One packet a call, so until there is none: the library leaves errno at EAGAIN then. */
    c->reading = true;
    for (int i = 0; i < READS_PER_TURN && c->watch && (events & WATCH_READ); i++) {
        errno = 0;
        if (mosquitto_loop_read(m, 1) != MOSQ_ERR_SUCCESS || errno == EAGAIN) {
            break;
        }
    }
    c->reading = false;
    c->inside = false;
    settle(c);
    if (c->watch) {
        acknowledge_now(c);
    }
}

/* Seldom, so that an idle gateway sleeps; soon enough for a broker, which waits for half a keepalive more. */
static void on_check(void *user)
{
    struct connection *c = user;
    if (c->state == CONNECTING && loop_now(c->loop) - c->since > CONNECT_MS) {
        break_later(c, MOSQ_ERR_CONN_LOST, 0);
        return;
    }
    c->inside = true;
    (void)mosquitto_loop_misc(c->attempt->client);
    c->inside = false;
    settle(c);
}

/* ---- coming and going ---- */

/* The broker ended the connection before it said a word. */
static bool hung_up(const struct connection *c, int rc, int error)
{
    bool closed = rc == MOSQ_ERR_CONN_LOST || (rc == MOSQ_ERR_ERRNO && (error == ECONNRESET || error == EPIPE));
    return closed && !c->attempt->said[0] && c->state == CONNECTING && loop_now(c->loop) - c->since <= CONNECT_MS;
}

static void explain(struct connection *c, int rc, int error)
{
    struct attempt *a = c->attempt;
    if (c->refused == 0 && c->why.len > 0 && hung_up(c, rc, error)) {
        return; /* whoever closes at once can cut off his own refusal: what was said before holds */
    }
    str_clear(&c->why);
    if (c->refused == 4 || c->refused == 5) { /* MQTT 3.1.1, 3.2.2.3 */
        str_add_z(&c->why, "the broker refuses us: user name or password is wrong");
    } else if (c->refused != 0) {
        str_printf(&c->why, "the broker refuses us: %s", mosquitto_connack_string(c->refused));
    } else if (a->said[0]) {
        str_add_z(&c->why, a->said);
    } else if (rc == MOSQ_ERR_ERRNO) {
        str_add_z(&c->why, strerror(error));
    } else if (rc == MOSQ_ERR_EAI) {
        str_add_z(&c->why, "the name cannot be resolved");
    } else if (rc == MOSQ_ERR_KEEPALIVE) { /* has no text in 2.0.11 */
        str_add_z(&c->why, "the broker does not answer any more");
    } else {
        str_add_z(&c->why, c->state == CONNECTING ? "the broker does not answer" : mosquitto_strerror(rc));
    }
}

/* Ends the attempt, tells it, and times the next one. */
static void fail(struct connection *c, int rc, int error)
{
    bool was_up = c->state == UP;
    explain(c, rc, error);
    if (was_up && loop_now(c->loop) - c->since >= STEADY_MS) {
        c->failures = 0;
    }
    if (was_up || c->failures == 0) { /* the next failures are the same news */
        log_warn(c->log, "%s %s:%u: %s", was_up ? "lost" : "cannot connect to", c->host, c->port, str_z(&c->why));
    }
    close_client(c);
    c->state = WAITING;
    c->since = loop_now(c->loop);
    if (was_up) {
        c->events.down(c->user, str_z(&c->why));
    }
    schedule(c);
}

static void on_broken(void *user)
{
    struct connection *c = user;
    if (c->attempt && (c->state == CONNECTING || c->state == UP)) {
        fail(c, c->broken_by, c->broken_error);
    }
}

static void close_client(struct connection *c)
{
    watch_free(c->watch);
    timer_stop(c->check);
    c->watch = NULL;
    c->queued = 0;
    c->refused = 0;
    attempt_free(c->attempt);
    c->attempt = NULL;
}

static void started(void *user, bool cancelled)
{
    struct attempt *a = user;
    struct connection *c = a->connection;
    a->job = NULL;
    if (a->first) { /* it had to come as far as a socket */
        library.tls = !cancelled && a->result == MOSQ_ERR_SUCCESS ? TLS_READY : TLS_NEW;
    }
    if (!c) { /* the connection was freed meanwhile */
        attempt_free(a);
        library_leave();
        return;
    }
    c->state = CONNECTING;
    c->established = false;
    c->since = loop_now(c->loop);
    if (cancelled || a->result != MOSQ_ERR_SUCCESS) {
        fail(c, a->result, a->error);
        return;
    }
    mosquitto_connect_callback_set(a->client, on_connect);
    mosquitto_disconnect_callback_set(a->client, on_disconnect);
    mosquitto_message_callback_set(a->client, on_message);
    mosquitto_publish_callback_set(a->client, on_publish);
    int receive = RECEIVE_BYTES;
    (void)setsockopt(mosquitto_socket(a->client), SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
    c->watched = WATCH_READ | (mosquitto_want_write(a->client) ? WATCH_WRITE : 0);
    c->watch = watch_new(c->loop, mosquitto_socket(a->client), c->watched, on_socket, c);
    timer_repeat(c->check, CHECK_MS);
    if (!c->watch) {
        fail(c, MOSQ_ERR_CONN_LOST, 0);
    }
}

static void connect_now(void *user)
{
    struct connection *c = user;
    if (c->tls && library.tls == TLS_UNDER_WAY) {
        timer_start(c->retry, TLS_TURN_MS);
        return;
    }
    struct attempt *a = c->attempt = mem_alloc(sizeof *a);
    if (c->tls && library.tls == TLS_NEW) {
        library.tls = TLS_UNDER_WAY;
        a->first = true;
    }
    a->connection = c;
    a->host = mem_text(c->host);
    a->username = mem_text(c->username);
    a->password = mem_text(c->password);
    a->ca_file = mem_text(c->ca_file);
    a->client_id = mem_text(c->client_id);
    a->port = c->port;
    a->tls = c->tls;
    c->state = STARTING;
    a->job = pool_submit(c->loop, work, started, a);
}

static void schedule(struct connection *c)
{
    uint64_t delay = BACKOFF_FIRST_MS << (c->failures < 8 ? c->failures : 8);
    uint32_t jitter;
    delay = delay < BACKOFF_LAST_MS ? delay : BACKOFF_LAST_MS;
    secrets_random(&jitter, sizeof jitter);
    c->failures++;
    timer_start(c->retry, delay / 2 + jitter % delay);
}

int connection_new(struct loop *loop, const struct connection_config *config, const struct connection_events *events,
                   void *user, struct connection **ret_connection)
{
    if (config->tls && config->ca_file && access(config->ca_file, R_OK) != 0) {
        log_error(config->log, "ca_file %s cannot be read: %s", config->ca_file, strerror(errno));
        return ERR_NOT_FOUND;
    }
    library_enter();
    struct connection *c = mem_alloc(sizeof *c);
    *c = (struct connection){.loop = loop,
                             .events = *events,
                             .user = user,
                             .log = mem_text(config->log),
                             .host = mem_text(config->host),
                             .username = mem_text(config->username),
                             .password = mem_text(config->password),
                             .ca_file = mem_text(config->ca_file),
                             .client_id = mem_text(config->client_id),
                             .port = config->port,
                             .tls = config->tls};
    c->retry = timer_new(loop, connect_now, c);
    c->check = timer_new(loop, on_check, c);
    c->broken = defer_new(loop, on_broken, c);
    connect_now(c);
    *ret_connection = c;
    return 0;
}

void connection_free(struct connection *c)
{
    if (!c) {
        return;
    }
    timer_free(c->retry);
    defer_free(c->broken);
    if (c->state == STARTING) {
        c->attempt->connection = NULL; /* the job frees it, and the library */
        pool_cancel(c->attempt->job);
    } else {
        if (c->state == UP) {
            watch_free(c->watch);
            c->watch = NULL;
            mosquitto_disconnect_callback_set(c->attempt->client, NULL);
            (void)mosquitto_disconnect(c->attempt->client); /* so that the broker does not call it a loss */
        }
        if (c->attempt) {
            close_client(c);
        }
        library_leave();
    }
    timer_free(c->check);
    if (c->password) {
        secrets_wipe(c->password, strlen(c->password));
    }
    free(c->log);
    free(c->host);
    free(c->username);
    free(c->password);
    free(c->ca_file);
    free(c->client_id);
    str_done(&c->why);
    free(c);
}

bool connection_status(const struct connection *c, struct str *s)
{
    str_printf(s, "%s %s:%u", c->state == UP ? "connected to" : "not connected to", c->host, c->port);
    if (c->state != UP && c->why.len > 0) {
        str_printf(s, ": %s", str_z(&c->why));
    }
    return c->state == UP;
}

/* ---- sending ---- */

/* The library said no: unless the fault is the caller's, the connection is over. */
static int sent(struct connection *c, int rc)
{
    if (rc == MOSQ_ERR_INVAL || rc == MOSQ_ERR_MALFORMED_UTF8 || rc == MOSQ_ERR_PAYLOAD_SIZE) {
        return ERR_INVALID;
    }
    if (rc != MOSQ_ERR_SUCCESS) {
        break_later(c, rc, errno);
        return ERR_OFFLINE;
    }
    if (!c->inside) {
        settle(c);
    }
    return 0;
}

int connection_publish(struct connection *c, const char *topic, const struct str *payload, int *ret_mid)
{
    if (c->state != UP) {
        return ERR_OFFLINE;
    }
    size_t len = payload->len + strlen(topic);
    if ((c->watched & WATCH_WRITE) || c->inside) { /* it is kept until the broker reads */
        if (c->queued + len > CONNECTION_MAX_QUEUED) {
            return ERR_BUSY;
        }
        c->queued += len;
    }
    return sent(c, mosquitto_publish(c->attempt->client, ret_mid, topic, (int)payload->len, payload->data,
                                     ret_mid ? 1 : 0, false));
}

void connection_subscribe(struct connection *c, char *const *filters, size_t count, int qos)
{
    if (c->state == UP && count > 0) {
        (void)sent(c, mosquitto_subscribe_multiple(c->attempt->client, NULL, (int)count, filters, qos, 0, NULL));
    }
}

void connection_unsubscribe(struct connection *c, char *const *filters, size_t count)
{
    if (c->state == UP && count > 0) {
        (void)sent(c, mosquitto_unsubscribe_multiple(c->attempt->client, NULL, (int)count, filters, NULL));
    }
}
