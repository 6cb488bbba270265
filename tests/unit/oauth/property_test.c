/* Years of token life with everything that can go wrong, at random: answers that are lost, requests that are repeated
   and sent at once, crashes with writes on their way, restarts, restores of old backups, clocks that jump by ten years.
   Two properties: a client that behaves always keeps its link; what is forged, truncated, of another kind or client,
   replayed, or of a link that has ended never yields anything.

   LB_SEED=N plays one seed again; LB_LONG=1 plays many. */
#include "unit/oauth/rig.h"

#include "base/mem.h"

#define LINKS 10 /* alive or not, that the world remembers; the oldest is given up */
#define STEPS 260
#define SECOND INT64_C(1000)
#define DAY (86400 * SECOND)
#define TEN_YEARS (3652 * DAY)

/* What one client holds of its link, and what the world knows of it. */
struct held {
    bool there; /* this slot is in use */
    bool lost;  /* it was made after the backup that was restored: nobody can know it */
    bool ended;
    bool is_public;
    bool closed; /* its code has been used, durably, as far as the store knows: again is a replay */
    char id[OAUTH_LINK_ID_SIZE * 2 + 1];
    char code[OAUTH_TOKEN_MAX], access[OAUTH_TOKEN_MAX], refresh[OAUTH_TOKEN_MAX];
};

struct backup {
    bool taken;
    bool there[LINKS], ended[LINKS], closed[LINKS];
    char id[LINKS][OAUTH_LINK_ID_SIZE * 2 + 1];
};

struct world {
    struct rig *rig;
    uint64_t seed, random;
    int step;
    int64_t off_ms; /* by which the clock is wrong now */
    struct held held[LINKS];
    struct backup backup;
    unsigned done[16]; /* how often each thing was done: none may be missing */
};

/* splitmix64 */
static uint64_t draw(struct world *w)
{
    uint64_t z = w->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned below(struct world *w, unsigned end)
{
    return (unsigned)(draw(w) % end);
}

#define DEMAND(w, condition, ...)                                                                                      \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            print_error("LB_SEED=%llu, step %d: %s: ", (unsigned long long)(w)->seed, (w)->step, #condition);          \
            print_error(__VA_ARGS__);                                                                                  \
            fail();                                                                                                    \
        }                                                                                                              \
    } while (0)

static const char *client_of(const struct held *h)
{
    return h->is_public ? "app" : "smartthings";
}

static struct held *any(struct world *w, bool living)
{
    size_t start = below(w, LINKS);
    for (size_t i = 0; i < LINKS; i++) {
        struct held *h = &w->held[(start + i) % LINKS];
        if (h->there && !h->lost && h->ended != living) {
            return h;
        }
    }
    return NULL;
}

/* ---- what a client that behaves does ---- */

static void take(struct held *h, const struct answer *a)
{
    strcpy(h->access, a->access);
    strcpy(h->refresh, a->refresh);
}

static void link_anew(struct world *w)
{
    struct held *h = &w->held[0];
    for (size_t i = 0; i < LINKS; i++) { /* a free slot, or an ended one, or any */
        struct held *other = &w->held[i];
        h = !other->there || (h->there && !h->ended && (other->ended || other->lost)) ? other : h;
        if (!h->there) {
            break;
        }
    }
    *h = (struct held){.there = true, .is_public = below(w, 3) == 0};
    struct answer code = allow_for(w->rig, client_of(h), h->is_public ? CHALLENGE : NULL);
    DEMAND(w, code.result == 0, "a new link: %s\n", err_text(code.result));
    struct oauth_link_info info;
    oauth_link_info(code.link, &info);
    strcpy(h->id, info.id);
    strcpy(h->code, code.code);
    struct answer pair;
    for (unsigned lost = below(w, 3);; lost--) { /* the answer is lost that often, and it asks again */
        pair = redeem_for(w->rig, client_of(h), h->code, APP_CALLBACK, h->is_public ? VERIFIER : NULL);
        DEMAND(w, pair.result == 0, "redeeming: %s\n", err_text(pair.result));
        if (lost == 0) {
            break;
        }
        pass_time(SECOND * (1 + below(w, 20)));
        if (below(w, 3) == 0) {
            rig_crash(w->rig);
        }
    }
    take(h, &pair);
}

static void refresh_it(struct world *w)
{
    struct held *h = any(w, true);
    struct answer a = {.result = ERR_BUSY};
    for (unsigned lost = h ? below(w, 3) : 0; h; lost--) {
        a = refresh_for(w->rig, client_of(h), h->refresh);
        DEMAND(w, a.result == 0, "refreshing link %s: %s\n", h->id, err_text(a.result));
        h->closed = true;
        if (lost == 0) {
            take(h, &a);
            break;
        }
        pass_time(SECOND * (1 + below(w, 15))); /* nobody waits a minute to ask again */
        if (below(w, 3) == 0) {
            rig_crash(w->rig);
        }
    }
}

