/* Listeners: libmicrohttpd's daemons on the loop, how many callers each has room for, changed certificates. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "http/http_internal.h"

#define CERTIFICATE_MAX 262144u

/* libmicrohttpd 1.0 would unfold a header that goes on in the next line, which 0.9.75 leaves for our gate to see; from
   its level 1 on it refuses it, and what else RFC 9112 says must be refused. */
#if MHD_VERSION >= 0x01000000
#define STRICTNESS MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1
#else
#define STRICTNESS MHD_OPTION_STRICT_FOR_CLIENT, 0
#endif

/* ---- running libmicrohttpd ---- */

static void arm(struct server *s)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;
    if (MHD_get_timeout(s->daemon, &ms) == MHD_YES) {
        timer_start(s->timer, ms);
    } else {
        timer_stop(s->timer);
    }
}

static void run(void *user)
{
    struct server *s = user;
    MHD_run(s->daemon);
    arm(s);
}

static void readable(void *user, int events)
{
    (void)events;
    run(user);
}

/* It accepts no more connections. */
static void quiesce(struct server *s)
{
    if (!s->draining) {
        close(MHD_quiesce_daemon(s->daemon));
        s->draining = true;
    }
}

static void server_free(struct server *s)
{
    watch_free(s->watch);
    timer_free(s->timer);
    if (s->daemon) {
        quiesce(s);
        MHD_stop_daemon(s->daemon);
    }
    if (s->key.data) {
        secrets_wipe(s->key.data, s->key.len);
    }
    str_done(&s->key);
    str_done(&s->certificate);
    free(s);
}

/* After a resume the epoll descriptor does not become readable: the daemon must be run before the loop sleeps. */
void server_resume(struct http *http, struct MHD_Connection *connection)
{
    caller_of(connection)->server->dirty = true;
    http->dirty = true;
    MHD_resume_connection(connection);
}

void server_run_dirty(void *user)
{
    struct http *http = user;
    while (http->dirty) {
        http->dirty = false;
        for (struct server *s = http->servers; s; s = s->next) {
            if (s->dirty) {
                s->dirty = false;
                run(s);
            }
        }
    }
}

/* ---- starting one ---- */

static void mhd_log(void *cls, const char *format, va_list args)
{
    struct str s = STR_INIT;
    (void)cls;
    str_vprintf(&s, format, args);
    while (s.len > 0 && s.data[s.len - 1] == '\n') {
        s.data[--s.len] = 0;
    }
    log_debug("http", "%s", str_z(&s));
    str_done(&s);
}

static int read_tls(struct server *s, struct str *why)
{
    struct listener *l = s->listener;
    struct stat st;
    int err = file_read(l->certificate_file, CERTIFICATE_MAX, &s->certificate);
    if (err != 0) {
        str_printf(why, "%s: %s", l->certificate_file, err_text(err));
        return err;
    }
    err = file_read(l->key_file, CERTIFICATE_MAX, &s->key);
    if (err != 0) {
        str_printf(why, "%s: %s", l->key_file, err_text(err));
        return err;
    }
    l->certificate_time = stat(l->certificate_file, &st) == 0 ? st.st_mtim : (struct timespec){0};
    l->key_time = stat(l->key_file, &st) == 0 ? st.st_mtim : (struct timespec){0};
    return 0;
}

static int server_start(struct listener *l, struct str *why)
{
    struct server *s = mem_alloc(sizeof *s);
    unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (l->certificate_file ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls[] = {{MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}};
    s->listener = l;
    if (l->certificate_file) {
        int err = read_tls(s, why);
        if (err != 0) {
            server_free(s);
            return err;
        }
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, s->certificate.data};
        tls[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, s->key.data};
    }
    /* a descriptor of its own: libmicrohttpd closes it also where it fails to start */
    int fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, caller_feeds, s, MHD_OPTION_EXTERNAL_LOGGER, mhd_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, l->crowd.room + BEING_CLOSED, MHD_OPTION_CONNECTION_TIMEOUT, 60u,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, STRICTNESS, MHD_OPTION_NOTIFY_COMPLETED,
        caller_completed, s, MHD_OPTION_NOTIFY_CONNECTION, caller_changed, s, MHD_OPTION_URI_LOG_CALLBACK,
        caller_begins, s, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (!s->daemon) {
        str_add_z(why, l->certificate_file ? "the listener cannot be started; do certificate and key belong together?"
                                           : "the listener cannot be started");
        server_free(s);
        return ERR_INVALID;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    s->timer = timer_new(l->http->loop, run, s);
    s->watch = watch_new(l->http->loop, info->epoll_fd, WATCH_READ, readable, s);
    s->next = l->http->servers;
    l->http->servers = s;
    return 0;
}

/* ---- certificates that change ---- */

static bool same_time(const char *path, const struct timespec *time)
{
    struct stat st;
    return stat(path, &st) != 0 || (st.st_mtim.tv_sec == time->tv_sec && st.st_mtim.tv_nsec == time->tv_nsec);
}

static void drain(struct listener *l)
{
    for (struct server *s = l->http->servers; s; s = s->next) {
        if (s->listener == l) {
            quiesce(s);
        }
    }
}

static void reload_one(struct listener *l)
{
    struct str why = STR_INIT;
    l->looked_at = loop_now(l->http->loop);
    if (same_time(l->certificate_file, &l->certificate_time) && same_time(l->key_file, &l->key_time)) {
        return;
    }
    struct server *before = l->http->servers;
    if (server_start(l, &why) == 0) {
        struct server *fresh = l->http->servers;
        l->http->servers = before;
        drain(l);
        fresh->next = l->http->servers;
        l->http->servers = fresh;
        log_info("http", "%s has changed: new connections get the new certificate", l->certificate_file);
    } else {
        log_error("http", "the changed certificate is not taken, the old one stays: %s", str_z(&why));
    }
    str_done(&why);
}

/* What is left for after a crowd: changed certificates, servers that have nothing more to do, memory. */
static void settle(void *user)
{
    struct http *http = user;
    for (struct listener *l = http->listeners; l; l = l->next) {
        if (l->certificate_file && loop_now(http->loop) - l->looked_at >= RELOAD_MS) {
            reload_one(l);
        }
    }
    for (struct server **at = &http->servers; *at;) {
        struct server *s = *at;
        const union MHD_DaemonInfo *info =
            s->draining ? MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS) : NULL;
        if (info && info->num_connections == 0) {
            *at = s->next;
            server_free(s);
        } else {
            at = &s->next;
        }
    }
    callers_trim(http);
}

