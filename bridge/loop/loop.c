/* The loop itself, and what runs between its sleeps: deferred calls, hooks, the shared tick.

   One turn, as libuv has it: timers - prepare - sleep in epoll - descriptors - check. `check` runs what the
   descriptors' callbacks deferred; `prepare` what timers deferred, then the hooks. Only when nothing is left
   (or after DEFER_ROUNDS, with the idle handle started so that epoll does not sleep) does the loop sleep. */
#include "loop/loop.h"

#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop_internal.h"

/* A deferred call that defers again runs in the same phase, so often; then descriptors get their turn. */
#define DEFER_ROUNDS 8
#define TICK_MS 1000

struct hook {
    struct call call;
    struct loop *loop;
};

struct tick {
    struct call call;
    struct loop *loop;
};

struct defer {
    struct defer *prev, *next;
    struct loop *loop;
    timer_fn *fn;
    void *user;
    bool queued;
};

/* ---- lists of callbacks ---- */

static void calls_add(struct calls *calls, struct call *call)
{
    call->born = calls->run;
    call->prev = calls->last;
    if (calls->last) {
        calls->last->next = call;
    } else {
        calls->first = call;
    }
    calls->last = call;
}

static void calls_remove(struct calls *calls, struct call *call)
{
    if (calls->cursor == call) {
        calls->cursor = call->next;
    }
    *(call->prev ? &call->prev->next : &calls->first) = call->next;
    *(call->next ? &call->next->prev : &calls->last) = call->prev;
}

static void calls_run(struct calls *calls)
{
    calls->run++;
    calls->cursor = calls->first;
    while (calls->cursor) {
        struct call *call = calls->cursor;
        calls->cursor = call->next;
        if (call->born != calls->run) {
            call->fn(call->user);
        }
    }
}

/* ---- deferred calls ---- */

static void defer_unqueue(struct defer *defer)
{
    struct loop *loop = defer->loop;
    *(defer->prev ? &defer->prev->next : &loop->defer_first) = defer->next;
    *(defer->next ? &defer->next->prev : &loop->defer_last) = defer->prev;
    defer->prev = defer->next = NULL;
    defer->queued = false;
    loop->defer_count--;
}

static void defer_run(struct loop *loop)
{
    for (int round = 0; round < DEFER_ROUNDS && loop->defer_first; round++) {
        for (size_t left = loop->defer_count; left > 0 && loop->defer_first; left--) {
            struct defer *defer = loop->defer_first;
            defer_unqueue(defer); /* first: it may ask again, or free itself */
            defer->fn(defer->user);
        }
    }
}

struct defer *defer_new(struct loop *loop, timer_fn *fn, void *user)
{
    struct defer *defer = mem_alloc(sizeof *defer);
    *defer = (struct defer){.loop = loop, .fn = fn, .user = user};
    return defer;
}

void defer_call(struct defer *defer)
{
    struct loop *loop = defer->loop;
    if (defer->queued) {
        return;
    }
    defer->queued = true;
    defer->prev = loop->defer_last;
    *(loop->defer_last ? &loop->defer_last->next : &loop->defer_first) = defer;
    loop->defer_last = defer;
    loop->defer_count++;
}

void defer_free(struct defer *defer)
{
    if (!defer) {
        return;
    }
    if (defer->queued) {
        defer_unqueue(defer);
    }
    free(defer);
}

/* ---- hooks and the tick ---- */

struct hook *hook_new(struct loop *loop, timer_fn *fn, void *user)
{
    struct hook *hook = mem_alloc(sizeof *hook);
    *hook = (struct hook){.call = {.fn = fn, .user = user}, .loop = loop};
    calls_add(&loop->hooks, &hook->call);
    return hook;
}

void hook_free(struct hook *hook)
{
    if (!hook) {
        return;
    }
    calls_remove(&hook->loop->hooks, &hook->call);
    free(hook);
}

