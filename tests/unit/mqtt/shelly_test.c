/* Shellys of both generations at work, in a real hub over a wire that is ours. */
#include "runtime.h"

#define SHELLY_MAC "A8032AB636EC"
#define LIGHT_0 "mac/" SHELLY_MAC "/light:0"
#define DEVICE_INFO                                                                                                    \
    "{\"id\":\"shellydimmerg3-a8032ab636ec\",\"mac\":\"" SHELLY_MAC "\",\"gen\":3,\"model\":\"S3DM\",\"ver\":\"1.7."   \
    "1\"}"
#define BULB_MAC "349454AA00FF"
#define BULB "mac/" BULB_MAC "/color:0"

static int setup_shelly(void **state)
{
    static const char *const prefixes[] = {"house/attic", "+", NULL};
    static const char *const base[] = {"shellies", NULL};
    (void)state;
    return open_bench_with(&(struct mqtt_config){.host = "broker", .port = 1883, .shelly = prefixes, .shelly1 = base});
}

static int setup_shelly_optimistic(void **state)
{
    static const char *const prefixes[] = {"+", NULL};
    (void)state;
    return open_bench_with(
        &(struct mqtt_config){.host = "broker", .port = 1883, .shelly = prefixes, .optimistic = true});
}

#define SHELLY(name) cmocka_unit_test_setup_teardown(name, setup_shelly, teardown)

static unsigned garbage(void)
{
    return (unsigned)hub_stats(bench.hub).garbage;
}

/* The last request to `topic` whose method is `method`: its id, 0 where there is none. Its src is where to answer. */
static unsigned request_id(const char *topic, const char *method, char ret_src[128])
{
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "\"method\":\"%s\"", method);
    for (size_t i = wire.count; i-- > 0;) {
        const char *payload = wire.sent[i].payload;
        unsigned id;
        if (strcmp(wire.sent[i].topic, topic) == 0 && strstr(payload, wanted) &&
            sscanf(payload, "{\"id\":%u,\"src\":\"%127[^\"]", &id, ret_src) == 2) {
            return id;
        }
    }
    return 0;
}

static void respond(const char *topic, const char *method, const char *what)
{
    char src[128] = "";
    struct str answer_topic = STR_INIT;
    struct str payload = STR_INIT;
    unsigned id = request_id(topic, method, src);
    assert_int_not_equal(id, 0);
    str_printf(&answer_topic, "%s/rpc", src);
    str_printf(&payload, "{\"id\":%u,\"src\":\"x\",\"dst\":\"%s\",%s}", id, src, what);
    say(str_z(&answer_topic), str_z(&payload));
    str_done(&answer_topic);
    str_done(&payload);
}

static bool asked(const char *topic, const char *method)
{
    char src[128];
    return request_id(topic, method, src) != 0;
}

#define RPC "dimmer/rpc"

static void introduce(const char *rpc, const char *status)
{
    WAIT(asked(rpc, "Shelly.GetDeviceInfo"));
    respond(rpc, "Shelly.GetDeviceInfo", "\"result\":" DEVICE_INFO);
    WAIT(asked(rpc, "Shelly.GetStatus"));
    respond(rpc, "Shelly.GetStatus", status);
    WAIT(asked(rpc, "Shelly.GetConfig"));
    respond(rpc, "Shelly.GetConfig", "\"result\":{\"light:0\":{\"id\":0,\"name\":\"Attic\"}}");
}

#define OFF_80 "\"result\":{\"light:0\":{\"id\":0,\"output\":false,\"brightness\":80},\"sys\":{}}"

/* One dimmer, there and known: off at 80 %. */
static void one_dimmer(void)
{
    wire_up();
    say("dimmer/online", "true");
    introduce(RPC, OFF_80);
    forget_sent();
    say("dimmer/events/rpc",
        "{\"method\":\"NotifyStatus\",\"params\":{\"light:0\":{\"output\":false,\"brightness\":80}}}");
    turns(5);
    assert_int_equal(info(LIGHT_0).reach, LIGHT_REACH_ONLINE);
    assert_int_equal(info(LIGHT_0).reported.level, 8000);
    forget_sent();
    bench.states = bench.reached = bench.removed = 0;
}

static void is_found_by_its_word(void **unused)
{
    (void)unused;
    one_dimmer();
    assert_string_equal(info(LIGHT_0).name, "Attic");
    assert_string_equal(info(LIGHT_0).model, "S3DM");
    assert_true(subscription("+/online") && subscription("+/events/rpc"));
}

