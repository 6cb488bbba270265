/* The rules of link traces over simulated time: what is awaited, what is to blame, what is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/utf8.h"
#include "oauth/rules.h"
#include "oauth/trace.h"

#define START_MS INT64_C(1800000000000) /* 2027 */

static const struct rules_clock calm; /* no jumps */

static void note(struct trace *trace, enum trace_step step, enum trace_outcome outcome, enum trace_cause cause,
                 int64_t at_s)
{
    trace_add(trace, &(struct trace_note){step, outcome, cause, NULL, NULL}, at_s * 1000);
}

static void done(struct trace *trace, enum trace_step step, int64_t at_s)
{
    note(trace, step, TRACE_OK, CAUSE_NONE, at_s);
}

/* As far as `step`, a second each, the first at 1000 s. */
static int64_t go_to(struct trace *trace, enum trace_step step)
{
    int64_t at = 1000;
    for (enum trace_step s = TRACE_AUTHORIZE; s <= step; s++) {
        done(trace, s, at++);
    }
    return at - 1;
}

static void assert_finding(const struct trace *trace, enum trace_step step, enum trace_cause cause)
{
    struct trace_finding finding;
    assert_true(trace_finding(trace, &finding));
    assert_string_equal(trace_step_row(finding.step)->name, trace_step_row(step)->name);
    assert_string_equal(trace_cause_row(finding.cause)->code, trace_cause_row(cause)->code);
}

static void assert_well(const struct trace *trace)
{
    struct trace_finding finding;
    assert_false(trace_finding(trace, &finding));
}

static size_t expire(struct trace *trace, int64_t at_s)
{
    return trace_expire(trace, &calm, 0, at_s * 1000, "https://lights.example.org");
}

/* ---- the tables ---- */

static void test_tables(void **state)
{
    (void)state;
    for (enum trace_step step = 0; step < TRACE_STEPS; step++) {
        const struct trace_step_row *row = trace_step_row(step);
        assert_int_equal(trace_step_of(row->name), step);
        assert_true(*row->title && row->after <= step);
        assert_int_equal(row->deadline_s > 0, row->absence != CAUSE_NONE);
    }
    for (int cause = CAUSE_NONE + 1; cause < TRACE_CAUSES; cause++) {
        const struct trace_cause_row *row = trace_cause_row((enum trace_cause)cause);
        assert_non_null(row->code);
        assert_int_equal(trace_cause_of(row->code), cause); /* so no code is there twice */
        assert_int_equal(strspn(row->code, "abcdefghijklmnopqrstuvwxyz_"), strlen(row->code));
        assert_true(strlen(row->sentence) > 15 && row->sentence[strlen(row->sentence) - 1] == '.');
        assert_true(strlen(row->advice) > 15);
    }
    assert_int_equal(trace_step_of("no such step"), -1);
    assert_int_equal(trace_cause_of("no_such_cause"), -1);
    assert_int_equal(trace_outcome_of("no such outcome"), -1);
    for (int outcome = TRACE_OK; outcome <= TRACE_AWAITED; outcome++) {
        assert_int_equal(trace_outcome_of(trace_outcome_text((enum trace_outcome)outcome)), outcome);
    }
}

/* ---- absence ---- */

/* Each step that has a deadline: nothing a millisecond before, one finding at it, no second one. */
static void test_each_absence(void **state)
{
    (void)state;
    for (enum trace_step step = 1; step < TRACE_STEPS; step++) {
        const struct trace_step_row *row = trace_step_row(step);
        if (row->deadline_s == 0 || row->on_demand) {
            continue;
        }
        struct trace trace = {.webhook = true};
        go_to(&trace, step - 1);
        int64_t deadline_ms = trace_latest(&trace, row->after)->at_ms + (int64_t)row->deadline_s * 1000;
        enum trace_step awaited;
        assert_true(trace_awaits(&trace, &awaited));
        assert_int_equal(awaited, step);
        assert_int_equal(trace_expire(&trace, &calm, 0, deadline_ms - 1, "o"), 0);
        assert_well(&trace);
        assert_int_equal(trace_expires_in(&trace, &calm, 0, deadline_ms - 1), 1);
        assert_true(trace_expire(&trace, &calm, 0, deadline_ms, "o") >= 1);
        assert_finding(&trace, step, row->absence);
        assert_int_equal(trace_expire(&trace, &calm, 0, deadline_ms, "o"), 0);
        done(&trace, step, deadline_ms / 1000 + 5); /* late is better than never */
        assert_well(&trace);
        trace_done(&trace);
    }
}

