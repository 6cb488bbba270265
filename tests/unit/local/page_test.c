/* The page and the metrics: text for people and for Prometheus. */
#include "rig.h"

static struct rig rig;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&rig);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static void has(const char *part)
{
    if (!strstr(rig.body, part)) {
        print_message("\"%s\" is not in:\n%s\n", part, rig.body);
    }
    assert_non_null(strstr(rig.body, part));
}

static void has_not(const char *part)
{
    assert_null(strstr(rig.body, part));
}

static void an_empty_house(void **state)
{
    (void)state;
    rig_ask(&rig, "GET", "/", NULL);
    assert_int_equal(rig.status, 200);
    has("No lights yet");
    has("No account is linked");
    has("fake/one");
    has_not("class=\"error\"");
    assert_non_null(strstr(str_z(&rig.got), "Content-Security-Policy: default-src 'none'"));
    assert_non_null(strstr(str_z(&rig.got), "Content-Type: text/html; charset=utf-8"));
    has_not("<script");
    has_not("style=");
}

static void what_lamps_call_themselves_is_hostile(void **state)
{
    (void)state;
    struct driver_announcement a = {.address = "1",
                                    .name = "<script>alert('1')</script> & \"co\"",
                                    .room = "<b>",
                                    .where = "mqtt/home </li>",
                                    .profile = {LIGHT_ON, 0, 0, LIGHT_KIND_LIGHT}};
    (void)driver_announce(rig.house.fake.driver, &a);
    rig.trouble = "the <disk>";
    rig_ask(&rig, "GET", "/", NULL);
    has("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;co&quot;");
    has("&lt;b&gt; · mqtt/home &lt;/li&gt;");
    has("<p class=\"error\">the &lt;disk&gt;</p>");
    has_not("<script");
    has_not("<b>");
}

static void states_in_words(void **state)
{
    static const struct {
        uint32_t can;
        struct light_state said;
        enum light_reach reach;
        const char *words;
    } rows[] = {
        {FULL_CAN, {0}, LIGHT_REACH_ONLINE, ">not heard of yet<"},
        {FULL_CAN, {.has = LIGHT_ON}, LIGHT_REACH_ONLINE, ">off<"},
        {FULL_CAN, {.has = LIGHT_ON | LIGHT_LEVEL, .level = 5000}, LIGHT_REACH_ONLINE, ">off<"},
        {FULL_CAN, {.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 4950}, LIGHT_REACH_ONLINE, ">on 50 %<"},
        {FULL_CAN, {.has = LIGHT_ON | LIGHT_LEVEL, .on = true, .level = 39}, LIGHT_REACH_ONLINE, ">on &lt;1 %<"},
        {FULL_CAN, {.has = LIGHT_ON | LIGHT_KELVIN, .on = true, .kelvin = 2700}, LIGHT_REACH_ONLINE, ">on, 2700 K<"},
        {FULL_CAN,
         {.has = LIGHT_ON | LIGHT_COLOR | LIGHT_MODE, .on = true, .mode = LIGHT_MODE_COLOR, .hue = 12000},
         LIGHT_REACH_ONLINE,
         ">on, hue 120°<"},
        {LIGHT_LEVEL, {.has = LIGHT_LEVEL, .level = 700}, LIGHT_REACH_ONLINE, ">on 7 %<"},
        {LIGHT_LEVEL, {.has = LIGHT_LEVEL}, LIGHT_REACH_ONLINE, ">off<"},
        {FULL_CAN, {.has = LIGHT_ON, .on = true}, LIGHT_REACH_OFFLINE, "class=\"bad\">offline<"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct driver_light *lamp = driver_announce(
            rig.house.fake.driver, &(struct driver_announcement){.address = "1",
                                                                 .name = "Lamp",
                                                                 .profile = {rows[i].can, 2000, 6500, LIGHT_KIND_LIGHT},
                                                                 .has_availability = true});
        if (rows[i].said.has) {
            driver_report(lamp, &rows[i].said);
        }
        driver_reachable(lamp, rows[i].reach);
        rig_ask(&rig, "GET", "/", NULL);
        has(rows[i].words);
        driver_withdraw(lamp);
        rig_ask(&rig, "GET", "/", NULL);
        has("No lights yet"); /* a removed one is not shown */
    }
}

static void many_lights(void **state)
{
    char name[16];
    size_t rows = 0;
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof name, "Lamp %u", i);
        (void)house_announce(rig.house.fake.driver, name, name);
    }
    rig_ask(&rig, "GET", "/", NULL);
    has("<h2>Lights <span class=\"count\">300</span></h2>");
    for (const char *at = rig.body; (at = strstr(at, "<li>")); at++) {
        rows++;
    }
    assert_int_equal(rows, 300 + 2); /* and no link, and the network */
}

