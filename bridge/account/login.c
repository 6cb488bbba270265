/* The login: GET shows its page, POST checks the password and leads on to the consent, or back with the reason. */
#include <stdlib.h>
#include <string.h>

#include "account/account_internal.h"
#include "base/err.h"
#include "base/mem.h"

#define UNWELL_RETRY_S 60u
#define BUSY_RETRY_S 5u

void account_login_page(struct http_exchange *x, void *context)
{
    struct account *account = context;
    const struct pending *p = page_pending(account, x, NAME_LOGIN);
    if (p && p->step > STEP_CONSENT) {
        page_answered(x, p);
    } else if (p) {
        page_login(x, account, p);
    }
}

struct login {
    struct account *account;
    struct http_exchange *x;
    char id[TOKEN_CHARS + 1], cookie[TOKEN_CHARS + 1];
    char *name;
};

/* Pressed twice, or the browser's back button: the last login counts. */
static void welcome(struct login *l, struct pending *p)
{
    free(p->account);
    p->account = l->name;
    l->name = NULL;
    p->stamp = oauth_account_stamp(l->account->oauth, p->account);
    p->step = STEP_CONSENT;
    pending_rename(p);
    pending_notice(l->account, p, &(struct notice){NOTICE_NONE, NAME_LOGIN, 0, 0});
    go_to(l->x, NAME_CONSENT_PAGE, p->page_id);
}

/* Back to the login page, which says why. */
static void turn_back(struct account *account, struct http_exchange *x, struct pending *p, const char *name,
                      const struct notice *notice)
{
    free(p->tried);
    p->tried = mem_text(name);
    pending_notice(account, p, notice);
    go_to(x, NAME_LOGIN, p->login_id);
}

static struct notice notice_of(const struct account *account, int result)
{
    unsigned wait_s = result == ERR_BUSY ? oauth_login_wait_s(account->oauth) : 0;
    if (result == ERR_DENIED) {
        return (struct notice){NOTICE_WRONG, NAME_LOGIN, 0, 0};
    }
    if (result == ERR_BUSY) {
        return wait_s > 0 ? (struct notice){NOTICE_WAIT, NAME_LOGIN, wait_s, 0}
                          : (struct notice){NOTICE_BUSY, NAME_LOGIN, BUSY_RETRY_S, 0};
    }
    return (struct notice){NOTICE_UNWELL, NAME_LOGIN, UNWELL_RETRY_S, result};
}

static void logged_in(void *user, int result)
{
    struct login *l = user;
    struct pending *p = pending_find(l->account, NAME_LOGIN, l->id, l->cookie, TOKEN_CHARS);
    bool counts = p && p->step <= STEP_CONSENT;
    if (counts && result != ERR_CANCELLED) {
        traced_login(l->account, p, l->name, result);
    }
    if (result == ERR_CANCELLED) {
        page_unwell(l->x, result);
    } else if (!counts) { /* too old, or answered meanwhile: the page says which */
        go_to(l->x, NAME_LOGIN, l->id);
    } else if (result == 0) {
        welcome(l, p);
    } else {
        const struct notice notice = notice_of(l->account, result);
        turn_back(l->account, l->x, p, l->name, &notice);
    }
    free(l->name);
    free(l);
}

void account_login(struct http_exchange *x, void *context)
{
    struct account *account = context;
    struct url_form form = {0};
    struct pending *p = form_read(x, &form) ? form_pending(account, x, &form, NAME_LOGIN) : NULL;
    const char *name = form_given(&form, "username");
    const char *password = form_given(&form, "password");
    if (p && p->step > STEP_CONSENT) {
        go_to(x, NAME_LOGIN, p->login_id);
    } else if (p && (!name || !password)) {
        turn_back(account, x, p, name, &(struct notice){NOTICE_INCOMPLETE, NAME_LOGIN, 0, 0});
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
