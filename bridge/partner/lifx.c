#include "partner/lifx.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/secrets.h"
#include "partner/order.h"

/* ---- ids ---- */

static void derive(const struct lifx_house *house, const char *kind, const char *text, uint8_t ret_bytes[16])
{
    struct str s = STR_INIT;
    str_add(&s, house->bridge_id, 8);
    str_add(&s, kind, strlen(kind) + 1);
    str_add_z(&s, text);
    secrets_tag(ret_bytes, 16, s.data, s.len, NULL, 0);
    str_done(&s);
}

static void derive_hex(const struct lifx_house *house, const char *kind, const char *text,
                       char ret_id[LIFX_GROUP_ID_SIZE])
{
    uint8_t bytes[16];
    struct str hex = STR_INIT;
    derive(house, kind, text, bytes);
    secrets_hex(&hex, bytes, sizeof bytes);
    memcpy(ret_id, str_z(&hex), LIFX_GROUP_ID_SIZE);
    str_done(&hex);
}

const char *lifx_group_name(const struct lifx_house *house, const struct light_info *info)
{
    return info->room[0] ? info->room : house->name;
}

void lifx_group_id(const struct lifx_house *house, const char *group, char ret_id[LIFX_GROUP_ID_SIZE])
{
    derive_hex(house, "group", group, ret_id);
}

void lifx_location_id(const struct lifx_house *house, char ret_id[LIFX_GROUP_ID_SIZE])
{
    derive_hex(house, "location", "", ret_id);
}

void lifx_uuid(const struct lifx_house *house, const char *text, char ret_uuid[LIFX_UUID_SIZE])
{
    uint8_t b[16];
    derive(house, "uuid", text, b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x80); /* version 8: of one's own making */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    (void)snprintf(ret_uuid, LIFX_UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                   b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
                   b[15]);
}

/* ---- states ---- */

bool lifx_shown(const struct light_info *info)
{
    return info->exposed && !info->removed;
}

struct light_state lifx_state(const struct light_info *info)
{
    struct light_state state = {0};
    if (info->heard) {
        state = info->reported;
    }
    light_merge(&state, &info->desired);
    return state;
}

static const char *power(const struct light_state *s)
{
    static const char *const words[] = {NULL, "off", "on"};
    return words[order_power(s) + 1];
}

static void number_or_null(struct json_out *j, const char *key, bool known, int64_t value, unsigned decimals)
{
    json_put_key(j, key);
    if (known) {
        json_put_fixed(j, value, decimals);
    } else {
        json_put_null(j);
    }
}

/* White is a colour of no saturation. A hue is kept beside it where one was said. */
static void put_color(struct json_out *j, const struct light_state *s)
{
    bool white = (s->has & LIGHT_MODE) ? s->mode == LIGHT_MODE_WHITE : (s->has & LIGHT_COLOR) == 0;
    bool known = (s->has & (LIGHT_MODE | LIGHT_COLOR | LIGHT_KELVIN)) != 0;
    json_member_object(j, "color");
    number_or_null(j, "hue", (s->has & LIGHT_HUE) || (known && white), s->has & LIGHT_HUE ? s->hue : 0, 2);
    number_or_null(j, "saturation", (s->has & LIGHT_SATURATION) || (known && white), white ? 0 : s->saturation, 4);
    number_or_null(j, "kelvin", s->has & LIGHT_KELVIN, s->kelvin, 0);
    json_end_object(j);
}

void lifx_state_members(struct json_out *j, const struct light_state *s)
{
    if (power(s)) {
        json_member_text(j, "power", power(s));
    }
    if (s->has & LIGHT_LEVEL) {
        json_put_key(j, "brightness");
        json_put_fixed(j, s->level, 4);
    }
    if (s->has & (LIGHT_COLOR | LIGHT_KELVIN)) {
        put_color(j, s);
    }
}

/* ---- one light ---- */

static void put_named(struct json_out *j, const char *key, const char *id, const char *name)
{
    json_member_object(j, key);
    json_member_text(j, "id", id);
    json_member_text(j, "name", name);
    json_end_object(j);
}

static void put_places(struct json_out *j, const struct lifx_house *house, const struct light_info *info)
{
    char id[LIFX_GROUP_ID_SIZE];
    const char *group = lifx_group_name(house, info);
    lifx_group_id(house, group, id);
    put_named(j, "group", id, group);
    lifx_location_id(house, id);
    put_named(j, "location", id, house->name);
}

static void put_product(struct json_out *j, const struct light_info *info)
{
    const struct light_profile *p = &info->profile;
    static const char *const lacking[] = {"has_ir", "has_hev", "has_chain", "has_matrix", "has_multizone"};
    bool kelvin = (p->can & LIGHT_KELVIN) != 0;
    json_member_object(j, "product");
    json_member_text(j, "name", info->model ? info->model : "");
    json_member_text(j, "identifier", info->model ? info->model : "");
    json_member_text(j, "company", info->manufacturer ? info->manufacturer : "");
    json_member_text(j, "vendor_id", NULL);
    json_member_text(j, "product_id", NULL);
    json_member_object(j, "capabilities");
    json_member_bool(j, "has_color", (p->can & LIGHT_COLOR) != 0);
    json_member_bool(j, "has_variable_color_temp", kelvin);
    json_member_bool(j, "has_brightness", (p->can & LIGHT_LEVEL) != 0);
    for (size_t i = 0; i < sizeof lacking / sizeof lacking[0]; i++) {
        json_member_bool(j, lacking[i], false);
    }
    number_or_null(j, "min_kelvin", kelvin, p->min_kelvin, 0);
    number_or_null(j, "max_kelvin", kelvin, p->max_kelvin, 0);
    json_end_object(j);
    json_end_object(j);
}

static void put_last_seen(struct json_out *j, int64_t heard_ms, int64_t now_ms)
{
    char text[32];
    struct tm tm;
    time_t seconds = (time_t)(heard_ms / 1000);
    bool known = heard_ms > 0 && gmtime_r(&seconds, &tm) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0;
    json_member_text(j, "last_seen", known ? text : NULL);
    number_or_null(j, "seconds_since_seen", known, now_ms > heard_ms ? (now_ms - heard_ms) / 1000 : 0, 0);
}

void lifx_light(struct json_out *j, const struct lifx_house *house, const struct light_info *info, int64_t now_ms)
{
    char uuid[LIFX_UUID_SIZE];
    struct light_state s = info->heard ? info->reported : (struct light_state){0};
    lifx_uuid(house, info->id, uuid);
    json_begin_object(j);
    json_member_text(j, "id", info->id);
    json_member_text(j, "uuid", uuid);
    json_member_text(j, "label", info->name);
    json_member_bool(j, "connected", info->reach != LIGHT_REACH_OFFLINE);
    json_member_text(j, "power", power(&s));
    put_color(j, &s);
    /* what cannot be dimmed shines with all it has */
    bool full = !(info->profile.can & LIGHT_LEVEL);
    number_or_null(j, "brightness", full || (s.has & LIGHT_LEVEL), full ? LIGHT_LEVEL_MAX : s.level, 4);
    json_member_text(j, "effect", "OFF");
    put_places(j, house, info);
    put_product(j, info);
    put_last_seen(j, info->heard_at, now_ms);
    json_end_object(j);
}
