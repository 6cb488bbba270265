/* Real files in every bad state: what is refused, what is left untouched, what recovers without a restart. */
#include "store/store.h"

#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/file.h"
#include "loop/loop.h"

#define INSERT "INSERT INTO meta (key, value) VALUES (?1, ?2)"
#define WHOLE_FILE (16u * 1024 * 1024)
#define NOBODY 65534

struct fixture {
    struct loop *loop;
    struct store *store;
    char folder[64];
    char path[96];
};

static int set_up(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    strcpy(f.folder, "/tmp/health_test.XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.path, sizeof f.path, "%s/store.db", f.folder);
    assert_int_equal(loop_new(&f.loop), 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    store_close(f->store);
    loop_free(f->loop);
    snprintf(command, sizeof command, "rm -r %s", f->folder);
    assert_int_equal(system(command), 0);
    return 0;
}

static void open_store(struct fixture *f, bool expected, enum store_health health)
{
    struct store_config config = {.path = f->path, .expected = expected};
    assert_int_equal(store_open(f->loop, &config, &f->store), 0);
    assert_int_equal(store_health(f->store), health);
    assert_int_equal(health == STORE_OK, store_trouble(f->store)[0] == '\0');
}

static void close_store(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

static int write_text(struct fixture *f, const char *key, const char *value)
{
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, INSERT, "tt", key, value);
    return store_write(f->store, batch);
}

static int run_sql(struct fixture *f, const char *sql)
{
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, sql, "");
    return store_write(f->store, batch);
}

static int count_row(void *user, const struct store_row *row)
{
    *(int64_t *)user = store_row_int(row, 0);
    return 0;
}

static int count(struct fixture *f, int64_t *ret_count)
{
    return store_read(f->store, "SELECT count(*) FROM meta", count_row, ret_count, "");
}

/* A store with some pages in it, closed. */
static void make_store(struct fixture *f)
{
    char value[1000];
    memset(value, 'v', sizeof value);
    value[sizeof value - 1] = '\0';
    open_store(f, false, STORE_OK);
    for (int i = 0; i < 40; i++) {
        char key[8];
        snprintf(key, sizeof key, "%d", i);
        assert_int_equal(write_text(f, key, value), 0);
    }
    close_store(f);
}

static void read_whole(const char *path, struct str *bytes)
{
    str_clear(bytes);
    assert_int_equal(file_read(path, WHOLE_FILE, bytes), 0);
}

static void write_whole(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

/* Opens, sees `health`, is refused reading and writing with `refusal`; afterwards not a byte is different. */
static void assert_refused_and_untouched(struct fixture *f, enum store_health health, int refusal)
{
    struct str before = STR_INIT, after = STR_INIT;
    int64_t rows;
    read_whole(f->path, &before);
    open_store(f, true, health);
    assert_int_equal(count(f, &rows), refusal);
    assert_int_equal(write_text(f, "x", "y"), refusal);
    assert_int_equal(store_health(f->store), health);
    close_store(f);
    read_whole(f->path, &after);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    str_done(&before);
    str_done(&after);
}

/* ---- damaged ---- */

static void damage(struct fixture *f, size_t offset, size_t len, int with)
{
    struct str bytes = STR_INIT;
    read_whole(f->path, &bytes);
    assert_true(offset + len <= bytes.len);
    memset(bytes.data + offset, with, len);
    write_whole(f->path, bytes.data, bytes.len);
    str_done(&bytes);
}

static void test_header_damaged(void **state)
{
    make_store(*state);
    damage(*state, 0, 16, 'x');
    assert_refused_and_untouched(*state, STORE_CORRUPT, ERR_CORRUPT);
}

static void test_pages_damaged(void **state)
{
    make_store(*state);
    damage(*state, 4096, 3 * 4096, 0xa5);
    assert_refused_and_untouched(*state, STORE_CORRUPT, ERR_CORRUPT);
}

static void test_cut_short(void **state)
{
    struct fixture *f = *state;
    make_store(f);
    assert_int_equal(truncate(f->path, 2 * 4096), 0);
    assert_refused_and_untouched(f, STORE_CORRUPT, ERR_CORRUPT);
}

static void test_not_a_database(void **state)
{
    struct fixture *f = *state;
    write_whole(f->path, "hello", 5);
    assert_refused_and_untouched(f, STORE_CORRUPT, ERR_CORRUPT);
}

static void test_damage_that_shows_while_running(void **state)
{
    struct fixture *f = *state;
    make_store(f);
    open_store(f, true, STORE_OK);
    damage(f, 4096, 9 * 4096, 0xa5); /* every page but the first */
    assert_int_equal(run_sql(f, "PRAGMA shrink_memory"), 0);
    assert_int_equal(write_text(f, "x", "y"), ERR_CORRUPT);
    assert_int_equal(store_health(f->store), STORE_CORRUPT);
    assert_int_equal(write_text(f, "x", "y"), ERR_CORRUPT);
}

static void test_a_database_of_somebody_else(void **state)
{
    struct fixture *f = *state;
    make_store(f);
    open_store(f, true, STORE_OK);
    assert_int_equal(run_sql(f, "PRAGMA application_id = 7"), 0);
    close_store(f);
    assert_refused_and_untouched(f, STORE_CORRUPT, ERR_CORRUPT);
}

/* ---- newer, missing ---- */

static void test_newer(void **state)
{
    struct fixture *f = *state;
    make_store(f);
    open_store(f, true, STORE_OK);
    assert_int_equal(run_sql(f, "PRAGMA user_version = 99"), 0);
    close_store(f);
    assert_refused_and_untouched(f, STORE_NEWER, ERR_NEWER);
}

/* As a crash leaves it: the newer version stands in the -wal only. Looking at it must not move it into the file. */
static void test_newer_with_a_log(void **state)
{
    struct fixture *f = *state;
    struct str bytes = STR_INIT;
    char copy[96], log[128];
    make_store(f);
    open_store(f, true, STORE_OK);
    assert_int_equal(run_sql(f, "PRAGMA user_version = 99"), 0);
    snprintf(copy, sizeof copy, "%s/copy.db", f->folder);
    read_whole(f->path, &bytes);
    write_whole(copy, bytes.data, bytes.len);
    snprintf(log, sizeof log, "%s-wal", f->path);
    read_whole(log, &bytes);
    assert_true(bytes.len > 0);
    snprintf(log, sizeof log, "%s-wal", copy);
    write_whole(log, bytes.data, bytes.len);
    close_store(f);
    strcpy(f->path, copy);
    assert_refused_and_untouched(f, STORE_NEWER, ERR_NEWER);
    struct str after = STR_INIT;
    read_whole(log, &after);
    assert_int_equal(after.len, bytes.len);
    str_done(&after);
    str_done(&bytes);
}

static void test_missing_is_not_created(void **state)
{
    struct fixture *f = *state;
    int64_t rows;
    open_store(f, true, STORE_MISSING);
    assert_int_equal(write_text(f, "x", "y"), ERR_LOST);
    assert_int_equal(count(f, &rows), ERR_LOST);
    assert_int_equal(access(f->path, F_OK), -1);
}

static void test_empty_is_missing(void **state)
{
    struct fixture *f = *state;
    write_whole(f->path, "", 0);
    assert_refused_and_untouched(f, STORE_MISSING, ERR_LOST);
}

static void test_only_the_log_is_left(void **state)
{
    struct fixture *f = *state;
    char log[128];
    snprintf(log, sizeof log, "%s-wal", f->path);
    write_whole(log, "frames", 6);
    open_store(f, false, STORE_MISSING);
    assert_int_equal(access(f->path, F_OK), -1);
}

static void test_schema_version(void **state)
{
    struct fixture *f = *state;
    int64_t version = 0;
    open_store(f, false, STORE_OK);
    assert_int_equal(store_read(f->store, "PRAGMA user_version", count_row, &version, ""), 0);
    assert_int_equal(version, store_schema_version());
}

/* ---- full ---- */

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_full_and_well_again(void **state)
{
    struct fixture *f = *state;
    int64_t rows = 0;
    char *large = malloc(500000);
    memset(large, 'l', 500000);
    large[499999] = '\0';
    make_store(f);
    open_store(f, true, STORE_OK);
    signal(SIGXFSZ, SIG_IGN);
    set_file_limit(200000);
    assert_int_equal(write_text(f, "large", large), ERR_FULL);
    assert_int_equal(store_health(f->store), STORE_FULL);
    assert_int_equal(count(f, &rows), 0); /* reading goes on */
    assert_int_equal(rows, 40);
    set_file_limit(0);
    assert_int_equal(write_text(f, "large", large), 0);
    assert_int_equal(store_health(f->store), STORE_OK);
    assert_string_equal(store_trouble(f->store), "");
    assert_int_equal(count(f, &rows), 0);
    assert_int_equal(rows, 41);
    free(large);
}

static void note_result(void *user, int result)
{
    *(int *)user = result;
}

/* The one batch that does not fit must not take with it those that were to be committed in the same go. */
static void test_full_for_one_batch_only(void **state)
{
    struct fixture *f = *state;
    int results[3] = {1, 1, 1};
    char *large = malloc(500000);
    memset(large, 'l', 500000);
    large[499999] = '\0';
    make_store(f);
    open_store(f, true, STORE_OK);
    signal(SIGXFSZ, SIG_IGN);
    set_file_limit(200000);
    const char *values[] = {"small", large, "small"};
    for (int i = 0; i < 3; i++) {
        struct store_batch *batch = store_batch_new();
        store_batch_add(batch, INSERT, "tt", (char[]){(char)('a' + i), 0}, values[i]);
        store_submit(f->store, batch, note_result, &results[i]);
    }
    close_store(f);
    set_file_limit(0);
    assert_int_equal(results[0], 0);
    assert_int_equal(results[1], ERR_FULL);
    assert_int_equal(results[2], 0);
    int64_t rows = 0;
    open_store(f, true, STORE_OK);
    assert_int_equal(count(f, &rows), 0);
    assert_int_equal(rows, 42);
    free(large);
}

/* An empty transaction fits on a full disk: a question must not be one. */
static void test_a_question_makes_no_full_disk_well(void **state)
{
    struct fixture *f = *state;
    int result = 1;
    char *large = malloc(500000);
    memset(large, 'l', 500000);
    large[499999] = '\0';
    make_store(f);
    open_store(f, true, STORE_OK);
    signal(SIGXFSZ, SIG_IGN);
    set_file_limit(200000);
    assert_int_equal(write_text(f, "large", large), ERR_FULL);
    store_ask(f->store, note_result, &result);
    while (result == 1) {
        loop_turn(f->loop, true);
    }
    set_file_limit(0);
    assert_int_equal(result, 0);
    assert_int_equal(store_health(f->store), STORE_FULL);
    free(large);
}

static void test_a_store_that_refuses_answers_all_the_same(void **state)
{
    struct fixture *f = *state;
    int result = 1;
    open_store(f, true, STORE_MISSING);
    store_ask(f->store, note_result, &result);
    while (result == 1) {
        loop_turn(f->loop, true);
    }
    assert_int_equal(result, ERR_LOST);
    assert_int_equal(store_health(f->store), STORE_MISSING);
}

static void test_full_by_pages(void **state)
{
    struct fixture *f = *state;
    make_store(f);
    open_store(f, true, STORE_OK);
    assert_int_equal(run_sql(f, "PRAGMA max_page_count = 1"), 0); /* means: no further page */
    int result = 0;
    for (int i = 0; i < 20 && result == 0; i++) {
        char key[8], value[2000];
        snprintf(key, sizeof key, "p%d", i);
        memset(value, 'p', sizeof value);
        value[sizeof value - 1] = '\0';
        result = write_text(f, key, value);
    }
    assert_int_equal(result, ERR_FULL);
    assert_int_equal(run_sql(f, "PRAGMA max_page_count = 100000"), 0);
    assert_int_equal(write_text(f, "later", "x"), 0);
    assert_int_equal(store_health(f->store), STORE_OK);
}

/* Runs `check` in a child without root's rights, so that permissions count. */
static void as_nobody(struct fixture *f, int (*check)(struct fixture *f))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct loop *loop;
        if (geteuid() == 0 && (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))) {
            _exit(90);
        }
        f->loop = NULL;
        if (loop_new(&loop)) {
            _exit(91);
        }
        f->loop = loop;
        _exit(check(f));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* `step` numbers what went wrong: it is the child's exit status. */
static int check_read_only(struct fixture *f)
{
    struct store_config config = {.path = f->path, .expected = true};
    int64_t rows = 0;
    if (store_open(f->loop, &config, &f->store) || store_health(f->store) != STORE_FULL) {
        return 1;
    }
    if (count(f, &rows) || rows != 40) {
        return 2;
    }
    if (write_text(f, "x", "y") != ERR_FULL || store_health(f->store) != STORE_FULL) {
        return 3;
    }
    if (chmod(f->folder, 0700) || chmod(f->path, 0600)) {
        return 4; /* the folder is the child's own */
    }
    if (write_text(f, "x", "y") != 0 || store_health(f->store) != STORE_OK) {
        return 5;
    }
    if (count(f, &rows) || rows != 41) {
        return 6;
    }
    store_close(f->store);
    return 0;
}

static void give_to_nobody(struct fixture *f)
{
    if (geteuid() == 0) {
        assert_int_equal(chown(f->path, NOBODY, NOBODY), 0);
        assert_int_equal(chown(f->folder, NOBODY, NOBODY), 0);
    }
}

static void test_read_only_at_the_start_is_read_and_recovers(void **state)
{
    struct fixture *f = *state;
    make_store(f);
    give_to_nobody(f);
    assert_int_equal(chmod(f->path, 0400), 0);
    assert_int_equal(chmod(f->folder, 0500), 0);
    as_nobody(f, check_read_only);
}

static int check_unreadable(struct fixture *f)
{
    struct store_config config = {.path = f->path, .expected = true};
    int64_t rows = 0;
    if (store_open(f->loop, &config, &f->store) || store_health(f->store) != STORE_FULL) {
        return 1;
    }
    if (count(f, &rows) != ERR_FULL || write_text(f, "x", "y") != ERR_FULL) {
        return 2;
    }
    if (chmod(f->path, 0600) || write_text(f, "x", "y") != ERR_FULL || store_health(f->store) != STORE_FULL) {
        return 3; /* what was never read must not be written over */
    }
    store_close(f->store);
    return 0;
}

static void test_unreadable_at_the_start_stays_refused(void **state)
{
    struct fixture *f = *state;
    make_store(f);
    give_to_nobody(f);
    assert_int_equal(chmod(f->path, 0), 0);
    as_nobody(f, check_unreadable);
}

static void test_no_folder(void **state)
{
    struct fixture *f = *state;
    snprintf(f->path, sizeof f->path, "%s/none/store.db", f->folder);
    open_store(f, false, STORE_FULL);
    assert_int_equal(write_text(f, "x", "y"), ERR_FULL);
}

/* ---- setting aside ---- */

static void test_set_aside(void **state)
{
    struct fixture *f = *state;
    struct str where = STR_INIT, bytes = STR_INIT, moved = STR_INIT;
    char log[128];
    assert_int_equal(store_set_aside(f->path, &where), ERR_NOT_FOUND);
    assert_int_equal(where.len, 0);
    make_store(f);
    snprintf(log, sizeof log, "%s-wal", f->path);
    write_whole(log, "frames", 6);
    read_whole(f->path, &bytes);
    assert_int_equal(store_set_aside(f->path, &where), 0);
    assert_int_equal(access(f->path, F_OK), -1);
    assert_int_equal(access(log, F_OK), -1);
    assert_int_equal(where.len, strlen(f->path) + strlen(".YYYYMMDD-HHMMSS"));
    read_whole(str_z(&where), &moved);
    assert_int_equal(moved.len, bytes.len);
    assert_memory_equal(moved.data, bytes.data, bytes.len);
    str_add_z(&where, "-wal");
    assert_int_equal(access(str_z(&where), F_OK), 0);
    str_done(&where);
    str_done(&bytes);
    str_done(&moved);
    open_store(f, false, STORE_OK); /* and a new one may be begun */
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_header_damaged),
        T(test_pages_damaged),
        T(test_cut_short),
        T(test_not_a_database),
        T(test_damage_that_shows_while_running),
        T(test_a_database_of_somebody_else),
        T(test_newer),
        T(test_newer_with_a_log),
        T(test_missing_is_not_created),
        T(test_empty_is_missing),
        T(test_only_the_log_is_left),
        T(test_schema_version),
        T(test_full_and_well_again),
        T(test_full_for_one_batch_only),
        T(test_a_question_makes_no_full_disk_well),
        T(test_a_store_that_refuses_answers_all_the_same),
        T(test_full_by_pages),
        T(test_read_only_at_the_start_is_read_and_recovers),
        T(test_unreadable_at_the_start_stays_refused),
        T(test_no_folder),
        T(test_set_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
