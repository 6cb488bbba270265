/* See copy.h. A dump is one read transaction: SQLite's snapshot is what makes it consistent beside a daemon that
   writes. It carries rows and not pages, so that no copy of the file in plain ever lies about, and what is deleted (an
   ended link's salt) cannot travel in a free page. */
#include "store/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "store/schema.h"
#include "store/store.h"

#define BUSY_MS 5000
#define TABLES_MAX 32

static const char list_tables[] =
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid";

static int err_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    case SQLITE_FULL:
    case SQLITE_READONLY:
        return ERR_FULL;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return ERR_DENIED;
    case SQLITE_BUSY:
        return ERR_BUSY;
    default:
        return ERR_IO;
    }
}

static int failed(sqlite3 *db, const char *path, int rc, struct str *why)
{
    str_printf(why, "%s: %s", path, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
    return err_of(rc);
}

static int query_int(sqlite3 *db, const char *sql, int64_t *ret_value)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    if (rc == SQLITE_ROW) {
        *ret_value = sqlite3_column_int64(statement, 0);
        rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    return rc;
}

static int list(sqlite3 *db, char *names[TABLES_MAX], size_t *ret_count)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, list_tables, -1, &statement, NULL);
    *ret_count = 0;
    while (rc == SQLITE_OK && *ret_count < TABLES_MAX && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        names[(*ret_count)++] = mem_text((const char *)sqlite3_column_text(statement, 0));
        rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static void forget_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
}

/* ---- out ---- */

struct store_dump {
    char *path;
    sqlite3 *db;
    int version;
};

/* Is it ours, and one that this program knows? The first read of the transaction: from here on it is a snapshot. */
static int judge(struct store_dump *dump, struct str *why)
{
    int64_t application = 0, version = 0;
    int rc = sqlite3_exec(dump->db, "BEGIN", NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        rc = query_int(dump->db, "PRAGMA application_id", &application);
    }
    if (rc == SQLITE_OK) {
        rc = query_int(dump->db, "PRAGMA user_version", &version);
    }
    if (rc != SQLITE_OK) {
        return failed(dump->db, dump->path, rc, why);
    }
    if (application != SCHEMA_APPLICATION || version < 1) {
        str_printf(why, "%s: is no store of lightbridge", dump->path);
        return ERR_CORRUPT;
    }
    if (version > store_schema_version()) {
        str_printf(why, "%s: was written by a newer lightbridge (version %lld of the store, this program knows %d)",
                   dump->path, (long long)version, store_schema_version());
        return ERR_NEWER;
    }
    dump->version = (int)version;
    return 0;
}

int store_dump_open(const char *path, struct store_dump **ret_dump, struct str *why)
{
    if (access(path, R_OK) != 0) {
        int result = errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_DENIED;
        str_printf(why, "%s: %s", path, strerror(errno));
        return result;
    }
    struct store_dump *dump = mem_alloc(sizeof *dump);
    dump->path = mem_text(path);
    /* Reading beside a writer needs the -shm file, which only a connection that may write can make. */
    int rc = sqlite3_open_v2(path, &dump->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        (void)sqlite3_busy_timeout(dump->db, BUSY_MS);
        (void)sqlite3_db_config(dump->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        rc = sqlite3_exec(dump->db, "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON",
                          NULL, NULL, NULL);
    }
    int result = rc == SQLITE_OK ? judge(dump, why) : failed(dump->db, path, rc, why);
    if (result != 0) {
        store_dump_close(dump);
        return result;
    }
    (void)sqlite3_db_config(dump->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL); /* it is well: no -wal is left */
    *ret_dump = dump;
    return 0;
}

void store_dump_close(struct store_dump *dump)
{
    if (dump) {
        (void)sqlite3_close_v2(dump->db);
        free(dump->path);
        free(dump);
    }
}

int store_dump_version(const struct store_dump *dump)
{
    return dump->version;
}

int store_dump_count(struct store_dump *dump, int64_t *ret_accounts, int64_t *ret_links, struct str *why)
{
    int rc = query_int(dump->db, "SELECT count(*) FROM accounts", ret_accounts);
    if (rc == SQLITE_OK) {
        rc = query_int(dump->db, "SELECT count(*) FROM links WHERE ended_at IS NULL", ret_links);
    }
    return rc == SQLITE_OK ? 0 : failed(dump->db, dump->path, rc, why);
}

static struct store_value value_at(sqlite3_stmt *statement, int column)
{
    struct store_value value = {.type = 'n'};
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        value.type = 'i';
        value.integer = sqlite3_column_int64(statement, column);
        break;
    case SQLITE_FLOAT:
        value.type = 'r';
        value.real = sqlite3_column_double(statement, column);
        break;
    case SQLITE_TEXT:
        value.type = 't';
        value.bytes = sqlite3_column_text(statement, column);
        break;
    case SQLITE_BLOB:
        value.type = 'b';
        value.bytes = sqlite3_column_blob(statement, column);
        break;
    default:
        break;
    }
    if (value.type == 't' || value.type == 'b') {
        value.len = (size_t)sqlite3_column_bytes(statement, column);
        value.bytes = value.bytes ? value.bytes : "";
    }
    return value;
}

