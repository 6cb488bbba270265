/* What a token is: for whoever serves its bearer, for its client that asks, and for its client that gives it up. */
#include "oauth/oauth_internal.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"

/* ---- verifying an access token ---- */

struct mark_write {
    struct job job;
    struct oauth_link *link;
};

static void mark_written(struct job *job, int result)
{
    struct mark_write *write = (struct mark_write *)job;
    write->link->marking = false;
    if (result != 0) {
        log_warn("oauth", "the use of a link could not be noted: %s", err_text(result));
        write->link->mark_after_ms = job->oauth->mono_ms(job->oauth->loop) + RULES_JUMP_MS;
    }
}

/* Once an hour in the log; `lightbridge links` has it as long as this program runs. */
static void note_elsewhere(struct oauth *oauth, struct oauth_link *link, const struct token *token, int64_t now_ms)
{
    if (!rules_elsewhere(&link->at, &oauth->clock, token->generation, token->issued_ms, oauth->traces.since_ms,
                         now_ms)) {
        return;
    }
    if (!link->elsewhere_ms || now_ms < link->elsewhere_ms || now_ms - link->elsewhere_ms > RULES_MARK_MS) {
        struct oauth_link_info info;
        oauth_link_info(link, &info);
        log_warn("oauth", "link %s: another machine issues tokens for it too: two live on one backup; stop one of them",
                 info.id);
        link->elsewhere_ms = now_ms;
    }
}

/* Memory is ahead of the store here, on purpose: it can only make us stricter with the code (a replay ends the link),
   nobody is told anything by it, and an answer of the webhook waits for no disk. */
static void mark(struct oauth *oauth, struct oauth_link *link, const struct token *token, int64_t now_ms)
{
    bool first = link->at.seen_ms == 0;
    link->at.seen_ms = now_ms > 0 ? now_ms : 1;
    bool moved = rules_forward(&link->at, token->generation, token->issued_ms);
    uint64_t mono_ms = oauth->mono_ms(oauth->loop);
    if (!moved && (link->marking || (!first && mono_ms < link->mark_after_ms))) {
        return;
    }
    link->marking = true;
    link->mark_after_ms = mono_ms + RULES_MARK_MS;
    struct mark_write *write = mem_alloc(sizeof *write);
    write->job.done = mark_written;
    write->link = link;
    struct store_batch *batch = store_batch_new();
    if (moved) {
        log_info("oauth", "a token is newer than the store: a backup was restored, the link goes on");
        rows_forward(batch, link, &link->at);
    }
    rows_seen(batch, link, link->at.seen_ms);
    oauth_submit(oauth, &write->job, batch);
}

int oauth_verify(struct oauth *oauth, const char *text, int64_t now_ms, struct oauth_link **ret_link)
{
    struct token token;
    struct oauth_link *link = NULL;
    int result = grants_judge(oauth, text, TOKEN_ACCESS, &token, &link);
    if (result == ERR_ENDED) {
        *ret_link = link;
    }
    if (result != 0) {
        return result;
    }
    note_elsewhere(oauth, link, &token, oauth_now(oauth));
    mark(oauth, link, &token, now_ms);
    result = rules_access(&oauth->clock, token.issued_ms, now_ms);
    if (result == 0 || result == ERR_EXPIRED) {
        *ret_link = link;
    }
    return result;
}

/* ---- introspection (RFC 7662) and revocation (RFC 7009) ---- */

/* An access or refresh token, whatever kind it is said to be. */
static int judge_either(struct oauth *oauth, const char *text, struct token *ret_token, struct oauth_link **ret_link)
{
    int result = grants_judge(oauth, text, TOKEN_ACCESS, ret_token, ret_link);
    return result == ERR_DENIED ? grants_judge(oauth, text, TOKEN_REFRESH, ret_token, ret_link) : result;
}

int oauth_introspect(struct oauth *oauth, const struct oauth_client *client, const char *text,
                     struct oauth_token_info *ret_info)
{
    struct token token;
    struct oauth_link *link = NULL;
    int result = judge_either(oauth, text, &token, &link);
    if (result != 0) {
        return result == ERR_ENDED ? ERR_DENIED : result;
    }
    bool access = token.kind == TOKEN_ACCESS;
    bool replaced = !access && client->is_public && token.generation < link->at.generation;
    int64_t now_ms = oauth_now(oauth);
    if (strcmp(link->client_id, client->id) != 0 || replaced ||
        (access && rules_access(&oauth->clock, token.issued_ms, now_ms) != 0)) {
        return ERR_DENIED;
    }
    *ret_info = (struct oauth_token_info){.access = access, .issued_ms = token.issued_ms, .link = link};
    if (access) { /* by the clock as it stands, which may have jumped since */
        ret_info->expires_ms = now_ms + (int64_t)rules_expires_in(&oauth->clock, token.issued_ms, now_ms) * 1000;
    }
    return 0;
}

void oauth_revoke(struct oauth *oauth, const struct oauth_client *client, const char *text, oauth_done_fn *done,
                  void *user)
{
    struct token token;
    struct oauth_link *link = NULL;
    int result = judge_either(oauth, text, &token, &link);
    bool ours = result == 0 && strcmp(link->client_id, client->id) == 0;
    bool too_old =
        ours && token.kind == TOKEN_ACCESS && rules_access(&oauth->clock, token.issued_ms, oauth_now(oauth)) != 0;
    if (result == ERR_DENIED || result == ERR_ENDED || too_old) {
        done(user, 0); /* 2.2: what is invalid already is as it was asked for */
    } else if (!ours) {
        done(user, result != 0 ? result : ERR_DENIED);
    } else {
        oauth_link_end(oauth, link, "revoked by its client", done, user);
    }
}
