/* The pages of linking: what they say when the app asks wrongly, and that nobody is sent where he must not be. */
#include "unit/account/browser.h"

/* A page for people: HTML, no redirect, no script, not kept, not framed. */
static void assert_page(const struct site *site, int status)
{
    assert_int_equal(site->status, status);
    assert_null(header(site, "Location"));
    assert_string_equal(header(site, "Content-Type"), "text/html; charset=utf-8");
    assert_string_equal(header(site, "Cache-Control"), "no-store");
    assert_string_equal(header(site, "X-Frame-Options"), "DENY");
    assert_string_equal(header(site, "Referrer-Policy"), "no-referrer");
    assert_non_null(strstr(header(site, "Content-Security-Policy"), "default-src 'none'"));
    assert_non_null(strstr(header(site, "Content-Security-Policy"), "frame-ancestors 'none'"));
    assert_has(site, "<h1>");
    assert_has(site, "</html>");
    assert_has_not(site, "<script");
}

/* ---- authorize ---- */

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
        {"&state=a%2bb", CALLBACK "?error=invalid_request&state=a%2bb"},
        {"&response_type=&state=x", CALLBACK "?error=invalid_request&state=x"},
        {"&response_type=token", CALLBACK "?error=unsupported_response_type"},
        {"&response_type=code%20token&state=", CALLBACK "?error=unsupported_response_type&state="},
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
    memset(target + len, 's', SCOPE_MAX + 1);
    target[len + (int)SCOPE_MAX + 1] = 0;
    assert_int_equal(ask(site, "GET", target, NULL, NULL), 303);
    assert_string_equal(header(site, "Location"), CALLBACK "?error=invalid_scope");
    assert_int_equal(site->account->count, 0); /* nothing is kept for a request that was refused */
}

static void test_methods(void **state)
{
    struct site *site = *state;
    static const char *const posts[] = {"/oauth/login", "/oauth/consent", "/oauth/token"};
    assert_int_equal(ask(site, "HEAD", AUTHORIZE, NULL, NULL), 200);
    assert_has_not(site, "<h1>");
    assert_int_equal(ask(site, "POST", AUTHORIZE, FORM_TYPE, "a=b"), 405);
    assert_string_equal(header(site, "Allow"), "GET, HEAD");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ask(site, "GET", posts[i], NULL, NULL), 405);
        assert_string_equal(header(site, "Allow"), "POST");
        assert_int_equal(ask(site, "PUT", posts[i], FORM_TYPE, "a=b"), 405);
        assert_int_equal(ask(site, "OPTIONS", posts[i], NULL, NULL), 405);
    }
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
}

/* ---- login ---- */

static void test_login(void **state)
{
    struct site *site = *state;
    open_login(site, "&state=x");
    assert_page(site, 200);
    assert_has(site, "SmartThings asks to see and to drive the lights");
    assert_has(site, "<label for=\"username\">");
    assert_has(site, "<label for=\"password\">");
    assert_has(site, "autocomplete=\"current-password\"");
    assert_has(site, "<html lang=\"en\">");
    assert_has(site, "name=\"viewport\"");
    assert_non_null(strstr(header(site, "Content-Security-Policy"), "form-action 'self'"));
    char id[TOKEN_CHARS + 1];
    strcpy(id, form_id(site));
    static const struct {
        const char *name, *password, *says;
        int status;
    } rows[] = {
        {"anna", "wrong one", "Wrong account or password.", 403},
        {"nobody", PASSWORD, "Wrong account or password.", 403}, /* the same words: a name is not found out here */
        {"anna", "", "Please fill in both fields.", 400},
        {"", PASSWORD, "Please fill in both fields.", 400},
        {"%3Cb%20x%3D%22%3E", "wrong one", "value=\"&lt;b x=&quot;&gt;\"", 403},
        {"anna%zz", PASSWORD, "Please fill in both fields.", 400},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        log_in_as(site, id, rows[i].name, rows[i].password);
        assert_page(site, rows[i].status);
        assert_has(site, rows[i].says);
        assert_has(site, "role=\"alert\"");
        assert_has_not(site, "wrong one");
        assert_string_equal(form_id(site), id);
    }
    assert_int_equal(log_in_as(site, id, "anna", PASSWORD), 200);
    assert_page(site, 200);
    assert_has(site, "Allow SmartThings?");
    assert_has(site, "<strong>anna</strong>");
    assert_has(site, "https://c2c-eu.smartthings.com");
    assert_string_not_equal(form_id(site), id); /* whoever knew the form before the login knows nothing now */
    assert_non_null(
        strstr(header(site, "Content-Security-Policy"), "form-action 'self' https://c2c-eu.smartthings.com https:"));
}

