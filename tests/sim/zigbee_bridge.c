/* The retained documents about the network, as Zigbee2MQTT 2.14.1 publishes them (its extension/bridge.ts). */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "loop/loop.h"
#include "sim/exposes.h"
#include "sim/zigbee_internal.h"

#define COORDINATOR "0x00124b0024c2a9d3"

static void send_retained(struct zigbee *z, const char *topic, struct str *document)
{
    zigbee_send(z, topic, str_z(document), document->len, 0, true);
    str_done(document);
}

/* ---- bridge/devices ---- */

static const char *definition_text(struct zigbee *z, const struct shape *shape)
{
    char **text = &z->definitions[shape - shapes];
    if (!*text) {
        struct str s = STR_INIT;
        struct json_out j;
        json_out_init(&j, &s);
        json_begin_object(&j);
        json_member_text(&j, "source", "native");
        json_member_text(&j, "model", shape->model);
        json_member_text(&j, "vendor", shape->vendor);
        json_member_text(&j, "description", shape_is_plug(shape) ? "Simulated plug" : "Simulated light");
        json_put_key(&j, "exposes");
        exposes_write(&j, shape);
        json_member_bool(&j, "supports_ota", true);
        json_put_key(&j, "options");
        exposes_write_options(&j, shape);
        json_end_object(&j);
        *text = str_take(&s);
    }
    return *text;
}

/* The number of a light's endpoint is 1, 2, ... in the order of the lights. */
static void put_endpoints(struct json_out *j, const struct device *d)
{
    static const char clusters[] =
        ",\"scenes\":[],\"bindings\":[{\"cluster\":\"genOnOff\",\"target\":{\"type\":\"endpoint\",\"ieee_address\":"
        "\"" COORDINATOR "\",\"endpoint\":1}}],\"configured_reportings\":[{\"cluster\":\"genOnOff\",\"attribute\":"
        "\"onOff\",\"minimum_report_interval\":0,\"maximum_report_interval\":3600,\"reportable_change\":0}],"
        "\"clusters\":{\"input\":[\"genBasic\",\"genIdentify\",\"genGroups\",\"genScenes\",\"genOnOff\","
        "\"genLevelCtrl\","
        "\"lightingColorCtrl\",\"touchlink\"],\"output\":[\"genOta\"]}}";
    json_member_object(j, "endpoints");
    for (size_t i = 0; i < d->count; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i + 1);
        json_put_key(j, number);
        struct str s = STR_INIT;
        const char *suffix = d->lamps[i].suffix;
        if (*suffix) {
            str_printf(&s, "{\"name\":\"%s\"", suffix + 1);
        } else {
            str_add_z(&s, "{\"name\":null");
        }
        str_add_z(&s, clusters);
        json_put_raw(j, s.data, s.len);
        str_done(&s);
    }
    json_end_object(j);
}

static void put_device(struct zigbee *z, struct json_out *j, const struct device *d)
{
    bool done = d->interview == INTERVIEW_DONE;
    uint32_t index = (uint32_t)(d - z->devices);
    json_begin_object(j);
    json_member_text(j, "ieee_address", d->ieee);
    json_member_text(j, "type", "Router");
    json_member_int(j, "network_address", 1 + index % 65527);
    json_member_bool(j, "supported", done);
    json_member_text(j, "friendly_name", d->name);
    json_member_bool(j, "disabled", false);
    if (done) {
        const char *definition = definition_text(z, d->shape);
        json_put_key(j, "definition");
        json_put_raw(j, definition, strlen(definition));
        json_member_text(j, "power_source", "Mains (single phase)");
        json_member_text(j, "software_build_id", "1.0.0");
        json_member_text(j, "date_code", "20260101");
        json_member_text(j, "model_id", d->shape->model);
    }
    json_member_bool(j, "interviewing", !done);
    json_member_bool(j, "interview_completed", done);
    json_member_text(j, "interview_state", done ? "SUCCESSFUL" : "IN_PROGRESS");
    json_member_text(j, "manufacturer", d->shape->vendor);
    put_endpoints(j, d);
    json_end_object(j);
}

