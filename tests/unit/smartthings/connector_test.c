/* The connector at work: real loop, store, hub, accounts and outbound HTTP against a cloud of sockets in this program,
   which takes each refresh token once. The webhook is called directly: this file provides the three verbs of
   http/http.h that the connector uses. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "fetch/fetch.h"
#include "http/http.h"
#include "hub/hub.h"
#include "loop/loop.h"
#include "oauth/oauth.h"
#include "smartthings/smartthings.h"
#include "store/store.h"

#define LIGHTS 24
#define PATIENCE_MS 20000

/* ---- the webhook's three verbs ---- */

struct http_exchange {
    const char *body;
    int status;
    struct str answer;
};

const char *http_body(const struct http_exchange *x, size_t *ret_len)
{
    *ret_len = strlen(x->body);
    return x->body;
}

static bool caller_gone;

bool http_caller_gone(const struct http_exchange *x)
{
    (void)x;
    return caller_gone;
}

void http_answer(struct http_exchange *x, int status, const char *content_type, struct str *body)
{
    assert_string_equal(content_type, "application/json");
    assert_int_equal(x->status, 0); /* exactly one answer */
    x->status = status;
    str_add(&x->answer, body->data, body->len);
    str_done(body);
}

void http_answer_error(struct http_exchange *x, int status, const char *code, const char *text, unsigned retry_after)
{
    assert_int_equal(x->status, 0);
    assert_true(retry_after > 0);
    x->status = status;
    str_printf(&x->answer, "%s: %s", code, text);
}

/* ---- lamps ---- */

enum lamp_mode { LAMP_REPORTS, LAMP_SILENT };
struct lamp_config {
    int count;
};
struct lamps_self {
    struct driver *driver;
    struct driver_light *lights[LIGHTS];
    struct light_state states[LIGHTS];
    enum lamp_mode mode;
    unsigned applied;
};
static struct lamps_self *lamp_room; /* of the running hub */

static struct driver_light *announce(struct driver *driver, int i)
{
    char address[16], name[16];
    snprintf(address, sizeof address, "lamp/%02d", i);
    snprintf(name, sizeof name, "Lamp %02d", i);
    struct driver_announcement a = {.address = address,
                                    .name = name,
                                    .manufacturer = "Test",
                                    .model = "T1",
                                    .where = "here",
                                    .profile = {LIGHT_ALL, 2000, 6500, LIGHT_KIND_LIGHT},
                                    .has_availability = true};
    return driver_announce(driver, &a);
}

static int lamp_start(struct driver *driver, void *self, const void *config)
{
    const struct lamp_config *c = config;
    lamp_room = self;
    lamp_room->driver = driver;
    for (int i = 0; i < c->count; i++) {
        lamp_room->lights[i] = announce(driver, i);
        assert_non_null(lamp_room->lights[i]);
    }
    return 0;
}

static void lamp_stop(struct driver *driver, void *self)
{
    (void)driver;
    (void)self;
}

static void lamp_attach(void *self, struct driver_light *light, void *light_self)
{
    (void)self;
    (void)light;
    (void)light_self;
}

static void lamp_apply(void *self, struct driver_light *light, void *light_self, struct request_id request,
                       const struct light_state *patch, uint32_t transition_ms)
{
    struct lamps_self *lamps = self;
    (void)light_self;
    (void)transition_ms;
    lamps->applied++;
    if (lamps->mode == LAMP_SILENT) {
        return;
    }
    driver_report(light, patch);
    request_done(lamps->driver, request, 0, BASIS_REPORTED, NULL);
}

static void lamp_cancel(void *self, struct driver_light *light, void *light_self, struct request_id request)
{
    (void)self;
    (void)light;
    (void)light_self;
    (void)request;
}

static const struct driver_ops lamp_ops = {.kind = "lamp",
                                           .driver_size = sizeof(struct lamps_self),
                                           .light_size = 1,
                                           .start = lamp_start,
                                           .stop = lamp_stop,
                                           .attach = lamp_attach,
                                           .detach = lamp_attach,
                                           .apply = lamp_apply,
                                           .cancel = lamp_cancel};

/* A hand on the wall switch. */
static void wall(int i, bool on)
{
    struct light_state s = {.has = LIGHT_ON | LIGHT_LEVEL, .on = on, .level = on ? 5000 : 0};
    driver_report(lamp_room->lights[i], &s);
}

/* ---- the cloud ---- */

enum cloud_answer { CLOUD_OK, CLOUD_DROP_AFTER, CLOUD_DROP_BEFORE, CLOUD_HANG };

struct peer {
    struct world *w;
    struct peer *next;
    struct watch *watch;
    int fd;
    struct str in;
};

