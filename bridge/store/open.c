/* Opening: what is there, may it be used, and in which state is it. Nothing is written before that is known. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/url.h"
#include "store/engine.h"
#include "store/schema.h"
#include "store/upgrade.h"

#define CHECK_MAX_BYTES (64 * 1024 * 1024) /* larger files are not read through at the start */
#define BUSY_MS 5000                       /* another program (a backup, the command line) holds the lock */

struct found {
    int64_t version, application, tables;
};

static bool in_memory(const struct engine *engine)
{
    return strcmp(engine->path, ":memory:") == 0;
}

/* Size of PATH SUFFIX, -1 if it is not there. */
static int64_t size_of(const char *path, const char *suffix)
{
    struct str name = STR_INIT;
    struct stat status;
    str_printf(&name, "%s%s", path, suffix);
    int64_t size = stat(str_z(&name), &status) == 0 ? (int64_t)status.st_size : -1;
    str_done(&name);
    return size;
}

/* ---- what is wrong, in a sentence ---- */

static void set_health(struct engine *engine, enum store_health health)
{
    engine->health = health;
    str_clear(&engine->trouble);
}

static void set_missing(struct engine *engine, const char *how)
{
    set_health(engine, STORE_MISSING);
    str_printf(
        &engine->trouble,
        "%s %s, although this installation has had one. Bring it back, or a backup by 'lightbridge restore FILE'; "
        "or begin anew, without the links, by 'lightbridge store reset'.",
        engine->path, how);
}

static void set_damaged(struct engine *engine, const char *how)
{
    set_health(engine, STORE_CORRUPT);
    str_printf(
        &engine->trouble,
        "%s is damaged (%s) and was left untouched. Bring back a backup with 'lightbridge restore FILE', or put it "
        "aside, and with it all links, by 'lightbridge store reset'.",
        engine->path, how);
}

static void set_unread(struct engine *engine, const char *why)
{
    set_health(engine, STORE_FULL);
    engine->unread = true;
    str_printf(&engine->trouble, "%s cannot be opened (%s). Make it readable and writable, then restart.", engine->path,
               why);
}

static void set_not_upgraded(struct engine *engine, int version, const char *why)
{
    set_health(engine, STORE_FULL);
    engine->unread = true;
    str_printf(
        &engine->trouble,
        "%s is of version %d and could not be brought to version %d (%s). It is as it was: mend that and restart, "
        "or go on with the program before this one.",
        engine->path, version, store_schema_version(), why);
}

/* ---- one connection ---- */

static void close_db(sqlite3 *db)
{
    (void)sqlite3_close_v2(db);
}

/* A checkpoint at closing would write into a file that we only looked at. */
static void set_checkpoint_on_close(sqlite3 *db, bool on)
{
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !on, NULL);
}

static int query_int(sqlite3 *db, const char *sql, int64_t *ret_value)
{
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK) {
        return rc;
    }
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *ret_value = sqlite3_column_int64(statement, 0);
        rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_DONE ? SQLITE_ERROR : rc;
}

static int connect_db(const char *name, int flags, sqlite3 **ret_db)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(name, &db, flags | SQLITE_OPEN_NOMUTEX, NULL); /* one thread at a time */
    if (rc != SQLITE_OK) {
        close_db(db);
        return rc;
    }
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, BUSY_MS);
    set_checkpoint_on_close(db, false);
    *ret_db = db;
    return SQLITE_OK;
}

/* Reads what it is; the first access to the file, so here it shows if it is none or cannot be read. */
static int look(sqlite3 *db, struct found *ret_found)
{
    struct found found;
    int rc = query_int(db, "PRAGMA user_version", &found.version);
    if (rc == SQLITE_OK) {
        rc = query_int(db, "PRAGMA application_id", &found.application);
    }
    if (rc == SQLITE_OK) {
        rc = query_int(db, "SELECT count(*) FROM sqlite_schema", &found.tables);
    }
    if (rc == SQLITE_OK) {
        *ret_found = found;
    }
    return rc;
}

