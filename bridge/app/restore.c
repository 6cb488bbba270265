/* See restore.h. */
#include "app/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/archive.h"
#include "app/command.h"
#include "app/installation.h"
#include "app/named_files.h"
#include "app/place.h"
#include "base/age.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "store/copy.h"

struct restore {
    const char *config_path;
    bool replace;
    struct str *why;
    struct config *config; /* the one that is here, or else the backup's */
    bool config_is_here;
    struct named_file files[NAMED_FILES_MAX]; /* of the configuration */
    bool got[NAMED_FILES_MAX];
    size_t file_count;
    struct archive_visitor visitor;
    struct archive_reader archive;
    struct place *place;
    struct store_fill *fill;
    int store_version, claim;
    int64_t made_ms;
    char program[32];
    int64_t accounts, links, lights;
    struct str aside;
};

/* ---- what is here ---- */

static int refuse_living(struct restore *r)
{
    struct store_dump *dump = NULL;
    struct str said = STR_INIT;
    int64_t accounts = 0, links = 0;
    int result = store_dump_open(r->config->store.path, &dump, &said);
    bool newer = result == ERR_NEWER;
    if (result == 0) {
        result = store_dump_count(dump, &accounts, &links, &said);
    }
    store_dump_close(dump);
    str_done(&said); /* one that is missing or damaged does not live */
    if (result == 0 && accounts + links > 0) {
        str_printf(r->why,
                   "%s has %" PRId64 " account%s and %" PRId64 " living link%s. With --replace they are set aside and "
                   "the backup takes their place",
                   r->config->store.path, accounts, accounts == 1 ? "" : "s", links, links == 1 ? "" : "s");
        return ERR_EXISTS;
    }
    if (newer) {
        str_printf(r->why, "%s was written by a newer lightbridge. With --replace it is set aside",
                   r->config->store.path);
        return ERR_EXISTS;
    }
    return 0;
}

static int refuse_busy(struct restore *r)
{
    if (command_daemon_runs(r->config->local.socket)) {
        str_printf(r->why, "the daemon is running on %s; stop it first (systemctl stop lightbridge)",
                   r->config->store.path);
        return ERR_BUSY;
    }
    return installation_claim(r->config->store.path, true, &r->claim, r->why);
}

/* Once it is known where everything goes. */
static int settle_config(struct restore *r)
{
    int result = named_files(r->config, r->files, &r->file_count);
    if (result != 0) {
        str_printf(r->why, "%s names more than %u files", r->config_path, NAMED_FILES_MAX);
        return result;
    }
    result = place_finish(r->config->store.path, r->why);
    if (result == 0 && !r->replace) {
        result = refuse_living(r);
    }
    if (result == 0) {
        result = refuse_busy(r);
    }
    if (result == 0) {
        r->place = place_new(r->config->store.path);
    }
    return result;
}

int restore_prepare(struct restore *r)
{
    struct str text = STR_INIT;
    int result = file_read(r->config_path, CONFIG_MAX_BYTES, &text);
    if (result == ERR_NOT_FOUND) {
        str_done(&text);
        return 0; /* the backup brings one */
    }
    if (result == 0) {
        result = config_parse_alone(str_z(&text), text.len, r->config_path, &r->config, r->why);
    } else {
        str_printf(r->why, "%s: %s", r->config_path, err_text(result));
    }
    str_done(&text);
    r->config_is_here = result == 0;
    return result == 0 ? settle_config(r) : result;
}

/* ---- records ---- */

static int take_about(void *user, int store_version, int64_t made_ms, const struct archive_text *program)
{
    struct restore *r = user;
    r->store_version = store_version;
    r->made_ms = made_ms;
    (void)snprintf(r->program, sizeof r->program, "%.*s", (int)(program->len < 31 ? program->len : 31), program->at);
    return 0;
}

static int stage(struct restore *r, const char *path, unsigned mode, const struct archive_text *bytes)
{
    int result = installation_make_directory(path, 0700, r->why);
    const char *beside = result == 0 ? place_stage(r->place, path) : NULL;
    if (result == 0) {
        result = file_create(beside, bytes->at, bytes->len, mode);
        if (result != 0) {
            str_printf(r->why, "%s: %s", beside, err_text(result));
        }
    }
    return result;
}

static int take_config(struct restore *r, unsigned mode, const struct archive_text *bytes)
{
    if (r->config_is_here) {
        return 0;
    }
    int result =
        r->config ? ERR_INVALID : config_parse_alone(bytes->at, bytes->len, r->config_path, &r->config, r->why);
    if (result == 0) {
        result = settle_config(r);
    }
    return result == 0 ? stage(r, r->config_path, mode & 0644, bytes) : result;
}

/* What is here already and the same stays; what is another needs leave to be set aside. */
static int take_named(struct restore *r, const struct named_file *file, unsigned mode, const struct archive_text *bytes)
{
    struct str here = STR_INIT;
    int result = file_read(file->path, CONFIG_MAX_BYTES, &here);
    bool same = result == 0 && here.len == bytes->len && memcmp(str_z(&here), bytes->at, here.len) == 0;
    bool is_key = strcmp(file->name, NAMED_KEY) == 0; /* whether something hangs on it, refuse_living has seen */
    secrets_wipe(here.data, here.cap);
    str_done(&here);
    if (same) {
        return 0;
    }
    if (result != ERR_NOT_FOUND && !r->replace && !is_key) {
        str_printf(r->why, "%s (%s) is another one than in the backup. With --replace it is set aside", file->path,
                   file->name);
        return ERR_EXISTS;
    }
    return stage(r, file->path, mode & 0640, bytes); /* never for everybody */
}

