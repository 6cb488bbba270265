/* See sealed.h. */
#include "base/sealed.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

enum {
    VERSION = 1,
    AT_VERSION = 16,
    AT_MEMORY = 20,
    AT_PASSES = 24,
    AT_SALT = 28,
    AT_STREAM = 44,
    AT_SIZE = 68,
    AT_PROOF = 76,
    AT_CHECK = 92,
    TAG_SIZE = 16,
};

/* What a head may ask for: a file from outside must not take the machine down before it is known to be ours. */
#define MEMORY_MIN_KIB 8u
#define MEMORY_MAX_KIB (256u * 1024u)
#define PASSES_MAX 16u

static const uint8_t magic[AT_VERSION] = "lightbridge seal"; /* fills it, without a NUL */

_Static_assert(crypto_pwhash_SALTBYTES == AT_STREAM - AT_SALT, "the salt fits");
_Static_assert(crypto_secretstream_xchacha20poly1305_HEADERBYTES == AT_SIZE - AT_STREAM, "the stream's header fits");
_Static_assert(AT_CHECK + TAG_SIZE == SEALED_HEAD_SIZE, "the head is full");
_Static_assert(crypto_secretstream_xchacha20poly1305_ABYTES == SEALED_CHUNK - SEALED_PLAIN, "a chunk fits");

struct keys {
    uint8_t stream[crypto_secretstream_xchacha20poly1305_KEYBYTES];
    uint8_t proof[SECRETS_KEY_SIZE];
};

struct sealed_writer {
    crypto_secretstream_xchacha20poly1305_state stream;
    struct keys keys;
    uint8_t head[SEALED_HEAD_SIZE]; /* up to the size */
};

struct sealed_reader {
    crypto_secretstream_xchacha20poly1305_state stream;
    bool over;
};

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

static int derive(const uint8_t *head, const char *passphrase, size_t len, struct keys *ret_keys)
{
    return crypto_pwhash((uint8_t *)ret_keys, sizeof *ret_keys, passphrase, len, head + AT_SALT,
                         get_u32(head + AT_PASSES), (size_t)get_u32(head + AT_MEMORY) * 1024,
                         crypto_pwhash_ALG_ARGON2ID13) == 0
               ? 0
               : ERR_IO;
}

/* ---- writing ---- */

int sealed_writer_new(const char *passphrase, size_t len, struct secrets_cost cost, struct sealed_writer **ret_writer)
{
    struct sealed_writer *writer = mem_alloc(sizeof *writer);
    memcpy(writer->head, magic, sizeof magic);
    put_u32(writer->head + AT_VERSION, VERSION);
    put_u32(writer->head + AT_MEMORY, cost.memory_kib);
    put_u32(writer->head + AT_PASSES, cost.passes);
    secrets_random(writer->head + AT_SALT, crypto_pwhash_SALTBYTES);
    if (derive(writer->head, passphrase, len, &writer->keys) != 0) {
        sealed_writer_free(writer);
        return ERR_IO;
    }
    crypto_secretstream_xchacha20poly1305_init_push(&writer->stream, writer->head + AT_STREAM, writer->keys.stream);
    *ret_writer = writer;
    return 0;
}

void sealed_writer_free(struct sealed_writer *writer)
{
    secrets_wipe(writer, sizeof *writer);
    free(writer);
}

void sealed_write(struct sealed_writer *writer, const void *plain, size_t len, bool last,
                  uint8_t ret_chunk[SEALED_CHUNK], size_t *ret_len)
{
    unsigned long long sealed_len = 0;
    crypto_secretstream_xchacha20poly1305_push(&writer->stream, ret_chunk, &sealed_len, plain, len, NULL, 0,
                                               last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : 0);
    *ret_len = (size_t)sealed_len;
}

void sealed_head(const struct sealed_writer *writer, uint64_t file_size, uint8_t ret_head[SEALED_HEAD_SIZE])
{
    memcpy(ret_head, writer->head, AT_SIZE);
    put_u32(ret_head + AT_SIZE, (uint32_t)(file_size >> 32));
    put_u32(ret_head + AT_SIZE + 4, (uint32_t)file_size);
    secrets_tag(ret_head + AT_PROOF, TAG_SIZE, ret_head, AT_PROOF, writer->keys.proof, sizeof writer->keys.proof);
    secrets_tag(ret_head + AT_CHECK, TAG_SIZE, ret_head, AT_CHECK, NULL, 0);
}

/* ---- reading ---- */

int sealed_look(const uint8_t *head, size_t len, uint64_t *ret_file_size)
{
    uint8_t check[TAG_SIZE];
    if (len < sizeof magic || memcmp(head, magic, sizeof magic) != 0) {
        return ERR_INVALID;
    }
    if (len < SEALED_HEAD_SIZE) {
        return ERR_TOO_LARGE;
    }
    if (get_u32(head + AT_VERSION) > VERSION) {
        return ERR_NEWER;
    }
    secrets_tag(check, sizeof check, head, AT_CHECK, NULL, 0);
    if (memcmp(check, head + AT_CHECK, sizeof check) != 0 || get_u32(head + AT_VERSION) != VERSION) {
        return ERR_CORRUPT;
    }
    uint32_t memory = get_u32(head + AT_MEMORY), passes = get_u32(head + AT_PASSES);
    if (memory < MEMORY_MIN_KIB || memory > MEMORY_MAX_KIB || passes < 1 || passes > PASSES_MAX) {
        return ERR_TOO_LARGE;
    }
    *ret_file_size = (uint64_t)get_u32(head + AT_SIZE) << 32 | get_u32(head + AT_SIZE + 4);
    return 0;
}

int sealed_reader_new(const uint8_t head[SEALED_HEAD_SIZE], const char *passphrase, size_t len,
                      struct sealed_reader **ret_reader)
{
    struct keys keys;
    uint8_t proof[TAG_SIZE];
    uint64_t size;
    int result = sealed_look(head, SEALED_HEAD_SIZE, &size);
    if (result == 0) {
        result = derive(head, passphrase, len, &keys);
    }
    if (result == 0) {
        secrets_tag(proof, sizeof proof, head, AT_PROOF, keys.proof, sizeof keys.proof);
        result = secrets_equal(proof, head + AT_PROOF, sizeof proof) ? 0 : ERR_DENIED;
    }
    if (result == 0) {
        struct sealed_reader *reader = mem_alloc(sizeof *reader);
        (void)crypto_secretstream_xchacha20poly1305_init_pull(&reader->stream, head + AT_STREAM, keys.stream);
        *ret_reader = reader;
    }
    secrets_wipe(&keys, sizeof keys);
    return result;
}

void sealed_reader_free(struct sealed_reader *reader)
{
    if (reader) {
        secrets_wipe(reader, sizeof *reader);
        free(reader);
    }
}

int sealed_read(struct sealed_reader *reader, const uint8_t *chunk, size_t len, uint8_t ret_plain[SEALED_PLAIN],
                size_t *ret_len, bool *ret_last)
{
    unsigned long long plain_len = 0;
    unsigned char tag = 0;
    if (reader->over || len > SEALED_CHUNK || len < SEALED_CHUNK - SEALED_PLAIN ||
        crypto_secretstream_xchacha20poly1305_pull(&reader->stream, ret_plain, &plain_len, &tag, chunk, len, NULL, 0) !=
            0) {
        return ERR_CORRUPT;
    }
    reader->over = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
    *ret_len = (size_t)plain_len;
    *ret_last = reader->over;
    return 0;
}
