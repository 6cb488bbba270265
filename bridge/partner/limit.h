/* How often one token may ask: so many requests in each minute, as the LIFX HTTP API counts them. Pure. */
#ifndef PARTNER_LIMIT_H
#define PARTNER_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LIMIT_WINDOW_MS 60000

struct limit {
    uint64_t since; /* loop ms of the window's begin */
    unsigned used;  /* in it */
};

struct limit_verdict {
    bool allowed;
    unsigned remaining; /* after this request */
    uint64_t reset_ms;  /* until everything may be asked again */
};

/* One more request at `now` (loop ms), of at most `per_window`. A window begins with its first request. */
struct limit_verdict limit_take(struct limit *limit, unsigned per_window, uint64_t now);

#endif
