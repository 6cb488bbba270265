/* Tasmota: modules that announce themselves, each on topics of its own. */
#ifndef MQTT_TASMOTA_H
#define MQTT_TASMOTA_H

#include "mqtt/dialect.h"

extern const struct dialect_ops tasmota_dialect; /* its topic is where discovery is: "tasmota/discovery" */

#endif
