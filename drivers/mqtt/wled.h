/* WLED: commands and states over MQTT, and what its diodes can over HTTP where its host is known. The dialect's topic
   is "wled/+", all strips that have their topic there, or "TOPIC" or "TOPIC HOST[:PORT]" of one. */
#ifndef MQTT_WLED_H
#define MQTT_WLED_H

#include "mqtt/dialect.h"

extern const struct dialect_ops wled_dialect;

#endif
