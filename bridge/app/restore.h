/* The inside of `lightbridge restore`: records of a backup become files beside their places, then take them. */
#ifndef APP_RESTORE_H
#define APP_RESTORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct restore;

/* `config_path`: where the configuration is, or will be where there is none. What goes wrong gets a sentence in `why`,
   which outlives the restore. `replace`: also where something lives. */
struct restore *restore_new(const char *config_path, bool replace, struct str *why);
void restore_free(struct restore *restore); /* what did not take its place is removed */
/* Looks at what is here, and ends an earlier restore that was interrupted. ERR_EXISTS: something lives here; ERR_BUSY:
   its daemon runs. */
int restore_prepare(struct restore *restore);
/* The next bytes of the archive (archive.h), which have proved authentic. */
int restore_feed(struct restore *restore, const void *bytes, size_t len);
/* The archive is over: all takes its place. */
int restore_finish(struct restore *restore);
/* Whatever restore_finish answered: is it no longer as it was? The next start then ends it. */
bool restore_begun(const struct restore *restore);
/* What is there now, on standard output. */
void restore_tell(const struct restore *restore);

#endif
