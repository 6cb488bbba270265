/* Where we may POST, what an answer means, when to try again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "fetch/fetch.h"
#include "smartthings/rules.h"

static void test_urls(void **state)
{
    static const char *const hosts[] = {"smartthings.com", NULL};
    static const char *const loopback[] = {"smartthings.com", "127.0.0.1", NULL};
    static const struct {
        const char *url;
        const char *const *hosts;
        int result;
        unsigned policy;
    } rows[] = {
        {"https://c2c-us.smartthings.com/device/events", hosts, 0, 0},
        {"https://smartthings.com/x", hosts, 0, 0},
        {"https://C2C-EU.SmartThings.com/x", hosts, 0, 0},
        {"http://c2c-us.smartthings.com/x", hosts, ERR_DENIED, 0},
        {"https://evilsmartthings.com/", hosts, ERR_DENIED, 0},
        {"https://smartthings.com.evil.org/", hosts, ERR_DENIED, 0},
        {"https://user@smartthings.com/", hosts, ERR_INVALID, 0},
        {"https://127.0.0.1/", hosts, ERR_DENIED, 0},
        {"ftp://smartthings.com/", hosts, ERR_DENIED, 0},
        {"smartthings.com", hosts, ERR_INVALID, 0},
        {"http://127.0.0.1:8080/x", loopback, 0, FETCH_ALLOW_HTTP | FETCH_ALLOW_PRIVATE},
        {"http://127.0.0.2:8080/x", loopback, ERR_DENIED, 0},
        {"http://localhost/x", loopback, ERR_DENIED, 0},
        {"http://smartthings.com/x", loopback, ERR_DENIED, 0},
        {"https://smartthings.com/x", NULL, ERR_DENIED, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned policy = 0;
        int r = rules_url(rows[i].url, rows[i].hosts, &policy);
        if (r != rows[i].result || policy != rows[i].policy) {
            fail_msg("%s: %d, policy %u", rows[i].url, r, policy);
        }
    }
}

static void test_token_answers(void **state)
{
    static const struct {
        int result, status, parsed;
        struct schema_answer answer;
        enum rules_token verdict;
    } rows[] = {
        {0, 200, 0, {.access_token = "a"}, RULES_TOKEN_GOT},
        {0, 200, 0, {0}, RULES_TOKEN_RETRY}, /* an answer without tokens: as if lost */
        {0, 200, ERR_INVALID, {0}, RULES_TOKEN_RETRY},
        {0, 200, 0, {.error = "INVALID-TOKEN"}, RULES_TOKEN_REFUSED},
        {0, 200, 0, {.error = "INVALID-CODE"}, RULES_TOKEN_REFUSED},
        {0, 200, 0, {.error = "INVALID-CLIENT-SECRET"}, RULES_TOKEN_CLIENT},
        {0, 500, 0, {.error = "TOKEN-EXPIRED"}, RULES_TOKEN_REFUSED},
        {0, 500, 0, {.error = "UNKNOWN-ERROR"}, RULES_TOKEN_RETRY},
        {0, 200, 0, {.error = "UNKNOWN-ERROR"}, RULES_TOKEN_RETRY},
        {0, 401, 0, {.error = "invalid_client"}, RULES_TOKEN_CLIENT},
        {0, 400, 0, {.error = "invalid_grant"}, RULES_TOKEN_REFUSED},
        {0, 503, 0, {.error = "temporarily_unavailable"}, RULES_TOKEN_RETRY},
        {0, 401, ERR_INVALID, {0}, RULES_TOKEN_REFUSED},
        {0, 404, ERR_INVALID, {0}, RULES_TOKEN_RETRY},
        {0, 429, 0, {.error = "slow down"}, RULES_TOKEN_RETRY},
        {0, 502, ERR_INVALID, {0}, RULES_TOKEN_RETRY},
        {ERR_TIMEOUT, 0, ERR_INVALID, {0}, RULES_TOKEN_RETRY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum rules_token got = rules_judge_token(rows[i].result, rows[i].status, rows[i].parsed, &rows[i].answer);
        if (got != rows[i].verdict) {
            fail_msg("row %zu: %d", i, (int)got);
        }
    }
}

