/* States that merge, clamp, confirm; commands that fold and resolve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "model/capability.h"
#include "model/light.h"

#define DIM (LIGHT_ON | LIGHT_LEVEL)
#define FULL (DIM | LIGHT_KELVIN | LIGHT_COLOR | LIGHT_MODE)
static const struct light_profile full = {FULL, 2000, 6500, LIGHT_KIND_LIGHT};
static const struct light_profile dimmable = {DIM, 0, 0, LIGHT_KIND_LIGHT};
static const struct light_profile on_off = {LIGHT_ON, 0, 0, LIGHT_KIND_LIGHT};
static const struct light_profile level_only = {LIGHT_LEVEL, 0, 0, LIGHT_KIND_LIGHT};

static void merge_tells_what_changed(void **state)
{
    struct light_state s = {0};
    struct light_state zero = {.has = DIM};
    (void)state;
    assert_int_equal(light_merge(&s, &zero), DIM); /* zero is a value: it was not there before */
    assert_int_equal(light_merge(&s, &zero), 0);
    struct light_state on = {.has = LIGHT_ON, .on = true, .level = 999};
    assert_int_equal(light_merge(&s, &on), LIGHT_ON);
    assert_int_equal(s.level, 0); /* what has no bit does not count */
    struct light_state white = {.has = LIGHT_KELVIN, .kelvin = 3000};
    assert_int_equal(light_merge(&s, &white), LIGHT_KELVIN | LIGHT_MODE);
    assert_int_equal(s.mode, LIGHT_MODE_WHITE);
    struct light_state color = {.has = LIGHT_COLOR, .hue = 100, .saturation = 100};
    assert_int_equal(light_merge(&s, &color), LIGHT_COLOR | LIGHT_MODE);
    assert_int_equal(s.mode, LIGHT_MODE_COLOR);
    /* A lamp that says both says which is lit. */
    struct light_state both = {.has = LIGHT_COLOR | LIGHT_KELVIN | LIGHT_MODE,
                               .hue = 100,
                               .saturation = 100,
                               .kelvin = 3000,
                               .mode = LIGHT_MODE_WHITE};
    assert_int_equal(light_merge(&s, &both), LIGHT_MODE);
    assert_int_equal(s.has, LIGHT_ALL);
}

/* For every pair of member sets: the mask is what was new, and a second merge is silent. */
static void merge_of_all_member_sets(void **state)
{
    (void)state;
    for (uint32_t before = 0; before <= LIGHT_ALL; before++) {
        for (uint32_t patch = 0; patch <= LIGHT_ALL; patch++) {
            struct light_state a = {.has = before, .level = 1, .kelvin = 2000, .hue = 3, .saturation = 4};
            struct light_state p = {.has = patch,
                                    .on = true,
                                    .level = 5,
                                    .kelvin = 6000,
                                    .hue = 7,
                                    .saturation = 8,
                                    .mode = LIGHT_MODE_COLOR};
            uint32_t changed = light_merge(&a, &p);
            assert_int_equal(changed & ~(uint32_t)LIGHT_MODE, patch & ~(uint32_t)LIGHT_MODE);
            assert_int_equal(a.has & (before | patch), before | patch);
            struct light_state once = a;
            assert_int_equal(light_merge(&a, &p), 0);
            assert_true(light_equal(&a, &once));
        }
    }
}

static void equal_looks_at_what_counts(void **state)
{
    (void)state;
    struct light_state a = {.has = DIM, .on = true, .level = 100, .hue = 5};
    struct light_state b = {.has = DIM, .on = true, .level = 100, .hue = 6};
    assert_true(light_equal(&a, &b));
    b.level = 101;
    assert_false(light_equal(&a, &b));
    b.level = 100;
    b.on = false;
    assert_false(light_equal(&a, &b));
    b.on = true;
    b.has |= LIGHT_HUE;
    assert_false(light_equal(&a, &b));
}

static void clamp_brings_into_range(void **state)
{
    (void)state;
    struct light_state s = {
        .has = LIGHT_ALL, .on = true, .level = 60000, .kelvin = 100, .hue = 36000, .saturation = 50000};
    light_clamp(&s, &full);
    assert_int_equal(s.level, LIGHT_LEVEL_MAX);
    assert_int_equal(s.kelvin, 2000);
    assert_int_equal(s.hue, 0);
    assert_int_equal(s.saturation, LIGHT_SATURATION_MAX);
    s.kelvin = 20000;
    light_clamp(&s, &full);
    assert_int_equal(s.kelvin, 6500);
    light_clamp(&s, &dimmable);
    assert_int_equal(s.has, DIM);
}

