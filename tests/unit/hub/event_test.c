/* Events: in order, by value, never from inside a driver's call; transitions end in one state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_driver.h"

static struct house house;
static struct driver_light *kitchen;

struct notes {
    size_t count;
    struct hub_event list[32];
    unsigned depth; /* of calls inside calls */
};
static struct notes notes;

static void note(void *user, const struct hub_event *event)
{
    struct notes *n = user;
    assert_int_equal(n->depth, 0);
    n->depth++;
    assert_true(n->count < sizeof n->list / sizeof n->list[0]);
    n->list[n->count++] = *event;
    n->depth--;
}

static int open_house(void **state)
{
    (void)state;
    memset(&house, 0, sizeof house);
    house.hub_config.deadline_ms = 100;
    house_open(&house);
    kitchen = house_announce(house.fake.driver, "1", "Kitchen");
    driver_report(kitchen, &(struct light_state){.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 10000});
    house_turn(&house, 2);
    memset(&notes, 0, sizeof notes);
    (void)hub_listen(house.hub, note, &notes);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

static void report_level(uint16_t level)
{
    driver_report(kitchen, &(struct light_state){.has = LIGHT_LEVEL, .level = level});
}

static size_t count_of(enum hub_event_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < notes.count; i++) {
        count += notes.list[i].kind == kind;
    }
    return count;
}

static void a_new_light_is_told_in_order(void **state)
{
    static const enum hub_event_kind order[] = {HUB_EVENT_LISTED, HUB_EVENT_REACH, HUB_EVENT_STATE};
    (void)state;
    struct driver_light *hall = house_announce(house.fake.driver, "2", "Hall");
    driver_report(hall, &fake_on);
    assert_int_equal(notes.count, 0); /* not from inside the driver's call */
    house_turn(&house, 1);
    assert_int_equal(notes.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(notes.list[i].kind, order[i]);
        assert_ptr_equal(notes.list[i].light, house_light(&house, "Hall"));
    }
    assert_int_equal(notes.list[2].changed, LIGHT_ON);
    assert_int_equal(notes.list[1].reach, LIGHT_REACH_ONLINE);
}

static void lights_are_told_in_the_order_of_their_news(void **state)
{
    (void)state;
    struct driver_light *hall = house_announce(house.fake.driver, "2", "Hall");
    house_turn(&house, 1);
    notes.count = 0;
    driver_report(hall, &fake_on);
    report_level(3000);
    driver_report(hall, &(struct light_state){.has = LIGHT_LEVEL, .level = 1});
    house_turn(&house, 1);
    assert_int_equal(count_of(HUB_EVENT_STATE), 2);
    assert_ptr_equal(notes.list[0].light, house_light(&house, "Hall"));
    assert_ptr_equal(notes.list[notes.count - 1].light, house_light(&house, "Kitchen"));
}

static void changes_of_one_turn_are_one_event(void **state)
{
    (void)state;
    report_level(3000);
    report_level(4000);
    driver_report(kitchen, &(struct light_state){.has = LIGHT_KELVIN, .kelvin = 2700});
    house_turn(&house, 1);
    assert_int_equal(notes.count, 1);
    assert_int_equal(notes.list[0].changed, LIGHT_LEVEL | LIGHT_KELVIN | LIGHT_MODE);
    assert_int_equal(notes.list[0].state.level, 4000);
    report_level(5000);
    assert_int_equal(notes.list[0].state.level, 4000); /* a value, not a view */
    house_turn(&house, 1);
    assert_int_equal(notes.list[1].changed, LIGHT_LEVEL);
    report_level(5000); /* the same again is no news */
    driver_report(kitchen, &(struct light_state){0});
    house_turn(&house, 1);
    assert_int_equal(notes.count, 2);
    assert_int_equal(hub_stats(house.hub).reports, 7);
}

/* A subscriber that drives a light from inside an event. */
static void drive_once(void *user, const struct hub_event *event)
{
    unsigned *driven = user;
    if (event->kind == HUB_EVENT_STATE && *driven == 0) {
        struct hub_command c = {event->light, {.has = LIGHT_LEVEL, .level = 700}, 0};
        (*driven)++;
        notes.depth++; /* whatever is told from inside now would be told too early */
        hub_apply(house.hub, &c, 1, NULL, NULL);
        notes.depth--;
    }
}

