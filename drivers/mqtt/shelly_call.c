/* Requests to a Shelly and their answers, each told by its id. What the device answers to a command is that it obeys;
   what it says of its state afterwards is the lamp's word. */
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "mqtt/shelly_internal.h"

/* An id is the number of the device and, in its last bits, of the call. It stays below 2^31. */
#define SEQUENCE_BITS 12u
#define SEQUENCE_MASK ((1u << SEQUENCE_BITS) - 1)

/* ---- calls under way ---- */

static struct shelly_call *call_add(struct shelly_node *node, enum shelly_what what)
{
    struct shelly *s = node->shelly;
    struct shelly_call *call = s->spare;
    if (call) {
        s->spare = call->next;
    } else {
        call = mem_alloc(sizeof *call);
    }
    node->sequence = (node->sequence + 1) & SEQUENCE_MASK;
    *call = (struct shelly_call){.next = node->calls,
                                 .at = &node->calls,
                                 .node = node,
                                 .id = node->number << SEQUENCE_BITS | node->sequence,
                                 .what = what};
    if (call->next) {
        call->next->at = &call->next;
    }
    node->calls = call;
    return call;
}

static void call_drop(struct shelly_call *call)
{
    *call->at = call->next;
    if (call->next) {
        call->next->at = call->at;
    }
    call->next = call->node->shelly->spare;
    call->node->shelly->spare = call;
}

void shelly_call_done(struct shelly *s)
{
    while (s->spare) {
        struct shelly_call *call = s->spare;
        s->spare = call->next;
        free(call);
    }
}

void shelly_call_forget(struct shelly_node *node)
{
    while (node->calls) {
        call_drop(node->calls);
    }
}

static int publish(struct shelly_node *node)
{
    struct shelly *s = node->shelly;
    str_clear(&s->topic);
    str_printf(&s->topic, "%s/rpc", node->entry.name);
    return connection_publish(s->dialect.broker->connection, str_z(&s->topic), &s->payload, NULL);
}

/* ---- questions ---- */

void shelly_call_ask(struct shelly_node *node, enum shelly_what what)
{
    static const char *const methods[] = {[SHELLY_ASK_DEVICE] = "Shelly.GetDeviceInfo",
                                          [SHELLY_ASK_STATUS] = "Shelly.GetStatus",
                                          [SHELLY_ASK_CONFIG] = "Shelly.GetConfig"};
    struct shelly *s = node->shelly;
    for (struct shelly_call *c = node->calls, *next; c; c = next) {
        next = c->next;
        if (c->what == what) {
            call_drop(c); /* an answer to it would be older */
        }
    }
    struct shelly_call *call = call_add(node, what);
    str_clear(&s->payload);
    shelly_write_request(&s->payload, call->id, s->src, methods[what]);
    if (publish(node) != 0) {
        call_drop(call);
    }
}

/* ---- commands ---- */

static void done(struct shelly_call *call, int result, enum basis basis, const char *why)
{
    struct request_id request = call->request;
    struct driver *driver = call->node->shelly->dialect.broker->driver;
    call_drop(call);
    request_done(driver, request, result, basis, why);
}

/* It was obeyed; older commands to the lamp that are still open were overtaken, or their answers were lost. */
static void succeed(struct shelly_call *call, enum basis basis)
{
    for (struct shelly_call *c = call->next, *next; c; c = next) {
        next = c->next;
        if (c->light == call->light) {
            done(c, 0, basis, NULL);
        }
    }
    done(call, 0, basis, NULL);
}

static bool confirmed(const struct shelly_call *call)
{
    return light_confirms(&call->patch, &call->light->way.known, &shelly_tolerance);
}

/* A Shelly takes no colour alone: something of on and brightness goes with it, as it is. */
static struct light_state to_be_sent(const struct light_state *patch, const struct light_state *known)
{
    struct light_state sent = *patch;
    if (sent.has & (LIGHT_ON | LIGHT_LEVEL)) {
        return sent;
    }
    if (known->has & LIGHT_LEVEL) {
        sent.has |= LIGHT_LEVEL;
        sent.level = known->level;
    } else {
        sent.has |= LIGHT_ON;
        sent.on = !(known->has & LIGHT_ON) || known->on;
    }
    return sent;
}

void shelly_call_apply(struct way *way, struct request_id request, const struct light_state *patch,
                       uint32_t transition_ms)
{
    struct shelly_light *light = (struct shelly_light *)way;
    struct shelly_node *node = light->node;
    struct shelly *s = node->shelly;
    struct light_state sent = to_be_sent(patch, &way->known);
    struct shelly_call *call = call_add(node, SHELLY_SET);
    call->light = light;
    call->request = request;
    call->patch = *patch;
    call->fades = transition_ms > 0 && light->lamp.kind != SHELLY_SWITCH;
    str_clear(&s->payload);
    shelly_write_set(&s->payload, call->id, s->src, &light->lamp, &sent, transition_ms);
    if (s->dialect.broker->optimistic) {
        call_drop(call);
        str_clear(&s->topic);
        str_printf(&s->topic, "%s/rpc", node->entry.name);
        pending_send(way, request, str_z(&s->topic), &s->payload, patch, transition_ms);
        return;
    }
    int err = publish(node);
    if (err != 0) {
        done(call, err, BASIS_REPORTED, err == ERR_BUSY ? "the broker does not read what it is sent" : NULL);
    }
}

