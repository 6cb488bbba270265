/* Beginning and end; acts and their steps; requests to the bridge. */
#include "rehearsal/rehearsal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "base/url.h"
#include "rehearsal/internal.h"

#define REDIRECT_URI "https://c2c-eu.smartthings.com/oauth/callback"
#define ANSWER_WITHIN_MS 10000u
#define TOKEN_LIFE_S 86400u
#define ANSWER_MAX (16u * 1024 * 1024)

/* ---- beginning and end ---- */

static const char *copy(const char *text)
{
    return text ? mem_text(text) : NULL;
}

static void copy_config(struct rehearsal_config *to, const struct rehearsal_config *from)
{
    *to = *from;
    to->account = copy(from->account);
    to->password = copy(from->password);
    to->client_id = copy(from->client_id);
    to->client_secret = copy(from->client_secret);
    to->redirect_uri = copy(from->redirect_uri ? from->redirect_uri : REDIRECT_URI);
    to->callback_client_id = copy(from->callback_client_id ? from->callback_client_id : "");
    to->callback_client_secret = copy(from->callback_client_secret ? from->callback_client_secret : "");
    to->listen = copy(from->listen ? from->listen : "127.0.0.1:0");
    to->ca_file = copy(from->ca_file);
    to->connect_to = copy(from->connect_to);
    to->token_life_s = from->token_life_s > 0 ? from->token_life_s : TOKEN_LIFE_S;
    to->answer_within_ms = from->answer_within_ms > 0 ? from->answer_within_ms : ANSWER_WITHIN_MS;
}

static void free_text(const char *text)
{
    if (text) {
        secrets_wipe((char *)(uintptr_t)text, strlen(text));
        free((char *)(uintptr_t)text);
    }
}

static void free_config(struct rehearsal_config *c)
{
    const char *const texts[] = {c->url,           c->account,      c->password,           c->client_id,
                                 c->client_secret, c->redirect_uri, c->callback_client_id, c->callback_client_secret,
                                 c->listen,        c->ca_file,      c->connect_to};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        free_text(texts[i]);
    }
}

/* The origin alone: every path is added by us. */
static int read_url(const char *text, const char **ret_origin, struct str *why)
{
    struct url url;
    struct str origin = STR_INIT;
    if (url_parse(text, &url) != 0 || (strcmp(url.scheme, "https") != 0 && strcmp(url.scheme, "http") != 0) ||
        strcmp(url.path, "/") != 0) {
        str_printf(why, "%s is no URL of a bridge; right would be https://lights.example.org", text);
        return ERR_INVALID;
    }
    url_origin(&origin, &url);
    *ret_origin = str_take(&origin);
    return 0;
}

int rehearsal_new(struct loop *loop, const struct rehearsal_config *config, struct rehearsal **ret_rehearsal,
                  struct str *why)
{
    const char *origin = NULL;
    int err = read_url(config->url, &origin, why);
    if (err != 0) {
        return err;
    }
    struct rehearsal *r = mem_alloc(sizeof *r);
    r->loop = loop;
    copy_config(&r->config, config);
    r->config.url = origin;
    r->tokens.life_s = r->config.token_life_s;
    browser_new_state(r);
    err = fetch_new(loop, &r->fetch);
    if (err == 0) {
        err = endpoint_open(r, why);
    } else {
        str_add_z(why, err_text(err));
    }
    if (err != 0) {
        rehearsal_free(r);
        return err;
    }
    *ret_rehearsal = r;
    return 0;
}

void rehearsal_free(struct rehearsal *r)
{
    if (!r) {
        return;
    }
    fetch_cancel(r->call);
    fetch_free(r->fetch);
    endpoint_close(r);
    smartapp_close(r);
    timer_free(r->patience);
    house_done(&r->house);
    free_config(&r->config);
    struct str *const texts[] = {&r->step.did, &r->state, &r->cookie, &r->code, &r->access, &r->refresh};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        secrets_wipe(texts[i]->data, texts[i]->len);
        str_done(texts[i]);
    }
    free(r);
}

/* ---- acts and steps ---- */

int act_begin(struct rehearsal *r, rehearsal_done_fn *done, void *user)
{
    if (r->done) {
        return ERR_BUSY;
    }
    r->done = done;
    r->user = user;
    return 0;
}

void act_end(struct rehearsal *r, int result)
{
    rehearsal_done_fn *done = r->done;
    r->done = NULL;
    r->then = NULL;
    done(r->user, result);
}

void step_begin(struct rehearsal *r, const char *name, const char *expected, const char *did, ...)
{
    va_list args;
    r->step.name = name;
    r->step.expected = expected;
    r->step.since = loop_now(r->loop);
    str_clear(&r->step.did);
    va_start(args, did);
    str_vprintf(&r->step.did, did, args);
    va_end(args);
}

static void step_end(struct rehearsal *r, enum rehearsal_outcome outcome, const char *got)
{
    const struct rehearsal_step step = {.name = r->step.name,
                                        .did = str_z(&r->step.did),
                                        .expected = r->step.expected,
                                        .got = got,
                                        .outcome = outcome,
                                        .took_ms = loop_now(r->loop) - r->step.since};
    r->config.step(r->config.user, &step);
}

void step_pass(struct rehearsal *r, const char *got, ...)
{
    struct str text = STR_INIT;
    va_list args;
    va_start(args, got);
    str_vprintf(&text, got, args);
    va_end(args);
    step_end(r, REHEARSAL_PASSED, str_z(&text));
    str_done(&text);
}

void step_fail(struct rehearsal *r, const char *got, ...)
{
    struct str text = STR_INIT;
    va_list args;
    va_start(args, got);
    str_vprintf(&text, got, args);
    va_end(args);
    step_end(r, REHEARSAL_FAILED, str_z(&text));
    str_done(&text);
    act_end(r, ERR_REJECTED);
}

