/* A serial port behind verbs: found by its permanent name, opened on the pool, watched by the loop, opened again when
   it comes back. Knows no protocol. What a port is called (struct port_config.port):

     /dev/serial/by-id/usb-ENTTEC_DMX_USB_PRO_EN123456-if00-port0    what udev calls it: permanent
     usb:0403:6001:EN123456                                          by USB vendor, product and serial number: permanent
     usb:0403:6001                                                   where there is one such only
     tcp://192.168.1.20:4001                                         a network serial server that passes bytes through
     /dev/ttyUSB0, /dev/pts/5                                        whatever has that name at the moment

   Real ports go through libserialport, pseudo terminals (which it refuses) are plain descriptors. */
#ifndef SERIAL_PORT_H
#define SERIAL_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct loop;
struct port;

#define PORT_UNSENT_MAX 16384u /* bytes that wait for a port that takes none */

enum port_parity { PORT_PARITY_NONE, PORT_PARITY_ODD, PORT_PARITY_EVEN };

/* The line; 8 data bits always, no flow control. A network serial server has its own. */
struct port_line {
    uint32_t baud; /* any that the port can do: 250000 is legal */
    uint8_t parity, stop_bits;
    bool rts_low;   /* RTS switches an RS-485 driver to sending by being low */
    bool keep_dtr;  /* closing leaves DTR alone, so that a board that resets by it does so once */
    uint16_t quiet; /* ms after opening in which what comes in is thrown away: a board that starts */
};

struct port_config {
    const char *log;  /* facility for log lines: "serial/stage" */
    const char *port; /* as above */
    struct port_line line;
};

/* Called from the loop, never from inside a function below. A callback may call any of those but port_free. */
struct port_events {
    void (*open)(void *user);
    /* It was open, and is not: unplugged, reset, given up by port_reset. `why` is a phrase for people. */
    void (*closed)(void *user, const char *why);
    void (*bytes)(void *user, const uint8_t *bytes, size_t len);
    void (*drained)(void *user); /* the system has taken all that waited; NULL: not wanted */
};

/* Begins to open. Texts are copied. ERR_INVALID: no name of a port (port_name_wrong says why). */
int port_new(struct loop *loop, const struct port_config *config, const struct port_events *events, void *user,
             struct port **ret_port);
void port_free(struct port *port); /* NULL is legal; no callback afterwards */

/* Writes all of it, or nothing: 0, ERR_OFFLINE where the port is not open, ERR_BUSY where more than PORT_UNSENT_MAX
   bytes would wait. That it was lost is told by `closed` later. */
int port_write(struct port *port, const void *bytes, size_t len);
size_t port_unsent(const struct port *port); /* bytes that the system has not taken yet */
/* For a protocol that makes its own breaks: the descriptor of the open port, -1 where there is none. For ioctl alone,
   until `closed`. */
int port_descriptor(const struct port *port);
/* What is there does not speak as it should: closes it and opens it anew, after a while. */
void port_reset(struct port *port, const char *why);
void port_discard(struct port *port); /* what waits is not sent */

/* For people: "open (/dev/ttyUSB0)", or false and "not there: ...". */
bool port_status(const struct port *port, struct str *s);
/* NULL, or what is wrong with the name and what would be right. Static text. */
const char *port_name_wrong(const char *port);

#endif
