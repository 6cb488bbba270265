/* The store's side of the lights: loaded once, then written behind. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub/hub_internal.h"

#define BATCH_LIGHTS 500u

static char *column_text(const struct store_row *row, int column)
{
    return mem_text(store_row_text(row, column));
}

static const char *const load_sql =
    "SELECT id, driver, address, kind, name, user_name, room, exposed, manufacturer, model, version, can, min_kelvin, "
    "max_kelvin, removed_at, created_at, state_has, state_on, state_level, state_kelvin, state_hue, state_saturation, "
    "state_mode, state_at, far_room FROM lights ORDER BY created_at, id";

static int load_row(void *user, const struct store_row *row)
{
    struct hub *hub = user;
    const char *id = store_row_text(row, 0);
    const char *kind = store_row_text(row, 1);
    const char *address = store_row_text(row, 2);
    if (!id || strlen(id) >= HUB_LIGHT_ID_SIZE || !kind || !address || hub->light_count == HUB_MAX_LIGHTS) {
        log_warn("hub", "a stored light that cannot be read is left out");
        return 0;
    }
    struct light *l = registry_add(hub, id, kind, address);
    l->profile.kind = (uint8_t)store_row_int(row, 3);
    l->far_name = column_text(row, 4);
    l->user_name = column_text(row, 5);
    l->user_room = column_text(row, 6);
    l->user_expose = store_row_text(row, 7) ? (int)store_row_int(row, 7) : -1;
    l->manufacturer = column_text(row, 8);
    l->model = column_text(row, 9);
    l->version = column_text(row, 10);
    l->profile.can = (uint32_t)store_row_int(row, 11);
    l->profile.min_kelvin = (uint16_t)store_row_int(row, 12);
    l->profile.max_kelvin = (uint16_t)store_row_int(row, 13);
    l->removed_at = store_row_int(row, 14);
    l->removed = l->removed_at != 0;
    l->created_at = hub->last_birth = store_row_int(row, 15); /* rows come in its order */
    l->reported = (struct light_state){
        .has = (uint32_t)store_row_int(row, 16),
        .on = store_row_int(row, 17) != 0,
        .level = (uint16_t)store_row_int(row, 18),
        .kelvin = (uint16_t)store_row_int(row, 19),
        .hue = (uint16_t)store_row_int(row, 20),
        .saturation = (uint16_t)store_row_int(row, 21),
        .mode = (uint8_t)store_row_int(row, 22),
    };
    l->heard_at = store_row_int(row, 23);
    l->far_room = column_text(row, 24);
    light_clamp(&l->reported, &l->profile);
    return 0;
}

int keep_load(struct hub *hub)
{
    return store_read(hub->store, load_sql, load_row, hub, "");
}

/* ---- writing ---- */

static void dirty(struct light *light)
{
    if (!light->in_dirty) {
        light->in_dirty = true;
        light->next_dirty = light->hub->first_dirty;
        light->hub->first_dirty = light;
    }
}

void keep_row(struct light *light)
{
    light->row_dirty = true;
    dirty(light);
    defer_call(light->hub->save_now);
}

void keep_state(struct light *light)
{
    light->state_dirty = true;
    dirty(light);
    if (!timer_active(light->hub->save)) {
        timer_start(light->hub->save, light->hub->config.save_ms);
    }
}

/* The user's own columns are written by hub_light_edit alone: an edit under way must not be overwritten. */
static const char *const row_sql =
    "INSERT INTO lights (id, driver, address, kind, name, manufacturer, model, version, can, min_kelvin, max_kelvin, "
    "removed_at, created_at, far_room) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, nullif(?12, 0), ?13, ?14) "
    "ON CONFLICT (id) DO UPDATE SET kind = ?4, name = ?5, manufacturer = ?6, model = ?7, version = ?8, can = ?9, "
    "min_kelvin = ?10, max_kelvin = ?11, removed_at = nullif(?12, 0), far_room = ?14";
