/* Lamps on the Wi-Fi that are clients of the broker themselves, each by a connection of its own: Shellys of both
   generations and WLED strips, any number, on the caller's loop. They play what their documentation and (WLED) their
   sources say, not what the bridge makes of it.

   Lamps are numbered from 0 through all devices: one of two channels has two numbers. Every verb may be called at any
   time; what concerns a device concerns all of its lamps. */
#ifndef SIM_WIFI_H
#define SIM_WIFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct wifi;

enum wifi_family { WIFI_SHELLY, WIFI_SHELLY1, WIFI_WLED };

/* How a device takes commands. */
struct wifi_manner {
    uint32_t delay_ms;   /* it does, and says, everything so much later */
    bool silent;         /* it neither does nor says anything */
    bool stale;          /* on a command its full old state comes first */
    unsigned duplicates; /* it says everything so many times more */
    bool refuses;        /* it answers with an error, where its protocol has them */
};

struct wifi_config {
    enum wifi_family family;
    const char *host; /* of the broker */
    uint16_t port;
    const char *username, *password; /* NULL: none */
    const char *const *models;       /* of device 0, 1, ...; NULL: each of wifi_models in turn. Only during wifi_new */
    size_t devices;
    uint64_t seed;                             /* the same seed makes the same devices */
    uint16_t http_port;                        /* of WLED 0; the next has the next. 0: none is there over HTTP */
    uint32_t cooldown_ms;                      /* WLED publishes no oftener; 1000 in the real one */
    bool retain;                               /* states are retained, where the device can be told to */
    bool status;                               /* Shelly: status_ntf is on, as it is not by default */
    size_t plain;                              /* this device says nothing of being there; SIZE_MAX: none is such */
    void (*say)(void *user, const char *line); /* what happens, a line each; NULL: nobody reads it */
    void (*ready)(void *user);                 /* all have told that they are there; NULL: no matter */
    void *user;
};

/* Texts are copied. A broker that is not there is tried again and again. ERR_INVALID (an unknown model, or libmosquitto
   refuses), ERR_IO (no port for HTTP); *ret_why says what. */
int wifi_new(struct loop *loop, const struct wifi_config *config, struct wifi **ret_wifi, const char **ret_why);
void wifi_free(struct wifi *wifi); /* as if their power was cut; NULL is legal. Not from inside its callbacks */

size_t wifi_count(const struct wifi *wifi);                   /* lamps */
const char *wifi_topic(const struct wifi *wifi, size_t lamp); /* below which its device speaks */
const char *wifi_mac(const struct wifi *wifi, size_t lamp);   /* of its device: twelve hex digits, upper case */
const char *wifi_part(const struct wifi *wifi, size_t lamp); /* which of its device: "light:0"; "" WLED's whole strip */
bool wifi_is_on(const struct wifi *wifi, size_t lamp);
int wifi_level(const struct wifi *wifi, size_t lamp, int *ret_max); /* in its own units; -1: it has none */
/* Name and what it has, a line each. */
const char *const *wifi_models(enum wifi_family family, size_t *ret_count);

void wifi_behave(struct wifi *wifi, size_t lamp, const struct wifi_manner *manner);
void wifi_set_online(struct wifi *wifi, size_t lamp, bool online);   /* its power: it comes back with its old state */
void wifi_wall(struct wifi *wifi, size_t lamp);                      /* the switch on the wall: on, or off */
void wifi_babble(struct wifi *wifi, size_t lamp);                    /* sends what no lamp would */
void wifi_rename(struct wifi *wifi, size_t lamp, const char *topic); /* its owner gives it another topic */
void wifi_restart(struct wifi *wifi);                                /* all of them lose their power for a moment */
void wifi_storm(struct wifi *wifi, uint32_t per_second); /* changes reported, one lamp after the other; 0: none */

#endif
