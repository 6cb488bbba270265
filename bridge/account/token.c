/* POST /oauth/token: RFC 6749 4.1.3, 5, 6. */
#include <stdlib.h>
#include <string.h>

#include "account/account_internal.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/url.h"

#define GRANT_TYPES "authorization_code or refresh_token"

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
        answer_unwell(a->x, result);
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

/* RFC 6749 6: a scope that was not granted cannot be had by a refresh. One that is narrower is answered with all that
   was granted, which the answer says (3.3): a link's tokens are all alike. */
static void by_refresh_token(struct asked *a, const struct oauth_client *client, const struct url_form *form)
{
    const char *scope = form_given(form, "scope");
    unsigned wanted = 0;
    if (scope && a->link && !oauth_client_webhook(client) &&
        (scope_parse(scope, &wanted) != 0 || !oauth_link_allows(a->link, wanted))) {
        http_answer_error(a->x, 400, "invalid_scope", "this scope was not granted", 0);
        free(a);
        return;
    }
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

static void grant(struct account *account, struct http_exchange *x, const struct asker *asker)
{
    const struct oauth_client *client = asker->client;
    const struct url_form *form = &asker->form;
    const char *type = form_given(form, "grant_type");
    const char *id = oauth_client_id(client);
    if (!type) {
        traced_token_refusal(account, x, id, true, CAUSE_WRONG_GRANT_TYPE, GRANT_TYPES, "no grant_type");
        answer_invalid_request(x, "grant_type is missing; right would be " GRANT_TYPES);
        return;
    }
    for (size_t i = 0; i < sizeof grants / sizeof grants[0]; i++) {
        if (strcmp(grants[i].grant_type, type) != 0) {
            continue;
        }
        if (!form_given(form, grants[i].needs)) {
            traced_token_refusal(account, x, id, true, CAUSE_GRANT_INCOMPLETE, grants[i].needs, NULL);
            answer_invalid_request(x, grants[i].missing);
            return;
        }
        struct asked *a = mem_alloc(sizeof *a);
        *a = (struct asked){.account = account,
                            .x = x,
                            .link = oauth_trace_link_of(account->oauth, form_given(form, grants[i].needs)),
                            .step = grants[i].step,
                            .style = oauth_client_public(client) ? "its name alone"
                                     : asker->basic              ? "HTTP Basic"
                                                                 : "form",
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
    struct asker asker = {.traced = true};
    if (asker_read(account, x, &asker)) {
        grant(account, x, &asker);
    }
    asker_done(&asker);
}
