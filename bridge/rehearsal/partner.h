/* The bridge's token endpoint as its client sees it; pure. */
#ifndef REHEARSAL_PARTNER_H
#define REHEARSAL_PARTNER_H

#include <stdint.h>

#include "base/str.h"

#define PARTNER_TOKEN_MAX 4096u       /* characters (facts 1.2) */
#define PARTNER_LIFE_MAX_S 315360000L /* likewise */

struct partner_tokens {
    struct str access, refresh; /* secrets: wiped by who is done with them */
    int64_t expires_in;
};

/* The value of an Authorization header (RFC 6749 2.3.1: both parts form-encoded, then base64), behind `header`. */
void partner_basic(struct str *header, const char *id, const char *secret);
/* A token response (RFC 6749 5.1, 5.2; facts 1.9). ERR_REJECTED: an error was answered; ERR_INVALID: not what is right;
   `why` gets a sentence. */
int partner_read(const char *body, size_t len, int status, struct partner_tokens *ret_tokens, struct str *why);

#endif
