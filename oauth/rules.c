/* See rules.h. */
#include "oauth/rules.h"

#include <string.h>

#include "base/err.h"
#include "oauth/oauth.h"

/* A later forward jump from where a backward one led undoes nothing: the undone ones must not be taken out twice. */
static void forget_undone(struct rules_clock *clock, int64_t wall_ms)
{
    while (clock->count > 0 && clock->jumps[clock->count - 1].after_ms > wall_ms) {
        clock->count--;
    }
}

void rules_clock_see(struct rules_clock *clock, int64_t wall_ms, uint64_t mono_ms)
{
    if (clock->started) {
        int64_t expected = clock->wall_ms + (int64_t)(mono_ms - clock->mono_ms);
        if (wall_ms - expected > RULES_JUMP_MS) {
            if (clock->count == RULES_MAX_JUMPS) {
                memmove(clock->jumps, clock->jumps + 1, (RULES_MAX_JUMPS - 1) * sizeof clock->jumps[0]);
                clock->count--;
            }
            clock->jumps[clock->count++] = (struct rules_jump){.before_ms = expected, .after_ms = wall_ms};
        } else if (expected - wall_ms > RULES_JUMP_MS) {
            forget_undone(clock, wall_ms);
        }
    }
    clock->started = true;
    clock->wall_ms = wall_ms;
    clock->mono_ms = mono_ms;
}

int64_t rules_age(const struct rules_clock *clock, int64_t since_ms, int64_t now_ms)
{
    /* an unsigned difference cannot overflow: `since` may be any number that a token can hold */
    if (now_ms <= since_ms) {
        return 0;
    }
    uint64_t age = (uint64_t)now_ms - (uint64_t)since_ms;
    for (size_t i = 0; i < clock->count; i++) {
        const struct rules_jump *jump = &clock->jumps[i];
        if (since_ms <= jump->before_ms && now_ms >= jump->after_ms) {
            uint64_t size = (uint64_t)jump->after_ms - (uint64_t)jump->before_ms;
            age -= size < age ? size : age;
        }
    }
    return age > INT64_MAX ? INT64_MAX : (int64_t)age;
}

int rules_redeem(const struct rules_link *link, const struct rules_clock *clock, int64_t now_ms,
                 enum rules_redeem *ret_what)
{
    if (link->ended_ms) {
        return ERR_ENDED;
    }
    /* An expired code is worth nothing to a thief: refusing it is enough, and a living link goes on. */
    if (rules_age(clock, link->created_ms, now_ms) >= (int64_t)OAUTH_CODE_LIFE_S * 1000) {
        return ERR_EXPIRED;
    }
    *ret_what = !link->redeemed_ms ? REDEEM_FIRST : !link->seen_ms ? REDEEM_REPEAT : REDEEM_REPLAY;
    return 0;
}

bool rules_refresh_again(const struct rules_link *link, int64_t now_ms)
{
    return link->refreshed_ms && now_ms > link->refreshed_ms - RULES_REPEAT_MS &&
           now_ms < link->refreshed_ms + RULES_REPEAT_MS;
}

enum rules_rotate rules_rotate(const struct rules_link *link, const struct rules_clock *clock, uint32_t generation,
                               int64_t started_ms, int64_t now_ms)
{
    if (generation >= link->generation) { /* newer than the store: a backup was restored */
        return ROTATE_NEXT;
    }
    bool recent = rules_age(clock, link->refreshed_ms, now_ms) < RULES_REPEAT_MS ||
                  rules_age(clock, started_ms, now_ms) < RULES_REPEAT_MS;
    return generation + 1 == link->generation && recent ? ROTATE_AGAIN : ROTATE_REUSED;
}

int rules_access(const struct rules_clock *clock, int64_t issued_ms, int64_t now_ms)
{
    return rules_age(clock, issued_ms, now_ms) < (int64_t)OAUTH_ACCESS_LIFE_S * 1000 ? 0 : ERR_EXPIRED;
}

int rules_expires_in(const struct rules_clock *clock, int64_t issued_ms, int64_t now_ms)
{
    int64_t left = OAUTH_ACCESS_LIFE_S - rules_age(clock, issued_ms, now_ms) / 1000;
    return left < 1 ? 1 : (int)left;
}

bool rules_forward(struct rules_link *link, uint32_t generation, int64_t issued_ms)
{
    if (link->redeemed_ms && generation <= link->generation) {
        return false;
    }
    if (!link->redeemed_ms) {
        link->redeemed_ms = issued_ms ? issued_ms : 1;
    }
    if (generation > link->generation) {
        link->generation = generation;
        if (generation > 1) {
            link->refreshed_ms = issued_ms;
        }
    }
    return true;
}

bool rules_elsewhere(const struct rules_link *link, const struct rules_clock *clock, uint32_t generation,
                     int64_t issued_ms, int64_t started_ms, int64_t now_ms)
{
    int64_t newest_ms = link->refreshed_ms ? link->refreshed_ms : link->redeemed_ms;
    if (generation < link->generation || (generation == link->generation && issued_ms == newest_ms)) {
        return false; /* ours, or too old to say */
    }
    return issued_ms <= now_ms &&
           rules_age(clock, issued_ms, now_ms) + RULES_APART_MS < rules_age(clock, started_ms, now_ms);
}
