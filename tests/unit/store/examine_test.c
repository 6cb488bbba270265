/* Reading a store through: sound, damaged, not there, not ours to read or write; and nothing is ever written. */
#include "store/store.h"

#include <fcntl.h>
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

#define SOMEBODY 65534 /* nobody's: root may read and write everything */

struct fixture {
    struct loop *loop;
    char folder[64], path[96];
};

static struct store *open_store(const struct fixture *f)
{
    struct store *store = NULL;
    assert_int_equal(store_open(f->loop, &(struct store_config){.path = f->path}, &store), 0);
    assert_int_equal(store_health(store), STORE_OK);
    return store;
}

static void add_row(struct store *store, const char *key)
{
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "INSERT INTO meta (key, value) VALUES (?1, ?2)", "tt", key, key);
    assert_int_equal(store_write(store, batch), 0);
}

static int set_up(void **state)
{
    static struct fixture f;
    strcpy(f.folder, "/tmp/examine_test.XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    assert_int_equal(chmod(f.folder, 0755), 0);
    (void)snprintf(f.path, sizeof f.path, "%s/store.db", f.folder);
    assert_int_equal(loop_new(&f.loop), 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[96];
    loop_free(f->loop);
    (void)snprintf(command, sizeof command, "rm -r %s", f->folder);
    return system(command);
}

/* The result; `says`: a part of the reason, "" for none at all. */
static int examine(const struct fixture *f, const char *says)
{
    struct str why = STR_INIT;
    int err = store_examine(f->path, &why);
    if (err == ERR_CORRUPT || err == ERR_IO) {
        assert_memory_equal(str_z(&why), f->path, strlen(f->path));
    }
    if (!strstr(str_z(&why), says)) {
        fail_msg("\"%s\" does not say \"%s\"", str_z(&why), says);
    }
    str_done(&why);
    return err;
}

/* As another user, where this one is root. */
static int examine_as_somebody(const struct fixture *f, const char *says)
{
    bool root = geteuid() == 0;
    if (root) { /* access(2) goes by the real one */
        assert_int_equal(setresuid(SOMEBODY, SOMEBODY, 0), 0);
    }
    int err = examine(f, says);
    if (root) {
        assert_int_equal(setresuid(0, 0, 0), 0);
    }
    return err;
}

static void sound(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(examine(f, ""), ERR_NOT_FOUND);
    struct store *store = open_store(f);
    add_row(store, "one");
    assert_int_equal(examine(f, ""), 0); /* beside a daemon */
    store_close(store);
    assert_int_equal(examine(f, ""), 0);
}

static void nothing_is_written(void **state)
{
    const struct fixture *f = *state;
    struct stat before, after;
    char command[160];
    store_close(open_store(f));
    assert_int_equal(stat(f->path, &before), 0);
    assert_int_equal(examine(f, ""), 0);
    assert_int_equal(stat(f->path, &after), 0);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
    assert_int_equal(before.st_ino, after.st_ino);
    /* a log that a killed daemon left is still there to be read by the next */
    struct store *store = open_store(f);
    add_row(store, "in the log");
    (void)snprintf(command, sizeof command, "cd %s && cp store.db x.db && cp store.db-wal x.db-wal && cp x.db-wal was",
                   f->folder);
    assert_int_equal(system(command), 0);
    store_close(store);
    struct fixture copy = *f;
    (void)snprintf(copy.path, sizeof copy.path, "%s/x.db", f->folder);
    assert_int_equal(examine(&copy, ""), 0);
    (void)snprintf(command, sizeof command, "cmp %s/x.db-wal %s/was", f->folder, f->folder);
    assert_int_equal(system(command), 0);
}

static void damaged(void **state)
{
    const struct fixture *f = *state;
    static const char rubbish[4096] = "rubbish";
    struct store *store = open_store(f);
    for (int i = 0; i < 2000; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "row %d", i);
        add_row(store, key);
    }
    store_close(store);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    int fd = open(f->path, O_WRONLY | O_CLOEXEC);
    for (off_t at = 4096; at < st.st_size; at += (off_t)sizeof rubbish) {
        assert_int_equal(pwrite(fd, rubbish, sizeof rubbish, at), sizeof rubbish);
    }
    assert_int_equal(examine(f, "is damaged: "), ERR_CORRUPT);
    assert_int_equal(pwrite(fd, rubbish, sizeof rubbish, 0), sizeof rubbish); /* the header, too */
    close(fd);
    assert_int_equal(examine(f, "is damaged: "), ERR_CORRUPT);
}

static void not_ours(void **state)
{
    const struct fixture *f = *state;
    store_close(open_store(f));
    assert_int_equal(chmod(f->path, 0444), 0);
    assert_int_equal(examine_as_somebody(f, "cannot be written"), ERR_IO);
    assert_int_equal(chmod(f->path, 0), 0);
    assert_int_equal(examine_as_somebody(f, ""), ERR_DENIED);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {T(sound), T(nothing_is_written), T(damaged), T(not_ours)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
