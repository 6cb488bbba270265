/* setup: from nothing to "now link it in the app". What is wrong with an answer is said and asked again, on a terminal;
   each file is written whole or not at all; asked again, what is there already is the answer. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "app/config_edit.h"
#include "app/installation.h"
#include "app/print.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secrets.h"

/* Where there is a folder of secrets beside the configuration the service gets them from there, and from nowhere else
   (packaging/debian/lightbridge.service). */
#define SECRETS_FOLDER "secrets"
#define SECRET_FILE SECRETS_FOLDER "/smartthings.secret"
#define CALLBACK_SECRET_FILE SECRETS_FOLDER "/callback.secret"
#define SECRET_BYTES 24u

struct setup {
    const struct command *self;
    const char *path;
    struct str text; /* of the configuration file, as it will be */
    bool existed, changed, copied;
    bool terminal; /* somebody is there to be asked again */
    unsigned mode;
    struct config *config; /* of `text` */
};

/* ---- asking ---- */

static int input_ended(const struct setup *s)
{
    putchar('\n');
    fprintf(stderr, "lightbridge setup: the answers ended too early%s\n",
            s->terminal ? ""
                        : "; run it on a terminal, or give them as lines of standard input: public URL, name of an "
                          "account, its password, stClientId, stClientSecret");
    return ERR_CANCELLED;
}

/* The answer, or `preset` for an empty line. ERR_CANCELLED: the input has ended. The caller frees. */
static int ask(const struct setup *s, const char *question, const char *preset, char **ret_answer)
{
    char line[2048];
    printf("%s", question);
    if (preset && *preset) {
        fputs(" [", stdout);
        print_text(stdout, preset);
        fputs("]", stdout);
    }
    fputs(": ", stdout);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) {
        return input_ended(s);
    }
    if (!s->terminal) {
        putchar('\n');
    }
    line[strcspn(line, "\r\n")] = 0;
    *ret_answer = mem_text(*line ? line : preset ? preset : "");
    secrets_wipe(line, sizeof line);
    return 0;
}

/* The same without an echo. */
static int ask_secret(const struct setup *s, const char *question, char **ret_answer)
{
    char line[2048];
    fflush(stdout);
    int err = command_quiet_line(question, line, sizeof line);
    if (err == ERR_UNSUPPORTED) {
        return ask(s, question, NULL, ret_answer);
    }
    if (err != 0) {
        return input_ended(s);
    }
    *ret_answer = mem_text(line);
    secrets_wipe(line, sizeof line);
    return 0;
}

/* A script has said what it had to say. */
static bool asks_again(const struct setup *s, int err)
{
    return err == ERR_INVALID && s->terminal;
}

/* Whoever presses Ctrl-C stops it between two files, not in one. */
static void hold_signals(bool hold)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* ---- the file ---- */

static int parse(struct setup *s, struct str *why)
{
    struct config *config = NULL;
    int err = config_parse_alone(str_z(&s->text), s->text.len, s->path, &config, why);
    if (err == 0) {
        config_free(s->config);
        s->config = config;
    }
    return err;
}

/* Before anything is asked: nobody answers questions for nothing. */
static int check_writable(const struct setup *s)
{
    char *folder = file_resolve(s->path, ".");
    while (access(folder, F_OK) != 0 && errno == ENOENT && strchr(folder + 1, '/')) {
        *strrchr(folder, '/') = 0;
    }
    int err = access(folder, W_OK | X_OK) == 0 ? 0 : ERR_DENIED;
    if (err != 0) {
        fprintf(stderr, "lightbridge setup: %s cannot be written there: %s: %m%s\n", s->path, folder,
                errno == EACCES ? "; try sudo" : "");
    }
    free(folder);
    return err;
}

