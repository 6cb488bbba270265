/* Home Assistant discovery at work: lamps come and go, commands are answered, and the same lamp by two ways is one
 * lamp. */
#include "runtime.h"

static int setup_ha(void **state)
{
    static const char *const bases[] = {"z", NULL};
    static const char *const prefixes[] = {"ha", NULL};
    (void)state;
    return open_bench_with(
        &(struct mqtt_config){.host = "broker", .port = 1883, .zigbee2mqtt = bases, .homeassistant = prefixes});
}

static int setup_birth(void **state)
{
    static const char *const prefixes[] = {"ha", NULL};
    (void)state;
    return open_bench_with(
        &(struct mqtt_config){.host = "broker", .port = 1883, .homeassistant = prefixes, .homeassistant_birth = true});
}

static void announce(const char *more)
{
    struct str s = STR_INIT;
    str_printf(&s,
               "{\"schema\":\"json\",\"brightness\":true,\"cmd_t\":\"l/set\",\"stat_t\":\"l\",\"uniq_id\":\"u\","
               "\"name\":\"Lamp\"%s}",
               more);
    say("ha/light/lamp/config", str_z(&s));
    str_done(&s);
    turns(10);
}

static void lit(void)
{
    say("l", "{\"state\":\"ON\",\"brightness\":255}");
    turns(10);
    forget_sent();
    bench.states = bench.reached = bench.removed = 0;
}

static size_t lights(void)
{
    size_t count = 0;
    for (size_t i = 0; i < hub_light_count(bench.hub); i++) {
        struct light_info i_;
        hub_light_info(hub_light_at(bench.hub, i), &i_);
        count += !i_.removed;
    }
    return count;
}

static unsigned garbage(void)
{
    return (unsigned)hub_stats(bench.hub).garbage;
}

/* ---- lamps ---- */

static void a_lamp_comes_speaks_obeys_and_goes(void **unused)
{
    (void)unused;
    struct answer a;
    wire_up();
    assert_non_null(subscription("ha/light/+/config"));
    assert_non_null(subscription("ha/device/+/+/config"));
    announce("");
    assert_non_null(subscription("l"));
    assert_int_equal(info("ha/u").reach, LIGHT_REACH_UNKNOWN);
    lit();
    assert_int_equal(info("ha/u").reach, LIGHT_REACH_ONLINE);
    ask(&a, "ha/u", level(50), 0);
    assert_string_equal(last_topic(), "l/set");
    assert_string_equal(last_payload(), "{\"state\":\"ON\",\"brightness\":128}");
    say("l", "{\"state\":\"ON\",\"brightness\":255}"); /* its old state again is no answer */
    turns(10);
    assert_int_equal(a.done, 0);
    say("l", "{\"state\":\"ON\",\"brightness\":128}");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
    assert_int_equal(a.basis, BASIS_REPORTED);
    say("ha/light/lamp/config", "");
    turns(10);
    assert_null(find("ha/u"));
    assert_null(subscription("l"));
    announce(""); /* the same lamp again */
    assert_non_null(find("ha/u"));
}

static void a_dead_lamp_is_a_timeout(void **unused)
{
    (void)unused;
    struct answer a;
    wire_up();
    announce("");
    lit();
    ask(&a, "ha/u", on_off(false), 0);
    WAIT(a.done);
    assert_int_equal(a.result, ERR_TIMEOUT);
}

static void an_optimistic_lamp_is_assumed(void **unused)
{
    (void)unused;
    struct answer a;
    wire_up();
    say("ha/light/mute/config", "{\"cmd_t\":\"m/set\",\"bri_cmd_t\":\"m/bri\",\"uniq_id\":\"mute\"}");
    say("ha/light/half/config", "{\"cmd_t\":\"h/set\",\"stat_t\":\"h\",\"bri_cmd_t\":\"h/bri\",\"uniq_id\":\"half\"}");
    turns(10);
    ask(&a, "ha/mute", level(50), 0);
    assert_string_equal(wire.sent[0].topic, "m/bri");
    assert_string_equal(last_topic(), "m/set");
    WAIT(a.done);
    assert_int_equal(a.basis, BASIS_ASSUMED);
    assert_int_equal(info("ha/mute").reported.level, 5000);
    ask(&a, "ha/half", level(50), 0); /* it says on, and never how bright */
    turns(10);
    assert_int_equal(a.done, 0);
    say("h", "ON");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
    assert_int_equal(a.basis, BASIS_ASSUMED);
    assert_int_equal(info("ha/half").reported.level, 5000);
}

