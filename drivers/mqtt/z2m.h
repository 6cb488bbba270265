/* Zigbee2MQTT: one base topic of one broker. Topics to lamps, lists to lights, commands to their answers. */
#ifndef MQTT_Z2M_H
#define MQTT_Z2M_H

#include "mqtt/dialect.h"

extern const struct dialect_ops z2m_dialect; /* its topic is the base topic */

#endif
