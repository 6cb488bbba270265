/* Whatever is sent to a lamp's /set and /get: no crash, and the lamp stays within its ranges. The first byte says which
   kind of lamp, the rest is the message. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/str.h"
#include "sim/exposes.h"
#include "sim/lamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition) {
        abort();
    }
}

static void take_error(void *user, const char *message)
{
    must(*message != 0);
    ++*(size_t *)user;
}

static void check(const struct lamp *l)
{
    struct str s = STR_INIT;
    struct json_out j;
    struct json *state = NULL;
    must(l->level <= LAMP_LEVEL_MAX && l->kept >= 1);
    must(!l->on || l->level > 0);
    must(!(l->part->features & FEATURE_TEMP) || (l->mired >= l->part->coolest && l->mired <= l->part->warmest));
    must(l->hs.hue >= 0 && l->hs.hue <= 360 && l->hs.saturation >= 0 && l->hs.saturation <= 100.001);
    must(isfinite(l->xy.x) && isfinite(l->xy.y));
    json_out_init(&j, &s);
    json_begin_object(&j);
    lamp_write_state(&j, l, true);
    json_end_object(&j);
    must(json_parse(s.data, s.len, 65536, &state, NULL) == 0);
    json_free(state);
    str_done(&s);
}

static void play(const struct shape *shape, const struct json *message)
{
    struct shape_light lights[SHAPE_LIGHTS];
    struct lamp lamps[SHAPE_LIGHTS];
    struct lamp_command commands[SHAPE_LIGHTS];
    size_t errors = 0;
    size_t count = shape_lights(shape, lights);
    for (size_t i = 0; i < count; i++) {
        lamp_init(&lamps[i], &lights[i]);
    }
    lamp_read_set(message, lamps, count, 0, "Lamp", exposes_effects(shape), take_error, &errors, commands);
    for (size_t i = 0; i < count; i++) {
        struct lamp_fade fade;
        bool fades = lamp_obey(&lamps[i], &commands[i], &fade);
        check(&lamps[i]);
        for (unsigned step = 1; fades && step <= 3; step++) {
            lamp_fade(&lamps[i], &fade, step, 3);
            check(&lamps[i]);
        }
    }
    for (const struct json *m = json_first(message); m; m = json_next(m)) {
        (void)lamp_can_get(lamps, count, json_key(m), "Lamp", take_error, &errors);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *message;
    if (size > 1 && json_parse((const char *)data + 1, size - 1, 65536, &message, NULL) == 0) {
        if (json_is_object(message)) {
            play(&shapes[data[0] % shape_count], message);
        }
        json_free(message);
    }
    return 0;
}
