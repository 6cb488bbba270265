/* Shellys of one broker: who is there, what it has, what it says. */
#include "mqtt/shelly.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "mqtt/shelly_internal.h"

static struct shelly *shelly_of(const struct way *way)
{
    return (struct shelly *)way->dialect;
}

static struct driver *driver_of(const struct shelly *s)
{
    return s->dialect.broker->driver;
}

void shelly_garbage(const struct shelly_node *node, const char *what)
{
    driver_garbage(driver_of(node->shelly), node->entry.name, what);
}

/* ---- devices ---- */

static struct shelly_node *find(const struct shelly *s, const char *prefix, size_t len)
{
    return (struct shelly_node *)(void *)table_find(&s->nodes, prefix, len);
}

static struct shelly_node *next_node(const struct shelly *s, const struct shelly_node *after)
{
    return (struct shelly_node *)(void *)table_next(&s->nodes, after ? &after->entry : NULL);
}

static struct shelly_node *add(struct shelly *s, const char *prefix, size_t len)
{
    if (s->numbers == SHELLY_MAX_NODES) {
        return NULL;
    }
    struct shelly_node *node = mem_alloc(sizeof *node);
    node->entry.name = mem_text_n(prefix, len);
    node->shelly = s;
    node->number = s->numbers;
    s->by_number = mem_grow(s->by_number, s->numbers + 1, sizeof(struct shelly_node *));
    s->by_number[s->numbers++] = node;
    table_add(&s->nodes, &node->entry);
    return node;
}

static void drop_lamp(struct shelly_light *light, bool withdraw)
{
    if (withdraw) {
        way_withdraw(&light->way);
    } else {
        way_forget(&light->way);
    }
    shelly_call_end(light, NULL);
    free(light);
}

static void node_free(struct shelly_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        drop_lamp(node->lamps[i], false);
    }
    shelly_call_forget(node);
    free(node->lamps);
    free(node->name);
    free(node->model);
    free(node->version);
    free(node->entry.name);
    free(node);
}

/* ---- reach ---- */

static void reaches(const struct shelly_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        way_reaches(&node->lamps[i]->way, (enum light_reach)node->reach);
    }
}

static void reach_is(struct shelly_node *node, enum light_reach reach, const char *why)
{
    if (node->reach == reach) {
        return;
    }
    node->reach = (uint8_t)reach;
    for (size_t i = 0; i < node->count && reach == LIGHT_REACH_OFFLINE; i++) {
        pending_end(&node->lamps[i]->way, ERR_OFFLINE, why);
        shelly_call_end(node->lamps[i], why);
    }
    reaches(node);
}

/* Whoever speaks is there. */
static void speaks(struct shelly_node *node)
{
    reach_is(node, LIGHT_REACH_ONLINE, NULL);
}

/* ---- lights ---- */

static void announce(struct way *way)
{
    const struct shelly_light *light = (struct shelly_light *)way;
    const struct shelly_node *node = light->node;
    const struct shelly *s = node->shelly;
    struct str address = STR_INIT;
    struct str name = STR_INIT;
    struct str where = STR_INIT;
    char component[SHELLY_COMPONENT];
    shelly_component_name(&light->lamp, component);
    str_printf(&address, "mac/%s/%s", node->mac, component);
    str_printf(&where, "%s %s %s", driver_name(driver_of(s)), node->entry.name, component);
    str_add_z(&name, light->lamp.name[0] ? light->lamp.name : node->name);
    if (!light->lamp.name[0] && node->count > 1) {
        str_printf(&name, " %s", component);
    }
    way_announce(way, &(struct driver_announcement){.address = str_z(&address),
                                                    .name = str_z(&name),
                                                    .manufacturer = "Shelly",
                                                    .model = node->model,
                                                    .version = node->version,
                                                    .where = str_z(&where),
                                                    .profile = light->lamp.profile,
                                                    .has_availability = node->tells});
    str_done(&address);
    str_done(&name);
    str_done(&where);
}

static void announce_all(struct shelly_node *node)
{
    for (size_t i = 0; i < node->count && node->described; i++) {
        announce(&node->lamps[i]->way);
    }
}

