/* Accounts and logins: what a name and a password may be, one hash at a time, a short queue, equal work for all. */
#include <dlfcn.h>
#include <sodium.h>
#include <stdatomic.h>

#include "unit/oauth/rig.h"

/* ---- counting the hashes: the program's calls come here first ---- */

static atomic_int verifies, hashes, at_work, most_at_work;
static unsigned long long last_passes;
static size_t last_memory;

static void enter(void)
{
    int now = ++at_work;
    if (now > most_at_work) {
        most_at_work = now;
    }
}

int crypto_pwhash_str_verify(const char str[crypto_pwhash_STRBYTES], const char *const passwd,
                             unsigned long long passwdlen)
{
    int (*real)(const char *, const char *, unsigned long long);
    *(void **)&real = dlsym(RTLD_NEXT, "crypto_pwhash_str_verify");
    enter();
    verifies++;
    int result = real(str, passwd, passwdlen);
    at_work--;
    return result;
}

int crypto_pwhash_str_alg(char out[crypto_pwhash_STRBYTES], const char *const passwd, unsigned long long passwdlen,
                          unsigned long long opslimit, size_t memlimit, int alg)
{
    int (*real)(char *, const char *, unsigned long long, unsigned long long, size_t, int);
    *(void **)&real = dlsym(RTLD_NEXT, "crypto_pwhash_str_alg");
    enter();
    hashes++;
    last_passes = opslimit;
    last_memory = memlimit;
    int result = real(out, passwd, passwdlen, opslimit, memlimit, alg);
    at_work--;
    return result;
}

static void count_from_here(void)
{
    verifies = hashes = most_at_work = 0;
    last_passes = last_memory = 0;
}

/* ---- names and passwords ---- */

