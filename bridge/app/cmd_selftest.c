/* selftest: plays SmartThings against the running bridge, through its public URL. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "app/control.h"
#include "app/print.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "loop/loop.h"
#include "rehearsal/rehearsal.h"

struct selftest {
    const char *socket;
    struct loop *loop;
    struct rehearsal *rehearsal;
    char *link, *lamp;    /* ids of the link that was made and of the lamp that was commanded; NULL: none yet */
    struct json *before;  /* the lights as they were */
    bool ended, unlinked; /* the act under way; the link */
    int result;
    bool failed, interrupted;
};

/* ---- printing: a line a step ---- */

static void print_begin(const char *outcome, const char *name)
{
    printf("%-5s %-10s ", outcome, name);
}

static void print_step(void *user, const struct rehearsal_step *step)
{
    struct selftest *s = user;
    print_begin(step->outcome == REHEARSAL_PASSED ? "ok" : "FAIL", step->name);
    print_text(stdout, step->did);
    if (step->outcome == REHEARSAL_PASSED) {
        fputs(": ", stdout);
        print_text(stdout, step->got);
        printf(" (%llu ms)\n", (unsigned long long)step->took_ms);
        return;
    }
    s->failed = true;
    fputs(": expected ", stdout);
    print_text(stdout, step->expected);
    fputs("; got: ", stdout);
    print_text(stdout, step->got);
    putchar('\n');
}

static void fail(struct selftest *s, const char *name, const char *why)
{
    s->failed = true;
    print_begin("FAIL", name);
    puts(why);
}

/* ---- what the daemon is asked besides ---- */

/* A verb with one or two texts in its body; NULL: left out. The answer may be NULL: of no interest. */
static int ask(const struct selftest *s, const char *path, const char *const pairs[2][2], struct json **ret_answer)
{
    struct str body = STR_INIT;
    struct json_out j;
    struct json *answer = NULL;
    json_out_init(&j, &body);
    json_begin_object(&j);
    for (int i = 0; i < 2 && pairs[i][0]; i++) {
        json_member_text(&j, pairs[i][0], pairs[i][1]);
    }
    json_end_object(&j);
    int exit_code = control_ask(s->socket, path, &body, &answer);
    secrets_wipe(body.data, body.len);
    str_done(&body);
    if (ret_answer) {
        *ret_answer = answer;
    } else {
        json_free(answer);
    }
    return exit_code;
}

/* The daemon lets this one link, named by a token of it, call back to us; see bridge/local/selftest.c. */
static bool allow_callbacks(struct selftest *s, const char *origin)
{
    const char *token = rehearsal_token(s->rehearsal);
    const char *const pairs[2][2] = {{"token", token}, {origin ? "callback" : NULL, origin}};
    struct json *answer = NULL;
    if (!*token || ask(s, "/control/selftest", pairs, &answer) != EXIT_FINE) {
        return false;
    }
    free(s->link);
    s->link = mem_text(json_get_text(answer, "link"));
    json_free(answer);
    return true;
}

static const struct json *find_light(const struct json *answer, const char *id)
{
    const struct json *light = json_first(json_get(answer, "lights"));
    while (light && strcmp(id, json_get_text(light, "id")) != 0) {
        light = json_next(light);
    }
    return light;
}

/* The command asked for what was there already; a lamp whose steps are coarser than a percent may have moved by one. */
static void put_lamp_back(struct selftest *s)
{
    struct json *after = NULL;
    double was = 0, is = 0;
    if (!s->lamp || control_ask(s->socket, "/control/lights", NULL, &after) != EXIT_FINE) {
        return;
    }
    const struct json *old = json_get(find_light(s->before, s->lamp), "state");
    const struct json *now = json_get(find_light(after, s->lamp), "state");
    bool on = json_is_true(json_get(old, "on"));
    bool moved = json_number(json_get(old, "level"), &was) == 0 && json_number(json_get(now, "level"), &is) == 0 &&
                 (was > is || was < is);
    struct str body = STR_INIT;
    struct json_out j;
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_member_text(&j, "light", s->lamp);
    if (moved && on) {
        json_put_key(&j, "level");
        json_put_fixed(&j, (int64_t)(was * 100 + 0.5), 2);
    } else {
        json_member_bool(&j, "on", on);
    }
    json_end_object(&j);
    if ((moved && on) || on != json_is_true(json_get(now, "on"))) {
        struct json *answer = NULL;
        (void)control_ask(s->socket, "/control/light", &body, &answer);
        json_free(answer);
    }
    str_done(&body);
    json_free(after);
}

