/* links and unlink. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "app/control.h"
#include "app/print.h"
#include "base/json.h"

static const char *text_of(const struct json *object, const char *key)
{
    const char *text = json_get_text(object, key);
    return text ? text : "";
}

static int64_t time_of(const struct json *object, const char *key)
{
    int64_t value = 0;
    (void)json_integer(json_get(object, key), 0, INT64_MAX, &value);
    return value;
}

/* What a person must know about the callback side, by its state in the control API. */
static const struct {
    const char *state, *says;
} callbacks[] = {
    {"none", "SmartThings has not granted callbacks: it learns of changes only when it asks"},
    {"exchanging", "the grant is being turned into tokens"},
    {"granted", "fine: changes are told at once"},
    {"refreshing", "the callback token is being renewed"},
    {"needs_grant", "lost: needs a grant, which the next discovery asks for (pull down in the SmartThings app)"},
};

static const char *callback_says(const char *state)
{
    for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++) {
        if (strcmp(callbacks[i].state, state) == 0) {
            return callbacks[i].says;
        }
    }
    return "unknown";
}

static void print_line(const struct json *link)
{
    bool alive = json_is_true(json_get(link, "alive"));
    const struct json *callback = json_get(link, "callback");
    printf("%s  ", text_of(link, "id"));
    print_cell(text_of(link, "account"), 16);
    print_cell(text_of(link, "client_name"), 14);
    printf("%s\n    ", !alive ? "ended" : time_of(link, "redeemed_at") == 0 ? "never finished" : "linked");
    if (alive) {
        printf("callbacks: %s\n", callback_says(text_of(callback, "state")));
    } else {
        print_text(stdout, text_of(link, "end_reason"));
        printf("\n");
    }
}

static const struct {
    const char *key, *says;
} times[] = {
    {"created_at", "allowed"}, {"redeemed_at", "code turned into tokens"},
    {"used_at", "last used"},  {"refreshed_at", "last token refresh"},
    {"ended_at", "ended"},
};
static const struct {
    const char *key, *says;
} callback_times[] = {
    {"obtained_at", "token obtained"},         {"expires_at", "token expires"},     {"asked_at", "SmartThings asked"},
    {"delivered_at", "last change delivered"}, {"error_at", "last callback error"},
};

/* What has not happened is not told. */
static void print_instant(const char *says, int64_t wall_ms)
{
    if (wall_ms != 0) {
        printf("  %-24s ", says);
        print_time(wall_ms);
        printf("\n");
    }
}

static void print_whole(const struct json *link)
{
    const struct json *callback = json_get(link, "callback");
    print_line(link);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        print_instant(times[i].says, time_of(link, times[i].key));
    }
    for (size_t i = 0; callback && i < sizeof callback_times / sizeof callback_times[0]; i++) {
        print_instant(callback_times[i].says, time_of(callback, callback_times[i].key));
    }
    if (*text_of(callback, "last_error")) {
        printf("  %-24s ", "it said");
        print_text(stdout, text_of(callback, "last_error"));
        printf("\n");
    }
}

static int show(const struct json *answer, const char *id, bool as_json, bool ended_too)
{
    size_t shown = 0;
    if (as_json && !id) {
        print_json(answer);
        return EXIT_FINE;
    }
    for (const struct json *link = json_first(json_get(answer, "links")); link; link = json_next(link)) {
        if (id && strcmp(id, text_of(link, "id")) != 0) {
            continue;
        }
        if (id && as_json) {
            print_json(link);
        } else if (id) {
            print_whole(link);
        } else if (ended_too || json_is_true(json_get(link, "alive"))) {
            print_line(link);
        } else {
            continue;
        }
        shown++;
    }
    if (shown == 0 && id) {
        fprintf(stderr, "lightbridge links: there is no link %s\n", id);
        return EXIT_NO;
    }
    if (shown == 0) {
        puts("no account is linked; in the SmartThings app: add a device, by brand or as a linked service");
    }
    return EXIT_FINE;
}

int command_links(const struct command *self, int argc, char **argv)
{
    const char *path = NULL;
    const char *words[1] = {0};
    int as_json = 0;
    int all = 0;
    int exit_code;
    size_t count;
    const struct option_spec options[] = {{"config", &path, NULL}, {"json", NULL, &as_json}, {"all", NULL, &all}};
    struct json *answer = NULL;
    if (command_options(self, argc, argv, options, 3, words, 1, &count, &exit_code) != 0) {
        return exit_code;
    }
    char *socket = control_socket(path);
    exit_code = socket ? control_ask(socket, "/control/links", NULL, &answer) : EXIT_NO;
    if (exit_code == EXIT_FINE) {
        exit_code = show(answer, words[0], as_json, all);
    }
    json_free(answer);
    free(socket);
    return exit_code;
}

int command_unlink(const struct command *self, int argc, char **argv)
{
    const char *path = NULL;
    const char *words[1] = {0};
    int exit_code;
    size_t count;
    const struct option_spec options[] = {{"config", &path, NULL}};
    struct str body = STR_INIT;
    struct json_out j;
    struct json *answer = NULL;
    if (command_options(self, argc, argv, options, 1, words, 1, &count, &exit_code) != 0) {
        return exit_code;
    }
    if (count == 0) {
        return command_usage(self, "which link? `lightbridge links` lists them");
    }
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_member_text(&j, "link", words[0]);
    json_end_object(&j);
    char *socket = control_socket(path);
    exit_code = socket ? control_ask(socket, "/control/unlink", &body, &answer) : EXIT_NO;
    if (exit_code == EXIT_FINE) {
        printf("link %s was ended; its tokens are dead\n", words[0]);
    }
    json_free(answer);
    str_done(&body);
    free(socket);
    return exit_code;
}
