/* Every value of every wire unit goes to the program's units and comes back as itself. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/color.h"
#include "model/light.h"

static void steps_and_back(void **state)
{
    static const uint32_t wires[] = {99, 100, 254, 255, 1000, 10000}; /* 10000: our own resolution */
    (void)state;
    for (size_t w = 0; w < sizeof wires / sizeof wires[0]; w++) {
        uint16_t before = 0;
        for (uint32_t step = 0; step <= wires[w]; step++) {
            uint16_t level = color_level_from_steps(step, wires[w]);
            assert_int_equal(color_level_to_steps(level, wires[w]), step);
            assert_true(step == 0 ? level == 0 : level > before); /* and in order */
            before = level;
        }
        assert_int_equal(color_level_from_steps(wires[w], wires[w]), LIGHT_LEVEL_MAX);
        assert_int_equal(color_level_from_steps(wires[w] + 1, wires[w]), LIGHT_LEVEL_MAX);
        assert_int_equal(color_level_to_steps(UINT16_MAX, wires[w]), wires[w]);
    }
}

/* A finer wire than our unit: what we say is the same after a visit there. */
static void levels_and_back(void **state)
{
    static const uint32_t wires[] = {10000, 32767, 65535};
    (void)state;
    for (size_t w = 0; w < sizeof wires / sizeof wires[0]; w++) {
        for (uint16_t level = 0; level <= LIGHT_LEVEL_MAX; level++) {
            assert_int_equal(color_level_from_steps(color_level_to_steps(level, wires[w]), wires[w]), level);
        }
    }
}

static void a_little_is_not_dark(void **state)
{
    (void)state;
    for (uint16_t level = 1; level <= 100; level++) {
        assert_true(color_level_to_steps(level, 99) >= 1);
        assert_true(color_level_to_steps(level, 254) >= 1);
    }
    assert_int_equal(color_level_to_steps(0, 254), 0);
    assert_int_equal(color_level_from_steps(1, 65535), 1);
}

/* A whole percent, as SmartThings counts, survives every wire that has at least as many steps. */
static void percents_and_back(void **state)
{
    static const uint32_t wires[] = {100, 254, 255, 1000, 65535};
    (void)state;
    for (size_t w = 0; w < sizeof wires / sizeof wires[0]; w++) {
        for (unsigned percent = 0; percent <= 100; percent++) {
            uint32_t step = color_level_to_steps((uint16_t)(percent * 100), wires[w]);
            assert_int_equal((color_level_from_steps(step, wires[w]) + 50u) / 100u, percent);
        }
    }
}

static void mireds_and_back(void **state)
{
    (void)state;
    for (uint16_t mired = 34; mired <= 1000; mired++) {
        assert_int_equal(color_mired_from_kelvin(color_kelvin_from_mired(mired)), mired);
    }
    /* 33 mired is 30303 K, over the range's end: clamped, and one step off on the way back would be 33.3 */
    assert_int_equal(color_kelvin_from_mired(33), LIGHT_KELVIN_MAX);
    assert_int_equal(color_mired_from_kelvin(LIGHT_KELVIN_MAX), 33);
    assert_int_equal(color_kelvin_from_mired(0), LIGHT_KELVIN_MAX);
    assert_int_equal(color_kelvin_from_mired(-5), LIGHT_KELVIN_MAX);
    assert_int_equal(color_kelvin_from_mired(NAN), LIGHT_KELVIN_MAX);
    assert_int_equal(color_kelvin_from_mired(1e9), LIGHT_KELVIN_MIN);
    assert_int_equal(color_mired_from_kelvin(0), 1000);
    assert_int_equal(color_kelvin_from_mired(370), 2703);
}

static void hue_and_back(void **state)
{
    (void)state;
    /* SmartThings' hue in hundredths of a percent: 10000 values, all told apart. */
    for (uint32_t percent = 0; percent < 10000; percent++) {
        assert_int_equal(color_hue_to_percent(color_hue_from_percent(percent)), percent);
    }
    assert_int_equal(color_hue_from_percent(10000), 0);
    for (unsigned hue = 0; hue < LIGHT_HUE_MAX; hue++) {
        int back = color_hue_from_percent(color_hue_to_percent((uint16_t)hue));
        int distance = abs(back - (int)hue);
        distance = distance > 18000 ? 36000 - distance : distance;
        assert_true(distance <= 2); /* 3.6 of our units are one of theirs */
    }
}

