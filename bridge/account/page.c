/* The pages a person sees while linking: made for a phone's web view, readable on every path. */
#include <stdlib.h>
#include <string.h>

#include "account/account_internal.h"
#include "base/err.h"
#include "base/url.h"

static const char error_template[] =
    "<main>\n<div class=\"card\">\n<h1>{{title}}</h1>\n<p>{{text}}</p>\n</div>\n</main>\n";

static const char cannot_link[] = "This link cannot be made";

static const char redirect_template[] =
    "<main>\n<div class=\"card\">\n<h1>{{title}}</h1>\n"
    "{{#got}}<p>The app asks to be sent to <code>{{got}}</code>, which is not among the addresses that the bridge "
    "knows "
    "for it:</p>\n{{/got}}"
    "{{#none}}<p>The app does not say where it wants to be sent back to: redirect_uri is missing in its request. The "
    "bridge knows these addresses for it:</p>\n{{/none}}"
    "<ul>{{{list}}}</ul>\n"
    "<p>They must be the same, to the last character. {{#configured}}In the bridge's configuration the list is "
    "<code>smartthings.redirect_uris</code>.{{/configured}}{{#added}}They were given to <code>lightbridge client "
    "add</code>.{{/added}}</p>\n</div>\n</main>\n";

static const char login_template[] =
    "<main>\n<div class=\"card\">\n<h1>Log in to link your lights</h1>\n"
    "<p>{{client}} asks to {{what}} the lights of this house. Log in with an account of this bridge.</p>\n"
    "{{#error}}<p class=\"error\" role=\"alert\">{{error}}</p>\n{{/error}}"
    "<form method=\"post\" action=\"/oauth/login\">\n"
    "<input type=\"hidden\" name=\"request\" value=\"{{request}}\">\n"
    "<label for=\"username\">Account</label>\n"
    "<input type=\"text\" id=\"username\" name=\"username\" value=\"{{name}}\" maxlength=\"64\" required "
    "autocomplete=\"username\" autocapitalize=\"none\" autocorrect=\"off\" spellcheck=\"false\">\n"
    "<label for=\"password\">Password</label>\n"
    "<input type=\"password\" id=\"password\" name=\"password\" maxlength=\"1024\" required "
    "autocomplete=\"current-password\">\n"
    "<button type=\"submit\">Log in</button>\n</form>\n</div>\n</main>\n";

static const char consent_template[] =
    "<main>\n<div class=\"card\">\n<h1>Allow {{client}}?</h1>\n"
    "{{#error}}<p class=\"error\" role=\"alert\">{{error}}</p>\n{{/error}}"
    "<p>You are logged in as <strong>{{account}}</strong>. If you allow it, {{client}} can:</p>\n"
    "<ul>{{#read}}<li>see the lights that are exposed to it, and their state</li><li>be told when they change</li>"
    "{{/read}}{{#control}}<li>switch, dim and colour them</li>{{/control}}</ul>\n"
    "<p class=\"small\">You will be sent back to <code>{{origin}}</code>. The link can be ended at any time, in the "
    "app "
    "or with <code>lightbridge unlink</code>.</p>\n"
    "<form method=\"post\" action=\"/oauth/consent\">\n"
    "<input type=\"hidden\" name=\"request\" value=\"{{request}}\">\n"
    "<button type=\"submit\" name=\"decision\" value=\"allow\">Allow</button>\n"
    "<button type=\"submit\" name=\"decision\" value=\"deny\" class=\"quiet\">Do not allow</button>\n"
    "</form>\n</div>\n</main>\n";

static const char answered_template[] =
    "<main>\n<div class=\"card\">\n<h1>{{title}}</h1>\n<p>{{text}}</p>\n"
    "{{#onward}}<p>If the app does not come by itself: <a href=\"{{onward}}\">go on to {{client}}</a>.</p>\n{{/onward}}"
    "</div>\n</main>\n";

