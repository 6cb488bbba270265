/* LD_PRELOAD: writes down, in order, what a process makes durable and what it says to others, so that a test can
   see that nothing was promised before it was on the disk; and kills the process at a chosen point of that order.

   LB_TRACE          file that lines are appended to; without it the shim does nothing
   LB_TRACE_PROCESS  name of the executable it is for ("lightbridge"): LD_PRELOAD is inherited by children
   LB_KILL_AT        SIGKILL at the event with this index (from 1)
   LB_KILL_WHEN      "before": it has not happened; "after" (default): it has happened and is in the trace
   LB_REFUSE         while a file of this name is there, its content is the errno (a number) of each attempt to write
                     a file or to make it durable: a full disk; with EROFS also to open it for writing
   LB_SYNCHRONOUS    "off": SQLite is told so instead of FULL

   A line: SEQUENCE TAB INDEX TAB OP TAB KIND TAB NAME TAB LENGTH TAB RESULT TAB BYTES. See README.md.

   Saying something is numbered before the system call, making something durable after it has returned: so a
   sequence that looks right is right, whatever the threads did meanwhile. No locks, no memory, only system calls:
   it may run in signal handlers, and before libc is ready. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define SHOWN_BYTES 64
#define NAME_SIZE 512
#define LINE_SIZE 2048

enum kind { KIND_NONE, KIND_FILE, KIND_TCP, KIND_UNIX };

static const char *const kind_texts[] = {"", "file", "tcp", "unix"};

static int trace = -1;
static unsigned long kill_at;
static bool kill_before, synchronous_off;
static const char *refuse_file;
static atomic_ulong begun, recorded;

struct event {
    const char *op;
    enum kind kind;
    unsigned long index;
    char name[NAME_SIZE];
    size_t length;
    unsigned char bytes[SHOWN_BYTES];
    size_t shown;
};

/* ---- text, without stdio ---- */

struct line {
    char text[LINE_SIZE];
    size_t len;
};

static void put_char(struct line *line, char c)
{
    if (line->len < sizeof line->text - 1) {
        line->text[line->len++] = c;
    }
}

static void put_text(struct line *line, const char *text)
{
    while (*text) {
        put_char(line, *text++);
    }
}

static void put_number(struct line *line, long long number)
{
    char digits[24];
    size_t count = 0;
    unsigned long long left = number < 0 ? 0ull - (unsigned long long)number : (unsigned long long)number;
    do {
        digits[count++] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (number < 0) {
        put_char(line, '-');
    }
    while (count) {
        put_char(line, digits[--count]);
    }
}

static void put_escaped(struct line *line, const unsigned char *bytes, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = bytes[i];
        if (c >= 0x20 && c < 0x7f && c != '\\') {
            put_char(line, (char)c);
        } else {
            put_text(line, c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\\' ? "\\\\" : "\\x");
            if (c != '\n' && c != '\r' && c != '\\') {
                put_char(line, hex[c >> 4]);
                put_char(line, hex[c & 15]);
            }
        }
    }
}

/* ---- what is behind a descriptor ---- */

static void put_address(struct line *name, const struct sockaddr_storage *address)
{
    char text[INET6_ADDRSTRLEN] = "?";
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        (void)inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
        put_text(name, text);
        put_char(name, ':');
        put_number(name, ntohs(v4->sin_port));
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
        put_char(name, '[');
        put_text(name, text);
        put_text(name, "]:");
        put_number(name, ntohs(v6->sin6_port));
    }
}

static enum kind name_socket(int fd, struct line *name)
{
    struct sockaddr_storage here = {0}, there = {0};
    socklen_t here_len = sizeof here, there_len = sizeof there, type_len = sizeof(int);
    int type = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) || type != SOCK_STREAM ||
        getsockname(fd, (struct sockaddr *)&here, &here_len)) {
        return KIND_NONE;
    }
    if (here.ss_family == AF_UNIX) {
        const struct sockaddr_un *local = (const struct sockaddr_un *)&here;
        size_t len = here_len > offsetof(struct sockaddr_un, sun_path) ? strnlen(local->sun_path, 107) : 0;
        put_escaped(name, (const unsigned char *)local->sun_path, len);
        return KIND_UNIX;
    }
    if (here.ss_family != AF_INET && here.ss_family != AF_INET6) {
        return KIND_NONE;
    }
    put_address(name, &here);
    put_char(name, '>');
    if (getpeername(fd, (struct sockaddr *)&there, &there_len) == 0) {
        put_address(name, &there);
    }
    return KIND_TCP;
}

