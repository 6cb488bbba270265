/* Proof key for code exchange (RFC 7636), S256 alone: `plain` shows the verifier to whoever sees the request. Pure. */
#ifndef OAUTH_PKCE_H
#define OAUTH_PKCE_H

#include <stdbool.h>

#define PKCE_CHALLENGE_LEN 43 /* base64url of a SHA-256 */
#define PKCE_VERIFIER_MIN 43  /* 4.1 */
#define PKCE_VERIFIER_MAX 128

/* Is this the one spelling of a SHA-256 as base64url? */
bool pkce_challenge_ok(const char *challenge);
/* NULL: the verifier is the one that the challenge was made of, or neither was sent. Otherwise why not, for people;
   challenge or verifier NULL: not sent. One without the other is refused: a challenge that is taken out on the way must
   not take the protection with it (RFC 9700 2.1.1, 4.8.2). */
const char *pkce_problem(const char *challenge, const char *verifier);

#endif
