/* What drivers remember, and whose nonsense they have logged. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "hub/hub_internal.h"

#define MAX_GARBAGE 256u /* senders remembered for each instance */

struct secret {
    struct secret *next;
    char *driver, *key;
    void *bytes;
    size_t len;
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

void driver_secret_put(struct driver *driver, const char *key, const void *bytes, size_t len)
{
    struct store_batch *batch = store_batch_new();
    struct secret **at = find(driver->hub, driver->name, key);
    if (*at) {
        struct secret *old = *at;
        *at = old->next;
        free_one(old);
    }
    if (len > 0) {
        struct secret *s = mem_alloc(sizeof *s);
        *s = (struct secret){driver->hub->secrets, mem_text(driver->name), mem_text(key), mem_text_n(bytes, len), len};
        driver->hub->secrets = s;
        store_batch_add(batch, "INSERT OR REPLACE INTO driver_secrets (driver, key, value) VALUES (?1, ?2, ?3)", "ttb",
                        driver->name, key, bytes, len);
    } else {
        store_batch_add(batch, "DELETE FROM driver_secrets WHERE driver = ?1 AND key = ?2", "tt", driver->name, key);
    }
    store_submit(driver->hub->store, batch, NULL, NULL);
}

const void *driver_secret_get(struct driver *driver, const char *key, size_t *ret_len)
{
    struct secret *s = *find(driver->hub, driver->name, key);
    if (s) {
        *ret_len = s->len;
    }
    return s ? s->bytes : NULL;
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
