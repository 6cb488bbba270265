/* What the webhook accepts, and what it refuses without anything having changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"
#include "smartthings/schema_parse.h"

#define HEADERS(type)                                                                                                  \
    "\"headers\":{\"schema\":\"st-schema\",\"version\":\"1.0\",\"interactionType\":\"" type "\",\"requestId\":\"R-"    \
    "1\"}"
#define AUTH "\"authentication\":{\"tokenType\":\"Bearer\",\"token\":\"T\"}"

static int parse(const char *text, struct interaction *x)
{
    return schema_parse(text, strlen(text), x);
}

static void test_types(void **state)
{
    static const struct {
        const char *document;
        enum interaction_type type;
    } rows[] = {
        {"{" HEADERS("discoveryRequest") "," AUTH "}", INTERACTION_DISCOVERY},
        {"{" HEADERS("stateRefreshRequest") "," AUTH ",\"devices\":[]}", INTERACTION_STATE_REFRESH},
        {"{" HEADERS("commandRequest") "," AUTH ",\"devices\":[]}", INTERACTION_COMMAND},
        {"{" HEADERS("integrationDeleted") "," AUTH "}", INTERACTION_DELETED},
        {"{" HEADERS("integrationDeleted") "," AUTH ",\"callbackAuthentication\":{}}", INTERACTION_DELETED},
        {"{" HEADERS("interactionResult") "}", INTERACTION_RESULT},
        {"{" HEADERS("interactionResult") "," AUTH ",\"globalError\":null}", INTERACTION_RESULT},
        {"{" HEADERS("somethingNew") "}", INTERACTION_UNKNOWN},
        {"{" HEADERS("DiscoveryRequest") "}", INTERACTION_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct interaction x;
        assert_int_equal(parse(rows[i].document, &x), 0);
        assert_int_equal(x.type, rows[i].type);
        assert_string_equal(x.request_id, "R-1");
        interaction_done(&x);
    }
}

static void test_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "x",
        "[]",
        "{}",
        "null",
        "{\"headers\":[]}",
        "{\"headers\":{\"interactionType\":\"discoveryRequest\"}," AUTH "}",
        "{\"headers\":{\"requestId\":\"R\"}," AUTH "}",
        "{\"headers\":{\"requestId\":7,\"interactionType\":\"discoveryRequest\"}," AUTH "}",
        "{\"headers\":{\"schema\":\"other\",\"requestId\":\"R\",\"interactionType\":\"discoveryRequest\"}," AUTH "}",
        "{" HEADERS("discoveryRequest") "}",
        "{" HEADERS("discoveryRequest") ",\"authentication\":{}}",
        "{" HEADERS("discoveryRequest") ",\"authentication\":{\"token\":5}}",
        "{" HEADERS("discoveryRequest") ",\"authentication\":{\"token\":\"\"}}",
        "{" HEADERS("discoveryRequest") "," AUTH "," AUTH "}",
        "{" HEADERS("discoveryRequest") "," AUTH "} x",
        "{" HEADERS("stateRefreshRequest") "," AUTH "}",
        "{" HEADERS("stateRefreshRequest") "," AUTH ",\"devices\":{}}",
        "{" HEADERS("stateRefreshRequest") "," AUTH ",\"devices\":[{}]}",
        "{" HEADERS("stateRefreshRequest") "," AUTH ",\"devices\":[\"A\"]}",
        "{" HEADERS("commandRequest") "," AUTH ",\"devices\":[{\"externalDeviceId\":\"A\"}]}",
        "{" HEADERS("commandRequest") "," AUTH ",\"devices\":[{\"externalDeviceId\":\"A\",\"commands\":[{}]}]}",
        "{" HEADERS("commandRequest") "," AUTH ",\"devices\":[{\"externalDeviceId\":\"A\",\"commands\":[{"
                                      "\"capability\":\"st.switch\",\"command\":\"on\",\"arguments\":{}}]}]}",
        "{" HEADERS("grantCallbackAccess") "," AUTH "}",
        "{" HEADERS("grantCallbackAccess") "," AUTH ",\"callbackAuthentication\":{\"grantType\":\"authorization_code\","
                                           "\"code\":\"c\",\"clientId\":\"i\"},\"callbackUrls\":{\"oauthToken\":"
                                           "\"https://a/\"}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct interaction x;
        int r = parse(rows[i], &x);
        if (r == 0) {
            fail_msg("accepted: %s", rows[i]);
        }
        assert_non_null(x.what);
        interaction_done(&x);
    }
}

/* A refusal still names what it answers, where that could be read. */
static void test_refusal_names_request(void **state)
{
    struct interaction x;
    (void)state;
    assert_int_equal(parse("{" HEADERS("commandRequest") "," AUTH "}", &x), ERR_INVALID);
    assert_string_equal(x.request_id, "R-1");
    assert_string_equal(x.type_text, "commandRequest");
    assert_int_equal(x.type, INTERACTION_COMMAND);
    interaction_done(&x);
}

