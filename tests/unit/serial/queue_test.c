/* Commands that wait for the wire: newest wins, one under way, every request ends once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "serial/protocol.h"
#include "serial/queue.h"

#define REQUESTS 1000

static struct {
    unsigned done[REQUESTS];
    int result[REQUESTS];
    unsigned all;
} answers;

/* Stands in for the hub. */
void request_done(struct driver *driver, struct request_id request, int result, enum basis basis, const char *why)
{
    (void)driver;
    (void)basis;
    (void)why;
    assert_true(request.slot < REQUESTS);
    answers.done[request.slot]++;
    answers.result[request.slot] = result;
    answers.all++;
}

static struct queue queue;
static struct serial_lamp lamps[3];

static int setup(void **state)
{
    (void)state;
    memset(&answers, 0, sizeof answers);
    memset(lamps, 0, sizeof lamps);
    queue_init(&queue, NULL, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    queue_free(&queue);
    return 0;
}

static void add(size_t lamp, uint32_t request, uint16_t level)
{
    struct light_state patch = {.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = level};
    queue_add(&queue, &lamps[lamp], (struct request_id){request, 1}, &patch, 0);
}

/* 50 positions while one frame is under way: that one, and the last. */
static void test_a_slider_is_two_frames(void **state)
{
    (void)state;
    add(0, 0, 100);
    struct queued *first = queue_next(&queue);
    assert_non_null(first);
    assert_int_equal(first->patch.level, 100);
    for (uint32_t i = 1; i < 50; i++) {
        add(0, i, (uint16_t)(100 + i));
        assert_null(queue_next(&queue));
    }
    queue_done(&queue, first, 0, BASIS_ACCEPTED, NULL);
    struct queued *last = queue_next(&queue);
    assert_non_null(last);
    assert_int_equal(last->patch.level, 149);
    queue_done(&queue, last, 0, BASIS_ACCEPTED, NULL);
    assert_null(queue_next(&queue));
    assert_int_equal(answers.all, 50);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(answers.done[i], 1);
    }
}

static void test_folding_keeps_what_the_newer_one_does_not_say(void **state)
{
    (void)state;
    add(0, 0, 5000);
    struct light_state hue = {.has = LIGHT_ON | LIGHT_COLOR, .on = true, .hue = 12000, .saturation = 10000};
    queue_add(&queue, &lamps[0], (struct request_id){1, 1}, &hue, 700);
    struct queued *c = queue_next(&queue);
    assert_int_equal(c->patch.has, LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR);
    assert_int_equal(c->patch.level, 5000);
    assert_int_equal(c->patch.hue, 12000);
    assert_int_equal(c->transition_ms, 700);
    assert_int_equal(c->request_count, 2);
}

static void test_lamps_take_turns_in_their_order(void **state)
{
    (void)state;
    add(0, 0, 1);
    add(1, 1, 2);
    add(2, 2, 3);
    add(0, 3, 4); /* folded: it keeps its place */
    for (size_t i = 0; i < 3; i++) {
        struct queued *c = queue_next(&queue);
        assert_ptr_equal(c->lamp, &lamps[i]);
        assert_ptr_equal(queue_sent(&queue), c);
        assert_true(queue_concerns(&queue, &lamps[i]));
        queue_done(&queue, c, 0, BASIS_ACCEPTED, NULL);
        assert_false(queue_concerns(&queue, &lamps[i]));
    }
    assert_int_equal(answers.all, 4);
}

static void test_a_limit_above_one(void **state)
{
    (void)state;
    queue.limit = 2;
    add(0, 0, 1);
    add(1, 1, 2);
    add(2, 2, 3);
    struct queued *a = queue_next(&queue);
    struct queued *b = queue_next(&queue);
    assert_null(queue_next(&queue));
    queue_done(&queue, b, ERR_REJECTED, BASIS_REPORTED, "no");
    assert_int_equal(answers.result[1], ERR_REJECTED);
    struct queued *c = queue_next(&queue);
    assert_ptr_equal(c->lamp, &lamps[2]);
    queue_done(&queue, a, 0, BASIS_ACCEPTED, NULL);
    queue_done(&queue, c, 0, BASIS_ACCEPTED, NULL);
    assert_int_equal(answers.all, 3);
}