/* The consent form's id before the login is worth nothing. */
static void test_consent_without_login(void **state)
{
    struct site *site = *state;
    open_login(site, "");
    char id[TOKEN_CHARS + 1];
    strcpy(id, form_id(site));
    press(site, id, "allow");
    assert_page(site, 400);
    assert_has(site, "Please log in first.");
    assert_int_equal(log_in_as(site, id, "anna", PASSWORD), 200);
    press(site, id, "allow");
    assert_page(site, 400);
    assert_null(oauth_link_next(site->rig->oauth, NULL));
}

static void test_another_browser(void **state)
{
    struct site *site = *state;
    struct site thief = *site;
    open_login(site, "");
    char id[TOKEN_CHARS + 1];
    strcpy(id, form_id(site));
    static const char *const cookies[] = {"", "lightbridge_link=AAAAAAAAAAAAAAAAAAAAAA",
                                          "lightbridge_link=", "lightbridge_link=x"};
    thief.page = STR_INIT;
    for (size_t i = 0; i < 4; i++) {
        strcpy(thief.cookie, cookies[i]);
        log_in_as(&thief, id, "anna", PASSWORD);
        assert_page(&thief, 400);
        assert_has(&thief, cookies[i][0] ? "go back to the app" : "allow cookies");
    }
    assert_int_equal(log_in_as(site, id, "anna", PASSWORD), 200);
    strcpy(id, form_id(site));
    for (size_t i = 0; i < 4; i++) { /* a page of somebody else that posts this form (CSRF) */
        strcpy(thief.cookie, cookies[i]);
        press(&thief, id, "allow");
        assert_page(&thief, 400);
    }
    assert_null(oauth_link_next(site->rig->oauth, NULL));
    assert_int_equal(press(site, id, "allow"), 303);
    str_done(&thief.page);
}

/* A thumb presses twice, or the browser goes back: the password is checked anew and the way leads on. */
static void test_login_pressed_twice(void **state)
{
    struct site *site = *state;
    open_login(site, "");
    char id[TOKEN_CHARS + 1], first[TOKEN_CHARS + 1];
    strcpy(id, form_id(site));
    assert_int_equal(log_in_as(site, id, "anna", PASSWORD), 200);
    strcpy(first, form_id(site));
    assert_int_equal(log_in_as(site, id, "anna", "wrong one"), 403);
    assert_int_equal(log_in_as(site, id, "anna", PASSWORD), 200);
    assert_has(site, "Allow SmartThings?");
    assert_string_not_equal(form_id(site), first);
    assert_int_equal(press(site, form_id(site), "allow"), 303);
    log_in_as(site, id, "anna", PASSWORD);
    assert_page(site, 400);
    assert_has(site, "answered already");
}

static void test_two_logins_at_once(void **state)
{
    struct site *site = *state;
    char request[1000], body[200];
    open_login(site, "");
    snprintf(body, sizeof body, "request=%s&username=anna&password=correct+horse", form_id(site));
    snprintf(request, sizeof request,
             "POST /oauth/login HTTP/1.1\r\nHost: h\r\nConnection: close\r\nCookie: %s\r\n" FORM_TYPE
             "Content-Length: %zu\r\n\r\n%s",
             site->cookie, strlen(body), body);
    int one = site_send(site, request, strlen(request)), two = site_send(site, request, strlen(request));
    assert_int_equal(site_receive(site, one), 200);
    assert_int_equal(site_receive(site, two), 200);
    assert_has(site, "Allow SmartThings?");
    assert_int_equal(press(site, form_id(site), "allow"), 303);
}

static void test_busy(void **state)
{
    struct site *site = *state;
    struct answer a[OAUTH_LOGIN_QUEUE + 1] = {{0}};
    open_login(site, "");
    for (int i = 0; i <= OAUTH_LOGIN_QUEUE; i++) {
        oauth_login(site->rig->oauth, "nobody", PASSWORD, note_done, &a[i]);
    }
    site->rig->oauth->queue_len += 100; /* however fast this machine hashes */
    log_in_as(site, form_id(site), "anna", PASSWORD);
    site->rig->oauth->queue_len -= 100;
    assert_page(site, 503);
    assert_string_equal(header(site, "Retry-After"), "5");
    assert_has(site, "Too many are logging in right now");
    for (int i = 0; i <= OAUTH_LOGIN_QUEUE; i++) {
        while (a[i].count == 0) {
            loop_turn(site->rig->loop, true);
        }
    }
    assert_int_equal(log_in_as(site, form_id(site), "anna", PASSWORD), 200);
}

