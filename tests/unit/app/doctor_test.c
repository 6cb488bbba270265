/* The doctor's rules: thresholds, with time as an argument; what a probe found as a verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "app/doctor.h"
#include "base/json.h"

#define NOW INT64_C(1800000000)
#define DAY 86400

static void the_end_of_a_certificate(void **state)
{
    static const struct {
        int64_t left;
        enum doctor_verdict verdict;
    } rows[] = {{-1, DOCTOR_FAILED},           {0, DOCTOR_FAILED},         {7 * DAY, DOCTOR_FAILED},
                {7 * DAY + 1, DOCTOR_WARNING}, {14 * DAY, DOCTOR_WARNING}, {30 * DAY, DOCTOR_WARNING},
                {30 * DAY + 1, DOCTOR_OK},     {400 * DAY, DOCTOR_OK}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(doctor_judge_expiry(NOW + rows[i].left, NOW), rows[i].verdict);
    }
}

static void a_clock_that_is_off(void **state)
{
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        assert_int_equal(doctor_judge_skew(sign * 30), DOCTOR_OK);
        assert_int_equal(doctor_judge_skew(sign * 31), DOCTOR_WARNING);
        assert_int_equal(doctor_judge_skew(sign * 300), DOCTOR_WARNING);
        assert_int_equal(doctor_judge_skew(sign * 301), DOCTOR_FAILED);
    }
}

static void ports(void **state)
{
    (void)state;
    assert_true(doctor_port_ok(80) && doctor_port_ok(443) && doctor_port_ok(8002));
    assert_false(doctor_port_ok(79) || doctor_port_ok(8003) || doctor_port_ok(8443));
}

static enum doctor_verdict run(doctor_run_fn *check, struct doctor *d, const char *says)
{
    struct doctor_finding f = {0};
    check(d, &f);
    if (!strstr(str_z(&f.reason), says)) {
        fail_msg("\"%s\" does not say \"%s\"", str_z(&f.reason), says);
    }
    assert_true((f.fix.len > 0) == (f.verdict == DOCTOR_FAILED || f.verdict == DOCTOR_WARNING));
    enum doctor_verdict verdict = f.verdict;
    str_done(&f.reason);
    str_done(&f.fix);
    return verdict;
}

static void chains(void **state)
{
    static const struct {
        size_t count;
        bool trusted, self_signed;
        const char *says;
    } rows[] = {{2, true, false, "trusted"},
                {1, true, true, "trusted"}, /* with --ca-file */
                {1, false, true, "self-signed"},
                {1, false, false, "/CN=issuer"},
                {2, false, false, "nobody who is trusted"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct doctor d = {.probe = {.count = rows[i].count,
                                     .trusted = rows[i].trusted,
                                     .self_signed = rows[i].self_signed,
                                     .chain = {{.issuer = "/CN=issuer"}}}};
        assert_int_equal(run(doctor_chain, &d, rows[i].says), rows[i].trusted ? DOCTOR_OK : DOCTOR_FAILED);
    }
}

/* What a chain is worth ends with the first of its certificates. */
static void the_shortest_counts(void **state)
{
    struct doctor d = {.now_s = NOW, .probe = {.count = 2}};
    (void)state;
    d.probe.chain[0].until_s = NOW + 400 * DAY;
    d.probe.chain[1].until_s = NOW + 20 * DAY;
    assert_int_equal(run(doctor_expiry, &d, "20 days"), DOCTOR_WARNING);
    d.probe.chain[1].until_s = NOW - 1;
    assert_int_equal(run(doctor_expiry, &d, "expired"), DOCTOR_FAILED);
}

static void the_date_of_an_answer(void **state)
{
    struct doctor d = {.now_s = 784111777 + 60}; /* RFC 9110 5.6.7's own example, and a minute */
    (void)state;
    assert_int_equal(run(doctor_clock, &d, "no answer"), DOCTOR_SKIPPED);
    str_add_z(&d.date, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_int_equal(run(doctor_clock, &d, "60 s fast"), DOCTOR_WARNING);
    d.now_s -= 660;
    assert_int_equal(run(doctor_clock, &d, "600 s slow"), DOCTOR_FAILED);
    str_done(&d.date);
}

static void hosts_of_smartthings(void **state)
{
    struct doctor d = {.rehearsed = true};
    (void)state;
    assert_int_equal(run(doctor_callback_hosts, &d, "nothing outside"), DOCTOR_SKIPPED);
    d = (struct doctor){.asked = 3, .reached = 3};
    assert_int_equal(run(doctor_callback_hosts, &d, "3 reached"), DOCTOR_OK);
    d.reached = 2;
    assert_int_equal(run(doctor_callback_hosts, &d, "1 of 3"), DOCTOR_WARNING);
    d.reached = 0;
    assert_int_equal(run(doctor_callback_hosts, &d, "3 of 3"), DOCTOR_FAILED);
}

/* By what a driver says of itself, not by its words: each driver has its own. */
static void drivers(void **state)
{
    static const struct {
        const char *status, *says;
        enum doctor_verdict verdict;
    } rows[] = {
        {"{\"drivers\":[{\"name\":\"mqtt/home\",\"well\":true,\"status\":\"the cut lamp is connected\"}]}",
         "1 connected", DOCTOR_OK},
        {"{\"drivers\":[{\"name\":\"mqtt/home\",\"well\":true,\"status\":\"a\"},"
         "{\"name\":\"serial/milight\",\"well\":false,\"status\":\"/dev/ttyUSB0: permission denied\"}]}",
         "serial/milight: /dev/ttyUSB0: permission denied", DOCTOR_FAILED},
        {"{\"drivers\":[{\"name\":\"new/one\",\"well\":false,\"status\":\"in words of its own\"}]}",
         "new/one: in words of its own", DOCTOR_FAILED},
        {"{\"drivers\":[]}", "no driver", DOCTOR_FAILED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct doctor d = {0};
        assert_int_equal(json_parse(rows[i].status, strlen(rows[i].status), 4096, &d.status, NULL), 0);
        assert_int_equal(run(doctor_drivers, &d, rows[i].says), rows[i].verdict);
        json_free(d.status);
    }
}

/* What to do is said of what is unwell, once for each kind. */
static void what_to_do_about_a_driver(void **state)
{
    static const char status[] = "{\"drivers\":[{\"name\":\"serial/a\",\"well\":false,\"status\":\"\"},"
                                 "{\"name\":\"serial/b\",\"well\":false,\"status\":\"\"}]}";
    struct doctor d = {0};
    struct doctor_finding f = {0};
    (void)state;
    assert_int_equal(json_parse(status, strlen(status), 4096, &d.status, NULL), 0);
    doctor_drivers(&d, &f);
    const char *first = strstr(str_z(&f.fix), "plug it in");
    assert_non_null(first);
    assert_null(strstr(first + 1, "plug it in"));
    assert_null(strstr(str_z(&f.fix), "broker"));
    str_done(&f.reason);
    str_done(&f.fix);
    json_free(d.status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_certificate),
        cmocka_unit_test(a_clock_that_is_off),
        cmocka_unit_test(ports),
        cmocka_unit_test(chains),
        cmocka_unit_test(the_shortest_counts),
        cmocka_unit_test(the_date_of_an_answer),
        cmocka_unit_test(hosts_of_smartthings),
        cmocka_unit_test(drivers),
        cmocka_unit_test(what_to_do_about_a_driver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
