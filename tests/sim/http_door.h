/* A small HTTP/1.1 server for what a device on the Wi-Fi has over HTTP: one request a connection. */
#ifndef SIM_HTTP_DOOR_H
#define SIM_HTTP_DOOR_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct str;
struct http_door;

/* Answers one request: JSON into `out`, and the status. */
typedef int http_door_fn(void *user, const char *method, const char *path, const char *body, size_t len,
                         struct str *out);

/* On 127.0.0.1. ERR_IO where the port is taken. */
int http_door_new(struct loop *loop, uint16_t port, http_door_fn *fn, void *user, struct http_door **ret_door);
void http_door_free(struct http_door *door); /* NULL is legal */

#endif
