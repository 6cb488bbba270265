#include "rehearsal/fault.h"

#include <string.h>

#include "base/err.h"

#define SLACK_MS 250u /* Retry-After counts seconds, and a busy loop's idea of now is a little old, theirs and ours */

int fault_order(struct fault_plan *plan, enum rehearsal_fault fault, uint32_t times, uint32_t argument)
{
    if (times == 0) {
        return 0;
    }
    if (plan->count == FAULT_QUEUE) {
        return ERR_BUSY;
    }
    plan->queue[plan->count].fault = fault;
    plan->queue[plan->count].left = times;
    plan->queue[plan->count++].argument = argument;
    return 0;
}

enum rehearsal_fault fault_next(struct fault_plan *plan, uint64_t now, uint32_t *ret_argument, bool *ret_early)
{
    *ret_early = now + SLACK_MS < plan->not_before;
    *ret_argument = 0;
    plan->not_before = 0;
    if (plan->count == 0) {
        return REHEARSAL_NO_FAULT;
    }
    enum rehearsal_fault fault = plan->queue[0].fault;
    *ret_argument = plan->queue[0].argument;
    if (--plan->queue[0].left == 0) {
        plan->count--;
        memmove(plan->queue, plan->queue + 1, plan->count * sizeof plan->queue[0]);
    }
    if (fault == REHEARSAL_RATE_LIMIT) {
        plan->not_before = now + (uint64_t)*ret_argument * 1000;
    }
    return fault;
}
