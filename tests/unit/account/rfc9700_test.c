/* RFC 9700 (best current practice) by section, where no other file has it: PKCE and its downgrade are in rfc7636_test,
   rotation is in oauth/rotate_test, iss in rfc8414_test. */
#include "unit/account/client.h"

/* 2.1.2: no token ever comes in a browser's address. */
static void section_2_1_2_no_implicit_grant(void **state)
{
    struct site *site = *state;
    static const char *const types[] = {"token", "code+token", "id_token", "token+code"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char target[400];
        snprintf(target, sizeof target,
                 "/oauth/authorize?client_id=dash&redirect_uri=" APP_CALLBACK "&response_type=%s", types[i]);
        assert_int_equal(ask(site, "GET", target, NULL, NULL), 303);
        assert_string_equal(parameter(header(site, "Location"), "error"), "unsupported_response_type");
        assert_string_equal(parameter(header(site, "Location"), "access_token"), "");
    }
}

/* 2.4: passwords are typed into our own page only, also where they are right. */
static void section_2_4_no_password_grant(void **state)
{
    struct site *site = *state;
    send_form(site, "/oauth/token",
              "grant_type=password&username=anna&password=correct+horse&client_id=dash&client_secret=%s", dash_secret);
    assert_refused(site, 400, "unsupported_grant_type");
}

/* 4.1.3, 4.11: whatever follows the registered address, nobody is sent there. */
static void section_4_1_3_no_redirect_to_strangers(void **state)
{
    struct site *site = *state;
    static const char *const tails[] = {
        "/", "/../x", "?x", "%3Fx", ".evil.example/", "@evil.example/", "%40evil.example/"};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char target[400];
        snprintf(target, sizeof target, REQUEST "dash&redirect_uri=" APP_CALLBACK "%s", tails[i]);
        ask(site, "GET", target, NULL, NULL);
        assert_page(site, 400); /* given twice */
        snprintf(target, sizeof target,
                 "/oauth/authorize?response_type=code&client_id=dash&redirect_uri=" APP_CALLBACK "%s", tails[i]);
        ask(site, "GET", target, NULL, NULL);
        assert_page(site, 400);
    }
}

/* 4.7: the forms are bound to the browser that asked; a form from elsewhere does nothing. */
static void section_4_7_forged_forms(void **state)
{
    struct site *site = *state;
    char id[TOKEN_CHARS + 1], mine[64];
    ask(site, "GET", REQUEST "dash", NULL, NULL);
    keep_cookie(site);
    assert_non_null(strstr(header(site, "Set-Cookie"), "HttpOnly"));
    assert_non_null(strstr(header(site, "Set-Cookie"), "SameSite=Lax"));
    assert_non_null(strstr(header(site, "Set-Cookie"), "Secure")); /* the public URL is https */
    log_in_as(site, form_id(site), "anna", PASSWORD);
    snprintf(id, sizeof id, "%s", form_id(site));
    strcpy(mine, site->cookie);
    static const char *const cookies[] = {"", "lightbridge_link=AAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < 2; i++) {
        strcpy(site->cookie, cookies[i]);
        press(site, id, "allow");
        assert_page(site, 400);
    }
    strcpy(site->cookie, mine);
    press(site, "AAAAAAAAAAAAAAAAAAAAAA", "allow");
    assert_page(site, 400);
    assert_null(oauth_link_next(site->rig->oauth, NULL));
    assert_int_equal(press(site, id, "allow"), 303);
}

/* 2.6: the authorization endpoint is for browsers that go there, never for scripts of other sites (CORS). */
static void section_2_6_no_cors(void **state)
{
    static const char *const targets[] = {REQUEST "dash", "/oauth/authorize", "/oauth/login", "/oauth/consent"};
    static const char origin[] = "Origin: https://app.example.org\r\n";
    struct site *site = *state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        ask(site, "GET", targets[i], origin, NULL);
        assert_has(site, "</html>");
        assert_has_not(site, "Access-Control-");
        assert_int_equal(ask(site, "OPTIONS", targets[i],
                             "Origin: https://app.example.org\r\nAccess-Control-Request-Method: GET\r\n", NULL),
                         405);
        assert_has_not(site, "Access-Control-");
    }
}

/* 4.12: a 307 would post the password on; every redirect after a form is 303. */
static void section_4_12_see_other(void **state)
{
    struct site *site = *state;
    allowed(site, "dash", "");
    assert_int_equal(site->status, 303);
    site->cookie[0] = 0;
    ask(site, "GET", REQUEST "dash", NULL, NULL);
    keep_cookie(site);
    log_in_as(site, form_id(site), "anna", PASSWORD);
    assert_int_equal(press(site, form_id(site), "deny"), 303);
    assert_string_equal(header(site, "Referrer-Policy"), "no-referrer"); /* 4.2.4 */
}

/* 4.16, 4.2.4: no page can be framed, tells where it was, or loads anything from elsewhere: assert_page. */
static void section_4_16_pages(void **state)
{
    struct site *site = *state;
    ask(site, "GET", REQUEST "dash", NULL, NULL);
    keep_cookie(site);
    assert_page(site, 200);
    log_in_as(site, form_id(site), "anna", "wrong password");
    assert_page(site, 403);
    log_in_as(site, form_id(site), "anna", PASSWORD);
    assert_page(site, 200);
    assert_non_null(
        strstr(header(site, "Content-Security-Policy"), "form-action 'self' https://app.example.org https:"));
    ask(site, "GET", "/oauth/authorize", NULL, NULL);
    assert_page(site, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        C(section_2_1_2_no_implicit_grant),
        C(section_2_4_no_password_grant),
        C(section_4_1_3_no_redirect_to_strangers),
        C(section_4_7_forged_forms),
        C(section_4_12_see_other),
        C(section_4_16_pages),
        C(section_2_6_no_cors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
