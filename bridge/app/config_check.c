#include "app/config_check.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config_explain.h"
#include "app/config_schema.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"
#include "base/utf8.h"

/* ---- defaults ---- */

static void set_default(char **member, const char *value)
{
    if (!*member) {
        *member = mem_text(value);
    }
}

/* libcyaml frees each entry and the list with free(), so plain allocations are its equal. */
/* A list that the file has empty is meant so; libcyaml makes the same of it as of none. */
static void set_default_list(const struct config_places *places, const char *key, char ***list, unsigned *count,
                             const char *const *values, unsigned n)
{
    if (*list || config_places_find(places, key)) {
        return;
    }
    *list = mem_array(n, sizeof **list);
    *count = n;
    for (unsigned i = 0; i < n; i++) {
        (*list)[i] = mem_text(values[i]);
    }
}

static void resolve(char **member, const char *path)
{
    if (*member && **member) {
        char *resolved = file_resolve(path, *member);
        free(*member);
        *member = resolved;
    }
}

static void complete_mqtt(struct config_mqtt *mqtt, unsigned index, const struct config_places *places,
                          const char *path)
{
    const struct {
        const char *key, *topic;
        char ***list;
        unsigned *count;
    } rows[] = {{"zigbee2mqtt", "zigbee2mqtt", &mqtt->zigbee2mqtt, &mqtt->zigbee2mqtt_count},
                {"homeassistant", "homeassistant", &mqtt->homeassistant, &mqtt->homeassistant_count},
                {"tasmota", "tasmota/discovery", &mqtt->tasmota, &mqtt->tasmota_count},
                {"shelly", "+", &mqtt->shelly, &mqtt->shelly_count},
                {"shelly1", "shellies", &mqtt->shelly1, &mqtt->shelly1_count},
                {"wled", "wled/+", &mqtt->wled, &mqtt->wled_count}};
    struct url url;
    if (!mqtt->name && mqtt->url && url_parse(mqtt->url, &url) == 0) {
        mqtt->name = mem_text(url.host);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char key[64];
        snprintf(key, sizeof key, "mqtt[%u].%s", index, rows[i].key);
        set_default_list(places, key, rows[i].list, rows[i].count, &rows[i].topic, 1);
    }
    resolve(&mqtt->password_file, path);
    resolve(&mqtt->ca_file, path);
}

static void complete_smartapp(struct config_smartapp *app, const char *path)
{
    set_default(&app->api_url, "https://api.smartthings.com");
    set_default(&app->key_url, "https://key.smartthings.com");
    if (!app->token_url) {
        struct str url = STR_INIT;
        str_printf(&url, "%s/oauth/token", app->api_url);
        app->token_url = str_take(&url);
    }
    set_default(&app->provider.name, "lightbridge");
    set_default(&app->provider.client_id, "smartapp");
    set_default(&app->provider.redirect_uri, "https://api.smartthings.com/oauth/callback");
    resolve(&app->client_secret_file, path);
    resolve(&app->provider.client_secret_file, path);
}

void config_complete(struct config *config, const struct config_places *places, const char *path)
{
    static const char *const redirects[] = {"https://c2c-us.smartthings.com/oauth/callback",
                                            "https://c2c-eu.smartthings.com/oauth/callback",
                                            "https://c2c-ap.smartthings.com/oauth/callback"};
    static const char *const hosts[] = {"smartthings.com"};
    struct config_smartthings *st = &config->smartthings;
    set_default(&config->public.listen, "127.0.0.1:8000");
    set_default(&config->local.listen, "127.0.0.1:8001");
    set_default(&config->local.socket, "/run/lightbridge/control.sock");
    set_default(&config->store.path, "/var/lib/lightbridge/lightbridge.db");
    set_default(&config->store.key_file, "/var/lib/lightbridge/token.key");
    set_default(&st->client_id, "smartthings");
    set_default(&config->partner.location, "Home");
    set_default_list(places, "smartthings.redirect_uris", &st->redirect_uris, &st->redirect_uris_count, redirects, 3);
    set_default_list(places, "smartthings.callback_hosts", &st->callback_hosts, &st->callback_hosts_count, hosts, 1);
    if (config->public.tls) {
        resolve(&config->public.tls->certificate_file, path);
        resolve(&config->public.tls->key_file, path);
    }
    resolve(&config->local.socket, path);
    resolve(&config->store.path, path);
    resolve(&config->store.key_file, path);
    resolve(&st->client_secret_file, path);
    resolve(&st->callback_client_secret_file, path);
    if (st->smartapp) {
        complete_smartapp(st->smartapp, path);
    }
    for (unsigned i = 0; i < config->mqtt_count; i++) {
        complete_mqtt(&config->mqtt[i], i, places, path);
    }
}

