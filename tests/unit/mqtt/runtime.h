/* A dialect's run time in a real hub, over a connection that is ours: the functions here stand in for connection.c.
 */
#ifndef MQTT_RUNTIME_H
#define MQTT_RUNTIME_H

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
    struct str subscribed; /* "FILTER\n" each */
    struct {
        char *topic, *payload;
        int mid;        /* 0: qos 0 */
        size_t filters; /* that were subscribed before it */
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

bool connection_status(const struct connection *c, struct str *s)
{
    (void)c;
    str_add_z(s, wire.up ? "up" : "down");
    return wire.up;
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
    wire.sent[wire.count].filters = wire.filters;
    if (ret_mid) {
        *ret_mid = (int)wire.count + 100;
    }
    wire.count++;
    return 0;
}

/* Where the filter stands among those subscribed; NULL: nowhere. */
static char *subscription(const char *filter)
{
    size_t len = strlen(filter);
    for (char *at = wire.subscribed.data; at && *at; at = strchr(at, '\n') + 1) {
        if (strncmp(at, filter, len) == 0 && at[len] == '\n') {
            return at;
        }
    }
    return NULL;
}

void connection_subscribe(struct connection *c, char *const *filters, size_t count, int qos)
{
    (void)c;
    (void)qos;
    assert_true(count <= CONNECTION_MAX_FILTERS);
    wire.filters += count;
    wire.packets += count > 0;
    for (size_t i = 0; i < count; i++) {
        if (!subscription(filters[i])) {
            str_printf(&wire.subscribed, "%s\n", filters[i]);
        }
    }
    if (count > 0) {
        free(wire.last_filter);
        wire.last_filter = mem_text(filters[count - 1]);
    }
}

void connection_unsubscribe(struct connection *c, char *const *filters, size_t count)
{
    (void)c;
    wire.unsubscribed += count;
    for (size_t i = 0; i < count; i++) {
        char *at = subscription(filters[i]);
        if (at) {
            char *next = strchr(at, '\n') + 1;
            memmove(at, next, strlen(next) + 1);
            wire.subscribed.len = strlen(wire.subscribed.data);
        }
    }
}

static inline void wire_up(void)
{
    wire.up = true;
    wire.events.up(wire.user);
}

static inline void wire_down(void)
{
    wire.up = false;
    wire.events.down(wire.user, "the cable was pulled");
}

/* What comes in, in memory of exactly its size. */
static inline void say(const char *topic, const char *payload)
{
    size_t len = strlen(payload);
    char *exact = malloc(len + 1);
    memcpy(exact, payload, len);
    wire.events.message(wire.user, topic, exact, len);
    free(exact);
}

static inline void forget_sent(void)
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
    bool closing; /* a case that failed has left its stack: what is still answered is for nobody */
} bench;

static inline void pulse(void *user)
{
    (void)user;
}

static inline void turn(void)
{
    loop_turn(bench.loop, true);
}

static inline void turns(uint32_t ms)
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

static inline void take_event(void *user, const struct hub_event *e)
{
    (void)user;
    bench.states += e->kind == HUB_EVENT_STATE;
    bench.reached += e->kind == HUB_EVENT_REACH;
    bench.removed += e->kind == HUB_EVENT_REMOVED;
}

static inline struct light *find(const char *address)
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

static inline struct light_info info(const char *address)
{
    struct light_info i;
    struct light *light = find(address);
    assert_non_null(light);
    hub_light_info(light, &i);
    return i;
}

static inline void take_answer(void *user, const struct hub_result *results, size_t count)
{
    struct answer *a = user;
    if (bench.closing) {
        return;
    }
    assert_int_equal(count, 1);
    a->done++;
    a->result = results[0].result;
    a->basis = results[0].basis;
    a->state = results[0].state;
    (void)snprintf(a->why, sizeof a->why, "%s", results[0].why);
}

static inline void ask(struct answer *a, const char *address, struct light_state patch, uint32_t transition_ms)
{
    struct hub_command c = {find(address), patch, transition_ms};
    assert_non_null(c.light);
    *a = (struct answer){0};
    hub_apply(bench.hub, &c, 1, take_answer, a);
}

static inline const char *last_topic(void)
{
    return wire.count > 0 ? wire.sent[wire.count - 1].topic : "";
}

static inline const char *last_payload(void)
{
    return wire.count > 0 ? wire.sent[wire.count - 1].payload : "";
}

static inline struct light_state level(unsigned percent)
{
    return (struct light_state){.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = (uint16_t)(100 * percent)};
}

static inline struct light_state on_off(bool on)
{
    return (struct light_state){.has = LIGHT_ON, .on = on};
}

static inline int open_bench_with(const struct mqtt_config *wanted)
{
    static struct mqtt_config config;
    static const uint8_t bridge_id[8] = "runtime";
    memset(&bench, 0, sizeof bench);
    memset(&wire, 0, sizeof wire);
    config = *wanted;
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

static inline int open_bench(bool optimistic)
{
    static const char *const bases[] = {"z", NULL};
    return open_bench_with(
        &(struct mqtt_config){.host = "broker", .port = 1883, .zigbee2mqtt = bases, .optimistic = optimistic});
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

static inline void list(const char *devices)
{
    say("z/bridge/devices", devices);
    turns(20);
}

/* One lamp, on at 100 %, known. */
static inline void one_lamp(void)
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

static inline int setup(void **state)
{
    (void)state;
    return open_bench(false);
}

static inline int setup_optimistic(void **state)
{
    (void)state;
    return open_bench(true);
}

static inline int teardown(void **state)
{
    (void)state;
    bench.closing = true;
    hub_unlisten(bench.listener);
    hub_free(bench.hub);
    store_close(bench.store);
    timer_free(bench.pulse);
    loop_free(bench.loop);
    forget_sent();
    free(wire.last_filter);
    str_done(&wire.subscribed);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static inline int run_cases(const char *name, const struct CMUnitTest *cases, size_t count)
{
    if (secrets_init() != 0) {
        return 1;
    }
    log_set_level(LOG_LEVEL_ERROR);
    return _cmocka_run_group_tests(name, cases, count, NULL, NULL);
}

#endif
