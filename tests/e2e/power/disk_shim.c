/* LD_PRELOAD: writes down every change of the files of one folder, with its bytes, and the moments at which the process
   said something to others; power_player plays it again up to any point. See README.md.

   LB_DISK          file that events are appended to; without it the shim does nothing
   LB_DISK_FOLDER   the folder, its real path
   LB_DISK_PROCESS  name of the executable it is for ("lightbridge"): LD_PRELOAD is inherited by children

   One event after the other: the call and its record are made under a lock, over threads and processes, so the order of
   the record is the order in which things happened. Saying something is recorded before its system call. The -shm file
   is left out: it is mapped memory, and SQLite trusts nothing of it after a start. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_SIZE 512
#define SHOWN_BYTES 16

static int record_fd = -1;
static char folder[PATH_SIZE];
static size_t folder_len;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* ---- the record ---- */

static void lock(void)
{
    (void)pthread_mutex_lock(&mutex);
    while (flock(record_fd, LOCK_EX) != 0 && errno == EINTR) {
    }
}

static void unlock(void)
{
    (void)flock(record_fd, LOCK_UN);
    (void)pthread_mutex_unlock(&mutex);
}

/* OP INODE OFFSET LENGTH NAME NAME2 with tabs between them, a newline, LENGTH bytes, a newline. */
static void put(const char *op, unsigned long inode, long long offset, const char *name, const char *to,
                const void *bytes, size_t len)
{
    char head[2 * PATH_SIZE + 128];
    int count = snprintf(head, sizeof head, "%s\t%lu\t%lld\t%zu\t%s\t%s\n", op, inode, offset, len, name, to);
    struct iovec parts[] = {{head, (size_t)count}, {(void *)(size_t)bytes, len}, {(void *)(size_t) "\n", 1}};
    (void)!syscall(SYS_writev, (long)record_fd, parts, 3L); /* O_APPEND: an event is one write */
}

/* The name below the folder; NULL: not ours. The folder itself is ".". */
static const char *below(const char *path)
{
    static _Thread_local char whole[PATH_SIZE];
    if (path[0] != '/') {
        char here[PATH_SIZE];
        if (!getcwd(here, sizeof here) || snprintf(whole, sizeof whole, "%s/%s", here, path) >= (int)sizeof whole) {
            return NULL;
        }
        path = whole;
    }
    if (strncmp(path, folder, folder_len) != 0 || (path[folder_len] != '/' && path[folder_len] != '\0')) {
        return NULL;
    }
    const char *name = path[folder_len] ? path + folder_len + 1 : ".";
    size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, "-shm") == 0 ? NULL : *name ? name : ".";
}

struct file {
    bool ours, is_folder;
    unsigned long inode;
    char name[PATH_SIZE];
};

static struct file file_of(int fd)
{
    struct file file = {0};
    struct stat status;
    char link[64], path[PATH_SIZE];
    int saved = errno;
    if (record_fd >= 0 && fd > 2 && fd != record_fd && fstat(fd, &status) == 0 &&
        (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        long len = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
        path[len > 0 ? len : 0] = '\0';
        const char *name = len > 0 ? below(path) : NULL;
        if (name) {
            file.ours = true;
            file.is_folder = S_ISDIR(status.st_mode);
            file.inode = status.st_ino;
            (void)snprintf(file.name, sizeof file.name, "%s", name);
        }
    }
    errno = saved;
    return file;
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("LB_DISK"), *where = getenv("LB_DISK_FOLDER"), *wanted = getenv("LB_DISK_PROCESS");
    if (!path || !where || strcmp(program_invocation_short_name, wanted ? wanted : "lightbridge") != 0) {
        return;
    }
    folder_len = (size_t)snprintf(folder, sizeof folder, "%s", where);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    record_fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 900) : -1; /* out of the way of numbers that tests look at */
    (void)syscall(SYS_close, (long)fd);
}

/* ---- bytes ---- */

static ssize_t write_at(int fd, const void *bytes, size_t len, off_t offset, bool here)
{
    struct file file = file_of(fd);
    if (!file.ours) {
        return here ? (ssize_t)syscall(SYS_write, (long)fd, bytes, len)
                    : (ssize_t)syscall(SYS_pwrite64, (long)fd, bytes, len, offset);
    }
    lock();
    if (here) {
        offset = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    }
    ssize_t result = here ? (ssize_t)syscall(SYS_write, (long)fd, bytes, len)
                          : (ssize_t)syscall(SYS_pwrite64, (long)fd, bytes, len, offset);
    int saved = errno;
    if (result > 0) {
        put("write", file.inode, offset, file.name, "", bytes, (size_t)result);
    }
    unlock();
    errno = saved;
    return result;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return write_at(fd, bytes, len, offset, false);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
    return write_at(fd, bytes, len, offset, false);
}

static int truncate_to(int fd, off_t size)
{
    struct file file = file_of(fd);
    if (!file.ours) {
        return (int)syscall(SYS_ftruncate, (long)fd, size);
    }
    lock();
    int result = (int)syscall(SYS_ftruncate, (long)fd, size);
    int saved = errno;
    if (result == 0) {
        put("truncate", file.inode, size, file.name, "", "", 0);
    }
    unlock();
    errno = saved;
    return result;
}