static void test_commands(void **state)
{
    static const char document[] = "{" HEADERS(
        "commandRequest") "," AUTH ",\"devices\":["
                          "{\"externalDeviceId\":\"A\",\"deviceCookie\":{\"x\":1},\"commands\":["
                          "{\"component\":\"main\",\"capability\":\"st.switchLevel\",\"command\":\"setLevel\","
                          "\"arguments\":[56,2]},"
                          "{\"capability\":\"st.switch\",\"command\":\"on\"}]},"
                          "{\"externalDeviceId\":\"B\",\"commands\":["
                          "{\"component\":\"main\",\"capability\":\"st.colorControl\",\"command\":\"setColor\","
                          "\"arguments\":"
                          "[{\"hue\":33.5,\"saturation\":0,\"hex\":\"#ff0000\",\"switch\":\"on\",\"more\":[1]}]}]}]}";
    struct interaction x;
    (void)state;
    assert_int_equal(parse(document, &x), 0);
    assert_string_equal(x.token, "T");
    assert_int_equal(x.device_count, 2);
    assert_string_equal(x.devices[0].id, "A");
    assert_int_equal(x.devices[0].command_count, 2);
    const struct interaction_command *c = &x.devices[0].commands[0];
    assert_string_equal(c->capability, "st.switchLevel");
    assert_int_equal(c->argument_count, 2);
    assert_int_equal(c->arguments[0].kind, SCHEMA_NUMBER);
    assert_true(c->arguments[0].integral && c->arguments[0].number == 56);
    assert_string_equal(c[1].component, "main"); /* left out */
    assert_int_equal(c[1].argument_count, 0);
    c = &x.devices[1].commands[0];
    assert_int_equal(c->arguments[0].kind, SCHEMA_OBJECT);
    assert_int_equal(c->color.has, SCHEMA_HAS_HUE | SCHEMA_HAS_SATURATION);
    assert_true(c->color.hue == 33.5 && c->color.saturation == 0);
    assert_string_equal(c->color.hex, "#ff0000");
    assert_string_equal(c->color.power, "on");
    interaction_done(&x);
}

static void test_grant(void **state)
{
    struct interaction x;
    (void)state;
    assert_int_equal(
        parse(
            "{" HEADERS("grantCallbackAccess") "," AUTH ",\"callbackAuthentication\":{\"grantType\":\"authorization_"
                                               "code\",\"scope\":\"callback-access\","
                                               "\"code\":\"xxx\",\"clientId\":\"id\"},\"callbackUrls\":{\"oauthToken\":"
                                               "\"https://c2c-us.smartthings.com/oauth/token\",\"stateCallback\":"
                                               "\"https://c2c-us.smartthings.com/device/events\"}}",
            &x),
        0);
    assert_string_equal(x.grant.code, "xxx");
    assert_string_equal(x.grant.client_id, "id");
    assert_string_equal(x.grant.token_url, "https://c2c-us.smartthings.com/oauth/token");
    assert_string_equal(x.grant.callback_url, "https://c2c-us.smartthings.com/device/events");
    interaction_done(&x);
}

