/* Zigbee2MQTT at work: one base topic of one broker. Topics to lamps, lists to lights, commands to their answers. */
#ifndef MQTT_Z2M_H
#define MQTT_Z2M_H

#include <stdbool.h>
#include <stddef.h>

#include "hub/driver.h"
#include "model/light.h"

struct connection;
struct z2m;
struct z2m_node;
struct z2m_pending;

/* The private struct of a light. */
struct z2m_light {
    struct z2m *z2m;
    struct z2m_node *node; /* what has its topic */
    size_t place;          /* among the node's lights */
    struct light_state known;
    struct z2m_pending *first, *last; /* commands that wait for the lamp's word, oldest first */
};

struct z2m_config {
    struct driver *driver;
    struct connection *connection;
    const char *base; /* borrowed */
    bool optimistic;
};

struct z2m *z2m_new(const struct z2m_config *config);
void z2m_free(struct z2m *z); /* its lights were detached before */

void z2m_up(struct z2m *z);
void z2m_down(struct z2m *z, const char *why);
bool z2m_message(struct z2m *z, const char *topic, const char *payload, size_t len); /* false: not ours */
bool z2m_acknowledged(struct z2m *z, int mid);                                       /* false: not ours */
/* Is it this one that announces just now? Then the light that the hub attaches is its own. */
bool z2m_announces(const struct z2m *z);
void z2m_attach(struct z2m *z, struct driver_light *light, struct z2m_light *self);

/* As in struct driver_ops. */
void z2m_detach(struct z2m_light *self);
void z2m_apply(struct driver_light *light, struct z2m_light *self, struct request_id request,
               const struct light_state *patch, uint32_t transition_ms);
void z2m_refresh(struct z2m_light *self);
void z2m_cancel(struct z2m_light *self, struct request_id request);
void z2m_status(const struct z2m *z, struct str *s); /* "zigbee2mqtt online, 12 lights" */

#endif
