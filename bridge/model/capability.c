#include "model/capability.h"

#include "model/light.h"

const struct capability capabilities[] = {
    {"switch", "switch", CAPABILITY_ONOFF, LIGHT_ON, LIGHT_ON, NULL},
    {"switchLevel", "level", CAPABILITY_PERCENT, LIGHT_LEVEL, LIGHT_LEVEL, "%"},
    {"colorTemperature", "colorTemperature", CAPABILITY_KELVIN, LIGHT_KELVIN, LIGHT_KELVIN, "K"},
    {"colorControl", "hue", CAPABILITY_HUE, LIGHT_COLOR, LIGHT_HUE, NULL},
    {"colorControl", "saturation", CAPABILITY_PERCENT, LIGHT_COLOR, LIGHT_SATURATION, NULL},
};
const size_t capability_count = sizeof capabilities / sizeof capabilities[0];
