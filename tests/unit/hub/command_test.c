/* Commands: one apply a light, one answer a caller, whatever the driver does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_driver.h"

static struct house house;
static struct driver_light *kitchen, *hall;

static int open_house(void **state)
{
    (void)state;
    memset(&house, 0, sizeof house);
    house_open(&house);
    kitchen = house_announce(house.fake.driver, "1", "Kitchen");
    hall = house_announce(house.fake.driver, "2", "Hall");
    driver_report(kitchen, &fake_off);
    driver_report(hall, &fake_off);
    house_turn(&house, 2);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    if (house.hub) {
        house_close(&house);
    }
    return 0;
}

static struct hub_command command(const char *name, struct light_state patch)
{
    return (struct hub_command){house_light(&house, name), patch, 0};
}

static void wait_for(const struct reply *r)
{
    for (int i = 0; i < 2000 && r->done == 0; i++) {
        loop_turn(house.loop, true);
    }
    assert_int_equal(r->done, 1);
}

static void several_are_one(void **state)
{
    struct reply r = {0};
    const struct light_state level = {.has = LIGHT_LEVEL, .level = 4000};
    const struct hub_command commands[] = {command("Kitchen", fake_off), command("Hall", fake_on),
                                           command("Kitchen", level)};
    (void)state;
    hub_apply(house.hub, commands, 3, house_reply, &r);
    assert_int_equal(house.fake.applied, 2);
    assert_ptr_equal(house.fake.log[0].light, kitchen); /* at its first place */
    assert_int_equal(house.fake.log[0].patch.has, LIGHT_ON | LIGHT_LEVEL);
    assert_true(house.fake.log[0].patch.on);
    assert_int_equal(house_info(commands[0].light).desired.level, 4000);
    assert_false(house_info(commands[0].light).reported.on); /* asked for is not said */
    driver_report(kitchen, &house.fake.log[0].patch);
    request_done(house.fake.driver, house.fake.log[0].request, 0, BASIS_REPORTED, NULL);
    house_turn(&house, 3);
    assert_int_equal(r.done, 0); /* the hall has not answered */
    request_done(house.fake.driver, house.fake.log[1].request, ERR_REJECTED, BASIS_REPORTED, "it does not want to");
    assert_int_equal(r.done, 0); /* never from inside the driver's call */
    wait_for(&r);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.results[0].result, 0);
    assert_int_equal(r.results[0].state.level, 4000);
    assert_int_equal(r.results[1].result, ERR_REJECTED);
    assert_string_equal(r.why, "it does not want to");
    assert_int_equal(house_info(commands[0].light).desired.has, 0);
}

static void late_and_double_answers(void **state)
{
    struct reply r = {0};
    struct reply next = {0};
    struct hub_command c = command("Kitchen", fake_on);
    (void)state;
    hub_apply(house.hub, &c, 1, house_reply, &r);
    wait_for(&r);
    assert_int_equal(r.results[0].result, ERR_TIMEOUT);
    assert_int_equal(house.fake.cancelled, 1);
    assert_int_equal(house_info(c.light).desired.has, 0);
    /* The slot is used again: the old number must not answer the new request. */
    hub_apply(house.hub, &c, 1, house_reply, &next);
    assert_int_equal(house.fake.log[0].request.slot, house.fake.log[1].request.slot);
    request_done(house.fake.driver, house.fake.log[0].request, 0, BASIS_REPORTED, NULL);
    request_done(house.fake.driver, (struct request_id){0, 0}, 0, BASIS_REPORTED, NULL);
    request_done(house.fake.driver, (struct request_id){UINT32_MAX, 1}, 0, BASIS_REPORTED, NULL);
    house_turn(&house, 2);
    assert_int_equal(next.done, 0);
    request_done(house.fake.driver, house.fake.log[1].request, 0, BASIS_ACCEPTED, NULL);
    request_done(house.fake.driver, house.fake.log[1].request, ERR_IO, BASIS_ACCEPTED, NULL);
    wait_for(&next);
    assert_int_equal(next.results[0].result, 0);
    house_turn(&house, 20);
    assert_int_equal(next.done, 1);
    assert_int_equal(r.done, 1);
    assert_int_equal(hub_stats(house.hub).timeouts, 1);
    assert_int_equal(hub_stats(house.hub).failed, 1);
}

