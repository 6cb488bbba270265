/* The manual pages say what the program's own tables say. With --write the sections are written anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "app/config_schema.h"
#include "base/file.h"

#define MAN LB_SOURCE "/packaging/man/"

/* Text as man(7) source: no line begins with a control character, and a dash is one that can be copied. */
static void add_source(struct str *s, const char *text)
{
    for (const char *p = text; *p; p++) {
        if ((p == text || p[-1] == '\n') && (*p == '.' || *p == '\'')) {
            str_add_z(s, "\\&");
        }
        switch (*p) {
        case '-':
            str_add_z(s, "\\-");
            break;
        case '\\':
            str_add_z(s, "\\e");
            break;
        case '\'':
            str_add_z(s, "\\(aq");
            break;
        case '`':
            str_add_z(s, "\\(ga");
            break;
        default:
            str_add_char(s, *p);
        }
    }
}

static void add_options(struct str *s, const char *options)
{
    char line[256];
    for (const char *at = options; *at; at += strcspn(at, "\n") + 1) {
        (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(at + 2, "\n"), at + 2);
        char *meaning = strstr(line, "  ");
        assert_non_null(meaning); /* two spaces stand between an option and what it does */
        *meaning = 0;
        meaning += 1 + strspn(meaning + 1, " ");
        str_add_z(s, ".TP\n.B ");
        add_source(s, line);
        str_add_char(s, '\n');
        add_source(s, meaning);
        str_add_char(s, '\n');
    }
}

static void write_commands(struct str *s)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        str_add_z(s, ".SS ");
        add_source(s, c->name);
        str_add_z(s, "\n.nf\n.B lightbridge ");
        add_source(s, c->name);
        str_add_char(s, *c->arguments ? ' ' : '\n');
        for (const char *at = c->arguments; *at;) { /* further forms stand on lines of their own, indented */
            size_t len = strcspn(at, "\n");
            char form[256];
            (void)snprintf(form, sizeof form, "%.*s", (int)len, at);
            str_add_z(s, at == c->arguments ? "" : ".B ");
            add_source(s, form + strspn(form, " "));
            str_add_char(s, '\n');
            at += len + (at[len] == '\n');
        }
        str_add_z(s, ".fi\n.PP\n");
        add_source(s, c->summary);
        str_add_z(s, ".\n");
        add_source(s, c->notes);
        add_options(s, c->options);
    }
    str_add_z(s, ".PP\nEach takes\n.B \\-\\-config\n.I FILE\n(default\n.IR " CONFIG_PATH ")\nand\n.BR \\-\\-help .\n");
}

static void write_keys(struct str *s)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *k = &config_keys[i];
        str_add_z(s, ".TP\n.BR ");
        add_source(s, k->path);
        str_add_z(s, " \" (");
        add_source(s, k->type);
        str_add_z(s, ")\"\n");
        add_source(s, k->meaning);
        str_add_z(s, "\nWithout it: ");
        add_source(s, k->absent);
        str_add_z(s, ".\n");
    }
}

static const struct {
    const char *path, *begin;
    void (*write)(struct str *s);
} pages[] = {
    {MAN "lightbridge.1", ".\\\" commands:", write_commands},
    {MAN "lightbridge.yaml.5", ".\\\" keys:", write_keys},
};

/* Where the written section stands in the page: from behind its first line to its last. */
static void find_section(const struct str *page, const char *mark, size_t *ret_begin, size_t *ret_end)
{
    const char *begin = strstr(str_z(page), mark);
    assert_non_null(begin);
    begin = strchr(begin, '\n') + 1;
    const char *end = strstr(begin, ".\\\" end\n");
    assert_non_null(end);
    *ret_begin = (size_t)(begin - page->data);
    *ret_end = (size_t)(end - page->data);
}

static void pages_say_what_the_tables_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct str page = STR_INIT;
        struct str section = STR_INIT;
        size_t begin;
        size_t end;
        assert_int_equal(file_read(pages[i].path, 1u << 20, &page), 0);
        find_section(&page, pages[i].begin, &begin, &end);
        pages[i].write(&section);
        if (section.len != end - begin || memcmp(section.data, page.data + begin, section.len) != 0) {
            fail_msg("%s is not what the table says; write it with unit_app_manual_test --write", pages[i].path);
        }
        str_done(&page);
        str_done(&section);
    }
}

static void write_pages(void)
{
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct str page = STR_INIT;
        struct str written = STR_INIT;
        size_t begin;
        size_t end;
        if (file_read(pages[i].path, 1u << 20, &page) == 0) {
            find_section(&page, pages[i].begin, &begin, &end);
            str_add(&written, page.data, begin);
            pages[i].write(&written);
            str_add(&written, page.data + end, page.len - end);
            (void)file_write(pages[i].path, written.data, written.len, 0644);
        }
        str_done(&page);
        str_done(&written);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pages_say_what_the_tables_say)};
    if (argc == 2 && strcmp(argv[1], "--write") == 0) {
        write_pages();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