static int dump_row(struct store_dump *dump, sqlite3_stmt *statement, const char *table, store_dump_row_fn *row,
                    void *user, struct str *why)
{
    struct store_value values[STORE_COPY_COLUMNS];
    int count = sqlite3_column_count(statement);
    if (count > (int)STORE_COPY_COLUMNS) {
        str_printf(why, "%s: the table %s has %d columns", dump->path, table, count);
        return ERR_TOO_LARGE;
    }
    for (int i = 0; i < count; i++) {
        values[i] = value_at(statement, i);
        if (values[i].len > STORE_COPY_VALUE) {
            str_printf(why, "%s: a value of %zu bytes in the table %s", dump->path, values[i].len, table);
            return ERR_TOO_LARGE;
        }
    }
    return row(user, table, values, (size_t)count);
}

static int dump_table(struct store_dump *dump, const char *table, store_dump_row_fn *row, void *user, struct str *why)
{
    sqlite3_stmt *statement = NULL;
    char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", table);
    int rc = sqlite3_prepare_v2(dump->db, sql, -1, &statement, NULL);
    int result = 0;
    sqlite3_free(sql);
    while (rc == SQLITE_OK && result == 0 && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        result = dump_row(dump, statement, table, row, user, why);
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_OK && rc != SQLITE_DONE) {
        result = failed(dump->db, dump->path, rc, why);
    }
    (void)sqlite3_finalize(statement);
    return result;
}

int store_dump_rows(struct store_dump *dump, store_dump_row_fn *row, void *user, struct str *why)
{
    char *names[TABLES_MAX];
    size_t count;
    int rc = list(dump->db, names, &count);
    int result = rc == SQLITE_OK ? 0 : failed(dump->db, dump->path, rc, why);
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = dump_table(dump, names[i], row, user, why);
    }
    forget_names(names, count);
    return result;
}

/* ---- in ---- */

struct fill_table {
    char *name;
    sqlite3_stmt *insert;
};

struct store_fill {
    char *path;
    sqlite3 *db;
    int version;
    struct fill_table tables[TABLES_MAX];
    size_t count;
    bool whole;
};

static int compile_insert(struct store_fill *fill, struct fill_table *table)
{
    struct str sql = STR_INIT;
    int64_t columns = 0;
    char *count = sqlite3_mprintf("SELECT count(*) FROM pragma_table_info('%q')", table->name);
    char *head = sqlite3_mprintf("INSERT INTO \"%w\" VALUES (?", table->name);
    int rc = query_int(fill->db, count, &columns);
    str_add_z(&sql, head);
    for (int64_t i = 1; i < columns; i++) {
        str_add_z(&sql, ",?");
    }
    str_add_char(&sql, ')');
    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v2(fill->db, str_z(&sql), -1, &table->insert, NULL);
    }
    sqlite3_free(count);
    sqlite3_free(head);
    str_done(&sql);
    return rc;
}

