/* HTTP signatures of SmartThings' calls to the SmartApp (draft-cavage-http-signatures-03, RSA-SHA256): all that needs
   no key. Pure, time is an argument; parsing is fuzzed. Wire facts: facts/smartthings.md 2.6. */
#ifndef SMARTTHINGS_SMARTAPP_SIGNATURE_H
#define SMARTTHINGS_SMARTAPP_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define SIGNATURE_SKEW_MS 300000  /* between Date and our clock, either way */
#define SIGNATURE_HEADER_MAX 4096 /* bytes of the Authorization header */
#define SIGNATURE_KEY_ID_MAX 200
#define SIGNATURE_BYTES_MAX 1024 /* RSA of 8192 bits */
#define SIGNATURE_COVERED_MAX 16 /* headers under it */

/* The steps in their order; each but OK is a reason to refuse. */
enum signature_step {
    SIGNATURE_OK,
    SIGNATURE_UNSIGNED,  /* no Authorization header of scheme Signature */
    SIGNATURE_MALFORMED, /* its parameters cannot be read */
    SIGNATURE_ALGORITHM, /* not rsa-sha256 */
    SIGNATURE_KEY_ID,    /* not a path that we would ask the key host for */
    SIGNATURE_UNCOVERED, /* (request-target), digest or date is not under it, or the request lacks one that is */
    SIGNATURE_DATE,      /* unreadable, or too far from our clock */
    SIGNATURE_DIGEST,    /* not that of the body */
    SIGNATURE_KEY_FETCH, /* the key host gave none */
    SIGNATURE_KEY,       /* what it gave is no key, or is not valid now */
    SIGNATURE_MISMATCH,  /* RSA says no */
    SIGNATURE_REPLAY,    /* this very signature was here before */
    SIGNATURE_BUSY,      /* too much at once: not judged */
    SIGNATURE_STEPS,
};
const char *signature_step_text(enum signature_step step); /* "date", "digest", ...; static */

struct signature {
    char key_id[SIGNATURE_KEY_ID_MAX + 1];
    char headers[512]; /* names with single spaces between them, lower case */
    uint8_t bytes[SIGNATURE_BYTES_MAX];
    size_t len;
};

/* Reads the Authorization header (NULL: there is none). Anything but SIGNATURE_OK comes with a sentence in `why`. */
enum signature_step signature_read(const char *authorization, struct signature *ret_signature, struct str *why);

/* The request that was signed. `header` gives a header's raw text by its lower-case name, or NULL. */
struct signature_request {
    const char *method, *path, *query; /* query: undecoded, "" if none */
    const char *(*header)(void *user, const char *name);
    void *user;
    const char *body;
    size_t body_len;
};
/* Covered headers, date and digest, in that order. now_ms: wall clock. */
enum signature_step signature_check(const struct signature *signature, const struct signature_request *request,
                                    int64_t now_ms, struct str *why);
/* What was signed. SmartThings' own library strips the query from the request target (facts 2.6), others do not:
   with_query chooses. Only after signature_check. */
void signature_text(struct str *s, const struct signature *signature, const struct signature_request *request,
                    bool with_query);

/* An HTTP date as SmartThings writes it: IMF-fixdate with GMT or UTC. ERR_INVALID. */
int signature_date(const char *text, int64_t *ret_ms);

#endif
