/* Commands to Zigbee2MQTT and what answers them; who is reachable. */
#include "runtime.h"

/* ---- answers ---- */

static void the_echo_is_the_answer_and_old_states_are_none(void **unused)
{
    (void)unused;
    struct answer a;
    one_lamp();
    ask(&a, "0x1", level(50), 0);
    assert_string_equal(last_topic(), "z/0x1/set");
    assert_string_equal(last_payload(), "{\"state\":\"ON\",\"brightness\":127}");
    say("z/Lamp", "{\"state\":\"ON\",\"brightness\":254}");
    turns(20);
    assert_int_equal(a.done, 0);
    for (int i = 0; i < 4; i++) { /* several identical echoes */
        say("z/Lamp", "{\"state\":\"ON\",\"brightness\":127,\"linkquality\":100}");
    }
    turns(20);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.result, 0);
    assert_int_equal(a.basis, BASIS_REPORTED);
    assert_int_equal(a.state.level, 5000);
    assert_int_equal(bench.states, 1);
}

static void reports_in_pieces_answer_together(void **unused)
{
    (void)unused;
    struct answer a;
    one_lamp();
    say("z/Lamp", "{\"state\":\"OFF\"}");
    ask(&a, "0x1", level(50), 0);
    say("z/Lamp", "{\"brightness\":127}");
    turns(10);
    assert_int_equal(a.done, 0);
    say("z/Lamp", "{\"state\":\"ON\"}");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
}

static void the_newest_command_counts(void **unused)
{
    (void)unused;
    struct answer a, b, c;
    one_lamp();
    ask(&a, "0x1", level(10), 0);
    ask(&b, "0x1", level(20), 0);
    ask(&c, "0x1", level(30), 0);
    say("z/Lamp", "{\"state\":\"ON\",\"brightness\":25}");
    turns(10);
    assert_true(a.done == 1 && b.done == 0 && c.done == 0);
    say("z/Lamp", "{\"state\":\"ON\",\"brightness\":76}"); /* the last one: the middle one was overtaken */
    WAIT(b.done && c.done);
    assert_int_equal(b.result, 0);
    assert_int_equal(c.result, 0);
}

static void no_word_is_no_answer(void **unused)
{
    (void)unused;
    struct answer a;
    one_lamp();
    ask(&a, "0x1", level(10), 0);
    WAIT(a.done);
    assert_int_equal(a.result, ERR_TIMEOUT);
    say("z/Lamp", "{\"state\":\"ON\",\"brightness\":25}");
    turns(10);
    assert_int_equal(a.done, 1);
    assert_int_equal(info("0x1").reported.level, 984); /* later it is a change */
}

static void off_keeps_its_level(void **unused)
{
    (void)unused;
    struct answer a;
    one_lamp();
    ask(&a, "0x1", on_off(false), 1000);
    assert_string_equal(last_payload(), "{\"state\":\"OFF\",\"transition\":1}");
    say("z/Lamp", "{\"state\":\"OFF\",\"brightness\":254}");
    WAIT(a.done);
    assert_int_equal(a.basis, BASIS_ACCEPTED);
    for (int step = 200; step >= 0; step -= 40) {
        char text[64];
        (void)snprintf(text, sizeof text, "{\"state\":\"OFF\",\"brightness\":%d}", step);
        say("z/Lamp", text);
    }
    say("z/Lamp", "{\"state\":\"OFF\",\"brightness\":1}");
    assert_false(info("0x1").reported.on);
    assert_int_equal(info("0x1").reported.level, 10000);
}

static void a_fade_is_answered_by_its_first_step(void **unused)
{
    (void)unused;
    struct answer a, b;
    one_lamp();
    ask(&a, "0x1", level(10), 5000);
    say("z/Lamp", "{\"state\":\"ON\",\"brightness\":254}"); /* not yet */
    turns(10);
    assert_int_equal(a.done, 0);
    say("z/Lamp", "{\"state\":\"ON\",\"brightness\":240}"); /* on its way */
    WAIT(a.done);
    assert_int_equal(a.basis, BASIS_ACCEPTED);
    assert_int_equal(a.state.level, 1000); /* the target */
    ask(&b, "0x1", level(100), 5000);
    say("z/Lamp", "{\"state\":\"ON\",\"brightness\":200}"); /* still down: the wrong way */
    turns(10);
    assert_int_equal(b.done, 0);
    say("z/Lamp", "{\"state\":\"ON\",\"brightness\":254}"); /* Zigbee2MQTT's optimistic echo of the target */
    WAIT(b.done);
    assert_int_equal(b.basis, BASIS_ACCEPTED);
}

/* ---- failures ---- */

#define ERROR(message) "{\"level\":\"error\",\"message\":\"" message "\"}"

