/* URLs (RFC 3986), percent-encoding, and application/x-www-form-urlencoded. */
#ifndef BASE_URL_H
#define BASE_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Percent-encodes everything but RFC 3986's unreserved characters: good in a query or a form. */
void url_encode(struct str *s, const char *bytes, size_t len);

/* Copies the raw bytes of a query's value: verbatim where they are legal in a value (RFC 3986 3.4: unreserved,
   percent-encoded, sub-delims but &, ':' '@' '/' '?'), percent-encoded where not (space, double quotes, non-ASCII, the
   '%' of a broken escape, '&', '#', controls). This is how `state` goes back: what the client's decoder saw first is
   what it sees again. */
void url_copy_query_value(struct str *s, const char *raw, size_t len);

/* Form or query decoding ('+' is a space when `plus`). ERR_INVALID: broken escape, NUL byte. */
int url_decode(struct str *s, const char *bytes, size_t len, bool plus);

/* ---- key=value&key=value, from a form body or a query ---- */
#define URL_FORM_MAX_FIELDS 64

struct url_field {
    const char *name;  /* decoded, NUL-terminated */
    const char *value; /* decoded, NUL-terminated */
    size_t value_len;
    const char *raw; /* undecoded bytes of the value, borrowed from the input */
    size_t raw_len;
    bool broken; /* the value could not be decoded: value is NULL, raw is there */
};

struct url_form {
    struct url_field fields[URL_FORM_MAX_FIELDS];
    size_t count;
    char *memory; /* of the decoded text */
};

/* ERR_INVALID: a broken escape in a name, a NUL, a name given twice, too many fields; *ret_what (may be NULL)
   gets a static sentence. A broken value is kept as `broken`: the field that does not matter must not
   fail a request. `bytes` must outlive the form. Release with url_form_done also after an error. */
int url_form_parse(struct url_form *form, const char *bytes, size_t len, const char **ret_what);
void url_form_done(struct url_form *form);
const struct url_field *url_form_field(const struct url_form *form, const char *name); /* NULL if absent */
const char *url_form_value(const struct url_form *form, const char *name);             /* NULL if absent or broken */

/* ---- a URL in parts ---- */
#define URL_MAX 2048

struct url {
    char scheme[16]; /* lower case */
    char host[256];  /* lower case, IPv6 without brackets */
    uint16_t port;   /* given, or the scheme's default (http 80, https 443, mqtt 1883, mqtts 8883) else 0 */
    bool port_given;
    char path[URL_MAX]; /* with query if there is one, at least "/"; no fragment */
};

/* ERR_INVALID: not absolute, user info, control bytes, spaces, empty or odd host, bad port. */
int url_parse(const char *text, struct url *ret_url);
/* scheme://host[:port] as browsers name an origin (default port left out). */
void url_origin(struct str *s, const struct url *url);
/* Is `host` equal to `domain` or below it at a label boundary? Never for IP addresses unless equal. */
bool url_host_under(const char *host, const char *domain);

#endif
