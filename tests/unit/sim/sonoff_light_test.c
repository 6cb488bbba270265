/* What a simulated module does with a command, by table: what it says must be what the firmware says. Rows are those of
   Tasmota's documentation (Commands, Lights) and of its source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "sim/sonoff_light.h"

static void take(void *user, enum sonoff_prefix prefix, const char *subtopic, const char *text)
{
    static const char *const prefixes[] = {"cmnd", "stat", "tele"};
    struct str *s = user;
    str_printf(s, "%s%s/%s=%s", s->len > 0 ? " " : "", prefixes[prefix], subtopic, text);
}

static const struct {
    const char *kind;
    struct sonoff_settings settings;
    const char *before, *command, *argument; /* `before`: a backlog whose answers are not looked at */
    const char *said;
} rows[] = {
    {"relay", {0}, "", "POWER", "ON", "stat/RESULT={\"POWER\":\"ON\"} stat/POWER=ON"},
    {"relay", {.index = true}, "", "power1", "toggle", "stat/RESULT={\"POWER1\":\"ON\"} stat/POWER1=ON"},
    {"relay", {.json_only = true}, "", "POWER", "1", "stat/RESULT={\"POWER\":\"ON\"}"},
    {"relay", {.by_command = true}, "", "POWER", "1", "stat/POWER={\"POWER\":\"ON\"} stat/POWER=ON"},
    {"relay", {.on = "an", .off = "aus"}, "", "POWER", "1", "stat/RESULT={\"POWER\":\"an\"} stat/POWER=an"},
    {"relay", {0}, "", "POWER", "", "stat/RESULT={\"POWER\":\"OFF\"} stat/POWER=OFF"},
    {"relays", {0}, "", "POWER2", "1", "stat/RESULT={\"POWER2\":\"ON\"} stat/POWER2=ON"},
    {"relay", {0}, "", "Dimmer", "50", "stat/RESULT={\"Command\":\"Unknown\"}"},
    {"dimmer", {0}, "", "Dimmer", "50", "stat/RESULT={\"POWER\":\"ON\",\"Dimmer\":50}"},
    {"dimmer", {0}, "", "Dimmer", "", "stat/RESULT={\"Dimmer\":100}"},
    {"dimmer", {.by_command = true}, "", "Dimmer", "50", "stat/DIMMER={\"POWER\":\"ON\",\"Dimmer\":50}"},
    {"dimmer", {.power_apart = true}, "", "Dimmer", "50", "stat/RESULT={\"POWER\":\"OFF\",\"Dimmer\":50}"},
    {"dimmer", {0}, "Dimmer 50", "Dimmer", "0", "stat/RESULT={\"POWER\":\"OFF\",\"Dimmer\":0}"},
    {"dimmer", {0}, "Dimmer 50", "POWER", "0", "stat/RESULT={\"POWER\":\"OFF\"} stat/POWER=OFF"},
    {"relay-dimmer", {0}, "", "Dimmer", "1", "stat/RESULT={\"POWER2\":\"ON\",\"Dimmer\":1}"},
    {"dimmer",
     {0},
     "",
     "Backlog0",
     "Fade2 1;Speed2 4;Dimmer 50",
     "stat/RESULT={\"Fade\":\"OFF\"} stat/RESULT={\"Speed2\":4} stat/RESULT={\"POWER\":\"ON\",\"Dimmer\":50}"},
    {"tuya", {0}, "", "Dimmer3", "20", "stat/RESULT={\"POWER\":\"ON\",\"Dimmer\":20}"},
    {"ct",
     {0},
     "",
     "CT",
     "153",
     "stat/RESULT={\"POWER\":\"ON\",\"Dimmer\":100,\"Color\":\"FF00\",\"White\":100,\"CT\":153,\"Channel\":[100,0]}"},
    {"ct",
     {.decimal = true},
     "",
     "CT",
     "500",
     "stat/RESULT={\"POWER\":\"ON\",\"Dimmer\":100,\"Color\":\"0,255\",\"White\":100,\"CT\":500,\"Channel\":[0,100]}"},
    {"ct", {0}, "", "CT", "9", "stat/RESULT={\"CT\":250}"},
    {"rgb",
     {0},
     "",
     "HSBColor",
     "120,100,50",
     "stat/"
     "RESULT={\"POWER\":\"ON\",\"Dimmer\":50,\"Color\":\"008000\",\"HSBColor\":\"120,100,50\",\"Channel\":[0,50,0]}"},
    {"rgb",
     {0},
     "HSBColor 120,100,50",
     "HSBColor1",
     "240",
     "stat/"
     "RESULT={\"POWER\":\"ON\",\"Dimmer\":50,\"Color\":\"000080\",\"HSBColor\":\"240,100,50\",\"Channel\":[0,0,50]}"},
    {"rgb",
     {0},
     "Dimmer 50",
     "Color2",
     "0,0,255",
     "stat/"
     "RESULT={\"POWER\":\"ON\",\"Dimmer\":50,\"Color\":\"000080\",\"HSBColor\":\"240,100,50\",\"Channel\":[0,0,50]}"},
    /* linked: of colour and white one is lit, with the brightness that the other had */
    {"rgbcw",
     {0},
     "Dimmer 40",
     "HSBColor1",
     "0",
     "stat/"
     "RESULT={\"POWER\":\"ON\",\"Dimmer\":40,\"Color\":\"6600000000\",\"HSBColor\":\"0,100,40\",\"White\":0,\"CT\":250,"
     "\"Channel\":[40,0,0,0,0]}"},
    {"rgbcw",
     {0},
     "HSBColor 0,100,40",
     "CT",
     "153",
     "stat/"
     "RESULT={\"POWER\":\"ON\",\"Dimmer\":40,\"Color\":\"0000006600\",\"HSBColor\":\"0,100,0\",\"White\":40,\"CT\":153,"
     "\"Channel\":[0,0,0,40,0]}"},
    {"rgbw",
     {0},
     "HSBColor 0,100,40",
     "White",
     "30",
     "stat/"
     "RESULT={\"POWER\":\"ON\",\"Dimmer\":30,\"Color\":\"0000004D\",\"HSBColor\":\"0,100,0\",\"White\":30,\"Channel\":["
     "0,0,"
     "0,30]}"},
    /* split: each has its own */
    {"rgbw-split",
     {0},
     "",
     "Dimmer2",
     "30",
     "stat/RESULT={\"POWER1\":\"OFF\",\"Dimmer1\":100,\"POWER2\":\"ON\",\"Dimmer2\":30,\"Color\":\"FF00004D\","
     "\"HSBColor\":\"0,100,100\",\"White\":30,\"Channel\":[100,0,0,30]}"},
    {"channels",
     {0},
     "POWER2 0",
     "Channel3",
     "20",
     "stat/"
     "RESULT={\"POWER2\":\"OFF\",\"Channel2\":100,\"POWER3\":\"ON\",\"Channel3\":20,\"POWER4\":\"OFF\",\"Channel4\":"
     "100,"
     "\"Color\":\"FF33FF\"}"},
    {"sensor", {0}, "", "POWER", "1", "stat/RESULT={\"Command\":\"Unknown\"}"},
};

