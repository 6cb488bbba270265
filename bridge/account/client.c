/* Who asks at the token, revocation and introspection endpoints: RFC 6749 2.3.1, 3.2.1, 5.2. */
#include <string.h>

#include "account/account_internal.h"
#include "base/err.h"
#include "base/json.h"
#include "base/secrets.h"
#include "base/url.h"
#include "http/gate.h"

#define JSON_MAX 16384u

void answer_invalid_request(struct http_exchange *x, const char *text)
{
    http_add_header(x, "Pragma", "no-cache");
    http_answer_error(x, 400, "invalid_request", text, 0);
}

void answer_invalid_client(struct http_exchange *x, const char *text)
{
    http_add_header(x, "WWW-Authenticate", "Basic realm=\"lightbridge\"");
    http_answer_error(x, 401, "invalid_client", text, 0);
}

void answer_unwell(struct http_exchange *x, int err)
{
    http_answer_error(x, 503, "temporarily_unavailable", err_text(err), RETRY_AFTER_S);
}

/* What goes wrong at the other endpoints is none of linking's steps. */
static void told(struct account *account, struct http_exchange *x, const struct asker *c, const char *client_id,
                 bool known, enum trace_cause cause, const char *expected, const char *got)
{
    if (c->traced) {
        traced_token_refusal(account, x, client_id, known, cause, expected, got);
    }
}

/* 2.3.1: Basic's two parts are form-encoded; many clients do not do that. The plain reading is tried where the decoded
   one fails. */
