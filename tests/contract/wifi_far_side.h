/* The far side of those that are clients of the broker themselves: a real mosquitto, and simulated lamps on the Wi-Fi
   on the suite's loop. */
#ifndef CONTRACT_WIFI_FAR_SIDE_H
#define CONTRACT_WIFI_FAR_SIDE_H

#include "contract.h"
#include "mosquitto_broker.h"
#include "mqtt/mqtt.h"
#include "sim/wifi.h"

#define WIFI_DEADLINE_MS 600

struct wifi_far_side {
    struct mqtt_config config;
    struct wifi *wifi;
    struct mosquitto_broker broker;
    uint16_t http_port;
    const char *topics[CONTRACT_LAMPS + 2];
    char texts[CONTRACT_LAMPS][96];
    char address[64];
};

/* `models`: of each lamp, all of one part. */
int wifi_far_side_start(struct loop *loop, enum wifi_family family, const char *const *models,
                        struct wifi_far_side **ret_far_side);
void wifi_far_side_stop(void *self);
void wifi_far_side_act(void *self, enum contract_act act, size_t lamp);
const char *wifi_far_side_lacks(enum contract_act act);

#endif
