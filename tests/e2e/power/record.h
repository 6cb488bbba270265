/* What the shim and the test wrote down: the disk's events, and facts with the moments at which they were promised. */
#ifndef POWER_RECORD_H
#define POWER_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "disk.h"

enum record_kind {
    RECORD_DISK, /* `disk` happened */
    RECORD_SAY,  /* something left for others */
    RECORD_TRY,  /* from here on `key` may have `value` */
    RECORD_ACK,  /* what was last tried of `key` has been acknowledged, at `said` */
};

struct record_event {
    enum record_kind kind;
    struct disk_event disk;
    const char *bytes; /* of SAY, `len` of them */
    size_t len;
    char *key, *value;
    size_t said; /* index of the event that told others: an answer, a request, or this one itself */
};

struct record {
    char *text;
    struct record_event *events;
    size_t count;
};

/* Ends the program where the file is none of the shim's. */
void record_read(struct record *record, const char *path);
void record_free(struct record *record);

/* May `key` have `value` when the power fails behind event `cut`? `asked`: an answer was acknowledged, so that it
   counts. ret_promised: what was acknowledged last, for people. */
bool record_allows(const struct record *record, size_t cut, const char *key, const char *value, bool *ret_asked,
                   const char **ret_promised);
/* For people: "write lightbridge.db-wal". */
void record_name(const struct record_event *event, char *text, size_t size);

#endif
