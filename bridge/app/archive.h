/* What is inside a backup, as bytes: records one after another, read in pieces of any size. Pure.

   Record: kind 1 | length 4 | payload; numbers big-endian, a text or blob is its length (4) and its bytes.
     'A' about: version of the store 4 | made at, ms since 1970, 8 | text: version of the program
     'F' file:  text: name (the key of the configuration) | mode 4 | text: its bytes
     'R' row:   text: table | columns 2 | values: type 1 ('i' 8 bytes, 'r' 8, 't' and 'b' a text, 'n' nothing)
     'E' end:   records before it 8
   First one 'A', last one 'E', nothing behind it. */
#ifndef APP_ARCHIVE_H
#define APP_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "store/copy.h"

#define ARCHIVE_RECORD_MAX (2u * 1024u * 1024u)

struct archive_text {
    const char *at;
    size_t len;
};

/* ---- writing: each appends one record ---- */

struct archive_writer {
    struct str *out;
    uint64_t count;
};

void archive_put_about(struct archive_writer *writer, int store_version, int64_t made_ms, const char *program);
void archive_put_file(struct archive_writer *writer, const char *name, unsigned mode, const void *bytes, size_t len);
void archive_put_row(struct archive_writer *writer, const char *table, const struct store_value *values, size_t count);
void archive_put_end(struct archive_writer *writer);

/* ---- reading ---- */

/* Each answers 0, or an error that ends the reading. What they are given is valid in the call. */
struct archive_visitor {
    void *user;
    int (*about)(void *user, int store_version, int64_t made_ms, const struct archive_text *program);
    int (*file)(void *user, const char *name, unsigned mode, const struct archive_text *bytes);
    int (*row)(void *user, const char *table, const struct store_value *values, size_t count);
};

struct archive_reader {
    const struct archive_visitor *visitor;
    struct str pending; /* the beginning of a record whose end is to come */
    uint64_t count;
    bool ended;
};

/* ERR_INVALID: these are no records of this kind; ERR_TOO_LARGE; or what the visitor answered. */
int archive_feed(struct archive_reader *reader, const void *bytes, size_t len);
/* 0 if it came to its end, ERR_INVALID otherwise. */
int archive_finish(const struct archive_reader *reader);
void archive_reader_done(struct archive_reader *reader); /* wipes: there were secrets in it */

#endif
