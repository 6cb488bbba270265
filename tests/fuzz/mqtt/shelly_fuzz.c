/* Whatever a Shelly of the second generation or later, or who says he is one, may send: no crash, and all that was
   understood is within its ranges. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mqtt/shelly_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition) {
        abort();
    }
}

static void check_patch(const struct light_state *p, const struct shelly_lamp *lamp)
{
    must((p->has & ~lamp->profile.can) == 0);
    must(!(p->has & LIGHT_LEVEL) || (p->level > 0 && p->level <= LIGHT_LEVEL_MAX));
    must(!(p->has & LIGHT_HUE) || p->hue < LIGHT_HUE_MAX);
    must(!(p->has & LIGHT_SATURATION) || p->saturation <= LIGHT_SATURATION_MAX);
    must(!(p->has & LIGHT_KELVIN) || (p->kelvin >= LIGHT_KELVIN_MIN && p->kelvin <= LIGHT_KELVIN_MAX));
    must((p->has & LIGHT_COLOR) == 0 || (p->has & LIGHT_COLOR) == LIGHT_COLOR);
}

/* A lamp that was found can be commanded, in a frame that a Shelly could read. */
static void use_lamp(const struct shelly_lamp *lamp, const struct json_bytes *status)
{
    struct light_state patch = {
        .has = LIGHT_ALL, .on = true, .level = 5000, .kelvin = 3000, .hue = 12000, .saturation = 9000};
    struct light_state said;
    struct shelly_frame f;
    struct str s = STR_INIT;
    must(lamp->profile.min_kelvin <= lamp->profile.max_kelvin && memchr(lamp->name, 0, sizeof lamp->name));
    shelly_read_status(status, lamp, &said);
    check_patch(&said, lamp);
    light_clamp(&patch, &lamp->profile);
    shelly_write_set(&s, 1, "us", lamp, &patch, 1500);
    must(shelly_read_frame(s.data, s.len, &f) == 0 && f.has_id && f.params.len > 0);
    str_done(&s);
}

static void use_status(const struct json_bytes *status, const struct json_bytes *config)
{
    struct shelly_lamp lamps[SHELLY_MAX_LAMPS];
    size_t left;
    size_t count = shelly_read_lamps(status, lamps, &left);
    must(count <= SHELLY_MAX_LAMPS);
    if (config->len > 0) {
        (void)shelly_read_config(config, lamps, count);
    }
    for (size_t i = 0; i < count; i++) {
        use_lamp(&lamps[i], status);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct shelly_frame f;
    struct shelly_device device;
    struct str why = STR_INIT;
    bool online;
    (void)shelly_read_online((const char *)data, size, &online);
    if (shelly_read_frame((const char *)data, size, &f) != 0) {
        return 0;
    }
    use_status(&f.params, &f.result);
    use_status(&f.result, &f.params);
    if (f.result.len > 0 && shelly_read_device(&f.result, &device) == 0) {
        must(strlen(device.mac) == 12);
    }
    if (f.error.len > 0) {
        shelly_read_error(&f.error, &why);
        must(why.len > 0);
    }
    if (f.params.len > 0) {
        (void)shelly_config_changed(&f.params);
    }
    str_done(&why);
    return 0;
}
