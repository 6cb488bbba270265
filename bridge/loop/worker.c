/* One thread with a FIFO. The lists between the loop's thread and the worker's, under `mutex`, are the only
   locked data of the program.

   `waiting` --(the worker takes all of it)--> run() --> `finished` --(uv_async)--> done(), item by item. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/loop_internal.h"

#define WORKER_STACK (1024u * 1024u)

struct queue {
    struct work *first;
    struct work *last;
};

struct worker {
    uv_async_t uv; /* first: closing frees the worker */
    void (*run)(void *user, struct work *first);
    void (*done)(void *user, struct work *item);
    void *user;
    pthread_t thread;

    pthread_mutex_t mutex;
    pthread_cond_t wake_worker, wake_owner;
    struct queue waiting, finished; /* under mutex */
    bool ending;                    /* under mutex */

    /* the loop thread's own */
    struct queue delivering;
    size_t outstanding; /* submitted, not yet delivered */
};

static void queue_append(struct queue *queue, struct work *first, struct work *last)
{
    if (queue->last) {
        queue->last->next = first;
    } else {
        queue->first = first;
    }
    queue->last = last;
}

/* ---- the worker's thread ---- */

static void *worker_main(void *user)
{
    struct worker *worker = user;
    pthread_mutex_lock(&worker->mutex);
    for (;;) {
        while (!worker->waiting.first && !worker->ending) {
            pthread_cond_wait(&worker->wake_worker, &worker->mutex);
        }
        if (!worker->waiting.first) {
            break;
        }
        struct queue taken = worker->waiting;
        worker->waiting = (struct queue){0};
        pthread_mutex_unlock(&worker->mutex);

        worker->run(worker->user, taken.first);

        pthread_mutex_lock(&worker->mutex);
        queue_append(&worker->finished, taken.first, taken.last);
        pthread_cond_signal(&worker->wake_owner);
        (void)uv_async_send(&worker->uv); /* wait-free */
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

/* ---- the loop's thread ---- */

/* done() may submit, and may free the worker: worker_free then delivers the rest, and the memory lives until
   libuv has closed the handle, so looking at `delivering` afterwards is safe. */
static void worker_deliver(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    struct queue taken = worker->finished;
    worker->finished = (struct queue){0};
    pthread_mutex_unlock(&worker->mutex);
    if (taken.first) {
        queue_append(&worker->delivering, taken.first, taken.last);
    }
    while (worker->delivering.first) {
        struct work *item = worker->delivering.first;
        worker->delivering.first = item->next;
        if (!item->next) {
            worker->delivering.last = NULL;
        }
        item->next = NULL;
        worker->outstanding--;
        worker->done(worker->user, item);
    }
}

static void on_async(uv_async_t *uv)
{
    worker_deliver((struct worker *)uv);
}

static void worker_start_thread(struct worker *worker)
{
    pthread_attr_t attributes;
    sigset_t all, old;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, WORKER_STACK);
    sigfillset(&all); /* signals are the loop thread's */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&worker->thread, &attributes, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    if (error) {
        log_error("loop", "no thread for the store: %s", strerror(error));
        abort();
    }
}

struct worker *worker_new(struct loop *loop, void (*run)(void *user, struct work *first),
                          void (*done)(void *user, struct work *item), void *user)
{
    struct worker *worker = mem_alloc(sizeof *worker);
    worker->run = run;
    worker->done = done;
    worker->user = user;
    int error = uv_async_init(&loop->uv, &worker->uv, on_async);
    if (error) {
        log_error("loop", "no descriptor for the store's thread: %s", uv_strerror(error));
        abort();
    }
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->wake_worker, NULL);
    pthread_cond_init(&worker->wake_owner, NULL);
    worker_start_thread(worker);
    return worker;
}

void worker_submit(struct worker *worker, struct work *item)
{
    item->next = NULL;
    worker->outstanding++;
    pthread_mutex_lock(&worker->mutex);
    queue_append(&worker->waiting, item, item);
    pthread_cond_signal(&worker->wake_worker);
    pthread_mutex_unlock(&worker->mutex);
}

void worker_drain(struct worker *worker)
{
    worker_deliver(worker); /* also what an outer delivery, if we are inside one, has left */
    while (worker->outstanding > 0) {
        pthread_mutex_lock(&worker->mutex);
        while (!worker->finished.first) {
            pthread_cond_wait(&worker->wake_owner, &worker->mutex);
        }
        pthread_mutex_unlock(&worker->mutex);
        worker_deliver(worker);
    }
}

void worker_free(struct worker *worker)
{
    if (!worker) {
        return;
    }
    worker_drain(worker);
    pthread_mutex_lock(&worker->mutex);
    worker->ending = true;
    pthread_cond_signal(&worker->wake_worker);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    pthread_mutex_destroy(&worker->mutex);
    pthread_cond_destroy(&worker->wake_worker);
    pthread_cond_destroy(&worker->wake_owner);
    loop_close_handle((uv_handle_t *)&worker->uv);
}
