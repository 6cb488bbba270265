/* Commands: folded by light, sent once each, answered once each, all under one deadline. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "hub/hub_internal.h"

#define MAX_REQUESTS 65536u /* under way at once */
#define UNANSWERED_MAX 2u   /* commands in a row after which a lamp without availability counts as offline */

static const char not_announced[] = "its network has not announced it since the bridge started";

/* ---- requests: slots with generations ---- */

static int request_take(struct hub *hub, struct batch *batch, size_t place, struct request_id *ret_id)
{
    if (hub->free_request == 0) {
        uint32_t count = hub->request_count > 0 ? 2 * hub->request_count : 64;
        if (count > MAX_REQUESTS) {
            return ERR_BUSY;
        }
        hub->requests = mem_grow(hub->requests, count, sizeof *hub->requests);
        for (uint32_t i = count; i > hub->request_count; i--) {
            hub->requests[i - 1] = (struct request){.next_free = hub->free_request};
            hub->free_request = i;
        }
        hub->request_count = count;
    }
    uint32_t slot = hub->free_request - 1;
    struct request *r = &hub->requests[slot];
    hub->free_request = r->next_free;
    r->generation++;
    r->batch = batch;
    r->place = place;
    *ret_id = (struct request_id){slot, r->generation};
    return 0;
}

/* NULL for one that is over: late, double, or never ours. */
static struct request *request_find(struct hub *hub, struct request_id id)
{
    if (id.slot >= hub->request_count || (id.generation & 1) == 0 ||
        hub->requests[id.slot].generation != id.generation) {
        return NULL;
    }
    return &hub->requests[id.slot];
}

static void request_release(struct hub *hub, struct request_id id)
{
    struct request *r = &hub->requests[id.slot];
    r->generation++;
    r->batch = NULL;
    r->next_free = hub->free_request;
    hub->free_request = id.slot + 1;
}

/* ---- batches ---- */

static void unlink_batch(struct hub *hub, struct batch *b)
{
    struct batch **first = b->ready ? &hub->first_ready : &hub->first_batch;
    struct batch **last = b->ready ? &hub->last_ready : &hub->last_batch;
    *(b->previous ? &b->previous->next : first) = b->next;
    *(b->next ? &b->next->previous : last) = b->previous;
    b->next = b->previous = NULL;
}

static void append_batch(struct hub *hub, struct batch *b)
{
    struct batch **first = b->ready ? &hub->first_ready : &hub->first_batch;
    struct batch **last = b->ready ? &hub->last_ready : &hub->last_batch;
    b->previous = *last;
    *(*last ? &(*last)->next : first) = b;
    *last = b;
}

static void batch_free(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        free(b->entries[i].why);
    }
    free(b->results);
    free(b->entries);
    free(b);
}

static struct batch *batch_new(size_t count, hub_done_fn *done, void *user)
{
    struct batch *b = mem_alloc(sizeof *b);
    b->results = mem_array(count, sizeof *b->results);
    b->entries = mem_array(count, sizeof *b->entries);
    b->done = done;
    b->user = user;
    return b;
}

static void batch_ready(struct hub *hub, struct batch *b)
{
    unlink_batch(hub, b);
    b->ready = true;
    append_batch(hub, b);
    defer_call(hub->deliver);
}

/* ---- one light's answer ---- */

static void answer(struct batch *b, size_t place, int result, enum basis basis, const char *why)
{
    struct hub_result *r = &b->results[place];
    struct entry *e = &b->entries[place];
    r->result = result;
    r->basis = basis;
    if (result != 0) {
        e->why = mem_text(why && *why ? why : err_text(result));
    }
    r->why = e->why ? e->why : "";
    r->state = r->light->reported;
    if (result == 0 && basis != BASIS_REPORTED) {
        (void)light_merge(&r->state, &e->patch);
    }
    b->pending--;
}

static void count_failure(struct hub *hub, struct light *light, int result)
{
    hub->stats.failed++;
    hub->stats.timeouts += result == ERR_TIMEOUT;
    event_add(light, HUB_EVENT_FAILED, 0);
    bool unanswered = result == ERR_TIMEOUT || result == ERR_OFFLINE; /* by our deadline, or its network's own */
    if (unanswered && ++light->unanswered >= UNANSWERED_MAX && !light->has_availability) {
        event_reach(light, LIGHT_REACH_OFFLINE);
    }
}

static void wait_ends(struct light *light, struct entry *e)
{
    if (e->waiting) {
        e->waiting = false;
        light->waiting--;
    }
}

