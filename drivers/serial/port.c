/* The life of a port: an attempt runs on the pool, the port is open, is lost, and the next attempt is timed. */
#include "serial/port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "serial/port_internal.h"

#define READ_BYTES 4096
#define CONNECT_MS 5000u        /* until a network serial server has answered */
#define STEADY_MS 10000u        /* a port that was open so long starts the backoff anew */
#define BACKOFF_FIRST_MS 250u   /* then doubled each time, and up to a quarter more */
#define BACKOFF_ABSENT_MS 2000u /* at most, for one that somebody may plug in: looking costs next to nothing */
#define BACKOFF_LAST_MS 30000u

enum state { WAITING, STARTING, CONNECTING, OPEN };

struct port {
    struct loop *loop;
    struct port_events events;
    void *user;
    char *log, *name;
    struct port_line line;
    const struct port_kind *kind;
    enum state state;
    struct port_attempt *attempt; /* unless WAITING */
    struct pool_job *job;         /* while STARTING */
    struct watch *watch;
    int watched;
    struct timer *timer; /* to the next attempt; while CONNECTING to its end */
    struct defer *failing;
    struct str unsent; /* what the system has not taken, from `sent` on */
    size_t sent;
    uint64_t since;    /* of the state, loop ms */
    unsigned failures; /* in a row */
    struct str why;    /* why it is not open */
    struct str told;   /* the last that was logged, so that it is logged once */
    struct str where;  /* where it was open last */
};

static const struct port_kind *const kinds[] = {&port_kind_tcp, &port_kind_usb, &port_kind_device};

static const struct port_kind *kind_of(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i]->takes(name)) {
            return kinds[i];
        }
    }
    return NULL;
}

const char *port_name_wrong(const char *port)
{
    const struct port_kind *kind = kind_of(port);
    return kind
               ? kind->wrong(port)
               : "is no port; right would be /dev/serial/by-id/NAME, usb:0403:6001:EN123456 or tcp://192.168.1.20:4001";
}

/* ---- attempts ---- */

static void attempt_free(struct port_attempt *a)
{
    if (a) {
        port_attempt_close(a);
        str_done(&a->where);
        str_done(&a->why);
        str_done(&a->advice);
        free(a->name);
        free(a);
    }
}

static void work(void *user)
{
    struct port_attempt *a = user;
    kind_of(a->name)->open(a);
}

static void started(void *user, bool cancelled);

static void start_attempt(struct port *p)
{
    struct port_attempt *a = p->attempt = mem_alloc(sizeof *a);
    a->port = p;
    a->name = mem_text(p->name);
    a->line = p->line;
    a->fd = -1;
    p->state = STARTING;
    p->job = pool_submit(p->loop, work, started, a);
}

static void schedule(struct port *p, bool absent)
{
    uint64_t last = absent ? BACKOFF_ABSENT_MS : BACKOFF_LAST_MS;
    uint64_t delay = (uint64_t)BACKOFF_FIRST_MS << (p->failures < 8 ? p->failures : 8);
    delay = delay < last ? delay : last;
    delay += (uint64_t)random() % (delay / 4 + 1);
    p->failures++;
    timer_start(p->timer, delay);
}

/* Once for each reason: a port that stays away is no news. */
static void tell(struct port *p, const char *what)
{
    if (strcmp(str_z(&p->told), str_z(&p->why)) != 0) {
        str_clear(&p->told);
        str_add(&p->told, p->why.data, p->why.len);
        log_warn(p->log, "%s %s: %s", what, p->name, str_z(&p->why));
    }
}

static void shut(struct port *p)
{
    watch_free(p->watch);
    p->watch = NULL;
    p->watched = 0;
    timer_stop(p->timer);
    port_discard(p);
    attempt_free(p->attempt);
    p->attempt = NULL;
    p->state = WAITING;
}

