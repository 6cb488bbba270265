/* Shelly's second generation and later, by RPC over MQTT. The topic "+" is for all whose topic prefix has one level
   (the device's id, by default): they are found by what they say. Any other topic is the prefix of one device. */
#ifndef MQTT_SHELLY_H
#define MQTT_SHELLY_H

#include "mqtt/dialect.h"

extern const struct dialect_ops shelly_dialect;

#endif
