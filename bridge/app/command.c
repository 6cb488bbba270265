#include "app/command.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"

const struct command commands[] = {
    {"run", "[--config FILE] [--demo]", "the daemon, in the foreground",
     "  --demo          adds three virtual lights, so that something is there without any hardware\n", "", command_run},
    {"check-config", "[--config FILE] [--announcement]", "is the configuration right, and if not: where",
     "  --announcement  prints avahi's file for the local page, if that is open to the LAN\n", "",
     command_check_config},
    {"account", "add NAME | list [--json] | remove NAME | password NAME",
     "the people who may link their SmartThings account", "  --json          machine-readable (list)\n",
     "The password is asked for on the terminal, or taken as one line of standard input.\n"
     "Works through the daemon, or on the store directly while none runs.\n",
     command_account},
    {"client",
     "add ID URI... [--name N] [--scope S] [--public] [--no-iss]\n"
     "       lightbridge client list [--json]\n"
     "       lightbridge client remove ID",
     "the programs beside SmartThings that may ask to see or drive the lights",
     "  --name N        what people are told who asks; the id by default\n"
     "  --scope S       \"devices:read\", \"devices:control\" or both; both by default\n"
     "  --public        it keeps no secret (an app on a phone, a page): it must use PKCE\n"
     "  --no-iss        for one that does not take the parameter iss of RFC 9207\n"
     "  --json          machine-readable; described in lightbridge(1)\n",
     "add makes a secret and shows it once. A URI is where people are sent back to,\n"
     "letter by letter: https, or http to 127.0.0.1. SmartThings' own client is in the\n"
     "configuration; it is listed too. remove ends the client's links.\n"
     "Works through the daemon, or on the store directly while none runs.\n",
     command_client},
    {"lights", "[--ids] [--json]", "all lights: state, room, exposed to SmartThings or not, last heard of, where",
     "  --ids           their ids too, which never change\n"
     "  --json          machine-readable; described in lightbridge(1)\n",
     "", command_lights},
    {"light",
     "LIGHT on | off [--transition S]\n"
     "       lightbridge light LIGHT level N | kelvin N | color H,S [--transition S]\n"
     "       lightbridge light LIGHT [--name N] [--room R] [--expose | --hide]\n"
     "       lightbridge light LIGHT --forget",
     "drive, name, place, expose or forget a light",
     "  --transition S  seconds the change takes\n"
     "  --name N        its name in SmartThings; \"\" gives back the lamp's own\n"
     "  --room R        its room; \"\" for none\n"
     "  --expose        SmartThings sees it\n"
     "  --hide          SmartThings does not see it\n"
     "  --forget        removes it; it comes back when its lamp announces itself again\n"
     "  --json          machine-readable; described in lightbridge(1)\n",
     "LIGHT is a name or an id. level is 0 to 100, kelvin is in K; a color is its hue,\n"
     "0 to 360 degrees, and its saturation, 0 to 100: color 120,100 is green.\n"
     "What a light says last is the basis of the answer: the lamp reported it, it was accepted\n"
     "by the lamp's network, or it is assumed because the lamp never says anything.\n",
     command_light},
    {"links", "[ID] [--all] [--json]", "account links and their health",
     "  --all           ended links, and all attempts without a link\n"
     "  --json          machine-readable, all of them; described in lightbridge(1)\n",
     "With an ID: its whole story, what is wrong and what to do. Attempts that did not become\n"
     "a link are listed below the links, as a1, a2, ...\n",
     command_links},
    {"unlink", "ID", "ends an account link (SmartThings then asks to link again)", "", "", command_unlink},
    {"backup", "FILE", "one encrypted file that brings the links back, also on a new machine", "",
     "The passphrase is asked for on the terminal, or taken as one line of standard input.\n"
     "The file holds the key, the store, the configuration and the secrets that it names.\n"
     "The daemon may go on running. A file that is there already is never overwritten.\n",
     command_backup},
    {"restore", "FILE [--replace]", "makes this the installation that a backup was taken of",
     "  --replace       also where something lives already, which is then set aside\n",
     "The daemon must not be running. A configuration that is here stays; without one the\n"
     "backup's is put in its place. Nothing changes unless the whole backup can be read.\n"
     "It says how old the backup is and how many links it brings. It knows nothing of what came\n"
     "after it: a link that was ended since lives again, until it is ended again (unlink). The\n"
     "app that removed it does not use it any more; an app whose tokens got into wrong hands,\n"
     "and was ended for that, is the one to end again at once.\n",
     command_restore},
    {"setup", "", "from nothing to \"now link it in the app\"", "",
     "Asks for the public URL and an account, makes the client secret, prints what to enter in\n"
     "SmartThings' developer console, takes the credentials that it gives back, and ends with\n"
     "doctor. A wrong answer is asked again, with the reason; Ctrl-C stops it between two files,\n"
     "never in one. Can be run again: an empty answer keeps what is there. Where a directory\n"
     "secrets lies beside the configuration, secrets go there. The configuration as it was is\n"
     "kept beside it, as lightbridge.yaml.before-setup.\n",
     command_setup},
    {"doctor", "[--json] [--ca-file FILE] [--connect H:P]", "every check with its verdict, and what to do",
     "  --json          machine-readable; described in lightbridge(1)\n"
     "  --ca-file FILE  trusted for the public URL, too; SmartThings does not trust it\n"
     "  --connect H:P   connects to host H, port P: for routers that do not lead back in\n",
     "Exit 0 only when all is well: a warning is an answer of no, too. What cannot be looked at\n"
     "is skipped and says why; without a daemon that is much, and the daemon is what failed.\n",
     command_doctor},
    {"selftest", "--account NAME [--ca-file FILE] [--connect H:P]",
     "plays SmartThings through the public URL: does linking work?",
     "  --account NAME  logs in as this account\n"
     "  --ca-file FILE  trusted for the public URL, too; SmartThings does not trust it\n"
     "  --connect H:P   connects to host H, port P: for routers that do not lead back in\n",
     "The password is asked for on the terminal, or taken as one line of standard input.\n"
     "A line for each step: link, discovery, callbacks, refresh, a command that leaves the\n"
     "lamp as it is, token renewal, unlink. The link and its trace are gone afterwards, also\n"
     "where it or the daemon ended in the middle; other links are not touched.\n",
     command_selftest},
    {"smartapp", "profiles | check | register", "what the webhook SmartApp needs at SmartThings", "",
     "profiles makes the device profiles that are not there yet, and prints their ids as they\n"
     "belong into the configuration. check looks at the app: its type, its address, whether\n"
     "SmartThings has confirmed it. register has SmartThings ask for that confirmation again.\n"
     "A personal access token of SmartThings is asked for on the terminal, or taken as one line\n"
     "of standard input; it is used for this and kept nowhere. No daemon is needed.\n",
     command_smartapp},
    {"store", "reset [--yes]", "gives up the store: all links and accounts go; the old file is kept aside",
     "  --yes           does not ask\n", "The daemon must not be running. Lights keep their ids.\n", command_store},
};
const size_t command_count = sizeof commands / sizeof commands[0];

