#include "model/color.h"

#include <math.h>

#include "model/light.h"

uint16_t color_level_from_steps(uint32_t step, uint32_t max)
{
    if (step >= max) {
        return LIGHT_LEVEL_MAX;
    }
    uint32_t level = (uint32_t)(((uint64_t)step * LIGHT_LEVEL_MAX + max / 2) / max);
    return (uint16_t)(step > 0 && level == 0 ? 1 : level);
}

uint32_t color_level_to_steps(uint16_t level, uint32_t max)
{
    if (level >= LIGHT_LEVEL_MAX) {
        return max;
    }
    uint32_t step = (uint32_t)(((uint64_t)level * max + LIGHT_LEVEL_MAX / 2) / LIGHT_LEVEL_MAX);
    return level > 0 && step == 0 ? 1 : step;
}

static uint16_t clamp_kelvin(double kelvin)
{
    if (!(kelvin > LIGHT_KELVIN_MIN)) { /* also what is no number */
        return LIGHT_KELVIN_MIN;
    }
    return kelvin >= LIGHT_KELVIN_MAX ? (uint16_t)LIGHT_KELVIN_MAX : (uint16_t)lround(kelvin);
}

uint16_t color_kelvin_from_mired(double mired)
{
    return mired > 0 ? clamp_kelvin(1e6 / mired) : LIGHT_KELVIN_MAX;
}

uint16_t color_mired_from_kelvin(uint16_t kelvin)
{
    return (uint16_t)lround(1e6 / clamp_kelvin(kelvin));
}

uint16_t color_hue_from_percent(uint32_t hundredths)
{
    return (uint16_t)(((uint64_t)hundredths * LIGHT_HUE_MAX + 5000) / 10000 % LIGHT_HUE_MAX);
}

uint16_t color_hue_to_percent(uint16_t hue)
{
    return (uint16_t)(((uint32_t)hue * 10000u + LIGHT_HUE_MAX / 2) / LIGHT_HUE_MAX % 10000u);
}

/* ---- sRGB ---- */

static double to_linear(double c)
{
    return c > 0.04045 ? pow((c + 0.055) / 1.055, 2.4) : c / 12.92;
}

static double from_linear(double c)
{
    return c > 0.0031308 ? 1.055 * pow(c, 1 / 2.4) - 0.055 : 12.92 * c;
}

struct rgb {
    double r, g, b; /* 0..1 */
};

static struct rgb rgb_from_hs(uint16_t hue, uint16_t saturation, double value)
{
    double h = hue % LIGHT_HUE_MAX / 6000.0;
    double s = saturation >= LIGHT_SATURATION_MAX ? 1 : saturation / (double)LIGHT_SATURATION_MAX;
    double c = value * s;
    double x = c * (1 - fabs(fmod(h, 2) - 1));
    double m = value - c;
    struct rgb out[] = {{c, x, 0}, {x, c, 0}, {0, c, x}, {0, x, c}, {x, 0, c}, {c, 0, x}};
    struct rgb o = out[(int)h % 6];
    return (struct rgb){o.r + m, o.g + m, o.b + m};
}

static void hs_from_rgb(struct rgb in, uint16_t *ret_hue, uint16_t *ret_saturation, double *ret_value)
{
    double max = fmax(in.r, fmax(in.g, in.b));
    double min = fmin(in.r, fmin(in.g, in.b));
    double span = max - min;
    double h = 0;
    if (span > 0) {
        h = max == in.r   ? fmod((in.g - in.b) / span + 6, 6)
            : max == in.g ? (in.b - in.r) / span + 2
                          : (in.r - in.g) / span + 4;
    }
    *ret_hue = (uint16_t)(lround(h * 6000) % (long)LIGHT_HUE_MAX);
    *ret_saturation = (uint16_t)(max > 0 ? lround(span / max * LIGHT_SATURATION_MAX) : 0);
    *ret_value = max;
}

/* IEC 61966-2-1, D65 */
static const double to_xyz[3][3] = {
    {0.4124564, 0.3575761, 0.1804375}, {0.2126729, 0.7151522, 0.0721750}, {0.0193339, 0.1191920, 0.9503041}};
