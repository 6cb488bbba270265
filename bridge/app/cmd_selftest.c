/* selftest: plays SmartThings against the running bridge, through its public URL. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    char *lamp;          /* id of the one that was commanded; NULL: none yet */
    struct json *before; /* the lights as they were */
    bool ended;          /* the act under way */
    int result;
    bool begun, linked; /* announced; it has the allowance */
    bool gone;          /* the daemon that it was announced to */
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

enum { DAEMON_STARTS_S = 20 }; /* it may be starting again in the middle of a test */

/* POST /control/selftest (bridge/local/selftest.c). The second text may be NULL: left out. */
static int tell(const struct selftest *s, const char *name, const char *callback, bool silent)
{
    struct str body = STR_INIT;
    struct json_out j;
    struct json *answer = NULL;
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_member_text(&j, name, rehearsal_state(s->rehearsal));
    if (callback) {
        json_member_text(&j, "callback", callback);
    }
    json_end_object(&j);
    int exit_code = (silent ? control_try : control_ask)(s->socket, "/control/selftest", &body, &answer);
    json_free(answer);
    str_done(&body);
    return exit_code;
}

/* A daemon that is being restarted is waited for. */
static int wait_for_daemon(const struct selftest *s, struct json **ret_lights)
{
    int exit_code = control_try(s->socket, "/control/lights", NULL, ret_lights);
    for (int i = 0; i < DAEMON_STARTS_S * 5 && exit_code == EXIT_UNREACHABLE && !s->interrupted; i++) {
        (void)usleep(200 * 1000);
        exit_code = control_try(s->socket, "/control/lights", NULL, ret_lights);
    }
    return exit_code;
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
    if (!s->lamp || wait_for_daemon(s, &after) != EXIT_FINE) {
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

/* A daemon that was restarted has ended the link: whoever goes on now looks like a stranger, and leaves his traces. */
static bool goes_on(struct selftest *s, const char *name)
{
    if (s->linked && !s->gone && !s->interrupted &&
        tell(s, "state", rehearsal_callback_url(s->rehearsal), true) != EXIT_FINE) {
        fail(s, name, "the daemon was restarted, or ended, in the middle of this test: run it again");
        s->gone = true;
    }
    return !s->gone;
}

/* True when every step of it passed. `absent` says why it cannot even begin. */
static bool act(struct selftest *s, const char *name, rehearsal_act_fn *start, const char *absent)
{
    if (!goes_on(s, name)) {
        return false;
    }
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
        if (device->asked) { // all of them, where the command was never sent
            free(s->lamp);
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
    if (tell(s, "state", NULL, false) != EXIT_FINE) {
        fail(s, "begin", "the daemon does not take a selftest now");
        return;
    }
    s->begun = true;
    if (!act(s, "link", rehearsal_link, "")) {
        return;
    }
    if (tell(s, "state", rehearsal_callback_url(s->rehearsal), false) != EXIT_FINE) {
        fail(s, "allow", "the daemon does not let this link call back to the test");
        return;
    }
    s->linked = true;
    if (act(s, "discovery", rehearsal_discover, "")) {
        lights_acts(s);
        (void)act(s, "renew", rehearsal_renew, "");
    }
    (void)act(s, "unlink", rehearsal_unlink, "");
}

/* Whatever happened: the link goes, with its trace, and the lamp is as it was. */
static void clean_up(struct selftest *s)
{
    struct json *lights = NULL;
    if (!s->begun) {
        return;
    }
    put_lamp_back(s);
    int exit_code = wait_for_daemon(s, &lights);
    json_free(lights);
    if (exit_code == EXIT_UNREACHABLE) {
        fail(s, "clean up", "the daemon is gone; what is left of this test goes when it starts again");
    } else if (tell(s, "end", NULL, false) != EXIT_FINE) {
        fail(s, "clean up", "the link of this test is still there; the daemon tries again in 3 minutes");
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
