/* GET /oauth/authorize: what it says when the app asks wrongly, and that nobody is sent where he must not be. */
#include "unit/account/browser.h"

static void test_wrong_requests(void **state)
{
    struct site *site = *state;
    static const struct {
        const char *query, *says;
    } rows[] = {
        {"", "client_id is missing"},
        {"?client_id=", "client_id is missing"},
        {"?client_id=somebody&redirect_uri=https://evil.example/",
         "&quot;somebody&quot;, and the bridge knows no such client"},
        {"?client_id=%3Cb%3E", "&quot;&lt;b&gt;&quot;"},
        {"?client_id=%zz", "client_id is missing"},
        {"?client_id=smartthings&response_type=code", "redirect_uri is missing"},
        {"?client_id=smartthings&redirect_uri=", "redirect_uri is missing"},
        {"?client_id=smartthings&response_type=code&redirect_uri=https://evil.example/callback",
         "sent to <code>https://evil.example/callback</code>, which is not among the addresses"},
        {"?client_id=smartthings&response_type=code&redirect_uri=" CALLBACK "/",
         "<li><code>" CALLBACK "</code></li><li><code>" OTHER_CALLBACK "</code></li>"},
        {"?client_id=smartthings&redirect_uri=javascript:alert(1)", "javascript:alert(1)"},
        {"?client_id=smartthings&redirect_uri=%22%3E%3Cb%3E", "<code>&quot;&gt;&lt;b&gt;</code>"},
        {"?client_id=smartthings&client_id=smartthings", "a field is given twice"},
        {"?client_id=smartthings&redirect_uri=" CALLBACK "&state=a&state=b", "a field is given twice"},
        {"?client_id=smartthings&redirect_uri=" CALLBACK "&%=1", "a broken percent escape in a field"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char target[400];
        snprintf(target, sizeof target, "/oauth/authorize%s", rows[i].query);
        ask(site, "GET", target, NULL, NULL);
        assert_page(site, 400);
        assert_has(site, rows[i].says);
        assert_null(header(site, "Set-Cookie"));
    }
    char target[OAUTH_STATE_MAX + 400];
    int len = snprintf(target, sizeof target, AUTHORIZE "&state=");
    memset(target + len, 's', OAUTH_STATE_MAX + 1);
    target[len + OAUTH_STATE_MAX + 1] = 0;
    ask(site, "GET", target, NULL, NULL);
    assert_page(site, 400);
    assert_has(site, "state is longer than 4096 bytes");
    target[len + OAUTH_STATE_MAX] = 0;
    assert_int_equal(ask(site, "GET", target, NULL, NULL), 200);
}

/* What is wrong with a request whose redirect_uri is good, the client is told there (RFC 6749 4.1.2.1). */
static void test_errors_for_the_client(void **state)
{
    struct site *site = *state;
    static const struct {
        const char *query, *location;
    } rows[] = {
        {"&state=a%2bb", CALLBACK "?error=invalid_request&error_description=response_type%20is%20missing&state=a%2bb"},
        {"&response_type=&state=x",
         CALLBACK "?error=invalid_request&error_description=response_type%20is%20missing&state=x"},
        {"&response_type=token",
         CALLBACK "?error=unsupported_response_type&error_description=response_type%20must%20be%20code"},
        {"&response_type=code%20token&state=",
         CALLBACK "?error=unsupported_response_type&error_description=response_type%20must%20be%20code&state="},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char target[400];
        snprintf(target, sizeof target, "/oauth/authorize?client_id=smartthings&redirect_uri=" CALLBACK "%s",
                 rows[i].query);
        assert_int_equal(ask(site, "GET", target, NULL, NULL), 303);
        assert_string_equal(header(site, "Location"), rows[i].location);
        assert_string_equal(header(site, "Cache-Control"), "no-store");
    }
    char target[1000];
    int len = snprintf(target, sizeof target,
                       "/oauth/authorize?response_type=code&client_id=smartthings&redirect_uri=" CALLBACK "&scope=");
    memset(target + len, 's', SCOPE_TEXT_MAX + 1);
    target[len + (int)SCOPE_TEXT_MAX + 1] = 0;
    assert_int_equal(ask(site, "GET", target, NULL, NULL), 303);
    const char *scope_error = CALLBACK "?error=invalid_scope&error_description=";
    assert_memory_equal(header(site, "Location"), scope_error, strlen(scope_error));
    assert_int_equal(site->account->count, 0); /* nothing is kept for a request that was refused */
}

static void test_methods(void **state)
{
    struct site *site = *state;
    static const struct {
        const char *path, *allow;
    } rows[] = {{"/oauth/login", "GET, HEAD, POST"}, {"/oauth/consent", "GET, HEAD, POST"}, {"/oauth/token", "POST"}};
    assert_int_equal(ask(site, "HEAD", AUTHORIZE, NULL, NULL), 200);
    assert_has_not(site, "<h1>");
    assert_int_equal(ask(site, "POST", AUTHORIZE, FORM_TYPE, "a=b"), 405);
    assert_string_equal(header(site, "Allow"), "GET, HEAD");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ask(site, "PUT", rows[i].path, FORM_TYPE, "a=b"), 405);
        assert_string_equal(header(site, "Allow"), rows[i].allow);
        assert_int_equal(ask(site, "OPTIONS", rows[i].path, NULL, NULL), 405);
    }
    assert_int_equal(ask(site, "GET", "/oauth/token", NULL, NULL), 405);
    assert_int_equal(ask(site, "GET", "/oauth/authorize/", NULL, NULL), 404);
}

static void test_cookie(void **state)
{
    struct site *site = *state;
    open_login(site, "");
    const char *set = header(site, "Set-Cookie");
    assert_non_null(strstr(set, "lightbridge_link="));
    assert_non_null(strstr(set, "; HttpOnly"));
    assert_non_null(strstr(set, "; SameSite=Lax"));
    assert_non_null(strstr(set, "; Path=/oauth"));
    assert_non_null(strstr(set, "; Max-Age=600"));
    assert_null(strstr(set, "Secure")); /* a browser would not keep it over plain HTTP */
    assert_null(strstr(set, "Domain"));
    site_close(site);
    store_close(site->rig->store);
    rig_open(site->rig);
    site->public_url = "https://lights.example.org";
    site_open(site);
    open_login(site, "");
    assert_non_null(strstr(header(site, "Set-Cookie"), "; Secure"));
}

static void test_no_account_yet(void **state)
{
    struct site *site = *state;
    struct answer removed = {0};
    oauth_account_remove(site->rig->oauth, "anna", note_done, &removed);
    assert_int_equal(wait_for_answer(site->rig, &removed), 0);
    ask(site, "GET", AUTHORIZE, NULL, NULL);
    assert_page(site, 503);
    assert_has(site, "lightbridge account add NAME");
    assert_int_equal(blamed(site), CAUSE_NO_ACCOUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(test_wrong_requests), S(test_errors_for_the_client), S(test_methods), S(test_cookie), S(test_no_account_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
