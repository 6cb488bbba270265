#include "fetch/probe.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"

#define CA_FOLDER "/etc/ssl/certs"

static int fail(struct probe *p, int result, const char *what, const char *why)
{
    p->result = result;
    (void)snprintf(p->why, sizeof p->why, "%s: %s", what, why);
    return -1;
}

/* ---- the connection ---- */

static int connect_one(const struct addrinfo *a, unsigned timeout_s)
{
    const struct timeval patience = {.tv_sec = timeout_s};
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); /* of connect(), too */
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_to_host(const char *host, const char *port, unsigned timeout_s, struct probe *p)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int fd = -1;
    int err = getaddrinfo(host, port, &hints, &found);
    if (err != 0) {
        return fail(p, ERR_NOT_FOUND, host, gai_strerror(err));
    }
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        (void)getnameinfo(a->ai_addr, a->ai_addrlen, p->address, sizeof p->address, NULL, 0, NI_NUMERICHOST);
        fd = connect_one(a, timeout_s);
    }
    if (fd < 0) {
        struct str where = STR_INIT;
        str_printf(&where, "%s port %s", p->address, port);
        (void)fail(p, ERR_OFFLINE, str_z(&where), "no connection");
        str_done(&where);
    }
    freeaddrinfo(found);
    return fd;
}

/* ---- certificates ---- */

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm tm = {0};
    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void take_certificate(X509 *x, struct probe_certificate *c)
{
    (void)X509_NAME_oneline(X509_get_subject_name(x), c->subject, sizeof c->subject);
    (void)X509_NAME_oneline(X509_get_issuer_name(x), c->issuer, sizeof c->issuer);
    c->from_s = seconds_of(X509_get0_notBefore(x));
    c->until_s = seconds_of(X509_get0_notAfter(x));
}

static void take_names(X509 *x, struct probe *p)
{
    struct str names = STR_INIT;
    GENERAL_NAMES *list = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(list, i);
        if (name->type == GEN_DNS) {
            str_printf(&names, "%s%.*s", names.len > 0 ? ", " : "", ASN1_STRING_length(name->d.dNSName),
                       (const char *)ASN1_STRING_get0_data(name->d.dNSName));
        }
    }
    GENERAL_NAMES_free(list);
    (void)snprintf(p->names, sizeof p->names, "%s", str_z(&names));
    str_done(&names);
}

static void take_chain(SSL *ssl, const char *host, struct probe *p)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    X509 *own = SSL_get0_peer_certificate(ssl);
    long verdict = SSL_get_verify_result(ssl);
    for (int i = 0; i < sk_X509_num(chain) && p->count < PROBE_CHAIN_MAX; i++) {
        take_certificate(sk_X509_value(chain, i), &p->chain[p->count++]);
    }
    p->trusted = verdict == X509_V_OK;
    (void)snprintf(p->trust_text, sizeof p->trust_text, "%s", X509_verify_cert_error_string(verdict));
    p->old_version = SSL_version(ssl) < TLS1_2_VERSION;
    (void)snprintf(p->version, sizeof p->version, "%s", SSL_get_version(ssl));
    if (own) {
        p->self_signed = X509_NAME_cmp(X509_get_subject_name(own), X509_get_issuer_name(own)) == 0;
        p->name_ok = X509_check_host(own, host, 0, 0, NULL) == 1 || X509_check_ip_asc(own, host, 0) == 1;
        take_names(own, p);
    }
}

/* ---- the handshake ---- */

static SSL_CTX *context_new(const char *ca_file, struct probe *p)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    (void)SSL_CTX_load_verify_dir(ctx, CA_FOLDER);
    if (ca_file && SSL_CTX_load_verify_file(ctx, ca_file) != 1) {
        (void)fail(p, ERR_INVALID, ca_file, "holds no certificate in PEM");
    }
    /* It shakes hands with whatever is there; judging is another's. Dates are judged apart from trust. */
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    (void)X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_NO_CHECK_TIME);
    (void)SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0");
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    return ctx;
}

static void shake_hands(SSL_CTX *ctx, int fd, const char *host, struct probe *p)
{
    char text[160];
    SSL *ssl = SSL_new(ctx);
    (void)SSL_set_tlsext_host_name(ssl, host);
    (void)SSL_set_fd(ssl, fd);
    ERR_clear_error();
    if (SSL_connect(ssl) == 1) {
        take_chain(ssl, host, p);
        (void)SSL_shutdown(ssl);
    } else {
        unsigned long code = ERR_get_error();
        int reason = ERR_GET_REASON(code);
        const char *said = reason == SSL_R_WRONG_VERSION_NUMBER ? "what answers there speaks something else"
                           : code == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING
                               ? "it closed the connection, or said nothing"
                               : ERR_reason_error_string(code);
        (void)snprintf(text, sizeof text, "%s", said ? said : "an unknown error");
        (void)fail(p, ERR_REJECTED, "no TLS comes of it", text);
    }
    SSL_free(ssl);
}

void probe_tls(const char *host, uint16_t port, const char *connect_to, const char *ca_file, unsigned timeout_s,
               struct probe *ret_probe)
{
    char where[300], number[8];
    *ret_probe = (struct probe){0};
    (void)snprintf(where, sizeof where, "%s", connect_to ? connect_to : host);
    (void)snprintf(number, sizeof number, "%u", port);
    char *colon = connect_to ? strrchr(where, ':') : NULL;
    if (colon) {
        *colon = 0;
        (void)snprintf(number, sizeof number, "%s", colon + 1);
    }
    char *name = where;
    if (*name == '[' && name[strlen(name) - 1] == ']') { /* an IPv6 address */
        name[strlen(name) - 1] = 0;
        name++;
    }
    SSL_CTX *ctx = context_new(ca_file, ret_probe);
    int fd = ret_probe->result == 0 ? connect_to_host(name, number, timeout_s, ret_probe) : -1;
    if (fd >= 0) {
        shake_hands(ctx, fd, host, ret_probe);
        close(fd);
    }
    SSL_CTX_free(ctx);
}
