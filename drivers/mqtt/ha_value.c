#include "mqtt/ha_value.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define WHOLE_MAX 1e15 /* above it digits are lost */

const struct ha_value ha_undefined = {.type = HA_UNDEFINED};
const struct ha_value ha_none = {.type = HA_NONE};
const struct ha_value ha_broken = {.type = HA_BROKEN};

struct ha_value ha_fail(struct ha_machine *m, int err, const char *format, ...)
{
    if (m->err == 0) {
        m->err = err;
        if (m->why) {
            va_list args;
            va_start(args, format);
            str_vprintf(m->why, format, args);
            va_end(args);
        }
    }
    m->at = m->end; /* nothing more is read */
    return ha_broken;
}

void *ha_memory(struct ha_machine *m, size_t size)
{
    size_t step = (size + 15) & ~(size_t)15;
    if (size > HA_TEMPLATE_MEMORY || step > HA_TEMPLATE_MEMORY - m->used) {
        ha_fail(m, ERR_TOO_LARGE, "it needs more memory than it may");
        return NULL;
    }
    void *at = m->memory + m->used;
    m->used += step;
    return at;
}

/* ---- making ---- */

struct ha_value ha_bool(bool value)
{
    return (struct ha_value){.type = HA_BOOL, .whole = true, .number = value};
}

struct ha_value ha_whole(double value)
{
    return fabs(value) <= WHOLE_MAX ? (struct ha_value){.type = HA_NUMBER, .whole = true, .number = trunc(value)}
                                    : ha_float(value);
}

struct ha_value ha_float(double value)
{
    return isfinite(value) ? (struct ha_value){.type = HA_NUMBER, .number = value} : ha_broken;
}

struct ha_value ha_text(const char *bytes, size_t len)
{
    return (struct ha_value){.type = HA_TEXT, .text = bytes, .len = len};
}

struct ha_value ha_copy(struct ha_machine *m, const char *bytes, size_t len)
{
    char *to = ha_memory(m, len);
    if (!to) {
        return ha_broken;
    }
    if (len > 0) {
        memcpy(to, bytes, len);
    }
    return ha_text(to, len);
}

struct ha_value ha_tree(const struct json *json)
{
    double number;
    if (!json) {
        return ha_undefined;
    }
    if (json_is_null(json)) {
        return ha_none;
    }
    if (json_is_bool(json)) {
        return ha_bool(json_is_true(json));
    }
    if (json_number(json, &number) == 0) {
        return number == trunc(number) ? ha_whole(number) : ha_float(number);
    }
    if (json_is_string(json)) {
        return ha_text(json_text(json), strlen(json_text(json)));
    }
    return (struct ha_value){.type = HA_TREE, .tree = json};
}

/* ---- looking ---- */

bool ha_is(const struct ha_value *v, const char *text)
{
    return v->type == HA_TEXT && v->len == strlen(text) && memcmp(v->text, text, v->len) == 0;
}

size_t ha_length(const struct ha_value *v)
{
    return v->type == HA_TEXT   ? v->len
           : v->type == HA_MAP  ? v->count / 2
           : v->type == HA_TREE ? json_count(v->tree)
                                : v->count;
}

bool ha_true(const struct ha_value *v)
{
    return ha_numeric(v) ? v->number != 0 : ha_length(v) > 0;
}

bool ha_numeric(const struct ha_value *v)
{
    return v->type == HA_NUMBER || v->type == HA_BOOL;
}

static bool same_text(const struct ha_value *a, const struct ha_value *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->text, b->text, a->len) == 0);
}

bool ha_equal(const struct ha_value *a, const struct ha_value *b)
{
    if (ha_numeric(a) && ha_numeric(b)) {
        return a->number == b->number;
    }
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case HA_TEXT:
        return same_text(a, b);
    case HA_LIST:
    case HA_MAP:
        for (size_t i = 0; i < a->count && a->count == b->count; i++) {
            const struct ha_value *x = &a->items[i];
            const struct ha_value *y = &b->items[i];
            if (x->type >= HA_LIST || !ha_equal(x, y)) { /* no deeper */
                return false;
            }
        }
        return a->count == b->count;
    case HA_TREE:
        return a->tree == b->tree;
    default:
        return true;
    }
}

