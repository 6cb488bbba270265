/* What a link is told, and what it is spared. Time is a number here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smartthings/outbox.h"

#define WINDOW 100u

/* The lights as they are: what `look` sees. */
static struct outbox_view lights[3000];

static void look(void *user, uint32_t light, struct outbox_view *ret_view)
{
    (void)user;
    *ret_view = light < 3000 ? lights[light] : (struct outbox_view){0};
}

static struct outbox_view on(bool value)
{
    return (struct outbox_view){{.has = LIGHT_ON, .on = value}, OUTBOX_ONLINE};
}

static int setup(void **state)
{
    struct outbox *o = malloc(sizeof *o);
    outbox_init(o, WINDOW);
    memset(lights, 0, sizeof lights);
    *state = o;
    return 0;
}

static int teardown(void **state)
{
    outbox_done(*state);
    free(*state);
    return 0;
}

static size_t collect(struct outbox *o, uint64_t now, struct outbox_item *items)
{
    size_t count = 0;
    return outbox_collect(o, now, look, NULL, items, &count) == OUTBOX_STATES ? count : 0;
}

static void test_window_and_newest(void **state)
{
    struct outbox *o = *state;
    struct outbox_item items[OUTBOX_BATCH];
    assert_int_equal(outbox_next(o), OUTBOX_NEVER);
    lights[3] = on(true);
    outbox_touch(o, 3, 1000);
    lights[3].state.on = false;
    outbox_touch(o, 3, 1050);
    lights[5] = on(true);
    outbox_touch(o, 5, 1060);
    assert_int_equal(outbox_next(o), 1100);
    assert_int_equal(collect(o, 1099, items), 0);
    assert_int_equal(collect(o, 1100, items), 2); /* each light once, in order of first news, newest state */
    assert_int_equal(items[0].light, 3);
    assert_false(items[0].state.on);
    assert_int_equal(items[1].light, 5);
    assert_int_equal(outbox_next(o), OUTBOX_NEVER); /* one POST at a time */
    outbox_touch(o, 5, 1120);
    lights[5].state.on = false;
    assert_int_equal(collect(o, 5000, items), 0);
    outbox_delivered(o, 1200);
    assert_int_equal(outbox_next(o), 1300);
    assert_int_equal(collect(o, 1300, items), 1);
    assert_false(items[0].state.on);
    outbox_delivered(o, 1400);
    assert_int_equal(outbox_next(o), OUTBOX_NEVER);
}

static void test_only_what_changed(void **state)
{
    struct outbox *o = *state;
    struct outbox_item items[OUTBOX_BATCH];
    lights[0] = (struct outbox_view){{.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 5000}, OUTBOX_ONLINE};
    outbox_touch(o, 0, 0);
    assert_int_equal(collect(o, WINDOW, items), 1);
    assert_int_equal(items[0].state.has, LIGHT_ON | LIGHT_LEVEL);
    outbox_delivered(o, WINDOW);
    lights[0].state.level = 6000;
    outbox_touch(o, 0, 1000);
    assert_int_equal(collect(o, 1100, items), 1);
    assert_int_equal(items[0].state.has, LIGHT_LEVEL);
    outbox_delivered(o, 1100);
    lights[0].state.level = 7000; /* there and back within a window */
    outbox_touch(o, 0, 2000);
    lights[0].state.level = 6000;
    outbox_touch(o, 0, 2010);
    assert_int_equal(collect(o, 2100, items), 0);
    assert_int_equal(outbox_next(o), OUTBOX_NEVER);
    lights[0].health = OUTBOX_OFFLINE; /* health alone */
    outbox_touch(o, 0, 3000);
    assert_int_equal(collect(o, 3100, items), 1);
    assert_int_equal(items[0].state.has, 0);
    assert_int_equal(items[0].health, OUTBOX_OFFLINE);
}

