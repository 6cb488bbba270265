/* smartapp: what is to be done at SmartThings for the webhook SmartApp, with a token of the person who owns it there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "app/print.h"
#include "base/err.h"
#include "base/json.h"
#include "base/secrets.h"
#include "base/url.h"
#include "fetch/fetch.h"
#include "loop/loop.h"
#include "smartthings/rules.h"
#include "smartthings/smartapp_write.h"

#define ANSWER_MAX (1024u * 1024u)

struct errand {
    const struct config *config;
    const struct config_smartapp *app;
    struct str token;
    struct loop *loop;
    struct fetch *fetch;
    /* the call under way */
    struct json *answer;
    bool good;
};

/* ---- one call ---- */

static void answered(void *user, const struct fetch_result *result)
{
    struct errand *e = user;
    loop_stop(e->loop);
    e->good = result->result == 0 && result->status >= 200 && result->status < 300 &&
              (result->body_len == 0 || json_parse(result->body, result->body_len, ANSWER_MAX, &e->answer, NULL) == 0);
    if (e->good) {
        return;
    }
    struct str said = STR_INIT;
    str_printf(&said, "%s%.300s", result->result != 0 ? result->why : "",
               result->result == 0 && result->body ? result->body : "");
    fprintf(stderr, "lightbridge smartapp: SmartThings answered %d%s", result->status,
            result->status == 401 || result->status == 403 ? " (is the token's life over, or its scope too small?): "
                                                           : ": ");
    print_text(stderr, str_z(&said));
    fputc('\n', stderr);
    str_done(&said);
}

/* The answer is e->answer until the next call. False: it was told what is wrong. */
static bool ask(struct errand *e, const char *method, const char *path, const struct str *body)
{
    const struct config_smartthings *st = &e->config->smartthings;
    const char *hosts[64] = {NULL};
    struct str url = STR_INIT, authorization = STR_INIT;
    unsigned policy = 0;
    for (unsigned i = 0; i < st->callback_hosts_count && i < 63; i++) {
        hosts[i] = st->callback_hosts[i];
    }
    json_free(e->answer);
    e->answer = NULL;
    e->good = false;
    str_printf(&url, "%s%s", e->app->api_url, path);
    str_printf(&authorization, "Bearer %s", str_z(&e->token));
    const struct fetch_header headers[] = {
        {"Authorization", str_z(&authorization)}, {"Accept", "application/json"}, {"Content-Type", "application/json"}};
    if (rules_url(str_z(&url), hosts, &policy) == 0) { /* which check-config has seen to */
        fetch_start(e->fetch,
                    &(struct fetch_request){.method = method,
                                            .url = str_z(&url),
                                            .headers = headers,
                                            .header_count = body ? 3 : 2,
                                            .body = body ? body->data : NULL,
                                            .body_len = body ? body->len : 0,
                                            .policy = policy},
                    answered, e);
        loop_run(e->loop);
    }
    secrets_wipe(authorization.data, authorization.len);
    str_done(&authorization);
    str_done(&url);
    return e->good;
}

/* ---- profiles ---- */

static const char *find_profile(const struct json *list, const char *name)
{
    for (const struct json *p = json_first(json_get(list, "items")); p; p = json_next(p)) {
        const char *named = json_get_text(p, "name");
        if (named && strcmp(named, name) == 0) {
            return json_get_text(p, "id");
        }
    }
    return NULL;
}

/* Those that are there already are not made again. */
static int make_profiles(struct errand *e)
{
    char *ids[SMARTAPP_PROFILES] = {NULL};
    bool good = ask(e, "GET", "/deviceprofiles", NULL);
    for (enum smartapp_profile p = 0; good && p < SMARTAPP_PROFILES; p++) {
        const char *id = find_profile(e->answer, smartapp_profile_name(p));
        ids[p] = id ? strdup(id) : NULL;
    }
    for (enum smartapp_profile p = 0; good && p < SMARTAPP_PROFILES; p++) {
        struct str body = STR_INIT;
        if (!ids[p]) {
            smartapp_put_profile(&body, p);
            good = ask(e, "POST", "/deviceprofiles", &body);
            const char *id = good ? json_get_text(e->answer, "id") : NULL;
            ids[p] = id ? strdup(id) : NULL;
            good = good && id;
        }
        str_done(&body);
    }
    if (good) {
        puts("smartthings:\n  smartapp:\n    profiles:");
    }
    for (enum smartapp_profile p = 0; p < SMARTAPP_PROFILES; p++) {
        if (good) {
            printf("      %s: ", smartapp_profile_key(p));
            print_text(stdout, ids[p]);
            putchar('\n');
        }
        free(ids[p]);
    }
    return good ? EXIT_FINE : EXIT_NO;
}

/* ---- check, register ---- */

