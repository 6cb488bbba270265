/* The OAuth endpoints behind a real listener on loopback, and a browser that writes its requests by hand. */
#ifndef TEST_ACCOUNT_BROWSER_H
#define TEST_ACCOUNT_BROWSER_H

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "account/account_internal.h"
#include "base/mem.h"
#include "http/http.h"
#include "unit/oauth/rig.h"

struct site {
    struct rig *rig;
    struct http *http;
    struct account *account;
    const char *public_url;
    char cookie[64]; /* as the browser keeps it: "name=value", "" for none */
    struct str page; /* the last answer, with its head */
    int status;
};

static const struct http_route site_routes[] = {
    {"GET", "/oauth/authorize", HTTP_PUBLIC, HTTP_OPEN, 0, account_authorize, 0},
    {"GET", "/oauth/login", HTTP_PUBLIC, HTTP_OPEN, 0, account_login_page, 0},
    {"POST", "/oauth/login", HTTP_PUBLIC, HTTP_OPEN, 16384, account_login, 0},
    {"GET", "/oauth/consent", HTTP_PUBLIC, HTTP_OPEN, 0, account_consent_page, 0},
    {"POST", "/oauth/consent", HTTP_PUBLIC, HTTP_OPEN, 16384, account_consent, 0},
    {"POST", "/oauth/token", HTTP_PUBLIC, HTTP_OPEN, 16384, account_token, 0},
    {"POST", "/oauth/revoke", HTTP_PUBLIC, HTTP_OPEN, 16384, account_revoke, 0},
    {"POST", "/oauth/introspect", HTTP_PUBLIC, HTTP_OPEN, 16384, account_introspect, 0},
    {"GET", "/.well-known/oauth-authorization-server", HTTP_PUBLIC, HTTP_OPEN, 0, account_metadata, 0},
};

static void site_open(struct site *site)
{
    static void *contexts[1];
    struct str why = STR_INIT;
    struct rig *rig = site->rig;
    assert_int_equal(account_new(rig->loop, rig->oauth, &(struct account_config){site->public_url}, &site->account), 0);
    contexts[0] = site->account;
    const struct http_config config = {
        .routes = site_routes, .route_count = sizeof site_routes / sizeof site_routes[0], .contexts = contexts};
    assert_int_equal(http_new(rig->loop, &config, &site->http), 0);
    assert_int_equal(http_listen(site->http, &(struct http_listen){HTTP_PUBLIC, "127.0.0.1:0", NULL, NULL, NULL}, &why),
                     0);
}

static int site_set_up(void **state)
{
    static struct site site;
    void *rig = NULL;
    assert_int_equal(set_up(&rig), 0);
    memset(&site, 0, sizeof site);
    site.rig = rig;
    site_open(&site);
    assert_int_equal(add_account(site.rig, "anna", PASSWORD), 0);
    *state = &site;
    return 0;
}

static void site_close(struct site *site)
{
    http_free(site->http);
    oauth_free(site->rig->oauth); /* in this order: it answers what is under way */
    site->rig->oauth = NULL;
    account_free(site->account);
}

static int site_tear_down(void **state)
{
    struct site *site = *state;
    void *rig = site->rig;
    site_close(site);
    str_done(&site->page);
    return tear_down(&rig);
}

/* ---- one request, one answer ---- */

static int site_send(struct site *site, const char *request, size_t len)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(http_port(site->http, HTTP_PUBLIC)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(write(fd, request, len), (ssize_t)len);
    return fd;
}

/* Turns the loop until the answer is complete, which Connection: close makes visible. */
static int site_receive(struct site *site, int fd)
{
    char bytes[4096];
    str_clear(&site->page);
    for (;;) {
        struct pollfd p = {fd, POLLIN, 0};
        loop_turn(site->rig->loop, false);
        if (poll(&p, 1, 2) > 0) {
            ssize_t n = read(fd, bytes, sizeof bytes);
            if (n <= 0) {
                break;
            }
            str_add(&site->page, bytes, (size_t)n);
        }
    }
    close(fd);
    assert_true(site->page.len > 12);
    assert_memory_equal(site->page.data, "HTTP/1.1 ", 9);
    site->status = atoi(site->page.data + 9);
    return site->status;
}

__attribute__((unused)) static int ask(struct site *site, const char *method, const char *target, const char *headers,
                                       const char *body)
{
    struct str request = STR_INIT;
    str_printf(&request, "%s %s HTTP/1.1\r\nHost: lights.example.org\r\nConnection: close\r\n", method, target);
    if (site->cookie[0]) {
        str_printf(&request, "Cookie: a=b; %s; c=d\r\n", site->cookie);
    }
    str_add_z(&request, headers ? headers : "");
    if (body) {
        str_printf(&request, "Content-Length: %zu\r\n", strlen(body));
    }
    str_printf(&request, "\r\n%s", body ? body : "");
    int fd = site_send(site, request.data, request.len);
    str_done(&request);
    return site_receive(site, fd);
}