static void test_command_response_is_not_repeated(void **state)
{
    struct outbox *o = *state;
    struct outbox_item items[OUTBOX_BATCH];
    outbox_hold(o, 1);
    lights[1] = on(true);
    outbox_touch(o, 1, 0); /* the echo comes before the answer is written */
    assert_int_equal(outbox_next(o), OUTBOX_NEVER);
    assert_int_equal(collect(o, 500, items), 0);
    outbox_said(o, 1, &lights[1], 600);
    outbox_release(o, 1, 600);
    assert_int_equal(collect(o, 700, items), 0);
    assert_int_equal(outbox_next(o), OUTBOX_NEVER);
    lights[1].state.on = false; /* a hand on the switch afterwards is news */
    outbox_touch(o, 1, 1000);
    assert_int_equal(collect(o, 1100, items), 1);
}

/* A POST with the old state may overtake the answer with the new one: the newest is said once more. */
static void test_crossed(void **state)
{
    struct outbox *o = *state;
    struct outbox_item items[OUTBOX_BATCH];
    lights[1] = on(false);
    outbox_touch(o, 1, 0);
    assert_int_equal(collect(o, 100, items), 1);
    lights[1].state.on = true;
    outbox_said(o, 1, &lights[1], 150);
    outbox_delivered(o, 200);
    assert_int_equal(outbox_next(o), 300);
    assert_int_equal(collect(o, 300, items), 1);
    assert_true(items[0].state.on);
    lights[1].state.on = false; /* or the POST comes first, the answer says otherwise, and then all is as in the POST */
    outbox_said(o, 1, &lights[1], 310);
    lights[1].state.on = true;
    outbox_touch(o, 1, 320);
    outbox_delivered(o, 400);
    assert_int_equal(collect(o, 500, items), 1);
    assert_int_equal(items[0].state.has, LIGHT_ON);
}

/* Whether a POST without an answer arrived is not known: going back to what was said before is still said. */
static void test_returned(void **state)
{
    struct outbox *o = *state;
    struct outbox_item items[OUTBOX_BATCH];
    lights[1] = on(true);
    outbox_touch(o, 1, 0);
    assert_int_equal(collect(o, 100, items), 1);
    outbox_delivered(o, 110);
    lights[1].state.on = false;
    outbox_touch(o, 1, 200);
    assert_int_equal(collect(o, 300, items), 1);
    lights[1].state.on = true;
    outbox_touch(o, 1, 310);
    outbox_returned(o, 1000, 5000);
    assert_int_equal(outbox_next(o), 6000);
    assert_int_equal(collect(o, 5999, items), 0);
    assert_int_equal(collect(o, 6000, items), 1);
    assert_true(items[0].state.on);
    assert_int_equal(items[0].state.has, LIGHT_ON);
    outbox_delivered(o, 6000);
    lights[1].health = OUTBOX_OFFLINE; /* the same with its health */
    outbox_touch(o, 1, 7000);
    assert_int_equal(collect(o, 7100, items), 1);
    lights[1].health = OUTBOX_ONLINE;
    outbox_returned(o, 7200, 0);
    assert_int_equal(collect(o, 7200, items), 1);
    assert_int_equal(items[0].health, OUTBOX_ONLINE);
}

static void test_dropped(void **state)
{
    struct outbox *o = *state;
    struct outbox_item items[OUTBOX_BATCH];
    lights[1] = (struct outbox_view){{.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 100}, OUTBOX_ONLINE};
    outbox_touch(o, 1, 0);
    assert_int_equal(collect(o, 100, items), 1);
    assert_int_equal(outbox_dropped(o, 200), 1);
    assert_int_equal(outbox_next(o), OUTBOX_NEVER);
    lights[1].state.level = 200;
    outbox_touch(o, 1, 300);
    assert_int_equal(collect(o, 400, items), 1);
    assert_int_equal(items[0].state.has, LIGHT_ON | LIGHT_LEVEL); /* nothing of it is known to have been taken */
}

