/* One request and its one answer. The exchange outlives its socket: a handler that answers late, or whose caller has
   gone, needs to know nothing of it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "http/http_internal.h"

#define MAX_HEADERS 100u

void *exchange_new(struct http *http, const char *target)
{
    struct http_exchange *x = mem_alloc(sizeof *x);
    x->http = http;
    x->target = mem_text(target);
    char *mark = strchr(x->target, '?');
    if (mark) {
        *mark = 0;
    }
    x->query = mark ? mark + 1 : "";
    x->tail = "";
    return x;
}

static void drop_headers(struct http_exchange *x)
{
    for (size_t i = 0; i < x->header_count; i++) {
        free(x->headers[i].name);
        free(x->headers[i].value);
    }
    x->header_count = 0;
}

static void stop_waiting(struct http_exchange *x)
{
    if (!x->waiting) {
        return;
    }
    *(x->previous ? &x->previous->next : &x->http->first) = x->next;
    *(x->next ? &x->next->previous : &x->http->last) = x->previous;
    x->next = x->previous = NULL;
    x->waiting = false;
}

static void drop_body(struct http_exchange *x)
{
    if (x->body.data) {
        secrets_wipe(x->body.data, x->body.len); /* it may have held a password */
    }
    str_done(&x->body);
}

static void exchange_free(struct http_exchange *x)
{
    drop_headers(x);
    if (x->response) {
        MHD_destroy_response(x->response);
    }
    if (x->form) {
        url_form_done(x->form);
        free(x->form);
    }
    if (x->credentials.data) {
        secrets_wipe(x->credentials.data, x->credentials.len);
    }
    drop_body(x);
    str_done(&x->source);
    str_done(&x->credentials);
    free(x->segment);
    free(x->target);
    free(x);
}

void exchange_gone(struct http_exchange *x)
{
    stop_waiting(x);
    stream_gone(x);
    x->connection = NULL;
    if (!x->owed) {
        exchange_free(x);
        return;
    }
    x->http = NULL; /* the handler may come after http_free */
    x->listener = NULL;
}

/* ---- answering ---- */

static void count_answer(struct http_stats *stats, int status)
{
    if (status < 400) {
        stats->answers_2xx++;
    } else if (status < 500) {
        stats->answers_4xx++;
    } else {
        stats->answers_5xx++;
    }
}

void exchange_head(struct http_exchange *x, int status, const char *content_type)
{
    if (!x->response) {
        abort(); /* out of memory */
    }
    if (content_type) {
        MHD_add_response_header(x->response, "Content-Type", content_type);
    }
    for (size_t i = 0; i < x->header_count; i++) {
        MHD_add_response_header(x->response, x->headers[i].name, x->headers[i].value);
    }
    drop_headers(x);
    x->status = status;
    count_answer(&x->http->stats, status);
}

