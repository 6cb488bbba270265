/* The bridge's devices as SmartThings knows them: a list by id, and what the protocol calls their attributes. */
#ifndef REHEARSAL_HOUSE_H
#define REHEARSAL_HOUSE_H

#include "base/json.h"
#include "rehearsal/rehearsal.h"

struct house {
    struct rehearsal_device *list; /* by id */
    size_t count;
};

struct attribute {
    const char *capability, *name; /* "st.switchLevel", "level" */
    const char *off, *on;          /* the words of 0 and 1; NULL: a number */
    double min, max;
    bool whole;
    const char *format; /* printf of one double, "" where the words say it */
};
extern const struct attribute attributes[REHEARSAL_ATTRIBUTES];

/* REHEARSAL_ATTRIBUTES: not one of those above. */
enum rehearsal_attribute attribute_find(const char *capability, const char *name);
/* The attributes (bits) a device of this type has; ERR_NOT_FOUND: SmartThings has no such type. */
int handler_type_find(const char *type, uint32_t *ret_has);

void house_done(struct house *house);
struct rehearsal_device *house_find(const struct house *house, const char *id);
const struct rehearsal_device *house_find_named(const struct house *house, const char *name_or_id);
/* `devices` was judged: becomes the list; what is known of devices that stay is kept. Tells what came and went. */
void house_take_devices(struct house *house, const struct json *devices, struct str *news);
/* `states` was judged: takes over what is said of devices that are known. Tells it. */
void house_take_states(struct house *house, const struct json *states, struct str *news);
void device_describe_bits(struct str *s, const struct rehearsal_device *device, uint32_t bits);

#endif
