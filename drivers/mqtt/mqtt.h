/* Lights behind an MQTT broker. One instance is one broker; what speaks there is told by dialects, each once for each
   of its topics. */
#ifndef MQTT_MQTT_H
#define MQTT_MQTT_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/driver.h"
#include "mqtt/way.h"

/* Texts outlive the instance. */
struct mqtt_config {
    const char *host;
    uint16_t port;
    bool tls;
    const char *username, *password; /* NULL: none */
    const char *ca_file;             /* PEM, NULL: the system's; with tls only */
    bool optimistic;                 /* answers as soon as the broker has the command, without waiting for the lamp */
    struct twins *twins;             /* shared by the instances of an installation (mqtt/way.h); NULL: its own */
    /* What speaks there: topics of each dialect, NULL-terminated; NULL or none: the dialect is off. */
    const char *const *zigbee2mqtt;   /* base topics; none contains another's topics */
    const char *const *homeassistant; /* prefixes of Home Assistant discovery */
    bool homeassistant_birth;         /* says "online" on PREFIX/status, as a Home Assistant that has just come */
    const char *const *tasmota;       /* where its modules announce themselves: "tasmota/discovery" */
    const char *const *shelly;        /* topic prefixes; "+" for all of one level */
    const char *const *shelly1;       /* what all lie under: "shellies" */
    const char *const *wled;          /* "wled/+" for all there, "TOPIC" or "TOPIC HOST" of one strip */
};

extern const struct driver_ops mqtt_driver;

#endif
