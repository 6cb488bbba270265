/* bridge/devices and what follows from it: lights, topics, questions. */
#include "runtime.h"

/* ---- lists ---- */

static void a_device_with_two_lamps(void **unused)
{
    (void)unused;
    struct answer a;
    wire_up();
    list("[" TWO("0x2", "Both") "]");
    assert_string_equal(info("0x2/l1").name, "Both l1");
    assert_string_equal(info("0x2/l2").where, "mqtt/home z/Both");
    say("z/Both", "{\"state_l1\":\"ON\",\"state_l2\":\"OFF\",\"brightness_l1\":127}");
    assert_true(info("0x2/l1").reported.on);
    assert_int_equal(info("0x2/l1").reported.level, 5000);
    assert_false(info("0x2/l2").reported.on);
    ask(&a, "0x2/l2", on_off(true), 0);
    assert_string_equal(last_topic(), "z/0x2/set");
    assert_string_equal(last_payload(), "{\"state_l2\":\"ON\"}");
    say("z/Both", "{\"state_l1\":\"ON\",\"state_l2\":\"ON\"}");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
    /* after an update it shows the second one only; its light goes on in its new place */
    list("[" DEVICE("0x2", "Both", LIGHT("\"endpoint\":\"l2\",", "_l2")) "]");
    assert_null(find("0x2/l1"));
    ask(&a, "0x2/l2", on_off(false), 0);
    say("z/Both", "{\"state_l2\":\"OFF\"}");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
    list("[" TWO("0x2", "Both") "]");
    assert_non_null(find("0x2/l1"));
    ask(&a, "0x2/l2", on_off(true), 0);
    assert_string_equal(last_payload(), "{\"state_l2\":\"ON\"}");
    say("z/Both", "{\"state_l2\":\"ON\"}");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
}

static void the_same_list_again_is_no_news(void **unused)
{
    (void)unused;
    one_lamp();
    size_t filters = wire.filters;
    for (int i = 0; i < 3; i++) {
        list("[" LAMP("0x1", "Lamp") "]");
    }
    assert_int_equal(bench.removed + bench.reached + bench.states, 0);
    assert_int_equal(wire.filters, filters);
    assert_int_equal(info("0x1").reach, LIGHT_REACH_ONLINE);
}

static void a_rename_moves_the_topics(void **unused)
{
    (void)unused;
    one_lamp();
    list("[" LAMP("0x1", "hall/ceiling") "]");
    assert_string_equal(wire.last_filter, "z/hall/ceiling/availability");
    assert_int_equal(wire.unsubscribed, 2);
    WAIT(wire.count == 1); /* what it said while the broker changed the subscription is lost */
    assert_string_equal(last_topic(), "z/0x1/get");
    say("z/Lamp", "{\"state\":\"OFF\"}");
    assert_true(info("0x1").reported.on);
    say("z/hall/ceiling", "{\"state\":\"OFF\"}");
    assert_false(info("0x1").reported.on);
    say("z/hall/ceiling/availability", "offline");
    assert_int_equal(info("0x1").reach, LIGHT_REACH_OFFLINE);
}

/* The two lamps in a list of several slices, one at each end. */
static void list_apart(const char *first, const char *last)
{
    struct str text = STR_INIT;
    str_printf(&text, "[%s", first);
    for (int i = 0; i < 200; i++) {
        str_printf(&text, ",{\"ieee_address\":\"0xf%d\",\"friendly_name\":\"S%d\",\"note\":\"%0900d\"}", i, i, i);
    }
    str_printf(&text, ",%s]", last);
    list(str_z(&text));
    str_done(&text);
    turns(50);
}

static void a_name_that_goes_to_another_lamp_is_still_heard(void **unused)
{
    (void)unused;
    one_lamp();
    /* a lamp that broke was replaced by one of the same name */
    list_apart(LAMP("0x2", "Lamp"), LAMP("0x3", "Other"));
    assert_null(find("0x1"));
    assert_non_null(subscription("z/Lamp"));
    assert_non_null(subscription("z/Lamp/availability"));
    say("z/Lamp", "{\"state\":\"OFF\"}");
    assert_int_equal(info("0x2").reach, LIGHT_REACH_ONLINE);
    /* two lamps exchanged their names while nobody listened */
    list_apart(LAMP("0x2", "Other"), LAMP("0x3", "Lamp"));
    assert_non_null(subscription("z/Lamp"));
    assert_non_null(subscription("z/Other"));
    say("z/Lamp", "{\"state\":\"ON\"}");
    assert_true(info("0x3").reported.on);
    assert_false(info("0x2").reported.on);
    list_apart(LAMP("0x2", "Other"), LAMP("0x4", "Fourth"));
    assert_null(subscription("z/Lamp"));
    assert_non_null(subscription("z/Fourth"));
}

static void a_large_list_does_not_hold_up_the_loop(void **unused)
{
    (void)unused;
    struct str text = STR_INIT;
    struct answer a;
    one_lamp();
    str_add_z(&text, "[" LAMP("0x1", "Lamp"));
    for (int i = 0; text.len < 2u * 1024 * 1024; i++) {
        str_printf(&text, ",{\"ieee_address\":\"0xf%d\",\"friendly_name\":\"S%d\",\"note\":\"%0900d\"}", i, i, i);
    }
    str_add_z(&text, "," LAMP("0x9", "Last") "]");
    wire.events.message(wire.user, "z/bridge/devices", text.data, text.len);
    str_done(&text);
    unsigned answered = 0;
    for (; !find("0x9"); answered++) {
        ask(&a, "0x1", level(answered % 2 ? 10 : 20), 0);
        say("z/Lamp", answered % 2 ? "{\"state\":\"ON\",\"brightness\":25}" : "{\"state\":\"ON\",\"brightness\":51}");
        forget_sent();
        turn();
        assert_int_equal(a.done, 1);
    }
    assert_true(answered > 8);
}

