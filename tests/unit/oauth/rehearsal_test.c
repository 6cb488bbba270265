/* What a rehearsal does leaves nothing behind: link, mark and attempt go together, also after a crash at any instant.
 */
#include "oauth/trace.h"
#include "unit/oauth/rig.h"

static const char announced[] = "a%7Eb.of+a_selftest-0123456789";

static struct answer rehearse(struct rig *rig)
{
    struct answer a = {0};
    oauth_issue_code(
        rig->oauth, client(rig, "smartthings"),
        &(struct oauth_grant){.account = "anna", .redirect_uri = CALLBACK, .scope = "devices", .rehearsal = true},
        note_code, &a);
    assert_int_equal(wait_for_answer(rig, &a), 0);
    return a;
}

static int end_all(struct rig *rig)
{
    struct answer a = {0};
    oauth_rehearsals_end(rig->oauth, note_done, &a);
    return wait_for_answer(rig, &a);
}

static int count_row(void *user, const struct store_row *row)
{
    *(int64_t *)user = store_row_int(row, 0);
    return 0;
}

static int64_t rows(const struct rig *rig, const char *sql)
{
    int64_t count = -1;
    assert_int_equal(store_read(rig->store, sql, count_row, &count, ""), 0);
    return count;
}

static void assert_nothing_left(struct rig *rig)
{
    assert_null(oauth_link_next(rig->oauth, NULL));
    assert_null(oauth_trace_next(rig->oauth, NULL));
    rig_restart(rig);
    assert_null(oauth_link_next(rig->oauth, NULL));
    assert_null(oauth_trace_next(rig->oauth, NULL));
    assert_int_equal(rows(rig, "SELECT count(*) FROM links"), 0);
    assert_int_equal(rows(rig, "SELECT count(*) FROM traces"), 0);
    assert_int_equal(rows(rig, "SELECT count(*) FROM meta WHERE key LIKE 'rehearsal%'"), 0);
}

static void test_the_one_request_that_was_announced(void **state)
{
    struct rig *rig = *state;
    assert_false(oauth_rehearsal_begins(rig->oauth, announced, strlen(announced)));
    oauth_rehearsal_expect(rig->oauth, announced);
    assert_false(oauth_rehearsal_begins(rig->oauth, announced, strlen(announced) - 1));
    assert_false(oauth_rehearsal_begins(rig->oauth, "a~b.of a_selftest-0123456789ab", strlen(announced)));
    assert_true(oauth_rehearsal_begins(rig->oauth, announced, strlen(announced)));
    assert_false(oauth_rehearsal_begins(rig->oauth, announced, strlen(announced)));
    oauth_rehearsal_expect(rig->oauth, announced);
    assert_int_equal(end_all(rig), 0);
    assert_false(oauth_rehearsal_begins(rig->oauth, announced, strlen(announced)));
}

static void test_its_link_is_marked_from_its_birth(void **state)
{
    struct rig *rig = *state;
    struct answer others = linked(rig, NULL);
    assert_false(oauth_link_rehearsal(oauth_link_next(rig->oauth, NULL)));
    struct answer code = rehearse(rig);
    assert_true(oauth_link_rehearsal(code.link));
    rig_crash(rig);
    struct oauth_link *other = oauth_link_next(rig->oauth, NULL), *link = oauth_link_next(rig->oauth, other);
    assert_true(oauth_link_rehearsal(link) && oauth_link_alive(link));
    assert_int_equal(redeem(rig, code.code).result, 0);
    assert_int_equal(end_all(rig), 0);
    assert_int_equal(redeem(rig, code.code).result, ERR_DENIED); /* nobody knows of it any more */
    assert_ptr_equal(oauth_link_next(rig->oauth, NULL), other);
    assert_null(oauth_link_next(rig->oauth, other));
    assert_int_equal(verify(rig, others.access), 0);
}

static void test_link_mark_and_attempt_go_together(void **state)
{
    struct rig *rig = *state;
    static const struct trace_origin origin = {"smartthings", CALLBACK, false, true};
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    uint32_t number = oauth_trace_begin(rig->oauth, &origin, &(struct trace_note){.step = TRACE_AUTHORIZE});
    number = oauth_trace_login(rig->oauth, number, &origin, "anna");
    struct answer code = rehearse(rig);
    oauth_trace_linked(rig->oauth, number, code.link);
    (void)oauth_trace_begin(rig->oauth, &origin, &(struct trace_note){.step = TRACE_AUTHORIZE}); /* came to nothing */
    oauth_trace_keep(rig->oauth);
    assert_int_equal(end_all(rig), 0);
    assert_nothing_left(rig);
}

static void test_after_a_crash_it_is_found_and_ended(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    struct answer code = rehearse(rig), second = rehearse(rig);
    assert_int_equal(redeem(rig, code.code).result, 0);
    assert_int_equal(end_link(rig, second.link), 0); /* between its end and its being forgotten */
    oauth_trace_link(rig->oauth, code.link, &(struct trace_note){.step = TRACE_DISCOVERY});
    oauth_trace_keep(rig->oauth);
    rig_crash(rig);
    assert_null(oauth_trace_next(rig->oauth, NULL));
    assert_int_equal(end_all(rig), 0);
    assert_nothing_left(rig);
}

static void test_it_supersedes_nobody(void **state)
{
    struct rig *rig = *state;
    (void)linked(rig, NULL);
    struct oauth_link *other = oauth_link_next(rig->oauth, NULL);
    oauth_link_confirmed(rig->oauth, rehearse(rig).link);
    for (int i = 0; i < 20; i++) {
        loop_turn(rig->loop, false);
    }
    (void)linked(rig, NULL); /* behind it in the store's queue */
    assert_true(oauth_link_alive(other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_the_one_request_that_was_announced),
        T(test_its_link_is_marked_from_its_birth),
        T(test_link_mark_and_attempt_go_together),
        T(test_after_a_crash_it_is_found_and_ended),
        T(test_it_supersedes_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
