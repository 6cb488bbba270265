#include "sim/orders.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "loop/loop.h"

#define LINE_MAX_BYTES 65536

/* ---- one line ---- */

long order_number(const char *text, long otherwise)
{
    char *end;
    long value = strtol(text, &end, 10);
    return end != text ? value : otherwise;
}

void orders_help(const struct order_row *rows, size_t count, struct str *out)
{
    for (size_t i = 0; i < count; i++) {
        int len = (int)strlen(rows[i].name);
        str_printf(out, "  %s %-*s %s\n", rows[i].name, 23 - len, rows[i].arguments, rows[i].help);
    }
}

static const struct order_row *find_row(const struct orders *orders, const char *word, size_t len)
{
    for (size_t i = 0; i < orders->count; i++) {
        if (strlen(orders->rows[i].name) == len && memcmp(orders->rows[i].name, word, len) == 0) {
            return &orders->rows[i];
        }
    }
    return NULL;
}

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t\r");
}

static bool run_row(const struct orders *orders, const struct order_row *row, const char *rest, struct str *out)
{
    struct order o = {.far = orders->far, .out = out};
    struct str text = STR_INIT;
    if (!row->run) {
        return false;
    }
    if (row->needs_lamp) {
        char *end;
        size_t lamps = orders->lamps(orders->far);
        unsigned long number = strtoul(rest, &end, 10);
        if (end == rest || number < 1 || number > lamps) {
            str_printf(out, "no: %s needs a lamp, a number from 1 to %zu (see `list`)\n", row->name, lamps);
            return true;
        }
        o.lamp = number - 1;
        rest = skip_blanks(end);
    }
    str_add_z(&text, rest);
    while (text.len > 0 && isspace((unsigned char)text.data[text.len - 1])) {
        text.data[--text.len] = 0;
    }
    o.rest = str_z(&text);
    row->run(&o);
    str_done(&text);
    return true;
}

bool orders_run(const struct orders *orders, const char *line, struct str *out)
{
    line = skip_blanks(line);
    size_t len = strcspn(line, " \t\r");
    if (len == 0 || line[0] == '#') {
        return true;
    }
    const struct order_row *row = find_row(orders, line, len);
    if (!row) {
        str_printf(out, "no: \"%.*s\" is no word I know; `help` lists them\n", (int)len, line);
        return true;
    }
    return run_row(orders, row, skip_blanks(line + len), out);
}

/* ---- until it ends ---- */

struct play {
    struct loop *loop;
    const struct orders *orders;
    struct watch *input;
    struct str line;
};

void orders_print(void *unused, const char *line)
{
    struct str s = STR_INIT;
    (void)unused;
    log_escape(&s, line, strlen(line));
    puts(str_z(&s));
    str_done(&s);
}

static void end(void *user, int number)
{
    struct play *p = user;
    (void)number;
    loop_stop(p->loop);
}

static void take_line(struct play *p, const char *line)
{
    struct str out = STR_INIT;
    bool goes_on = orders_run(p->orders, line, &out);
    fputs(str_z(&out), stdout);
    str_done(&out);
    if (!goes_on) {
        loop_stop(p->loop);
    }
}

static void take_input(void *user, int events)
{
    struct play *p = user;
    char bytes[4096];
    ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    (void)events;
    if (got <= 0 || p->line.len + (size_t)got > LINE_MAX_BYTES) {
        watch_free(p->input); /* no more orders; the lamps go on */
        p->input = NULL;
        return;
    }
    str_add(&p->line, bytes, (size_t)got);
    char *newline;
    while ((newline = memchr(p->line.data, '\n', p->line.len)) != NULL) {
        *newline = 0;
        take_line(p, p->line.data);
        size_t used = (size_t)(newline + 1 - p->line.data);
        memmove(p->line.data, newline + 1, p->line.len - used + 1);
        p->line.len -= used;
    }
    fflush(stdout);
}

/* A terminal or a pipe; a file or /dev/null cannot be waited for. */
static bool is_input_alive(void)
{
    struct stat st;
    return isatty(STDIN_FILENO) || (fstat(STDIN_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)));
}

void orders_play(struct loop *loop, const struct orders *orders)
{
    struct play p = {.loop = loop, .orders = orders};
    struct signal_watch *term = signal_watch_new(loop, SIGTERM, end, &p);
    struct signal_watch *interrupt = signal_watch_new(loop, SIGINT, end, &p);
    p.input = is_input_alive() ? watch_new(loop, STDIN_FILENO, WATCH_READ, take_input, &p) : NULL;
    loop_run(loop);
    watch_free(p.input);
    signal_watch_free(term);
    signal_watch_free(interrupt);
    str_done(&p.line);
}
