/* The configuration: every key, good and bad; where it is wrong and what would be right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config.h"
#include "app/config_explain.h"
#include "app/config_schema.h"
#include "base/err.h"
#include "base/log.h"

static char folder[64];
static char *inside(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const char *text)
{
    FILE *f = fopen(inside(name), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/config_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    put_file("secret", "s3cret\n");
    put_file("other", "s3cret\n");
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"secret", "other", "c.yaml", "some_where"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)unlink(inside(names[i]));
    }
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

/* NULL: refused, with `why` filled. */
static struct config *parse(const char *text, struct str *why)
{
    struct config *config = NULL;
    str_clear(why);
    int err = config_parse(text, strlen(text), inside("c.yaml"), &config, why);
    assert_int_equal(err == 0, config != NULL);
    assert_int_equal(err == 0, why->len == 0);
    return config;
}

static void empty_is_valid(void **state)
{
    static const char *const texts[] = {"", "\n", "# nothing\n", "---\n", "{}\n", "--- # nothing\n...\n"};
    struct str why = STR_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct config *c = parse(texts[i], &why);
        assert_non_null(c);
        assert_string_equal(c->public.listen, "127.0.0.1:8000");
        assert_null(c->public.url);
        assert_null(c->public.tls);
        assert_string_equal(c->local.listen, "127.0.0.1:8001");
        assert_string_equal(c->local.socket, "/run/lightbridge/control.sock");
        assert_string_equal(c->store.path, "/var/lib/lightbridge/lightbridge.db");
        assert_string_equal(c->store.key_file, "/var/lib/lightbridge/token.key");
        assert_string_equal(c->smartthings.client_id, "smartthings");
        assert_int_equal(c->smartthings.redirect_uris_count, 3);
        assert_string_equal(c->smartthings.redirect_uris[1], "https://c2c-eu.smartthings.com/oauth/callback");
        assert_int_equal(c->smartthings.callback_hosts_count, 1);
        assert_string_equal(c->smartthings.callback_hosts[0], "smartthings.com");
        assert_int_equal(c->smartthings.offline_error, CONFIG_DEVICE_UNAVAILABLE);
        assert_int_equal(c->lights.expose_switches, 0);
        assert_int_equal(c->log.level, LOG_LEVEL_INFO);
        assert_int_equal(c->mqtt_count, 0);
        assert_int_equal(c->virtual.lights, 0);
        assert_int_equal(c->accounts.memory_kib, 19456);
        assert_int_equal(c->accounts.passes, 2);
        config_free(c);
    }
}

