#include "app/print.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "base/json.h"
#include "base/log.h"

#define COLUMNS 80u

void print_text(FILE *to, const char *text)
{
    struct str s = STR_INIT;
    log_escape(&s, text, strlen(text));
    fputs(str_z(&s), to);
    str_done(&s);
}

/* Wide letters take two columns, combining ones none. */
static unsigned columns(const struct str *s)
{
    unsigned count = 0;
    mbstate_t state = {0};
    for (size_t i = 0; i < s->len;) {
        wchar_t letter = 0;
        size_t len = mbrtowc(&letter, s->data + i, s->len - i, &state);
        int width = len > 0 && len <= s->len - i ? wcwidth(letter) : 1;
        if (len == 0 || len > s->len - i) { /* the locale has no UTF-8 */
            state = (mbstate_t){0};
            len = 1;
            width = ((unsigned char)s->data[i] & 0xc0) != 0x80;
        }
        count += width > 0 ? (unsigned)width : 0;
        i += len;
    }
    return count;
}

unsigned print_width(const char *text)
{
    struct str s = STR_INIT;
    log_escape(&s, text, strlen(text));
    unsigned count = columns(&s);
    str_done(&s);
    return count;
}

void print_cell(const char *text, unsigned width)
{
    unsigned shown = print_width(text);
    print_text(stdout, text);
    printf("%*s", shown < width ? (int)(width - shown) + 2 : 2, "");
}

void print_paragraph(const char *text, unsigned at, unsigned indent)
{
    char word[512];
    while (*text) {
        size_t len = strcspn(text, " ");
        snprintf(word, sizeof word, "%.*s", (int)len, text);
        unsigned width = print_width(word);
        if (at > indent && at + 1 + width > COLUMNS) {
            printf("\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            putchar(' ');
            at++;
        }
        print_text(stdout, word);
        at += width;
        text += len;
        text += strspn(text, " ");
    }
    putchar('\n');
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
