/* Links: listed by birth, found by id, ended for good, superseded by the one that works, bounded in number. */
#include "unit/oauth/rig.h"

static int endings;
static struct oauth_link *last_ended;

static void note_ended(void *user, struct oauth_link *link)
{
    assert_ptr_equal(user, &endings);
    assert_false(oauth_link_alive(link));
    endings++;
    last_ended = link;
}

static void listen_for_endings(struct rig *rig)
{
    endings = 0;
    last_ended = NULL;
    oauth_on_link_ended(rig->oauth, note_ended, &endings);
}

static int add_length(void *user, const struct store_row *row)
{
    *(int64_t *)user += store_row_int(row, 0);
    return 0;
}

/* Bytes of salt that are left in the store: without its salt no token of a link can be made again. */
static int64_t salt_left(struct rig *rig)
{
    int64_t bytes = 0;
    rig_restart(rig);
    assert_int_equal(store_read(rig->store, "SELECT length(salt) FROM links", add_length, &bytes, ""), 0);
    return bytes;
}

static void test_end(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code), a = {0}, b = {0};
    struct oauth_link_info info;
    listen_for_endings(rig);
    pass_time(5000);
    oauth_link_end(rig->oauth, code.link, "unlinked by hand", note_done, &a);
    oauth_link_end(rig->oauth, code.link, "again", note_done, &b); /* while the first is on its way */
    oauth_link_end(rig->oauth, code.link, "again", NULL, NULL);
    assert_true(oauth_link_alive(code.link));
    assert_int_equal(wait_for_answer(rig, &a), 0);
    assert_int_equal(wait_for_answer(rig, &b), 0);
    assert_int_equal(endings, 1);
    assert_ptr_equal(last_ended, code.link);
    oauth_link_info(code.link, &info);
    assert_string_equal(info.end_reason, "unlinked by hand");
    assert_true(info.ended_ms == START_MS + 5000);
    assert_int_equal(end_link(rig, code.link), 0); /* ended already: nothing to do */
    assert_int_equal(endings, 1);
    assert_int_equal(verify(rig, pair.access), ERR_ENDED);
    assert_int_equal(salt_left(rig), 0);
}

static void test_find_and_list(void **state)
{
    struct rig *rig = *state;
    struct answer codes[40];
    struct oauth_link *link = NULL;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    for (int i = 0; i < 40; i++) {
        codes[i] = allow(rig, "anna");
        rig_wall -= 1000000; /* by birth, also when the clock goes backwards */
    }
    for (int i = 0; i < 40; i++) {
        struct oauth_link_info info;
        link = oauth_link_next(rig->oauth, link);
        assert_ptr_equal(link, codes[i].link);
        oauth_link_info(link, &info);
        assert_ptr_equal(oauth_link_find(rig->oauth, info.id), link);
        info.id[0] = (char)(info.id[0] == 'f' ? '0' : 'f');
        assert_null(oauth_link_find(rig->oauth, info.id));
    }
    assert_null(oauth_link_next(rig->oauth, link));
    static const char *const none[] = {"", "0", "zz00000000000000", "00000000000000000", "000000000000000"};
    for (size_t i = 0; i < 5; i++) {
        assert_null(oauth_link_find(rig->oauth, none[i]));
    }
}

