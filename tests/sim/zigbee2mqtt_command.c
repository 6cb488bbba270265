/* lightbridge-sim zigbee2mqtt: the command line. */
#include "sim/subcommand.h"

int subcommand_zigbee2mqtt(const struct subcommand *self, int argc, char **argv)
{
    const char *broker = "mqtt://127.0.0.1:1883";
    const char *base = "zigbee2mqtt";
    int64_t lamps = 12;
    int64_t seed = 1;
    int exit_code;
    const struct option_row rows[] = {
        {"broker", "URL", "default mqtt://127.0.0.1:1883", OPTION_TEXT, &broker, 0, 0},
        {"base", "TOPIC", "base topic, default zigbee2mqtt", OPTION_TEXT, &base, 0, 0},
        {"lamps", "N", "how many, default 12", OPTION_WHOLE, &lamps, 0, 100000},
        {"seed", "S", "the same seed makes the same run, default 1", OPTION_WHOLE, &seed, 0, 4294967295},
    };
    if (subcommand_options(self, argc, argv, rows, sizeof rows / sizeof rows[0], NULL, &exit_code) != 0) {
        return exit_code;
    }
    return subcommand_usage(self, "the lamps are not here yet");
}
