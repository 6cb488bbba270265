/* Tasmota's messages, by tables. Discovery messages and states are as the firmware's source writes them; several
   configurations are those of Home Assistant's own tests of its Tasmota integration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"
#include "model/color.h"
#include "model/light.h"
#include "mqtt/tasmota_codec.h"

#define MAC "A4CF12B7C801"
#define ON LIGHT_ON
#define LEVEL LIGHT_LEVEL
#define WHITE (LIGHT_KELVIN | LIGHT_MODE)
#define COLOR (LIGHT_COLOR | LIGHT_MODE)

/* A discovery message; `more` replaces what comes before it, as the last of equal keys never does here: each case names
   what differs. */
#define CONFIG(topic, words, relays, lights, options)                                                                  \
    "{\"ip\":\"192.168.1.20\",\"dn\":\"Desk\",\"fn\":[\"Left\",\"Right\",null,null,null,null,null,null],"              \
    "\"hn\":\"desk-4801\",\"mac\":\"" MAC "\",\"md\":\"Sonoff Basic\"," words "\"sw\":\"13.4.0\"," topic               \
    "\"rl\":[" relays "],\"swc\":[-1,-1],\"swn\":[null,null],\"btn\":[0,0],\"so\":{" options                           \
    "\"11\":0,\"13\":0,\"73\":0,\"114\":0}," lights "\"bat\":0,\"dslp\":0,\"sho\":[],\"sht\":[],\"ver\":1}"
#define TOPIC "\"t\":\"desk\",\"ft\":\"%prefix%/%topic%/\",\"tp\":[\"cmnd\",\"stat\",\"tele\"],"
#define WORDS                                                                                                          \
    "\"ty\":0,\"if\":0,\"ofln\":\"Offline\",\"onln\":\"Online\",\"state\":[\"OFF\",\"ON\",\"TOGGLE\",\"HOLD\"],"
#define LIGHTS(type, linked) "\"lk\":" linked ",\"lt_st\":" type ","
#define OPTIONS "\"4\":0,\"17\":0,\"20\":0,\"30\":0,\"68\":0,\"82\":0,\"117\":0,"
#define MODULE(relays, lights) CONFIG(TOPIC, WORDS, relays, lights, OPTIONS)

static struct tasmota_device device;

static int read_config(const char *text)
{
    const char *why = NULL;
    size_t len = strlen(text);
    char *exact = malloc(len + 1); /* without a NUL, so that the sanitizer sees a read behind the end */
    memcpy(exact, text, len);
    int err = tasmota_read_config(exact, len, MAC, &device, &why);
    free(exact);
    if (err != 0) {
        assert_non_null(why);
    }
    return err;
}

static const struct tasmota_make *make_of(const char *text)
{
    assert_int_equal(read_config(text), 0);
    return &device.make;
}

/* ---- discovery ---- */

#define RANGE .min_kelvin = 2000, .max_kelvin = 6536

