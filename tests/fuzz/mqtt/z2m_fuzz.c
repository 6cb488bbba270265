/* Whatever Zigbee2MQTT, or who says he is, may send: no crash, and all that was understood is within its ranges. The
   first byte says what it is: d and g an entry of a list, s a state, o a word on availability, l a line of the log. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "model/light.h"
#include "mqtt/z2m_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition) {
        abort();
    }
}

static void check_patch(const struct light_state *p)
{
    must(!(p->has & LIGHT_LEVEL) || p->level <= LIGHT_LEVEL_MAX);
    must(!(p->has & LIGHT_HUE) || p->hue < LIGHT_HUE_MAX);
    must(!(p->has & LIGHT_SATURATION) || p->saturation <= LIGHT_SATURATION_MAX);
    must(!(p->has & LIGHT_KELVIN) || (p->kelvin >= LIGHT_KELVIN_MIN && p->kelvin <= LIGHT_KELVIN_MAX));
    must((p->has & LIGHT_COLOR) == 0 || (p->has & LIGHT_COLOR) == LIGHT_COLOR);
}

/* A lamp that was read can be commanded and asked, in JSON that a state could be. */
static void use_lamp(const struct z2m_lamp *lamp)
{
    struct light_state patch = {
        .has = LIGHT_ALL, .on = true, .level = 5000, .kelvin = 3000, .hue = 12000, .saturation = 9000};
    struct light_state back;
    struct str s = STR_INIT;
    must(!(lamp->profile.can & LIGHT_KELVIN) ||
         (lamp->profile.min_kelvin <= lamp->profile.max_kelvin && lamp->profile.min_kelvin >= LIGHT_KELVIN_MIN));
    light_clamp(&patch, &lamp->profile);
    z2m_write_set(&s, lamp, &patch, 1500);
    /* Two features may share a key: then the command is no good document, and Zigbee2MQTT says so. */
    if (z2m_read_state(s.data, s.len, &lamp, 1, &back) == 0) {
        check_patch(&back);
    }
    str_clear(&s);
    z2m_write_get(&s, lamp);
    must(s.len == 0 || s.data[0] == '{');
    str_done(&s);
}

static void read_entry(const char *bytes, size_t len, int group)
{
    static struct z2m_device device;
    struct z2m_lamp sum;
    struct z2m_group g;
    struct json *root = NULL;
    if (json_parse(bytes, len, Z2M_MAX_ENTRY, &root, NULL) != 0) {
        return;
    }
    if (group && z2m_read_group(root, &g) == 0) {
        must(z2m_good_name(g.name));
        for (const struct json *m = json_first(g.members); m; m = json_next(m)) {
            must(z2m_member_endpoint(m) != NULL);
            (void)z2m_member(m);
        }
    } else if (!group && z2m_read_device(root, &device) == 0) {
        must(device.lamp_count <= Z2M_MAX_LAMPS && device.ieee[0]);
        for (size_t i = 0; i < device.lamp_count; i++) {
            use_lamp(&device.lamps[i]);
            z2m_group_add(&sum, &device.lamps[i], i == 0);
            use_lamp(&sum);
        }
    }
    json_free(root);
}

static void read_state(const char *bytes, size_t len)
{
    static const struct z2m_lamp lamps[] = {
        {.state = "state",
         .brightness = "brightness",
         .color_temp = "color_temp",
         .color = "color",
         .color_mode = "color_mode",
         .hs = true,
         .xy = true,
         .brightness_max = 254,
         .min_mired = 153,
         .max_mired = 500,
         .profile = {.can = LIGHT_ALL, .min_kelvin = 2000, .max_kelvin = 6500}},
        {.endpoint = "l2",
         .state = "state_l2",
         .brightness = "brightness_l2",
         .color = "color_l2",
         .color_mode = "color_mode_l2",
         .xy = true,
         .brightness_max = 100,
         .profile = {.can = LIGHT_LEVEL | LIGHT_COLOR}},
    };
    const struct z2m_lamp *both[] = {&lamps[0], &lamps[1]};
    struct light_state patches[2];
    if (z2m_read_state(bytes, len, both, 2, patches) == 0) {
        check_patch(&patches[0]);
        check_patch(&patches[1]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data + 1;
    struct z2m_failure failure;
    struct str why = STR_INIT;
    bool online;
    if (size == 0) {
        return 0;
    }
    switch (data[0]) {
    case 'd':
    case 'g':
        read_entry(bytes, size - 1, data[0] == 'g');
        break;
    case 's':
        read_state(bytes, size - 1);
        break;
    case 'o':
        (void)z2m_read_online(bytes, size - 1, &online);
        break;
    case 'l':
        if (z2m_read_logging(bytes, size - 1, &failure, &why)) {
            must(failure.name[0] && memchr(failure.name, 0, sizeof failure.name) && why.len > 0);
        }
        break;
    default:
        (void)z2m_info_attribute_output(bytes, size - 1);
        (void)z2m_info_unwatched(bytes, size - 1);
        break;
    }
    str_done(&why);
    return 0;
}
