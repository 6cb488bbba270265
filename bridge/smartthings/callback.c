/* Reciprocal tokens (facts 1.8): a grant's code becomes a pair of tokens, which is renewed for ever.

   One request at a time for a link. That it is under way is durable before it is sent (row.started_ms), so that after a
   crash, or an answer that never came, the same request is made once more, and again until there is an answer; only
   SmartThings' refusal ends it. Nothing is sent while the store cannot be written: an answer that could not be
   kept would be lost, and with it the token that it replaced. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "smartthings/internal.h"
#include "smartthings/rules.h"

#define SAVE_RETRY_MS 5000u
#define CLIENT_RETRY_MS (15u * 60 * 1000) /* our credentials are refused: somebody must change something first */
#define TOKEN_TIMEOUT_MS 15000u
#define EXPIRES_DEFAULT_S 86400

static void token_send(struct link *link);
static void token_due(void *user);
static void token_done(void *user, const struct fetch_result *result);

bool callback_usable(const struct link *link)
{
    return link->row.access && link->row.callback_url && !link->token_refused;
}

bool callback_wants_grant(const struct link *link)
{
    const struct smartthings_config *config = &link->st->config;
    if (!config->callback_client_id || !config->callback_client_secret) {
        return false; /* a grant would be of no use */
    }
    switch (link->row.state) {
    case SMARTTHINGS_GRANTED:
        return false;
    case SMARTTHINGS_REFRESHING: /* in a moment there is one; or not, and what we hold is refused */
        return link->token_refused && link->token_failures > 0;
    case SMARTTHINGS_EXCHANGING:
        return link->token_failures > 0;
    default:
        return true;
    }
}

static void wake_in(struct link *link, uint64_t delay_ms)
{
    if (!link->token_timer) {
        link->token_timer = timer_new(link->st->loop, token_due, link);
    }
    timer_start(link->token_timer, delay_ms);
}

void callback_stop(struct link *link)
{
    fetch_cancel(link->token_call);
    link->token_call = NULL;
    timer_free(link->token_timer);
    link->token_timer = NULL;
}

static uint64_t backoff(struct link *link)
{
    uint32_t random;
    secrets_random(&random, sizeof random);
    return rules_backoff(++link->token_failures, random);
}

/* The row says that a request is under way, and that is durable. */
static void started(struct link *link, int result, struct callback_row *failed)
{
    (void)failed;
    if (result != 0) {
        link_trouble(link, "the token is not renewed while the store cannot be written: %s", err_text(result));
        wake_in(link, SAVE_RETRY_MS);
        return;
    }
    token_send(link);
}

static void start(struct link *link)
{
    if (link->token_timer) {
        timer_stop(link->token_timer); /* what is under way says itself when it goes on */
    }
    struct callback_row row = callback_row_copy(&link->row);
    if (row.state == SMARTTHINGS_GRANTED) {
        row.state = SMARTTHINGS_REFRESHING;
        row.attempts = 0;
    }
    row.started_ms = loop_wall_ms();
    row.attempts++;
    link_save(link, row, started, NULL, NULL);
}

static void rewritten(struct link *link, int result, struct callback_row *failed)
{
    (void)failed;
    link->unsaved = result != 0;
    if (result != 0) {
        wake_in(link, SAVE_RETRY_MS);
    } else {
        callback_resume(link);
    }
}

static void token_due(void *user)
{
    struct link *link = user;
    if (link->unsaved) {
        link_save(link, callback_row_copy(&link->row), rewritten, NULL, NULL);
    } else if (link->row.state == SMARTTHINGS_EXCHANGING || link->row.state == SMARTTHINGS_REFRESHING ||
               (link->row.state == SMARTTHINGS_GRANTED && link->row.refresh)) {
        start(link);
    }
}

void callback_resume(struct link *link)
{
    switch (link->row.state) {
    case SMARTTHINGS_EXCHANGING:
    case SMARTTHINGS_REFRESHING:
        wake_in(link, 0);
        break;
    case SMARTTHINGS_GRANTED:
        if (link->row.refresh && link->token_refused) {
            uint64_t now = loop_now(link->st->loop);
            wake_in(link, link->renew_at > now ? link->renew_at - now : 0);
        } else if (link->row.refresh) {
            wake_in(link, rules_refresh_in(link->row.obtained_ms, link->row.expires_ms, loop_wall_ms()));
        }
        break;
    default:
        break;
    }
}

