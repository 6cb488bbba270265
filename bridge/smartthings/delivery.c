/* Sends what the outbox says is due: one POST at a time for a link. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/secrets.h"
#include "smartthings/internal.h"
#include "smartthings/rules.h"

#define POST_TIMEOUT_MS 10000u

static void post_done(void *user, const struct fetch_result *result);

static void write_states(struct str *body, struct link *link, const struct outbox_item *items, size_t count)
{
    int64_t now = wall_or_0();
    bool first = true;
    schema_begin_states(body);
    for (size_t i = 0; i < count; i++) {
        struct light_info info;
        hub_light_info(link->st->lamps.list[items[i].light].light, &info);
        if (items[i].health == OUTBOX_GONE) {
            schema_device_error(body, &first, info.id, DEVICE_DELETED, "the light was removed from the bridge");
        } else {
            schema_device_state(body, &first, info.id, &items[i].state, items[i].health == OUTBOX_ONLINE, now);
        }
    }
    schema_end_states(body);
}

static void write_devices(struct str *body, struct lamps *lamps)
{
    bool first = true;
    lamps_sync(lamps);
    str_add_z(body, ",\"devices\":[");
    for (uint32_t i = 0; i < lamps->count; i++) {
        const struct str *description = lamps_description(lamps, i);
        if (description->len > 0) {
            if (!first) {
                str_add_char(body, ',');
            }
            first = false;
            str_add(body, description->data, description->len);
        }
    }
    str_add_z(body, "]}");
}

static void post(struct link *link, const struct str *body)
{
    struct smartthings *st = link->st;
    unsigned policy = 0;
    if (link_url(link, link->row.callback_url, &policy) != 0) {
        link_trouble(link, "the callback URL is not on the list of callback_hosts any more");
        outbox_returned(&link->outbox, loop_now(st->loop), RULES_BACKOFF_MAX_MS);
        delivery_schedule(link);
        return;
    }
    static const struct fetch_header headers[] = {{"Content-Type", "application/json; charset=utf-8"}};
    struct fetch_request request = {.method = "POST",
                                    .url = link->row.callback_url,
                                    .headers = headers,
                                    .header_count = 1,
                                    .body = body->data,
                                    .body_len = body->len,
                                    .timeout_ms = POST_TIMEOUT_MS,
                                    .max_body = SCHEMA_MAX_ANSWER,
                                    .policy = policy};
    secrets_prefix(link->post_token_tag, link->row.access, strlen(link->row.access));
    st->stats.posts++;
    link->post = fetch_start(st->fetch, &request, post_done, link);
}

/* A batch that comes back keeps its request id (as SmartThings' own library does after a 401, facts 1.8). */
static void deliver(struct link *link)
{
    struct smartthings *st = link->st;
    struct outbox_item items[OUTBOX_BATCH];
    size_t count = 0;
    enum outbox_kind kind = outbox_collect(&link->outbox, loop_now(st->loop), lamps_look, st, items, &count);
    if (kind == OUTBOX_NOTHING) {
        return;
    }
    if (link->post_request_id[0] == '\0') {
        new_request_id(link->post_request_id);
    }
    struct str body = STR_INIT;
    schema_begin(&body, kind == OUTBOX_STATES ? "stateCallback" : "discoveryCallback", link->post_request_id,
                 link->row.access);
    if (kind == OUTBOX_STATES) {
        write_states(&body, link, items, count);
    } else {
        write_devices(&body, &st->lamps);
    }
    link->post_lights = count;
    post(link, &body);
    secrets_wipe(body.data, body.len);
    str_done(&body);
}

static void due(void *user)
{
    struct link *link = user;
    if (callback_usable(link) && !link->post) {
        deliver(link);
        delivery_schedule(link);
    }
}

void delivery_schedule(struct link *link)
{
    uint64_t at = callback_usable(link) && !link->post ? outbox_next(&link->outbox) : OUTBOX_NEVER;
    if (at == OUTBOX_NEVER) {
        if (link->post_timer) {
            timer_stop(link->post_timer);
        }
        return;
    }
    if (!link->post_timer) {
        link->post_timer = timer_new(link->st->loop, due, link);
    }
    if (timer_active(link->post_timer) && link->post_at == at) {
        return; /* a storm of reports must not set a timer for each */
    }
    link->post_at = at;
    uint64_t now = loop_now(link->st->loop);
    timer_start(link->post_timer, at > now ? at - now : 0);
}

