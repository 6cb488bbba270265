/* What SmartThings takes and what it does not, and the picture that it has afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"
#include "rehearsal/judge.h"

#define HEADERS(type)                                                                                                  \
    "{\"headers\":{\"schema\":\"st-schema\",\"version\":\"1.0\",\"interactionType\":\"" type "\",\"requestId\":\"R-"   \
    "1\"}"
#define DEVICE(id, name, type)                                                                                         \
    "{\"externalDeviceId\":\"" id "\",\"friendlyName\":\"" name "\",\"deviceHandlerType\":\"" type                     \
    "\",\"manufacturerInfo\":{\"manufacturerName\":\"m\",\"modelName\":\"n\"}}"
#define STATE(capability, attribute, value)                                                                            \
    "{\"component\":\"main\",\"capability\":\"" capability "\",\"attribute\":\"" attribute "\",\"value\":" value "}"
#define ONLINE STATE("st.healthCheck", "healthStatus", "\"online\"")
#define ENTRY(id, states) "[{\"externalDeviceId\":\"" id "\",\"states\":[" states "]}]"

static struct json *parse(const char *text)
{
    struct json *root = NULL;
    struct json_error error = {0};
    if (json_parse(text, strlen(text), strlen(text), &root, &error) != 0) {
        fail_msg("%s: %s", text, error.what);
    }
    return root;
}

static void test_parse(void **state)
{
    static const char *const rows[] = {"", "[]", "\"x\"", "{\"a\":1,\"a\":2}", "{} x", "{\"a\":01}"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json *root = NULL;
        struct str why = STR_INIT;
        assert_int_equal(judge_parse(rows[i], strlen(rows[i]), &root, &why), ERR_INVALID);
        assert_true(why.len > 0);
        assert_null(root);
        str_done(&why);
    }
}

static void test_answers(void **state)
{
    static const struct {
        const char *text;
        int result;
        const char *why;
    } rows[] = {
        {HEADERS("discoveryResponse") "}", 0, ""},
        {HEADERS("stateRefreshResponse") "}", ERR_INVALID, "interactionType is stateRefreshResponse"},
        {"{}", ERR_INVALID, "headers is missing"},
        {"{\"headers\":[]}", ERR_INVALID, "headers is no object"},
        {"{\"headers\":{\"schema\":\"st\",\"version\":\"1.0\",\"interactionType\":\"discoveryResponse\",\"requestId\":"
         "\"R-1\"}}",
         ERR_INVALID, "headers.schema is st"},
        {"{\"headers\":{\"schema\":\"st-schema\",\"interactionType\":\"discoveryResponse\",\"requestId\":\"R-1\"}}",
         ERR_INVALID, "version is missing"},
        {"{\"headers\":{\"schema\":\"st-schema\",\"version\":\"1.0\",\"interactionType\":\"discoveryResponse\","
         "\"requestId\":\"R-2\"}}",
         ERR_INVALID, "requestId is R-2, not R-1"},
        {HEADERS("discoveryResponse") ",\"globalError\":{\"errorEnum\":\"TOKEN-EXPIRED\",\"detail\":\"old\"}}",
         ERR_EXPIRED, "TOKEN-EXPIRED: old"},
        {HEADERS("x") ",\"globalError\":{\"errorEnum\":\"BAD-REQUEST\"}}", ERR_REJECTED, "BAD-REQUEST: no detail"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json *root = parse(rows[i].text);
        struct str why = STR_INIT;
        assert_int_equal(judge_answer(root, "discoveryResponse", "R-1", &why), rows[i].result);
        assert_non_null(strstr(str_z(&why), rows[i].why));
        str_done(&why);
        json_free(root);
    }
}

static void test_devices(void **state)
{
    static const struct {
        const char *text, *why; /* "" is good */
    } rows[] = {
        {"[]", ""},
        {"[" DEVICE("a", "A", "c2c-dimmer") "," DEVICE("b", "A", "c2c-rgbw-color-bulb") "]", ""},
        {"[" DEVICE("a", "A", "12345678-90ab-cdef-0123-456789abcdef") "]", ""},
        {"[" DEVICE("a", "A", "c2c-color-bulb") "]", "c2c-color-bulb, which SmartThings does not have"},
        {"[" DEVICE("a", "A", "c2c-dimmer") "," DEVICE("a", "B", "c2c-dimmer") "]", "listed twice"},
        {"[" DEVICE("", "A", "c2c-dimmer") "]", "externalDeviceId is empty"},
        {"[" DEVICE("a", "", "c2c-dimmer") "]", "friendlyName is empty"},
        {"[{\"externalDeviceId\":1}]", "externalDeviceId is no text"},
        {"[{\"externalDeviceId\":\"a\",\"friendlyName\":\"A\",\"deviceHandlerType\":\"c2c-switch\"}]",
         "manufacturerInfo is missing"},
        {"[{\"externalDeviceId\":\"a\",\"friendlyName\":\"A\",\"deviceHandlerType\":\"c2c-switch\","
         "\"manufacturerInfo\":{\"modelName\":\"n\"}}]",
         "manufacturerName is missing"},
        {"[{\"externalDeviceId\":\"a\",\"friendlyName\":\"A\",\"deviceHandlerType\":\"c2c-switch\","
         "\"manufacturerInfo\":{\"manufacturerName\":\"m\",\"modelName\":\"n\"},\"deviceContext\":{\"categories\":[1]}}"
         "]",
         "categories holds something else"},
        {"[{\"externalDeviceId\":\"a\",\"friendlyName\":\"A\",\"deviceHandlerType\":\"c2c-switch\","
         "\"manufacturerInfo\":{\"manufacturerName\":\"m\",\"modelName\":\"n\"},\"deviceContext\":{\"roomName\":\"\"}}"
         "]",
         "roomName is empty"},
        {"[1]", "devices[0] is no object"},
        {"{}", "devices is no array"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json *root = parse(rows[i].text);
        struct str why = STR_INIT;
        assert_int_equal(judge_devices(root, &why), rows[i].why[0] ? ERR_INVALID : 0);
        assert_non_null(strstr(str_z(&why), rows[i].why));
        str_done(&why);
        json_free(root);
    }
    struct str why = STR_INIT;
    assert_int_equal(judge_devices(NULL, &why), ERR_INVALID);
    str_done(&why);
}