static int load(struct setup *s)
{
    struct stat st;
    struct str why = STR_INIT;
    int err = check_writable(s);
    if (err != 0) {
        return err;
    }
    err = file_read(s->path, CONFIG_MAX_BYTES, &s->text);
    s->existed = err == 0;
    s->mode = err == 0 && stat(s->path, &st) == 0 ? (unsigned)st.st_mode & 0777u : 0644;
    if (err != 0 && err != ERR_NOT_FOUND) {
        fprintf(stderr, "lightbridge setup: %s cannot be read: %s\n", s->path, err_text(err));
        return err;
    }
    err = parse(s, &why);
    fputs(str_z(&why), stderr);
    str_done(&why);
    return err;
}

struct edit {
    const char *section, *key, *value;
};

/* What a message of the configuration says of this key, without where in the file it stands: it is not there yet. */
static void say_reason(const char *why, const struct edit *edit)
{
    struct str key = STR_INIT;
    str_printf(&key, ": %s.%s: ", edit->section, edit->key);
    const char *at = strstr(why, str_z(&key));
    fprintf(stderr, "lightbridge setup: %s%s", at ? edit->key : "", at ? " " : "");
    fputs(at ? at + key.len : why, stderr);
    str_done(&key);
}

/* All of them, or the text is as it was: ERR_INVALID with the reason said, ERR_UNSUPPORTED where only a person can. */
static int apply(struct setup *s, const struct edit *edits, size_t count)
{
    struct str before = STR_INIT, why = STR_INIT;
    int err = 0;
    str_add(&before, s->text.data, s->text.len);
    for (size_t i = 0; i < count && err == 0; i++) {
        err = config_edit_set(&s->text, edits[i].section, edits[i].key, edits[i].value);
        if (err != 0) {
            fprintf(stderr,
                    "lightbridge setup: %s: %s stands in a form that is not changed by machine; set %s.%s to \"%s\" by "
                    "hand\n",
                    s->path, edits[i].section, edits[i].section, edits[i].key, edits[i].value);
        }
    }
    if (err == 0 && (err = parse(s, &why)) != 0) {
        say_reason(str_z(&why), &edits[0]);
        err = ERR_INVALID;
    }
    if (err != 0) {
        str_done(&s->text);
        s->text = before;
    } else {
        s->changed = s->changed || count > 0;
        str_done(&before);
    }
    str_done(&why);
    return err;
}

/* The copy is of what was there before the first change. */
static int save(struct setup *s)
{
    struct str name = STR_INIT, old = STR_INIT;
    int err = 0;
    if (s->changed && s->existed && !s->copied && file_read(s->path, CONFIG_MAX_BYTES, &old) == 0) {
        str_printf(&name, "%s.before-setup", s->path);
        err = file_write(str_z(&name), str_z(&old), old.len, s->mode);
        s->copied = err == 0;
    }
    if (err == 0 && s->changed) {
        err = file_write(s->path, str_z(&s->text), s->text.len, s->mode);
    }
    if (err != 0) {
        fprintf(stderr, "lightbridge setup: %s cannot be written: %s\n", s->path, err_text(err));
    }
    s->changed = false;
    str_done(&name);
    str_done(&old);
    return err;
}

static int write_secret(const struct setup *s, const char *name, const char *secret)
{
    char *path = file_resolve(s->path, name);
    struct str line = STR_INIT;
    str_printf(&line, "%s\n", secret);
    int err = file_write(path, line.data, line.len, 0600);
    if (err != 0) {
        fprintf(stderr, "lightbridge setup: %s cannot be written: %s\n", path, err_text(err));
    }
    secrets_wipe(line.data, line.len);
    str_done(&line);
    free(path);
    return err;
}

/* ---- 1: the public URL ---- */

static int take_url(struct setup *s)
{
    int err;
    printf("\n1 of 3: the public URL\n"
           "SmartThings comes from the internet, to an https address that leads to this bridge: a name of yours\n"
           "with a certificate of a public authority, by a forwarded port or a tunnel.\n");
    do {
        char *url = NULL;
        err = ask(s, "Public URL, such as https://lights.example.org", s->config->public.url, &url);
        if (err == 0 && !*url) {
            fprintf(stderr, "lightbridge setup: without it SmartThings has no way in\n");
            err = ERR_INVALID;
        } else if (err == 0 && (!s->config->public.url || strcmp(url, s->config->public.url) != 0)) {
            err = apply(s, &(struct edit){"public", "url", url}, 1);
        }
        free(url);
    } while (asks_again(s, err));
    return err;
}

