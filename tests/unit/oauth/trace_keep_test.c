/* Traces that are kept: in memory, in the store, over restarts, and without a store. */
#include "unit/oauth/rig.h"

#include <sqlite3.h>

static const struct trace_origin smartthings = {.client_id = "smartthings", .redirect_uri = CALLBACK};

static uint32_t begin(struct rig *rig, enum trace_cause cause)
{
    return oauth_trace_begin(
        rig->oauth, &smartthings,
        &(struct trace_note){TRACE_AUTHORIZE, cause ? TRACE_REFUSED : TRACE_OK, cause, "this", "that"});
}

static size_t count_of(const struct rig *rig)
{
    size_t count = 0;
    for (const struct trace *t = oauth_trace_next(rig->oauth, NULL); t; t = oauth_trace_next(rig->oauth, t)) {
        count++;
    }
    return count;
}

static enum trace_cause blamed(const struct trace *trace)
{
    struct trace_finding finding;
    return trace_finding(trace, &finding) ? finding.cause : CAUSE_NONE;
}

/* From the page to the link: the number of the attempt is the link's. */
static struct answer link_traced(struct rig *rig, uint32_t *ret_number)
{
    (void)add_account(rig, "anna", PASSWORD);
    uint32_t number = oauth_trace_login(rig->oauth, begin(rig, CAUSE_NONE), &smartthings, "anna");
    oauth_trace_note(rig->oauth, number, &(struct trace_note){.step = TRACE_CONSENT});
    struct answer code = allow(rig, "anna");
    oauth_trace_linked(rig->oauth, number, code.link);
    oauth_trace_note(rig->oauth, number, &(struct trace_note){.step = TRACE_CODE});
    *ret_number = number;
    return code;
}

static void test_an_attempt_becomes_its_links(void **state)
{
    struct rig *rig = *state;
    uint32_t number;
    struct answer code = link_traced(rig, &number);
    const struct trace *trace = oauth_trace_of(code.link);
    assert_non_null(trace);
    assert_int_equal(trace->number, number);
    assert_true(trace->known && trace->webhook);
    assert_string_equal(trace->account, "anna");
    assert_string_equal(trace->redirect_uri, CALLBACK);
    assert_ptr_equal(oauth_trace_link_of(rig->oauth, code.code), code.link);
    assert_null(oauth_trace_link_of(rig->oauth, "made up"));
    code.code[20] = code.code[20] == 'A' ? 'B' : 'A';
    assert_null(oauth_trace_link_of(rig->oauth, code.code));
}

/* The rules of codes tell the trace why they refuse. */
static void test_refused_codes(void **state)
{
    struct rig *rig = *state;
    uint32_t number;
    struct answer code = link_traced(rig, &number);
    struct answer a = {0};
    oauth_redeem(rig->oauth, client(rig, "smartthings"), code.code, OTHER_CALLBACK, NULL, note_tokens, &a);
    assert_int_equal(a.result, ERR_DENIED);
    assert_int_equal(blamed(oauth_trace_of(code.link)), CAUSE_REDIRECT_URI_DIFFERS_AT_TOKEN);
    assert_string_equal(trace_latest(oauth_trace_of(code.link), TRACE_TOKEN)->expected, CALLBACK);
    assert_string_equal(trace_latest(oauth_trace_of(code.link), TRACE_TOKEN)->got, OTHER_CALLBACK);
    oauth_redeem(rig->oauth, client(rig, "other"), code.code, CALLBACK, NULL, note_tokens, &a);
    assert_int_equal(blamed(oauth_trace_of(code.link)), CAUSE_CODE_OF_OTHER_CLIENT);
    pass_time(OAUTH_CODE_LIFE_S * INT64_C(1000));
    assert_int_equal(redeem(rig, code.code).result, ERR_EXPIRED);
    assert_int_equal(blamed(oauth_trace_of(code.link)), CAUSE_CODE_EXPIRED);
    assert_string_equal(trace_latest(oauth_trace_of(code.link), TRACE_TOKEN)->got, "a code of 600 s ago");
}