/* ---- metrics ---- */

static double value_of(const char *series)
{
    struct str line = STR_INIT;
    str_printf(&line, "\n%s ", series);
    const char *at = strstr(rig.body, str_z(&line));
    if (!at) {
        print_message("%s is not there\n", series);
    }
    assert_non_null(at);
    double value = strtod(at + line.len, NULL);
    str_done(&line);
    return value;
}

static void every_series_has_its_help_and_type(void **state)
{
    const char *line;
    char name[128] = "";
    size_t families = 0;
    (void)state;
    rig_ask(&rig, "GET", "/metrics", NULL);
    assert_int_equal(rig.status, 200);
    assert_non_null(strstr(str_z(&rig.got), "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
    assert_null(rig.json);
    for (line = rig.body; *line; line = strchr(line, '\n') + 1) {
        size_t len = strcspn(line, "\n");
        assert_int_equal(line[len], '\n'); /* the last one too */
        if (strncmp(line, "# HELP ", 7) == 0) {
            assert_int_equal(sscanf(line + 7, "%127[a-z0-9_] %*[^\n]", name), 1);
            families++;
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            char typed[128];
            char type[16];
            assert_int_equal(sscanf(line + 7, "%127[a-z0-9_] %15[a-z]", typed, type), 2);
            assert_string_equal(typed, name); /* right behind its HELP */
            assert_true(strcmp(type, "gauge") == 0 || strcmp(type, "counter") == 0);
            bool total = strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0;
            assert_int_equal(total, strcmp(type, "counter") == 0);
        } else {
            assert_int_equal(strncmp(line, name, strlen(name)), 0); /* samples below their own family */
            assert_true(line[strlen(name)] == ' ' || line[strlen(name)] == '{');
        }
    }
    assert_true(families > 15);
}

static void what_the_numbers_count(void **state)
{
    (void)state;
    struct driver_light *lamp = house_announce(rig.house.fake.driver, "1", "Kitchen");
    (void)house_announce(rig.house.fake.driver, "2", "Hall");
    driver_withdraw(house_announce(rig.house.fake.driver, "3", "Gone"));
    driver_report(lamp, &fake_on);
    driver_report(lamp, &fake_on);
    driver_garbage(rig.house.fake.driver, "x", "nonsense");
    rig.house.fake.answer_at_once = ERR_REJECTED;
    rig_ask(&rig, "POST", "/control/light", "{\"light\":\"Kitchen\",\"on\":true}");
    assert_int_equal(rig.status, 502);
    rig_ask(&rig, "GET", "/metrics", NULL);
    assert_true(value_of("lightbridge_lights{reach=\"online\"}") == 1);
    assert_true(value_of("lightbridge_lights{reach=\"unknown\"}") == 1);
    assert_true(value_of("lightbridge_lights{reach=\"offline\"}") == 0);
    assert_true(value_of("lightbridge_reports_total") == 2);
    assert_true(value_of("lightbridge_garbage_total") == 1);
    assert_true(value_of("lightbridge_commands_total") == 1);
    assert_true(value_of("lightbridge_command_failures_total") == 1);
    assert_true(value_of("lightbridge_store_ok") == 1);
    assert_true(value_of("lightbridge_http_answers_total{class=\"5xx\"}") == 1);
    assert_true(value_of("process_start_time_seconds") > 1e9);
    assert_true(value_of("process_resident_memory_bytes") > 1e6);
    rig.health = "full";
    rig_ask(&rig, "GET", "/metrics", NULL);
    assert_true(value_of("lightbridge_store_ok") == 0);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    assert_int_equal(secrets_init(), 0);
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_rig, close_rig)
    const struct CMUnitTest tests[] = {
        CASE(an_empty_house), CASE(what_lamps_call_themselves_is_hostile), CASE(states_in_words),
        CASE(many_lights),    CASE(every_series_has_its_help_and_type),    CASE(what_the_numbers_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