static void what_surprises_changes_nothing_and_is_counted(void **unused)
{
    (void)unused;
    static const char deep[] =
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}}}}}}}}}";
    static const char *const states[] = {"nonsense", "[]", "{\"state\":", "\xff\xfe", deep};
    static const char *const announcements[] = {
        "nonsense", "[]", "{}", "{\"cmd_t\":7}", "{\"cmd_t\":\"\xff\"}", "{\"cmd_t\":\"a\",\"cmd_t\":\"b\"}"};
    wire_up();
    announce("");
    lit();
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        say("l", states[i]);
        assert_int_equal(garbage(), i + 1);
    }
    say("l", ""); /* a retained state was cleared */
    char *much = mem_alloc(70000);
    memset(much, ' ', 69999);
    say("l", much);
    free(much);
    assert_int_equal(garbage(), 6);
    for (size_t i = 0; i < sizeof announcements / sizeof announcements[0]; i++) {
        say("ha/light/lamp/config", announcements[i]);
        assert_int_equal(garbage(), 7 + i);
    }
    turns(10);
    assert_int_equal(info("ha/u").reported.level, 10000);
    assert_int_equal(info("ha/u").reach, LIGHT_REACH_ONLINE);
    assert_int_equal(bench.states + bench.removed, 0);
}

static void availability_in_three_modes(void **unused)
{
    static const struct {
        const char *mode;
        enum light_reach first, both, gone; /* after one is online, both are, the first is offline */
    } rows[] = {
        {"all", LIGHT_REACH_UNKNOWN, LIGHT_REACH_ONLINE, LIGHT_REACH_OFFLINE},
        {"any", LIGHT_REACH_ONLINE, LIGHT_REACH_ONLINE, LIGHT_REACH_ONLINE},
        {"latest", LIGHT_REACH_ONLINE, LIGHT_REACH_ONLINE, LIGHT_REACH_OFFLINE},
    };
    (void)unused;
    wire_up();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str more = STR_INIT;
        str_printf(&more,
                   ",\"avty\":[{\"t\":\"a\"},{\"t\":\"b\",\"val_tpl\":\"{{ value_json.s }}\"}],\"avty_mode\":\"%s\"",
                   rows[i].mode);
        announce(str_z(&more));
        str_done(&more);
        say("a", "online");
        assert_int_equal(info("ha/u").reach, rows[i].first);
        say("b", "{\"s\":\"online\"}");
        assert_int_equal(info("ha/u").reach, rows[i].both);
        say("a", "offline");
        assert_int_equal(info("ha/u").reach, rows[i].gone);
        say("a", "odd");
        assert_int_equal(info("ha/u").reach, rows[i].gone);
        say("ha/light/lamp/config", "");
        turns(10);
        assert_null(subscription("a"));
    }
}

static void a_restart_of_the_broker(void **unused)
{
    (void)unused;
    struct answer a;
    wire_up();
    announce(",\"avty_t\":\"a\"");
    say("a", "online");
    lit();
    ask(&a, "ha/u", on_off(false), 0);
    wire_down();
    WAIT(a.done);
    assert_int_equal(a.result, ERR_OFFLINE);
    assert_int_equal(info("ha/u").reach, LIGHT_REACH_OFFLINE);
    str_clear(&wire.subscribed);
    wire_up();
    turns(10);
    assert_int_equal(info("ha/u").reach, LIGHT_REACH_UNKNOWN);
    assert_non_null(subscription("l"));
    assert_non_null(subscription("a"));
    assert_non_null(subscription("ha/light/+/config"));
    say("a", "online");
    assert_int_equal(info("ha/u").reach, LIGHT_REACH_ONLINE);
}

