/* POST /oauth/token on the wire: RFC 6749 2.3.1, 4.1.3, 5.1, 5.2, 6. */
#include "base/json.h"
#include "unit/account/browser.h"

#define BODY_CLIENT "&client_id=smartthings&client_secret=s3cret"
#define REFRESH "grant_type=refresh_token&refresh_token="

/* The answer's document; the caller frees. Never kept by anybody on the way (RFC 6749 5.1). */
static struct json *document(const struct site *site)
{
    struct json *root = NULL;
    const char *body = strstr(site->page.data, "\r\n\r\n") + 4;
    assert_string_equal(header(site, "Content-Type"), "application/json");
    assert_string_equal(header(site, "Cache-Control"), "no-store");
    assert_int_equal(json_parse(body, strlen(body), 65536, &root, NULL), 0);
    return root;
}

static void assert_error(const struct site *site, int status, const char *error, const char *says)
{
    struct json *root = document(site);
    assert_int_equal(site->status, status);
    assert_string_equal(json_get_text(root, "error"), error);
    const char *text = json_get_text(root, "error_description");
    assert_true(text && *text);
    if (!strstr(text, says)) {
        fail_msg("\"%s\" is not in \"%s\"", says, text);
    }
    for (; *text; text++) { /* RFC 6749 5.2: NQSCHAR of ASCII */
        assert_true(*text >= 0x20 && *text < 0x7f && *text != '\\');
    }
    assert_int_equal(header(site, "WWW-Authenticate") != NULL, status == 401);
    assert_int_equal(header(site, "Retry-After") != NULL, status == 503);
    json_free(root);
}

static int post_basic(struct site *site, const char *credentials, const char *body)
{
    struct str headers = STR_INIT, encoded = STR_INIT;
    secrets_base64url(&encoded, credentials, strlen(credentials));
    for (size_t i = 0; i < encoded.len; i++) {
        encoded.data[i] = (char)(encoded.data[i] == '-' ? '+' : encoded.data[i] == '_' ? '/' : encoded.data[i]);
    }
    str_printf(&headers, FORM_TYPE "Authorization: Basic %s%s\r\n", str_z(&encoded),
               encoded.len % 4 == 2   ? "=="
               : encoded.len % 4 == 3 ? "="
                                      : "");
    int status = ask(site, "POST", "/oauth/token", str_z(&headers), body);
    str_done(&headers);
    str_done(&encoded);
    return status;
}

static void assert_pair(const struct site *site, char access[OAUTH_TOKEN_MAX], char refresh_token[OAUTH_TOKEN_MAX])
{
    struct json *root = document(site);
    int64_t expires_in = 0;
    assert_int_equal(site->status, 200);
    assert_string_equal(header(site, "Pragma"), "no-cache");
    assert_string_equal(json_get_text(root, "token_type"), "Bearer");
    assert_string_equal(json_get_text(root, "scope"), "devices");
    assert_int_equal(json_integer(json_get(root, "expires_in"), 1, OAUTH_ACCESS_LIFE_S, &expires_in), 0);
    assert_int_equal(json_count(root), 5);
    strcpy(access, json_get_text(root, "access_token"));
    strcpy(refresh_token, json_get_text(root, "refresh_token"));
    json_free(root);
}

static const char *code_of(struct site *site)
{
    static char code[OAUTH_TOKEN_MAX];
    const char *location = link_by_hand(site, "");
    snprintf(code, sizeof code, "%s", location + strlen(CALLBACK "?code="));
    return code;
}

/* ---- what is right ---- */

static void test_pair_and_refresh(void **state)
{
    struct site *site = *state;
    char body[1000], access[OAUTH_TOKEN_MAX], token[OAUTH_TOKEN_MAX], again[OAUTH_TOKEN_MAX], token2[OAUTH_TOKEN_MAX];
    snprintf(body, sizeof body, "grant_type=authorization_code&code=%s&redirect_uri=" CALLBACK BODY_CLIENT,
             code_of(site));
    post(site, "/oauth/token", body);
    assert_pair(site, access, token);
    assert_int_equal(verify(site->rig, access), 0);
    snprintf(body, sizeof body, REFRESH "%s" BODY_CLIENT, token);
    post(site, "/oauth/token", body);
    assert_pair(site, again, token2);
    assert_string_equal(token, token2);
    assert_string_not_equal(access, again);
    post(site, "/oauth/token", body); /* its answer was lost */
    assert_pair(site, access, token2);
    assert_string_equal(access, again);
}

