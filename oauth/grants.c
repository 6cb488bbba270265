/* What a link's tokens do: the code is issued, redeemed, refreshed; access tokens are verified.

   Nothing is answered before it is durable and nothing changes in memory before the commit, so a caller who asks
   again while a commit runs joins it and gets the same answer. */
#include "oauth/oauth_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/loop.h"

/* ---- deriving ---- */

static void derive(const struct oauth *oauth, const struct oauth_link *link, enum token_kind kind, uint32_t generation,
                   int64_t issued_ms, char ret_text[OAUTH_TOKEN_MAX])
{
    struct token token = {.kind = kind, .generation = generation, .issued_ms = issued_ms};
    memcpy(token.bridge_id, oauth->bridge_id, sizeof token.bridge_id);
    memcpy(token.link_id, link->id, sizeof token.link_id);
    token_write(&token, oauth->bridge_key, link->key, ret_text);
}

/* What a text claims, judged: 0 with its living link, or ERR_*. Every refusal that is not the caller's fault says so.
 */
static int judge(struct oauth *oauth, const char *text, enum token_kind kind, struct token *ret_token,
                 struct oauth_link **ret_link)
{
    if (!oauth->has_key) {
        return ERR_LOST;
    }
    int trouble = oauth_store_trouble(oauth);
    int unknown = trouble != 0 ? trouble : ERR_DENIED;
    struct token token;
    if (token_read(text, &token) != 0 || token.kind != kind ||
        memcmp(token.bridge_id, oauth->bridge_id, sizeof token.bridge_id) != 0) {
        return unknown;
    }
    struct oauth_link *link = links_find(oauth, token.link_id);
    if (!link) {
        return unknown;
    }
    if (!oauth_link_alive(link)) { /* its salt is gone; the bridge's tag still tells ours from a guess */
        if (!token_of_bridge(&token, oauth->bridge_key)) {
            return ERR_DENIED;
        }
        *ret_link = link;
        return ERR_ENDED;
    }
    if (!token_of_link(&token, link->key)) {
        return ERR_DENIED;
    }
    *ret_token = token;
    *ret_link = link;
    return 0;
}

/* ---- issuing a code ---- */

struct code_write {
    struct job job;
    struct oauth_link *link; /* not in the table yet */
    oauth_code_fn *done;
    void *user;
};

static void code_written(struct job *job, int result)
{
    struct code_write *write = (struct code_write *)job;
    struct oauth *oauth = job->oauth;
    struct oauth_link *link = write->link;
    write->link = NULL;
    if (result == 0 && !accounts_find(oauth, link->account)) {
        result = ERR_NOT_FOUND; /* removed while this waited: then no row was written either */
    }
    if (result != 0) {
        links_free(link);
        write->done(write->user, result, NULL, NULL);
        return;
    }
    links_add(oauth, link);
    char code[OAUTH_TOKEN_MAX];
    derive(oauth, link, TOKEN_CODE, 0, link->at.created_ms, code);
    write->done(write->user, 0, code, link);
    secrets_wipe(code, sizeof code);
}

void oauth_issue_code(struct oauth *oauth, const struct oauth_client *client, const char *account,
                      const char *redirect_uri, const char *scope, oauth_code_fn *done, void *user)
{
    struct store_batch *batch = store_batch_new();
    uint8_t id[OAUTH_LINK_ID_SIZE], salt[TOKEN_SALT_SIZE];
    int result = oauth_trouble(oauth);
    if (result == 0 && !accounts_find(oauth, account)) {
        result = ERR_NOT_FOUND;
    }
    if (result == 0) {
        result = links_next_id(oauth, batch, id);
    }
    if (result != 0) {
        store_batch_free(batch);
        done(user, result, NULL, NULL);
        return;
    }
    secrets_random(salt, sizeof salt);
    struct code_write *write = mem_alloc(sizeof *write);
    struct oauth_link *link = write->link = links_new(oauth, id, salt);
    link->account = mem_text(account);
    link->client_id = mem_text(client->id);
    link->client = client;
    link->redirect_uri = mem_text(redirect_uri);
    link->scope = mem_text(scope ? scope : "");
    link->at.created_ms = oauth_now(oauth);
    write->job.done = code_written;
    write->done = done;
    write->user = user;
    rows_add_link(batch, oauth, link, salt);
    secrets_wipe(salt, sizeof salt);
    oauth_submit(oauth, &write->job, batch);
}

