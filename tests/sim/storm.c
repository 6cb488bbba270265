#include "sim/storm.h"

#include <stdlib.h>

#include "base/mem.h"
#include "loop/loop.h"

#define TICK_MS 2

struct storm {
    struct loop *loop;
    const struct storm_ops *ops;
    void *user;
    struct timer *timer;
    size_t lamps, next;
    uint32_t rate;
    uint64_t since, sent, held;
    bool connected;
};

static void tick(void *user)
{
    struct storm *s = user;
    uint64_t due = (loop_now(s->loop) - s->since) * s->rate / 1000;
    while (s->sent < due) {
        if (s->ops->busy && s->ops->busy(s->user)) {
            s->held += TICK_MS;
            return;
        }
        size_t lamp = s->next;
        s->next = (lamp + 1) % s->lamps;
        s->sent++;
        s->ops->change(s->user, lamp);
    }
}

static void start(struct storm *s)
{
    timer_stop(s->timer);
    if (s->rate > 0 && s->connected && s->lamps > 0) {
        s->since = loop_now(s->loop);
        s->sent = 0;
        timer_repeat(s->timer, TICK_MS);
    }
}

struct storm *storm_new(struct loop *loop, const struct storm_ops *ops, void *user)
{
    struct storm *s = mem_alloc(sizeof *s);
    *s = (struct storm){.loop = loop, .ops = ops, .user = user};
    s->timer = timer_new(loop, tick, s);
    return s;
}

void storm_free(struct storm *s)
{
    if (s) {
        timer_free(s->timer);
        free(s);
    }
}

void storm_set(struct storm *s, uint32_t per_second, size_t lamps)
{
    s->rate = per_second;
    s->lamps = lamps;
    s->next = lamps > 0 ? s->next % lamps : 0;
    start(s);
}

void storm_connected(struct storm *s, bool connected)
{
    s->connected = connected;
    start(s);
}

uint64_t storm_held(const struct storm *s)
{
    return s->held;
}
