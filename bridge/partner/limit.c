#include "partner/limit.h"

struct limit_verdict limit_take(struct limit *limit, unsigned per_window, uint64_t now)
{
    if (limit->used == 0 || now - limit->since >= LIMIT_WINDOW_MS) {
        *limit = (struct limit){.since = now};
    }
    bool allowed = limit->used < per_window;
    limit->used += allowed;
    return (struct limit_verdict){.allowed = allowed,
                                  .remaining = per_window > limit->used ? per_window - limit->used : 0,
                                  .reset_ms = LIMIT_WINDOW_MS - (now - limit->since)};
}
