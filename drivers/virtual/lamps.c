#include "virtual/lamps.h"

#include <stdlib.h>

#include "base/mem.h"
#include "loop/loop.h"

#define FADE_STEPS 3u
#define STALE_MS 10u /* between the old state and the echo */

#define DIMMABLE (LIGHT_ON | LIGHT_LEVEL)
static const struct lamp_shape shapes[] = {
    {"color", {DIMMABLE | LIGHT_KELVIN | LIGHT_COLOR | LIGHT_MODE, 2000, 6500, LIGHT_KIND_LIGHT}, false, false},
    {"white ambiance", {DIMMABLE | LIGHT_KELVIN, 2200, 4000, LIGHT_KIND_LIGHT}, false, false},
    {"dimmable", {DIMMABLE, 0, 0, LIGHT_KIND_LIGHT}, false, false},
    {"on and off", {LIGHT_ON, 0, 0, LIGHT_KIND_LIGHT}, false, false},
    {"color only", {DIMMABLE | LIGHT_COLOR, 0, 0, LIGHT_KIND_LIGHT}, false, false},
    {"level only", {LIGHT_LEVEL, 0, 0, LIGHT_KIND_LIGHT}, false, false},
    {"no availability", {DIMMABLE, 0, 0, LIGHT_KIND_LIGHT}, true, false},
    {"never reports", {DIMMABLE, 0, 0, LIGHT_KIND_LIGHT}, true, true},
    {"plug", {LIGHT_ON, 0, 0, LIGHT_KIND_SWITCH}, false, false},
};
#define SHAPE_COUNT (sizeof shapes / sizeof shapes[0])

struct lamp {
    const struct lamp_shape *shape;
    struct light_state state, from; /* from: where a fade began */
    uint32_t fade;                  /* steps of older fades are void */
    uint32_t fade_ms;
    struct light_state target;
    uint8_t mood;
    bool online, removed;
};

/* Something that happens later. */
enum event_kind { EVENT_MESSAGE, EVENT_COMMAND, EVENT_OBEY, EVENT_STEP };
struct event {
    struct event *next;
    uint64_t due;
    enum event_kind kind;
    uint32_t number; /* of the wire, for what travels on it; of the fade, for a step */
    struct lamp_message message;
    uint32_t transition_ms;
    uint32_t step;
};

struct lamps {
    struct loop *loop;
    struct timer *timer;
    struct lamp *all;
    size_t count;
    uint32_t slow_ms, late_ms;
    bool wire;
    uint32_t wire_number; /* what was sent on an older wire is lost */
    lamps_fn *fn;
    void *user;
    struct event *first, *last; /* by due, then by age */
};

/* ---- what happens later ---- */

static void arm(struct lamps *l)
{
    uint64_t now = loop_now(l->loop);
    if (l->first) {
        timer_start(l->timer, l->first->due > now ? l->first->due - now : 0);
    } else {
        timer_stop(l->timer);
    }
}

static void add_event(struct lamps *l, uint32_t delay_ms, const struct event *event)
{
    struct event *e = mem_alloc(sizeof *e);
    *e = *event;
    e->next = NULL;
    e->due = loop_now(l->loop) + delay_ms;
    if (!l->first) {
        l->first = l->last = e;
    } else if (l->last->due <= e->due) {
        l->last = l->last->next = e;
    } else {
        struct event **at = &l->first;
        while ((*at)->due <= e->due) {
            at = &(*at)->next;
        }
        e->next = *at;
        *at = e;
    }
    if (l->first == e || !timer_active(l->timer)) {
        arm(l);
    }
}

static void send(struct lamps *l, uint32_t delay_ms, const struct lamp_message *message)
{
    if (l->wire && l->fn) {
        add_event(l, delay_ms, &(struct event){.kind = EVENT_MESSAGE, .number = l->wire_number, .message = *message});
    }
}

/* A lamp says something, in its mood. */
static void say(struct lamps *l, size_t lamp, enum lamp_says says, uint64_t cookie)
{
    const struct lamp *a = &l->all[lamp];
    struct lamp_message m = {.says = says, .lamp = lamp, .cookie = cookie, .state = a->state};
    if (a->removed || !a->online || a->mood == LAMP_SILENT || a->shape->optimistic) {
        return;
    }
    for (int i = 0; i < (a->mood == LAMP_DUPLICATE ? 3 : 1); i++) {
        send(l, a->mood == LAMP_LATE ? l->late_ms : 0, &m);
    }
}