void exchange_answer(struct http_exchange *x, int status, const char *content_type, struct str *body)
{
    size_t len = body ? body->len : 0;
    char *bytes = len > 0 ? str_take(body) : NULL;
    if (body) {
        str_done(body);
    }
    x->response = MHD_create_response_from_buffer(len, bytes, bytes ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    exchange_head(x, status, content_type);
}

void exchange_wake(struct http_exchange *x)
{
    stop_waiting(x);
    if (x->suspended) {
        x->suspended = false;
        server_resume(x->http, x->connection);
    }
}

void http_answer(struct http_exchange *x, int status, const char *content_type, struct str *body)
{
    assert(x->owed);
    x->owed = false;
    if (x->expired || !x->connection || !x->http) {
        if (body) {
            str_done(body);
        }
        drop_headers(x);
        if (!x->connection) {
            exchange_free(x);
        }
        return;
    }
    exchange_answer(x, status, content_type, body);
    exchange_wake(x);
}

void http_cut(struct http_exchange *x)
{
    assert(x->owed);
    x->owed = false;
    drop_headers(x);
    if (!x->connection) {
        exchange_free(x);
    } else if (!x->expired) {
        x->cut = true;
        exchange_wake(x);
    }
}

static void error_body(struct str *s, const char *code, const char *text)
{
    struct json_out j;
    json_out_init(&j, s);
    json_begin_object(&j);
    json_member_text(&j, "error", code);
    json_member_text(&j, "error_description", text);
    json_end_object(&j);
    str_add_char(s, '\n');
}

static void set_header(struct http_exchange *x, const char *name, const char *value)
{
    assert(x->header_count < MAX_ANSWER_HEADERS);
    x->headers[x->header_count].name = mem_text(name);
    x->headers[x->header_count++].value = mem_text(value);
}

void http_add_header(struct http_exchange *x, const char *name, const char *value)
{
    if (strpbrk(value, "\r\n") || strpbrk(name, "\r\n")) {
        abort(); /* a response that could be split is a bug that must not ship */
    }
    if (!x->expired && x->connection) {
        set_header(x, name, value);
    }
}

static void error_headers(struct http_exchange *x, unsigned retry_after)
{
    http_add_header(x, "Cache-Control", "no-store");
    http_add_header(x, "X-Content-Type-Options", "nosniff");
    if (retry_after > 0) {
        struct str seconds = STR_INIT;
        str_printf(&seconds, "%u", retry_after);
        http_add_header(x, "Retry-After", str_z(&seconds));
        str_done(&seconds);
    }
}

void http_answer_error(struct http_exchange *x, int status, const char *code, const char *text, unsigned retry_after)
{
    struct str body = STR_INIT;
    error_body(&body, code, text);
    error_headers(x, retry_after);
    http_answer(x, status, "application/json", &body);
}

/* The same before any handler has the exchange. */
static void refuse(struct http_exchange *x, int status, const char *code, const char *text, bool close)
{
    struct str body = STR_INIT;
    error_body(&body, code, text);
    error_headers(x, status == 503 ? 1 : 0);
    if (close) {
        set_header(x, "Connection", "close");
    }
    exchange_answer(x, status, "application/json", &body);
}

static void expire(struct http_exchange *x, const char *text)
{
    drop_headers(x); /* the handler may have begun its own */
    x->http->stats.deadlines++;
    refuse(x, 503, "temporarily_unavailable", text, true);
    x->expired = true;
    exchange_wake(x);
}

void exchange_deadline(void *user)
{
    struct http *http = user;
    uint64_t now = loop_now(http->loop);
    while (http->first && http->first->due <= now) {
        expire(http->first, "the bridge did not come to an answer in time; please try again");
    }
    if (http->first) {
        timer_start(http->deadline, http->first->due - now);
    }
}

void exchange_expire_all(struct http *http)
{
    while (http->first) {
        struct http_exchange *x = http->first;
        expire(x, "the bridge is stopping");
    }
}

/* ---- the way in ---- */

struct head {
    struct gate_header headers[MAX_HEADERS];
    size_t count;
    bool too_many, folded;
};

/* libmicrohttpd 0.9.75 glues a folded line (RFC 9112 5.2) to the *name* of its header, so that "Content-Length: 3" with
   " 0" below it is a header Content-Length0 and no length at all. The longer name lies elsewhere in the connection's
   memory: name and value, with nothing but white space between them otherwise, are no neighbours any more. */
static bool is_folded(const char *name, size_t name_len, const char *value)
{
    const char *at = name + name_len + 1; /* behind what was the colon */
    uintptr_t distance = (uintptr_t)value - (uintptr_t)at;
    if (distance > CONNECTION_MEMORY) { /* also where the value lies before the name */
        return true;
    }
    return strspn(at, " \t") < distance;
}

static enum MHD_Result collect(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value,
                               size_t value_len)
{
    struct head *head = cls;
    (void)kind;
    if (head->count == MAX_HEADERS) {
        head->too_many = true;
        return MHD_NO;
    }
    head->folded = head->folded || (value && is_folded(name, name_len, value));
    head->headers[head->count++] = (struct gate_header){name, value ? value : "", name_len, value ? value_len : 0};
    return MHD_YES;
}

/* What the "*" matched, or nothing where there is none. */
struct tail {
    const char *at;
    size_t len;
};

static bool path_fits(const struct http_route *route, const char *path, struct tail *ret_tail)
{
    const char *star = strchr(route->path, '*');
    size_t before = star ? (size_t)(star - route->path) : 0;
    *ret_tail = (struct tail){"", 0};
    if (!star) {
        return strcmp(route->path, path) == 0;
    }
    if (strncmp(route->path, path, before) != 0) {
        return false;
    }
    const char *at = path + before;
    size_t len = star[1] ? strcspn(at, "/") : strlen(at);
    if (star[1] && (len == 0 || strcmp(star + 1, at + len) != 0)) {
        return false;
    }
    *ret_tail = (struct tail){at, len};
    return true;
}

static bool method_fits(const struct http_route *route, const char *method)
{
    return strcmp(route->method, method) == 0 || (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* Finds the row, or answers 404 or 405. */
static bool find_route(struct http_exchange *x)
{
    const struct http_config *c = &x->http->config;
    struct str allow = STR_INIT;
    struct tail tail;
    for (size_t i = 0; i < c->route_count; i++) {
        const struct http_route *r = &c->routes[i];
        if (!(r->listeners & x->listener->kind) || !path_fits(r, x->target, &tail)) {
            continue;
        }
        if (method_fits(r, x->method)) {
            x->route = r;
            x->segment = tail.at[tail.len] ? mem_text_n(tail.at, tail.len) : NULL;
            x->tail = x->segment ? x->segment : tail.at;
            break;
        }
        str_printf(&allow, "%s%s", allow.len > 0 ? ", " : "", strcmp(r->method, "GET") == 0 ? "GET, HEAD" : r->method);
    }
    if (!x->route && allow.len > 0) {
        http_add_header(x, "Allow", str_z(&allow));
        refuse(x, 405, "method_not_allowed", "this path is not asked with this method; Allow says which", true);
    } else if (!x->route) {
        refuse(x, 404, "not_found", "there is nothing at this path", true);
    }
    str_done(&allow);
    return x->route != NULL;
}

/* The local listener is for this house's browsers only: a foreign name is DNS rebinding, a forwarding header a tunnel.
 */
static bool local_allowed(struct http_exchange *x, const struct head *head)
{
    const char *host = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Host");
    if (gate_forwarded(head->headers, head->count)) {
        refuse(x, 403, "forbidden", "this came through a proxy; the local page is served directly only", true);
        return false;
    }
    if (!gate_host_ours(host ? host : "", (const char *const *)x->listener->names)) {
        refuse(x, 403, "forbidden",
               "this is none of the bridge's own names; local.names in the configuration lists them", true);
        return false;
    }
    return true;
}

/* Judges the head; false: an answer is there already. */
static bool begin(struct http_exchange *x)
{
    struct head head;
    head.count = 0;
    head.too_many = head.folded = false;
    MHD_get_connection_values_n(x->connection, MHD_HEADER_KIND, collect, &head);
    const char *wrong = head.too_many ? "too many headers"
                        : head.folded ? "a header that is folded over several lines"
                                      : gate_check(head.headers, head.count);
    if (wrong && !(strcmp(wrong, "no Host") == 0 && x->listener->kind == HTTP_CONTROL)) {
        x->http->stats.refused_by_gate++;
        refuse(x, 400, "invalid_request", wrong, true);
        return false;
    }
    if ((x->listener->kind == HTTP_LOCAL && !local_allowed(x, &head)) || !find_route(x)) {
        return false;
    }
    const char *length = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Content-Length");
    if (length && strtoull(length, NULL, 10) > x->route->max_body) {
        refuse(x, 413, "too_large",
               x->route->max_body > 0 ? "the body is longer than is accepted here" : "this request takes no body",
               true);
        return false;
    }
    return true;
}

static void hand_over(struct http_exchange *x)
{
    x->owed = true;
    x->route->handle(x, x->http->config.contexts[x->route->context]);
}

static void answer_login(struct http_exchange *x, const char *text)
{
    http_add_header(x, "WWW-Authenticate", "Basic realm=\"lightbridge\", charset=\"UTF-8\"");
    http_answer_error(x, 401, "unauthorized", text, 0);
}

static void login_done(void *token, int result)
{
    struct http_exchange *x = token;
    if (x->http && result == 0) {
        x->route->handle(x, x->http->config.contexts[x->route->context]);
    } else if (result == 0 || result == ERR_DENIED) { /* with 0: the caller has gone */
        answer_login(x, "wrong account or password");
    } else { /* a 401 would make a browser ask for another password */
        http_answer_error(x, 503, "temporarily_unavailable", err_text(result), 5);
    }
}

/* RFC 6750 3: no error code where no token was shown. */
static void answer_bearer(struct http_exchange *x, int status, const char *error, const char *text, const char *scope)
{
    struct str challenge = STR_INIT;
    str_add_z(&challenge, "Bearer realm=\"lightbridge\"");
    if (error) {
        str_printf(&challenge, ", error=\"%s\", error_description=\"%s\"", error, text);
    }
    if (scope) {
        str_printf(&challenge, ", scope=\"%s\"", scope);
    }
    http_add_header(x, "WWW-Authenticate", str_z(&challenge));
    http_answer_error(x, status, error ? error : "unauthorized", text, 0);
    str_done(&challenge);
}

/* The token as a bearer's, or as the name of HTTP Basic with no password, which the LIFX HTTP API's clients may use. */
static const char *token_in(struct http_exchange *x, const char *authorization)
{
    const char *token = gate_bearer(authorization), *password = NULL;
    if (!token && gate_basic(authorization, &x->credentials, &password) == 0 && !*password) {
        token = str_z(&x->credentials);
    }
    return token;
}

static void by_token(struct http_exchange *x, const char *authorization)
{
    const struct http_config *c = &x->http->config;
    const char *token = token_in(x, authorization);
    const char *scope = NULL;
    int err = token && c->bearer ? c->bearer(c->user, token, x->route->auth, &scope, &x->caller) : ERR_INVALID;
    if (err == 0) {
        x->route->handle(x, c->contexts[x->route->context]);
    } else if (err == ERR_INVALID) {
        answer_bearer(x, 401, NULL, "an access token is needed: Authorization: Bearer TOKEN", NULL);
    } else if (err == ERR_UNSUPPORTED) {
        answer_bearer(x, 403, "insufficient_scope", "the token's scope does not allow this", scope);
    } else if (err == ERR_DENIED || err == ERR_EXPIRED || err == ERR_ENDED) {
        answer_bearer(x, 401, "invalid_token",
                      err == ERR_EXPIRED ? "the access token has expired"
                      : err == ERR_ENDED ? "the link behind the access token has ended"
                                         : "this is no access token of this bridge",
                      NULL);
    } else { /* a 401 would make a client drop a good token */
        http_answer_error(x, 503, "temporarily_unavailable", err_text(err), 5);
    }
}

static void by_login(struct http_exchange *x, const char *authorization)
{
    const struct http_config *c = &x->http->config;
    const char *password = NULL;
    if (!c->login || gate_basic(authorization, &x->credentials, &password) != 0) {
        answer_login(x, "an account of this bridge is needed (lightbridge account add NAME)");
        return;
    }
    c->login(c->user, str_z(&x->credentials), password, http_source(x), login_done, x);
}

static void dispatch(struct http_exchange *x)
{
    enum http_auth auth = x->route->auth;
    x->http->stats.requests++;
    if (auth == HTTP_OPEN || (auth == HTTP_LOCAL_LOGIN && x->listener->kind == HTTP_CONTROL)) {
        hand_over(x);
        return;
    }
    const char *authorization = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Authorization");
    x->owed = true;
    if (auth == HTTP_LOCAL_LOGIN) {
        by_login(x, authorization);
    } else {
        by_token(x, authorization);
    }
}

/* Suspends it until its answer comes. */
static enum MHD_Result wait(struct http_exchange *x)
{
    struct http *http = x->http;
    unsigned deadline_ms = http->config.deadline_ms > 0 ? http->config.deadline_ms : EXCHANGE_DEADLINE_MS;
    x->due = loop_now(http->loop) + deadline_ms;
    x->waiting = true;
    x->previous = http->last;
    *(http->last ? &http->last->next : &http->first) = x;
    http->last = x;
    if (!timer_active(http->deadline)) {
        timer_start(http->deadline, deadline_ms);
    }
    x->suspended = true;
    MHD_suspend_connection(x->connection);
    return MHD_YES;
}

static enum MHD_Result send_answer(struct http_exchange *x)
{
    enum MHD_Result result = MHD_queue_response(x->connection, (unsigned)x->status, x->response);
    MHD_destroy_response(x->response);
    x->response = NULL;
    x->answered = true;
    drop_body(x); /* whoever is slow to read the answer keeps no more than that */
    return result;
}

/* A body of which nothing has been read yet. */
static bool has_body(const struct http_exchange *x)
{
    const char *length = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Content-Length");
    return (length && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Transfer-Encoding");
}

enum MHD_Result exchange_feed(struct http_exchange *x, struct listener *listener, struct MHD_Connection *connection,
                              const char *method, const char *data, size_t *len)
{
    if (!x->begun) {
        x->begun = true;
        x->listener = listener;
        x->kind = listener->kind;
        x->is_tls = listener->certificate_file != NULL;
        x->connection = connection;
        size_t method_len = strlen(method);
        memcpy(x->method, method, method_len < sizeof x->method ? method_len + 1 : 0);
        if (begin(x)) {
            return MHD_YES;
        }
        x->unread_body = has_body(x);
        return send_answer(x);
    }
    assert(x->connection); /* it calls us */
    if (*len > 0) {
        if (x->too_large || x->body.len + *len > x->route->max_body) {
            x->too_large = true; /* no answer can be sent before the upload has ended: it is swallowed, so far */
            x->swallowed += *len;
            drop_body(x);
        } else {
            str_add(&x->body, data, *len);
        }
        *len = 0;
        return x->swallowed <= LINGER_BYTES ? MHD_YES : MHD_NO;
    }
    if (x->too_large) {
        refuse(x, 413, "too_large", "the body is longer than is accepted here", true);
        x->too_large = false;
    } else if (!x->response && !x->cut) {
        dispatch(x);
    }
    /* Its connection holds the exchange: whatever the handler did, it is there. */
    if (x->cut) {      // NOLINT(clang-analyzer-unix.Malloc)
        return MHD_NO; /* libmicrohttpd closes the connection */
    }
    return x->response ? send_answer(x) : wait(x);
}
