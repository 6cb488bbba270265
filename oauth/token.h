/* Tokens as bytes: derived, never drawn and never stored (DESIGN, OAuth). Pure: no clock, no table.

   Layout, base64url without padding, big-endian numbers:
     version 1 | bridge id 8 | link id 8 | kind 1 | generation 4 | issued at, ms since 1970, 8 |
     bridge tag 16 | link tag 32
   The link tag is a BLAKE2b under a key made from the installation's key and the link's salt: it says that
   the token may be honoured. The bridge tag needs the installation's key alone: it says that we made the
   token, also after the link has ended and its salt is gone, so that "your link has ended" is never a guess. */
#ifndef OAUTH_TOKEN_H
#define OAUTH_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secrets.h"
#include "oauth/oauth.h"

#define TOKEN_BRIDGE_ID_SIZE 8
#define TOKEN_SALT_SIZE 32
#define TOKEN_BRIDGE_TAG_SIZE 16
#define TOKEN_LINK_TAG_SIZE 32
#define TOKEN_HEAD_SIZE (1 + TOKEN_BRIDGE_ID_SIZE + OAUTH_LINK_ID_SIZE + 1 + 4 + 8)
#define TOKEN_SIZE (TOKEN_HEAD_SIZE + TOKEN_BRIDGE_TAG_SIZE + TOKEN_LINK_TAG_SIZE)

enum token_kind { TOKEN_CODE = 1, TOKEN_ACCESS = 2, TOKEN_REFRESH = 3 };

struct token {
    uint8_t bridge_id[TOKEN_BRIDGE_ID_SIZE];
    uint8_t link_id[OAUTH_LINK_ID_SIZE];
    enum token_kind kind;
    uint32_t generation;
    int64_t issued_ms; /* 0.. */
    uint8_t bridge_tag[TOKEN_BRIDGE_TAG_SIZE];
    uint8_t link_tag[TOKEN_LINK_TAG_SIZE];
};

/* The key under which the bridge tags of this installation are made. */
void token_bridge_key(uint8_t ret_key[SECRETS_KEY_SIZE], const uint8_t key[SECRETS_KEY_SIZE]);
/* The key under which the tags of one link are made. */
void token_link_key(uint8_t ret_key[SECRETS_KEY_SIZE], const uint8_t key[SECRETS_KEY_SIZE],
                    const uint8_t link_id[OAUTH_LINK_ID_SIZE], const uint8_t salt[TOKEN_SALT_SIZE]);

/* Makes the tags of `token` (its other members are given) and writes its one spelling. */
void token_write(struct token *token, const uint8_t bridge_key[SECRETS_KEY_SIZE],
                 const uint8_t link_key[SECRETS_KEY_SIZE], char ret_text[OAUTH_TOKEN_MAX]);
/* Takes a text apart; says nothing about its truth. ERR_INVALID: not the canonical spelling of a token. */
int token_read(const char *text, struct token *ret_token);
bool token_of_bridge(const struct token *token, const uint8_t bridge_key[SECRETS_KEY_SIZE]);
bool token_of_link(const struct token *token, const uint8_t link_key[SECRETS_KEY_SIZE]);

#endif
