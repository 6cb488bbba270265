/* Scenes: states of lights under a name, kept in the store. They belong to the house, as its lights do. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "base/url.h"
#include "base/utf8.h"
#include "partner/internal.h"

#define SCENES_MAX 100u
#define SCENE_LIGHTS_MAX 20000u /* in all scenes together */
#define PREFIX "scene_id:"

struct scene_light {
    char id[HUB_LIGHT_ID_SIZE];
    struct light_state state;
};

struct scene {
    struct scene *next;
    char uuid[LIFX_UUID_SIZE];
    char *name;
    int64_t created_ms;
    struct scene_light *lights;
    size_t count;
};

static void scene_free(struct scene *s)
{
    if (s) {
        free(s->name);
        free(s->lights);
        free(s);
    }
}

static struct scene *find(const struct partner *p, const char *uuid)
{
    for (struct scene *s = p->scenes; s; s = s->next) {
        if (strcmp(s->uuid, uuid) == 0) {
            return s;
        }
    }
    return NULL;
}

bool scene_has(const struct partner *p, const char *uuid, const char *light_id)
{
    const struct scene *s = find(p, uuid);
    for (size_t i = 0; s && i < s->count; i++) {
        if (strcmp(s->lights[i].id, light_id) == 0) {
            return true;
        }
    }
    return false;
}

static void put(struct partner *p, struct scene *scene)
{
    struct scene **at = &p->scenes;
    while (*at) {
        at = &(*at)->next;
    }
    *at = scene;
    p->stats.scenes++;
}

/* ---- the store ---- */

static int load_scene(void *user, const struct store_row *row)
{
    struct partner *p = user;
    const char *id = store_row_text(row, 0), *name = store_row_text(row, 1);
    if (!id || strlen(id) != LIFX_UUID_SIZE - 1 || !name) {
        log_warn(LOG, "a stored scene that cannot be read is left out");
        return 0;
    }
    struct scene *s = mem_alloc(sizeof *s);
    memcpy(s->uuid, id, LIFX_UUID_SIZE);
    s->name = mem_text(name);
    s->created_ms = store_row_int(row, 2);
    put(p, s);
    return 0;
}

static void add_light(struct scene *s, const char *id, const struct light_state *state)
{
    s->lights = mem_grow(s->lights, s->count + 1, sizeof s->lights[0]);
    struct scene_light *l = &s->lights[s->count++];
    *l = (struct scene_light){.state = *state};
    memcpy(l->id, id, strlen(id) + 1);
}

static int load_light(void *user, const struct store_row *row)
{
    const char *scene = store_row_text(row, 0), *id = store_row_text(row, 1);
    struct scene *s = scene ? find(user, scene) : NULL;
    if (!s || !id || strlen(id) >= HUB_LIGHT_ID_SIZE) {
        return 0;
    }
    struct light_state state = {
        .has = (uint32_t)store_row_int(row, 2) & LIGHT_ALL,
        .on = store_row_int(row, 3) != 0,
        .level = (uint16_t)store_row_int(row, 4),
        .kelvin = (uint16_t)store_row_int(row, 5),
        .hue = (uint16_t)store_row_int(row, 6),
        .saturation = (uint16_t)store_row_int(row, 7),
        .mode = store_row_int(row, 8) != 0,
    };
    add_light(s, id, &state);
    return 0;
}

int scenes_load(struct partner *p)
{
    int err =
        store_read(p->store, "SELECT id, name, created_at FROM scenes ORDER BY created_at, id", load_scene, p, "");
    if (err == 0) {
        err = store_read(p->store,
                         "SELECT scene, light, state_has, state_on, state_level, state_kelvin, state_hue, "
                         "state_saturation, state_mode FROM scene_lights ORDER BY scene, position",
                         load_light, p, "");
    }
    return err;
}

