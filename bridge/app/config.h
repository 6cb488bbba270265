/* The configuration file (YAML, libcyaml): every key is a row in config_schema.c, with the sentence that the
   manual prints. An empty file is a valid configuration. */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secrets.h"
#include "base/str.h"

#define CONFIG_PATH "/etc/lightbridge/lightbridge.yaml"
#define CONFIG_MAX_BYTES (1024u * 1024u)

/* Members are as written in the file until config_load has filled in defaults and resolved paths;
   `_count` members belong to the list before them. */
struct config_tls {
    char *certificate_file, *key_file;
};
struct config_public {
    char *listen, *url;
    struct config_tls *tls; /* NULL: plain http */
    char **trusted_proxies;
    unsigned trusted_proxies_count;
};
struct config_local {
    char *listen, *socket;
    char **names; /* Host names under which the local page may be asked for, beside loopback's */
    unsigned names_count;
};
struct config_store {
    char *path, *key_file;
};
/* Ids of device profiles at SmartThings, by kind of lamp. */
struct config_profiles {
    char *color_temperature_and_color, *color, *color_temperature, *dimmer, *switches;
};
/* The OAuth server that the SmartApp's login opens. */
struct config_provider {
    char *name, *authorize_url, *token_url, *client_id, *client_secret_file, *scope, *redirect_uri;
    int basic, json;
};
struct config_smartapp {
    char *app_id, *client_id, *client_secret_file, *api_url, *token_url, *key_url;
    struct config_profiles profiles;
    struct config_provider provider;
};
struct config_smartthings {
    char *client_id, *client_secret_file;
    char **redirect_uris;
    unsigned redirect_uris_count;
    char *callback_client_id, *callback_client_secret_file;
    char **callback_hosts;
    unsigned callback_hosts_count;
    int offline_error;                /* enum config_offline_error */
    struct config_smartapp *smartapp; /* NULL: there is none */
};
enum config_offline_error { CONFIG_DEVICE_UNAVAILABLE, CONFIG_DEVICE_OFFLINE };
struct config_accounts {
    unsigned memory_kib, passes; /* Argon2id */
};
struct config_lights {
    int expose_switches, expose_groups;
};
struct config_log {
    int level; /* enum log_level */
};
struct config_mqtt {
    char *name, *url, *username, *password_file, *ca_file;
    char **zigbee2mqtt, **homeassistant, **tasmota, **shelly, **shelly1, **wled;
    unsigned zigbee2mqtt_count, homeassistant_count, tasmota_count, shelly_count, shelly1_count, wled_count;
    int homeassistant_birth;
    int optimistic;
};
struct config_partner {
    char *location;
    unsigned requests_per_minute;
    char **webhook_hosts;
    unsigned webhook_hosts_count;
};
struct config_virtual {
    unsigned lights;
};

struct config {
    struct config_public public;
    struct config_local local;
    struct config_store store;
    struct config_smartthings smartthings;
    struct config_accounts accounts;
    struct config_lights lights;
    struct config_log log;
    struct config_mqtt *mqtt;
    unsigned mqtt_count;
    struct config_virtual virtual;
    struct config_partner partner;
};

/* Loads, checks and completes the file. On ERR_INVALID (or ERR_NOT_FOUND, ERR_DENIED) `why` holds one line for each
   thing that is wrong, as "FILE:LINE:COLUMN: what is wrong; what would be right"; a structural error stops at
   the first. Secrets are looked for but not read here. The caller frees with config_free. */
int config_load(const char *path, struct config **ret_config, struct str *why);
/* For commands beside the daemon: its secrets are not theirs to see, and with systemd's credentials not there at all,
   so the named files are not looked for. */
int config_load_beside(const char *path, struct config **ret_config, struct str *why);
/* config_load for a text that is in memory; `path` is for messages, and what relative paths are relative to. */
int config_parse(const char *text, size_t len, const char *path, struct config **ret_config, struct str *why);
/* As config_parse, but the files that it names need not be there: for restore, which brings them. */
int config_parse_alone(const char *text, size_t len, const char *path, struct config **ret_config, struct str *why);
void config_free(struct config *config);

/* Path of a secret named by a *_file key: systemd's $CREDENTIALS_DIRECTORY/<last part of it> wins where it exists, then
   <last but one>_<last>, which LoadCredential= makes of a directory. The caller frees. */
char *config_secret_path(const char *path);

struct secrets_cost config_password_cost(const struct config *config);

/* Splits "host:port" or "[v6]:port"; ERR_INVALID. */
int config_split_listen(const char *text, struct str *ret_host, uint16_t *ret_port);

#endif
