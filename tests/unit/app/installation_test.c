/* Key and store: made together or not at all; neither is ever made anew beside the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/installation.h"
#include "app/notify.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "loop/loop.h"
#include "store/store.h"

#define NOBODY 65534

static char folder[64], store_path[96], key_path[96];
static struct loop *loop;
static struct installation in;
static struct str why;

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/installation_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(store_path, sizeof store_path, "%s/state/bridge.db", folder);
    (void)snprintf(key_path, sizeof key_path, "%s/state/token.key", folder);
    assert_int_equal(loop_new(&loop), 0);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    loop_free(loop);
    str_done(&why);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    return 0;
}

static int open_it(void)
{
    struct config_store config = {store_path, key_path};
    str_clear(&why);
    return installation_open(loop, &config, &in, &why);
}

static void close_it(void)
{
    installation_close(&in);
}

/* An account, so that something hangs on the key. */
static void add_account(void)
{
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "INSERT INTO accounts (name, password, created_at) VALUES ('anna', 'x', 1)", "");
    assert_int_equal(store_write(in.store, batch), 0);
}

static void make(void)
{
    assert_int_equal(open_it(), 0);
    assert_string_equal(str_z(&in.trouble), "");
    add_account();
    close_it();
}

static void key_text(struct str *s)
{
    str_clear(s);
    assert_int_equal(file_read(key_path, 1000, s), 0);
}

static void trouble_says(const char *part)
{
    if (!strstr(str_z(&in.trouble), part)) {
        fail_msg("\"%s\" does not say \"%s\"", str_z(&in.trouble), part);
    }
}

/* An upgrade puts another file in the store's place: the claim goes with the name, and the old file gives none. */
static void a_claim_follows_the_name(void **state)
{
    int daemon = -1, other = -1;
    char beside[sizeof store_path + 8];
    (void)state;
    make();
    assert_int_equal(installation_claim(store_path, true, &daemon, &why), 0);
    int before = daemon;
    assert_int_equal(installation_claim_again(store_path, true, &daemon, &why), 0);
    assert_int_equal(daemon, before);
    snprintf(beside, sizeof beside, "%s.new", store_path);
    assert_int_equal(file_create(beside, "x", 1, 0600), 0);
    assert_int_equal(rename(beside, store_path), 0);
    assert_int_equal(installation_claim_again(store_path, true, &daemon, &why), 0);
    assert_int_equal(installation_claim(store_path, false, &other, &why), ERR_BUSY);
    installation_release(daemon);
    assert_int_equal(installation_claim(store_path, false, &other, &why), 0);
    installation_release(other);
    str_clear(&why);
}

static void a_store_has_one_daemon(void **state)
{
    int daemon = 0, command = 0, other = 0;
    (void)state;
    assert_int_equal(installation_claim(store_path, true, &daemon, &why), 0);
    assert_int_equal(daemon, -1); /* there is none yet */
    make();
    assert_int_equal(installation_claim(store_path, true, &daemon, &why), 0);
    assert_int_equal(open_it(), 0);
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "DELETE FROM accounts", "");
    assert_int_equal(store_write(in.store, batch), 0); /* SQLite's locks and this one do not meet */
    assert_int_equal(installation_claim(store_path, false, &command, &why), ERR_BUSY);
    assert_non_null(strstr(str_z(&why), store_path));
    assert_non_null(strstr(str_z(&why), "another lightbridge"));
    str_clear(&why);
    assert_int_equal(installation_claim(store_path, true, &other, &why), ERR_BUSY);
    close_it();
    installation_release(daemon);
    assert_int_equal(installation_claim(store_path, false, &command, &why), 0);
    assert_int_equal(installation_claim(store_path, false, &other, &why), 0);
    installation_release(command);
    installation_release(other);
    str_clear(&why);
}

