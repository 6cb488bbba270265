/* What makes this installation itself: its key file and its store. Neither is ever made anew where the other one
   shows that it existed: that would un-link every account. */
#ifndef APP_INSTALLATION_H
#define APP_INSTALLATION_H

#include <stdbool.h>
#include <stdint.h>

#include "app/config.h"
#include "base/secrets.h"
#include "base/str.h"

struct loop;
struct store;

struct installation {
    struct store *store; /* never NULL after a success; may be unwell (store_health) */
    bool has_key;        /* false: `key` must not be used, tokens can be neither made nor judged */
    uint8_t key[SECRETS_KEY_SIZE];
    uint8_t bridge_id[8]; /* of the key, or else as the store remembers it */
    struct str trouble;   /* for people: what is lost and what to do; empty when all is well */
};

/* Opens both. First start (neither is there): makes both. ERR_* only where nothing could be opened at all (directory
   missing, not allowed); `why` then has a sentence. Release with installation_close also after an error. */
int installation_open(struct loop *loop, const struct config_store *config, struct installation *in, struct str *why);
void installation_close(struct installation *in);

/* Claims the store's file until installation_release, or the end of the process: `alone`, as the daemon must, which
   answers from memory, and waits two seconds for commands to end; or beside others of its kind, as commands do that
   change the store while no daemon runs. ERR_BUSY with a sentence. *ret_claim is -1 where there is no file yet: claim
   it again when it was made. Before the store is opened, released after it was closed: SQLite's own locks are the
   file's too. A restore that was interrupted is brought to its end first. */
int installation_claim(const char *store_path, bool alone, int *ret_claim, struct str *why);
void installation_release(int claim);
/* After opening: the claim follows the name where a store was made, or upgraded and so became another file. */
int installation_claim_again(const char *store_path, bool alone, int *claim, struct str *why);

/* The key in a key file (config.store.key_file). Its errors with a sentence. */
int installation_read_key(const char *path, uint8_t ret_key[SECRETS_KEY_SIZE], struct str *why);

/* Makes the directory in which `path` lies, if it is the last one missing: packages bring theirs, a newcomer who runs
   from a build tree gets them made. ERR_IO with a sentence. */
int installation_make_directory(const char *path, unsigned mode, struct str *why);

#endif