static void answers_by_basis(void **state)
{
    static const enum basis bases[] = {0, BASIS_REPORTED, BASIS_ACCEPTED, BASIS_ASSUMED};
    (void)state;
    for (int way = 1; way <= 3; way++) {
        struct reply r = {0};
        struct hub_command c = command("Kitchen", way == 2 ? fake_off : fake_on);
        house.fake.answer_at_once = way; /* from inside apply */
        hub_apply(house.hub, &c, 1, house_reply, &r);
        assert_int_equal(r.done, 0);
        wait_for(&r);
        assert_int_equal(r.results[0].result, 0);
        assert_int_equal(r.results[0].basis, bases[way]);
        assert_int_equal(r.results[0].state.on, c.patch.on);
        assert_int_equal(house_info(c.light).reported.on, c.patch.on);
    }
}

static void a_reported_answer_is_what_the_lamp_said(void **state)
{
    struct reply r = {0};
    struct hub_command c = command("Kitchen", (struct light_state){.has = LIGHT_LEVEL, .level = 5000});
    (void)state;
    hub_apply(house.hub, &c, 1, house_reply, &r);
    driver_report(kitchen, &(struct light_state){.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 4961});
    request_done(house.fake.driver, house.fake.log[0].request, 0, BASIS_REPORTED, NULL);
    wait_for(&r);
    assert_int_equal(r.results[0].state.level, 4961);
}

static void what_needs_no_lamp(void **state)
{
    struct reply r = {0};
    (void)state;
    struct driver_light *plug =
        driver_announce(house.fake.driver, &(struct driver_announcement){.address = "plug",
                                                                         .name = "Plug",
                                                                         .profile = {LIGHT_ON, 0, 0, LIGHT_KIND_SWITCH},
                                                                         .has_availability = true});
    struct driver_light *gone = house_announce(house.fake.driver, "gone", "Gone");
    struct light *gone_light = house_light(&house, "Gone");
    driver_withdraw(gone);
    driver_reachable(hall, LIGHT_REACH_OFFLINE);
    (void)plug;
    struct hub_command commands[] = {
        {gone_light, fake_on, 0},
        command("Plug", (struct light_state){.has = LIGHT_LEVEL, .level = 5}),
        command("Hall", fake_on),
    };
    hub_apply(house.hub, commands, 3, house_reply, &r);
    wait_for(&r);
    assert_int_equal(r.results[0].result, ERR_ENDED);
    assert_int_equal(r.results[1].result, ERR_UNSUPPORTED);
    assert_int_equal(r.results[2].result, ERR_OFFLINE);
    assert_int_equal(house.fake.applied, 0);
    r = (struct reply){0};
    hub_apply(house.hub, commands, 0, house_reply, &r); /* nothing asked is answered too */
    wait_for(&r);
    assert_int_equal(r.count, 0);
}

static void newer_beside_older(void **state)
{
    struct reply first = {0};
    struct reply second = {0};
    struct hub_command on = command("Kitchen", fake_on);
    struct hub_command off = command("Kitchen", fake_off);
    (void)state;
    hub_apply(house.hub, &on, 1, house_reply, &first);
    hub_apply(house.hub, &off, 1, house_reply, &second);
    assert_int_equal(house.fake.applied, 2);
    driver_report(kitchen, &fake_off);
    request_done(house.fake.driver, house.fake.log[1].request, 0, BASIS_REPORTED, NULL);
    wait_for(&second);
    assert_int_equal(first.done, 0);
    assert_true(house_info(on.light).desired.has != 0); /* one is still under way */
    wait_for(&first);
    assert_int_equal(first.results[0].result, ERR_TIMEOUT);
}

