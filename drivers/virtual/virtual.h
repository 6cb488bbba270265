/* The virtual driver: lamps in memory. It is what `--demo` shows, what tests drive, and the smallest example of a
   driver (drivers/README.md reads it aloud). */
#ifndef VIRTUAL_VIRTUAL_H
#define VIRTUAL_VIRTUAL_H

#include "hub/driver.h"
#include "virtual/lamps.h"

struct virtual_config {
    unsigned lights;     /* how many, up to LAMPS_MAX; nothing where `lamps` is given */
    struct lamps *lamps; /* the far side, when somebody else keeps it; NULL: the driver makes its own */
};

extern const struct driver_ops virtual_driver;

#endif