void scenes_free(struct partner *p)
{
    while (p->scenes) {
        struct scene *s = p->scenes;
        p->scenes = s->next;
        scene_free(s);
    }
}

/* A write on its way; what it changes is changed when it is durable. */
struct scene_write {
    struct waiting waiting;
    struct scene *scene; /* to be added; NULL: `uuid` is to be removed */
    char uuid[LIFX_UUID_SIZE];
};

static void add_rows(struct store_batch *batch, const struct scene *s)
{
    store_batch_add(batch, "INSERT INTO scenes (id, name, created_at) VALUES (?1, ?2, ?3)", "tti", s->uuid, s->name,
                    s->created_ms);
    for (size_t i = 0; i < s->count; i++) {
        const struct light_state *st = &s->lights[i].state;
        store_batch_add(batch,
                        "INSERT INTO scene_lights (scene, position, light, state_has, state_on, state_level, "
                        "state_kelvin, state_hue, state_saturation, state_mode) "
                        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                        "titiiiiiii", s->uuid, (int64_t)i, s->lights[i].id, (int64_t)st->has, (int64_t)st->on,
                        (int64_t)st->level, (int64_t)st->kelvin, (int64_t)st->hue, (int64_t)st->saturation,
                        (int64_t)st->mode);
    }
}

/* ---- JSON ---- */

static void write_scene(struct json_out *j, const struct partner *p, const struct scene *s)
{
    char account[LIFX_UUID_SIZE];
    lifx_uuid(&p->house, "account", account);
    json_begin_object(j);
    json_member_text(j, "uuid", s->uuid);
    json_member_text(j, "name", s->name);
    json_member_object(j, "account");
    json_member_text(j, "uuid", account);
    json_end_object(j);
    json_member_array(j, "states");
    for (size_t i = 0; i < s->count; i++) {
        struct str selector = STR_INIT;
        str_printf(&selector, "id:%s", s->lights[i].id);
        json_begin_object(j);
        json_member_text(j, "selector", str_z(&selector));
        lifx_state_members(j, &s->lights[i].state);
        json_end_object(j);
        str_done(&selector);
    }
    json_end_array(j);
    json_member_int(j, "created_at", s->created_ms / 1000);
    json_member_int(j, "updated_at", s->created_ms / 1000);
    json_end_object(j);
}

void partner_scenes(struct http_exchange *x, void *context)
{
    struct partner *p = context;
    struct str body = STR_INIT;
    struct json_out j;
    if (!request_begins(p, x)) {
        return;
    }
    json_out_init(&j, &body);
    json_begin_array(&j);
    for (const struct scene *s = p->scenes; s; s = s->next) {
        write_scene(&j, p, s);
    }
    json_end_array(&j);
    answer_json(x, 200, &body);
}

/* ---- making and removing ---- */

static void wrote(void *user, int result)
{
    struct scene_write *w = user;
    struct partner *p = w->waiting.partner;
    if (p && result == 0 && w->scene) {
        struct str body = STR_INIT;
        struct json_out j;
        put(p, w->scene);
        json_out_init(&j, &body);
        write_scene(&j, p, w->scene);
        w->scene = NULL;
        answer_json(w->waiting.x, 201, &body);
    } else if (p && result == 0) {
        for (struct scene **at = &p->scenes; *at; at = &(*at)->next) {
            if (strcmp((*at)->uuid, w->uuid) == 0) {
                struct scene *gone = *at;
                *at = gone->next;
                scene_free(gone);
                p->stats.scenes--;
                break;
            }
        }
        http_answer(w->waiting.x, 204, NULL, NULL);
    } else if (p) {
        answer_store_trouble(w->waiting.x, result);
    }
    wait_ends(&w->waiting);
    scene_free(w->scene);
    free(w);
}

