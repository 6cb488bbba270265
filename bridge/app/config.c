#include "app/config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config_check.h"
#include "app/config_place.h"
#include "app/config_schema.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"

/* What libcyaml says while it fails: the first line is the cause, the next two tell where. */
struct complaint {
    char what[512];
    char field[64];
    unsigned line, column;
};

static void hear(cyaml_log_t level, void *context, const char *format, va_list args)
{
    struct complaint *c = context;
    char text[512];
    unsigned line = 0;
    unsigned column = 0;
    char *at;
    if (level < CYAML_LOG_ERROR) {
        return;
    }
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = 0;
    at = strstr(text, "(line: ");
    if (at && sscanf(at, "(line: %u, column: %u)", &line, &column) == 2) {
        if (c->line == 0) {
            c->line = line;
            c->column = column;
            (void)sscanf(text, "  in mapping field '%63[^']'", c->field);
        }
    } else if (!c->what[0]) {
        const char *colon = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
        snprintf(c->what, sizeof c->what, "%s", colon);
    }
}

/* Keys that are known inside the mapping in which the unknown key stands, for "what would be right". */
static void add_known_keys(struct str *why, const char *path)
{
    char parent[256] = "";
    const char *dot = strrchr(path, '.');
    size_t depth_len;
    const char *between = " (known here: ";
    if (dot) {
        size_t n = 0;
        for (const char *p = path; p < dot && n + 2 < sizeof parent; p++) {
            parent[n++] = *p;
            if (*p == '[') { /* mqtt[3] -> mqtt[] */
                while (p + 1 < dot && p[1] != ']') {
                    p++;
                }
            }
        }
        parent[n++] = '.';
        parent[n] = 0;
    }
    depth_len = strlen(parent);
    char last[64] = "";
    for (size_t i = 0; i < config_key_count; i++) {
        const char *key = config_keys[i].path + depth_len;
        if (strncmp(config_keys[i].path, parent, depth_len) != 0) {
            continue;
        }
        size_t len = strcspn(key, ".[");
        if (len == strlen(last) && strncmp(key, last, len) == 0) {
            continue;
        }
        snprintf(last, sizeof last, "%.*s", (int)len, key);
        str_printf(why, "%s%s", between, last);
        between = ", ";
    }
    str_add_z(why, depth_len > 0 || between[0] == ',' ? ")" : "");
}

static void explain(const char *path, const char *text, size_t len, const struct complaint *c, struct str *why)
{
    struct config_places *places = config_places_new(text, len);
    size_t line = c->line > 0 ? c->line : 1;
    size_t column = c->column > 0 ? c->column : 1;
    const char *unknown = strncmp(c->what, "Unexpected key: ", 16) == 0 ? c->what + 16 : NULL;
    const char *where = unknown ? config_place_of_key(places, unknown, line, &line, &column) : NULL;
    str_printf(why, "%s:%zu:%zu: ", path, line, column);
    if (unknown) {
        str_add_z(why, "unknown key \"");
        log_escape(why, unknown, strlen(unknown));
        str_add_z(why, "\"");
        if (where) {
            add_known_keys(why, where);
        }
    } else {
        if (c->field[0]) {
            str_printf(why, "%s: ", c->field);
        }
        log_escape(why, c->what, strlen(c->what));
    }
    str_add_char(why, '\n');
    config_places_free(places);
}

static const cyaml_config_t *loader(struct complaint *c, cyaml_config_t *memory)
{
    *memory = (cyaml_config_t){
        .log_fn = hear, .log_ctx = c, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR, .flags = CYAML_CFG_NO_ALIAS};
    return memory;
}

static int parse(const char *path, const char *text, size_t len, struct config **ret_config, struct str *why)
{
    struct complaint c = {0};
    cyaml_config_t memory;
    struct config *config = NULL;
    cyaml_err_t err = cyaml_load_data((const uint8_t *)text, len, loader(&c, &memory), &config_schema,
                                      (cyaml_data_t **)&config, NULL);
    if (err == CYAML_OK && !config) { /* nothing but comments */
        err = cyaml_load_data((const uint8_t *)"{}", 2, loader(&c, &memory), &config_schema, (cyaml_data_t **)&config,
                              NULL);
    }
    if (err != CYAML_OK) {
        if (!c.what[0]) {
            snprintf(c.what, sizeof c.what, "%s", cyaml_strerror(err));
        }
        explain(path, text, len, &c, why);
        return ERR_INVALID;
    }
    *ret_config = config;
    return 0;
}

/* An absent log level must be told from "error", which is 0: the file's text is asked. */
static void fill_level(struct config *config, const struct config_places *places)
{
    size_t line;
    size_t column;
    if (!config_place_of_key(places, "level", 1, &line, &column)) {
        config->log.level = LOG_LEVEL_INFO;
    }
}

int config_load(const char *path, struct config **ret_config, struct str *why)
{
    struct str text = STR_INIT;
    struct config *config = NULL;
    int err = file_read(path, CONFIG_MAX_BYTES, &text);
    if (err != 0) {
        str_printf(why, "%s: %s\n", path,
                   err == ERR_NOT_FOUND ? "no such file (an empty file is a valid configuration)" : err_text(err));
        str_done(&text);
        return err;
    }
    err = parse(path, str_z(&text), text.len, &config, why);
    if (err == 0) {
        struct config_places *places = config_places_new(str_z(&text), text.len);
        fill_level(config, places);
        config_complete(config, path);
        err = config_check(config, path, places, why);
        config_places_free(places);
    }
    str_done(&text);
    if (err != 0) {
        config_free(config);
        return err;
    }
    *ret_config = config;
    return 0;
}

void config_free(struct config *config)
{
    struct complaint c = {0};
    cyaml_config_t memory;
    if (config) {
        cyaml_free(loader(&c, &memory), &config_schema, config, 0);
    }
}

char *config_secret_path(const char *path)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (directory) {
        const char *slash = strrchr(path, '/');
        struct str s = STR_INIT;
        str_printf(&s, "%s/%s", directory, slash ? slash + 1 : path);
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
