/* Who announces there: the lamp's hardware address, so that its ways are told to be twins (mqtt/way.h). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "mqtt/ha_config.h"

#define IEEE 18u /* 0x and 16 hex digits */
#define MAC 12u

static bool hex_digits(const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!isxdigit((unsigned char)text[i])) {
            return false;
        }
    }
    return true;
}

/* "aa:bb:cc:dd:ee:ff", "AA-BB-...", "aabbccddeeff" to 12 digits in upper case. */
static bool read_mac(const char *text, char ret_mac[MAC + 1])
{
    size_t len = 0;
    size_t signs = 0;
    for (; *text && len <= MAC; text++) {
        if (isxdigit((unsigned char)*text) && len < MAC) {
            ret_mac[len++] = (char)toupper((unsigned char)*text);
        } else if ((*text == ':' || *text == '-') && len % 2 == 0 && len > 0 && len < MAC) {
            signs++;
        } else {
            return false;
        }
    }
    ret_mac[len] = 0;
    return len == MAC && (signs == 0 || signs == 5);
}

/* A list of texts, or one of them. */
static const struct json *each_text(const struct json *value, const struct json *before)
{
    if (json_is_string(value)) {
        return before ? NULL : value;
    }
    return before ? json_next(before) : json_first(value);
}

static bool find_mac(const struct json *device, char ret_mac[MAC + 1])
{
    const struct json *connections = ha_option_of(device, "connections", "cns");
    const struct json *ids = ha_option_of(device, "identifiers", "ids");
    for (const struct json *pair = json_first(connections); pair; pair = json_next(pair)) {
        const char *kind = json_text(json_first(pair));
        const char *value = kind ? json_text(json_next(json_first(pair))) : NULL;
        if (value && strcmp(kind, "mac") == 0 && read_mac(value, ret_mac)) {
            return true;
        }
    }
    for (const struct json *id = each_text(ids, NULL); id; id = each_text(ids, id)) {
        if (json_text(id) && read_mac(json_text(id), ret_mac)) {
            return true;
        }
    }
    return false;
}

/* Behind "zigbee2mqtt_": NULL where the device is none of its. */
static const char *find_zigbee(const struct json *device)
{
    static const char prefix[] = "zigbee2mqtt_0x";
    const struct json *ids = ha_option_of(device, "identifiers", "ids");
    for (const struct json *id = each_text(ids, NULL); id; id = each_text(ids, id)) {
        const char *text = json_text(id);
        if (text && strncmp(text, prefix, sizeof prefix - 1) == 0 && hex_digits(text + sizeof prefix - 1, IEEE - 2)) {
            return text + sizeof prefix - 3;
        }
    }
    return NULL;
}

/* Zigbee2MQTT's unique_id: ID_light_BASE, ID_switch_l1_BASE; the id is an address, or a group's number. Its other
   switches (ID_child_lock_BASE) are no twins of anything. */
static bool identify_zigbee(const char *zigbee, const char *unique_id, const char *group, struct ha_identity *identity)
{
    const char *rest = strchr(unique_id, '_');
    size_t id_len = rest ? (size_t)(rest - unique_id) : 0;
    if (!rest || (strncmp(rest, "_light_", 7) != 0 && strncmp(rest, "_switch_", 8) != 0)) {
        return false;
    }
    rest = strchr(rest + 1, '_') + 1;
    int put;
    if (zigbee[IEEE] == '_') { /* the coordinator's address and the group's number */
        if (strncmp(zigbee + IEEE + 1, unique_id, id_len) != 0 || zigbee[IEEE + 1 + id_len] != 0) {
            return false;
        }
        put = snprintf(identity->address, sizeof identity->address, "%s/%s/%.*s", group, rest, (int)id_len, unique_id);
        identity->group = true;
    } else if (zigbee[IEEE] != 0 || id_len != IEEE || strncmp(zigbee, unique_id, IEEE) != 0) {
        return false;
    } else {
        /* An endpoint has no underscore; what stands alone is the base topic. */
        const char *base = strchr(rest, '_');
        size_t endpoint = base ? (size_t)(base - rest) : 0;
        put = snprintf(identity->address, sizeof identity->address, "%.*s%s%.*s", (int)IEEE, zigbee,
                       endpoint > 0 ? "/" : "", (int)endpoint, rest);
    }
    identity->native = true;
    return put > 0 && (size_t)put < sizeof identity->address;
}

/* Tasmota's unique_id ends in _LI_1 (a light) or _RL_2 (a relay): the number of its POWER. */
static const char *tasmota_number(const char *unique_id)
{
    size_t len = strlen(unique_id);
    while (len > 0 && isdigit((unsigned char)unique_id[len - 1])) {
        len--;
    }
    bool is = unique_id[len] && len >= 4 &&
              (strncmp(unique_id + len - 4, "_LI_", 4) == 0 || strncmp(unique_id + len - 4, "_RL_", 4) == 0);
    return is ? unique_id + len : NULL;
}

static bool made_by(const struct json *device, const char *manufacturer)
{
    const char *text = json_text(ha_option_of(device, "manufacturer", "mf"));
    return text && strcmp(text, manufacturer) == 0;
}

static bool identify_mac(const struct json *device, const char *unique_id, struct ha_identity *identity)
{
    char mac[MAC + 1];
    if (!find_mac(device, mac)) {
        return false;
    }
    const char *number = tasmota_number(unique_id);
    int put;
    if (number) {
        identity->native = true;
        put = snprintf(identity->address, sizeof identity->address, "mac/%s/%s", mac, number);
    } else if (made_by(device, "WLED")) {
        identity->native = true;
        put = snprintf(identity->address, sizeof identity->address, "mac/%s", mac);
    } else {
        put = snprintf(identity->address, sizeof identity->address, "mac/%s/%s", mac, unique_id);
    }
    return put > 0 && (size_t)put < sizeof identity->address;
}

void ha_identify(const struct json *device, const char *unique_id, const char *fallback, const char *group,
                 struct ha_identity *ret_identity)
{
    const char *zigbee = find_zigbee(device);
    *ret_identity = (struct ha_identity){0};
    if (unique_id && *unique_id) {
        if (zigbee && identify_zigbee(zigbee, unique_id, group, ret_identity)) {
            return;
        }
        *ret_identity = (struct ha_identity){0};
        if (!zigbee && identify_mac(device, unique_id, ret_identity)) {
            return;
        }
        *ret_identity = (struct ha_identity){0};
        int put = snprintf(ret_identity->address, sizeof ret_identity->address, "ha/%s", unique_id);
        if (put > 0 && (size_t)put < sizeof ret_identity->address) {
            return;
        }
    }
    (void)snprintf(ret_identity->address, sizeof ret_identity->address, "%s", fallback);
}
