/* lightbridge-sim smartthings: the command line, and what is printed. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/secrets.h"
#include "loop/loop.h"
#include "rehearsal/rehearsal.h"
#include "sim/smartthings_words.h"
#include "sim/subcommand.h"

#define LINE_MAX_BYTES 4096u

struct player {
    struct loop *loop;
    struct rehearsal *rehearsal;
    struct watch *input;
    struct str typed;
    bool busy, once;
    int exit_code;
};

/* ---- printing ---- */

static void print_line(const char *begin, const struct str *text)
{
    struct str line = STR_INIT;
    log_escape(&line, str_z(text), text->len); /* names come from the bridge */
    printf("%s%s\n", begin, str_z(&line));
    str_done(&line);
}

static void print_step(void *user, const struct rehearsal_step *step)
{
    static const char *const begin[] = {
        [REHEARSAL_PASSED] = "ok    ", [REHEARSAL_FAILED] = "FAIL  ", [REHEARSAL_SKIPPED] = "skip  "};
    struct str text = STR_INIT;
    (void)user;
    str_printf(&text, "%-10s ", step->name);
    if (step->outcome == REHEARSAL_PASSED) {
        str_printf(&text, "%s: %s (%llu ms)", step->did, step->got, (unsigned long long)step->took_ms);
    } else if (step->outcome == REHEARSAL_FAILED) {
        str_printf(&text, "%s: expected %s; got: %s", step->did, step->expected, step->got);
    } else {
        str_add_z(&text, step->got);
    }
    print_line(begin[step->outcome], &text);
    str_done(&text);
}

static void print_callback(void *user, const struct rehearsal_callback *callback)
{
    static const struct {
        const char *type, *name;
    } names[] = {{"stateCallback", "state"},
                 {"discoveryCallback", "devices"},
                 {"accessTokenRequest", "token"},
                 {"refreshAccessTokens", "renewal"}};
    const char *name = callback->type;
    struct str text = STR_INIT;
    (void)user;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        name = strcmp(callback->type, names[i].type) == 0 ? names[i].name : name;
    }
    str_printf(&text, "%-10s ", name);
    if (callback->status != 200 && callback->status != 0) {
        str_printf(&text, "%d: ", callback->status);
    }
    str_add_z(&text, callback->said);
    print_line("told  ", &text);
    str_done(&text);
}

/* ---- what is typed ---- */

static void read_typed(struct player *p);

static void line_done(void *user, int result)
{
    struct player *p = user;
    (void)result; /* its steps were printed */
    p->busy = false;
    read_typed(p);
}

static void run_line(struct player *p, char *line)
{
    struct str say = STR_INIT;
    switch (words_line(p->rehearsal, line, line_done, p, &say)) {
    case WORDS_BUSY:
        p->busy = true;
        break;
    case WORDS_QUIT:
        loop_stop(p->loop);
        p->busy = true; /* nothing more is read */
        break;
    case WORDS_OVER:
        break;
    }
    if (say.len > 0) {
        puts(str_z(&say));
    }
    str_done(&say);
}

/* One line at a time: an act must have ended before the next word counts. */
static void read_typed(struct player *p)
{
    char *end;
    while (!p->busy && p->typed.len > 0 && (end = memchr(p->typed.data, '\n', p->typed.len)) != NULL) {
        struct str line = STR_INIT;
        size_t len = (size_t)(end - p->typed.data) + 1;
        str_add(&line, p->typed.data, len - 1);
        memmove(p->typed.data, p->typed.data + len, p->typed.len - len + 1);
        p->typed.len -= len;
        run_line(p, line.data);
        str_done(&line);
    }
    if (p->input) {
        watch_set(p->input, p->busy ? 0 : WATCH_READ);
    }
}

static void typed(void *user, int events)
{
    struct player *p = user;
    char bytes[512];
    (void)events;
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n > 0 && p->typed.len + (size_t)n <= LINE_MAX_BYTES) {
        str_add(&p->typed, bytes, (size_t)n);
        read_typed(p);
    } else if (n > 0) {
        str_clear(&p->typed);
        puts("that line is too long");
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        watch_free(p->input); /* nobody types any more; callbacks go on being printed */
        p->input = NULL;
    }
}

/* ---- the play ---- */

static const struct rehearsal_act whole_round[] = {
    {"link", rehearsal_link},           {"discovery", rehearsal_discover}, {"refresh", rehearsal_refresh},
    {"command", rehearsal_try_command}, {"renew", rehearsal_renew},        {"unlink", rehearsal_unlink},
};

