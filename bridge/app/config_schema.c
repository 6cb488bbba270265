#include "app/config_schema.h"

#include "app/config.h"
#include "base/log.h"

#define TEXT(key, type, member) CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_OPTIONAL, type, member, 0, CYAML_UNLIMITED)
#define TEXTS(key, type, member)                                                                                       \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, &text_entry, 0, CYAML_UNLIMITED)
#define CHOICE(key, type, member, words)                                                                               \
    CYAML_FIELD_ENUM(key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, type, member, words, CYAML_ARRAY_LEN(words))
#define MAPPING(key, type, member, fields) CYAML_FIELD_MAPPING(key, CYAML_FLAG_OPTIONAL, type, member, fields)

/* libcyaml's own BOOL takes every unknown word for true, so a switch is an enumeration here. */
static const cyaml_strval_t yes_no[] = {
    {"false", 0}, {"true", 1}, {"no", 0}, {"yes", 1}, {"off", 0}, {"on", 1},
};
static const cyaml_strval_t levels[] = {
    {"error", LOG_LEVEL_ERROR},
    {"warn", LOG_LEVEL_WARN},
    {"info", LOG_LEVEL_INFO},
    {"debug", LOG_LEVEL_DEBUG},
};
static const cyaml_strval_t offline_errors[] = {
    {"DEVICE-UNAVAILABLE", CONFIG_DEVICE_UNAVAILABLE},
    {"DEVICE-OFFLINE", CONFIG_DEVICE_OFFLINE},
};

static const cyaml_schema_value_t text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED),
};

