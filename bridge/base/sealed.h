/* A stream sealed with a passphrase: Argon2id (RFC 9106) makes the keys, libsodium's secretstream (XChaCha20-Poly1305)
   seals piece by piece, so that memory is bounded whatever the size. No I/O here: bytes in, bytes out.

   A file is a head and chunks. Head, numbers big-endian:
     magic 16 "lightbridge seal" | version 4 | Argon2id memory in KiB 4 | passes 4 | salt 16 | stream header 24 |
     size of the file 8 | proof 16: BLAKE2b under a key of the passphrase | check 16: BLAKE2b of all before, no key
   The check tells a damaged head from a wrong passphrase, the size a cut file from a damaged one. Magic and version
   stay where they are in every version. Each chunk is SEALED_PLAIN bytes, sealed; the last one may be shorter and says
   inside that it is the last. */
#ifndef BASE_SEALED_H
#define BASE_SEALED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secrets.h"

#define SEALED_HEAD_SIZE 108u
#define SEALED_PLAIN 65536u
#define SEALED_CHUNK (SEALED_PLAIN + 17u)
/* A file may be attacked at leisure, so it costs more than a login; still a second or two on a small gateway. */
#define SEALED_COST ((struct secrets_cost){65536, 3})

struct sealed_writer;
struct sealed_reader;

/* ERR_IO: no memory for Argon2id. Takes about a second. */
int sealed_writer_new(const char *passphrase, size_t len, struct secrets_cost cost, struct sealed_writer **ret_writer);
void sealed_writer_free(struct sealed_writer *writer);
/* Seals up to SEALED_PLAIN bytes; only the last chunk may have fewer (also none). */
void sealed_write(struct sealed_writer *writer, const void *plain, size_t len, bool last,
                  uint8_t ret_chunk[SEALED_CHUNK], size_t *ret_len);
/* The head of the file once its size, with the head, is known: it goes in front of the chunks. */
void sealed_head(const struct sealed_writer *writer, uint64_t file_size, uint8_t ret_head[SEALED_HEAD_SIZE]);

/* Looks at the first bytes of a file, without a passphrase. ERR_INVALID: no sealed file; ERR_NEWER: of a newer program;
   ERR_TOO_LARGE: shorter than a head, or asks for more memory or time than this program grants; ERR_CORRUPT: damaged.
 */
int sealed_look(const uint8_t *head, size_t len, uint64_t *ret_file_size);
/* sealed_look's errors, ERR_DENIED (another passphrase), ERR_IO (no memory for Argon2id). Takes about a second. */
int sealed_reader_new(const uint8_t head[SEALED_HEAD_SIZE], const char *passphrase, size_t len,
                      struct sealed_reader **ret_reader);
void sealed_reader_free(struct sealed_reader *reader);
/* Opens one chunk, in their order. ERR_CORRUPT: damaged, cut, out of order, or behind the last. */
int sealed_read(struct sealed_reader *reader, const uint8_t *chunk, size_t len, uint8_t ret_plain[SEALED_PLAIN],
                size_t *ret_len, bool *ret_last);

#endif
