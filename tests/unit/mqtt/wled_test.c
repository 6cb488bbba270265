/* WLED strips at work, in a real hub over a wire that is ours. With their document: tests/contract and tests/e2e. */
#include "runtime.h"

#define STRIP "wled/C0FFEE"

static int setup_wled(void **state)
{
    static const char *const topics[] = {"wled/+", "attic/strip", "wled/hosted 127.0.0.1:1", NULL};
    (void)state;
    return open_bench_with(&(struct mqtt_config){.host = "broker", .port = 1883, .wled = topics});
}

#define WLED(name) cmocka_unit_test_setup_teardown(name, setup_wled, teardown)

#define QUESTION "{\"nl\":{}}"

static size_t asked(const char *topic)
{
    size_t count = 0;
    for (size_t i = 0; i < wire.count; i++) {
        count += strcmp(wire.sent[i].topic, topic) == 0 && strcmp(wire.sent[i].payload, QUESTION) == 0;
    }
    return count;
}

static void say_state(const char *topic, const char *level_text, const char *color)
{
    char whole[64];
    (void)snprintf(whole, sizeof whole, "%s/g", topic);
    say(whole, level_text);
    (void)snprintf(whole, sizeof whole, "%s/c", topic);
    say(whole, color);
    (void)snprintf(whole, sizeof whole, "%s/status", topic);
    say(whole, "online");
}

/* One strip, there and known: on at 100 %, red. */
static void one_strip(void)
{
    wire_up();
    say("wled/c0ffee/status", "online");
    WAIT(asked("wled/c0ffee/api") > 0);
    say_state("wled/c0ffee", "255", "#FF0000");
    turns(5);
    assert_int_equal(info(STRIP).reach, LIGHT_REACH_ONLINE);
    assert_int_equal(info(STRIP).reported.level, 10000);
    forget_sent();
    bench.states = bench.reached = bench.removed = 0;
}

static void is_found_by_its_topic(void **unused)
{
    (void)unused;
    one_strip();
    assert_string_equal(info(STRIP).name, "wled/c0ffee");
    assert_true(subscription("wled/+/status") && subscription("attic/strip/g"));
    say("wled/a/b/status", "online"); /* another level */
    say("elsewhere/status", "online");
    turns(5);
    assert_int_equal(hub_light_count(bench.hub), 1);
}

static void one_that_is_named_is_asked_without_a_word(void **unused)
{
    (void)unused;
    wire_up();
    WAIT(asked("attic/strip/api") > 0);
    say_state("attic/strip", "0", "#FF0000");
    turns(5);
    assert_int_equal(info("wled/home/attic/strip").reach, LIGHT_REACH_ONLINE);
}

static void one_with_a_host_waits_for_its_document(void **unused)
{
    (void)unused;
    wire_up();
    say_state("wled/hosted", "128", "#FF0000");
    turns(50);
    assert_int_equal(hub_light_count(bench.hub), 0); /* what it is nobody has said */
    assert_int_equal(asked("wled/hosted/api"), 0);
}

static void its_state_is_the_answer(void **unused)
{
    (void)unused;
    struct answer a, b;
    one_strip();
    ask(&a, STRIP, level(50), 0);
    assert_string_equal(last_topic(), "wled/c0ffee/api");
    assert_string_equal(last_payload(), "{\"on\":true,\"bri\":128,\"tt\":0,\"nl\":{}}");
    say_state("wled/c0ffee", "255", "#FF0000"); /* as it was */
    turns(5);
    assert_int_equal(a.done, 0);
    say_state("wled/c0ffee", "128", "#FF0000");
    WAIT(a.done);
    assert_true(a.result == 0 && a.basis == BASIS_REPORTED && a.state.level == 5020);
    ask(&a, STRIP, level(10), 0);
    ask(&b, STRIP, (struct light_state){.has = LIGHT_COLOR, .hue = 24000, .saturation = 10000}, 2000);
    say_state("wled/c0ffee", "26", "#0000FF"); /* both at once: it publishes once a second */
    WAIT(a.done && b.done);
    assert_true(a.result == 0 && b.result == 0 && b.basis == BASIS_ACCEPTED);
    assert_int_equal(info(STRIP).reported.hue, 24000);
}

static void off_keeps_its_level(void **unused)
{
    (void)unused;
    struct answer a;
    one_strip();
    ask(&a, STRIP, on_off(false), 0);
    say_state("wled/c0ffee", "0", "#FF0000");
    WAIT(a.done);
    assert_false(info(STRIP).reported.on);
    assert_int_equal(info(STRIP).reported.level, 10000);
}

static void its_will_and_its_return(void **unused)
{
    (void)unused;
    struct answer a;
    one_strip();
    ask(&a, STRIP, level(50), 0);
    say("wled/c0ffee/status", "offline");
    WAIT(a.done);
    assert_int_equal(a.result, ERR_OFFLINE);
    assert_int_equal(info(STRIP).reach, LIGHT_REACH_OFFLINE);
    forget_sent();
    say("wled/c0ffee/status", "online");
    assert_int_equal(info(STRIP).reach, LIGHT_REACH_ONLINE);
    WAIT(asked("wled/c0ffee/api") > 0);
    say_state("wled/c0ffee", "64", "#00FF00");
    turns(20);
    forget_sent();
    say("wled/c0ffee/status", "online"); /* with every state */
    turns(20);
    assert_int_equal(wire.count, 0);
    wire_down();
    assert_int_equal(info(STRIP).reach, LIGHT_REACH_OFFLINE);
    wire_up();
    WAIT(asked("wled/c0ffee/api") > 0);
    say("wled/c0ffee/g", "64");
    assert_int_equal(info(STRIP).reach, LIGHT_REACH_ONLINE);
}

static void garbage_changes_nothing(void **unused)
{
    (void)unused;
    static const char *const lines[] = {"", "256", "#12", "maybe", "\xff"};
    one_strip();
    unsigned before = (unsigned)hub_stats(bench.hub).garbage;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        say("wled/c0ffee/g", lines[i]);
        say("wled/c0ffee/c", lines[i]);
        say("wled/c0ffee/status", lines[i]);
        say("wled/c0ffee/v", lines[i]);
    }
    turns(5);
    assert_int_equal(hub_stats(bench.hub).garbage,
                     before + 12); /* empty ones are retained messages that were cleared */
    assert_int_equal(bench.states, 0);
    assert_int_equal(info(STRIP).reach, LIGHT_REACH_ONLINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WLED(is_found_by_its_topic),
        WLED(one_that_is_named_is_asked_without_a_word),
        WLED(one_with_a_host_waits_for_its_document),
        WLED(its_state_is_the_answer),
        WLED(off_keeps_its_level),
        WLED(its_will_and_its_return),
        WLED(garbage_changes_nothing),
    };
    return run_cases("wled", tests, sizeof tests / sizeof tests[0]);
}