static void test_post_answers(void **state)
{
    static const struct {
        int result, status;
        const char *error;
        enum rules_post verdict;
    } rows[] = {
        {0, 200, NULL, RULES_POST_TAKEN},
        {0, 202, NULL, RULES_POST_TAKEN},
        {0, 401, NULL, RULES_POST_TOKEN},
        {0, 200, "TOKEN-EXPIRED", RULES_POST_TOKEN},
        {0, 500, "INVALID-TOKEN", RULES_POST_TOKEN},
        {0, 200, "INTEGRATION-DELETED", RULES_POST_GONE},
        {0, 200, "BAD-REQUEST", RULES_POST_DROP},
        {0, 400, NULL, RULES_POST_DROP},
        {0, 413, NULL, RULES_POST_DROP},
        {0, 404, "BAD-REQUEST", RULES_POST_DROP},
        {0, 301, NULL, RULES_POST_RETRY}, /* nobody of SmartThings said no */
        {0, 404, NULL, RULES_POST_RETRY},
        {0, 200, "UNKNOWN-ERROR", RULES_POST_RETRY},
        {0, 429, NULL, RULES_POST_RETRY},
        {0, 503, NULL, RULES_POST_RETRY},
        {ERR_OFFLINE, 0, NULL, RULES_POST_RETRY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct schema_answer answer = {.error = rows[i].error};
        enum rules_post got = rules_judge_post(rows[i].result, rows[i].status, &answer);
        if (got != rows[i].verdict) {
            fail_msg("row %zu: %d", i, (int)got);
        }
    }
}

static void test_backoff(void **state)
{
    (void)state;
    assert_int_equal(rules_backoff(1, 0), 500);
    assert_int_equal(rules_backoff(1, 500), 1000);
    assert_int_equal(rules_backoff(3, 0), 2000);
    assert_int_equal(rules_backoff(1000000, 0), RULES_BACKOFF_MAX_MS / 2);
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t delay = rules_backoff(2, i * 2654435761u);
        assert_true(delay >= 1000 && delay <= 2000);
    }
}

static void test_retry_after(void **state)
{
    const int64_t now = INT64_C(1445412000000); /* Wed, 21 Oct 2015 07:20:00 GMT */
    (void)state;
    assert_int_equal(rules_retry_after(NULL, now), 0);
    assert_int_equal(rules_retry_after("", now), 0);
    assert_int_equal(rules_retry_after("120", now), 120000);
    assert_int_equal(rules_retry_after("0", now), 0);
    assert_int_equal(rules_retry_after("-5", now), 0);
    assert_int_equal(rules_retry_after("soon", now), 0);
    assert_int_equal(rules_retry_after("99999999999999999999", now), RULES_RETRY_AFTER_MAX_MS);
    assert_int_equal(rules_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), 480000);
    assert_int_equal(rules_retry_after("Wed, 21 Oct 2015 07:10:00 GMT", now), 0);
    assert_int_equal(rules_retry_after("Wed, 21 Oct 2099 07:10:00 GMT", now), RULES_RETRY_AFTER_MAX_MS);
}

