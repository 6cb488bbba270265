/* The order is the point: the copy is whole and on the disk before the old file is touched; the old file is whole
   without its log before the copy takes its name, because SQLite would play that log into whatever has the name. */
#include "store/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/schema.h"
#include "store/store.h"

struct upgrade {
    sqlite3 *old, *copy;
    char *path;             /* where the file really is: a symbolic link stays one */
    struct str copy_path;   /* PATH.migrating */
    struct str before_path; /* PATH.before-FROM */
    int from;
    int lock;             /* the copy's file, locked: two commands may be at it at once */
    int64_t data_version; /* differs when another connection has written */
    struct str *why;
};

static int say(struct upgrade *u, int rc, const char *what, const char *reason)
{
    str_printf(u->why, "%s: %s", what, reason);
    return rc;
}

static int say_sql(struct upgrade *u, sqlite3 *db, int rc, const char *what)
{
    return rc == SQLITE_OK ? rc : say(u, rc, what, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
}

static int say_errno(struct upgrade *u, const char *what)
{
    int rc = errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL : errno == EROFS ? SQLITE_READONLY : SQLITE_IOERR;
    return say(u, rc, what, strerror(errno));
}

static int remove_file(const char *path, const char *suffix)
{
    struct str name = STR_INIT;
    str_printf(&name, "%s%s", path, suffix);
    int result = unlink(str_z(&name)) == 0 || errno == ENOENT ? 0 : -1;
    str_done(&name);
    return result;
}

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    int result = fd >= 0 ? fsync(fd) : -1;
    int error = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = error;
    return result;
}

static int sync_folder(const char *path)
{
    char *copy = mem_text(path);
    int result = sync_path(dirname(copy), O_RDONLY | O_DIRECTORY);
    free(copy);
    return result;
}

/* The first column of the first row as an integer; SQLITE_OK also where there is no row: then `none`. */
static int ask(sqlite3 *db, const char *sql, int64_t none, int64_t *ret_value)
{
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK) {
        return rc;
    }
    rc = sqlite3_step(statement);
    *ret_value = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : none;
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* ---- the steps ---- */

