/* POST /oauth/revoke (RFC 7009) and POST /oauth/introspect (RFC 7662). */
#include "account/account_internal.h"
#include "base/err.h"
#include "base/json.h"

/* ---- revocation ---- */

static void revoked(void *user, int result)
{
    struct http_exchange *x = user;
    if (result == ERR_DENIED) { /* 2.1: refused, and told as RFC 6749 5.2 has it */
        http_answer_error(x, 400, "invalid_grant", "this token was issued to another client", 0);
    } else if (result != 0) {
        answer_unwell(x, result); /* 2.2.1: the token still lives, and the client may try again */
    } else {
        struct str body = STR_INIT; /* 2.2: ignored, but there are clients that want a JSON document of every answer */
        str_add_z(&body, "{}");
        http_add_header(x, "Cache-Control", "no-store");
        http_answer(x, 200, "application/json", &body);
    }
}

void account_revoke(struct http_exchange *x, void *context)
{
    struct account *account = context;
    struct asker asker = {.traced = false};
    if (asker_read(account, x, &asker)) {
        const char *token = form_given(&asker.form, "token"); /* token_type_hint: ours tell what they are */
        if (token) {
            oauth_revoke(account->oauth, asker.client, token, revoked, x);
        } else {
            answer_invalid_request(x, "token is missing");
        }
    }
    asker_done(&asker);
}

/* ---- introspection ---- */

/* 2.2: of what is not active nothing more is said, be it forged, too old, ended, or another client's. */
static void answer_introspection(struct http_exchange *x, const struct account *account,
                                 const struct oauth_token_info *info)
{
    struct str body = STR_INIT;
    struct json_out j;
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_member_bool(&j, "active", info != NULL);
    if (info) {
        struct oauth_link_info link;
        oauth_link_info(info->link, &link);
        const char *scope = oauth_link_webhook(info->link) ? scope_text(SCOPE_ALL) : link.scope;
        json_member_text(&j, "scope", scope);
        json_member_text(&j, "client_id", link.client_id);
        json_member_text(&j, "username", link.account);
        json_member_text(&j, "sub", link.account);
        json_member_int(&j, "iat", info->issued_ms / 1000);
        if (info->access) {
            json_member_text(&j, "token_type", "Bearer");
            json_member_int(&j, "exp", info->expires_ms / 1000);
        }
        if (account->issuer.len > 0) {
            json_member_text(&j, "iss", str_z(&account->issuer));
        }
    }
    json_end_object(&j);
    http_add_header(x, "Cache-Control", "no-store");
    http_answer(x, 200, "application/json", &body);
}

void account_introspect(struct http_exchange *x, void *context)
{
    struct account *account = context;
    struct asker asker = {.traced = false};
    struct oauth_token_info info;
    if (!asker_read(account, x, &asker)) {
        asker_done(&asker);
        return;
    }
    const char *token = form_given(&asker.form, "token");
    if (oauth_client_public(asker.client)) { /* 2.1: whoever tries out tokens must at least have shown who it is */
        answer_invalid_client(x, "a client that keeps no secret cannot ask what a token is (RFC 7662 2.1)");
    } else if (!token) {
        answer_invalid_request(x, "token is missing");
    } else {
        int err = oauth_introspect(account->oauth, asker.client, token, &info);
        if (err != 0 && err != ERR_DENIED) {
            answer_unwell(x, err); /* "not active" would be a judgement */
        } else {
            answer_introspection(x, account, err == 0 ? &info : NULL);
        }
    }
    asker_done(&asker);
}
