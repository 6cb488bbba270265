#include "oauth/scope.h"

#include <string.h>

#include "base/err.h"

static const struct {
    const char *name;
    unsigned scope;
} names[] = {
    {"devices:read", SCOPE_READ},
    {"devices:control", SCOPE_CONTROL},
    {"remote_control:all", SCOPE_ALL}, /* what clients of the LIFX HTTP API ask for (facts 4) */
};

int scope_parse(const char *text, unsigned *ret_scopes)
{
    unsigned scopes = 0;
    for (;;) {
        size_t len = strcspn(text, " ");
        unsigned found = 0;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (strlen(names[i].name) == len && memcmp(names[i].name, text, len) == 0) {
                found = names[i].scope;
            }
        }
        if (!found) {
            return ERR_INVALID;
        }
        scopes |= found;
        text += len;
        if (!*text) {
            break;
        }
        text++;
    }
    *ret_scopes = scopes;
    return 0;
}

const char *scope_text(unsigned scopes)
{
    static const char *const texts[] = {"", "devices:read", "devices:control", "devices:read devices:control"};
    return texts[scopes & SCOPE_ALL];
}
