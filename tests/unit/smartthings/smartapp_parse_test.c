/* What the SmartApp accepts, and what it refuses without anything having changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "smartthings/smartapp_pace.h"
#include "smartthings/smartapp_parse.h"

#define APP "\"installedApp\":{\"installedAppId\":\"A-1\",\"locationId\":\"L-1\"}"
#define TOKENS "\"authToken\":\"T\",\"refreshToken\":\"R\""

static int parse(const char *text, struct smartapp_call *call)
{
    return smartapp_parse(text, strlen(text), call);
}

static void test_lifecycles(void **state)
{
    static const struct {
        const char *document;
        enum smartapp_lifecycle lifecycle;
    } rows[] = {
        {"{\"lifecycle\":\"PING\",\"pingData\":{\"challenge\":\"c\"}}", SMARTAPP_PING},
        {"{\"messageType\":\"CONFIRMATION\",\"confirmationData\":{\"appId\":\"a\",\"confirmationUrl\":\"https://x/\"}}",
         SMARTAPP_CONFIRMATION},
        {"{\"lifecycle\":\"CONFIGURATION\",\"configurationData\":{\"installedAppId\":\"A-1\",\"phase\":\"PAGE\"}}",
         SMARTAPP_CONFIGURATION},
        {"{\"lifecycle\":\"OAUTH_CALLBACK\",\"oAuthCallbackData\":{\"installedAppId\":\"A-1\",\"urlPath\":\"?code=1\"}"
         "}",
         SMARTAPP_OAUTH_CALLBACK},
        {"{\"lifecycle\":\"OAUTH_CALLBACK\",\"oauthCallbackData\":{\"installedAppId\":\"A-1\",\"urlPath\":\"?code=1\"}"
         "}",
         SMARTAPP_OAUTH_CALLBACK},
        {"{\"lifecycle\":\"INSTALL\",\"installData\":{" TOKENS "," APP "}}", SMARTAPP_INSTALL},
        {"{\"lifecycle\":\"UPDATE\",\"updateData\":{" TOKENS "," APP "}}", SMARTAPP_UPDATE},
        {"{\"lifecycle\":\"UNINSTALL\",\"uninstallData\":{" APP "}}", SMARTAPP_UNINSTALL},
        {"{\"lifecycle\":\"EVENT\",\"eventData\":{" APP ",\"events\":[]}}", SMARTAPP_EVENT},
        {"{\"lifecycle\":\"EXECUTE\",\"executeData\":{" APP "}}", SMARTAPP_EXECUTE},
        {"{\"lifecycle\":\"ELSE\"}", SMARTAPP_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct smartapp_call call;
        assert_int_equal(parse(rows[i].document, &call), 0);
        assert_int_equal(call.lifecycle, rows[i].lifecycle);
        smartapp_call_done(&call);
    }
}

static void test_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "[]",
        "{}",
        "{\"lifecycle\":7}",
        "{\"lifecycle\":\"PING\"}",
        "{\"lifecycle\":\"PING\",\"pingData\":{}}",
        "{\"lifecycle\":\"CONFIRMATION\",\"confirmationData\":{\"appId\":\"a\"}}",
        "{\"lifecycle\":\"CONFIGURATION\",\"configurationData\":{\"phase\":\"PAGE\"}}",
        "{\"lifecycle\":\"CONFIGURATION\",\"configurationData\":{\"installedAppId\":\"A/../b\",\"phase\":\"PAGE\"}}",
        "{\"lifecycle\":\"OAUTH_CALLBACK\",\"oAuthCallbackData\":{\"installedAppId\":\"A-1\"}}",
        "{\"lifecycle\":\"INSTALL\",\"installData\":{" APP "}}",
        "{\"lifecycle\":\"INSTALL\",\"installData\":{" TOKENS "}}",
        "{\"lifecycle\":\"INSTALL\",\"installData\":{" TOKENS ",\"installedApp\":{\"installedAppId\":\"A\"}}}",
        "{\"lifecycle\":\"EVENT\",\"eventData\":{" APP "}}",
        "{\"lifecycle\":\"EVENT\",\"eventData\":{" APP ",\"events\":[{\"eventType\":\"DEVICE_COMMANDS_EVENT\","
        "\"deviceCommandsEvent\":{\"commands\":[]}}]}}",
        "{\"lifecycle\":\"EVENT\",\"eventData\":{" APP ",\"events\":[{\"eventType\":\"DEVICE_COMMANDS_EVENT\","
        "\"deviceCommandsEvent\":{\"deviceId\":\"d\",\"commands\":[{}]}}]}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct smartapp_call call;
        assert_int_not_equal(parse(rows[i], &call), 0);
        assert_non_null(call.what);
        smartapp_call_done(&call);
    }
}

static void test_choice(void **state)
{
    struct smartapp_call call;
    (void)state;
    assert_int_equal(
        parse("{\"lifecycle\":\"INSTALL\",\"installData\":{" TOKENS ",\"installedApp\":{\"installedAppId\":"
              "\"A-1\",\"locationId\":\"L\",\"config\":{\"lights\":[{\"valueType\":\"STRING\","
              "\"stringConfig\":{\"value\":\"one\"}},{\"valueType\":\"MODE\"},{\"stringConfig\":{\"value\":"
              "\"two\"}}]}}}}",
              &call),
        0);
    assert_true(call.chosen);
    assert_int_equal(call.light_count, 2);
    assert_string_equal(call.lights[0], "one");
    assert_string_equal(call.lights[1], "two");
    assert_string_equal(call.refresh_token, "R");
    assert_string_equal(call.location_id, "L");
    smartapp_call_done(&call);
}

static void test_events(void **state)
{
    struct smartapp_call call;
    (void)state;
    assert_int_equal(
        parse(
            "{\"lifecycle\":\"EVENT\",\"eventData\":{" APP ",\"events\":[{\"eventType\":\"DEVICE_COMMANDS_EVENT\","
            "\"deviceCommandsEvent\":{\"deviceId\":\"d\",\"externalId\":\"x\",\"commands\":[{\"componentId\":\"main\","
            "\"capability\":\"switch\",\"command\":\"on\",\"arguments\":[]},{\"componentId\":\"side\",\"capability\":"
            "\"switchLevel\",\"command\":\"setLevel\",\"arguments\":[40,2]}]}},{\"eventType\":\"TIMER_EVENT\","
            "\"timerEvent\":{}},{\"eventType\":\"DEVICE_LIFECYCLE_EVENT\",\"deviceLifecycleEvent\":{\"deviceId\":\"e\","
            "\"lifecycle\":\"DELETE\"}},{\"eventType\":\"WEATHER\"},{}]}}",
            &call),
        0);
    assert_int_equal(call.event_count, 5);
    assert_int_equal(call.events[0].kind, SMARTAPP_EVENT_COMMANDS);
    assert_int_equal(call.events[0].command_count, 2);
    assert_string_equal(call.events[0].external_id, "x");
    assert_string_equal(call.events[0].commands[0].capability, "st.switch");
    assert_string_equal(call.events[0].commands[1].component, "side");
    assert_int_equal((int)call.events[0].commands[1].arguments[0].number, 40);
    assert_int_equal(call.events[1].kind, SMARTAPP_EVENT_TIMER);
    assert_string_equal(call.events[2].lifecycle, "DELETE");
    assert_int_equal(call.events[3].kind, SMARTAPP_EVENT_OTHER);
    assert_int_equal(call.events[4].kind, SMARTAPP_EVENT_OTHER);
    smartapp_call_done(&call);
}

/* Twelve at once, the thirteenth a minute after the first, the fourteenth a minute after the second. */
static void test_pace(void **state)
{
    struct pace pace = {0};
    (void)state;
    for (uint64_t i = 0; i < PACE_LIMIT; i++) {
        assert_int_equal(pace_next(&pace), 0);
        pace_took(&pace, 1000 + i);
    }
    assert_int_equal(pace_next(&pace), 1000 + PACE_WINDOW_MS);
    pace_took(&pace, 1000 + PACE_WINDOW_MS);
    assert_int_equal(pace_next(&pace), 1001 + PACE_WINDOW_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lifecycles), cmocka_unit_test(test_refused), cmocka_unit_test(test_choice),
        cmocka_unit_test(test_events),     cmocka_unit_test(test_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
