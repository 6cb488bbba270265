/* Pages: a template's holes, the one frame and its stylesheet. No scripts anywhere. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "http/http.h"

void http_escape(struct str *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            str_add_z(out, "&amp;");
            break;
        case '<':
            str_add_z(out, "&lt;");
            break;
        case '>':
            str_add_z(out, "&gt;");
            break;
        case '"':
            str_add_z(out, "&quot;");
            break;
        case '\'':
            str_add_z(out, "&#39;");
            break;
        default:
            str_add_char(out, *text);
        }
    }
}

static const char *value_of(const char *name, size_t len, const struct http_variable *variables, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(variables[i].name) == len && memcmp(variables[i].name, name, len) == 0) {
            return variables[i].value ? variables[i].value : "";
        }
    }
    abort(); /* a template names a variable that is not given: a bug that the first look at the page shows */
}

void http_fill(struct str *out, const char *page, const struct http_variable *variables, size_t count)
{
    for (;;) {
        const char *open = strstr(page, "{{");
        if (!open) {
            str_add_z(out, page);
            return;
        }
        str_add(out, page, (size_t)(open - page));
        bool raw = open[2] == '{';
        const char *name = open + (raw ? 3 : 2);
        const char *close = strstr(name, raw ? "}}}" : "}}");
        assert(close);
        if (*name == '/') {
            page = close + 2;
            continue;
        }
        bool section = *name == '#';
        name += section;
        const char *value = value_of(name, (size_t)(close - name), variables, count);
        page = close + (raw ? 3 : 2);
        if (section && !*value) {
            /* Sections do not nest: the next end is ours. */
            const char *end = strstr(page, "{{/");
            assert(end);
            page = strstr(end, "}}") + 2;
        } else if (raw) {
            str_add_z(out, value);
        } else if (!section) {
            http_escape(out, value);
        }
    }
}

static const char stylesheet[] =
    ":root{color-scheme:light dark;--fg:#1b1f24;--bg:#f6f7f9;--card:#fff;--line:#d5dae1;--accent:#0a58ca;--bad:#b3261e;"
    "--good:#1a7f37}\n"
    "@media(prefers-color-scheme:dark){:root{--fg:#e8eaed;--bg:#15181c;--card:#1f242a;--line:#3a424c;--accent:#7fb0ff;"
    "--bad:#ff8a80;--good:#6fdd8b}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif;"
    "overflow-wrap:anywhere}\n"
    "main{max-width:34rem;margin:0 auto;padding:1.5rem 1rem}\n"
    "main.wide{max-width:60rem}\n"
    "h1{font-size:1.4rem;margin:.2rem 0 1rem}\nh2{font-size:1.1rem;margin:1.6rem 0 .5rem}\n"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:.8rem;padding:1.2rem}\n"
    "a{color:var(--accent)}\n"
    "label{display:block;margin:.9rem 0 .3rem;font-weight:600}\n"
    "input[type=text],input[type=password]{width:100%;font:inherit;padding:.7rem;border:1px solid var(--line);"
    "border-radius:.5rem;background:var(--bg);color:var(--fg)}\n"
    "button{font:inherit;font-weight:600;width:100%;min-height:3rem;margin-top:1.1rem;border-radius:.6rem;"
    "border:1px solid var(--accent);background:var(--accent);color:var(--card);cursor:pointer}\n"
    "button.quiet{background:transparent;color:var(--accent)}\n"
    ".error{color:var(--bad);font-weight:600}\n.good{color:var(--good)}\n.bad{color:var(--bad)}\n"
    ".small{font-size:.9rem;opacity:.85}\n"
    "ul{padding-left:1.3rem}\ncode{font-size:.9em}\n"
    "ul.rows{list-style:none;margin:0;padding:0}\n"
    "ul.rows li{padding:.7rem 0;border-top:1px solid var(--line)}\nul.rows li:first-child{border-top:0}\n"
    ".card>ul.rows{margin:-.6rem 0}\n"
    ".row{display:flex;gap:1rem;justify-content:space-between}\n"
    ".row>:last-child{flex:none;max-width:50%;text-align:right}\n"
    ".name{font-weight:600;min-width:0}\n"
    ".count{font-weight:400;opacity:.7}\n";

void http_stylesheet(struct http_exchange *x, void *context)
{
    struct str body = STR_INIT;
    (void)context;
    str_add(&body, stylesheet, sizeof stylesheet - 1);
    http_add_header(x, "Cache-Control", "public, max-age=3600");
    http_add_header(x, "X-Content-Type-Options", "nosniff");
    http_answer(x, 200, "text/css; charset=utf-8", &body);
}

void http_answer_page(struct http_exchange *x, int status, const char *title, struct str *body, const char *form_action)
{
    struct str page = STR_INIT;
    struct str policy = STR_INIT;
    str_add_z(&page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    http_escape(&page, title);
    str_add_z(&page,
              "</title>\n<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n"
              "<body>\n");
    str_add(&page, str_z(body), body->len);
    str_add_z(&page, "</body>\n</html>\n");
    str_done(body);
    str_printf(
        &policy,
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'; form-action "
        "'self'%s%s",
        form_action ? " " : "", form_action ? form_action : "");
    http_add_header(x, "Content-Security-Policy", str_z(&policy));
    http_add_header(x, "X-Frame-Options", "DENY");
    http_add_header(x, "X-Content-Type-Options", "nosniff");
    http_add_header(x, "Referrer-Policy", "no-referrer");
    http_add_header(x, "Cache-Control", "no-store");
    str_done(&policy);
    http_answer(x, status, "text/html; charset=utf-8", &page);
}

void http_healthz(struct http_exchange *x, void *context)
{
    const struct http_health *health = context;
    const char *trouble = health && health->trouble ? health->trouble(health->user, http_listener(x)) : NULL;
    if (health && health->instance) {
        http_add_header(x, HTTP_INSTANCE, health->instance);
    }
    if (trouble && *trouble) {
        http_answer_error(x, 503, "unwell", trouble, 30);
        return;
    }
    struct str body = STR_INIT;
    str_add_z(&body, "{\"status\":\"ok\"}\n");
    http_add_header(x, "Cache-Control", "no-store");
    http_answer(x, 200, "application/json", &body);
}
