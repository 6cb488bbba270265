/* lightbridge-sim zigbee2mqtt by hand. */
#ifndef SIM_ZIGBEE_CONSOLE_H
#define SIM_ZIGBEE_CONSOLE_H

#include "sim/orders.h"

struct zigbee;

struct orders console_orders(struct zigbee *zigbee); /* NULL: only to be listed */

#endif
