/* The OAuth server that the SmartApp's login opens: a row of the configuration. Pure. */
#ifndef SMARTTHINGS_SMARTAPP_PROVIDER_H
#define SMARTTHINGS_SMARTAPP_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Texts outlive it. */
struct smartapp_provider {
    const char *name;                      /* for people */
    const char *authorize_url, *token_url; /* both NULL: this bridge itself */
    const char *client_id, *client_secret; /* secret NULL: a public client */
    const char *scope;                     /* NULL: none is sent */
    const char *redirect_uri;              /* NULL: none is sent, the one registered over there counts */
    bool basic;                            /* the client authenticates by HTTP Basic, not in the body */
    bool json;                             /* the token request is JSON, not a form */
};
bool provider_is_ours(const struct smartapp_provider *provider);

/* The address that the OAUTH setting opens, without `state`, which SmartThings adds (facts 2.4). authorize_url: of the
   provider, or ours. challenge: of PKCE, S256. */
void provider_login_url(struct str *s, const struct smartapp_provider *provider, const char *authorize_url,
                        const char *challenge);

/* A token request: its body, and the value of its Authorization header (empty: none). verifier NULL with a refresh
   token in the place of the code. */
void provider_token_request(struct str *body, struct str *authorization, const struct smartapp_provider *provider,
                            bool refresh, const char *code_or_token, const char *verifier);
const char *provider_content_type(const struct smartapp_provider *provider);

/* What it answered. */
struct provider_tokens {
    char *access, *refresh; /* NULL: not there */
    int64_t expires_in;     /* s; 0 unknown */
    char *error;            /* of OAuth; NULL if none */
};
/* JSON or a form, by the content type (NULL: unknown, then by the first byte): GitHub answers a form unless JSON is
   asked for, and says 200 with an error in it. ERR_INVALID: neither. provider_tokens_done in any case. */
int provider_read_tokens(const char *content_type, const char *bytes, size_t len, struct provider_tokens *ret_tokens);
void provider_tokens_done(struct provider_tokens *tokens);

/* The query of an OAUTH_CALLBACK, "?code=...&state=..." or a whole URL. */
struct provider_return {
    char *code, *state; /* decoded; NULL: not there */
    char *error;        /* "access_denied", ...; NULL if none */
};
/* ERR_INVALID with a sentence: it cannot be read, or names something twice. provider_return_done in any case. */
int provider_read_return(const char *url_path, struct provider_return *ret_return, const char **ret_what);
void provider_return_done(struct provider_return *ret);

#endif
