/* Insteon frames by tables: cut out of whatever comes, what they say, and what is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serial/insteon_codec.h"

static const struct light_profile dimmer = {.can = LIGHT_ON | LIGHT_LEVEL}, relay = {.can = LIGHT_ON};

/* Frames by number in what is read `chunk` bytes at a time. */
static size_t read_all(struct insteon_reader *r, const uint8_t *bytes, size_t len, size_t chunk, uint8_t *numbers,
                       size_t max)
{
    size_t count = 0;
    for (size_t at = 0; at < len; at += chunk) {
        const uint8_t *piece = bytes + at;
        size_t left = len - at < chunk ? len - at : chunk;
        struct insteon_frame f;
        while (insteon_read(r, &piece, &left, &f)) {
            assert_true(count < max);
            numbers[count++] = f.number;
        }
    }
    return count;
}

static void cuts_frames_out_of_garbage(void **unused)
{
    (void)unused;
    static const uint8_t bytes[] = {
        0xff, 0x02, 0x00, 0x15,                                                 /* noise, and a busy modem */
        0x02, 0x62, 0x1a, 0x2b, 0x3c, 0x0f, 0x11, 0xff, 0x06,                   /* echo */
        0x02, 0x02, 0x50, 0x1a, 0x2b, 0x3c, 1,    2,    3,    0x2b, 0x11, 0xff, /* ack behind a lost beginning */
        0x02, 0x69, 0x33,                                                       /* neither taken nor not: no frame */
        0x02, 0x6a, 0x15,                                                       /* the end of the table */
        0x02, 0x62, 0x1a, 0x2b, 0x3c, 0x1f, 0x2e, 0,    1,    2,    3,    4,
        5,    6,    7,    8,    9,    10,   11,   12,   13,   14,   0x06, /* extended */
        0x02, 0x55,
    };
    static const uint8_t expected[] = {INSTEON_BUSY, INSTEON_SEND, INSTEON_STANDARD,
                                       INSTEON_NEXT, INSTEON_SEND, INSTEON_RESET};
    for (size_t chunk = 1; chunk <= sizeof bytes; chunk++) {
        struct insteon_reader r = {0};
        uint8_t numbers[16];
        assert_int_equal(read_all(&r, bytes, sizeof bytes, chunk, numbers, 16), sizeof expected);
        assert_memory_equal(numbers, expected, sizeof expected);
        assert_int_equal(r.len, 0);
        assert_int_equal(r.dropped, 3 + 1 + 3);
    }
}

/* Half a frame costs the frames that fit into it, never more, and nothing after a gap. */
static void a_gap_ends_half_a_frame(void **unused)
{
    (void)unused;
    static const uint8_t half[] = {0x02, 0x51, 0x1a}, whole[] = {0x02, 0x6a, 0x15};
    struct insteon_reader r = {0};
    uint8_t numbers[8];
    assert_int_equal(read_all(&r, half, sizeof half, 1, numbers, 8), 0);
    insteon_read_gap(&r);
    assert_int_equal(read_all(&r, whole, sizeof whole, 1, numbers, 8), 1);
    assert_int_equal(r.dropped, 3);
}

static struct insteon_frame frame_of(const uint8_t *bytes, size_t len)
{
    struct insteon_reader r = {0};
    struct insteon_frame f = {0};
    assert_true(insteon_read(&r, &bytes, &len, &f));
    assert_int_equal(len, 0);
    return f;
}

static void reads_links_and_the_modem(void **unused)
{
    (void)unused;
    static const uint8_t controls[] = {0x02, 0x57, 0xe2, 0x01, 0x1a, 0x2b, 0x3c, 0x01, 0x20, 0x41};
    static const uint8_t responds[] = {0x02, 0x57, 0xa2, 0x05, 0x1a, 0x2b, 0x3c, 0xff, 0x1f, 0x01};
    static const uint8_t deleted[] = {0x02, 0x57, 0x42, 0x01, 0x1a, 0x2b, 0x3c, 0x01, 0x20, 0x41};
    static const uint8_t info[] = {0x02, 0x60, 0x11, 0x22, 0x33, 0x03, 0x15, 0x9b, 0x06};
    struct insteon_link l;
    struct insteon_modem m;
    struct insteon_frame f = frame_of(controls, sizeof controls);
    char id[INSTEON_ID_TEXT];
    assert_true(insteon_read_link(&f, &l) && l.used && l.controls && l.group == 1 && l.category == 1 &&
                l.subcategory == 0x20 && l.firmware == 0x41);
    insteon_id_write(l.id, id);
    assert_string_equal(id, "1A.2B.3C");
    f = frame_of(responds, sizeof responds);
    assert_true(insteon_read_link(&f, &l) && l.used && !l.controls && l.group == 5 && l.category == 0);
    f = frame_of(deleted, sizeof deleted);
    assert_true(insteon_read_link(&f, &l) && !l.used);
    assert_false(insteon_read_modem(&f, &m));
    f = frame_of(info, sizeof info);
    assert_true(insteon_read_modem(&f, &m) && m.id.bytes[2] == 0x33 && m.category == 3 && m.firmware == 0x9b);
}

