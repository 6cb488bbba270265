/* Whatever is sent to the webhook: no crash, and all that was accepted is within its caps. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smartthings/device.h"
#include "smartthings/schema_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct interaction *x)
{
    static const struct light_profile profile = {LIGHT_ALL, 2000, 6500, LIGHT_KIND_LIGHT};
    for (size_t i = 0; i < x->device_count; i++) {
        struct device_order order = {0};
        const char *why = NULL;
        if (strlen(x->devices[i].id) > SCHEMA_MAX_DEVICE_ID) {
            abort();
        }
        for (size_t c = 0; c < x->devices[i].command_count; c++) {
            if (device_order_add(&order, &x->devices[i].commands[c], &profile, &why) != DEVICE_OK && !why) {
                abort();
            }
        }
        if (((order.patch.has & LIGHT_LEVEL) && order.patch.level > LIGHT_LEVEL_MAX) ||
            ((order.patch.has & LIGHT_HUE) && order.patch.hue >= LIGHT_HUE_MAX) ||
            ((order.patch.has & LIGHT_SATURATION) && order.patch.saturation > LIGHT_SATURATION_MAX)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct interaction x;
    if (schema_parse((const char *)data, size, &x) == 0) {
        if (!x.request_id || !x.type_text) {
            abort();
        }
        use(&x);
    } else if (!x.what) {
        abort();
    }
    interaction_done(&x);
    return 0;
}
