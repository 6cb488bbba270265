/* Descriptors, timers and signals: each a libuv handle at the start of its object, so that closing the
   handle frees the object. Nothing is called back after a free: libuv calls no stopped or closing handle. */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/loop_internal.h"

struct watch {
    uv_poll_t uv;
    watch_fn *fn;
    void *user;
    int events; /* asked for */
};

struct timer {
    uv_timer_t uv;
    timer_fn *fn;
    void *user;
};

struct signal_watch {
    uv_signal_t uv;
    signal_fn *fn;
    void *user;
};

_Static_assert(offsetof(struct watch, uv) == 0, "loop_close_handle frees the handle's address");
_Static_assert(offsetof(struct timer, uv) == 0, "loop_close_handle frees the handle's address");
_Static_assert(offsetof(struct signal_watch, uv) == 0, "loop_close_handle frees the handle's address");
_Static_assert(WATCH_READ == (int)UV_READABLE && WATCH_WRITE == (int)UV_WRITABLE, "events are passed through");

/* ---- descriptors ---- */

static void on_poll(uv_poll_t *uv, int status, int events)
{
    struct watch *watch = (struct watch *)uv;
    if (status == 0) {
        watch->fn(watch->user, events & watch->events);
        return;
    }
    /* At POLLERR libuv stops the handle. An error may be one that reading clears (a datagram refused), so
       we go on as epoll does: until the owner pauses or frees the watch. */
    watch->fn(watch->user, watch->events);
    if (!uv_is_closing((uv_handle_t *)uv) && watch->events && !uv_is_active((uv_handle_t *)uv)) {
        (void)uv_poll_start(uv, watch->events, on_poll);
    }
}

struct watch *watch_new(struct loop *loop, int fd, int events, watch_fn *fn, void *user)
{
    struct watch *watch = mem_alloc(sizeof *watch);
    watch->fn = fn;
    watch->user = user;
    int error = uv_poll_init(&loop->uv, &watch->uv, fd);
    if (error) {
        log_error("loop", "descriptor %d cannot be watched: %s", fd, uv_strerror(error));
        free(watch);
        return NULL;
    }
    watch_set(watch, events);
    return watch;
}

void watch_set(struct watch *watch, int events)
{
    watch->events = events & (WATCH_READ | WATCH_WRITE);
    if (watch->events) {
        (void)uv_poll_start(&watch->uv, watch->events, on_poll);
    } else {
        (void)uv_poll_stop(&watch->uv);
    }
}

void watch_free(struct watch *watch)
{
    if (!watch) {
        return;
    }
    watch->events = 0;
    (void)uv_poll_stop(&watch->uv); /* at once: the caller closes the descriptor next */
    loop_close_handle((uv_handle_t *)&watch->uv);
}

/* ---- timers ---- */

static void on_timer(uv_timer_t *uv)
{
    struct timer *timer = (struct timer *)uv;
    timer->fn(timer->user);
}

struct timer *timer_new(struct loop *loop, timer_fn *fn, void *user)
{
    struct timer *timer = mem_alloc(sizeof *timer);
    timer->fn = fn;
    timer->user = user;
    (void)uv_timer_init(&loop->uv, &timer->uv); /* cannot fail */
    return timer;
}

void timer_start(struct timer *timer, uint64_t delay_ms)
{
    (void)uv_timer_start(&timer->uv, on_timer, delay_ms, 0);
}

void timer_repeat(struct timer *timer, uint64_t period_ms)
{
    assert(period_ms > 0);
    (void)uv_timer_start(&timer->uv, on_timer, period_ms, period_ms);
}

void timer_stop(struct timer *timer)
{
    (void)uv_timer_stop(&timer->uv);
}

bool timer_active(const struct timer *timer)
{
    return uv_is_active((const uv_handle_t *)&timer->uv);
}

void timer_free(struct timer *timer)
{
    if (timer) {
        loop_close_handle((uv_handle_t *)&timer->uv);
    }
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *uv, int number)
{
    struct signal_watch *watch = (struct signal_watch *)uv;
    watch->fn(watch->user, number);
}

struct signal_watch *signal_watch_new(struct loop *loop, int number, signal_fn *fn, void *user)
{
    struct signal_watch *watch = mem_alloc(sizeof *watch);
    watch->fn = fn;
    watch->user = user;
    int error = uv_signal_init(&loop->uv, &watch->uv);
    if (error) { /* no descriptors left for libuv's pipe: nothing was registered */
        log_error("loop", "signal %d cannot be watched: %s", number, uv_strerror(error));
        free(watch);
        return NULL;
    }
    error = uv_signal_start(&watch->uv, on_signal, number);
    if (error) {
        log_error("loop", "signal %d cannot be watched: %s", number, uv_strerror(error));
        loop_close_handle((uv_handle_t *)&watch->uv);
        return NULL;
    }
    return watch;
}

void signal_watch_free(struct signal_watch *watch)
{
    if (watch) {
        loop_close_handle((uv_handle_t *)&watch->uv);
    }
}
