#include "oauth/pkce.h"

#include <string.h>

#include "base/secrets.h"
#include "base/str.h"

bool pkce_challenge_ok(const char *challenge)
{
    uint8_t hash[SECRETS_SHA256_SIZE];
    size_t len = 0;
    return strlen(challenge) == PKCE_CHALLENGE_LEN &&
           secrets_base64url_decode(challenge, PKCE_CHALLENGE_LEN, hash, sizeof hash, &len) == 0 && len == sizeof hash;
}

/* 4.1: unreserved characters, 43 to 128 of them. */
static bool verifier_ok(const char *verifier)
{
    size_t len = strnlen(verifier, PKCE_VERIFIER_MAX + 1);
    return len >= PKCE_VERIFIER_MIN && len <= PKCE_VERIFIER_MAX &&
           strspn(verifier, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") == len;
}

const char *pkce_problem(const char *challenge, const char *verifier)
{
    uint8_t hash[SECRETS_SHA256_SIZE];
    struct str made = STR_INIT;
    if (!challenge) {
        return verifier ? "code_verifier was sent, but the authorization request had no code_challenge" : NULL;
    }
    if (!verifier) {
        return "code_verifier is missing: the authorization request had a code_challenge";
    }
    if (!verifier_ok(verifier)) {
        return "code_verifier has 43 to 128 characters of A-Z a-z 0-9 - . _ ~";
    }
    secrets_sha256(hash, verifier, strlen(verifier));
    secrets_base64url(&made, hash, sizeof hash);
    bool equal = secrets_equal_text(str_z(&made), challenge);
    str_done(&made);
    return equal ? NULL : "code_verifier does not fit the code_challenge of the authorization request";
}