static int hue_distance(int a, int b)
{
    int d = abs(a - b);
    return d > 18000 ? 36000 - d : d;
}

static void xy_and_back(void **state)
{
    (void)state;
    for (unsigned hue = 0; hue < LIGHT_HUE_MAX; hue += 97) {
        for (unsigned saturation = 0; saturation <= LIGHT_SATURATION_MAX; saturation += 250) {
            double x;
            double y;
            uint16_t h;
            uint16_t s;
            color_xy_from_hs((uint16_t)hue, (uint16_t)saturation, &x, &y);
            assert_true(x > 0 && x < 0.75 && y > 0 && y < 0.75);
            color_hs_from_xy(x, y, &h, &s);
            assert_true(abs((int)s - (int)saturation) <= 3);
            assert_true(saturation < 500 || hue_distance(h, (int)hue) <= 10);
        }
    }
}

/* Any point at all, also those that no lamp can show and those that are no colour, gives values in range. */
static void any_xy(void **state)
{
    (void)state;
    for (int i = -20; i <= 120; i++) {
        for (int k = -20; k <= 120; k++) {
            uint16_t h = UINT16_MAX;
            uint16_t s = UINT16_MAX;
            color_hs_from_xy(i / 100.0, k / 100.0, &h, &s);
            assert_true(h < LIGHT_HUE_MAX && s <= LIGHT_SATURATION_MAX);
            uint16_t kelvin = color_kelvin_from_xy(i / 100.0, k / 100.0);
            assert_true(kelvin >= LIGHT_KELVIN_MIN && kelvin <= LIGHT_KELVIN_MAX);
        }
    }
    uint16_t h;
    uint16_t s;
    color_hs_from_xy(NAN, NAN, &h, &s);
    assert_int_equal(s, 0);
}

/* IEC 61966-2-1: where the primaries and the white lie. */
static void known_points(void **state)
{
    static const struct {
        uint16_t hue, saturation;
        double x, y;
    } rows[] = {
        {0, 10000, 0.6400, 0.3300},
        {12000, 10000, 0.3000, 0.6000},
        {24000, 10000, 0.1500, 0.0600},
        {0, 0, 0.3127, 0.3290},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double x;
        double y;
        color_xy_from_hs(rows[i].hue, rows[i].saturation, &x, &y);
        assert_true(fabs(x - rows[i].x) < 0.0005 && fabs(y - rows[i].y) < 0.0005);
    }
}

static void rgb_and_back(void **state)
{
    (void)state;
    for (unsigned r = 0; r < 256; r += 5) {
        for (unsigned g = 0; g < 256; g += 5) {
            for (unsigned b = 0; b < 256; b += 3) {
                uint16_t h;
                uint16_t s;
                uint16_t v;
                uint8_t back[3];
                color_hs_from_rgb((uint8_t)r, (uint8_t)g, (uint8_t)b, &h, &s, &v);
                color_rgb_from_hs(h, s, v, &back[0], &back[1], &back[2]);
                assert_int_equal(back[0], r);
                assert_int_equal(back[1], g);
                assert_int_equal(back[2], b);
            }
        }
    }
}

/* McCamy's formula is good to a few K in the middle and to some percent at the ends. */
static void kelvin_by_xy(void **state)
{
    (void)state;
    for (unsigned kelvin = 2000; kelvin <= 11000; kelvin += 50) {
        double x;
        double y;
        color_xy_from_kelvin((uint16_t)kelvin, &x, &y);
        int back = color_kelvin_from_xy(x, y);
        assert_true(abs(back - (int)kelvin) <= (int)kelvin * 3 / 100);
    }
    double x;
    double y;
    color_xy_from_kelvin(6504, &x, &y); /* near D65: the black body lies a little below the daylight locus */
    assert_true(fabs(x - 0.3127) < 0.003 && fabs(y - 0.3290) < 0.007);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_and_back),    cmocka_unit_test(levels_and_back), cmocka_unit_test(a_little_is_not_dark),
        cmocka_unit_test(percents_and_back), cmocka_unit_test(mireds_and_back), cmocka_unit_test(hue_and_back),
        cmocka_unit_test(xy_and_back),       cmocka_unit_test(any_xy),          cmocka_unit_test(known_points),
        cmocka_unit_test(rgb_and_back),      cmocka_unit_test(kelvin_by_xy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
