/* The far side of the mqtt driver: lamps that announce themselves in the JSON schema, as ESPHome's do. */
#include <ctype.h>
#include <stdio.h>

#include "heralds.h"
#include "mqtt/mqtt.h"

static int start(struct loop *loop, uint32_t deadline_ms, void **ret_self, const void **ret_config)
{
    static const char *const kinds[CONTRACT_LAMPS] = {"esphome-rgbct", "esphome-dimmer", "esphome-ct",
                                                      "esphome-rgbw",  "esphome-rgb",    "esphome-dimmer",
                                                      "esphome-rgbct", "esphome-dimmer"};
    (void)deadline_ms;
    return heralds_start(loop, kinds, ret_self, ret_config);
}

static const char *address(void *self, size_t lamp)
{
    static char text[64];
    int len = snprintf(text, sizeof text, "mac/%s", heralds_mac(self, lamp));
    for (int i = 4; i < len; i++) {
        text[i] = (char)toupper((unsigned char)text[i]);
    }
    (void)snprintf(text + len, sizeof text - (size_t)len, "/ESPlightlamp");
    return text;
}

const struct contract_subject contract_subject = {
    .name = "mqtt_ha_json",
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
