/* RFC 6750 by section: routes that want a token, and its scope, say so in the table; the handler never sees another. */
#include "unit/http/rig.h"

static int caller;

static void who(struct http_exchange *x, void *context)
{
    struct str body = STR_INIT;
    (void)context;
    str_add_z(&body, http_caller(x) == &caller ? "served" : "a stranger was served");
    http_answer(x, 200, "text/plain", &body);
}

static int bearer(void *user, const char *token, enum http_auth wanted, const char **ret_scope, void **ret_caller)
{
    (void)user;
    *ret_scope = wanted == HTTP_TOKEN_READ ? "devices:read" : "devices:control";
    if (strcmp(token, "full") == 0 || (strcmp(token, "reader") == 0 && wanted == HTTP_TOKEN_READ)) {
        *ret_caller = &caller;
        return 0;
    }
    return strcmp(token, "reader") == 0    ? ERR_UNSUPPORTED
           : strcmp(token, "old") == 0     ? ERR_EXPIRED
           : strcmp(token, "ended") == 0   ? ERR_ENDED
           : strcmp(token, "unknown") == 0 ? ERR_LOST
                                           : ERR_DENIED;
}

static const struct http_route token_routes[] = {
    {"GET", "/v1/lights", HTTP_PUBLIC | HTTP_CONTROL, HTTP_TOKEN_READ, 0, who, 0},
    {"POST", "/v1/light", HTTP_PUBLIC, HTTP_TOKEN_CONTROL, 100, who, 0},
};

static int open_with(void **state, bool judge)
{
    static void *contexts[1];
    struct str why = STR_INIT;
    assert_int_equal(set_up(state), 0);
    struct rig *rig = *state;
    http_free(rig->http);
    http_new(rig->loop,
             &(struct http_config){
                 .routes = token_routes, .route_count = 2, .contexts = contexts, .bearer = judge ? bearer : NULL},
             &rig->http);
    return http_listen(rig->http, &(struct http_listen){HTTP_PUBLIC, "127.0.0.1:0", NULL, NULL, NULL}, &why);
}

static int with_judge(void **state)
{
    return open_with(state, true);
}

static int without_judge(void **state)
{
    return open_with(state, false);
}

static const char *get(struct rig *rig, const char *headers, struct str *answer)
{
    struct str request = STR_INIT;
    str_printf(&request, "GET /v1/lights HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", headers);
    const char *text = ask(rig, http_port(rig->http, HTTP_PUBLIC), str_z(&request), answer);
    str_done(&request);
    return text;
}

/* 2.1: in the Authorization header, the scheme's case does not matter; nowhere else. */
static void section_2_1_header(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    HAS(get(rig, "Authorization: Bearer full\r\n", &got), "\r\n\r\nserved");
    HAS(get(rig, "Authorization: bearer  reader\r\n", &got), "\r\n\r\nserved");
    HAS(get(rig, "Authorization: Basic ZnVsbDo=\r\n", &got), "\r\n\r\nserved"); /* "full:", as LIFX's clients may */
    static const char *const none[] = {"",
                                       "Authorization: Basic full\r\n",
                                       "Authorization: Basic ZnVsbDp4\r\n",
                                       "Authorization: Bearer\r\n",
                                       "Authorization: Bearer two words\r\n",
                                       "Authorization: Bearer fu,ll\r\n",
                                       "Authorization: Bearer =\r\n",
                                       "X-Token: full\r\n"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        const char *text = get(rig, none[i], &got);
        HAS(text, "HTTP/1.1 401 ");
        HAS(text, "WWW-Authenticate: Bearer realm=\"lightbridge\"\r\n"); /* 3.1: no error code where none was shown */
    }
    HAS(PUBLIC("GET /v1/lights?access_token=full HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "HTTP/1.1 401 ");
    HAS(PUBLIC("POST /v1/light HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 17\r\n"
               "Content-Type: application/x-www-form-urlencoded\r\n\r\naccess_token=full"),
        "HTTP/1.1 401 ");
    HAS(get(rig, "Authorization: Bearer full\r\nAuthorization: Bearer full\r\n", &got), "HTTP/1.1 400 "); /* the gate */
    str_done(&got);
}

/* 3, 3.1: 401 invalid_token, with the challenge. */
static void section_3_1_invalid_token(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    static const char *const bad[] = {"old", "ended", "forged"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "Authorization: Bearer %s\r\n", bad[i]);
        const char *text = get(rig, line, &got);
        HAS(text, "HTTP/1.1 401 ");
        HAS(text, "WWW-Authenticate: Bearer realm=\"lightbridge\", error=\"invalid_token\", error_description=\"");
        HAS(text, "\"error\":\"invalid_token\"");
        HAS(text, "no-store");
    }
    str_done(&got);
}

/* 3.1: 403 insufficient_scope, with the scope that is needed. */
static void section_3_1_insufficient_scope(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    const char *text = PUBLIC("POST /v1/light HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n"
                              "Authorization: Bearer reader\r\n\r\n");
    HAS(text, "HTTP/1.1 403 ");
    HAS(text, "error=\"insufficient_scope\"");
    HAS(text, "scope=\"devices:control\"");
    HAS(PUBLIC("POST /v1/light HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n"
               "Authorization: Bearer full\r\n\r\n"),
        "\r\n\r\nserved");
    str_done(&got);
}

/* A 401 would make a client drop a good token. */
static void not_to_be_judged(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    const char *text = get(rig, "Authorization: Bearer unknown\r\n", &got);
    HAS(text, "HTTP/1.1 503 ");
    HAS(text, "Retry-After: ");
    assert_null(strstr(text, "WWW-Authenticate"));
    str_done(&got);
}

static void nobody_judges(void **state)
{
    struct rig *rig = *state;
    struct str got = STR_INIT;
    HAS(get(rig, "Authorization: Bearer full\r\n", &got), "HTTP/1.1 401 ");
    str_done(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(section_2_1_header, with_judge, tear_down),
        cmocka_unit_test_setup_teardown(section_3_1_invalid_token, with_judge, tear_down),
        cmocka_unit_test_setup_teardown(section_3_1_insufficient_scope, with_judge, tear_down),
        cmocka_unit_test_setup_teardown(not_to_be_judged, with_judge, tear_down),
        cmocka_unit_test_setup_teardown(nobody_judges, without_judge, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