static const struct {
    const char *text;
    size_t count;
    struct tasmota_lamp lamps[3]; /* number, fades, white, dimmer, level, profile */
} modules[] = {
    {MODULE("1,0,0", LIGHTS("0", "0")), 1, {{.number = 1, .profile = {.can = ON, .kind = LIGHT_KIND_SWITCH}}}},
    {MODULE("1,1,0", LIGHTS("0", "0")),
     2,
     {{.number = 1, .profile = {.can = ON, .kind = LIGHT_KIND_SWITCH}},
      {.number = 2, .profile = {.can = ON, .kind = LIGHT_KIND_SWITCH}}}},
    /* SetOption30: its relays are lights */
    {CONFIG(TOPIC, WORDS, "1,0", LIGHTS("0", "0"), "\"30\":1,"), 1, {{.number = 1, .profile = {.can = ON}}}},
    /* shutters are none */
    {MODULE("3,3,1", LIGHTS("0", "0")), 1, {{.number = 3, .profile = {.can = ON, .kind = LIGHT_KIND_SWITCH}}}},
    {MODULE("0,0", LIGHTS("0", "0")), 0, {{0}}},
    {MODULE("2,0", LIGHTS("1", "1")),
     1,
     {{.number = 1, .fades = true, .dimmer = "Dimmer", .level = "Dimmer", .profile = {.can = ON | LEVEL}}}},
    {MODULE("2", LIGHTS("2", "1")),
     1,
     {{1, true, false, "Dimmer", "Dimmer", 153, 500, {ON | LEVEL | LIGHT_KELVIN, 2000, 6536, 0}}}},
    {MODULE("2", LIGHTS("3", "1")),
     1,
     {{.number = 1,
       .fades = true,
       .dimmer = "Dimmer",
       .level = "Dimmer",
       .profile = {.can = ON | LEVEL | LIGHT_COLOR}}}},
    {MODULE("2", LIGHTS("4", "1")),
     1,
     {{1, true, true, "Dimmer", "Dimmer", 153, 500, {.can = ON | LEVEL | LIGHT_COLOR}}}},
    {MODULE("2", LIGHTS("5", "1")), 1, {{1, true, true, "Dimmer", "Dimmer", 153, 500, {LIGHT_ALL, 2000, 6536, 0}}}},
    /* SetOption82: the short range of temperatures */
    {CONFIG(TOPIC, WORDS, "2", LIGHTS("2", "1"), "\"82\":1,"),
     1,
     {{1, true, false, "Dimmer", "Dimmer", 200, 380, {ON | LEVEL | LIGHT_KELVIN, 2632, 5000, 0}}}},
    /* a relay before the light */
    {MODULE("1,2", LIGHTS("1", "1")),
     2,
     {{.number = 1, .profile = {.can = ON, .kind = LIGHT_KIND_SWITCH}},
      {.number = 2, .fades = true, .dimmer = "Dimmer", .level = "Dimmer", .profile = {.can = ON | LEVEL}}}},
    /* split by SetOption37: colour and white are two lights */
    {MODULE("2,2", LIGHTS("4", "0")),
     2,
     {{1, true, false, "Dimmer1", "Dimmer1", 153, 500, {.can = ON | LEVEL | LIGHT_COLOR}},
      {2, true, false, "Dimmer2", "Dimmer2", 153, 500, {.can = ON | LEVEL}}}},
    {MODULE("1,2,2", LIGHTS("5", "0")),
     3,
     {{.number = 1, .profile = {.can = ON, .kind = LIGHT_KIND_SWITCH}},
      {2, true, false, "Dimmer1", "Dimmer1", 153, 500, {.can = ON | LEVEL | LIGHT_COLOR}},
      {3, true, false, "Dimmer2", "Dimmer2", 153, 500, {ON | LEVEL | LIGHT_KELVIN, 2000, 6536, 0}}}},
    /* SetOption68: every channel is a dimmer of its own */
    {CONFIG(TOPIC, WORDS, "1,2,2", LIGHTS("2", "0"), "\"68\":1,"),
     3,
     {{.number = 1, .profile = {.can = ON, .kind = LIGHT_KIND_SWITCH}},
      {2, true, false, "Channel2", "Channel2", 153, 500, {.can = ON | LEVEL}},
      {3, true, false, "Channel3", "Channel3", 153, 500, {.can = ON | LEVEL}}}},
    /* Tuya: a dimmer that does not fade, and knows Dimmer3 */
    {CONFIG(TOPIC, "\"ty\":1,\"if\":0,", "2", LIGHTS("1", "1"), OPTIONS),
     1,
     {{1, false, false, "Dimmer3", "Dimmer", 153, 500, {.can = ON | LEVEL}}}},
    {CONFIG(TOPIC, "\"ty\":1,\"if\":0,", "1", LIGHTS("0", "0"), OPTIONS),
     1,
     {{.number = 1, .profile = {.can = ON, .kind = LIGHT_KIND_SWITCH}}}},
    /* iFan02 and 03: its light, and none of its speeds, by the firmware of today and that of 2020 */
    {CONFIG(TOPIC, "\"ty\":0,\"if\":1,", "2,0,0,0", LIGHTS("0", "0"), OPTIONS),
     1,
     {{.number = 1, .profile = {.can = ON}}}},
    {CONFIG(TOPIC, "\"ty\":0,\"if\":1,", "1,1,1,1", LIGHTS("0", "0"), OPTIONS),
     1,
     {{.number = 1, .profile = {.can = ON}}}},
};

static void reads_modules(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
        const struct tasmota_make *make = make_of(modules[i].text);
        assert_int_equal(make->count, modules[i].count);
        for (size_t k = 0; k < make->count; k++) {
            const struct tasmota_lamp *is = &make->lamps[k];
            const struct tasmota_lamp *should = &modules[i].lamps[k];
            const struct light_profile *p = &should->profile;
            if (is->number != should->number || is->fades != should->fades || is->white != should->white ||
                strcmp(is->dimmer, should->dimmer) != 0 || strcmp(is->level, should->level) != 0 ||
                (should->min_mired && (is->min_mired != should->min_mired || is->max_mired != should->max_mired)) ||
                is->profile.can != p->can || is->profile.kind != p->kind || is->profile.min_kelvin != p->min_kelvin ||
                is->profile.max_kelvin != p->max_kelvin) {
                fail_msg("row %zu, lamp %zu: POWER%u %s %s can %x kind %d kelvin %u..%u", i, k, is->number, is->dimmer,
                         is->level, is->profile.can, is->profile.kind, is->profile.min_kelvin, is->profile.max_kelvin);
            }
        }
    }
}