static void whoever_is_none_is_asked_and_left(void **unused)
{
    (void)unused;
    wire_up();
    say("other/online", "true");
    WAIT(asked("other/rpc", "Shelly.GetDeviceInfo"));
    respond("other/rpc", "Shelly.GetDeviceInfo", "\"result\":{\"mac\":\"A8032AB636EC\"}"); /* no generation */
    say("someone/online", "yes");
    say("a/b/online", "true"); /* two levels: it must be named */
    turns(50);
    assert_int_equal(hub_light_count(bench.hub), 0);
    assert_false(asked("someone/rpc", "Shelly.GetDeviceInfo"));
    assert_false(asked("a/b/rpc", "Shelly.GetDeviceInfo"));
    assert_int_equal(garbage(), 1);
}

static void a_named_prefix_is_asked_without_a_word(void **unused)
{
    (void)unused;
    wire_up();
    introduce("house/attic/rpc", OFF_80);
    WAIT(find(LIGHT_0) != NULL);
    char src[128], other[128];
    (void)request_id("house/attic/rpc", "Shelly.GetStatus", src);
    say("dimmer/online", "true");
    WAIT(request_id(RPC, "Shelly.GetDeviceInfo", other) != 0);
    assert_string_not_equal(src, other); /* answers must not be taken for another's */
}

static void its_answer_and_its_state_are_the_answer(void **unused)
{
    (void)unused;
    struct answer a;
    one_dimmer();
    ask(&a, LIGHT_0, level(50), 0);
    assert_string_equal(last_topic(), RPC);
    assert_non_null(strstr(last_payload(), "\"params\":{\"id\":0,\"on\":true,\"brightness\":50}"));
    /* what it showed before, said once more, is no answer */
    say("dimmer/events/rpc",
        "{\"method\":\"NotifyStatus\",\"params\":{\"light:0\":{\"output\":false,\"brightness\":80}}}");
    turns(5);
    assert_int_equal(a.done, 0);
    respond(RPC, "Light.Set", "\"result\":null");
    assert_true(asked(RPC, "Light.GetStatus"));
    /* only what has changed is said: it is laid over what is known */
    say("dimmer/events/rpc", "{\"method\":\"NotifyStatus\",\"params\":{\"light:0\":{\"brightness\":50}}}");
    turns(5);
    assert_int_equal(a.done, 0);
    say("dimmer/events/rpc", "{\"method\":\"NotifyStatus\",\"params\":{\"light:0\":{\"output\":true}}}");
    WAIT(a.done);
    assert_true(a.result == 0 && a.basis == BASIS_REPORTED && a.state.level == 5000);
    respond(RPC, "Light.GetStatus", "\"result\":{\"id\":0,\"output\":true,\"brightness\":50}"); /* to nobody */
    turns(5);
    assert_int_equal(a.done, 1);
}

static void its_state_may_be_asked_for(void **unused)
{
    (void)unused;
    struct answer a, b;
    one_dimmer();
    ask(&a, LIGHT_0, level(50), 0);
    respond(RPC, "Light.Set", "\"result\":null");
    respond(RPC, "Light.GetStatus", "\"result\":{\"id\":0,\"output\":true,\"brightness\":50}");
    WAIT(a.done);
    assert_true(a.result == 0 && a.basis == BASIS_REPORTED);
    ask(&b, LIGHT_0, level(5), 0);
    respond(RPC, "Light.Set", "\"result\":null");
    respond(RPC, "Light.GetStatus", "\"result\":{\"id\":0,\"output\":true,\"brightness\":10}"); /* its least */
    WAIT(b.done);
    assert_true(b.result == 0 && b.basis == BASIS_ACCEPTED);
    assert_int_equal(info(LIGHT_0).reported.level, 500); /* the command was accepted */
}

static void what_is_shown_already_is_answered_at_once(void **unused)
{
    (void)unused;
    struct answer a;
    one_dimmer();
    ask(&a, LIGHT_0, on_off(false), 0);
    respond(RPC, "Light.Set", "\"result\":{\"was_on\":false}");
    WAIT(a.done);
    assert_true(a.result == 0 && a.basis == BASIS_REPORTED);
    assert_false(asked(RPC, "Light.GetStatus"));
}

static void an_error_is_told_in_its_words(void **unused)
{
    (void)unused;
    struct answer a, b;
    one_dimmer();
    ask(&a, LIGHT_0, level(50), 0);
    ask(&b, LIGHT_0, level(60), 0);
    char src[128];
    unsigned newest = request_id(RPC, "Light.Set", src);
    respond(RPC, "Light.Set", "\"error\":{\"code\":-114,\"message\":\"Overtemperature!\"}"); /* to the newest */
    WAIT(b.done);
    assert_int_equal(b.result, ERR_REJECTED);
    assert_string_equal(b.why, "Overtemperature! (-114)");
    assert_int_equal(a.done, 0);
    assert_true(newest > 1);
    WAIT(a.done);
    assert_int_equal(a.result, ERR_TIMEOUT);
}