static void take_house(struct house *house, const char *devices, struct str *news)
{
    struct json *root = parse(devices);
    house_take_devices(house, root, news);
    json_free(root);
}

#define HOUSE "[" DEVICE("b", "Hall", "c2c-switch") "," DEVICE("a", "Kitchen", "c2c-color-temperature-bulb") "]"

static void test_states(void **state)
{
    static const struct {
        const char *text;
        bool answer; /* Kitchen (a) alone was asked for */
        const char *why;
    } rows[] = {
        {ENTRY("a", ONLINE), true, ""},
        {ENTRY("a", ONLINE "," STATE("st.switchLevel", "level", "0")), true, ""},
        {ENTRY("a", ONLINE "," STATE("st.powerMeter", "power", "1.5")), true, ""},
        {ENTRY("a", STATE("st.switch", "switch", "\"on\"")), true, "healthStatus is missing"},
        {ENTRY("a", ONLINE "," STATE("switch", "switch", "\"on\"")), true, "lacks its st. prefix"},
        {ENTRY("a", ONLINE "," STATE("st.switch", "switch", "true")), true, "switch is no text, not on or off"},
        {ENTRY("a", ONLINE "," STATE("st.switch", "switch", "\"ON\"")), true, "switch is ON"},
        {ENTRY("a", ONLINE "," STATE("st.switchLevel", "level", "\"40\"")), true, "level is no number"},
        {ENTRY("a", ONLINE "," STATE("st.switchLevel", "level", "40.5")), true, "level is 40.5, not a whole number"},
        {ENTRY("a", ONLINE "," STATE("st.switchLevel", "level", "101")), true, "level is 101"},
        {ENTRY("a", ONLINE "," STATE("st.colorTemperature", "colorTemperature", "0")), true, "colorTemperature is 0"},
        {ENTRY("a", ONLINE "," STATE("st.colorControl", "hue", "1")), true, "handler type has none"},
        {"[{\"externalDeviceId\":\"a\",\"states\":[{\"component\":\"main\",\"capability\":\"st.switch\",\"attribute\":"
         "\"switch\",\"value\":\"on\",\"timestamp\":1600000000}]}]",
         true, "no time in milliseconds"},
        {"[{\"externalDeviceId\":\"a\"}]", true, "neither states nor deviceError"},
        {"[{\"externalDeviceId\":\"a\",\"states\":[" ONLINE "],\"deviceError\":[]}]", true, "at once"},
        {"[{\"externalDeviceId\":\"a\",\"deviceError\":[{\"errorEnum\":\"DEVICE-UNAVAILABLE\",\"detail\":\"x\"}]}]",
         true, ""},
        {"[{\"externalDeviceId\":\"a\",\"deviceError\":[{\"errorEnum\":\"NO\",\"detail\":\"x\"}]}]", true,
         "errorEnum is NO"},
        {"[{\"externalDeviceId\":\"a\",\"deviceError\":[]}]", true, "no list of errors"},
        {"[]", true, "nothing of Kitchen"},
        {"[]", false, ""}, /* a callback tells what it likes */
        {ENTRY("b", ONLINE), true, "tells of b, which was not asked for"},
        {ENTRY("b", ONLINE), false, ""},
        {ENTRY("c", ONLINE), false, ""}, /* SmartThings does not know it, and passes over it */
        {"[{\"externalDeviceId\":\"a\",\"states\":[" ONLINE "]},{\"externalDeviceId\":\"a\",\"states\":[" ONLINE "]}]",
         false, "Kitchen twice"},
        {"{}", false, "deviceState is no array"},
    };
    struct house house = {0};
    struct str news = STR_INIT;
    (void)state;
    take_house(&house, HOUSE, &news);
    house_find(&house, "a")->asked = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json *root = parse(rows[i].text);
        struct str why = STR_INIT;
        int err = judge_states(root, &house, rows[i].answer, &why);
        if (err != (rows[i].why[0] ? ERR_INVALID : 0) || !strstr(str_z(&why), rows[i].why)) {
            fail_msg("%s: %d \"%s\", not \"%s\"", rows[i].text, err, str_z(&why), rows[i].why);
        }
        str_done(&why);
        json_free(root);
    }
    str_done(&news);
    house_done(&house);
}

