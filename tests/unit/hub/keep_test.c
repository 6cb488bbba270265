/* The store behind the hub: last states in few writes, rows at once, everything back after a restart, nothing lost
   where the store was unwell for a while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "fake_driver.h"

static struct house house;

static int open_house(void **state)
{
    (void)state;
    memset(&house, 0, sizeof house);
    house.hub_config.save_ms = 40;
    house.hub_config.retry_ms = 60;
    house_file(&house);
    house_open(&house);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    house_unlink(&house);
    return 0;
}

static void restart(void)
{
    house_close(&house);
    house_open(&house);
}

static int edit(struct light *light, const struct hub_edit *change)
{
    struct ending e = {0};
    assert_int_equal(hub_light_edit(house.hub, light, change, house_ending, &e), 0);
    house_until(&house, e.done == 1);
    return e.result;
}

static void count_listed(void *user, const struct hub_event *event)
{
    *(unsigned *)user += event->kind == HUB_EVENT_LISTED;
}

/* Everything is in the store, and the writes that brought it there are over. */
static void settle(void)
{
    uint64_t end = loop_now(house.loop) + 3 * house.hub_config.save_ms;
    house_until(&house, loop_now(house.loop) >= end);
}

static void a_storm_of_reports_is_one_write(void **state)
{
    (void)state;
    struct driver_light *lamp = house_announce(house.fake.driver, "1", "Kitchen");
    house_until(&house, store_stats(house.store).batches == 1); /* its row, at once */
    house_turn(&house, 3);
    for (uint16_t level = 1; level <= 500; level++) {
        driver_report(lamp, &(struct light_state){.has = LIGHT_LEVEL, .level = level});
    }
    assert_int_equal(store_stats(house.store).batches, 1);
    settle();
    assert_int_equal(store_stats(house.store).batches, 2);
    driver_report(lamp, &(struct light_state){.has = LIGHT_LEVEL, .level = 500}); /* no change, no write */
    settle();
    assert_int_equal(store_stats(house.store).batches, 2);
    restart();
    assert_int_equal(house_info(house_light(&house, "Kitchen")).reported.level, 500);
}

static void a_restart_brings_all_back(void **state)
{
    struct driver_announcement a = {.address = "0x1",
                                    .name = "Kitchen",
                                    .manufacturer = "IKEA",
                                    .model = "LED1624G9",
                                    .version = "2.3.086",
                                    .room = "Suggested",
                                    .where = "here",
                                    .profile = {FULL_CAN, 2200, 4000, LIGHT_KIND_LIGHT},
                                    .has_availability = true};
    const struct light_state said = {.has = LIGHT_ALL,
                                     .on = true,
                                     .mode = LIGHT_MODE_COLOR,
                                     .level = 1234,
                                     .kelvin = 2700,
                                     .hue = 35999,
                                     .saturation = 9999};
    char gone_id[HUB_LIGHT_ID_SIZE];
    unsigned listed = 0;
    (void)state;
    driver_report(driver_announce(house.fake.driver, &a), &said);
    struct driver_light *gone = house_announce(house.fake.driver, "0x2", "Gone");
    (void)house_announce(house.fake.driver, "0x3", "Plain");
    assert_int_equal(edit(house_light(&house, "Kitchen"), &(struct hub_edit){"Cooker", "Mine", 0}), 0);
    struct light *tombstone = house_light(&house, "Gone");
    (void)snprintf(gone_id, sizeof gone_id, "%s", house_info(tombstone).id);
    driver_withdraw(gone);
    restart(); /* before the last states' time: they are written at the end */
    struct light_info i = house_info(house_light(&house, "Cooker"));
    assert_string_equal(i.room, "Mine");
    assert_string_equal(i.manufacturer, "IKEA");
    assert_string_equal(i.model, "LED1624G9");
    assert_string_equal(i.version, "2.3.086");
    assert_string_equal(i.address, "0x1");
    assert_false(i.exposed);
    assert_true(i.heard);
    assert_int_equal(i.reach, LIGHT_REACH_UNKNOWN); /* that is never remembered */
    assert_string_equal(i.driver, "");
    assert_int_equal(i.profile.can, FULL_CAN);
    assert_int_equal(i.profile.min_kelvin, 2200);
    assert_int_equal(i.profile.max_kelvin, 4000);
    assert_true(light_equal(&i.reported, &said));
    assert_false(house_info(house_light(&house, "Plain")).heard);
    assert_int_equal(house_info(house_light(&house, "Plain")).reported.has, 0);
    assert_int_equal(hub_light_count(house.hub), 3);
    assert_true(house_info(hub_light_find(house.hub, gone_id)).removed);

    /* The far side says what it said before: nothing is new, so nobody is told to discover. */
    (void)hub_listen(house.hub, count_listed, &listed);
    (void)driver_announce(house.fake.driver, &a);
    (void)house_announce(house.fake.driver, "0x3", "Plain");
    house_turn(&house, 2);
    assert_int_equal(listed, 0);
    assert_int_equal(edit(house_light(&house, "Cooker"), &(struct hub_edit){"", "", -1}), 0);
    assert_string_equal(house_info(house_light(&house, "Kitchen")).room, "Suggested");
    restart();
    assert_string_equal(house_info(house_light(&house, "Kitchen")).room, "Suggested");
}