static void test_a_refresh_by_another_client(void **state)
{
    struct rig *rig = *state;
    uint32_t number;
    struct answer code = link_traced(rig, &number);
    struct answer tokens = redeem(rig, code.code);
    assert_int_equal(tokens.result, 0);
    assert_int_equal(refresh_for(rig, "other", tokens.refresh).result, ERR_DENIED);
    assert_int_equal(blamed(oauth_trace_of(code.link)), CAUSE_REFRESH_TOKEN_OF_OTHER_CLIENT);
}

static void test_a_replay_stays_the_reason(void **state)
{
    struct rig *rig = *state;
    struct answer code;
    struct answer pair = linked(rig, &code);
    assert_int_equal(verify(rig, pair.access), 0);
    assert_int_equal(redeem(rig, code.code).result, ERR_ENDED);
    assert_int_equal(blamed(oauth_trace_of(code.link)), CAUSE_CODE_REUSED);
    assert_int_equal(redeem(rig, code.code).result, ERR_ENDED); /* that it has ended is no news */
    assert_int_equal(blamed(oauth_trace_of(code.link)), CAUSE_CODE_REUSED);
    assert_int_equal(refresh(rig, pair.refresh).result, ERR_ENDED);
    assert_int_equal(trace_latest(oauth_trace_of(code.link), TRACE_REFRESH)->cause, CAUSE_LINK_ENDED);
    assert_true(oauth_trace_of(code.link)->over);
}

static void test_tokens_of_nobody_are_told_by_their_hash(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(redeem(rig, "made-up-code").result, ERR_DENIED);
    assert_int_equal(redeem(rig, "another-code").result, ERR_DENIED);
    assert_int_equal(refresh(rig, "made-up-token").result, ERR_DENIED);
    const struct trace *trace = oauth_trace_next(rig->oauth, NULL);
    assert_int_equal(blamed(trace), CAUSE_CODE_UNKNOWN);
    assert_int_equal(trace->events[0].times, 2);
    char prefix[9];
    secrets_prefix(prefix, "another-code", 12);
    assert_non_null(strstr(trace->events[0].got, prefix));
    assert_null(strstr(trace->events[0].got, "another"));
    assert_int_equal(blamed(oauth_trace_next(rig->oauth, trace)), CAUSE_REFRESH_TOKEN_UNKNOWN);
    assert_int_equal(count_of(rig), 2);
}

/* ---- deadlines ---- */

static void test_an_absence_is_found_by_time_and_kept(void **state)
{
    struct rig *rig = *state;
    uint32_t number;
    struct answer code = link_traced(rig, &number);
    pass_time(29999);
    traces_expire(rig->oauth);
    assert_int_equal(blamed(oauth_trace_of(code.link)), CAUSE_NONE);
    pass_time(1);
    traces_expire(rig->oauth);
    assert_int_equal(blamed(oauth_trace_of(code.link)), CAUSE_NO_TOKEN_CALL);
    char id[OAUTH_LINK_ID_SIZE * 2 + 1];
    oauth_trace_link_id(oauth_trace_of(code.link), id);
    oauth_trace_keep(rig->oauth);
    rig_restart(rig);
    assert_int_equal(blamed(oauth_trace_of(oauth_link_find(rig->oauth, id))), CAUSE_NO_TOKEN_CALL);
}

/* ---- the store ---- */

static void test_all_of_it_survives_a_restart(void **state)
{
    struct rig *rig = *state;
    uint32_t number;
    struct answer code = link_traced(rig, &number);
    char id[OAUTH_LINK_ID_SIZE * 2 + 1];
    (void)redeem(rig, code.code);
    oauth_trace_link(rig->oauth, code.link, &(struct trace_note){.step = TRACE_TOKEN, .expected = "e", .got = "g"});
    pass_time(5000);
    oauth_trace_seen(rig->oauth, code.link, TRACE_DISCOVERY, rig_wall);
    (void)begin(rig, CAUSE_NO_ACCOUNT);
    oauth_trace_link_id(oauth_trace_of(code.link), id);
    oauth_trace_keep(rig->oauth);
    rig_restart(rig);
    const struct trace *trace = oauth_trace_of(oauth_link_find(rig->oauth, id));
    assert_non_null(trace);
    assert_int_equal(trace->number, number);
    assert_true(trace->known && trace->webhook && !trace->over);
    assert_string_equal(trace->account, "anna");
    assert_int_equal(trace->count, 6);
    const struct trace_event *token = trace_latest(trace, TRACE_TOKEN);
    assert_string_equal(token->expected, "e");
    assert_string_equal(token->got, "g");
    assert_int_equal(token->at_ms, START_MS);
    assert_int_equal(trace_latest(trace, TRACE_DISCOVERY)->last_ms, START_MS + 5000);
    const struct trace *other = oauth_trace_next(rig->oauth, trace);
    assert_int_equal(blamed(other), CAUSE_NO_ACCOUNT);
    assert_true(begin(rig, CAUSE_STORE_UNWELL) > other->number);
}

