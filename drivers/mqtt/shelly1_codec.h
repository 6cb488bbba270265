/* Shelly's first generation: its topics and messages to values and back, pure functions. Source:
   shelly-api-docs.shelly.cloud/gen1, "MQTT" of each device. Units on the wire: brightness and gain 0..100, red, green,
   blue and white 0..255, temp in K, transition in milliseconds. */
#ifndef MQTT_SHELLY1_CODEC_H
#define MQTT_SHELLY1_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/light.h"

#define SHELLY1_MAX_STATE 16384u /* bytes of a status or an announcement */
#define SHELLY1_NAME 64u         /* an id, model or version with its NUL */

enum shelly1_kind { SHELLY1_RELAY, SHELLY1_LIGHT, SHELLY1_COLOR, SHELLY1_WHITE, SHELLY1_KINDS };

/* One channel of a device: "color/0". */
struct shelly1_lamp {
    uint8_t kind; /* enum shelly1_kind */
    uint8_t id;
    struct light_profile profile;
};

/* shellies/announce, and shellies/ID/announce. ERR_INVALID. */
struct shelly1_device {
    char id[SHELLY1_NAME];    /* its topics lie under shellies/ID; the user can change it */
    char mac[13];             /* twelve hex digits, upper case */
    char model[SHELLY1_NAME]; /* "SHRGBW2" */
    char version[SHELLY1_NAME];
};
int shelly1_read_announce(const char *bytes, size_t len, struct shelly1_device *ret_device);

/* What is behind shellies/ID/: the channel that speaks on "color/0/status" or "relay/1". False for any other topic. */
bool shelly1_read_topic(const char *tail, enum shelly1_kind *ret_kind, uint8_t *ret_id);
/* What a channel of this model can do. `status` is a message of its (a lamp of a model that is not known shows by it
   whether it has a colour temperature). */
struct shelly1_lamp shelly1_make_lamp(enum shelly1_kind kind, uint8_t id, const char *model, const char *status,
                                      size_t len);
/* A status, or on/off of a relay. ERR_INVALID, ERR_TOO_LARGE. */
int shelly1_read_status(const char *bytes, size_t len, const struct shelly1_lamp *lamp, struct light_state *ret_patch);
int shelly1_read_online(const char *bytes, size_t len, bool *ret_online); /* true or false; ERR_INVALID */

/* "color/0/set": where the command of shelly1_write_set goes, behind shellies/ID/. */
void shelly1_write_topic(struct str *out, const struct shelly1_lamp *lamp);
void shelly1_write_set(struct str *out, const struct shelly1_lamp *lamp, const struct light_state *patch,
                       uint32_t transition_ms);

extern const struct light_tolerance shelly1_tolerance;

#endif
