/* The control API: its documents and its status codes, as local.h promises them. */
#include "rig.h"

static struct rig rig;
static struct driver_light *kitchen;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&rig);
    kitchen = house_announce(rig.house.fake.driver, "0x1", "Kitchen");
    driver_report(kitchen, &(struct light_state){.has = LIGHT_ALL,
                                                 .on = true,
                                                 .level = 4016,
                                                 .kelvin = 2700,
                                                 .hue = 12050,
                                                 .saturation = 10000,
                                                 .mode = LIGHT_MODE_WHITE});
    (void)driver_announce(rig.house.fake.driver,
                          &(struct driver_announcement){
                              .address = "0x2", .name = "Plug", .profile = {LIGHT_ON, 0, 0, LIGHT_KIND_SWITCH}});
    house_turn(&rig.house, 2);
    rig.house.fake.answer_at_once = 1;
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static const struct json *light_at(size_t index)
{
    const struct json *light = json_first(json_get(rig.json, "lights"));
    for (; index > 0 && light; index--) {
        light = json_next(light);
    }
    return light;
}

static void a_light_as_a_document(void **state)
{
    struct str text = STR_INIT;
    (void)state;
    rig_ask(&rig, "GET", "/control/lights", NULL);
    assert_int_equal(rig.status, 200);
    assert_non_null(strstr(str_z(&rig.got), "Cache-Control: no-store"));
    assert_int_equal(json_count(json_get(rig.json, "lights")), 2);
    const struct json *light = light_at(0);
    assert_string_equal(json_get_text(light, "id"), house_info(house_light(&rig.house, "Kitchen")).id);
    assert_string_equal(json_get_text(light, "name"), "Kitchen");
    assert_string_equal(json_get_text(light, "driver"), "fake/one");
    assert_string_equal(json_get_text(light, "address"), "0x1");
    assert_string_equal(json_get_text(light, "kind"), "light");
    assert_string_equal(json_get_text(light, "reach"), "online");
    json_copy(&text, json_get(light, "can"));
    assert_string_equal(str_z(&text), "[\"on\",\"level\",\"kelvin\",\"color\"]");
    str_clear(&text);
    json_copy(&text, json_get(light, "state"));
    assert_string_equal(
        str_z(&text),
        "{\"on\":true,\"level\":40.16,\"kelvin\":2700,\"hue\":120.5,\"saturation\":100,\"mode\":\"white\"}");
    str_clear(&text);
    light = light_at(1);
    assert_string_equal(json_get_text(light, "kind"), "switch");
    assert_string_equal(json_get_text(light, "reach"), "unknown");
    assert_false(json_is_true(json_get(light, "exposed")));
    assert_null(json_get(light, "min_kelvin"));
    json_copy(&text, json_get(light, "state"));
    assert_string_equal(str_z(&text), "{}"); /* what is not known is not there */
    str_done(&text);
    driver_withdraw(kitchen);
    rig_ask(&rig, "GET", "/control/lights", NULL);
    assert_int_equal(json_count(json_get(rig.json, "lights")), 1);
}

