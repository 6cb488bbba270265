/* Home Assistant discovery: lamps that announce themselves under one prefix of one broker. */
#ifndef MQTT_HA_H
#define MQTT_HA_H

#include "mqtt/dialect.h"

extern const struct dialect_ops ha_dialect; /* its topic is the prefix: "homeassistant" */

#endif
