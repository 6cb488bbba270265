/* The table of lights: the same lamp is the same light, whatever happens around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_driver.h"

static struct house house;

static int open_house(void **state)
{
    (void)state;
    memset(&house, 0, sizeof house);
    house_open(&house);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

static void keep_id(char to[HUB_LIGHT_ID_SIZE], const char *name)
{
    (void)snprintf(to, HUB_LIGHT_ID_SIZE, "%s", house_info(house_light(&house, name)).id);
}

static int edit(struct light *light, const struct hub_edit *change)
{
    struct ending e = {0};
    int err = hub_light_edit(house.hub, light, change, house_ending, &e);
    if (err != 0) {
        return err;
    }
    assert_int_equal(e.done, 0); /* never from inside the call */
    house_until(&house, e.done == 1);
    return e.result;
}

static void forget(struct light *light)
{
    struct ending e = {0};
    assert_int_equal(hub_light_forget(house.hub, light, house_ending, &e), 0);
    house_until(&house, e.done == 1);
    assert_int_equal(e.result, 0);
}

/* ---- ids ---- */

static void an_id_is_for_good(void **state)
{
    char id[HUB_LIGHT_ID_SIZE];
    (void)state;
    struct driver_light *lamp = house_announce(house.fake.driver, "0x00158d0001234567", "Kitchen");
    struct light *light = house_light(&house, "Kitchen");
    keep_id(id, "Kitchen");
    /* Pinned: links, routines and scenes in the cloud hang on it. */
    assert_string_equal(id, "emhxhcu3jt7uyr5xf3hui6ompy");
    assert_int_equal(edit(light, &(struct hub_edit){.name = "Cooker", .expose = -1}), 0);
    assert_ptr_equal(house_light(&house, id), light);
    (void)house_announce(house.fake.driver, "0x00158d0001234567", "Renamed over there");
    driver_withdraw(lamp);
    (void)house_announce(house.fake.driver, "0x00158d0001234567", "Kitchen again");
    assert_ptr_equal(house_light(&house, id), light);
    assert_string_equal(house_info(light).name, "Cooker");
    house_close(&house);
    house_open(&house); /* an empty store: everything that was known is lost */
    (void)house_announce(house.fake.driver, "0x00158d0001234567", "Kitchen");
    assert_string_equal(house_info(house_light(&house, "Kitchen")).id, id);
}

static void other_lamps_have_other_ids(void **state)
{
    static const uint8_t other_bridge[8] = {8, 7, 6, 5, 4, 3, 2, 1};
    static const char *const addresses[] = {"1", "2", "1/l1", "1/l2", "group/home/3"};
    char ids[6][HUB_LIGHT_ID_SIZE];
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        (void)house_announce(house.fake.driver, addresses[i], addresses[i]);
        keep_id(ids[i], addresses[i]);
    }
    house_close(&house);
    house.hub_config.bridge_id = other_bridge;
    house_open(&house);
    (void)house_announce(house.fake.driver, "1", "1");
    keep_id(ids[5], "1");
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(ids[i], ids[k]);
        }
        assert_int_equal(strspn(ids[i], "abcdefghijklmnopqrstuvwxyz234567"), 26);
    }
}

/* ---- coming and going ---- */

static void a_removed_lamp_leaves_a_tombstone(void **state)
{
    struct light *found = NULL;
    (void)state;
    struct driver_light *lamp = house_announce(house.fake.driver, "1", "Kitchen");
    struct light *light = house_light(&house, "Kitchen");
    driver_report(lamp, &fake_on);
    driver_withdraw(lamp);
    assert_int_equal(house.fake.detached, 1);
    assert_true(house_info(light).removed);
    assert_int_equal(house_info(light).reported.has, 0);
    assert_false(house_info(light).heard);
    assert_int_equal(hub_light_count(house.hub), 1);
    assert_int_equal(hub_light_lookup(house.hub, "Kitchen", &found), ERR_NOT_FOUND);
    assert_int_equal(hub_light_lookup(house.hub, house_info(light).id, &found), ERR_NOT_FOUND);
    assert_ptr_equal(hub_light_find(house.hub, house_info(light).id), light);
    assert_int_equal(hub_light_edit(house.hub, light, &(struct hub_edit){.name = "X", .expose = -1}, NULL, NULL),
                     ERR_ENDED);
    assert_int_equal(hub_light_forget(house.hub, light, NULL, NULL), ERR_ENDED);
    (void)house_announce(house.fake.driver, "1", "Kitchen");
    assert_ptr_equal(house_light(&house, "Kitchen"), light);
    assert_false(house_info(light).removed);
    assert_int_equal(house_info(light).reach, LIGHT_REACH_UNKNOWN);
    assert_int_equal(house.fake.attached, 2);
}

