/* check-config and store: what looks at files and needs no daemon. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/announce.h"
#include "app/command.h"
#include "app/control.h"
#include "app/installation.h"
#include "app/owner.h"
#include "base/err.h"
#include "base/json.h"
#include "loop/loop.h"
#include "store/store.h"

static const char *own_name(char name[static 256])
{
    if (gethostname(name, 255) != 0) {
        name[0] = 0;
    }
    name[255] = 0;
    return name;
}

static void print_notes(const struct config *config)
{
    char name[256];
    if (!config->smartthings.client_secret_file) {
        printf("note: smartthings.client_secret_file is not set: no account can be linked yet\n");
    }
    if (!config->smartthings.callback_client_id) {
        printf("note: smartthings.callback_client_id is not set: SmartThings will not hear of changes by itself\n");
    }
    if (announce_open(&config->local) && !announce_answers(&config->local, own_name(name))) {
        printf("note: local.names does not list %.*s.local: the page refuses that name, so it is not announced\n",
               (int)strcspn(name, "."), name);
    }
}

/* For a unit of systemd that sees no secrets, so they are not looked for. */
static int print_announcement(const char *path)
{
    struct config *config = NULL;
    struct str file = STR_INIT;
    char name[256];
    int exit_code = command_config_beside(path, &config);
    if (exit_code == EXIT_FINE) {
        announce_write(&config->local, own_name(name), &file);
        fputs(str_z(&file), stdout);
    }
    str_done(&file);
    config_free(config);
    return exit_code;
}

int command_check_config(const struct command *self, int argc, char **argv)
{
    const char *path = NULL;
    size_t count;
    int exit_code;
    int announcement = 0;
    const struct option_spec options[] = {{"config", &path, NULL}, {"announcement", NULL, &announcement}};
    struct config *config = NULL;
    if (command_options(self, argc, argv, options, 2, NULL, 0, &count, &exit_code) != 0) {
        return exit_code;
    }
    if (announcement) {
        return print_announcement(path);
    }
    exit_code = command_config(path, &config);
    if (exit_code == EXIT_FINE) {
        printf("%s: fine\n", path ? path : CONFIG_PATH);
        print_notes(config);
    }
    config_free(config);
    return exit_code;
}

bool command_daemon_runs(const char *socket)
{
    struct json *answer = NULL;
    int exit_code = control_try(socket, "/control/status", NULL, &answer);
    json_free(answer);
    return exit_code != EXIT_UNREACHABLE;
}

static bool confirmed(const char *path)
{
    char line[16];
    if (!isatty(STDIN_FILENO)) {
        fprintf(stderr, "lightbridge store: this ends every link and removes every account of %s; say --yes\n", path);
        return false;
    }
    printf("This ends every link and removes every account of %s. Type \"yes\": ", path);
    fflush(stdout);
    return fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0;
}

static int set_aside(const struct config *config)
{
    struct str where = STR_INIT;
    int claim = -1;
    int err = installation_claim(config->store.path, true, &claim, &where);
    if (err != 0) {
        fprintf(stderr, "lightbridge store: %s\n", str_z(&where));
        str_done(&where);
        return EXIT_NO;
    }
    err = store_set_aside(config->store.path, &where);
    installation_release(claim);
    if (err == 0) {
        printf("the old store is kept as %s\n", str_z(&where));
    } else if (err != ERR_NOT_FOUND) {
        fprintf(stderr, "lightbridge store: %s cannot be set aside: %s\n", config->store.path, err_text(err));
    }
    str_done(&where);
    return err == 0 || err == ERR_NOT_FOUND ? EXIT_FINE : EXIT_NO;
}

/* The new store is made here, on purpose: the daemon never makes one where a key shows that there was one. */
static int make_anew(const struct config *config)
{
    struct loop *loop = NULL;
    struct store *store = NULL;
    int err = loop_new(&loop);
    if (err == 0) {
        err = store_open(loop, &(struct store_config){config->store.path, false}, &store);
    }
    if (err != 0 || store_health(store) != STORE_OK) {
        fprintf(stderr, "lightbridge store: %s cannot be made: %s\n", config->store.path,
                err != 0 ? err_text(err) : store_trouble(store));
        err = ERR_IO;
    } else {
        printf("%s is new and empty; add an account with: lightbridge account add NAME\n", config->store.path);
    }
    if (store) {
        store_close(store);
    }
    loop_free(loop);
    return err == 0 ? EXIT_FINE : EXIT_NO;
}

static int reset(const struct config *config)
{
    struct str why = STR_INIT;
    struct owner owner;
    int exit_code = EXIT_NO;
    if (owner_become(config->store.path, &owner, &why) != 0) {
        fprintf(stderr, "lightbridge store: %s\n", str_z(&why));
    } else {
        exit_code = set_aside(config);
        exit_code = exit_code == EXIT_FINE ? make_anew(config) : exit_code;
    }
    owner_leave(&owner);
    str_done(&why);
    return exit_code;
}

int command_store(const struct command *self, int argc, char **argv)
{
    const char *path = NULL;
    const char *words[1];
    size_t count;
    int exit_code;
    int yes = 0;
    struct config *config = NULL;
    const struct option_spec options[] = {{"config", &path, NULL}, {"yes", NULL, &yes}};
    if (command_options(self, argc, argv, options, 2, words, 1, &count, &exit_code) != 0) {
        return exit_code;
    }
    if (count != 1 || strcmp(words[0], "reset") != 0) {
        return command_usage(self, "what shall be done? The one thing is \"reset\"");
    }
    exit_code = command_config_beside(path, &config);
    if (exit_code == EXIT_FINE && command_daemon_runs(config->local.socket)) {
        fprintf(stderr, "lightbridge store: the daemon is running; stop it first (systemctl stop lightbridge)\n");
        exit_code = EXIT_NO;
    }
    if (exit_code == EXIT_FINE) {
        exit_code = yes || confirmed(config->store.path) ? reset(config) : EXIT_NO;
    }
    config_free(config);
    return exit_code;
}
