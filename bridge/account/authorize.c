/* GET /oauth/authorize: is it a request that may be answered, and if so the login. */
#include <stdlib.h>
#include <string.h>

#include "account/account_internal.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "base/url.h"
#include "oauth/pkce.h"

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

#define COMPARE_URL                                                                                                    \
    "Whoever set the app up compares the authorization URL that it was given with the bridge's own: it ends in "       \
    "/oauth/authorize, and nothing is added to it. In SmartThings it stands in the developer console."

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
        str_add_z(&text, "The app did not say who it is: client_id is missing in its request. " COMPARE_URL);
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
        p->rehearsal = oauth_rehearsal_begins(account->oauth, p->state, p->state_len);
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
        str_printf(&text, "The app's request cannot be read: %s. " COMPARE_URL, what ? what : "it is malformed");
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
        page_error(x, 400, "This link cannot be made",
                   "The app's state is longer than 4096 bytes, more than any app is known to send. Please start again "
                   "in the app; if it happens again, report it to the app's makers.",
                   0);
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
    page_login(x, account, p);
}
