/* RFC 8414 (metadata) and RFC 9207 (iss), by section. */
#include "unit/account/client.h"

#define METADATA "/.well-known/oauth-authorization-server"

static bool lists(const struct json *root, const char *key, const char *text)
{
    for (const struct json *v = json_first(json_get(root, key)); v; v = json_next(v)) {
        if (strcmp(json_text(v), text) == 0) {
            return true;
        }
    }
    return false;
}

/* 2, 3.2: the members that must be there, and those that say what else is. */
static void section_2_metadata(void **state)
{
    struct site *site = *state;
    assert_int_equal(ask(site, "GET", METADATA, NULL, NULL), 200);
    struct json *root = document(site);
    assert_string_equal(json_get_text(root, "issuer"), ISSUER);
    assert_string_equal(json_get_text(root, "authorization_endpoint"), ISSUER "/oauth/authorize");
    assert_string_equal(json_get_text(root, "token_endpoint"), ISSUER "/oauth/token");
    assert_string_equal(json_get_text(root, "revocation_endpoint"), ISSUER "/oauth/revoke");
    assert_string_equal(json_get_text(root, "introspection_endpoint"), ISSUER "/oauth/introspect");
    assert_true(lists(root, "response_types_supported", "code"));
    assert_int_equal(json_count(json_get(root, "response_types_supported")), 1);
    assert_true(lists(root, "grant_types_supported", "refresh_token"));
    assert_true(lists(root, "token_endpoint_auth_methods_supported", "client_secret_basic"));
    assert_true(lists(root, "token_endpoint_auth_methods_supported", "none"));
    assert_false(lists(root, "introspection_endpoint_auth_methods_supported", "none"));
    assert_true(lists(root, "code_challenge_methods_supported", "S256")); /* RFC 9700 2.1.1 */
    assert_false(lists(root, "code_challenge_methods_supported", "plain"));
    assert_true(lists(root, "scopes_supported", "devices:control"));
    assert_true(json_is_true(json_get(root, "authorization_response_iss_parameter_supported"))); /* RFC 9207 3 */
    for (const struct json *v = json_first(root); v; v = json_next(v)) {
        assert_false(json_is_array(v) && json_count(v) == 0); /* 3.2: no empty lists */
    }
    json_free(root);
}

/* 2: the issuer is configured, never taken from a request. */
static void section_2_issuer(void **state)
{
    struct site *site = *state;
    str_clear(&site->account->issuer);
    assert_int_equal(ask(site, "GET", METADATA, NULL, NULL), 404);
}

/* RFC 9207 2: in every answer, error or not; never to SmartThings, whose callback is not known to take it. */
static void rfc9207_2_iss(void **state)
{
    struct site *site = *state;
    static const char iss[] = "https%3A%2F%2Flights.example.org";
    assert_string_equal(parameter(allowed(site, "dash", "&state=s"), "iss"), iss);
    assert_string_equal(parameter(header(site, "Location"), "state"), "s");
    ask(site, "GET", REQUEST "app", NULL, NULL); /* refused at once: no challenge */
    assert_string_equal(parameter(header(site, "Location"), "iss"), iss);
    site->cookie[0] = 0;
    ask(site, "GET", REQUEST "dash", NULL, NULL);
    keep_cookie(site);
    log_in_as(site, form_id(site), "anna", PASSWORD);
    press(site, form_id(site), "deny");
    assert_string_equal(parameter(header(site, "Location"), "error"), "access_denied");
    assert_string_equal(parameter(header(site, "Location"), "iss"), iss);
    site->cookie[0] = 0;
    assert_string_equal(parameter(link_by_hand(site, ""), "iss"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {C(section_2_metadata), C(section_2_issuer), C(rfc9207_2_iss)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
