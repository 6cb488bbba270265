/* client: OAuth clients beside SmartThings', through the daemon where it runs, on the store where it does not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "app/control.h"
#include "app/offline.h"
#include "app/print.h"
#include "base/err.h"
#include "base/json.h"
#include "base/secrets.h"
#include "local/local.h"
#include "oauth/oauth.h"

struct wish {
    const char *action, *id;
    struct oauth_new_client from; /* of add */
};

static const char *text_of(const struct json *object, const char *key)
{
    const char *text = json_get_text(object, key);
    return text ? text : "";
}

static void print_client(const struct json *c)
{
    print_cell(text_of(c, "id"), 20);
    print_cell(text_of(c, "name"), 20);
    printf("%s, %s%s\n  may: %s\n", text_of(c, "kind"), text_of(c, "source"),
           json_is_true(json_get(c, "in_force")) ? "" : "; not in force: the configuration has one of this id",
           text_of(c, "scope"));
    for (const struct json *uri = json_first(json_get(c, "redirect_uris")); uri; uri = json_next(uri)) {
        fputs("  goes back to: ", stdout);
        print_text(stdout, json_text(uri));
        putchar('\n');
    }
}

/* What is said once it is done. */
static void print_answer(const struct wish *wish, const struct json *answer, bool as_json)
{
    const char *secret = json_get_text(answer, "client_secret");
    if (as_json) {
        print_json(answer);
    } else if (strcmp(wish->action, "list") == 0) {
        for (const struct json *c = json_first(json_get(answer, "clients")); c; c = json_next(c)) {
            print_client(c);
        }
    } else if (strcmp(wish->action, "remove") == 0) {
        printf("client %s was removed, and its links were ended\n", wish->id);
    } else if (secret) {
        printf(
            "client_id:     %s\nclient_secret: %s\n\nThe secret is shown this once and cannot be had again: the bridge "
            "keeps a hash of it.\n",
            wish->id, secret);
    } else {
        printf("client_id: %s\n\nIt keeps no secret, so it must use PKCE with S256.\n", wish->id);
    }
}

/* ---- without a daemon ---- */

struct direct {
    struct offline o;
    const struct wish *wish;
    struct str answer;
};

static void added(void *user, int result, const char *secret)
{
    struct direct *d = user;
    if (result == 0) {
        local_put_new_client(&d->answer, d->o.oauth, d->wish->id, secret);
    }
    offline_done(&d->o, result);
}

static int change_directly(struct direct *d)
{
    struct str why = STR_INIT;
    int err = 0;
    if (strcmp(d->wish->action, "list") == 0) {
        local_put_clients(&d->answer, d->o.oauth);
        return EXIT_FINE;
    }
    if (strcmp(d->wish->action, "remove") == 0) {
        str_add_z(&d->answer, "{}");
        oauth_client_remove(d->o.oauth, d->wish->id, offline_done, &d->o);
    } else {
        err = oauth_client_add(d->o.oauth, &d->wish->from, added, d, &why);
    }
    err = err != 0 ? err : offline_wait(&d->o);
    if (err != 0) {
        fprintf(stderr, "lightbridge client: %s\n", why.len > 0 ? str_z(&why) : local_client_error(err));
    }
    str_done(&why);
    return err == 0 ? EXIT_FINE : EXIT_NO;
}

static int without_daemon(const struct config *config, const struct wish *wish, bool as_json)
{
    struct direct d = {.wish = wish};
    struct json *answer = NULL;
    int exit_code = offline_open(&d.o, config, "client");
    if (exit_code == EXIT_FINE) {
        exit_code = change_directly(&d);
    }
    if (exit_code == EXIT_FINE && json_parse(str_z(&d.answer), d.answer.len, SIZE_MAX, &answer, NULL) == 0) {
        print_answer(wish, answer, as_json);
    }
    offline_close(&d.o);
    json_free(answer);
    if (d.answer.data) {
        secrets_wipe(d.answer.data, d.answer.len);
    }
    str_done(&d.answer);
    return exit_code;
}