static void names_modules(void **unused)
{
    (void)unused;
    (void)make_of(MODULE("2", LIGHTS("1", "1")));
    assert_string_equal(device.mac, MAC);
    assert_string_equal(device.name, "Desk");
    assert_string_equal(device.names[0], "Desk"); /* a light alone */
    assert_string_equal(device.model, "Sonoff Basic");
    assert_string_equal(device.version, "13.4.0");
    assert_string_equal(device.ip, "192.168.1.20");
    (void)make_of(MODULE("1,1,1", LIGHTS("0", "0")));
    assert_string_equal(device.names[0], "Left");
    assert_string_equal(device.names[1], "Right");
    assert_string_equal(device.names[2], "Desk 3");
}

static void reads_settings(void **unused)
{
    (void)unused;
    const struct tasmota_make *make = make_of(MODULE("1", LIGHTS("0", "0")));
    assert_string_equal(make->on, "ON");
    assert_string_equal(make->off, "OFF");
    assert_string_equal(make->online, "Online");
    assert_string_equal(make->offline, "Offline");
    assert_false(make->by_command || make->power_apart || make->fixed_duration);
    make = make_of(CONFIG(TOPIC, "\"ofln\":\"weg\",\"onln\":\"da\",\"state\":[\"aus\",\"an\",\"um\",\"halt\"],", "1",
                          LIGHTS("0", "0"), "\"4\":1,\"20\":1,\"117\":1,"));
    assert_string_equal(make->on, "an");
    assert_string_equal(make->off, "aus");
    assert_string_equal(make->online, "da");
    assert_string_equal(make->offline, "weg");
    assert_true(make->by_command && make->power_apart && make->fixed_duration);
}

static const struct {
    const char *topic; /* the members of the message */
    const char *cmnd, *stat, *tele;
} topics[] = {
    {TOPIC, "cmnd/desk/", "stat/desk/", "tele/desk/"},
    {"\"t\":\"desk\",\"ft\":\"%topic%/%prefix%/\",\"tp\":[\"cmnd\",\"stat\",\"tele\"],", "desk/cmnd/", "desk/stat/",
     "desk/tele/"},
    {"\"t\":\"a/b\",\"ft\":\"home/%prefix%/%topic%\",\"tp\":[\"do\",\"did\",\"is\"],", "home/do/a/b/", "home/did/a/b/",
     "home/is/a/b/"},
    {"\"t\":\"desk\",\"ft\":\"x/%hostname%/%id%/%prefix%\",\"tp\":[\"\",\"stat\",\"tele\"],",
     "x/desk-4801/B7C801/cmnd/", "x/desk-4801/B7C801/stat/", "x/desk-4801/B7C801/tele/"},
    /* without a prefix a command gets it behind (GetTopic_P) */
    {"\"t\":\"desk\",\"ft\":\"house/%topic%/\",\"tp\":[\"cmnd\",\"stat\",\"tele\"],", "house/desk/cmnd/", "house/desk/",
     "house/desk/"},
    {"\"t\":\"desk\",\"ft\":\"#/%prefix%//%topic%#\",\"tp\":[\"cmnd\",\"stat\",\"tele\"],", "/cmnd/desk/",
     "/stat/desk/", "/tele/desk/"},
    {"\"t\":\"desk\",\"ft\":\"%prefix%/%topic%/\",", "cmnd/desk/", "stat/desk/", "tele/desk/"},
};

static void fills_in_topics(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        char text[2048];
        (void)snprintf(text, sizeof text, "{\"mac\":\"" MAC "\",%s\"hn\":\"desk-4801\",\"rl\":[1],\"ver\":1}",
                       topics[i].topic);
        (void)make_of(text);
        assert_string_equal(device.cmnd, topics[i].cmnd);
        assert_string_equal(device.stat, topics[i].stat);
        assert_string_equal(device.tele, topics[i].tele);
    }
}

