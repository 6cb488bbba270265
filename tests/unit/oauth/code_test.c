/* Authorization codes (RFC 6749 4.1.2, 10.5): who may redeem one, when, how often, and what a replay does. */
#include "unit/oauth/rig.h"

static struct answer redeem_as(struct rig *rig, const char *id, const char *code, const char *redirect_uri)
{
    struct answer a = {.oauth = rig->oauth};
    oauth_redeem(rig->oauth, client(rig, id), code, redirect_uri, NULL, note_tokens, &a);
    wait_for_answer(rig, &a);
    return a;
}

static void test_first(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    struct oauth_link *link = NULL;
    struct oauth_link_info info;
    assert_int_equal(pair.expires_in, OAUTH_ACCESS_LIFE_S);
    assert_string_equal(pair.scope, "devices");
    assert_string_not_equal(pair.access, pair.refresh);
    assert_string_equal(pair.refusal, "");
    assert_int_equal(oauth_verify(rig->oauth, pair.access, rig_wall, &link), 0);
    assert_ptr_equal(link, code.link);
    oauth_link_info(link, &info);
    assert_string_equal(info.account, "anna");
    assert_string_equal(info.client_name, "SmartThings");
    assert_string_equal(info.redirect_uri, CALLBACK);
    assert_true(info.created_ms == START_MS && info.redeemed_ms == START_MS && info.used_ms == START_MS);
    assert_true(info.ended_ms == 0 && info.refreshed_ms == 0);
}

/* A lost answer is no replay: the same pair, byte for byte. */
static void test_repeated_before_use(void **state)
{
    struct rig *rig = *state;
    struct answer code, first = linked(rig, &code);
    for (int i = 0; i < 3; i++) {
        pass_time(60000);
        struct answer again = redeem(rig, code.code);
        assert_int_equal(again.result, 0);
        assert_string_equal(again.access, first.access);
        assert_string_equal(again.refresh, first.refresh);
        assert_int_equal(again.expires_in, OAUTH_ACCESS_LIFE_S - 60 * (i + 1));
    }
    assert_int_equal(verify(rig, first.access), 0);
}

/* Five at once: one commit, one pair. */
static void test_repeated_at_once(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    struct answer code = allow(rig, "anna"), a[5] = {{0}};
    uint64_t before = store_stats(rig->store).batches;
    for (int i = 0; i < 5; i++) {
        oauth_redeem(rig->oauth, client(rig, "smartthings"), code.code, CALLBACK, NULL, note_tokens, &a[i]);
        assert_int_equal(a[i].count, 0); /* nothing is answered before it is durable */
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(wait_for_answer(rig, &a[i]), 0);
        assert_string_equal(a[i].access, a[0].access);
        assert_string_equal(a[i].refresh, a[0].refresh);
    }
    assert_int_equal(store_stats(rig->store).batches - before, 1);
}

static void replay_ends_the_link(struct rig *rig, const struct answer *code, const struct answer *pair)
{
    struct oauth_link_info info;
    struct answer replay = redeem(rig, code->code);
    assert_int_equal(replay.result, ERR_ENDED);
    assert_non_null(strstr(replay.refusal, "RFC 6749 4.1.2"));
    assert_int_equal(verify(rig, pair->access), ERR_ENDED);
    assert_int_equal(refresh(rig, pair->refresh).result, ERR_ENDED);
    oauth_link_info(code->link, &info);
    assert_string_equal(info.end_reason, "its code was presented again after use");
    rig_restart(rig); /* durable, and the salt is gone */
    assert_int_equal(verify(rig, pair->access), ERR_ENDED);
    assert_int_equal(redeem(rig, code->code).result, ERR_ENDED);
}

static void test_replay_after_access_token_was_used(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    assert_int_equal(verify(rig, pair.access), 0);
    replay_ends_the_link(rig, &code, &pair);
}

static void test_replay_after_refresh_token_was_used(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    assert_int_equal(refresh(rig, pair.refresh).result, 0);
    replay_ends_the_link(rig, &code, &pair);
}

/* That it was used is remembered over a restart. */
static void test_replay_after_restart(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    assert_int_equal(verify(rig, pair.access), 0);
    rig_restart(rig);
    assert_int_equal(redeem(rig, code.code).result, ERR_ENDED);
    assert_int_equal(verify(rig, pair.access), ERR_ENDED);
}

