/* The far side of the mqtt driver: a real mosquitto, and the simulated Zigbee2MQTT behind it on the suite's loop. */
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "contract.h"
#include "mosquitto_broker.h"
#include "mqtt/mqtt.h"
#include "sim/shapes.h"
#include "sim/zigbee2mqtt.h"

#define DEADLINE_MS 600

struct far_side {
    struct mqtt_config config;
    const char *bases[2];
    struct zigbee *zigbee;
    struct mosquitto_broker broker;
};

static const char *lacks(enum contract_act act)
{
    (void)act;
    return NULL;
}

/* ---- the subject ---- */

static int start(struct loop *loop, uint32_t deadline_ms, void **ret_self, const void **ret_config)
{
    /* What the suite demands of lamp 0, and as many other kinds as there are lamps. Each can be asked for its state:
       of one that cannot (access 3), and does not retain it, nobody knows it after the broker was away. */
    static const char *const models[CONTRACT_LAMPS] = {"81809/81813",
                                                       "81810",
                                                       "LED1545G12",
                                                       "IST-CDZFB2AS007NA-MZN-01",
                                                       "500.44",
                                                       "DOM-Z-105P_RGB",
                                                       "QS-Zigbee-D02-TRIAC-LN",
                                                       "LED1623G12"};
    const struct shape *kinds[CONTRACT_LAMPS];
    struct far_side *f = mem_alloc(sizeof *f);
    (void)deadline_ms;
    for (size_t i = 0; i < CONTRACT_LAMPS; i++) {
        kinds[i] = shape_find(models[i]);
    }
    mosquitto_start(&f->broker);
    const struct zigbee_config config = {
        .host = "127.0.0.1", .port = f->broker.port, .seed = 7, .lamps = CONTRACT_LAMPS, .shapes = kinds, .others = 5};
    int err = zigbee_new(loop, &config, &f->zigbee, NULL);
    if (err != 0) {
        return err;
    }
    zigbee_watch_availability(f->zigbee, CONTRACT_PLAIN, false);
    f->bases[0] = "zigbee2mqtt";
    f->config = (struct mqtt_config){.host = "127.0.0.1", .port = f->broker.port, .zigbee2mqtt = f->bases};
    *ret_self = f;
    *ret_config = &f->config;
    return 0;
}

static void stop(void *self)
{
    struct far_side *f = self;
    zigbee_free(f->zigbee);
    mosquitto_end(&f->broker);
    free(f);
}

static const char *address(void *self, size_t lamp)
{
    return zigbee_address(((struct far_side *)self)->zigbee, lamp);
}

static void act(void *self, enum contract_act act, size_t lamp)
{
    static const struct zigbee_manner manners[] = {
        [CONTRACT_WELL] = {0},
        [CONTRACT_SLOW] = {.delay_ms = DEADLINE_MS / 2},
        [CONTRACT_LATE] = {.delay_ms = DEADLINE_MS * 3 / 2},
        [CONTRACT_SILENT] = {.silent = true},
        [CONTRACT_DUPLICATE] = {.reports = 2},
        [CONTRACT_STALE] = {.stale = true},
    };
    struct far_side *f = self;
    struct zigbee *z = f->zigbee;
    switch (act) {
    case CONTRACT_WELL:
    case CONTRACT_SLOW:
    case CONTRACT_LATE:
    case CONTRACT_SILENT:
    case CONTRACT_DUPLICATE:
    case CONTRACT_STALE:
        zigbee_behave(z, lamp, &manners[act]);
        break;
    case CONTRACT_OFFLINE:
    case CONTRACT_ONLINE:
        zigbee_set_online(z, lamp, act == CONTRACT_ONLINE);
        break;
    case CONTRACT_WALL:
        zigbee_wall(z, lamp);
        break;
    case CONTRACT_REMOVE:
        zigbee_remove(z, lamp);
        break;
    case CONTRACT_JOIN:
        zigbee_join(z, lamp);
        break;
    case CONTRACT_GARBAGE:
        zigbee_babble(z, lamp);
        break;
    case CONTRACT_LOSE:
        mosquitto_kill(&f->broker);
        break;
    case CONTRACT_BACK:
        mosquitto_again(&f->broker);
        break;
    case CONTRACT_RESTART:
        zigbee_restart(z, true);
        break;
    case CONTRACT_ACTS:
        break;
    }
}

const struct contract_subject contract_subject = {
    .name = "mqtt",
    .ops = &mqtt_driver,
    .instance = "mqtt/home",
    .basis = BASIS_REPORTED,
    .deadline_ms = DEADLINE_MS,
    .patience_ms = 30000,
    .lacks = lacks,
    .start = start,
    .stop = stop,
    .address = address,
    .act = act,
};
