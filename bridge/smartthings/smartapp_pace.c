#include "smartthings/smartapp_pace.h"

uint64_t pace_next(const struct pace *pace)
{
    return pace->count < PACE_LIMIT ? 0 : pace->at[pace->next] + PACE_WINDOW_MS;
}

void pace_took(struct pace *pace, uint64_t now)
{
    pace->at[pace->next] = now;
    pace->next = (pace->next + 1) % PACE_LIMIT;
    pace->count += pace->count < PACE_LIMIT;
}
