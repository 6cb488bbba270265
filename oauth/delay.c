#include "oauth/delay.h"

#include <string.h>

#include "base/secrets.h"
#include "base/str.h"

/* A hash, so that a key of any length has a place of one size, and a name that is a password by mistake is not kept. */
static void make_key(uint8_t ret_key[DELAY_KEY_SIZE], const char *kind, const char *side, const char *name,
                     const char *source)
{
    const char *const texts[] = {kind, side, name, source};
    struct str input = STR_INIT;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        str_add(&input, texts[i], strlen(texts[i]) + 1);
    }
    secrets_tag(ret_key, DELAY_KEY_SIZE, input.data, input.len, NULL, 0);
    str_done(&input);
}

enum { ACCOUNT, SOURCE, KINDS };

/* The keys that `who` is counted under; returns how many: without a source, the account's alone. */
static int keys_of(const struct delay_who *who, uint8_t ret_keys[KINDS][DELAY_KEY_SIZE])
{
    make_key(ret_keys[ACCOUNT], "account", who->side, who->name, "");
    if (!who->source) {
        return 1;
    }
    make_key(ret_keys[SOURCE], "source", who->side, "", who->source);
    return 2;
}

static bool is_forgotten(const struct delay_entry *e, uint64_t now_ms)
{
    return !e->used || (e->running == 0 && now_ms - e->last_ms >= DELAY_FORGET_MS);
}

static struct delay_entry *find(const struct delays *delays, const uint8_t *key, uint64_t now_ms)
{
    for (size_t i = 0; i < DELAY_KEYS; i++) {
        const struct delay_entry *e = &delays->entries[i];
        if (!is_forgotten(e, now_ms) && memcmp(e->key, key, sizeof e->key) == 0) {
            return (struct delay_entry *)(uintptr_t)e;
        }
    }
    return NULL;
}

/* Who has failed least makes room, and of those the one who has not failed for longest: made-up names, one failure
   each, push out one another and never the account that is being guessed at. */
static struct delay_entry *make_room(struct delays *delays, uint64_t now_ms)
{
    struct delay_entry *victim = &delays->entries[0];
    for (size_t i = 0; i < DELAY_KEYS; i++) {
        struct delay_entry *e = &delays->entries[i];
        if (is_forgotten(e, now_ms)) {
            return e;
        }
        uint32_t count = e->failures + e->running, least = victim->failures + victim->running;
        if (count < least || (count == least && e->last_ms < victim->last_ms)) {
            victim = e;
        }
    }
    return victim;
}

static uint32_t wait_of(const struct delays *delays, const uint8_t *key, uint64_t now_ms)
{
    const struct delay_entry *e = find(delays, key, now_ms);
    if (!e || e->failures < DELAY_FREE) {
        return 0;
    }
    if (e->running > 0) {
        return 1000; /* one at a time from here on: its outcome is not known yet */
    }
    uint32_t doublings = e->failures - DELAY_FREE;
    uint32_t wait_ms = doublings < 6 ? 1000u << doublings : DELAY_MAX_MS;
    uint64_t passed_ms = now_ms - e->last_ms;
    return passed_ms < wait_ms ? wait_ms - (uint32_t)passed_ms : 0;
}

static bool is_familiar(const struct delays *delays, const struct delay_who *who)
{
    uint8_t key[DELAY_KEY_SIZE];
    if (!who->source) {
        return false;
    }
    make_key(key, "familiar", who->side, who->name, who->source);
    for (size_t i = 0; i < DELAY_FAMILIAR; i++) {
        if (delays->familiar[i].used && memcmp(delays->familiar[i].key, key, sizeof key) == 0) {
            return true;
        }
    }
    return false;
}

static void remember_familiar(struct delays *delays, const struct delay_who *who, uint64_t now_ms)
{
    uint8_t key[DELAY_KEY_SIZE];
    size_t at = 0;
    if (!who->source) {
        return;
    }
    make_key(key, "familiar", who->side, who->name, who->source);
    for (size_t i = 0; i < DELAY_FAMILIAR; i++) {
        if (!delays->familiar[i].used || memcmp(delays->familiar[i].key, key, sizeof key) == 0) {
            at = i;
            break;
        }
        at = delays->familiar[i].last_ms < delays->familiar[at].last_ms ? i : at;
    }
    memcpy(delays->familiar[at].key, key, sizeof key);
    delays->familiar[at].last_ms = now_ms;
    delays->familiar[at].used = true;
}

uint32_t delay_wait_ms(const struct delays *delays, const struct delay_who *who, uint64_t now_ms)
{
    uint8_t keys[KINDS][DELAY_KEY_SIZE];
    uint32_t wait_ms = 0;
    int count = keys_of(who, keys);
    for (int i = is_familiar(delays, who) ? SOURCE : ACCOUNT; i < count; i++) {
        uint32_t one = wait_of(delays, keys[i], now_ms);
        wait_ms = one > wait_ms ? one : wait_ms;
    }
    return wait_ms;
}

void delay_begin(struct delays *delays, const struct delay_who *who, uint64_t now_ms)
{
    uint8_t keys[KINDS][DELAY_KEY_SIZE];
    int count = keys_of(who, keys);
    for (int i = 0; i < count; i++) {
        struct delay_entry *e = find(delays, keys[i], now_ms);
        if (!e) {
            e = make_room(delays, now_ms);
            *e = (struct delay_entry){.used = true, .last_ms = now_ms};
            memcpy(e->key, keys[i], sizeof e->key);
        }
        e->running++;
    }
}

void delay_end(struct delays *delays, const struct delay_who *who, enum delay_outcome outcome, uint64_t now_ms)
{
    uint8_t keys[KINDS][DELAY_KEY_SIZE];
    int count = keys_of(who, keys);
    for (int i = 0; i < count; i++) {
        struct delay_entry *e = find(delays, keys[i], now_ms);
        if (!e) {
            continue; /* it made room for another meanwhile */
        }
        e->running -= e->running > 0;
        if (outcome == DELAY_FAILED) {
            e->failures += e->failures < UINT32_MAX / 2;
            e->last_ms = now_ms;
        } else if (outcome == DELAY_SUCCEEDED) {
            e->failures = 0;
        }
    }
    if (outcome == DELAY_SUCCEEDED) {
        remember_familiar(delays, who, now_ms);
    }
}