/* It obeys. Has it said what it shows now? A lamp that shows already what it is told says nothing: it is asked. */
static void obeyed(struct shelly_call *call)
{
    struct shelly_node *node = call->node;
    struct shelly *s = node->shelly;
    if (confirmed(call)) {
        succeed(call, call->fades ? BASIS_ACCEPTED : BASIS_REPORTED);
        return;
    }
    if (call->fades) {
        succeed(call, BASIS_ACCEPTED);
        return;
    }
    node->sequence = (node->sequence + 1) & SEQUENCE_MASK;
    call->id = node->number << SEQUENCE_BITS | node->sequence;
    call->what = SHELLY_GET;
    str_clear(&s->payload);
    shelly_write_get(&s->payload, call->id, s->src, &call->light->lamp);
    if (publish(node) != 0) {
        succeed(call, BASIS_ACCEPTED);
    }
}

static void refused(struct shelly_call *call, const struct json_bytes *error)
{
    struct str why = STR_INIT;
    shelly_read_error(error, &why);
    done(call, ERR_REJECTED, BASIS_REPORTED, str_z(&why));
    str_done(&why);
}

/* What it shows after a command. It may be something else than was asked: then that goes out as its report, and the
   command was accepted. */
static void shown(struct shelly_call *call, const struct json_bytes *result)
{
    const struct shelly_node *node = call->node;
    uint32_t id = call->id;
    struct light_state report;
    shelly_read_component(result, &call->light->lamp, &report);
    if (report.has) {
        pending_report(&call->light->way, &report);
        shelly_call_settle(call->light);
    }
    for (struct shelly_call *c = node->calls; c; c = c->next) {
        if (c->id == id) { /* not settled by it */
            succeed(c, BASIS_ACCEPTED);
            return;
        }
    }
}

/* Of the lamp, the first command that waits for its state and has it. */
static struct shelly_call *settled(const struct shelly_light *light)
{
    struct shelly_call *c = light->node->calls;
    while (c && !(c->what == SHELLY_GET && c->light == light && confirmed(c))) {
        c = c->next;
    }
    return c;
}

void shelly_call_settle(struct shelly_light *light)
{
    struct shelly_call *c;
    while ((c = settled(light))) { /* from the beginning: whoever is told may cancel others */
        succeed(c, BASIS_REPORTED);
    }
}

void shelly_call_cancel(struct way *way, struct request_id request)
{
    struct shelly_node *node = ((struct shelly_light *)way)->node;
    for (struct shelly_call *c = node->calls; c; c = c->next) {
        if (c->light && c->request.slot == request.slot && c->request.generation == request.generation) {
            call_drop(c);
            return;
        }
    }
}

static struct shelly_call *command_to(const struct shelly_light *light)
{
    struct shelly_call *c = light->node->calls;
    while (c && c->light != light) {
        c = c->next;
    }
    return c;
}

void shelly_call_end(struct shelly_light *light, const char *why)
{
    struct shelly_call *c;
    while ((c = command_to(light))) {
        if (why) {
            done(c, ERR_OFFLINE, BASIS_REPORTED, why);
        } else {
            call_drop(c);
        }
    }
}

/* ---- answers ---- */

/* A question that it does not answer, perhaps because of its firmware: once is enough. */
static void unanswered(struct shelly_node *node, enum shelly_what what, const struct json_bytes *error)
{
    struct str why = STR_INIT;
    shelly_read_error(error, &why);
    log_warn(driver_name(node->shelly->dialect.broker->driver), "Shelly %s does not say what it is: %s",
             node->entry.name, str_z(&why));
    str_done(&why);
    if (what == SHELLY_ASK_CONFIG) {
        shelly_describe(node, NULL); /* without names then */
    }
}

static void take_answer(struct shelly_node *node, enum shelly_what what, const struct shelly_frame *frame)
{
    struct shelly_device device;
    if (frame->error.len > 0) {
        unanswered(node, what, &frame->error);
    } else if (what == SHELLY_ASK_STATUS) {
        shelly_list(node, &frame->result);
    } else if (what == SHELLY_ASK_CONFIG) {
        shelly_describe(node, &frame->result);
    } else if (shelly_read_device(&frame->result, &device) == 0) {
        shelly_found(node, &device);
    } else {
        shelly_garbage(node, "an answer to Shelly.GetDeviceInfo without a mac and a generation");
    }
}

bool shelly_call_answered(struct shelly *s, const struct shelly_frame *frame)
{
    uint32_t number = frame->id >> SEQUENCE_BITS;
    struct shelly_node *node = frame->has_id && number < s->numbers ? s->by_number[number] : NULL;
    struct shelly_call *call = node ? node->calls : NULL;
    while (call && call->id != frame->id) {
        call = call->next;
    }
    if (!call) {
        return false; /* late, or twice */
    }
    if (call->what == SHELLY_SET && frame->error.len > 0) {
        refused(call, &frame->error);
    } else if (call->what == SHELLY_SET) {
        obeyed(call);
    } else if (call->what == SHELLY_GET) {
        shown(call, &frame->result);
    } else {
        enum shelly_what what = call->what;
        call_drop(call);
        take_answer(node, what, frame);
    }
    return true;
}
