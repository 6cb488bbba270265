#include "base/secrets.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"

_Static_assert(SECRETS_PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "a hash fits");
_Static_assert(SECRETS_SHA256_SIZE == crypto_hash_sha256_BYTES, "sizes agree");

int secrets_init(void)
{
    return sodium_init() < 0 ? ERR_IO : 0;
}

void secrets_random(void *ret_bytes, size_t len)
{
    randombytes_buf(ret_bytes, len);
}

void secrets_random_text(struct str *s, size_t len)
{
    unsigned char bytes[64];
    while (len > 0) {
        /* 48 is a multiple of 3, so that the pieces join without padding bits. */
        size_t part = len > 48 ? 48 : len;
        randombytes_buf(bytes, part);
        secrets_base64url(s, bytes, part);
        len -= part;
    }
    sodium_memzero(bytes, sizeof bytes);
}

void secrets_tag(void *ret_tag, size_t out_len, const void *bytes, size_t len, const void *key, size_t key_len)
{
    if (crypto_generichash(ret_tag, out_len, bytes, len, key, key_len) != 0) {
        sodium_misuse(); /* sizes are the program's own: a wrong one is a bug */
    }
}

void secrets_sha256(uint8_t ret_hash[SECRETS_SHA256_SIZE], const void *bytes, size_t len)
{
    crypto_hash_sha256(ret_hash, bytes, len);
}

void secrets_hmac_sha256(uint8_t ret_tag[SECRETS_SHA256_SIZE], const void *key, size_t key_len, const void *bytes,
                         size_t len)
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, key_len);
    crypto_auth_hmacsha256_update(&state, bytes, len);
    crypto_auth_hmacsha256_final(&state, ret_tag);
    sodium_memzero(&state, sizeof state);
}

void secrets_prefix(char ret_hex[9], const void *bytes, size_t len)
{
    uint8_t hash[SECRETS_SHA256_SIZE];
    secrets_sha256(hash, bytes, len);
    sodium_bin2hex(ret_hex, 9, hash, 4);
}

bool secrets_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

bool secrets_equal_text(const char *a, const char *b)
{
    /* Hashes have one length, so the comparison's time tells nothing of where the texts differ. */
    uint8_t left[SECRETS_SHA256_SIZE];
    uint8_t right[SECRETS_SHA256_SIZE];
    secrets_sha256(left, a, strlen(a));
    secrets_sha256(right, b, strlen(b));
    return sodium_memcmp(left, right, sizeof left) == 0;
}

void secrets_wipe(void *bytes, size_t len)
{
    if (bytes) {
        sodium_memzero(bytes, len);
    }
}

static void encode(struct str *s, const void *bytes, size_t len, int variant)
{
    size_t need = sodium_base64_encoded_len(len, variant); /* with the NUL */
    sodium_bin2base64(str_reserve(s, need), need, bytes, len, variant);
    s->len += strlen(s->data + s->len);
}

void secrets_base64url(struct str *s, const void *bytes, size_t len)
{
    encode(s, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void secrets_base64(struct str *s, const void *bytes, size_t len)
{
    encode(s, bytes, len, sodium_base64_VARIANT_ORIGINAL);
}

static int decode(const char *text, size_t len, void *ret_bytes, size_t cap, size_t *ret_len, int variant)
{
    const char *end = NULL;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] >= 0x80) { /* libsodium 1.0.18 takes some of these for digits */
            return ERR_INVALID;
        }
    }
    /* libsodium refuses non-zero trailing bits itself; a partly read text shows by `end`. */
    if (sodium_base642bin(ret_bytes, cap, text, len, NULL, ret_len, &end, variant) != 0 || end != text + len) {
        return ERR_INVALID;
    }
    return 0;
}

int secrets_base64url_decode(const char *text, size_t len, void *ret_bytes, size_t cap, size_t *ret_len)
{
    return decode(text, len, ret_bytes, cap, ret_len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

int secrets_base64_decode(const char *text, size_t len, void *ret_bytes, size_t cap, size_t *ret_len)
{
    bool padded = len > 0 && text[len - 1] == '=';
    return decode(text, len, ret_bytes, cap, ret_len,
                  padded ? sodium_base64_VARIANT_ORIGINAL : sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

void secrets_hex(struct str *s, const void *bytes, size_t len)
{
    sodium_bin2hex(str_reserve(s, 2 * len), 2 * len + 1, bytes, len);
    s->len += 2 * len;
}

int secrets_password_hash(const char *password, size_t len, struct secrets_cost cost,
                          char ret_hash[SECRETS_PASSWORD_HASH_SIZE])
{
    memset(ret_hash, 0, SECRETS_PASSWORD_HASH_SIZE);
    if (len > SECRETS_PASSWORD_MAX) {
        return ERR_TOO_LARGE;
    }
    return crypto_pwhash_str_alg(ret_hash, password, len, cost.passes, (size_t)cost.memory_kib * 1024,
                                 crypto_pwhash_ALG_ARGON2ID13) == 0
               ? 0
               : ERR_IO;
}

int secrets_password_verify(const char *hash, const char *password, size_t len, struct secrets_cost cost)
{
    if (!hash || len > SECRETS_PASSWORD_MAX) {
        /* An unknown name must take as long as a wrong password. */
        char dummy[SECRETS_PASSWORD_HASH_SIZE];
        (void)secrets_password_hash(password, len > SECRETS_PASSWORD_MAX ? SECRETS_PASSWORD_MAX : len, cost, dummy);
        return ERR_DENIED;
    }
    return crypto_pwhash_str_verify(hash, password, len) == 0 ? 0 : ERR_DENIED;
}

bool secrets_password_stale(const char *hash, struct secrets_cost cost)
{
    return crypto_pwhash_str_needs_rehash(hash, cost.passes, (size_t)cost.memory_kib * 1024) != 0;
}
