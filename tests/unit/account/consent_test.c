/* Allow and Deny: one answer however often it is pressed, a link only after Allow, and what happens when it cannot be
 * made. */
#include "unit/account/browser.h"

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
    assert_string_equal(form_id(site), id);
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
    /* presented again the code would end the link: the way back is closed, and the page says why */
    press(site, id, "allow");
    assert_page(site, 400);
    assert_has(site, "You have allowed SmartThings, as anna. The app has taken it up.");
    assert_has_not(site, "code=");
    assert_true(oauth_link_alive(link));
}

/* The addresses of the pages are GETs: reload and the back button show what is the case. */
static void test_pages_again(void **state)
{
    struct site *site = *state;
    char login[100], consent[100];
    open_login(site, "&state=x");
    snprintf(login, sizeof login, "/oauth/login?request=%s", form_id(site));
    assert_int_equal(ask(site, "GET", login, NULL, NULL), 200);
    assert_string_equal(form_id(site), login + strlen("/oauth/login?request="));
    char body[200];
    snprintf(body, sizeof body, "request=%s&username=anna&password=correct+horse", form_id(site));
    assert_int_equal(post(site, "/oauth/login", body), 303);
    snprintf(consent, sizeof consent, "%s", header(site, "Location"));
    assert_memory_equal(consent, "/oauth/consent?request=", strlen("/oauth/consent?request="));
    assert_int_equal(ask(site, "GET", consent, NULL, NULL), 200);
    assert_has(site, "Allow SmartThings?");
    /* what allows it is in the form and not in the address, which logs and histories keep */
    assert_string_not_equal(form_id(site), consent + strlen("/oauth/consent?request="));
    press(site, consent + strlen("/oauth/consent?request="), "allow");
    assert_page(site, 200); /* asked again */
    assert_null(oauth_link_next(site->rig->oauth, NULL));
    /* a wrong password on the page before says so there, and not here */
    log_in_as(site, login + strlen("/oauth/login?request="), "anna", "wrong one");
    assert_page(site, 403);
    assert_int_equal(ask(site, "GET", consent, NULL, NULL), 200);
    assert_has_not(site, "Wrong account");
    assert_int_equal(press(site, form_id(site), "allow"), 303);
    ask(site, "GET", consent, NULL, NULL);
    assert_page(site, 400);
    assert_has(site, "You have allowed SmartThings, as anna.");
    assert_has(site, "&amp;state=x\">go on to SmartThings</a>");
    ask(site, "GET", login, NULL, NULL);
    assert_page(site, 400);
    assert_has(site, "answered already");
    site->cookie[0] = 0; /* of another browser */
    ask(site, "GET", consent, NULL, NULL);
    assert_page(site, 400);
    assert_has_not(site, "code=");
    ask(site, "GET", "/oauth/consent", NULL, NULL);
    assert_page(site, 400);
    ask(site, "GET", "/oauth/login?request=a&request=b", NULL, NULL);
    assert_page(site, 400);
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
    assert_int_equal(blamed(site), CAUSE_ACCOUNT_REMOVED);
}

/* Whoever logged in with the old password may be why it was changed. */
static void test_password_changed_while_linking(void **state)
{
    struct site *site = *state;
    struct answer changed = {0};
    open_login(site, "");
    log_in_as(site, form_id(site), "anna", PASSWORD);
    assert_int_equal(oauth_account_password(site->rig->oauth, "anna", "another password", note_done, &changed, NULL),
                     0);
    assert_int_equal(wait_for_answer(site->rig, &changed), 0);
    press(site, form_id(site), "allow");
    assert_null(oauth_link_next(site->rig->oauth, NULL));
    assert_page(site, 403);
    assert_has(site, "The password was changed");
    assert_int_equal(log_in_as(site, form_id(site), "anna", PASSWORD), 403);
    assert_int_equal(log_in_as(site, form_id(site), "anna", "another password"), 200);
    assert_int_equal(press(site, form_id(site), "allow"), 303);
    assert_non_null(oauth_link_next(site->rig->oauth, NULL));
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
    assert_int_equal(blamed(site), CAUSE_STORE_UNWELL);
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
    oauth_login(site->rig->oauth, &(struct oauth_login){.name = "anna", .password = PASSWORD, .side = "public"},
                note_done, &other);
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
        S(test_allow),
        S(test_pages_again),
        S(test_allow_twice_at_once),
        S(test_deny),
        S(test_too_old),
        S(test_two_tabs),
        S(test_many_begin),
        S(test_account_removed_while_linking),
        S(test_password_changed_while_linking),
        S(test_disk_full),
        S(test_key_lost),
        S(test_stopped_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
