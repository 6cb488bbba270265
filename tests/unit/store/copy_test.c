/* A store as rows and back: all of it, as of one instant, also of an older version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/err.h"
#include "store/copy.h"
#include "store/schema.h"
#include "store/store.h"

static char folder[64], source[96], target[96];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/copy_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(source, sizeof source, "%s/source.db", folder);
    snprintf(target, sizeof target, "%s/target.db", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void execute(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    sqlite3_close(db);
}

static int64_t number(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

static void make(int version)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(source, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(schema_migrate(db, 0, version), SQLITE_OK);
    sqlite3_close(db);
}

/* Every kind of value, an empty blob and an empty text among them, and a row that hangs on another. */
static const char rows[] =
    "INSERT INTO meta VALUES ('bridge_id', x'0102030405060708'), ('real', 1.5), ('text', 'a'), ('empty', x''),"
    " ('nothing', '');"
    "INSERT INTO accounts VALUES ('anna', 'hash', -9223372036854775808), ('b\xc3\xb6rn', 'hash', 9223372036854775807);"
    "INSERT INTO links (id, account, client_id, redirect_uri, scope, salt, seal, generation, created_at, ended_at)"
    " VALUES (x'0000000100000001', 'anna', 'c', 'u', '', x'aa', x'bb', 4294967295, 1, NULL),"
    " (x'0000000200000001', 'anna', 'c', 'u', '', x'', x'bb', 1, 1, 5);"
    "INSERT INTO callbacks (link_id, state, access_token) VALUES (x'0000000100000001', 'granted', 'tok\x7f');"
    "INSERT INTO driver_secrets VALUES ('mqtt', 'key', x'00ff00');";

struct copying {
    struct store_fill *fill;
    int count, stop_at;
    struct str why;
};

static int copy_row(void *user, const char *table, const struct store_value *values, size_t count)
{
    struct copying *copying = user;
    if (++copying->count == copying->stop_at) {
        return ERR_CANCELLED;
    }
    return store_fill_row(copying->fill, table, values, count, &copying->why);
}

static int copy(struct copying *copying)
{
    struct store_dump *dump;
    assert_int_equal(store_dump_open(source, &dump, &copying->why), 0);
    assert_int_equal(store_fill_new(target, store_dump_version(dump), &copying->fill, &copying->why), 0);
    int result = store_dump_rows(dump, copy_row, copying, &copying->why);
    store_dump_close(dump);
    if (result == 0) {
        result = store_fill_end(copying->fill, &copying->why);
    }
    store_fill_free(copying->fill);
    str_done(&copying->why);
    return result;
}

static void assert_same(const char *table)
{
    char sql[400];
    snprintf(
        sql, sizeof sql,
        "ATTACH '%s' AS other; CREATE TEMP TABLE wrong AS SELECT * FROM (SELECT * FROM main.%s EXCEPT SELECT * FROM"
        " other.%s) UNION ALL SELECT * FROM (SELECT * FROM other.%s EXCEPT SELECT * FROM main.%s);"
        "CREATE TEMP TABLE checked (n CHECK (n = 0)); INSERT INTO checked SELECT count(*) FROM wrong",
        target, table, table, table, table);
    execute(source, sql);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct copying copying = {0};
    make(store_schema_version());
    execute(source, rows);
    assert_int_equal(copy(&copying), 0);
    assert_true(copying.count >= 11);
    static const char *const tables[] = {"meta", "accounts", "links", "callbacks", "driver_secrets", "traces"};
    for (size_t i = 0; i < 6; i++) {
        assert_same(tables[i]);
    }
    assert_int_equal(number(target, "SELECT count(*) FROM meta WHERE typeof(value) = 'blob' AND length(value) = 0"), 1);
    assert_int_equal(number(target, "PRAGMA user_version"), store_schema_version());
    assert_int_equal(number(target, "PRAGMA application_id"), SCHEMA_APPLICATION);
    assert_int_not_equal(access(strcat(target, "-wal"), F_OK), 0); /* one file, with nothing beside it */
}

static void test_an_older_version_is_brought_up(void **state)
{
    (void)state;
    struct copying copying = {0};
    make(1);
    execute(source, rows);
    assert_int_equal(copy(&copying), 0);
    assert_int_equal(number(target, "PRAGMA user_version"), store_schema_version());
    assert_int_equal(number(target, "SELECT count(*) FROM links"), 2);
    assert_int_equal(number(target, "SELECT count(*) FROM traces"), 0);
    assert_int_equal(number(source, "PRAGMA user_version"), 1); /* reading changes nothing */
}