static void forgotten_until_it_announces_itself(void **state)
{
    (void)state;
    struct driver_light *lamp = house_announce(house.fake.driver, "1", "Kitchen");
    struct light *light = house_light(&house, "Kitchen");
    assert_int_equal(edit(light, &(struct hub_edit){.name = "Mine", .expose = 0}), 0);
    driver_report(lamp, &fake_on);
    forget(light);
    assert_true(house_info(light).removed);
    assert_int_equal(house.fake.detached, 1);
    (void)house_announce(house.fake.driver, "1", "Kitchen");
    assert_ptr_equal(house_light(&house, "Mine"), light);
    assert_false(house_info(light).exposed);
}

static void a_lamp_moves_between_instances(void **state)
{
    struct fake second = {0};
    struct fake *config = &second;
    struct reply r = {0};
    (void)state;
    assert_int_equal(hub_add_driver(house.hub, &fake_driver, "fake/two", &config), 0);
    (void)house_announce(house.fake.driver, "1", "Kitchen");
    struct light *light = house_light(&house, "Kitchen");
    struct hub_command c = {light, fake_on, 0};
    hub_apply(house.hub, &c, 1, house_reply, &r);
    struct driver_light *there = house_announce(second.driver, "1", "Kitchen");
    assert_string_equal(house_info(light).driver, "fake/two");
    assert_int_equal(house.fake.detached, 1);
    assert_int_equal(house.fake.cancelled, 1);
    assert_int_equal(second.attached, 1);
    assert_null(driver_next_light(house.fake.driver, NULL));
    assert_ptr_equal(driver_next_light(second.driver, NULL), there);
    house_until(&house, r.done == 1);
    assert_int_equal(r.results[0].result, ERR_OFFLINE);
    hub_apply(house.hub, &c, 1, NULL, NULL);
    assert_int_equal(second.applied, 1);
    assert_int_equal(house.fake.applied, 1);
    house_close(&house); /* while `second` is still there */
    assert_int_equal(second.stopped, 1);
    assert_int_equal(second.detached, 1);
    house_open(&house);
}

static void an_instance_that_cannot_start_leaves_nothing(void **state)
{
    struct fake second = {.start_result = ERR_DENIED};
    struct fake *config = &second;
    (void)state;
    assert_int_equal(hub_add_driver(house.hub, &fake_driver, "fake/two", &config), ERR_DENIED);
    assert_int_equal(second.stopped, 0);
    hub_discover(house.hub);
    assert_int_equal(house.fake.discovered, 1);
    assert_int_equal(second.discovered, 0);
}

static void lights_of_an_instance_are_found_one_by_one(void **state)
{
    unsigned seen = 0;
    (void)state;
    (void)house_announce(house.fake.driver, "1", "One");
    (void)house_announce(house.fake.driver, "2", "Two");
    (void)house_announce(house.fake.driver, "3", "Three");
    struct driver_light *next;
    for (struct driver_light *l = driver_next_light(house.fake.driver, NULL); l; l = next) {
        next = driver_next_light(house.fake.driver, l);
        seen |= 1u << (driver_light_address(l)[0] - '0');
        driver_withdraw(l); /* allowed after its next was fetched */
    }
    assert_int_equal(seen, 0xe);
    assert_int_equal(house.fake.detached, 3);
}

static void no_more_than_fit(void **state)
{
    char address[16];
    struct driver_light *last = NULL;
    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    for (unsigned i = 0; i < HUB_MAX_LIGHTS; i++) {
        (void)snprintf(address, sizeof address, "%u", i);
        last = house_announce(house.fake.driver, address, "Lamp");
        assert_non_null(last);
    }
    assert_null(house_announce(house.fake.driver, "one more", "Lamp"));
    assert_int_equal(hub_light_count(house.hub), HUB_MAX_LIGHTS);
    assert_ptr_equal(house_announce(house.fake.driver, address, "Lamp"), last); /* those it has it keeps serving */
    driver_withdraw(last);
    assert_ptr_equal(house_announce(house.fake.driver, address, "Lamp"), last);
    for (size_t i = 0; i < HUB_MAX_LIGHTS; i += 997) {
        struct light *light = hub_light_at(house.hub, i);
        assert_ptr_equal(hub_light_find(house.hub, house_info(light).id), light);
    }
}