static void a_command_from_inside_an_event(void **state)
{
    unsigned driven = 0;
    (void)state;
    house.fake.answer_at_once = 1; /* the driver reports from inside apply */
    (void)hub_listen(house.hub, drive_once, &driven);
    report_level(3000);
    house_turn(&house, 3);
    assert_int_equal(driven, 1);
    assert_int_equal(notes.count, 2);
    assert_int_equal(notes.list[0].state.level, 3000);
    assert_int_equal(notes.list[1].state.level, 700);
}

struct leaver {
    struct hub_listener *self, *next;
    unsigned heard;
};

static void leave(void *user, const struct hub_event *event)
{
    struct leaver *l = user;
    (void)event;
    l->heard++;
    hub_unlisten(l->self);
    hub_unlisten(l->next);
    l->self = l->next = NULL;
}

static void listeners_may_leave_from_inside(void **state)
{
    struct leaver first = {0};
    struct leaver second = {0};
    (void)state;
    first.self = hub_listen(house.hub, leave, &first);
    first.next = hub_listen(house.hub, leave, &second);
    report_level(3000);
    house_turn(&house, 1);
    report_level(4000);
    house_turn(&house, 1);
    assert_int_equal(first.heard, 1);
    assert_int_equal(second.heard, 0);
    assert_int_equal(notes.count, 2); /* the one that stayed hears all */
    hub_unlisten(NULL);
}

/* ---- transitions ---- */

static void fade(uint16_t level, uint32_t transition_ms)
{
    struct hub_command c = {house_light(&house, "Kitchen"), {.has = LIGHT_LEVEL, .level = level}, transition_ms};
    hub_apply(house.hub, &c, 1, NULL, NULL);
}

static void a_transition_ends_in_one_state(void **state)
{
    (void)state;
    fade(1000, 50);
    report_level(7000);
    house_turn(&house, 1);
    report_level(4000);
    house_turn(&house, 1);
    assert_int_equal(notes.count, 0);                                                  /* steps of the fade */
    assert_int_equal(house_info(house_light(&house, "Kitchen")).reported.level, 4000); /* whoever asks is told */
    request_done(house.fake.driver, house.fake.log[0].request, 0, BASIS_ACCEPTED, NULL);
    report_level(1200);
    report_level(1000);
    house_turn(&house, 1);
    assert_int_equal(count_of(HUB_EVENT_STATE), 0);
    house_until(&house, notes.count > 0);
    house_turn(&house, 30);
    assert_int_equal(count_of(HUB_EVENT_STATE), 1);
    assert_int_equal(notes.list[0].state.level, 1000);
    assert_int_equal(notes.list[0].changed, LIGHT_LEVEL);
    report_level(2000); /* it is over: told at once again */
    house_turn(&house, 1);
    assert_int_equal(count_of(HUB_EVENT_STATE), 2);
}

static void the_wall_switch_is_no_step_of_a_fade(void **state)
{
    (void)state;
    fade(1000, 60000);
    report_level(7000);
    driver_report(kitchen, &fake_off);
    house_turn(&house, 1);
    assert_int_equal(count_of(HUB_EVENT_STATE), 1);
    assert_false(notes.list[0].state.on);
    assert_int_equal(notes.list[0].state.level, 7000);
}

static void a_command_without_transition_ends_one(void **state)
{
    (void)state;
    fade(1000, 60000);
    report_level(7000);
    house_turn(&house, 1);
    assert_int_equal(notes.count, 0);
    fade(2000, 0);
    report_level(2000);
    house_until(&house, notes.count > 0);
    assert_int_equal(notes.list[0].state.level, 2000);
}

static void a_fade_that_failed_holds_nothing_back(void **state)
{
    (void)state;
    fade(1000, 3600000);
    report_level(7000);
    house_turn(&house, 1);
    assert_int_equal(notes.count, 0);
    request_done(house.fake.driver, house.fake.log[0].request, ERR_REJECTED, BASIS_REPORTED, "no");
    house_until(&house, count_of(HUB_EVENT_STATE) == 1);
    assert_int_equal(count_of(HUB_EVENT_FAILED), 1);
    report_level(5000);
    house_turn(&house, 1);
    assert_int_equal(count_of(HUB_EVENT_STATE), 2);
}

/* ---- coming, going, reach ---- */

