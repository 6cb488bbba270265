#include "smartthings/smartapp_write.h"

#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "model/capability.h"
#include "smartthings/device.h"
#include "smartthings/schema_write.h"

#define LABEL_MAX 100 /* characters */

/* Keys of answers; OAUTH_CALLBACK's is that of the documentation (facts 2.2). */
static const char *const answers[SMARTAPP_LIFECYCLES] = {
    [SMARTAPP_PING] = "pingData",
    [SMARTAPP_CONFIGURATION] = "configurationData",
    [SMARTAPP_OAUTH_CALLBACK] = "oAuthCallbackData",
    [SMARTAPP_INSTALL] = "installData",
    [SMARTAPP_UPDATE] = "updateData",
    [SMARTAPP_UNINSTALL] = "uninstallData",
    [SMARTAPP_EVENT] = "eventData",
    [SMARTAPP_EXECUTE] = "executeData",
};

static void begin(struct json_out *j, struct str *s, enum smartapp_lifecycle lifecycle)
{
    json_out_init(j, s);
    json_begin_object(j);
    json_member_object(j, answers[lifecycle]);
}

static void end(struct json_out *j)
{
    json_end_object(j);
    json_end_object(j);
}

void smartapp_put_empty(struct str *s, enum smartapp_lifecycle lifecycle)
{
    struct json_out j;
    begin(&j, s, lifecycle);
    end(&j);
}

void smartapp_put_challenge(struct str *s, const char *challenge)
{
    struct json_out j;
    begin(&j, s, SMARTAPP_PING);
    json_member_text(&j, "challenge", challenge);
    end(&j);
}

void smartapp_put_target(struct str *s, const char *target_url)
{
    struct json_out j;
    json_out_init(&j, s);
    json_begin_object(&j);
    json_member_text(&j, "targetUrl", target_url);
    json_end_object(&j);
}

/* Reading and making devices of its own is all that it asks for (facts 2.5: what the LIFX connector asks). */
void smartapp_put_initialize(struct str *s, const char *name)
{
    static const char *const permissions[] = {"l:devices", "i:deviceprofiles"};
    struct json_out j;
    begin(&j, s, SMARTAPP_CONFIGURATION);
    json_member_object(&j, "initialize");
    json_member_text(&j, "id", "lightbridge");
    json_member_text(&j, "name", name);
    json_member_text(&j, "description", "The lights of this house, through its bridge");
    json_member_array(&j, "permissions");
    for (size_t i = 0; i < sizeof permissions / sizeof permissions[0]; i++) {
        json_put_text(&j, permissions[i]);
    }
    json_end_array(&j);
    json_member_text(&j, "firstPageId", SMARTAPP_PAGE_LOGIN);
    json_end_object(&j);
    end(&j);
}

/* ---- pages ---- */

static void begin_page(struct json_out *j, struct str *s, const char *id, const char *name, bool complete)
{
    begin(j, s, SMARTAPP_CONFIGURATION);
    json_member_object(j, "page");
    json_member_text(j, "pageId", id);
    json_member_text(j, "name", name);
    json_member_text(j, "nextPageId", NULL);
    json_member_text(j, "previousPageId", NULL);
    json_member_bool(j, "complete", complete);
    json_member_array(j, "sections");
}

static void end_page(struct json_out *j)
{
    json_end_array(j);
    json_end_object(j);
    end(j);
}

static void begin_section(struct json_out *j, const char *name)
{
    json_begin_object(j);
    json_member_text(j, "name", name);
    json_member_array(j, "settings");
}

static void end_section(struct json_out *j)
{
    json_end_array(j);
    json_end_object(j);
}

static void begin_setting(struct json_out *j, const char *id, const char *type, const char *name,
                          const char *description, bool required)
{
    json_begin_object(j);
    json_member_text(j, "id", id);
    json_member_text(j, "type", type);
    json_member_text(j, "name", name);
    json_member_text(j, "description", description);
    json_member_bool(j, "required", required);
}

void smartapp_put_login_page(struct str *s, const char *partner, const char *login_url, const char *trouble)
{
    struct json_out j;
    struct str name = STR_INIT;
    str_printf(&name, "Log in to %s", partner);
    begin_page(&j, s, SMARTAPP_PAGE_LOGIN, str_z(&name), false);
    begin_section(&j, partner);
    if (trouble) {
        begin_setting(&j, "trouble", "PARAGRAPH", "The last attempt came to nothing", trouble, false);
        json_end_object(&j);
    }
    begin_setting(&j, "login", "OAUTH", str_z(&name), "Tap to log in and allow access to the lights", true);
    json_member_text(&j, "urlTemplate", login_url);
    json_member_bool(&j, "browser", false);
    json_end_object(&j);
    end_section(&j);
    end_page(&j);
    str_done(&name);
}

void smartapp_put_lights_page(struct str *s, const char *partner, const char *account,
                              const struct smartapp_option *options, size_t count)
{
    struct json_out j;
    struct str linked = STR_INIT;
    str_printf(&linked, "%s is linked%s%s", partner, account[0] != '\0' ? " as " : "", account);
    begin_page(&j, s, SMARTAPP_PAGE_LIGHTS, "Lights", true);
    begin_section(&j, partner);
    begin_setting(&j, "linked", "PARAGRAPH", "Account", str_z(&linked), false);
    json_end_object(&j);
    begin_setting(&j, SMARTAPP_SETTING_LIGHTS, "ENUM", "Lights", "Which lights SmartThings may use", false);
    json_member_bool(&j, "multiple", true);
    json_member_array(&j, "options");
    for (size_t i = 0; i < count; i++) {
        json_begin_object(&j);
        json_member_text(&j, "id", options[i].id);
        json_member_text(&j, "name", options[i].name);
        json_end_object(&j);
    }
    json_end_array(&j);
    json_end_object(&j);
    end_section(&j);
    end_page(&j);
    str_done(&linked);
}