static void test_forms_that_cannot_be_read(void **state)
{
    struct site *site = *state;
    static const char *const targets[] = {"/oauth/login", "/oauth/consent"};
    for (size_t i = 0; i < 2; i++) {
        ask(site, "POST", targets[i], "Content-Type: application/json\r\n", "{}");
        assert_page(site, 400);
        ask(site, "POST", targets[i], NULL, "request=x");
        assert_page(site, 400);
        post(site, targets[i], "request=x&request=y");
        assert_page(site, 400);
        assert_has(site, "a field is given twice");
        post(site, targets[i], "");
        assert_page(site, 400);
    }
}

/* ---- consent ---- */

static void test_allow(void **state)
{
    struct site *site = *state;
    char location[1000], id[TOKEN_CHARS + 1];
    open_login(site, "&state=a%2bb");
    log_in_as(site, form_id(site), "anna", PASSWORD);
    strcpy(id, form_id(site));
    press(site, id, "perhaps"); /* neither: asked again */
    assert_page(site, 200);
    assert_has(site, "Allow SmartThings?");
    assert_int_equal(press(site, id, "allow"), 303);
    snprintf(location, sizeof location, "%s", header(site, "Location"));
    assert_memory_equal(location, CALLBACK "?code=", strlen(CALLBACK "?code="));
    assert_non_null(strstr(location, "&state=a%2bb"));
    assert_string_equal(header(site, "Cache-Control"), "no-store");
    assert_string_equal(header(site, "Referrer-Policy"), "no-referrer");
    /* pressed again, or Deny by somebody who changed his mind too late: the same answer, one link */
    assert_int_equal(press(site, id, "allow"), 303);
    assert_string_equal(header(site, "Location"), location);
    assert_int_equal(press(site, id, "deny"), 303);
    assert_string_equal(header(site, "Location"), location);
    struct oauth_link *link = oauth_link_next(site->rig->oauth, NULL);
    assert_null(oauth_link_next(site->rig->oauth, link));
    struct oauth_link_info info;
    oauth_link_info(link, &info);
    assert_string_equal(info.account, "anna");
    assert_string_equal(info.scope, "devices");
    char *code = strdup(location + strlen(CALLBACK "?code="));
    code[strcspn(code, "&")] = 0;
    assert_int_equal(redeem(site->rig, code).result, 0);
    free(code);
}

static void test_allow_twice_at_once(void **state)
{
    struct site *site = *state;
    char request[1000], body[200], location[1000];
    open_login(site, "");
    log_in_as(site, form_id(site), "anna", PASSWORD);
    snprintf(body, sizeof body, "request=%s&decision=allow", form_id(site));
    snprintf(request, sizeof request,
             "POST /oauth/consent HTTP/1.1\r\nHost: h\r\nConnection: close\r\nCookie: %s\r\n" FORM_TYPE
             "Content-Length: %zu\r\n\r\n%s",
             site->cookie, strlen(body), body);
    int one = site_send(site, request, strlen(request)), two = site_send(site, request, strlen(request));
    assert_int_equal(site_receive(site, one), 303);
    snprintf(location, sizeof location, "%s", header(site, "Location"));
    assert_int_equal(site_receive(site, two), 303);
    assert_string_equal(header(site, "Location"), location);
    struct oauth_link *link = oauth_link_next(site->rig->oauth, NULL);
    assert_null(oauth_link_next(site->rig->oauth, link));
}

static void test_deny(void **state)
{
    struct site *site = *state;
    char id[TOKEN_CHARS + 1];
    open_login(site, "&state=%7E");
    log_in_as(site, form_id(site), "anna", PASSWORD);
    strcpy(id, form_id(site));
    assert_int_equal(press(site, id, "deny"), 303);
    assert_string_equal(header(site, "Location"), CALLBACK "?error=access_denied&state=%7E");
    assert_int_equal(press(site, id, "allow"), 303); /* the answer has been given */
    assert_string_equal(header(site, "Location"), CALLBACK "?error=access_denied&state=%7E");
    assert_null(oauth_link_next(site->rig->oauth, NULL));
}

static void test_too_old(void **state)
{
    struct site *site = *state;
    char id[TOKEN_CHARS + 1];
    open_login(site, "");
    strcpy(id, form_id(site));
    site->account->pendings->since -= PENDING_LIFE_MS + 1;
    log_in_as(site, id, "anna", PASSWORD);
    assert_page(site, 400);
    assert_has(site, "not finished within ten minutes");
    open_login(site, "");
    log_in_as(site, form_id(site), "anna", PASSWORD);
    strcpy(id, form_id(site));
    site->account->pendings->since -= PENDING_LIFE_MS + 1;
    press(site, id, "allow");
    assert_page(site, 400);
    assert_int_equal(site->account->count, 0);
    assert_null(oauth_link_next(site->rig->oauth, NULL));
}