/* ---- a pair on its way to the store, and those who wait for it ---- */

struct grant_waiter {
    struct grant_waiter *next;
    char refresh[OAUTH_TOKEN_MAX]; /* as presented; "" when a code was */
    oauth_tokens_fn *done;
    void *user;
};

struct grant_write {
    struct job job;
    struct oauth_link *link;
    bool redeem;
    uint32_t generation;
    int64_t at_ms;
    struct grant_waiter *waiters;
};

/* The newest pair as the link stands. Derived: the same facts give the same tokens, whoever asks how often. */
static void answer_pair(struct oauth *oauth, const struct oauth_link *link, const char *presented,
                        oauth_tokens_fn *done, void *user)
{
    int64_t issued_ms = link->at.refreshed_ms ? link->at.refreshed_ms : link->at.redeemed_ms;
    struct oauth_tokens tokens = {.scope = link->scope};
    derive(oauth, link, TOKEN_ACCESS, link->at.generation, issued_ms, tokens.access);
    if (*presented) {
        (void)snprintf(tokens.refresh, sizeof tokens.refresh, "%s", presented);
    } else {
        derive(oauth, link, TOKEN_REFRESH, 1, link->at.redeemed_ms, tokens.refresh);
    }
    tokens.expires_in = rules_expires_in(&oauth->clock, issued_ms, oauth_now(oauth));
    oauth->refusal = "";
    done(user, 0, &tokens);
    secrets_wipe(&tokens, sizeof tokens);
}

static void refuse(struct oauth *oauth, int result, const char *why, oauth_tokens_fn *done, void *user)
{
    oauth->refusal = why;
    done(user, result, NULL);
}

/* ---- what the traces are told of it ---- */

/* Of an authentic token. That the link has ended is news only where the trace does not say already why. */
static void trace_refusal(struct oauth *oauth, struct oauth_link *link, enum trace_step step, enum trace_cause cause,
                          const char *expected, const char *got)
{
    const struct trace_event *last = link->trace ? trace_latest(link->trace, step) : NULL;
    if (cause != CAUSE_LINK_ENDED || !last || last->outcome != TRACE_REFUSED) {
        oauth_trace_link(oauth, link, &(struct trace_note){step, TRACE_REFUSED, cause, expected, got});
    }
}

/* Of a token whose link is not known: the client has shown its secret, and the token is named by a prefix of its hash.
 */
static void trace_unknown(struct oauth *oauth, const struct oauth_client *client, enum trace_step step, int result,
                          enum trace_cause cause, const char *token)
{
    char prefix[9];
    struct str got = STR_INIT;
    secrets_prefix(prefix, token, strlen(token));
    str_printf(&got, "%zu characters, SHA-256 %s", strlen(token), prefix);
    oauth_trace_begin(oauth, &(struct trace_origin){client->id, NULL, true},
                      &(struct trace_note){.step = step,
                                           .outcome = TRACE_REFUSED,
                                           .cause = result == ERR_DENIED ? cause : CAUSE_STORE_UNWELL,
                                           .got = str_z(&got)});
    str_done(&got);
}

struct oauth_link *oauth_trace_link_of(struct oauth *oauth, const char *text)
{
    struct token token;
    struct oauth_link *link = NULL;
    int result = judge(oauth, text, TOKEN_CODE, &token, &link);
    if (result == ERR_DENIED) {
        result = judge(oauth, text, TOKEN_REFRESH, &token, &link);
    }
    return result == 0 || result == ERR_ENDED ? link : NULL;
}

static const char ended_text[] = "the link behind it has ended: link the account again";

