#include "fetch/retry.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t retry_backoff(unsigned attempt, uint32_t random)
{
    uint64_t delay = RETRY_BACKOFF_MS;
    while (attempt > 1 && delay < RETRY_BACKOFF_MAX_MS) {
        delay *= 2;
        attempt--;
    }
    if (delay > RETRY_BACKOFF_MAX_MS) {
        delay = RETRY_BACKOFF_MAX_MS;
    }
    return delay / 2 + random % (delay / 2 + 1);
}

uint64_t retry_after(const char *header, int64_t wall_ms)
{
    if (!header || header[0] == '\0') {
        return 0;
    }
    size_t digits = strspn(header, "0123456789");
    int64_t delay = 0;
    if (digits > 0 && header[digits] == '\0') {
        delay = digits > 9 ? (int64_t)RETRY_AFTER_MAX_MS : strtoll(header, NULL, 10) * 1000;
    } else {
        struct tm tm = {0};
        const char *end = strptime(header, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        if (!end || *end != '\0') {
            return 0;
        }
        delay = (int64_t)timegm(&tm) * 1000 - wall_ms;
    }
    if (delay < 0) {
        return 0;
    }
    return delay > (int64_t)RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : (uint64_t)delay;
}
