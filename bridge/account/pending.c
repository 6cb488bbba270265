#include <stdlib.h>
#include <string.h>

#include "account/account_internal.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "base/url.h"

static void draw(char to[TOKEN_CHARS + 1])
{
    struct str s = STR_INIT;
    secrets_random_text(&s, 16);
    memcpy(to, s.data, TOKEN_CHARS + 1);
    str_done(&s);
}

void pending_rename(struct pending *p)
{
    draw(p->id);
    draw(p->page_id);
}

void pending_notice(struct account *account, struct pending *p, const struct notice *notice)
{
    p->notice = *notice;
    p->notice_since = loop_now(account->loop);
}

bool pending_may_go_on(const struct pending *p)
{
    struct oauth_link_info info = {0};
    if (p->link) {
        oauth_link_info(p->link, &info);
    }
    return p->step == STEP_DONE && p->location.len > 0 && info.redeemed_ms == 0 && info.ended_ms == 0;
}

static void pending_free(struct pending *p)
{
    while (p->waiters) { /* only at the end of the program: a pending with waiters is never thrown out */
        struct waiter *w = p->waiters;
        p->waiters = w->next;
        page_error(w->x, 503, "Please try again", "The bridge is stopping.", 10);
        free(w);
    }
    free(p->redirect_uri);
    free(p->scope);
    free(p->code_challenge);
    free(p->state);
    free(p->account);
    free(p->tried);
    str_done(&p->location);
    free(p);
}

/* Throws out what is too old, and with `one_more` the oldest where the table is full. The list is by age, newest first.
 */
static void tidy(struct account *account, bool one_more)
{
    uint64_t now = loop_now(account->loop);
    struct pending **oldest = NULL;
    for (struct pending **at = &account->pendings; *at;) {
        struct pending *p = *at;
        if (now - p->since > PENDING_LIFE_MS && p->step != STEP_ISSUING) {
            *at = p->next;
            account->count--;
            pending_free(p);
        } else {
            oldest = p->step == STEP_ISSUING ? oldest : at;
            at = &p->next;
        }
    }
    if (one_more && account->count >= PENDING_MAX && oldest) {
        struct pending *p = *oldest;
        *oldest = p->next;
        account->count--;
        pending_free(p);
    }
}

struct pending *pending_new(struct account *account)
{
    tidy(account, true);
    struct pending *p = mem_alloc(sizeof *p);
    draw(p->login_id);
    pending_rename(p); /* names that nobody is told before the login */
    draw(p->cookie);
    p->since = loop_now(account->loop);
    p->next = account->pendings;
    account->pendings = p;
    account->count++;
    return p;
}

static bool is_named(const struct pending *p, enum pending_name name, const char *id)
{
    const char *const names[] = {
        [NAME_LOGIN] = p->login_id, [NAME_CONSENT_PAGE] = p->page_id, [NAME_CONSENT_FORM] = p->id};
    return secrets_equal(names[name], id, TOKEN_CHARS);
}

struct pending *pending_find(struct account *account, enum pending_name name, const char *id, const char *cookie,
                             size_t cookie_len)
{
    tidy(account, false);
    if (!id || !cookie || strlen(id) != TOKEN_CHARS || cookie_len != TOKEN_CHARS) {
        return NULL;
    }
    for (struct pending *p = account->pendings; p; p = p->next) {
        if (is_named(p, name, id) && secrets_equal(p->cookie, cookie, TOKEN_CHARS)) {
            return p;
        }
    }
    return NULL;
}

struct pending *pending_of_anybody(struct account *account, enum pending_name name, const char *id)
{
    for (struct pending *p = account->pendings; id && strlen(id) == TOKEN_CHARS && p; p = p->next) {
        if (is_named(p, name, id)) {
            return p;
        }
    }
    return NULL;
}

void pending_free_all(struct account *account)
{
    while (account->pendings) {
        struct pending *p = account->pendings;
        account->pendings = p->next;
        pending_free(p);
    }
}

struct way_back pending_way_back(const struct account *account, const struct pending *p)
{
    return (struct way_back){.redirect_uri = p->redirect_uri,
                             .state = p->state,
                             .state_len = p->state_len,
                             .issuer = issuer_for(account, p->client)};
}

static void add_parameter(struct str *out, char separator, const char *name, const char *value)
{
    if (value) {
        str_printf(out, "%c%s=", separator, name);
        url_encode(out, value, strlen(value));
    }
}

void pending_location(const struct way_back *to, const char *name, const char *value, const char *description,
                      struct str *out)
{
    str_add_z(out, to->redirect_uri);
    add_parameter(out, strchr(to->redirect_uri, '?') ? '&' : '?', name, value);
    add_parameter(out, '&', "error_description", description);
    add_parameter(out, '&', "iss", to->issuer);
    if (to->state) {
        str_add_z(out, "&state=");
        url_copy_query_value(out, to->state, to->state_len);
    }
}
