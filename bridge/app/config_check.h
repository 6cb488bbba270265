/* Defaults and the checks of values: pure but for looking whether named files can be read. */
#ifndef APP_CONFIG_CHECK_H
#define APP_CONFIG_CHECK_H

#include "app/config.h"
#include "app/config_place.h"

/* Fills in defaults and resolves relative paths against the directory of `path`. */
void config_complete(struct config *config, const struct config_places *places, const char *path);
/* Lists everything that is wrong, a line each, behind `why`. 0 or ERR_INVALID. `files`: the named files must be there,
   and readable. */
int config_check(const struct config *config, const char *path, const struct config_places *places, bool files,
                 struct str *why);

#endif