struct world {
    struct loop *loop;
    struct timer *pulse; /* of WAIT_FOR */
    struct store *store;
    struct fetch *fetch;
    struct hub *hub;
    struct oauth *oauth;
    struct smartthings *st;
    char path[64];
    uint8_t key[SECRETS_KEY_SIZE], bridge_id[8];
    struct lamp_config lamp_config;
    char access[OAUTH_TOKEN_MAX];
    struct oauth_link *link;

    int listener;
    uint16_t port;
    struct watch *watch;
    struct peer *peers;
    int generation;   /* of the token pair that is good: A<n>, R<n>; 0 none */
    bool access_dead; /* the access token of the pair has expired */
    enum cloud_answer next_token_answer;
    int next_event_status; /* 0: 200 */
    unsigned exchanges, refreshes, posts, refused_posts, discoveries;
    char last_request_id[64], first_refused_id[64];
    struct {
        char id[HUB_LIGHT_ID_SIZE];
        bool known, on, online, deleted;
        unsigned told;
    } picture[LIGHTS * 2];
    size_t pictured;
};

static size_t picture_of(struct world *w, const char *id)
{
    size_t i = 0;
    while (i < w->pictured && strcmp(w->picture[i].id, id) != 0) {
        i++;
    }
    if (i == w->pictured) {
        assert_true(i < LIGHTS * 2);
        snprintf(w->picture[i].id, sizeof w->picture[i].id, "%s", id);
        w->pictured++;
    }
    return i;
}

static void learn(struct world *w, const struct json *root)
{
    for (const struct json *d = json_first(json_get(root, "deviceState")); d; d = json_next(d)) {
        size_t i = picture_of(w, json_get_text(d, "externalDeviceId"));
        w->picture[i].told++;
        w->picture[i].deleted = json_get(d, "deviceError") != NULL;
        for (const struct json *s = json_first(json_get(d, "states")); s; s = json_next(s)) {
            const char *attribute = json_get_text(s, "attribute"), *value = json_get_text(s, "value");
            if (strcmp(attribute, "switch") == 0) {
                w->picture[i].known = true;
                w->picture[i].on = strcmp(value, "on") == 0;
            } else if (strcmp(attribute, "healthStatus") == 0) {
                w->picture[i].online = strcmp(value, "online") == 0;
            }
        }
    }
}

static void cloud_token(struct world *w, const struct json *root, struct str *out, int *ret_status)
{
    const struct json *auth = json_get(root, "callbackAuthentication");
    const char *type = json_get_text(json_get(root, "headers"), "interactionType");
    bool good;
    assert_string_equal(json_get_text(auth, "clientId"), "st-client");
    assert_string_equal(json_get_text(auth, "clientSecret"), "st-secret");
    if (strcmp(type, "refreshAccessTokens") == 0) {
        char expected[16];
        snprintf(expected, sizeof expected, "R%d", w->generation);
        w->refreshes++;
        good = w->generation > 0 && strcmp(json_get_text(auth, "refreshToken"), expected) == 0;
    } else {
        assert_string_equal(type, "accessTokenRequest");
        w->exchanges++;
        good = strncmp(json_get_text(auth, "code"), "code", 4) == 0;
    }
    if (w->next_token_answer == CLOUD_DROP_BEFORE) {
        return;
    }
    if (!good) {
        *ret_status = 400;
        str_add_z(out, "{\"globalError\":{\"errorEnum\":\"INVALID-TOKEN\",\"detail\":\"used\"}}");
        return;
    }
    w->generation++;
    w->access_dead = false;
    str_printf(out,
               "{\"headers\":{\"schema\":\"st-schema\",\"version\":\"1.0\",\"interactionType\":\"accessTokenResponse\","
               "\"requestId\":\"x\"},\"callbackAuthentication\":{\"tokenType\":\"Bearer\",\"accessToken\":\"A%d\","
               "\"refreshToken\":\"R%d\",\"expiresIn\":86400}}",
               w->generation, w->generation);
}

static void cloud_event(struct world *w, const struct json *root, struct str *out, int *ret_status)
{
    const struct json *headers = json_get(root, "headers");
    char expected[16];
    snprintf(expected, sizeof expected, "A%d", w->generation);
    w->posts++;
    snprintf(w->last_request_id, sizeof w->last_request_id, "%s", json_get_text(headers, "requestId"));
    if (w->access_dead || strcmp(json_get_text(json_get(root, "authentication"), "token"), expected) != 0) {
        if (w->refused_posts++ == 0) {
            memcpy(w->first_refused_id, w->last_request_id, sizeof w->first_refused_id);
        }
        *ret_status = 401;
    } else if (w->next_event_status != 0) {
        *ret_status = w->next_event_status;
        w->next_event_status = 0;
    } else if (strcmp(json_get_text(headers, "interactionType"), "discoveryCallback") == 0) {
        w->discoveries++;
    } else {
        learn(w, root);
    }
    str_add_z(out, "{}");
}

