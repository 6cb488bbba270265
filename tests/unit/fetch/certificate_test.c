/* The key of a certificate, and what is signed with it. The signature was made by OpenSSL's command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "fetch/certificate.h"
#include "fetch/signer.h"

static const char certificate[] = "-----BEGIN CERTIFICATE-----\n"
                                  "MIIDCTCCAfGgAwIBAgIUfNl+LrgJ3O3/Zwx0NrsbHGi+3/swDQYJKoZIhvcNAQEL\n"
                                  "BQAwEzERMA8GA1UEAwwIa2V5LnRlc3QwIBcNMjYxMTI0MTkzODM5WhgPMjEyNjEw\n"
                                  "MzExOTM4MzlaMBMxETAPBgNVBAMMCGtleS50ZXN0MIIBIjANBgkqhkiG9w0BAQEF\n"
                                  "AAOCAQ8AMIIBCgKCAQEAmXXQgL+9umAVkXSPcQP34oJs3xy+ujakE3aiRLM9fiZn\n"
                                  "orOjWJSpv1BrzuoQSVhVAToOTpl5yWe6YhfKazOe80+/0F4CHWPH8svWcZv0dUPn\n"
                                  "EDnQwZx20Vz8r8Z3iV+bsxR5VzcBAgYNrhjQmeCCUgO/A560IJavsthBDMFUm6gL\n"
                                  "Gnr87BCTDVZT87WA3lYde2PhtPZggHpU2kHGhaWtpYG6FrjuZ5s9sNtRlcfHYWD2\n"
                                  "eyNMcj4P6KRL0LP7H41ocW/WySX6mKeItmvxIYOPM0N6exi4p1kCL1ondwqtWDZK\n"
                                  "Wcm06SY0to0SDdhtFhUngKkjMA9DBDpq3Oj0Q5OeaQIDAQABo1MwUTAdBgNVHQ4E\n"
                                  "FgQUu3tRm9QFcn3/Pif5S9xidA8x9zwwHwYDVR0jBBgwFoAUu3tRm9QFcn3/Pif5\n"
                                  "S9xidA8x9zwwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOCAQEAPVEq\n"
                                  "6Gd/i7+ou+c9aawsB0/00Vqe5jS75cgx9uLgHORKv3GW6sLSNNu0aimvl59DjZ08\n"
                                  "xgLHv0fTE238qVPVXEQFeFK2ATMmbmDG8C+vijVXkZj043nfibwt2BtBy02GlYOe\n"
                                  "MbNpBDFfMx8YZZ2tQdNwj/QmPeJ/xBCXcNQSmvbowJUzgi+X7OEIJmNXRb3Q1JFR\n"
                                  "lEKNZ/2FkWe5BUQhGahTT2j3uMKVy84MeBSZOo9NzqttsEwBLTkrv+JMSzve4qFR\n"
                                  "KQcQtVIwV3fBVbpUOhMblGmNkjzW04vVAK68gSku2XFoQCsLfRcrGZZxscO3/DPy\n"
                                  "NFVSj7OvzyflDmOGCw==\n"
                                  "-----END CERTIFICATE-----\n";
static const char weak[] = /* 1024 bits */
    "-----BEGIN CERTIFICATE-----\n"
    "MIIB9jCCAV+gAwIBAgIUJ8Fhk8xeUf6BKO9WmCnzXqbjgRgwDQYJKoZIhvcNAQEL\n"
    "BQAwDDEKMAgGA1UEAwwBdzAgFw0yNjExMjQxOTM4MzlaGA8yMTI2MTAzMTE5Mzgz\n"
    "OVowDDEKMAgGA1UEAwwBdzCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEApDqA\n"
    "NA7OaxqYjxP+82uf4MoqcPp9eC1DHa74P1mdmt9zMO6FFxmduM+JH9bTYIdLmEon\n"
    "1LuYxOcw7tdpODV+HHMcGsNBWrWPVmIWc2Jn0g4bk8zKNPdO5h8a/xuz8wGd6oRJ\n"
    "FtLWE1q15Pv6MCbnJtVcgbL/+T/hfMpDxh2WWhECAwEAAaNTMFEwHQYDVR0OBBYE\n"
    "FDsW76P98GzMmXIgwsOhTWwAbP9zMB8GA1UdIwQYMBaAFDsW76P98GzMmXIgwsOh\n"
    "TWwAbP9zMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADgYEAgvQ456VA\n"
    "OzgRpnbq9qPPyW1ayqzOYfYQF9wHX1mTTXAyNHszaZxbPmML4L8bx1rmWedoEfRK\n"
    "I37zwltUm6d/Drk/JHvmTKCyzXFeThcZ8iXBXvPgJL7hAHY8w530/o+BP2G7+Mp2\n"
    "I3dlMDh7IAN/HkdaxuG5qvR2puZnsGv/QYQ=\n"
    "-----END CERTIFICATE-----\n";
