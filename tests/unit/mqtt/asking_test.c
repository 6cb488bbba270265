/* Asking many: one after another, again where there is no answer, and never for ever. And the table of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/secrets.h"
#include "loop/loop.h"
#include "mqtt/asking.h"
#include "mqtt/table.h"

#define MANY 50

static struct {
    struct loop *loop;
    struct asking *asking;
    struct ask asks[MANY];
    unsigned asked[MANY], total;
    bool answers; /* at once */
} bench;

static void ask(void *user, struct ask *ask)
{
    size_t i = (size_t)(ask - bench.asks);
    (void)user;
    bench.asked[i]++;
    bench.total++;
    if (bench.answers) {
        asking_end(bench.asking, ask);
    }
}

static int setup(void **state)
{
    (void)state;
    memset(&bench, 0, sizeof bench);
    assert_int_equal(loop_new(&bench.loop), 0);
    bench.asking = asking_new(bench.loop, ask, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    asking_free(bench.asking);
    loop_free(bench.loop);
    return 0;
}

static void each_is_asked_once_and_apart(void **unused)
{
    (void)unused;
    bench.answers = true;
    uint64_t since = loop_now(bench.loop);
    for (size_t i = 0; i < MANY; i++) {
        asking_begin(bench.asking, &bench.asks[i]);
        asking_begin(bench.asking, &bench.asks[i]); /* it has its turn already */
    }
    while (bench.total < MANY) {
        loop_turn(bench.loop, true);
    }
    assert_true(loop_now(bench.loop) - since >= (MANY - 1) * 3); /* at least 3 ms apart */
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(bench.asked[i], 1);
        assert_false(bench.asks[i].queued);
    }
    uint64_t turns = loop_turns(bench.loop);
    loop_turn(bench.loop, false);
    assert_int_equal(loop_turns(bench.loop), turns + 1);
    assert_int_equal(bench.total, MANY);
}

static void who_does_not_answer_is_asked_again(void **unused)
{
    (void)unused;
    asking_begin(bench.asking, &bench.asks[0]);
    asking_begin(bench.asking, &bench.asks[1]);
    while (bench.asked[1] < 1) {
        loop_turn(bench.loop, true);
    }
    asking_end(bench.asking, &bench.asks[1]);
    while (bench.asked[0] < 2) { /* after a second */
        loop_turn(bench.loop, true);
    }
    assert_int_equal(bench.asked[1], 1);
    assert_int_equal(bench.asks[0].tries, 2);
    asking_begin(bench.asking, &bench.asks[0]); /* from the beginning, and soon */
    assert_int_equal(bench.asks[0].tries, 0);
    while (bench.asked[0] < 3) {
        loop_turn(bench.loop, true);
    }
    assert_int_equal(bench.asks[0].tries, 1);
}

static void the_line_holds_where_its_end_leaves(void **unused)
{
    (void)unused;
    bench.answers = true;
    asking_begin(bench.asking, &bench.asks[0]);
    asking_begin(bench.asking, &bench.asks[1]);
    asking_end(bench.asking, &bench.asks[1]);
    asking_begin(bench.asking, &bench.asks[2]);
    while (bench.total < 2) {
        loop_turn(bench.loop, false);
    }
    assert_true(bench.asked[0] == 1 && bench.asked[1] == 0 && bench.asked[2] == 1);
}

static void the_last_try_is_the_last(void **unused)
{
    (void)unused;
    asking_begin(bench.asking, &bench.asks[0]);
    bench.asks[0].tries = ASKING_TRIES - 1;
    while (bench.asked[0] < 1) {
        loop_turn(bench.loop, false); /* nothing is due behind it: waiting would be for ever */
    }
    assert_false(bench.asks[0].queued);
    asking_end(bench.asking, &bench.asks[0]); /* late, and no matter */
    asking_begin(bench.asking, &bench.asks[0]);
    assert_true(bench.asks[0].queued);
    asking_begin(bench.asking, &bench.asks[1]);
    asking_end_all(bench.asking);
    assert_false(bench.asks[0].queued || bench.asks[1].queued);
}

static void a_table_finds_what_it_has(void **unused)
{
    (void)unused;
    struct table t = {0};
    static struct entry entries[300];
    assert_null(table_find(&t, "x", 1));
    assert_null(table_next(&t, NULL));
    for (size_t i = 0; i < 300; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "topic/%zu", i);
        entries[i] = (struct entry){.name = mem_text(name)};
        table_add(&t, &entries[i]);
    }
    assert_ptr_equal(table_find(&t, "topic/299 and more", 9), &entries[299]);
    assert_null(table_find(&t, "topic/299", 8 + 2)); /* longer than any */
    assert_null(table_find(&t, "topic/", 6));        /* the beginning of all */
    for (size_t i = 0; i < 300; i += 2) {
        table_remove(&t, &entries[i]);
    }
    size_t count = 0;
    for (struct entry *e = table_next(&t, NULL), *next; e; e = next) {
        next = table_next(&t, e);
        table_remove(&t, e);
        count++;
    }
    assert_int_equal(count, 150);
    assert_int_equal(t.count, 0);
    table_done(&t);
    for (size_t i = 0; i < 300; i++) {
        free(entries[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_is_asked_once_and_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(who_does_not_answer_is_asked_again, setup, teardown),
        cmocka_unit_test_setup_teardown(the_line_holds_where_its_end_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_try_is_the_last, setup, teardown),
        cmocka_unit_test(a_table_finds_what_it_has),
    };
    return secrets_init() != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
