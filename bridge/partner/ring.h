/* The last events, by number: what somebody who was away for a moment is told. Bounded by count and bytes; the oldest
   make room. Pure. */
#ifndef PARTNER_RING_H
#define PARTNER_RING_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define RING_EVENTS 1024u
#define RING_BYTES (512u * 1024)

struct ring {
    struct str *slots;    /* RING_EVENTS of them, taken with the first event */
    uint64_t first, next; /* numbers of the oldest that is kept, and of the next to come; equal: none is */
    size_t bytes;
};

void ring_init(struct ring *ring); /* numbers begin at 1 */
void ring_done(struct ring *ring);
/* Takes the text (as str_take) under the number that was next. */
void ring_add(struct ring *ring, struct str *text);
const struct str *ring_at(const struct ring *ring, uint64_t number); /* NULL: not kept any more, or not there yet */

#endif
