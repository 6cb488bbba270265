/* The browser of the person who links: authorize, login, consent, and the way back. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "base/url.h"
#include "rehearsal/internal.h"
#include "rehearsal/page.h"
#include "rehearsal/redirect.h"

#define FORM "application/x-www-form-urlencoded"
/* A state in which whatever decodes and encodes anew changes something. */
#define STATE "raw+plus%2bhex%7Etilde%20space%26amp%3D%C3%BC.-_~!*'();:@/?"
#define SCOPE "devices"
#define SMARTAPP_REDIRECT_URI "https://api.smartthings.com/oauth/callback" /* facts 2.4 */
#define HOPS_MAX 5u /* redirects from a form to the page that it leads to */

static void authorized(void *user, const struct fetch_result *result);
static void logged_in(void *user, const struct fetch_result *result);
static void consented(void *user, const struct fetch_result *result);

/* ---- pages ---- */

static void fail_by_page(struct rehearsal *r, const struct fetch_result *result)
{
    struct str says = STR_INIT;
    page_says(&says, result->body, result->body_len);
    step_fail(r, "status %d%s%s", result->status, says.len > 0 ? ", a page that says: " : "", str_z(&says));
    str_done(&says);
}

static bool is_redirect(int status)
{
    return status >= 300 && status < 400;
}

/* No page that the step can go on with: the act has failed. */
static bool failed(struct rehearsal *r, const struct fetch_result *result)
{
    r->call = NULL;
    if (result->result != 0) {
        step_fail(r, "no answer: %s", result->why);
        return true;
    }
    if (is_redirect(result->status)) {
        const char *location = fetch_answer_header(result, "Location");
        struct str why = STR_INIT;
        struct str code = STR_INIT;
        if (!location) {
            str_add_z(&why, "a redirect without Location");
        } else if (redirect_read(location, r->back_to, str_z(&r->state), &code, &why) == 0) {
            str_add_z(&why, "a code was given before the person allowed it");
        }
        step_fail(r, "%s", str_z(&why));
        str_done(&code);
        str_done(&why);
        return true;
    }
    if (result->status != 200) {
        fail_by_page(r, result);
        return true;
    }
    return false;
}

/* The cookie that binds the forms to this browser. */
static void keep_cookie(struct rehearsal *r, const struct fetch_result *result)
{
    const char *cookie = fetch_answer_header(result, "Set-Cookie");
    if (cookie) {
        str_clear(&r->cookie);
        str_add(&r->cookie, cookie, strcspn(cookie, ";"));
    }
}

/* A form may be sent to its own origin only: the path, or NULL. */
static const char *form_path(const struct rehearsal *r, const struct page_form *form, const char *page)
{
    size_t len = strlen(r->config.url);
    const char *action = form->action;
    if (action[0] == '\0') {
        return page;
    }
    if (strncmp(action, r->config.url, len) == 0) {
        action += len;
    }
    return action[0] == '/' && action[1] != '/' ? action : NULL;
}

static void submit(struct rehearsal *r, const struct page_form *form, const char *page, const struct page_field *button,
                   fetch_done_fn *done)
{
    struct str body = STR_INIT;
    const char *path = form_path(r, form, page);
    if (!path || !form->post) {
        step_fail(r, !path ? "the form is not sent to the bridge but to %s" : "the form to %s is not posted",
                  form->action);
        return;
    }
    str_printf(&r->step.did, "POST %s", path);
    page_fill(&body, form, r->config.account, r->config.password, button);
    ask_bridge(
        r, &(struct asked){.method = "POST", .path = path, .type = FORM, .cookie = str_z(&r->cookie), .body = &body},
        done);
    secrets_wipe(body.data, body.len);
    str_done(&body);
}

/* ---- the steps ---- */

void browser_new_state(struct rehearsal *r)
{
    str_clear(&r->state);
    str_add_z(&r->state, STATE);
    secrets_random_text(&r->state, 24);
    r->state_used = false;
}

static void go(struct rehearsal *r, const struct str *path, const char *back_to, next_fn *with_code)
{
    r->back_to = back_to;
    r->with_code = with_code;
    r->hops = 0;
    str_clear(&r->cookie);
    step_begin(r, "authorize", "a page with a login form", "GET %s/oauth/authorize", r->config.url);
    ask_bridge(r, &(struct asked){.method = "GET", .path = str_z(path)}, authorized);
}

