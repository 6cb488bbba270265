/* A sealed stream: what was written comes back, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/sealed.h"
#include "base/str.h"

#define PASSPHRASE "a passphrase"
static const struct secrets_cost cheap = {8, 1};

static int set_up(void **state)
{
    (void)state;
    return secrets_init();
}

/* Seals `len` bytes that depend on their place. */
static struct str seal(size_t len)
{
    struct sealed_writer *writer;
    struct str file = STR_INIT;
    uint8_t *plain = malloc(SEALED_PLAIN), *chunk = malloc(SEALED_CHUNK), head[SEALED_HEAD_SIZE] = {0};
    size_t at = 0, sealed_len;
    bool last = false;
    assert_int_equal(sealed_writer_new(PASSPHRASE, strlen(PASSPHRASE), cheap, &writer), 0);
    str_add(&file, head, sizeof head);
    while (!last) {
        size_t part = len - at < SEALED_PLAIN ? len - at : SEALED_PLAIN;
        for (size_t i = 0; i < part; i++) {
            plain[i] = (uint8_t)((at + i) * 31 >> 3);
        }
        at += part;
        last = at == len;
        sealed_write(writer, plain, part, last, chunk, &sealed_len);
        str_add(&file, chunk, sealed_len);
    }
    sealed_head(writer, file.len, head);
    memcpy(file.data, head, sizeof head);
    sealed_writer_free(writer);
    free(plain);
    free(chunk);
    return file;
}

/* Opens it to the end and compares; *ret_got counts what came out before an error. */
static int open_all(const struct str *file, const char *passphrase, size_t *ret_got)
{
    struct sealed_reader *reader;
    uint64_t size;
    size_t at = SEALED_HEAD_SIZE, plain_len;
    bool last = false;
    *ret_got = 0;
    int result = sealed_look((const uint8_t *)str_z(file), file->len, &size);
    if (result == 0) {
        result = sealed_reader_new((const uint8_t *)file->data, passphrase, strlen(passphrase), &reader);
    }
    if (result != 0) {
        return result;
    }
    uint8_t *plain = malloc(SEALED_PLAIN);
    while (result == 0 && !last) {
        size_t part = file->len - at < SEALED_CHUNK ? file->len - at : SEALED_CHUNK;
        result = sealed_read(reader, (const uint8_t *)file->data + at, part, plain, &plain_len, &last);
        at += part;
        for (size_t i = 0; result == 0 && i < plain_len; i++) {
            assert_int_equal(plain[i], (uint8_t)((*ret_got + i) * 31 >> 3));
        }
        *ret_got += result == 0 ? plain_len : 0;
    }
    if (result == 0) {
        uint8_t more[17] = {0};
        assert_int_equal(sealed_read(reader, more, sizeof more, plain, &plain_len, &last), ERR_CORRUPT);
        assert_int_equal(size, file->len);
    }
    free(plain);
    sealed_reader_free(reader);
    return result;
}

static void test_round_trip(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, SEALED_PLAIN - 1, SEALED_PLAIN, SEALED_PLAIN + 1, 3 * SEALED_PLAIN};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct str file = seal(sizes[i]);
        size_t got;
        assert_int_equal(open_all(&file, PASSPHRASE, &got), 0);
        assert_int_equal(got, sizes[i]);
        str_done(&file);
    }
}

static void test_no_two_are_alike(void **state)
{
    (void)state;
    struct str a = seal(100), b = seal(100);
    assert_int_equal(a.len, b.len);
    assert_memory_not_equal(a.data + 28, b.data + 28, 16); /* salt */
    assert_memory_not_equal(a.data + SEALED_HEAD_SIZE, b.data + SEALED_HEAD_SIZE, 100);
    assert_null(memmem(a.data, a.len, PASSPHRASE, strlen(PASSPHRASE)));
    str_done(&a);
    str_done(&b);
}

static void test_wrong_passphrase(void **state)
{
    (void)state;
    struct str file = seal(100);
    size_t got;
    assert_int_equal(open_all(&file, "another passphrase", &got), ERR_DENIED);
    assert_int_equal(open_all(&file, "", &got), ERR_DENIED);
    str_done(&file);
}

