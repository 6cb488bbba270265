/* A key of one's own with a certificate for it: for the far sides that this program plays. Over OpenSSL. */
#ifndef FETCH_SIGNER_H
#define FETCH_SIGNER_H

#include <stddef.h>

struct signer;

/* A fresh RSA key of 2048 bits and a certificate for a day that it signed itself. ERR_IO. Blocking: a tenth of a
   second or so. */
int signer_new(struct signer **ret_signer);
void signer_free(struct signer *signer);
const char *signer_certificate(const struct signer *signer); /* PEM */
/* RSASSA-PKCS1-v1_5 with SHA-256. ERR_TOO_LARGE: it does not fit into cap. */
int signer_sign(const struct signer *signer, const void *bytes, size_t len, void *ret_signature, size_t cap,
                size_t *ret_len);

#endif
