/* The far side of the mqtt driver: a real mosquitto, and Shellys of the first generation. */
#include <stdio.h>

#include "wifi_far_side.h"

static int start(struct loop *loop, uint32_t deadline_ms, void **ret_self, const void **ret_config)
{
    /* What the suite demands of lamp 0, and as many other kinds as there are. */
    static const char *const models[CONTRACT_LAMPS] = {"SHCB-1",  "SHDM-2",  "SHBDUO-1", "SHRGBW2",
                                                       "SHVIN-1", "SHBLB-1", "SHDM-2",   "SHDM-2"};
    struct wifi_far_side *f;
    (void)deadline_ms;
    int err = wifi_far_side_start(loop, WIFI_SHELLY1, models, &f);
    if (err != 0) {
        return err;
    }
    f->topics[0] = "shellies";
    f->config.shelly1 = f->topics;
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
    .name = "mqtt_shelly1",
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