/* Each bit of the head, and one of each kind of place behind it. */
static void test_flipped_bits(void **state)
{
    (void)state;
    struct str file = seal(SEALED_PLAIN + 10);
    size_t got;
    for (size_t bit = 0; bit < SEALED_HEAD_SIZE * 8; bit++) {
        file.data[bit / 8] = (char)(file.data[bit / 8] ^ 1 << bit % 8);
        int result = open_all(&file, PASSPHRASE, &got);
        int expected = bit < 16 * 8 ? ERR_INVALID : bit / 8 < 20 && bit != 19 * 8 ? ERR_NEWER : ERR_CORRUPT;
        assert_int_equal(result, expected); /* version 1 with its lowest bit flipped is 0, which never was */
        file.data[bit / 8] = (char)(file.data[bit / 8] ^ 1 << bit % 8);
    }
    const size_t places[] = {SEALED_HEAD_SIZE, SEALED_HEAD_SIZE + 1, SEALED_HEAD_SIZE + SEALED_CHUNK - 1,
                             SEALED_HEAD_SIZE + SEALED_CHUNK, file.len - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        file.data[places[i]] = (char)(file.data[places[i]] ^ 0x10);
        assert_int_equal(open_all(&file, PASSPHRASE, &got), ERR_CORRUPT);
        assert_int_equal(got, places[i] < SEALED_HEAD_SIZE + SEALED_CHUNK ? 0 : SEALED_PLAIN);
        file.data[places[i]] = (char)(file.data[places[i]] ^ 0x10);
    }
    assert_int_equal(open_all(&file, PASSPHRASE, &got), 0);
    str_done(&file);
}

static void test_cut(void **state)
{
    (void)state;
    struct str file = seal(2 * SEALED_PLAIN + 10);
    const size_t whole = file.len;
    const struct {
        size_t len;
        int result;
    } cuts[] = {{0, ERR_INVALID},
                {15, ERR_INVALID},
                {16, ERR_TOO_LARGE},
                {SEALED_HEAD_SIZE - 1, ERR_TOO_LARGE},
                {SEALED_HEAD_SIZE, ERR_CORRUPT},
                {SEALED_HEAD_SIZE + SEALED_CHUNK, ERR_CORRUPT}, /* between two chunks: no last one came */
                {whole - 1, ERR_CORRUPT}};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        size_t got;
        file.len = cuts[i].len;
        assert_int_equal(open_all(&file, PASSPHRASE, &got), cuts[i].result);
    }
    str_done(&file);
}

/* A chunk out of its order, or one of another file. */
static void test_other_chunks(void **state)
{
    (void)state;
    struct str a = seal(3 * SEALED_PLAIN), b = seal(3 * SEALED_PLAIN);
    char *first = a.data + SEALED_HEAD_SIZE, *second = first + SEALED_CHUNK;
    size_t got;
    char *kept = malloc(SEALED_CHUNK);
    memcpy(kept, first, SEALED_CHUNK);
    memcpy(first, second, SEALED_CHUNK);
    memcpy(second, kept, SEALED_CHUNK);
    assert_int_equal(open_all(&a, PASSPHRASE, &got), ERR_CORRUPT);
    memcpy(second, first, SEALED_CHUNK);
    memcpy(first, kept, SEALED_CHUNK);
    memcpy(second, b.data + SEALED_HEAD_SIZE + SEALED_CHUNK, SEALED_CHUNK);
    assert_int_equal(open_all(&a, PASSPHRASE, &got), ERR_CORRUPT);
    assert_int_equal(got, SEALED_PLAIN);
    free(kept);
    str_done(&a);
    str_done(&b);
}

/* A head that asks for the machine's memory is refused before any of it is taken. */
static void test_greedy_head(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } greedy[] = {{20, 0x7f}, {23, 7}, {24, 1}, {27, 0}};
    for (size_t i = 0; i < sizeof greedy / sizeof *greedy; i++) {
        struct str file = seal(1);
        uint64_t size;
        file.data[greedy[i].at] = (char)greedy[i].value;
        secrets_tag(file.data + 92, 16, file.data, 92, NULL, 0);
        assert_int_equal(sealed_look((const uint8_t *)file.data, file.len, &size), ERR_TOO_LARGE);
        str_done(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_no_two_are_alike),
        cmocka_unit_test(test_wrong_passphrase),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_other_chunks),
        cmocka_unit_test(test_greedy_head),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