static const char *const state_sql =
    "UPDATE lights SET state_has = ?2, state_on = ?3, state_level = ?4, state_kelvin = ?5, state_hue = ?6, "
    "state_saturation = ?7, state_mode = ?8, state_at = nullif(?9, 0) WHERE id = ?1";

void keep_add_row(struct store_batch *batch, const struct light *l)
{
    store_batch_add(batch, row_sql, "tttittttiiiiit", l->id, l->kind, l->address, (int64_t)l->profile.kind,
                    l->far_name ? l->far_name : l->address, l->manufacturer, l->model, l->version,
                    (int64_t)l->profile.can, (int64_t)l->profile.min_kelvin, (int64_t)l->profile.max_kelvin,
                    l->removed_at, l->created_at, l->far_room);
}

static void add_state(struct store_batch *batch, const struct light *l)
{
    const struct light_state *s = &l->reported;
    store_batch_add(batch, state_sql, "tiiiiiiii", l->id, (int64_t)s->has, (int64_t)s->on, (int64_t)s->level,
                    (int64_t)s->kelvin, (int64_t)s->hue, (int64_t)s->saturation, (int64_t)s->mode, l->heard_at);
}

/* Which lights a batch carries, to be marked again when it failed. */
struct saving {
    struct lifeline *line;
    size_t count;
    struct {
        struct light *light;
        bool row, state;
    } items[BATCH_LIGHTS];
};

static void saved(void *user, int result)
{
    struct saving *s = user;
    struct hub *hub = lifeline_release(s->line);
    if (hub && result != 0 && result != ERR_CANCELLED) {
        for (size_t i = 0; i < s->count; i++) {
            s->items[i].light->row_dirty |= s->items[i].row;
            s->items[i].light->state_dirty |= s->items[i].state;
            dirty(s->items[i].light);
        }
        keep_retry(hub);
    }
    free(s);
}

static void save(struct hub *hub, bool states)
{
    struct light *light = hub->first_dirty;
    hub->first_dirty = NULL;
    while (light) {
        struct saving *s = mem_alloc(sizeof *s);
        struct store_batch *batch = store_batch_new();
        for (; light && s->count < BATCH_LIGHTS;) {
            struct light *next = light->next_dirty;
            bool row = light->row_dirty;
            bool state = states && light->state_dirty;
            light->in_dirty = false;
            if (row) {
                keep_add_row(batch, light);
            }
            if (state) {
                add_state(batch, light);
            }
            light->row_dirty = false;
            light->state_dirty = light->state_dirty && !state;
            if (light->state_dirty) {
                dirty(light);
            }
            if (row || state) {
                s->items[s->count].light = light;
                s->items[s->count].row = row;
                s->items[s->count++].state = state;
            }
            light = next;
        }
        if (s->count > 0) {
            s->line = lifeline_hold(hub);
            store_submit(hub->store, batch, saved, s);
        } else {
            store_batch_free(batch);
            free(s);
        }
    }
}

void keep_retry(struct hub *hub)
{
    timer_start(hub->save, hub->config.retry_ms);
}

void keep_due(void *user)
{
    secret_save(user);
    save(user, true);
}

void keep_rows_due(void *user)
{
    save(user, false);
}

/* At the end nobody waits for the answer: the store commits what it was given before it closes. */
void keep_flush(struct hub *hub)
{
    struct store_batch *batch = store_batch_new();
    size_t count = 0;
    if (store_health(hub->store) == STORE_OK || store_health(hub->store) == STORE_FULL) {
        secret_save(hub);
    } else {
        hub->first_dirty = NULL; /* it takes nothing, and has said so */
    }
    for (struct light *l = hub->first_dirty; l; l = l->next_dirty) {
        if (l->row_dirty) {
            keep_add_row(batch, l);
            count++;
        }
        if (l->state_dirty) {
            add_state(batch, l);
            count++;
        }
    }
    if (count > 0) {
        store_submit(hub->store, batch, NULL, NULL);
    } else {
        store_batch_free(batch);
    }
}