static void refuses_what_is_no_discovery(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"mac\":\"A4CF12B7C802\"," TOPIC "\"rl\":[1]}",
        "{\"mac\":7," TOPIC "\"rl\":[1]}",
        "{\"mac\":\"" MAC "\"," TOPIC "\"rl\":1}",
        "{\"mac\":\"" MAC "\"," TOPIC "\"rl\":[\"1\"]}",
        "{\"mac\":\"" MAC "\"," TOPIC "\"rl\":[2],\"lt_st\":6}",
        "{\"mac\":\"" MAC "\",\"t\":\"desk\",\"rl\":[1]}",
        "{\"mac\":\"" MAC "\",\"t\":\"\",\"ft\":\"%prefix%/%topic%/\",\"rl\":[1]}",
        "{\"mac\":\"" MAC "\",\"t\":\"+\",\"ft\":\"%prefix%/%topic%/\",\"rl\":[1]}",
        "{\"mac\":\"" MAC "\",\"t\":\"a\\nb\",\"ft\":\"%prefix%/%topic%/\",\"rl\":[1]}",
        "{\"mac\":\"" MAC "\",\"t\":\"a\",\"ft\":\"#\",\"rl\":[1]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (read_config(bad[i]) != ERR_INVALID) {
            fail_msg("accepted %s", bad[i]);
        }
    }
    const char *why = NULL;
    char *large = calloc(1, TASMOTA_MAX_CONFIG + 1);
    assert_int_equal(tasmota_read_config(large, TASMOTA_MAX_CONFIG + 1, MAC, &device, &why), ERR_INVALID);
    free(large);
    char *lengthy = malloc(4096);
    (void)snprintf(lengthy, 4096, "{\"mac\":\"" MAC "\",\"t\":\"%0300d\",\"ft\":\"%%prefix%%/%%topic%%/\",\"rl\":[1]}",
                   1);
    assert_int_equal(read_config(lengthy), ERR_INVALID);
    free(lengthy);
}

static void knows_discovery_topics(void **unused)
{
    (void)unused;
    static const char *const others[] = {"tasmota/discovery/" MAC "/sensors",     "tasmota/discovery/" MAC,
                                         "tasmota/discovery/a4cf12b7c801/config", "tasmota/discovery/A4CF12/config",
                                         "tasmota/discovery/" MAC "0/config",     "tasmota/discovery//config",
                                         "homeassistant/light/" MAC "/config"};
    char mac[TASMOTA_MAC];
    assert_true(tasmota_read_topic("tasmota/discovery", "tasmota/discovery/" MAC "/config", mac));
    assert_string_equal(mac, MAC);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(tasmota_read_topic("tasmota/discovery", others[i], mac));
    }
}

/* ---- states ---- */

#define RELAYS MODULE("1,1", LIGHTS("0", "0"))
#define DIMMER MODULE("2", LIGHTS("1", "1"))
#define CT MODULE("2", LIGHTS("2", "1"))
#define RGB MODULE("2", LIGHTS("3", "1"))
#define RGBW MODULE("2", LIGHTS("4", "1"))
#define RGBCW MODULE("2", LIGHTS("5", "1"))
#define SPLIT MODULE("2,2", LIGHTS("5", "0"))
#define CHANNELS CONFIG(TOPIC, WORDS, "1,2,2", LIGHTS("2", "0"), "\"68\":1,")

