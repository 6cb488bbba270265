/* The table of lights: birth, names, exposure, and the announcements of drivers. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "base/utf8.h"
#include "hub/hub_internal.h"

/* ---- ids ---- */

/* RFC 4648 base32 in lower case: SmartThings' externalDeviceId, MQTT topics and URLs all take it as it is. */
static void base32(char *to, const uint8_t *bytes, size_t len)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        for (count += 8; count >= 5; count -= 5) {
            *to++ = alphabet[bits >> (count - 5) & 31];
        }
    }
    if (count > 0) {
        *to++ = alphabet[bits << (5 - count) & 31];
    }
    *to = 0;
}

void registry_id(const struct hub *hub, const char *kind, const char *address, char ret_id[HUB_LIGHT_ID_SIZE])
{
    struct str s = STR_INIT;
    uint8_t tag[16];
    str_add(&s, hub->bridge_id, sizeof hub->bridge_id);
    str_add(&s, kind, strlen(kind) + 1); /* with its NUL, so that kind and address cannot slide into each other */
    str_add_z(&s, address);
    secrets_tag(tag, sizeof tag, s.data, s.len, NULL, 0);
    base32(ret_id, tag, sizeof tag);
    str_done(&s);
}

static size_t hash(const char *id)
{
    /* Ids are hash values already: any eight of their characters spread well. */
    uint64_t value = 0;
    for (size_t i = 0; i < 12 && id[i]; i++) {
        value = value * 33 + (uint8_t)id[i];
    }
    return (size_t)(value * 0x9e3779b97f4a7c15u >> 20);
}

static void table_put(struct hub *hub, uint32_t index)
{
    size_t at = hash(hub->lights[index]->id) & (hub->table_size - 1);
    while (hub->table[at] != 0) {
        at = (at + 1) & (hub->table_size - 1);
    }
    hub->table[at] = index + 1;
}

size_t hub_light_number(const struct light *light)
{
    return light->number;
}

struct light *hub_light_find(struct hub *hub, const char *id)
{
    if (hub->table_size == 0) {
        return NULL;
    }
    for (size_t at = hash(id) & (hub->table_size - 1); hub->table[at] != 0; at = (at + 1) & (hub->table_size - 1)) {
        struct light *light = hub->lights[hub->table[at] - 1];
        if (strcmp(light->id, id) == 0) {
            return light;
        }
    }
    return NULL;
}

struct light *registry_add(struct hub *hub, const char *id, const char *kind, const char *address)
{
    struct light *light = mem_alloc(sizeof *light);
    light->hub = hub;
    memcpy(light->id, id, strlen(id) + 1);
    light->kind = mem_text(kind);
    light->address = mem_text(address);
    light->user_expose = -1;
    if (hub->light_count == hub->light_cap) {
        hub->light_cap = hub->light_cap > 0 ? 2 * hub->light_cap : 64;
        hub->lights = mem_grow(hub->lights, hub->light_cap, sizeof(struct light *));
    }
    light->number = hub->light_count;
    hub->lights[hub->light_count++] = light;
    if (2 * hub->light_count > hub->table_size) {
        free(hub->table);
        hub->table_size = hub->table_size > 0 ? 2 * hub->table_size : 128;
        hub->table = mem_array(hub->table_size, sizeof *hub->table);
        for (size_t i = 0; i < hub->light_count; i++) {
            table_put(hub, (uint32_t)i);
        }
    } else {
        table_put(hub, (uint32_t)(hub->light_count - 1));
    }
    return light;
}

void registry_free(struct hub *hub)
{
    for (size_t i = 0; i < hub->light_count; i++) {
        struct light *l = hub->lights[i];
        char *texts[] = {l->kind,         l->address, l->far_name, l->far_room,  l->where,
                         l->manufacturer, l->model,   l->version,  l->user_name, l->user_room};
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
            free(texts[k]);
        }
        free(l);
    }
    free(hub->lights);
    free(hub->table);
}

/* ---- looking ---- */

size_t hub_light_count(const struct hub *hub)
{
    return hub->light_count;
}