static void take_states(struct house *house, const char *states, struct str *news)
{
    struct json *root = parse(states);
    str_clear(news);
    house_take_states(house, root, news);
    json_free(root);
}

static void test_picture(void **state)
{
    struct house house = {0};
    struct str news = STR_INIT;
    (void)state;
    take_house(&house, HOUSE, &news);
    assert_string_equal(str_z(&news), "Hall: new; Kitchen: new");
    take_states(&house,
                ENTRY("a", ONLINE "," STATE("st.switch", "switch", "\"on\"") "," STATE("st.switchLevel", "level", "0")),
                &news);
    assert_string_equal(str_z(&news), "Kitchen: on, 0 %");
    take_states(&house, ENTRY("a", STATE("st.healthCheck", "healthStatus", "\"offline\"")), &news);
    assert_string_equal(str_z(&news), "Kitchen: offline");
    take_states(&house, ENTRY("a", ONLINE), &news);
    assert_string_equal(str_z(&news), "Kitchen: online");
    take_states(&house,
                "[{\"externalDeviceId\":\"a\",\"deviceError\":[{\"errorEnum\":\"DEVICE-DELETED\",\"detail\":\"x\"}]}]",
                &news);
    assert_string_equal(house_find(&house, "a")->error, "DEVICE-DELETED: x");
    /* what is known of a device stays when the list comes again; who is not on it is gone */
    str_clear(&news);
    take_house(&house, "[" DEVICE("a", "K\303\274che", "c2c-color-temperature-bulb") "]", &news);
    assert_string_equal(str_z(&news), "K\303\274che: changed; Hall: gone");
    assert_int_equal(house.count, 1);
    assert_int_equal((int)house_find(&house, "a")->value[REHEARSAL_SWITCH], 1);
    assert_ptr_equal(house_find_named(&house, "K\303\274che"), house_find_named(&house, "a"));
    assert_null(house_find(&house, "b"));
    str_done(&news);
    house_done(&house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),  cmocka_unit_test(test_answers), cmocka_unit_test(test_devices),
        cmocka_unit_test(test_states), cmocka_unit_test(test_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
