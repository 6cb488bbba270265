/* What the link traces are told by the pages and by the token endpoint: facts here, sentences in oauth/trace_table.c.
   No password, code, secret or state is told, and no name that may be one of them by mistake. */
#include <stdlib.h>
#include <string.h>

#include "account/account_internal.h"
#include "base/err.h"
#include "base/json.h"
#include "base/secrets.h"
#include "base/url.h"

/* ---- authorize ---- */

void traced_authorize_refusal(struct account *account, const char *client_id, const char *redirect_uri,
                              enum trace_cause cause, const char *expected, const char *got)
{
    oauth_trace_begin(account->oauth, &(struct trace_origin){client_id, redirect_uri, false, false},
                      &(struct trace_note){TRACE_AUTHORIZE, TRACE_REFUSED, cause, expected, got});
}

void traced_unknown_client(struct account *account, const char *id)
{
    enum trace_cause cause = !id                                              ? CAUSE_NO_CLIENT_ID
                             : oauth_is_callback_pair(account->oauth, id, id) ? CAUSE_SWAPPED_CREDENTIALS
                                                                              : CAUSE_UNKNOWN_CLIENT;
    traced_authorize_refusal(account, id, NULL, cause, NULL, NULL);
}

/* SmartThings' callback of any region: https://c2c-REGION.smartthings.com/oauth/callback */
static bool is_smartthings_callback(const char *uri)
{
    static const char head[] = "https://c2c-", tail[] = ".smartthings.com/oauth/callback";
    size_t len = strlen(uri), region = strspn(uri + (strncmp(uri, head, sizeof head - 1) == 0 ? sizeof head - 1 : len),
                                              "abcdefghijklmnopqrstuvwxyz0123456789");
    return region > 0 && strcmp(uri + sizeof head - 1 + region, tail) == 0;
}

void traced_wrong_redirect(struct account *account, const struct oauth_client *client, const char *got)
{
    struct str expected = STR_INIT;
    for (const char *const *uri = oauth_client_redirects(client); *uri; uri++) {
        str_printf(&expected, "%s%s", expected.len > 0 ? " or " : "", *uri);
    }
    traced_authorize_refusal(account, oauth_client_id(client), got,
                             !got                           ? CAUSE_NO_REDIRECT_URI
                             : is_smartthings_callback(got) ? CAUSE_REDIRECT_URI_REGION
                                                            : CAUSE_REDIRECT_URI_MISMATCH,
                             str_z(&expected), got ? got : "no redirect_uri");
    str_done(&expected);
}

static void name_state(struct str *s, const struct pending *p)
{
    char prefix[9];
    if (p->state) {
        secrets_prefix(prefix, p->state, p->state_len);
        str_printf(s, "a state of %zu bytes, SHA-256 %s", p->state_len, prefix);
    } else {
        str_add_z(s, "no state");
    }
}

void traced_begin(struct account *account, struct pending *p)
{
    struct str got = STR_INIT;
    name_state(&got, p);
    p->trace = oauth_trace_begin(
        account->oauth, &(struct trace_origin){oauth_client_id(p->client), p->redirect_uri, false, p->rehearsal},
        &(struct trace_note){
            .step = TRACE_AUTHORIZE, .cause = p->state ? CAUSE_NONE : CAUSE_NO_STATE, .got = str_z(&got)});
    str_done(&got);
}

void traced(struct account *account, const struct pending *p, enum trace_step step, enum trace_outcome outcome,
            enum trace_cause cause)
{
    oauth_trace_note(account->oauth, p->trace, &(struct trace_note){step, outcome, cause, NULL, NULL});
}

/* ---- login, consent, code ---- */

static bool is_account(const struct account *account, const char *name)
{
    for (size_t i = 0; i < oauth_account_count(account->oauth); i++) {
        int64_t created_ms;
        if (strcmp(oauth_account_at(account->oauth, i, &created_ms), name) == 0) {
            return true;
        }
    }
    return false;
}

