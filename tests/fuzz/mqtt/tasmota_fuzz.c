/* Whatever a Tasmota module, or who says he is, may send: no crash, and all that was understood is within its ranges.
   The first line is a discovery message, the rest a state of what it announces, or of a lamp with everything. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "model/light.h"
#include "mqtt/tasmota_codec.h"

#define MAC "A4CF12B7C801"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition) {
        abort();
    }
}

static void check_patch(const struct light_state *p, const struct light_profile *profile)
{
    must((p->has & ~profile->can & ~(uint32_t)LIGHT_ON) == 0);
    must(!(p->has & LIGHT_LEVEL) || (p->level > 0 && p->level <= LIGHT_LEVEL_MAX));
    must(!(p->has & LIGHT_HUE) || p->hue < LIGHT_HUE_MAX);
    must(!(p->has & LIGHT_SATURATION) || p->saturation <= LIGHT_SATURATION_MAX);
    must(!(p->has & LIGHT_KELVIN) || (p->kelvin >= LIGHT_KELVIN_MIN && p->kelvin <= LIGHT_KELVIN_MAX));
    must((p->has & LIGHT_COLOR) == 0 || (p->has & LIGHT_COLOR) == LIGHT_COLOR);
}

static void check_topic(const char *topic)
{
    size_t len = strlen(topic);
    must(len > 0 && len < TASMOTA_TOPIC && topic[len - 1] == '/' && !strpbrk(topic, "+#"));
}

/* Every command is one word and what belongs to it, however the lamp was announced. */
static void command(const struct tasmota_make *make, const struct tasmota_lamp *lamp)
{
    struct light_state patch = {
        .has = LIGHT_ALL, .on = true, .level = 5000, .kelvin = 3000, .hue = 12000, .saturation = 9000};
    const struct light_state before = {.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 1000};
    struct str verb = STR_INIT, payload = STR_INIT;
    must(lamp->number > 0 && lamp->min_mired < lamp->max_mired);
    must(!(lamp->profile.can & LIGHT_KELVIN) ||
         (lamp->profile.min_kelvin < lamp->profile.max_kelvin && lamp->profile.min_kelvin >= LIGHT_KELVIN_MIN));
    light_clamp(&patch, &lamp->profile);
    unsigned speed = tasmota_speed(make, lamp, &before, &patch, 1500);
    must(speed <= TASMOTA_SPEED_MAX);
    tasmota_write_command(&verb, &payload, make, lamp, &patch, speed);
    must(verb.len > 0 && payload.len > 0 && !strpbrk(verb.data, " /+#"));
    str_done(&verb);
    str_done(&payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tasmota_device device;
    static struct light_state patches[TASMOTA_MAX_LAMPS];
    const char *bytes = (const char *)data;
    const char *end = memchr(data, '\n', size);
    const char *why;
    bool online;
    size_t first = end ? (size_t)(end - bytes) : size;
    struct tasmota_make make = {
        .on = "ON",
        .off = "OFF",
        .online = "Online",
        .offline = "Offline",
        .count = 2,
        .lamps = {{1, true, true, "Dimmer", "Dimmer", 153, 500, {LIGHT_ALL, 2000, 6536, 0}},
                  {2, true, false, "Channel2", "Channel2", 153, 500, {.can = LIGHT_ON | LIGHT_LEVEL}}}};
    if (tasmota_read_config(bytes, first, MAC, &device, &why) == 0) {
        must(device.make.count <= TASMOTA_MAX_LAMPS);
        check_topic(device.cmnd);
        check_topic(device.stat);
        check_topic(device.tele);
        for (size_t i = 0; i < device.make.count; i++) {
            must(device.names[i][0] && memchr(device.names[i], 0, TASMOTA_TEXT));
            command(&device.make, &device.make.lamps[i]);
        }
        make = device.make;
    }
    bytes += end ? first + 1 : 0;
    size -= end ? first + 1 : 0;
    if (tasmota_read_state(bytes, size, &make, patches) == 0) {
        for (size_t i = 0; i < make.count; i++) {
            check_patch(&patches[i], &make.lamps[i].profile);
        }
    }
    (void)tasmota_read_online(bytes, size, &make, &online);
    (void)tasmota_tells_mac(bytes, size, MAC);
    return 0;
}
