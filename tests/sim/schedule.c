#include "sim/schedule.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "loop/loop.h"

struct item {
    uint64_t at, order;
    schedule_fn *fn;
    void *load;
    uint32_t subject;
};

/* items[] is a binary heap. */
struct schedule {
    struct loop *loop;
    void *user;
    struct timer *timer;
    struct item *items;
    size_t count, cap;
    uint64_t order;
};

static bool before(const struct item *a, const struct item *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct item *a, struct item *b)
{
    struct item kept = *a;
    *a = *b;
    *b = kept;
}

static struct item take_first(struct schedule *s)
{
    struct item first = s->items[0];
    s->items[0] = s->items[--s->count];
    for (size_t i = 0;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < s->count && before(&s->items[child + 1], &s->items[child])) {
            child++;
        }
        if (child >= s->count || !before(&s->items[child], &s->items[i])) {
            return first;
        }
        swap(&s->items[child], &s->items[i]);
        i = child;
    }
}

static void set_timer(struct schedule *s)
{
    if (s->count == 0) {
        timer_stop(s->timer);
        return;
    }
    uint64_t now = loop_now(s->loop);
    timer_start(s->timer, s->items[0].at > now ? s->items[0].at - now : 0);
}

static void run_due(void *user)
{
    struct schedule *s = user;
    uint64_t last = s->order; /* what is added meanwhile waits for the next turn, however short its delay */
    while (s->count > 0 && s->items[0].at <= loop_now(s->loop) && s->items[0].order < last) {
        struct item item = take_first(s);
        item.fn(s->user, item.subject, item.load);
        free(item.load);
    }
    set_timer(s);
}

struct schedule *schedule_new(struct loop *loop, void *user)
{
    struct schedule *s = mem_alloc(sizeof *s);
    s->loop = loop;
    s->user = user;
    s->timer = timer_new(loop, run_due, s);
    return s;
}

void schedule_clear(struct schedule *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->items[i].load);
    }
    s->count = 0;
    timer_stop(s->timer);
}

void schedule_free(struct schedule *s)
{
    if (s) {
        schedule_clear(s);
        timer_free(s->timer);
        free(s->items);
        free(s);
    }
}

void schedule_add(struct schedule *s, uint64_t delay_ms, schedule_fn *fn, uint32_t subject, void *load)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->items = mem_grow(s->items, s->cap, sizeof *s->items);
    }
    size_t i = s->count++;
    s->items[i] = (struct item){loop_now(s->loop) + delay_ms, s->order++, fn, load, subject};
    for (; i > 0 && before(&s->items[i], &s->items[(i - 1) / 2]); i = (i - 1) / 2) {
        swap(&s->items[i], &s->items[(i - 1) / 2]);
    }
    if (i == 0) {
        set_timer(s);
    }
}
