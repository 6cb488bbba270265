/* The login page and its form: who gets on, which browser may, what a second press does. */
#include "unit/account/browser.h"

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
    assert_int_equal(site_receive(site, one), 303);
    assert_int_equal(site_receive(site, two), 303);
    assert_int_equal(follow(site), 200);
    assert_has(site, "Allow SmartThings?");
    assert_int_equal(press(site, form_id(site), "allow"), 303);
}

static void test_busy(void **state)
{
    struct site *site = *state;
    struct answer a[OAUTH_LOGIN_QUEUE + 1] = {{0}};
    open_login(site, "");
    for (int i = 0; i <= OAUTH_LOGIN_QUEUE; i++) {
        oauth_login(site->rig->oauth, &(struct oauth_login){.name = "nobody", .password = PASSWORD, .side = "public"},
                    note_done, &a[i]);
    }
    site->rig->oauth->queue_len += 100; /* however fast this machine hashes */
    log_in_as(site, form_id(site), "anna", PASSWORD);
    site->rig->oauth->queue_len -= 100;
    assert_page(site, 503);
    assert_string_equal(header(site, "Retry-After"), "5");
    assert_has(site, "Too many are logging in right now");
    assert_int_equal(blamed(site), CAUSE_LOGIN_BUSY);
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
        assert_int_equal(site->status, 303);
        follow(site);
        assert_page(site, 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(test_login),
        S(test_consent_without_login),
        S(test_another_browser),
        S(test_login_pressed_twice),
        S(test_two_logins_at_once),
        S(test_busy),
        S(test_forms_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
