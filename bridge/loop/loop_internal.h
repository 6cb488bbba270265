/* What the files of this folder share. Nobody else includes it. */
#ifndef LOOP_LOOP_INTERNAL_H
#define LOOP_LOOP_INTERNAL_H

#include <uv.h>

#include "loop/loop.h"

/* A callback in a list that may change while the list is being called. */
struct call {
    struct call *prev, *next;
    timer_fn *fn;
    void *user;
    uint64_t born; /* the run in which it was added: it is first called in the next one */
};

struct calls {
    struct call *first, *last;
    struct call *cursor; /* what comes next in the run under way */
    uint64_t run;
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare; /* before each sleep: deferred calls, hooks */
    uv_check_t check;     /* right after descriptors were served: deferred calls */
    uv_idle_t idle;       /* started only where deferred calls are left over: then the poll does not sleep */
    uv_timer_t second;    /* the shared tick */
    struct calls hooks, ticks;
    struct defer *defer_first, *defer_last;
    size_t defer_count;
    uint64_t turns;
    bool stopped;
    bool turning; /* inside loop_turn: whoever turns wants to look after each thing that happened */
};

/* Closes a handle that is the first member of a heap object, and frees the object when libuv lets go. */
void loop_close_handle(uv_handle_t *handle);

#endif
