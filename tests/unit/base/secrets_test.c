/* Known answers: the vectors of the RFCs, and what must not be accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/secrets.h"

static const struct secrets_cost cheap = {8, 1};

static void hex_is(const void *bytes, size_t len, const char *expected)
{
    struct str s = STR_INIT;
    secrets_hex(&s, bytes, len);
    assert_string_equal(str_z(&s), expected);
    assert_int_equal(s.len, 2 * len);
    str_done(&s);
}

static void test_blake2b(void **state)
{
    (void)state;
    uint8_t tag[64], key[64], input[255];
    /* RFC 7693, appendix A */
    secrets_tag(tag, 64, "abc", 3, NULL, 0);
    hex_is(tag, 64,
           "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
           "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    /* the keyed vectors of BLAKE2's reference package: key 00..3f, input empty and 00..fe */
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = (uint8_t)i;
    }
    secrets_tag(tag, 64, "", 0, key, 64);
    hex_is(tag, 64,
           "10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786"
           "b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568");
    secrets_tag(tag, 64, input, 255, key, 64);
    hex_is(tag, 64,
           "142709d62e28fcccd0af97fad0f8465b971e82201dc51070faa0372aa43e9248"
           "4be1c1e73ba10906d5d1853db6a4106e0a7bf9800d373d6dee2d46d62ef2a461");
    /* the length is part of what is hashed: a short tag is no prefix of a long one */
    uint8_t shorter[32];
    secrets_tag(shorter, 32, "abc", 3, NULL, 0);
    hex_is(shorter, 32, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

static void test_sha256(void **state)
{
    (void)state;
    uint8_t hash[SECRETS_SHA256_SIZE];
    char prefix[9];
    /* FIPS 180-2, appendix B */
    secrets_sha256(hash, "abc", 3);
    hex_is(hash, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    secrets_sha256(hash, "", 0);
    hex_is(hash, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    secrets_sha256(hash, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
    hex_is(hash, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    secrets_prefix(prefix, "abc", 3);
    assert_string_equal(prefix, "ba7816bf");
}

static void test_base64url(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } rows[] = {
        {"", 0, ""},           {"f", 1, "Zg"},          {"fo", 2, "Zm8"},          {"foo", 3, "Zm9v"},
        {"foob", 4, "Zm9vYg"}, {"fooba", 5, "Zm9vYmE"}, {"foobar", 6, "Zm9vYmFy"}, {"\xfb\xff\xfe", 3, "-__-"},
        {"\0\0", 2, "AAA"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str s = STR_INIT;
        char back[16];
        size_t len = 99;
        secrets_base64url(&s, rows[i].bytes, rows[i].len);
        assert_string_equal(str_z(&s), rows[i].text);
        assert_int_equal(secrets_base64url_decode(str_z(&s), s.len, back, sizeof back, &len), 0);
        assert_int_equal(len, rows[i].len);
        assert_memory_equal(back, rows[i].bytes, len);
        str_done(&s);
    }
}

/* Each value has one spelling: a token cannot be written in two ways. */
static void test_base64url_is_canonical(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "Zg==", "Zg=",    "Zm8=",  "=",     "Z",    "Zm9vY", "Zh",    "Zn",       "Zm9",
        "Zm9=", "Zm9v\n", " Zm9v", "Zm 9v", "+//+", "-_+-",  "Zm9v.", "Zm9v\xc3", "Zg$",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char back[16];
        size_t len = 0;
        if (secrets_base64url_decode(refused[i], strlen(refused[i]), back, sizeof back, &len) != ERR_INVALID) {
            fail_msg("%s was taken", refused[i]);
        }
    }
    char back[4];
    size_t len = 0;
    assert_int_equal(secrets_base64url_decode("Zm9v\0", 5, back, sizeof back, &len), ERR_INVALID);
    assert_int_equal(secrets_base64url_decode("Zm9v", 4, back, 2, &len), ERR_INVALID); /* no room */
    assert_int_equal(secrets_base64url_decode("Zm9v", 4, back, 3, &len), 0);
    assert_int_equal(len, 3);
}

/* Of the 256 bytes 64 are digits: libsodium 1.0.18 alone also takes some of those above 0x7f for digits. */
static void test_base64_alphabets(void **state)
{
    (void)state;
    static const char both[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (int c = 1; c < 256; c++) {
        for (size_t at = 0; at < 4; at++) {
            char text[4] = "AAAA", back[4];
            size_t len = 0;
            text[at] = (char)c;
            bool common = strchr(both, c) != NULL;
            bool url = secrets_base64url_decode(text, 4, back, sizeof back, &len) == 0;
            bool standard = secrets_base64_decode(text, 4, back, sizeof back, &len) == 0;
            assert_int_equal(url, common || c == '-' || c == '_');
            assert_int_equal(standard, common || c == '+' || c == '/' || (c == '=' && at == 3));
        }
    }
}

static void test_base64(void **state)
{
    (void)state;
    char back[16];
    size_t len = 0;
    /* RFC 7617's example, padding optional */
    assert_int_equal(secrets_base64_decode("dGVzdDoxMjPCow==", 16, back, sizeof back, &len), 0);
    assert_memory_equal(back, "test:123\xc2\xa3", len);
    assert_int_equal(secrets_base64_decode("dGVzdDoxMjPCow", 14, back, sizeof back, &len), 0);
    assert_int_equal(len, 10);
    assert_int_equal(secrets_base64_decode("+/+/", 4, back, sizeof back, &len), 0);
    assert_int_equal(secrets_base64_decode("-_-_", 4, back, sizeof back, &len), ERR_INVALID);
    assert_int_equal(secrets_base64_decode("dGVzdDoxMjPCow=", 15, back, sizeof back, &len), ERR_INVALID);
    assert_int_equal(secrets_base64_decode("====", 4, back, sizeof back, &len), ERR_INVALID);
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(secrets_equal("abc", "abc", 3));
    assert_false(secrets_equal("abc", "abd", 3));
    assert_true(secrets_equal("abc", "abd", 2));
    assert_true(secrets_equal_text("", ""));
    assert_true(secrets_equal_text("secret", "secret"));
    assert_false(secrets_equal_text("secret", "secret "));
    assert_false(secrets_equal_text("secret", ""));
    char bytes[] = "secret";
    secrets_wipe(bytes, sizeof bytes);
    assert_memory_equal(bytes, "\0\0\0\0\0\0\0", sizeof bytes);
    secrets_wipe(NULL, 0);
}

static void test_random(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 16, 47, 48, 49, 96, 100};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct str a = STR_INIT, b = STR_INIT;
        char back[128];
        size_t len = 0;
        secrets_random_text(&a, sizes[i]);
        secrets_random_text(&b, sizes[i]);
        assert_int_equal(a.len, (sizes[i] * 4 + 2) / 3);
        assert_int_equal(secrets_base64url_decode(str_z(&a), a.len, back, sizeof back, &len), 0);
        assert_int_equal(len, sizes[i]);
        assert_true(sizes[i] < 16 || strcmp(str_z(&a), str_z(&b)) != 0);
        str_done(&a);
        str_done(&b);
    }
}

static void test_passwords(void **state)
{
    (void)state;
    char hash[SECRETS_PASSWORD_HASH_SIZE], again[SECRETS_PASSWORD_HASH_SIZE];
    assert_int_equal(secrets_password_hash("correct horse", 13, cheap, hash), 0);
    assert_memory_equal(hash, "$argon2id$v=19$m=8,t=1,p=1$", 27);
    assert_int_equal(secrets_password_hash("correct horse", 13, cheap, again), 0);
    assert_string_not_equal(hash, again); /* salted */
    assert_int_equal(secrets_password_verify(hash, "correct horse", 13, cheap), 0);
    assert_int_equal(secrets_password_verify(hash, "correct horse", 12, cheap), ERR_DENIED);
    assert_int_equal(secrets_password_verify(hash, "correct horsf", 13, cheap), ERR_DENIED);
    assert_int_equal(secrets_password_verify(hash, "", 0, cheap), ERR_DENIED);
    assert_int_equal(secrets_password_verify(NULL, "correct horse", 13, cheap), ERR_DENIED);
    assert_int_equal(secrets_password_verify("no hash", "correct horse", 13, cheap), ERR_DENIED);
    assert_int_equal(secrets_password_verify("", "correct horse", 13, cheap), ERR_DENIED);
    assert_false(secrets_password_stale(hash, cheap));
    assert_true(secrets_password_stale(hash, (struct secrets_cost){16, 1}));
    assert_true(secrets_password_stale(hash, (struct secrets_cost){8, 2}));
    assert_true(secrets_password_stale("no hash", cheap));
}

/* The vector of the Argon2 reference implementation's test.c for id, v=19, t=2, m=2^8, p=1. */
static void test_argon2id_of_others(void **state)
{
    (void)state;
    static const char theirs[] = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    assert_int_equal(secrets_password_verify(theirs, "password", 8, cheap), 0);
    assert_int_equal(secrets_password_verify(theirs, "passwore", 8, cheap), ERR_DENIED);
}

static void test_long_passwords(void **state)
{
    (void)state;
    char hash[SECRETS_PASSWORD_HASH_SIZE];
    char password[SECRETS_PASSWORD_MAX + 1];
    memset(password, 'p', sizeof password);
    assert_int_equal(secrets_password_hash(password, SECRETS_PASSWORD_MAX + 1, cheap, hash), ERR_TOO_LARGE);
    assert_int_equal(secrets_password_hash(password, SECRETS_PASSWORD_MAX, cheap, hash), 0);
    assert_int_equal(secrets_password_verify(hash, password, SECRETS_PASSWORD_MAX, cheap), 0);
    assert_int_equal(secrets_password_verify(hash, password, SECRETS_PASSWORD_MAX + 1, cheap), ERR_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blake2b),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_base64url),
        cmocka_unit_test(test_base64url_is_canonical),
        cmocka_unit_test(test_base64_alphabets),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_argon2id_of_others),
        cmocka_unit_test(test_long_passwords),
    };
    return secrets_init() != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