/* Several requests before the first is answered: one and the same answer. */
static void refresh_at_once(struct world *w)
{
    struct held *h = any(w, true);
    struct answer a[3] = {{0}};
    unsigned count = 2 + below(w, 2);
    if (!h) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        oauth_refresh(w->rig->oauth, client(w->rig, client_of(h)), h->refresh, note_tokens, &a[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        DEMAND(w, wait_for_answer(w->rig, &a[i]) == 0, "at once, %u: %s\n", i, err_text(a[i].result));
        DEMAND(w, strcmp(a[i].access, a[0].access) == 0 && strcmp(a[i].refresh, a[0].refresh) == 0, "they differ\n");
    }
    h->closed = true;
    take(h, &a[0]);
}

static void use(struct world *w)
{
    struct held *h = any(w, true);
    int result = h ? verify(w->rig, h->access) : 0;
    DEMAND(w, result == 0 || result == ERR_EXPIRED, "using link %s: %s\n", h ? h->id : "", err_text(result));
    for (unsigned turns = below(w, 3); turns > 0; turns--) {
        loop_turn(w->rig->loop, false); /* that it was used is on its way to the store, or not */
    }
}

static void refresh_is_cut(struct world *w)
{
    struct held *h = any(w, true);
    struct answer unheard = {0};
    if (!h) {
        return;
    }
    oauth_refresh(w->rig->oauth, client(w->rig, client_of(h)), h->refresh, note_tokens, &unheard);
    for (unsigned turns = below(w, 4); turns > 0; turns--) {
        loop_turn(w->rig->loop, false);
    }
    rig_crash(w->rig);
    pass_time(SECOND * (1 + below(w, 15)));
    struct answer a = refresh_for(w->rig, client_of(h), h->refresh);
    DEMAND(w, a.result == 0, "after a crash: %s\n", err_text(a.result));
    h->closed = true;
    take(h, &a);
}

/* ---- the world ---- */

static void let_time_pass(struct world *w)
{
    static const int64_t most[] = {10 * SECOND, 60 * SECOND, 3600 * SECOND, DAY, 30 * DAY, 200 * DAY};
    pass_time((int64_t)(draw(w) % (uint64_t)most[below(w, 6)]) + 1);
}

static void jump(struct world *w)
{
    static const int64_t offs[] = {0, TEN_YEARS, -TEN_YEARS, DAY, -DAY};
    int64_t off_ms = offs[below(w, 5)];
    rig_wall += off_ms - w->off_ms;
    w->off_ms = off_ms;
    if (below(w, 2)) {
        (void)oauth_now(w->rig->oauth); /* seen at once, or with the next request */
    }
}

static void restart(struct world *w)
{
    rig_restart(w->rig);
}

static void crash(struct world *w)
{
    rig_crash(w->rig);
}

static void back_up(struct world *w)
{
    rig_restart(w->rig); /* what was on its way has arrived: the model need not guess */
    copy_store(w->rig, "store.db", "backup.db");
    w->backup.taken = true;
    for (size_t i = 0; i < LINKS; i++) {
        w->backup.there[i] = w->held[i].there && !w->held[i].lost;
        w->backup.ended[i] = w->held[i].ended;
        w->backup.closed[i] = w->held[i].closed;
        strcpy(w->backup.id[i], w->held[i].id);
    }
}

static void restore(struct world *w)
{
    if (!w->backup.taken) {
        return;
    }
    rig_close(w->rig);
    copy_store(w->rig, "backup.db", "store.db");
    rig_open(w->rig);
    for (size_t i = 0; i < LINKS; i++) {
        struct held *h = &w->held[i];
        bool known = w->backup.there[i] && strcmp(w->backup.id[i], h->id) == 0;
        h->lost = !known;
        h->ended = known && w->backup.ended[i];
        h->closed = known && w->backup.closed[i];
    }
}

static void end_one(struct world *w)
{
    struct held *h = any(w, true);
    struct oauth_link *link = h ? oauth_link_find(w->rig->oauth, h->id) : NULL;
    if (link && below(w, 3) == 0) {
        DEMAND(w, end_link(w->rig, link) == 0, "ending\n");
        h->ended = true;
    }
}

/* ---- who does not behave ---- */

/* Nothing comes of this text, whatever it is presented as; links that live go on living. */
static void yields_nothing(struct world *w, const char *text, const char *what)
{
    static const char *const clients[] = {"smartthings", "other", "app"};
    struct oauth_link *link = NULL;
    int result = oauth_verify(w->rig->oauth, text, rig_wall, &link);
    DEMAND(w, result == ERR_DENIED || result == ERR_ENDED, "%s as access token: %d\n", what, result);
    for (size_t i = 0; i < 3; i++) {
        struct answer a = redeem_for(w->rig, clients[i], text, NULL, VERIFIER);
        DEMAND(w, a.result != 0, "%s as code of %s\n", what, clients[i]);
        a = refresh_for(w->rig, clients[i], text);
        DEMAND(w, a.result != 0, "%s as refresh token of %s\n", what, clients[i]);
    }
}

static void forge(struct world *w)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct held *h = &w->held[below(w, LINKS)];
    char text[OAUTH_TOKEN_MAX + 8];
    if (!h->there) {
        return;
    }
    strcpy(text, below(w, 2) ? h->access : below(w, 2) ? h->refresh : h->code);
    size_t len = strlen(text), at = below(w, (unsigned)len);
    char was = text[at];
    switch (below(w, 4)) {
    case 0:
        text[at] = 0;
        break;
    case 1:
        strcat(text, "A");
        break;
    default:
        do {
            text[at] = digits[below(w, 64)];
        } while (text[at] == was);
        break;
    }
    yields_nothing(w, text, "a forged token");
}

