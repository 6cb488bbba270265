#include "app/doctor.h"

#define DAY_S 86400
#define SKEW_FINE_S 30
#define SKEW_BAD_S 300

enum doctor_verdict doctor_judge_expiry(int64_t until_s, int64_t now_s)
{
    int64_t left = until_s - now_s;
    return left <= 7 * DAY_S ? DOCTOR_FAILED : left <= 30 * DAY_S ? DOCTOR_WARNING : DOCTOR_OK;
}

enum doctor_verdict doctor_judge_skew(int64_t skew_s)
{
    int64_t off = skew_s < 0 ? -skew_s : skew_s;
    return off > SKEW_BAD_S ? DOCTOR_FAILED : off > SKEW_FINE_S ? DOCTOR_WARNING : DOCTOR_OK;
}

bool doctor_port_ok(uint16_t port)
{
    return port >= 80 && port <= 8002;
}
