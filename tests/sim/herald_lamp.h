/* One lamp that announces itself by Home Assistant discovery: what its announcement says, what it makes of a command
   and what it says then. Pure: no I/O, no clock. Sources: ESPHome 2026 (mqtt_light.cpp, light_json_schema.cpp,
   mqtt_component.cpp), zwave-js-ui (api/hass/configurations.ts, lib/Gateway.ts), Home Assistant's "MQTT light" for the
   plain ones. */
#ifndef SIM_HERALD_LAMP_H
#define SIM_HERALD_LAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum herald_family { HERALD_ESPHOME, HERALD_PLAIN, HERALD_ZWAVE, HERALD_RELAY };
enum herald_mode { HERALD_ONOFF, HERALD_BRIGHTNESS, HERALD_WHITE, HERALD_COLOR };

/* A kind of lamp. */
struct herald_kind {
    const char *name;
    enum herald_family family;
    bool level, white;
    const char *color; /* "rgb", "rgbw", "hs", "xy"; NULL: none */
    uint16_t scale;    /* of its brightness */
};
extern const struct herald_kind herald_kinds[];
extern const size_t herald_kind_count;
const struct herald_kind *herald_kind_find(const char *name); /* NULL: there is none */

struct herald_lamp {
    const struct herald_kind *kind;
    bool on;
    uint16_t level; /* 1..scale: kept while it is off */
    uint16_t mired;
    double color[4]; /* in the kind's form: hue and saturation, x and y, red, green, blue, white */
    enum herald_mode mode;
};

/* What a lamp publishes: each on its own topic below the lamp's. */
struct herald_words {
    struct {
        const char *tail; /* "light/lamp/state" */
        struct str payload;
    } said[6];
    size_t count;
};

void herald_lamp_init(struct herald_lamp *lamp, const struct herald_kind *kind);
/* The topic that it is announced on below the prefix, and its announcement. `name` begins its topics. */
void herald_announcement(const struct herald_lamp *lamp, const char *name, const char *mac, struct str *ret_topic,
                         struct str *ret_payload);
/* A message on name/`tail`. True where it was a command. */
bool herald_obey(struct herald_lamp *lamp, const char *tail, const char *payload, size_t len);
void herald_states(const struct herald_lamp *lamp, struct herald_words *ret_words);
void herald_words_done(struct herald_words *words);
/* Where it says that it is there, and how. */
const char *herald_availability(const struct herald_lamp *lamp, bool there, const char **ret_payload);

#endif
