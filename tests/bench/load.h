/* What the measurements of bench-load share. Each is asked for by its name, prints one line of JSON and returns; what
   cannot be measured ends the program (fail). */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <sys/types.h>

#include "lamps.h"

struct options {
    unsigned port, broker;
    const char *path, *token, *lamps_file, *base;
    pid_t pid; /* whose CPU time is told */
    unsigned connections;
    double rate; /* a second; 0: closed loop */
    double seconds, warm_up;
    unsigned long reports;
    char **command; /* what `start` starts */
    const char *forms_file, *authorization;
};

void load_commands(const struct options *o, struct lamps *lamps);
void load_discovery(const struct options *o, struct lamps *lamps);
void load_storm(const struct options *o, struct lamps *lamps);
void load_start(const struct options *o);
void load_tokens(const struct options *o);

#endif