#define FORM_TYPE "Content-Type: application/x-www-form-urlencoded\r\n"

__attribute__((unused)) static int post(struct site *site, const char *target, const char *body)
{
    return ask(site, "POST", target, FORM_TYPE, body);
}

/* A header's value in the last answer, NULL if it has none; valid until the next call. */
__attribute__((unused)) static const char *header(const struct site *site, const char *name)
{
    static char value[8192];
    char line[64];
    snprintf(line, sizeof line, "\r\n%s: ", name);
    const char *end = strstr(site->page.data, "\r\n\r\n");
    const char *at = strcasestr(site->page.data, line);
    if (!at || at > end) {
        return NULL;
    }
    at += strlen(line);
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

__attribute__((unused)) static void assert_has(const struct site *site, const char *part)
{
    if (!strstr(site->page.data, part)) {
        fail_msg("\"%s\" is not in %s", part, site->page.data);
    }
}

__attribute__((unused)) static void assert_has_not(const struct site *site, const char *part)
{
    if (strstr(site->page.data, part)) {
        fail_msg("\"%s\" is in %s", part, site->page.data);
    }
}

/* A page for people: HTML, no redirect, no script, not kept, not framed. */
__attribute__((unused)) static void assert_page(const struct site *site, int status)
{
    assert_int_equal(site->status, status);
    assert_null(header(site, "Location"));
    assert_string_equal(header(site, "Content-Type"), "text/html; charset=utf-8");
    assert_string_equal(header(site, "Cache-Control"), "no-store");
    assert_string_equal(header(site, "X-Frame-Options"), "DENY");
    assert_string_equal(header(site, "Referrer-Policy"), "no-referrer");
    assert_non_null(strstr(header(site, "Content-Security-Policy"), "default-src 'none'"));
    assert_non_null(strstr(header(site, "Content-Security-Policy"), "frame-ancestors 'none'"));
    assert_has(site, "<h1>");
    assert_has(site, "</html>");
    assert_has_not(site, "<script");
}

/* What the only trace is told to have failed for. */
__attribute__((unused)) static enum trace_cause blamed(const struct site *site)
{
    struct trace_finding finding;
    const struct trace *trace = oauth_trace_next(site->rig->oauth, NULL);
    assert_non_null(trace);
    assert_true(trace_finding(trace, &finding));
    return finding.cause;
}

/* ---- what a person does ---- */

#define AUTHORIZE "/oauth/authorize?response_type=code&client_id=smartthings&scope=devices&redirect_uri=" CALLBACK

/* Keeps the cookie of the last answer. */
static void keep_cookie(struct site *site)
{
    const char *set = header(site, "Set-Cookie");
    assert_non_null(set);
    snprintf(site->cookie, sizeof site->cookie, "%.*s", (int)strcspn(set, ";"), set);
}

/* The hidden field of the form in the last answer. */
__attribute__((unused)) static const char *form_id(const struct site *site)
{
    static char id[TOKEN_CHARS + 1];
    const char *at = strstr(site->page.data, "name=\"request\" value=\"");
    assert_non_null(at);
    snprintf(id, sizeof id, "%s", at + 22);
    return id;
}

__attribute__((unused)) static void open_login(struct site *site, const char *more)
{
    char target[8192];
    snprintf(target, sizeof target, AUTHORIZE "%s", more);
    assert_int_equal(ask(site, "GET", target, NULL, NULL), 200);
    keep_cookie(site);
}

/* Every form is answered 303; where that leads to a page of ours, the browser goes there. */
__attribute__((unused)) static int follow(struct site *site)
{
    const char *location = header(site, "Location");
    if (site->status == 303 && location && location[0] == '/') {
        char target[256];
        snprintf(target, sizeof target, "%s", location);
        assert_string_equal(header(site, "Cache-Control"), "no-store");
        ask(site, "GET", target, NULL, NULL);
    }
    return site->status;
}

__attribute__((unused)) static int log_in_as(struct site *site, const char *id, const char *name, const char *password)
{
    struct str body = STR_INIT;
    str_printf(&body, "request=%s&username=%s&password=", id, name);
    url_encode(&body, password, strlen(password));
    assert_int_equal(post(site, "/oauth/login", str_z(&body)), 303);
    str_done(&body);
    return follow(site);
}

__attribute__((unused)) static int press(struct site *site, const char *id, const char *decision)
{
    char body[128];
    snprintf(body, sizeof body, "request=%s&decision=%s", id, decision);
    assert_int_equal(post(site, "/oauth/consent", body), 303);
    return follow(site);
}

/* From the app's request to the Location that leads back; valid until the next request. */
__attribute__((unused)) static const char *link_by_hand(struct site *site, const char *more)
{
    open_login(site, more);
    assert_int_equal(log_in_as(site, form_id(site), "anna", PASSWORD), 200);
    assert_int_equal(press(site, form_id(site), "allow"), 303);
    return header(site, "Location");
}

#define S(test) cmocka_unit_test_setup_teardown(test, site_set_up, site_tear_down)

#endif
