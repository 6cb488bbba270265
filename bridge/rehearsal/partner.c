/* SmartThings at the bridge's token endpoint (RFC 6749 4.1.3, 6): HTTP Basic or the form, as configured. */
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/secrets.h"
#include "base/url.h"
#include "rehearsal/internal.h"
#include "rehearsal/judge.h"
#include "rehearsal/partner.h"

static void answered(void *user, const struct fetch_result *result);

static void add_field(struct str *form, const char *name, const char *value)
{
    str_printf(form, "%s%s=", form->len > 0 ? "&" : "", name);
    url_encode(form, value, strlen(value));
}

void partner_basic(struct str *header, const char *id, const char *secret)
{
    struct str plain = STR_INIT;
    url_encode(&plain, id, strlen(id));
    str_add_char(&plain, ':');
    url_encode(&plain, secret, strlen(secret));
    str_add_z(header, "Basic ");
    size_t begin = header->len;
    secrets_base64url(header, plain.data, plain.len);
    /* To RFC 4648 section 4's alphabet. Form-encoded text is plain ASCII, in which 63 ('_', '/') never comes out. */
    for (char *c = header->data + begin; (c = strchr(c, '-')) != NULL;) {
        *c = '+';
    }
    while ((header->len - begin) % 4 != 0) {
        str_add_char(header, '=');
    }
    secrets_wipe(plain.data, plain.len);
    str_done(&plain);
}

void partner_token(struct rehearsal *r, bool refresh, next_fn *then)
{
    struct str form = STR_INIT;
    struct str basic = STR_INIT;
    r->then = then;
    add_field(&form, "grant_type", refresh ? "refresh_token" : "authorization_code");
    if (refresh) {
        add_field(&form, "refresh_token", str_z(&r->refresh));
    } else {
        add_field(&form, "code", str_z(&r->code));
        add_field(&form, "redirect_uri", r->config.redirect_uri);
    }
    if (r->config.client_in_form) {
        add_field(&form, "client_id", r->config.client_id);
        add_field(&form, "client_secret", r->config.client_secret);
    } else {
        partner_basic(&basic, r->config.client_id, r->config.client_secret);
    }
    step_begin(r, refresh ? "renew" : "token", "an access token, a refresh token and their life",
               "POST /oauth/token, %s as %s by %s", refresh ? "refresh_token" : "authorization_code",
               r->config.client_id, r->config.client_in_form ? "form" : "HTTP Basic");
    ask_bridge(r,
               &(struct asked){.method = "POST",
                               .path = "/oauth/token",
                               .type = "application/x-www-form-urlencoded",
                               .authorization = basic.len > 0 ? basic.data : NULL,
                               .body = &form},
               answered);
    secrets_wipe(form.data, form.len);
    secrets_wipe(basic.data, basic.len);
    str_done(&form);
    str_done(&basic);
}

static bool is_token(const struct json *v)
{
    const char *text = json_text(v);
    return text && text[0] != '\0' && strlen(text) <= PARTNER_TOKEN_MAX;
}

int partner_read(const char *body, size_t len, int status, struct partner_tokens *ret_tokens, struct str *why)
{
    struct json *root = NULL;
    if (judge_parse(body, len, &root, why) != 0) {
        return ERR_INVALID;
    }
    const char *error = json_get_text(root, "error"), *text = json_get_text(root, "error_description");
    const char *type = json_get_text(root, "token_type");
    int err = ERR_INVALID;
    if (status != 200 || error) {
        str_printf(why, "status %d, %s: %s", status, error ? error : "no error named", text ? text : "no description");
        err = ERR_REJECTED;
    } else if (!is_token(json_get(root, "access_token")) || !is_token(json_get(root, "refresh_token"))) {
        str_add_z(why, "access_token or refresh_token is missing, or longer than 4096 characters");
    } else if (!type || strcasecmp(type, "Bearer") != 0) {
        str_printf(why, "token_type is %s, not Bearer", type ? type : "missing");
    } else if (json_integer(json_get(root, "expires_in"), 1, PARTNER_LIFE_MAX_S, &ret_tokens->expires_in) != 0) {
        str_add_z(why, "expires_in is no number of seconds from 1 to 315360000");
    } else {
        str_clear(&ret_tokens->access);
        str_clear(&ret_tokens->refresh);
        str_add_z(&ret_tokens->access, json_get_text(root, "access_token"));
        str_add_z(&ret_tokens->refresh, json_get_text(root, "refresh_token"));
        err = 0;
    }
    json_free(root);
    return err;
}

static void answered(void *user, const struct fetch_result *result)
{
    struct rehearsal *r = user;
    struct partner_tokens tokens = {0};
    struct str why = STR_INIT;
    r->call = NULL;
    if (result->result != 0) {
        step_fail(r, "no answer: %s", result->why);
    } else if (!answer_is_json(result)) {
        step_fail(r, "status %d, and no JSON", result->status);
    } else if (partner_read(result->body, result->body_len, result->status, &tokens, &why) != 0) {
        step_fail(r, "%s", str_z(&why));
    } else {
        str_clear(&r->access);
        str_clear(&r->refresh);
        str_add_z(&r->access, str_z(&tokens.access));
        str_add_z(&r->refresh, str_z(&tokens.refresh));
        step_pass(r, "tokens for %lld s", (long long)tokens.expires_in);
        r->then(r);
    }
    secrets_wipe(tokens.access.data, tokens.access.len);
    secrets_wipe(tokens.refresh.data, tokens.refresh.len);
    str_done(&tokens.access);
    str_done(&tokens.refresh);
    str_done(&why);
}

static void renewed(struct rehearsal *r)
{
    act_end(r, 0);
}

int rehearsal_renew(struct rehearsal *r, rehearsal_done_fn *done, void *user)
{
    if (r->refresh.len == 0) {
        return ERR_NOT_FOUND;
    }
    int err = act_begin(r, done, user);
    if (err == 0) {
        partner_token(r, true, renewed);
    }
    return err;
}
