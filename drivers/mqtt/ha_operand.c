/* What stands between operators: literals, names, calls, brackets, and what hangs on them. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "mqtt/ha_value.h"

#define LIST_MAX 32u /* elements of a list, members of a dict that are written in a template */

/* ---- tokens ---- */

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

void ha_skip_space(struct ha_machine *m)
{
    while (m->at < m->end && (*m->at == ' ' || *m->at == '\t' || *m->at == '\n' || *m->at == '\r')) {
        m->at++;
    }
}

bool ha_looks_at(struct ha_machine *m, const char *token)
{
    size_t len = strlen(token);
    ha_skip_space(m);
    return (size_t)(m->end - m->at) >= len && memcmp(m->at, token, len) == 0;
}

bool ha_take(struct ha_machine *m, const char *token)
{
    bool there = ha_looks_at(m, token);
    m->at += there ? strlen(token) : 0;
    return there;
}

bool ha_take_word(struct ha_machine *m, const char *word)
{
    size_t len = strlen(word);
    if (!ha_looks_at(m, word) || (m->at + len < m->end && name_char(m->at[len]))) {
        return false;
    }
    m->at += len;
    return true;
}

bool ha_take_name(struct ha_machine *m, const char **ret_at, size_t *ret_len)
{
    ha_skip_space(m);
    const char *from = m->at;
    if (m->at == m->end || !name_char(*m->at) || isdigit((unsigned char)*m->at)) {
        return false;
    }
    while (m->at < m->end && name_char(*m->at)) {
        m->at++;
    }
    *ret_at = from;
    *ret_len = (size_t)(m->at - from);
    return true;
}

struct ha_value ha_unexpected(struct ha_machine *m)
{
    ha_skip_space(m);
    if (m->at == m->end) {
        return ha_fail(m, ERR_INVALID, "an expression that ends too soon");
    }
    return ha_fail(m, ERR_INVALID, "'%c' where it makes no sense", isprint((unsigned char)*m->at) ? *m->at : '?');
}

static bool expect(struct ha_machine *m, const char *token)
{
    if (!ha_take(m, token)) {
        (void)ha_unexpected(m);
        return false;
    }
    return true;
}

/* ---- literals ---- */

static struct ha_value number_literal(struct ha_machine *m)
{
    char text[64];
    size_t len = 0;
    bool whole = true;
    while (m->at < m->end && (isalnum((unsigned char)*m->at) || *m->at == '.') && len < sizeof text - 1) {
        whole = whole && isdigit((unsigned char)*m->at);
        text[len++] = *m->at++;
    }
    text[len] = 0;
    char *end;
    double number = strtod(text, &end);
    if (*end != 0 || strpbrk(text, "xXpPiInN")) {
        return ha_fail(m, ERR_INVALID, "%s, which is no number", text);
    }
    return whole ? ha_whole(number) : ha_float(number);
}

static struct ha_value text_literal(struct ha_machine *m)
{
    static const char escapes[] = "nrt\\'\"/", meant[] = "\n\r\t\\'\"/";
    const char quote = *m->at++;
    const char *from = m->at;
    bool escaped = false;
    for (; m->at < m->end && *m->at != quote; m->at++) {
        if (*m->at == '\\' && m->at + 1 < m->end) {
            escaped = true;
            m->at++;
        }
    }
    if (m->at >= m->end) {
        return ha_fail(m, ERR_INVALID, "a text without its closing %c", quote);
    }
    size_t len = (size_t)(m->at++ - from);
    if (!escaped) {
        return ha_text(from, len);
    }
    char *to = ha_memory(m, len);
    size_t put = 0;
    for (size_t i = 0; to && i < len; i++) {
        const char *escape = from[i] == '\\' && i + 1 < len ? strchr(escapes, from[i + 1]) : NULL;
        i += escape != NULL;
        to[put++] = escape ? meant[escape - escapes] : from[i];
    }
    return to ? ha_text(to, put) : ha_broken;
}

