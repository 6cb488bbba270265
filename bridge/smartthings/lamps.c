#include <stdlib.h>

#include "base/mem.h"
#include "smartthings/internal.h"

#define NOT_FOUND UINT32_MAX

void lamps_init(struct lamps *lamps, struct hub *hub)
{
    *lamps = (struct lamps){.hub = hub};
    lamps_sync(lamps);
}

void lamps_done(struct lamps *lamps)
{
    for (size_t i = 0; i < lamps->count; i++) {
        str_done(&lamps->list[i].description);
    }
    free(lamps->list);
    free(lamps->slots);
    *lamps = (struct lamps){0};
}

static size_t slot_of(const struct lamps *lamps, const struct light *light)
{
    uint64_t hash = ((uint64_t)(uintptr_t)light >> 4) * 0x9e3779b97f4a7c15u;
    size_t slot = (size_t)(hash >> 32) & (lamps->slot_count - 1);
    while (lamps->slots[slot] != 0 && lamps->list[lamps->slots[slot] - 1].light != light) {
        slot = (slot + 1) & (lamps->slot_count - 1);
    }
    return slot;
}

static void rehash(struct lamps *lamps, size_t slots)
{
    free(lamps->slots);
    lamps->slots = mem_array(slots, sizeof lamps->slots[0]);
    lamps->slot_count = slots;
    for (size_t i = 0; i < lamps->count; i++) {
        lamps->slots[slot_of(lamps, lamps->list[i].light)] = (uint32_t)i + 1;
    }
}

void lamps_sync(struct lamps *lamps)
{
    size_t count = hub_light_count(lamps->hub);
    if (count > lamps->cap) {
        size_t cap = count < 32 ? 32 : count + count / 2;
        lamps->list = mem_grow(lamps->list, cap, sizeof lamps->list[0]);
        lamps->cap = cap;
    }
    if (count * 2 > lamps->slot_count) {
        size_t slots = 64;
        while (slots < count * 3) {
            slots *= 2;
        }
        rehash(lamps, slots);
    }
    while (lamps->count < count) {
        struct light *light = hub_light_at(lamps->hub, lamps->count);
        lamps->list[lamps->count++] = (struct lamp){.light = light};
        lamps->slots[slot_of(lamps, light)] = (uint32_t)lamps->count;
    }
}

uint32_t lamps_number(struct lamps *lamps, const struct light *light)
{
    if (lamps->slot_count > 0) {
        uint32_t found = lamps->slots[slot_of(lamps, light)];
        if (found != 0) {
            return found - 1;
        }
    }
    size_t before = lamps->count;
    lamps_sync(lamps);
    return lamps->count > before ? lamps_number(lamps, light) : NOT_FOUND;
}

const struct str *lamps_description(struct lamps *lamps, uint32_t number)
{
    struct lamp *lamp = &lamps->list[number];
    if (!lamp->described) {
        struct light_info info;
        hub_light_info(lamp->light, &info);
        str_clear(&lamp->description);
        if (info.exposed && !info.removed) {
            device_describe(&lamp->description, &info);
        }
        lamp->described = true;
    }
    return &lamp->description;
}

void lamps_changed(struct lamps *lamps, uint32_t number)
{
    lamps->list[number].described = false;
}

void lamps_view(const struct light_info *info, const struct light_state *state, struct outbox_view *ret_view)
{
    device_view(state, &info->profile, &ret_view->state);
    /* A lamp that was never heard of is no lamp known to be gone: it may be tried. */
    ret_view->health = info->reach == LIGHT_REACH_OFFLINE ? OUTBOX_OFFLINE : OUTBOX_ONLINE;
    if (!info->heard) {
        ret_view->state.has = 0;
    }
}

void lamps_look(void *user, uint32_t number, struct outbox_view *ret_view)
{
    struct smartthings *st = user;
    *ret_view = (struct outbox_view){0};
    if (number >= st->lamps.count) {
        return;
    }
    struct light_info info;
    hub_light_info(st->lamps.list[number].light, &info);
    if (info.removed || !info.exposed) {
        ret_view->health = OUTBOX_GONE;
        return;
    }
    /* What is asked for and not yet answered is not news: its outcome will be. */
    struct light_state state = info.reported;
    state.has &= ~info.desired.has;
    lamps_view(&info, &state, ret_view);
}
