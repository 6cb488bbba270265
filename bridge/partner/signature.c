#include "partner/signature.h"

#include <string.h>

#include "base/secrets.h"

void signature_make(const struct signature_of *of, struct str *digest, struct str *input, struct str *signature)
{
    uint8_t hash[SECRETS_SHA256_SIZE];
    struct str params = STR_INIT, base = STR_INIT;
    secrets_sha256(hash, of->body, of->body_len);
    str_add_z(digest, "sha-256=:");
    secrets_base64(digest, hash, sizeof hash);
    str_add_z(digest, ":");
    str_printf(&params,
               "(\"@method\" \"@target-uri\" \"content-type\" \"content-digest\");created=%lld;keyid=\"%s\";"
               "alg=\"hmac-sha256\"",
               (long long)of->created_s, of->key_id);
    /* RFC 9421 2.5 */
    str_printf(&base,
               "\"@method\": POST\n\"@target-uri\": %s\n\"content-type\": %s\n\"content-digest\": %s\n"
               "\"@signature-params\": %s",
               of->url, of->content_type, str_z(digest), str_z(&params));
    secrets_hmac_sha256(hash, of->secret, strlen(of->secret), base.data, base.len);
    str_printf(input, "lightbridge=%s", str_z(&params));
    str_add_z(signature, "lightbridge=:");
    secrets_base64(signature, hash, sizeof hash);
    str_add_z(signature, ":");
    str_done(&params);
    str_done(&base);
}