/* A writer that goes on does not tear what is read. */
static int write_meanwhile(void *user, const char *table, const struct store_value *values, size_t count)
{
    (void)table;
    (void)values;
    (void)count;
    char sql[100];
    snprintf(sql, sizeof sql, "INSERT INTO accounts VALUES ('new%d', 'hash', 0); DELETE FROM driver_secrets",
             ++*(int *)user);
    execute(source, sql);
    return 0;
}

static void test_one_instant_beside_a_writer(void **state)
{
    (void)state;
    struct store_dump *dump;
    struct str why = STR_INIT;
    int seen = 0;
    int64_t accounts, links;
    make(store_schema_version());
    execute(source, rows);
    assert_int_equal(store_dump_open(source, &dump, &why), 0);
    execute(source, "DELETE FROM meta");
    assert_int_equal(store_dump_count(dump, &accounts, &links, &why), 0);
    assert_true(accounts == 2 && links == 1);
    assert_int_equal(store_dump_rows(dump, write_meanwhile, &seen, &why), 0);
    store_dump_close(dump);
    assert_int_equal(seen, 5 + 2 + 2 + 1 + 1);
    assert_int_equal(number(source, "SELECT count(*) FROM accounts"), 2 + seen);
}

static void test_given_up_half_way(void **state)
{
    (void)state;
    struct copying copying = {.stop_at = 7};
    make(store_schema_version());
    execute(source, rows);
    assert_int_equal(copy(&copying), ERR_CANCELLED);
    assert_int_not_equal(access(target, F_OK), 0);
}

static void test_rows_that_do_not_fit(void **state)
{
    (void)state;
    struct str why = STR_INIT;
    struct store_fill *fill;
    const struct store_value two[] = {{.type = 't', .bytes = "a", .len = 1}, {.type = 'i', .integer = 1}};
    const struct store_value callback[13] = {{.type = 'b', .bytes = "12345678", .len = 8},
                                             {.type = 't', .bytes = "granted", .len = 7},
                                             {.type = 'n'},
                                             {.type = 'n'},
                                             {.type = 'n'},
                                             {.type = 'n'},
                                             {.type = 'n'},
                                             {.type = 'n'},
                                             {.type = 'n'},
                                             {.type = 'n'},
                                             {.type = 'n'},
                                             {.type = 'n'},
                                             {.type = 'i'}};
    assert_int_equal(store_fill_new(target, store_schema_version() + 1, &fill, &why), ERR_NEWER);
    assert_int_equal(store_fill_new(target, store_schema_version(), &fill, &why), 0);
    assert_int_equal(store_fill_row(fill, "meta", two, 1, &why), ERR_INVALID);
    assert_int_equal(store_fill_row(fill, "sqlite_schema", two, 2, &why), ERR_INVALID);
    assert_int_equal(store_fill_row(fill, "meta\"; DROP TABLE links; --", two, 2, &why), ERR_INVALID);
    assert_int_equal(store_fill_row(fill, "meta", two, 2, &why), 0);
    struct store_value row[14];
    memcpy(row, callback, sizeof callback);
    row[13] = (struct store_value){.type = 'n'};
    assert_int_equal(store_fill_row(fill, "callbacks", row, 14, &why), 0); /* its link is missing */
    assert_int_equal(store_fill_end(fill, &why), ERR_CORRUPT);
    store_fill_free(fill);
    assert_int_not_equal(access(target, F_OK), 0);
    str_done(&why);
}

static void test_what_is_no_store(void **state)
{
    (void)state;
    struct str why = STR_INIT;
    struct store_dump *dump;
    char command[300];
    assert_int_equal(store_dump_open(source, &dump, &why), ERR_NOT_FOUND);
    execute(source, "CREATE TABLE something (x)");
    assert_int_equal(store_dump_open(source, &dump, &why), ERR_CORRUPT);
    snprintf(command, sizeof command, "rm %s; yes | head -c 9000 > %s", source, source);
    assert_int_equal(system(command), 0);
    assert_int_equal(store_dump_open(source, &dump, &why), ERR_CORRUPT);
    assert_int_equal(unlink(source), 0);
    make(store_schema_version());
    execute(source, "PRAGMA user_version = 999");
    assert_int_equal(store_dump_open(source, &dump, &why), ERR_NEWER);
    assert_non_null(strstr(str_z(&why), "999"));
    str_done(&why);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_round_trip),        T(test_an_older_version_is_brought_up), T(test_one_instant_beside_a_writer),
        T(test_given_up_half_way), T(test_rows_that_do_not_fit),           T(test_what_is_no_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
