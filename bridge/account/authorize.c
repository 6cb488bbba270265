/* The three pages: authorize, login, consent. */
#include <stdlib.h>
#include <string.h>

#include "account/account_internal.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "base/url.h"
#include "oauth/pkce.h"

#define COOKIE "lightbridge_link"

int account_new(struct loop *loop, struct oauth *oauth, const struct account_config *config,
                struct account **ret_account)
{
    struct account *account = mem_alloc(sizeof *account);
    account->loop = loop;
    account->oauth = oauth;
    account->public_url = config->public_url;
    struct url url;
    if (config->public_url && url_parse(config->public_url, &url) == 0) {
        url_origin(&account->issuer, &url);
    }
    account->secure = config->public_url && strncmp(config->public_url, "https://", 8) == 0;
    *ret_account = account;
    return 0;
}

void account_free(struct account *account)
{
    if (account) {
        pending_free_all(account);
        str_done(&account->issuer);
        free(account);
    }
}

/* ---- authorize ---- */

static void refuse_client(struct http_exchange *x, const char *id)
{
    struct str text = STR_INIT;
    if (id) {
        str_printf(
            &text,
            "The app says that it is \"%s\", and the bridge knows no such client. In the bridge's configuration it is "
            "smartthings.client_id; in SmartThings' developer console it is the client id of account linking. Both "
            "must be the same. Other apps are added with: lightbridge client add.",
            id);
    } else {
        str_add_z(&text, "The app did not say who it is: client_id is missing in its request.");
    }
    page_error(x, 400, "This link cannot be made", str_z(&text), 0);
    str_done(&text);
}

const char *form_given(const struct url_form *form, const char *name)
{
    const char *value = url_form_value(form, name);
    return value && *value ? value : NULL;
}

/* What the client did wrong, as it is told at its own address (RFC 6749 4.1.2.1, RFC 7636 4.4.1). */
struct refusal {
    const char *error, *description;
    enum trace_cause cause;
};

static struct refusal challenge_refusal(const struct oauth_client *client, const struct url_form *query)
{
    const char *challenge = form_given(query, "code_challenge"), *method = form_given(query, "code_challenge_method");
    const char *wrong = NULL;
    if (!challenge && (method || url_form_field(query, "code_challenge"))) {
        wrong = "code_challenge is missing or empty";
    } else if (!challenge && oauth_client_public(client)) {
        wrong = "code challenge required: a client that keeps no secret sends code_challenge with method S256";
    } else if (challenge && (!method || strcmp(method, "S256") != 0)) { /* 4.3: no method means plain */
        wrong = "transform algorithm not supported: code_challenge_method must be S256";
    } else if (challenge && !pkce_challenge_ok(challenge)) {
        wrong = "code_challenge must be the 43 characters of a SHA-256 as base64url";
    }
    return (struct refusal){wrong ? "invalid_request" : NULL, wrong, CAUSE_CODE_CHALLENGE};
}

/* error NULL: all is right, and *ret_scope is what is granted if the person allows it. */
static struct refusal client_refusal(const struct oauth_client *client, const struct url_form *query,
                                     const char **ret_scope)
{
    const char *type = form_given(query, "response_type");
    const char *scope = form_given(query, "scope");
    if (!type) {
        return (struct refusal){"invalid_request", "response_type is missing", CAUSE_BAD_AUTHORIZATION_REQUEST};
    }
    if (strcmp(type, "code") != 0) {
        return (struct refusal){"unsupported_response_type", "response_type must be code",
                                CAUSE_BAD_AUTHORIZATION_REQUEST};
    }
    if ((scope && strlen(scope) > SCOPE_TEXT_MAX) || oauth_client_scope(client, scope, ret_scope) != 0) {
        return (struct refusal){"invalid_scope",
                                "the scopes are devices:read and devices:control, if this client may "
                                "have them",
                                CAUSE_SCOPE};
    }
    return challenge_refusal(client, query);
}

