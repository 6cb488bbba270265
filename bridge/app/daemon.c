#include "app/daemon.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "account/account.h"
#include "app/installation.h"
#include "app/notify.h"
#include "app/routes.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"
#include "fetch/fetch.h"
#include "http/http.h"
#include "hub/hub.h"
#include "local/local.h"
#include "loop/loop.h"
#include "mqtt/mqtt.h"
#include "oauth/oauth.h"
#include "oauth/scope.h"
#include "oauth/trace.h"
#include "partner/partner.h"
#include "smartthings/smartapp.h"
#include "smartthings/smartthings.h"
#include "store/store.h"
#include "virtual/virtual.h"

#define DEMO_LIGHTS 3u
#define MAX_DESCRIPTORS 8192u /* asked of the system */

struct broker {
    struct mqtt_config config;
    struct url url;
    struct str password;
    char *name; /* of the instance: "mqtt/home" */
};

struct daemon {
    const struct config *config;
    struct loop *loop;
    struct installation in;
    int claim; /* on the store's file; -1: none */
    struct str client_secret, callback_secret;
    const char **redirects, **callback_hosts, **webhook_hosts; /* lists that rooms borrow */
    struct fetch *fetch;
    struct hub *hub;
    struct oauth *oauth;
    struct smartthings *smartthings;
    struct smartapp *smartapp;    /* NULL: not configured */
    const char *app_redirects[2]; /* of its login at ourselves */
    struct str app_secret, provider_secret, target_url, authorize_url;
    struct account *account;
    struct partner *partner;
    struct local *local;
    struct http *http;
    struct http_health health;
    struct str instance; /* drawn at each start: a backup on another machine has the same ids, but not this */
    void *contexts[CONTEXT_COUNT];
    struct broker *brokers;
    struct twins *twins; /* lamps behind all of them */
    struct virtual_config demo;
    struct signal_watch *terminate, *interrupt;
    struct timer *watchdog;
    bool asked; /* the store's thread, for a sign of life */
};

/* ---- small things others ask of the whole ---- */

static const char *trouble(void *user)
{
    struct daemon *d = user;
    /* Lost at the start stays so until a restart; a full disk comes and goes. */
    const char *said = d->in.has_key ? store_trouble(d->in.store) : str_z(&d->in.trouble);
    if (*said || !d->oauth || oauth_trouble(d->oauth) == 0) {
        return said;
    }
    return "accounts or links are damaged in the store and were left untouched: bring back a backup with 'lightbridge "
           "restore FILE', or give them up with 'lightbridge store reset'";
}

/* What strangers may know of it: no file of this machine, no command of its owner. */
static const char *public_trouble(struct daemon *d)
{
    if (!d->in.has_key) {
        return "the key that tokens are made with is missing, or not this installation's; the log of the bridge says "
               "which file, and what to do";
    }
    const char *said = store_trouble_public(d->in.store);
    if (*said || !d->oauth || oauth_trouble(d->oauth) == 0) {
        return said;
    }
    return "accounts or links are damaged in the store and were left untouched; the log of the bridge says what to do";
}

static const char *tell_health(void *user, unsigned listener)
{
    struct daemon *d = user;
    return listener == HTTP_PUBLIC ? public_trouble(d) : trouble(d);
}

static void tell_store(void *user, const char **ret_health, const char **ret_trouble, bool *ret_key)
{
    struct daemon *d = user;
    *ret_health = store_health_text(store_health(d->in.store));
    *ret_trouble = trouble(d);
    *ret_key = d->in.has_key;
}

static void tell_metrics(void *user, struct str *out)
{
    struct daemon *d = user;
    const struct store_stats s = store_stats(d->in.store);
    const struct {
        const char *name, *help;
        unsigned long long value;
    } rows[] = {
        {"lightbridge_store_commits_total", "Transactions that reached the disk.", s.commits},
        {"lightbridge_store_batches_total", "Batches of writes.", s.batches},
        {"lightbridge_store_failures_total", "Batches that failed.", s.failures},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        str_printf(out, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", rows[i].name, rows[i].help, rows[i].name,
                   rows[i].name, rows[i].value);
    }
    str_printf(out,
               "# HELP lightbridge_store_slowest_commit_seconds Longest commit since the start.\n"
               "# TYPE lightbridge_store_slowest_commit_seconds gauge\nlightbridge_store_slowest_commit_seconds %.6f\n",
               (double)s.slowest_us / 1e6);
    partner_metrics(d->partner, out);
}

