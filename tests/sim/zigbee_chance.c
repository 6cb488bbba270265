/* What happens by itself: hands on wall switches, and storms of reports (sim/storm.h). */
#include <math.h>

#include "loop/loop.h"
#include "sim/chance.h"
#include "sim/zigbee_internal.h"

static void next_wall(struct zigbee *z)
{
    double u = ((double)(chance_next(&z->walls) >> 11) + 1) / 9007199254740993.0; /* 0 < u < 1 */
    double ms = -log(u) * z->wall_ms;
    timer_start(z->wall_timer, ms < 1 ? 1 : (uint64_t)ms);
}

static void touch_wall(void *user)
{
    struct zigbee *z = user;
    size_t lamp = chance_below(&z->walls, z->count);
    next_wall(z);
    if (zigbee_joined(z, lamp) && zigbee_online(z, lamp)) {
        zigbee_wall(z, lamp);
    }
}

void zigbee_set_walls(struct zigbee *z, uint32_t mean_ms)
{
    z->wall_ms = mean_ms;
    timer_stop(z->wall_timer);
    if (mean_ms && z->ready && z->count > 0) {
        next_wall(z);
    }
}

/* A change of level where there is one, so that no report repeats the one before. */
static void report_change(void *user, size_t number)
{
    struct zigbee *z = user;
    struct device *d = &z->devices[number];
    if (d->removed || !d->online) {
        return;
    }
    struct lamp *lamp = &d->lamps[0];
    if (lamp->part->features & FEATURE_LEVEL) {
        lamp->on = true;
        lamp->level = lamp->kept = (uint8_t)(1 + lamp->level % LAMP_LEVEL_MAX);
    } else {
        lamp->on = !lamp->on;
    }
    d->known = true;
    zigbee_tell_state(z, d);
}

static bool busy(void *user)
{
    return broker_busy(((struct zigbee *)user)->broker);
}

void zigbee_storm(struct zigbee *z, uint32_t per_second)
{
    storm_set(z->storm, per_second, z->count);
}

void zigbee_init_chance(struct zigbee *z)
{
    static const struct storm_ops ops = {report_change, busy};
    z->wall_timer = timer_new(z->loop, touch_wall, z);
    z->storm = storm_new(z->loop, &ops, z);
}

void zigbee_start_chance(struct zigbee *z)
{
    zigbee_set_walls(z, z->wall_ms);
    storm_connected(z->storm, true);
}

void zigbee_stop_chance(struct zigbee *z)
{
    timer_stop(z->wall_timer);
    storm_connected(z->storm, false);
}
