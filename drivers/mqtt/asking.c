#include "mqtt/asking.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/secrets.h"
#include "loop/loop.h"

#define EVERY_MS 4u /* with jitter: 3..5 */
#define AGAIN_MS 1000u

struct asking {
    struct loop *loop;
    void (*fn)(void *user, struct ask *ask);
    void *user;
    struct timer *timer;
    struct ask *first, *last; /* whose turn it is */
    struct ask *waiting;      /* asked, and perhaps to be asked again: by `due` */
    uint64_t next_at;         /* loop ms: not before */
};

static void arm(struct asking *a)
{
    uint64_t now = loop_now(a->loop);
    uint64_t at = a->first ? a->next_at : a->waiting ? a->waiting->due : 0;
    if (a->first || a->waiting) {
        timer_start(a->timer, at > now ? at - now : 0);
    } else {
        timer_stop(a->timer);
    }
}

static void append(struct asking *a, struct ask *ask)
{
    ask->next = NULL;
    *(a->first ? &a->last->next : &a->first) = ask;
    a->last = ask;
}

/* Waits for its next turn, unless it has had all of them. */
static void wait_again(struct asking *a, struct ask *ask)
{
    struct ask **at = &a->waiting;
    if (++ask->tries >= ASKING_TRIES) {
        ask->queued = false;
        return;
    }
    ask->due = loop_now(a->loop) + ((uint64_t)AGAIN_MS << (ask->tries - 1));
    while (*at && (*at)->due <= ask->due) {
        at = &(*at)->next;
    }
    ask->next = *at;
    *at = ask;
}

static void due(void *user)
{
    struct asking *a = user;
    uint64_t now = loop_now(a->loop);
    uint8_t jitter;
    while (a->waiting && a->waiting->due <= now) {
        struct ask *ask = a->waiting;
        a->waiting = ask->next;
        append(a, ask);
    }
    if (a->first && a->next_at <= now) {
        struct ask *ask = a->first;
        a->first = ask->next;
        secrets_random(&jitter, sizeof jitter);
        a->next_at = now + EVERY_MS * 3 / 4 + jitter * EVERY_MS / 512;
        wait_again(a, ask);
        a->fn(a->user, ask);
    }
    arm(a);
}

static void take_out(struct asking *a, struct ask *ask)
{
    struct ask **lists[] = {&a->first, &a->waiting};
    for (size_t i = 0; i < 2 && ask->queued; i++) {
        struct ask *before = NULL;
        for (struct ask *at = *lists[i]; at; before = at, at = at->next) {
            if (at == ask) {
                *(before ? &before->next : lists[i]) = ask->next;
                if (i == 0 && a->last == ask) {
                    a->last = before;
                }
                ask->queued = false;
                break;
            }
        }
    }
}

void asking_begin(struct asking *a, struct ask *ask)
{
    if (ask->queued && ask->tries == 0) {
        return; /* it has its turn soon */
    }
    take_out(a, ask);
    ask->tries = 0;
    ask->queued = true;
    append(a, ask);
    arm(a);
}

void asking_end(struct asking *a, struct ask *ask)
{
    if (ask->queued) {
        take_out(a, ask);
        arm(a);
    }
}

void asking_end_all(struct asking *a)
{
    for (struct ask *ask = a->first; ask; ask = ask->next) {
        ask->queued = false;
    }
    for (struct ask *ask = a->waiting; ask; ask = ask->next) {
        ask->queued = false;
    }
    a->first = a->last = a->waiting = NULL;
    arm(a);
}

struct asking *asking_new(struct loop *loop, void (*fn)(void *user, struct ask *ask), void *user)
{
    struct asking *a = mem_alloc(sizeof *a);
    a->loop = loop;
    a->fn = fn;
    a->user = user;
    a->timer = timer_new(loop, due, a);
    return a;
}

void asking_free(struct asking *a)
{
    if (a) {
        timer_free(a->timer);
        free(a);
    }
}
