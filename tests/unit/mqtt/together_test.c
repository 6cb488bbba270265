/* Lamps of all families that are commanded together: every message is with the connection before the loop turns again,
   so that no lamp waits for another's word. */
#include "runtime.h"

#define ZIGBEES 15u
#define MAC_T "A4CF12000001"
#define MAC_S "A8032AB636EC"
#define MAC_B "349454AA00FF"
#define COMMANDED 20u

/* Who else there is, and where its commands go. */
static const struct {
    const char *address, *topic;
} others[] = {
    {"mac/" MAC_T "/1", "cmnd/desk/Dimmer"}, {"ha/u", "l/set"},
    {"mac/" MAC_S "/light:0", "dimmer/rpc"}, {"mac/" MAC_B "/color:0", "shellies/bulb/color/0/set"},
    {"wled/C0FFEE", "wled/c0ffee/api"},
};
#define OTHERS (sizeof others / sizeof others[0])

static int setup_all(void **state)
{
    static const char *const bases[] = {"z", NULL};
    static const char *const prefixes[] = {"ha", NULL};
    static const char *const discovery[] = {"tasmota/discovery", NULL};
    static const char *const shelly[] = {"+", NULL};
    static const char *const shelly1[] = {"shellies", NULL};
    static const char *const wled[] = {"wled/+", NULL};
    (void)state;
    return open_bench_with(&(struct mqtt_config){.host = "broker",
                                                 .port = 1883,
                                                 .zigbee2mqtt = bases,
                                                 .homeassistant = prefixes,
                                                 .tasmota = discovery,
                                                 .shelly = shelly,
                                                 .shelly1 = shelly1,
                                                 .wled = wled});
}

/* The n-th request of a Shelly is answered. */
static void respond(const char *method, const char *result)
{
    char src[128] = "", topic[160];
    unsigned id = 0;
    struct str payload = STR_INIT;
    for (size_t i = wire.count; i-- > 0 && id == 0;) {
        if (strcmp(wire.sent[i].topic, "dimmer/rpc") == 0 && strstr(wire.sent[i].payload, method)) {
            assert_int_equal(sscanf(wire.sent[i].payload, "{\"id\":%u,\"src\":\"%127[^\"]", &id, src), 2);
        }
    }
    assert_int_not_equal(id, 0);
    (void)snprintf(topic, sizeof topic, "%s/rpc", src);
    str_printf(&payload, "{\"id\":%u,\"src\":\"x\",\"dst\":\"%s\",\"result\":%s}", id, src, result);
    say(topic, str_z(&payload));
    str_done(&payload);
}

static size_t sent(const char *topic)
{
    size_t count = 0;
    for (size_t i = 0; i < wire.count; i++) {
        count += strcmp(wire.sent[i].topic, topic) == 0;
    }
    return count;
}

static void zigbees(void)
{
    struct str s = STR_INIT;
    say("z/bridge/state", "online");
    for (unsigned i = 1; i <= ZIGBEES; i++) {
        char address[8];
        (void)snprintf(address, sizeof address, "0x%x", i);
        str_printf(
            &s,
            "%s{\"ieee_address\":\"%s\",\"friendly_name\":\"Lamp %u\",\"definition\":{\"model\":\"M\",\"vendor\":"
            "\"V\",\"exposes\":[" LIGHT("", "") "]}}",
            i == 1 ? "[" : ",", address, i);
    }
    str_add_z(&s, "]");
    list(str_z(&s));
    for (unsigned i = 1; i <= ZIGBEES; i++) {
        char topic[16];
        (void)snprintf(topic, sizeof topic, "z/Lamp %u", i);
        say(topic, "{\"state\":\"ON\",\"brightness\":254}");
    }
    str_done(&s);
}

