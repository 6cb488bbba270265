/* A house with the local side over it, asked through a real control socket. */
#ifndef LOCAL_RIG_H
#define LOCAL_RIG_H

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/json.h"
#include "http/http.h"
#include "local/local.h"
#include "oauth/oauth.h"
#include "unit/hub/fake_driver.h"

struct rig {
    struct house house;
    struct oauth *oauth;
    struct local *local;
    struct http *http;
    void *contexts[1];
    const char *health, *trouble;
    char socket[64];
    struct str got; /* the whole answer */
    int status;
    const char *body;
    struct json *json; /* of the body; NULL where it is none */
};

static const struct http_route rig_routes[] = {
    {"GET", "/", HTTP_CONTROL, HTTP_OPEN, 0, local_page, 0},
    {"GET", "/metrics", HTTP_CONTROL, HTTP_OPEN, 0, local_metrics, 0},
    {"GET", "/control/status", HTTP_CONTROL, HTTP_OPEN, 0, local_status, 0},
    {"GET", "/control/lights", HTTP_CONTROL, HTTP_OPEN, 0, local_lights, 0},
    {"POST", "/control/light", HTTP_CONTROL, HTTP_OPEN, LOCAL_MAX_BODY, local_light, 0},
    {"GET", "/control/links", HTTP_CONTROL, HTTP_OPEN, 0, local_links, 0},
    {"POST", "/control/unlink", HTTP_CONTROL, HTTP_OPEN, LOCAL_MAX_BODY, local_unlink, 0},
    {"GET", "/control/accounts", HTTP_CONTROL, HTTP_OPEN, 0, local_accounts, 0},
    {"POST", "/control/accounts", HTTP_CONTROL, HTTP_OPEN, LOCAL_MAX_BODY, local_account_change, 0},
    {"GET", "/control/clients", HTTP_CONTROL, HTTP_OPEN, 0, local_clients, 0},
    {"POST", "/control/clients", HTTP_CONTROL, HTTP_OPEN, LOCAL_MAX_BODY, local_client_change, 0},
    {"POST", "/control/discover", HTTP_CONTROL, HTTP_OPEN, LOCAL_MAX_BODY, local_discover, 0},
};

static void rig_store(void *user, const char **ret_health, const char **ret_trouble, bool *ret_key)
{
    const struct rig *r = user;
    *ret_health = r->health;
    *ret_trouble = r->trouble;
    *ret_key = true;
}

static const uint8_t rig_key[SECRETS_KEY_SIZE] = {7};
static const char *const rig_redirects[] = {"https://cloud.example/callback", NULL};
static const struct oauth_client_config rig_client = {
    .id = "smartthings", .secret = "secret", .display_name = "SmartThings", .redirect_uris = rig_redirects};

static void rig_open(struct rig *r)
{
    struct str why = STR_INIT;
    memset(r, 0, sizeof *r);
    r->health = "ok";
    r->trouble = "";
    house_open(&r->house);
    assert_int_equal(oauth_new(r->house.loop, r->house.store,
                               &(struct oauth_config){.key = rig_key,
                                                      .clients = &rig_client,
                                                      .client_count = 1,
                                                      .cost = {8, 1}}, /* the cheapest there is: only speed */
                               &r->oauth),
                     0);
    assert_int_equal(local_new(r->house.loop, r->house.hub, r->oauth, NULL,
                               &(struct local_sources){.user = r, .store = rig_store}, &r->local),
                     0);
    r->contexts[0] = r->local;
    assert_int_equal(http_new(r->house.loop,
                              &(struct http_config){.routes = rig_routes,
                                                    .route_count = sizeof rig_routes / sizeof rig_routes[0],
                                                    .contexts = r->contexts},
                              &r->http),
                     0);
    local_set_http(r->local, r->http);
    (void)snprintf(r->socket, sizeof r->socket, "/tmp/local_test_%d.sock", (int)getpid());
    assert_int_equal(http_listen(r->http, &(struct http_listen){.listener = HTTP_CONTROL, .address = r->socket}, &why),
                     0);
}

static inline void rig_close(struct rig *r)
{
    http_free(r->http);
    local_free(r->local);
    oauth_free(r->oauth);
    house_close(&r->house);
    json_free(r->json);
    str_done(&r->got);
}

/* One request and its answer, which is in got, status, body and json until the next one. */
static void rig_ask(struct rig *r, const char *method, const char *path, const char *body)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct str request = STR_INIT;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", r->socket);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    str_printf(&request, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method, path);
    if (body) {
        str_printf(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    } else {
        str_add_z(&request, "\r\n");
    }
    assert_int_equal(write(fd, request.data, request.len), (ssize_t)request.len);
    str_done(&request);
    str_clear(&r->got);
    for (int turns = 0;; turns++) {
        char bytes[4096];
        struct pollfd p = {fd, POLLIN, 0};
        loop_turn(r->house.loop, false);
        if (poll(&p, 1, 1) > 0) {
            ssize_t n = read(fd, bytes, sizeof bytes);
            if (n <= 0) {
                break;
            }
            str_add(&r->got, bytes, (size_t)n);
        }
        assert_true(turns < 20000);
    }
    close(fd);
    const char *end = strstr(str_z(&r->got), "\r\n\r\n");
    assert_non_null(end);
    r->body = end + 4;
    r->status = (int)strtol(str_z(&r->got) + strlen("HTTP/1.1 "), NULL, 10);
    json_free(r->json);
    r->json = NULL;
    (void)json_parse(r->body, strlen(r->body), SIZE_MAX, &r->json, NULL);
}

#endif