static void an_error_ends_the_command_it_belongs_to(void **unused)
{
    (void)unused;
    struct answer a, b;
    one_lamp();
    ask(&a, "0x1", on_off(false), 0);
    ask(&b, "0x1", level(40), 0);
    say("z/bridge/logging", ERROR("Publish 'set' 'color' to 'Lamp' failed: 'another's'"));
    say("z/bridge/logging", ERROR("Publish 'set' 'state' to 'Nobody' failed: 'x'"));
    turns(10);
    assert_true(a.done == 0 && b.done == 0);
    say("z/bridge/logging", ERROR("Publish 'set' 'state' to 'Lamp' failed: 'Error: no'"));
    WAIT(a.done);
    assert_int_equal(a.result, ERR_REJECTED);
    assert_non_null(strstr(a.why, "Error: no"));
    assert_int_equal(b.done, 0);
    say("z/bridge/logging", ERROR("Entity '0x1' is unknown"));
    WAIT(b.done);
    assert_int_equal(b.result, ERR_REJECTED);
    ask(&a, "0x1", on_off(false), 0);
    say("z/bridge/logging", ERROR("Publish 'set' 'state' to 'Lamp' failed: 'Error: Timeout - 1'"));
    WAIT(a.done);
    assert_int_equal(a.result, ERR_OFFLINE);
}

static void what_cannot_be_sent_is_said(void **unused)
{
    (void)unused;
    struct answer a;
    one_lamp();
    wire.refuse = ERR_BUSY;
    ask(&a, "0x1", on_off(false), 0);
    WAIT(a.done);
    assert_int_equal(a.result, ERR_BUSY);
    assert_true(a.why[0]);
    wire.refuse = 0;
    ask(&a, "0x1", on_off(false), 0);
    wire_down();
    WAIT(a.done);
    assert_int_equal(a.result, ERR_OFFLINE);
    assert_int_equal(info("0x1").reach, LIGHT_REACH_OFFLINE);
    size_t before = wire.count;
    wire_up();
    say("z/bridge/state", "online");
    turns(50);
    for (size_t i = before; i < wire.count; i++) {
        assert_non_null(strstr(wire.sent[i].topic, "/get")); /* nothing is sent late */
    }
}

static void silence_without_availability_is_absence(void **unused)
{
    (void)unused;
    struct answer a;
    one_lamp();
    for (int i = 0; i < 2; i++) {
        ask(&a, "0x1", on_off(false), 0);
        WAIT(a.done);
        assert_int_equal(a.result, ERR_TIMEOUT);
    }
    assert_int_equal(info("0x1").reach, LIGHT_REACH_OFFLINE);
    say("z/Lamp", "{\"state\":\"ON\"}");
    assert_int_equal(info("0x1").reach, LIGHT_REACH_ONLINE);
    say("z/Lamp/availability", "{\"state\":\"online\"}"); /* now it has one */
    for (int i = 0; i < 3; i++) {
        ask(&a, "0x1", on_off(false), 0);
        WAIT(a.done);
        assert_int_equal(a.result, ERR_TIMEOUT);
    }
    assert_int_equal(info("0x1").reach, LIGHT_REACH_ONLINE);
    assert_string_equal(info("0x1").manufacturer, "V"); /* announced again as what it was */
}

static void garbage_changes_nothing(void **unused)
{
    (void)unused;
    static const struct {
        const char *topic, *payload;
        bool counted;
    } rows[] = {
        {"z/Lamp", "{\"state\":\"OFF\"", true},
        {"z/Lamp", "OFF", true},
        {"z/Lamp", "{\"state\":\"OFF\",\"state\":\"OFF\"}", true},
        {"z/Lamp/availability", "away", true},
        {"z/bridge/state", "{\"state\":\"tired\"}", true},
        {"z/Lamp", "", false},
        {"z/Lamp/availability", "", false},
        {"z/bridge/devices", "", false},
        {"z/bridge/groups", "", false},
        {"z/Lamp/set", "{\"state\":\"OFF\"}", false},
        {"z/0x1", "{\"state\":\"OFF\"}", false},
        {"z/0x1/set", "{\"state\":\"OFF\"}", false},
        {"z/Nobody/availability", "offline", false},
        {"z", "x", false},
        {"z/", "x", false},
        {"zz/Lamp", "{\"state\":\"OFF\"}", false},
        {"z/bridge/event", "{\"type\":\"device_leave\"}", false},
    };
    one_lamp();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t before = hub_stats(bench.hub).garbage;
        say(rows[i].topic, rows[i].payload);
        assert_int_equal(hub_stats(bench.hub).garbage - before, rows[i].counted);
    }
    turns(20);
    assert_true(info("0x1").reported.on);
    assert_int_equal(info("0x1").reach, LIGHT_REACH_ONLINE);
    assert_int_equal(bench.states + bench.reached + bench.removed, 0);
}

/* ---- Zigbee2MQTT's death ---- */