static void every_key(void **state)
{
    struct str why = STR_INIT;
    (void)state;
    struct config *c = parse("public:\n"
                             "  listen: '[::1]:8443'\n"
                             "  url: https://lights.example.org\n"
                             "  tls: {certificate_file: chain.pem, key_file: /abs/key.pem}\n"
                             "  trusted_proxies: [127.0.0.1, '::1']\n"
                             "local: {listen: 127.0.0.1:0, socket: run/control.sock, names: [gateway.home]}\n"
                             "store: {path: my.db, key_file: my.key}\n"
                             "smartthings:\n"
                             "  client_id: st\n"
                             "  client_secret_file: secret\n"
                             "  redirect_uris: ['https://c2c-us.smartthings.com/oauth/callback']\n"
                             "  callback_client_id: theirs\n"
                             "  callback_client_secret_file: other\n"
                             "  callback_hosts: [smartthings.com, 127.0.0.1]\n"
                             "  offline_error: DEVICE-OFFLINE\n"
                             "lights: {expose_switches: yes, expose_groups: true}\n"
                             "log: {level: error}\n"
                             "mqtt:\n"
                             "  - name: home\n"
                             "    url: mqtts://broker:8884\n"
                             "    username: lights\n"
                             "    password_file: secret\n"
                             "    ca_file: other\n"
                             "    zigbee2mqtt: [zigbee2mqtt, cellar/z2m]\n"
                             "    homeassistant: []\n"
                             "    homeassistant_birth: yes\n"
                             "    optimistic: on\n"
                             "  - url: mqtt://second\n"
                             "    tasmota: []\n"
                             "    shelly: [+, attic/lamp]\n"
                             "    wled: [wled/+, wled/desk 192.168.1.20:8080]\n"
                             "virtual: {lights: 10000}\n"
                             "accounts: {memory_kib: 8192, passes: 5}\n",
                             &why);
    assert_string_equal(str_z(&why), "");
    assert_non_null(c);
    assert_string_equal(c->public.listen, "[::1]:8443");
    assert_string_equal(c->public.tls->certificate_file, inside("chain.pem")); /* relative to the file */
    assert_string_equal(c->public.tls->key_file, "/abs/key.pem");
    assert_int_equal(c->public.trusted_proxies_count, 2);
    assert_string_equal(c->local.socket, inside("run/control.sock"));
    assert_string_equal(c->local.names[0], "gateway.home");
    assert_string_equal(c->store.path, inside("my.db"));
    assert_string_equal(c->smartthings.client_secret_file, inside("secret"));
    assert_int_equal(c->smartthings.redirect_uris_count, 1);
    assert_int_equal(c->smartthings.callback_hosts_count, 2);
    assert_int_equal(c->smartthings.offline_error, CONFIG_DEVICE_OFFLINE);
    assert_int_equal(c->lights.expose_switches, 1);
    assert_int_equal(c->lights.expose_groups, 1);
    assert_int_equal(c->log.level, LOG_LEVEL_ERROR);
    assert_int_equal(c->mqtt_count, 2);
    assert_int_equal(c->mqtt[0].optimistic, 1);
    assert_string_equal(c->mqtt[0].zigbee2mqtt[1], "cellar/z2m");
    assert_string_equal(c->mqtt[0].ca_file, inside("other"));
    assert_string_equal(c->mqtt[1].name, "second"); /* its host */
    assert_string_equal(c->mqtt[1].zigbee2mqtt[0], "zigbee2mqtt");
    assert_string_equal(c->mqtt[1].homeassistant[0], "homeassistant");
    assert_int_equal(c->mqtt[0].homeassistant_count, 0); /* [] is none */
    assert_int_equal(c->mqtt[0].homeassistant_birth, 1);
    assert_string_equal(c->mqtt[0].tasmota[0], "tasmota/discovery");
    assert_int_equal(c->mqtt[1].tasmota_count, 0); /* an empty list is one */
    assert_true(c->mqtt[0].shelly_count == 1 && strcmp(c->mqtt[0].shelly[0], "+") == 0);
    assert_string_equal(c->mqtt[0].shelly1[0], "shellies");
    assert_string_equal(c->mqtt[0].wled[0], "wled/+");
    assert_string_equal(c->mqtt[1].shelly[1], "attic/lamp");
    assert_string_equal(c->mqtt[1].wled[1], "wled/desk 192.168.1.20:8080");
    assert_int_equal(c->virtual.lights, 10000);
    assert_true(config_password_cost(c).memory_kib == 8192 && config_password_cost(c).passes == 5);
    config_free(c);
}

