/* What one Tasmota module switches and shines, as its firmware keeps it: relays, one light of one to five channels,
   what commands do to them and what is answered. Pure: no I/O, no clock. Source: arendst/Tasmota 13 (xdrv_04_light.ino,
   support_command.ino, support_tasmota.ino, xdrv_12_discovery.ino); comments name the function there. */
#ifndef SIM_SONOFF_LIGHT_H
#define SIM_SONOFF_LIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Light.subtype: so many channels. */
enum sonoff_subtype { SUBTYPE_NONE, SUBTYPE_SINGLE, SUBTYPE_COLDWARM, SUBTYPE_RGB, SUBTYPE_RGBW, SUBTYPE_RGBCW };

/* One kind of module. */
struct sonoff_kind {
    const char *name;  /* of the row: "rgbcw-split" */
    const char *model; /* as the module calls itself */
    uint8_t relays, subtype;
    bool split;    /* SetOption37 128: colour and white are two lights */
    bool channels; /* SetOption68: each channel is a dimmer */
    bool tuya, fan, shutter;
    bool relay_is_light; /* SetOption30 */
};
extern const struct sonoff_kind sonoff_kinds[];
extern const size_t sonoff_kind_count;
const struct sonoff_kind *sonoff_kind_find(const char *name); /* NULL: none */

/* What a module's owner may have set. */
struct sonoff_settings {
    bool by_command;      /* SetOption4 */
    bool decimal;         /* SetOption17 */
    bool power_apart;     /* SetOption20 */
    bool index;           /* SetOption26 */
    bool tele_too;        /* SetOption59 */
    bool short_range;     /* SetOption82 */
    bool json_only;       /* SetOption90 */
    bool fixed_duration;  /* SetOption117 */
    const char *off, *on; /* StateText1 and 2; NULL: OFF, ON */
};

struct sonoff_light {
    const struct sonoff_kind *kind;
    struct sonoff_settings settings;
    uint32_t power;     /* bit 0: POWER1 */
    uint8_t devices;    /* how many POWER there are */
    uint8_t first;      /* Light.device: the POWER of its light, from 1; 0: it has none */
    uint16_t hue, ct;   /* 0..359; 153..500 */
    uint8_t saturation; /* 0..255 */
    uint8_t rgb[3];     /* at full brightness */
    uint8_t bri_rgb, bri_ct;
    uint8_t mode;       /* bits: 1 colour, 2 white */
    uint8_t channel[5]; /* with `channels` */
    bool fade, once;    /* `once`: Speed2 was said, for the next change alone */
    uint8_t speed, once_speed;
    uint32_t fade_ms; /* how long the last change takes */
};

/* As it comes out of its box: off, white where it can, at full level. */
void sonoff_light_init(struct sonoff_light *light, const struct sonoff_kind *kind,
                       const struct sonoff_settings *settings);

/* A message below one of the module's topics: stat/.../RESULT. */
enum sonoff_prefix { PREFIX_CMND, PREFIX_STAT, PREFIX_TELE };
typedef void sonoff_say_fn(void *user, enum sonoff_prefix prefix, const char *subtopic, const char *text);

/* One command as it comes: "Dimmer2", "50". Answers by `say`. */
void sonoff_obey(struct sonoff_light *light, const char *command, const char *argument, sonoff_say_fn *say, void *user);
void sonoff_say_power(struct sonoff_light *light, unsigned device, sonoff_say_fn *say, void *user);
void sonoff_write_state(struct str *s, const struct sonoff_light *light); /* tele/STATE */
/* "rl":[...],"so":{...},"lk":1,"lt_st":5 of the discovery message. */
void sonoff_write_relays(struct str *s, const struct sonoff_light *light);
void sonoff_write_options(struct str *s, const struct sonoff_light *light);
const char *sonoff_state_text(const struct sonoff_light *light, bool on);

#endif