static void set_cookie(const struct account *account, struct http_exchange *x, const struct pending *p)
{
    struct str s = STR_INIT;
    str_printf(&s, COOKIE "=%s; Path=/oauth; Max-Age=600; HttpOnly; SameSite=Lax%s", p->cookie,
               account->secure || http_is_tls(x) ? "; Secure" : "");
    http_add_header(x, "Set-Cookie", str_z(&s));
    str_done(&s);
}

/* A second tab of the same browser keeps the cookie of the first, or the first could not go on. */
static void keep_cookie(struct http_exchange *x, struct pending *p)
{
    size_t len = 0;
    uint8_t bytes[16];
    size_t bytes_len = 0;
    const char *cookie = http_cookie(x, COOKIE, &len);
    if (cookie && len == TOKEN_CHARS && secrets_base64url_decode(cookie, len, bytes, sizeof bytes, &bytes_len) == 0 &&
        bytes_len == sizeof bytes) {
        memcpy(p->cookie, cookie, len);
    }
}

static struct pending *begin(struct account *account, struct http_exchange *x, const struct oauth_client *client,
                             const struct url_form *query, const char *scope)
{
    struct pending *p = pending_new(account);
    const struct url_field *state = url_form_field(query, "state");
    keep_cookie(x, p);
    p->client = client;
    p->redirect_uri = mem_text(url_form_value(query, "redirect_uri"));
    p->scope = mem_text(scope);
    p->code_challenge = mem_text(form_given(query, "code_challenge"));
    if (state) {
        p->state = mem_text_n(state->raw, state->raw_len);
        p->state_len = state->raw_len;
    }
    return p;
}

const char *issuer_for(const struct account *account, const struct oauth_client *client)
{
    return oauth_client_sends_iss(client) && account->issuer.len > 0 ? str_z(&account->issuer) : NULL;
}

void account_authorize(struct http_exchange *x, void *context)
{
    struct account *account = context;
    const char *what = NULL;
    const struct url_form *query = http_query(x, &what);
    if (!query) {
        struct str text = STR_INIT;
        str_printf(&text, "The app's request cannot be read: %s.", what ? what : "it is malformed");
        traced_authorize_refusal(account, NULL, NULL, CAUSE_MALFORMED_REQUEST, NULL, what);
        page_error(x, 400, "This link cannot be made", str_z(&text), 0);
        str_done(&text);
        return;
    }
    const char *id = form_given(query, "client_id");
    const struct oauth_client *client = id ? oauth_client_find(account->oauth, id) : NULL;
    const char *redirect = form_given(query, "redirect_uri");
    const struct url_field *state = url_form_field(query, "state");
    if (!client && oauth_trouble(account->oauth) != 0) { /* one that was added is not known then */
        page_unwell(x, oauth_trouble(account->oauth));
        return;
    }
    if (!client) {
        traced_unknown_client(account, id);
        refuse_client(x, id);
        return;
    }
    if (!redirect || !oauth_client_redirect_ok(client, redirect)) {
        traced_wrong_redirect(account, client, redirect);
        page_wrong_redirect(x, client, redirect);
        return;
    }
    if (state && state->raw_len > OAUTH_STATE_MAX) {
        traced_authorize_refusal(account, id, redirect, CAUSE_STATE_TOO_LONG, "at most 4096 bytes", NULL);
        page_error(x, 400, "This link cannot be made", "The app's state is longer than 4096 bytes.", 0);
        return;
    }
    int err = oauth_trouble(account->oauth);
    if (err != 0) {
        traced_authorize_refusal(account, id, redirect, CAUSE_STORE_UNWELL, NULL, err_text(err));
        page_unwell(x, err);
        return;
    }
    const char *scope = NULL;
    struct refusal refusal = client_refusal(client, query, &scope);
    if (refusal.error) {
        struct str location = STR_INIT;
        const struct way_back back = {.redirect_uri = redirect,
                                      .state = state ? state->raw : NULL,
                                      .state_len = state ? state->raw_len : 0,
                                      .issuer = issuer_for(account, client)};
        pending_location(&back, "error", refusal.error, refusal.description, &location);
        traced_authorize_refusal(account, id, redirect, refusal.cause, NULL, refusal.description);
        page_redirect(x, str_z(&location));
        str_done(&location);
        return;
    }
    struct pending *p = begin(account, x, client, query, scope);
    traced_begin(account, p);
    set_cookie(account, x, p);
    if (oauth_account_count(account->oauth) == 0) {
        traced(account, p, TRACE_AUTHORIZE, TRACE_REFUSED, CAUSE_NO_ACCOUNT);
        page_error(x, 503, "There is no account yet",
                   "Make one on the bridge with: lightbridge account add NAME. Then start linking again.", 0);
        return;
    }
    page_login(x, p, 200, "", NULL, 0);
}

