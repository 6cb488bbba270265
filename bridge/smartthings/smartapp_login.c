/* The pages of the configuration, and the code that the login brings: redeemed and durable before the answer, so that
   the next page finds it.

   `state` is SmartThings' own: it makes it, and refuses a login that does not bring it back (facts 2.4). What binds a
   code to the installed app is our proof key (RFC 7636, RFC 9700 2.1.1): a code that was got elsewhere and slipped in
   here has another challenge, or none. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "http/http.h"
#include "smartthings/smartapp_internal.h"

#define TOKEN_TIMEOUT_MS 8000u /* SmartThings waits 10 s for us (facts 2.1) */

struct login_job {
    struct smartapp *sa; /* NULL: it is gone */
    struct app *app;
    struct http_exchange *exchange;
    struct fetch_call *call;
    char *replaced; /* id of the link that was there before; NULL */
    struct login_job *next, **at;
};

static void unlink_job(struct login_job *job)
{
    *job->at = job->next;
    if (job->next) {
        job->next->at = job->at;
    }
}

static void job_free(struct login_job *job)
{
    free(job->replaced);
    free(job);
}

void logins_end(struct smartapp *sa)
{
    for (struct login_job *job = sa->logins, *next; job; job = next) {
        next = job->next;
        job->sa = NULL;
        smartapp_answer_unwell(job->exchange, "the bridge is stopping");
        job->exchange = NULL;
        if (job->call) {
            fetch_cancel(job->call);
            job_free(job);
        }
    }
    sa->logins = NULL;
}

/* ---- proof keys ---- */

/* One for an installed app, made of the installation's key: it survives a restart between page and callback. */
static void make_verifier(const struct smartapp *sa, const char *app_id, struct str *verifier)
{
    static const char purpose[] = "smartapp code verifier ";
    uint8_t tag[32];
    struct str about = STR_INIT;
    str_printf(&about, "%s%s", purpose, app_id);
    secrets_tag(tag, sizeof tag, about.data, about.len, sa->config.key, SECRETS_KEY_SIZE);
    secrets_base64url(verifier, tag, sizeof tag);
    secrets_wipe(tag, sizeof tag);
    str_done(&about);
}

static void make_challenge(const struct smartapp *sa, const char *app_id, struct str *challenge)
{
    struct str verifier = STR_INIT;
    uint8_t hash[SECRETS_SHA256_SIZE];
    make_verifier(sa, app_id, &verifier);
    secrets_sha256(hash, verifier.data, verifier.len);
    secrets_base64url(challenge, hash, sizeof hash);
    secrets_wipe(verifier.data, verifier.len);
    str_done(&verifier);
}

/* ---- pages ---- */

static void lights_page(struct smartapp *sa, const char *account, struct str *body)
{
    size_t total = hub_light_count(sa->hub), count = 0;
    struct smartapp_option *options = mem_array(SMARTAPP_MAX_LIGHTS, sizeof options[0]);
    for (size_t i = 0; i < total && count < SMARTAPP_MAX_LIGHTS; i++) {
        struct light_info info;
        hub_light_info(hub_light_at(sa->hub, i), &info);
        if (info.exposed && !info.removed) {
            options[count++] = (struct smartapp_option){info.id, info.name};
        }
    }
    smartapp_put_lights_page(body, sa->config.provider.name, account, options, count);
    free(options);
}

void login_page(struct smartapp *sa, const struct smartapp_call *call, struct str *body)
{
    struct app *app = app_find(sa, call->installed_app_id);
    const struct smartapp_provider *provider = &sa->config.provider;
    const char *account;
    if (app && app_linked(app, &account)) {
        lights_page(sa, account, body);
        return;
    }
    struct str url = STR_INIT, challenge = STR_INIT;
    const char *trouble = app ? app->trouble : NULL;
    make_challenge(sa, call->installed_app_id, &challenge);
    provider_login_url(&url, provider, provider_is_ours(provider) ? sa->config.authorize_url : provider->authorize_url,
                       str_z(&challenge));
    smartapp_put_login_page(body, provider->name, str_z(&url), trouble);
    str_done(&url);
    str_done(&challenge);
}

