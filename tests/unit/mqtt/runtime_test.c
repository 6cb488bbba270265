/* Zigbee2MQTT's run time in a real hub, over a connection that is ours: these functions stand in for connection.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "base/str.h"
#include "hub/hub.h"
#include "loop/loop.h"
#include "mqtt/connection.h"
#include "mqtt/mqtt.h"
#include "store/store.h"

/* ---- the connection ---- */

#define SENT_MAX 512

static struct wire {
    struct connection_events events;
    void *user;
    bool up;
    int refuse; /* what publishing answers */
    size_t count, filters, unsubscribed, packets;
    struct {
        char *topic, *payload;
        int mid; /* 0: qos 0 */
    } sent[SENT_MAX];
    char *last_filter;
} wire;

int connection_new(struct loop *loop, const struct connection_config *config, const struct connection_events *events,
                   void *user, struct connection **ret_connection)
{
    (void)loop;
    (void)config;
    wire.events = *events;
    wire.user = user;
    *ret_connection = (struct connection *)(void *)&wire;
    return 0;
}

void connection_free(struct connection *c)
{
    (void)c;
}

bool connection_up(const struct connection *c)
{
    (void)c;
    return wire.up;
}

void connection_status(const struct connection *c, struct str *s)
{
    (void)c;
    str_add_z(s, wire.up ? "up" : "down");
}

int connection_publish(struct connection *c, const char *topic, const struct str *payload, int *ret_mid)
{
    (void)c;
    if (!wire.up || wire.refuse) {
        return wire.refuse ? wire.refuse : ERR_OFFLINE;
    }
    assert_true(wire.count < SENT_MAX);
    wire.sent[wire.count].topic = mem_text(topic);
    wire.sent[wire.count].payload = mem_text_n(payload->data, payload->len);
    wire.sent[wire.count].mid = ret_mid ? (int)wire.count + 100 : 0;
    if (ret_mid) {
        *ret_mid = (int)wire.count + 100;
    }
    wire.count++;
    return 0;
}

void connection_subscribe(struct connection *c, char *const *filters, size_t count, int qos)
{
    (void)c;
    (void)qos;
    assert_true(count <= CONNECTION_MAX_FILTERS);
    wire.filters += count;
    wire.packets += count > 0;
    if (count > 0) {
        free(wire.last_filter);
        wire.last_filter = mem_text(filters[count - 1]);
    }
}

void connection_unsubscribe(struct connection *c, char *const *filters, size_t count)
{
    (void)c;
    (void)filters;
    wire.unsubscribed += count;
}

static void wire_up(void)
{
    wire.up = true;
    wire.events.up(wire.user);
}

static void wire_down(void)
{
    wire.up = false;
    wire.events.down(wire.user, "the cable was pulled");
}

/* What comes in, in memory of exactly its size. */
static void say(const char *topic, const char *payload)
{
    size_t len = strlen(payload);
    char *exact = malloc(len + 1);
    memcpy(exact, payload, len);
    wire.events.message(wire.user, topic, exact, len);
    free(exact);
}

static void forget_sent(void)
{
    for (size_t i = 0; i < wire.count; i++) {
        free(wire.sent[i].topic);
        free(wire.sent[i].payload);
    }
    wire.count = 0;
}

/* ---- the bridge around it ---- */

struct answer {
    unsigned done;
    int result;
    enum basis basis;
    struct light_state state;
    char why[256];
};

static struct bench {
    struct loop *loop;
    struct store *store;
    struct hub *hub;
    struct hub_listener *listener;
    struct timer *pulse;
    unsigned states, reached, removed;
    bool optimistic;
} bench;

static void pulse(void *user)
{
    (void)user;
}

static void turn(void)
{
    loop_turn(bench.loop, true);
}

static void turns(uint32_t ms)
{
    for (uint64_t since = loop_now(bench.loop); loop_now(bench.loop) - since < ms;) {
        turn();
    }
}

