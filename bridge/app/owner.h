/* What root does to a store, it does as the user who has the store's folder: what is made belongs to the daemon that
   must use it, and a link that was planted there leads no further than that user could go. */
#ifndef APP_OWNER_H
#define APP_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/str.h"

struct owner {
    bool became;
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* as they were */
    int group_count;
};

/* For root, and where somebody else has the folder; otherwise nothing changes. Of the whole process, threads too, and
   of its effective ids alone: owner_leave takes them back. ERR_DENIED with a sentence, and nothing has changed. */
int owner_become(const char *store_path, struct owner *owner, struct str *why);
/* Also for one that is all zero, or that owner_become refused. */
void owner_leave(struct owner *owner);

#endif