/* ---- lamps ---- */

static uint16_t between(uint16_t from, uint16_t to, uint32_t step)
{
    return (uint16_t)(from + ((int)to - (int)from) * (int)step / (int)FADE_STEPS);
}

static void fade_step(struct lamps *l, size_t lamp, uint32_t step)
{
    struct lamp *a = &l->all[lamp];
    struct light_state now = a->target;
    if (step < FADE_STEPS) {
        if ((now.has & LIGHT_ON) && !now.on) {
            return; /* it goes dark at the end */
        }
        now.level = between(a->from.level, now.level, step);
        now.kelvin = between(a->from.kelvin, now.kelvin, step);
        now.saturation = between(a->from.saturation, now.saturation, step);
    }
    (void)light_merge(&a->state, &now);
    say(l, lamp, LAMP_SAYS_STATE, 0);
}

static void obey(struct lamps *l, size_t lamp, const struct event *e)
{
    struct lamp *a = &l->all[lamp];
    a->fade++;
    if (e->transition_ms == 0) {
        (void)light_merge(&a->state, &e->message.state);
        say(l, lamp, LAMP_SAYS_STATE, e->message.cookie);
        return;
    }
    say(l, lamp, LAMP_SAYS_ACCEPTED, e->message.cookie);
    a->from = a->state;
    a->target = e->message.state;
    for (uint32_t step = 1; step <= FADE_STEPS; step++) {
        add_event(l, e->transition_ms * step / FADE_STEPS,
                  &(struct event){.kind = EVENT_STEP, .number = a->fade, .message.lamp = lamp, .step = step});
    }
}

static void hear(struct lamps *l, size_t lamp, const struct event *command)
{
    const struct lamp *a = &l->all[lamp];
    struct event e = *command;
    if (a->removed || !a->online || a->mood == LAMP_SILENT) {
        return;
    }
    e.kind = EVENT_OBEY;
    if (a->mood == LAMP_STALE) {
        say(l, lamp, LAMP_SAYS_STATE, 0);
        add_event(l, STALE_MS, &e);
    } else if (a->mood == LAMP_SLOW) {
        add_event(l, l->slow_ms, &e);
    } else {
        obey(l, lamp, &e);
    }
}

static void happen(struct lamps *l, const struct event *e)
{
    size_t lamp = e->message.lamp;
    switch (e->kind) {
    case EVENT_MESSAGE:
        if (e->number == l->wire_number && l->fn) {
            l->fn(l->user, &e->message);
        }
        break;
    case EVENT_COMMAND:
        if (e->number == l->wire_number) {
            hear(l, lamp, e);
        }
        break;
    case EVENT_OBEY: /* the lamp has it; the wire no longer matters */
        obey(l, lamp, e);
        break;
    case EVENT_STEP:
        if (e->number == l->all[lamp].fade) {
            fade_step(l, lamp, e->step);
        }
        break;
    }
}

static void due(void *user)
{
    struct lamps *l = user;
    uint64_t now = loop_now(l->loop);
    size_t count = 0;
    for (const struct event *e = l->first; e && e->due <= now; e = e->next) {
        count++;
    }
    /* What happens because of these waits behind them, until the descriptors have had their turn. */
    for (; count > 0 && l->first; count--) {
        struct event *e = l->first;
        l->first = e->next;
        if (!l->first) {
            l->last = NULL;
        }
        happen(l, e);
        free(e);
    }
    arm(l);
}

struct lamps *lamps_new(struct loop *loop, size_t count, uint32_t slow_ms, uint32_t late_ms)
{
    struct lamps *l = mem_alloc(sizeof *l);
    l->loop = loop;
    l->timer = timer_new(loop, due, l);
    l->count = count > LAMPS_MAX ? LAMPS_MAX : count;
    l->all = mem_array(l->count, sizeof *l->all);
    l->slow_ms = slow_ms;
    l->late_ms = late_ms;
    l->wire = true;
    for (size_t i = 0; i < l->count; i++) {
        l->all[i].online = true;
        lamps_set_shape(l, i, i % SHAPE_COUNT);
    }
    return l;
}

void lamps_free(struct lamps *l)
{
    if (!l) {
        return;
    }
    timer_free(l->timer);
    while (l->first) {
        struct event *e = l->first;
        l->first = e->next;
        free(e);
    }
    free(l->all);
    free(l);
}

size_t lamps_count(const struct lamps *l)
{
    return l->count;
}