static void says_what_the_firmware_says(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sonoff_light light;
        struct str said = STR_INIT;
        const struct sonoff_kind *kind = sonoff_kind_find(rows[i].kind);
        assert_non_null(kind);
        sonoff_light_init(&light, kind, &rows[i].settings);
        sonoff_obey(&light, "Backlog0", rows[i].before, take, &said);
        str_clear(&said);
        sonoff_obey(&light, rows[i].command, rows[i].argument, take, &said);
        if (strcmp(str_z(&said), rows[i].said) != 0) {
            fail_msg("%s %s %s\n  says   %s\n  should %s", rows[i].kind, rows[i].command, rows[i].argument,
                     str_z(&said), rows[i].said);
        }
        str_done(&said);
    }
}

static void says_more_with_settings(void **unused)
{
    (void)unused;
    struct sonoff_light light;
    struct str said = STR_INIT;
    sonoff_light_init(&light, sonoff_kind_find("dimmer"), &(struct sonoff_settings){.tele_too = true});
    sonoff_obey(&light, "Dimmer", "10", take, &said);
    assert_non_null(strstr(said.data, "tele/STATE={\"Time\""));
    assert_non_null(strstr(said.data, "\"POWER\":\"ON\",\"Dimmer\":10,\"Fade\":\"OFF\",\"Speed\":1"));
    assert_non_null(strstr(said.data, " stat/RESULT={\"POWER\":\"ON\",\"Dimmer\":10}"));
    str_clear(&said);
    sonoff_obey(&light, "STATUS", "11", take, &said);
    assert_non_null(strstr(said.data, "stat/STATUS11={\"StatusSTS\":{\"Time\""));
    str_done(&said);
}

