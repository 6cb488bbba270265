/* Batches into commits. */
#include "store/engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"

/* ---- health ---- */

static enum store_health health_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return STORE_CORRUPT;
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return STORE_FULL;
    default:
        return STORE_OK; /* the statement's fault, or another program's lock: no matter of health */
    }
}

static int err_of(int rc)
{
    switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return ERR_EXISTS;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return ERR_NOT_FOUND;
    default:
        break;
    }
    switch (health_of(rc)) {
    case STORE_CORRUPT:
        return ERR_CORRUPT;
    case STORE_FULL:
        return ERR_FULL;
    default:
        return ERR_IO;
    }
}

int engine_failed(struct engine *engine, sqlite3 *db, int rc)
{
    enum store_health health = health_of(rc);
    const char *said = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    if (health != STORE_OK && engine->health != STORE_CORRUPT) {
        engine->health = health;
        str_clear(&engine->trouble);
        if (health == STORE_CORRUPT) {
            str_printf(
                &engine->trouble,
                "%s is damaged (%s) and was left untouched. Bring back a backup with 'lightbridge restore FILE', or "
                "put it aside, and with it all links, by 'lightbridge store reset'.",
                engine->path, said);
        } else {
            str_printf(&engine->trouble,
                       "%s cannot be written (%s). Free some space or make it writable; no restart is needed.",
                       engine->path, said);
        }
    }
    return err_of(rc);
}

void engine_well(struct engine *engine)
{
    engine->health = STORE_OK;
    str_clear(&engine->trouble);
}

int engine_refusal(const struct engine *engine)
{
    switch (engine->health) {
    case STORE_CORRUPT:
        return ERR_CORRUPT;
    case STORE_NEWER:
        return ERR_NEWER;
    case STORE_MISSING:
        return ERR_LOST;
    default:
        return engine->unread ? ERR_FULL : 0;
    }
}

/* ---- compiled statements ---- */

static size_t hash_text(const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *text; text++) {
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    }
    return hash;
}

void engine_forget_statements(struct engine *engine)
{
    for (size_t i = 0; i < ENGINE_STATEMENTS; i++) {
        (void)sqlite3_finalize(engine->statements[i].compiled);
        free(engine->statements[i].sql);
        engine->statements[i] = (struct engine_statement){0};
    }
    engine->statement_count = 0;
}

int engine_statement(struct engine *engine, const char *sql, sqlite3_stmt **ret_compiled)
{
    if (engine->statement_count > ENGINE_STATEMENTS * 3 / 4) {
        engine_forget_statements(engine);
    }
    size_t at = hash_text(sql) % ENGINE_STATEMENTS;
    while (engine->statements[at].sql && strcmp(engine->statements[at].sql, sql) != 0) {
        at = (at + 1) % ENGINE_STATEMENTS;
    }
    struct engine_statement *entry = &engine->statements[at];
    if (!entry->sql) {
        sqlite3_stmt *compiled;
        int rc = sqlite3_prepare_v3(engine->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &compiled, NULL);
        if (rc != SQLITE_OK) {
            return rc;
        }
        entry->sql = mem_text(sql);
        entry->compiled = compiled;
        engine->statement_count++;
    }
    *ret_compiled = entry->compiled;
    return SQLITE_OK;
}

static int run_sql(struct engine *engine, const char *sql)
{
    sqlite3_stmt *compiled;
    int rc = engine_statement(engine, sql, &compiled);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(compiled);
        (void)sqlite3_reset(compiled); /* repeats the error of the step */
    }
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* ---- batches ---- */

static struct store_batch *batch_next(struct store_batch *batch)
{
    return (struct store_batch *)batch->work.next;
}

static void batch_set(struct store_batch *batch, int result, const char *error)
{
    batch->result = result;
    free(batch->error);
    batch->error = mem_text(error);
}

static int run_statements(struct engine *engine, struct store_batch *batch)
{
    batch_set(batch, 0, NULL);
    for (size_t i = 0; i < batch->statement_count; i++) {
        const struct batch_statement *statement = &batch->statements[i];
        sqlite3_stmt *compiled = NULL;
        int rc = engine_statement(engine, statement->sql, &compiled);
        if (rc == SQLITE_OK) {
            rc = batch_bind(batch, statement, compiled);
        }
        while (rc == SQLITE_OK || rc == SQLITE_ROW) {
            rc = sqlite3_step(compiled);
        }
        if (rc != SQLITE_DONE) {
            batch_set(batch, engine_failed(engine, engine->db, rc), sqlite3_errmsg(engine->db));
        }
        if (compiled) {
            (void)sqlite3_reset(compiled);
            (void)sqlite3_clear_bindings(compiled); /* they point into the batch */
        }
        if (batch->result) {
            return batch->result;
        }
    }
    return 0;
}

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static int run_commit(struct engine *engine)
{
    uint64_t start = now_us();
    int rc = run_sql(engine, "COMMIT");
    uint64_t took = now_us() - start;
    if (rc == SQLITE_OK) {
        engine->stats.commits++;
        engine->stats.slowest_us = took > engine->stats.slowest_us ? took : engine->stats.slowest_us;
    }
    return rc;
}

