/* Changing one key in a configuration file as a person would: every other byte stays, comments too. Pure. */
#ifndef APP_CONFIG_EDIT_H
#define APP_CONFIG_EDIT_H

#include "base/str.h"

/* Sets section.key to a text in `text`, a valid configuration: replaces its value where the key is there, adds the key
   as the section's first where only that is, and else both at the end. ERR_UNSUPPORTED: the section or the value stands
   in a form that is not changed by machine ({...}, more than one line); text is untouched then. */
int config_edit_set(struct str *text, const char *section, const char *key, const char *value);

#endif
