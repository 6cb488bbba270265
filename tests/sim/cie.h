/* Colour as zigbee-herdsman-converters computes it (its lib/color.ts), which is not how the bridge does: what a lamp
   says of its colour after a command comes from these, so that the bridge meets another's arithmetic. */
#ifndef SIM_CIE_H
#define SIM_CIE_H

#include <stdint.h>

/* CIE 1931 coordinates, 0..1. */
struct cie_xy {
    double x, y;
};
/* Degrees 0..360 and percent 0..100. */
struct cie_hs {
    double hue, saturation;
};

struct cie_xy cie_from_hs(struct cie_hs hs);
struct cie_hs cie_to_hs(struct cie_xy xy);
/* From red, green and blue 0..1 with sRGB's gamma, as `color: {r,g,b}` and `color: {hex}` are taken. */
struct cie_xy cie_from_rgb(double red, double green, double blue);
struct cie_xy cie_from_mired(double mired);
double cie_to_mired(struct cie_xy xy);

#endif