#define WATCHED(yes) "{\"config\":{\"availability\":{\"active\":{},\"enabled\":" yes "}}}"

/* Whoever switches the feature off leaves its retained words behind: without this the lamp were offline for ever. */
static void a_stale_offline_does_not_count(void **unused)
{
    (void)unused;
    struct answer a;
    one_lamp();
    say("z/bridge/info", WATCHED("true"));
    say("z/Lamp/availability", "{\"state\":\"offline\"}");
    assert_int_equal(info("0x1").reach, LIGHT_REACH_OFFLINE);
    say("z/bridge/state", "offline");
    say("z/bridge/state", "online");
    say("z/bridge/info", WATCHED("false"));
    say("z/Lamp/availability", "{\"state\":\"offline\"}");
    assert_int_equal(info("0x1").reach, LIGHT_REACH_UNKNOWN);
    WAIT(wire.count == 1); /* how is it? */
    assert_string_equal(last_topic(), "z/0x1/get");
    say("z/Lamp", "{\"state\":\"ON\"}");
    assert_int_equal(info("0x1").reach, LIGHT_REACH_ONLINE);
    for (int i = 0; i < 2; i++) { /* it is one without availability */
        ask(&a, "0x1", on_off(false), 0);
        WAIT(a.done);
    }
    assert_int_equal(info("0x1").reach, LIGHT_REACH_OFFLINE);
    say("z/bridge/info", WATCHED("true"));
    say("z/Lamp/availability", "{\"state\":\"online\"}");
    assert_int_equal(info("0x1").reach, LIGHT_REACH_ONLINE);
    /* what was true of one connection need not be of the next */
    say("z/bridge/info", WATCHED("false"));
    wire_down();
    wire_up();
    say("z/Lamp/availability", "{\"state\":\"offline\"}");
    assert_int_equal(info("0x1").reach, LIGHT_REACH_OFFLINE);
}

static void a_stale_online_does_not_count(void **unused)
{
    (void)unused;
    struct answer a;
    one_lamp();
    say("z/Lamp/availability", "online");
    ask(&a, "0x1", on_off(false), 0);
    say("z/bridge/state", "{\"state\":\"offline\"}");
    WAIT(a.done);
    assert_int_equal(a.result, ERR_OFFLINE);
    assert_int_equal(info("0x1").reach, LIGHT_REACH_OFFLINE);
    say("z/bridge/state", "online");
    assert_int_equal(info("0x1").reach, LIGHT_REACH_UNKNOWN);
    say("z/bridge/state", "offline");
    say("z/Lamp/availability", "online"); /* retained, from before */
    assert_int_equal(info("0x1").reach, LIGHT_REACH_OFFLINE);
    say("z/bridge/state", "online");
    assert_int_equal(info("0x1").reach, LIGHT_REACH_UNKNOWN); /* until it speaks, or Zigbee2MQTT knows better */
    say("z/Lamp", "{\"state\":\"ON\"}");
    assert_int_equal(info("0x1").reach, LIGHT_REACH_ONLINE);
}

static void the_brokers_word_in_the_optimistic_setting(void **unused)
{
    (void)unused;
    struct answer a, b, c;
    one_lamp();
    ask(&a, "0x1", level(10), 0);
    ask(&b, "0x1", level(20), 0);
    ask(&c, "0x1", level(30), 0);
    turns(10);
    assert_int_equal(a.done + b.done + c.done, 0);
    wire.events.acknowledged(wire.user, 7); /* a question's, or nobody's */
    wire.events.acknowledged(wire.user, wire.sent[1].mid);
    WAIT(b.done);
    assert_int_equal(b.basis, BASIS_ACCEPTED);
    assert_int_equal(a.done + c.done, 0);
    wire.events.acknowledged(wire.user, wire.sent[0].mid);
    WAIT(a.done);
    assert_int_equal(a.result, 0);
    wire_down();
    WAIT(c.done);
    assert_int_equal(c.result, ERR_OFFLINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_echo_is_the_answer_and_old_states_are_none),
        CASE(reports_in_pieces_answer_together),
        CASE(the_newest_command_counts),
        CASE(no_word_is_no_answer),
        CASE(off_keeps_its_level),
        CASE(a_fade_is_answered_by_its_first_step),
        CASE(an_error_ends_the_command_it_belongs_to),
        CASE(what_cannot_be_sent_is_said),
        CASE(silence_without_availability_is_absence),
        CASE(garbage_changes_nothing),
        CASE(a_stale_offline_does_not_count),
        CASE(a_stale_online_does_not_count),
        cmocka_unit_test_setup_teardown(the_brokers_word_in_the_optimistic_setting, setup_optimistic, teardown),
    };
    return run_cases("zigbee2mqtt: commands", tests, sizeof tests / sizeof tests[0]);
}
