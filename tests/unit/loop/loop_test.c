/* What runs between two sleeps, in which order, and what may be freed when. */
#include "loop/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct loop *loop;
    char trace[256];
    struct defer *a, *b;
    struct timer *timer;
    struct tick *tick, *other_tick;
    struct hook *hook;
    struct watch *watch;
    struct signal_watch *signal;
    int pipe[2];
    int count;
    int events;
};

static int set_up(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    assert_int_equal(loop_new(&f.loop), 0);
    assert_int_equal(pipe(f.pipe), 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    loop_free(f->loop);
    close(f->pipe[0]);
    if (f->pipe[1] >= 0) {
        close(f->pipe[1]);
    }
    return 0;
}

static void note(struct fixture *f, const char *what)
{
    strncat(f->trace, what, sizeof f->trace - strlen(f->trace) - 1);
}

static void stop(void *user)
{
    struct fixture *f = user;
    loop_stop(f->loop);
}

/* ---- deferred calls ---- */

static void defer_a(void *user)
{
    note(user, "a");
}

static void defer_b(void *user)
{
    note(user, "b");
}

static void on_readable_defers(void *user, int events)
{
    struct fixture *f = user;
    assert_int_equal(events, WATCH_READ);
    char byte;
    assert_int_equal(read(f->pipe[0], &byte, 1), 1);
    note(f, "(");
    defer_call(f->b);
    defer_call(f->a);
    defer_call(f->b);
    note(f, ")");
}

static void test_defer_runs_after_the_callback_once_and_in_order(void **state)
{
    struct fixture *f = *state;
    f->a = defer_new(f->loop, defer_a, f);
    f->b = defer_new(f->loop, defer_b, f);
    f->watch = watch_new(f->loop, f->pipe[0], WATCH_READ, on_readable_defers, f);
    assert_int_equal(write(f->pipe[1], "x", 1), 1);
    loop_turn(f->loop, true);
    assert_string_equal(f->trace, "()ba");
    watch_free(f->watch);
    defer_free(f->a);
    defer_free(f->b);
}

static void defer_again(void *user)
{
    struct fixture *f = user;
    f->count++;
    if (f->count < 1000) {
        defer_call(f->a);
    } else {
        loop_stop(f->loop);
    }
}

static void on_timer_counts(void *user)
{
    struct fixture *f = user;
    f->events++;
}

/* A deferral that defers for ever must neither starve timers nor let the loop sleep. */
static void test_defer_during_defer_is_bounded_and_does_not_sleep(void **state)
{
    struct fixture *f = *state;
    f->a = defer_new(f->loop, defer_again, f);
    f->timer = timer_new(f->loop, on_timer_counts, f);
    timer_start(f->timer, 0);
    defer_call(f->a);
    loop_turn(f->loop, false);
    assert_in_range(f->count, 2, 999);
    loop_run(f->loop); /* would hang if the loop slept */
    assert_int_equal(f->count, 1000);
    assert_int_equal(f->events, 1);
    timer_free(f->timer);
    defer_free(f->a);
}

/* Who turns until something has happened must not sleep over it when a deferred call was what happened. */
static void test_a_turn_does_not_sleep_over_a_deferred_call(void **state)
{
    struct fixture *f = *state;
    f->a = defer_new(f->loop, defer_a, f);
    f->timer = timer_new(f->loop, stop, f); /* the end of a turn that slept: the trace shows it */
    timer_start(f->timer, 60000);
    defer_call(f->a);
    uint64_t turns = loop_turns(f->loop);
    loop_turn(f->loop, true); /* hangs for a minute where it sleeps, and the test's own limit ends it */
    assert_string_equal(f->trace, "a");
    assert_int_equal(loop_turns(f->loop), turns + 1);
    assert_true(timer_active(f->timer));
    timer_free(f->timer);
    defer_free(f->a);
}

static void defer_frees_both(void *user)
{
    struct fixture *f = user;
    note(f, "f");
    defer_free(f->a);
    defer_free(f->b);
    f->a = f->b = NULL;
}

static void test_defer_may_be_freed_inside_itself_and_while_queued(void **state)
{
    struct fixture *f = *state;
    f->a = defer_new(f->loop, defer_frees_both, f);
    f->b = defer_new(f->loop, defer_b, f);
    defer_call(f->a);
    defer_call(f->b);
    loop_turn(f->loop, false);
    assert_string_equal(f->trace, "f");
}

/* ---- hooks ---- */

static void hook_defers_once(void *user)
{
    struct fixture *f = user;
    note(f, "h");
    if (f->count++ == 0) {
        defer_call(f->a);
    }
}

static void test_hook_runs_after_deferred_calls_and_may_defer(void **state)
{
    struct fixture *f = *state;
    f->a = defer_new(f->loop, defer_a, f);
    f->b = defer_new(f->loop, defer_b, f);
    f->hook = hook_new(f->loop, hook_defers_once, f);
    defer_call(f->b);
    loop_turn(f->loop, false);
    assert_string_equal(f->trace, "bhah");
    hook_free(f->hook);
    loop_turn(f->loop, false);
    assert_string_equal(f->trace, "bhah");
    defer_free(f->a);
    defer_free(f->b);
}

static void hook_frees_itself(void *user)
{
    struct fixture *f = user;
    note(f, "h");
    hook_free(f->hook);
}

static void test_hook_may_free_itself(void **state)
{
    struct fixture *f = *state;
    f->hook = hook_new(f->loop, hook_frees_itself, f);
    loop_turn(f->loop, false);
    loop_turn(f->loop, false);
    assert_string_equal(f->trace, "h");
}

/* ---- descriptors ---- */

static void on_hang_up(void *user, int events)
{
    struct fixture *f = user;
    f->events = events;
    watch_free(f->watch); /* inside its own callback */
    loop_stop(f->loop);
}

static void test_watch_tells_a_hang_up(void **state)
{
    struct fixture *f = *state;
    f->watch = watch_new(f->loop, f->pipe[0], WATCH_READ, on_hang_up, f);
    close(f->pipe[1]);
    f->pipe[1] = -1;
    loop_run(f->loop);
    assert_int_equal(f->events, WATCH_READ);
}

static void on_error(void *user, int events)
{
    struct fixture *f = user;
    f->events = events;
    if (++f->count == 3) {
        watch_set(f->watch, 0);
        loop_stop(f->loop);
    }
}

/* The write end of a pipe whose reader has gone: POLLERR, for as long as the owner does not pause. */
static void test_watch_tells_an_error_until_paused(void **state)
{
    struct fixture *f = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    f->watch = watch_new(f->loop, ends[1], WATCH_WRITE, on_error, f);
    loop_run(f->loop);
    assert_int_equal(f->events, WATCH_WRITE);
    loop_turn(f->loop, false);
    assert_int_equal(f->count, 3);
    watch_free(f->watch);
    close(ends[1]);
}

static void on_watch_never(void *user, int events)
{
    (void)user;
    (void)events;
    fail();
}

static void test_watch_paused_and_number_reused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(write(f->pipe[1], "x", 1), 1);
    f->watch = watch_new(f->loop, f->pipe[0], WATCH_READ, on_watch_never, f);
    watch_set(f->watch, 0);
    loop_turn(f->loop, false);
    watch_free(f->watch);
    /* the same descriptor again before libuv has closed the first handle */
    f->a = defer_new(f->loop, defer_a, f);
    f->b = defer_new(f->loop, defer_b, f);
    f->watch = watch_new(f->loop, f->pipe[0], WATCH_READ, on_readable_defers, f);
    assert_non_null(f->watch);
    loop_turn(f->loop, false);
    assert_string_equal(f->trace, "()ba");
    watch_free(f->watch);
    defer_free(f->a);
    defer_free(f->b);
}