static const struct {
    const char *module, *text;
    struct light_state expected[3];
} states[] = {
    {RELAYS, "{\"POWER1\":\"ON\"}", {{.has = ON, .on = true}, {0}}},
    {RELAYS, "{\"POWER2\":\"OFF\"}", {{0}, {.has = ON}}},
    {RELAYS, "{\"POWER1\":\"ON\",\"POWER2\":\"OFF\"}", {{.has = ON, .on = true}, {.has = ON}}},
    {RELAYS, "{\"POWER\":\"ON\"}", {{.has = ON, .on = true}, {0}}}, /* the index is optional for the first */
    {RELAYS, "{\"POWER11\":\"ON\"}", {{0}, {0}}},
    {RELAYS, "{\"POWER1\":\"on\",\"POWER2\":1}", {{0}, {0}}},
    {RELAYS, "{\"Command\":\"Unknown\"}", {{0}, {0}}},
    {DIMMER, "{\"POWER\":\"ON\",\"Dimmer\":50}", {{.has = ON | LEVEL, .on = true, .level = 5000}}},
    {DIMMER, "{\"POWER1\":\"ON\",\"Dimmer\":1}", {{.has = ON | LEVEL, .on = true, .level = 100}}}, /* SetOption26 */
    {DIMMER, "{\"POWER\":\"OFF\",\"Dimmer\":75}", {{.has = ON | LEVEL, .level = 7500}}},
    {DIMMER, "{\"POWER\":\"OFF\",\"Dimmer\":0}", {{.has = ON}}},
    {DIMMER, "{\"POWER\":\"ON\",\"Dimmer\":0}", {{.has = ON, .on = true}}},
    {DIMMER, "{\"Dimmer\":0}", {{.has = ON}}},
    {DIMMER, "{\"Dimmer\":130}", {{.has = LEVEL, .level = 10000}}},
    {DIMMER, "{\"Dimmer\":-1}", {{0}}},
    {DIMMER, "{\"Dimmer\":\"50\"}", {{0}}},
    {DIMMER, "{\"Fade\":\"ON\"}", {{0}}},
    {DIMMER, "{\"Speed2\":4}", {{0}}},
    /* tele/STATE and STATUS11 are the same words among others */
    {DIMMER,
     "{\"Time\":\"2026-11-24T18:00:00\",\"Uptime\":\"0T00:10:12\",\"UptimeSec\":612,\"Heap\":25,\"POWER\":\"ON\","
     "\"Dimmer\":20,\"Fade\":\"OFF\",\"Speed\":1,\"LedTable\":\"ON\",\"Wifi\":{\"AP\":1,\"Dimmer\":99}}",
     {{.has = ON | LEVEL, .on = true, .level = 2000}}},
    {DIMMER,
     "{\"StatusSTS\":{\"Time\":\"x\",\"POWER\":\"ON\",\"Dimmer\":20,\"Wifi\":{}}}",
     {{.has = ON | LEVEL, .on = true, .level = 2000}}},
    {DIMMER, "{\"StatusSTS\":7,\"POWER\":\"ON\"}", {{.has = ON, .on = true}}},
    {CT,
     "{\"POWER\":\"ON\",\"Dimmer\":50,\"Color\":\"5926\",\"White\":50,\"CT\":250,\"Channel\":[35,15]}",
     {{.has = ON | LEVEL | LIGHT_KELVIN, .on = true, .level = 5000, .kelvin = 4000}}},
    {CT, "{\"CT\":153}", {{.has = LIGHT_KELVIN, .kelvin = 6536}}},
    {CT, "{\"CT\":0}", {{0}}},
    {RGB,
     "{\"POWER\":\"ON\",\"Dimmer\":60,\"Color\":\"00994C\",\"HSBColor\":\"150,100,60\",\"Channel\":[0,60,30]}",
     {{.has = ON | LEVEL | LIGHT_COLOR, .on = true, .level = 6000, .hue = 15000, .saturation = 10000}}},
    {RGB, "{\"HSBColor\":\"360,0,0\"}", {{.has = LIGHT_COLOR}}},
    {RGB, "{\"HSBColor\":\"361,0,0\"}", {{0}}},
    {RGB, "{\"HSBColor\":\"30,101,0\"}", {{0}}},
    {RGB, "{\"HSBColor\":\"30,10\"}", {{0}}},
    {RGB, "{\"HSBColor\":\"30,10,5,1\"}", {{0}}},
    {RGB, "{\"HSBColor\":\"30,,5\"}", {{0}}},
    {RGB, "{\"HSBColor\":\"99999999999999,1,1\"}", {{0}}},
    {RGB, "{\"HSBColor\":30}", {{0}}},
    /* linked: what is lit is told by its brightness */
    {RGBW,
     "{\"POWER\":\"ON\",\"Dimmer\":60,\"HSBColor\":\"150,100,60\",\"White\":0}",
     {{.has = ON | LEVEL | LIGHT_COLOR, .on = true, .level = 6000, .hue = 15000, .saturation = 10000}}},
    {RGBW,
     "{\"POWER\":\"ON\",\"Dimmer\":60,\"HSBColor\":\"150,100,0\",\"White\":60}",
     {{.has = ON | LEVEL | LIGHT_COLOR, .on = true, .level = 6000, .hue = 15000, .saturation = 0}}},
    {RGBCW,
     "{\"POWER\":\"ON\",\"Dimmer\":60,\"Color\":\"0099000000\",\"HSBColor\":\"120,100,60\",\"White\":0,\"CT\":250}",
     {{.has = ON | LEVEL | COLOR,
       .on = true,
       .level = 6000,
       .mode = LIGHT_MODE_COLOR,
       .hue = 12000,
       .saturation = 10000}}},
    {RGBCW,
     "{\"POWER\":\"ON\",\"Dimmer\":60,\"Color\":\"0000006435\",\"HSBColor\":\"120,100,0\",\"White\":60,\"CT\":250}",
     {{.has = ON | LEVEL | WHITE, .on = true, .level = 6000, .mode = LIGHT_MODE_WHITE, .kelvin = 4000}}},
    {RGBCW, "{\"HSBColor\":\"120,100,0\",\"White\":0,\"CT\":250}", {{0}}}, /* nothing is lit: neither is told */
    {RGBCW, "{\"CT\":250}", {{0}}},                                        /* asked for, not set */
    {SPLIT,
     "{\"POWER1\":\"ON\",\"Dimmer1\":40,\"POWER2\":\"OFF\",\"Dimmer2\":70,\"Color\":\"0066000000\","
     "\"HSBColor\":\"120,100,40\",\"White\":70,\"CT\":200}",
     {{.has = ON | LEVEL | LIGHT_COLOR, .on = true, .level = 4000, .hue = 12000, .saturation = 10000},
      {.has = ON | LEVEL | LIGHT_KELVIN, .level = 7000, .kelvin = 5000}}},
    {CHANNELS,
     "{\"POWER1\":\"OFF\",\"POWER2\":\"ON\",\"Channel2\":30,\"POWER3\":\"OFF\",\"Channel3\":0,\"Color\":\"4D00\"}",
     {{.has = ON}, {.has = ON | LEVEL, .on = true, .level = 3000}, {.has = ON}}},
};