/* [a, b] or {k: v}, behind the bracket. */
static struct ha_value collection(struct ha_machine *m, const char *closing, bool map)
{
    struct ha_value items[LIST_MAX];
    size_t count = 0;
    while (m->err == 0 && !ha_take(m, closing)) {
        if (count + 2 > LIST_MAX) {
            return ha_fail(m, ERR_TOO_LARGE, "a list of more than %u values", LIST_MAX);
        }
        items[count++] = ha_expression(m);
        if (map && expect(m, ":")) {
            items[count++] = ha_expression(m);
        }
        if (!ha_take(m, ",") && !ha_looks_at(m, closing)) {
            return ha_unexpected(m);
        }
    }
    struct ha_value *kept = ha_memory(m, count * sizeof *kept);
    if (!kept) {
        return ha_broken;
    }
    for (size_t i = 0; i < count; i++) {
        kept[i] = items[i];
        if (items[i].type == HA_BROKEN) {
            return ha_broken;
        }
    }
    return (struct ha_value){.type = map ? HA_MAP : HA_LIST, .items = kept, .count = count};
}

/* ---- names and calls ---- */

static bool named(const char *name, size_t len, const char *text)
{
    return strlen(text) == len && memcmp(name, text, len) == 0;
}

static struct ha_value look_up(const struct ha_machine *m, const char *name, size_t len)
{
    const struct ha_scope *scope = m->scope;
    for (size_t i = m->name_count; i-- > 0;) {
        if (m->names[i].len == len && memcmp(m->names[i].name, name, len) == 0) {
            return m->names[i].value;
        }
    }
    if (named(name, len, "value_json")) {
        return ha_tree(scope->value_json);
    }
    for (size_t i = 0; i < scope->count; i++) {
        const struct ha_variable *v = &scope->variables[i];
        if (named(name, len, v->name)) {
            return v->text                         ? ha_text(v->text, strlen(v->text))
                   : v->number == trunc(v->number) ? ha_whole(v->number)
                                                   : ha_float(v->number);
        }
    }
    return named(name, len, "value") && scope->value ? ha_text(scope->value, scope->len) : ha_undefined;
}

/* Behind the bracket. A name and = before an argument is kept with it. */
void ha_read_arguments(struct ha_machine *m, struct ha_arguments *a)
{
    a->count = 0;
    while (m->err == 0 && !ha_take(m, ")")) {
        if (a->count == HA_ARGUMENTS) {
            (void)ha_fail(m, ERR_UNSUPPORTED, "a call with more than %u arguments", HA_ARGUMENTS);
            return;
        }
        const char *back = m->at;
        const char *name = NULL;
        size_t len = 0;
        if (!ha_take_name(m, &name, &len) || ha_looks_at(m, "==") || !ha_take(m, "=")) {
            m->at = back;
            name = NULL;
        }
        a->list[a->count].name = name;
        a->list[a->count].len = len;
        a->list[a->count].value = ha_expression(m);
        a->count++;
        if (!ha_take(m, ",") && !ha_looks_at(m, ")")) {
            (void)ha_unexpected(m);
        }
    }
}

struct ha_value ha_apply(struct ha_machine *m, ha_call *fn, const char *what, const char *name, size_t len,
                         const struct ha_value *v, const struct ha_arguments *a)
{
    if (!fn) {
        return ha_fail(m, ERR_UNSUPPORTED, "the %s '%.*s'", what, (int)(len < 64 ? len : 64), name);
    }
    for (size_t i = 0; i < a->count; i++) {
        if (a->list[i].value.type == HA_BROKEN) {
            return ha_broken;
        }
    }
    return m->err == 0 ? fn(m, v, a) : ha_broken;
}

static struct ha_value name_or_function(struct ha_machine *m)
{
    static const struct {
        const char *word;
        struct ha_value value;
    } words[] = {
        {"true", {.type = HA_BOOL, .whole = true, .number = 1}},
        {"True", {.type = HA_BOOL, .whole = true, .number = 1}},
        {"false", {.type = HA_BOOL, .whole = true, .number = 0}},
        {"False", {.type = HA_BOOL, .whole = true, .number = 0}},
        {"none", {.type = HA_NONE}},
        {"None", {.type = HA_NONE}},
    };
    const char *name;
    size_t len;
    struct ha_arguments a;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (ha_take_word(m, words[i].word)) {
            return words[i].value;
        }
    }
    if (!ha_take_name(m, &name, &len)) {
        return ha_unexpected(m);
    }
    if (!ha_take(m, "(")) {
        return look_up(m, name, len);
    }
    ha_read_arguments(m, &a);
    if (a.count == 0 && m->err == 0 && ha_function_find(name, len)) {
        return ha_fail(m, ERR_INVALID, "the function '%.*s' without an argument", (int)len, name);
    }
    return ha_apply(m, ha_function_find(name, len), "function", name, len, &a.list[0].value, &a);
}

