/* What a restart, a crash between two steps and an older backup leave of a link: everything. */
#include "unit/oauth/rig.h"

static void assert_same_info(const struct oauth_link_info *a, const struct oauth_link_info *b)
{
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->account, b->account);
    assert_string_equal(a->client_id, b->client_id);
    assert_string_equal(a->client_name, b->client_name);
    assert_string_equal(a->redirect_uri, b->redirect_uri);
    assert_string_equal(a->scope, b->scope);
    assert_true(a->created_ms == b->created_ms && a->redeemed_ms == b->redeemed_ms && a->used_ms == b->used_ms);
    assert_true(a->refreshed_ms == b->refreshed_ms && a->ended_ms == b->ended_ms);
    assert_int_equal(a->end_reason == NULL, b->end_reason == NULL);
    assert_true(!a->end_reason || strcmp(a->end_reason, b->end_reason) == 0);
}

/* The texts of an info go with the oauth. */
static struct oauth_link_info kept(const struct oauth_link *link)
{
    struct oauth_link_info info;
    oauth_link_info(link, &info);
    info.account = strdup(info.account);
    info.client_id = strdup(info.client_id);
    info.client_name = strdup(info.client_name);
    info.redirect_uri = strdup(info.redirect_uri);
    info.scope = strdup(info.scope);
    info.end_reason = info.end_reason ? strdup(info.end_reason) : NULL;
    return info;
}

static void forget(struct oauth_link_info *info)
{
    const char *const texts[] = {info->account,      info->client_id, info->client_name,
                                 info->redirect_uri, info->scope,     info->end_reason};
    for (size_t i = 0; i < 6; i++) {
        free((char *)(uintptr_t)texts[i]);
    }
}

static void test_everything_is_there_again(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    pass_time(120000);
    assert_int_equal(verify(rig, pair.access), 0);
    struct answer again = refresh(rig, pair.refresh);
    pass_time(120000);
    struct answer unredeemed = allow(rig, "anna");
    struct answer gone = allow(rig, "anna");
    assert_int_equal(end_link(rig, gone.link), 0);
    struct oauth_link_info before[3] = {kept(code.link), kept(unredeemed.link), kept(gone.link)};
    rig_restart(rig);
    struct oauth_link *link = NULL;
    for (int i = 0; i < 3; i++) {
        struct oauth_link_info after;
        link = oauth_link_next(rig->oauth, link);
        assert_non_null(link);
        oauth_link_info(link, &after);
        assert_same_info(&before[i], &after);
        assert_ptr_equal(oauth_link_find(rig->oauth, after.id), link);
        forget(&before[i]);
    }
    assert_null(oauth_link_next(rig->oauth, link));
    int64_t created = 0;
    assert_int_equal(oauth_account_count(rig->oauth), 1);
    assert_string_equal(oauth_account_at(rig->oauth, 0, &created), "anna");
    assert_true(created == START_MS);
    assert_null(oauth_account_at(rig->oauth, 1, NULL));
    assert_int_equal(log_in(rig, "anna", PASSWORD), 0);
    assert_int_equal(log_in(rig, "anna", "wrong one"), ERR_DENIED);
    assert_int_equal(verify(rig, pair.access), 0);
    assert_int_equal(verify(rig, again.access), 0);
    assert_int_equal(redeem(rig, unredeemed.code).result, 0);
    assert_int_equal(redeem(rig, gone.code).result, ERR_ENDED);
    assert_string_equal(refresh(rig, pair.refresh).refresh, pair.refresh);
}

/* What was answered was on the disk before. */
static void test_crash_after_each_answer(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    rig_crash(rig);
    assert_int_equal(log_in(rig, "anna", PASSWORD), 0);
    struct answer code = allow(rig, "anna");
    rig_crash(rig);
    struct answer pair = redeem(rig, code.code);
    assert_int_equal(pair.result, 0);
    rig_crash(rig);
    struct answer repeated = redeem(rig, code.code); /* the answer was lost in the crash: the same again */
    assert_string_equal(repeated.access, pair.access);
    assert_string_equal(repeated.refresh, pair.refresh);
    pass_time(100000);
    struct answer again = refresh(rig, pair.refresh);
    rig_crash(rig);
    assert_string_equal(refresh(rig, pair.refresh).access, again.access);
    assert_int_equal(verify(rig, again.access), 0);
    assert_int_equal(end_link(rig, oauth_link_next(rig->oauth, NULL)), 0);
    rig_crash(rig);
    assert_int_equal(verify(rig, again.access), ERR_ENDED);
}

/* A crash before the answer: asked again, as if it were for the first time, or with what had been written. */
static void test_crash_before_each_answer(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    struct answer lost = {0}, code = allow(rig, "anna");
    oauth_issue_code(rig->oauth, client(rig, "smartthings"),
                     &(struct oauth_grant){.account = "anna", .redirect_uri = CALLBACK, .scope = ""}, note_code, &lost);
    rig_crash(rig); /* from inside it is said to have been given up, once */
    assert_int_equal(lost.count, 1);
    assert_int_equal(lost.result, ERR_CANCELLED);
    struct answer a = {0};
    oauth_redeem(rig->oauth, client(rig, "smartthings"), code.code, CALLBACK, NULL, note_tokens, &a);
    rig_crash(rig);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.result, ERR_CANCELLED);
    struct answer pair = redeem(rig, code.code);
    assert_int_equal(pair.result, 0);
    struct answer b = {0};
    oauth_refresh(rig->oauth, client(rig, "smartthings"), pair.refresh, note_tokens, &b);
    rig_crash(rig);
    assert_int_equal(b.result, ERR_CANCELLED);
    assert_int_equal(refresh(rig, pair.refresh).result, 0);
    assert_int_equal(verify(rig, pair.access), 0);
}