static void mistake(struct world *w)
{
    struct held *h = any(w, true);
    if (!h) {
        return;
    }
    struct answer a = refresh_for(w->rig, client_of(h), h->access);
    DEMAND(w, a.result == ERR_DENIED, "an access token refreshes\n");
    a = refresh_for(w->rig, "other", h->refresh);
    DEMAND(w, a.result == ERR_DENIED, "another client refreshes\n");
    a = redeem_for(w->rig, "other", h->code, NULL, NULL);
    DEMAND(w, a.result == ERR_DENIED, "another client redeems\n");
    DEMAND(w, verify(w->rig, h->refresh) == ERR_DENIED, "a refresh token is used\n");
    DEMAND(w, verify(w->rig, h->code) == ERR_DENIED, "a code is used\n");
}

static void ask_for_the_ended(struct world *w)
{
    struct held *h = any(w, false);
    if (h) {
        yields_nothing(w, h->access, "a token of an ended link");
        yields_nothing(w, h->refresh, "a refresh token of an ended link");
        yields_nothing(w, h->code, "a code of an ended link");
    }
}

/* Somebody has stolen a code and the client's secret; the link ends, or the code is too old to end it. */
static void replay(struct world *w)
{
    struct held *h = any(w, true);
    if (!h || !h->closed || below(w, 3)) {
        return;
    }
    struct answer a = redeem_for(w->rig, client_of(h), h->code, APP_CALLBACK, h->is_public ? VERIFIER : NULL);
    DEMAND(w, a.result == ERR_ENDED || a.result == ERR_EXPIRED, "a replayed code: %d\n", a.result);
    h->ended = a.result == ERR_ENDED;
}

/* ---- a life ---- */

static void live(struct rig *rig, uint64_t seed)
{
    static void (*const things[16])(struct world *) = {
        link_anew, refresh_it, refresh_it, refresh_at_once, use,     use,     refresh_is_cut, let_time_pass,
        jump,      restart,    crash,      back_up,         restore, end_one, replay,         NULL,
    };
    struct world *w = mem_alloc(sizeof *w);
    *w = (struct world){.rig = rig, .seed = seed, .random = seed};
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    assert_int_equal(add_client(rig, "app", NULL).result, 0);
    for (w->step = 0; w->step < STEPS; w->step++) {
        unsigned which = below(w, 16);
        w->done[which]++;
        if (things[which]) {
            things[which](w);
        } else {
            void (*const wicked[])(struct world *) = {forge, mistake, ask_for_the_ended};
            wicked[below(w, 3)](w);
        }
        let_time_pass(w);
    }
    for (size_t i = 0; i < LINKS; i++) { /* at the end: whoever has a link still has it */
        struct held *h = &w->held[i];
        if (h->there && !h->lost && !h->ended) {
            struct answer a = refresh_for(rig, client_of(h), h->refresh);
            DEMAND(w, a.result == 0, "at the end: %s\n", err_text(a.result));
            DEMAND(w, verify(rig, a.access) == 0, "at the end, using it\n");
        }
    }
    for (size_t i = 0; i < 16; i++) {
        DEMAND(w, w->done[i] > 0, "thing %zu was never done\n", i);
    }
    free(w);
}

static void test_years(void **state)
{
    const char *one = getenv("LB_SEED"), *longer = getenv("LB_LONG");
    longer = longer && *longer ? longer : NULL;
    uint64_t first = one ? strtoull(one, NULL, 10) : 1;
    uint64_t count = one ? 1 : longer ? 200 : 6;
    alarm(longer ? 0 : 110);
    for (uint64_t seed = first; seed < first + count; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
        alarm(longer ? 0 : 110);
        live(*state, seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_years)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
