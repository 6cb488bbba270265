/* backup: the installation as one sealed file. It reads key and store itself, beside a daemon that may be running: who
   may make a backup is who may read the key file, and the control socket never hands a key out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "app/archive.h"
#include "app/command.h"
#include "app/installation.h"
#include "app/named_files.h"
#include "app/place.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sealed.h"
#include "oauth/oauth.h"
#include "store/copy.h"

#define PASSPHRASE_MIN 8u

struct backup {
    const struct config *config;
    const char *config_path;
    uint8_t bridge_id[8];
    struct file_writer file;
    struct sealed_writer *sealed;
    struct archive_writer archive;
    struct str plain; /* records on their way into chunks */
    uint8_t chunk[SEALED_CHUNK];
    uint64_t size;
    int64_t accounts, links;
    struct str *why;
};

static int add_chunk(struct backup *b, const char *plain, size_t len, bool last)
{
    size_t sealed_len = 0;
    sealed_write(b->sealed, plain, len, last, b->chunk, &sealed_len);
    b->size += sealed_len;
    int result = file_writer_add(&b->file, b->chunk, sealed_len);
    if (result != 0) {
        str_printf(b->why, "%s: %s", b->file.path, err_text(result));
    }
    return result;
}

/* Seals what fills whole chunks. */
static int pass_on(struct backup *b)
{
    size_t done = 0;
    int result = 0;
    while (result == 0 && b->plain.len - done > SEALED_PLAIN) {
        result = add_chunk(b, b->plain.data + done, SEALED_PLAIN, false);
        done += SEALED_PLAIN;
    }
    if (done > 0) {
        memmove(b->plain.data, b->plain.data + done, b->plain.len - done);
        b->plain.len -= done;
    }
    return result;
}

static int add_file(struct backup *b, const char *name, const char *path, bool needed)
{
    struct str bytes = STR_INIT;
    struct stat st;
    char *real = config_secret_path(path);
    int result = stat(real, &st) == 0 && !S_ISREG(st.st_mode) ? ERR_IO : file_read(real, CONFIG_MAX_BYTES, &bytes);
    if (result == 0) {
        archive_put_file(&b->archive, name, st.st_mode & 0777, str_z(&bytes), bytes.len);
        result = pass_on(b);
    } else if (needed) {
        str_printf(b->why, "%s: %s", real, err_text(result));
    } else {
        fprintf(stderr, "lightbridge backup: not in it, keep it elsewhere: %s of %s: %s\n", real, name,
                err_text(result));
        result = 0;
    }
    secrets_wipe(bytes.data, bytes.cap);
    str_done(&bytes);
    free(real);
    return result;
}

static int add_files(struct backup *b)
{
    struct named_file *files = mem_array(NAMED_FILES_MAX, sizeof *files);
    size_t count = 0;
    int result = named_files(b->config, files, &count);
    if (result != 0) {
        str_printf(b->why, "%s names more than %u files", b->config_path, NAMED_FILES_MAX);
    } else {
        result = add_file(b, NAMED_CONFIGURATION, b->config_path, true);
    }
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = add_file(b, files[i].name, files[i].path, strcmp(files[i].name, NAMED_KEY) == 0);
    }
    free(files);
    return result;
}

/* A store and a key that are not of one installation would be a backup that brings nothing back. */
static bool of_other_key(const struct backup *b, const char *table, const struct store_value *values, size_t count)
{
    return strcmp(table, "meta") == 0 && count == 2 && values[0].type == 't' && values[0].len == 9 &&
           memcmp(values[0].bytes, "bridge_id", 9) == 0 &&
           (values[1].len != sizeof b->bridge_id || memcmp(values[1].bytes, b->bridge_id, sizeof b->bridge_id) != 0);
}

static int add_row(void *user, const char *table, const struct store_value *values, size_t count)
{
    struct backup *b = user;
    size_t before = b->plain.len;
    if (of_other_key(b, table, values, count)) {
        str_printf(b->why, "%s belongs to another store than %s: `lightbridge doctor` says more",
                   b->config->store.key_file, b->config->store.path);
        return ERR_INVALID;
    }
    archive_put_row(&b->archive, table, values, count);
    if (b->plain.len - before > ARCHIVE_RECORD_MAX) {
        str_printf(b->why, "%s: a row of %zu bytes in the table %s", b->config->store.path, b->plain.len - before,
                   table);
        return ERR_TOO_LARGE;
    }
    return pass_on(b);
}

static int add_all(struct backup *b, struct store_dump *dump)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    archive_put_about(&b->archive, store_dump_version(dump), (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
                      LIGHTBRIDGE_VERSION);
    int result = add_files(b);
    if (result == 0) {
        result = store_dump_rows(dump, add_row, b, b->why);
    }
    if (result == 0) {
        archive_put_end(&b->archive);
        result = pass_on(b);
    }
    return result == 0 ? add_chunk(b, str_z(&b->plain), b->plain.len, true) : result;
}

