/* The store being unwell is never the caller's fault: 503 and not invalid_grant, and no link is lost by it. */
#include <fcntl.h>

#include "unit/oauth/rig.h"

static void write_at(const char *path, off_t at, const void *bytes, size_t len, bool cut)
{
    int fd = open(path, O_WRONLY | O_CREAT | (cut ? O_TRUNC : 0), 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
    close(fd);
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Every verb answers `trouble`; none says that a token, a name or a link is not there. */
static void assert_everything_says(struct rig *rig, int trouble, const struct answer *code, const struct answer *pair)
{
    struct answer a = {0};
    struct oauth_link *link = NULL;
    assert_int_equal(oauth_trouble(rig->oauth), trouble);
    assert_int_equal(redeem(rig, code->code).result, trouble);
    assert_int_equal(refresh(rig, pair->refresh).result, trouble);
    assert_string_equal(refresh(rig, pair->refresh).refusal, "");
    assert_int_equal(verify(rig, pair->access), trouble);
    assert_int_equal(verify(rig, "nonsense"), trouble);
    assert_int_equal(oauth_verify(rig->oauth, pair->access, rig_wall, &link), trouble);
    assert_null(link);
    oauth_issue_code(rig->oauth, client(rig, "smartthings"),
                     &(struct oauth_grant){.account = "anna", .redirect_uri = CALLBACK, .scope = ""}, note_code, &a);
    assert_int_equal(wait_for_answer(rig, &a), trouble);
}

static void assert_accounts_say(struct rig *rig, int trouble)
{
    struct answer a = {0}, b = {0}, c = {0};
    assert_int_equal(log_in(rig, "anna", PASSWORD), trouble);
    assert_int_equal(add_account(rig, "berta", PASSWORD), trouble);
    assert_int_equal(oauth_account_password(rig->oauth, "anna", PASSWORD, note_done, &a, NULL), 0);
    assert_int_equal(wait_for_answer(rig, &a), trouble);
    oauth_account_remove(rig->oauth, "anna", note_done, &b);
    assert_int_equal(wait_for_answer(rig, &b), trouble);
    oauth_account_remove(rig->oauth, "nobody", note_done, &c);
    assert_int_equal(wait_for_answer(rig, &c), trouble);
}

static void assert_all_is_well(struct rig *rig, const struct answer *pair)
{
    assert_int_equal(oauth_trouble(rig->oauth), 0);
    assert_int_equal(verify(rig, pair->access), 0);
    assert_int_equal(refresh(rig, pair->refresh).result, 0);
    assert_int_equal(log_in(rig, "anna", PASSWORD), 0);
}

static void test_lost(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    rig_close(rig);
    copy_store(rig, "store.db", "kept.db");
    char command[96];
    snprintf(command, sizeof command, "rm %s/store.db*", rig->folder);
    assert_int_equal(system(command), 0);
    rig->expected = true; /* the key file is there, so a store must be */
    rig_open(rig);
    assert_everything_says(rig, ERR_LOST, &code, &pair);
    assert_accounts_say(rig, ERR_LOST);
    rig_close(rig);
    assert_int_not_equal(access(rig->path, F_OK), 0); /* none was made in its place */
    copy_store(rig, "kept.db", "store.db");
    rig_open(rig);
    assert_all_is_well(rig, &pair);
}

static void test_newer(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    static const uint8_t version[4] = {0, 0, 3, 0xe7}; /* user_version, at 60 in the file's header */
    rig_close(rig);
    copy_store(rig, "store.db", "kept.db");
    write_at(rig->path, 60, version, sizeof version, false);
    rig_open(rig);
    assert_everything_says(rig, ERR_NEWER, &code, &pair);
    assert_accounts_say(rig, ERR_NEWER);
    rig_close(rig);
    copy_store(rig, "kept.db", "store.db");
    rig_open(rig);
    assert_all_is_well(rig, &pair);
}

static void test_corrupt(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    char noise[8192];
    memset(noise, 'x', sizeof noise);
    rig_close(rig);
    copy_store(rig, "store.db", "kept.db");
    write_at(rig->path, 0, noise, sizeof noise, true);
    rig->expected = true;
    rig_open(rig);
    assert_everything_says(rig, ERR_CORRUPT, &code, &pair);
    assert_accounts_say(rig, ERR_CORRUPT);
    rig_close(rig);
    copy_store(rig, "kept.db", "store.db");
    rig_open(rig);
    assert_all_is_well(rig, &pair);
}

/* A row that makes no sense: nothing is answered as if what it should say were not so. */
static void test_row_that_makes_no_sense(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    static const char *const damage[] = {
        "UPDATE links SET salt = x'00'",
        "UPDATE links SET salt = zeroblob(32)", /* what follows has the right shape: the seal shows it */
        "UPDATE links SET id = x'0000000001020304'",
        "UPDATE links SET client_id = 'smartthingz'",
        "UPDATE links SET account = 'anne'",
        "UPDATE links SET redirect_uri = redirect_uri || '/'",
        "UPDATE links SET id = x'0102'",
        "UPDATE links SET generation = -1",
        "UPDATE accounts SET name = 'a name that is longer than any that this program would ever have written into it'",
    };
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        struct store_batch *batch = store_batch_new();
        store_batch_add(batch, damage[i], "");
        copy_store(rig, "store.db", "kept.db");
        assert_int_equal(store_write(rig->store, batch), 0);
        rig_restart(rig);
        assert_everything_says(rig, ERR_CORRUPT, &code, &pair);
        assert_int_equal(log_in(rig, "anna", PASSWORD), ERR_CORRUPT);
        assert_null(oauth_link_next(rig->oauth, NULL)); /* half a table would be worse than none */
        rig_close(rig);
        copy_store(rig, "kept.db", "store.db");
        rig_open(rig);
    }
    assert_all_is_well(rig, &pair);
}

static void test_key_lost(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    rig_close(rig);
    rig->keyless = true;
    rig_open(rig);
    assert_everything_says(rig, ERR_LOST, &code, &pair);
    assert_int_equal(log_in(rig, "anna", PASSWORD), 0); /* passwords need no key */
    struct oauth_link *link = oauth_link_next(rig->oauth, NULL);
    assert_non_null(link);
    assert_true(oauth_link_alive(link));
    rig_close(rig);
    rig->keyless = false;
    rig_open(rig);
    assert_all_is_well(rig, &pair);
}

/* No space: what needs no write goes on, the rest says so, and it recovers without a restart. */
static void test_full(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code), a = {0}, b = {0};
    struct answer fresh = allow(rig, "anna");
    signal(SIGXFSZ, SIG_IGN);
    set_file_limit(1);
    assert_int_equal(allow(rig, "anna").result, ERR_FULL);
    assert_int_equal(oauth_trouble(rig->oauth), 0); /* a full disk is no reason to judge nothing */
    assert_int_equal(redeem(rig, fresh.code).result, ERR_FULL);
    pass_time(100000);
    struct answer renewed = refresh(rig, pair.refresh); /* derived: it needs no disk */
    assert_int_equal(renewed.result, 0);
    assert_string_equal(refresh(rig, pair.refresh).access, renewed.access);
    assert_int_equal(verify(rig, renewed.access), 0);
    assert_int_equal(verify(rig, pair.access), 0);
    assert_int_equal(redeem(rig, "nonsense").result, ERR_DENIED);
    assert_int_equal(log_in(rig, "anna", PASSWORD), 0);
    assert_int_equal(add_account(rig, "berta", PASSWORD), ERR_FULL);
    oauth_link_end(rig->oauth, fresh.link, "unlinked by hand", note_done, &a);
    assert_int_equal(wait_for_answer(rig, &a), ERR_FULL);
    assert_true(oauth_link_alive(fresh.link)); /* memory changes after the commit only */
    oauth_account_remove(rig->oauth, "anna", note_done, &b);
    assert_int_equal(wait_for_answer(rig, &b), ERR_FULL);
    assert_int_equal(oauth_account_count(rig->oauth), 1);
    set_file_limit(0);
    rig_restart(rig); /* the store knows nothing of that refresh, and catches up */
    assert_int_equal(verify(rig, renewed.access), 0);
    assert_int_equal(refresh(rig, pair.refresh).result, 0);
    assert_int_equal(redeem(rig, fresh.code).result, 0);
    fresh.link = oauth_link_next(rig->oauth, oauth_link_next(rig->oauth, NULL));
    assert_int_equal(end_link(rig, fresh.link), 0);
    assert_int_equal(add_account(rig, "berta", PASSWORD), 0);
}

/* A replay that could not be written down is not said to have ended the link. */
static void test_full_at_a_replay(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    assert_int_equal(verify(rig, pair.access), 0);
    rig_restart(rig); /* so that the mark of use is on the disk */
    signal(SIGXFSZ, SIG_IGN);
    set_file_limit(1);
    assert_int_equal(redeem(rig, code.code).result, ERR_FULL);
    assert_int_equal(verify(rig, pair.access), 0);
    set_file_limit(0);
    assert_int_equal(redeem(rig, code.code).result, ERR_ENDED);
    assert_int_equal(verify(rig, pair.access), ERR_ENDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_lost),     T(test_newer), T(test_corrupt),          T(test_row_that_makes_no_sense),
        T(test_key_lost), T(test_full),  T(test_full_at_a_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