#define FILL(out, template, variables) http_fill(out, template, variables, sizeof(variables) / sizeof((variables)[0]))

static void retry_header(struct http_exchange *x, unsigned retry_after)
{
    if (retry_after > 0) {
        struct str seconds = STR_INIT;
        str_printf(&seconds, "%u", retry_after);
        http_add_header(x, "Retry-After", str_z(&seconds));
        str_done(&seconds);
    }
}

void page_error(struct http_exchange *x, int status, const char *title, const char *text, unsigned retry_after)
{
    struct str body = STR_INIT;
    const struct http_variable v[] = {{"title", title}, {"text", text}};
    FILL(&body, error_template, v);
    retry_header(x, retry_after);
    http_answer_page(x, status, title, &body, NULL);
}

void page_wrong_redirect(struct http_exchange *x, const struct oauth_client *client, const char *got)
{
    struct str body = STR_INIT, list = STR_INIT;
    for (const char *const *uri = oauth_client_redirects(client); *uri; uri++) {
        str_add_z(&list, "<li><code>");
        http_escape(&list, *uri);
        str_add_z(&list, "</code></li>");
    }
    const struct http_variable v[] = {{"title", cannot_link},
                                      {"got", got},
                                      {"none", got ? NULL : "1"},
                                      {"list", str_z(&list)},
                                      {"configured", oauth_client_configured(client) ? "1" : NULL},
                                      {"added", oauth_client_configured(client) ? NULL : "1"}};
    FILL(&body, redirect_template, v);
    http_answer_page(x, 400, cannot_link, &body, NULL);
    str_done(&list);
}

/* What a notice says, and with which status. */
static const struct {
    int status;
    const char *text;
} notices[NOTICE_COUNT] = {
    [NOTICE_NONE] = {200, NULL},
    [NOTICE_INCOMPLETE] = {400, "Please fill in both fields."},
    [NOTICE_WRONG] = {403, "Wrong account or password."},
    [NOTICE_CHANGED] = {403, "The password was changed while you were linking. Please log in with the new one."},
    [NOTICE_WAIT] = {429, NULL}, /* says how long */
    [NOTICE_BUSY] = {503, "Too many are logging in right now. Please try again in a few seconds."},
    [NOTICE_TOO_MANY_LINKS] = {503, "The bridge holds as many links as it can. Whoever looks after it ends some that "
                                    "are no longer used with: lightbridge unlink. Then allow it again."},
    [NOTICE_REMOVED] = {400, "The account or the app was removed while you were linking. Please start again in the "
                             "app, with another account."},
    [NOTICE_UNWELL] = {503, NULL}, /* says why */
};

static void unwell_text(struct str *text, int err)
{
    str_printf(text,
               "The bridge cannot do this now: %s. Nothing is lost and existing links stay; whoever looks after the "
               "bridge finds the reason in its log. Please try again in a minute.",
               err_text(err));
}

void page_unwell(struct http_exchange *x, int err)
{
    struct str text = STR_INIT;
    unwell_text(&text, err);
    page_error(x, 503, "Please try again", str_z(&text), 60);
    str_done(&text);
}

static unsigned scopes_of(const struct pending *p)
{
    unsigned scopes = SCOPE_ALL;
    if (!oauth_client_webhook(p->client)) {
        (void)scope_parse(p->scope, &scopes);
    }
    return scopes;
}

/* The sentence of the pending's notice, its status and Retry-After; one whose time has come says nothing more. */
static int say_notice(struct http_exchange *x, const struct account *account, const struct pending *p,
                      enum pending_name page, struct str *text)
{
    enum notice_kind what = p->notice.page == page ? p->notice.what : NOTICE_NONE;
    uint64_t past_s = (loop_now(account->loop) - p->notice_since) / 1000;
    unsigned left_s = p->notice.after_s > past_s ? p->notice.after_s - (unsigned)past_s : 0;
    if (what == NOTICE_NONE || (p->notice.after_s > 0 && left_s == 0)) {
        return notices[NOTICE_NONE].status;
    }
    if (what == NOTICE_WAIT) {
        str_printf(text, "There were several wrong passwords. Please wait %u second%s, then try again.", left_s,
                   left_s == 1 ? "" : "s");
    } else if (what == NOTICE_UNWELL) {
        unwell_text(text, p->notice.err);
    } else if (notices[what].text) {
        str_add_z(text, notices[what].text);
    }
    retry_header(x, left_s);
    return notices[what].status;
}

