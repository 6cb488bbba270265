/* The description of the partner API names each of its routes, and no other; and the scope of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "app/routes.h"
#include "base/file.h"
#include "base/json.h"

static struct json *description;

static int set_up(void **state)
{
    struct str text = STR_INIT;
    (void)state;
    assert_int_equal(file_read(LB_SOURCE "/bridge/partner/openapi.json", 1u << 20, &text), 0);
    assert_int_equal(json_parse(text.data, text.len, 1u << 20, &description, NULL), 0);
    str_done(&text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_free(description);
    return 0;
}

/* "/v1/lights/{selector}/state" as the table has it. */
static void pattern_of(const char *template, struct str *out)
{
    for (; *template; template ++) {
        if (*template == '{') {
            str_add_char(out, '*');
            template = strchr(template, '}');
        } else {
            str_add_char(out, *template);
        }
    }
}

static const struct json *operation_of(const struct http_route *route)
{
    const struct json *paths = json_get(description, "paths");
    for (const struct json *p = json_first(paths); p; p = json_next(p)) {
        struct str pattern = STR_INIT;
        pattern_of(json_key(p), &pattern);
        bool same = strcmp(str_z(&pattern), route->path) == 0;
        str_done(&pattern);
        for (const struct json *o = same ? json_first(p) : NULL; o; o = json_next(o)) {
            if (strcasecmp(json_key(o), route->method) == 0) {
                return o;
            }
        }
    }
    return NULL;
}

static void every_route_is_described_with_its_scope(void **state)
{
    size_t described = 0, of_the_table = 0;
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        const struct http_route *r = &routes[i];
        if (strncmp(r->path, "/v1/", 4) != 0) {
            continue;
        }
        const struct json *o = operation_of(r);
        if (!o) {
            fail_msg("openapi.json does not have %s %s", r->method, r->path);
        }
        const struct json *scopes = json_get(json_first(json_get(o, "security")), "oauth");
        const char *scope = json_text(json_first(scopes));
        const char *wanted = r->auth == HTTP_TOKEN_READ      ? "devices:read"
                             : r->auth == HTTP_TOKEN_CONTROL ? "devices:control"
                                                             : NULL;
        assert_true(wanted ? scope && strcmp(scope, wanted) == 0 : scope == NULL);
        of_the_table++;
    }
    for (const struct json *p = json_first(json_get(description, "paths")); p; p = json_next(p)) {
        described += json_count(p);
    }
    assert_true(of_the_table > 10);
    assert_int_equal(described, of_the_table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_route_is_described_with_its_scope)};
    return cmocka_run_group_tests_name("openapi", tests, set_up, tear_down);
}
