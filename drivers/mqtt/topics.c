#include "mqtt/topics.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "loop/loop.h"
#include "mqtt/connection.h"
#include "mqtt/dialect.h"
#include "mqtt/text_hash.h"

#define TOPIC_MAX 65535u /* bytes: MQTT 3.1.1, 1.5.3 */

struct topic {
    struct topic *next;        /* of its bucket */
    struct topic *next_queued; /* to be subscribed */
    struct listener *listeners;
    bool queued;
    char name[];
};

struct topics {
    struct loop *loop;
    struct connection *connection;
    struct topic **buckets;
    size_t size, count;
    struct topic *first_queued, **last_queued;
    struct defer *flush;
    bool up;
};

/* ---- by name ---- */

static struct topic **bucket(const struct topics *t, const char *name)
{
    return &t->buckets[text_hash(name, strlen(name)) & (t->size - 1)];
}

static void grow(struct topics *t)
{
    struct topics larger = *t;
    larger.size = t->size > 0 ? 2 * t->size : 32;
    larger.buckets = mem_array(larger.size, sizeof(struct topic *));
    for (size_t i = 0; i < t->size; i++) {
        for (struct topic *topic = t->buckets[i], *next; topic; topic = next) {
            next = topic->next;
            struct topic **at = bucket(&larger, topic->name);
            topic->next = *at;
            *at = topic;
        }
    }
    free(t->buckets);
    t->buckets = larger.buckets;
    t->size = larger.size;
}

static struct topic *find(const struct topics *t, const char *name)
{
    struct topic *topic = t->size > 0 ? *bucket(t, name) : NULL;
    while (topic && strcmp(topic->name, name) != 0) {
        topic = topic->next;
    }
    return topic;
}

static struct topic *add(struct topics *t, const char *name)
{
    size_t len = strlen(name);
    struct topic *topic = mem_alloc(sizeof *topic + len + 1);
    memcpy(topic->name, name, len + 1);
    if (t->count >= t->size) {
        grow(t);
    }
    struct topic **at = bucket(t, name);
    topic->next = *at;
    *at = topic;
    t->count++;
    return topic;
}

/* ---- subscribing ---- */

static void enqueue(struct topics *t, struct topic *topic)
{
    if (topic->queued || !t->up) {
        return; /* all are subscribed when the broker is there */
    }
    topic->queued = true;
    topic->next_queued = NULL;
    *t->last_queued = topic;
    t->last_queued = &topic->next_queued;
    defer_call(t->flush);
}

static struct topic *dequeue(struct topics *t)
{
    struct topic *topic = t->first_queued;
    if (topic) {
        t->first_queued = topic->next_queued;
        if (!t->first_queued) {
            t->last_queued = &t->first_queued;
        }
        topic->queued = false;
    }
    return topic;
}

static void remove_topic(struct topics *t, struct topic *topic)
{
    struct topic **at = bucket(t, topic->name);
    while (*at != topic) {
        at = &(*at)->next;
    }
    *at = topic->next;
    t->count--;
    free(topic);
}

/* What is listened to is subscribed; what is not any more is unsubscribed and gone. */
void topics_flush(struct topics *t)
{
    while (t->first_queued) {
        struct topic *left[CONNECTION_MAX_FILTERS];
        char *wanted[CONNECTION_MAX_FILTERS], *unwanted[CONNECTION_MAX_FILTERS];
        size_t wanted_count = 0, left_count = 0;
        while (t->first_queued && wanted_count < CONNECTION_MAX_FILTERS && left_count < CONNECTION_MAX_FILTERS) {
            struct topic *topic = dequeue(t);
            if (topic->listeners) {
                wanted[wanted_count++] = topic->name;
            } else {
                unwanted[left_count] = topic->name;
                left[left_count++] = topic;
            }
        }
        connection_subscribe(t->connection, wanted, wanted_count, 0);
        connection_unsubscribe(t->connection, unwanted, left_count);
        for (size_t i = 0; i < left_count; i++) {
            remove_topic(t, left[i]);
        }
    }
}

static void flush(void *user)
{
    topics_flush(user);
}

void topics_up(struct topics *t)
{
    t->up = true;
    for (size_t i = 0; i < t->size; i++) {
        for (struct topic *topic = t->buckets[i]; topic; topic = topic->next) {
            enqueue(t, topic); /* with those that were left meanwhile: they go with this */
        }
    }
    topics_flush(t);
}

void topics_down(struct topics *t)
{
    if (t) {
        t->up = false;
        while (dequeue(t)) {
        }
    }
}

/* ---- listening ---- */

bool topics_good(const char *topic)
{
    size_t len = strlen(topic);
    if (len == 0 || len > TOPIC_MAX || !utf8_valid(topic, len)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)topic[i] < 0x20 || topic[i] == 0x7f || topic[i] == '+' || topic[i] == '#') {
            return false;
        }
    }
    return true;
}

bool topics_listen(struct topics *t, struct listener *listener, struct dialect *dialect, uint8_t what, const char *name)
{
    if (listener->topic && strcmp(listener->topic->name, name) == 0) {
        return true;
    }
    topics_leave(t, listener);
    if (!topics_good(name)) {
        return false;
    }
    struct topic *topic = find(t, name);
    topic = topic ? topic : add(t, name);
    *listener = (struct listener){
        .next = topic->listeners, .at = &topic->listeners, .topic = topic, .dialect = dialect, .what = what};
    if (listener->next) {
        listener->next->at = &listener->next;
    }
    topic->listeners = listener;
    enqueue(t, topic);
    return true;
}

void topics_leave(struct topics *t, struct listener *listener)
{
    struct topic *topic = listener->topic;
    if (!topic) {
        return;
    }
    *listener->at = listener->next;
    if (listener->next) {
        listener->next->at = listener->at;
    }
    *listener = (struct listener){0};
    if (!topic->listeners) {
        enqueue(t, topic); /* soon: perhaps somebody wants it again, and many go in one packet */
    }
}

const char *topics_name(const struct listener *listener)
{
    return listener->topic ? listener->topic->name : NULL;
}

bool topics_heard(struct topics *t, const char *name, const char *payload, size_t len)
{
    struct topic *topic = find(t, name);
    if (!topic || !topic->listeners) {
        return false;
    }
    for (struct listener *l = topic->listeners, *next; l; l = next) {
        next = l->next; /* l may leave, or be freed; the topic goes later */
        l->dialect->ops->heard(l->dialect, l, payload, len);
    }
    return true;
}

struct topics *topics_new(struct loop *loop, struct connection *connection)
{
    struct topics *t = mem_alloc(sizeof *t);
    t->loop = loop;
    t->connection = connection;
    t->last_queued = &t->first_queued;
    t->flush = defer_new(loop, flush, t);
    return t;
}

void topics_free(struct topics *t)
{
    if (t) {
        defer_free(t->flush);
        for (size_t i = 0; i < t->size; i++) {
            for (struct topic *topic = t->buckets[i], *next; topic; topic = next) {
                next = topic->next;
                free(topic); /* it was left, and is not unsubscribed any more */
            }
        }
        free(t->buckets);
        free(t);
    }
}
