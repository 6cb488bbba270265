/* POST /oauth/token: RFC 6749 2.3.1, 4.1.3, 5, 6. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "account/account_internal.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "base/url.h"
#include "http/gate.h"

#define RETRY_AFTER_S 30u
#define GRANT_TYPES "authorization_code or refresh_token"

/* ---- who asks ---- */

struct credentials {
    struct str memory; /* of Basic's */
    const char *id, *secret;
    bool basic;
};

/* 2.3.1: Basic's two parts are form-encoded; many clients do not do that. The plain reading is tried where the decoded
   one fails. */
static int authenticate(struct account *account, const struct credentials *c, const struct oauth_client **ret_client)
{
    struct str id = STR_INIT;
    struct str secret = STR_INIT;
    int err = oauth_client_authenticate(account->oauth, c->id, c->secret, ret_client);
    if (err == ERR_DENIED && c->basic && url_decode(&id, c->id, strlen(c->id), true) == 0 &&
        url_decode(&secret, c->secret, strlen(c->secret), true) == 0) {
        err = oauth_client_authenticate(account->oauth, str_z(&id), str_z(&secret), ret_client);
    }
    if (secret.data) {
        secrets_wipe(secret.data, secret.len);
    }
    str_done(&secret);
    str_done(&id);
    return err;
}

static void invalid_request(struct http_exchange *x, const char *text)
{
    http_add_header(x, "Pragma", "no-cache");
    http_answer_error(x, 400, "invalid_request", text, 0);
}

static void invalid_client(struct http_exchange *x, const char *text)
{
    http_add_header(x, "WWW-Authenticate", "Basic realm=\"lightbridge\"");
    http_answer_error(x, 401, "invalid_client", text, 0);
}

/* Here every field matters, unlike in a query: one that cannot be decoded is not as if it were absent. */
static bool none_is_broken(struct account *account, struct http_exchange *x, const struct url_form *form)
{
    for (size_t i = 0; i < form->count; i++) {
        if (form->fields[i].broken) {
            struct str text = STR_INIT;
            str_printf(&text, "%s has a broken percent escape", form->fields[i].name);
            traced_token_refusal(account, x, NULL, false, CAUSE_MALFORMED_FORM, NULL, "a broken percent escape");
            invalid_request(x, str_z(&text));
            str_done(&text);
            return false;
        }
    }
    return true;
}

/* Reads the credentials from where they are; false: an error was answered. */
static bool find_credentials(struct account *account, struct http_exchange *x, const struct url_form *form,
                             struct credentials *c)
{
    const char *authorization = http_header(x, "Authorization");
    const char *form_id = form_given(form, "client_id");
    const char *form_secret = form_given(form, "client_secret");
    if (authorization) {
        if (gate_basic(authorization, &c->memory, &c->secret) != 0) {
            traced_token_refusal(account, x, form_id, false, CAUSE_BAD_AUTHORIZATION_HEADER, "Basic", NULL);
            invalid_client(x, "the Authorization header is not HTTP Basic with client_id and client_secret");
            return false;
        }
        c->basic = true;
        c->id = str_z(&c->memory);
        if (form_secret) {
            traced_token_refusal(account, x, c->id, false, CAUSE_BOTH_AUTH_STYLES, "one of them",
                                 "HTTP Basic, and client_secret in the form");
            invalid_request(x,
                            "the client is authenticated twice, by header and by form; use one of them (RFC 6749 2.3)");
            return false;
        }
        return true;
    }
    if (!form_id || !form_secret) {
        traced_token_refusal(account, x, form_id, false, CAUSE_NO_CREDENTIALS,
                             "client_id and client_secret, by HTTP Basic or in the form",
                             !form_id ? "no client_id" : "no client_secret");
        invalid_client(x, !form_id ? "client_id is missing: send it with client_secret by HTTP Basic or in the form"
                                   : "client_secret is missing: send it by HTTP Basic or in the form");
        return false;
    }
    c->id = form_id;
    c->secret = form_secret;
    return true;
}

/* ---- answers ---- */

struct asked {
    struct account *account;
    struct http_exchange *x;
    /* for the traces */
    struct oauth_link *link; /* NULL: the code or token is none of ours */
    enum trace_step step;
    const char *style;
    bool has_redirect_uri;
};

static bool is_callers_fault(int result)
{
    return result == ERR_DENIED || result == ERR_EXPIRED || result == ERR_ENDED || result == ERR_INVALID;
}

static void answer_tokens(void *user, int result, const struct oauth_tokens *tokens)
{
    struct asked *a = user;
    struct str body = STR_INIT;
    struct json_out j;
    if (!is_callers_fault(result)) {
        traced_tokens(a->account, a->link, a->step, a->style, a->has_redirect_uri, result);
    }
    if (is_callers_fault(result)) {
        const char *why = oauth_refusal(a->account->oauth);
        http_add_header(a->x, "Pragma", "no-cache");
        http_answer_error(a->x, 400, "invalid_grant", *why ? why : err_text(result), 0);
    } else if (result != 0) {
        /* Never invalid_grant for a trouble of our own: the cloud would drop the link. */
        http_answer_error(a->x, 503, "temporarily_unavailable", err_text(result), RETRY_AFTER_S);
    } else {
        json_out_init(&j, &body);
        json_begin_object(&j);
        json_member_text(&j, "access_token", tokens->access);
        json_member_text(&j, "token_type", "Bearer");
        json_member_int(&j, "expires_in", tokens->expires_in);
        json_member_text(&j, "refresh_token", tokens->refresh);
        if (tokens->scope && *tokens->scope) {
            json_member_text(&j, "scope", tokens->scope);
        }
        json_end_object(&j);
        http_add_header(a->x, "Cache-Control", "no-store");
        http_add_header(a->x, "Pragma", "no-cache");
        http_answer(a->x, 200, "application/json", &body);
    }
    free(a);
}

