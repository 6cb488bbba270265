#include "app/config_edit.h"

#include <stdbool.h>
#include <string.h>

#include "app/config_place.h"
#include "base/err.h"

/* Byte at which a line (from 1) begins; the text's end behind the last. */
static size_t line_at(const struct str *text, size_t line)
{
    const char *at = str_z(text), *end = at + text->len;
    for (; line > 1 && at < end; line--) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
    }
    return (size_t)(at - str_z(text));
}

static void replace(struct str *text, size_t at, size_t len, const struct str *with)
{
    struct str changed = STR_INIT;
    str_add(&changed, str_z(text), at);
    str_add(&changed, str_z(with), with->len);
    str_add(&changed, str_z(text) + at + len, text->len - at - len);
    str_done(text);
    *text = changed;
}

/* In double quotes (YAML 1.2, 7.3.1): what is inside cannot be taken for anything else. */
static void quote(struct str *s, const char *value)
{
    str_add_char(s, '"');
    for (; *value; value++) {
        if (*value == '"' || *value == '\\') {
            str_add_char(s, '\\');
        }
        str_add_char(s, *value);
    }
    str_add_char(s, '"');
}

/* Bytes of the value that begins at `at`, on its line; 0: it goes on below, or is no simple text. */
static size_t value_len(const char *at)
{
    size_t len = strcspn(at, "\r\n");
    if (*at == '"' || *at == '\'') {
        for (size_t i = 1; i < len; i++) {
            bool escape = *at == '"' ? at[i] == '\\' : at[i] == '\'' && at[i + 1] == '\'';
            if (escape) {
                i++;
            } else if (at[i] == *at) {
                return i + 1;
            }
        }
        return 0;
    }
    if (strchr("|>&*!{[", *at)) {
        return 0;
    }
    for (size_t i = 0; i + 1 < len; i++) {
        if ((at[i] == ' ' || at[i] == '\t') && at[i + 1] == '#') {
            len = i;
        }
    }
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t')) {
        len--;
    }
    return len;
}

static int replace_value(struct str *text, const struct config_place *place, const char *value)
{
    size_t at = line_at(text, place->line) + place->column - 1;
    size_t len = place->kind == CONFIG_TEXT ? value_len(str_z(text) + at) : 0;
    struct str quoted = STR_INIT;
    if (len == 0) {
        return ERR_UNSUPPORTED;
    }
    quote(&quoted, value);
    replace(text, at, len, &quoted);
    str_done(&quoted);
    return 0;
}

static int add_key(struct str *text, const struct config_place *section, const char *key, const char *value)
{
    struct str line = STR_INIT;
    size_t at = line_at(text, section->line);
    if (section->kind != CONFIG_KEYS) {
        return ERR_UNSUPPORTED; /* nothing behind it */
    }
    for (size_t i = 1; i < section->column; i++) {
        str_add_char(&line, ' ');
    }
    str_printf(&line, "%s: ", key);
    quote(&line, value);
    str_add_char(&line, '\n');
    replace(text, at, 0, &line);
    str_done(&line);
    return 0;
}

static void add_section(struct str *text, const char *section, const char *key, const char *value)
{
    if (text->len > 0 && text->data[text->len - 1] != '\n') {
        str_add_char(text, '\n');
    }
    str_printf(text, "%s:\n  %s: ", section, key);
    quote(text, value);
    str_add_char(text, '\n');
}

/* "{...}": keys between braces, which end no value at the line's end. */
static bool in_braces(const struct str *text, const struct config_place *place)
{
    return place && place->kind == CONFIG_KEYS && str_z(text)[line_at(text, place->line) + place->column - 1] == '{';
}

int config_edit_set(struct str *text, const char *section, const char *key, const char *value)
{
    struct str path = STR_INIT;
    struct config_places *places = config_places_new(str_z(text), text->len);
    const struct config_place *parent = config_places_find(places, section);
    int err = 0;
    str_printf(&path, "%s.%s", section, key);
    const struct config_place *place = config_places_find(places, str_z(&path));
    if (in_braces(text, config_places_find(places, "")) || in_braces(text, parent)) {
        err = ERR_UNSUPPORTED;
    } else if (place) {
        err = replace_value(text, place, value);
    } else if (parent) {
        err = add_key(text, parent, key, value);
    } else {
        add_section(text, section, key, value);
    }
    config_places_free(places);
    str_done(&path);
    return err;
}
