/* Golden texts: what goes out, byte for byte (facts 1.2 to 1.8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "smartthings/device.h"
#include "smartthings/schema_write.h"

#define HEAD(type)                                                                                                     \
    "{\"headers\":{\"schema\":\"st-schema\",\"version\":\"1.0\",\"interactionType\":\"" type "\",\"requestId\":\"R\"}"
#define STATE(capability, attribute, value)                                                                            \
    "{\"component\":\"main\",\"capability\":\"st." capability "\",\"attribute\":\"" attribute "\",\"value\":" value

static void check(struct str *s, const char *expected)
{
    struct json *root = NULL;
    assert_string_equal(str_z(s), expected);
    assert_int_equal(json_parse(s->data, s->len, s->len, &root, NULL), 0);
    json_free(root);
    str_done(s);
}

static void test_global_error(void **state)
{
    struct str s = STR_INIT;
    (void)state;
    schema_global_error(&s, "discoveryResponse", "R", GLOBAL_TOKEN_EXPIRED, "the access token has expired");
    check(
        &s,
        HEAD("discoveryResponse") ",\"globalError\":{\"errorEnum\":\"TOKEN-EXPIRED\",\"detail\":\"the access token has "
                                  "expired\"}}");
    /* nothing of the request could be read; what is echoed is escaped */
    schema_global_error(&s, NULL, NULL, GLOBAL_BAD_REQUEST, "x");
    check(&s,
          "{\"headers\":{\"schema\":\"st-schema\",\"version\":\"1.0\"},\"globalError\":{\"errorEnum\":\"BAD-REQUEST\","
          "\"detail\":\"x\"}}");
    schema_global_error(&s, "a\"b", "R", GLOBAL_INVALID_INTERACTION_TYPE, "x");
    check(&s, "{\"headers\":{\"schema\":\"st-schema\",\"version\":\"1.0\",\"interactionType\":\"a\\\"b\",\"requestId\":"
              "\"R\"},"
              "\"globalError\":{\"errorEnum\":\"INVALID-INTERACTION-TYPE\",\"detail\":\"x\"}}");
}

static void test_states(void **state)
{
    const struct light_state color = {.has = LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR,
                                      .on = true,
                                      .level = 5649,
                                      .hue = 12060, /* 33.5 % of the circle */
                                      .saturation = 10000};
    const struct light_state white = {.has = LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN, .level = 20, .kelvin = 2703};
    const struct light_state nothing = {0};
    struct str s = STR_INIT;
    bool first = true;
    (void)state;
    schema_begin(&s, "stateCallback", "R", "tok\"en");
    schema_begin_states(&s);
    schema_device_state(&s, &first, "A", &color, true, INT64_C(1633318280000));
    schema_device_state(&s, &first, "B", &white, false, 0);
    schema_device_state(&s, &first, "C", &nothing, true, 0);
    schema_device_error(&s, &first, "D", DEVICE_DELETED, "gone");
    schema_end_states(&s);
#define AT ",\"timestamp\":1633318280000}"
    check(
        &s,
        HEAD("stateCallback") ",\"authentication\":{\"tokenType\":\"Bearer\",\"token\":\"tok\\\"en\"},\"deviceState\":["
                              "{\"externalDeviceId\":\"A\",\"states\":[" STATE("healthCheck", "healthStatus",
                                                                               "\"online\"") AT
        "," STATE("switch", "switch", "\"on\"") AT
        "," STATE("switchLevel", "level", "56") ",\"unit\":\"%\"" AT "," STATE("colorControl", "hue", "33.5") AT
        "," STATE("colorControl", "saturation", "100") AT
        "]},"
        "{\"externalDeviceId\":\"B\",\"states\":[" STATE("healthCheck", "healthStatus", "\"offline\"") "}," STATE(
            "switch", "switch",
            "\"off\"") "}," STATE("switchLevel", "level",
                                  "1") ",\"unit\":\"%\"}," STATE("colorTemperature", "colorTemperature",
                                                                 "2703") ",\"unit\":\"K\"}]},"
                                                                         "{\"externalDeviceId\":\"C\",\"states\":"
                                                                         "[" STATE(
                                                                             "healthCheck", "healthStatus",
                                                                             "\"online\"") "}]},"
                                                                                           "{\"externalDeviceId\":"
                                                                                           "\"D\",\"deviceError\":[{"
                                                                                           "\"errorEnum\":\"DEVICE-"
                                                                                           "DELETED\",\"detail\":"
                                                                                           "\"gone\"}]}]}");
}