void callback_renew(struct link *link)
{
    if (link->saving) {
        return; /* a row on its way: a grant, or tokens, and callback_resume follows */
    }
    if (link->row.state == SMARTTHINGS_GRANTED && link->row.refresh) {
        uint32_t random;
        secrets_random(&random, sizeof random);
        uint64_t delay = rules_renew_in(link->row.obtained_ms, loop_wall_ms(), &link->early, random);
        link->renew_at = loop_now(link->st->loop) + delay;
        if (delay > 0) {
            link_trouble(link,
                         "the callback token was refused %u times in a row soon after it came: renewed in %llu ms",
                         link->early, (unsigned long long)delay);
            wake_in(link, delay);
        } else {
            start(link);
        }
    } else if (link->row.state == SMARTTHINGS_GRANTED) {
        callback_lost(link, "SmartThings refuses the callback token and gave none to renew it with");
    } /* else: the request is under way already, or its timer runs */
}

static void token_send(struct link *link)
{
    struct smartthings *st = link->st;
    const char *secret = st->config.callback_client_secret;
    bool refresh = link->row.state == SMARTTHINGS_REFRESHING;
    const char *credential = refresh ? link->row.refresh : link->row.code;
    unsigned policy = 0;
    if (!secret || !credential || link_url(link, link->row.token_url, &policy) != 0) {
        link_trouble(link, !secret ? "no callback_client_secret_file is configured: tokens cannot be renewed"
                                   : "the token URL is not on the list of callback_hosts any more");
        wake_in(link, CLIENT_RETRY_MS);
        return;
    }
    struct str body = STR_INIT;
    new_request_id(link->token_request_id);
    schema_token_request(&body, link->token_request_id, refresh, credential, link->row.client_id, secret);
    static const struct fetch_header headers[] = {{"Content-Type", "application/json; charset=utf-8"}};
    struct fetch_request request = {.method = "POST",
                                    .url = link->row.token_url,
                                    .headers = headers,
                                    .header_count = 1,
                                    .body = body.data,
                                    .body_len = body.len,
                                    .timeout_ms = TOKEN_TIMEOUT_MS,
                                    .max_body = SCHEMA_MAX_ANSWER,
                                    .policy = policy};
    st->stats.refreshes++;
    link->token_call = fetch_start(st->fetch, &request, token_done, link);
    secrets_wipe(body.data, body.len);
    str_done(&body);
}

/* After tokens or a refusal: the row in memory is what SmartThings knows, whether or not it could be written. */
static void settled(struct link *link, int result, struct callback_row *failed)
{
    const struct callback_row *row = result != 0 ? failed : &link->row;
    if (row->state == SMARTTHINGS_GRANTED) {
        link->token_refused = false;
    }
    if (result != 0) {
        callback_row_done(&link->row);
        link->row = *failed;
        *failed = (struct callback_row){0};
        link->unsaved = true;
        link_trouble(link, "the callback token could not be written, it is used and kept in memory: %s",
                     err_text(result));
        wake_in(link, SAVE_RETRY_MS);
    } else {
        callback_resume(link);
    }
    if (link->row.state == SMARTTHINGS_GRANTED && !link->unsaved) {
        oauth_link_confirmed(link->st->oauth, link->oauth);
    }
    delivery_schedule(link);
}

static void got_tokens(struct link *link, const struct schema_answer *answer)
{
    struct callback_row row = callback_row_copy(&link->row);
    int64_t life = answer->expires_in > 0 ? answer->expires_in : EXPIRES_DEFAULT_S;
    bool first = row.state == SMARTTHINGS_EXCHANGING;
    free(row.access);
    row.access = mem_text(answer->access_token);
    if (answer->refresh_token) {
        free(row.refresh);
        row.refresh = mem_text(answer->refresh_token);
    }
    free(row.code);
    free(row.details);
    row.code = row.details = NULL;
    row.state = SMARTTHINGS_GRANTED;
    row.obtained_ms = loop_wall_ms();
    row.expires_ms = row.obtained_ms + life * 1000;
    row.started_ms = 0;
    row.attempts = 0;
    link->token_failures = 0;
    link->error_ms = 0;
    str_clear(&link->error);
    if (first) {
        outbox_grow(&link->outbox, link->st->lamps.count);
        outbox_resync(&link->outbox, loop_now(link->st->loop));
    }
    struct str got = STR_INIT;
    str_printf(&got, "a token for %lld s", (long long)life);
    oauth_trace_link(link->st->oauth, link->oauth,
                     &(struct trace_note){.step = TRACE_CALLBACK_TOKEN, .got = str_z(&got)});
    str_done(&got);
    log_info(LOG, "link %s: SmartThings gave a callback token for %lld s", link->name, (long long)life);
    link_save(link, row, settled, NULL, NULL);
}