/* Ends what is open, or being opened; p->why says why. */
static void fail(struct port *p)
{
    bool was_open = p->state == OPEN;
    bool absent = was_open || p->attempt->absent;
    if (was_open && loop_now(p->loop) - p->since >= STEADY_MS) {
        p->failures = 0;
    }
    tell(p, was_open ? "lost" : "cannot open");
    shut(p);
    p->since = loop_now(p->loop);
    schedule(p, absent);
    if (was_open) {
        p->events.closed(p->user, str_z(&p->why));
    }
}

/* A loss that is noticed inside a caller's call is told later. */
static void fail_later(struct port *p, const char *why)
{
    str_clear(&p->why);
    str_add_z(&p->why, why);
    watch_set(p->watch, 0);
    p->watched = 0;
    defer_call(p->failing);
}

static void on_failing(void *user)
{
    struct port *p = user;
    if (p->state == OPEN) {
        fail(p);
    }
}

/* ---- open ---- */

static bool is_failing(const struct port *p)
{
    return p->watched == 0;
}

static void watch_for(struct port *p, int events)
{
    if (p->watched != events) {
        p->watched = events;
        watch_set(p->watch, events);
    }
}

static const char *loss(int error)
{
    return error == EIO || error == ENODEV || error == ENXIO || error == EBADF ? "it was unplugged" : strerror(error);
}

/* Gives the system what it takes. */
static void flush(struct port *p)
{
    while (p->sent < p->unsent.len) {
        ssize_t n = write(p->attempt->fd, p->unsent.data + p->sent, p->unsent.len - p->sent);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno != EAGAIN) {
            fail_later(p, loss(errno));
            return;
        }
        if (n <= 0) {
            break;
        }
        p->sent += (size_t)n;
    }
    if (p->sent == p->unsent.len) {
        port_discard(p);
    }
    watch_for(p, WATCH_READ | (p->unsent.len > 0 ? WATCH_WRITE : 0));
}

static void take_bytes(struct port *p)
{
    uint8_t bytes[READ_BYTES];
    ssize_t n;
    do {
        n = read(p->attempt->fd, bytes, sizeof bytes);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        if (loop_now(p->loop) - p->since >= p->line.quiet) {
            p->events.bytes(p->user, bytes, (size_t)n);
        }
    } else if (n == 0) {
        fail_later(p, p->kind == &port_kind_tcp ? "the other end closed the connection" : "it was unplugged");
    } else if (errno != EAGAIN) {
        fail_later(p, loss(errno));
    }
}

static void on_open_events(struct port *p, int events)
{
    if ((events & WATCH_WRITE) && p->unsent.len > 0) {
        flush(p);
        if (p->unsent.len == 0 && !is_failing(p) && p->events.drained) {
            p->events.drained(p->user);
        }
    }
    if ((events & WATCH_READ) && p->state == OPEN && !is_failing(p)) {
        take_bytes(p);
    }
}

static void opened(struct port *p)
{
    bool moved = p->where.len > 0 && strcmp(str_z(&p->where), str_z(&p->attempt->where)) != 0;
    p->state = OPEN;
    p->since = loop_now(p->loop);
    timer_stop(p->timer);
    if (moved) {
        log_info(p->log, "%s is %s now, and was %s", p->name, str_z(&p->attempt->where), str_z(&p->where));
    } else if (strcmp(p->name, str_z(&p->attempt->where)) == 0) {
        log_info(p->log, "%s is open", p->name);
    } else {
        log_info(p->log, "%s is open (%s)", p->name, str_z(&p->attempt->where));
    }
    if (p->attempt->advice.len > 0 && p->where.len == 0) {
        log_warn(p->log, "%s", str_z(&p->attempt->advice));
    }
    str_clear(&p->where);
    str_add(&p->where, p->attempt->where.data, p->attempt->where.len);
    str_clear(&p->why);
    str_clear(&p->told);
    watch_for(p, WATCH_READ);
    p->events.open(p->user);
}

static void on_connecting(struct port *p)
{
    int error = 0;
    socklen_t len = sizeof error;
    (void)getsockopt(p->attempt->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error == 0) {
        opened(p);
    } else {
        str_clear(&p->why);
        str_add_z(&p->why, strerror(error));
        fail(p);
    }
}

