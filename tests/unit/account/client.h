/* A client at the endpoints: answers as documents, and clients that were added beside SmartThings. */
#ifndef TEST_ACCOUNT_CLIENT_H
#define TEST_ACCOUNT_CLIENT_H

#include "base/json.h"
#include "unit/account/browser.h"

#define ISSUER "https://lights.example.org"
#define REQUEST "/oauth/authorize?response_type=code&redirect_uri=" APP_CALLBACK "&client_id="
#define CHALLENGED "&code_challenge=" CHALLENGE "&code_challenge_method=S256"

/* The secret of "dash", which may do both; "app" is public; "viewer" may only see. */
static char dash_secret[OAUTH_TOKEN_MAX];

static int clients_set_up(void **state)
{
    assert_int_equal(site_set_up(state), 0);
    struct site *site = *state;
    struct rig *rig = site->rig;
    http_free(site->http);
    account_free(site->account);
    site->public_url = ISSUER;
    site_open(site);
    snprintf(dash_secret, sizeof dash_secret, "%s", add_client(rig, "dash", NULL).code);
    add_client(rig, "app", NULL);
    add_client(rig, "viewer", "devices:read");
    return 0;
}

/* The answer's document; the caller frees. */
__attribute__((unused)) static struct json *document(const struct site *site)
{
    struct json *root = NULL;
    const char *body = strstr(site->page.data, "\r\n\r\n") + 4;
    assert_string_equal(header(site, "Content-Type"), "application/json");
    assert_int_equal(json_parse(body, strlen(body), 65536, &root, NULL), 0);
    return root;
}

__attribute__((unused)) static void assert_refused(const struct site *site, int status, const char *error)
{
    struct json *root = document(site);
    assert_int_equal(site->status, status);
    assert_string_equal(json_get_text(root, "error"), error);
    assert_string_equal(header(site, "Cache-Control"), "no-store");
    json_free(root);
}

/* A member of the last answer as text, "" if it has none; valid until the fourth call from here. */
__attribute__((unused)) static const char *member(const struct site *site, const char *key)
{
    static char texts[4][OAUTH_TOKEN_MAX];
    static int turn;
    struct json *root = document(site);
    const char *text = json_get_text(root, key);
    char *copy = texts[turn++ % 4];
    snprintf(copy, OAUTH_TOKEN_MAX, "%s", text ? text : "");
    json_free(root);
    return copy;
}

/* From authorize to the Location that leads back; valid until the next request. */
__attribute__((unused)) static const char *allowed(struct site *site, const char *id, const char *more)
{
    char target[2048];
    site->cookie[0] = 0;
    snprintf(target, sizeof target, REQUEST "%s%s", id, more);
    assert_int_equal(ask(site, "GET", target, NULL, NULL), 200);
    keep_cookie(site);
    assert_int_equal(log_in_as(site, form_id(site), "anna", PASSWORD), 200);
    assert_int_equal(press(site, form_id(site), "allow"), 303);
    return header(site, "Location");
}

/* What the newest trace says, at authorize or login. */
__attribute__((unused)) static void assert_traced(const struct site *site, enum trace_step step, enum trace_cause cause)
{
    const struct trace *trace = NULL, *last = NULL;
    struct trace_finding finding;
    while ((trace = oauth_trace_next(site->rig->oauth, trace)) != NULL) {
        last = trace;
    }
    assert_non_null(last);
    assert_true(trace_finding(last, &finding));
    assert_int_equal(finding.step, step);
    assert_int_equal(finding.cause, cause);
}

/* A parameter in a Location, still encoded, "" if it has none. */
__attribute__((unused)) static const char *parameter(const char *location, const char *name)
{
    static char value[1024];
    char key[64];
    value[0] = 0;
    snprintf(key, sizeof key, "%s=", name);
    for (const char *at = strchr(location, '?'); at; at = strchr(at, '&')) {
        at++;
        if (strncmp(at, key, strlen(key)) == 0) {
            snprintf(value, sizeof value, "%.*s", (int)strcspn(at + strlen(key), "&"), at + strlen(key));
        }
    }
    return value;
}

__attribute__((unused)) static int send_form(struct site *site, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int send_form(struct site *site, const char *path, const char *format, ...)
{
    struct str body = STR_INIT;
    va_list args;
    va_start(args, format);
    str_vprintf(&body, format, args);
    va_end(args);
    int status = post(site, path, str_z(&body));
    str_done(&body);
    return status;
}

/* The pair of a fresh link; valid until the fourth member(). */
__attribute__((unused)) static const char *link_dash(struct site *site, const char **ret_refresh)
{
    char code[1024];
    snprintf(code, sizeof code, "%s", parameter(allowed(site, "dash", ""), "code"));
    assert_int_equal(send_form(site, "/oauth/token",
                               "grant_type=authorization_code&code=%s&redirect_uri=" APP_CALLBACK
                               "&client_id=dash&client_secret=%s",
                               code, dash_secret),
                     200);
    const char *access = member(site, "access_token");
    if (ret_refresh) {
        *ret_refresh = member(site, "refresh_token");
    }
    return access;
}

#define C(test) cmocka_unit_test_setup_teardown(test, clients_set_up, site_tear_down)

#endif
