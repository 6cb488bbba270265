/* What is installed beside the program says what the program's own tables say: the default configuration knows every
   key, the completion every command. With --write the completion is written anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "app/config_check.h"
#include "app/config_place.h"
#include "app/config_schema.h"
#include "base/file.h"

#define YAML LB_SOURCE "/packaging/lightbridge.yaml"
#define COMPLETION LB_SOURCE "/packaging/lightbridge.bash-completion"

/* ---- the default configuration ---- */

/* In it "# Words" are for people and "#key:" is a key that is switched off: here they are all switched on. */
static void switch_on(const struct str *text, struct str *ret)
{
    const char *end = text->data + text->len;
    for (const char *line = text->data; line < end;) {
        size_t len = strcspn(line, "\n") + 1;
        bool words = len > 2 && line[0] == '#' && line[1] == ' ' && line[2] != ' ';
        if (!words) {
            str_add(ret, line + (line[0] == '#'), len - (line[0] == '#'));
        }
        line += len;
    }
}

static struct config *parse(const struct str *text, const char *path)
{
    struct str why = STR_INIT;
    struct config *config = NULL;
    if (config_parse(str_z(text), text->len, path, &config, &why) != 0) {
        print_error("%s", str_z(&why));
    }
    str_done(&why);
    assert_non_null(config);
    return config;
}

static void as_installed_it_has_no_lights_and_nothing_to_complain_of(void **state)
{
    struct str text = STR_INIT;
    (void)state;
    assert_int_equal(file_read(YAML, 1u << 20, &text), 0);
    struct config *config = parse(&text, "/etc/lightbridge/lightbridge.yaml");
    assert_int_equal(config->mqtt_count, 0);
    assert_int_equal(config->virtual.lights, 0);
    config_free(config);
    str_done(&text);
}

/* Of a list there are two entries, each with some of its keys. */
static bool is_named(const struct config_places *places, const char *key)
{
    const char *list = strstr(key, "[].");
    bool found = !list && config_places_find(places, key);
    for (int i = 0; list && i < 2; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%.*s[%d]%s", (int)(list - key), key, i, list + 2);
        found |= config_places_find(places, path) != NULL;
    }
    return found;
}

static void it_names_every_key_and_what_it_means(void **state)
{
    struct str text = STR_INIT, on = STR_INIT;
    (void)state;
    assert_int_equal(file_read(YAML, 1u << 20, &text), 0);
    switch_on(&text, &on);
    struct config_places *places = config_places_new(str_z(&on), on.len);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *k = &config_keys[i];
        if (!is_named(places, k->path) || !strstr(str_z(&text), k->meaning)) {
            fail_msg("packaging/lightbridge.yaml lacks %s, or its meaning: %s", k->path, k->meaning);
        }
    }
    config_places_free(places);
    str_done(&text);
    str_done(&on);
}

static void all_its_examples_are_valid(void **state)
{
    static const char *const secrets[] = {"smartthings.secret", "callback.secret", "smartapp.secret", "provider.secret",
                                          "mqtt.secret"};
    struct str text = STR_INIT, on = STR_INIT;
    char folder[] = "/tmp/packaged_test.XXXXXX", path[128];
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(file_read(YAML, 1u << 20, &text), 0);
    switch_on(&text, &on);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) { /* as LoadCredential= lays them out */
        (void)snprintf(path, sizeof path, "%s/secrets_%s", folder, secrets[i]);
        assert_int_equal(file_write(path, "x\n", 2, 0600), 0);
    }
    const char *const more[] = {"tls", "ca.pem", "tls/fullchain.pem", "tls/privkey.pem"};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, more[i]);
        assert_int_equal(i == 0 ? mkdir(path, 0700) : file_write(path, "x\n", 2, 0600), 0);
    }
    (void)snprintf(path, sizeof path, "%s/lightbridge.yaml", folder);
    struct config *config = parse(&on, path);
    assert_int_equal(config->mqtt_count, 2);
    assert_int_equal(config->virtual.lights, 3);
    config_free(config);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    (void)snprintf(path, sizeof path, "rm -r %s", folder);
    assert_int_equal(system(path), 0);
    str_done(&text);
    str_done(&on);
}

/* ---- the completion ---- */

/* Words of the usage that are typed as they stand: small letters between spaces, bars and brackets, options too. */
static void add_words(struct str *s, const char *usage)
{
    while (*usage) {
        size_t len = strcspn(usage, " |[]\n");
        bool typed = len > 0;
        for (size_t i = 0; i < len; i++) {
            typed &= islower((unsigned char)usage[i]) || usage[i] == '-';
        }
        bool own = len == strlen("lightbridge") && strncmp(usage, "lightbridge", len) == 0;
        char word[64];
        (void)snprintf(word, sizeof word, " %.*s ", (int)len, usage);
        if (typed && !own && strlen(word) < sizeof word - 1 && !strstr(str_z(s), word)) {
            str_add_z(s, word + 1);
        }
        usage += len + (usage[len] != 0);
    }
}

static void add_command(struct str *s, const struct command *c)
{
    struct str words = STR_INIT;
    str_add_char(&words, ' ');
    add_words(&words, c->arguments);
    for (const char *at = c->options; *at; at += strcspn(at, "\n") + 1) {
        char option[64];
        (void)snprintf(option, sizeof option, "%.*s", (int)strcspn(at + 2, " "), at + 2);
        add_words(&words, option);
    }
    add_words(&words, "--config --help");
    str_printf(s, "        %s) words=\"%.*s\" ;;\n", c->name, (int)words.len - 2, str_z(&words) + 1);
    str_done(&words);
}

static void write_completion(struct str *s)
{
    str_add_z(
        s, "# bash completion for lightbridge(1): written by tests/unit/app/packaged_test --write from the table in\n"
           "# bridge/app/command.c\n\n"
           "_lightbridge() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=\n"
           "    if [ \"$prev\" = --config ]; then\n"
           "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
           "        return\n"
           "    fi\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        words=\"");
    for (size_t i = 0; i < command_count; i++) {
        str_printf(s, "%s ", commands[i].name);
    }
    str_add_z(s, "--help --version\"\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < command_count; i++) {
        add_command(s, &commands[i]);
    }
    str_add_z(s, "        esac\n    fi\n    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\n"
                 "complete -F _lightbridge lightbridge\n");
}

static void the_completion_knows_every_command(void **state)
{
    struct str there = STR_INIT, right = STR_INIT;
    (void)state;
    assert_int_equal(file_read(COMPLETION, 1u << 20, &there), 0);
    write_completion(&right);
    if (strcmp(str_z(&there), str_z(&right)) != 0) {
        fail_msg("%s is not what the table says; write it with unit_app_packaged_test --write", COMPLETION);
    }
    str_done(&there);
    str_done(&right);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_installed_it_has_no_lights_and_nothing_to_complain_of),
        cmocka_unit_test(it_names_every_key_and_what_it_means),
        cmocka_unit_test(all_its_examples_are_valid),
        cmocka_unit_test(the_completion_knows_every_command),
    };
    if (argc == 2 && strcmp(argv[1], "--write") == 0) {
        struct str s = STR_INIT;
        write_completion(&s);
        int err = file_write(COMPLETION, str_z(&s), s.len, 0644);
        str_done(&s);
        return err == 0 ? 0 : 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
