/* A store of an older version becomes one of ours: on a copy, which takes its place when it is whole. */
#ifndef STORE_UPGRADE_H
#define STORE_UPGRADE_H

#include <sqlite3.h>

#include "base/str.h"

/* Upgrades the file at `path`, open as `db` for writing and of version `from`. Takes `db` and closes it. The caller
   has seen to it that nobody else writes meanwhile; who did nevertheless is noticed.

   PATH.migrating is the copy until it is renamed over PATH; what was there stays as PATH.before-FROM, and older ones
   go. Whatever fails, and wherever the program dies, PATH is the old store, whole, or the new one, whole. An SQLite
   result code; unless it is SQLITE_OK, `why` gets what was wrong as the end of a sentence. */
int store_upgrade(sqlite3 *db, const char *path, int from, struct str *why);

#endif