static const char elliptic[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIBcDCCARWgAwIBAgIUb5m3ysY7EMEobal6obYcZrL0EuswCgYIKoZIzj0EAwIw\n"
                               "DDEKMAgGA1UEAwwBZTAgFw0yNjExMjQxOTM4MzlaGA8yMTI2MTAzMTE5MzgzOVow\n"
                               "DDEKMAgGA1UEAwwBZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIDe0+xQWAWo\n"
                               "jeFGRDcdpT0+ptBcwGTwvUhmc3XZcftZ2BpfLDqy7dlq24jv4XORfcXMqyL8UpvC\n"
                               "4su3Nr1yE9ejUzBRMB0GA1UdDgQWBBQD4rlrTxeqXIjSlo6BJdxfMNrJljAfBgNV\n"
                               "HSMEGDAWgBQD4rlrTxeqXIjSlo6BJdxfMNrJljAPBgNVHRMBAf8EBTADAQH/MAoG\n"
                               "CCqGSM49BAMCA0kAMEYCIQCdfcXM8sK/O9DnT12jwrDXWSGP6URjnRuYlqjzV62v\n"
                               "5gIhAMv/JdB6vm4cKgc8Ks15tMIE29od0CHIO6J6r3aKmye+\n"
                               "-----END CERTIFICATE-----\n";
static const char text[] = "signed text";
static const uint8_t signature[] = {
    0x5f, 0xe9, 0x30, 0xa5, 0x72, 0x50, 0x17, 0x2b, 0xd2, 0xe1, 0x11, 0x8b, 0x78, 0x03, 0x46, 0x0f, 0xc3, 0x69, 0xed,
    0xa3, 0x45, 0x10, 0x49, 0x5b, 0xa0, 0xab, 0x00, 0x3c, 0xc0, 0x47, 0x53, 0xe2, 0x97, 0x96, 0xa4, 0x8d, 0x08, 0x87,
    0x54, 0x45, 0x0b, 0x75, 0xfc, 0x69, 0x92, 0xf2, 0x5a, 0x04, 0x4c, 0xa5, 0xa5, 0x3e, 0xb6, 0xa2, 0x28, 0x8b, 0x4d,
    0x70, 0xe1, 0x9d, 0xee, 0x47, 0xdd, 0x85, 0xae, 0xa7, 0x58, 0x0a, 0x9b, 0x30, 0x24, 0x78, 0xf4, 0xb2, 0x37, 0xc5,
    0x36, 0xa3, 0xe2, 0xae, 0xa3, 0x15, 0xa7, 0x5f, 0xab, 0xe3, 0xbb, 0x7d, 0x6b, 0x4f, 0x31, 0x7f, 0x5e, 0xe7, 0x0f,
    0xf4, 0x29, 0x2b, 0xcf, 0x5a, 0xb9, 0x28, 0x59, 0xfd, 0x05, 0xec, 0x23, 0xec, 0x37, 0xa4, 0xde, 0x77, 0x42, 0x20,
    0xd5, 0xd8, 0x1b, 0xdd, 0x70, 0x31, 0xdc, 0xbe, 0x34, 0x35, 0x84, 0x5d, 0xeb, 0x56, 0xd4, 0x86, 0x3c, 0x76, 0xbc,
    0x14, 0x6d, 0x3f, 0x1c, 0xac, 0xbb, 0x45, 0x0f, 0xde, 0xbd, 0x13, 0x5f, 0x7c, 0xcd, 0xaf, 0x89, 0xe7, 0x44, 0x16,
    0xc5, 0x4f, 0xe1, 0x85, 0x33, 0xee, 0x08, 0x0e, 0xb8, 0x6d, 0x74, 0x09, 0x47, 0x2d, 0xe3, 0xf6, 0x52, 0xd3, 0xb6,
    0xb2, 0x72, 0xa7, 0xd5, 0x25, 0x5e, 0x39, 0xaa, 0x79, 0x32, 0xc3, 0x1e, 0x88, 0xbe, 0xdd, 0xd9, 0x7a, 0x35, 0xdc,
    0x74, 0xee, 0xe5, 0x5c, 0x0b, 0x6a, 0x9e, 0xcb, 0x49, 0xee, 0xfb, 0x18, 0x5b, 0x5a, 0xba, 0x18, 0x91, 0x2a, 0x48,
    0xb1, 0xd7, 0x60, 0xb7, 0xa3, 0x72, 0x1b, 0xb5, 0xe0, 0x2b, 0x79, 0x89, 0xdb, 0x61, 0x15, 0x13, 0x89, 0x61, 0x43,
    0x2c, 0xd3, 0xdc, 0xf1, 0xdc, 0x0f, 0x63, 0x74, 0x8d, 0x5b, 0xe5, 0x61, 0x82, 0x5a, 0x07, 0x39, 0x6b, 0x0e, 0x57,
    0x28, 0x34, 0x14, 0x5f, 0xc2, 0x53, 0xd0, 0x22, 0x31};

static void test_signatures(void **state)
{
    struct certificate *c = NULL;
    uint8_t other[sizeof signature];
    (void)state;
    assert_int_equal(certificate_read(certificate, strlen(certificate), &c), 0);
    assert_int_equal(certificate_verify(c, text, strlen(text), signature, sizeof signature), 0);
    assert_int_equal(certificate_verify(c, text, strlen(text) - 1, signature, sizeof signature), ERR_DENIED);
    assert_int_equal(certificate_verify(c, text, strlen(text), signature, sizeof signature - 1), ERR_DENIED);
    assert_int_equal(certificate_verify(c, text, strlen(text), "", 0), ERR_DENIED);
    for (size_t i = 0; i < sizeof signature; i++) {
        memcpy(other, signature, sizeof other);
        other[i] ^= 1;
        assert_int_equal(certificate_verify(c, text, strlen(text), other, sizeof other), ERR_DENIED);
    }
    certificate_free(c);
    certificate_free(NULL);
}

static void test_what_is_none(void **state)
{
    struct certificate *c = NULL;
    char cut[sizeof certificate];
    (void)state;
    assert_int_equal(certificate_read(weak, strlen(weak), &c), ERR_UNSUPPORTED);
    assert_int_equal(certificate_read(elliptic, strlen(elliptic), &c), ERR_UNSUPPORTED);
    assert_int_equal(certificate_read("", 0, &c), ERR_INVALID);
    assert_int_equal(certificate_read("<html>", 6, &c), ERR_INVALID);
    assert_int_equal(certificate_read(certificate, strlen(certificate) - 60, &c), ERR_INVALID);
    size_t len = 0;
    for (const char *at = certificate; *at; at++) { /* pasted without its newlines: failure 19 of facts 5 */
        if (*at != '\n') {
            cut[len++] = *at;
        }
    }
    assert_int_equal(certificate_read(cut, len, &c), ERR_INVALID);
    assert_null(c);
}

/* What the far side that we play signs is what we verify. */
static void test_signer(void **state)
{
    struct signer *s = NULL;
    struct certificate *c = NULL;
    uint8_t made[512];
    size_t len = 0;
    int64_t from_ms, until_ms;
    (void)state;
    assert_int_equal(signer_new(&s), 0);
    assert_int_equal(certificate_read(signer_certificate(s), strlen(signer_certificate(s)), &c), 0);
    assert_int_equal(signer_sign(s, text, strlen(text), made, sizeof made, &len), 0);
    assert_int_equal(len, 256);
    assert_int_equal(certificate_verify(c, text, strlen(text), made, len), 0);
    assert_int_equal(certificate_verify(c, "other text", 10, made, len), ERR_DENIED);
    assert_int_equal(signer_sign(s, text, strlen(text), made, 255, &len), ERR_TOO_LARGE);
    certificate_dates(c, &from_ms, &until_ms);
    assert_true(until_ms > from_ms);
    certificate_free(c);
    signer_free(s);
    signer_free(NULL);
}

static void test_dates(void **state)
{
    struct certificate *c = NULL;
    int64_t from_ms, until_ms;
    (void)state;
    assert_int_equal(certificate_read(certificate, strlen(certificate), &c), 0);
    certificate_dates(c, &from_ms, &until_ms);
    assert_int_equal(until_ms - from_ms, INT64_C(36500) * 24 * 60 * 60 * 1000);
    certificate_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_signer),
        cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
