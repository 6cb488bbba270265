#include "app/announce.h"

#include <string.h>
#include <strings.h>

bool announce_open(const struct config_local *local)
{
    struct str host = STR_INIT;
    uint16_t port = 0;
    bool known = config_split_listen(local->listen, &host, &port) == 0;
    const char *name = str_z(&host);
    bool loopback = strncmp(name, "127.", 4) == 0 || strcmp(name, "::1") == 0 || strcasecmp(name, "localhost") == 0;
    str_done(&host);
    return known && port != 0 && !loopback;
}

bool announce_answers(const struct config_local *local, const char *hostname)
{
    struct str name = STR_INIT;
    bool listed = false;
    str_printf(&name, "%.*s.local", (int)strcspn(hostname, "."), hostname); /* avahi takes the first part, too */
    for (unsigned i = 0; i < local->names_count; i++) {
        listed = listed || strcasecmp(local->names[i], str_z(&name)) == 0;
    }
    str_done(&name);
    return listed;
}

void announce_write(const struct config_local *local, const char *hostname, struct str *out)
{
    struct str host = STR_INIT;
    uint16_t port = 0;
    if (announce_open(local) && announce_answers(local, hostname)) {
        (void)config_split_listen(local->listen, &host, &port);
        str_printf(out,
                   "<?xml version=\"1.0\" standalone='no'?>\n"
                   "<!DOCTYPE service-group SYSTEM \"avahi-service.dtd\">\n"
                   "<!-- Written by lightbridge-announce.service; it goes when lightbridge stops. -->\n"
                   "<service-group>\n"
                   "  <name replace-wildcards=\"yes\">lightbridge on %%h</name>\n"
                   "  <service>\n"
                   "    <type>_http._tcp</type>\n"
                   "    <port>%u</port>\n"
                   "    <txt-record>path=/</txt-record>\n"
                   "  </service>\n"
                   "</service-group>\n",
                   port);
    }
    str_done(&host);
}
