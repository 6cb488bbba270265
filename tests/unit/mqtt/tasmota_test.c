/* Tasmota's modules at work, in a real hub over a wire that is ours: discovery, topics, who is reachable, commands. */
#include "runtime.h"

#define MAC_A "A4CF12000001"
#define MAC_B "A4CF12000002"
#define FIRST "mac/" MAC_A "/1"
#define SECOND "mac/" MAC_A "/2"
#define DISCOVERY(mac) "tasmota/discovery/" mac "/config"
/* What differs between the cases; the rest is as the firmware says it. */
#define CONFIG(mac, topic, relays, type, options)                                                                      \
    "{\"ip\":\"10.0.0.2\",\"dn\":\"Desk\",\"fn\":[\"Left\",\"Right\",null],\"hn\":\"h\",\"mac\":\"" mac                \
    "\",\"md\":\"Sonoff\",\"ty\":0,\"if\":0,\"ofln\":\"Offline\",\"onln\":\"Online\","                                 \
    "\"state\":[\"OFF\",\"ON\",\"TOGGLE\",\"HOLD\"],\"sw\":\"13.4.0\",\"t\":\"" topic                                  \
    "\",\"ft\":\"%prefix%/%topic%/\",\"tp\":[\"cmnd\",\"stat\",\"tele\"],\"rl\":[" relays "],\"so\":{" options         \
    "},\"lk\":1,\"lt_st\":" type ",\"ver\":1}"
#define DIMMER CONFIG(MAC_A, "desk", "2", "1", "\"4\":0")

static int setup_tasmota(void **state)
{
    static const char *const discovery[] = {"tasmota/discovery", NULL};
    (void)state;
    return open_bench_with(&(struct mqtt_config){.host = "broker", .port = 1883, .tasmota = discovery});
}

#define TASMOTA(name) cmocka_unit_test_setup_teardown(name, setup_tasmota, teardown)

/* One dimmer, there and known: on at 50 %. */
static void one_dimmer(void)
{
    wire_up();
    say(DISCOVERY(MAC_A), DIMMER);
    say("tele/desk/LWT", "Online");
    say("stat/desk/RESULT", "{\"Time\":\"x\",\"POWER\":\"ON\",\"Dimmer\":50}");
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_ONLINE);
    forget_sent();
    bench.states = bench.reached = bench.removed = 0;
}

static size_t sent(const char *topic)
{
    size_t count = 0;
    for (size_t i = 0; i < wire.count; i++) {
        count += strcmp(wire.sent[i].topic, topic) == 0;
    }
    return count;
}

static unsigned garbage(void)
{
    return (unsigned)hub_stats(bench.hub).garbage;
}

static void count_answers(void *user, const struct hub_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(results[i].result, 0);
    }
    *(unsigned *)user += (unsigned)count;
}

/* ---- discovery ---- */

static void announces_what_a_module_has(void **unused)
{
    (void)unused;
    wire_up();
    assert_non_null(subscription("tasmota/discovery/+/config"));
    say(DISCOVERY(MAC_A), CONFIG(MAC_A, "desk", "1,2,0", "5", "\"82\":1"));
    turns(5);
    struct light_info plug = info(FIRST), lamp = info(SECOND);
    assert_string_equal(plug.name, "Left");
    assert_int_equal(plug.profile.kind, LIGHT_KIND_SWITCH);
    assert_int_equal(plug.profile.can, LIGHT_ON);
    assert_string_equal(lamp.name, "Right");
    assert_int_equal(lamp.profile.can, LIGHT_ALL);
    assert_int_equal(lamp.profile.min_kelvin, 2632);
    assert_int_equal(lamp.profile.max_kelvin, 5000);
    assert_string_equal(lamp.where, "mqtt/home tasmota/desk");
    assert_int_equal(lamp.reach, LIGHT_REACH_UNKNOWN);
    assert_non_null(subscription("tele/desk/LWT"));
    assert_non_null(subscription("tele/desk/STATE"));
    assert_non_null(subscription("stat/desk/RESULT"));
    assert_non_null(subscription("stat/desk/STATUS11"));
    assert_null(subscription("stat/desk/DIMMER"));
}

static void the_same_again_is_free(void **unused)
{
    (void)unused;
    one_dimmer();
    size_t filters = wire.filters;
    say(DISCOVERY(MAC_A), DIMMER);
    turns(5);
    assert_int_equal(wire.filters, filters);
    assert_int_equal(bench.states + bench.reached + bench.removed, 0);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_ONLINE);
}

