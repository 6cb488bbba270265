/* bridge/devices and bridge/groups: cut into their elements, a slice a turn of the loop, and reconciled with the nodes
   that are there. The list is the truth: what is not in it any more is gone. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "mqtt/z2m_internal.h"

#define SLICE_BYTES 65536u             /* of a list in one turn: well under a millisecond's work on a PC */
#define SLICE_PAUSE_MS 1u              /* everybody else's turn */
#define TRIM_BYTES (1024u * 1024)      /* after a list of that size memory is given back */
#define GROUPS_KEPT_MAX (1024u * 1024) /* a longer list of groups is not taken in again when devices change */

/* ---- subscriptions ---- */

static char *filter_of(const struct z2m *z, const char *name, const char *tail)
{
    struct str s = STR_INIT;
    str_printf(&s, "%s/%s%s", z->dialect.topic, name, tail);
    return str_take(&s);
}

static void subscribe_node(struct z2m *z, struct z2m_node *node)
{
    struct topics *topics = z->dialect.broker->topics;
    char *state = filter_of(z, node->name, "");
    char *available = filter_of(z, node->name, "/availability");
    (void)topics_listen(topics, &node->state, &z->dialect, Z2M_STATE, state);
    (void)topics_listen(topics, &node->available, &z->dialect, Z2M_AVAILABILITY, available);
    free(state);
    free(available);
}

void z2m_list_subscribe(struct z2m *z)
{
    /* The narrowest that there is: <base>/# would bring every sensor and hundreds of kilobytes of definitions. */
    static const char *const topics[] = {"bridge/state", "bridge/info", "bridge/devices", "bridge/groups",
                                         "bridge/logging"};
    char *filters[sizeof topics / sizeof topics[0]];
    size_t count = sizeof topics / sizeof topics[0];
    for (size_t i = 0; i < count; i++) {
        filters[i] = filter_of(z, topics[i], "");
    }
    connection_subscribe(z->dialect.broker->connection, filters, count, 1);
    for (size_t i = 0; i < count; i++) {
        free(filters[i]);
    }
}

/* ---- announcing ---- */

static bool is_group(const struct z2m_node *node)
{
    return node->id[0] == '#';
}

/* "home" of "mqtt/home" */
static const char *instance_of(const struct z2m *z)
{
    const char *name = driver_name(z2m_driver(z));
    const char *slash = strchr(name, '/');
    return slash ? slash + 1 : name;
}

void z2m_list_announce(struct way *way)
{
    struct z2m *z = z2m_of(way);
    const struct z2m_slot *slot = (const struct z2m_slot *)way;
    const struct z2m_node *node = slot->node;
    const struct z2m_lamp *lamp = slot->lamp;
    const char *vendor = node->product;
    const char *model = vendor + strlen(vendor) + 1;
    const char *version = model + strlen(model) + 1;
    struct str address = STR_INIT;
    struct str name = STR_INIT;
    struct str where = STR_INIT;
    if (is_group(node)) {
        /* Numbers of groups are unique within one Zigbee2MQTT only. */
        str_printf(&address, "group/%s/%s/%s", instance_of(z), z->dialect.topic, node->id + 1);
    } else {
        str_printf(&address, "%s%s%s", node->id, lamp->endpoint[0] ? "/" : "", lamp->endpoint);
    }
    str_add_z(&name, node->name);
    if (node->count > 1) {
        str_printf(&name, " %s", lamp->endpoint);
    }
    str_printf(&where, "%s %s/%s", driver_name(z2m_driver(z)), z->dialect.topic, node->name);
    way_announce(way, &(struct driver_announcement){
                          .address = str_z(&address),
                          .name = str_z(&name),
                          .manufacturer = vendor,
                          .model = model,
                          .version = version,
                          .where = str_z(&where),
                          .profile = lamp->profile,
                          .has_availability = node->tells,
                      });
    str_done(&address);
    str_done(&name);
    str_done(&where);
}

/* ---- reconciling ---- */

static void leave_topics(struct z2m *z, struct z2m_node *node)
{
    topics_leave(z->dialect.broker->topics, &node->state);
    topics_leave(z->dialect.broker->topics, &node->available);
}

