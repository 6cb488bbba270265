/* The whole surface of the daemon: one table. */
#ifndef APP_ROUTES_H
#define APP_ROUTES_H

#include <stddef.h>

#include "http/http.h"

/* Index of each handler's context in http_config.contexts. */
enum route_context {
    CONTEXT_NONE,
    CONTEXT_HEALTH,
    CONTEXT_ACCOUNT,
    CONTEXT_SMARTTHINGS,
    CONTEXT_PARTNER,
    CONTEXT_SMARTAPP,
    CONTEXT_LOCAL,
    CONTEXT_COUNT
};

extern const struct http_route routes[];
extern const size_t route_count;

#endif
