/* One lamp as Zigbee2MQTT knows it: what it does with a command and what its state message says then. Pure: no I/O, no
   clock. Sources: the converters of zigbee-herdsman-converters 26.112.0 (light_onoff_brightness, light_colortemp,
   light_color, syncColorState) and Zigbee2MQTT 2.14.1 as seen running. */
#ifndef SIM_LAMP_H
#define SIM_LAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "sim/cie.h"
#include "sim/shapes.h"

#define LAMP_LEVEL_MAX 254

enum lamp_mode { LAMP_MODE_TEMP, LAMP_MODE_XY, LAMP_MODE_HS }; /* color_mode */

struct lamp {
    const struct shape_part *part;
    char suffix[17]; /* "_l1", "" without an endpoint: behind each of its properties */
    bool on;
    uint8_t level; /* 0..254 as last published; a fade to off leaves 0 here */
    uint8_t kept;  /* 1..254: where on without a level returns to */
    uint16_t mired;
    uint8_t mode;
    struct cie_xy xy;
    struct cie_hs hs;
};

/* What one message asks of one lamp. */
enum lamp_member {
    LAMP_STATE = 1u << 0,
    LAMP_LEVEL = 1u << 1,
    LAMP_TEMP = 1u << 2,
    LAMP_COLOR = 1u << 3,
    LAMP_STEP = 1u << 4, /* level by `step` up or down */
};
enum lamp_switch { LAMP_OFF, LAMP_ON, LAMP_TOGGLE };

struct lamp_command {
    uint32_t has; /* LAMP_* */
    uint8_t state;
    uint8_t level;
    int16_t step;
    uint16_t mired;
    bool by_hs; /* color is hue and saturation; either may be missing (negative) */
    struct cie_hs hs;
    struct cie_xy xy;
    bool timed; /* a transition was given */
    uint32_t transition_ms;
};

/* Where a lamp is going to: its published state is the target already. */
struct lamp_fade {
    uint8_t from_level, to_level;
    uint16_t from_mired, to_mired;
};

/* As a lamp comes out of its box: off at full level, white in the middle of its range. */
void lamp_init(struct lamp *lamp, const struct shape_light *light);

typedef void lamp_error_fn(void *user, const char *message);
/* Reads a /set message for the lamps of one device into ret_commands[count]; a key without an endpoint means
   lamps[target]. `fail` gets Zigbee2MQTT's words for each key that it cannot take. `name` is the device's in those
   words; `effects` is what "effect" may be. */
void lamp_read_set(const struct json *message, const struct lamp lamps[], size_t count, size_t target, const char *name,
                   const char *const *effects, lamp_error_fn *fail, void *user, struct lamp_command ret_commands[]);
/* Can any of the lamps be asked for `key`? If not, `fail` gets why. */
bool lamp_can_get(const struct lamp lamps[], size_t count, const char *key, const char *name, lamp_error_fn *fail,
                  void *user);

/* The lamp obeys. Answers whether it fades; then *ret_fade says between what. */
bool lamp_obey(struct lamp *lamp, const struct lamp_command *command, struct lamp_fade *ret_fade);
/* `step` of `steps` of the fade is reached: what the lamp reports then. */
void lamp_fade(struct lamp *lamp, const struct lamp_fade *fade, unsigned step, unsigned steps);

/* Members of the state message; all null where `known` is false (Zigbee2MQTT does that with Home Assistant on). */
void lamp_write_state(struct json_out *j, const struct lamp *lamp, bool known);

#endif
