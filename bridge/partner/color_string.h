/* A colour as the LIFX HTTP API writes it: "red", "hue:120 saturation:0.5", "kelvin:2700 brightness:0.3",
   "rgb:255,128,0", "#ff8000". Pure. */
#ifndef PARTNER_COLOR_STRING_H
#define PARTNER_COLOR_STRING_H

#include <stdint.h>

#include "model/light.h"

#define COLOR_STRING_MAX 128u
#define COLOR_STRING_KELVIN_MIN 1500u
#define COLOR_STRING_KELVIN_MAX 9000u

/* Into the members LIGHT_HUE, LIGHT_SATURATION, LIGHT_LEVEL and LIGHT_KELVIN of a state; no others, no mode. As LIFX
   has it: a hue alone is of full saturation, kelvin alone of none, names say nothing of the brightness, rgb and # say
   all. `random` is what "random" draws its hue from. ERR_INVALID with a static sentence; then nothing is written. */
int color_string_parse(const char *text, uint32_t random, struct light_state *ret_state, const char **ret_what);

#endif
