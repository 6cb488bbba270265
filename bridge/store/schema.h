/* The tables, by versions (PRAGMA user_version). */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <sqlite3.h>

#define SCHEMA_APPLICATION 0x4c427267 /* "LBrg", PRAGMA application_id: whose file this is */

/* Brings a database of version `from` (0: empty) to version `to` (at most store_schema_version()), each step in a
   transaction of its own. An SQLite result code. */
int schema_migrate(sqlite3 *db, int from, int to);

#endif
