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
void z2m_reach(struct z2m *z, const struct z2m_slot *slot, const struct z2m_node *node)
{
    if (slot->light) {
        driver_reachable(slot->light, !z->up || z->bridge == BRIDGE_OFFLINE ? LIGHT_REACH_OFFLINE
                                                                            : (enum light_reach)node->availability);
    }
}

static void reach_node(struct z2m *z, const struct z2m_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        z2m_reach(z, &node->slots[i], node);
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
            if (n->slots[i].light) {
                z2m_command_end_light(driver_light_self(n->slots[i].light), ERR_OFFLINE, why);
            }
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

void z2m_up(struct z2m *z)
{
    z->up = true;
    z->unwatched = false;
    z->bridge = BRIDGE_UNKNOWN;
    z2m_list_subscribe_all(z);
    all_back(z);
}

void z2m_down(struct z2m *z, const char *why)
{
    z->up = false;
    z->devices_known = z->nodes.count > 0;
    z2m_list_stop(z);
    z2m_command_end_acks(z, why);
    all_gone(z, why);
}

static void bridge_is(struct z2m *z, enum z2m_bridge bridge)
{
    enum z2m_bridge before = z->bridge;
    if (before == bridge) {
        return;
    }
    z->bridge = bridge;
    log_info(driver_name(z->config.driver), "%s is %s", z->config.base, bridge == BRIDGE_ONLINE ? "online" : "offline");
    if (bridge == BRIDGE_OFFLINE) {
        z2m_command_end_acks(z, "Zigbee2MQTT has stopped");
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
    str_printf(&from, "%s/%s", z->config.base, topic);
    driver_garbage(z->config.driver, str_z(&from), what);
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
            z2m_command_failed(z, node, &failure, str_z(&why));
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
            z2m_list_announce_again(z, n);
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
        log_warn(driver_name(z->config.driver),
                 "%s publishes no JSON, so its lamps are never heard: set advanced.output to json (or "
                 "attribute_and_json) in Zigbee2MQTT's configuration.yaml",
                 z->config.base);
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
        lamps[i] = node->slots[i].lamp;
    }
    int err = z2m_read_state(payload, len, lamps, count, patches);
    if (err != 0) {
        z2m_garbage(z, node->name,
                    err == ERR_TOO_LARGE ? "a state longer than 64 kB" : "a state that is no JSON object");
        return;
    }
    node->heard = true;
    for (size_t i = 0; i < count; i++) {
        if (node->slots[i].light) {
            z2m_command_report(z, &node->slots[i], &patches[i]);
        }
    }
}

static void take_availability(struct z2m *z, struct z2m_node *node, const char *topic, const char *payload, size_t len)
{
    bool online;
    if (z->unwatched) {
        return;
    }
    if (z2m_read_online(payload, len, &online) != 0) {
        z2m_garbage(z, topic, "neither online nor offline");
        return;
    }
    enum light_reach before = (enum light_reach)node->availability;
    /* An "online" that a dead Zigbee2MQTT left there does not count. */
    enum light_reach reach = !online                       ? LIGHT_REACH_OFFLINE
                             : z->bridge == BRIDGE_OFFLINE ? LIGHT_REACH_UNKNOWN
                                                           : LIGHT_REACH_ONLINE;
    node->availability = (uint8_t)reach;
    if (!node->tells) {
        node->tells = true;
        z2m_list_announce_again(z, node);
    }
    reach_node(z, node);
    if (before == LIGHT_REACH_OFFLINE) {
        z2m_question_ask(z, node); /* what happened to it meanwhile? */
    }
}

bool z2m_message(struct z2m *z, const char *topic, const char *payload, size_t len)
{
    static const char tail[] = "/availability";
    if (strncmp(topic, z->config.base, z->base_len) != 0 || topic[z->base_len] != '/') {
        return false;
    }
    topic += z->base_len + 1;
    size_t topic_len = strlen(topic);
    if (len == 0) {
        return true; /* a retained message was cleared: the lists say what that means */
    }
    if (strncmp(topic, "bridge/", 7) == 0) {
        take_bridge(z, topic, payload, len);
        return true;
    }
    struct z2m_node *node = z2m_nodes_named(&z->nodes, topic, topic_len);
    if (node) {
        take_state(z, node, payload, len);
        return true;
    }
    if (topic_len > sizeof tail && strcmp(topic + topic_len - (sizeof tail - 1), tail) == 0) {
        node = z2m_nodes_named(&z->nodes, topic, topic_len - (sizeof tail - 1));
        if (node) {
            take_availability(z, node, topic, payload, len);
        }
    }
    return node != NULL; /* one base topic may lie under another: perhaps it is of that */
}

/* ---- from the hub ---- */

bool z2m_announces(const struct z2m *z)
{
    return z->announcing != NULL;
}

void z2m_attach(struct z2m *z, struct driver_light *light, struct z2m_light *self)
{
    self->z2m = z;
    self->node = z->announcing;
    self->place = z->announcing_place;
    self->node->slots[self->place].light = light;
    z2m_reach(z, &self->node->slots[self->place], self->node);
    z2m_question_ask(z, self->node);
}

void z2m_detach(struct z2m_light *self)
{
    self->node->slots[self->place].light = NULL;
    while (self->first) {
        z2m_cancel(self, self->first->request); /* the hub has ended them */
    }
}

void z2m_refresh(struct z2m_light *self)
{
    z2m_question_ask(self->z2m, self->node);
}

void z2m_status(const struct z2m *z, struct str *s)
{
    static const char *const states[] = {"not heard yet", "online", "offline"};
    size_t lights = 0;
    for (struct z2m_node *n = z2m_nodes_next(&z->nodes, NULL); n; n = z2m_nodes_next(&z->nodes, n)) {
        for (size_t i = 0; i < n->count; i++) {
            lights += n->slots[i].light != NULL;
        }
    }
    str_printf(s, "%s %s, %zu light%s", z->config.base, states[z->bridge], lights, lights == 1 ? "" : "s");
    if (z->attributes) {
        str_add_z(s, " (it publishes no JSON: set advanced.output to json)");
    }
}

struct z2m *z2m_new(const struct z2m_config *config)
{
    struct z2m *z = mem_alloc(sizeof *z);
    z->config = *config;
    z->loop = driver_loop(config->driver);
    z->base_len = strlen(config->base);
    z->slice = timer_new(z->loop, z2m_list_slice, z);
    z->question = timer_new(z->loop, z2m_question_due, z);
    return z;
}

void z2m_free(struct z2m *z)
{
    if (!z) {
        return;
    }
    z2m_list_stop(z);
    timer_free(z->slice);
    timer_free(z->question);
    z2m_nodes_done(&z->nodes);
    z2m_command_done(z);
    free(z->last_groups);
    str_done(&z->topic);
    str_done(&z->payload);
    free(z);
}