static void draw_uuid(char ret_uuid[LIFX_UUID_SIZE])
{
    uint8_t random[16];
    struct str hex = STR_INIT;
    secrets_random(random, sizeof random);
    random[6] = (uint8_t)((random[6] & 0x0f) | 0x40); /* RFC 9562 5.4 */
    random[8] = (uint8_t)((random[8] & 0x3f) | 0x80);
    secrets_hex(&hex, random, sizeof random);
    for (size_t i = 0, k = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20) {
            ret_uuid[k++] = '-';
        }
        ret_uuid[k++] = hex.data[i];
    }
    ret_uuid[LIFX_UUID_SIZE - 1] = 0;
    str_done(&hex);
}

static size_t lights_in_all(const struct partner *p)
{
    size_t count = 0;
    for (const struct scene *s = p->scenes; s; s = s->next) {
        count += s->count;
    }
    return count;
}

/* The scene of how these lights are now; of those that were never heard of nothing is known. */
static struct scene *capture(const char *name, const struct selection *lights)
{
    struct scene *s = mem_alloc(sizeof *s);
    draw_uuid(s->uuid);
    s->name = mem_text(name);
    s->created_ms = loop_wall_ms();
    for (size_t i = 0; i < lights->count; i++) {
        struct light_info info;
        hub_light_info(lights->lights[i], &info);
        struct light_state state = lifx_state(&info);
        if (state.has) {
            add_light(s, info.id, &state);
        }
    }
    return s;
}

static void store_scene(struct partner *p, struct http_exchange *x, struct scene *scene)
{
    struct scene_write *w = mem_alloc(sizeof *w);
    struct store_batch *batch = store_batch_new();
    w->scene = scene;
    wait_begins(p, &w->waiting, x);
    add_rows(batch, scene);
    store_submit(p->store, batch, wrote, w);
}

void partner_scene_add(struct http_exchange *x, void *context)
{
    struct partner *p = context;
    struct asked asked;
    struct faults faults = {0};
    struct selection lights = {0};
    const char *name = NULL, *selector = "all";
    if (!request_begins(p, x)) {
        return;
    }
    if (!asked_read(x, &asked)) {
        asked_done(&asked);
        return;
    }
    (void)params_text(&asked.params, "selector", &faults, &selector);
    if (params_text(&asked.params, "name", &faults, &name) == GIVEN_NOT || (name && !*name)) {
        faults_add(&faults, "name", "is missing");
    } else if (name &&
               (!utf8_valid(name, strlen(name)) || utf8_prefix(name, strlen(name), HUB_NAME_MAX) < strlen(name))) {
        faults_add(&faults, "name", "is longer than 100 characters");
    }
    if (p->stats.scenes >= SCENES_MAX) {
        faults_add(&faults, "name", "there are 100 scenes already: remove one first");
    }
    if (p->unread) {
        answer_store_trouble(x, ERR_LOST);
    } else if (faults.count > 0) {
        answer_faults(x, &faults);
    } else if (select_lights(p, x, selector, &lights)) {
        if (lights_in_all(p) + lights.count > SCENE_LIGHTS_MAX) {
            faults_add(&faults, "selector", "the scenes have 20000 lights together already: remove one first");
            answer_faults(x, &faults);
        } else {
            store_scene(p, x, capture(name, &lights));
        }
    }
    selection_done(&lights);
    asked_done(&asked);
}

/* The scene that the path names; NULL: 404 was answered. */
static struct scene *scene_of(struct partner *p, struct http_exchange *x)
{
    struct str text = STR_INIT;
    const char *tail = http_tail(x);
    size_t prefix = strlen(PREFIX);
    struct scene *s = NULL;
    if (url_decode(&text, tail, strlen(tail), false) == 0 && strncmp(str_z(&text), PREFIX, prefix) == 0) {
        s = find(p, str_z(&text) + prefix);
    }
    str_done(&text);
    if (!s) {
        answer_not_found(x, "there is no such scene; right would be /v1/scenes/scene_id:UUID");
    }
    return s;
}

