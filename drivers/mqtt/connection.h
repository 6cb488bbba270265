/* A connection to a broker over libmosquitto, kept for good: comes back with backoff and jitter. Knows no dialect.

   Each attempt is a client of its own, so nothing that was under way is sent again after a reconnect: a command that
   was not sent in time must not switch a lamp a minute later. */
#ifndef MQTT_CONNECTION_H
#define MQTT_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct loop;
struct connection;

#define CONNECTION_MAX_QUEUED (1024u * 1024) /* bytes kept for a broker that does not read */
#define CONNECTION_MAX_FILTERS 100u          /* topics in one SUBSCRIBE */

struct connection_config {
    const char *log;  /* name for the log */
    const char *host; /* texts are copied */
    uint16_t port;
    bool tls;
    const char *username, *password, *ca_file; /* NULL: none */
    const char *client_id;
};

/* What it tells, from the loop. Nothing may free the connection from inside. */
struct connection_events {
    void (*up)(void *user);
    void (*down)(void *user, const char *why); /* only after up */
    void (*message)(void *user, const char *topic, const char *payload, size_t len);
    void (*acknowledged)(void *user, int mid); /* the broker has the message published with qos 1 */
};

/* ERR_NOT_FOUND (logged): the ca_file cannot be read. A broker that is not there is no error. */
int connection_new(struct loop *loop, const struct connection_config *config, const struct connection_events *events,
                   void *user, struct connection **ret_connection);
void connection_free(struct connection *c); /* no callback comes afterwards; NULL is legal */
/* "connected to HOST:PORT", or false and "not connected to HOST:PORT: connection refused" */
bool connection_status(const struct connection *c, struct str *s);

/* Never retained. Written before it returns, unless called from inside a callback or the broker does not read. *ret_mid
   (NULL: qos 0) names it for `acknowledged`. ERR_OFFLINE, ERR_BUSY (the broker does not read), ERR_INVALID. */
int connection_publish(struct connection *c, const char *topic, const struct str *payload, int *ret_mid);
/* Up to CONNECTION_MAX_FILTERS. Failures end the connection, which asks for all again. */
void connection_subscribe(struct connection *c, char *const *filters, size_t count, int qos);
void connection_unsubscribe(struct connection *c, char *const *filters, size_t count);

#endif
