/* setup: from nothing to "now link it in the app". Everything is asked before anything is written, and each file is
   written whole or not at all; asked again, what is there already is the answer. */
#include <errno.h>
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

#define SECRETS_FOLDER "secrets"
#define SECRET_FILE "smartthings.secret"
#define CALLBACK_SECRET_FILE "callback.secret"
#define SECRET_BYTES 24u

struct setup {
    const struct command *self;
    const char *path;
    struct str text; /* of the configuration file, as it will be */
    bool existed, changed, copied;
    unsigned mode;
    struct config *config; /* of `text` */
};

/* ---- asking ---- */

/* The answer, or `preset` for an empty line. ERR_INVALID: the input has ended. The caller frees. */
static int ask(const char *question, const char *preset, char **ret_answer)
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
        putchar('\n');
        fprintf(stderr, "lightbridge setup: the answers ended too early\n");
        return ERR_INVALID;
    }
    if (!isatty(STDIN_FILENO)) {
        putchar('\n');
    }
    line[strcspn(line, "\r\n")] = 0;
    *ret_answer = mem_text(*line ? line : preset ? preset : "");
    secrets_wipe(line, sizeof line);
    return 0;
}

/* ---- the file ---- */

static int parse(struct setup *s)
{
    struct str why = STR_INIT;
    struct config *config = NULL;
    int err = config_parse_alone(str_z(&s->text), s->text.len, s->path, &config, &why);
    if (err != 0) {
        fprintf(stderr, "%s", str_z(&why));
    } else {
        config_free(s->config);
        s->config = config;
    }
    str_done(&why);
    return err;
}

static int load(struct setup *s)
{
    struct stat st;
    int err = file_read(s->path, CONFIG_MAX_BYTES, &s->text);
    s->existed = err == 0;
    s->mode = err == 0 && stat(s->path, &st) == 0 ? (unsigned)st.st_mode & 0777u : 0644;
    if (err != 0 && err != ERR_NOT_FOUND) {
        fprintf(stderr, "lightbridge setup: %s cannot be read: %s\n", s->path, err_text(err));
        return err;
    }
    return parse(s);
}

static int set(struct setup *s, const char *section, const char *key, const char *value)
{
    int err = config_edit_set(&s->text, section, key, value);
    if (err != 0) {
        fprintf(stderr,
                "lightbridge setup: %s: %s stands in a form that is not changed by machine; set %s.%s to \"%s\" by "
                "hand\n",
                s->path, section, section, key, value);
    }
    s->changed = true;
    return err;
}