/* Two tabs of one browser share the cookie and both come to their end. */
static void test_two_tabs(void **state)
{
    struct site *site = *state;
    char first[TOKEN_CHARS + 1];
    open_login(site, "&state=one");
    strcpy(first, form_id(site));
    open_login(site, "&state=two");
    log_in_as(site, form_id(site), "anna", PASSWORD);
    press(site, form_id(site), "allow");
    assert_non_null(strstr(header(site, "Location"), "&state=two"));
    log_in_as(site, first, "anna", PASSWORD);
    press(site, form_id(site), "allow");
    assert_non_null(strstr(header(site, "Location"), "&state=one"));
}

/* Strangers who begin and never finish fill a bounded table; the newest are kept. */
static void test_many_begin(void **state)
{
    struct site *site = *state;
    char id[TOKEN_CHARS + 1];
    for (unsigned i = 0; i < PENDING_MAX + 20; i++) {
        site->cookie[0] = 0;
        open_login(site, "");
    }
    assert_int_equal(site->account->count, PENDING_MAX);
    strcpy(id, form_id(site));
    assert_int_equal(log_in_as(site, id, "anna", PASSWORD), 200);
}

static void test_account_removed_while_linking(void **state)
{
    struct site *site = *state;
    struct answer removed = {0};
    open_login(site, "");
    log_in_as(site, form_id(site), "anna", PASSWORD);
    oauth_account_remove(site->rig->oauth, "anna", note_done, &removed);
    assert_int_equal(wait_for_answer(site->rig, &removed), 0);
    press(site, form_id(site), "allow");
    assert_page(site, 400);
    assert_has(site, "removed while you were linking");
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
    char id[TOKEN_CHARS + 1];
    open_login(site, "");
    log_in_as(site, form_id(site), "anna", PASSWORD);
    strcpy(id, form_id(site));
    signal(SIGXFSZ, SIG_IGN);
    set_file_limit(1);
    press(site, id, "allow");
    set_file_limit(0);
    assert_page(site, 503);
    assert_string_equal(header(site, "Retry-After"), "60");
    assert_has(site, "no space to write");
    assert_int_equal(press(site, id, "allow"), 303); /* the same button, a minute later */
}

static void test_key_lost(void **state)
{
    struct site *site = *state;
    site_close(site);
    store_close(site->rig->store);
    site->rig->keyless = true;
    rig_open(site->rig);
    site_open(site);
    ask(site, "GET", AUTHORIZE, NULL, NULL);
    assert_page(site, 503);
    assert_string_equal(header(site, "Retry-After"), "60");
    assert_has(site, "existing links stay");
}

/* The bridge stops while a password is being hashed and a code written: the browser is told, nothing is touched later.
 */
static void test_stopped_in_the_middle(void **state)
{
    struct site *site = *state;
    char request[1000], body[200];
    open_login(site, "");
    log_in_as(site, form_id(site), "anna", PASSWORD);
    struct answer other = {0};
    snprintf(body, sizeof body, "request=%s&decision=allow", form_id(site));
    snprintf(request, sizeof request,
             "POST /oauth/consent HTTP/1.1\r\nHost: h\r\nConnection: close\r\nCookie: %s\r\n" FORM_TYPE
             "Content-Length: %zu\r\n\r\n%s",
             site->cookie, strlen(body), body);
    int fd = site_send(site, request, strlen(request));
    while (site->account->pendings->step != STEP_ISSUING) {
        loop_turn(site->rig->loop, true);
    }
    oauth_login(site->rig->oauth, "anna", PASSWORD, note_done, &other);
    store_close(site->rig->store); /* what was submitted is committed; its answer comes too late for the loop */
    site_close(site);
    assert_int_equal(other.result, ERR_CANCELLED);
    char bytes[100];
    (void)!read(fd, bytes, sizeof bytes);
    close(fd);
    rig_open(site->rig);
    site_open(site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(test_wrong_requests),
        S(test_errors_for_the_client),
        S(test_methods),
        S(test_cookie),
        S(test_no_account_yet),
        S(test_login),
        S(test_consent_without_login),
        S(test_another_browser),
        S(test_login_pressed_twice),
        S(test_two_logins_at_once),
        S(test_busy),
        S(test_forms_that_cannot_be_read),
        S(test_allow),
        S(test_allow_twice_at_once),
        S(test_deny),
        S(test_too_old),
        S(test_two_tabs),
        S(test_many_begin),
        S(test_account_removed_while_linking),
        S(test_disk_full),
        S(test_key_lost),
        S(test_stopped_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
