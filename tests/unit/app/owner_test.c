/* Root acts on a store as whoever has its folder, and is root again afterwards. Without root: nothing ever changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "app/offline.h"
#include "app/owner.h"
#include "base/file.h"

#define SOMEBODY 65533u
#define THEIR_GROUP 65532u

static char folder[64], store_path[96], key_path[96];
static struct str why;

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/owner_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(store_path, sizeof store_path, "%s/bridge.db", folder);
    (void)snprintf(key_path, sizeof key_path, "%s/token.key", folder);
    return 0;
}

static int tear_down(void **state)
{
    char command[96];
    (void)state;
    str_done(&why);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    return 0;
}

static bool is_root(void)
{
    return geteuid() == 0;
}

static void ones_own_folder_changes_nothing(void **state)
{
    struct owner owner;
    uid_t before = geteuid();
    (void)state;
    assert_int_equal(owner_become(store_path, &owner, &why), 0);
    assert_int_equal(geteuid(), before);
    owner_leave(&owner);
    assert_int_equal(owner_become("/nowhere/at/all", &owner, &why), 0);
    assert_int_equal(geteuid(), before);
    owner_leave(&owner);
    assert_int_equal(geteuid(), before);
}

static void root_becomes_the_owner_with_no_other_group(void **state)
{
    struct owner owner;
    gid_t groups[8], before[2] = {0, 4};
    (void)state;
    if (!is_root()) { /* nobody else can, and ones_own_folder_changes_nothing says what happens */
        skip();
    }
    assert_int_equal(setgroups(2, before), 0);
    assert_int_equal(chown(folder, SOMEBODY, THEIR_GROUP), 0);
    assert_int_equal(owner_become(store_path, &owner, &why), 0);
    assert_int_equal(geteuid(), SOMEBODY);
    assert_int_equal(getegid(), THEIR_GROUP);
    assert_int_equal(getgroups(8, groups), 1);
    assert_int_equal(groups[0], THEIR_GROUP);
    assert_int_equal(open("/proc/kmsg", O_RDONLY | O_CLOEXEC), -1);
    owner_leave(&owner);
    assert_int_equal(geteuid(), 0);
    assert_int_equal(getegid(), 0);
    assert_int_equal(getgroups(8, groups), 2);
    assert_int_equal(groups[1], 4);
    owner_leave(&owner); /* once more does nothing */
    assert_int_equal(geteuid(), 0);
}

/* As `sudo lightbridge account add` does before the daemon ever ran. */
static void a_store_that_root_makes_is_the_owners(void **state)
{
    struct offline o;
    struct stat st;
    char redirect[] = "https://c2c-eu.smartthings.com/oauth/callback", id[] = "smartthings";
    char *redirects[] = {redirect};
    struct config config = {.store = {store_path, key_path},
                            .smartthings = {.client_id = id, .redirect_uris = redirects, .redirect_uris_count = 1}};
    uid_t owner = is_root() ? SOMEBODY : geteuid();
    (void)state;
    if (is_root()) {
        assert_int_equal(chown(folder, SOMEBODY, THEIR_GROUP), 0);
    }
    assert_int_equal(offline_open(&o, &config, "account"), EXIT_FINE);
    offline_close(&o);
    const char *const files[] = {store_path, key_path};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(stat(files[i], &st), 0);
        assert_int_equal(st.st_uid, owner);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    assert_int_equal(geteuid() == 0, owner == SOMEBODY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ones_own_folder_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(root_becomes_the_owner_with_no_other_group, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_store_that_root_makes_is_the_owners, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("owner", tests, NULL, NULL);
}
