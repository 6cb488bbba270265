#include "http/crowd.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/secrets.h"

struct source {
    struct source *next; /* in its bucket */
    char name[INET6_ADDRSTRLEN];
    unsigned bucket;
    unsigned count;
    struct crowd_link peers;
};

/* ---- lists ---- */

static void clear(struct crowd_link *l)
{
    l->next = l->previous = l;
}

static void take_out(struct crowd_link *l)
{
    l->next->previous = l->previous;
    l->previous->next = l->next;
    clear(l);
}

static void to_end(struct crowd_link *list, struct crowd_link *l)
{
    take_out(l);
    l->previous = list->previous;
    l->next = list;
    list->previous->next = l;
    list->previous = l;
}

static struct peer *first_queued(const struct crowd_link *list)
{
    return list->next == list ? NULL : (struct peer *)((char *)list->next - offsetof(struct peer, in_queue));
}

static struct peer *after(const struct crowd_link *list, const struct peer *p)
{
    return p->in_queue.next == list ? NULL
                                    : (struct peer *)((char *)p->in_queue.next - offsetof(struct peer, in_queue));
}

/* ---- sources ---- */

static void name_of(char name[INET6_ADDRSTRLEN], const char *address)
{
    struct in6_addr six;
    size_t len = strlen(address);
    if (inet_pton(AF_INET6, address, &six) == 1) {
        memset(six.s6_addr + 8, 0, 8);
        (void)inet_ntop(AF_INET6, &six, name, INET6_ADDRSTRLEN);
        return;
    }
    len = len < INET6_ADDRSTRLEN ? len : INET6_ADDRSTRLEN - 1;
    memcpy(name, address, len);
    name[len] = 0;
}

static struct source *find_source(struct crowd *crowd, const char *address)
{
    char name[INET6_ADDRSTRLEN];
    name_of(name, address);
    uint32_t hash = 2166136261u ^ crowd->seed; /* FNV-1a */
    for (const char *p = name; *p; p++) {
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    }
    unsigned bucket = (hash ^ hash >> 16) % CROWD_BUCKETS;
    for (struct source *s = crowd->sources[bucket]; s; s = s->next) {
        if (strcmp(s->name, name) == 0) {
            return s;
        }
    }
    struct source *s = mem_alloc(sizeof *s);
    *s = (struct source){.next = crowd->sources[bucket], .bucket = bucket};
    memcpy(s->name, name, sizeof name);
    clear(&s->peers);
    crowd->sources[bucket] = s;
    return s;
}

static void leave_source(struct peer *p)
{
    struct source *s = p->source;
    p->source = NULL;
    take_out(&p->in_source);
    if (!s || --s->count > 0) {
        return;
    }
    struct source **at = &p->crowd->sources[s->bucket];
    while (*at != s) {
        at = &(*at)->next;
    }
    *at = s->next;
    free(s);
}

/* ---- coming, going, and between ---- */

void crowd_init(struct crowd *crowd, unsigned room)
{
    *crowd = (struct crowd){.room = room};
    for (size_t i = 0; i <= PEER_CLOSING; i++) {
        clear(&crowd->queues[i]);
    }
    secrets_random(&crowd->seed, sizeof crowd->seed);
}

static void enter(struct peer *p, enum peer_state state)
{
    struct crowd *crowd = p->crowd;
    if (p->state == PEER_CLOSING) {
        return; /* what still comes from it changes nothing */
    }
    crowd->idle_count += state == PEER_IDLE;
    crowd->idle_count -= p->state == PEER_IDLE;
    p->state = state;
    to_end(&crowd->queues[state], &p->in_queue);
    if (p->source && (state == PEER_ASKING || state == PEER_IDLE)) {
        to_end(&p->source->peers, &p->in_source);
    } else {
        take_out(&p->in_source);
    }
}

void crowd_add(struct crowd *crowd, struct peer *p, const char *source, uint64_t now)
{
    p->crowd = crowd;
    p->state = PEER_ASKING;
    p->since = now;
    p->held = 0;
    clear(&p->in_queue);
    clear(&p->in_source);
    p->source = source ? find_source(crowd, source) : NULL;
    if (p->source) {
        p->source->count++;
    }
    crowd->count++;
    enter(p, PEER_ASKING);
}

void crowd_remove(struct peer *p)
{
    crowd_closing(p);
    take_out(&p->in_queue);
}

void crowd_asks(struct peer *p, uint64_t now)
{
    p->since = now;
    enter(p, PEER_ASKING);
}

void crowd_moves(struct peer *p)
{
    enter(p, PEER_ASKING);
}

void crowd_busy(struct peer *p)
{
    enter(p, PEER_BUSY);
}

void crowd_idle(struct peer *p, uint64_t now)
{
    p->since = now;
    enter(p, PEER_IDLE);
}

void crowd_closing(struct peer *p)
{
    if (p->state == PEER_CLOSING) {
        return;
    }
    crowd_holds(p, 0);
    leave_source(p);
    p->crowd->count--;
    enter(p, PEER_CLOSING);
}

void crowd_holds(struct peer *p, size_t bytes)
{
    if (p->state == PEER_CLOSING) {
        return;
    }
    p->crowd->held = p->crowd->held - p->held + bytes;
    p->held = bytes;
}

/* ---- who goes ---- */

/* Those who have asked keep their quarter, whoever comes; beyond it whoever has been idle longest goes. Else that one
   of whom nothing has come for longest: somebody who gets on with his request is never it while others are stuck. */
struct peer *crowd_surplus(const struct crowd *crowd, const struct peer *newcomer)
{
    const struct source *s = newcomer->source;
    struct peer *idle = first_queued(&crowd->queues[PEER_IDLE]);
    struct peer *asking = first_queued(&crowd->queues[PEER_ASKING]);
    if (s && s->count > crowd->room / 8 && s->peers.next != &s->peers) {
        return (struct peer *)((char *)s->peers.next - offsetof(struct peer, in_source));
    }
    if (crowd->count <= crowd->room) {
        return NULL;
    }
    return idle && (crowd->idle_count > crowd->room / 4 || !asking) ? idle : asking;
}

static void each_late(const struct crowd_link *queue, uint64_t now, uint64_t limit, void (*late)(struct peer *peer))
{
    struct peer *next = NULL;
    for (struct peer *p = first_queued(queue); p; p = next) {
        next = after(queue, p);
        if (now - p->since > limit) {
            late(p);
        }
    }
}

void crowd_each_late(const struct crowd *crowd, uint64_t now, void (*late)(struct peer *peer))
{
    each_late(&crowd->queues[PEER_ASKING], now, CROWD_REQUEST_MS, late);
    each_late(&crowd->queues[PEER_IDLE], now, CROWD_IDLE_MS, late);
}

struct peer *crowd_glutton(const struct crowd *crowd, size_t most)
{
    const struct crowd_link *asking = &crowd->queues[PEER_ASKING];
    struct peer *found = NULL;
    for (struct peer *p = crowd->held > most ? first_queued(asking) : NULL; p; p = after(asking, p)) {
        if (p->held > 0 && (!found || p->held > found->held)) {
            found = p;
        }
    }
    return found;
}