static void local_login(void *user, const char *name, const char *password, const char *source,
                        void (*answer)(void *token, int result), void *token)
{
    struct daemon *d = user;
    oauth_login(d->oauth, &(struct oauth_login){.name = name, .password = password, .source = source, .side = "local"},
                answer, token);
}

/* The scope that a route wants, against that of the token's link. */
static int judge_bearer(void *user, const char *token, enum http_auth wanted, const char **ret_scope, void **ret_caller)
{
    struct daemon *d = user;
    struct oauth_link *link = NULL;
    unsigned scope = wanted == HTTP_TOKEN_READ ? SCOPE_READ : SCOPE_CONTROL;
    *ret_scope = scope_text(scope);
    int err = oauth_verify(d->oauth, token, loop_wall_ms(), &link);
    if (err == 0 && !oauth_link_allows(link, scope)) {
        err = ERR_UNSUPPORTED;
    }
    if (err == 0) {
        *ret_caller = link;
    }
    return err;
}

static void end(void *user, int number)
{
    struct daemon *d = user;
    log_info("app", "%s: stopping", strsignal(number));
    notify_send("STOPPING=1");
    loop_stop(d->loop);
}

/* Back on the loop from the store's thread: both are alive. A store that refuses is alive too, and no restart mends it.
 */
static void on_sign_of_life(void *user, int result)
{
    struct daemon *d = user;
    (void)result;
    d->asked = false;
    notify_send("WATCHDOG=1");
}

static void ask_for_life(void *user)
{
    struct daemon *d = user;
    if (!d->asked) { /* one question at a time, however long its answer takes */
        d->asked = true;
        store_ask(d->in.store, on_sign_of_life, d);
    }
}

/* ---- opening ---- */

static int read_secret(const char *path, struct str *secret)
{
    struct str why = STR_INIT;
    if (!path) {
        return 0;
    }
    char *real = config_secret_path(path);
    int err = file_read_secret(real, secret, &why);
    if (err != 0) {
        log_error("app", "%s", str_z(&why));
    }
    str_done(&why);
    free(real);
    return err;
}

/* A NULL-terminated copy of a counted list; the caller frees the list alone. */
static const char **list_of(char *const *list, unsigned count)
{
    const char **copy = mem_array(count + 1, sizeof *copy);
    for (unsigned i = 0; i < count; i++) {
        copy[i] = list[i];
    }
    return copy;
}

static int open_oauth(struct daemon *d)
{
    const struct config_smartthings *st = &d->config->smartthings;
    d->redirects = list_of(st->redirect_uris, st->redirect_uris_count);
    int err = read_secret(st->client_secret_file, &d->client_secret);
    if (!st->client_secret_file) {
        log_warn("oauth", "client %s has no secret: it cannot obtain tokens", st->client_id);
    }
    if (err == 0) {
        err = read_secret(st->callback_client_secret_file, &d->callback_secret);
    }
    if (err == 0) {
        const struct config_smartapp *app = st->smartapp;
        d->app_redirects[0] = app ? app->provider.redirect_uri : NULL;
        const struct oauth_client_config clients[] = {
            {
                .id = st->client_id,
                .secret = st->client_secret_file ? str_z(&d->client_secret) : NULL,
                .display_name = "SmartThings",
                .redirect_uris = d->redirects,
                .webhook = true,
            },
            {
                .id = app ? app->provider.client_id : NULL,
                .display_name = "SmartThings (SmartApp)",
                .redirect_uris = d->app_redirects,
                .smartapp = true,
            }};
        const struct oauth_config config = {
            .key = d->in.has_key ? d->in.key : NULL,
            .clients = clients,
            .client_count = app && !app->provider.authorize_url ? 2 : 1,
            .cost = config_password_cost(d->config),
            .callback_id = st->callback_client_id,
            .callback_secret = st->callback_client_secret_file ? str_z(&d->callback_secret) : NULL,
            .public_url = d->config->public.url,
        };
        err = oauth_new(d->loop, d->in.store, &config, &d->oauth);
    }
    return err;
}

static int open_smartthings(struct daemon *d)
{
    const struct config_smartthings *st = &d->config->smartthings;
    const char **hosts = list_of(st->callback_hosts, st->callback_hosts_count);
    int err = smartthings_new(
        d->loop, d->in.store, d->fetch, d->hub, d->oauth,
        &(struct smartthings_config){
            .callback_client_id = st->callback_client_id,
            .callback_client_secret = st->callback_client_secret_file ? str_z(&d->callback_secret) : NULL,
            .callback_hosts = hosts,
            .offline_error = st->offline_error == CONFIG_DEVICE_OFFLINE ? SMARTTHINGS_DEVICE_OFFLINE
                                                                        : SMARTTHINGS_DEVICE_UNAVAILABLE},
        &d->smartthings);
    d->callback_hosts = hosts;
    return err;
}