static void test_watch_refuses_a_regular_file(void **state)
{
    struct fixture *f = *state;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_null(watch_new(f->loop, fileno(file), WATCH_READ, on_watch_never, f));
    fclose(file);
}

/* ---- timers and the tick ---- */

static void on_repeat(void *user)
{
    struct fixture *f = user;
    if (++f->count == 3) {
        timer_free(f->timer);
        loop_stop(f->loop);
    }
}

static void test_timer_repeats_and_may_free_itself(void **state)
{
    struct fixture *f = *state;
    f->timer = timer_new(f->loop, on_repeat, f);
    assert_false(timer_active(f->timer));
    timer_repeat(f->timer, 1);
    assert_true(timer_active(f->timer));
    loop_run(f->loop);
    assert_int_equal(f->count, 3);
}

static void test_timer_stopped_or_freed_stays_silent(void **state)
{
    struct fixture *f = *state;
    struct timer *stopped = timer_new(f->loop, on_timer_counts, f);
    struct timer *freed = timer_new(f->loop, on_timer_counts, f);
    struct timer *last = timer_new(f->loop, stop, f);
    timer_start(stopped, 0);
    timer_start(freed, 0);
    timer_start(last, 2);
    timer_stop(stopped);
    timer_free(freed);
    loop_run(f->loop);
    assert_int_equal(f->events, 0);
    timer_free(stopped);
    timer_free(last);
    timer_free(NULL);
    watch_free(NULL);
    defer_free(NULL);
    hook_free(NULL);
    tick_free(NULL);
    signal_watch_free(NULL);
    worker_free(NULL);
}

