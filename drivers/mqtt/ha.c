#include "mqtt/ha.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "mqtt/ha_internal.h"
#include "mqtt/mqtt.h"

#define GRACE_MS 5000u /* in which native dialects find their lamps: what they know by is retained */

static struct ha *ha_of(const struct way *way)
{
    return (struct ha *)way->dialect;
}

/* ---- reach ---- */

/* What its availabilities say together. A lamp without one is unknown until it speaks. */
static enum light_reach together(const struct ha_node *node)
{
    size_t online = 0, offline = 0;
    const struct ha_lamp *lamp = &node->lamp;
    for (size_t i = 0; i < lamp->availability_count; i++) {
        online += node->available[i] == LIGHT_REACH_ONLINE;
        offline += node->available[i] == LIGHT_REACH_OFFLINE;
    }
    if (lamp->availability_mode == HA_AVAILABLE_LATEST) {
        return (enum light_reach)node->latest;
    }
    bool all = lamp->availability_mode == HA_AVAILABLE_ALL;
    size_t most = lamp->availability_count;
    return all ? (offline > 0                  ? LIGHT_REACH_OFFLINE
                  : most > 0 && online == most ? LIGHT_REACH_ONLINE
                                               : LIGHT_REACH_UNKNOWN)
               : (online > 0                    ? LIGHT_REACH_ONLINE
                  : most > 0 && offline == most ? LIGHT_REACH_OFFLINE
                                                : LIGHT_REACH_UNKNOWN);
}

void ha_reach(const struct ha_node *node)
{
    way_reaches(&node->way, node->way.dialect->broker->up ? together(node) : LIGHT_REACH_OFFLINE);
}

static void forget_reach(struct ha_node *node)
{
    node->latest = LIGHT_REACH_UNKNOWN;
    memset(node->available, LIGHT_REACH_UNKNOWN, sizeof node->available);
}

/* ---- topics ---- */

/* One ear for each topic of states, one for each availability. */
void ha_listen(struct ha_node *node)
{
    const struct ha_lamp *lamp = &node->lamp;
    struct topics *topics = node->way.dialect->broker->topics;
    uint32_t heard = 0;
    node->ears = mem_array(HA_CHANNELS + lamp->availability_count + 1u, sizeof *node->ears);
    node->ear_count = 0;
    forget_reach(node);
    for (size_t channel = 0; channel < HA_CHANNELS; channel++) {
        const char *topic = ha_lamp_channel(lamp, (enum ha_channel)channel, HA_STATE_TOPIC);
        uint32_t channels = 0;
        for (size_t same = channel; topic && same < HA_CHANNELS; same++) {
            const char *other = ha_lamp_channel(lamp, (enum ha_channel)same, HA_STATE_TOPIC);
            channels |= other && strcmp(other, topic) == 0 ? 1u << same : 0;
        }
        if (channels & ~heard & 1u << channel) {
            struct ha_ear *ear = &node->ears[node->ear_count++];
            ear->node = node;
            ear->channels = channels;
            (void)topics_listen(topics, &ear->listener, node->way.dialect, HA_HEARS_STATE, topic);
        }
        heard |= channels;
    }
    for (uint8_t i = 0; i < lamp->availability_count; i++) {
        struct ha_ear *ear = &node->ears[node->ear_count++];
        ear->node = node;
        ear->availability = i;
        (void)topics_listen(topics, &ear->listener, node->way.dialect, HA_HEARS_AVAILABILITY,
                            lamp->texts + lamp->availability[i].topic);
    }
}

void ha_deafen(struct ha_node *node)
{
    for (size_t i = 0; i < node->ear_count; i++) {
        topics_leave(node->way.dialect->broker->topics, &node->ears[i].listener);
    }
    free(node->ears);
    node->ears = NULL;
    node->ear_count = 0;
}

/* ---- messages ---- */

static void take_state(const struct ha_ear *ear, const char *payload, size_t len)
{
    struct ha_node *node = ear->node;
    struct light_state report;
    int err = ha_state_read(&node->lamp, ear->channels, payload, len, &node->way.known, &report);
    if (err != 0) {
        driver_garbage(node->way.dialect->broker->driver, topics_name(&ear->listener),
                       err == ERR_TOO_LARGE ? "a state longer than 64 kB" : "a state that cannot be understood");
    }
    /* What is off may count its brightness down to nothing: the level it will have again is the one it had. */
    if ((report.has & LIGHT_ON) && !report.on && (node->way.known.has & LIGHT_LEVEL)) {
        report.has &= ~(uint32_t)LIGHT_LEVEL;
    }
    if (report.has != 0) {
        pending_report(&node->way, &report);
    }
}

static void take_availability(const struct ha_ear *ear, const char *payload, size_t len)
{
    struct ha_node *node = ear->node;
    bool online;
    if (ha_availability_read(&node->lamp, ear->availability, payload, len, &online) != 0) {
        driver_garbage(node->way.dialect->broker->driver, topics_name(&ear->listener),
                       "neither of the two payloads that its availability has");
        return;
    }
    node->latest = online ? LIGHT_REACH_ONLINE : LIGHT_REACH_OFFLINE;
    node->available[ear->availability] = node->latest;
    ha_reach(node);
}

static void heard(struct dialect *self, struct listener *listener, const char *payload, size_t len)
{
    const struct ha_ear *ear = (const struct ha_ear *)listener;
    (void)self;
    if (len == 0) {
        return; /* a retained message was cleared */
    }
    if (listener->what == HA_HEARS_STATE) {
        take_state(ear, payload, len);
    } else {
        take_availability(ear, payload, len);
    }
}

