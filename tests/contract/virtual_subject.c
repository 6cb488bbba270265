#include <stdlib.h>

#include "base/mem.h"
#include "contract.h"
#include "virtual/virtual.h"

static const char *const addresses[] = {"lamp/1", "lamp/2", "lamp/3", "lamp/4", "lamp/5", "lamp/6", "lamp/7", "lamp/8"};

static const char *lacks(enum contract_act act)
{
    (void)act;
    return NULL;
}

static int start(struct loop *loop, uint32_t deadline_ms, void **ret_self, const void **ret_config)
{
    static const size_t shapes[CONTRACT_LAMPS] = {0, 1, 2, 2, 2, 2, 2, 6}; /* rows of drivers/virtual/lamps.c */
    struct virtual_config *c = mem_alloc(sizeof *c);
    c->lamps = lamps_new(loop, CONTRACT_LAMPS, deadline_ms / 2, deadline_ms + deadline_ms / 2);
    for (size_t i = 0; i < CONTRACT_LAMPS; i++) {
        lamps_set_shape(c->lamps, i, shapes[i]);
    }
    *ret_self = c;
    *ret_config = c;
    return 0;
}

static void stop(void *self)
{
    struct virtual_config *c = self;
    lamps_free(c->lamps);
    free(c);
}

static const char *address(void *self, size_t lamp)
{
    (void)self;
    return addresses[lamp];
}

static void act(void *self, enum contract_act act, size_t lamp)
{
    struct lamps *l = ((struct virtual_config *)self)->lamps;
    static const enum lamp_mood moods[] = {
        [CONTRACT_WELL] = LAMP_WELL,     [CONTRACT_SLOW] = LAMP_SLOW,   [CONTRACT_LATE] = LAMP_LATE,
        [CONTRACT_SILENT] = LAMP_SILENT, [CONTRACT_STALE] = LAMP_STALE, [CONTRACT_DUPLICATE] = LAMP_DUPLICATE};
    switch (act) {
    case CONTRACT_WELL:
    case CONTRACT_SLOW:
    case CONTRACT_LATE:
    case CONTRACT_SILENT:
    case CONTRACT_DUPLICATE:
    case CONTRACT_STALE:
        lamps_set_mood(l, lamp, moods[act]);
        break;
    case CONTRACT_OFFLINE:
    case CONTRACT_ONLINE:
        lamps_set_online(l, lamp, act == CONTRACT_ONLINE);
        break;
    case CONTRACT_WALL:
        lamps_wall(l, lamp);
        break;
    case CONTRACT_REMOVE:
        lamps_remove(l, lamp);
        break;
    case CONTRACT_JOIN:
        lamps_join(l, lamp);
        break;
    case CONTRACT_GARBAGE:
        lamps_babble(l, lamp);
        break;
    case CONTRACT_LOSE:
    case CONTRACT_BACK:
        lamps_set_wire(l, act == CONTRACT_BACK);
        break;
    case CONTRACT_RESTART:
        lamps_restart(l);
        break;
    case CONTRACT_ACTS:
        break;
    }
}

const struct contract_subject contract_subject = {
    .name = "virtual",
    .ops = &virtual_driver,
    .instance = "virtual",
    .basis = BASIS_REPORTED,
    .deadline_ms = 300,
    .patience_ms = 20000,
    .lacks = lacks,
    .start = start,
    .stop = stop,
    .address = address,
    .act = act,
};
