/* A far side played by hand: one line of standard input does one thing, and SIGTERM ends it. */
#ifndef SIM_ORDERS_H
#define SIM_ORDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct loop;

/* What a line has behind its first word. */
struct order {
    void *far;        /* what is played */
    size_t lamp;      /* with `needs_lamp`: from 0 */
    const char *rest; /* behind the lamp, without blanks around; "" if there is nothing */
    struct str *out;  /* what is to be printed: lines with their ends */
};

struct order_row {
    const char *name, *arguments, *help;
    bool needs_lamp;
    void (*run)(struct order *o); /* NULL: quit */
};

struct orders {
    const struct order_row *rows;
    size_t count;
    void *far;
    size_t (*lamps)(const void *far); /* how many there are */
};

/* Does what the line says. Answers false for the row without `run`. */
bool orders_run(const struct orders *orders, const char *line, struct str *out);
void orders_help(const struct order_row *rows, size_t count,
                 struct str *out); /* the words that there are, a line each */
long order_number(const char *text, long otherwise);

/* Runs the loop and obeys what comes, until SIGTERM, SIGINT or an order to quit. */
void orders_play(struct loop *loop, const struct orders *orders);
/* Prints a line, escaped: what is played may be named by anybody. */
void orders_print(void *unused, const char *line);

#endif
