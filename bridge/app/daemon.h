/* The daemon: every room opened in order, joined, and closed in the reverse order. */
#ifndef APP_DAEMON_H
#define APP_DAEMON_H

#include <stdbool.h>

#include "app/config.h"

/* Runs until SIGTERM or SIGINT. 0, or ERR_* where it could not start: the log says what and why. demo adds three
 * virtual lights. */
int daemon_main(const struct config *config, bool demo);

#endif