static void reads_states(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct light_state patches[TASMOTA_MAX_LAMPS];
        const struct tasmota_make *make = make_of(states[i].module);
        size_t len = strlen(states[i].text);
        char *exact = malloc(len);
        memcpy(exact, states[i].text, len);
        assert_int_equal(tasmota_read_state(exact, len, make, patches), 0);
        for (size_t k = 0; k < make->count; k++) {
            const struct light_state *p = &patches[k];
            if (!light_equal(p, &states[i].expected[k])) {
                fail_msg("%s, lamp %zu: has %x on %d level %u kelvin %u hue %u saturation %u", states[i].text, k,
                         p->has, p->on, p->level, p->kelvin, p->hue, p->saturation);
            }
        }
        free(exact);
    }
}

static void reads_renamed_words(void **unused)
{
    (void)unused;
    struct light_state patch;
    bool online;
    const struct tasmota_make *make =
        make_of(CONFIG(TOPIC, "\"ofln\":\"weg\",\"onln\":\"da\",\"state\":[\"0\",\"1\",\"2\",\"3\"],", "1",
                       LIGHTS("0", "0"), OPTIONS));
    assert_int_equal(tasmota_read_state("{\"POWER\":\"1\"}", 13, make, &patch), 0);
    assert_true(patch.has == ON && patch.on);
    assert_int_equal(tasmota_read_state("{\"POWER\":\"ON\"}", 14, make, &patch), 0);
    assert_int_equal(patch.has, 0);
    assert_int_equal(tasmota_read_online("da", 2, make, &online), 0);
    assert_true(online);
    assert_int_equal(tasmota_read_online("weg", 3, make, &online), 0);
    assert_false(online);
    assert_int_equal(tasmota_read_online("Online", 6, make, &online), ERR_INVALID);
    assert_int_equal(tasmota_read_online("", 0, make, &online), ERR_INVALID);
}

static void refuses_what_is_no_state(void **unused)
{
    (void)unused;
    static const char *const bad[] = {"",
                                      "ON",
                                      "[1]",
                                      "{\"POWER\":\"ON\"",
                                      "{\"POWER\":\"ON\",\"POWER\":\"OFF\"}",
                                      "{\"POWER\":\"ON\"}x",
                                      "{\"POWER\":\"\xff\"}",
                                      "{\"Dimmer\":012}"};
    struct light_state patch;
    const struct tasmota_make *make = make_of(DIMMER);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(tasmota_read_state(bad[i], strlen(bad[i]), make, &patch), ERR_INVALID);
    }
    char *large = malloc(TASMOTA_MAX_STATE + 1);
    memset(large, ' ', TASMOTA_MAX_STATE + 1);
    large[0] = '{';
    large[TASMOTA_MAX_STATE] = '}';
    assert_int_equal(tasmota_read_state(large, TASMOTA_MAX_STATE + 1, make, &patch), ERR_TOO_LARGE);
    free(large);
}

static void tells_macs(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        bool tells;
    } words[] = {
        {"{\"StatusNET\":{\"Hostname\":\"x\",\"Mac\":\"A4:CF:12:B7:C8:01\"}}", true},
        {"{\"StatusNET\":{\"Mac\":\"00:00:00:00:00:00\",\"Ethernet\":{\"Mac\":\"A4:CF:12:B7:C8:01\"}}}", true},
        {"{\"StatusNET\":{\"Mac\":\"A4:CF:12:B7:C8:02\"}}", false},
        {"{\"StatusNET\":{\"Gateway\":\"A4:CF:12:B7:C8:01\"}}", false},
        {"{\"a\":{\"b\":{\"c\":{\"Mac\":\"A4:CF:12:B7:C8:01\"}}}}", false}, /* deeper than it is told */
        {"A4:CF:12:B7:C8:01", false},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_int_equal(tasmota_tells_mac(words[i].text, strlen(words[i].text), MAC), words[i].tells);
    }
}

/* ---- commands ---- */

