/* Who goes when there is no more room: tables of who is there, and whom the rule names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/secrets.h"
#include "http/crowd.h"

#define ROOM 16u

struct rig {
    struct crowd crowd;
    struct peer peers[64];
    unsigned count;
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    secrets_init();
    crowd_init(&rig->crowd, ROOM);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    for (unsigned i = 0; i < rig->count; i++) {
        crowd_remove(&rig->peers[i]);
    }
    assert_int_equal(rig->crowd.count, 0);
    assert_int_equal(rig->crowd.idle_count, 0);
    assert_int_equal(rig->crowd.held, 0);
    for (unsigned i = 0; i < CROWD_BUCKETS; i++) {
        assert_null(rig->crowd.sources[i]);
    }
    free(rig);
    return 0;
}

static struct peer *come(struct rig *rig, const char *source, uint64_t now)
{
    struct peer *p = &rig->peers[rig->count++];
    crowd_add(&rig->crowd, p, source, now);
    return p;
}

static struct peer *fill(struct rig *rig, unsigned count)
{
    struct peer *last = NULL;
    while (count-- > 0) {
        last = come(rig, NULL, 100);
    }
    return last;
}

static void test_room(void **state)
{
    struct rig *rig = *state;
    struct peer *last = fill(rig, ROOM);
    assert_null(crowd_surplus(&rig->crowd, last));
    last = come(rig, NULL, 100);
    assert_ptr_equal(crowd_surplus(&rig->crowd, last), &rig->peers[0]);
    crowd_closing(&rig->peers[0]); /* its place is free although it is still there */
    assert_null(crowd_surplus(&rig->crowd, last));
    last = come(rig, NULL, 100);
    assert_ptr_equal(crowd_surplus(&rig->crowd, last), &rig->peers[1]);
}

static void test_who_gets_on_stays(void **state)
{
    struct rig *rig = *state;
    struct peer *last = fill(rig, ROOM + 1);
    crowd_moves(&rig->peers[0]);
    assert_ptr_equal(crowd_surplus(&rig->crowd, last), &rig->peers[1]);
    crowd_asks(&rig->peers[1], 200);
    assert_ptr_equal(crowd_surplus(&rig->crowd, last), &rig->peers[2]);
    crowd_busy(&rig->peers[2]); /* its request is whole */
    assert_ptr_equal(crowd_surplus(&rig->crowd, last), &rig->peers[3]);
    crowd_idle(&rig->peers[3], 200); /* and answered */
    assert_ptr_equal(crowd_surplus(&rig->crowd, last), &rig->peers[4]);
}

static void test_idle_keep_a_quarter(void **state)
{
    struct rig *rig = *state;
    struct peer *last = fill(rig, ROOM + 1);
    for (unsigned i = 4; i < 4 + ROOM / 4; i++) {
        crowd_idle(&rig->peers[i], 200);
    }
    assert_ptr_equal(crowd_surplus(&rig->crowd, last), &rig->peers[0]);
    crowd_idle(&rig->peers[0], 300);
    assert_ptr_equal(crowd_surplus(&rig->crowd, last), &rig->peers[4]); /* idle longest */
    crowd_asks(&rig->peers[4], 400);
    assert_ptr_equal(crowd_surplus(&rig->crowd, last), &rig->peers[1]);
}

static void test_nobody_but_those_being_worked_for(void **state)
{
    struct rig *rig = *state;
    struct peer *last = fill(rig, ROOM + 1);
    for (unsigned i = 0; i < ROOM; i++) {
        crowd_busy(&rig->peers[i]);
    }
    assert_ptr_equal(crowd_surplus(&rig->crowd, last), last);
    crowd_busy(last);
    assert_null(crowd_surplus(&rig->crowd, last));
}

