/* What port.c and the kinds of ports share. */
#ifndef SERIAL_PORT_INTERNAL_H
#define SERIAL_PORT_INTERNAL_H

#include "serial/port.h"

struct sp_port;

/* An attempt to open, by value: the pool's while it runs. */
struct port_attempt {
    struct port *port; /* NULL: given up */
    char *name;        /* as configured */
    struct port_line line;
    int fd;               /* -1: failed */
    struct sp_port *real; /* libserialport's, which owns fd then; NULL: fd is ours */
    bool connecting;      /* fd becomes writable when it is known whether the far side is there */
    struct str where;     /* what the name stands for now: "/dev/ttyUSB0" */
    struct str why;       /* for people, where it failed */
    struct str advice;    /* for people, where it is open and something could be better */
    bool absent;          /* it is not there: will be looked for more often */
};

struct port_kind {
    bool (*takes)(const char *name);
    const char *(*wrong)(const char *name); /* as port_name_wrong */
    void (*open)(struct port_attempt *a);   /* on the pool; may wait for the system, not for a far side */
};

extern const struct port_kind port_kind_device, port_kind_usb, port_kind_tcp;

/* Opens what `where` is now (a device): shared by the two kinds that find one. */
void port_device_open(struct port_attempt *a);
/* Closes without waiting for what was not sent. */
void port_attempt_close(struct port_attempt *a);

/* Appends why the device may not be opened, who has it, and what to do. */
void port_explain_denied(struct str *why, const char *path, int error);
void port_explain_busy(struct str *why, const char *path);
/* Appends what ports there are, by permanent names: "; there are /dev/serial/by-id/..." or "; no serial port is there".
 */
void port_explain_absent(struct str *why);
/* Appends the permanent name of the device, if it has one: false. */
bool port_stable_name(struct str *s, const char *path);

#endif
