/* Shelly's first generation, by its topics. The dialect's topic is what all of them lie under: "shellies". */
#ifndef MQTT_SHELLY1_H
#define MQTT_SHELLY1_H

#include "mqtt/dialect.h"

extern const struct dialect_ops shelly1_dialect;

#endif