/* One client with a secret that needs encoding (RFC 6749 2.3.1), which many send as it is. */
static void test_basic(void **state)
{
    struct site *site = *state;
    static const char *const redirects[] = {CALLBACK, NULL};
    struct oauth_client odd = {.id = "a:b c+%41", .name = "Odd", .redirects = redirects, .has_secret = true};
    secrets_sha256(odd.secret_hash, "p+w %41&\xc3\xbc:=", 12);
    *site->rig->oauth->clients[1] = odd; /* white box: the configuration allows it, the rig's has none */
    static const struct {
        const char *credentials;
        bool good;
    } rows[] = {
        {"smartthings:s3cret", true},
        {"smart%74hings:s3%63ret", true},
        {"a%3Ab+c%2B%2541:p%2Bw+%2541%26%C3%BC%3A%3D", true}, /* form-encoded, as the RFC has it */
        {"a%3ab%20c%2b%2541:p%2bw%20%2541%26%c3%bc%3a%3d", true},
        {"smartthings:s3cre", false},
        {"smartthings:", false},
        {":s3cret", false},
        {"smartthings", false},
        {"", false},
        {"nobody:s3cret", false},
        {"silent:", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        post_basic(site, rows[i].credentials, REFRESH "nonsense");
        if (rows[i].good) {
            assert_error(site, 400, "invalid_grant", "this is no refresh token of this bridge");
        } else {
            assert_error(site, 401, "invalid_client", "");
        }
    }
    odd.id = "plain";
    *site->rig->oauth->clients[1] = odd;
    post_basic(site, "plain:p+w %41&\xc3\xbc:=", REFRESH "nonsense"); /* not encoded at all */
    assert_error(site, 400, "invalid_grant", "");
    ask(site, "POST", "/oauth/token", FORM_TYPE "Authorization: bAsIc  c21hcnR0aGluZ3M6czNjcmV0\r\n", REFRESH "x");
    assert_error(site, 400, "invalid_grant", ""); /* the scheme's case does not matter (RFC 9110 11.1) */
}

static void test_body_client(void **state)
{
    struct site *site = *state;
    post(site, "/oauth/token", REFRESH "x&client_id=smartthings&client_secret=s3cret");
    assert_error(site, 400, "invalid_grant", "this is no refresh token");
    post(site, "/oauth/token", REFRESH "x&client_id=smart%74hings&client_secret=s3%63ret&unknown=parameter");
    assert_error(site, 400, "invalid_grant", ""); /* unknown parameters are ignored (RFC 6749 3.2) */
    static const char *const wrong[] = {"&client_id=smartthings&client_secret=wrong",
                                        "&client_id=nobody&client_secret=s3cret",
                                        "&client_id=smartthings",
                                        "&client_id=smartthings&client_secret=",
                                        "&client_secret=s3cret",
                                        "&client_id=silent&client_secret=x",
                                        ""};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char body[200];
        snprintf(body, sizeof body, REFRESH "x%s", wrong[i]);
        post(site, "/oauth/token", body);
        assert_error(site, 401, "invalid_client", "client_");
    }
}

/* ---- never both ---- */

static void test_both(void **state)
{
    struct site *site = *state;
    post_basic(site, "smartthings:s3cret", REFRESH "x" BODY_CLIENT);
    assert_error(site, 400, "invalid_request", "authenticated twice");
    post_basic(site, "smartthings:s3cret", REFRESH "x&client_secret=s3cret");
    assert_error(site, 400, "invalid_request", "authenticated twice");
    post_basic(site, "smartthings:s3cret", REFRESH "x&client_id=other");
    assert_error(site, 400, "invalid_request", "differ");
    post_basic(site, "smartthings:s3cret", REFRESH "x&client_id=smartthings"); /* says nothing new */
    assert_error(site, 400, "invalid_grant", "");
    post_basic(site, "smart%74hings:s3cret", REFRESH "x&client_id=smartthings");
    assert_error(site, 400, "invalid_grant", "");
    post_basic(site, "smartthings:s3cret", REFRESH "x&client_id=&client_secret="); /* as if omitted (RFC 6749 3.2) */
    assert_error(site, 400, "invalid_grant", "");
    ask(site, "POST", "/oauth/token", FORM_TYPE "Authorization: Bearer abc\r\n", REFRESH "x" BODY_CLIENT);
    assert_error(site, 401, "invalid_client", "not HTTP Basic");
    ask(site, "POST", "/oauth/token", FORM_TYPE "Authorization: Basic !!!\r\n", REFRESH "x" BODY_CLIENT);
    assert_error(site, 401, "invalid_client", "not HTTP Basic");
    assert_int_equal(ask(site, "POST", "/oauth/token",
                         FORM_TYPE "Authorization: Basic c21hcnR0aGluZ3M6czNjcmV0\r\nAuthorization: Basic YTpi\r\n",
                         REFRESH "x"),
                     400);
}

