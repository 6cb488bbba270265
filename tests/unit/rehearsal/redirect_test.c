/* The way back to SmartThings: the code, and `state` byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"
#include "rehearsal/redirect.h"

#define URI "https://c2c-eu.smartthings.com/oauth/callback"
#define STATE "a+b%2bc%7E%20=%26;/?:@"

static void test_redirects(void **state)
{
    (void)state;
    static const struct {
        const char *location;
        int result;
        const char *code, *why; /* why: part of the sentence */
    } rows[] = {
        {URI "?code=c%2D1&state=" STATE, 0, "c-1", ""},
        {URI "?state=" STATE "&code=c&iss=https%3A%2F%2Fx", 0, "c", ""},
        {URI "?code=c&state=a+b%2Bc%7E%20=%26;/?:@", ERR_INVALID, "", "but was sent as"}, /* %2b became %2B */
        {URI "?code=c&state=a+b%2bc~%20=%26;/?:@", ERR_INVALID, "", "but was sent as"},   /* %7E became ~ */
        {URI "?code=c&state=a%20b%2bc%7E%20=%26;/?:@", ERR_INVALID, "", "but was sent as"},
        {URI "?code=c&state=" STATE "x", ERR_INVALID, "", "but was sent as"},
        {URI "?code=c&state=", ERR_INVALID, "", "but was sent as"},
        {URI "?code=c", ERR_INVALID, "", "no state"},
        {URI "?state=" STATE, ERR_INVALID, "", "no code"},
        {URI "?code=&state=" STATE, ERR_INVALID, "", "no code"},
        {URI "?error=access_denied&error_description=no%20thanks&state=" STATE, ERR_REJECTED, "",
         "error=access_denied: no thanks"},
        {URI "?code=c&code=d&state=" STATE, ERR_INVALID, "", "cannot be read"},
        {URI "?code=c&state=" STATE "#x", ERR_INVALID, "", "fragment"},
        {URI "/?code=c&state=" STATE, ERR_INVALID, "", "which is not"},
        {URI "x?code=c&state=" STATE, ERR_INVALID, "", "which is not"},
        {URI, ERR_INVALID, "", "which is not"},
        {"https://evil.example/?code=c&state=" STATE, ERR_INVALID, "", "which is not"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str code = STR_INIT;
        struct str why = STR_INIT;
        assert_int_equal(redirect_read(rows[i].location, URI, STATE, &code, &why), rows[i].result);
        assert_string_equal(str_z(&code), rows[i].code);
        assert_non_null(strstr(str_z(&why), rows[i].why));
        assert_int_equal(why.len == 0, rows[i].result == 0);
        str_done(&code);
        str_done(&why);
    }
}

/* A redirect_uri that has a query already is followed by '&'. */
static void test_query_in_the_uri(void **state)
{
    struct str code = STR_INIT;
    struct str why = STR_INIT;
    (void)state;
    assert_int_equal(
        redirect_read("https://a.example/b?c=d&code=1&state=s", "https://a.example/b?c=d", "s", &code, &why), 0);
    assert_string_equal(str_z(&code), "1");
    assert_int_equal(
        redirect_read("https://a.example/b?c=d?code=1&state=s", "https://a.example/b?c=d", "s", &code, &why),
        ERR_INVALID);
    str_done(&code);
    str_done(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_query_in_the_uri),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
