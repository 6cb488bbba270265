/* The far side of the mqtt driver: lamps that announce themselves in the default schema, a topic for each thing; some
   are a zwave-js-ui's. */
#include <stdio.h>

#include "heralds.h"
#include "mqtt/mqtt.h"

static const char *const kinds[CONTRACT_LAMPS] = {"plain-hs",  "plain-dimmer", "plain-ct", "zwave-dimmer",
                                                  "plain-rgb", "zwave-dimmer", "plain-xy", "plain-dimmer"};

static int start(struct loop *loop, uint32_t deadline_ms, void **ret_self, const void **ret_config)
{
    (void)deadline_ms;
    return heralds_start(loop, kinds, ret_self, ret_config);
}

static const char *address(void *self, size_t lamp)
{
    static char text[64];
    const char *format = kinds[lamp][0] == 'z' ? "ha/zwavejs2mqtt_%s_38-0-currentValue" : "ha/plain_%s";
    (void)snprintf(text, sizeof text, format, heralds_mac(self, lamp));
    return text;
}

const struct contract_subject contract_subject = {
    .name = "mqtt_ha_default",
    .ops = &mqtt_driver,
    .instance = "mqtt/home",
    .basis = BASIS_REPORTED,
    .deadline_ms = HERALDS_DEADLINE_MS,
    .patience_ms = 30000,
    .lacks = heralds_lack,
    .start = start,
    .stop = heralds_stop,
    .address = address,
    .act = heralds_act,
};