void traced_login(struct account *account, struct pending *p, const char *name, int result)
{
    if (result == 0) {
        p->trace = oauth_trace_login(
            account->oauth, p->trace,
            &(struct trace_origin){oauth_client_id(p->client), p->redirect_uri, true, p->rehearsal}, name);
        return;
    }
    struct str got = STR_INIT;
    bool known = is_account(account, name);
    if (known) {
        str_printf(&got, "a wrong password for %s", name);
    } else { /* it may be a password that was typed into the wrong field */
        str_printf(&got, "a name of %zu characters", strlen(name));
    }
    enum trace_cause cause = result == ERR_DENIED ? (known ? CAUSE_WRONG_PASSWORD : CAUSE_UNKNOWN_ACCOUNT)
                             : result == ERR_BUSY
                                 ? (oauth_login_wait_s(account->oauth) > 0 ? CAUSE_LOGIN_DELAYED : CAUSE_LOGIN_BUSY)
                                 : CAUSE_STORE_UNWELL;
    oauth_trace_note(account->oauth, p->trace,
                     &(struct trace_note){.step = TRACE_LOGIN,
                                          .outcome = TRACE_REFUSED,
                                          .cause = cause,
                                          .got = result == ERR_DENIED ? str_z(&got) : err_text(result)});
    str_done(&got);
}

/* What is odd about the public URL, should SmartThings not come to it. Its port the configuration has checked. */
static enum trace_cause odd_address(const struct account *account, const struct pending *p, struct str *got)
{
    struct url url;
    if (!oauth_client_webhook(p->client) || !account->public_url || url_parse(account->public_url, &url) != 0) {
        return CAUSE_NONE;
    }
    if (strcmp(url.scheme, "https") != 0) {
        str_printf(got, "public.url is %s", account->public_url);
        return CAUSE_PUBLIC_NOT_HTTPS;
    }
    return CAUSE_NONE;
}

void traced_code(struct account *account, const struct pending *p, int result, struct oauth_link *link)
{
    struct str got = STR_INIT;
    struct trace_note note = {.step = TRACE_CODE, .outcome = result == 0 ? TRACE_OK : TRACE_REFUSED};
    if (result == 0) {
        oauth_trace_linked(account->oauth, p->trace, link);
        note.cause = odd_address(account, p, &got);
        if (note.cause == CAUSE_NONE) {
            str_printf(&got, "sent back to %s with ", p->redirect_uri);
            name_state(&got, p);
            note.cause = oauth_client_smartapp(p->client) ? CAUSE_SMARTAPP_NO_OAUTH_CALLBACK : CAUSE_NONE;
        }
    } else {
        note.cause = result == ERR_NOT_FOUND   ? CAUSE_ACCOUNT_REMOVED
                     : result == ERR_TOO_LARGE ? CAUSE_TOO_MANY_LINKS
                                               : CAUSE_STORE_UNWELL;
        str_add_z(&got, err_text(result));
    }
    note.got = str_z(&got);
    oauth_trace_note(account->oauth, p->trace, &note);
    str_done(&got);
}

/* ---- the token endpoint ---- */

/* The link whose authentic code or refresh token is somewhere in the body, whatever else is wrong with that. */
static struct oauth_link *link_in(struct account *account, const char *body, size_t len, enum trace_step *ret_step)
{
    static const struct {
        const char *name;
        enum trace_step step;
    } rows[] = {{"code", TRACE_TOKEN}, {"refresh_token", TRACE_REFRESH}};
    struct url_form form = {0};
    struct json *json = NULL;
    struct oauth_link *link = NULL;
    const char *what = NULL;
    (void)url_form_parse(&form, body, len, &what);
    if (json_parse(body, len, len, &json, &(struct json_error){0}) != 0 || !json_is_object(json)) {
        json_free(json);
        json = NULL;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !link; i++) {
        const char *token = json ? json_get_text(json, rows[i].name) : url_form_value(&form, rows[i].name);
        link = token ? oauth_trace_link_of(account->oauth, token) : NULL;
        *ret_step = token ? rows[i].step : *ret_step;
    }
    json_free(json);
    url_form_done(&form);
    return link;
}

