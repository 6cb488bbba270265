/* links and unlink. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/command.h"
#include "app/control.h"
#include "app/print.h"
#include "app/story.h"
#include "base/json.h"

#define SHOWN_ATTEMPTS 10u

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

static int64_t now_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

static void print_line(const struct json *link)
{
    bool alive = json_is_true(json_get(link, "alive"));
    printf("%s  ", text_of(link, "id"));
    print_cell(text_of(link, "account"), 16);
    print_cell(text_of(link, "client_name"), 14);
    printf("%s\n", !alive ? "ended" : time_of(link, "redeemed_at") == 0 ? "never finished" : "linked");
    if (alive) {
        story_health(link, now_ms());
    } else {
        printf("    ");
        print_text(stdout, text_of(link, "end_reason"));
        printf("\n");
    }
    if (time_of(link, "issued_elsewhere_at") != 0) {
        printf("    ! two machines:");
        print_paragraph(
            "another machine issues tokens for this link while this one does: both live on one backup. Stop one "
            "of them, or SmartThings hears now the one and now the other.",
            19, 6);
    }
    story_finding(json_get(link, "trace"));
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
    printf("  %-24s %s\n", "callbacks", callback_says(text_of(callback, "state")));
    if (json_is_object(json_get(link, "trace"))) {
        story_whole(json_get(link, "trace"));
    }
}

/* The document that an id names: a link's, or "a" and the number of an attempt; NULL. */
static const struct json *find(const struct json *answer, const char *id)
{
    for (const struct json *link = json_first(json_get(answer, "links")); link; link = json_next(link)) {
        if (strcmp(id, text_of(link, "id")) == 0) {
            return link;
        }
    }
    for (const struct json *trace = json_first(json_get(answer, "attempts")); trace; trace = json_next(trace)) {
        char name[24];
        snprintf(name, sizeof name, "a%lld", (long long)time_of(trace, "attempt"));
        if (strcmp(id, name) == 0) {
            return trace;
        }
    }
    return NULL;
}

static int show_one(const struct json *answer, const char *id, bool as_json)
{
    const struct json *found = find(answer, id);
    if (!found) {
        fprintf(stderr, "lightbridge links: there is no link or attempt ");
        print_text(stderr, id);
        fprintf(stderr, "; `lightbridge links --all` lists them\n");
        return EXIT_NO;
    }
    if (as_json) {
        print_json(found);
    } else if (json_get(found, "events")) {
        story_attempt(found);
        story_whole(found);
    } else {
        print_whole(found);
    }
    return EXIT_FINE;
}

/* The newest ones come last, where the eye is. */
static size_t show_attempts(const struct json *answer, bool all)
{
    size_t count = 0, skip = 0;
    const struct json *attempts = json_get(answer, "attempts");
    for (const struct json *trace = json_first(attempts); trace; trace = json_next(trace)) {
        count++;
    }
    if (!all && count > SHOWN_ATTEMPTS) {
        skip = count - SHOWN_ATTEMPTS;
    }
    if (count > 0) {
        printf("attempts without a link%s\n", skip > 0 ? ", the last ones (--all: all)" : "");
    }
    for (const struct json *trace = json_first(attempts); trace; trace = json_next(trace)) {
        if (skip > 0) {
            skip--;
        } else {
            story_attempt(trace);
        }
    }
    return count;
}

static int show_all(const struct json *answer, bool all)
{
    size_t shown = 0;
    for (const struct json *link = json_first(json_get(answer, "links")); link; link = json_next(link)) {
        bool finished = time_of(link, "redeemed_at") != 0; /* the others are attempts */
        if (finished && (all || json_is_true(json_get(link, "alive")))) {
            print_line(link);
            shown++;
        }
    }
    if (shown == 0) {
        puts("no account is linked; in the SmartThings app: add a device, by brand or as a linked service");
    }
    if (show_attempts(answer, all) == 0 && shown == 0) {
        puts(
            "Nobody has asked for authorization yet. If the app shows no page: is developer mode on, does the project\n"
            "have a product under \"My Testing Devices\", and are the three URLs of the developer console those of\n"
            "public.url (/oauth/authorize, /oauth/token, /smartthings/schema)?");
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
        if (words[0]) {
            exit_code = show_one(answer, words[0], as_json);
        } else if (as_json) {
            print_json(answer);
        } else {
            exit_code = show_all(answer, all);
        }
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
