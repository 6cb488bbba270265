/* The driver's operations: an instance is one connection and its base topics. */
#include "mqtt/mqtt.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "mqtt/connection.h"
#include "mqtt/z2m.h"
#include "mqtt/z2m_codec.h"

struct mqtt {
    struct driver *driver;
    struct connection *connection;
    struct z2m **bases;
    size_t base_count;
};

/* ---- from the broker ---- */

static void up(void *user)
{
    struct mqtt *m = user;
    for (size_t i = 0; i < m->base_count; i++) {
        z2m_up(m->bases[i]);
    }
}

static void down(void *user, const char *why)
{
    struct mqtt *m = user;
    for (size_t i = 0; i < m->base_count; i++) {
        z2m_down(m->bases[i], why);
    }
}

static void message(void *user, const char *topic, const char *payload, size_t len)
{
    struct mqtt *m = user;
    for (size_t i = 0; i < m->base_count && !z2m_message(m->bases[i], topic, payload, len); i++) {
    }
}

static void acknowledged(void *user, int mid)
{
    struct mqtt *m = user;
    for (size_t i = 0; i < m->base_count && !z2m_acknowledged(m->bases[i], mid); i++) {
    }
}

/* ---- from the hub ---- */

/* One for each installation and instance, for good: two clients of one name end each other for ever. */
static char *client_id(struct driver *driver)
{
    struct str id = STR_INIT;
    const char *slash = strchr(driver_name(driver), '/');
    str_printf(&id, "lightbridge-%s-%s", driver_installation(driver), slash ? slash + 1 : driver_name(driver));
    return str_take(&id);
}

static int good_bases(struct driver *driver, const struct mqtt_config *c)
{
    for (size_t i = 0; c->zigbee2mqtt && c->zigbee2mqtt[i]; i++) {
        if (!z2m_good_name(c->zigbee2mqtt[i])) {
            log_error(driver_name(driver), "base topic %s: no empty text, no wildcard and no control byte can be in it",
                      c->zigbee2mqtt[i]);
            return ERR_INVALID;
        }
    }
    return 0;
}

static int start(struct driver *driver, void *self, const void *config)
{
    static const struct connection_events events = {up, down, message, acknowledged};
    const struct mqtt_config *c = config;
    struct mqtt *m = self;
    int err = good_bases(driver, c);
    if (err != 0) {
        return err;
    }
    m->driver = driver;
    char *id = client_id(driver);
    err = connection_new(driver_loop(driver),
                         &(struct connection_config){.log = driver_name(driver),
                                                     .host = c->host,
                                                     .port = c->port,
                                                     .tls = c->tls,
                                                     .username = c->username,
                                                     .password = c->password,
                                                     .ca_file = c->ca_file,
                                                     .client_id = id},
                         &events, m, &m->connection);
    free(id);
    if (err != 0) {
        return err;
    }
    m->base_count = 0;
    while (c->zigbee2mqtt && c->zigbee2mqtt[m->base_count]) {
        m->base_count++;
    }
    m->bases = mem_array(m->base_count + 1, sizeof(struct z2m *));
    for (size_t i = 0; i < m->base_count; i++) {
        m->bases[i] = z2m_new(&(struct z2m_config){driver, m->connection, c->zigbee2mqtt[i], c->optimistic});
    }
    return 0;
}

static void stop(struct driver *driver, void *self)
{
    struct mqtt *m = self;
    (void)driver;
    connection_free(m->connection);
    for (size_t i = 0; i < m->base_count; i++) {
        z2m_free(m->bases[i]);
    }
    free(m->bases);
}

static void attach(void *self, struct driver_light *light, void *light_self)
{
    struct mqtt *m = self;
    for (size_t i = 0; i < m->base_count; i++) {
        if (z2m_announces(m->bases[i])) {
            z2m_attach(m->bases[i], light, light_self);
            return;
        }
    }
}

static void detach(void *self, struct driver_light *light, void *light_self)
{
    (void)self;
    (void)light;
    z2m_detach(light_self);
}

static void apply(void *self, struct driver_light *light, void *light_self, struct request_id request,
                  const struct light_state *patch, uint32_t transition_ms)
{
    (void)self;
    z2m_apply(light, light_self, request, patch, transition_ms);
}

static void refresh(void *self, struct driver_light *light, void *light_self)
{
    (void)self;
    (void)light;
    z2m_refresh(light_self);
}

static void cancel(void *self, struct driver_light *light, void *light_self, struct request_id request)
{
    (void)self;
    (void)light;
    z2m_cancel(light_self, request);
}

static void status(void *self, struct str *s)
{
    const struct mqtt *m = self;
    connection_status(m->connection, s);
    for (size_t i = 0; i < m->base_count; i++) {
        str_add_z(s, ", ");
        z2m_status(m->bases[i], s);
    }
}

const struct driver_ops mqtt_driver = {
    .kind = "mqtt",
    .driver_size = sizeof(struct mqtt),
    .light_size = sizeof(struct z2m_light),
    .start = start,
    .stop = stop,
    .attach = attach,
    .detach = detach,
    .apply = apply,
    .refresh = refresh,
    .cancel = cancel,
    .status = status,
};