static void the_first_start_makes_both(void **state)
{
    struct stat st;
    uint8_t bridge_id[8];
    struct str before = STR_INIT;
    struct str after = STR_INIT;
    (void)state;
    assert_int_equal(open_it(), 0);
    assert_true(in.has_key);
    assert_int_equal(store_health(in.store), STORE_OK);
    assert_string_equal(str_z(&in.trouble), "");
    memcpy(bridge_id, in.bridge_id, sizeof bridge_id);
    close_it();
    assert_int_equal(stat(key_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(store_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    key_text(&before);
    assert_int_equal(before.len, 44);
    assert_int_equal(open_it(), 0); /* and the second one keeps them */
    assert_true(in.has_key);
    assert_memory_equal(bridge_id, in.bridge_id, sizeof bridge_id);
    close_it();
    key_text(&after);
    assert_string_equal(str_z(&before), str_z(&after));
    str_done(&before);
    str_done(&after);
}

static void a_lost_store_is_not_made_anew(void **state)
{
    struct str before = STR_INIT;
    struct str after = STR_INIT;
    (void)state;
    make();
    key_text(&before);
    assert_int_equal(unlink(store_path), 0);
    assert_int_equal(open_it(), 0);
    assert_true(in.has_key);
    assert_int_equal(store_health(in.store), STORE_MISSING);
    trouble_says("missing");
    close_it();
    assert_int_equal(access(store_path, F_OK), -1);
    key_text(&after);
    assert_string_equal(str_z(&before), str_z(&after));
    str_done(&before);
    str_done(&after);
}

static void a_lost_key_is_not_made_anew(void **state)
{
    uint8_t bridge_id[8];
    (void)state;
    assert_int_equal(open_it(), 0);
    memcpy(bridge_id, in.bridge_id, sizeof bridge_id);
    add_account();
    close_it();
    assert_int_equal(unlink(key_path), 0);
    assert_int_equal(open_it(), 0);
    assert_false(in.has_key);
    assert_memory_equal(bridge_id, in.bridge_id, sizeof bridge_id); /* lights keep their ids */
    trouble_says("the key is gone though the store is there");
    trouble_says("give the links up: `lightbridge store reset`");
    close_it();
    assert_int_equal(access(key_path, F_OK), -1);
}

static void a_key_of_another_store(void **state)
{
    struct str first = STR_INIT;
    uint8_t bridge_id[8];
    (void)state;
    assert_int_equal(open_it(), 0);
    memcpy(bridge_id, in.bridge_id, sizeof bridge_id);
    add_account();
    close_it();
    str_add_z(&first, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
    assert_int_equal(file_write(key_path, first.data, first.len, 0600), 0);
    assert_int_equal(open_it(), 0);
    assert_false(in.has_key);
    assert_memory_equal(bridge_id, in.bridge_id, sizeof bridge_id);
    trouble_says("belongs to another store");
    trouble_says("remove the file, then `lightbridge store reset`");
    close_it();
    str_clear(&first);
    str_add_z(&first, "no key\n");
    assert_int_equal(file_write(key_path, first.data, first.len, 0600), 0);
    assert_int_equal(open_it(), 0);
    assert_false(in.has_key);
    trouble_says("is no key of lightbridge");
    close_it();
    str_clear(&first);
    key_text(&first);
    assert_string_equal(str_z(&first), "no key\n"); /* it stays as it is, whatever it is */
    str_done(&first);
}

static void a_corrupt_store_is_left_alone(void **state)
{
    struct str text = STR_INIT;
    struct str after = STR_INIT;
    (void)state;
    make();
    for (unsigned i = 0; i < 1000; i++) {
        str_add_z(&text, "this is no database\n");
    }
    assert_int_equal(file_write(store_path, text.data, text.len, 0600), 0);
    assert_int_equal(open_it(), 0);
    assert_int_equal(store_health(in.store), STORE_CORRUPT);
    assert_true(in.trouble.len > 0);
    close_it();
    assert_int_equal(file_read(store_path, 1000000, &after), 0);
    assert_string_equal(str_z(&text), str_z(&after));
    assert_int_equal(unlink(key_path), 0); /* and no key is made beside it */
    assert_int_equal(open_it(), 0);
    assert_false(in.has_key);
    close_it();
    assert_int_equal(access(key_path, F_OK), -1);
    str_done(&text);
    str_done(&after);
}

static void a_newer_store_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(open_it(), 0);
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "PRAGMA user_version = 9999", "");
    assert_int_equal(store_write(in.store, batch), 0);
    close_it();
    assert_int_equal(open_it(), 0);
    assert_int_equal(store_health(in.store), STORE_NEWER);
    assert_true(in.trouble.len > 0);
    close_it();
}

/* As a user who may not write there. */
static void a_folder_that_cannot_be_written(void **state)
{
    int status;
    (void)state;
    assert_int_equal(chmod(folder, 0555), 0);
    if (geteuid() != 0) {
        assert_int_not_equal(open_it(), 0);
        assert_non_null(strstr(str_z(&why), "cannot make the directory"));
        close_it();
        return;
    }
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int bad = setgid(NOBODY) != 0 || setuid(NOBODY) != 0;
        bad = bad || open_it() == 0 || !strstr(str_z(&why), "cannot make the directory");
        close_it();
        _exit(bad);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(chmod(folder, 0755), 0);
}

/* ---- systemd ---- */

static void systemd_is_told(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char got[64] = "";
    (void)state;
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/notify", folder);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    notify_send("READY=1"); /* nobody listens: nothing happens */
    assert_int_equal(recv(fd, got, sizeof got - 1, 0), -1);
    assert_int_equal(setenv("NOTIFY_SOCKET", "relative/path", 1), 0);
    notify_send("READY=1");
    assert_int_equal(setenv("NOTIFY_SOCKET", at.sun_path, 1), 0);
    notify_send("READY=1");
    assert_int_equal(recv(fd, got, sizeof got - 1, 0), 7);
    assert_string_equal(got, "READY=1");
    (void)close(fd);
    notify_send("WATCHDOG=1"); /* it has gone: that is not our end */
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

static void the_watchdog_is_ours_or_not(void **state)
{
    char pid[32];
    (void)state;
    (void)unsetenv("WATCHDOG_PID");
    (void)unsetenv("WATCHDOG_USEC");
    assert_int_equal(notify_watchdog_ms(), 0);
    (void)setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(notify_watchdog_ms(), 15000); /* twice in its time */
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    (void)setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_ms(), 15000);
    (void)setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_watchdog_ms(), 0);
    (void)setenv("WATCHDOG_PID", pid, 1);
    (void)setenv("WATCHDOG_USEC", "nonsense", 1);
    assert_int_equal(notify_watchdog_ms(), 0);
    (void)unsetenv("WATCHDOG_PID");
    (void)unsetenv("WATCHDOG_USEC");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_store_has_one_daemon),          CASE(a_claim_follows_the_name),
        CASE(the_first_start_makes_both),      CASE(a_lost_store_is_not_made_anew),
        CASE(a_lost_key_is_not_made_anew),     CASE(a_key_of_another_store),
        CASE(a_corrupt_store_is_left_alone),   CASE(a_newer_store_is_left_alone),
        CASE(a_folder_that_cannot_be_written), CASE(systemd_is_told),
        CASE(the_watchdog_is_ours_or_not),
    };
    if (secrets_init() != 0) {
        return 1;
    }
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
