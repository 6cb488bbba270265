#include "heralds.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "mosquitto_broker.h"
#include "mqtt/mqtt.h"
#include "sim/herald.h"

struct far_side {
    struct mqtt_config config;
    const char *prefixes[2];
    struct herald *herald;
    struct mosquitto_broker broker;
};

int heralds_start(struct loop *loop, const char *const names[CONTRACT_LAMPS], void **ret_self, const void **ret_config)
{
    const struct herald_kind *kinds[CONTRACT_LAMPS];
    struct far_side *f = mem_alloc(sizeof *f);
    for (size_t i = 0; i < CONTRACT_LAMPS; i++) {
        kinds[i] = herald_kind_find(names[i]);
    }
    mosquitto_start(&f->broker);
    const struct herald_config config = {
        .host = "127.0.0.1", .port = f->broker.port, .seed = 7, .lamps = CONTRACT_LAMPS, .kinds = kinds};
    int err = herald_new(loop, &config, &f->herald, NULL);
    if (err != 0) {
        return err;
    }
    herald_hide_availability(f->herald, CONTRACT_PLAIN);
    f->prefixes[0] = "homeassistant";
    f->config = (struct mqtt_config){.host = "127.0.0.1", .port = f->broker.port, .homeassistant = f->prefixes};
    *ret_self = f;
    *ret_config = &f->config;
    return 0;
}

void heralds_stop(void *self)
{
    struct far_side *f = self;
    herald_free(f->herald);
    mosquitto_end(&f->broker);
    free(f);
}

const char *heralds_name(void *self, size_t lamp)
{
    return herald_name(((struct far_side *)self)->herald, lamp);
}

const char *heralds_mac(void *self, size_t lamp)
{
    return herald_mac(((struct far_side *)self)->herald, lamp);
}

const char *heralds_lack(enum contract_act act)
{
    (void)act;
    return NULL;
}

void heralds_act(void *self, enum contract_act act, size_t lamp)
{
    static const struct herald_manner manners[] = {
        [CONTRACT_WELL] = {0},
        [CONTRACT_SLOW] = {.delay_ms = HERALDS_DEADLINE_MS / 2},
        [CONTRACT_LATE] = {.delay_ms = HERALDS_DEADLINE_MS * 3 / 2},
        [CONTRACT_SILENT] = {.silent = true},
        [CONTRACT_DUPLICATE] = {.repeats = 2},
        [CONTRACT_STALE] = {.stale = true},
    };
    struct far_side *f = self;
    struct herald *h = f->herald;
    switch (act) {
    case CONTRACT_WELL:
    case CONTRACT_SLOW:
    case CONTRACT_LATE:
    case CONTRACT_SILENT:
    case CONTRACT_DUPLICATE:
    case CONTRACT_STALE:
        herald_behave(h, lamp, &manners[act]);
        break;
    case CONTRACT_OFFLINE:
    case CONTRACT_ONLINE:
        herald_set_online(h, lamp, act == CONTRACT_ONLINE);
        break;
    case CONTRACT_WALL:
        herald_wall(h, lamp);
        break;
    case CONTRACT_REMOVE:
    case CONTRACT_JOIN:
        herald_announce(h, lamp, act == CONTRACT_JOIN);
        break;
    case CONTRACT_GARBAGE:
        herald_babble(h, lamp);
        break;
    case CONTRACT_LOSE:
        mosquitto_kill(&f->broker);
        break;
    case CONTRACT_BACK:
        mosquitto_again(&f->broker);
        break;
    case CONTRACT_RESTART:
        herald_restart(h);
        break;
    case CONTRACT_ACTS:
        break;
    }
}