static void test_text_of_an_absence(void **state)
{
    struct trace trace = {.webhook = true};
    (void)state;
    go_to(&trace, TRACE_CODE);
    assert_int_equal(expire(&trace, 1100), 1);
    assert_string_equal(trace_latest(&trace, TRACE_TOKEN)->expected,
                        "POST https://lights.example.org/oauth/token within 30 s after: code issued");
    trace_done(&trace);
}

static void test_only_smartthings_is_expected_at_the_webhook(void **state)
{
    struct trace trace = {.webhook = false};
    enum trace_step awaited;
    (void)state;
    go_to(&trace, TRACE_TOKEN);
    assert_false(trace_awaits(&trace, &awaited));
    assert_int_equal(trace_expires_in(&trace, &calm, 0, INT64_MAX), -1);
    assert_int_equal(expire(&trace, 1000000), 0);
    trace_done(&trace);
}

static void test_nothing_is_awaited_of_an_ended_link(void **state)
{
    struct trace trace = {.webhook = true, .over = true};
    (void)state;
    go_to(&trace, TRACE_TOKEN);
    assert_int_equal(expire(&trace, 1000000), 0);
    trace_done(&trace);
}

static void test_a_refused_step_is_not_absent_and_nothing_follows_it(void **state)
{
    struct trace trace = {.webhook = true};
    (void)state;
    go_to(&trace, TRACE_CODE);
    note(&trace, TRACE_TOKEN, TRACE_REFUSED, CAUSE_WRONG_CLIENT_SECRET, 1010);
    assert_int_equal(expire(&trace, 1000000), 0);
    assert_finding(&trace, TRACE_TOKEN, CAUSE_WRONG_CLIENT_SECRET);
    trace_done(&trace);
}

static void test_nobody_is_blamed_for_the_time_before_the_start(void **state)
{
    struct trace trace = {.webhook = true};
    (void)state;
    go_to(&trace, TRACE_CODE); /* at 1003 s */
    assert_int_equal(trace_expire(&trace, &calm, 5000000, 5029999, "o"), 0);
    assert_int_equal(trace_expires_in(&trace, &calm, 5000000, 5029999), 1);
    assert_int_equal(trace_expire(&trace, &calm, 5000000, 5030000, "o"), 1);
    trace_done(&trace);
}

/* A gateway without a battery: the clock jumps by decades when it is set. */
static void test_a_jump_of_the_clock_is_no_time_that_passed(void **state)
{
    struct trace trace = {.webhook = true};
    struct rules_clock clock = {0};
    (void)state;
    rules_clock_see(&clock, 1000, 0);
    for (enum trace_step s = TRACE_AUTHORIZE; s <= TRACE_CODE; s++) {
        trace_add(&trace, &(struct trace_note){.step = s}, 1000);
    }
    rules_clock_see(&clock, START_MS, 10000);
    assert_int_equal(trace_expire(&trace, &clock, 0, START_MS, "o"), 0);
    assert_in_range(trace_expires_in(&trace, &clock, 0, START_MS), 19000, 21000);
    rules_clock_see(&clock, START_MS + 21000, 31000);
    assert_int_equal(trace_expire(&trace, &clock, 0, START_MS + 21000, "o"), 1);
    trace_done(&trace);
}

/* ---- which step is to blame ---- */

static void test_an_oddity_is_blamed_only_for_what_did_not_come(void **state)
{
    struct trace trace = {.webhook = true};
    (void)state;
    note(&trace, TRACE_AUTHORIZE, TRACE_OK, CAUSE_NO_STATE, 1000);
    done(&trace, TRACE_LOGIN, 1001);
    assert_int_equal(expire(&trace, 1001 + 600), 1);
    assert_finding(&trace, TRACE_CONSENT, CAUSE_NO_CONSENT); /* a state has nothing to do with this */
    done(&trace, TRACE_CONSENT, 1700);
    done(&trace, TRACE_CODE, 1701);
    assert_well(&trace);
    assert_int_equal(expire(&trace, 1731), 1);
    assert_finding(&trace, TRACE_TOKEN, CAUSE_NO_STATE);
    done(&trace, TRACE_TOKEN, 1740);
    assert_well(&trace);
    trace_done(&trace);
}

