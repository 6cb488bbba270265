/* What is wrong with the structure of a configuration, in the words of the person who wrote it. */
#ifndef APP_CONFIG_EXPLAIN_H
#define APP_CONFIG_EXPLAIN_H

#include "app/config_place.h"
#include "base/str.h"

/* What libcyaml said. */
struct config_complaint {
    char what[512]; /* its cause, in libcyaml's words */
    size_t line, column;
};

/* One line behind `why`: "FILE:LINE:COLUMN: KEY: what is wrong; right would be ...". */
void config_explain(const char *file, const struct config_places *places, const struct config_complaint *complaint,
                    struct str *why);
/* The row of the key table for a path of the file: NULL for what is no key of its own ("public"). */
const struct config_key *config_key_of(const char *path);

#endif
