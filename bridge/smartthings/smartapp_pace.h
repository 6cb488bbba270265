/* At most 12 state events a minute for a device (facts 2.7): a sliding window. Pure, time is an argument. */
#ifndef SMARTTHINGS_SMARTAPP_PACE_H
#define SMARTTHINGS_SMARTAPP_PACE_H

#include <stdint.h>

#define PACE_LIMIT 12u
#define PACE_WINDOW_MS 60000u

struct pace {
    uint64_t at[PACE_LIMIT]; /* of the last ones, monotonic ms; a ring */
    uint32_t next, count;
};

uint64_t pace_next(const struct pace *pace); /* when the next one may go; 0: at once */
void pace_took(struct pace *pace, uint64_t now);

#endif
