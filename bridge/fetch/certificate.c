#include "fetch/certificate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "base/mem.h"

#define RSA_BITS_MIN 2048

struct certificate {
    EVP_PKEY *key;
    int64_t from_ms, until_ms;
};

static int64_t instant(const ASN1_TIME *time)
{
    struct tm tm = {0};
    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

int certificate_read(const char *pem, size_t len, struct certificate **ret_certificate)
{
    int err = ERR_INVALID;
    BIO *bio = len <= CERTIFICATE_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
    X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = x509 ? X509_get_pubkey(x509) : NULL;
    if (key) {
        err = EVP_PKEY_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_bits(key) >= RSA_BITS_MIN ? 0 : ERR_UNSUPPORTED;
    }
    if (err == 0) {
        struct certificate *c = mem_alloc(sizeof *c);
        c->key = key;
        c->from_ms = instant(X509_get0_notBefore(x509));
        c->until_ms = instant(X509_get0_notAfter(x509));
        *ret_certificate = c;
    } else {
        EVP_PKEY_free(key);
    }
    X509_free(x509);
    BIO_free(bio);
    ERR_clear_error(); /* the queue is the thread's, and libcurl looks at it */
    return err;
}

void certificate_free(struct certificate *certificate)
{
    if (certificate) {
        EVP_PKEY_free(certificate->key);
        free(certificate);
    }
}

void certificate_dates(const struct certificate *certificate, int64_t *ret_from_ms, int64_t *ret_until_ms)
{
    *ret_from_ms = certificate->from_ms;
    *ret_until_ms = certificate->until_ms;
}

int certificate_verify(const struct certificate *certificate, const void *bytes, size_t len, const void *signature,
                       size_t signature_len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, certificate->key) == 1 &&
                EVP_DigestVerify(context, signature, signature_len, bytes, len) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good ? 0 : ERR_DENIED;
}
