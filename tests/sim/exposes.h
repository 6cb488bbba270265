/* The `exposes` of a kind of lamp, word for word as Zigbee2MQTT 2.x publishes them in bridge/devices. */
#ifndef SIM_EXPOSES_H
#define SIM_EXPOSES_H

#include "base/json.h"
#include "sim/shapes.h"

/* The whole array: the lights, then what every lamp has beside them (effect, power_on_behavior, linkquality, ...).
   tests/e2e/sim.test.js compares the lights with those of the catalogue, text by text. */
void exposes_write(struct json_out *j, const struct shape *shape);
/* The `options` of the definition, which the bridge has no use for: they make up a third of a real entry. */
void exposes_write_options(struct json_out *j, const struct shape *shape);
/* What a lamp of this kind takes as "effect": NULL-terminated. */
const char *const *exposes_effects(const struct shape *shape);

#endif
