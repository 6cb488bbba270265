/* The hub as a whole, and its driver instances. */
#include "hub/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "hub/hub_internal.h"

static void set_default(uint32_t *ms, uint32_t value)
{
    if (*ms == 0) {
        *ms = value;
    }
}

int hub_new(struct loop *loop, struct store *store, struct fetch *fetch, const struct hub_config *config,
            struct hub **ret_hub)
{
    struct hub *hub = mem_alloc(sizeof *hub);
    struct str text = STR_INIT;
    hub->loop = loop;
    hub->store = store;
    hub->fetch = fetch;
    hub->config = *config;
    set_default(&hub->config.deadline_ms, HUB_DEADLINE_MS);
    set_default(&hub->config.save_ms, HUB_SAVE_MS);
    set_default(&hub->config.retry_ms, HUB_RETRY_MS);
    set_default(&hub->config.unserved_ms, HUB_UNSERVED_MS);
    memcpy(hub->bridge_id, config->bridge_id, sizeof hub->bridge_id);
    hub->config.bridge_id = hub->bridge_id;
    secrets_hex(&text, hub->bridge_id, sizeof hub->bridge_id);
    memcpy(hub->installation, str_z(&text), sizeof hub->installation);
    str_done(&text);
    hub->deadline = timer_new(loop, command_deadline, hub);
    hub->holds = timer_new(loop, event_holds_due, hub);
    hub->save = timer_new(loop, keep_due, hub);
    hub->unserved = timer_new(loop, registry_unserved_due, hub);
    hub->deliver = defer_new(loop, event_deliver, hub);
    hub->save_now = defer_new(loop, keep_rows_due, hub);
    hub->lifeline = mem_alloc(sizeof *hub->lifeline);
    hub->lifeline->hub = hub;
    hub->lifeline->holders = 1;
    if (keep_load(hub) != 0 || secret_load(hub) != 0) {
        log_warn("hub", "the lights cannot be read from the store: their names, rooms and last states are unknown");
    }
    if (hub->light_count > 0) {
        timer_start(hub->unserved, hub->config.unserved_ms);
    }
    *ret_hub = hub;
    return 0;
}

struct lifeline *lifeline_hold(struct hub *hub)
{
    hub->lifeline->holders++;
    return hub->lifeline;
}

struct hub *lifeline_release(struct lifeline *lifeline)
{
    struct hub *hub = lifeline->hub;
    if (--lifeline->holders == 0) {
        free(lifeline);
    }
    return hub;
}

void hub_free(struct hub *hub)
{
    if (!hub) {
        return;
    }
    command_end_all(hub);
    while (hub->drivers) {
        struct driver *driver = hub->drivers;
        while (driver->first) {
            registry_detach(driver->first);
        }
        driver->ops->stop(driver, driver->self);
        hub->drivers = driver->next;
        garbage_free(driver);
        free(driver->self);
        free(driver->name);
        free(driver);
    }
    keep_flush(hub);
    hub->lifeline->hub = NULL;
    (void)lifeline_release(hub->lifeline);
    timer_free(hub->deadline);
    timer_free(hub->holds);
    timer_free(hub->save);
    timer_free(hub->unserved);
    defer_free(hub->deliver);
    defer_free(hub->save_now);
    while (hub->listeners) {
        hub_unlisten(hub->listeners);
    }
    registry_free(hub);
    secret_free(hub);
    free(hub->requests);
    free(hub);
}

int hub_add_driver(struct hub *hub, const struct driver_ops *ops, const char *name, const void *config)
{
    struct driver *driver = mem_alloc(sizeof *driver);
    struct driver **at = &hub->drivers;
    driver->hub = hub;
    driver->ops = ops;
    driver->name = mem_text(name);
    driver->self = mem_alloc(ops->driver_size);
    while (*at) {
        at = &(*at)->next;
    }
    *at = driver;
    int err = ops->start(driver, driver->self, config);
    if (err != 0) {
        while (driver->first) {
            registry_detach(driver->first);
        }
        *at = NULL; /* it was the last one */
        garbage_free(driver);
        free(driver->self);
        free(driver->name);
        free(driver);
    }
    return err;
}

void hub_discover(struct hub *hub)
{
    for (struct driver *d = hub->drivers; d; d = d->next) {
        if (d->ops->discover) {
            d->ops->discover(d->self);
        }
    }
}

void hub_refresh(struct hub *hub, struct light *light)
{
    struct driver *driver = light->serving.driver;
    (void)hub;
    if (driver && driver->ops->refresh) {
        driver->ops->refresh(driver->self, &light->serving, light->serving.self);
    }
}

void hub_driver_status(struct hub *hub, hub_driver_fn *each, void *user)
{
    for (struct driver *d = hub->drivers; d; d = d->next) {
        struct str s = STR_INIT;
        bool well = !d->ops->status || d->ops->status(d->self, &s);
        each(user, d->name, well, str_z(&s));
        str_done(&s);
    }
}

struct hub_stats hub_stats(const struct hub *hub)
{
    return hub->stats;
}

/* ---- what drivers ask for ---- */

struct loop *driver_loop(struct driver *driver)
{
    return driver->hub->loop;
}

struct fetch *driver_fetch(struct driver *driver)
{
    return driver->hub->fetch;
}

const char *driver_name(const struct driver *driver)
{
    return driver->name;
}

const char *driver_installation(const struct driver *driver)
{
    return driver->hub->installation;
}