static void first_round_done(void *user, int result)
{
    struct player *p = user;
    p->busy = false;
    if (p->once) {
        p->exit_code = result == 0 ? SIM_EXIT_FINE : SIM_EXIT_NO;
        loop_stop(p->loop);
    } else if (result == 0) {
        printf("ready: %zu devices; callbacks are taken at %s; type help\n", rehearsal_device_count(p->rehearsal),
               rehearsal_callback_url(p->rehearsal));
    } else {
        puts("failed: the first round did not pass; type link to try again, or help");
    }
    if (!p->once) {
        p->input = watch_new(p->loop, STDIN_FILENO, WATCH_READ, typed, p);
    }
}

static void signalled(void *user, int number)
{
    struct player *p = user;
    (void)number;
    loop_stop(p->loop);
}

static int play(struct player *p)
{
    struct signal_watch *interrupt = signal_watch_new(p->loop, SIGINT, signalled, p);
    struct signal_watch *terminate = signal_watch_new(p->loop, SIGTERM, signalled, p);
    p->busy = true;
    if (p->once) {
        (void)rehearsal_play(p->rehearsal, whole_round, sizeof whole_round / sizeof whole_round[0], first_round_done,
                             p);
    } else {
        (void)rehearsal_play(p->rehearsal, rehearsal_first_round, rehearsal_first_round_count, first_round_done, p);
    }
    loop_run(p->loop);
    watch_free(p->input);
    signal_watch_free(interrupt);
    signal_watch_free(terminate);
    return p->exit_code;
}

/* ---- the command line ---- */

enum {
    REFUSE,
    RATE_LIMIT,
    FAIL,
    HANG,
    LOSE,
    TOKEN_REFUSE,
    TOKEN_RATE_LIMIT,
    TOKEN_FAIL,
    TOKEN_HANG,
    TOKEN_LOSE,
    FAULTS
};
static const char *const fault_names[FAULTS] = {
    "refuse",       "rate-limit",       "fail",       "hang",       "lose",
    "token-refuse", "token-rate-limit", "token-fail", "token-hang", "token-lose"};

struct asked {
    struct rehearsal_config config;
    const char *password_file, *secret_file, *callback_secret_file;
    const char *faults[FAULTS];
    int64_t token_life, within;
    bool once;
};

static int read_options(const struct subcommand *self, int argc, char **argv, struct asked *a, int *ret_exit)
{
    struct rehearsal_config *c = &a->config;
    const struct option_row rows[] = {
        {"bridge", "URL", "the bridge's public URL, default http://127.0.0.1:8000", OPTION_TEXT, &c->url, 0, 0},
        {"account", "NAME", "an account of the bridge", OPTION_TEXT, &c->account, 0, 0},
        {"password-file", "FILE", "its password, one line", OPTION_TEXT, &a->password_file, 0, 0},
        {"client-id", "ID", "smartthings.client_id, default smartthings", OPTION_TEXT, &c->client_id, 0, 0},
        {"client-secret-file", "FILE", "what smartthings.client_secret_file holds", OPTION_TEXT, &a->secret_file, 0, 0},
        {"client-in-form", NULL, "present both in the form, not by HTTP Basic", OPTION_SWITCH, &c->client_in_form, 0,
         0},
        {"redirect-uri", "URL", "default: SmartThings' callback in Europe", OPTION_TEXT, &c->redirect_uri, 0, 0},
        {"callback-client-id", "ID", "smartthings.callback_client_id", OPTION_TEXT, &c->callback_client_id, 0, 0},
        {"callback-client-secret-file", "FILE", "its secret", OPTION_TEXT, &a->callback_secret_file, 0, 0},
        {"listen", "HOST:PORT", "where callbacks are taken, default 127.0.0.1 and a free port", OPTION_TEXT, &c->listen,
         0, 0},
        {"ca-file", "FILE", "trusted for the bridge's certificate, too", OPTION_TEXT, &c->ca_file, 0, 0},
        {"token-life", "S", "of callback tokens, default 86400", OPTION_WHOLE, &a->token_life, 1, 315360000},
        {"patience", "MS", "how long an answer may take, default 10000", OPTION_WHOLE, &a->within, 1, 600000},
        {"once", NULL,
         "link, discover, refresh, command, renew, unlink, then end:\n"
         "exit 0 when every step passed, otherwise 1",
         OPTION_SWITCH, &a->once, 0, 0},
        {"refuse", "N", "the next N callbacks are refused with 401", OPTION_TEXT, &a->faults[REFUSE], 0, 0},
        {"rate-limit", "N:SECONDS", "... with 429 and Retry-After", OPTION_TEXT, &a->faults[RATE_LIMIT], 0, 0},
        {"fail", "N:STATUS", "... with a status of 500 to 599", OPTION_TEXT, &a->faults[FAIL], 0, 0},
        {"hang", "N:SECONDS", "... get no answer", OPTION_TEXT, &a->faults[HANG], 0, 0},
        {"lose", "N", "... are taken, and their answers lost", OPTION_TEXT, &a->faults[LOSE], 0, 0},
        {"token-refuse", "N", "the same for token requests", OPTION_TEXT, &a->faults[TOKEN_REFUSE], 0, 0},
        {"token-rate-limit", "N:SECONDS", "likewise", OPTION_TEXT, &a->faults[TOKEN_RATE_LIMIT], 0, 0},
        {"token-fail", "N:STATUS", "likewise", OPTION_TEXT, &a->faults[TOKEN_FAIL], 0, 0},
        {"token-hang", "N:SECONDS", "likewise", OPTION_TEXT, &a->faults[TOKEN_HANG], 0, 0},
        {"token-lose", "N", "likewise", OPTION_TEXT, &a->faults[TOKEN_LOSE], 0, 0},
    };
    return subcommand_options(self, argc, argv, rows, sizeof rows / sizeof rows[0], words_help(), ret_exit);
}

