/* The loop's side of the store. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/batch.h"
#include "store/engine.h"

/* While it is FULL, and only then, an empty write tells whether it still is. */
#define PROBE_MS 30000

struct store {
    struct worker *worker;
    struct timer *probe;
    struct engine engine; /* the worker's while batches are under way */
    enum store_health health;
    struct str trouble;
    struct store_stats stats;
};

struct store_row {
    sqlite3_stmt *statement;
};

static const char *const health_texts[] = {
    [STORE_OK] = "ok",       [STORE_FULL] = "full",       [STORE_CORRUPT] = "corrupt",
    [STORE_NEWER] = "newer", [STORE_MISSING] = "missing",
};

#define LOG_SAYS "; the log of the bridge says which file, and what to do"
static const char *const health_public[] = {
    [STORE_OK] = "",
    [STORE_FULL] = "the store cannot be written or read" LOG_SAYS,
    [STORE_CORRUPT] = "the store is damaged and was left untouched" LOG_SAYS,
    [STORE_NEWER] = "the store was written by a newer lightbridge and was left untouched" LOG_SAYS,
    [STORE_MISSING] = "the store is missing, although this installation has had one" LOG_SAYS,
};

const char *store_health_text(enum store_health health)
{
    return health_texts[health];
}

enum store_health store_health(const struct store *store)
{
    return store->health;
}

const char *store_trouble(const struct store *store)
{
    return str_z(&store->trouble);
}

const char *store_trouble_public(const struct store *store)
{
    return health_public[store->health];
}

struct store_stats store_stats(const struct store *store)
{
    return store->stats;
}

static void set_health(struct store *store, enum store_health health, const char *trouble)
{
    if (health != store->health) {
        if (health == STORE_OK) {
            log_info("store", "well again: %s", store->engine.path);
        } else {
            log_error("store", "%s", trouble);
        }
    }
    store->health = health;
    str_clear(&store->trouble);
    str_add_z(&store->trouble, trouble);
    if (health == STORE_FULL && !timer_active(store->probe)) {
        timer_start(store->probe, PROBE_MS);
    } else if (health != STORE_FULL) {
        timer_stop(store->probe);
    }
}

/* ---- the worker ---- */

static void run_work(void *user, struct work *first)
{
    struct store *store = user;
    engine_run(&store->engine, (struct store_batch *)first);
}

static void work_done(void *user, struct work *item)
{
    struct store *store = user;
    struct store_batch *batch = (struct store_batch *)item;
    store->stats = batch->stats;
    set_health(store, batch->health, batch->trouble ? batch->trouble : "");
    if (batch->result && (!batch->done || batch->result == ERR_IO)) {
        log_error("store", "a write failed: %s", batch->error ? batch->error : err_text(batch->result));
    }
    if (batch->done) {
        batch->done(batch->user, batch->result);
    }
    store_batch_free(batch);
}

static void probed(void *user, int result)
{
    (void)user;
    (void)result; /* the health came with it */
}

static void on_probe(void *user)
{
    struct store *store = user;
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "REPLACE INTO meta (key, value) VALUES ('probed_at', ?1)", "i", loop_wall_ms());
    store_submit(store, batch, probed, NULL);
}

int store_open(struct loop *loop, const struct store_config *config, struct store **ret_store)
{
    struct store *store = mem_alloc(sizeof *store);
    store->probe = timer_new(loop, on_probe, store);
    engine_open(&store->engine, config);
    set_health(store, store->engine.health, str_z(&store->engine.trouble));
    store->worker = worker_new(loop, run_work, work_done, store);
    *ret_store = store;
    return 0;
}

void store_close(struct store *store)
{
    if (!store) {
        return;
    }
    worker_free(store->worker);
    timer_free(store->probe);
    engine_close(&store->engine);
    str_done(&store->trouble);
    free(store);
}

void store_submit(struct store *store, struct store_batch *batch, store_done_fn *done, void *user)
{
    batch->done = done;
    batch->user = user;
    worker_submit(store->worker, &batch->work);
}

void store_ask(struct store *store, store_done_fn *done, void *user)
{
    struct store_batch *question = store_batch_new();
    question->question = true;
    store_submit(store, question, done, user);
}

static void keep_result(void *user, int result)
{
    *(int *)user = result;
}

int store_write(struct store *store, struct store_batch *batch)
{
    int result = ERR_IO;
    store_submit(store, batch, keep_result, &result);
    worker_drain(store->worker);
    return result;
}

