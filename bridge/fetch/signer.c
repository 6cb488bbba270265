#include "fetch/signer.h"

#include <stdbool.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "base/mem.h"

#define RSA_BITS 2048
#define LIFE_S 86400
#define EARLY_S 3600 /* whoever reads it may have a clock that is behind */

struct signer {
    EVP_PKEY *key;
    char *pem;
};

static bool fill(X509 *x509, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(x509);
    return X509_set_version(x509, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(x509), -EARLY_S) && X509_gmtime_adj(X509_getm_notAfter(x509), LIFE_S) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"key.test", -1, -1, 0) == 1 &&
           X509_set_issuer_name(x509, name) == 1 && X509_set_pubkey(x509, key) == 1 &&
           X509_sign(x509, key, EVP_sha256()) > 0;
}

static char *write_pem(EVP_PKEY *key)
{
    X509 *x509 = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL, *pem = NULL;
    if (x509 && bio && fill(x509, key) && PEM_write_bio_X509(bio, x509) == 1) {
        long len = BIO_get_mem_data(bio, &bytes);
        pem = mem_text_n(bytes, (size_t)len);
    }
    BIO_free(bio);
    X509_free(x509);
    return pem;
}

int signer_new(struct signer **ret_signer)
{
    struct signer *s = mem_alloc(sizeof *s);
    s->key = EVP_RSA_gen(RSA_BITS);
    s->pem = s->key ? write_pem(s->key) : NULL;
    ERR_clear_error();
    if (!s->pem) {
        signer_free(s);
        return ERR_IO;
    }
    *ret_signer = s;
    return 0;
}

void signer_free(struct signer *signer)
{
    if (signer) {
        EVP_PKEY_free(signer->key);
        free(signer->pem);
        free(signer);
    }
}

const char *signer_certificate(const struct signer *signer)
{
    return signer->pem;
}

int signer_sign(const struct signer *signer, const void *bytes, size_t len, void *ret_signature, size_t cap,
                size_t *ret_len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = cap;
    bool good = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, signer->key) == 1 &&
                EVP_DigestSign(context, ret_signature, &size, bytes, len) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    if (good) {
        *ret_len = size;
    }
    return good ? 0 : ERR_TOO_LARGE;
}
