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

void page_unwell(struct http_exchange *x, int err)
{
    struct str text = STR_INIT;
    str_printf(
        &text,
        "The bridge cannot do this now: %s. Nothing is lost and existing links stay; whoever looks after the bridge "
        "finds the reason in its log. Please try again in a minute.",
        err_text(err));
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

void page_login(struct http_exchange *x, const struct pending *p, int status, const char *name, const char *error,
                unsigned retry_after)
{
    static const char *const words[] = {"", "see", "drive", "see and to drive"}; /* by SCOPE_* */
    struct str body = STR_INIT;
    const struct http_variable v[] = {{"client", oauth_client_name(p->client)},
                                      {"what", words[scopes_of(p)]},
                                      {"request", p->login_id},
                                      {"name", name},
                                      {"error", error}};
    FILL(&body, login_template, v);
    retry_header(x, retry_after);
    http_answer_page(x, status, "Log in", &body, NULL);
}

void page_login_later(struct http_exchange *x, const struct pending *p, const char *name, unsigned wait_s)
{
    struct str text = STR_INIT;
    if (wait_s == 0) {
        page_login(x, p, 503, name, "Too many are logging in right now. Please try again in a few seconds.", 5);
        return;
    }
    str_printf(&text, "There were several wrong passwords. Please wait %u second%s, then try again.", wait_s,
               wait_s == 1 ? "" : "s");
    page_login(x, p, 429, name, str_z(&text), wait_s);
    str_done(&text);
}

void page_consent(struct http_exchange *x, const struct pending *p)
{
    struct str body = STR_INIT;
    struct str origin = STR_INIT;
    struct url url;
    if (url_parse(p->redirect_uri, &url) == 0) {
        url_origin(&origin, &url);
    }
    const struct http_variable v[] = {{"client", oauth_client_name(p->client)},
                                      {"request", p->id},
                                      {"account", p->account},
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
    http_answer_page(x, 200, "Allow access", &body, origin.len > 0 ? str_z(&origin) : NULL);
    str_done(&origin);
}

void page_redirect(struct http_exchange *x, const char *location)
{
    http_add_header(x, "Location", location);
    http_add_header(x, "Cache-Control", "no-store");
    http_add_header(x, "Referrer-Policy", "no-referrer");
    http_answer(x, 303, NULL, NULL); /* a 307 would post the form, password and all, to the client */
}
