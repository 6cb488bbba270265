/* POST /control/selftest: the daemon's part of `lightbridge selftest`.

   A rehearsal links like SmartThings does, through the public URL, and then wants its callbacks at a loopback address,
   which no link of the cloud may name. That is allowed for its one link alone: the verb is on the control socket only
   (routes.c), and the link is named by a code or a refresh token of it, which only its client was ever given. So
   nothing that comes in on the public side can get the allowance, for its own link or for another, nor widen it. It is
   kept in memory and dies with the link, which ends when the rehearsal says so, or after a while by itself where the
   rehearsal died. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "local/local_internal.h"

#define REASON "the selftest is over"
#define PATIENCE_MS (3u * 60 * 1000) /* a rehearsal takes seconds */

static void forget(struct local *local)
{
    struct oauth_link *link = local->selftest.link;
    local->selftest.link = NULL;
    timer_free(local->selftest.patience);
    local->selftest.patience = NULL;
    if (link && oauth_link_forget(local->oauth, link) != 0) {
        log_warn("local", "the link of a selftest is still there");
    }
}

/* ERR_CANCELLED: everything is being taken down, and `local` is gone already. */
static void ended_late(void *user, int result)
{
    if (result == 0) {
        forget(user);
    }
}

static void out_of_patience(void *user)
{
    struct local *local = user;
    log_warn("local", "a selftest did not come to its end; its link is ended");
    timer_start(local->selftest.patience, PATIENCE_MS); /* again, where the store cannot be written now */
    oauth_link_end(local->oauth, local->selftest.link, REASON, ended_late, local);
}

void selftest_done(struct local *local)
{
    timer_free(local->selftest.patience);
}

/* ---- the verb ---- */

static void answer_link(struct http_exchange *x, const struct oauth_link *link)
{
    struct oauth_link_info info;
    struct json_out j;
    struct str body = STR_INIT;
    oauth_link_info(link, &info);
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_member_text(&j, "link", info.id);
    json_end_object(&j);
    control_answer_json(x, &body);
}

static void begin(struct local *local, struct http_exchange *x, const char *token, const char *origin)
{
    struct oauth_link *link = oauth_trace_link_of(local->oauth, token);
    if (!link || !oauth_link_alive(link)) {
        control_answer_error(x, ERR_NOT_FOUND, "no living link has this token");
    } else if (local->selftest.link && local->selftest.link != link) {
        control_answer_error(x, ERR_BUSY,
                             "another selftest is under way, or was cut off: it is over in 3 minutes at most");
    } else if (origin && (!local->smartthings || smartthings_rehearse(local->smartthings, link, origin) != 0)) {
        control_answer_error(x, ERR_INVALID,
                             "\"callback\" is no loopback address with a port; right would be http://127.0.0.1:40000");
    } else {
        local->selftest.link = link;
        if (!local->selftest.patience) {
            local->selftest.patience = timer_new(local->loop, out_of_patience, local);
        }
        timer_start(local->selftest.patience, PATIENCE_MS);
        answer_link(x, link);
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
        forget(e->local);
        control_answer_empty(e->x);
    } else {
        control_answer_error(e->x, result, NULL);
    }
    free(e);
}

static void end(struct local *local, struct http_exchange *x, const char *id)
{
    struct oauth_link *link = local->selftest.link;
    struct oauth_link_info info;
    if (link) {
        oauth_link_info(link, &info);
    }
    if (!link || strcmp(info.id, id) != 0) {
        control_answer_error(x, ERR_NOT_FOUND, "this is not the link of a selftest that is under way");
        return;
    }
    struct ending *e = mem_alloc(sizeof *e);
    *e = (struct ending){local, x};
    oauth_link_end(local->oauth, link, REASON, ended, e);
}

void local_selftest(struct http_exchange *x, void *context)
{
    struct local *local = context;
    struct json *body = control_body(x);
    if (!body) {
        return;
    }
    const char *token = json_get_text(body, "token"), *callback = json_get_text(body, "callback");
    const char *id = json_get_text(body, "end");
    if (id) {
        end(local, x, id);
    } else if (token) {
        begin(local, x, token, callback);
    } else {
        control_answer_error(x, ERR_INVALID,
                             "right would be \"token\", a code or a refresh token, and \"callback\"; or \"end\", the "
                             "id of the link that such a request was answered with");
    }
    json_free(body);
}