static bool has_moved(struct upgrade *u)
{
    int moved = 0;
    int rc = sqlite3_file_control(u->old, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return rc == SQLITE_OK && moved;
}

/* An empty file for the copy, ours alone; owned and readable as the old one is, whoever runs this: a command as
   root, say. What an attempt that was cut short has left in it goes. */
static int make_copy_file(struct upgrade *u)
{
    const char *copy = str_z(&u->copy_path);
    struct stat old, now;
    u->lock = open(copy, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (u->lock < 0) {
        return say_errno(u, copy);
    }
    bool alone = flock(u->lock, LOCK_EX | LOCK_NB) == 0 && fstat(u->lock, &now) == 0 && now.st_nlink == 1;
    if (!alone || has_moved(u)) {
        (void)close(u->lock);
        u->lock = -1;
        return say(u, SQLITE_BUSY, u->path, "another lightbridge is upgrading it");
    }
    bool good = ftruncate(u->lock, 0) == 0 && stat(u->path, &old) == 0 &&
                (old.st_uid == now.st_uid || fchown(u->lock, old.st_uid, old.st_gid) == 0) &&
                fchmod(u->lock, old.st_mode & 0777) == 0 && remove_file(copy, "-journal") == 0;
    return good ? SQLITE_OK : say_errno(u, copy);
}

static int fill_copy(struct upgrade *u)
{
    sqlite3_stmt *statement = NULL;
    int rc = ask(u->old, "PRAGMA data_version", 0, &u->data_version);
    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v2(u->old, "VACUUM INTO ?1", -1, &statement, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_text(statement, 1, str_z(&u->copy_path), -1, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
        rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
    }
    rc = say_sql(u, u->old, rc, "making the copy");
    (void)sqlite3_finalize(statement);
    return rc;
}

/* A copy is thrown away when something fails, so it needs no journal, and is synced once, as a whole. */
static int migrate_copy(struct upgrade *u)
{
    int rc = sqlite3_open_v2(str_z(&u->copy_path), &u->copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(u->copy,
                          "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY;"
                          "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON",
                          NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = schema_migrate(u->copy, u->from, store_schema_version());
    }
    return say_sql(u, u->copy, rc, "migrating the copy");
}

static int check_copy(struct upgrade *u)
{
    int64_t whole = 0, broken = 0;
    /* Its argument, a number of errors, is a table's name to SQLite 3.46; the first row says it without one. */
    int rc = ask(u->copy, "SELECT integrity_check = 'ok' FROM pragma_integrity_check", 0, &whole);
    if (rc == SQLITE_OK) {
        rc = ask(u->copy, "SELECT count(*) FROM pragma_foreign_key_check", 0, &broken);
    }
    if (rc != SQLITE_OK) {
        return say_sql(u, u->copy, rc, "checking the copy");
    }
    if (!whole || broken) {
        return say(u, SQLITE_CORRUPT, "checking the copy",
                   whole ? "a row names one that is not there" : "its tables and indexes disagree");
    }
    rc = sqlite3_close(u->copy);
    u->copy = rc == SQLITE_OK ? NULL : u->copy;
    if (rc != SQLITE_OK) {
        return say(u, rc, "closing the copy", sqlite3_errstr(rc));
    }
    return sync_path(str_z(&u->copy_path), O_RDWR) == 0 ? SQLITE_OK : say_errno(u, str_z(&u->copy_path));
}

/* All that is in the log goes into the old file, and the log goes. */
static int close_old(struct upgrade *u)
{
    int64_t busy = 1, data_version = 0;
    int rc = ask(u->old, "PRAGMA wal_checkpoint(TRUNCATE)", 0, &busy);
    if (rc == SQLITE_OK) {
        rc = ask(u->old, "PRAGMA data_version", 0, &data_version);
    }
    if (rc != SQLITE_OK) {
        return say_sql(u, u->old, rc, "moving its log into it");
    }
    if (busy || data_version != u->data_version || has_moved(u)) {
        return say(u, SQLITE_BUSY, u->path, "another program is using it");
    }
    rc = sqlite3_close(u->old);
    if (rc != SQLITE_OK) {
        return say(u, rc, "closing it", sqlite3_errstr(rc));
    }
    u->old = NULL;
    return remove_file(u->path, "-wal") || remove_file(u->path, "-shm") ? say_errno(u, u->path) : SQLITE_OK;
}

/* Two names for the old file, then the copy takes one of them: the path is never without a store. */
static int swap(struct upgrade *u)
{
    if (remove_file(str_z(&u->before_path), "") || link(u->path, str_z(&u->before_path))) {
        return say_errno(u, str_z(&u->before_path));
    }
    if (sync_folder(u->path) || rename(str_z(&u->copy_path), u->path) || sync_folder(u->path)) {
        return say_errno(u, u->path);
    }
    for (int version = 1; version < u->from; version++) {
        struct str older = STR_INIT;
        str_printf(&older, ".before-%d", version);
        (void)remove_file(u->path, str_z(&older)); /* costs room and nothing else */
        str_done(&older);
    }
    return SQLITE_OK;
}

static void say_space(struct upgrade *u)
{
    struct stat file;
    struct statvfs disk;
    char *copy = mem_text(u->path);
    const char *folder = dirname(copy);
    if (stat(u->path, &file) == 0 && statvfs(folder, &disk) == 0) {
        uint64_t free_kb = (uint64_t)disk.f_bavail * disk.f_frsize / 1024;
        long long wanted_kb = (long long)file.st_size * 2 / 1024 + 64;
        str_printf(u->why, "; it needs about %lld kB more in %s, where %llu kB are free", wanted_kb, folder,
                   (unsigned long long)free_kb);
    }
    free(copy);
}

int store_upgrade(sqlite3 *db, const char *path, int from, struct str *why)
{
    static int (*const steps[])(struct upgrade *) = {make_copy_file, fill_copy, migrate_copy,
                                                     check_copy,     close_old, swap};
    struct upgrade u = {.old = db, .path = realpath(path, NULL), .from = from, .lock = -1, .why = why};
    int rc = u.path ? SQLITE_OK : say_errno(&u, path);
    if (u.path) {
        str_printf(&u.copy_path, "%s.migrating", u.path);
        str_printf(&u.before_path, "%s.before-%d", u.path, from);
    }
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof steps / sizeof *steps; i++) {
        rc = steps[i](&u);
    }
    (void)sqlite3_close(u.copy);
    (void)sqlite3_close(u.old);
    if (rc != SQLITE_OK && u.lock >= 0) {
        (void)remove_file(str_z(&u.copy_path), "");
        if ((rc & 0xff) == SQLITE_FULL || (rc & 0xff) == SQLITE_IOERR) {
            say_space(&u);
        }
    }
    if (u.lock >= 0) {
        (void)close(u.lock);
    }
    str_done(&u.copy_path);
    str_done(&u.before_path);
    free(u.path);
    return rc;
}
