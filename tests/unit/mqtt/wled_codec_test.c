/* WLED's messages, by tables: what its sources print is a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "mqtt/wled_codec.h"

#define ON LIGHT_ON
#define LEVEL LIGHT_LEVEL
#define RGBCCT (WLED_RGB | WLED_WHITE | WLED_CCT)

static void knows_what_diodes_can(void **unused)
{
    (void)unused;
    static const uint32_t can[] = {
        [0] = ON,
        [WLED_RGB] = ON | LEVEL | LIGHT_COLOR,
        [WLED_WHITE] = ON | LEVEL,
        [WLED_RGB | WLED_WHITE] = ON | LEVEL | LIGHT_COLOR,
        [WLED_CCT] = ON | LEVEL,
        [WLED_RGB | WLED_CCT] = ON | LEVEL | LIGHT_COLOR,
        [WLED_WHITE | WLED_CCT] = ON | LEVEL | LIGHT_KELVIN,
        [RGBCCT] = LIGHT_ALL,
    };
    for (uint8_t i = 0; i < 8; i++) {
        assert_int_equal(wled_make_lamp(WLED_WHOLE, i).profile.can, can[i]);
    }
}

static void reads_levels(void **unused)
{
    (void)unused;
    struct light_state s;
    assert_true(wled_read_level("255", 3, &s) == 0 && s.has == (ON | LEVEL) && s.on && s.level == 10000);
    assert_true(wled_read_level("1", 1, &s) == 0 && s.on && s.level == 39);
    assert_true(wled_read_level("0", 1, &s) == 0 && s.has == ON && !s.on);
    static const char *const bad[] = {"", "256", "-1", "1.0", "on", " 1", "99999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(wled_read_level(bad[i], strlen(bad[i]), &s), ERR_INVALID);
    }
}

static void reads_colors(void **unused)
{
    (void)unused;
    const struct {
        uint8_t capabilities;
        const char *text;
        struct light_state expected;
    } rows[] = {
        {WLED_RGB, "#0000FF", {.has = LIGHT_COLOR, .hue = 24000, .saturation = 10000}},
        {WLED_RGB | WLED_WHITE, "#FF00ff00", {.has = LIGHT_COLOR, .hue = 12000, .saturation = 10000}},
        {WLED_RGB | WLED_WHITE, "#A00FF00", {.has = LIGHT_COLOR, .hue = 12000, .saturation = 10000}}, /* white 10 */
        {RGBCCT, "#FF000000", {.has = LIGHT_MODE, .mode = LIGHT_MODE_WHITE}},
        {RGBCCT, "#80FF0000", {.has = LIGHT_COLOR | LIGHT_MODE, .saturation = 10000, .mode = LIGHT_MODE_COLOR}},
        {WLED_WHITE, "#FF000000", {0}},
    };
    struct light_state s;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wled_lamp lamp = wled_make_lamp(WLED_WHOLE, rows[i].capabilities);
        size_t len = strlen(rows[i].text);
        char *text = malloc(len);
        memcpy(text, rows[i].text, len);
        assert_int_equal(wled_read_color(text, len, &lamp, &s), 0);
        if (!light_equal(&s, &rows[i].expected)) {
            fail_msg("%s: has %x hue %u saturation %u mode %u", rows[i].text, s.has, s.hue, s.saturation, s.mode);
        }
        free(text);
    }
    struct wled_lamp lamp = wled_make_lamp(WLED_WHOLE, WLED_RGB);
    static const char *const bad[] = {"", "#", "#12345", "112233", "#1122334455", "#GG0000", "#-10000"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(wled_read_color(bad[i], strlen(bad[i]), &lamp, &s), ERR_INVALID);
    }
}

static void reads_availability(void **unused)
{
    (void)unused;
    bool yes = true;
    assert_true(wled_read_online("online", 6, &yes) == 0 && yes);
    assert_true(wled_read_online("offline", 7, &yes) == 0 && !yes);
    assert_int_equal(wled_read_online("true", 4, &yes), ERR_INVALID);
}

static const struct {
    uint8_t segment, capabilities;
    struct light_state patch;
    uint32_t transition_ms;
    const char *expected;
} commands[] = {
    {WLED_WHOLE, WLED_RGB, {.has = ON}, 0, "{\"on\":false,\"tt\":0,\"nl\":{}}"},
    {WLED_WHOLE,
     WLED_RGB,
     {.has = ON | LEVEL, .on = true, .level = 10},
     1449,
     "{\"on\":true,\"bri\":1,\"tt\":14,\"nl\":{}}"},
    {WLED_WHOLE,
     WLED_RGB,
     {.has = ON | LIGHT_COLOR, .on = true, .hue = 24000, .saturation = 10000},
     0,
     "{\"on\":true,\"tt\":0,\"seg\":{\"col\":[[0,0,255,0]],\"fx\":0},\"nl\":{}}"},
    {WLED_WHOLE,
     RGBCCT,
     {.has = ON | LIGHT_KELVIN, .on = true, .kelvin = 1900 + 32 * 100 + 15},
     0,
     "{\"on\":true,\"tt\":0,\"seg\":{\"cct\":100,\"col\":[[0,0,0,255]],\"fx\":0},\"nl\":{}}"},
    {WLED_WHOLE,
     RGBCCT,
     {.has = ON | LIGHT_KELVIN, .on = true, .kelvin = 20000},
     0,
     "{\"on\":true,\"tt\":0,\"seg\":{\"cct\":255,\"col\":[[0,0,0,255]],\"fx\":0},\"nl\":{}}"},
    {2,
     WLED_RGB,
     {.has = ON | LEVEL, .on = true, .level = 10000},
     0,
     "{\"on\":true,\"tt\":0,\"seg\":{\"id\":2,\"on\":true,\"bri\":255},\"nl\":{}}"},
    {2, WLED_RGB, {.has = ON}, 0, "{\"tt\":0,\"seg\":{\"id\":2,\"on\":false},\"nl\":{}}"}, /* the others stay lit */
};

