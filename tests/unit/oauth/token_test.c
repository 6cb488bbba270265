/* Tokens as bytes: one spelling, no field can be changed, none of another bridge, none of another link's. */
#include "unit/oauth/rig.h"

static void test_every_bit_counts(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    const char *const texts[] = {pair.access, pair.refresh, code.code};
    for (size_t t = 0; t < 3; t++) {
        uint8_t bytes[TOKEN_SIZE];
        size_t len = 0;
        assert_int_equal(secrets_base64url_decode(texts[t], strlen(texts[t]), bytes, sizeof bytes, &len), 0);
        assert_int_equal(len, TOKEN_SIZE);
        for (size_t bit = 0; bit < 8 * TOKEN_SIZE; bit++) {
            struct str forged = STR_INIT;
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            secrets_base64url(&forged, bytes, sizeof bytes);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(verify(rig, str_z(&forged)), ERR_DENIED);
            struct answer a = {0};
            oauth_refresh(rig->oauth, client(rig, "smartthings"), str_z(&forged), note_tokens, &a);
            oauth_redeem(rig->oauth, client(rig, "smartthings"), str_z(&forged), CALLBACK, NULL, note_tokens, &a);
            assert_int_equal(a.count, 2); /* refused at once, nothing is written for it */
            assert_int_equal(a.result, ERR_DENIED);
            str_done(&forged);
        }
    }
    assert_int_equal(verify(rig, pair.access), 0);
    struct oauth_link_info info;
    oauth_link_info(code.link, &info);
    assert_true(info.ended_ms == 0);
}

static void test_one_spelling(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL);
    char text[OAUTH_TOKEN_MAX + 8];
    static const char *const behind[] = {"=", "==", "A", " ", "\n", ".x"};
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        snprintf(text, sizeof text, "%s%s", pair.access, behind[i]);
        assert_int_equal(verify(rig, text), ERR_DENIED);
    }
    snprintf(text, sizeof text, " %s", pair.access);
    assert_int_equal(verify(rig, text), ERR_DENIED);
    strcpy(text, pair.access);
    text[strlen(text) - 1] = 0;
    assert_int_equal(verify(rig, text), ERR_DENIED);
    assert_int_equal(verify(rig, ""), ERR_DENIED);
    memset(text, 'A', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_int_equal(verify(rig, text), ERR_DENIED);
}

/* A code or a refresh token is no access token. */
static void test_kinds(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    assert_int_equal(verify(rig, code.code), ERR_DENIED);
    assert_int_equal(verify(rig, pair.refresh), ERR_DENIED);
    assert_int_equal(verify(rig, pair.access), 0);
}

/* The same store under another key, and another store under the same key. */
static void test_of_another_bridge(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    rig_close(rig);
    memset(rig->key, 8, sizeof rig->key);
    rig_open(rig); /* its rows are sealed by the other: nobody is refused for good */
    assert_int_equal(verify(rig, pair.access), ERR_CORRUPT);
    assert_int_equal(refresh(rig, pair.refresh).result, ERR_CORRUPT);
    assert_int_equal(redeem(rig, code.code).result, ERR_CORRUPT);
    rig_close(rig);
    memset(rig->key, 7, sizeof rig->key);
    strcat(rig->path, "2");
    rig_open(rig);
    assert_int_equal(verify(rig, pair.access), ERR_DENIED);
    struct answer here = linked(rig, NULL); /* birth number as that of the other's link, another random part and salt */
    assert_int_equal(verify(rig, here.access), 0);
    assert_int_equal(verify(rig, pair.access), ERR_DENIED);
}

/* With the key alone or the store alone nobody makes a token that is honoured. */
static void test_stolen_key_alone(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL);
    struct token token;
    uint8_t guess[SECRETS_KEY_SIZE], salt[TOKEN_SALT_SIZE] = {0};
    char forged[OAUTH_TOKEN_MAX];
    assert_int_equal(token_read(pair.access, &token), 0);
    token_link_key(guess, rig->key, token.link_id, salt);
    token_write(&token, rig->oauth->bridge_key, guess, forged);
    assert_int_equal(verify(rig, forged), ERR_DENIED);
    /* with the link's key too it would be the real one: that is what the store holds */
    token_write(&token, rig->oauth->bridge_key, rig->oauth->links[0]->key, forged);
    assert_string_equal(forged, pair.access);
}

static void test_life(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL);
    struct oauth_link *link = NULL;
    pass_time(INT64_C(1000) * OAUTH_ACCESS_LIFE_S - 1);
    assert_int_equal(oauth_verify(rig->oauth, pair.access, rig_wall, &link), 0);
    pass_time(1);
    link = NULL;
    assert_int_equal(oauth_verify(rig->oauth, pair.access, rig_wall, &link), ERR_EXPIRED);
    assert_non_null(link); /* the caller may say whose it is */
}

