/* The driver's operations: an instance is one connection and its dialects. */
#include "mqtt/mqtt.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "mqtt/dialect.h"
#include "mqtt/ha.h"
#include "mqtt/shelly.h"
#include "mqtt/shelly1.h"
#include "mqtt/tasmota.h"
#include "mqtt/wled.h"
#include "mqtt/z2m.h"

struct mqtt {
    struct broker broker; /* first */
    struct dialect **dialects;
    size_t count;
    struct twins *own_twins; /* NULL: it shares the configuration's */
};

/* Each dialect, and where the configuration has its topics. The order is that in which messages are offered. */
static const struct {
    const struct dialect_ops *ops;
    size_t topics; /* offset of a list in struct mqtt_config */
} kinds[] = {
    {&z2m_dialect, offsetof(struct mqtt_config, zigbee2mqtt)},
    {&ha_dialect, offsetof(struct mqtt_config, homeassistant)},
    {&tasmota_dialect, offsetof(struct mqtt_config, tasmota)},
    {&shelly_dialect, offsetof(struct mqtt_config, shelly)},
    {&shelly1_dialect, offsetof(struct mqtt_config, shelly1)},
    {&wled_dialect, offsetof(struct mqtt_config, wled)},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static const char *const *topics_of(const struct mqtt_config *config, size_t kind)
{
    static const char *const none[] = {NULL};
    const char *const *topics = *(const char *const *const *)(const void *)((const char *)config + kinds[kind].topics);
    return topics ? topics : none;
}

/* ---- from the broker ---- */

static void up(void *user)
{
    struct mqtt *m = user;
    m->broker.up = true;
    topics_up(m->broker.topics);
    for (size_t i = 0; i < m->count; i++) {
        m->dialects[i]->ops->up(m->dialects[i]);
    }
}

static void down(void *user, const char *why)
{
    struct mqtt *m = user;
    struct driver *driver = m->broker.driver;
    m->broker.up = false;
    topics_down(m->broker.topics);
    pending_end_acks(&m->broker, why);
    for (struct driver_light *light = driver_next_light(driver, NULL); light;
         light = driver_next_light(driver, light)) {
        pending_end(*(struct way **)driver_light_self(light), ERR_OFFLINE, why);
        driver_reachable(light, LIGHT_REACH_OFFLINE);
    }
    for (size_t i = 0; i < m->count; i++) {
        m->dialects[i]->ops->down(m->dialects[i], why);
    }
}

static void message(void *user, const char *topic, const char *payload, size_t len)
{
    struct mqtt *m = user;
    /* A topic that one listens to may lie in what another has by a wildcard. */
    (void)topics_heard(m->broker.topics, topic, payload, len);
    for (size_t i = 0; i < m->count; i++) {
        struct dialect *d = m->dialects[i];
        if (d->ops->message && d->ops->message(d, topic, payload, len)) {
            return;
        }
    }
}

static void acknowledged(void *user, int mid)
{
    struct mqtt *m = user;
    pending_acknowledged(&m->broker, mid);
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

static int connect_to(struct mqtt *m, const struct mqtt_config *c)
{
    static const struct connection_events events = {up, down, message, acknowledged};
    char *id = client_id(m->broker.driver);
    int err = connection_new(m->broker.loop,
                             &(struct connection_config){.log = driver_name(m->broker.driver),
                                                         .host = c->host,
                                                         .port = c->port,
                                                         .tls = c->tls,
                                                         .username = c->username,
                                                         .password = c->password,
                                                         .ca_file = c->ca_file,
                                                         .client_id = id},
                             &events, m, &m->broker.connection);
    free(id);
    return err;
}

static int start_dialect(struct mqtt *m, size_t kind, const char *topic)
{
    struct dialect *d = mem_alloc(kinds[kind].ops->size);
    *d = (struct dialect){kinds[kind].ops, &m->broker, topic};
    int err = d->ops->start(d);
    if (err != 0) {
        free(d);
        return err;
    }
    m->dialects[m->count++] = d;
    return 0;
}

/* What has one topic comes before what has many by a wildcard: messages are offered in this order. */
static int start_dialects(struct mqtt *m, const struct mqtt_config *c)
{
    size_t count = 0;
    for (size_t kind = 0; kind < KINDS; kind++) {
        for (const char *const *topic = topics_of(c, kind); *topic; topic++) {
            count++;
        }
    }
    m->dialects = mem_array(count + 1, sizeof(struct dialect *));
    for (size_t pass = 0; pass < 2 * KINDS; pass++) {
        for (const char *const *topic = topics_of(c, pass / 2); *topic; topic++) {
            bool many = strchr(*topic, '+') != NULL;
            int err = many == (pass % 2 == 1) ? start_dialect(m, pass / 2, *topic) : 0;
            if (err != 0) {
                return err;
            }
        }
    }
    return 0;
}

static void stop(struct driver *driver, void *self)
{
    struct mqtt *m = self;
    (void)driver;
    topics_down(m->broker.topics);
    connection_free(m->broker.connection);
    for (size_t i = 0; i < m->count; i++) {
        m->dialects[i]->ops->stop(m->dialects[i]);
        free(m->dialects[i]);
    }
    free(m->dialects);
    topics_free(m->broker.topics);
    twins_free(m->own_twins);
    pending_done(&m->broker);
}

static int start(struct driver *driver, void *self, const void *config)
{
    const struct mqtt_config *c = config;
    struct mqtt *m = self;
    m->broker =
        (struct broker){.config = c, .driver = driver, .loop = driver_loop(driver), .optimistic = c->optimistic};
    m->own_twins = c->twins ? NULL : twins_new();
    m->broker.twins = c->twins ? c->twins : m->own_twins;
    int err = connect_to(m, c);
    if (err == 0) {
        m->broker.topics = topics_new(m->broker.loop, m->broker.connection);
        err = start_dialects(m, c);
    }
    if (err != 0) {
        stop(driver, m);
    }
    return err;
}

/* A light's private struct is a pointer to the way that drives it. */
static void attach(void *self, struct driver_light *light, void *light_self)
{
    struct mqtt *m = self;
    way_take(m->broker.announcing, light, light_self);
}

static void detach(void *self, struct driver_light *light, void *light_self)
{
    (void)self;
    (void)light;
    way_leave(*(struct way **)light_self);
}

static void apply(void *self, struct driver_light *light, void *light_self, struct request_id request,
                  const struct light_state *patch, uint32_t transition_ms)
{
    struct mqtt *m = self;
    struct way *way = *(struct way **)light_self;
    (void)light;
    if (m->broker.up) {
        way->dialect->ops->apply(way, request, patch, transition_ms);
    } else {
        request_done(m->broker.driver, request, ERR_OFFLINE, BASIS_REPORTED, "the broker is not there");
    }
}

static void refresh(void *self, struct driver_light *light, void *light_self)
{
    struct way *way = *(struct way **)light_self;
    (void)self;
    (void)light;
    if (way->dialect->ops->refresh) {
        way->dialect->ops->refresh(way);
    }
}

static void cancel(void *self, struct driver_light *light, void *light_self, struct request_id request)
{
    struct way *way = *(struct way **)light_self;
    (void)self;
    (void)light;
    pending_cancel(way, request);
    if (way->dialect->ops->cancel) {
        way->dialect->ops->cancel(way, request);
    }
}

static bool status(void *self, struct str *s)
{
    const struct mqtt *m = self;
    struct str said = STR_INIT;
    bool well = connection_status(m->broker.connection, s);
    for (size_t i = 0; i < m->count; i++) {
        str_clear(&said);
        well &= m->dialects[i]->ops->status(m->dialects[i], &said);
        str_printf(s, "%s%s", said.len > 0 ? ", " : "", str_z(&said));
    }
    str_done(&said);
    return well;
}

const struct driver_ops mqtt_driver = {
    .kind = "mqtt",
    .driver_size = sizeof(struct mqtt),
    .light_size = sizeof(struct way *),
    .start = start,
    .stop = stop,
    .attach = attach,
    .detach = detach,
    .apply = apply,
    .refresh = refresh,
    .cancel = cancel,
    .status = status,
};
