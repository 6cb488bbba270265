/* What a handler asks of a request. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "http/http_internal.h"

const char *http_method(const struct http_exchange *x)
{
    return x->method;
}

const char *http_path(const struct http_exchange *x)
{
    return x->target;
}

const char *http_tail(const struct http_exchange *x)
{
    return x->tail;
}

const char *http_raw_query(const struct http_exchange *x)
{
    return x->query;
}

const struct url_form *http_query(struct http_exchange *x, const char **ret_what)
{
    if (x->form_state == 0) {
        x->form = mem_alloc(sizeof *x->form);
        x->form_state = url_form_parse(x->form, x->query, strlen(x->query), &x->form_wrong) == 0 ? 1 : -1;
    }
    if (x->form_state < 0 && ret_what) {
        *ret_what = x->form_wrong;
    }
    return x->form_state > 0 ? x->form : NULL;
}

const char *http_header(const struct http_exchange *x, const char *name)
{
    return x->connection ? MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name) : NULL;
}

const char *http_cookie(const struct http_exchange *x, const char *name, size_t *ret_len)
{
    return gate_cookie(http_header(x, "Cookie"), name, ret_len);
}

const char *http_body(const struct http_exchange *x, size_t *ret_len)
{
    *ret_len = x->body.len;
    return str_z(&x->body);
}

bool http_body_is(const struct http_exchange *x, const char *media_type)
{
    const char *type = http_header(x, "Content-Type");
    size_t len = strlen(media_type);
    return type && strncasecmp(type, media_type, len) == 0 && (type[len] == 0 || strchr("; \t", type[len]));
}

unsigned http_listener(const struct http_exchange *x)
{
    return x->kind;
}

bool http_caller_gone(const struct http_exchange *x)
{
    if (!x->connection || !x->http || x->expired) {
        return true;
    }
    /* while an exchange is suspended nobody reads its socket */
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd socket = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
    return poll(&socket, 1, 0) > 0;
}

void *http_caller(const struct http_exchange *x)
{
    return x->caller;
}

bool http_is_tls(const struct http_exchange *x)
{
    return x->is_tls;
}

void connection_source(struct str *s, struct MHD_Connection *connection, const struct listener *listener,
                       const char *x_forwarded_for, const char *forwarded)
{
    char text[INET6_ADDRSTRLEN];
    const char *peer = NULL;
    const union MHD_ConnectionInfo *info =
        listener->kind == HTTP_CONTROL ? NULL : MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info && info->client_addr->sa_family == AF_INET) {
        peer = inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)info->client_addr)->sin_addr, text,
                         sizeof text);
    } else if (info && info->client_addr->sa_family == AF_INET6) {
        peer = inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)info->client_addr)->sin6_addr, text,
                         sizeof text);
    }
    gate_source(s, peer, x_forwarded_for, forwarded, (const char *const *)listener->trusted);
}

const char *http_source(const struct http_exchange *x)
{
    struct http_exchange *mutable = (struct http_exchange *)(void *)(uintptr_t)(const void *)x;
    if (x->source.len == 0 && x->connection) {
        connection_source(&mutable->source, x->connection, x->listener, http_header(x, "X-Forwarded-For"),
                          http_header(x, "Forwarded"));
    }
    return x->source.len > 0 ? str_z(&x->source) : NULL;
}
