/* The two far sides of a bridge as plain sockets: a cloud that posts over kept connections, and an MQTT 3.1.1 client of
   QoS 0. Written out here because the generator must cost less than what it measures: one read takes in whatever has
   come, one write sends whatever is ready. Everything that goes wrong ends the program with a sentence. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* A blocking connection to a loopback port without Nagle's delay; -1 where nobody listens. */
int wire_connect(unsigned port);
void wire_write(int fd, const char *bytes, size_t len); /* all of it */

/* ---- HTTP ---- */

struct http_wire {
    int fd;
    unsigned port;
    struct str out, in;
    size_t head, length; /* of the answer: bytes up to its body, bytes of the body; head 0: not known yet */
    int status;
};

void http_wire_open(struct http_wire *h, unsigned port); /* retries for ten seconds while nobody listens */
void http_wire_close(struct http_wire *h);
/* POSTs a JSON document; the answer before must have been taken. */
void http_wire_post(struct http_wire *h, const char *path, const struct str *body);
/* Likewise a form, with this Authorization header. */
void http_wire_post_form(struct http_wire *h, const char *path, const char *authorization, const char *body,
                         size_t len);
void http_wire_get(struct http_wire *h, const char *path);
/* Reads what has come (blocks where nothing has); true when the answer is complete: status, and the body of `length`
   bytes at in.data + head. Valid until the next request. */
bool http_wire_read(struct http_wire *h);
/* Waits for the whole answer and demands status 200. */
void http_wire_answer(struct http_wire *h);

/* ---- MQTT ---- */

struct mqtt_wire {
    int fd;
    struct str out; /* packets not yet sent */
    struct str in;
};

typedef void mqtt_wire_fn(void *user, const char *topic, size_t topic_len, const char *payload, size_t len);

/* Connects, with keepalive off, and subscribes; returns when the broker has confirmed. topic NULL: no subscription. */
void mqtt_wire_open(struct mqtt_wire *m, unsigned port, const char *client_id, const char *topic);
void mqtt_wire_close(struct mqtt_wire *m);
void mqtt_wire_add(struct mqtt_wire *m, const char *topic, const struct str *payload); /* queues a PUBLISH */
void mqtt_wire_flush(struct mqtt_wire *m);
/* Reads what has come and hands every PUBLISH to `fn`. */
void mqtt_wire_read(struct mqtt_wire *m, mqtt_wire_fn *fn, void *user);

#endif
