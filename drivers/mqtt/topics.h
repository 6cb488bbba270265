/* What is subscribed without a wildcard: topics and who listens to them. Finds the listeners of a message by one look
   into a hash table, subscribes many topics in a packet, and all of them anew when the broker is back. */
#ifndef MQTT_TOPICS_H
#define MQTT_TOPICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct connection;
struct dialect;
struct topics;
struct topic;

/* Begins, or is a member of, what a dialect knows of a lamp; zeroed when it is new. Stays where it is in memory. */
struct listener {
    struct listener *next, **at; /* of the same topic */
    struct topic *topic;         /* NULL: listens to nothing */
    struct dialect *dialect;
    uint8_t what; /* the dialect's own: which of a lamp's topics it is */
};

struct topics *topics_new(struct loop *loop, struct connection *connection);
void topics_free(struct topics *t); /* nobody listens any more; NULL is legal */

/* Subscribed soon. A topic that others listen to is subscribed once more, so that what is retained there comes (to all
   of them: what is retained is a report and no change). Topics that cannot stand in MQTT (empty, a wildcard, a control
   byte, no UTF-8, over 65535 bytes) are refused: false. One that it listens to already costs nothing; another is left.
 */
bool topics_listen(struct topics *t, struct listener *listener, struct dialect *dialect, uint8_t what,
                   const char *topic);
void topics_leave(struct topics *t, struct listener *listener); /* the last one unsubscribes, soon */
const char *topics_name(const struct listener *listener);       /* NULL: listens to nothing */
bool topics_good(const char *topic);                            /* could it be subscribed and published to? */

/* What is to be subscribed soon is subscribed now: before a question whose answer comes there. */
void topics_flush(struct topics *t);

/* The broker is there: all are subscribed. */
void topics_up(struct topics *t);
void topics_down(struct topics *t); /* it is not, or not to be told any more; NULL is legal */
/* Tells every listener of the topic (dialect_ops.heard). False: it has none. */
bool topics_heard(struct topics *t, const char *topic, const char *payload, size_t len);

#endif
