/* The table of all keys, for the loader and the manual. */
#ifndef APP_CONFIG_SCHEMA_H
#define APP_CONFIG_SCHEMA_H

#include <cyaml/cyaml.h>

extern const cyaml_schema_value_t config_schema;

/* A key's sentence for the manual and for messages: path with [] for list entries, default, meaning. */
struct config_key {
    const char *path;    /* "mqtt[].url" */
    const char *type;    /* "host:port", "URL", "path", "list of names", "yes or no", ... */
    const char *absent;  /* what holds where it is not given */
    const char *meaning; /* one sentence */
};
extern const struct config_key config_keys[];
extern const size_t config_key_count;

#endif
