/* usb:VID:PID[:SERIAL]: the port of a USB device, whatever name it has now. */
#include <libserialport.h>
#include <stdlib.h>
#include <string.h>

#include "serial/port_internal.h"

struct wanted {
    unsigned vendor, product;
    const char *serial; /* NULL: any */
};

static bool takes(const char *name)
{
    return strncmp(name, "usb:", 4) == 0;
}

static bool read_hex(const char **at, unsigned *ret)
{
    size_t digits = strspn(*at, "0123456789abcdefABCDEF");
    if (digits != 4) {
        return false;
    }
    *ret = (unsigned)strtoul(*at, NULL, 16);
    *at += digits;
    return true;
}

static bool parse(const char *name, struct wanted *w)
{
    const char *at = name + 4;
    *w = (struct wanted){0};
    if (!read_hex(&at, &w->vendor) || *at++ != ':' || !read_hex(&at, &w->product)) {
        return false;
    }
    if (*at == ':' && at[1] && strlen(at + 1) <= 126) { /* a USB string has no more */
        w->serial = at + 1;
        return true;
    }
    return *at == 0;
}

static const char *wrong(const char *name)
{
    struct wanted w;
    return parse(name, &w) ? NULL : "is no USB port; right would be usb:0403:6001:EN123456";
}

static bool matches(const struct sp_port *port, const struct wanted *w)
{
    int vendor;
    int product;
    const char *serial = sp_get_port_usb_serial(port);
    return sp_get_port_transport(port) == SP_TRANSPORT_USB &&
           sp_get_port_usb_vid_pid(port, &vendor, &product) == SP_OK && (unsigned)vendor == w->vendor &&
           (unsigned)product == w->product && (!w->serial || (serial && strcmp(serial, w->serial) == 0));
}

static void open_usb(struct port_attempt *a)
{
    struct sp_port **ports = NULL;
    struct wanted w;
    unsigned found = 0;
    (void)parse(a->name, &w);
    if (sp_list_ports(&ports) == SP_OK) {
        for (size_t i = 0; ports[i]; i++) {
            if (matches(ports[i], &w)) {
                str_printf(&a->where, "%s%s", found > 0 ? " and " : "", sp_get_port_name(ports[i]));
                found++;
            }
        }
        sp_free_port_list(ports);
    }
    if (found == 1) {
        port_device_open(a);
    } else if (found > 1) {
        str_printf(&a->why, "several such devices are there: %s; add the serial number to the name", str_z(&a->where));
        str_clear(&a->where);
    } else {
        a->absent = true;
        str_add_z(&a->why, "no such device is plugged in");
        port_explain_absent(&a->why);
    }
}

const struct port_kind port_kind_usb = {takes, wrong, open_usb};
