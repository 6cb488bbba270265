/* Why a port cannot be opened, for people: on the pool. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serial/port_internal.h"

#define BY_ID "/dev/serial/by-id"
#define LISTED_MAX 8

void port_explain_denied(struct str *why, const char *path, int error)
{
    char group[64] = "?";
    char user[64] = "?";
    char buffer[1024];
    struct stat st;
    struct group g;
    struct group *found_group = NULL;
    struct passwd p;
    struct passwd *found_user = NULL;
    if (getpwuid_r(geteuid(), &p, buffer, sizeof buffer, &found_user) == 0 && found_user) {
        (void)snprintf(user, sizeof user, "%s", p.pw_name);
    }
    if (error == EPERM || stat(path, &st) != 0) { /* the service's list of devices, not the file's permissions */
        str_printf(why,
                   "the service may not open %s: it is not among its devices (DeviceAllow=, see serial.conf in "
                   "/usr/share/doc/lightbridge/examples)",
                   path);
        return;
    }
    if (getgrgid_r(st.st_gid, &g, buffer, sizeof buffer, &found_group) == 0 && found_group) {
        (void)snprintf(group, sizeof group, "%s", g.gr_name);
    }
    if (st.st_mode & S_IWGRP) {
        str_printf(
            why,
            "permission denied: %s is for group %s, which user %s is not in; add it (SupplementaryGroups=%s in the "
            "service, or usermod -aG %s %s) and start again",
            path, group, user, group, group, user);
    } else {
        str_printf(why,
                   "permission denied: %s lets no group in, and user %s is not its owner; right would be group "
                   "dialout, mode 0660",
                   path, user);
    }
}

/* ---- who has it ---- */

static bool holds(const char *process, const struct stat *device)
{
    char path[PATH_MAX];
    struct stat st;
    bool found = false;
    (void)snprintf(path, sizeof path, "/proc/%s/fd", process);
    DIR *d = opendir(path);
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        (void)snprintf(path, sizeof path, "/proc/%s/fd/%s", process, e->d_name);
        found = stat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == device->st_rdev;
    }
    if (d) {
        closedir(d);
    }
    return found;
}

static void add_process(struct str *why, const char *process)
{
    char path[PATH_MAX];
    char name[64] = "";
    (void)snprintf(path, sizeof path, "/proc/%s/comm", process);
    FILE *f = fopen(path, "re");
    if (f) {
        if (fgets(name, sizeof name, f)) {
            name[strcspn(name, "\n")] = 0;
        }
        (void)fclose(f);
    }
    str_printf(why, "in use by %s (process %s)", name[0] ? name : "a program", process);
}

void port_explain_busy(struct str *why, const char *path)
{
    char self[16];
    struct stat device;
    bool found = false;
    (void)snprintf(self, sizeof self, "%d", getpid());
    DIR *d = stat(path, &device) == 0 ? opendir("/proc") : NULL;
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        if (isdigit((unsigned char)e->d_name[0]) && strcmp(e->d_name, self) != 0 && holds(e->d_name, &device)) {
            add_process(why, e->d_name);
            found = true;
        }
    }
    if (d) {
        closedir(d);
    }
    if (!found && stat(path, &device) == 0 && holds("self", &device)) {
        str_add_z(why, "in use by another entry of this configuration");
    } else if (!found) {
        str_add_z(why, "in use by another program (which one cannot be seen from here: fuser tells)");
    }
}

/* ---- what there is ---- */

void port_explain_absent(struct str *why)
{
    unsigned count = 0;
    DIR *d = opendir(BY_ID);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] != '.' && count++ < LISTED_MAX) {
            str_printf(why, "%s " BY_ID "/%s", count == 1 ? "; there are" : ",", e->d_name);
        }
    }
    if (d) {
        closedir(d);
    }
    if (count > LISTED_MAX) {
        str_printf(why, " and %u more", count - LISTED_MAX);
    } else if (count == 0) {
        str_add_z(why, "; no USB serial port is plugged in");
    }
}

bool port_stable_name(struct str *s, const char *path)
{
    bool found = false;
    DIR *d = opendir(BY_ID);
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        char link[PATH_MAX];
        (void)snprintf(link, sizeof link, BY_ID "/%s", e->d_name);
        char *real = realpath(link, NULL);
        found = real && strcmp(real, path) == 0;
        if (found) {
            str_add_z(s, link);
        }
        free(real);
    }
    if (d) {
        closedir(d);
    }
    return found;
}
