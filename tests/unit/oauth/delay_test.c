/* Wrong passwords: the wait grows, is bounded, hits whoever guesses, and locks nobody out. */
#include "oauth/delay.h"
#include "unit/oauth/rig.h"

static struct delays delays;

static const struct delay_who anna = {"public", "anna", NULL}, thief = {"public", "anna", "192.0.2.66"},
                              home = {"public", "anna", "203.0.113.5"}, page = {"local", "anna", NULL};

static void guess_wrong(const struct delay_who *who, uint64_t now)
{
    delay_begin(&delays, who, now);
    delay_end(&delays, who, DELAY_FAILED, now);
}

static void succeed(const struct delay_who *who, uint64_t now)
{
    delay_begin(&delays, who, now);
    delay_end(&delays, who, DELAY_SUCCEEDED, now);
}

static int fresh(void **state)
{
    (void)state;
    memset(&delays, 0, sizeof delays);
    return 0;
}

static void test_grows(void **state)
{
    (void)state;
    static const uint32_t waits[] = {0, 0, 0, 0, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    uint64_t now = 1000;
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        guess_wrong(&anna, now);
        assert_int_equal(delay_wait_ms(&delays, &anna, now), waits[i]);
        if (waits[i] > 0) {
            assert_int_equal(delay_wait_ms(&delays, &anna, now + waits[i] - 1), 1);
        }
        now += waits[i];
        assert_int_equal(delay_wait_ms(&delays, &anna, now), 0); /* the wait is over: never a lockout */
    }
    succeed(&anna, now);
    guess_wrong(&anna, now);
    assert_int_equal(delay_wait_ms(&delays, &anna, now), 0); /* from the beginning */
}

static void test_forgets(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        guess_wrong(&anna, 1000);
    }
    assert_int_equal(delay_wait_ms(&delays, &anna, 1000), DELAY_MAX_MS);
    guess_wrong(&anna, 1000 + DELAY_FORGET_MS);
    assert_int_equal(delay_wait_ms(&delays, &anna, 1000 + DELAY_FORGET_MS), 0);
}

/* From then on one at a time, or all that fit into the queue would go at once after each wait. */
static void test_one_at_a_time(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DELAY_FREE; i++) {
        guess_wrong(&anna, 1000);
    }
    delay_begin(&delays, &anna, 9000);
    assert_true(delay_wait_ms(&delays, &anna, 9000) > 0);
    delay_end(&delays, &anna, DELAY_UNDECIDED, 9000);
    assert_int_equal(delay_wait_ms(&delays, &anna, 9000), 0);
}

/* Guessing at one account from one place keeps waiting the place for all accounts, and the account for all places, but
   for those where its owner has been before; and never at the other door. */
static void test_whom_it_hits(void **state)
{
    (void)state;
    const struct delay_who other_account = {"public", "bert", "192.0.2.66"},
                           new_place = {"public", "anna", "192.0.2.1"};
    const struct delay_who bert_at_home = {"public", "bert", "203.0.113.5"};
    succeed(&home, 500);
    for (int i = 0; i < 10; i++) {
        guess_wrong(&thief, 1000);
    }
    assert_true(delay_wait_ms(&delays, &thief, 1000) > 0);
    assert_true(delay_wait_ms(&delays, &other_account, 1000) > 0);
    assert_true(delay_wait_ms(&delays, &new_place, 1000) > 0);
    assert_true(delay_wait_ms(&delays, &anna, 1000) > 0);
    assert_int_equal(delay_wait_ms(&delays, &home, 1000), 0);
    assert_int_equal(delay_wait_ms(&delays, &bert_at_home, 1000), 0);
    assert_int_equal(delay_wait_ms(&delays, &page, 1000), 0);
    for (int i = 0; i < 10; i++) { /* a familiar place can be guessed from as well */
        guess_wrong(&home, 2000);
    }
    assert_true(delay_wait_ms(&delays, &home, 2000) > 0);
}

/* A thousand made-up names do not make anybody forget the account that is being guessed at. */
static void test_bounded(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < 10; i++) {
        guess_wrong(&anna, 1000);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "name%d", i);
        guess_wrong(&(struct delay_who){"public", name, NULL}, 1000 + (uint64_t)i);
    }
    assert_int_equal(delay_wait_ms(&delays, &anna, 2000), 31000);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "10.0.%d.%d", i / 250, i % 250);
        succeed(&(struct delay_who){"public", "bert", name}, 3000 + (uint64_t)i);
    }
    assert_int_equal(delay_wait_ms(&delays, &anna, 2000), 31000);
}

/* ---- through oauth_login ---- */

static int try(struct rig *rig, const char *name, const char *password, const char *source, unsigned *ret_wait_s)
{
    struct answer a = {0};
    oauth_login(rig->oauth, &(struct oauth_login){name, password, source, "public"}, note_done, &a);
    if (a.count > 0) {
        *ret_wait_s = oauth_login_wait_s(rig->oauth);
    }
    return wait_for_answer(rig, &a);
}

/* Known or not: the same answers, the same waits. While one waits, the right password is not looked at either. */
static void test_login(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    static const char *const names[] = {"anna", "nobody"};
    for (int n = 0; n < 2; n++) {
        unsigned wait_s = 0;
        for (unsigned i = 0; i < DELAY_FREE; i++) {
            assert_int_equal(try(rig, names[n], "wrong password", NULL, &wait_s), ERR_DENIED);
        }
        assert_int_equal(try(rig, names[n], PASSWORD, NULL, &wait_s), ERR_BUSY);
        assert_int_equal(wait_s, 1);
        pass_time(1000);
        assert_int_equal(try(rig, names[n], "wrong password", NULL, &wait_s), ERR_DENIED);
        pass_time(1);
        assert_int_equal(try(rig, names[n], PASSWORD, NULL, &wait_s), ERR_BUSY);
        assert_int_equal(wait_s, 2);
    }
    unsigned wait_s = 0;
    pass_time(2000);
    assert_int_equal(try(rig, "anna", PASSWORD, NULL, &wait_s), 0);
    assert_int_equal(try(rig, "anna", "wrong password", NULL, &wait_s), ERR_DENIED);
    assert_int_equal(try(rig, "anna", PASSWORD, NULL, &wait_s), 0);
}

/* A stranger's guesses from elsewhere do not keep the household waiting where it has logged in before. */
static void test_household(void **state)
{
    struct rig *rig = *state;
    unsigned wait_s = 0;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    assert_int_equal(try(rig, "anna", PASSWORD, "203.0.113.5", &wait_s), 0);
    for (unsigned i = 0; i < DELAY_FREE; i++) {
        assert_int_equal(try(rig, "anna", "wrong password", "192.0.2.66", &wait_s), ERR_DENIED);
    }
    assert_int_equal(try(rig, "anna", "wrong password", "192.0.2.66", &wait_s), ERR_BUSY);
    assert_int_equal(try(rig, "anna", PASSWORD, "203.0.113.5", &wait_s), 0);
}

#define D(test) cmocka_unit_test_setup(test, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        D(test_grows),   D(test_forgets), D(test_one_at_a_time), D(test_whom_it_hits),
        D(test_bounded), T(test_login),   T(test_household),
    };
    return secrets_init() != 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
