/* The rules, with time as an argument: years in microseconds, and a clock that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/err.h"
#include "oauth/oauth.h"
#include "oauth/rules.h"

#define DAY INT64_C(86400000)
#define YEAR (365 * DAY)
#define NOW INT64_C(1800000000000)

static void test_age_without_jumps(void **state)
{
    (void)state;
    struct rules_clock clock = {0};
    rules_clock_see(&clock, NOW, 5);
    rules_clock_see(&clock, NOW + YEAR, 5 + (uint64_t)YEAR);
    assert_true(rules_age(&clock, NOW, NOW + YEAR) == YEAR);
    assert_true(rules_age(&clock, NOW, NOW) == 0);
    assert_true(rules_age(&clock, NOW, NOW - YEAR) == 0); /* the future has the age 0 */
    assert_true(rules_age(&clock, INT64_MIN, INT64_MAX) == INT64_MAX);
    assert_true(rules_age(&clock, 0, INT64_MAX) == INT64_MAX);
    assert_true(rules_age(&clock, INT64_MAX, 0) == 0);
    assert_int_equal(clock.count, 0);
}

/* Boots in 1970, ten seconds later it is 2027. */
static void test_boot_in_1970(void **state)
{
    (void)state;
    struct rules_clock clock = {0};
    rules_clock_see(&clock, 1000, 0);
    rules_clock_see(&clock, 10000, 9000);
    rules_clock_see(&clock, NOW, 10000);
    assert_int_equal(clock.count, 1);
    assert_true(rules_age(&clock, 10000, NOW) == 1000);    /* issued in "1970", a second ago */
    assert_true(rules_age(&clock, NOW - DAY, NOW) == DAY); /* issued before the reboot, by the right clock */
    assert_int_equal(rules_access(&clock, 10000, NOW + 1000), 0);
    assert_int_equal(rules_access(&clock, 10000, NOW + DAY), ERR_EXPIRED);
    assert_int_equal(rules_access(&clock, NOW - DAY, NOW), ERR_EXPIRED);
}

/* Small steps are NTP's daily work, not jumps. */
static void test_small_steps(void **state)
{
    (void)state;
    struct rules_clock clock = {0};
    int64_t wall = NOW;
    for (uint64_t i = 0; i < 1000; i++, wall += 1000 + (i % 3 == 0 ? RULES_JUMP_MS : -RULES_JUMP_MS / 2)) {
        rules_clock_see(&clock, wall, i * 1000);
    }
    assert_int_equal(clock.count, 0);
}

static void test_forth_and_back(void **state)
{
    (void)state;
    struct rules_clock clock = {0};
    rules_clock_see(&clock, NOW, 0);
    rules_clock_see(&clock, NOW + 10 * YEAR, 1000); /* wrong */
    assert_int_equal(clock.count, 1);
    assert_true(rules_age(&clock, NOW, NOW + 10 * YEAR) == 1000);
    rules_clock_see(&clock, NOW + 2000, 2000); /* right again: the jump is undone */
    assert_int_equal(clock.count, 0);
    assert_true(rules_age(&clock, NOW, NOW + 2000) == 2000);
    rules_clock_see(&clock, NOW + DAY, (uint64_t)DAY); /* real time passes and nothing is taken out of it */
    assert_true(rules_age(&clock, NOW, NOW + DAY) == DAY);
}

/* More jumps than are remembered: the oldest goes, and what it hid only looks older than it is once. */
static void test_many_jumps(void **state)
{
    (void)state;
    struct rules_clock clock = {0};
    for (uint64_t i = 0; i < 100; i++) {
        rules_clock_see(&clock, NOW + (int64_t)i * YEAR, i * 1000);
        assert_true(clock.count <= RULES_MAX_JUMPS);
    }
    assert_int_equal(clock.count, RULES_MAX_JUMPS);
    assert_true(rules_age(&clock, NOW + 95 * YEAR, NOW + 99 * YEAR) == 4000);
}

static void test_redeem(void **state)
{
    (void)state;
    struct rules_clock clock = {0};
    struct rules_link link = {.created_ms = NOW};
    enum rules_redeem what = REDEEM_REPLAY;
    assert_int_equal(rules_redeem(&link, &clock, NOW, &what), 0);
    assert_int_equal(what, REDEEM_FIRST);
    link.redeemed_ms = NOW + 1;
    assert_int_equal(rules_redeem(&link, &clock, NOW + 599999, &what), 0);
    assert_int_equal(what, REDEEM_REPEAT);
    link.seen_ms = NOW + 2;
    assert_int_equal(rules_redeem(&link, &clock, NOW + 599999, &what), 0);
    assert_int_equal(what, REDEEM_REPLAY);
    what = REDEEM_FIRST;
    assert_int_equal(rules_redeem(&link, &clock, NOW + 600000, &what), ERR_EXPIRED);
    assert_int_equal(rules_redeem(&link, &clock, NOW - YEAR, &what), 0); /* the clock went back */
    link.ended_ms = NOW + 3;
    assert_int_equal(rules_redeem(&link, &clock, NOW, &what), ERR_ENDED);
    assert_int_equal(rules_redeem(&link, &clock, NOW + 600000, &what), ERR_ENDED);
}