static void peer_close(struct peer *p)
{
    struct peer **at = &p->w->peers;
    while (*at != p) {
        at = &(*at)->next;
    }
    *at = p->next;
    watch_free(p->watch);
    close(p->fd);
    str_done(&p->in);
    free(p);
}

static void peer_serve(struct peer *p, const char *body, size_t len)
{
    struct world *w = p->w;
    struct json *root = NULL;
    struct str out = STR_INIT, head = STR_INIT;
    int status = 200;
    bool token = strncmp(p->in.data, "POST /token ", 12) == 0;
    assert_int_equal(json_parse(body, len, len, &root, NULL), 0);
    if (token) {
        cloud_token(w, root, &out, &status);
    } else {
        assert_int_equal(strncmp(p->in.data, "POST /events ", 13), 0);
        cloud_event(w, root, &out, &status);
    }
    json_free(root);
    enum cloud_answer how = token ? w->next_token_answer : CLOUD_OK;
    if (how == CLOUD_HANG) {
        str_done(&out);
        watch_set(p->watch, 0);
        return;
    }
    if (token) {
        w->next_token_answer = CLOUD_OK;
    }
    if (how == CLOUD_OK) {
        str_printf(
            &head,
            "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
            status, out.len);
        str_add(&head, out.data ? out.data : "", out.len);
        assert_int_equal(write(p->fd, head.data, head.len), (ssize_t)head.len);
    }
    str_done(&head);
    str_done(&out);
    peer_close(p);
}

static void peer_readable(void *user, int events)
{
    struct peer *p = user;
    (void)events;
    ssize_t got = read(p->fd, str_reserve(&p->in, 65536), 65536);
    if (got <= 0) {
        peer_close(p);
        return;
    }
    p->in.len += (size_t)got;
    p->in.data[p->in.len] = '\0';
    const char *end = strstr(p->in.data, "\r\n\r\n"), *length = strcasestr(p->in.data, "content-length:");
    if (end && length) {
        size_t need = strtoul(length + 15, NULL, 10), have = p->in.len - (size_t)(end + 4 - p->in.data);
        if (have >= need) {
            peer_serve(p, end + 4, need);
        }
    }
}

static void cloud_accept(void *user, int events)
{
    struct world *w = user;
    (void)events;
    int fd = accept(w->listener, NULL, NULL);
    if (fd >= 0) {
        struct peer *p = mem_alloc(sizeof *p);
        *p = (struct peer){.w = w, .fd = fd, .next = w->peers};
        p->watch = watch_new(w->loop, fd, WATCH_READ, peer_readable, p);
        w->peers = p;
    }
}

static void cloud_open(struct world *w)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(w->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(w->listener, 16), 0);
    assert_int_equal(getsockname(w->listener, (struct sockaddr *)&a, &len), 0);
    w->port = ntohs(a.sin_port);
    w->watch = watch_new(w->loop, w->listener, WATCH_READ, cloud_accept, w);
}

/* ---- the house ---- */

static void nudge(void *user)
{
    (void)user; /* its only use is that the loop turns */
}

/* The pulse is the world's, so that a failure in here does not leave it to a loop that is freed. */
#define WAIT_FOR(w, condition)                                                                                         \
    do {                                                                                                               \
        timer_repeat((w)->pulse, 5);                                                                                   \
        uint64_t wait_from = loop_now((w)->loop);                                                                      \
        while (!(condition) && loop_now((w)->loop) - wait_from < PATIENCE_MS) {                                        \
            loop_turn((w)->loop, true);                                                                                \
        }                                                                                                              \
        timer_stop((w)->pulse);                                                                                        \
        assert_true(condition);                                                                                        \
    } while (0)

static void rest(struct world *w, uint64_t ms)
{
    uint64_t start = loop_now(w->loop);
    WAIT_FOR(w, loop_now(w->loop) - start >= ms);
}