void page_login(struct http_exchange *x, const struct account *account, const struct pending *p)
{
    static const char *const words[] = {"", "see", "drive", "see and to drive"}; /* by SCOPE_* */
    struct str body = STR_INIT, error = STR_INIT;
    int status = say_notice(x, account, p, NAME_LOGIN, &error);
    const struct http_variable v[] = {{"client", oauth_client_name(p->client)},
                                      {"what", words[scopes_of(p)]},
                                      {"request", p->login_id},
                                      {"name", p->tried},
                                      {"error", str_z(&error)}};
    FILL(&body, login_template, v);
    http_answer_page(x, status, "Log in", &body, NULL);
    str_done(&error);
}

void page_consent(struct http_exchange *x, const struct account *account, const struct pending *p)
{
    struct str body = STR_INIT, error = STR_INIT;
    int status = say_notice(x, account, p, NAME_CONSENT_PAGE, &error);
    struct str origin = STR_INIT;
    struct url url;
    if (url_parse(p->redirect_uri, &url) == 0) {
        url_origin(&origin, &url);
    }
    const struct http_variable v[] = {{"client", oauth_client_name(p->client)},
                                      {"request", p->id},
                                      {"account", p->account},
                                      {"error", str_z(&error)},
                                      {"read", scopes_of(p) & SCOPE_READ ? "1" : NULL},
                                      {"control", scopes_of(p) & SCOPE_CONTROL ? "1" : NULL},
                                      {"origin", str_z(&origin)}};
    FILL(&body, consent_template, v);
    /* Chromium follows the redirect that answers a form only where form-action names its target, and so it is with
       every redirect behind that one. Where the client sends the browser next is its own business: any place of that
       scheme. */
    if (origin.len > 0) {
        str_printf(&origin, " %s:", url.scheme);
    }
    http_answer_page(x, status, "Allow access", &body, origin.len > 0 ? str_z(&origin) : NULL);
    str_done(&origin);
    str_done(&error);
}

void page_answered(struct http_exchange *x, const struct pending *p)
{
    const char *title =
        p->notice.what == NOTICE_REMOVED ? "This cannot be linked any more" : "This has been answered already";
    struct str body = STR_INIT, text = STR_INIT;
    const char *client = oauth_client_name(p->client);
    bool onward = pending_may_go_on(p);
    if (p->notice.what == NOTICE_REMOVED) {
        str_add_z(&text, notices[NOTICE_REMOVED].text);
    } else if (p->step == STEP_DONE && !p->link) {
        str_printf(&text,
                   "You did not allow it, and %s was not linked. If you want to link it after all, start again in the "
                   "app.",
                   client);
    } else {
        str_printf(&text, "You have allowed %s, as %s.%s Nothing is left to do on this page: go back to the app.",
                   client, p->account, p->link && !onward ? " The app has taken it up." : "");
    }
    const struct http_variable v[] = {
        {"title", title}, {"text", str_z(&text)}, {"client", client}, {"onward", onward ? str_z(&p->location) : NULL}};
    FILL(&body, answered_template, v);
    http_answer_page(x, 400, title, &body, NULL);
    str_done(&text);
}

void page_redirect(struct http_exchange *x, const char *location)
{
    http_add_header(x, "Location", location);
    http_add_header(x, "Cache-Control", "no-store");
    http_add_header(x, "Referrer-Policy", "no-referrer");
    http_answer(x, 303, NULL, NULL); /* a 307 would post the form, password and all, to the client */
}
