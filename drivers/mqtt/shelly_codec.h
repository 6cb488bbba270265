/* Shelly's second generation and what came after (Plus, Pro, Gen3, Gen4): RPC frames to values and back, pure
   functions. Source: shelly-api-docs.shelly.cloud/gen2, "RPC Protocol", "Notifications" and the components Switch,
   Light, RGB, RGBW, CCT and RGBCCT. Units on the wire: brightness 0..100, rgb and white 0..255, ct in K,
   transition_duration in seconds. */
#ifndef MQTT_SHELLY_CODEC_H
#define MQTT_SHELLY_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"
#include "model/light.h"

#define SHELLY_MAX_FRAME 65536u /* bytes of a frame or a status */
#define SHELLY_MAX_LAMPS 16u    /* lights and switches of one device */
#define SHELLY_NAME 65u         /* a name, model or version with its NUL */

enum shelly_kind { SHELLY_SWITCH, SHELLY_LIGHT, SHELLY_RGB, SHELLY_RGBW, SHELLY_CCT, SHELLY_RGBCCT, SHELLY_KINDS };

/* One component that is a light: "light:0". */
struct shelly_lamp {
    uint8_t kind; /* enum shelly_kind */
    uint8_t id;
    struct light_profile profile;
    char name[SHELLY_NAME]; /* the user's, "" if none */
};

/* One frame. Its parts point into the text that was read; len 0: not there. */
struct shelly_frame {
    bool has_id; /* an answer to a request of ours */
    uint32_t id;
    struct json_bytes method, params, result, error;
};
/* ERR_INVALID where it is no JSON object, ERR_TOO_LARGE. */
int shelly_read_frame(const char *bytes, size_t len, struct shelly_frame *ret_frame);

/* The lights among the components of a full status, by kind and number; 0 for a device that has none. */
size_t shelly_read_lamps(const struct json_bytes *status, struct shelly_lamp ret_lamps[SHELLY_MAX_LAMPS],
                         size_t *ret_left);
/* What a status, full or partial, says of a lamp. A lamp that fades has its target. Nothing where it is not in it. */
void shelly_read_status(const struct json_bytes *status, const struct shelly_lamp *lamp, struct light_state *ret_patch);
/* The same from the own object of the lamp alone: the answer to Light.GetStatus. */
void shelly_read_component(const struct json_bytes *component, const struct shelly_lamp *lamp,
                           struct light_state *ret_patch);
#define SHELLY_COMPONENT 16u
void shelly_component_name(const struct shelly_lamp *lamp, char ret_name[SHELLY_COMPONENT]); /* "light:0" */
/* Does the name of a component ("light:0", `len` bytes) mean this lamp? */
bool shelly_is_component(const struct shelly_lamp *lamp, const char *name, size_t len);

/* The answer to Shelly.GetConfig: names, and the range of colour temperature, of the lamps. ERR_INVALID. */
int shelly_read_config(const struct json_bytes *result, struct shelly_lamp *lamps, size_t count);

struct shelly_device {
    char id[SHELLY_NAME];   /* "shellyplusrgbwpm-aabbccddeeff" */
    char mac[13];           /* twelve hex digits, upper case */
    char name[SHELLY_NAME]; /* the user's, "" if none */
    char model[SHELLY_NAME], version[SHELLY_NAME];
};
/* The answer to Shelly.GetDeviceInfo. ERR_INVALID where it is not one of a Shelly of generation 2 or later. */
int shelly_read_device(const struct json_bytes *result, struct shelly_device *ret_device);

/* What an error says: "Light.Set: Argument 'brightness', value 101 is ... (-103)". */
void shelly_read_error(const struct json_bytes *error, struct str *ret_why);
/* A NotifyEvent by which something of the configuration has changed. */
bool shelly_config_changed(const struct json_bytes *params);
/* PREFIX/online: "true" or "false". ERR_INVALID. */
int shelly_read_online(const char *bytes, size_t len, bool *ret_online);

/* {"id":7,"src":"...","method":"Shelly.GetStatus"} */
void shelly_write_request(struct str *out, uint32_t id, const char *src, const char *method);
/* "Light.GetStatus" of the lamp. */
void shelly_write_get(struct str *out, uint32_t id, const char *src, const struct shelly_lamp *lamp);
/* "Light.Set". transition_ms 0: the device's own. */
void shelly_write_set(struct str *out, uint32_t id, const char *src, const struct shelly_lamp *lamp,
                      const struct light_state *patch, uint32_t transition_ms);

extern const struct light_tolerance shelly_tolerance;

#endif