void shelly_found(struct shelly_node *node, const struct shelly_device *device)
{
    free(node->name);
    free(node->model);
    free(node->version);
    node->name = mem_text(device->name[0] ? device->name : device->id[0] ? device->id : node->entry.name);
    node->model = mem_text(device->model);
    node->version = mem_text(device->version);
    memcpy(node->mac, device->mac, sizeof node->mac);
    node->known = true;
    speaks(node);
    announce_all(node); /* with its new name or version */
    shelly_call_ask(node, SHELLY_ASK_STATUS);
}

static bool same_lamps(const struct shelly_node *node, const struct shelly_lamp *lamps, size_t count)
{
    bool same = node->count == count;
    for (size_t i = 0; i < count && same; i++) {
        same = node->lamps[i]->lamp.kind == lamps[i].kind && node->lamps[i]->lamp.id == lamps[i].id;
    }
    return same;
}

/* The device has other lamps than before: at first, and when its profile was changed. */
static void set_lamps(struct shelly_node *node, const struct shelly_lamp *lamps, size_t count)
{
    struct shelly_light **before = node->lamps;
    size_t before_count = node->count;
    node->lamps = mem_array(count + 1, sizeof(struct shelly_light *));
    node->count = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < before_count && !node->lamps[i]; k++) {
            if (before[k] && before[k]->lamp.kind == lamps[i].kind && before[k]->lamp.id == lamps[i].id) {
                node->lamps[i] = before[k];
                before[k] = NULL;
            }
        }
        if (!node->lamps[i]) {
            node->lamps[i] = mem_alloc(sizeof **node->lamps);
            node->lamps[i]->way.dialect = &node->shelly->dialect;
            node->lamps[i]->node = node;
            node->lamps[i]->lamp = lamps[i];
        }
    }
    for (size_t k = 0; k < before_count; k++) {
        if (before[k]) {
            drop_lamp(before[k], true);
        }
    }
    free(before);
}

void shelly_list(struct shelly_node *node, const struct json_bytes *status)
{
    struct shelly_lamp lamps[SHELLY_MAX_LAMPS];
    size_t left;
    size_t count = shelly_read_lamps(status, lamps, &left);
    asking_end(node->shelly->asking, &node->ask);
    if (!node->listed || !same_lamps(node, lamps, count)) {
        if (left > 0) {
            log_warn(driver_name(node->shelly->dialect.broker->driver),
                     "%s has %zu lights and switches: the first %u are taken", node->name, count + left,
                     SHELLY_MAX_LAMPS);
        }
        set_lamps(node, lamps, count);
        node->listed = true;
        node->described = false;
    }
    if (!node->described && count > 0) {
        shelly_call_ask(node, SHELLY_ASK_CONFIG);
    }
    speaks(node);
    shelly_heard(node, status);
}

void shelly_describe(struct shelly_node *node, const struct json_bytes *config)
{
    struct shelly_lamp lamps[SHELLY_MAX_LAMPS];
    for (size_t i = 0; i < node->count; i++) {
        lamps[i] = node->lamps[i]->lamp;
    }
    if (config && shelly_read_config(config, lamps, node->count) != 0) {
        shelly_garbage(node, "an answer to Shelly.GetConfig that is no JSON object");
    }
    for (size_t i = 0; i < node->count; i++) {
        node->lamps[i]->lamp = lamps[i];
    }
    node->described = true;
    announce_all(node);
}

void shelly_heard(struct shelly_node *node, const struct json_bytes *status)
{
    for (size_t i = 0; i < node->count; i++) {
        struct shelly_light *light = node->lamps[i];
        struct light_state report;
        shelly_read_status(status, &light->lamp, &report);
        if (light->way.light && report.has) {
            pending_report(&light->way, &report);
            shelly_call_settle(light);
        }
    }
}

/* ---- messages ---- */

static void ask_due(void *user, struct ask *ask)
{
    struct shelly_node *node = (struct shelly_node *)(void *)((char *)ask - offsetof(struct shelly_node, ask));
    (void)user;
    shelly_call_ask(node, node->known ? SHELLY_ASK_STATUS : SHELLY_ASK_DEVICE);
}