static void offline_without_availability(void **state)
{
    struct reply r[3] = {0};
    (void)state;
    struct driver_light *lamp = driver_announce(
        house.fake.driver,
        &(struct driver_announcement){.address = "b", .name = "Plain", .profile = {LIGHT_ON, 0, 0, LIGHT_KIND_LIGHT}});
    struct hub_command c = command("Plain", fake_on);
    driver_report(lamp, &fake_off);
    for (int i = 0; i < 2; i++) {
        hub_apply(house.hub, &c, 1, house_reply, &r[i]);
        wait_for(&r[i]);
        assert_int_equal(r[i].results[0].result, ERR_TIMEOUT);
    }
    assert_int_equal(house_info(c.light).reach, LIGHT_REACH_OFFLINE);
    hub_apply(house.hub, &c, 1, house_reply, &r[2]);
    assert_int_equal(house.fake.applied, 3); /* asked all the same: it comes back only by being asked */
    wait_for(&r[2]);
    assert_int_equal(r[2].results[0].result, ERR_OFFLINE);
    request_done(house.fake.driver, house.fake.log[2].request, 0, BASIS_ACCEPTED, NULL);
    assert_int_equal(house_info(c.light).reach, LIGHT_REACH_ONLINE);
    /* One unanswered command is not two. */
    struct reply one = {0};
    hub_apply(house.hub, &c, 1, house_reply, &one);
    wait_for(&one);
    assert_int_equal(house_info(c.light).reach, LIGHT_REACH_ONLINE);
}

/* A radio that gives up before the deadline says the same, sooner. */
static void unanswered_by_the_drivers_word(void **state)
{
    struct reply r[3] = {0};
    (void)state;
    struct driver_light *lamp = driver_announce(
        house.fake.driver,
        &(struct driver_announcement){.address = "b", .name = "Plain", .profile = {LIGHT_ON, 0, 0, LIGHT_KIND_LIGHT}});
    struct hub_command c = command("Plain", fake_on);
    driver_report(lamp, &fake_off);
    static const int results[] = {ERR_OFFLINE, ERR_REJECTED, ERR_OFFLINE};
    static const enum light_reach reach[] = {LIGHT_REACH_ONLINE, LIGHT_REACH_ONLINE, LIGHT_REACH_OFFLINE};
    for (size_t i = 0; i < 3; i++) {
        hub_apply(house.hub, &c, 1, house_reply, &r[i]);
        request_done(house.fake.driver, house.fake.log[i].request, results[i], BASIS_REPORTED, "no answer");
        wait_for(&r[i]);
        assert_int_equal(r[i].results[0].result, results[i]);
        assert_int_equal(house_info(c.light).reach, reach[i]);
    }
}

static void withdrawn_under_way(void **state)
{
    struct reply r = {0};
    struct hub_command both[] = {command("Kitchen", fake_on), command("Hall", fake_on)};
    (void)state;
    hub_apply(house.hub, both, 2, house_reply, &r);
    driver_withdraw(kitchen);
    assert_int_equal(house.fake.detached, 1);
    request_done(house.fake.driver, house.fake.log[0].request, 0, BASIS_REPORTED, NULL); /* too late */
    request_done(house.fake.driver, house.fake.log[1].request, 0, BASIS_ASSUMED, NULL);
    wait_for(&r);
    assert_int_equal(r.results[0].result, ERR_ENDED);
    assert_int_equal(r.results[1].result, 0);
}

struct again {
    struct hub_command command;
    struct reply first, second;
};

static void ask_again(void *user, const struct hub_result *results, size_t count)
{
    struct again *a = user;
    house_reply(&a->first, results, count);
    hub_apply(house.hub, &a->command, 1, house_reply, &a->second);
}

static void stopping_answers_everybody(void **state)
{
    struct again a = {.command = command("Kitchen", fake_on)};
    (void)state;
    hub_apply(house.hub, &a.command, 1, ask_again, &a);
    house_close(&house);
    assert_int_equal(a.first.done, 1);
    assert_int_equal(a.first.results[0].result, ERR_CANCELLED);
    assert_int_equal(a.second.done, 1);
    assert_int_equal(a.second.results[0].result, ERR_CANCELLED);
    assert_int_equal(house.fake.applied, 1);
    assert_int_equal(house.fake.stopped, 1);
    assert_int_equal(house.fake.detached, house.fake.attached);
}