/* The newer link of the same client and account takes over once it works, not before. */
static void test_superseded_once_confirmed(void **state)
{
    struct rig *rig = *state;
    struct answer first_code, second_code, first = linked(rig, &first_code);
    assert_int_equal(add_account(rig, "berta", PASSWORD), 0);
    struct answer of_berta = allow(rig, "berta"), of_other = {0};
    oauth_issue_code(rig->oauth, client(rig, "other"),
                     &(struct oauth_grant){.account = "anna", .redirect_uri = CALLBACK, .scope = ""}, note_code,
                     &of_other);
    assert_int_equal(wait_for_answer(rig, &of_other), 0);
    struct answer second = linked(rig, &second_code), third = allow(rig, "anna");
    listen_for_endings(rig);
    assert_int_equal(verify(rig, first.access), 0);
    assert_int_equal(verify(rig, second.access), 0);
    oauth_link_confirmed(rig->oauth, second_code.link);
    while (endings == 0) {
        loop_turn(rig->loop, true);
    }
    assert_int_equal(endings, 1);
    assert_ptr_equal(last_ended, first_code.link);
    struct oauth_link_info info;
    oauth_link_info(first_code.link, &info);
    assert_string_equal(info.end_reason, "superseded by a newer link");
    assert_int_equal(verify(rig, first.access), ERR_ENDED);
    assert_int_equal(verify(rig, second.access), 0);
    assert_true(oauth_link_alive(of_berta.link) && oauth_link_alive(of_other.link));
    assert_true(oauth_link_alive(third.link));          /* newer: it may yet work */
    oauth_link_confirmed(rig->oauth, second_code.link); /* said again: nothing more to end */
    oauth_link_confirmed(rig->oauth, first_code.link);  /* too late */
    rig_restart(rig);
    assert_int_equal(verify(rig, first.access), ERR_ENDED);
    assert_int_equal(verify(rig, second.access), 0);
    assert_int_equal(redeem(rig, third.code).result, 0);
}

static void test_account_removal_ends_links(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code), a = {0};
    assert_int_equal(add_account(rig, "berta", PASSWORD), 0);
    struct answer of_berta = allow(rig, "berta"), second = linked(rig, NULL);
    listen_for_endings(rig);
    oauth_account_remove(rig->oauth, "anna", note_done, &a);
    assert_int_equal(verify(rig, pair.access), 0); /* not before it is durable */
    assert_int_equal(wait_for_answer(rig, &a), 0);
    assert_int_equal(endings, 2);
    assert_int_equal(verify(rig, pair.access), ERR_ENDED);
    assert_int_equal(refresh(rig, second.refresh).result, ERR_ENDED);
    assert_true(oauth_link_alive(of_berta.link));
    assert_int_equal(allow(rig, "anna").result, ERR_NOT_FOUND);
    assert_int_equal(log_in(rig, "anna", PASSWORD), ERR_DENIED);
    assert_int_equal(salt_left(rig), TOKEN_SALT_SIZE); /* of the other account's link */
    assert_int_equal(verify(rig, pair.access), ERR_ENDED);
    assert_int_equal(oauth_account_count(rig->oauth), 1);
    assert_int_equal(redeem(rig, of_berta.code).result, 0);
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0); /* somebody of the same name is somebody else */
    assert_int_equal(verify(rig, pair.access), ERR_ENDED);
}

/* Allow is pressed while the account is being removed: whichever comes first, no living link is left. */
static void test_allow_while_removed(void **state)
{
    struct rig *rig = *state;
    struct answer early = {0}, late = {0}, removed = {0};
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    oauth_issue_code(rig->oauth, client(rig, "smartthings"),
                     &(struct oauth_grant){.account = "anna", .redirect_uri = CALLBACK, .scope = ""}, note_code,
                     &early);
    oauth_account_remove(rig->oauth, "anna", note_done, &removed);
    oauth_issue_code(rig->oauth, client(rig, "smartthings"),
                     &(struct oauth_grant){.account = "anna", .redirect_uri = CALLBACK, .scope = ""}, note_code, &late);
    assert_int_equal(wait_for_answer(rig, &early), 0);
    assert_int_equal(wait_for_answer(rig, &removed), 0);
    assert_int_equal(wait_for_answer(rig, &late), ERR_NOT_FOUND);
    assert_false(oauth_link_alive(early.link));
    assert_int_equal(redeem(rig, early.code).result, ERR_ENDED);
    rig_restart(rig);
    assert_null(oauth_link_next(rig->oauth, oauth_link_next(rig->oauth, NULL)));
    assert_int_equal(redeem(rig, early.code).result, ERR_ENDED);
}

