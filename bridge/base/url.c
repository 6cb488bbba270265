#include "base/url.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static const char upper_hex[] = "0123456789ABCDEF";

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_unreserved(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

static void add_escaped(struct str *s, unsigned char c)
{
    char *at = str_reserve(s, 3);
    at[0] = '%';
    at[1] = upper_hex[c >> 4];
    at[2] = upper_hex[c & 15];
    at[3] = 0;
    s->len += 3;
}

void url_encode(struct str *s, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (is_unreserved(c)) {
            str_add_char(s, (char)c);
        } else {
            add_escaped(s, c);
        }
    }
}

void url_copy_query_value(struct str *s, const char *raw, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)raw[i];
        bool escape = c == '%' && i + 2 < len && hex_value(raw[i + 1]) >= 0 && hex_value(raw[i + 2]) >= 0;
        if (escape || is_unreserved(c) || (c != 0 && strchr("!$'()*+,;=:@/?", c))) {
            str_add_char(s, (char)c);
        } else {
            add_escaped(s, c);
        }
    }
}

int url_decode(struct str *s, const char *bytes, size_t len, bool plus)
{
    size_t before = s->len;
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_value(bytes[i + 1]) : -1;
            int low = high >= 0 ? hex_value(bytes[i + 2]) : -1;
            if (low < 0) {
                c = 0;
            } else {
                c = (char)(high << 4 | low);
                i += 2;
            }
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == 0) {
            s->len = before;
            if (s->data) {
                s->data[before] = 0;
            }
            return ERR_INVALID;
        }
        str_add_char(s, c);
    }
    return 0;
}

/* ---- forms ---- */

static int refuse(const char **ret_what, const char *what)
{
    if (ret_what) {
        *ret_what = what;
    }
    return ERR_INVALID;
}

/* Decodes one name or value to *at and moves it behind the NUL. */
static int decode_to(char **at, const char *bytes, size_t len, char **ret_text)
{
    struct str s = STR_INIT;
    int err = url_decode(&s, bytes, len, true);
    if (err == 0) {
        *ret_text = *at;
        memcpy(*at, str_z(&s), s.len + 1);
        *at += s.len + 1;
    }
    str_done(&s);
    return err;
}

int url_form_parse(struct url_form *form, const char *bytes, size_t len, const char **ret_what)
{
    *form = (struct url_form){0};
    if (memchr(bytes, 0, len)) {
        return refuse(ret_what, "a NUL byte");
    }
    /* Decoding never lengthens, and each field has a NUL for the name and one for the value. */
    form->memory = mem_array(len + 2 * (URL_FORM_MAX_FIELDS + 1), 1);
    char *at = form->memory;
    const char *end = bytes + len;
    for (const char *p = bytes; p < end;) {
        const char *stop = memchr(p, '&', (size_t)(end - p));
        stop = stop ? stop : end;
        const char *equals = memchr(p, '=', (size_t)(stop - p));
        const char *name_end = equals ? equals : stop;
        if (stop > p) {
            char *text = NULL;
            if (form->count == URL_FORM_MAX_FIELDS) {
                return refuse(ret_what, "more than 64 fields");
            }
            struct url_field *field = &form->fields[form->count];
            if (decode_to(&at, p, (size_t)(name_end - p), &text) != 0) {
                return refuse(ret_what, "a broken percent escape in a field's name");
            }
            if (url_form_field(form, text)) {
                return refuse(ret_what, "a field is given twice");
            }
            field->name = text;
            field->raw = equals ? equals + 1 : stop;
            field->raw_len = (size_t)(stop - field->raw);
            field->broken = decode_to(&at, field->raw, field->raw_len, &text) != 0;
            field->value = field->broken ? NULL : text;
            field->value_len = field->broken ? 0 : strlen(text);
            form->count++;
        }
        p = stop + 1;
    }
    return 0;
}

void url_form_done(struct url_form *form)
{
    free(form->memory);
    form->memory = NULL;
    form->count = 0;
}

const struct url_field *url_form_field(const struct url_form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++) {
        if (strcmp(form->fields[i].name, name) == 0) {
            return &form->fields[i];
        }
    }
    return NULL;
}

const char *url_form_value(const struct url_form *form, const char *name)
{
    const struct url_field *field = url_form_field(form, name);
    return field ? field->value : NULL;
}

/* ---- URLs ---- */

static const struct {
    const char *scheme;
    uint16_t port;
} default_ports[] = {{"http", 80}, {"https", 443}, {"mqtt", 1883}, {"mqtts", 8883}};

