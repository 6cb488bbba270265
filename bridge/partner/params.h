/* What a request asks: the members of a JSON object, or the fields of a form, which LIFX's clients send as well; and
   what is wrong with them, gathered for one answer of 422. */
#ifndef PARTNER_PARAMS_H
#define PARTNER_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"
#include "base/url.h"

#define FAULTS_MAX 20u

/* One set of parameters; where both are NULL there are none. Borrowed. */
struct params {
    const struct json *object;
    const struct url_form *form;
};

/* What the answer of 422 says. */
struct faults {
    struct {
        char field[64];
        const char *message; /* static */
    } list[FAULTS_MAX];
    size_t count;
    char prefix[32]; /* of the fields that are read: "states[3]." */
};

enum given { GIVEN_NOT, GIVEN, GIVEN_WRONG };

void faults_add(struct faults *faults, const char *field, const char *message);
/* {"error": ..., "errors": [{"field", "message": [...]}]}, as the LIFX HTTP API has it. */
void faults_write(const struct faults *faults, struct str *out);

/* A member that is null is not given. What is wrong is added to `faults`. Texts are borrowed. */
enum given params_text(const struct params *params, const char *name, struct faults *faults, const char **ret_text);
enum given params_number(const struct params *params, const char *name, double min, double max, const char *right,
                         struct faults *faults, double *ret_value);
enum given params_bool(const struct params *params, const char *name, struct faults *faults, bool *ret_value);
/* Writes {"name": value, ...} of those whose name is not in `known` (NULL-terminated); false, nothing written: all are.
 */
bool params_unknown(const struct params *params, const char *const *known, struct str *out);

#endif
