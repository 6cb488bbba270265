/* How long whoever guesses passwords is kept waiting. Pure: time is an argument. Bounded, in memory alone.

   The first tries are free; then each failure doubles the time until the next may be made, up to a minute: guessing
   becomes hopeless, and nobody is ever locked out. What is counted has a key: an account's name, as it was typed, or
   where the attempt comes from. A full table forgets who has failed least. */
#ifndef OAUTH_DELAY_H
#define OAUTH_DELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DELAY_FREE 5u            /* failures before anybody waits; from then on one try at a time */
#define DELAY_MAX_MS 60000u      /* the longest wait */
#define DELAY_FORGET_MS 1800000u /* without a failure for so long: all is forgotten */
#define DELAY_KEYS 256u          /* whose failures are remembered */
#define DELAY_FAMILIAR 64u       /* pairs of account and place where somebody has logged in */
#define DELAY_KEY_SIZE 16

struct delay_entry {
    uint8_t key[DELAY_KEY_SIZE];
    bool used;
    uint32_t failures, running;
    uint64_t last_ms; /* of the last failure; monotonic */
};

struct delays {
    struct delay_entry entries[DELAY_KEYS];
    struct {
        uint8_t key[DELAY_KEY_SIZE];
        uint64_t last_ms;
        bool used;
    } familiar[DELAY_FAMILIAR];
};

/* Who attempts. source NULL: not known, because a proxy hides it. `side` keeps the doors of the house apart: what
   strangers do at the public one keeps nobody waiting at the local one. */
struct delay_who {
    const char *side, *name, *source;
};

/* Milliseconds until `who` may try, 0: now. A place from which this account has been logged in to is not kept waiting
   for what others do to the account. */
uint32_t delay_wait_ms(const struct delays *delays, const struct delay_who *who, uint64_t now_ms);
/* An attempt begins (after delay_wait_ms said 0), and ends. */
void delay_begin(struct delays *delays, const struct delay_who *who, uint64_t now_ms);
enum delay_outcome { DELAY_FAILED, DELAY_SUCCEEDED, DELAY_UNDECIDED };
void delay_end(struct delays *delays, const struct delay_who *who, enum delay_outcome outcome, uint64_t now_ms);

#endif