static int read_secret(const struct subcommand *self, const char *path, struct str *secret)
{
    struct str why = STR_INIT;
    int err = file_read_secret(path, secret, &why);
    if (err != 0) {
        fprintf(stderr, "lightbridge-sim %s: %s\n", self->name, why.len > 0 ? str_z(&why) : err_text(err));
    }
    str_done(&why);
    return err;
}

static int order_faults(const struct subcommand *self, const struct asked *a, struct rehearsal *r)
{
    int exit_code = SIM_EXIT_FINE;
    for (size_t i = 0; exit_code == SIM_EXIT_FINE && i < FAULTS; i++) {
        struct str say = STR_INIT;
        if (a->faults[i] && words_fault(r, fault_names[i], a->faults[i], &say) != 0) {
            exit_code = subcommand_usage(self, "--%s %s: %s", fault_names[i], a->faults[i], str_z(&say));
        }
        str_done(&say);
    }
    return exit_code;
}

static int run(const struct subcommand *self, struct asked *a)
{
    struct player p = {.once = a->once};
    struct str why = STR_INIT;
    int exit_code = SIM_EXIT_NO;
    int err = loop_new(&p.loop);
    if (err == 0) {
        a->config.step = print_step;
        a->config.callback = print_callback;
        a->config.user = &p;
        a->config.token_life_s = (uint32_t)a->token_life;
        a->config.answer_within_ms = (uint32_t)a->within;
        err = rehearsal_new(p.loop, &a->config, &p.rehearsal, &why);
    }
    if (err != 0) {
        fprintf(stderr, "lightbridge-sim %s: %s\n", self->name, why.len > 0 ? str_z(&why) : err_text(err));
    } else {
        exit_code = order_faults(self, a, p.rehearsal);
        exit_code = exit_code == SIM_EXIT_FINE ? play(&p) : exit_code;
    }
    rehearsal_free(p.rehearsal);
    loop_free(p.loop);
    str_done(&p.typed);
    str_done(&why);
    return exit_code;
}

int subcommand_smartthings(const struct subcommand *self, int argc, char **argv)
{
    struct asked a = {
        .config = {.url = "http://127.0.0.1:8000", .client_id = "smartthings"}, .token_life = 86400, .within = 10000};
    struct str secrets[3] = {STR_INIT, STR_INIT, STR_INIT};
    int exit_code;
    if (read_options(self, argc, argv, &a, &exit_code) != 0) {
        return exit_code;
    }
    if (!a.config.account || !a.password_file || !a.secret_file) {
        return subcommand_usage(self, "--account, --password-file and --client-secret-file are needed");
    }
    if (!a.config.callback_client_id != !a.callback_secret_file) {
        return subcommand_usage(self, "--callback-client-id and --callback-client-secret-file belong together");
    }
    exit_code = SIM_EXIT_NO;
    if (read_secret(self, a.password_file, &secrets[0]) == 0 && read_secret(self, a.secret_file, &secrets[1]) == 0 &&
        (!a.callback_secret_file || read_secret(self, a.callback_secret_file, &secrets[2]) == 0)) {
        a.config.password = str_z(&secrets[0]);
        a.config.client_secret = str_z(&secrets[1]);
        a.config.callback_client_secret = str_z(&secrets[2]);
        setvbuf(stdout, NULL, _IOLBF, 0); /* whoever reads through a pipe sees each line as it happens */
        exit_code = run(self, &a);
    }
    for (size_t i = 0; i < 3; i++) {
        secrets_wipe(secrets[i].data, secrets[i].len);
        str_done(&secrets[i]);
    }
    return exit_code;
}