static void an_entry_that_cannot_be_understood_spares_its_lamp(void **unused)
{
    (void)unused;
    struct str text = STR_INIT;
    one_lamp();
    list("[" LAMP("0x1", "Lamp") "," LAMP("0x2", "Two") "]");
    str_add_z(&text, "[{\"deep\":");
    for (int i = 0; i < 20; i++) {
        str_add_char(&text, '[');
    }
    for (int i = 0; i < 20; i++) {
        str_add_char(&text, ']');
    }
    str_add_z(&text, ",\"ieee_address\":\"0x1\",\"friendly_name\":\"Lamp\"}]");
    list(str_z(&text));
    str_done(&text);
    assert_non_null(find("0x1"));
    assert_null(find("0x2")); /* and no other */
    assert_true(hub_stats(bench.hub).garbage > 0);
    list("[{\"friendly_name\":\"Lamp\"}]"); /* whose is it? */
    assert_non_null(find("0x1"));
    list("[");
    assert_non_null(find("0x1"));
    list("[]");
    assert_null(find("0x1"));
}

static void a_newer_list_replaces_one_under_way(void **unused)
{
    (void)unused;
    one_lamp();
    say("z/bridge/devices", "[" LAMP("0x5", "Five") "]");
    say("z/bridge/devices", "[" LAMP("0x6", "Six") "]");
    turns(20);
    assert_null(find("0x5"));
    assert_null(find("0x1"));
    assert_non_null(find("0x6"));
}

static void lamps_are_asked_one_by_one(void **unused)
{
    (void)unused;
    struct str text = STR_INIT;
    wire_up();
    for (int i = 0; i < 10; i++) {
        str_printf(&text, "%s" LAMP("0x%d", "Lamp %d"), i ? "," : "[", i, i);
    }
    str_add_char(&text, ']');
    list(str_z(&text));
    str_done(&text);
    hub_refresh(bench.hub, find("0x9"));             /* it is in the queue already */
    assert_true(wire.count >= 1 && wire.count <= 3); /* 20 ms are not the time for ten */
    WAIT(wire.count == 10);
    assert_string_equal(wire.sent[0].payload, "{\"state\":\"\",\"brightness\":\"\"}");
    turns(300);
    assert_int_equal(wire.count, 10); /* once each */
    say("z/Lamp 3/availability", "offline");
    hub_refresh(bench.hub, find("0x3"));
    turns(200);
    assert_int_equal(wire.count, 10); /* who is away is not asked */
    say("z/Lamp 3/availability", "online");
    WAIT(wire.count == 11);
    assert_string_equal(last_topic(), "z/0x3/get");
}

static void what_was_asked_too_early_is_asked_again(void **unused)
{
    (void)unused;
    wire_up();
    list("[" LAMP("0x1", "Lamp") "]"); /* retained, from a Zigbee2MQTT that is not there yet */
    WAIT(wire.count == 1);
    say("z/bridge/state", "online");
    WAIT(wire.count == 2);
    assert_string_equal(last_topic(), "z/0x1/get");
    say("z/bridge/state", "online"); /* no news */
    turns(300);
    assert_int_equal(wire.count, 2);
}

static void news_one_by_one_are_no_burst_of_questions(void **unused)
{
    (void)unused;
    struct str text = STR_INIT;
    wire_up();
    for (int i = 0; i < 5; i++) {
        str_clear(&text);
        for (int k = 0; k <= i; k++) {
            str_printf(&text, "%s" LAMP("0x%d", "Lamp %d"), k ? "," : "[", k, k);
        }
        str_add_char(&text, ']');
        say("z/bridge/devices", str_z(&text));
        turns(10);
    }
    str_done(&text);
    assert_true(wire.count <= 2);
    WAIT(wire.count == 5);
}

/* Its answer may be quick. */
static void a_lamp_is_heard_before_it_is_asked(void **unused)
{
    (void)unused;
    wire_up();
    say("z/bridge/state", "online");
    say("z/bridge/devices", "[" LAMP("0x5", "Five") "]");
    size_t before = wire.filters;
    WAIT(wire.count == 1);
    assert_string_equal(last_topic(), "z/0x5/get");
    assert_int_equal(wire.sent[0].filters, before + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_device_with_two_lamps),
        CASE(the_same_list_again_is_no_news),
        CASE(a_rename_moves_the_topics),
        CASE(a_name_that_goes_to_another_lamp_is_still_heard),
        CASE(a_large_list_does_not_hold_up_the_loop),
        CASE(an_entry_that_cannot_be_understood_spares_its_lamp),
        CASE(a_newer_list_replaces_one_under_way),
        CASE(lamps_are_asked_one_by_one),
        CASE(what_was_asked_too_early_is_asked_again),
        CASE(a_lamp_is_heard_before_it_is_asked),
        CASE(news_one_by_one_are_no_burst_of_questions),
    };
    return run_cases("zigbee2mqtt: lists", tests, sizeof tests / sizeof tests[0]);
}
