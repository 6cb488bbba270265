/* Several files put in their places together, or none of them: what restore ends with. They are written beside their
   places and are on the disk; then a journal that lists the moves appears, in one step; then the moves are made. Before
   the journal everything is as it was, after it whoever comes next (place_finish) makes the moves that are left. What
   was in a place is set aside, never deleted. */
#ifndef APP_PLACE_H
#define APP_PLACE_H

#include <stdbool.h>

#include "base/str.h"

struct place;

/* For the installation whose store is at `store_path`: its journal lies beside it. */
struct place *place_new(const char *store_path);
/* Where to write what is to be at `path`; valid until place_free. A left-over of an earlier attempt is removed. */
const char *place_stage(struct place *place, const char *path);
/* `path``suffix`, where it is there, only goes aside, before anything staged after this call comes; beside a `path`
   that is set aside it has the same name again. */
void place_clear(struct place *place, const char *path, const char *suffix);
/* From the journal on it is no longer as it was, whatever place_commit answered. */
bool place_begun(const struct place *place);
/* Makes it so. ret_aside: the suffix that set-aside files got, "" where there were none. Errors before the journal
   change nothing. */
int place_commit(struct place *place, struct str *ret_aside, struct str *why);
/* What was staged and not committed is removed. */
void place_free(struct place *place);

/* Ends what was interrupted behind its journal; 0 also where there is none. */
int place_finish(const char *store_path, struct str *why);

#endif