static void test_other_client(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    struct answer other = redeem_as(rig, "other", code.code, CALLBACK);
    assert_int_equal(other.result, ERR_DENIED);
    assert_string_equal(other.refusal, "this code was issued to another client");
    assert_int_equal(verify(rig, pair.access), 0);
    /* also not by a replay: a stranger with a secret of its own must not be able to end others' links */
    assert_int_equal(redeem_as(rig, "other", code.code, CALLBACK).result, ERR_DENIED);
    assert_int_equal(verify(rig, pair.access), 0);
}

static void test_other_redirect_uri(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    struct answer code = allow(rig, "anna");
    static const char *const others[] = {OTHER_CALLBACK, CALLBACK "/", "",
                                         "HTTPS://c2c-eu.smartthings.com/oauth/callback"};
    for (size_t i = 0; i < 4; i++) {
        struct answer other = redeem_as(rig, "smartthings", code.code, others[i]);
        assert_int_equal(other.result, ERR_DENIED);
        assert_string_equal(other.refusal, "redirect_uri differs from the one in the authorization request");
    }
    assert_int_equal(redeem(rig, code.code).result, 0); /* and nothing was lost by it */
}

/* SmartThings is known to omit it at times. */
static void test_no_redirect_uri(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    struct answer code = allow(rig, "anna");
    assert_int_equal(redeem_as(rig, "smartthings", code.code, NULL).result, 0);
}

static void test_expired(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    struct answer code = allow(rig, "anna");
    pass_time(OAUTH_CODE_LIFE_S * 1000 - 1);
    struct answer late = allow(rig, "anna");
    assert_int_equal(redeem(rig, code.code).result, 0);
    pass_time(OAUTH_CODE_LIFE_S * 1000);
    struct answer expired = redeem(rig, late.code);
    assert_int_equal(expired.result, ERR_EXPIRED);
    assert_string_equal(expired.refusal, "this code has expired: it lives ten minutes");
    assert_true(oauth_link_alive(late.link));
}

/* Old codes lie in browser histories: one that has expired is worth nothing, and ends nothing. */
static void test_expired_replay_ends_nothing(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    assert_int_equal(verify(rig, pair.access), 0);
    pass_time(OAUTH_CODE_LIFE_S * 1000);
    assert_int_equal(redeem(rig, code.code).result, ERR_EXPIRED);
    assert_int_equal(verify(rig, pair.access), 0);
}

static void test_nonsense(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL);
    const char *const codes[] = {"", "nonsense", pair.access, pair.refresh};
    for (size_t i = 0; i < 4; i++) {
        struct answer a = redeem(rig, codes[i]);
        assert_int_equal(a.result, ERR_DENIED);
        assert_string_equal(a.refusal, "this is no code of this bridge");
    }
    assert_int_equal(verify(rig, pair.access), 0);
}

static void test_of_unknown_account(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(allow(rig, "nobody").result, ERR_NOT_FOUND);
}

/* A replay comes while the end of the link is being written, and when the write fails it is not said to have ended. */
static void test_replay_twice_at_once(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code), a = {0}, b = {0};
    assert_int_equal(verify(rig, pair.access), 0);
    oauth_redeem(rig->oauth, client(rig, "smartthings"), code.code, CALLBACK, NULL, note_tokens, &a);
    oauth_redeem(rig->oauth, client(rig, "smartthings"), code.code, CALLBACK, NULL, note_tokens, &b);
    assert_int_equal(wait_for_answer(rig, &a), ERR_ENDED);
    assert_int_equal(wait_for_answer(rig, &b), ERR_ENDED);
    assert_int_equal(verify(rig, pair.access), ERR_ENDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_first),
        T(test_repeated_before_use),
        T(test_repeated_at_once),
        T(test_replay_after_access_token_was_used),
        T(test_replay_after_refresh_token_was_used),
        T(test_replay_after_restart),
        T(test_other_client),
        T(test_other_redirect_uri),
        T(test_no_redirect_uri),
        T(test_expired),
        T(test_expired_replay_ends_nothing),
        T(test_nonsense),
        T(test_of_unknown_account),
        T(test_replay_twice_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
