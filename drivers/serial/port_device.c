/* A path: a real port by libserialport, a pseudo terminal as a plain descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <libserialport.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "serial/port_internal.h"

static bool takes(const char *name)
{
    return name[0] == '/';
}

static const char *wrong(const char *name)
{
    (void)name;
    return NULL;
}

/* Nobody else may read our answers: flock is what other programs look at, TIOCEXCL what the system does. */
static bool claim(struct port_attempt *a)
{
    if (flock(a->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        port_explain_busy(&a->why, str_z(&a->where));
        return false;
    }
    (void)ioctl(a->fd, TIOCEXCL);
    return true;
}

/* Raw, and a read that finds nothing says so: with VMIN 0 it would look like a port that is gone. */
static bool make_raw(int fd, bool keep_dtr)
{
    struct termios t;
    if (tcgetattr(fd, &t) != 0) {
        return false;
    }
    cfmakeraw(&t);
    t.c_cflag |= CLOCAL | CREAD;
    if (keep_dtr) {
        t.c_cflag &= ~(tcflag_t)HUPCL;
    }
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    return tcsetattr(fd, TCSANOW, &t) == 0;
}

static enum sp_return set_line(struct sp_port *port, const struct port_line *line)
{
    static const enum sp_parity parities[] = {
        [PORT_PARITY_NONE] = SP_PARITY_NONE, [PORT_PARITY_ODD] = SP_PARITY_ODD, [PORT_PARITY_EVEN] = SP_PARITY_EVEN};
    enum sp_return rc = sp_set_baudrate(port, (int)line->baud);
    rc = rc == SP_OK ? sp_set_bits(port, 8) : rc;
    rc = rc == SP_OK ? sp_set_parity(port, parities[line->parity]) : rc;
    rc = rc == SP_OK ? sp_set_stopbits(port, line->stop_bits) : rc;
    rc = rc == SP_OK ? sp_set_flowcontrol(port, SP_FLOWCONTROL_NONE) : rc;
    if (rc == SP_OK && line->rts_low) {
        rc = sp_set_rts(port, SP_RTS_OFF);
    }
    return rc;
}

static void failed(struct port_attempt *a, int error)
{
    const char *path = str_z(&a->where);
    if (error == EBUSY) {
        port_explain_busy(&a->why, path);
    } else if (error == EACCES || error == EPERM) {
        port_explain_denied(&a->why, path, error);
    } else {
        a->absent = error == ENOENT || error == ENXIO || error == ENODEV;
        str_printf(&a->why, "%s", a->absent ? "is not there" : strerror(error));
    }
}

static void open_real(struct port_attempt *a)
{
    const char *path = str_z(&a->where);
    enum sp_return rc = sp_get_port_by_name(path, &a->real);
    if (rc == SP_OK) {
        rc = sp_open(a->real, SP_MODE_READ_WRITE);
    }
    if (rc != SP_OK) {
        int error = rc == SP_ERR_FAIL ? sp_last_error_code() : 0;
        sp_free_port(a->real);
        a->real = NULL;
        if (error == 0) {
            str_printf(&a->why, "%s is no serial port", path);
        } else {
            failed(a, error);
        }
        return;
    }
    (void)sp_get_port_handle(a->real, &a->fd);
    rc = set_line(a->real, &a->line);
    if (rc != SP_OK || !make_raw(a->fd, a->line.keep_dtr)) {
        char *said = rc == SP_ERR_FAIL ? sp_last_error_message() : NULL;
        str_printf(&a->why, "cannot be set to %u baud: %s", a->line.baud, said ? said : "it cannot do that");
        sp_free_error_message(said);
        port_attempt_close(a);
    }
}

static void open_plain(struct port_attempt *a)
{
    a->fd = open(str_z(&a->where), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (a->fd < 0) {
        failed(a, errno);
    } else if (!make_raw(a->fd, a->line.keep_dtr)) {
        failed(a, errno);
        port_attempt_close(a);
    }
}

void port_device_open(struct port_attempt *a)
{
    struct stat st;
    if (stat(str_z(&a->where), &st) != 0) {
        failed(a, errno);
    } else if (!S_ISCHR(st.st_mode)) {
        str_printf(&a->why, "%s is no serial port", str_z(&a->where));
    } else if (strncmp(str_z(&a->where), "/dev/pts/", 9) == 0) {
        open_plain(a);
    } else {
        open_real(a);
    }
    if (a->fd >= 0 && !claim(a)) {
        port_attempt_close(a);
    }
}

static bool is_permanent(const char *name)
{
    return strncmp(name, "/dev/serial/by-", 15) == 0 || strncmp(name, "/dev/pts/", 9) == 0;
}

static void open_device(struct port_attempt *a)
{
    char *real = realpath(a->name, NULL);
    if (!real) {
        failed(a, errno);
        if (a->absent) {
            port_explain_absent(&a->why);
        }
        return;
    }
    str_add_z(&a->where, real);
    free(real);
    port_device_open(a);
    if (a->fd >= 0 && !is_permanent(a->name) && strcmp(a->name, str_z(&a->where)) == 0) {
        struct str stable = STR_INIT;
        if (port_stable_name(&stable, str_z(&a->where))) {
            str_printf(&a->advice, "%s may be another port after the next start; its permanent name is %s", a->name,
                       str_z(&stable));
        }
        str_done(&stable);
    }
}

void port_attempt_close(struct port_attempt *a)
{
    if (a->fd >= 0) {
        (void)tcflush(a->fd, TCIOFLUSH); /* the system would wait for what a port does not take */
    }
    if (a->real) {
        (void)sp_close(a->real);
        sp_free_port(a->real);
        a->real = NULL;
    } else if (a->fd >= 0) {
        close(a->fd);
    }
    a->fd = -1;
}

const struct port_kind port_kind_device = {takes, wrong, open_device};
