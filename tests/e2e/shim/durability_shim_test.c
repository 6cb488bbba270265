/* The shim around durability_player: the trace has every call in its order, and the process dies where it was told. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char folder[64], path[96], trace[96];
    char text[65536];
    int status;
};

static int set_up(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    strcpy(f.folder, "/tmp/shim_test.XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.path, sizeof f.path, "%s/store.db-wal", f.folder);
    snprintf(f.trace, sizeof f.trace, "%s/trace", f.folder);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    unlink(f->trace);
    return rmdir(f->folder);
}

static void run(struct fixture *f, const char *steps, const char *process, const char *kill_at, const char *when)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO);
        setenv("LD_PRELOAD", SHIM, 1);
        setenv("LB_TRACE", f->trace, 1);
        setenv("LB_TRACE_PROCESS", process, 1);
        if (kill_at) {
            setenv("LB_KILL_AT", kill_at, 1);
            setenv("LB_KILL_WHEN", when, 1);
        }
        execl(PLAYER, PLAYER, f->path, steps, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &f->status, 0), child);
    f->text[0] = '\0';
    int fd = open(f->trace, O_RDONLY);
    if (fd >= 0) {
        ssize_t len = read(fd, f->text, sizeof f->text - 1);
        f->text[len > 0 ? len : 0] = '\0';
        close(fd);
    }
}

/* The trace with one letter for each line: what the player would call the step. */
static void letters(const struct fixture *f, char ret_steps[256])
{
    static const struct {
        const char *op;
        char letter;
    } ops[] = {{"pwrite\tfile", 'w'}, {"write\tfile", 'W'}, {"fdatasync\tfile", 'd'}, {"fsync\tfile", 'f'},
               {"send\ttcp", 's'},    {"writev\ttcp", 'v'}, {"sendmsg\ttcp", 'm'},    {"write\ttcp", 'x'}};
    size_t count = 0;
    for (const char *line = f->text; *line && count < 255; line = strchr(line, '\n') + 1) {
        const char *op = strchr(strchr(line, '\t') + 1, '\t') + 1;
        char letter = '?';
        for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
            if (strncmp(op, ops[i].op, strlen(ops[i].op)) == 0) {
                letter = ops[i].letter;
            }
        }
        assert_int_equal(strtol(line, NULL, 10), (long)count + 1);
        ret_steps[count++] = letter;
    }
    ret_steps[count] = '\0';
}

static void test_every_call_in_its_order(void **state)
{
    struct fixture *f = *state;
    char steps[256];
    run(f, "wWdfpsvmxe", "durability_player", NULL, NULL);
    assert_true(WIFEXITED(f->status) && WEXITSTATUS(f->status) == 0);
    letters(f, steps);
    assert_string_equal(steps, "wWdfsvmx"); /* neither pipe nor device */
    assert_non_null(strstr(f->text, "1\t1\tpwrite\tfile\t"));
    assert_non_null(strstr(f->text, "/store.db-wal\t7\t7\tframe\\x00\\x01\n"));
    assert_non_null(strstr(f->text, "\tfdatasync\tfile\t"));
    assert_non_null(strstr(f->text, "\tsend\ttcp\t127.0.0.1:"));
    assert_non_null(strstr(f->text, "\t17\t17\tHTTP/1.1 200 OK\\r\\n\n"));
    assert_non_null(strstr(f->text, "\t8\t8\tone\\ntwo\\\\\n"));
}

static void test_threads_keep_whole_lines(void **state)
{
    struct fixture *f = *state;
    run(f, "t", "durability_player", NULL, NULL);
    bool seen[101] = {false};
    int count = 0;
    for (const char *line = f->text; *line; line = strchr(line, '\n') + 1) {
        long sequence = strtol(line, NULL, 10);
        assert_in_range(sequence, 1, 100);
        assert_false(seen[sequence]);
        seen[sequence] = true;
        count++;
    }
    assert_int_equal(count, 100);
}

static void test_other_programs_are_left_alone(void **state)
{
    struct fixture *f = *state;
    run(f, "wds", "lightbridge", "1", "before");
    assert_true(WIFEXITED(f->status) && WEXITSTATUS(f->status) == 0);
    assert_string_equal(f->text, "");
}

static void test_kill_points(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *at, *when, *recorded;
        off_t size;
    } rows[] = {
        {"1", "before", "", 0},  {"1", "after", "w", 7},   {"2", "before", "w", 7},
        {"2", "after", "wd", 7}, {"3", "before", "wd", 7}, {"3", "after", "wds", 7},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char steps[256];
        unlink(f->path);
        unlink(f->trace);
        run(f, "wds", "durability_player", rows[i].at, rows[i].when);
        assert_true(WIFSIGNALED(f->status));
        assert_int_equal(WTERMSIG(f->status), SIGKILL);
        letters(f, steps);
        assert_string_equal(steps, rows[i].recorded);
        int fd = open(f->path, O_RDONLY);
        assert_int_equal(lseek(fd, 0, SEEK_END), rows[i].size);
        close(fd);
    }
}

/* A full disk: no file is written, the socket goes on, and when there is room again, so do files. */
static void test_a_full_disk(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *errno_text, *steps;
        int exit_code;
        const char *recorded;
    } rows[] = {
        {"28", "sws", 4, "sw"},
        {"28", "sds", 4, "sd"},
        {"28", "ses", 0, "ss"},
        {NULL, "sws", 0, "sws"},
    };
    char file[112], steps[256];
    snprintf(file, sizeof file, "%s/refuse", f->folder);
    setenv("LB_REFUSE", file, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unlink(f->trace);
        unlink(file);
        if (rows[i].errno_text) {
            int fd = open(file, O_WRONLY | O_CREAT, 0600);
            assert_int_equal(write(fd, rows[i].errno_text, 2), 2);
            close(fd);
        }
        run(f, rows[i].steps, "durability_player", NULL, NULL);
        assert_true(WIFEXITED(f->status));
        assert_int_equal(WEXITSTATUS(f->status), rows[i].exit_code);
        letters(f, steps);
        assert_string_equal(steps, rows[i].recorded);
        if (rows[i].exit_code) {
            assert_non_null(strstr(f->text, "\t-28\t"));
        }
    }
    unsetenv("LB_REFUSE");
    unlink(file);
}

static void test_a_kill_point_beyond_the_end(void **state)
{
    struct fixture *f = *state;
    run(f, "wds", "durability_player", "4", "after");
    assert_true(WIFEXITED(f->status) && WEXITSTATUS(f->status) == 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_every_call_in_its_order),       T(test_threads_keep_whole_lines),
        T(test_other_programs_are_left_alone), T(test_kill_points),
        T(test_a_kill_point_beyond_the_end),   T(test_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
