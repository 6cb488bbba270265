/* The far side of the mqtt driver: a real mosquitto, and simulated Tasmota modules behind it on the suite's loop. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "contract.h"
#include "mosquitto_broker.h"
#include "mqtt/mqtt.h"
#include "sim/sonoff.h"

#define DEADLINE_MS 600
#define DISCOVERY_MS 5

struct far_side {
    struct mqtt_config config;
    const char *discovery[2];
    struct sonoff *sonoff;
    struct mosquitto_broker broker;
    char address[32];
};

static const char *lacks(enum contract_act act)
{
    (void)act;
    return NULL;
}

static int start(struct loop *loop, uint32_t deadline_ms, void **ret_self, const void **ret_config)
{
    /* What the suite demands of lamp 0, and as many other kinds as there are lamps. */
    static const char *const names[CONTRACT_LAMPS] = {"rgbcw", "dimmer", "ct",   "relay-dimmer",
                                                      "rgbw",  "rgb",    "tuya", "channels"};
    const struct sonoff_kind *kinds[CONTRACT_LAMPS];
    struct far_side *f = mem_alloc(sizeof *f);
    (void)deadline_ms;
    for (size_t i = 0; i < CONTRACT_LAMPS; i++) {
        kinds[i] = sonoff_kind_find(names[i]);
    }
    mosquitto_start(&f->broker);
    const struct sonoff_config config = {.host = "127.0.0.1",
                                         .port = f->broker.port,
                                         .seed = 7,
                                         .modules = CONTRACT_LAMPS,
                                         .kinds = kinds,
                                         .discovery_ms = DISCOVERY_MS};
    int err = sonoff_new(loop, &config, &f->sonoff, NULL);
    if (err != 0) {
        return err;
    }
    sonoff_hide_lwt(f->sonoff, CONTRACT_PLAIN);
    f->discovery[0] = "tasmota/discovery";
    f->config = (struct mqtt_config){.host = "127.0.0.1", .port = f->broker.port, .tasmota = f->discovery};
    *ret_self = f;
    *ret_config = &f->config;
    return 0;
}

static void stop(void *self)
{
    struct far_side *f = self;
    sonoff_free(f->sonoff);
    mosquitto_end(&f->broker);
    free(f);
}

static const char *address(void *self, size_t lamp)
{
    struct far_side *f = self;
    (void)snprintf(f->address, sizeof f->address, "mac/%s/%u", sonoff_mac(f->sonoff, lamp),
                   sonoff_light(f->sonoff, lamp)->first);
    return f->address;
}

static void act(void *self, enum contract_act act, size_t lamp)
{
    static const struct sonoff_manner manners[] = {
        [CONTRACT_WELL] = {0},
        [CONTRACT_SLOW] = {.delay_ms = DEADLINE_MS / 2},
        [CONTRACT_LATE] = {.delay_ms = DEADLINE_MS * 3 / 2},
        [CONTRACT_SILENT] = {.silent = true},
        [CONTRACT_DUPLICATE] = {.repeats = 2},
        [CONTRACT_STALE] = {.stale = true},
    };
    struct far_side *f = self;
    struct sonoff *s = f->sonoff;
    switch (act) {
    case CONTRACT_WELL:
    case CONTRACT_SLOW:
    case CONTRACT_LATE:
    case CONTRACT_SILENT:
    case CONTRACT_DUPLICATE:
    case CONTRACT_STALE:
        sonoff_behave(s, lamp, &manners[act]);
        break;
    case CONTRACT_OFFLINE:
    case CONTRACT_ONLINE:
        sonoff_set_power(s, lamp, act == CONTRACT_ONLINE);
        break;
    case CONTRACT_WALL:
        sonoff_wall(s, lamp);
        break;
    case CONTRACT_REMOVE:
    case CONTRACT_JOIN:
        sonoff_announce(s, lamp, act == CONTRACT_JOIN);
        break;
    case CONTRACT_GARBAGE:
        sonoff_babble(s, lamp);
        break;
    case CONTRACT_LOSE:
        mosquitto_kill(&f->broker);
        break;
    case CONTRACT_BACK:
        mosquitto_again(&f->broker);
        break;
    case CONTRACT_RESTART:
        sonoff_restart(s);
        break;
    case CONTRACT_ACTS:
        break;
    }
}

const struct contract_subject contract_subject = {
    .name = "mqtt_tasmota",
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
