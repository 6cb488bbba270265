/* What the parameters of authorization, token and revocation requests are taken apart into: proof keys and scopes; and
   the row of a client that was added. The input is lines: verifier, challenge, scope, redirect URIs. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "oauth/oauth_internal.h"
#include "oauth/pkce.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VERIFIER, CHALLENGE, SCOPE, URIS, LINES };

static void demand(bool so)
{
    if (!so) {
        abort();
    }
}

/* Exactly what the challenge was made of is taken, and only with a challenge. */
static void proof(const char *verifier, const char *challenge)
{
    uint8_t hash[SECRETS_SHA256_SIZE];
    struct str made = STR_INIT;
    secrets_sha256(hash, verifier, strlen(verifier));
    secrets_base64url(&made, hash, sizeof hash);
    demand(pkce_challenge_ok(str_z(&made)));
    bool long_enough = strlen(verifier) >= PKCE_VERIFIER_MIN && strlen(verifier) <= PKCE_VERIFIER_MAX;
    bool taken = pkce_problem(str_z(&made), verifier) == NULL;
    demand(!taken || long_enough);
    demand(pkce_problem(challenge, verifier) != NULL || (taken && strcmp(challenge, str_z(&made)) == 0));
    demand(pkce_problem(NULL, verifier) != NULL && pkce_problem(challenge, NULL) != NULL);
    (void)pkce_challenge_ok(challenge);
    str_done(&made);
}

static void scopes(const char *text)
{
    unsigned set = 0, again = 0;
    if (scope_parse(text, &set) == 0) {
        demand(set != 0 && (set & ~(unsigned)SCOPE_ALL) == 0);
        demand(scope_parse(scope_text(set), &again) == 0 && again == set);
    }
}

static void client(const char *scope, const char *uris)
{
    struct oauth_client *c = clients_new("id", NULL, uris, scope);
    if (c) {
        size_t len = 0, count = 0;
        for (const char *const *uri = oauth_client_redirects(c); *uri; uri++, count++) {
            demand(oauth_client_redirect_ok(c, *uri) && !strchr(*uri, ' '));
            len += strlen(*uri);
        }
        demand(count <= OAUTH_MAX_REDIRECTS && len <= strlen(uris));
    }
    clients_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *all = mem_text_n((const char *)data, size), *lines[LINES], *at = all;
    static char none[] = "";
    for (int i = 0; i < LINES; i++) {
        lines[i] = at ? at : none;
        at = at ? strchr(at, '\n') : NULL;
        if (at) {
            *at++ = 0;
        }
    }
    proof(lines[VERIFIER], lines[CHALLENGE]);
    scopes(lines[SCOPE]);
    client(lines[SCOPE], lines[URIS]);
    free(all);
    return 0;
}