static uint16_t default_port(const char *scheme)
{
    for (size_t i = 0; i < sizeof default_ports / sizeof default_ports[0]; i++) {
        if (strcmp(default_ports[i].scheme, scheme) == 0) {
            return default_ports[i].port;
        }
    }
    return 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool host_ok(const char *host, bool bracketed)
{
    unsigned char address[16];
    if (bracketed) {
        return inet_pton(AF_INET6, host, address) == 1;
    }
    if (host[0] == 0 || host[0] == '.' || host[0] == '-') {
        return false;
    }
    bool numeric = true;
    for (const char *p = host; *p; p++) {
        bool digit = *p >= '0' && *p <= '9';
        if (!digit && *p != '-' && *p != '.' && *p != '_' && !(*p >= 'a' && *p <= 'z')) {
            return false;
        }
        if (*p == '.' && p[1] == '.') {
            return false;
        }
        numeric = numeric && (digit || *p == '.');
    }
    /* "127.1" or "2130706433" would be an address to some resolvers and a name to others. */
    return !numeric || inet_pton(AF_INET, host, address) == 1;
}

static int take_port(const char *p, const char *end, struct url *u)
{
    unsigned port = 0;
    if (p == end) {
        return ERR_INVALID;
    }
    for (; p < end; p++) {
        if (*p < '0' || *p > '9' || (port = port * 10 + (unsigned)(*p - '0')) > 65535) {
            return ERR_INVALID;
        }
    }
    u->port = (uint16_t)port;
    u->port_given = true;
    return port > 0 ? 0 : ERR_INVALID;
}

static int take_authority(const char *p, const char *end, struct url *u)
{
    bool bracketed = p < end && *p == '[';
    const char *stop = bracketed ? memchr(p, ']', (size_t)(end - p)) : memchr(p, ':', (size_t)(end - p));
    size_t n = 0;
    if (bracketed && !stop) {
        return ERR_INVALID;
    }
    const char *from = bracketed ? p + 1 : p;
    const char *to = stop ? stop : end;
    if ((size_t)(to - from) >= sizeof u->host) {
        return ERR_INVALID;
    }
    for (; from < to; from++) {
        u->host[n++] = lower(*from);
    }
    u->host[n] = 0;
    if (!host_ok(u->host, bracketed)) {
        return ERR_INVALID;
    }
    if (bracketed) {
        stop = stop + 1 < end ? stop + 1 : NULL;
    }
    if (!stop) {
        u->port = default_port(u->scheme);
        return 0;
    }
    return *stop == ':' ? take_port(stop + 1, end, u) : ERR_INVALID;
}

int url_parse(const char *text, struct url *ret_url)
{
    struct url u = {0};
    size_t len = strlen(text);
    const char *colon = strstr(text, "://");
    if (len >= URL_MAX || !colon || colon == text || (size_t)(colon - text) >= sizeof u.scheme) {
        return ERR_INVALID;
    }
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '\\') {
            return ERR_INVALID;
        }
    }
    for (const char *p = text; p < colon; p++) {
        char c = lower(*p);
        bool letter = c >= 'a' && c <= 'z';
        if (!letter && (p == text || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))) {
            return ERR_INVALID;
        }
        u.scheme[p - text] = c;
    }
    const char *authority = colon + 3;
    const char *end = authority + strcspn(authority, "/?#");
    if (memchr(authority, '@', (size_t)(end - authority)) || take_authority(authority, end, &u) != 0) {
        return ERR_INVALID;
    }
    size_t path_len = strcspn(end, "#");
    char *path = u.path;
    if (*end != '/') {
        *path++ = '/';
    }
    memcpy(path, end, path_len); /* fits: text is shorter than URL_MAX and has "x://" before the path */
    path[path_len] = 0;
    *ret_url = u;
    return 0;
}

void url_origin(struct str *s, const struct url *url)
{
    bool six = strchr(url->host, ':') != NULL;
    str_printf(s, six ? "%s://[%s]" : "%s://%s", url->scheme, url->host);
    if (url->port != 0 && url->port != default_port(url->scheme)) {
        str_printf(s, ":%u", url->port);
    }
}

bool url_host_under(const char *host, const char *domain)
{
    unsigned char address[16];
    size_t host_len = strlen(host);
    size_t domain_len = strlen(domain);
    if (domain_len == 0 || host_len < domain_len || strcasecmp(host + host_len - domain_len, domain) != 0) {
        return false;
    }
    if (host_len == domain_len) {
        return true;
    }
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
        return false;
    }
    return host[host_len - domain_len - 1] == '.';
}