static enum kind name_file(int fd, struct line *name)
{
    struct line link = {.len = 0};
    char path[256];
    put_text(&link, "/proc/self/fd/");
    put_number(&link, fd);
    put_char(&link, '\0');
    long len = syscall(SYS_readlinkat, AT_FDCWD, link.text, path, sizeof path);
    put_escaped(name, (const unsigned char *)path, len > 0 ? (size_t)len : 0);
    return KIND_FILE;
}

static enum kind name_of(int fd, char name[NAME_SIZE])
{
    struct stat status;
    struct line line = {.len = 0};
    enum kind kind = KIND_NONE;
    if (fd > 2 && fd != trace && fstat(fd, &status) == 0) { /* 0 to 2: the log, wherever it goes */
        kind = S_ISSOCK(status.st_mode)  ? name_socket(fd, &line)
               : S_ISREG(status.st_mode) ? name_file(fd, &line)
                                         : KIND_NONE;
    }
    line.len = line.len < NAME_SIZE - 1 ? line.len : NAME_SIZE - 1;
    memcpy(name, line.text, line.len);
    name[line.len] = '\0';
    return kind;
}

/* ---- events ---- */

static void die(void)
{
    (void)syscall(SYS_kill, (long)getpid(), (long)SIGKILL);
    for (;;) {
        (void)syscall(SYS_pause);
    }
}

static void record(const struct event *event, long long result)
{
    struct line line = {.len = 0};
    put_number(&line, (long long)(atomic_fetch_add(&recorded, 1) + 1));
    put_char(&line, '\t');
    put_number(&line, (long long)event->index);
    put_char(&line, '\t');
    put_text(&line, event->op);
    put_char(&line, '\t');
    put_text(&line, kind_texts[event->kind]);
    put_char(&line, '\t');
    put_text(&line, event->name);
    put_char(&line, '\t');
    put_number(&line, (long long)event->length);
    put_char(&line, '\t');
    put_number(&line, result);
    put_char(&line, '\t');
    put_escaped(&line, event->bytes, event->shown);
    put_char(&line, '\n');
    (void)!syscall(SYS_write, (long)trace, line.text, line.len); /* O_APPEND: a line is one write */
}

/* False: not one of ours. */
static bool begin(struct event *event, const char *op, int fd, const struct iovec *parts, size_t count)
{
    int saved = errno;
    event->kind = trace < 0 ? KIND_NONE : name_of(fd, event->name);
    errno = saved;
    if (event->kind == KIND_NONE) {
        return false;
    }
    event->op = op;
    event->length = event->shown = 0;
    for (size_t i = 0; i < count; i++) {
        size_t more = SHOWN_BYTES - event->shown < parts[i].iov_len ? SHOWN_BYTES - event->shown : parts[i].iov_len;
        memcpy(event->bytes + event->shown, parts[i].iov_base, more);
        event->shown += more;
        event->length += parts[i].iov_len;
    }
    event->index = atomic_fetch_add(&begun, 1) + 1;
    if (kill_before && event->index == kill_at) {
        die();
    }
    if (event->kind != KIND_FILE) {
        record(event, (long long)event->length); /* it leaves from now on */
    }
    return true;
}

/* The errno that the test wants now, 0 none. */
static int refusal(void)
{
    char digits[8] = "";
    if (!refuse_file) {
        return 0;
    }
    int fd = (int)syscall(SYS_openat, (long)AT_FDCWD, refuse_file, (long)(O_RDONLY | O_CLOEXEC), 0L);
    if (fd < 0) {
        return 0;
    }
    (void)!syscall(SYS_read, (long)fd, digits, sizeof digits - 1);
    (void)syscall(SYS_close, (long)fd);
    return atoi(digits);
}

/* True: the call is not made, errno is set. */
static bool refused(const struct event *event)
{
    int error = event->kind == KIND_FILE ? refusal() : 0;
    if (error) {
        errno = error;
    }
    return error != 0;
}

static void end(const struct event *event, long long result)
{
    int saved = errno;
    if (event->kind == KIND_FILE) {
        record(event, result < 0 ? -(long long)saved : result);
    }
    if (!kill_before && event->index == kill_at) {
        die();
    }
    errno = saved;
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("LB_TRACE"), *wanted = getenv("LB_TRACE_PROCESS");
    const char *at = getenv("LB_KILL_AT"), *when = getenv("LB_KILL_WHEN");
    char self[256];
    long len = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", self, sizeof self - 1);
    if (!path || len <= 0) {
        return;
    }
    self[len] = '\0';
    const char *name = strrchr(self, '/') ? strrchr(self, '/') + 1 : self;
    if (strcmp(name, wanted ? wanted : "lightbridge") != 0) {
        return;
    }
    kill_at = at ? strtoul(at, NULL, 10) : 0;
    kill_before = when && strcmp(when, "before") == 0;
    refuse_file = getenv("LB_REFUSE");
    synchronous_off = getenv("LB_SYNCHRONOUS") && strcmp(getenv("LB_SYNCHRONOUS"), "off") == 0;
    int fd = (int)syscall(SYS_openat, (long)AT_FDCWD, path, (long)(O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC), 0600L);
    trace = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 900) : -1; /* out of the way of numbers that tests look at */
    if (trace < 0) {
        trace = fd;
    } else {
        (void)syscall(SYS_close, (long)fd);
    }
}