static const struct {
    const char *module;
    size_t lamp;
    struct light_state patch;
    unsigned speed;
    const char *verb, *payload;
} commands[] = {
    {RELAYS, 0, {.has = ON, .on = true}, 0, "POWER1", "1"},
    {RELAYS, 1, {.has = ON}, 0, "POWER2", "0"},
    {DIMMER, 0, {.has = ON}, 0, "POWER1", "0"},
    {DIMMER, 0, {.has = ON, .on = true}, 0, "POWER1", "1"},
    {DIMMER, 0, {.has = ON | LEVEL, .on = true, .level = 5000}, 0, "Dimmer", "50"},
    {DIMMER, 0, {.has = ON | LEVEL, .on = true, .level = 1}, 0, "Dimmer", "1"}, /* never 0, which is off */
    {DIMMER, 0, {.has = ON | LEVEL, .on = true, .level = 5000}, 4, "Backlog0", "Fade2 1;Speed2 4;Dimmer 50"},
    {DIMMER, 0, {.has = ON}, 10, "Backlog0", "Fade2 1;Speed2 10;POWER1 0"},
    /* SetOption20: a level does not switch on */
    {CONFIG(TOPIC, WORDS, "2", LIGHTS("1", "1"), "\"20\":1,"),
     0,
     {.has = ON | LEVEL, .on = true, .level = 5000},
     0,
     "Backlog0",
     "Dimmer 50;POWER1 1"},
    {CONFIG(TOPIC, "\"ty\":1,", "2", LIGHTS("1", "1"), OPTIONS),
     0,
     {.has = ON | LEVEL, .on = true, .level = 5000},
     0,
     "Dimmer3",
     "50"},
    {CT, 0, {.has = ON | LIGHT_KELVIN, .on = true, .kelvin = 4000}, 0, "Backlog0", "CT 250;POWER1 1"},
    {CT,
     0,
     {.has = ON | LEVEL | LIGHT_KELVIN, .on = true, .level = 3000, .kelvin = 2000},
     0,
     "Backlog0",
     "Dimmer 30;CT 500"},
    {CT, 0, {.has = LIGHT_KELVIN, .kelvin = 1000}, 0, "CT", "500"},
    {CT, 0, {.has = LIGHT_KELVIN, .kelvin = 9000}, 0, "CT", "153"},
    {RGB,
     0,
     {.has = ON | LIGHT_COLOR, .on = true, .hue = 12049, .saturation = 5050},
     0,
     "Backlog0",
     "HSBColor1 120;HSBColor2 51;POWER1 1"},
    {RGBCW,
     0,
     {.has = ON | LEVEL | LIGHT_COLOR, .on = true, .level = 100, .hue = 35960, .saturation = 10000},
     0,
     "Backlog0",
     "Dimmer 1;HSBColor1 0;HSBColor2 100"},
    {SPLIT, 0, {.has = ON | LEVEL, .on = true, .level = 2000}, 0, "Dimmer1", "20"},
    {SPLIT, 1, {.has = ON | LEVEL, .on = true, .level = 2000}, 0, "Dimmer2", "20"},
    {SPLIT, 1, {.has = ON | LIGHT_KELVIN, .on = true, .kelvin = 5000}, 0, "Backlog0", "CT 200;POWER2 1"},
    {CHANNELS, 2, {.has = ON | LEVEL, .on = true, .level = 2000}, 0, "Channel3", "20"},
    {CHANNELS, 2, {.has = ON}, 0, "POWER3", "0"},
};

static void writes_commands(void **unused)
{
    (void)unused;
    struct str verb = STR_INIT, payload = STR_INIT;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct tasmota_make *make = make_of(commands[i].module);
        tasmota_write_command(&verb, &payload, make, &make->lamps[commands[i].lamp], &commands[i].patch,
                              commands[i].speed);
        if (strcmp(str_z(&verb), commands[i].verb) != 0 || strcmp(str_z(&payload), commands[i].payload) != 0) {
            fail_msg("row %zu: %s %s", i, str_z(&verb), str_z(&payload));
        }
        assert_int_equal(payload.len, strlen(str_z(&payload)));
    }
    str_done(&verb);
    str_done(&payload);
}

