#include "sim/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct entry {
    char *name; /* NULL: free */
    size_t len;
    uint32_t number;
};

/* Open addressing with linear probing, at most half full. */
struct names {
    struct entry *entries;
    size_t size; /* a power of two */
    size_t count;
};

static size_t hash(const char *name, size_t len)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < len; i++) {
        h = (h ^ (unsigned char)name[i]) * 1099511628211u;
    }
    return (size_t)(h ^ (h >> 32));
}

static struct entry *find(const struct names *n, const char *name, size_t len)
{
    size_t i = hash(name, len) & (n->size - 1);
    while (n->entries[i].name && (n->entries[i].len != len || memcmp(n->entries[i].name, name, len) != 0)) {
        i = (i + 1) & (n->size - 1);
    }
    return &n->entries[i];
}

struct names *names_new(void)
{
    struct names *n = mem_alloc(sizeof *n);
    n->size = 64;
    n->entries = mem_array(n->size, sizeof *n->entries);
    return n;
}

void names_free(struct names *n)
{
    if (n) {
        for (size_t i = 0; i < n->size; i++) {
            free(n->entries[i].name);
        }
        free(n->entries);
        free(n);
    }
}

static void rehash(struct names *n, size_t size)
{
    struct entry *old = n->entries;
    size_t count = n->size;
    n->entries = mem_array(size, sizeof *n->entries);
    n->size = size;
    for (size_t i = 0; i < count; i++) {
        if (old[i].name) {
            *find(n, old[i].name, old[i].len) = old[i];
        }
    }
    free(old);
}

bool names_put(struct names *n, const char *name, uint32_t number)
{
    if (2 * (n->count + 1) > n->size) {
        rehash(n, n->size * 2);
    }
    struct entry *e = find(n, name, strlen(name));
    if (e->name) {
        return false;
    }
    *e = (struct entry){mem_text(name), strlen(name), number};
    n->count++;
    return true;
}

/* The entries behind a gap are put again, so that no search ends at it too early. */
void names_drop(struct names *n, const char *name)
{
    struct entry *e = find(n, name, strlen(name));
    if (!e->name) {
        return;
    }
    free(e->name);
    e->name = NULL;
    n->count--;
    for (size_t i = ((size_t)(e - n->entries) + 1) & (n->size - 1); n->entries[i].name; i = (i + 1) & (n->size - 1)) {
        struct entry moved = n->entries[i];
        n->entries[i].name = NULL;
        *find(n, moved.name, moved.len) = moved;
    }
}

bool names_get(const struct names *n, const char *name, size_t len, uint32_t *ret_number)
{
    const struct entry *e = find(n, name, len);
    if (!e->name) {
        return false;
    }
    *ret_number = e->number;
    return true;
}
