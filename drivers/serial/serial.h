/* Lights behind a serial port. One instance is one port and the protocol that is spoken on it. */
#ifndef SERIAL_SERIAL_H
#define SERIAL_SERIAL_H

#include "hub/driver.h"
#include "serial/port.h"

struct protocol_ops;

/* Texts outlive the instance. */
struct serial_config {
    const char *name; /* of the port: light addresses hang on it where the protocol has no permanent ones */
    const char *port; /* serial/port.h */
    const struct protocol_ops *protocol;
    const void *options; /* the protocol's own struct, NULL where it has none */
    uint32_t baud;       /* 0: the protocol's */
};

extern const struct driver_ops serial_driver;

/* By the name in the configuration; NULL: none. All of them: the `index`th, NULL behind the last. */
const struct protocol_ops *serial_protocol(const char *name);
const char *serial_protocol_name(size_t index);

#endif
