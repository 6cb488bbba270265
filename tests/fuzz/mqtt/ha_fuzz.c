/* Whatever may be announced by Home Assistant discovery, and whatever its lamps may say: no crash, all that was
   understood is within its ranges, and every lamp that was read can be told everything that it can. The first byte says
   where it was announced (l, s, d: light, switch, device), the rest of the first line is the announcement, each line
   behind it a message on every one of its topics. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/light.h"
#include "mqtt/ha_config.h"
#include "mqtt/topics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition) {
        abort();
    }
}

static void check_state(const struct ha_lamp *lamp, const struct light_state *s)
{
    must((s->has & ~(lamp->profile.can | LIGHT_MODE)) == 0);
    must(!(s->has & LIGHT_LEVEL) || s->level <= LIGHT_LEVEL_MAX);
    must(!(s->has & LIGHT_HUE) || s->hue < LIGHT_HUE_MAX);
    must(!(s->has & LIGHT_SATURATION) || s->saturation <= LIGHT_SATURATION_MAX);
    must(!(s->has & LIGHT_KELVIN) || (s->kelvin >= LIGHT_KELVIN_MIN && s->kelvin <= LIGHT_KELVIN_MAX));
}

static void tell(const struct ha_lamp *lamp, const struct light_state *known)
{
    struct ha_command c = {0};
    for (unsigned i = 0; i < 6; i++) {
        static const uint32_t has[] = {LIGHT_ON,
                                       LIGHT_ON | LIGHT_LEVEL,
                                       LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN,
                                       LIGHT_ON | LIGHT_COLOR,
                                       LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR,
                                       LIGHT_ON};
        struct light_state patch = {
            .has = has[i], .on = i < 5, .level = 5000, .kelvin = 3000, .hue = 12000, .saturation = 9000};
        light_clamp(&patch, &lamp->profile);
        if (ha_command_write(lamp, known, &patch, i % 2 * 1500, &c) != 0) {
            continue;
        }
        must(c.count > 0 && c.count <= HA_MAX_MESSAGES);
        for (size_t k = 0; k < c.count; k++) {
            must(c.messages[k].at + c.messages[k].len <= c.bytes.len && topics_good(c.messages[k].topic));
        }
    }
    str_done(&c.bytes);
}

static void use(const struct ha_lamp *lamp, const char *at, const char *end)
{
    struct light_state known = {0};
    must(!(lamp->profile.can & LIGHT_KELVIN) ||
         (lamp->profile.min_kelvin <= lamp->profile.max_kelvin && lamp->profile.min_kelvin >= LIGHT_KELVIN_MIN));
    must(strlen(ha_lamp_text(lamp, HA_ADDRESS)) <= HA_MAX_ADDRESS);
    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((line ? line : end) - at);
        for (size_t c = 0; c < HA_CHANNELS && len > 0; c++) {
            struct light_state s;
            (void)ha_state_read(lamp, 1u << c, at, len, &known, &s);
            check_state(lamp, &s);
            (void)light_merge(&known, &s);
        }
        for (size_t i = 0; i < lamp->availability_count && len > 0; i++) {
            bool online;
            (void)ha_availability_read(lamp, i, at, len, &online);
        }
        at = line ? line + 1 : end;
    }
    tell(lamp, &known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ha_config c;
    struct ha_component component;
    if (size < 2) {
        return 0;
    }
    const char *bytes = (const char *)data + 1;
    const char *end = (const char *)data + size;
    const char *line = memchr(bytes, '\n', size - 1);
    line = line ? line : end;
    if (ha_config_open(&c, data[0] == 'd', data[0] == 's', bytes, (size_t)(line - bytes)) != 0) {
        return 0;
    }
    while (ha_config_next(&c, &component)) {
        struct ha_lamp lamp;
        struct str why = STR_INIT;
        if (!component.removed && ha_lamp_read(&c, &component, "ha/f", "group/home", &lamp, &why) == 0) {
            use(&lamp, line < end ? line + 1 : end, end);
            ha_lamp_done(&lamp);
        } else {
            must(component.removed || why.len > 0);
        }
        str_done(&why);
    }
    ha_config_close(&c);
    return 0;
}
