/* This machine: configuration, daemon, store, clock. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "app/doctor.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "store/store.h"

#define SPACE_BAD_MB 16u
#define SPACE_LOW_MB 100u

void doctor_configuration(struct doctor *d, struct doctor_finding *f)
{
    if (d->config) {
        doctor_say(f, DOCTOR_OK, "", "%s", d->config_path);
    } else {
        doctor_say(f, DOCTOR_FAILED, "correct it; `lightbridge check-config` says the same", "%s",
                   str_z(&d->config_trouble));
    }
}

void doctor_daemon(struct doctor *d, struct doctor_finding *f)
{
    if (d->daemon) {
        const char *version = json_get_text(d->status, "version");
        doctor_say(f, DOCTOR_OK, "", "version %s answers at %s", version ? version : "?", d->config->local.socket);
    } else {
        doctor_say(
            f, DOCTOR_FAILED,
            "start it: systemctl start lightbridge; its log says why it ends: journalctl -u lightbridge. Where it "
            "does run, this user may not use the socket: sudo",
            "the daemon does not answer at %s", d->config->local.socket);
    }
}

/* The running daemon knows best; without it the file is read through. */
void doctor_store(struct doctor *d, struct doctor_finding *f)
{
    const char *path = d->config->store.path;
    struct str why = STR_INIT;
    if (d->daemon) {
        const char *trouble = json_get_text(json_get(d->status, "store"), "trouble");
        str_add_z(&why, trouble ? trouble : "");
    }
    int err = why.len > 0 ? ERR_IO : store_examine(path, &why);
    if (err == ERR_DENIED) {
        doctor_say(f, DOCTOR_SKIPPED, "", "this user may not read %s; try sudo", path);
    } else if (err == ERR_NOT_FOUND && !d->daemon) {
        doctor_say(f, DOCTOR_OK, "", "%s is not there yet: the first start makes it", path);
    } else if (err != 0) {
        doctor_say(
            f, DOCTOR_FAILED,
            "make room, make it writable, or bring back a backup: `lightbridge restore FILE`; links stay as they "
            "are until then",
            "%s", why.len > 0 ? str_z(&why) : err_text(err));
    } else {
        doctor_say(f, DOCTOR_OK, "", "%s: sound", path);
    }
    str_done(&why);
}

void doctor_space(struct doctor *d, struct doctor_finding *f)
{
    struct statvfs fs;
    char *folder = mem_text(d->config->store.path);
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder) {
        *slash = 0;
    }
    if (statvfs(folder, &fs) != 0) {
        doctor_say(f, errno == ENOENT ? DOCTOR_FAILED : DOCTOR_SKIPPED, errno == ENOENT ? "make the folder" : "",
                   "%s: %m", folder);
    } else {
        unsigned long long mb = (unsigned long long)fs.f_bavail * fs.f_frsize / (1024 * 1024);
        enum doctor_verdict verdict = mb < SPACE_BAD_MB   ? DOCTOR_FAILED
                                      : mb < SPACE_LOW_MB ? DOCTOR_WARNING
                                                          : DOCTOR_OK;
        doctor_say(f, verdict, verdict == DOCTOR_OK ? "" : "make room: a full disk takes no new links and renews none",
                   "%llu MB free in %s", mb, folder);
    }
    free(folder);
}

static bool too_open(const char *path, struct str *said)
{
    struct stat st;
    if (!path || stat(path, &st) != 0 || (st.st_mode & 077) == 0) {
        return false;
    }
    str_printf(said, "%s%s has mode %04o", said->len > 0 ? ", " : "", path, (unsigned)st.st_mode & 07777u);
    return true;
}

void doctor_permissions(struct doctor *d, struct doctor_finding *f)
{
    const struct config *c = d->config;
    const char *const files[] = {c->store.path, c->store.key_file, c->smartthings.client_secret_file,
                                 c->smartthings.callback_client_secret_file};
    struct str said = STR_INIT;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *real = i > 0 && files[i] ? config_secret_path(files[i]) : mem_text(files[i]);
        (void)too_open(real, &said);
        free(real);
    }
    if (said.len > 0) {
        doctor_say(f, DOCTOR_FAILED, "chmod 600 each", "others on this machine may read secrets: %s", str_z(&said));
    } else {
        doctor_say(f, DOCTOR_OK, "", "store, key and secrets are the owner's alone");
    }
    str_done(&said);
}

/* The Date of an answer (RFC 9110 6.6.1) is good to a second. */
void doctor_clock(struct doctor *d, struct doctor_finding *f)
{
    struct tm tm = {0};
    const char *end = strptime(str_z(&d->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (!end) {
        doctor_say(f, DOCTOR_SKIPPED, "", "%s",
                   d->rehearsed ? "callback_hosts lists this machine, so nothing outside is asked"
                                : "no answer from outside to compare it with");
        return;
    }
    int64_t skew = d->now_s - (int64_t)timegm(&tm);
    enum doctor_verdict verdict = doctor_judge_skew(skew);
    doctor_say(f, verdict, verdict == DOCTOR_OK ? "" : "let systemd-timesyncd or chrony set it", "%lld s %s",
               (long long)(skew < 0 ? -skew : skew), skew < 0 ? "slow" : "fast");
}
