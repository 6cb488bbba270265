#include "mqtt/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct entry **bucket(const struct table *t, const char *name, size_t len)
{
    uint64_t value = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < len; i++) {
        value = (value ^ (uint8_t)name[i]) * 1099511628211u;
    }
    return &t->buckets[(value ^ value >> 32) & (t->size - 1)];
}

static void put(struct table *t, struct entry *entry)
{
    struct entry **at = bucket(t, entry->name, strlen(entry->name));
    entry->next = *at;
    *at = entry;
}

static void grow(struct table *t)
{
    struct table larger = {.size = t->size > 0 ? 2 * t->size : 16, .count = t->count};
    larger.buckets = mem_array(larger.size, sizeof(struct entry *));
    for (size_t i = 0; i < t->size; i++) {
        for (struct entry *e = t->buckets[i], *next; e; e = next) {
            next = e->next;
            put(&larger, e);
        }
    }
    free(t->buckets);
    *t = larger;
}

void table_add(struct table *t, struct entry *entry)
{
    if (t->count >= t->size) {
        grow(t);
    }
    put(t, entry);
    t->count++;
}

void table_remove(struct table *t, struct entry *entry)
{
    struct entry **at = bucket(t, entry->name, strlen(entry->name));
    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    t->count--;
}

struct entry *table_find(const struct table *t, const char *name, size_t len)
{
    struct entry *e = t->size > 0 ? *bucket(t, name, len) : NULL;
    while (e && (strncmp(e->name, name, len) != 0 || e->name[len] != 0)) {
        e = e->next;
    }
    return e;
}

struct entry *table_next(const struct table *t, const struct entry *after)
{
    size_t at = 0;
    if (after) {
        if (after->next) {
            return after->next;
        }
        at = (size_t)(bucket(t, after->name, strlen(after->name)) - t->buckets) + 1;
    }
    while (at < t->size && !t->buckets[at]) {
        at++;
    }
    return at < t->size ? t->buckets[at] : NULL;
}

void table_done(struct table *t)
{
    free(t->buckets);
    *t = (struct table){0};
}
