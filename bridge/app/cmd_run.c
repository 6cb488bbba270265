/* run: the daemon itself. */
#include <stdio.h>
#include <unistd.h>

#include "app/command.h"
#include "app/daemon.h"
#include "base/log.h"

int command_run(const struct command *self, int argc, char **argv)
{
    const char *path = NULL;
    int demo = 0;
    int exit_code;
    size_t count;
    const struct option_spec options[] = {{"config", &path, NULL}, {"demo", NULL, &demo}};
    struct config *config = NULL;
    if (command_options(self, argc, argv, options, 2, NULL, 0, &count, &exit_code) != 0) {
        return exit_code;
    }
    exit_code = command_config(path, &config);
    if (exit_code == EXIT_FINE) {
        log_set_level((enum log_level)config->log.level);
        exit_code = daemon_main(config, demo != 0) == 0 ? EXIT_FINE : EXIT_NO;
    }
    config_free(config);
    return exit_code;
}