static void test_what_follows_makes_good_what_was_before(void **state)
{
    struct trace trace = {.webhook = true};
    (void)state;
    int64_t at = go_to(&trace, TRACE_DISCOVERY);
    note(&trace, TRACE_GRANT, TRACE_REFUSED, CAUSE_CALLBACK_HOST_REFUSED, at + 1);
    note(&trace, TRACE_DISCOVERY, TRACE_REFUSED, CAUSE_BAD_RESPONSE, at + 2);
    assert_finding(&trace, TRACE_DISCOVERY, CAUSE_BAD_RESPONSE); /* the first of the chain */
    done(&trace, TRACE_STATE_REFRESH, at + 3);
    assert_finding(&trace, TRACE_GRANT, CAUSE_CALLBACK_HOST_REFUSED); /* a state refresh proves nothing about it */
    done(&trace, TRACE_CALLBACK_TOKEN, at + 4);
    assert_well(&trace);
    /* what was done before a failure does not make it good, what is done again does */
    note(&trace, TRACE_TOKEN, TRACE_REFUSED, CAUSE_CODE_REUSED, at + 5);
    assert_finding(&trace, TRACE_TOKEN, CAUSE_CODE_REUSED);
    assert_true(trace_stamp(&trace, TRACE_STATE_REFRESH, (at + 6) * 1000));
    assert_well(&trace);
    trace_done(&trace);
}

/* A callback that is taken is no sign that the lights have been. */
static void test_a_complaint_about_the_list_outlasts_callbacks(void **state)
{
    struct trace trace = {.webhook = true};
    (void)state;
    int64_t at = go_to(&trace, TRACE_GRANT);
    note(&trace, TRACE_DISCOVERY, TRACE_REFUSED, CAUSE_BAD_RESPONSE, at + 1);
    done(&trace, TRACE_CALLBACK_TOKEN, at + 2);
    done(&trace, TRACE_CALLBACK, at + 3);
    assert_finding(&trace, TRACE_DISCOVERY, CAUSE_BAD_RESPONSE);
    done(&trace, TRACE_COMMAND, at + 4);
    assert_well(&trace);
    trace_done(&trace);
}

static void test_a_refresh_is_awaited_on_demand(void **state)
{
    struct trace trace = {.webhook = true};
    enum trace_step awaited;
    (void)state;
    int64_t at = go_to(&trace, TRACE_CALLBACK);
    assert_int_equal(expire(&trace, at + 1000000), 0);
    note(&trace, TRACE_REFRESH, TRACE_AWAITED, CAUSE_NONE, at + 100);
    note(&trace, TRACE_REFRESH, TRACE_AWAITED, CAUSE_NONE, at + 150); /* asked again: the first time counts */
    assert_true(trace_awaits(&trace, &awaited) && awaited == TRACE_REFRESH);
    assert_int_equal(expire(&trace, at + 159), 0);
    assert_int_equal(expire(&trace, at + 160), 1);
    assert_finding(&trace, TRACE_REFRESH, CAUSE_NO_REFRESH);
    done(&trace, TRACE_REFRESH, at + 170);
    assert_well(&trace);
    /* day after day: what was awaited and came leaves no event */
    size_t count = trace.count;
    for (int day = 1; day < 400; day++) {
        note(&trace, TRACE_REFRESH, TRACE_AWAITED, CAUSE_NONE, at + day * 86400);
        done(&trace, TRACE_REFRESH, at + day * 86400 + 1);
    }
    assert_int_equal(trace.count, count);
    assert_int_equal(trace_last_done(&trace, TRACE_REFRESH), (at + 399 * 86400 + 1) * 1000);
    trace_done(&trace);
}

/* ---- what is kept ---- */

static void test_the_same_again_is_counted(void **state)
{
    struct trace trace = {0};
    (void)state;
    for (int i = 0; i < 3; i++) {
        note(&trace, TRACE_LOGIN, TRACE_REFUSED, CAUSE_WRONG_PASSWORD, 10 + i);
    }
    assert_int_equal(trace.count, 1);
    assert_int_equal(trace.events[0].times, 3);
    assert_int_equal(trace.events[0].at_ms, 10000);
    assert_int_equal(trace.events[0].last_ms, 12000);
    trace_done(&trace);
}

static void test_what_comes_and_goes_does_not_push_out_the_beginning(void **state)
{
    struct trace trace = {.webhook = true};
    (void)state;
    go_to(&trace, TRACE_CODE);
    note(&trace, TRACE_TOKEN, TRACE_REFUSED, CAUSE_WRONG_CLIENT_SECRET, 1010);
    for (enum trace_step s = TRACE_TOKEN; s <= TRACE_CALLBACK; s++) {
        done(&trace, s, 1020);
    }
    for (int i = 0; i < 1000; i++) {
        note(&trace, TRACE_CALLBACK, TRACE_REFUSED, CAUSE_CALLBACK_BUSY, 2000 + 2 * i);
        done(&trace, TRACE_CALLBACK, 2001 + 2 * i);
    }
    assert_int_equal(trace.count, TRACE_EVENTS_MAX);
    assert_int_equal(trace.events[4].cause, CAUSE_WRONG_CLIENT_SECRET);
    for (enum trace_step s = TRACE_AUTHORIZE; s <= TRACE_CALLBACK; s++) {
        assert_int_equal(trace_latest(&trace, s)->step, s);
        assert_int_equal(trace_latest(&trace, s)->outcome, TRACE_OK);
    }
    trace_done(&trace);
}

