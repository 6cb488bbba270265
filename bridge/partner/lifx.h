/* Lights, groups and the house as the LIFX HTTP API shows them (facts 4): values into JSON. Pure. */
#ifndef PARTNER_LIFX_H
#define PARTNER_LIFX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "hub/hub.h"

#define LIFX_GROUP_ID_SIZE 33 /* 32 hex digits and a NUL */
#define LIFX_UUID_SIZE 37

/* The one location, and what ids hang on. */
struct lifx_house {
    const char *name;         /* of the location */
    const uint8_t *bridge_id; /* 8 bytes */
};

/* A room is a group; a light without one is in the group that is named as the house. Ids stay while the names do. */
const char *lifx_group_name(const struct lifx_house *house, const struct light_info *info);
void lifx_group_id(const struct lifx_house *house, const char *group, char ret_id[LIFX_GROUP_ID_SIZE]);
void lifx_location_id(const struct lifx_house *house, char ret_id[LIFX_GROUP_ID_SIZE]);
/* A UUID (RFC 9562 5.8) that is the same for the same text. */
void lifx_uuid(const struct lifx_house *house, const char *text, char ret_uuid[LIFX_UUID_SIZE]);

/* Is it shown to partners at all? */
bool lifx_shown(const struct light_info *info);
/* What it is about to be, for commands that go from there: reported, overlaid by what is asked for and not yet
   confirmed. */
struct light_state lifx_state(const struct light_info *info);
/* One light as an object, as it reported itself. What is not known is null, never invented. now_ms: wall clock. */
void lifx_light(struct json_out *j, const struct lifx_house *house, const struct light_info *info, int64_t now_ms);
/* Members "power", "color" and "brightness" of a state, those that it has. */
void lifx_state_members(struct json_out *j, const struct light_state *state);

#endif
