#include "wifi_far_side.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/secrets.h"

#define PORT_TRIES 50

const char *wifi_far_side_lacks(enum contract_act act)
{
    return act == CONTRACT_REMOVE || act == CONTRACT_JOIN
               ? "such a lamp is offline; it never says that it is gone for good"
               : NULL;
}

int wifi_far_side_start(struct loop *loop, enum wifi_family family, const char *const *models,
                        struct wifi_far_side **ret_far_side)
{
    struct wifi_far_side *f = mem_alloc(sizeof *f);
    const char *why = "";
    int err = ERR_IO;
    mosquitto_start(&f->broker);
    struct wifi_config config = {.family = family,
                                 .host = "127.0.0.1",
                                 .port = f->broker.port,
                                 .models = models,
                                 .devices = CONTRACT_LAMPS,
                                 .seed = 7,
                                 .cooldown_ms = 50,
                                 .plain = CONTRACT_PLAIN};
    for (int i = 0; i < PORT_TRIES && err == ERR_IO; i++) { /* until as many ports in a row are free */
        uint16_t chance;
        secrets_random(&chance, sizeof chance);
        f->http_port = (uint16_t)(20000 + chance % 10000);
        config.http_port = family == WIFI_WLED ? f->http_port : 0;
        err = wifi_new(loop, &config, &f->wifi, &why);
    }
    if (err != 0) {
        fprintf(stderr, "contract: %s\n", why);
        return err;
    }
    f->config = (struct mqtt_config){.host = "127.0.0.1", .port = f->broker.port};
    *ret_far_side = f;
    return 0;
}

void wifi_far_side_stop(void *self)
{
    struct wifi_far_side *f = self;
    wifi_free(f->wifi);
    mosquitto_end(&f->broker);
    free(f);
}

void wifi_far_side_act(void *self, enum contract_act act, size_t lamp)
{
    static const struct wifi_manner manners[] = {
        [CONTRACT_WELL] = {0},
        [CONTRACT_SLOW] = {.delay_ms = WIFI_DEADLINE_MS / 2},
        [CONTRACT_LATE] = {.delay_ms = WIFI_DEADLINE_MS * 3 / 2},
        [CONTRACT_SILENT] = {.silent = true},
        [CONTRACT_DUPLICATE] = {.duplicates = 2},
        [CONTRACT_STALE] = {.stale = true},
    };
    struct wifi_far_side *f = self;
    switch (act) {
    case CONTRACT_WELL:
    case CONTRACT_SLOW:
    case CONTRACT_LATE:
    case CONTRACT_SILENT:
    case CONTRACT_DUPLICATE:
    case CONTRACT_STALE:
        wifi_behave(f->wifi, lamp, &manners[act]);
        break;
    case CONTRACT_OFFLINE:
    case CONTRACT_ONLINE:
        wifi_set_online(f->wifi, lamp, act == CONTRACT_ONLINE);
        break;
    case CONTRACT_WALL:
        wifi_wall(f->wifi, lamp);
        break;
    case CONTRACT_GARBAGE:
        wifi_babble(f->wifi, lamp);
        break;
    case CONTRACT_LOSE:
        mosquitto_kill(&f->broker);
        break;
    case CONTRACT_BACK:
        mosquitto_again(&f->broker);
        break;
    case CONTRACT_RESTART:
        wifi_restart(f->wifi);
        break;
    case CONTRACT_REMOVE:
    case CONTRACT_JOIN:
    case CONTRACT_ACTS:
        break;
    }
}
