#include "app/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"

const struct command commands[] = {
    {"run", "[--config FILE] [--demo]", "the daemon, in the foreground",
     "  --demo          adds three virtual lights, so that something is there without any hardware\n", command_run},
    {"check-config", "[--config FILE]", "is the configuration right, and if not: where", "", command_check_config},
    {"account", "add NAME | list | remove NAME | password NAME", "the people who may link their SmartThings account",
     "  --json          machine-readable (list)\n"
     "\n"
     "The password is asked for on the terminal, or taken as one line of standard input. Without a\n"
     "running daemon, add, list, remove and password work on the store directly.\n",
     command_account},
    {"lights", "[--json]", "all lights: state, room, whether SmartThings sees them",
     "  --json          machine-readable; described in lightbridge(1)\n", command_lights},
    {"light",
     "NAME_OR_ID on | off | level N | kelvin N | color HUE,SATURATION [--transition S]\n"
     "       lightbridge light NAME_OR_ID [--name N] [--room R] [--expose | --hide]\n"
     "       lightbridge light NAME_OR_ID --forget",
     "drive, name, place, expose or forget a light",
     "  --transition S  seconds the change takes\n"
     "  --name N        its name in SmartThings; \"\" gives back the lamp's own\n"
     "  --room R        its room; \"\" for none\n"
     "  --expose        SmartThings sees it\n"
     "  --hide          SmartThings does not see it\n"
     "  --forget        removes it; it comes back when its lamp announces itself again\n"
     "  --json          prints the light as `lights --json` does\n"
     "\n"
     "level and saturation are 0..100, hue is degrees 0..360, kelvin is in K.\n",
     command_light},
    {"links", "[ID] [--json]", "account links and their health",
     "  --json          machine-readable; described in lightbridge(1)\n"
     "  --all           ended links too\n",
     command_links},
    {"unlink", "ID", "ends an account link (SmartThings then asks to link again)", "", command_unlink},
    {"store", "reset [--yes]", "gives up the store: all links and accounts go; the old file is kept aside",
     "  --yes           does not ask\n", command_store},
};
const size_t command_count = sizeof commands / sizeof commands[0];

static void print_help(const struct command *self)
{
    printf("usage: lightbridge %s %s\n\n%s\n\n  --config FILE   default %s\n%s  --help          this text\n",
           self->name, self->arguments, self->summary, CONFIG_PATH, self->options);
}

int command_usage(const struct command *self, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "lightbridge %s: ", self->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nusage: lightbridge %s %s\n", self->name, self->arguments);
    return EXIT_USAGE;
}

static const struct option_spec *find_option(const struct option_spec *options, size_t count, const char *name,
                                             size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

int command_options(const struct command *self, int argc, char **argv, const struct option_spec *options, size_t count,
                    const char **words, size_t max, size_t *ret_count, int *ret_exit)
{
    bool only_words = false;
    *ret_count = 0;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!only_words && strcmp(word, "--") == 0) {
            only_words = true;
        } else if (only_words || word[0] != '-' || !word[1]) {
            if (*ret_count == max) {
                *ret_exit = command_usage(self, "\"%s\" is one word too many", word);
                return -1;
            }
            words[(*ret_count)++] = word;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            print_help(self);
            *ret_exit = EXIT_FINE;
            return -1;
        } else {
            size_t len = strcspn(word, "=");
            const struct option_spec *o =
                strncmp(word, "--", 2) == 0 ? find_option(options, count, word + 2, len - 2) : NULL;
            if (!o || (o->flag && word[len])) {
                *ret_exit = command_usage(self, "unknown option %s", word);
                return -1;
            }
            if (o->flag) {
                *o->flag = 1;
            } else if (word[len]) {
                *o->value = word + len + 1;
            } else if (i + 1 < argc) {
                *o->value = argv[++i];
            } else {
                *ret_exit = command_usage(self, "%s needs a value", word);
                return -1;
            }
        }
    }
    return 0;
}

int command_config(const char *path, struct config **ret_config)
{
    struct str why = STR_INIT;
    int err = config_load(path ? path : CONFIG_PATH, ret_config, &why);
    if (err != 0) {
        fputs(str_z(&why), stderr);
    }
    str_done(&why);
    return err == 0 ? EXIT_FINE : EXIT_NO;
}

int command_password(const char *prompt, struct str *ret_password)
{
    struct termios before;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        struct termios quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        fprintf(stderr, "%s: ", prompt);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    char line[2048];
    char *got = fgets(line, sizeof line, stdin);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (!got) {
        return ERR_INVALID;
    }
    line[strcspn(line, "\r\n")] = 0;
    str_add_z(ret_password, line);
    explicit_bzero(line, sizeof line);
    return 0;
}
