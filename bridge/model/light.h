/* What a light is, as plain values: copied, never on the heap, no I/O, no clock.
   A full state, a command and a report are the same type; `has` says which members count. */
#ifndef MODEL_LIGHT_H
#define MODEL_LIGHT_H

#include <stdbool.h>
#include <stdint.h>

/* Members of a light_state, and what a light can do (light_profile.can). */
enum light_member {
    LIGHT_ON = 1u << 0,
    LIGHT_LEVEL = 1u << 1,
    LIGHT_KELVIN = 1u << 2,
    LIGHT_HUE = 1u << 3,
    LIGHT_SATURATION = 1u << 4,
    LIGHT_MODE = 1u << 5, /* which of white and colour is lit; a state has it, a command implies it */
};
#define LIGHT_COLOR (LIGHT_HUE | LIGHT_SATURATION)
#define LIGHT_ALL 0x3fu

enum light_mode { LIGHT_MODE_WHITE, LIGHT_MODE_COLOR };

#define LIGHT_LEVEL_MAX 10000u      /* hundredths of a percent */
#define LIGHT_SATURATION_MAX 10000u /* hundredths of a percent */
#define LIGHT_HUE_MAX 36000u        /* hundredths of a degree; 36000 is 0 again and normalised to 0 */
#define LIGHT_KELVIN_MIN 1000u
#define LIGHT_KELVIN_MAX 30000u /* SmartThings' colorTemperature range ends here */

struct light_state {
    uint32_t has; /* LIGHT_* of the members below that count */
    bool on;
    uint8_t mode;        /* enum light_mode */
    uint16_t level;      /* 0..LIGHT_LEVEL_MAX; zero is a value, never 'missing' */
    uint16_t kelvin;     /* K */
    uint16_t hue;        /* 0..LIGHT_HUE_MAX-1 */
    uint16_t saturation; /* 0..LIGHT_SATURATION_MAX */
};

enum light_kind { LIGHT_KIND_LIGHT, LIGHT_KIND_SWITCH, LIGHT_KIND_GROUP };

/* What a light can do. */
struct light_profile {
    uint32_t can;                    /* LIGHT_* ; LIGHT_MODE exactly when it can LIGHT_KELVIN and LIGHT_COLOR */
    uint16_t min_kelvin, max_kelvin; /* 0 unless LIGHT_KELVIN */
    uint8_t kind;                    /* enum light_kind */
};

enum light_reach { LIGHT_REACH_UNKNOWN, LIGHT_REACH_ONLINE, LIGHT_REACH_OFFLINE };

/* Takes over what `patch` has; returns the mask of members that really changed (or were not there before):
   that mask is the event. A hue or kelvin in the patch without LIGHT_MODE sets the mode. */
uint32_t light_merge(struct light_state *into, const struct light_state *patch);
bool light_equal(const struct light_state *a, const struct light_state *b);
/* Brings every member into its range (kelvin into the profile's), and drops what the light cannot do. */
void light_clamp(struct light_state *state, const struct light_profile *profile);

/* By how much a report may differ from the command and still be its confirmation. Inclusive, same units. */
struct light_tolerance {
    uint16_t level, kelvin_mired, hue, saturation; /* kelvin_mired: distance in mireds */
};
/* Does `report` confirm `command`? Every commanded member must be reported within tolerance; colour only counts
   when the report's mode is colour, kelvin only when it is white (a missing mode counts as matching). A
   command to switch off is confirmed by `on == false` alone. Hue distance is circular, and is not looked at where both
   saturations are under 2 %. */
bool light_confirms(const struct light_state *command, const struct light_state *report,
                    const struct light_tolerance *tolerance);

/* Fills in what a command implies and what the light needs, once for all drivers: a level above 0 implies on, level
   0 means off (level dropped), colour and kelvin exclude each other (kelvin wins only if set later: the caller resolves
   order by light_command_add), "no on/off: use level 0". Returns 0, ERR_UNSUPPORTED for a member that the profile
   cannot do at all. */
int light_command_resolve(struct light_state *command, const struct light_profile *profile);
/* Folds the next command into an ordered batch's patch: later wins; colour removes kelvin and the reverse. */
void light_command_add(struct light_state *into, const struct light_state *next);

#endif
