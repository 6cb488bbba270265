#include "smartthings/smartapp_provider.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "base/url.h"

#define ANSWER_MAX (64u * 1024u)
#define EXPIRES_MAX 315360000

bool provider_is_ours(const struct smartapp_provider *provider)
{
    return !provider->authorize_url;
}

static void add_field(struct str *s, char before, const char *name, const char *value)
{
    if (!value) {
        return;
    }
    if (before) {
        str_add_char(s, before);
    }
    str_printf(s, "%s=", name);
    url_encode(s, value, strlen(value));
}

void provider_login_url(struct str *s, const struct smartapp_provider *provider, const char *authorize_url,
                        const char *challenge)
{
    str_add_z(s, authorize_url);
    add_field(s, strchr(authorize_url, '?') ? '&' : '?', "client_id", provider->client_id);
    add_field(s, '&', "response_type", "code");
    add_field(s, '&', "scope", provider->scope);
    add_field(s, '&', "redirect_uri", provider->redirect_uri);
    add_field(s, '&', "code_challenge", challenge);
    add_field(s, '&', "code_challenge_method", "S256");
}

/* Standard base64, for Basic: secrets has base64url alone, whose alphabet differs in two letters. */
static void add_base64(struct str *s, const char *bytes, size_t len)
{
    size_t from = s->len;
    secrets_base64url(s, bytes, len);
    for (size_t i = from; i < s->len; i++) {
        s->data[i] = s->data[i] == '-' ? '+' : s->data[i] == '_' ? '/' : s->data[i];
    }
    while ((s->len - from) % 4 != 0) {
        str_add_char(s, '=');
    }
}

/* RFC 6749 2.3.1: both are form-encoded before they are joined. */
static void add_basic(struct str *s, const struct smartapp_provider *provider)
{
    struct str pair = STR_INIT;
    url_encode(&pair, provider->client_id, strlen(provider->client_id));
    str_add_char(&pair, ':');
    url_encode(&pair, provider->client_secret, strlen(provider->client_secret));
    str_add_z(s, "Basic ");
    add_base64(s, pair.data, pair.len);
    secrets_wipe(pair.data, pair.len);
    str_done(&pair);
}

void provider_token_request(struct str *body, struct str *authorization, const struct smartapp_provider *provider,
                            bool refresh, const char *code_or_token, const char *verifier)
{
    bool basic = provider->basic && provider->client_secret;
    const struct {
        const char *name, *value;
    } fields[] = {
        {"grant_type", refresh ? "refresh_token" : "authorization_code"},
        {"client_id", provider->client_id},
        {"client_secret", basic ? NULL : provider->client_secret},
        {refresh ? "refresh_token" : "code", code_or_token},
        {"redirect_uri", refresh ? NULL : provider->redirect_uri},
        {"code_verifier", refresh ? NULL : verifier},
    };
    struct json_out j;
    if (basic) {
        add_basic(authorization, provider);
    }
    if (provider->json) {
        json_out_init(&j, body);
        json_begin_object(&j);
    }
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!provider->json) {
            add_field(body, body->len > 0 ? '&' : 0, fields[i].name, fields[i].value);
        } else if (fields[i].value) {
            json_member_text(&j, fields[i].name, fields[i].value);
        }
    }
    if (provider->json) {
        json_end_object(&j);
    }
}

const char *provider_content_type(const struct smartapp_provider *provider)
{
    return provider->json ? "application/json" : "application/x-www-form-urlencoded";
}

/* ---- answers ---- */

static int read_json(const char *bytes, size_t len, struct provider_tokens *tokens)
{
    struct json *root = NULL;
    const struct json *error;
    if (json_parse(bytes, len, ANSWER_MAX, &root, NULL) != 0) {
        return ERR_INVALID;
    }
    int r = json_is_object(root) ? 0 : ERR_INVALID;
    if (r == 0) {
        tokens->access = mem_text(json_get_text(root, "access_token"));
        tokens->refresh = mem_text(json_get_text(root, "refresh_token"));
        error = json_get(root, "error");
        tokens->error = mem_text(error && !json_is_string(error) && !json_is_null(error) ? "error" : json_text(error));
        if (json_integer(json_get(root, "expires_in"), 0, EXPIRES_MAX, &tokens->expires_in) != 0) {
            tokens->expires_in = 0;
        }
    }
    json_free(root);
    return r;
}

static int read_form(const char *bytes, size_t len, struct provider_tokens *tokens)
{
    struct url_form form;
    int r = url_form_parse(&form, bytes, len, NULL);
    if (r == 0) {
        const char *life = url_form_value(&form, "expires_in");
        tokens->access = mem_text(url_form_value(&form, "access_token"));
        tokens->refresh = mem_text(url_form_value(&form, "refresh_token"));
        tokens->error = mem_text(url_form_value(&form, "error"));
        if (life && life[0] != '\0' && strlen(life) < 10 && life[strspn(life, "0123456789")] == '\0') {
            tokens->expires_in = strtoll(life, NULL, 10);
        }
        r = tokens->access || tokens->error ? 0 : ERR_INVALID;
    }
    url_form_done(&form);
    return r;
}

static char *not_empty(char *text)
{
    if (text && text[0] == '\0') {
        free(text);
        return NULL;
    }
    return text;
}

int provider_read_tokens(const char *content_type, const char *bytes, size_t len, struct provider_tokens *ret_tokens)
{
    static const char form[] = "application/x-www-form-urlencoded";
    *ret_tokens = (struct provider_tokens){0};
    if (len == 0 || len > ANSWER_MAX) {
        return ERR_INVALID;
    }
    bool is_form = content_type ? strncasecmp(content_type, form, sizeof form - 1) == 0 : bytes[0] != '{';
    int r = is_form ? read_form(bytes, len, ret_tokens) : read_json(bytes, len, ret_tokens);
    ret_tokens->access = not_empty(ret_tokens->access);
    ret_tokens->refresh = not_empty(ret_tokens->refresh);
    return r;
}

static void free_secret(char *text)
{
    if (text) {
        secrets_wipe(text, strlen(text));
        free(text);
    }
}

void provider_tokens_done(struct provider_tokens *tokens)
{
    free_secret(tokens->access);
    free_secret(tokens->refresh);
    free(tokens->error);
    *tokens = (struct provider_tokens){0};
}

int provider_read_return(const char *url_path, struct provider_return *ret_return, const char **ret_what)
{
    const char *question = strchr(url_path, '?');
    const char *query = question ? question + 1 : url_path;
    struct url_form form;
    *ret_return = (struct provider_return){0};
    int r = url_form_parse(&form, query, strcspn(query, "#"), ret_what);
    if (r == 0) {
        ret_return->code = not_empty(mem_text(url_form_value(&form, "code")));
        ret_return->state = not_empty(mem_text(url_form_value(&form, "state")));
        ret_return->error = not_empty(mem_text(url_form_value(&form, "error")));
    }
    url_form_done(&form);
    return r;
}

void provider_return_done(struct provider_return *ret)
{
    free_secret(ret->code);
    free(ret->state);
    free(ret->error);
    *ret = (struct provider_return){0};
}