/* One transaction from the first row to the last; nobody else sees the file before it is whole. */
static int set_up(struct store_fill *fill)
{
    char *names[TABLES_MAX];
    int rc =
        sqlite3_exec(fill->db, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY",
                     NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        rc = schema_migrate(fill->db, 0, fill->version);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(fill->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = list(fill->db, names, &fill->count);
        for (size_t i = 0; i < fill->count; i++) {
            fill->tables[i].name = names[i];
        }
    }
    for (size_t i = 0; rc == SQLITE_OK && i < fill->count; i++) {
        rc = compile_insert(fill, &fill->tables[i]);
    }
    return rc;
}

int store_fill_new(const char *path, int version, struct store_fill **ret_fill, struct str *why)
{
    if (version < 1 || version > store_schema_version()) {
        str_printf(why,
                   "the backup was written by a newer lightbridge (version %d of the store, this program knows %d)",
                   version, store_schema_version());
        return ERR_NEWER;
    }
    (void)unlink(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        str_printf(why, "%s: cannot be made: %s", path, strerror(errno));
        return errno == ENOSPC || errno == EROFS ? ERR_FULL : ERR_IO;
    }
    (void)close(fd);
    struct store_fill *fill = mem_alloc(sizeof *fill);
    fill->path = mem_text(path);
    fill->version = version;
    int rc = sqlite3_open_v2(path, &fill->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        rc = set_up(fill);
    }
    if (rc != SQLITE_OK) {
        int result = failed(fill->db, path, rc, why);
        store_fill_free(fill);
        return result;
    }
    *ret_fill = fill;
    return 0;
}

static int bind(sqlite3_stmt *insert, const struct store_value *values, size_t count)
{
    int rc = SQLITE_OK;
    for (int i = 0; rc == SQLITE_OK && i < (int)count; i++) {
        const struct store_value *value = &values[i];
        switch (value->type) {
        case 'i':
            rc = sqlite3_bind_int64(insert, i + 1, value->integer);
            break;
        case 'r':
            rc = sqlite3_bind_double(insert, i + 1, value->real);
            break;
        case 't':
            rc = sqlite3_bind_text64(insert, i + 1, value->bytes, value->len, SQLITE_STATIC, SQLITE_UTF8);
            break;
        case 'b':
            rc = sqlite3_bind_blob64(insert, i + 1, value->bytes, value->len, SQLITE_STATIC);
            break;
        default:
            rc = sqlite3_bind_null(insert, i + 1);
            break;
        }
    }
    return rc;
}

int store_fill_row(struct store_fill *fill, const char *table, const struct store_value *values, size_t count,
                   struct str *why)
{
    sqlite3_stmt *insert = NULL;
    for (size_t i = 0; i < fill->count && !insert; i++) {
        insert = strcmp(fill->tables[i].name, table) == 0 ? fill->tables[i].insert : NULL;
    }
    if (!insert || sqlite3_bind_parameter_count(insert) != (int)count) {
        str_printf(why, "the backup has a row of %zu columns for a table %s that is not like that", count, table);
        return ERR_INVALID;
    }
    int rc = bind(insert, values, count);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(insert);
    }
    int result = rc == SQLITE_DONE ? 0 : failed(fill->db, fill->path, rc, why);
    (void)sqlite3_reset(insert);
    (void)sqlite3_clear_bindings(insert);
    return result;
}

static void forget_tables(struct store_fill *fill)
{
    for (size_t i = 0; i < fill->count; i++) {
        (void)sqlite3_finalize(fill->tables[i].insert);
        free(fill->tables[i].name);
    }
    fill->count = 0;
}

int store_fill_end(struct store_fill *fill, struct str *why)
{
    int64_t broken = 0;
    forget_tables(fill);
    int rc = sqlite3_exec(fill->db, "COMMIT", NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        rc = schema_migrate(fill->db, fill->version, store_schema_version());
    }
    if (rc == SQLITE_OK) {
        rc = query_int(fill->db, "SELECT count(*) FROM pragma_foreign_key_check", &broken);
    }
    if (rc != SQLITE_OK || broken > 0) {
        return broken > 0 ? (str_add_z(why, "the backup's rows do not fit together"), ERR_CORRUPT)
                          : failed(fill->db, fill->path, rc, why);
    }
    rc = sqlite3_close(fill->db);
    fill->db = NULL;
    fill->whole = rc == SQLITE_OK;
    return fill->whole ? 0 : failed(NULL, fill->path, rc, why);
}

void store_fill_free(struct store_fill *fill)
{
    if (!fill) {
        return;
    }
    forget_tables(fill);
    (void)sqlite3_close_v2(fill->db);
    if (!fill->whole) {
        (void)unlink(fill->path);
    }
    free(fill->path);
    free(fill);
}
