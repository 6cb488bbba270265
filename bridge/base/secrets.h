/* Randomness, hashes, keyed tags, password hashes, base64url and secret files, over libsodium. */
#ifndef BASE_SECRETS_H
#define BASE_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define SECRETS_KEY_SIZE 32
#define SECRETS_SHA256_SIZE 32
#define SECRETS_PASSWORD_MAX 1024      /* bytes of a password we accept */
#define SECRETS_PASSWORD_HASH_SIZE 128 /* with the NUL */

int secrets_init(void); /* once, before anything else; ERR_IO if the system has no randomness */

void secrets_random(void *ret_bytes, size_t len);
/* `len` bytes of randomness as base64url text behind s. */
void secrets_random_text(struct str *s, size_t len);

/* Keyed BLAKE2b (RFC 7693): out_len 16..64; key may be NULL with key_len 0. */
void secrets_tag(void *ret_tag, size_t out_len, const void *bytes, size_t len, const void *key, size_t key_len);
void secrets_sha256(uint8_t ret_hash[SECRETS_SHA256_SIZE], const void *bytes, size_t len);
/* HMAC-SHA-256 (RFC 2104, FIPS 180-4) under a key of any length. */
void secrets_hmac_sha256(uint8_t ret_tag[SECRETS_SHA256_SIZE], const void *key, size_t key_len, const void *bytes,
                         size_t len);
/* First 8 hex digits of SHA-256: how a secret may be named in a log or a trace. */
void secrets_prefix(char ret_hex[9], const void *bytes, size_t len);

bool secrets_equal(const void *a, const void *b, size_t len); /* constant time */
bool secrets_equal_text(const char *a, const char *b);        /* constant time in the content */
void secrets_wipe(void *bytes, size_t len);

/* base64url without padding (RFC 4648 section 5). Decoding is canonical: rejects padding, other
   alphabets and non-zero trailing bits, so that each value has one spelling. */
void secrets_base64url(struct str *s, const void *bytes, size_t len);
int secrets_base64url_decode(const char *text, size_t len, void *ret_bytes, size_t cap, size_t *ret_len);
/* Standard base64 with padding (RFC 4648 section 4), behind s. */
void secrets_base64(struct str *s, const void *bytes, size_t len);
/* Standard base64 as HTTP Basic uses it (RFC 4648 section 4), padding optional. */
int secrets_base64_decode(const char *text, size_t len, void *ret_bytes, size_t cap, size_t *ret_len);
void secrets_hex(struct str *s, const void *bytes, size_t len);

/* Argon2id (RFC 9106). Both take tens to hundreds of milliseconds: pool only, except in the command line. */
struct secrets_cost {
    uint32_t memory_kib; /* 19456 by default: OWASP's 19 MiB */
    uint32_t passes;     /* 2 by default */
};
#define SECRETS_COST_DEFAULT ((struct secrets_cost){19456, 2})
int secrets_password_hash(const char *password, size_t len, struct secrets_cost cost,
                          char ret_hash[SECRETS_PASSWORD_HASH_SIZE]);
/* 0 or ERR_DENIED. With hash NULL does the same work against a dummy and answers ERR_DENIED. */
int secrets_password_verify(const char *hash, const char *password, size_t len, struct secrets_cost cost);
bool secrets_password_stale(const char *hash, struct secrets_cost cost); /* other cost than asked: rehash */

#endif
