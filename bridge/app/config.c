#include "app/config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config_check.h"
#include "app/config_explain.h"
#include "app/config_place.h"
#include "app/config_schema.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"

/* libcyaml's complaint: the first line is the cause, what follows tells where. */
static void hear(cyaml_log_t level, void *context, const char *format, va_list args)
{
    struct config_complaint *c = context;
    char text[512];
    unsigned long line;
    unsigned long column;
    char *end;
    if (level < CYAML_LOG_ERROR) {
        return;
    }
    (void)vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = 0;
    const char *at = strstr(text, "(line: ");
    if (at) {
        line = strtoul(at + strlen("(line: "), &end, 10);
        column = strncmp(end, ", column: ", 10) == 0 ? strtoul(end + 10, NULL, 10) : 0;
        if (c->line == 0) {
            c->line = line;
            c->column = column;
        }
    } else if (!c->what[0] && !strstr(text, "Backtrace")) {
        (void)snprintf(c->what, sizeof c->what, "%s", strncmp(text, "Load: ", 6) == 0 ? text + 6 : text);
    }
}

static const cyaml_config_t *loader(struct config_complaint *c, cyaml_config_t *memory)
{
    *memory = (cyaml_config_t){
        .log_fn = hear, .log_ctx = c, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR, .flags = CYAML_CFG_NO_ALIAS};
    return memory;
}

static bool is_empty(const struct config_places *places)
{
    size_t count = config_places_count(places); /* nothing but comments, or a lone "---" */
    return count == 0 ||
           (count == 1 && config_places_at(places, 0)->kind == CONFIG_TEXT && config_places_at(places, 0)->len == 0);
}

static int read_structure(const char *text, size_t len, const char *path, const struct config_places *places,
                          struct config **ret_config, struct str *why)
{
    struct config_complaint c = {0};
    cyaml_config_t memory;
    size_t line;
    size_t column;
    cyaml_err_t err = CYAML_ERR_INVALID_VALUE;
    if (!config_places_problem(places, &line, &column)) {
        bool empty = is_empty(places);
        err = cyaml_load_data((const uint8_t *)(empty ? "{}" : text), empty ? 2 : len, loader(&c, &memory),
                              &config_schema, (cyaml_data_t **)ret_config, NULL);
    }
    if (err == CYAML_OK) {
        return 0;
    }
    if (!c.what[0]) {
        (void)snprintf(c.what, sizeof c.what, "%s", cyaml_strerror(err));
    }
    config_explain(path, places, &c, why);
    return ERR_INVALID;
}

static int parse(const char *text, size_t len, const char *path, bool files, struct config **ret_config,
                 struct str *why)
{
    struct config_places *places = config_places_new(text, len);
    struct config *config = NULL;
    int err = read_structure(text, len, path, places, &config, why);
    if (err == 0) {
        if (!config_places_find(places, "log.level")) {
            config->log.level = LOG_LEVEL_INFO; /* 0, which libcyaml leaves there, is "error" */
        }
        if (!config_places_find(places, "partner.requests_per_minute")) {
            config->partner.requests_per_minute = 120;
        }
        if (!config_places_find(places, "accounts.memory_kib")) {
            config->accounts.memory_kib = SECRETS_COST_DEFAULT.memory_kib;
        }
        if (!config_places_find(places, "accounts.passes")) {
            config->accounts.passes = SECRETS_COST_DEFAULT.passes;
        }
        config_complete(config, places, path);
        err = config_check(config, path, places, files, why);
    }
    config_places_free(places);
    if (err != 0) {
        config_free(config);
        return err;
    }
    *ret_config = config;
    return 0;
}

int config_parse(const char *text, size_t len, const char *path, struct config **ret_config, struct str *why)
{
    return parse(text, len, path, true, ret_config, why);
}

int config_parse_alone(const char *text, size_t len, const char *path, struct config **ret_config, struct str *why)
{
    return parse(text, len, path, false, ret_config, why);
}

static int load(const char *path, bool files, struct config **ret_config, struct str *why)
{
    struct str text = STR_INIT;
    struct stat st;
    int err = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? ERR_IO : file_read(path, CONFIG_MAX_BYTES, &text);
    if (err == 0) {
        err = parse(str_z(&text), text.len, path, files, ret_config, why);
    } else {
        str_printf(why, "%s: %s\n", path,
                   err == ERR_NOT_FOUND   ? "no such file (an empty file is a valid configuration)"
                   : err == ERR_DENIED    ? "this user may not read it"
                   : err == ERR_TOO_LARGE ? "is larger than 1 MiB: this is no configuration"
                                          : "is no file that can be read");
    }
    str_done(&text);
    return err;
}

int config_load(const char *path, struct config **ret_config, struct str *why)
{
    return load(path, true, ret_config, why);
}

int config_load_beside(const char *path, struct config **ret_config, struct str *why)
{
    return load(path, false, ret_config, why);
}

void config_free(struct config *config)
{
    struct config_complaint c = {0};
    cyaml_config_t memory;
    if (config) {
        cyaml_free(loader(&c, &memory), &config_schema, config, 0);
    }
}

struct secrets_cost config_password_cost(const struct config *config)
{
    return (struct secrets_cost){config->accounts.memory_kib, config->accounts.passes};
}

/* The last part of a path, or its last two joined by an underscore: what systemd makes of a file in a directory that
   LoadCredential= names (systemd.exec(5)). */
static void add_credential_name(struct str *s, const char *path, bool joined)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (joined && slash) {
        const char *folder = slash;
        while (folder > path && folder[-1] != '/') {
            folder--;
        }
        str_add(s, folder, (size_t)(slash - folder));
        str_add_char(s, '_');
    }
    str_add_z(s, name);
}

char *config_secret_path(const char *path)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    for (int joined = 0; directory && joined < 2; joined++) {
        struct str s = STR_INIT;
        str_printf(&s, "%s/", directory);
        add_credential_name(&s, path, joined != 0);
        if (access(str_z(&s), R_OK) == 0) {
            return str_take(&s);
        }
        str_done(&s);
    }
    return mem_text(path);
}

int config_split_listen(const char *text, struct str *ret_host, uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long port;
    size_t host_len;
    unsigned char address[16];
    if (!colon || colon[1] < '0' || colon[1] > '9') {
        return ERR_INVALID;
    }
    port = strtoul(colon + 1, &end, 10);
    if (*end || port > 65535) {
        return ERR_INVALID;
    }
    host_len = (size_t)(colon - text);
    bool six = host_len > 2 && text[0] == '[' && text[host_len - 1] == ']';
    char *host = mem_text_n(six ? text + 1 : text, six ? host_len - 2 : host_len);
    int ok = inet_pton(six ? AF_INET6 : AF_INET, host, address);
    if (ok == 1) {
        str_add_z(ret_host, host);
        *ret_port = (uint16_t)port;
    }
    free(host);
    return ok == 1 ? 0 : ERR_INVALID;
}
