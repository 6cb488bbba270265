/* The kinds of lamp there are: one row for each set of `exposes` that the lights of Zigbee2MQTT's catalogue have
   (zigbee-herdsman-converters 26.112.0: 1705 models with 161 sets), with a model that has it and how many models do,
   and the ten commonest sets of plugs and relays. Pure data; a new kind of lamp is a row in shapes.c. */
#ifndef SIM_SHAPES_H
#define SIM_SHAPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum feature {
    FEATURE_SWITCH = 1u << 0, /* a plug or relay: on and off only, exposed as "switch" */
    FEATURE_LEVEL = 1u << 1,
    FEATURE_TEMP = 1u << 2,    /* color_temp, within coolest..warmest mired */
    FEATURE_STARTUP = 1u << 3, /* color_temp_startup */
    FEATURE_XY = 1u << 4,
    FEATURE_HS = 1u << 5,
    FEATURE_HS_FIRST = 1u << 6,    /* color_hs is listed before color_xy: it is preferred */
    FEATURE_COLOR_FIRST = 1u << 7, /* color_hs is listed before color_temp */
    FEATURE_LOWEST = 1u << 8,      /* min_brightness */
    FEATURE_HIGHEST = 1u << 9,     /* max_brightness */
    /* members of level_config */
    FEATURE_CONF_BOTH = 1u << 10,      /* on_off_transition_time */
    FEATURE_CONF_ON = 1u << 11,        /* on_transition_time */
    FEATURE_CONF_OFF = 1u << 12,       /* off_transition_time */
    FEATURE_CONF_WHILE_OFF = 1u << 13, /* execute_if_off */
    FEATURE_CONF_ON_LEVEL = 1u << 14,
    FEATURE_CONF_STARTUP = 1u << 15, /* current_level_startup */
    /* what the catalogue has in a few models only */
    FEATURE_NO_GET = 1u << 16,        /* access 3: nothing of it can be asked for */
    FEATURE_LEVEL_NO_GET = 1u << 17,  /* level and colour cannot be asked for */
    FEATURE_LIMITS_NO_GET = 1u << 18, /* min_brightness and max_brightness cannot be asked for */
    FEATURE_PLAIN_COLOR = 1u << 19,   /* the members of the colour are named without the endpoint: x, not x_rgb */
};
#define FEATURE_COLOR (FEATURE_XY | FEATURE_HS)
#define FEATURE_CONF                                                                                                   \
    (FEATURE_CONF_BOTH | FEATURE_CONF_ON | FEATURE_CONF_OFF | FEATURE_CONF_WHILE_OFF | FEATURE_CONF_ON_LEVEL |         \
     FEATURE_CONF_STARTUP)

#define SHAPE_PARTS 3
#define SHAPE_LIGHTS 8 /* the most lights that one device has */

struct shape_part {
    const char *endpoints; /* "l1 l2": a light for each; "" for one without an endpoint; NULL ends the parts */
    uint32_t features;     /* FEATURE_* */
    uint16_t coolest, warmest;
};

struct shape {
    const char *vendor, *model;
    unsigned weight; /* models in the catalogue that have this set */
    struct shape_part parts[SHAPE_PARTS];
};

extern const struct shape shapes[];
extern const size_t shape_count;
bool shape_is_plug(const struct shape *shape);

/* One light of a device. */
struct shape_light {
    const struct shape_part *part;
    char endpoint[16]; /* "" if it has none */
};
/* Fills ret_lights and answers how many there are: 1..SHAPE_LIGHTS. */
size_t shape_lights(const struct shape *shape, struct shape_light ret_lights[SHAPE_LIGHTS]);
/* By number, by model, or by "vendor model", ignoring case; NULL if there is none. */
const struct shape *shape_find(const char *text);
/* One of the lights (no plug), as often as its weight says, for `draw` 0..UINT64_MAX. */
const struct shape *shape_draw(uint64_t draw);
/* "brightness, 153..500 mired, xy, hs" for people. */
struct str;
void shape_describe(struct str *s, const struct shape *shape);

#endif
