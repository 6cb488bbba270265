/* Whatever is sent to the SmartApp: no crash, and all that was accepted is within its caps. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smartthings/device.h"
#include "smartthings/smartapp_parse.h"
#include "smartthings/smartapp_provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct smartapp_call *call)
{
    static const struct light_profile profile = {LIGHT_ALL, 2000, 6500, LIGHT_KIND_LIGHT};
    if (call->light_count > SMARTAPP_MAX_LIGHTS || call->event_count > SMARTAPP_MAX_EVENTS) {
        abort();
    }
    for (size_t i = 0; i < call->event_count; i++) {
        const struct smartapp_event *event = &call->events[i];
        struct device_order order = {0};
        const char *why = NULL;
        for (size_t c = 0; c < event->command_count; c++) {
            if (strncmp(event->commands[c].capability, "st.", 3) != 0 ||
                (device_order_add(&order, &event->commands[c], &profile, &why) != DEVICE_OK && !why)) {
                abort();
            }
        }
    }
    if (call->url_path) {
        struct provider_return ret;
        const char *what = NULL;
        if (provider_read_return(call->url_path, &ret, &what) != 0 && !what) {
            abort();
        }
        provider_return_done(&ret);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smartapp_call call;
    if (smartapp_parse((const char *)data, size, &call) == 0) {
        use(&call);
    } else if (!call.what) {
        abort();
    }
    smartapp_call_done(&call);
    return 0;
}
