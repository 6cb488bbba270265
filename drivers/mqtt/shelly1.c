/* Shellys of the first generation behind one broker. A device tells who it is when it is asked to announce itself, and
   shows its channels by their states; it is asked for those by `update`. */
#include "mqtt/shelly1.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "mqtt/asking.h"
#include "mqtt/shelly1_codec.h"
#include "mqtt/table.h"

#define MAX_NODES 65536u
#define MAX_LAMPS 8u /* channels of one device */

struct node;

struct channel {
    struct way way; /* first */
    struct node *node;
    struct shelly1_lamp lamp;
};

struct node {
    struct entry entry; /* first: its id, as its topics have it */
    struct ask ask;
    struct shelly1 *shelly1;
    struct channel *channels[MAX_LAMPS];
    size_t count;
    enum light_reach reach; /* by its own word */
    bool tells;             /* it has said by `online` that it is there */
    char mac[13];           /* "": it has not said who it is */
    char *model, *version;
};

struct shelly1 {
    struct dialect dialect; /* first */
    size_t topic_len;
    struct table nodes;
    struct asking *asking;
    struct str topic, payload; /* scratch */
};

static struct driver *driver_of(const struct node *node)
{
    return node->shelly1->dialect.broker->driver;
}

static void garbage(const struct node *node, const char *topic, const char *what)
{
    struct str from = STR_INIT;
    str_printf(&from, "%s/%s", node->entry.name, topic);
    driver_garbage(driver_of(node), str_z(&from), what);
    str_done(&from);
}

/* ---- devices ---- */

static struct node *find(const struct shelly1 *s, const char *id, size_t len)
{
    return (struct node *)(void *)table_find(&s->nodes, id, len);
}

static struct node *next_node(const struct shelly1 *s, const struct node *after)
{
    return (struct node *)(void *)table_next(&s->nodes, after ? &after->entry : NULL);
}

static struct node *find_or_add(struct shelly1 *s, const char *id, size_t len)
{
    struct node *node = find(s, id, len);
    if (!node && s->nodes.count < MAX_NODES) {
        node = mem_alloc(sizeof *node);
        node->entry.name = mem_text_n(id, len);
        node->shelly1 = s;
        table_add(&s->nodes, &node->entry);
    }
    return node;
}

static void node_free(struct node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        way_forget(&node->channels[i]->way);
        free(node->channels[i]);
    }
    free(node->model);
    free(node->version);
    free(node->entry.name);
    free(node);
}

static void reach_is(struct node *node, enum light_reach reach)
{
    node->reach = reach;
    for (size_t i = 0; i < node->count; i++) {
        if (reach == LIGHT_REACH_OFFLINE) {
            pending_end(&node->channels[i]->way, ERR_OFFLINE, "the lamp has left the broker");
        }
        way_reaches(&node->channels[i]->way, reach);
    }
}

/* ---- questions ---- */

/* "announce" or "update" to one device, or (NULL) to all. */
static void order(struct shelly1 *s, const struct node *node, const char *word)
{
    str_clear(&s->topic);
    str_clear(&s->payload);
    str_printf(&s->topic, "%s%s%s/command", s->dialect.topic, node ? "/" : "", node ? node->entry.name : "");
    str_add_z(&s->payload, word);
    (void)connection_publish(s->dialect.broker->connection, str_z(&s->topic), &s->payload, NULL);
}

static void ask_due(void *user, struct ask *ask)
{
    struct node *node = (struct node *)(void *)((char *)ask - offsetof(struct node, ask));
    order(user, node, node->mac[0] ? "update" : "announce");
}

/* ---- lights ---- */

static const char *const channel_names[SHELLY1_KINDS] = {
    [SHELLY1_RELAY] = "relay", [SHELLY1_LIGHT] = "light", [SHELLY1_COLOR] = "color", [SHELLY1_WHITE] = "white"};

static void announce(struct way *way)
{
    const struct channel *channel = (struct channel *)way;
    const struct node *node = channel->node;
    struct str address = STR_INIT;
    struct str name = STR_INIT;
    struct str where = STR_INIT;
    const char *kind = channel_names[channel->lamp.kind];
    str_printf(&address, "mac/%s/%s:%u", node->mac, kind, channel->lamp.id);
    str_printf(&where, "%s %s/%s/%s/%u", driver_name(driver_of(node)), node->shelly1->dialect.topic, node->entry.name,
               kind, channel->lamp.id);
    str_add_z(&name, node->entry.name);
    if (node->count > 1) {
        str_printf(&name, " %u", channel->lamp.id + 1u);
    }
    way_announce(way, &(struct driver_announcement){.address = str_z(&address),
                                                    .name = str_z(&name),
                                                    .manufacturer = "Shelly",
                                                    .model = node->model,
                                                    .version = node->version,
                                                    .where = str_z(&where),
                                                    .profile = channel->lamp.profile,
                                                    .has_availability = node->tells});
    str_done(&address);
    str_done(&name);
    str_done(&where);
}

