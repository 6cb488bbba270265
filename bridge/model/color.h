/* Conversions between the program's units and those on wires: pure, exact on the way there and back. */
#ifndef MODEL_COLOR_H
#define MODEL_COLOR_H

#include <stdint.h>

/* Steps 0..max of a wire (254, 255, 100, 99, 1000, 65535) <-> hundredths of a percent. Rounds to nearest;
   a level above 0 never becomes step 0. */
uint16_t color_level_from_steps(uint32_t step, uint32_t max);
uint32_t color_level_to_steps(uint16_t level, uint32_t max);
/* mired <-> K. 0 and what lies outside LIGHT_KELVIN_MIN..MAX is clamped. */
uint16_t color_kelvin_from_mired(double mired);
uint16_t color_mired_from_kelvin(uint16_t kelvin);
/* Hue in hundredths of a degree <-> SmartThings' 0..100 (in hundredths, 0..10000). 100 is 0 again. */
uint16_t color_hue_from_percent(uint32_t hundredths_of_percent);
uint16_t color_hue_to_percent(uint16_t hue); /* hundredths of a percent, 0..9999 */
/* CIE 1931 xy (0..1) <-> hue and saturation at full brightness, sRGB primaries with D65, out-of-gamut points are
 * brought in. */
void color_xy_from_hs(uint16_t hue, uint16_t saturation, double *ret_x, double *ret_y);
void color_hs_from_xy(double x, double y, uint16_t *ret_hue, uint16_t *ret_saturation);
void color_hs_from_rgb(uint8_t r, uint8_t g, uint8_t b, uint16_t *ret_hue, uint16_t *ret_saturation,
                       uint16_t *ret_value);
void color_rgb_from_hs(uint16_t hue, uint16_t saturation, uint16_t value, uint8_t *ret_r, uint8_t *ret_g,
                       uint8_t *ret_b);
/* xy of a black body (for lamps that have xy but no colour temperature) and the nearest temperature. */
void color_xy_from_kelvin(uint16_t kelvin, double *ret_x, double *ret_y);
uint16_t color_kelvin_from_xy(double x, double y);

#endif