/* ---- acts ---- */

static void act_done(void *user, int result)
{
    struct selftest *s = user;
    s->result = result;
    s->ended = true;
}

static void interrupted(void *user, int number)
{
    struct selftest *s = user;
    (void)number;
    s->interrupted = true;
}

/* True when every step of it passed. `absent` says why it cannot even begin. */
static bool act(struct selftest *s, const char *name, rehearsal_act_fn *start, const char *absent)
{
    s->ended = false;
    int err = s->interrupted ? ERR_CANCELLED : start(s->rehearsal, act_done, s);
    if (err != 0) {
        fail(s, name, err == ERR_NOT_FOUND ? absent : err_text(err));
        return false;
    }
    while (!s->ended && !s->interrupted) {
        loop_turn(s->loop, true);
    }
    if (s->interrupted) {
        fail(s, name, "interrupted");
    }
    return s->ended && s->result == 0;
}

static void remember_lamp(struct selftest *s)
{
    for (size_t i = 0; i < rehearsal_device_count(s->rehearsal); i++) {
        const struct rehearsal_device *device = rehearsal_device_at(s->rehearsal, i);
        if (device->asked) {
            s->lamp = mem_text(device->id);
        }
    }
}

static void lights_acts(struct selftest *s)
{
    static const char no_light[] = "SmartThings would be shown no light: `lightbridge lights` lists them, and "
                                   "`lightbridge light NAME --expose` shows one";
    static const char none_online[] = "no lamp is online to try it with: `lightbridge lights` says which were heard";
    if (rehearsal_wants_grant(s->rehearsal)) {
        (void)act(s, "callback", rehearsal_await, no_light);
    } else {
        fail(s, "callback",
             "the bridge did not ask for callback access: smartthings.callback_client_id and "
             "callback_client_secret_file, which SmartThings gives at registration, are not configured; "
             "`lightbridge setup` takes them");
    }
    if (act(s, "refresh", rehearsal_refresh, no_light)) {
        (void)act(s, "command", rehearsal_keep_command, none_online);
        remember_lamp(s);
    }
}

static void play(struct selftest *s)
{
    if (!act(s, "link", rehearsal_link, "")) {
        return;
    }
    if (!allow_callbacks(s, rehearsal_callback_url(s->rehearsal))) {
        fail(s, "allow", "the daemon does not let this link call back to the test");
        return;
    }
    if (act(s, "discovery", rehearsal_discover, "")) {
        lights_acts(s);
        (void)act(s, "renew", rehearsal_renew, "");
    }
    s->unlinked = act(s, "unlink", rehearsal_unlink, "");
}

/* Whatever happened: the link goes, with its trace, and the lamp is as it was. */
static void clean_up(struct selftest *s)
{
    put_lamp_back(s);
    if (!s->link && *rehearsal_token(s->rehearsal)) {
        (void)allow_callbacks(s, NULL); /* it got as far as a code: that is a link, too */
    }
    const char *const pairs[2][2] = {{"end", s->link}, {NULL, NULL}};
    if (s->link && ask(s, "/control/selftest", pairs, NULL) != EXIT_FINE) {
        fail(s, "clean up", "the link of this test is still there; end it with `lightbridge unlink`");
    }
}

/* ---- the command ---- */