/* ---- the REST API ---- */

void smartapp_put_label(struct str *s, const struct light_info *info)
{
    const char *name = info->name && info->name[0] != '\0' ? info->name : info->id;
    size_t len = strlen(name);
    str_add(s, name, utf8_valid(name, len) ? utf8_prefix(name, len, LABEL_MAX) : len);
}

void smartapp_put_device(struct str *s, const char *label, const char *location_id, const char *profile_id,
                         const char *installed_app_id, const char *external_id)
{
    struct json_out j;
    json_out_init(&j, s);
    json_begin_object(&j);
    json_member_text(&j, "label", label);
    json_member_text(&j, "locationId", location_id);
    json_member_object(&j, "app");
    json_member_text(&j, "profileId", profile_id);
    json_member_text(&j, "installedAppId", installed_app_id);
    json_member_text(&j, "externalId", external_id);
    json_end_object(&j);
    json_end_object(&j);
}

void smartapp_put_label_change(struct str *s, const char *label)
{
    struct json_out j;
    json_out_init(&j, s);
    json_begin_object(&j);
    json_member_text(&j, "label", label);
    json_end_object(&j);
}

static void begin_event(struct json_out *j, const char *capability, const char *attribute)
{
    json_begin_object(j);
    json_member_text(j, "component", "main");
    json_member_text(j, "capability", capability);
    json_member_text(j, "attribute", attribute);
}

size_t smartapp_put_events(struct str *s, const struct outbox_item *item)
{
    struct json_out j;
    size_t count = 1;
    json_out_init(&j, s);
    json_begin_object(&j);
    json_member_array(&j, "deviceEvents");
    begin_event(&j, "healthCheck", "healthStatus");
    json_member_text(&j, "value", item->health == OUTBOX_ONLINE ? "online" : "offline");
    json_end_object(&j);
    for (size_t i = 0; i < capability_count && count < SMARTAPP_BATCH; i++) {
        const struct capability *c = &capabilities[i];
        if (!(item->state.has & c->member)) {
            continue;
        }
        struct str value = STR_INIT;
        schema_put_value(&value, c, &item->state);
        begin_event(&j, c->id, c->attribute);
        json_put_key(&j, "value");
        json_put_raw(&j, value.data, value.len);
        if (c->unit) {
            json_member_text(&j, "unit", c->unit);
        }
        json_end_object(&j);
        str_done(&value);
        count++;
    }
    json_end_array(&j);
    json_end_object(&j);
    return count;
}

/* ---- device profiles ---- */

static const struct {
    const char *key, *name;
    uint32_t has; /* LIGHT_* */
} profiles[SMARTAPP_PROFILES] = {
    [SMARTAPP_PROFILE_COLOR_TEMPERATURE_AND_COLOR] = {"color_temperature_and_color",
                                                      "lightbridge colour and white light",
                                                      LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR | LIGHT_KELVIN},
    [SMARTAPP_PROFILE_COLOR] = {"color", "lightbridge colour light", LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR},
    [SMARTAPP_PROFILE_COLOR_TEMPERATURE] = {"color_temperature", "lightbridge white light",
                                            LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN},
    [SMARTAPP_PROFILE_DIMMER] = {"dimmer", "lightbridge dimmer", LIGHT_ON | LIGHT_LEVEL},
    [SMARTAPP_PROFILE_SWITCH] = {"switch", "lightbridge switch", LIGHT_ON},
};

enum smartapp_profile smartapp_profile_of(const struct light_profile *profile)
{
    uint32_t can = device_can(profile);
    enum smartapp_profile p = 0;
    while (p < SMARTAPP_PROFILE_SWITCH && (can & profiles[p].has) != profiles[p].has) {
        p++;
    }
    return p;
}

const char *smartapp_profile_key(enum smartapp_profile profile)
{
    return profiles[profile].key;
}

const char *smartapp_profile_name(enum smartapp_profile profile)
{
    return profiles[profile].name;
}

static void put_capability(struct json_out *j, const char *id)
{
    json_begin_object(j);
    json_member_text(j, "id", id);
    json_member_int(j, "version", 1);
    json_end_object(j);
}

void smartapp_put_profile(struct str *s, enum smartapp_profile profile)
{
    struct json_out j;
    const char *last = "";
    json_out_init(&j, s);
    json_begin_object(&j);
    json_member_text(&j, "name", profiles[profile].name);
    json_member_array(&j, "components");
    json_begin_object(&j);
    json_member_text(&j, "id", "main");
    json_member_array(&j, "capabilities");
    for (size_t i = 0; i < capability_count; i++) {
        if ((profiles[profile].has & capabilities[i].needs) == capabilities[i].needs &&
            strcmp(capabilities[i].id, last) != 0) { /* rows of one capability stand together */
            last = capabilities[i].id;
            put_capability(&j, last);
        }
    }
    put_capability(&j, "healthCheck");
    put_capability(&j, "refresh");
    json_end_array(&j);
    json_member_array(&j, "categories");
    json_begin_object(&j);
    json_member_text(&j, "name", profile == SMARTAPP_PROFILE_SWITCH ? "Switch" : "Light");
    json_end_object(&j);
    json_end_array(&j);
    json_end_object(&j);
    json_end_array(&j);
    json_end_object(&j);
}