static void on_descriptor(void *user, int events)
{
    struct port *p = user;
    if (p->state == CONNECTING) {
        on_connecting(p);
    } else if (p->state == OPEN && !is_failing(p)) {
        on_open_events(p, events);
    }
}

static void started(void *user, bool cancelled)
{
    struct port_attempt *a = user;
    struct port *p = a->port;
    if (!p) { /* the port was freed meanwhile */
        attempt_free(a);
        return;
    }
    p->job = NULL;
    if (!cancelled && a->fd >= 0) {
        p->watched = a->connecting ? WATCH_WRITE : WATCH_READ;
        p->watch = watch_new(p->loop, a->fd, p->watched, on_descriptor, p);
    }
    if (!p->watch) {
        str_clear(&p->why);
        str_add_z(&p->why, a->why.len > 0 ? str_z(&a->why) : "it cannot be watched");
        fail(p);
    } else if (a->connecting) {
        p->state = CONNECTING;
        timer_start(p->timer, CONNECT_MS);
    } else {
        opened(p);
    }
}

static void on_timer(void *user)
{
    struct port *p = user;
    if (p->state == CONNECTING) {
        str_clear(&p->why);
        str_add_z(&p->why, "no answer");
        fail(p);
    } else if (p->state == WAITING) {
        start_attempt(p);
    }
}

/* ---- for protocols ---- */

int port_new(struct loop *loop, const struct port_config *config, const struct port_events *events, void *user,
             struct port **ret_port)
{
    if (port_name_wrong(config->port)) {
        return ERR_INVALID;
    }
    struct port *p = mem_alloc(sizeof *p);
    p->loop = loop;
    p->events = *events;
    p->user = user;
    p->log = mem_text(config->log);
    p->name = mem_text(config->port);
    p->line = config->line;
    p->kind = kind_of(p->name);
    p->timer = timer_new(loop, on_timer, p);
    p->failing = defer_new(loop, on_failing, p);
    start_attempt(p);
    *ret_port = p;
    return 0;
}

void port_free(struct port *p)
{
    if (!p) {
        return;
    }
    if (p->state == STARTING) {
        p->attempt->port = NULL; /* the pool has it; `started` frees it */
        pool_cancel(p->job);
        p->attempt = NULL;
    }
    shut(p);
    timer_free(p->timer);
    defer_free(p->failing);
    str_done(&p->unsent);
    str_done(&p->why);
    str_done(&p->told);
    str_done(&p->where);
    free(p->log);
    free(p->name);
    free(p);
}

int port_write(struct port *p, const void *bytes, size_t len)
{
    if (p->state != OPEN || is_failing(p)) {
        return ERR_OFFLINE;
    }
    if (port_unsent(p) + len > PORT_UNSENT_MAX) {
        return ERR_BUSY;
    }
    if (p->sent > 0) {
        memmove(p->unsent.data, p->unsent.data + p->sent, p->unsent.len - p->sent);
        p->unsent.len -= p->sent;
        p->sent = 0;
    }
    str_add(&p->unsent, bytes, len);
    flush(p);
    return 0;
}

size_t port_unsent(const struct port *p)
{
    return p->unsent.len - p->sent;
}

int port_descriptor(const struct port *p)
{
    return p->state == OPEN && !is_failing(p) ? p->attempt->fd : -1;
}

void port_reset(struct port *p, const char *why)
{
    if (p->state == OPEN && !is_failing(p)) {
        fail_later(p, why);
    }
}

void port_discard(struct port *p)
{
    str_clear(&p->unsent);
    p->sent = 0;
}

bool port_status(const struct port *p, struct str *s)
{
    bool well = p->state == OPEN && !is_failing(p);
    if (well) {
        bool alias = strcmp(p->name, str_z(&p->attempt->where)) != 0;
        str_printf(s, "%s is open%s%s%s", p->name, alias ? " (" : "", alias ? str_z(&p->attempt->where) : "",
                   alias ? ")" : "");
    } else if (p->why.len > 0) {
        str_printf(s, "%s: %s", p->name, str_z(&p->why));
    } else {
        str_printf(s, "opening %s", p->name);
    }
    return well;
}