static void run_rollback(struct engine *engine)
{
    if (!sqlite3_get_autocommit(engine->db)) { /* SQLite may have rolled back by itself */
        (void)run_sql(engine, "ROLLBACK");
    }
}

/* A question. It reads outside of a transaction, so that an empty one, which fits on a full disk, makes nobody well. */
static void run_question(struct engine *engine, struct store_batch *batch)
{
    int result = engine_refusal(engine);
    if (result == 0 && engine->db) {
        sqlite3_stmt *compiled;
        int rc = engine_statement(engine, "SELECT 1 FROM meta", &compiled);
        if (rc == SQLITE_OK) {
            rc = sqlite3_step(compiled);
            (void)sqlite3_reset(compiled);
        }
        result = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : engine_failed(engine, engine->db, rc);
    }
    batch_set(batch, result, NULL);
}

static void run_alone(struct engine *engine, struct store_batch *batch)
{
    int refusal = engine_refusal(engine);
    if (refusal) {
        batch_set(batch, refusal, str_z(&engine->trouble));
        return;
    }
    int rc = run_sql(engine, "BEGIN IMMEDIATE");
    if (rc == SQLITE_OK) {
        if (run_statements(engine, batch)) {
            run_rollback(engine);
            return;
        }
        rc = run_commit(engine);
    }
    if (rc == SQLITE_OK) {
        engine_well(engine);
        return;
    }
    batch_set(batch, engine_failed(engine, engine->db, rc), sqlite3_errmsg(engine->db));
    run_rollback(engine);
}

/* The next one from `batch` on that writes. */
static struct store_batch *writer(struct store_batch *batch)
{
    while (batch && batch->question) {
        batch = batch_next(batch);
    }
    return batch;
}

/* All of them in one transaction, each within a savepoint. False: the whole transaction came to nothing. */
static bool run_together(struct engine *engine, struct store_batch *first)
{
    if (run_sql(engine, "BEGIN IMMEDIATE") != SQLITE_OK) {
        return false;
    }
    for (struct store_batch *batch = first; batch; batch = writer(batch_next(batch))) {
        int rc = run_sql(engine, "SAVEPOINT batch");
        if (rc == SQLITE_OK && run_statements(engine, batch) && !sqlite3_get_autocommit(engine->db)) {
            rc = run_sql(engine, "ROLLBACK TO batch");
        }
        if (rc == SQLITE_OK) {
            rc = run_sql(engine, "RELEASE batch");
        }
        if (rc != SQLITE_OK || sqlite3_get_autocommit(engine->db)) {
            run_rollback(engine);
            return false;
        }
    }
    if (run_commit(engine) != SQLITE_OK) {
        run_rollback(engine);
        return false;
    }
    engine_well(engine);
    return true;
}

static void run_writers(struct engine *engine, struct store_batch *first)
{
    if (engine->read_only && !engine_refusal(engine)) {
        engine_reopen(engine);
    }
    /* Alone where together failed: one batch that is too large for the disk does not take the others down. */
    if (engine_refusal(engine) || engine->read_only || !writer(batch_next(first)) || !run_together(engine, first)) {
        for (struct store_batch *batch = first; batch; batch = writer(batch_next(batch))) {
            run_alone(engine, batch);
        }
    }
}

void engine_run(struct engine *engine, struct store_batch *first)
{
    struct store_batch *writing = writer(first);
    if (writing) {
        run_writers(engine, writing);
    }
    for (struct store_batch *batch = first; batch; batch = batch_next(batch)) {
        if (batch->question) {
            run_question(engine, batch);
        } else {
            engine->stats.batches++;
            engine->stats.failures += batch->result != 0;
        }
        batch->health = engine->health;
        batch->trouble = engine->health == STORE_OK ? NULL : mem_text(str_z(&engine->trouble));
        batch->stats = engine->stats;
    }
}