/* What is only seen again is not worth a write of its own, and is written with the rest at the end. */
static void test_times_alone_cause_no_write(void **state)
{
    struct rig *rig = *state;
    struct answer code;
    (void)linked(rig, &code);
    oauth_trace_seen(rig->oauth, code.link, TRACE_COMMAND, rig_wall);
    oauth_trace_keep(rig->oauth);
    uint64_t batches = store_stats(rig->store).batches;
    for (int i = 0; i < 1000; i++) {
        oauth_trace_seen(rig->oauth, code.link, TRACE_COMMAND, rig_wall + i);
    }
    assert_false(oauth_trace_of(code.link)->changed);
    assert_int_equal(trace_last_done(oauth_trace_of(code.link), TRACE_COMMAND), rig_wall + 999);
    for (int i = 0; i < 5; i++) {
        loop_turn(rig->loop, false);
    }
    assert_true(store_stats(rig->store).batches <= batches + 1); /* the one before */
    char id[OAUTH_LINK_ID_SIZE * 2 + 1];
    oauth_trace_link_id(oauth_trace_of(code.link), id);
    oauth_trace_keep(rig->oauth);
    rig_restart(rig);
    assert_int_equal(trace_last_done(oauth_trace_of(oauth_link_find(rig->oauth, id)), TRACE_COMMAND), rig_wall + 999);
}

static void test_forgotten_ones_leave_the_store(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < 3 * TRACE_ANONYMOUS_MAX; i++) {
        char id[16];
        snprintf(id, sizeof id, "scan%d", i);
        oauth_trace_begin(rig->oauth, &(struct trace_origin){.client_id = id},
                          &(struct trace_note){TRACE_AUTHORIZE, TRACE_REFUSED, CAUSE_UNKNOWN_CLIENT, NULL, NULL});
        oauth_trace_keep(rig->oauth);
    }
    assert_int_equal(count_of(rig), TRACE_ANONYMOUS_MAX);
    uint32_t oldest = oauth_trace_next(rig->oauth, NULL)->number;
    rig_restart(rig);
    assert_int_equal(count_of(rig), TRACE_ANONYMOUS_MAX);
    assert_int_equal(oauth_trace_next(rig->oauth, NULL)->number, oldest);
}

/* A full disk, or none: traces are lost at worst, answers never. */
static void test_a_full_disk_loses_traces_only(void **state)
{
    struct rig *rig = *state;
    struct rlimit before, none;
    uint32_t number;
    struct answer code = link_traced(rig, &number);
    (void)redeem(rig, code.code);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    none = before;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_FSIZE, &none);
    (void)begin(rig, CAUSE_NO_ACCOUNT);
    oauth_trace_keep(rig->oauth);
    for (int i = 0; i < 100 && store_health(rig->store) == STORE_OK; i++) {
        loop_turn(rig->loop, true);
    }
    assert_int_equal(store_health(rig->store), STORE_FULL);
    assert_int_equal(blamed(oauth_trace_next(rig->oauth, oauth_trace_of(code.link))), CAUSE_NO_ACCOUNT);
    setrlimit(RLIMIT_FSIZE, &before);
    oauth_trace_keep(rig->oauth); /* what was refused is still to be written */
    rig_restart(rig);
    assert_int_equal(count_of(rig), 2);
}