/* One address has an eighth of the room; of more, its own oldest goes, also while there is room. */
static void test_one_source(void **state)
{
    struct rig *rig = *state;
    struct peer *other = come(rig, "192.0.2.1", 100);
    struct peer *first = come(rig, "192.0.2.2", 100), *second = come(rig, "192.0.2.2", 100);
    assert_null(crowd_surplus(&rig->crowd, second));
    struct peer *third = come(rig, "192.0.2.2", 100);
    assert_ptr_equal(crowd_surplus(&rig->crowd, third), first);
    assert_null(crowd_surplus(&rig->crowd, other));
    crowd_busy(first);
    assert_ptr_equal(crowd_surplus(&rig->crowd, third), second);
    crowd_idle(first, 200);
    crowd_moves(second);
    assert_ptr_equal(crowd_surplus(&rig->crowd, third), third);
    crowd_moves(third);
    assert_ptr_equal(crowd_surplus(&rig->crowd, third), first);
    crowd_closing(first);
    assert_null(crowd_surplus(&rig->crowd, third));
    fill(rig, ROOM / 2); /* unknown ones are not one source */
    assert_null(crowd_surplus(&rig->crowd, &rig->peers[rig->count - 1]));
}

static void test_source_of_ipv6(void **state)
{
    struct rig *rig = *state;
    come(rig, "2001:db8:1:2::1", 100);
    come(rig, "2001:db8:1:2:ffff::1", 100);
    struct peer *third = come(rig, "2001:db8:1:2::3", 100);
    assert_ptr_equal(crowd_surplus(&rig->crowd, third), &rig->peers[0]);
    struct peer *other = come(rig, "2001:db8:1:3::3", 100);
    assert_null(crowd_surplus(&rig->crowd, other));
}

static unsigned late_count;

static void close_late(struct peer *p)
{
    late_count++;
    crowd_closing(p);
}

static unsigned late(struct rig *rig, uint64_t now)
{
    late_count = 0;
    crowd_each_late(&rig->crowd, now, close_late);
    return late_count;
}

static void test_deadlines(void **state)
{
    struct rig *rig = *state;
    fill(rig, 5); /* all at 100 */
    assert_int_equal(late(rig, 100 + CROWD_REQUEST_MS), 0);
    crowd_moves(&rig->peers[0]); /* a byte now and then helps nobody */
    crowd_asks(&rig->peers[1], 200);
    crowd_busy(&rig->peers[2]);
    crowd_idle(&rig->peers[3], 200);
    assert_int_equal(late(rig, 101 + CROWD_REQUEST_MS), 2);
    assert_int_equal(rig->peers[0].state, PEER_CLOSING);
    assert_int_equal(rig->peers[4].state, PEER_CLOSING);
    assert_int_equal(late(rig, 200 + CROWD_IDLE_MS), 1);
    assert_int_equal(rig->peers[1].state, PEER_CLOSING);
    assert_int_equal(late(rig, 201 + CROWD_IDLE_MS), 1);
    assert_int_equal(rig->peers[3].state, PEER_CLOSING);
    assert_int_equal(late(rig, UINT64_MAX), 0); /* the exchange has its own */
}

static void test_bodies(void **state)
{
    struct rig *rig = *state;
    fill(rig, 4);
    crowd_holds(&rig->peers[0], 300);
    crowd_holds(&rig->peers[1], 400);
    crowd_holds(&rig->peers[2], 200);
    assert_null(crowd_glutton(&rig->crowd, 900));
    assert_ptr_equal(crowd_glutton(&rig->crowd, 899), &rig->peers[1]);
    crowd_busy(&rig->peers[1]); /* whole */
    assert_ptr_equal(crowd_glutton(&rig->crowd, 899), &rig->peers[0]);
    crowd_holds(&rig->peers[1], 0);
    assert_null(crowd_glutton(&rig->crowd, 899));
    crowd_closing(&rig->peers[0]);
    assert_int_equal(rig->crowd.held, 200);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(test_room),
        WITH_RIG(test_who_gets_on_stays),
        WITH_RIG(test_idle_keep_a_quarter),
        WITH_RIG(test_nobody_but_those_being_worked_for),
        WITH_RIG(test_one_source),
        WITH_RIG(test_source_of_ipv6),
        WITH_RIG(test_deadlines),
        WITH_RIG(test_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