static const struct {
    bool fixed;
    const char *backlog;
    unsigned ms;
} fades[] = {
    {false, "Dimmer 100", 0},
    {false, "Speed2 4;Dimmer 100", 2000},
    {false, "Dimmer 100;Speed2 4;Dimmer 50", 996}, /* 127 of 255 steps */
    {true, "Dimmer 100;Speed2 4;Dimmer 50", 2000},
    {false, "Dimmer 100;Speed2 4;POWER 0", 2000},
    {false, "Speed2 4;Dimmer 100;Dimmer 50", 0}, /* for once */
    {false, "Fade 1;Speed 2;Dimmer 100", 1000},
    {false, "Fade 1;Speed 2;Speed2 0;Dimmer 100", 0},
};

static void fades_for_once(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof fades / sizeof fades[0]; i++) {
        struct sonoff_light light;
        struct str said = STR_INIT;
        sonoff_light_init(&light, sonoff_kind_find("dimmer"),
                          &(struct sonoff_settings){.fixed_duration = fades[i].fixed});
        sonoff_obey(&light, "Backlog0", fades[i].backlog, take, &said);
        assert_int_equal(light.fade_ms, fades[i].ms);
        str_done(&said);
    }
}

static const struct {
    const char *kind, *relays, *options;
} modules[] = {
    {"relay", "1,0,0,0,0", "\"lk\":0,\"lt_st\":0"},      {"rgbcw", "2,0,0,0,0", "\"lk\":1,\"lt_st\":5"},
    {"rgbw-split", "2,2,0,0,0", "\"lk\":0,\"lt_st\":4"}, {"channels", "1,2,2,2,0", "\"lk\":0,\"lt_st\":3"},
    {"fan", "2,0,0,0,0", "\"lk\":0,\"lt_st\":0"},        {"relay-dimmer", "1,2,0,0,0", "\"lk\":1,\"lt_st\":1"},
    {"shutter", "3,3,0,0,0", "\"lk\":0,\"lt_st\":0"},    {"sensor", "0,0,0,0,0", "\"lk\":0,\"lt_st\":0"},
};

static void announces_what_it_has(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
        struct sonoff_light light;
        struct str s = STR_INIT;
        sonoff_light_init(&light, sonoff_kind_find(modules[i].kind), &(struct sonoff_settings){0});
        sonoff_write_relays(&s, &light);
        assert_int_equal(strncmp(s.data, modules[i].relays, strlen(modules[i].relays)), 0);
        sonoff_write_options(&s, &light);
        assert_non_null(strstr(s.data, modules[i].options));
        str_done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_the_firmware_says),
        cmocka_unit_test(says_more_with_settings),
        cmocka_unit_test(fades_for_once),
        cmocka_unit_test(announces_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
