#include "sim/subcommand.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 24

int subcommand_usage(const struct subcommand *self, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "lightbridge-sim %s: ", self->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nusage: lightbridge-sim %s %s\n`lightbridge-sim %s --help` says more\n", self->name,
            self->arguments, self->name);
    return SIM_EXIT_USAGE;
}

static void print_row(const char *name, const char *argument, const char *help)
{
    int width = printf("  --%s%s%s", name, argument ? " " : "", argument ? argument : "");
    for (const char *line = help; *line;) {
        size_t len = strcspn(line, "\n");
        if (width >= HELP_COLUMN) {
            putchar('\n');
            width = 0;
        }
        printf("%*s%.*s\n", HELP_COLUMN - width, "", (int)len, line);
        width = 0;
        line += len + (line[len] == '\n');
    }
}

static void print_help(const struct subcommand *self, const struct option_row *rows, size_t count, const char *more)
{
    printf("usage: lightbridge-sim %s %s\n\n%s\n\n", self->name, self->arguments, self->summary);
    for (size_t i = 0; i < count; i++) {
        print_row(rows[i].name, rows[i].argument, rows[i].help);
    }
    print_row("help", NULL, "this text");
    if (more) {
        printf("\n%s", more);
    }
}

static const struct option_row *find_row(const struct option_row *rows, size_t count, const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static bool take_number(const struct option_row *row, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= row->min && value <= row->max)) {
        return false;
    }
    if (row->kind == OPTION_REAL) {
        *(double *)row->value = value;
        return true;
    }
    if (floor(value) != value) {
        return false;
    }
    *(int64_t *)row->value = (int64_t)value;
    return true;
}

static int take_value(const struct subcommand *self, const struct option_row *row, const char *text)
{
    if (row->kind == OPTION_TEXT) {
        *(const char **)row->value = text;
    } else if (!take_number(row, text)) {
        return subcommand_usage(self, "--%s: \"%s\" is no %s from %.10g to %.10g", row->name, text,
                                row->kind == OPTION_REAL ? "number" : "whole number", row->min, row->max);
    }
    return SIM_EXIT_FINE;
}

int subcommand_options(const struct subcommand *self, int argc, char **argv, const struct option_row *rows,
                       size_t count, const char *more, int *ret_exit)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        size_t len = strcspn(word, "=");
        const struct option_row *row = strncmp(word, "--", 2) == 0 ? find_row(rows, count, word + 2, len - 2) : NULL;
        *ret_exit = SIM_EXIT_FINE;
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            print_help(self, rows, count, more);
            return -1;
        }
        if (!row) {
            *ret_exit =
                subcommand_usage(self, "%s \"%s\"", word[0] == '-' ? "unknown option" : "unexpected word", word);
        } else if (row->kind == OPTION_SWITCH && word[len]) {
            *ret_exit = subcommand_usage(self, "--%s takes no value", row->name);
        } else if (row->kind == OPTION_SWITCH) {
            *(bool *)row->value = true;
        } else if (word[len]) {
            *ret_exit = take_value(self, row, word + len + 1);
        } else if (i + 1 < argc) {
            *ret_exit = take_value(self, row, argv[++i]);
        } else {
            *ret_exit = subcommand_usage(self, "--%s needs a value: %s", row->name, row->argument);
        }
        if (*ret_exit != SIM_EXIT_FINE) {
            return -1;
        }
    }
    return 0;
}