void traced_token_refusal(struct account *account, struct http_exchange *x, const char *client_id, bool known,
                          enum trace_cause cause, const char *expected, const char *got)
{
    size_t len;
    const char *body = http_body(x, &len);
    struct trace_note note = {TRACE_TOKEN, TRACE_REFUSED, cause, expected, got};
    struct oauth_link *link = link_in(account, body, len, &note.step);
    if (link) {
        oauth_trace_link(account->oauth, link, &note);
    } else {
        oauth_trace_begin(account->oauth, &(struct trace_origin){client_id, NULL, known, false}, &note);
    }
}

/* What is wrong with an id and a secret that do not belong together. Who brings another client's code or refresh token
   is not who it says it is: then its id is wrong, not its secret. */
static enum trace_cause wrong_client(struct account *account, struct http_exchange *x, const char *id,
                                     const char *secret)
{
    const struct oauth_client *client = oauth_client_find(account->oauth, id);
    enum trace_step step = TRACE_TOKEN;
    size_t len;
    const char *body = http_body(x, &len);
    const struct oauth_link *link = link_in(account, body, len, &step);
    struct oauth_link_info info = {.client_id = id};
    if (link) {
        oauth_link_info(link, &info);
    }
    return oauth_is_callback_pair(account->oauth, id, secret) ? CAUSE_SWAPPED_CREDENTIALS
           : !client                                          ? CAUSE_WRONG_CLIENT_ID
           : strcmp(info.client_id, id) != 0
               ? (step == TRACE_REFRESH ? CAUSE_REFRESH_TOKEN_OF_OTHER_CLIENT : CAUSE_CODE_OF_OTHER_CLIENT)
           : oauth_client_public(client)      ? CAUSE_PUBLIC_CLIENT_SECRET
           : !oauth_client_has_secret(client) ? CAUSE_NO_SECRET_CONFIGURED
                                              : CAUSE_WRONG_CLIENT_SECRET;
}

/* Id and secret as they came. */
void traced_client_refusal(struct account *account, struct http_exchange *x, const char *id, const char *secret,
                           bool basic)
{
    const struct oauth_client *client = oauth_client_find(account->oauth, id);
    struct str got = STR_INIT;
    str_printf(&got, "by %s, client id %s%s, a secret of %zu characters", basic ? "HTTP Basic" : "form",
               oauth_is_secret(account->oauth, id) ? "(a secret)" : id, client ? " (known)" : " (unknown)",
               strlen(secret));
    traced_token_refusal(account, x, id, false, wrong_client(account, x, id, secret), NULL, str_z(&got));
    str_done(&got);
}

void traced_tokens(struct account *account, struct oauth_link *link, enum trace_step step, const char *style,
                   bool has_redirect_uri, int result)
{
    if (!link || result == ERR_CANCELLED) {
        return;
    }
    if (result != 0) {
        oauth_trace_link(account->oauth, link,
                         &(struct trace_note){step, TRACE_REFUSED, CAUSE_STORE_UNWELL, NULL, err_text(result)});
        return;
    }
    if (step == TRACE_REFRESH) {
        oauth_trace_seen(account->oauth, link, step, loop_wall_ms());
        return;
    }
    struct oauth_link_info info;
    struct str got = STR_INIT;
    oauth_link_info(link, &info);
    str_printf(&got, "client authenticated by %s, redirect_uri %s, code redeemed after %lld s", style,
               has_redirect_uri ? "the same" : "not sent", (long long)((info.redeemed_ms - info.created_ms) / 1000));
    oauth_trace_link(account->oauth, link, &(struct trace_note){.step = step, .got = str_z(&got)});
    str_done(&got);
}
