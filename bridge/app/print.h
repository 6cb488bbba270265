/* How the command line prints what came from outside: escaped, in columns. */
#ifndef APP_PRINT_H
#define APP_PRINT_H

#include <stdint.h>

struct json;

void print_text(const char *text);                 /* escaped as a log line is */
void print_cell(const char *text, unsigned width); /* counted in code points; two spaces behind it at least */
void print_json(const struct json *value);         /* one line */
/* "2026-11-24 10:03" local time; "never" for 0. */
void print_time(int64_t wall_ms);

#endif
