/* Blocking work on libuv's pool of threads: Argon2id, name resolution, opening ports. Never the store. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/loop_internal.h"

struct pool_job {
    uv_work_t uv;
    void (*work)(void *user);
    void (*done)(void *user, bool cancelled);
    void *user;
};

static void on_work(uv_work_t *uv)
{
    struct pool_job *job = uv->data;
    job->work(job->user);
}

static void on_done(uv_work_t *uv, int status)
{
    struct pool_job *job = uv->data;
    job->done(job->user, status == UV_ECANCELED);
    free(job);
}

struct pool_job *pool_submit(struct loop *loop, void (*work)(void *user), void (*done)(void *user, bool cancelled),
                             void *user)
{
    struct pool_job *job = mem_alloc(sizeof *job);
    job->work = work;
    job->done = done;
    job->user = user;
    job->uv.data = job;
    (void)uv_queue_work(&loop->uv, &job->uv, on_work, on_done); /* fails only without a work callback */
    return job;
}

void pool_cancel(struct pool_job *job)
{
    (void)uv_cancel((uv_req_t *)&job->uv); /* UV_EBUSY: it runs already */
}