static void use_state(struct rehearsal *r)
{
    if (r->state_used) {
        browser_new_state(r);
    }
    r->state_used = true;
}

int rehearsal_link(struct rehearsal *r, rehearsal_done_fn *done, void *user)
{
    struct str path = STR_INIT;
    int err = act_begin(r, done, user);
    if (err != 0) {
        return err;
    }
    use_state(r);
    str_add_z(&path, "/oauth/authorize?client_id=");
    url_encode(&path, r->config.client_id, strlen(r->config.client_id));
    str_add_z(&path, "&response_type=code&redirect_uri=");
    url_encode(&path, r->config.redirect_uri, strlen(r->config.redirect_uri));
    str_printf(&path, "&scope=" SCOPE "&state=%s", str_z(&r->state));
    go(r, &path, r->config.redirect_uri, NULL);
    str_done(&path);
    return 0;
}

void browser_go(struct rehearsal *r, const char *path, next_fn *with_code)
{
    struct str whole = STR_INIT;
    use_state(r);
    str_printf(&whole, "%s&state=%s", path, str_z(&r->state));
    go(r, &whole, SMARTAPP_REDIRECT_URI, with_code);
    str_done(&whole);
}

static void authorized(void *user, const struct fetch_result *result)
{
    struct rehearsal *r = user;
    struct page page;
    if (failed(r, result)) {
        return;
    }
    keep_cookie(r, result);
    page_read(&page, result->body, result->body_len);
    const struct page_form *form = page_login_form(&page);
    if (!form) {
        fail_by_page(r, result);
    } else {
        step_pass(r, "the login page");
        step_begin(r, "login", "a page with a button to allow access", "as %s: ", r->config.account);
        submit(r, form, "/oauth/authorize", NULL, logged_in);
    }
    page_done(&page);
}

/* A form may be answered with a redirect to a page of the same bridge, where the browser goes; true: it is under way.
 */
static bool follow(struct rehearsal *r, const struct fetch_result *result, fetch_done_fn *done)
{
    size_t len = strlen(r->config.url);
    const char *location = result->result == 0 && is_redirect(result->status) && r->hops < HOPS_MAX
                               ? fetch_answer_header(result, "Location")
                               : NULL;
    if (location && strncmp(location, r->config.url, len) == 0) {
        location += len;
    }
    if (!location || location[0] != '/' || location[1] == '/') {
        return false;
    }
    r->hops++;
    r->call = NULL;
    keep_cookie(r, result);
    ask_bridge(r, &(struct asked){.method = "GET", .path = location, .cookie = str_z(&r->cookie)}, done);
    return true;
}

static void logged_in(void *user, const struct fetch_result *result)
{
    struct rehearsal *r = user;
    struct page page;
    if (follow(r, result, logged_in) || failed(r, result)) {
        return;
    }
    keep_cookie(r, result);
    page_read(&page, result->body, result->body_len);
    const struct page_form *form = page_consent_form(&page);
    if (!form) {
        fail_by_page(r, result);
    } else {
        step_pass(r, "the consent page");
        step_begin(r, "consent", "303 to SmartThings, with a code and the very state that was sent", "Allow: ");
        submit(r, form, "/oauth/login", page_allow_button(form), consented);
    }
    page_done(&page);
}

static void linked(struct rehearsal *r)
{
    act_end(r, 0);
}

static void consented(void *user, const struct fetch_result *result)
{
    struct rehearsal *r = user;
    struct str why = STR_INIT;
    const char *location = result->result == 0 ? fetch_answer_header(result, "Location") : NULL;
    r->call = NULL;
    if (result->result != 0) {
        step_fail(r, "no answer: %s", result->why);
    } else if (result->status == 307 || result->status == 308) {
        step_fail(r, "status %d: a browser would post the form to SmartThings; 303 is right", result->status);
    } else if (!is_redirect(result->status) || !location) {
        fail_by_page(r, result);
    } else {
        str_clear(&r->code);
        if (redirect_read(location, r->back_to, str_z(&r->state), &r->code, &why) != 0) {
            step_fail(r, "%s", str_z(&why));
        } else {
            step_pass(r, "%d with a code, and state byte for byte", result->status);
            if (r->with_code) {
                r->with_code(r);
            } else {
                partner_token(r, false, linked);
            }
        }
    }
    str_done(&why);
}