/* ---- forms ---- */

static bool read_form(struct http_exchange *x, struct url_form *form)
{
    size_t len;
    const char *what = NULL;
    const char *body = http_body(x, &len);
    if (http_body_is(x, "application/x-www-form-urlencoded") && url_form_parse(form, body, len, &what) == 0) {
        return true;
    }
    page_error(x, 400, "This form cannot be read", what ? what : "It is not what this page sends.", 0);
    return false;
}

static struct pending *find_pending(struct account *account, struct http_exchange *x, const struct url_form *form,
                                    bool login)
{
    size_t len = 0;
    const char *cookie = http_cookie(x, COOKIE, &len);
    struct pending *p = pending_find(account, url_form_value(form, "request"), cookie, len, login);
    if (!p) {
        const struct pending *other = pending_of_anybody(account, url_form_value(form, "request"));
        if (other) {
            traced(account, other, login ? TRACE_LOGIN : TRACE_CONSENT, TRACE_REFUSED, CAUSE_NO_COOKIE);
        }
        page_error(
            x, 400, "This page is too old",
            cookie ? "Linking was not finished within ten minutes, or this page was left open from an earlier try. "
                     "Please go back to the app and start again."
                   : "This browser did not send the page's cookie. Please allow cookies for this page, go back to the "
                     "app and start again.",
            0);
    }
    return p;
}

/* ---- login ---- */

struct login {
    struct account *account;
    struct http_exchange *x;
    char id[TOKEN_CHARS + 1], cookie[TOKEN_CHARS + 1];
    char *name;
};

static void logged_in(void *user, int result)
{
    struct login *l = user;
    struct pending *p = pending_find(l->account, l->id, l->cookie, TOKEN_CHARS, true);
    bool counts = p && p->step <= STEP_CONSENT;
    if (counts && result != ERR_CANCELLED) {
        traced_login(l->account, p, l->name, result);
    }
    if (!counts) {
        page_error(l->x, 400, "This page is too old", "Please go back to the app and start again.", 0);
    } else if (result == 0) {
        free(p->account); /* pressed twice, or the browser's back button: the last login counts */
        p->account = l->name;
        l->name = NULL;
        p->step = STEP_CONSENT;
        pending_rename(p); /* whoever knew the form before the login knows nothing now */
        page_consent(l->x, p);
    } else if (result == ERR_DENIED) {
        page_login(l->x, p, 403, l->name, "Wrong account or password.", 0);
    } else if (result == ERR_BUSY) {
        page_login_later(l->x, p, l->name, oauth_login_wait_s(l->account->oauth));
    } else {
        page_unwell(l->x, result);
    }
    free(l->name);
    free(l);
}