static void test_refresh_again(void **state)
{
    (void)state;
    struct rules_link link = {.created_ms = NOW};
    assert_false(rules_refresh_again(&link, NOW));
    link.refreshed_ms = NOW;
    assert_true(rules_refresh_again(&link, NOW));
    assert_true(rules_refresh_again(&link, NOW + RULES_REPEAT_MS - 1));
    assert_false(rules_refresh_again(&link, NOW + RULES_REPEAT_MS));
    assert_true(rules_refresh_again(&link, NOW - RULES_REPEAT_MS + 1));
    assert_false(
        rules_refresh_again(&link, NOW - YEAR)); /* by a clock that went back it must not be the same for ever */
}

static void test_expires_in(void **state)
{
    (void)state;
    struct rules_clock clock = {0};
    assert_int_equal(rules_expires_in(&clock, NOW, NOW), 86400);
    assert_int_equal(rules_expires_in(&clock, NOW, NOW + 999), 86400);
    assert_int_equal(rules_expires_in(&clock, NOW, NOW + 1000), 86399);
    assert_int_equal(rules_expires_in(&clock, NOW, NOW + YEAR), 1);
    assert_int_equal(rules_expires_in(&clock, NOW, NOW - YEAR), 86400);
}

static void test_forward(void **state)
{
    (void)state;
    struct rules_link link = {.created_ms = NOW, .redeemed_ms = NOW, .generation = 5, .refreshed_ms = NOW};
    assert_false(rules_forward(&link, 5, NOW + 1));
    assert_false(rules_forward(&link, 1, NOW + 1));
    assert_true(link.generation == 5 && link.refreshed_ms == NOW);
    assert_true(rules_forward(&link, 9, NOW + 7));
    assert_true(link.generation == 9 && link.refreshed_ms == NOW + 7 && link.redeemed_ms == NOW);
    struct rules_link fresh = {.created_ms = NOW};
    assert_true(rules_forward(&fresh, 1, NOW + 3));
    assert_true(fresh.generation == 1 && fresh.redeemed_ms == NOW + 3 && fresh.refreshed_ms == 0);
    struct rules_link zero = {.created_ms = NOW};
    assert_true(rules_forward(&zero, 1, 0)); /* issued at 1970 exactly */
    assert_true(zero.redeemed_ms != 0);
    assert_false(rules_forward(&zero, 1, 0));
}

/* NOW is when it is asked; the program started a day before. */
static void test_elsewhere(void **state)
{
    (void)state;
    const int64_t hour = 3600000, started = NOW - 24 * hour;
    const struct rules_link link = {
        .created_ms = NOW - YEAR, .redeemed_ms = NOW - YEAR, .refreshed_ms = NOW - 5 * hour, .generation = 7};
    const struct rules_link unredeemed = {.created_ms = NOW - 2 * hour};
    struct rules_clock clock = {0};
    static const struct {
        uint32_t generation;
        int64_t issued_ms; /* before NOW */
        bool elsewhere;
    } rows[] = {
        {7, 5 * 3600000, false},  /* the newest of ours */
        {6, 2 * 3600000, false},  /* older: nobody knows */
        {8, 2 * 3600000, true},   /* ahead, and issued while we ran */
        {7, 2 * 3600000, true},   /* our generation, but not what we issued */
        {8, 25 * 3600000, false}, /* ahead, from before the start: our own past, or the backup's */
        {7, 25 * 3600000, false}, {8, 24 * 3600000 - 500, false}, /* the clocks of two machines are not one */
        {8, -3600000, false},                                     /* from the future: a clock is wrong */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(rules_elsewhere(&link, &clock, rows[i].generation, NOW - rows[i].issued_ms, started, NOW),
                         rows[i].elsewhere);
    }
    assert_true(rules_elsewhere(&unredeemed, &clock, 1, NOW - hour, started, NOW));
    /* started in 1970, the time was found an hour ago: what was issued two hours ago is from before */
    rules_clock_see(&clock, 0, 0);
    rules_clock_see(&clock, NOW - hour, 1000);
    assert_false(rules_elsewhere(&link, &clock, 8, NOW - 2 * hour, 0, NOW));
    assert_true(rules_elsewhere(&link, &clock, 8, NOW - hour / 2, 0, NOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_age_without_jumps), cmocka_unit_test(test_boot_in_1970),
        cmocka_unit_test(test_small_steps),       cmocka_unit_test(test_forth_and_back),
        cmocka_unit_test(test_many_jumps),        cmocka_unit_test(test_redeem),
        cmocka_unit_test(test_refresh_again),     cmocka_unit_test(test_expires_in),
        cmocka_unit_test(test_forward),           cmocka_unit_test(test_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
