/* The engine: the SQLite connection and its health. It belongs to the store's thread while batches are under
   way, and to the loop's while the worker is drained (opening, reading, closing). It does not log: what is to
   be said travels with the batches. */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include <sqlite3.h>

#include "store/batch.h"
#include "store/store.h"

#define ENGINE_STATEMENTS 128 /* compiled statements kept; a power of two, more than the program has */

struct engine_statement {
    char *sql;
    sqlite3_stmt *compiled;
};

struct engine {
    char *path;
    bool expected;
    sqlite3 *db;    /* NULL: nothing can be read or written */
    bool read_only; /* db can only be read: each write first tries to open it properly */
    bool unread;    /* it could not be read at the start: stays FULL until a restart */
    enum store_health health;
    struct str trouble;
    struct store_stats stats;
    struct engine_statement statements[ENGINE_STATEMENTS];
    size_t statement_count;
};

void engine_open(struct engine *engine, const struct store_config *config);
void engine_close(struct engine *engine);
/* Opens for writing what could so far only be read; keeps the old connection where that fails. */
void engine_reopen(struct engine *engine);

/* Runs batches, linked by work.next, in as few commits as possible; each gets its result. */
void engine_run(struct engine *engine, struct store_batch *first);

/* The compiled statement for `sql`, kept for next time. */
int engine_statement(struct engine *engine, const char *sql, sqlite3_stmt **ret_compiled);
void engine_forget_statements(struct engine *engine);

/* Takes note of a failure: what it means for the health. The ERR_* for it. */
int engine_failed(struct engine *engine, sqlite3 *db, int rc);
void engine_well(struct engine *engine);
/* 0 or the ERR_* with which the present health refuses everything. */
int engine_refusal(const struct engine *engine);

#endif
