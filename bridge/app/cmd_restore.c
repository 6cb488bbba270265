/* restore: a sealed file becomes the installation. Everything is read and written beside its place first (restore.c);
   only when the last byte has proved authentic do the files take their places, together (place.c). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "app/restore.h"
#include "base/err.h"
#include "base/file.h"
#include "base/sealed.h"
#include "base/secrets.h"

/* Reads until `len` bytes are there or the file ends. */
static ssize_t read_fully(int fd, uint8_t *bytes, size_t len)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = read(fd, bytes + got, len - got);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        got += (size_t)n;
    }
    return (ssize_t)got;
}

/* What the head of the file says, before anybody is asked for a passphrase. */
static int look(const char *path, int *ret_fd, uint8_t head[SEALED_HEAD_SIZE], struct str *why)
{
    struct stat st;
    uint64_t size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        str_printf(why, "%s: %m", path);
        return ERR_NOT_FOUND;
    }
    *ret_fd = fd;
    if (!S_ISREG(st.st_mode)) {
        str_printf(why, "%s: is no file; right would be one that `lightbridge backup` made", path);
        return ERR_INVALID;
    }
    ssize_t len = read_fully(fd, head, SEALED_HEAD_SIZE);
    int result = len < 0 ? ERR_IO : sealed_look(head, (size_t)len, &size);
    const char *said = result == ERR_INVALID   ? "is no backup of lightbridge"
                       : result == ERR_NEWER   ? "was made by a newer lightbridge (or its first bytes are damaged)"
                       : result == ERR_CORRUPT ? "is damaged: its first bytes are not what was written"
                       : result == ERR_IO      ? "cannot be read"
                       : len < (ssize_t)SEALED_HEAD_SIZE ? "was cut short: not even its head is whole"
                                                         : "asks for more memory or time than any backup does";
    if (result != 0) {
        str_printf(why, "%s: %s", path, said);
    } else if ((uint64_t)st.st_size != size) {
        str_printf(why, "%s: %s: it has %lld of %llu bytes", path,
                   (uint64_t)st.st_size < size ? "was cut short" : "is damaged, something was added to it",
                   (long long)st.st_size, (unsigned long long)size);
        result = ERR_CORRUPT;
    }
    return result;
}

static int read_chunks(int fd, struct sealed_reader *sealed, struct restore *restore, struct str *why)
{
    uint8_t *chunk = malloc(SEALED_CHUNK), *plain = malloc(SEALED_PLAIN);
    uint64_t at = SEALED_HEAD_SIZE;
    bool last = false;
    int result = chunk && plain ? 0 : ERR_IO;
    while (result == 0 && !last) {
        size_t len = 0;
        ssize_t got = read_fully(fd, chunk, SEALED_CHUNK);
        result = got < 0 ? ERR_IO : sealed_read(sealed, chunk, (size_t)got, plain, &len, &last);
        if (result != 0) {
            str_printf(why, "it is damaged somewhere behind byte %llu", (unsigned long long)at);
        } else {
            at += (uint64_t)got;
            result = restore_feed(restore, plain, len);
        }
    }
    secrets_wipe(plain, SEALED_PLAIN);
    free(chunk);
    free(plain);
    return result;
}

static int read_all(int fd, const uint8_t *head, const struct str *passphrase, struct restore *restore, struct str *why)
{
    struct sealed_reader *sealed = NULL;
    int result = sealed_reader_new(head, str_z(passphrase), passphrase->len, &sealed);
    if (result != 0) {
        str_add_z(why, result == ERR_DENIED ? "the passphrase is not the one that it was made with"
                                            : "there is no memory for its passphrase");
        return result;
    }
    result = read_chunks(fd, sealed, restore, why);
    sealed_reader_free(sealed);
    return result;
}

static int run(const struct command *self, const char *path, struct restore *restore, struct str *why)
{
    uint8_t head[SEALED_HEAD_SIZE];
    struct str passphrase = STR_INIT, inner = STR_INIT;
    int fd = -1;
    int result = restore_prepare(restore);
    if (result == 0) {
        result = look(path, &fd, head, why);
    }
    if (result == 0) {
        result = command_passphrase(self, false, &passphrase);
    }
    if (result == 0) {
        result = read_all(fd, head, &passphrase, restore, &inner);
        if (result == 0) {
            result = restore_finish(restore);
        }
    }
    if (inner.len > 0) {
        str_printf(why, "%s: %s", path, str_z(&inner));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    secrets_wipe(passphrase.data, passphrase.cap);
    str_done(&passphrase);
    str_done(&inner);
    return result;
}

int command_restore(const struct command *self, int argc, char **argv)
{
    const char *config_path = NULL;
    const char *words[1];
    int replace = 0;
    size_t count;
    int exit_code;
    struct str why = STR_INIT;
    const struct option_spec options[] = {{"config", &config_path, NULL}, {"replace", NULL, &replace}};
    if (command_options(self, argc, argv, options, 2, words, 1, &count, &exit_code) != 0) {
        return exit_code;
    }
    if (count != 1) {
        return command_usage(self, "from which file? Its name comes behind \"restore\"");
    }
    struct restore *restore = restore_new(config_path ? config_path : CONFIG_PATH, replace != 0, &why);
    int result = run(self, words[0], restore, &why);
    if (result == 0) {
        restore_tell(restore);
    } else {
        fprintf(stderr, "lightbridge restore: %s\n%s\n", why.len > 0 ? str_z(&why) : "given up",
                restore_begun(restore) ? "the restore is under way: put that right, then run it again, which ends it"
                                       : "nothing was changed");
    }
    restore_free(restore);
    str_done(&why);
    return result == 0 ? EXIT_FINE : EXIT_NO;
}
