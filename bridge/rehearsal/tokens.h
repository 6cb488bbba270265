/* SmartThings' side of callback access (facts 1.8): a code becomes a pair of tokens, a refresh token works once. Pure
   but for randomness; time (ms, monotonic) is an argument. */
#ifndef REHEARSAL_TOKENS_H
#define REHEARSAL_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#define TOKENS_TEXT 32u
#define TOKENS_SPENT 64u /* used refresh tokens that are remembered, to say what is wrong with them */

struct tokens {
    char code[TOKENS_TEXT]; /* "": none is open */
    char access[TOKENS_TEXT], refresh[TOKENS_TEXT];
    char spent[TOKENS_SPENT][TOKENS_TEXT];
    uint32_t spent_count;
    uint64_t expires; /* of access */
    uint32_t life_s;
};

/* A new code; an older one that was not exchanged is void. Tokens stay until the exchange. */
void tokens_grant(struct tokens *t);
/* 0 with a new pair in `t`, or the globalError and a sentence. */
const char *tokens_exchange(struct tokens *t, const char *code, uint64_t now, const char **ret_why);
const char *tokens_refresh(struct tokens *t, const char *refresh, uint64_t now, const char **ret_why);
/* NULL: good. */
const char *tokens_check(const struct tokens *t, const char *access, uint64_t now, const char **ret_why);

#endif
