/* Whatever a WLED, or who says he is one, may send. The first byte says what it is: g, c, s as the topics, j the
   document that it has over HTTP. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "mqtt/wled_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition) {
        abort();
    }
}

static void check_state(const struct light_state *s)
{
    must(!(s->has & LIGHT_LEVEL) || (s->level > 0 && s->level <= LIGHT_LEVEL_MAX));
    must(!(s->has & LIGHT_HUE) || (s->hue < LIGHT_HUE_MAX && s->saturation <= LIGHT_SATURATION_MAX));
    must(!(s->has & LIGHT_KELVIN) || (s->kelvin >= LIGHT_KELVIN_MIN && s->kelvin <= LIGHT_KELVIN_MAX));
    must((s->has & LIGHT_COLOR) == 0 || (s->has & LIGHT_COLOR) == LIGHT_COLOR);
}

static void check_lamp(const struct wled_lamp *lamp, const struct light_state *state)
{
    struct light_state patch = {
        .has = LIGHT_ALL, .on = true, .level = 5000, .kelvin = 3000, .hue = 12000, .saturation = 9000};
    struct json_walk walk;
    struct str s = STR_INIT;
    must(memchr(lamp->name, 0, sizeof lamp->name) != NULL && (state->has & ~lamp->profile.can) == 0);
    check_state(state);
    light_clamp(&patch, &lamp->profile);
    wled_write_set(&s, lamp, &patch, 1500);
    must(json_walk_init(&walk, s.data, s.len, WLED_MAX_MESSAGE, NULL) == 0);
    str_done(&s);
}

static void read_document(const char *bytes, size_t len)
{
    static struct wled_device d;
    if (wled_read_document(bytes, len, &d) != 0) {
        return;
    }
    must(strlen(d.mac) == 12 && d.segment_count <= WLED_MAX_SEGMENTS);
    check_lamp(&d.whole, &d.whole_state);
    for (size_t i = 0; i < d.segment_count; i++) {
        check_lamp(&d.segments[i], &d.segment_states[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data + 1;
    struct light_state state = {0};
    bool yes;
    if (size == 0) {
        return 0;
    }
    switch (data[0]) {
    case 'g':
        (void)wled_read_level(bytes, size - 1, &state);
        break;
    case 'c':
        for (uint8_t capabilities = 0; capabilities < 8; capabilities++) {
            struct wled_lamp lamp = wled_make_lamp(WLED_WHOLE, capabilities);
            (void)wled_read_color(bytes, size - 1, &lamp, &state);
            check_state(&state);
        }
        break;
    case 's':
        (void)wled_read_online(bytes, size - 1, &yes);
        break;
    default:
        read_document(bytes, size - 1);
        break;
    }
    check_state(&state);
    return 0;
}
