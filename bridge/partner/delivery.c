/* Sends webhooks what they were not told of: one POST at a time each, the newest state only, again with backoff where
   it was not taken. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "fetch/retry.h"
#include "partner/signature.h"
#include "partner/webhook.h"

#define POST_TIMEOUT_MS 10000u
#define MAX_ANSWER 4096u /* nobody reads it */
#define STATUS_GONE 410

static void send_news(void *user);

static void schedule(struct webhook *w, uint64_t delay)
{
    if (w->disabled || w->call) {
        return;
    }
    if (!w->timer) {
        w->timer = timer_new(w->partner->loop, send_news, w);
    }
    if (!timer_active(w->timer)) {
        timer_start(w->timer, delay);
    }
}

static uint64_t window(const struct webhook *w)
{
    return w->partner->config.webhook_window_ms > 0 ? w->partner->config.webhook_window_ms : WEBHOOK_WINDOW_MS;
}

static void mark(struct webhook *w, size_t number)
{
    if (number >= w->news_count) {
        size_t count = number + 64;
        w->news = mem_grow(w->news, count, sizeof w->news[0]);
        memset(&w->news[w->news_count], 0, count - w->news_count);
        w->news_count = count;
    }
    w->news[number] = 1;
}

void webhook_touch(struct webhook *w, size_t number)
{
    if (!w->disabled) {
        mark(w, number);
        schedule(w, window(w));
    }
}

void webhook_touch_all(struct webhook *w)
{
    size_t count = hub_light_count(w->partner->hub);
    for (size_t i = 0; i < count; i++) {
        struct light_info info;
        hub_light_info(hub_light_at(w->partner->hub, i), &info);
        if (lifx_shown(&info)) {
            webhook_touch(w, i);
        }
    }
}

void webhook_stop(struct webhook *w)
{
    fetch_cancel(w->call);
    timer_free(w->timer);
    free(w->news);
    free(w->sent);
    w->call = NULL;
    w->timer = NULL;
    w->news = NULL;
    w->sent = NULL;
    w->news_count = w->sent_count = 0;
}

/* ---- what is sent ---- */

static void collect(struct webhook *w)
{
    w->sent = mem_grow(w->sent, WEBHOOK_BATCH, sizeof w->sent[0]);
    w->sent_count = 0;
    for (size_t i = 0; i < w->news_count && w->sent_count < WEBHOOK_BATCH; i++) {
        if (w->news[i]) {
            w->news[i] = 0;
            w->sent[w->sent_count++] = i;
        }
    }
}

static void write_lights(struct json_out *j, const struct webhook *w, bool shown)
{
    json_member_array(j, shown ? "lights" : "removed");
    for (size_t i = 0; i < w->sent_count; i++) {
        struct light_info info;
        hub_light_info(hub_light_at(w->partner->hub, w->sent[i]), &info);
        if (lifx_shown(&info) != shown) {
            continue;
        }
        if (shown) {
            lifx_light(j, &w->partner->house, &info, loop_wall_ms());
        } else {
            json_put_text(j, info.id);
        }
    }
    json_end_array(j);
}

static void write_body(struct str *body, const struct webhook *w)
{
    struct json_out j;
    json_out_init(&j, body);
    json_begin_object(&j);
    json_member_text(&j, "webhook", w->id);
    json_member_int(&j, "sent_at", loop_wall_ms() / 1000);
    write_lights(&j, w, true);
    write_lights(&j, w, false);
    json_end_object(&j);
}

/* ---- what becomes of it ---- */

bool webhook_gives_up(unsigned failures, int status)
{
    return failures >= WEBHOOK_GIVE_UP || status == STATUS_GONE;
}

static void taken(struct webhook *w)
{
    w->failures = 0;
    w->delivered_ms = loop_wall_ms();
    str_clear(&w->error);
    if (w->failing_ms != 0) {
        w->failing_ms = 0;
        webhook_save(w);
    }
}

/* Its lights are told with the next one, in the state that they have then. */
static uint64_t refused(struct webhook *w, const struct fetch_result *result)
{
    uint32_t random;
    uint64_t asked = 0, delay;
    int64_t now = loop_wall_ms();
    w->partner->stats.failed_deliveries++;
    for (size_t i = 0; i < w->sent_count; i++) {
        mark(w, w->sent[i]);
    }
    str_clear(&w->error);
    if (result->result != 0) {
        str_add_z(&w->error, result->why);
    } else {
        str_printf(&w->error, "answered with status %d", result->status);
        asked = retry_after(fetch_answer_header(result, "Retry-After"), now);
    }
    bool first = w->failing_ms == 0;
    w->failing_ms = first ? now : w->failing_ms;
    if (webhook_gives_up(++w->failures, result->result == 0 ? result->status : 0)) {
        w->disabled = true;
        log_warn(LOG, "webhook %s is disabled: %s", w->id, str_z(&w->error));
    }
    if (first || w->disabled) {
        webhook_save(w);
    }
    secrets_random(&random, sizeof random);
    delay = retry_backoff(w->failures, random);
    return asked > delay ? asked : delay;
}

static void post_done(void *user, const struct fetch_result *result)
{
    struct webhook *w = user;
    bool well = result->result == 0 && result->status >= 200 && result->status < 300;
    uint64_t delay = 0;
    w->call = NULL;
    if (well) {
        taken(w);
    } else {
        delay = refused(w, result);
    }
    w->sent_count = 0;
    if (w->news_count > 0 && memchr(w->news, 1, w->news_count)) {
        schedule(w, delay);
    }
}

static void send_news(void *user)
{
    struct webhook *w = user;
    char secret[WEBHOOK_SECRET_CHARS + 1];
    struct str body = STR_INIT, digest = STR_INIT, input = STR_INIT, signature = STR_INIT;
    collect(w);
    if (w->sent_count == 0) {
        return;
    }
    write_body(&body, w);
    webhook_secret(w->partner, w->id, secret);
    signature_make(&(struct signature_of){.url = w->url,
                                          .content_type = JSON_TYPE,
                                          .body = body.data,
                                          .body_len = body.len,
                                          .key_id = w->id,
                                          .secret = secret,
                                          .created_s = loop_wall_ms() / 1000},
                   &digest, &input, &signature);
    const struct fetch_header headers[] = {{"Content-Type", JSON_TYPE},
                                           {"Content-Digest", str_z(&digest)},
                                           {"Signature-Input", str_z(&input)},
                                           {"Signature", str_z(&signature)}};
    w->partner->stats.deliveries++;
    w->call = fetch_start(w->partner->fetch,
                          &(struct fetch_request){.method = "POST",
                                                  .url = w->url,
                                                  .headers = headers,
                                                  .header_count = sizeof headers / sizeof headers[0],
                                                  .body = body.data,
                                                  .body_len = body.len,
                                                  .timeout_ms = POST_TIMEOUT_MS,
                                                  .max_body = MAX_ANSWER,
                                                  .policy = w->policy},
                          post_done, w);
    secrets_wipe(secret, sizeof secret);
    str_done(&body);
    str_done(&digest);
    str_done(&input);
    str_done(&signature);
}
