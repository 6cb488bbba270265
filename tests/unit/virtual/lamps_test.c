/* The lamps in memory: they do what a real lamp and its network may do, so what tests prove with them counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/log.h"
#include "loop/loop.h"
#include "virtual/lamps.h"

#define SLOW_MS 50u
#define LATE_MS 250u

enum { COLOR = 0, DIMMABLE = 2, ON_OFF = 3, LEVEL_ONLY = 5, PLAIN = 6, OPTIMISTIC = 7, SHAPES = 9 };

static struct loop *loop;
static struct lamps *lamps;
static struct {
    size_t count;
    struct lamp_message list[64];
    bool inside; /* a call to the lamps is under way: nothing may be said now */
} heard;

static void hear(void *user, const struct lamp_message *message)
{
    (void)user;
    assert_false(heard.inside);
    assert_true(heard.count < 64);
    heard.list[heard.count++] = *message;
}

#define ACT(call)                                                                                                      \
    do {                                                                                                               \
        heard.inside = true;                                                                                           \
        call;                                                                                                          \
        heard.inside = false;                                                                                          \
    } while (0)

static void pulse(void *user)
{
    (void)user;
}

/* Long enough for whatever is under way to happen. */
static void wait_ms(uint64_t ms)
{
    uint64_t end = loop_now(loop) + ms;
    struct timer *timer = timer_new(loop, pulse, NULL);
    timer_repeat(timer, 1);
    while (loop_now(loop) < end) {
        loop_turn(loop, true);
    }
    timer_free(timer);
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(loop_new(&loop), 0);
    lamps = lamps_new(loop, SHAPES, SLOW_MS, LATE_MS);
    memset(&heard, 0, sizeof heard);
    ACT(lamps_listen(lamps, hear, NULL));
    wait_ms(5);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.list[0].says, LAMP_SAYS_HERE);
    heard.count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lamps_listen(lamps, NULL, NULL);
    lamps_free(lamps);
    loop_free(loop);
    return 0;
}

static const struct light_state on = {.has = LIGHT_ON, .on = true};

static void command(size_t lamp, uint64_t cookie, struct light_state patch, uint32_t transition_ms)
{
    ACT(lamps_command(lamps, lamp, cookie, &patch, transition_ms));
}

static struct light_state state_of(size_t lamp)
{
    struct light_state s;
    lamps_state(lamps, lamp, &s);
    return s;
}

static void shapes_make_sense(void **state)
{
    (void)state;
    for (size_t i = 0; i < lamps_count(lamps); i++) {
        const struct lamp_shape *shape = lamps_shape(lamps, i);
        const struct light_profile *p = &shape->profile;
        assert_int_equal((p->can & LIGHT_KELVIN) != 0, p->min_kelvin > 0 && p->max_kelvin > p->min_kelvin);
        assert_int_equal((p->can & LIGHT_MODE) != 0, (p->can & LIGHT_KELVIN) && (p->can & LIGHT_COLOR));
        assert_true(!shape->optimistic || shape->plain);
        assert_int_equal(state_of(i).has, p->can);
        assert_false(state_of(i).on);
        assert_true(lamps_joined(lamps, i) && lamps_online(lamps, i));
    }
    assert_string_equal(lamps_shape(lamps, SHAPES - 1)->model, "plug"); /* the last one: then they begin again */
}

static void a_well_lamp_obeys_and_says_so(void **state)
{
    (void)state;
    command(COLOR, 7, (struct light_state){.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 100}, 0);
    assert_false(state_of(COLOR).on); /* the wire takes its time */
    wait_ms(5);
    assert_true(state_of(COLOR).on);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.list[0].says, LAMP_SAYS_STATE);
    assert_int_equal(heard.list[0].lamp, COLOR);
    assert_int_equal(heard.list[0].cookie, 7);
    assert_int_equal(heard.list[0].state.level, 100);
    assert_int_equal(heard.list[0].state.has, LIGHT_ALL); /* its whole state */
}

static void moods(void **state)
{
    (void)state;
    lamps_set_mood(lamps, COLOR, LAMP_SILENT);
    command(COLOR, 1, on, 0);
    wait_ms(5);
    assert_false(state_of(COLOR).on); /* neither does nor says anything */
    assert_int_equal(heard.count, 0);

    /* Who is asked later answers earlier; no clock is looked at. */
    lamps_set_mood(lamps, COLOR, LAMP_SLOW);
    lamps_set_mood(lamps, DIMMABLE, LAMP_LATE);
    command(DIMMABLE, 3, on, 0);
    command(COLOR, 2, on, 0);
    command(LEVEL_ONLY, 1, (struct light_state){.has = LIGHT_LEVEL, .level = 5}, 0);
    wait_ms(2 * LATE_MS);
    assert_int_equal(heard.count, 3);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(heard.list[i].cookie, i + 1);
    }
    assert_true(heard.list[1].state.on && heard.list[2].state.on);
    /* A late one has done it long before it says so: what it says is how it was then. */
    command(DIMMABLE, 4, (struct light_state){.has = LIGHT_LEVEL, .level = 1000}, 0);
    command(DIMMABLE, 5, (struct light_state){.has = LIGHT_LEVEL, .level = 2000}, 0);
    wait_ms(2 * LATE_MS);
    assert_int_equal(heard.count, 5);
    assert_int_equal(heard.list[3].state.level, 1000);
    assert_int_equal(heard.list[4].state.level, 2000);

    heard.count = 0;
    lamps_set_mood(lamps, ON_OFF, LAMP_DUPLICATE);
    command(ON_OFF, 4, on, 0);
    wait_ms(5);
    assert_int_equal(heard.count, 3);
    assert_int_equal(heard.list[2].cookie, 4);

    heard.count = 0;
    lamps_set_mood(lamps, PLAIN, LAMP_STALE);
    command(PLAIN, 5, on, 0);
    wait_ms(40);
    assert_int_equal(heard.count, 2);
    assert_false(heard.list[0].state.on); /* the old state first, with nobody's cookie */
    assert_int_equal(heard.list[0].cookie, 0);
    assert_true(heard.list[1].state.on);
}

