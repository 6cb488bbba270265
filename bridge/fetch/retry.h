/* When to try again what a server did not take. Pure. */
#ifndef FETCH_RETRY_H
#define FETCH_RETRY_H

#include <stdint.h>

/* Exponential backoff with jitter: attempt 1, 2, ... gives about 1, 2, 4 s ... 5 min, each between half and all of it.
 */
#define RETRY_BACKOFF_MS 1000u
#define RETRY_BACKOFF_MAX_MS 300000u
uint64_t retry_backoff(unsigned attempt, uint32_t random);
/* Retry-After (RFC 9110 10.2.3): seconds or a date; 0 if absent, past or senseless, at most an hour. Milliseconds. */
#define RETRY_AFTER_MAX_MS 3600000u
uint64_t retry_after(const char *header, int64_t wall_ms);

#endif