static bool needs_app_id(const struct errand *e)
{
    if (!e->app->app_id) {
        fputs("lightbridge smartapp: smartthings.smartapp.app_id is not in the configuration\n", stderr);
    }
    return e->app->app_id != NULL;
}

static bool app_path(const struct errand *e, struct str *path, const char *rest)
{
    str_add_z(path, "/apps/");
    url_encode(path, e->app->app_id, strlen(e->app->app_id));
    str_add_z(path, rest);
    return true;
}

static void complain(int *exit_code, const char *what, const char *is, const char *right)
{
    printf("FAIL  %s is ", what);
    print_text(stdout, is && *is ? is : "missing");
    printf("; right would be %s\n", right);
    *exit_code = EXIT_NO;
}

/* Failures 20 and 21 of the catalogue (facts 5): a target that was never confirmed, an app of the wrong type. */
static int judge_app(const struct errand *e)
{
    const struct json *webhook = json_get(e->answer, "webhookSmartApp");
    const char *type = json_get_text(e->answer, "appType"), *target = json_get_text(webhook, "targetUrl");
    const char *status = json_get_text(webhook, "targetStatus");
    struct url url;
    struct str right = STR_INIT;
    int exit_code = EXIT_FINE;
    if (e->config->public.url && url_parse(e->config->public.url, &url) == 0) {
        url_origin(&right, &url);
    }
    str_add_z(&right, "/smartthings/smartapp");
    if (!type || strcmp(type, "WEBHOOK_SMART_APP") != 0) {
        complain(&exit_code, "appType", type,
                 "WEBHOOK_SMART_APP: the login of another type opens a host that does not exist");
    } else if (!target || strcmp(target, str_z(&right)) != 0) {
        complain(&exit_code, "targetUrl", target, str_z(&right));
    } else if (!status || strcmp(status, "CONFIRMED") != 0) {
        complain(&exit_code, "targetStatus", status,
                 "CONFIRMED: `lightbridge smartapp register` has SmartThings ask again, while the bridge runs");
    } else {
        printf("ok    the app's calls go to %s, which SmartThings has confirmed\n", str_z(&right));
    }
    str_done(&right);
    return exit_code;
}

static int check_app(struct errand *e)
{
    struct str path = STR_INIT;
    bool good = needs_app_id(e) && app_path(e, &path, "") && ask(e, "GET", str_z(&path), NULL);
    str_done(&path);
    return good ? judge_app(e) : EXIT_NO;
}

static int register_app(struct errand *e)
{
    struct str path = STR_INIT, body = STR_INIT;
    str_add_z(&body, "{}");
    bool good = needs_app_id(e) && app_path(e, &path, "/register") && ask(e, "PUT", str_z(&path), &body);
    str_done(&path);
    str_done(&body);
    if (good) {
        puts("SmartThings asks the bridge anew for its confirmation; `lightbridge smartapp check` says how that ended");
    }
    return good ? EXIT_FINE : EXIT_NO;
}

static const struct {
    const char *name;
    int (*run)(struct errand *e);
} errands[] = {{"profiles", make_profiles}, {"check", check_app}, {"register", register_app}};

/* ---- the words ---- */

static int run_errand(const struct command *self, size_t which, const struct config *config)
{
    struct errand e = {.config = config, .app = config->smartthings.smartapp};
    int exit_code = EXIT_NO;
    if (!e.app) {
        fprintf(stderr, "lightbridge %s: there is no smartthings.smartapp in the configuration\n", self->name);
    } else if (command_token(self, &e.token) == 0 && loop_new(&e.loop) == 0 && fetch_new(e.loop, &e.fetch) == 0) {
        exit_code = errands[which].run(&e);
    }
    fetch_free(e.fetch);
    if (e.loop) {
        loop_free(e.loop);
    }
    json_free(e.answer);
    if (e.token.data) {
        secrets_wipe(e.token.data, e.token.len);
    }
    str_done(&e.token);
    return exit_code;
}

int command_smartapp(const struct command *self, int argc, char **argv)
{
    const char *path = NULL, *word = NULL;
    const struct option_spec options[] = {{"config", &path, NULL}};
    struct config *config = NULL;
    size_t count = 0, which = 0;
    int exit_code;
    if (command_options(self, argc, argv, options, 1, &word, 1, &count, &exit_code) != 0) {
        return exit_code;
    }
    if (count == 0) {
        return command_usage(self, "what shall be done? One of profiles, check, register");
    }
    while (which < sizeof errands / sizeof errands[0] && strcmp(errands[which].name, word) != 0) {
        which++;
    }
    if (which == sizeof errands / sizeof errands[0]) {
        return command_usage(self, "\"%s\" is none of profiles, check, register", word);
    }
    exit_code = command_config_beside(path, &config);
    if (exit_code == EXIT_FINE) {
        exit_code = run_errand(self, which, config);
    }
    config_free(config);
    return exit_code;
}
