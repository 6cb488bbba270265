/* Small whole files: old or new and never half, made once however many ask, caps, modes, sentences. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/file.h"

static char folder[32];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/file_test.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "chmod -R u+w %s && rm -r %s", folder, folder);
    return system(command);
}

static const char *in_folder(const char *name)
{
    static char path[192];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static unsigned entries(void)
{
    unsigned count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        count += e->d_name[0] != '.';
    }
    closedir(dir);
    return count;
}

static void assert_content(const char *name, const char *text)
{
    struct str s = STR_INIT;
    assert_int_equal(file_read(in_folder(name), 4096, &s), 0);
    assert_string_equal(str_z(&s), text);
    str_done(&s);
}

static void test_write_and_read(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(file_write(in_folder("a"), "old", 3, 0600), 0);
    assert_content("a", "old");
    assert_int_equal(stat(in_folder("a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    ino_t before = st.st_ino;
    assert_int_equal(file_write(in_folder("a"), "newer", 5, 0640), 0);
    assert_content("a", "newer");
    assert_int_equal(stat(in_folder("a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640); /* whatever the umask */
    assert_int_not_equal(st.st_ino, before);    /* renamed over, not written into */
    assert_int_equal(file_write(in_folder("a"), "", 0, 0600), 0);
    assert_content("a", "");
    assert_int_equal(entries(), 1); /* nothing is left beside it */
}

static void test_read_appends_and_caps(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    char big[40000];
    memset(big, 'x', sizeof big);
    assert_int_equal(file_write(in_folder("big"), big, sizeof big, 0600), 0);
    str_add_z(&s, "kept");
    assert_int_equal(file_read(in_folder("big"), sizeof big - 1, &s), ERR_TOO_LARGE);
    assert_string_equal(str_z(&s), "kept");
    assert_int_equal(file_read(in_folder("big"), sizeof big, &s), 0);
    assert_int_equal(s.len, sizeof big + 4);
    assert_memory_equal(s.data, "keptxxxx", 8);
    assert_int_equal(s.data[s.len], 0);
    str_done(&s);
}

static void test_read_failures(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    assert_int_equal(file_read(in_folder("absent"), 10, &s), ERR_NOT_FOUND);
    assert_int_equal(file_read(in_folder("absent/deeper"), 10, &s), ERR_NOT_FOUND);
    assert_int_equal(file_read(folder, 10, &s), ERR_IO);
    assert_int_equal(file_write(in_folder("f"), "x", 1, 0600), 0);
    assert_int_equal(file_read(in_folder("f/x"), 10, &s), ERR_NOT_FOUND);
    assert_int_equal(s.len, 0);
    str_done(&s);
}

