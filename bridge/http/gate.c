#include "http/gate.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/secrets.h"

#define BASIC_MAX 1500u /* bytes of name and password */

static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

static bool named(const struct gate_header *h, const char *name)
{
    return h->name_len == strlen(name) && strncasecmp(h->name, name, h->name_len) == 0;
}

/* Headers of which a second one would let two readers see two requests. */
static const struct {
    const char *name, *twice;
} single[] = {
    {"Content-Length", "more than one Content-Length"},       {"Host", "more than one Host"},
    {"Authorization", "more than one Authorization"},         {"Content-Type", "more than one Content-Type"},
    {"Transfer-Encoding", "more than one Transfer-Encoding"},
};
enum { SINGLE_LENGTH, SINGLE_HOST, SINGLE_AUTHORIZATION, SINGLE_TYPE, SINGLE_ENCODING, SINGLE_COUNT };

static const char *check_one(const struct gate_header *h)
{
    if (h->name_len == 0) {
        return "a header without a name";
    }
    for (size_t i = 0; i < h->name_len; i++) {
        if (!is_token_char((unsigned char)h->name[i])) {
            return "a header whose name is no token";
        }
    }
    for (size_t i = 0; i < h->value_len; i++) {
        if (h->value[i] == 0 || h->value[i] == '\r' || h->value[i] == '\n') {
            return "a control byte in a header";
        }
    }
    return NULL;
}

const char *gate_check(const struct gate_header *headers, size_t count)
{
    const struct gate_header *seen[SINGLE_COUNT] = {NULL};
    for (size_t i = 0; i < count; i++) {
        const char *wrong = check_one(&headers[i]);
        if (wrong) {
            return wrong;
        }
        for (size_t k = 0; k < SINGLE_COUNT; k++) {
            if (named(&headers[i], single[k].name)) {
                if (seen[k]) {
                    return single[k].twice;
                }
                seen[k] = &headers[i];
            }
        }
    }
    if (seen[SINGLE_LENGTH] && seen[SINGLE_ENCODING]) {
        return "Content-Length with Transfer-Encoding";
    }
    if (seen[SINGLE_ENCODING] &&
        (seen[SINGLE_ENCODING]->value_len != 7 || strncasecmp(seen[SINGLE_ENCODING]->value, "chunked", 7) != 0)) {
        return "a Transfer-Encoding other than chunked";
    }
    if (seen[SINGLE_LENGTH]) {
        const struct gate_header *h = seen[SINGLE_LENGTH];
        if (h->value_len == 0 || h->value_len > 18 || strspn(h->value, "0123456789") < h->value_len) {
            return "a Content-Length that is no number";
        }
    }
    return seen[SINGLE_HOST] ? NULL : "no Host";
}

bool gate_host_ours(const char *host, const char *const *names)
{
    static const char *const loopback[] = {"127.0.0.1", "localhost", "[::1]", NULL};
    const char *colon = strrchr(host, ':');
    size_t len = strlen(host);
    if (colon && strspn(colon + 1, "0123456789") == strlen(colon + 1) && (host[0] != '[' || colon[-1] == ']')) {
        len = (size_t)(colon - host);
    }
    const char *const *lists[] = {loopback, names};
    for (size_t l = 0; l < 2; l++) {
        for (const char *const *name = lists[l]; name && *name; name++) {
            if (strlen(*name) == len && strncasecmp(*name, host, len) == 0) {
                return true;
            }
        }
    }
    return false;
}

const char *gate_forwarded(const struct gate_header *headers, size_t count)
{
    static const char *const names[] = {"Forwarded", "Via", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP"};
    for (size_t i = 0; i < count; i++) {
        const struct gate_header *h = &headers[i];
        if (h->name_len > 12 && strncasecmp(h->name, "X-Forwarded-", 12) == 0) {
            return h->name;
        }
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            if (named(h, names[k])) {
                return h->name;
            }
        }
    }
    return NULL;
}

int gate_basic(const char *authorization, struct str *s, const char **ret_password)
{
    uint8_t bytes[BASIC_MAX];
    size_t len = 0;
    if (!authorization || strncasecmp(authorization, "Basic ", 6) != 0) {
        return ERR_NOT_FOUND;
    }
    const char *text = authorization + 6 + strspn(authorization + 6, " ");
    int err = secrets_base64_decode(text, strlen(text), bytes, sizeof bytes, &len);
    const uint8_t *colon = err == 0 ? memchr(bytes, ':', len) : NULL;
    if (!colon || memchr(bytes, 0, len)) {
        secrets_wipe(bytes, sizeof bytes);
        return ERR_INVALID;
    }
    str_clear(s);
    str_add(s, bytes, len);
    s->data[colon - bytes] = 0;
    *ret_password = s->data + (colon - bytes) + 1;
    secrets_wipe(bytes, sizeof bytes);
    return 0;
}

