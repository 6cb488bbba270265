/* One base topic: what comes in goes to its node; who is reachable. */
#include "mqtt/z2m.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "mqtt/z2m_internal.h"

/* ---- reach ---- */

/* By Zigbee2MQTT's own state and the lamp's availability. A lamp without one is unknown until it speaks. */
static void reach(const struct z2m *z, const struct z2m_slot *slot)
{
    bool gone = !z->dialect.broker->up || z->bridge == BRIDGE_OFFLINE;
    way_reaches(&slot->way, gone ? LIGHT_REACH_OFFLINE : (enum light_reach)slot->node->availability);
}

static void reach_node(const struct z2m *z, const struct z2m_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        reach(z, node->slots[i]);
    }
}

/* Everything is unknown again, and what was under way is lost. */
static void all_gone(struct z2m *z, const char *why)
{
    z2m_question_forget_all(z);
    for (struct z2m_node *n = z2m_nodes_next(&z->nodes, NULL); n; n = z2m_nodes_next(&z->nodes, n)) {
        n->heard = false;
        /* Nobody takes back an "online" of a Zigbee2MQTT that died. */
        if (n->availability == LIGHT_REACH_ONLINE) {
            n->availability = LIGHT_REACH_UNKNOWN;
        }
        for (size_t i = 0; i < n->count; i++) {
            pending_end(&n->slots[i]->way, ERR_OFFLINE, why);
        }
        reach_node(z, n);
    }
}

static void all_back(struct z2m *z)
{
    for (struct z2m_node *n = z2m_nodes_next(&z->nodes, NULL); n; n = z2m_nodes_next(&z->nodes, n)) {
        reach_node(z, n);
    }
    z2m_question_ask_all(z);
}

static void up(struct dialect *self)
{
    struct z2m *z = (struct z2m *)self;
    z->unwatched = false;
    z->bridge = BRIDGE_UNKNOWN;
    z2m_list_subscribe(z);
    all_back(z);
}

static void down(struct dialect *self, const char *why)
{
    struct z2m *z = (struct z2m *)self;
    z->devices_known = z->nodes.count > 0;
    z2m_list_stop(z);
    all_gone(z, why);
}

static void bridge_is(struct z2m *z, enum z2m_bridge bridge)
{
    enum z2m_bridge before = z->bridge;
    if (before == bridge) {
        return;
    }
    z->bridge = bridge;
    log_info(driver_name(z2m_driver(z)), "%s is %s", z->dialect.topic, bridge == BRIDGE_ONLINE ? "online" : "offline");
    if (bridge == BRIDGE_OFFLINE) {
        all_gone(z, "Zigbee2MQTT has stopped");
    } else if (before == BRIDGE_OFFLINE) {
        all_back(z);
    } else {
        z2m_question_ask_all(z); /* what was asked before it was there is lost */
    }
}

/* ---- messages ---- */

void z2m_garbage(struct z2m *z, const char *topic, const char *what)
{
    struct str from = STR_INIT;
    str_printf(&from, "%s/%s", z->dialect.topic, topic);
    driver_garbage(z2m_driver(z), str_z(&from), what);
    str_done(&from);
}

static void take_logging(struct z2m *z, const char *payload, size_t len)
{
    struct z2m_failure failure = {0};
    struct str why = STR_INIT;
    if (z2m_read_logging(payload, len, &failure, &why)) {
        struct z2m_node *node = z2m_nodes_named(&z->nodes, failure.name, strlen(failure.name));
        node = node ? node : z2m_nodes_find(&z->nodes, failure.name);
        if (node) {
            z2m_command_failed(node, &failure, str_z(&why));
        }
    }
    str_done(&why);
}

/* The lamps are such without availability from now on. */
static void forget_availability(struct z2m *z)
{
    for (struct z2m_node *n = z2m_nodes_next(&z->nodes, NULL); n; n = z2m_nodes_next(&z->nodes, n)) {
        if (n->tells) {
            n->tells = false;
            n->availability = LIGHT_REACH_UNKNOWN;
            z2m_list_announce_node(n);
            reach_node(z, n);
            z2m_question_ask(z, n);
        }
    }
}

static void take_info(struct z2m *z, const char *payload, size_t len)
{
    bool unwatched = len <= Z2M_MAX_INFO && z2m_info_unwatched(payload, len);
    if (unwatched && !z->unwatched) {
        forget_availability(z);
    }
    z->unwatched = unwatched;
    bool attributes = len <= Z2M_MAX_INFO && z2m_info_attribute_output(payload, len);
    if (attributes && !z->attributes) {
        log_warn(driver_name(z2m_driver(z)),
                 "%s publishes no JSON, so its lamps are never heard: set advanced.output to json (or "
                 "attribute_and_json) in Zigbee2MQTT's configuration.yaml",
                 z->dialect.topic);
    }
    z->attributes = attributes;
}

static void take_bridge(struct z2m *z, const char *topic, const char *payload, size_t len)
{
    bool online;
    if (strcmp(topic, "bridge/logging") == 0) {
        take_logging(z, payload, len);
    } else if (strcmp(topic, "bridge/devices") == 0) {
        z2m_list_take(z, &z->devices, payload, len);
    } else if (strcmp(topic, "bridge/groups") == 0) {
        z2m_list_take(z, &z->groups, payload, len);
    } else if (strcmp(topic, "bridge/info") == 0) {
        take_info(z, payload, len);
    } else if (strcmp(topic, "bridge/state") == 0) {
        if (z2m_read_online(payload, len, &online) == 0) {
            bridge_is(z, online ? BRIDGE_ONLINE : BRIDGE_OFFLINE);
        } else {
            z2m_garbage(z, topic, "neither online nor offline");
        }
    }
}