static const struct light_tolerance some = {.level = 40, .kelvin_mired = 1, .hue = 150, .saturation = 100};

static void what_confirms(void **state)
{
    (void)state;
    const struct {
        struct light_state command, report;
        bool confirms;
    } rows[] = {
        {{.has = LIGHT_ON, .on = true}, {.has = LIGHT_ON, .on = true}, true},
        {{.has = LIGHT_ON, .on = true}, {.has = LIGHT_ON}, false},
        {{.has = LIGHT_ON, .on = true}, {.has = LIGHT_LEVEL, .level = 100}, false}, /* it did not say */
        {{.has = LIGHT_ON}, {.has = DIM, .level = 100}, true},                      /* off is off */
        {{.has = DIM, .on = true, .level = 5000}, {.has = DIM, .on = true, .level = 5040}, true},
        {{.has = DIM, .on = true, .level = 5000}, {.has = DIM, .on = true, .level = 4960}, true},
        {{.has = DIM, .on = true, .level = 5000}, {.has = DIM, .on = true, .level = 5041}, false},
        {{.has = DIM, .on = true, .level = 5000}, {.has = LIGHT_ON, .on = true}, false},
        {{.has = DIM, .on = true, .level = 5000}, {.has = DIM, .level = 5000}, false},
        {{.has = LIGHT_KELVIN, .kelvin = 2703}, {.has = LIGHT_KELVIN, .kelvin = 2710}, true}, /* 370 and 369 mired */
        {{.has = LIGHT_KELVIN, .kelvin = 2703}, {.has = LIGHT_KELVIN, .kelvin = 2720}, false},
        {{.has = LIGHT_KELVIN, .kelvin = 6500}, {.has = LIGHT_KELVIN, .kelvin = 6535}, true}, /* K are dense there */
        {{.has = LIGHT_KELVIN, .kelvin = 2703},
         {.has = LIGHT_KELVIN | LIGHT_MODE, .kelvin = 2703, .mode = LIGHT_MODE_COLOR},
         false}, /* it says the old temperature while colour is lit */
        {{.has = LIGHT_COLOR, .hue = 100, .saturation = 9000},
         {.has = LIGHT_COLOR, .hue = 35960, .saturation = 9050},
         true}, /* around the circle */
        {{.has = LIGHT_COLOR, .hue = 100, .saturation = 9000},
         {.has = LIGHT_COLOR, .hue = 300, .saturation = 9000},
         false},
        {{.has = LIGHT_COLOR, .hue = 100, .saturation = 9000},
         {.has = LIGHT_COLOR | LIGHT_MODE, .hue = 100, .saturation = 9000, .mode = LIGHT_MODE_WHITE},
         false},
        {{.has = LIGHT_COLOR, .hue = 100, .saturation = 100},
         {.has = LIGHT_COLOR, .hue = 18000, .saturation = 150},
         true}, /* white has no hue */
        {{.has = LIGHT_COLOR, .hue = 100, .saturation = 9000}, {.has = LIGHT_HUE, .hue = 100}, false},
        {{.has = LIGHT_HUE, .hue = 100}, {.has = LIGHT_COLOR, .hue = 100, .saturation = 5000}, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (light_confirms(&rows[i].command, &rows[i].report, &some) != rows[i].confirms) {
            fail_msg("row %zu", i);
        }
    }
}

static void what_a_command_implies(void **state)
{
    (void)state;
    const struct {
        const struct light_profile *profile;
        struct light_state asked;
        int result;
        struct light_state sent;
    } rows[] = {
        {&dimmable, {.has = LIGHT_LEVEL, .level = 40}, 0, {.has = DIM, .on = true, .level = 40}},
        {&dimmable, {.has = LIGHT_LEVEL}, 0, {.has = LIGHT_ON}},
        {&dimmable, {.has = DIM, .level = 40}, 0, {.has = LIGHT_ON}}, /* off, whatever the level */
        {&dimmable, {.has = LIGHT_ON, .on = true}, 0, {.has = LIGHT_ON, .on = true}},
        {&dimmable, {.has = LIGHT_KELVIN, .kelvin = 3000}, ERR_UNSUPPORTED, {0}},
        {&on_off, {.has = LIGHT_LEVEL, .level = 40}, ERR_UNSUPPORTED, {0}},
        {&level_only, {.has = LIGHT_ON, .on = true}, 0, {.has = LIGHT_LEVEL, .level = LIGHT_LEVEL_MAX}},
        {&level_only, {.has = LIGHT_ON}, 0, {.has = LIGHT_LEVEL}},
        {&level_only, {.has = LIGHT_LEVEL, .level = 40}, 0, {.has = LIGHT_LEVEL, .level = 40}},
        {&level_only, {.has = LIGHT_LEVEL}, 0, {.has = LIGHT_LEVEL}},
        {&level_only, {.has = DIM, .on = true, .level = 40}, 0, {.has = LIGHT_LEVEL, .level = 40}},
        {&level_only, {.has = DIM, .level = 40}, 0, {.has = LIGHT_LEVEL}},
        {&full, {.has = LIGHT_COLOR, .hue = 5, .saturation = 6}, 0, {.has = LIGHT_COLOR, .hue = 5, .saturation = 6}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct light_state s = rows[i].asked;
        int result = light_command_resolve(&s, rows[i].profile);
        if (result != rows[i].result || (result == 0 && !light_equal(&s, &rows[i].sent))) {
            fail_msg("row %zu", i);
        }
    }
}

static void commands_in_their_order(void **state)
{
    (void)state;
    const struct light_state on = {.has = LIGHT_ON, .on = true};
    const struct light_state off = {.has = LIGHT_ON};
    const struct light_state level = {.has = LIGHT_LEVEL, .level = 40};
    const struct light_state zero = {.has = LIGHT_LEVEL};
    const struct light_state white = {.has = LIGHT_KELVIN, .kelvin = 3000};
    const struct light_state color = {.has = LIGHT_COLOR, .hue = 5, .saturation = 6};
    const struct light_state hue = {.has = LIGHT_HUE, .hue = 7};
    const struct {
        const struct light_state *steps[3];
        struct light_state sent;
    } rows[] = {
        {{&off, &level, NULL}, {.has = DIM, .on = true, .level = 40}},
        {{&level, &off, NULL}, {.has = LIGHT_ON}},
        {{&on, &level, NULL}, {.has = DIM, .on = true, .level = 40}},
        {{&level, &off, &on}, {.has = LIGHT_ON, .on = true}},
        {{&zero, &on, NULL}, {.has = LIGHT_ON, .on = true}},
        {{&on, &zero, NULL}, {.has = LIGHT_ON}},
        {{&white, &color, NULL}, {.has = LIGHT_COLOR, .hue = 5, .saturation = 6}},
        {{&color, &white, NULL}, {.has = LIGHT_KELVIN, .kelvin = 3000}},
        {{&color, &hue, NULL}, {.has = LIGHT_COLOR, .hue = 7, .saturation = 6}},
        {{&on, &white, &level}, {.has = DIM | LIGHT_KELVIN, .on = true, .level = 40, .kelvin = 3000}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct light_state s = {0};
        for (size_t k = 0; k < 3 && rows[i].steps[k]; k++) {
            light_command_add(&s, rows[i].steps[k]);
        }
        assert_int_equal(light_command_resolve(&s, &full), 0);
        if (!light_equal(&s, &rows[i].sent)) {
            fail_msg("row %zu", i);
        }
    }
}

static void capability_rows(void **state)
{
    uint32_t members = 0;
    (void)state;
    for (size_t i = 0; i < capability_count; i++) {
        const struct capability *c = &capabilities[i];
        assert_int_equal(c->needs & c->member, c->member);
        assert_int_equal(members & c->member, 0); /* each member is told once */
        members |= c->member;
        assert_true(c->id[0] != 0 && c->attribute[0] != 0);
    }
    assert_int_equal(members, LIGHT_ALL & ~(uint32_t)LIGHT_MODE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_tells_what_changed),
        cmocka_unit_test(merge_of_all_member_sets),
        cmocka_unit_test(equal_looks_at_what_counts),
        cmocka_unit_test(clamp_brings_into_range),
        cmocka_unit_test(what_confirms),
        cmocka_unit_test(what_a_command_implies),
        cmocka_unit_test(commands_in_their_order),
        cmocka_unit_test(capability_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