/* The request is over, whoever ended it. */
static void finish(struct hub *hub, struct request_id id, int result, enum basis basis, const char *why)
{
    struct request *r = &hub->requests[id.slot];
    struct batch *b = r->batch;
    size_t place = r->place;
    assert(b); /* request_find has seen it in use */
    struct light *light = b->results[place].light;
    request_release(hub, id);
    b->entries[place].request = (struct request_id){0};
    wait_ends(light, &b->entries[place]);
    light->in_flight--;
    if (result == 0) {
        light->unanswered = 0;
        if (!light->has_availability) {
            event_reach(light, LIGHT_REACH_ONLINE); /* what answers is there; a write-only lamp never says more */
        }
        if (basis != BASIS_REPORTED) {
            /* Nobody will say it better: an optimistic or write-only lamp is what it was told to be. */
            light->heard_at = loop_wall_ms();
            event_changed(light, light_merge(&light->reported, &b->entries[place].patch));
        }
    } else if (result != ERR_ENDED && result != ERR_CANCELLED) {
        count_failure(hub, light, result);
    }
    if (light->in_flight == 0) {
        light->desired.has = 0;
        if (result != 0) {
            event_hold_end(light);
        }
    }
    answer(b, place, result, basis, why);
    if (b->pending == 0) {
        batch_ready(hub, b);
    }
}

void request_done(struct driver *driver, struct request_id request, int result, enum basis basis, const char *why)
{
    if (request_find(driver->hub, request)) {
        finish(driver->hub, request, result, basis, why);
    }
}

/* Gives a request up on our side: the driver is told to forget it. */
static void give_up(struct hub *hub, struct batch *b, size_t place, int result, const char *why)
{
    struct request_id id = b->entries[place].request;
    struct light *light = b->results[place].light;
    if (!request_find(hub, id)) {
        return;
    }
    if (b->entries[place].waiting) {
        finish(hub, id, result == ERR_TIMEOUT ? ERR_OFFLINE : result, BASIS_REPORTED,
               result == ERR_TIMEOUT ? not_announced : why);
        return;
    }
    if (light->serving.driver && light->serving.driver->ops->cancel) {
        light->serving.driver->ops->cancel(light->serving.driver->self, &light->serving, light->serving.self, id);
    }
    if (request_find(hub, id)) {
        finish(hub, id, result, BASIS_REPORTED, why);
    }
}

void command_end_light(struct light *light, int result, const char *why)
{
    struct hub *hub = light->hub;
    for (uint32_t slot = 0; slot < hub->request_count && light->in_flight > 0; slot++) {
        struct request *r = &hub->requests[slot];
        if (r->batch && r->batch->results[r->place].light == light) {
            give_up(hub, r->batch, r->place, result, why);
        }
    }
}

void command_end_all(struct hub *hub)
{
    struct batch *b;
    hub->stopping = true;
    while ((b = hub->first_batch)) {
        for (size_t i = 0; i < b->count && !b->ready; i++) {
            give_up(hub, b, i, ERR_CANCELLED, "the bridge is stopping");
        }
    }
    command_deliver(hub); /* what is asked from inside is answered there too: nothing starts any more */
}

static void arm(struct hub *hub)
{
    uint64_t now = loop_now(hub->loop);
    if (hub->first_batch) {
        uint64_t due = hub->first_batch->deadline;
        timer_start(hub->deadline, due > now ? due - now : 0);
    } else {
        timer_stop(hub->deadline);
    }
}

void command_deadline(void *user)
{
    struct hub *hub = user;
    uint64_t now = loop_now(hub->loop);
    char why[64];
    (void)snprintf(why, sizeof why, "the lamp did not answer within %u ms", hub->config.deadline_ms);
    while (hub->first_batch && hub->first_batch->deadline <= now) {
        struct batch *b = hub->first_batch;
        for (size_t i = 0; i < b->count && !b->ready; i++) {
            give_up(hub, b, i, ERR_TIMEOUT, why);
        }
    }
    arm(hub);
}

/* ---- sending ---- */

static void send(struct light *light, struct entry *e)
{
    struct driver *driver = light->serving.driver;
    event_hold(light, e->transition_ms);
    driver->ops->apply(driver->self, &light->serving, light->serving.self, e->request, &e->patch, e->transition_ms);
}

/* Just after a start a stored light has no driver: its network may announce it before the deadline, and until then the
   command waits. Later ones wait behind it, so that they are sent in their order. */
static void apply(struct hub *hub, struct batch *b, size_t place)
{
    struct entry *e = &b->entries[place];
    struct light *light = b->results[place].light;
    if (request_take(hub, b, place, &e->request) != 0) {
        answer(b, place, ERR_BUSY, BASIS_REPORTED, "too many commands are under way");
        return;
    }
    light->in_flight++;
    hub->stats.commands++;
    light_command_add(&light->desired, &e->patch);
    if (!light->serving.driver || light->waiting > 0) {
        e->waiting = true;
        light->waiting++;
    } else {
        send(light, e);
    }
}

