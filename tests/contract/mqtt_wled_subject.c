/* The far side of the mqtt driver: a real mosquitto, and WLED strips, some of which are there over HTTP, too. */
#include <stdio.h>

#include "wifi_far_side.h"

#define HOSTS 4 /* whose document can be read */

static int start(struct loop *loop, uint32_t deadline_ms, void **ret_self, const void **ret_config)
{
    /* What the suite demands of lamp 0, and as many other kinds as there are. */
    static const char *const models[CONTRACT_LAMPS] = {"RGBCCT", "RGB", "RGBW", "CCT", "RGBCCT", "RGB", "RGBW", "RGB"};
    struct wifi_far_side *f;
    (void)deadline_ms;
    int err = wifi_far_side_start(loop, WIFI_WLED, models, &f);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < HOSTS; i++) {
        (void)snprintf(f->texts[i], sizeof f->texts[i], "%s 127.0.0.1:%u", wifi_topic(f->wifi, i),
                       (unsigned)(f->http_port + i));
        f->topics[i + 1] = f->texts[i];
    }
    f->topics[0] = "wled/+";
    f->topics[HOSTS + 1] = wifi_topic(f->wifi, CONTRACT_PLAIN); /* it says nothing by itself */
    f->config.wled = f->topics;
    *ret_self = f;
    *ret_config = &f->config;
    return 0;
}

static const char *address(void *self, size_t lamp)
{
    struct wifi_far_side *f = self;
    const char *mac = wifi_mac(f->wifi, lamp);
    (void)snprintf(f->address, sizeof f->address, "%s/%s", lamp < HOSTS ? "mac" : "wled", lamp < HOSTS ? mac : mac + 6);
    return f->address;
}

const struct contract_subject contract_subject = {
    .name = "mqtt_wled",
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
