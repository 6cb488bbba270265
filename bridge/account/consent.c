/* The consent: GET shows its page, POST takes the decision, which is made once, and leads back to the app. */
#include <stdlib.h>
#include <string.h>

#include "account/account_internal.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#define UNWELL_RETRY_S 60u

void account_consent_page(struct http_exchange *x, void *context)
{
    struct account *account = context;
    const struct pending *p = page_pending(account, x, NAME_CONSENT_PAGE);
    if (p && p->step == STEP_DONE) {
        page_answered(x, p);
    } else if (p) {
        page_consent(x, account, p);
    }
}

struct issue {
    struct account *account;
    struct pending *pending; /* stays: a pending that is issuing is not thrown out */
};

/* No code: what the page says then. Only what cannot get well is the end of it. */
static void not_issued(struct account *account, struct pending *p, int result)
{
    enum notice_kind what = result == ERR_NOT_FOUND   ? NOTICE_REMOVED
                            : result == ERR_TOO_LARGE ? NOTICE_TOO_MANY_LINKS
                                                      : NOTICE_UNWELL;
    p->step = what == NOTICE_REMOVED ? STEP_DONE : STEP_CONSENT; /* nothing was written: Allow may be pressed again */
    pending_notice(account, p,
                   &(struct notice){what, NAME_CONSENT_PAGE, what == NOTICE_REMOVED ? 0 : UNWELL_RETRY_S, result});
    log_error("account", "no code could be issued: %s", err_text(result));
}

static void issued(void *user, int result, const char *code, struct oauth_link *link)
{
    struct issue *i = user;
    struct pending *p = i->pending;
    if (result != ERR_CANCELLED) {
        traced_code(i->account, p, result, link);
    }
    if (result == 0) {
        p->step = STEP_DONE;
        p->link = link;
        const struct way_back back = pending_way_back(i->account, p);
        pending_location(&back, "code", code, NULL, &p->location);
    } else {
        not_issued(i->account, p, result);
    }
    while (p->waiters) {
        struct waiter *w = p->waiters;
        p->waiters = w->next;
        if (result == 0) {
            page_redirect(w->x, str_z(&p->location));
        } else if (result == ERR_CANCELLED) {
            page_unwell(w->x, result);
        } else {
            go_to(w->x, NAME_CONSENT_PAGE, p->page_id);
        }
        free(w);
    }
    free(i);
}

static void allow(struct account *account, struct pending *p, struct http_exchange *x)
{
    struct waiter *w = mem_alloc(sizeof *w);
    *w = (struct waiter){p->waiters, x};
    p->waiters = w;
    if (p->step == STEP_ISSUING) {
        return; /* pressed twice: both get the one code */
    }
    struct issue *i = mem_alloc(sizeof *i);
    *i = (struct issue){account, p};
    p->step = STEP_ISSUING;
    traced(account, p, TRACE_CONSENT, TRACE_OK, CAUSE_NONE);
    oauth_issue_code(account->oauth, p->client,
                     &(struct oauth_grant){.account = p->account,
                                           .redirect_uri = p->redirect_uri,
                                           .scope = p->scope,
                                           .code_challenge = p->code_challenge,
                                           .rehearsal = p->rehearsal},
                     issued, i);
}

static void deny(struct account *account, struct pending *p, struct http_exchange *x)
{
    p->step = STEP_DONE;
    traced(account, p, TRACE_CONSENT, TRACE_REFUSED, CAUSE_CONSENT_DENIED);
    const struct way_back back = pending_way_back(account, p);
    pending_location(&back, "error", "access_denied", NULL, &p->location);
    page_redirect(x, str_z(&p->location));
}

/* Whoever logged in with the old password may be why there is a new one. */
static bool is_outdated(const struct account *account, const struct pending *p)
{
    uint64_t now = oauth_account_stamp(account->oauth, p->account);
    return now != 0 && now != p->stamp; /* an account that is gone is told apart when the code is issued */
}

static void log_in_again(struct account *account, struct pending *p, struct http_exchange *x)
{
    p->step = STEP_LOGIN;
    pending_rename(p);
    pending_notice(account, p, &(struct notice){NOTICE_CHANGED, NAME_LOGIN, 0, 0});
    go_to(x, NAME_LOGIN, p->login_id);
}

void account_consent(struct http_exchange *x, void *context)
{
    struct account *account = context;
    struct url_form form = {0};
    struct pending *p = form_read(x, &form) ? form_pending(account, x, &form, NAME_CONSENT_FORM) : NULL;
    const char *decision = p ? url_form_value(&form, "decision") : NULL;
    bool open = p && p->step == STEP_CONSENT;
    if (p && pending_may_go_on(p)) { /* the answer has been given, and it is the same again */
        page_redirect(x, str_z(&p->location));
    } else if (open && decision && strcmp(decision, "allow") == 0 && is_outdated(account, p)) {
        log_in_again(account, p, x);
    } else if (p && (p->step == STEP_ISSUING || (open && decision && strcmp(decision, "allow") == 0))) {
        allow(account, p, x); /* while the code is issued it cannot be taken back: the answer is the code's */
    } else if (open && decision && strcmp(decision, "deny") == 0) {
        deny(account, p, x);
    } else if (p) { /* neither; or decided: the page says what */
        go_to(x, NAME_CONSENT_PAGE, p->page_id);
    }
    url_form_done(&form);
}
