/* A look at a TLS server as a stranger sees it: what it shows, whoever would trust it. Blocking: the command line only.
 */
#ifndef FETCH_PROBE_H
#define FETCH_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_CHAIN_MAX 8

struct probe_certificate {
    char subject[200], issuer[200];
    int64_t from_s, until_s; /* seconds since 1970 */
};

struct probe {
    int result;       /* 0: TLS was spoken. ERR_NOT_FOUND: the name does not resolve; ERR_OFFLINE: no connection;
                         ERR_REJECTED: something answers, but no TLS comes of it; ERR_INVALID: ca_file */
    char why[768];    /* a sentence when result != 0 */
    char address[64]; /* that was connected to */
    char version[16]; /* "TLSv1.3" */
    bool old_version; /* older than TLS 1.2 */
    struct probe_certificate chain[PROBE_CHAIN_MAX]; /* as the server sent it, its own first */
    size_t count;
    bool self_signed; /* its own certificate */
    bool trusted;     /* a chain leads to a trusted root; dates aside */
    char trust_text[128];
    bool name_ok;    /* the certificate is for this host */
    char names[400]; /* those that it is for */
};

/* Connects to host:port, or to connect_to ("host:port", may be NULL), and shakes hands for `host`. ca_file: trusted
   beside the system's, or NULL. */
void probe_tls(const char *host, uint16_t port, const char *connect_to, const char *ca_file, unsigned timeout_s,
               struct probe *ret_probe);

#endif