static void what_is_gone_makes_no_more_news(void **state)
{
    (void)state;
    fade(1000, 60000);
    report_level(7000); /* held */
    driver_report(kitchen, &fake_off);
    driver_reachable(kitchen, LIGHT_REACH_OFFLINE);
    driver_withdraw(kitchen);
    house_turn(&house, 1);
    assert_int_equal(notes.count, 1);
    assert_int_equal(notes.list[0].kind, HUB_EVENT_REMOVED);
    kitchen = house_announce(house.fake.driver, "1", "Kitchen");
    driver_report(kitchen, &fake_on);
    house_turn(&house, 1);
    assert_int_equal(count_of(HUB_EVENT_LISTED), 1);
    assert_int_equal(notes.list[notes.count - 1].kind, HUB_EVENT_STATE);
    assert_int_equal(notes.list[notes.count - 1].changed, LIGHT_ON); /* nothing of what it was before */
    assert_int_equal(notes.list[notes.count - 1].state.has, LIGHT_ON);
}

static void the_later_of_coming_and_going_counts(void **state)
{
    (void)state;
    fade(1000, 60000);
    report_level(7000);
    driver_report(kitchen, &fake_off);
    driver_withdraw(kitchen);
    kitchen = house_announce(house.fake.driver, "1", "Kitchen");
    driver_report(kitchen, &(struct light_state){.has = LIGHT_KELVIN, .kelvin = 2700});
    house_turn(&house, 2);
    assert_int_equal(count_of(HUB_EVENT_REMOVED), 0);
    assert_int_equal(count_of(HUB_EVENT_LISTED), 1);
    assert_int_equal(notes.list[notes.count - 1].kind, HUB_EVENT_STATE);
    assert_int_equal(notes.list[notes.count - 1].changed, LIGHT_KELVIN | LIGHT_MODE); /* of its new life only */
    driver_withdraw(house_announce(house.fake.driver, "3", "Cellar"));
    house_turn(&house, 1);
    assert_int_equal(count_of(HUB_EVENT_REMOVED), 1);
    assert_int_equal(count_of(HUB_EVENT_LISTED), 1);
}

static void reach_is_told_when_it_changes(void **state)
{
    (void)state;
    driver_reachable(kitchen, LIGHT_REACH_ONLINE);
    house_turn(&house, 1);
    assert_int_equal(notes.count, 0);
    driver_reachable(kitchen, LIGHT_REACH_OFFLINE);
    house_turn(&house, 1);
    assert_int_equal(notes.list[0].kind, HUB_EVENT_REACH);
    assert_int_equal(notes.list[0].reach, LIGHT_REACH_OFFLINE);
    /* Its protocol says when it is back: a retained report does not. */
    report_level(4000);
    house_turn(&house, 1);
    assert_int_equal(count_of(HUB_EVENT_REACH), 1);
    assert_int_equal(count_of(HUB_EVENT_STATE), 1);
    driver_reachable(kitchen, LIGHT_REACH_ONLINE);
    house_turn(&house, 1);
    assert_int_equal(notes.list[notes.count - 1].reach, LIGHT_REACH_ONLINE);
}

static void without_availability_a_report_is_a_sign_of_life(void **state)
{
    struct driver_announcement plain = {.address = "p", .name = "Plain", .profile = {LIGHT_ON, 0, 0, LIGHT_KIND_LIGHT}};
    (void)state;
    struct driver_light *lamp = driver_announce(house.fake.driver, &plain);
    assert_int_equal(house_info(house_light(&house, "Plain")).reach, LIGHT_REACH_UNKNOWN);
    assert_false(house_info(house_light(&house, "Plain")).heard);
    driver_reachable(lamp, LIGHT_REACH_OFFLINE);
    driver_report(lamp, &fake_off);
    house_turn(&house, 1);
    assert_int_equal(house_info(house_light(&house, "Plain")).reach, LIGHT_REACH_ONLINE);
    assert_true(house_info(house_light(&house, "Plain")).heard);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    assert_int_equal(secrets_init(), 0);
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_house, close_house)
    const struct CMUnitTest tests[] = {
        CASE(a_new_light_is_told_in_order),
        CASE(lights_are_told_in_the_order_of_their_news),
        CASE(changes_of_one_turn_are_one_event),
        CASE(a_command_from_inside_an_event),
        CASE(listeners_may_leave_from_inside),
        CASE(a_transition_ends_in_one_state),
        CASE(the_wall_switch_is_no_step_of_a_fade),
        CASE(a_command_without_transition_ends_one),
        CASE(a_fade_that_failed_holds_nothing_back),
        CASE(what_is_gone_makes_no_more_news),
        CASE(the_later_of_coming_and_going_counts),
        CASE(reach_is_told_when_it_changes),
        CASE(without_availability_a_report_is_a_sign_of_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
