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

#define Z2M_MAX_STATE 65536u             /* bytes of a state message */
#define Z2M_MAX_LIST (64u * 1024 * 1024) /* bridge/devices, bridge/groups */
#define Z2M_MAX_ENTRY (1024u * 1024)     /* one device in it */
#define Z2M_NAME 256u                    /* friendly name with its NUL */
#define Z2M_MAX_LAMPS 16u                /* lights of one device */
#define Z2M_PROPERTY 64u

/* How one light of a device is spoken to. Properties are JSON keys ("state_l1"); "" where it has none. */
struct z2m_lamp {
    char endpoint[Z2M_PROPERTY]; /* "" for a device with one light */
    char state[Z2M_PROPERTY], brightness[Z2M_PROPERTY], color_temp[Z2M_PROPERTY], color[Z2M_PROPERTY],
        color_mode[Z2M_PROPERTY];
    bool hs, xy; /* forms of colour it takes; hs is sent where it has both and names hs first, or xy is missing */
    bool prefer_hs;
    bool get_state, get_brightness, get_color_temp, get_color; /* access bit 4 */
    uint16_t brightness_max;                                   /* 254 unless the definition says otherwise */
    uint16_t min_mired, max_mired;                             /* with color_temp */
    struct light_profile profile;
};

struct z2m_device {
    char ieee[Z2M_NAME], name[Z2M_NAME], vendor[Z2M_NAME], model[Z2M_NAME], version[Z2M_NAME];
    struct z2m_lamp lamps[Z2M_MAX_LAMPS];
    size_t lamp_count;
};

/* One element of bridge/devices. 0 with lamp_count 0 for what is no light (a sensor, the coordinator, one not
   interviewed, disabled or unsupported); ERR_INVALID for what cannot be understood. */
int z2m_read_device(const struct json *entry, struct z2m_device *ret_device);

struct z2m_group {
    int64_t id;
    char name[Z2M_NAME];
    size_t member_count;
    const struct json *members; /* borrowed */
};
int z2m_read_group(const struct json *entry, struct z2m_group *ret_group);
const char *z2m_member(const struct json *member); /* ieee_address, NULL if absent */
const char *z2m_member_endpoint(const struct json *member, char *memory, size_t size); /* "" if none */

/* What a group can do: all that each member can, with the members' common range. Call for each member. */
void z2m_group_add(struct z2m_lamp *group, const struct z2m_lamp *member, bool first);

/* A state message: *ret_patch has what it says of this lamp; null is unknown. `state` OFF wins over brightness. */
void z2m_read_state(const struct json *state, const struct z2m_lamp *lamp, struct light_state *ret_patch);

/* A command. transition_ms 0: no transition member. */
void z2m_write_set(struct str *out, const struct z2m_lamp *lamp, const struct light_state *patch,
                   uint32_t transition_ms);
/* {"state":"","brightness":"",...} of what can be asked; empty where nothing can. */
void z2m_write_get(struct str *out, const struct z2m_lamp *lamp);

/* bridge/state and availability: {"state":"online"} or bare online. ERR_INVALID. */
int z2m_read_online(const char *bytes, size_t len, bool *ret_online);

/* bridge/logging: the device's name inside an error about a publish, e.g. "Publish 'set' 'state' to 'Kitchen' failed:
   ...". False where it is no such error. `ret_why` gets the message. */
bool z2m_read_logging(const char *bytes, size_t len, char ret_name[Z2M_NAME], struct str *ret_why);

extern const struct light_tolerance z2m_tolerance;

#endif