void delivery_stop(struct link *link)
{
    fetch_cancel(link->post);
    link->post = NULL;
    timer_free(link->post_timer);
    link->post_timer = NULL;
}

static uint64_t retry_delay(struct link *link, const struct fetch_result *result)
{
    uint32_t random;
    secrets_random(&random, sizeof random);
    uint64_t delay = rules_backoff(++link->post_failures, random), asked = 0;
    if (result->result == 0) {
        asked = rules_retry_after(fetch_answer_header(result, "Retry-After"), loop_wall_ms());
    }
    return asked > delay ? asked : delay;
}

static void taken(struct link *link)
{
    outbox_delivered(&link->outbox, loop_now(link->st->loop));
    link->delivered_ms = loop_wall_ms();
    oauth_trace_seen(link->st->oauth, link->oauth, TRACE_CALLBACK, link->delivered_ms);
    link->post_failures = 0;
    link->post_retried = false;
    link->post_request_id[0] = '\0';
}

/* 401. The token may have been renewed while the POST was under way: then it is simply sent again. With a fresh token
   refused as well, renewing at once would only turn in circles: back off first. */
static void token_refused(struct link *link, const struct fetch_result *result)
{
    char tag[9];
    uint64_t delay = link->post_retried ? retry_delay(link, result) : 0;
    secrets_prefix(tag, link->row.access, strlen(link->row.access));
    outbox_returned(&link->outbox, loop_now(link->st->loop), delay);
    if (link->post_retried) {
        traced_refusal(link, TRACE_CALLBACK, CAUSE_CALLBACK_TOKEN_REFUSED, NULL,
                       "401 for a token that was just renewed");
    }
    link->post_retried = true;
    if (strcmp(tag, link->post_token_tag) != 0) {
        return;
    }
    link->token_refused = true;
    callback_renew(link);
}

static void dropped(struct link *link, const struct fetch_result *result, const struct schema_answer *answer)
{
    size_t lights = outbox_dropped(&link->outbox, loop_now(link->st->loop));
    link->st->stats.dropped += lights;
    link->post_request_id[0] = '\0';
    struct str got = STR_INIT;
    str_printf(&got, "%d %s %s", result->status, answer->error ? answer->error : "",
               answer->detail ? answer->detail : "");
    traced_refusal(link, TRACE_CALLBACK, CAUSE_CALLBACK_REFUSED, NULL, str_z(&got));
    link_trouble(link, "SmartThings refused a callback for %zu lights: %s", lights, str_z(&got));
    str_done(&got);
}

static void post_done(void *user, const struct fetch_result *result)
{
    struct link *link = user;
    struct schema_answer answer = {0};
    link->post = NULL;
    if (result->result == 0) {
        schema_parse_answer(result->body, result->body_len, &answer);
    }
    enum rules_post verdict = rules_judge_post(result->result, result->status, &answer);
    if (verdict != RULES_POST_TAKEN) {
        link->st->stats.post_failures++;
    }
    switch (verdict) {
    case RULES_POST_TAKEN:
        taken(link);
        break;
    case RULES_POST_TOKEN:
        token_refused(link, result);
        break;
    case RULES_POST_RETRY: {
        uint64_t delay = retry_delay(link, result);
        outbox_returned(&link->outbox, loop_now(link->st->loop), delay);
        traced_no_answer(link, TRACE_CALLBACK, link->row.callback_url, result);
        link_trouble(link, "a callback is sent again in %llu ms (%s, status %d)", (unsigned long long)delay,
                     result->result != 0 ? result->why : "SmartThings did not take it", result->status);
        break;
    }
    case RULES_POST_DROP:
        dropped(link, result, &answer);
        break;
    case RULES_POST_GONE:
        outbox_returned(&link->outbox, loop_now(link->st->loop), 0);
        link->token_refused = true;
        callback_lost(link, "SmartThings says that the integration was deleted");
        break;
    }
    schema_answer_done(&answer);
    delivery_schedule(link);
}