static int open_smartapp(struct daemon *d)
{
    const struct config_smartapp *app = d->config->smartthings.smartapp;
    const char *url = d->config->public.url;
    if (!app) {
        return 0;
    }
    int err = read_secret(app->client_secret_file, &d->app_secret);
    if (err == 0) {
        err = read_secret(app->provider.client_secret_file, &d->provider_secret);
    }
    struct url public = {0};
    if (url && url_parse(url, &public) == 0) {
        url_origin(&d->target_url, &public);
        url_origin(&d->authorize_url, &public);
    }
    str_add_z(&d->target_url, "/smartthings/smartapp");
    str_add_z(&d->authorize_url, "/oauth/authorize");
    const struct config_profiles *profiles = &app->profiles;
    const struct config_provider *provider = &app->provider;
    const struct smartapp_config config = {
        .app_id = app->app_id,
        .client_id = app->client_id,
        .client_secret = app->client_secret_file ? str_z(&d->app_secret) : NULL,
        .target_url = str_z(&d->target_url),
        .authorize_url = str_z(&d->authorize_url),
        .api_url = app->api_url,
        .key_url = app->key_url,
        .token_url = app->token_url,
        .hosts = d->callback_hosts,
        .profiles = {[SMARTAPP_PROFILE_COLOR_TEMPERATURE_AND_COLOR] = profiles->color_temperature_and_color,
                     [SMARTAPP_PROFILE_COLOR] = profiles->color,
                     [SMARTAPP_PROFILE_COLOR_TEMPERATURE] = profiles->color_temperature,
                     [SMARTAPP_PROFILE_DIMMER] = profiles->dimmer,
                     [SMARTAPP_PROFILE_SWITCH] = profiles->switches},
        .provider = {.name = provider->name,
                     .authorize_url = provider->authorize_url,
                     .token_url = provider->token_url,
                     .client_id = provider->client_id,
                     .client_secret = provider->client_secret_file ? str_z(&d->provider_secret) : NULL,
                     .scope = provider->scope,
                     .redirect_uri = provider->redirect_uri,
                     .basic = provider->basic != 0,
                     .json = provider->json != 0},
        .key = d->in.has_key ? d->in.key : NULL};
    return err != 0 ? err : smartapp_new(d->loop, d->in.store, d->fetch, d->hub, d->oauth, &config, &d->smartapp);
}

static int open_partner(struct daemon *d)
{
    const struct config_partner *c = &d->config->partner;
    d->webhook_hosts = list_of(c->webhook_hosts, c->webhook_hosts_count);
    return partner_new(d->loop, d->in.store, d->fetch, d->hub, d->oauth,
                       &(struct partner_config){.location = c->location,
                                                .requests_per_minute = c->requests_per_minute,
                                                .webhook_hosts = d->webhook_hosts,
                                                .bridge_id = d->in.bridge_id,
                                                .key = d->in.has_key ? d->in.key : NULL},
                       &d->partner);
}

static int open_rooms(struct daemon *d)
{
    const struct config *c = d->config;
    int err = fetch_new(d->loop, &d->fetch);
    if (err == 0) {
        err = hub_new(d->loop, d->in.store, d->fetch,
                      &(struct hub_config){.expose_switches = c->lights.expose_switches,
                                           .expose_groups = c->lights.expose_groups,
                                           .bridge_id = d->in.bridge_id},
                      &d->hub);
    }
    if (err == 0) {
        err = open_oauth(d);
    }
    if (err == 0) {
        err = open_smartthings(d);
    }
    if (err == 0) {
        err = open_smartapp(d);
    }
    if (err == 0) {
        err = account_new(d->loop, d->oauth, &(struct account_config){.public_url = c->public.url}, &d->account);
    }
    if (err == 0) {
        err = open_partner(d);
    }
    if (err == 0) {
        const struct local_sources sources = {d, tell_store, str_z(&d->instance), tell_metrics};
        err = local_new(d->loop, d->hub, d->oauth, d->smartthings, &sources, &d->local);
    }
    if (err != 0) {
        log_error("app", "cannot start: %s", err_text(err));
    }
    return err;
}

static int listen_on(struct daemon *d, const struct http_listen *listen)
{
    struct str why = STR_INIT;
    int err = http_listen(d->http, listen, &why);
    if (err != 0) {
        log_error("http", "%s", str_z(&why));
    }
    str_done(&why);
    return err;
}

