/* account: through the daemon where it runs, on the store where it does not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/command.h"
#include "app/control.h"
#include "app/offline.h"
#include "app/print.h"
#include "base/err.h"
#include "base/json.h"
#include "base/secrets.h"
#include "oauth/oauth.h"

static void print_account(const char *name, int64_t created_ms)
{
    char date[32];
    time_t seconds = (time_t)(created_ms / 1000);
    struct tm tm;
    localtime_r(&seconds, &tm);
    strftime(date, sizeof date, "%Y-%m-%d", &tm);
    print_cell(name, 24);
    printf("since %s\n", date);
}

static void print_accounts(const struct json *answer, bool as_json)
{
    if (as_json) {
        print_json(answer);
        return;
    }
    const struct json *all = json_get(answer, "accounts");
    if (!json_first(all)) {
        puts("no account yet; make one with: lightbridge account add NAME");
    }
    for (const struct json *a = json_first(all); a; a = json_next(a)) {
        int64_t created = 0;
        (void)json_integer(json_get(a, "created_at"), 0, INT64_MAX, &created);
        print_account(json_get_text(a, "name"), created);
    }
}

/* ---- without a daemon ---- */

static int change_directly(struct offline *o, const char *action, const char *name, const char *password)
{
    struct str why = STR_INIT;
    int err = 0;
    if (strcmp(action, "remove") == 0) {
        oauth_account_remove(o->oauth, name, offline_done, o);
    } else if (strcmp(action, "add") == 0) {
        err = oauth_account_add(o->oauth, name, password, offline_done, o, &why);
    } else {
        err = oauth_account_password(o->oauth, name, password, offline_done, o, &why);
    }
    err = err != 0 ? err : offline_wait(o);
    if (err != 0) {
        fprintf(stderr, "lightbridge account: %s\n",
                why.len > 0            ? str_z(&why)
                : err == ERR_EXISTS    ? "there is an account of this name already"
                : err == ERR_NOT_FOUND ? "there is no account of this name"
                                       : err_text(err));
    }
    str_done(&why);
    return err == 0 ? EXIT_FINE : EXIT_NO;
}

static void list_directly(struct oauth *oauth, bool as_json)
{
    struct str text = STR_INIT;
    struct json_out j;
    struct json *answer = NULL;
    json_out_init(&j, &text);
    json_begin_object(&j);
    json_member_array(&j, "accounts");
    for (size_t i = 0; i < oauth_account_count(oauth); i++) {
        int64_t created = 0;
        json_begin_object(&j);
        json_member_text(&j, "name", oauth_account_at(oauth, i, &created));
        json_member_int(&j, "created_at", created);
        json_end_object(&j);
    }
    json_end_array(&j);
    json_end_object(&j);
    if (json_parse(str_z(&text), text.len, SIZE_MAX, &answer, NULL) == 0) {
        print_accounts(answer, as_json);
    }
    json_free(answer);
    str_done(&text);
}

static int without_daemon(const struct config *config, const char *action, const char *name, const char *password,
                          bool as_json)
{
    struct offline o;
    int exit_code = offline_open(&o, config, "account");
    if (exit_code == EXIT_FINE && strcmp(action, "list") == 0) {
        list_directly(o.oauth, as_json);
    } else if (exit_code == EXIT_FINE) {
        exit_code = change_directly(&o, action, name, password);
    }
    offline_close(&o);
    return exit_code;
}

/* ---- with one ---- */

static int through_daemon(const char *socket, const char *action, const char *name, const char *password, bool as_json)
{
    struct str body = STR_INIT;
    struct json_out j;
    struct json *answer = NULL;
    bool list = strcmp(action, "list") == 0;
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_member_text(&j, "action", action);
    json_member_text(&j, "name", name);
    if (password) {
        json_member_text(&j, "password", password);
    }
    json_end_object(&j);
    int exit_code = control_try(socket, "/control/accounts", list ? NULL : &body, &answer);
    if (exit_code == EXIT_FINE && list) {
        print_accounts(answer, as_json);
    }
    secrets_wipe(body.data, body.len);
    str_done(&body);
    json_free(answer);
    return exit_code;
}

static const struct {
    const char *action;
    bool named, password;
    const char *said;
} actions[] = {
    {"add", true, true, "account %s was added; it can link SmartThings now\n"},
    {"password", true, true, "account %s has a new password; its links stay\n"},
    {"remove", true, false, "account %s was removed, and its links were ended\n"},
    {"list", false, false, NULL},
};

int command_account(const struct command *self, int argc, char **argv)
{
    const char *path = NULL;
    const char *words[2] = {0};
    size_t count;
    int exit_code;
    int as_json = 0;
    const struct option_spec options[] = {{"config", &path, NULL}, {"json", NULL, &as_json}};
    struct config *config = NULL;
    struct str password = STR_INIT;
    size_t which = 0;
    if (command_options(self, argc, argv, options, 2, words, 2, &count, &exit_code) != 0) {
        return exit_code;
    }
    while (which < 4 && (count == 0 || strcmp(words[0], actions[which].action) != 0)) {
        which++;
    }
    if (which == 4) {
        return command_usage(self,
                             count == 0 ? "what shall be done? One of add, list, remove, password"
                                        : "\"%s\" is none of add, list, remove, password",
                             words[0]);
    }
    if ((count == 2) != actions[which].named) {
        return command_usage(
            self, actions[which].named ? "whose account? The name comes behind \"%s\"" : "\"%s\" takes no name",
            words[0]);
    }
    exit_code = command_config_beside(path, &config);
    if (exit_code != EXIT_FINE) {
        return exit_code;
    }
    if (actions[which].password && command_password(self, true, &password) != 0) {
        exit_code = EXIT_NO;
    }
    if (exit_code == EXIT_FINE) {
        const char *secret = actions[which].password ? str_z(&password) : NULL;
        exit_code = through_daemon(config->local.socket, words[0], words[1], secret, as_json);
        if (exit_code == EXIT_UNREACHABLE) {
            exit_code = without_daemon(config, words[0], words[1], secret, as_json);
        }
        if (exit_code == EXIT_FINE && actions[which].said) {
            printf(actions[which].said, words[1]);
        }
    }
    secrets_wipe(password.data, password.len);
    str_done(&password);
    config_free(config);
    return exit_code;
}
