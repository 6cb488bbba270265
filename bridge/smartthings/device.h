/* A light as Schema sees it, and back: handler types, attributes, commands. Pure; tables. */
#ifndef SMARTTHINGS_DEVICE_H
#define SMARTTHINGS_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "hub/hub.h"
#include "model/light.h"
#include "smartthings/schema_parse.h"
#include "smartthings/schema_write.h"

/* What the light can do in Schema's eyes: a light without on/off of its own is switched by its level. */
uint32_t device_can(const struct light_profile *profile);
/* The built-in handler type (facts 1.5). A light that fits none exactly gets the largest whose controls all work:
   "largest that lies within", never one that shows a control which does nothing. */
const char *device_handler_type(const struct light_profile *profile);
/* An element of discoveryResponse.devices[]. */
void device_describe(struct str *s, const struct light_info *info);

/* The part of a state that is said to SmartThings: what the handler type has, the attributes of the mode that is
   lit (facts 3: there is no colour mode attribute), a switch made from the level where there is none. */
void device_view(const struct light_state *state, const struct light_profile *profile, struct light_state *ret_view);

/* What one device's commands ask for. */
struct device_order {
    struct light_state patch;
    uint32_t transition_ms;
    bool refresh; /* refresh() or ping() was among them */
};
/* Adds a command. Anything but DEVICE_OK comes with a static sentence, and `order` may be half filled. */
enum device_error device_order_add(struct device_order *order, const struct interaction_command *command,
                                   const struct light_profile *profile, const char **ret_why);

#endif