static void the_order_is_that_of_birth(void **state)
{
    char name[16];
    (void)state;
    for (unsigned i = 0; i < 60; i++) { /* many in one millisecond; some before and some after a restart */
        if (i == 40) {
            restart();
        }
        (void)snprintf(name, sizeof name, "Lamp %u", i);
        (void)house_announce(house.fake.driver, name, name);
    }
    restart();
    for (unsigned i = 0; i < 60; i++) {
        (void)snprintf(name, sizeof name, "Lamp %u", i);
        assert_string_equal(house_info(hub_light_at(house.hub, i)).name, name);
    }
}

/* Just after a start a stored lamp is not known to be gone: what it is told waits until its network announces it. */
static void not_announced_waits_for_its_network(void **state)
{
    struct reply first = {0}, second = {0}, alone = {0};
    (void)state;
    driver_report(house_announce(house.fake.driver, "1", "Kitchen"), &fake_on);
    driver_report(house_announce(house.fake.driver, "2", "Hall"), &fake_on);
    restart();
    struct hub_command kitchen = {house_light(&house, "Kitchen"), fake_off, 0};
    struct hub_command hall = {house_light(&house, "Hall"), fake_off, 0};
    hub_apply(house.hub, &kitchen, 1, house_reply, &first);
    hub_apply(house.hub, &hall, 1, house_reply, &alone);
    assert_int_equal(house_info(kitchen.light).desired.has, LIGHT_ON);
    (void)house_announce(house.fake.driver, "1", "Kitchen");
    kitchen.patch = fake_on;
    hub_apply(house.hub, &kitchen, 1, house_reply, &second); /* behind the first, not past it */
    assert_int_equal(house.fake.applied, 0);
    house_until(&house, house.fake.applied == 2);
    assert_false(house.fake.log[0].patch.on);
    assert_true(house.fake.log[1].patch.on);
    request_done(house.fake.driver, house.fake.log[0].request, 0, BASIS_ACCEPTED, NULL);
    request_done(house.fake.driver, house.fake.log[1].request, 0, BASIS_ACCEPTED, NULL);
    house_until(&house, first.done == 1 && second.done == 1 && alone.done == 1);
    assert_int_equal(first.results[0].result, 0);
    assert_int_equal(second.results[0].result, 0);
    assert_int_equal(alone.results[0].result, ERR_OFFLINE); /* by the deadline, and nothing was sent to it */
    assert_string_equal(alone.why, "its network has not announced it since the bridge started");
    assert_true(alone.results[0].state.on);
    assert_int_equal(house_info(hall.light).desired.has, 0);
    assert_int_equal(house.fake.applied, 2);
    assert_int_equal(house.fake.cancelled, 0);
}

/* Its network may tell another lamp than the one that was stored, or none any more. */
static void what_waited_is_judged_anew(void **state)
{
    struct reply dims = {0}, gone = {0};
    (void)state;
    (void)house_announce(house.fake.driver, "1", "Kitchen");
    (void)house_announce(house.fake.driver, "2", "Hall");
    restart();
    struct light_state level = {.has = LIGHT_LEVEL, .level = 4000};
    hub_apply(house.hub, &(struct hub_command){house_light(&house, "Kitchen"), level, 0}, 1, house_reply, &dims);
    hub_apply(house.hub, &(struct hub_command){house_light(&house, "Hall"), fake_on, 0}, 1, house_reply, &gone);
    (void)driver_announce(house.fake.driver, &(struct driver_announcement){.address = "1",
                                                                           .name = "Kitchen",
                                                                           .profile = {.can = LIGHT_ON},
                                                                           .has_availability = true});
    driver_withdraw(house_announce(house.fake.driver, "2", "Hall"));
    house_until(&house, dims.done == 1 && gone.done == 1);
    assert_int_equal(dims.results[0].result, ERR_UNSUPPORTED);
    assert_int_equal(gone.results[0].result, ERR_ENDED);
    assert_int_equal(house.fake.applied, 0);
}

