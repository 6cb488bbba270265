/* What happens by itself: hands on wall switches, and storms of reports. */
#include <math.h>

#include "loop/loop.h"
#include "sim/chance.h"
#include "sim/zigbee_internal.h"

#define STORM_TICK_MS 2

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
static void report_change(struct zigbee *z)
{
    struct device *d = &z->devices[z->storm_next];
    z->storm_next = (z->storm_next + 1) % z->count;
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

static void storm_on(void *user)
{
    struct zigbee *z = user;
    uint64_t due = (loop_now(z->loop) - z->storm_since) * z->storm / 1000;
    if (broker_busy(z->broker)) {
        z->stats.held += STORM_TICK_MS; /* the socket is full: what is due now is sent when it takes it */
        return;
    }
    while (z->storm_sent < due && !broker_busy(z->broker)) {
        report_change(z);
        z->storm_sent++;
    }
}

void zigbee_storm(struct zigbee *z, uint32_t per_second)
{
    z->storm = per_second;
    timer_stop(z->storm_timer);
    if (per_second && z->ready && z->count > 0) {
        z->storm_since = loop_now(z->loop);
        z->storm_sent = 0;
        timer_repeat(z->storm_timer, STORM_TICK_MS);
    }
}

void zigbee_init_chance(struct zigbee *z)
{
    z->wall_timer = timer_new(z->loop, touch_wall, z);
    z->storm_timer = timer_new(z->loop, storm_on, z);
}

void zigbee_start_chance(struct zigbee *z)
{
    zigbee_set_walls(z, z->wall_ms);
    zigbee_storm(z, z->storm);
}

void zigbee_stop_chance(struct zigbee *z)
{
    timer_stop(z->wall_timer);
    timer_stop(z->storm_timer);
}
