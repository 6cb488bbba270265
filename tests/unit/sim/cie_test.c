/* The numbers are what zigbee-herdsman-converters 26.112.0 itself answers (lib/color.js). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/cie.h"

static void near(double is, double expected, double by)
{
    if (fabs(is - expected) > by) {
        fail_msg("%.6f is not %.6f", is, expected);
    }
}

static void colors_to_xy(void **state)
{
    static const struct {
        struct cie_hs hs;
        struct cie_xy xy;
        double mired;
    } rows[] = {
        {{0, 100}, {0.7006062331309042, 0.2993009868421053}, 160.0908567318751},
        {{120, 80}, {0.24142953761175012, 0.554980559906713}, 134.70952302729225},
        {{240, 50}, {0.26986475487544304, 0.247384033864055}, 60.40836178427848},
        {{300, 10}, {0.3272876534391929, 0.31634623902164233}, 173.32899454284515},
        {{59, 33}, {0.35099352597200045, 0.371465547135694}, 206.086164451802},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cie_xy xy = cie_from_hs(rows[i].hs);
        near(xy.x, rows[i].xy.x, 1e-9);
        near(xy.y, rows[i].xy.y, 1e-9);
        near(cie_to_mired(xy), rows[i].mired, 1e-6);
    }
    struct cie_xy orange = cie_from_rgb(1, 128.0 / 255, 0);
    near(orange.x, 0.6112199406487047, 1e-9);
    near(orange.y, 0.3750312500232294, 1e-9);
}

static void xy_to_colors(void **state)
{
    static const struct {
        struct cie_xy xy;
        struct cie_hs hs;
    } rows[] = {
        {{0.3, 0.3}, {233.4203839579335, 24.820290594597527}},
        {{0.17, 0.7}, {123.17957662899475, 99.99491974315679}},
        {{0.7, 0.3}, {0.09012912582610305, 100}},
        {{0.15, 0.06}, {240.30071923615455, 97.27301882212947}},
        {{0.45, 0.41}, {33.45481385315776, 79.59584080291631}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cie_hs hs = cie_to_hs(rows[i].xy);
        near(hs.hue, rows[i].hs.hue, 1e-3);
        near(hs.saturation, rows[i].hs.saturation, 1e-3);
    }
}

/* A table there, a formula here: a thousandth apart at most. */
static void temperatures(void **state)
{
    static const struct {
        double mired;
        struct cie_xy xy;
    } rows[] = {
        {153, {0.313059507478705, 0.323172994053855}}, {250, {0.380438429420364, 0.376746069841299}},
        {370, {0.459857791746717, 0.410598847355503}}, {454, {0.505624025055233, 0.415207746862562}},
        {500, {0.526676280311873, 0.41329727450763}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cie_xy xy = cie_from_mired(rows[i].mired);
        near(xy.x, rows[i].xy.x, 1e-3);
        near(xy.y, rows[i].xy.y, 1e-3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colors_to_xy),
        cmocka_unit_test(xy_to_colors),
        cmocka_unit_test(temperatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
