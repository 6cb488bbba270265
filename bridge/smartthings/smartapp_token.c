/* SmartThings' tokens for an installed app: renewed ahead of time or when one was refused, one request at a time. The
   refresh token counts once (facts 2.2), so that a renewal is under way is durable before it is sent, and an answer
   that was lost is asked for again; only SmartThings' own refusal ends it. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "smartthings/rules.h"
#include "smartthings/smartapp_internal.h"

#define SAVE_RETRY_MS 5000u
#define CLIENT_RETRY_MS (15u * 60 * 1000)
#define TOKEN_TIMEOUT_MS 15000u
#define LIFE_DEFAULT_S 86400 /* of INSTALL and UPDATE, facts 2.2 */

static void token_due(void *user);

bool tokens_usable(const struct app *app)
{
    return app->tokens.access && !app->token_refused && !app->ended;
}

static void wake_in(struct app *app, uint64_t delay_ms)
{
    if (!app->token_timer) {
        app->token_timer = timer_new(app->sa->loop, token_due, app);
    }
    timer_start(app->token_timer, delay_ms);
}

void tokens_stop(struct app *app)
{
    fetch_cancel(app->token_call);
    app->token_call = NULL;
    timer_free(app->token_timer);
    app->token_timer = NULL;
}

void tokens_resume(struct app *app)
{
    const struct app_tokens *t = &app->tokens;
    if (app->unsaved) {
        wake_in(app, SAVE_RETRY_MS);
    } else if (t->started_ms != 0) {
        wake_in(app, 0);
    } else if (t->access && t->refresh) {
        wake_in(app, rules_refresh_in(t->obtained_ms, t->expires_ms, loop_wall_ms()));
    }
}

static void failed(struct app *app, enum trace_cause cause, const char *got)
{
    app_failed(app->sa, app, TRACE_SMARTAPP, cause, NULL, got);
}

/* ---- what came ---- */

static void kept(struct app *app, int result, void *user)
{
    (void)user;
    if (app) {
        app->unsaved = result != 0;
        tokens_resume(app);
    }
}

/* What SmartThings gave counts at once: the tokens before it are dead. */
static void use(struct app *app, struct app_tokens tokens)
{
    app_tokens_done(&app->tokens);
    app->tokens = tokens;
    app->token_refused = tokens.access == NULL;
    app->unsaved = true;
    app_save_tokens(app, app_tokens_copy(&tokens), kept, NULL);
    devices_turn(app);
}

static void got(struct app *app, const struct provider_tokens *from)
{
    struct app_tokens tokens = {.access = mem_text(from->access),
                                .refresh = mem_text(from->refresh ? from->refresh : app->tokens.refresh),
                                .obtained_ms = loop_wall_ms()};
    int64_t life = from->expires_in > 0 ? from->expires_in : LIFE_DEFAULT_S;
    tokens.expires_ms = tokens.obtained_ms + life * 1000;
    app->token_failures = 0;
    log_info(SMARTAPP_LOG, "installed app %s: SmartThings gave a token for %lld s", app->id, (long long)life);
    use(app, tokens);
}

static void lost(struct app *app, const char *got_text)
{
    struct app_tokens tokens = app_tokens_copy(&app->tokens);
    free(tokens.refresh);
    free(tokens.access);
    tokens.refresh = tokens.access = NULL;
    tokens.started_ms = 0;
    failed(app, CAUSE_SMARTAPP_TOKEN_REFUSED, got_text);
    use(app, tokens);
}

static void token_done(void *user, const struct fetch_result *result)
{
    struct app *app = user;
    struct provider_tokens tokens = {0};
    struct str text = STR_INIT;
    uint32_t random;
    app->token_call = NULL;
    int parsed = result->result == 0 ? provider_read_tokens(fetch_answer_header(result, "Content-Type"), result->body,
                                                            result->body_len, &tokens)
                                     : ERR_INVALID;
    const struct schema_answer answer = {.access_token = tokens.access, .error = tokens.error};
    str_printf(&text, "%s, status %d%s%s", result->result != 0 ? result->why : "it answered", result->status,
               tokens.error ? ": " : "", tokens.error ? tokens.error : "");
    switch (rules_judge_token(result->result, result->status, parsed, &answer)) {
    case RULES_TOKEN_GOT:
        got(app, &tokens);
        break;
    case RULES_TOKEN_REFUSED:
        lost(app, str_z(&text));
        break;
    case RULES_TOKEN_CLIENT:
        failed(app, CAUSE_SMARTAPP_CLIENT_REFUSED, str_z(&text));
        wake_in(app, CLIENT_RETRY_MS);
        break;
    default:
        secrets_random(&random, sizeof random);
        uint64_t delay = rules_backoff(++app->token_failures, random), asked = smartapp_asked_delay(result);
        failed(app, CAUSE_SMARTAPP_UNREACHABLE, str_z(&text));
        wake_in(app, asked > delay ? asked : delay);
        break;
    }
    str_done(&text);
    provider_tokens_done(&tokens);
}