static void the_newest_takes_the_older_along(void **unused)
{
    (void)unused;
    struct answer a, b;
    one_dimmer();
    ask(&a, LIGHT_0, level(50), 0); /* lost */
    ask(&b, LIGHT_0, level(60), 500);
    respond(RPC, "Light.Set", "\"result\":null");
    WAIT(a.done && b.done);
    assert_true(a.result == 0 && b.result == 0 && b.basis == BASIS_ACCEPTED);
    say("dimmer/events/rpc", "{\"method\":\"NotifyStatus\",\"params\":{\"light:0\":{\"brightness\":12,\"output\":true,"
                             "\"transition\":{\"target\":{\"output\":true,\"brightness\":60}}}}}");
    turns(5);
    assert_int_equal(info(LIGHT_0).reported.level, 6000); /* where it goes, and not the way there */
}

static void its_will_ends_what_is_under_way(void **unused)
{
    (void)unused;
    struct answer a;
    one_dimmer();
    ask(&a, LIGHT_0, level(50), 0);
    say("dimmer/online", "false");
    WAIT(a.done);
    assert_int_equal(a.result, ERR_OFFLINE);
    assert_int_equal(info(LIGHT_0).reach, LIGHT_REACH_OFFLINE);
    forget_sent();
    say("dimmer/online", "true");
    assert_int_equal(info(LIGHT_0).reach, LIGHT_REACH_ONLINE);
    WAIT(asked(RPC, "Shelly.GetDeviceInfo")); /* it has begun anew, perhaps with another version */
    respond(RPC, "Shelly.GetDeviceInfo", "\"result\":" DEVICE_INFO);
    WAIT(asked(RPC, "Shelly.GetStatus"));
    respond(RPC, "Shelly.GetStatus", "\"result\":{\"light:0\":{\"output\":true,\"brightness\":30}}");
    turns(5);
    assert_int_equal(info(LIGHT_0).reported.level, 3000);
}

static void another_profile_has_other_lights(void **unused)
{
    (void)unused;
    one_dimmer();
    say("dimmer/events/rpc",
        "{\"method\":\"NotifyEvent\",\"params\":{\"events\":[{\"component\":\"sys\",\"event\":\"config_changed\"}]}}");
    WAIT(asked(RPC, "Shelly.GetStatus"));
    respond(RPC, "Shelly.GetStatus", "\"result\":{\"rgb:0\":{\"output\":true,\"rgb\":[255,0,0],\"brightness\":100}}");
    respond(RPC, "Shelly.GetConfig", "\"error\":{\"code\":404,\"message\":\"no\"}"); /* then without names */
    WAIT(find("mac/" SHELLY_MAC "/rgb:0") != NULL);
    assert_null(find(LIGHT_0));
    turns(5);
    assert_int_equal(bench.removed, 1);
}

static void the_brokers_word_is_enough_where_that_is_wanted(void **unused)
{
    (void)unused;
    struct answer a;
    one_dimmer();
    ask(&a, LIGHT_0, level(50), 0);
    wire.events.acknowledged(wire.user, wire.sent[wire.count - 1].mid);
    WAIT(a.done);
    assert_true(a.result == 0 && a.basis == BASIS_ACCEPTED);
}

static void garbage_changes_nothing(void **unused)
{
    (void)unused;
    static const char *const lines[] = {"", "[]", "{\"method\":", "\xff", "7"};
    one_dimmer();
    unsigned before = garbage();
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        say("dimmer/events/rpc", lines[i]);
        say("dimmer/online", lines[i]);
    }
    turns(5);
    assert_true(garbage() >= before + 8);
    assert_int_equal(bench.states, 0);
    assert_int_equal(info(LIGHT_0).reach, LIGHT_REACH_ONLINE);
}

/* ---- generation 1 ---- */

#define ANNOUNCE(id, model)                                                                                            \
    "{\"id\":\"" id "\",\"model\":\"" model "\",\"mac\":\"" BULB_MAC "\",\"ip\":\"1.2.3.4\",\"fw_ver\":\"1.14\"}"
#define BULB_RED "{\"ison\":true,\"mode\":\"color\",\"red\":255,\"green\":0,\"blue\":0,\"white\":0,\"gain\":50}"

static size_t orders(const char *topic, const char *word)
{
    size_t count = 0;
    for (size_t i = 0; i < wire.count; i++) {
        count += strcmp(wire.sent[i].topic, topic) == 0 && strcmp(wire.sent[i].payload, word) == 0;
    }
    return count;
}

