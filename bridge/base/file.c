#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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

int file_sync_directory(const char *path)
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

int file_writer_open(struct file_writer *writer, const char *path, unsigned mode)
{
    struct str beside = STR_INIT;
    str_printf(&beside, "%s.XXXXXX", path);
    *writer = (struct file_writer){.fd = mkostemp(beside.data, O_CLOEXEC)};
    int result = writer->fd < 0 ? from_errno(errno) : 0;
    if (result == 0) {
        writer->path = mem_text(path);
        writer->beside = str_take(&beside);
        result = fchmod(writer->fd, (mode_t)mode) == 0 ? 0 : from_errno(errno);
    }
    str_done(&beside);
    return result;
}

int file_writer_add(struct file_writer *writer, const void *bytes, size_t len)
{
    return write_all(writer->fd, bytes, len);
}

int file_writer_rewrite(struct file_writer *writer, const void *bytes, size_t len)
{
    return lseek(writer->fd, 0, SEEK_SET) == 0 ? write_all(writer->fd, bytes, len) : ERR_IO;
}

static int writer_sync(struct file_writer *writer)
{
    int result = fsync(writer->fd) == 0 ? 0 : from_errno(errno);
    if (close(writer->fd) != 0 && result == 0) {
        result = ERR_IO;
    }
    writer->fd = -1;
    return result;
}

int file_writer_create(struct file_writer *writer)
{
    int result = writer_sync(writer);
    if (result != 0) {
        return result;
    }
    if (renameat2(AT_FDCWD, writer->beside, AT_FDCWD, writer->path, RENAME_NOREPLACE) != 0) {
        result = from_errno(errno);
        if (errno == EINVAL) { /* a file system without RENAME_NOREPLACE */
            result = access(writer->path, F_OK) == 0             ? ERR_EXISTS
                     : rename(writer->beside, writer->path) == 0 ? 0
                                                                 : from_errno(errno);
        }
    }
    if (result == 0) {
        free(writer->beside);
        writer->beside = NULL;
        result = file_sync_directory(writer->path);
    }
    return result;
}

void file_writer_drop(struct file_writer *writer)
{
    if (writer->fd >= 0) {
        close(writer->fd);
    }
    if (writer->beside) {
        unlink(writer->beside);
    }
    free(writer->beside);
    free(writer->path);
    *writer = (struct file_writer){.fd = -1};
}

/* The bytes in a file beside `path`, on the disk; the caller moves or links it, then drops the writer. */
static int write_beside(struct file_writer *writer, const char *path, const void *bytes, size_t len, unsigned mode)
{
    int result = file_writer_open(writer, path, mode);
    if (result == 0) {
        result = file_writer_add(writer, bytes, len);
    }
    return result == 0 ? writer_sync(writer) : result;
}

int file_write(const char *path, const void *bytes, size_t len, unsigned mode)
{
    struct file_writer writer;
    int result = write_beside(&writer, path, bytes, len, mode);
    if (result == 0 && rename(writer.beside, path) != 0) {
        result = from_errno(errno);
    } else if (result == 0) {
        free(writer.beside);
        writer.beside = NULL;
        result = file_sync_directory(path);
    }
    file_writer_drop(&writer);
    return result;
}

int file_create(const char *path, const void *bytes, size_t len, unsigned mode)
{
    struct file_writer writer;
    int result = write_beside(&writer, path, bytes, len, mode);
    if (result == 0 && link(writer.beside, path) != 0) {
        result = from_errno(errno);
    }
    bool made = result == 0;
    file_writer_drop(&writer);
    return made ? file_sync_directory(path) : result;
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