/* Who may enter it may not yet open the socket: that is the socket's own permission. */
static int make_socket_directory(const char *socket)
{
    struct str why = STR_INIT;
    int err = installation_make_directory(socket, 0755, &why);
    if (err != 0) {
        log_error("http", "%s", str_z(&why));
    }
    str_done(&why);
    return err;
}

static int open_listeners(struct daemon *d)
{
    const struct config *c = d->config;
    const char **names = list_of(c->local.names, c->local.names_count);
    const char **proxies = list_of(c->public.trusted_proxies, c->public.trusted_proxies_count);
    struct http_tls tls = {0};
    if (c->public.tls) {
        tls = (struct http_tls){c->public.tls->certificate_file, c->public.tls->key_file};
    }
    d->health = (struct http_health){tell_health, d, str_z(&d->instance)};
    d->contexts[CONTEXT_HEALTH] = &d->health;
    d->contexts[CONTEXT_ACCOUNT] = d->account;
    d->contexts[CONTEXT_SMARTTHINGS] = d->smartthings;
    d->contexts[CONTEXT_SMARTAPP] = d->smartapp;
    d->contexts[CONTEXT_PARTNER] = d->partner;
    d->contexts[CONTEXT_LOCAL] = d->local;
    int err = make_socket_directory(c->local.socket);
    if (err == 0) {
        err = http_new(d->loop,
                       &(struct http_config){.routes = routes,
                                             .route_count = route_count,
                                             .contexts = d->contexts,
                                             .login = local_login,
                                             .bearer = judge_bearer,
                                             .user = d},
                       &d->http);
    }
    const struct http_listen wanted[] = {
        {HTTP_CONTROL, c->local.socket, NULL, NULL, NULL}, /* first: it says when another daemon runs */
        {HTTP_LOCAL, c->local.listen, NULL, names, NULL},
        {HTTP_PUBLIC, c->public.listen, c->public.tls ? &tls : NULL, NULL, proxies},
    };
    for (size_t i = 0; err == 0 && i < sizeof wanted / sizeof wanted[0]; i++) {
        err = listen_on(d, &wanted[i]);
    }
    if (err == 0) {
        local_set_http(d->local, d->http);
        log_info("http", "public port %u (%s), local page http://127.0.0.1:%u/, control %s",
                 http_port(d->http, HTTP_PUBLIC), c->public.tls ? "https" : "http", http_port(d->http, HTTP_LOCAL),
                 c->local.socket);
    }
    free(names);
    free(proxies);
    return err;
}

static int open_broker(struct daemon *d, unsigned index)
{
    const struct config_mqtt *m = &d->config->mqtt[index];
    struct broker *b = &d->brokers[index];
    struct str name = STR_INIT;
    int err = url_parse(m->url, &b->url);
    if (err == 0) {
        err = read_secret(m->password_file, &b->password);
    }
    if (err != 0) {
        return err;
    }
    str_printf(&name, "mqtt/%s", m->name);
    b->name = str_take(&name);
    b->config = (struct mqtt_config){.host = b->url.host,
                                     .port = b->url.port,
                                     .tls = strcmp(b->url.scheme, "mqtts") == 0,
                                     .username = m->username,
                                     .password = m->password_file ? str_z(&b->password) : NULL,
                                     .ca_file = m->ca_file,
                                     .optimistic = m->optimistic != 0,
                                     .twins = d->twins,
                                     .zigbee2mqtt = list_of(m->zigbee2mqtt, m->zigbee2mqtt_count),
                                     .homeassistant = list_of(m->homeassistant, m->homeassistant_count),
                                     .homeassistant_birth = m->homeassistant_birth != 0,
                                     .tasmota = list_of(m->tasmota, m->tasmota_count),
                                     .shelly = list_of(m->shelly, m->shelly_count),
                                     .shelly1 = list_of(m->shelly1, m->shelly1_count),
                                     .wled = list_of(m->wled, m->wled_count)};
    return hub_add_driver(d->hub, &mqtt_driver, b->name, &b->config);
}

static int open_drivers(struct daemon *d, bool demo)
{
    int err = 0;
    d->brokers = mem_array(d->config->mqtt_count, sizeof *d->brokers);
    d->twins = twins_new();
    d->demo.lights = d->config->virtual.lights > 0 ? d->config->virtual.lights : demo ? DEMO_LIGHTS : 0;
    if (d->demo.lights > 0) {
        err = hub_add_driver(d->hub, &virtual_driver, "virtual", &d->demo);
    }
    for (unsigned i = 0; err == 0 && i < d->config->mqtt_count; i++) {
        err = open_broker(d, i);
    }
    if (err != 0) {
        log_error("app", "a driver cannot start: %s", err_text(err));
    }
    return err;
}