static int run(struct selftest *s, struct rehearsal_config *r)
{
    struct str why = STR_INIT;
    int err = loop_new(&s->loop);
    if (err == 0) {
        r->step = print_step;
        r->user = s;
        err = rehearsal_new(s->loop, r, &s->rehearsal, &why);
    }
    if (err != 0) {
        fprintf(stderr, "lightbridge selftest: %s\n", why.len > 0 ? str_z(&why) : err_text(err));
        s->failed = true;
    } else {
        struct signal_watch *interrupt = signal_watch_new(s->loop, SIGINT, interrupted, s);
        struct signal_watch *terminate = signal_watch_new(s->loop, SIGTERM, interrupted, s);
        setvbuf(stdout, NULL, _IOLBF, 0);
        play(s);
        clean_up(s);
        puts(s->failed ? "the selftest found something that does not work"
                       : "everything works, nothing is left behind");
        signal_watch_free(interrupt);
        signal_watch_free(terminate);
    }
    rehearsal_free(s->rehearsal);
    loop_free(s->loop);
    str_done(&why);
    return s->failed ? EXIT_NO : EXIT_FINE;
}

static int secret_of(const char *path, struct str *secret)
{
    struct str why = STR_INIT;
    if (!path) {
        return 0;
    }
    char *real = config_secret_path(path);
    int err = file_read_secret(real, secret, &why);
    if (err != 0) {
        fprintf(stderr, "lightbridge selftest: %s%s\n", str_z(&why),
                err == ERR_DENIED ? " (this user may not read it; try sudo)" : "");
    }
    str_done(&why);
    free(real);
    return err;
}

static int read_secrets(const struct config_smartthings *st, struct str secrets[2])
{
    if (!st->client_secret_file) {
        fprintf(stderr, "lightbridge selftest: smartthings.client_secret_file is not configured, so nobody can link; "
                        "`lightbridge setup` makes it\n");
        return ERR_NOT_FOUND;
    }
    int err = secret_of(st->client_secret_file, &secrets[0]);
    return err != 0 ? err : secret_of(st->callback_client_secret_file, &secrets[1]);
}

static int with_config(const struct command *self, const struct config *config, struct rehearsal_config *r)
{
    struct selftest s = {.socket = config->local.socket};
    struct str secrets[2] = {STR_INIT, STR_INIT}, password = STR_INIT;
    const struct config_smartthings *st = &config->smartthings;
    int exit_code = EXIT_NO;
    if (!config->public.url) {
        fprintf(stderr,
                "lightbridge selftest: public.url is not configured, so SmartThings has no way in; `lightbridge "
                "setup` asks for it\n");
    } else if (st->redirect_uris_count == 0) {
        fprintf(stderr, "lightbridge selftest: smartthings.redirect_uris is empty: nobody can link\n");
    } else if (read_secrets(st, secrets) == 0 &&
               (exit_code = control_ask(s.socket, "/control/lights", NULL, &s.before)) == EXIT_FINE) {
        exit_code = EXIT_NO;
        if (command_password(self, false, &password) == 0) {
            r->url = config->public.url;
            r->password = str_z(&password);
            r->client_id = st->client_id;
            r->client_secret = str_z(&secrets[0]);
            r->redirect_uri = st->redirect_uris[0];
            r->callback_client_id = st->callback_client_id;
            r->callback_client_secret = str_z(&secrets[1]);
            exit_code = run(&s, r);
        }
    }
    struct str *const wiped[] = {&secrets[0], &secrets[1], &password};
    for (size_t i = 0; i < 3; i++) {
        secrets_wipe(wiped[i]->data, wiped[i]->len);
        str_done(wiped[i]);
    }
    json_free(s.before);
    free(s.link);
    free(s.lamp);
    return exit_code;
}

int command_selftest(const struct command *self, int argc, char **argv)
{
    const char *path = NULL;
    size_t count;
    int exit_code;
    struct rehearsal_config r = {0};
    struct config *config = NULL;
    const struct option_spec options[] = {{"config", &path, NULL},
                                          {"account", &r.account, NULL},
                                          {"ca-file", &r.ca_file, NULL},
                                          {"connect", &r.connect_to, NULL}};
    if (command_options(self, argc, argv, options, 4, NULL, 0, &count, &exit_code) != 0) {
        return exit_code;
    }
    if (!r.account) {
        return command_usage(self, "which account shall it log in as? --account NAME; `lightbridge account list`");
    }
    exit_code = command_config(path, &config);
    if (exit_code == EXIT_FINE) {
        exit_code = with_config(self, config, &r);
    }
    config_free(config);
    return exit_code;
}
