#include "store/schema.h"

#include <stdio.h>

#include "store/store.h"

/* One row a version: the statements that lead from the version before it to this one. A row that was ever
   released is never edited. Instants are milliseconds since 1970. */
static const char *const migrations[] = {
    /* 1 */
    /* bridge_id, created_at */
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"

    "CREATE TABLE accounts ("
    "  name TEXT PRIMARY KEY, password TEXT NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;"

    "CREATE TABLE clients ("
    "  id TEXT PRIMARY KEY, name TEXT, secret_hash BLOB, redirect_uris TEXT NOT NULL, scopes TEXT NOT NULL,"
    "  flags INTEGER NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;"

    /* salt is zeroblob(0) once ended; seal: a keyed hash over what never changes, so that rot shows */
    "CREATE TABLE links ("
    "  id BLOB PRIMARY KEY, account TEXT NOT NULL, client_id TEXT NOT NULL, redirect_uri TEXT NOT NULL,"
    "  scope TEXT NOT NULL, salt BLOB NOT NULL, seal BLOB NOT NULL, generation INTEGER NOT NULL, created_at INTEGER "
    "NOT NULL,"
    "  code_challenge TEXT, code_used_at INTEGER, token_seen_at INTEGER, refreshed_at INTEGER,"
    "  ended_at INTEGER, end_reason TEXT) WITHOUT ROWID;"

    /* the SmartThings side of a link */
    "CREATE TABLE callbacks ("
    "  link_id BLOB PRIMARY KEY REFERENCES links(id) ON DELETE CASCADE, state TEXT NOT NULL,"
    "  oauth_token_url TEXT, state_callback_url TEXT, client_id TEXT, code TEXT,"
    "  access_token TEXT, refresh_token TEXT, previous_refresh_token TEXT, expires_at INTEGER,"
    "  obtained_at INTEGER, refresh_started_at INTEGER, refresh_attempts INTEGER NOT NULL DEFAULT 0,"
    "  details TEXT) WITHOUT ROWID;"

    /* name, far_room: the far side's; user_name, room: the user's; exposed NULL: by default of its kind;
       state_*: the last state the lamp reported */
    "CREATE TABLE lights ("
    "  id TEXT PRIMARY KEY, driver TEXT NOT NULL, address TEXT NOT NULL, kind INTEGER NOT NULL,"
    "  name TEXT NOT NULL, far_room TEXT, user_name TEXT, room TEXT, exposed INTEGER,"
    "  manufacturer TEXT, model TEXT, version TEXT,"
    "  can INTEGER NOT NULL, min_kelvin INTEGER, max_kelvin INTEGER,"
    "  removed_at INTEGER, created_at INTEGER NOT NULL,"
    "  state_has INTEGER, state_on INTEGER, state_level INTEGER, state_kelvin INTEGER, state_hue INTEGER,"
    "  state_saturation INTEGER, state_mode INTEGER, state_at INTEGER,"
    "  UNIQUE (driver, address)) WITHOUT ROWID;"

    "CREATE TABLE driver_secrets ("
    "  driver TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (driver, key)) WITHOUT ROWID;",

    /* 2: what happened to each attempt to link; no reference to links, which may be forgotten before */
    "CREATE TABLE traces ("
    "  number INTEGER PRIMARY KEY, link_id BLOB, client_id TEXT, account TEXT, redirect_uri TEXT,"
    "  known INTEGER NOT NULL, webhook INTEGER NOT NULL);"

    "CREATE TABLE trace_events ("
    "  trace INTEGER NOT NULL, position INTEGER NOT NULL, step TEXT NOT NULL, outcome TEXT NOT NULL,"
    "  cause TEXT NOT NULL, at INTEGER NOT NULL, last_at INTEGER NOT NULL, times INTEGER NOT NULL,"
    "  expected TEXT, got TEXT, PRIMARY KEY (trace, position)) WITHOUT ROWID;",

    /* 3: the webhook SmartApp's installed apps: SmartThings' tokens for us, what the login brought (a link of ours, or
       another provider's tokens), the lights that were chosen, and which devices they are over there */
    "CREATE TABLE smartapps ("
    "  id TEXT PRIMARY KEY, access_token TEXT, refresh_token TEXT, obtained_at INTEGER, expires_at INTEGER,"
    "  refresh_started_at INTEGER, refresh_attempts INTEGER, link_id TEXT, provider_access TEXT,"
    "  provider_refresh TEXT, provider_expires_at INTEGER, location TEXT, lights TEXT) WITHOUT ROWID;"

    "CREATE TABLE smartapp_devices ("
    "  app TEXT NOT NULL REFERENCES smartapps(id) ON DELETE CASCADE, light TEXT NOT NULL, device TEXT NOT NULL,"
    "  label TEXT NOT NULL, profile TEXT NOT NULL, PRIMARY KEY (app, light)) WITHOUT ROWID;",

    /* 4: the partner API. A webhook's link may end, or be forgotten, before its row goes. */
    "CREATE TABLE scenes (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;"

    "CREATE TABLE scene_lights ("
    "  scene TEXT NOT NULL REFERENCES scenes(id) ON DELETE CASCADE, position INTEGER NOT NULL, light TEXT NOT NULL,"
    "  state_has INTEGER, state_on INTEGER, state_level INTEGER, state_kelvin INTEGER, state_hue INTEGER,"
    "  state_saturation INTEGER, state_mode INTEGER, PRIMARY KEY (scene, position)) WITHOUT ROWID;"

    "CREATE TABLE webhooks ("
    "  id TEXT PRIMARY KEY, link TEXT NOT NULL, url TEXT NOT NULL, created_at INTEGER NOT NULL,"
    "  failing_since INTEGER NOT NULL, disabled INTEGER NOT NULL) WITHOUT ROWID;",
};

int store_schema_version(void)
{
    return (int)(sizeof migrations / sizeof *migrations);
}

static int migrate_one(sqlite3 *db, int version)
{
    char stamp[96];
    (void)snprintf(stamp, sizeof stamp, "PRAGMA user_version = %d; PRAGMA application_id = %d", version,
                   SCHEMA_APPLICATION);
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, migrations[version - 1], NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, stamp, NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    }
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(db)) {
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return rc;
}

int schema_migrate(sqlite3 *db, int from, int to)
{
    int rc = SQLITE_OK;
    for (int version = from + 1; rc == SQLITE_OK && version <= to; version++) {
        rc = migrate_one(db, version);
    }
    return rc;
}