/* text, where, what is said of it */
static const struct {
    const char *text, *where, *says;
} wrongs[] = {
    /* structure: the first is told */
    {"hello", "1:1", "the file is one value; right would be keys"},
    {"- a", "1:1", "the file is a list"},
    {"public: 5", "1:9", "public: is one value; right would be keys below it"},
    {"public:\n", "1:8", "public: has no value; right would be keys below it, or to leave it out"},
    {"public: {listen: [a]}", "1:18", "public.listen: is a list; right would be: host:port"},
    {"public: {tls: x}", "1:15", "public.tls: is one value; right would be keys"},
    {"public: {trusted_proxies: 127.0.0.1}", "1:27", "is one value; right would be: list of IP addresses"},
    {"mqtt: {url: x}", "1:7", "mqtt: is a group of keys; right would be a list"},
    {"mqtt:\n- ", "2:2", "mqtt[0]: has no value"},
    {"mqtt:\n- url: mqtt://h\n  zigbee2mqtt: z2m", "3:16",
     "mqtt[0].zigbee2mqtt: is one value; right would be: list of"},
    {"lights: {expose_switches: maybe}", "1:27", "expose_switches: \"maybe\" is not good; right would be: yes or no"},
    {"lights: {expose_groups: 1}", "1:25", "lights.expose_groups: \"1\" is not good; right would be: yes or no"},
    {"log: {level: loud}", "1:14", "log.level: \"loud\" is not good; right would be: error, warn, info or debug"},
    {"smartthings: {offline_error: OFF}", "1:30", "right would be: DEVICE-UNAVAILABLE or DEVICE-OFFLINE"},
    {"virtual: {lights: -1}", "1:19", "\"-1\" is not good; right would be: number, 0 to 10000"},
    {"virtual: {lights: 99999999999}", "1:19", "is not good; right would be: number"},
    {"mqtt:\n- url: mqtt://h\n  optimistic: perhaps", "3:15", "mqtt[0].optimistic: \"perhaps\" is not good"},
    {"public: {listen: a, listen: b}", "1:21", "public.listen: is there twice"},
    {"a: &x {}\nlocal: *x", "2:8", "anchors and aliases"},
    {"{}\n---\nb: 2", "2:1", "a second document"},
    {"public:\n\tlisten: a", "2:1", "YAML indents with spaces"},
    {"public:\n  listen: \"x", "2:13", ""},
    {"log: {level: info}\n# \xff\n", "2:3", "UTF-8"},
    {"[[[[[[[[[[[[[[[[[[[[", "1:17", "nested too deeply"},
    {"{[a]: b}", "1:2", "a key is one word"},
    /* unknown keys */
    {"pubilc: {}", "1:1", "unknown key \"pubilc\"; did you mean \"public\"?"},
    {"nothing: {}", "1:1",
     "(known here: public, local, store, smartthings, accounts, lights, log, mqtt, partner, virtual)"},
    {"local: {}\npublic:\n  listn: 1", "3:3",
     "public: unknown key \"listn\"; did you mean \"listen\"? (known here: listen, "},
    {"mqtt:\n- url: mqtt://h\n- url: mqtt://i\n  pasword_file: x", "4:3",
     "mqtt[1]: unknown key \"pasword_file\"; did you mean"},
    {"public: {tls: {cert: x}}", "1:16", "public.tls: unknown key \"cert\" (known here: certificate_file, key_file)"},
    {"\"a\\e[31m\": 1", "1:1", "unknown key \"a\\x1b[31m\""},
    /* values: all are told */
    {"public: {listen: 8000}", "1:18", "public.listen: \"8000\" is no address"},
    {"public: {listen: 'localhost:8000'}", "1:18", "right would be 127.0.0.1:8000 or [::1]:8000"},
    {"public: {listen: '127.0.0.1:65536'}", "1:18", "is no address"},
    {"public: {listen: ''}", "1:18", "public.listen: is empty; without the key it is: 127.0.0.1:8000"},
    {"public: {listen: \"127.0.0.1:80\\0\"}", "1:18", "has a zero byte in it"},
    {"public: {url: http://lights.example.org}", "1:15", "right would be https://lights.example.org"},
    {"public: {url: 'https://h/path'}", "1:15", "has a path"},
    {"public: {url: 'https://h:8443'}", "1:15", "ports 80 to 8002 only, not to 8443"},
    {"public: {tls: {key_file: x}}", "1:15", "needs both certificate_file and key_file"},
    {"public: {trusted_proxies: [127.0.0.1, proxy]}", "1:39", "trusted_proxies[1]: \"proxy\" is no IP address"},
    {"local: {listen: x}", "1:17", "local.listen: \"x\" is no address"},
    {"public: {listen: '127.0.0.1:81'}\nlocal: {listen: '127.0.0.1:81'}", "2:17", "is public.listen too"},
    {"local: {socket: /a123456789b123456789c123456789d123456789e123456789f123456789g123456789h123456789"
     "i123456789j123456789k}",
     "1:17", "100 bytes"},
    {"local: {names: ['http://x']}", "1:17", "local.names[0]: \"http://x\" is no host name"},
    {"store: {path: a, key_file: a}", "1:28", "is the same file as store.path"},
    {"store: {path: ''}", "1:15", "store.path: is empty"},
    {"smartthings: {client_id: ''}", "1:26", "is empty; without the key it is: smartthings"},
    {"smartthings: {client_secret_file: none}", "1:35", "none\": No such file or directory"},
    {"smartthings: {callback_client_id: x}", "1:35", "go together"},
    {"smartthings: {callback_client_secret_file: secret}", "1:44", "go together"},
    {"smartthings: {client_id: x, callback_client_id: x, callback_client_secret_file: secret}", "1:49", "the same as"},
    {"smartthings: {redirect_uris: [x]}", "1:31", "redirect_uris[0]: \"x\" is no URL"},
    {"smartthings: {callback_hosts: ['*.smartthings.com']}", "1:32", "is no host name; right would be smartthings.com"},
    {"mqtt:\n- name: a", "2:3", "mqtt[0].url: is missing; right would be url: mqtt://127.0.0.1:1883"},
    {"mqtt:\n- url: http://h", "2:8", "\"http://h\" is no broker"},
    {"mqtt:\n- url: mqtt://h/x", "2:8", "is no broker"},
    {"mqtt:\n- url: mqtt://h\n  name: a b", "3:9", "\"a b\" is no name"},
    {"mqtt:\n- url: mqtt://h\n- url: mqtt://h:1884", "3:3", "\"h\" is the name of another broker"},
    {"mqtt:\n- url: mqtt://h\n  password_file: secret", "3:18", "has no username beside it"},
    {"mqtt:\n- url: mqtt://h\n  ca_file: secret", "3:12", "is for mqtts:// brokers only"},
    {"mqtt:\n- url: mqtts://h\n  ca_file: none", "3:12", "cannot read"},
    {"mqtt:\n- url: mqtt://h\n  zigbee2mqtt: ['a/#']", "3:17", "\"a/#\" is no base topic"},
    {"mqtt:\n- url: mqtt://h\n  zigbee2mqtt: [a, b, a]", "3:23", "\"a\" is listed twice"},
    {"mqtt:\n- url: mqtt://h\n  homeassistant: [ha/+]", "3:19",
     "\"ha/+\" is no base topic; right would be homeassistant"},
    {"mqtt:\n- url: mqtt://h\n  tasmota: [tasmota/+]", "3:13", "\"tasmota/+\" is no base topic"},
    {"mqtt:\n- url: mqtt://h\n  shelly: [+, attic/+]", "3:15",
     "\"attic/+\" is no topic prefix; right would be + for all"},
    {"mqtt:\n- url: mqtt://h\n  shelly1: ['']", "3:13", "shelly1[0]"},
    {"mqtt:\n- url: mqtt://h\n  wled: [wled/+ 10.0.0.1]", "3:10", "\"wled/+ 10.0.0.1\" is no topic of WLED"},
    {"mqtt:\n- url: mqtt://h\n  wled: [wled/desk not a host]", "3:10", "is no topic of WLED"},
    {"mqtt:\n- url: mqtt://h\n  wled: [a, a]", "3:13", "\"a\" is listed twice"},
    {"accounts: {memory_kib: 0}", "1:24", "0 is out of range; right would be 19456"},
    {"accounts: {memory_kib: 1048577}", "1:24", "1048577 is out of range; right would be 19456"},
    {"accounts: {passes: 65}", "1:20", "65 is out of range; right would be 2, or 1 to 64"},
    {"partner: {requests_per_minute: 0}", "1:32", "0 is out of range; right would be 120, or 1 to 100000"},
    {"partner: {webhook_hosts: [http://hub]}", "1:27", "\"http://hub\" is no host name; right would be hub.home"},
    {"virtual: {lights: 10001}", "1:19", "10001 is too many; right would be 0 to 10000"},
};

