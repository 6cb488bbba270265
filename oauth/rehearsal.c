/* Rehearsals: what `lightbridge selftest` does leaves nothing behind, whoever dies in the middle of it. */
#include "oauth/oauth_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define REASON "the selftest is over"

void oauth_rehearsal_expect(struct oauth *oauth, const char *state)
{
    free(oauth->rehearsal);
    oauth->rehearsal = mem_text(state);
}

bool oauth_rehearsal_begins(struct oauth *oauth, const char *state, size_t len)
{
    const char *expected = oauth->rehearsal;
    if (!expected || strlen(expected) != len || memcmp(expected, state, len) != 0) {
        return false;
    }
    oauth_rehearsal_expect(oauth, NULL);
    return true;
}

bool oauth_link_rehearsal(const struct oauth_link *link)
{
    return link->rehearsal;
}

struct ending {
    struct oauth *oauth;
    oauth_done_fn *done;
    void *user;
};

static struct oauth_link *first_rehearsal(struct oauth *oauth, bool alive)
{
    struct oauth_link *link = oauth_link_next(oauth, NULL);
    while (link && !(link->rehearsal && oauth_link_alive(link) == alive)) {
        link = oauth_link_next(oauth, link);
    }
    return link;
}

static void forget_all(struct oauth *oauth)
{
    struct oauth_link *link;
    while ((link = first_rehearsal(oauth, false)) != NULL) {
        links_forget(oauth, link);
    }
    traces_forget_rehearsals(oauth);
}

static void ended_one(void *user, int result)
{
    struct ending *e = user;
    struct oauth_link *next = result == 0 ? first_rehearsal(e->oauth, true) : NULL;
    if (next) {
        oauth_link_end(e->oauth, next, REASON, ended_one, e);
        return;
    }
    if (result == 0) {
        forget_all(e->oauth);
    }
    e->done(e->user, result);
    free(e);
}

void oauth_rehearsals_end(struct oauth *oauth, oauth_done_fn *done, void *user)
{
    struct ending *e = mem_alloc(sizeof *e);
    *e = (struct ending){oauth, done, user};
    oauth_rehearsal_expect(oauth, NULL);
    ended_one(e, 0);
}