static void test_levels(void **state)
{
    (void)state;
    for (int percent = 0; percent <= 100; percent++) {
        assert_int_equal(schema_level((uint16_t)(percent * 100)), percent);
    }
    assert_int_equal(schema_level(1), 1); /* dim is not off */
    assert_int_equal(schema_level(9999), 100);
}

static void test_token_requests(void **state)
{
    struct str s = STR_INIT;
    (void)state;
    schema_token_request(&s, "R", false, "the code", "id", "secret");
    check(&s,
          HEAD("accessTokenRequest") ",\"callbackAuthentication\":{\"grantType\":\"authorization_code\",\"code\":\"the "
                                     "code\",\"clientId\":\"id\",\"clientSecret\":\"secret\"}}");
    schema_token_request(&s, "R", true, "the token", "id", "secret");
    check(&s,
          HEAD("refreshAccessTokens") ",\"callbackAuthentication\":{\"grantType\":\"refresh_token\",\"refreshToken\":"
                                      "\"the token\",\"clientId\":\"id\",\"clientSecret\":\"secret\"}}");
}

static void test_describe(void **state)
{
    struct light_info info = {.id = "ID",
                              .name = "Kitchen \"lamp\"",
                              .room = "Kitchen",
                              .manufacturer = "IKEA",
                              .model = "LED1836G9",
                              .version = "2.3.087",
                              .profile = {LIGHT_ON | LIGHT_LEVEL, 0, 0, LIGHT_KIND_LIGHT}};
    struct str s = STR_INIT;
    (void)state;
    device_describe(&s, &info);
    check(&s,
          "{\"externalDeviceId\":\"ID\",\"friendlyName\":\"Kitchen \\\"lamp\\\"\",\"deviceHandlerType\":\"c2c-dimmer\","
          "\"manufacturerInfo\":{\"manufacturerName\":\"IKEA\",\"modelName\":\"LED1836G9\",\"swVersion\":\"2.3.087\"},"
          "\"deviceContext\":{\"roomName\":\"Kitchen\",\"categories\":[\"light\"]}}");
    info.manufacturer = info.model = info.version = info.room = "";
    info.profile = (struct light_profile){LIGHT_ON, 0, 0, LIGHT_KIND_SWITCH};
    device_describe(&s, &info);
    check(&s,
          "{\"externalDeviceId\":\"ID\",\"friendlyName\":\"Kitchen \\\"lamp\\\"\",\"deviceHandlerType\":\"c2c-switch\","
          "\"manufacturerInfo\":{\"manufacturerName\":\"lightbridge\",\"modelName\":\"light\"},"
          "\"deviceContext\":{\"categories\":[\"switch\"]}}");
    char name[201]; /* 100 characters of two bytes are kept whole */
    for (int i = 0; i < 100; i++) {
        memcpy(name + 2 * i, "\xc3\xa4", 2);
    }
    name[200] = '\0';
    info.name = name;
    device_describe(&s, &info);
    assert_non_null(strstr(str_z(&s), name));
    str_done(&s);
}

