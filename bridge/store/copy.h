/* A store as a stream of rows, and back: what a backup holds. Blocking, no loop and no thread: for the command line. */
#ifndef STORE_COPY_H
#define STORE_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define STORE_COPY_COLUMNS 32u   /* more than any table has */
#define STORE_COPY_VALUE 262144u /* bytes of one text or blob: more than any room writes */

struct store_value {
    char type; /* i r t b as in store_batch_add, n: NULL */
    int64_t integer;
    double real;
    const void *bytes; /* of texts and blobs; borrowed, valid in the call */
    size_t len;
};

/* ---- out ---- */

struct store_dump;
typedef int store_dump_row_fn(void *user, const char *table, const struct store_value *values, size_t count);

/* Opens a store for reading as of this instant, also while a daemon writes to it; nothing is changed. ERR_NOT_FOUND,
   ERR_DENIED, ERR_CORRUPT, ERR_NEWER, ERR_IO, with a sentence. */
int store_dump_open(const char *path, struct store_dump **ret_dump, struct str *why);
void store_dump_close(struct store_dump *dump);
int store_dump_version(const struct store_dump *dump); /* of its tables */
/* All rows of all tables, in the order in which store_fill takes them; stops when `row` answers non-zero and returns
   that. */
int store_dump_rows(struct store_dump *dump, store_dump_row_fn *row, void *user, struct str *why);
/* Accounts and links in it. */
int store_dump_count(struct store_dump *dump, int64_t *ret_accounts, int64_t *ret_links, struct str *why);

/* ---- in ---- */

struct store_fill;

/* Makes a store of `version` at `path` (a file that is there goes), to be filled. ERR_NEWER, ERR_FULL, ERR_IO. */
int store_fill_new(const char *path, int version, struct store_fill **ret_fill, struct str *why);
/* ERR_INVALID: no such table, or not of so many columns. */
int store_fill_row(struct store_fill *fill, const char *table, const struct store_value *values, size_t count,
                   struct str *why);
/* Brings it to the version of this program, checks it, and has it on the disk. */
int store_fill_end(struct store_fill *fill, struct str *why);
/* A store that did not come to its end is removed. */
void store_fill_free(struct store_fill *fill);

#endif