/* What is in every house and is no light to be had. Members between address and name, in turn. */
static const char *const other_rows[] = {
    /* a sensor */
    "\"type\":\"EndDevice\",\"network_address\":40001,\"supported\":true,\"disabled\":false,\"definition\":{\"source\":"
    "\"native\",\"model\":\"WSDCGQ11LM\",\"vendor\":\"Aqara\",\"description\":\"Temperature and humidity "
    "sensor\",\"exposes\":[{\"name\":\"temperature\",\"label\":\"Temperature\",\"access\":1,\"type\":\"numeric\","
    "\"property\":\"temperature\",\"unit\":\"\u00b0C\"},{\"name\":\"battery\",\"label\":\"Battery\",\"access\":1,"
    "\"type\":"
    "\"numeric\",\"property\":\"battery\",\"unit\":\"%\",\"value_max\":100,\"value_min\":0}],\"supports_ota\":false,"
    "\"options\":[]},\"power_source\":\"Battery\",\"model_id\":\"lumi.weather\",\"interviewing\":false,"
    "\"interview_completed\":true,\"interview_state\":\"SUCCESSFUL\",\"manufacturer\":\"LUMI\",\"endpoints\":{}",
    /* a remote */
    "\"type\":\"EndDevice\",\"network_address\":40002,\"supported\":true,\"disabled\":false,\"definition\":{\"source\":"
    "\"native\",\"model\":\"E1743\",\"vendor\":\"IKEA\",\"description\":\"TRADFRI on/off "
    "switch\",\"exposes\":[{\"name\":"
    "\"action\",\"label\":\"Action\",\"access\":1,\"type\":\"enum\",\"property\":\"action\",\"values\":[\"on\",\"off\","
    "\"brightness_move_up\"]}],\"supports_ota\":true,\"options\":[]},\"power_source\":\"Battery\",\"model_id\":"
    "\"TRADFRI "
    "on/off switch\",\"interviewing\":false,\"interview_completed\":true,\"interview_state\":\"SUCCESSFUL\","
    "\"manufacturer\":\"IKEA of Sweden\",\"endpoints\":{}",
    /* not in the catalogue */
    "\"type\":\"Router\",\"network_address\":40003,\"supported\":false,\"disabled\":false,\"definition\":null,"
    "\"power_source\":\"Mains (single phase)\",\"model_id\":\"NOBODY-KNOWS\",\"interviewing\":false,"
    "\"interview_completed\":true,\"interview_state\":\"SUCCESSFUL\",\"manufacturer\":\"Nobody\",\"endpoints\":{}",
    /* a lamp that was switched off in the settings */
    "\"type\":\"Router\",\"network_address\":40004,\"supported\":true,\"disabled\":true,\"definition\":{\"source\":"
    "\"native\",\"model\":\"LED1545G12\",\"vendor\":\"IKEA\",\"description\":\"Simulated "
    "light\",\"exposes\":[{\"type\":"
    "\"light\",\"features\":[{\"name\":\"state\",\"label\":\"State\",\"access\":7,\"type\":\"binary\",\"property\":"
    "\"state\",\"value_on\":\"ON\",\"value_off\":\"OFF\",\"value_toggle\":\"TOGGLE\"}]}],\"supports_ota\":true,"
    "\"options\":[]},\"power_source\":\"Mains (single phase)\",\"model_id\":\"LED1545G12\",\"interviewing\":false,"
    "\"interview_completed\":true,\"interview_state\":\"SUCCESSFUL\",\"manufacturer\":\"IKEA of "
    "Sweden\",\"endpoints\":{}",
    /* one that never got through its interview */
    ("\"type\":\"Unknown\",\"network_address\":40005,\"supported\":false,\"disabled\":false,\"interviewing\":false,"
     "\"interview_completed\":false,\"interview_state\":\"FAILED\",\"endpoints\":{}"),
};

static void put_others(struct zigbee *z, struct json_out *j)
{
    for (size_t i = 0; i < z->config.others; i++) {
        struct str s = STR_INIT;
        str_printf(&s, "{\"ieee_address\":\"0x00158e%010zx\",\"friendly_name\":\"Other %zu\",", i + 1, i + 1);
        str_add_z(&s, other_rows[i % (sizeof other_rows / sizeof other_rows[0])]);
        str_add_char(&s, '}');
        json_put_raw(j, s.data, s.len);
        str_done(&s);
    }
}

