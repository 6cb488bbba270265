/* A client of an MQTT broker on the loop: libmosquitto behind verbs. It connects again by itself when the broker goes.
 */
#ifndef SIM_BROKER_H
#define SIM_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct broker;

struct broker_config {
    const char *host;
    uint16_t port;
    bool tls;
    const char *ca_file;                     /* PEM; NULL: the system's */
    const char *username, *password;         /* NULL: none */
    const char *will_topic, *will_payload;   /* retained, QoS 1 */
    void (*up)(void *user);                  /* CONNACK: subscribe and publish */
    void (*down)(void *user);                /* the connection is lost, or could not be made */
    void (*subscribed)(void *user, int mid); /* SUBACK */
    void (*message)(void *user, const char *topic, const char *payload, size_t len);
    void *user;
};

/* Texts are copied. Connects from the loop; a broker that is not there is tried again every half second. NULL where
   libmosquitto cannot do what is asked (a CA file that cannot be read): `ret_why` says what. */
struct broker *broker_new(struct loop *loop, const struct broker_config *config, const char **ret_why);
/* Drops the connection without a word, so that the broker publishes the will. Not from inside a callback. */
void broker_free(struct broker *broker);
/* Says DISCONNECT behind what is queued (no will then), and waits for it to be written, half a second at most. */
void broker_leave(struct broker *broker);

/* Is something queued that the socket would not take? Who publishes as much as can be waits while it is. */
bool broker_busy(const struct broker *broker);
/* Nothing happens while not connected. */
void broker_publish(struct broker *broker, const char *topic, const char *payload, size_t len, int qos, bool retain);
int broker_subscribe(struct broker *broker, const char *const *filters, size_t count); /* the message id, -1 */

#endif