static void test_batches_and_resync(void **state)
{
    struct outbox *o = *state;
    struct outbox_item items[OUTBOX_BATCH];
    for (uint32_t i = 0; i < 250; i++) {
        lights[i] = on(true);
        outbox_touch(o, i, 0);
    }
    for (unsigned round = 0; round < 2; round++) {
        uint64_t now = round * 10000 + WINDOW * OUTBOX_SETTLE;
        assert_int_equal(collect(o, now, items), OUTBOX_BATCH);
        assert_int_equal(items[0].light, 0);
        outbox_delivered(o, now);
        assert_int_equal(collect(o, now, items), OUTBOX_BATCH); /* at once */
        assert_int_equal(items[99].light, 199);
        outbox_delivered(o, now);
        assert_int_equal(collect(o, now, items), 50);
        outbox_delivered(o, now);
        assert_int_equal(outbox_next(o), OUTBOX_NEVER);
        outbox_resync(o, 10000); /* everything anew */
    }
}

/* Many lights that changed and changed back must not hide the one behind them. */
static void test_empty_batches_are_skipped(void **state)
{
    struct outbox *o = *state;
    struct outbox_item items[OUTBOX_BATCH];
    for (uint32_t i = 0; i < 300; i++) {
        lights[i] = on(true);
        outbox_said(o, i, &lights[i], 0);
        outbox_touch(o, i, 0);
    }
    lights[299].state.on = false;
    assert_int_equal(collect(o, 100, items), 1);
    assert_int_equal(items[0].light, 299);
}

static void test_discovery_first(void **state)
{
    struct outbox *o = *state;
    struct outbox_item items[OUTBOX_BATCH];
    size_t count;
    lights[7] = on(true);
    outbox_list(o, 7, true, 0);
    outbox_touch(o, 7, 0);
    assert_int_equal(outbox_next(o), WINDOW * OUTBOX_SETTLE); /* not yet known over there: no state before it */
    assert_int_equal(outbox_collect(o, 1000, look, NULL, items, &count), OUTBOX_DISCOVERY);
    outbox_returned(o, 1100, 1000);
    assert_int_equal(outbox_next(o), 2100);
    assert_int_equal(outbox_collect(o, 2100, look, NULL, items, &count), OUTBOX_DISCOVERY);
    outbox_list(o, 8, true, 2150);
    outbox_delivered(o, 2200);
    assert_int_equal(outbox_next(o), 2300);
    assert_int_equal(collect(o, 2300, items), 1);
    assert_int_equal(items[0].light, 7);
    outbox_delivered(o, 2300);
    assert_int_equal(outbox_next(o), 3150); /* the second one, listed meanwhile, is not forgotten */
    outbox_listed(o, 2400);                 /* a discoveryResponse did it */
    assert_int_equal(outbox_next(o), 2500);
}

static void test_gone_is_said_once(void **state)
{
    struct outbox *o = *state;
    struct outbox_item items[OUTBOX_BATCH];
    lights[2] = on(true);
    outbox_touch(o, 2, 0);
    assert_int_equal(collect(o, 100, items), 1);
    outbox_delivered(o, 100);
    lights[2] = (struct outbox_view){.health = OUTBOX_GONE};
    outbox_touch(o, 2, 200);
    assert_int_equal(collect(o, 300, items), 1);
    assert_int_equal(items[0].health, OUTBOX_GONE);
    outbox_delivered(o, 300);
    outbox_resync(o, 400);
    assert_int_equal(o->queued, 3); /* the lights that there are, whatever there is room for */
    assert_int_equal(collect(o, 5000, items), 0);
    lights[2] = on(true); /* it is back: everything of it is news */
    outbox_list(o, 2, true, 6000);
    outbox_listed(o, 6000);
    assert_int_equal(collect(o, 6100, items), 1);
    assert_int_equal(items[0].state.has, LIGHT_ON);
}

