/* The pool and the worker: what crosses between threads, and what is still delivered at the end. Worth most
   when built with -DLB_SANITIZE=thread. */
#include "loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- pool ---- */

struct job {
    struct loop *loop;
    int in, out;
    int done, cancelled;
    int gate; /* descriptor the work waits for, or -1 */
    int left; /* jobs until the loop stops, in the first job of a group */
    struct job *group;
};

static void job_work(void *user)
{
    struct job *job = user;
    char byte;
    if (job->gate >= 0) {
        (void)!read(job->gate, &byte, 1);
    }
    job->out = job->in * 2;
}

static void job_done(void *user, bool cancelled)
{
    struct job *job = user;
    job->done++;
    job->cancelled += cancelled;
    if (--job->group->left == 0) {
        loop_stop(job->loop);
    }
}

static void test_pool_runs_and_tells_once(void **state)
{
    (void)state;
    struct loop *loop;
    struct job jobs[20];
    assert_int_equal(loop_new(&loop), 0);
    for (int i = 0; i < 20; i++) {
        jobs[i] = (struct job){.loop = loop, .in = i, .gate = -1, .left = 20, .group = jobs};
        pool_submit(loop, job_work, job_done, &jobs[i]);
    }
    loop_run(loop);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(jobs[i].out, i * 2);
        assert_int_equal(jobs[i].done, 1);
        assert_int_equal(jobs[i].cancelled, 0);
    }
    loop_free(loop);
}

/* More jobs than threads, all waiting at a gate: the last ones have not begun and can be cancelled. */
static void test_pool_cancels_what_has_not_begun(void **state)
{
    (void)state;
    struct loop *loop;
    struct job jobs[40];
    struct pool_job *handles[40];
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    assert_int_equal(loop_new(&loop), 0);
    for (int i = 0; i < 40; i++) {
        jobs[i] = (struct job){.loop = loop, .in = 1, .gate = gate[0], .left = 40, .group = jobs};
        handles[i] = pool_submit(loop, job_work, job_done, &jobs[i]);
    }
    pool_cancel(handles[39]);
    close(gate[1]);
    loop_run(loop);
    assert_int_equal(jobs[39].cancelled, 1);
    assert_int_equal(jobs[39].out, 0);
    assert_int_equal(jobs[0].out, 2);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(jobs[i].done, 1);
    }
    loop_free(loop);
    close(gate[0]);
}

static void test_pool_job_is_told_when_the_loop_is_freed(void **state)
{
    (void)state;
    struct loop *loop;
    assert_int_equal(loop_new(&loop), 0);
    struct job job = {.loop = loop, .in = 4, .gate = -1, .left = 1, .group = &job};
    pool_submit(loop, job_work, job_done, &job);
    loop_free(loop);
    assert_int_equal(job.done, 1);
}

/* ---- worker ---- */

struct item {
    struct work work;
    int number;
    int seen; /* by the worker's thread */
};

struct line {
    struct loop *loop;
    struct worker *worker;
    int runs;     /* written by the worker's thread, read when it is drained */
    int next_run; /* likewise */
    int delivered;
    int expected;
    bool resubmit, free_inside;
};

static void line_run(void *user, struct work *first)
{
    struct line *line = user;
    line->runs++;
    for (struct work *work = first; work; work = work->next) {
        struct item *item = (struct item *)work;
        item->seen = line->next_run++;
    }
}

static void submit(struct line *line, int number)
{
    struct item *item = calloc(1, sizeof *item);
    item->number = number;
    worker_submit(line->worker, &item->work);
}

static void line_done(void *user, struct work *work)
{
    struct line *line = user;
    struct item *item = (struct item *)work;
    assert_int_equal(item->number, line->delivered);
    assert_int_equal(item->seen, line->delivered);
    line->delivered++;
    free(item);
    if (line->resubmit && line->delivered < line->expected) {
        submit(line, line->delivered);
    }
    if (line->free_inside && line->delivered == 5) {
        worker_free(line->worker);
        assert_int_equal(line->delivered, line->expected);
    }
    if (line->delivered == line->expected) {
        loop_stop(line->loop);
    }
}

static void line_init(struct line *line, int expected)
{
    *line = (struct line){.expected = expected};
    assert_int_equal(loop_new(&line->loop), 0);
    line->worker = worker_new(line->loop, line_run, line_done, line);
}

static void test_worker_keeps_the_order(void **state)
{
    (void)state;
    struct line line;
    line_init(&line, 10000);
    for (int i = 0; i < line.expected; i++) {
        submit(&line, i);
    }
    loop_run(line.loop);
    assert_int_equal(line.delivered, line.expected);
    worker_free(line.worker);
    assert_in_range(line.runs, 1, line.expected);
    loop_free(line.loop);
}

static void test_worker_may_be_given_more_from_done(void **state)
{
    (void)state;
    struct line line;
    line_init(&line, 500);
    line.resubmit = true;
    submit(&line, 0);
    loop_run(line.loop);
    assert_int_equal(line.delivered, 500);
    worker_free(line.worker);
    loop_free(line.loop);
}

static void test_worker_free_delivers_everything(void **state)
{
    (void)state;
    struct line line;
    line_init(&line, 300);
    line.resubmit = true; /* done() submits while it is being freed */
    submit(&line, 0);
    worker_free(line.worker);
    assert_int_equal(line.delivered, 300);
    loop_free(line.loop);
}

static void test_worker_drain_then_go_on(void **state)
{
    (void)state;
    struct line line;
    line_init(&line, 20);
    for (int i = 0; i < 10; i++) {
        submit(&line, i);
    }
    worker_drain(line.worker);
    assert_int_equal(line.delivered, 10);
    assert_int_equal(line.next_run, 10); /* the thread's own counter may be read now */
    for (int i = 10; i < 20; i++) {
        submit(&line, i);
    }
    worker_drain(line.worker);
    assert_int_equal(line.delivered, 20);
    worker_free(line.worker);
    loop_free(line.loop);
}

static void test_worker_may_be_freed_from_done(void **state)
{
    (void)state;
    struct line line;
    line_init(&line, 100);
    line.free_inside = true;
    for (int i = 0; i < line.expected; i++) {
        submit(&line, i);
    }
    loop_run(line.loop);
    assert_int_equal(line.delivered, 100);
    loop_free(line.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_runs_and_tells_once),
        cmocka_unit_test(test_pool_cancels_what_has_not_begun),
        cmocka_unit_test(test_pool_job_is_told_when_the_loop_is_freed),
        cmocka_unit_test(test_worker_keeps_the_order),
        cmocka_unit_test(test_worker_may_be_given_more_from_done),
        cmocka_unit_test(test_worker_free_delivers_everything),
        cmocka_unit_test(test_worker_drain_then_go_on),
        cmocka_unit_test(test_worker_may_be_freed_from_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
