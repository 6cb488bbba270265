/* HTTP message signatures (RFC 9421) with hmac-sha256 over what a webhook is sent, and its Content-Digest (RFC 9530).
   Pure. */
#ifndef PARTNER_SIGNATURE_H
#define PARTNER_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct signature_of {
    const char *url; /* as it was registered: the @target-uri */
    const char *content_type;
    const char *body;
    size_t body_len;
    const char *key_id;
    const char *secret; /* its bytes as they are, not decoded */
    int64_t created_s;  /* seconds since 1970 */
};

/* The values of Content-Digest, Signature-Input and Signature. */
void signature_make(const struct signature_of *of, struct str *ret_digest, struct str *ret_input,
                    struct str *ret_signature);

#endif