static void test_handler_types(void **state)
{
    static const struct {
        uint32_t can;
        const char *type;
    } rows[] = {
        {LIGHT_ON, "c2c-switch"},
        {LIGHT_ON | LIGHT_LEVEL, "c2c-dimmer"},
        {LIGHT_LEVEL, "c2c-dimmer"}, /* switched by its level */
        {LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN, "c2c-color-temperature-bulb"},
        {LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR, "c2c-rgb-color-bulb"},
        {LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR | LIGHT_KELVIN | LIGHT_MODE, "c2c-rgbw-color-bulb"},
        /* none fits: the largest whose controls all work */
        {LIGHT_ON | LIGHT_COLOR, "c2c-switch"},
        {LIGHT_ON | LIGHT_KELVIN, "c2c-switch"},
        {LIGHT_ON | LIGHT_LEVEL | LIGHT_HUE, "c2c-dimmer"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct light_profile profile = {.can = rows[i].can};
        assert_string_equal(device_handler_type(&profile), rows[i].type);
    }
}

static void test_view(void **state)
{
    const struct light_profile rgbw = {LIGHT_ALL, 2000, 6500, LIGHT_KIND_LIGHT}, dimmer = {LIGHT_LEVEL, 0, 0, 0};
    struct light_state all = {.has = LIGHT_ALL, .on = true, .mode = LIGHT_MODE_WHITE, .level = 1, .kelvin = 2700}, view;
    (void)state;
    device_view(&all, &rgbw, &view);
    assert_int_equal(view.has, LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN | LIGHT_MODE);
    all.mode = LIGHT_MODE_COLOR;
    device_view(&all, &rgbw, &view);
    assert_int_equal(view.has, LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR | LIGHT_MODE);
    const struct light_state level = {.has = LIGHT_LEVEL, .level = 0};
    device_view(&level, &dimmer, &view);
    assert_int_equal(view.has, LIGHT_ON | LIGHT_LEVEL);
    assert_false(view.on);
}

/* ---- commands ---- */

static struct schema_argument number(double value)
{
    return (struct schema_argument){SCHEMA_NUMBER, value == (double)(long)value, value, NULL};
}

static enum device_error order(struct device_order *o, uint32_t can, const char *capability, const char *command,
                               const struct schema_argument *argument)
{
    const struct light_profile profile = {.can = can};
    struct interaction_command c = {.component = "main", .capability = capability, .command = command};
    const char *why = NULL;
    if (argument) {
        c.arguments[0] = *argument;
        c.argument_count = 1;
    }
    enum device_error error = device_order_add(o, &c, &profile, &why);
    assert_true(error == DEVICE_OK || why);
    return error;
}

static void test_commands(void **state)
{
    static const struct {
        uint32_t can;
        const char *capability, *command;
        double argument; /* -1: none */
        enum device_error error;
    } rows[] = {
        {LIGHT_ON, "st.switch", "on", -1, DEVICE_OK},
        {LIGHT_LEVEL, "st.switch", "off", -1, DEVICE_OK},
        {LIGHT_ON, "st.switch", "toggle", -1, DEVICE_CAPABILITY_NOT_SUPPORTED},
        {LIGHT_ON, "switch", "on", -1, DEVICE_CAPABILITY_NOT_SUPPORTED},
        {LIGHT_ON, "st.lock", "lock", -1, DEVICE_CAPABILITY_NOT_SUPPORTED},
        {LIGHT_ON, "st.switchLevel", "setLevel", 50, DEVICE_CAPABILITY_NOT_SUPPORTED},
        {LIGHT_LEVEL, "st.switchLevel", "setLevel", 0, DEVICE_OK},
        {LIGHT_LEVEL, "st.switchLevel", "setLevel", 100, DEVICE_OK},
        {LIGHT_LEVEL, "st.switchLevel", "setLevel", 101, DEVICE_RESOURCE_CONSTRAINT_VIOLATION},
        {LIGHT_LEVEL, "st.switchLevel", "setLevel", -2, DEVICE_RESOURCE_CONSTRAINT_VIOLATION},
        {LIGHT_LEVEL, "st.switchLevel", "setLevel", 50.5, DEVICE_RESOURCE_CONSTRAINT_VIOLATION},
        {LIGHT_LEVEL, "st.switchLevel", "setLevel", -1, DEVICE_RESOURCE_CONSTRAINT_VIOLATION},
        {LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN, "st.colorTemperature", "setColorTemperature", 30000, DEVICE_OK},
        {LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN, "st.colorTemperature", "setColorTemperature", 30001,
         DEVICE_RESOURCE_CONSTRAINT_VIOLATION},
        {LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN, "st.colorTemperature", "setColorTemperature", 0,
         DEVICE_RESOURCE_CONSTRAINT_VIOLATION},
        {LIGHT_COLOR, "st.colorControl", "setHue", 99.5, DEVICE_OK},
        {LIGHT_COLOR, "st.colorControl", "setHue", 100.5, DEVICE_RESOURCE_CONSTRAINT_VIOLATION},
        {LIGHT_COLOR, "st.colorControl", "setSaturation", 100, DEVICE_OK},
        {LIGHT_COLOR, "st.colorControl", "setColor", 5, DEVICE_RESOURCE_CONSTRAINT_VIOLATION},
        {LIGHT_ON, "st.refresh", "refresh", -1, DEVICE_OK},
        {LIGHT_ON, "st.healthCheck", "ping", -1, DEVICE_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct device_order o = {0};
        struct schema_argument a = number(rows[i].argument);
        enum device_error e =
            order(&o, rows[i].can, rows[i].capability, rows[i].command, rows[i].argument == -1 ? NULL : &a);
        if (e != rows[i].error) {
            fail_msg("%s %s %g: %s", rows[i].capability, rows[i].command, rows[i].argument, device_error_text(e));
        }
    }
}

static void test_command_values(void **state)
{
    struct device_order o = {0};
    struct schema_argument a = number(56);
    const char *why = NULL;
    (void)state;
    assert_int_equal(order(&o, LIGHT_ALL, "st.switchLevel", "setLevel", &a), DEVICE_OK);
    assert_int_equal(o.patch.level, 5600);
    assert_int_equal(order(&o, LIGHT_ALL, "st.switch", "on", NULL), DEVICE_OK);
    assert_int_equal(o.patch.has & (LIGHT_ON | LIGHT_LEVEL), LIGHT_ON | LIGHT_LEVEL);
    a = number(2700);
    assert_int_equal(order(&o, LIGHT_ALL, "st.colorTemperature", "setColorTemperature", &a), DEVICE_OK);
    assert_int_equal(o.patch.kelvin, 2700);
    /* colour set later wins over white; hue 100 is 0 again; a level that the lamp has not is tolerated */
    const struct light_profile color = {.can = LIGHT_ON | LIGHT_COLOR};
    struct interaction_command c = {
        .component = "main",
        .capability = "st.colorControl",
        .command = "setColor",
        .arguments = {{.kind = SCHEMA_OBJECT}},
        .argument_count = 1,
        .color = {SCHEMA_HAS_HUE | SCHEMA_HAS_SATURATION | SCHEMA_HAS_LEVEL, 100, 25, 40, "off", NULL}};
    o = (struct device_order){0};
    assert_int_equal(device_order_add(&o, &c, &color, &why), DEVICE_OK);
    assert_int_equal(o.patch.has & ~(uint32_t)LIGHT_MODE, LIGHT_ON | LIGHT_COLOR);
    assert_false(o.patch.on);
    assert_int_equal(o.patch.hue, 0);
    assert_int_equal(o.patch.saturation, 2500);
    c.color = (struct schema_color){.hex = "#00ff00"};
    assert_int_equal(device_order_add(&o, &c, &color, &why), DEVICE_OK);
    assert_int_equal(o.patch.hue, 12000);
    c.color.hex = "#00ff0";
    assert_int_equal(device_order_add(&o, &c, &color, &why), DEVICE_RESOURCE_CONSTRAINT_VIOLATION);
    c.component = "outlet2";
    assert_int_equal(device_order_add(&o, &c, &color, &why), DEVICE_CAPABILITY_NOT_SUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_global_error),   cmocka_unit_test(test_states),   cmocka_unit_test(test_levels),
        cmocka_unit_test(test_token_requests), cmocka_unit_test(test_describe), cmocka_unit_test(test_handler_types),
        cmocka_unit_test(test_view),           cmocka_unit_test(test_commands), cmocka_unit_test(test_command_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
