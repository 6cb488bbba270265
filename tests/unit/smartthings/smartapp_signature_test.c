/* Signatures of SmartThings' calls: what is read, what is refused at which step, what was signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "smartthings/smartapp_signature.h"

#define GOOD                                                                                                           \
    "Signature keyId=\"/pl/useast2/1b-0d\",signature=\"AQIDBA==\",headers=\"(request-target) digest date\","           \
    "algorithm=\"rsa-sha256\""
#define DATE "Tue, 24 Mar 2020 13:23:37 UTC"
#define DATE_MS INT64_C(1585056217000)
#define DIGEST_OF_BODY "SHA256=LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=" /* of "hello" */

struct headers {
    const char *digest, *date;
};

static const char *header(void *user, const char *name)
{
    const struct headers *h = user;
    return strcmp(name, "digest") == 0 ? h->digest : strcmp(name, "date") == 0 ? h->date : NULL;
}

static void test_read(void **state)
{
    static const struct {
        const char *authorization;
        enum signature_step step;
    } rows[] = {
        {GOOD, SIGNATURE_OK},
        {"signature headers=\"(request-target) digest date\" , keyId = \"/k\" ,other=\"x\",signature=\"AQID\"",
         SIGNATURE_OK},
        {NULL, SIGNATURE_UNSIGNED},
        {"", SIGNATURE_UNSIGNED},
        {"Bearer abc", SIGNATURE_UNSIGNED},
        {"Signature ", SIGNATURE_MALFORMED},
        {"Signature keyId=\"/k\"", SIGNATURE_MALFORMED},
        {GOOD ",", SIGNATURE_MALFORMED},
        {GOOD ",keyId=\"/k\"", SIGNATURE_MALFORMED},
        {GOOD " x", SIGNATURE_MALFORMED},
        {"Signature keyId=\"/k,signature=\"AQID\",headers=\"date\"", SIGNATURE_MALFORMED},
        {"Signature keyId=\"/k\",signature=\"A!\",headers=\"date\"", SIGNATURE_MALFORMED},
        {"Signature keyId=\"\",signature=\"AQID\",headers=\"date\"", SIGNATURE_MALFORMED},
        {"Signature keyId=\"/k\",signature=\"AQID\",headers=\"date\",algorithm=\"hmac-sha256\"", SIGNATURE_ALGORITHM},
        {"Signature keyId=\"k\",signature=\"AQID\",headers=\"date\"", SIGNATURE_KEY_ID},
        {"Signature keyId=\"/\",signature=\"AQID\",headers=\"date\"", SIGNATURE_KEY_ID},
        {"Signature keyId=\"/a/../b\",signature=\"AQID\",headers=\"date\"", SIGNATURE_KEY_ID},
        {"Signature keyId=\"//evil/x\",signature=\"AQID\",headers=\"date\"", SIGNATURE_KEY_ID},
        {"Signature keyId=\"/a?b\",signature=\"AQID\",headers=\"date\"", SIGNATURE_KEY_ID},
        {"Signature keyId=\"/a%2e\",signature=\"AQID\",headers=\"date\"", SIGNATURE_KEY_ID},
        {"Signature keyId=\"@evil/\",signature=\"AQID\",headers=\"date\"", SIGNATURE_KEY_ID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct signature signature;
        struct str why = STR_INIT;
        assert_int_equal(signature_read(rows[i].authorization, &signature, &why), rows[i].step);
        assert_int_equal(why.len > 0, rows[i].step != SIGNATURE_OK);
        str_done(&why);
    }
}

static enum signature_step check(const char *covered, const char *digest, const char *date, const char *body,
                                 int64_t now_ms)
{
    struct headers headers = {digest, date};
    struct signature signature = {0};
    struct str why = STR_INIT;
    const struct signature_request request = {.method = "POST",
                                              .path = "/p",
                                              .query = "",
                                              .header = header,
                                              .user = &headers,
                                              .body = body,
                                              .body_len = strlen(body)};
    (void)snprintf(signature.headers, sizeof signature.headers, "%s", covered);
    enum signature_step step = signature_check(&signature, &request, now_ms, &why);
    assert_int_equal(why.len > 0, step != SIGNATURE_OK);
    str_done(&why);
    return step;
}

static void test_check(void **state)
{
    static const char all[] = "(request-target) digest date";
    (void)state;
    assert_int_equal(check(all, DIGEST_OF_BODY, DATE, "hello", DATE_MS), SIGNATURE_OK);
    assert_int_equal(check(all, "SHA-256=LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", DATE, "hello", DATE_MS),
                     SIGNATURE_OK);
    assert_int_equal(check(all, DIGEST_OF_BODY, DATE, "hello", DATE_MS + 300000), SIGNATURE_OK);
    assert_int_equal(check(all, DIGEST_OF_BODY, DATE, "hello", DATE_MS + 300001), SIGNATURE_DATE);
    assert_int_equal(check(all, DIGEST_OF_BODY, DATE, "hello", DATE_MS - 300000), SIGNATURE_OK);
    assert_int_equal(check(all, DIGEST_OF_BODY, DATE, "hello", DATE_MS - 300001), SIGNATURE_DATE);
    assert_int_equal(check(all, DIGEST_OF_BODY, "yesterday", "hello", DATE_MS), SIGNATURE_DATE);
    assert_int_equal(check(all, DIGEST_OF_BODY, DATE, "hallo", DATE_MS), SIGNATURE_DIGEST);
    assert_int_equal(check(all, "SHA256=AAAA", DATE, "hello", DATE_MS), SIGNATURE_DIGEST);
    assert_int_equal(check(all, "MD5=AAAA", DATE, "hello", DATE_MS), SIGNATURE_DIGEST);
    assert_int_equal(check("(request-target) date", DIGEST_OF_BODY, DATE, "hello", DATE_MS), SIGNATURE_UNCOVERED);
    assert_int_equal(check("digest date", DIGEST_OF_BODY, DATE, "hello", DATE_MS), SIGNATURE_UNCOVERED);
    assert_int_equal(check("(request-target) digest", DIGEST_OF_BODY, DATE, "hello", DATE_MS), SIGNATURE_UNCOVERED);
    assert_int_equal(check("(request-target) digest date host", DIGEST_OF_BODY, DATE, "hello", DATE_MS),
                     SIGNATURE_UNCOVERED);
    assert_int_equal(check(all, NULL, DATE, "hello", DATE_MS), SIGNATURE_UNCOVERED);
}

static void test_text(void **state)
{
    struct headers headers = {DIGEST_OF_BODY, DATE};
    struct signature signature;
    struct str text = STR_INIT, why = STR_INIT;
    const struct signature_request request = {
        .method = "POST", .path = "/p", .query = "a=b", .header = header, .user = &headers, .body = ""};
    (void)state;
    assert_int_equal(signature_read(GOOD, &signature, &why), SIGNATURE_OK);
    assert_int_equal(signature.len, 4);
    signature_text(&text, &signature, &request, true);
    assert_string_equal(str_z(&text), "(request-target): post /p?a=b\ndigest: " DIGEST_OF_BODY "\ndate: " DATE);
    str_clear(&text);
    signature_text(&text, &signature, &request, false);
    assert_string_equal(str_z(&text), "(request-target): post /p\ndigest: " DIGEST_OF_BODY "\ndate: " DATE);
    str_done(&text);
    str_done(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