static void test_what_is_cancelled_is_not_sent(void **state)
{
    (void)state;
    add(0, 0, 1);
    add(0, 1, 2);
    queue_cancel(&queue, &lamps[0], (struct request_id){0, 1});
    assert_non_null(lamps[0].waiting);
    queue_cancel(&queue, &lamps[0], (struct request_id){1, 1});
    assert_null(queue_next(&queue));
    assert_int_equal(answers.all, 0);
    add(1, 2, 3);
    struct queued *c = queue_next(&queue);
    queue_cancel(&queue, &lamps[1], (struct request_id){2, 1});
    queue_done(&queue, c, 0, BASIS_ACCEPTED, NULL);
    assert_int_equal(answers.all, 0);
}

static void test_what_was_not_taken_goes_first_again(void **state)
{
    (void)state;
    add(0, 0, 1);
    add(1, 1, 2);
    struct queued *c = queue_next(&queue);
    queue_again(&queue, c);
    assert_ptr_equal(queue_next(&queue), c);
    assert_ptr_equal(c->lamp, &lamps[0]);
    /* Now with a newer one behind it: both are one, and the newer one's values count. */
    add(0, 2, 9);
    queue_again(&queue, c);
    struct queued *other = queue_next(&queue);
    assert_ptr_equal(other->lamp, &lamps[1]);
    queue_done(&queue, other, 0, BASIS_ACCEPTED, NULL);
    struct queued *both = queue_next(&queue);
    assert_int_equal(both->patch.level, 9);
    queue_done(&queue, both, 0, BASIS_ACCEPTED, NULL);
    assert_int_equal(answers.all, 3);
    assert_int_equal(answers.done[0], 1);
    assert_int_equal(answers.done[2], 1);
}

static void test_a_lamp_goes(void **state)
{
    (void)state;
    add(0, 0, 1);
    struct queued *c = queue_next(&queue);
    add(0, 1, 2);
    queue_forget(&queue, &lamps[0]);
    assert_null(lamps[0].waiting);
    assert_null(c->lamp);
    assert_false(queue_concerns(&queue, &lamps[0]));
    queue_again(&queue, c); /* freed: nobody wants it */
    assert_null(queue_sent(&queue));
    assert_null(queue_next(&queue));
    assert_int_equal(answers.all, 0);
}

static void test_the_wire_goes(void **state)
{
    (void)state;
    add(0, 0, 1);
    (void)queue_next(&queue);
    add(0, 1, 2);
    add(1, 2, 3);
    queue_end_all(&queue, ERR_OFFLINE, "it was unplugged");
    assert_int_equal(answers.all, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(answers.done[i], 1);
        assert_int_equal(answers.result[i], ERR_OFFLINE);
    }
    assert_null(queue_next(&queue));
    assert_null(lamps[0].waiting);
}

static void test_it_is_bounded(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < QUEUE_REQUESTS_MAX; i++) {
        add(0, i, (uint16_t)i);
    }
    assert_int_equal(answers.all, 0);
    add(0, QUEUE_REQUESTS_MAX, 1);
    assert_int_equal(answers.result[QUEUE_REQUESTS_MAX], ERR_BUSY);
    assert_int_equal(lamps[0].waiting->patch.level, QUEUE_REQUESTS_MAX - 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_slider_is_two_frames),
        CASE(test_folding_keeps_what_the_newer_one_does_not_say),
        CASE(test_lamps_take_turns_in_their_order),
        CASE(test_a_limit_above_one),
        CASE(test_what_is_cancelled_is_not_sent),
        CASE(test_what_was_not_taken_goes_first_again),
        CASE(test_a_lamp_goes),
        CASE(test_the_wire_goes),
        CASE(test_it_is_bounded),
    };
    return cmocka_run_group_tests_name("serial queue", tests, NULL, NULL);
}