static void test_write_failures(void **state)
{
    (void)state;
    char link_path[192];
    assert_int_equal(file_write(in_folder("absent/x"), "x", 1, 0600), ERR_NOT_FOUND);
    assert_int_equal(mkdir(in_folder("dir"), 0700), 0);
    assert_true(file_write(in_folder("dir"), "x", 1, 0600) < 0); /* a directory is not replaced */
    assert_int_equal(file_create(in_folder("dir"), "x", 1, 0600), ERR_EXISTS);
    assert_int_equal(entries(), 1);
    assert_true(file_write("/proc/lightbridge-test", "x", 1, 0600) < 0);
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    assert_int_equal(symlink("/dev/full", link_path), 0);
    assert_int_equal(file_write(link_path, "x", 1, 0600), 0); /* the link is replaced, what it names is not touched */
    struct stat st;
    assert_int_equal(lstat(link_path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
}

static void test_permissions(void **state)
{
    (void)state;
    struct str s = STR_INIT, why = STR_INIT;
    if (geteuid() == 0) {
        pid_t child = fork();
        if (child > 0) {
            int status = 0;
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_int_equal(WEXITSTATUS(status), 0);
            return;
        }
    }
    int wrong = 0;
    file_write(in_folder("secret"), "x\n", 2, 0600);
    chmod(in_folder("secret"), 0);
    chmod(folder, 0755);
    if (geteuid() == 0) {
        wrong += setgid(65534) != 0;
        wrong += setuid(65534) != 0;
    }
    wrong += file_read(in_folder("secret"), 10, &s) != ERR_DENIED;
    wrong += file_read_secret(in_folder("secret"), &s, &why) != ERR_DENIED;
    wrong += strstr(str_z(&why), "secret: not allowed") == NULL;
    if (getuid() == 65534) {
        wrong += file_write(in_folder("other"), "x", 1, 0600) != ERR_DENIED;
        wrong += file_create(in_folder("other"), "x", 1, 0600) != ERR_DENIED;
    }
    str_done(&s);
    str_done(&why);
    if (getuid() == 65534) {
        _exit(wrong);
    }
    assert_int_equal(wrong, 0);
}

/* Eight at once: one makes it, the others are told, and what is there is whole. */
static void test_create_race(void **state)
{
    (void)state;
    int go[2];
    pid_t children[8];
    unsigned made = 0, exists = 0;
    assert_int_equal(pipe(go), 0);
    for (int i = 0; i < 8; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char key[4097], wait;
            memset(key, 'a' + i, sizeof key);
            close(go[1]);
            (void)!read(go[0], &wait, 1);
            int err = file_create(in_folder("key"), key, sizeof key, 0600);
            _exit(err == 0 ? 0 : err == ERR_EXISTS ? 1 : 2);
        }
    }
    close(go[0]);
    close(go[1]); /* the starting gun */
    for (int i = 0; i < 8; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        made += WEXITSTATUS(status) == 0;
        exists += WEXITSTATUS(status) == 1;
    }
    assert_int_equal(made, 1);
    assert_int_equal(exists, 7);
    assert_int_equal(entries(), 1);
    struct str s = STR_INIT;
    assert_int_equal(file_read(in_folder("key"), 5000, &s), 0);
    assert_int_equal(s.len, 4097);
    for (size_t i = 1; i < s.len; i++) {
        assert_int_equal(s.data[i], s.data[0]);
    }
    str_done(&s);
}

static void test_secrets(void **state)
{
    (void)state;
    static const struct {
        const char *content, *secret, *why;
    } rows[] = {
        {"s3cret", "s3cret", NULL},
        {"s3cret\n", "s3cret", NULL},
        {"s3cret\r\n\n", "s3cret", NULL},
        {" with spaces & more ", " with spaces & more ", NULL},
        {"", NULL, "is empty; it must hold the secret in one line"},
        {"\n\n", NULL, "is empty; it must hold the secret in one line"},
        {"one\ntwo\n", NULL, "has more than one line; it must hold the secret alone"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str s = STR_INIT, why = STR_INIT;
        assert_int_equal(file_write(in_folder("s"), rows[i].content, strlen(rows[i].content), 0600), 0);
        assert_int_equal(file_read_secret(in_folder("s"), &s, &why), rows[i].secret ? 0 : ERR_INVALID);
        assert_string_equal(str_z(&s), rows[i].secret ? rows[i].secret : "");
        assert_int_equal(why.len > 0, rows[i].why != NULL);
        assert_true(!rows[i].why || strstr(str_z(&why), rows[i].why));
        assert_int_equal(file_read_secret(in_folder("s"), &s, NULL), rows[i].secret ? 0 : ERR_INVALID);
        str_done(&s);
        str_done(&why);
    }
    struct str s = STR_INIT, why = STR_INIT;
    char big[FILE_SECRET_MAX + 1];
    memset(big, 'x', sizeof big);
    assert_int_equal(file_write(in_folder("s"), big, sizeof big, 0600), 0);
    assert_int_equal(file_read_secret(in_folder("s"), &s, &why), ERR_TOO_LARGE);
    assert_int_equal(file_write(in_folder("s"), "a\0b", 3, 0600), 0);
    assert_int_equal(file_read_secret(in_folder("s"), &s, &why), ERR_INVALID);
    assert_int_equal(file_read_secret(in_folder("absent"), &s, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(str_z(&why), "absent: no such thing"));
    assert_int_equal(s.len, 0);
    str_done(&s);
    str_done(&why);
}

static void test_resolve(void **state)
{
    (void)state;
    static const struct {
        const char *base, *path, *resolved;
    } rows[] = {
        {"/etc/lightbridge/lightbridge.yaml", "x.secret", "/etc/lightbridge/x.secret"},
        {"/etc/lightbridge/lightbridge.yaml", "/run/x", "/run/x"},
        {"/a.yaml", "x", "/x"},
        {"a.yaml", "x", "x"},
        {"sub/a.yaml", "../x", "sub/../x"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *resolved = file_resolve(rows[i].base, rows[i].path);
        assert_string_equal(resolved, rows[i].resolved);
        free(resolved);
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_write_and_read), IN_FOLDER(test_read_appends_and_caps), IN_FOLDER(test_read_failures),
        IN_FOLDER(test_write_failures), IN_FOLDER(test_permissions),           IN_FOLDER(test_create_race),
        IN_FOLDER(test_secrets),        cmocka_unit_test(test_resolve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