static void driving(void **state)
{
    static const struct {
        const char *body;
        uint32_t has;
        uint16_t level, kelvin, hue, saturation;
        uint32_t transition_ms;
    } rows[] = {
        {"{\"light\":\"Kitchen\",\"on\":true}", LIGHT_ON, 0, 0, 0, 0, 0},
        {"{\"light\":\"kitchen\",\"level\":33.335,\"transition\":1.5}", LIGHT_ON | LIGHT_LEVEL, 3334, 0, 0, 0, 1500},
        {"{\"light\":\"Kitchen\",\"kelvin\":100}", LIGHT_KELVIN, 0, 2000, 0, 0, 0}, /* the lamp's own range */
        {"{\"light\":\"Kitchen\",\"hue\":360,\"saturation\":12.5}", LIGHT_COLOR, 0, 0, 0, 1250, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_ask(&rig, "POST", "/control/light", rows[i].body);
        assert_int_equal(rig.status, 200);
        assert_string_equal(json_get_text(rig.json, "basis"), "reported");
        assert_string_equal(json_get_text(json_get(rig.json, "light"), "name"), "Kitchen");
        assert_int_equal(rig.house.fake.applied, i + 1);
        const struct light_state *patch = &rig.house.fake.log[i].patch;
        assert_int_equal(patch->has & (LIGHT_LEVEL | LIGHT_KELVIN | LIGHT_COLOR),
                         rows[i].has & (LIGHT_LEVEL | LIGHT_KELVIN | LIGHT_COLOR));
        assert_int_equal(patch->has & LIGHT_LEVEL ? patch->level : 0, rows[i].level);
        assert_int_equal(patch->has & LIGHT_KELVIN ? patch->kelvin : 0, rows[i].kelvin);
        assert_int_equal(patch->has & LIGHT_HUE ? patch->hue : 0, rows[i].hue);
        assert_int_equal(patch->has & LIGHT_SATURATION ? patch->saturation : 0, rows[i].saturation);
        assert_int_equal(rig.house.fake.log[i].transition_ms, rows[i].transition_ms);
    }
    rig.house.fake.answer_at_once = 2;
    rig_ask(&rig, "POST", "/control/light", rows[0].body);
    assert_string_equal(json_get_text(rig.json, "basis"), "accepted");
    rig.house.fake.answer_at_once = 3;
    rig_ask(&rig, "POST", "/control/light", rows[0].body);
    assert_string_equal(json_get_text(rig.json, "basis"), "assumed");
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *error, *says;
    } rows[] = {
        {"", 400, "invalid_request", "JSON"},
        {"[]", 400, "invalid_request", "JSON"},
        {"{\"light\":\"Kitchen\"", 400, "invalid_request", "at byte"},
        {"{\"light\":\"Kitchen\",\"on\":true,\"on\":false}", 400, "invalid_request", "duplicate"},
        {"{\"on\":true}", 400, "invalid_request", "\"light\" is needed"},
        {"{\"light\":7,\"on\":true}", 400, "invalid_request", "\"light\" is needed"},
        {"{\"light\":\"Kitchen\"}", 400, "invalid_request", "nothing is asked"},
        {"{\"light\":\"Kitchen\",\"on\":\"yes\"}", 400, "invalid_request", "true or false"},
        {"{\"light\":\"Kitchen\",\"level\":100.01}", 400, "out_of_range", "\"level\" is a number 0..100"},
        {"{\"light\":\"Kitchen\",\"level\":-1}", 400, "out_of_range", "\"level\""},
        {"{\"light\":\"Kitchen\",\"level\":\"1\"}", 400, "out_of_range", "\"level\""},
        {"{\"light\":\"Kitchen\",\"hue\":361}", 400, "out_of_range", "\"hue\""},
        {"{\"light\":\"Kitchen\",\"on\":true,\"transition\":-1}", 400, "out_of_range", "\"transition\""},
        {"{\"light\":\"Kitchen\",\"name\":7}", 400, "invalid_request", "\"name\""},
        {"{\"light\":\"Kitchen\",\"name\":\"a\\nb\"}", 400, "invalid_request", "100 characters"},
        {"{\"light\":\"Kitchen\",\"expose\":\"no\"}", 400, "invalid_request", "\"expose\""},
        {"{\"light\":\"Kitchen\",\"onn\":true,\"on\":true}", 400, "invalid_request", "\"onn\""},
        {"{\"light\":\"Attic\",\"on\":true}", 404, "not_found", "\"Attic\""},
        {"{\"light\":\"Plug\",\"level\":5}", 422, "unsupported", "it can: on"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_ask(&rig, "POST", "/control/light", rows[i].body);
        if (rig.status != rows[i].status) {
            print_message("%s: %s\n", rows[i].body, rig.body);
        }
        assert_int_equal(rig.status, rows[i].status);
        assert_string_equal(json_get_text(rig.json, "error"), rows[i].error);
        assert_non_null(strstr(json_get_text(rig.json, "error_description"), rows[i].says));
    }
    assert_int_equal(rig.house.fake.applied, 0);
    assert_string_equal(house_info(house_light(&rig.house, "Kitchen")).name, "Kitchen");
}

static void what_lamps_refuse(void **state)
{
    static const struct {
        int result, status;
        const char *error;
    } rows[] = {
        {ERR_REJECTED, 502, "rejected"},       {ERR_IO, 502, "failed"},
        {ERR_OFFLINE, 504, "offline"},         {ERR_BUSY, 503, "busy"},
        {ERR_UNSUPPORTED, 422, "unsupported"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig.house.fake.answer_at_once = rows[i].result;
        rig_ask(&rig, "POST", "/control/light", "{\"light\":\"Kitchen\",\"on\":true}");
        assert_int_equal(rig.status, rows[i].status);
        assert_string_equal(json_get_text(rig.json, "error"), rows[i].error);
        assert_non_null(strstr(json_get_text(rig.json, "error_description"), "Kitchen"));
    }
    rig.house.fake.answer_at_once = 0; /* silence */
    rig_ask(&rig, "POST", "/control/light", "{\"light\":\"Kitchen\",\"on\":true}");
    assert_int_equal(rig.status, 504);
    assert_string_equal(json_get_text(rig.json, "error"), "no_answer");
}

static void a_name_that_fits_several(void **state)
{
    (void)state;
    (void)house_announce(rig.house.fake.driver, "0x3", "KITCHEN");
    rig_ask(&rig, "POST", "/control/light", "{\"light\":\"kitchen\",\"on\":true}");
    assert_int_equal(rig.status, 409);
    assert_string_equal(json_get_text(rig.json, "error"), "ambiguous");
    const struct json *first = json_first(json_get(rig.json, "candidates"));
    assert_string_equal(json_get_text(first, "name"), "Kitchen");
    assert_string_equal(json_get_text(json_next(first), "name"), "KITCHEN");
    assert_null(json_next(json_next(first)));
    assert_int_equal(rig.house.fake.applied, 0);
}

static void settings(void **state)
{
    (void)state;
    rig_ask(&rig, "POST", "/control/light",
            "{\"light\":\"Kitchen\",\"name\":\"Cooker\",\"room\":\"K\xc3\xbc"
            "che\",\"expose\":false,\"level\":10}");
    assert_int_equal(rig.status, 200); /* edited and driven in one */
    const struct json *light = json_get(rig.json, "light");
    assert_string_equal(json_get_text(light, "name"), "Cooker");
    assert_string_equal(json_get_text(light, "room"), "K\xc3\xbc"
                                                      "che");
    assert_false(json_is_true(json_get(light, "exposed")));
    assert_int_equal(rig.house.fake.applied, 1);
    rig_ask(&rig, "POST", "/control/light", "{\"light\":\"Cooker\",\"name\":\"\",\"expose\":true}");
    assert_string_equal(json_get_text(json_get(rig.json, "light"), "name"), "Kitchen");
    assert_null(json_get(rig.json, "basis"));
    rig_ask(&rig, "POST", "/control/light", "{\"light\":\"Kitchen\",\"forget\":true}");
    assert_int_equal(rig.status, 200);
    rig_ask(&rig, "POST", "/control/light", "{\"light\":\"Kitchen\",\"on\":true}");
    assert_int_equal(rig.status, 404);
}

static void accounts(void **state)
{
    static const struct {
        const char *body;
        int status;
    } rows[] = {
        {"{\"action\":\"add\",\"name\":\"anna\",\"password\":\"long enough\"}", 200},
        {"{\"action\":\"add\",\"name\":\"anna\",\"password\":\"long enough\"}", 409},
        {"{\"action\":\"add\",\"name\":\"bert\",\"password\":\"short\"}", 400},
        {"{\"action\":\"add\",\"name\":\"be rt\",\"password\":\"long enough\"}", 400},
        {"{\"action\":\"add\",\"name\":\"bert\"}", 400},
        {"{\"action\":\"dance\",\"name\":\"anna\"}", 400},
        {"{\"name\":\"anna\"}", 400},
        {"{\"action\":\"password\",\"name\":\"anna\",\"password\":\"another one\"}", 200},
        {"{\"action\":\"password\",\"name\":\"bert\",\"password\":\"another one\"}", 404},
        {"{\"action\":\"remove\",\"name\":\"bert\"}", 404},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_ask(&rig, "POST", "/control/accounts", rows[i].body);
        assert_int_equal(rig.status, rows[i].status);
        assert_null(strstr(str_z(&rig.got), "long enough")); /* a password is never said back */
    }
    rig_ask(&rig, "GET", "/control/accounts", NULL);
    const struct json *first = json_first(json_get(rig.json, "accounts"));
    assert_string_equal(json_get_text(first, "name"), "anna");
    assert_null(json_next(first));
    rig_ask(&rig, "POST", "/control/accounts", "{\"action\":\"remove\",\"name\":\"anna\"}");
    assert_int_equal(rig.status, 200);
    rig_ask(&rig, "GET", "/control/accounts", NULL);
    assert_int_equal(json_count(json_get(rig.json, "accounts")), 0);
}

static void issued(void *user, int result, const char *code, struct oauth_link *link)
{
    (void)code;
    assert_int_equal(result, 0);
    *(struct oauth_link **)user = link;
}

static void links(void **state)
{
    struct oauth_link *link = NULL;
    struct oauth_link_info info;
    char body[64];
    (void)state;
    rig_ask(&rig, "POST", "/control/accounts", "{\"action\":\"add\",\"name\":\"anna\",\"password\":\"long enough\"}");
    oauth_issue_code(rig.oauth, oauth_client_find(rig.oauth, "smartthings"),
                     &(struct oauth_grant){.account = "anna", .redirect_uri = rig_redirects[0], .scope = ""}, issued,
                     &link);
    house_until(&rig.house, link != NULL);
    oauth_link_info(link, &info);
    rig_ask(&rig, "GET", "/control/links", NULL);
    const struct json *first = json_first(json_get(rig.json, "links"));
    assert_string_equal(json_get_text(first, "id"), info.id);
    assert_string_equal(json_get_text(first, "account"), "anna");
    assert_string_equal(json_get_text(first, "client_name"), "SmartThings");
    assert_string_equal(json_get_text(first, "redirect_uri"), rig_redirects[0]);
    assert_true(json_is_true(json_get(first, "alive")));
    (void)snprintf(body, sizeof body, "{\"link\":\"%s\"}", info.id);
    rig_ask(&rig, "POST", "/control/unlink", body);
    assert_int_equal(rig.status, 200);
    assert_string_equal(rig.body, "{}\n");
    rig_ask(&rig, "POST", "/control/unlink", body);
    assert_int_equal(rig.status, 404);
    assert_string_equal(json_get_text(rig.json, "error"), "removed");
    rig_ask(&rig, "POST", "/control/unlink", "{\"link\":\"0011223344556677\"}");
    assert_int_equal(rig.status, 404);
    rig_ask(&rig, "POST", "/control/unlink", "{}");
    assert_int_equal(rig.status, 400);
    rig_ask(&rig, "GET", "/control/links", NULL);
    first = json_first(json_get(rig.json, "links"));
    assert_false(json_is_true(json_get(first, "alive")));
    assert_string_equal(json_get_text(first, "end_reason"), "ended on the bridge");
}

static const struct json *client_of(const char *id)
{
    rig_ask(&rig, "GET", "/control/clients", NULL);
    assert_int_equal(rig.status, 200);
    const struct json *c = json_first(json_get(rig.json, "clients"));
    while (c && strcmp(json_get_text(c, "id"), id) != 0) {
        c = json_next(c);
    }
    return c;
}

static void clients(void **state)
{
    (void)state;
    const struct json *c = client_of("smartthings");
    assert_string_equal(json_get_text(c, "source"), "configuration");
    assert_true(json_is_true(json_get(c, "in_force")));
    static const char dash[] = "{\"action\":\"add\",\"id\":\"dash\",\"name\":\"Dashboard\",\"scope\":\"devices:read\","
                               "\"redirect_uris\":[\"https://dash.example.org/cb\",\"http://127.0.0.1:7000/\"]}";
    rig_ask(&rig, "POST", "/control/clients", dash);
    assert_int_equal(rig.status, 200);
    assert_int_equal(strlen(json_get_text(rig.json, "client_secret")), 43);
    assert_string_equal(json_get_text(json_get(rig.json, "client"), "kind"), "confidential");
    rig_ask(&rig, "POST", "/control/clients", dash);
    assert_int_equal(rig.status, 409);
    c = client_of("dash");
    assert_string_equal(json_get_text(c, "name"), "Dashboard");
    assert_string_equal(json_get_text(c, "scope"), "devices:read");
    assert_string_equal(json_text(json_first(json_get(c, "redirect_uris"))), "https://dash.example.org/cb");
    assert_int_equal(json_count(json_get(c, "redirect_uris")), 2);
    assert_true(json_is_true(json_get(c, "iss")));
    assert_null(strstr(rig.body, "secret"));
    rig_ask(
        &rig, "POST", "/control/clients",
        "{\"action\":\"add\",\"id\":\"app\",\"public\":true,\"iss\":false,\"redirect_uris\":[\"https://a.example/\"]}");
    assert_int_equal(rig.status, 200);
    assert_null(json_get(rig.json, "client_secret"));
    assert_string_equal(json_get_text(client_of("app"), "kind"), "public");
    assert_false(json_is_true(json_get(client_of("app"), "iss")));
    static const struct {
        const char *body;
        int status;
    } wrong[] = {
        {"{\"action\":\"remove\",\"id\":\"nobody\"}", 404},
        {"{\"action\":\"remove\",\"id\":\"smartthings\"}", 400},
        {"{\"action\":\"remove\"}", 400},
        {"{\"action\":\"change\",\"id\":\"dash\"}", 400},
        {"{\"action\":\"add\",\"id\":\"x\",\"redirect_uris\":[]}", 400},
        {"{\"action\":\"add\",\"id\":\"x\",\"redirect_uris\":[7]}", 400},
        {"{\"action\":\"add\",\"id\":\"x\",\"redirect_uris\":[\"https://a.example/#x\"]}", 400},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rig_ask(&rig, "POST", "/control/clients", wrong[i].body);
        assert_int_equal(rig.status, wrong[i].status);
    }
    rig_ask(&rig, "POST", "/control/clients", "{\"action\":\"remove\",\"id\":\"dash\"}");
    assert_int_equal(rig.status, 200);
    assert_null(client_of("dash"));
}

static void status_and_discovery(void **state)
{
    int64_t lights = 0;
    (void)state;
    rig.health = "full";
    rig.trouble = "no space";
    rig_ask(&rig, "GET", "/control/status", NULL);
    assert_int_equal(rig.status, 200);
    assert_string_equal(json_get_text(rig.json, "version"), LIGHTBRIDGE_VERSION);
    assert_string_equal(json_get_text(json_get(rig.json, "store"), "health"), "full");
    assert_string_equal(json_get_text(json_get(rig.json, "store"), "trouble"), "no space");
    const struct json *driver = json_first(json_get(rig.json, "drivers"));
    assert_string_equal(json_get_text(driver, "name"), "fake/one");
    assert_string_equal(json_get_text(driver, "status"), "0 applied");
    assert_true(json_is_true(json_get(driver, "well")));
    assert_int_equal(json_integer(json_get(rig.json, "lights"), 0, 100, &lights), 0);
    assert_int_equal(lights, 2);
    rig_ask(&rig, "POST", "/control/discover", "{}");
    assert_int_equal(rig.status, 200);
    assert_int_equal(rig.house.fake.discovered, 1);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    assert_int_equal(secrets_init(), 0);
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_rig, close_rig)
    const struct CMUnitTest tests[] = {
        CASE(a_light_as_a_document),
        CASE(driving),
        CASE(what_is_refused),
        CASE(what_lamps_refuse),
        CASE(a_name_that_fits_several),
        CASE(settings),
        CASE(accounts),
        CASE(links),
        CASE(clients),
        CASE(status_and_discovery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
