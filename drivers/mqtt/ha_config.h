/* Announcements of Home Assistant discovery to lamps: pure functions. Source: Home Assistant's documentation, "MQTT:
   discovery", "MQTT light", "MQTT switch", and its abbreviations.

   One message on PREFIX/light/.../config or PREFIX/switch/.../config is one lamp; one on PREFIX/device/.../config is a
   device with components, each by its key. Every option has a long name and an abbreviation; a topic that begins or
   ends with ~ has the base there. */
#ifndef MQTT_HA_CONFIG_H
#define MQTT_HA_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/light.h"

struct json;

#define HA_MAX_CONFIG (256u * 1024) /* bytes of an announcement */
#define HA_MAX_TEXTS 60000u         /* of one lamp */
#define HA_MAX_COMPONENTS 64u       /* of one device */
#define HA_MAX_AVAILABILITIES 8u
#define HA_MAX_ADDRESS 255u

enum ha_schema { HA_SCHEMA_JSON, HA_SCHEMA_DEFAULT, HA_SCHEMA_TEMPLATE, HA_SCHEMA_SWITCH };

/* What has topics of its own in the default schema; in the others the forms of colour only. */
enum ha_channel {
    HA_STATE,
    HA_BRIGHTNESS,
    HA_COLOR_TEMP,
    HA_HS,
    HA_XY,
    HA_RGB,
    HA_RGBW,
    HA_RGBWW,
    HA_COLOR_MODE,
    HA_CHANNELS
};
enum ha_option { HA_COMMAND_TOPIC, HA_COMMAND_TEMPLATE, HA_STATE_TOPIC, HA_STATE_TEMPLATE, HA_OPTIONS };

/* Texts of a lamp. */
enum ha_text {
    HA_CHANNEL_TEXTS = HA_CHANNELS * HA_OPTIONS, /* channel * HA_OPTIONS + option */
    HA_PAYLOAD_ON = HA_CHANNEL_TEXTS,
    HA_PAYLOAD_OFF,
    HA_STATE_ON,
    HA_STATE_OFF,
    /* of the template schema */
    HA_ON_TEMPLATE,
    HA_OFF_TEMPLATE,
    HA_IS_ON_TEMPLATE,
    HA_BRIGHTNESS_TEMPLATE,
    HA_COLOR_TEMP_TEMPLATE,
    HA_RED_TEMPLATE,
    HA_GREEN_TEMPLATE,
    HA_BLUE_TEMPLATE,
    /* for people, and where it belongs */
    HA_ADDRESS, /* canonical: see mqtt/way.h */
    HA_NAME,
    HA_MANUFACTURER,
    HA_MODEL,
    HA_VERSION,
    HA_ROOM,
    HA_TEXTS
};
enum ha_on_command { HA_ON_LAST, HA_ON_FIRST, HA_ON_BRIGHTNESS };
enum ha_availability_mode { HA_AVAILABLE_LATEST, HA_AVAILABLE_ALL, HA_AVAILABLE_ANY };

struct ha_availability {
    uint16_t topic, available, not_available, template; /* places of texts */
};

struct ha_lamp {
    uint8_t schema, color, on_command, availability_mode; /* enums; color: ha_channel of the form it is told, 0 none */
    bool kelvin;                                          /* color_temp is in K, not in mireds */
    bool native;                                          /* its address is one that a native dialect may drive */
    bool folded;      /* no brightness of its own: it is folded into red, green and blue */
    bool temperature; /* it has color_temp; otherwise, if it can LIGHT_KELVIN, two whites are mixed */
    uint8_t availability_count;
    uint16_t brightness_scale;
    uint32_t silent; /* LIGHT_* that it never reports */
    struct light_profile profile;
    struct ha_availability availability[HA_MAX_AVAILABILITIES];
    uint16_t at[HA_TEXTS]; /* places in `texts`, 0: none */
    char *texts;           /* each with its NUL */
    size_t texts_len;
};

/* An announcement that is being read. */
struct ha_config {
    struct json *root;
    const struct json *component; /* the next one of a device */
    bool device, is_switch;       /* what the topic says */
    bool done;
};

/* What an announcement says of one lamp. */
struct ha_component {
    const char *key; /* in its device, "" for a single one; borrowed */
    bool removed;    /* only its platform is left */
    bool is_switch;
    const struct json *object;
};

/* PREFIX is not in `topic`: "light/kitchen/config". False where it is none that we read. */
bool ha_config_topic(const char *topic, bool *ret_device, bool *ret_switch);
/* ERR_INVALID, ERR_TOO_LARGE. Closed by the caller where it is 0. */
int ha_config_open(struct ha_config *c, bool device, bool is_switch, const char *bytes, size_t len);
/* The next light or switch; false at the end. What belongs to neither is passed over. */
bool ha_config_next(struct ha_config *c, struct ha_component *ret_component);
void ha_config_close(struct ha_config *c);

/* ERR_UNSUPPORTED or ERR_INVALID: `why` has a reason for people ("the filter 'x' in brightness_value_template"), and
   nothing is to be freed. `fallback` is the address of a lamp
   without an id, HA_MAX_ADDRESS at most; `group` what stands before a Zigbee2MQTT
   group's base topic and number: "group/home". */
int ha_lamp_read(const struct ha_config *c, const struct ha_component *component, const char *fallback,
                 const char *group, struct ha_lamp *ret_lamp, struct str *why);
void ha_lamp_done(struct ha_lamp *lamp);

/* NULL: it has none. */
const char *ha_lamp_text(const struct ha_lamp *lamp, size_t text);
const char *ha_lamp_channel(const struct ha_lamp *lamp, enum ha_channel channel, enum ha_option option);

/* ---- ha_state.c ---- */

#define HA_MAX_STATE 65536u /* bytes of a state message */

/* What a message says on a topic that is the state topic of these channels (bits of enum ha_channel; HA_STATE is
   everything but in the default schema). `known`: what is known of the lamp already. ERR_INVALID (`ret_state` has what
   could be understood all the same), ERR_TOO_LARGE. */
int ha_state_read(const struct ha_lamp *lamp, uint32_t channels, const char *bytes, size_t len,
                  const struct light_state *known, struct light_state *ret_state);
/* One of the lamp's availabilities. ERR_INVALID: neither of its two payloads. */
int ha_availability_read(const struct ha_lamp *lamp, size_t availability, const char *bytes, size_t len,
                         bool *ret_online);
extern const struct light_tolerance ha_tolerance;

/* ---- ha_command.c ---- */

#define HA_MAX_MESSAGES 4u

/* Messages in their order. */
struct ha_command {
    struct {
        const char *topic; /* the lamp's */
        size_t at, len;    /* of `bytes` */
    } messages[HA_MAX_MESSAGES];
    size_t count;
    struct str bytes;
    bool fades; /* the transition is in it */
};

/* Replaces what `command` has. ERR_INVALID: a command template of the lamp cannot be evaluated with this. */
int ha_command_write(const struct ha_lamp *lamp, const struct light_state *known, const struct light_state *patch,
                     uint32_t transition_ms, struct ha_command *command);

/* ---- ha_identity.c ---- */

struct ha_identity {
    char address[HA_MAX_ADDRESS + 1];
    bool native, group;
};
/* Who is it, by its unique_id and its device? */
void ha_identify(const struct json *device, const char *unique_id, const char *fallback, const char *group,
                 struct ha_identity *ret_identity);

/* An option by either of its names, of the object itself. */
const struct json *ha_option_of(const struct json *object, const char *name, const char *abbreviation);

#endif
