/* Announcements: lamps come, change and go. */
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "loop/loop.h"
#include "mqtt/ha_internal.h"

static struct driver *driver_of(const struct ha *h)
{
    return h->dialect.broker->driver;
}

/* One that cannot be used is told once, with its reason; what was announced there before stays. */
static void leave_out(struct ha *h, const char *topic, const char *why)
{
    struct str from = STR_INIT;
    str_printf(&from, "%s/%s", h->dialect.topic, topic);
    driver_garbage(driver_of(h), str_z(&from), why);
    str_done(&from);
}

void ha_announce(struct way *way)
{
    const struct ha_node *node = (const struct ha_node *)way;
    const struct ha_lamp *lamp = &node->lamp;
    struct str where = STR_INIT;
    const char *topic = ha_lamp_channel(lamp, HA_STATE, HA_STATE_TOPIC);
    topic = topic ? topic : ha_lamp_channel(lamp, HA_STATE, HA_COMMAND_TOPIC);
    way->silent = lamp->silent;
    str_printf(&where, "%s %s", driver_name(way->dialect->broker->driver), topic);
    way_announce(way, &(struct driver_announcement){
                          .address = ha_lamp_text(lamp, HA_ADDRESS),
                          .name = ha_lamp_text(lamp, HA_NAME),
                          .manufacturer = ha_lamp_text(lamp, HA_MANUFACTURER),
                          .model = ha_lamp_text(lamp, HA_MODEL),
                          .version = ha_lamp_text(lamp, HA_VERSION),
                          .where = str_z(&where),
                          .room = ha_lamp_text(lamp, HA_ROOM),
                          .profile = lamp->profile,
                          .has_availability = lamp->availability_count > 0,
                      });
    str_done(&where);
}

/* What a native dialect may know is left to it at first: the lamp would only move there a moment later. */
static void announce(struct ha *h, struct ha_node *node)
{
    if (node->lamp.native && !node->way.twin && timer_active(h->grace)) {
        return;
    }
    ha_announce(&node->way);
}

void ha_announce_waiting(void *user)
{
    struct ha *h = user;
    for (struct ha_node *n = ha_node_next(h, NULL); n; n = ha_node_next(h, n)) {
        if (!n->way.twin) {
            ha_announce(&n->way);
        }
    }
}

static void gone(struct ha *h, struct ha_node *node)
{
    log_debug(driver_name(driver_of(h)), "%s is gone", ha_lamp_text(&node->lamp, HA_NAME));
    way_withdraw(&node->way);
    ha_node_remove(h, node);
}

static bool same_lamp(const struct ha_lamp *a, const struct ha_lamp *b)
{
    struct ha_lamp like = *a;
    like.texts = b->texts;
    /* Padding counts too: each was zeroed as a whole. A false difference only announces it again. */
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c)
    return a->texts && memcmp(&like, b, sizeof like) == 0 && a->texts_len == b->texts_len &&
           memcmp(a->texts, b->texts, a->texts_len) == 0;
}

/* Takes the lamp over. */
static void take_lamp(struct ha *h, const char *topic, const char *component, struct ha_lamp *lamp)
{
    struct ha_node *node = ha_node_find(h, topic, component);
    node = node ? node : ha_node_add(h, topic, component);
    if (same_lamp(&node->lamp, lamp)) {
        ha_lamp_done(lamp);
    } else {
        bool listens = node->ears != NULL;
        ha_deafen(node); /* it leads into the old texts */
        ha_lamp_done(&node->lamp);
        memcpy(&node->lamp, lamp, sizeof *lamp); /* with its padding */
        if (listens) {
            ha_listen(node);
        }
    }
    announce(h, node);
}

static void take_component(struct ha *h, const struct ha_config *c, const char *topic,
                           const struct ha_component *component)
{
    struct ha_lamp lamp;
    struct str why = STR_INIT;
    struct str fallback = STR_INIT;
    const char *instance = h->group + strlen("group/");
    str_add_z(&why, "the lamp is left out: ");
    str_printf(&fallback, "ha/%s/%s/%s%s%s", instance, h->dialect.topic, topic, component->key[0] ? "#" : "",
               component->key);
    if (fallback.len > HA_MAX_ADDRESS) {
        leave_out(h, topic, "a topic that is too long");
    } else if (ha_lamp_read(c, component, str_z(&fallback), h->group, &lamp, &why) == 0) {
        take_lamp(h, topic, component->key, &lamp);
    } else {
        leave_out(h, topic, str_z(&why));
    }
    str_done(&why);
    str_done(&fallback);
}

void ha_announced(struct ha *h, const char *topic, bool device, bool is_switch, const char *bytes, size_t len)
{
    struct ha_config c;
    struct ha_component component;
    struct ha_node *node;
    while (len == 0 && (node = ha_node_of_topic(h, topic))) { /* it has cleared its announcement: it is gone for good */
        gone(h, node);
    }
    if (len == 0) {
        return;
    }
    int err = ha_config_open(&c, device, is_switch, bytes, len);
    if (err != 0) {
        leave_out(h, topic, err == ERR_TOO_LARGE ? "an announcement longer than 256 kB" : "no announcement");
        return;
    }
    while (ha_config_next(&c, &component)) {
        node = component.removed ? ha_node_find(h, topic, component.key) : NULL;
        if (node) {
            gone(h, node);
        } else if (!component.removed) {
            take_component(h, &c, topic, &component);
        }
    }
    ha_config_close(&c);
}
