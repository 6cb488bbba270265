/* Words and options of the command line, and what is printed of hostile text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/print.h"

static const char *path, *name;
static int flag;
static const struct option_spec options[] = {{"config", &path, NULL}, {"name", &name, NULL}, {"json", NULL, &flag}};
static const struct command command = {"try",         "WORD...", "does nothing", "  --json          yes\n",
                                       "And more.\n", NULL};

/* What a call writes to standard output or error. */
static char said[4096];
static int saved_out, saved_err;
static FILE *catcher;

static void listen_to_it(void)
{
    fflush(stdout);
    fflush(stderr);
    catcher = tmpfile();
    assert_non_null(catcher);
    saved_out = dup(STDOUT_FILENO);
    saved_err = dup(STDERR_FILENO);
    (void)dup2(fileno(catcher), STDOUT_FILENO);
    (void)dup2(fileno(catcher), STDERR_FILENO);
}

static void heard_it(void)
{
    fflush(stdout);
    fflush(stderr);
    (void)dup2(saved_out, STDOUT_FILENO);
    (void)dup2(saved_err, STDERR_FILENO);
    (void)close(saved_out);
    (void)close(saved_err);
    rewind(catcher);
    said[fread(said, 1, sizeof said - 1, catcher)] = 0;
    (void)fclose(catcher);
}

static int take(const char *const *argv, const char **words, size_t *ret_count, int *ret_exit)
{
    int argc = 0;
    path = name = NULL;
    flag = 0;
    *ret_exit = -1;
    while (argv[argc]) {
        argc++;
    }
    listen_to_it();
    int result = command_options(&command, argc, (char **)(uintptr_t)argv, options, 3, words, 2, ret_count, ret_exit);
    heard_it();
    return result;
}

static void options_and_words(void **state)
{
    const char *words[2] = {0};
    size_t count;
    int exit_code;
    (void)state;
    assert_int_equal(take((const char *const[]){"try", "a", "--config", "f", "--json", "b", "--name=", NULL}, words,
                          &count, &exit_code),
                     0);
    assert_int_equal(count, 2);
    assert_string_equal(words[0], "a");
    assert_string_equal(words[1], "b");
    assert_string_equal(path, "f");
    assert_string_equal(name, ""); /* an empty value is a value */
    assert_int_equal(flag, 1);
    assert_int_equal(
        take((const char *const[]){"try", "--name", "--json", "--", "--json", NULL}, words, &count, &exit_code), 0);
    assert_string_equal(name, "--json"); /* a value may look like an option */
    assert_int_equal(flag, 0);
    assert_string_equal(words[0], "--json");
    assert_int_equal(take((const char *const[]){"try", "-", NULL}, words, &count, &exit_code), 0);
    assert_string_equal(words[0], "-");
    assert_string_equal(said, "");
}

static void wrong_usage(void **state)
{
    static const struct {
        const char *argv[5];
        const char *says;
    } rows[] = {
        {{"try", "--nothing"}, "unknown option --nothing"},
        {{"try", "-j"}, "unknown option -j"},
        {{"try", "--json=yes"}, "unknown option --json=yes"},
        {{"try", "--js"}, "unknown option --js"},
        {{"try", "--name"}, "--name needs a value"},
        {{"try", "a", "b", "c"}, "\"c\" is one word too many"},
        {{"try", "--a\x1b[31m"}, "unknown option --a\\x1b[31m"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *words[2];
        size_t count;
        int exit_code;
        assert_int_equal(take(rows[i].argv, words, &count, &exit_code), -1);
        assert_int_equal(exit_code, EXIT_USAGE);
        assert_non_null(strstr(said, rows[i].says));
        assert_non_null(strstr(said, "lightbridge try: "));
        assert_non_null(strstr(said, "`lightbridge try --help` says more\n"));
    }
}

static void help_on_each(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        char *argv[] = {(char *)(uintptr_t)commands[i].name, "--help", NULL};
        struct str usage = STR_INIT;
        listen_to_it();
        int exit_code = commands[i].run(&commands[i], 2, argv);
        heard_it();
        assert_int_equal(exit_code, EXIT_FINE);
        str_printf(&usage, "usage: lightbridge %s ", commands[i].name);
        assert_int_equal(strncmp(said, str_z(&usage), usage.len), 0);
        assert_non_null(strstr(said, commands[i].options));
        for (const char *at = said; *at; at += strcspn(at, "\n") + 1) {
            assert_true(strcspn(at, "\n") <= 92);
        }
        str_done(&usage);
    }
}

static void cells(void **state)
{
    static const struct {
        const char *text, *cell;
    } rows[] = {
        {"abc", "abc     |"},
        {"", "        |"},
        {"Küche", "Küche   |"},
        {"电灯", "电灯    |"},              /* two columns each */
        {"u\xcc\x88", "u\xcc\x88       |"}, /* a combining letter */
        {"longer than that", "longer than that  |"},
        {"a\x1b[1m\n", "a\\x1b[1m\\n  |"},
        {"\xff", "\\xff    |"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        listen_to_it();
        print_cell(rows[i].text, 6);
        putchar('|');
        heard_it();
        assert_string_equal(said, rows[i].cell);
    }
    listen_to_it();
    print_time(0);
    heard_it();
    assert_string_equal(said, "never");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_words),
        cmocka_unit_test(wrong_usage),
        cmocka_unit_test(help_on_each),
        cmocka_unit_test(cells),
    };
    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* as main does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