static void on_second(uv_timer_t *second)
{
    struct loop *loop = second->data;
    calls_run(&loop->ticks);
}

struct tick *tick_new(struct loop *loop, timer_fn *fn, void *user)
{
    struct tick *tick = mem_alloc(sizeof *tick);
    *tick = (struct tick){.call = {.fn = fn, .user = user}, .loop = loop};
    if (!loop->ticks.first) {
        (void)uv_timer_start(&loop->second, on_second, TICK_MS, TICK_MS);
    }
    calls_add(&loop->ticks, &tick->call);
    return tick;
}

void tick_free(struct tick *tick)
{
    if (!tick) {
        return;
    }
    struct loop *loop = tick->loop;
    calls_remove(&loop->ticks, &tick->call);
    free(tick);
    if (!loop->ticks.first) {
        (void)uv_timer_stop(&loop->second);
    }
}

/* ---- the loop ---- */

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* its being active is the point */
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    loop->turns++;
    bool acted = false;
    for (int round = 0; round < DEFER_ROUNDS; round++) {
        acted = acted || loop->defer_first;
        defer_run(loop);
        calls_run(&loop->hooks);
        if (!loop->defer_first) {
            break;
        }
    }
    if (loop->defer_first || (loop->turning && acted)) {
        (void)uv_idle_start(&loop->idle, on_idle); /* then the loop does not sleep */
    } else {
        (void)uv_idle_stop(&loop->idle);
    }
}

static void on_check(uv_check_t *check)
{
    defer_run(check->data);
}

int loop_new(struct loop **ret_loop)
{
    struct loop *loop = mem_alloc(sizeof *loop);
    int error = uv_loop_init(&loop->uv);
    if (error) {
        log_error("loop", "the event loop cannot start: %s", uv_strerror(error));
        free(loop);
        return ERR_IO;
    }
    /* These four cannot fail. */
    (void)uv_prepare_init(&loop->uv, &loop->prepare);
    (void)uv_check_init(&loop->uv, &loop->check);
    (void)uv_idle_init(&loop->uv, &loop->idle);
    (void)uv_timer_init(&loop->uv, &loop->second);
    loop->prepare.data = loop->check.data = loop->idle.data = loop->second.data = loop;
    (void)uv_prepare_start(&loop->prepare, on_prepare);
    (void)uv_check_start(&loop->check, on_check);
    *ret_loop = loop;
    return 0;
}

static void close_forgotten(uv_handle_t *handle, void *user)
{
    int *forgotten = user;
    if (!uv_is_closing(handle)) {
        log_error("loop", "a %s was not freed before the loop", uv_handle_type_name(handle->type));
        ++*forgotten;
        uv_close(handle, NULL);
    }
}

void loop_free(struct loop *loop)
{
    if (!loop) {
        return;
    }
    int forgotten = 0;
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->second, NULL);
    uv_walk(&loop->uv, close_forgotten, &forgotten);
    forgotten += loop->hooks.first != NULL || loop->ticks.first != NULL;
#ifndef NDEBUG
    if (forgotten) {
        log_error("loop", "%d handles, hooks or ticks were forgotten", forgotten);
        abort();
    }
#endif
    do { /* until the closing callbacks and the pool's jobs are through, whatever asked to stop */
        (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    } while (uv_loop_close(&loop->uv) == UV_EBUSY);
    free(loop);
}

void loop_run(struct loop *loop)
{
    while (!loop->stopped) {
        (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    }
    loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
    uv_stop(&loop->uv);
}

void loop_turn(struct loop *loop, bool wait)
{
    loop->turning = true;
    (void)uv_run(&loop->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    loop->turning = false;
    defer_run(loop); /* what timers at the end of the turn asked for */
}

uint64_t loop_now(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

int64_t loop_wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t loop_turns(const struct loop *loop)
{
    return loop->turns;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

void loop_close_handle(uv_handle_t *handle)
{
    uv_close(handle, free_handle);
}