/* ---- asking ---- */

static void send(struct app *app)
{
    struct smartapp *sa = app->sa;
    unsigned policy = 0;
    if (rules_url(sa->config.token_url, sa->config.hosts, &policy) != 0) {
        failed(app, CAUSE_SMARTAPP_HOST_REFUSED, sa->config.token_url);
        wake_in(app, CLIENT_RETRY_MS);
        return;
    }
    const struct smartapp_provider smartthings = {
        .client_id = sa->config.client_id, .client_secret = sa->config.client_secret, .basic = true};
    struct str body = STR_INIT, authorization = STR_INIT;
    provider_token_request(&body, &authorization, &smartthings, true, app->tokens.refresh, NULL);
    const struct fetch_header headers[] = {{"Content-Type", provider_content_type(&smartthings)},
                                           {"Accept", "application/json"},
                                           {"Authorization", str_z(&authorization)}};
    app->token_call = fetch_start(sa->fetch,
                                  &(struct fetch_request){.method = "POST",
                                                          .url = sa->config.token_url,
                                                          .headers = headers,
                                                          .header_count = sizeof headers / sizeof headers[0],
                                                          .body = body.data,
                                                          .body_len = body.len,
                                                          .timeout_ms = TOKEN_TIMEOUT_MS,
                                                          .max_body = SCHEMA_MAX_ANSWER,
                                                          .policy = policy},
                                  token_done, app);
    secrets_wipe(body.data, body.len);
    secrets_wipe(authorization.data, authorization.len);
    str_done(&body);
    str_done(&authorization);
}

/* That it is under way is durable. user: the epoch it began in. */
static void started(struct app *app, int result, void *user)
{
    if (!app || (uint32_t)(uintptr_t)user != app->epoch || app->ended) {
        return;
    }
    app->starting = false;
    if (result != 0) {
        log_warn(SMARTAPP_LOG, "installed app %s: the token is not renewed while the store cannot be written: %s",
                 app->id, err_text(result));
        wake_in(app, SAVE_RETRY_MS);
        return;
    }
    send(app);
}

static void token_due(void *user)
{
    struct app *app = user;
    if (app->unsaved) {
        app_save_tokens(app, app_tokens_copy(&app->tokens), kept, NULL);
        return;
    }
    if (app->token_call || app->starting || !app->tokens.refresh) {
        return;
    }
    if (!app->sa->config.client_id || !app->sa->config.client_secret) {
        failed(app, CAUSE_SMARTAPP_CLIENT_REFUSED, "no smartthings.smartapp.client_id or its secret is configured");
        return;
    }
    struct app_tokens tokens = app_tokens_copy(&app->tokens);
    tokens.started_ms = loop_wall_ms();
    tokens.attempts++;
    app->starting = true;
    app_save_tokens(app, tokens, started, (void *)(uintptr_t)app->epoch);
}

void tokens_renew(struct app *app)
{
    app->token_refused = true;
    if (app->token_call || app->starting || app->tokens.started_ms != 0) {
        return; /* it is under way */
    }
    if (!app->tokens.refresh) {
        if (app->tokens.access) {
            lost(app, "401, and there is no refresh token");
        }
        return;
    }
    uint32_t random;
    secrets_random(&random, sizeof random);
    wake_in(app, rules_renew_in(app->tokens.obtained_ms, loop_wall_ms(), &app->early, random));
}

void tokens_take(struct app *app, const char *access, const char *refresh, app_saved_fn *then, void *user)
{
    struct app_tokens tokens = {
        .access = mem_text(access), .refresh = mem_text(refresh), .obtained_ms = loop_wall_ms()};
    tokens.expires_ms = tokens.obtained_ms + (int64_t)LIFE_DEFAULT_S * 1000;
    fetch_cancel(app->token_call);
    app->token_call = NULL;
    app->epoch++;
    app->starting = false;
    app->token_failures = 0;
    app->token_refused = false;
    app_save_tokens(app, tokens, then, user);
}
