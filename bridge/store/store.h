/* The store: SQLite on a thread of its own. Rooms keep everything in memory; the store is what makes it
   durable. At start each room reads its rows (store_read, on the loop thread, before the loop runs);
   afterwards it only writes: batches of statements, in order, each batch all or nothing. What arrives
   while a commit runs is committed together in the next one. A batch's `done` comes after its COMMIT
   reached the disk (WAL, synchronous=FULL): answer, and change memory, only then. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct loop;
struct store;
struct store_batch;
struct store_row;

enum store_health {
    STORE_OK,
    STORE_FULL,    /* no space, read-only or I/O errors: reads served from memory, writes fail, retried */
    STORE_CORRUPT, /* damaged: left untouched, nothing is read from it or written to it */
    STORE_NEWER,   /* user_version is above ours: likewise */
    STORE_MISSING, /* no database where there must be one (config.expected) */
};

struct store_config {
    const char *path; /* ":memory:" for tests */
    bool expected;    /* a database must exist (the key file does): do not create one */
};

/* Opens, checks and migrates; a file it creates has mode 0600. Always gives a store, unless memory or threads
   fail: a store that is CORRUPT, NEWER or MISSING refuses every write (ERR_CORRUPT, ERR_NEWER, ERR_LOST),
   reads nothing and leaves the files as they are. A store that is FULL tries every write again, and by itself
   twice a minute, so it recovers without a restart; what can be read of it at the start is read. Only where
   it could not even be read (ERR_FULL from store_read too) does it stay FULL until a restart, because memory
   that was never filled must not be taken for the truth. */
int store_open(struct loop *loop, const struct store_config *config, struct store **ret_store);
/* What was submitted is committed first, and its `done` called. Not from inside a `done`. */
void store_close(struct store *store);

enum store_health store_health(const struct store *store);
/* A sentence for people: what is wrong and what to do; "" when well. Valid until the next call. */
const char *store_trouble(const struct store *store);
/* The same in general, for strangers: no file of this machine is named. "" when well. Static. */
const char *store_trouble_public(const struct store *store);
/* Name for `health`: "ok", "full", "corrupt", "newer", "missing". */
const char *store_health_text(enum store_health health);

/* ---- writing ---- */

struct store_batch *store_batch_new(void);
void store_batch_free(struct store_batch *batch); /* one that was not submitted */
/* Adds a statement. `sql` is a static text with ?1 ?2 ...; `types` has a letter for each value that follows:
   i int64_t, t const char * (NULL is SQL NULL), b const void * with size_t (NULL is SQL NULL), n nothing
   (SQL NULL), r double. Texts and blobs are copied. */
void store_batch_add(struct store_batch *batch, const char *sql, const char *types, ...);

typedef void store_done_fn(void *user, int result);
/* Takes the batch. `done` (may be NULL: then a failure is logged) comes once, on the loop thread, never
   from inside this call: 0, or ERR_FULL, ERR_EXISTS (a UNIQUE constraint), ERR_NOT_FOUND (a foreign key names
   nothing), ERR_CORRUPT, ERR_NEWER, ERR_LOST, ERR_IO. A batch that failed changed nothing (where the disk
   itself failed at the fdatasync nobody knows: the next write undoes it, a power cut before that may keep it). */
void store_submit(struct store *store, struct store_batch *batch, store_done_fn *done, void *user);
/* The same, waited for: only before the loop runs and in the command line. */
int store_write(struct store *store, struct store_batch *batch);

/* Asks the store's thread for a sign of life: it takes the question in its turn, behind the writes before it, and reads
   from the database; nothing is written, and an answer makes no store well that was not. `done` comes as for
   store_submit, with the code that a write would be refused with, or of an error in reading. That is an answer too:
   from a thread that hangs nothing comes. */
void store_ask(struct store *store, store_done_fn *done, void *user);

/* ---- reading, before the loop runs ---- */

/* Calls `row` for each row of a SELECT (types as above for parameters); stops when it answers non-zero and
   returns that. ERR_* as for writing. */
int store_read(struct store *store, const char *sql, int (*row)(void *user, const struct store_row *row), void *user,
               const char *types, ...);
int64_t store_row_int(const struct store_row *row, int column);
const char *store_row_text(const struct store_row *row, int column); /* NULL for SQL NULL; valid in the call */
const void *store_row_blob(const struct store_row *row, int column, size_t *ret_len);

/* ---- keeping ---- */

/* Reads the file through without writing to it; blocking, and a daemon may use it meanwhile. ERR_NOT_FOUND, ERR_DENIED
   (not readable); ERR_CORRUPT, ERR_IO (damaged, not writable) with a sentence in `why`. For the command line. */
int store_examine(const char *path, struct str *why);

/* `lightbridge store reset`: moves the database (with -wal and -shm) aside to PATH.YYYYMMDD-HHMMSS and leaves none. */
int store_set_aside(const char *path, struct str *ret_where);
/* The schema's version that this program writes. */
int store_schema_version(void);
/* Counters for /metrics: commits, batches, failures, and the longest commit in microseconds since start. */
struct store_stats {
    uint64_t commits, batches, failures, slowest_us;
};
struct store_stats store_stats(const struct store *store);

#endif
