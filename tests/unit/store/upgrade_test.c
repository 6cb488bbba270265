/* A store of version 1 under this program: it carries on, and wherever the program dies on the way, or the disk is
   full, the old store is there, whole. The calls that change files are ours here: each can be the last one. */
#include "store/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "loop/loop.h"
#include "store/schema.h"
#include "store/store.h"

#define ROWS 6
#define CALLS_MAX 1000 /* no upgrade of this small store takes more */

/* ---- the calls that change files ---- */

static struct {
    unsigned long call, die_at, fail_from; /* the number of this call; 0: never */
    bool dirty;                            /* the copy was written since it was last synced */
    ino_t copy;
} shim;

/* False: errno is set, the call is not made. */
static bool may(void)
{
    shim.call++;
    if (shim.call == shim.die_at) {
        (void)kill(getpid(), SIGKILL);
    }
    if (shim.fail_from && shim.call >= shim.fail_from) {
        errno = ENOSPC;
        return false;
    }
    return true;
}

static void note(int fd, bool dirty)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && shim.copy == status.st_ino) {
        shim.dirty = dirty;
    }
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
    if (!may()) {
        return -1;
    }
    note(fd, true);
    return (ssize_t)syscall(SYS_pwrite64, (long)fd, bytes, len, offset);
}

int ftruncate64(int fd, off64_t size)
{
    note(fd, true);
    return may() ? (int)syscall(SYS_ftruncate, (long)fd, size) : -1;
}

int ftruncate(int fd, off_t size)
{
    struct stat status;
    if (fstat(fd, &status) == 0) {
        shim.copy = status.st_ino; /* only upgrade.c calls it by this name: on the copy, first of all */
    }
    return may() ? (int)syscall(SYS_ftruncate, (long)fd, size) : -1;
}

/* Nothing waits for the disk here: a process that dies takes nothing with it that the system has. */
int fdatasync(int fd)
{
    (void)fd;
    return may() ? 0 : -1;
}

int fsync(int fd)
{
    int result = may() ? 0 : -1;
    if (result == 0) {
        note(fd, false);
    }
    return result;
}

int unlink(const char *path)
{
    shim.call++; /* takes no room, so it does not fail */
    if (shim.call == shim.die_at) {
        (void)kill(getpid(), SIGKILL);
    }
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int link(const char *from, const char *to)
{
    return may() ? (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0) : -1;
}

int rename(const char *from, const char *to)
{
    if (shim.dirty) {
        (void)fputs("the copy takes the store's name before it is on the disk\n", stderr);
        _exit(70); /* a power cut would leave a torn file under the store's name */
    }
    return may() ? (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0) : -1;
}

/* ---- stores ---- */

struct fixture {
    char folder[64], path[96], log[112], before[112], copy[112];
};

static int set_up(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    memset(&shim, 0, sizeof shim);
    strcpy(f.folder, "/tmp/upgrade_test.XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.path, sizeof f.path, "%s/store.db", f.folder);
    snprintf(f.log, sizeof f.log, "%s-wal", f.path);
    snprintf(f.before, sizeof f.before, "%s.before-1", f.path);
    snprintf(f.copy, sizeof f.copy, "%s.migrating", f.path);
    *state = &f;
    return 0;
}

static void clear(struct fixture *f)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", ".before-1", ".migrating", ".aside"};
    char name[128];
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(name, sizeof name, "%s%s", f->path, suffixes[i]);
        unlink(name);
    }
    snprintf(name, sizeof name, "%s/real.db", f->folder);
    unlink(name);
    snprintf(name, sizeof name, "%s/real.db.before-1", f->folder);
    unlink(name);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    clear(f);
    return rmdir(f->folder);
}

