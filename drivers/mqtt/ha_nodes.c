/* Lamps that were announced, by the topic and the component that did it. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mqtt/ha_internal.h"
#include "mqtt/text_hash.h"

/* By the topic alone, so that all of a device lie together. */
static struct ha_node **bucket(const struct ha *h, const char *topic, size_t len)
{
    return &h->buckets[text_hash(topic, len) & (h->size - 1)];
}

static size_t topic_len(const struct ha_node *node)
{
    return (size_t)(strchr(node->key, '#') - node->key); /* no topic has that sign in it */
}

static bool is_of(const struct ha_node *node, const char *topic)
{
    size_t len = topic_len(node);
    return strncmp(node->key, topic, len) == 0 && topic[len] == 0;
}

struct ha_node *ha_node_find(const struct ha *h, const char *topic, const char *component)
{
    struct ha_node *node = h->size > 0 ? *bucket(h, topic, strlen(topic)) : NULL;
    while (node && !(is_of(node, topic) && strcmp(node->key + topic_len(node) + 1, component) == 0)) {
        node = node->next;
    }
    return node;
}

struct ha_node *ha_node_of_topic(const struct ha *h, const char *topic)
{
    struct ha_node *node = h->size > 0 ? *bucket(h, topic, strlen(topic)) : NULL;
    while (node && !is_of(node, topic)) {
        node = node->next;
    }
    return node;
}

static void grow(struct ha *h)
{
    struct ha larger = {.size = h->size > 0 ? 2 * h->size : 32};
    larger.buckets = mem_array(larger.size, sizeof(struct ha_node *));
    for (size_t i = 0; i < h->size; i++) {
        for (struct ha_node *node = h->buckets[i], *next; node; node = next) {
            next = node->next;
            struct ha_node **at = bucket(&larger, node->key, topic_len(node));
            node->next = *at;
            *at = node;
        }
    }
    free(h->buckets);
    h->buckets = larger.buckets;
    h->size = larger.size;
}

struct ha_node *ha_node_add(struct ha *h, const char *topic, const char *component)
{
    size_t len = strlen(topic);
    size_t more = strlen(component);
    struct ha_node *node = mem_alloc(sizeof *node + len + 1 + more + 1);
    memcpy(node->key, topic, len);
    node->key[len] = '#';
    memcpy(node->key + len + 1, component, more + 1);
    node->way.dialect = &h->dialect;
    if (h->count >= h->size) {
        grow(h);
    }
    struct ha_node **at = bucket(h, topic, len);
    node->next = *at;
    *at = node;
    h->count++;
    return node;
}

void ha_node_remove(struct ha *h, struct ha_node *node)
{
    struct ha_node **at = bucket(h, node->key, topic_len(node));
    while (*at != node) {
        at = &(*at)->next;
    }
    *at = node->next;
    h->count--;
    ha_lamp_done(&node->lamp);
    free(node);
}

struct ha_node *ha_node_next(const struct ha *h, const struct ha_node *after)
{
    size_t place = 0;
    if (after) {
        if (after->next) {
            return after->next;
        }
        place = (size_t)(bucket(h, after->key, topic_len(after)) - h->buckets) + 1;
    }
    while (place < h->size && !h->buckets[place]) {
        place++;
    }
    return place < h->size ? h->buckets[place] : NULL;
}
