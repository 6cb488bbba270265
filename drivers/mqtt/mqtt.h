/* Lights behind an MQTT broker. One instance is one broker; its dialect is Zigbee2MQTT, once for each base topic. */
#ifndef MQTT_MQTT_H
#define MQTT_MQTT_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/driver.h"

/* Texts outlive the instance. */
struct mqtt_config {
    const char *host;
    uint16_t port;
    bool tls;
    const char *username, *password; /* NULL: none */
    const char *ca_file;             /* PEM, NULL: the system's; with tls only */
    const char *const *zigbee2mqtt;  /* base topics, NULL-terminated; none contains another's topics */
    bool optimistic;                 /* answers as soon as the broker has the command, without waiting for the lamp */
};

extern const struct driver_ops mqtt_driver;

#endif
