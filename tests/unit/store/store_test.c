/* Writing: durable, in order, together in few commits, each batch all or nothing. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "loop/loop.h"

#define INSERT "INSERT INTO meta (key, value) VALUES (?1, ?2)"

struct fixture {
    struct loop *loop;
    struct store *store;
    char folder[64];
    char path[96];
    int done[2000];
    int done_count;
    int wait_for;
};

static void open_store(struct fixture *f)
{
    struct store_config config = {.path = f->path};
    assert_int_equal(store_open(f->loop, &config, &f->store), 0);
}

static int set_up(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    strcpy(f.folder, "/tmp/store_test.XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.path, sizeof f.path, "%s/a store?.db", f.folder);
    assert_int_equal(loop_new(&f.loop), 0);
    open_store(&f);
    assert_int_equal(store_health(f.store), STORE_OK);
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

static struct store_batch *insert(const char *key, int64_t value)
{
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, INSERT, "ti", key, value);
    return batch;
}

static void note_done(void *user, int result)
{
    struct fixture *f = user;
    f->done[f->done_count++] = result;
    if (f->done_count == f->wait_for) {
        loop_stop(f->loop);
    }
}

static int count_row(void *user, const struct store_row *row)
{
    *(int64_t *)user = store_row_int(row, 0);
    return 0;
}

static int64_t count(struct fixture *f)
{
    int64_t rows = -1;
    assert_int_equal(store_read(f->store, "SELECT count(*) FROM meta", count_row, &rows, ""), 0);
    return rows;
}

static void test_what_was_answered_is_there_after_reopening(void **state)
{
    struct fixture *f = *state;
    struct stat status;
    assert_int_equal(store_write(f->store, insert("a", 1)), 0);
    assert_int_equal(stat(f->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    store_close(f->store);
    open_store(f);
    assert_int_equal(count(f), 1);
}

static int check_row(void *user, const struct store_row *row)
{
    size_t len;
    ++*(int *)user;
    assert_int_equal(store_row_int(row, 0), -5000000000);
    assert_string_equal(store_row_text(row, 2), "caf\xc3\xa9");
    assert_memory_equal(store_row_blob(row, 3, &len), "\0b\0", 3);
    assert_int_equal(len, 3);
    assert_null(store_row_text(row, 4));
    assert_null(store_row_blob(row, 4, &len));
    assert_int_equal(len, 0);
    assert_non_null(store_row_blob(row, 5, &len)); /* empty is not NULL */
    assert_int_equal(len, 0);
    assert_string_equal(store_row_text(row, 6), "");
    assert_null(store_row_text(row, 7));
    return 0;
}

static void test_every_type_comes_back(void **state)
{
    struct fixture *f = *state;
    int rows = 0;
    char text[] = "caf\xc3\xa9";
    char blob[] = {0, 'b', 0};
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "CREATE TABLE t (a, b, c, d, e, f, g, h)", "");
    store_batch_add(batch, "INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", "irtbnbtt", (int64_t)-5000000000,
                    0.25, text, (void *)blob, sizeof blob, "", (size_t)0, "", (char *)NULL);
    memset(text, 'x', sizeof text); /* copied already */
    memset(blob, 'x', sizeof blob);
    assert_int_equal(store_write(f->store, batch), 0);
    assert_int_equal(store_read(f->store, "SELECT * FROM t WHERE a = ?1 AND c = ?2", check_row, &rows, "it",
                                (int64_t)-5000000000, "caf\xc3\xa9"),
                     0);
    assert_int_equal(rows, 1);
}

static int stop_at_two(void *user, const struct store_row *row)
{
    (void)row;
    return ++*(int *)user == 2 ? ERR_RANGE : 0;
}

static void test_reading_stops_when_told(void **state)
{
    struct fixture *f = *state;
    int rows = 0;
    for (int i = 0; i < 4; i++) {
        char key[8];
        snprintf(key, sizeof key, "%d", i);
        assert_int_equal(store_write(f->store, insert(key, i)), 0);
    }
    assert_int_equal(store_read(f->store, "SELECT * FROM meta", stop_at_two, &rows, ""), ERR_RANGE);
    assert_int_equal(rows, 2);
    assert_int_equal(store_read(f->store, "SELECT * FROM nowhere", stop_at_two, &rows, ""), ERR_IO);
    assert_int_equal(store_health(f->store), STORE_OK);
}

static void submit_many(struct fixture *f, int number, int twice)
{
    for (int i = 0; i < number; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i == twice ? 0 : i);
        store_submit(f->store, insert(key, i), note_done, f);
    }
    assert_int_equal(f->done_count, 0); /* never from inside the call */
    f->wait_for = number;
    loop_run(f->loop);
}

static void test_many_batches_few_commits(void **state)
{
    struct fixture *f = *state;
    submit_many(f, 2000, -1);
    struct store_stats stats = store_stats(f->store);
    assert_int_equal(stats.batches, 2000);
    assert_int_equal(stats.failures, 0);
    assert_in_range(stats.commits, 1, 400);
    assert_int_equal(count(f), 2000);
}