static void an_empty_announcement_withdraws(void **unused)
{
    (void)unused;
    one_dimmer();
    say(DISCOVERY(MAC_A), "");
    turns(5);
    assert_null(find(FIRST));
    assert_int_equal(bench.removed, 1);
    assert_null(subscription("tele/desk/LWT"));
    say(DISCOVERY(MAC_A), ""); /* of nobody */
    say(DISCOVERY(MAC_A), DIMMER);
    turns(5);
    assert_non_null(find(FIRST));
}

static void a_broken_announcement_spares_the_lamps(void **unused)
{
    (void)unused;
    one_dimmer();
    say(DISCOVERY(MAC_A), "{\"mac\":");
    say(DISCOVERY(MAC_A), CONFIG(MAC_B, "desk", "2", "1", "\"4\":0"));
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_ONLINE);
    assert_int_equal(garbage(), 2);
}

/* A relay more, a light less: who stays on its POWER stays who it is. */
static void another_template(void **unused)
{
    struct answer a;
    (void)unused;
    wire_up();
    say(DISCOVERY(MAC_A), CONFIG(MAC_A, "desk", "1,2", "1", "\"4\":0"));
    turns(5);
    char *id = mem_text(info(SECOND).id);
    ask(&a, SECOND, level(20), 0);
    say(DISCOVERY(MAC_A), CONFIG(MAC_A, "desk", "0,2,2", "1", "\"4\":0,\"68\":1"));
    say("stat/desk/RESULT", "{\"POWER2\":\"ON\",\"Channel2\":20}");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
    assert_null(find(FIRST));
    assert_int_equal(bench.removed, 1);
    assert_string_equal(info(SECOND).id, id);
    free(id);
    assert_non_null(find("mac/" MAC_A "/3"));
    say(DISCOVERY(MAC_A), CONFIG(MAC_A, "desk", "3,3", "0", "\"4\":0"));
    turns(5);
    assert_null(find(SECOND));
}

static void another_topic_is_the_same_lamp(void **unused)
{
    (void)unused;
    struct answer a;
    one_dimmer();
    char *id = mem_text(info(FIRST).id);
    say("tele/desk/LWT", "Offline"); /* CmndTopic says it on the old one */
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_OFFLINE);
    say(DISCOVERY(MAC_A), CONFIG(MAC_A, "bed/left", "2", "1", "\"4\":0"));
    turns(5);
    assert_string_equal(info(FIRST).id, id);
    free(id);
    assert_string_equal(info(FIRST).where, "mqtt/home tasmota/bed/left");
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_UNKNOWN);
    assert_null(subscription("tele/desk/LWT"));
    assert_null(subscription("stat/desk/RESULT"));
    say("tele/bed/left/LWT", "Online");
    say("tele/desk/LWT", "Offline"); /* on its way still */
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_ONLINE);
    ask(&a, FIRST, level(20), 0);
    assert_string_equal(last_topic(), "cmnd/bed/left/Dimmer");
    say("stat/bed/left/RESULT", "{\"POWER\":\"ON\",\"Dimmer\":20}");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
}

/* The dead one's announcement stays retained; the topic is whose was heard last. */
static void another_module_takes_the_topic(void **unused)
{
    (void)unused;
    struct answer a, b;
    one_dimmer();
    ask(&a, FIRST, level(20), 0);
    say(DISCOVERY(MAC_B), CONFIG(MAC_B, "desk", "2", "1", "\"4\":0"));
    WAIT(a.done);
    assert_int_equal(a.result, ERR_OFFLINE);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_OFFLINE);
    say("tele/desk/LWT", "Online");
    say("stat/desk/RESULT", "{\"POWER\":\"ON\",\"Dimmer\":70}");
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_OFFLINE);
    assert_int_equal(info("mac/" MAC_B "/1").reported.level, 7000);
    ask(&b, "mac/" MAC_B "/1", level(30), 0);
    say("stat/desk/RESULT", "{\"POWER\":\"ON\",\"Dimmer\":30}");
    WAIT(b.done);
    assert_int_equal(b.result, 0);
}

#define NETWORK(mac) "{\"StatusNET\":{\"Hostname\":\"h\",\"Mac\":\"" mac "\",\"Webserver\":2}}"

