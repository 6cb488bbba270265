/* What a client may ask of its tokens: what they are (RFC 7662), and that they end (RFC 7009). */
#include "unit/oauth/rig.h"

static int give_up(struct rig *rig, const char *id, const char *token)
{
    struct answer a = {0};
    oauth_revoke(rig->oauth, client(rig, id), token, note_done, &a);
    return wait_for_answer(rig, &a);
}

static int introspect(struct rig *rig, const char *id, const char *token)
{
    struct oauth_token_info info = {0};
    int result = oauth_introspect(rig->oauth, client(rig, id), token, &info);
    assert_int_equal(result == 0, info.link != NULL);
    return result;
}

static void test_either_token_ends_the_link(void **state)
{
    struct rig *rig = *state;
    for (int access = 0; access < 2; access++) {
        struct answer pair = linked(rig, NULL);
        assert_int_equal(give_up(rig, "smartthings", access ? pair.access : pair.refresh), 0);
        assert_int_equal(verify(rig, pair.access), ERR_ENDED);
        assert_int_equal(refresh(rig, pair.refresh).result, ERR_ENDED);
        assert_int_equal(give_up(rig, "smartthings", pair.refresh), 0); /* again */
        rig_restart(rig);
        assert_int_equal(verify(rig, pair.access), ERR_ENDED);
    }
}

/* 2.1: another client's; nothing happens to it. */
static void test_of_another_client(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL);
    assert_int_equal(give_up(rig, "other", pair.access), ERR_DENIED);
    assert_int_equal(give_up(rig, "other", pair.refresh), ERR_DENIED);
    assert_int_equal(verify(rig, pair.access), 0);
}

/* 2.2: what is no token of ours, a code, or an access token of yesterday ends nothing. */
static void test_nothing_to_end(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    char cut[OAUTH_TOKEN_MAX];
    snprintf(cut, sizeof cut, "%.*s", (int)strlen(pair.refresh) - 1, pair.refresh);
    assert_int_equal(give_up(rig, "smartthings", "nonsense"), 0);
    assert_int_equal(give_up(rig, "smartthings", cut), 0);
    assert_int_equal(give_up(rig, "smartthings", code.code), 0);
    pass_time((int64_t)OAUTH_ACCESS_LIFE_S * 1000);
    assert_int_equal(give_up(rig, "smartthings", pair.access), 0);
    assert_int_equal(refresh(rig, pair.refresh).result, 0);
}

/* A token that cannot be judged is neither revoked nor inactive. */
static void test_store_unwell(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL);
    rig_close(rig);
    rig->keyless = rig->expected = true;
    rig_open(rig);
    assert_int_equal(give_up(rig, "smartthings", pair.refresh), ERR_LOST);
    assert_int_equal(introspect(rig, "smartthings", pair.access), ERR_LOST);
    assert_int_equal(introspect(rig, "smartthings", "nonsense"), ERR_LOST);
}

static void test_introspection(void **state)
{
    struct rig *rig = *state;
    struct oauth_token_info info;
    struct answer code, pair = linked(rig, &code);
    pass_time(5000);
    assert_int_equal(oauth_introspect(rig->oauth, client(rig, "smartthings"), pair.access, &info), 0);
    assert_true(info.access && info.link == code.link && info.issued_ms == START_MS);
    assert_true(info.expires_ms == START_MS + (int64_t)OAUTH_ACCESS_LIFE_S * 1000);
    assert_int_equal(oauth_introspect(rig->oauth, client(rig, "smartthings"), pair.refresh, &info), 0);
    assert_true(!info.access && info.expires_ms == 0);
    assert_int_equal(introspect(rig, "other", pair.access), ERR_DENIED);
    assert_int_equal(introspect(rig, "other", pair.refresh), ERR_DENIED);
    assert_int_equal(introspect(rig, "smartthings", code.code), ERR_DENIED);
    assert_int_equal(introspect(rig, "smartthings", "nonsense"), ERR_DENIED);
    struct oauth_link_info link;
    oauth_link_info(code.link, &link);
    assert_int_equal(link.used_ms, 0); /* looking is no use: the code may still be repeated */
    assert_int_equal(redeem(rig, code.code).result, 0);
    pass_time((int64_t)OAUTH_ACCESS_LIFE_S * 1000 - 5000);
    assert_int_equal(introspect(rig, "smartthings", pair.access), ERR_DENIED);
    assert_int_equal(introspect(rig, "smartthings", pair.refresh), 0);
    assert_int_equal(end_link(rig, code.link), 0);
    assert_int_equal(introspect(rig, "smartthings", pair.refresh), ERR_DENIED);
}

/* A public client's refresh token that has been replaced is active no more. */
static void test_replaced(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    add_client(rig, "app", NULL);
    struct answer code = allow_for(rig, "app", CHALLENGE);
    struct answer pair = redeem_for(rig, "app", code.code, APP_CALLBACK, VERIFIER);
    pass_time(3600000);
    struct answer next = refresh_for(rig, "app", pair.refresh);
    assert_int_equal(introspect(rig, "app", pair.refresh), ERR_DENIED);
    assert_int_equal(introspect(rig, "app", next.refresh), 0);
    assert_int_equal(give_up(rig, "app", pair.refresh), 0); /* whoever wants to give up may do so with an old one */
    assert_int_equal(introspect(rig, "app", next.refresh), ERR_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_either_token_ends_the_link),
        T(test_of_another_client),
        T(test_nothing_to_end),
        T(test_store_unwell),
        T(test_introspection),
        T(test_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
