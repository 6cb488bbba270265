#include "sim/cie.h"

#include <math.h>

struct rgb {
    double red, green, blue;
};

/* The wide RGB D65 conversion formula. */
static struct cie_xy xy_of(struct rgb c)
{
    double x = c.red * 0.664511 + c.green * 0.154324 + c.blue * 0.162028;
    double y = c.red * 0.283881 + c.green * 0.668433 + c.blue * 0.047685;
    double z = c.red * 0.000088 + c.green * 0.07231 + c.blue * 0.986039;
    double sum = x + y + z;
    return sum > 0 ? (struct cie_xy){x / sum, y / sum} : (struct cie_xy){0, 0};
}

struct cie_xy cie_from_hs(struct cie_hs hs)
{
    double h = fmod(hs.hue, 360) / 60;
    double s = hs.saturation / 100;
    double f = h - floor(h);
    double p = 1 - s;
    double q = 1 - f * s;
    double t = 1 - (1 - f) * s;
    const struct rgb sectors[] = {{1, t, p}, {q, 1, p}, {p, 1, t}, {p, q, 1}, {t, p, 1}, {1, p, q}};
    return xy_of(sectors[(unsigned)h % 6]);
}

/* At full brightness; what lies outside the gamut is brought in. */
static struct rgb rgb_of(struct cie_xy c)
{
    double y = c.y > 0 ? c.y : 1e-6;
    double X = c.x / y;
    double Z = (1 - c.x - c.y) / y;
    struct rgb v = {.red = X * 1.656492 - 0.354851 - Z * 0.255038,
                    .green = -X * 0.707196 + 1.655397 + Z * 0.036152,
                    .blue = X * 0.051713 - 0.121364 + Z * 1.01153};
    double top = fmax(v.red, fmax(v.green, v.blue));
    if (top > 1) {
        v = (struct rgb){v.red / top, v.green / top, v.blue / top};
    }
    return (struct rgb){fmax(v.red, 0), fmax(v.green, 0), fmax(v.blue, 0)};
}

struct cie_hs cie_to_hs(struct cie_xy xy)
{
    struct rgb c = rgb_of(xy);
    double top = fmax(c.red, fmax(c.green, c.blue));
    double span = top - fmin(c.red, fmin(c.green, c.blue));
    if (span <= 0) {
        return (struct cie_hs){0, 0};
    }
    double h = top == c.red     ? (c.green - c.blue) / span + (c.green < c.blue ? 6 : 0)
               : top == c.green ? (c.blue - c.red) / span + 2
                                : (c.red - c.green) / span + 4;
    return (struct cie_hs){h * 60, span / top * 100};
}

static double linear(double v)
{
    return v > 0.04045 ? pow((v + 0.055) / 1.055, 2.4) : v / 12.92;
}

struct cie_xy cie_from_rgb(double red, double green, double blue)
{
    return xy_of((struct rgb){linear(red), linear(green), linear(blue)});
}

/* There it is a table by kelvin; this is the cubic approximation of the same curve (Kim et al., US patent 7024034). */
struct cie_xy cie_from_mired(double mired)
{
    double k = fmin(fmax(1e6 / mired, 1667), 25000);
    double a = 1e9 / (k * k * k);
    double b = 1e6 / (k * k);
    double c = 1e3 / k;
    double x = k <= 4000 ? -0.2661239 * a - 0.2343589 * b + 0.8776956 * c + 0.179910
                         : -3.0258469 * a + 2.1070379 * b + 0.2226347 * c + 0.240390;
    double y = k <= 2222   ? -1.1063814 * x * x * x - 1.34811020 * x * x + 2.18555832 * x - 0.20219683
               : k <= 4000 ? -0.9549476 * x * x * x - 1.37418593 * x * x + 2.09137015 * x - 0.16748867
                           : 3.0817580 * x * x * x - 5.87338670 * x * x + 3.75112997 * x - 0.37001483;
    return (struct cie_xy){x, y};
}

/* McCamy's formula. */
double cie_to_mired(struct cie_xy xy)
{
    double n = (xy.x - 0.332) / (0.1858 - xy.y);
    double kelvin = fabs(437 * n * n * n + 3601 * n * n + 6861 * n + 5517);
    return 1e6 / fmax(kelvin, 1);
}
