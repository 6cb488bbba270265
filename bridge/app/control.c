#include "app/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/print.h"
#include "base/err.h"
#include "base/mem.h"
#include "fetch/fetch.h"
#include "loop/loop.h"

#define ANSWER_MAX (64u * 1024u * 1024u) /* all lights of the largest house */

struct asking {
    struct loop *loop;
    int result, status;
    struct str body, why;
};

static void answered(void *user, const struct fetch_result *result)
{
    struct asking *a = user;
    a->result = result->result;
    a->status = result->status;
    if (result->result == 0) {
        str_add(&a->body, result->body, result->body_len);
    } else {
        str_add_z(&a->why, result->why);
    }
    loop_stop(a->loop);
}

static int talk(const char *socket, const char *path, const struct str *body, struct asking *a)
{
    struct fetch *fetch = NULL;
    struct str url = STR_INIT;
    int err = loop_new(&a->loop);
    if (err != 0) {
        return err;
    }
    err = fetch_new(a->loop, &fetch);
    if (err == 0) {
        static const struct fetch_header json = {"Content-Type", "application/json"};
        str_printf(&url, "http://localhost%s", path);
        fetch_start(fetch,
                    &(struct fetch_request){.method = body ? "POST" : "GET",
                                            .url = str_z(&url),
                                            .headers = &json,
                                            .header_count = body ? 1 : 0,
                                            .body = body ? str_z(body) : NULL,
                                            .body_len = body ? body->len : 0,
                                            .max_body = ANSWER_MAX,
                                            .timeout_ms = 15000,
                                            .policy = FETCH_ALLOW_HTTP | FETCH_ALLOW_PRIVATE,
                                            .unix_socket = socket},
                    answered, a);
        loop_run(a->loop);
        fetch_free(fetch);
    }
    loop_free(a->loop);
    str_done(&url);
    return err;
}

/* What the daemon said, for people; with the candidates where a name fits several lights. */
static void print_error(const struct asking *a, const struct json *answer)
{
    const char *text = json_get_text(answer, "error_description");
    if (text) {
        fputs("lightbridge: ", stderr);
        print_text(stderr, text);
        fputc('\n', stderr);
    } else {
        fprintf(stderr, "lightbridge: the daemon answered with status %d\n", a->status);
    }
    for (const struct json *c = json_first(json_get(answer, "candidates")); c; c = json_next(c)) {
        const char *id = json_get_text(c, "id");
        const char *name = json_get_text(c, "name");
        fprintf(stderr, "  %s  ", id ? id : "");
        print_text(stderr, name ? name : "");
        fputc('\n', stderr);
    }
}

static int ask(const char *socket, const char *path, const struct str *body, bool silent, struct json **ret_answer)
{
    struct asking a = {0};
    struct json *answer = NULL;
    int exit_code = EXIT_NO;
    if (access(socket, W_OK) != 0) {
        bool denied = errno == EACCES; /* it may well be running: nobody goes past it then */
        if (denied || !silent) {
            fprintf(stderr, "lightbridge: the daemon is not reachable: %s: %m; %s\n", socket,
                    denied ? "try sudo" : "is it running?");
        }
        return denied && silent ? EXIT_NO : EXIT_UNREACHABLE;
    }
    int err = talk(socket, path, body, &a);
    if (err == 0) {
        err = a.result;
    }
    if (err != 0) {
        if (!silent || err != ERR_OFFLINE) {
            fprintf(stderr, "lightbridge: the daemon is not reachable at %s: %s\n", socket,
                    a.why.len > 0 ? str_z(&a.why) : err_text(err));
        }
        exit_code = EXIT_UNREACHABLE;
    } else if (json_parse(str_z(&a.body), a.body.len, ANSWER_MAX, &answer, NULL) != 0) {
        fprintf(stderr, "lightbridge: the daemon answered with status %d and no JSON\n", a.status);
    } else if (a.status != 200) {
        print_error(&a, answer);
    } else {
        *ret_answer = answer;
        answer = NULL;
        exit_code = EXIT_FINE;
    }
    json_free(answer);
    str_done(&a.body);
    str_done(&a.why);
    return exit_code;
}

int control_ask(const char *socket, const char *path, const struct str *body, struct json **ret_answer)
{
    return ask(socket, path, body, false, ret_answer);
}

int control_try(const char *socket, const char *path, const struct str *body, struct json **ret_answer)
{
    return ask(socket, path, body, true, ret_answer);
}

char *control_socket(const char *config_path)
{
    struct config *config = NULL;
    if (!config_path && access(CONFIG_PATH, R_OK) != 0) {
        return mem_text("/run/lightbridge/control.sock");
    }
    if (command_config_beside(config_path, &config) != EXIT_FINE) {
        return NULL;
    }
    char *socket = mem_text(config->local.socket);
    config_free(config);
    return socket;
}
