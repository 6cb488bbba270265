#include "partner/params.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void faults_add(struct faults *f, const char *field, const char *message)
{
    if (f->count < FAULTS_MAX) {
        (void)snprintf(f->list[f->count].field, sizeof f->list[0].field, "%s%s", f->prefix, field);
        f->list[f->count++].message = message;
    }
}

void faults_write(const struct faults *f, struct str *out)
{
    struct json_out j;
    struct str error = STR_INIT;
    str_printf(&error, "%s: %s", f->list[0].field, f->list[0].message);
    json_out_init(&j, out);
    json_begin_object(&j);
    json_member_text(&j, "error", str_z(&error));
    json_member_array(&j, "errors");
    for (size_t i = 0; i < f->count; i++) {
        json_begin_object(&j);
        json_member_text(&j, "field", f->list[i].field);
        json_member_array(&j, "message");
        json_put_text(&j, f->list[i].message);
        json_end_array(&j);
        json_end_object(&j);
    }
    json_end_array(&j);
    json_end_object(&j);
    str_done(&error);
}

/* The value where it stands in an object; NULL: not given. */
static const struct json *member(const struct params *p, const char *name)
{
    const struct json *value = p->object ? json_get(p->object, name) : NULL;
    return json_is_null(value) ? NULL : value;
}

/* The field of a form: its text, or NULL with how it is. */
static const char *field(const struct params *p, const char *name, enum given *ret_given)
{
    const struct url_field *f = p->form ? url_form_field(p->form, name) : NULL;
    *ret_given = !f ? GIVEN_NOT : f->broken ? GIVEN_WRONG : GIVEN;
    return f && !f->broken ? f->value : NULL;
}

enum given params_text(const struct params *p, const char *name, struct faults *faults, const char **ret_text)
{
    const struct json *value = member(p, name);
    enum given given = GIVEN_NOT;
    const char *text = value ? json_text(value) : field(p, name, &given);
    if (text) {
        *ret_text = text;
        return GIVEN;
    }
    if (!value && given == GIVEN_NOT) {
        return GIVEN_NOT;
    }
    faults_add(faults, name, "is no text");
    return GIVEN_WRONG;
}

/* A decimal number in a text: what a form has, and what some clients put into JSON. */
static bool number_in(const char *text, double *ret_value)
{
    char *end = NULL;
    if (!*text || strspn(text, "+-.0123456789eE") != strlen(text)) { /* no hexadecimals, no infinity */
        return false;
    }
    errno = 0;
    *ret_value = strtod(text, &end);
    return *end == 0 && errno == 0 && isfinite(*ret_value);
}

enum given params_number(const struct params *p, const char *name, double min, double max, const char *right,
                         struct faults *faults, double *ret_value)
{
    const struct json *value = member(p, name);
    enum given given = GIVEN_NOT;
    double number = 0;
    const char *text = value ? json_text(value) : field(p, name, &given);
    if (!value && given == GIVEN_NOT) {
        return GIVEN_NOT;
    }
    bool good = text ? number_in(text, &number) : value && json_number(value, &number) == 0;
    if (!good || number < min || number > max) {
        faults_add(faults, name, right);
        return GIVEN_WRONG;
    }
    *ret_value = number;
    return GIVEN;
}

enum given params_bool(const struct params *p, const char *name, struct faults *faults, bool *ret_value)
{
    const struct json *value = member(p, name);
    enum given given = GIVEN_NOT;
    const char *text = value ? json_text(value) : field(p, name, &given);
    if (!value && given == GIVEN_NOT) {
        return GIVEN_NOT;
    }
    if (json_is_bool(value)) {
        *ret_value = json_is_true(value);
        return GIVEN;
    }
    if (text && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
        *ret_value = *text == 't';
        return GIVEN;
    }
    faults_add(faults, name, "is true or false");
    return GIVEN_WRONG;
}

static bool is_known(const char *const *known, const char *name)
{
    for (; *known; known++) {
        if (strcmp(*known, name) == 0) {
            return true;
        }
    }
    return false;
}

bool params_unknown(const struct params *p, const char *const *known, struct str *out)
{
    struct json_out j;
    bool any = false;
    struct str values = STR_INIT;
    json_out_init(&j, &values);
    json_begin_object(&j);
    for (const struct json *m = p->object ? json_first(p->object) : NULL; m; m = json_next(m)) {
        if (!is_known(known, json_key(m))) {
            struct str value = STR_INIT;
            json_copy(&value, m);
            json_put_key(&j, json_key(m));
            json_put_raw(&j, str_z(&value), value.len);
            str_done(&value);
            any = true;
        }
    }
    for (size_t i = 0; p->form && i < p->form->count; i++) {
        const struct url_field *f = &p->form->fields[i];
        if (!is_known(known, f->name)) {
            json_member_text(&j, f->name, f->value);
            any = true;
        }
    }
    json_end_object(&j);
    if (any) {
        str_add(out, str_z(&values), values.len);
    }
    str_done(&values);
    return any;
}