static void one_that_never_says_anything(void **state)
{
    (void)state;
    command(OPTIMISTIC, 1, on, 0);
    ACT(lamps_ask(lamps, OPTIMISTIC));
    ACT(lamps_wall(lamps, OPTIMISTIC));
    wait_ms(5);
    assert_int_equal(heard.count, 0);
    command(OPTIMISTIC, 1, on, 0);
    wait_ms(5);
    assert_true(state_of(OPTIMISTIC).on);
}

static void a_fade_goes_by_steps_to_its_end(void **state)
{
    (void)state;
    command(DIMMABLE, 9, (struct light_state){.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 4000}, 30);
    wait_ms(60);
    assert_int_equal(heard.count, 4);
    assert_int_equal(heard.list[0].says, LAMP_SAYS_ACCEPTED);
    assert_int_equal(heard.list[0].cookie, 9);
    assert_int_equal(heard.list[1].state.level, 8000);
    assert_int_equal(heard.list[2].state.level, 6000);
    assert_int_equal(heard.list[3].state.level, 4000);
    assert_int_equal(heard.list[3].cookie, 0); /* steps are reports */
    /* A newer command voids what is left of an older fade. */
    heard.count = 0;
    command(DIMMABLE, 10, (struct light_state){.has = LIGHT_ON}, 30);
    command(DIMMABLE, 11, (struct light_state){.has = LIGHT_LEVEL, .level = 100}, 0);
    wait_ms(60);
    assert_int_equal(state_of(DIMMABLE).level, 100);
    assert_true(state_of(DIMMABLE).on);
}

static void what_is_under_way_on_a_cut_wire_is_lost(void **state)
{
    (void)state;
    ACT(lamps_wall(lamps, LEVEL_ONLY)); /* said, but not heard */
    command(COLOR, 1, on, 0);
    ACT(lamps_set_wire(lamps, false));
    ACT(lamps_wall(lamps, DIMMABLE)); /* lamps live on */
    command(ON_OFF, 2, on, 0);
    wait_ms(5);
    assert_false(state_of(COLOR).on);
    assert_false(state_of(ON_OFF).on);
    assert_true(state_of(DIMMABLE).on);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.list[0].says, LAMP_SAYS_GONE);
    ACT(lamps_set_wire(lamps, true));
    ACT(lamps_set_wire(lamps, true)); /* once is enough */
    wait_ms(5);
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.list[1].says, LAMP_SAYS_HERE);
}

static void a_restart_is_gone_and_here(void **state)
{
    (void)state;
    command(COLOR, 1, on, 0);
    ACT(lamps_restart(lamps));
    wait_ms(5);
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.list[0].says, LAMP_SAYS_GONE);
    assert_int_equal(heard.list[1].says, LAMP_SAYS_HERE);
    assert_false(state_of(COLOR).on);
}

static void hands_and_people(void **state)
{
    (void)state;
    ACT(lamps_wall(lamps, COLOR));
    ACT(lamps_wall(lamps, LEVEL_ONLY));
    wait_ms(5);
    assert_int_equal(heard.count, 2);
    assert_true(heard.list[0].state.on);
    assert_int_equal(heard.list[1].state.level, LIGHT_LEVEL_MAX);

    heard.count = 0;
    ACT(lamps_remove(lamps, COLOR));
    command(COLOR, 1, (struct light_state){.has = LIGHT_ON}, 0);
    ACT(lamps_ask(lamps, COLOR));
    wait_ms(5);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.list[0].says, LAMP_SAYS_LEFT);
    assert_false(lamps_joined(lamps, COLOR));
    assert_true(state_of(COLOR).on);
    ACT(lamps_join(lamps, COLOR));
    wait_ms(5);
    assert_int_equal(heard.count, 3);
    assert_int_equal(heard.list[1].says, LAMP_SAYS_JOINED);
    assert_int_equal(heard.list[2].says, LAMP_SAYS_STATE);

    heard.count = 0;
    ACT(lamps_babble(lamps, COLOR));
    wait_ms(5);
    assert_int_equal(heard.list[0].says, LAMP_SAYS_NONSENSE);
}

static void away_and_back(void **state)
{
    (void)state;
    ACT(lamps_set_online(lamps, COLOR, false));
    command(COLOR, 1, on, 0);
    ACT(lamps_set_online(lamps, PLAIN, false)); /* its protocol does not tell */
    wait_ms(5);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.list[0].says, LAMP_SAYS_OFFLINE);
    assert_false(state_of(COLOR).on);
    ACT(lamps_set_online(lamps, COLOR, true));
    wait_ms(5);
    assert_int_equal(heard.count, 3);
    assert_int_equal(heard.list[1].says, LAMP_SAYS_ONLINE);
    assert_int_equal(heard.list[2].says, LAMP_SAYS_STATE);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(shapes_make_sense),
        CASE(a_well_lamp_obeys_and_says_so),
        CASE(moods),
        CASE(one_that_never_says_anything),
        CASE(a_fade_goes_by_steps_to_its_end),
        CASE(what_is_under_way_on_a_cut_wire_is_lost),
        CASE(a_restart_is_gone_and_here),
        CASE(hands_and_people),
        CASE(away_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