/* ---- checks ---- */

struct check {
    const char *file;
    const struct config_places *places;
    struct str *why;
    unsigned count;
    bool unreadable; /* that is what is being told */
    bool files;      /* those that are named are looked for */
};

/* A text that is no value at all. */
static bool unreadable(const struct config_place *place)
{
    return place->kind == CONFIG_TEXT && (place->len == 0 || place->has_nul);
}

static void wrong(struct check *c, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void wrong(struct check *c, const char *key, const char *format, ...)
{
    size_t line;
    size_t column;
    struct str text = STR_INIT;
    va_list args;
    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    config_place(c->places, key, &line, &column);
    const struct config_place *place = config_places_find(c->places, key);
    if (place && unreadable(place) && !c->unreadable) {
        str_done(&text); /* that was said already */
        return;
    }
    str_printf(c->why, "%s:%zu:%zu: %s: ", c->file, line, column, key);
    log_escape(c->why, str_z(&text), text.len);
    str_add_char(c->why, '\n');
    str_done(&text);
    c->count++;
}

static void check_listen(struct check *c, const char *key, const char *value)
{
    struct str host = STR_INIT;
    uint16_t port;
    if (config_split_listen(value, &host, &port) != 0) {
        wrong(c, key, "\"%s\" is no address to listen on; right would be 127.0.0.1:8000 or [::1]:8000", value);
    }
    str_done(&host);
}

static void check_public(struct check *c, const struct config_public *p)
{
    struct url url;
    unsigned char address[16];
    char key[64];
    check_listen(c, "public.listen", p->listen);
    if (p->url) {
        bool ok = url_parse(p->url, &url) == 0;
        bool loopback = ok && (strcmp(url.host, "127.0.0.1") == 0 || strcmp(url.host, "localhost") == 0);
        if (!ok || (strcmp(url.scheme, "https") != 0 && !(loopback && strcmp(url.scheme, "http") == 0))) {
            wrong(c, "public.url", "\"%s\" is no https URL; right would be https://lights.example.org", p->url);
        } else if (strchr(url.path, '?') || strcmp(url.path, "/") != 0) {
            wrong(c, "public.url", "\"%s\" has a path; the bridge answers at the root of its host", p->url);
        } else if (!loopback && url.port != 443 && (url.port < 80 || url.port > 8002)) {
            wrong(c, "public.url", "SmartThings connects to ports 80 to 8002 only, not to %u; use 443",
                  (unsigned)url.port);
        }
    }
    if (p->tls && (!p->tls->certificate_file || !p->tls->key_file)) {
        wrong(c, "public.tls", "needs both certificate_file and key_file");
    }
    for (unsigned i = 0; i < p->trusted_proxies_count; i++) {
        const char *proxy = p->trusted_proxies[i];
        if (inet_pton(AF_INET, proxy, address) != 1 && inet_pton(AF_INET6, proxy, address) != 1) {
            snprintf(key, sizeof key, "public.trusted_proxies[%u]", i);
            wrong(c, key, "\"%s\" is no IP address; right would be 127.0.0.1", proxy);
        }
    }
}

static void check_file(struct check *c, const char *key, const char *path)
{
    if (!c->files || !path || !*path) {
        return;
    }
    char *real = config_secret_path(path);
    if (access(real, R_OK) != 0) {
        wrong(c, key, "cannot read \"%s\": %m", real);
    }
    free(real);
}

static void check_hosts(struct check *c, const char *list, char *const *hosts, unsigned count, const char *right)
{
    char key[64];
    for (unsigned i = 0; i < count; i++) {
        if (strpbrk(hosts[i], "/:* \t")) {
            (void)snprintf(key, sizeof key, "%s[%u]", list, i);
            wrong(c, key, "\"%s\" is no host name; right would be %s", hosts[i], right);
        }
    }
}

/* https, or http to this machine for tests. */
static bool is_secure_url(const char *text)
{
    struct url url;
    return url_parse(text, &url) == 0 &&
           (strcmp(url.scheme, "https") == 0 ||
            (strcmp(url.scheme, "http") == 0 && (strcmp(url.host, "127.0.0.1") == 0 || strcmp(url.host, "::1") == 0)));
}

static bool on_list(const char *text, const struct config_smartthings *st)
{
    struct url url;
    bool found = url_parse(text, &url) != 0; /* that is told elsewhere */
    for (unsigned i = 0; i < st->callback_hosts_count; i++) {
        found = found || url_host_under(url.host, st->callback_hosts[i]);
    }
    return found;
}

static void check_provider(struct check *c, const struct config_smartthings *st)
{
    const struct config_provider *p = &st->smartapp->provider;
    static const char key[] = "smartthings.smartapp.provider";
    if (!p->authorize_url != !p->token_url) {
        wrong(c, key, "authorize_url and token_url go together; without both the login is this bridge's own");
    }
    if (!p->authorize_url && p->client_secret_file) {
        wrong(c, "smartthings.smartapp.provider.client_secret_file",
              "is for another server's login: authorize_url and token_url are missing");
    }
    if (!p->authorize_url && strcmp(p->client_id, st->client_id) == 0) {
        wrong(c, "smartthings.smartapp.provider.client_id",
              "is smartthings.client_id, which is the Schema connector's; right would be smartapp");
    }
    if (p->basic && !p->client_secret_file) {
        wrong(c, "smartthings.smartapp.provider.client_auth", "basic needs a client_secret_file");
    }
    check_file(c, "smartthings.smartapp.provider.client_secret_file", p->client_secret_file);
}

static void check_smartapp(struct check *c, const struct config_smartthings *st)
{
    const struct config_smartapp *app = st->smartapp;
    const struct {
        const char *key, *url;
        bool smartthings;
    } urls[] = {
        {"smartthings.smartapp.api_url", app->api_url, true},
        {"smartthings.smartapp.token_url", app->token_url, true},
        {"smartthings.smartapp.key_url", app->key_url, true},
        {"smartthings.smartapp.provider.authorize_url", app->provider.authorize_url, false},
        {"smartthings.smartapp.provider.token_url", app->provider.token_url, false},
        {"smartthings.smartapp.provider.redirect_uri", app->provider.redirect_uri, false},
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        if (urls[i].url && !is_secure_url(urls[i].url)) {
            wrong(c, urls[i].key, "\"%s\" is no https URL; right would be https://api.smartthings.com", urls[i].url);
        } else if (urls[i].url && urls[i].smartthings && !on_list(urls[i].url, st)) {
            wrong(c, urls[i].key, "\"%s\" is on no host of smartthings.callback_hosts; add its host there",
                  urls[i].url);
        }
    }
    if (!app->client_id != !app->client_secret_file) {
        wrong(c, app->client_id ? "smartthings.smartapp.client_id" : "smartthings.smartapp.client_secret_file",
              "client_id and client_secret_file go together: SmartThings gives both when the SmartApp is made");
    }
    check_file(c, "smartthings.smartapp.client_secret_file", app->client_secret_file);
    check_provider(c, st);
}

static void check_smartthings(struct check *c, const struct config_smartthings *st)
{
    struct url url;
    char key[64];
    check_file(c, "smartthings.client_secret_file", st->client_secret_file);
    check_file(c, "smartthings.callback_client_secret_file", st->callback_client_secret_file);
    if (!st->callback_client_id != !st->callback_client_secret_file) {
        wrong(c, st->callback_client_id ? "smartthings.callback_client_id" : "smartthings.callback_client_secret_file",
              "callback_client_id and callback_client_secret_file go together: SmartThings gives both when the Schema "
              "app is registered");
    }
    if (st->callback_client_id && strcmp(st->callback_client_id, st->client_id) == 0) {
        wrong(c, "smartthings.callback_client_id",
              "is the same as client_id: client_id is what we gave to SmartThings, callback_client_id what SmartThings "
              "gave to us");
    }
    for (unsigned i = 0; i < st->redirect_uris_count; i++) {
        if (url_parse(st->redirect_uris[i], &url) != 0 ||
            (strcmp(url.scheme, "https") != 0 && strcmp(url.scheme, "http") != 0)) {
            snprintf(key, sizeof key, "smartthings.redirect_uris[%u]", i);
            wrong(c, key, "\"%s\" is no URL; right would be https://c2c-eu.smartthings.com/oauth/callback",
                  st->redirect_uris[i]);
        }
    }
    if (st->smartapp) {
        check_smartapp(c, st);
    }
    check_hosts(c, "smartthings.callback_hosts", st->callback_hosts, st->callback_hosts_count, "smartthings.com");
}

/* `len` bytes that can stand before more of a topic. */
static bool good_topic(const char *topic, size_t len)
{
    return len > 0 && len <= 200 && !memchr(topic, '#', len) && !memchr(topic, '+', len) && topic[0] != '/' &&
           topic[len - 1] != '/' && utf8_valid(topic, len);
}

static void check_twice(struct check *c, const char *key, char *const *topics, unsigned at)
{
    for (unsigned k = 0; k < at; k++) {
        if (strcmp(topics[k], topics[at]) == 0) {
            wrong(c, key, "\"%s\" is listed twice", topics[at]);
        }
    }
}

/* Topics below which somebody speaks; `right` is what one looks like. */
static void check_topics(struct check *c, const char *list, char *const *topics, unsigned count, const char *right)
{
    for (unsigned i = 0; i < count; i++) {
        char key[96];
        snprintf(key, sizeof key, "%s[%u]", list, i);
        if (!good_topic(topics[i], strlen(topics[i]))) {
            wrong(c, key, "\"%s\" is no base topic; right would be %s", topics[i], right);
        }
        check_twice(c, key, topics, i);
    }
}

/* + for every topic of one level, or the topic of one Shelly. */
static void check_shelly(struct check *c, const char *list, char *const *topics, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char key[96];
        snprintf(key, sizeof key, "%s[%u]", list, i);
        if (strcmp(topics[i], "+") != 0 && !good_topic(topics[i], strlen(topics[i]))) {
            wrong(c, key, "\"%s\" is no topic prefix; right would be + for all of one level, or attic/shelly for one",
                  topics[i]);
        }
        check_twice(c, key, topics, i);
    }
}

