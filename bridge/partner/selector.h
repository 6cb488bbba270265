/* Which lights are meant: the selectors of the LIFX HTTP API (reference/selectors), up to 25 joined by commas. Pure. */
#ifndef PARTNER_SELECTOR_H
#define PARTNER_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>

#define SELECTOR_MAX 25u       /* joined */
#define SELECTOR_MAX_LEN 4096u /* bytes of all of them */

enum selector_kind {
    SELECTOR_ALL,
    SELECTOR_ID,
    SELECTOR_LABEL,
    SELECTOR_GROUP_ID,
    SELECTOR_GROUP,
    SELECTOR_LOCATION_ID,
    SELECTOR_LOCATION,
    SELECTOR_SCENE_ID,
};

struct selector_term {
    enum selector_kind kind;
    bool random;       /* one of those that it matches */
    const char *value; /* "" of SELECTOR_ALL */
};

struct selector {
    struct selector_term terms[SELECTOR_MAX];
    size_t count;
    char *memory;
};

/* `text` is decoded already. A comma joins where a selector begins behind it; elsewhere it belongs to a label, a group
   or a location. ERR_INVALID with a static sentence in *ret_what; ERR_TOO_LARGE likewise. Release with selector_done
   also then. */
int selector_parse(const char *text, struct selector *ret_selector, const char **ret_what);
void selector_done(struct selector *selector);

#endif
