/* GET /.well-known/oauth-authorization-server: RFC 8414, 9207. */
#include "account/account_internal.h"
#include "base/json.h"

static void put_list(struct json_out *j, const char *key, const char *const *texts)
{
    json_member_array(j, key);
    for (; *texts; texts++) {
        json_put_text(j, *texts);
    }
    json_end_array(j);
}

static void put_endpoint(struct json_out *j, const struct account *account, const char *key, const char *path)
{
    struct str url = STR_INIT;
    str_printf(&url, "%s%s", str_z(&account->issuer), path);
    json_member_text(j, key, str_z(&url));
    str_done(&url);
}

void account_metadata(struct http_exchange *x, void *context)
{
    static const char *const scopes[] = {"devices:read", "devices:control", NULL};
    static const char *const responses[] = {"code", NULL}, *const modes[] = {"query", NULL};
    static const char *const grants[] = {"authorization_code", "refresh_token", NULL};
    static const char *const clients[] = {"client_secret_basic", "client_secret_post", "none", NULL};
    static const char *const confidential[] = {"client_secret_basic", "client_secret_post", NULL};
    static const char *const challenges[] = {"S256", NULL};
    const struct account *account = context;
    struct str body = STR_INIT;
    struct json_out j;
    if (account->issuer.len == 0) { /* 2: an issuer is a URL, and whoever asks cannot be trusted to know ours */
        http_answer_error(x, 404, "not_found", "public.url is not configured, so this server has no issuer", 0);
        return;
    }
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_member_text(&j, "issuer", str_z(&account->issuer));
    put_endpoint(&j, account, "authorization_endpoint", "/oauth/authorize");
    put_endpoint(&j, account, "token_endpoint", "/oauth/token");
    put_endpoint(&j, account, "revocation_endpoint", "/oauth/revoke");
    put_endpoint(&j, account, "introspection_endpoint", "/oauth/introspect");
    put_list(&j, "scopes_supported", scopes);
    put_list(&j, "response_types_supported", responses);
    put_list(&j, "response_modes_supported", modes);
    put_list(&j, "grant_types_supported", grants);
    put_list(&j, "token_endpoint_auth_methods_supported", clients);
    put_list(&j, "revocation_endpoint_auth_methods_supported", clients);
    put_list(&j, "introspection_endpoint_auth_methods_supported", confidential);
    put_list(&j, "code_challenge_methods_supported", challenges);
    json_member_bool(&j, "authorization_response_iss_parameter_supported", true);
    json_end_object(&j);
    http_answer(x, 200, "application/json", &body);
}
