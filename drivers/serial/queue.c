#include "serial/queue.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "serial/protocol.h"

void queue_init(struct queue *q, struct driver *driver, size_t limit)
{
    *q = (struct queue){.driver = driver, .limit = limit};
}

static void command_free(struct queued *c)
{
    free(c->requests);
    free(c);
}

static void free_list(struct queued *c)
{
    while (c) {
        struct queued *next = c->next;
        command_free(c);
        c = next;
    }
}

void queue_free(struct queue *q)
{
    free_list(q->first_waiting);
    free_list(q->first_sent);
    *q = (struct queue){0};
}

/* ---- lists ---- */

static void append(struct queued **first, struct queued **last, struct queued *c)
{
    c->next = NULL;
    *(*first ? &(*last)->next : first) = c;
    *last = c;
}

static void take_out(struct queued **first, struct queued **last, const struct queued *c)
{
    struct queued *before = NULL;
    for (struct queued *i = *first; i != c; i = i->next) {
        before = i;
    }
    *(before ? &before->next : first) = c->next;
    if (*last == c) {
        *last = before;
    }
}

static void leave_waiting(struct queue *q, struct queued *c)
{
    take_out(&q->first_waiting, &q->last_waiting, c);
    if (c->lamp) {
        c->lamp->waiting = NULL;
    }
}

static void leave_sent(struct queue *q, struct queued *c)
{
    take_out(&q->first_sent, &q->last_sent, c);
    q->under_way--;
}

static void add_request(struct queued *c, struct request_id request)
{
    if (c->request_count == c->request_cap) {
        c->request_cap = c->request_cap > 0 ? 2 * c->request_cap : 2;
        c->requests = mem_grow(c->requests, c->request_cap, sizeof *c->requests);
    }
    c->requests[c->request_count++] = request;
}

/* ---- coming in ---- */

void queue_add(struct queue *q, struct serial_lamp *lamp, struct request_id request, const struct light_state *patch,
               uint32_t transition_ms)
{
    struct queued *c = lamp->waiting;
    if (c && c->request_count >= QUEUE_REQUESTS_MAX) {
        request_done(q->driver, request, ERR_BUSY, BASIS_REPORTED, "too many commands wait for this light");
        return;
    }
    if (!c) {
        c = lamp->waiting = mem_alloc(sizeof *c);
        c->lamp = lamp;
        append(&q->first_waiting, &q->last_waiting, c);
    }
    light_command_add(&c->patch, patch);
    c->transition_ms = transition_ms;
    add_request(c, request);
}

struct queued *queue_next(struct queue *q)
{
    struct queued *c = q->first_waiting;
    if (!c || q->under_way >= q->limit) {
        return NULL;
    }
    leave_waiting(q, c);
    append(&q->first_sent, &q->last_sent, c);
    q->under_way++;
    return c;
}

struct queued *queue_sent(const struct queue *q)
{
    return q->first_sent;
}

bool queue_concerns(const struct queue *q, const struct serial_lamp *lamp)
{
    const struct queued *c = q->first_sent;
    while (c && c->lamp != lamp) {
        c = c->next;
    }
    return c || lamp->waiting;
}

/* ---- being over ---- */

/* request_done calls nothing of ours before it returns, but a caller may add from there one day: the command is out of
   its list by now. */
static void end(struct queue *q, struct queued *c, int result, enum basis basis, const char *why)
{
    for (size_t i = 0; i < c->request_count; i++) {
        request_done(q->driver, c->requests[i], result, basis, why);
    }
    command_free(c);
}

void queue_done(struct queue *q, struct queued *command, int result, enum basis basis, const char *why)
{
    leave_sent(q, command);
    end(q, command, result, basis, why);
}

void queue_again(struct queue *q, struct queued *command)
{
    struct queued *newer = command->lamp ? command->lamp->waiting : NULL;
    leave_sent(q, command);
    if (newer) {
        light_command_add(&command->patch, &newer->patch);
        newer->patch = command->patch;
        for (size_t i = 0; i < command->request_count; i++) {
            add_request(newer, command->requests[i]);
        }
        command_free(command);
    } else if (!command->lamp) {
        command_free(command);
    } else {
        command->lamp->waiting = command;
        command->next = q->first_waiting;
        q->first_waiting = command;
        q->last_waiting = q->last_waiting ? q->last_waiting : command;
    }
}

void queue_end_all(struct queue *q, int result, const char *why)
{
    struct queued *c;
    while ((c = q->first_sent)) {
        queue_done(q, c, result, BASIS_REPORTED, why);
    }
    while ((c = q->first_waiting)) {
        leave_waiting(q, c);
        end(q, c, result, BASIS_REPORTED, why);
    }
}

static bool drop_request(struct queued *c, struct request_id request)
{
    for (size_t i = 0; i < c->request_count; i++) {
        if (c->requests[i].slot == request.slot && c->requests[i].generation == request.generation) {
            c->requests[i] = c->requests[--c->request_count];
            return true;
        }
    }
    return false;
}

void queue_cancel(struct queue *q, const struct serial_lamp *lamp, struct request_id request)
{
    struct queued *c = lamp->waiting;
    if (c && drop_request(c, request)) {
        if (c->request_count == 0) {
            leave_waiting(q, c);
            command_free(c);
        }
        return;
    }
    for (c = q->first_sent; c && !(c->lamp == lamp && drop_request(c, request)); c = c->next) {
    }
}

void queue_forget(struct queue *q, struct serial_lamp *lamp)
{
    struct queued *waiting = lamp->waiting;
    if (waiting) {
        leave_waiting(q, waiting);
        command_free(waiting);
    }
    for (struct queued *c = q->first_sent; c; c = c->next) {
        if (c->lamp == lamp) {
            c->lamp = NULL;
            c->request_count = 0;
        }
    }
}
