/* The key of an X.509 certificate, and signatures made with it. Pure; over OpenSSL. */
#ifndef FETCH_CERTIFICATE_H
#define FETCH_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

struct certificate;

#define CERTIFICATE_MAX (64u * 1024u) /* bytes of PEM */

/* The first certificate of a PEM text; its key must be RSA of 2048 bits or more. ERR_INVALID: no such certificate;
   ERR_UNSUPPORTED: another kind of key. Whether anybody trusts it is not looked at: it came over TLS from where it
   belongs. The caller frees. */
int certificate_read(const char *pem, size_t len, struct certificate **ret_certificate);
void certificate_free(struct certificate *certificate);
/* Wall milliseconds between which it is valid. */
void certificate_dates(const struct certificate *certificate, int64_t *ret_from_ms, int64_t *ret_until_ms);
/* RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 8.2): 0, or ERR_DENIED. */
int certificate_verify(const struct certificate *certificate, const void *bytes, size_t len, const void *signature,
                       size_t signature_len);

#endif
