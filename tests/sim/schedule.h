/* What happens later, in order of time and then of asking: one timer for any number of things. */
#ifndef SIM_SCHEDULE_H
#define SIM_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct schedule;
/* `load` is freed afterwards. */
typedef void schedule_fn(void *user, uint32_t subject, void *load);

struct schedule *schedule_new(struct loop *loop, void *user);
void schedule_free(struct schedule *schedule);
/* `load` (may be NULL) comes from the heap and is the schedule's from now on. */
void schedule_add(struct schedule *schedule, uint64_t delay_ms, schedule_fn *fn, uint32_t subject, void *load);
void schedule_clear(struct schedule *schedule); /* nothing of it happens any more */

#endif