static void grant_written(struct job *job, int result)
{
    struct grant_write *write = (struct grant_write *)job;
    struct oauth *oauth = job->oauth;
    struct oauth_link *link = write->link;
    *(write->redeem ? &link->redeeming : &link->refreshing) = NULL;
    if (!write->redeem && result == ERR_FULL) {
        /* A full disk is no reason to refuse: refreshed tokens are derived, and a store that is behind them is moved
           forward by the first one that is used (rules_forward). A code's first use must be durable. */
        result = 0;
    }
    if (result == 0 && !oauth_link_alive(link)) {
        result = ERR_ENDED;
    } else if (result == 0 && write->redeem) {
        link->at.redeemed_ms = write->at_ms;
        if (write->generation > link->at.generation) {
            link->at.generation = write->generation;
        }
    } else if (result == 0) {
        link->at.refreshed_ms = link->at.seen_ms = write->at_ms;
        if (write->generation > link->at.generation) { /* a restored link may have been moved on meanwhile */
            link->at.generation = write->generation;
        }
        if (!link->at.redeemed_ms) { /* a restored backup from before the code was redeemed */
            link->at.redeemed_ms = link->at.created_ms;
        }
    }
    struct grant_waiter *waiter = write->waiters;
    write->waiters = NULL;
    while (waiter) {
        struct grant_waiter *next = waiter->next;
        if (result == 0) {
            answer_pair(oauth, link, waiter->refresh, waiter->done, waiter->user);
        } else {
            refuse(oauth, result, result == ERR_ENDED ? ended_text : "", waiter->done, waiter->user);
        }
        secrets_wipe(waiter->refresh, sizeof waiter->refresh);
        free(waiter);
        waiter = next;
    }
}

static void wait_for(struct grant_write *write, const char *refresh, oauth_tokens_fn *done, void *user)
{
    struct grant_waiter *waiter = mem_alloc(sizeof *waiter);
    strncpy(waiter->refresh, refresh, sizeof waiter->refresh - 1);
    waiter->done = done;
    waiter->user = user;
    struct grant_waiter **last = &write->waiters;
    while (*last) {
        last = &(*last)->next;
    }
    *last = waiter;
}

static struct grant_write *grant_new(struct oauth_link *link, bool redeem, uint32_t generation, int64_t at_ms)
{
    struct grant_write *write = mem_alloc(sizeof *write);
    write->job.done = grant_written;
    write->link = link;
    write->redeem = redeem;
    write->generation = generation;
    write->at_ms = at_ms ? at_ms : 1; /* 0 means never */
    *(redeem ? &link->redeeming : &link->refreshing) = write;
    return write;
}

/* ---- redeeming a code ---- */

struct replay {
    struct oauth *oauth;
    oauth_tokens_fn *done;
    void *user;
};

static void replay_ended(void *user, int result)
{
    struct replay *replay = user;
    refuse(replay->oauth, result == 0 ? ERR_ENDED : result,
           "this code has been redeemed and its tokens used: as RFC 6749 4.1.2 asks, the link has been ended",
           replay->done, replay->user);
    free(replay);
}

static void end_for_replay(struct oauth *oauth, struct oauth_link *link, oauth_tokens_fn *done, void *user)
{
    struct replay *replay = mem_alloc(sizeof *replay);
    *replay = (struct replay){.oauth = oauth, .done = done, .user = user};
    oauth_link_end(oauth, link, "its code was presented again after use", replay_ended, replay);
}

/* Is it this client's, and for this redirect_uri? The sentence why not, or NULL. */
static const char *mismatch(struct oauth *oauth, struct oauth_link *link, const struct oauth_client *client,
                            const char *redirect_uri)
{
    if (strcmp(link->client_id, client->id) != 0) {
        trace_refusal(oauth, link, TRACE_TOKEN, CAUSE_CODE_OF_OTHER_CLIENT, link->client_id, client->id);
        return "this code was issued to another client";
    }
    if (redirect_uri && strcmp(redirect_uri, link->redirect_uri) != 0) {
        trace_refusal(oauth, link, TRACE_TOKEN, CAUSE_REDIRECT_URI_DIFFERS_AT_TOKEN, link->redirect_uri, redirect_uri);
        return "redirect_uri differs from the one in the authorization request";
    }
    return NULL;
}

/* An authentic code that is not honoured. */
static void trace_old_code(struct oauth *oauth, struct oauth_link *link, enum trace_cause cause, int64_t now_ms)
{
    struct str got = STR_INIT;
    str_printf(&got, "a code of %lld s ago", (long long)(rules_age(&oauth->clock, link->at.created_ms, now_ms) / 1000));
    trace_refusal(oauth, link, TRACE_TOKEN, cause, NULL, str_z(&got));
    str_done(&got);
}

