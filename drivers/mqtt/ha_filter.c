/* Filters, methods and functions: a new one is a row. Where Home Assistant's differ from Jinja's, they are Home
   Assistant's: `int` and `float` without a default fail on what is no number, `round` to no decimals is an int. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "mqtt/ha_value.h"

#define SPLIT_MAX 32u

const struct ha_value *ha_argument(const struct ha_arguments *a, size_t index, const char *name)
{
    for (size_t i = 0; i < a->count; i++) {
        if (a->list[i].name ? a->list[i].len == strlen(name) && memcmp(a->list[i].name, name, a->list[i].len) == 0
                            : i == index) {
            return &a->list[i].value;
        }
    }
    return NULL;
}

static struct ha_value rendered(struct ha_machine *m, const struct ha_value *v)
{
    struct str s = STR_INIT;
    struct ha_value text = v->type == HA_TEXT ? *v : ha_broken;
    if (v->type != HA_TEXT && ha_render(&s, v)) {
        text = ha_copy(m, str_z(&s), s.len);
    }
    str_done(&s);
    return text;
}

/* ---- numbers ---- */

/* Of hexadecimal digits, say. */
static bool in_base(const struct ha_value *v, const struct ha_value *base, double *ret_number)
{
    char text[32];
    char *end;
    if (v->type != HA_TEXT || v->len == 0 || v->len >= sizeof text || base->number < 2 || base->number > 36) {
        return false;
    }
    memcpy(text, v->text, v->len);
    text[v->len] = 0;
    *ret_number = (double)strtoll(text, &end, (int)base->number);
    return *end == 0;
}

static struct ha_value to_int(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a,
                              size_t first)
{
    double number;
    bool whole;
    const struct ha_value *base = ha_argument(a, first + 1, "base");
    (void)m;
    bool fine =
        base && ha_numeric(base) && base->number != 10 ? in_base(v, base, &number) : ha_number(v, &number, &whole);
    if (fine) {
        return ha_whole(number);
    }
    const struct ha_value *otherwise = ha_argument(a, first, "default");
    return otherwise ? *otherwise : ha_broken;
}

static struct ha_value to_float(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a,
                                size_t first)
{
    double number;
    bool whole;
    (void)m;
    if (ha_number(v, &number, &whole)) {
        return ha_float(number);
    }
    const struct ha_value *otherwise = ha_argument(a, first, "default");
    return otherwise ? *otherwise : ha_broken;
}

static struct ha_value filter_int(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    return to_int(m, v, a, 0);
}

static struct ha_value function_int(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    return to_int(m, v, a, 1);
}

static struct ha_value filter_float(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    return to_float(m, v, a, 0);
}

static struct ha_value function_float(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    return to_float(m, v, a, 1);
}

static struct ha_value round_to(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    double number;
    bool whole;
    const struct ha_value *precision = ha_argument(a, 0, "precision");
    const struct ha_value *method = ha_argument(a, 1, "method");
    (void)m;
    if (!ha_number(v, &number, &whole) || (precision && !ha_numeric(precision))) {
        return ha_broken;
    }
    double digits = precision ? precision->number : 0;
    if (digits < 0 || digits > 9) {
        return ha_broken;
    }
    double scale = pow(10, digits);
    number *= scale;
    number = method && ha_is(method, "floor")  ? floor(number)
             : method && ha_is(method, "ceil") ? ceil(number)
                                               : rint(number); /* half to even, as Python */
    return digits == 0 ? ha_whole(number) : ha_float(number / scale);
}

static struct ha_value absolute(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)m;
    (void)a;
    return !ha_numeric(v) ? ha_broken : v->whole ? ha_whole(fabs(v->number)) : ha_float(fabs(v->number));
}

static struct ha_value with_number(const struct ha_value *v, const struct ha_arguments *a, bool multiply)
{
    double x, y;
    bool whole;
    const struct ha_value *amount = ha_argument(a, 0, "amount");
    if (!amount || !ha_number(v, &x, &whole) || !ha_number(amount, &y, &whole)) {
        return ha_broken;
    }
    return ha_float(multiply ? x * y : x + y);
}

static struct ha_value multiply(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)m;
    return with_number(v, a, true);
}

static struct ha_value add(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)m;
    return with_number(v, a, false);
}

/* Of a list, or of the arguments. */
static struct ha_value extreme(const struct ha_value *v, const struct ha_arguments *a, bool most)
{
    struct ha_value best = ha_broken;
    bool list = v->type == HA_LIST;
    for (size_t i = 0; i < (list ? v->count : a->count); i++) {
        const struct ha_value *x = list ? &v->items[i] : &a->list[i].value;
        if (!ha_numeric(x)) {
            return ha_broken;
        }
        if (i == 0 || (most ? x->number > best.number : x->number < best.number)) {
            best = *x;
        }
    }
    return best;
}

static struct ha_value least(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)m;
    return extreme(v, a, false);
}