static int take_file(void *user, const char *name, unsigned mode, const struct archive_text *bytes)
{
    struct restore *r = user;
    if (strcmp(name, NAMED_CONFIGURATION) == 0) {
        return take_config(r, mode, bytes);
    }
    if (!r->config) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < r->file_count; i++) {
        if (strcmp(r->files[i].name, name) == 0) {
            if (r->got[i]) {
                return ERR_INVALID;
            }
            r->got[i] = true;
            return take_named(r, &r->files[i], mode, bytes);
        }
    }
    printf("note: the backup has a %s, and %s names no such file: it is left out\n", name, r->config_path);
    return 0;
}

static int open_fill(struct restore *r)
{
    const char *path = r->config->store.path;
    int result = installation_make_directory(path, 0700, r->why);
    if (result == 0) {
        /* before the new store comes: a log beside it that is not its own would tear it */
        place_clear(r->place, path, "-wal");
        place_clear(r->place, path, "-shm");
        result = store_fill_new(place_stage(r->place, path), r->store_version, &r->fill, r->why);
    }
    return result;
}

/* For the sentence at the end. */
static void count_row(struct restore *r, const char *table, const struct store_value *values, size_t count)
{
    r->accounts += strcmp(table, "accounts") == 0;
    r->lights += strcmp(table, "lights") == 0;
    r->links += strcmp(table, "links") == 0 && count > 5 && values[5].type == 'b' && values[5].len > 0; /* its salt */
}

static int take_row(void *user, const char *table, const struct store_value *values, size_t count)
{
    struct restore *r = user;
    if (!r->config) {
        return ERR_INVALID;
    }
    int result = r->fill ? 0 : open_fill(r);
    if (result == 0) {
        result = store_fill_row(r->fill, table, values, count, r->why);
        count_row(r, table, values, count);
    }
    return result;
}

/* ---- from outside ---- */

struct restore *restore_new(const char *config_path, bool replace, struct str *why)
{
    struct restore *r = mem_alloc(sizeof *r);
    r->config_path = config_path;
    r->replace = replace;
    r->why = why;
    r->claim = -1;
    r->visitor = (struct archive_visitor){r, take_about, take_file, take_row};
    r->archive.visitor = &r->visitor;
    return r;
}

void restore_free(struct restore *r)
{
    store_fill_free(r->fill);
    place_free(r->place);
    archive_reader_done(&r->archive);
    installation_release(r->claim);
    str_done(&r->aside);
    config_free(r->config);
    free(r);
}

bool restore_begun(const struct restore *r)
{
    return place_begun(r->place);
}

static int explain(struct restore *r, int result)
{
    if (result != 0 && r->why->len == 0) {
        str_printf(r->why, "the backup is authentic, but this program cannot read what is in it (%s)",
                   err_text(result));
    }
    return result;
}

int restore_feed(struct restore *r, const void *bytes, size_t len)
{
    return explain(r, archive_feed(&r->archive, bytes, len));
}

int restore_finish(struct restore *r)
{
    int result = archive_finish(&r->archive);
    if (result == 0 && (!r->fill || r->file_count == 0 || !r->got[0])) { /* [0]: the key */
        result = ERR_INVALID;
    }
    if (result == 0) {
        result = store_fill_end(r->fill, r->why);
    }
    if (result == 0) {
        result = place_commit(r->place, &r->aside, r->why);
    }
    return explain(r, result);
}

void restore_tell(const struct restore *r)
{
    char date[32];
    struct str age = STR_INIT;
    time_t seconds = (time_t)(r->made_ms / 1000);
    struct tm tm;
    (void)strftime(date, sizeof date, "%Y-%m-%d %H:%M", localtime_r(&seconds, &tm));
    age_add(&age, r->made_ms, (int64_t)time(NULL) * 1000);
    printf("restored the backup of %s (%s old) by lightbridge %s: %" PRId64 " account%s, %" PRId64
           " living link%s, %" PRId64 " light%s\n",
           date, str_z(&age), r->program, r->accounts, r->accounts == 1 ? "" : "s", r->links, r->links == 1 ? "" : "s",
           r->lights, r->lights == 1 ? "" : "s");
    if (r->aside.len > 0) {
        printf("what was here is kept beside it, with %s behind its name\n", str_z(&r->aside));
    }
    for (size_t i = 0; i < r->file_count; i++) {
        if (!r->got[i] && access(r->files[i].path, R_OK) != 0) {
            printf("note: %s (%s) is not here and was not in the backup\n", r->files[i].path, r->files[i].name);
        }
    }
    str_done(&age);
    if (r->links > 0) {
        puts("a link that was ended after that time lives again: `lightbridge links` shows them, `lightbridge unlink "
             "ID` "
             "ends one");
    }
    puts("start the daemon now; only one machine may go on with these links");
}