static void house_open(struct world *w)
{
    static const char *const redirects[] = {"https://c2c-us.smartthings.com/oauth/callback", NULL};
    static const struct oauth_client_config client = {.id = "smartthings",
                                                      .secret = "our-secret",
                                                      .display_name = "SmartThings",
                                                      .redirect_uris = redirects,
                                                      .webhook = true};
    static const char *const hosts[] = {"smartthings.com", "127.0.0.1", NULL};
    const struct store_config store_config = {.path = w->path};
    const struct hub_config hub_config = {.bridge_id = w->bridge_id, .deadline_ms = 300};
    const struct oauth_config oauth_config = {.key = w->key, .clients = &client, .client_count = 1, .cost = {8192, 1}};
    const struct smartthings_config config = {"st-client", "st-secret", hosts, 20, SMARTTHINGS_DEVICE_UNAVAILABLE};
    assert_int_equal(store_open(w->loop, &store_config, &w->store), 0);
    assert_int_equal(fetch_new(w->loop, &w->fetch), 0);
    assert_int_equal(oauth_new(w->loop, w->store, &oauth_config, &w->oauth), 0);
    assert_int_equal(hub_new(w->loop, w->store, w->fetch, &hub_config, &w->hub), 0);
    assert_int_equal(smartthings_new(w->loop, w->store, w->fetch, w->hub, w->oauth, &config, &w->st), 0);
    assert_int_equal(hub_add_driver(w->hub, &lamp_ops, "lamp/test", &w->lamp_config), 0);
}

static void house_close(struct world *w)
{
    smartthings_free(w->st);
    hub_free(w->hub);
    oauth_free(w->oauth);
    fetch_free(w->fetch);
    store_close(w->store);
}

struct waiter {
    bool done;
    int result;
    struct world *w;
};

static void on_done(void *user, int result)
{
    struct waiter *waiter = user;
    waiter->done = true;
    waiter->result = result;
}

static void on_tokens(void *user, int result, const struct oauth_tokens *tokens)
{
    struct waiter *waiter = user;
    on_done(user, result);
    if (result == 0) {
        snprintf(waiter->w->access, sizeof waiter->w->access, "%s", tokens->access);
    }
}

static void on_code(void *user, int result, const char *code, struct oauth_link *link)
{
    struct waiter *waiter = user;
    assert_int_equal(result, 0);
    waiter->w->link = link;
    oauth_redeem(waiter->w->oauth, oauth_client_find(waiter->w->oauth, "smartthings"), code, NULL, NULL, on_tokens,
                 waiter);
}

static void make_link(struct world *w)
{
    struct waiter waiter = {.w = w};
    oauth_issue_code(w->oauth, oauth_client_find(w->oauth, "smartthings"),
                     &(struct oauth_grant){.account = "anna",
                                           .redirect_uri = "https://c2c-us.smartthings.com/oauth/callback",
                                           .scope = ""},
                     on_code, &waiter);
    WAIT_FOR(w, waiter.done);
    assert_int_equal(waiter.result, 0);
}