static void remove_node(struct z2m *z, struct z2m_node *node)
{
    log_debug(driver_name(z2m_driver(z)), "%s/%s is gone", z->dialect.topic, node->name);
    for (size_t i = 0; i < node->count; i++) {
        way_withdraw(&node->slots[i]->way);
    }
    z2m_question_forget(z, node);
    leave_topics(z, node);
    z2m_nodes_remove(&z->nodes, node);
}

/* The light of this endpoint goes on where it was among the old ones; otherwise it is new. */
static struct z2m_slot *carry_over(struct z2m *z, struct z2m_node *node, const struct z2m_lamp *lamp)
{
    for (size_t i = 0; i < node->count; i++) {
        struct z2m_slot *old = node->slots[i];
        if (old && strcmp(old->lamp->endpoint, lamp->endpoint) == 0) {
            node->slots[i] = NULL;
            return old;
        }
    }
    struct z2m_slot *slot = mem_alloc(sizeof *slot);
    slot->way.dialect = &z->dialect;
    slot->node = node;
    return slot;
}

static bool same_lamps(const struct z2m_node *node, const struct z2m_lamp *lamps, size_t count)
{
    for (size_t i = 0; i < node->count && node->count == count; i++) {
        /* Each was zeroed as a whole, padding too; a false difference would only announce it again. */
        // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c)
        if (memcmp(node->slots[i]->lamp, &lamps[i], sizeof lamps[i]) != 0) {
            return false;
        }
    }
    return node->count == count;
}

static void set_lamps(struct z2m *z, struct z2m_node *node, const struct z2m_lamp *lamps, size_t count)
{
    if (same_lamps(node, lamps, count)) {
        return;
    }
    struct z2m_slot **slots = mem_array(count, sizeof(struct z2m_slot *));
    for (size_t i = 0; i < count; i++) {
        const struct z2m_lamp *lamp = z2m_nodes_make_take(&z->nodes, &lamps[i]);
        slots[i] = carry_over(z, node, lamp);
        if (slots[i]->lamp) {
            z2m_nodes_make_release(&z->nodes, slots[i]->lamp);
        }
        slots[i]->lamp = lamp;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (node->slots[i]) {
            way_withdraw(&node->slots[i]->way);
            z2m_nodes_make_release(&z->nodes, node->slots[i]->lamp);
            free(node->slots[i]);
        }
    }
    free(node->slots);
    node->slots = slots;
    node->count = (uint8_t)count;
    node->asked = 0;
}

static void set_name(struct z2m *z, struct z2m_node *node, const char *name)
{
    if (strcmp(node->name, name) != 0) {
        z2m_nodes_rename(&z->nodes, node, name);
        subscribe_node(z, node);
        z2m_question_ask(z, node); /* what it says before the broker has heard that is lost */
    }
}

static void set_product(struct z2m_node *node, const char *vendor, const char *model, const char *version)
{
    struct str s = STR_INIT;
    str_add(&s, vendor, strlen(vendor) + 1);
    str_add(&s, model, strlen(model) + 1);
    str_add(&s, version, strlen(version) + 1);
    free(node->product);
    node->product = mem_text_n(s.data, s.len);
    str_done(&s);
}

/* Once, not with each list. */
static void tell_left(const struct z2m *z, struct z2m_node *node, size_t left)
{
    if (left > 0 && left != node->left) {
        log_warn(driver_name(z2m_driver(z)), "%s has %zu lights: the first %u are taken", node->name,
                 Z2M_MAX_LAMPS + left, Z2M_MAX_LAMPS);
    }
    node->left = left;
}

/* What has lights is a node: new, renamed, changed or as it was. `device` has its id, name, lamps and product. */
static void take_node(struct z2m *z, const struct z2m_intake *intake, const char *id, const struct z2m_device *device)
{
    const char *name = device->name;
    const struct z2m_lamp *lamps = device->lamps;
    size_t count = device->lamp_count;
    struct z2m_node *node = z2m_nodes_find(&z->nodes, id);
    bool fresh = !node;
    if (fresh) {
        node = z2m_nodes_add(&z->nodes, id, name);
    } else {
        set_name(z, node, name);
    }
    node->seen = intake->serial;
    set_product(node, device->vendor, device->model, device->version);
    set_lamps(z, node, lamps, count);
    tell_left(z, node, device->lamps_left);
    for (size_t i = 0; i < count; i++) {
        z2m_list_announce(&node->slots[i]->way);
    }
    if (fresh) {
        subscribe_node(z, node);
    }
}

/* ---- devices ---- */

