/* Where in the file everything stands: line and column for messages about values, which libcyaml does not keep. */
#ifndef APP_CONFIG_PLACE_H
#define APP_CONFIG_PLACE_H

#include <stdbool.h>
#include <stddef.h>

struct config_places;

enum config_kind { CONFIG_TEXT, CONFIG_LIST, CONFIG_KEYS };

/* One value of the file. Lines and columns are counted from 1. */
struct config_place {
    char *path; /* "mqtt[0].url"; "" for the whole */
    enum config_kind kind;
    char *text;   /* as it stands there; NULL for what is no text */
    size_t len;   /* its bytes */
    bool has_nul; /* a text with a zero byte inside, which no C string can hold */
    size_t line, column;
    size_t key_line, key_column; /* of the key itself; as the value's for list entries */
};

/* Reads a whole file's text; never NULL. Of a text that is no YAML, what stands before the problem. */
struct config_places *config_places_new(const char *text, size_t len);
void config_places_free(struct config_places *places);
size_t config_places_count(const struct config_places *places);
const struct config_place *config_places_at(const struct config_places *places, size_t index); /* in the file's order */
/* The place of exactly this path, the first one where there are two; NULL. */
const struct config_place *config_places_find(const struct config_places *places, const char *path);
/* Why the text is no YAML document, and where; NULL if it is one. */
const char *config_places_problem(const struct config_places *places, size_t *ret_line, size_t *ret_column);

/* Where the value of `path` stands, else its nearest parent that is there, else line 1. */
void config_place(const struct config_places *places, const char *path, size_t *ret_line, size_t *ret_column);

#endif