static void take_online(struct shelly_node *node, bool online)
{
    if (!node->tells) {
        node->tells = true;
        announce_all(node);
    }
    if (!online) {
        asking_end(node->shelly->asking, &node->ask);
        reach_is(node, LIGHT_REACH_OFFLINE, "the lamp has left the broker");
        return;
    }
    /* It has begun anew, perhaps with another version, and what it shows is not known. */
    node->known = false;
    reach_is(node, LIGHT_REACH_ONLINE, NULL);
    asking_begin(node->shelly->asking, &node->ask);
}

static void take_event(struct shelly_node *node, const char *payload, size_t len)
{
    struct shelly_frame frame;
    int err = shelly_read_frame(payload, len, &frame);
    if (err != 0) {
        shelly_garbage(node, err == ERR_TOO_LARGE ? "an event longer than 64 kB" : "an event that is no JSON object");
        return;
    }
    speaks(node);
    if (!node->known || !node->listed) {
        if (!node->ask.queued) {
            asking_begin(node->shelly->asking, &node->ask);
        }
    } else if (json_bytes_text(&frame.method, "NotifyFullStatus")) {
        shelly_list(node, &frame.params);
    } else if (json_bytes_text(&frame.method, "NotifyStatus")) {
        shelly_heard(node, &frame.params);
    } else if (json_bytes_text(&frame.method, "NotifyEvent") && shelly_config_changed(&frame.params)) {
        node->described = false;
        shelly_call_ask(node, SHELLY_ASK_STATUS);
    }
}

static void take_answer(struct shelly *s, const char *payload, size_t len)
{
    struct shelly_frame frame;
    if (shelly_read_frame(payload, len, &frame) == 0) {
        (void)shelly_call_answered(s, &frame);
    } else {
        driver_garbage(driver_of(s), s->src, "an answer that is no JSON object, or longer than 64 kB");
    }
}

/* What stands before `tail` at the end of the topic; 0: it ends otherwise. */
static size_t before_tail(const char *topic, const char *tail)
{
    size_t len = strlen(topic);
    size_t tail_len = strlen(tail);
    return len > tail_len && strcmp(topic + len - tail_len, tail) == 0 ? len - tail_len : 0;
}

/* Is it of all devices, and not one? */
static bool is_any(const struct shelly *s)
{
    return strcmp(s->dialect.topic, "+") == 0;
}

static bool is_mine(const struct shelly *s, const char *topic, size_t len)
{
    const char *prefix = s->dialect.topic;
    return is_any(s) ? !memchr(topic, '/', len) : strlen(prefix) == len && memcmp(prefix, topic, len) == 0;
}

static bool hear_online(struct shelly *s, const char *topic, size_t len, const char *payload, size_t payload_len)
{
    bool online;
    struct shelly_node *node = find(s, topic, len);
    if (shelly_read_online(payload, payload_len, &online) != 0) {
        if (node && node->known && payload_len > 0) {
            shelly_garbage(node, "neither true nor false on its topic `online`");
        }
        return node && node->known;
    }
    /* Others say online by such a topic, too: whoever does is asked whether he is one of ours. */
    node = node || !online ? node : add(s, topic, len);
    if (node) {
        take_online(node, online);
    }
    return node && node->known;
}

static bool message(struct dialect *self, const char *topic, const char *payload, size_t len)
{
    struct shelly *s = (struct shelly *)self;
    size_t prefix = before_tail(topic, "/rpc");
    if (prefix > 0 && strlen(s->src) == prefix && memcmp(topic, s->src, prefix) == 0) {
        take_answer(s, payload, len);
        return true;
    }
    prefix = before_tail(topic, "/online");
    if (prefix > 0 && is_mine(s, topic, prefix)) {
        return hear_online(s, topic, prefix, payload, len);
    }
    prefix = before_tail(topic, "/events/rpc");
    if (prefix == 0 || !is_mine(s, topic, prefix)) {
        return false;
    }
    struct shelly_node *node = find(s, topic, prefix);
    node = node ? node : add(s, topic, prefix);
    if (node) {
        take_event(node, payload, len);
    }
    return true;
}

