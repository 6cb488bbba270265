/* RFC 7662 (introspection) on the wire, by section. */
#include "unit/account/client.h"

static struct json *look(struct site *site, const char *token)
{
    send_form(site, "/oauth/introspect", "token=%s&client_id=dash&client_secret=%s", token, dash_secret);
    assert_int_equal(site->status, 200);
    assert_string_equal(header(site, "Cache-Control"), "no-store");
    return document(site);
}

/* 2.2: of what is not active nothing but that is said. */
static void assert_inactive(struct site *site, const char *token)
{
    struct json *root = look(site, token);
    assert_true(json_is_bool(json_get(root, "active")) && !json_is_true(json_get(root, "active")));
    assert_int_equal(json_count(root), 1);
    json_free(root);
}

/* 2.1: nobody may try out tokens who has not shown a secret. */
static void section_2_1_client(void **state)
{
    struct site *site = *state;
    char access[OAUTH_TOKEN_MAX];
    snprintf(access, sizeof access, "%s", link_dash(site, NULL));
    send_form(site, "/oauth/introspect", "token=%s", access);
    assert_refused(site, 401, "invalid_client");
    send_form(site, "/oauth/introspect", "token=%s&client_id=dash&client_secret=wrong", access);
    assert_refused(site, 401, "invalid_client");
    send_form(site, "/oauth/introspect", "token=%s&client_id=app", access);
    assert_refused(site, 401, "invalid_client");
    send_form(site, "/oauth/introspect", "client_id=dash&client_secret=%s", dash_secret);
    assert_refused(site, 400, "invalid_request");
    assert_int_equal(ask(site, "GET", "/oauth/introspect", NULL, NULL), 405);
}

static void section_2_2_active(void **state)
{
    struct site *site = *state;
    const char *token = NULL;
    char access[OAUTH_TOKEN_MAX], kept[OAUTH_TOKEN_MAX];
    int64_t iat = 0, exp = 0;
    snprintf(access, sizeof access, "%s", link_dash(site, &token));
    snprintf(kept, sizeof kept, "%s", token);
    struct json *root = look(site, access);
    assert_true(json_is_true(json_get(root, "active")));
    assert_string_equal(json_get_text(root, "scope"), "devices:read devices:control");
    assert_string_equal(json_get_text(root, "client_id"), "dash");
    assert_string_equal(json_get_text(root, "username"), "anna");
    assert_string_equal(json_get_text(root, "token_type"), "Bearer");
    assert_string_equal(json_get_text(root, "iss"), ISSUER);
    assert_int_equal(json_integer(json_get(root, "iat"), 0, INT64_MAX, &iat), 0);
    assert_int_equal(json_integer(json_get(root, "exp"), 0, INT64_MAX, &exp), 0);
    assert_true(iat == START_MS / 1000 && exp == iat + OAUTH_ACCESS_LIFE_S);
    json_free(root);
    root = look(site, kept);
    assert_true(json_is_true(json_get(root, "active")));
    assert_null(json_get(root, "exp"));
    json_free(root);
}

/* 2.2, 4: expired, revoked, forged, another client's: all the same. */
static void section_2_2_inactive(void **state)
{
    struct site *site = *state;
    char access[OAUTH_TOKEN_MAX], forged[OAUTH_TOKEN_MAX];
    snprintf(access, sizeof access, "%s", link_dash(site, NULL));
    strcpy(forged, access);
    forged[strlen(forged) - 10] ^= 1;
    assert_inactive(site, "nonsense");
    assert_inactive(site, forged);
    assert_inactive(site, linked(site->rig, NULL).access);
    pass_time((int64_t)OAUTH_ACCESS_LIFE_S * 1000);
    assert_inactive(site, access);
}

/* A store that is unwell says nothing of a token. */
static void unavailable(void **state)
{
    struct site *site = *state;
    char access[OAUTH_TOKEN_MAX];
    snprintf(access, sizeof access, "%s", link_dash(site, NULL));
    site->rig->oauth->has_key = false; /* white box: the key is lost */
    send_form(site, "/oauth/introspect", "token=%s&client_id=dash&client_secret=%s", access, dash_secret);
    assert_refused(site, 503, "temporarily_unavailable");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        C(section_2_1_client),
        C(section_2_2_active),
        C(section_2_2_inactive),
        C(unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