/* After a reconnect the dead one's announcement may come last: the module itself is asked who it is. */
static void the_module_says_who_it_is(void **unused)
{
    (void)unused;
    struct answer a;
    one_dimmer();
    assert_null(subscription("stat/desk/STATUS5"));
    say(DISCOVERY(MAC_B), CONFIG(MAC_B, "desk", "2", "1", "\"4\":0"));
    assert_int_equal(sent("cmnd/desk/STATUS"), 1);
    assert_string_equal(last_payload(), "5");
    turns(5);
    assert_non_null(subscription("stat/desk/STATUS5"));
    say("stat/desk/STATUS5", NETWORK("A4:CF:12:00:00:02"));
    say("tele/desk/LWT", "Online");
    turns(5);
    assert_int_equal(info("mac/" MAC_B "/1").reach, LIGHT_REACH_ONLINE);
    say(DISCOVERY(MAC_A), DIMMER); /* retained */
    turns(5);
    assert_int_equal(info("mac/" MAC_B "/1").reach, LIGHT_REACH_OFFLINE);
    say("stat/desk/STATUS5", NETWORK("A4:CF:12:00:00:02"));
    say("tele/desk/LWT", "Online");
    turns(5);
    assert_int_equal(info("mac/" MAC_B "/1").reach, LIGHT_REACH_ONLINE);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_OFFLINE);
    say("stat/desk/STATUS5", NETWORK("A4:CF:12:00:00:03")); /* nobody we know */
    say("stat/desk/STATUS5", "?");
    ask(&a, "mac/" MAC_B "/1", level(30), 0);
    say("stat/desk/RESULT", "{\"POWER\":\"ON\",\"Dimmer\":30}");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
    ask(&a, FIRST, level(30), 0);
    WAIT(a.done);
    assert_int_equal(a.result, ERR_OFFLINE);
}

/* Whoever leaves contested topics leaves them to the other. */
static void the_topic_falls_to_who_is_left(void **unused)
{
    (void)unused;
    static const char *const ways[] = {"", CONFIG(MAC_A, "attic", "2", "1", "\"4\":0")};
    for (size_t i = 0; i < 2; i++) {
        if (i == 0) {
            one_dimmer();
        }
        say(DISCOVERY(MAC_B), CONFIG(MAC_B, "desk", "2", "1", "\"4\":0"));
        say(DISCOVERY(MAC_A), DIMMER); /* the dead one's is the last */
        turns(5);
        assert_int_equal(info("mac/" MAC_B "/1").reach, LIGHT_REACH_OFFLINE);
        say(DISCOVERY(MAC_A), ways[i]);
        turns(5);
        say("tele/desk/LWT", "Online");
        say("stat/desk/RESULT", "{\"POWER\":\"ON\",\"Dimmer\":60}");
        turns(5);
        assert_int_equal(info("mac/" MAC_B "/1").reach, LIGHT_REACH_ONLINE);
        assert_int_equal(info("mac/" MAC_B "/1").reported.level, 6000);
    }
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_UNKNOWN); /* in the attic */
}

/* ---- who is reachable ---- */

static void lwt_says_who_is_there(void **unused)
{
    (void)unused;
    struct answer a;
    one_dimmer();
    ask(&a, FIRST, level(20), 0);
    say("tele/desk/LWT", "Offline");
    WAIT(a.done);
    assert_int_equal(a.result, ERR_OFFLINE);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_OFFLINE);
    say("tele/desk/STATE", "{\"POWER\":\"ON\",\"Dimmer\":50}"); /* StateRetain: it is gone all the same */
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_OFFLINE);
    say("tele/desk/LWT", "");
    say("tele/desk/LWT", "no word of it");
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_OFFLINE);
    assert_int_equal(garbage(), 1);
    forget_sent();
    say("tele/desk/LWT", "Online");
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_ONLINE);
    WAIT(sent("cmnd/desk/STATE") > 0); /* it says nothing by itself after a reconnect */
}

/* SetOption104 retains no LWT: it is there when it speaks. */
static void a_module_without_lwt_is_there_when_it_speaks(void **unused)
{
    (void)unused;
    wire_up();
    say(DISCOVERY(MAC_A), DIMMER);
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_UNKNOWN);
    say("stat/desk/RESULT", "{\"Command\":\"Unknown\"}"); /* says nothing of a lamp */
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_UNKNOWN);
    say("stat/desk/RESULT", "{\"POWER\":\"OFF\",\"Dimmer\":50}");
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_ONLINE);
    say(DISCOVERY(MAC_A), DIMMER); /* again, as after its reconnect: it is still there */
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_ONLINE);
}

static void the_broker_goes_and_comes(void **unused)
{
    (void)unused;
    struct answer a;
    one_dimmer();
    ask(&a, FIRST, level(20), 0);
    wire_down();
    WAIT(a.done);
    assert_int_equal(a.result, ERR_OFFLINE);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_OFFLINE);
    wire_up();
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_UNKNOWN); /* nobody has said yet that it is still there */
    WAIT(sent("cmnd/desk/STATE") > 0);
    say("tele/desk/LWT", "Online");
    turns(5);
    assert_int_equal(info(FIRST).reach, LIGHT_REACH_ONLINE);
}