/* ---- looking ---- */

static void lookups(void **state)
{
    struct light *light = NULL;
    (void)state;
    (void)house_announce(house.fake.driver, "1", "Kitchen");
    (void)house_announce(house.fake.driver, "2", "kitchen");
    (void)house_announce(house.fake.driver, "3", "Hall");
    (void)house_announce(house.fake.driver, "4", "Cellar");
    (void)house_announce(house.fake.driver, "5", "Cellar");
    assert_int_equal(hub_light_lookup(house.hub, "Kitchen", &light), 0); /* exact wins */
    assert_string_equal(house_info(light).address, "1");
    assert_int_equal(hub_light_lookup(house.hub, "kitchen", &light), 0);
    assert_string_equal(house_info(light).address, "2");
    assert_int_equal(hub_light_lookup(house.hub, "KITCHEN", &light), ERR_INVALID);
    assert_int_equal(hub_light_lookup(house.hub, "hALL", &light), 0);
    assert_string_equal(house_info(light).address, "3");
    assert_int_equal(hub_light_lookup(house.hub, "Cellar", &light), ERR_INVALID);
    assert_int_equal(hub_light_lookup(house.hub, "Attic", &light), ERR_NOT_FOUND);
    assert_int_equal(hub_light_lookup(house.hub, "", &light), ERR_NOT_FOUND);
    assert_int_equal(hub_light_lookup(house.hub, house_info(hub_light_at(house.hub, 4)).id, &light), 0);
    assert_string_equal(house_info(light).address, "5");
    assert_null(hub_light_at(house.hub, 5));
}

/* ---- what is said of a light ---- */

static void far_names_are_hostile(void **state)
{
    char longer[4 * HUB_NAME_MAX + 8] = "";
    (void)state;
    (void)house_announce(house.fake.driver, "1",
                         "a\x1b[31m\n\xff"
                         "b");
    assert_string_equal(house_info(hub_light_at(house.hub, 0)).name, "a?[31m??b");
    for (unsigned i = 0; i < HUB_NAME_MAX + 1; i++) {
        strcat(longer, "\xc3\xbc");
    }
    (void)house_announce(house.fake.driver, "2", longer);
    assert_int_equal(strlen(house_info(hub_light_at(house.hub, 1)).name), 2 * HUB_NAME_MAX);
    (void)house_announce(house.fake.driver, "3", NULL);
    assert_string_equal(house_info(hub_light_at(house.hub, 2)).name, "3");
}

static void a_profile_may_change(void **state)
{
    struct driver_announcement a = {.address = "1",
                                    .name = "Kitchen",
                                    .profile = {FULL_CAN, 2000, 6500, LIGHT_KIND_LIGHT},
                                    .has_availability = true};
    (void)state;
    struct driver_light *lamp = driver_announce(house.fake.driver, &a);
    struct light *light = house_light(&house, "Kitchen");
    driver_report(lamp, &(struct light_state){.has = LIGHT_KELVIN | LIGHT_LEVEL, .kelvin = 6500, .level = 5000});
    a.profile = (struct light_profile){LIGHT_ON | LIGHT_KELVIN, 2200, 4000, LIGHT_KIND_LIGHT};
    assert_ptr_equal(driver_announce(house.fake.driver, &a), lamp);
    assert_int_equal(house.fake.attached, 1);
    assert_int_equal(house_info(light).profile.max_kelvin, 4000);
    assert_int_equal(house_info(light).reported.kelvin, 4000);
    assert_int_equal(house_info(light).reported.has & LIGHT_LEVEL, 0);
}

/* ---- the user's settings ---- */

