/* A confidential client's refresh token does not rotate: every authentic one of a living link is honoured. */
#include "unit/oauth/rig.h"

static void test_repeats_the_token(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL);
    char before[OAUTH_TOKEN_MAX];
    strcpy(before, pair.access);
    for (int i = 1; i <= 3; i++) {
        pass_time(3600000);
        struct answer again = refresh(rig, pair.refresh);
        assert_int_equal(again.result, 0);
        assert_string_equal(again.refresh, pair.refresh);
        assert_string_not_equal(again.access, before);
        assert_int_equal(again.expires_in, OAUTH_ACCESS_LIFE_S);
        assert_string_equal(again.scope, "devices");
        assert_int_equal(verify(rig, before), 0); /* the older access token lives its time out */
        assert_int_equal(verify(rig, again.access), 0);
        strcpy(before, again.access);
    }
}

/* An answer that was lost is asked for again: the same, without another write. */
static void test_repeated_within_a_minute(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL), first = refresh(rig, pair.refresh);
    uint64_t before = store_stats(rig->store).batches;
    pass_time(RULES_REPEAT_MS - 1);
    struct answer again = refresh(rig, pair.refresh);
    assert_string_equal(again.access, first.access);
    assert_string_equal(again.refresh, first.refresh);
    assert_int_equal(again.expires_in, OAUTH_ACCESS_LIFE_S - 59);
    assert_int_equal(store_stats(rig->store).batches, before);
    pass_time(1);
    assert_string_not_equal(refresh(rig, pair.refresh).access, first.access);
}

/* Twenty at once, as SmartThings' many servers do: one commit, one access token. */
static void test_repeated_at_once(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL), a[20] = {{0}};
    uint64_t before = store_stats(rig->store).batches;
    for (int i = 0; i < 20; i++) {
        oauth_refresh(rig->oauth, client(rig, "smartthings"), pair.refresh, note_tokens, &a[i]);
        assert_int_equal(a[i].count, 0);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(wait_for_answer(rig, &a[i]), 0);
        assert_string_equal(a[i].access, a[0].access);
        assert_string_equal(a[i].refresh, pair.refresh);
    }
    assert_int_equal(store_stats(rig->store).batches - before, 1);
}

static void test_years_later(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL);
    for (int year = 0; year < 20; year++) {
        pass_time(INT64_C(365) * 86400000);
        struct answer again = refresh(rig, pair.refresh);
        assert_int_equal(again.result, 0);
        assert_int_equal(verify(rig, again.access), 0);
        assert_int_equal(verify(rig, pair.access), ERR_EXPIRED);
    }
}

static void test_of_an_ended_link(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    assert_int_equal(end_link(rig, code.link), 0);
    struct answer a = refresh(rig, pair.refresh);
    assert_int_equal(a.result, ERR_ENDED);
    assert_string_equal(a.refusal, "the link behind it has ended: link the account again");
}

/* The link ends while the refresh is on its way to the disk. */
static void test_ended_meanwhile(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code), a = {0}, ended = {0};
    oauth_link_end(rig->oauth, code.link, "unlinked by hand", note_done, &ended);
    oauth_refresh(rig->oauth, client(rig, "smartthings"), pair.refresh, note_tokens, &a);
    assert_int_equal(wait_for_answer(rig, &ended), 0);
    assert_int_equal(wait_for_answer(rig, &a), ERR_ENDED);
    rig_restart(rig);
    assert_int_equal(refresh(rig, pair.refresh).result, ERR_ENDED);
}

static void test_other_client(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL), a = {.oauth = rig->oauth};
    oauth_refresh(rig->oauth, client(rig, "other"), pair.refresh, note_tokens, &a);
    assert_int_equal(wait_for_answer(rig, &a), ERR_DENIED);
    assert_string_equal(a.refusal, "this refresh token was issued to another client");
    assert_int_equal(refresh(rig, pair.refresh).result, 0);
}

static void test_other_kinds(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    const char *const texts[] = {"", "nonsense", pair.access, code.code};
    for (size_t i = 0; i < 4; i++) {
        struct answer a = refresh(rig, texts[i]);
        assert_int_equal(a.result, ERR_DENIED);
        assert_string_equal(a.refusal, "this is no refresh token of this bridge");
    }
}

/* The clock that boots in 1970 and jumps: neither a refresh nor what it gives is hurt. */
static void test_clock_jumps(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL);
    rig_restart(rig);
    rig_wall = 5000; /* booted without a network */
    rig_restart(rig);
    assert_int_equal(verify(rig, pair.access), 0);
    struct answer early = refresh(rig, pair.refresh);
    assert_int_equal(early.result, 0);
    assert_int_equal(verify(rig, early.access), 0);
    rig_wall = START_MS + 3600000; /* NTP has answered */
    rig_mono += 20000;
    assert_int_equal(verify(rig, early.access), 0); /* issued "in 1970", seconds ago */
    assert_int_equal(verify(rig, pair.access), 0);
    struct answer later = refresh(rig, pair.refresh);
    assert_int_equal(later.result, 0);
    assert_int_equal(later.expires_in, OAUTH_ACCESS_LIFE_S);
    assert_int_equal(verify(rig, later.access), 0);
}

static void test_clients(void **state)
{
    struct rig *rig = *state;
    const struct oauth_client *found = NULL;
    assert_int_equal(oauth_client_authenticate(rig->oauth, "smartthings", "s3cret", &found), 0);
    assert_string_equal(oauth_client_id(found), "smartthings");
    assert_string_equal(oauth_client_name(client(rig, "other")), "other"); /* without a name its id */
    static const char *const wrong[][2] = {{"smartthings", "s3cre"}, {"smartthings", "s3cret "},
                                           {"smartthings", ""},      {"smartthings", "0ther"},
                                           {"nobody", "s3cret"},     {"silent", ""},
                                           {"silent", "s3cret"},     {"", ""}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        found = NULL;
        assert_int_equal(oauth_client_authenticate(rig->oauth, wrong[i][0], wrong[i][1], &found), ERR_DENIED);
        assert_null(found);
    }
    const struct oauth_client *c = client(rig, "smartthings");
    assert_true(oauth_client_redirect_ok(c, CALLBACK));
    static const char *const others[] = {"", CALLBACK "/", CALLBACK "?x",
                                         "https://c2c-eu.smartthings.com/oauth/callbac"};
    for (size_t i = 0; i < 4; i++) {
        assert_false(oauth_client_redirect_ok(c, others[i]));
    }
    assert_string_equal(oauth_client_redirects(c)[1], OTHER_CALLBACK);
    assert_null(oauth_client_redirects(c)[2]);
    assert_false(oauth_client_sends_iss(c));
    assert_null(oauth_client_find(rig->oauth, "Smartthings"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_repeats_the_token), T(test_repeated_within_a_minute),
        T(test_repeated_at_once),  T(test_years_later),
        T(test_of_an_ended_link),  T(test_ended_meanwhile),
        T(test_other_client),      T(test_other_kinds),
        T(test_clock_jumps),       T(test_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
