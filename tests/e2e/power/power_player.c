/* Plays a record of a folder again up to each point and opens what a power cut would leave there, with the program's
   own code. See README.md. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/command.h"
#include "app/config.h"
#include "app/offline.h"
#include "base/err.h"
#include "base/log.h"
#include "disk.h"
#include "oauth/oauth.h"
#include "record.h"
#include "store/store.h"

#define SHOWN_FINDINGS 20

/* Nothing waits for the disk here: the system does not lose power. */
int fsync(int fd)
{
    (void)fd;
    return 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

struct play {
    const char *folder, *config_file, *base;
    struct record record;
    const char **keys;
    size_t key_count;
    unsigned long seeds, first_seed;
    bool deaf_to_files, deaf_to_folder; /* as if the store never synced */
    /* what came of it */
    unsigned long opened, asked, findings;
};

/* One state of the folder. */
struct state {
    struct play *play;
    size_t cut;
    enum disk_model model;
    uint64_t seed;
};

static void found(const struct state *state, const char *what, const char *detail)
{
    static const char *const models[] = {"all that was written", "only what was synced", "torn"};
    char event[600], seed[40] = "";
    if (state->play->findings++ < SHOWN_FINDINGS) {
        record_name(&state->play->record.events[state->cut], event, sizeof event);
        if (state->model == DISK_TORN) {
            (void)snprintf(seed, sizeof seed, " by seed %llu", (unsigned long long)state->seed);
        }
        printf("power lost behind event %zu (%s), %s%s: %s%s\n", state->cut, event, models[state->model], seed, what,
               detail);
        (void)fflush(stdout);
    }
}

/* ---- asking ---- */

static int take_text(void *user, const struct store_row *row)
{
    const char *text = store_row_text(row, 0);
    (void)snprintf(user, 256, "%s", text ? text : "NULL");
    return 0;
}

/* A key "token TOKEN" is asked of the authorization server, "file NAME" is a store that is looked through, any other is
   a SELECT of one text. */
static void ask(const struct play *play, struct offline *o, const char *key, char value[256])
{
    (void)snprintf(value, 256, "none");
    if (strncmp(key, "file ", 5) == 0) {
        char path[4096];
        struct str why = STR_INIT;
        (void)snprintf(path, sizeof path, "%s/%s", play->folder, key + 5);
        int err = store_examine(path, &why);
        (void)snprintf(value, 256, "%s", err == 0 ? "whole" : err_text(err));
        str_done(&why);
    } else if (strncmp(key, "token ", 6) == 0) {
        struct oauth_token_info info;
        const struct oauth_client *client = oauth_client_find(o->oauth, "smartthings");
        int err = client ? oauth_introspect(o->oauth, client, key + 6, &info) : ERR_NOT_FOUND;
        (void)snprintf(value, 256, "%s", err == 0 ? "alive" : err == ERR_DENIED ? "dead" : err_text(err));
    } else if (store_read(o->in.store, key, take_text, value, "") != 0) {
        (void)snprintf(value, 256, "unreadable");
    }
}

static void check_facts(const struct state *state, struct offline *o)
{
    struct play *play = state->play;
    for (size_t i = 0; i < play->key_count; i++) {
        char value[256], text[1200];
        const char *promised;
        bool asked;
        (void)record_allows(&play->record, state->cut, play->keys[i], "", &asked, &promised);
        if (!asked) {
            continue;
        }
        play->asked++;
        ask(play, o, play->keys[i], value);
        if (!record_allows(&play->record, state->cut, play->keys[i], value, &asked, &promised)) {
            (void)snprintf(text, sizeof text, "%s: is %s, %s was acknowledged", play->keys[i], value, promised);
            found(state, "", text);
        }
    }
}

static void open_state(const struct state *state)
{
    struct play *play = state->play;
    struct config *config = NULL;
    struct str why = STR_INIT;
    struct offline o;
    play->opened++;
    if (config_load(play->config_file, &config, &why) != 0) {
        found(state, "no configuration: ", str_z(&why));
    } else if (offline_open(&o, config, "power") != EXIT_FINE) {
        found(state, "it does not open: ", o.in.trouble.len > 0 ? str_z(&o.in.trouble) : "see above");
        offline_close(&o);
    } else {
        check_facts(state, &o);
        offline_close(&o);
        if (store_examine(config->store.path, &why) != 0) {
            found(state, "it is damaged: ", str_z(&why));
        }
    }
    config_free(config);
    str_done(&why);
}

/* ---- playing ---- */

static void cut_here(struct play *play, struct disk *disk, size_t cut)
{
    struct state state = {.play = play, .cut = cut, .model = DISK_ALL};
    disk_lay_out(disk, play->folder, DISK_ALL, 0);
    open_state(&state);
    if (!disk_unsettled(disk)) {
        return;
    }
    state.model = DISK_SYNCED;
    disk_lay_out(disk, play->folder, DISK_SYNCED, 0);
    open_state(&state);
    state.model = DISK_TORN;
    for (unsigned long i = 0; i < play->seeds; i++) {
        state.seed = play->first_seed + i;
        disk_lay_out(disk, play->folder, DISK_TORN, state.seed * 1000003u + cut);
        open_state(&state);
    }
}

static bool is_deaf(const struct play *play, const struct disk_event *event)
{
    return (play->deaf_to_files && event->op == DISK_SYNC) || (play->deaf_to_folder && event->op == DISK_SYNC_FOLDER);
}

/* A cut behind each event that changes the disk, and behind each at which something is promised. */
static void play_all(struct play *play)
{
    struct disk *disk = disk_new(play->base);
    for (size_t i = 0; i < play->record.count; i++) {
        const struct record_event *event = &play->record.events[i];
        if (event->kind == RECORD_DISK && !is_deaf(play, &event->disk)) {
            disk_apply(disk, &event->disk);
        }
        if (event->kind == RECORD_DISK || event->kind == RECORD_SAY || i + 1 == play->record.count) {
            cut_here(play, disk, i);
        }
    }
    disk_free(disk);
}

static void collect_keys(struct play *play)
{
    play->keys = calloc(play->record.count + 1, sizeof *play->keys);
    for (size_t i = 0; play->keys && i < play->record.count; i++) {
        const char *key = play->record.events[i].key;
        size_t at = 0;
        while (key && at < play->key_count && strcmp(play->keys[at], key) != 0) {
            at++;
        }
        if (key && at == play->key_count) {
            play->keys[play->key_count++] = key;
        }
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: power_player [--seeds N] [--first-seed N] [--deaf files|folder] RECORD BASE FOLDER CONFIG\n"
                    "BASE: the folder as it was; FOLDER: where it was recorded; it is written anew for every cut.\n"
                    "Exit 0: every state opens with all that was acknowledged; 1: not so; 2: wrong usage.\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seeds", required_argument, NULL, 's'},
                                            {"first-seed", required_argument, NULL, 'f'},
                                            {"deaf", required_argument, NULL, 'd'},
                                            {0}};
    struct play play = {0};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 's') {
            play.seeds = strtoul(optarg, NULL, 10);
        } else if (option == 'f') {
            play.first_seed = strtoul(optarg, NULL, 10);
        } else if (option == 'd') {
            play.deaf_to_files = strcmp(optarg, "files") == 0;
            play.deaf_to_folder = strcmp(optarg, "folder") == 0;
        } else {
            return usage();
        }
    }
    if (argc - optind != 4) {
        return usage();
    }
    log_set_level(LOG_LEVEL_ERROR);
    record_read(&play.record, argv[optind]);
    play.base = argv[optind + 1];
    play.folder = argv[optind + 2];
    play.config_file = argv[optind + 3];
    collect_keys(&play);
    play_all(&play);
    printf("%zu events, %lu states opened, %lu times something acknowledged was asked for, %lu findings\n",
           play.record.count, play.opened, play.asked, play.findings);
    free(play.keys);
    record_free(&play.record);
    return play.findings > 0 || play.asked == 0;
}