void oauth_redeem(struct oauth *oauth, const struct oauth_client *client, const char *code, const char *redirect_uri,
                  const char *verifier, oauth_tokens_fn *done, void *user)
{
    (void)verifier; /* PKCE: links.code_challenge is there for it */
    struct token token;
    struct oauth_link *link = NULL;
    int result = judge(oauth, code, TOKEN_CODE, &token, &link);
    if (result == ERR_ENDED && link) {
        trace_refusal(oauth, link, TRACE_TOKEN, CAUSE_LINK_ENDED, NULL, link->end_reason);
    } else if (result != 0) {
        trace_unknown(oauth, client, TRACE_TOKEN, result, CAUSE_CODE_UNKNOWN, code);
    }
    if (result != 0) {
        refuse(oauth, result,
               result == ERR_ENDED    ? ended_text
               : result == ERR_DENIED ? "this is no code of this bridge"
                                      : "",
               done, user);
        return;
    }
    const char *why = mismatch(oauth, link, client, redirect_uri);
    if (why) {
        refuse(oauth, ERR_DENIED, why, done, user);
        return;
    }
    enum rules_redeem what;
    int64_t now_ms = oauth_now(oauth);
    result = rules_redeem(&link->at, &oauth->clock, now_ms, &what);
    if (result != 0) {
        trace_old_code(oauth, link, CAUSE_CODE_EXPIRED, now_ms);
        refuse(oauth, result, "this code has expired: it lives ten minutes", done, user);
    } else if (link->redeeming) {
        wait_for(link->redeeming, "", done, user);
    } else if (what == REDEEM_REPEAT) {
        answer_pair(oauth, link, "", done, user);
    } else if (what == REDEEM_REPLAY) {
        trace_old_code(oauth, link, CAUSE_CODE_REUSED, now_ms);
        end_for_replay(oauth, link, done, user);
    } else {
        struct grant_write *write = grant_new(link, true, 1, now_ms);
        wait_for(write, "", done, user);
        struct store_batch *batch = store_batch_new();
        rows_redeem(batch, link, write->generation, write->at_ms);
        oauth_submit(oauth, &write->job, batch);
    }
}

/* ---- refreshing ---- */

void oauth_refresh(struct oauth *oauth, const struct oauth_client *client, const char *refresh_token,
                   oauth_tokens_fn *done, void *user)
{
    struct token token;
    struct oauth_link *link = NULL;
    int result = judge(oauth, refresh_token, TOKEN_REFRESH, &token, &link);
    if (result == 0 && strcmp(link->client_id, client->id) != 0) {
        trace_refusal(oauth, link, TRACE_REFRESH, CAUSE_REFRESH_TOKEN_OF_OTHER_CLIENT, link->client_id, client->id);
        refuse(oauth, ERR_DENIED, "this refresh token was issued to another client", done, user);
        return;
    }
    if (result == ERR_ENDED && link) {
        trace_refusal(oauth, link, TRACE_REFRESH, CAUSE_LINK_ENDED, NULL, link->end_reason);
    } else if (result != 0) {
        trace_unknown(oauth, client, TRACE_REFRESH, result, CAUSE_REFRESH_TOKEN_UNKNOWN, refresh_token);
    }
    if (result != 0) {
        refuse(oauth, result,
               result == ERR_ENDED    ? ended_text
               : result == ERR_DENIED ? "this is no refresh token of this bridge"
                                      : "",
               done, user);
        return;
    }
    int64_t now_ms = oauth_now(oauth);
    if (link->refreshing) {
        wait_for(link->refreshing, refresh_token, done, user);
        return;
    }
    if (rules_refresh_again(&link->at, now_ms)) {
        answer_pair(oauth, link, refresh_token, done, user);
        return;
    }
    uint32_t newest = token.generation > link->at.generation ? token.generation : link->at.generation;
    struct grant_write *write = grant_new(link, false, newest + (newest < UINT32_MAX), now_ms);
    wait_for(write, refresh_token, done, user);
    struct store_batch *batch = store_batch_new();
    rows_refresh(batch, link, write->generation, write->at_ms, link->at.created_ms);
    oauth_submit(oauth, &write->job, batch);
}

const char *oauth_refusal(const struct oauth *oauth)
{
    return oauth->refusal;
}

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
    int result = judge(oauth, text, TOKEN_ACCESS, &token, &link);
    if (result == ERR_ENDED) {
        *ret_link = link;
    }
    if (result != 0) {
        return result;
    }
    oauth_now(oauth);
    mark(oauth, link, &token, now_ms);
    result = rules_access(&oauth->clock, token.issued_ms, now_ms);
    if (result == 0 || result == ERR_EXPIRED) {
        *ret_link = link;
    }
    return result;
}