static struct ha_value primary(struct ha_machine *m)
{
    ha_skip_space(m);
    char first = m->at < m->end ? *m->at : 0;
    if (first == '\'' || first == '"') {
        return text_literal(m);
    }
    if (isdigit((unsigned char)first)) {
        return number_literal(m);
    }
    if (ha_take(m, "[")) {
        return collection(m, "]", false);
    }
    if (ha_take(m, "{")) {
        return collection(m, "}", true);
    }
    if (ha_take(m, "(")) {
        struct ha_value v = ha_expression(m);
        return expect(m, ")") ? v : ha_broken;
    }
    return name_or_function(m);
}

/* ---- what stands behind a value ---- */

static size_t slice_end(const struct ha_value *v, double fallback, size_t len)
{
    double at = v->type == HA_NUMBER ? v->number : fallback;
    at = at < 0 ? at + (double)len : at;
    return at <= 0 ? 0 : at >= (double)len ? len : (size_t)at;
}

static struct ha_value slice(const struct ha_value *v, const struct ha_value *from, const struct ha_value *to)
{
    size_t len = ha_length(v);
    size_t begin = slice_end(from, 0, len);
    size_t end = slice_end(to, (double)len, len);
    end = end < begin ? begin : end;
    if (v->type == HA_LIST) {
        return (struct ha_value){.type = HA_LIST, .items = v->items + begin, .count = end - begin};
    }
    if (v->type != HA_TEXT || !utf8_valid(v->text + begin, end - begin)) {
        return ha_broken;
    }
    return ha_text(v->text + begin, end - begin);
}

static struct ha_value subscript(struct ha_machine *m, const struct ha_value *v)
{
    struct ha_value from = ha_none, to = ha_none;
    bool sliced = false;
    if (!ha_looks_at(m, ":")) {
        from = ha_expression(m);
    }
    if (ha_take(m, ":")) {
        sliced = true;
        if (!ha_looks_at(m, "]")) {
            to = ha_expression(m);
        }
    }
    if (!expect(m, "]")) {
        return ha_broken;
    }
    return sliced ? slice(v, &from, &to) : ha_member(v, &from);
}

static struct ha_value member_or_method(struct ha_machine *m, const struct ha_value *v)
{
    const char *name;
    size_t len;
    struct ha_arguments a;
    if (!ha_take_name(m, &name, &len)) {
        return ha_unexpected(m);
    }
    if (!ha_take(m, "(")) {
        struct ha_value key = ha_text(name, len);
        return ha_member(v, &key);
    }
    ha_read_arguments(m, &a);
    return ha_apply(m, ha_method_find(name, len), "method", name, len, v, &a);
}

static struct ha_value filter(struct ha_machine *m, const struct ha_value *v)
{
    const char *name;
    size_t len;
    struct ha_arguments a = {.count = 0};
    if (!ha_take_name(m, &name, &len)) {
        return ha_unexpected(m);
    }
    if (ha_take(m, "(")) {
        ha_read_arguments(m, &a);
    }
    return ha_apply(m, ha_filter_find(name, len), "filter", name, len, v, &a);
}

struct ha_value ha_operand(struct ha_machine *m)
{
    struct ha_value v = primary(m);
    while (m->err == 0) {
        if (ha_take(m, ".")) {
            v = member_or_method(m, &v);
        } else if (ha_take(m, "[")) {
            v = subscript(m, &v);
        } else {
            break;
        }
    }
    return v;
}

struct ha_value ha_filtered(struct ha_machine *m, struct ha_value v)
{
    while (m->err == 0 && ha_take(m, "|")) {
        v = filter(m, &v);
    }
    return v;
}
