#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

static int from_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case EEXIST:
        return ERR_EXISTS;
    case ENOSPC:
    case EROFS:
    case EDQUOT:
        return ERR_FULL;
    default:
        return ERR_IO;
    }
}

int file_read(const char *path, size_t cap, struct str *s)
{
    size_t before = s->len;
    int result = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return from_errno(errno);
    }
    for (;;) {
        char *at = str_reserve(s, 16384);
        ssize_t n = read(fd, at, 16384);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            result = ERR_IO;
            break;
        }
        if (n == 0) {
            break;
        }
        s->len += (size_t)n;
        if (s->len - before > cap) {
            result = ERR_TOO_LARGE;
            break;
        }
    }
    close(fd);
    if (result != 0) {
        s->len = before;
    }
    if (s->data) {
        s->data[s->len] = 0;
    }
    return result;
}

int file_read_secret(const char *path, struct str *s, struct str *why)
{
    struct str text = STR_INIT;
    const char *wrong = NULL;
    int err = file_read(path, FILE_SECRET_MAX, &text);
    if (err == 0) {
        size_t len = text.len;
        while (len > 0 && (text.data[len - 1] == '\n' || text.data[len - 1] == '\r')) {
            len--;
        }
        if (len == 0) {
            wrong = "is empty; it must hold the secret in one line";
        } else if (memchr(text.data, '\n', len) || memchr(text.data, 0, len)) {
            wrong = "has more than one line; it must hold the secret alone";
        } else {
            str_add(s, text.data, len);
        }
        err = wrong ? ERR_INVALID : 0;
    } else {
        wrong = err_text(err);
    }
    if (err != 0 && why) {
        str_printf(why, "%s: %s", path, wrong);
    }
    explicit_bzero(text.data ? text.data : (char *)&text, text.data ? text.cap : 0);
    str_done(&text);
    return err;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return from_errno(n < 0 ? errno : EIO);
        }
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

static int sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? mem_text_n(path, slash == path ? 1 : (size_t)(slash - path)) : mem_text(".");
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd >= 0 && fsync(fd) == 0 ? 0 : ERR_IO;
    if (fd >= 0) {
        close(fd);
    }
    free(directory);
    return result;
}

/* The bytes in a file beside `path`, on the disk; the caller frees *ret_beside and moves or unlinks it. */
static int write_beside(const char *path, const void *bytes, size_t len, unsigned mode, char **ret_beside)
{
    struct str beside = STR_INIT;
    str_printf(&beside, "%s.XXXXXX", path);
    int result = 0;
    int fd = mkostemp(beside.data, O_CLOEXEC);
    if (fd < 0) {
        result = from_errno(errno);
        str_done(&beside);
        return result;
    }
    result = write_all(fd, bytes, len);
    if (result == 0 && (fchmod(fd, (mode_t)mode) != 0 || fsync(fd) != 0)) {
        result = from_errno(errno);
    }
    if (close(fd) != 0 && result == 0) {
        result = ERR_IO;
    }
    if (result != 0) {
        unlink(beside.data);
        str_done(&beside);
        return result;
    }
    *ret_beside = str_take(&beside);
    return 0;
}

int file_write(const char *path, const void *bytes, size_t len, unsigned mode)
{
    char *beside = NULL;
    int result = write_beside(path, bytes, len, mode, &beside);
    if (result != 0) {
        return result;
    }
    if (rename(beside, path) != 0) {
        result = from_errno(errno);
        unlink(beside);
    }
    free(beside);
    return result != 0 ? result : sync_directory(path);
}

int file_create(const char *path, const void *bytes, size_t len, unsigned mode)
{
    char *beside = NULL;
    int result = write_beside(path, bytes, len, mode, &beside);
    if (result != 0) {
        return result;
    }
    if (link(beside, path) != 0) {
        result = from_errno(errno);
    }
    unlink(beside);
    free(beside);
    return result != 0 ? result : sync_directory(path);
}

char *file_resolve(const char *base_file, const char *path)
{
    const char *slash = strrchr(base_file, '/');
    struct str s = STR_INIT;
    if (path[0] != '/' && slash) {
        str_add(&s, base_file, (size_t)(slash - base_file) + 1);
    }
    str_add_z(&s, path);
    return str_take(&s);
}