/* ---- listening ---- */

static char **copy_list(const char *const *list)
{
    size_t count = 0;
    while (list && list[count]) {
        count++;
    }
    char **copy = mem_array(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = mem_text(list[i]);
    }
    return copy;
}

static void free_list(char **list)
{
    for (char **p = list; p && *p; p++) {
        free(*p);
    }
    free(list);
}

static void listener_free(struct listener *l)
{
    if (l->fd >= 0) {
        close(l->fd);
    }
    if (l->path) {
        (void)unlink(l->path);
    }
    free(l->path);
    free_list(l->names);
    free_list(l->trusted);
    free(l->certificate_file);
    free(l->key_file);
    free(l);
}

/* How many a listener has room for, by the descriptors that the process may have: an eighth for each of the two for
   this house, a quarter for the daemon's own files and for those being closed, the rest for the public one. */
static unsigned room_of(unsigned kind, bool tls)
{
    struct rlimit limit;
    rlim_t have = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
    rlim_t house = have / 8 < MAX_HOUSE ? have / 8 : MAX_HOUSE;
    rlim_t own = have / 4 < OWN_DESCRIPTORS ? have / 4 : OWN_DESCRIPTORS;
    rlim_t rest = have - 2 * house - own;
    rlim_t most = tls ? MAX_PUBLIC_TLS : MAX_PUBLIC;
    rest = rest < most ? rest : most;
    return (unsigned)(kind == HTTP_PUBLIC ? rest : house);
}

int http_listen(struct http *http, const struct http_listen *listen, struct str *why)
{
    struct listener *l = mem_alloc(sizeof *l);
    *l = (struct listener){.http = http,
                           .kind = listen->listener,
                           .fd = -1,
                           .names = copy_list(listen->names),
                           .trusted = copy_list(listen->trusted_proxies),
                           .certificate_file = listen->tls ? mem_text(listen->tls->certificate_file) : NULL,
                           .key_file = listen->tls ? mem_text(listen->tls->key_file) : NULL,
                           .looked_at = loop_now(http->loop)};
    crowd_init(&l->crowd, room_of(l->kind, l->certificate_file));
    int err =
        l->kind == HTTP_CONTROL ? socket_bind_unix(l, listen->address, why) : socket_bind_tcp(l, listen->address, why);
    if (err == 0) {
        err = server_start(l, why);
    }
    if (err != 0) {
        listener_free(l);
        return err;
    }
    l->next = http->listeners;
    http->listeners = l;
    return 0;
}

uint16_t http_port(const struct http *http, unsigned listener)
{
    for (const struct listener *l = http->listeners; l; l = l->next) {
        if (l->kind == listener) {
            return l->port;
        }
    }
    return 0;
}

/* ---- the whole ---- */

int http_new(struct loop *loop, const struct http_config *config, struct http **ret_http)
{
    struct http *http = mem_alloc(sizeof *http);
    http->loop = loop;
    http->config = *config;
    http->hook = hook_new(loop, server_run_dirty, http);
    http->deadline = timer_new(loop, exchange_deadline, http);
    http->settle = defer_new(loop, settle, http);
    linger_start(http);
    *ret_http = http;
    return 0;
}

void http_free(struct http *http)
{
    if (!http) {
        return;
    }
    exchange_expire_all(http);
    stream_end_all(http);
    server_run_dirty(http);
    linger_end(http);
    while (http->servers) {
        struct server *s = http->servers;
        http->servers = s->next;
        server_free(s);
    }
    while (http->listeners) {
        struct listener *l = http->listeners;
        http->listeners = l->next;
        listener_free(l);
    }
    tick_free(http->tick);
    hook_free(http->hook);
    timer_free(http->deadline);
    defer_free(http->settle);
    free(http);
}

struct http_stats http_stats(const struct http *http)
{
    return http->stats;
}