/* ---- the dialect ---- */

static void up(struct dialect *self)
{
    static const char *const tails[] = {"/online", "/events/rpc"};
    struct shelly *s = (struct shelly *)self;
    char *filters[3];
    struct str filter = STR_INIT;
    for (size_t i = 0; i < 2; i++) {
        str_printf(&filter, "%s%s", self->topic, tails[i]);
        filters[i] = str_take(&filter);
    }
    str_printf(&filter, "%s/rpc", s->src);
    filters[2] = str_take(&filter);
    connection_subscribe(self->broker->connection, filters, 3, 0);
    for (size_t i = 0; i < 3; i++) {
        free(filters[i]);
    }
    for (struct shelly_node *node = next_node(s, NULL); node; node = next_node(s, node)) {
        node->reach = LIGHT_REACH_UNKNOWN;
        reaches(node);
        asking_begin(s->asking, &node->ask);
    }
}

static void down(struct dialect *self, const char *why)
{
    struct shelly *s = (struct shelly *)self;
    asking_end_all(s->asking);
    for (struct shelly_node *node = next_node(s, NULL); node; node = next_node(s, node)) {
        reach_is(node, LIGHT_REACH_OFFLINE, why);
        shelly_call_forget(node);
    }
}

static void attach(struct way *way)
{
    const struct shelly_node *node = ((struct shelly_light *)way)->node;
    way_reaches(way, (enum light_reach)node->reach);
    asking_begin(shelly_of(way)->asking, &((struct shelly_light *)way)->node->ask);
}

static void detach(struct way *way)
{
    shelly_call_end((struct shelly_light *)way, NULL);
}

static void refresh(struct way *way)
{
    asking_begin(shelly_of(way)->asking, &((struct shelly_light *)way)->node->ask);
}

static bool status(const struct dialect *self, struct str *out)
{
    const struct shelly *s = (const struct shelly *)self;
    size_t lights = 0;
    for (struct shelly_node *node = next_node(s, NULL); node; node = next_node(s, node)) {
        for (size_t i = 0; i < node->count; i++) {
            lights += node->lamps[i]->way.light != NULL;
        }
    }
    if (lights > 0) {
        str_printf(out, "shelly %s, %zu light%s", self->topic, lights, lights == 1 ? "" : "s");
    }
    return true;
}

static int start(struct dialect *self)
{
    struct shelly *s = (struct shelly *)self;
    struct str src = STR_INIT;
    if (!is_any(s) && !topics_good(self->topic)) {
        log_error(driver_name(self->broker->driver),
                  "shelly: \"%s\" is neither + (all of one level) nor the topic prefix of a device", self->topic);
        return ERR_INVALID;
    }
    const char *name = driver_name(self->broker->driver);
    const char *slash = strchr(name, '/');
    str_printf(&src, "lightbridge-%s-%s%s%s", driver_installation(self->broker->driver), slash ? slash + 1 : name,
               is_any(s) ? "" : "/", is_any(s) ? "" : self->topic);
    s->src = str_take(&src);
    s->asking = asking_new(self->broker->loop, ask_due, s);
    if (!is_any(s)) {
        (void)add(s, self->topic, strlen(self->topic));
    }
    return 0;
}

static void stop(struct dialect *self)
{
    struct shelly *s = (struct shelly *)self;
    struct shelly_node *node;
    asking_free(s->asking);
    while ((node = next_node(s, NULL))) {
        table_remove(&s->nodes, &node->entry);
        node_free(node);
    }
    table_done(&s->nodes);
    shelly_call_done(s);
    free(s->by_number);
    free(s->src);
    str_done(&s->topic);
    str_done(&s->payload);
}

const struct dialect_ops shelly_dialect = {
    .name = "shelly",
    .size = sizeof(struct shelly),
    .rank = WAY_NATIVE,
    .tolerance = &shelly_tolerance,
    .start = start,
    .stop = stop,
    .up = up,
    .down = down,
    .message = message,
    .attach = attach,
    .detach = detach,
    .apply = shelly_call_apply,
    .refresh = refresh,
    .cancel = shelly_call_cancel,
    .announce = announce,
    .status = status,
};
