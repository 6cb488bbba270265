/* POST /control/selftest: the daemon's part of `lightbridge selftest`.

   A rehearsal links like SmartThings does, through the public URL, and then wants its callbacks at a loopback address,
   which no link of the cloud may name. It announces itself here, by the `state` that its authorization request is going
   to have: a random text, on the control socket only (routes.c). What comes of that one request is a rehearsal from its
   birth, in the store too (oauth/rehearsal.c), and to its one link alone the callbacks are allowed; so nothing that
   comes in on the public side can get the allowance, for its own link or for another, nor widen it.

   All of it ends when the rehearsal says so; after a while by itself, where the rehearsal died; and when the daemon
   starts, where the daemon did. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "local/local_internal.h"

#define STATE_MIN 16u                /* nobody guesses it */
#define PATIENCE_MS (3u * 60 * 1000) /* a rehearsal takes seconds */

static void sweep(void *user);

static void over(struct local *local)
{
    free(local->selftest.state);
    local->selftest.state = NULL;
}

static void wait_on(struct local *local)
{
    if (!local->selftest.patience) {
        local->selftest.patience = timer_new(local->loop, sweep, local);
    }
    timer_start(local->selftest.patience, PATIENCE_MS);
}

/* ERR_CANCELLED: everything is being taken down, and `local` is gone already. */
static void swept(void *user, int result)
{
    if (result != 0 && result != ERR_CANCELLED) {
        log_warn("local", "the link of a selftest is still there, it goes later: %s", err_text(result));
        wait_on(user);
    }
}

/* An authorization that was under way when the end was asked for may have come to a link since. */
static void sweep(void *user)
{
    struct local *local = user;
    if (local->selftest.state) {
        log_warn("local", "a selftest did not come to its end; what it left is removed");
        over(local);
    }
    oauth_rehearsals_end(local->oauth, swept, local);
}

void selftest_start(struct local *local)
{
    if (oauth_trouble(local->oauth) == 0) {
        sweep(local);
    }
}

void selftest_done(struct local *local)
{
    over(local);
    timer_free(local->selftest.patience);
}

/* ---- the verb ---- */

static void begin(struct local *local, struct http_exchange *x, const char *state)
{
    if (local->selftest.state) {
        control_answer_error(x, ERR_BUSY,
                             "another selftest is under way, or was cut off: it is over in 3 minutes at most");
    } else if (strlen(state) < STATE_MIN || strlen(state) > OAUTH_STATE_MAX) {
        control_answer_error(x, ERR_INVALID, "\"state\" is no random text of 16 to 4096 bytes");
    } else {
        local->selftest.state = mem_text(state);
        oauth_rehearsal_expect(local->oauth, state);
        wait_on(local);
        control_answer_empty(x);
    }
}

static struct oauth_link *link_under_way(struct local *local)
{
    struct oauth_link *link = oauth_link_next(local->oauth, NULL);
    while (link && !(oauth_link_rehearsal(link) && oauth_link_alive(link))) {
        link = oauth_link_next(local->oauth, link);
    }
    return link;
}

static void allow(struct local *local, struct http_exchange *x, const char *origin)
{
    struct oauth_link *link = link_under_way(local);
    if (!link) {
        control_answer_error(x, ERR_NOT_FOUND, "no living link has come of this selftest");
    } else if (!local->smartthings || smartthings_rehearse(local->smartthings, link, origin) != 0) {
        control_answer_error(x, ERR_INVALID,
                             "\"callback\" is no loopback address with a port; right would be http://127.0.0.1:40000");
    } else {
        wait_on(local);
        control_answer_empty(x);
    }
}

struct ending {
    struct local *local;
    struct http_exchange *x;
};

static void ended(void *user, int result)
{
    struct ending *e = user;
    if (result == 0) {
        over(e->local);
        control_answer_empty(e->x);
    } else {
        control_answer_error(e->x, result, NULL);
    }
    free(e);
}

/* A daemon that was started since knows of no selftest, and has removed what was left of it: that is its end, too. */
static void end(struct local *local, struct http_exchange *x)
{
    struct ending *e = mem_alloc(sizeof *e);
    *e = (struct ending){local, x};
    wait_on(local);
    oauth_rehearsals_end(local->oauth, ended, e);
}

static bool is_under_way(const struct local *local, const char *state)
{
    return local->selftest.state && strcmp(local->selftest.state, state) == 0;
}

void local_selftest(struct http_exchange *x, void *context)
{
    struct local *local = context;
    struct json *body = control_body(x);
    if (!body) {
        return;
    }
    const char *state = json_get_text(body, "state"), *callback = json_get_text(body, "callback");
    const char *ends = json_get_text(body, "end");
    if (ends && (!local->selftest.state || is_under_way(local, ends))) {
        end(local, x);
    } else if (state && !callback) {
        begin(local, x, state);
    } else if (state && is_under_way(local, state)) {
        allow(local, x, callback);
    } else if (state || ends) {
        control_answer_error(x, ERR_NOT_FOUND, "this selftest is not under way, or the daemon was restarted meanwhile");
    } else {
        control_answer_error(x, ERR_INVALID,
                             "right would be \"state\", of the authorization request that is going to come; later the "
                             "same with \"callback\", an origin; or \"end\", with the state");
    }
    json_free(body);
}