static void open_signals(struct daemon *d)
{
    uint64_t period = notify_watchdog_ms();
    d->terminate = signal_watch_new(d->loop, SIGTERM, end, d);
    d->interrupt = signal_watch_new(d->loop, SIGINT, end, d);
    if (period > 0) {
        d->watchdog = timer_new(d->loop, ask_for_life, d);
        timer_repeat(d->watchdog, period);
    }
}

/* ---- closing: what answers goes first, what is answered from goes last ---- */

static void close_all(struct daemon *d)
{
    signal_watch_free(d->terminate);
    signal_watch_free(d->interrupt);
    timer_free(d->watchdog);
    http_free(d->http);
    local_free(d->local);
    partner_free(d->partner);
    smartapp_free(d->smartapp);
    smartthings_free(d->smartthings);
    if (d->oauth) {
        oauth_trace_keep(d->oauth);
    }
    oauth_free(d->oauth);
    account_free(d->account); /* after the oauth, which tells it that nothing more comes */
    hub_free(d->hub);
    twins_free(d->twins);
    fetch_free(d->fetch);
    installation_close(&d->in);
    installation_release(d->claim);
    for (unsigned i = 0; d->brokers && i < d->config->mqtt_count; i++) {
        struct broker *b = &d->brokers[i];
        secrets_wipe(b->password.data, b->password.len);
        str_done(&b->password);
        free((void *)(uintptr_t)b->config.zigbee2mqtt);
        free((void *)(uintptr_t)b->config.homeassistant);
        free((void *)(uintptr_t)b->config.tasmota);
        free((void *)(uintptr_t)b->config.shelly);
        free((void *)(uintptr_t)b->config.shelly1);
        free((void *)(uintptr_t)b->config.wled);
        free(b->name);
    }
    free(d->brokers);
    free(d->redirects);
    free(d->callback_hosts);
    free(d->webhook_hosts);
    secrets_wipe(d->client_secret.data, d->client_secret.len);
    secrets_wipe(d->callback_secret.data, d->callback_secret.len);
    str_done(&d->instance);
    str_done(&d->client_secret);
    str_done(&d->callback_secret);
    secrets_wipe(d->app_secret.data, d->app_secret.len);
    secrets_wipe(d->provider_secret.data, d->provider_secret.len);
    str_done(&d->app_secret);
    str_done(&d->provider_secret);
    str_done(&d->target_url);
    str_done(&d->authorize_url);
    loop_free(d->loop);
}

/* Thousands of callers at once are thousands of descriptors; the HTTP listeners make room by what they find. */
static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < MAX_DESCRIPTORS) {
        limit.rlim_cur = limit.rlim_max < MAX_DESCRIPTORS ? limit.rlim_max : MAX_DESCRIPTORS;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    (void)mallopt(M_ARENA_MAX, 2);  /* few threads, one of them busy: an arena each would be memory for nothing */
    (void)signal(SIGXFSZ, SIG_IGN); /* a file limit is a full disk to the store, not the end */
}

/* Two daemons on one store would each answer from a memory of which the other knows nothing. */
static int open_installation(struct daemon *d, struct str *why)
{
    const char *path = d->config->store.path;
    int err = installation_claim(path, true, &d->claim, why);
    if (err == 0) {
        err = installation_open(d->loop, &d->config->store, &d->in, why);
    }
    if (err == 0) {
        err = installation_claim_again(path, true, &d->claim, why);
    }
    return err;
}

int daemon_main(const struct config *config, bool demo)
{
    struct daemon d = {.config = config, .claim = -1};
    struct str why = STR_INIT;
    raise_limits();
    secrets_random_text(&d.instance, 12);
    int err = loop_new(&d.loop);
    if (err == 0) {
        err = open_installation(&d, &why);
    }
    if (err != 0) {
        log_error("app", "cannot start: %s", why.len > 0 ? str_z(&why) : err_text(err));
    } else if (strcmp(str_z(&d.in.trouble), store_trouble(d.in.store)) != 0) { /* that, the store has logged */
        log_error("app", "%s", str_z(&d.in.trouble));
    }
    str_done(&why);
    if (err == 0) {
        err = open_rooms(&d);
    }
    if (err == 0) {
        err = open_listeners(&d);
    }
    if (err == 0) {
        err = open_drivers(&d, demo);
    }
    if (err == 0) {
        open_signals(&d);
        log_info("app", "lightbridge " LIGHTBRIDGE_VERSION " is ready");
        notify_send("READY=1");
        loop_run(d.loop);
    }
    close_all(&d);
    return err;
}
