/* RFC 7636 (PKCE) on the wire, by section, with what RFC 9700 adds. */
#include "unit/account/client.h"

static void assert_sent_back(const struct site *site, const char *error, const char *says)
{
    assert_int_equal(site->status, 303);
    const char *location = header(site, "Location");
    assert_memory_equal(location, APP_CALLBACK "?", strlen(APP_CALLBACK "?"));
    assert_string_equal(parameter(location, "error"), error);
    assert_non_null(strstr(parameter(location, "error_description"), says));
}

/* 4.4.1: S256 alone (RFC 9700 2.1.1), and of public clients always. */
static void section_4_4_1_refusals(void **state)
{
    struct site *site = *state;
    static const struct {
        const char *id, *more, *says;
    } rows[] = {
        {"app", "", "code%20challenge%20required"},
        {"app", "&code_challenge_method=S256", "missing"},
        {"app", "&code_challenge=&code_challenge_method=S256", "missing"},
        {"app", "&code_challenge=" CHALLENGE, "not%20supported"}, /* 4.3: that means plain */
        {"app", "&code_challenge=" CHALLENGE "&code_challenge_method=plain", "not%20supported"},
        {"app", "&code_challenge=" CHALLENGE "&code_challenge_method=s256", "not%20supported"},
        {"app", "&code_challenge=short&code_challenge_method=S256", "43%20characters"},
        {"dash", "&code_challenge=" CHALLENGE, "not%20supported"},
        {"dash", "&code_challenge_method=S256", "missing"},
        {"dash", "&code_challenge=", "missing"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char target[600];
        snprintf(target, sizeof target, REQUEST "%s%s", rows[i].id, rows[i].more);
        ask(site, "GET", target, NULL, NULL);
        assert_sent_back(site, "invalid_request", rows[i].says);
        assert_traced(site, TRACE_AUTHORIZE, CAUSE_CODE_CHALLENGE);
    }
    assert_int_equal(site->account->count, 0);
}

#define TOKEN "grant_type=authorization_code&redirect_uri=" APP_CALLBACK "&client_id=app&code=%s"

/* 4.6: invalid_grant unless it fits; a public client from the first request to the pair. */
static void section_4_6_verification(void **state)
{
    struct site *site = *state;
    char code[1024];
    snprintf(code, sizeof code, "%s", parameter(allowed(site, "app", CHALLENGED), "code"));
    send_form(site, "/oauth/token", TOKEN, code);
    assert_refused(site, 400, "invalid_grant");
    send_form(site, "/oauth/token", TOKEN "&code_verifier=%s", code, CHALLENGE);
    assert_refused(site, 400, "invalid_grant");
    send_form(site, "/oauth/token", TOKEN "&code_verifier=", code);
    assert_refused(site, 400, "invalid_grant");
    send_form(site, "/oauth/token", TOKEN "&code_verifier=%s", code, VERIFIER);
    assert_int_equal(site->status, 200);
    assert_string_equal(member(site, "scope"), "devices:read devices:control");
}

/* RFC 9700 2.1.1, 4.8.2: a verifier for a code without a challenge is somebody else's code. */
static void no_downgrade(void **state)
{
    struct site *site = *state;
    char code[1024];
    snprintf(code, sizeof code, "%s", parameter(allowed(site, "dash", ""), "code"));
    send_form(site, "/oauth/token",
              "grant_type=authorization_code&redirect_uri=" APP_CALLBACK
              "&client_id=dash&client_secret=%s&code=%s&code_verifier=" VERIFIER,
              dash_secret, code);
    assert_refused(site, 400, "invalid_grant");
    snprintf(code, sizeof code, "%s", parameter(allowed(site, "dash", CHALLENGED), "code"));
    send_form(site, "/oauth/token",
              "grant_type=authorization_code&redirect_uri=" APP_CALLBACK "&client_id=dash&client_secret=%s&code=%s",
              dash_secret, code);
    assert_refused(site, 400, "invalid_grant");
}

/* SmartThings sends none today; should it begin to, it is held to it. */
static void honoured_of_smartthings(void **state)
{
    struct site *site = *state;
    char code[1024], body[2048];
    site->cookie[0] = 0;
    snprintf(code, sizeof code, "%s", parameter(link_by_hand(site, CHALLENGED), "code"));
    snprintf(body, sizeof body, "grant_type=authorization_code&client_id=smartthings&client_secret=s3cret&code=%s",
             code);
    post(site, "/oauth/token", body);
    assert_refused(site, 400, "invalid_grant");
    strcat(body, "&code_verifier=" VERIFIER);
    assert_int_equal(post(site, "/oauth/token", body), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        C(section_4_4_1_refusals),
        C(section_4_6_verification),
        C(no_downgrade),
        C(honoured_of_smartthings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
