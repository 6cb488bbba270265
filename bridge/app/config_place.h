/* Where in the file a key stands: line and column for messages about values, which libcyaml does not keep. */
#ifndef APP_CONFIG_PLACE_H
#define APP_CONFIG_PLACE_H

#include <stddef.h>

struct config_places;

/* Places of every key and list entry ("mqtt[0].url") of a text that is well-formed YAML; never NULL. */
struct config_places *config_places_new(const char *text, size_t len);
void config_places_free(struct config_places *places);
/* Where the value of `path` stands, else its nearest parent that is there, else line 1. Counted from 1. */
void config_place(const struct config_places *places, const char *path, size_t *ret_line, size_t *ret_column);
/* Path and place of the first key called `name` at or behind a line; NULL if there is none. */
const char *config_place_of_key(const struct config_places *places, const char *name, size_t from_line,
                                size_t *ret_line, size_t *ret_column);

#endif