/* wled/+ for all there, TOPIC or TOPIC HOST of one strip. */
static bool good_wled(const char *entry)
{
    size_t len = strcspn(entry, " ");
    const char *host = entry + len + strspn(entry + len, " ");
    struct str text = STR_INIT;
    struct url url;
    if (len > 2 && memcmp(entry + len - 2, "/+", 2) == 0) {
        return entry[len] == 0 && good_topic(entry, len - 2);
    }
    str_printf(&text, "http://%s/", host);
    bool good =
        good_topic(entry, len) && (entry[len] == 0 || (url_parse(str_z(&text), &url) == 0 && !strchr(host, ' ')));
    str_done(&text);
    return good;
}

static void check_wled(struct check *c, const char *list, char *const *topics, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char key[96];
        snprintf(key, sizeof key, "%s[%u]", list, i);
        if (!good_wled(topics[i])) {
            wrong(c, key,
                  "\"%s\" is no topic of WLED; right would be wled/+ for all there, wled/desk for one strip, or "
                  "wled/desk 192.168.1.20 with its host",
                  topics[i]);
        }
        check_twice(c, key, topics, i);
    }
}

static void check_mqtt(struct check *c, const struct config *config, unsigned index)
{
    const struct config_mqtt *mqtt = &config->mqtt[index];
    struct url url;
    char key[64];
    snprintf(key, sizeof key, "mqtt[%u].url", index);
    if (!mqtt->url) {
        wrong(c, key, "is missing; right would be url: mqtt://127.0.0.1:1883");
    } else if (url_parse(mqtt->url, &url) != 0 ||
               (strcmp(url.scheme, "mqtt") != 0 && strcmp(url.scheme, "mqtts") != 0) || strcmp(url.path, "/") != 0) {
        wrong(c, key, "\"%s\" is no broker; right would be mqtt://127.0.0.1:1883 or mqtts://host:8883", mqtt->url);
    }
    snprintf(key, sizeof key, "mqtt[%u].name", index);
    if (mqtt->name && (!*mqtt->name || strlen(mqtt->name) > 64 || strpbrk(mqtt->name, "/ \t"))) {
        wrong(c, key, "\"%s\" is no name; right would be one word, home", mqtt->name);
    }
    for (unsigned i = 0; i < index; i++) {
        if (mqtt->name && config->mqtt[i].name && strcmp(config->mqtt[i].name, mqtt->name) == 0) {
            wrong(c, key, "\"%s\" is the name of another broker; give each its own", mqtt->name);
        }
    }
    snprintf(key, sizeof key, "mqtt[%u].password_file", index);
    check_file(c, key, mqtt->password_file);
    if (mqtt->password_file && !mqtt->username) {
        wrong(c, key, "has no username beside it");
    }
    snprintf(key, sizeof key, "mqtt[%u].ca_file", index);
    check_file(c, key, mqtt->ca_file);
    if (mqtt->ca_file && mqtt->url && strncmp(mqtt->url, "mqtts:", 6) != 0) {
        wrong(c, key, "is for mqtts:// brokers only");
    }
    snprintf(key, sizeof key, "mqtt[%u].zigbee2mqtt", index);
    check_topics(c, key, mqtt->zigbee2mqtt, mqtt->zigbee2mqtt_count, "zigbee2mqtt or home/zigbee2mqtt");
    snprintf(key, sizeof key, "mqtt[%u].homeassistant", index);
    check_topics(c, key, mqtt->homeassistant, mqtt->homeassistant_count, "homeassistant");
    snprintf(key, sizeof key, "mqtt[%u].tasmota", index);
    check_topics(c, key, mqtt->tasmota, mqtt->tasmota_count, "tasmota/discovery");
    snprintf(key, sizeof key, "mqtt[%u].shelly", index);
    check_shelly(c, key, mqtt->shelly, mqtt->shelly_count);
    snprintf(key, sizeof key, "mqtt[%u].shelly1", index);
    check_topics(c, key, mqtt->shelly1, mqtt->shelly1_count, "shellies");
    snprintf(key, sizeof key, "mqtt[%u].wled", index);
    check_wled(c, key, mqtt->wled, mqtt->wled_count);
}