/* ---- asking ---- */

static void asks_what_is_not_retained(void **unused)
{
    (void)unused;
    char topic[64], text[1024];
    wire_up();
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(topic, sizeof topic, "tasmota/discovery/A4CF1200000%u/config", i);
        (void)snprintf(text, sizeof text,
                       "{\"mac\":\"A4CF1200000%u\",\"t\":\"t%u\",\"ft\":\"%%prefix%%/%%topic%%/\",\"rl\":[1]}", i, i);
        say(topic, text);
    }
    assert_int_equal(wire.count, 0);
    WAIT(wire.count > 0);
    assert_true(wire.count < 4); /* one after the other */
    assert_int_equal(strlen(last_payload()), 0);
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(topic, sizeof topic, "cmnd/t%u/STATE", i);
        WAIT(sent(topic) > 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(topic, sizeof topic, "stat/t%u/RESULT", i);
        say(topic, i < 3 ? "{\"POWER\":\"ON\"}" : "{\"Command\":\"Unknown\"}");
    }
    forget_sent();
    WAIT(wire.count > 0); /* the fourth has not said it */
    assert_string_equal(last_topic(), "cmnd/t3/STATE");
}

/* ---- commands ---- */

static void the_lamps_word_is_the_answer(void **unused)
{
    (void)unused;
    struct answer a;
    one_dimmer();
    ask(&a, FIRST, level(20), 0);
    assert_string_equal(last_topic(), "cmnd/desk/Dimmer");
    assert_string_equal(last_payload(), "20");
    say("tele/desk/STATE", "{\"POWER\":\"ON\",\"Dimmer\":50}"); /* what it was before: a report, no answer */
    say("stat/desk/RESULT", "{\"Speed\":1}");
    turns(5);
    assert_int_equal(a.done, 0);
    say("stat/desk/RESULT", "{\"POWER\":\"ON\",\"Dimmer\":20}");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
    assert_int_equal(a.basis, BASIS_REPORTED);
    assert_int_equal(a.state.level, 2000);
}

static void an_answer_may_come_on_any_of_its_topics(void **unused)
{
    (void)unused;
    static const struct {
        const char *topic, *text;
    } ways[] = {{"tele/desk/STATE", "{\"POWER\":\"ON\",\"Dimmer\":20}"},
                {"stat/desk/STATUS11", "{\"StatusSTS\":{\"POWER\":\"ON\",\"Dimmer\":20}}"},
                {"stat/desk/RESULT", "{\"POWER1\":\"ON\",\"Dimmer\":20}"}};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct answer a;
        if (i == 0) {
            one_dimmer();
        }
        ask(&a, FIRST, level(20), 0);
        say(ways[i].topic, ways[i].text);
        WAIT(a.done);
        assert_int_equal(a.result, 0);
        assert_int_equal(a.basis, BASIS_REPORTED);
        say("stat/desk/RESULT", "{\"POWER\":\"ON\",\"Dimmer\":50}");
    }
}

static void a_fade_is_for_once(void **unused)
{
    (void)unused;
    struct answer a;
    one_dimmer();
    ask(&a, FIRST, level(100), 3000);
    assert_string_equal(last_topic(), "cmnd/desk/Backlog0");
    assert_string_equal(last_payload(), "Fade2 1;Speed2 12;Dimmer 100"); /* half the way in 3 s: 6 s for all of it */
    say("stat/desk/RESULT", "{\"Fade\":\"OFF\"}");
    say("stat/desk/RESULT", "{\"Speed2\":12}");
    turns(5);
    assert_int_equal(a.done, 0);
    say("stat/desk/RESULT", "{\"POWER\":\"ON\",\"Dimmer\":100}");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
    assert_int_equal(a.basis, BASIS_ACCEPTED); /* it says where it goes, not where it is */
}

static void settles_on_the_lamps_own_truth(void **unused)
{
    (void)unused;
    struct answer a;
    one_dimmer();
    ask(&a, FIRST, level(20), 0);
    say("stat/desk/RESULT", "{\"POWER\":\"ON\",\"Dimmer\":30}"); /* DimmerRange, a rule: it does as it likes */
    WAIT(a.done);
    assert_int_equal(a.result, ERR_TIMEOUT);
    assert_int_equal(info(FIRST).reported.level, 3000);
}

