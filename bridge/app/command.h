/* The command line: one row for each command. */
#ifndef APP_COMMAND_H
#define APP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "app/config.h"
#include "base/str.h"

/* What a command ends with; part of the contract. */
enum { EXIT_FINE = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

struct command {
    const char *name;
    const char *arguments; /* as the usage line shows them */
    const char *summary;   /* one line */
    const char *options;   /* lines of --help, "" if there are none beside --config and --help */
    const char *notes;     /* what --help says below them, "" if nothing */
    /* argv[0] is the command's name. */
    int (*run)(const struct command *self, int argc, char **argv);
};

extern const struct command commands[];
extern const size_t command_count;

/* One option of a command. */
struct option_spec {
    const char *name;   /* without the dashes */
    const char **value; /* where its argument goes; NULL for a switch */
    int *flag;          /* set to 1; NULL for one with an argument */
};

/* Takes the options (also --help, which is printed and answers EXIT_FINE through *ret_exit) out of argv and leaves the
   other words in words[0..*ret_count), at most max. Returns 0, or -1 with *ret_exit set: the caller returns that. */
int command_options(const struct command *self, int argc, char **argv, const struct option_spec *options, size_t count,
                    const char **words, size_t max, size_t *ret_count, int *ret_exit);
/* "lightbridge NAME: ..." on standard error, escaped, with the way to --help; answers EXIT_USAGE. */
int command_usage(const struct command *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Loads the configuration (path NULL: CONFIG_PATH); says what is wrong on standard error: EXIT_NO. */
int command_config(const char *path, struct config **ret_config);
int command_config_beside(const char *path, struct config **ret_config); /* for commands that need no secret */
/* One line of standard input, or of the terminal without echo, where a new one is asked for twice. ERR_INVALID, with
   the reason on standard error: nothing was given, or two different ones. */
int command_password(const struct command *self, bool is_new, struct str *ret_password);

/* Likewise a passphrase; `twice` where it makes something rather than opens it. */
int command_passphrase(const struct command *self, bool twice, struct str *ret_passphrase);
/* Likewise a token that another service gave. */
int command_token(const struct command *self, struct str *ret_token);
/* One line of the terminal without echo, may be empty. ERR_UNSUPPORTED: standard input is none; ERR_INVALID: it has
   ended. */
int command_quiet_line(const char *prompt, char *line, int size);
/* Does a daemon answer on this socket? */
bool command_daemon_runs(const char *socket);

int command_run(const struct command *self, int argc, char **argv);
int command_check_config(const struct command *self, int argc, char **argv);
int command_account(const struct command *self, int argc, char **argv);
int command_client(const struct command *self, int argc, char **argv);
int command_lights(const struct command *self, int argc, char **argv);
int command_light(const struct command *self, int argc, char **argv);
int command_links(const struct command *self, int argc, char **argv);
int command_unlink(const struct command *self, int argc, char **argv);
int command_backup(const struct command *self, int argc, char **argv);
int command_restore(const struct command *self, int argc, char **argv);
int command_setup(const struct command *self, int argc, char **argv);
int command_doctor(const struct command *self, int argc, char **argv);
int command_selftest(const struct command *self, int argc, char **argv);
int command_smartapp(const struct command *self, int argc, char **argv);
int command_store(const struct command *self, int argc, char **argv);

#endif