static struct ha_value most(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)m;
    return extreme(v, a, true);
}

static struct ha_value reads_as_number(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    double number;
    bool whole;
    (void)m;
    (void)a;
    return ha_bool(ha_number(v, &number, &whole));
}

/* ---- choosing ---- */

static struct ha_value fallback(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    const struct ha_value *otherwise = ha_argument(a, 0, "default_value");
    const struct ha_value *empty = ha_argument(a, 1, "boolean");
    (void)m;
    bool absent = v->type == HA_UNDEFINED || (empty && ha_true(empty) && v->type != HA_BROKEN && !ha_true(v));
    return !absent ? *v : otherwise ? *otherwise : ha_text("", 0);
}

static struct ha_value choose(const struct ha_value *v, const struct ha_arguments *a, size_t first)
{
    const struct ha_value *yes = ha_argument(a, first, "if_true");
    const struct ha_value *no = ha_argument(a, first + 1, "if_false");
    if (v->type == HA_BROKEN) {
        return ha_broken;
    }
    return ha_true(v) ? (yes ? *yes : ha_bool(true)) : (no ? *no : ha_bool(false));
}

static struct ha_value filter_iif(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)m;
    return choose(v, a, 0);
}

static struct ha_value function_iif(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)m;
    return choose(v, a, 1);
}

static struct ha_value to_bool(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    static const char *const yes[] = {"1", "true", "True", "yes", "on", "enable", "ON", "On"};
    static const char *const no[] = {"0", "false", "False", "no", "off", "disable", "OFF", "Off"};
    const struct ha_value *otherwise = ha_argument(a, 0, "default");
    (void)m;
    if (ha_numeric(v)) {
        return ha_bool(v->number != 0);
    }
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (ha_is(v, yes[i]) || ha_is(v, no[i])) {
            return ha_bool(ha_is(v, yes[i]));
        }
    }
    return otherwise ? *otherwise : ha_broken;
}

/* Home Assistant's: what is not there ends the evaluation, and the lamp keeps its state. */
static struct ha_value demand(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)m;
    (void)a;
    return v->type == HA_UNDEFINED ? ha_broken : *v;
}

/* ---- texts ---- */

static struct ha_value as_text(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)a;
    return rendered(m, v);
}

static struct ha_value cased(struct ha_machine *m, const struct ha_value *v, int (*change)(int))
{
    struct ha_value text = rendered(m, v);
    char *to = text.type == HA_TEXT ? ha_memory(m, text.len) : NULL;
    for (size_t i = 0; to && i < text.len; i++) {
        char c = text.text[i];
        to[i] = (unsigned char)c < 0x80 ? (char)change((unsigned char)c) : c;
    }
    return to ? ha_text(to, text.len) : ha_broken;
}

static struct ha_value lower(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)a;
    return cased(m, v, tolower);
}

static struct ha_value upper(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)a;
    return cased(m, v, toupper);
}

static struct ha_value trim(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    struct ha_value text = rendered(m, v);
    (void)a;
    while (text.len > 0 && isspace((unsigned char)*text.text)) {
        text.text++;
        text.len--;
    }
    while (text.len > 0 && isspace((unsigned char)text.text[text.len - 1])) {
        text.len--;
    }
    return text;
}

static struct ha_value replace(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    const struct ha_value *from = ha_argument(a, 0, "old");
    const struct ha_value *to = ha_argument(a, 1, "new");
    struct ha_value text = rendered(m, v);
    struct str s = STR_INIT;
    if (!from || !to || from->type != HA_TEXT || to->type != HA_TEXT || text.type != HA_TEXT) {
        return ha_broken;
    }
    for (const char *at = text.text, *end = text.text + text.len; at < end && s.len <= HA_TEMPLATE_MEMORY;) {
        const char *hit = from->len > 0 ? memmem(at, (size_t)(end - at), from->text, from->len) : NULL;
        str_add(&s, at, (size_t)((hit ? hit : end) - at));
        if (hit) {
            str_add(&s, to->text, to->len);
        }
        at = hit ? hit + from->len : end;
    }
    struct ha_value result = ha_copy(m, str_z(&s), s.len);
    str_done(&s);
    return result;
}

static struct ha_value split(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    const struct ha_value *by = ha_argument(a, 0, "sep");
    struct ha_value parts[SPLIT_MAX];
    size_t count = 0;
    if (v->type != HA_TEXT || !by || by->type != HA_TEXT || by->len == 0) {
        return ha_broken;
    }
    const char *at = v->text;
    const char *end = v->text + v->len;
    for (bool more = true; more && count < SPLIT_MAX;) {
        const char *hit = memmem(at, (size_t)(end - at), by->text, by->len);
        more = hit && count + 1 < SPLIT_MAX;
        parts[count++] = ha_text(at, (size_t)((more ? hit : end) - at));
        at = more ? hit + by->len : end;
    }
    struct ha_value *kept = ha_memory(m, count * sizeof *kept);
    if (!kept) {
        return ha_broken;
    }
    memcpy(kept, parts, count * sizeof *kept);
    return (struct ha_value){.type = HA_LIST, .items = kept, .count = count};
}