/* Of SECRET_FILE, or what it is called where there is no such folder. */
static const char *place_secret(const struct setup *s, const char *name)
{
    struct stat st;
    char *folder = file_resolve(s->path, SECRETS_FOLDER);
    bool there = stat(folder, &st) == 0 && S_ISDIR(st.st_mode);
    free(folder);
    return there ? name : strrchr(name, '/') + 1;
}

/* SmartThings is told this secret once: what is there is kept. */
static int make_secret(struct setup *s, struct str *secret)
{
    const char *path = s->config->smartthings.client_secret_file, *name = place_secret(s, SECRET_FILE);
    int err = 0;
    if (path && file_read_secret(path, secret, NULL) == 0) {
        return 0;
    }
    char *there = file_resolve(s->path, name);
    if (path || file_read_secret(there, secret, NULL) != 0) {
        secrets_random_text(secret, SECRET_BYTES);
        err = write_secret(s, path ? path : name, str_z(secret));
    }
    free(there);
    return err != 0 || path ? err : apply(s, &(struct edit){"smartthings", "client_secret_file", name}, 1);
}

static int write_first(struct setup *s, struct str *secret)
{
    struct str why = STR_INIT;
    hold_signals(true);
    int err = installation_make_directory(s->path, 0755, &why);
    if (err != 0) {
        fprintf(stderr, "lightbridge setup: %s\n", str_z(&why));
    }
    if (err == 0 && (err = make_secret(s, secret)) == 0) {
        err = save(s);
    }
    hold_signals(false);
    str_done(&why);
    return err;
}

/* ---- 2: an account ---- */

static int add_account(const struct setup *s, const char *name)
{
    char *words[] = {"account", "add", (char *)(uintptr_t)name, "--config", (char *)(uintptr_t)s->path, NULL};
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i].name, words[0]) == 0) {
            return commands[i].run(&commands[i], 5, words) == EXIT_FINE ? 0 : ERR_INVALID;
        }
    }
    return ERR_NOT_FOUND;
}

static int ask_account(const struct setup *s, char **ret_name)
{
    printf("\n2 of 3: an account\n"
           "The app shows a page of this bridge that asks for a name and a password. They are the bridge's own,\n"
           "none of Samsung's: make them up. `lightbridge account` adds and changes them later.\n");
    return ask(s, "Name of the account (empty: none is added now)", NULL, ret_name);
}

static int take_account(const struct setup *s, char **name)
{
    int err = **name ? add_account(s, *name) : 0;
    while (asks_again(s, err)) {
        free(*name);
        *name = NULL;
        err = ask(s, "Name of the account (empty: none is added now)", NULL, name);
        if (err == 0 && **name) {
            err = add_account(s, *name);
        }
    }
    return err;
}

/* ---- 3: what goes into SmartThings' console, and what it gives back ---- */

static void print_console(const struct setup *s, const struct str *secret)
{
    const char *url = s->config->public.url;
    size_t len = strlen(url) - (url[strlen(url) - 1] == '/');
    printf("\n3 of 3: SmartThings' developer console, developer.smartthings.com\n"
           "Make a project there: a Schema app (cloud connector), hosting type webhook. Enter this:\n"
           "  Authorization URI   %.*s/oauth/authorize\n"
           "  Token URI           %.*s/oauth/token\n"
           "  Client ID           %s\n"
           "  Client secret       %s\n"
           "  Scope               devices:read devices:control\n"
           "  Webhook URL         %.*s/smartthings/schema\n"
           "  Alert e-mail        an address that you read: SmartThings writes there when something fails\n"
           "Then it shows a client id and secret of its own, the secret this once. They are another pair than the\n"
           "one above: with them the bridge tells SmartThings what was switched here.\n",
           (int)len, url, (int)len, url, s->config->smartthings.client_id, str_z(secret), (int)len, url);
}