bool ha_number(const struct ha_value *v, double *ret_number, bool *ret_whole)
{
    char text[64];
    char *end;
    *ret_whole = v->whole;
    *ret_number = v->number;
    if (v->type != HA_TEXT) {
        return ha_numeric(v);
    }
    const char *from = v->text;
    size_t len = v->len;
    while (len > 0 && (*from == ' ' || *from == '\n' || *from == '\t' || *from == '\r')) {
        from++;
        len--;
    }
    while (len > 0 &&
           (from[len - 1] == ' ' || from[len - 1] == '\n' || from[len - 1] == '\t' || from[len - 1] == '\r')) {
        len--;
    }
    if (len == 0 || len >= sizeof text) {
        return false;
    }
    memcpy(text, from, len);
    text[len] = 0;
    if (strspn(text, "0123456789+-.eE") < len) {
        return false;
    }
    *ret_number = strtod(text, &end);
    *ret_whole = strpbrk(text, ".eE") == NULL;
    return *end == 0 && isfinite(*ret_number);
}

struct ha_value ha_member(const struct ha_value *of, const struct ha_value *key)
{
    if (of->type == HA_BROKEN || of->type == HA_UNDEFINED || key->type == HA_BROKEN) {
        return ha_broken;
    }
    if (key->type == HA_NUMBER && (of->type == HA_LIST || (of->type == HA_TREE && json_is_array(of->tree)))) {
        double index = key->number < 0 ? key->number + (double)ha_length(of) : key->number;
        if (index < 0 || index >= (double)ha_length(of)) {
            return ha_undefined;
        }
        if (of->type == HA_LIST) {
            return of->items[(size_t)index];
        }
        const struct json *element = json_first(of->tree);
        for (size_t i = (size_t)index; i > 0; i--) {
            element = json_next(element);
        }
        return ha_tree(element);
    }
    if (of->type == HA_TREE && json_is_object(of->tree) && key->type == HA_TEXT) {
        for (const struct json *member = json_first(of->tree); member; member = json_next(member)) {
            const char *name = json_key(member);
            if (strlen(name) == key->len && memcmp(name, key->text, key->len) == 0) {
                return ha_tree(member);
            }
        }
    }
    for (size_t i = 0; of->type == HA_MAP && i + 1 < of->count; i += 2) {
        if (ha_equal(&of->items[i], key)) {
            return of->items[i + 1];
        }
    }
    return ha_undefined;
}

/* ---- rendering ---- */

static void render_number(struct str *out, const struct ha_value *v)
{
    char text[40];
    int precision = 15;
    if (v->whole) {
        str_printf(out, "%.0f", v->number);
        return;
    }
    do { /* the shortest that is the same number again, as Python prints it */
        (void)snprintf(text, sizeof text, "%.*g", precision++, v->number);
    } while (precision <= 17 && strtod(text, NULL) != v->number);
    str_add_z(out, text);
    if (!strpbrk(text, ".e")) {
        str_add_z(out, ".0");
    }
}

void ha_render_json(struct json_out *j, const struct ha_value *v, unsigned depth)
{
    struct str s = STR_INIT;
    switch (depth < JSON_MAX_DEPTH - 1 ? v->type : HA_NONE) {
    case HA_BOOL:
        json_put_bool(j, v->number != 0);
        break;
    case HA_NUMBER:
        render_number(&s, v);
        json_put_raw(j, str_z(&s), s.len);
        break;
    case HA_TEXT:
        json_put_text_n(j, v->text, v->len);
        break;
    case HA_LIST:
        json_begin_array(j);
        for (size_t i = 0; i < v->count; i++) {
            ha_render_json(j, &v->items[i], depth + 1);
        }
        json_end_array(j);
        break;
    case HA_MAP:
        json_begin_object(j);
        for (size_t i = 0; i + 1 < v->count; i += 2) {
            str_clear(&s);
            (void)ha_render(&s, &v->items[i]);
            json_put_key(j, str_z(&s));
            ha_render_json(j, &v->items[i + 1], depth + 1);
        }
        json_end_object(j);
        break;
    case HA_TREE:
        json_copy(&s, v->tree);
        json_put_raw(j, str_z(&s), s.len);
        break;
    default:
        json_put_null(j);
        break;
    }
    str_done(&s);
}

bool ha_render(struct str *out, const struct ha_value *v)
{
    struct json_out j;
    switch (v->type) {
    case HA_UNDEFINED:
        return true;
    case HA_NONE:
        str_add_z(out, "None");
        return true;
    case HA_BOOL:
        str_add_z(out, v->number != 0 ? "True" : "False");
        return true;
    case HA_NUMBER:
        render_number(out, v);
        return true;
    case HA_TEXT:
        str_add(out, v->text, v->len);
        return true;
    case HA_LIST:
    case HA_MAP:
    case HA_TREE: /* Python would print its own form of it, which nobody can use */
        json_out_init(&j, out);
        ha_render_json(&j, v, 0);
        return true;
    case HA_BROKEN:
        break;
    }
    return false;
}
