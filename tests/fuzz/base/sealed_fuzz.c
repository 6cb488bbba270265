/* Whatever is taken for a backup: its head is read or refused, and no byte that we did not seal comes out of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/sealed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool so)
{
    if (!so) {
        abort();
    }
}

static void sealed_here(const uint8_t *data, size_t size)
{
    static const char passphrase[] = "a passphrase";
    static uint8_t chunk[SEALED_CHUNK], plain[SEALED_PLAIN], head[SEALED_HEAD_SIZE];
    struct sealed_writer *writer;
    struct sealed_reader *reader;
    size_t sealed_len, plain_len, len = size > 4096 ? 4096 : size;
    bool last;
    demand(sealed_writer_new(passphrase, sizeof passphrase, (struct secrets_cost){8, 1}, &writer) == 0);
    sealed_write(writer, data, len, true, chunk, &sealed_len);
    sealed_head(writer, SEALED_HEAD_SIZE + sealed_len, head);
    sealed_writer_free(writer);
    demand(sealed_reader_new(head, passphrase, sizeof passphrase, &reader) == 0);
    if (size >= 3) { /* the input says where to meddle, and how */
        size_t at = (size_t)(data[0] << 8 | data[1]) % sealed_len;
        chunk[at] ^= data[2];
        bool same = data[2] == 0;
        demand((sealed_read(reader, chunk, sealed_len, plain, &plain_len, &last) == 0) == same);
        demand(!same || (plain_len == len && last && memcmp(plain, data, len) == 0));
    }
    demand(sealed_read(reader, data, size, plain, &plain_len, &last) != 0);
    sealed_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t file_size;
    static bool ready;
    if (!ready) {
        demand(secrets_init() == 0);
        ready = true;
    }
    if (sealed_look(data, size, &file_size) == 0) {
        demand(size >= SEALED_HEAD_SIZE && memcmp(data, "lightbridge seal", 16) == 0);
    }
    sealed_here(data, size);
    return 0;
}