/* ---- acts in a row ---- */

static void play_next(struct rehearsal *r);

static void act_done(void *user, int result)
{
    struct rehearsal *r = user;
    r->play.result = result;
    r->play.at++;
    play_next(r);
}

static void play_next(struct rehearsal *r)
{
    while (r->play.result == 0 && r->play.at < r->play.count) {
        int err = r->play.acts[r->play.at].start(r, act_done, r);
        if (err == 0) {
            return;
        }
        step_begin(r, r->play.acts[r->play.at].name, "something to do it with", "nothing");
        step_end(r, REHEARSAL_FAILED,
                 err == ERR_NOT_FOUND ? "there is no link, or no device, to do it with" : err_text(err));
        r->play.result = err;
        r->play.at++;
    }
    for (; r->play.at < r->play.count; r->play.at++) {
        step_begin(r, r->play.acts[r->play.at].name, "", "nothing");
        step_end(r, REHEARSAL_SKIPPED, "not tried: an earlier step failed");
    }
    r->play.acts = NULL;
    r->play.done(r->play.user, r->play.result);
}

int rehearsal_play(struct rehearsal *r, const struct rehearsal_act *acts, size_t count, rehearsal_done_fn *done,
                   void *user)
{
    if (r->done || r->play.acts) {
        return ERR_BUSY;
    }
    r->play.acts = acts;
    r->play.count = count;
    r->play.at = 0;
    r->play.done = done;
    r->play.user = user;
    r->play.result = 0;
    play_next(r);
    return 0;
}

const struct rehearsal_act rehearsal_first_round[] = {
    {"link", rehearsal_link},
    {"discovery", rehearsal_discover},
    {"refresh", rehearsal_refresh},
    {"command", rehearsal_try_command},
};
const size_t rehearsal_first_round_count = sizeof rehearsal_first_round / sizeof rehearsal_first_round[0];

/* ---- requests to the bridge ---- */

void ask_bridge(struct rehearsal *r, const struct asked *asked, fetch_done_fn *done)
{
    struct str url = STR_INIT;
    struct fetch_header headers[6];
    size_t count = 0;
    headers[count++] = (struct fetch_header){"Accept", "*/*"};
    if (asked->type) {
        headers[count++] = (struct fetch_header){"Content-Type", asked->type};
    }
    if (asked->authorization) {
        headers[count++] = (struct fetch_header){"Authorization", asked->authorization};
    }
    if (asked->cookie && asked->cookie[0] != '\0') {
        headers[count++] = (struct fetch_header){"Cookie", asked->cookie};
    }
    if (asked->digest) {
        headers[count++] = (struct fetch_header){"Digest", asked->digest};
        headers[count++] = (struct fetch_header){"Date", asked->date};
    }
    str_printf(&url, "%s%s", r->config.url, asked->path);
    const struct fetch_request request = {
        .method = asked->method,
        .url = str_z(&url),
        .headers = headers,
        .header_count = count,
        .body = asked->body ? str_z(asked->body) : NULL,
        .body_len = asked->body ? asked->body->len : 0,
        .timeout_ms = r->config.answer_within_ms,
        .max_body = ANSWER_MAX,
        .policy = FETCH_ALLOW_HTTP | FETCH_ALLOW_PRIVATE, /* a bridge may be asked from inside its own house */
        .ca_file = r->config.ca_file,
        .connect_to = r->config.connect_to,
    };
    r->call = fetch_start(r->fetch, &request, done, r);
    str_done(&url);
}

bool answer_is_json(const struct fetch_result *result)
{
    static const char json[] = "application/json";
    const char *type = fetch_answer_header(result, "Content-Type");
    return type && strncasecmp(type, json, sizeof json - 1) == 0;
}

/* ---- the rest of the header ---- */

const char *rehearsal_state(const struct rehearsal *r)
{
    return str_z(&r->state);
}

bool rehearsal_wants_grant(const struct rehearsal *r)
{
    return r->wants_grant;
}

const char *rehearsal_callback_url(const struct rehearsal *r)
{
    return r->callback_url;
}

int rehearsal_order(struct rehearsal *r, enum rehearsal_door door, enum rehearsal_fault fault, uint32_t times,
                    uint32_t argument)
{
    if (fault == REHEARSAL_FAIL && (argument < 500 || argument > 599)) {
        return ERR_RANGE;
    }
    return fault_order(&r->faults[door], fault, times, argument);
}

void rehearsal_expire(struct rehearsal *r)
{
    r->tokens.expires = 0;
}

size_t rehearsal_device_count(const struct rehearsal *r)
{
    return r->house.count;
}

const struct rehearsal_device *rehearsal_device_at(const struct rehearsal *r, size_t index)
{
    return index < r->house.count ? &r->house.list[index] : NULL;
}

const struct rehearsal_device *rehearsal_device_find(const struct rehearsal *r, const char *name_or_id)
{
    return house_find_named(&r->house, name_or_id);
}

void rehearsal_describe(struct str *s, const struct rehearsal_device *device)
{
    struct str text = STR_INIT;
    bool offline = (device->has & (1u << REHEARSAL_HEALTH)) && device->value[REHEARSAL_HEALTH] == 0;
    device_describe_bits(&text, device, ~(offline ? 0u : 1u << REHEARSAL_HEALTH));
    str_add_z(s, text.len > 0 ? str_z(&text) : "nothing is known of it yet");
    str_done(&text);
}

struct rehearsal_stats rehearsal_stats(const struct rehearsal *r)
{
    return r->stats;
}