static void shellys(void)
{
    say("dimmer/online", "true");
    WAIT(sent("dimmer/rpc") == 1);
    respond("Shelly.GetDeviceInfo",
            "{\"id\":\"d\",\"mac\":\"" MAC_S "\",\"gen\":3,\"model\":\"S3DM\",\"ver\":\"1.7.1\"}");
    WAIT(sent("dimmer/rpc") == 2);
    respond("Shelly.GetStatus", "{\"light:0\":{\"id\":0,\"output\":false,\"brightness\":80}}");
    WAIT(sent("dimmer/rpc") == 3);
    respond("Shelly.GetConfig", "{\"light:0\":{\"id\":0,\"name\":\"Attic\"}}");
    say("shellies/bulb/online", "true");
    say("shellies/announce",
        "{\"id\":\"bulb\",\"model\":\"SHCB-1\",\"mac\":\"" MAC_B "\",\"ip\":\"1.2.3.4\",\"fw_ver\":\"1.14\"}");
    say("shellies/bulb/color/0/status",
        "{\"ison\":true,\"mode\":\"color\",\"red\":255,\"green\":0,\"blue\":0,\"white\":0,\"gain\":50}");
}

static void everybody(void)
{
    wire_up();
    zigbees();
    say("tasmota/discovery/" MAC_T "/config",
        "{\"ip\":\"10.0.0.2\",\"dn\":\"Desk\",\"fn\":[\"Desk\"],\"hn\":\"h\",\"mac\":\"" MAC_T
        "\",\"md\":\"Sonoff\",\"ty\":0,\"if\":0,\"ofln\":\"Offline\",\"onln\":\"Online\",\"state\":[\"OFF\",\"ON\","
        "\"TOGGLE\",\"HOLD\"],\"sw\":\"13.4.0\",\"t\":\"desk\",\"ft\":\"%prefix%/%topic%/\",\"tp\":[\"cmnd\",\"stat\","
        "\"tele\"],\"rl\":[2],\"so\":{\"4\":0},\"lk\":1,\"lt_st\":1,\"ver\":1}");
    say("tele/desk/LWT", "Online");
    say("stat/desk/RESULT", "{\"POWER\":\"ON\",\"Dimmer\":50}");
    say("ha/light/lamp/config", "{\"schema\":\"json\",\"brightness\":true,\"cmd_t\":\"l/set\",\"stat_t\":\"l\","
                                "\"uniq_id\":\"u\",\"name\":\"Lamp\"}");
    say("l", "{\"state\":\"ON\",\"brightness\":255}");
    shellys();
    say("wled/c0ffee/status", "online");
    say("wled/c0ffee/g", "255");
    say("wled/c0ffee/c", "#FF0000");
    WAIT(hub_light_count(bench.hub) == COMMANDED);
    turns(50);
    for (size_t i = 0; i < OTHERS; i++) {
        if (!find(others[i].address)) {
            fail_msg("%s is not there", others[i].address);
        }
    }
    forget_sent();
}

static void nothing(void *user, const struct hub_result *results, size_t count)
{
    (void)user;
    (void)results;
    (void)count;
}

static void all_leave_in_one_turn(void **unused)
{
    struct hub_command commands[COMMANDED];
    (void)unused;
    everybody();
    for (size_t i = 0; i < COMMANDED; i++) {
        commands[i] = (struct hub_command){.light = hub_light_at(bench.hub, i), .patch = level(30)};
    }
    hub_apply(bench.hub, commands, COMMANDED, nothing, NULL);
    for (unsigned i = 1; i <= ZIGBEES; i++) {
        char topic[16];
        (void)snprintf(topic, sizeof topic, "z/0x%x/set", i);
        assert_int_equal(sent(topic), 1);
    }
    for (size_t i = 0; i < OTHERS; i++) {
        if (sent(others[i].topic) == 0) {
            fail_msg("nothing has gone to %s yet", others[i].topic);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup_teardown(all_leave_in_one_turn, setup_all, teardown)};
    return run_cases("together", cases, sizeof cases / sizeof cases[0]);
}
