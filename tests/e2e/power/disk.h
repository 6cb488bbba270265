/* A folder on a disk that may lose power: what was written, what of it is durable, and what may be there afterwards. */
#ifndef POWER_DISK_H
#define POWER_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_NAME 256

enum disk_op {
    DISK_CREATE,   /* name: a new, empty file */
    DISK_WRITE,    /* bytes at offset */
    DISK_TRUNCATE, /* to size offset */
    DISK_SYNC,     /* the file's bytes are durable; its name may not be */
    DISK_SYNC_FOLDER,
    DISK_RENAME, /* name to `to`, in whose place it is then */
    DISK_LINK,
    DISK_UNLINK,
};

struct disk_event {
    enum disk_op op;
    unsigned long inode; /* of the recording; 0: by name alone */
    size_t offset, len;
    const unsigned char *bytes; /* borrowed for as long as the disk lives */
    char name[DISK_NAME], to[DISK_NAME];
};

/* What is on the disk when the power is back. */
enum disk_model {
    DISK_ALL,    /* everything that was written: the program died, the system did not */
    DISK_SYNCED, /* nothing that was not synced */
    DISK_TORN, /* of what was not synced: each block of a file as it was after any of the writes to it, in any mixture;
                  a size as it was at any time, a truncation whole or not; of the changes of names the first so many, as
                  a journalling file system does it, or any, as POSIX allows */
};

struct disk;

/* As the files of `folder` are, all durable. It has no folders in it. */
struct disk *disk_new(const char *folder);
void disk_free(struct disk *disk);
/* What happened next. */
void disk_apply(struct disk *disk, const struct disk_event *event);
/* Makes `folder` so, in whole. seed: of DISK_TORN; its lowest bit says whether it tears at 512 or
   4096 bytes, the next one which of the two ways names go. */
void disk_lay_out(struct disk *disk, const char *folder, enum disk_model model, uint64_t seed);
/* True: something is not durable, so that the models differ. */
bool disk_unsettled(const struct disk *disk);

#endif
