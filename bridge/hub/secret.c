/* What drivers remember, and whose nonsense they have logged. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "hub/hub_internal.h"

#define MAX_GARBAGE 256u /* senders remembered for each instance */

struct secret {
    struct secret *next;
    char *driver, *key;
    void *bytes; /* len 0: removed; the entry stays, for what the store has still to be told */
    size_t len;
    bool dirty;
};

/* Which secret a batch carries, to be marked again when it failed. */
struct secret_saving {
    struct lifeline *line;
    char *driver, *key;
};

static int load_row(void *user, const struct store_row *row)
{
    struct hub *hub = user;
    struct secret *s = mem_alloc(sizeof *s);
    const void *bytes = store_row_blob(row, 2, &s->len);
    s->driver = mem_text(store_row_text(row, 0));
    s->key = mem_text(store_row_text(row, 1));
    s->bytes = mem_text_n(bytes, s->len);
    s->next = hub->secrets;
    hub->secrets = s;
    return 0;
}

int secret_load(struct hub *hub)
{
    return store_read(hub->store, "SELECT driver, key, value FROM driver_secrets", load_row, hub, "");
}

static void free_one(struct secret *s)
{
    secrets_wipe(s->bytes, s->len);
    free(s->bytes);
    free(s->driver);
    free(s->key);
    free(s);
}

void secret_free(struct hub *hub)
{
    while (hub->secrets) {
        struct secret *s = hub->secrets;
        hub->secrets = s->next;
        free_one(s);
    }
}

static struct secret **find(struct hub *hub, const char *driver, const char *key)
{
    struct secret **at = &hub->secrets;
    while (*at && (strcmp((*at)->driver, driver) != 0 || strcmp((*at)->key, key) != 0)) {
        at = &(*at)->next;
    }
    return at;
}

static void saved(void *user, int result)
{
    struct secret_saving *saving = user;
    struct hub *hub = lifeline_release(saving->line);
    if (hub && result != 0 && result != ERR_CANCELLED) {
        struct secret *s = *find(hub, saving->driver, saving->key);
        if (s) {
            s->dirty = true;
        }
        keep_retry(hub);
    }
    free(saving->driver);
    free(saving->key);
    free(saving);
}

static void submit(struct hub *hub, struct secret *s)
{
    struct store_batch *batch = store_batch_new();
    struct secret_saving *saving = mem_alloc(sizeof *saving);
    *saving = (struct secret_saving){lifeline_hold(hub), mem_text(s->driver), mem_text(s->key)};
    if (s->len > 0) {
        store_batch_add(batch, "INSERT OR REPLACE INTO driver_secrets (driver, key, value) VALUES (?1, ?2, ?3)", "ttb",
                        s->driver, s->key, s->bytes, s->len);
    } else {
        store_batch_add(batch, "DELETE FROM driver_secrets WHERE driver = ?1 AND key = ?2", "tt", s->driver, s->key);
    }
    s->dirty = false;
    store_submit(hub->store, batch, saved, saving);
}

void secret_save(struct hub *hub)
{
    for (struct secret *s = hub->secrets; s; s = s->next) {
        if (s->dirty) {
            submit(hub, s);
        }
    }
}

void driver_secret_put(struct driver *driver, const char *key, const void *bytes, size_t len)
{
    struct hub *hub = driver->hub;
    struct secret *s = *find(hub, driver->name, key);
    if (!s) {
        s = mem_alloc(sizeof *s);
        *s = (struct secret){.next = hub->secrets, .driver = mem_text(driver->name), .key = mem_text(key)};
        hub->secrets = s;
    }
    void *copy = mem_text_n(bytes, len); /* before the old ones go: they may be what is put */
    secrets_wipe(s->bytes, s->len);
    free(s->bytes);
    s->bytes = copy;
    s->len = len;
    submit(hub, s);
}

const void *driver_secret_get(struct driver *driver, const char *key, size_t *ret_len)
{
    struct secret *s = *find(driver->hub, driver->name, key);
    if (!s || s->len == 0) {
        return NULL;
    }
    *ret_len = s->len;
    return s->bytes;
}

/* ---- nonsense ---- */

struct garbage {
    size_t count;
    char *from[MAX_GARBAGE];
};

void driver_garbage(struct driver *driver, const char *from, const char *what)
{
    struct garbage *g = driver->garbage;
    driver->hub->stats.garbage++;
    if (!g) {
        g = driver->garbage = mem_alloc(sizeof *g);
    }
    for (size_t i = 0; i < g->count; i++) {
        if (strcmp(g->from[i], from) == 0) {
            return;
        }
    }
    if (g->count < MAX_GARBAGE) {
        g->from[g->count++] = mem_text(from);
        log_warn(driver->name, "a message from %s was dropped: %s (further ones are only counted)", from, what);
    }
}

void garbage_free(struct driver *driver)
{
    for (size_t i = 0; driver->garbage && i < driver->garbage->count; i++) {
        free(driver->garbage->from[i]);
    }
    free(driver->garbage);
}
