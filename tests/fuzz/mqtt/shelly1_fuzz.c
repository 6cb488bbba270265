/* Whatever a Shelly of the first generation, or who says he is one, may send. The first byte says what it is: a an
   announcement, o a word on availability, t a topic, 0 to 3 a status of a channel of that kind. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mqtt/shelly1_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition) {
        abort();
    }
}

static void read_status(enum shelly1_kind kind, const char *bytes, size_t len)
{
    static const char *const models[] = {"SHCB-1", "SHBDUO-1", ""};
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        struct shelly1_lamp lamp = shelly1_make_lamp(kind, 0, models[i], bytes, len);
        struct light_state p;
        if (shelly1_read_status(bytes, len, &lamp, &p) != 0) {
            continue;
        }
        must((p.has & ~lamp.profile.can) == 0);
        must(!(p.has & LIGHT_LEVEL) || (p.level > 0 && p.level <= LIGHT_LEVEL_MAX));
        must(!(p.has & LIGHT_HUE) || (p.hue < LIGHT_HUE_MAX && p.saturation <= LIGHT_SATURATION_MAX));
        must(!(p.has & LIGHT_KELVIN) || (p.kelvin >= LIGHT_KELVIN_MIN && p.kelvin <= LIGHT_KELVIN_MAX));
        must((p.has & LIGHT_COLOR) == 0 || (p.has & LIGHT_COLOR) == LIGHT_COLOR);
    }
}

static void read_topic(const char *bytes, size_t len)
{
    enum shelly1_kind kind;
    uint8_t id;
    char *tail = malloc(len + 1);
    memcpy(tail, bytes, len);
    tail[len] = 0;
    must(!shelly1_read_topic(tail, &kind, &id) || (kind < SHELLY1_KINDS && id < 10));
    free(tail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data + 1;
    struct shelly1_device device;
    bool online;
    if (size == 0) {
        return 0;
    }
    switch (data[0]) {
    case 'a':
        if (shelly1_read_announce(bytes, size - 1, &device) == 0) {
            must(strlen(device.mac) == 12 && device.id[0] && !strpbrk(device.id, "/+#"));
        }
        break;
    case 'o':
        (void)shelly1_read_online(bytes, size - 1, &online);
        break;
    case 't':
        read_topic(bytes, size - 1);
        break;
    default:
        read_status((enum shelly1_kind)(data[0] % SHELLY1_KINDS), bytes, size - 1);
        break;
    }
    return 0;
}
