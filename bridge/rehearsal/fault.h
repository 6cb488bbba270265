/* Which of the next requests at the callback endpoint fare badly, and how; pure, time is an argument. */
#ifndef REHEARSAL_FAULT_H
#define REHEARSAL_FAULT_H

#include <stdint.h>

#include "rehearsal/rehearsal.h"

#define FAULT_QUEUE 16u

struct fault_plan {
    struct {
        enum rehearsal_fault fault;
        uint32_t left, argument;
    } queue[FAULT_QUEUE]; /* in the order they were asked for */
    uint32_t count;
    uint64_t not_before; /* what a Retry-After asked for */
};

/* The next `times` requests that no earlier order claims; ERR_BUSY: too many orders wait. 0 times is nothing. */
int fault_order(struct fault_plan *plan, enum rehearsal_fault fault, uint32_t times, uint32_t argument);
/* What happens to a request that comes at `now` (ms); *ret_early: it did not wait as long as Retry-After asked. */
enum rehearsal_fault fault_next(struct fault_plan *plan, uint64_t now, uint32_t *ret_argument, bool *ret_early);

#endif
