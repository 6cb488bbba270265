/* What may be done with a link and its tokens, and when. Pure: every rule takes the time as an argument.

   The wall clock of a gateway lies: it boots in 1970, jumps by decades when NTP answers, and back. So a rule
   never compares two wall times alone: rules_age takes out the jumps that were seen between them, and a time
   in the future has the age 0. What a jump can do is lengthen a life, never end all of them at once. */
#ifndef OAUTH_RULES_H
#define OAUTH_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULES_JUMP_MS 60000   /* a step of the wall clock larger than this against the monotonic one is a jump */
#define RULES_MAX_JUMPS 8     /* remembered; the oldest is forgotten */
#define RULES_APART_MS 1000   /* two machines' clocks may differ by this much without a false alarm */
#define RULES_REPEAT_MS 60000 /* a refresh asked again within this is the same request: its answer was lost */
#define RULES_MARK_MS 3600000 /* 'last used' is written at most this often */

/* The forward jumps seen since the process started. */
struct rules_clock {
    bool started;
    int64_t wall_ms;
    uint64_t mono_ms;
    struct rules_jump {
        int64_t before_ms, after_ms; /* before < after */
    } jumps[RULES_MAX_JUMPS];
    size_t count;
};

/* Looks at both clocks; call it whenever the wall clock is used. */
void rules_clock_see(struct rules_clock *clock, int64_t wall_ms, uint64_t mono_ms);
/* Milliseconds from `since` to `now`, both wall times, without the jumps between them; at least 0. */
int64_t rules_age(const struct rules_clock *clock, int64_t since_ms, int64_t now_ms);

/* The times of a link, wall clock, 0: not yet. */
struct rules_link {
    int64_t created_ms;   /* the code was issued */
    int64_t redeemed_ms;  /* the first pair was issued */
    int64_t seen_ms;      /* a token of it was used last */
    int64_t refreshed_ms; /* the newest access token of a refresh was issued */
    int64_t ended_ms;
    uint32_t generation; /* of the newest access token; 0 before the first */
};

enum rules_redeem { REDEEM_FIRST, REDEEM_REPEAT, REDEEM_REPLAY };
/* An authentic code of this link was presented by the right client. 0 and what to do: issue the pair, give the
   same pair again, or refuse and end the link. ERR_ENDED, ERR_EXPIRED: refuse, change nothing. */
int rules_redeem(const struct rules_link *link, const struct rules_clock *clock, int64_t now_ms,
                 enum rules_redeem *ret_what);

/* An authentic refresh token of this link was presented by the right client: is this the request of a moment
   ago, whose answer must have been lost? */
bool rules_refresh_again(const struct rules_link *link, int64_t now_ms);

enum rules_rotate { ROTATE_NEXT, ROTATE_AGAIN, ROTATE_REUSED };
/* An authentic refresh token of this generation was presented by the public client of this link: issue the next pair,
   give the newest one again (its answer must have been lost), or end the link (RFC 9700 4.14.2). started_ms: when this
   program started, so that an answer that was lost in a crash is not held against whoever asks again afterwards. */
enum rules_rotate rules_rotate(const struct rules_link *link, const struct rules_clock *clock, uint32_t generation,
                               int64_t started_ms, int64_t now_ms);

/* 0 or ERR_EXPIRED for an authentic access token. */
int rules_access(const struct rules_clock *clock, int64_t issued_ms, int64_t now_ms);
/* Seconds that an access token has left, 1..OAUTH_ACCESS_LIFE_S. */
int rules_expires_in(const struct rules_clock *clock, int64_t issued_ms, int64_t now_ms);

/* An authentic access token has a newer generation than we know, or we think that the code was never redeemed:
   a backup was restored. Moves the link forward; true if something changed. */
bool rules_forward(struct rules_link *link, uint32_t generation, int64_t issued_ms);

/* An authentic access token that this program never issued, though it was running when the token was: another machine
   lives on a backup of this one, or this one on a backup of it. Ask before rules_forward. False where it cannot be
   told: what was issued before the start may be of this installation's past. started_ms: when this program started. */
bool rules_elsewhere(const struct rules_link *link, const struct rules_clock *clock, uint32_t generation,
                     int64_t issued_ms, int64_t started_ms, int64_t now_ms);

#endif