/* An element that cannot be told: the lamp it speaks of stays what it was. */
static void spare(struct z2m *z, struct z2m_intake *intake, const char *ieee)
{
    struct z2m_node *node = ieee[0] ? z2m_nodes_find(&z->nodes, ieee) : NULL;
    if (node) {
        node->seen = intake->serial;
    }
    intake->doubtful |= ieee[0] == 0;
}

/* Whose entry is it, though it cannot be parsed? Zigbee2MQTT writes its JSON compact. */
static void salvage_ieee(const char *bytes, size_t len, char ret_ieee[Z2M_NAME])
{
    static const char key[] = "\"ieee_address\":\"";
    const char *from = memmem(bytes, len, key, sizeof key - 1);
    size_t at = 0;
    for (from = from ? from + sizeof key - 1 : bytes + len; from + at < bytes + len && at < Z2M_NAME - 1; at++) {
        if (from[at] == '"') {
            memcpy(ret_ieee, from, at);
            ret_ieee[at] = 0;
            return;
        }
    }
}

static void take_device(struct z2m *z, struct z2m_intake *intake, const char *bytes, size_t len)
{
    struct json *entry = NULL;
    struct z2m_device *device = z->scratch;
    device->ieee[0] = 0;
    int err = json_parse(bytes, len, Z2M_MAX_ENTRY, &entry, NULL);
    if (err == 0) {
        err = z2m_read_device(entry, device);
    } else {
        salvage_ieee(bytes, len, device->ieee);
    }
    json_free(entry);
    if (err != 0) {
        driver_garbage(z2m_driver(z), device->ieee[0] ? device->ieee : "bridge/devices",
                       "an entry of bridge/devices that cannot be understood");
        spare(z, intake, device->ieee);
    } else if (device->lamp_count > 0) {
        take_node(z, intake, device->ieee, device);
    } else if (device->interview != Z2M_INTERVIEWED && z2m_nodes_find(&z->nodes, device->ieee)) {
        spare(z, intake, device->ieee); /* a lamp that joins again is known already */
    }
}

/* ---- groups ---- */

/* A member is one light of a device, or all of them where the endpoint has only a number. False: it is no light. */
static bool add_member(struct z2m *z, struct z2m_lamp *group, bool *first, const struct json *member)
{
    const char *ieee = z2m_member(member);
    const char *endpoint = z2m_member_endpoint(member);
    const struct z2m_node *node = ieee ? z2m_nodes_find(&z->nodes, ieee) : NULL;
    bool named = false;
    for (size_t i = 0; node && i < node->count; i++) {
        named |= endpoint[0] && strcmp(node->slots[i]->lamp->endpoint, endpoint) == 0;
    }
    for (size_t i = 0; node && i < node->count; i++) {
        if (!named || strcmp(node->slots[i]->lamp->endpoint, endpoint) == 0) {
            z2m_group_add(group, node->slots[i]->lamp, *first);
            *first = false;
        }
    }
    return node != NULL;
}

/* A group is taken as a device with one lamp. */
static int read_group(struct z2m *z, const char *bytes, size_t len, struct z2m_device *ret_device)
{
    struct json *entry = NULL;
    struct z2m_group group;
    bool first = true;
    bool lights = true;
    int err = json_parse(bytes, len, Z2M_MAX_ENTRY, &entry, NULL);
    if (err == 0) {
        err = z2m_read_group(entry, &group);
    }
    if (err == 0) {
        for (const struct json *m = json_first(group.members); m; m = json_next(m)) {
            lights = add_member(z, &ret_device->lamps[0], &first, m) && lights;
        }
        (void)snprintf(ret_device->ieee, sizeof ret_device->ieee, "#%lld", (long long)group.id);
        memcpy(ret_device->name, group.name, sizeof group.name);
        memcpy(ret_device->model, "group", sizeof "group");
        ret_device->vendor[0] = ret_device->version[0] = 0;
        ret_device->lamp_count = !first && lights && (ret_device->lamps[0].profile.can & (LIGHT_ON | LIGHT_LEVEL));
    }
    json_free(entry);
    return err;
}

static void take_group(struct z2m *z, struct z2m_intake *intake, const char *bytes, size_t len)
{
    struct z2m_device *group = z->scratch;
    if (read_group(z, bytes, len, group) != 0) {
        z2m_garbage(z, "bridge/groups", "an entry of bridge/groups that cannot be understood");
        intake->doubtful = true;
    } else if (group->lamp_count > 0) {
        take_node(z, intake, group->ieee, group);
    }
}