static void test_names_and_passwords(void **state)
{
    struct rig *rig = *state;
    static const struct {
        const char *name, *password, *why; /* NULL: accepted */
    } rows[] = {
        {"anna", "12345678", NULL},
        {"A.b_c@d-9", "a password with spaces and \xc3\xbc", NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "12345678", NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "12345678",
         "an account name has 1 to 64 characters"},
        {"", "12345678", "an account name has 1 to 64 characters"},
        {"a b", "12345678", "an account name has only letters A-Z, digits and the characters . _ @ -"},
        {"a/b", "12345678", "an account name has only letters A-Z, digits and the characters . _ @ -"},
        {"\xc3\xbc", "12345678", "an account name has only letters A-Z, digits and the characters . _ @ -"},
        {"a\n", "12345678", "an account name has only letters A-Z, digits and the characters . _ @ -"},
        {"berta", "1234567", "a password has at least 8 characters"},
        {"berta", "", "a password has at least 8 characters"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str why = STR_INIT;
        struct answer a = {0}, b = {0};
        int result = oauth_account_add(rig->oauth, rows[i].name, rows[i].password, note_done, &a, &why);
        assert_int_equal(result, rows[i].why ? ERR_INVALID : 0);
        assert_string_equal(str_z(&why), rows[i].why ? rows[i].why : "");
        if (result == 0) {
            assert_int_equal(wait_for_answer(rig, &a), 0);
            assert_int_equal(log_in(rig, rows[i].name, rows[i].password), 0);
        } else {
            assert_int_equal(a.count, 0);
            assert_int_equal(oauth_account_add(rig->oauth, rows[i].name, rows[i].password, note_done, &b, NULL),
                             ERR_INVALID);
            assert_int_equal(oauth_account_password(rig->oauth, rows[i].name, rows[i].password, note_done, &b, NULL),
                             ERR_INVALID);
        }
        str_done(&why);
    }
    assert_int_equal(oauth_account_count(rig->oauth), 3);
    assert_string_equal(oauth_account_at(rig->oauth, 0, NULL), "A.b_c@d-9"); /* by name */
    char password[SECRETS_PASSWORD_MAX + 2];
    memset(password, 'p', sizeof password);
    password[SECRETS_PASSWORD_MAX + 1] = 0;
    struct str why = STR_INIT;
    struct answer a = {0};
    assert_int_equal(oauth_account_add(rig->oauth, "carl", password, note_done, &a, &why), ERR_INVALID);
    assert_string_equal(str_z(&why), "a password has at most 1024 bytes");
    str_done(&why);
    assert_int_equal(log_in(rig, "anna", password), ERR_DENIED); /* not cut to what fits */
    password[SECRETS_PASSWORD_MAX] = 0;
    assert_int_equal(add_account(rig, "carl", password), 0);
    assert_int_equal(log_in(rig, "carl", password), 0);
}

static void test_twice(void **state)
{
    struct rig *rig = *state;
    struct answer a = {0}, b = {0}, c = {0};
    oauth_account_add(rig->oauth, "anna", PASSWORD, note_done, &a, NULL);
    oauth_account_add(rig->oauth, "anna", "another one", note_done, &b, NULL); /* before the first is there */
    assert_int_equal(wait_for_answer(rig, &a), 0);
    assert_int_equal(wait_for_answer(rig, &b), ERR_EXISTS);
    assert_int_equal(add_account(rig, "anna", "a third one"), ERR_EXISTS);
    assert_int_equal(log_in(rig, "anna", PASSWORD), 0);
    oauth_account_remove(rig->oauth, "nobody", note_done, &c);
    assert_int_equal(wait_for_answer(rig, &c), ERR_NOT_FOUND);
}

static void test_password_change(void **state)
{
    struct rig *rig = *state;
    struct answer a = {0}, b = {0};
    struct answer pair = linked(rig, NULL);
    assert_int_equal(oauth_account_password(rig->oauth, "anna", "a new password", note_done, &a, NULL), 0);
    assert_int_equal(wait_for_answer(rig, &a), 0);
    assert_int_equal(log_in(rig, "anna", PASSWORD), ERR_DENIED);
    assert_int_equal(log_in(rig, "anna", "a new password"), 0);
    assert_int_equal(verify(rig, pair.access), 0); /* links stay */
    rig_restart(rig);
    assert_int_equal(log_in(rig, "anna", PASSWORD), ERR_DENIED);
    assert_int_equal(log_in(rig, "anna", "a new password"), 0);
    assert_int_equal(oauth_account_password(rig->oauth, "nobody", PASSWORD, note_done, &b, NULL), 0);
    assert_int_equal(wait_for_answer(rig, &b), ERR_NOT_FOUND);
}

/* ---- the queue ---- */

static void test_queue(void **state)
{
    struct rig *rig = *state;
    struct answer a[20] = {{0}};
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    count_from_here();
    for (int i = 0; i < 20; i++) {
        oauth_login(rig->oauth,
                    &(struct oauth_login){.name = i % 2 ? "anna" : "nobody", .password = PASSWORD, .side = "public"},
                    note_done, &a[i]);
        bool busy = i > OAUTH_LOGIN_QUEUE; /* one at work and eight in the queue */
        assert_int_equal(a[i].count, busy);
        assert_int_equal(a[i].result, busy ? ERR_BUSY : 0);
    }
    for (int i = 0; i <= OAUTH_LOGIN_QUEUE; i++) {
        assert_int_equal(wait_for_answer(rig, &a[i]), i % 2 ? 0 : ERR_DENIED);
        for (int k = i + 2; k <= OAUTH_LOGIN_QUEUE; k++) {
            assert_true(a[k].count == 0 || a[k - 1].count == 1); /* in their order */
        }
    }
    assert_int_equal(verifies + hashes, OAUTH_LOGIN_QUEUE + 1);
    assert_int_equal(most_at_work, 1); /* 19 MiB once, not nine times */
    assert_int_equal(log_in(rig, "anna", PASSWORD), 0);
}

/* A name that is not there costs what a wrong password costs: one Argon2id of the same memory and passes. */
static void test_unknown_name_costs_the_same(void **state)
{
    struct rig *rig = *state;
    rig_close(rig);
    rig->cost = (struct secrets_cost){64, 3};
    rig_open(rig);
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    count_from_here();
    assert_int_equal(log_in(rig, "anna", "wrong one"), ERR_DENIED);
    assert_int_equal(verifies, 1);
    assert_int_equal(hashes, 0);
    assert_non_null(strstr(rig->oauth->accounts[0].hash, "m=64,t=3,"));
    count_from_here();
    assert_int_equal(log_in(rig, "nobody", "wrong one"), ERR_DENIED);
    assert_int_equal(verifies, 0);
    assert_int_equal(hashes, 1);
    assert_int_equal(last_passes, 3);
    assert_int_equal(last_memory, 64 * 1024);
    count_from_here();
    assert_int_equal(log_in(rig, "", ""), ERR_DENIED);
    assert_int_equal(hashes, 1);
}

/* ---- another cost ---- */

static void test_rehash_at_login(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    rig_close(rig);
    rig->cost = (struct secrets_cost){16, 2};
    rig_open(rig);
    assert_int_equal(log_in(rig, "anna", "wrong one"), ERR_DENIED);
    assert_non_null(strstr(rig->oauth->accounts[0].hash, "m=8,t=1,"));
    assert_int_equal(log_in(rig, "anna", PASSWORD), 0);
    rig_restart(rig);
    assert_non_null(strstr(rig->oauth->accounts[0].hash, "m=16,t=2,"));
    count_from_here();
    assert_int_equal(log_in(rig, "anna", PASSWORD), 0);
    assert_int_equal(hashes, 0); /* once */
}

/* A login with the old password that overlaps the change must not bring the old one back by its rehash. */
static void test_rehash_never_undoes_a_change(void **state)
{
    struct rig *rig = *state;
    struct answer change = {0}, login = {0};
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    rig_close(rig);
    rig->cost = (struct secrets_cost){16, 2};
    rig_open(rig);
    oauth_account_password(rig->oauth, "anna", "a new password", note_done, &change, NULL);
    oauth_login(rig->oauth, &(struct oauth_login){.name = "anna", .password = PASSWORD, .side = "public"}, note_done,
                &login);
    wait_for_answer(rig, &login); /* either is right: it was asked before the change was told to be done */
    assert_int_equal(wait_for_answer(rig, &change), 0);
    assert_int_equal(log_in(rig, "anna", "a new password"), 0);
    rig_restart(rig);
    assert_int_equal(log_in(rig, "anna", PASSWORD), ERR_DENIED);
    assert_int_equal(log_in(rig, "anna", "a new password"), 0);
}

/* The same where the change is on its way to the disk when the rehash is made. */
static void test_rehash_replaces_only_what_was_verified(void **state)
{
    struct rig *rig = *state;
    struct answer rehash = {0};
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    char verified[SECRETS_PASSWORD_HASH_SIZE];
    strcpy(verified, rig->oauth->accounts[0].hash);
    struct answer change = {0};
    oauth_account_password(rig->oauth, "anna", "a new password", note_done, &change, NULL);
    assert_int_equal(wait_for_answer(rig, &change), 0);
    struct store_batch *batch = store_batch_new();
    rows_set_password(batch, "anna", "a hash of the old one", verified);
    store_submit(rig->store, batch, note_done, &rehash);
    assert_int_equal(wait_for_answer(rig, &rehash), 0);
    rig_restart(rig);
    assert_int_equal(log_in(rig, "anna", "a new password"), 0);
}

/* ---- the cap ---- */

static void test_cap(void **state)
{
    struct rig *rig = *state;
    char name[16];
    for (int i = 0; i < OAUTH_MAX_ACCOUNTS - 1; i++) {
        snprintf(name, sizeof name, "user%02d", i);
        assert_int_equal(add_account(rig, name, PASSWORD), 0);
    }
    /* two for the last place: the second is hashed before the first is known to be durable */
    struct answer a = {0}, b = {0}, c = {0};
    oauth_account_add(rig->oauth, "x1", PASSWORD, note_done, &a, NULL);
    oauth_account_add(rig->oauth, "x2", PASSWORD, note_done, &b, NULL);
    rig->oauth->adding++; /* one more, which a slow disk still has */
    wait_for_answer(rig, &a);
    wait_for_answer(rig, &b);
    assert_int_equal(a.result, ERR_TOO_LARGE);
    assert_int_equal(b.result, ERR_TOO_LARGE);
    rig->oauth->adding--;
    oauth_account_add(rig->oauth, "x3", PASSWORD, note_done, &c, NULL);
    assert_int_equal(wait_for_answer(rig, &c), 0);
    assert_int_equal(add_account(rig, "x4", PASSWORD), ERR_TOO_LARGE);
    assert_int_equal(oauth_account_count(rig->oauth), OAUTH_MAX_ACCOUNTS);
    rig_restart(rig); /* as many as can be loaded again */
    assert_int_equal(oauth_trouble(rig->oauth), 0);
    assert_int_equal(oauth_account_count(rig->oauth), OAUTH_MAX_ACCOUNTS);
}

/* ---- the end ---- */

static void test_freed_with_a_full_queue(void **state)
{
    struct rig *rig = *state;
    struct answer a[OAUTH_LOGIN_QUEUE + 1] = {{0}};
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    for (int i = 0; i <= OAUTH_LOGIN_QUEUE; i++) {
        oauth_login(rig->oauth, &(struct oauth_login){.name = "anna", .password = PASSWORD, .side = "public"},
                    note_done, &a[i]);
    }
    rig_restart(rig);
    for (int i = 0; i <= OAUTH_LOGIN_QUEUE; i++) {
        assert_int_equal(a[i].count, 1);
        assert_int_equal(a[i].result, ERR_CANCELLED);
    }
    assert_int_equal(log_in(rig, "anna", PASSWORD), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_names_and_passwords),
        T(test_twice),
        T(test_password_change),
        T(test_queue),
        T(test_unknown_name_costs_the_same),
        T(test_rehash_at_login),
        T(test_rehash_never_undoes_a_change),
        T(test_rehash_replaces_only_what_was_verified),
        T(test_cap),
        T(test_freed_with_a_full_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