/* The clock went back: a token from the future is valid, and not for longer than it was. */
static void test_from_the_future(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL);
    struct oauth_link *link = NULL;
    rig_wall -= INT64_C(86400000) * 365;
    assert_int_equal(oauth_verify(rig->oauth, pair.access, rig_wall, &link), 0);
    assert_int_equal(oauth_verify(rig->oauth, pair.access, 0, &link), 0);
    struct answer again = refresh(rig, pair.refresh);
    assert_int_equal(again.result, 0);
    assert_int_equal(again.expires_in, OAUTH_ACCESS_LIFE_S);
    assert_int_equal(verify(rig, again.access), 0);
}

/* An ended link's tokens are known for what they were; a forgery of one is not. */
static void test_ended_is_never_a_guess(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    struct oauth_link *link = NULL;
    uint8_t bytes[TOKEN_SIZE];
    size_t len = 0;
    assert_int_equal(end_link(rig, code.link), 0);
    assert_int_equal(oauth_verify(rig->oauth, pair.access, rig_wall, &link), ERR_ENDED);
    assert_ptr_equal(link, code.link);
    assert_int_equal(secrets_base64url_decode(pair.access, strlen(pair.access), bytes, sizeof bytes, &len), 0);
    for (size_t at = 0; at < TOKEN_HEAD_SIZE + TOKEN_BRIDGE_TAG_SIZE; at++) {
        struct str forged = STR_INIT;
        bytes[at] ^= 1;
        secrets_base64url(&forged, bytes, sizeof bytes);
        bytes[at] ^= 1;
        assert_int_equal(verify(rig, str_z(&forged)), ERR_DENIED);
        str_done(&forged);
    }
    static const uint8_t none[SECRETS_KEY_SIZE];
    assert_memory_equal(code.link->key, none, sizeof none); /* wiped */
}

static void test_layout(void **state)
{
    (void)state;
    struct token token = {.bridge_id = {0xb0, 1, 2, 3, 4, 5, 6, 7},
                          .link_id = {0, 0, 0, 9, 0xaa, 0xbb, 0xcc, 0xdd},
                          .kind = TOKEN_REFRESH,
                          .generation = 0x01020304,
                          .issued_ms = INT64_C(0x1122334455667788)};
    static const uint8_t bridge_key[SECRETS_KEY_SIZE] = {1}, link_key[SECRETS_KEY_SIZE] = {2};
    static const uint8_t head[] = {1,    0xb0, 1, 2, 3, 4, 5, 6,    7,    0,    0,    0,    9,    0xaa, 0xbb,
                                   0xcc, 0xdd, 3, 1, 2, 3, 4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
    uint8_t bytes[TOKEN_SIZE], tag[64];
    char text[OAUTH_TOKEN_MAX];
    size_t len = 0;
    token_write(&token, bridge_key, link_key, text);
    assert_int_equal(secrets_base64url_decode(text, strlen(text), bytes, sizeof bytes, &len), 0);
    assert_int_equal(len, sizeof bytes);
    assert_memory_equal(bytes, head, sizeof head);
    secrets_tag(tag, 16, head, sizeof head, bridge_key, sizeof bridge_key);
    assert_memory_equal(bytes + sizeof head, tag, 16);
    secrets_tag(tag, 32, bytes, sizeof head + 16, link_key, sizeof link_key);
    assert_memory_equal(bytes + sizeof head + 16, tag, 32);
    assert_true(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(text));
}

/* Each use of the key has a name of its own. */
static void test_keys_differ(void **state)
{
    (void)state;
    uint8_t key[SECRETS_KEY_SIZE] = {3}, bridge[SECRETS_KEY_SIZE], link[SECRETS_KEY_SIZE], other[SECRETS_KEY_SIZE];
    uint8_t id[8], link_id[8] = {1}, salt[TOKEN_SALT_SIZE] = {4};
    oauth_bridge_id(key, id);
    token_bridge_key(bridge, key);
    token_link_key(link, key, link_id, salt);
    assert_memory_not_equal(bridge, link, sizeof link);
    assert_memory_not_equal(bridge, id, sizeof id);
    salt[31] ^= 1;
    token_link_key(other, key, link_id, salt);
    assert_memory_not_equal(link, other, sizeof link);
    salt[31] ^= 1;
    link_id[7] ^= 1;
    token_link_key(other, key, link_id, salt);
    assert_memory_not_equal(link, other, sizeof link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_every_bit_counts),
        T(test_one_spelling),
        T(test_kinds),
        T(test_of_another_bridge),
        T(test_stolen_key_alone),
        T(test_life),
        T(test_from_the_future),
        T(test_ended_is_never_a_guess),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_keys_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
