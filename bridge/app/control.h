/* The command line's side of the control API (bridge/local/local.h has the documents). */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H

#include "base/json.h"
#include "base/str.h"

/* Asks the daemon that listens on `socket`; waits. body NULL: GET, otherwise POST. Returns the exit code: EXIT_FINE
 *with ret_answer (json_free it), EXIT_UNREACHABLE, or EXIT_NO; the last two were said on standard error. */
int control_ask(const char *socket, const char *path, const struct str *body, struct json **ret_answer);
/* The same, but silent where no daemon listens. */
int control_try(const char *socket, const char *path, const struct str *body, struct json **ret_answer);
/* control.socket of the configuration (config NULL: the default's file, or without one the default). The caller frees;
   NULL: the configuration is wrong, which was said. */
char *control_socket(const char *config_path);

#endif
