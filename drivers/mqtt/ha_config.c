/* Announcements to their components. */
#include "mqtt/ha_config.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"

bool ha_config_topic(const char *topic, bool *ret_device, bool *ret_switch)
{
    static const char *const kinds[] = {"light/", "switch/", "device/"};
    size_t len = strlen(topic);
    for (size_t i = 0; i < 3; i++) {
        if (strncmp(topic, kinds[i], strlen(kinds[i])) == 0) {
            *ret_switch = i == 1;
            *ret_device = i == 2;
            return len > strlen(kinds[i]) + 7 && strcmp(topic + len - 7, "/config") == 0;
        }
    }
    return false;
}

const struct json *ha_option_of(const struct json *object, const char *name, const char *abbreviation)
{
    const struct json *value = json_get(object, name);
    return value || !abbreviation ? value : json_get(object, abbreviation);
}

int ha_config_open(struct ha_config *c, bool device, bool is_switch, const char *bytes, size_t len)
{
    *c = (struct ha_config){.device = device, .is_switch = is_switch};
    int err = json_parse(bytes, len, HA_MAX_CONFIG, &c->root, NULL);
    if (err != 0) {
        return err;
    }
    const struct json *components = ha_option_of(c->root, "components", "cmps");
    if (!json_is_object(c->root) || (device && components && !json_is_object(components)) ||
        (device && json_count(components) > HA_MAX_COMPONENTS)) {
        json_free(c->root);
        return ERR_INVALID;
    }
    c->component = device ? json_first(components) : NULL;
    /* {"migrate_discovery": true} only says that another announcement takes over. */
    c->done = json_is_true(json_get(c->root, "migrate_discovery"));
    return 0;
}

void ha_config_close(struct ha_config *c)
{
    json_free(c->root);
}

static bool take_component(const struct json *object, struct ha_component *ret_component)
{
    const char *platform = json_text(ha_option_of(object, "platform", "p"));
    if (!platform || (strcmp(platform, "light") != 0 && strcmp(platform, "switch") != 0)) {
        return false;
    }
    *ret_component = (struct ha_component){.key = json_key(object),
                                           .removed = json_count(object) == 1,
                                           .is_switch = strcmp(platform, "switch") == 0,
                                           .object = object};
    return true;
}

bool ha_config_next(struct ha_config *c, struct ha_component *ret_component)
{
    if (c->done) {
        return false;
    }
    if (!c->device) {
        c->done = true;
        *ret_component = (struct ha_component){.key = "", .is_switch = c->is_switch, .object = c->root};
        return true;
    }
    while (c->component) {
        const struct json *object = c->component;
        c->component = json_next(object);
        if (take_component(object, ret_component)) {
            return true;
        }
    }
    return false;
}