struct light *hub_light_at(struct hub *hub, size_t index)
{
    return index < hub->light_count ? hub->lights[index] : NULL;
}

static const char *name_of(const struct light *light)
{
    return light->user_name ? light->user_name : light->far_name ? light->far_name : light->address;
}

int hub_light_lookup(struct hub *hub, const char *name_or_id, struct light **ret_light)
{
    struct light *light = hub_light_find(hub, name_or_id);
    if (light && !light->removed) {
        *ret_light = light;
        return 0;
    }
    for (int ignore_case = 0; ignore_case < 2; ignore_case++) {
        size_t fits = 0;
        for (size_t i = 0; i < hub->light_count; i++) {
            const char *name = name_of(hub->lights[i]);
            if (!hub->lights[i]->removed &&
                (ignore_case ? strcasecmp(name, name_or_id) : strcmp(name, name_or_id)) == 0) {
                light = hub->lights[i];
                fits++;
            }
        }
        if (fits > 0) {
            if (fits == 1) {
                *ret_light = light;
            }
            return fits == 1 ? 0 : ERR_INVALID;
        }
    }
    return ERR_NOT_FOUND;
}

bool registry_exposed(const struct light *light)
{
    if (light->user_expose >= 0) {
        return light->user_expose > 0;
    }
    return light->profile.kind == LIGHT_KIND_SWITCH  ? light->hub->config.expose_switches
           : light->profile.kind == LIGHT_KIND_GROUP ? light->hub->config.expose_groups
                                                     : true;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

void hub_light_info(const struct light *l, struct light_info *ret_info)
{
    *ret_info = (struct light_info){
        .id = l->id,
        .name = name_of(l),
        .room = or_empty(l->user_room ? l->user_room : l->far_room),
        .driver = l->serving.driver ? l->serving.driver->name : "",
        .address = l->address,
        .where = or_empty(l->where),
        .manufacturer = or_empty(l->manufacturer),
        .model = or_empty(l->model),
        .version = or_empty(l->version),
        .profile = l->profile,
        .reported = l->reported,
        .desired = l->desired,
        .reach = l->reach,
        .heard = l->heard_at != 0,
        .exposed = registry_exposed(l),
        .removed = l->removed,
        .heard_at = l->heard_at,
    };
}

/* ---- announcements ---- */

static bool take_text(char **member, const char *text)
{
    if (!text || !*text) {
        text = NULL;
    }
    if ((!text && !*member) || (text && *member && strcmp(text, *member) == 0)) {
        return false;
    }
    free(*member);
    *member = mem_text(text);
    return true;
}

/* What a far side says is text from outside: what is no printable UTF-8 becomes '?', and it is cut to what
 * SmartThings takes. */
static bool take_far_text(char **member, const char *text)
{
    struct str s = STR_INIT;
    size_t len = text ? strnlen(text, 4u * HUB_NAME_MAX) : 0;
    for (size_t at = 0; at < len;) {
        size_t step = utf8_sequence(text + at, len - at);
        if (step == 0 || (step == 1 && ((unsigned char)text[at] < 0x20 || text[at] == 0x7f))) {
            str_add_char(&s, '?');
            at++;
        } else {
            str_add(&s, text + at, step);
            at += step;
        }
    }
    s.len = utf8_prefix(str_z(&s), s.len, HUB_NAME_MAX);
    if (s.data) {
        s.data[s.len] = 0;
    }
    bool differs = take_text(member, str_z(&s));
    str_done(&s);
    return differs;
}

static bool same_profile(const struct light_profile *a, const struct light_profile *b)
{
    return a->can == b->can && a->kind == b->kind && a->min_kelvin == b->min_kelvin && a->max_kelvin == b->max_kelvin;
}

/* Takes over what is said; true where discovery differs by it. */
static bool take_announcement(struct light *light, const struct driver_announcement *a)
{
    bool differs = take_far_text(&light->far_name, a->name);
    differs |= take_far_text(&light->far_room, a->room);
    differs |= take_far_text(&light->manufacturer, a->manufacturer);
    differs |= take_far_text(&light->model, a->model);
    differs |= take_far_text(&light->version, a->version);
    (void)take_far_text(&light->where, a->where); /* nobody above shows it but to people */
    if (!same_profile(&light->profile, &a->profile)) {
        light->profile = a->profile;
        light_clamp(&light->reported, &light->profile);
        differs = true;
    }
    light->has_availability = a->has_availability;
    return differs;
}

static void attach(struct driver *driver, struct light *light)
{
    light->serving = (struct driver_light){.driver = driver, .next = driver->first};
    if (driver->first) {
        driver->first->serving.previous = light;
    }
    driver->first = light;
    light->serving.self = mem_alloc(driver->ops->light_size);
    driver->ops->attach(driver->self, &light->serving, light->serving.self);
    command_announced(light);
}

void registry_detach(struct light *light)
{
    struct driver *driver = light->serving.driver;
    if (!driver) {
        return;
    }
    driver->ops->detach(driver->self, &light->serving, light->serving.self);
    if (light->serving.previous) {
        light->serving.previous->serving.next = light->serving.next;
    } else {
        driver->first = light->serving.next;
    }
    if (light->serving.next) {
        light->serving.next->serving.previous = light->serving.previous;
    }
    free(light->serving.self);
    light->serving = (struct driver_light){0};
}

/* Instant of birth and place in the list in one: no two are equal, so the order is the same after a restart. */
static int64_t birth_of_next(struct hub *hub)
{
    int64_t now = loop_wall_ms();
    hub->last_birth = now > hub->last_birth ? now : hub->last_birth + 1;
    return hub->last_birth;
}

struct driver_light *driver_announce(struct driver *driver, const struct driver_announcement *a)
{
    struct hub *hub = driver->hub;
    char id[HUB_LIGHT_ID_SIZE];
    registry_id(hub, driver->ops->kind, a->address, id);
    struct light *light = hub_light_find(hub, id);
    bool listed = !light || light->removed;
    if (!light && hub->light_count == HUB_MAX_LIGHTS) {
        if (!hub->told_full) {
            hub->told_full = true;
            log_error(driver->name, "more than %u lights: %s is left out, and what else comes", HUB_MAX_LIGHTS,
                      a->address);
        }
        return NULL;
    }
    if (!light) {
        light = registry_add(hub, id, driver->ops->kind, a->address);
        light->created_at = birth_of_next(hub);
    }
    light->removed = false;
    light->removed_at = 0;
    if (take_announcement(light, a) || listed) {
        keep_row(light);
        event_add(light, HUB_EVENT_LISTED, 0);
    }
    if (light->serving.driver && light->serving.driver != driver) {
        command_end_light(light, ERR_OFFLINE, "it moved to another network");
        registry_detach(light);
    }
    if (!light->serving.driver) {
        if (light->reach == LIGHT_REACH_OFFLINE) {
            event_reach(light, LIGHT_REACH_UNKNOWN); /* its network is back; what it says now counts */
        }
        attach(driver, light);
    }
    return &light->serving;
}

void registry_unserved_due(void *user)
{
    struct hub *hub = user;
    for (size_t i = 0; i < hub->light_count; i++) {
        struct light *light = hub->lights[i];
        if (!light->serving.driver && !light->removed) {
            command_end_light(light, ERR_TIMEOUT, "");
            event_reach(light, LIGHT_REACH_OFFLINE);
        }
    }
}

static void remove_light(struct light *light, const char *why)
{
    command_end_light(light, ERR_ENDED, why);
    registry_detach(light);
    light->removed = true;
    light->removed_at = loop_wall_ms();
    light->reach = LIGHT_REACH_UNKNOWN;
    light->unanswered = 0;
    light->heard_at = 0; /* re-joined, it is a lamp of which nothing was heard yet */
    light->reported.has = 0;
    event_add(light, HUB_EVENT_REMOVED, 0);
    light->events &= ~(1u << HUB_EVENT_STATE | 1u << HUB_EVENT_REACH); /* of what is gone there is no more news */
    light->changed = light->held = 0;
    event_hold_end(light);
}

void driver_withdraw(struct driver_light *driver_light)
{
    struct light *light = (struct light *)(void *)driver_light;
    remove_light(light, "it was removed from its network");
    keep_row(light);
    keep_state(light);
}

struct driver_light *driver_next_light(struct driver *driver, struct driver_light *after)
{
    struct light *light = after ? after->next : driver->first;
    return light ? &light->serving : NULL;
}

void *driver_light_self(struct driver_light *light)
{
    return light->self;
}

const char *driver_light_address(const struct driver_light *light)
{
    return ((const struct light *)(const void *)light)->address;
}

/* ---- the user's settings ---- */

struct edit {
    struct lifeline *line;
    struct light *light; /* gone with the hub */
    char *name, *room;   /* NULL leaves */
    int expose;
    bool forget;
    void (*done)(void *user, int result);
    void *user;
};

static void edit_free(struct edit *edit)
{
    free(edit->name);
    free(edit->room);
    free(edit);
}

/* Memory changes only after the commit. */
static void edit_committed(void *user, int result)
{
    struct edit *edit = user;
    struct light *light = edit->light;
    if (!lifeline_release(edit->line)) {
        edit_free(edit); /* whoever asked has gone before the hub */
        return;
    }
    if (result == 0 && edit->forget) {
        remove_light(light, "it was forgotten");
        keep_row(light); /* it may have been announced again, or have reported, while the store wrote */
        keep_state(light);
    } else if (result == 0) {
        bool before = registry_exposed(light);
        if (edit->name) {
            (void)take_text(&light->user_name, edit->name);
        }
        if (edit->room) {
            (void)take_text(&light->user_room, edit->room);
        }
        if (edit->expose >= 0) {
            light->user_expose = edit->expose;
        }
        bool hidden = before && !registry_exposed(light);
        event_add(light, hidden ? HUB_EVENT_REMOVED : HUB_EVENT_LISTED, 0);
    }
    if (edit->done) {
        edit->done(edit->user, result);
    }
    edit_free(edit);
}

static bool good_name(const char *name)
{
    size_t len = strlen(name);
    if (!utf8_valid(name, len) || utf8_prefix(name, len, HUB_NAME_MAX) != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

int hub_light_edit(struct hub *hub, struct light *light, const struct hub_edit *change,
                   void (*done)(void *user, int result), void *user)
{
    if ((change->name && !good_name(change->name)) || (change->room && !good_name(change->room))) {
        return ERR_INVALID;
    }
    if (light->removed) {
        return ERR_ENDED;
    }
    struct edit *edit = mem_alloc(sizeof *edit);
    *edit = (struct edit){.line = lifeline_hold(hub),
                          .light = light,
                          .name = mem_text(change->name),
                          .room = mem_text(change->room),
                          .expose = change->expose,
                          .done = done,
                          .user = user};
    struct store_batch *batch = store_batch_new();
    keep_add_row(batch, light);
    if (change->name) {
        store_batch_add(batch, "UPDATE lights SET user_name = nullif(?1, '') WHERE id = ?2", "tt", change->name,
                        light->id);
    }
    if (change->room) {
        store_batch_add(batch, "UPDATE lights SET room = nullif(?1, '') WHERE id = ?2", "tt", change->room, light->id);
    }
    if (change->expose >= 0) {
        store_batch_add(batch, "UPDATE lights SET exposed = ?1 WHERE id = ?2", "it", (int64_t)change->expose,
                        light->id);
    }
    store_submit(hub->store, batch, edit_committed, edit);
    return 0;
}

int hub_light_forget(struct hub *hub, struct light *light, void (*done)(void *user, int result), void *user)
{
    if (light->removed) {
        return ERR_ENDED;
    }
    struct edit *edit = mem_alloc(sizeof *edit);
    *edit = (struct edit){
        .line = lifeline_hold(hub), .light = light, .expose = -1, .forget = true, .done = done, .user = user};
    struct store_batch *batch = store_batch_new();
    keep_add_row(batch, light);
    store_batch_add(batch, "UPDATE lights SET removed_at = ?1, state_has = 0, state_at = NULL WHERE id = ?2", "it",
                    loop_wall_ms(), light->id);
    store_submit(hub->store, batch, edit_committed, edit);
    return 0;
}
