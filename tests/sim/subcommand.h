/* The command line of lightbridge-sim: one row for each far side that it can play. */
#ifndef SIM_SUBCOMMAND_H
#define SIM_SUBCOMMAND_H

#include <stddef.h>
#include <stdint.h>

/* What the program ends with, as lightbridge does. */
enum { SIM_EXIT_FINE = 0, SIM_EXIT_NO = 1, SIM_EXIT_USAGE = 2 };

struct subcommand {
    const char *name;
    const char *arguments; /* as the usage line shows them */
    const char *summary;   /* one line */
    /* argv[0] is the subcommand's name. Returns SIM_EXIT_*. */
    int (*run)(const struct subcommand *self, int argc, char **argv);
};

enum option_kind {
    OPTION_SWITCH, /* bool *: set to true */
    OPTION_TEXT,   /* const char ** */
    OPTION_WHOLE,  /* int64_t *: within min..max */
    OPTION_REAL,   /* double *: within min..max */
};

/* One option: its name, where its value goes, and its line of --help. What `value` held before is the default. */
struct option_row {
    const char *name;     /* without the dashes */
    const char *argument; /* "SECONDS"; NULL for a switch */
    const char *help;     /* further lines are indented when printed */
    enum option_kind kind;
    void *value;
    double min, max;
};

/* Takes all options out of argv. Returns 0, or -1 with *ret_exit set (after --help, or a mistake that was printed with
   what would be right): the caller returns that. `more` (may be NULL) is printed behind the options of --help. */
int subcommand_options(const struct subcommand *self, int argc, char **argv, const struct option_row *rows,
                       size_t count, const char *more, int *ret_exit);
/* "lightbridge-sim NAME: ..." on standard error, with the usage line; answers SIM_EXIT_USAGE. */
int subcommand_usage(const struct subcommand *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

int subcommand_zigbee2mqtt(const struct subcommand *self, int argc, char **argv);
int subcommand_tasmota(const struct subcommand *self, int argc, char **argv);
int subcommand_shelly(const struct subcommand *self, int argc, char **argv);
int subcommand_wled(const struct subcommand *self, int argc, char **argv);
int subcommand_homeassistant(const struct subcommand *self, int argc, char **argv);
int subcommand_smartthings(const struct subcommand *self, int argc, char **argv);

#endif
