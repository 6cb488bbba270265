#include "mqtt/way.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "mqtt/dialect.h"
#include "mqtt/text_hash.h"

/* A lamp and the ways to it, best first. */
struct twin {
    struct twin *next; /* of its bucket */
    struct way *ways;
    char address[];
};

struct twins {
    struct twin **buckets;
    size_t size, count;
};

/* ---- by address ---- */

static struct twin **bucket(const struct twins *t, const char *address)
{
    return &t->buckets[text_hash(address, strlen(address)) & (t->size - 1)];
}

static void grow(struct twins *t)
{
    struct twins larger = {.size = t->size > 0 ? 2 * t->size : 32, .count = t->count};
    larger.buckets = mem_array(larger.size, sizeof(struct twin *));
    for (size_t i = 0; i < t->size; i++) {
        for (struct twin *twin = t->buckets[i], *next; twin; twin = next) {
            next = twin->next;
            struct twin **at = bucket(&larger, twin->address);
            twin->next = *at;
            *at = twin;
        }
    }
    free(t->buckets);
    *t = larger;
}

static struct twin *find_or_add(struct twins *t, const char *address)
{
    if (t->count >= t->size) {
        grow(t);
    }
    struct twin **at = bucket(t, address);
    for (struct twin *twin = *at; twin; twin = twin->next) {
        if (strcmp(twin->address, address) == 0) {
            return twin;
        }
    }
    size_t len = strlen(address);
    struct twin *twin = mem_alloc(sizeof *twin + len + 1);
    memcpy(twin->address, address, len + 1);
    twin->next = *at;
    *at = twin;
    t->count++;
    return twin;
}

static void drop(struct twins *t, struct twin *twin)
{
    struct twin **at = bucket(t, twin->address);
    while (*at != twin) {
        at = &(*at)->next;
    }
    *at = twin->next;
    t->count--;
    free(twin);
}

struct twins *twins_new(void)
{
    return mem_alloc(sizeof(struct twins));
}

void twins_free(struct twins *t)
{
    if (t) {
        free(t->buckets);
        free(t);
    }
}

/* ---- ways ---- */

static void enter(struct twin *twin, struct way *way)
{
    struct way **at = &twin->ways;
    while (*at && (*at)->dialect->ops->rank > way->dialect->ops->rank) {
        at = &(*at)->next;
    }
    way->twin = twin;
    way->next = *at;
    *at = way;
}

/* The twin goes with its last way. */
static void leave(struct way *way)
{
    struct twin *twin = way->twin;
    struct way **at = &twin->ways;
    while (*at != way) {
        at = &(*at)->next;
    }
    *at = way->next;
    way->next = NULL;
    way->twin = NULL;
    if (!twin->ways) {
        drop(way->dialect->broker->twins, twin);
    }
}

static struct way *driving(const struct twin *twin)
{
    struct way *way = twin->ways;
    while (way && !way->light) {
        way = way->next;
    }
    return way;
}

void way_take(struct way *way, struct driver_light *light, struct way **ret_self)
{
    way->light = light;
    way->known = (struct light_state){0};
    *ret_self = way;
    way->dialect->ops->attach(way);
}

void way_leave(struct way *way)
{
    pending_end(way, ERR_OFFLINE, "another way to the lamp was found"); /* those that the hub has not ended */
    if (way->dialect->ops->detach) {
        way->dialect->ops->detach(way);
    }
    way->light = NULL;
}

void way_announce(struct way *way, const struct driver_announcement *announcement)
{
    struct broker *broker = way->dialect->broker;
    if (way->twin && strcmp(way->twin->address, announcement->address) != 0) {
        way_withdraw(way);
    }
    if (!way->twin) {
        enter(find_or_add(broker->twins, announcement->address), way);
    }
    struct way *other = driving(way->twin);
    if (way->twin->ways != way) {
        return;
    }
    struct driver_light *light = NULL;
    if (other && other != way && other->dialect->broker == broker) {
        light = other->light;
        way_leave(other); /* the light stays the hub's, and this driver's */
        log_info(driver_name(broker->driver), "%s is driven by %s from now on, not by %s", way->twin->address,
                 way->dialect->ops->name, other->dialect->ops->name);
    }
    broker->announcing = way; /* the hub attaches it from inside, where it has no light of this driver yet */
    (void)driver_announce(broker->driver, announcement);
    broker->announcing = NULL;
    if (light) {
        way_take(way, light, driver_light_self(light));
    }
}

void way_withdraw(struct way *way)
{
    if (!way->twin) {
        return;
    }
    struct way *next = way->twin->ways == way ? way->next : NULL;
    if (way->light && next) {
        struct twin *twin = way->twin;
        /* Until the other has it, this one stays the last of its ways, so that it is found and let go. */
        twin->ways = next;
        struct way **at = &next->next;
        while (*at) {
            at = &(*at)->next;
        }
        *at = way;
        way->next = NULL;
        next->dialect->ops->announce(next);
    }
    struct driver_light *light = way->light;
    leave(way);
    if (light) {
        driver_withdraw(light); /* detaches it */
    }
}

void way_forget(struct way *way)
{
    if (way->twin) {
        leave(way);
    }
}

void way_reaches(const struct way *way, enum light_reach reach)
{
    if (way->light) {
        driver_reachable(way->light, reach);
    }
}