/* The copy is of what was there before the first change. */
static int save(struct setup *s)
{
    struct str name = STR_INIT, old = STR_INIT;
    int err = parse(s);
    if (err == 0 && s->changed && s->existed && !s->copied && file_read(s->path, CONFIG_MAX_BYTES, &old) == 0) {
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

/* What the configuration is to call a secret. Where a folder for them lies beside it, as the package has one, systemd
   gives the daemon what lies there, and it may read no other. The caller frees. */
static char *secret_name(const struct setup *s, const char *file)
{
    struct stat st;
    struct str name = STR_INIT;
    char *folder = file_resolve(s->path, SECRETS_FOLDER);
    bool there = stat(folder, &st) == 0 && S_ISDIR(st.st_mode);
    str_printf(&name, "%s%s%s", there ? SECRETS_FOLDER : "", there ? "/" : "", file);
    free(folder);
    return str_take(&name);
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

/* ---- steps ---- */

static int take_url(struct setup *s)
{
    char *url = NULL;
    int err = ask("Public URL under which SmartThings reaches this bridge (https://lights.example.org)",
                  s->config->public.url, &url);
    if (err == 0 && (!s->config->public.url || strcmp(url, s->config->public.url) != 0)) {
        err = set(s, "public", "url", url);
    }
    if (err == 0) {
        err = parse(s); /* says what is wrong with it before anything is written */
    }
    free(url);
    return err;
}

/* SmartThings is told this secret once: what is there is kept. */
static int make_secret(struct setup *s, struct str *secret)
{
    const char *path = s->config->smartthings.client_secret_file;
    int err = 0;
    if (path && file_read_secret(path, secret, NULL) == 0) {
        return 0;
    }
    char *name = secret_name(s, SECRET_FILE);
    char *there = file_resolve(s->path, name);
    if (path || file_read_secret(there, secret, NULL) != 0) {
        secrets_random_text(secret, SECRET_BYTES);
        err = write_secret(s, path ? path : name, str_z(secret));
    }
    if (err == 0 && !path) {
        err = set(s, "smartthings", "client_secret_file", name);
    }
    free(there);
    free(name);
    return err;
}

static void print_console(const struct setup *s, const struct str *secret)
{
    const char *url = s->config->public.url;
    size_t len = strlen(url) - (url[strlen(url) - 1] == '/');
    printf("\nEnter this in SmartThings' developer console (a Schema app, hosting type webhook):\n"
           "  Authorization URI   %.*s/oauth/authorize\n"
           "  Token URI           %.*s/oauth/token\n"
           "  Client ID           %s\n"
           "  Client secret       %s\n"
           "  Scope               devices:read devices:control\n"
           "  Webhook URL         %.*s/smartthings/schema\n"
           "  Alert e-mail        an address that you read: SmartThings writes there when something fails\n"
           "It shows its own client id and secret then, the secret this once.\n\n",
           (int)len, url, (int)len, url, s->config->smartthings.client_id, str_z(secret), (int)len, url);
}

static int take_callback(struct setup *s)
{
    const char *old = s->config->smartthings.callback_client_id;
    char *id = NULL, *secret = NULL;
    int err = ask("SmartThings' client id, stClientId (empty: later)", old, &id);
    if (err == 0 && *id) {
        err = ask("SmartThings' client secret, stClientSecret (empty: as it is)", NULL, &secret);
    }
    if (err == 0 && *id && !*secret && !s->config->smartthings.callback_client_secret_file) {
        fprintf(stderr, "lightbridge setup: the secret is needed with the id\n");
        err = ERR_INVALID;
    }
    if (err == 0 && *id && (!old || strcmp(old, id) != 0)) {
        err = set(s, "smartthings", "callback_client_id", id);
    }
    if (err == 0 && *id && !s->config->smartthings.callback_client_secret_file) {
        char *name = secret_name(s, CALLBACK_SECRET_FILE);
        err = set(s, "smartthings", "callback_client_secret_file", name);
        free(name);
    }
    if (err == 0 && s->changed) {
        err = parse(s); /* swapped pairs are refused here, with nothing written */
    }
    if (err == 0 && secret && *secret) {
        err = write_secret(s, s->config->smartthings.callback_client_secret_file, secret);
    }
    if (secret) {
        secrets_wipe(secret, strlen(secret));
    }
    free(id);
    free(secret);
    return err != 0 ? err : save(s);
}

static int add_account(const struct setup *s, const char *name)
{
    char *words[] = {"account", "add", (char *)(uintptr_t)name, "--config", (char *)(uintptr_t)s->path, NULL};
    for (size_t i = 0; *name && i < command_count; i++) {
        if (strcmp(commands[i].name, words[0]) == 0) {
            return commands[i].run(&commands[i], 5, words);
        }
    }
    return EXIT_FINE;
}

static int play(struct setup *s)
{
    struct str secret = STR_INIT, why = STR_INIT;
    char *name = NULL;
    int err = load(s);
    if (err == 0 && (err = take_url(s)) == 0) {
        err = ask("Name of an account to log in with when linking (empty: none is added)", NULL, &name);
    }
    if (err == 0 && (err = installation_make_directory(s->path, 0755, &why)) != 0) {
        fprintf(stderr, "lightbridge setup: %s\n", str_z(&why));
    }
    if (err == 0 && (err = make_secret(s, &secret)) == 0 && (err = save(s)) == 0) {
        err = add_account(s, name) == EXIT_FINE ? 0 : ERR_REJECTED;
    }
    if (err == 0) {
        print_console(s, &secret);
        err = take_callback(s);
    }
    secrets_wipe(secret.data, secret.len);
    str_done(&secret);
    str_done(&why);
    free(name);
    return err;
}

int command_setup(const struct command *self, int argc, char **argv)
{
    struct setup s = {.self = self};
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
        puts("\nNow start the daemon, or restart it: systemctl restart lightbridge. Then link it in the app: add a "
             "device,\n"
             "My Testing Devices. How things are now:\n");
        exit_code = command_doctor(&commands[0], 3, words);
    }
    config_free(s.config);
    str_done(&s.text);
    return exit_code;
}