/* Every level, mired, hue and saturation that can be commanded is confirmed by the state that repeats it. */
static void confirms_what_was_sent(void **unused)
{
    (void)unused;
    struct light_state patches[TASMOTA_MAX_LAMPS];
    char text[256];
    const struct tasmota_make *make = make_of(RGBCW);
    for (unsigned percent = 1; percent <= 100; percent++) {
        struct light_state asked = {.has = ON | LEVEL, .on = true, .level = (uint16_t)(100 * percent)};
        unsigned step = color_level_to_steps(asked.level, 100);
        (void)snprintf(text, sizeof text, "{\"POWER\":\"ON\",\"Dimmer\":%u}", step);
        assert_int_equal(tasmota_read_state(text, strlen(text), make, patches), 0);
        assert_int_equal(patches[0].level, asked.level); /* to the same percent */
        assert_true(light_confirms(&asked, &patches[0], &tasmota_tolerance));
    }
    for (unsigned kelvin = 2000; kelvin <= 6536; kelvin++) {
        struct light_state asked = {.has = ON | LIGHT_KELVIN, .on = true, .kelvin = (uint16_t)kelvin};
        (void)snprintf(text, sizeof text, "{\"POWER\":\"ON\",\"HSBColor\":\"0,0,0\",\"White\":9,\"CT\":%u}",
                       color_mired_from_kelvin(asked.kelvin));
        assert_int_equal(tasmota_read_state(text, strlen(text), make, patches), 0);
        assert_true(light_confirms(&asked, &patches[0], &tasmota_tolerance));
        assert_int_equal(color_mired_from_kelvin(patches[0].kelvin), color_mired_from_kelvin(asked.kelvin));
    }
    for (unsigned hue = 0; hue < 36000; hue += 36) {
        for (unsigned saturation = 0; saturation <= 10000; saturation += 100) {
            struct light_state asked = {
                .has = ON | LIGHT_COLOR, .on = true, .hue = (uint16_t)hue, .saturation = (uint16_t)saturation};
            /* saturation as the firmware keeps it: 0..255, rounded on the way there and back */
            unsigned kept = (saturation / 100 * 255 + 50) / 100;
            (void)snprintf(text, sizeof text, "{\"POWER\":\"ON\",\"HSBColor\":\"%u,%u,9\",\"White\":0,\"CT\":153}",
                           (hue + 50) / 100 % 360, (kept * 100 + 127) / 255);
            assert_int_equal(tasmota_read_state(text, strlen(text), make, patches), 0);
            assert_true(light_confirms(&asked, &patches[0], &tasmota_tolerance));
        }
    }
}

static const struct {
    const char *module;
    struct light_state before, patch;
    uint32_t ms;
    unsigned speed;
} fades[] = {
    {DIMMER, {.has = ON | LEVEL, .on = true, .level = 10000}, {.has = ON}, 2000, 4},
    {DIMMER, {.has = ON | LEVEL, .level = 10000}, {.has = ON, .on = true}, 2000, 4},
    /* half the way takes half of the full time */
    {DIMMER, {.has = ON | LEVEL, .on = true, .level = 10000}, {.has = LEVEL, .level = 5000}, 2000, 8},
    {DIMMER, {.has = ON | LEVEL, .on = true, .level = 5000}, {.has = LEVEL, .level = 6000}, 2000, 40},
    {DIMMER, {.has = ON | LEVEL, .on = true, .level = 5000}, {.has = LEVEL, .level = 5000}, 1000, 2},
    {DIMMER, {0}, {.has = LEVEL, .level = 5000}, 1000, 2}, /* nothing is known of it yet */
    {DIMMER, {.has = ON | LEVEL, .on = true, .level = 10000}, {.has = ON}, 0, 0},
    {DIMMER, {.has = ON | LEVEL, .on = true, .level = 10000}, {.has = ON}, 100, 1},
    {DIMMER, {.has = ON | LEVEL, .on = true, .level = 10000}, {.has = ON}, 3600000, 40},
    {CONFIG(TOPIC, WORDS, "2", LIGHTS("1", "1"), "\"117\":1,"),
     {.has = ON | LEVEL, .on = true, .level = 10000},
     {.has = LEVEL, .level = 5000},
     2000,
     4},
    {CONFIG(TOPIC, "\"ty\":1,", "2", LIGHTS("1", "1"), OPTIONS),
     {.has = ON | LEVEL, .on = true, .level = 10000},
     {.has = ON},
     2000,
     0},
    {RELAYS, {.has = ON, .on = true}, {.has = ON}, 2000, 0},
    /* from red to green: both channels go all the way */
    {RGB,
     {.has = ON | LEVEL | LIGHT_COLOR, .on = true, .level = 10000, .saturation = 10000},
     {.has = LIGHT_COLOR, .hue = 12000, .saturation = 10000},
     2000,
     4},
    {CT,
     {.has = ON | LEVEL | LIGHT_KELVIN, .on = true, .level = 10000, .kelvin = 2000},
     {.has = LIGHT_KELVIN, .kelvin = 6536},
     2000,
     4},
};

static void computes_speeds(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof fades / sizeof fades[0]; i++) {
        const struct tasmota_make *make = make_of(fades[i].module);
        unsigned speed = tasmota_speed(make, &make->lamps[0], &fades[i].before, &fades[i].patch, fades[i].ms);
        if (speed != fades[i].speed) {
            fail_msg("row %zu: %u", i, speed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_modules),
        cmocka_unit_test(names_modules),
        cmocka_unit_test(reads_settings),
        cmocka_unit_test(fills_in_topics),
        cmocka_unit_test(refuses_what_is_no_discovery),
        cmocka_unit_test(knows_discovery_topics),
        cmocka_unit_test(reads_states),
        cmocka_unit_test(reads_renamed_words),
        cmocka_unit_test(refuses_what_is_no_state),
        cmocka_unit_test(tells_macs),
        cmocka_unit_test(writes_commands),
        cmocka_unit_test(confirms_what_was_sent),
        cmocka_unit_test(computes_speeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
