/* Whole files: configuration, secrets, keys, backups. Blocking: at start, in the command line, or the pool. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>

#include "base/str.h"

#define FILE_SECRET_MAX 4096

/* Whole file behind s. ERR_NOT_FOUND, ERR_TOO_LARGE over cap, ERR_DENIED (permission), ERR_IO. */
int file_read(const char *path, size_t cap, struct str *s);
/* A secret: one line, the newline at its end cut; ERR_INVALID when empty. `why` (may be NULL) gets a sentence. */
int file_read_secret(const char *path, struct str *s, struct str *why);
/* Written beside it, fsynced, renamed over, directory fsynced: old or new, never half. ERR_FULL, ERR_IO. */
int file_write(const char *path, const void *bytes, size_t len, unsigned mode);
/* As file_write, but ERR_EXISTS where the file is there already (link(2), so there is no race). */
int file_create(const char *path, const void *bytes, size_t len, unsigned mode);
/* A larger file, written piece by piece beside its place: there whole, or not at all. */
struct file_writer {
    int fd; /* -1: closed */
    char *path, *beside;
};
int file_writer_open(struct file_writer *writer, const char *path, unsigned mode);
int file_writer_add(struct file_writer *writer, const void *bytes, size_t len);
int file_writer_rewrite(struct file_writer *writer, const void *bytes, size_t len); /* its first bytes, once more */
/* On the disk, then in its place: ERR_EXISTS where a file is there already (also on file systems without link). */
int file_writer_create(struct file_writer *writer);
void file_writer_drop(struct file_writer *writer); /* after either end; what was not put in its place is gone */
/* fsync of the directory in which `path` lies: what was made, moved or removed there is durable. */
int file_sync_directory(const char *path);
/* `path` itself if absolute, otherwise behind the directory of `base_file`. The caller frees. */
char *file_resolve(const char *base_file, const char *path);

#endif