static int apply_callback(struct setup *s, const char *id, const char *secret)
{
    const struct config_smartthings *st = &s->config->smartthings;
    struct edit edits[2];
    size_t count = 0;
    if (!*secret && !st->callback_client_secret_file) {
        fprintf(stderr, "lightbridge setup: the secret is needed with the id\n");
        return ERR_INVALID;
    }
    if (!st->callback_client_id || strcmp(st->callback_client_id, id) != 0) {
        edits[count++] = (struct edit){"smartthings", "callback_client_id", id};
    }
    if (!st->callback_client_secret_file) {
        edits[count++] =
            (struct edit){"smartthings", "callback_client_secret_file", place_secret(s, CALLBACK_SECRET_FILE)};
    }
    int err = count > 0 ? apply(s, edits, count) : 0; /* swapped pairs are refused here */
    if (err != 0) {
        return err;
    }
    hold_signals(true);
    if (*secret) {
        err = write_secret(s, s->config->smartthings.callback_client_secret_file, secret);
    }
    if (err == 0) {
        err = save(s);
    }
    hold_signals(false);
    return err;
}

static int take_callback(struct setup *s)
{
    int err;
    do {
        char *id = NULL, *secret = NULL; /* the secret is asked for where there is an id */
        bool has_secret = s->config->smartthings.callback_client_secret_file != NULL;
        err =
            ask(s, "SmartThings' client id, stClientId (empty: later)", s->config->smartthings.callback_client_id, &id);
        if (err == 0 && *id) {
            err = ask_secret(s,
                             has_secret ? "SmartThings' client secret, stClientSecret (empty: as it is)"
                                        : "SmartThings' client secret, stClientSecret",
                             &secret);
        }
        if (err == 0 && secret) {
            err = apply_callback(s, id, secret);
        }
        if (secret) {
            secrets_wipe(secret, strlen(secret));
        }
        free(id);
        free(secret);
    } while (asks_again(s, err));
    return err;
}

/* ---- the command ---- */

static int play(struct setup *s)
{
    struct str secret = STR_INIT;
    char *name = NULL;
    int err = load(s);
    if (err == 0) {
        printf("This %s %s. An empty answer keeps what stands in [brackets].\nCtrl-C stops it; it can be run again at "
               "any time.\n",
               s->existed ? "changes what you answer in" : "makes", s->path);
        err = take_url(s);
    }
    if (err == 0 && (err = ask_account(s, &name)) == 0 && (err = write_first(s, &secret)) == 0 &&
        (err = take_account(s, &name)) == 0) {
        print_console(s, &secret);
        err = take_callback(s);
    }
    secrets_wipe(secret.data, secret.len);
    str_done(&secret);
    free(name);
    return err;
}

int command_setup(const struct command *self, int argc, char **argv)
{
    struct setup s = {.self = self, .terminal = isatty(STDIN_FILENO) != 0};
    size_t count;
    int exit_code;
    const struct option_spec options[] = {{"config", &s.path, NULL}};
    if (command_options(self, argc, argv, options, 1, NULL, 0, &count, &exit_code) != 0) {
        return exit_code;
    }
    s.path = s.path ? s.path : CONFIG_PATH;
    exit_code = play(&s) == 0 ? EXIT_FINE : EXIT_NO;
    if (exit_code == EXIT_FINE) {
        char *words[] = {"doctor", "--config", (char *)(uintptr_t)s.path, NULL};
        puts("\nNow start the daemon, or restart it: systemctl restart lightbridge. When `lightbridge doctor` says "
             "that\n"
             "all is well, link it in the app: add a device, My Testing Devices. How things are at this moment:\n");
        exit_code = command_doctor(&commands[0], 3, words);
    }
    config_free(s.config);
    str_done(&s.text);
    return exit_code;
}