/* Room for the head first, and its bytes once the size is known. */
static int write_file(struct backup *b, struct store_dump *dump, const char *path)
{
    uint8_t head[SEALED_HEAD_SIZE] = {0};
    int result = file_writer_open(&b->file, path, 0600);
    if (result == 0) {
        result = file_writer_add(&b->file, head, sizeof head);
        b->size = sizeof head;
    }
    if (result == 0) {
        result = add_all(b, dump);
    }
    if (result == 0) {
        sealed_head(b->sealed, b->size, head);
        result = file_writer_rewrite(&b->file, head, sizeof head);
    }
    if (result == 0) {
        result = file_writer_create(&b->file);
    }
    if (result != 0 && b->why->len == 0) {
        str_printf(b->why, "%s: %s", path,
                   result == ERR_EXISTS ? "is there already, and a backup never overwrites; choose another name"
                                        : err_text(result));
    }
    file_writer_drop(&b->file);
    return result;
}

static int check_key(struct backup *b)
{
    uint8_t key[SECRETS_KEY_SIZE];
    int result = installation_read_key(b->config->store.key_file, key, b->why);
    if (result == 0) {
        oauth_bridge_id(key, b->bridge_id);
    }
    secrets_wipe(key, sizeof key);
    return result;
}

static int back_up(struct backup *b, const struct str *passphrase, const char *path)
{
    struct store_dump *dump = NULL;
    int result = check_key(b);
    if (result == 0) {
        result = sealed_writer_new(str_z(passphrase), passphrase->len, SEALED_COST, &b->sealed);
        if (result != 0) {
            str_add_z(b->why, "there is no memory for the passphrase's 64 MiB");
        }
    }
    if (result == 0) {
        result = store_dump_open(b->config->store.path, &dump, b->why);
    }
    if (result == 0) {
        result = store_dump_count(dump, &b->accounts, &b->links, b->why);
    }
    if (result == 0) {
        result = write_file(b, dump, path);
    }
    store_dump_close(dump);
    sealed_writer_free(b->sealed);
    secrets_wipe(b->plain.data, b->plain.cap);
    str_done(&b->plain);
    return result;
}

/* Before the passphrase is asked for: what would come to nothing anyway. */
static int check_target(const char *path, struct str *why)
{
    struct stat st;
    if (lstat(path, &st) == 0) {
        str_printf(why, "%s: is there already, and a backup never overwrites; choose another name", path);
        return ERR_EXISTS;
    }
    return 0;
}

static int ask_passphrase(const struct command *self, struct str *passphrase, struct str *why)
{
    int result = command_passphrase(self, true, passphrase);
    if (result == 0 && passphrase->len < PASSPHRASE_MIN) {
        str_printf(why, "the passphrase has %zu characters; it must have %u or more", passphrase->len, PASSPHRASE_MIN);
        result = ERR_INVALID;
    }
    return result;
}

int command_backup(const struct command *self, int argc, char **argv)
{
    const char *config_path = NULL;
    const char *words[1];
    size_t count;
    int exit_code;
    struct config *config = NULL;
    struct str passphrase = STR_INIT, why = STR_INIT;
    const struct option_spec options[] = {{"config", &config_path, NULL}};
    if (command_options(self, argc, argv, options, 1, words, 1, &count, &exit_code) != 0) {
        return exit_code;
    }
    if (count != 1) {
        return command_usage(self, "into which file? Its name comes behind \"backup\"");
    }
    exit_code = command_config_beside(config_path, &config);
    if (exit_code != EXIT_FINE) {
        return exit_code;
    }
    struct backup *b = mem_alloc(sizeof *b);
    *b = (struct backup){
        .config = config, .config_path = config_path ? config_path : CONFIG_PATH, .file = {.fd = -1}, .why = &why};
    b->archive.out = &b->plain;
    int result = check_target(words[0], &why);
    if (result == 0) {
        result = place_finish(config->store.path, &why);
    }
    if (result == 0) {
        result = ask_passphrase(self, &passphrase, &why);
    }
    if (result == 0) {
        result = back_up(b, &passphrase, words[0]);
    }
    if (result == 0) {
        printf("%s: %lld account%s, %lld living link%s; keep the passphrase, without it the file is of no use\n",
               words[0], (long long)b->accounts, b->accounts == 1 ? "" : "s", (long long)b->links,
               b->links == 1 ? "" : "s");
    } else if (why.len > 0) {
        fprintf(stderr, "lightbridge backup: %s\n", str_z(&why));
    }
    secrets_wipe(passphrase.data, passphrase.cap);
    str_done(&passphrase);
    str_done(&why);
    free(b);
    config_free(config);
    return result == 0 ? EXIT_FINE : EXIT_NO;
}
