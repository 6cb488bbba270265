#include "base/age.h"

#include <stddef.h>

void age_add(struct str *s, int64_t then_ms, int64_t now_ms)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
    int64_t age = now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;
    size_t i = 0;
    if (then_ms == 0) {
        str_add_z(s, "never");
        return;
    }
    while (i + 1 < sizeof units / sizeof units[0] && age < 2 * units[i].seconds) {
        i++;
    }
    str_printf(s, "%lld%s", (long long)(age / units[i].seconds), units[i].unit);
}
