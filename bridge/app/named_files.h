/* The files that make an installation beside its store: those that the configuration names and a new machine needs.
   TLS certificates are not among them: they are renewed, and belong to whoever renews them. */
#ifndef APP_NAMED_FILES_H
#define APP_NAMED_FILES_H

#include <stddef.h>

#include "app/config.h"

#define NAMED_FILES_MAX 512u
#define NAMED_FILE_BYTES 262144u /* of one of them */
#define NAMED_CONFIGURATION "configuration"
#define NAMED_KEY "store.key_file"

struct named_file {
    char name[128];   /* the key of the configuration that names it; of a broker by its name */
    const char *path; /* borrowed of the configuration; never NULL */
};

/* All that are set, the key first. ERR_TOO_LARGE: more than NAMED_FILES_MAX. */
int named_files(const struct config *config, struct named_file ret_files[NAMED_FILES_MAX], size_t *ret_count);

#endif