void partner_scene_remove(struct http_exchange *x, void *context)
{
    struct partner *p = context;
    const struct scene *s = request_begins(p, x) ? scene_of(p, x) : NULL;
    if (s) {
        struct scene_write *w = mem_alloc(sizeof *w);
        struct store_batch *batch = store_batch_new();
        memcpy(w->uuid, s->uuid, sizeof w->uuid);
        wait_begins(p, &w->waiting, x);
        store_batch_add(batch, "DELETE FROM scenes WHERE id = ?1", "t", s->uuid);
        store_submit(p->store, batch, wrote, w);
    }
}

/* ---- activating ---- */

static uint32_t ignored_members(const struct params *params, struct faults *faults)
{
    static const struct {
        const char *name;
        uint32_t members;
    } rows[] = {{"power", LIGHT_ON},      {"brightness", LIGHT_LEVEL},
                {"hue", LIGHT_HUE},       {"saturation", LIGHT_SATURATION},
                {"kelvin", LIGHT_KELVIN}, {"color", LIGHT_COLOR | LIGHT_KELVIN},
                {"infrared", 0},          {"duration", 0}};
    const struct json *list = params->object ? json_get(params->object, "ignore") : NULL;
    uint32_t members = 0;
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        const char *name = json_text(v);
        for (size_t i = 0; name && i < sizeof rows / sizeof rows[0]; i++) {
            members |= strcmp(rows[i].name, name) == 0 ? rows[i].members : 0;
        }
    }
    if (list && !json_is_null(list) && !json_is_array(list)) {
        faults_add(faults, "ignore", "is a list of power, brightness, color, hue, saturation, kelvin");
    }
    return members;
}

/* As it was: in the mode that it had. */
static struct light_state wanted(const struct light_state *was, uint32_t ignore)
{
    struct light_state want = *was;
    bool white = (was->has & LIGHT_MODE) ? was->mode == LIGHT_MODE_WHITE : !(was->has & LIGHT_COLOR);
    want.has &= ~(white ? (uint32_t)LIGHT_COLOR : (uint32_t)LIGHT_KELVIN) & ~(uint32_t)LIGHT_MODE & ~ignore;
    return want;
}

static struct command *activation(struct partner *p, const struct scene *s, const struct order *order, uint32_t ignore)
{
    struct command *c = command_new();
    struct wish *w = command_add(c, s->count);
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct light *light = hub_light_find(p->hub, s->lights[i].id);
        struct light_info info;
        if (light) {
            hub_light_info(light, &info);
        }
        if (light && lifx_shown(&info)) {
            w[count] = (struct wish){light, wanted(&s->lights[i].state, ignore), 0, order->transition_ms};
            light_command_add(&w[count++].want, &order->want);
        }
    }
    c->operations[0].count = c->wish_count = count;
    return c;
}

void partner_scene_activate(struct http_exchange *x, void *context)
{
    struct partner *p = context;
    struct asked asked;
    struct faults faults = {0};
    struct order order = {0}, overrides = {0};
    if (!request_begins(p, x)) {
        return;
    }
    if (!asked_read(x, &asked)) {
        asked_done(&asked);
        return;
    }
    const struct json *over = asked.params.object ? json_get(asked.params.object, "overrides") : NULL;
    order_read_pace(&asked.params, &faults, &order);
    if (json_is_object(over)) {
        (void)strcpy(faults.prefix, "overrides.");
        order_read(&(struct params){.object = over}, NULL, 0, &faults, &overrides);
        order.want = overrides.want;
        faults.prefix[0] = 0;
    }
    uint32_t ignore = ignored_members(&asked.params, &faults);
    if (faults.count > 0) {
        answer_faults(x, &faults);
    } else {
        const struct scene *s = scene_of(p, x);
        if (s) {
            command_send(p, activation(p, s, &order, ignore), x, order.fast);
        }
    }
    asked_done(&asked);
}
