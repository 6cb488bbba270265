#include "app/installation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/place.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "oauth/oauth.h"
#include "store/store.h"

static bool present(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

int installation_make_directory(const char *path, unsigned mode, struct str *why)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path) {
        return 0;
    }
    char *directory = mem_text_n(path, (size_t)(slash - path));
    int result = mkdir(directory, mode) == 0 || errno == EEXIST ? 0 : ERR_IO;
    if (result != 0) {
        str_printf(why, "cannot make the directory %s: %m", directory);
    }
    free(directory);
    return result;
}

/* While we waited, a restore or an upgrade may have put another file in its place. */
static bool is_file(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

int installation_claim(const char *store_path, bool alone, int *ret_claim, struct str *why)
{
    *ret_claim = -1;
    int err = place_finish(store_path, why); /* before anything is looked at */
    int fd = err == 0 ? open(store_path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return err; /* nothing to share; whoever opens the store says what is wrong with it */
    }
    for (int tries = alone ? 40 : 0; flock(fd, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0 && errno == EWOULDBLOCK;) {
        if (tries-- == 0) {
            str_printf(why, "%s: another lightbridge is using this store; there can be one only", store_path);
            close(fd);
            return ERR_BUSY;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    if (!is_file(fd, store_path)) {
        close(fd);
        return installation_claim(store_path, alone, ret_claim, why);
    }
    *ret_claim = fd;
    return 0;
}

int installation_claim_again(const char *store_path, bool alone, int *claim, struct str *why)
{
    if (*claim >= 0 && is_file(*claim, store_path)) {
        return 0;
    }
    int old = *claim;
    int err = installation_claim(store_path, alone, claim, why);
    installation_release(old); /* only now: whoever waits for it finds that the name has gone to another file */
    return err;
}

void installation_release(int claim)
{
    if (claim >= 0) {
        close(claim);
    }
}

/* The key is 32 bytes as base64url text, so that it can be copied by hand in an emergency. */
int installation_read_key(const char *path, uint8_t ret_key[SECRETS_KEY_SIZE], struct str *why)
{
    struct str text = STR_INIT;
    size_t len = 0;
    char *real = config_secret_path(path);
    int err = file_read_secret(real, &text, why);
    if (err == 0) {
        err = secrets_base64url_decode(str_z(&text), text.len, ret_key, SECRETS_KEY_SIZE, &len);
        if (err != 0 || len != SECRETS_KEY_SIZE) {
            str_printf(why, "%s: is no key of lightbridge (43 characters of base64url)", real);
            err = ERR_INVALID;
        }
    }
    secrets_wipe(text.data, text.len);
    str_done(&text);
    free(real);
    return err;
}

static int make_key(const char *path, uint8_t key[SECRETS_KEY_SIZE], struct str *why)
{
    struct str text = STR_INIT;
    secrets_random(key, SECRETS_KEY_SIZE);
    secrets_base64url(&text, key, SECRETS_KEY_SIZE);
    str_add_char(&text, '\n');
    int err = file_create(path, text.data, text.len, 0600);
    if (err != 0) {
        str_printf(why, "%s: cannot make the key: %s", path, err_text(err));
    }
    secrets_wipe(text.data, text.len);
    str_done(&text);
    return err;
}

struct found {
    bool has_id;
    uint8_t id[8];
    int64_t rows;
};

static int take_id(void *user, const struct store_row *row)
{
    struct found *found = user;
    size_t len = 0;
    const void *bytes = store_row_blob(row, 0, &len);
    if (len == sizeof found->id) {
        memcpy(found->id, bytes, len);
        found->has_id = true;
    }
    return 0;
}

static int take_rows(void *user, const struct store_row *row)
{
    ((struct found *)user)->rows = store_row_int(row, 0);
    return 0;
}

static struct found look(struct store *store)
{
    struct found found = {0};
    store_read(store, "SELECT value FROM meta WHERE key = 'bridge_id'", take_id, &found, "");
    store_read(store, "SELECT (SELECT count(*) FROM links) + (SELECT count(*) FROM accounts)", take_rows, &found, "");
    return found;
}

static int remember_id(struct installation *in)
{
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "INSERT OR REPLACE INTO meta (key, value) VALUES ('bridge_id', ?1)", "b", in->bridge_id,
                    sizeof in->bridge_id);
    return store_write(in->store, batch);
}

static void lose_key(struct installation *in, const char *path, const char *what)
{
    in->has_key = false;
    secrets_wipe(in->key, sizeof in->key);
    str_printf(
        &in->trouble,
        "%s: %s; links stay as they are but cannot be served: bring back a backup with `lightbridge restore FILE "
        "--replace`, or give the links up: %s`lightbridge store reset`",
        path, what, present(path) ? "remove the file, then " : "");
}

/* Do key and store belong together? */
static void match(struct installation *in, const char *key_path)
{
    struct found found = look(in->store);
    if (in->has_key) {
        oauth_bridge_id(in->key, in->bridge_id);
        if (found.has_id && memcmp(found.id, in->bridge_id, sizeof found.id) != 0) {
            memcpy(in->bridge_id, found.id, sizeof found.id);
            lose_key(in, key_path, "this key belongs to another store");
        } else if (!found.has_id && store_health(in->store) == STORE_OK) {
            (void)remember_id(in); /* a store that cannot write now is told again at the next start */
        }
    } else if (found.has_id) {
        memcpy(in->bridge_id, found.id, sizeof found.id);
    }
}

int installation_open(struct loop *loop, const struct config_store *config, struct installation *in, struct str *why)
{
    struct str unused = STR_INIT;
    *in = (struct installation){0};
    char *key_path = config_secret_path(config->key_file);
    bool key_there = present(key_path);
    bool first = !key_there && !present(config->path);
    int err = first ? installation_make_directory(config->path, 0700, why) : 0;
    if (err == 0 && first) {
        err = installation_make_directory(config->key_file, 0700, why);
    }
    if (err == 0) {
        err = store_open(loop, &(struct store_config){config->path, key_there}, &in->store);
        if (err != 0) {
            str_printf(why, "%s: %s", config->path, err_text(err));
        }
    }
    if (err == 0 && key_there) {
        in->has_key = installation_read_key(config->key_file, in->key, &unused) == 0;
        if (!in->has_key) {
            lose_key(in, str_z(&unused), "the key cannot be read");
        }
    } else if (err == 0 && store_health(in->store) == STORE_OK && look(in->store).rows == 0) {
        err = make_key(config->key_file, in->key, why); /* nothing hangs on a key yet */
        in->has_key = err == 0;
    } else if (err == 0) {
        lose_key(in, config->key_file, "the key is gone though the store is there");
    }
    if (err == 0) {
        match(in, config->key_file);
        str_add_z(&in->trouble, in->trouble.len > 0 && *store_trouble(in->store) ? "; " : "");
        str_add_z(&in->trouble, store_trouble(in->store));
    }
    str_done(&unused);
    free(key_path);
    return err;
}

void installation_close(struct installation *in)
{
    if (in->store) {
        store_close(in->store);
    }
    secrets_wipe(in->key, sizeof in->key);
    str_done(&in->trouble);
    *in = (struct installation){0};
}