static void knows_devices_by_category(void **unused)
{
    (void)unused;
    const char *model;
    struct light_profile p;
    assert_true(insteon_device(1, 0x20, &model, &p) && p.can == (LIGHT_ON | LIGHT_LEVEL) && p.kind == LIGHT_KIND_LIGHT);
    assert_true(insteon_device(2, 0x0a, &model, &p) && p.can == LIGHT_ON && p.kind == LIGHT_KIND_LIGHT);
    assert_true(insteon_device(2, 0x37, &model, &p) && p.can == LIGHT_ON && p.kind == LIGHT_KIND_SWITCH);
    assert_false(insteon_device(0, 0x1a, &model, &p)); /* a remote control */
    assert_false(insteon_device(5, 0, &model, &p));
    assert_false(insteon_device(0x10, 1, &model, &p));
}

static void reads_hands(void **unused)
{
    (void)unused;
    static const struct {
        uint8_t flags, to2, command, argument;
        const struct light_profile *profile;
        bool hand, ask;
        struct light_state expected;
    } rows[] = {
        {0xcb, 1, 0x11, 0, &dimmer, true, true, {.has = LIGHT_ON, .on = true}},
        {0xcb, 1, 0x11, 0, &relay, true, false, {.has = LIGHT_ON, .on = true}},
        {0x41, 9, 0x11, 1, &relay, true, false, {.has = LIGHT_ON, .on = true}}, /* cleanup: the group is cmd2 */
        {0xcb, 1, 0x13, 0, &dimmer, true, false, {.has = LIGHT_ON}},
        {0xcb, 1, 0x12, 0, &dimmer, true, false, {.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 10000}},
        {0xcb, 1, 0x14, 0, &relay, true, false, {.has = LIGHT_ON}},
        {0xcb, 1, 0x18, 0, &dimmer, true, true, {0}},
        {0xcb, 1, 0x17, 1, &dimmer, false, false, {0}},
        {0xcb, 1, 0x06, 0, &dimmer, false, false, {0}}, /* cleanups were all answered */
        {0xcb, 3, 0x11, 0, &dimmer, false, false, {0}}, /* another button of a keypad */
        {0x2b, 1, 0x11, 0xff, &dimmer, false, false, {0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint8_t bytes[] = {
            0x02, 0x50, 0x1a, 0x2b, 0x3c, 0, 0, rows[i].to2, rows[i].flags, rows[i].command, rows[i].argument};
        struct insteon_frame f = frame_of(bytes, sizeof bytes);
        struct insteon_message m;
        struct light_state s;
        bool asks;
        assert_true(insteon_read_message(&f, &m));
        assert_int_equal(insteon_read_hand(&m, rows[i].profile, &s, &asks), rows[i].hand);
        assert_int_equal(asks, rows[i].ask);
        assert_true(light_equal(&s, &rows[i].expected));
    }
}

static void every_level_comes_back(void **unused)
{
    (void)unused;
    for (unsigned step = 1; step <= 255; step++) {
        struct light_state s;
        uint8_t command, argument;
        uint32_t ms;
        insteon_read_level((uint8_t)step, &dimmer, &s);
        insteon_write_patch(&dimmer, &s, 0, &command, &argument, &ms);
        assert_true(s.on && command == INSTEON_ON && argument == step && ms == 0);
    }
}

static void writes_commands(void **unused)
{
    (void)unused;
    static const struct {
        const struct light_profile *profile;
        struct light_state patch;
        uint32_t transition_ms;
        uint8_t command, argument;
        uint32_t ms;
    } rows[] = {
        {&dimmer, {.has = LIGHT_ON, .on = true}, 0, 0x11, 0xff, 0},
        {&dimmer, {.has = LIGHT_ON}, 0, 0x13, 0, 0},
        {&dimmer, {.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 5000}, 0, 0x11, 0x80, 0},
        {&dimmer, {.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 10000}, 2000, 0x2e, 0xfd, 2000},
        {&dimmer, {.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 1}, 100, 0x2e, 0x1f, 100},
        {&dimmer, {.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 5000}, 9999999, 0x2e, 0x80, 480000},
        {&dimmer, {.has = LIGHT_ON}, 30000, 0x2f, 0x08, 32000},
        {&relay, {.has = LIGHT_ON, .on = true}, 2000, 0x11, 0xff, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t command, argument;
        uint32_t ms;
        insteon_write_patch(rows[i].profile, &rows[i].patch, rows[i].transition_ms, &command, &argument, &ms);
        if (command != rows[i].command || argument != rows[i].argument || ms != rows[i].ms) {
            fail_msg("row %zu: %02x %02x %u", i, command, argument, ms);
        }
    }
    static const uint8_t expected[] = {0x02, 0x62, 0x1a, 0x2b, 0x3c, 0x0f, 0x11, 0x80};
    uint8_t bytes[INSTEON_MAX_COMMAND];
    assert_int_equal(insteon_write_send(bytes, (struct insteon_id){{0x1a, 0x2b, 0x3c}}, 0x11, 0x80), sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_frames_out_of_garbage),
        cmocka_unit_test(a_gap_ends_half_a_frame),
        cmocka_unit_test(reads_links_and_the_modem),
        cmocka_unit_test(knows_devices_by_category),
        cmocka_unit_test(reads_hands),
        cmocka_unit_test(every_level_comes_back),
        cmocka_unit_test(writes_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
