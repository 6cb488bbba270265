/* What the files of a simulated module's lights share. */
#ifndef SIM_SONOFF_LIGHT_INTERNAL_H
#define SIM_SONOFF_LIGHT_INTERNAL_H

#include <stdio.h>

#include "sim/sonoff_light.h"

enum { MODE_RGB = 1, MODE_CT = 2 }; /* bits of sonoff_light.mode */

unsigned sonoff_scale(unsigned value, unsigned from_max, unsigned to_max);
unsigned sonoff_dimmer(uint8_t bri); /* 0..100 */
bool sonoff_linked(const struct sonoff_light *l);
uint8_t sonoff_bri(const struct sonoff_light *l);
void sonoff_change_dimmer(struct sonoff_light *l, unsigned percent, unsigned part); /* part 1 colour, 2 white, 0 both */
void sonoff_change_hsb(struct sonoff_light *l, unsigned hue, unsigned saturation, unsigned bri);
void sonoff_change_ct(struct sonoff_light *l, unsigned ct);
void sonoff_change_color(struct sonoff_light *l, const uint8_t channels[5]);
void sonoff_levels(const struct sonoff_light *l, uint8_t levels[5]); /* what its channels shine, 0..255 */
void sonoff_power_name(const struct sonoff_light *l, unsigned device, bool index, char name[12]);
void sonoff_write_light(struct str *s, const struct sonoff_light *l);

#endif