static void a_changed_announcement_is_the_same_lamp(void **unused)
{
    (void)unused;
    wire_up();
    announce("");
    lit();
    announce(",\"color_temp\":true,\"stat_t2\":1");
    assert_true(info("ha/u").profile.can & LIGHT_KELVIN);
    assert_int_equal(lights(), 1);
    say("ha/light/lamp/config",
        "{\"schema\":\"json\",\"cmd_t\":\"n/set\",\"stat_t\":\"n\",\"uniq_id\":\"u\",\"name\":\"New\"}");
    turns(10);
    assert_null(subscription("l"));
    assert_non_null(subscription("n"));
    assert_string_equal(info("ha/u").name, "New");
    say("n", "{\"state\":\"OFF\"}");
    assert_false(info("ha/u").reported.on);
    /* Another unique id on the same topic is another lamp. */
    say("ha/light/lamp/config", "{\"schema\":\"json\",\"cmd_t\":\"n/set\",\"stat_t\":\"n\",\"uniq_id\":\"v\"}");
    turns(10);
    assert_null(find("ha/u"));
    assert_non_null(find("ha/v"));
    assert_int_equal(lights(), 1);
}

static void a_device_with_components(void **unused)
{
    (void)unused;
    wire_up();
    say("ha/device/box/config", "{\"dev\":{\"ids\":\"d\"},\"o\":{\"name\":\"o\"},\"cmps\":{"
                                "\"a\":{\"p\":\"light\",\"cmd_t\":\"a/set\",\"stat_t\":\"a\",\"uniq_id\":\"a\"},"
                                "\"b\":{\"p\":\"switch\",\"cmd_t\":\"b/set\",\"stat_t\":\"b\",\"uniq_id\":\"b\"},"
                                "\"c\":{\"p\":\"sensor\",\"stat_t\":\"c\",\"uniq_id\":\"c\"}}}");
    turns(10);
    assert_int_equal(lights(), 2);
    assert_int_equal(info("ha/b").profile.kind, LIGHT_KIND_SWITCH);
    say("b", "ON");
    assert_true(info("ha/b").reported.on);
    say("ha/device/box/config", "{\"migrate_discovery\":true}");
    say("ha/device/box/config", "{\"dev\":{\"ids\":\"d\"},\"cmps\":{\"a\":{\"p\":\"light\"}}}");
    turns(10);
    assert_null(find("ha/a"));
    assert_non_null(find("ha/b"));
    say("ha/device/box/config", "");
    turns(10);
    assert_int_equal(lights(), 0);
}

static void birth(void **unused)
{
    (void)unused;
    wire_up();
    assert_int_equal(wire.count, 1);
    assert_string_equal(last_topic(), "ha/status");
    assert_string_equal(last_payload(), "online");
}

static void no_birth_unless_asked_for(void **unused)
{
    (void)unused;
    wire_up();
    assert_int_equal(wire.count, 0);
}

/* ---- one lamp, two ways ---- */

#define TWIN                                                                                                           \
    "{\"schema\":\"json\",\"brightness\":true,\"bri_scl\":254,\"cmd_t\":\"z/Lamp/set\",\"stat_t\":\"z/Lamp\","         \
    "\"uniq_id\":\"0x00158d0001234567_light_z\",\"dev\":{\"ids\":[\"zigbee2mqtt_0x00158d0001234567\"],\"name\":"       \
    "\"Lamp\"}}"
#define ADDRESS "0x00158d0001234567"

/* Whose command is it? Zigbee2MQTT's way goes by the address, the discovered one by the announced topic. */
static const char *way(void)
{
    struct answer a;
    forget_sent();
    ask(&a, ADDRESS, level(50), 0);
    say("z/Lamp", "{\"state\":\"ON\",\"brightness\":127}");
    say("z/Lamp", "{\"state\":\"ON\",\"brightness\":254}");
    WAIT(a.done);
    assert_int_equal(a.result, 0);
    return strcmp(wire.sent[0].topic, "z/" ADDRESS "/set") == 0 ? "native"
           : strcmp(wire.sent[0].topic, "z/Lamp/set") == 0      ? "discovered"
                                                                : "?";
}

