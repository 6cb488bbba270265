/* Who is connected to one listener, and who goes first when there is no more room. Pure: sockets are numbers here, and
   time is an argument.

   Everybody is either asking (has not sent a whole request, or is being sent the answer), being worked for, idle
   between two requests, or being closed. Whoever is being worked for never goes; his deadline is the exchange's. */
#ifndef HTTP_CROWD_H
#define HTTP_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CROWD_REQUEST_MS                                                                                               \
    15000u                   /* from the connection, a request's first line, or its answer, to the last byte of it     \
                              */
#define CROWD_IDLE_MS 65000u /* between two requests */

struct crowd;
struct source; /* an address, and who comes from it */
struct server;

struct crowd_link {
    struct crowd_link *next, *previous;
};

enum peer_state { PEER_ASKING, PEER_BUSY, PEER_IDLE, PEER_CLOSING };

struct peer {
    struct crowd_link in_queue;  /* among those in its state, by when something last came from it */
    struct crowd_link in_source; /* among those of its source that may have to go, by the same */
    struct crowd *crowd;
    struct server *server;
    struct source *source; /* NULL: it cannot be known */
    enum peer_state state;
    uint64_t since;   /* of its state: what its deadline counts from */
    size_t held;      /* bytes of its request's body that are kept */
    int fd;           /* -1: closed */
    bool unread_body; /* refused now, its body would still be being sent */
};

#define CROWD_BUCKETS 1024u

struct crowd {
    unsigned room;
    unsigned count, idle_count; /* without those being closed */
    size_t held;
    struct crowd_link queues[PEER_CLOSING + 1];
    struct source *sources[CROWD_BUCKETS];
    uint32_t seed; /* so that nobody can choose addresses that fall into one bucket */
};

/* room: most who may be there; an eighth of them from one source, a quarter of them idle where others want to ask. */
void crowd_init(struct crowd *crowd, unsigned room);

/* source: the address, NULL where it cannot be known (a proxy or a tunnel: it may be anybody). Of IPv6 the first 64
   bits are the source: whoever has one such address has them all. The peer stays the caller's; its fields other than
   server, fd and unread_body belong to the crowd. */
void crowd_add(struct crowd *crowd, struct peer *peer, const char *source, uint64_t now);
void crowd_remove(struct peer *peer);

void crowd_asks(struct peer *peer, uint64_t now); /* its time begins anew */
void crowd_moves(struct peer *peer);              /* it sent more of its request: its time goes on */
void crowd_busy(struct peer *peer);
void crowd_idle(struct peer *peer, uint64_t now);
void crowd_closing(struct peer *peer); /* it counts no more, and is named by nothing below */
void crowd_holds(struct peer *peer, size_t bytes);

/* Who must go because somebody came; NULL: there is room. */
struct peer *crowd_surplus(const struct crowd *crowd, const struct peer *newcomer);
/* Names each who has passed its deadline; `late` may close it. */
void crowd_each_late(const struct crowd *crowd, uint64_t now, void (*late)(struct peer *peer));
/* Who keeps most of the bodies that are not whole yet, NULL while all keep at most `most` bytes together. */
struct peer *crowd_glutton(const struct crowd *crowd, size_t most);

#endif