static struct ha_value element(const struct ha_value *v, size_t index)
{
    struct ha_value key = ha_whole((double)index);
    return ha_member(v, &key);
}

static struct ha_value join(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    const struct ha_value *by = ha_argument(a, 0, "d");
    struct str s = STR_INIT;
    bool fine =
        v->type == HA_LIST || (v->type == HA_TREE && json_is_array(v->tree) && json_count(v->tree) <= SPLIT_MAX);
    for (size_t i = 0; fine && i < ha_length(v); i++) {
        struct ha_value e = element(v, i);
        if (i > 0 && by && by->type == HA_TEXT) {
            str_add(&s, by->text, by->len);
        }
        fine = ha_render(&s, &e);
    }
    struct ha_value text = fine ? ha_copy(m, str_z(&s), s.len) : ha_broken;
    str_done(&s);
    return text;
}

static struct ha_value first(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)m;
    (void)a;
    return element(v, 0);
}

static struct ha_value last(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)m;
    (void)a;
    return ha_length(v) > 0 ? element(v, ha_length(v) - 1) : ha_undefined;
}

static struct ha_value length(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)m;
    (void)a;
    return v->type >= HA_TEXT && v->type != HA_BROKEN ? ha_whole((double)ha_length(v)) : ha_broken;
}

static struct ha_value starts(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    const struct ha_value *with = ha_argument(a, 0, "prefix");
    (void)m;
    if (v->type != HA_TEXT || !with || with->type != HA_TEXT) {
        return ha_broken;
    }
    return ha_bool(v->len >= with->len && memcmp(v->text, with->text, with->len) == 0);
}

static struct ha_value get(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    const struct ha_value *key = ha_argument(a, 0, "key");
    const struct ha_value *otherwise = ha_argument(a, 1, "default");
    (void)m;
    struct ha_value found = key ? ha_member(v, key) : ha_broken;
    return found.type != HA_UNDEFINED ? found : otherwise ? *otherwise : ha_none;
}

/* ---- JSON ---- */

static struct ha_value to_json(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    struct str s = STR_INIT;
    struct json_out j;
    (void)a;
    if (v->type == HA_BROKEN || v->type == HA_UNDEFINED) {
        return ha_broken;
    }
    json_out_init(&j, &s);
    ha_render_json(&j, v, 0);
    struct ha_value text = ha_copy(m, str_z(&s), s.len);
    str_done(&s);
    return text;
}

static struct ha_value from_json(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)a;
    if (v->type != HA_TEXT || m->document_count == HA_DOCUMENTS) {
        return ha_broken;
    }
    struct json **document = &m->documents[m->document_count];
    if (json_parse(v->text, v->len, HA_TEMPLATE_MEMORY, document, NULL) != 0) {
        return ha_broken;
    }
    m->document_count++;
    return ha_tree(*document);
}

/* ---- tables ---- */

static const struct ha_row filters[] = {
    {"abs", absolute},
    {"add", add},
    {"bool", to_bool},
    {"count", length},
    {"d", fallback},
    {"default", fallback},
    {"first", first},
    {"float", filter_float},
    {"from_json", from_json},
    {"iif", filter_iif},
    {"int", filter_int},
    {"is_defined", demand},
    {"is_number", reads_as_number},
    {"join", join},
    {"last", last},
    {"length", length},
    {"lower", lower},
    {"max", most},
    {"min", least},
    {"multiply", multiply},
    {"replace", replace},
    {"round", round_to},
    {"string", as_text},
    {"to_json", to_json},
    {"tojson", to_json},
    {"trim", trim},
    {"upper", upper},
    {NULL, NULL},
};
static const struct ha_row methods[] = {
    {"get", get},           {"lower", lower}, {"replace", replace}, {"split", split},
    {"startswith", starts}, {"strip", trim},  {"upper", upper},     {NULL, NULL},
};
static const struct ha_row functions[] = {
    {"bool", to_bool},
    {"float", function_float},
    {"iif", function_iif},
    {"int", function_int},
    {"is_number", reads_as_number},
    {"max", most},
    {"min", least},
    {NULL, NULL},
};

ha_call *ha_row_find(const struct ha_row *rows, const char *name, size_t len)
{
    for (; rows->name; rows++) {
        if (strlen(rows->name) == len && memcmp(rows->name, name, len) == 0) {
            return rows->call;
        }
    }
    return NULL;
}

ha_call *ha_filter_find(const char *name, size_t len)
{
    return ha_row_find(filters, name, len);
}

ha_call *ha_method_find(const char *name, size_t len)
{
    return ha_row_find(methods, name, len);
}

ha_call *ha_function_find(const char *name, size_t len)
{
    return ha_row_find(functions, name, len);
}