static void announce_all(struct node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        announce(&node->channels[i]->way);
    }
}

static void drop_channel(struct node *node, size_t at)
{
    way_withdraw(&node->channels[at]->way);
    free(node->channels[at]);
    node->channels[at] = node->channels[--node->count];
}

/* An RGBW2 is one coloured lamp or four white ones, as its owner has set it. Other lamps show their white by the same
   channel as their colour, and may name it twice. */
static bool fits(struct node *node, enum shelly1_kind kind)
{
    bool changes = strcmp(node->model, "SHRGBW2") == 0;
    for (size_t i = node->count; i-- > 0;) {
        enum shelly1_kind other = node->channels[i]->lamp.kind;
        if ((kind == SHELLY1_WHITE && other == SHELLY1_COLOR) || (kind == SHELLY1_COLOR && other == SHELLY1_WHITE)) {
            if (!changes) {
                return false;
            }
            drop_channel(node, i);
        }
    }
    return node->count < MAX_LAMPS;
}

static struct channel *find_channel(const struct node *node, enum shelly1_kind kind, uint8_t id)
{
    for (size_t i = 0; i < node->count; i++) {
        if (node->channels[i]->lamp.kind == kind && node->channels[i]->lamp.id == id) {
            return node->channels[i];
        }
    }
    return NULL;
}

static struct channel *add_channel(struct node *node, enum shelly1_kind kind, uint8_t id, const char *status,
                                   size_t len)
{
    if (!fits(node, kind)) {
        return NULL;
    }
    struct channel *channel = mem_alloc(sizeof *channel);
    channel->way.dialect = &node->shelly1->dialect;
    channel->node = node;
    channel->lamp = shelly1_make_lamp(kind, id, node->model, status, len);
    node->channels[node->count++] = channel;
    if (node->count == 2) {
        announce_all(node); /* the first one's name gets its number, too */
    } else {
        announce(&channel->way);
    }
    return channel;
}

/* ---- messages ---- */

static void take_announcement(struct shelly1 *s, const char *payload, size_t len)
{
    struct shelly1_device device;
    if (shelly1_read_announce(payload, len, &device) != 0) {
        driver_garbage(s->dialect.broker->driver, s->dialect.topic, "an announcement without an id and a mac");
        return;
    }
    struct node *node = find_or_add(s, device.id, strlen(device.id));
    if (!node) {
        return;
    }
    bool replaced = strcmp(node->mac, device.mac) != 0 || !node->model || strcmp(node->model, device.model) != 0;
    while (replaced && node->count > 0) {
        drop_channel(node, node->count - 1); /* another device has the name now */
    }
    free(node->model);
    free(node->version);
    node->model = mem_text(device.model);
    node->version = mem_text(device.version);
    memcpy(node->mac, device.mac, sizeof node->mac);
    announce_all(node);
    asking_begin(s->asking, &node->ask); /* for its states */
}

static void take_online(struct node *node, const char *payload, size_t len)
{
    bool online;
    if (len == 0) {
        return; /* a retained message was cleared */
    }
    if (shelly1_read_online(payload, len, &online) != 0) {
        garbage(node, "online", "neither true nor false");
        return;
    }
    if (!node->tells) {
        node->tells = true;
        announce_all(node);
    }
    reach_is(node, online ? LIGHT_REACH_ONLINE : LIGHT_REACH_OFFLINE);
    if (online) {
        asking_begin(node->shelly1->asking, &node->ask);
    } else {
        asking_end(node->shelly1->asking, &node->ask);
    }
}

static void take_state(struct node *node, const char *tail, enum shelly1_kind kind, uint8_t id, const char *payload,
                       size_t len)
{
    struct light_state report;
    if (len == 0) {
        return;
    }
    if (!node->mac[0]) {
        asking_begin(node->shelly1->asking, &node->ask); /* who is it? */
        return;
    }
    struct channel *channel = find_channel(node, kind, id);
    struct shelly1_lamp lamp = channel ? channel->lamp : shelly1_make_lamp(kind, id, node->model, payload, len);
    int err = shelly1_read_status(payload, len, &lamp, &report);
    if (err != 0) {
        garbage(node, tail, err == ERR_TOO_LARGE ? "a status longer than 16 kB" : "what is no status");
        return;
    }
    asking_end(node->shelly1->asking, &node->ask);
    node->reach = LIGHT_REACH_ONLINE; /* whoever speaks is there */
    channel = channel ? channel : add_channel(node, kind, id, payload, len);
    if (channel && channel->way.light) {
        way_reaches(&channel->way, LIGHT_REACH_ONLINE);
        pending_report(&channel->way, &report);
    }
}