static void test_result(void **state)
{
    struct interaction x;
    (void)state;
    assert_int_equal(parse("{" HEADERS("interactionResult") ",\"originatingInteractionType\":\"discoveryRequest\","
                                                            "\"globalError\":{\"errorEnum\":\"BAD-RESPONSE\","
                                                            "\"detail\":\"expected discoveryResponse\"}}",
                           &x),
                     0);
    assert_null(x.token);
    assert_string_equal(x.result.originating, "discoveryRequest");
    assert_string_equal(x.result.error, "BAD-RESPONSE");
    interaction_done(&x);
    assert_int_equal(parse("{" HEADERS("interactionResult") "," AUTH ",\"deviceState\":[{\"externalDeviceId\":\"A\","
                                                            "\"deviceError\":[{\"errorEnum\":\"CAPABILITY-NOT-"
                                                            "SUPPORTED\",\"detail\":\"d\"}]}]}",
                           &x),
                     0);
    assert_string_equal(x.result.error, "CAPABILITY-NOT-SUPPORTED");
    assert_string_equal(x.result.device_id, "A");
    assert_int_equal(x.result.device_errors, 1);
    interaction_done(&x);
}

static void test_caps(void **state)
{
    struct str s = STR_INIT;
    struct interaction x;
    (void)state;
    str_add_z(&s, "{" HEADERS("stateRefreshRequest") "," AUTH ",\"devices\":[");
    for (unsigned i = 0; i <= SCHEMA_MAX_DEVICES; i++) {
        str_add_z(&s, i ? ",{\"externalDeviceId\":\"A\"}" : "{\"externalDeviceId\":\"A\"}");
    }
    str_add_z(&s, "]}");
    assert_int_equal(schema_parse(s.data, s.len, &x), ERR_TOO_LARGE);
    interaction_done(&x);
    str_clear(&s);
    str_add_z(&s, "{" HEADERS("commandRequest") "," AUTH ",\"devices\":[{\"externalDeviceId\":\"A\",\"commands\":[");
    for (unsigned i = 0; i <= SCHEMA_MAX_COMMANDS; i++) {
        str_add_z(&s, i ? ",{\"capability\":\"c\",\"command\":\"d\"}" : "{\"capability\":\"c\",\"command\":\"d\"}");
    }
    str_add_z(&s, "]}]}");
    assert_int_equal(schema_parse(s.data, s.len, &x), ERR_TOO_LARGE);
    interaction_done(&x);
    str_clear(&s);
    str_printf(&s, "{" HEADERS("stateRefreshRequest") "," AUTH ",\"devices\":[{\"externalDeviceId\":\"%0600d\"}]}", 1);
    assert_int_equal(schema_parse(s.data, s.len, &x), ERR_TOO_LARGE);
    interaction_done(&x);
    str_done(&s);
}

static void test_answers(void **state)
{
    static const char tokens[] =
        "{\"headers\":{},\"callbackAuthentication\":{\"tokenType\":\"Bearer\",\"accessToken\":\"a\","
        "\"refreshToken\":\"r\",\"expiresIn\":86400}}";
    static const char error[] = "{\"globalError\":{\"errorEnum\":\"TOKEN-EXPIRED\",\"detail\":\"d\"}}";
    struct schema_answer answer;
    (void)state;
    assert_int_equal(schema_parse_answer(tokens, strlen(tokens), &answer), 0);
    assert_string_equal(answer.access_token, "a");
    assert_string_equal(answer.refresh_token, "r");
    assert_int_equal(answer.expires_in, 86400);
    assert_null(answer.error);
    schema_answer_done(&answer);
    assert_int_equal(schema_parse_answer(error, strlen(error), &answer), 0);
    assert_string_equal(answer.error, "TOKEN-EXPIRED");
    assert_null(answer.access_token);
    schema_answer_done(&answer);
    assert_int_equal(schema_parse_answer("", 0, &answer), 0);
    schema_answer_done(&answer);
    assert_int_equal(schema_parse_answer("<html>", 6, &answer), ERR_INVALID);
    schema_answer_done(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),    cmocka_unit_test(test_refused), cmocka_unit_test(test_refusal_names_request),
        cmocka_unit_test(test_commands), cmocka_unit_test(test_grant),   cmocka_unit_test(test_result),
        cmocka_unit_test(test_caps),     cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
