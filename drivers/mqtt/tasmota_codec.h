/* Tasmota's messages to values and back: pure functions. Sources: arendst/Tasmota (xdrv_12_discovery.ino,
   xdrv_04_light.ino, xdrv_02_9_mqtt.ino, support_command.ino), its documentation (Commands, MQTT) and hatasmota's
   light.py. Units on the wire: Dimmer, Channel, White and saturation 0..100, CT in mireds, hue 0..359. */
#ifndef MQTT_TASMOTA_CODEC_H
#define MQTT_TASMOTA_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/light.h"

#define TASMOTA_MAX_CONFIG 16384u /* bytes of a discovery message; real ones have 1 kB */
#define TASMOTA_MAX_STATE 65536u  /* bytes of a state, or of the answer to a command */
#define TASMOTA_MAX_LAMPS 32u     /* MAX_RELAYS_SET */
#define TASMOTA_MAC 13u           /* "AABBCCDDEEFF" with its NUL */
#define TASMOTA_TEXT 128u         /* names and the like with their NUL */
#define TASMOTA_TOPIC 256u        /* a full topic with its NUL; the firmware's own limit is 150 */
#define TASMOTA_WORD 40u          /* what the user may call ON, OFF, Online and Offline, with its NUL */
#define TASMOTA_SPEED_MAX 40u     /* Speed: half seconds for a fade from 0 to 100 % */

/* How one light of a module is spoken to. */
struct tasmota_lamp {
    uint8_t number;  /* POWER<number>, from 1 */
    bool fades;      /* it takes Fade2 and Speed2 */
    bool white;      /* beside its colour it has a white that is lit instead (RGBW and RGBCW linked) */
    char dimmer[12]; /* the command for its level: "Dimmer", "Dimmer2", "Channel4"; "" for a relay */
    char level[12];  /* the key of its level: "Dimmer", "Dimmer2", "Channel4" */
    uint16_t min_mired, max_mired;
    struct light_profile profile;
};

/* What modules of one make and setting have in common: the same value byte for byte, so that it can be kept once. */
struct tasmota_make {
    char on[TASMOTA_WORD], off[TASMOTA_WORD], online[TASMOTA_WORD], offline[TASMOTA_WORD];
    bool by_command;     /* SetOption4: answers come on stat/.../COMMAND, not on stat/.../RESULT */
    bool power_apart;    /* SetOption20: a level or a colour does not switch on */
    bool fixed_duration; /* SetOption117: Speed is the time of any fade, however far it goes */
    uint8_t count;
    struct tasmota_lamp lamps[TASMOTA_MAX_LAMPS];
};

/* A module as it announces itself. */
struct tasmota_device {
    char mac[TASMOTA_MAC];
    char name[TASMOTA_TEXT], model[TASMOTA_TEXT], version[TASMOTA_TEXT], topic[TASMOTA_TEXT], ip[TASMOTA_TEXT];
    char names[TASMOTA_MAX_LAMPS][TASMOTA_TEXT];                        /* of its lights */
    char cmnd[TASMOTA_TOPIC], stat[TASMOTA_TOPIC], tele[TASMOTA_TOPIC]; /* what its topics begin with: "stat/lamp/" */
    struct tasmota_make make;
};

/* tasmota/discovery/MAC/config, where `mac` is the topic's. ERR_INVALID with *ret_why (static text) for what cannot be
   understood. make.count is 0 where the module has no light. */
int tasmota_read_config(const char *bytes, size_t len, const char *mac, struct tasmota_device *ret_device,
                        const char **ret_why);
/* The MAC in "tasmota/discovery/MAC/config", where `discovery` is what stands before it; false: another topic. */
bool tasmota_read_topic(const char *discovery, const char *topic, char ret_mac[TASMOTA_MAC]);

/* stat/RESULT, stat/COMMAND, tele/STATE and stat/STATUS11, which are the same words: ret_patches[i] has what they say
   of lamps[i]. What is off and has no level says none. ERR_INVALID where it is no JSON object, ERR_TOO_LARGE. */
int tasmota_read_state(const char *bytes, size_t len, const struct tasmota_make *make, struct light_state *ret_patches);
int tasmota_read_online(const char *bytes, size_t len, const struct tasmota_make *make, bool *ret_online); /* LWT */

/* stat/STATUS5: is this the MAC that the module tells of its network, be it over the air or by cable? */
bool tasmota_tells_mac(const char *bytes, size_t len, const char *mac);

/* A command: the last level of its topic ("POWER1", "Backlog0" for several changes at once) and its payload. `speed` 0:
   as the lamp's own Fade is set; otherwise 1..TASMOTA_SPEED_MAX, for this change alone. */
void tasmota_write_command(struct str *ret_verb, struct str *ret_payload, const struct tasmota_make *make,
                           const struct tasmota_lamp *lamp, const struct light_state *patch, unsigned speed);
/* The speed that makes a change from `before` last so long; 0 for a lamp that does not fade, or for no time. Tasmota
   counts the time of a full fade, of which a smaller change takes its part. */
unsigned tasmota_speed(const struct tasmota_make *make, const struct tasmota_lamp *lamp,
                       const struct light_state *before, const struct light_state *patch, uint32_t transition_ms);

extern const struct light_tolerance tasmota_tolerance;

#endif
