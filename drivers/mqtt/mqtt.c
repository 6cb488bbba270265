#include "mqtt/mqtt.h"

#include "base/err.h"

/* Until the driver is here a configured broker is refused. */
static int start(struct driver *driver, void *self, const void *config)
{
    (void)driver;
    (void)self;
    (void)config;
    return ERR_UNSUPPORTED;
}

const struct driver_ops mqtt_driver = {.kind = "mqtt", .start = start};