static void print_help(const struct command *self)
{
    printf("usage: lightbridge %s %s\n\n%s\n\n%s  --config FILE   default %s\n  --help          this text\n%s%s",
           self->name, self->arguments, self->summary, self->options, CONFIG_PATH, *self->notes ? "\n" : "",
           self->notes);
}

int command_usage(const struct command *self, const char *format, ...)
{
    struct str what = STR_INIT;
    struct str shown = STR_INIT;
    va_list args;
    va_start(args, format);
    str_vprintf(&what, format, args);
    va_end(args);
    log_escape(&shown, str_z(&what), what.len);
    fprintf(stderr, "lightbridge %s: %s\n`lightbridge %s --help` says more\n", self->name, str_z(&shown), self->name);
    str_done(&what);
    str_done(&shown);
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

static int config_by(int (*load)(const char *path, struct config **ret_config, struct str *why), const char *path,
                     struct config **ret_config)
{
    struct str why = STR_INIT;
    int err = load(path ? path : CONFIG_PATH, ret_config, &why);
    if (err != 0) {
        fputs(str_z(&why), stderr);
    }
    str_done(&why);
    return err == 0 ? EXIT_FINE : EXIT_NO;
}

int command_config(const char *path, struct config **ret_config)
{
    return config_by(config_load, path, ret_config);
}

int command_config_beside(const char *path, struct config **ret_config)
{
    return config_by(config_load_beside, path, ret_config);
}

static bool read_line(char *line, int size)
{
    if (!fgets(line, size, stdin)) {
        return false;
    }
    line[strcspn(line, "\r\n")] = 0;
    return *line != 0;
}

/* Whoever ends the program in the middle of a question gets his terminal back with its echo. */
static struct termios loud;

static void give_terminal_back(int number)
{
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &loud);
    (void)raise(number); /* SA_RESETHAND: as if this had not been here */
}