static int setup(void **state)
{
    struct world *w = mem_alloc(sizeof *w);
    struct waiter waiter = {.w = w};
    struct str why = STR_INIT;
    secrets_init();
    log_set_level(LOG_LEVEL_ERROR);
    snprintf(w->path, sizeof w->path, "/tmp/lightbridge-connector-%d", (int)getpid());
    assert_int_equal(mkdtemp(strcat(w->path, "-XXXXXX")) != NULL, 1);
    strcat(w->path, "/store.db");
    memset(w->key, 7, sizeof w->key);
    oauth_bridge_id(w->key, w->bridge_id);
    w->lamp_config.count = LIGHTS - 1;
    assert_int_equal(loop_new(&w->loop), 0);
    w->pulse = timer_new(w->loop, nudge, NULL);
    cloud_open(w);
    house_open(w);
    assert_int_equal(oauth_account_add(w->oauth, "anna", "correct horse", on_done, &waiter, &why), 0);
    WAIT_FOR(w, waiter.done);
    str_done(&why);
    make_link(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    char command[128];
    house_close(w);
    while (w->peers) {
        peer_close(w->peers);
    }
    watch_free(w->watch);
    timer_free(w->pulse);
    close(w->listener);
    loop_free(w->loop);
    *strrchr(w->path, '/') = '\0';
    snprintf(command, sizeof command, "%s", w->path);
    static const char *const files[] = {"store.db", "store.db-wal", "store.db-shm"};
    for (size_t i = 0; i < 3; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%s", command, files[i]);
        unlink(path);
    }
    rmdir(command);
    free(w);
    return 0;
}

/* ---- asking ---- */

/* Posts to the webhook and waits for the answer, which the caller frees. */
static char *ask(struct world *w, const char *document, int *ret_status)
{
    struct http_exchange x = {.body = document};
    smartthings_schema(&x, w->st);
    WAIT_FOR(w, x.status != 0);
    *ret_status = x.status;
    if (x.status != 503) {
        struct json *root = NULL;
        assert_int_equal(json_parse(x.answer.data, x.answer.len, x.answer.len, &root, NULL), 0);
        json_free(root);
    }
    return str_take(&x.answer);
}

static char *interaction(struct world *w, const char *type, const char *rest_of_it)
{
    struct str s = STR_INIT;
    int status;
    str_printf(&s,
               "{\"headers\":{\"schema\":\"st-schema\",\"version\":\"1.0\",\"interactionType\":\"%s\",\"requestId\":"
               "\"Q-1\"},\"authentication\":{\"tokenType\":\"Bearer\",\"token\":\"%s\"}%s}",
               type, w->access, rest_of_it);
    char *answer = ask(w, str_z(&s), &status);
    assert_int_equal(status, 200);
    str_done(&s);
    return answer;
}

static const char *id_of(struct world *w, int i)
{
    struct light_info info;
    struct light *light = NULL;
    char name[16];
    snprintf(name, sizeof name, "Lamp %02d", i);
    assert_int_equal(hub_light_lookup(w->hub, name, &light), 0);
    hub_light_info(light, &info);
    return info.id;
}

#define HAS(answer, text)                                                                                              \
    do {                                                                                                               \
        if (!strstr(answer, text)) {                                                                                   \
            fail_msg("no %s in %s", text, answer);                                                                     \
        }                                                                                                              \
    } while (0)
#define HAS_NOT(answer, text) assert_null(strstr(answer, text))

static char *send_command(struct world *w, int light, const char *capability, const char *command,
                          const char *arguments)
{
    char rest_of_it[512];
    snprintf(rest_of_it, sizeof rest_of_it,
             ",\"devices\":[{\"externalDeviceId\":\"%s\",\"commands\":[{\"component\":\"main\",\"capability\":\"%s\","
             "\"command\":\"%s\",\"arguments\":%s}]}]",
             id_of(w, light), capability, command, arguments);
    return interaction(w, "commandRequest", rest_of_it);
}

static char *grant(struct world *w, const char *client, const char *host)
{
    char rest_of_it[512];
    snprintf(rest_of_it, sizeof rest_of_it,
             ",\"callbackAuthentication\":{\"grantType\":\"authorization_code\",\"scope\":\"callback-access\",\"code\":"
             "\"code\",\"clientId\":\"%s\"},\"callbackUrls\":{\"oauthToken\":\"http://%s:%d/token\",\"stateCallback\":"
             "\"http://%s:%d/events\"}",
             client, host, w->port, host, w->port);
    return interaction(w, "grantCallbackAccess", rest_of_it);
}

static struct smartthings_link_state link_state(struct world *w)
{
    struct smartthings_link_state s;
    smartthings_link_state(w->st, w->link, &s);
    return s;
}

/* Grants, and waits until everything has been told. */
static void be_granted(struct world *w)
{
    char *answer = grant(w, "st-client", "127.0.0.1");
    HAS(answer, "\"interactionType\":\"grantCallbackAccess\"");
    HAS_NOT(answer, "globalError");
    free(answer);
    WAIT_FOR(w,
             link_state(w).callback == SMARTTHINGS_GRANTED && link_state(w).queued == 0 && w->pictured >= LIGHTS - 1);
}

static bool told(struct world *w, int light, bool on)
{
    size_t i = picture_of(w, id_of(w, light));
    return w->picture[i].known && w->picture[i].on == on;
}

static size_t told_all(struct world *w, int from, int to, bool on)
{
    size_t count = 0;
    for (int i = from; i < to; i++) {
        count += told(w, i, on);
    }
    return count;
}

/* ---- tests ---- */

static void test_refusals(void **state)
{
    struct world *w = *state;
    int status;
    char *a =
        ask(w, "{\"headers\":{\"interactionType\":\"commandRequest\",\"requestId\":\"Q\"},\"a\":1,\"a\":2}", &status);
    assert_int_equal(status, 400);
    HAS(a, "BAD-REQUEST");
    free(a);
    a = ask(w, "{\"headers\":{\"interactionType\":\"commandRequest\",\"requestId\":\"Q\"}}", &status);
    assert_int_equal(status, 400);
    HAS(a, "\"requestId\":\"Q\"");
    HAS(a, "\"interactionType\":\"commandResponse\"");
    free(a);
    a = interaction(w, "danceRequest", "");
    HAS(a, "INVALID-INTERACTION-TYPE");
    free(a);
    char kept[OAUTH_TOKEN_MAX];
    memcpy(kept, w->access, sizeof kept);
    snprintf(w->access, sizeof w->access, "garbage");
    a = interaction(w, "discoveryRequest", "");
    HAS(a, "INVALID-TOKEN");
    HAS_NOT(a, "devices");
    free(a);
    memcpy(w->access, kept, sizeof kept);
    a = ask(
        w,
        "{\"headers\":{\"interactionType\":\"interactionResult\",\"requestId\":\"Q\"},\"globalError\":{\"errorEnum\":"
        "\"BAD-RESPONSE\",\"detail\":\"x\"}}",
        &status);
    assert_int_equal(status, 200);
    HAS(a, "\"interactionType\":\"interactionResult\"");
    free(a);
    a = interaction(
        w, "interactionResult",
        ",\"originatingInteractionType\":\"discoveryRequest\",\"globalError\":{\"errorEnum\":\"BAD-RESPONSE\"}");
    free(a);
    HAS(link_state(w).last_error, "BAD-RESPONSE");
    assert_int_equal(smartthings_stats(w->st).malformed, 2);
}

static void test_discovery_and_states(void **state)
{
    struct world *w = *state;
    char *a = interaction(w, "discoveryRequest", ""), rest_of_it[512];
    HAS(a, "\"interactionType\":\"discoveryResponse\",\"requestId\":\"Q-1\"");
    HAS(a, "\"requestGrantCallbackAccess\":true");
    HAS(a, "\"deviceHandlerType\":\"c2c-rgbw-color-bulb\"");
    for (int i = 0; i < LIGHTS - 1; i++) {
        HAS(a, id_of(w, i));
    }
    free(a);
    wall(0, true);
    driver_reachable(lamp_room->lights[1], LIGHT_REACH_OFFLINE);
    rest(w, 20);
    snprintf(rest_of_it, sizeof rest_of_it,
             ",\"devices\":[{\"externalDeviceId\":\"%s\"},{\"externalDeviceId\":\"%s\"},{\"externalDeviceId\":\"%s\"},"
             "{\"externalDeviceId\":\"nobody\"}]",
             id_of(w, 0), id_of(w, 1), id_of(w, 2));
    a = interaction(w, "stateRefreshRequest", rest_of_it);
    HAS(a, "\"attribute\":\"switch\",\"value\":\"on\"");
    HAS(a, "\"attribute\":\"level\",\"value\":50");
    HAS(a, "\"value\":\"offline\"");
    HAS(a, "{\"externalDeviceId\":\"nobody\",\"deviceError\":[{\"errorEnum\":\"DEVICE-DELETED\"");
    /* never heard of: health alone */
    const char *third = strstr(a, id_of(w, 2));
    assert_non_null(third);
    HAS_NOT(third, "st.switch");
    HAS(third, "healthStatus");
    free(a);
}

static void test_commands(void **state)
{
    struct world *w = *state;
    char *a = send_command(w, 0, "st.switchLevel", "setLevel", "[40]"), rest_of_it[1024];
    HAS(a, "\"interactionType\":\"commandResponse\"");
    HAS(a, "\"attribute\":\"level\",\"value\":40");
    HAS(a, "\"attribute\":\"switch\",\"value\":\"on\"");
    HAS(a, "\"value\":\"online\"");
    free(a);
    a = send_command(w, 0, "st.switchLevel", "setLevel", "[101]");
    HAS(a, "RESOURCE-CONSTRAINT-VIOLATION");
    HAS_NOT(a, "states");
    free(a);
    a = send_command(w, 0, "st.lock", "lock", "[]");
    HAS(a, "CAPABILITY-NOT-SUPPORTED");
    free(a);
    /* one device twice is one device; one that is unknown fails alone */
    snprintf(
        rest_of_it, sizeof rest_of_it,
        ",\"devices\":[{\"externalDeviceId\":\"%s\",\"commands\":[{\"capability\":\"st.switch\",\"command\":\"on\"}]},"
        "{\"externalDeviceId\":\"nobody\",\"commands\":[]},"
        "{\"externalDeviceId\":\"%s\",\"commands\":[{\"capability\":\"st.switch\",\"command\":\"off\"}]}]",
        id_of(w, 3), id_of(w, 3));
    unsigned before = lamp_room->applied;
    a = interaction(w, "commandRequest", rest_of_it);
    HAS(a, "DEVICE-DELETED");
    HAS(a, "\"attribute\":\"switch\",\"value\":\"off\"");
    HAS_NOT(a, "\"attribute\":\"switch\",\"value\":\"on\"");
    assert_int_equal(lamp_room->applied, before + 1);
    free(a);
    lamp_room->mode = LAMP_SILENT; /* no answer by the deadline */
    a = send_command(w, 4, "st.switch", "on", "[]");
    HAS(a, "DEVICE-UNAVAILABLE");
    free(a);
    driver_reachable(lamp_room->lights[5], LIGHT_REACH_OFFLINE);
    rest(w, 20);
    a = send_command(w, 5, "st.switch", "on", "[]");
    HAS(a, "DEVICE-UNAVAILABLE");
    free(a);
}

static void test_grant_is_checked(void **state)
{
    struct world *w = *state;
    char *a = grant(w, "somebody", "127.0.0.1");
    HAS(a, "INVALID-CLIENT");
    free(a);
    a = grant(w, "st-client", "127.0.0.2");
    HAS(a, "BAD-REQUEST");
    free(a);
    rest(w, 100);
    assert_int_equal(w->exchanges, 0);
    assert_int_equal(link_state(w).callback, SMARTTHINGS_NONE);
}

static void test_changes_reach_the_cloud(void **state)
{
    struct world *w = *state;
    be_granted(w);
    assert_int_equal(w->exchanges, 1);
    char *a = interaction(w, "discoveryRequest", "");
    HAS_NOT(a, "requestGrantCallbackAccess");
    free(a);
    wall(0, true);
    WAIT_FOR(w, told(w, 0, true));
    /* what the commandResponse said is not said again */
    unsigned before = w->picture[picture_of(w, id_of(w, 1))].told;
    a = send_command(w, 1, "st.switch", "on", "[]");
    HAS(a, "\"value\":\"on\"");
    free(a);
    rest(w, 300);
    assert_int_equal(w->picture[picture_of(w, id_of(w, 1))].told, before);
    driver_reachable(lamp_room->lights[0], LIGHT_REACH_OFFLINE);
    WAIT_FOR(w, !w->picture[picture_of(w, id_of(w, 0))].online);
    driver_reachable(lamp_room->lights[0], LIGHT_REACH_ONLINE);
    WAIT_FOR(w, w->picture[picture_of(w, id_of(w, 0))].online);
    /* busy: later */
    w->next_event_status = 503;
    wall(2, true);
    WAIT_FOR(w, told(w, 2, true));
    /* a light comes: first the list, then its state; a light goes */
    unsigned discoveries = w->discoveries;
    lamp_room->lights[LIGHTS - 1] = announce(lamp_room->driver, LIGHTS - 1);
    wall(LIGHTS - 1, true);
    WAIT_FOR(w, told(w, LIGHTS - 1, true));
    assert_true(w->discoveries > discoveries);
    size_t gone = picture_of(w, id_of(w, LIGHTS - 1)); /* by name it is not found once it is removed */
    driver_withdraw(lamp_room->lights[LIGHTS - 1]);
    WAIT_FOR(w, w->picture[gone].deleted && w->discoveries > discoveries + 1);
    assert_int_equal(smartthings_stats(w->st).queued, 0);
}

/* 20 changes meet an expired token. */
static void test_expired_token(void **state)
{
    struct world *w = *state;
    be_granted(w);
    w->access_dead = true;
    for (int i = 0; i < 20; i++) {
        wall(i, true);
        rest(w, (uint64_t)(i % 3) * 15);
    }
    WAIT_FOR(w, told_all(w, 0, 20, true) == 20);
    assert_int_equal(w->refreshes, 1);
    assert_int_equal(w->refused_posts, 1);
    assert_int_equal(link_state(w).callback, SMARTTHINGS_GRANTED);
    rest(w, 200);
    assert_int_equal(w->refreshes, 1);
}

/* The refresh token was used up, and the answer with its successor never came. */
static void test_lost_answer(void **state)
{
    struct world *w = *state;
    be_granted(w);
    w->access_dead = true;
    w->next_token_answer = CLOUD_DROP_AFTER;
    for (int i = 0; i < 20; i++) {
        wall(i, true);
    }
    WAIT_FOR(w, link_state(w).callback == SMARTTHINGS_NEEDS_GRANT);
    assert_int_equal(w->refreshes, 2); /* the old token was tried once more */
    HAS(link_state(w).last_error, "lost");
    char *a = interaction(w, "discoveryRequest", "");
    HAS(a, "\"requestGrantCallbackAccess\":true");
    free(a);
    be_granted(w);
    WAIT_FOR(w, told_all(w, 0, 20, true) == 20); /* what is in a POST under way is not queued any more */
}

/* The answer to a command is not sent again as a callback: unless nobody was there to hear it. */
static void test_caller_gone(void **state)
{
    struct world *w = *state;
    be_granted(w);
    rest(w, 400);
    for (int i = 0; i < 2; i++) {
        struct str s = STR_INIT;
        unsigned posts = w->posts;
        str_printf(&s,
                   ",\"devices\":[{\"externalDeviceId\":\"%s\",\"commands\":[{\"component\":\"main\",\"capability\":"
                   "\"st.switch\",\"command\":\"%s\",\"arguments\":[]}]}]",
                   id_of(w, 0), i == 0 ? "on" : "off");
        caller_gone = i == 1;
        free(interaction(w, "commandRequest", str_z(&s)));
        caller_gone = false;
        str_done(&s);
        if (i == 0) {
            rest(w, 400);
            assert_int_equal(w->posts, posts);
        } else {
            WAIT_FOR(w, w->posts == posts + 1 && told(w, 0, false));
        }
    }
}

/* The request itself was lost: the old token is still good. */
static void test_lost_request(void **state)
{
    struct world *w = *state;
    be_granted(w);
    w->access_dead = true;
    w->next_token_answer = CLOUD_DROP_BEFORE;
    wall(0, true);
    WAIT_FOR(w, link_state(w).last_error[0] != '\0');
    char *a = interaction(w, "discoveryRequest", ""); /* at this moment there is no token that could be used */
    HAS(a, "\"requestGrantCallbackAccess\":true");
    free(a);
    WAIT_FOR(w, told(w, 0, true));
    assert_int_equal(w->refreshes, 2);
    assert_int_equal(link_state(w).callback, SMARTTHINGS_GRANTED);
    a = interaction(w, "discoveryRequest", "");
    HAS_NOT(a, "requestGrantCallbackAccess");
    free(a);
}

static void reopen(struct world *w)
{
    char id[OAUTH_LINK_ID_SIZE * 2 + 1];
    struct oauth_link_info info;
    oauth_link_info(w->link, &info);
    memcpy(id, info.id, sizeof id);
    house_close(w);
    house_open(w);
    w->link = oauth_link_find(w->oauth, id);
    assert_non_null(w->link);
}

/* The end came right after the refresh was sent. `used`: the cloud had acted on it. */
static void crash(struct world *w, bool used)
{
    be_granted(w);
    w->access_dead = true;
    w->next_token_answer = CLOUD_HANG;
    wall(0, true);
    WAIT_FOR(w, w->refreshes == 1);
    if (!used) {
        w->generation--;
        w->access_dead = true;
    }
    w->next_token_answer = CLOUD_OK;
    memset(w->picture, 0, sizeof w->picture);
    w->pictured = 0;
    reopen(w);
    assert_int_equal(link_state(w).callback, SMARTTHINGS_REFRESHING);
    for (int i = 0; i < LIGHTS - 1; i++) {
        wall(i, i % 2 == 0);
    }
}

static void test_crash_before_it_arrived(void **state)
{
    struct world *w = *state;
    crash(w, false);
    WAIT_FOR(w, told(w, 0, true) && told(w, 1, false) && told(w, 20, true));
    assert_int_equal(w->refreshes, 2);
    assert_int_equal(link_state(w).callback, SMARTTHINGS_GRANTED);
}

static void test_crash_after_it_arrived(void **state)
{
    struct world *w = *state;
    crash(w, true);
    WAIT_FOR(w, link_state(w).callback == SMARTTHINGS_NEEDS_GRANT);
    assert_int_equal(w->refreshes, 2);
    reopen(w); /* it stays so */
    assert_int_equal(link_state(w).callback, SMARTTHINGS_NEEDS_GRANT);
    for (int i = 0; i < LIGHTS - 1; i++) {
        wall(i, i % 2 == 0);
    }
    be_granted(w);
    WAIT_FOR(w, told(w, 0, true) && told(w, 1, false) && told(w, 20, true));
}

static void test_tokens_survive(void **state)
{
    struct world *w = *state;
    be_granted(w);
    reopen(w);
    assert_int_equal(link_state(w).callback, SMARTTHINGS_GRANTED);
    wall(3, true);
    WAIT_FOR(w, told(w, 3, true));
    assert_int_equal(w->exchanges, 1);
    assert_int_equal(w->refreshes, 0);
}

static void test_deleted(void **state)
{
    struct world *w = *state;
    be_granted(w);
    char *a = interaction(w, "integrationDeleted", "");
    HAS(a, "\"interactionType\":\"integrationDeleted\"");
    HAS_NOT(a, "globalError");
    free(a);
    a = interaction(w, "integrationDeleted", ""); /* the answer was lost, it is asked again */
    HAS_NOT(a, "globalError");
    free(a);
    a = interaction(w, "discoveryRequest", "");
    HAS(a, "INTEGRATION-DELETED");
    free(a);
    unsigned posts = w->posts;
    wall(0, true);
    rest(w, 200);
    assert_int_equal(w->posts, posts);
    reopen(w);
    assert_int_equal(link_state(w).callback, SMARTTHINGS_NONE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_refusals),
        T(test_discovery_and_states),
        T(test_commands),
        T(test_grant_is_checked),
        T(test_changes_reach_the_cloud),
        T(test_expired_token),
        T(test_lost_answer),
        T(test_lost_request),
        T(test_caller_gone),
        T(test_crash_before_it_arrived),
        T(test_crash_after_it_arrived),
        T(test_tokens_survive),
        T(test_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
