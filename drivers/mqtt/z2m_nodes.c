/* The nodes of a base topic in two hash tables, and the makes of lamps, each kept once. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mqtt/text_hash.h"
#include "mqtt/z2m_internal.h"

/* Lamps of one make, counted. */
struct z2m_make {
    struct z2m_lamp lamp; /* first, so that a lamp is found back to its make */
    struct z2m_make *next;
    size_t users;
};

static struct z2m_node **name_bucket(const struct z2m_nodes *nodes, const char *name, size_t len)
{
    return &nodes->by_name[text_hash(name, len) & (nodes->size - 1)];
}

static struct z2m_node **id_bucket(const struct z2m_nodes *nodes, const char *id)
{
    return &nodes->by_id[text_hash(id, strlen(id)) & (nodes->size - 1)];
}

struct z2m_node *z2m_nodes_named(const struct z2m_nodes *nodes, const char *name, size_t len)
{
    if (nodes->size == 0) {
        return NULL;
    }
    for (struct z2m_node *n = *name_bucket(nodes, name, len); n; n = n->next_by_name) {
        if (strncmp(n->name, name, len) == 0 && n->name[len] == 0) {
            return n;
        }
    }
    return NULL;
}

struct z2m_node *z2m_nodes_find(const struct z2m_nodes *nodes, const char *id)
{
    if (nodes->size == 0) {
        return NULL;
    }
    for (struct z2m_node *n = *id_bucket(nodes, id); n; n = n->next_by_id) {
        if (strcmp(n->id, id) == 0) {
            return n;
        }
    }
    return NULL;
}

static void put_name(struct z2m_nodes *nodes, struct z2m_node *node)
{
    struct z2m_node **at = name_bucket(nodes, node->name, strlen(node->name));
    node->next_by_name = *at;
    *at = node;
}

static void take_name(struct z2m_nodes *nodes, struct z2m_node *node)
{
    struct z2m_node **at = name_bucket(nodes, node->name, strlen(node->name));
    while (*at != node) {
        at = &(*at)->next_by_name;
    }
    *at = node->next_by_name;
}

static void put_id(struct z2m_nodes *nodes, struct z2m_node *node)
{
    struct z2m_node **at = id_bucket(nodes, node->id);
    node->next_by_id = *at;
    *at = node;
}

static void grow(struct z2m_nodes *nodes)
{
    struct z2m_nodes larger = *nodes;
    larger.size = nodes->size > 0 ? 2 * nodes->size : 32;
    larger.by_name = mem_array(larger.size, sizeof(struct z2m_node *));
    larger.by_id = mem_array(larger.size, sizeof(struct z2m_node *));
    for (struct z2m_node *n = z2m_nodes_next(nodes, NULL), *next; n; n = next) {
        next = z2m_nodes_next(nodes, n);
        put_name(&larger, n);
        put_id(&larger, n);
    }
    free(nodes->by_name);
    free(nodes->by_id);
    nodes->by_name = larger.by_name;
    nodes->by_id = larger.by_id;
    nodes->size = larger.size;
}

struct z2m_node *z2m_nodes_add(struct z2m_nodes *nodes, const char *id, const char *name)
{
    struct z2m_node *node = mem_alloc(sizeof *node);
    if (nodes->count >= nodes->size) {
        grow(nodes);
    }
    node->id = mem_text(id);
    node->name = mem_text(name);
    put_name(nodes, node);
    put_id(nodes, node);
    nodes->count++;
    return node;
}

void z2m_nodes_rename(struct z2m_nodes *nodes, struct z2m_node *node, const char *name)
{
    take_name(nodes, node);
    free(node->name);
    node->name = mem_text(name);
    put_name(nodes, node);
}

void z2m_nodes_remove(struct z2m_nodes *nodes, struct z2m_node *node)
{
    struct z2m_node **at = id_bucket(nodes, node->id);
    take_name(nodes, node);
    while (*at != node) {
        at = &(*at)->next_by_id;
    }
    *at = node->next_by_id;
    nodes->count--;
    for (size_t i = 0; i < node->count; i++) {
        z2m_nodes_make_release(nodes, node->slots[i]->lamp);
        free(node->slots[i]);
    }
    free(node->slots);
    free(node->product);
    free(node->name);
    free(node->id);
    free(node);
}

struct z2m_node *z2m_nodes_next(const struct z2m_nodes *nodes, const struct z2m_node *after)
{
    size_t bucket = 0;
    if (after) {
        if (after->next_by_id) {
            return after->next_by_id;
        }
        bucket = (size_t)(id_bucket(nodes, after->id) - nodes->by_id) + 1;
    }
    while (bucket < nodes->size && !nodes->by_id[bucket]) {
        bucket++;
    }
    return bucket < nodes->size ? nodes->by_id[bucket] : NULL;
}

void z2m_nodes_done(struct z2m_nodes *nodes)
{
    struct z2m_node *node;
    while ((node = z2m_nodes_next(nodes, NULL))) {
        z2m_nodes_remove(nodes, node);
    }
    free(nodes->by_name);
    free(nodes->by_id);
    *nodes = (struct z2m_nodes){0};
}

const struct z2m_lamp *z2m_nodes_make_take(struct z2m_nodes *nodes, const struct z2m_lamp *lamp)
{
    struct z2m_make *make = nodes->makes;
    /* Padding counts too: each was zeroed as a whole. Otherwise a lamp is kept twice, and that is all. */
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c)
    while (make && memcmp(&make->lamp, lamp, sizeof *lamp) != 0) {
        make = make->next;
    }
    if (!make) {
        make = mem_alloc(sizeof *make);
        memcpy(&make->lamp, lamp, sizeof *lamp); /* with its padding, which was zeroed */
        make->next = nodes->makes;
        nodes->makes = make;
    }
    make->users++;
    return &make->lamp;
}

void z2m_nodes_make_release(struct z2m_nodes *nodes, const struct z2m_lamp *lamp)
{
    struct z2m_make **at = &nodes->makes;
    while (&(*at)->lamp != lamp) {
        at = &(*at)->next;
    }
    struct z2m_make *make = *at;
    if (--make->users == 0) {
        *at = make->next;
        free(make);
    }
}
