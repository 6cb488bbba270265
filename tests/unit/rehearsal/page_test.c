/* Pages of linking, read and filled in as a browser would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "rehearsal/page.h"

static const char login[] =
    "<!doctype html><html><head><title>x</title></head><body><main>\n<h1>Log in to\n  link</h1>\n"
    "<p>It &amp; you: <strong>welcome</strong>.</p>\n"
    "<form method=\"post\" action=\"/oauth/login\">\n"
    "<input type=\"hidden\" name=\"request\" value=\"a&quot;b&amp;c=&#39;&lt;d&gt;\">\n"
    "<label for=\"u\">Account</label><input type=\"text\" id=\"u\" name=\"username\" value=\"\" required>\n"
    "<INPUT TYPE=password NAME='password' maxlength=1024>\n"
    "<button type=\"submit\">Log in</button>\n</form></main></body></html>\n";

static const char consent[] = "<form method=post action=/oauth/consent><input type=hidden name=request value=r1>"
                              "<button type=submit name=decision value=deny>Do not allow</button>"
                              "<button type=submit name=decision value=allow>Allow</button></form>";

static void test_login(void **state)
{
    struct page page;
    struct str body = STR_INIT;
    (void)state;
    page_read(&page, login, sizeof login - 1);
    assert_int_equal(page.count, 1);
    const struct page_form *form = page_login_form(&page);
    assert_non_null(form);
    assert_string_equal(form->action, "/oauth/login");
    assert_true(form->post);
    assert_null(page_consent_form(&page));
    page_fill(&body, form, "anna & co", "p+w d", NULL);
    assert_string_equal(str_z(&body), "request=a%22b%26c%3D%27%3Cd%3E&username=anna%20%26%20co&password=p%2Bw%20d");
    str_done(&body);
    page_done(&page);
}

/* The button that allows is pressed, and no other; without a press there is none in what is posted. */
static void test_consent(void **state)
{
    struct page page;
    struct str body = STR_INIT;
    (void)state;
    page_read(&page, consent, sizeof consent - 1);
    const struct page_form *form = page_consent_form(&page);
    assert_non_null(form);
    assert_null(page_login_form(&page));
    page_fill(&body, form, "x", "y", page_allow_button(form));
    assert_string_equal(str_z(&body), "request=r1&decision=allow");
    str_clear(&body);
    page_fill(&body, form, "x", "y", NULL);
    assert_string_equal(str_z(&body), "request=r1");
    str_done(&body);
    page_done(&page);
}

static void test_odd_pages(void **state)
{
    (void)state;
    static const struct {
        const char *html;
        size_t forms, fields;
    } rows[] = {
        {"", 0, 0},
        {"<form", 1, 0},
        {"<form method='post' action='>'><input name=a></form>", 1, 1}, /* a '>' inside quotes ends no tag */
        {"<form><input name=a></form><input name=b>", 1, 1},            /* b belongs to no form */
        {"<input name=a><form></form>", 1, 0},
        {"<form><input name = \"a\" value = 'b'", 1, 1},
        {"<form><input value=x><button>go</button></form>", 1, 1}, /* a field without a name is not sent */
        {"<form><input name=\"a", 1, 1},
        {"<form action==x =y><input name=a></form>", 1, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct page page;
        page_read(&page, rows[i].html, strlen(rows[i].html));
        assert_int_equal(page.count, rows[i].forms);
        assert_int_equal(page.count > 0 ? page.forms[0].count : 0, rows[i].fields);
        page_done(&page);
    }
}

static void test_limits(void **state)
{
    struct str html = STR_INIT;
    struct page page;
    (void)state;
    for (unsigned i = 0; i < PAGE_FORMS + 2; i++) {
        str_add_z(&html, "<form>");
        for (unsigned k = 0; k < PAGE_FIELDS + 3; k++) {
            str_add_z(&html, "<input name=a>");
        }
        str_add_z(&html, "</form>");
    }
    page_read(&page, html.data, html.len);
    assert_int_equal(page.count, PAGE_FORMS);
    assert_int_equal(page.forms[0].count, PAGE_FIELDS);
    page_done(&page);
    str_done(&html);
}

static void test_says(void **state)
{
    struct str s = STR_INIT;
    (void)state;
    page_says(&s, login, sizeof login - 1);
    assert_string_equal(str_z(&s), "Log in to link: It & you: welcome.");
    str_clear(&s);
    static const char error[] = "<h1>Log in</h1><p>Hello</p><form></form><p class=\"error\">Wrong <b>password</b>.</p>";
    page_says(&s, error, sizeof error - 1);
    assert_string_equal(str_z(&s), "Log in: Wrong password.");
    str_clear(&s);
    page_says(&s, "<p>only this</p>", 16);
    assert_string_equal(str_z(&s), "");
    str_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login),  cmocka_unit_test(test_consent), cmocka_unit_test(test_odd_pages),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