static void discovered_first_then_native_then_not(void **unused)
{
    (void)unused;
    struct answer a;
    wire_up();
    say("ha/light/" ADDRESS "/light/config", TWIN);
    turns(10);
    assert_int_equal(lights(), 0); /* the native one has the first word */
    turns(5200);
    assert_string_equal(way(), "discovered");
    char id[64];
    (void)snprintf(id, sizeof id, "%s", info(ADDRESS).id);
    ask(&a, ADDRESS, level(10), 0);
    say("z/bridge/state", "online");
    list("[" LAMP(ADDRESS, "Lamp") "]");
    WAIT(a.done); /* what was under way is lost with the way */
    assert_int_equal(a.result, ERR_OFFLINE);
    assert_string_equal(way(), "native");
    assert_string_equal(info(ADDRESS).id, id);
    assert_int_equal(bench.removed, 0);
    list("[]");
    assert_string_equal(way(), "discovered");
    assert_string_equal(info(ADDRESS).id, id);
    assert_int_equal(bench.removed, 0);
    assert_int_equal(lights(), 1);
    say("ha/light/" ADDRESS "/light/config", "");
    turns(10);
    assert_int_equal(lights(), 0);
    assert_int_equal(bench.removed, 1);
}

static void native_first_is_left_alone(void **unused)
{
    (void)unused;
    wire_up();
    say("z/bridge/state", "online");
    list("[" LAMP(ADDRESS, "Lamp") "]");
    say("ha/light/" ADDRESS "/light/config", TWIN);
    turns(5200);
    assert_string_equal(way(), "native");
    assert_int_equal(lights(), 1);
    say("ha/light/" ADDRESS "/light/config", "");
    turns(10);
    assert_string_equal(way(), "native");
    assert_int_equal(bench.removed, 0);
}

static void topics_that_two_listen_to(void **unused)
{
    (void)unused;
    wire_up();
    say("z/bridge/state", "online");
    list("[" LAMP(ADDRESS, "Lamp") "]");
    /* Somebody announces another lamp on the same topics: both hear, and neither takes the subscription along. */
    say("ha/light/other/config",
        "{\"schema\":\"json\",\"brightness\":true,\"cmd_t\":\"o/set\",\"stat_t\":\"z/Lamp\",\"uniq_id\":\"o\"}");
    turns(10);
    say("z/Lamp", "{\"state\":\"ON\",\"brightness\":127}");
    assert_int_equal(info(ADDRESS).reported.level, 5000);
    assert_int_equal(info("ha/o").reported.level, 4980);
    say("ha/light/other/config", "");
    turns(10);
    assert_non_null(subscription("z/Lamp"));
    say("z/Lamp", "{\"state\":\"ON\",\"brightness\":254}");
    assert_int_equal(info(ADDRESS).reported.level, 10000);
}

#define HA_CASE(name) cmocka_unit_test_setup_teardown(name, setup_ha, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HA_CASE(a_lamp_comes_speaks_obeys_and_goes),
        HA_CASE(a_dead_lamp_is_a_timeout),
        HA_CASE(an_optimistic_lamp_is_assumed),
        HA_CASE(what_surprises_changes_nothing_and_is_counted),
        HA_CASE(availability_in_three_modes),
        HA_CASE(a_restart_of_the_broker),
        HA_CASE(a_changed_announcement_is_the_same_lamp),
        HA_CASE(a_device_with_components),
        cmocka_unit_test_setup_teardown(birth, setup_birth, teardown),
        HA_CASE(no_birth_unless_asked_for),
        HA_CASE(discovered_first_then_native_then_not),
        HA_CASE(native_first_is_left_alone),
        HA_CASE(topics_that_two_listen_to),
    };
    return run_cases("ha", tests, sizeof tests / sizeof tests[0]);
}
