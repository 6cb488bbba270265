/* The forms of the pages: how they are read, whose they are, and the page each leads to (post, redirect, get). */
#include <string.h>

#include "account/account_internal.h"

static const struct {
    const char *path;
    enum trace_step step;
} places[] = {[NAME_LOGIN] = {"/oauth/login", TRACE_LOGIN},
              [NAME_CONSENT_PAGE] = {"/oauth/consent", TRACE_CONSENT},
              [NAME_CONSENT_FORM] = {"/oauth/consent", TRACE_CONSENT}};

bool form_read(struct http_exchange *x, struct url_form *form)
{
    size_t len;
    const char *what = NULL;
    const char *body = http_body(x, &len);
    if (http_body_is(x, "application/x-www-form-urlencoded") && url_form_parse(form, body, len, &what) == 0) {
        return true;
    }
    struct str text = STR_INIT;
    str_printf(&text,
               "What was sent is not what a page of the bridge sends: %s. Please go back to the app and start again.",
               what ? what : "it is no form");
    page_error(x, 400, "This form cannot be read", str_z(&text), 0);
    str_done(&text);
    return false;
}

void go_to(struct http_exchange *x, enum pending_name name, const char *id)
{
    struct str location = STR_INIT;
    str_add_z(&location, places[name].path);
    if (id && strlen(id) == TOKEN_CHARS) { /* anything else is none of ours */
        str_add_z(&location, "?request=");
        url_encode(&location, id, TOKEN_CHARS);
    }
    page_redirect(x, str_z(&location));
    str_done(&location);
}

struct pending *form_pending(struct account *account, struct http_exchange *x, const struct url_form *form,
                             enum pending_name name)
{
    size_t len = 0;
    const char *id = url_form_value(form, "request"), *cookie = http_cookie(x, COOKIE, &len);
    struct pending *p = pending_find(account, name, id, cookie, len);
    if (!p) {
        const struct pending *other = pending_of_anybody(account, name, id);
        if (other) {
            traced(account, other, places[name].step, TRACE_REFUSED, CAUSE_NO_COOKIE);
        }
        go_to(x, name, id); /* which is too old there as it is here, and says so */
    }
    return p;
}

struct pending *page_pending(struct account *account, struct http_exchange *x, enum pending_name name)
{
    size_t len = 0;
    const char *what = NULL, *cookie = http_cookie(x, COOKIE, &len);
    const struct url_form *query = http_query(x, &what);
    struct pending *p = pending_find(account, name, query ? url_form_value(query, "request") : NULL, cookie, len);
    if (!p) {
        page_error(
            x, 400, "This page is too old",
            cookie ? "Linking was not finished within ten minutes, or this page was left open from an earlier try. "
                     "Please go back to the app and start again."
                   : "This browser did not send the page's cookie. Please allow cookies for this page, go back to the "
                     "app and start again.",
            0);
    }
    return p;
}