/* ---- the code ---- */

static void set_trouble(struct app *app, const char *sentence)
{
    free(app->trouble);
    app->trouble = mem_text(sentence);
}

/* It came to nothing: the next page says so, and opens the login again. */
static void came_to_nothing(struct login_job *job, enum trace_cause cause, const char *expected, const char *got)
{
    app_failed(job->sa, job->app, TRACE_SMARTAPP, cause, expected, got);
    set_trouble(job->app, trace_cause_row(cause)->sentence);
    smartapp_answer_empty(job->exchange, SMARTAPP_OAUTH_CALLBACK);
    unlink_job(job);
    job_free(job);
}

static void kept(struct app *app, int result, void *user)
{
    struct login_job *job = user;
    struct smartapp *sa = job->sa;
    if (!sa) {
        job_free(job);
        return;
    }
    unlink_job(job);
    if (result != 0) {
        smartapp_answer_unwell(job->exchange, err_text(result));
        job_free(job);
        return;
    }
    set_trouble(app, NULL);
    struct oauth_link *before = job->replaced ? oauth_link_find(sa->oauth, job->replaced) : NULL;
    if (before && before != app_link(app) && oauth_link_alive(before)) {
        oauth_link_end(sa->oauth, before, "the SmartApp was logged in anew", NULL, NULL);
    }
    if (app_link(app)) {
        oauth_trace_link(sa->oauth, app_link(app), &(struct trace_note){.step = TRACE_SMARTAPP, .got = app->id});
    }
    log_info(SMARTAPP_LOG, "installed app %s is logged in at %s", app->id, sa->config.provider.name);
    smartapp_answer_empty(job->exchange, SMARTAPP_OAUTH_CALLBACK);
    devices_sync(app);
    job_free(job);
}

static void keep(struct login_job *job, struct app_login login)
{
    job->replaced = mem_text(job->app->login.link);
    app_save_login(job->app, login, kept, job);
}

/* Of ourselves: no way round by the public URL, which may not lead back in from here. */
static void redeemed(void *user, int result, const struct oauth_tokens *tokens)
{
    struct login_job *job = user;
    struct oauth_link *link = NULL;
    struct oauth_link_info info;
    if (!job->sa) {
        job_free(job);
        return;
    }
    if (result == 0) {
        result = oauth_verify(job->sa->oauth, tokens->access, loop_wall_ms(), &link);
    }
    if (result == 0) {
        oauth_link_info(link, &info);
        oauth_trace_link(job->sa->oauth, link, &(struct trace_note){.step = TRACE_TOKEN, .got = "by OAUTH_CALLBACK"});
        keep(job, (struct app_login){.link = mem_text(info.id)});
    } else if (result == ERR_DENIED || result == ERR_EXPIRED || result == ERR_ENDED || result == ERR_INVALID) {
        came_to_nothing(job, CAUSE_SMARTAPP_CODE_REFUSED, NULL, oauth_refusal(job->sa->oauth));
    } else {
        smartapp_answer_unwell(job->exchange, err_text(result));
        unlink_job(job);
        job_free(job);
    }
}

static void answered(void *user, const struct fetch_result *result)
{
    struct login_job *job = user;
    struct provider_tokens tokens = {0};
    struct str got = STR_INIT;
    job->call = NULL;
    int parsed = result->result == 0 ? provider_read_tokens(fetch_answer_header(result, "Content-Type"), result->body,
                                                            result->body_len, &tokens)
                                     : ERR_INVALID;
    if (parsed == 0 && result->status >= 200 && result->status < 300 && tokens.access && !tokens.error) {
        struct app_login login = {.access = mem_text(tokens.access), .refresh = mem_text(tokens.refresh)};
        login.expires_ms = tokens.expires_in > 0 ? loop_wall_ms() + tokens.expires_in * 1000 : 0;
        keep(job, login);
    } else {
        str_printf(&got, "%s, status %d%s%s", result->result != 0 ? result->why : "it answered", result->status,
                   tokens.error ? ": " : "", tokens.error ? tokens.error : "");
        came_to_nothing(job, CAUSE_SMARTAPP_PROVIDER, "an access token", str_z(&got));
    }
    str_done(&got);
    provider_tokens_done(&tokens);
}

