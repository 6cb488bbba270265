/* Reading a store through, for whoever asks how it is: nothing is written, and a daemon may use it meanwhile. */
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "store/store.h"

static int check(sqlite3 *db, struct str *why)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    const char *said = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    bool sound = said && strcmp(said, "ok") == 0;
    if (!sound) {
        str_printf(why, "is damaged: %s", said ? said : sqlite3_errmsg(db));
    }
    (void)sqlite3_finalize(statement);
    return sound ? 0 : ERR_CORRUPT;
}

int store_examine(const char *path, struct str *why)
{
    sqlite3 *db = NULL;
    if (access(path, F_OK) != 0 || access(path, R_OK) != 0) {
        return access(path, F_OK) != 0 ? ERR_NOT_FOUND : ERR_DENIED;
    }
    str_printf(why, "%s ", path);
    if (access(path, W_OK) != 0) {
        str_add_z(why, "cannot be written");
        return ERR_IO;
    }
    int err = ERR_IO;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK) {
        (void)sqlite3_busy_timeout(db, 2000);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        err = check(db, why);
    } else {
        str_printf(why, "cannot be opened: %s", sqlite3_errmsg(db));
    }
    (void)sqlite3_close(db);
    return err;
}