static void test_a_failing_batch_fails_alone(void **state)
{
    struct fixture *f = *state;
    submit_many(f, 1000, 500);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(f->done[i], i == 500 ? ERR_EXISTS : 0);
    }
    assert_int_equal(count(f), 999);
    assert_int_equal(store_stats(f->store).failures, 1);
    assert_int_equal(store_health(f->store), STORE_OK);
}

static void test_a_failing_statement_undoes_its_batch(void **state)
{
    struct fixture *f = *state;
    struct store_batch *batch = insert("a", 1);
    store_batch_add(batch, INSERT, "ti", "b", (int64_t)2);
    store_batch_add(batch, INSERT, "ti", "a", (int64_t)3);
    assert_int_equal(store_write(f->store, batch), ERR_EXISTS); /* alone in its commit */
    assert_int_equal(count(f), 0);
    for (int i = 0; i < 3; i++) { /* and among others */
        batch = insert("c", i);
        store_batch_add(batch, INSERT, "tt", "d", i == 0 ? NULL : "x"); /* NOT NULL */
        store_submit(f->store, batch, note_done, f);
    }
    store_submit(f->store, insert("e", 1), note_done, f);
    f->wait_for = 4;
    loop_run(f->loop);
    assert_int_equal(f->done[0], ERR_IO);
    assert_int_equal(f->done[1], 0);
    assert_int_equal(f->done[2], ERR_EXISTS);
    assert_int_equal(f->done[3], 0);
    assert_int_equal(count(f), 3);
}

static void test_foreign_keys_hold(void **state)
{
    struct fixture *f = *state;
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "INSERT INTO callbacks (link_id, state) VALUES (?1, 'x')", "b", "none", (size_t)4);
    assert_int_equal(store_write(f->store, batch), ERR_NOT_FOUND);
}

static int append_key(void *user, const struct store_row *row)
{
    strcat(user, store_row_text(row, 0));
    return 0;
}

static void test_order_is_kept(void **state)
{
    struct fixture *f = *state;
    char all[64] = "";
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "CREATE TABLE t (n INTEGER PRIMARY KEY AUTOINCREMENT, k TEXT)", "");
    store_submit(f->store, batch, NULL, NULL);
    for (const char *key = "abcdefgh"; *key; key++) {
        batch = store_batch_new();
        store_batch_add(batch, "INSERT INTO t (k) VALUES (?1)", "t", (char[]){*key, 0});
        store_submit(f->store, batch, NULL, NULL);
    }
    /* store_read waits for what was submitted */
    assert_int_equal(store_read(f->store, "SELECT k FROM t ORDER BY n", append_key, all, ""), 0);
    assert_string_equal(all, "abcdefgh");
}

static void test_closing_commits_what_was_submitted(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        store_submit(f->store, insert(key, i), note_done, f);
    }
    store_close(f->store);
    assert_int_equal(f->done_count, 200);
    open_store(f);
    assert_int_equal(count(f), 200);
}

static void test_memory_store(void **state)
{
    struct fixture *f = *state;
    struct store *memory;
    struct store_config config = {.path = ":memory:", .expected = true};
    assert_int_equal(store_open(f->loop, &config, &memory), 0);
    assert_int_equal(store_health(memory), STORE_OK);
    assert_int_equal(store_write(memory, insert("a", 1)), 0);
    assert_int_equal(store_write(memory, insert("a", 1)), ERR_EXISTS);
    store_close(memory);
}

static void test_batch_that_was_not_submitted(void **state)
{
    (void)state;
    store_batch_free(insert("a", 1));
    store_batch_free(NULL);
    store_close(NULL);
}

static void test_a_question_is_answered_in_its_turn_and_commits_nothing(void **state)
{
    struct fixture *f = *state;
    const uint64_t before = store_stats(f->store).commits;
    f->wait_for = 4;
    store_submit(f->store, insert("a", 1), note_done, f);
    store_ask(f->store, note_done, f);
    store_submit(f->store, insert("a", 2), note_done, f); /* the key is taken */
    store_ask(f->store, note_done, f);
    loop_run(f->loop);
    assert_int_equal(f->done_count, 4);
    assert_int_equal(f->done[0], 0);
    assert_int_equal(f->done[1], 0);
    assert_int_equal(f->done[2], ERR_EXISTS);
    assert_int_equal(f->done[3], 0);
    const struct store_stats after = store_stats(f->store);
    assert_int_equal(after.batches, 2);
    assert_in_range(after.commits, before + 1, before + 2);
    f->wait_for = 5;
    store_ask(f->store, note_done, f);
    loop_run(f->loop);
    assert_int_equal(f->done[4], 0);
    assert_int_equal(store_stats(f->store).commits, after.commits);
    assert_int_equal(count(f), 1);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_what_was_answered_is_there_after_reopening),
        T(test_every_type_comes_back),
        T(test_reading_stops_when_told),
        T(test_many_batches_few_commits),
        T(test_a_failing_batch_fails_alone),
        T(test_a_failing_statement_undoes_its_batch),
        T(test_foreign_keys_hold),
        T(test_order_is_kept),
        T(test_closing_commits_what_was_submitted),
        T(test_memory_store),
        T(test_batch_that_was_not_submitted),
        T(test_a_question_is_answered_in_its_turn_and_commits_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