static void count_reach(void *user, const struct hub_event *event)
{
    *(unsigned *)user += event->kind == HUB_EVENT_REACH && event->reach == LIGHT_REACH_OFFLINE;
}

/* A broker that is gone since before the start: its lamps must not pass for reachable ones. */
static void not_announced_for_long_is_offline(void **state)
{
    unsigned offline = 0;
    (void)state;
    driver_report(house_announce(house.fake.driver, "1", "Kitchen"), &fake_on);
    driver_report(house_announce(house.fake.driver, "2", "Hall"), &fake_on);
    driver_withdraw(house_announce(house.fake.driver, "3", "Gone"));
    house_close(&house);
    house.hub_config.unserved_ms = 50;
    house_open(&house);
    (void)hub_listen(house.hub, count_reach, &offline);
    (void)house_announce(house.fake.driver, "2", "Hall");
    assert_int_equal(house_info(house_light(&house, "Kitchen")).reach, LIGHT_REACH_UNKNOWN);
    struct reply waits = {0};
    hub_apply(house.hub, &(struct hub_command){house_light(&house, "Kitchen"), fake_off, 0}, 1, house_reply, &waits);
    house_until(&house, offline > 0);
    settle();
    assert_int_equal(offline, 1);
    assert_int_equal(waits.done, 1); /* not by its deadline: nothing is waited for any more */
    assert_int_equal(waits.results[0].result, ERR_OFFLINE);
    struct reply at_once = {0};
    hub_apply(house.hub, &(struct hub_command){house_light(&house, "Kitchen"), fake_off, 0}, 1, house_reply, &at_once);
    settle();
    assert_int_equal(at_once.done, 1);
    assert_int_equal(at_once.results[0].result, ERR_OFFLINE);
    assert_int_equal(house_info(house_light(&house, "Kitchen")).reach, LIGHT_REACH_OFFLINE);
    assert_true(house_info(house_light(&house, "Kitchen")).reported.on);
    assert_int_equal(house_info(house_light(&house, "Hall")).reach, LIGHT_REACH_UNKNOWN);
    struct driver_light *lamp = house_announce(house.fake.driver, "1", "Kitchen"); /* the broker is back */
    assert_int_equal(house_info(house_light(&house, "Kitchen")).reach, LIGHT_REACH_UNKNOWN);
    driver_report(lamp, &fake_on);
    assert_int_equal(house_info(house_light(&house, "Kitchen")).reach, LIGHT_REACH_ONLINE);
}

/* The state that a lamp had before it was forgotten must not come back with it. */
static void forgotten_with_its_state(void **state)
{
    struct ending e = {0};
    (void)state;
    struct driver_light *lamp = house_announce(house.fake.driver, "1", "Kitchen");
    driver_report(lamp, &fake_on);
    settle();
    assert_int_equal(hub_light_forget(house.hub, house_light(&house, "Kitchen"), house_ending, &e), 0);
    driver_report(lamp, &(struct light_state){.has = LIGHT_LEVEL, .level = 1}); /* while the store writes */
    house_until(&house, e.done == 1);
    settle();
    restart();
    (void)house_announce(house.fake.driver, "1", "Kitchen");
    assert_int_equal(house_info(house_light(&house, "Kitchen")).reported.has, 0);
    assert_false(house_info(house_light(&house, "Kitchen")).heard);
}

/* ---- secrets of drivers ---- */

static void assert_secret(const char *key, const char *value)
{
    size_t len = 0;
    const void *bytes = driver_secret_get(house.fake.driver, key, &len);
    if (!value) {
        assert_null(bytes);
        return;
    }
    assert_non_null(bytes);
    assert_int_equal(len, strlen(value));
    assert_memory_equal(bytes, value, len);
}