static const cyaml_schema_field_t tls_fields[] = {
    TEXT("certificate_file", struct config_tls, certificate_file),
    TEXT("key_file", struct config_tls, key_file),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t public_fields[] = {
    TEXT("listen", struct config_public, listen),
    TEXT("url", struct config_public, url),
    CYAML_FIELD_MAPPING_PTR("tls", CYAML_FLAG_OPTIONAL, struct config_public, tls, tls_fields),
    TEXTS("trusted_proxies", struct config_public, trusted_proxies),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t local_fields[] = {
    TEXT("listen", struct config_local, listen),
    TEXT("socket", struct config_local, socket),
    TEXTS("names", struct config_local, names),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t store_fields[] = {
    TEXT("path", struct config_store, path),
    TEXT("key_file", struct config_store, key_file),
    CYAML_FIELD_END,
};
static const cyaml_strval_t client_auths[] = {{"body", 0}, {"basic", 1}};
static const cyaml_strval_t formats[] = {{"form", 0}, {"json", 1}};
static const cyaml_schema_field_t profiles_fields[] = {
    TEXT("color_temperature_and_color", struct config_profiles, color_temperature_and_color),
    TEXT("color", struct config_profiles, color),
    TEXT("color_temperature", struct config_profiles, color_temperature),
    TEXT("dimmer", struct config_profiles, dimmer),
    TEXT("switch", struct config_profiles, switches),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t provider_fields[] = {
    TEXT("name", struct config_provider, name),
    TEXT("authorize_url", struct config_provider, authorize_url),
    TEXT("token_url", struct config_provider, token_url),
    TEXT("client_id", struct config_provider, client_id),
    TEXT("client_secret_file", struct config_provider, client_secret_file),
    TEXT("scope", struct config_provider, scope),
    TEXT("redirect_uri", struct config_provider, redirect_uri),
    CHOICE("client_auth", struct config_provider, basic, client_auths),
    CHOICE("format", struct config_provider, json, formats),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t smartapp_fields[] = {
    TEXT("app_id", struct config_smartapp, app_id),
    TEXT("client_id", struct config_smartapp, client_id),
    TEXT("client_secret_file", struct config_smartapp, client_secret_file),
    TEXT("api_url", struct config_smartapp, api_url),
    TEXT("token_url", struct config_smartapp, token_url),
    TEXT("key_url", struct config_smartapp, key_url),
    MAPPING("profiles", struct config_smartapp, profiles, profiles_fields),
    MAPPING("provider", struct config_smartapp, provider, provider_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t smartthings_fields[] = {
    TEXT("client_id", struct config_smartthings, client_id),
    TEXT("client_secret_file", struct config_smartthings, client_secret_file),
    TEXTS("redirect_uris", struct config_smartthings, redirect_uris),
    TEXT("callback_client_id", struct config_smartthings, callback_client_id),
    TEXT("callback_client_secret_file", struct config_smartthings, callback_client_secret_file),
    TEXTS("callback_hosts", struct config_smartthings, callback_hosts),
    CHOICE("offline_error", struct config_smartthings, offline_error, offline_errors),
    CYAML_FIELD_MAPPING_PTR("smartapp", CYAML_FLAG_OPTIONAL, struct config_smartthings, smartapp, smartapp_fields),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t accounts_fields[] = {
    CYAML_FIELD_UINT("memory_kib", CYAML_FLAG_OPTIONAL, struct config_accounts, memory_kib),
    CYAML_FIELD_UINT("passes", CYAML_FLAG_OPTIONAL, struct config_accounts, passes),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t lights_fields[] = {
    CHOICE("expose_switches", struct config_lights, expose_switches, yes_no),
    CHOICE("expose_groups", struct config_lights, expose_groups, yes_no),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t log_fields[] = {
    CHOICE("level", struct config_log, level, levels),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t mqtt_fields[] = {
    TEXT("name", struct config_mqtt, name),
    TEXT("url", struct config_mqtt, url),
    TEXT("username", struct config_mqtt, username),
    TEXT("password_file", struct config_mqtt, password_file),
    TEXT("ca_file", struct config_mqtt, ca_file),
    TEXTS("zigbee2mqtt", struct config_mqtt, zigbee2mqtt),
    TEXTS("homeassistant", struct config_mqtt, homeassistant),
    CHOICE("homeassistant_birth", struct config_mqtt, homeassistant_birth, yes_no),
    TEXTS("tasmota", struct config_mqtt, tasmota),
    TEXTS("shelly", struct config_mqtt, shelly),
    TEXTS("shelly1", struct config_mqtt, shelly1),
    TEXTS("wled", struct config_mqtt, wled),
    CHOICE("optimistic", struct config_mqtt, optimistic, yes_no),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t mqtt_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_mqtt, mqtt_fields),
};
static const cyaml_schema_field_t partner_fields[] = {
    TEXT("location", struct config_partner, location),
    CYAML_FIELD_UINT("requests_per_minute", CYAML_FLAG_OPTIONAL, struct config_partner, requests_per_minute),
    TEXTS("webhook_hosts", struct config_partner, webhook_hosts),
    CYAML_FIELD_END,
};
static const cyaml_schema_field_t virtual_fields[] = {
    CYAML_FIELD_UINT("lights", CYAML_FLAG_OPTIONAL, struct config_virtual, lights),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t top_fields[] = {
    MAPPING("public", struct config, public, public_fields),
    MAPPING("local", struct config, local, local_fields),
    MAPPING("store", struct config, store, store_fields),
    MAPPING("smartthings", struct config, smartthings, smartthings_fields),
    MAPPING("accounts", struct config, accounts, accounts_fields),
    MAPPING("lights", struct config, lights, lights_fields),
    MAPPING("log", struct config, log, log_fields),
    CYAML_FIELD_SEQUENCE("mqtt", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config, mqtt, &mqtt_entry, 0, 16),
    MAPPING("partner", struct config, partner, partner_fields),
    MAPPING("virtual", struct config, virtual, virtual_fields),
    CYAML_FIELD_END,
};

const cyaml_schema_value_t config_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config, top_fields),
};

const struct config_key config_keys[] = {
    {"public.listen", "host:port", "127.0.0.1:8000",
     "Where the cloud's requests come in, usually from a proxy on the same machine."},
    {"public.url", "https URL", "none",
     "The address under which SmartThings reaches public.listen; port 443, or 80 to 8002."},
    {"public.tls.certificate_file", "path", "none: plain http",
     "PEM certificate with its chain, for serving TLS without a proxy; read again when it changes."},
    {"public.tls.key_file", "path", "none", "PEM private key of the certificate."},
    {"public.trusted_proxies", "list of IP addresses", "none",
     "Proxies whose X-Forwarded-For header tells the caller's address."},
    {"local.listen", "host:port", "127.0.0.1:8001",
     "Where the local page and the metrics are served; never to be reached from outside."},
    {"local.socket", "path", "/run/lightbridge/control.sock",
     "The socket that the command line uses; whoever may open it may control the bridge."},
    {"local.names", "list of host names", "loopback only",
     "Further names under which a browser may ask for the local page."},
    {"store.path", "path", "/var/lib/lightbridge/lightbridge.db", "The database; its directory must be writable."},
    {"store.key_file", "path", "/var/lib/lightbridge/token.key",
     "The installation's key, made at the first start; back it up with the database."},
    {"smartthings.client_id", "text", "smartthings", "What SmartThings presents at the token endpoint as its name."},
    {"smartthings.client_secret_file", "path", "none: linking is refused", "The secret that goes with client_id."},
    {"smartthings.redirect_uris", "list of URLs", "SmartThings' callbacks in the US, EU and AP",
     "Where a browser may be sent after linking; compared letter by letter."},
    {"smartthings.callback_client_id", "text", "none: no callbacks",
     "The client id that SmartThings gave when the Schema app was registered."},
    {"smartthings.callback_client_secret_file", "path", "none", "The client secret that SmartThings gave with it."},
    {"smartthings.callback_hosts", "list of host names", "smartthings.com",
     "Names that callbacks may go to, with all that lies under them; 127.0.0.1 allows plain http there, for tests."},
    {"smartthings.offline_error", "DEVICE-UNAVAILABLE or DEVICE-OFFLINE", "DEVICE-UNAVAILABLE",
     "What a command to a lamp that is offline is answered with."},
    {"smartthings.smartapp.app_id", "text", "none: any app's calls are taken",
     "The webhook SmartApp's id at SmartThings; with smartapp in the file at all, /smartthings/smartapp is served."},
    {"smartthings.smartapp.client_id", "text", "none: its tokens run out",
     "The OAuth client id that SmartThings gave when the SmartApp was made; renews its tokens."},
    {"smartthings.smartapp.client_secret_file", "path", "none", "The client secret that SmartThings gave with it."},
    {"smartthings.smartapp.api_url", "URL", "https://api.smartthings.com",
     "SmartThings' REST API; its host must be on callback_hosts."},
    {"smartthings.smartapp.token_url", "URL", "api_url with /oauth/token", "Where the SmartApp's tokens are renewed."},
    {"smartthings.smartapp.key_url", "URL", "https://key.smartthings.com",
     "Where the keys are that SmartThings signs its calls with; its host must be on callback_hosts."},
    {"smartthings.smartapp.profiles.color_temperature_and_color", "device profile id", "none: such lamps are left out",
     "Of lamps with colour and shades of white; `lightbridge smartapp profiles` makes all five."},
    {"smartthings.smartapp.profiles.color", "device profile id", "none: such lamps are left out",
     "Of lamps with colour alone."},
    {"smartthings.smartapp.profiles.color_temperature", "device profile id", "none: such lamps are left out",
     "Of lamps with shades of white."},
    {"smartthings.smartapp.profiles.dimmer", "device profile id", "none: such lamps are left out",
     "Of lamps that can be dimmed."},
    {"smartthings.smartapp.profiles.switch", "device profile id", "none: such lamps are left out",
     "Of lamps and plugs that can be switched."},
    {"smartthings.smartapp.provider.name", "text", "lightbridge", "What people are told where they log in."},
    {"smartthings.smartapp.provider.authorize_url", "https URL", "this bridge's own",
     "The login that the SmartApp opens. Whoever may log in there may use the lights: name no server at which "
     "strangers can."},
    {"smartthings.smartapp.provider.token_url", "https URL", "this bridge itself",
     "Where the login's code is redeemed; goes together with authorize_url."},
    {"smartthings.smartapp.provider.client_id", "text", "smartapp",
     "The name that the SmartApp has at that server; of this bridge, no other client may have it."},
    {"smartthings.smartapp.provider.client_secret_file", "path", "none: a public client",
     "The secret that goes with it; this bridge wants none of itself."},
    {"smartthings.smartapp.provider.scope", "text", "none is asked for", "The scope that is asked for there."},
    {"smartthings.smartapp.provider.redirect_uri", "URL", "https://api.smartthings.com/oauth/callback",
     "Where that server sends the browser back to."},
    {"smartthings.smartapp.provider.client_auth", "body or basic", "body",
     "How the secret is shown there: in the request's body or by HTTP Basic."},
    {"smartthings.smartapp.provider.format", "form or json", "form",
     "What the token request is; answers are understood in both."},
    {"accounts.memory_kib", "number, 1024 to 1048576", "19456",
     "Memory that one check of a password takes, in KiB (Argon2id); one is made at a time. Passwords follow at their "
     "next "
     "login."},
    {"accounts.passes", "number, 1 to 64", "2", "How often that memory is gone through; more takes longer."},
    {"lights.expose_switches", "yes or no", "no", "Show plugs and relays in SmartThings without being asked for each."},
    {"lights.expose_groups", "yes or no", "no", "Show groups in SmartThings without being asked for each."},
    {"log.level", "error, warn, info or debug", "info", "How much is logged."},
    {"mqtt[].name", "text", "the broker's host", "Names the broker in logs and lists; unique."},
    {"mqtt[].url", "mqtt:// or mqtts:// URL", "required", "The broker."},
    {"mqtt[].username", "text", "none", "For brokers that want a login."},
    {"mqtt[].password_file", "path", "none", "The password that goes with username."},
    {"mqtt[].ca_file", "path", "the system's", "Certificate authority of an mqtts:// broker, PEM."},
    {"mqtt[].zigbee2mqtt", "list of topics", "[zigbee2mqtt]",
     "Base topics of the Zigbee2MQTT instances behind the broker. [] for none."},
    {"mqtt[].homeassistant", "list of topics", "[homeassistant]",
     "Prefixes under which lamps announce themselves by Home Assistant discovery: ESPHome and many others. [] for "
     "none."},
    {"mqtt[].homeassistant_birth", "yes or no", "no",
     "Say online on the prefix's status topic, for lamps that announce themselves only then; not beside a Home "
     "Assistant."},
    {"mqtt[].tasmota", "list of topics", "[tasmota/discovery]",
     "Where Tasmota modules announce themselves; [] for nowhere. Stock firmware knows this one only."},
    {"mqtt[].shelly", "list of topics", "[+]",
     "Topic prefixes of Shellys of generation 2 and later: + finds those of one level, a prefix with more is named; [] "
     "for "
     "none."},
    {"mqtt[].shelly1", "list of topics", "[shellies]",
     "What the topics of Shellys of the first generation begin with; [] for none."},
    {"mqtt[].wled", "list of topics", "[wled/+]",
     "WLED strips: all with a topic below wled, or TOPIC, or TOPIC HOST of one. With a host its segments and white "
     "are known."},
    {"mqtt[].optimistic", "yes or no", "no",
     "Answer commands when they were sent, without waiting for the lamp. Not recommended."},
    {"partner.location", "text", "Home", "What the partner API calls the house: the location of every light."},
    {"partner.requests_per_minute", "number, 1 to 100000", "120",
     "How often one link's tokens may ask the partner API in a minute."},
    {"partner.webhook_hosts", "list of host names", "none",
     "Hosts in the house that webhooks of the partner API may go to although their addresses are private; 127.0.0.1 "
     "allows plain http there, for tests."},
    {"virtual.lights", "number, 0 to 10000", "0", "Lamps that exist in memory only, to try things out."},
};
const size_t config_key_count = sizeof config_keys / sizeof *config_keys;
