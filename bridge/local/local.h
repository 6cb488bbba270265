/* The local side: the page, the metrics and the control API that the command line uses. Its documents, which are a
   contract, are in README.md beside this file. */
#ifndef LOCAL_LOCAL_H
#define LOCAL_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct loop;
struct hub;
struct oauth;
struct http;
struct http_exchange;
struct local;
struct smartthings;

#define LOCAL_MAX_BODY 4096u

/* Facts that live in rooms this one does not see. All functions may be NULL: then that part is left out. */
struct local_sources {
    void *user;
    /* Health of the store for people and machines: *ret_health "ok" "full" ..., *ret_trouble a sentence or "". */
    void (*store)(void *user, const char **ret_health, const char **ret_trouble, bool *ret_key);
    const char *instance; /* drawn at the start of the daemon, and said on /healthz; NULL: none */
    /* Further series in Prometheus text, complete with HELP and TYPE (the store's commits, ...). */
    void (*metrics)(void *user, struct str *out);
};

/* http may be NULL (tests) and is set later with local_set_http, for its counters. smartthings may be NULL. */
int local_new(struct loop *loop, struct hub *hub, struct oauth *oauth, struct smartthings *smartthings,
              const struct local_sources *sources, struct local **ret_local);
void local_set_http(struct local *local, const struct http *http);
void local_free(struct local *local);

/* Handlers; context is the struct local. */
void local_page(struct http_exchange *exchange, void *context);    /* GET / */
void local_metrics(struct http_exchange *exchange, void *context); /* GET /metrics */
void local_lights(struct http_exchange *exchange, void *context);
void local_light(struct http_exchange *exchange, void *context);
void local_links(struct http_exchange *exchange, void *context);
void local_unlink(struct http_exchange *exchange, void *context);
void local_accounts(struct http_exchange *exchange, void *context);       /* GET */
void local_account_change(struct http_exchange *exchange, void *context); /* POST */
void local_clients(struct http_exchange *exchange, void *context);        /* GET */
void local_client_change(struct http_exchange *exchange, void *context);  /* POST */
void local_selftest(struct http_exchange *exchange, void *context);       /* POST */
void local_discover(struct http_exchange *exchange, void *context);
void local_status(struct http_exchange *exchange, void *context);

/* The documents of /control/clients, for the command line while no daemon runs. secret NULL: it has none. */
void local_put_clients(struct str *out, const struct oauth *oauth);
void local_put_new_client(struct str *out, const struct oauth *oauth, const char *id, const char *secret);
const char *local_client_error(int err); /* why a client was not added or removed; static */

#endif