/* The largest number of links is the largest number of living ones: ended ones make room, the oldest first. */
static void test_cap(void **state)
{
    struct rig *rig = *state;
    static struct answer codes[OAUTH_MAX_LINKS];
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    memset(codes, 0, sizeof codes);
    for (int i = 0; i < OAUTH_MAX_LINKS; i++) {
        oauth_issue_code(rig->oauth, client(rig, "smartthings"),
                         &(struct oauth_grant){.account = "anna", .redirect_uri = CALLBACK, .scope = ""}, note_code,
                         &codes[i]);
    }
    for (int i = 0; i < OAUTH_MAX_LINKS; i++) {
        while (codes[i].count == 0) {
            loop_turn(rig->loop, true);
        }
        assert_int_equal(codes[i].result, 0);
    }
    assert_int_equal(allow(rig, "anna").result, ERR_TOO_LARGE);
    assert_int_equal(end_link(rig, codes[7].link), 0);
    assert_int_equal(end_link(rig, codes[3].link), 0);
    struct answer first = allow(rig, "anna");
    assert_int_equal(first.result, 0);
    struct oauth_link_info info;
    oauth_link_info(codes[3].link, &info); /* the pointer stays good, though it is not listed any more */
    assert_string_equal(info.account, "anna");
    assert_null(oauth_link_find(rig->oauth, info.id));
    assert_ptr_equal(oauth_link_next(rig->oauth, codes[3].link), codes[4].link);
    assert_int_equal(redeem(rig, codes[3].code).result, ERR_DENIED); /* nobody knows it any more */
    assert_int_equal(redeem(rig, codes[7].code).result, ERR_ENDED);
    assert_int_equal(redeem(rig, codes[8].code).result, 0);
    assert_int_equal(allow(rig, "anna").result, 0);
    assert_int_equal(allow(rig, "anna").result, ERR_TOO_LARGE);
    rig_restart(rig);
    assert_int_equal(rig->oauth->link_count, OAUTH_MAX_LINKS);
    assert_int_equal(redeem(rig, first.code).result, 0);
}

/* 'Last used' is written at the first use, then once an hour: no write for each request. */
static void test_use_is_noted_sparingly(void **state)
{
    struct rig *rig = *state;
    struct answer pair = linked(rig, NULL);
    uint64_t before = store_stats(rig->store).batches;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(verify(rig, pair.access), 0);
        pass_time(3000);
        loop_turn(rig->loop, false);
    }
    while (store_stats(rig->store).batches == before) {
        loop_turn(rig->loop, true);
    }
    assert_int_equal(store_stats(rig->store).batches - before, 1);
    pass_time(RULES_MARK_MS);
    int64_t used = rig_wall;
    assert_int_equal(verify(rig, pair.access), 0);
    rig_restart(rig);
    struct oauth_link_info info;
    oauth_link_info(oauth_link_next(rig->oauth, NULL), &info);
    assert_true(info.used_ms == used);
}

/* Freed with everything on its way: each asker is told once, and nothing is touched afterwards. */
static void test_freed_in_the_middle(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code), a[6] = {{0}};
    struct answer fresh = allow(rig, "anna");
    oauth_issue_code(rig->oauth, client(rig, "smartthings"),
                     &(struct oauth_grant){.account = "anna", .redirect_uri = CALLBACK, .scope = ""}, note_code, &a[0]);
    oauth_redeem(rig->oauth, client(rig, "smartthings"), fresh.code, CALLBACK, NULL, note_tokens, &a[1]);
    oauth_refresh(rig->oauth, client(rig, "smartthings"), pair.refresh, note_tokens, &a[2]);
    assert_int_equal(verify(rig, pair.access), 0);
    oauth_link_end(rig->oauth, code.link, "unlinked by hand", note_done, &a[3]);
    oauth_login(rig->oauth, &(struct oauth_login){.name = "anna", .password = PASSWORD, .side = "public"}, note_done,
                &a[4]);
    oauth_account_remove(rig->oauth, "anna", note_done, &a[5]);
    rig_restart(rig);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(a[i].count, 1);
        assert_int_equal(a[i].result, ERR_CANCELLED);
    }
    for (int i = 0; i < 5; i++) {
        loop_turn(rig->loop, false);
    }
    assert_int_equal(a[4].count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_end),
        T(test_find_and_list),
        T(test_superseded_once_confirmed),
        T(test_account_removal_ends_links),
        T(test_allow_while_removed),
        T(test_cap),
        T(test_use_is_noted_sparingly),
        T(test_freed_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
