#include "smartthings/smartapp_signature.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/err.h"
#include "base/secrets.h"

static const char *const step_texts[SIGNATURE_STEPS] = {
    [SIGNATURE_OK] = "ok",
    [SIGNATURE_UNSIGNED] = "unsigned",
    [SIGNATURE_MALFORMED] = "signature header",
    [SIGNATURE_ALGORITHM] = "algorithm",
    [SIGNATURE_KEY_ID] = "key id",
    [SIGNATURE_UNCOVERED] = "covered headers",
    [SIGNATURE_DATE] = "date",
    [SIGNATURE_DIGEST] = "digest",
    [SIGNATURE_KEY_FETCH] = "key fetch",
    [SIGNATURE_KEY] = "key",
    [SIGNATURE_MISMATCH] = "signature",
    [SIGNATURE_REPLAY] = "replay",
    [SIGNATURE_BUSY] = "busy",
};

const char *signature_step_text(enum signature_step step)
{
    return step_texts[step];
}

static enum signature_step refuse(struct str *why, enum signature_step step, const char *sentence)
{
    str_add_z(why, sentence);
    return step;
}

/* ---- the header ---- */

/* name="value", with no escapes: none of the values may have a quote in it. */
struct parameter {
    const char *name, *value;
    size_t name_len, value_len;
};

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t");
}

/* Reads one and steps behind it and its comma; false where it is none. */
static bool next_parameter(const char **at, struct parameter *ret_parameter)
{
    struct parameter p = {.name = skip_space(*at)};
    p.name_len = strspn(p.name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    const char *equals = skip_space(p.name + p.name_len);
    if (p.name_len == 0 || *equals != '=') {
        return false;
    }
    const char *quote = skip_space(equals + 1);
    if (*quote != '"') {
        return false;
    }
    p.value = quote + 1;
    p.value_len = strcspn(p.value, "\"\\");
    if (p.value[p.value_len] != '"') {
        return false;
    }
    const char *end = skip_space(p.value + p.value_len + 1);
    if (*end == ',') {
        end = skip_space(end + 1);
        if (*end == '\0') {
            return false;
        }
    } else if (*end != '\0') {
        return false;
    }
    *at = end;
    *ret_parameter = p;
    return true;
}

static bool is_named(const struct parameter *p, const char *name)
{
    return p->name_len == strlen(name) && strncmp(p->name, name, p->name_len) == 0;
}

static bool copy_value(char *into, size_t size, const struct parameter *p)
{
    if (p->value_len == 0 || p->value_len >= size) {
        return false;
    }
    memcpy(into, p->value, p->value_len);
    into[p->value_len] = '\0';
    return true;
}

/* A path below the key host, and nothing that leads out of it or to a query. */
static bool good_key_id(const char *id)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_.-";
    return id[0] == '/' && id[1] != '\0' && id[strspn(id, allowed)] == '\0' && !strstr(id, "..") && !strstr(id, "//") &&
           !strstr(id, "/./") && id[strlen(id) - 1] != '/';
}

enum { SAW_KEY_ID = 1, SAW_SIGNATURE = 2, SAW_HEADERS = 4, SAW_ALGORITHM = 8 };

/* Returns its bit; 0: unknown, which is passed over (draft-cavage 2.1.1); -1: malformed. */
static int take_parameter(const struct parameter *p, struct signature *s, char *algorithm, size_t algorithm_size)
{
    if (is_named(p, "keyId")) {
        return copy_value(s->key_id, sizeof s->key_id, p) ? SAW_KEY_ID : -1;
    }
    if (is_named(p, "headers")) {
        return copy_value(s->headers, sizeof s->headers, p) ? SAW_HEADERS : -1;
    }
    if (is_named(p, "algorithm")) {
        return copy_value(algorithm, algorithm_size, p) ? SAW_ALGORITHM : -1;
    }
    if (is_named(p, "signature")) {
        return secrets_base64_decode(p->value, p->value_len, s->bytes, sizeof s->bytes, &s->len) == 0 && s->len > 0
                   ? SAW_SIGNATURE
                   : -1;
    }
    return 0;
}

enum signature_step signature_read(const char *authorization, struct signature *ret_signature, struct str *why)
{
    static const char scheme[] = "Signature ";
    char algorithm[32] = "";
    int seen = 0;
    if (!authorization || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0) {
        return refuse(why, SIGNATURE_UNSIGNED, "there is no Authorization header of scheme Signature");
    }
    if (strlen(authorization) > SIGNATURE_HEADER_MAX) {
        return refuse(why, SIGNATURE_MALFORMED, "the Authorization header is too long");
    }
    struct signature s = {0};
    const char *at = authorization + sizeof scheme - 1;
    while (*at != '\0') {
        struct parameter p;
        int bit = next_parameter(&at, &p) ? take_parameter(&p, &s, algorithm, sizeof algorithm) : -1;
        if (bit < 0 || (seen & bit)) {
            return refuse(why, SIGNATURE_MALFORMED, "the parameters of the Authorization header cannot be read");
        }
        seen |= bit;
    }
    if ((seen & (SAW_KEY_ID | SAW_SIGNATURE | SAW_HEADERS)) != (SAW_KEY_ID | SAW_SIGNATURE | SAW_HEADERS)) {
        return refuse(why, SIGNATURE_MALFORMED, "keyId, signature and headers must be there");
    }
    if ((seen & SAW_ALGORITHM) && strcmp(algorithm, "rsa-sha256") != 0) {
        return refuse(why, SIGNATURE_ALGORITHM, "the algorithm is not rsa-sha256");
    }
    if (!good_key_id(s.key_id)) {
        return refuse(why, SIGNATURE_KEY_ID, "the key id is no plain path below the key host");
    }
    *ret_signature = s;
    return SIGNATURE_OK;
}

