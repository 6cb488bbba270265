/* The loop: libuv behind verbs. Everything here belongs to the loop thread unless it says otherwise.
   Callbacks may free the object that called them. Freeing is always safe (NULL too) and takes effect
   at once: no callback comes afterwards, the memory goes when libuv lets go of it. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

int loop_new(struct loop **ret_loop);
void loop_free(struct loop *loop); /* runs what must still close; aborts on a forgotten handle in debug builds */
void loop_run(struct loop *loop);  /* until loop_stop */
void loop_stop(struct loop *loop);
/* Runs one iteration: for tests, for a bounded drain at shutdown, and for commands that wait for one thing. With `wait`
   it sleeps until something happens; what deferred calls did before the sleep has happened, and it does not sleep. */
void loop_turn(struct loop *loop, bool wait);

/* Monotonic milliseconds, cached for this iteration. CLOCK_BOOTTIME is not used: a suspended gateway
   counts as time in which nothing was asked. */
uint64_t loop_now(const struct loop *loop);
int64_t loop_wall_ms(void);                   /* wall clock, milliseconds since 1970; may jump */
uint64_t loop_turns(const struct loop *loop); /* iterations so far: what idleness costs is tested by it */

/* ---- descriptors ---- */
enum { WATCH_READ = 1, WATCH_WRITE = 2 };
struct watch;
typedef void watch_fn(void *user, int events); /* WATCH_READ | WATCH_WRITE; a hang-up or error sets both asked for */
/* One watch per descriptor. The descriptor stays the caller's: free the watch, then close it. It becomes
   non-blocking. NULL (logged) for what epoll cannot watch: a regular file, a closed descriptor. */
struct watch *watch_new(struct loop *loop, int fd, int events, watch_fn *fn, void *user);
void watch_set(struct watch *watch, int events); /* 0 pauses */
void watch_free(struct watch *watch);

/* ---- timers ---- */
struct timer;
typedef void timer_fn(void *user);
struct timer *timer_new(struct loop *loop, timer_fn *fn, void *user); /* not started */
void timer_start(struct timer *timer, uint64_t delay_ms);             /* once; restarts */
void timer_repeat(struct timer *timer, uint64_t period_ms);
void timer_stop(struct timer *timer);
bool timer_active(const struct timer *timer);
void timer_free(struct timer *timer);

/* The shared one-second tick: runs only while somebody listens. */
struct tick;
struct tick *tick_new(struct loop *loop, timer_fn *fn, void *user);
void tick_free(struct tick *tick);

/* ---- deferred calls: after the callback that asked for them, before the loop sleeps ---- */
struct defer;
struct defer *defer_new(struct loop *loop, timer_fn *fn, void *user);
/* Once however often it is asked; in order of first asking. Asked from inside a deferred call it runs in the
   same phase, up to 8 rounds; then descriptors and timers get their turn without the loop sleeping. */
void defer_call(struct defer *defer);
void defer_free(struct defer *defer);

/* A hook that runs before each sleep, after all deferred calls (MHD_run, mosquitto's want_write). It may
   defer; the loop then does not sleep. */
struct hook;
struct hook *hook_new(struct loop *loop, timer_fn *fn, void *user);
void hook_free(struct hook *hook);

/* ---- signals ---- */
struct signal_watch;
typedef void signal_fn(void *user, int number);
/* NULL (logged) where the system refuses. */
struct signal_watch *signal_watch_new(struct loop *loop, int number, signal_fn *fn, void *user);
void signal_watch_free(struct signal_watch *watch);

/* ---- the pool: blocking work off the loop thread ---- */
struct pool_job;
/* `work` runs on a pool thread and touches nothing but *user; `done` then runs on the loop thread,
   exactly once, with cancelled=true if work never ran. */
struct pool_job *pool_submit(struct loop *loop, void (*work)(void *user), void (*done)(void *user, bool cancelled),
                             void *user);
void pool_cancel(struct pool_job *job); /* only before done; work already running goes on to its end */

/* ---- a worker: one thread with a FIFO, for the store ---- */
struct work {
    struct work *next; /* while queued or in a run: the worker's */
};
struct worker;
/* `run` gets everything that has queued up, as one list in order, on the worker's thread; each item is
   afterwards handed to `done` on the loop thread, in the same order. */
struct worker *worker_new(struct loop *loop, void (*run)(void *user, struct work *first),
                          void (*done)(void *user, struct work *item), void *user);
void worker_submit(struct worker *worker, struct work *item);
/* Waits, blocking the loop, until all that was submitted has run and was delivered. Between that and the
   next submit the worker's thread touches nothing. */
void worker_drain(struct worker *worker);
/* Drains, then ends the thread. */
void worker_free(struct worker *worker);

#endif