/* ---- grants ---- */

static void by_code(struct asked *a, const struct oauth_client *client, const struct url_form *form)
{
    oauth_redeem(a->account->oauth, client, form_given(form, "code"), form_given(form, "redirect_uri"),
                 form_given(form, "code_verifier"), answer_tokens, a);
}

static void by_refresh_token(struct asked *a, const struct oauth_client *client, const struct url_form *form)
{
    oauth_refresh(a->account->oauth, client, form_given(form, "refresh_token"), answer_tokens, a);
}

static const struct {
    const char *grant_type, *needs, *missing;
    enum trace_step step;
    void (*run)(struct asked *a, const struct oauth_client *client, const struct url_form *form);
} grants[] = {
    {"authorization_code", "code", "code is missing", TRACE_TOKEN, by_code},
    {"refresh_token", "refresh_token", "refresh_token is missing", TRACE_REFRESH, by_refresh_token},
};

static void grant(struct account *account, struct http_exchange *x, const struct oauth_client *client,
                  const struct url_form *form, bool basic)
{
    const char *type = form_given(form, "grant_type");
    const char *form_id = form_given(form, "client_id");
    const char *id = oauth_client_id(client);
    if (!type) {
        traced_token_refusal(account, x, id, true, CAUSE_WRONG_GRANT_TYPE, GRANT_TYPES, "no grant_type");
        invalid_request(x, "grant_type is missing; right would be " GRANT_TYPES);
        return;
    }
    if (form_id && strcmp(form_id, id) != 0) {
        traced_token_refusal(account, x, id, true, CAUSE_CLIENT_IDS_DIFFER, id,
                             oauth_is_secret(account->oauth, form_id) ? "(a secret)" : form_id);
        invalid_request(x, "client_id in the form and in the Authorization header differ");
        return;
    }
    for (size_t i = 0; i < sizeof grants / sizeof grants[0]; i++) {
        if (strcmp(grants[i].grant_type, type) != 0) {
            continue;
        }
        if (!form_given(form, grants[i].needs)) {
            traced_token_refusal(account, x, id, true, CAUSE_GRANT_INCOMPLETE, grants[i].needs, NULL);
            invalid_request(x, grants[i].missing);
            return;
        }
        struct asked *a = mem_alloc(sizeof *a);
        *a = (struct asked){.account = account,
                            .x = x,
                            .link = oauth_trace_link_of(account->oauth, form_given(form, grants[i].needs)),
                            .step = grants[i].step,
                            .style = basic ? "HTTP Basic" : "form",
                            .has_redirect_uri = form_given(form, "redirect_uri") != NULL};
        grants[i].run(a, client, form);
        return;
    }
    traced_token_refusal(account, x, id, true, CAUSE_WRONG_GRANT_TYPE, GRANT_TYPES, type);
    http_answer_error(x, 400, "unsupported_grant_type", "right would be " GRANT_TYPES, 0);
}

void account_token(struct http_exchange *x, void *context)
{
    struct account *account = context;
    struct url_form form = {0};
    struct credentials c = {0};
    const struct oauth_client *client = NULL;
    const char *what = NULL;
    size_t len;
    const char *body = http_body(x, &len);
    if (!http_body_is(x, "application/x-www-form-urlencoded")) {
        traced_token_refusal(account, x, NULL, false, CAUSE_NOT_A_FORM, "application/x-www-form-urlencoded",
                             http_header(x, "Content-Type"));
        invalid_request(x, "the body must be application/x-www-form-urlencoded (RFC 6749 4.1.3)");
    } else if (url_form_parse(&form, body, len, &what) != 0) {
        struct str text = STR_INIT;
        str_printf(&text, "the form cannot be read: %s", what);
        traced_token_refusal(account, x, NULL, false, CAUSE_MALFORMED_FORM, NULL, what);
        invalid_request(x, str_z(&text));
        str_done(&text);
    } else if (none_is_broken(account, x, &form) && find_credentials(account, x, &form, &c)) {
        int err = authenticate(account, &c, &client);
        if (err == ERR_DENIED) {
            traced_client_refusal(account, x, c.id, c.secret, c.basic);
            invalid_client(
                x, "client_id or client_secret is not what the bridge has; compare smartthings.client_id and the "
                   "secret file with the developer console");
        } else if (err != 0) {
            http_answer_error(x, 503, "temporarily_unavailable", err_text(err), RETRY_AFTER_S);
        } else {
            grant(account, x, client, &form, c.basic);
        }
    }
    if (c.memory.data) {
        secrets_wipe(c.memory.data, c.memory.len);
    }
    str_done(&c.memory);
    url_form_done(&form);
}