/* ---- what it covers ---- */

#define TARGET "(request-target)"

/* Steps through the names; false at the end. */
static bool next_name(const char **at, char *name, size_t size)
{
    const char *from = *at + strspn(*at, " ");
    size_t len = strcspn(from, " ");
    if (len == 0 || len >= size) {
        return false;
    }
    memcpy(name, from, len);
    name[len] = '\0';
    *at = from + len;
    return true;
}

static bool covers(const struct signature *signature, const char *wanted)
{
    char name[64];
    for (const char *at = signature->headers; next_name(&at, name, sizeof name);) {
        if (strcmp(name, wanted) == 0) {
            return true;
        }
    }
    return false;
}

static enum signature_step check_covered(const struct signature *signature, const struct signature_request *request,
                                         struct str *why)
{
    static const char *const needed[] = {TARGET, "digest", "date"};
    char name[64];
    size_t count = 0;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (!covers(signature, needed[i])) {
            str_printf(why, "%s is not under the signature", needed[i]);
            return SIGNATURE_UNCOVERED;
        }
    }
    const char *at = signature->headers;
    while (next_name(&at, name, sizeof name)) {
        if (++count > SIGNATURE_COVERED_MAX || (strcmp(name, TARGET) != 0 && !request->header(request->user, name))) {
            str_add_z(why, "a header that is under the signature did not come with the request");
            return SIGNATURE_UNCOVERED;
        }
    }
    if (at[strspn(at, " ")] != '\0') {
        return refuse(why, SIGNATURE_UNCOVERED, "the names under the signature cannot be read");
    }
    return SIGNATURE_OK;
}

int signature_date(const char *text, int64_t *ret_ms)
{
    struct tm tm = {0};
    const char *zone = strptime(text, "%a, %d %b %Y %H:%M:%S", &tm);
    if (!zone || (strcmp(zone, " GMT") != 0 && strcmp(zone, " UTC") != 0)) {
        return ERR_INVALID;
    }
    *ret_ms = (int64_t)timegm(&tm) * 1000;
    return 0;
}

static enum signature_step check_date(const char *date, int64_t now_ms, struct str *why)
{
    int64_t then_ms = 0;
    if (signature_date(date, &then_ms) != 0) {
        return refuse(why, SIGNATURE_DATE, "Date cannot be read");
    }
    if (then_ms - now_ms > SIGNATURE_SKEW_MS || now_ms - then_ms > SIGNATURE_SKEW_MS) {
        time_t now_s = (time_t)(now_ms / 1000);
        struct tm tm;
        char ours[40] = "";
        gmtime_r(&now_s, &tm);
        strftime(ours, sizeof ours, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        str_printf(why, "Date is %s, our clock says %s: more than 300 s apart", date, ours);
        return SIGNATURE_DATE;
    }
    return SIGNATURE_OK;
}

/* SmartThings writes SHA256=, RFC 3230 SHA-256=. */
static enum signature_step check_digest(const char *digest, const char *body, size_t len, struct str *why)
{
    static const char *const names[] = {"SHA-256=", "SHA256="};
    uint8_t said[SECRETS_SHA256_SIZE + 3], is[SECRETS_SHA256_SIZE];
    size_t said_len = 0;
    const char *value = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncasecmp(digest, names[i], strlen(names[i])) == 0) {
            value = digest + strlen(names[i]);
        }
    }
    if (!value || secrets_base64_decode(value, strlen(value), said, sizeof said, &said_len) != 0 ||
        said_len != sizeof is) {
        return refuse(why, SIGNATURE_DIGEST, "Digest is no SHA-256 in base64");
    }
    secrets_sha256(is, body ? body : "", len);
    if (!secrets_equal(said, is, sizeof is)) {
        return refuse(why, SIGNATURE_DIGEST, "Digest is not that of the body: something on the way has altered it");
    }
    return SIGNATURE_OK;
}

enum signature_step signature_check(const struct signature *signature, const struct signature_request *request,
                                    int64_t now_ms, struct str *why)
{
    enum signature_step step = check_covered(signature, request, why);
    if (step == SIGNATURE_OK) {
        step = check_date(request->header(request->user, "date"), now_ms, why);
    }
    if (step == SIGNATURE_OK) {
        step = check_digest(request->header(request->user, "digest"), request->body, request->body_len, why);
    }
    return step;
}

static void add_target(struct str *s, const struct signature_request *request, bool with_query)
{
    for (const char *m = request->method; *m; m++) {
        str_add_char(s, (char)(*m >= 'A' && *m <= 'Z' ? *m | 0x20 : *m));
    }
    str_printf(s, " %s", request->path);
    if (with_query && request->query[0] != '\0') {
        str_printf(s, "?%s", request->query);
    }
}

void signature_text(struct str *s, const struct signature *signature, const struct signature_request *request,
                    bool with_query)
{
    char name[64];
    for (const char *at = signature->headers; next_name(&at, name, sizeof name);) {
        if (s->len > 0) {
            str_add_char(s, '\n');
        }
        str_printf(s, "%s: ", name);
        if (strcmp(name, TARGET) == 0) {
            add_target(s, request, with_query);
        } else {
            const char *value = request->header(request->user, name);
            str_add_z(s, value ? value : "");
        }
    }
}