static void where_and_what(void **state)
{
    struct str why = STR_INIT;
    struct str start = STR_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct config *taken = parse(wrongs[i].text, &why);
        config_free(taken);
        if (taken) {
            fail_msg("%s\nwas taken", wrongs[i].text);
        }
        str_clear(&start);
        str_printf(&start, "%s:%s: ", inside("c.yaml"), wrongs[i].where);
        if (strncmp(str_z(&why), str_z(&start), start.len) != 0 || !strstr(str_z(&why), wrongs[i].says)) {
            fail_msg("%s\nsays %snot %s%s", wrongs[i].text, str_z(&why), str_z(&start), wrongs[i].says);
        }
        assert_int_equal(why.data[why.len - 1], '\n');
        assert_ptr_equal(strchr(str_z(&why), '\n'), why.data + why.len - 1); /* one line, and one only */
    }
    str_done(&why);
    str_done(&start);
}

static void all_wrong_values_at_once(void **state)
{
    struct str why = STR_INIT;
    size_t lines = 0;
    (void)state;
    assert_null(parse("public:\n  listen: here\n  url: ftp://x\nmqtt:\n- url: nothing\n- name: ''\n  url: mqtt://h\n"
                      "virtual: {lights: 20000}\n",
                      &why));
    for (const char *at = str_z(&why); *at; at = strchr(at, '\n') + 1) {
        lines++;
    }
    assert_int_equal(lines, 5);
    static const char *const places[] = {":2:11: ", ":3:8: ", ":5:8: ", ":6:9: ", ":8:19: "};
    for (size_t i = 0; i < 5; i++) {
        assert_non_null(strstr(str_z(&why), places[i]));
    }
    /* A structural error stops at the first: what stands below it cannot be trusted. */
    assert_null(parse("public: {listen: here}\nlog: 5\nlocal: 7\n", &why));
    assert_null(strstr(str_z(&why), "public"));
    assert_null(strstr(str_z(&why), "local"));
    str_done(&why);
}

