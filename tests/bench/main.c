/* bench-load: the far sides of a bridge, at load. See README.md. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "measure.h"

static const char usage[] =
    "usage: bench-load MEASUREMENT [OPTIONS]\n"
    "\n"
    "  commands    commandRequests to the webhook, the lamps behind the broker\n"
    "  discovery   discoveryRequests\n"
    "  storm       reports of all lamps; then compares what the webhook shows\n"
    "  tokens      forms to a token endpoint, each once\n"
    "  start       -- COMMAND...: from exec to the first answer of /healthz\n"
    "\n"
    "  --port N --path P --token T    the webhook (default path: /smartthings/schema)\n"
    "  --broker N --base TOPIC        the broker, and Zigbee2MQTT's base topic (zigbee2mqtt)\n"
    "  --lamps FILE                   lines \"ID NAME IEEE dimmer|white\"\n"
    "  --pid N                        whose CPU time is told\n"
    "  --connections N                (1)\n"
    "  --rate R                       commands a second, in an open loop; 0 (default) is a closed loop\n"
    "  --seconds S --warm-up S        (3, 0.5)\n"
    "  --forms FILE                   of tokens: bodies, one a line\n"
    "  --authorization TEXT           of tokens: the header\n"
    "  --reports N                    of the storm (100000)\n"
    "\n"
    "Prints one line of JSON. Exit: 0 measured, 1 could not be measured, 2 wrong usage.\n";

static const struct option names[] = {
    {"port", required_argument, NULL, 'p'},    {"path", required_argument, NULL, 'a'},
    {"token", required_argument, NULL, 't'},   {"broker", required_argument, NULL, 'b'},
    {"base", required_argument, NULL, 'B'},    {"lamps", required_argument, NULL, 'l'},
    {"pid", required_argument, NULL, 'i'},     {"connections", required_argument, NULL, 'c'},
    {"rate", required_argument, NULL, 'r'},    {"seconds", required_argument, NULL, 's'},
    {"warm-up", required_argument, NULL, 'w'}, {"reports", required_argument, NULL, 'n'},
    {"forms", required_argument, NULL, 'f'},   {"authorization", required_argument, NULL, 'A'},
    {"help", no_argument, NULL, 'h'},          {0},
};

static double number(const char *value)
{
    char *end;
    double n = strtod(value, &end);
    if (end == value || *end || !(n >= 0 && n <= 1e9)) {
        (void)fprintf(stderr, "bench-load: %s is no number from 0 to 1000000000\n", value);
        exit(2);
    }
    return n;
}

static void take(struct options *o, int name, char *value)
{
    switch (name) {
    case 'p':
        o->port = (unsigned)number(value);
        break;
    case 'a':
        o->path = value;
        break;
    case 't':
        o->token = value;
        break;
    case 'b':
        o->broker = (unsigned)number(value);
        break;
    case 'B':
        o->base = value;
        break;
    case 'l':
        o->lamps_file = value;
        break;
    case 'i':
        o->pid = (pid_t)number(value);
        break;
    case 'c':
        o->connections = (unsigned)number(value);
        break;
    case 'r':
        o->rate = number(value);
        break;
    case 's':
        o->seconds = number(value);
        break;
    case 'w':
        o->warm_up = number(value);
        break;
    case 'n':
        o->reports = (unsigned long)number(value);
        break;
    case 'f':
        o->forms_file = value;
        break;
    case 'A':
        o->authorization = value;
        break;
    case 'h':
        (void)fputs(usage, stdout);
        exit(0);
    default:
        (void)fputs(usage, stderr);
        exit(2);
    }
}

static const struct {
    const char *name;
    void (*measure)(const struct options *o, struct lamps *lamps);
} measurements[] = {
    {"commands", load_commands},
    {"discovery", load_discovery},
    {"storm", load_storm},
};

int main(int argc, char **argv)
{
    struct options o = {.path = "/smartthings/schema",
                        .token = "",
                        .base = "zigbee2mqtt",
                        .connections = 1,
                        .seconds = 3,
                        .warm_up = 0.5,
                        .reports = 100000};
    int name;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        take(&o, name, optarg);
    }
    const char *what = optind < argc ? argv[optind++] : "";
    if (strcmp(what, "start") == 0 && optind < argc) {
        o.command = argv + optind;
        load_start(&o);
        return 0;
    }
    if (strcmp(what, "tokens") == 0 && o.forms_file && o.authorization && o.connections > 0) {
        load_tokens(&o);
        return 0;
    }
    for (size_t i = 0; i < sizeof measurements / sizeof measurements[0]; i++) {
        if (strcmp(what, measurements[i].name) == 0 && o.lamps_file && o.connections > 0 && o.reports > 0) {
            struct lamps lamps;
            lamps_load(&lamps, o.lamps_file, o.base);
            measurements[i].measure(&o, &lamps);
            lamps_done(&lamps);
            return 0;
        }
    }
    take(&o, '?', NULL);
}