void zigbee_tell_devices(struct zigbee *z)
{
    static const char coordinator[] =
        "{\"ieee_address\":\"" COORDINATOR "\",\"type\":\"Coordinator\",\"network_address\":0,\"supported\":true,"
        "\"friendly_name\":\"Coordinator\",\"disabled\":false,\"definition\":null,\"interviewing\":false,"
        "\"interview_completed\":true,\"interview_state\":\"SUCCESSFUL\",\"endpoints\":{\"1\":{\"name\":null,"
        "\"scenes\":[],"
        "\"bindings\":[],\"configured_reportings\":[],\"clusters\":{\"input\":[],\"output\":[]}}}}";
    struct str s = STR_INIT;
    struct json_out j;
    json_out_init(&j, &s);
    json_begin_array(&j);
    json_put_raw(&j, coordinator, sizeof coordinator - 1);
    for (size_t i = 0; i < z->count; i++) {
        if (!z->devices[i].removed) {
            put_device(z, &j, &z->devices[i]);
        }
    }
    put_others(z, &j);
    json_end_array(&j);
    send_retained(z, "bridge/devices", &s);
}

/* ---- bridge/groups ---- */

void zigbee_tell_groups(struct zigbee *z)
{
    struct str s = STR_INIT;
    struct json_out j;
    json_out_init(&j, &s);
    json_begin_array(&j);
    for (size_t i = 0; i < z->group_count; i++) {
        const struct group *g = &z->groups[i];
        if (!g->id) {
            continue;
        }
        json_begin_object(&j);
        json_member_int(&j, "id", g->id);
        json_member_text(&j, "friendly_name", g->name);
        json_member_array(&j, "scenes");
        json_end_array(&j);
        json_member_array(&j, "members");
        for (size_t k = 0; k < g->count; k++) {
            const struct device *d = &z->devices[g->members[k]];
            for (size_t e = 0; e < d->count; e++) {
                json_begin_object(&j);
                json_member_text(&j, "ieee_address", d->ieee);
                json_member_int(&j, "endpoint", (int64_t)e + 1);
                json_end_object(&j);
            }
        }
        json_end_array(&j);
        json_end_object(&j);
    }
    json_end_array(&j);
    send_retained(z, "bridge/groups", &s);
}

/* ---- bridge/info ---- */

/* The schema of the settings fills most of the real document: as large, and as useless to a bridge. */
static void put_schema(struct json_out *j)
{
    json_member_object(j, "config_schema");
    json_member_text(j, "type", "object");
    json_member_object(j, "properties");
    for (int i = 0; i < 150; i++) {
        char name[32];
        snprintf(name, sizeof name, "setting_%d", i);
        json_member_object(j, name);
        json_member_text(j, "type", i % 3 ? "boolean" : "string");
        json_member_text(j, "title", "A setting of the bridge");
        json_member_text(j, "description",
                         "What this setting does is said at some length, with examples and a warning or "
                         "two, as the real schema does it");
        json_member_bool(j, "requiresRestart", i % 2 == 0);
        json_end_object(j);
    }
    json_end_object(j);
    json_end_object(j);
}

static void put_config(struct zigbee *z, struct json_out *j)
{
    static const char *const outputs[] = {"json", "attribute", "attribute_and_json"};
    json_member_object(j, "config");
    json_member_object(j, "advanced");
    json_member_text(j, "output", outputs[z->config.output]);
    json_member_bool(j, "cache_state", true);
    json_member_bool(j, "cache_state_send_on_startup", true);
    json_member_text(j, "last_seen", "disable");
    json_member_text(j, "log_level", z->config.chatty ? "info" : "error");
    json_end_object(j);
    json_member_object(j, "availability");
    json_member_bool(j, "enabled", z->config.availability != ZIGBEE_AVAILABILITY_NONE);
    json_end_object(j);
    json_member_object(j, "homeassistant");
    json_member_bool(j, "enabled", z->config.homeassistant);
    json_member_text(j, "discovery_topic", "homeassistant");
    json_member_text(j, "status_topic", "homeassistant/status");
    json_end_object(j);
    json_member_object(j, "mqtt");
    json_member_text(j, "base_topic", z->config.base);
    json_member_bool(j, "force_disable_retain", false);
    json_member_bool(j, "include_device_information", false);
    json_end_object(j);
    json_member_object(j, "devices");
    for (size_t i = 0; i < z->count; i++) {
        const struct device *d = &z->devices[i];
        if (!d->removed) {
            json_member_object(j, d->ieee);
            json_member_text(j, "friendly_name", d->name);
            if (!d->watched && z->config.availability != ZIGBEE_AVAILABILITY_NONE) {
                json_member_bool(j, "availability", false);
            }
            if (d->pessimistic) {
                json_member_bool(j, "optimistic", false);
            }
            if (d->retain) {
                json_member_bool(j, "retain", true);
            }
            json_end_object(j);
        }
    }
    json_end_object(j);
    json_end_object(j);
}

