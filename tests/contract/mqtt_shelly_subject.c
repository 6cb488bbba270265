/* The far side of the mqtt driver: a real mosquitto, and Shellys of the second generation and later. */
#include <stdio.h>

#include "wifi_far_side.h"

static int start(struct loop *loop, uint32_t deadline_ms, void **ret_self, const void **ret_config)
{
    /* What the suite demands of lamp 0, and as many other kinds as there are. */
    static const char *const models[CONTRACT_LAMPS] = {"S3BL-C010007AEU",   "S3DM-0A101WWL",   "SNDC-0D4P10WW",
                                                       "SNDC-0D4P10WW-rgb", "S3BL-D010009AEU", "S3DM-0A101WWL",
                                                       "S3BL-C010007AEU",   "S3DM-0A101WWL"};
    struct wifi_far_side *f;
    (void)deadline_ms;
    int err = wifi_far_side_start(loop, WIFI_SHELLY, models, &f);
    if (err != 0) {
        return err;
    }
    f->topics[0] = "+";
    f->topics[1] = wifi_topic(f->wifi, CONTRACT_PLAIN); /* it says nothing by itself */
    f->config.shelly = f->topics;
    *ret_self = f;
    *ret_config = &f->config;
    return 0;
}

static const char *address(void *self, size_t lamp)
{
    struct wifi_far_side *f = self;
    (void)snprintf(f->address, sizeof f->address, "mac/%s/%s", wifi_mac(f->wifi, lamp), wifi_part(f->wifi, lamp));
    return f->address;
}

const struct contract_subject contract_subject = {
    .name = "mqtt_shelly",
    .ops = &mqtt_driver,
    .instance = "mqtt/home",
    .basis = BASIS_REPORTED,
    .deadline_ms = WIFI_DEADLINE_MS,
    .patience_ms = 30000,
    .lacks = wifi_far_side_lacks,
    .start = start,
    .stop = wifi_far_side_stop,
    .address = address,
    .act = wifi_far_side_act,
};