static void exposed_by_kind_or_by_wish(void **state)
{
    static const struct {
        bool switches, groups;
        enum light_kind kind;
        int wish;
        bool exposed;
    } rows[] = {
        {false, false, LIGHT_KIND_LIGHT, -1, true},  {false, false, LIGHT_KIND_SWITCH, -1, false},
        {false, false, LIGHT_KIND_GROUP, -1, false}, {true, false, LIGHT_KIND_SWITCH, -1, true},
        {false, true, LIGHT_KIND_GROUP, -1, true},   {true, false, LIGHT_KIND_GROUP, -1, false},
        {true, true, LIGHT_KIND_SWITCH, 0, false},   {false, false, LIGHT_KIND_GROUP, 1, true},
        {false, false, LIGHT_KIND_LIGHT, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        house_close(&house);
        house.hub_config.expose_switches = rows[i].switches;
        house.hub_config.expose_groups = rows[i].groups;
        house_open(&house);
        (void)driver_announce(house.fake.driver,
                              &(struct driver_announcement){
                                  .address = "1", .name = "It", .profile = {LIGHT_ON, 0, 0, (uint8_t)rows[i].kind}});
        struct light *light = house_light(&house, "It");
        if (rows[i].wish >= 0) {
            assert_int_equal(edit(light, &(struct hub_edit){.expose = rows[i].wish}), 0);
        }
        assert_int_equal(house_info(light).exposed, rows[i].exposed);
    }
}

static void names_that_are_taken_and_refused(void **state)
{
    static const struct {
        const char *name;
        int result;
        const char *shown;
    } rows[] = {
        {"Cooker", 0, "Cooker"},
        {"K\xc3\xbc"
         "che \xf0\x9f\x92\xa1",
         0,
         "K\xc3\xbc"
         "che \xf0\x9f\x92\xa1"},
        {"a\nb", ERR_INVALID, NULL},
        {"\x7f", ERR_INVALID, NULL},
        {"\xff\xfe", ERR_INVALID, NULL},
        {"", 0, "Kitchen"}, /* the far side's again */
    };
    char longest[HUB_NAME_MAX + 2];
    (void)state;
    (void)house_announce(house.fake.driver, "1", "Kitchen");
    struct light *light = house_light(&house, "Kitchen");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char before[128];
        (void)snprintf(before, sizeof before, "%s", house_info(light).name);
        assert_int_equal(edit(light, &(struct hub_edit){.name = rows[i].name, .expose = -1}), rows[i].result);
        assert_string_equal(house_info(light).name, rows[i].shown ? rows[i].shown : before);
        assert_int_equal(edit(light, &(struct hub_edit){.room = rows[i].name, .expose = -1}), rows[i].result);
    }
    memset(longest, 'x', sizeof longest);
    longest[HUB_NAME_MAX] = 0;
    assert_int_equal(edit(light, &(struct hub_edit){.name = longest, .expose = -1}), 0);
    longest[HUB_NAME_MAX] = 'x';
    longest[HUB_NAME_MAX + 1] = 0;
    assert_int_equal(edit(light, &(struct hub_edit){.name = longest, .expose = -1}), ERR_INVALID);
}

static void rooms_are_suggested_or_set(void **state)
{
    struct driver_announcement a = {
        .address = "1", .name = "Lamp", .room = "Far room", .profile = {LIGHT_ON, 0, 0, LIGHT_KIND_LIGHT}};
    (void)state;
    (void)driver_announce(house.fake.driver, &a);
    struct light *light = house_light(&house, "Lamp");
    assert_string_equal(house_info(light).room, "Far room");
    assert_int_equal(edit(light, &(struct hub_edit){.room = "Mine", .expose = -1}), 0);
    assert_string_equal(house_info(light).room, "Mine");
    assert_int_equal(edit(light, &(struct hub_edit){.room = "", .expose = -1}), 0);
    assert_string_equal(house_info(light).room, "Far room");
    a.room = NULL;
    (void)driver_announce(house.fake.driver, &a);
    assert_string_equal(house_info(light).room, "");
}

int main(void)
{
    assert_int_equal(secrets_init(), 0);
    log_set_level(LOG_LEVEL_ERROR);
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_house, close_house)
    const struct CMUnitTest tests[] = {
        CASE(an_id_is_for_good),
        CASE(other_lamps_have_other_ids),
        CASE(a_removed_lamp_leaves_a_tombstone),
        CASE(forgotten_until_it_announces_itself),
        CASE(a_lamp_moves_between_instances),
        CASE(an_instance_that_cannot_start_leaves_nothing),
        CASE(lights_of_an_instance_are_found_one_by_one),
        CASE(no_more_than_fit),
        CASE(lookups),
        CASE(far_names_are_hostile),
        CASE(a_profile_may_change),
        CASE(exposed_by_kind_or_by_wish),
        CASE(names_that_are_taken_and_refused),
        CASE(rooms_are_suggested_or_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
