/* RFC 6749 on the wire, by section, for clients that were added; SmartThings' own are in token_test, authorize_test. */
#include "unit/account/client.h"

/* 2.3, 3.2.1: a public client names itself and must not show a secret; who has one must show it. */
static void section_2_3_client_authentication(void **state)
{
    struct site *site = *state;
    send_form(site, "/oauth/token", "grant_type=refresh_token&refresh_token=x&client_id=app");
    assert_refused(site, 400, "invalid_grant"); /* authentic, so it is the token's turn */
    send_form(site, "/oauth/token", "grant_type=refresh_token&refresh_token=x&client_id=app&client_secret=");
    assert_refused(site, 400, "invalid_grant"); /* 2.3.1: an empty one may be left out, or sent */
    send_form(site, "/oauth/token", "grant_type=refresh_token&refresh_token=x&client_id=app&client_secret=guess");
    assert_refused(site, 401, "invalid_client");
    assert_traced(site, TRACE_REFRESH, CAUSE_PUBLIC_CLIENT_SECRET);
    send_form(site, "/oauth/token", "grant_type=refresh_token&refresh_token=x&client_id=dash");
    assert_refused(site, 401, "invalid_client");
    send_form(site, "/oauth/token", "grant_type=refresh_token&refresh_token=x&client_id=dash&client_secret=%s",
              dash_secret);
    assert_refused(site, 400, "invalid_grant");
}

/* 3.1.2.3, 4.1.2.1: letter by letter, or a page and no redirect. */
static void section_3_1_2_redirect_uri(void **state)
{
    struct site *site = *state;
    static const char *const wrong[] = {"https://app.example.org/callback/",    "https://app.example.org/callback?x=1",
                                        "https://app.example.org:443/callback", "https://APP.example.org/callback",
                                        "http://app.example.org/callback",      "http://127.0.0.1:7001/callback",
                                        "https://app.example.org/callback%23x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char target[500];
        snprintf(target, sizeof target, "/oauth/authorize?response_type=code&client_id=dash&redirect_uri=%s", wrong[i]);
        ask(site, "GET", target, NULL, NULL);
        assert_page(site, 400);
        assert_has(site, APP_CALLBACK); /* the registered ones stand beside it */
        assert_has(site, "lightbridge client add");
        assert_has_not(site, "smartthings.redirect_uris");
    }
}

/* 5.2: who asks with another client's code or refresh token, and a secret that fits neither, has the wrong client id:
   not "the id is right, and its secret is not". */
static void section_5_2_invalid_client_of_anothers_link(void **state)
{
    struct site *site = *state;
    const char *refresh_token;
    link_dash(site, &refresh_token);
    send_form(site, "/oauth/token", "grant_type=refresh_token&refresh_token=%s&client_id=viewer&client_secret=%s",
              refresh_token, dash_secret);
    assert_refused(site, 401, "invalid_client");
    assert_traced(site, TRACE_REFRESH, CAUSE_REFRESH_TOKEN_OF_OTHER_CLIENT);
    char code[OAUTH_TOKEN_MAX];
    snprintf(code, sizeof code, "%s", parameter(allowed(site, "dash", ""), "code"));
    send_form(site, "/oauth/token", "grant_type=authorization_code&code=%s&client_id=viewer&client_secret=%s", code,
              dash_secret);
    assert_refused(site, 401, "invalid_client");
    assert_traced(site, TRACE_TOKEN, CAUSE_CODE_OF_OTHER_CLIENT);
}

/* 3.3, 5.1: what was asked for, or all; what was granted is in the answer. */
static void section_3_3_scope(void **state)
{
    struct site *site = *state;
    static const struct {
        const char *id, *asked, *granted; /* NULL: invalid_scope */
    } rows[] = {
        {"dash", "", "devices:read devices:control"},
        {"dash", "&scope=", "devices:read devices:control"}, /* 3.1: without a value is as if absent */
        {"dash", "&scope=devices:read", "devices:read"},
        {"dash", "&scope=devices:control+devices:read", "devices:read devices:control"},
        {"dash", "&scope=everything", NULL},
        {"dash", "&scope=devices:read%20everything", NULL},
        {"viewer", "", "devices:read"},
        {"viewer", "&scope=devices:control", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].granted) {
            allowed(site, rows[i].id, rows[i].asked);
            struct oauth_link *link = NULL, *last = NULL;
            while ((link = oauth_link_next(site->rig->oauth, link)) != NULL) {
                last = link;
            }
            struct oauth_link_info info;
            oauth_link_info(last, &info);
            assert_string_equal(info.scope, rows[i].granted);
            continue;
        }
        char target[500];
        snprintf(target, sizeof target, REQUEST "%s%s&state=s", rows[i].id, rows[i].asked);
        assert_int_equal(ask(site, "GET", target, NULL, NULL), 303);
        assert_string_equal(parameter(header(site, "Location"), "error"), "invalid_scope");
        assert_string_equal(parameter(header(site, "Location"), "state"), "s");
        assert_traced(site, TRACE_AUTHORIZE, CAUSE_SCOPE);
    }
    const char *refresh_token = NULL;
    link_dash(site, &refresh_token);
    assert_string_equal(member(site, "scope"), "devices:read devices:control");
}

