/* See place.h. Every move can be made twice: one that was made finds nothing left to move. */
#include "app/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define JOURNAL_MAX (1024u * 1024u)
#define MOVES_MAX 640u
static const char first_line[] = "lightbridge restore 1\n";

struct move {
    char *from;         /* "": nothing comes */
    char *to;           /* where it goes */
    char *aside;        /* where what is there goes */
    const char *suffix; /* of both, static */
};

struct place {
    char *journal;
    struct move moves[MOVES_MAX];
    size_t count;
    bool committed;
};

static char *joined(const char *path, const char *suffix)
{
    struct str s = STR_INIT;
    str_printf(&s, "%s%s", path, suffix);
    return str_take(&s);
}

static bool present(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

struct place *place_new(const char *store_path)
{
    struct place *place = mem_alloc(sizeof *place);
    place->journal = joined(store_path, ".restore");
    return place;
}

static struct move *add(struct place *place, char *from, const char *path, const char *suffix)
{
    if (place->count == MOVES_MAX) {
        abort(); /* the configuration names fewer files */
    }
    struct move *move = &place->moves[place->count++];
    move->from = from;
    move->to = joined(path, suffix);
    move->suffix = suffix;
    return move;
}

const char *place_stage(struct place *place, const char *path)
{
    struct move *move = add(place, joined(path, ".restoring"), path, "");
    (void)unlink(move->from);
    return move->from;
}

void place_clear(struct place *place, const char *path, const char *suffix)
{
    (void)add(place, mem_text(""), path, suffix);
}

bool place_begun(const struct place *place)
{
    return place && place->committed;
}

void place_free(struct place *place)
{
    if (!place) {
        return;
    }
    for (size_t i = 0; i < place->count; i++) {
        struct move *move = &place->moves[i];
        if (!place->committed && *move->from) {
            (void)unlink(move->from);
        }
        free(move->from);
        free(move->to);
        free(move->aside);
    }
    free(place->journal);
    free(place);
}

/* ---- making the moves ---- */

static int make_move(const struct move *move, struct str *why)
{
    bool comes = *move->from != 0;
    if (comes && !present(move->from)) {
        return 0; /* it was made already */
    }
    if (present(move->to) && (comes || !present(move->aside)) && rename(move->to, move->aside) != 0 &&
        errno != ENOENT) {
        str_printf(why, "%s: cannot be set aside as %s: %m", move->to, move->aside);
        return ERR_IO;
    }
    if (comes && rename(move->from, move->to) != 0 && errno != ENOENT) {
        str_printf(why, "%s: cannot be put in its place: %m", move->to);
        return ERR_IO;
    }
    return 0;
}

static int make_moves(const struct move *moves, size_t count, const char *journal, struct str *why)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = make_move(&moves[i], why);
    }
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = present(moves[i].to) ? file_sync_directory(moves[i].to) : 0;
    }
    if (result == 0 && unlink(journal) != 0 && errno != ENOENT) {
        result = ERR_IO;
    }
    if (result == 0) {
        result = file_sync_directory(journal);
    }
    if (result != 0 && why->len == 0) {
        str_printf(why, "%s: %s", journal, err_text(result));
    }
    return result;
}

/* ---- committing ---- */

/* One suffix for all that goes aside, and nothing has it yet. */
static void choose_aside(struct place *place, struct str *ret_suffix)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm local;
    (void)strftime(stamp, sizeof stamp, ".%Y%m%d-%H%M%S", localtime_r(&now, &local));
    bool taken = true;
    for (unsigned attempt = 1; taken; attempt++) {
        taken = false;
        str_clear(ret_suffix);
        str_add_z(ret_suffix, stamp);
        if (attempt > 1) {
            str_printf(ret_suffix, "-%u", attempt);
        }
        for (size_t i = 0; i < place->count; i++) {
            struct move *move = &place->moves[i];
            struct str aside = STR_INIT;
            size_t base_len = strlen(move->to) - strlen(move->suffix);
            str_printf(&aside, "%.*s%s%s", (int)base_len, move->to, str_z(ret_suffix), move->suffix);
            free(move->aside);
            move->aside = str_take(&aside);
            taken = taken || present(move->aside);
        }
    }
}