/* True if `db` may be used; otherwise the health says why not. */
static bool judge(struct engine *engine, sqlite3 *db, const struct found *found)
{
    bool empty = found->version == 0 && found->tables == 0;
    if (empty) {
        if (engine->expected) {
            set_missing(engine, "is empty");
        }
        return !engine->expected;
    }
    if (found->application != SCHEMA_APPLICATION || found->version < 1) {
        set_damaged(engine, "it is not a store of lightbridge");
        return false;
    }
    if (found->version > store_schema_version()) {
        set_health(engine, STORE_NEWER);
        str_printf(&engine->trouble,
                   "%s was written by a newer lightbridge (version %lld of the store, this program knows %d) and was "
                   "left untouched. Run the newer program, or restore a backup of this one.",
                   engine->path, (long long)found->version, store_schema_version());
        return false;
    }
    if (size_of(engine->path, "") > CHECK_MAX_BYTES) {
        return true;
    }
    sqlite3_stmt *check;
    int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &check, NULL);
    if (rc != SQLITE_OK || sqlite3_step(check) != SQLITE_ROW) {
        (void)engine_failed(engine, db, SQLITE_CORRUPT);
    } else {
        const char *said = (const char *)sqlite3_column_text(check, 0);
        if (!said || strcmp(said, "ok") != 0) {
            const char *line = said ? strrchr(said, '\n') : NULL; /* behind a heading */
            set_damaged(engine, line ? line + 1 : said ? said : "unreadable");
        }
    }
    (void)sqlite3_finalize(check);
    return engine->health != STORE_CORRUPT;
}

static int set_up(struct engine *engine, sqlite3 *db, int64_t version)
{
    const char *const pragmas[] = {
        in_memory(engine) ? NULL : "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        "PRAGMA trusted_schema = OFF",
        "PRAGMA cell_size_check = ON",
        "PRAGMA secure_delete = ON", /* an ended link's salt does not stay in a free page */
        "PRAGMA cache_size = -512",  /* kB: everything is answered from the rooms' memory */
        "PRAGMA temp_store = MEMORY",
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof pragmas / sizeof *pragmas; i++) {
        rc = pragmas[i] ? sqlite3_exec(db, pragmas[i], NULL, NULL, NULL) : SQLITE_OK;
    }
    return rc == SQLITE_OK ? schema_migrate(db, (int)version, store_schema_version()) : rc;
}

/* ---- the ways to open ---- */

/* The file is made here rather than by SQLite: 0600 from its first instant (-wal and -shm take its mode), and
   its name is durable before anything in it is. */
static int create_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    (void)close(fd);
    char *copy = mem_text(path);
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    int error = folder >= 0 && fsync(folder) == 0 ? 0 : errno;
    if (folder >= 0) {
        (void)close(folder);
    }
    return error;
}

/* An older store becomes one of ours, beside the old file. True: `*ret_db` is it, opened anew; otherwise the health
   says why not. Takes *ret_db. */
static bool upgrade(struct engine *engine, int version, sqlite3 **ret_db)
{
    struct str why = STR_INIT;
    int rc = store_upgrade(*ret_db, engine->path, version, &why);
    *ret_db = NULL;
    if (rc == SQLITE_OK) {
        rc = connect_db(engine->path, SQLITE_OPEN_READWRITE, ret_db);
        str_add_z(&why, rc == SQLITE_OK ? "" : sqlite3_errstr(rc));
    }
    if ((rc & 0xff) == SQLITE_CORRUPT) {
        set_damaged(engine, str_z(&why));
    } else if (rc != SQLITE_OK) {
        set_not_upgraded(engine, version, str_z(&why));
    }
    str_done(&why);
    return rc == SQLITE_OK;
}

/* For reading and writing. True: the case is decided (health says how). False: *ret_rc says what stood against
   it, and reading alone may still work. */