/* What a command implies, and what a lamp can take: the driver never has to ask itself. */
static void resolved_and_in_range(void **state)
{
    static const struct {
        uint32_t can;
        struct light_state asked, sent;
    } rows[] = {
        {FULL_CAN, {.has = LIGHT_LEVEL, .level = 1}, {.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 1}},
        {FULL_CAN, {.has = LIGHT_LEVEL}, {.has = LIGHT_ON}},
        {FULL_CAN, {.has = LIGHT_ON | LIGHT_LEVEL, .level = 5}, {.has = LIGHT_ON}},
        {FULL_CAN, {.has = LIGHT_KELVIN, .kelvin = 1000}, {.has = LIGHT_KELVIN, .kelvin = 2000}},
        {FULL_CAN, {.has = LIGHT_KELVIN, .kelvin = 9000}, {.has = LIGHT_KELVIN, .kelvin = 6500}},
        {LIGHT_LEVEL, {.has = LIGHT_ON}, {.has = LIGHT_LEVEL}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)driver_announce(house.fake.driver,
                              &(struct driver_announcement){
                                  .address = "r", .name = "R", .profile = {rows[i].can, 2000, 6500, LIGHT_KIND_LIGHT}});
        struct hub_command c = command("R", rows[i].asked);
        size_t before = house.fake.applied;
        hub_apply(house.hub, &c, 1, NULL, NULL);
        assert_int_equal(house.fake.applied, before + 1);
        const struct light_state *sent = &house.fake.log[before].patch;
        assert_int_equal(sent->has & ~(uint32_t)LIGHT_MODE, rows[i].sent.has);
        assert_int_equal(sent->on, rows[i].sent.on);
        assert_int_equal(sent->has & LIGHT_LEVEL ? sent->level : 0, rows[i].sent.level);
        assert_int_equal(sent->has & LIGHT_KELVIN ? sent->kelvin : 0, rows[i].sent.kelvin);
    }
}

static void count_busy(void *user, const struct hub_result *results, size_t count)
{
    assert_int_equal(count, 1);
    *(unsigned *)user += results[0].result == ERR_BUSY;
}

static void no_more_than_the_table_holds(void **state)
{
    enum { TABLE = 65536, OVER = 3 };
    unsigned busy = 0;
    struct hub_command c = command("Kitchen", fake_on);
    (void)state;
    for (int i = 0; i < TABLE + OVER; i++) {
        hub_apply(house.hub, &c, 1, count_busy, &busy);
    }
    house_turn(&house, 1);
    assert_int_equal(busy, OVER);
    assert_int_equal(house.fake.applied, TABLE);
    house_close(&house); /* and each of them is answered */
    assert_int_equal(house.fake.cancelled, TABLE);
    assert_int_equal(busy, OVER);
}

static void many_at_once(void **state)
{
    enum { MANY = 200 };
    static struct reply replies[MANY];
    struct hub_command c = command("Kitchen", fake_on);
    (void)state;
    memset(replies, 0, sizeof replies);
    for (int i = 0; i < MANY; i++) { /* more than the table of requests begins with */
        hub_apply(house.hub, &c, 1, house_reply, &replies[i]);
    }
    for (int i = MANY; i > 0; i--) {
        request_done(house.fake.driver, house.fake.log[i - 1].request, 0, BASIS_ACCEPTED, NULL);
    }
    for (int i = 0; i < MANY; i++) {
        wait_for(&replies[i]);
        assert_int_equal(replies[i].results[0].result, 0);
    }
    assert_int_equal(house_info(c.light).desired.has, 0);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    assert_int_equal(secrets_init(), 0);
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_house, close_house)
    const struct CMUnitTest tests[] = {
        CASE(several_are_one),
        CASE(late_and_double_answers),
        CASE(answers_by_basis),
        CASE(a_reported_answer_is_what_the_lamp_said),
        CASE(what_needs_no_lamp),
        CASE(newer_beside_older),
        CASE(offline_without_availability),
        CASE(unanswered_by_the_drivers_word),
        CASE(withdrawn_under_way),
        CASE(stopping_answers_everybody),
        CASE(resolved_and_in_range),
        CASE(no_more_than_the_table_holds),
        CASE(many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