/* The backup was taken before the code was redeemed; the tokens that came of it afterwards go on. */
static void test_backup_from_before_the_redeeming(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    struct answer code = allow(rig, "anna");
    copy_store(rig, "store.db", "backup.db");
    struct answer pair = redeem(rig, code.code);
    pass_time(OAUTH_CODE_LIFE_S * 1000);
    struct answer newest = refresh(rig, pair.refresh);
    rig_close(rig);
    copy_store(rig, "backup.db", "store.db");
    rig_open(rig);
    assert_int_equal(verify(rig, newest.access), 0);
    struct oauth_link_info info;
    oauth_link_info(oauth_link_next(rig->oauth, NULL), &info);
    assert_true(info.redeemed_ms > 0);
    pass_time(100000);
    struct answer again = refresh(rig, pair.refresh);
    assert_int_equal(again.result, 0);
    assert_string_equal(again.refresh, pair.refresh);
    assert_string_not_equal(again.access, newest.access);
}

/* The generation moves forward with what is presented, so that no token is ever issued twice for two times. */
static void test_backup_moves_the_generation_forward(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code), newest = {0};
    struct token token;
    copy_store(rig, "store.db", "backup.db");
    for (int i = 0; i < 5; i++) {
        pass_time(100000);
        newest = refresh(rig, pair.refresh);
    }
    assert_int_equal(token_read(newest.access, &token), 0);
    assert_int_equal(token.generation, 6);
    rig_close(rig);
    copy_store(rig, "backup.db", "store.db");
    rig_open(rig);
    assert_int_equal(rig->oauth->links[0]->at.generation, 1);
    assert_int_equal(verify(rig, newest.access), 0);
    assert_int_equal(rig->oauth->links[0]->at.generation, 6);
    rig_restart(rig); /* and that is remembered */
    assert_int_equal(rig->oauth->links[0]->at.generation, 6);
    assert_true(rig->oauth->links[0]->at.refreshed_ms == token.issued_ms);
    pass_time(100000);
    assert_int_equal(token_read(refresh(rig, pair.refresh).access, &token), 0);
    assert_int_equal(token.generation, 7);
}

/* A code whose tokens are in use is a replay even where the backup has never seen them. */
static void test_backup_and_replay(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    struct answer code = allow(rig, "anna");
    copy_store(rig, "store.db", "backup.db");
    struct answer pair = redeem(rig, code.code);
    rig_close(rig);
    copy_store(rig, "backup.db", "store.db");
    rig_open(rig);
    assert_int_equal(verify(rig, pair.access), 0);
    assert_int_equal(redeem(rig, code.code).result, ERR_ENDED);
    assert_int_equal(verify(rig, pair.access), ERR_ENDED);
}

/* A link made after the backup is not known any more: refused, but what the backup knows is untouched. */
static void test_backup_from_before_the_link(void **state)
{
    struct rig *rig = *state;
    struct answer first = linked(rig, NULL);
    copy_store(rig, "store.db", "backup.db");
    struct answer second = linked(rig, NULL);
    rig_close(rig);
    copy_store(rig, "backup.db", "store.db");
    rig_open(rig);
    assert_int_equal(verify(rig, second.access), ERR_DENIED);
    assert_int_equal(refresh(rig, second.refresh).result, ERR_DENIED);
    assert_int_equal(verify(rig, first.access), 0);
    struct answer third = linked(rig, NULL); /* has the same birth number and is another link all the same */
    assert_int_equal(verify(rig, third.access), 0);
    assert_int_equal(verify(rig, second.access), ERR_DENIED);
}

/* No token, no password and no salt of an ended link lies in the files. */
static void test_what_is_not_stored(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    uint8_t salted[SECRETS_KEY_SIZE];
    memcpy(salted, rig->oauth->links[0]->key, sizeof salted);
    const char *const secret[] = {pair.access, pair.refresh, code.code, PASSWORD, "s3cret"};
    char command[256];
    store_close(rig->store);
    for (size_t i = 0; i < 5; i++) {
        snprintf(command, sizeof command, "grep -a -q -e '%.60s' %s/*", secret[i], rig->folder);
        assert_int_not_equal(system(command), 0);
    }
    snprintf(command, sizeof command, "grep -a -q -e smartthings %s/*", rig->folder); /* grep does look */
    assert_int_equal(system(command), 0);
    struct oauth *old = rig->oauth;
    rig_open(rig);
    oauth_free(old);
    assert_memory_equal(rig->oauth->links[0]->key, salted, sizeof salted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_everything_is_there_again),
        T(test_crash_after_each_answer),
        T(test_crash_before_each_answer),
        T(test_backup_from_before_the_redeeming),
        T(test_backup_moves_the_generation_forward),
        T(test_backup_and_replay),
        T(test_backup_from_before_the_link),
        T(test_what_is_not_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
