/* What goes wrong on purpose, and the callback side's tokens: both pure, with time as an argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/secrets.h"
#include "rehearsal/fault.h"
#include "rehearsal/partner.h"
#include "rehearsal/tokens.h"

static void test_orders_are_taken_in_turn(void **state)
{
    struct fault_plan plan = {0};
    uint32_t argument;
    bool early;
    (void)state;
    assert_int_equal(fault_order(&plan, REHEARSAL_REFUSE, 2, 0), 0);
    assert_int_equal(fault_order(&plan, REHEARSAL_HANG, 0, 5), 0); /* nothing */
    assert_int_equal(fault_order(&plan, REHEARSAL_FAIL, 1, 503), 0);
    assert_int_equal(fault_next(&plan, 1, &argument, &early), REHEARSAL_REFUSE);
    assert_int_equal(fault_next(&plan, 2, &argument, &early), REHEARSAL_REFUSE);
    assert_int_equal(fault_next(&plan, 3, &argument, &early), REHEARSAL_FAIL);
    assert_int_equal(argument, 503);
    assert_int_equal(fault_next(&plan, 4, &argument, &early), REHEARSAL_NO_FAULT);
    assert_false(early);
}

static void test_retry_after_is_watched(void **state)
{
    struct fault_plan plan = {0};
    uint32_t argument;
    bool early;
    (void)state;
    fault_order(&plan, REHEARSAL_RATE_LIMIT, 2, 3);
    assert_int_equal(fault_next(&plan, 1000, &argument, &early), REHEARSAL_RATE_LIMIT);
    assert_int_equal(argument, 3);
    assert_false(early);
    assert_int_equal(fault_next(&plan, 3749, &argument, &early), REHEARSAL_RATE_LIMIT);
    assert_true(early);
    assert_int_equal(fault_next(&plan, 6499, &argument, &early), REHEARSAL_NO_FAULT); /* 3749 + 3000, less the slack */
    assert_false(early);
    assert_int_equal(fault_next(&plan, 7000, &argument, &early), REHEARSAL_NO_FAULT);
    assert_false(early);
}

static void test_too_many_orders(void **state)
{
    struct fault_plan plan = {0};
    (void)state;
    for (unsigned i = 0; i < FAULT_QUEUE; i++) {
        assert_int_equal(fault_order(&plan, REHEARSAL_LOSE, 1, 0), 0);
    }
    assert_int_equal(fault_order(&plan, REHEARSAL_LOSE, 1, 0), ERR_BUSY);
}

static void test_tokens(void **state)
{
    struct tokens t = {.life_s = 60};
    const char *why = NULL;
    char code[TOKENS_TEXT], access[TOKENS_TEXT], refresh[TOKENS_TEXT];
    (void)state;
    assert_string_equal(tokens_check(&t, "", 0, &why), "INVALID-TOKEN"); /* nothing was given yet */
    assert_string_equal(tokens_exchange(&t, "", 0, &why), "INVALID-CODE");
    assert_string_equal(tokens_refresh(&t, "", 0, &why), "INVALID-TOKEN");
    tokens_grant(&t);
    memcpy(code, t.code, sizeof code);
    assert_string_equal(tokens_exchange(&t, "stc-other", 0, &why), "INVALID-CODE");
    assert_null(tokens_exchange(&t, code, 1000, &why));
    assert_string_equal(tokens_exchange(&t, code, 1000, &why), "INVALID-CODE"); /* once */
    memcpy(access, t.access, sizeof access);
    memcpy(refresh, t.refresh, sizeof refresh);
    assert_null(tokens_check(&t, access, 60999, &why));
    assert_string_equal(tokens_check(&t, access, 61000, &why), "TOKEN-EXPIRED");
    assert_null(tokens_refresh(&t, refresh, 61000, &why));
    assert_string_equal(tokens_check(&t, access, 61000, &why), "INVALID-TOKEN"); /* superseded */
    assert_null(tokens_check(&t, t.access, 61000, &why));
    assert_string_equal(tokens_refresh(&t, refresh, 61000, &why), "INVALID-TOKEN");
    assert_non_null(strstr(why, "works once"));
    assert_string_equal(tokens_refresh(&t, "str-never", 61000, &why), "INVALID-TOKEN");
    assert_null(strstr(why, "works once"));
}

/* RFC 6749 2.3.1 and the example of RFC 7617, and a secret whose base64 has both letters that the URL alphabet has not.
 */
static void test_basic(void **state)
{
    static const struct {
        const char *id, *secret, *header;
    } rows[] = {
        {"Aladdin", "opensesame", "Basic QWxhZGRpbjpvcGVuc2VzYW1l"},
        {"a", "b", "Basic YTpi"},
        {"s6", "a&b c", "Basic czY6YSUyNmIlMjBj"},
        {"x", "~~>?", "Basic eDp+fiUzRSUzRg=="},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str header = STR_INIT;
        partner_basic(&header, rows[i].id, rows[i].secret);
        assert_string_equal(str_z(&header), rows[i].header);
        str_done(&header);
    }
}

static void test_token_answers(void **state)
{
    static const struct {
        const char *body;
        int status, result;
        const char *why;
    } rows[] = {
        {"{\"access_token\":\"a\",\"token_type\":\"bearer\",\"expires_in\":60,\"refresh_token\":\"r\"}", 200, 0, ""},
        {"{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":\"60\",\"refresh_token\":\"r\"}", 200,
         ERR_INVALID, "expires_in"},
        {"{\"access_token\":\"a\",\"token_type\":\"mac\",\"expires_in\":60,\"refresh_token\":\"r\"}", 200, ERR_INVALID,
         "token_type is mac"},
        {"{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60}", 200, ERR_INVALID, "refresh_token"},
        {"{\"access_token\":\"\",\"token_type\":\"Bearer\",\"expires_in\":60,\"refresh_token\":\"r\"}", 200,
         ERR_INVALID, "access_token"},
        {"{\"error\":\"invalid_client\",\"error_description\":\"no\"}", 401, ERR_REJECTED,
         "status 401, invalid_client: no"},
        {"<html>", 502, ERR_INVALID, "no strict JSON"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct partner_tokens tokens = {0};
        struct str why = STR_INIT;
        assert_int_equal(partner_read(rows[i].body, strlen(rows[i].body), rows[i].status, &tokens, &why),
                         rows[i].result);
        assert_non_null(strstr(str_z(&why), rows[i].why));
        assert_string_equal(str_z(&tokens.refresh), rows[i].result == 0 ? "r" : "");
        str_done(&tokens.access);
        str_done(&tokens.refresh);
        str_done(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders_are_taken_in_turn),
        cmocka_unit_test(test_retry_after_is_watched),
        cmocka_unit_test(test_too_many_orders),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_basic),
        cmocka_unit_test(test_token_answers),
    };
    secrets_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
