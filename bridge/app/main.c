#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "base/err.h"
#include "base/secrets.h"

static void print_usage(FILE *to)
{
    fprintf(to, "usage: lightbridge COMMAND [...]\n\n"
                "Makes the lights of this house lights in the SmartThings app.\n\n");
    for (size_t i = 0; i < command_count; i++) {
        fprintf(to, "  %-13s %s\n", commands[i].name, commands[i].summary);
    }
    fprintf(to, "\n`lightbridge COMMAND --help` says more; the manual is lightbridge(1) and lightbridge.yaml(5).\n"
                "Exit: 0 fine, 1 the answer is no, 2 wrong usage, 3 the daemon is not reachable.\n");
}

int main(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* lamps' names are UTF-8 whatever the terminal says; columns are counted */
    signal(SIGPIPE, SIG_IGN);             /* a caller that has gone is a result of write(), not the end of the daemon */
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return EXIT_FINE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("lightbridge " LIGHTBRIDGE_VERSION);
        return EXIT_FINE;
    }
    if (secrets_init() != 0) {
        fprintf(stderr, "lightbridge: the system gives no randomness\n");
        return EXIT_NO;
    }
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(&commands[i], argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "lightbridge: there is no command \"%s\"\n", argv[1]);
    print_usage(stderr);
    return EXIT_USAGE;
}