/* ---- requests that are none ---- */

static void test_malformed(void **state)
{
    struct site *site = *state;
    static const struct {
        const char *body, *error, *says;
    } rows[] = {
        {"" BODY_CLIENT, "invalid_request", "grant_type is missing"},
        {"grant_type=" BODY_CLIENT, "invalid_request", "grant_type is missing"},
        {"grant_type=authorization_code" BODY_CLIENT, "invalid_request", "code is missing"},
        {"grant_type=authorization_code&code=" BODY_CLIENT, "invalid_request", "code is missing"},
        {"grant_type=refresh_token" BODY_CLIENT, "invalid_request", "refresh_token is missing"},
        {"grant_type=refresh_token&code=x" BODY_CLIENT, "invalid_request", "refresh_token is missing"},
        {"grant_type=password&username=a&password=b" BODY_CLIENT, "unsupported_grant_type", "authorization_code"},
        {"grant_type=client_credentials" BODY_CLIENT, "unsupported_grant_type", ""},
        {"grant_type=Refresh_token&refresh_token=x" BODY_CLIENT, "unsupported_grant_type", ""},
        {REFRESH "x&refresh_token=y" BODY_CLIENT, "invalid_request", "given twice"},
        {REFRESH "x&client_id=smartthings" BODY_CLIENT, "invalid_request", "given twice"},
        {REFRESH "%zz" BODY_CLIENT, "invalid_request", "refresh_token has a broken percent escape"},
        {REFRESH "x&client_id=smartthings&client_secret=%", "invalid_request",
         "client_secret has a broken percent escape"},
        {REFRESH "x%00" BODY_CLIENT, "invalid_request", "broken percent escape"},
        {"%=x" BODY_CLIENT, "invalid_request", "the form cannot be read"},
        {"grant_type=authorization_code&code=nonsense" BODY_CLIENT, "invalid_grant", "this is no code of this bridge"},
        {"grant_type=authorization_code&code=\xff\"\\" BODY_CLIENT, "invalid_grant", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        post(site, "/oauth/token", rows[i].body);
        assert_error(site, 400, rows[i].error, rows[i].says);
    }
    ask(site, "POST", "/oauth/token", "Content-Type: text/plain\r\n", "{\"grant_type\":\"refresh_token\"}");
    assert_error(site, 400, "invalid_request", "application/x-www-form-urlencoded");
    ask(site, "POST", "/oauth/token", NULL, REFRESH "x" BODY_CLIENT);
    assert_error(site, 400, "invalid_request", "application/x-www-form-urlencoded");
    ask(site, "POST", "/oauth/token", "Content-Type: application/x-www-form-urlencodedx\r\n", REFRESH "x" BODY_CLIENT);
    assert_error(site, 400, "invalid_request", "application/x-www-form-urlencoded");
    ask(site, "POST", "/oauth/token", "Content-Type: Application/X-WWW-Form-Urlencoded; charset=UTF-8\r\n",
        REFRESH "x" BODY_CLIENT);
    assert_error(site, 400, "invalid_grant", "");
    ask(site, "POST", "/oauth/token?grant_type=refresh_token&refresh_token=x", FORM_TYPE, "" BODY_CLIENT);
    assert_error(site, 400, "invalid_request", "grant_type is missing"); /* parameters never come by the URL */
    char big[20000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    assert_int_equal(post(site, "/oauth/token", big), 413);
}

/* A failed authentication changes nothing, whatever was presented with it. */
static void test_wrong_secret_with_a_good_code(void **state)
{
    struct site *site = *state;
    char body[1000], access[OAUTH_TOKEN_MAX], token[OAUTH_TOKEN_MAX];
    const char *code = code_of(site);
    for (int i = 0; i < 3; i++) {
        snprintf(body, sizeof body, "grant_type=authorization_code&code=%s&client_id=smartthings&client_secret=no",
                 code);
        post(site, "/oauth/token", body);
        assert_error(site, 401, "invalid_client", "");
    }
    snprintf(body, sizeof body, "grant_type=authorization_code&code=%s&client_id=other&client_secret=0ther", code);
    post(site, "/oauth/token", body);
    assert_error(site, 400, "invalid_grant", "issued to another client");
    snprintf(body, sizeof body, "grant_type=authorization_code&code=%s&redirect_uri=" OTHER_CALLBACK BODY_CLIENT, code);
    post(site, "/oauth/token", body);
    assert_error(site, 400, "invalid_grant", "redirect_uri differs");
    snprintf(body, sizeof body, "grant_type=authorization_code&code=%s&redirect_uri=" BODY_CLIENT, code);
    post(site, "/oauth/token", body); /* an empty redirect_uri is none */
    assert_pair(site, access, token);
    assert_int_equal(verify(site->rig, access), 0);
    post(site, "/oauth/token", body);
    assert_error(site, 400, "invalid_grant", "RFC 6749 4.1.2");
    snprintf(body, sizeof body, REFRESH "%s" BODY_CLIENT, token);
    post(site, "/oauth/token", body);
    assert_error(site, 400, "invalid_grant", "link the account again");
}

/* ---- the store is unwell ---- */

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_disk_full(void **state)
{
    struct site *site = *state;
    char body[1000], access[OAUTH_TOKEN_MAX], token[OAUTH_TOKEN_MAX];
    snprintf(body, sizeof body, "grant_type=authorization_code&code=%s" BODY_CLIENT, code_of(site));
    signal(SIGXFSZ, SIG_IGN);
    set_file_limit(1);
    post(site, "/oauth/token", body);
    set_file_limit(0);
    assert_error(site, 503, "temporarily_unavailable", "no space to write");
    assert_string_equal(header(site, "Retry-After"), "30");
    post(site, "/oauth/token", body);
    assert_pair(site, access, token);
}

static void test_key_lost(void **state)
{
    struct site *site = *state;
    site_close(site);
    store_close(site->rig->store);
    site->rig->keyless = true;
    rig_open(site->rig);
    site_open(site);
    static const char *const bodies[] = {REFRESH "nonsense" BODY_CLIENT,
                                         "grant_type=authorization_code&code=nonsense" BODY_CLIENT};
    for (size_t i = 0; i < 2; i++) {
        post(site, "/oauth/token", bodies[i]);
        assert_error(site, 503, "temporarily_unavailable", "the store or its key is missing");
    }
    post(site, "/oauth/token", REFRESH "x&client_id=smartthings&client_secret=wrong");
    assert_error(site, 401, "invalid_client", ""); /* that can still be judged */
}

/* As LIFX's token endpoint: a JSON object says the same as a form. */
static void test_json(void **state)
{
    struct site *site = *state;
    char access[OAUTH_TOKEN_MAX], refresh_token[OAUTH_TOKEN_MAX];
    struct str body = STR_INIT;
    str_printf(&body,
               "{\"grant_type\":\"authorization_code\",\"code\":\"%s\",\"redirect_uri\":\"" CALLBACK
               "\",\"client_id\":\"smartthings\",\"client_secret\":\"s3cret\",\"scope\":null}",
               code_of(site));
    ask(site, "POST", "/oauth/token", "Content-Type: application/json; charset=utf-8\r\n", str_z(&body));
    assert_pair(site, access, refresh_token);
    str_done(&body);
    static const struct {
        const char *body, *says;
    } wrongs[] = {
        {"{", "the JSON cannot be read"},
        {"[]", "it is no JSON object"},
        {"{\"grant_type\":1}", "a member is no text"},
        {"{\"code\":\"a\",\"code\":\"b\"}", "duplicate key"},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        ask(site, "POST", "/oauth/token", "Content-Type: application/json\r\n", wrongs[i].body);
        assert_error(site, 400, "invalid_request", wrongs[i].says);
    }
    ask(site, "POST", "/oauth/token", "Content-Type: application/json\r\n",
        "{\"grant_type\":\"refresh_token\",\"client_id\":\"smartthings\",\"client_secret\":\"a&b=c\"}");
    assert_error(site, 401, "invalid_client", "client_secret is not");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(test_json),
        S(test_pair_and_refresh),
        S(test_basic),
        S(test_body_client),
        S(test_both),
        S(test_malformed),
        S(test_wrong_secret_with_a_good_code),
        S(test_disk_full),
        S(test_key_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
