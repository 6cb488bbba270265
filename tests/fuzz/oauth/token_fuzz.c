/* Whatever is presented as a token: it is taken apart or refused, and has one spelling that is believed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oauth/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t bridge_key[SECRETS_KEY_SIZE] = {1}, link_key[SECRETS_KEY_SIZE] = {2};

static void demand(bool so)
{
    if (!so) {
        abort();
    }
}

/* It is believed exactly if it is, to the last byte, what we would write. */
static void use(const char *text, struct token *token)
{
    struct token again;
    char written[OAUTH_TOKEN_MAX];
    bool of_bridge = token_of_bridge(token, bridge_key), of_link = token_of_link(token, link_key);
    demand(token->kind >= TOKEN_CODE && token->kind <= TOKEN_REFRESH && token->issued_ms >= 0);
    token_write(token, bridge_key, link_key, written);
    demand(strlen(written) == strlen(text) && strncmp(written, text, 40) == 0);
    demand((of_bridge && of_link) == (strcmp(written, text) == 0));
    demand(token_read(written, &again) == 0);
    demand(token_of_bridge(&again, bridge_key) && token_of_link(&again, link_key));
    demand(memcmp(again.link_id, token->link_id, sizeof again.link_id) == 0 && again.issued_ms == token->issued_ms &&
           again.generation == token->generation && again.kind == token->kind);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct token token;
    struct str encoded = STR_INIT;
    char *text = mem_text_n((const char *)data, size);
    if (token_read(text, &token) == 0) {
        use(text, &token);
    }
    free(text);
    /* the same bytes as the inside of a token, so that the fuzzer need not find base64 first */
    secrets_base64url(&encoded, data, size);
    if (token_read(str_z(&encoded), &token) == 0) {
        demand(size == TOKEN_SIZE && data[0] == 1);
        use(str_z(&encoded), &token);
    } else {
        demand(size != TOKEN_SIZE || data[0] != 1 || data[17] < TOKEN_CODE || data[17] > TOKEN_REFRESH ||
               data[22] > 0x7f);
    }
    str_done(&encoded);
    return 0;
}
