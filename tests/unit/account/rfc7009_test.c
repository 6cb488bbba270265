/* RFC 7009 (revocation) on the wire, by section. */
#include "unit/account/client.h"

#define REVOKE "/oauth/revoke"

static int give_up(struct site *site, const char *token, const char *more)
{
    return send_form(site, REVOKE, "token=%s&client_id=dash&client_secret=%s%s", token, dash_secret, more);
}

/* 2.1: the client is authenticated first, as at the token endpoint. */
static void section_2_1_client(void **state)
{
    struct site *site = *state;
    char access[OAUTH_TOKEN_MAX];
    snprintf(access, sizeof access, "%s", link_dash(site, NULL));
    send_form(site, REVOKE, "token=%s", access);
    assert_refused(site, 401, "invalid_client");
    assert_non_null(header(site, "WWW-Authenticate"));
    send_form(site, REVOKE, "token=%s&client_id=dash&client_secret=wrong", access);
    assert_refused(site, 401, "invalid_client");
    send_form(site, REVOKE, "token=%s&client_id=smartthings&client_secret=s3cret", access); /* not issued to it */
    assert_refused(site, 400, "invalid_grant");
    send_form(site, REVOKE, "token=%s&client_id=app", access);
    assert_refused(site, 400, "invalid_grant");
    send_form(site, REVOKE, "client_id=dash&client_secret=%s", dash_secret);
    assert_refused(site, 400, "invalid_request");
    assert_int_equal(ask(site, "POST", REVOKE, "Content-Type: application/json\r\n", "{}"), 400);
    assert_int_equal(ask(site, "GET", REVOKE, NULL, NULL), 405); /* 2: by POST */
    assert_int_equal(verify(site->rig, access), 0);
}

/* 2.1, 2.2: with the refresh token go the access tokens; a second time, and a wrong hint, are no errors. */
static void section_2_1_both_go(void **state)
{
    struct site *site = *state;
    static const char *const hints[] = {"", "&token_type_hint=access_token", "&token_type_hint=refresh_token",
                                        "&token_type_hint=something_else"};
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        const char *refresh_token = NULL;
        char access[OAUTH_TOKEN_MAX];
        snprintf(access, sizeof access, "%s", link_dash(site, &refresh_token));
        char kept[OAUTH_TOKEN_MAX];
        snprintf(kept, sizeof kept, "%s", refresh_token);
        assert_int_equal(give_up(site, i % 2 ? access : kept, hints[i]), 200);
        assert_int_equal(verify(site->rig, access), ERR_ENDED);
        send_form(site, "/oauth/token", "grant_type=refresh_token&refresh_token=%s&client_id=dash&client_secret=%s",
                  kept, dash_secret);
        assert_refused(site, 400, "invalid_grant");
        assert_int_equal(give_up(site, kept, hints[i]), 200);
        json_free(document(site)); /* nothing is said, but as JSON: simple-oauth2 wants it so */
    }
}

/* 2.2: an invalid token is as revoked as can be. */
static void section_2_2_invalid(void **state)
{
    struct site *site = *state;
    assert_int_equal(give_up(site, "nonsense", ""), 200);
    assert_int_equal(give_up(site, "AAAA", "&token_type_hint=access_token"), 200);
}

/* 2.2.1: what cannot be done now is 503, and the token is still good. */
static void section_2_2_1_unavailable(void **state)
{
    struct site *site = *state;
    struct rlimit limit, none;
    char access[OAUTH_TOKEN_MAX];
    snprintf(access, sizeof access, "%s", link_dash(site, NULL));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    none = limit;
    none.rlim_cur = 1;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    give_up(site, access, "");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_refused(site, 503, "temporarily_unavailable");
    assert_non_null(header(site, "Retry-After"));
    assert_int_equal(verify(site->rig, access), 0);
}

/* A public client may give up its own (RFC 7009 2.1: its identity alone). */
static void public_client(void **state)
{
    struct site *site = *state;
    char code[1024];
    snprintf(code, sizeof code, "%s", parameter(allowed(site, "app", CHALLENGED), "code"));
    send_form(site, "/oauth/token",
              "grant_type=authorization_code&redirect_uri=" APP_CALLBACK
              "&client_id=app&code=%s&code_verifier=" VERIFIER,
              code);
    char access[OAUTH_TOKEN_MAX];
    snprintf(access, sizeof access, "%s", member(site, "access_token"));
    assert_int_equal(send_form(site, REVOKE, "client_id=app&token=%s", access), 200);
    assert_int_equal(verify(site->rig, access), ERR_ENDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        C(section_2_1_client),        C(section_2_1_both_go), C(section_2_2_invalid),
        C(section_2_2_1_unavailable), C(public_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