void account_login(struct http_exchange *x, void *context)
{
    struct account *account = context;
    struct url_form form = {0};
    if (!read_form(x, &form)) {
        url_form_done(&form);
        return;
    }
    struct pending *p = find_pending(account, x, &form, true);
    const char *name = form_given(&form, "username");
    const char *password = form_given(&form, "password");
    if (p && p->step > STEP_CONSENT) {
        page_error(x, 400, "This has been answered already", "Please start again in the app.", 0);
    } else if (p && (!name || !password)) {
        page_login(x, p, 400, name ? name : "", "Please fill in both fields.", 0);
    } else if (p) {
        struct login *l = mem_alloc(sizeof *l);
        *l = (struct login){.account = account, .x = x, .name = mem_text(name)};
        memcpy(l->id, p->login_id, sizeof l->id);
        memcpy(l->cookie, p->cookie, sizeof l->cookie);
        oauth_login(
            account->oauth,
            &(struct oauth_login){.name = name, .password = password, .source = http_source(x), .side = "public"},
            logged_in, l);
    }
    url_form_done(&form);
}

/* ---- consent ---- */

struct issue {
    struct account *account;
    struct pending *pending; /* stays: a pending that is issuing is not thrown out */
};

static void issued(void *user, int result, const char *code, struct oauth_link *link)
{
    struct issue *i = user;
    struct pending *p = i->pending;
    if (result != ERR_CANCELLED) {
        traced_code(i->account, p, result, link);
    }
    if (result == 0) {
        p->step = STEP_DONE;
        const struct way_back back = pending_way_back(i->account, p);
        pending_location(&back, "code", code, NULL, &p->location);
    } else {
        p->step = STEP_CONSENT; /* nothing was written: Allow may be pressed again */
        log_error("account", "no code could be issued: %s", err_text(result));
    }
    while (p->waiters) {
        struct waiter *w = p->waiters;
        p->waiters = w->next;
        if (result == 0) {
            page_redirect(w->x, str_z(&p->location));
        } else if (result == ERR_NOT_FOUND) {
            page_error(w->x, 400, "This cannot be linked any more",
                       "The account or the app was removed while you were linking.", 0);
        } else if (result == ERR_TOO_LARGE) {
            page_error(w->x, 503, "Too many links", "The bridge holds as many links as it can; unlink some.", 0);
        } else {
            page_unwell(w->x, result);
        }
        free(w);
    }
    free(i);
}

static void allow(struct account *account, struct pending *p, struct http_exchange *x)
{
    struct waiter *w = mem_alloc(sizeof *w);
    *w = (struct waiter){p->waiters, x};
    p->waiters = w;
    if (p->step == STEP_ISSUING) {
        return; /* pressed twice: both get the one code */
    }
    struct issue *i = mem_alloc(sizeof *i);
    *i = (struct issue){account, p};
    p->step = STEP_ISSUING;
    traced(account, p, TRACE_CONSENT, TRACE_OK, CAUSE_NONE);
    oauth_issue_code(account->oauth, p->client,
                     &(struct oauth_grant){.account = p->account,
                                           .redirect_uri = p->redirect_uri,
                                           .scope = p->scope,
                                           .code_challenge = p->code_challenge},
                     issued, i);
}

void account_consent(struct http_exchange *x, void *context)
{
    struct account *account = context;
    struct url_form form = {0};
    struct pending *p = NULL;
    if (read_form(x, &form)) {
        p = find_pending(account, x, &form, false);
    }
    const char *decision = p ? url_form_value(&form, "decision") : NULL;
    if (p && p->step == STEP_LOGIN) {
        page_login(x, p, 400, "", "Please log in first.", 0);
    } else if (p && p->step == STEP_DONE && p->location.len > 0) {
        page_redirect(x, str_z(&p->location));
    } else if (p && (p->step == STEP_ISSUING || (decision && strcmp(decision, "allow") == 0))) {
        allow(account, p, x); /* while the code is issued it cannot be taken back: the answer is the code's */
    } else if (decision && strcmp(decision, "deny") == 0) {
        p->step = STEP_DONE;
        traced(account, p, TRACE_CONSENT, TRACE_REFUSED, CAUSE_CONSENT_DENIED);
        const struct way_back back = pending_way_back(account, p);
        pending_location(&back, "error", "access_denied", NULL, &p->location);
        page_redirect(x, str_z(&p->location));
    } else if (p) {
        page_consent(x, p);
    }
    url_form_done(&form);
}