/* What can be said without asking the lamp: 0 where it must be asked. */
static int judge(struct light *light, struct light_state *patch, const char **ret_why)
{
    if (light->hub->stopping) {
        *ret_why = "the bridge is stopping";
        return ERR_CANCELLED;
    }
    if (light->removed) {
        *ret_why = "it was removed";
        return ERR_ENDED;
    }
    if (light_command_resolve(patch, &light->profile) != 0) {
        *ret_why = "this light cannot do that";
        return ERR_UNSUPPORTED;
    }
    light_clamp(patch, &light->profile);
    if (light->reach == LIGHT_REACH_OFFLINE) {
        *ret_why = light->serving.driver ? "it is offline" : not_announced;
        return ERR_OFFLINE;
    }
    return 0;
}

/* What waited for a driver goes, in its order. The announcement may have told another lamp: judged anew. */
static void send_waiting(struct hub *hub)
{
    for (struct batch *b = hub->first_batch, *next; b; b = next) {
        next = b->next; /* b may be over with its last answer */
        for (size_t i = 0; i < b->count && !b->ready; i++) {
            struct entry *e = &b->entries[i];
            struct light *light = b->results[i].light;
            const char *why = NULL;
            if (!e->waiting || !light->serving.driver) {
                continue;
            }
            int result = judge(light, &e->patch, &why);
            wait_ends(light, e);
            if (result == 0) {
                send(light, e);
            } else {
                finish(hub, e->request, result, BASIS_REPORTED, why);
            }
        }
    }
}

void command_announced(struct light *light)
{
    if (light->waiting > 0) {
        light->hub->announced = true;
        defer_call(light->hub->deliver);
    }
}

void command_deliver(struct hub *hub)
{
    struct batch *b;
    if (hub->announced) {
        hub->announced = false;
        send_waiting(hub);
    }
    while ((b = hub->first_ready)) {
        unlink_batch(hub, b);
        if (b->done) {
            b->done(b->user, b->results, b->count);
        }
        batch_free(b);
    }
}

/* A lamp whose protocol has no availability comes back only by being asked. */
static void probe(struct hub *hub, struct light *light, const struct entry *from)
{
    if (!light->serving.driver || light->has_availability || light->in_flight > 0) {
        return;
    }
    struct batch *b = batch_new(1, NULL, NULL);
    b->count = b->pending = 1;
    b->deadline = loop_now(hub->loop) + hub->config.deadline_ms;
    b->results[0].light = light;
    b->entries[0].patch = from->patch;
    b->entries[0].transition_ms = from->transition_ms;
    append_batch(hub, b);
    apply(hub, b, 0);
    if (b->pending == 0 && !b->ready) {
        batch_ready(hub, b);
    }
}

/* Folds the commands into one entry a light, in the order of first mention. */
static void fold(struct hub *hub, struct batch *b, const struct hub_command *commands, size_t count)
{
    uint64_t serial = ++hub->batch_serial;
    for (size_t i = 0; i < count; i++) {
        struct light *light = commands[i].light;
        if (light->batch_serial != serial) {
            light->batch_serial = serial;
            light->batch_place = b->count++;
            b->results[light->batch_place].light = light;
        }
        struct entry *e = &b->entries[light->batch_place];
        light_command_add(&e->patch, &commands[i].patch);
        if (commands[i].transition_ms > 0) {
            e->transition_ms = commands[i].transition_ms;
        }
    }
}

void hub_apply(struct hub *hub, const struct hub_command *commands, size_t count, hub_done_fn *done, void *user)
{
    struct batch *b = batch_new(count, done, user);
    fold(hub, b, commands, count);
    b->pending = b->count + 1; /* one for ourselves, so that an answer from inside apply does not end the batch early */
    b->deadline = loop_now(hub->loop) + hub->config.deadline_ms;
    append_batch(hub, b);
    for (size_t i = 0; i < b->count; i++) {
        struct entry *e = &b->entries[i];
        struct light *light = b->results[i].light;
        const char *why = NULL;
        int result = judge(light, &e->patch, &why);
        if (result == 0) {
            apply(hub, b, i);
        } else {
            answer(b, i, result, BASIS_REPORTED, why);
            if (result == ERR_OFFLINE) {
                probe(hub, light, e);
            }
        }
    }
    if (--b->pending == 0) {
        batch_ready(hub, b);
    }
    if (!timer_active(hub->deadline)) {
        arm(hub);
    }
}