static void run(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        fail_msg("%s: %s", sql, why);
    }
}

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* By the migration rows themselves. `crashed`: the rows stand in the log only, as a crash leaves them. */
static void make_version_1(struct fixture *f, bool crashed)
{
    pid_t child = fork();
    if (child == 0) {
        sqlite3 *db;
        (void)umask(077);
        if (sqlite3_open(f->path, &db) != SQLITE_OK) {
            _exit(1);
        }
        run(db, "PRAGMA journal_mode = WAL");
        assert_int_equal(schema_migrate(db, 0, 1), SQLITE_OK);
        run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
        run(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6)"
                "INSERT INTO meta SELECT 'row' || i, zeroblob(1000) FROM n");
        if (!crashed) {
            sqlite3_close(db);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(access(f->log, F_OK) == 0, crashed);
}

/* What stands under `path` is whole and has every row; its version. */
static int64_t version_of(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(number(db, "SELECT count(*) FROM meta WHERE key LIKE 'row%'"), ROWS);
    assert_int_equal(number(db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
    int64_t version = number(db, "PRAGMA user_version");
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'traces'"), version >= 2);
    assert_int_equal(number(db, "PRAGMA application_id"), SCHEMA_APPLICATION);
    sqlite3_close(db);
    return version;
}

/* Opens it as the program does and writes to it; what is said of its health, and `trouble` if it is not well. */
static enum store_health open_store(struct fixture *f, char *trouble, size_t size)
{
    struct store_config config = {.path = f->path, .expected = true};
    struct loop *loop;
    struct store *store;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(store_open(loop, &config, &store), 0);
    enum store_health health = store_health(store);
    snprintf(trouble, size, "%s", store_trouble(store));
    if (health == STORE_OK) {
        struct store_batch *batch = store_batch_new();
        store_batch_add(batch, "INSERT INTO traces (known, webhook) VALUES (1, 0)", "");
        assert_int_equal(store_write(store, batch), 0);
    }
    store_close(store);
    loop_free(loop);
    return health;
}

static void assert_carries_on(struct fixture *f)
{
    char trouble[1000];
    assert_int_equal(open_store(f, trouble, sizeof trouble), STORE_OK);
    assert_string_equal(trouble, "");
    assert_int_equal(version_of(f->path), store_schema_version());
    assert_int_equal(version_of(f->before), 1);
    assert_int_equal(access(f->copy, F_OK), -1);
}

/* ---- tests ---- */

static void test_a_store_of_version_1_carries_on(void **state)
{
    struct fixture *f = *state;
    struct stat status;
    for (int crashed = 0; crashed <= 1; crashed++) {
        clear(f);
        make_version_1(f, crashed);
        assert_carries_on(f);
        assert_carries_on(f); /* and nothing more happens at the next start */
        assert_int_equal(stat(f->path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
}

/* A program that opens the store, to die before the call with that number. True: it died; else it was done. */
static bool dies_at(struct fixture *f, unsigned long call)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char trouble[1000];
        shim.call = 0;
        shim.die_at = call;
        _exit(open_store(f, trouble, sizeof trouble) == STORE_OK ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        return true;
    }
    assert_int_equal(WEXITSTATUS(status), 0); /* 70: renamed before it was synced */
    return false;
}

static void test_death_at_every_call(void **state)
{
    struct fixture *f = *state;
    for (int crashed = 0; crashed <= 1; crashed++) {
        unsigned long call = 1, old = 0;
        for (;; call++) {
            assert_true(call < CALLS_MAX);
            clear(f);
            make_version_1(f, crashed);
            if (!dies_at(f, call)) {
                break;
            }
            int64_t version = version_of(f->path);
            assert_true(version == 1 || version == store_schema_version());
            old += version == 1;
            assert_carries_on(f);
        }
        assert_true(old > 10);       /* there were many steps to die at before the swap */
        assert_true(call - old > 3); /* and some after it */
    }
}

/* From one call on the disk is full: the old store is as it was, and carries on when there is room again. */
static void test_a_full_disk_at_every_call(void **state)
{
    struct fixture *f = *state;
    unsigned long refused = 0;
    for (unsigned long call = 1;; call++) {
        char trouble[1000];
        assert_true(call < CALLS_MAX);
        clear(f);
        make_version_1(f, true);
        shim.call = 0;
        shim.fail_from = call;
        struct store_config config = {.path = f->path, .expected = true};
        struct loop *loop;
        struct store *store;
        assert_int_equal(loop_new(&loop), 0);
        assert_int_equal(store_open(loop, &config, &store), 0);
        enum store_health health = store_health(store);
        snprintf(trouble, sizeof trouble, "%s", store_trouble(store));
        bool reached = shim.call >= call;
        shim.fail_from = 0;
        store_close(store);
        loop_free(loop);
        int64_t version = version_of(f->path);
        if (health != STORE_OK && version == 1) {
            assert_int_equal(health, STORE_FULL);
            bool begun = strstr(trouble, "could not be brought to version") != NULL;
            assert_true(begun || strstr(trouble, "cannot be opened")); /* there was no room even to look */
            assert_true(!begun || strstr(trouble, "kB are free"));
            assert_non_null(strstr(trouble, f->path));
            assert_int_equal(access(f->copy, F_OK), -1);
            refused += begun;
        }
        assert_carries_on(f);
        if (!reached) {
            assert_int_equal(health, STORE_OK);
            break;
        }
    }
    assert_true(refused > 10);
}

/* What an attempt that was cut short has left is no part of the next one. */
static void test_leftovers(void **state)
{
    struct fixture *f = *state;
    char journal[128];
    make_version_1(f, true);
    snprintf(journal, sizeof journal, "%s-journal", f->copy);
    const char *const left[] = {f->copy, journal, f->before};
    for (size_t i = 0; i < 3; i++) {
        int fd = open(left[i], O_WRONLY | O_CREAT, 0600);
        assert_int_equal(write(fd, "left", 4), 4);
        close(fd);
    }
    assert_carries_on(f);
    assert_int_equal(access(journal, F_OK), -1);
}

static void test_two_at_once(void **state)
{
    struct fixture *f = *state;
    char trouble[1000];
    make_version_1(f, false);
    int fd = open(f->copy, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(open_store(f, trouble, sizeof trouble), STORE_FULL);
    assert_non_null(strstr(trouble, "another lightbridge is upgrading it"));
    assert_int_equal(access(f->copy, F_OK), 0); /* theirs */
    close(fd);
    assert_int_equal(version_of(f->path), 1);
    assert_carries_on(f);
}

/* One that opened the file before another one upgraded it: its old rows must not take the new one's place. */
static void test_too_late(void **state)
{
    struct fixture *f = *state;
    struct str why = STR_INIT;
    sqlite3 *late;
    make_version_1(f, false);
    assert_int_equal(sqlite3_open_v2(f->path, &late, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(number(late, "PRAGMA user_version"), 1);
    char aside[128];
    snprintf(aside, sizeof aside, "%s.aside", f->path);
    assert_int_equal(rename(f->path, aside), 0);
    make_version_1(f, false);
    assert_int_equal(store_upgrade(late, f->path, 1, &why), SQLITE_BUSY);
    assert_int_equal(version_of(f->path), 1);
    str_done(&why);
}

/* Rows that contradict each other are not carried into a new store: they are a matter for a backup. */
static void test_a_store_that_does_not_pass_the_check(void **state)
{
    struct fixture *f = *state;
    char trouble[1000];
    sqlite3 *db;
    make_version_1(f, false);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    run(db, "INSERT INTO callbacks (link_id, state) VALUES (x'00', 'pending')");
    sqlite3_close(db);
    assert_int_equal(open_store(f, trouble, sizeof trouble), STORE_CORRUPT);
    assert_non_null(strstr(trouble, "names one that is not there"));
    assert_int_equal(version_of(f->path), 1);
    assert_int_equal(access(f->before, F_OK), -1);
    assert_int_equal(access(f->copy, F_OK), -1);
}

static void test_a_symbolic_link_stays_one(void **state)
{
    struct fixture *f = *state;
    struct stat status;
    char real[128];
    make_version_1(f, false);
    snprintf(real, sizeof real, "%s/real.db", f->folder);
    assert_int_equal(rename(f->path, real), 0);
    assert_int_equal(symlink("real.db", f->path), 0);
    char trouble[1000];
    assert_int_equal(open_store(f, trouble, sizeof trouble), STORE_OK);
    assert_int_equal(lstat(f->path, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(version_of(real), store_schema_version());
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_a_store_of_version_1_carries_on),
        T(test_death_at_every_call),
        T(test_a_full_disk_at_every_call),
        T(test_leftovers),
        T(test_two_at_once),
        T(test_too_late),
        T(test_a_store_that_does_not_pass_the_check),
        T(test_a_symbolic_link_stays_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
