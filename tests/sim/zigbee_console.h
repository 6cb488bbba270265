/* lightbridge-sim zigbee2mqtt by hand: one line of standard input does one thing. */
#ifndef SIM_ZIGBEE_CONSOLE_H
#define SIM_ZIGBEE_CONSOLE_H

#include <stdbool.h>

#include "base/str.h"

struct zigbee;

/* Does what the line says. `out` gets what is to be printed, often nothing: lines with their ends. Answers false for
   "quit". */
bool console_run(struct zigbee *zigbee, const char *line, struct str *out);
/* The words that there are, a line each. */
void console_help(struct str *out);

#endif
