/* Files that take their places together: stopped at any move, all are there or none. rename and unlink are this
   program's own, so that a process dies before the one it is told. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/place.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"

static int dies_at = -1; /* calls until then */

static void step(void)
{
    if (dies_at == 0) {
        _exit(7);
    }
    dies_at -= dies_at > 0;
}

int rename(const char *from, const char *to)
{
    step();
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0u);
}

int unlink(const char *path)
{
    step();
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

static char folder[64], store[96];

static char *in(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    assert_int_equal(file_write(in(name), text, strlen(text), 0600), 0);
}

/* "" where it is not there. */
static const char *text_of(const char *path)
{
    static struct str texts[4];
    static unsigned next;
    struct str *text = &texts[next++ % 4];
    str_clear(text);
    (void)file_read(path, 1000, text);
    return str_z(text);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/place_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(store, sizeof store, "%s/store.db", folder);
    log_set_level(LOG_LEVEL_ERROR);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* Everything of an old installation, or nothing. */
static void lay_out(bool old)
{
    char command[160];
    snprintf(command, sizeof command, "rm -f %s/*", folder);
    assert_int_equal(system(command), 0);
    if (old) {
        put("store.db", "old store");
        put("store.db-wal", "old log");
        put("token.key", "old key");
    }
    put("same.secret", "untouched");
}

static int restore(struct str *aside)
{
    struct str why = STR_INIT;
    struct place *place = place_new(store);
    (void)file_write(place_stage(place, in("new.yaml")), "new yaml", 8, 0600);
    (void)file_write(place_stage(place, in("token.key")), "new key", 7, 0600);
    place_clear(place, store, "-wal");
    place_clear(place, store, "-shm");
    (void)file_write(place_stage(place, store), "new store", 9, 0600);
    int result = place_commit(place, aside, &why);
    place_free(place);
    str_done(&why);
    return result;
}

/* In a process that dies before the call with this number. True: it got to its end. */
static bool dying_at(int call, bool finish)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct str text = STR_INIT;
        dies_at = call;
        int result = finish ? place_finish(store, &text) : restore(&text);
        str_done(&text);
        _exit(result == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 7));
    return WEXITSTATUS(status) == 0;
}

static void assert_old(bool old)
{
    assert_string_equal(text_of(store), old ? "old store" : "");
    assert_string_equal(text_of(in("store.db-wal")), old ? "old log" : "");
    assert_string_equal(text_of(in("token.key")), old ? "old key" : "");
    assert_string_equal(text_of(in("new.yaml")), "");
}

static void assert_new(bool old)
{
    char command[200];
    assert_string_equal(text_of(store), "new store");
    assert_string_equal(text_of(in("token.key")), "new key");
    assert_string_equal(text_of(in("new.yaml")), "new yaml");
    assert_string_equal(text_of(in("same.secret")), "untouched");
    assert_int_not_equal(access(in("store.db-wal"), F_OK), 0);
    assert_int_not_equal(access(in("store.db.restore"), F_OK), 0);
    if (old) { /* under names that SQLite takes for one database */
        snprintf(
            command, sizeof command,
            "cd %s && n=$(ls store.db.2* | grep -v -- -wal) && grep -qx 'old store' $n && grep -qx 'old log' $n-wal"
            " && grep -qx 'old key' token.key.2*",
            folder);
        assert_int_equal(system(command), 0);
    }
    /* nothing else lies about, but what file_write leaves where it is stopped: a list of names */
    snprintf(command, sizeof command, "test $(ls %s | grep -v 'restor[a-z]*[.]......$' | wc -l) = %d", folder,
             old ? 7 : 4);
    assert_int_equal(system(command), 0);
}

static void test_stopped_anywhere(void **state)
{
    (void)state;
    struct str why = STR_INIT;
    for (int old = 0; old < 2; old++) {
        int with_journal = 0;
        bool ended = false;
        for (int call = 0; !ended; call++) {
            lay_out(old);
            ended = dying_at(call, false);
            if (access(in("store.db.restore"), F_OK) != 0 && !ended && with_journal == 0) {
                assert_old(old);
                assert_int_equal(place_finish(store, &why), 0);
                assert_old(old);
                assert_true(dying_at(-1, false)); /* what was left over does not hinder the next attempt */
            } else {
                with_journal += !ended;
                assert_int_equal(place_finish(store, &why), 0);
            }
            assert_new(old);
        }
        assert_true(with_journal >= (old ? 6 : 3)); /* before each move, and before the journal goes */
    }
    str_done(&why);
}

static void test_finishing_is_stopped_too(void **state)
{
    (void)state;
    struct str why = STR_INIT;
    bool ended = false;
    for (int call = 0; !ended; call++) {
        lay_out(true);
        int first = 0;
        while (access(in("store.db.restore"), F_OK) != 0) { /* until it dies right behind the journal */
            lay_out(true);
            assert_false(dying_at(first++, false));
        }
        ended = dying_at(call, true);
        assert_int_equal(place_finish(store, &why), 0);
        assert_new(true);
    }
    str_done(&why);
}

static void test_names_what_went_aside(void **state)
{
    (void)state;
    struct str aside = STR_INIT;
    lay_out(false);
    assert_int_equal(restore(&aside), 0);
    assert_string_equal(str_z(&aside), "");
    assert_int_equal(restore(&aside), 0);
    assert_int_equal(str_z(&aside)[0], '.');
    struct str again = STR_INIT;
    assert_int_equal(restore(&again), 0); /* within the same second, perhaps: nothing is overwritten */
    assert_string_not_equal(str_z(&aside), str_z(&again));
    str_done(&aside);
    str_done(&again);
}

static void test_a_journal_that_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "something\n", "lightbridge restore 1\n/a\n/b\n",
                                        "lightbridge restore 1\n/a\n\n/c\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct str why = STR_INIT;
        lay_out(true);
        put("store.db.restore", texts[i]);
        assert_int_equal(place_finish(store, &why), ERR_INVALID);
        assert_non_null(strstr(str_z(&why), "store.db.restore: is no journal"));
        assert_string_equal(text_of(store), "old store");
        str_done(&why);
    }
}

static void test_given_up(void **state)
{
    (void)state;
    lay_out(true);
    struct place *place = place_new(store);
    assert_int_equal(file_write(place_stage(place, store), "new store", 9, 0600), 0);
    assert_false(place_begun(place));
    place_free(place);
    assert_old(true);
    assert_int_not_equal(access(in("store.db.restoring"), F_OK), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_stopped_anywhere),
        T(test_finishing_is_stopped_too),
        T(test_names_what_went_aside),
        T(test_a_journal_that_is_none),
        T(test_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