/* ---- slices ---- */

static void sweep(struct z2m *z, const struct z2m_intake *intake, bool groups)
{
    struct z2m_node *next;
    for (struct z2m_node *n = z2m_nodes_next(&z->nodes, NULL); n; n = next) {
        next = z2m_nodes_next(&z->nodes, n);
        if (is_group(n) == groups && n->seen != intake->serial) {
            remove_node(z, n);
        }
    }
}

static void intake_begin(struct z2m *z, struct z2m_intake *intake, char *bytes, size_t len)
{
    free(intake->bytes); /* a newer list makes one that is still taken in pointless */
    *intake = (struct z2m_intake){.bytes = bytes, .len = len, .serial = ++z->serial};
    json_cut_init(&intake->cut, bytes, len);
    if (!timer_active(z->slice)) {
        timer_start(z->slice, 0);
    }
}

static void intake_end(struct z2m *z, struct z2m_intake *intake, bool whole)
{
    bool groups = intake == &z->groups;
    size_t len = intake->len;
    if (!whole) {
        z2m_garbage(z, groups ? "bridge/groups" : "bridge/devices", "no list, or a broken one");
    } else if (!intake->doubtful) {
        sweep(z, intake, groups);
    }
    free(intake->bytes);
    intake->bytes = NULL;
    free(z->scratch);
    z->scratch = NULL;
    if (!groups) {
        z->devices_known = z->devices_known || whole;
        if (z->last_groups && !z->groups.bytes) { /* what members can may be different now */
            intake_begin(z, &z->groups, mem_text_n(z->last_groups, z->last_groups_len), z->last_groups_len);
        }
    }
    if (len > TRIM_BYTES) {
        (void)malloc_trim(0);
    }
}

/* Elements of one list up to a slice's bytes. */
static void take_slice(struct z2m *z, struct z2m_intake *intake)
{
    size_t end = intake->cut.at + SLICE_BYTES;
    const char *bytes;
    size_t len;
    int more = 1;
    if (!z->scratch) {
        z->scratch = mem_alloc(sizeof *z->scratch);
    }
    while (intake->cut.at < end && (more = json_cut_next(&intake->cut, &bytes, &len)) == 1) {
        if (intake == &z->devices) {
            take_device(z, intake, bytes, len);
        } else {
            take_group(z, intake, bytes, len);
        }
    }
    if (more != 1) {
        intake_end(z, intake, more == 0);
    }
}

/* Devices first: groups are made of them. */
void z2m_list_slice(void *user)
{
    struct z2m *z = user;
    if (z->devices.bytes) {
        take_slice(z, &z->devices);
    } else if (z->groups.bytes && z->devices_known) {
        take_slice(z, &z->groups);
    }
    if (z->devices.bytes || (z->groups.bytes && z->devices_known)) {
        timer_start(z->slice, SLICE_PAUSE_MS);
    }
}

void z2m_list_take(struct z2m *z, struct z2m_intake *intake, const char *bytes, size_t len)
{
    if (len > Z2M_MAX_LIST) {
        z2m_garbage(z, intake == &z->groups ? "bridge/groups" : "bridge/devices", "longer than 64 MB");
        return;
    }
    if (intake == &z->groups) {
        free(z->last_groups);
        z->last_groups = len <= GROUPS_KEPT_MAX ? mem_text_n(bytes, len) : NULL;
        z->last_groups_len = len;
    }
    intake_begin(z, intake, mem_text_n(bytes, len), len);
}

void z2m_list_stop(struct z2m *z)
{
    timer_stop(z->slice);
    free(z->devices.bytes);
    free(z->groups.bytes);
    z->devices.bytes = z->groups.bytes = NULL;
    free(z->scratch);
    z->scratch = NULL;
}

void z2m_list_announce_node(struct z2m_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        z2m_list_announce(&node->slots[i]->way);
    }
}

void z2m_list_done(struct z2m *z)
{
    for (struct z2m_node *n = z2m_nodes_next(&z->nodes, NULL); n; n = z2m_nodes_next(&z->nodes, n)) {
        leave_topics(z, n);
        for (size_t i = 0; i < n->count; i++) {
            way_forget(&n->slots[i]->way);
        }
    }
    z2m_nodes_done(&z->nodes);
}
