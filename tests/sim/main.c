/* lightbridge-sim: the far sides of lightbridge, to be tried without hardware and without a cloud. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/secrets.h"
#include "sim/subcommand.h"

static const struct subcommand subcommands[] = {
    {"zigbee2mqtt", "[--broker URL] [--lamps N] [--seed S] [...]", "plays Zigbee2MQTT in front of any number of lamps",
     subcommand_zigbee2mqtt},
    {"tasmota", "[--broker URL] [--modules N] [--kind KIND] [...]", "plays any number of Tasmota modules",
     subcommand_tasmota},
    {"shelly", "[--broker URL] [--devices N] [--generation 1|2] [...]", "plays Shellys, each with its own connection",
     subcommand_shelly},
    {"wled", "[--broker URL] [--devices N] [--http PORT] [...]", "plays WLED strips, over MQTT and HTTP",
     subcommand_wled},
    {"homeassistant", "[--broker URL] [--lamps N] [--kind KIND] [...]",
     "plays lamps that announce themselves by Home Assistant discovery", subcommand_homeassistant},
    {"smartthings", "--account NAME --password-file FILE [...]",
     "plays SmartThings against a bridge: links, asks, commands, is told", subcommand_smartthings},
};
#define SUBCOMMAND_COUNT (sizeof subcommands / sizeof subcommands[0])

static void print_usage(FILE *to)
{
    fprintf(to, "usage: lightbridge-sim WHAT [...]\n\n"
                "Plays what lightbridge talks to, so that it can be tried without hardware and without a cloud.\n\n");
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        fprintf(to, "  %-13s %s\n", subcommands[i].name, subcommands[i].summary);
    }
    fprintf(to, "\n`lightbridge-sim WHAT --help` says more.\n"
                "Exit: 0 fine, 1 the answer is no, 2 wrong usage.\n");
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a peer that has gone is a result of write(), not the end of the program */
    if (argc < 2) {
        print_usage(stderr);
        return SIM_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return SIM_EXIT_FINE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("lightbridge-sim " LIGHTBRIDGE_VERSION);
        return SIM_EXIT_FINE;
    }
    if (secrets_init() != 0) {
        fprintf(stderr, "lightbridge-sim: the system gives no randomness\n");
        return SIM_EXIT_NO;
    }
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        if (strcmp(argv[1], subcommands[i].name) == 0) {
            return subcommands[i].run(&subcommands[i], argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "lightbridge-sim: unknown word \"%s\"\n", argv[1]);
    print_usage(stderr);
    return SIM_EXIT_USAGE;
}
