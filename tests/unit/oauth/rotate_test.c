/* Refresh tokens of public clients (RFC 9700 2.2.2, 4.14.2): each is good once, and for those who did not hear the
 * answer. */
#include "unit/oauth/rig.h"

static struct answer link_app(struct rig *rig)
{
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    assert_int_equal(add_client(rig, "app", NULL).result, 0);
    struct answer code = allow_for(rig, "app", CHALLENGE);
    struct answer pair = redeem_for(rig, "app", code.code, APP_CALLBACK, VERIFIER);
    assert_int_equal(pair.result, 0);
    return pair;
}

/* The rule alone. */
static void test_rule(void **state)
{
    (void)state;
    const int64_t t = START_MS, minute = RULES_REPEAT_MS;
    struct rules_clock clock = {0};
    struct rules_link link = {.created_ms = t, .redeemed_ms = t, .refreshed_ms = t, .generation = 5};
    const int64_t long_ago = t - 10 * minute;
    static const struct {
        uint32_t generation;
        int64_t after;
        enum rules_rotate what;
    } rows[] = {
        {5, 0, ROTATE_NEXT},
        {5, INT64_C(1) << 40, ROTATE_NEXT},
        {6, 0, ROTATE_NEXT}, /* a backup was restored */
        {4, 0, ROTATE_AGAIN},
        {4, RULES_REPEAT_MS - 1, ROTATE_AGAIN},
        {4, RULES_REPEAT_MS, ROTATE_REUSED},
        {4, -(INT64_C(1) << 38), ROTATE_AGAIN}, /* the clock went back */
        {3, 0, ROTATE_REUSED},
        {0, 0, ROTATE_REUSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(rules_rotate(&link, &clock, rows[i].generation, long_ago, t + rows[i].after), rows[i].what);
    }
    /* a crash took the answer with it, and a minute and more went by until the program was there again */
    assert_int_equal(rules_rotate(&link, &clock, 4, t + 9 * minute, t + 9 * minute + 10), ROTATE_AGAIN);
    assert_int_equal(rules_rotate(&link, &clock, 3, t + 9 * minute, t + 9 * minute + 10), ROTATE_REUSED);
    assert_int_equal(rules_rotate(&link, &clock, 4, t + 9 * minute, t + 11 * minute), ROTATE_REUSED);
}

static void test_rotates(void **state)
{
    struct rig *rig = *state;
    struct answer pair = link_app(rig), next = {0};
    for (int i = 0; i < 20; i++) {
        pass_time(i % 2 ? 3600000 : 1000); /* also within the minute the newest one is replaced, not repeated */
        next = refresh_for(rig, "app", pair.refresh);
        assert_int_equal(next.result, 0);
        assert_string_not_equal(next.refresh, pair.refresh);
        assert_string_not_equal(next.access, pair.access);
        assert_int_equal(verify(rig, next.access), 0);
        pair = next;
    }
    rig_restart(rig);
    pass_time(3600000);
    assert_int_equal(refresh_for(rig, "app", pair.refresh).result, 0);
}

static void test_lost_answer(void **state)
{
    struct rig *rig = *state;
    struct answer pair = link_app(rig);
    pass_time(3600000);
    struct answer next = refresh_for(rig, "app", pair.refresh);
    for (int i = 0; i < 3; i++) {
        pass_time(19000);
        struct answer again = refresh_for(rig, "app", pair.refresh);
        assert_int_equal(again.result, 0);
        assert_string_equal(again.access, next.access);
        assert_string_equal(again.refresh, next.refresh);
    }
    assert_int_equal(refresh_for(rig, "app", next.refresh).result, 0);
}

/* The answer was lost with the program, which needs two minutes to come back. */
static void test_lost_in_a_crash(void **state)
{
    struct rig *rig = *state;
    struct answer pair = link_app(rig), lost = {0};
    pass_time(3600000);
    lost = refresh_for(rig, "app", pair.refresh);
    assert_int_equal(lost.result, 0);
    pass_time(120000);
    rig_crash(rig);
    pass_time(5000);
    struct answer again = refresh_for(rig, "app", pair.refresh);
    assert_int_equal(again.result, 0);
    assert_string_equal(again.refresh, lost.refresh);
}

static void test_at_once(void **state)
{
    struct rig *rig = *state;
    struct answer pair = link_app(rig), a[5] = {{0}};
    pass_time(3600000);
    for (int i = 0; i < 5; i++) {
        oauth_refresh(rig->oauth, client(rig, "app"), pair.refresh, note_tokens, &a[i]);
        assert_int_equal(a[i].count, 0);
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(wait_for_answer(rig, &a[i]), 0);
        assert_string_equal(a[i].refresh, a[0].refresh);
    }
    assert_int_equal(refresh_for(rig, "app", a[0].refresh).result, 0);
}

/* 4.14.2: who of the two is the thief cannot be told, so neither goes on. */
static void test_reuse_ends_the_link(void **state)
{
    struct rig *rig = *state;
    struct answer pair = link_app(rig);
    pass_time(3600000);
    struct answer next = refresh_for(rig, "app", pair.refresh);
    pass_time(RULES_REPEAT_MS);
    struct answer reused = refresh_for(rig, "app", pair.refresh);
    assert_int_equal(reused.result, ERR_ENDED);
    assert_non_null(strstr(reused.refusal, "RFC 9700 4.14.2"));
    struct oauth_link *link = oauth_link_next(rig->oauth, NULL);
    struct trace_finding finding;
    assert_true(trace_finding(oauth_trace_of(link), &finding));
    assert_int_equal(finding.step, TRACE_REFRESH);
    assert_int_equal(finding.cause, CAUSE_REFRESH_TOKEN_REUSED);
    assert_int_equal(refresh_for(rig, "app", next.refresh).result, ERR_ENDED);
    assert_int_equal(verify(rig, next.access), ERR_ENDED);
    rig_restart(rig);
    assert_int_equal(refresh_for(rig, "app", next.refresh).result, ERR_ENDED);
}

/* The token before the last has no minute. */
static void test_two_back(void **state)
{
    struct rig *rig = *state;
    struct answer first = link_app(rig);
    pass_time(3600000);
    struct answer second = refresh_for(rig, "app", first.refresh);
    struct answer third = refresh_for(rig, "app", second.refresh);
    assert_int_equal(third.result, 0);
    assert_int_equal(refresh_for(rig, "app", first.refresh).result, ERR_ENDED);
    assert_int_equal(refresh_for(rig, "app", third.refresh).result, ERR_ENDED);
}

/* A replacement that is not on the disk would be none: 503, and the old token stays good. */
static void test_full_disk(void **state)
{
    struct rig *rig = *state;
    struct answer pair = link_app(rig);
    struct rlimit limit, none;
    pass_time(3600000);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    none = limit;
    none.rlim_cur = 1;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    struct answer full = refresh_for(rig, "app", pair.refresh);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(full.result, ERR_FULL);
    pass_time(3600000);
    assert_int_equal(refresh_for(rig, "app", pair.refresh).result, 0);
}

/* A store of three refreshes ago: the newest token is still good, and those before it still are not. */
static void test_backup(void **state)
{
    struct rig *rig = *state;
    struct answer pair = link_app(rig), before = {0};
    copy_store(rig, "store.db", "backup.db");
    for (int i = 0; i < 3; i++) {
        pass_time(3600000);
        before = pair;
        pair = refresh_for(rig, "app", pair.refresh);
    }
    rig_close(rig);
    copy_store(rig, "backup.db", "store.db");
    rig->expected = true;
    rig_open(rig);
    pass_time(3600000);
    struct answer next = refresh_for(rig, "app", pair.refresh);
    assert_int_equal(next.result, 0);
    pass_time(3600000);
    assert_int_equal(refresh_for(rig, "app", next.refresh).result, 0);
    assert_int_equal(refresh_for(rig, "app", before.refresh).result, ERR_ENDED);
}

/* Years of a client that keeps the newest token and asks again where an answer was lost, under a clock that jumps. */
static void test_behaving_client_keeps_its_link(void **state)
{
    struct rig *rig = *state;
    struct answer pair = link_app(rig);
    const int64_t decade = INT64_C(315360000000);
    unsigned random = 1;
    for (int i = 0; i < 400; i++) {
        random = random * 1103515245u + 12345u;
        unsigned dice = random >> 16;
        pass_time((int64_t)(dice % 7) * 86400000 + 1000);
        struct answer next = refresh_for(rig, "app", pair.refresh);
        assert_int_equal(next.result, 0);
        if (dice % 5 == 0) { /* the answer was lost, and the clock jumps before it is asked for again */
            rig_wall += dice % 3 == 0 ? decade : dice % 3 == 1 && rig_wall > decade ? -decade : 0;
            pass_time(dice % 50 * 1000);
            struct answer again = refresh_for(rig, "app", pair.refresh);
            assert_int_equal(again.result, 0);
            assert_string_equal(again.refresh, next.refresh);
        }
        pair = next;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_rule),        T(test_rotates),
        T(test_lost_answer), T(test_lost_in_a_crash),
        T(test_at_once),     T(test_reuse_ends_the_link),
        T(test_two_back),    T(test_full_disk),
        T(test_backup),      T(test_behaving_client_keeps_its_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