/* The address is the configuration's, which may name a server of this house. */
static void ask_provider(struct login_job *job, const char *code, const char *verifier)
{
    const struct smartapp_provider *provider = &job->sa->config.provider;
    struct str body = STR_INIT, authorization = STR_INIT;
    provider_token_request(&body, &authorization, provider, false, code, verifier);
    const struct fetch_header headers[] = {{"Content-Type", provider_content_type(provider)},
                                           {"Accept", "application/json"},
                                           {"Authorization", str_z(&authorization)}};
    job->call = fetch_start(job->sa->fetch,
                            &(struct fetch_request){.method = "POST",
                                                    .url = provider->token_url,
                                                    .headers = headers,
                                                    .header_count = authorization.len > 0 ? 3 : 2,
                                                    .body = body.data,
                                                    .body_len = body.len,
                                                    .timeout_ms = TOKEN_TIMEOUT_MS,
                                                    .policy = FETCH_ALLOW_HTTP | FETCH_ALLOW_PRIVATE},
                            answered, job);
    secrets_wipe(body.data, body.len);
    secrets_wipe(authorization.data, authorization.len);
    str_done(&body);
    str_done(&authorization);
}

static void redeem(struct login_job *job, const char *code)
{
    struct smartapp *sa = job->sa;
    const struct smartapp_provider *provider = &sa->config.provider;
    struct str verifier = STR_INIT;
    make_verifier(sa, job->app->id, &verifier);
    if (!provider_is_ours(provider)) {
        ask_provider(job, code, str_z(&verifier));
    } else {
        const struct oauth_client *client = oauth_client_find(sa->oauth, provider->client_id);
        oauth_redeem(sa->oauth, client, code, provider->redirect_uri, str_z(&verifier), redeemed, job);
    }
    secrets_wipe(verifier.data, verifier.len);
    str_done(&verifier);
}

static struct login_job *job_new(struct smartapp *sa, struct app *app, struct http_exchange *exchange)
{
    struct login_job *job = mem_alloc(sizeof *job);
    *job = (struct login_job){.sa = sa, .app = app, .exchange = exchange, .next = sa->logins, .at = &sa->logins};
    if (sa->logins) {
        sa->logins->at = &job->next;
    }
    sa->logins = job;
    return job;
}

void login_callback(struct smartapp *sa, const struct smartapp_call *call, struct http_exchange *exchange)
{
    struct app *app = app_get(sa, call->installed_app_id);
    struct provider_return ret;
    const char *what = "";
    if (!app || !sa->config.key) {
        smartapp_answer_unwell(exchange, app ? "the installation's key is missing" : "too many installed apps");
        return;
    }
    struct login_job *job = job_new(sa, app, exchange);
    int result = provider_read_return(call->url_path, &ret, &what);
    if (result != 0) {
        came_to_nothing(job, CAUSE_SMARTAPP_CALLBACK_MALFORMED, "?code=...&state=...", what);
    } else if (ret.error) {
        came_to_nothing(job, CAUSE_SMARTAPP_LOGIN_DENIED, NULL, ret.error);
    } else if (!ret.code || !ret.state) {
        came_to_nothing(job, CAUSE_SMARTAPP_CALLBACK_MALFORMED, "?code=...&state=...",
                        ret.code ? "no state" : "no code");
    } else {
        redeem(job, ret.code);
    }
    provider_return_done(&ret);
}