const struct lamp_shape *lamps_shape(const struct lamps *l, size_t lamp)
{
    return l->all[lamp].shape;
}

void lamps_set_shape(struct lamps *l, size_t lamp, size_t shape)
{
    struct lamp *a = &l->all[lamp];
    a->shape = &shapes[shape % SHAPE_COUNT];
    const struct light_profile *p = &a->shape->profile;
    a->state = (struct light_state){
        .has = p->can, .level = LIGHT_LEVEL_MAX, .kelvin = p->max_kelvin, .mode = LIGHT_MODE_WHITE};
    if (!(p->can & LIGHT_ON)) {
        a->state.level = 0;
    }
    if (!(p->can & LIGHT_KELVIN)) {
        a->state.mode = LIGHT_MODE_COLOR;
    }
}

bool lamps_joined(const struct lamps *l, size_t lamp)
{
    return !l->all[lamp].removed;
}

bool lamps_online(const struct lamps *l, size_t lamp)
{
    return l->all[lamp].online;
}

/* ---- the wire ---- */

void lamps_listen(struct lamps *l, lamps_fn *fn, void *user)
{
    l->wire_number++;
    l->fn = fn;
    l->user = user;
    send(l, 0, &(struct lamp_message){.says = LAMP_SAYS_HERE});
}

void lamps_command(struct lamps *l, size_t lamp, uint64_t cookie, const struct light_state *patch,
                   uint32_t transition_ms)
{
    if (l->wire) {
        add_event(l, 0,
                  &(struct event){.kind = EVENT_COMMAND,
                                  .number = l->wire_number,
                                  .message = {.lamp = lamp, .cookie = cookie, .state = *patch},
                                  .transition_ms = transition_ms});
    }
}

void lamps_ask(struct lamps *l, size_t lamp)
{
    say(l, lamp, LAMP_SAYS_STATE, 0);
}

/* ---- for tests ---- */

void lamps_set_mood(struct lamps *l, size_t lamp, enum lamp_mood mood)
{
    l->all[lamp].mood = (uint8_t)mood;
}

void lamps_set_online(struct lamps *l, size_t lamp, bool online)
{
    l->all[lamp].online = online;
    if (!l->all[lamp].shape->plain) {
        send(l, 0, &(struct lamp_message){.says = online ? LAMP_SAYS_ONLINE : LAMP_SAYS_OFFLINE, .lamp = lamp});
    }
    if (online) {
        say(l, lamp, LAMP_SAYS_STATE, 0);
    }
}

void lamps_set_wire(struct lamps *l, bool there)
{
    if (l->wire != there) {
        /* The end of a wire is noticed at its near end, so this message is not lost with it. */
        l->wire = true;
        l->wire_number++;
        send(l, 0, &(struct lamp_message){.says = there ? LAMP_SAYS_HERE : LAMP_SAYS_GONE});
        l->wire = there;
    }
}

void lamps_restart(struct lamps *l)
{
    lamps_set_wire(l, false);
    uint32_t number = l->wire_number;
    for (struct event *e = l->first; e; e = e->next) {
        if (e->kind == EVENT_MESSAGE && e->number == number) {
            e->number = number + 1; /* "gone" still arrives */
        }
    }
    lamps_set_wire(l, true);
}

void lamps_wall(struct lamps *l, size_t lamp)
{
    struct lamp *a = &l->all[lamp];
    a->fade++;
    if (a->shape->profile.can & LIGHT_ON) {
        a->state.on = !a->state.on;
    } else {
        a->state.level = a->state.level > 0 ? 0 : LIGHT_LEVEL_MAX;
    }
    say(l, lamp, LAMP_SAYS_STATE, 0);
}

void lamps_remove(struct lamps *l, size_t lamp)
{
    l->all[lamp].removed = true;
    send(l, 0, &(struct lamp_message){.says = LAMP_SAYS_LEFT, .lamp = lamp});
}

void lamps_join(struct lamps *l, size_t lamp)
{
    l->all[lamp].removed = false;
    send(l, 0, &(struct lamp_message){.says = LAMP_SAYS_JOINED, .lamp = lamp});
    say(l, lamp, LAMP_SAYS_STATE, 0);
}

void lamps_babble(struct lamps *l, size_t lamp)
{
    send(l, 0, &(struct lamp_message){.says = LAMP_SAYS_NONSENSE, .lamp = lamp});
}

void lamps_state(const struct lamps *l, size_t lamp, struct light_state *ret_state)
{
    *ret_state = l->all[lamp].state;
}