void zigbee_tell_info(struct zigbee *z)
{
    struct str s = STR_INIT;
    struct json_out j;
    json_out_init(&j, &s);
    json_begin_object(&j);
    json_member_text(&j, "version", "2.14.1");
    json_member_text(&j, "commit", "unknown");
    json_member_object(&j, "coordinator");
    json_member_text(&j, "ieee_address", COORDINATOR);
    json_member_text(&j, "type", "zStack3x0");
    json_member_object(&j, "meta");
    json_member_int(&j, "revision", 20240710);
    json_end_object(&j);
    json_end_object(&j);
    json_member_object(&j, "network");
    json_member_int(&j, "pan_id", 6754);
    json_member_text(&j, "extended_pan_id", "0xdddddddddddddddd");
    json_member_int(&j, "channel", 11);
    json_end_object(&j);
    json_member_text(&j, "log_level", z->config.chatty ? "info" : "error");
    json_member_bool(&j, "permit_join", z->permit_join);
    if (z->permit_join) {
        json_member_int(&j, "permit_join_end", loop_wall_ms() + (int64_t)z->permit_s * 1000);
    }
    json_member_bool(&j, "restart_required", false);
    put_config(z, &j);
    put_schema(&j);
    json_end_object(&j);
    send_retained(z, "bridge/info", &s);
}

/* ---- bridge/definitions: 229 kB of clusters that a bridge must not subscribe to ---- */

void zigbee_tell_definitions(struct zigbee *z)
{
    struct str s = STR_INIT;
    str_add_z(&s, "{\"clusters\":{");
    for (int i = 0; i < 156; i++) {
        str_printf(&s, "%s\"cluster%d\":{\"ID\":%d,\"attributes\":{", i ? "," : "", i, i);
        for (int k = 0; k < 24; k++) {
            str_printf(&s, "%s\"attribute%d\":{\"ID\":%d,\"type\":33,\"write\":true,\"max\":65535}", k ? "," : "", k,
                       k);
        }
        str_add_z(&s, "},\"commands\":{},\"commandsResponse\":{}}");
    }
    str_add_z(&s, "},\"custom_clusters\":{},\"actions\":[]}");
    send_retained(z, "bridge/definitions", &s);
    zigbee_send(z, "bridge/extensions", "[]", 2, 0, true);
    zigbee_send(z, "bridge/converters", "[]", 2, 0, true);
}

/* ---- bridge/event ---- */

void zigbee_tell_event(struct zigbee *z, const struct device *d, const char *type, const char *status)
{
    struct str s = STR_INIT;
    struct json_out j;
    json_out_init(&j, &s);
    json_begin_object(&j);
    json_member_object(&j, "data");
    json_member_text(&j, "friendly_name", d->name);
    if (status) {
        json_member_text(&j, "status", status);
    }
    json_member_text(&j, "ieee_address", d->ieee);
    if (status && strcmp(status, "successful") == 0) {
        const char *definition = definition_text(z, d->shape);
        json_member_bool(&j, "supported", true);
        json_put_key(&j, "definition");
        json_put_raw(&j, definition, strlen(definition));
    }
    json_end_object(&j);
    json_member_text(&j, "type", type);
    json_end_object(&j);
    zigbee_send(z, "bridge/event", s.data, s.len, 0, false);
    str_done(&s);
}