static void test_texts_are_one_printable_line(void **state)
{
    char *line = trace_line("a\nb\x1b\xff");
    (void)state;
    assert_string_equal(line, "a\\nb\\x1b\\xff");
    free(line);
    assert_null(trace_line(NULL));
    assert_null(trace_line(""));
    struct str text = STR_INIT;
    for (int i = 0; i < 500; i++) {
        str_add_z(&text, "\xe2\x98\x83");
    }
    line = trace_line(str_z(&text));
    assert_true(strlen(line) <= TRACE_TEXT_MAX && strlen(line) > TRACE_TEXT_MAX - 12);
    assert_true(utf8_valid(line, strlen(line)));
    free(line);
    str_done(&text);
}

/* ---- who makes room ---- */

#define MANY (TRACE_KNOWN_MAX + TRACE_ANONYMOUS_MAX)

static void test_a_flood_pushes_out_itself(void **state)
{
    static struct trace traces[MANY];
    struct trace *list[MANY];
    size_t count = 0;
    (void)state;
    for (int i = 0; i < 10; i++) { /* real ones, and a mistake that somebody real may have made */
        traces[count] = (struct trace){.known = i != 3};
        note(&traces[count], TRACE_AUTHORIZE, TRACE_REFUSED, CAUSE_REDIRECT_URI_MISMATCH, i);
        list[count] = &traces[count];
        count++;
    }
    while (count < 10 + TRACE_ANONYMOUS_MAX - 1) {
        assert_int_equal(trace_victim(list, count, false), count);
        note(&traces[count], TRACE_AUTHORIZE, TRACE_REFUSED, CAUSE_UNKNOWN_CLIENT, 100);
        list[count] = &traces[count];
        count++;
    }
    assert_int_equal(trace_victim(list, count, false), 10); /* the oldest of the flood, not the one before it */
    assert_int_equal(trace_victim(list, count, true), count);
    for (size_t i = 0; i < count; i++) {
        trace_done(&traces[i]);
    }
}

static void test_living_links_keep_their_story(void **state)
{
    static struct trace traces[MANY];
    struct trace *list[MANY];
    (void)state;
    for (size_t i = 0; i < TRACE_KNOWN_MAX; i++) {
        traces[i] = (struct trace){.known = true, .has_link = i != 7, .over = i == 5};
        list[i] = &traces[i];
    }
    assert_int_equal(trace_victim(list, TRACE_KNOWN_MAX - 1, true), TRACE_KNOWN_MAX - 1);
    assert_int_equal(trace_victim(list, TRACE_KNOWN_MAX, true), 5); /* ended */
    traces[5].over = false;
    assert_int_equal(trace_victim(list, TRACE_KNOWN_MAX, true), 7); /* never a link */
    traces[7].has_link = true;
    assert_int_equal(trace_victim(list, TRACE_KNOWN_MAX, true), 0);                /* the oldest */
    assert_int_equal(trace_victim(list, TRACE_KNOWN_MAX, false), TRACE_KNOWN_MAX); /* the anonymous have their own */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_each_absence),
        cmocka_unit_test(test_text_of_an_absence),
        cmocka_unit_test(test_only_smartthings_is_expected_at_the_webhook),
        cmocka_unit_test(test_nothing_is_awaited_of_an_ended_link),
        cmocka_unit_test(test_a_refused_step_is_not_absent_and_nothing_follows_it),
        cmocka_unit_test(test_nobody_is_blamed_for_the_time_before_the_start),
        cmocka_unit_test(test_a_jump_of_the_clock_is_no_time_that_passed),
        cmocka_unit_test(test_an_oddity_is_blamed_only_for_what_did_not_come),
        cmocka_unit_test(test_what_follows_makes_good_what_was_before),
        cmocka_unit_test(test_a_complaint_about_the_list_outlasts_callbacks),
        cmocka_unit_test(test_a_refresh_is_awaited_on_demand),
        cmocka_unit_test(test_the_same_again_is_counted),
        cmocka_unit_test(test_what_comes_and_goes_does_not_push_out_the_beginning),
        cmocka_unit_test(test_texts_are_one_printable_line),
        cmocka_unit_test(test_a_flood_pushes_out_itself),
        cmocka_unit_test(test_living_links_keep_their_story),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
