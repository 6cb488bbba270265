/* One request's commands on their way to the lights, and the answer that tells of each (207). */
#include "base/err.h"
#include "base/mem.h"
#include "partner/internal.h"

#include <stdlib.h>
#include <string.h>

/* What became of a wish. */
struct entry {
    struct light *light;
    uint32_t left_out;
    size_t place; /* among the hub's results; SIZE_MAX: there was nothing that the light could be told */
    bool done;    /* nothing was left to tell because it is so already */
};

struct command *command_new(void)
{
    return mem_alloc(sizeof(struct command));
}

struct wish *command_add(struct command *c, size_t count)
{
    c->operations = mem_grow(c->operations, c->operation_count + 1, sizeof c->operations[0]);
    c->operations[c->operation_count++] = (struct operation){NULL, c->wish_count, count};
    c->wishes = mem_grow(c->wishes, c->wish_count + count + 1, sizeof c->wishes[0]);
    memset(&c->wishes[c->wish_count], 0, (count + 1) * sizeof c->wishes[0]);
    c->wish_count += count;
    return &c->wishes[c->wish_count - count];
}

void command_drop(struct command *c)
{
    for (size_t i = 0; i < c->operation_count; i++) {
        free(c->operations[i].echo);
    }
    str_done(&c->warnings);
    free(c->operations);
    free(c->wishes);
    free(c->entries);
    free(c);
}

/* ---- the answer ---- */

/* LIFX knows ok, timed_out and offline; what is neither is said, too. */
static const char *status_of(const struct entry *e, const struct hub_result *r)
{
    if (!r) {
        return e->done ? "ok" : "unsupported";
    }
    switch (r->result) {
    case 0:
        return "ok";
    case ERR_TIMEOUT:
        return "timed_out";
    case ERR_OFFLINE:
    case ERR_ENDED:
        return "offline";
    case ERR_UNSUPPORTED:
        return "unsupported";
    default:
        return "failed";
    }
}

static void write_left_out(struct json_out *j, uint32_t left_out)
{
    static const struct {
        uint32_t members;
        const char *name;
    } rows[] = {{LIGHT_COLOR, "color"}, {LIGHT_KELVIN, "kelvin"}, {LIGHT_LEVEL, "brightness"}};
    if (left_out == 0) {
        return;
    }
    json_member_array(j, "ignored");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (left_out & rows[i].members) {
            json_put_text(j, rows[i].name);
        }
    }
    json_end_array(j);
}

static void write_result(struct json_out *j, const struct command *c, const struct entry *e,
                         const struct hub_result *results)
{
    const struct hub_result *r = e->place == SIZE_MAX ? NULL : &results[e->place];
    struct light_info info;
    hub_light_info(e->light, &info);
    json_begin_object(j);
    json_member_text(j, "id", info.id);
    json_member_text(j, "label", info.name);
    json_member_text(j, "status", status_of(e, r));
    if (r && r->result != 0) {
        json_member_text(j, "error", r->why && *r->why ? r->why : err_text(r->result));
    } else if (c->tells_power && r && order_power(&r->state) >= 0) {
        json_member_text(j, "power", order_power(&r->state) == 1 ? "on" : "off");
    }
    write_left_out(j, e->left_out);
    json_end_object(j);
}

static void write_results(struct json_out *j, const struct command *c, const struct operation *o,
                          const struct hub_result *results)
{
    json_member_array(j, "results");
    for (size_t i = 0; i < o->count; i++) {
        write_result(j, c, &c->entries[o->first + i], results);
    }
    json_end_array(j);
}

static void write_operations(struct json_out *j, const struct command *c, const struct hub_result *results)
{
    json_member_array(j, "results");
    for (size_t i = 0; i < c->operation_count; i++) {
        json_begin_object(j);
        json_put_key(j, "operation");
        json_put_raw(j, c->operations[i].echo, strlen(c->operations[i].echo));
        write_results(j, c, &c->operations[i], results);
        json_end_object(j);
    }
    json_end_array(j);
}

static void answer(struct command *c, const struct hub_result *results)
{
    struct str body = STR_INIT;
    struct json_out j;
    json_out_init(&j, &body);
    json_begin_object(&j);
    if (c->operations[0].echo) {
        write_operations(&j, c, results);
    } else {
        write_results(&j, c, &c->operations[0], results);
    }
    if (c->warnings.len > 0) {
        json_put_key(&j, "warnings");
        json_put_raw(&j, str_z(&c->warnings), c->warnings.len);
    }
    json_end_object(&j);
    answer_json(c->waiting.x, 207, &body);
}

static void applied(void *user, const struct hub_result *results, size_t count)
{
    struct command *c = user;
    (void)count;
    if (c->waiting.x) {
        answer(c, results);
    }
    wait_ends(&c->waiting);
    command_drop(c);
}

/* ---- the way to the hub ---- */

/* Commands of the wishes, several for one light one behind the other: the hub has one result for each light, at its
   first place. */
static size_t collect(struct partner *p, struct command *c, struct hub_command *commands)
{
    size_t count = 0, distinct = 0;
    lights_marks(p);
    for (size_t i = 0; i < c->wish_count; i++) {
        const struct wish *w = &c->wishes[i];
        struct entry *e = &c->entries[i];
        struct light_info info;
        struct light_state last, patch;
        hub_light_info(w->light, &info);
        last = lifx_state(&info);
        *e = (struct entry){.light = w->light, .place = SIZE_MAX};
        e->left_out = w->left_out | order_fit(&w->want, &info.profile, &last, &patch);
        e->done = patch.has == 0 && e->left_out == 0;
        if (patch.has == 0) {
            continue;
        }
        size_t number = hub_light_number(w->light);
        if (p->marks[number] != p->mark) {
            p->marks[number] = p->mark;
            p->places[number] = (uint32_t)distinct++;
        }
        e->place = p->places[number];
        commands[count++] = (struct hub_command){w->light, patch, w->transition_ms};
    }
    return count;
}

void command_send(struct partner *p, struct command *c, struct http_exchange *x, bool fast)
{
    struct hub_command *commands = mem_array(c->wish_count + 1, sizeof *commands);
    c->entries = mem_array(c->wish_count + 1, sizeof c->entries[0]);
    size_t count = collect(p, c, commands);
    wait_begins(p, &c->waiting, x);
    if (fast) {
        http_add_header(x, "Cache-Control", "no-store");
        http_answer(x, 202, NULL, NULL);
        c->waiting.x = NULL;
    }
    if (count > 0) {
        hub_apply(p->hub, commands, count, applied, c);
    } else {
        applied(c, NULL, 0);
    }
    free(commands);
}
