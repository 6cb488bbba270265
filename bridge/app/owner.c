#include "app/owner.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

static bool find_folder(const char *path, struct stat *ret)
{
    const char *slash = strrchr(path, '/');
    char *folder = !slash ? mem_text(".") : mem_text_n(path, slash == path ? 1 : (size_t)(slash - path));
    bool found = stat(folder, ret) == 0;
    free(folder);
    return found;
}

static void keep_ids(struct owner *owner)
{
    int count = getgroups(0, NULL);
    owner->uid = geteuid();
    owner->gid = getegid();
    owner->groups = mem_array((size_t)count + 1, sizeof *owner->groups);
    owner->group_count = count > 0 ? getgroups(count, owner->groups) : 0;
}

int owner_become(const char *store_path, struct owner *owner, struct str *why)
{
    struct stat folder;
    *owner = (struct owner){0};
    if (geteuid() != 0 || !find_folder(store_path, &folder) || folder.st_uid == 0) {
        return 0;
    }
    keep_ids(owner);
    owner->became = true;
    if (setgroups(1, &folder.st_gid) != 0 || setegid(folder.st_gid) != 0 || seteuid(folder.st_uid) != 0) {
        str_printf(why, "%s belongs to user %u, as whom root cannot act here: %m; run this as that user", store_path,
                   (unsigned)folder.st_uid);
        owner_leave(owner);
        return ERR_DENIED;
    }
    return 0;
}

void owner_leave(struct owner *owner)
{
    if (owner->became && (seteuid(owner->uid) != 0 || setegid(owner->gid) != 0 ||
                          setgroups((size_t)owner->group_count, owner->groups) != 0)) {
        abort(); /* half of two users: nothing right could follow */
    }
    free(owner->groups);
    *owner = (struct owner){0};
}