static bool message(struct dialect *self, const char *topic, const char *payload, size_t len)
{
    struct ha *h = (struct ha *)self;
    bool device, is_switch;
    if (strncmp(topic, self->topic, h->prefix_len) != 0 || topic[h->prefix_len] != '/' ||
        !ha_config_topic(topic + h->prefix_len + 1, &device, &is_switch)) {
        return false;
    }
    ha_announced(h, topic + h->prefix_len + 1, device, is_switch, payload, len);
    return true;
}

/* ---- the broker ---- */

/* Some announce themselves, or say their state, only to a Home Assistant that has just come. */
static void be_born(const struct dialect *self)
{
    struct str topic = STR_INIT;
    struct str online = STR_INIT;
    str_printf(&topic, "%s/status", self->topic);
    str_add_z(&online, "online");
    (void)connection_publish(self->broker->connection, str_z(&topic), &online, NULL);
    str_done(&topic);
    str_done(&online);
}

static void up(struct dialect *self)
{
    static const char *const tails[] = {"light/+/config",    "light/+/+/config", "switch/+/config",
                                        "switch/+/+/config", "device/+/config",  "device/+/+/config"};
    struct ha *h = (struct ha *)self;
    char *filters[sizeof tails / sizeof tails[0]];
    size_t count = sizeof tails / sizeof tails[0];
    for (size_t i = 0; i < count; i++) {
        struct str s = STR_INIT;
        str_printf(&s, "%s/%s", self->topic, tails[i]);
        filters[i] = str_take(&s);
    }
    connection_subscribe(self->broker->connection, filters, count, 1);
    for (size_t i = 0; i < count; i++) {
        free(filters[i]);
    }
    timer_start(h->grace, GRACE_MS);
    for (struct ha_node *n = ha_node_next(h, NULL); n; n = ha_node_next(h, n)) {
        ha_reach(n);
    }
    if (self->broker->config->homeassistant_birth) {
        be_born(self);
    }
}

static void down(struct dialect *self, const char *why)
{
    struct ha *h = (struct ha *)self;
    (void)why;
    timer_stop(h->grace);
    for (struct ha_node *n = ha_node_next(h, NULL); n; n = ha_node_next(h, n)) {
        forget_reach(n);
    }
}

/* ---- from the hub ---- */

static void attach(struct way *way)
{
    struct ha_node *node = (struct ha_node *)way;
    ha_listen(node); /* its state comes where it is retained; there is no asking for it */
    ha_reach(node);
}

static void detach(struct way *way)
{
    ha_deafen((struct ha_node *)way);
}

static void apply(struct way *way, struct request_id request, const struct light_state *patch, uint32_t transition_ms)
{
    struct ha *h = ha_of(way);
    struct ha_command *c = &h->command;
    struct str payload = STR_INIT;
    if (ha_command_write(&((struct ha_node *)way)->lamp, &way->known, patch, transition_ms, c) != 0) {
        request_done(way->dialect->broker->driver, request, ERR_UNSUPPORTED, BASIS_REPORTED,
                     "its own template gives no command for this");
        return;
    }
    for (size_t i = 0; i < c->count; i++) {
        str_clear(&payload);
        str_add(&payload, c->bytes.data + c->messages[i].at, c->messages[i].len);
        if (i + 1 == c->count) {
            pending_send(way, request, c->messages[i].topic, &payload, patch, c->fades ? transition_ms : 0);
        } else if (!pending_publish(way, request, c->messages[i].topic, &payload)) {
            break;
        }
    }
    str_done(&payload);
}

static bool status(const struct dialect *self, struct str *s)
{
    const struct ha *h = (const struct ha *)self;
    size_t lights = 0;
    for (struct ha_node *n = ha_node_next(h, NULL); n; n = ha_node_next(h, n)) {
        lights += n->way.light != NULL;
    }
    if (h->count > 0) {
        str_printf(s, "%s %zu light%s", self->topic, lights, lights == 1 ? "" : "s");
    }
    return true;
}

static int start(struct dialect *self)
{
    struct ha *h = (struct ha *)self;
    struct str group = STR_INIT;
    const char *slash = strchr(driver_name(self->broker->driver), '/');
    if (!topics_good(self->topic)) {
        log_error(driver_name(self->broker->driver),
                  "prefix %s: no empty text, no wildcard and no control byte can be in it", self->topic);
        return ERR_INVALID;
    }
    h->prefix_len = strlen(self->topic);
    str_printf(&group, "group/%s", slash ? slash + 1 : driver_name(self->broker->driver));
    h->group = str_take(&group);
    h->grace = timer_new(self->broker->loop, ha_announce_waiting, h);
    return 0;
}

static void stop(struct dialect *self)
{
    struct ha *h = (struct ha *)self;
    struct ha_node *node;
    while ((node = ha_node_next(h, NULL))) {
        ha_deafen(node);
        way_forget(&node->way);
        ha_node_remove(h, node);
    }
    free(h->buckets);
    free(h->group);
    timer_free(h->grace);
    str_done(&h->command.bytes);
}

const struct dialect_ops ha_dialect = {
    .name = "homeassistant",
    .size = sizeof(struct ha),
    .rank = WAY_DISCOVERED,
    .tolerance = &ha_tolerance,
    .start = start,
    .stop = stop,
    .up = up,
    .down = down,
    .heard = heard,
    .message = message,
    .attach = attach,
    .detach = detach,
    .apply = apply,
    .announce = ha_announce,
    .status = status,
};