static const double from_xyz[3][3] = {
    {3.2404542, -1.5371385, -0.4985314}, {-0.9692660, 1.8760108, 0.0415560}, {0.0556434, -0.2040259, 1.0572252}};

void color_xy_from_hs(uint16_t hue, uint16_t saturation, double *ret_x, double *ret_y)
{
    struct rgb c = rgb_from_hs(hue, saturation, 1);
    double linear[3] = {to_linear(c.r), to_linear(c.g), to_linear(c.b)};
    double xyz[3] = {0};
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++) {
            xyz[i] += to_xyz[i][k] * linear[k];
        }
    }
    double sum = xyz[0] + xyz[1] + xyz[2];
    *ret_x = xyz[0] / sum;
    *ret_y = xyz[1] / sum;
}

void color_hs_from_xy(double x, double y, uint16_t *ret_hue, uint16_t *ret_saturation)
{
    double value;
    if (!(y > 1e-6) || !(x >= 0) || x > 1 || y > 1) { /* no colour at all */
        *ret_hue = 0;
        *ret_saturation = 0;
        return;
    }
    double xyz[3] = {x / y, 1, (1 - x - y) / y};
    double linear[3] = {0};
    double max = 0;
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++) {
            linear[i] += from_xyz[i][k] * xyz[k];
        }
        linear[i] = fmax(linear[i], 0); /* outside of the gamut: the nearest edge */
        max = fmax(max, linear[i]);
    }
    if (!(max > 0)) {
        max = 1;
    }
    hs_from_rgb((struct rgb){from_linear(linear[0] / max), from_linear(linear[1] / max), from_linear(linear[2] / max)},
                ret_hue, ret_saturation, &value);
}

void color_hs_from_rgb(uint8_t r, uint8_t g, uint8_t b, uint16_t *ret_hue, uint16_t *ret_saturation,
                       uint16_t *ret_value)
{
    double value;
    hs_from_rgb((struct rgb){r / 255.0, g / 255.0, b / 255.0}, ret_hue, ret_saturation, &value);
    *ret_value = (uint16_t)lround(value * LIGHT_LEVEL_MAX);
}

void color_rgb_from_hs(uint16_t hue, uint16_t saturation, uint16_t value, uint8_t *ret_r, uint8_t *ret_g,
                       uint8_t *ret_b)
{
    struct rgb c = rgb_from_hs(hue, saturation, value >= LIGHT_LEVEL_MAX ? 1 : value / (double)LIGHT_LEVEL_MAX);
    *ret_r = (uint8_t)lround(c.r * 255);
    *ret_g = (uint8_t)lround(c.g * 255);
    *ret_b = (uint8_t)lround(c.b * 255);
}

/* Planckian locus: cubic approximation of Kim et al. (US patent 7024034), valid for 1667..25000 K. */
void color_xy_from_kelvin(uint16_t kelvin, double *ret_x, double *ret_y)
{
    double t = kelvin < 1667 ? 1667 : kelvin > 25000 ? 25000 : kelvin;
    double x = t <= 4000 ? -0.2661239e9 / (t * t * t) - 0.2343589e6 / (t * t) + 0.8776956e3 / t + 0.179910
                         : -3.0258469e9 / (t * t * t) + 2.1070379e6 / (t * t) + 0.2226347e3 / t + 0.240390;
    double y = t <= 2222   ? -1.1063814 * x * x * x - 1.34811020 * x * x + 2.18555832 * x - 0.20219683
               : t <= 4000 ? -0.9549476 * x * x * x - 1.37418593 * x * x + 2.09137015 * x - 0.16748867
                           : 3.0817580 * x * x * x - 5.87338670 * x * x + 3.75112997 * x - 0.37001483;
    *ret_x = x;
    *ret_y = y;
}

/* McCamy, Color Research and Application 17 (1992). */
uint16_t color_kelvin_from_xy(double x, double y)
{
    double n = (x - 0.3320) / (0.1858 - y);
    return clamp_kelvin(((449.0 * n + 3525.0) * n + 6823.3) * n + 5520.33);
}
