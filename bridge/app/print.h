/* How the command line prints what came from outside: escaped, in columns. */
#ifndef APP_PRINT_H
#define APP_PRINT_H

#include <stdint.h>
#include <stdio.h>

struct json;

void print_text(FILE *to, const char *text);       /* escaped as a log line is */
void print_cell(const char *text, unsigned width); /* of columns; two spaces behind it at least */
/* Columns of a terminal that the text takes when print_text shows it. */
unsigned print_width(const char *text);
/* Words, escaped, broken between them so that a line has at most 80 columns, with a line break at the end. The first
   stands at column `at`, further lines are indented. */
void print_paragraph(const char *text, unsigned at, unsigned indent);
void print_json(const struct json *value); /* one line */
/* "2026-11-24 10:03" local time; "never" for 0. */
void print_time(int64_t wall_ms);

#endif
