/* The header gate and what else is judged on a request's head: pure functions over names and values. */
#ifndef HTTP_GATE_H
#define HTTP_GATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct gate_header {
    const char *name, *value;
    size_t name_len, value_len;
};

/* NULL where the head is unambiguous, otherwise what is wrong with it (static): more than one Content-Length, Host,
   Authorization or Content-Type; Content-Length with Transfer-Encoding; a Content-Length that is no number; a name that
   is no token (RFC 9110 5.1, 5.6.2); NUL, CR or LF in a value; no Host. */
const char *gate_check(const struct gate_header *headers, size_t count);

/* Is `host` (the header's value, with or without port) loopback's name or one of `names` (NULL-terminated, may be
 * NULL)? */
bool gate_host_ours(const char *host, const char *const *names);
/* The first header by which a proxy shows itself, NULL if there is none. */
const char *gate_forwarded(const struct gate_header *headers, size_t count);

/* Name and password of "Basic base64" (RFC 7617) into one str: name NUL password; *ret_password points behind the NUL.
 */
int gate_basic(const char *authorization, struct str *s, const char **ret_password);

/* The token of "Bearer token" (RFC 6750 2.1: b68token), inside the header's value; NULL: it is none. */
const char *gate_bearer(const char *authorization);

/* The caller's address. `peer` is the socket's (NULL: a unix socket). Behind a trusted proxy the last address of
   X-Forwarded-For, or of Forwarded's for=, that is no trusted proxy itself. Writes nothing where the caller cannot be
   known. */
void gate_source(struct str *s, const char *peer, const char *x_forwarded_for, const char *forwarded,
                 const char *const *trusted);

/* A cookie's value inside a Cookie header (RFC 6265 4.2.1), NULL if absent. */
const char *gate_cookie(const char *cookies, const char *name, size_t *ret_len);

#endif