static void writes_commands(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct wled_lamp lamp = wled_make_lamp(commands[i].segment, commands[i].capabilities);
        struct str s = STR_INIT;
        wled_write_set(&s, &lamp, &commands[i].patch, commands[i].transition_ms);
        assert_string_equal(str_z(&s), commands[i].expected);
        str_done(&s);
    }
}

static void reads_the_document(void **unused)
{
    (void)unused;
    static const char first[] = "{\"id\":0,\"start\":0,\"stop\":10,\"on\":false,\"bri\":255,\"cct\":127,\"lc\":1,"
                                "\"col\":[[255,0,0,0],[0,0,0,0]],\"sel\":false}";
    static const char second[] = "{\"id\":1,\"start\":10,\"stop\":30,\"on\":true,\"bri\":51,\"cct\":100,\"lc\":7,"
                                 "\"col\":[[0,0,0,255],[0,0,0,0]],\"sel\":true,\"n\":\"Shelf\"}";
    static const char info[] = "{\"ver\":\"0.15.0\",\"leds\":{\"count\":30,\"lc\":7,\"seglc\":[1,7]},"
                               "\"name\":\"Desk\",\"mac\":\"aabbccddeeff\",\"ip\":\"192.168.1.7\"}";
    struct str text = STR_INIT;
    str_printf(&text, "{\"state\":{\"on\":true,\"bri\":128,\"seg\":[%s,%s]},\"info\":%s}", first, second, info);
    static struct wled_device d;
    assert_int_equal(wled_read_document(text.data, text.len, &d), 0);
    str_done(&text);
    assert_string_equal(d.mac, "AABBCCDDEEFF");
    assert_string_equal(d.name, "Desk");
    assert_string_equal(d.version, "0.15.0");
    assert_int_equal(d.whole.profile.can, LIGHT_ALL);
    /* as a whole it shows what its first selected segment shows */
    struct light_state whole = {
        .has = ON | LEVEL | LIGHT_KELVIN | LIGHT_MODE, .on = true, .level = 5020, .kelvin = 5100};
    assert_true(light_equal(&d.whole_state, &whole));
    assert_int_equal(d.segment_count, 2);
    assert_true(d.segments[0].segment == 0 && d.segments[0].profile.can == (ON | LEVEL | LIGHT_COLOR));
    struct light_state red = {.has = ON | LEVEL | LIGHT_COLOR, .level = 10000, .saturation = 10000};
    assert_true(light_equal(&d.segment_states[0], &red));
    assert_string_equal(d.segments[1].name, "Shelf");
    assert_int_equal(d.segment_states[1].level, 2000);
    static const char *const bad[] = {"{}", "{\"state\":{},\"info\":{\"mac\":\"aabbccddee\"}}", "[",
                                      "{\"info\":{\"mac\":\"aabbccddeeff\"}}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(wled_read_document(bad[i], strlen(bad[i]), &d), ERR_INVALID);
    }
    static const char bare[] = "{\"state\":{},\"info\":{\"mac\":\"aabbccddeeff\"}}";
    assert_int_equal(wled_read_document(bare, strlen(bare), &d), 0);
    assert_true(d.segment_count == 0 && d.whole.capabilities == WLED_RGB && d.whole_state.has == 0);
    assert_int_equal(wled_read_document("{}", WLED_MAX_DOCUMENT + 1, &d), ERR_TOO_LARGE);
}

/* Every kelvin of the range comes back within the tolerance. */
static void temperatures_come_back(void **unused)
{
    (void)unused;
    struct wled_lamp lamp = wled_make_lamp(WLED_WHOLE, RGBCCT);
    for (uint32_t kelvin = lamp.profile.min_kelvin; kelvin <= lamp.profile.max_kelvin; kelvin++) {
        struct light_state command = {.has = LIGHT_KELVIN, .kelvin = (uint16_t)kelvin};
        struct str s = STR_INIT;
        unsigned cct = 0;
        wled_write_set(&s, &lamp, &command, 0);
        const char *at = strstr(str_z(&s), "\"cct\":");
        assert_non_null(at);
        cct = (unsigned)strtoul(at + 6, NULL, 10);
        struct light_state echo = {
            .has = LIGHT_KELVIN | LIGHT_MODE, .mode = LIGHT_MODE_WHITE, .kelvin = (uint16_t)(1900 + 32 * cct)};
        assert_true(light_confirms(&command, &echo, &wled_tolerance));
        str_done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_diodes_can),  cmocka_unit_test(reads_levels),
        cmocka_unit_test(reads_colors),           cmocka_unit_test(reads_availability),
        cmocka_unit_test(writes_commands),        cmocka_unit_test(reads_the_document),
        cmocka_unit_test(temperatures_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