static bool open_for_writing(struct engine *engine, int *ret_rc)
{
    sqlite3 *db = NULL;
    struct found found = {0};
    int rc = connect_db(engine->path, SQLITE_OPEN_READWRITE, &db);
    if (rc == SQLITE_OK) {
        rc = look(db, &found);
    }
    if (rc == SQLITE_OK && !judge(engine, db, &found)) {
        close_db(db);
        return true;
    }
    if (rc == SQLITE_OK && sqlite3_db_readonly(db, "main") == 1) {
        rc = SQLITE_READONLY;
    }
    if (rc == SQLITE_OK && found.version > 0 && found.version < store_schema_version()) {
        if (!upgrade(engine, (int)found.version, &db)) {
            return true;
        }
        found.version = store_schema_version();
    }
    if (rc == SQLITE_OK) {
        rc = set_up(engine, db, found.version);
    }
    if (rc == SQLITE_OK) {
        set_checkpoint_on_close(db, true);
        if (engine->db) {
            engine_forget_statements(engine);
            close_db(engine->db);
        }
        engine->db = db;
        engine->read_only = false;
        engine_well(engine);
        return true;
    }
    (void)engine_failed(engine, db && rc != SQLITE_READONLY ? db : NULL, rc);
    close_db(db);
    *ret_rc = rc;
    return engine->health == STORE_CORRUPT;
}

/* Without -wal and -shm, which a full disk or a read-only folder would not let SQLite make: only where no
   -wal holds commits that would then be overlooked. */
static int open_immutable(struct engine *engine, sqlite3 **ret_db, struct found *ret_found)
{
    if (size_of(engine->path, "-wal") > 0) {
        return SQLITE_CANTOPEN;
    }
    struct str name = STR_INIT;
    str_add_z(&name, "file:");
    url_encode(&name, engine->path, strlen(engine->path));
    str_add_z(&name, "?immutable=1");
    int rc = connect_db(str_z(&name), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, ret_db);
    str_done(&name);
    return rc == SQLITE_OK ? look(*ret_db, ret_found) : rc;
}

static void open_for_reading(struct engine *engine, int why)
{
    sqlite3 *db = NULL;
    struct found found = {0};
    int rc = connect_db(engine->path, SQLITE_OPEN_READONLY, &db);
    if (rc == SQLITE_OK) {
        rc = look(db, &found);
    }
    if (rc != SQLITE_OK) {
        close_db(db);
        db = NULL;
        rc = open_immutable(engine, &db, &found);
    }
    if (rc == SQLITE_OK && found.version == store_schema_version() && judge(engine, db, &found)) {
        engine->db = db;
        engine->read_only = true; /* health and trouble are from the attempt to open it for writing */
        return;
    }
    close_db(db);
    if (rc != SQLITE_OK || engine->health == STORE_FULL) {
        set_unread(engine, sqlite3_errstr(why));
    }
}

static bool prepare_file(struct engine *engine)
{
    int64_t size = size_of(engine->path, "");
    if (size > 0) {
        return true;
    }
    if (engine->expected) {
        set_missing(engine, size < 0 ? "is missing" : "is empty");
        return false;
    }
    if (size_of(engine->path, "-wal") > 0) { /* a new file beside an old log would be torn at once */
        engine->expected = true;
        set_missing(engine, "is missing while its -wal file is there");
        return false;
    }
    int error = size < 0 ? create_file(engine->path) : 0;
    if (error) {
        set_unread(engine, strerror(error));
        return false;
    }
    return true;
}

void engine_open(struct engine *engine, const struct store_config *config)
{
    int rc = SQLITE_OK;
    engine->path = mem_text(config->path);
    engine->expected = config->expected && !in_memory(engine);
    engine->health = STORE_OK;
    if ((in_memory(engine) || prepare_file(engine)) && !open_for_writing(engine, &rc)) {
        if (engine->health == STORE_OK) { /* a lock that another program does not let go */
            set_health(engine, STORE_FULL);
            str_printf(&engine->trouble, "%s cannot be opened for writing (%s).", engine->path, sqlite3_errstr(rc));
        }
        open_for_reading(engine, rc);
    }
}

void engine_reopen(struct engine *engine)
{
    int rc;
    (void)open_for_writing(engine, &rc);
}

void engine_close(struct engine *engine)
{
    engine_forget_statements(engine);
    if (engine->health == STORE_CORRUPT && engine->db) {
        set_checkpoint_on_close(engine->db, false);
    }
    close_db(engine->db);
    engine->db = NULL;
    str_done(&engine->trouble);
    free(engine->path);
    engine->path = NULL;
}