static void what_drivers_remember(void **state)
{
    struct fake second = {0};
    struct fake *config = &second;
    size_t len;
    (void)state;
    assert_secret("psk", NULL);
    driver_secret_put(house.fake.driver, "psk", "first", 5);
    driver_secret_put(house.fake.driver, "psk", "second one", 10);
    driver_secret_put(house.fake.driver, "other", "x", 1);
    driver_secret_put(house.fake.driver, "gone", "y", 1);
    driver_secret_put(house.fake.driver, "gone", NULL, 0);
    assert_secret("psk", "second one");
    assert_secret("gone", NULL);
    assert_int_equal(hub_add_driver(house.hub, &fake_driver, "fake/two", &config), 0);
    assert_null(driver_secret_get(second.driver, "psk", &len)); /* each instance has its own */
    house_close(&house);
    house_open(&house);
    assert_secret("psk", "second one");
    assert_secret("other", "x");
    assert_secret("gone", NULL);
}

/* ---- a store that is unwell ---- */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void full_and_well_again(void **state)
{
    (void)state;
    struct driver_light *lamp = house_announce(house.fake.driver, "1", "Kitchen");
    driver_report(lamp, &fake_on);
    settle();
    (void)signal(SIGXFSZ, SIG_IGN);
    limit_files(1);
    assert_int_equal(edit(house_light(&house, "Kitchen"), &(struct hub_edit){"Cooker", NULL, 0}), ERR_FULL);
    assert_string_equal(house_info(house_light(&house, "Kitchen")).name, "Kitchen"); /* memory follows the store */
    assert_true(house_info(house_light(&house, "Kitchen")).exposed);
    driver_report(lamp, &(struct light_state){.has = LIGHT_LEVEL, .level = 77});
    struct driver_light *hall = house_announce(house.fake.driver, "2", "Hall");
    driver_report(hall, &fake_on);
    driver_secret_put(house.fake.driver, "psk", "secret", 6);
    settle();
    assert_int_equal(store_health(house.store), STORE_FULL);
    assert_int_equal(house_info(house_light(&house, "Hall")).reported.on, true); /* the house goes on */
    uint64_t failures = store_stats(house.store).failures;
    assert_true(failures > 0);
    limit_files(0);
    house_until(&house, store_health(house.store) == STORE_OK); /* by itself */
    settle();
    /* What is in the store now, without the writes of a tidy end: a second look at the file. */
    struct house after = {0};
    (void)snprintf(after.path, sizeof after.path, "%s", house.path);
    house_open(&after);
    assert_int_equal(house_info(house_light(&after, "Kitchen")).reported.level, 77);
    assert_true(house_info(house_light(&after, "Hall")).reported.on);
    size_t len = 0;
    assert_non_null(driver_secret_get(after.fake.driver, "psk", &len));
    house_close(&after);
}

static void lost_and_found_again(void **state)
{
    char aside[80];
    char id[HUB_LIGHT_ID_SIZE];
    (void)state;
    (void)house_announce(house.fake.driver, "1", "Kitchen");
    assert_int_equal(edit(house_light(&house, "Kitchen"), &(struct hub_edit){"Cooker", NULL, 0}), 0);
    (void)snprintf(id, sizeof id, "%s", house_info(house_light(&house, "Cooker")).id);
    house_close(&house);
    (void)snprintf(aside, sizeof aside, "%s.aside", house.path);
    assert_int_equal(rename(house.path, aside), 0);
    house.store_expected = true;
    house_open(&house);
    assert_int_equal(store_health(house.store), STORE_MISSING);
    driver_report(house_announce(house.fake.driver, "1", "Kitchen"), &fake_on);
    assert_string_equal(house_info(house_light(&house, "Kitchen")).id, id); /* lights go on, under their ids */
    assert_int_equal(edit(house_light(&house, "Kitchen"), &(struct hub_edit){"Other", NULL, -1}), ERR_LOST);
    settle();
    house_close(&house);
    assert_int_equal(access(house.path, F_OK), -1); /* nothing was made in its place */
    assert_int_equal(rename(aside, house.path), 0);
    house_open(&house);
    assert_string_equal(house_info(house_light(&house, "Cooker")).id, id);
    assert_false(house_info(house_light(&house, "Cooker")).exposed);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    assert_int_equal(secrets_init(), 0);
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_house, close_house)
    const struct CMUnitTest tests[] = {
        CASE(a_storm_of_reports_is_one_write),
        CASE(a_restart_brings_all_back),
        CASE(the_order_is_that_of_birth),
        CASE(not_announced_waits_for_its_network),
        CASE(what_waited_is_judged_anew),
        CASE(not_announced_for_long_is_offline),
        CASE(forgotten_with_its_state),
        CASE(what_drivers_remember),
        CASE(full_and_well_again),
        CASE(lost_and_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
