/* The login's server: what is asked of it, in which form, and what it may answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"
#include "smartthings/smartapp_provider.h"

static const struct smartapp_provider github = {.name = "G",
                                                .authorize_url = "https://g.example/login?allow=1",
                                                .token_url = "https://g.example/token",
                                                .client_id = "c d",
                                                .client_secret = "s&t",
                                                .scope = "read:user",
                                                .redirect_uri = "https://api.smartthings.com/oauth/callback"};

static void test_login_url(void **state)
{
    struct str url = STR_INIT;
    (void)state;
    provider_login_url(&url, &github, github.authorize_url, "CH");
    assert_string_equal(str_z(&url),
                        "https://g.example/login?allow=1&client_id=c%20d&response_type=code&scope=read%3Auser&redirect_"
                        "uri=https%3A%2F%2Fapi.smartthings.com%2Foauth%2Fcallback&code_challenge=CH&code_challenge_"
                        "method=S256");
    str_done(&url);
}

static void test_request(void **state)
{
    static const char callback[] = "https%3A%2F%2Fapi.smartthings.com%2Foauth%2Fcallback";
    struct smartapp_provider p = github;
    struct str body = STR_INIT, authorization = STR_INIT;
    (void)state;
    provider_token_request(&body, &authorization, &p, false, "co+de", "ver");
    assert_string_equal(str_z(&authorization), "");
    assert_non_null(strstr(str_z(&body), callback));
    assert_non_null(
        strstr(str_z(&body), "grant_type=authorization_code&client_id=c%20d&client_secret=s%26t&code=co%2Bde&"));
    str_clear(&body);
    p.basic = true;
    provider_token_request(&body, &authorization, &p, true, "r", NULL);
    assert_string_equal(str_z(&body), "grant_type=refresh_token&client_id=c%20d&refresh_token=r");
    assert_string_equal(str_z(&authorization), "Basic YyUyMGQ6cyUyNnQ="); /* c%20d:s%26t */
    str_clear(&body);
    str_clear(&authorization);
    p.basic = false;
    p.json = true;
    provider_token_request(&body, &authorization, &p, true, "r", NULL);
    assert_string_equal(str_z(&body),
                        "{\"grant_type\":\"refresh_token\",\"client_id\":\"c d\",\"client_secret\":\"s&t\","
                        "\"refresh_token\":\"r\"}");
    assert_string_equal(provider_content_type(&p), "application/json");
    str_done(&body);
    str_done(&authorization);
}

static void test_answers(void **state)
{
    static const char form[] = "application/x-www-form-urlencoded; charset=utf-8", json[] = "application/json";
    static const struct {
        const char *type, *body;
        int result;
        const char *access, *refresh, *error;
        int expires_in;
    } rows[] = {
        {json, "{\"access_token\":\"a\",\"refresh_token\":\"r\",\"expires_in\":60}", 0, "a", "r", NULL, 60},
        {json, "{\"access_token\":\"a\",\"expires_in\":\"60\"}", 0, "a", NULL, NULL, 0},
        {json, "{\"access_token\":\"\"}", 0, NULL, NULL, NULL, 0},
        {json, "{\"error\":\"bad_verification_code\"}", 0, NULL, NULL, "bad_verification_code", 0},
        {json, "{\"error\":{\"code\":1}}", 0, NULL, NULL, "error", 0},
        {json, "[]", ERR_INVALID, NULL, NULL, NULL, 0},
        {json, "", ERR_INVALID, NULL, NULL, NULL, 0},
        {form, "access_token=a%2Bb&scope=x&token_type=bearer", 0, "a+b", NULL, NULL, 0},
        {form, "access_token=a&expires_in=28800&refresh_token=r", 0, "a", "r", NULL, 28800},
        {form, "error=bad_verification_code&error_description=The+code", 0, NULL, NULL, "bad_verification_code", 0},
        {form, "access_token=a&access_token=b", ERR_INVALID, NULL, NULL, NULL, 0},
        {form, "<html>", ERR_INVALID, NULL, NULL, NULL, 0},
        {NULL, "access_token=a", 0, "a", NULL, NULL, 0},
        {NULL, "{\"access_token\":\"a\"}", 0, "a", NULL, NULL, 0},
        {"text/html", "<html>", ERR_INVALID, NULL, NULL, NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct provider_tokens tokens;
        assert_int_equal(provider_read_tokens(rows[i].type, rows[i].body, strlen(rows[i].body), &tokens),
                         rows[i].result);
        if (rows[i].result == 0) {
            assert_string_equal(tokens.access ? tokens.access : "-", rows[i].access ? rows[i].access : "-");
            assert_string_equal(tokens.refresh ? tokens.refresh : "-", rows[i].refresh ? rows[i].refresh : "-");
            assert_string_equal(tokens.error ? tokens.error : "-", rows[i].error ? rows[i].error : "-");
            assert_int_equal(tokens.expires_in, rows[i].expires_in);
        }
        provider_tokens_done(&tokens);
    }
}

static void test_return(void **state)
{
    struct provider_return ret;
    const char *what = "";
    (void)state;
    assert_int_equal(provider_read_return("?code=a%20b&state=%2B#x", &ret, &what), 0);
    assert_string_equal(ret.code, "a b");
    assert_string_equal(ret.state, "+");
    provider_return_done(&ret);
    assert_int_equal(provider_read_return("https://x/y?error=access_denied&code=", &ret, &what), 0);
    assert_null(ret.code);
    assert_string_equal(ret.error, "access_denied");
    provider_return_done(&ret);
    assert_int_equal(provider_read_return("?code=a&code=b", &ret, &what), ERR_INVALID);
    assert_true(strlen(what) > 0);
    provider_return_done(&ret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login_url),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