static bool ask_quietly(const char *prompt, const struct termios *before, char *line, int size)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    enum { COUNT = sizeof signals / sizeof signals[0] };
    struct sigaction was[COUNT];
    struct termios quiet = *before;
    loud = *before;
    for (size_t i = 0; i < COUNT; i++) {
        struct sigaction with = {.sa_handler = signals[i] == SIGTSTP ? SIG_IGN : give_terminal_back,
                                 .sa_flags = (int)SA_RESETHAND};
        (void)sigaction(signals[i], &with, &was[i]);
    }
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet); /* before the question: a fast answer is neither shown nor lost */
    fprintf(stderr, "%s: ", prompt);
    bool got = read_line(line, size);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, before);
    fputc('\n', stderr);
    for (size_t i = 0; i < COUNT; i++) {
        (void)sigaction(signals[i], &was[i], NULL);
    }
    return got;
}

int command_quiet_line(const char *prompt, char *line, int size)
{
    struct termios before;
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0) {
        return ERR_UNSUPPORTED;
    }
    *line = 0;
    return ask_quietly(prompt, &before, line, size) || !feof(stdin) ? 0 : ERR_INVALID;
}

static int take_secret(const struct command *self, const char *what, bool twice, struct str *ret_secret)
{
    struct termios before;
    char line[2048] = "";
    char again[2048] = "";
    struct str prompt = STR_INIT;
    struct str wrong = STR_INIT;
    str_printf(&prompt, "%c%s", what[0] - 'a' + 'A', what + 1);
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0) {
        if (!read_line(line, sizeof line)) {
            str_printf(&wrong, "no %s was given: it is one line of standard input", what);
        }
    } else if (!ask_quietly(str_z(&prompt), &before, line, sizeof line)) {
        str_printf(&wrong, "no %s was given", what);
    } else if (twice && (!ask_quietly("Once more", &before, again, sizeof again) || strcmp(line, again) != 0)) {
        str_add_z(&wrong, "the two are not the same");
    }
    int result = wrong.len > 0 ? ERR_INVALID : 0;
    if (result != 0) {
        fprintf(stderr, "lightbridge %s: %s\n", self->name, str_z(&wrong));
    } else {
        str_add_z(ret_secret, line);
    }
    explicit_bzero(line, sizeof line);
    explicit_bzero(again, sizeof again);
    str_done(&prompt);
    str_done(&wrong);
    return result;
}

int command_password(const struct command *self, bool is_new, struct str *ret_password)
{
    return take_secret(self, "password", is_new, ret_password);
}

int command_token(const struct command *self, struct str *ret_token)
{
    return take_secret(self, "token", false, ret_token);
}

int command_passphrase(const struct command *self, bool twice, struct str *ret_passphrase)
{
    return take_secret(self, "passphrase", twice, ret_passphrase);
}