int ftruncate(int fd, off_t size)
{
    return truncate_to(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return truncate_to(fd, size);
}

static int sync_it(int fd, long call)
{
    struct file file = file_of(fd);
    if (!file.ours) {
        return (int)syscall(call, (long)fd);
    }
    lock();
    int result = (int)syscall(call, (long)fd);
    int saved = errno;
    if (result == 0) {
        put(file.is_folder ? "syncfolder" : "sync", file.inode, 0, file.name, "", "", 0);
    }
    unlock();
    errno = saved;
    return result;
}

int fsync(int fd)
{
    return sync_it(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_it(fd, SYS_fdatasync);
}

/* ---- names ---- */

static int open_it(const char *path, int flags, mode_t mode)
{
    const char *name = record_fd >= 0 && flags & (O_CREAT | O_TRUNC) ? below(path) : NULL;
    if (!name) {
        return (int)syscall(SYS_openat, AT_FDCWD, path, (long)flags, (long)mode);
    }
    lock();
    struct stat status;
    bool there = lstat(path, &status) == 0;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, (long)flags, (long)mode);
    int saved = errno;
    if (fd >= 0 && fstat(fd, &status) == 0 && (!there || flags & O_TRUNC)) {
        put(there ? "truncate" : "create", status.st_ino, 0, name, "", "", 0);
    }
    unlock();
    errno = saved;
    return fd;
}

#define OPEN(path, flags)                                                                                              \
    do {                                                                                                               \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        mode_t mode = (flags) & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;                                      \
        va_end(args);                                                                                                  \
        return open_it(path, flags, mode);                                                                             \
    } while (0)

int open(const char *path, int flags, ...)
{
    OPEN(path, flags);
}

int open64(const char *path, int flags, ...)
{
    OPEN(path, flags);
}

static int make_temporary(const char *call, char *pattern, int flags)
{
    int (*real)(char *, int);
    *(void **)&real = dlsym(RTLD_NEXT, call);
    if (record_fd < 0) {
        return real(pattern, flags);
    }
    lock();
    int fd = real(pattern, flags);
    int saved = errno;
    struct file file = file_of(fd);
    if (fd >= 0 && file.ours) {
        put("create", file.inode, 0, file.name, "", "", 0);
    }
    unlock();
    errno = saved;
    return fd;
}

int mkostemp(char *pattern, int flags)
{
    return make_temporary("mkostemp", pattern, flags);
}

int mkostemp64(char *pattern, int flags)
{
    return make_temporary("mkostemp64", pattern, flags);
}

/* Sockets have names, too. */
static bool is_file(const char *path)
{
    struct stat status;
    int saved = errno;
    bool is = lstat(path, &status) == 0 && S_ISREG(status.st_mode);
    errno = saved;
    return is;
}

/* A change of names: `name` as it is recorded, the call under the lock. */
#define NAMED(op, from, to, call)                                                                                      \
    do {                                                                                                               \
        char name[PATH_SIZE] = "", other[PATH_SIZE] = "";                                                              \
        const char *ours = record_fd >= 0 && is_file(from) ? below(from) : NULL;                                       \
        (void)snprintf(name, sizeof name, "%s", ours ? ours : "");                                                     \
        const char *second = ours && *(to) ? below(to) : NULL;                                                         \
        (void)snprintf(other, sizeof other, "%s", second ? second : "");                                               \
        if (!ours) {                                                                                                   \
            return (int)(call);                                                                                        \
        }                                                                                                              \
        lock();                                                                                                        \
        int result = (int)(call);                                                                                      \
        int saved = errno;                                                                                             \
        if (result == 0) {                                                                                             \
            put(op, 0, 0, name, other, "", 0);                                                                         \
        }                                                                                                              \
        unlock();                                                                                                      \
        errno = saved;                                                                                                 \
        return result;                                                                                                 \
    } while (0)

int rename(const char *from, const char *to)
{
    NAMED("rename", from, to, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0L));
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    NAMED("rename", from, to, syscall(SYS_renameat2, (long)from_fd, from, (long)to_fd, to, (long)flags));
}

int link(const char *from, const char *to)
{
    NAMED("link", from, to, syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0L));
}

int unlink(const char *path)
{
    NAMED("unlink", path, "", syscall(SYS_unlinkat, AT_FDCWD, path, 0L));
}

/* ---- what is said ---- */

static void say(int fd, const void *bytes, size_t len)
{
    struct stat status;
    int saved = errno;
    if (record_fd >= 0 && fd > 2 && fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode)) {
        lock();
        put("say", 0, 0, "", "", bytes, len < SHOWN_BYTES ? len : SHOWN_BYTES);
        unlock();
    }
    errno = saved;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    say(fd, bytes, len);
    return write_at(fd, bytes, len, 0, true);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (count > 0) {
        say(fd, parts[0].iov_base, parts[0].iov_len);
    }
    return (ssize_t)syscall(SYS_writev, (long)fd, parts, (long)count);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    say(fd, bytes, len);
    return (ssize_t)syscall(SYS_sendto, (long)fd, bytes, len, (long)flags, NULL, 0L);
}

ssize_t sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
    say(fd, bytes, len);
    return (ssize_t)syscall(SYS_sendto, (long)fd, bytes, len, (long)flags, to, (long)to_len);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (message->msg_iovlen > 0) {
        say(fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
    }
    return (ssize_t)syscall(SYS_sendmsg, (long)fd, message, (long)flags);
}
