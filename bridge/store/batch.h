/* A batch: statements with copies of their values, and, once it has run, what became of it. */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include <sqlite3.h>
#include <stdarg.h>

#include "base/str.h"
#include "loop/loop.h"
#include "store/store.h"

struct batch_value {
    char type; /* i t b n r */
    int64_t integer;
    double real;
    size_t offset, len; /* of texts and blobs, in `bytes` */
};

struct batch_statement {
    const char *sql; /* static text */
    size_t first, count;
};

struct store_batch {
    struct work work; /* first: the worker's queue links here */
    struct batch_statement *statements;
    size_t statement_count, statement_room;
    struct batch_value *values;
    size_t value_count, value_room;
    struct str bytes;
    bool question; /* no statements: is anybody there? */
    store_done_fn *done;
    void *user;
    /* written by the store's thread, read by the loop's after delivery */
    int result;
    enum store_health health; /* of the store, after this batch */
    char *trouble;            /* a copy, if health is not STORE_OK */
    char *error;              /* what SQLite said, if it failed */
    struct store_stats stats;
};

void batch_add(struct store_batch *batch, const char *sql, const char *types, va_list values);
/* Binds a statement's values; the batch must outlive the step. An SQLite result code. */
int batch_bind(const struct store_batch *batch, const struct batch_statement *statement, sqlite3_stmt *compiled);

#endif
