/* The partner REST API, in the shape of the LIFX HTTP API (facts 4), with what LIFX lacks: a stream of events,
   webhooks, scenes that can be made. README.md has the whole surface; openapi.json is it in detail, and the tests hold
   every answer against it. */
#ifndef PARTNER_PARTNER_H
#define PARTNER_PARTNER_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct store;
struct fetch;
struct hub;
struct oauth;
struct http_exchange;
struct str;
struct partner;

#define PARTNER_MAX_BODY 65536u
#define PARTNER_REQUESTS_PER_MINUTE 120u /* LIFX's */
#define PARTNER_MAX_STREAMS 1000u
#define PARTNER_LOCATION "Home"

struct partner_config {
    const char *location;         /* name of the house; NULL: PARTNER_LOCATION */
    unsigned requests_per_minute; /* of one link; 0: PARTNER_REQUESTS_PER_MINUTE */
    /* Hosts in the house that webhooks may go to although their addresses are private (NULL-terminated, may be NULL);
       loopback's also by plain http, for tests. */
    const char *const *webhook_hosts;
    const uint8_t *bridge_id; /* 8 bytes */
    const uint8_t *key;       /* SECRETS_KEY_SIZE bytes: webhooks' secrets are derived from it; NULL: it is lost */
    /* 0: the defaults of events.c and delivery.c; tests hurry */
    unsigned heartbeat_ms, webhook_window_ms;
};

/* All arguments outlive it. */
int partner_new(struct loop *loop, struct store *store, struct fetch *fetch, struct hub *hub, struct oauth *oauth,
                const struct partner_config *config, struct partner **ret_partner);
/* After http_free, before hub_free: what waits is answered 503. */
void partner_free(struct partner *partner);

/* Its counters as Prometheus text, behind `out`. */
void partner_metrics(const struct partner *partner, struct str *out);

/* Handlers; context is the struct partner. */
void partner_lights(struct http_exchange *x, void *context);         /* GET /v1/lights, /v1/lights/SELECTOR */
void partner_state(struct http_exchange *x, void *context);          /* PUT /v1/lights/SELECTOR/state */
void partner_states(struct http_exchange *x, void *context);         /* PUT /v1/lights/states */
void partner_delta(struct http_exchange *x, void *context);          /* POST /v1/lights/SELECTOR/state/delta */
void partner_toggle(struct http_exchange *x, void *context);         /* POST /v1/lights/SELECTOR/toggle */
void partner_color(struct http_exchange *x, void *context);          /* GET /v1/color?string= */
void partner_scenes(struct http_exchange *x, void *context);         /* GET /v1/scenes */
void partner_scene_add(struct http_exchange *x, void *context);      /* POST /v1/scenes */
void partner_scene_activate(struct http_exchange *x, void *context); /* PUT /v1/scenes/scene_id:UUID/activate */
void partner_scene_remove(struct http_exchange *x, void *context);   /* DELETE /v1/scenes/scene_id:UUID */
void partner_events(struct http_exchange *x, void *context);         /* GET /v1/events */
void partner_webhooks(struct http_exchange *x, void *context);       /* GET /v1/webhooks */
void partner_webhook_add(struct http_exchange *x, void *context);    /* POST /v1/webhooks */
void partner_webhook_remove(struct http_exchange *x, void *context); /* DELETE /v1/webhooks/ID */
void partner_openapi(struct http_exchange *x, void *context);        /* GET /v1/openapi.json */

#endif