/* ---- the calls: the system's own, around them our notes ---- */

#define AROUND(op, fd, parts, count, call)                                                                             \
    do {                                                                                                               \
        struct event event;                                                                                            \
        bool ours = begin(&event, op, fd, parts, count);                                                               \
        long result = ours && refused(&event) ? -1 : call;                                                             \
        if (ours) {                                                                                                    \
            end(&event, result);                                                                                       \
        }                                                                                                              \
        return (ssize_t)result;                                                                                        \
    } while (0)

static int around_sync(const char *op, int fd, long number)
{
    struct event event;
    bool ours = begin(&event, op, fd, NULL, 0);
    long result = ours && refused(&event) ? -1 : syscall(number, (long)fd);
    if (ours) {
        end(&event, result);
    }
    return (int)result;
}

int fsync(int fd)
{
    return around_sync("fsync", fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return around_sync("fdatasync", fd, SYS_fdatasync);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    struct iovec part = {(void *)(size_t)bytes, len};
    AROUND("write", fd, &part, 1, syscall(SYS_write, (long)fd, bytes, len));
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    struct iovec part = {(void *)(size_t)bytes, len};
    AROUND("pwrite", fd, &part, 1, syscall(SYS_pwrite64, (long)fd, bytes, len, offset));
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
    struct iovec part = {(void *)(size_t)bytes, len};
    AROUND("pwrite", fd, &part, 1, syscall(SYS_pwrite64, (long)fd, bytes, len, offset));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    AROUND("writev", fd, parts, (size_t)(count > 0 ? count : 0), syscall(SYS_writev, (long)fd, parts, (long)count));
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    struct iovec part = {(void *)(size_t)bytes, len};
    AROUND("send", fd, &part, 1, syscall(SYS_sendto, (long)fd, bytes, len, (long)flags, NULL, 0L));
}

ssize_t sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
    struct iovec part = {(void *)(size_t)bytes, len};
    AROUND("sendto", fd, &part, 1, syscall(SYS_sendto, (long)fd, bytes, len, (long)flags, to, (long)to_len));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    AROUND("sendmsg", fd, message->msg_iov, message->msg_iovlen, syscall(SYS_sendmsg, (long)fd, message, (long)flags));
}

/* What is sent from a file is not shown: only that something left. */
ssize_t sendfile(int to, int from, off_t *offset, size_t len)
{
    AROUND("sendfile", to, NULL, 0, syscall(SYS_sendfile, (long)to, (long)from, offset, len));
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t len)
{
    AROUND("sendfile", to, NULL, 0, syscall(SYS_sendfile, (long)to, (long)from, offset, len));
}

/* Opening is not recorded. On a read-only disk (EROFS) it is refused where it is for writing; a full one lets open. */
static int open_or_refuse(const char *path, int flags, mode_t mode)
{
    bool writing = (flags & O_ACCMODE) != O_RDONLY && strncmp(path, "/dev/", 5) != 0;
    int error = trace >= 0 && writing ? refusal() : 0;
    if (error == EROFS) {
        errno = error;
        return -1;
    }
    return (int)syscall(SYS_openat, (long)AT_FDCWD, path, (long)flags, (long)mode);
}

#define OPEN(path, flags)                                                                                              \
    do {                                                                                                               \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        mode_t mode = (flags) & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;                                      \
        va_end(args);                                                                                                  \
        return open_or_refuse(path, flags, mode);                                                                      \
    } while (0)

int open(const char *path, int flags, ...)
{
    OPEN(path, flags);
}

int open64(const char *path, int flags, ...)
{
    OPEN(path, flags);
}

/* ---- SQLite ---- */

struct sqlite3;
int sqlite3_exec(struct sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *user,
                 char **why);

int sqlite3_exec(struct sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *user, char **why)
{
    int (*real)(struct sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **);
    void *found = dlsym(RTLD_NEXT, "sqlite3_exec");
    memcpy(&real, &found, sizeof real); /* ISO C has no cast from an object's pointer to a function's */
    if (synchronous_off && strncmp(sql, "PRAGMA synchronous", 18) == 0) {
        sql = "PRAGMA synchronous = OFF";
    }
    return real(db, sql, row, user, why);
}