static bool message(struct dialect *self, const char *topic, const char *payload, size_t len)
{
    struct shelly1 *s = (struct shelly1 *)self;
    enum shelly1_kind kind;
    uint8_t number;
    if (strncmp(topic, self->topic, s->topic_len) != 0 || topic[s->topic_len] != '/') {
        return false;
    }
    const char *id = topic + s->topic_len + 1;
    size_t id_len = strcspn(id, "/");
    const char *tail = id[id_len] == '/' ? id + id_len + 1 : "";
    bool channel = shelly1_read_topic(tail, &kind, &number);
    if (strcmp(id, "announce") == 0 || strcmp(tail, "announce") == 0) {
        if (len > 0) {
            take_announcement(s, payload, len);
        }
        return true;
    }
    struct node *node = channel || strcmp(tail, "online") == 0 ? find_or_add(s, id, id_len) : NULL;
    if (!node) {
        return false;
    }
    if (channel) {
        take_state(node, tail, kind, number, payload, len);
    } else {
        take_online(node, payload, len);
    }
    return true;
}

/* ---- the dialect ---- */

static void up(struct dialect *self)
{
    static const char *const tails[] = {"announce",         "+/announce",       "+/online",        "+/relay/+",
                                        "+/light/+/status", "+/color/+/status", "+/white/+/status"};
    enum { TAILS = sizeof tails / sizeof tails[0] };
    struct shelly1 *s = (struct shelly1 *)self;
    char *filters[TAILS];
    struct str filter = STR_INIT;
    for (size_t i = 0; i < TAILS; i++) {
        str_printf(&filter, "%s/%s", self->topic, tails[i]);
        filters[i] = str_take(&filter);
    }
    connection_subscribe(self->broker->connection, filters, TAILS, 0);
    for (size_t i = 0; i < TAILS; i++) {
        free(filters[i]);
    }
    order(s, NULL, "announce");
    for (struct node *node = next_node(s, NULL); node; node = next_node(s, node)) {
        reach_is(node, LIGHT_REACH_UNKNOWN);
        asking_begin(s->asking, &node->ask);
    }
}

static void down(struct dialect *self, const char *why)
{
    struct shelly1 *s = (struct shelly1 *)self;
    (void)why; /* the commands were ended and the lights are offline */
    asking_end_all(s->asking);
}

static struct node *node_of(struct way *way)
{
    return ((struct channel *)way)->node;
}

static void attach(struct way *way)
{
    way_reaches(way, node_of(way)->reach);
    asking_begin(node_of(way)->shelly1->asking, &node_of(way)->ask);
}

static void refresh(struct way *way)
{
    asking_begin(node_of(way)->shelly1->asking, &node_of(way)->ask);
}

static void apply(struct way *way, struct request_id request, const struct light_state *patch, uint32_t transition_ms)
{
    const struct channel *channel = (struct channel *)way;
    struct node *node = channel->node;
    struct shelly1 *s = node->shelly1;
    bool shown = light_confirms(patch, &way->known, &shelly1_tolerance);
    str_clear(&s->topic);
    str_clear(&s->payload);
    str_printf(&s->topic, "%s/%s/", s->dialect.topic, node->entry.name);
    shelly1_write_topic(&s->topic, &channel->lamp);
    shelly1_write_set(&s->payload, &channel->lamp, patch, transition_ms);
    pending_send(way, request, str_z(&s->topic), &s->payload, patch,
                 channel->lamp.kind == SHELLY1_RELAY ? 0 : transition_ms);
    if (shown) {
        order(s, node, "update"); /* where nothing changes, it need not say anything */
    }
}

static bool status(const struct dialect *self, struct str *out)
{
    const struct shelly1 *s = (const struct shelly1 *)self;
    size_t lights = 0;
    for (const struct node *node = next_node(s, NULL); node; node = next_node(s, node)) {
        for (size_t i = 0; i < node->count; i++) {
            lights += node->channels[i]->way.light != NULL;
        }
    }
    if (lights > 0) {
        str_printf(out, "%s, %zu light%s", self->topic, lights, lights == 1 ? "" : "s");
    }
    return true;
}

static int start(struct dialect *self)
{
    struct shelly1 *s = (struct shelly1 *)self;
    if (!topics_good(self->topic)) {
        log_error(driver_name(self->broker->driver), "shelly1: %s can be no topic: no wildcard and no control byte",
                  self->topic);
        return ERR_INVALID;
    }
    s->topic_len = strlen(self->topic);
    s->asking = asking_new(self->broker->loop, ask_due, s);
    return 0;
}

static void stop(struct dialect *self)
{
    struct shelly1 *s = (struct shelly1 *)self;
    struct node *node;
    asking_free(s->asking);
    while ((node = next_node(s, NULL))) {
        table_remove(&s->nodes, &node->entry);
        node_free(node);
    }
    table_done(&s->nodes);
    str_done(&s->topic);
    str_done(&s->payload);
}

const struct dialect_ops shelly1_dialect = {
    .name = "shelly1",
    .size = sizeof(struct shelly1),
    .rank = WAY_NATIVE,
    .tolerance = &shelly1_tolerance,
    .start = start,
    .stop = stop,
    .up = up,
    .down = down,
    .message = message,
    .attach = attach,
    .apply = apply,
    .refresh = refresh,
    .announce = announce,
    .status = status,
};