#define WAIT(condition)                                                                                                \
    do {                                                                                                               \
        uint64_t since_ = loop_now(bench.loop);                                                                        \
        while (!(condition)) {                                                                                         \
            if (loop_now(bench.loop) - since_ > 20000) {                                                               \
                fail_msg("line %d: waited in vain for %s", __LINE__, #condition);                                      \
            }                                                                                                          \
            turn();                                                                                                    \
        }                                                                                                              \
    } while (0)

static void take_event(void *user, const struct hub_event *e)
{
    (void)user;
    bench.states += e->kind == HUB_EVENT_STATE;
    bench.reached += e->kind == HUB_EVENT_REACH;
    bench.removed += e->kind == HUB_EVENT_REMOVED;
}

static struct light *find(const char *address)
{
    for (size_t i = 0; i < hub_light_count(bench.hub); i++) {
        struct light_info info;
        hub_light_info(hub_light_at(bench.hub, i), &info);
        if (strcmp(info.address, address) == 0) {
            return info.removed ? NULL : hub_light_at(bench.hub, i);
        }
    }
    return NULL;
}

static struct light_info info(const char *address)
{
    struct light_info i;
    struct light *light = find(address);
    assert_non_null(light);
    hub_light_info(light, &i);
    return i;
}

static void take_answer(void *user, const struct hub_result *results, size_t count)
{
    struct answer *a = user;
    assert_int_equal(count, 1);
    a->done++;
    a->result = results[0].result;
    a->basis = results[0].basis;
    a->state = results[0].state;
    (void)snprintf(a->why, sizeof a->why, "%s", results[0].why);
}

static void ask(struct answer *a, const char *address, struct light_state patch, uint32_t transition_ms)
{
    struct hub_command c = {find(address), patch, transition_ms};
    assert_non_null(c.light);
    *a = (struct answer){0};
    hub_apply(bench.hub, &c, 1, take_answer, a);
}

static const char *last_topic(void)
{
    return wire.count > 0 ? wire.sent[wire.count - 1].topic : "";
}

static const char *last_payload(void)
{
    return wire.count > 0 ? wire.sent[wire.count - 1].payload : "";
}

static struct light_state level(unsigned percent)
{
    return (struct light_state){.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = (uint16_t)(100 * percent)};
}

static struct light_state on_off(bool on)
{
    return (struct light_state){.has = LIGHT_ON, .on = on};
}

static int open_bench(bool optimistic)
{
    static const char *const bases[] = {"z", NULL};
    static struct mqtt_config config;
    static const uint8_t bridge_id[8] = "runtime";
    memset(&bench, 0, sizeof bench);
    memset(&wire, 0, sizeof wire);
    config = (struct mqtt_config){.host = "broker", .port = 1883, .zigbee2mqtt = bases, .optimistic = optimistic};
    assert_int_equal(loop_new(&bench.loop), 0);
    assert_int_equal(store_open(bench.loop, &(struct store_config){.path = ":memory:"}, &bench.store), 0);
    assert_int_equal(hub_new(bench.loop, bench.store, NULL,
                             &(struct hub_config){.bridge_id = bridge_id, .deadline_ms = 200}, &bench.hub),
                     0);
    assert_int_equal(hub_add_driver(bench.hub, &mqtt_driver, "mqtt/home", &config), 0);
    bench.listener = hub_listen(bench.hub, take_event, NULL);
    bench.pulse = timer_new(bench.loop, pulse, NULL);
    timer_repeat(bench.pulse, 2);
    return 0;
}

#define FEATURE(name, key) "{\"name\":\"" name "\",\"property\":\"" key "\"}"
#define LIGHT(more, suffix)                                                                                            \
    "{\"type\":\"light\"," more                                                                                        \
    "\"features\":[" FEATURE("state", "state" suffix) "," FEATURE("brightness", "brightness" suffix) "]}"
#define DEVICE(ieee, name, exposes)                                                                                    \
    "{\"ieee_address\":\"" ieee "\",\"friendly_name\":\"" name "\",\"definition\":{\"model\":\"M\",\"vendor\":\"V\","  \
    "\"exposes\":[" exposes "]}}"
#define LAMP(ieee, name) DEVICE(ieee, name, LIGHT("", ""))
#define TWO(ieee, name)                                                                                                \
    DEVICE(ieee, name, LIGHT("\"endpoint\":\"l1\",", "_l1") "," LIGHT("\"endpoint\":\"l2\",", "_l2"))

static void list(const char *devices)
{
    say("z/bridge/devices", devices);
    turns(20);
}

/* One lamp, on at 100 %, known. */
static void one_lamp(void)
{
    wire_up();
    say("z/bridge/state", "online");
    list("[" LAMP("0x1", "Lamp") "]");
    say("z/Lamp", "{\"state\":\"ON\",\"brightness\":254}");
    turns(20);
    assert_int_equal(info("0x1").reach, LIGHT_REACH_ONLINE);
    forget_sent();
    bench.states = bench.reached = bench.removed = 0;
}

static int setup(void **state)
{
    (void)state;
    return open_bench(false);
}

static int setup_optimistic(void **state)
{
    (void)state;
    return open_bench(true);
}

static int teardown(void **state)
{
    (void)state;
    hub_unlisten(bench.listener);
    hub_free(bench.hub);
    store_close(bench.store);
    timer_free(bench.pulse);
    loop_free(bench.loop);
    forget_sent();
    free(wire.last_filter);
    return 0;
}

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
    say("z/Lamp", "{\"state\":\"OFF\"}");
    assert_true(info("0x1").reported.on);
    say("z/hall/ceiling", "{\"state\":\"OFF\"}");
    assert_false(info("0x1").reported.on);
    say("z/hall/ceiling/availability", "offline");
    assert_int_equal(info("0x1").reach, LIGHT_REACH_OFFLINE);
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

/* ---- Zigbee2MQTT's death ---- */

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

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        CASE(a_device_with_two_lamps),
        CASE(the_same_list_again_is_no_news),
        CASE(a_rename_moves_the_topics),
        CASE(a_large_list_does_not_hold_up_the_loop),
        CASE(a_newer_list_replaces_one_under_way),
        CASE(lamps_are_asked_one_by_one),
        CASE(what_was_asked_too_early_is_asked_again),
        CASE(news_one_by_one_are_no_burst_of_questions),
        CASE(a_stale_online_does_not_count),
        cmocka_unit_test_setup_teardown(the_brokers_word_in_the_optimistic_setting, setup_optimistic, teardown),
    };
    if (secrets_init() != 0) {
        return 1;
    }
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests_name("zigbee2mqtt at work", tests, NULL, NULL);
}
