#include "rehearsal/tokens.h"

#include <stddef.h>
#include <string.h>

#include "base/secrets.h"
#include "base/str.h"

static void draw(char to[TOKENS_TEXT], const char *prefix)
{
    struct str s = STR_INIT;
    str_add_z(&s, prefix);
    secrets_random_text(&s, 15);
    memcpy(to, s.data, s.len + 1);
    str_done(&s);
}

static bool is(const char *kept, const char *given)
{
    return kept[0] != '\0' && strcmp(kept, given) == 0;
}

static bool is_spent(const struct tokens *t, const char *token)
{
    for (uint32_t i = 0; i < TOKENS_SPENT; i++) {
        if (is(t->spent[i], token)) {
            return true;
        }
    }
    return false;
}

static void new_pair(struct tokens *t, uint64_t now)
{
    if (t->refresh[0] != '\0') {
        memcpy(t->spent[t->spent_count++ % TOKENS_SPENT], t->refresh, TOKENS_TEXT);
    }
    draw(t->access, "sta-");
    draw(t->refresh, "str-");
    t->expires = now + (uint64_t)t->life_s * 1000;
}

void tokens_grant(struct tokens *t)
{
    draw(t->code, "stc-");
}

const char *tokens_exchange(struct tokens *t, const char *code, uint64_t now, const char **ret_why)
{
    if (!is(t->code, code)) {
        *ret_why = "the code is not the one of the last grant, or was used already";
        return "INVALID-CODE";
    }
    t->code[0] = '\0';
    new_pair(t, now);
    return NULL;
}

const char *tokens_refresh(struct tokens *t, const char *refresh, uint64_t now, const char **ret_why)
{
    if (!is(t->refresh, refresh)) {
        *ret_why = is_spent(t, refresh) ? "the refresh token was used already; it works once"
                                        : "the refresh token is not one that was given";
        return "INVALID-TOKEN";
    }
    new_pair(t, now);
    return NULL;
}

const char *tokens_check(const struct tokens *t, const char *access, uint64_t now, const char **ret_why)
{
    if (!is(t->access, access)) {
        *ret_why = "the token is not the newest that was given";
        return "INVALID-TOKEN";
    }
    if (now >= t->expires) {
        *ret_why = "the token has expired";
        return "TOKEN-EXPIRED";
    }
    return NULL;
}