static void test_mode_change_says_all_of_the_mode(void **state)
{
    struct outbox *o = *state;
    struct outbox_item items[OUTBOX_BATCH];
    struct light_state white = {.has = LIGHT_ON | LIGHT_MODE | LIGHT_KELVIN, .on = true, .kelvin = 3000};
    struct light_state color = {
        .has = LIGHT_ON | LIGHT_MODE | LIGHT_COLOR, .on = true, .mode = LIGHT_MODE_COLOR, .hue = 100};
    const struct light_state order[] = {white, color, white};
    const uint32_t said[] = {white.has, LIGHT_MODE | LIGHT_COLOR, LIGHT_MODE | LIGHT_KELVIN};
    for (unsigned i = 0; i < 3; i++) {
        lights[0] = (struct outbox_view){order[i], OUTBOX_ONLINE};
        outbox_touch(o, 0, i * 1000);
        assert_int_equal(collect(o, i * 1000 + 100, items), 1);
        assert_int_equal(items[0].state.has, said[i]);
        outbox_delivered(o, i * 1000 + 200);
    }
}

static void arrive(const struct outbox_item *item, bool *cloud, bool *known)
{
    if (item->state.has & LIGHT_ON) {
        cloud[item->light] = item->state.on;
        known[item->light] = true;
    }
}

/* Whatever happens in whatever order: when all is quiet, what was said last is what is. */
static void test_converges(void **state)
{
    struct outbox *o = *state;
    bool cloud[8] = {0}, known[8] = {0}, early = false;
    struct outbox_item items[OUTBOX_BATCH], flying[OUTBOX_BATCH];
    size_t count = 0;
    unsigned seed = 20260101;
    uint64_t now = 0;
    for (unsigned step = 0; step < 20000; step++) {
        seed = seed * 1103515245u + 12345u;
        uint32_t light = (seed >> 16) % 8;
        unsigned what = (seed >> 20) % 8;
        now += (seed >> 24) % 60;
        if (step > 19000) {
            what = 4 + what % 2; /* quiet: only deliveries */
        }
        switch (what) {
        case 0:
        case 1:
            lights[light] = on(!lights[light].state.on);
            outbox_touch(o, light, now);
            break;
        case 2: /* an answer says what is */
            if (lights[light].state.has) {
                cloud[light] = lights[light].state.on;
                known[light] = true;
                outbox_said(o, light, &lights[light], now);
            }
            break;
        case 3: /* no answer; it may have arrived */
            if (o->posting) {
                for (size_t i = 0; i < count && !early && (seed & 1024); i++) {
                    arrive(&flying[i], cloud, known);
                }
                outbox_returned(o, now, 50);
            }
            break;
        case 4:
            if (!o->posting) {
                count = collect(o, now, items);
                memcpy(flying, items, count * sizeof items[0]);
                early = seed & 2048;
                for (size_t i = 0; i < count && early; i++) {
                    arrive(&flying[i], cloud, known);
                }
            }
            break;
        default:
            if (o->posting) {
                for (size_t i = 0; i < count && !early; i++) {
                    arrive(&flying[i], cloud, known);
                }
                outbox_delivered(o, now);
                count = 0;
            }
            break;
        }
    }
    for (size_t i = 0; i < 8; i++) {
        assert_true(known[i]);
        assert_int_equal(cloud[i], lights[i].state.on);
    }
    assert_int_equal(outbox_next(o), OUTBOX_NEVER);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_window_and_newest),
        T(test_only_what_changed),
        T(test_command_response_is_not_repeated),
        T(test_crossed),
        T(test_returned),
        T(test_dropped),
        T(test_batches_and_resync),
        T(test_empty_batches_are_skipped),
        T(test_discovery_first),
        T(test_gone_is_said_once),
        T(test_mode_change_says_all_of_the_mode),
        T(test_converges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
