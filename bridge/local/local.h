/* The local side: the page, the metrics and the control API that the command line uses.

   The control API is JSON over HTTP on the control socket (HTTP_CONTROL), whose file permission is its access rule.
   Units are those people use: level and saturation 0..100 with decimals, kelvin in K, hue in degrees 0..360.
   An error is {"error": CODE, "error_description": SENTENCE} with status 400 (malformed), 404 (no such thing), 409 (the
   name fits several, or it exists already), 422 (this light cannot do it), 502 (the lamp refused), 503 (the store), 504
   (no answer).

   GET  /control/lights    {"lights":[LIGHT...]}
        LIGHT: id name room driver address where manufacturer model version kind("light" "switch" "group") exposed(bool)
        reach("unknown" "online" "offline") heard_at(ms, 0 never) can:["on","level","kelvin","color"] min_kelvin
   max_kelvin(only with kelvin) state:{on level kelvin hue saturation mode("white" "color")} with what is known only.
   Removed ones are left out. POST /control/light     {"light": NAME_OR_ID, and any of "on":bool "level":N "kelvin":N
   "hue":N "saturation":N "transition":SECONDS   -> drives it "name":TEXT "room":TEXT "expose":bool -> its settings (""
   gives back the lamp's own) "forget":true                                                                -> forgets
   it} 200 {"light":LIGHT,"basis":"reported"|"accepted"|"assumed"} (basis only when driven). Ambiguous: 409 with
   "candidates":[{id,name}]. GET  /control/links     {"links":[LINK...]} ended ones too LINK: id account client
   client_name redirect_uri created_at redeemed_at used_at refreshed_at ended_at(ms, 0 not) end_reason alive(bool)
   callback:{state usable obtained_at expires_at asked_at delivered_at error_at last_error queued} POST /control/unlink
   {"link": ID}  -> 200 {} GET  /control/accounts  {"accounts":[{name created_at}]} POST /control/accounts
   {"action":"add"|"password"|"remove","name":TEXT,"password":TEXT}  -> 200 {} POST /control/discover  {}  -> 200 {}:
   lamps are looked for, and SmartThings is told what there is GET  /control/status
   {"version","uptime_s","store":{"health","trouble"},"key":bool,"drivers":[{name,status}],"lights":N,"links":N} */
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
void local_discover(struct http_exchange *exchange, void *context);
void local_status(struct http_exchange *exchange, void *context);

#endif