static void take_state(struct z2m *z, struct z2m_node *node, const char *payload, size_t len)
{
    const struct z2m_lamp *lamps[Z2M_MAX_LAMPS] = {0};
    struct light_state patches[Z2M_MAX_LAMPS];
    size_t count = node->count;
    for (size_t i = 0; i < count; i++) {
        lamps[i] = node->slots[i]->lamp;
    }
    int err = z2m_read_state(payload, len, lamps, count, patches);
    if (err != 0) {
        z2m_garbage(z, node->name,
                    err == ERR_TOO_LARGE ? "a state longer than 64 kB" : "a state that is no JSON object");
        return;
    }
    node->heard = true;
    for (size_t i = 0; i < count; i++) {
        if (node->slots[i]->way.light) {
            z2m_command_report(node->slots[i], &patches[i]);
        }
    }
}

static void take_availability(struct z2m *z, struct z2m_node *node, const char *payload, size_t len)
{
    bool online;
    if (z->unwatched) {
        return;
    }
    if (z2m_read_online(payload, len, &online) != 0) {
        driver_garbage(z2m_driver(z), topics_name(&node->available), "neither online nor offline");
        return;
    }
    enum light_reach before = (enum light_reach)node->availability;
    /* An "online" that a dead Zigbee2MQTT left there does not count. */
    enum light_reach now = !online                       ? LIGHT_REACH_OFFLINE
                           : z->bridge == BRIDGE_OFFLINE ? LIGHT_REACH_UNKNOWN
                                                         : LIGHT_REACH_ONLINE;
    node->availability = (uint8_t)now;
    if (!node->tells) {
        node->tells = true;
        z2m_list_announce_node(node);
    }
    reach_node(z, node);
    if (before == LIGHT_REACH_OFFLINE) {
        z2m_question_ask(z, node); /* what happened to it meanwhile? */
    }
}

static struct z2m_node *node_of(struct listener *listener, size_t member)
{
    return (struct z2m_node *)(void *)((char *)listener - member);
}

static void heard(struct dialect *self, struct listener *listener, const char *payload, size_t len)
{
    struct z2m *z = (struct z2m *)self;
    if (len == 0) {
        return; /* a retained message was cleared: the lists say what that means */
    }
    if (listener->what == Z2M_STATE) {
        take_state(z, node_of(listener, offsetof(struct z2m_node, state)), payload, len);
    } else {
        take_availability(z, node_of(listener, offsetof(struct z2m_node, available)), payload, len);
    }
}

static bool message(struct dialect *self, const char *topic, const char *payload, size_t len)
{
    struct z2m *z = (struct z2m *)self;
    if (strncmp(topic, self->topic, z->base_len) != 0 || strncmp(topic + z->base_len, "/bridge/", 8) != 0) {
        return false;
    }
    if (len > 0) {
        take_bridge(z, topic + z->base_len + 1, payload, len);
    }
    return true;
}

/* ---- from the hub ---- */

static void attach(struct way *way)
{
    const struct z2m_slot *slot = (const struct z2m_slot *)way;
    reach(z2m_of(way), slot);
    z2m_question_ask(z2m_of(way), slot->node);
}

static void refresh(struct way *way)
{
    z2m_question_ask(z2m_of(way), ((struct z2m_slot *)way)->node);
}

static bool status(const struct dialect *self, struct str *s)
{
    static const char *const states[] = {"not heard yet", "online", "offline"};
    const struct z2m *z = (const struct z2m *)self;
    size_t lights = 0;
    for (struct z2m_node *n = z2m_nodes_next(&z->nodes, NULL); n; n = z2m_nodes_next(&z->nodes, n)) {
        for (size_t i = 0; i < n->count; i++) {
            lights += n->slots[i]->way.light != NULL;
        }
    }
    str_printf(s, "%s %s, %zu light%s", self->topic, states[z->bridge], lights, lights == 1 ? "" : "s");
    if (z->attributes) {
        str_add_z(s, " (it publishes no JSON: set advanced.output to json)");
    }
    return z->bridge == BRIDGE_ONLINE && !z->attributes;
}

static int start(struct dialect *self)
{
    struct z2m *z = (struct z2m *)self;
    if (!z2m_good_name(self->topic)) {
        log_error(driver_name(z2m_driver(z)),
                  "base topic %s: no empty text, no wildcard and no control byte can be in it", self->topic);
        return ERR_INVALID;
    }
    z->base_len = strlen(self->topic);
    z->slice = timer_new(self->broker->loop, z2m_list_slice, z);
    z->question = timer_new(self->broker->loop, z2m_question_due, z);
    return 0;
}

static void stop(struct dialect *self)
{
    struct z2m *z = (struct z2m *)self;
    z2m_list_stop(z);
    timer_free(z->slice);
    timer_free(z->question);
    z2m_list_done(z);
    free(z->last_groups);
    str_done(&z->topic);
    str_done(&z->payload);
}

const struct dialect_ops z2m_dialect = {
    .name = "zigbee2mqtt",
    .size = sizeof(struct z2m),
    .rank = WAY_NATIVE,
    .tolerance = &z2m_tolerance,
    .start = start,
    .stop = stop,
    .up = up,
    .down = down,
    .heard = heard,
    .message = message,
    .attach = attach,
    .apply = z2m_command_apply,
    .refresh = refresh,
    .announce = z2m_list_announce,
    .status = status,
};
