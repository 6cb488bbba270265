#include "rehearsal/redirect.h"

#include <string.h>

#include "base/err.h"
#include "base/url.h"

static int read_query(const struct url_form *query, const char *state, struct str *ret_code, struct str *why)
{
    const struct url_field *got = url_form_field(query, "state");
    const char *code = url_form_value(query, "code");
    const char *error = url_form_value(query, "error");
    if (!got) {
        str_add_z(why, "the redirect carries no state");
        return ERR_INVALID;
    }
    if (got->raw_len != strlen(state) || memcmp(got->raw, state, got->raw_len) != 0) {
        str_printf(why, "state came back as %.*s, but was sent as %s", (int)got->raw_len, got->raw, state);
        return ERR_INVALID;
    }
    if (error) {
        const char *text = url_form_value(query, "error_description");
        str_printf(why, "the bridge answered error=%s%s%s", error, text ? ": " : "", text ? text : "");
        return ERR_REJECTED;
    }
    if (!code || code[0] == '\0') {
        str_add_z(why, "the redirect carries no code");
        return ERR_INVALID;
    }
    str_add_z(ret_code, code);
    return 0;
}

int redirect_read(const char *location, const char *redirect_uri, const char *state, struct str *ret_code,
                  struct str *why)
{
    size_t len = strlen(redirect_uri);
    const char *what = NULL;
    struct url_form query;
    if (strncmp(location, redirect_uri, len) != 0 || location[len] != (strchr(redirect_uri, '?') ? '&' : '?')) {
        str_printf(why, "the browser is sent to %s, which is not %s with code and state", location, redirect_uri);
        return ERR_INVALID;
    }
    if (strchr(location, '#')) {
        str_add_z(why, "the redirect carries a fragment");
        return ERR_INVALID;
    }
    location += len + 1;
    int err = url_form_parse(&query, location, strlen(location), &what);
    if (err != 0) {
        str_printf(why, "the redirect's query cannot be read: %s", what);
    } else {
        err = read_query(&query, state, ret_code, why);
    }
    url_form_done(&query);
    return err;
}