/* SetOption4: answers come on the command's own topic, and POWER also as a mere word. */
static void answers_by_command(void **unused)
{
    (void)unused;
    struct answer a;
    wire_up();
    say(DISCOVERY(MAC_A), CONFIG(MAC_A, "desk", "1,2", "1", "\"4\":1"));
    say("tele/desk/LWT", "Online");
    turns(5);
    assert_non_null(subscription("stat/desk/DIMMER"));
    assert_non_null(subscription("stat/desk/POWER2"));
    ask(&a, SECOND, level(20), 0);
    say("stat/desk/DIMMER", "{\"POWER2\":\"ON\",\"Dimmer\":20}");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
    ask(&a, FIRST, on_off(true), 0);
    assert_string_equal(last_topic(), "cmnd/desk/POWER1");
    say("stat/desk/POWER1", "ON");
    turns(5);
    assert_int_equal(a.done, 0);
    say("stat/desk/POWER1", "{\"POWER1\":\"ON\"}");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
    assert_int_equal(garbage(), 0);
    say(DISCOVERY(MAC_A), CONFIG(MAC_A, "desk", "1,2", "1", "\"4\":0"));
    turns(5);
    assert_null(subscription("stat/desk/DIMMER"));
    assert_non_null(subscription("stat/desk/RESULT"));
}

static void surprises_change_nothing(void **unused)
{
    (void)unused;
    char *large = malloc(70000);
    one_dimmer();
    memset(large, ' ', 70000);
    large[0] = '{';
    large[69998] = '}';
    large[69999] = 0;
    say("stat/desk/RESULT", large);
    say("stat/desk/RESULT", "\xff\xfe");
    say("tele/desk/STATE", "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]");
    say("stat/desk/RESULT", "");
    say("tele/desk/STATE", "{}");
    turns(5);
    free(large);
    assert_int_equal(garbage(), 3);
    assert_int_equal(bench.states, 0);
    assert_int_equal(info(FIRST).reported.level, 5000);
}

/* No popcorn: what one request asks of twenty lamps is sent before the loop turns. */
static void twenty_lamps_leave_in_one_turn(void **unused)
{
    (void)unused;
    enum { LAMPS = 20 };
    struct hub_command commands[LAMPS];
    char topic[64], text[1024];
    unsigned done = 0;
    wire_up();
    for (unsigned i = 0; i < LAMPS; i++) {
        (void)snprintf(topic, sizeof topic, "tasmota/discovery/A4CF120000%02u/config", i);
        (void)snprintf(
            text, sizeof text,
            "{\"mac\":\"A4CF120000%02u\",\"t\":\"t%u\",\"ft\":\"%%prefix%%/%%topic%%/\",\"rl\":[2],\"lt_st\":1}", i, i);
        say(topic, text);
        (void)snprintf(topic, sizeof topic, "mac/A4CF120000%02u/1", i);
        commands[i] = (struct hub_command){find(topic), level(40), 0};
        assert_non_null(commands[i].light);
    }
    forget_sent();
    hub_apply(bench.hub, commands, LAMPS, count_answers, &done);
    assert_int_equal(wire.count, LAMPS);
    for (unsigned i = 0; i < LAMPS; i++) {
        (void)snprintf(topic, sizeof topic, "cmnd/t%u/Dimmer", i);
        assert_int_equal(sent(topic), 1);
        (void)snprintf(topic, sizeof topic, "stat/t%u/RESULT", i);
        say(topic, "{\"POWER\":\"ON\",\"Dimmer\":40}");
    }
    WAIT(done == LAMPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TASMOTA(announces_what_a_module_has),
        TASMOTA(the_same_again_is_free),
        TASMOTA(an_empty_announcement_withdraws),
        TASMOTA(a_broken_announcement_spares_the_lamps),
        TASMOTA(another_template),
        TASMOTA(another_topic_is_the_same_lamp),
        TASMOTA(another_module_takes_the_topic),
        TASMOTA(the_module_says_who_it_is),
        TASMOTA(the_topic_falls_to_who_is_left),
        TASMOTA(lwt_says_who_is_there),
        TASMOTA(a_module_without_lwt_is_there_when_it_speaks),
        TASMOTA(the_broker_goes_and_comes),
        TASMOTA(asks_what_is_not_retained),
        TASMOTA(the_lamps_word_is_the_answer),
        TASMOTA(an_answer_may_come_on_any_of_its_topics),
        TASMOTA(a_fade_is_for_once),
        TASMOTA(settles_on_the_lamps_own_truth),
        TASMOTA(answers_by_command),
        TASMOTA(surprises_change_nothing),
        TASMOTA(twenty_lamps_leave_in_one_turn),
    };
    return run_cases("tasmota", tests, sizeof tests / sizeof tests[0]);
}
