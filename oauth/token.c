/* See token.h. */
#include "oauth/token.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

enum { VERSION = 1 };

/* Every use of the installation's key has a name of its own, so that no tag of one use is a tag of another. */
static const char bridge_id_use[] = "lightbridge bridge id";
static const char bridge_key_use[] = "lightbridge token bridge key";
static const char link_key_use[] = "lightbridge token link key";

static void put_u32(uint8_t *p, uint32_t value)
{
    for (int i = 3; i >= 0; i--, value >>= 8) {
        p[i] = (uint8_t)value;
    }
}

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void oauth_bridge_id(const uint8_t key[SECRETS_KEY_SIZE], uint8_t ret_id[8])
{
    uint8_t tag[16]; /* the shortest that BLAKE2b gives here */
    secrets_tag(tag, sizeof tag, bridge_id_use, sizeof bridge_id_use, key, SECRETS_KEY_SIZE);
    memcpy(ret_id, tag, TOKEN_BRIDGE_ID_SIZE);
}

void token_bridge_key(uint8_t ret_key[SECRETS_KEY_SIZE], const uint8_t key[SECRETS_KEY_SIZE])
{
    secrets_tag(ret_key, SECRETS_KEY_SIZE, bridge_key_use, sizeof bridge_key_use, key, SECRETS_KEY_SIZE);
}

void token_link_key(uint8_t ret_key[SECRETS_KEY_SIZE], const uint8_t key[SECRETS_KEY_SIZE],
                    const uint8_t link_id[OAUTH_LINK_ID_SIZE], const uint8_t salt[TOKEN_SALT_SIZE])
{
    uint8_t input[sizeof link_key_use + OAUTH_LINK_ID_SIZE + TOKEN_SALT_SIZE];
    memcpy(input, link_key_use, sizeof link_key_use);
    memcpy(input + sizeof link_key_use, link_id, OAUTH_LINK_ID_SIZE);
    memcpy(input + sizeof link_key_use + OAUTH_LINK_ID_SIZE, salt, TOKEN_SALT_SIZE);
    secrets_tag(ret_key, SECRETS_KEY_SIZE, input, sizeof input, key, SECRETS_KEY_SIZE);
    secrets_wipe(input, sizeof input);
}

static void write_head(const struct token *token, uint8_t head[TOKEN_HEAD_SIZE])
{
    uint8_t *p = head;
    *p++ = VERSION;
    memcpy(p, token->bridge_id, TOKEN_BRIDGE_ID_SIZE);
    p += TOKEN_BRIDGE_ID_SIZE;
    memcpy(p, token->link_id, OAUTH_LINK_ID_SIZE);
    p += OAUTH_LINK_ID_SIZE;
    *p++ = (uint8_t)token->kind;
    put_u32(p, token->generation);
    put_u32(p + 4, (uint32_t)((uint64_t)token->issued_ms >> 32));
    put_u32(p + 8, (uint32_t)token->issued_ms);
}

static void make_bridge_tag(const struct token *token, const uint8_t *bridge_key,
                            uint8_t ret_tag[TOKEN_BRIDGE_TAG_SIZE])
{
    uint8_t head[TOKEN_HEAD_SIZE];
    write_head(token, head);
    secrets_tag(ret_tag, TOKEN_BRIDGE_TAG_SIZE, head, sizeof head, bridge_key, SECRETS_KEY_SIZE);
}

/* The link's tag covers the bridge's, so that a token has one valid spelling. */
static void make_link_tag(const struct token *token, const uint8_t *link_key, uint8_t ret_tag[TOKEN_LINK_TAG_SIZE])
{
    uint8_t input[TOKEN_HEAD_SIZE + TOKEN_BRIDGE_TAG_SIZE];
    write_head(token, input);
    memcpy(input + TOKEN_HEAD_SIZE, token->bridge_tag, TOKEN_BRIDGE_TAG_SIZE);
    secrets_tag(ret_tag, TOKEN_LINK_TAG_SIZE, input, sizeof input, link_key, SECRETS_KEY_SIZE);
}

void token_write(struct token *token, const uint8_t bridge_key[SECRETS_KEY_SIZE],
                 const uint8_t link_key[SECRETS_KEY_SIZE], char ret_text[OAUTH_TOKEN_MAX])
{
    make_bridge_tag(token, bridge_key, token->bridge_tag);
    make_link_tag(token, link_key, token->link_tag);

    uint8_t bytes[TOKEN_SIZE];
    write_head(token, bytes);
    memcpy(bytes + TOKEN_HEAD_SIZE, token->bridge_tag, TOKEN_BRIDGE_TAG_SIZE);
    memcpy(bytes + TOKEN_HEAD_SIZE + TOKEN_BRIDGE_TAG_SIZE, token->link_tag, TOKEN_LINK_TAG_SIZE);
    struct str text = STR_INIT;
    secrets_base64url(&text, bytes, sizeof bytes);
    static_assert((TOKEN_SIZE + 2) / 3 * 4 < OAUTH_TOKEN_MAX, "a token fits its buffers");
    memcpy(ret_text, text.data, text.len + 1);
    secrets_wipe(text.data, text.len);
    str_done(&text);
}

int token_read(const char *text, struct token *ret_token)
{
    uint8_t bytes[TOKEN_SIZE];
    size_t len = 0;
    size_t text_len = strnlen(text, OAUTH_TOKEN_MAX);
    if (text_len >= OAUTH_TOKEN_MAX || secrets_base64url_decode(text, text_len, bytes, sizeof bytes, &len) != 0 ||
        len != TOKEN_SIZE || bytes[0] != VERSION) {
        return ERR_INVALID;
    }
    struct token token = {0};
    const uint8_t *p = bytes + 1;
    memcpy(token.bridge_id, p, TOKEN_BRIDGE_ID_SIZE);
    p += TOKEN_BRIDGE_ID_SIZE;
    memcpy(token.link_id, p, OAUTH_LINK_ID_SIZE);
    p += OAUTH_LINK_ID_SIZE;
    if (*p < TOKEN_CODE || *p > TOKEN_REFRESH) {
        return ERR_INVALID;
    }
    token.kind = (enum token_kind) * p++;
    token.generation = get_u32(p);
    uint64_t issued = (uint64_t)get_u32(p + 4) << 32 | get_u32(p + 8);
    if (issued > INT64_MAX) {
        return ERR_INVALID;
    }
    token.issued_ms = (int64_t)issued;
    p += 12;
    memcpy(token.bridge_tag, p, TOKEN_BRIDGE_TAG_SIZE);
    memcpy(token.link_tag, p + TOKEN_BRIDGE_TAG_SIZE, TOKEN_LINK_TAG_SIZE);
    *ret_token = token;
    return 0;
}

bool token_of_bridge(const struct token *token, const uint8_t bridge_key[SECRETS_KEY_SIZE])
{
    uint8_t tag[TOKEN_BRIDGE_TAG_SIZE];
    make_bridge_tag(token, bridge_key, tag);
    return secrets_equal(tag, token->bridge_tag, sizeof tag);
}

bool token_of_link(const struct token *token, const uint8_t link_key[SECRETS_KEY_SIZE])
{
    uint8_t tag[TOKEN_LINK_TAG_SIZE];
    make_link_tag(token, link_key, tag);
    return secrets_equal(tag, token->link_tag, sizeof tag);
}