void callback_lost(struct link *link, const char *why)
{
    struct callback_row row = callback_row_copy(&link->row);
    link_trouble(link, "needs a new grant: %s", why);
    traced_refusal(link, TRACE_CALLBACK_TOKEN, CAUSE_CALLBACK_TOKEN_REFUSED, NULL, why);
    free(row.code);
    free(row.refresh);
    free(row.details);
    row.code = row.refresh = NULL;
    row.details = mem_text(str_z(&link->error));
    row.state = SMARTTHINGS_NEEDS_GRANT;
    row.started_ms = 0;
    row.attempts = 0;
    link_save(link, row, settled, NULL, NULL);
}

static void refused(struct link *link, int status, const struct schema_answer *answer)
{
    struct str why = STR_INIT;
    str_printf(&why, "SmartThings refused the %s (%d %s%s%s)%s",
               link->row.state == SMARTTHINGS_REFRESHING ? "refresh token" : "code", status,
               answer->error ? answer->error : "without a reason", answer->detail ? ": " : "",
               answer->detail ? answer->detail : "",
               link->row.attempts > 1 ? "; the answer to an earlier attempt was lost" : "");
    callback_lost(link, str_z(&why));
    str_done(&why);
}

static void token_done(void *user, const struct fetch_result *result)
{
    struct link *link = user;
    struct schema_answer answer = {0};
    link->token_call = NULL;
    int parsed = result->result == 0 ? schema_parse_answer(result->body, result->body_len, &answer) : ERR_INVALID;
    enum rules_token verdict = rules_judge_token(result->result, result->status, parsed, &answer);
    if (verdict != RULES_TOKEN_GOT) {
        link->st->stats.refresh_failures++;
    }
    switch (verdict) {
    case RULES_TOKEN_GOT:
        got_tokens(link, &answer);
        break;
    case RULES_TOKEN_REFUSED:
        refused(link, result->status, &answer);
        break;
    case RULES_TOKEN_CLIENT:
        link_trouble(link, "SmartThings refuses callback_client_id or its secret (%d %s): check both", result->status,
                     answer.error);
        traced_refusal(link, TRACE_CALLBACK_TOKEN, CAUSE_CALLBACK_CLIENT_REFUSED, NULL, answer.error);
        link->token_failures++;
        wake_in(link, CLIENT_RETRY_MS);
        break;
    case RULES_TOKEN_RETRY: {
        uint64_t asked = 0, delay = backoff(link);
        if (result->result == 0) {
            asked = rules_retry_after(fetch_answer_header(result, "Retry-After"), loop_wall_ms());
        }
        traced_no_answer(link, TRACE_CALLBACK_TOKEN, link->row.token_url, result);
        link_trouble(link, "no callback token yet (%s, status %d)",
                     result->result != 0 ? result->why : "SmartThings is busy or answered without one", result->status);
        wake_in(link, asked > delay ? asked : delay);
        break;
    }
    }
    schema_answer_done(&answer);
}

static void granted(struct link *link, int result, struct callback_row *failed)
{
    (void)failed;
    link->token_failures = 0;
    if (result == 0) {
        oauth_trace_link(link->st->oauth, link->oauth,
                         &(struct trace_note){.step = TRACE_GRANT, .got = link->row.callback_url});
        link->token_refused = link->row.access == NULL;
        token_send(link);
    } else {
        callback_resume(link); /* the old side of the link goes on */
    }
}

void callback_grant(struct link *link, const struct interaction *x, link_answer_fn *answer, void *user)
{
    struct callback_row row = {.state = SMARTTHINGS_EXCHANGING,
                               .token_url = mem_text(x->grant.token_url),
                               .callback_url = mem_text(x->grant.callback_url),
                               .client_id = mem_text(x->grant.client_id),
                               .code = mem_text(x->grant.code),
                               .started_ms = loop_wall_ms(),
                               .attempts = 1};
    callback_stop(link);
    link->epoch++; /* an answer to an older request must not overwrite the grant */
    link_save(link, row, granted, answer, user);
}