/* Restoring is done by root, serving is not: what comes belongs to the one who had it, or has the folder. */
static int give(const struct move *move, struct str *why)
{
    struct stat st;
    char *folder = mem_text(move->to);
    char *slash = strrchr(folder, '/');
    if (slash) {
        slash[slash == folder ? 1 : 0] = 0;
    }
    int result = 0;
    if (stat(move->to, &st) == 0 || stat(slash ? folder : ".", &st) == 0) {
        result = geteuid() != 0 || chown(move->from, st.st_uid, st.st_gid) == 0 ? 0 : ERR_IO;
    }
    if (result != 0) {
        str_printf(why, "%s: cannot be given to its owner: %m", move->from);
    }
    free(folder);
    return result;
}

static int settle(const struct move *move, struct str *why)
{
    int fd = open(move->from, O_RDONLY | O_CLOEXEC);
    int result = fd >= 0 && fsync(fd) == 0 ? 0 : ERR_IO;
    if (result != 0) {
        str_printf(why, "%s: %m", move->from);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return result == 0 ? file_sync_directory(move->from) : result;
}

static int write_journal(const struct place *place, struct str *why)
{
    struct str text = STR_INIT;
    int result = 0;
    str_add_z(&text, first_line);
    for (size_t i = 0; i < place->count; i++) {
        const struct move *move = &place->moves[i];
        if (strchr(move->to, '\n')) {
            str_printf(why, "a path with a newline in it cannot be restored to");
            result = ERR_INVALID;
        }
        str_printf(&text, "%s\n%s\n%s\n", move->from, move->to, move->aside);
    }
    if (result == 0) {
        result = file_write(place->journal, text.data, text.len, 0600);
        if (result != 0) {
            str_printf(why, "%s: %s", place->journal, err_text(result));
        }
    }
    str_done(&text);
    return result;
}

int place_commit(struct place *place, struct str *ret_aside, struct str *why)
{
    int result = 0;
    bool any = false;
    choose_aside(place, ret_aside);
    for (size_t i = 0; result == 0 && i < place->count; i++) {
        const struct move *move = &place->moves[i];
        any = any || present(move->to);
        if (*move->from) {
            result = give(move, why);
        }
        if (result == 0 && *move->from) {
            result = settle(move, why);
        }
    }
    if (!any) {
        str_clear(ret_aside);
    }
    if (result == 0) {
        result = write_journal(place, why);
    }
    if (result == 0) {
        place->committed = true;
        result = make_moves(place->moves, place->count, place->journal, why);
    }
    return result;
}

/* ---- finishing ---- */

static char *take_line(char **at)
{
    char *line = *at;
    char *end = strchr(line, '\n');
    if (!end) {
        return NULL;
    }
    *end = 0;
    *at = end + 1;
    return line;
}

static int read_moves(struct str *text, struct move *moves, size_t *ret_count)
{
    size_t count = 0;
    if (text->len < strlen(first_line) || strncmp(text->data, first_line, strlen(first_line)) != 0) {
        return ERR_INVALID;
    }
    char *at = text->data + strlen(first_line);
    while (*at && count < MOVES_MAX) {
        struct move move = {.from = take_line(&at)};
        move.to = move.from ? take_line(&at) : NULL;
        move.aside = move.to ? take_line(&at) : NULL;
        if (!move.aside || !*move.to || !*move.aside) {
            return ERR_INVALID;
        }
        moves[count++] = move;
    }
    *ret_count = count;
    return 0;
}

int place_finish(const char *store_path, struct str *why)
{
    struct str text = STR_INIT;
    struct move *moves = mem_array(MOVES_MAX, sizeof *moves);
    size_t count = 0;
    char *journal = joined(store_path, ".restore");
    int result = file_read(journal, JOURNAL_MAX, &text);
    if (result == 0) {
        result = read_moves(&text, moves, &count);
        if (result == 0) {
            log_warn("app", "a restore was interrupted: it is brought to its end");
            result = make_moves(moves, count, journal, why);
        } else {
            str_printf(why, "%s: is no journal of a restore; remove it and restore again", journal);
        }
    } else if (result == ERR_NOT_FOUND) {
        result = 0;
    } else {
        str_printf(why, "%s: %s; a restore was interrupted: run `lightbridge restore` again as the user who did",
                   journal, err_text(result));
    }
    free(moves);
    free(journal);
    str_done(&text);
    return result;
}