static int authenticate(const struct account *account, struct asker *c)
{
    const struct oauth_client **ret_client = &c->client;
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

/* Here every field matters, unlike in a query: one that cannot be decoded is not as if it were absent. */
static bool none_is_broken(struct account *account, struct http_exchange *x, const struct asker *c)
{
    const struct url_form *form = &c->form;
    for (size_t i = 0; i < form->count; i++) {
        if (form->fields[i].broken) {
            struct str text = STR_INIT;
            str_printf(&text, "%s has a broken percent escape", form->fields[i].name);
            told(account, x, c, NULL, false, CAUSE_MALFORMED_FORM, NULL, "a broken percent escape");
            answer_invalid_request(x, str_z(&text));
            str_done(&text);
            return false;
        }
    }
    return true;
}

/* Reads the credentials from where they are; false: an error was answered. */
static bool find_credentials(struct account *account, struct http_exchange *x, struct asker *c)
{
    const struct url_form *form = &c->form;
    const char *authorization = http_header(x, "Authorization");
    const char *form_id = form_given(form, "client_id");
    const char *form_secret = form_given(form, "client_secret");
    if (authorization) {
        if (gate_basic(authorization, &c->memory, &c->secret) != 0) {
            told(account, x, c, form_id, false, CAUSE_BAD_AUTHORIZATION_HEADER, "Basic", NULL);
            answer_invalid_client(x, "the Authorization header is not HTTP Basic with client_id and client_secret");
            return false;
        }
        c->basic = true;
        c->id = str_z(&c->memory);
        if (form_secret) {
            told(account, x, c, c->id, false, CAUSE_BOTH_AUTH_STYLES, "one of them",
                 "HTTP Basic, and client_secret in the form");
            answer_invalid_request(
                x, "the client is authenticated twice, by header and by form; use one of them (RFC 6749 2.3)");
            return false;
        }
        return true;
    }
    const struct oauth_client *named = form_id ? oauth_client_find(account->oauth, form_id) : NULL;
    if (named && oauth_client_public(named) && !form_secret) { /* 3.2.1: it says who it is, and proves nothing */
        c->id = form_id;
        c->secret = "";
        return true;
    }
    if (form_id && !named && oauth_trouble(account->oauth) != 0) { /* one that was added is not known then */
        answer_unwell(x, oauth_trouble(account->oauth));
        return false;
    }
    if (!form_id || !form_secret) {
        told(account, x, c, form_id, false, CAUSE_NO_CREDENTIALS,
             "client_id and client_secret, by HTTP Basic or in the form",
             !form_id ? "no client_id" : "no client_secret");
        answer_invalid_client(x, !form_id
                                     ? "client_id is missing: send it with client_secret by HTTP Basic or in the form"
                                     : "client_secret is missing: send it by HTTP Basic or in the form");
        return false;
    }
    c->id = form_id;
    c->secret = form_secret;
    return true;
}

/* Authentic, and one and the same in header and form? */
static bool is_client(struct account *account, struct http_exchange *x, struct asker *c)
{
    const char *form_id = form_given(&c->form, "client_id");
    int err = authenticate(account, c);
    if (err == ERR_DENIED) {
        if (c->traced) {
            traced_client_refusal(account, x, c->id, c->secret, c->basic);
        }
        const struct oauth_client *named = oauth_client_find(account->oauth, c->id);
        answer_invalid_client(x, named && !oauth_client_configured(named)
                                     ? "client_secret is not the one that `lightbridge client add` showed"
                                     : "client_id or client_secret is not what the bridge has; compare "
                                       "smartthings.client_id and the secret file with the developer console");
        return false;
    }
    if (err != 0) {
        answer_unwell(x, err);
        return false;
    }
    const char *id = oauth_client_id(c->client);
    if (form_id && strcmp(form_id, id) != 0) {
        told(account, x, c, id, true, CAUSE_CLIENT_IDS_DIFFER, id,
             oauth_is_secret(account->oauth, form_id) ? "(a secret)" : form_id);
        answer_invalid_request(x, "client_id in the form and in the Authorization header differ");
        return false;
    }
    return true;
}

/* LIFX's token endpoint takes a JSON object as well (facts 4): it is read as the form that says the same. */
static const char *form_of_json(const char *body, size_t len, struct str *form)
{
    struct json *root = NULL;
    struct json_error error = {0};
    const char *what = NULL;
    if (json_parse(body, len, JSON_MAX, &root, &error) != 0) {
        return error.what ? error.what : "it is too long";
    }
    if (!json_is_object(root)) {
        what = "it is no JSON object";
    }
    for (const struct json *m = json_first(root); m && !what; m = json_next(m)) {
        const char *text = json_text(m), *key = json_key(m);
        if (!text && !json_is_null(m)) {
            what = "a member is no text";
        } else if (text) {
            url_encode(form, key, strlen(key));
            str_add_char(form, '=');
            url_encode(form, text, strlen(text));
            str_add_char(form, '&');
        }
    }
    if (form->len > 0) {
        form->data[--form->len] = 0;
    }
    json_free(root);
    return what;
}

bool asker_read(struct account *account, struct http_exchange *x, struct asker *c)
{
    const char *what = NULL;
    size_t len;
    const char *body = http_body(x, &len);
    bool json = c->traced && http_body_is(x, "application/json");
    if (json) {
        what = form_of_json(body, len, &c->json);
        body = str_z(&c->json);
        len = c->json.len;
    } else if (!http_body_is(x, "application/x-www-form-urlencoded")) {
        told(account, x, c, NULL, false, CAUSE_NOT_A_FORM, "application/x-www-form-urlencoded",
             http_header(x, "Content-Type"));
        answer_invalid_request(x, "the body must be application/x-www-form-urlencoded (RFC 6749 4.1.3)");
        return false;
    }
    if (what || url_form_parse(&c->form, body, len, &what) != 0) {
        struct str text = STR_INIT;
        str_printf(&text, "the %s cannot be read: %s", json ? "JSON" : "form", what);
        told(account, x, c, NULL, false, CAUSE_MALFORMED_FORM, NULL, what);
        answer_invalid_request(x, str_z(&text));
        str_done(&text);
        return false;
    }
    return none_is_broken(account, x, c) && find_credentials(account, x, c) && is_client(account, x, c);
}

void asker_done(struct asker *c)
{
    if (c->memory.data) {
        secrets_wipe(c->memory.data, c->memory.len);
    }
    if (c->json.data) {
        secrets_wipe(c->json.data, c->json.len);
    }
    str_done(&c->json);
    str_done(&c->memory);
    url_form_done(&c->form);
}