static void check_texts(struct check *c)
{
    c->unreadable = true;
    for (size_t i = 0; i < config_places_count(c->places); i++) {
        const struct config_place *place = config_places_at(c->places, i);
        const struct config_key *key = unreadable(place) ? config_key_of(place->path) : NULL;
        if (place->has_nul) {
            wrong(c, place->path, "has a zero byte in it");
        } else if (key) {
            wrong(c, place->path, "is empty; without the key it is: %s", key->absent);
        }
    }
    c->unreadable = false;
}

static void check_local(struct check *c, const struct config *config)
{
    const struct config_local *l = &config->local;
    struct str host = STR_INIT;
    uint16_t port = 0;
    check_listen(c, "local.listen", l->listen);
    if (strcmp(l->listen, config->public.listen) == 0 && config_split_listen(l->listen, &host, &port) == 0 &&
        port != 0) {
        wrong(c, "local.listen", "is public.listen too; give it a port of its own, 127.0.0.1:8001");
    }
    if (strlen(l->socket) > 100) {
        wrong(c, "local.socket", "is longer than the 100 bytes that a socket's path may have");
    }
    check_hosts(c, "local.names", l->names, l->names_count, "gateway.home");
    str_done(&host);
}

static void check_partner(struct check *c, const struct config_partner *p)
{
    if (p->requests_per_minute < 1 || p->requests_per_minute > 100000) {
        wrong(c, "partner.requests_per_minute", "%u is out of range; right would be 120, or 1 to 100000",
              p->requests_per_minute);
    }
    size_t len = strlen(p->location);
    if (!utf8_valid(p->location, len) || utf8_prefix(p->location, len, 100) < len) {
        wrong(c, "partner.location", "is longer than 100 characters; right would be Home");
    }
    check_hosts(c, "partner.webhook_hosts", p->webhook_hosts, p->webhook_hosts_count, "hub.home or 192.168.1.7");
}