static void files(void **state)
{
    struct config *c = NULL;
    struct str why = STR_INIT;
    (void)state;
    assert_int_equal(config_load(inside("none.yaml"), &c, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(str_z(&why), "none.yaml: no such file (an empty file is a valid configuration)\n"));
    str_clear(&why);
    assert_int_not_equal(config_load(folder, &c, &why), 0);
    assert_non_null(strstr(str_z(&why), "is no file"));
    str_clear(&why);
    put_file("c.yaml", "virtual: {lights: 2}\n");
    assert_int_equal(config_load(inside("c.yaml"), &c, &why), 0);
    assert_int_equal(c->virtual.lights, 2);
    config_free(c);
    c = NULL;
    FILE *f = fopen(inside("c.yaml"), "w");
    for (unsigned i = 0; i <= CONFIG_MAX_BYTES / 8; i++) {
        (void)fputs("#######\n", f);
    }
    (void)fclose(f);
    assert_int_equal(config_load(inside("c.yaml"), &c, &why), ERR_TOO_LARGE);
    assert_non_null(strstr(str_z(&why), "larger than 1 MiB"));
    assert_null(c);
    str_done(&why);
}

static void credentials_come_first(void **state)
{
    struct str why = STR_INIT;
    (void)state;
    char *path = config_secret_path("/somewhere/secret");
    assert_string_equal(path, "/somewhere/secret");
    free(path);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    path = config_secret_path("/somewhere/secret");
    assert_string_equal(path, inside("secret"));
    free(path);
    path = config_secret_path("/somewhere/else"); /* not among them: where the key says */
    assert_string_equal(path, "/somewhere/else");
    free(path);
    path = config_secret_path("/etc/some/where"); /* LoadCredential=some:/etc/some makes this of it */
    assert_string_equal(path, "/etc/some/where");
    free(path);
    put_file("some_where", "s3cret\n");
    path = config_secret_path("/etc/some/where");
    assert_string_equal(path, inside("some_where"));
    free(path);
    path = config_secret_path("/where");
    assert_string_equal(path, "/where");
    free(path);
    struct config *c = parse("smartthings: {client_secret_file: /nowhere/secret}", &why);
    assert_non_null(c);
    config_free(c);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_null(parse("smartthings: {client_secret_file: /nowhere/secret}", &why));
    str_done(&why);
}

static void addresses_to_listen_on(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
    } good[] = {{"127.0.0.1:8000", "127.0.0.1", 8000}, {"0.0.0.0:0", "0.0.0.0", 0}, {"[::1]:65535", "::1", 65535}};
    static const char *const bad[] = {"",
                                      ":80",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:+1",
                                      "127.0.0.1:1x",
                                      "::1:80",
                                      "[::1]",
                                      "[]:80",
                                      "host:80",
                                      "1.2.3:80",
                                      "127.0.0.1:65536",
                                      "[1.2.3.4]:80",
                                      "127.0.0.1:18446744073709551617"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct str host = STR_INIT;
        uint16_t port = 1;
        assert_int_equal(config_split_listen(good[i].text, &host, &port), 0);
        assert_string_equal(str_z(&host), good[i].host);
        assert_int_equal(port, good[i].port);
        str_done(&host);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct str host = STR_INIT;
        uint16_t port = 1;
        if (config_split_listen(bad[i], &host, &port) != ERR_INVALID) {
            fail_msg("\"%s\" was taken", bad[i]);
        }
        str_done(&host);
    }
}

/* Every key that the loader knows is a row of the table that people read, and the reverse. */
static void count_keys(const cyaml_schema_field_t *fields, const char *above, size_t *count)
{
    for (; fields->key; fields++) {
        char path[256];
        const cyaml_schema_field_t *below = NULL;
        const char *ending = "";
        if (fields->value.type == CYAML_MAPPING) {
            below = fields->value.mapping.fields;
        } else if (fields->value.type == CYAML_SEQUENCE && fields->value.sequence.entry->type == CYAML_MAPPING) {
            below = fields->value.sequence.entry->mapping.fields;
            ending = "[]";
        }
        (void)snprintf(path, sizeof path, "%s%s%s%s", above, *above ? "." : "", fields->key, ending);
        if (below) {
            count_keys(below, path, count);
        } else {
            const struct config_key *row = config_key_of(path);
            if (!row) {
                fail_msg("%s is not in config_keys", path);
            }
            assert_string_equal(row->path, path);
            assert_true(*row->type && *row->absent && *row->meaning);
            (*count)++;
        }
    }
}

static void the_table_is_whole(void **state)
{
    size_t count = 0;
    (void)state;
    count_keys(config_schema.mapping.fields, "", &count);
    assert_int_equal(count, config_key_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_is_valid),
        cmocka_unit_test(every_key),
        cmocka_unit_test(where_and_what),
        cmocka_unit_test(all_wrong_values_at_once),
        cmocka_unit_test(files),
        cmocka_unit_test(credentials_come_first),
        cmocka_unit_test(addresses_to_listen_on),
        cmocka_unit_test(the_table_is_whole),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
