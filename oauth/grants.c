/* What a link's tokens do: the code is issued, redeemed, refreshed.

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
#include "oauth/pkce.h"

/* ---- deriving ---- */

static void derive(const struct oauth *oauth, const struct oauth_link *link, enum token_kind kind, uint32_t generation,
                   int64_t issued_ms, char ret_text[OAUTH_TOKEN_MAX])
{
    struct token token = {.kind = kind, .generation = generation, .issued_ms = issued_ms};
    memcpy(token.bridge_id, oauth->bridge_id, sizeof token.bridge_id);
    memcpy(token.link_id, link->id, sizeof token.link_id);
    token_write(&token, oauth->bridge_key, link->key, ret_text);
}

int grants_judge(struct oauth *oauth, const char *text, enum token_kind kind, struct token *ret_token,
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
    if (result == 0 && (!accounts_find(oauth, link->account) || link->client->removed)) {
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

void oauth_issue_code(struct oauth *oauth, const struct oauth_client *client, const struct oauth_grant *grant,
                      oauth_code_fn *done, void *user)
{
    struct store_batch *batch = store_batch_new();
    uint8_t id[OAUTH_LINK_ID_SIZE], salt[TOKEN_SALT_SIZE];
    int result = oauth_trouble(oauth);
    if (result == 0 && (!accounts_find(oauth, grant->account) || client->removed)) {
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
    link->account = mem_text(grant->account);
    link->client_id = mem_text(client->id);
    link->client = client;
    link->redirect_uri = mem_text(grant->redirect_uri);
    link->scope = mem_text(grant->scope ? grant->scope : "");
    link->code_challenge = mem_text(grant->code_challenge);
    link->at.created_ms = oauth_now(oauth);
    link->rehearsal = grant->rehearsal;
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

static bool rotates(const struct oauth_link *link)
{
    return link->client && link->client->is_public;
}

/* The newest pair as the link stands. Derived: the same facts give the same tokens, whoever asks how often. */
static void answer_pair(struct oauth *oauth, const struct oauth_link *link, const char *presented,
                        oauth_tokens_fn *done, void *user)
{
    int64_t issued_ms = link->at.refreshed_ms ? link->at.refreshed_ms : link->at.redeemed_ms;
    struct oauth_tokens tokens = {.scope = link->scope};
    derive(oauth, link, TOKEN_ACCESS, link->at.generation, issued_ms, tokens.access);
    if (rotates(link)) {
        derive(oauth, link, TOKEN_REFRESH, link->at.generation, issued_ms, tokens.refresh);
    } else if (*presented) {
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
    oauth_trace_begin(oauth, &(struct trace_origin){client->id, NULL, true, false},
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
    int result = grants_judge(oauth, text, TOKEN_CODE, &token, &link);
    if (result == ERR_DENIED) {
        result = grants_judge(oauth, text, TOKEN_REFRESH, &token, &link);
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
    if (!write->redeem && !rotates(link) && result == ERR_FULL) {
        /* A full disk is no reason to refuse: refreshed tokens are derived, and a store that is behind them is moved
           forward by the first one that is used (rules_forward). A code's first use must be durable, and so must be
           what makes a refresh token the one before. */
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
    const char *why;
    oauth_tokens_fn *done;
    void *user;
};

static void replay_ended(void *user, int result)
{
    struct replay *replay = user;
    refuse(replay->oauth, result == 0 ? ERR_ENDED : result, replay->why, replay->done, replay->user);
    free(replay);
}

static void end_for_replay(struct oauth *oauth, struct oauth_link *link, const char *reason, const char *why,
                           oauth_tokens_fn *done, void *user)
{
    struct replay *replay = mem_alloc(sizeof *replay);
    *replay = (struct replay){.oauth = oauth, .why = why, .done = done, .user = user};
    oauth_link_end(oauth, link, reason, replay_ended, replay);
}

/* Is it this client's, for this redirect_uri, and asked for by whoever asked at authorize? The sentence why not, or
 * NULL.
 */
static const char *mismatch(struct oauth *oauth, struct oauth_link *link, const struct oauth_client *client,
                            const char *redirect_uri, const char *verifier)
{
    if (strcmp(link->client_id, client->id) != 0) {
        trace_refusal(oauth, link, TRACE_TOKEN, CAUSE_CODE_OF_OTHER_CLIENT, link->client_id, client->id);
        return "this code was issued to another client";
    }
    if (redirect_uri && strcmp(redirect_uri, link->redirect_uri) != 0) {
        trace_refusal(oauth, link, TRACE_TOKEN, CAUSE_REDIRECT_URI_DIFFERS_AT_TOKEN, link->redirect_uri, redirect_uri);
        return "redirect_uri differs from the one in the authorization request";
    }
    if (!redirect_uri && client->is_public) {
        trace_refusal(oauth, link, TRACE_TOKEN, CAUSE_REDIRECT_URI_DIFFERS_AT_TOKEN, link->redirect_uri, NULL);
        return "redirect_uri is missing: the authorization request had one (RFC 6749 4.1.3)";
    }
    const char *problem = pkce_problem(link->code_challenge, verifier);
    if (problem) {
        trace_refusal(oauth, link, TRACE_TOKEN, CAUSE_CODE_VERIFIER, NULL, problem);
    }
    return problem;
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
    struct token token;
    struct oauth_link *link = NULL;
    int result = grants_judge(oauth, code, TOKEN_CODE, &token, &link);
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
    const char *why = mismatch(oauth, link, client, redirect_uri, verifier);
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
        end_for_replay(
            oauth, link, "its code was presented again after use",
            "this code has been redeemed and its tokens used: as RFC 6749 4.1.2 asks, the link has been ended", done,
            user);
    } else {
        struct grant_write *write = grant_new(link, true, 1, now_ms);
        wait_for(write, "", done, user);
        struct store_batch *batch = store_batch_new();
        rows_redeem(batch, link, write->generation, write->at_ms);
        oauth_submit(oauth, &write->job, batch);
    }
}

/* ---- refreshing ---- */

/* The next pair. UINT32_MAX refreshes, one a minute, are eight thousand years. */
static void next_pair(struct oauth *oauth, struct oauth_link *link, uint32_t generation, const char *refresh_token,
                      int64_t now_ms, oauth_tokens_fn *done, void *user)
{
    uint32_t newest = generation > link->at.generation ? generation : link->at.generation;
    struct grant_write *write = grant_new(link, false, newest + (newest < UINT32_MAX), now_ms);
    wait_for(write, refresh_token, done, user);
    struct store_batch *batch = store_batch_new();
    rows_refresh(batch, link, write->generation, write->at_ms, link->at.created_ms);
    oauth_submit(oauth, &write->job, batch);
}

/* Of a confidential client: the token stays as it is. */
static void repeat(struct oauth *oauth, struct oauth_link *link, uint32_t generation, const char *refresh_token,
                   oauth_tokens_fn *done, void *user)
{
    int64_t now_ms = oauth_now(oauth);
    if (link->refreshing) {
        wait_for(link->refreshing, refresh_token, done, user);
    } else if (rules_refresh_again(&link->at, now_ms)) {
        answer_pair(oauth, link, refresh_token, done, user);
    } else {
        next_pair(oauth, link, generation, refresh_token, now_ms, done, user);
    }
}

/* Of a public client: each token is good once, and for those who did not hear the answer. */
static void rotate(struct oauth *oauth, struct oauth_link *link, uint32_t generation, const char *refresh_token,
                   oauth_tokens_fn *done, void *user)
{
    int64_t now_ms = oauth_now(oauth);
    enum rules_rotate what = rules_rotate(&link->at, &oauth->clock, generation, oauth->traces.since_ms, now_ms);
    if (what == ROTATE_AGAIN) {
        answer_pair(oauth, link, refresh_token, done, user);
    } else if (what == ROTATE_NEXT && link->refreshing) {
        wait_for(link->refreshing, refresh_token, done, user);
    } else if (what == ROTATE_NEXT) {
        next_pair(oauth, link, generation, refresh_token, now_ms, done, user);
    } else {
        struct str got = STR_INIT;
        str_printf(&got, "refresh token %u, when %u was the newest", generation, link->at.generation);
        trace_refusal(oauth, link, TRACE_REFRESH, CAUSE_REFRESH_TOKEN_REUSED, NULL, str_z(&got));
        str_done(&got);
        end_for_replay(
            oauth, link, "a refresh token was presented again after it had been replaced",
            "this refresh token has been replaced by a newer one: as RFC 9700 4.14.2 asks, the link has been "
            "ended",
            done, user);
    }
}

void oauth_refresh(struct oauth *oauth, const struct oauth_client *client, const char *refresh_token,
                   oauth_tokens_fn *done, void *user)
{
    struct token token;
    struct oauth_link *link = NULL;
    int result = grants_judge(oauth, refresh_token, TOKEN_REFRESH, &token, &link);
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
    if (rotates(link)) {
        rotate(oauth, link, token.generation, refresh_token, done, user);
    } else {
        repeat(oauth, link, token.generation, refresh_token, done, user);
    }
}

const char *oauth_refusal(const struct oauth *oauth)
{
    return oauth->refusal;
}