const char *gate_bearer(const char *authorization)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0) {
        return NULL;
    }
    const char *token = authorization + 7 + strspn(authorization + 7, " ");
    size_t len = strspn(token, letters);
    return len > 0 && !token[len + strspn(token + len, "=")] ? token : NULL;
}

/* ---- who asks ---- */

static bool is_address(const char *text)
{
    unsigned char address[16];
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool listed(const char *address, const char *const *trusted)
{
    for (; trusted && *trusted; trusted++) {
        if (strcmp(*trusted, address) == 0) {
            return true;
        }
    }
    return false;
}

/* "192.0.2.1", "192.0.2.1:4711", "[2001:db8::1]:4711", "2001:db8::1", also in quotes; "" where it is none of these. */
static void take_address(char *to, size_t cap, const char *from, size_t len)
{
    char text[64];
    to[0] = 0;
    while (len > 0 && strchr(" \t\"", *from)) {
        from++;
        len--;
    }
    while (len > 0 && strchr(" \t\"", from[len - 1])) {
        len--;
    }
    if (len == 0 || len >= sizeof text) {
        return;
    }
    memcpy(text, from, len);
    text[len] = 0;
    char *start = text;
    char *colon = strchr(text, ':');
    if (text[0] == '[') {
        char *end = strchr(text, ']');
        if (!end) {
            return;
        }
        *end = 0;
        start++;
    } else if (colon && !strchr(colon + 1, ':')) {
        *colon = 0;
    }
    if (is_address(start) && strlen(start) < cap) {
        memcpy(to, start, strlen(start) + 1);
    }
}

/* Value of for= inside one element of Forwarded (RFC 7239 4). */
static const char *find_for(const char *element, size_t len, size_t *ret_len)
{
    for (size_t at = 0; at < len;) {
        size_t stop = at;
        while (stop < len && element[stop] != ';') {
            stop++;
        }
        while (at < stop && element[at] == ' ') {
            at++;
        }
        if (stop - at > 4 && strncasecmp(element + at, "for=", 4) == 0) {
            *ret_len = stop - at - 4;
            return element + at + 4;
        }
        at = stop + 1;
    }
    return NULL;
}

/* The last element of a list that is no trusted proxy: what stands before it could be anybody's invention. */
static bool last_untrusted(struct str *s, const char *list, bool is_forwarded, const char *const *trusted)
{
    size_t end = strlen(list);
    for (;;) {
        char address[64];
        size_t from = end;
        while (from > 0 && list[from - 1] != ',') {
            from--;
        }
        size_t len = end - from;
        const char *text = is_forwarded ? find_for(list + from, end - from, &len) : list + from;
        address[0] = 0;
        if (text) {
            take_address(address, sizeof address, text, len);
        }
        if (!address[0]) {
            return false;
        }
        if (!listed(address, trusted)) {
            str_add_z(s, address);
            return true;
        }
        if (from == 0) {
            return false;
        }
        end = from - 1;
    }
}

void gate_source(struct str *s, const char *peer, const char *x_forwarded_for, const char *forwarded,
                 const char *const *trusted)
{
    if (!peer) {
        return;
    }
    if (strncasecmp(peer, "::ffff:", 7) == 0 && strchr(peer, '.')) {
        peer += 7; /* a socket for both families shows IPv4 so */
    }
    if (!listed(peer, trusted)) {
        bool loopback = strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
        if (!loopback) { /* loopback unlisted is a tunnel: anybody */
            str_add_z(s, peer);
        }
        return;
    }
    if (x_forwarded_for) {
        (void)last_untrusted(s, x_forwarded_for, false, trusted);
    } else if (forwarded) {
        (void)last_untrusted(s, forwarded, true, trusted);
    }
}

const char *gate_cookie(const char *cookies, const char *name, size_t *ret_len)
{
    size_t name_len = strlen(name);
    for (const char *p = cookies; p && *p;) {
        p += strspn(p, "; ");
        size_t len = strcspn(p, ";");
        if (len > name_len && strncmp(p, name, name_len) == 0 && p[name_len] == '=') {
            *ret_len = len - name_len - 1;
            return p + name_len + 1;
        }
        p += len;
    }
    return NULL;
}