/* ---- with one ---- */

static void put_wish(struct str *body, const struct wish *wish)
{
    struct json_out j;
    json_out_init(&j, body);
    json_begin_object(&j);
    json_member_text(&j, "action", wish->action);
    json_member_text(&j, "id", wish->id);
    if (wish->from.name) {
        json_member_text(&j, "name", wish->from.name);
    }
    if (wish->from.scope) {
        json_member_text(&j, "scope", wish->from.scope);
    }
    json_member_bool(&j, "public", wish->from.is_public);
    json_member_bool(&j, "iss", wish->from.send_iss);
    json_member_array(&j, "redirect_uris");
    for (size_t i = 0; i < wish->from.redirect_count; i++) {
        json_put_text(&j, wish->from.redirect_uris[i]);
    }
    json_end_array(&j);
    json_end_object(&j);
}

static int through_daemon(const char *socket, const struct wish *wish, bool as_json)
{
    struct str body = STR_INIT;
    struct json *answer = NULL;
    bool list = strcmp(wish->action, "list") == 0;
    put_wish(&body, wish);
    int exit_code = control_try(socket, "/control/clients", list ? NULL : &body, &answer);
    if (exit_code == EXIT_FINE) {
        print_answer(wish, answer, as_json);
    }
    str_done(&body);
    json_free(answer);
    return exit_code;
}

/* ---- the words ---- */

/* EXIT_FINE, or what is wrong with them, told. */
static int check_words(const struct command *self, const struct wish *wish, size_t count)
{
    if (!wish->action) {
        return command_usage(self, "what shall be done? One of add, list, remove");
    }
    bool add = strcmp(wish->action, "add") == 0, list = strcmp(wish->action, "list") == 0;
    if (!add && !list && strcmp(wish->action, "remove") != 0) {
        return command_usage(self, "\"%s\" is none of add, list, remove", wish->action);
    }
    if (!list && !wish->id) {
        return command_usage(self, "which client? Its id comes behind \"%s\"", wish->action);
    }
    if (add && count < 3) {
        return command_usage(self, "where may it send people back to? One redirect URI or more come behind the id");
    }
    if (!add && count > (list ? 1u : 2u)) {
        return command_usage(self, "\"%s\" takes %s", wish->action, list ? "no id" : "one id");
    }
    return EXIT_FINE;
}

int command_client(const struct command *self, int argc, char **argv)
{
    const char *path = NULL;
    const char *words[2 + OAUTH_MAX_REDIRECTS] = {0};
    size_t count;
    int exit_code;
    int as_json = 0, is_public = 0, no_iss = 0;
    struct wish wish = {0};
    struct config *config = NULL;
    const struct option_spec options[] = {{"config", &path, NULL},         {"json", NULL, &as_json},
                                          {"name", &wish.from.name, NULL}, {"scope", &wish.from.scope, NULL},
                                          {"public", NULL, &is_public},    {"no-iss", NULL, &no_iss}};
    if (command_options(self, argc, argv, options, 6, words, 2 + OAUTH_MAX_REDIRECTS, &count, &exit_code) != 0) {
        return exit_code;
    }
    wish.action = words[0];
    wish.id = wish.from.id = words[1];
    wish.from.redirect_uris = words + 2;
    wish.from.redirect_count = count > 2 ? count - 2 : 0;
    wish.from.is_public = is_public;
    wish.from.send_iss = !no_iss;
    exit_code = check_words(self, &wish, count);
    if (exit_code == EXIT_FINE) {
        exit_code = command_config(path, &config);
    }
    if (exit_code == EXIT_FINE) {
        exit_code = through_daemon(config->local.socket, &wish, as_json);
        if (exit_code == EXIT_UNREACHABLE) {
            exit_code = without_daemon(config, &wish, as_json);
        }
    }
    config_free(config);
    return exit_code;
}
