#include "partner/selector.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"

#define RANDOM ":random"

static const struct {
    const char *prefix;
    enum selector_kind kind;
} kinds[] = {
    {"id:", SELECTOR_ID},
    {"label:", SELECTOR_LABEL},
    {"group_id:", SELECTOR_GROUP_ID},
    {"group:", SELECTOR_GROUP},
    {"location_id:", SELECTOR_LOCATION_ID},
    {"location:", SELECTOR_LOCATION},
    {"scene_id:", SELECTOR_SCENE_ID},
};

/* Does a selector begin here? Its kind, and how long its prefix is. */
static bool begins(const char *at, enum selector_kind *ret_kind, size_t *ret_len)
{
    if (strncmp(at, "all", 3) == 0 && (at[3] == 0 || at[3] == ',' || at[3] == ':')) {
        *ret_kind = SELECTOR_ALL;
        *ret_len = 3;
        return true;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t len = strlen(kinds[i].prefix);
        if (strncmp(at, kinds[i].prefix, len) == 0) {
            *ret_kind = kinds[i].kind;
            *ret_len = len;
            return true;
        }
    }
    return false;
}

/* Where the selector that is read ends: at a comma behind which another begins, or with the text. */
static char *end_of(char *at)
{
    enum selector_kind kind;
    size_t len;
    for (char *comma = strchr(at, ','); comma; comma = strchr(comma + 1, ',')) {
        if (begins(comma + 1, &kind, &len)) {
            return comma;
        }
    }
    return at + strlen(at);
}

static const char *wrong_with(const struct selector_term *term)
{
    if (term->kind == SELECTOR_ALL) {
        return *term->value ? "there is nothing behind \"all\" but \":random\"" : NULL;
    }
    return *term->value ? NULL : "a selector names nothing behind its colon";
}

/* Reads one; returns where the next begins, NULL at the end or where it is wrong. */
static char *read_term(char *at, struct selector *s, const char **ret_what)
{
    struct selector_term *term = &s->terms[s->count];
    size_t prefix;
    if (!begins(at, &term->kind, &prefix)) {
        *ret_what = "a selector is all, or begins with id:, label:, group_id:, group:, location_id:, location: or "
                    "scene_id:";
        return NULL;
    }
    char *end = end_of(at + prefix);
    char *next = *end ? end + 1 : NULL;
    size_t suffix = strlen(RANDOM);
    *end = 0;
    char *value = at + prefix;
    size_t len = (size_t)(end - value);
    term->random = len >= suffix && strcmp(value + len - suffix, RANDOM) == 0;
    if (term->random) {
        value[len - suffix] = 0;
    }
    term->value = value;
    *ret_what = wrong_with(term);
    s->count++;
    return *ret_what ? NULL : next;
}

int selector_parse(const char *text, struct selector *s, const char **ret_what)
{
    size_t len = strlen(text);
    *s = (struct selector){0};
    *ret_what = NULL;
    if (len > SELECTOR_MAX_LEN) {
        *ret_what = "the selector is longer than 4096 bytes";
        return ERR_TOO_LARGE;
    }
    if (!utf8_valid(text, len)) {
        *ret_what = "the selector is no UTF-8";
        return ERR_INVALID;
    }
    s->memory = mem_text(text);
    char *at = s->memory;
    while (at && s->count < SELECTOR_MAX) {
        at = read_term(at, s, ret_what);
    }
    if (at) {
        *ret_what = "more than 25 selectors are joined";
    }
    return *ret_what ? ERR_INVALID : 0;
}

void selector_done(struct selector *s)
{
    free(s->memory);
    *s = (struct selector){0};
}