static void test_refresh_time(void **state)
{
    const int64_t day = 86400000, t = INT64_C(1800000000000);
    (void)state;
    assert_int_equal(rules_refresh_in(t, t + day, t), day / 5 * 4);
    assert_int_equal(rules_refresh_in(t, t + day, t + day / 2), day / 5 * 4 - day / 2);
    assert_int_equal(rules_refresh_in(t, t + day, t + 10 * day), 0);
    /* a gateway that believes in 1970 must not think that its tokens last for decades, nor that they are dead */
    assert_int_equal(rules_refresh_in(t, t + day, 0), day / 5 * 4);
    /* an expiresIn of 1 s, or of none at all: not every 0.8 s */
    assert_int_equal(rules_refresh_in(t, t + 1000, t), RULES_RENEW_FLOOR_MS);
    assert_int_equal(rules_refresh_in(t, 0, t), RULES_RENEW_FLOOR_MS);
    assert_int_equal(rules_refresh_in(t, t + 1000, t + 59000), 1000);
    assert_int_equal(rules_refresh_in(t, t + 1000, t + 60000), 0);
    assert_int_equal(rules_refresh_in(t, t + 75000, t), 60000);
    assert_int_equal(rules_refresh_in(t, t + 80000, t), 64000);
}

/* A cloud whose tokens are dead a second after they came, told of changes without a pause. */
static void test_tokens_that_die_young(void **state)
{
    int64_t now = INT64_C(1800000000000), obtained = now, end = now + 86400000;
    unsigned early = 0, renewals = 0;
    (void)state;
    while (now < end) {
        now += 1000; /* refused */
        uint64_t delay = rules_renew_in(obtained, now, &early, renewals * 2654435761u);
        assert_true(delay <= RULES_BACKOFF_MAX_MS);
        assert_true(renewals > 0 || delay == 0); /* the first at once: a change is not kept waiting */
        assert_true(renewals != 1 || (delay >= RULES_BACKOFF_MS / 2 && delay <= RULES_BACKOFF_MS));
        now += (int64_t)delay;
        obtained = now;
        renewals++;
    }
    assert_in_range(renewals, 86400000 / RULES_BACKOFF_MAX_MS, 2 * 86400000 / RULES_BACKOFF_MAX_MS + 20);
    /* one that lived: all is forgotten */
    assert_int_equal(rules_renew_in(obtained, obtained + RULES_RENEW_FLOOR_MS, &early, 1), 0);
    assert_int_equal(early, 0);
    /* a clock that was set back knows nothing of its age */
    assert_int_equal(rules_renew_in(obtained, 0, &early, 1), 0);
    assert_int_equal(early, 1);
}

static void a_rehearsal_is_told_at_its_origin_alone(void **state)
{
    static const struct {
        const char *origin;
        bool ok;
    } origins[] = {
        {"http://127.0.0.1:40000", true},
        {"https://127.0.0.1:40000/", true},
        {"http://[::1]:40000", true},
        {"http://127.0.0.1", false},
        {"http://localhost:40000", false},
        {"http://192.168.1.2:40000", false},
        {"http://127.0.0.1:40000/x", false},
        {"https://smartthings.com:443", false},
        {"http://127.0.0.1.evil:40000", false},
        {"mqtt://127.0.0.1:1883", false},
        {"", false},
    };
    static const struct {
        const char *url;
        int result;
    } urls[] = {
        {"http://127.0.0.1:40000/oauth/token", 0},           {"http://127.0.0.1:40001/oauth/token", ERR_DENIED},
        {"https://127.0.0.1:40000/oauth/token", ERR_DENIED}, {"http://localhost:40000/", ERR_DENIED},
        {"https://c2c-eu.smartthings.com/x", ERR_DENIED},    {"http://127.0.0.1:40000@evil/", ERR_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        assert_int_equal(rules_rehearsal_origin(origins[i].origin), origins[i].ok);
    }
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        unsigned policy = 0;
        assert_int_equal(rules_rehearsal_url(urls[i].url, "http://127.0.0.1:40000", &policy), urls[i].result);
        assert_int_equal(policy, urls[i].result == 0 ? FETCH_ALLOW_HTTP | FETCH_ALLOW_PRIVATE : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rehearsal_is_told_at_its_origin_alone),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_token_answers),
        cmocka_unit_test(test_post_answers),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_refresh_time),
        cmocka_unit_test(test_tokens_that_die_young),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
