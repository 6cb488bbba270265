/* What the SmartApp says, letter by letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/str.h"
#include "smartthings/smartapp_write.h"

static void assert_is(struct str *s, const char *expected)
{
    struct json *root = NULL;
    assert_string_equal(str_z(s), expected);
    assert_int_equal(json_parse(s->data, s->len, SIZE_MAX, &root, NULL), 0);
    json_free(root);
    str_clear(s);
}

static void test_answers(void **state)
{
    struct str s = STR_INIT;
    (void)state;
    smartapp_put_empty(&s, SMARTAPP_OAUTH_CALLBACK);
    assert_is(&s, "{\"oAuthCallbackData\":{}}");
    smartapp_put_empty(&s, SMARTAPP_INSTALL);
    assert_is(&s, "{\"installData\":{}}");
    smartapp_put_challenge(&s, "a\"b");
    assert_is(&s, "{\"pingData\":{\"challenge\":\"a\\\"b\"}}");
    smartapp_put_target(&s, "https://l.example/smartthings/smartapp");
    assert_is(&s, "{\"targetUrl\":\"https://l.example/smartthings/smartapp\"}");
    str_done(&s);
}

static void test_events(void **state)
{
    struct str s = STR_INIT;
    struct outbox_item item = {.health = OUTBOX_ONLINE};
    (void)state;
    item.state = (struct light_state){
        .has = LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR, .on = true, .level = 4200, .hue = 12000, .saturation = 5050};
    assert_int_equal(smartapp_put_events(&s, &item), 5);
    assert_is(&s,
              "{\"deviceEvents\":["
              "{\"component\":\"main\",\"capability\":\"healthCheck\",\"attribute\":\"healthStatus\",\"value\":"
              "\"online\"},"
              "{\"component\":\"main\",\"capability\":\"switch\",\"attribute\":\"switch\",\"value\":\"on\"},"
              "{\"component\":\"main\",\"capability\":\"switchLevel\",\"attribute\":\"level\",\"value\":42,\"unit\":"
              "\"%\"},"
              "{\"component\":\"main\",\"capability\":\"colorControl\",\"attribute\":\"hue\",\"value\":33.33},"
              "{\"component\":\"main\",\"capability\":\"colorControl\",\"attribute\":\"saturation\",\"value\":50.5}]}");
    item = (struct outbox_item){.health = OUTBOX_OFFLINE};
    assert_int_equal(smartapp_put_events(&s, &item), 1);
    assert_non_null(strstr(str_z(&s), "\"value\":\"offline\""));
    str_done(&s);
}

static void test_devices(void **state)
{
    struct str s = STR_INIT;
    (void)state;
    smartapp_put_device(&s, "Lamp", "L", "P", "A", "x");
    assert_is(&s, "{\"label\":\"Lamp\",\"locationId\":\"L\",\"app\":{\"profileId\":\"P\",\"installedAppId\":\"A\","
                  "\"externalId\":\"x\"}}");
    smartapp_put_profile(&s, SMARTAPP_PROFILE_DIMMER);
    assert_is(&s, "{\"name\":\"lightbridge dimmer\",\"components\":[{\"id\":\"main\",\"capabilities\":["
                  "{\"id\":\"switch\",\"version\":1},{\"id\":\"switchLevel\",\"version\":1},"
                  "{\"id\":\"healthCheck\",\"version\":1},{\"id\":\"refresh\",\"version\":1}],"
                  "\"categories\":[{\"name\":\"Light\"}]}]}");
    str_done(&s);
}

/* The largest whose controls all work. */
static void test_profiles(void **state)
{
    static const struct {
        uint32_t can;
        enum smartapp_profile profile;
    } rows[] = {
        {LIGHT_ALL, SMARTAPP_PROFILE_COLOR_TEMPERATURE_AND_COLOR},
        {LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR, SMARTAPP_PROFILE_COLOR},
        {LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN, SMARTAPP_PROFILE_COLOR_TEMPERATURE},
        {LIGHT_LEVEL, SMARTAPP_PROFILE_DIMMER},
        {LIGHT_ON | LIGHT_KELVIN, SMARTAPP_PROFILE_SWITCH},
        {LIGHT_ON, SMARTAPP_PROFILE_SWITCH},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(smartapp_profile_of(&(struct light_profile){.can = rows[i].can}), rows[i].profile);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
