/* The driver's operations: an instance is one port and its protocol. */
#include "serial/serial.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "serial/line.h"
#include "serial/protocol.h"

struct instance {
    struct serial serial; /* first */
    struct protocol *protocol;
};

/* Each protocol, by its name in the configuration. */
static const struct protocol_ops *const protocols[] = {
    &line_protocol,
    &line_wled_protocol,
    &line_tasmota_protocol,
    NULL,
};

const struct protocol_ops *serial_protocol(const char *name)
{
    for (size_t i = 0; protocols[i]; i++) {
        if (strcmp(protocols[i]->name, name) == 0) {
            return protocols[i];
        }
    }
    return NULL;
}

const char *serial_protocol_name(size_t index)
{
    size_t count = sizeof protocols / sizeof protocols[0];
    return index < count && protocols[index] ? protocols[index]->name : NULL;
}

/* ---- for protocols ---- */

void serial_announce(struct serial *serial, struct serial_lamp *lamp, const struct driver_announcement *announcement)
{
    serial->announcing = lamp;
    (void)driver_announce(serial->driver, announcement);
    serial->announcing = NULL;
}

void serial_withdraw(struct serial_lamp *lamp)
{
    if (lamp->light) {
        driver_withdraw(lamp->light);
    }
}

static void all_reach(struct serial *serial, enum light_reach reach)
{
    for (struct driver_light *light = driver_next_light(serial->driver, NULL); light;
         light = driver_next_light(serial->driver, light)) {
        driver_reachable(light, reach);
    }
}

void serial_lamps_online(struct serial *serial)
{
    all_reach(serial, LIGHT_REACH_ONLINE);
}

void serial_lamps_offline(struct serial *serial)
{
    all_reach(serial, LIGHT_REACH_OFFLINE);
}

void serial_restart(struct serial *serial, const char *why)
{
    port_reset(serial->port, why);
}

/* ---- from the port ---- */

static void on_open(void *user)
{
    struct instance *in = user;
    in->serial.open = true;
    in->protocol->ops->open(in->protocol);
}

static void on_closed(void *user, const char *why)
{
    struct instance *in = user;
    in->serial.open = false;
    serial_lamps_offline(&in->serial);
    in->protocol->ops->closed(in->protocol, why);
}

static void on_bytes(void *user, const uint8_t *bytes, size_t len)
{
    struct instance *in = user;
    in->protocol->ops->bytes(in->protocol, bytes, len);
}

static void on_drained(void *user)
{
    struct instance *in = user;
    if (in->protocol->ops->drained) {
        in->protocol->ops->drained(in->protocol);
    }
}

/* ---- from the hub ---- */

static void stop(struct driver *driver, void *self)
{
    struct instance *in = self;
    (void)driver;
    port_free(in->serial.port);
    in->protocol->ops->stop(in->protocol);
    free(in->protocol);
}

static int start(struct driver *driver, void *self, const void *config)
{
    static const struct port_events events = {on_open, on_closed, on_bytes, on_drained};
    const struct serial_config *c = config;
    struct instance *in = self;
    in->serial =
        (struct serial){.driver = driver, .loop = driver_loop(driver), .name = c->name, .log = driver_name(driver)};
    struct protocol *p = in->protocol = mem_alloc(c->protocol->size);
    *p = (struct protocol){c->protocol, &in->serial, c->options};
    struct port_config port = {.log = in->serial.log, .port = c->port, .line = c->protocol->line(c->options)};
    port.line.baud = c->baud > 0 ? c->baud : port.line.baud;
    int err = port_new(in->serial.loop, &port, &events, in, &in->serial.port);
    if (err == 0) {
        err = p->ops->start(p);
    }
    if (err != 0) {
        port_free(in->serial.port);
        free(p);
    }
    return err;
}

/* A light's private struct is a pointer to the protocol's lamp. */
static void attach(void *self, struct driver_light *light, void *light_self)
{
    struct instance *in = self;
    struct serial_lamp *lamp = in->serial.announcing;
    *(struct serial_lamp **)light_self = lamp;
    lamp->light = light;
    if (!in->serial.open) {
        driver_reachable(light, LIGHT_REACH_OFFLINE);
    }
    if (in->protocol->ops->attach) {
        in->protocol->ops->attach(in->protocol, lamp);
    }
}

static void detach(void *self, struct driver_light *light, void *light_self)
{
    struct instance *in = self;
    struct serial_lamp *lamp = *(struct serial_lamp **)light_self;
    (void)light;
    if (in->protocol->ops->detach) {
        in->protocol->ops->detach(in->protocol, lamp);
    }
    lamp->light = NULL;
}

static void apply(void *self, struct driver_light *light, void *light_self, struct request_id request,
                  const struct light_state *patch, uint32_t transition_ms)
{
    struct instance *in = self;
    (void)light;
    if (in->serial.open) {
        in->protocol->ops->apply(in->protocol, *(struct serial_lamp **)light_self, request, patch, transition_ms);
    } else {
        struct str why = STR_INIT;
        (void)port_status(in->serial.port, &why);
        request_done(in->serial.driver, request, ERR_OFFLINE, BASIS_REPORTED, str_z(&why));
        str_done(&why);
    }
}

static void refresh(void *self, struct driver_light *light, void *light_self)
{
    struct instance *in = self;
    (void)light;
    if (in->serial.open && in->protocol->ops->refresh) {
        in->protocol->ops->refresh(in->protocol, *(struct serial_lamp **)light_self);
    }
}

static void cancel(void *self, struct driver_light *light, void *light_self, struct request_id request)
{
    struct instance *in = self;
    (void)light;
    in->protocol->ops->cancel(in->protocol, *(struct serial_lamp **)light_self, request);
}

static void discover(void *self)
{
    struct instance *in = self;
    if (in->serial.open && in->protocol->ops->discover) {
        in->protocol->ops->discover(in->protocol);
    }
}

static bool status(void *self, struct str *s)
{
    const struct instance *in = self;
    struct str said = STR_INIT;
    bool well = port_status(in->serial.port, s);
    well &= in->protocol->ops->status(in->protocol, &said);
    str_printf(s, "%s%s", said.len > 0 ? ", " : "", str_z(&said));
    str_done(&said);
    return well;
}

const struct driver_ops serial_driver = {
    .kind = "serial",
    .driver_size = sizeof(struct instance),
    .light_size = sizeof(struct serial_lamp *),
    .start = start,
    .stop = stop,
    .attach = attach,
    .detach = detach,
    .apply = apply,
    .refresh = refresh,
    .cancel = cancel,
    .discover = discover,
    .status = status,
};
