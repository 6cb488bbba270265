/* The local page in the LAN: the file by which avahi tells of it (avahi.service(5)). */
#ifndef APP_ANNOUNCE_H
#define APP_ANNOUNCE_H

#include <stdbool.h>

#include "app/config.h"
#include "base/str.h"

/* Does more than this machine reach the page? */
bool announce_open(const struct config_local *local);
/* Would the page answer under the name by which avahi tells of it, HOSTNAME.local? hostname: of gethostname(2). */
bool announce_answers(const struct config_local *local, const char *hostname);
/* Appends the file; nothing where the page is not open to the LAN, or would refuse whoever follows. */
void announce_write(const struct config_local *local, const char *hostname, struct str *out);

#endif