/* The person reads what is asked for, and who asks. */
static void consent_names_the_scopes(void **state)
{
    struct site *site = *state;
    ask(site, "GET", REQUEST "viewer", NULL, NULL);
    keep_cookie(site);
    assert_has(site, "viewer asks to see the lights of this house");
    log_in_as(site, form_id(site), "anna", PASSWORD);
    assert_has(site, "see the lights that are exposed to it");
    assert_has_not(site, "switch, dim and colour them");
    ask(site, "GET", REQUEST "dash&scope=devices:control", NULL, NULL);
    assert_has(site, "dash asks to drive the lights");
    log_in_as(site, form_id(site), "anna", PASSWORD);
    assert_has_not(site, "see the lights that are exposed to it");
    assert_has(site, "switch, dim and colour them");
}

/* 4.1.2: the code is bound to the client and to the redirect_uri. */
static void section_4_1_3_code_is_bound(void **state)
{
    struct site *site = *state;
    char code[1024];
    snprintf(code, sizeof code, "%s", parameter(allowed(site, "dash", ""), "code"));
    send_form(site, "/oauth/token",
              "grant_type=authorization_code&code=%s&redirect_uri=" APP_CALLBACK
              "&client_id=smartthings&client_secret=s3cret",
              code);
    assert_refused(site, 400, "invalid_grant");
    send_form(site, "/oauth/token",
              "grant_type=authorization_code&code=%s&redirect_uri=http://127.0.0.1:7000/callback"
              "&client_id=dash&client_secret=%s",
              code, dash_secret);
    assert_refused(site, 400, "invalid_grant");
    send_form(site, "/oauth/token",
              "grant_type=authorization_code&code=%s&redirect_uri=" APP_CALLBACK "&client_id=dash&client_secret=%s",
              code, dash_secret);
    assert_int_equal(site->status, 200);
}

/* 6: a refresh gives no more than was granted; of another client's token, nothing. */
static void section_6_refresh(void **state)
{
    struct site *site = *state;
    const char *token = NULL;
    char kept[OAUTH_TOKEN_MAX];
    link_dash(site, &token);
    snprintf(kept, sizeof kept, "%s", token);
    send_form(site, "/oauth/token", "grant_type=refresh_token&refresh_token=%s&client_id=dash&client_secret=%s&scope=x",
              kept, dash_secret);
    assert_refused(site, 400, "invalid_scope");
    send_form(site, "/oauth/token",
              "grant_type=refresh_token&refresh_token=%s&client_id=smartthings&client_secret=s3cret", kept);
    assert_refused(site, 400, "invalid_grant");
    send_form(site, "/oauth/token",
              "grant_type=refresh_token&refresh_token=%s&client_id=dash&client_secret=%s&scope=devices:read", kept,
              dash_secret);
    assert_int_equal(site->status, 200);
    assert_string_equal(member(site, "scope"), "devices:read devices:control"); /* 3.3: what is given is said */
    assert_string_equal(member(site, "refresh_token"), kept);
}

/* 10.10, 10.2 and the design: the wait grows, is told, and has an end. */
static void section_10_10_guessing(void **state)
{
    struct site *site = *state;
    open_login(site, "");
    char id[TOKEN_CHARS + 1];
    snprintf(id, sizeof id, "%s", form_id(site));
    for (unsigned i = 0; i < DELAY_FREE; i++) {
        assert_int_equal(log_in_as(site, id, "anna", "wrong password"), 403);
        assert_has(site, "Wrong account or password.");
    }
    assert_int_equal(log_in_as(site, id, "anna", PASSWORD), 429);
    assert_string_equal(header(site, "Retry-After"), "1");
    assert_has(site, "Please wait 1 second, then try again.");
    assert_traced(site, TRACE_LOGIN, CAUSE_LOGIN_DELAYED);
    assert_has(site, "name=\"password\""); /* the form is there still */
    pass_time(1000);
    assert_int_equal(log_in_as(site, id, "anna", "wrong password"), 403);
    assert_int_equal(log_in_as(site, id, "anna", PASSWORD), 429);
    assert_has(site, "Please wait 2 seconds, then try again.");
    assert_int_equal(log_in_as(site, id, "bert", "wrong password"), 403); /* another account is another matter */
    pass_time(2000);
    assert_int_equal(log_in_as(site, id, "anna", PASSWORD), 200);
    assert_has(site, "Allow SmartThings?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        C(section_2_3_client_authentication),
        C(section_3_1_2_redirect_uri),
        C(section_3_3_scope),
        C(section_5_2_invalid_client_of_anothers_link),
        C(consent_names_the_scopes),
        C(section_4_1_3_code_is_bound),
        C(section_6_refresh),
        C(section_10_10_guessing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