int config_check(const struct config *config, const char *path, const struct config_places *places, bool files,
                 struct str *why)
{
    struct check c = {.file = path, .places = places, .why = why, .files = files};
    check_texts(&c);
    check_public(&c, &config->public);
    check_local(&c, config);
    if (strcmp(config->store.path, config->store.key_file) == 0) {
        wrong(&c, "store.key_file", "is the same file as store.path");
    }
    check_smartthings(&c, &config->smartthings);
    for (unsigned i = 0; i < config->mqtt_count; i++) {
        check_mqtt(&c, config, i);
    }
    if (config->accounts.memory_kib < 1024 || config->accounts.memory_kib > 1048576) {
        wrong(&c, "accounts.memory_kib", "%u is out of range; right would be 19456, or 1024 to 1048576",
              config->accounts.memory_kib);
    }
    if (config->accounts.passes < 1 || config->accounts.passes > 64) {
        wrong(&c, "accounts.passes", "%u is out of range; right would be 2, or 1 to 64", config->accounts.passes);
    }
    check_partner(&c, &config->partner);
    if (config->virtual.lights > 10000) {
        wrong(&c, "virtual.lights", "%u is too many; right would be 0 to 10000", config->virtual.lights);
    }
    return c.count > 0 ? ERR_INVALID : 0;
}
