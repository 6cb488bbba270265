#include "partner/ring.h"

#include <stdlib.h>

#include "base/mem.h"

void ring_init(struct ring *r)
{
    *r = (struct ring){.first = 1, .next = 1};
}

static void drop_oldest(struct ring *r)
{
    struct str *slot = &r->slots[r->first++ % RING_EVENTS];
    r->bytes -= slot->len;
    str_done(slot);
}

void ring_done(struct ring *r)
{
    while (r->first < r->next) {
        drop_oldest(r);
    }
    free(r->slots);
    ring_init(r);
}

void ring_add(struct ring *r, struct str *text)
{
    if (!r->slots) {
        r->slots = mem_array(RING_EVENTS, sizeof r->slots[0]);
    }
    while (r->next - r->first == RING_EVENTS || (r->first < r->next && r->bytes + text->len > RING_BYTES)) {
        drop_oldest(r);
    }
    r->bytes += text->len;
    r->slots[r->next++ % RING_EVENTS] = *text;
    *text = STR_INIT;
}

const struct str *ring_at(const struct ring *r, uint64_t number)
{
    return number >= r->first && number < r->next ? &r->slots[number % RING_EVENTS] : NULL;
}