/* ---- reading ---- */

static int read_rows(struct store *store, sqlite3_stmt *statement, int (*row)(void *user, const struct store_row *row),
                     void *user)
{
    struct store_row current = {statement};
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        int result = row(user, &current);
        if (result) {
            return result;
        }
    }
    if (rc == SQLITE_DONE) {
        return 0;
    }
    int result = engine_failed(&store->engine, store->engine.db, rc);
    log_error("store", "reading failed: %s", sqlite3_errmsg(store->engine.db));
    set_health(store, store->engine.health, str_z(&store->engine.trouble));
    return result;
}

int store_read(struct store *store, const char *sql, int (*row)(void *user, const struct store_row *row), void *user,
               const char *types, ...)
{
    worker_drain(store->worker); /* from here the engine is ours */
    int result = engine_refusal(&store->engine);
    if (result || !store->engine.db) {
        return result ? result : ERR_FULL;
    }
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v2(store->engine.db, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK) {
        log_error("store", "reading failed: %s", sqlite3_errmsg(store->engine.db));
        result = engine_failed(&store->engine, store->engine.db, rc);
        set_health(store, store->engine.health, str_z(&store->engine.trouble));
        return result;
    }
    struct store_batch *values = store_batch_new();
    va_list args;
    va_start(args, types);
    batch_add(values, sql, types, args);
    va_end(args);
    rc = batch_bind(values, &values->statements[0], statement);
    result = rc == SQLITE_OK ? read_rows(store, statement, row, user) : ERR_IO;
    (void)sqlite3_finalize(statement);
    store_batch_free(values);
    return result;
}

int64_t store_row_int(const struct store_row *row, int column)
{
    return sqlite3_column_int64(row->statement, column);
}

const char *store_row_text(const struct store_row *row, int column)
{
    return (const char *)sqlite3_column_text(row->statement, column);
}

const void *store_row_blob(const struct store_row *row, int column, size_t *ret_len)
{
    const void *bytes = sqlite3_column_blob(row->statement, column);
    *ret_len = (size_t)sqlite3_column_bytes(row->statement, column);
    if (!bytes && sqlite3_column_type(row->statement, column) == SQLITE_BLOB) {
        return ""; /* SQLite has no pointer for an empty blob; NULL is for SQL NULL */
    }
    return bytes;
}

/* ---- setting aside ---- */

static int move_aside(const char *path, const char *suffix, const char *where)
{
    struct str from = STR_INIT, to = STR_INIT;
    str_printf(&from, "%s%s", path, suffix);
    str_printf(&to, "%s%s", where, suffix);
    int result = renameat2(AT_FDCWD, str_z(&from), AT_FDCWD, str_z(&to), RENAME_NOREPLACE) == 0 ? 0 : errno;
    if (result == EINVAL) { /* a file system without RENAME_NOREPLACE */
        result = access(str_z(&to), F_OK) == 0 ? EEXIST : rename(str_z(&from), str_z(&to)) == 0 ? 0 : errno;
    }
    str_done(&from);
    str_done(&to);
    return result;
}

static int sync_folder(const char *path)
{
    char *copy = mem_text(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    if (fd < 0) {
        return ERR_IO;
    }
    int result = fsync(fd) == 0 ? 0 : ERR_IO;
    (void)close(fd);
    return result;
}

/* The database first: if we stop half-way, a -wal without it is noticed at the next start (and moved by the
   next reset); a database without its -wal would look whole and lack its last commits. */
int store_set_aside(const char *path, struct str *ret_where)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    time_t now = time(NULL);
    struct tm local;
    char stamp[32];
    (void)strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", localtime_r(&now, &local));
    struct str where = STR_INIT;
    str_printf(&where, "%s.%s", path, stamp);
    int moved = 0;
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof suffixes / sizeof *suffixes; i++) {
        int error = move_aside(path, suffixes[i], str_z(&where));
        moved += error == 0;
        if (error && error != ENOENT) {
            result = error == EEXIST ? ERR_EXISTS : error == EACCES || error == EPERM ? ERR_DENIED : ERR_IO;
        }
    }
    if (result == 0) {
        result = moved ? sync_folder(path) : ERR_NOT_FOUND;
    }
    if (result == 0) {
        str_add(ret_where, str_z(&where), where.len);
    }
    str_done(&where);
    return result;
}