static void one_bulb(void)
{
    wire_up();
    assert_int_equal(orders("shellies/command", "announce"), 1);
    say("shellies/bulb/online", "true");
    say("shellies/bulb/color/0/status", BULB_RED); /* nobody knows yet who that is */
    WAIT(orders("shellies/bulb/command", "announce") > 0);
    assert_int_equal(hub_light_count(bench.hub), 0);
    say("shellies/announce", ANNOUNCE("bulb", "SHCB-1"));
    WAIT(orders("shellies/bulb/command", "update") > 0);
    say("shellies/bulb/color/0/status", BULB_RED);
    turns(5);
    assert_int_equal(info(BULB).reach, LIGHT_REACH_ONLINE);
    assert_int_equal(info(BULB).profile.can, LIGHT_ALL);
    forget_sent();
    bench.states = bench.reached = bench.removed = 0;
}

static void a_status_is_the_answer(void **unused)
{
    (void)unused;
    struct answer a;
    one_bulb();
    ask(&a, BULB, (struct light_state){.has = LIGHT_KELVIN, .kelvin = 4000}, 0);
    assert_string_equal(last_topic(), "shellies/bulb/color/0/set");
    assert_string_equal(last_payload(), "{\"mode\":\"white\",\"temp\":4000}");
    say("shellies/bulb/color/0/status", BULB_RED);
    turns(5);
    assert_int_equal(a.done, 0);
    say("shellies/bulb/color/0/status", "{\"ison\":true,\"mode\":\"white\",\"brightness\":50,\"temp\":4000}");
    WAIT(a.done);
    assert_true(a.result == 0 && a.basis == BASIS_REPORTED && a.state.mode == LIGHT_MODE_WHITE);
}

static void what_changes_nothing_is_followed_by_a_question(void **unused)
{
    (void)unused;
    struct answer a;
    one_bulb();
    ask(&a, BULB, on_off(true), 0);
    assert_int_equal(orders("shellies/bulb/command", "update"), 1);
    say("shellies/bulb/color/0/status", BULB_RED);
    WAIT(a.done);
    assert_int_equal(a.result, 0);
}

static void a_light_keeps_its_id_under_another_topic(void **unused)
{
    (void)unused;
    one_bulb();
    say("shellies/bulb/online", "false");
    assert_int_equal(info(BULB).reach, LIGHT_REACH_OFFLINE);
    say("shellies/attic/online", "true");
    say("shellies/attic/announce", ANNOUNCE("attic", "SHCB-1"));
    say("shellies/attic/color/0/status", BULB_RED);
    turns(5);
    assert_int_equal(hub_light_count(bench.hub), 1);
    assert_int_equal(info(BULB).reach, LIGHT_REACH_ONLINE);
    assert_non_null(strstr(info(BULB).where, "attic"));
    say("shellies/bulb/online", "false"); /* retained, and said once more */
    turns(5);
    assert_int_equal(info(BULB).reach, LIGHT_REACH_ONLINE);
}

static void an_rgbw2_is_one_lamp_or_four(void **unused)
{
    (void)unused;
    wire_up();
    say("shellies/announce", ANNOUNCE("strip", "SHRGBW2"));
    say("shellies/strip/color/0/status", BULB_RED);
    turns(5);
    assert_non_null(find(BULB));
    for (int i = 0; i < 4; i++) {
        char topic[64];
        (void)snprintf(topic, sizeof topic, "shellies/strip/white/%d/status", i);
        say(topic, "{\"ison\":false,\"mode\":\"white\",\"brightness\":10}");
    }
    turns(5);
    assert_null(find(BULB));
    assert_non_null(find("mac/" BULB_MAC "/white:3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHELLY(is_found_by_its_word),
        SHELLY(whoever_is_none_is_asked_and_left),
        SHELLY(a_named_prefix_is_asked_without_a_word),
        SHELLY(its_answer_and_its_state_are_the_answer),
        SHELLY(its_state_may_be_asked_for),
        SHELLY(what_is_shown_already_is_answered_at_once),
        SHELLY(an_error_is_told_in_its_words),
        SHELLY(the_newest_takes_the_older_along),
        SHELLY(its_will_ends_what_is_under_way),
        SHELLY(another_profile_has_other_lights),
        cmocka_unit_test_setup_teardown(the_brokers_word_is_enough_where_that_is_wanted, setup_shelly_optimistic,
                                        teardown),
        SHELLY(garbage_changes_nothing),
        SHELLY(a_status_is_the_answer),
        SHELLY(what_changes_nothing_is_followed_by_a_question),
        SHELLY(a_light_keeps_its_id_under_another_topic),
        SHELLY(an_rgbw2_is_one_lamp_or_four),
    };
    return run_cases("shelly", tests, sizeof tests / sizeof tests[0]);
}
