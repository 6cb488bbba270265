#include "app/print.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/log.h"

void print_text(const char *text)
{
    struct str s = STR_INIT;
    log_escape(&s, text, strlen(text));
    fputs(str_z(&s), stdout);
    str_done(&s);
}

void print_cell(const char *text, unsigned width)
{
    struct str s = STR_INIT;
    unsigned shown = 0;
    log_escape(&s, text, strlen(text));
    for (size_t i = 0; i < s.len; i++) {
        shown += (s.data[i] & 0xc0) != 0x80;
    }
    fputs(str_z(&s), stdout);
    do {
        fputc(' ', stdout);
    } while (++shown < width);
    fputc(' ', stdout);
    str_done(&s);
}

void print_json(const struct json *value)
{
    struct str s = STR_INIT;
    json_copy(&s, value);
    puts(str_z(&s));
    str_done(&s);
}

void print_time(int64_t wall_ms)
{
    char text[32];
    struct tm tm;
    time_t seconds = (time_t)(wall_ms / 1000);
    if (wall_ms == 0) {
        fputs("never", stdout);
        return;
    }
    localtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm);
    fputs(text, stdout);
}