/* A store from before there were traces: its links go on, and get a trace with what they do next. */
static void test_a_store_without_traces(void **state)
{
    struct rig *rig = *state;
    struct answer code, pair = linked(rig, &code);
    sqlite3 *db = NULL;
    rig_close(rig);
    assert_int_equal(sqlite3_open(rig->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "DROP TABLE trace_events; DROP TABLE traces; DROP TABLE smartapp_devices; DROP TABLE smartapps; "
                     "DROP TABLE scene_lights; DROP TABLE scenes; DROP TABLE webhooks; "
                     "PRAGMA user_version = 1",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    rig->expected = true;
    rig_open(rig);
    assert_int_equal(store_health(rig->store), STORE_OK);
    assert_int_equal(verify(rig, pair.access), 0);
    struct oauth_link *link = oauth_link_next(rig->oauth, NULL);
    assert_null(oauth_trace_of(link));
    oauth_trace_seen(rig->oauth, link, TRACE_DISCOVERY, rig_wall);
    oauth_trace_keep(rig->oauth);
    rig_restart(rig);
    const struct trace *trace = oauth_trace_of(oauth_link_next(rig->oauth, NULL));
    assert_non_null(trace);
    assert_string_equal(trace->account, "anna");
    assert_int_equal(trace_last_done(trace, TRACE_DISCOVERY), rig_wall);
}

static void test_a_flood_does_not_push_out_a_login(void **state)
{
    struct rig *rig = *state;
    (void)add_account(rig, "anna", PASSWORD);
    uint32_t number = begin(rig, CAUSE_NONE);
    for (int i = 0; i < 1000; i++) {
        (void)begin(rig, CAUSE_NONE);
    }
    assert_int_equal(count_of(rig), TRACE_ANONYMOUS_MAX);
    /* pushed out before the login: it begins anew there */
    uint32_t again = oauth_trace_login(rig->oauth, number, &smartthings, "anna");
    assert_int_not_equal(again, number);
    oauth_trace_note(rig->oauth, number, &(struct trace_note){.step = TRACE_CONSENT}); /* passed over */
    for (int i = 0; i < 1000; i++) {
        (void)begin(rig, CAUSE_NONE);
    }
    oauth_trace_note(rig->oauth, again, &(struct trace_note){.step = TRACE_CONSENT});
    const struct trace *trace = oauth_trace_next(rig->oauth, NULL);
    assert_int_equal(trace->number, again);
    assert_int_equal(trace->count, 2);
}

static void test_secrets_are_known(void **state)
{
    struct rig *rig = *state;
    assert_true(oauth_is_secret(rig->oauth, "s3cret"));
    assert_true(oauth_is_secret(rig->oauth, "0ther"));
    assert_true(oauth_is_secret(rig->oauth, "callback secret"));
    assert_false(oauth_is_secret(rig->oauth, "smartthings"));
    assert_false(oauth_is_secret(rig->oauth, NULL));
    assert_true(oauth_is_callback_pair(rig->oauth, "viper", NULL));
    assert_true(oauth_is_callback_pair(rig->oauth, NULL, "callback secret"));
    assert_true(oauth_is_callback_pair(rig->oauth, "smartthings", "callback secret"));
    assert_false(oauth_is_callback_pair(rig->oauth, "smartthings", "s3cret"));
    assert_false(oauth_is_callback_pair(rig->oauth, NULL, NULL));
    (void)oauth_trace_begin(rig->oauth, &(struct trace_origin){.client_id = "s3cret"},
                            &(struct trace_note){TRACE_TOKEN, TRACE_REFUSED, CAUSE_WRONG_CLIENT_ID, NULL, NULL});
    assert_string_equal(oauth_trace_next(rig->oauth, NULL)->client_id, "(a secret)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_an_attempt_becomes_its_links),
        T(test_refused_codes),
        T(test_a_refresh_by_another_client),
        T(test_a_replay_stays_the_reason),
        T(test_tokens_of_nobody_are_told_by_their_hash),
        T(test_an_absence_is_found_by_time_and_kept),
        T(test_all_of_it_survives_a_restart),
        T(test_times_alone_cause_no_write),
        T(test_forgotten_ones_leave_the_store),
        T(test_a_full_disk_loses_traces_only),
        T(test_a_store_without_traces),
        T(test_a_flood_does_not_push_out_a_login),
        T(test_secrets_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