static void on_other_tick(void *user)
{
    note(user, "o");
}

static void on_tick(void *user)
{
    struct fixture *f = user;
    note(f, "t");
    tick_free(f->other_tick); /* the next in the list, from inside the run */
    tick_free(f->tick);
    loop_stop(f->loop);
}

static void test_tick_may_free_itself_and_others(void **state)
{
    struct fixture *f = *state;
    f->tick = tick_new(f->loop, on_tick, f);
    f->other_tick = tick_new(f->loop, on_other_tick, f);
    uint64_t start = loop_now(f->loop);
    loop_run(f->loop);
    assert_string_equal(f->trace, "t");
    assert_true(loop_now(f->loop) - start >= 999);
}

/* With nobody listening there is nothing that could wake the loop: the turns up to a far timer stay few. */
static void test_nothing_wakes_an_idle_loop(void **state)
{
    struct fixture *f = *state;
    struct tick *tick = tick_new(f->loop, on_other_tick, f);
    tick_free(tick);
    f->timer = timer_new(f->loop, stop, f);
    loop_turn(f->loop, false);
    uint64_t before = loop_turns(f->loop);
    timer_start(f->timer, 1300);
    loop_run(f->loop);
    assert_in_range(loop_turns(f->loop) - before, 1, 2);
    assert_string_equal(f->trace, "");
    timer_free(f->timer);
}

/* ---- signals ---- */

static void on_signal(void *user, int number)
{
    struct fixture *f = user;
    f->events = number;
    signal_watch_free(f->signal);
    loop_stop(f->loop);
}

static void test_signal(void **state)
{
    struct fixture *f = *state;
    f->signal = signal_watch_new(f->loop, SIGUSR1, on_signal, f);
    assert_non_null(f->signal);
    raise(SIGUSR1);
    loop_run(f->loop);
    assert_int_equal(f->events, SIGUSR1);
}

static void test_stop_before_run_is_remembered(void **state)
{
    struct fixture *f = *state;
    loop_stop(f->loop);
    loop_run(f->loop);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_defer_runs_after_the_callback_once_and_in_order),
        T(test_defer_during_defer_is_bounded_and_does_not_sleep),
        T(test_a_turn_does_not_sleep_over_a_deferred_call),
        T(test_defer_may_be_freed_inside_itself_and_while_queued),
        T(test_hook_runs_after_deferred_calls_and_may_defer),
        T(test_hook_may_free_itself),
        T(test_watch_tells_a_hang_up),
        T(test_watch_tells_an_error_until_paused),
        T(test_watch_paused_and_number_reused),
        T(test_watch_refuses_a_regular_file),
        T(test_timer_repeats_and_may_free_itself),
        T(test_timer_stopped_or_freed_stays_silent),
        T(test_tick_may_free_itself_and_others),
        T(test_nothing_wakes_an_idle_loop),
        T(test_signal),
        T(test_stop_before_run_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
