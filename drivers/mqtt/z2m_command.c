/* Commands, and what Zigbee2MQTT says of them. */
#include "base/err.h"
#include "mqtt/z2m_internal.h"

void z2m_command_report(struct z2m_slot *slot, struct light_state *report)
{
    /* What is off may count its brightness down to nothing: the level it will have again is the one it had. */
    if ((report->has & LIGHT_ON) && !report->on && (slot->way.known.has & LIGHT_LEVEL)) {
        report->has &= ~(uint32_t)LIGHT_LEVEL;
    }
    pending_report(&slot->way, report);
}

/* The oldest command to any light of the node that the failed key belongs to; of an unknown key, the oldest. */
void z2m_command_failed(struct z2m_node *node, const struct z2m_failure *failure, const char *why)
{
    for (size_t i = 0; i < node->count; i++) {
        int result = failure->unanswered ? ERR_OFFLINE : ERR_REJECTED;
        if (pending_fail(&node->slots[i]->way, failure->members, result, why)) {
            return;
        }
    }
}

/* The address survives a rename; a group has only its name. */
void z2m_command_topic(struct z2m *z, const struct z2m_node *node, const char *verb)
{
    str_clear(&z->topic);
    str_add_z(&z->topic, z->dialect.topic);
    str_add_char(&z->topic, '/');
    str_add_z(&z->topic, node->id[0] == '#' ? node->name : node->id);
    str_add_z(&z->topic, verb);
}

void z2m_command_apply(struct way *way, struct request_id request, const struct light_state *patch,
                       uint32_t transition_ms)
{
    struct z2m *z = z2m_of(way);
    const struct z2m_slot *slot = (const struct z2m_slot *)way;
    if (z->bridge == BRIDGE_OFFLINE) {
        request_done(z2m_driver(z), request, ERR_OFFLINE, BASIS_REPORTED, "Zigbee2MQTT is not running");
        return;
    }
    z2m_command_topic(z, slot->node, "/set");
    str_clear(&z->payload);
    z2m_write_set(&z->payload, slot->lamp, patch, transition_ms);
    pending_send(way, request, str_z(&z->topic), &z->payload, patch, transition_ms);
}
