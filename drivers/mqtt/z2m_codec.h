/* Zigbee2MQTT's documents to values and back: pure functions. Source: Zigbee2MQTT 2.x, "MQTT Topics and Messages" and
   "Exposes" in its documentation. Units on the wire: brightness 0..254, color_temp in mireds, hue 0..360, saturation
   0..100, xy. */
#ifndef MQTT_Z2M_CODEC_H
#define MQTT_Z2M_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/light.h"

struct json;

#define Z2M_MAX_STATE 65536u             /* bytes of a state message, or a line of bridge/logging */
#define Z2M_MAX_ONLINE 1024u             /* bridge/state, availability */
#define Z2M_MAX_INFO (4u * 1024 * 1024)  /* bridge/info */
#define Z2M_MAX_LIST (64u * 1024 * 1024) /* bridge/devices, bridge/groups */
#define Z2M_MAX_ENTRY (1024u * 1024)     /* one device in it */
#define Z2M_NAME 256u                    /* friendly name with its NUL */
#define Z2M_MAX_LAMPS 16u                /* lights of one device */
#define Z2M_PROPERTY 64u                 /* a JSON key with its NUL */

/* How one light of a device is spoken to. Properties are JSON keys ("state_l1"); "" where it has none. Lamps of
   one make are the same value byte for byte, so that they can be kept once. */
struct z2m_lamp {
    char endpoint[Z2M_PROPERTY]; /* "" for a device with one light */
    char state[Z2M_PROPERTY], brightness[Z2M_PROPERTY], color_temp[Z2M_PROPERTY], color[Z2M_PROPERTY];
    char color_mode[sizeof "color_mode_" + Z2M_PROPERTY];
    bool hs, xy;                                               /* forms of colour it takes */
    bool prefer_hs;                                            /* it has both and names hs first */
    bool get_state, get_brightness, get_color_temp, get_color; /* access bit 4 */
    uint16_t brightness_max;                                   /* 254 unless the definition says otherwise */
    uint16_t min_mired, max_mired;                             /* with color_temp */
    struct light_profile profile;
};

enum z2m_interview { Z2M_INTERVIEWED, Z2M_INTERVIEW_UNDER_WAY, Z2M_INTERVIEW_FAILED };

struct z2m_device {
    char ieee[Z2M_NAME], name[Z2M_NAME], vendor[Z2M_NAME], model[Z2M_NAME], version[Z2M_NAME];
    enum z2m_interview interview;
    struct z2m_lamp lamps[Z2M_MAX_LAMPS];
    size_t lamp_count;
    size_t lamps_left; /* so many more than Z2M_MAX_LAMPS */
};

/* One element of bridge/devices. 0 with lamp_count 0 for what is no light (a sensor, the coordinator, one disabled or
   unsupported) or not interviewed yet; ERR_INVALID for what cannot be understood (`ieee` is set even then where it
   could be read, "" otherwise). */
int z2m_read_device(const struct json *entry, struct z2m_device *ret_device);

struct z2m_group {
    int64_t id;
    char name[Z2M_NAME];
    const struct json *members; /* borrowed */
};
int z2m_read_group(const struct json *entry, struct z2m_group *ret_group);
const char *z2m_member(const struct json *member); /* ieee_address, NULL if absent */
/* The endpoint's name, "" where it has none or a number only. */
const char *z2m_member_endpoint(const struct json *member);

/* What a group can do: all that each member can, with the members' common range. Call for each member. */
void z2m_group_add(struct z2m_lamp *group, const struct z2m_lamp *member, bool first);

/* A name that can stand in a topic: not empty, UTF-8, no wildcard, no control byte. */
bool z2m_good_name(const char *name);

/* A state message: ret_patches[i] has what it says of lamps[i]; null is unknown, and what is off has no level.
   ERR_INVALID where it is no JSON object, ERR_TOO_LARGE. */
int z2m_read_state(const char *bytes, size_t len, const struct z2m_lamp *const *lamps, size_t count,
                   struct light_state *ret_patches);

/* A command. transition_ms 0: no transition member. */
void z2m_write_set(struct str *out, const struct z2m_lamp *lamp, const struct light_state *patch,
                   uint32_t transition_ms);
/* {"state":"","brightness":"",...} of what can be asked; nothing is added where nothing can. */
void z2m_write_get(struct str *out, const struct z2m_lamp *lamp);

/* bridge/state and availability: {"state":"online"} or bare online. ERR_INVALID. */
int z2m_read_online(const char *bytes, size_t len, bool *ret_online);

/* What an error line of bridge/logging says of a command. */
struct z2m_failure {
    char name[Z2M_NAME]; /* as the line has it: a friendly name, or the address we sent to */
    uint32_t members;    /* LIGHT_* of the key that failed, 0 unknown */
    bool unanswered;     /* the lamp did not answer; otherwise it, or Zigbee2MQTT, refused */
};
/* Is it a failed command? `ret_why` gets the message behind what it has. */
bool z2m_read_logging(const char *bytes, size_t len, struct z2m_failure *ret_failure, struct str *ret_why);

/* bridge/info: is `advanced.output` set so that no JSON is published? */
bool z2m_info_attribute_output(const char *bytes, size_t len);
/* bridge/info: nobody's availability is watched (config.availability.enabled is false, and no device says otherwise).
   What is retained of it is then from before the feature was switched off: Zigbee2MQTT leaves it there. */
bool z2m_info_unwatched(const char *bytes, size_t len);

extern const struct light_tolerance z2m_tolerance;

#endif
